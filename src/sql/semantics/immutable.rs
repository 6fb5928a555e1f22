//! Expressions that give the same for the same values at any time and in any session, as an index and a generated column are made of:
//! PostgreSQL declares it of each function and cast. Told here are those that read settings of the session, as the texts of
//! moments do.

use crate::catalog::SqlType;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, Operator, Volatility};

/// Functions that read settings, or show values of any type.
const READ: &[&str] = &[
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "format",
    "make_timestamptz",
    "row_to_json",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
];
/// Functions that read the session's zone where they are given a moment.
const READ_OF_MOMENTS: &[&str] = &["date_part", "date_trunc", "extract"];

/// Whether an expression over the columns of `schema` may give something else at another time, or in another session.
pub fn changes(planned: &Expr, schema: &DFSchema) -> DfResult<bool> {
    let scope = Scope { schema };
    planned.exists(|part| {
        Ok(match part {
            Expr::ScalarFunction(call) => scope.reads(call),
            Expr::Cast(cast) if !matches!(*cast.expr, Expr::Literal(..)) => {
                let to = SqlType::from_field(&cast.field).ok();
                scope.type_of(&cast.expr).zip(to).is_some_and(|(from, to)| is_read(&from, &to))
            }
            Expr::BinaryExpr(binary) => scope.depends(binary),
            Expr::Between(Between { expr, low, high, .. }) => {
                scope.are_mixed(&[expr.as_ref(), low.as_ref(), high.as_ref()])
            }
            _ => false,
        })
    })
}

struct Scope<'a> {
    schema: &'a DFSchema,
}

impl Scope<'_> {
    fn type_of(&self, expr: &Expr) -> Option<SqlType> {
        expr.to_field(self.schema).ok().and_then(|(_, field)| SqlType::from_field(&field).ok())
    }

    fn is_moment(&self, expr: &Expr) -> bool {
        matches!(expr.get_type(self.schema), Ok(DataType::Timestamp(_, Some(_))))
    }

    fn reads(&self, call: &ScalarFunction) -> bool {
        let name = call.name();
        call.func.signature().volatility != Volatility::Immutable
            || READ.contains(&name)
            || ["json_build_", "jsonb_build_"].iter().any(|prefix| name.starts_with(prefix))
            || name.starts_with("jsonb_path_") && name.ends_with("_tz")
            || (name, call.args.len()) == ("to_timestamp", 2)
            || READ_OF_MOMENTS.contains(&name) && call.args.iter().any(|arg| self.is_moment(arg))
    }

    fn depends(&self, BinaryExpr { left, op, right }: &BinaryExpr) -> bool {
        use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, Minus, NotEq, Plus, StringConcat};
        let is_length = |side: &Expr| matches!(side.get_type(self.schema), Ok(DataType::Interval(_)));
        match op {
            // A day has as many hours as the zone gives it.
            Plus | Minus => self.is_moment(left) && is_length(right) || is_length(left) && self.is_moment(right),
            Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom => {
                self.are_mixed(&[left.as_ref(), right.as_ref()])
            }
            StringConcat => [left, right].into_iter().any(|side| {
                let shown = self.type_of(side).filter(|shown| !matches!(shown, SqlType::Array(_)));
                !matches!(**side, Expr::Literal(..)) && shown.is_some_and(|shown| is_read(&shown, &SqlType::Text))
            }),
            _ => false,
        }
    }

    /// Whether clocks, which have no zone, are compared with moments.
    fn are_mixed(&self, all: &[&Expr]) -> bool {
        let is_clock =
            |expr: &&Expr| matches!(expr.get_type(self.schema), Ok(DataType::Timestamp(_, None) | DataType::Date32));
        all.iter().any(|expr| self.is_moment(expr)) && all.iter().any(is_clock)
    }
}

/// Whether a cast reads settings of the session.
fn is_read(from: &SqlType, to: &SqlType) -> bool {
    use SqlType::{Array, Char, Date, Interval, Text, Time, Timestamp, Timestamptz, Varchar};
    match (from, to) {
        (Array(from), Array(to)) => is_read(from, to),
        (Text | Varchar(_) | Char(_), Date | Time | Timestamp | Timestamptz | Interval | Array(_)) => true,
        (Date | Timestamp | Timestamptz | Interval | Array(_), Text | Varchar(_) | Char(_)) => true,
        (Timestamptz, Date | Time | Timestamp) | (Date | Timestamp, Timestamptz) => true,
        _ => false,
    }
}
