//! The runs of jobs: which go on, which have ended, and how.
//!
//! Runs are kept beside the catalogue, in tree `Sys`: that one began is durable before its statement runs, and stays so when the
//! statement fails. Those that a process had not ended when it was killed are found at the next start, and are told as interrupted.
//!
//! | key in `Sys` | value |
//! |---|---|
//! | `run` NUL, number | the run, a [`JobRun`], as versioned JSON |
//!
//! Of each job the latest runs are kept, and of jobs that are gone the latest of all.

use super::Manager;
use crate::catalog::{JobRun, ObjectId, RunState};
use crate::config::{FORMAT_VERSION_JOBS, JOB_RUNS_GONE_KEPT, JOB_RUNS_KEPT};
use crate::encoding::{from_value, to_value_of};
use crate::error::Result;
use crate::storage::{Store, Tree, WriteBatch};
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

const PREFIX: &[u8] = b"run\0";

/// All runs that are kept.
#[derive(Debug)]
pub struct JobRuns {
    store: Arc<Store>,
    runs: Mutex<Kept>,
}

/// Runs by their jobs and numbers.
#[derive(Debug, Default)]
struct Kept {
    runs: BTreeMap<(ObjectId, u64), Arc<JobRun>>,
    /// The highest number.
    last: u64,
}

impl Kept {
    fn put(&mut self, run: JobRun) {
        self.last = self.last.max(run.number);
        self.runs.insert((run.job, run.number), Arc::new(run));
    }

    /// The runs of a job, later ones first.
    fn of(&self, job: ObjectId) -> impl Iterator<Item = &Arc<JobRun>> {
        self.runs.range((job, 0)..=(job, u64::MAX)).rev().map(|(_, run)| run)
    }
}

fn key(number: u64) -> Vec<u8> {
    [PREFIX, &number.to_be_bytes()].concat()
}

impl JobRuns {
    /// The runs that the store has. What went on when the process ended is interrupted; it is written down so with the next run.
    pub fn open(store: Arc<Store>) -> Result<Self> {
        let mut runs = Kept::default();
        for (_, value) in store.engine().scan(Tree::Sys, PREFIX)? {
            let mut run: JobRun = from_value("a job's run", &value)?;
            if run.state == RunState::Running {
                run.state = RunState::Interrupted;
                run.error = Some("the server ended while it ran".to_owned());
                run.sqlstate = Some("57P02".to_owned());
            }
            runs.put(run);
        }
        Ok(Self { store, runs: Mutex::new(runs) })
    }

    /// A run begins, under the number that it is given; durable on return. `lives` tells of which jobs there still are.
    pub fn begin(&self, mut run: JobRun, lives: impl Fn(ObjectId) -> bool) -> Result<JobRun> {
        let mut runs = self.runs.lock();
        run.number = runs.last + 1;
        let mut batch = WriteBatch::default();
        let gone = too_many(&runs, run.job, lives);
        gone.iter().for_each(|(_, number)| batch.delete(Tree::Sys, key(*number)));
        batch.put(Tree::Sys, key(run.number), to_value_of(FORMAT_VERSION_JOBS, &run)?);
        self.store.engine().commit(batch)?;
        gone.iter().for_each(|run| {
            runs.runs.remove(run);
        });
        runs.put(run.clone());
        Ok(run)
    }

    /// A run has ended so; durable on return. It is told so at once, even if it cannot be written down.
    pub fn end(&self, run: JobRun) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(Tree::Sys, key(run.number), to_value_of(FORMAT_VERSION_JOBS, &run)?);
        self.runs.lock().put(run);
        self.store.engine().commit(batch)
    }

    /// What runs have told of their errors and of how they went is forgotten: values may be in it.
    pub fn forget_texts(&self) -> Result<()> {
        let mut runs = self.runs.lock();
        let mut batch = WriteBatch::default();
        for run in runs.runs.values_mut().filter(|run| run.error.is_some() || run.progress.is_some()) {
            let quiet = JobRun { error: None, progress: None, ..JobRun::clone(run) };
            if quiet.state != RunState::Running {
                batch.put(Tree::Sys, key(quiet.number), to_value_of(FORMAT_VERSION_JOBS, &quiet)?);
            }
            *run = Arc::new(quiet);
        }
        match batch.is_empty() {
            true => Ok(()),
            false => self.store.engine().commit(batch),
        }
    }

    /// All runs, earlier ones first.
    pub fn all(&self) -> Vec<Arc<JobRun>> {
        let mut all: Vec<_> = self.runs.lock().runs.values().cloned().collect();
        all.sort_by_key(|run| run.number);
        all
    }

    /// The runs of a job, later ones first.
    pub fn of(&self, job: ObjectId) -> Vec<Arc<JobRun>> {
        self.runs.lock().of(job).cloned().collect()
    }

    /// The last run of a job.
    pub fn last(&self, job: ObjectId) -> Option<Arc<JobRun>> {
        self.runs.lock().of(job).next().cloned()
    }
}

impl Manager {
    /// The runs of jobs.
    pub fn job_runs(&self) -> &JobRuns {
        &self.job_runs
    }
}

/// The runs that go when a job begins another one.
fn too_many(kept: &Kept, job: ObjectId, lives: impl Fn(ObjectId) -> bool) -> Vec<(ObjectId, u64)> {
    let ended = |run: &&Arc<JobRun>| run.state != RunState::Running;
    let own = kept.of(job).filter(ended).skip(JOB_RUNS_KEPT - 1).map(|run| (run.job, run.number));
    let others = kept.runs.values().filter(ended).filter(|run| run.job != job && !lives(run.job));
    let mut others: Vec<_> = others.map(|run| (run.job, run.number)).collect();
    others.sort_by_key(|(_, number)| Reverse(*number));
    own.chain(others.into_iter().skip(JOB_RUNS_GONE_KEPT)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Trigger;
    use crate::crypto::{KeySource, MasterKey};
    use std::path::Path;

    fn open(folder: &Path) -> JobRuns {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        JobRuns::open(Arc::new(Store::open(folder, &key).unwrap())).unwrap()
    }

    fn run(job: ObjectId) -> JobRun {
        JobRun {
            number: 0,
            job,
            name: "nightly".to_owned(),
            owner: 1,
            trigger: Trigger::Schedule,
            state: RunState::Running,
            started_ms: 1,
            ended_ms: None,
            seen: 1,
            pid: 1,
            rows: None,
            sqlstate: None,
            error: None,
            progress: None,
        }
    }

    #[test]
    fn what_was_not_ended_is_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let runs = open(folder.path());
        let first = runs.begin(run(7), |_| true).unwrap();
        let second = runs.begin(run(7), |_| true).unwrap();
        assert_eq!((first.number, second.number), (1, 2));
        let ended = JobRun { state: RunState::Failed, error: Some("'secret'".to_owned()), ..first };
        runs.end(ended.clone()).unwrap();
        assert_eq!(runs.of(7).iter().map(|run| run.state).collect::<Vec<_>>(), [RunState::Running, RunState::Failed]);
        drop(runs);
        let runs = open(folder.path());
        assert_eq!(runs.last(7).unwrap().state, RunState::Interrupted);
        assert_eq!(*runs.all()[0], ended);
        runs.forget_texts().unwrap();
        drop(runs);
        let runs = open(folder.path());
        assert_eq!((runs.all()[0].error.as_deref(), runs.all()[0].state), (None, RunState::Failed));
        assert_eq!(runs.begin(run(8), |_| true).unwrap().number, 3);
    }

    #[test]
    fn old_runs_go() {
        let folder = tempfile::tempdir().unwrap();
        let runs = open(folder.path());
        let mut number = 0;
        for _ in 0..JOB_RUNS_KEPT + 5 {
            let begun = runs.begin(run(7), |_| true).unwrap();
            number = begun.number;
            runs.end(JobRun { state: RunState::Succeeded, ..begun }).unwrap();
        }
        let of = runs.of(7);
        assert_eq!((of.len(), of[0].number), (JOB_RUNS_KEPT, number));
        assert_eq!(of.last().unwrap().number, number + 1 - JOB_RUNS_KEPT as u64);
        // Those of jobs that are gone do not stay for ever.
        let gone = too_many(&runs.runs.lock(), 8, |_| false);
        assert_eq!(gone.len(), JOB_RUNS_KEPT.saturating_sub(JOB_RUNS_GONE_KEPT));
    }
}
