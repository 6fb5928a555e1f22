//! Enumerated types are ordered as their labels were declared; the texts that their values are kept as are not.
//!
//! So where order counts, the place of the label stands for the value: in `<` and its like, BETWEEN, ORDER BY, `min` and `max`.

use super::function::{self, Operator};
use crate::catalog::{Enumerated, SqlType};
use crate::error::{Error, Kind, Result};
use arrow::array::{ArrayRef, AsArray, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, Sort};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable};
use std::sync::Arc;

/// The place of a label among those of its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    of: Enumerated,
}

impl Operator for Place {
    fn name(&self) -> &'static str {
        "enum_place"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Int32, true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let texts = cast(&operands[0].to_array(rows)?, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let place = |label: &str| match self.of.place(label) {
            Some(place) => Ok(place as i32),
            None => {
                let message = format!("invalid input value for enum {}: \"{label}\"", self.of.name);
                Err(Error::new(Kind::InvalidText, message))
            }
        };
        let places = texts.iter().map(|label| label.map(place).transpose());
        Ok(Arc::new(places.collect::<Result<Int32Array>>()?))
    }
}

/// The enumerated type of an expression.
pub fn enum_of(expr: &Expr, schema: &DFSchema) -> Option<Enumerated> {
    if let Expr::Alias(alias) = expr {
        return enum_of(&alias.expr, schema);
    }
    let (_, field) = expr.to_field(schema).ok()?;
    if field.data_type() != &DataType::Utf8 {
        return None;
    }
    match SqlType::from_field(&field) {
        Ok(SqlType::Enum(of)) => Some(*of),
        _ => None,
    }
}

/// The place of a value in its type.
pub fn place(of: &Enumerated, expr: Expr) -> Expr {
    function::call(Place { of: of.clone() }, vec![expr])
}

/// Expressions that are compared by order: by their places if one is of an enumerated type.
pub fn ordered<const N: usize>(all: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let found = all.iter().find_map(|expr| enum_of(expr, schema));
    match found {
        Some(of) => all.map(|expr| place(&of, expr)),
        None => all,
    }
}

/// Keys of an order, by places where they are of an enumerated type.
pub fn sorted(keys: &mut [Sort], schema: &DFSchema) {
    for key in keys {
        if let Some(of) = enum_of(&key.expr, schema) {
            key.expr = place(&of, key.expr.clone());
        }
    }
}

/// `min` and `max` of an enumerated type: its first value in that order.
pub fn extreme(mut call: AggregateFunction, schema: &DFSchema) -> AggregateFunction {
    let least = match call.func.name() {
        "min" => true,
        "max" => false,
        _ => return call,
    };
    let [arg] = call.params.args.as_slice() else { return call };
    let Some(of) = enum_of(arg, schema) else { return call };
    let key = Sort { expr: place(&of, arg.clone()), asc: least, nulls_first: false };
    call.params = AggregateFunctionParams { order_by: vec![key], distinct: false, ..call.params };
    call.func = first_value_udaf();
    call
}
