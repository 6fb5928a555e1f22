//! Assets of a source as relations: files and tables of other databases, read in place.

use super::super::context::Context;
use super::super::parser::cut_name;
use super::super::values;
use super::lazy::{Batches, LazyTable, Wanted};
use super::remote::{self, Remote};
use crate::catalog::{Place, Privilege, Source, SqlType};
use crate::config::NAME_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::sources::{Asset, FileOptions, Form, discover};
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What a source offers as one table.
#[derive(Debug, Clone)]
pub enum Outside {
    /// Files.
    Files(Box<Asset>),
    /// A table of another database, with its columns as they are here.
    Remote(Arc<Remote>),
}

impl Outside {
    /// Its name below the source.
    pub fn name(&self) -> &str {
        match self {
            Outside::Files(asset) => &asset.name,
            Outside::Remote(remote) => &remote.table.name,
        }
    }

    /// What it is: a word for the inventory.
    pub fn kind(&self) -> &'static str {
        match self {
            Outside::Files(_) => "file",
            Outside::Remote(_) => "foreign table",
        }
    }

    /// What its content looks like.
    pub fn form(&self) -> &'static str {
        match self {
            Outside::Files(asset) => asset.form.as_str(),
            Outside::Remote(_) => "table",
        }
    }

    /// Bytes of it.
    pub fn bytes(&self) -> u64 {
        match self {
            Outside::Files(asset) => asset.bytes,
            Outside::Remote(remote) => remote.table.bytes,
        }
    }

    /// When it was changed, if that is known.
    pub fn modified(&self) -> Option<SystemTime> {
        match self {
            Outside::Files(asset) => Some(asset.modified),
            Outside::Remote(_) => None,
        }
    }

    /// Equal while nothing seems to have changed.
    pub fn fingerprint(&self) -> u64 {
        match self {
            Outside::Files(asset) => asset.fingerprint,
            Outside::Remote(remote) => remote.table.fingerprint,
        }
    }

    /// How many rows there are and whether that is estimated, without looking at them; none where nothing tells. `go_on` is asked now and
    /// then.
    pub fn count(&self, go_on: &dyn Fn() -> Result<()>) -> Result<Option<(u64, bool)>> {
        match self {
            Outside::Files(asset) => asset.count(go_on).map(Some),
            // What the other server said when it last analysed it.
            Outside::Remote(remote) => Ok(remote.table.rows.map(|rows| (rows, true))),
        }
    }

    /// A hash of its content, where that can be had without looking at rows.
    pub fn content(&self) -> Result<Option<u64>> {
        match self {
            Outside::Files(asset) => asset.content(),
            Outside::Remote(_) => Ok(None),
        }
    }

    /// Its columns.
    pub fn schema(&self) -> Result<SchemaRef> {
        match self {
            Outside::Files(asset) => asset.schema(),
            Outside::Remote(remote) => Ok(remote.schema.clone()),
        }
    }
}

/// The assets of a source that are there now: the statement looks once. Files of the database's own that lie among them are left out.
pub fn assets(context: &Context, source: &Source) -> Result<Arc<Vec<Outside>>> {
    context.listings.of(&source.name, || listed(context, source))
}

fn listed(context: &Context, source: &Source) -> Result<Vec<Outside>> {
    if source.is_remote() {
        return Ok(remote::all(context, source)?.iter().cloned().map(Outside::Remote).collect());
    }
    let mut options = FileOptions::default();
    for (name, value) in source.options.iter().filter(|(name, _)| *name != "path") {
        options.set(name, value)?;
    }
    let path = source.options.get("path").map_or("", String::as_str);
    let mut found = discover(Path::new(path), &options)?;
    let own = context.database.own_files();
    let is_own = |path: &PathBuf| path.canonicalize().is_ok_and(|real| own.hold(&real));
    found.retain(|asset| !asset.paths.iter().any(is_own));
    Ok(found.into_iter().map(|asset| Outside::Files(Box::new(asset))).collect())
}

/// How many assets a source has, as far as that can be told without asking another server.
pub fn count(context: &Context, source: &Source) -> Option<usize> {
    match source.is_remote() {
        true => context.database.remotes.known(source),
        false => assets(context, source).ok().map(|assets| assets.len()),
    }
}

/// Whether the role may read the source's assets.
pub fn may_read(context: &Context, source: &Source) -> bool {
    context.has_role(source.owner) || context.has_grant(&source.grants, Privilege::Usage)
}

/// One asset of a source.
pub fn must_get(context: &Context, schema: &str, name: &str) -> Result<Outside> {
    let Some((_, source)) = context.snapshot.catalog.source(schema) else {
        return Err(super::undefined(context, schema, name));
    };
    if !may_read(context, source) {
        return Err(Error::new(Kind::Privilege, format!("permission denied for source {schema}"))
            .with_hint(format!("The owner can say GRANT USAGE ON SOURCE {schema} TO ...")));
    }
    let assets = assets(context, source)?;
    let found = assets.iter().find(|asset| asset.name() == name).cloned();
    found.ok_or_else(|| super::undefined(context, schema, name))
}

/// One asset of a source as a relation.
pub fn open(context: &Arc<Context>, schema: &str, name: &str) -> Result<Arc<LazyTable>> {
    let asset = must_get(context, schema, name)?;
    let columns = called(asset.schema()?);
    let source = context.snapshot.catalog.source(schema).map_or(0, |(id, _)| id);
    let place = Place::Asset(source, name.to_owned());
    let (context, named) = (context.clone(), columns.clone());
    let far = match &asset {
        Outside::Remote(remote) => Some(remote.clone()),
        Outside::Files(_) => None,
    };
    let rows = LazyTable::asking(columns, move |wanted| {
        let named = match &wanted.columns {
            Some(columns) => Arc::new(named.project(columns)?),
            None => named.clone(),
        };
        match &asset {
            Outside::Files(asset) => files(&context, asset, named, wanted),
            Outside::Remote(remote) => remote.read(&context, named, wanted),
        }
    });
    let rows = rows.at(place);
    Ok(Arc::new(match far {
        Some(remote) => rows.that_asks(move |wanted| remote.asked(wanted)),
        None => rows,
    }))
}

/// The rows of files.
fn files(context: &Arc<Context>, asset: &Asset, named: SchemaRef, wanted: &Wanted) -> Result<Batches> {
    let context = context.clone();
    // These may hold what a database wrote as `jsonb`: it is again what compares as such.
    let is_normal = !matches!(asset.form, Form::Parquet | Form::Sql);
    let mut scan = asset.scan_where(wanted.columns.as_deref(), &wanted.filters, wanted.limit)?;
    Ok(Box::new(std::iter::from_fn(move || {
        if let Err(error) = context.cancel.check() {
            return Some(Err(error));
        }
        let batch = scan.next();
        if batch.is_none() {
            scan.remarks().into_iter().for_each(|remark| context.notice(remark));
        }
        batch.map(|batch| {
            let batch = batch?;
            let arrays = match is_normal {
                true => batch.columns().to_vec(),
                false => named.fields().iter().zip(batch.columns()).map(normal).collect::<Result<_>>()?,
            };
            crate::txn::batch(named.clone(), arrays, batch.num_rows())
        })
    })))
}

/// A column whose JSON is written as `jsonb` is.
fn normal((field, array): (&FieldRef, &ArrayRef)) -> Result<ArrayRef> {
    match SqlType::from_field(field) {
        Ok(SqlType::Jsonb) => values::read(array.as_string::<i32>(), &SqlType::Jsonb),
        _ => Ok(array.clone()),
    }
}

/// The columns under names that a statement can say: those that are too long are cut as they are there.
fn called(columns: SchemaRef) -> SchemaRef {
    if columns.fields().iter().all(|field| field.name().len() <= NAME_BYTES_MAX) {
        return columns;
    }
    let mut taken: Vec<String> = Vec::new();
    let fields = columns.fields().iter().map(|field| {
        let mut name = cut_name(field.name()).to_owned();
        let mut number = 1;
        while taken.contains(&name) {
            number += 1;
            let end = format!("_{number}");
            let room = NAME_BYTES_MAX - end.len();
            name = format!("{}{end}", &field.name()[..field.name().floor_char_boundary(room)]);
        }
        taken.push(name.clone());
        field.as_ref().clone().with_name(name)
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), columns.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};

    #[test]
    fn long_names_are_cut_between_characters_and_told_apart() {
        let long = |end: &str| Field::new("品".repeat(25) + end, DataType::Utf8, true);
        let columns =
            Arc::new(Schema::new(vec![long("a"), long("b"), long("c"), Field::new("d", DataType::Utf8, true)]));
        let named = called(columns);
        let names: Vec<&str> = named.fields().iter().map(|field| field.name().as_str()).collect();
        let cut = |characters: usize, end: &str| "品".repeat(characters) + end;
        assert_eq!(names, [cut(21, ""), cut(20, "_2"), cut(20, "_3"), "d".to_owned()]);
    }
}
