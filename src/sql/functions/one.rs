//! The one value of a list: what a correlated subquery gives, of whose rows the engine makes a list.
//!
//! Nobody can call it by its name. The engine knows correlated subqueries only if they are aggregated; so
//! `rewrite::subqueries` has them gather their values, and here it shows whether there was one too many. Only rows that are
//! asked for are looked at: what the list of another row of the outer query would be does not matter.

use crate::error::{Error, Kind};
use arrow::array::{Array, ArrayRef, AsArray, UInt64Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function's name.
pub const ONE: &str = "\u{1}one";

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    let signature = Signature::any(1, Volatility::Immutable);
    (name == ONE).then(|| ScalarUDF::new_from_impl(One { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct One {
    signature: Signature,
}

impl ScalarUDFImpl for One {
    fn name(&self) -> &str {
        ONE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(match types.first() {
            Some(DataType::List(item)) => item.data_type().clone(),
            _ => DataType::Null,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(lists) = arrays.first().and_then(|array| array.as_list_opt::<i32>()) else {
            return Ok(ColumnarValue::Array(new_null_array(&DataType::Null, args.number_rows)));
        };
        let mut places = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let length = if lists.is_valid(row) { lists.value_length(row) } else { 0 };
            if length > 1 {
                let message = "more than one row returned by a subquery used as an expression";
                return Err(DataFusionError::from(Error::new(Kind::Cardinality, message)));
            }
            places.push((length == 1).then(|| lists.value_offsets()[row] as u64));
        }
        let values: ArrayRef = take(lists.values(), &UInt64Array::from(places), None)?;
        Ok(ColumnarValue::Array(values))
    }
}
