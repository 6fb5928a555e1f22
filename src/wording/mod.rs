//! From the engine's errors to ours: meaning, PostgreSQL's wording, place in the statement.

mod engine;
pub mod hidden;
pub mod missing;
mod sqlstate;

pub use sqlstate::sqlstate;

use crate::catalog::SqlType;
use crate::error::{Error, Kind};
use arrow::error::ArrowError;
use datafusion_common::{Column, DataFusionError, SchemaError};
use sqlparser::parser::ParserError;

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(other) => match other.downcast::<DataFusionError>() {
                    Ok(inner) => (*inner).into(),
                    Err(other) => Error::internal(other.to_string()),
                },
            },
            DataFusionError::Context(_, inner) => (*inner).into(),
            DataFusionError::Diagnostic(_, inner) => (*inner).into(),
            DataFusionError::Shared(inner) => shared(&inner),
            DataFusionError::Collection(errors) => {
                errors.into_iter().next().map_or_else(|| Error::internal("an empty list of errors"), Into::into)
            }
            DataFusionError::ArrowError(error, _) => arrow(&error),
            DataFusionError::SQL(error, _) => syntax(&error.to_string()),
            DataFusionError::NotImplemented(message) => unsupported(&message),
            DataFusionError::SchemaError(error, _) => schema(&error),
            DataFusionError::ResourcesExhausted(message) => exhausted(&message),
            DataFusionError::IoError(error) => Error::io("a file of the query", &error),
            DataFusionError::Plan(message) => plan(&message),
            DataFusionError::Execution(message) => execution(&message),
            other => Error::internal(other.strip_backtrace()),
        }
    }
}

/// An error that several streams share cannot be taken apart; ours is looked for by reference.
fn shared(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => ours.clone(),
            None => Error::internal(inner.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => shared(inner),
        DataFusionError::Shared(inner) => shared(inner),
        DataFusionError::ArrowError(error, _) => arrow(error),
        DataFusionError::Plan(message) => plan(message),
        DataFusionError::Execution(message) => execution(message),
        DataFusionError::ResourcesExhausted(message) => exhausted(message),
        DataFusionError::Internal(message) => {
            engine::translated(message).unwrap_or_else(|| Error::internal(first_line(message)))
        }
        other => Error::internal(other.strip_backtrace()),
    }
}

fn unsupported(message: &str) -> Error {
    let place = message.strip_prefix("Physical plan does not support logical expression ");
    match place.and_then(|expression| expression.split('(').next()) {
        Some("WindowFunction") => Error::new(Kind::Windowing, "window functions are not allowed here")
            .with_hint("Compute it in a subquery, and name its column here."),
        Some("Exists" | "InSubquery" | "ScalarSubquery" | "OuterReferenceColumn") => {
            Error::new(Kind::Unsupported, "a subquery is not supported at this place")
                .with_hint("Join with it, or compute it in a WITH query.")
        }
        _ => engine::translated(message)
            .unwrap_or_else(|| Error::new(Kind::Unsupported, engine::plain(&first_line(message)))),
    }
}

fn exhausted(message: &str) -> Error {
    Error::new(Kind::OutOfMemory, "out of memory: the statement needs more than memory_limit allows")
        .with_detail(format!("{}.", first_line(message).trim_end_matches('.')))
        .with_hint("Raise memory_limit, or ask for less at a time.")
}

impl From<ParserError> for Error {
    fn from(error: ParserError) -> Self {
        syntax(&error.to_string())
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        arrow(&error)
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or(message).trim().to_owned()
}

/// The parser's words as PostgreSQL says them. The place stays in the text as "Line: l, Column: c" until
/// [`locate`] turns it into a position.
fn syntax(message: &str) -> Error {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    if message.contains("recursion limit") {
        return Error::new(Kind::LimitExceeded, "the statement is nested too deeply");
    }
    let (text, place) = match message.rfind(" at Line: ") {
        Some(at) => (&message[..at], &message[at..]),
        None => (message, ""),
    };
    let found = text.rfind("found: ").map(|at| &text[at + 7..]);
    match found {
        Some("EOF") => Error::new(Kind::Syntax, "syntax error at end of input").with_detail(format!("{text}.{place}")),
        Some(word) => Error::new(Kind::Syntax, format!("syntax error at or near \"{}\"", word.trim()))
            .with_detail(format!("{}.{place}", text[..text.len() - word.len() - 9].trim_end_matches(", "))),
        None => Error::new(Kind::Syntax, format!("syntax error: {text}")).with_detail(place.to_owned()),
    }
}

/// Moves "Line: l, Column: c" from the detail into the position, `offset` characters into the client's text.
pub fn locate(error: Error, sql: &str, offset: usize) -> Error {
    let Some(detail) = error.detail() else { return error };
    let Some(at) = detail.rfind(" at Line: ") else { return error };
    let mut numbers = detail[at..].split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok());
    let position = match (numbers.next(), numbers.next()) {
        (Some(line), Some(column)) => character(sql, line, column),
        _ => None,
    };
    let kept = detail[..at].trim().to_owned();
    let mut plain = Error::new(error.kind(), error.message());
    if kept.len() > 1 {
        plain = plain.with_detail(kept);
    }
    match position {
        Some(position) => plain.at(offset + position),
        None => plain,
    }
}

/// The 1-based character of a 1-based line and column.
pub fn character(sql: &str, line: usize, column: usize) -> Option<usize> {
    if line == 0 {
        return None;
    }
    let before: usize = sql.split('\n').take(line - 1).map(|l| l.chars().count() + 1).sum();
    Some(before + column)
}

fn arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::DivideByZero => Error::new(Kind::DivisionByZero, "division by zero"),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => ours.clone(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => shared(inner),
                None => Error::internal(inner.to_string()),
            },
        },
        ArrowError::ArithmeticOverflow(_) => Error::new(Kind::NumericOutOfRange, "value out of range"),
        ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::InvalidArgumentError(message) => cast(message),
        ArrowError::ComputeError(message) => match message.contains("verflow") {
            true => Error::new(Kind::NumericOutOfRange, "value out of range"),
            false => cast(message),
        },
        ArrowError::MemoryError(message) => Error::new(Kind::OutOfMemory, first_line(message)),
        other => Error::internal(other.to_string()),
    }
}

/// Arrow's name of a type as PostgreSQL's.
fn type_name(arrow: &str) -> &str {
    let base = arrow.split(['(', ' ']).next().unwrap_or(arrow);
    match base {
        "Int8" | "Int16" | "UInt8" => "smallint",
        "Int32" | "UInt16" => "integer",
        "Int64" | "UInt32" | "UInt64" => "bigint",
        "Float32" => "real",
        "Float64" => "double precision",
        "Decimal128" | "Decimal256" | "Decimal32" | "Decimal64" => "numeric",
        "Boolean" => "boolean",
        "Date32" | "Date64" => "date",
        "Timestamp" => "timestamp",
        "Time32" | "Time64" => "time",
        "Interval" => "interval",
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Binary" | "LargeBinary" | "BinaryView" => "bytea",
        other => other,
    }
}

fn cast(message: &str) -> Error {
    let message = first_line(message);
    if let Some(rest) = message.strip_prefix("Cannot cast string '")
        && let Some(at) = rest.rfind("' to value of ")
    {
        let target = rest[at + 14..].trim_end_matches(" type");
        return invalid_text(type_name(target), &rest[..at]);
    }
    if let Some(at) = message.find("Error parsing timestamp from '") {
        let value = message[at + 30..].split('\'').next().unwrap_or_default();
        return invalid_text("timestamp", value);
    }
    if message.contains("too large to store")
        || message.contains("out of range")
        || message.contains("Can't cast value")
    {
        return Error::new(Kind::NumericOutOfRange, "numeric field overflow").with_detail(message);
    }
    if message.starts_with("Cannot cast to ") || message.starts_with("Invalid") || message.contains("parse") {
        return Error::new(Kind::InvalidText, "invalid input syntax").with_detail(message);
    }
    if message.contains("Casting from") || message.contains("not supported") {
        return Error::new(Kind::DatatypeMismatch, engine::plain(&message));
    }
    Error::new(Kind::InvalidText, engine::plain(&message))
}

/// The error for a cast that PostgreSQL has not; what is no type of a column is a row.
pub fn cannot_cast(from: Option<&SqlType>, to: &SqlType) -> Error {
    let from = from.map_or_else(|| "record".to_owned(), SqlType::bare_name);
    Error::new(Kind::CannotCoerce, format!("cannot cast type {from} to {}", to.bare_name()))
}

/// The error for a text that a type cannot read.
pub fn invalid_text(type_name: &str, value: &str) -> Error {
    Error::new(Kind::InvalidText, format!("invalid input syntax for type {type_name}: \"{value}\""))
}

fn schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            if let Some(relation) = &field.relation
                && !valid_fields
                    .iter()
                    .any(|valid| valid.relation.as_ref().is_some_and(|r| r.table() == relation.table()))
            {
                let text = format!("missing FROM-clause entry for table \"{}\"", relation.table());
                // The relation may be one outside of the query that asks, which the engine does not tell here.
                return Error::new(Kind::UndefinedTable, text).about_column(("", relation.table()), &field.name);
            }
            let same = |valid: &&Column| match (&field.relation, &valid.relation) {
                (Some(said), Some(of)) => said.table() == of.table(),
                (said, _) => said.is_none(),
            };
            if valid_fields.iter().filter(same).any(|valid| hidden::shown_as(&valid.name) == Some(field.name.as_str()))
            {
                let text = format!("column reference \"{}\" is ambiguous", field.name);
                return Error::new(Kind::AmbiguousColumn, text);
            }
            let name = match &field.relation {
                Some(relation) => format!("{}.{}", relation.table(), field.name),
                None => format!("\"{}\"", field.name),
            };
            Error::new(Kind::UndefinedColumn, format!("column {name} does not exist"))
        }
        SchemaError::AmbiguousReference { field } => {
            Error::new(Kind::AmbiguousColumn, format!("column reference \"{}\" is ambiguous", field.name))
        }
        SchemaError::DuplicateQualifiedField { qualifier, .. } => {
            let text = format!("table name \"{}\" specified more than once", qualifier.table());
            Error::new(Kind::DuplicateAlias, text)
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Error::new(Kind::DuplicateColumn, format!("column \"{name}\" specified more than once"))
        }
    }
}

/// What the planner says when nothing takes such arguments.
const NO_FUNCTION: &[&str] = &[
    "Invalid function",
    "No function matches",
    "Failed to coerce arguments",
    "does not support zero arguments",
    "Cannot coerce",
    "cannot be coerced",
    "Cannot infer common argument type",
    "is not comparable",
    "There isn't a common type to coerce",
    "Unary operator '-' only supports",
    "failed to match any signature",
    "but received",
];
/// What the planner says when an expression has another type than its place asks for.
const WRONG_TYPE: &[&str] = &[
    "Filter predicate must return",
    "Cannot create filter with non-boolean",
    "must be boolean",
    "requires a boolean expression",
    "logical boolean operation",
    "type mismatch",
    "different types",
];

fn plan(message: &str) -> Error {
    let message = first_line(message.strip_prefix("Error during planning: ").unwrap_or(message));
    if let Some(rest) = message.strip_prefix("Invalid function '") {
        let name = rest.split('\'').next().unwrap_or_default();
        return missing::named(name);
    }
    if let Some(error) = engine::translated(&message) {
        return error;
    }
    let any = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let number = |before: &str| {
        let rest = message.split(before).nth(1).unwrap_or_default();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    if any(&["Aggregate functions are not allowed in the WHERE"]) {
        return Error::new(Kind::Grouping, "aggregate functions are not allowed in WHERE");
    }
    if any(&["Aggregate function calls cannot be nested"]) {
        return Error::new(Kind::Grouping, "aggregate function calls cannot be nested");
    }
    if any(&["For SELECT DISTINCT, ORDER BY expressions"]) {
        let text = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
        return Error::new(Kind::InvalidColumnReference, text);
    }
    if any(&["Correlated scalar subquery can only be used"]) {
        return Error::new(
            Kind::Unsupported,
            "a subquery that looks at the row outside is not supported at this place",
        )
        .with_hint("Join with it, or compute it in a WITH query.");
    }
    if any(&["In/Exist/SetComparison subquery can only be used"]) {
        let text = "EXISTS, IN, ANY and ALL with a subquery are not supported at this place";
        return Error::new(Kind::Unsupported, text).with_hint("Give it a name in a query in FROM, or in a WITH query.");
    }
    if any(&["Order by index starts at"]) {
        return Error::new(Kind::InvalidColumnReference, "ORDER BY position 0 is not in select list");
    }
    if any(&["Order by column out of bounds"]) {
        let text = format!("ORDER BY position {} is not in select list", number("specified: "));
        return Error::new(Kind::InvalidColumnReference, text);
    }
    if any(&["Cannot find column with position"]) {
        let text = format!("GROUP BY position {} is not in select list", number("with position "));
        return Error::new(Kind::InvalidColumnReference, text);
    }
    if any(&["OFFSET must be >=0"]) {
        return Error::new(Kind::InvalidRowOffset, "OFFSET must not be negative");
    }
    if any(&["LIMIT must be >= 0"]) {
        return Error::new(Kind::InvalidRowCount, "LIMIT must not be negative");
    }
    if let Some(name) = message.strip_prefix("Invalid qualifier ") {
        return Error::new(Kind::UndefinedTable, format!("missing FROM-clause entry for table \"{name}\""));
    }
    if let Some((_, of)) = message.split_once("Cannot create filter with non-boolean predicate ") {
        let of = of.rsplit(" returning ").next().and_then(engine::name_of);
        let not = of.map_or_else(String::new, |of| format!(", not type {of}"));
        return Error::new(Kind::DatatypeMismatch, format!("argument of WHERE must be type boolean{not}"));
    }
    if let Some((_, rest)) = message.split_once("column \"")
        && let Some((column, _)) = rest.split_once("\" must appear in the GROUP BY")
    {
        return ungrouped(column);
    }
    if let Some((_, condition)) = message.split_once("HAVING clause references: ") {
        // The columns of the condition, by their relations' names.
        let column = condition.split(|c: char| !(c.is_alphanumeric() || "._\"".contains(c))).find(|word| {
            word.split_once('.')
                .is_some_and(|(relation, _)| relation.starts_with(|c: char| c.is_alphabetic() || c == '"'))
        });
        if let Some(column) = column {
            return ungrouped(&column.replace('"', ""));
        }
    }
    let kind = if any(WRONG_TYPE) {
        Kind::DatatypeMismatch
    } else if any(&["must appear in the GROUP BY", "could not be resolved from available columns"]) {
        Kind::Grouping
    } else if any(NO_FUNCTION) {
        Kind::UndefinedFunction
    } else if any(&["same number of columns", "Inconsistent data length"]) {
        Kind::Syntax
    } else if any(&["not supported", "Unsupported", "unsupported", "not implemented"]) {
        Kind::Unsupported
    } else if any(&["ambiguous"]) {
        Kind::AmbiguousColumn
    } else {
        Kind::Syntax
    };
    let message = message.split(" You might need to add explicit").next().unwrap_or(&message);
    let error = Error::new(kind, engine::plain(message));
    match kind {
        Kind::UndefinedFunction => error
            .with_hint("No operator or function matches the given argument types. You might need to add type casts."),
        _ => error,
    }
}

/// The error for a column that is not grouped by.
fn ungrouped(column: &str) -> Error {
    let text = format!("column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function");
    Error::new(Kind::Grouping, text)
}

fn execution(message: &str) -> Error {
    let line = first_line(message);
    if line.contains("divide by zero") || line.contains("division by zero") {
        return Error::new(Kind::DivisionByZero, "division by zero");
    }
    if line.contains("more than one row") || line.contains("Scalar subquery") {
        return Error::new(Kind::Cardinality, "more than one row returned by a subquery used as an expression");
    }
    if line.contains("verflow") {
        return Error::new(Kind::NumericOutOfRange, "value out of range").with_detail(line);
    }
    if line.contains("factorial of a negative number") {
        return Error::new(Kind::NumericOutOfRange, "factorial of a negative number is undefined");
    }
    engine::translated(&line).unwrap_or_else(|| Error::new(Kind::InvalidParameter, engine::plain(&line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_name_word_and_place() {
        let error = locate(
            syntax("sql parser error: Expected: an expression, found: FROM at Line: 2, Column: 3"),
            "SELECT\n  FROM t",
            0,
        );
        assert_eq!(error.message(), "syntax error at or near \"FROM\"");
        assert_eq!(error.position(), Some(10));
    }

    #[test]
    fn casts_say_what_postgres_says() {
        let error = cast("Cannot cast string 'x1' to value of Int32 type");
        assert_eq!(error.message(), "invalid input syntax for type integer: \"x1\"");
        assert_eq!(error.kind(), Kind::InvalidText);
    }
}
