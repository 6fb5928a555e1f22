//! `sum` of numeric, of floating point numbers and of intervals, which fails where the engine's goes on with a number that is none: it
//! wraps decimals and intervals, and makes an infinity of floating point numbers that have none among them.

use crate::error::{Error, Kind};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::compute::sum_checked;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, DecimalType, Field, FieldRef, Float64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, i256,
};
use datafusion::common::{Result as DfResult, ScalarValue, not_impl_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::physical_expr::NullState;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

static SUM: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(Sum)));

/// The sum of values of a type: the engine's of whole numbers, whose sums have room enough.
pub fn of(data_type: Option<&DataType>) -> Arc<AggregateUDF> {
    match data_type {
        Some(
            DataType::Decimal128(..)
            | DataType::Decimal256(..)
            | DataType::Float32
            | DataType::Float64
            | DataType::Interval(_),
        ) => SUM.clone(),
        _ => sum_udaf(),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum;

/// Numbers that are added with an eye on their bounds.
trait Adds: ArrowPrimitiveType + Send + Sized {
    /// The sum; none where it does not fit.
    fn plus(one: Self::Native, other: Self::Native) -> Option<Self::Native>;

    /// The difference; none where it does not fit.
    fn minus(one: Self::Native, other: Self::Native) -> Option<Self::Native>;

    /// Whether a sum has no more digits than its type.
    fn fits(sum: Self::Native, data_type: &DataType) -> bool;

    /// The sum of all in an array that are not NULL.
    fn all(values: &PrimitiveArray<Self>) -> Option<Self::Native> {
        values.iter().flatten().try_fold(Self::Native::default(), Self::plus)
    }

    fn overflow() -> Error {
        Error::new(Kind::NumericOutOfRange, "value overflows numeric format")
    }
}

fn has_digits<T: DecimalType>(sum: T::Native, data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            T::validate_decimal_precision(sum, *precision, *scale).is_ok()
        }
        _ => true,
    }
}

impl Adds for Decimal128Type {
    fn plus(one: i128, other: i128) -> Option<i128> {
        one.checked_add(other)
    }

    fn minus(one: i128, other: i128) -> Option<i128> {
        one.checked_sub(other)
    }

    fn fits(sum: i128, data_type: &DataType) -> bool {
        has_digits::<Self>(sum, data_type)
    }

    fn all(values: &PrimitiveArray<Self>) -> Option<i128> {
        sum_checked(values).ok().map(Option::unwrap_or_default)
    }
}

impl Adds for Decimal256Type {
    fn plus(one: i256, other: i256) -> Option<i256> {
        one.checked_add(other)
    }

    fn minus(one: i256, other: i256) -> Option<i256> {
        one.checked_sub(other)
    }

    fn fits(sum: i256, data_type: &DataType) -> bool {
        has_digits::<Self>(sum, data_type)
    }
}

impl Adds for Float64Type {
    fn plus(one: f64, other: f64) -> Option<f64> {
        let sum = one + other;
        (!sum.is_infinite() || one.is_infinite() || other.is_infinite()).then_some(sum)
    }

    fn minus(one: f64, other: f64) -> Option<f64> {
        Self::plus(one, -other)
    }

    fn fits(_: f64, _: &DataType) -> bool {
        true
    }

    fn all(values: &PrimitiveArray<Self>) -> Option<f64> {
        match arrow::compute::sum(values).unwrap_or_default() {
            sum if sum.is_finite() => Some(sum),
            _ => values.iter().flatten().try_fold(0.0, Self::plus),
        }
    }

    fn overflow() -> Error {
        super::floats::overflow()
    }
}

impl Adds for IntervalMonthDayNanoType {
    fn plus(one: IntervalMonthDayNano, other: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
        Some(IntervalMonthDayNano::new(
            one.months.checked_add(other.months)?,
            one.days.checked_add(other.days)?,
            one.nanoseconds.checked_add(other.nanoseconds)?,
        ))
    }

    fn minus(one: IntervalMonthDayNano, other: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
        Some(IntervalMonthDayNano::new(
            one.months.checked_sub(other.months)?,
            one.days.checked_sub(other.days)?,
            one.nanoseconds.checked_sub(other.nanoseconds)?,
        ))
    }

    fn fits(_: IntervalMonthDayNano, _: &DataType) -> bool {
        true
    }

    fn overflow() -> Error {
        Error::new(Kind::DatetimeOutOfRange, "interval out of range")
    }
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        static SIGNATURE: LazyLock<Signature> = LazyLock::new(|| sum_udaf().signature().clone());
        &SIGNATURE
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        sum_udaf().return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DfResult<Vec<FieldRef>> {
        match args.is_distinct {
            true => sum_udaf().state_fields(args),
            false => Ok(vec![Arc::new(Field::new(
                format!("{}[sum]", args.name),
                args.return_field.data_type().clone(),
                true,
            ))]),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        if args.is_distinct {
            return sum_udaf().accumulator(args);
        }
        match args.return_field.data_type() {
            DataType::Decimal128(..) => Ok(Box::new(Total::<Decimal128Type>::new(&args))),
            DataType::Decimal256(..) => Ok(Box::new(Total::<Decimal256Type>::new(&args))),
            DataType::Float64 => Ok(Box::new(Total::<Float64Type>::new(&args))),
            DataType::Interval(_) => Ok(Box::new(Total::<IntervalMonthDayNanoType>::new(&args))),
            other => not_impl_err!("a sum of {other}"),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        match args.return_field.data_type() {
            _ if args.is_distinct => sum_udaf().create_sliding_accumulator(args),
            DataType::Float64 => Ok(Box::new(InFrame(VecDeque::new()))),
            _ => self.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        match args.return_field.data_type() {
            DataType::Decimal128(..) => Ok(Box::new(Totals::<Decimal128Type>::new(&args))),
            DataType::Decimal256(..) => Ok(Box::new(Totals::<Decimal256Type>::new(&args))),
            DataType::Float64 => Ok(Box::new(Totals::<Float64Type>::new(&args))),
            DataType::Interval(_) => Ok(Box::new(Totals::<IntervalMonthDayNanoType>::new(&args))),
            other => not_impl_err!("a sum of {other}"),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// One sum.
#[derive(Debug)]
struct Total<T: Adds> {
    sum: T::Native,
    /// Of so many values.
    count: u64,
    data_type: DataType,
}

impl<T: Adds> Total<T> {
    fn new(args: &AccumulatorArgs<'_>) -> Self {
        Self { sum: T::Native::default(), count: 0, data_type: args.return_field.data_type().clone() }
    }
}

impl<T: Adds + Debug> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = values[0].as_primitive::<T>();
        let sum = T::all(values).and_then(|sum| T::plus(self.sum, sum));
        self.sum = sum.ok_or_else(T::overflow)?;
        self.count += (values.len() - values.null_count()) as u64;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = values[0].as_primitive::<T>();
        let sum = T::all(values).and_then(|sum| T::minus(self.sum, sum));
        self.sum = sum.ok_or_else(T::overflow)?;
        self.count -= (values.len() - values.null_count()) as u64;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        if !T::fits(self.sum, &self.data_type) {
            return Err(T::overflow().into());
        }
        ScalarValue::new_primitive::<T>((self.count > 0).then_some(self.sum), &self.data_type)
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

/// Floating point numbers of a frame that moves. What leaves it is not taken away from a sum: that would leave what was lost to it.
#[derive(Debug)]
struct InFrame(VecDeque<Option<f64>>);

impl Accumulator for InFrame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.0.extend(values[0].as_primitive::<Float64Type>());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.0.drain(..values[0].len());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mut there = self.0.iter().flatten();
        let Some(first) = there.next() else { return Ok(ScalarValue::Float64(None)) };
        let sum = there.try_fold(*first, |sum, value| Float64Type::plus(sum, *value));
        Ok(ScalarValue::Float64(Some(sum.ok_or_else(Float64Type::overflow)?)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.capacity() * size_of::<Option<f64>>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }
}

/// The sums of groups.
#[derive(Debug)]
struct Totals<T: Adds> {
    sums: Vec<T::Native>,
    nulls: NullState,
    data_type: DataType,
}

impl<T: Adds> Totals<T> {
    fn new(args: &AccumulatorArgs<'_>) -> Self {
        Self { sums: Vec::new(), nulls: NullState::new(), data_type: args.return_field.data_type().clone() }
    }
}

impl<T: Adds + Debug> GroupsAccumulator for Totals<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> DfResult<()> {
        self.sums.resize(count, T::Native::default());
        let (sums, mut fits) = (&mut self.sums, true);
        self.nulls.accumulate(groups, values[0].as_primitive::<T>(), filter, count, |group, value| {
            match T::plus(sums[group], value) {
                Some(sum) => sums[group] = sum,
                None => fits = false,
            }
        });
        match fits {
            true => Ok(()),
            false => Err(T::overflow().into()),
        }
    }

    fn evaluate(&mut self, emit: EmitTo) -> DfResult<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        let nulls = self.nulls.build(emit);
        if !sums.iter().all(|sum| T::fits(*sum, &self.data_type)) {
            return Err(T::overflow().into());
        }
        Ok(Arc::new(PrimitiveArray::<T>::new(sums.into(), nulls).with_data_type(self.data_type.clone())))
    }

    fn state(&mut self, emit: EmitTo) -> DfResult<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> DfResult<()> {
        self.update_batch(states, groups, None, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let values = match filter {
            Some(filter) => {
                let left_out = arrow::compute::not(&arrow::compute::prep_null_mask_filter(filter))?;
                arrow::compute::nullif(&values[0], &left_out)?
            }
            None => values[0].clone(),
        };
        // Digits for the sum, which the values have not.
        Ok(vec![Arc::new(values.as_primitive::<T>().clone().with_data_type(self.data_type.clone()))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.nulls.size()
    }
}
