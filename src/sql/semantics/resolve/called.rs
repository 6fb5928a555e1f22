//! Calls that were planned by PostgreSQL's names: the function that they mean, its arguments with their types, and conditions that
//! are true or not.

use super::super::super::missing;
use super::super::asked::Asked;
use super::super::called::Called;
use super::super::candidates::{AGGREGATES, Choice, Given, Type, choose, name_of};
use super::super::cases::Cases;
use super::super::kept;
use super::super::operators;
use super::postgres::postgres;
use super::refused;
use super::{Expressions, is_unknown, lend_as};
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable};
use std::any::Any;

/// The digits of the least integer.
const LEAST: i64 = 1 << 31;

/// What is known of an argument, and what PostgreSQL calls its type.
struct Argument {
    given: Given,
    name: String,
    /// What no declaration speaks of.
    strange: bool,
}

impl Expressions<'_> {
    /// What a call means that was planned by a name of PostgreSQL's, or for what asks for a truth or a number.
    pub(super) fn meant(&self, mut call: ScalarFunction) -> DfResult<Expr> {
        if paths_into_json(&call) {
            // Which was not looked into.
            for arg in call.args.iter_mut().filter(|arg| !matches!(arg, Expr::Literal(..))) {
                let mut within = Expressions { integers: false, ..*self };
                *arg = std::mem::take(arg).rewrite(&mut within)?.data;
            }
        }
        Ok(self.as_meant(call)?)
    }

    fn as_meant(&self, call: ScalarFunction) -> Result<Expr> {
        refused::must_be_flat(call.name(), call.args.iter().map(|arg| self.type_of(arg)))?;
        let planned = call.func.inner().as_ref() as &dyn Any;
        if let Some(asked) = planned.downcast_ref::<Asked>() {
            let asked = asked.clone();
            let [operand] = <[Expr; 1]>::try_from(call.args).map_err(|_| Error::internal("one operand is not one"))?;
            return self.asked(&asked, operand);
        }
        if let Some(cases) = planned.downcast_ref::<Cases>() {
            return self.case(cases.case(call.args)?);
        }
        match planned.downcast_ref::<Called>() {
            Some(called) => self.function(self.called(called, call.args.clone())?),
            None => {
                let func = kept::plain(&call.func).unwrap_or(call.func);
                self.function(ScalarFunction { func, ..call })
            }
        }
    }

    fn asked(&self, asked: &Asked, operand: Expr) -> Result<Expr> {
        if !asked.is_sign() {
            return self.truth(operand, &asked.by);
        }
        operators::must_have_sign(&asked.by, &operand, self.schema)?;
        Ok(match asked.by.as_str() {
            // The least integer is one, though its digits alone are not.
            "-" if self.integers && matches!(operand, Expr::Literal(ScalarValue::Int64(Some(LEAST)), None)) => {
                Expr::Literal(ScalarValue::Int32(Some(i32::MIN)), None)
            }
            "-" if is_beyond_bigint(&operand) => Expr::Literal(ScalarValue::Int64(Some(i64::MIN)), None),
            // What counts rows has no sign in the engine.
            "-" if self.type_of(&operand).is_some_and(|t| t.is_unsigned_integer()) => {
                Expr::Negative(Box::new(datafusion::logical_expr::cast(operand, DataType::Int64)))
            }
            "-" => Expr::Negative(Box::new(operand)),
            _ => operand,
        })
    }

    /// A condition, where a clause asks for one.
    pub(super) fn truth(&self, condition: Expr, by: &str) -> Result<Expr> {
        operators::truth(condition, by, self.schema)
    }

    fn called(&self, called: &Called, args: Vec<Expr>) -> Result<ScalarFunction> {
        let given: Vec<Argument> = args.iter().map(|arg| self.argument(arg)).collect();
        let kinds: Vec<Given> = given.iter().map(|argument| argument.given).collect();
        let strange = given.iter().any(|argument| argument.strange);
        let chosen = match called.choose(&kinds) {
            Choice::One(chosen) => chosen,
            Choice::Several if !strange => return Err(missing::one_function(&called.name, &types(&given))),
            Choice::None if !strange || called.function.is_none() => {
                return Err(missing::function(&called.name, &types(&given)));
            }
            _ => &[],
        };
        let Some(function) = called.function.clone() else {
            return Err(missing::function(&called.name, &types(&given)));
        };
        let mut typed = Vec::with_capacity(args.len());
        for (at, arg) in args.into_iter().enumerate() {
            let wanted = chosen.get(at).and_then(|wanted| wanted.sql_type()).filter(|_| kinds[at].is_none());
            typed.push(match wanted {
                Some(wanted) => read_as(arg, &wanted)?,
                None => arg,
            });
        }
        Ok(ScalarFunction { func: function, args: typed })
    }

    fn argument(&self, arg: &Expr) -> Argument {
        let open = || Argument { given: None, name: "unknown".to_owned(), strange: false };
        if is_unknown(arg) {
            return open();
        }
        match arg.to_field(self.schema) {
            Ok((_, field)) if field.data_type().is_null() => open(),
            Ok((_, field)) => match SqlType::from_field(&field) {
                Ok(sql_type) => Argument { given: Some(Type::of(&sql_type)), name: name_of(&sql_type), strange: false },
                Err(_) => strange(&field),
            },
            Err(_) => Argument { given: None, name: "unknown".to_owned(), strange: true },
        }
    }

    /// Refuses an aggregate of what PostgreSQL has none for.
    pub(super) fn must_aggregate(&self, name: &str, args: &[Expr]) -> Result<()> {
        refused::must_be_flat(name, args.iter().map(|arg| self.type_of(arg)))?;
        let Some(all) = AGGREGATES.get(name) else { return Ok(()) };
        // Counts of rows.
        if name == "count" && matches!(args, [Expr::Literal(..)]) {
            return Ok(());
        }
        let given: Vec<Argument> = args.iter().map(|arg| self.argument(arg)).collect();
        let kinds: Vec<Given> = given.iter().map(|argument| argument.given).collect();
        match choose(all, &kinds) {
            Choice::None if given.iter().all(|argument| !argument.strange) => {
                Err(missing::function(name, &types(&given)))
            }
            _ => Ok(()),
        }
    }
}

/// Whether an operand is the digits of the least `bigint`, which no `bigint` has without a sign.
fn is_beyond_bigint(operand: &Expr) -> bool {
    matches!(operand, Expr::Literal(ScalarValue::Decimal128(Some(n), _, 0), None) if *n == -i128::from(i64::MIN))
}

/// Whether a call is one of the engine's functions of JSON, which take the numbers of paths as the engine has them.
pub(super) fn paths_into_json(call: &ScalarFunction) -> bool {
    call.name().starts_with("json_") && postgres(call).is_none()
}

fn strange(field: &Field) -> Argument {
    let name = if matches!(field.data_type(), DataType::Struct(_)) { "record" } else { "unknown" };
    Argument { given: None, name: name.to_owned(), strange: true }
}

/// A literal or a parameter of no type as one of this type.
pub fn read_as(arg: Expr, wanted: &SqlType) -> Result<Expr> {
    match arg {
        Expr::Literal(ScalarValue::Null, mark) => Ok(Expr::Literal(ScalarValue::try_from(&wanted.arrow())?, mark)),
        arg => lend_as(arg, &wanted.field("")),
    }
}

fn types(given: &[Argument]) -> Vec<&str> {
    given.iter().map(|argument| argument.name.as_str()).collect()
}
