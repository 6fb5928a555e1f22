//! Functions that need facts of the database, by family: definitions, names, rights, sizes, the session.
//!
//! [`returns`] says what a function gives, [`call`] calls it. A NULL argument gives NULL, but for the few functions that
//! PostgreSQL has otherwise.

pub mod definitions;
mod describe;
pub mod privileges;
mod session;
mod sizes;

pub use definitions::function_definition;

use super::facts::Facts;
use super::names;
use super::value::{Type, Value};
use crate::error::{Error, Kind, Result};

/// The type that a function gives; `None` if none here has that name.
pub fn returns(name: &str, args: &[Type]) -> Option<Type> {
    definitions::returns(name)
        .or_else(|| describe::returns(name))
        .or_else(|| privileges::returns(name))
        .or_else(|| sizes::returns(name))
        .or_else(|| session::returns(name, args))
}

/// What a function gives.
pub fn call(facts: &Facts, name: &str, values: &[Value], types: &[Type]) -> Result<Value> {
    // format_type takes no modifier as NULL.
    if name != "format_type" && values.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    let args = Args { facts, name, values, types };
    if definitions::returns(name).is_some() {
        definitions::call(&args)
    } else if describe::returns(name).is_some() {
        describe::call(&args)
    } else if privileges::returns(name).is_some() {
        privileges::call(&args)
    } else if sizes::returns(name).is_some() {
        sizes::call(&args)
    } else {
        session::call(&args)
    }
}

/// The arguments of one call.
pub struct Args<'a> {
    facts: &'a Facts,
    name: &'a str,
    values: &'a [Value],
    types: &'a [Type],
}

impl<'a> Args<'a> {
    /// The error for arguments of other types, or of another number.
    fn undefined(&self) -> Error {
        let types: Vec<String> = self.types.iter().map(|data_type| format!("{data_type:?}").to_lowercase()).collect();
        let message = format!("function {}({}) does not exist", self.name, types.join(", "));
        Error::new(Kind::UndefinedFunction, message)
    }

    fn text(&self, at: usize) -> Result<&'a str> {
        match self.values.get(at) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.undefined()),
        }
    }

    fn flag(&self, at: usize) -> bool {
        match self.values.get(at) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Text(text)) => matches!(text.as_ref(), "t" | "true" | "on" | "1"),
            _ => false,
        }
    }

    fn number(&self, at: usize) -> Result<i64> {
        match self.values.get(at) {
            Some(Value::Int(number)) => Ok(*number),
            Some(Value::Float(number)) => Ok(*number as i64),
            Some(Value::Text(text)) => text.trim().parse().map_err(|_| self.undefined()),
            _ => Err(self.undefined()),
        }
    }

    /// An OID, as a number or as the name of something of a `reg...` type.
    fn oid(&self, at: usize, reg: &Type) -> Result<u32> {
        match self.values.get(at) {
            Some(Value::Int(number)) => Ok(u32::try_from(*number).unwrap_or(0)),
            Some(Value::Text(text)) => names::oid_of(self.facts, reg, text),
            _ => Err(self.undefined()),
        }
    }
}
