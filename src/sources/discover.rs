//! Walking a folder and telling which assets lie in it.
//!
//! A data file is an asset. The images below a folder that holds no data are one asset, so that class folders become a
//! label; so are the pages of one folder, and its texts. Hidden files are passed over; links are followed only while
//! they stay below the root, and each folder is entered once.

use super::asset::{Asset, FileFacts, Form};
use super::csv_file::Place;
use super::dump;
use super::glob;
use super::input::{relative, unpacked_name};
use super::json;
use super::known;
use super::names::{Unique, identifier, of_path};
use super::options::FileOptions;
use super::sniff;
use super::xlsx;
use crate::config::{SOURCE_DEPTH_MAX, SOURCE_FILES_MAX, SOURCE_JSON_BYTES_MAX};
use crate::error::{Error, Kind, Result};
use crate::fail;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Finds the assets below `root`, ordered by form and path. Nothing is copied, and only the start of each file is read
/// (JSON objects are read whole to see whether they hold several tables).
///
/// A folder that is missing, or is none, is `UndefinedObject`; one that may not be read is `Io`.
pub fn discover(root: &Path, options: &FileOptions) -> Result<Vec<Asset>> {
    let shown = root.display();
    let real = match root.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::new(Kind::UndefinedObject, format!("there is no folder {shown}"))
                .with_hint("The path of a source is one on the server's machine."));
        }
        Err(error) => return Err(Error::io(shown, &error)),
    };
    // A single file is a source too, of one asset.
    let (real, only) = match real.is_dir() {
        true => (real, None),
        false => match (real.parent(), real.is_file()) {
            (Some(parent), true) => (parent.to_owned(), Some(real.clone())),
            _ => fail!(UndefinedObject, "{shown} is no folder"),
        },
    };
    let pattern = options.pattern.as_deref().map(glob::compile).transpose()?;
    let paths = match only {
        Some(file) => vec![file],
        None => walk(&real, options.recursive)?,
    };
    let mut files = Vec::new();
    for path in paths {
        if pattern.as_ref().is_some_and(|pattern| !pattern.matches(&relative(&real, &path))) {
            continue;
        }
        // A file that has gone since the walk is simply not there.
        let Some(facts) = FileFacts::of(&path) else { continue };
        let (form, _) = sniff::sniff(&real, &path, options);
        files.push(Found { facts, form });
    }
    Ok(assets(&real, &files, options))
}

struct Found {
    facts: FileFacts,
    form: Form,
}

impl Found {
    fn folder(&self) -> &Path {
        self.facts.path.parent().unwrap_or(Path::new(""))
    }
}

/// All regular files below `root` in the order of their paths.
fn walk(root: &Path, recursive: bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut entered: HashSet<PathBuf> = HashSet::from([root.to_owned()]);
    let mut open = vec![(root.to_owned(), 0usize)];
    while let Some((folder, depth)) = open.pop() {
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            // What lies below may still be read; the folder itself shows as something that cannot be.
            Err(_) if depth > 0 => {
                files.push(folder);
                continue;
            }
            Err(error) => return Err(Error::io(folder.display(), &error)),
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            let Ok(real) = path.canonicalize() else { continue };
            if !real.starts_with(root) {
                continue;
            }
            if real.is_dir() {
                if recursive && depth < SOURCE_DEPTH_MAX && entered.insert(real) {
                    open.push((path, depth + 1));
                }
            } else if real.is_file() {
                files.push(path);
            }
        }
        if files.len() > SOURCE_FILES_MAX {
            return Err(Error::new(
                Kind::LimitExceeded,
                format!("{} holds more than {SOURCE_FILES_MAX} files", root.display()),
            )
            .with_hint("Make several sources of its folders, or give a pattern."));
        }
    }
    files.sort();
    Ok(files)
}

fn assets(root: &Path, files: &[Found], options: &FileOptions) -> Vec<Asset> {
    let mut unique = Unique::default();
    let mut assets = Vec::new();
    for file in files.iter().filter(|file| is_data(file.form)) {
        let path = unpacked_name(&file.facts.path);
        let extension = path.extension().map(|text| identifier(&text.to_string_lossy()));
        let stem = of_path(&relative(root, &path.with_extension("")));
        let tables = tables(root, file, options);
        if tables.is_empty() {
            let name = unique.take(&stem, extension.as_deref());
            assets.push(Asset::new(name, file.form, &[&file.facts], root, options));
        }
        for table in tables {
            let name = unique.take(&of_path(&format!("{stem}_{table}")), extension.as_deref());
            let mut asset = Asset::new(name, file.form, &[&file.facts], root, options);
            asset.member = Some(table);
            assets.push(asset);
        }
    }
    for (form, suffix) in [(Form::Html, "pages"), (Form::Image, "images"), (Form::Text, "texts")] {
        for (folder, group) in groups(root, files, form) {
            let name = match relative(root, &folder).as_str() {
                "" => identifier(&root.file_name().map_or("files".into(), |name| name.to_string_lossy())),
                below => of_path(below),
            };
            assets.push(Asset::new(unique.take(&name, Some(suffix)), form, &group, root, options));
        }
    }
    for file in files.iter().filter(|file| file.form == Form::Unknown) {
        let extension = file.facts.path.extension().map(|text| identifier(&text.to_string_lossy()));
        let stem = of_path(&relative(root, &file.facts.path.with_extension("")));
        let name = unique.take(&stem, extension.as_deref());
        assets.push(Asset::new(name, file.form, &[&file.facts], root, options));
    }
    assets
}

/// Forms of which each file is an asset of its own.
fn is_data(form: Form) -> bool {
    use Form::{Csv, Json, JsonLines, Parquet, Sql, Xlsx, Xml};
    matches!(form, Csv | Json | JsonLines | Xml | Parquet | Xlsx | Sql)
}

fn tables(root: &Path, file: &Found, options: &FileOptions) -> Vec<String> {
    if !matches!(file.form, Form::Json | Form::Xlsx | Form::Sql) {
        return Vec::new();
    }
    let place = Place { root: root.to_owned(), path: file.facts.path.clone() };
    // What is broken is one asset, whose scan tells the error.
    let tables = || match file.form {
        Form::Json if file.facts.bytes <= SOURCE_JSON_BYTES_MAX => json::tables(&place, options).unwrap_or_default(),
        Form::Xlsx => xlsx::tables(&place)
            .map_or_else(|_| Vec::new(), |sheets| if sheets.len() > 1 { sheets } else { Vec::new() }),
        Form::Sql => dump::tables(&place, options).unwrap_or_default(),
        _ => Vec::new(),
    };
    known::tables(&file.facts, options, tables)
}

/// The files of `form` by the folder whose asset they are.
fn groups<'a>(root: &Path, files: &'a [Found], form: Form) -> BTreeMap<PathBuf, Vec<&'a FileFacts>> {
    // Folders with data somewhere below them.
    let mut mixed: HashSet<&Path> = HashSet::new();
    for file in files.iter().filter(|file| is_data(file.form) || file.form == Form::Html) {
        mixed.extend(file.folder().ancestors().take_while(|folder| folder.starts_with(root)));
    }
    let mut groups: BTreeMap<PathBuf, Vec<&FileFacts>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.form == form) {
        let mut folder = file.folder();
        if form == Form::Image && !mixed.contains(folder) {
            while let Some(parent) = folder.parent().filter(|above| above.starts_with(root) && !mixed.contains(above)) {
                folder = parent;
            }
        }
        groups.entry(folder.to_owned()).or_default().push(&file.facts);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, PNG};
    use super::*;

    #[test]
    fn names_are_unique_and_hidden_or_foreign_files_are_left_out() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.csv"), "a,b\n1,2\n").unwrap();
        let folder = Folder::new(&[
            ("data/订单.csv", "a,b\n1,2\n"),
            ("data/x.csv", "a,b\n1,2\n"),
            ("data/x.tsv", "a\tb\n1\t2\n"),
            (".hidden/x.csv", "a,b\n1,2\n"),
            (".x.csv", "a,b\n1,2\n"),
            ("notes.md", "# Hello"),
        ]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
            std::os::unix::fs::symlink(folder.path(), folder.path().join("data/loop")).unwrap();
        }
        let names = |options: &FileOptions| -> Vec<String> {
            let mut names: Vec<String> =
                discover(folder.path(), options).unwrap().into_iter().map(|a| a.name).collect();
            names.pop(); // the texts' asset is named after the temporary folder
            names
        };
        assert_eq!(names(&FileOptions::default()), ["data_x", "data_x_tsv", "data_订单"]);
        let flat = FileOptions { recursive: false, ..FileOptions::default() };
        assert!(names(&flat).is_empty());
        let pattern = FileOptions { pattern: Some("*.tsv".into()), ..FileOptions::default() };
        assert_eq!(discover(folder.path(), &pattern).unwrap()[0].name, "data_x");
    }

    #[test]
    fn images_of_mixed_folders_stay_apart() {
        let folder = Folder::new(&[("a/list.csv", "a,b\n1,2\n")]);
        for path in ["a/1.png", "a/front/2.png", "a/back/3.png", "b/c/4.png", "b/d/5.png"] {
            folder.write(path, PNG);
        }
        let assets = discover(folder.path(), &FileOptions::default()).unwrap();
        let found: Vec<_> = assets.iter().map(|asset| (asset.name.as_str(), asset.paths.len())).collect();
        assert_eq!(found, [("a_list", 1), ("a", 1), ("a_back", 1), ("a_front", 1), ("b", 2)]);
    }

    #[test]
    fn a_missing_folder_is_named_and_changes_are_seen() {
        let error = discover(Path::new("/no/such/folder"), &FileOptions::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::UndefinedObject);
        assert!(error.message().contains("/no/such/folder"));
        let folder = Folder::new(&[("a.csv", "a,b\n1,2\n")]);
        let asset = folder.asset("a");
        assert!(!asset.has_changed());
        folder.write("a.csv", b"a,b\n1,2\n3,4\n");
        assert!(asset.has_changed());
    }
}
