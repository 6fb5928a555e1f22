//! CREATE SOURCE, ALTER SOURCE, DROP SOURCE, REFRESH SOURCE.

use super::super::context::Context;
use super::super::ddl::{self, Ddl, check_name};
use super::super::inventory;
use super::super::tables;
use crate::catalog::{Class, Object, Secret, Source};
use crate::error::{Error, Kind, Result};
use crate::sources::{self, postgres::RemoteOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The kinds of sources.
const TYPES: [&str; 2] = ["files", "postgres"];

/// Runs CREATE SOURCE: registers a folder of files, or a schema of another database. Nothing is copied.
pub fn create_source(
    ddl: &mut Ddl<'_>,
    name: &str,
    if_not_exists: bool,
    source_type: &str,
    options: BTreeMap<String, String>,
) -> Result<()> {
    ddl.txn.must_write("CREATE SOURCE")?;
    if !TYPES.contains(&source_type) {
        may_create(ddl.context, "files")?;
        return Err(Error::new(Kind::Unsupported, format!("source type \"{source_type}\" is not supported"))
            .with_hint("Available types: files, postgres."));
    }
    may_create(ddl.context, source_type)?;
    check_name(name)?;
    if if_not_exists && ddl.txn.snapshot().catalog.source(name).is_some() {
        ddl.context.notice(format!("source \"{name}\" already exists, skipping"));
        return Ok(());
    }
    if matches!(name, "steward" | "pg_catalog" | "information_schema") {
        return Err(Error::new(Kind::InvalidParameter, format!("source name \"{name}\" is reserved")));
    }
    let source = Source {
        name: name.to_owned(),
        source_type: source_type.to_owned(),
        options,
        secrets: BTreeMap::new(),
        owner: ddl.context.role,
        grants: Vec::new(),
        tags: Vec::new(),
    };
    let (source, assets) = looked_at(ddl, source)?;
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Source(source))?;
    if let Some(count) = assets {
        ddl.context.notice(format!("source \"{name}\" has {count} assets; INVENTORY SOURCE {name} looks into them"));
    }
    Ok(())
}

/// Refuses a role that may not make sources of a kind. The server reads files with its own rights and opens connections from its own
/// place in the network: whoever may make sources can see what it can reach.
fn may_create(context: &Context, source_type: &str) -> Result<()> {
    let (group, verb) = match source_type {
        "postgres" => ("pg_create_connection", "create sources, which connect to other servers"),
        _ => ("pg_read_server_files", "create sources, which read files of the server"),
    };
    match context.is_allowed_by(group) {
        true => Ok(()),
        false => Err(Error::new(Kind::Privilege, format!("must be superuser to {verb}"))
            .with_hint(format!("So may members of the role {group}, which a superuser can create and grant."))),
    }
}

/// A source as it is kept, and how many assets it has; nothing of those where an import is told to keep what does not work now.
fn looked_at(ddl: &mut Ddl<'_>, mut source: Source) -> Result<(Source, Option<usize>)> {
    let told = format!("source \"{}\"", source.name);
    if source.is_remote() {
        for name in RemoteOptions::SECRETS {
            if let Some(secret) = source.options.remove(name) {
                source.secrets.insert(name.to_owned(), Secret::new(secret));
            }
        }
        let options = tables::remote_options(&source)?;
        let is_superuser = ddl.context.is_superuser();
        // The server itself may be let in where others are not, as its own user or from its own machine.
        if !options.has_password() && !is_superuser {
            return Err(Error::new(Kind::Privilege, "password is required")
                .with_hint("Non-superusers must give the option password of a source of type postgres."));
        }
        if let Some(file) = options.root_certificates() {
            may_create(ddl.context, "files")?;
            if file.canonicalize().is_ok_and(|real| ddl.context.database.own_files().hold(&real)) {
                return Err(Error::new(Kind::Privilege, "a source may not read the database's own files"));
            }
        }
        ddl.context.database.remotes.forget(&source.name);
        let assets = ddl.checked(|| told.clone(), tables::assets(ddl.context, &source))?;
        return Ok((source, assets.map(|assets| assets.len())));
    }
    let Some(path) = source.options.get("path").cloned() else {
        return Err(Error::new(Kind::InvalidParameter, "a source of type files needs the option path"));
    };
    // Kept absolute: the server may be started elsewhere next time.
    let folder = ddl.checked(|| told.clone(), folder(&path))?;
    let path = match &folder {
        Some(folder) => folder.clone(),
        None => std::path::absolute(&path).unwrap_or_else(|_| path.into()),
    };
    if ddl.context.database.own_files().hold(&path) {
        return Err(Error::new(Kind::Privilege, "a source may not read the database's own files")
            .with_hint("Give a folder outside of the data folder."));
    }
    source.options.insert("path".to_owned(), path.display().to_string());
    let assets = match folder {
        Some(_) => ddl.checked(|| told.clone(), tables::assets(ddl.context, &source))?,
        None => None,
    };
    Ok((source, assets.map(|assets| assets.len())))
}

/// Runs ALTER SOURCE ... SET OPTIONS: some of its options are other ones from now on.
pub fn alter_source(ddl: &mut Ddl<'_>, name: &str, options: BTreeMap<String, String>) -> Result<()> {
    ddl.txn.must_write("ALTER SOURCE")?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some((id, source)) = catalog.source(name) else {
        return Err(Error::new(Kind::UndefinedObject, format!("source \"{name}\" does not exist")));
    };
    ddl.context.must_own(source.owner, "source", name)?;
    // Elsewhere is another source: who may make none may not turn his into it.
    may_create(ddl.context, &source.source_type)?;
    let mut source = source.clone();
    // A password is for one server and one user: it goes to no other.
    let elsewhere = ["host", "port", "user", "dbname"];
    let moves = elsewhere.iter().any(|at| options.get(*at).is_some_and(|value| source.options.get(*at) != Some(value)));
    if source.is_remote() && moves && !source.secrets.is_empty() && !options.contains_key("password") {
        return Err(Error::new(
            Kind::InvalidParameter,
            "host, port, user and dbname are changed together with the password",
        )
        .with_hint("Give the option password too: it is not sent to a server that it was not given for."));
    }
    source.options.extend(options);
    let (source, assets) = looked_at(ddl, source)?;
    ddl.txn.put_object(id, Object::Source(source))?;
    if let Some(count) = assets {
        ddl.context.notice(format!("source \"{name}\" has {count} assets"));
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
    inventory::forget_values(ddl, &BTreeSet::from([id]))?;
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
    ddl.context.database.remotes.forget(name);
    sources::forget();
    let there: Vec<String> =
        tables::assets(ddl.context, source)?.iter().map(|asset| format!("{name}.{}", asset.name())).collect();
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
