//! What the engine says of types, as PostgreSQL says it. No name of Arrow's reaches a user.

use super::missing;
use crate::error::{Error, Kind};

/// The error that a message of the engine's planner tells, if it is one about types.
pub fn translated(message: &str) -> Option<Error> {
    no_function(message)
        .or_else(|| no_signature(message))
        .or_else(|| no_operator(message))
        .or_else(|| not_alike(message))
        .or_else(|| not_boolean(message))
        .or_else(|| of_other_width(message))
        .or_else(|| others(message))
}

/// The message with PostgreSQL's names of types; a plain sentence where it speaks of the engine's insides.
pub fn plain(message: &str) -> String {
    const INSIDES: &[&str] = &["OneOf(", "Exact(", "Signature", "Ident {", "coercion", "UDF", "ScalarValue", "Schema"];
    if INSIDES.iter().any(|word| message.contains(word)) {
        return "an expression has a type that is not taken at its place".to_owned();
    }
    let mut said = message;
    while let Some(rest) = ["Error during planning: ", "Execution error: ", "External error: ", "Arrow error: "]
        .iter()
        .find_map(|prefix| said.strip_prefix(prefix))
    {
        said = rest;
    }
    let mut out = String::with_capacity(said.len());
    let mut rest = said;
    while !rest.is_empty() {
        let word = word_end(rest);
        let (token, after) = rest.split_at(word);
        match name_of(token) {
            Some(name) => out.push_str(&name),
            None => out.push_str(token),
        }
        rest = after;
        let between = rest.find(|c: char| c.is_alphanumeric()).unwrap_or(rest.len());
        out.push_str(&rest[..between]);
        rest = &rest[between..];
    }
    out
}

/// Where a word ends that `text` begins with, with the parentheses that belong to it if it is a type.
fn word_end(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    let takes = [
        "Decimal128",
        "Decimal256",
        "Timestamp",
        "Interval",
        "List",
        "LargeList",
        "Time64",
        "Time32",
        "Duration",
        "Struct",
    ];
    if !takes.contains(&&text[..end]) || !text[end..].starts_with('(') {
        return end;
    }
    let mut depth = 0;
    for (at, letter) in text[end..].char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return end + at + 1;
        }
    }
    end
}

/// PostgreSQL's name of a type as the engine writes it.
pub fn name_of(arrow: &str) -> Option<String> {
    let arrow = arrow.trim();
    let inner = |prefix: &str| arrow.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    if let Some(item) = inner("List(").or_else(|| inner("LargeList(")) {
        let item = item.trim_start_matches("non-null ").split(", field:").next().unwrap_or(item);
        return Some(format!("{}[]", name_of(item)?));
    }
    Some(
        match arrow {
            "Utf8" | "LargeUtf8" | "Utf8View" => "text",
            "Boolean" => "boolean",
            "Int8" | "Int16" | "UInt8" => "smallint",
            "Int32" | "UInt16" => "integer",
            "Int64" | "UInt32" | "UInt64" => "bigint",
            "Float32" => "real",
            "Float64" => "double precision",
            "Date32" | "Date64" => "date",
            "Binary" | "LargeBinary" | "BinaryView" => "bytea",
            "Null" => "unknown",
            _ if arrow.starts_with("Decimal") => "numeric",
            _ if arrow.starts_with("Interval(") || arrow.starts_with("Duration(") => "interval",
            _ if arrow.starts_with("Time64(") || arrow.starts_with("Time32(") => "time without time zone",
            _ if arrow.starts_with("Timestamp(") && arrow.contains('"') => "timestamp with time zone",
            _ if arrow.starts_with("Timestamp(") => "timestamp without time zone",
            _ if arrow.starts_with("Struct(") => "record",
            _ => return None,
        }
        .to_owned(),
    )
}

/// Types with commas between.
fn names_of(list: &str) -> Option<Vec<String>> {
    let (mut names, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name_of(&list[from..at])?);
                from = at + 1;
            }
            _ => {}
        }
    }
    match list.trim().is_empty() {
        true => Some(Vec::new()),
        false => {
            names.push(name_of(&list[from..])?);
            Some(names)
        }
    }
}

/// `... argument types 'sum(Utf8)'.`
fn no_function(message: &str) -> Option<Error> {
    let called = message.rsplit_once("argument types '")?.1;
    let called = called.rsplit_once("'").map_or(called, |(called, _)| called);
    let (name, rest) = called.split_once('(')?;
    let types = names_of(rest.strip_suffix(')')?)?;
    let mismatch = |message: String| Some(Error::new(Kind::DatatypeMismatch, message));
    match (name, types.as_slice()) {
        ("make_array", [first, others @ ..]) => {
            let other = others.iter().find(|other| *other != first)?;
            mismatch(format!("ARRAY types {} and {} cannot be matched", narrow(first), narrow(other)))
        }
        ("array_element", [array, _]) => Some(not_subscripted(array)),
        ("array_has", [array, element]) => Some(missing::operator(&format!("{element} = {array}"))),
        ("array_append" | "array_prepend" | "array_concat", [left, right]) if message.contains("||") => {
            Some(missing::operator(&format!("{left} || {right}")))
        }
        _ => {
            let name = if name == "signum" { "sign" } else { name };
            Some(missing::function(name, &types))
        }
    }
}

/// `Function 'sum' failed to match any signature ... but received String (DataType: Utf8)`
fn no_signature(message: &str) -> Option<Error> {
    if !message.contains("failed to match any signature") && !message.contains("but received") {
        return None;
    }
    let name = message.split("Function '").nth(1)?.split('\'').next()?;
    let received = message.split("(DataType: ").nth(1).and_then(|rest| name_of(&rest[..word_end(rest)]));
    Some(match received {
        Some(received) => missing::function(name, &[received]),
        None => {
            let message = format!("function {name} does not take such arguments");
            Error::new(Kind::UndefinedFunction, message).with_hint(missing::NO_FUNCTION)
        }
    })
}

/// Whole numbers of a statement are wide for the engine.
fn narrow(name: &str) -> &str {
    if name == "bigint" { "integer" } else { name }
}

/// `Cannot coerce arithmetic expression Utf8 + Int64 to valid types` and its like.
fn no_operator(message: &str) -> Option<Error> {
    const BEFORE: &[&str] = &[
        "Cannot coerce arithmetic expression ",
        "Cannot infer common argument type for comparison operation ",
        "Cannot infer common argument type for regex operation ",
        "Cannot infer common type for bitwise operation ",
        "Cannot infer common string type for string concat operation ",
        "Cannot get result type for temporal operation ",
        "Cannot get result type for arithmetic operation ",
    ];
    if let Some(rest) = message.split_once("a common type to coerce ").map(|(_, rest)| rest) {
        let (left, rest) = rest.split_once(" and ")?;
        let (right, rest) = rest.split_once(" in ")?;
        let sign = if rest.starts_with("ILIKE") { "~~*" } else { "~~" };
        return Some(missing::operator(&format!("{} {sign} {}", name_of(left)?, name_of(right)?)));
    }
    if let Some(rest) = message.split_once("Failed to coerce types ").map(|(_, rest)| rest)
        && let Some((types, _)) = rest.split_once(" in BETWEEN")
    {
        let (left, right) = types.split_once(" and ")?;
        return Some(missing::operator(&format!("{} >= {}", name_of(left)?, name_of(right)?)));
    }
    let rest = BEFORE.iter().find_map(|before| message.split_once(before).map(|(_, rest)| rest))?;
    let rest = rest.split(" to valid types").next().unwrap_or(rest);
    let end = word_end(rest);
    let left = name_of(&rest[..end])?;
    let (sign, right) = match rest[end..].trim_start() {
        rest if rest.starts_with("IS ") => ("=", rest.rsplit_once("FROM ")?.1),
        rest => rest.split_once(' ')?,
    };
    let right = name_of(&right[..word_end(right)])?;
    Some(missing::operator(&format!("{left} {sign} {right}")))
}

/// Columns, rows and values that have no type in common.
fn not_alike(message: &str) -> Option<Error> {
    let two = |what: &str, before: &str, between: &str| {
        let rest = message.split_once(before)?.1;
        let (first, rest) = rest.split_once(between)?;
        let (first, second) = (name_of(first)?, name_of(&rest[..word_end(rest)])?);
        let text = format!("{what} types {} and {} cannot be matched", narrow(&first), narrow(&second));
        Some(Error::new(Kind::DatatypeMismatch, text))
    };
    two("UNION", "Previous inputs were of type ", ", but got incompatible type ").or_else(|| {
        let rest = message.split_once("across values list")?.1.split_once("Was ")?.1;
        let (first, second) = rest.split_once(" but found ")?;
        let (first, second) = (name_of(first)?, name_of(second)?);
        let text = format!("VALUES types {} and {} cannot be matched", narrow(&first), narrow(&second));
        Some(Error::new(Kind::DatatypeMismatch, text))
    })
}

/// Conditions that are none.
fn not_boolean(message: &str) -> Option<Error> {
    let not = |by: &str, name: &str| {
        let text = format!("argument of {by} must be type boolean, not type {}", narrow(name));
        Some(Error::new(Kind::DatatypeMismatch, text))
    };
    if let Some((_, rest)) = message.split_once("Join condition must be boolean type, but got ") {
        return not("JOIN/ON", &name_of(rest)?);
    }
    if let Some((_, rest)) = message.split_once("'NOT' requires a boolean expression, got ") {
        return not("NOT", &name_of(rest)?);
    }
    if let Some((_, rest)) = message.split_once("logical boolean operation ") {
        let end = word_end(rest);
        let left = name_of(&rest[..end])?;
        let (by, right) = rest[end..].trim_start().split_once(' ')?;
        let right = name_of(right)?;
        return not(by, if left == "boolean" { &right } else { &left });
    }
    None
}

/// What is no array has no elements.
fn not_subscripted(name: &str) -> Error {
    let text = format!("cannot subscript type {name} because it does not support subscripting");
    Error::new(Kind::DatatypeMismatch, text)
}

/// Queries and rows of another width than their place takes.
fn of_other_width(message: &str) -> Option<Error> {
    let said = match message {
        _ if message.contains("queries have different number of columns") => {
            let operation = ["INTERSECT", "EXCEPT"].into_iter().find(|name| message.contains(name)).unwrap_or("UNION");
            format!("each {operation} query must have the same number of columns")
        }
        _ if message.contains("Inconsistent data length across values list") => {
            "VALUES lists must all be the same length".into()
        }
        _ if message.contains("subquery should only return one column") => {
            "subquery must return only one column".into()
        }
        _ => return None,
    };
    Some(Error::new(Kind::Syntax, said))
}

fn others(message: &str) -> Option<Error> {
    if let Some((_, rest)) = message.split_once("array_element does not support type ") {
        let of = name_of(rest.trim_end_matches('.')).unwrap_or_else(|| rest.to_owned());
        return Some(not_subscripted(narrow(&of)));
    }
    if let Some((_, rest)) = message.split_once("The window ")
        && let Some((name, _)) = rest.split_once(" is not defined")
    {
        return Some(Error::new(Kind::UndefinedObject, format!("window \"{name}\" does not exist")));
    }
    if message.contains("RANGE requires exactly one ORDER BY column") {
        let text = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
        return Some(Error::new(Kind::Windowing, text));
    }
    if message.contains("Invalid escape character in") {
        let error = Error::new(Kind::InvalidEscape, "invalid escape string");
        return Some(error.with_hint("Escape string must be empty or one character."));
    }
    if message.contains("unnest() can only be applied to") {
        return Some(missing::named("unnest"));
    }
    if message.contains("negative count not allowed") {
        return Some(Error::new(Kind::InvalidSubstring, "negative substring length not allowed"));
    }
    if message.contains("Step cannot be zero") {
        return Some(Error::new(Kind::InvalidParameter, "step size cannot equal zero"));
    }
    for clause in ["LIMIT", "OFFSET"] {
        if let Some((_, rest)) = message.split_once(&format!("Expected {clause} to be an integer or null, but got ")) {
            let text = format!("argument of {clause} must be type bigint, not type {}", name_of(rest)?);
            return Some(Error::new(Kind::DatatypeMismatch, text));
        }
    }
    const FIXED: &[(&str, Kind, &str)] = &[
        ("frame offsets for ROWS / GROUPS must be", Kind::FrameSize, "frame starting offset must not be negative"),
        ("start bound cannot be UNBOUNDED FOLLOWING", Kind::Windowing, "frame start cannot be UNBOUNDED FOLLOWING"),
        (
            "SELECT DISTINCT ON expressions must match",
            Kind::InvalidColumnReference,
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
        ),
        ("GROUPS requires an ORDER BY clause", Kind::Windowing, "GROUPS mode requires an ORDER BY clause"),
        (
            "to grouping function is not in grouping columns",
            Kind::Grouping,
            "arguments to GROUPING must be grouping expressions of the associated query level",
        ),
        ("end bound cannot be UNBOUNDED PRECEDING", Kind::Windowing, "frame end cannot be UNBOUNDED PRECEDING"),
        (
            "cannot be larger than end bound",
            Kind::Windowing,
            "frame starting from following row cannot have preceding rows",
        ),
    ];
    if let Some((_, kind, said)) = FIXED.iter().find(|(engines, ..)| message.contains(engines)) {
        return Some(Error::new(*kind, *said));
    }
    if message.contains("Dot access not supported") {
        let name = message.split("value: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("*");
        let text = format!("column notation .{name} applied to a value, which is not a composite type");
        return Some(Error::new(Kind::WrongObject, text));
    }
    if message.contains("Unary operator '") {
        let sign = message.split('\'').nth(1).unwrap_or("-");
        return Some(missing::operator(&format!("{sign} of such an operand")));
    }
    if let Some((_, rest)) = message.split_once("Cannot automatically convert ") {
        let (from, to) = rest.split_once(" to ")?;
        let text = format!("cannot cast type {} to {}", name_of(from)?, name_of(to)?);
        return Some(Error::new(Kind::CannotCoerce, text));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> String {
        translated(message).map_or_else(|| plain(message), |error| error.message().to_owned())
    }

    #[test]
    fn types_have_their_names_in_postgresql() {
        for (engines, ours) in [
            (
                "x. No function matches the given name and argument types 'sum(Utf8)'.",
                "function sum(text) does not exist",
            ),
            (
                "Cannot coerce arithmetic expression Timestamp(ns, \"UTC\") + Int64 to valid types",
                "operator does not exist: timestamp with time zone + bigint",
            ),
            (
                "Cannot infer common argument type for comparison operation Boolean = Int64",
                "operator does not exist: boolean = bigint",
            ),
            (
                "Cannot infer common argument type for comparison operation Struct(\"c0\": Int32, \"c1\": Utf8) = Int32",
                "operator does not exist: record = integer",
            ),
            (
                "There isn't a common type to coerce Int32 and Utf8 in LIKE expression",
                "operator does not exist: integer ~~ text",
            ),
            (
                "Incompatible inputs for Union: Previous inputs were of type List(Int32), but got incompatible type Int32 on column 'x'",
                "UNION types integer[] and integer cannot be matched",
            ),
            (
                "Inconsistent data type across values list at row 1 column 0. Was Int64 but found Boolean",
                "VALUES types integer and boolean cannot be matched",
            ),
            (
                "Cannot infer common argument type for logical boolean operation Boolean AND Int64",
                "argument of AND must be type boolean, not type integer",
            ),
            ("Execution error: a Decimal128(38, 9) is no Utf8", "a numeric is no text"),
        ] {
            assert_eq!(said(engines), ours);
        }
        assert!(!said("coercion from Utf8 to the signature OneOf(Exact(Utf8))").contains("Utf8"));
    }
}
