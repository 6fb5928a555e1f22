//! `max` and `min` of floating point numbers by groups: NaN is the greatest, as in PostgreSQL, where the engine's take the first or
//! the last of what does not compare.

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility};
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

static MAX: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| made("max", Ordering::Greater));
static MIN: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| made("min", Ordering::Less));

fn made(name: &'static str, wanted: Ordering) -> Arc<AggregateUDF> {
    let of = |data_type| TypeSignature::Exact(vec![data_type]);
    let signature = Signature::one_of(vec![of(DataType::Float64), of(DataType::Float32)], Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Extreme { name, wanted: wanted as i8, signature }))
}

/// The function of this name over a type, where it is one of these.
pub fn of(name: &str, data_type: Option<&DataType>) -> Option<Arc<AggregateUDF>> {
    match (name, data_type) {
        ("max", Some(DataType::Float32 | DataType::Float64)) => Some(MAX.clone()),
        ("min", Some(DataType::Float32 | DataType::Float64)) => Some(MIN.clone()),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    name: &'static str,
    /// How what is wanted compares with what is not: an [`Ordering`].
    wanted: i8,
    signature: Signature,
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Float64))
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type().clone();
        Ok(Box::new(Found { found: None, wanted: self.wanted, data_type }))
    }
}

#[derive(Debug)]
struct Found {
    found: Option<f64>,
    wanted: i8,
    data_type: DataType,
}

impl Found {
    fn look_at(&mut self, value: f64) {
        let better = self.found.is_none_or(|found| compare(value, found) as i8 == self.wanted);
        if better {
            self.found = Some(value);
        }
    }
}

/// NaN is greater than all and equal to itself.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Accumulator for Found {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = cast(&values[0], &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        values.iter().flatten().for_each(|value| self.look_at(value));
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(match self.data_type {
            DataType::Float32 => ScalarValue::Float32(self.found.map(|found| found as f32)),
            _ => ScalarValue::Float64(self.found),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }
}
