//! The greatest and the least of values that are compared by keys: `max` and `min` over windows, `greatest` and `least`.
//!
//! The engine compares the bytes that values are kept as; the order of labels, lengths of time, addresses and arrays is another
//! (`keyed::order_key`).

use super::function::{self, Operator};
use super::keyed;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, make_comparator};
use arrow::compute::{SortOptions, interleave};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue, not_impl_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ExprSchemable, Signature, Volatility,
};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

/// `greatest` or `least` of arguments of one type, if it is one that is compared by keys.
pub fn furthest(call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    // NULL is passed over in any case.
    let values = call.args.iter().filter(|arg| !arg.get_type(schema).is_ok_and(|own| own.is_null()));
    let values: Vec<Expr> = values.cloned().collect();
    let keys: Option<Vec<Expr>> = values.iter().map(|value| keyed::order_key(value, schema)).collect();
    let (Some(keys), Some(first)) = (keys, values.first()) else { return Ok(None) };
    let field = first.to_field(schema)?.1.as_ref().clone().with_name("").with_nullable(true);
    let operator = Furthest { greatest: call.name() == "greatest", field };
    Ok(Some(function::call(operator, values.into_iter().chain(keys).collect())))
}

/// The value of the greatest or the least key; those without a key are none. Values come first, then the key of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Furthest {
    greatest: bool,
    field: Field,
}

impl Operator for Furthest {
    fn name(&self) -> &'static str {
        if self.greatest { "greatest" } else { "least" }
    }

    fn returns(&self) -> Field {
        self.field.clone()
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let arrays = operands.iter().map(|operand| operand.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let (values, keys) = arrays.split_at(arrays.len() / 2);
        let wanted = if self.greatest { Ordering::Greater } else { Ordering::Less };
        let mut compared = Vec::new();
        for one in keys {
            let row = keys.iter().map(|other| make_comparator(one, other, SortOptions::default()));
            compared.push(row.collect::<std::result::Result<Vec<_>, _>>()?);
        }
        let chosen = (0..rows).map(|row| {
            let there = (0..keys.len()).filter(|at| keys[*at].is_valid(row));
            let best = there.reduce(|best, at| if compared[at][best](row, row) == wanted { at } else { best });
            (best.unwrap_or(0), row)
        });
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&values, &chosen.collect::<Vec<_>>())?)
    }
}

static MAX: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| made("max", Ordering::Greater));
static MIN: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| made("min", Ordering::Less));

fn made(name: &'static str, wanted: Ordering) -> Arc<AggregateUDF> {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(ByKey { name, wanted: wanted as i8, signature }))
}

/// `max` or `min` of a value and its key; none for other names.
pub fn by_key(name: &str) -> Option<Arc<AggregateUDF>> {
    match name {
        "max" => Some(MAX.clone()),
        "min" => Some(MIN.clone()),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ByKey {
    name: &'static str,
    /// How a key that is wanted compares with others: an [`Ordering`].
    wanted: i8,
    signature: Signature,
}

impl ByKey {
    fn found(&self, args: &AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let [_, key] = args.expr_fields else { return not_impl_err!("{} of a value without its key", self.name) };
        Ok(Box::new(Found {
            wanted: self.wanted,
            value_type: args.return_field.data_type().clone(),
            key_type: key.data_type().clone(),
            candidates: VecDeque::new(),
            next: 0,
            first: 0,
        }))
    }
}

impl AggregateUDFImpl for ByKey {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field(&self, fields: &[FieldRef]) -> DfResult<FieldRef> {
        let field = fields.first().map_or_else(|| Field::new("", DataType::Null, true), |field| field.as_ref().clone());
        Ok(Arc::new(field.with_name(self.name).with_nullable(true)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DfResult<Vec<FieldRef>> {
        let state = |(field, part): (&FieldRef, &str)| {
            Arc::new(Field::new(format!("{}[{part}]", args.name), field.data_type().clone(), true))
        };
        Ok(args.input_fields.iter().zip(["value", "key"]).map(state).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        self.found(&args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        self.found(&args)
    }
}

/// What may be the answer, of the rows that are in the frame: each is nearer to what is wanted than all behind it.
#[derive(Debug)]
struct Found {
    wanted: i8,
    value_type: DataType,
    key_type: DataType,
    /// Numbers of rows, their keys and values.
    candidates: VecDeque<(u64, ScalarValue, ScalarValue)>,
    /// The number of the next row.
    next: u64,
    /// The number of the first row of the frame.
    first: u64,
}

impl Accumulator for Found {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let [values, keys] = values else { return not_impl_err!("a value without its key") };
        for row in 0..keys.len() {
            let number = self.next;
            self.next += 1;
            if keys.is_null(row) {
                continue;
            }
            let key = ScalarValue::try_from_array(keys, row)?;
            while let Some((_, last, _)) = self.candidates.back()
                && last.partial_cmp(&key).is_none_or(|order| order as i8 != self.wanted && order != Ordering::Equal)
            {
                self.candidates.pop_back();
            }
            self.candidates.push_back((number, key, ScalarValue::try_from_array(values, row)?));
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.first += values.first().map_or(0, |values| values.len() as u64);
        while self.candidates.front().is_some_and(|(number, ..)| *number < self.first) {
            self.candidates.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        match self.candidates.front() {
            Some((_, _, value)) => Ok(value.clone()),
            None => ScalarValue::try_from(&self.value_type),
        }
    }

    fn size(&self) -> usize {
        let held = |(_, key, value): &(u64, ScalarValue, ScalarValue)| key.size() + value.size();
        size_of_val(self) + self.candidates.iter().map(held).sum::<usize>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(match self.candidates.front() {
            Some((_, key, value)) => vec![value.clone(), key.clone()],
            None => vec![ScalarValue::try_from(&self.value_type)?, ScalarValue::try_from(&self.key_type)?],
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }
}
