//! CASE from planning until types are known.
//!
//! The engine takes it for what its first branch is, and forgets what a mark tells. It is planned as a call of [`Cases`] instead
//! (`rewrite::asked`), which has the type of all its results; `resolve` makes a CASE of it again.

use super::called;
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue, not_impl_err};
use datafusion::logical_expr::{
    Case, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// How names of such calls begin.
pub const CASE: &str = "case ";
const OPERAND: &str = "of ";
const ELSE: &str = "else ";

/// A CASE as a call: its operand if it has one, each condition before its result, and what is behind ELSE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cases {
    name: String,
    signature: Signature,
}

/// The name of the call.
pub fn name_of(operand: bool, otherwise: bool) -> String {
    format!("{CASE}{}{}", if operand { OPERAND } else { "" }, if otherwise { ELSE } else { "" })
}

/// The call of this name.
pub fn cases(name: &str) -> Option<Arc<ScalarUDF>> {
    if !name.starts_with(CASE) {
        return None;
    }
    let signature = Signature::user_defined(Volatility::Immutable);
    Some(Arc::new(ScalarUDF::new_from_impl(Cases { name: name.to_owned(), signature })))
}

impl Cases {
    fn has_operand(&self) -> bool {
        self.name.contains(OPERAND)
    }

    fn has_else(&self) -> bool {
        self.name.contains(ELSE)
    }

    /// The CASE of such arguments.
    pub fn case(&self, args: Vec<Expr>) -> Result<Case> {
        let mut args = args.into_iter().map(Box::new);
        let expr = if self.has_operand() { args.next() } else { None };
        let mut rest: Vec<Box<Expr>> = args.collect();
        let else_expr = if self.has_else() { rest.pop() } else { None };
        let mut rest = rest.into_iter();
        let mut when_then_expr = Vec::new();
        while let Some(when) = rest.next() {
            let then = rest.next().ok_or_else(|| Error::internal("a condition of CASE has no result"))?;
            when_then_expr.push((when, then));
        }
        Ok(Case { expr, when_then_expr, else_expr })
    }

    /// The places of results among so many arguments.
    fn results(&self, count: usize) -> impl Iterator<Item = usize> {
        let first = usize::from(self.has_operand()) + 1;
        let otherwise = self.has_else().then(|| count - 1);
        let last = count - usize::from(self.has_else());
        (first..last).step_by(2).chain(otherwise)
    }
}

impl ScalarUDFImpl for Cases {
    fn name(&self) -> &str {
        self.name.trim_end()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Null)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        let places: Vec<usize> = self.results(args.arg_fields.len()).collect();
        let fields: Vec<FieldRef> = places.iter().map(|at| args.arg_fields[*at].clone()).collect();
        let constants: Vec<Option<&ScalarValue>> = places.iter().map(|at| args.scalar_arguments[*at]).collect();
        let known = called::alike(&ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &constants });
        // What has no type together is refused once all types are settled.
        let first = || fields.iter().find(|field| !field.data_type().is_null()).map(|field| field.data_type().clone());
        Ok(match known {
            Some(field) => Arc::new(field.as_ref().clone().with_name(self.name()).with_nullable(true)),
            None => Arc::new(Field::new(self.name(), first().unwrap_or(DataType::Null), true)),
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // `resolve` leaves none.
        not_impl_err!("a CASE that was not resolved")
    }
}
