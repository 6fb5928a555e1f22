//! Vectors of floating point, as pgvector has them: distances, norms, dimensions.
//!
//! `<->` is the Euclidean distance, `<#>` the inner product with its sign turned so that less is nearer, `<=>` the cosine
//! distance, `<+>` the taxicab distance. Sums are of double precision over values of single precision.

use super::call::Whole;
use super::declared::{Body::Whole as OfBatch, Declaration};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, Int32Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Float32Type};
use std::sync::Arc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    (
        "l2_distance(vector, vector) float8",
        OfBatch(|all| pairs(all, |a, b| sum(a, b, |x, y| (x - y) * (x - y)).sqrt())),
    ),
    ("l1_distance(vector, vector) float8", OfBatch(|all| pairs(all, |a, b| sum(a, b, |x, y| (x - y).abs())))),
    ("inner_product(vector, vector) float8", OfBatch(|all| pairs(all, dot))),
    ("vector_negative_inner_product(vector, vector) float8", OfBatch(|all| pairs(all, |a, b| -dot(a, b)))),
    ("cosine_distance(vector, vector) float8", OfBatch(|all| pairs(all, cosine_distance))),
    ("vector_norm(vector) float8", OfBatch(|all| each(all, |a| dot(a, a).sqrt()))),
    ("vector_dims(vector) int4", OfBatch(dimensions)),
    ("l2_normalize(vector) vector", OfBatch(normalised)),
];

/// The function behind an operator, if it is one of vectors.
pub fn of_operator(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "<->" => "l2_distance",
        "<#>" => "vector_negative_inner_product",
        "<=>" => "cosine_distance",
        "<+>" => "l1_distance",
        _ => return None,
    })
}

/// A column of vectors: all values, and where each begins.
struct Vectors<'a> {
    list: &'a ListArray,
    values: &'a [f32],
}

impl<'a> Vectors<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        let list = array.as_list_opt::<i32>().ok_or_else(|| Error::internal("a vector is no list"))?;
        let values = list.values().as_primitive_opt::<Float32Type>();
        let values = values.ok_or_else(|| Error::internal("a vector is not of real"))?;
        Ok(Self { list, values: values.values() })
    }

    fn get(&self, row: usize) -> Option<&'a [f32]> {
        let offsets = self.list.value_offsets();
        self.list.is_valid(row).then(|| &self.values[offsets[row] as usize..offsets[row + 1] as usize])
    }
}

fn pairs(all: &Whole<'_>, measure: impl Fn(&[f32], &[f32]) -> f64) -> Result<ArrayRef> {
    let (left, right) = (Vectors::of(&all.arrays[0])?, Vectors::of(&all.arrays[1])?);
    let one = |row: usize| match (left.get(row), right.get(row)) {
        (Some(a), Some(b)) if a.len() != b.len() => {
            let message = format!("different vector dimensions {} and {}", a.len(), b.len());
            Err(Error::new(Kind::InvalidParameter, message))
        }
        (Some(a), Some(b)) => Ok(Some(measure(a, b))),
        _ => Ok(None),
    };
    Ok(Arc::new((0..all.rows).map(one).collect::<Result<Float64Array>>()?))
}

fn each(all: &Whole<'_>, measure: impl Fn(&[f32]) -> f64) -> Result<ArrayRef> {
    let vectors = Vectors::of(&all.arrays[0])?;
    Ok(Arc::new((0..all.rows).map(|row| vectors.get(row).map(&measure)).collect::<Float64Array>()))
}

fn dimensions(all: &Whole<'_>) -> Result<ArrayRef> {
    let vectors = Vectors::of(&all.arrays[0])?;
    Ok(Arc::new((0..all.rows).map(|row| vectors.get(row).map(|a| a.len() as i32)).collect::<Int32Array>()))
}

/// Each vector divided by its length; one of length zero stays.
fn normalised(all: &Whole<'_>) -> Result<ArrayRef> {
    let vectors = Vectors::of(&all.arrays[0])?;
    let DataType::List(item) = vectors.list.data_type() else { return Err(Error::internal("a vector is no list")) };
    let (mut values, mut lengths) = (Vec::with_capacity(vectors.values.len()), Vec::with_capacity(all.rows));
    for row in 0..all.rows {
        let vector = vectors.get(row).unwrap_or_default();
        let norm = dot(vector, vector).sqrt();
        values.extend(vector.iter().map(|x| if norm > 0.0 { (f64::from(*x) / norm) as f32 } else { *x }));
        lengths.push(vector.len());
    }
    let nulls = (0..all.rows).map(|row| vectors.list.is_valid(row)).collect::<NullBuffer>();
    let values = Arc::new(Float32Array::from(values));
    Ok(Arc::new(ListArray::try_new(item.clone(), OffsetBuffer::from_lengths(lengths), values, Some(nulls))?))
}

fn sum(a: &[f32], b: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    a.iter().zip(b).map(|(x, y)| of(f64::from(*x), f64::from(*y))).sum()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |x, y| x * y)
}

/// One less the cosine; not a number where a vector is all zeros, as in pgvector.
fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    1.0 - cosine.clamp(-1.0, 1.0)
}
