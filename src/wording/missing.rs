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

/// Window functions, with the least and the most arguments that they take, and the place of the one that is a whole number.
pub const WINDOW_FUNCTIONS: &[(&str, usize, usize, Option<usize>)] = &[
    ("cume_dist", 0, 0, None),
    ("dense_rank", 0, 0, None),
    ("first_value", 1, 1, None),
    ("lag", 1, 3, Some(1)),
    ("last_value", 1, 1, None),
    ("lead", 1, 3, Some(1)),
    ("nth_value", 2, 2, Some(1)),
    ("ntile", 1, 1, Some(0)),
    ("percent_rank", 0, 0, None),
    ("rank", 0, 0, None),
    ("row_number", 0, 0, None),
];

/// Whether a name is that of a window function.
pub fn is_window(name: &str) -> bool {
    WINDOW_FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

/// No function of this name takes arguments of these types.
pub fn function<T: AsRef<str>>(name: &str, types: &[T]) -> Error {
    let message = format!("function {} does not exist", called(name, types));
    Error::new(Kind::UndefinedFunction, message).with_hint(NO_FUNCTION)
}

/// No function has this name; a window function does, but is not called over a window.
pub fn named(name: &str) -> Error {
    if is_window(name) {
        return Error::new(Kind::WrongObject, format!("window function {name} requires an OVER clause"));
    }
    Error::new(Kind::UndefinedFunction, format!("function {name} does not exist"))
        .with_hint("No function matches the given name. docs/sql.md lists Steward's functions.")
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
