//! enum_range, enum_first, enum_last: what is known of an enumerated type from the type of an argument.

use crate::catalog::{Enumerated, SqlType};
use crate::error::{Error, Kind};
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    let (name, counts): (_, &[usize]) = match name {
        "enum_range" => ("enum_range", &[1, 2]),
        "enum_first" => ("enum_first", &[1]),
        "enum_last" => ("enum_last", &[1]),
        _ => return None,
    };
    let signature = counts.iter().map(|count| TypeSignature::Any(*count)).collect();
    let signature = Signature::one_of(signature, Volatility::Immutable);
    Some(ScalarUDF::new_from_impl(OfType { name, signature }))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OfType {
    name: &'static str,
    signature: Signature,
}

fn enumerated(fields: &[FieldRef]) -> DfResult<Enumerated> {
    let found = fields.iter().find_map(|field| match SqlType::from_field(field) {
        Ok(SqlType::Enum(of)) => Some(*of),
        _ => None,
    });
    Ok(found.ok_or_else(|| Error::new(Kind::DatatypeMismatch, "could not determine actual enum type"))?)
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Utf8, true))
}

impl ScalarUDFImpl for OfType {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(match self.name {
            "enum_range" => DataType::List(item()),
            _ => DataType::Utf8,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let of = enumerated(args.arg_fields)?;
        let label = SqlType::Enum(Box::new(of));
        Ok(Arc::new(match self.name {
            "enum_range" => SqlType::Array(Box::new(label)).field(self.name),
            _ => label.field(self.name),
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let of = enumerated(&args.arg_fields)?;
        let one = |label: Option<&String>| ColumnarValue::Scalar(ScalarValue::Utf8(label.cloned()));
        match self.name {
            "enum_first" => return Ok(one(of.labels.first())),
            "enum_last" => return Ok(one(of.labels.last())),
            _ => {}
        }
        let bound = |at: usize| -> DfResult<Option<usize>> {
            let Some(value) = args.args.get(at).filter(|_| args.args.len() == 2) else { return Ok(None) };
            let texts: ArrayRef = cast(&value.to_array(1)?, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            Ok((!texts.is_empty() && texts.is_valid(0)).then(|| of.place(texts.value(0))).flatten())
        };
        let (from, to) = (bound(0)?.unwrap_or(0), bound(1)?.unwrap_or(of.labels.len().saturating_sub(1)));
        let labels: Vec<&str> =
            of.labels.iter().skip(from).take((to + 1).saturating_sub(from)).map(String::as_str).collect();
        let list = ListArray::try_new(
            item(),
            OffsetBuffer::from_lengths([labels.len()]),
            Arc::new(StringArray::from(labels)),
            None,
        )?;
        Ok(ColumnarValue::Scalar(ScalarValue::List(Arc::new(list))))
    }
}
