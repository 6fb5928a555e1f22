//! Masking functions: mask_email, mask_partial, mask_phone, mask_null, tokenize.

use super::super::context::Context;
use super::args;
use super::udf::{Udf, any_of};
use crate::error::{Error, Kind, Result};
use crate::governance::mask;
use arrow::array::{Array, ArrayRef, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let field = Field::new(name, DataType::Utf8, true);
    let each = |mask: fn(Option<&str>) -> Option<String>| {
        Udf::make(name, any_of(&[1]), field.clone(), move |args, _| {
            let values = args::texts(&args[0])?;
            Ok(Arc::new(values.iter().map(mask).collect::<StringArray>()) as ArrayRef)
        })
    };
    Some(match name {
        "mask_email" => each(mask::mask_email),
        "mask_phone" => each(mask::mask_phone),
        "mask_name" => each(mask::mask_name),
        "mask_address" => each(mask::mask_address),
        "mask_null" => Udf::make(name, any_of(&[1]), field, |_, rows| Ok(new_null_array(&DataType::Utf8, rows))),
        "mask_partial" => Udf::make(name, any_of(&[4]), field, |args, rows| {
            let values = args::texts(&args[0])?;
            let (prefix, pad, suffix) = (args::texts(&args[1])?, args::texts(&args[2])?, args::texts(&args[3])?);
            let masked = (0..rows).map(|row| {
                let any_null = values.is_null(row) || prefix.is_null(row) || pad.is_null(row) || suffix.is_null(row);
                if any_null {
                    return Ok(None);
                }
                let (prefix, suffix) = (count(prefix.value(row))?, count(suffix.value(row))?);
                Ok(mask::mask_partial(Some(values.value(row)), prefix, pad.value(row), suffix))
            });
            Ok(Arc::new(masked.collect::<Result<StringArray>>()?) as ArrayRef)
        }),
        "tokenize" => {
            let key = context.database.token_key.clone();
            Udf::make(name, any_of(&[1, 2]), field, move |args, _| {
                let values = args::texts(&args[0])?;
                let names = args.get(1).map(args::texts).transpose()?;
                let tokens = values.iter().enumerate().map(|(row, value)| {
                    let name = names.as_ref().map_or("default", |names| names.value(row));
                    // The length stands before the name, so that no other name and value make the same bytes.
                    let length = (name.len() as u64).to_be_bytes();
                    mask::tokenize(value, |bytes| key.tag(&[&length, name.as_bytes(), bytes]))
                });
                Ok(Arc::new(tokens.collect::<StringArray>()) as ArrayRef)
            })
        }
        _ => return None,
    })
}

fn count(text: &str) -> Result<usize> {
    text.parse().map_err(|_| Error::new(Kind::InvalidParameter, "a count of characters must not be negative"))
}
