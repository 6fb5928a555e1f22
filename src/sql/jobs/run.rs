//! One run of a task.

use super::super::activity::{Connection, Stop};
use super::super::caught::caught;
use super::super::context::{Cancel, Notice, NoticeSink};
use super::super::database::Inner;
use super::super::ddl::now_ms;
use super::super::parser::one_statement;
use super::super::session::{Outcome, Session};
use super::task::{Task, TaskKind, task_of};
use crate::catalog::{Job, JobRun, Object, ObjectId, RunState, Suspended, Trigger};
use crate::config::{CANCEL_GRACE_MS, JOB_ERROR_BYTES, JOB_PID_FIRST};
use crate::error::{Error, Kind, Result};
use crate::wording::sqlstate;
use futures::TryStreamExt;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The moment and the task's state that a next time follows from, and that time.
type NextTime = (i64, i64, Option<i64>);

/// The tasks of a database that run now.
#[derive(Default)]
pub struct Jobs {
    running: Mutex<HashMap<ObjectId, Running>>,
    /// The next times of tasks.
    next: Mutex<HashMap<ObjectId, NextTime>>,
    /// Somebody runs jobs.
    scheduled: AtomicBool,
    pids: AtomicI32,
}

/// A run that goes on.
#[derive(Clone)]
struct Running {
    cancel: Cancel,
    progress: Arc<Mutex<Option<String>>>,
}

/// Says that a task runs, for as long as it lives. A run that is let go of before its end was cancelled.
struct Guard {
    database: Arc<Inner>,
    id: ObjectId,
    run: Option<JobRun>,
}

impl Guard {
    /// The run has ended so.
    fn end(&mut self, run: JobRun) {
        self.run = None;
        if let Err(error) = self.database.manager.job_runs().end(run) {
            tracing::warn!("the end of a job's run could not be written down: {}", error.message());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            let error = Error::cancelled();
            self.end(JobRun {
                state: RunState::Cancelled,
                ended_ms: Some(now_ms()),
                sqlstate: Some(sqlstate(error.kind()).to_owned()),
                error: Some(error.message().to_owned()),
                ..run
            });
        }
        self.database.jobs.running.lock().remove(&self.id);
    }
}

impl Jobs {
    /// Whether a task runs now.
    pub fn runs(&self, id: ObjectId) -> bool {
        self.running.lock().contains_key(&id)
    }

    /// What a task that runs has said of itself last.
    pub fn progress(&self, id: ObjectId) -> Option<String> {
        self.running.lock().get(&id).and_then(|running| running.progress.lock().clone())
    }

    /// Asks every run to stop.
    pub fn cancel_all(&self) {
        self.running.lock().values().for_each(|running| running.cancel.cancel());
    }

    /// Whether somebody runs jobs.
    pub fn are_scheduled(&self) -> bool {
        self.scheduled.load(Ordering::Acquire)
    }

    /// Says whether somebody does.
    pub(super) fn set_scheduled(&self, scheduled: bool) {
        self.scheduled.store(scheduled, Ordering::Release);
    }

    /// The next time of a task from a moment on: it is computed once.
    pub(super) fn next_ms(&self, task: &Task, anchor_ms: i64) -> Option<i64> {
        let mut all = self.next.lock();
        if let Some((anchor, since, next)) = all.get(&task.id)
            && (*anchor, *since) == (anchor_ms, task.since_ms)
        {
            return *next;
        }
        let next = task.next_after(anchor_ms);
        all.insert(task.id, (anchor_ms, task.since_ms, next));
        next
    }
}

/// Has a task run, unless it does.
fn enter(database: &Arc<Inner>, id: ObjectId, running: Running) -> Option<Guard> {
    let mut all = database.jobs.running.lock();
    if all.contains_key(&id) {
        return None;
    }
    all.insert(id, running);
    Some(Guard { database: database.clone(), id, run: None })
}

/// Runs a task now and waits for its end. `told` hears its notices. The error is the statement's; [`Kind::InUse`] if the task runs
/// already.
///
/// On the heap, and of a type that is named: a statement can run a job, which is a statement.
pub fn run(
    database: Arc<Inner>,
    task: Task,
    trigger: Trigger,
    told: Option<NoticeSink>,
    asked: Option<Cancel>,
) -> Pin<Box<dyn Future<Output = Result<JobRun>> + Send>> {
    Box::pin(async move {
        let progress: Arc<Mutex<Option<String>>> = Arc::default();
        let said = progress.clone();
        let sink: NoticeSink = Arc::new(move |notice: Notice| {
            *said.lock() = Some(cut(&notice.message));
            if let Some(told) = &told {
                told(notice);
            }
        });
        let mut session = database.session_of(task.owner, sink);
        for (name, value) in &task.settings {
            session.set(name, value)?;
        }
        let label = format!("{} {}", task.kind.word(), task.name);
        session.set("application_name", &label)?;
        let cancel = session.cancel_handle();
        let pid = JOB_PID_FIRST + database.jobs.pids.fetch_add(1, Ordering::Relaxed) % JOB_PID_FIRST;
        let stop = cancel.clone();
        let stop = Box::new(move |_: Stop| stop.cancel());
        session.set_connection(Connection { pid, peer: None, encryption: None, job: Some(label), stop });
        let running = Running { cancel: cancel.clone(), progress: progress.clone() };
        let Some(mut guard) = enter(&database, task.id, running) else {
            return Err(Error::new(Kind::InUse, format!("{} \"{}\" runs already", task.kind.word(), task.name))
                .with_hint("steward.job_runs shows it; pg_cancel_backend(pid) stops it."));
        };
        let catalog = database.manager.current().catalog.clone();
        let run = database.manager.job_runs().begin(
            JobRun {
                number: 0,
                job: task.id,
                name: task.name.clone(),
                owner: task.owner,
                trigger,
                state: RunState::Running,
                started_ms: now_ms(),
                ended_ms: None,
                // Before the statement looks: what changes from here on it may not have seen.
                seen: database.manager.current().seq,
                pid,
                rows: None,
                sqlstate: None,
                error: None,
                progress: None,
            },
            |job| catalog.get(job).is_some(),
        )?;
        guard.run = Some(run.clone());
        // On a task of its own: a statement may keep this one for as long as it runs.
        let _told = asked.map(|asked| Watch(tokio::spawn(hand_on(asked, cancel.clone()))));
        let ended = {
            let work = caught(work(&mut session, &task));
            tokio::pin!(work);
            tokio::select! {
                ended = &mut work => ended,
                () = late(&cancel) => Err(Error::cancelled()),
            }
        };
        // What it held goes before others hear that it has ended.
        drop(session);
        let mut run = JobRun { ended_ms: Some(now_ms()), progress: progress.lock().clone(), ..run };
        match &ended {
            Ok(done) => {
                run.state = RunState::Succeeded;
                run.rows = done.rows;
                run.seen = done.seen(&run, &task);
            }
            Err(error) => {
                let is_stopped = error.kind() == Kind::Cancelled && cancel.flag().load(Ordering::Acquire);
                let goes_down = trigger != Trigger::Execute && !database.jobs.are_scheduled();
                run.state = match (is_stopped, goes_down) {
                    (true, true) => RunState::Interrupted,
                    (true, false) => RunState::Cancelled,
                    // A timeout among them.
                    (false, _) => RunState::Failed,
                };
                run.sqlstate = Some(sqlstate(error.kind()).to_owned());
                run.error = Some(cut(error.message()));
            }
        }
        guard.end(run.clone());
        if let Err(error) = after(&database, &task, &run) {
            tracing::warn!("a job stays as it was: {}", error.message());
        }
        ended.map(|_| run)
    })
}

/// What a statement did.
struct Done {
    rows: Option<u64>,
    /// The commit, if it changed a table that the task watches, and those tables' last changes and the last commit just before it.
    own: Option<(u64, u64, u64)>,
}

impl Done {
    /// Up to which commit the task knows of changes. Its own are none: unless others may have committed just before it, which
    /// shows in the numbers of commits.
    fn seen(&self, run: &JobRun, task: &Task) -> u64 {
        match self.own {
            Some((own, changed, last)) if task.waits.is_none() && own == last + 1 && changed <= run.seen => own,
            _ => run.seen,
        }
    }
}

/// Runs the statement in one transaction.
async fn work(session: &mut Session, task: &Task) -> Result<Done> {
    let statement = one_statement(&task.statement)?;
    session.begin_implicit();
    let rows = match session.execute(&statement, Vec::new()).await {
        Ok(Outcome::Rows { stream, .. }) => {
            let count = |rows: u64, batch: arrow::array::RecordBatch| async move {
                Ok::<u64, Error>(rows + batch.num_rows() as u64)
            };
            stream.map_err(Error::from).try_fold(0u64, count).await.map(Some)
        }
        Ok(Outcome::Command(tag)) => Ok(tag.rsplit(' ').next().and_then(|last| last.parse().ok())),
        Ok(Outcome::CopyIn { .. } | Outcome::CopyOut { .. }) => {
            Err(Error::new(Kind::Unsupported, "a job cannot run COPY with a client's data"))
        }
        Err(error) => Err(error),
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            session.rollback_implicit();
            return Err(error);
        }
    };
    let manager = session.database.manager.clone();
    let before = manager.current();
    let changed = |snapshot: &crate::txn::Snapshot| {
        task.on_change.iter().map(|table| snapshot.tables.get(table).map_or(0, |rows| rows.changed)).max().unwrap_or(0)
    };
    let changed_before = changed(&before);
    session.commit_implicit().await?;
    let now = changed(&manager.current());
    let own = (now > changed_before).then_some((now, changed_before, before.seq));
    Ok(Done { rows, own })
}

/// A task that goes when nobody needs it any more.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands on that somebody was asked to stop.
async fn hand_on(asked: Cancel, cancel: Cancel) {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // Again and again: a statement that begins forgets what was asked before.
        if asked.is_cancelled() {
            cancel.cancel();
        }
    }
}

/// Ready when a run was asked to stop and did not within its grace.
async fn late(cancel: &Cancel) {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if cancel.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(CANCEL_GRACE_MS)).await;
            if cancel.is_cancelled() {
                return;
            }
        }
    }
}

/// What a run leads to: one that fails too often is suspended, one that runs once is gone.
fn after(database: &Arc<Inner>, task: &Task, run: &JobRun) -> Result<()> {
    if task.kind != TaskKind::Job {
        return Ok(());
    }
    let mut txn = database.manager.begin(false);
    let catalog = txn.snapshot().catalog.clone();
    let Some(Object::Job(job)) = catalog.get(task.id).map(AsRef::as_ref) else { return Ok(()) };
    if job.once {
        txn.drop_object(task.id);
        database.commit_now(txn)?;
        return Ok(());
    }
    let Some(now) = task_of(&catalog, task.id) else { return Ok(()) };
    let (most, failures) = (now.failures_max(), now.failures(&database.manager.job_runs().of(task.id)));
    if run.state == RunState::Failed
        && run.trigger != Trigger::Execute
        && most > 0
        && failures >= most
        && job.suspended.is_none()
    {
        let job = Job { suspended: Some(Suspended::Failures), ..job.clone() };
        tracing::warn!(failures, "a job is suspended");
        txn.put_object(task.id, Object::Job(job))?;
        database.commit_now(txn)?;
    }
    Ok(())
}

/// As much of a message as is kept.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(JOB_ERROR_BYTES)].to_owned()
}
