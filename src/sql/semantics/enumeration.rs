//! Enumerated types are ordered as their labels were declared; the texts that their values are kept as are not.
//!
//! So where order counts, the place of the label stands for the value (`keyed::order_key`).

use super::function::{self, Operator};
use crate::catalog::{Enumerated, SqlType};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
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
pub fn place(of: &Enumerated, expr: Expr, schema: &DFSchema) -> Expr {
    let list = matches!(expr.get_type(schema), Ok(DataType::List(_)));
    function::call(Place { of: of.clone(), list }, vec![expr])
}

/// The same of an expression that is of such a type.
pub fn place_of(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    enum_of(expr, schema).map(|of| place(&of, expr.clone(), schema))
}
