//! ALTER TABLE where it says how PostgreSQL is to keep a table. Nothing of it is done, since pages, statistics and replication are
//! others here; what PostgreSQL would refuse is refused, and where a statement counts on an effect a notice says that there is none.

use super::super::parser::{Keeping, KeepingWords};
use super::{Ddl, skipping};
use crate::catalog::{Object, Table};
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
        Keeping::Column(column) if table.is_none_or(|table| table.column_index(column).is_none()) => {
            let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
            Err(Error::new(Kind::UndefinedColumn, message))
        }
        Keeping::Reset(_) | Keeping::Column(_) | Keeping::Logged | Keeping::WithoutOids => Ok(()),
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

/// Refuses a parameter that PostgreSQL has not, or a fill factor that none can be.
fn must_be_parameter(name: &str, value: &str) -> Result<()> {
    let invalid = |message: String| Err(Error::new(Kind::InvalidParameter, message));
    let plain = name.strip_prefix("toast.").unwrap_or(name);
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
