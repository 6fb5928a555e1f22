//! A statement with parameters in the place of its constants, where that means the same.
//!
//! A number may become a parameter where it is compared with a column, added to one, or put into one: there a parameter of its type does
//! what it does. So may a quoted text that is put into a column, whose type reads it; one that is compared is read as the column's
//! type when the statement is planned, and stays. Everywhere else (LIMIT, ORDER BY 2, a cast, a pattern, an argument) a constant may mean more than its value, and the statement stays as it is.

use super::text::Constant;
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Statement, UnaryOperator, Value, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Location;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Whether a statement is of a kind that can have its constants taken out.
pub fn may_be_open(statement: &Statement) -> bool {
    matches!(statement, Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_))
}

/// The statement with `$1`, `$2`, ... in the place of these constants, which are all that its text has, in order.
pub fn open(statement: &Statement, constants: &[Constant]) -> Option<Statement> {
    let mut places = Places::default();
    match statement {
        Statement::Update(update) => update.assignments.iter().for_each(|a| places.note(&a.value, true)),
        Statement::Insert(insert) => {
            let source = insert.source.as_deref()?;
            let ast::SetExpr::Values(values) = source.body.as_ref() else { return None };
            let [row] = values.rows.as_slice() else { return None };
            row.content.iter().for_each(|value| places.note(value, true));
        }
        Statement::Query(_) | Statement::Delete(_) => {}
        _ => return None,
    }
    let _ = Visit::visit(statement, &mut places);
    let mut opened = statement.clone();
    let mut filling = Filling { places: &places.0, constants, filled: 0, last: None };
    match VisitMut::visit(&mut opened, &mut filling) {
        ControlFlow::Continue(()) if filling.filled == constants.len() => Some(opened),
        _ => None,
    }
}

/// Where constants stand that may become parameters.
#[derive(Default)]
struct Places(BTreeSet<Location>);

impl Places {
    /// A number, with a sign or without, or with `texts` a text as well.
    fn note(&mut self, expression: &Expr, texts: bool) {
        match expression {
            Expr::Value(value) if texts || matches!(value.value, Value::Number(..)) => {
                self.0.insert(value.span.start);
            }
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => self.note(expr, texts),
            Expr::Nested(inner) => self.note(inner, texts),
            _ => {}
        }
    }
}

fn is_column(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_column(inner),
        other => matches!(other, Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
    }
}

impl Visitor for Places {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, Minus, Multiply, NotEq, Plus};
        match expression {
            Expr::BinaryOp { left, op: Eq | NotEq | Lt | LtEq | Gt | GtEq | Plus | Minus | Multiply, right } => {
                match (is_column(left), is_column(right)) {
                    (true, false) => self.note(right, false),
                    (false, true) => self.note(left, false),
                    _ => {}
                }
            }
            Expr::Between { expr, low, high, .. } if is_column(expr) => {
                self.note(low, false);
                self.note(high, false);
            }
            Expr::InList { expr, list, .. } if is_column(expr) => list.iter().for_each(|value| self.note(value, false)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Puts parameters in.
struct Filling<'a> {
    places: &'a BTreeSet<Location>,
    constants: &'a [Constant],
    filled: usize,
    last: Option<Location>,
}

impl Filling<'_> {
    /// Whether a literal is the next constant of the text, in a place where it may become a parameter.
    fn is_next(&self, value: &ValueWithSpan) -> bool {
        let at = value.span.start;
        let same = match (&value.value, self.constants.get(self.filled)) {
            (Value::Number(digits, false), Some(Constant::Int4(number))) => *digits == number.to_string(),
            (Value::Number(digits, false), Some(Constant::Int8(number))) => *digits == number.to_string(),
            (Value::SingleQuotedString(text), Some(Constant::Text(constant))) => text == constant,
            _ => false,
        };
        // In the order of the text, whatever the order of the tree is.
        same && self.places.contains(&at) && self.last.is_none_or(|last| last < at)
    }
}

impl VisitorMut for Filling<'_> {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        match &value.value {
            // These are written out in the shape.
            Value::Null | Value::Boolean(_) => return ControlFlow::Continue(()),
            Value::Number(digits, false) if digits.parse::<i64>().is_err() => return ControlFlow::Continue(()),
            _ if self.is_next(value) => {}
            _ => return ControlFlow::Break(()),
        }
        self.last = Some(value.span.start);
        self.filled += 1;
        value.value = Value::Placeholder(format!("${}", self.filled));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::cut;
    use super::*;
    use crate::sql::parser::{Body, parse};

    fn opened(sql: &str) -> Option<String> {
        let statement = parse(sql).unwrap().remove(0);
        let Body::Sql(parsed) = &statement.body else { return None };
        open(parsed, &cut(&statement.text)?.constants).map(|opened| opened.to_string())
    }

    #[test]
    fn constants_beside_columns_become_parameters() {
        let cases = [
            ("SELECT a FROM t WHERE id = 5 AND b <> 7", "SELECT a FROM t WHERE id = $1 AND b <> $2"),
            (
                "SELECT * FROM t WHERE 5 < id OR t.b BETWEEN 1 AND 2",
                "SELECT * FROM t WHERE $1 < id OR t.b BETWEEN $2 AND $3",
            ),
            ("SELECT a FROM t WHERE id IN (1, -2) AND p > 1.5", "SELECT a FROM t WHERE id IN ($1, -$2) AND p > 1.5"),
            ("UPDATE t SET a = a + -7, b = 'y' WHERE id = 3", "UPDATE t SET a = a + -$1, b = $2 WHERE id = $3"),
            ("DELETE FROM t WHERE id = 3", "DELETE FROM t WHERE id = $1"),
            ("INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES ($1, $2)"),
        ];
        for (sql, expected) in cases {
            assert_eq!(opened(sql).as_deref(), Some(expected), "{sql}");
        }
    }

    #[test]
    fn constants_that_mean_more_keep_a_statement_as_it_is() {
        for sql in [
            "SELECT a FROM t WHERE id = 5 LIMIT 1",
            "SELECT a FROM t WHERE id = 5 ORDER BY 1",
            "SELECT 1 FROM t",
            "SELECT a FROM t WHERE b = 'x'",
            "SELECT a FROM t WHERE b LIKE 'x%'",
            "SELECT a FROM t WHERE d = date '2020-01-01'",
            "SELECT a FROM t WHERE d > now() - interval '1 day'",
            "SELECT a FROM t WHERE id = 5::int8",
            "SELECT a::numeric(5, 2) FROM t WHERE id = 5",
            "SELECT f(5) FROM t",
            "INSERT INTO t VALUES (1), (2)",
            "INSERT INTO t SELECT 1",
            "SELECT j ->> 'k' FROM t WHERE id = 1",
        ] {
            assert_eq!(opened(sql), None, "{sql}");
        }
    }
}
