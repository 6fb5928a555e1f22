//! Rows of relations as values: a relation's name given to `coalesce` or `concat`, or as the result of a CASE, or compared with another row.
//!
//! `t = u` takes a NULL in both rows for alike, as comparisons of PostgreSQL's composite types do, where `(t.a, t.b) = (u.a, u.b)` does not.

use super::super::parser::{fold, last};
use super::super::planner::parse_expression;
use super::{Relation, Scope, filled, rows, whole};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
};

/// The parts of an expression that may be names of relations as values.
pub(super) fn parts(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::StringConcat,
            right,
        }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => vec![left.as_ref(), right.as_ref()],
        Expr::Function(function) => match given(function) {
            Some((_, list)) => list.iter().filter_map(value).collect(),
            None => Vec::new(),
        },
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter().map(|when| &when.result).chain(else_result.as_deref()).collect()
        }
        _ => Vec::new(),
    }
}

/// The arguments of a function that takes rows as values, and whether it makes texts of them.
fn given(function: &Function) -> Option<(bool, &[FunctionArg])> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let as_texts = match last(&function.name).as_str() {
        "coalesce" => false,
        "concat" | "concat_ws" => true,
        _ => return None,
    };
    Some((as_texts, &list.args))
}

fn value(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    }
}

/// The name that an expression is.
pub(super) fn said(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Nested(inner) => said(inner),
        Expr::Identifier(name) => Some(name),
        Expr::QualifiedWildcard(name, _) => name.0.last()?.as_ident(),
        _ => None,
    }
}

/// The relations of a query, and those of the queries around it, of which a column goes before a relation of its name.
pub(super) struct Composites<'s> {
    pub(super) scope: &'s [Option<Relation>],
    pub(super) around: &'s [Scope],
}

impl Composites<'_> {
    /// Writes out the rows that an expression's parts are.
    pub(super) fn write_out(&self, expression: &mut Expr) {
        match expression {
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
                self.put(left, true);
                self.put(right, true);
            }
            Expr::BinaryOp { .. } | Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => {
                if let Some(compared) = self.compared(expression) {
                    *expression = compared;
                }
            }
            Expr::Function(function) => {
                let Some((as_texts, _)) = given(function) else { return };
                let FunctionArguments::List(list) = &mut function.args else { return };
                for argument in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument {
                        self.put(value, as_texts);
                    }
                }
            }
            Expr::Case { conditions, else_result, .. } => {
                conditions.iter_mut().for_each(|when| self.put(&mut when.result, false));
                else_result.iter_mut().for_each(|result| self.put(result, false));
            }
            _ => {}
        }
    }

    /// The relation that an expression names.
    fn relation(&self, expression: &Expr) -> Option<&Relation> {
        let wanted = fold(said(expression)?);
        let relation = whole::whole(&wanted, self.scope)?;
        (!self.around.iter().any(|scope| whole::has_column(scope, &wanted))).then_some(relation)
    }

    /// The row in place of the name.
    fn put(&self, expression: &mut Expr, as_text: bool) {
        let Some(row) = self.relation(expression).and_then(whole::row) else { return };
        match as_text {
            true => {
                if let Ok(text) = parse_expression(&format!("({row})::text")) {
                    *expression = text;
                }
            }
            false => *expression = row,
        }
    }

    /// A comparison of rows as one of their columns.
    fn compared(&self, expression: &Expr) -> Option<Expr> {
        let (left, right) = match expression {
            Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right }
            | Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right) => (left, right),
            _ => return None,
        };
        let relations = [self.relation(left), self.relation(right)];
        if relations.iter().all(Option::is_none) {
            return None;
        }
        let (mine, theirs) = (columns(left, relations[0])?, columns(right, relations[1])?);
        if mine.len() != theirs.len() || mine.is_empty() {
            return None;
        }
        let each = mine.iter().zip(&theirs).map(|(a, b)| format!("({a} IS NOT DISTINCT FROM {b})"));
        let alike = format!("({})", each.collect::<Vec<_>>().join(" AND "));
        // What tells whether a row was met, where an outer join may fill it.
        let marks = relations.map(|relation| relation.and_then(filled::met).map(|mark| mark.to_string()));
        let [left, right] = marks.clone().map(|mark| mark.unwrap_or_else(|| "true".to_owned()));
        let where_met = |told: String| match marks.iter().any(Option::is_some) {
            true => format!("((CASE WHEN {left} AND {right} THEN {told} END) = true)"),
            false => told,
        };
        let text = match expression {
            Expr::IsNotDistinctFrom(..) => format!("(({left} IS NOT DISTINCT FROM {right}) AND {alike})"),
            Expr::IsDistinctFrom(..) => format!("(NOT (({left} IS NOT DISTINCT FROM {right}) AND {alike}))"),
            Expr::BinaryOp { op: BinaryOperator::NotEq, .. } => where_met(format!("(NOT {alike})")),
            _ => where_met(alike),
        };
        parse_expression(&text).ok()
    }
}

/// The columns of a row, which a relation's name or a constructor is.
fn columns(expression: &Expr, relation: Option<&Relation>) -> Option<Vec<String>> {
    match relation {
        Some(relation) => whole::columns(relation).map(Iterator::collect),
        None => rows::row(expression).map(|columns| columns.iter().map(|column| format!("({column})")).collect()),
    }
}
