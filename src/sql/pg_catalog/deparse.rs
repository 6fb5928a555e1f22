//! Queries and expressions as the catalogue shows them: types by their names of format_type, casts with `::`, relations without
//! a schema where their names alone mean them.

use super::super::parser::{self, fold, readable, split};
use super::super::types::sql_type;
use super::facts::Facts;
use super::identifier::quoted;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Ident, ObjectName, ObjectNamePart, TableAlias, TableFactor, VisitMut, VisitorMut,
    visit_expressions_mut,
};
use std::ops::ControlFlow;

/// A query that is kept as text, as `pg_get_viewdef` writes it.
pub fn query(facts: &Facts, text: &str) -> String {
    let text = text.trim_end_matches(';');
    match parser::query(text) {
        Ok(mut query) => {
            let _ = VisitMut::visit(&mut query, &mut Shown(Some(facts)));
            readable(&query.to_string())
        }
        Err(_) => readable(text),
    }
}

/// An expression that is kept as text; unless `pretty`, an operator has brackets around it.
pub fn expression(text: &str, pretty: bool) -> String {
    let Ok(mut expression) = parser::expression(text) else { return text.to_owned() };
    let _ = VisitMut::visit(&mut expression, &mut Shown(None));
    match !pretty && is_operator(&expression) {
        true => format!("({expression})"),
        false => expression.to_string(),
    }
}

/// The condition of a domain, whose value is written VALUE.
pub fn domain_check(text: &str, pretty: bool) -> String {
    let Ok(mut expression) = parser::expression(text) else { return text.to_owned() };
    let _ = visit_expressions_mut(&mut expression, |part| {
        if let Expr::Identifier(name) = part
            && fold(name) == "value"
        {
            *name = Ident::new("VALUE");
        }
        ControlFlow::<()>::Continue(())
    });
    self::expression(&expression.to_string(), pretty)
}

fn is_operator(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::BinaryOp { .. }
            | Expr::UnaryOp { .. }
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. }
    )
}

/// What changes on the way.
struct Shown<'a>(Option<&'a Facts>);

impl VisitorMut for Shown<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { kind, expr, data_type, format: None, array: false } = expression {
            *data_type = named(data_type);
            if *kind == CastKind::Cast {
                *kind = CastKind::DoubleColon;
                if is_operator(expr) || matches!(**expr, Expr::Value(_)) && expr.to_string().starts_with('-') {
                    let inner = std::mem::replace(&mut **expr, Expr::Identifier(Ident::new("")));
                    **expr = Expr::Nested(Box::new(inner));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let (Some(facts), TableFactor::Table { name, alias, args: None, .. }) = (self.0, factor) {
            without_schema(facts, name);
            if let Some(given) = alias {
                match is_called(name, given) {
                    true => *alias = None,
                    false => given.explicit = false,
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// A type by the name that `format_type` gives it; one of the database's own as it is written.
fn named(data_type: &DataType) -> DataType {
    match sql_type(data_type) {
        Ok(known) => plain(&known.to_string()),
        Err(_) => match data_type {
            DataType::Custom(..) => data_type.clone(),
            known => plain(&known.to_string().to_lowercase()),
        },
    }
}

fn plain(name: &str) -> DataType {
    DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new())
}

/// Takes the schema from a name that means the same without it.
fn without_schema(facts: &Facts, name: &mut ObjectName) {
    // A moment of the past stands before the name and stays.
    let of_the_past = |part: &ObjectNamePart| part.as_ident().is_some_and(|part| part.value.starts_with('\u{1}'));
    let skipped = usize::from(name.0.first().is_some_and(of_the_past));
    let written = ObjectName(name.0[skipped..].to_vec());
    let Ok((Some(schema), plain)) = split(&written) else { return };
    if facts.find(Some(&schema), &plain).is_some_and(|entry| facts.is_in_path(&entry)) {
        name.0.remove(skipped);
    }
}

/// Whether an alias says no more than the name does.
fn is_called(name: &ObjectName, alias: &TableAlias) -> bool {
    let last = name.0.last().and_then(ObjectNamePart::as_ident);
    alias.columns.is_empty() && alias.at.is_none() && last.is_some_and(|last| fold(last) == fold(&alias.name))
}

/// A column's name with IS NOT NULL.
pub fn not_null(column: &str) -> String {
    format!("{} IS NOT NULL", quoted(column))
}
