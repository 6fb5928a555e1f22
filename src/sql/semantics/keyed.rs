//! Intervals, `jsonb`, `inet`, labels and arrays where the engine sorts, groups and joins: it knows their bytes, and PostgreSQL other
//! orders.
//!
//! An interval is as long as its months, days and hours together, a `jsonb` number is its value, and zero of floating point has no sign, also
//! within arrays. What is compared in their place is a key: the length, or bytes that sort so (`jsonb_order`, `inet_order`).

use super::super::functions::postgres_call;
use super::enumeration;
use super::function::{self, Operator};
use super::interval::Span;
use super::lists::ListOrder;
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::kernels::numeric::add;
use arrow::datatypes::{DataType, Field, IntervalUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, Sort as SortExpr};
use datafusion::logical_expr::{
    Aggregate, ColumnarValue, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder,
};
use std::sync::Arc;

/// What is compared in place of an expression; nothing if it is compared itself.
pub fn key(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let (_, field) = expr.to_field(schema).ok()?;
    match field.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => Some(function::call(Span, vec![expr.clone()])),
        DataType::Utf8 => match SqlType::from_field(&field) {
            Ok(SqlType::Jsonb) => postgres_call("jsonb_order", vec![expr.clone()]),
            Ok(SqlType::Inet | SqlType::Cidr) => postgres_call("inet_order", vec![expr.clone()]),
            _ => None,
        },
        DataType::List(_) => unsigned_zero(expr, schema),
        _ => None,
    }
}

/// What an expression is ordered by in place of itself; nothing if it is ordered by itself.
pub fn order_key(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    if let Some(place) = enumeration::place_of(expr, schema) {
        return list_key(&place, schema).or(Some(place));
    }
    list_key(expr, schema).or_else(|| key(expr, schema))
}

/// What arrays are ordered by.
fn list_key(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let (_, field) = expr.to_field(schema).ok()?;
    let DataType::List(item) = field.data_type() else { return None };
    // Which has numbers alone.
    let vector = matches!(SqlType::from_field(&field), Ok(SqlType::Vector(_)));
    (!vector && !item.data_type().is_nested()).then(|| function::call(ListOrder, vec![expr.clone()]))
}

/// The expressions by their keys, where all have one of the same kind.
pub fn together(all: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let same = |expr: &Expr| {
        expr.to_field(schema).ok().and_then(|(_, field)| match SqlType::from_field(&field) {
            Ok(SqlType::Cidr) => Some(SqlType::Inet),
            other => other.ok(),
        })
    };
    let first = all.first().and_then(same);
    let is_keyed = match &first {
        Some(SqlType::Interval | SqlType::Jsonb | SqlType::Inet) => true,
        Some(SqlType::Array(item)) => matches!(**item, SqlType::Float4 | SqlType::Float8),
        _ => false,
    };
    if !is_keyed || all.iter().any(|expr| same(expr) != first) {
        return all;
    }
    all.into_iter().map(|expr| key(&expr, schema).unwrap_or(expr)).collect()
}

/// The expressions by what they are ordered by, where they are of one type that has such keys.
pub fn ordered(all: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    // Beside a label stands a text where it is a parameter's.
    if let Some(of) = all.iter().find_map(|expr| enumeration::enum_of(expr, schema)) {
        let places = all.into_iter().map(|expr| enumeration::place(&of, expr, schema));
        return places.map(|place| list_key(&place, schema).unwrap_or(place)).collect();
    }
    let types: Vec<_> = all.iter().map(|expr| expr.get_type(schema).ok()).collect();
    match types.iter().all(|own| own.is_some() && *own == types[0]) {
        true => match all.iter().map(|expr| list_key(expr, schema)).collect::<Option<Vec<_>>>() {
            Some(keys) => keys,
            None => together(all, schema),
        },
        false => together(all, schema),
    }
}

/// A subquery whose first column is its key, and nothing else.
pub fn subquery(plan: &LogicalPlan, key: impl Fn(&Expr, &DFSchema) -> Option<Expr>) -> DfResult<Option<LogicalPlan>> {
    let schema = plan.schema().clone();
    let Some(column) = schema.columns().into_iter().next() else { return Ok(None) };
    let name = column.name.clone();
    match key(&Expr::Column(column), &schema) {
        Some(key) => LogicalPlanBuilder::from(plan.clone()).project([key.alias(name)])?.build().map(Some),
        None => Ok(None),
    }
}

/// Keys of an order.
pub fn order(keys: Vec<SortExpr>, schema: &DFSchema) -> Vec<SortExpr> {
    let last = keys.len().saturating_sub(1);
    let one = |(at, sort): (usize, SortExpr)| {
        let found = order_key(&sort.expr, schema);
        // Whether two of them are equal counts where others come behind.
        let found = found.or_else(|| if at < last { unsigned_zero(&sort.expr, schema) } else { None });
        found.map_or(sort.clone(), |expr| SortExpr { expr, ..sort })
    };
    keys.into_iter().enumerate().map(one).collect()
}

/// Keys of an order whose rows may be each other's peers.
pub fn peers(keys: Vec<SortExpr>, schema: &DFSchema) -> Vec<SortExpr> {
    let one = |sort: SortExpr| match unsigned_zero(&sort.expr, schema) {
        Some(expr) => SortExpr { expr, ..sort },
        None => sort,
    };
    order(keys, schema).into_iter().map(one).collect()
}

/// What rows of a window are parted by.
pub fn part(expr: Expr, schema: &DFSchema) -> Expr {
    key(&expr, schema).or_else(|| unsigned_zero(&expr, schema)).unwrap_or(expr)
}

/// The expressions, those that are floating point numbers without the sign of zero: where the engine tells them apart by their bits.
pub fn unsigned(all: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    all.into_iter().map(|expr| unsigned_zero(&expr, schema).unwrap_or(expr)).collect()
}

/// A floating point number, or an array of such, without the sign of zero: the engine's orders tell two zeros apart.
pub fn unsigned_zero(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let (_, field) = expr.to_field(schema).ok()?;
    let data_type = field.data_type().clone();
    let has_sign = match &data_type {
        DataType::List(item) => {
            item.data_type().is_floating() && !matches!(SqlType::from_field(&field), Ok(SqlType::Vector(_)))
        }
        data_type => data_type.is_floating() && !matches!(expr, Expr::Literal(..)),
    };
    has_sign.then(|| function::call(UnsignedZero { data_type }, vec![expr.clone()]))
}

/// Numbers without the sign of zero; anything else as it is.
pub fn without_sign(values: &ArrayRef) -> Result<ArrayRef> {
    match values.data_type() {
        data_type if data_type.is_floating() => Ok(add(values, &ScalarValue::new_zero(data_type)?.to_scalar()?)?),
        _ => Ok(values.clone()),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct UnsignedZero {
    data_type: DataType,
}

impl Operator for UnsignedZero {
    fn name(&self) -> &'static str {
        "unsigned_zero"
    }

    fn returns(&self) -> Field {
        Field::new("", self.data_type.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let values = operands[0].to_array(rows)?;
        let DataType::List(item) = &self.data_type else { return without_sign(&values) };
        let lists = values.as_list_opt::<i32>().ok_or_else(|| Error::internal("an array is no list"))?;
        let items = without_sign(lists.values())?;
        Ok(Arc::new(ListArray::try_new(item.clone(), lists.offsets().clone(), items, lists.nulls().cloned())?))
    }
}

fn no_operator(what: &str) -> Error {
    Error::new(Kind::UndefinedFunction, format!("could not identify an {what} operator for type json"))
}

fn is_json(expr: &Expr, schema: &DFSchema) -> bool {
    expr.to_field(schema).is_ok_and(|(_, field)| SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Json))
}

/// Refuses an order of `json`, which has none.
pub fn must_have_order(keys: &[SortExpr], schema: &DFSchema) -> DfResult<()> {
    match keys.iter().any(|sort| is_json(&sort.expr, schema)) {
        true => Err(no_operator("ordering").into()),
        false => Ok(()),
    }
}

/// Name of a column that holds a key, or a value beside its key, before its number.
const KEY: &str = "\u{1}k";
const VALUE: &str = "\u{1}v";

/// Groups by keys, each shown by the first of its values.
pub fn grouped(aggregate: Aggregate) -> DfResult<Transformed<LogicalPlan>> {
    let schema = aggregate.input.schema();
    if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let keys: Vec<Option<Expr>> = aggregate.group_expr.iter().map(|expr| key(&bare(expr), schema)).collect();
    let known = settled(&aggregate, &keys);
    let mut groups = aggregate.group_expr.iter().enumerate().filter(|(n, _)| !known.contains(n));
    if groups.any(|(_, expr)| is_json(&bare(expr), schema)) {
        return Err(no_operator("equality").into());
    }
    if keys.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let (mut groups, mut aggregates) = (Vec::new(), aggregate.aggr_expr.clone());
    for (n, (expr, key)) in aggregate.group_expr.iter().zip(&keys).enumerate() {
        match key {
            Some(key) => {
                // What a primary key beside it tells needs no key of its own.
                if !known.contains(&n) {
                    groups.push(key.clone().alias(format!("{KEY}{n}")));
                }
                let value = AggregateFunction::new_udf(first_value_udaf(), vec![bare(expr)], false, None, vec![], None);
                aggregates.push(Expr::AggregateFunction(value).alias(format!("{VALUE}{n}")));
            }
            None => groups.push(expr.clone()),
        }
    }
    let marks: Vec<_> = aggregate.schema.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect();
    let items = marks.into_iter().enumerate().map(|(n, (qualifier, field))| match keys.get(n) {
        Some(Some(_)) => {
            let value = Expr::Column(Column::from_name(format!("{VALUE}{n}")));
            let value = function::call(super::marked::Marked { field: field.as_ref().clone() }, vec![value]);
            value.alias_qualified(qualifier, field.name())
        }
        _ => Expr::Column(Column::from((qualifier.as_ref(), &field))),
    });
    let items: Vec<Expr> = items.collect();
    let plan = LogicalPlanBuilder::from(aggregate.input.as_ref().clone()).aggregate(groups, aggregates)?;
    Ok(Transformed::yes(plan.project(items)?.build()?))
}

/// The grouped columns that others among them determine, such as a table's beside its primary key.
fn settled(aggregate: &Aggregate, keys: &[Option<Expr>]) -> Vec<usize> {
    let schema = aggregate.input.schema();
    let place = |expr: &Expr| match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    };
    let plain: Vec<usize> = aggregate
        .group_expr
        .iter()
        .zip(keys)
        .filter(|(_, key)| key.is_none())
        .filter_map(|(expr, _)| place(expr))
        .collect();
    let determined = |at: usize| {
        schema.functional_dependencies().iter().any(|dependence| {
            dependence.target_indices.contains(&at)
                && dependence.source_indices.iter().all(|source| plain.contains(source))
        })
    };
    let columns = aggregate.group_expr.iter().enumerate();
    columns.filter(|(_, expr)| place(expr).is_some_and(determined)).map(|(n, _)| n).collect()
}

/// An expression without the name that it is given.
fn bare(expr: &Expr) -> Expr {
    expr.clone().unalias()
}

/// Rows each once, by their keys.
pub fn distinct(distinct: Distinct) -> DfResult<Transformed<LogicalPlan>> {
    match distinct {
        Distinct::All(input) => {
            let columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
            if columns.iter().any(|column| is_json(column, input.schema())) {
                return Err(no_operator("equality").into());
            }
            if columns.iter().all(|column| key(column, input.schema()).is_none()) {
                return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::All(input))));
            }
            grouped(Aggregate::try_new(input, columns, Vec::new())?)
        }
        Distinct::On(on) => {
            let schema = Arc::clone(on.input.schema());
            // What rows are told apart by is what they are sorted by first.
            let told_by = |expr: &Expr| {
                let key = order_key(expr, &schema).or_else(|| unsigned_zero(expr, &schema));
                key.unwrap_or_else(|| expr.clone())
            };
            let on_expr: Vec<Expr> = on.on_expr.iter().map(told_by).collect();
            let sort_expr = on.sort_expr.map(|keys| {
                let first = keys.iter().take(on_expr.len());
                let first = first.map(|key| SortExpr { expr: told_by(&key.expr), ..key.clone() }).collect::<Vec<_>>();
                first.into_iter().chain(order(keys, &schema).into_iter().skip(on_expr.len())).collect()
            });
            let on = DistinctOn { on_expr, sort_expr, ..on };
            Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
        }
    }
}

/// Keys of a join.
pub fn pairs(pairs: Vec<(Expr, Expr)>, left: &DFSchema, right: &DFSchema) -> Vec<(Expr, Expr)> {
    pairs
        .into_iter()
        .map(|(a, b)| match (key(&a, left), key(&b, right)) {
            (Some(a), Some(b)) => (a, b),
            _ => (a, b),
        })
        .collect()
}
