//! COPY: rows in and out as text or CSV, piece by piece; and in as a Parquet file.

mod cut;
mod input;
mod output;
mod parquet;
mod sink;
mod split;
#[cfg(test)]
mod testing;

pub use input::CopyIn;
pub use output::csv_lines;

use super::dml::Work;
use super::names;
use super::parser::Copy;
use super::planner::Planner;
use super::session::{Outcome, Session};
use super::{run, tables};
use crate::catalog::{Privilege, Table};
use crate::error::{Error, Kind, Result};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast;
use std::sync::atomic::Ordering;

/// The columns that COPY takes and gives: not those that are computed from others.
fn stored_columns(table: &Table) -> Vec<usize> {
    (0..table.columns.len()).filter(|at| table.columns[*at].generated.is_none()).collect()
}

/// Refuses a column that is computed from others.
fn must_be_stored(table: &Table, at: usize) -> Result<()> {
    match table.columns[at].generated {
        None => Ok(()),
        Some(_) => {
            let message = format!("column \"{}\" is a generated column", table.columns[at].name);
            Err(Error::new(Kind::InvalidColumnReference, message)
                .with_detail("Generated columns cannot be used in COPY."))
        }
    }
}

/// Starts a COPY.
pub async fn start(session: &mut Session, copy: Copy, params: &[ScalarValue]) -> Result<Outcome> {
    let (context, state) = session.context();
    if copy.from {
        session.transaction()?.must_write("COPY FROM")?;
        if copy.parquet {
            // A few bytes of such a file can ask for gigabytes.
            context.must_be_superuser("run COPY FROM in format \"parquet\"")?;
        }
        let Some((schema, name)) = &copy.relation else {
            return Err(Error::new(Kind::Syntax, "COPY FROM needs a table"));
        };
        let idents = schema.iter().chain([name]).map(|part| ast::Ident::with_quote('"', part)).collect::<Vec<_>>();
        let work = Work::new(&context, &state, params);
        let target = work.target(&ast::ObjectName::from(idents), Privilege::Insert)?;
        let txn = session.transaction()?.clone();
        // Nothing has been read: what another has changed meanwhile is seen by looking again.
        if let Err(error) = work.use_table(&txn, &target).await {
            return match work.again.load(Ordering::Relaxed) {
                true => {
                    session.refresh()?;
                    Box::pin(start(session, copy, params)).await
                }
                false => Err(error),
            };
        }
        let columns = match copy.columns.is_empty() {
            true => stored_columns(&target.table),
            false => copy
                .columns
                .iter()
                .map(|name| {
                    target.table.column_index(name).ok_or_else(|| {
                        Error::new(
                            Kind::UndefinedColumn,
                            format!("column \"{name}\" of relation \"{}\" does not exist", target.table.name),
                        )
                    })
                })
                .collect::<Result<Vec<_>>>()?,
        };
        columns.iter().try_for_each(|at| must_be_stored(&target.table, *at))?;
        let outcome = Outcome::CopyIn { columns: columns.len(), binary: copy.parquet };
        let input = CopyIn::new((context, state), session.transaction()?, target, columns, copy)?;
        session.begin_copy(input);
        return Ok(outcome);
    }
    let plan = match (&copy.query, &copy.relation) {
        (Some(query), _) => Planner::new(&context, &state).query((**query).clone())?,
        (None, Some((schema, name))) => {
            let (schema, name) = context.resolve(schema.as_deref(), name);
            let source = tables::open(&context, &state, &schema, &name)?;
            let facts = context.snapshot.catalog.table(&schema, &name).map(|(_, table)| table);
            let projection = match copy.columns.is_empty() {
                true => facts.filter(|table| table.generated().next().is_some()).map(stored_columns),
                false => Some(
                    copy.columns
                        .iter()
                        .map(|column| {
                            source.schema().index_of(column).map_err(|_| {
                                Error::new(
                                    Kind::UndefinedColumn,
                                    format!("column \"{column}\" of relation \"{name}\" does not exist"),
                                )
                            })
                        })
                        .collect::<Result<Vec<_>>>()?,
                ),
            };
            datafusion::logical_expr::LogicalPlanBuilder::scan(name, source, projection)?.build()?
        }
        (None, None) => return Err(Error::new(Kind::Syntax, "COPY needs a table or a query")),
    };
    let named = match &copy.query {
        Some(query) => names::named(query, plan.schema().inner()),
        None => plan.schema().inner().clone(),
    };
    let columns = named.fields().len();
    let names: Vec<String> = named.fields().iter().map(|field| field.name().clone()).collect();
    let rows = run::stream(&context, &state, &super::dml::bind(plan, params)?).await?;
    Ok(Outcome::CopyOut(columns, output::lines(copy, names, rows)))
}
