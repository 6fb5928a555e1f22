//! Models within lineage: which one a call asks, and what that learnt from.

use super::super::context::Context;
use super::super::functions;
use crate::catalog::{Class, FlowKind, Object, ObjectId, Origin, Place, Privilege};
use crate::txn::{Lineage, TagPlace};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use std::collections::BTreeSet;

/// The models that a call of a function may ask, by name; nothing stands for one that is known with the rows only.
pub(super) fn asked(function: &str, args: &[Expr]) -> Vec<Option<String>> {
    match functions::asks_model(function) {
        None => Vec::new(),
        Some(functions::Asks::Named) => args.first().map(text).into_iter().collect(),
        Some(functions::Asks::At(place)) => args.get(place).map(text).into_iter().collect(),
        // Of a row or of a user and an item: in two arguments the second may be either the model or the item.
        Some(functions::Asks::Click(default)) => {
            let default = (args.len() < 4).then(|| Some(default.to_owned()));
            let said = if args.len() == 4 { args.get(3) } else { args.get(1).filter(|_| args.len() == 2) };
            said.map(text).into_iter().chain(default).collect()
        }
        Some(functions::Asks::Option) => {
            let of = |arg: &Expr| match text(arg) {
                Some(said) => option(&said).map(Some),
                // Labels are no options.
                None => (!is_list(arg)).then_some(None),
            };
            args.iter().skip(1).filter_map(of).collect()
        }
    }
}

/// A constant text.
fn text(arg: &Expr) -> Option<String> {
    match arg {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text), _) => {
            Some(text.clone().unwrap_or_default())
        }
        Expr::Literal(ScalarValue::Null, _) => Some(String::new()),
        Expr::Cast(cast) => text(&cast.expr),
        Expr::Alias(alias) => text(&alias.expr),
        _ => None,
    }
}

fn option(options: &str) -> Option<String> {
    let options: serde_json::Value = serde_json::from_str(options).ok()?;
    options.get("model")?.as_str().map(str::to_owned)
}

/// Whether this is an array, and not a text.
fn is_list(arg: &Expr) -> bool {
    match arg {
        Expr::Literal(value, _) => value.data_type().is_nested(),
        Expr::Cast(cast) => is_list(&cast.expr),
        Expr::Alias(alias) => is_list(&alias.expr),
        Expr::ScalarFunction(call) => matches!(call.func.name(), "make_array" | functions::ARRAY),
        _ => false,
    }
}

/// The models of a name, which may say a version; all that the role may use where none is known.
pub(super) fn named(context: &Context, reference: Option<&str>) -> Vec<ObjectId> {
    let catalog = &context.snapshot.catalog;
    match reference {
        Some(reference) => {
            let name = reference.split_once('@').map_or(reference, |(name, _)| name);
            catalog.model(name).or_else(|| catalog.model(&name.to_lowercase())).map(|(id, _)| id).into_iter().collect()
        }
        None => {
            let usable = |(id, object): (ObjectId, &Object)| match object {
                Object::Model(model) => {
                    let may = context.has_role(model.owner) || context.has_grant(&model.grants, Privilege::Usage);
                    may.then_some(id)
                }
                _ => None,
            };
            catalog.class(Class::Model).filter_map(usable).collect()
        }
    }
}

/// The columns that a model learnt from, with the relations that they are of, and models whose answers it learnt from.
pub(super) fn learnt_from(lineage: &Lineage, model: ObjectId) -> Vec<TagPlace> {
    let flows = lineage.flows_into(model).filter(|flow| flow.kind == FlowKind::Train);
    let edges = flows.flat_map(|flow| &flow.edges).filter(|edge| edge.influence.is_direct());
    let of = |edge: &crate::catalog::Edge| match &edge.from {
        Place::Object(from) => Some((*from, edge.from_column.clone())),
        _ => None,
    };
    edges.filter_map(of).collect()
}

/// The columns of tables that models of this name learnt from, over models whose answers they learnt from.
pub(super) fn learnt_columns(context: &Context, reference: Option<&str>) -> Vec<Origin> {
    let (catalog, lineage) = (&context.snapshot.catalog, &context.snapshot.lineage);
    let mut left = named(context, reference);
    let mut seen: BTreeSet<ObjectId> = left.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(model) = left.pop() {
        for (from, column) in learnt_from(lineage, model) {
            match (catalog.table_by_id(from), column) {
                (Some(table), Some(column)) if table.column_index(&column).is_some() => {
                    found.push(Origin { table: from, column });
                }
                (None, None) if seen.insert(from) => left.push(from),
                _ => {}
            }
        }
    }
    found
}
