//! Declarations of functions in text: `lpad(text, int4, text?) text`.

use super::call::Whole;
use super::made::{Args, Made};
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::array::ArrayRef;
use datafusion::logical_expr::Volatility;

/// What a function does: with one row, or with a whole batch.
#[derive(Clone, Copy)]
pub enum Body {
    /// One row.
    Each(fn(&Args<'_>) -> Result<Made>),
    /// All rows of a batch.
    Whole(fn(&Whole<'_>) -> Result<ArrayRef>),
}

/// A declaration and what it does.
pub type Declaration = (&'static str, Body);

/// What an argument may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A value of a type.
    Type(SqlType),
    /// A value of any type, as it is.
    Any,
    /// A value of the type that the array beside it has elements of.
    Element,
    /// An array.
    Array,
}

/// One of the functions of a name.
pub struct Overload {
    /// What its arguments are, with those that may be left out.
    pub takes: Vec<Wanted>,
    /// How many of them must be there.
    pub least: usize,
    /// What all further arguments are.
    pub variadic: Option<Wanted>,
    /// What it gives.
    pub gives: Wanted,
    /// Whether it is NULL where an argument is.
    pub strict: bool,
    /// What it does.
    pub body: Body,
}

impl Overload {
    /// What the argument at a place may be.
    pub fn wanted(&self, at: usize) -> Option<&Wanted> {
        self.takes.get(at).or(self.variadic.as_ref())
    }
}

/// All functions of a name.
pub struct Declared {
    /// The name.
    pub name: &'static str,
    /// Whether the same arguments give the same.
    pub volatility: Volatility,
    /// The functions.
    pub overloads: Vec<Overload>,
}

impl Declared {
    /// A name without functions yet, whose first declaration is `text`.
    pub fn new(name: &'static str, text: &str) -> Self {
        let volatility = if text.starts_with('!') { Volatility::Volatile } else { Volatility::Immutable };
        Self { name, volatility, overloads: Vec::new() }
    }
}

/// The name and the function that a declaration says.
pub fn read(text: &'static str, body: Body) -> Option<(&'static str, Overload)> {
    let text = text.trim_start_matches('!');
    let (strict, text) = match text.strip_prefix('?') {
        Some(text) => (false, text),
        None => (true, text),
    };
    let (name, rest) = text.split_once('(')?;
    let (arguments, gives) = rest.split_once(')')?;
    let mut overload =
        Overload { takes: Vec::new(), least: 0, variadic: None, gives: wanted(gives.trim())?, strict, body };
    for argument in arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()) {
        match argument.strip_prefix("...") {
            Some(rest) => overload.variadic = Some(wanted(rest)?),
            None => {
                let (argument, left_out) = argument.strip_suffix('?').map_or((argument, false), |rest| (rest, true));
                overload.takes.push(wanted(argument)?);
                overload.least += usize::from(!left_out);
            }
        }
    }
    Some((name, overload))
}

fn wanted(name: &str) -> Option<Wanted> {
    Some(match name {
        "any" => Wanted::Any,
        "anyelement" => Wanted::Element,
        "anyarray" => Wanted::Array,
        name => Wanted::Type(sql_type(name)?),
    })
}

fn sql_type(name: &str) -> Option<SqlType> {
    if let Some(item) = name.strip_suffix("[]") {
        return Some(SqlType::Array(Box::new(sql_type(item)?)));
    }
    Some(match name {
        "bool" => SqlType::Bool,
        "int2" => SqlType::Int2,
        "int4" => SqlType::Int4,
        "int8" => SqlType::Int8,
        "float4" => SqlType::Float4,
        "float8" => SqlType::Float8,
        "numeric" => SqlType::Numeric(None),
        "text" => SqlType::Text,
        "bytea" => SqlType::Bytea,
        "date" => SqlType::Date,
        "time" => SqlType::Time,
        "timestamp" => SqlType::Timestamp,
        "timestamptz" => SqlType::Timestamptz,
        "interval" => SqlType::Interval,
        "uuid" => SqlType::Uuid,
        "inet" => SqlType::Inet,
        "cidr" => SqlType::Cidr,
        "json" => SqlType::Json,
        "jsonb" => SqlType::Jsonb,
        "vector" => SqlType::Vector(None),
        _ => return None,
    })
}
