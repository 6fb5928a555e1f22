//! Functions of values: those that need nothing of the database.

pub mod array;
pub mod json;
mod md5;
pub mod number;
pub mod span;
pub mod text;

use super::super::value::{Type, Value};
use super::plan::Builtin;
use super::types::{array_of, element, first_index};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// What a function takes in one place.
#[derive(Debug, Clone)]
pub enum Take {
    /// A value of this type.
    As(Type),
    /// Anything, in text.
    Shown,
    /// Anything as it is.
    Any,
    /// Anything, as JSON.
    Json,
}

/// A function that was found.
pub struct Found {
    pub builtin: Builtin,
    pub gives: Type,
    takes: Vec<Take>,
}

impl Found {
    /// What it takes in a place; the last one is for all that follow.
    pub fn takes(&self, at: usize) -> Take {
        self.takes.get(at).or(self.takes.last()).cloned().unwrap_or(Take::Any)
    }
}

const fn strict(name: &'static str, call: fn(&[Value]) -> Result<Value>) -> Builtin {
    Builtin { name, strict: true, call }
}

const fn lax(name: &'static str, call: fn(&[Value]) -> Result<Value>) -> Builtin {
    Builtin { name, strict: false, call }
}

/// The function of this name for arguments of these types.
pub fn find(name: &str, args: &[Type]) -> Option<Found> {
    use Take::{Any, As, Json, Shown};
    let (text, int) = (|| As(Type::Text), || As(Type::Int4));
    let first = args.first().cloned().unwrap_or(Type::Unknown);
    let item = element(&first);
    let made = |builtin: Builtin, takes: Vec<Take>, gives: Type| Some(Found { builtin, gives, takes });
    match (name, args.len()) {
        ("lower", 1) => made(text::LOWER, vec![text()], Type::Text),
        ("upper", 1) => made(text::UPPER, vec![text()], Type::Text),
        ("length" | "char_length" | "character_length", 1) => made(text::LENGTH, vec![text()], Type::Int4),
        ("octet_length", 1) => made(text::OCTETS, vec![text()], Type::Int4),
        ("substring" | "substr", 2) if !matches!(args.get(1), Some(Type::Int2 | Type::Int4 | Type::Int8)) => {
            made(text::SUBSTRING_REGEX, vec![text()], Type::Text)
        }
        ("substring" | "substr", 2 | 3) => made(text::SUBSTRING, vec![text(), int()], Type::Text),
        ("split_part", 3) => made(text::SPLIT_PART, vec![text(), text(), int()], Type::Text),
        ("replace", 3) => made(text::REPLACE, vec![text()], Type::Text),
        ("translate", 3) => made(text::TRANSLATE, vec![text()], Type::Text),
        ("trim" | "btrim", 1 | 2) => made(text::BTRIM, vec![text()], Type::Text),
        ("ltrim", 1 | 2) => made(text::LTRIM, vec![text()], Type::Text),
        ("rtrim", 1 | 2) => made(text::RTRIM, vec![text()], Type::Text),
        ("concat", _) => made(text::CONCAT, vec![Shown], Type::Text),
        ("concat_ws", 1..) => made(text::CONCAT_WS, vec![Shown], Type::Text),
        ("quote_ident", 1) => made(text::QUOTE_IDENT, vec![text()], Type::Text),
        ("quote_literal", 1) => made(text::QUOTE_LITERAL, vec![Shown], Type::Text),
        ("quote_nullable", 1) => made(text::QUOTE_NULLABLE, vec![Shown], Type::Text),
        ("format", 1..) => made(text::FORMAT, vec![Shown], Type::Text),
        ("left", 2) => made(text::LEFT, vec![text(), int()], Type::Text),
        ("right", 2) => made(text::RIGHT, vec![text(), int()], Type::Text),
        ("repeat", 2) => made(text::REPEAT, vec![text(), int()], Type::Text),
        ("lpad", 2 | 3) => made(text::LPAD, vec![text(), int(), text()], Type::Text),
        ("rpad", 2 | 3) => made(text::RPAD, vec![text(), int(), text()], Type::Text),
        ("reverse", 1) => made(text::REVERSE, vec![text()], Type::Text),
        ("initcap", 1) => made(text::INITCAP, vec![text()], Type::Text),
        ("ascii", 1) => made(text::ASCII, vec![text()], Type::Int4),
        ("chr", 1) => made(text::CHR, vec![int()], Type::Text),
        ("strpos" | "position", 2) => made(text::STRPOS, vec![text()], Type::Int4),
        ("starts_with", 2) => made(text::STARTS_WITH, vec![text()], Type::Bool),
        ("regexp_replace", 3 | 4) => made(text::REGEXP_REPLACE, vec![text()], Type::Text),
        ("regexp_match" | "regexp_matches", 2) => made(text::REGEXP_MATCH, vec![text()], array_of(Type::Text)),
        ("md5", 1) => made(text::MD5, vec![text()], Type::Text),
        ("encode", 2) => made(text::ENCODE, vec![Shown, text()], Type::Text),
        ("pg_size_pretty", 1) => made(text::SIZE_PRETTY, vec![Any], Type::Text),
        ("abs", 1) => made(number::ABS, vec![Any], first),
        ("array_length", 2) => made(array::LENGTH, vec![Any, int()], Type::Int4).filter(|_| item.is_some()),
        ("cardinality", 1) => made(array::CARDINALITY, vec![Any], Type::Int4).filter(|_| item.is_some()),
        ("array_ndims", 1) => made(array::NDIMS, vec![Any], Type::Int4).filter(|_| item.is_some()),
        ("array_upper", 2) if item.is_some() => {
            let builtin = if first_index(&first) == 0 { array::UPPER_FROM_0 } else { array::LENGTH };
            made(builtin, vec![Any, int()], Type::Int4)
        }
        ("array_lower", 2) if item.is_some() => {
            let builtin = if first_index(&first) == 0 { array::LOWER_FROM_0 } else { array::LOWER };
            made(builtin, vec![Any, int()], Type::Int4)
        }
        ("array_to_string", 2 | 3) if item.is_some() || first == Type::Unknown => {
            made(array::TO_STRING, vec![As(array_of(Type::Text)), text(), text()], Type::Text)
        }
        ("array_position", 2) => made(array::POSITION, vec![Any, As(item?)], Type::Int4),
        ("array_append", 2) => {
            let item = item?;
            made(array::APPEND, vec![Any, As(item.clone())], array_of(item))
        }
        ("array_prepend", 2) => {
            let item = args.get(1).and_then(element)?;
            made(array::PREPEND, vec![As(item.clone()), Any], array_of(item))
        }
        ("array_cat", 2) => made(array::CAT, vec![Any], array_of(item?)),
        ("array_remove", 2) => {
            let item = item?;
            made(array::REMOVE, vec![Any, As(item.clone())], array_of(item))
        }
        ("string_to_array", 2 | 3) => made(array::FROM_STRING, vec![text()], array_of(Type::Text)),
        ("json_build_object" | "jsonb_build_object", _) if args.len().is_multiple_of(2) => {
            // Keys in text and values as JSON, in turn.
            let takes = (0..args.len()).map(|at| if at.is_multiple_of(2) { Shown } else { Json }).collect();
            made(json::OBJECT, takes, Type::Json)
        }
        ("json_build_array" | "jsonb_build_array", _) => made(json::ARRAY, vec![Json], Type::Json),
        ("to_json" | "to_jsonb" | "row_to_json" | "array_to_json", 1) => made(json::SAME, vec![Json], Type::Json),
        _ => None,
    }
}

/// The function that an arithmetic operator calls.
pub fn arithmetic(op: &BinaryOperator, is_float: bool) -> Option<Builtin> {
    Some(match (op, is_float) {
        (BinaryOperator::Plus, false) => number::ADD,
        (BinaryOperator::Minus, false) => number::SUBTRACT,
        (BinaryOperator::Multiply, false) => number::MULTIPLY,
        (BinaryOperator::Divide, false) => number::DIVIDE,
        (BinaryOperator::Modulo, false) => number::MODULO,
        (BinaryOperator::BitwiseAnd, false) => number::AND,
        (BinaryOperator::BitwiseOr, false) => number::OR,
        (BinaryOperator::BitwiseXor | BinaryOperator::PGBitwiseXor, false) => number::XOR,
        (BinaryOperator::PGBitwiseShiftLeft, false) => number::SHIFT_LEFT,
        (BinaryOperator::PGBitwiseShiftRight, false) => number::SHIFT_RIGHT,
        (BinaryOperator::Plus, true) => number::ADD_FLOAT,
        (BinaryOperator::Minus, true) => number::SUBTRACT_FLOAT,
        (BinaryOperator::Multiply, true) => number::MULTIPLY_FLOAT,
        (BinaryOperator::Divide, true) => number::DIVIDE_FLOAT,
        _ => return None,
    })
}

/// The text in a place; the binder has seen to it that there is one.
fn text_at(args: &[Value], at: usize) -> Result<&str> {
    match args.get(at) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(Error::new(Kind::DatatypeMismatch, "a text is expected here")),
    }
}

/// The whole number in a place.
fn int_at(args: &[Value], at: usize) -> Result<i64> {
    match args.get(at) {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(Error::new(Kind::DatatypeMismatch, "a whole number is expected here")),
    }
}

/// The items of the array in a place.
fn items_at(args: &[Value], at: usize) -> Result<&[Value]> {
    match args.get(at) {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(Error::new(Kind::DatatypeMismatch, "an array is expected here")),
    }
}
