//! Filters of a query as conditions that a reader of assets understands.
//!
//! What a reader cannot be told is left away: the engine's own filter stays above the leaf and asks every row. Texts count only
//! where they are compared byte by byte, as `text` and `varchar` are.

use crate::catalog::SqlType;
use crate::sources::{Comparison, Predicate, Scalar};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

/// Values of a list beyond which it is not passed on.
const LIST_MAX: usize = 256;

/// What must be true where the filter is; none if nothing can be said.
pub fn predicate(filter: &Expr, schema: &SchemaRef) -> Option<Predicate> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let parts: Vec<_> = [predicate(left, schema), predicate(right, schema)].into_iter().flatten().collect();
            (!parts.is_empty()).then_some(Predicate::All(parts))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(Predicate::Any(vec![predicate(left, schema)?, predicate(right, schema)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is = comparison(*op)?;
            match (column(left, schema), column(right, schema)) {
                (Some(column), None) => Some(Predicate::Compare(column, is, scalar(column, right, schema)?)),
                (None, Some(column)) => Some(Predicate::Compare(column, turned(is), scalar(column, left, schema)?)),
                _ => None,
            }
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let column = column(expr, schema)?;
            let low = Predicate::Compare(column, Comparison::AtLeast, scalar(column, low, schema)?);
            let high = Predicate::Compare(column, Comparison::AtMost, scalar(column, high, schema)?);
            Some(Predicate::All(vec![low, high]))
        }
        Expr::InList(list) if !list.negated && list.list.len() <= LIST_MAX => {
            let column = column(&list.expr, schema)?;
            let values = list.list.iter().map(|value| scalar(column, value, schema)).collect::<Option<Vec<_>>>()?;
            Some(Predicate::In(column, values))
        }
        Expr::IsNull(expr) => Some(Predicate::Null(column(expr, schema)?, true)),
        Expr::IsNotNull(expr) => Some(Predicate::Null(column(expr, schema)?, false)),
        Expr::Column(_) => {
            let column = column(filter, schema)?;
            let is_bool = schema.field(column).data_type() == &DataType::Boolean;
            is_bool.then_some(Predicate::Compare(column, Comparison::Equal, Scalar::Bool(true)))
        }
        _ => None,
    }
}

fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::AtMost,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::AtLeast,
        _ => return None,
    })
}

fn turned(is: Comparison) -> Comparison {
    match is {
        Comparison::Less => Comparison::Greater,
        Comparison::AtMost => Comparison::AtLeast,
        Comparison::Greater => Comparison::Less,
        Comparison::AtLeast => Comparison::AtMost,
        other => other,
    }
}

fn column(expression: &Expr, schema: &SchemaRef) -> Option<usize> {
    let Expr::Column(column) = expression else { return None };
    schema.index_of(&column.name).ok()
}

/// A literal of exactly the column's type.
fn scalar(column: usize, expression: &Expr, schema: &SchemaRef) -> Option<Scalar> {
    let Expr::Literal(value, _) = expression else { return None };
    let field = schema.field(column);
    Some(match (value, field.data_type()) {
        (ScalarValue::Boolean(Some(value)), DataType::Boolean) => Scalar::Bool(*value),
        (ScalarValue::Int16(Some(value)), DataType::Int16) => Scalar::Int((*value).into()),
        (ScalarValue::Int32(Some(value)), DataType::Int32) => Scalar::Int((*value).into()),
        (ScalarValue::Int64(Some(value)), DataType::Int64) => Scalar::Int(*value),
        (ScalarValue::Float32(Some(value)), DataType::Float32) => Scalar::Float((*value).into()),
        (ScalarValue::Float64(Some(value)), DataType::Float64) => Scalar::Float(*value),
        (ScalarValue::Decimal128(Some(value), _, places), DataType::Decimal128(_, same)) if places == same => {
            Scalar::Decimal(*value, *places)
        }
        (
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)),
            DataType::Utf8,
        ) if matches!(SqlType::from_field(field), Ok(SqlType::Text | SqlType::Varchar(_))) => {
            Scalar::Text(text.clone())
        }
        (ScalarValue::Date32(Some(days)), DataType::Date32) => Scalar::Date(*days),
        (ScalarValue::TimestampMicrosecond(Some(micros), zone), DataType::Timestamp(_, same)) => {
            match (zone.is_some(), same.is_some()) {
                (true, true) => Scalar::Timestamptz(*micros),
                (false, false) => Scalar::Timestamp(*micros),
                _ => return None,
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::{col, lit};
    use std::sync::Arc;

    #[test]
    fn what_a_reader_understands_is_passed_on() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8, true),
            SqlType::Jsonb.field("facts"),
        ]));
        let said = |filter: Expr| predicate(&filter, &schema);
        let id = |is, to| Predicate::Compare(0, is, Scalar::Int(to));
        assert_eq!(said(col("id").lt(lit(5i64))), Some(id(Comparison::Less, 5)));
        assert_eq!(said(lit(5i64).lt(col("id"))), Some(id(Comparison::Greater, 5)));
        assert_eq!(said(col("id").lt(lit(5i32))), None);
        assert_eq!(said(col("facts").eq(lit("{}"))), None);
        let both = col("id").eq(lit(1i64)).and(col("name").like(lit("a%")));
        assert_eq!(said(both.clone()), Some(Predicate::All(vec![id(Comparison::Equal, 1)])));
        assert_eq!(said(col("id").eq(lit(1i64)).or(col("name").like(lit("a%")))), None);
        let listed = col("name").in_list(vec![lit("a"), lit("b")], false);
        assert_eq!(said(listed), Some(Predicate::In(1, vec![Scalar::Text("a".into()), Scalar::Text("b".into())])));
    }
}
