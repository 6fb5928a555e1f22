//! Looks what is due, and has it run: in a server, or in a program that asks for it.

use super::super::database::{Database, Inner};
use super::super::ddl::now_ms;
use super::run::run;
use super::task::tasks;
use crate::catalog::Class;
use crate::config::{JOBS_AT_ONCE_MAX, JOBS_EVERY_MS, SHUTDOWN_GRACE_MS};
use crate::error::{Kind, Result};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Runs the jobs of a database until it is stopped or dropped. What runs is stopped then.
pub struct Scheduler {
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Database {
    /// Runs jobs from now on, scheduled quality rules and models that learn by themselves among them. A database whose jobs nobody
    /// runs keeps them; `EXECUTE JOB` runs one at any time. Tasks of the runtime that this is called in run them: their threads need a
    /// stack as deep as those that run statements.
    pub fn run_jobs(&self) -> Scheduler {
        let (stop, stopped) = watch::channel(false);
        let work = tokio::spawn(work(Arc::downgrade(self.inner()), stopped));
        Scheduler { stop, work }
    }
}

impl Scheduler {
    /// Stops what runs and waits for its end.
    pub async fn stop(self) {
        // Who listens may have ended already.
        let _ = self.stop.send(true);
        let _ = self.work.await;
    }
}

async fn work(database: Weak<Inner>, mut stopped: watch::Receiver<bool>) {
    let begun_ms = now_ms();
    if let Some(database) = database.upgrade() {
        database.jobs.set_scheduled(true);
        if let Err(error) = sweep(&database) {
            tracing::warn!("what ran once when the server ended stays: {}", error.message());
        }
    }
    let mut runs = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Asked to stop, or nobody is there who could.
            _ = stopped.changed() => break,
            _ = runs.join_next(), if !runs.is_empty() => {}
            () = tokio::time::sleep(Duration::from_millis(JOBS_EVERY_MS)) => {}
        }
        let Some(database) = database.upgrade() else { break };
        begin_due(&database, begun_ms, &mut runs);
    }
    let Some(database) = database.upgrade() else { return };
    database.jobs.set_scheduled(false);
    database.jobs.cancel_all();
    let ended = async { while runs.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(SHUTDOWN_GRACE_MS), ended).await;
    runs.shutdown().await;
}

/// Has run what is due, as far as there is room.
fn begin_due(database: &Arc<Inner>, begun_ms: i64, runs: &mut JoinSet<()>) {
    if runs.len() >= JOBS_AT_ONCE_MAX {
        return;
    }
    let snapshot = database.manager.current();
    let mut due: Vec<_> = tasks(&snapshot.catalog)
        .into_iter()
        .filter(|task| !database.jobs.runs(task.id))
        .filter_map(|task| Some((task.due(database, &snapshot, begun_ms)?, task)))
        .collect();
    // Those that have waited longest come first.
    due.sort_by_key(|(_, task)| database.manager.job_runs().last(task.id).map(|run| run.started_ms));
    for (trigger, task) in due.into_iter().take(JOBS_AT_ONCE_MAX - runs.len()) {
        let (kind, run) = (task.kind.word(), run(database.clone(), task, trigger, None, None));
        runs.spawn(async move {
            match run.await {
                // Somebody else runs it.
                Err(error) if error.kind() == Kind::InUse => {}
                // The statement may be in the message.
                Err(error) => tracing::warn!(kind = ?error.kind(), "a run of a {kind} failed"),
                Ok(run) => tracing::info!(rows = run.rows, "a run of a {kind} has ended"),
            }
        });
    }
}

/// What was to run once, and ran when the process ended, does not run again: nothing of it is left.
fn sweep(database: &Arc<Inner>) -> Result<()> {
    let mut txn = database.manager.begin(false);
    let catalog = txn.snapshot().catalog.clone();
    for (id, object) in catalog.class(Class::Job) {
        if let crate::catalog::Object::Job(job) = object
            && job.once
            && database.manager.job_runs().last(id).is_some()
        {
            txn.drop_object(id);
        }
    }
    database.commit_now(txn).map(|_| ())
}
