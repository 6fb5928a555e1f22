//! Entries of `pg_class`: tables, views, indexes, sequences, assets of sources that an inventory has looked at, and the
//! catalogue's own relations, each with its number.

use super::oids::{self, ClassPart};
use super::relations::listed::{self, Listed};
use crate::catalog::{
    Catalog, Class, Finding, Index, KeyConstraint, Object, ObjectId, PlainIndex, Sequence, Source, Table, View,
};
use crate::sql::system;
use std::borrow::Cow;

/// Something with a row in `pg_class`.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its OID.
    pub oid: u32,
    /// Its schema.
    pub schema: &'a str,
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is.
    pub what: What<'a>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// A table.
    Table(ObjectId, &'a Table),
    /// A view.
    View(ObjectId, &'a View),
    /// A text index and its table.
    TextIndex(&'a Index, &'a Table),
    /// The index behind a key of a table.
    Key(ObjectId, &'a Table, &'a KeyConstraint),
    /// A plain index and its table.
    Plain(&'a PlainIndex, &'a Table),
    /// A sequence.
    Sequence(ObjectId, &'a Sequence),
    /// An asset of a source, a foreign table to PostgreSQL's clients, as the inventory found it.
    Asset(&'a Source, &'a Finding),
    /// A view of schema `steward`.
    Steward,
    /// A relation of the catalogue.
    Listed(&'static Listed),
}

impl<'a> Entry<'a> {
    /// `relkind`
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::Table(_, table) if table.materialized.is_some() => "m",
            What::Table(..) => "r",
            What::View(..) | What::Steward => "v",
            What::TextIndex(..) | What::Plain(..) | What::Key(..) => "i",
            What::Sequence(..) => "S",
            What::Asset(..) => "f",
            What::Listed(listed) => listed.kind,
        }
    }

    /// Whether it has columns that a query can name.
    pub fn is_relation(&self) -> bool {
        matches!(self.what, What::Table(..) | What::View(..) | What::Asset(..) | What::Steward | What::Listed(_))
    }

    /// The table that it is or belongs to.
    pub fn table(&self) -> Option<(ObjectId, &'a Table)> {
        match self.what {
            What::Table(id, table) | What::Key(id, table, _) => Some((id, table)),
            What::Plain(index, table) => Some((index.table, table)),
            What::TextIndex(index, table) => Some((index.table, table)),
            _ => None,
        }
    }
}

fn key<'a>(id: ObjectId, table: &'a Table, at: usize) -> Option<Entry<'a>> {
    let key = table.keys.get(at)?;
    let oid = oids::class_part(id, ClassPart::Key(at))?;
    Some(Entry { oid, schema: &table.schema, name: Cow::Borrowed(&key.name), what: What::Key(id, table, key) })
}

fn object<'a>(catalog: &'a Catalog, id: ObjectId, object: &'a Object) -> Option<Entry<'a>> {
    let (schema, name, what) = match object {
        Object::Table(table) => (&table.schema, &table.name, What::Table(id, table)),
        Object::View(view) => (&view.schema, &view.name, What::View(id, view)),
        Object::Index(index) => (&index.schema, &index.name, What::TextIndex(index, catalog.table_by_id(index.table)?)),
        Object::PlainIndex(index) => {
            (&index.schema, &index.name, What::Plain(index, catalog.table_by_id(index.table)?))
        }
        Object::Sequence(sequence) => (&sequence.schema, &sequence.name, What::Sequence(id, sequence)),
        Object::Finding(finding) => {
            let Object::Source(source) = catalog.get(finding.object)?.as_ref() else { return None };
            let name = finding.asset.strip_prefix(&source.name)?.strip_prefix('.')?;
            let what = What::Asset(source, finding);
            return Some(Entry { oid: oids::of(id), schema: &source.name, name: Cow::Borrowed(name), what });
        }
        _ => return None,
    };
    Some(Entry { oid: oids::of(id), schema, name: Cow::Borrowed(name), what })
}

fn listed_entry<'a>(listed: &'static Listed) -> Entry<'a> {
    Entry { oid: listed.oid, schema: listed.schema, name: Cow::Borrowed(listed.name), what: What::Listed(listed) }
}

fn steward<'a>() -> impl Iterator<Item = Entry<'a>> {
    let numbered = (oids::STEWARD_VIEWS..).zip(system::names());
    numbered.map(|(oid, name)| Entry { oid, schema: "steward", name: Cow::Borrowed(name), what: What::Steward })
}

/// All entries, whoever may see them.
pub fn all(catalog: &Catalog) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (id, found) in catalog.class(Class::Relation) {
        entries.extend(object(catalog, id, found));
        if let Object::Table(table) = found {
            entries.extend((0..table.keys.len()).filter_map(|at| key(id, table, at)));
        }
    }
    entries.extend(catalog.class(Class::Finding).filter_map(|(id, found)| object(catalog, id, found)));
    entries.extend(steward());
    entries.extend(listed::all().map(listed_entry));
    entries
}

/// The entry with this OID.
pub fn by_oid(catalog: &Catalog, oid: u32) -> Option<Entry<'_>> {
    if let Some((id, part)) = oids::class_part_of(oid) {
        let table = catalog.table_by_id(id)?;
        return match part {
            ClassPart::Key(at) => key(id, table, at),
        };
    }
    if let Some(found) = catalog.get(ObjectId::from(oid)) {
        return object(catalog, ObjectId::from(oid), found);
    }
    match oid >= oids::STEWARD_VIEWS {
        true => steward().find(|entry| entry.oid == oid),
        false => listed::by_oid(oid).map(listed_entry),
    }
}

/// The OID of the relation of this name.
pub fn relation_oid(catalog: &Catalog, schema: &str, name: &str) -> Option<u32> {
    by_name(catalog, schema, name).map(|entry| entry.oid)
}

/// The entry of this name in a schema.
pub fn by_name<'a>(catalog: &'a Catalog, schema: &str, name: &str) -> Option<Entry<'a>> {
    match schema {
        "pg_catalog" | "information_schema" => return listed::find(schema, name).map(listed_entry),
        "steward" => return steward().find(|entry| entry.name == name),
        _ => {}
    }
    if let Some((id, found)) = catalog.relation(schema, name) {
        return object(catalog, id, found);
    }
    if catalog.source(schema).is_some() {
        let found = catalog.finding(&format!("{schema}.{name}"));
        return found.and_then(|(id, _)| object(catalog, id, catalog.get(id)?));
    }
    catalog.class(Class::Relation).find_map(|(id, found)| match found {
        Object::Table(table) if table.schema == schema => {
            (0..table.keys.len()).filter_map(|at| key(id, table, at)).find(|entry| entry.name == name)
        }
        _ => None,
    })
}
