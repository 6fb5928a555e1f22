//! steward.repairs: the cells that were repaired.

use super::super::context::Context;
use super::super::repair::stored;
use super::super::run::blocking;
use super::super::tables;
use super::rows::{Cell, column, timestamp};
use crate::catalog::{RepairsOf, SqlType, Table};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

pub fn repair_columns() -> Vec<Field> {
    let text = |name: &str| column(name, DataType::Utf8);
    vec![
        SqlType::Uuid.field("batch_id"),
        SqlType::Uuid.field("repair_id"),
        text("relation"),
        text("row_key"),
        text("column_name"),
        text("old_value"),
        text("new_value"),
        text("method"),
        column("confidence", DataType::Float64),
        text("rule"),
        column("repaired_at", timestamp()),
        text("actor"),
        column("undone", DataType::Boolean),
        column("undone_at", timestamp()),
        text("undone_by"),
    ]
}

/// Repairs in the columns that the role sees as they are. Which rows a row policy would let it see of those that were repaired nothing
/// decides once their values are others: where there is one for the role, it is shown none.
pub fn repairs(context: &Context) -> Result<Vec<Vec<Cell>>> {
    // In a view as well they are shown to who looks, by what he may see himself.
    let context = &Context { role: context.viewer, ..context.clone() };
    let catalog = &context.snapshot.catalog;
    let mut rows = Vec::new();
    for (id, _, numbers) in catalog.all_repairs() {
        let Some(table) = catalog.table_by_id(numbers.table) else { continue };
        let Some(seen) = seen(context, numbers, table) else { continue };
        let relation = format!("{}.{}", table.schema, table.name);
        for (stored, undone) in blocking(|| stored::read(context, id, None))? {
            let Some(name) = numbers.column(stored.column).filter(|_| seen.get(stored.column) == Some(&true)) else {
                continue;
            };
            let keyed = stored.key_columns.iter().all(|number| seen.get(*number) == Some(&true));
            rows.push(vec![
                Cell::text(stored.batch),
                Cell::text(stored.id),
                Cell::text(&relation),
                Cell::Text(stored.row_key.filter(|_| keyed)),
                Cell::text(name),
                Cell::Text(stored.old),
                Cell::Text(stored.new),
                Cell::text(stored.method),
                Cell::Float(stored.confidence),
                Cell::Text(stored.rule),
                Cell::Int(Some(stored.at_us)),
                Cell::text(stored.actor),
                Cell::Bool(Some(undone.is_some())),
                Cell::Int(undone.as_ref().map(|(at_us, _)| *at_us)),
                Cell::Text(undone.map(|(_, actor)| actor)),
            ]);
        }
    }
    Ok(rows)
}

/// For each number of a column whether the role sees it as it is; nothing where it sees none, or some rows only.
fn seen(context: &Context, numbers: &RepairsOf, table: &Table) -> Option<Vec<bool>> {
    context.must_reach(&table.schema).ok()?;
    let access = tables::access(context, numbers.table, table).ok()?;
    if access.filter.is_some() || !access.may_read_some() {
        return None;
    }
    let plain = |name: &String| {
        table.column_index(name).is_some_and(|at| {
            access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none)
        })
    };
    Some(numbers.columns.iter().map(|name| name.as_ref().is_some_and(plain)).collect())
}
