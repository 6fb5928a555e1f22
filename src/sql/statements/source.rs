//! CREATE SOURCE, DROP SOURCE, REFRESH SOURCE.

use super::super::ddl::{self, Ddl, check_name};
use super::super::tables;
use crate::catalog::{Class, Object, Source};
use crate::error::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Runs CREATE SOURCE: registers a folder of files. Nothing is copied.
pub fn create_source(
    ddl: &mut Ddl<'_>,
    name: &str,
    if_not_exists: bool,
    source_type: &str,
    options: BTreeMap<String, String>,
) -> Result<()> {
    ddl.txn.must_write("CREATE SOURCE")?;
    // Files of the server are read with the server's rights.
    ddl.context.must_be_superuser("create sources, which read files of the server")?;
    check_name(name)?;
    if if_not_exists && ddl.txn.snapshot().catalog.source(name).is_some() {
        ddl.context.notice(format!("source \"{name}\" already exists, skipping"));
        return Ok(());
    }
    if source_type != "files" {
        return Err(Error::new(Kind::Unsupported, format!("source type \"{source_type}\" is not supported"))
            .with_hint("Available type: files."));
    }
    if matches!(name, "steward" | "pg_catalog" | "information_schema") {
        return Err(Error::new(Kind::InvalidParameter, format!("source name \"{name}\" is reserved")));
    }
    let Some(path) = options.get("path") else {
        return Err(Error::new(Kind::InvalidParameter, "a source of type files needs the option path"));
    };
    // Kept absolute: the server may be started elsewhere next time.
    let folder = ddl.checked(|| format!("source \"{name}\""), folder(path))?;
    let path = match &folder {
        Some(folder) => folder.clone(),
        None => std::path::absolute(path).unwrap_or_else(|_| path.into()),
    };
    if ddl.context.database.own_files().hold(&path) {
        return Err(Error::new(Kind::Privilege, "a source may not read the database's own files")
            .with_hint("Give a folder outside of the data folder."));
    }
    let mut options = options;
    options.insert("path".to_owned(), path.display().to_string());
    let source = Source {
        name: name.to_owned(),
        source_type: source_type.to_owned(),
        options,
        owner: ddl.context.role,
        grants: Vec::new(),
        tags: Vec::new(),
    };
    let assets = match folder {
        Some(_) => ddl.checked(|| format!("source \"{name}\""), tables::assets(ddl.context, &source))?,
        None => None,
    };
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Source(source))?;
    if let Some(assets) = assets {
        let count = assets.len();
        ddl.context.notice(format!("source \"{name}\" has {count} assets; INVENTORY SOURCE {name} looks into them"));
    }
    Ok(())
}

/// The folder at a path, links followed.
fn folder(path: &str) -> Result<PathBuf> {
    let real = std::fs::canonicalize(path).map_err(|e| no_folder(path, &e))?;
    match real.is_dir() {
        true => Ok(real),
        false => Err(Error::new(Kind::InvalidParameter, format!("\"{}\" is not a folder", real.display()))),
    }
}

/// A folder that cannot be reached, by the path that was tried: a relative one begins where the server was started.
fn no_folder(path: &str, error: &std::io::Error) -> Error {
    let tried = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let told = Error::io(format!("folder \"{}\"", tried.display()), error);
    match std::path::Path::new(path).is_absolute() {
        true => told,
        false => told.with_hint("A relative path begins in the folder in which the server was started."),
    }
}

/// Runs DROP SOURCE: forgets the folder and what was found in it, and with `cascade` the views that read it.
pub fn drop_source(ddl: &mut Ddl<'_>, name: &str, if_exists: bool, cascade: bool) -> Result<()> {
    ddl.txn.must_write("DROP SOURCE")?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some((id, source)) = catalog.source(name) else {
        if if_exists {
            ddl.context.notice(format!("source \"{name}\" does not exist, skipping"));
            return Ok(());
        }
        return Err(Error::new(Kind::UndefinedObject, format!("source \"{name}\" does not exist")));
    };
    ddl.context.must_own(source.owner, "source", name)?;
    ddl::drop_readers(ddl, &format!("source {name}"), name, cascade)?;
    for (finding_id, object) in catalog.class(Class::Finding) {
        if let Object::Finding(finding) = object
            && finding.object == id
        {
            ddl.txn.drop_object(finding_id);
        }
    }
    ddl.txn.drop_object(id);
    Ok(())
}

/// Runs REFRESH SOURCE: forgets findings about assets that are gone.
pub fn refresh_source(ddl: &mut Ddl<'_>, name: &str) -> Result<()> {
    ddl.txn.must_write("REFRESH SOURCE")?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some((id, source)) = catalog.source(name) else {
        return Err(Error::new(Kind::UndefinedObject, format!("source \"{name}\" does not exist")));
    };
    ddl.context.must_own(source.owner, "source", name)?;
    let there: Vec<String> =
        tables::assets(ddl.context, source)?.into_iter().map(|asset| format!("{name}.{}", asset.name)).collect();
    let mut gone = 0;
    for (finding_id, object) in catalog.class(Class::Finding) {
        if let Object::Finding(finding) = object
            && finding.object == id
            && !there.contains(&finding.asset)
        {
            ddl.txn.drop_object(finding_id);
            gone += 1;
        }
    }
    ddl.context.notice(format!("source \"{name}\" has {} assets; {gone} are gone", there.len()));
    Ok(())
}
