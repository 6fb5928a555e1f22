//! Arguments of PostgreSQL's functions that are ours: literals take the types that these want, everything else is cast to them.

use super::super::super::functions::Unit;
use super::super::super::functions::postgres::{Given, Postgres, no_operator};
use super::super::super::planner::CAST;
use super::super::super::values::read_one;
use super::super::candidates::name_of;
use super::super::function;
use super::super::truncated::Truncated;
use super::super::wide::{WIDE, decimal};
use super::{Expressions, is_unknown, lend_as};
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable};
use std::any::Any;
use std::sync::Arc;

/// The function behind a call, if it is such a one.
pub fn postgres(call: &ScalarFunction) -> Option<&Postgres> {
    (call.func.inner().as_ref() as &dyn Any).downcast_ref()
}

impl Expressions<'_> {
    /// The call with arguments of the types that its function takes.
    pub(super) fn ours(&self, call: &ScalarFunction, function: &Postgres) -> Result<Expr> {
        if let ("pg_typeof", [arg]) = (call.name(), call.args.as_slice()) {
            let name = match self.given(arg)? {
                Given::Open => "unknown".to_owned(),
                Given::Type(sql_type) => name_of(&sql_type),
                Given::Other => "record".to_owned(),
            };
            return Ok(datafusion::logical_expr::lit(name));
        }
        // Without zeros at its end it is what a numeric is whose places nothing tells.
        if let ("trim_scale", [arg]) = (call.name(), call.args.as_slice())
            && self.type_of(arg).is_some_and(|t| decimal(&t).is_some())
        {
            let field = Field::new(CAST, WIDE, true);
            return Ok(Expr::Cast(Cast::new_from_field(Box::new(arg.clone()), Arc::new(field))));
        }
        let given: Vec<Given> = call.args.iter().map(|arg| self.given(arg)).collect::<Result<_>>()?;
        must_be_json(call.name(), &given)?;
        let chosen = function.choose(&given)?;
        let chosen_gives = chosen.gives.clone();
        let mut args = Vec::with_capacity(call.args.len());
        for (arg, wanted) in call.args.iter().zip(chosen.takes) {
            args.push(match wanted {
                Some(wanted) => self.taken(arg.clone(), &wanted)?,
                None => arg.clone(),
            });
        }
        Ok(match (call.name(), args.as_slice()) {
            ("date_trunc", [Expr::Literal(ScalarValue::Utf8(Some(unit)), _), _])
                if Unit::named(unit).is_some() && chosen_gives != SqlType::Interval =>
            {
                let truncated = Truncated { unit: unit.clone(), data_type: chosen_gives.arrow() };
                function::call(truncated, vec![args[1].clone()])
            }
            _ => Expr::ScalarFunction(ScalarFunction { func: call.func.clone(), args }),
        })
    }

    fn given(&self, arg: &Expr) -> Result<Given> {
        Ok(match arg {
            Expr::Placeholder(Placeholder { field: None, .. }) => Given::Open,
            arg if is_unknown(arg) => Given::Open,
            arg => Given::of(&arg.to_field(self.schema)?.1),
        })
    }

    fn taken(&self, arg: Expr, wanted: &SqlType) -> Result<Expr> {
        let field = wanted.field("");
        if let Expr::Placeholder(Placeholder { id, field: None }) = arg {
            let field = Some(Arc::new(field.with_name(&id)));
            return Ok(Expr::Placeholder(Placeholder { id, field }));
        }
        if is_unknown(&arg) {
            return match (&arg, wanted) {
                (Expr::Literal(ScalarValue::Utf8(Some(text)), _), SqlType::Json) => {
                    let read = read_one(text, wanted)?;
                    let mark = datafusion::common::metadata::FieldMetadata::new_from_field(&field);
                    Ok(Expr::Literal(read, Some(mark)))
                }
                (_, SqlType::Text) => Ok(arg),
                _ => lend_as(arg, &field),
            };
        }
        Ok(match (arg.get_type(self.schema)?, wanted) {
            // Digits are kept as they are.
            (DataType::Int16 | DataType::Int32 | DataType::Int64, SqlType::Numeric(_)) => {
                datafusion::logical_expr::cast(arg, DataType::Decimal128(20, 0))
            }
            // As many as there is room for.
            (DataType::Decimal256(_, scale), SqlType::Numeric(_)) => {
                datafusion::logical_expr::cast(arg, DataType::Decimal128(38, scale.min(16)))
            }
            // A field without a name would keep the marks of what is cast.
            _ => Expr::Cast(Cast::new_from_field(Box::new(arg), Arc::new(field.with_name("cast")))),
        })
    }
}

/// Refuses an operator of JSON between texts; what these have is read as JSON by functions alone.
fn must_be_json(function: &str, given: &[Given]) -> Result<()> {
    match given {
        [Given::Type(SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_)), _] if function != "jsonb_contains" => {
            no_operator(function, given).map_or(Ok(()), Err)
        }
        _ => Ok(()),
    }
}
