//! steward.jobs and steward.job_runs: what runs by itself, when, and how it went.

use super::super::context::Context;
use super::super::jobs::{Task, TaskKind, tasks};
use super::super::quality::asset_of;
use super::rows::{Cell, column, jsonb, timestamp};
use crate::catalog::{JobRun, RunState, Suspended, Timing};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

pub fn job_columns() -> Vec<Field> {
    vec![
        column("name", DataType::Utf8),
        column("kind", DataType::Utf8),
        column("owner", DataType::Utf8),
        column("statement", DataType::Utf8),
        column("schedule", DataType::Utf8),
        column("time_zone", DataType::Utf8),
        column("on_change", DataType::Utf8),
        column("state", DataType::Utf8),
        column("next_run", timestamp()),
        column("last_run", timestamp()),
        column("last_state", DataType::Utf8),
        column("last_error", DataType::Utf8),
        column("failures", DataType::Int64),
        jsonb("settings"),
    ]
}

/// What runs by itself: told to superusers, and to who has the rights of its owner.
pub fn jobs(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let all = tasks(&context.snapshot.catalog).into_iter().filter(|task| context.has_role(task.owner));
    Ok(all.map(|task| job(context, &task)).collect())
}

fn job(context: &Context, task: &Task) -> Vec<Cell> {
    let (database, catalog) = (&context.database, &context.snapshot.catalog);
    let runs = database.manager.job_runs().of(task.id);
    let last = runs.first();
    let is_running = database.jobs.runs(task.id);
    let state = match (is_running, task.suspended) {
        (true, _) => "running",
        (false, Some(Suspended::Asked)) if task.kind == TaskKind::Rule => "disabled",
        (false, Some(Suspended::Asked)) if task.kind == TaskKind::Model => "frozen",
        (false, Some(suspended)) => suspended.word(),
        (false, None) => "scheduled",
    };
    let next_ms = task.next_ms(last.map(AsRef::as_ref)).filter(|_| task.suspended.is_none() && !is_running);
    let tables: Vec<String> = task.on_change.iter().filter_map(|table| asset_of(catalog, *table)).collect();
    vec![
        Cell::text(&task.name),
        Cell::text(task.kind.word()),
        Cell::text(catalog.role_name(task.owner)),
        Cell::text(&task.statement),
        Cell::Text(task.timing.as_ref().map(|timing| match timing {
            Timing::Cron(text) => text.clone(),
            every @ Timing::Every(_) => format!("every {every}"),
        })),
        Cell::Text(task.timing.as_ref().map(|_| task.zone())),
        Cell::Text((!tables.is_empty()).then(|| tables.join(", "))),
        Cell::text(state),
        Cell::moment(next_ms),
        Cell::moment(last.map(|run| run.started_ms)),
        Cell::Text(last.map(|run| run.state.word().to_owned())),
        Cell::Text(last.and_then(|run| run.error.clone())),
        Cell::count(task.failures(&runs)),
        Cell::text(serde_json::json!(task.settings).to_string()),
    ]
}

pub fn run_columns() -> Vec<Field> {
    vec![
        column("run", DataType::Int64),
        column("job", DataType::Utf8),
        column("owner", DataType::Utf8),
        column("trigger", DataType::Utf8),
        column("state", DataType::Utf8),
        column("started", timestamp()),
        column("ended", timestamp()),
        column("rows", DataType::Int64),
        column("sqlstate", DataType::Utf8),
        column("error", DataType::Utf8),
        column("progress", DataType::Utf8),
        column("pid", DataType::Int32),
    ]
}

/// Runs, what runs now among them: told to superusers, and to who has the rights of the job's owner. One that was dropped had such a role,
/// too.
pub fn runs(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let all = context.database.manager.job_runs().all();
    Ok(all.iter().filter(|run| context.has_role(run.owner)).map(|run| row(context, run)).collect())
}

fn row(context: &Context, run: &JobRun) -> Vec<Cell> {
    let is_running = run.state == RunState::Running;
    let progress = if is_running { context.database.jobs.progress(run.job) } else { run.progress.clone() };
    vec![
        Cell::count(run.number),
        Cell::text(&run.name),
        Cell::text(context.snapshot.catalog.role_name(run.owner)),
        Cell::text(run.trigger.word()),
        Cell::text(run.state.word()),
        Cell::moment(run.started_ms),
        Cell::moment(run.ended_ms),
        Cell::count(run.rows),
        Cell::Text(run.sqlstate.clone()),
        Cell::Text(run.error.clone()),
        Cell::Text(progress),
        Cell::Int(is_running.then_some(i64::from(run.pid))),
    ]
}
