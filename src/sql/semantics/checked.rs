//! The pass after the engine's coercion: casts and arithmetic become functions that round, check and fail.

use super::super::values::{Zone, must_be_castable, same_as_arrow};
use super::arithmetic::Arithmetic;
use super::cast::Cast;
use super::moved::{Apart, Moved};
use super::quick::Quick;
use super::session_zone::{self, zone_of};
use super::{filtered, function, input_schema, per_row};
use crate::catalog::SqlType;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

/// The pass over a plan.
#[derive(Debug)]
pub struct Checked;

impl AnalyzerRule for Checked {
    fn name(&self) -> &str {
        "checked_operators"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> DfResult<LogicalPlan> {
        let zone = zone_of(config);
        let each = |plan: LogicalPlan| {
            let schema = input_schema(&plan)?;
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(checked_within(expr, &schema, &zone)?.update_data(|expr| name.restore(expr)))
            })?
            .map_data(|plan| plan.recompute_schema())
        };
        Ok(plan.transform_up_with_subqueries(each)?.data)
    }
}

/// The same for an expression over `schema` whose operands have common types.
pub fn checked(expr: Expr, schema: &DFSchema, config: &ConfigOptions) -> DfResult<Expr> {
    Ok(checked_within(expr, schema, &zone_of(config))?.data)
}

fn checked_within(expr: Expr, schema: &DFSchema, zone: &Zone) -> DfResult<Transformed<Expr>> {
    expr.transform_up(|expr| match expr {
        expr if !zone.is_utc() && session_zone::is_asked(&expr, schema)? => {
            Ok(Transformed::yes(session_zone::with_clocks(expr, schema, zone)?))
        }
        Expr::Cast(cast) => {
            let from = cast.expr.to_field(schema)?.1;
            let to = SqlType::from_field(&cast.field).ok().filter(|to| to.arrow() == *cast.field.data_type());
            match to {
                Some(to) if !same_as_arrow(from.data_type(), &cast.field) => {
                    let counts = zone.counts(from.data_type(), &to.arrow());
                    let zone = if counts { zone.clone() } else { Zone::default() };
                    let operator = Cast { from: from.as_ref().clone().with_name(""), to, zone };
                    Ok(Transformed::yes(cast_call(operator, *cast.expr)?))
                }
                _ => Ok(Transformed::no(Expr::Cast(cast))),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (a, b) = (left.get_type(schema)?, right.get_type(schema)?);
            if Arithmetic::is_needed(op, &a, &b) {
                let operator = Arithmetic { operator: op, data_type: a };
                return Ok(Transformed::yes(function::call(operator, vec![*left, *right])));
            }
            if Moved::is_one(op, &a, &b) || Apart::is_one(op, &a, &b) {
                let whole = Expr::BinaryExpr(BinaryExpr::new(left.clone(), op, right.clone()));
                let data_type = whole.get_type(schema)?;
                let operands = vec![*left, *right];
                return Ok(Transformed::yes(match Moved::is_one(op, &a, &b) {
                    true => function::call(Moved { operator: op, data_type }, operands),
                    false => function::call(Apart { data_type }, operands),
                }));
            }
            if matches!((&a, &b), (DataType::Decimal128(..), DataType::Decimal128(..))) {
                let whole = Expr::BinaryExpr(BinaryExpr { left, op, right });
                return match (Quick::of(op, &a, &b, &whole.get_type(schema)?), whole) {
                    (Some(operator), Expr::BinaryExpr(BinaryExpr { left, right, .. })) => {
                        Ok(Transformed::yes(function::call(operator, vec![*left, *right])))
                    }
                    (_, whole) => Ok(Transformed::no(whole)),
                };
            }
            guarded(*left, op, *right)
        }
        Expr::Negative(operand) => {
            let data_type = operand.get_type(schema)?;
            match Arithmetic::is_needed(Operator::Minus, &data_type, &data_type) {
                // So that zero gets a sign, and what is no number none.
                true if data_type.is_floating() => {
                    let minus_one = Expr::Literal(ScalarValue::new_negative_one(&data_type)?, None);
                    let operator = Arithmetic { operator: Operator::Multiply, data_type };
                    Ok(Transformed::yes(function::call(operator, vec![*operand, minus_one])))
                }
                true => {
                    let zero = Expr::Literal(ScalarValue::new_zero(&data_type)?, None);
                    let operator = Arithmetic { operator: Operator::Minus, data_type };
                    Ok(Transformed::yes(function::call(operator, vec![zero, *operand])))
                }
                false => Ok(Transformed::no(Expr::Negative(operand))),
            }
        }
        Expr::InList(list) if per_row::is_needed(&list)? => Ok(Transformed::yes(per_row::computed(list, schema)?)),
        Expr::AggregateFunction(mut call) => {
            let params = &mut call.params;
            let changed = filtered::guard(&mut params.args, &mut params.order_by, params.filter.as_deref(), schema)?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
        }
        Expr::WindowFunction(mut call) => {
            let params = &mut call.params;
            let changed = filtered::guard(&mut params.args, &mut [], params.filter.as_deref(), schema)?;
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        Expr::Case(case) if case.expr.is_none() && is_of_conditions(&case, schema)? => {
            Ok(Transformed::yes(in_turn(case)))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// Whether a CASE gives truth values, of which one is computed. The engine would make AND and OR of it, and compute them all.
fn is_of_conditions(case: &Case, schema: &DFSchema) -> DfResult<bool> {
    let (Some((_, first)), results) = (case.when_then_expr.first(), case.when_then_expr.iter().map(|(_, then)| then))
    else {
        return Ok(false);
    };
    if first.get_type(schema)? != DataType::Boolean {
        return Ok(false);
    }
    let plain = |expr: &Expr| matches!(expr, Expr::Literal(..) | Expr::Column(_));
    Ok(results.chain(&case.else_expr).any(|result| !plain(result))
        || case.when_then_expr.iter().skip(1).any(|(when, _)| !plain(when)))
}

/// The same CASE with an operand for each condition, which the engine leaves as it is.
fn in_turn(case: Case) -> Expr {
    let otherwise = case.else_expr;
    let nested = case.when_then_expr.into_iter().rev().fold(otherwise, |otherwise, (when, then)| {
        let truth = Box::new(Expr::Literal(ScalarValue::Boolean(Some(true)), None));
        Some(Box::new(Expr::Case(Case::new(Some(when), vec![(truth, then)], otherwise))))
    });
    nested.map_or(Expr::Literal(ScalarValue::Boolean(None), None), |case| *case)
}

/// A cast, done at once if its operand is a constant: so a text that is no value is an error even where no row is. So is a cast that
/// there is not.
fn cast_call(operator: Cast, operand: Expr) -> DfResult<Expr> {
    let Expr::Literal(value, _) = &operand else {
        must_be_castable(&operator.from, operator.from.data_type(), &operator.to)?;
        return Ok(function::call(operator, vec![operand]));
    };
    let value = operator.constant(value)?;
    let field = operator.to.field("");
    let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::new_from_field(&field));
    Ok(Expr::Literal(value, metadata))
}

/// AND and OR whose right side can fail look at it only for rows that the left side leaves open, as PostgreSQL does.
fn guarded(left: Expr, op: Operator, right: Expr) -> DfResult<Transformed<Expr>> {
    let both = |left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
    if !matches!(op, Operator::And | Operator::Or) || !can_fail(&right)? {
        return Ok(Transformed::no(both(left, right)));
    }
    let open = match op {
        Operator::And => left.clone().is_not_false(),
        _ => left.clone().is_not_true(),
    };
    let settled = Expr::Literal(ScalarValue::Boolean(Some(op == Operator::Or)), None);
    // A CASE with conditions alone is taken apart again by the engine.
    let taken = (Box::new(Expr::Literal(ScalarValue::Boolean(Some(true)), None)), Box::new(right));
    let right = Expr::Case(Case::new(Some(Box::new(open)), vec![taken], Some(Box::new(settled))));
    Ok(Transformed::yes(both(left, right)))
}

/// Whether an expression divides or casts, which fails for some values.
fn can_fail(expr: &Expr) -> DfResult<bool> {
    expr.exists(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) => match function::operator_of::<Cast>(call) {
                Some(cast) => cast.can_fail(),
                None => matches!(call.name(), "cast" | "divide" | "modulo"),
            },
            Expr::BinaryExpr(binary) => matches!(binary.op, Operator::Divide | Operator::Modulo),
            _ => false,
        })
    })
}
