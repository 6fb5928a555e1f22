//! Functions and operators that there are not for arguments of such types, in PostgreSQL's words and with its hints.

use crate::error::{Error, Kind};

/// What helps where no function takes the arguments.
pub const NO_FUNCTION: &str =
    "No function matches the given name and argument types. You might need to add explicit type casts.";
const NO_OPERATOR: &str =
    "No operator matches the given name and argument types. You might need to add explicit type casts.";
const SEVERAL_FUNCTIONS: &str =
    "Could not choose a best candidate function. You might need to add explicit type casts.";
const SEVERAL_OPERATORS: &str =
    "Could not choose a best candidate operator. You might need to add explicit type casts.";

/// No function of this name takes arguments of these types.
pub fn function<T: AsRef<str>>(name: &str, types: &[T]) -> Error {
    let message = format!("function {} does not exist", called(name, types));
    Error::new(Kind::UndefinedFunction, message).with_hint(NO_FUNCTION)
}

/// Several functions of this name would do.
pub fn one_function<T: AsRef<str>>(name: &str, types: &[T]) -> Error {
    let message = format!("function {} is not unique", called(name, types));
    Error::new(Kind::AmbiguousFunction, message).with_hint(SEVERAL_FUNCTIONS)
}

/// No operator is that of `operation`, such as `integer + boolean`.
pub fn operator(operation: &str) -> Error {
    let message = format!("operator does not exist: {operation}");
    Error::new(Kind::UndefinedFunction, message).with_hint(NO_OPERATOR)
}

/// Several operators would do.
pub fn one_operator(operation: &str) -> Error {
    let message = format!("operator is not unique: {operation}");
    Error::new(Kind::AmbiguousFunction, message).with_hint(SEVERAL_OPERATORS)
}

fn called<T: AsRef<str>>(name: &str, types: &[T]) -> String {
    let types: Vec<&str> = types.iter().map(AsRef::as_ref).collect();
    format!("{name}({})", types.join(", "))
}
