//! Places that want a truth or a number, from planning until types are known: `WHERE x`, `NOT x`, `-x`.
//!
//! The engine refuses what it does not like there while it plans, when a quoted literal has no type yet, and in its own
//! words. What stands there becomes the argument of a call of [`Asked`] (`rewrite::asked`), which `resolve` takes away again.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, not_impl_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// How names of such calls begin; what asks follows.
pub const ASKED: &str = "asked by ";

/// What stands at such a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    /// What asks: `WHERE`, `NOT`, `-`.
    pub by: String,
    signature: Signature,
}

/// The call of this name.
pub fn asked(name: &str) -> Option<Arc<ScalarUDF>> {
    let by = name.strip_prefix(ASKED)?.to_owned();
    let signature = Signature::any(1, Volatility::Immutable);
    Some(Arc::new(ScalarUDF::new_from_impl(Asked { by, signature })))
}

impl Asked {
    /// Whether it is a sign before a number.
    pub fn is_sign(&self) -> bool {
        matches!(self.by.as_str(), "-" | "+" | "~")
    }
}

impl ScalarUDFImpl for Asked {
    fn name(&self) -> &str {
        &self.by
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(match types {
            [operand] if self.is_sign() => operand.clone(),
            _ => DataType::Boolean,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        Ok(match args.arg_fields {
            [operand] if self.is_sign() => operand.clone(),
            _ => Arc::new(Field::new(&self.by, DataType::Boolean, true)),
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // `resolve` leaves none.
        not_impl_err!("an operand of {} that was not resolved", self.by)
    }
}
