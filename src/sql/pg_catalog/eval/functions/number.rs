//! Arithmetic.

use super::super::super::value::Value;
use super::super::plan::Builtin;
use super::{int_at, strict};
use crate::error::{Error, Kind, Result};

fn whole(args: &[Value], by: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let number = by(int_at(args, 0)?, int_at(args, 1)?);
    number.map(Value::Int).ok_or_else(|| Error::new(Kind::NumericOutOfRange, "bigint out of range"))
}

fn divided(args: &[Value], by: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    match int_at(args, 1)? {
        0 => Err(Error::new(Kind::DivisionByZero, "division by zero")),
        _ => whole(args, by),
    }
}

fn float_at(args: &[Value], at: usize) -> Result<f64> {
    match args.get(at) {
        Some(Value::Float(number)) => Ok(*number),
        _ => Ok(int_at(args, at)? as f64),
    }
}

fn float(args: &[Value], by: fn(f64, f64) -> f64) -> Result<Value> {
    Ok(Value::Float(by(float_at(args, 0)?, float_at(args, 1)?)))
}

pub const ADD: Builtin = strict("+", |args| whole(args, i64::checked_add));
pub const SUBTRACT: Builtin = strict("-", |args| whole(args, i64::checked_sub));
pub const MULTIPLY: Builtin = strict("*", |args| whole(args, i64::checked_mul));
pub const DIVIDE: Builtin = strict("/", |args| divided(args, i64::checked_div));
pub const MODULO: Builtin = strict("%", |args| divided(args, |a, b| Some(a.checked_rem(b).unwrap_or(0))));
pub const AND: Builtin = strict("&", |args| whole(args, |a, b| Some(a & b)));
pub const OR: Builtin = strict("|", |args| whole(args, |a, b| Some(a | b)));
pub const XOR: Builtin = strict("#", |args| whole(args, |a, b| Some(a ^ b)));
pub const SHIFT_LEFT: Builtin = strict("<<", |args| whole(args, |a, b| Some(a.wrapping_shl(b as u32))));
pub const SHIFT_RIGHT: Builtin = strict(">>", |args| whole(args, |a, b| Some(a.wrapping_shr(b as u32))));
pub const ADD_FLOAT: Builtin = strict("+.", |args| float(args, |a, b| a + b));
pub const SUBTRACT_FLOAT: Builtin = strict("-.", |args| float(args, |a, b| a - b));
pub const MULTIPLY_FLOAT: Builtin = strict("*.", |args| float(args, |a, b| a * b));
pub const DIVIDE_FLOAT: Builtin = strict("/.", |args| match float_at(args, 1)? {
    0.0 => Err(Error::new(Kind::DivisionByZero, "division by zero")),
    _ => float(args, |a, b| a / b),
});
pub const NEGATE: Builtin = strict("negate", |args| match args.first() {
    Some(Value::Float(number)) => Ok(Value::Float(-number)),
    _ => Ok(Value::Int(int_at(args, 0)?.saturating_neg())),
});
pub const ABS: Builtin = strict("abs", |args| match args.first() {
    Some(Value::Float(number)) => Ok(Value::Float(number.abs())),
    _ => Ok(Value::Int(int_at(args, 0)?.saturating_abs())),
});
