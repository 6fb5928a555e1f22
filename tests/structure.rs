//! The house keeps its order: which room may use which, which outside library belongs to whom, and a tidy tree.
//!
//! What could go wrong: inside a crate (there are two: `core.rs`, `lib.rs`) the compiler lets any module use any other, and
//! one arrow backwards ties rooms into a knot that nobody unties later. So this test reads the sources: it resolves every `crate::NAME` (through the
//! re-exports of `lib.rs`) to a room, and every `LIBRARY::` to its owner. Comments may speak of any room.
//!
//! An exception stands in a list here with its reason, and must still be needed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, lowest first: each may use those before it.
const ROOMS: [&str; 15] = [
    "error",
    "config",
    "encoding",
    "crypto",
    "storage",
    "catalog",
    "wording",
    "txn",
    "search",
    "models",
    "sources",
    "governance",
    "sql",
    "server",
    "cli",
];

/// Rooms that do not know each other, whatever their order.
const STRANGERS: [&str; 3] = ["search", "models", "sources"];

/// Outside libraries that one room names, so that replacing one is a change to one room.
const OWNERS: &[(&str, &[&str])] = &[
    ("crypto", &["ring"]),
    ("storage", &["sled"]),
    ("search", &["tantivy", "jieba_rs", "frostem", "unicode_normalization"]),
    ("models", &["candle_core", "candle_nn", "gemm", "tokenizers", "rayon"]),
    ("encoding", &["encoding_rs"]),
    ("sources", &["csv", "quick_xml", "scraper", "imagesize", "chardetng", "libflate", "tokio_postgres"]),
    ("wording", &["datafusion_common", "sqlparser"]),
    ("sql", &["datafusion", "datafusion_functions_json", "parquet"]),
    ("server", &["pgwire", "tokio_rustls", "x509_certificate"]),
    ("cli", &["clap", "tracing_subscriber"]),
];

/// A room that names another's library, and why it may.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "server",
        "datafusion",
        "rows leave `sql` as DataFusion's stream, and parameters enter it as its ScalarValue; both are types, no engine",
    ),
    ("server", "tokio_postgres", "its tests are a client's"),
    ("sources", "parquet", "files of sources are read below SQL, and exports are written above it"),
    ("sources", "tokio_rustls", "other databases are entered encrypted by what encrypts our own server"),
    ("sources", "encoding_rs", "files are in more encodings than clients speak, and are decoded as they are read"),
];

/// Arrow is common speech from this room on.
const ARROW_FROM: &str = "catalog";
/// Rooms below it that know Arrow, and why.
const ARROW_BELOW: &[(&str, &str)] =
    &[("encoding", "`pg_text` writes the cells of Arrow columns as PostgreSQL writes its values")];

/// Lines of a file at most; the middle one should have 110 to 300.
const LINES_MAX: usize = 700;

/// One source file.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The room it belongs to; none for `lib.rs`, `core.rs` and `main.rs`, which may name every room.
    fn room(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let first = rest.split('/').next()?;
        let first = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(first, "lib" | "core" | "main")).then_some(first)
    }

    /// The text without comments. A `//` within a string is taken for one too, which hides at most the rest of that line.
    fn code(&self) -> String {
        let lines = self.text.lines().map(|line| match line.split_once("//") {
            Some((code, _)) => code,
            None => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the project, in order.
fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(root()).unwrap().display().to_string(),
        text: fs::read_to_string(&path).unwrap(),
    };
    paths.into_iter().map(read).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows each `prefix` that begins a word: a name, or each of the first names in braces.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].chars().next_back().is_some_and(|c| is_name(c) || c == '$') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.extend(Some(rest.chars().take_while(|c| is_name(*c)).collect::<String>()).filter(|n| !n.is_empty()));
            continue;
        };
        let (mut depth, mut parts) = (0usize, vec![String::new()]);
        for c in list.chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => parts.push(String::new()),
                _ => {}
            }
            parts.last_mut().unwrap().push(c);
        }
        let name =
            |part: &String| part.trim_start_matches([',', ' ', '\n']).chars().take_while(|c| is_name(*c)).collect();
        found.extend(parts.iter().map(name));
    }
    found.retain(|name| !name.is_empty());
    found
}

/// Names that `lib.rs` lends from its rooms: `pub use error::{Error, Kind}`, and macros of `error`.
fn lent(lib: &str) -> BTreeMap<String, String> {
    let mut lent = BTreeMap::from([("fail".to_owned(), "error".to_owned())]);
    for room in ROOMS {
        for prefix in [format!("pub use {room}::"), format!("pub use crate::{room}::")] {
            for (at, _) in lib.match_indices(&prefix) {
                let list = lib[at + prefix.len()..].split(';').next().unwrap_or_default();
                let last = |name: &str| {
                    name.rsplit("::").next().unwrap_or(name).trim_matches([' ', '\n', '{', '}']).to_owned()
                };
                lent.extend(
                    list.split(',').map(|name| (last(name), room.to_owned())).filter(|(name, _)| !name.is_empty()),
                );
            }
        }
    }
    lent
}

/// Why a room may not use another, if it may not.
fn refused(room: &str, used: &str) -> Option<String> {
    let place = |name: &str| ROOMS.iter().position(|room| *room == name);
    let (Some(from), Some(to)) = (place(room), place(used)) else {
        return Some(format!("`{room}` uses `{used}`, which is no room of the list"));
    };
    if to > from {
        return Some(format!("`{room}` uses `{used}`, which stands above it"));
    }
    let strangers = room != used && STRANGERS.contains(&room) && STRANGERS.contains(&used);
    strangers.then(|| format!("`{room}` uses `{used}`; the two do not know each other"))
}

/// How many `super::` lead from a file's own module to the root of the crate.
fn depth(path: &str) -> usize {
    let parts = path.strip_prefix("src/").unwrap_or(path).split('/').count();
    if path.ends_with("/mod.rs") { parts - 1 } else { parts }
}

#[test]
fn arrows_between_rooms_point_down() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let lent = lent(&lib);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources("src") {
        let Some(room) = source.room() else { continue };
        seen.insert(room.to_owned());
        for name in names_after(&source.code(), "crate::") {
            let used = lent.get(&name).map_or(name.as_str(), String::as_str);
            wrong.extend(refused(room, used).map(|why| format!("{}: {why}", source.path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing: Vec<_> = ROOMS.iter().filter(|room| !seen.contains(**room)).collect();
    assert!(missing.is_empty(), "rooms without a file: {missing:?}");
}

#[test]
fn no_way_around_by_super() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let mut inside_tests = 0;
        for (number, line) in source.code().lines().enumerate() {
            // A module of tests inside the file lies one deeper.
            inside_tests = if line.starts_with("mod ") && line.ends_with('{') { 1 } else { inside_tests };
            let longest =
                line.split(|c: char| !is_name(c) && c != ':').map(|word| word.matches("super::").count()).max();
            if longest.unwrap_or(0) >= depth(&source.path) + inside_tests && longest > Some(0) {
                wrong.push(format!("{}:{}: `super` reaches the root; write `crate::ROOM`", source.path, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether code names a library: as the first part of a path, or whole in a `use`.
fn names_library(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    let starts = |at: usize| !code[..at].chars().next_back().is_some_and(|c| is_name(c) || c == ':' || c == '.');
    code.match_indices(&path).any(|(at, _)| starts(at))
        || [format!("use {library};"), format!("use {library} as ")].iter().any(|form| code.contains(form.as_str()))
}

#[test]
fn libraries_are_named_by_their_owners() {
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for source in sources("src") {
        let room = source.room().unwrap_or("lib");
        let code = source.code();
        for (owner, libraries) in OWNERS {
            for library in libraries.iter().filter(|library| *owner != room && names_library(&code, library)) {
                match EXCEPTIONS.iter().any(|(who, what, _)| *who == room && what == library) {
                    true => _ = needed.insert((room.to_owned(), library.to_string())),
                    false => wrong.push(format!("{}: names `{library}`, which belongs to `{owner}`", source.path)),
                }
            }
        }
        let below = ROOMS.iter().take_while(|name| **name != ARROW_FROM).any(|name| *name == room);
        if below && names_library(&code, "arrow") {
            match ARROW_BELOW.iter().any(|(who, _)| *who == room) {
                true => _ = needed.insert((room.to_owned(), "arrow".to_owned())),
                false => wrong.push(format!("{}: names `arrow` below `{ARROW_FROM}`", source.path)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed =
        EXCEPTIONS.iter().map(|(who, what, _)| (*who, *what)).chain(ARROW_BELOW.iter().map(|(who, _)| (*who, "arrow")));
    for (who, what) in listed {
        assert!(
            needed.contains(&(who.to_owned(), what.to_owned())),
            "`{who}` no longer names `{what}`: strike the exception"
        );
    }
}

#[test]
fn the_tree_is_tidy() {
    // Spelt apart, so that this file passes too.
    let unfinished = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines are more than {LINES_MAX}", source.path));
        }
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: does not open with a page", source.path));
        }
        if !source.text.ends_with('\n') {
            wrong.push(format!("{}: its last line has no end", source.path));
        }
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = unfinished.iter().find(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{}: {word}...)", source.path, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The test of the tests: what they must see.
#[test]
fn arrows_are_seen_in_every_form() {
    let code = "use crate::{Result, sql::{Database, x}, fail};\nlet x = crate::server::serve();\nuse crate::{\n  cli,\n  a::b,\n};";
    assert_eq!(names_after(code, "crate::"), ["Result", "sql", "fail", "server", "cli", "a"]);
    assert_eq!(names_after("$crate::error::Error my_crate::x", "crate::"), [""; 0]);
    let lent = lent("pub use error::{Error, Kind};\npub use sql::Database;\npub use encoding::pg_text::cell_text;\n");
    assert_eq!(lent.get("Kind").map(String::as_str), Some("error"));
    assert_eq!(lent.get("Database").map(String::as_str), Some("sql"));
    assert_eq!(lent.get("cell_text").map(String::as_str), Some("encoding"));

    assert!(refused("storage", "catalog").is_some(), "backwards");
    assert!(refused("models", "search").is_some(), "strangers");
    assert!(refused("sql", "attic").is_some(), "unknown");
    assert_eq!(refused("sql", "models"), None);
    assert_eq!(refused("models", "models"), None);

    assert!(names_library("let db = sled::open(path);", "sled"));
    assert!(names_library("use sled;", "sled"));
    assert!(!names_library("use arrow::csv::Reader; unsled::x", "csv"));
    assert!(!names_library("unsled::x", "sled"));

    assert_eq!((depth("src/error.rs"), depth("src/sql/mod.rs"), depth("src/sql/ddl/drop.rs")), (1, 1, 3));
    let source = Source { path: "src/sql/ddl/drop.rs".to_owned(), text: "use a; // crate::cli\n".to_owned() };
    assert_eq!((source.room(), source.code().as_str()), (Some("sql"), "use a; "));
}
