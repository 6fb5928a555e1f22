//! The places of an expression's value, made of those of the columns that it names.

use super::super::super::planner::CAST;
use super::super::decimal::Decimals;
use super::super::deviation::Deviation;
use super::super::exact::ExactCall;
use super::super::function::{self, operator_of};
use super::super::marked::Marked;
use super::super::math::Whole;
use super::super::wide::decimal;
use super::{Columns, Pass, Told, declared, is_null, together};
use crate::catalog::SqlType;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, Case, Cast, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Subquery, lit, when,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// As many places as a result has at most: NUMERIC_MAX_RESULT_SCALE of PostgreSQL 15.
const PLACES_MAX: i32 = 2000;

/// A number of places.
#[derive(Debug, Clone)]
pub enum Of {
    /// The same for all rows.
    Known(i32),
    /// An `integer` of its own for each.
    Computed(Expr),
}

impl Of {
    /// The number that is the same for all rows.
    pub fn known(self) -> Option<i32> {
        if let Self::Known(places) = self { Some(places) } else { None }
    }

    /// As an expression.
    pub fn expr(self) -> Expr {
        match self {
            Self::Known(places) => lit(places),
            Self::Computed(places) => places,
        }
    }

    /// What is computed made into something else.
    pub fn map(self, make: impl FnOnce(Expr) -> Expr) -> Self {
        match self {
            Self::Computed(places) => Self::Computed(make(places)),
            known => known,
        }
    }
}

/// The columns that expressions name.
pub struct Scope<'a> {
    /// All of them.
    pub schema: &'a DFSchema,
    /// What tells the places of some.
    pub columns: &'a Columns,
}

impl Scope<'_> {
    /// The places of a value, if something tells them. What would be computed twice must give the same.
    pub fn places(&self, expr: &Expr, pass: &mut Pass) -> DfResult<Option<Of>> {
        Ok(match self.of(expr, pass)? {
            Some(Of::Computed(_)) if changes(expr)? => None,
            of => of,
        })
    }

    fn of(&self, expr: &Expr, pass: &mut Pass) -> DfResult<Option<Of>> {
        Ok(match expr {
            Expr::Column(column) => {
                let Some(at) = self.schema.maybe_index_of_column(column) else { return Ok(None) };
                match self.columns.get(&at) {
                    Some(Told::Known(places)) => Some(Of::Known(*places)),
                    Some(Told::Column(column)) => Some(Of::Computed(Expr::Column(column.clone()))),
                    None => self.by_type(expr).filter(|_| decimal(self.schema.field(at).data_type()).is_none()),
                }
            }
            Expr::Placeholder(parameter) => match parameter.field.as_ref().map(|field| field.data_type()) {
                // The value's own, once there is one.
                Some(given) if decimal(given).is_some() && *given != SqlType::Numeric(None).arrow() => {
                    decimal(given).map(|(_, scale)| Of::Known(scale.into()))
                }
                _ => self.by_type(expr),
            },
            Expr::Alias(alias) => self.of(&alias.expr, pass)?,
            Expr::Negative(operand) => self.of(operand, pass)?,
            Expr::Cast(cast) => self.cast(expr, cast, pass)?,
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let sum = match op {
                    Operator::Plus | Operator::Minus | Operator::Modulo => false,
                    Operator::Multiply => true,
                    _ => return Ok(self.by_type(expr)),
                };
                self.all([left, right].map(AsRef::as_ref), pass)?.map(|all| together(all, sum))
            }
            Expr::ScalarFunction(call) => self.call(expr, call, pass)?,
            Expr::Case(case) => self.case(case, pass)?,
            Expr::ScalarSubquery(query) => self.subquery(query, pass)?,
            other => self.by_type(other),
        })
    }

    fn by_type(&self, expr: &Expr) -> Option<Of> {
        expr.to_field(self.schema).ok().and_then(|(_, field)| declared(&field)).map(Of::Known)
    }

    /// The places of exact numbers, if all are known.
    fn all<'e>(&self, all: impl IntoIterator<Item = &'e Expr>, pass: &mut Pass) -> DfResult<Option<Vec<Of>>> {
        all.into_iter().map(|expr| self.of(expr, pass)).collect()
    }

    fn cast(&self, expr: &Expr, cast: &Cast, pass: &mut Pass) -> DfResult<Option<Of>> {
        let Some((_, scale)) = decimal(cast.field.data_type()) else { return Ok(self.by_type(expr)) };
        if cast.field.name() == CAST {
            return Ok(self.by_type(expr));
        }
        // One that nobody wrote brings numbers to a type that holds them all: each shows its own places.
        let exact = |t: DataType| decimal(&t).map(|(_, own)| own).or(t.is_integer().then_some(0));
        match cast.expr.get_type(self.schema).ok().and_then(exact) {
            Some(own) if own <= scale => self.of(&cast.expr, pass),
            _ => Ok(self.by_type(expr)),
        }
    }

    fn call(&self, expr: &Expr, call: &ScalarFunction, pass: &mut Pass) -> DfResult<Option<Of>> {
        if let Some(decimals) = operator_of::<Decimals>(call) {
            return Ok(match decimals.places() {
                Some(places) => Some(Of::Computed(function::call(places, call.args.clone()))),
                None => self.all(&call.args, pass)?.map(|all| together(all, decimals.is_product())),
            });
        }
        if let Some(deviation) = operator_of::<Deviation>(call) {
            return Ok(Some(Of::Computed(function::call(deviation.places(), call.args.clone()))));
        }
        if let Some(exact) = operator_of::<ExactCall>(call) {
            return Ok(Some(Of::Computed(function::call(exact.places(), call.args.clone()))));
        }
        if operator_of::<Marked>(call).is_some() {
            return self.of(&call.args[0], pass);
        }
        if operator_of::<Whole>(call).is_some() {
            return Ok(self.by_type(expr));
        }
        Ok(match (call.name(), call.args.as_slice()) {
            ("abs", [number]) | ("nullif", [number, _]) => self.of(number, pass)?,
            ("round", [_]) | ("div", _) => Some(Of::Known(0)),
            ("round", [_, Expr::Literal(ScalarValue::Int32(Some(places)), _)]) => {
                Some(Of::Known((*places).clamp(0, PLACES_MAX)))
            }
            ("round", [_, Expr::Negative(_)]) => Some(Of::Known(0)),
            ("round", _) => None,
            ("coalesce", args) => {
                let Some(all) = self.all(args.iter().filter(|arg| !is_null(arg)), pass)? else { return Ok(None) };
                let args = args.iter().filter(|arg| !is_null(arg));
                choice(args.map(|arg| arg.clone().is_not_null()).zip(all).collect(), None)?
            }
            ("greatest" | "least", [a, b]) => {
                let Some(all) = self.all([a, b], pass)? else { return Ok(None) };
                let chosen = match call.name() {
                    "greatest" => a.clone().gt_eq(b.clone()),
                    _ => a.clone().lt_eq(b.clone()),
                };
                let mut all = all.into_iter();
                let first = all.next().map(|of| (chosen.or(b.clone().is_null()), of));
                choice(first.into_iter().collect(), all.next())?
            }
            _ => self.by_type(expr),
        })
    }

    fn case(&self, case: &Case, pass: &mut Pass) -> DfResult<Option<Of>> {
        let mut whens = Vec::new();
        for (when, then) in &case.when_then_expr {
            let of = if is_null(then) { Some(Of::Known(0)) } else { self.of(then, pass)? };
            let Some(of) = of else { return Ok(None) };
            let condition = match &case.expr {
                Some(operand) => operand.as_ref().clone().eq(when.as_ref().clone()),
                None => when.as_ref().clone(),
            };
            whens.push((condition, of, is_null(then)));
        }
        let rest = match &case.else_expr {
            Some(rest) if !is_null(rest) => match self.of(rest, pass)? {
                Some(of) => Some(of),
                None => return Ok(None),
            },
            _ => None,
        };
        // Where all that are shown are alike nothing is to be chosen.
        let mut shown = whens.iter().filter(|(_, _, null)| !null).map(|(_, of, _)| of).chain(&rest);
        let first = shown.next().cloned().and_then(Of::known);
        if let Some(first) = first
            && shown.all(|of| of.clone().known() == Some(first))
        {
            return Ok(Some(Of::Known(first)));
        }
        choice(whens.into_iter().map(|(condition, of, _)| (condition, of)).collect(), rest)
    }

    /// Of a query that names nothing outside, which is then asked for its places as well.
    fn subquery(&self, query: &Subquery, pass: &mut Pass) -> DfResult<Option<Of>> {
        if !query.outer_ref_columns.is_empty() {
            return Ok(self.by_type(&Expr::ScalarSubquery(query.clone())));
        }
        let (plan, columns) = pass.told(query.subquery.as_ref().clone(), &BTreeSet::from([0]))?;
        Ok(match columns.get(&0) {
            Some(Told::Known(places)) => Some(Of::Known(*places)),
            Some(Told::Column(column)) => {
                if plan_changes(&plan)? {
                    return Ok(None);
                }
                let items = vec![Expr::Column(column.clone())];
                let plan = LogicalPlan::Projection(Projection::try_new(items, Arc::new(plan))?);
                let query = Subquery { subquery: Arc::new(plan), ..query.clone() };
                Some(Of::Computed(Expr::ScalarSubquery(query)))
            }
            None => None,
        })
    }
}

/// The first of several whose condition holds.
fn choice(all: Vec<(Expr, Of)>, rest: Option<Of>) -> DfResult<Option<Of>> {
    let known: Option<Vec<i32>> = all.iter().map(|(_, of)| of).chain(&rest).map(|of| of.clone().known()).collect();
    if let Some([first, others @ ..]) = known.as_deref()
        && others.iter().all(|other| other == first)
    {
        return Ok(Some(Of::Known(*first)));
    }
    let mut all = all.into_iter();
    let Some((condition, of)) = all.next() else { return Ok(rest) };
    let mut chosen = when(condition, of.expr());
    for (condition, of) in all {
        chosen.when(condition, of.expr());
    }
    Ok(Some(Of::Computed(match rest {
        Some(rest) => chosen.otherwise(rest.expr())?,
        None => chosen.end()?,
    })))
}

/// Whether an expression may give something else the second time.
fn changes(expr: &Expr) -> DfResult<bool> {
    expr.exists(|expr| {
        Ok(match expr {
            Expr::ScalarSubquery(query) => plan_changes(&query.subquery)?,
            expr => expr.is_volatile_node(),
        })
    })
}

fn plan_changes(plan: &LogicalPlan) -> DfResult<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        found |= plan.expressions().iter().any(Expr::is_volatile);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
