//! Answers as batches, and parameters as values. Fields carry the mark by which the wire knows PostgreSQL's type.

use super::eval::{Answer, text_of};
use super::value::{Column, Type, Value};
use super::world::World;
use crate::config::BATCH_ROWS;
use crate::encoding::pg_text::TYPE_METADATA;
use crate::error::{Error, Kind, Result};
use arrow::array::{
    Array, ArrayRef, BooleanBuilder, Decimal128Array, Float32Array, Float64Array, Int16Builder, Int32Builder,
    Int64Builder, ListArray, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// Digits before and behind the point of a numeric without a modifier.
const NUMERIC: DataType = DataType::Decimal128(38, 9);
const NUMERIC_UNIT: f64 = 1e9;

/// The schema of an answer's batches.
pub fn schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| field(&column.name, &column.data_type)).collect::<Vec<_>>()))
}

/// The field of a column, or of a parameter.
pub fn field(name: &str, data_type: &Type) -> Field {
    let field = Field::new(name, arrow_type(data_type), true);
    match mark(data_type) {
        Some(mark) => field.with_metadata([(TYPE_METADATA.to_owned(), mark)].into()),
        None => field,
    }
}

fn arrow_type(data_type: &Type) -> DataType {
    match data_type {
        Type::Bool => DataType::Boolean,
        Type::Int2 => DataType::Int16,
        Type::Int4 => DataType::Int32,
        Type::Int8 | Type::Oid | Type::Xid => DataType::Int64,
        Type::Float4 => DataType::Float32,
        Type::Float8 => DataType::Float64,
        Type::Numeric => NUMERIC,
        Type::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Array(item) => DataType::List(Arc::new(field("item", item))),
        // Vectors are no arrays on the wire, and what has a name is shown by it.
        _ => DataType::Utf8,
    }
}

/// How field metadata names a type that Arrow's does not tell.
fn mark(data_type: &Type) -> Option<String> {
    let name = match data_type {
        Type::Char => "\"char\"",
        Type::Name => "name",
        Type::Numeric => "numeric",
        Type::Varchar => "varchar",
        Type::Oid => "oid",
        Type::Xid => "xid",
        Type::Tid => "tid",
        Type::Regclass => "regclass",
        Type::Regtype => "regtype",
        Type::Regproc => "regproc",
        Type::Regoperator => "regoperator",
        Type::Regnamespace => "regnamespace",
        Type::Regrole => "regrole",
        Type::Int2Vector => "int2vector",
        Type::OidVector => "oidvector",
        Type::PgNodeTree => "pg_node_tree",
        Type::AclItem => "aclitem",
        Type::Json => "json",
        Type::Jsonb => "jsonb",
        Type::Record => "record",
        Type::Array(item) => return Some(format!("{}[]", mark(item)?)),
        _ => return None,
    };
    Some(name.to_owned())
}

/// The rows of an answer.
pub fn batches(answer: &Answer, schema: &SchemaRef, world: &dyn World) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for rows in answer.rows.chunks(BATCH_ROWS) {
        let mut arrays = Vec::new();
        for (at, column) in answer.columns.iter().enumerate() {
            let values: Vec<&Value> = rows.iter().map(|row| row.get(at).unwrap_or(&Value::Null)).collect();
            arrays.push(array(&values, &column.data_type, world)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        batches.push(RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?);
    }
    Ok(batches)
}

macro_rules! built {
    ($builder:expr, $values:expr, $data_type:expr, $from:pat => $to:expr) => {{
        let mut builder = $builder;
        for value in $values {
            match value {
                Value::Null => builder.append_null(),
                $from => builder.append_value($to),
                _ => return Err(misfit($data_type)),
            }
        }
        Arc::new(builder.finish()) as ArrayRef
    }};
}

fn misfit(data_type: &Type) -> Error {
    Error::internal(format!("a value of the catalogue is not of its type {data_type:?}"))
}

fn array(values: &[&Value], data_type: &Type, world: &dyn World) -> Result<ArrayRef> {
    let number = |value: &Value| match value {
        Value::Float(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        _ => None,
    };
    Ok(match data_type {
        Type::Bool => built!(BooleanBuilder::new(), values, data_type, Value::Bool(flag) => *flag),
        Type::Int2 => built!(Int16Builder::new(), values, data_type, Value::Int(number) => fit(*number)?),
        Type::Int4 => built!(Int32Builder::new(), values, data_type, Value::Int(number) => fit(*number)?),
        Type::Int8 | Type::Oid | Type::Xid => {
            built!(Int64Builder::new(), values, data_type, Value::Int(number) => *number)
        }
        Type::Float4 => Arc::new(values.iter().map(|value| number(value).map(|n| n as f32)).collect::<Float32Array>()),
        Type::Float8 => Arc::new(values.iter().map(|value| number(value)).collect::<Float64Array>()),
        Type::Numeric => {
            let numbers = values.iter().map(|value| match value {
                Value::Null => Ok(None),
                value => decimal(value).map(Some),
            });
            Arc::new(numbers.collect::<Result<Decimal128Array>>()?.with_data_type(NUMERIC))
        }
        Type::Timestamptz => {
            let builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            built!(builder, values, data_type, Value::Moment(micros) => *micros)
        }
        Type::Array(item) => list(values, item, world)?,
        _ => {
            let mut builder = StringBuilder::new();
            for value in values {
                match value {
                    Value::Null => builder.append_null(),
                    value => builder.append_value(text_of(world, value, data_type)),
                }
            }
            Arc::new(builder.finish())
        }
    })
}

fn fit<T: TryFrom<i64>>(number: i64) -> Result<T> {
    T::try_from(number).map_err(|_| Error::new(Kind::NumericOutOfRange, "integer out of range"))
}

fn decimal(value: &Value) -> Result<i128> {
    let out_of_range = || Error::new(Kind::NumericOutOfRange, "numeric out of range");
    match value {
        Value::Int(number) => Ok(i128::from(*number) * NUMERIC_UNIT as i128),
        Value::Float(number) if number.is_finite() && number.abs() < 1e28 => {
            let (whole, part) = (number.trunc(), number.fract());
            Ok(whole as i128 * NUMERIC_UNIT as i128 + (part * NUMERIC_UNIT).round() as i128)
        }
        _ => Err(out_of_range()),
    }
}

fn list(values: &[&Value], item: &Type, world: &dyn World) -> Result<ArrayRef> {
    let (mut items, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let own: &[Value] = match value {
            Value::Array(own) => own,
            Value::Null => &[],
            _ => return Err(misfit(item)),
        };
        valid.push(matches!(value, Value::Array(_)));
        lengths.push(own.len());
        items.extend(own);
    }
    let items = array(&items, item, world)?;
    let nulls = NullBuffer::from(valid);
    let list =
        ListArray::try_new(Arc::new(field("item", item)), OffsetBuffer::from_lengths(lengths), items, Some(nulls));
    Ok(Arc::new(list?))
}

/// A parameter's value. One of a text's type may still become what its place asks for.
pub fn parameter(value: &ScalarValue) -> Result<(Value, Type)> {
    Ok(match value {
        ScalarValue::Null => (Value::Null, Type::Unknown),
        ScalarValue::Boolean(flag) => (flag.map_or(Value::Null, Value::Bool), Type::Bool),
        ScalarValue::Int16(number) => (whole(number.map(i64::from)), Type::Int2),
        ScalarValue::Int32(number) => (whole(number.map(i64::from)), Type::Int4),
        ScalarValue::Int64(number) => (whole(*number), Type::Int8),
        ScalarValue::UInt32(number) => (whole(number.map(i64::from)), Type::Oid),
        ScalarValue::Float32(number) => (number.map_or(Value::Null, |n| Value::Float(f64::from(n))), Type::Float4),
        ScalarValue::Float64(number) => (number.map_or(Value::Null, Value::Float), Type::Float8),
        ScalarValue::TimestampMicrosecond(micros, _) => (micros.map_or(Value::Null, Value::Moment), Type::Timestamptz),
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            (text.as_deref().map_or(Value::Null, |text| Value::Text(text.into())), Type::Unknown)
        }
        ScalarValue::List(list) => {
            let item = type_of(&Field::new("item", list.value_type(), true));
            let item = if item == Type::Unknown { Type::Text } else { item };
            if list.is_empty() || list.is_null(0) {
                return Ok((Value::Null, Type::Array(Box::new(item))));
            }
            let items = list.value(0);
            let values = (0..items.len()).map(|at| {
                let scalar = ScalarValue::try_from_array(&items, at)?;
                Ok(parameter(&scalar)?.0)
            });
            (Value::Array(values.collect::<Result<_>>()?), Type::Array(Box::new(item)))
        }
        other => match other.cast_to(&DataType::Utf8)? {
            ScalarValue::Utf8(Some(text)) => (Value::Text(text.into()), Type::Unknown),
            _ => (Value::Null, Type::Unknown),
        },
    })
}

fn whole(number: Option<i64>) -> Value {
    number.map_or(Value::Null, Value::Int)
}

/// The type that a parameter was declared to have.
pub fn type_of(field: &Field) -> Type {
    let by_mark = match field.metadata().get(TYPE_METADATA).map(String::as_str) {
        Some("name") => Some(Type::Name),
        Some("oid") => Some(Type::Oid),
        Some("xid") => Some(Type::Xid),
        Some("regclass") => Some(Type::Regclass),
        Some("regtype") => Some(Type::Regtype),
        Some("regproc") => Some(Type::Regproc),
        Some("\"char\"") => Some(Type::Char),
        Some("varchar") => Some(Type::Varchar),
        Some("json") => Some(Type::Json),
        Some("jsonb") => Some(Type::Jsonb),
        _ => None,
    };
    by_mark.unwrap_or_else(|| match field.data_type() {
        DataType::Boolean => Type::Bool,
        DataType::Int16 => Type::Int2,
        DataType::Int32 => Type::Int4,
        DataType::Int64 => Type::Int8,
        DataType::UInt32 => Type::Oid,
        DataType::Float32 => Type::Float4,
        DataType::Float64 => Type::Float8,
        DataType::Decimal128(..) => Type::Numeric,
        DataType::Timestamp(..) => Type::Timestamptz,
        DataType::Utf8 => Type::Text,
        DataType::List(item) => Type::Array(Box::new(type_of(item))),
        _ => Type::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_marked_for_the_wire() {
        let marks = |data_type: Type| field("c", &data_type).metadata().get(TYPE_METADATA).cloned();
        assert_eq!(marks(Type::Oid).as_deref(), Some("oid"));
        assert_eq!(marks(Type::Array(Box::new(Type::Name))).as_deref(), Some("name[]"));
        assert_eq!(marks(Type::Int4), None);
        assert_eq!(type_of(&field("c", &Type::Oid)), Type::Oid);
    }

    #[test]
    fn numerics_keep_their_digits() {
        assert_eq!(decimal(&Value::Float(12.5)).unwrap(), 12_500_000_000);
        assert_eq!(decimal(&Value::Int(-3)).unwrap(), -3_000_000_000);
        assert!(decimal(&Value::Float(f64::NAN)).is_err());
    }
}
