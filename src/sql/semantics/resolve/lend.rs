//! Quoted literals and parameters, whose type is open: the type that a neighbour lends them.

use super::super::super::parameters::{self, is_open};
use super::super::super::values::{is_of_now, names_zone, read_one};
use super::{Class, class};
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::{Expr, lit};

/// A quoted literal read as the type of a field, also where only its mark tells that it is no text; a parameter of no type has
/// that of the field.
pub fn lend_as(expr: Expr, field: &Field) -> Result<Expr> {
    if is_open(&expr) && !field.data_type().is_null() {
        return Ok(parameters::typed(expr, |id| parameters::beside(field, id)));
    }
    let sql_type = match SqlType::from_field(field) {
        Ok(
            sql_type @ (SqlType::Uuid
            | SqlType::Inet
            | SqlType::Json
            | SqlType::Jsonb
            | SqlType::Array(_)
            | SqlType::Enum(_)
            | SqlType::Vector(_)),
        ) => sql_type,
        // Its blanks at the end mean nothing.
        Ok(SqlType::Char(_)) => {
            return Ok(match expr {
                Expr::Literal(ScalarValue::Utf8(Some(text)), None) => lit(text.trim_end_matches(' ')),
                other => other,
            });
        }
        // Which is compared as an address.
        Ok(SqlType::Cidr) => SqlType::Inet,
        _ => return lend(expr, Some(field.data_type())),
    };
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), None) => {
            let field = sql_type.field("");
            let mark = (!field.metadata().is_empty()).then(|| FieldMetadata::new_from_field(&field));
            Ok(Expr::Literal(read_one(&text, &sql_type)?, mark))
        }
        other => Ok(other),
    }
}

/// Whether a literal that is cast to a type is one of its values or is refused, whatever becomes of it: a length or places are seen to
/// where the cast is computed.
pub fn is_read_at_once(sql_type: &SqlType) -> bool {
    use SqlType::{Array, Char, Numeric, Text, Varchar, Vector};
    match sql_type {
        Array(item) => is_read_at_once(item),
        sql_type => !matches!(sql_type, Text | Varchar(_) | Char(_) | Numeric(_) | Vector(_)),
    }
}

/// A literal that tells a day or a clock by the moment that it is read at, which the session's zone decides, as that moment; none if it does
/// not.
pub fn of_now(expr: &Expr, data_type: &DataType) -> Option<Expr> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), None) = expr else { return None };
    let asks = matches!(data_type, DataType::Date32 | DataType::Timestamp(_, None));
    (asks && is_of_now(text)).then(|| datafusion::logical_expr::cast(expr.clone(), SqlType::Timestamptz.arrow()))
}

/// A quoted literal read as a type that is no text; a parameter of no type has this one.
pub fn lend(expr: Expr, data_type: Option<&DataType>) -> Result<Expr> {
    if is_open(&expr)
        && let Some(data_type) = data_type.filter(|t| !t.is_null())
        && let Ok(sql_type) = SqlType::from_arrow(data_type)
    {
        return Ok(parameters::of_type(expr, &sql_type));
    }
    let (Expr::Literal(ScalarValue::Utf8(Some(text)), None), Some(data_type)) = (&expr, data_type) else {
        return Ok(expr);
    };
    if let Some(now) = of_now(&expr, data_type) {
        return Ok(datafusion::logical_expr::cast(now, data_type.clone()));
    }
    let sql_type = match data_type {
        // A number keeps the digits that it is written with.
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            let places = text.trim().split_once('.').map_or(0, |(_, fraction)| fraction.len().min(20));
            SqlType::Numeric(Some((38, places as i8)))
        }
        // Which moment it is the session's zone decides, with the casts.
        DataType::Timestamp(..) if data_type == &SqlType::Timestamptz.arrow() && !names_zone(text) => {
            return Ok(datafusion::logical_expr::cast(expr, data_type.clone()));
        }
        DataType::Binary => SqlType::Bytea,
        other if matches!(class(other), Class::Text | Class::Other) => return Ok(expr),
        other => SqlType::from_arrow(other)?,
    };
    Ok(Expr::Literal(read_one(text, &sql_type)?, None))
}
