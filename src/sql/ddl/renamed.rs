//! Functions, types and sequences under other names, in every text that names them.
//!
//! Relations are followed by `view_names`; what is here has its schema in the text since the text was kept (`in_full`).

use super::super::parser;
use super::Ddl;
use super::in_full::{Naming, rename};
use crate::catalog::{Class, IndexPart, Object};
use crate::error::Result;
use datafusion::sql::sqlparser::ast::VisitMut;

/// The naming by which one object of a class has another name.
pub(super) fn one<'a>(
    class: Class,
    from: (&'a str, &'a str),
    to: (&'a str, &'a str),
) -> impl Fn(Class, &str, &str) -> Option<(String, String)> + 'a {
    move |of, schema, name| (of == class && (schema, name) == from).then(|| (to.0.to_owned(), to.1.to_owned()))
}

/// Puts new names into every text of the catalogue.
pub(super) fn in_texts(ddl: &mut Ddl<'_>, naming: Naming<'_>) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, object) in catalog.objects() {
        let mut changed = object.as_ref().clone();
        let mut any = false;
        each_text(&mut changed, &mut |text, is_query| {
            let new = match is_query {
                true => parser::query(text).ok().and_then(|query| with_names(query, naming)),
                false => parser::expression(text).ok().and_then(|expression| with_names(expression, naming)),
            };
            if let Some(new) = new {
                *text = new;
                any = true;
            }
        });
        if any {
            ddl.txn.put_object(id, changed)?;
        }
    }
    Ok(())
}

/// The text of a node with new names, if it has any of them.
fn with_names<N: VisitMut + ToString + PartialEq + Clone>(node: N, naming: Naming<'_>) -> Option<String> {
    let mut changed = node.clone();
    rename(&mut changed, naming);
    (changed != node).then(|| changed.to_string())
}

/// Gives each text of an object, and says whether it is a query or an expression.
fn each_text(object: &mut Object, tell: &mut dyn FnMut(&mut String, bool)) {
    match object {
        Object::Table(table) => {
            for column in &mut table.columns {
                column.default.iter_mut().chain(&mut column.generated).for_each(|text| tell(text, false));
            }
            table.checks.iter_mut().for_each(|check| tell(&mut check.expression, false));
            table.materialized.iter_mut().for_each(|of| tell(&mut of.query, true));
        }
        Object::View(view) => {
            tell(&mut view.query, true);
            view.defaults.values_mut().for_each(|text| tell(text, false));
        }
        Object::Function(function) => {
            tell(&mut function.query, true);
            function.arguments.iter_mut().filter_map(|a| a.default.as_mut()).for_each(|text| tell(text, false));
        }
        Object::Domain(domain) => {
            domain.default.iter_mut().for_each(|text| tell(text, false));
            domain.checks.iter_mut().for_each(|check| tell(&mut check.expression, false));
        }
        Object::QualityRule(rule) => rule.texts_mut().into_iter().for_each(|text| tell(text, false)),
        Object::MaskingPolicy(policy) => tell(&mut policy.body, false),
        Object::RowPolicy(policy) => policy.conditions_mut().for_each(|text| tell(text, false)),
        Object::PlainIndex(index) => {
            for (part, _) in &mut index.parts {
                if let IndexPart::Expression(text) = part {
                    tell(text, false);
                }
            }
            index.predicate.iter_mut().for_each(|text| tell(text, false));
        }
        Object::Schema(_)
        | Object::Index(_)
        | Object::Role(_)
        | Object::Tag(_)
        | Object::Model(_)
        | Object::Source(_)
        | Object::Finding(_)
        | Object::ColumnClass(_)
        | Object::Sequence(_)
        | Object::Comment(_)
        | Object::Enum(_)
        | Object::Classifier(_)
        | Object::Erasure(_)
        | Object::Job(_)
        | Object::Grading(_)
        | Object::InventoryRun(_)
        | Object::AssetState(_)
        | Object::QualityRun(_) => {}
    }
}
