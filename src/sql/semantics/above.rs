//! Aggregates whose results the engine gives otherwise, finished in a projection above them: sums of `real`, averages of intervals, and
//! averages and deviations of exact numbers, of which the engine cuts the last digits off.

use super::decimal::Decimals;
use super::deviation::Deviation;
use super::elements::{self, Retyped};
use super::forward::forward;
use super::interval::Scaled;
use super::joined::joined;
use super::marked::Marked;
use super::truths::in_frames;
use super::wide::decimal as places_of;
use super::{function, kept, keyed, sums};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Window, WindowFunctionDefinition, cast,
};

/// Name of a column that something is made of above, before its number.
const PART: &str = "\u{1}p";
/// The aggregate that tells which grouping set a row is of.
pub(super) const GROUPING: &str = "grouping";

/// The aggregate with such results finished.
pub fn finished(aggregate: Aggregate) -> DfResult<Transformed<LogicalPlan>> {
    let schema = aggregate.input.schema().clone();
    let is = |expr: &Expr, name: &str, data_type: &DataType| {
        matches!(expr, Expr::AggregateFunction(call) if call.func.name() == name
            && call.params.args.len() == 1
            && call.params.args[0].get_type(&schema).is_ok_and(|t| t == *data_type))
    };
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let decimal = |expr: &Expr| match expr {
        Expr::AggregateFunction(call) if call.func.name() == "avg" && call.params.args.len() == 1 => {
            call.params.args[0].get_type(&schema).ok().filter(|t| places_of(t).is_some())
        }
        _ => None,
    };
    let marked = |expr: &Expr| match expr {
        Expr::AggregateFunction(call) => marked(call.func.name(), &call.params.args, &schema),
        _ => None,
    };
    let needed = |expr: &Expr| {
        let expr = bare(expr);
        is(expr, "sum", &DataType::Float32)
            || is(expr, "avg", &interval)
            || decimal(expr).is_some()
            || deviation(expr, &schema).is_some()
            || joined(expr, &schema).is_some()
            || marked(expr).is_some()
    };
    if !aggregate.aggr_expr.iter().any(needed) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let mut parts = Vec::new();
    // What is computed anyway is not computed twice: a sum beside an average of the same numbers.
    let mut known: Vec<(Expr, Expr)> = Vec::new();
    for (n, expr) in aggregate.aggr_expr.iter().enumerate().filter(|(_, expr)| !needed(expr)) {
        let (qualifier, field) = aggregate.schema.qualified_field(groups + n);
        known.push((bare(expr).clone(), Expr::Column(Column::from((qualifier, field)))));
    }
    let columns = aggregate.schema.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone()));
    let mut items = Vec::new();
    // What GROUPING() reads the engine takes away with it.
    let reads_sets = |expr: &Expr| matches!(bare(expr), Expr::AggregateFunction(call) if call.func.name() == GROUPING);
    let has_grouping = aggregate.aggr_expr.iter().any(reads_sets);
    for (n, (qualifier, field)) in columns.enumerate() {
        if has_grouping && n < groups && field.name() == Aggregate::INTERNAL_GROUPING_ID {
            continue;
        }
        let itself = Expr::Column(Column::from((qualifier.as_ref(), &field)));
        let Some(expr) = n.checked_sub(groups).and_then(|n| aggregate.aggr_expr.get(n)) else {
            items.push(itself);
            continue;
        };
        let (sum, count) = (format!("{PART}{n}s"), format!("{PART}{n}c"));
        let part = |name: &str| Expr::Column(Column::from_name(name));
        let value = match bare(expr) {
            Expr::AggregateFunction(call) if is(bare(expr), "avg", &interval) => {
                let of = |func| {
                    let call = AggregateFunction { func, params: call.params.clone() };
                    Expr::AggregateFunction(call)
                };
                parts.push(of(sums::of(Some(&interval))).alias(&sum));
                parts.push(of(count_udaf()).alias(&count));
                let count = cast(part(&count), DataType::Float64);
                // Of no value there is no average.
                let count = datafusion::functions::core::expr_fn::nullif(count, datafusion::logical_expr::lit(0.0));
                function::call(Scaled { divide: true }, vec![part(&sum), count])
            }
            Expr::AggregateFunction(call) if decimal(bare(expr)).is_some() => {
                let of = |func| Expr::AggregateFunction(AggregateFunction { func, params: call.params.clone() });
                let sum_of = call.params.args[0].get_type(&schema).ok();
                let mut once = |call: Expr, name: &str| match known.iter().find(|(known, _)| *known == call) {
                    Some((_, column)) => column.clone(),
                    None => {
                        parts.push(call.clone().alias(name));
                        known.push((call, part(name)));
                        part(name)
                    }
                };
                let (sum, count) = (once(of(sums::of(sum_of.as_ref())), &sum), once(of(count_udaf()), &count));
                average(sum, count, is_open(&call.params.args[0], &schema))
            }
            Expr::AggregateFunction(call) if let Some((deviation, number)) = deviation(bare(expr), &schema) => {
                let squares = format!("{PART}{n}q");
                let of = |func, arg: Expr| {
                    let mut params = call.params.clone();
                    params.args = vec![arg];
                    Expr::AggregateFunction(AggregateFunction { func, params })
                };
                parts.push(of(count_udaf(), number.clone()).alias(&count));
                let data_type = number.get_type(&schema)?;
                parts.push(of(sums::of(Some(&data_type)), number.clone()).alias(&sum));
                let square = match Decimals::of(Operator::Multiply, (&data_type, false), (&data_type, false)) {
                    Some(product) => function::call(product, vec![number.clone(), number]),
                    None => number.clone() * number,
                };
                let square_type = square.get_type(&schema).ok();
                parts.push(of(sums::of(square_type.as_ref()), square).alias(&squares));
                function::call(deviation, vec![part(&count), part(&sum), part(&squares)])
            }
            other if let Some((gathering, join)) = joined(other, &schema) => {
                parts.push(gathering.alias(&sum));
                join(part(&sum))
            }
            other if is(other, "sum", &DataType::Float32) => {
                parts.push(other.clone().alias(&sum));
                cast(part(&sum), DataType::Float32)
            }
            other if let Some(sql_type) = marked(other) => {
                parts.push(other.clone().alias(&sum));
                under(sql_type, part(&sum), field.data_type())
            }
            _ => {
                parts.push(expr.clone());
                itself
            }
        };
        items.push(match value {
            Expr::Column(_) => value,
            value => value.alias_qualified(qualifier, field.name()),
        });
    }
    let plan = LogicalPlanBuilder::from(aggregate.input.as_ref().clone()).aggregate(aggregate.group_expr, parts)?;
    let plan = match plan.build()? {
        LogicalPlan::Aggregate(aggregate) => keyed::grouped(aggregate)?.data,
        plan => plan,
    };
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(items)?.build()?))
}

/// The type of an aggregate's result that the engine does not know.
fn marked(name: &str, args: &[Expr], schema: &DFSchema) -> Option<SqlType> {
    let (_, field) = args.first()?.to_field(schema).ok()?;
    match name {
        "array_agg" => elements::gathered(&field),
        // Of a numeric without declared places, which shows no zeros that nobody wrote.
        "sum" | "min" | "max" if SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Numeric(None)) => {
            Some(SqlType::Numeric(None))
        }
        "min" | "max" => SqlType::from_field(&field).ok().and_then(kept::extreme_of),
        _ => None,
    }
}

/// A result as of its type.
fn under(sql_type: SqlType, result: Expr, data_type: &DataType) -> Expr {
    match sql_type {
        SqlType::Array(_) => function::call(Retyped::to(&sql_type), vec![result]),
        _ => function::call(Marked { field: sql_type.field("").with_data_type(data_type.clone()) }, vec![result]),
    }
}

/// The deviation that an aggregate of exact numbers is, and the number.
fn deviation(expr: &Expr, schema: &DFSchema) -> Option<(Deviation, Expr)> {
    let Expr::AggregateFunction(call) = expr else { return None };
    let [arg] = call.params.args.as_slice() else { return None };
    let deviation = Deviation::named(call.func.name()).filter(|_| !call.params.distinct)?;
    let number = match arg.get_type(schema).ok()? {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => cast(arg.clone(), DataType::Decimal128(38, 0)),
        DataType::Decimal128(precision, scale) if precision < 38 => cast(arg.clone(), DataType::Decimal128(38, scale)),
        DataType::Decimal128(..) | DataType::Decimal256(..) => arg.clone(),
        _ => return None,
    };
    Some((deviation, number))
}

/// Whether zeros at the end of a number's places mean nothing.
fn is_open(expr: &Expr, schema: &DFSchema) -> bool {
    let field = expr.to_field(schema).map(|(_, field)| field);
    field.is_ok_and(|field| SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Numeric(None)))
}

/// A sum by a count; none of no value.
fn average(sum: Expr, count: Expr, open: bool) -> Expr {
    match Decimals::of(Operator::Divide, (&DataType::Decimal128(38, 0), open), (&DataType::Int64, false)) {
        Some(quotient) => function::call(quotient, vec![sum, count]),
        None => sum / count,
    }
}

/// Averages of exact numbers over windows, which are the quotients that they are elsewhere, and results whose types marks tell.
pub fn finished_windows(mut window: Window) -> DfResult<LogicalPlan> {
    window.window_expr = window.window_expr.into_iter().map(forwards).collect::<DfResult<_>>()?;
    let schema = window.input.schema().clone();
    let exact = |expr: &Expr| match bare(expr) {
        Expr::WindowFunction(call) if matches!(&call.fun, WindowFunctionDefinition::AggregateUDF(f) if f.name() == "avg") =>
        {
            let [arg] = call.params.args.as_slice() else { return None };
            places_of(&arg.get_type(&schema).ok()?).map(|_| call.clone())
        }
        _ => None,
    };
    let marked = |expr: &Expr| match bare(expr) {
        Expr::WindowFunction(call) => match &call.fun {
            // What is given a key beside its value keeps the mark itself.
            WindowFunctionDefinition::AggregateUDF(function) if call.params.args.len() == 1 => {
                marked(function.name(), &call.params.args, &schema)
            }
            _ => None,
        },
        _ => None,
    };
    if !window.window_expr.iter().any(|expr| exact(expr).is_some() || marked(expr).is_some()) {
        return Ok(LogicalPlan::Window(window));
    }
    let before = schema.fields().len();
    let (mut parts, mut items) = (Vec::new(), Vec::new());
    // What is computed anyway is not computed twice: a sum beside an average of the same numbers.
    let of_schema = window.schema.iter().skip(before).map(|(of, field)| Expr::Column(Column::from((of, field))));
    let itself = window.window_expr.iter().zip(of_schema);
    let mut known: Vec<(Expr, Expr)> = itself
        .filter(|(expr, _)| exact(expr).is_none() && marked(expr).is_none())
        .map(|(expr, column)| (bare(expr).clone(), column))
        .collect();
    for (n, (qualifier, field)) in window.schema.iter().enumerate() {
        let itself = Expr::Column(Column::from((qualifier, field)));
        let Some(expr) = n.checked_sub(before).and_then(|n| window.window_expr.get(n)) else {
            items.push(itself);
            continue;
        };
        let (sum, count) = (format!("{PART}{n}s"), format!("{PART}{n}c"));
        let part = |name: &str| Expr::Column(Column::from_name(name));
        let Some(call) = exact(expr) else {
            match marked(expr) {
                Some(sql_type) => {
                    parts.push(bare(expr).clone().alias(&sum));
                    let result = under(sql_type, part(&sum), field.data_type());
                    items.push(result.alias_qualified(qualifier.cloned(), field.name()));
                }
                None => {
                    parts.push(expr.clone());
                    items.push(itself);
                }
            }
            continue;
        };
        let sum_of = call.params.args[0].get_type(&schema).ok();
        let mut made = |function, name: &str| {
            let mut made = call.clone();
            made.fun = WindowFunctionDefinition::AggregateUDF(function);
            let made = Expr::WindowFunction(made);
            if let Some((_, column)) = known.iter().find(|(expr, _)| *expr == made) {
                return column.clone();
            }
            parts.push(made.clone().alias(name));
            known.push((made, part(name)));
            part(name)
        };
        let (sum, count) = (made(sums::of(sum_of.as_ref()), &sum), made(count_udaf(), &count));
        let open = is_open(&call.params.args[0], &schema);
        items.push(average(sum, count, open).alias_qualified(qualifier.cloned(), field.name()));
    }
    let plan = LogicalPlanBuilder::from(window.input.as_ref().clone()).window(parts)?;
    plan.project(items)?.build()
}

/// A window that is not turned round where that would be seen.
fn forwards(expr: Expr) -> DfResult<Expr> {
    let name = NamePreserver::new_for_projection().save(&expr);
    let forwards = expr.transform_up(|part| match part {
        Expr::WindowFunction(mut call) => {
            if let WindowFunctionDefinition::AggregateUDF(function) = &call.fun {
                call.fun = WindowFunctionDefinition::AggregateUDF(in_frames(&forward(function)));
            }
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(name.restore(forwards.data))
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}
