//! CREATE MODEL of type `imported`: an encoder out of a directory of the server, and models that are trained over one.

use super::super::context::Context;
use super::super::models;
use crate::catalog::ObjectId;
use crate::config::MODEL_FILE_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::models::{Imported, Recipe, Trained};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads the encoder that a recipe speaks of; refuses a role that may not read the server's files, and the database's own files.
pub(super) async fn read(context: &Arc<Context>, recipe: &Recipe) -> Result<Trained> {
    let Recipe::Imported { options, path } = recipe else {
        return Err(Error::internal("a model that learns from rows has no query"));
    };
    must_be_allowed(context)?;
    let folder = folder(path)?;
    let (context, options) = (context.clone(), options.clone());
    let read = tokio::task::spawn_blocking(move || {
        Imported::read(&options, &mut |name| {
            context.cancel.check()?;
            file(&context, &folder, name)
        })
    });
    let imported = read.await.map_err(|error| Error::internal(format!("import stopped: {error}")))??;
    Ok(Trained::Imported(Arc::new(imported)))
}

/// Gives a recipe the imported encoder that it names, which the role must be allowed to use; gives which model that is.
pub(super) fn with_base(context: &Context, recipe: &mut Recipe) -> Result<Option<ObjectId>> {
    let Some((reference, place)) = recipe.base() else { return Ok(None) };
    let (id, ..) = models::resolve(context, reference)?;
    let trained = models::trained(context, reference)?;
    match trained.as_ref() {
        Trained::Imported(imported) => {
            *place = Some(imported.clone());
            Ok(Some(id))
        }
        other => Err(models::wrong_type(reference, other, "imported")
            .with_hint("Option base names an imported encoder; without it the built-in one is taken.")),
    }
}

fn must_be_allowed(context: &Context) -> Result<()> {
    let group = "pg_read_server_files";
    if context.is_allowed_by(group) {
        return Ok(());
    }
    let message =
        format!("must be superuser or have privileges of the {group} role to import a model from files of the server");
    Err(Error::new(Kind::Privilege, message))
}

/// The directory, its links followed. A file of weights stands for the directory that it is in.
fn folder(path: &str) -> Result<PathBuf> {
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(Error::new(Kind::InvalidParameter, "option path must be an absolute path"));
    }
    let real = given.canonicalize().map_err(|error| unread(path, &error))?;
    match (real.is_dir(), real.parent()) {
        (true, _) => Ok(real),
        (false, Some(folder)) if real.extension().is_some_and(|ending| ending == "safetensors") => Ok(folder.to_owned()),
        _ => Err(Error::new(Kind::WrongObject, format!("\"{path}\" is no directory"))
            .with_hint("A directory as Hugging Face's save_pretrained writes it has config.json, tokenizer.json and model.safetensors.")),
    }
}

/// A file of the directory; none where it is not there.
fn file(context: &Context, folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let real = match folder.join(name).canonicalize() {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(unread(name, &error)),
    };
    if context.database.own_files().hold(&real) {
        return Err(Error::new(Kind::Privilege, "a model may not be read from the database's own files"));
    }
    let mut file = File::open(&real).map_err(|error| unread(name, &error))?;
    let facts = file.metadata().map_err(|error| unread(name, &error))?;
    if !facts.is_file() {
        return Err(Error::new(Kind::WrongObject, format!("\"{name}\" of the directory is no file")));
    }
    if facts.len() > MODEL_FILE_BYTES_MAX as u64 {
        let message =
            format!("\"{name}\" has more than {} MiB, which is the most of a model", MODEL_FILE_BYTES_MAX >> 20);
        return Err(Error::new(Kind::LimitExceeded, message));
    }
    let mut bytes = Vec::with_capacity(facts.len() as usize);
    file.read_to_end(&mut bytes).map_err(|error| unread(name, &error))?;
    Ok(Some(bytes))
}

fn unread(name: &str, error: &std::io::Error) -> Error {
    Error::io(format!("could not read \"{name}\""), error)
}
