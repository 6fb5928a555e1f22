//! Whether an asset is as it was, without a look at its rows.

use super::super::context::Context;
use super::super::{ddl, functions, parser, tables};
use crate::catalog::{Class, Object};
use crate::error::Result;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Views within views that are gone into.
const DEPTH_MAX: usize = 16;

/// What sources offer now, each asked once.
#[derive(Default)]
pub struct Listings(BTreeMap<String, Result<Arc<Vec<tables::Outside>>>>);

impl Listings {
    /// The assets of a source that is there.
    pub fn of(&mut self, context: &Context, source: &crate::catalog::Source) -> Result<Arc<Vec<tables::Outside>>> {
        let listed = || tables::assets(context, source).map(Arc::new);
        self.0.entry(source.name.clone()).or_insert_with(listed).clone()
    }

    /// Whether a source was asked, and has this asset no more.
    pub fn misses(&self, source: &str, asset: &str) -> bool {
        match self.0.get(source) {
            Some(Ok(there)) => there.iter().all(|one| one.name() != asset),
            _ => false,
        }
    }
}

/// A number that is another once the rows of a view may be others: the states of all that it reads. `None` where that cannot be told by
/// what is named in its query: it calls functions that read, or reads what is no table.
pub fn view_state(context: &Context, listings: &mut Listings, query: &str) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    add(context, listings, query, 0, &mut hasher)?;
    // What masks show, and whom, is in policies and in what tags are bound to.
    for class in [Class::MaskingPolicy, Class::Tag, Class::Function] {
        for (id, object) in context.snapshot.catalog.class(class) {
            (id, format!("{object:?}")).hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

fn add(
    context: &Context,
    listings: &mut Listings,
    query: &str,
    depth: usize,
    hasher: &mut DefaultHasher,
) -> Option<()> {
    if depth > DEPTH_MAX || calls_readers(context, query) {
        return None;
    }
    query.hash(hasher);
    let catalog = &context.snapshot.catalog;
    let mut parsed = parser::query(query).ok()?;
    for (schema, name) in ddl::named(&mut parsed) {
        let schema = schema?;
        match catalog.relation(&schema, &name) {
            Some((_, Object::Table(table))) if table.row_security => return None,
            Some((id, Object::Table(table))) => {
                let rows = context.snapshot.rows(id);
                (id, rows.changed, rows.live_rows(), format!("{table:?}")).hash(hasher);
            }
            Some((_, Object::View(view))) => add(context, listings, &view.query, depth + 1, hasher)?,
            Some(_) => return None,
            None => {
                let (_, source) = catalog.source(&schema)?;
                let there = listings.of(context, source).ok()?;
                there.iter().find(|asset| asset.name() == name)?.fingerprint().hash(hasher);
            }
        }
    }
    Some(())
}

/// Whether a query has the name of a function in it that reads relations by their names, or that a user wrote.
fn calls_readers(context: &Context, query: &str) -> bool {
    let query = query.to_lowercase();
    let catalog = &context.snapshot.catalog;
    let own = |word: &str| {
        catalog
            .class(Class::Function)
            .any(|(_, object)| matches!(object, Object::Function(function) if function.name == word))
    };
    // A name before a bracket.
    query.match_indices('(').any(|(at, _)| {
        let before = query.get(..at).unwrap_or_default().trim_end();
        let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        !word.is_empty() && (functions::reads_relations(word) || own(word))
    })
}
