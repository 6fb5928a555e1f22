//! Queries and expressions as the catalogue shows them: types by their names of format_type, casts with `::`, relations, functions
//! and types without a schema where their names alone mean them.

use super::super::parser::{self, fold, readable, split};
use super::super::rewrite::inline;
use super::super::types::{find_domain, find_enum, sql_type};
use super::facts::Facts;
use super::identifier::quoted;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, DataType, Expr, Ident, ObjectName, ObjectNamePart, TableAlias, TableFactor, VisitMut,
    VisitorMut, visit_expressions_mut,
};
use std::ops::ControlFlow;

/// A query that is kept as text, as `pg_get_viewdef` writes it.
pub fn query(facts: &Facts, text: &str) -> String {
    let text = text.trim_end_matches(';');
    match parser::query(text) {
        Ok(mut query) => {
            let _ = VisitMut::visit(&mut query, &mut Shown(facts));
            readable(&query.to_string())
        }
        Err(_) => readable(text),
    }
}

/// An expression that is kept as text; unless `pretty`, an operator has brackets around it.
pub fn expression(facts: &Facts, text: &str, pretty: bool) -> String {
    let Ok(mut expression) = parser::expression(text) else { return text.to_owned() };
    let _ = VisitMut::visit(&mut expression, &mut Shown(facts));
    match !pretty && is_operator(&expression) {
        true => format!("({expression})"),
        false => expression.to_string(),
    }
}

/// An expression that is kept as text, with names as they are shown and otherwise as it was written.
pub fn named_short(facts: &Facts, text: &str) -> String {
    let Ok(written) = parser::expression(text) else { return text.to_owned() };
    let mut expression = written.clone();
    let _ = VisitMut::visit(&mut expression, &mut Short(facts));
    if expression == written { text.to_owned() } else { expression.to_string() }
}

/// The condition of a domain, whose value is written VALUE.
pub fn domain_check(facts: &Facts, text: &str, pretty: bool) -> String {
    let Ok(mut expression) = parser::expression(text) else { return text.to_owned() };
    let _ = visit_expressions_mut(&mut expression, |part| {
        if let Expr::Identifier(name) = part
            && fold(name) == "value"
        {
            *name = Ident::new("VALUE");
        }
        ControlFlow::<()>::Continue(())
    });
    self::expression(facts, &expression.to_string(), pretty)
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
struct Shown<'a>(&'a Facts);

impl VisitorMut for Shown<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        shorten(self.0, expression);
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
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            short_function(self.0, name);
        } else if let TableFactor::Table { name, alias, args: None, .. } = factor {
            without_schema(self.0, name);
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

/// Names alone, and nothing else.
struct Short<'a>(&'a Facts);

impl VisitorMut for Short<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        shorten(self.0, expression);
        ControlFlow::Continue(())
    }
}

/// Takes the schema from the names of functions and types that mean the same without it.
fn shorten(facts: &Facts, expression: &mut Expr) {
    match expression {
        Expr::Function(call) => short_function(facts, &mut call.name),
        Expr::Cast { data_type, .. } => short_type(facts, data_type),
        Expr::TypedString(typed) => short_type(facts, &mut typed.data_type),
        _ => {}
    }
}

fn short_function(facts: &Facts, name: &mut ObjectName) {
    let Some(plain) = without_first(name) else { return };
    let meant = inline::find(&facts.context, name);
    if meant.is_some() && meant == inline::find(&facts.context, &plain) {
        *name = plain;
    }
}

fn short_type(facts: &Facts, data_type: &mut DataType) {
    match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => short_type(facts, item),
        DataType::Custom(name, _) => {
            let Some(plain) = without_first(name) else { return };
            let id = |name: &ObjectName| {
                let (schema, name) = split(name).ok()?;
                let domain = find_domain(&facts.context, schema.as_deref(), &name).map(|(id, _)| id);
                domain.or_else(|| find_enum(&facts.context, schema.as_deref(), &name).map(|(id, _)| id))
            };
            let meant = id(name);
            if meant.is_some() && meant == id(&plain) {
                *name = plain;
            }
        }
        _ => {}
    }
}

/// The second part of a name of two.
fn without_first(name: &ObjectName) -> Option<ObjectName> {
    match name.0.as_slice() {
        [_, plain] => Some(ObjectName(vec![plain.clone()])),
        _ => None,
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
