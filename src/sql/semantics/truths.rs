//! `bool_and` and `bool_or` over frames that move: the engine's cannot take a truth back that has left the frame.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF, Signature};
use std::sync::Arc;

const ALL: &str = "bool_and";
const ANY: &str = "bool_or";

/// The function as it is in a window; itself if it is neither.
pub fn in_frames(function: &Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    match function.name() {
        ALL | ANY => Arc::new(AggregateUDF::new_from_impl(InFrames(function.clone()))),
        _ => function.clone(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct InFrames(Arc<AggregateUDF>);

impl AggregateUDFImpl for InFrames {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.0.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        self.0.accumulator(args)
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        Ok(Box::new(Counted { of_all: self.name() == ALL, yes: 0, no: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DfResult<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

/// The truths of a frame, by their numbers.
#[derive(Debug)]
struct Counted {
    /// Whether all have to be true, or any.
    of_all: bool,
    yes: usize,
    no: usize,
}

impl Accumulator for Counted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = values[0].as_boolean();
        self.yes += values.true_count();
        self.no += values.false_count();
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = values[0].as_boolean();
        self.yes -= values.true_count();
        self.no -= values.false_count();
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let truth = if self.of_all { self.no == 0 } else { self.yes > 0 };
        Ok(ScalarValue::Boolean((self.yes + self.no > 0).then_some(truth)))
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
