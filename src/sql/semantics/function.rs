//! An operator of ours as the engine's scalar function.

use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::any::Any;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// What an operator does, its operands already of the types that it wants. With one that is NULL its result is NULL.
pub trait Operator: Debug + Clone + Eq + Hash + Send + Sync + 'static {
    /// Its name in EXPLAIN.
    fn name(&self) -> &'static str;
    /// The field of its result.
    fn returns(&self) -> Field;
    /// Whether it must know how many rows there are, even where all its operands are constants.
    fn counts_rows(&self) -> bool {
        false
    }
    /// Whether it may give another value where it is called again.
    fn varies(&self) -> bool {
        self.counts_rows()
    }
    /// Its result for so many rows; one where all operands are constants, unless it [counts them](Self::counts_rows).
    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef>;
}

/// A call of the operator.
pub fn call(operator: impl Operator, operands: Vec<Expr>) -> Expr {
    // What is immutable is computed once when the statement is planned.
    let volatility = if operator.varies() { Volatility::Volatile } else { Volatility::Immutable };
    let signature = Signature::any(operands.len(), volatility);
    Arc::new(ScalarUDF::new_from_impl(Function { operator, signature })).call(operands)
}

/// The operator that a call is of, if it is one of this kind.
pub fn operator_of<O: Operator>(call: &ScalarFunction) -> Option<&O> {
    (call.func.inner().as_ref() as &dyn Any).downcast_ref::<Function<O>>().map(|function| &function.operator)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Function<O> {
    operator: O,
    signature: Signature,
}

impl<O: Operator> ScalarUDFImpl for Function<O> {
    fn name(&self) -> &str {
        self.operator.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.operator.returns().data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(self.operator.returns()))
    }

    // Without it the engine finds no order in what is compared with a call.
    fn evaluate_bounds(&self, _: &[&Interval]) -> DfResult<Interval> {
        Interval::make_unbounded(self.operator.returns().data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // An operand that is NULL and nothing else: so the engine asks whether a condition keeps what an outer join adds.
        if args.args.iter().any(|operand| operand.data_type() == DataType::Null) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_new_null(self.operator.returns().data_type())?));
        }
        let constant =
            !self.operator.counts_rows() && args.args.iter().all(|operand| matches!(operand, ColumnarValue::Scalar(_)));
        let result = self.operator.evaluate(&args.args, if constant { 1 } else { args.number_rows })?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?),
            false => ColumnarValue::Array(result),
        })
    }
}
