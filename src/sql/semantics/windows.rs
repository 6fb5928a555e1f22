//! Calls of window functions: with the arguments that PostgreSQL's take, before the engine looks at them.

use super::super::missing;
use super::super::values::read_one;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::wording::missing::WINDOW_FUNCTIONS;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::planner::{PlannerResult, RawWindowExpr};
use datafusion::logical_expr::{Expr, WindowFunctionDefinition, lit, when};

/// The call with a quoted number read as one; what stands for it where that number is NULL.
pub fn checked(mut call: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
    let original = |call| Ok(PlannerResult::Original(call));
    let WindowFunctionDefinition::WindowUDF(function) = &call.func_def else { return original(call) };
    let name = function.name().to_owned();
    let Some((_, least, most, whole)) = WINDOW_FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return original(call);
    };
    let count = call.args.len();
    if count < *least || count > *most {
        return Err(undefined(&name, &call.args));
    }
    let Some(at) = whole.filter(|at| *at < count) else { return original(call) };
    match &call.args[at] {
        Expr::Literal(ScalarValue::Utf8(Some(text)), None) => {
            let read = read_one(text, &SqlType::Int4)?.cast_to(&DataType::Int64)?;
            call.args[at] = Expr::Literal(read, None);
        }
        Expr::Literal(value, _) if !value.data_type().is_integer() && !value.is_null() => {
            return Err(undefined(&name, &call.args));
        }
        _ => {}
    }
    let Expr::Literal(number, _) = &call.args[at] else { return original(call) };
    if number.is_null() && name != "nth_value" {
        let value = if at == 0 { Expr::Literal(ScalarValue::Int32(None), None) } else { call.args[0].clone() };
        return Ok(PlannerResult::Planned(when(lit(false), value).end()?));
    }
    let zero = number.cast_to(&DataType::Int64).is_ok_and(|n| matches!(n, ScalarValue::Int64(Some(..1))));
    match name.as_str() {
        "ntile" if zero => Err(Error::new(Kind::Ntile, "argument of ntile must be greater than zero")),
        "nth_value" if zero => Err(Error::new(Kind::NthValue, "argument of nth_value must be greater than zero")),
        _ => original(call),
    }
}

fn undefined(name: &str, args: &[Expr]) -> Error {
    let named = |arg: &Expr| match arg {
        Expr::Literal(ScalarValue::Int64(Some(n)), _) if i32::try_from(*n).is_ok() => "integer".to_owned(),
        Expr::Literal(ScalarValue::Utf8(_), None) => "unknown".to_owned(),
        Expr::Literal(value, _) => {
            SqlType::from_arrow(&value.data_type()).map_or_else(|_| "unknown".to_owned(), |t| super::name_of(&t))
        }
        _ => "...".to_owned(),
    };
    let types: Vec<String> = args.iter().map(named).collect();
    missing::function(name, &types)
}
