//! WITH RECURSIVE over numerics. The engine gives a recursive query the type that its first part has when it is planned, and rounds what
//! the second gives to the places of a literal there; in PostgreSQL such a column is a numeric without places of its own.

use super::candidates::name_of;
use super::function;
use super::marked::Marked;
use super::wide::{WIDE, decimal};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, RecursiveQuery, cast,
};
use std::sync::Arc;

/// The columns of the rows that a recursive query has come to, as its second part sees them.
pub fn working_table(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match decimal(field.data_type()) {
        Some(_) => Arc::new(Field::new(field.name(), WIDE, true)),
        None => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The query whose parts give numerics with all their places; `planned` are the types that it was planned with.
pub fn settled(query: RecursiveQuery) -> DfResult<RecursiveQuery> {
    let planned: Vec<DataType> = query.schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let recursive = uncut(query.recursive_term.as_ref().clone(), &planned)?;
    for (at, planned) in planned.iter().enumerate() {
        let (first, then) = (query.static_term.schema().field(at), recursive.schema().field(at));
        must_be_alike(&query.name, at, planned, first, then)?;
    }
    if !planned.iter().any(|planned| decimal(planned).is_some()) {
        return match as_texts(query.recursive_term.as_ref().clone(), &query.static_term)? {
            Some(recursive) => {
                RecursiveQuery::try_new(query.name, query.static_term, Arc::new(recursive), query.is_distinct)
            }
            None => Ok(query),
        };
    }
    let recursive = match as_texts(recursive.clone(), &query.static_term)? {
        Some(texts) => texts,
        None => recursive,
    };
    let first = widened(query.static_term.as_ref().clone(), &planned)?;
    let recursive = widened(recursive, &planned)?;
    RecursiveQuery::try_new(query.name, Arc::new(first), Arc::new(recursive), query.is_distinct)
}

/// The second part without the casts to the types of the first, where these are numerics, or whole numbers that cut places off.
fn uncut(plan: LogicalPlan, planned: &[DataType]) -> DfResult<LogicalPlan> {
    let LogicalPlan::Projection(projection) = plan else { return Ok(plan) };
    let schema = projection.input.schema().clone();
    let mut items = Vec::with_capacity(planned.len());
    for (item, planned) in projection.expr.into_iter().zip(planned) {
        let (bare, alias) = match item.clone() {
            Expr::Alias(alias) => (*alias.expr.clone(), Some(alias)),
            bare => (bare, None),
        };
        let exact = |operand: &Expr| operand.get_type(&schema).is_ok_and(|own| decimal(&own).is_some());
        items.push(match bare {
            // The engine's casts have a field without a name.
            Expr::Cast(cut) if cut.field.name().is_empty() && cut.field.data_type() == planned && exact(&cut.expr) => {
                let name = match &alias {
                    Some(alias) => alias.name.clone(),
                    None => item.schema_name().to_string(),
                };
                cut.expr.alias_qualified(alias.and_then(|alias| alias.relation), name)
            }
            _ => item,
        });
    }
    Ok(LogicalPlan::Projection(Projection::try_new(items, projection.input)?))
}

/// Refuses a second part that gives numerics where the first gives whole numbers, as PostgreSQL does.
fn must_be_alike(name: &str, at: usize, planned: &DataType, first: &Field, then: &Field) -> Result<()> {
    let named = |field: &Field| SqlType::from_field(field).map_or_else(|_| "record".to_owned(), |t| name_of(&t));
    let exact = |field: &Field| decimal(field.data_type()).is_some();
    if planned.is_integer() && exact(then) {
        let message = format!(
            "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
            at + 1,
            named(first),
            named(then),
        );
        return Err(Error::new(Kind::DatatypeMismatch, message)
            .with_hint("Cast the output of the non-recursive term to the correct type."));
    }
    if planned.is_floating() && exact(first) {
        let message = format!("column {} of recursive query \"{name}\" begins with an average", at + 1);
        return Err(Error::new(Kind::Unsupported, message).with_hint("Cast it to numeric or double precision."));
    }
    Ok(())
}

/// A second part that gives `varchar` where the first gives `text`, with the type of the first; none where nothing is to be done.
fn as_texts(plan: LogicalPlan, first: &LogicalPlan) -> DfResult<Option<LogicalPlan>> {
    let is = |field: &Field, wanted: fn(&SqlType) -> bool| SqlType::from_field(field).is_ok_and(|own| wanted(&own));
    let mut changed = false;
    let columns = plan.schema().iter().zip(first.schema().fields()).map(|((qualifier, field), first)| {
        let column = Expr::Column(Column::from((qualifier, field)));
        let text = is(first, |own| *own == SqlType::Text) && is(field, |own| matches!(own, SqlType::Varchar(_)));
        if !text {
            return column;
        }
        changed = true;
        let marked = Marked { field: first.as_ref().clone() };
        function::call(marked, vec![column]).alias_qualified(qualifier.cloned(), field.name())
    });
    let columns: Vec<Expr> = columns.collect();
    match changed {
        true => LogicalPlanBuilder::from(plan).project(columns)?.build().map(Some),
        false => Ok(None),
    }
}

fn widened(plan: LogicalPlan, planned: &[DataType]) -> DfResult<LogicalPlan> {
    let schema = plan.schema().clone();
    let columns = schema.iter().zip(planned).map(|((qualifier, field), planned)| {
        let column = Expr::Column(Column::from((qualifier, field)));
        match decimal(planned).is_some() && *field.data_type() != WIDE {
            true => cast(column, WIDE).alias_qualified(qualifier.cloned(), field.name()),
            false => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
