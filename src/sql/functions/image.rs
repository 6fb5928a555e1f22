//! IMAGE_SIMILARITY: how alike two images look, by their perceptual hashes.

use super::args;
use super::udf::{Udf, any_of};
use crate::error::{Error, Kind, Result};
use crate::sources::image::distance;
use arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// Bits of a hash.
const BITS: f64 = 64.0;

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    let field = Field::new(name, DataType::Float64, true);
    (name == "image_similarity").then(|| Udf::make(name, any_of(&[2]), field, similarity))
}

/// The share of bits in which the hashes of each row agree; NULL for NULL.
fn similarity(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (left, right) = (args::texts(&args[0])?, args::texts(&args[1])?);
    let of = |row: usize| match (hash(&left, row)?, hash(&right, row)?) {
        (Some(left), Some(right)) => Ok(Some(1.0 - f64::from(distance(left, right)) / BITS)),
        _ => Ok(None),
    };
    Ok(Arc::new((0..rows).map(of).collect::<Result<Float64Array>>()?))
}

fn hash(texts: &StringArray, row: usize) -> Result<Option<u64>> {
    if texts.is_null(row) {
        return Ok(None);
    }
    let text = texts.value(row);
    let is_hash = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u64::from_str_radix(text, 16) {
        Ok(hash) if is_hash => Ok(Some(hash)),
        _ => Err(Error::new(Kind::InvalidText, "IMAGE_SIMILARITY wants perceptual hashes")
            .with_hint("They are texts of 16 hexadecimal digits, as column phash of a source's images has them.")),
    }
}
