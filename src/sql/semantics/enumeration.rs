//! Enumerated types are ordered as their labels were declared; the texts that their values are kept as are not.
//!
//! So where order counts, the place of the label stands for the value: in `<` and its like, BETWEEN, ORDER BY, `min` and `max`.

use super::function::{self, Operator};
use crate::catalog::{Enumerated, SqlType};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::DFSchema;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, ScalarFunction, Sort};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable};
use std::sync::Arc;

/// The place of a label among those of its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    of: Enumerated,
    /// Whether the values are arrays of labels.
    list: bool,
}

impl Operator for Place {
    fn name(&self) -> &'static str {
        "enum_place"
    }

    fn returns(&self) -> Field {
        match self.list {
            true => Field::new("", DataType::new_list(DataType::Int32, true), true),
            false => Field::new("", DataType::Int32, true),
        }
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values = operands[0].to_array(rows)?;
        if !self.list {
            return self.places(&values);
        }
        let lists = values.as_list::<i32>();
        let item = Arc::new(Field::new_list_field(DataType::Int32, true));
        let places = self.places(lists.values())?;
        Ok(Arc::new(ListArray::try_new(item, lists.offsets().clone(), places, lists.nulls().cloned())?))
    }
}

impl Place {
    fn places(&self, labels: &ArrayRef) -> Result<ArrayRef> {
        let texts = cast(labels, &DataType::Utf8)?;
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

/// The label at a place: the way back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Label {
    of: Enumerated,
}

impl Operator for Label {
    fn name(&self) -> &'static str {
        "enum_label"
    }

    fn returns(&self) -> Field {
        SqlType::Enum(Box::new(self.of.clone())).field("")
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let places = operands[0].to_array(rows)?;
        let label = |place: i32| usize::try_from(place).ok().and_then(|place| self.of.labels.get(place));
        let labels = places.as_primitive::<Int32Type>().iter().map(|place| place.and_then(label));
        Ok(Arc::new(labels.collect::<StringArray>()))
    }
}

/// `greatest` and `least` of values of an enumerated type.
pub fn furthest(mut call: ScalarFunction, of: Enumerated, schema: &DFSchema) -> Result<Expr> {
    if call.args.iter().any(|arg| matches!(arg.get_type(schema), Ok(DataType::List(_)))) {
        let message = format!("{} of arrays of an enumerated type is not supported", call.name());
        return Err(Error::new(Kind::Unsupported, message));
    }
    call.args =
        call.args.into_iter().map(|arg| function::call(Place { of: of.clone(), list: false }, vec![arg])).collect();
    Ok(function::call(Label { of }, vec![Expr::ScalarFunction(call)]))
}

/// The enumerated type of an expression, or of the elements of one that is an array.
pub fn enum_of(expr: &Expr, schema: &DFSchema) -> Option<Enumerated> {
    if let Expr::Alias(alias) = expr {
        return enum_of(&alias.expr, schema);
    }
    let (_, field) = expr.to_field(schema).ok()?;
    if !matches!(field.data_type(), DataType::Utf8 | DataType::List(_)) {
        return None;
    }
    SqlType::from_field(&field).ok()?.enumerated().cloned()
}

/// The place of a value in its type; of an array those of its elements.
fn place(of: &Enumerated, expr: Expr, schema: &DFSchema) -> Expr {
    let list = matches!(expr.get_type(schema), Ok(DataType::List(_)));
    function::call(Place { of: of.clone(), list }, vec![expr])
}

/// Expressions that are compared by order: by their places if one is of an enumerated type.
pub fn ordered<const N: usize>(all: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let found = all.iter().find_map(|expr| enum_of(expr, schema));
    match found {
        Some(of) => all.map(|expr| place(&of, expr, schema)),
        None => all,
    }
}

/// Keys of an order, by places where they are of an enumerated type.
pub fn sorted(keys: &mut [Sort], schema: &DFSchema) {
    for key in keys {
        if let Some(of) = enum_of(&key.expr, schema) {
            key.expr = place(&of, key.expr.clone(), schema);
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
    let key = Sort { expr: place(&of, arg.clone(), schema), asc: least, nulls_first: false };
    call.params = AggregateFunctionParams { order_by: vec![key], distinct: false, ..call.params };
    call.func = first_value_udaf();
    call
}
