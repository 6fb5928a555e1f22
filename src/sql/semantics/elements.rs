//! What elements of arrays are, where the engine forgets it: a mark tells that a text is a uuid or a label, and the engine's functions
//! give elements without it, or make arrays without it.

use super::function::{self, Operator};
use super::resolve::lend_as;
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Unnest};
use std::sync::Arc;

/// A value under the field of its type, which the engine took for another mark's or none's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Retyped {
    field: Field,
}

impl Retyped {
    /// Values as of a type.
    pub fn to(sql_type: &SqlType) -> Self {
        Self { field: sql_type.field("") }
    }
}

impl Operator for Retyped {
    fn name(&self) -> &'static str {
        "same"
    }

    fn returns(&self) -> Field {
        self.field.clone()
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let array = operands[0].to_array(rows)?;
        match self.field.data_type() {
            same if same == array.data_type() => Ok(array),
            DataType::List(item) => {
                let other = || Error::internal("an array has other elements");
                let list = array.as_list_opt::<i32>().ok_or_else(other)?;
                let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
                Ok(Arc::new(ListArray::try_new(item.clone(), offsets, list.values().clone(), nulls)?))
            }
            _ => Err(Error::internal("a value is of another type")),
        }
    }
}

/// The type of elements that a mark tells apart from texts; none of others.
fn kept_as_text(item: SqlType) -> Option<SqlType> {
    (item.arrow() == DataType::Utf8 && item != SqlType::Text).then_some(item)
}

/// The type of such elements of an array of this field.
fn element_of(field: &Field) -> Option<SqlType> {
    match SqlType::from_field(field) {
        Ok(SqlType::Array(item)) => kept_as_text(*item),
        _ => None,
    }
}

/// The type of `array_agg` of values of this field, if the engine does not know it.
pub fn gathered(field: &Field) -> Option<SqlType> {
    let item = SqlType::from_field(field).ok().and_then(kept_as_text)?;
    Some(SqlType::Array(Box::new(item)))
}

/// A call of one of the engine's functions of arrays, with quoted literals as elements of theirs; and what the result is, if the engine
/// does not know.
pub fn call(name: &str, args: &mut [Expr], schema: &DFSchema) -> Result<Option<Retyped>> {
    // Which argument is an element, and whether the result is one, or an array.
    let (elements, gives): (&[usize], Option<bool>) = match name {
        "array_element" => (&[], Some(true)),
        "array_has" | "array_position" | "array_positions" => (&[1], None),
        "array_append" | "array_remove" | "array_remove_all" => (&[1], Some(false)),
        "array_prepend" => (&[0], Some(false)),
        "array_replace" | "array_replace_all" => (&[1, 2], Some(false)),
        "array_concat" | "array_slice" => (&[], Some(false)),
        _ => return Ok(None),
    };
    let found = args.iter().find_map(|arg| element_of(&arg.to_field(schema).ok()?.1));
    let Some(item) = found else { return Ok(None) };
    for at in elements {
        if let Some(arg) = args.get_mut(*at) {
            *arg = lend_as(std::mem::take(arg), &item.field(""))?;
        }
    }
    Ok(gives.map(|one| match one {
        true => Retyped::to(&item),
        false => Retyped::to(&SqlType::Array(Box::new(item))),
    }))
}

/// `unnest` of arrays, its rows as what the elements were.
pub fn unnested(unnest: Unnest) -> DfResult<LogicalPlan> {
    let input = unnest.input.schema().clone();
    let marked: Vec<(Column, SqlType)> = unnest
        .list_type_columns
        .iter()
        .filter(|(_, column)| column.depth == 1)
        .filter_map(|(at, column)| Some((column.output_column.clone(), element_of(input.field(*at))?)))
        .collect();
    let plan = LogicalPlan::Unnest(unnest);
    if marked.is_empty() {
        return Ok(plan);
    }
    let columns = plan.schema().columns().into_iter().map(|column| {
        let found = marked.iter().find(|(output, _)| output.name == column.name && column.relation == output.relation);
        match found {
            Some((_, item)) => {
                let (relation, name) = (column.relation.clone(), column.name.clone());
                function::call(Retyped::to(item), vec![Expr::Column(column)]).alias_qualified(relation, name)
            }
            None => Expr::Column(column),
        }
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
