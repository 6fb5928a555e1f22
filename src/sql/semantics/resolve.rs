//! The pass before parameters have values: types of literals, operators that exist, types of results.
//!
//! In PostgreSQL a quoted literal has no type until its neighbours lend it one, and a number is the smallest integer that
//! holds it; the engine takes the first for text and the second for `bigint`, and compares text with numbers.

mod aggregates;
mod called;
mod functions;
mod lend;
mod places;
mod postgres;
mod refused;
mod sets;
mod together;
mod unions;

pub use called::read_as;
pub use lend::{lend, lend_as};

use self::refused::{must_be_there, must_have_no_subquery, must_have_no_window};
use super::super::functions::postgres_call;
use super::super::missing;
use super::super::parameters::{self, Parameters, is_open};
use super::super::planner::CAST;
use super::super::values::read_one;
use super::beneath::{compared_beneath, computed_beneath, grouped_beneath, grouped_once, selected_beneath};
use super::common::{self, Value};
use super::correlated::asks;
use super::decimal::Decimals;
use super::marked::{Marked, has_a_row};
use super::moment::Extract;
use super::never::known;
use super::not_in::{alone, decided, only_true};
use super::{
    above, beneath_windows, candidates, days, elements, floats, function, input_schema, keyed, lateral, listed,
    recursive, regex, zone,
};
use crate::catalog::SqlType;
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion::common::{Column, DFSchema, ExprSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Distinct, Expr, ExprSchemable, Like, LogicalPlan, LogicalPlanBuilder, Operator,
    WindowFunctionDefinition, binary_expr, cast, lit,
};
use std::sync::Arc;

/// Resolves all expressions of a plan and of its subqueries.
pub fn resolve(plan: LogicalPlan, params: &Parameters) -> DfResult<LogicalPlan> {
    let plan = lateral::as_columns(plan)?;
    Ok(plan.rewrite_with_subqueries(&mut Plans { params, recursive: 0, outside: Vec::new() })?.data)
}

/// Resolves an expression over `schema`.
pub fn resolve_expression(expr: Expr, schema: &DFSchema, params: &Parameters) -> DfResult<Expr> {
    alone(expr.rewrite(&mut Expressions { schema, params, integers: true, outside: &[] })?.data, schema)
}

/// Resolves an argument of a table function, which names no column. Its numbers stay as the engine has them.
pub fn resolve_argument(expr: Expr, params: &Parameters) -> DfResult<Expr> {
    let schema = DFSchema::empty();
    Ok(expr.rewrite(&mut Expressions { schema: &schema, params, integers: false, outside: &[] })?.data)
}

struct Plans<'a> {
    params: &'a Parameters,
    /// Recursive queries around this plan. Their working table has the types that the engine's planner gave it, so
    /// numbers within keep theirs.
    recursive: usize,
    /// What the subqueries around this plan may look at outside, the innermost last.
    outside: Vec<DFSchema>,
}

impl Plans<'_> {
    /// The plan with its inputs and subqueries resolved. A subquery comes behind the inputs: what it looks at has the types that it
    /// has in the end, since a number may have become `integer`.
    fn inputs_first(&mut self, plan: LogicalPlan) -> DfResult<LogicalPlan> {
        let plan = match plan {
            LogicalPlan::Join(mut join) => {
                join.left = Arc::new(Arc::unwrap_or_clone(join.left).rewrite_with_subqueries(self)?.data);
                // Behind LATERAL it sees the rows beside it.
                self.outside.push(join.left.schema().as_ref().clone());
                let right = Arc::unwrap_or_clone(join.right).rewrite_with_subqueries(self);
                self.outside.pop();
                join.right = Arc::new(right?.data);
                LogicalPlan::Join(join)
            }
            plan => plan.map_children(|input| input.rewrite_with_subqueries(self))?.data,
        };
        self.outside.push(input_schema(&plan)?);
        let plan = plan.map_subqueries(|subquery| subquery.rewrite_with_subqueries(self));
        self.outside.pop();
        Ok(plan?.data)
    }
}

/// Whether a plan has subqueries of its own, or one beside it that may look at its rows.
fn is_looked_at(plan: &LogicalPlan) -> DfResult<bool> {
    if let LogicalPlan::Join(join) = plan
        && join.right.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_))))?
    {
        return Ok(true);
    }
    let mut found = false;
    plan.apply_expressions(|expr| {
        found |= asks(expr);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// A column outside of a subquery, as it is by now.
fn outer(field: FieldRef, column: Column, outside: &[DFSchema]) -> Expr {
    let found = outside.iter().rev().find_map(|schema| schema.field_from_column(&column).ok().cloned());
    Expr::OuterReferenceColumn(found.unwrap_or(field), column)
}

impl TreeNodeRewriter for Plans<'_> {
    type Node = LogicalPlan;

    fn f_down(&mut self, plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
        self.recursive += usize::from(matches!(plan, LogicalPlan::RecursiveQuery(_)));
        let plan = match plan {
            LogicalPlan::Aggregate(aggregate) => grouped_beneath(grouped_once(aggregate))?.data,
            plan => plan,
        };
        match is_looked_at(&plan)? {
            true => Ok(Transformed::new(self.inputs_first(plan)?, true, TreeNodeRecursion::Jump)),
            false => Ok(Transformed::yes(plan)),
        }
    }

    fn f_up(&mut self, plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
        if let LogicalPlan::RecursiveQuery(query) = plan {
            self.recursive -= 1;
            return Ok(Transformed::yes(LogicalPlan::RecursiveQuery(recursive::settled(query)?)));
        }
        if let LogicalPlan::Subquery(mut subquery) = plan {
            let columns = subquery.outer_ref_columns.into_iter().map(|expr| match expr {
                Expr::OuterReferenceColumn(field, column) => outer(field, column, &self.outside),
                other => other,
            });
            subquery.outer_ref_columns = columns.collect();
            return Ok(Transformed::yes(LogicalPlan::Subquery(subquery)));
        }
        // Its numbers are counts of rows, not values.
        if let LogicalPlan::Limit(_) = &plan {
            let plan = plan.map_expressions(|expr| Ok(Transformed::yes(as_count(expr))))?.data;
            return Ok(Transformed::yes(plan.recompute_schema()?));
        }
        let schema = input_schema(&plan)?;
        let names = NamePreserver::new(&plan);
        let (params, integers, outside) = (self.params, self.recursive == 0, self.outside.as_slice());
        let mut expressions = Expressions { schema: &schema, params, integers, outside };
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.rewrite(&mut expressions)?.update_data(|expr| name.restore(expr)))
        })?
        .map_data(|plan| match plan {
            LogicalPlan::Values(values) => LogicalPlanBuilder::values(rows(values.values, &expressions)?)?.build(),
            LogicalPlan::Join(join) => {
                must_have_no_subquery(&join)?;
                sets::must_be_comparable(&join)?;
                let mut join = unions::met(join)?;
                join.filter = join.filter.map(as_condition).map(only_true);
                join.on = days::pairs(join.on, join.left.schema(), join.right.schema());
                join.on = floats::keys(join.on, join.left.schema(), join.right.schema());
                join.on = keyed::pairs(join.on, join.left.schema(), join.right.schema());
                match LogicalPlan::Join(join).recompute_schema()? {
                    LogicalPlan::Join(join) => compared_beneath(join),
                    plan => Ok(plan),
                }
            }
            LogicalPlan::Aggregate(aggregate) => match computed_beneath(aggregate)?.recompute_schema()? {
                LogicalPlan::Aggregate(aggregate) => match above::finished(aggregate)?.data {
                    LogicalPlan::Aggregate(aggregate) => Ok(keyed::grouped(aggregate)?.data),
                    plan => Ok(plan),
                },
                plan => Ok(plan),
            },
            LogicalPlan::Window(window) => match LogicalPlan::Window(window).recompute_schema()? {
                LogicalPlan::Window(window) => above::finished_windows(beneath_windows::computed(window)?),
                plan => Ok(plan),
            },
            LogicalPlan::Distinct(Distinct::On(on)) => Ok(keyed::distinct(Distinct::On(selected_beneath(on)?))?.data),
            LogicalPlan::Distinct(distinct) => Ok(keyed::distinct(distinct)?.data),
            LogicalPlan::Sort(mut sort) => {
                must_be_there(sort.expr.iter().map(|key| &key.expr), sort.input.schema())?;
                keyed::must_have_order(&sort.expr, sort.input.schema())?;
                sort.expr = keyed::order(sort.expr, sort.input.schema());
                Ok(LogicalPlan::Sort(sort))
            }
            LogicalPlan::Filter(mut filter) => {
                must_have_no_window(&filter)?;
                must_be_there(std::iter::once(&filter.predicate), filter.input.schema())?;
                filter.predicate = known(as_condition(filter.predicate));
                decided(filter)
            }
            LogicalPlan::Union(union) => {
                let union = sets::lent(union)?;
                sets::must_be_alike(&union)?;
                Ok(unions::with_types(floats::union(unions::together(union)?)?.data))
            }
            LogicalPlan::Unnest(_) => match plan.recompute_schema()? {
                LogicalPlan::Unnest(unnest) => elements::unnested(unnest),
                plan => Ok(plan),
            },
            plan => plan.recompute_schema(),
        })
    }
}

/// The rows of VALUES, the numbers of each column of one kind.
fn rows(rows: Vec<Vec<Expr>>, expressions: &Expressions<'_>) -> Result<Vec<Vec<Expr>>> {
    let width = rows.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<Expr>> = vec![Vec::with_capacity(rows.len()); width];
    for row in rows {
        row.into_iter().zip(&mut columns).for_each(|(value, column)| column.push(untyped(value)));
    }
    let columns = columns.into_iter().map(|column| match column.iter().any(is_brought) {
        true => expressions.alike(column.into_iter().map(as_written).collect(), "VALUES"),
        false => Ok(expressions.numbers(expressions.lent(column))),
    });
    // The engine wants the marks of a column's values to be the same in every row.
    let columns = columns.map(|column| listed::alike(column?, &DFSchema::empty()));
    let columns: Vec<Vec<Expr>> = columns.collect::<Result<_>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let height = columns.first().map_or(0, ExactSizeIterator::len);
    Ok((0..height).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect())
}

/// Whether the engine's planner has cast a value to the type of its column in VALUES. Casts of a statement have a field with a name.
fn is_brought(value: &Expr) -> bool {
    matches!(value, Expr::Cast(cast) if cast.field.name().is_empty())
}

fn as_written(value: Expr) -> Expr {
    match value {
        Expr::Cast(cast) if cast.field.name().is_empty() => as_written(*cast.expr),
        value => value,
    }
}

/// NULL as it was written: the engine gives it the type that the numbers beside it had before theirs were told.
fn untyped(value: Expr) -> Expr {
    match value {
        Expr::Literal(null, None) if null.is_null() && null.data_type().is_integer() => {
            Expr::Literal(ScalarValue::Null, None)
        }
        other => other,
    }
}

#[derive(Clone, Copy)]
struct Expressions<'a> {
    schema: &'a DFSchema,
    params: &'a Parameters,
    /// Whether whole numbers get their types.
    integers: bool,
    /// What can be named outside of the query.
    outside: &'a [DFSchema],
}

impl TreeNodeRewriter for Expressions<'_> {
    type Node = Expr;

    fn f_down(&mut self, expr: Expr) -> DfResult<Transformed<Expr>> {
        let expr = match expr {
            Expr::WindowFunction(call) => Expr::WindowFunction(self.beneath_window(call)?),
            expr => expr,
        };
        let jump = match &expr {
            // `lag(x, 1)` and its like take their numbers as the engine has them, and so do paths into JSON.
            Expr::WindowFunction(call) => matches!(call.fun, WindowFunctionDefinition::WindowUDF(_)),
            Expr::ScalarFunction(call) => called::paths_into_json(call),
            _ => false,
        };
        let next = if jump { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue };
        Ok(Transformed::new(expr, false, next))
    }

    fn f_up(&mut self, expr: Expr) -> DfResult<Transformed<Expr>> {
        let resolved = match expr {
            Expr::Literal(ScalarValue::Int64(Some(n)), None) if self.integers => match i32::try_from(n) {
                Ok(n) => Expr::Literal(ScalarValue::Int32(Some(n)), None),
                Err(_) => Expr::Literal(ScalarValue::Int64(Some(n)), None),
            },
            // What no `bigint` holds is numeric.
            Expr::Literal(ScalarValue::UInt64(Some(n)), None) if i64::try_from(n).is_err() => {
                Expr::Literal(ScalarValue::Decimal128(Some(n.into()), 20, 0), None)
            }
            Expr::OuterReferenceColumn(field, column) => outer(field, column, self.outside),
            Expr::BinaryExpr(binary) => self.binary(binary)?,
            Expr::Column(column) if column.name.starts_with(NTILE) => {
                let column = Expr::Column(column);
                match self.type_of(&column) {
                    Some(DataType::UInt64) => cast(column, DataType::Int32),
                    _ => return Ok(Transformed::no(column)),
                }
            }
            Expr::InList(list) => self.in_list(list)?,
            // Where the engine's planner has lost the types, as within ARRAY[...].
            Expr::Placeholder(Placeholder { id, field: None }) => {
                let field = self.params.field(&id).cloned();
                Expr::Placeholder(Placeholder { id, field })
            }
            Expr::Not(inner) => Expr::Not(Box::new(as_condition(*inner))),
            Expr::Like(like) => Expr::Like(self.texts(like)?),
            Expr::SimilarTo(like) => Expr::SimilarTo(as_texts(like)),
            Expr::Between(between) => self.between(between)?,
            Expr::Case(case) => self.case(case)?,
            Expr::Cast(cast) => self.cast(cast)?,
            Expr::InSubquery(membership) => self.among(membership)?,
            Expr::SetComparison(compared) => self.compared(compared)?,
            Expr::ScalarFunction(call) => self.meant(call)?,
            // Which is NULL where the query has no row.
            Expr::ScalarSubquery(query)
                if !query.subquery.schema().field(0).is_nullable() && !has_a_row(&query.subquery) =>
            {
                let field = query.subquery.schema().field(0).as_ref().clone();
                function::call(Marked { field }, vec![Expr::ScalarSubquery(query)])
            }
            Expr::AggregateFunction(call) => self.aggregated(call)?,
            Expr::WindowFunction(call) => self.windowed(call)?,
            other => return Ok(Transformed::no(other)),
        };
        Ok(Transformed::yes(resolved))
    }
}

/// Names of the engine's columns of `ntile`, which are `integer`.
const NTILE: &str = "ntile(";

impl Expressions<'_> {
    /// The type of an expression; none while it depends on a parameter.
    fn type_of(&self, expr: &Expr) -> Option<DataType> {
        let open = expr.exists(|e| Ok(matches!(e, Expr::Placeholder(p) if p.field.is_none()))).unwrap_or(true);
        if open {
            return None;
        }
        expr.get_type(self.schema).ok().filter(|t| *t != DataType::Null)
    }

    fn binary(&self, BinaryExpr { left, op, right }: BinaryExpr) -> Result<Expr> {
        let (mut left, mut right) = (self.signed(*left), self.signed(*right));
        let arithmetic =
            matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo);
        if is_comparison(op) {
            let sign = op.to_string();
            let sign = sign.strip_prefix("IS ").map_or(sign.as_str(), |_| "=");
            right = self.comparable(&left, right, sign)?;
            left = self.comparable(&right, left, sign)?;
            [left, right] = days::as_moments(self.numbers_of([left, right]), self.schema);
            if self.is_json(&left) && self.is_json(&right) {
                return Err(missing::operator(&format!("json {sign} json")));
            }
            [left, right] = match matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq) {
                true => self.ordered([left, right]),
                false => self.keyed_of([left, right]),
            };
        } else if is_regex(op) {
            [left, right] = [left, right].map(|side| parameters::of_type(side, &SqlType::Text));
            match matches!(right, Expr::Literal(..)) {
                true => right = regex::pattern(right)?,
                false => return Ok(matching(left, op, right)),
            }
        } else if matches!(op, Operator::AtArrow | Operator::ArrowAt) {
            // What is computed is known to be JSON by now.
            let field = SqlType::Jsonb.field("");
            if [&left, &right].iter().any(|side| self.mark_of(side) == Some(SqlType::Jsonb)) {
                let mut sides = vec![lend_as(left.clone(), &field)?, lend_as(right.clone(), &field)?];
                if op == Operator::ArrowAt {
                    sides.reverse();
                }
                if let Some(call) = postgres_call("jsonb_contains", sides) {
                    return Ok(call);
                }
            }
            let is_text =
                |side: &Expr| !is_unknown(side) && self.type_of(side).is_some_and(|t| class(&t) == Class::Text);
            if is_text(&left) || is_text(&right) {
                let named = [&left, &right]
                    .map(|side| if is_unknown(side) { "unknown".to_owned() } else { self.name_of(side) });
                return Err(missing::operator(&format!("{} {op} {}", named[0], named[1])));
            }
        } else if matches!(op, Operator::BitwiseShiftLeft | Operator::BitwiseShiftRight)
            && self.type_of(&left) == Some(DataType::Int16)
        {
            // Of what is moved as an integer the lower half is left.
            let moved = binary_expr(cast(left, DataType::Int32), op, right);
            let upper = binary_expr(moved, Operator::BitwiseShiftLeft, lit(16_i32));
            return Ok(cast(binary_expr(upper, Operator::BitwiseShiftRight, lit(16_i32)), DataType::Int16));
        } else if op == Operator::BitwiseXor && left == right {
            // To the engine it would be zero, also of NULL.
            let field = right.to_field(self.schema)?.1.as_ref().clone();
            right = function::call(Marked { field }, vec![right]);
        } else if arithmetic {
            // Quoted literals beside numbers are numbers already: the planner's `Operators` has seen them.
            if let (Some(a), Some(b)) = (self.type_of(&left), self.type_of(&right)) {
                if matches!((class(&a), class(&b)), (Class::Number, Class::Text) | (Class::Text, Class::Number)) {
                    return Err(no_operator(&a, &op.to_string(), &b));
                }
                let opens = [self.is_open_numeric(&left), self.is_open_numeric(&right)];
                // Numbers in the text have as many digits as they are written with.
                let written = matches!((&left, &right), (Expr::Literal(..), Expr::Literal(..)));
                let (a, b) = if written { (with_all_digits(a), with_all_digits(b)) } else { (a, b) };
                if let Some(decimals) = Decimals::of(op, (&a, opens[0]), (&b, opens[1])) {
                    return Ok(function::call(decimals, vec![left, right]));
                }
                [left, right] = self.numbers_of([left, right]);
                if opens.contains(&true) {
                    let result = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
                    return self.without_zeros(result, true);
                }
            }
        }
        Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
    }

    /// The engine's counts have no sign (`row_number()`); beside anything else they would be decimals.
    fn signed(&self, expr: Expr) -> Expr {
        match self.type_of(&expr) {
            Some(DataType::UInt64) => cast(expr, DataType::Int64),
            _ => expr,
        }
    }

    /// Numbers that meet in one place: floating point where one of them is.
    fn numbers(&self, all: Vec<Expr>) -> Vec<Expr> {
        let types: Vec<_> = all.iter().map(|expr| self.type_of(expr)).collect();
        floats::together(all, &types)
    }

    fn numbers_of<const N: usize>(&self, all: [Expr; N]) -> [Expr; N] {
        match self.numbers(all.to_vec()).try_into() {
            Ok(numbers) => numbers,
            Err(_) => all,
        }
    }

    /// The type of an expression that its field's mark tells.
    fn mark_of(&self, expr: &Expr) -> Option<SqlType> {
        let (_, field) = expr.to_field(self.schema).ok()?;
        SqlType::from_field(&field)
            .ok()
            .filter(|t| matches!(t, SqlType::Json | SqlType::Jsonb | SqlType::Uuid | SqlType::Inet | SqlType::Cidr))
    }

    /// The type of an expression; none of a literal, a parameter and what no column can hold.
    fn sql_type_of(&self, expr: &Expr) -> Option<SqlType> {
        if is_unknown(expr) || self.type_of(expr).is_none() {
            return None;
        }
        SqlType::from_field(&expr.to_field(self.schema).ok()?.1).ok()
    }

    /// The type of expressions together, where a mark has to tell it; fails where they have none.
    fn common_of(&self, all: &[Expr], what: &str) -> Result<Option<SqlType>> {
        let value = |expr: &Expr| match self.sql_type_of(expr) {
            Some(sql_type) => Value::Of(sql_type),
            None if is_unknown(expr) => Value::Open,
            None => Value::Unknown,
        };
        common::common(what, &all.iter().map(value).collect::<Vec<_>>())
    }

    /// What is compared by order, by its keys.
    fn ordered<const N: usize>(&self, all: [Expr; N]) -> [Expr; N] {
        match keyed::ordered(all.to_vec(), self.schema).try_into() {
            Ok(ordered) => ordered,
            Err(_) => all,
        }
    }

    /// Intervals and JSON by what they are compared by.
    fn keyed_of<const N: usize>(&self, all: [Expr; N]) -> [Expr; N] {
        match keyed::together(all.to_vec(), self.schema).try_into() {
            Ok(keyed) => keyed,
            Err(_) => all,
        }
    }

    /// Values of which one is like the others: parameters of no type take that of the first that has one.
    fn lent(&self, all: Vec<Expr>) -> Vec<Expr> {
        if !all.iter().any(is_open) {
            return all;
        }
        let told = all.iter().filter(|expr| !is_unknown(expr) && self.type_of(expr).is_some());
        let fields = told.filter_map(|expr| expr.to_field(self.schema).ok()).map(|(_, field)| field);
        match fields.into_iter().next() {
            Some(field) => {
                all.into_iter().map(|expr| parameters::typed(expr, |id| parameters::beside(&field, id))).collect()
            }
            None => all,
        }
    }

    fn cast(&self, mut cast: Cast) -> Result<Expr> {
        if is_open(&cast.expr)
            && let Ok(sql_type) = SqlType::from_field(&cast.field)
            && !matches!(cast.field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _))
        {
            *cast.expr = parameters::of_type(*cast.expr, &sql_type);
        }
        if let Some(number) = self.with_places(&cast) {
            return Ok(number);
        }
        if let Some(now) = lend::of_now(&cast.expr, cast.field.data_type()) {
            return Ok(Expr::Cast(Cast::new_from_field(Box::new(now), cast.field)));
        }
        // What is no value of the type is told before there are rows.
        if let Expr::Literal(ScalarValue::Utf8(Some(text)), None) = cast.expr.as_ref()
            && cast.field.name() == CAST
            && let Ok(sql_type) = SqlType::from_field(&cast.field)
            && lend::is_read_at_once(&sql_type)
        {
            read_one(text, &sql_type)?;
        }
        if let (Expr::ScalarFunction(call), DataType::Float64) = (cast.expr.as_ref(), cast.field.data_type())
            && let Some(part) = function::operator_of::<Extract>(call)
        {
            return Ok(function::call(part.as_float(), call.args.clone()));
        }
        match cast.field.data_type() {
            DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => Ok(zone::moved(Expr::Cast(cast), self.schema)?),
            _ => Ok(Expr::Cast(self.of_json(cast))),
        }
    }

    /// A cast of `jsonb` to a number or a boolean reads what it is, and fails where it is something else.
    fn of_json(&self, cast: Cast) -> Cast {
        let to = cast.field.data_type();
        let function = match to {
            DataType::Boolean => "json_to_boolean",
            to if to.is_numeric() => "json_to_number",
            _ => return cast,
        };
        if self.mark_of(&cast.expr) != Some(SqlType::Jsonb) {
            return cast;
        }
        let read = |name: &str, operand| postgres_call(name, vec![operand, lit(named(to))]);
        let Some(text) = read(function, cast.expr.as_ref().clone()) else { return cast };
        // A whole number may be written with a fraction, which is rounded.
        let exact = Arc::new(SqlType::Numeric(Some((38, 9))).field(""));
        let operand = if to.is_integer() { Expr::Cast(Cast::new_from_field(Box::new(text), exact)) } else { text };
        Cast::new_from_field(Box::new(operand), cast.field)
    }

    /// LIKE between texts.
    fn texts(&self, like: Like) -> Result<Like> {
        let sides = [&like.expr, &like.pattern].map(|side| self.type_of(side));
        let is_text = |t: &DataType| matches!(class(t), Class::Text | Class::Other);
        let is_marked = [&like.expr, &like.pattern].into_iter().any(|side| self.mark_of(side).is_some());
        if sides.iter().flatten().all(is_text) && !is_marked {
            return Ok(as_texts(like));
        }
        let named = [&like.expr, &like.pattern]
            .map(|side| if is_unknown(side) { "unknown".to_owned() } else { self.name_of(side) });
        let sign = match (like.negated, like.case_insensitive) {
            (false, false) => "~~",
            (true, false) => "!~~",
            (false, true) => "~~*",
            (true, true) => "!~~*",
        };
        Err(missing::operator(&format!("{} {sign} {}", named[0], named[1])))
    }

    /// PostgreSQL's name of an expression's type.
    fn name_of(&self, expr: &Expr) -> String {
        let field = expr.to_field(self.schema).map(|(_, field)| field);
        field
            .ok()
            .and_then(|field| SqlType::from_field(&field).ok())
            .map_or_else(|| "unknown".to_owned(), |t| candidates::name_of(&t))
    }
}

/// An expression whose type a mark tells, under that mark.
fn marked(expr: Expr, mark: Option<SqlType>) -> Expr {
    match mark {
        Some(mark) => function::call(Marked { field: mark.field("") }, vec![expr]),
        None => expr,
    }
}

/// A decimal's type with all digits that it could have.
fn with_all_digits(data_type: DataType) -> DataType {
    match data_type {
        DataType::Decimal128(precision, scale) if precision > 18 => DataType::Decimal128(38, scale),
        other => other,
    }
}

fn is_regex(op: Operator) -> bool {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    matches!(op, RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch)
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// A number of rows.
fn as_count(expr: Expr) -> Expr {
    parameters::of_type(expr, &SqlType::Int8)
}

/// A truth value.
fn as_condition(expr: Expr) -> Expr {
    parameters::of_type(expr, &SqlType::Bool)
}

/// Both sides of LIKE are texts, where their types are open.
fn as_texts(mut like: Like) -> Like {
    *like.expr = parameters::of_type(*like.expr, &SqlType::Text);
    *like.pattern = parameters::of_type(*like.pattern, &SqlType::Text);
    like
}

/// Whether an expression is a quoted literal or a parameter, whose type is open.
pub fn is_unknown(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(_), None)) || is_open(expr)
}

/// Types within which PostgreSQL compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Bool,
    Number,
    Text,
    Moment,
    Time,
    Interval,
    List,
    Other,
}

fn class(data_type: &DataType) -> Class {
    match data_type {
        DataType::Boolean => Class::Bool,
        t if t.is_numeric() => Class::Number,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Class::Text,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Class::Moment,
        DataType::Time32(_) | DataType::Time64(_) => Class::Time,
        DataType::Interval(_) | DataType::Duration(_) => Class::Interval,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => Class::List,
        DataType::Dictionary(_, values) => class(values),
        _ => Class::Other,
    }
}

/// Whether PostgreSQL compares neither type with the other.
fn differ(left: &DataType, right: &DataType) -> bool {
    let (left, right) = (class(left), class(right));
    left != right && left != Class::Other && right != Class::Other
}

fn named(data_type: &DataType) -> String {
    match SqlType::from_arrow(data_type) {
        Ok(SqlType::Numeric(_)) => "numeric".to_owned(),
        Ok(sql_type) => sql_type.to_string(),
        Err(_) => data_type.to_string(),
    }
}

fn no_operator(left: &DataType, sign: &str, right: &DataType) -> Error {
    missing::operator(&format!("{} {sign} {}", named(left), named(right)))
}

/// `text ~ pattern` with a pattern that is no constant.
fn matching(text: Expr, op: Operator, pattern: Expr) -> Expr {
    use Operator::{RegexIMatch, RegexNotIMatch, RegexNotMatch};
    let folded = matches!(op, RegexIMatch | RegexNotIMatch);
    match postgres_call("regexp_matches_operator", vec![text.clone(), pattern.clone(), lit(folded)]) {
        Some(found) if matches!(op, RegexNotMatch | RegexNotIMatch) => Expr::Not(Box::new(found)),
        Some(found) => found,
        None => Expr::BinaryExpr(BinaryExpr::new(Box::new(text), op, Box::new(pattern))),
    }
}
