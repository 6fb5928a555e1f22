//! Filters of a query as conditions that the store can rule pages out by.
//!
//! What cannot be told from bounds and filters is left away: the engine's own filter stays above the leaf and asks
//! every row. Only columns that the role sees as they are stored count; of a masked one not even the bounds may tell.

use crate::txn::{Comparison, Condition};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

/// Values of a list beyond which it is not looked through.
const LIST_MAX: usize = 256;

/// Reads filters over the columns of a table.
pub struct Conditions<'a> {
    /// The table's columns, as stored.
    pub schema: &'a SchemaRef,
    /// For each whether a condition may name it.
    pub open: &'a [bool],
}

impl Conditions<'_> {
    /// What must be true where the filter is; none if nothing can be said.
    pub fn of(&self, filter: &Expr) -> Option<Condition> {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                let parts: Vec<_> = [self.of(left), self.of(right)].into_iter().flatten().collect();
                (!parts.is_empty()).then_some(Condition::All(parts))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(Condition::Any(vec![self.of(left)?, self.of(right)?]))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let comparison = comparison(*op)?;
                match (self.column(left), self.column(right)) {
                    (Some(column), None) => self.compare(column, comparison, right),
                    (None, Some(column)) => self.compare(column, turned(comparison), left),
                    _ => None,
                }
            }
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let column = self.column(expr)?;
                let low = self.compare(column, Comparison::GreaterOrEqual, low)?;
                Some(Condition::All(vec![low, self.compare(column, Comparison::LessOrEqual, high)?]))
            }
            Expr::InList(list) if !list.negated && list.list.len() <= LIST_MAX => {
                let column = self.column(&list.expr)?;
                let values = list.list.iter().map(|value| self.value(column, value)).collect::<Option<Vec<_>>>()?;
                let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
                Some(Condition::OneOf(column, concat(&values).ok()?))
            }
            Expr::IsNull(expr) => Some(Condition::Null(self.column(expr)?)),
            Expr::IsNotNull(expr) => Some(Condition::NotNull(self.column(expr)?)),
            Expr::Like(like) if !like.negated && !like.case_insensitive && like.escape_char.is_none() => {
                let column = self.column(&like.expr)?;
                let pattern = self.value(column, &like.pattern)?;
                starts(column, pattern.as_string_opt::<i32>()?.value(0))
            }
            _ => None,
        }
    }

    fn column(&self, expression: &Expr) -> Option<usize> {
        let Expr::Column(column) = expression else { return None };
        let at = self.schema.index_of(&column.name).ok()?;
        (self.open.get(at) == Some(&true)).then_some(at)
    }

    /// A literal of exactly the column's type.
    fn value(&self, column: usize, expression: &Expr) -> Option<ArrayRef> {
        let Expr::Literal(value, _) = expression else { return None };
        let value = match (value, self.schema.field(column).data_type()) {
            (ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text), DataType::Utf8) => {
                ScalarValue::Utf8(text.clone())
            }
            _ => value.clone(),
        };
        let fits = !value.is_null() && value.data_type() == *self.schema.field(column).data_type();
        value.to_array().ok().filter(|_| fits)
    }

    fn compare(&self, column: usize, comparison: Comparison, value: &Expr) -> Option<Condition> {
        Some(Condition::Compare(column, comparison, self.value(column, value)?))
    }
}

/// The comparison that an operator makes.
pub fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Eq => Comparison::Equal,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// The same comparison with its sides changed.
pub fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}

/// What a text is that begins as the pattern does: not less than that, and less than the next text of its length.
fn starts(column: usize, pattern: &str) -> Option<Condition> {
    let end = pattern.find(['%', '_', '\\']).unwrap_or(pattern.len());
    let prefix = &pattern[..end];
    let last = prefix.chars().next_back()?;
    let text = |text: String| ScalarValue::Utf8(Some(text)).to_array().ok();
    let least = Condition::Compare(column, Comparison::GreaterOrEqual, text(prefix.to_owned())?);
    let next = char::from_u32(u32::from(last) + 1)?;
    let next = format!("{}{next}", &prefix[..prefix.len() - last.len_utf8()]);
    Some(Condition::All(vec![least, Condition::Compare(column, Comparison::Less, text(next)?)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::{col, lit};
    use std::sync::Arc;

    fn of(filter: &Expr, open: [bool; 2]) -> Option<String> {
        let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)];
        let schema = Arc::new(Schema::new(fields));
        let condition = Conditions { schema: &schema, open: &open }.of(filter)?;
        Some(format!("{condition:?}").split_whitespace().collect())
    }

    #[test]
    fn only_what_is_sure_and_open_becomes_a_condition() {
        let both = [true, true];
        assert!(of(&col("a").eq(lit(5i32)), both).is_some_and(|c| c.starts_with("Compare(0,Equal,")));
        assert!(of(&lit(5i32).lt(col("a")), both).is_some_and(|c| c.starts_with("Compare(0,Greater,")));
        assert_eq!(of(&col("a").eq(lit(5i64)), both), None, "of another type");
        assert_eq!(of(&col("a").eq(lit(5i32)), [false, true]), None, "not open");
        assert_eq!(of(&col("a").eq(col("a")), both), None);
        let either = col("a").eq(lit(5i32)).or(col("b").eq(lit("x")));
        assert!(of(&either, both).is_some());
        assert_eq!(of(&either, [true, false]), None, "a branch that cannot be told leaves all possible");
        let all = col("a").eq(lit(5i32)).and(col("b").eq(lit("x")));
        assert!(of(&all, [true, false]).is_some_and(|c| c.starts_with("All([Compare(0,") && !c.contains("Compare(1,")));
        let like = of(&col("b").like(lit("商品%")), both);
        assert!(like.is_some_and(|c| c.contains("\"商品\"") && c.contains("\"商哂\"")));
        assert_eq!(of(&col("b").like(lit("%x")), both), None);
        assert_eq!(of(&col("b").not_like(lit("x%")), both), None);
        assert!(of(&col("a").in_list(vec![lit(1i32), lit(2i32)], false), both).is_some());
        assert_eq!(of(&col("a").in_list(vec![lit(1i32), col("a")], false), both), None);
        assert_eq!(of(&col("a").in_list(vec![lit(1i32)], true), both), None);
    }
}
