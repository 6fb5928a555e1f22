//! Aggregates whose results the engine gives otherwise, finished in a projection above them: sums of `real`, averages of intervals, and
//! of exact numbers, of which the engine cuts the last digits off.

use super::decimal::Decimals;
use super::elements::{self, Retyped};
use super::interval::Scaled;
use super::marked::Marked;
use super::{function, keyed};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result as DfResult};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, cast};

/// Name of a column that something is made of above, before its number.
const PART: &str = "\u{1}p";

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
            call.params.args[0].get_type(&schema).ok().filter(|t| matches!(t, DataType::Decimal128(..)))
        }
        _ => None,
    };
    // Of a numeric without declared places, which shows no zeros that nobody wrote.
    let open = |expr: &Expr| match expr {
        Expr::AggregateFunction(call) if matches!(call.func.name(), "sum" | "min" | "max") => {
            let field = call.params.args.first().and_then(|arg| arg.to_field(&schema).ok());
            field.is_some_and(|(_, field)| SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Numeric(None)))
        }
        _ => false,
    };
    let gathers = |expr: &Expr| match expr {
        Expr::AggregateFunction(call) if call.func.name() == "array_agg" => {
            let field = call.params.args.first().and_then(|arg| arg.to_field(&schema).ok());
            field.and_then(|(_, field)| elements::gathered(&field))
        }
        _ => None,
    };
    let needed = |expr: &Expr| {
        let expr = bare(expr);
        is(expr, "sum", &DataType::Float32)
            || is(expr, "avg", &interval)
            || decimal(expr).is_some()
            || open(expr)
            || gathers(expr).is_some()
    };
    if !aggregate.aggr_expr.iter().any(needed) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let mut parts = Vec::new();
    let columns = aggregate.schema.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone()));
    let mut items = Vec::new();
    for (n, (qualifier, field)) in columns.enumerate() {
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
                parts.push(of(sum_udaf()).alias(&sum));
                parts.push(of(count_udaf()).alias(&count));
                let count = cast(part(&count), DataType::Float64);
                // Of no value there is no average.
                let count = datafusion::functions::core::expr_fn::nullif(count, datafusion::logical_expr::lit(0.0));
                function::call(Scaled { divide: true }, vec![part(&sum), count])
            }
            Expr::AggregateFunction(call) if decimal(bare(expr)).is_some() => {
                let of = |func| Expr::AggregateFunction(AggregateFunction { func, params: call.params.clone() });
                parts.push(of(sum_udaf()).alias(&sum));
                parts.push(of(count_udaf()).alias(&count));
                let scale = match decimal(bare(expr)) {
                    Some(DataType::Decimal128(_, scale)) => scale,
                    _ => 0,
                };
                let (sum, count) = (part(&sum), part(&count));
                match Decimals::of(Operator::Divide, &DataType::Decimal128(38, scale), &DataType::Int64) {
                    Some(quotient) => function::call(quotient, vec![sum, count]),
                    None => sum / count,
                }
            }
            other if let Some(array) = gathers(other) => {
                parts.push(other.clone().alias(&sum));
                function::call(Retyped::to(&array), vec![part(&sum)])
            }
            other if is(other, "sum", &DataType::Float32) => {
                parts.push(other.clone().alias(&sum));
                cast(part(&sum), DataType::Float32)
            }
            other if open(other) && matches!(field.data_type(), DataType::Decimal128(..)) => {
                parts.push(other.clone().alias(&sum));
                let marked = SqlType::Numeric(None).field("").with_data_type(field.data_type().clone());
                function::call(Marked { field: marked }, vec![part(&sum)])
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

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}
