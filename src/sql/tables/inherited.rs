//! What protects a materialized view: besides what is said of it, all that is said now of the columns its values come from.
//!
//! A tag or a mask of such a column counts as one of the view's own column where the mask takes values of its type. Where it
//! does not (the length of a masked text), where two masks meet, or where the column is gone that values came from, the
//! values are hidden altogether. The last holds for any table to which a tag came with values.

use crate::catalog::{Catalog, Column, Object, ObjectId, SqlType, Table, TagSource, TagUse};
use std::collections::BTreeSet;

/// The table with the protection that it inherits, if it does, and the columns that are hidden altogether.
pub fn protection(catalog: &Catalog, table: &Table) -> (Option<Table>, Vec<String>) {
    protection_within(catalog, table, DEPTH_MAX)
}

/// Materialized views of materialized views that are looked into.
const DEPTH_MAX: usize = 32;

fn protection_within(catalog: &Catalog, table: &Table, depth: usize) -> (Option<Table>, Vec<String>) {
    if let Some(of) = table.quarantine_of {
        return of_quarantine(catalog, table, of);
    }
    let Some(of) = &table.materialized else { return (None, unfit(catalog, table)) };
    let mut protected = table.clone();
    let mut hidden = Vec::new();
    for (at, column) in protected.columns.iter_mut().enumerate() {
        let Some(origins) = of.origins.get(at).filter(|_| depth > 0) else {
            hidden.push(column.name.clone());
            continue;
        };
        let mut found = Found::default();
        for origin in origins {
            let base = catalog.table_by_id(origin.table);
            match base.and_then(|base| Some((base, base.column_index(&origin.column)?))) {
                Some((base, at)) => found.of_column(catalog, base, at, depth),
                None => found.lost = true,
            }
        }
        if found.protect(catalog, column) {
            hidden.push(column.name.clone());
        }
    }
    (Some(protected), hidden)
}

/// A quarantine as what holds for its table protects it: rights, tags, masks, whether row policies are on. What the table has no column
/// for any more is hidden.
fn of_quarantine(catalog: &Catalog, quarantine: &Table, of: ObjectId) -> (Option<Table>, Vec<String>) {
    let mut protected = quarantine.clone();
    let Some(table) = catalog.table_by_id(of) else {
        return (None, quarantine.columns.iter().map(|column| column.name.clone()).collect());
    };
    protected.owner = table.owner;
    protected.grants.extend(table.grants.iter().cloned().map(|mut grant| {
        // Why and when a row was put aside is for all who may read anything of it.
        if let Some(columns) = &mut grant.columns {
            columns.extend(quarantine.columns.iter().take(OWN_COLUMNS).map(|column| column.name.clone()));
        }
        grant
    }));
    protected.tags.extend(table.tags.iter().cloned());
    protected.row_security |= table.row_security;
    protected.force_row_security |= table.force_row_security;
    let mut hidden = Vec::new();
    for column in protected.columns.iter_mut().skip(OWN_COLUMNS) {
        match table.column_index(&column.name).map(|at| &table.columns[at]) {
            Some(of) => {
                column.tags.extend(of.tags.iter().cloned());
                column.mask = of.mask.or(column.mask);
            }
            None => hidden.push(column.name.clone()),
        }
    }
    hidden.extend(unfit(catalog, &protected));
    (Some(protected), hidden)
}

/// Columns to which a tag came with their values whose mask is for another type: of what is masked nothing is seen there.
fn unfit(catalog: &Catalog, table: &Table) -> Vec<String> {
    let is_unfit = |column: &&Column| {
        let came = column.tags.iter().filter(|used| used.source == TagSource::Propagated);
        column.mask.is_none()
            && came.filter_map(|used| mask_of(catalog, used)).any(|mask| !takes(catalog, mask, column))
    };
    table.columns.iter().filter(is_unfit).map(|column| column.name.clone()).collect()
}

/// Columns of a quarantine before those of its table: the rule, the time, the role.
const OWN_COLUMNS: usize = 3;

/// What is said of the columns that one comes from.
#[derive(Default)]
struct Found {
    tags: Vec<TagUse>,
    masks: BTreeSet<ObjectId>,
    /// Something is not to be seen at all.
    lost: bool,
}

impl Found {
    fn of_column(&mut self, catalog: &Catalog, base: &Table, at: usize, depth: usize) {
        let (inherited, hidden) = protection_within(catalog, base, depth - 1);
        let base = inherited.as_ref().unwrap_or(base);
        let column = &base.columns[at];
        self.lost |= hidden.contains(&column.name);
        // A tag of the whole table masks the columns that its policy is for.
        let of_table = base.tags.iter().filter(|used| mask_of(catalog, used).is_none_or(|m| takes(catalog, m, column)));
        let tags = column.tags.iter().chain(of_table);
        match column.mask {
            // It goes before those of tags.
            Some(mask) => {
                self.masks.insert(mask);
                self.tags.extend(tags.filter(|used| mask_of(catalog, used).is_none()).cloned());
            }
            None => self.tags.extend(tags.cloned()),
        }
    }

    /// Puts what was found on the column; true if nothing of it may be seen.
    fn protect(self, catalog: &Catalog, column: &mut Column) -> bool {
        let unfit = |mask: ObjectId| !takes(catalog, mask, column);
        let by_tags = self.tags.iter().filter_map(|used| mask_of(catalog, used));
        let by_tags: Vec<ObjectId> = by_tags.collect();
        let met = !self.masks.is_empty() && by_tags.iter().any(|mask| !self.masks.contains(mask));
        let hidden = self.lost || met || self.masks.len() > 1 || self.masks.iter().chain(&by_tags).any(|m| unfit(*m));
        for used in self.tags {
            if !column.tags.iter().any(|own| own.tag == used.tag && own.value == used.value) {
                column.tags.push(TagUse { source: TagSource::Propagated, ..used });
            }
        }
        // What is said of the view's own column counts before.
        if column.mask.is_some() {
            return false;
        }
        column.mask = self.masks.first().copied();
        hidden
    }
}

fn mask_of(catalog: &Catalog, used: &TagUse) -> Option<ObjectId> {
    match catalog.get(used.tag).map(AsRef::as_ref) {
        Some(Object::Tag(tag)) => tag.mask,
        _ => None,
    }
}

/// Whether a masking policy takes values of the column's type. One that is gone takes all: its columns are hidden anyway.
fn takes(catalog: &Catalog, mask: ObjectId, column: &Column) -> bool {
    let arrow = |data_type: &SqlType| data_type.arrow();
    match catalog.get(mask).map(AsRef::as_ref) {
        Some(Object::MaskingPolicy(policy)) => arrow(&policy.data_type) == arrow(&column.data_type),
        _ => true,
    }
}
