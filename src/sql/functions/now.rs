//! `now()`: the moment at which a statement began, in microseconds as all moments of ours.
//!
//! The engine's own counts nanoseconds, which end in 2262: every moment beside it would be brought to these, and fail.

use super::NOW;
use crate::error::Error;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The function, under its names.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    matches!(name, NOW | "current_timestamp")
        .then(|| ScalarUDF::new_from_impl(Now { signature: Signature::nullary(Volatility::Stable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    signature: Signature,
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        NOW
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(Error::internal("now() is asked before the statement's time is known").into())
    }

    /// The planner puts the moment itself in its place: it is the same all through a statement.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(began) = info.query_execution_start_time() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let moment = ScalarValue::TimestampMicrosecond(Some(began.timestamp_micros()), Some("UTC".into()));
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(moment, None)))
    }
}
