//! Settings, the sessions, what it has prepared and opened, and counts: pg_settings, pg_stat_activity, pg_cursors,
//! pg_stat_user_tables and their like.

use super::super::super::activity::State;
use super::super::entry::What;
use super::super::facts::Facts;
use super::super::oids;
use super::super::value::Value;
use super::rows::{Rows, row};
use super::types;
use crate::catalog::SqlType;
use crate::encoding::pg_text::TYPE_METADATA;
use arrow::datatypes::Field;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// pg_settings
pub fn settings(facts: &Facts, rows: &mut Rows) {
    let defaults = facts.context.settings.fresh();
    for ((name, value, text), (_, default, _)) in facts.context.settings.all().zip(defaults.all()) {
        let kind = match value {
            "on" | "off" => "bool",
            _ if value.parse::<i64>().is_ok() => "integer",
            _ => "string",
        };
        row!(rows,
            name: name,
            setting: value,
            category: if name.starts_with("steward.") { "Steward" } else { "Client Connection Defaults" },
            short_desc: text,
            context: "user",
            vartype: kind,
            source: if value == default { "default" } else { "session" },
            boot_val: default,
            reset_val: default,
            pending_restart: false,
        );
    }
}

/// pg_stat_activity: all sessions. What others are doing is told to superusers and to who has the rights of their role.
pub fn activity(facts: &Facts, rows: &mut Rows) {
    let context = &facts.context;
    for of in context.database.activities.all() {
        let (now, connection) = (of.now(), of.connection());
        let own = Arc::ptr_eq(&of, &context.activity);
        let (peer, job) = (connection.and_then(|of| of.peer), connection.is_some_and(|of| of.job.is_some()));
        let told = own || context.has_role(of.role);
        let moment = |us: Option<i64>| us.filter(|_| told).map_or(Value::Null, Value::Moment);
        row!(rows,
            datid: oids::DATABASE,
            datname: context.database.name.as_str(),
            pid: of.pid(),
            usesysid: oids::of(of.role),
            usename: facts.catalog().role_name(of.role),
            application_name: if own { context.settings.get("application_name").unwrap_or_default() } else { application(&now.application, job && !told) },
            client_addr: peer.filter(|_| told).map(|peer| peer.ip().to_canonical().to_string()),
            client_port: peer.filter(|_| told).map(|peer| i64::from(peer.port())),
            backend_start: moment(Some(of.begun_us)),
            xact_start: moment(now.transaction_us),
            query_start: moment(now.query_us),
            state_change: moment(now.changed_us),
            wait_event_type: (told && now.state != State::Active).then_some("Client"),
            wait_event: (told && now.state != State::Active).then_some("ClientRead"),
            state: told.then(|| now.state.word()),
            query: if told { now.query.as_str() } else { "<insufficient privilege>" },
            backend_type: if job { "job worker" } else { "client backend" },
        );
    }
}

/// The name that a session gives itself; that of a job tells of the job, and nothing to others.
fn application(name: &str, hidden: bool) -> &str {
    if hidden { "" } else { name }
}

/// pg_stat_ssl: how each connection is encrypted.
pub fn encryption(facts: &Facts, rows: &mut Rows) {
    for of in facts.context.database.activities.all() {
        let told = facts.context.has_role(of.role);
        let with = of.connection().and_then(|connection| connection.encryption.as_ref());
        row!(rows,
            pid: of.pid(),
            ssl: told.then_some(with.is_some()),
            version: with.filter(|_| told).map(|with| with.version.as_str()),
            cipher: with.filter(|_| told).map(|with| with.cipher.as_str()),
            bits: with.filter(|_| told).map(|with| i64::from(with.bits)),
        );
    }
}

/// pg_prepared_statements: those of the session that have a name.
pub fn prepared_statements(facts: &Facts, rows: &mut Rows) {
    for (name, prepared) in facts.context.prepared.iter().filter(|(name, _)| !name.is_empty()) {
        let types = prepared.params().iter().map(|field| type_oid(field)).collect::<Vec<u32>>();
        row!(rows,
            name: name,
            statement: prepared.statement.as_ref().map_or("", |statement| statement.text.as_str()),
            prepare_time: Value::Moment(prepared.prepared_us),
            parameter_types: types,
            from_sql: prepared.from_sql,
            generic_plans: 0,
            custom_plans: prepared.runs.load(Ordering::Relaxed),
        );
    }
}

/// The type of a parameter.
fn type_oid(field: &Field) -> u32 {
    let marked = field.metadata().get(TYPE_METADATA).and_then(|mark| types::by_name(mark));
    match (marked, SqlType::from_field(field)) {
        (Some(known), _) => known.oid,
        (None, Ok(sql_type)) => types::of_column(&sql_type).0,
        (None, Err(_)) => types::oid_of_listed("text"),
    }
}

/// pg_cursors: those of the session.
pub fn cursors(facts: &Facts, rows: &mut Rows) {
    for cursor in facts.context.cursors.iter() {
        row!(rows,
            name: &cursor.name,
            statement: &cursor.statement,
            is_holdable: cursor.hold,
            is_binary: cursor.binary,
            is_scrollable: cursor.scroll,
            creation_time: Value::Moment(cursor.created_us),
        );
    }
}

/// pg_stat_all_tables and pg_stat_user_tables: only how many rows there are is known.
pub fn table_counts(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Table(id, _) = entry.what {
            let live = facts.sees_all_rows(id).then(|| facts.context.snapshot.rows(id).live_rows());
            row!(rows, relid: entry.oid, schemaname: entry.schema, relname: entry.name.as_ref(), n_live_tup: live);
        }
    }
}

/// pg_statio_all_tables and pg_statio_user_tables
pub fn table_reads(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Table(..) = entry.what {
            row!(rows, relid: entry.oid, schemaname: entry.schema, relname: entry.name.as_ref());
        }
    }
}

/// pg_stat_database
pub fn database_counts(facts: &Facts, rows: &mut Rows) {
    row!(rows, datid: oids::DATABASE, datname: facts.context.database.name.as_str());
}

/// pg_stat_gssapi: nobody logs in so.
pub fn gssapi(facts: &Facts, rows: &mut Rows) {
    for of in facts.context.database.activities.all() {
        row!(rows, pid: of.pid(), gss_authenticated: false, encrypted: false);
    }
}
