//! Who, where and with which settings: current_user, current_schemas, current_setting, version and their like.

use super::super::super::activity::Stop;
use super::super::super::functions::stop;
use super::super::names;
use super::super::value::{Type, Value};
use super::Args;
use crate::config::SERVER_VERSION;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 of the first question for it: near enough to when the server started.
static STARTED: LazyLock<i64> =
    LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64));

/// The type that such a function gives for these arguments.
pub fn returns(name: &str, args: &[Type]) -> Option<Type> {
    Some(match (name, args.len()) {
        ("current_user" | "user" | "current_role" | "session_user" | "current_database" | "current_catalog", 0)
        | ("current_schema", 0)
        | ("getdatabaseencoding" | "pg_client_encoding", 0)
        | ("pg_encoding_to_char", 1) => Type::Name,
        ("current_schemas", 1) => Type::Array(Box::new(Type::Name)),
        ("current_setting", 1 | 2) | ("set_config", 3) | ("version" | "current_query", 0) => Type::Text,
        ("acldefault", 2) => Type::Array(Box::new(Type::AclItem)),
        ("pg_backend_pid" | "inet_server_port" | "inet_client_port", 0) | ("pg_char_to_encoding", 1) => Type::Int4,
        ("inet_server_addr" | "inet_client_addr", 0) => Type::Text,
        ("pg_is_in_recovery" | "pg_is_wal_replay_paused", 0) => Type::Bool,
        ("pg_postmaster_start_time" | "pg_conf_load_time", 0) => Type::Timestamptz,
        ("txid_current" | "txid_current_if_assigned", 0) => Type::Int8,
        ("pg_export_snapshot", 0) => Type::Text,
        ("pg_jit_available" | "pg_reload_conf", 0) => Type::Bool,
        ("pg_cancel_backend" | "pg_terminate_backend", 1 | 2) => Type::Bool,
        _ => return None,
    })
}

/// Calls one of them.
pub fn call(args: &Args<'_>) -> Result<Value> {
    let (facts, context) = (args.facts, &args.facts.context);
    let catalog = facts.catalog();
    Ok(match args.name {
        "current_user" | "user" | "current_role" => catalog.role_name(context.viewer).into(),
        "session_user" => catalog.role_name(context.session_role).into(),
        "current_database" | "current_catalog" => context.database.name.as_str().into(),
        "current_schema" => own_path(args).into_iter().next().into(),
        "current_schemas" => match args.flag(0) {
            true => facts.path().into(),
            false => own_path(args).into(),
        },
        "current_setting" => match context.setting(args.text(0)?) {
            Ok(value) => value.as_ref().into(),
            Err(_) if args.flag(1) => Value::Null,
            Err(error) => return Err(error),
        },
        "set_config" => set_config(args)?,
        "version" => format!("PostgreSQL {SERVER_VERSION}").into(),
        "pg_backend_pid" => context.activity.pid().into(),
        "inet_client_addr" => {
            context.activity.connection().and_then(|of| of.peer).map(|of| of.ip().to_canonical().to_string()).into()
        }
        "inet_client_port" => {
            context.activity.connection().and_then(|of| of.peer).map(|of| i64::from(of.port())).into()
        }
        "current_query" => context.activity.now().query.into(),
        "getdatabaseencoding" => "UTF8".into(),
        "pg_client_encoding" => context.settings.charset().name().into(),
        "pg_encoding_to_char" => {
            let number = args.number(0)?;
            Charset::all().find(|charset| charset.number() == number).map_or("", Charset::name).into()
        }
        "pg_char_to_encoding" => Charset::named(args.text(0)?).map_or(-1, Charset::number).into(),
        "pg_is_in_recovery" | "pg_is_wal_replay_paused" | "pg_jit_available" => false.into(),
        "pg_postmaster_start_time" | "pg_conf_load_time" => Value::Moment(*STARTED),
        "txid_current" | "txid_current_if_assigned" => context.snapshot.seq.into(),
        "pg_reload_conf" if !context.is_superuser() => {
            return Err(Error::new(Kind::Privilege, "permission denied for function pg_reload_conf"));
        }
        "pg_reload_conf" => {
            context.database.reload();
            true.into()
        }
        "pg_cancel_backend" => stop(&args.facts.context, args.number(0)?, Stop::Statement)?.into(),
        "pg_terminate_backend" => stop(&args.facts.context, args.number(0)?, Stop::Connection)?.into(),
        "acldefault" => acl_default(args)?,
        "pg_export_snapshot" => {
            return Err(Error::new(Kind::Unsupported, format!("{} is not supported", args.name)));
        }
        _ => Value::Null,
    })
}

/// The rights that an object of a kind begins with: its owner's, and those of everybody.
fn acl_default(args: &Args<'_>) -> Result<Value> {
    let owner = u32::try_from(args.number(1)?).ok().and_then(|oid| names::role_name(args.facts, oid));
    let owner = owner.unwrap_or_else(|| args.number(1).unwrap_or_default().to_string());
    let of_all = |letters: &str| Some(format!("={letters}/{owner}"));
    let (all, own) = match args.text(0)? {
        "r" => (None, "arwdDxt"),
        "s" => (None, "rwU"),
        "d" => (of_all("Tc"), "CTc"),
        "f" => (of_all("X"), "X"),
        "l" | "T" => (of_all("U"), "U"),
        "n" => (None, "UC"),
        "t" => (None, "C"),
        "F" | "S" => (None, "U"),
        "L" => (None, "rw"),
        "p" => (None, "sA"),
        "c" => return Ok(Vec::<String>::new().into()),
        other => {
            let message = format!("unrecognized object type abbreviation: {other}");
            return Err(Error::new(Kind::InvalidParameter, message));
        }
    };
    Ok(all.into_iter().chain([format!("{owner}={own}/{owner}")]).collect::<Vec<String>>().into())
}

/// The search path without the schemas that nobody wrote.
fn own_path(args: &Args<'_>) -> Vec<String> {
    let mut path = args.facts.context.settings.written_path();
    path.retain(|schema| args.facts.schema_oid(schema).is_some());
    path
}

/// A statement that reads the catalogue changes nothing: only what is set already may be set.
fn set_config(args: &Args<'_>) -> Result<Value> {
    let (name, value) = (args.text(0)?, args.text(1)?);
    match args.facts.context.settings.get(name)?.eq_ignore_ascii_case(value) {
        true => Ok(value.into()),
        false => {
            Err(Error::new(Kind::Unsupported, "set_config is not supported").with_hint(format!("Use SET {name}.")))
        }
    }
}
