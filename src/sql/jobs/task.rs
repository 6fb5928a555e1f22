//! What there is to run, and when it is due.

use super::super::database::Inner;
use super::super::ddl::now_ms;
use super::super::parser::quoted;
use super::super::settings::Settings;
use crate::catalog::{Catalog, Class, JobRun, Object, ObjectId, QualityRule, RunState, Suspended, Timing, Trigger};
use crate::config::{JOB_FAILURES_DEFAULT, JOB_LATE_MS, JOB_RETRY_MS_MAX};
use crate::txn::Snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// CREATE JOB.
    Job,
    /// A quality rule with a schedule.
    Rule,
    /// A model that learns by itself.
    Model,
}

impl TaskKind {
    /// What is told of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Rule => "quality rule",
            Self::Model => "model",
        }
    }
}

/// Something that runs by itself.
#[derive(Debug, Clone)]
pub struct Task {
    /// The job, rule or model.
    pub id: ObjectId,
    /// Which of them.
    pub kind: TaskKind,
    /// What it is called.
    pub name: String,
    /// Whose rights it has.
    pub owner: ObjectId,
    /// What it runs.
    pub statement: String,
    /// When.
    pub timing: Option<Timing>,
    /// Which tables' changes start it.
    pub on_change: Vec<ObjectId>,
    /// It runs once.
    pub once: bool,
    /// Settings of its sessions.
    pub settings: BTreeMap<String, String>,
    /// Why it does not run, if it does not.
    pub suspended: Option<Suspended>,
    /// Since when it is as it is.
    pub since_ms: i64,
    /// The commit then.
    pub since_seq: u64,
    /// So many new rows it waits for, and its place among those that are not.
    pub waits: Option<(u64, u64)>,
}

/// All tasks.
pub fn tasks(catalog: &Catalog) -> Vec<Task> {
    let of = [Class::Job, Class::QualityRule, Class::Model].into_iter().flat_map(|class| catalog.class(class));
    of.filter_map(|(id, _)| task_of(catalog, id)).collect()
}

/// The task that an object is, if it is one.
pub fn task_of(catalog: &Catalog, id: ObjectId) -> Option<Task> {
    match catalog.get(id)?.as_ref() {
        Object::Job(job) => Some(Task {
            id,
            kind: TaskKind::Job,
            name: job.name.clone(),
            owner: job.owner,
            statement: job.statement.clone(),
            timing: job.timing.clone(),
            on_change: job.on_change.clone(),
            once: job.once,
            settings: job.settings.clone(),
            suspended: job.suspended,
            since_ms: job.since_ms,
            since_seq: job.since_seq,
            waits: None,
        }),
        Object::QualityRule(rule) => of_rule(catalog, id, rule),
        Object::Model(model) => {
            let online = model.online.as_ref()?;
            Some(Task {
                id,
                kind: TaskKind::Model,
                name: model.name.clone(),
                owner: model.owner,
                statement: format!("ALTER MODEL {} UPDATE", quoted(&model.name)),
                timing: None,
                on_change: vec![online.source],
                once: false,
                settings: BTreeMap::new(),
                suspended: model.frozen.then_some(Suspended::Asked),
                since_ms: online.since_ms,
                since_seq: 0,
                waits: Some((online.batch_rows, online.place)),
            })
        }
        _ => None,
    }
}

fn of_rule(catalog: &Catalog, id: ObjectId, rule: &QualityRule) -> Option<Task> {
    let schedule = rule.schedule.as_ref()?;
    let (owner, schema, name) = match catalog.get(rule.relation)?.as_ref() {
        Object::Table(table) => (table.owner, &table.schema, &table.name),
        Object::View(view) => (view.owner, &view.schema, &view.name),
        _ => return None,
    };
    let of = format!("{}.{}", quoted(schema), quoted(name));
    Some(Task {
        id,
        kind: TaskKind::Rule,
        name: format!("{} on {schema}.{name}", rule.name),
        owner,
        statement: format!("CHECK QUALITY {of} USING RULES ({})", quoted(&rule.name)),
        timing: schedule.timing.clone(),
        on_change: if schedule.timing.is_none() { vec![rule.relation] } else { Vec::new() },
        once: false,
        settings: BTreeMap::from([("timezone".to_owned(), schedule.zone.clone())]),
        suspended: rule.disabled.then_some(Suspended::Asked),
        since_ms: schedule.since_ms,
        since_seq: schedule.since_seq,
        waits: None,
    })
}

impl Task {
    /// The zone of its times.
    pub fn zone(&self) -> String {
        let mut settings = Settings::of_server(0);
        if let Some(zone) = self.settings.get("timezone") {
            // It was checked when it was kept.
            let _ = settings.set("timezone", zone);
        }
        settings.zone().name().to_owned()
    }

    /// From which moment on its next time counts: its last run, or when it became what it is.
    fn anchor_ms(&self, last: Option<&JobRun>) -> i64 {
        last.map_or(self.since_ms, |run| run.started_ms.max(self.since_ms))
    }

    /// When it runs next, if that is a time.
    pub fn next_ms(&self, last: Option<&JobRun>) -> Option<i64> {
        self.next_after(self.anchor_ms(last))
    }

    /// Its first time after a moment.
    pub(super) fn next_after(&self, moment_ms: i64) -> Option<i64> {
        self.timing.as_ref()?.next(moment_ms, &self.zone())
    }

    /// Failures in a row that suspend it; 0 for never.
    pub fn failures_max(&self) -> u64 {
        let set = self.settings.get("steward.job_failures_max").and_then(|text| text.parse().ok());
        set.unwrap_or(JOB_FAILURES_DEFAULT)
    }

    /// Failures in a row since it became what it is, the last one included.
    pub fn failures(&self, runs: &[Arc<JobRun>]) -> u64 {
        let ended = runs.iter().filter(|run| matches!(run.state, RunState::Succeeded | RunState::Failed));
        let failed = ended.take_while(|run| run.state == RunState::Failed && run.started_ms >= self.since_ms);
        failed.count() as u64
    }

    /// Whether a table that it watches has changed since a commit.
    fn is_changed(&self, database: &Inner, snapshot: &Snapshot, seen: u64) -> bool {
        let changed = |table: &ObjectId| snapshot.tables.get(table).map_or(0, |rows| rows.changed);
        match self.waits {
            Some((rows, place)) => {
                let source = self.on_change.first().copied().unwrap_or_default();
                // What failed is not tried again before there is something new.
                changed(&source) > seen && database.manager.rows_behind(place, source) >= rows
            }
            None => self.on_change.iter().any(|table| changed(table) > seen),
        }
    }

    /// What starts it now, if anything does. `begun_ms` is when it began to be looked.
    pub fn due(&self, database: &Inner, snapshot: &Snapshot, begun_ms: i64) -> Option<Trigger> {
        if self.suspended.is_some() {
            return None;
        }
        let runs = database.manager.job_runs();
        let runs = runs.of(self.id);
        let last = runs.first();
        if self.once {
            return last.is_none().then_some(Trigger::Once);
        }
        let last = last.map(AsRef::as_ref);
        // A job is suspended when it fails too often; others wait longer and longer.
        if let Some(run) = last.filter(|_| self.kind != TaskKind::Job && self.timing.is_none()) {
            let failures = self.failures(&runs).min(20);
            let wait_ms = if failures == 0 { 0 } else { (1000i64 << failures).min(JOB_RETRY_MS_MAX) };
            if now_ms() < run.started_ms + wait_ms {
                return None;
            }
        }
        let due = match &self.timing {
            Some(_) => {
                let next_ms = database.jobs.next_ms(self, self.anchor_ms(last))?;
                if next_ms > now_ms() {
                    return None;
                }
                if next_ms < begun_ms - JOB_LATE_MS { Trigger::Missed } else { Trigger::Schedule }
            }
            None => Trigger::Change,
        };
        // What the end of a server interrupted has not seen what it was to see.
        let seen = runs.iter().find(|run| run.state != RunState::Interrupted).map_or(0, |run| run.seen);
        (self.on_change.is_empty() || self.is_changed(database, snapshot, seen.max(self.since_seq))).then_some(due)
    }
}
