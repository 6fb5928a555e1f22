//! ALTER TABLE where it says how PostgreSQL is to keep a table. Nothing of it is done, since pages, statistics and replication are
//! others here; what PostgreSQL would refuse is refused, and where a statement counts on an effect a notice says that there is none.

use super::super::parser::{Keeping, KeepingWords};
use super::{Ddl, skipping};
use crate::catalog::{Object, SqlType, Table};
use crate::error::{Error, Kind, Result};

/// Parameters of tables and indexes that PostgreSQL has; those of autovacuum begin alike.
const PARAMETERS: [&str; 12] = [
    "fillfactor",
    "parallel_workers",
    "user_catalog_table",
    "toast_tuple_target",
    "vacuum_truncate",
    "vacuum_index_cleanup",
    "log_autovacuum_min_duration",
    "deduplicate_items",
    "buffering",
    "fastupdate",
    "gin_pending_list_limit",
    "pages_per_range",
];

/// Runs such a statement.
pub fn keeping(ddl: &mut Ddl<'_>, words: &KeepingWords) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (schema, name) = ddl.context.resolve(words.name.0.as_deref(), &words.name.1);
    let found = ddl.txn.snapshot().catalog.relation(&schema, &name).map(|(_, object)| object.clone());
    let table = match found {
        Some(Object::Table(table)) => {
            ddl.context.must_own(table.owner, "table", &name)?;
            Some(table)
        }
        Some(_) => None,
        None if words.kind == "INDEX" && ddl.is_taken(&schema, &name) => None,
        None if words.if_exists => {
            skipping(ddl.context, "relation", &name, false);
            return Ok(());
        }
        None => return Err(super::super::tables::undefined(ddl.context, &schema, &name)),
    };
    words.actions.iter().try_for_each(|action| one(ddl, table.as_ref(), &name, action))
}

fn one(ddl: &Ddl<'_>, table: Option<&Table>, name: &str, action: &Keeping) -> Result<()> {
    let missing = |what: String| Err(Error::new(Kind::UndefinedObject, format!("{what} does not exist")));
    match action {
        Keeping::Set(parameters) => {
            parameters.iter().try_for_each(|(parameter, value)| must_be_parameter(parameter, value))
        }
        Keeping::Column(column) | Keeping::Storage { column, .. } | Keeping::Compression { column, .. }
            if table.is_none_or(|table| table.column_index(column).is_none()) =>
        {
            let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
            Err(Error::new(Kind::UndefinedColumn, message))
        }
        Keeping::Storage { column, kind } => must_be_storage(table, column, kind),
        Keeping::Compression { method, .. } if !matches!(method.as_str(), "default" | "pglz" | "lz4") => {
            Err(Error::new(Kind::InvalidParameter, format!("invalid compression method \"{method}\"")))
        }
        Keeping::Reset(_)
        | Keeping::Column(_)
        | Keeping::Compression { .. }
        | Keeping::Logged
        | Keeping::WithoutOids => Ok(()),
        Keeping::Unlogged => {
            ddl.context.notice(format!("table \"{name}\" goes on to be written to the journal"));
            Ok(())
        }
        Keeping::Tablespace(space) if space != "pg_default" => missing(format!("tablespace \"{space}\"")),
        Keeping::AccessMethod(method) if method != "heap" => missing(format!("access method \"{method}\"")),
        Keeping::ReplicaIdentity(Some(index)) if table.is_none_or(|table| table.key(index).is_none()) => {
            missing(format!("index \"{index}\" for table \"{name}\""))
        }
        Keeping::Tablespace(_) | Keeping::AccessMethod(_) | Keeping::ReplicaIdentity(_) => Ok(()),
        Keeping::Triggers { name: Some(trigger), .. } => missing(format!("trigger \"{trigger}\" for table \"{name}\"")),
        Keeping::Triggers { disable, name: None } => {
            let refers = table.is_some_and(|table| !table.foreign_keys.is_empty() || !table.referenced_by.is_empty());
            if *disable && refers {
                ddl.context.notice(format!("foreign keys of table \"{name}\" go on to be checked"));
            }
            Ok(())
        }
        Keeping::Rule(rule) => missing(format!("rule \"{rule}\" for relation \"{name}\"")),
    }
}

/// Refuses a way to store values that is none, and any but the plain one for values of a fixed length.
fn must_be_storage(table: Option<&Table>, column: &str, kind: &str) -> Result<()> {
    if !matches!(kind, "plain" | "external" | "extended" | "main") {
        return Err(Error::new(Kind::InvalidParameter, format!("invalid storage type \"{kind}\"")));
    }
    let known = table.and_then(|table| Some(&table.columns[table.column_index(column)?].data_type));
    match known {
        Some(data_type) if kind != "plain" && is_of_fixed_length(data_type) => {
            Err(Error::new(Kind::Unsupported, format!("column data type {data_type} can only have storage PLAIN")))
        }
        _ => Ok(()),
    }
}

fn is_of_fixed_length(data_type: &SqlType) -> bool {
    use SqlType::{Bool, Date, Enum, Float4, Float8, Int2, Int4, Int8, Interval, Time, Timestamp, Timestamptz, Uuid};
    matches!(
        data_type,
        Bool | Int2 | Int4 | Int8 | Float4 | Float8 | Date | Time | Timestamp | Timestamptz | Interval | Uuid | Enum(_)
    )
}

/// Refuses a parameter that PostgreSQL has not, or a fill factor that none can be.
pub(super) fn must_be_parameter(name: &str, value: &str) -> Result<()> {
    let invalid = |message: String| Err(Error::new(Kind::InvalidParameter, message));
    let plain = name.strip_prefix("toast.").unwrap_or(name);
    if plain == "oids" {
        return match matches!(value.to_lowercase().as_str(), "false" | "off" | "0") {
            true => Ok(()),
            false => Err(Error::new(Kind::Unsupported, "tables declared WITH OIDS are not supported")),
        };
    }
    if !PARAMETERS.contains(&plain) && !plain.starts_with("autovacuum_") {
        return invalid(format!("unrecognized parameter \"{name}\""));
    }
    match (plain, value.parse::<i64>()) {
        ("fillfactor", Err(_)) => invalid(format!("invalid value for integer option \"fillfactor\": {value}")),
        ("fillfactor", Ok(n)) if !(10..=100).contains(&n) => {
            invalid(format!("value {value} out of bounds for option \"fillfactor\""))
        }
        _ => Ok(()),
    }
}
