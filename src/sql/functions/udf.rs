//! A scalar function made of a closure.

use super::super::run::blocking;
use crate::encoding::pg_text::TYPE_METADATA;
use crate::error::Result;
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a function does with a batch: its arguments as arrays of one length.
pub type Body = Arc<dyn Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync>;

/// A scalar function made of a closure.
#[derive(Clone)]
pub struct Udf {
    name: String,
    signature: Signature,
    returns: Field,
    body: Body,
}

impl Udf {
    /// A function of one result type; `signature` says what arguments it takes.
    pub fn make(
        name: &str,
        signature: Signature,
        returns: Field,
        body: impl Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> ScalarUDF {
        ScalarUDF::new_from_impl(Self { name: name.to_owned(), signature, returns, body: Arc::new(body) })
    }
}

/// A signature of these types, or of one of several lists of types.
pub fn exactly(lists: &[&[DataType]]) -> Signature {
    let lists = lists.iter().map(|list| match list.is_empty() {
        true => datafusion::logical_expr::TypeSignature::Nullary,
        false => datafusion::logical_expr::TypeSignature::Exact(list.to_vec()),
    });
    Signature::one_of(lists.collect(), Volatility::Stable)
}

/// A signature of any arguments of these counts.
pub fn any_of(counts: &[usize]) -> Signature {
    let counts = counts.iter().map(|&n| datafusion::logical_expr::TypeSignature::Any(n));
    Signature::one_of(counts.collect(), Volatility::Stable)
}

/// A NULL of no type as one of text: an array of the type Null calls none of its values NULL.
fn typed(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Null => new_null_array(&DataType::Utf8, array.len()),
        _ => array,
    }
}

/// PostgreSQL's `void`, which is shown as an empty text.
pub fn nothing(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true).with_metadata([(TYPE_METADATA.to_owned(), "void".to_owned())].into())
}

impl fmt::Debug for Udf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Udf").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.body, &other.body)
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.returns.data_type().clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(self.returns.clone()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) && !args.args.is_empty();
        // Constant arguments are computed once, not for every row.
        let length = if scalar { 1 } else { rows };
        let arrays =
            args.args.into_iter().map(|arg| arg.into_array(length).map(typed)).collect::<DfResult<Vec<_>>>()?;
        // A model may take seconds: meanwhile the other tasks of this thread go elsewhere.
        let result = blocking(|| (self.body)(&arrays, length))?;
        match scalar {
            true => Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}
