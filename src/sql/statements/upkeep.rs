//! VACUUM, ANALYZE, CLUSTER: tables brought into shape while others read and write them.

use super::super::context::Context;
use super::super::ddl::{Ddl, may_have_classes};
use super::super::parser::{ClusterBy, Upkeep};
use super::super::run::blocking;
use super::super::session::{Outcome, Session, Status};
use super::super::tables;
use crate::catalog::{Class, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::Effort;

/// A relation with or without its schema.
type Name = (Option<String>, String);

/// Runs such a statement.
pub async fn upkeep(session: &mut Session, statement: Upkeep) -> Result<Outcome> {
    let tag = match statement {
        Upkeep::Vacuum { tables, full } => {
            let effort = if full { Effort::Full } else { Effort::Vacuum };
            must_not_be_in_block(session, "VACUUM")?;
            for (id, _) in named(session, "vacuum", &tables)? {
                compact(session, id, effort)?;
            }
            "VACUUM"
        }
        Upkeep::Analyze { tables } => {
            // What the planner knows of a table is always of its present rows; there is nothing to gather.
            named(session, "analyze", &tables)?;
            "ANALYZE"
        }
        Upkeep::Cluster { table } => {
            must_not_be_in_block(session, "CLUSTER")?;
            cluster(session, table).await?;
            "CLUSTER"
        }
        Upkeep::ClusterBy { table, by } => {
            super::super::execute::defining(session, async |ddl| set(ddl, &table, &by)).await?;
            "ALTER TABLE"
        }
    };
    Ok(Outcome::Command(tag.to_owned()))
}

fn must_not_be_in_block(session: &Session, what: &str) -> Result<()> {
    match session.status {
        Status::Idle => Ok(()),
        Status::Block | Status::Failed => {
            Err(Error::new(Kind::ActiveTransaction, format!("{what} cannot run inside a transaction block")))
        }
    }
}

/// The tables of these names, or all; those of others are passed over with a warning, as in PostgreSQL.
fn named(session: &Session, verb: &str, names: &[Name]) -> Result<Vec<(ObjectId, Table)>> {
    let (context, _) = session.context();
    let catalog = &context.snapshot.catalog;
    let mut found = Vec::new();
    for (schema, name) in names {
        found.push(table(&context, schema.as_deref(), name)?);
    }
    if names.is_empty() {
        found.extend(catalog.class(Class::Relation).filter_map(|(id, object)| match object {
            Object::Table(table) if context.has_role(table.owner) => Some((id, table.clone())),
            _ => None,
        }));
    }
    found.retain(|(_, table)| {
        let may = context.has_role(table.owner);
        if !may {
            session.notify("WARNING", None, format!("permission denied to {verb} \"{}\", skipping it", table.name));
        }
        may
    });
    Ok(found)
}

fn table(context: &Context, schema: Option<&str>, name: &str) -> Result<(ObjectId, Table)> {
    let (schema, name) = context.resolve(schema, name);
    match context.snapshot.catalog.relation(&schema, &name) {
        Some((id, Object::Table(table))) => Ok((id, table.clone())),
        Some((_, other)) => {
            Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a table but a {}", other.kind_name())))
        }
        None => Err(tables::undefined(context, &schema, &name)),
    }
}

fn compact(session: &Session, id: ObjectId, effort: Effort) -> Result<()> {
    let (context, _) = session.context();
    let manager = &context.database.manager;
    blocking(|| manager.compact(id, effort, &|| context.cancel.is_cancelled()))?;
    context.cancel.check()
}

async fn cluster(session: &mut Session, what: Option<(Name, Option<String>)>) -> Result<()> {
    let Some((name, key)) = what else {
        for (id, table) in named(session, "cluster", &[])? {
            if !table.cluster.is_empty() {
                compact(session, id, Effort::Full)?;
            }
        }
        return Ok(());
    };
    let (context, _) = session.context();
    let (_, facts) = table(&context, name.0.as_deref(), &name.1)?;
    context.must_own(facts.owner, "table", &facts.name)?;
    match key {
        Some(key) => {
            let by = ClusterBy::Key(key);
            super::super::execute::defining(session, async |ddl| set(ddl, &name, &by)).await?;
            // The new order is a fact before anything is written in it.
            session.commit_implicit().await?;
            session.begin_implicit();
        }
        None if facts.cluster.is_empty() => {
            return Err(Error::new(
                Kind::UndefinedObject,
                format!("there is no previously clustered index for table \"{}\"", facts.name),
            ));
        }
        None => {}
    }
    let (context, _) = session.context();
    let (id, _) = table(&context, name.0.as_deref(), &name.1)?;
    compact(session, id, Effort::Full)
}

/// Sets by what a table is kept sorted.
fn set(ddl: &mut Ddl<'_>, (schema, name): &Name, by: &ClusterBy) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (id, mut table) = ddl.own_table(schema.as_deref(), name)?;
    table.cluster = match by {
        ClusterBy::Nothing => Vec::new(),
        ClusterBy::Key(key) => match table.keys.iter().find(|there| there.name == *key) {
            Some(there) => there.columns.clone(),
            None => {
                return Err(Error::new(
                    Kind::UndefinedObject,
                    format!("index \"{key}\" for table \"{}\" does not exist", table.name),
                ));
            }
        },
        ClusterBy::Columns(columns) => columns
            .iter()
            .map(|name| {
                let missing = || {
                    let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
                    Error::new(Kind::UndefinedColumn, message)
                };
                let at = table.column_index(name).ok_or_else(missing)?;
                match table.columns[at].data_type.arrow() {
                    arrow::datatypes::DataType::List(_) => {
                        Err(Error::new(Kind::Unsupported, format!("a table cannot be sorted by array \"{name}\"")))
                    }
                    _ => Ok(at),
                }
            })
            .collect::<Result<_>>()?,
    };
    may_have_classes(&table)?;
    ddl.txn.put_object(id, Object::Table(table))
}
