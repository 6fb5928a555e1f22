//! Places of numeric, and what dates and timestamps are beside each other.

use super::super::function;
use super::super::marked::Marked;
use super::super::wide::{self, WIDE};
use super::{Expressions, lend};
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, cast};

impl Expressions<'_> {
    /// Whether an expression is a numeric without declared places, which shows no zeros that nobody wrote.
    pub(super) fn is_open_numeric(&self, expr: &Expr) -> bool {
        let field = expr.to_field(self.schema).map(|(_, field)| field);
        field.is_ok_and(|field| {
            *field.data_type() == WIDE || SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Numeric(None))
        })
    }

    /// A result of such a numeric, which is one too.
    pub(super) fn without_zeros(&self, expr: Expr, open: bool) -> Result<Expr> {
        let data_type = expr.get_type(self.schema)?;
        match data_type {
            DataType::Decimal128(..) if open => {}
            // Which has places of its own.
            DataType::Decimal256(..) if open && data_type != WIDE => return Ok(cast(expr, WIDE)),
            _ => return Ok(expr),
        }
        let field = SqlType::Numeric(None).field("").with_data_type(data_type);
        Ok(function::call(Marked { field }, vec![expr]))
    }

    /// A cast to numeric without declared places of what has places known already, which stay.
    pub(super) fn with_places(&self, to: &Cast) -> Option<Expr> {
        if !SqlType::from_field(&to.field).is_ok_and(|to| to == SqlType::Numeric(None)) {
            return None;
        }
        if let Expr::Literal(ScalarValue::Utf8(Some(_)), None) = to.expr.as_ref() {
            return lend(to.expr.as_ref().clone(), Some(to.field.data_type())).ok();
        }
        let scale = match self.type_of(&to.expr)? {
            DataType::Decimal128(_, scale) if !self.is_open_numeric(&to.expr) => scale,
            DataType::Decimal128(..) | DataType::Decimal256(..) => return Some(to.expr.as_ref().clone()),
            DataType::Int16 | DataType::Int32 | DataType::Int64 => 0,
            _ => return None,
        };
        Some(cast(to.expr.as_ref().clone(), DataType::Decimal128(38, scale)))
    }

    /// Dates and timestamps together are what each of them can be taken for.
    pub(super) fn moments(&self, all: Vec<Expr>) -> Vec<Expr> {
        let types: Vec<_> = all.iter().map(|expr| self.type_of(expr)).collect();
        let rank = |found: &DataType| match found {
            DataType::Date32 => Some(0),
            DataType::Timestamp(_, None) => Some(1),
            DataType::Timestamp(_, Some(_)) => Some(2),
            _ => None,
        };
        let ranks = types.iter().flatten().map(rank).collect::<Option<Vec<_>>>();
        let Some((least, most)) = ranks.and_then(|r| Some((*r.iter().min()?, *r.iter().max()?))) else { return all };
        if least == most {
            return all;
        }
        let wanted = if most == 2 { SqlType::Timestamptz.arrow() } else { SqlType::Timestamp.arrow() };
        let one = |(expr, found): (Expr, &Option<DataType>)| match found {
            Some(found) if *found != wanted => cast(expr, wanted.clone()),
            _ => expr,
        };
        all.into_iter().zip(&types).map(one).collect()
    }

    /// Whole numbers as the widest of them.
    fn whole_numbers(&self, all: Vec<Expr>, types: &[Option<DataType>]) -> Vec<Expr> {
        const WIDTHS: [DataType; 3] = [DataType::Int16, DataType::Int32, DataType::Int64];
        let width = |found: &DataType| WIDTHS.iter().position(|width| width == found);
        let widths: Option<Vec<usize>> = types.iter().flatten().map(width).collect();
        let Some(widest) = widths.and_then(|widths| widths.into_iter().max()) else { return all };
        let wanted = &WIDTHS[widest];
        let one = |(expr, found): (Expr, &Option<DataType>)| match found {
            Some(found) if found != wanted => cast(expr, wanted.clone()),
            _ => expr,
        };
        all.into_iter().zip(types).map(one).collect()
    }

    /// Exact numbers of which one is the result, as one that has the places of all of them.
    pub(super) fn exact(&self, all: Vec<Expr>) -> Vec<Expr> {
        let types: Vec<_> = all.iter().map(|expr| self.type_of(expr)).collect();
        let digits = |found: &DataType| match found {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Some((*precision as i8 - scale, *scale))
            }
            DataType::Int16 => Some((5, 0)),
            DataType::Int32 => Some((10, 0)),
            DataType::Int64 => Some((19, 0)),
            _ => None,
        };
        let Some(places) = types.iter().flatten().map(digits).collect::<Option<Vec<_>>>() else { return all };
        let before = places.iter().map(|(before, _)| *before).max().unwrap_or_default();
        let after = places.iter().map(|(_, after)| *after).max().unwrap_or_default();
        let large = types.iter().flatten().any(|found| matches!(found, DataType::Decimal256(..)));
        let wanted = match large {
            true => DataType::Decimal256(wide::DIGITS, after),
            false => DataType::Decimal128(before.saturating_add(after).clamp(1, 38) as u8, after),
        };
        let decimals = types.iter().flatten().any(|found| wide::decimal(found).is_some());
        if !decimals {
            return self.whole_numbers(all, &types);
        }
        if types.iter().flatten().all(|found| Some(found) == types.iter().flatten().next()) {
            return all;
        }
        let one = |(expr, found): (Expr, &Option<DataType>)| match found {
            Some(found) if *found != wanted => cast(expr, wanted.clone()),
            _ => expr,
        };
        all.into_iter().zip(&types).map(one).collect()
    }
}
