//! Prepared statements: those of PREPARE and those of the protocol, under names of one kind.
//!
//! What is prepared is parsed and described. It runs on the catalogue as it is then ([`super::kept_plan`]), so that DDL in between does
//! it no harm. Only what it gives must still have the form that was told.

use super::execute;
use super::kept_plan::KeptPlan;
use super::parameters::{self, must_be_none};
use super::parser::{Body, Statement, fold, last};
use super::planner::Planner;
use super::semantics::lend_as;
use super::session::{Outcome, Session};
use super::types::sql_type_in;
use super::values::Zone;
use crate::catalog::SqlType;
use crate::config::PREPARED_MAX;
use crate::encoding::pg_text::{DIGITS_MARK, TYPE_METADATA};
use crate::error::{Error, Kind, Result};
use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Prepared statements by name. The one without is the protocol's unnamed statement.
pub type Prepareds = BTreeMap<String, Arc<Prepared>>;

/// A statement that is parsed and described.
#[derive(Debug)]
pub struct Prepared {
    /// The statement; none for an empty text.
    pub(super) statement: Option<Statement>,
    params: Vec<FieldRef>,
    columns: Option<SchemaRef>,
    /// PREPARE made it.
    pub(super) from_sql: bool,
    /// When, in microseconds since 1970.
    pub(super) prepared_us: i64,
    /// How often it was run.
    pub(super) runs: AtomicU64,
    plan: Arc<KeptPlan>,
}

impl Prepared {
    /// Whether it is of an empty text.
    pub fn is_empty(&self) -> bool {
        self.statement.is_none()
    }

    /// The statement; none for an empty text.
    pub fn statement(&self) -> Option<&Statement> {
        self.statement.as_ref()
    }

    /// Its parameters.
    pub fn params(&self) -> &[FieldRef] {
        &self.params
    }

    /// Columns of its rows, if it gives any.
    pub fn columns(&self) -> Option<&SchemaRef> {
        self.columns.as_ref()
    }

    /// Whether it has run and nothing is kept of it that makes the next run faster.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.runs.load(Ordering::Relaxed) > 0 && self.plan.is_empty()
    }

    /// Whether its next run goes the short way.
    #[cfg(test)]
    pub(super) fn is_short(&self) -> bool {
        self.plan.is_short()
    }

    /// The client reads rows by what it was told of them.
    fn must_give(&self, now: &Schema) -> Result<()> {
        let Some(told) = &self.columns else { return Ok(()) };
        // Of others than queries the names are as they come.
        let query = match self.statement.as_ref().map(|statement| &statement.body) {
            Some(Body::Sql(statement)) => matches!(statement.as_ref(), ast::Statement::Query(_)),
            _ => false,
        };
        let same = |(told, now): (&Arc<Field>, &Arc<Field>)| {
            (!query || told.name() == now.name()) && (is_marked_as(told, now) || type_of(told) == type_of(now))
        };
        let all = told.fields().len() == now.fields().len() && told.fields().iter().zip(now.fields()).all(same);
        match all {
            true => Ok(()),
            false => Err(Error::new(Kind::Unsupported, "cached plan must not change result type")
                .by_routine("RevalidateCachedQuery")),
        }
    }
}

/// Whether two columns are of the same type in every particular, which is quickly told.
fn is_marked_as(told: &Field, now: &Field) -> bool {
    told.data_type() == now.data_type() && told.metadata().get(TYPE_METADATA) == now.metadata().get(TYPE_METADATA)
}

/// A column's type; of exact numbers the digits are those of the values.
fn type_of(field: &Field) -> Option<SqlType> {
    // A numeric that is kept as the text that shows it.
    if field.metadata().get(TYPE_METADATA).is_some_and(|mark| mark == DIGITS_MARK) {
        return Some(SqlType::Numeric(None));
    }
    match SqlType::from_field(field) {
        Ok(SqlType::Numeric(_)) => Some(SqlType::Numeric(None)),
        Ok(sql_type) => Some(sql_type),
        Err(_) => None,
    }
}

impl Session {
    /// Describes a statement and keeps it under a name; one without a name takes the place of the last. A type that is
    /// `declared` is kept, others are inferred.
    pub async fn prepare(
        &mut self,
        name: &str,
        statement: Option<Statement>,
        declared: &[Option<Field>],
    ) -> Result<()> {
        self.keep(name, statement, declared, false).await
    }

    async fn keep(
        &mut self,
        name: &str,
        statement: Option<Statement>,
        declared: &[Option<Field>],
        from_sql: bool,
    ) -> Result<()> {
        if self.prepared.len() >= PREPARED_MAX {
            let message = format!("a connection can have at most {PREPARED_MAX} prepared statements");
            return Err(Error::new(Kind::LimitExceeded, message).with_hint("Close those that are not needed."));
        }
        let prepared = Box::pin(self.described(statement, declared, from_sql)).await?;
        if !name.is_empty() && self.prepared.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(Kind::DuplicateStatement, message));
        }
        Arc::make_mut(&mut self.prepared).insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    /// A statement, described.
    pub(super) async fn described(
        &mut self,
        statement: Option<Statement>,
        declared: &[Option<Field>],
        from_sql: bool,
    ) -> Result<Prepared> {
        let (params, columns) = match &statement {
            Some(statement) => {
                let described = self.describe(statement, declared).await?;
                (described.params.into_iter().map(Arc::new).collect(), described.columns)
            }
            None => (Vec::new(), None),
        };
        let prepared_us = chrono::Utc::now().timestamp_micros();
        let (runs, plan) = (AtomicU64::new(0), Arc::default());
        Ok(Prepared { statement, params, columns, from_sql, prepared_us, runs, plan })
    }

    /// The prepared statement of this name.
    pub fn prepared(&self, name: &str) -> Option<Arc<Prepared>> {
        self.prepared.get(name).cloned()
    }

    fn must_get_prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        self.prepared(name).ok_or_else(|| undefined(name))
    }

    /// Forgets the prepared statement of this name; says whether there was one.
    pub fn deallocate(&mut self, name: &str) -> bool {
        self.prepared.contains_key(name) && Arc::make_mut(&mut self.prepared).remove(name).is_some()
    }

    /// Runs a prepared statement that is not empty, as [`Self::execute`] does.
    pub async fn execute_prepared(&mut self, prepared: &Prepared, values: Vec<ScalarValue>) -> Result<Outcome> {
        let outcome = self.run_prepared(prepared, values).await?;
        if let Outcome::Rows { schema, .. } = &outcome {
            prepared.must_give(schema)?;
        }
        Ok(outcome)
    }

    /// As [`Self::execute_prepared`], for who has been told nothing of its columns.
    pub(super) async fn run_prepared(&mut self, prepared: &Prepared, values: Vec<ScalarValue>) -> Result<Outcome> {
        let Some(statement) = &prepared.statement else {
            return Err(Error::internal("an empty statement is run"));
        };
        prepared.runs.fetch_add(1, Ordering::Relaxed);
        self.kept_plan = Some(prepared.plan.clone());
        self.run_with(statement, &prepared.params, values).await
    }
}

fn undefined(name: &str) -> Error {
    Error::new(Kind::UndefinedStatement, format!("prepared statement \"{name}\" does not exist"))
}

/// Runs PREPARE, which is all of `whole`.
pub async fn prepare(
    session: &mut Session,
    name: &ast::Ident,
    types: &[ast::DataType],
    inner: ast::Statement,
    whole: &Statement,
) -> Result<Outcome> {
    use ast::Statement as Sql;
    if !matches!(inner, Sql::Query(_) | Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_)) {
        let word = inner.to_string();
        let word = word.split_whitespace().next().unwrap_or_default().to_lowercase();
        return Err(Error::new(Kind::Syntax, format!("syntax error at or near \"{word}\""))
            .with_hint("SELECT, VALUES, INSERT, UPDATE and DELETE can be prepared."));
    }
    let (context, _) = session.context();
    let declared =
        types.iter().enumerate().map(|(at, data_type)| match data_type.to_string().to_lowercase().as_str() {
            "unknown" => Ok(None),
            _ => Ok(Some(parameters::as_parameter(&sql_type_in(&context, data_type)?, at + 1))),
        });
    let declared: Vec<Option<Field>> = declared.collect::<Result<_>>()?;
    let statement = Statement { body: Body::Sql(Box::new(inner)), text: whole.text.clone(), offset: whole.offset };
    session.keep(&fold(name), Some(statement), &declared, true).await?;
    Ok(Outcome::Command("PREPARE".to_owned()))
}

/// Runs EXECUTE.
pub async fn execute(session: &mut Session, name: &ast::ObjectName, args: &[ast::Expr]) -> Result<Outcome> {
    let (prepared, values) = called(session, name, args)?;
    if prepared.is_empty() {
        return Ok(Outcome::Command(String::new()));
    }
    Box::pin(session.execute_prepared(&prepared, values)).await
}

/// The statement that EXPLAIN EXECUTE explains, with the values of its parameters; they are the session's from now on.
pub fn explained(session: &mut Session, name: &ast::ObjectName, args: &[ast::Expr]) -> Result<ast::Statement> {
    let (prepared, values) = called(session, name, args)?;
    let zone = session.settings.zone();
    session.params = Arc::new(parameters::Parameters::bound(&prepared.params, values, &zone)?);
    match prepared.statement.as_ref().map(|statement| &statement.body) {
        Some(Body::Sql(statement)) => Ok(statement.as_ref().clone()),
        _ => Err(execute::explains_queries_only()),
    }
}

/// The prepared statement of this name, and the values of these arguments.
fn called(session: &Session, name: &ast::ObjectName, args: &[ast::Expr]) -> Result<(Arc<Prepared>, Vec<ScalarValue>)> {
    let name = last(name);
    let prepared = session.must_get_prepared(&name)?;
    let (given, wanted) = (args.len(), prepared.params.len());
    if given != wanted {
        let message = format!("wrong number of parameters for prepared statement \"{name}\"");
        let detail = format!("Expected {wanted} parameters but got {given}.");
        return Err(Error::new(Kind::Syntax, message).with_detail(detail));
    }
    let values = args.iter().zip(&prepared.params).enumerate();
    let values = values.map(|(at, (arg, field))| value(session, arg, field, at + 1)).collect::<Result<_>>()?;
    Ok((prepared, values))
}

/// The value of an argument for the parameter with this number and type.
fn value(session: &Session, arg: &ast::Expr, field: &Field, number: usize) -> Result<ScalarValue> {
    must_be_none(arg)?;
    let asks = ast::visit_expressions(arg, |inner| match inner {
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    if asks.is_break() {
        return Err(Error::new(Kind::Unsupported, "cannot use subquery in EXECUTE parameter"));
    }
    let (context, state) = session.context();
    let (planner, none) = (Planner::new(&context, &state), DFSchema::empty());
    let expression = planner.expression(arg.clone(), &none)?;
    let literal = matches!(expression, Expr::Literal(ScalarValue::Utf8(_), None));
    let expression = lend_as(expression, field)?;
    let row = crate::txn::batch(Arc::new(Schema::empty()), Vec::new(), 1)?;
    let array = planner.physical(expression, &none)?.evaluate(&row)?.into_array(1)?;
    Ok(ScalarValue::try_from_array(&assigned(&array, field, literal, number, &session.settings.zone())?, 0)?)
}

/// An argument as a value of a parameter's type, if PostgreSQL assigns the one to the other.
fn assigned(array: &ArrayRef, field: &Field, literal: bool, number: usize, zone: &Zone) -> Result<ArrayRef> {
    let (have, want) = (array.data_type(), field.data_type());
    let Ok(sql_type) = SqlType::from_field(field) else { return Ok(array.clone()) };
    let refused = || -> Result<ArrayRef> {
        let have = SqlType::from_arrow(have)?;
        let message = format!("parameter ${number} of type {have} cannot be coerced to the expected type {sql_type}");
        Err(Error::new(Kind::DatatypeMismatch, message).with_hint("You will need to rewrite or cast the expression."))
    };
    match (have, want) {
        // Numbers keep their digits.
        (DataType::Decimal128(..) | DataType::Decimal256(..), DataType::Decimal128(..)) => Ok(array.clone()),
        (have, DataType::Decimal128(..)) if have.is_integer() => Ok(cast(array, &DataType::Decimal128(20, 0))?),
        (DataType::Utf8, want) if !literal && *want != DataType::Utf8 => refused(),
        _ => match zone.assign(array, &sql_type) {
            Err(error) if error.kind() == Kind::DatatypeMismatch => refused(),
            assigned => assigned,
        },
    }
}

/// Runs DEALLOCATE.
pub fn deallocate(session: &mut Session, name: &ast::Ident) -> Result<Outcome> {
    if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") {
        session.prepared = Arc::default();
        return Ok(Outcome::Command("DEALLOCATE ALL".to_owned()));
    }
    let name = fold(name);
    match session.deallocate(&name) {
        true => Ok(Outcome::Command("DEALLOCATE".to_owned())),
        false => Err(undefined(&name)),
    }
}
