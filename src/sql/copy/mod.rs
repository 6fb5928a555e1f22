//! COPY: rows in and out as text, CSV or PostgreSQL's binary form, piece by piece; and in as a Parquet file. A version of a model
//! comes in as a safetensors file.

mod binary;
mod condition;
mod cut;
mod file;
mod input;
mod output;
mod parquet;
mod recode;
mod sink;
mod split;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod version;

pub use binary::{BinaryForm, Lent};
use input::CopyIn;
pub use output::csv_lines;

use super::context::Context;
use super::dml::{Policed, Target, Work};
use super::names;
use super::parser::{Copy, CopyFormat};
use super::planner::Planner;
use super::session::{Outcome, Session};
use super::{run, shown, tables};
use crate::catalog::{Object, Place, Privilege, Table};
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::txn::Transaction;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast;
use input::Destination;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use version::VersionIn;

/// A COPY that is receiving data.
pub enum Receiving {
    /// Rows of a table.
    Rows(Box<CopyIn>),
    /// A version of a model.
    Version(VersionIn),
}

impl Receiving {
    /// The same data, which come from a file of the server.
    fn with_file(self, path: &str) -> Self {
        let file = Place::File(path.to_owned());
        match self {
            Self::Rows(rows) => Self::Rows(Box::new(rows.with_place(file))),
            Self::Version(version) => Self::Version(version.with_place(file)),
        }
    }

    /// Takes a piece of the data; pieces end anywhere.
    pub async fn feed(&mut self, txn: &mut Transaction, data: &[u8]) -> Result<()> {
        match self {
            Self::Rows(rows) => rows.feed(txn, data).await,
            Self::Version(version) => version.feed(data),
        }
    }

    /// Ends the data; gives the number of rows, or of versions.
    pub async fn finish(self, txn: &mut Transaction) -> Result<usize> {
        match self {
            Self::Rows(rows) => rows.finish(txn).await,
            Self::Version(version) => version.finish(txn).await,
        }
    }
}

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

/// Starts a COPY; one with a file of the server ends as well.
pub async fn start(session: &mut Session, copy: Box<Copy>) -> Result<Outcome> {
    let (context, state) = session.context();
    if copy.file.is_some() {
        file::must_be_allowed(&context, copy.from)?;
    }
    match copy.from {
        true => start_in(session, copy, (context, state)).await,
        false => start_out(&copy, session.binary_form().clone(), (context, state)).await,
    }
}

async fn start_in(
    session: &mut Session,
    copy: Box<Copy>,
    (context, state): (Arc<Context>, SessionState),
) -> Result<Outcome> {
    session.transaction()?.must_write("COPY FROM")?;
    if copy.form.format == CopyFormat::Safetensors {
        let version = Receiving::Version(VersionIn::begin(&context, &copy)?);
        return receive(session, &context, version, &copy, Outcome::CopyIn { columns: 1, binary: true }).await;
    }
    if copy.form.format == CopyFormat::Parquet {
        // A few bytes of such a file can ask for gigabytes.
        context.must_be_superuser("run COPY FROM in format \"parquet\"")?;
    }
    let Some((schema, name)) = &copy.relation else {
        return Err(Error::new(Kind::Syntax, "COPY FROM needs a table"));
    };
    must_be_no_view(&context, schema.as_deref(), name, true)?;
    let idents = schema.iter().chain([name]).map(|part| ast::Ident::with_quote('"', part)).collect::<Vec<_>>();
    let work = Work::new(&context, &state);
    let target = work.target(&ast::ObjectName::from(idents), Privilege::Insert)?;
    let txn = session.transaction()?.clone();
    // Nothing has been read: what another has changed meanwhile is seen by looking again.
    if let Err(error) = work.use_table(&txn, &target).await {
        return match work.again.load(Ordering::Relaxed) {
            true => {
                session.refresh()?;
                Box::pin(start(session, copy)).await
            }
            false => Err(error),
        };
    }
    must_be_new_to_freeze(&copy, &txn, &target)?;
    let columns = columns(&copy, &target)?;
    let names: Vec<&str> = columns.iter().map(|&at| target.table.columns[at].name.as_str()).collect();
    tables::must_have_on(&context, &target.table, Privilege::Insert, &names)?;
    let target = target.policed(&Work::new(&context, &state), &[(Policed::Added, false)])?.of_plain_policies()?;
    let condition = match &copy.condition {
        Some(condition) => Some(condition::plan(&context, &state, &target.table, condition)?),
        None => None,
    };
    let binary = match copy.form.format {
        CopyFormat::Binary => Some(binary::must_have(session.binary_form())?),
        _ => None,
    };
    let is_text = matches!(copy.form.format, CopyFormat::Text | CopyFormat::Csv);
    let outcome = Outcome::CopyIn { columns: columns.len(), binary: !is_text };
    let into = Destination { target, columns, condition };
    let input = CopyIn::new((context.clone(), state), session.transaction()?, into, &copy.form, binary)?;
    receive(session, &context, Receiving::Rows(Box::new(input)), &copy, outcome).await
}

/// Receives the data from a file of the server, or has the client send them.
async fn receive(
    session: &mut Session,
    context: &Context,
    input: Receiving,
    copy: &Copy,
    from_client: Outcome,
) -> Result<Outcome> {
    match &copy.file {
        Some(path) => {
            let rows = file::read(context, session.transaction()?, input.with_file(path), path).await?;
            Ok(Outcome::Command(format!("COPY {rows}")))
        }
        None => {
            session.begin_copy(input);
            Ok(from_client)
        }
    }
}

async fn start_out(copy: &Copy, lent: Lent, (context, state): (Arc<Context>, SessionState)) -> Result<Outcome> {
    let (plan, relation) = source(&context, &state, copy)?;
    let named = match &copy.query {
        Some(query) => names::named(query, plan.schema().inner()),
        None => plan.schema().inner().clone(),
    };
    let names: Vec<String> = named.fields().iter().map(|field| field.name().clone()).collect();
    let relation = relation.as_ref().map(|(name, schema)| (name.as_str(), schema));
    let forced = output::forced(&copy.form, &names, relation)?;
    let binary = copy.form.format == CopyFormat::Binary;
    let form = if binary { Some(binary::must_have(&lent)?) } else { None };
    let rows = run::stream(&context, &state, &context.params.bind(plan)?).await?;
    let rows = shown::in_zone(rows, &context.zone());
    let lines = match form {
        Some(form) => output::tuples(form, (named, context.settings.charset()), rows),
        None => {
            let charset = copy.form.encoding.unwrap_or_else(|| context.settings.charset());
            output::lines(copy.form.clone(), forced, (named, charset), rows)
        }
    };
    match &copy.file {
        Some(path) => Ok(Outcome::Command(format!("COPY {}", file::write(&context, path, lines).await?))),
        None => Ok(Outcome::CopyOut { columns: names.len(), binary, lines }),
    }
}

/// What the rows are that go out; of a table its name and all its columns, too.
fn source(
    context: &Arc<Context>,
    state: &SessionState,
    copy: &Copy,
) -> Result<(LogicalPlan, Option<(String, SchemaRef)>)> {
    let (schema, name) = match (&copy.query, &copy.relation) {
        (Some(query), _) => return Ok((Planner::new(context, state).answer((**query).clone())?, None)),
        (None, Some((schema, name))) => (schema, name),
        (None, None) => return Err(Error::new(Kind::Syntax, "COPY needs a table or a query")),
    };
    must_be_no_view(context, schema.as_deref(), name, false)?;
    let (schema, name) = context.resolve(schema.as_deref(), name);
    let source = tables::open(context, state, &schema, &name)?;
    must_differ(&copy.columns)?;
    let place = |column: &String| {
        source.schema().index_of(column).map_err(|_| {
            let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
            Error::new(Kind::UndefinedColumn, message)
        })
    };
    let facts = context.snapshot.catalog.table(&schema, &name).map(|(_, table)| table);
    let projection = match copy.columns.is_empty() {
        true => facts.filter(|table| table.generated().next().is_some()).map(stored_columns),
        false => Some(copy.columns.iter().map(place).collect::<Result<Vec<_>>>()?),
    };
    let all = source.schema();
    let plan = LogicalPlanBuilder::scan(name.clone(), source, projection)?.build()?;
    Ok((plan, Some((name, all))))
}

/// A view has no rows of its own: PostgreSQL copies tables, and queries.
fn must_be_no_view(context: &Context, schema: Option<&str>, name: &str, from: bool) -> Result<()> {
    let (schema, name) = context.resolve(schema, name);
    if !matches!(context.snapshot.catalog.relation(&schema, &name), Some((_, Object::View(_)))) {
        return Ok(());
    }
    Err(match from {
        true => Error::new(Kind::WrongObject, format!("cannot copy to view \"{name}\""))
            .with_hint("To enable copying to a view, provide an INSTEAD OF INSERT trigger."),
        false => Error::new(Kind::WrongObject, format!("cannot copy from view \"{name}\""))
            .with_hint("Try the COPY (SELECT ...) TO variant."),
    })
}

/// FREEZE does nothing here, since rows are visible to whom they should be anyway; it is taken where PostgreSQL takes it.
fn must_be_new_to_freeze(copy: &Copy, txn: &Transaction, target: &Target) -> Result<()> {
    if copy.freeze && !txn.is_fresh(target.id) {
        fail!(
            NotReady,
            "cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction"
        );
    }
    Ok(())
}

/// The table's columns that the data have.
fn columns(copy: &Copy, target: &Target) -> Result<Vec<usize>> {
    if copy.columns.is_empty() {
        return Ok(stored_columns(&target.table));
    }
    let place = |name: &String| {
        target.table.column_index(name).ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", target.table.name);
            Error::new(Kind::UndefinedColumn, message)
        })
    };
    let columns = copy.columns.iter().map(place).collect::<Result<Vec<_>>>()?;
    must_differ(&copy.columns)?;
    columns.iter().try_for_each(|at| must_be_stored(&target.table, *at))?;
    Ok(columns)
}

fn must_differ(names: &[String]) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => fail!(DuplicateColumn, "column \"{name}\" specified more than once"),
        None => Ok(()),
    }
}
