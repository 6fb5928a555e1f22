//! `steward repair`: makes whole what can be made whole, and says what was done.
//!
//! The store mends itself as far as it can ([`storage::mend`]). Then every file that the catalogue refers to is opened: one that
//! is damaged or missing comes back from the backup; a text index without one is made anew at its next search; the rest is
//! named as lost, and stays as it is.

use super::Ending;
use super::arguments::Repair;
use super::backup::must_exist;
use super::console::Console;
use super::key::Key;
use crate::catalog::Object;
use crate::error::Result;
use crate::search::{StoredFiles, remove_index};
use crate::sql::referred_files;
use crate::storage::{self, Files, Store, Told};
use crate::txn::Manager;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Repairs and reports; [`Ending::Badly`] when something is lost.
pub fn run(arguments: &Repair, console: &Console) -> Result<Ending> {
    let data = &arguments.data;
    must_exist(data)?;
    let key = Key::find(data, console)?;
    let (mut done, mut given_up) = (0, 0);
    let told = |told: Told| {
        let line = match told {
            Told::Mended(text) => {
                done += 1;
                format!("mended   {text}\n")
            }
            Told::Lost(text) => {
                given_up += 1;
                format!("LOST     {text}\n")
            }
        };
        // What cannot be printed now is still done.
        let _ = console.print(&line);
    };
    let store = storage::mend(data, &key.source, arguments.from.as_deref(), arguments.accept_loss, told);
    let store = Arc::new(store.map_err(|error| key.explain(error))?);
    let (mended, lost) = files(&store, arguments.from.as_deref(), console)?;
    done += mended;
    let broken: Vec<_> = store.check().into_iter().filter(|finding| !finding.ok).collect();
    for finding in &broken {
        console.print(&format!("note     {} {}\n", finding.object, finding.message))?;
    }
    console.print(&match (done, lost) {
        (0, 0) if given_up == 0 => format!("{}: nothing needed repair.\n", data.display()),
        (done, 0) if given_up > 0 => format!("{}: {done} things were mended; commits are lost.\n", data.display()),
        (done, 0) => format!("{}: {done} things were mended, and nothing is lost.\n", data.display()),
        (done, lost) => format!(
            "{}: {done} things were mended; {lost} files are lost. SET steward.allow_damaged = on serves the other rows.\n",
            data.display()
        ),
    })?;
    Ok(if lost + given_up == 0 { Ending::Well } else { Ending::Badly })
}

/// Brings back what the catalogue refers to; gives how many files were mended and how many are lost.
fn files(store: &Arc<Store>, from: Option<&Path>, console: &Console) -> Result<(usize, usize)> {
    let (mut mended, mut lost) = (0, 0);
    // An index whose own names are damaged cannot say which files it needs.
    let mut remade = remake(store, |_, files| crate::search::files_in_use(files.0, files.1).is_err(), console)?;
    let manager = Manager::open(store.clone())?;
    let referred = referred_files(&manager)?;
    let damaged = referred.iter().filter(|(id, _)| store.files().verify(*id).is_err());
    let mut broken_indexes = BTreeSet::new();
    for (id, what) in damaged {
        let name = Files::shown(*id);
        let back = from.map_or(Ok(false), |from| storage::mend_file(store, from, *id))?;
        if back {
            mended += 1;
            console.print(&format!("mended   {name} is brought back from the backup; {what} needs it\n"))?;
        } else if let Some(index) = what.strip_prefix("index ") {
            broken_indexes.insert(index.to_owned());
        } else {
            lost += 1;
            console.print(&format!("LOST     {name}, which {what} needs; no backup that was named has it\n"))?;
        }
    }
    remade += remake(store, |name, _| broken_indexes.contains(name), console)?;
    let needed: HashSet<_> = referred.iter().map(|(id, _)| *id).collect();
    for id in store.files().list()?.into_iter().chain(store.files().list_retired()) {
        if !needed.contains(&id) && store.files().verify(id).is_err() {
            store.files().discard(id)?;
            mended += 1;
            console.print(&format!("mended   {}, which nothing refers to, is removed\n", Files::shown(id)))?;
        }
    }
    Ok((mended + remade, lost))
}

/// Forgets the contents of the text indexes that `which` names, so that the next search makes them anew.
fn remake(store: &Arc<Store>, which: impl Fn(&str, (&StoredFiles, u64)) -> bool, console: &Console) -> Result<usize> {
    let manager = Manager::open(store.clone())?;
    let stored = StoredFiles::new(store);
    let mut count = 0;
    for (id, object) in manager.current().catalog.objects() {
        if let Object::Index(index) = object.as_ref() {
            let name = format!("{}.{}", index.schema, index.name);
            if which(&name, (&stored, id)) {
                remove_index(&stored, id)?;
                count += 1;
                console.print(&format!("mended   index {name} was damaged; its next search makes it anew\n"))?;
            }
        }
    }
    Ok(count)
}
