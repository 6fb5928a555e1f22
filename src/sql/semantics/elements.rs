//! What elements of arrays are, where the engine forgets it: a mark tells that a text is a uuid or a label, and the engine's functions
//! give elements without it, or make arrays without it.

use super::common;
use super::function::{self, Operator};
use super::resolve::lend_as;
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
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

    /// Arrays whose elements are of a type.
    pub fn to_array_of(item: SqlType) -> Self {
        Self::to(&SqlType::Array(Box::new(item)))
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

/// Whether both are arrays, of elements that are never equal: numbers and texts, say.
pub fn differ(left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    let kind = |side: &Expr| match side.get_type(schema) {
        Ok(DataType::List(item)) => match item.data_type() {
            DataType::Utf8 => Some(0),
            DataType::Boolean => Some(1),
            DataType::Date32 | DataType::Timestamp(..) => Some(2),
            number if number.is_numeric() => Some(3),
            _ => None,
        },
        _ => None,
    };
    kind(left).zip(kind(right)).is_some_and(|(left, right)| left != right)
}

/// The field of an expression; of an array's elements that `unnest` gives, with their mark.
pub fn field_of(expr: &Expr, schema: &DFSchema) -> DfResult<FieldRef> {
    let field = expr.to_field(schema)?.1;
    match expr {
        Expr::Unnest(unnest) => {
            let item = element_of(&unnest.expr.to_field(schema)?.1);
            Ok(item.map_or(field.clone(), |item| Arc::new(item.field(field.name()))))
        }
        _ => Ok(field),
    }
}

/// A plan whose `unnest` gives what the elements of its arrays were, as soon as it is planned.
pub fn marked(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    if !plan.exists(|node| Ok(matches!(node, LogicalPlan::Unnest(_))))? {
        return Ok(plan);
    }
    let each = |node| match node {
        LogicalPlan::Unnest(unnest) => Ok(Transformed::yes(unnested(unnest)?)),
        node => Ok(Transformed::yes(node.recompute_schema()?)),
    };
    Ok(plan.transform_up(each)?.data)
}

/// The type of `array_agg` of values of this field, if the engine does not know it.
pub fn gathered(field: &Field) -> Option<SqlType> {
    let item = SqlType::from_field(field).ok().and_then(kept_as_text)?;
    Some(SqlType::Array(Box::new(item)))
}

/// What the result of one of the engine's functions of arrays is, if it is not for the engine to say.
enum Gives {
    /// An element.
    Element,
    /// An array of the elements that its arguments have.
    Array,
    /// What it is whatever the elements are.
    Other,
}

/// The places of arguments that are elements, and what the result is; nothing of other functions.
fn of_arrays(name: &str) -> Option<(&'static [usize], Gives)> {
    Some(match name {
        "array_element" => (&[], Gives::Element),
        "array_has" | "array_position" | "array_positions" => (&[1], Gives::Other),
        "array_append" | "array_remove" | "array_remove_all" => (&[1], Gives::Array),
        "array_prepend" => (&[0], Gives::Array),
        "array_replace" | "array_replace_all" => (&[1, 2], Gives::Array),
        "array_concat" | "array_slice" => (&[], Gives::Array),
        _ => return None,
    })
}

/// Whether a function gives arrays or elements as its arguments have them, or makes an array.
pub fn is_of_arrays(name: &str) -> bool {
    name == MAKE_ARRAY || matches!(of_arrays(name), Some((_, Gives::Element | Gives::Array)))
}

/// The engine's function that `ARRAY[...]` is.
pub const MAKE_ARRAY: &str = "make_array";

/// The elements of an array that is written out.
pub fn listed(array: &Expr) -> Option<&[Expr]> {
    let Expr::ScalarFunction(call) = array else { return None };
    match (function::operator_of::<Retyped>(call), call.args.as_slice()) {
        (Some(_), [inner]) => listed(inner),
        (None, items) if call.name() == MAKE_ARRAY => Some(items),
        _ => None,
    }
}

/// The type of such a call while it is planned, if a mark has to tell it.
pub fn given(name: &str, fields: &[FieldRef], constants: &[Option<&ScalarValue>]) -> Option<SqlType> {
    if name == MAKE_ARRAY {
        let item = common::planned(fields, constants).filter(|item| !matches!(item, SqlType::Array(_)))?;
        return Some(SqlType::Array(Box::new(item)));
    }
    let (_, gives) = of_arrays(name)?;
    let item = fields.iter().find_map(|field| element_of(field))?;
    match gives {
        Gives::Element => Some(item),
        Gives::Array => Some(SqlType::Array(Box::new(item))),
        Gives::Other => None,
    }
}

/// A call of one of the engine's functions of arrays, with quoted literals as elements of theirs; and what the result is, if the engine
/// does not know.
pub fn call(name: &str, args: &mut [Expr], schema: &DFSchema) -> Result<Option<Retyped>> {
    let Some((elements, gives)) = of_arrays(name) else { return Ok(None) };
    let found = args.iter().find_map(|arg| element_of(&arg.to_field(schema).ok()?.1));
    let Some(item) = found else { return Ok(None) };
    for at in elements {
        if let Some(arg) = args.get_mut(*at) {
            *arg = lend_as(std::mem::take(arg), &item.field(""))?;
        }
    }
    Ok(match gives {
        Gives::Element => Some(Retyped::to(&item)),
        Gives::Array => Some(Retyped::to(&SqlType::Array(Box::new(item)))),
        Gives::Other => None,
    })
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
