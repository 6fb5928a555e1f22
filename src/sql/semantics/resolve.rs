//! The pass before parameters have values: types of literals, operators that exist, types of results.
//!
//! In PostgreSQL a quoted literal has no type until its neighbours lend it one, and a number is the smallest integer that
//! holds it; the engine takes the first for text and the second for `bigint`, and compares text with numbers.

mod functions;

use super::super::values::read_one;
use super::beneath::{computed_beneath, grouped_beneath};
use super::decimal::Decimals;
use super::interval::Span;
use super::not_in::{in_conditions, without_rows};
use super::zone::AtTimeZone;
use super::{enumeration, floats, function, input_schema, regex};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{InList, InSubquery, Placeholder};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder,
    Operator, Union, WindowFunctionDefinition, cast, lit,
};
use std::sync::Arc;

/// Resolves all expressions of a plan and of its subqueries.
pub fn resolve(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    Ok(plan.rewrite_with_subqueries(&mut Plans { recursive: 0 })?.data)
}

/// Resolves an expression over `schema`.
pub fn resolve_expression(expr: Expr, schema: &DFSchema) -> DfResult<Expr> {
    Ok(expr.rewrite(&mut Expressions { schema, integers: true })?.data)
}

struct Plans {
    /// Recursive queries around this plan. Their working table has the types that the engine's planner gave it, so
    /// numbers within keep theirs.
    recursive: usize,
}

impl TreeNodeRewriter for Plans {
    type Node = LogicalPlan;

    fn f_down(&mut self, plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
        self.recursive += usize::from(matches!(plan, LogicalPlan::RecursiveQuery(_)));
        match plan {
            LogicalPlan::Aggregate(aggregate) => grouped_beneath(aggregate),
            plan => Ok(Transformed::no(plan)),
        }
    }

    fn f_up(&mut self, plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::RecursiveQuery(_) => {
                self.recursive -= 1;
                return Ok(Transformed::no(plan));
            }
            // Its numbers are counts of rows, not values.
            LogicalPlan::Limit(_) => {
                let plan = plan.map_expressions(|expr| Ok(Transformed::yes(declare(expr, &DataType::Int64))))?.data;
                return Ok(Transformed::yes(plan.recompute_schema()?));
            }
            _ => {}
        }
        let schema = input_schema(&plan)?;
        let names = NamePreserver::new(&plan);
        let mut expressions = Expressions { schema: &schema, integers: self.recursive == 0 };
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.rewrite(&mut expressions)?.update_data(|expr| name.restore(expr)))
        })?
        .map_data(|plan| match plan {
            LogicalPlan::Values(values) => LogicalPlanBuilder::values(rows(values.values, &expressions))?.build(),
            LogicalPlan::Join(mut join) => {
                must_have_no_subquery(&join)?;
                join.on = floats::keys(join.on, join.left.schema(), join.right.schema());
                LogicalPlan::Join(join).recompute_schema()
            }
            LogicalPlan::Sort(mut sort) => {
                enumeration::sorted(&mut sort.expr, sort.input.schema());
                Ok(LogicalPlan::Sort(sort))
            }
            LogicalPlan::Aggregate(aggregate) => computed_beneath(aggregate)?.recompute_schema(),
            LogicalPlan::Filter(mut filter) => {
                must_have_no_window(&filter)?;
                filter.predicate = in_conditions(filter.predicate, filter.input.schema())?;
                LogicalPlan::Filter(filter).recompute_schema()
            }
            LogicalPlan::Union(union) => {
                alike_columns(&union)?;
                Ok(floats::union(union)?.data)
            }
            plan => plan.recompute_schema(),
        })
    }
}

/// Refuses EXISTS and IN in the condition of an outer join, which the engine answers wrongly where rows have met nothing.
fn must_have_no_subquery(join: &Join) -> DfResult<()> {
    let asks = |expr: &Expr| expr.exists(|e| Ok(matches!(e, Expr::Exists(_) | Expr::InSubquery(_))));
    if join.join_type != JoinType::Inner && join.filter.as_ref().is_some_and(|filter| asks(filter).unwrap_or(true)) {
        let message = "EXISTS and IN in the condition of an outer join are not supported";
        return Err(Error::new(Kind::Unsupported, message)
            .with_hint("Join with a query that has only the rows that may be met.")
            .into());
    }
    Ok(())
}

/// Refuses a condition with a window function, which looks at rows that the condition has let through.
fn must_have_no_window(filter: &Filter) -> DfResult<()> {
    if filter.predicate.exists(|expr| Ok(matches!(expr, Expr::WindowFunction(_))))? {
        let clause = if matches!(*filter.input, LogicalPlan::Aggregate(_)) { "HAVING" } else { "WHERE" };
        let message = format!("window functions are not allowed in {clause}");
        return Err(Error::new(Kind::Windowing, message)
            .with_hint("Compute it in a subquery, and name its column in the condition.")
            .into());
    }
    Ok(())
}

/// Refuses a UNION of columns that PostgreSQL compares with nothing of each other's.
fn alike_columns(union: &Union) -> Result<()> {
    let Some((first, others)) = union.inputs.split_first() else { return Ok(()) };
    for other in others {
        for (mine, theirs) in first.schema().fields().iter().zip(other.schema().fields()) {
            let (mine, theirs) = (mine.data_type(), theirs.data_type());
            // A quoted literal is text here though its type is open.
            let numbers = |t: &DataType| matches!(class(t), Class::Number | Class::Bool);
            let texts = |t: &DataType| class(t) == Class::Text;
            if numbers(mine) && texts(theirs) && !literal(other) || texts(mine) && numbers(theirs) && !literal(first) {
                let message = format!("UNION types {} and {} cannot be matched", named(mine), named(theirs));
                return Err(Error::new(Kind::DatatypeMismatch, message));
            }
        }
    }
    Ok(())
}

/// Whether a plan gives rows of its own making, in which texts may be literals.
fn literal(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => true,
        LogicalPlan::Projection(projection) => literal(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => literal(&alias.input),
        _ => false,
    }
}

/// The rows of VALUES, the numbers of each column of one kind.
fn rows(rows: Vec<Vec<Expr>>, expressions: &Expressions<'_>) -> Vec<Vec<Expr>> {
    let width = rows.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<Expr>> = vec![Vec::with_capacity(rows.len()); width];
    for row in rows {
        row.into_iter().zip(&mut columns).for_each(|(value, column)| column.push(value));
    }
    let columns: Vec<_> = columns.into_iter().map(|column| expressions.numbers(column)).collect();
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let height = columns.first().map_or(0, ExactSizeIterator::len);
    (0..height).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect()
}

struct Expressions<'a> {
    schema: &'a DFSchema,
    /// Whether whole numbers get their types.
    integers: bool,
}

impl TreeNodeRewriter for Expressions<'_> {
    type Node = Expr;

    fn f_down(&mut self, expr: Expr) -> DfResult<Transformed<Expr>> {
        let jump = match &expr {
            // `lag(x, 1)` and its like take their numbers as the engine has them, and so do paths into JSON.
            Expr::WindowFunction(call) => matches!(call.fun, WindowFunctionDefinition::WindowUDF(_)),
            Expr::ScalarFunction(call) => call.name().starts_with("json_"),
            _ => false,
        };
        let next = if jump { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue };
        Ok(Transformed::new(expr, false, next))
    }

    fn f_up(&mut self, expr: Expr) -> DfResult<Transformed<Expr>> {
        let resolved = match expr {
            Expr::Literal(ScalarValue::Int64(Some(n)), None) if self.integers => match i32::try_from(n) {
                // Its digits alone are a `bigint`; the sign comes after them.
                Ok(n) if n != i32::MIN => Expr::Literal(ScalarValue::Int32(Some(n)), None),
                _ => Expr::Literal(ScalarValue::Int64(Some(n)), None),
            },
            Expr::BinaryExpr(binary) => self.binary(binary)?,
            Expr::InList(list) => self.in_list(list)?,
            Expr::Between(Between { expr, negated, low, high }) => {
                let low = self.comparable(&expr, *low, ">=")?;
                let high = self.comparable(&expr, *high, "<=")?;
                let all = enumeration::ordered(self.numbers_of([*expr, low, high]), self.schema);
                let [expr, low, high] = all.map(Box::new);
                Expr::Between(Between { expr, negated, low, high })
            }
            Expr::Case(case) => self.case(case)?,
            Expr::Cast(cast) => self.cast(cast)?,
            Expr::InSubquery(membership) => self.among(membership)?,
            Expr::ScalarFunction(call) => self.function(call)?,
            Expr::AggregateFunction(mut call) => {
                self.aggregate(call.func.name(), &mut call.params.args)?;
                enumeration::sorted(&mut call.params.order_by, self.schema);
                Expr::AggregateFunction(enumeration::extreme(call, self.schema))
            }
            Expr::WindowFunction(mut call) => {
                if let WindowFunctionDefinition::AggregateUDF(aggregate) = &call.fun {
                    let name = aggregate.name().to_owned();
                    self.aggregate(&name, &mut call.params.args)?;
                }
                enumeration::sorted(&mut call.params.order_by, self.schema);
                Expr::WindowFunction(call)
            }
            other => return Ok(Transformed::no(other)),
        };
        Ok(Transformed::yes(resolved))
    }
}

/// Places that an average adds to.
const AVERAGE_PLACES: i8 = 12;

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
            [left, right] = self.numbers_of([left, right]);
            if matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq) {
                [left, right] = enumeration::ordered([left, right], self.schema);
            }
            if self.is_interval(&left) && self.is_interval(&right) {
                (left, right) = (function::call(Span, vec![left]), function::call(Span, vec![right]));
            }
        } else if is_regex(op) {
            right = regex::pattern(right)?;
        } else if arithmetic {
            // Quoted literals beside numbers are numbers already: the planner's `Operators` has seen them.
            if let (Some(a), Some(b)) = (self.type_of(&left), self.type_of(&right)) {
                if matches!((class(&a), class(&b)), (Class::Number, Class::Text) | (Class::Text, Class::Number)) {
                    return Err(no_operator(&a, &op.to_string(), &b));
                }
                if let Some(decimals) = Decimals::of(op, &a, &b) {
                    return Ok(function::call(decimals, vec![left, right]));
                }
                [left, right] = self.numbers_of([left, right]);
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

    fn is_interval(&self, expr: &Expr) -> bool {
        matches!(self.type_of(expr), Some(DataType::Interval(IntervalUnit::MonthDayNano)))
    }

    fn in_list(&self, InList { expr, list, negated }: InList) -> Result<Expr> {
        let mut all = vec![*expr];
        for item in list {
            all.push(self.comparable(&all[0], item, "=")?);
        }
        let mut list = self.numbers(all);
        let expr = Box::new(list.remove(0));
        Ok(Expr::InList(InList { expr, list, negated }))
    }

    /// `other` as something that `expr` can be compared with.
    fn comparable(&self, expr: &Expr, other: Expr, sign: &str) -> Result<Expr> {
        let mine = self.type_of(expr);
        let other = match &mine {
            Some(_) if !is_unknown(expr) => lend_as(other, &expr.to_field(self.schema)?.1)?,
            _ => other,
        };
        if let (Some(a), Some(b)) = (mine, self.type_of(&other))
            && !is_unknown(expr)
            && differ(&a, &b)
        {
            return Err(no_operator(&a, sign, &b));
        }
        Ok(other)
    }

    /// What the engine's planner makes of AT TIME ZONE; casts of ours are to microseconds.
    fn cast(&self, cast: Cast) -> Result<Expr> {
        let DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) = cast.field.data_type() else {
            return Ok(Expr::Cast(cast));
        };
        let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let operand = lend(*cast.expr, Some(&moment))?;
        let data_type = self.type_of(&operand).unwrap_or(moment);
        Ok(function::call(AtTimeZone::of(zone, &data_type)?, vec![operand]))
    }

    fn among(&self, mut membership: InSubquery) -> DfResult<Expr> {
        let column = membership.subquery.subquery.schema().field(0).data_type().clone();
        *membership.expr = lend(*membership.expr, Some(&column))?;
        if let Some(mine) = self.type_of(&membership.expr)
            && floats::meet([&mine, &column].into_iter())
        {
            membership.subquery.subquery = Arc::new(floats::columns_as_floats(&membership.subquery.subquery, &[true])?);
            *membership.expr = cast(*membership.expr, DataType::Float64);
        }
        match self.type_of(&membership.expr) {
            Some(mine) if differ(&mine, &column) => Err(no_operator(&mine, "=", &column).into()),
            _ => without_rows(membership, self.schema),
        }
    }

    fn case(&self, Case { expr, when_then_expr, else_expr }: Case) -> Result<Expr> {
        let (mut whens, mut results) = (Vec::new(), Vec::new());
        for (when, then) in when_then_expr {
            whens.push(match &expr {
                Some(operand) => self.comparable(operand, *when, "=")?,
                None => *when,
            });
            results.push(*then);
        }
        let expr = match expr {
            Some(operand) => {
                let mut all = self.numbers([vec![*operand], whens].concat());
                whens = all.split_off(1);
                all.pop().map(Box::new)
            }
            None => None,
        };
        let has_else = else_expr.is_some();
        results.extend(else_expr.map(|e| *e));
        let mut results = self.alike(results, "CASE")?;
        let else_expr = if has_else { results.pop().map(Box::new) } else { None };
        let pairs = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then)));
        Ok(Expr::Case(Case { expr, when_then_expr: pairs.collect(), else_expr }))
    }

    /// Expressions of which one is the result: quoted literals take the type of the others.
    fn alike(&self, all: Vec<Expr>, what: &str) -> Result<Vec<Expr>> {
        let mut wanted: Option<DataType> = None;
        for expr in all.iter().filter(|expr| !is_unknown(expr)) {
            let Some(found) = self.type_of(expr) else { continue };
            match &wanted {
                Some(wanted) if differ(wanted, &found) => {
                    let message = format!("{what} types {} and {} cannot be matched", named(wanted), named(&found));
                    return Err(Error::new(Kind::DatatypeMismatch, message));
                }
                Some(_) => {}
                None => wanted = Some(found),
            }
        }
        let all = all.into_iter().map(|expr| lend(expr, wanted.as_ref())).collect::<Result<_>>()?;
        Ok(self.numbers(all))
    }

    /// Sums of `bigint` are numeric, and so are averages of all exact numbers.
    fn aggregate(&self, name: &str, args: &mut [Expr]) -> Result<()> {
        let [arg] = args else { return Ok(()) };
        let wanted = match (name, self.type_of(arg)) {
            ("sum", Some(DataType::Int64)) => DataType::Decimal128(38, 0),
            ("avg", Some(DataType::Int16 | DataType::Int32 | DataType::Int64)) => {
                DataType::Decimal128(38, AVERAGE_PLACES)
            }
            ("avg", Some(DataType::Decimal128(_, scale))) if scale < AVERAGE_PLACES => {
                DataType::Decimal128(38, AVERAGE_PLACES)
            }
            _ => return Ok(()),
        };
        *arg = cast(arg.clone(), wanted);
        Ok(())
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

/// A parameter whose type nobody told has this one.
fn declare(expr: Expr, data_type: &DataType) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Some(Arc::new(Field::new(&id, data_type.clone(), true)));
            Expr::Placeholder(Placeholder { id, field })
        }
        other => other,
    }
}

/// Whether an expression is a quoted literal, whose type is open.
fn is_unknown(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(_), None))
}

/// A quoted literal read as the type of a field, also where only its mark tells that it is no text.
pub fn lend_as(expr: Expr, field: &Field) -> Result<Expr> {
    let sql_type = match SqlType::from_field(field) {
        Ok(sql_type @ (SqlType::Uuid | SqlType::Jsonb | SqlType::Enum(_))) => sql_type,
        // Its blanks at the end mean nothing.
        Ok(SqlType::Char(_)) => {
            return Ok(match expr {
                Expr::Literal(ScalarValue::Utf8(Some(text)), None) => lit(text.trim_end_matches(' ')),
                other => other,
            });
        }
        _ => return lend(expr, Some(field.data_type())),
    };
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), None) => {
            let mark = FieldMetadata::new_from_field(&sql_type.field(""));
            Ok(Expr::Literal(read_one(&text, &sql_type)?, Some(mark)))
        }
        other => Ok(other),
    }
}

/// A quoted literal read as a type that is no text.
pub fn lend(expr: Expr, data_type: Option<&DataType>) -> Result<Expr> {
    let (Expr::Literal(ScalarValue::Utf8(Some(text)), None), Some(data_type)) = (&expr, data_type) else {
        return Ok(expr);
    };
    let sql_type = match data_type {
        // A number keeps the digits that it is written with.
        DataType::Decimal128(..) => {
            let places = text.trim().split_once('.').map_or(0, |(_, fraction)| fraction.len().min(20));
            SqlType::Numeric(Some((38, places as i8)))
        }
        other if matches!(class(other), Class::Text | Class::Other) => return Ok(expr),
        other => SqlType::from_arrow(other)?,
    };
    Ok(Expr::Literal(read_one(text, &sql_type)?, None))
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
    let message = format!("operator does not exist: {} {sign} {}", named(left), named(right));
    Error::new(Kind::UndefinedFunction, message)
        .with_hint("No operator matches the given argument types. You might need to add explicit type casts.")
}
