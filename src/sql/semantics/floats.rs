//! Exact numbers beside floating point: in PostgreSQL both are then `double precision`; the engine takes both for
//! decimals of fifteen places, in which small numbers vanish. And exact numbers of more than 38 digits beside others.

use super::wide::{DIGITS, decimal};
use crate::error::{Error, Kind};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Union, cast};
use std::sync::Arc;

/// What is told where finite numbers give one that is not.
pub fn overflow() -> Error {
    Error::new(Kind::NumericOutOfRange, "value out of range: overflow")
}

/// Whether values of these types meet in `double precision`.
pub fn meet<'a>(types: impl Iterator<Item = &'a DataType>) -> bool {
    let (mut single, mut double, mut decimal, mut integer) = (false, false, false, false);
    for data_type in types {
        match data_type {
            DataType::Float16 | DataType::Float32 => single = true,
            DataType::Float64 => double = true,
            DataType::Decimal128(..) | DataType::Decimal256(..) => decimal = true,
            other => integer |= other.is_integer(),
        }
    }
    (single || double) && decimal || single && (double || integer)
}

/// The type in which exact numbers meet of which one has more than 38 digits, and not all are alike.
fn wide<'a>(types: impl Iterator<Item = &'a DataType> + Clone) -> Option<DataType> {
    let large = types.clone().any(|t| matches!(t, DataType::Decimal256(..)));
    if types.clone().any(DataType::is_floating) {
        return None;
    }
    let mut others = types.clone().skip_while(|t| decimal(t).is_none() && !t.is_integer());
    let first = others.next()?;
    if !large || others.all(|other| other == first) {
        return None;
    }
    let scale = types.filter_map(decimal).map(|(_, scale)| scale).max()?;
    Some(DataType::Decimal256(DIGITS, scale))
}

/// Whether a value of this type has to be cast where [`meet`] says so.
fn is_other(data_type: &DataType) -> bool {
    data_type.is_numeric() && *data_type != DataType::Float64
}

/// The expressions as `double precision` if their types meet there; types that are not known stay.
pub fn together(all: Vec<Expr>, types: &[Option<DataType>]) -> Vec<Expr> {
    if !meet(types.iter().flatten()) {
        return match wide(types.iter().flatten()) {
            Some(wanted) => {
                let one = |(expr, own): (Expr, &Option<DataType>)| match own {
                    Some(own) if *own != wanted && (own.is_integer() || decimal(own).is_some()) => {
                        cast(expr, wanted.clone())
                    }
                    _ => expr,
                };
                all.into_iter().zip(types).map(one).collect()
            }
            None => all,
        };
    }
    let one = |(expr, data_type): (Expr, &Option<DataType>)| match data_type {
        Some(data_type) if is_other(data_type) => as_float(expr),
        _ => expr,
    };
    all.into_iter().zip(types).map(one).collect()
}

fn as_float(expr: Expr) -> Expr {
    // The digits of a literal are read, not divided by a power of ten.
    if let Expr::Literal(value @ ScalarValue::Decimal128(Some(_), ..), None) = &expr
        && let Ok(number) = value.to_string().parse()
    {
        return Expr::Literal(ScalarValue::Float64(Some(number)), None);
    }
    cast(expr, DataType::Float64)
}

/// Keys of a join whose types meet there.
pub fn keys(pairs: Vec<(Expr, Expr)>, left: &DFSchema, right: &DFSchema) -> Vec<(Expr, Expr)> {
    let one = |(a, b): (Expr, Expr)| {
        let types = [a.get_type(left).ok(), b.get_type(right).ok()];
        match <[Expr; 2]>::try_from(together(vec![a.clone(), b.clone()], &types)) {
            Ok([a, b]) => (a, b),
            Err(_) => (a, b),
        }
    };
    pairs.into_iter().map(one).collect()
}

/// A UNION whose columns meet there.
pub fn union(union: Union) -> DfResult<Transformed<LogicalPlan>> {
    let width = union.schema.fields().len();
    let type_of = |input: &LogicalPlan, at: usize| input.schema().field(at).data_type().clone();
    let mixed: Vec<Option<DataType>> = (0..width)
        .map(|at| {
            let types: Vec<DataType> = union.inputs.iter().map(|input| type_of(input, at)).collect();
            // As one column they are `real` where nothing among them has more digits.
            let double = types.contains(&DataType::Float64);
            meet(types.iter()).then_some(if double { DataType::Float64 } else { DataType::Float32 })
        })
        .collect();
    let met: Vec<Option<DataType>> = (0..width)
        .map(|at| wide(union.inputs.iter().map(|input| type_of(input, at)).collect::<Vec<_>>().iter()))
        .collect();
    if mixed.iter().chain(&met).all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.iter().map(|input| {
        let input = columns_as_floats(input, &mixed)?;
        let columns = input.schema().iter().zip(&met).map(|((qualifier, field), met)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            match met {
                Some(met) if met != field.data_type() => {
                    cast(column, met.clone()).alias_qualified(qualifier.cloned(), field.name())
                }
                _ => column,
            }
        });
        let columns: Vec<Expr> = columns.collect();
        LogicalPlanBuilder::from(input.clone()).project(columns)?.build().map(Arc::new)
    });
    let union = Union::try_new_with_loose_types(inputs.collect::<DfResult<_>>()?)?;
    Ok(Transformed::yes(LogicalPlan::Union(union)))
}

/// The plan with the numbers of columns as the floating point numbers that are wanted there.
pub fn columns_as_floats(plan: &LogicalPlan, wanted: &[Option<DataType>]) -> DfResult<LogicalPlan> {
    let columns = plan.schema().iter().zip(wanted).map(|((qualifier, field), wanted)| {
        let column = Expr::Column(Column::from((qualifier, field)));
        match wanted {
            Some(wanted) if field.data_type().is_numeric() && field.data_type() != wanted => {
                cast(column, wanted.clone()).alias_qualified(qualifier.cloned(), field.name())
            }
            _ => column,
        }
    });
    LogicalPlanBuilder::from(plan.clone()).project(columns.collect::<Vec<_>>())?.build()
}
