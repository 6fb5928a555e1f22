//! Which columns are sensitive, so that reading them is logged.

use super::super::context::Context;
use crate::catalog::{Object, ObjectId, Table};
use crate::governance::Sensitivity;

/// For each column of a table whether it is sensitive: it is in a class, a policy masks it or a tag that it has, or the inventory has
/// found that its values are.
pub fn sensitive(context: &Context, table: &Table) -> Vec<bool> {
    let catalog = &context.snapshot.catalog;
    let masks =
        |tag: &ObjectId| matches!(catalog.get(*tag).map(AsRef::as_ref), Some(Object::Tag(tag)) if tag.mask.is_some());
    let of_table = table.tags.iter().any(|used| masks(&used.tag));
    let finding = catalog.finding(&format!("{}.{}", table.schema, table.name));
    let found = |name: &str| {
        let facts = finding.iter().flat_map(|(_, finding)| &finding.columns);
        let text = |facts: &serde_json::Value, key: &str| facts.get(key).and_then(|v| v.as_str()).map(str::to_owned);
        let mut own = facts.filter(|facts| text(facts, "column_name").as_deref() == Some(name));
        own.any(|facts| text(facts, "sensitivity").is_some_and(|found| found != Sensitivity::None.name()))
    };
    let of = |column: &crate::catalog::Column| {
        let tagged = column.tags.iter().any(|used| masks(&used.tag));
        of_table || tagged || column.class.is_some() || column.mask.is_some() || found(&column.name)
    };
    table.columns.iter().map(of).collect()
}
