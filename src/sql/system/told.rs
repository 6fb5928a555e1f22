//! Which values the views of schema `steward` show, for lineage: those of all relations that were looked at, measured or repaired.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::assets::VALUES;
use crate::catalog::{Class, Influence, Object, ObjectId, relation_key};
use std::sync::Arc;

/// What says where the values of a view come from; none if it shows none.
pub fn reads(view: &str) -> Option<fn(&Arc<Context>) -> Reads> {
    Some(match view {
        "columns" => columns,
        "quality_results" => measured,
        "repairs" => repairs,
        _ => return None,
    })
}

/// Extremes, means and frequent values of each relation that an inventory has looked at.
fn columns(context: &Arc<Context>) -> Reads {
    all(context, VALUES, |context, _, asset| context.snapshot.catalog.finding(asset).is_some())
}

/// What was measured of each relation.
fn measured(context: &Arc<Context>) -> Reads {
    all(context, &["value"], |context, id, asset| {
        let catalog = &context.snapshot.catalog;
        catalog.finding(asset).is_some() || catalog.runs_of(id).next().is_some()
    })
}

/// These columns have values of all columns of the relations that are meant. What the role cannot open it is shown nothing of.
fn all(context: &Arc<Context>, columns: &[&str], is_meant: fn(&Context, ObjectId, &str) -> bool) -> Reads {
    let state = context.database.state();
    let mut reads = Reads::default();
    for (id, object) in context.snapshot.catalog.class(Class::Relation) {
        let (schema, name) = match object {
            Object::Table(table) => (&table.schema, &table.name),
            Object::View(view) => (&view.schema, &view.name),
            _ => continue,
        };
        if !is_meant(context, id, &relation_key(schema, name).replace('\0', ".")) {
            continue;
        }
        let Ok(more) = reads.clone().relation(context, &state, schema, name) else { continue };
        let input = more.inputs() - 1;
        let read = more.columns_of(input);
        reads = columns.iter().fold(more, |reads, to| reads.column(to, input, &read, Influence::Aggregation));
    }
    reads
}

/// Values before and after repairs.
fn repairs(context: &Arc<Context>) -> Reads {
    let catalog = &context.snapshot.catalog;
    let state = context.database.state();
    let mut reads = Reads::default();
    for (_, _, numbers) in catalog.all_repairs() {
        let Some(table) = catalog.table_by_id(numbers.table) else { continue };
        let Ok(more) = reads.clone().relation(context, &state, &table.schema, &table.name) else { continue };
        let input = more.inputs() - 1;
        let named: Vec<String> = numbers.columns.iter().flatten().cloned().collect();
        reads = more
            .column("row_key", input, &named, Influence::Transformation)
            .column("old_value", input, &named, Influence::Identity)
            .column("new_value", input, &named, Influence::Identity);
    }
    reads
}
