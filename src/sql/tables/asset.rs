//! Assets of a source as relations: files read in place.

use super::super::context::Context;
use super::super::parser::cut_name;
use super::lazy::LazyTable;
use crate::catalog::{Place, Privilege, Source};
use crate::config::NAME_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::sources::{Asset, FileOptions, discover};
use arrow::datatypes::{Schema, SchemaRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The assets of a source that are there now, without files of the database's own that lie among them.
pub fn assets(context: &Context, source: &Source) -> Result<Vec<Asset>> {
    let mut options = FileOptions::default();
    for (name, value) in source.options.iter().filter(|(name, _)| *name != "path") {
        options.set(name, value)?;
    }
    let path = source.options.get("path").map_or("", String::as_str);
    let mut found = discover(Path::new(path), &options)?;
    let own = context.database.own_files();
    let is_own = |path: &PathBuf| path.canonicalize().is_ok_and(|real| own.hold(&real));
    found.retain(|asset| !asset.paths.iter().any(is_own));
    Ok(found)
}

/// Whether the role may read the source's assets.
pub fn may_read(context: &Context, source: &Source) -> bool {
    context.has_role(source.owner) || context.has_grant(&source.grants, Privilege::Usage)
}

/// One asset of a source.
pub fn must_get(context: &Context, schema: &str, name: &str) -> Result<Asset> {
    let Some((_, source)) = context.snapshot.catalog.source(schema) else {
        return Err(super::undefined(context, schema, name));
    };
    if !may_read(context, source) {
        return Err(Error::new(Kind::Privilege, format!("permission denied for source {schema}"))
            .with_hint(format!("The owner can say GRANT USAGE ON SOURCE {schema} TO ...")));
    }
    let found = assets(context, source)?.into_iter().find(|asset| asset.name == name);
    found.ok_or_else(|| super::undefined(context, schema, name))
}

/// One asset of a source as a relation.
pub fn open(context: &Arc<Context>, schema: &str, name: &str) -> Result<Arc<LazyTable>> {
    let asset = must_get(context, schema, name)?;
    let columns = called(asset.schema()?);
    let named = columns.clone();
    let source = context.snapshot.catalog.source(schema).map_or(0, |(id, _)| id);
    let place = Place::Asset(source, name.to_owned());
    let context = context.clone();
    let rows = LazyTable::new(columns, move || {
        let (context, named) = (context.clone(), named.clone());
        let mut scan = asset.scan(None, None)?;
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
                crate::txn::batch(named.clone(), batch.columns().to_vec(), batch.num_rows())
            })
        })))
    });
    Ok(Arc::new(rows.at(place)))
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
