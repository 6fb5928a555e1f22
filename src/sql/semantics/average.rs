//! `avg` as the engine's planner meets it: of intervals too, which the engine has no average of. It becomes the engine's own, one of
//! [`squares`], or is taken apart by [`above`](super::above).

use super::squares;
use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{Result as DfResult, not_impl_err, plan_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::sync::{Arc, LazyLock};

static AVERAGE: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
    Arc::new(AggregateUDF::new_from_impl(Average { signature: Signature::user_defined(Volatility::Immutable) }))
});

/// The function.
pub fn average() -> Arc<AggregateUDF> {
    AVERAGE.clone()
}

/// The function that averages values of a type.
pub fn of(data_type: Option<&DataType>) -> Arc<AggregateUDF> {
    match data_type {
        Some(DataType::Interval(_)) => average(),
        Some(DataType::Float32 | DataType::Float64) => squares::of(avg_udaf()),
        _ => avg_udaf(),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Average {
    signature: Signature,
}

impl AggregateUDFImpl for Average {
    fn name(&self) -> &str {
        "avg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        match types {
            [interval @ DataType::Interval(_)] => Ok(interval.clone()),
            types => avg_udaf().return_type(types),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(vec![match types {
            [DataType::Interval(_)] => DataType::Interval(IntervalUnit::MonthDayNano),
            [decimal @ (DataType::Decimal128(..) | DataType::Decimal256(..))] => decimal.clone(),
            [other] if other.is_numeric() || *other == DataType::Null => DataType::Float64,
            [duration @ DataType::Duration(_)] => duration.clone(),
            _ => return plan_err!("Invalid function 'avg'"),
        }])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        not_impl_err!("an average of intervals is not supported in a window")
    }
}
