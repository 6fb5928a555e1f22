//! What stands for a call of a function that reads relations, until `called` makes a join of it.
//!
//! Nobody can call these by their names, and none of them is ever run.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// `CALLED(name, (query), argument, ...)`: the value of a function's query.
pub const CALLED: &str = "\u{1}called";
/// `GIVEN(argument, ...)`: the condition of a query around that of a function in FROM.
pub const GIVEN: &str = "\u{1}given";
/// `ARGUMENT(number, NULL::type)`: an argument in a function's query.
pub const ARGUMENT: &str = "\u{1}argument";

/// The name of the function that a call in a query stands for.
pub fn called_name(call: &ast::Function) -> Option<String> {
    let ast::FunctionArguments::List(list) = &call.args else { return None };
    let is_call = call.name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| name.value == CALLED);
    match list.args.first().filter(|_| is_call)? {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value))) => match &value.value {
            ast::Value::SingleQuotedString(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    let name = [CALLED, GIVEN, ARGUMENT].into_iter().find(|known| *known == name)?;
    Some(ScalarUDF::new_from_impl(Mark { name, signature: Signature::variadic_any(Volatility::Volatile) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Mark {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Mark {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(match (self.name, types) {
            (GIVEN, _) => DataType::Boolean,
            (_, [_, of, ..]) => of.clone(),
            _ => DataType::Null,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(match (self.name, args.arg_fields) {
            (CALLED | ARGUMENT, [_, of, ..]) => Arc::new(of.as_ref().clone().with_name(self.name).with_nullable(true)),
            _ => Arc::new(Field::new(self.name, DataType::Boolean, true)),
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        internal_err!("a call of a function was not made a join")
    }
}
