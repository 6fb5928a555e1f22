//! The folder as a whole. What could go wrong: a value in plain on the disk, a second process, a crash between two steps, a
//! full disk, any byte flipped. Promised: an error that names the thing, or exactly the data that were written; never a panic.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::engine::conformance;
use super::*;
use crate::crypto::{KeySource, MasterKey};
use crate::error::{Kind, Result};

pub(super) fn key() -> KeySource {
    MasterKey::from_bytes([42; 32]).into()
}

pub(super) fn put(store: &Store, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
    let mut batch = WriteBatch::new();
    batch.put(tree, key, value);
    store.engine().commit(batch)
}

/// A small database with a value in each tree, one of them in parts, and two files; closed cleanly.
pub(super) fn sample(dir: &Path) -> FileId {
    let store = Store::open(dir, &key()).unwrap();
    for tree in Tree::ALL {
        for n in 0..20u8 {
            put(&store, tree, &[n], format!("secret-{}-{n}", tree.name()).as_bytes()).unwrap();
        }
    }
    put(&store, Tree::Catalog, b"long", &b"secret-long".repeat(5000)).unwrap();
    store.files().create(FileKind::Chunk, 0, b"secret-short-file").unwrap();
    store.files().create(FileKind::Model, 0, &b"secret-file".repeat(20_000)).unwrap()
}

/// Everything that can be read, or the first error.
pub(super) fn content(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let store = Store::open(dir, &key())?;
    let mut all = BTreeMap::new();
    for tree in Tree::ALL {
        for (key, value) in store.engine().scan(tree, b"")? {
            all.insert(format!("{tree:?} {key:?}"), value);
        }
    }
    for id in store.files().list()? {
        all.insert(id.to_string(), store.files().read(id)?);
    }
    Ok(all)
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

pub(super) fn paths(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(paths(&entry.path())),
            false => all.push(entry.path()),
        }
    }
    all.sort();
    all
}

/// Some places in a file: all of a small one's beginning, then ever fewer.
fn places(length: usize) -> Vec<usize> {
    let step = (length / 12).max(1);
    [0, 1, 9, 17]
        .into_iter()
        .chain((step / 2..).step_by(step).take(14))
        .chain([length - 1])
        .filter(|p| *p < length)
        .collect()
}

#[test]
fn the_engine_on_disk_conforms_and_keeps_what_it_was_given() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    conformance::all(store.engine().clone());
    assert!(store.check().iter().all(|finding| finding.ok), "{:?}", store.check());
    let rows = store.engine().scan(Tree::Rows, b"").unwrap();
    drop(store);
    let store = Store::open(dir.path(), &key()).unwrap();
    assert_eq!(store.engine().scan(Tree::Rows, b"").unwrap(), rows);
    assert!(store.check().iter().all(|finding| finding.ok), "{:?}", store.check());
}

#[test]
fn nothing_is_readable_on_the_disk() {
    let dir = TempDir::new().unwrap();
    sample(dir.path());
    for path in paths(dir.path()) {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"secret-"), "{}", path.display());
    }
}

#[test]
fn a_wrong_key_a_second_open_and_a_foreign_folder_are_refused() {
    let dir = TempDir::new().unwrap();
    sample(dir.path());
    let wrong = MasterKey::from_bytes([1; 32]).into();
    assert_eq!(Store::open(dir.path(), &wrong).unwrap_err().kind(), Kind::WrongKey);
    assert_eq!(check(dir.path(), &wrong).unwrap_err().kind(), Kind::WrongKey);

    let store = Store::open(dir.path(), &key()).unwrap();
    let error = Store::open(dir.path(), &key()).unwrap_err();
    assert_eq!(error.kind(), Kind::InUse);
    assert!(error.message().contains(&format!("process {}", std::process::id())), "{error}");
    let engine = store.engine().clone();
    drop(store);
    assert_eq!(Store::open(dir.path(), &key()).unwrap_err().kind(), Kind::InUse, "the engine still lives");
    drop(engine);
    assert!(Store::open(dir.path(), &key()).is_ok());

    let foreign = TempDir::new().unwrap();
    fs::write(foreign.path().join("thesis.txt"), "x").unwrap();
    assert_eq!(Store::open(foreign.path(), &key()).unwrap_err().kind(), Kind::Configuration);
    assert_eq!(paths(foreign.path()).len(), 1, "nothing was written into it");
    assert_eq!(Store::open_existing(&foreign.path().join("none"), &key()).unwrap_err().kind(), Kind::Configuration);
}

#[test]
fn a_passphrase_opens_what_it_made() {
    let dir = TempDir::new().unwrap();
    let pass = KeySource::passphrase("correct horse 电池");
    put(&Store::open(dir.path(), &pass).unwrap(), Tree::Sys, b"a", b"b").unwrap();
    assert_eq!(Store::open(dir.path(), &KeySource::passphrase("wrong")).unwrap_err().kind(), Kind::WrongKey);
    assert_eq!(Store::open(dir.path(), &pass).unwrap().engine().get(Tree::Sys, b"a").unwrap().unwrap(), b"b");
}

#[test]
fn a_making_that_was_cut_off_begins_anew() {
    let dir = TempDir::new().unwrap();
    sample(dir.path());
    fs::write(dir.path().join("CREATING"), "").unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    assert!(store.engine().scan(Tree::Rows, b"").unwrap().is_empty());
    assert!(!dir.path().join("CREATING").exists());
}

/// A copy taken while the store runs is what `kill -9` leaves: no clean close, and a recovery by sled.
#[test]
fn a_killed_process_loses_no_commit_and_leaves_no_half_file() {
    let (dir, left) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Store::open(dir.path(), &key()).unwrap();
    for n in 0..50u8 {
        put(&store, Tree::Rows, &[n], &[n; 300]).unwrap();
    }
    let mut writer = store.files().writer(FileKind::Index, 0).unwrap();
    writer.write_all(&[1; 300_000]).unwrap();
    copy(dir.path(), left.path());
    // A checkpoint that was begun, of which nothing came.
    std::fs::write(left.path().join("journal/00000000000000000007.part"), b"").unwrap();
    let parts = |dir: &Path| paths(dir).iter().filter(|path| path.extension().is_some_and(|e| e == "part")).count();
    assert_eq!(parts(left.path()), 2);
    drop(writer);
    assert_eq!(parts(dir.path()), 0, "a dropped writer cleans up at once");
    drop(store);

    let store = Store::open(left.path(), &key()).unwrap();
    assert_eq!(store.engine().scan(Tree::Rows, b"").unwrap().len(), 50);
    assert_eq!((parts(left.path()), store.files().list().unwrap().len()), (0, 0));
    assert!(store.check().iter().all(|finding| finding.ok));
}

#[test]
fn files_are_read_whole_and_in_ranges() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    let files = store.files();
    let block = crate::config::BLOCK_BYTES;
    for length in [0, 1, block - 1, block, block + 1, 3 * block + 17] {
        let bytes: Vec<u8> = (0..length).map(|n| (n * 7 + n / 251) as u8).collect();
        let mut writer = files.writer(FileKind::Chunk, 0).unwrap();
        bytes.chunks(10_000).for_each(|piece| writer.write_all(piece).unwrap());
        let (id, written) = writer.finish().unwrap();
        assert_eq!((written, files.len(id).unwrap()), (length as u64, length as u64));
        assert!(files.read(id).unwrap() == bytes);
        for (from, to) in [(0, length), (length / 2, length), (length, length), (length / 3, length / 2)] {
            assert!(files.read_range(id, from as u64, to - from).unwrap() == bytes[from..to]);
        }
        assert_eq!(files.read_range(id, length as u64, 1).unwrap_err().kind(), Kind::Internal);
        files.verify(id).unwrap();
        files.remove(id).unwrap();
        files.remove(id).unwrap();
        let gone = files.read(id).unwrap_err();
        assert_eq!(gone.kind(), Kind::Corruption);
        assert!(gone.message().contains(&id.to_string()));
    }
    assert!(files.list().unwrap().is_empty());
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    put(&store, Tree::Rows, b"a", b"before").unwrap();
    let id = store.files().create(FileKind::Chunk, 0, b"before").unwrap();
    store.pretend_free_bytes(Some(1000));
    assert_eq!(put(&store, Tree::Rows, b"a", b"after").unwrap_err().kind(), Kind::DiskFull);
    assert_eq!(store.files().create(FileKind::Chunk, 0, b"x").unwrap_err().kind(), Kind::DiskFull);
    assert_eq!(store.engine().get(Tree::Rows, b"a").unwrap().unwrap(), b"before");
    assert_eq!(store.files().read(id).unwrap(), b"before");
    store.pretend_free_bytes(None);
    put(&store, Tree::Rows, b"a", b"after").unwrap();
    drop(store);
    assert_eq!(Store::open(dir.path(), &key()).unwrap().engine().get(Tree::Rows, b"a").unwrap().unwrap(), b"after");
}

#[test]
fn a_flipped_byte_after_a_clean_close_is_an_error_or_mended() {
    let (dir, damaged) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let big = sample(dir.path());
    let good = content(dir.path()).unwrap();
    let (mut refused, mut mended) = (BTreeMap::new(), 0);
    for path in paths(dir.path()) {
        let name = path.strip_prefix(dir.path()).unwrap().to_path_buf();
        let length = fs::metadata(&path).unwrap().len() as usize;
        for place in places(length) {
            fs::remove_dir_all(damaged.path()).unwrap();
            copy(dir.path(), damaged.path());
            let mut bytes = fs::read(&path).unwrap();
            bytes[place] ^= 0x20;
            fs::write(damaged.path().join(&name), bytes).unwrap();
            match content(damaged.path()) {
                Ok(found) => {
                    assert!(found == good, "byte {place} of {} changed what is read", name.display());
                    mended += usize::from(name.starts_with("assets"));
                    // A journal that is not needed may be set aside too.
                    let replaced = kept_damage(damaged.path()) == 1;
                    assert!(replaced || !name.starts_with("assets"), "{}", name.display());
                    assert!(!replaced || !name.starts_with("files"), "{}", name.display());
                }
                Err(error) => {
                    assert!(
                        matches!(error.kind(), Kind::Corruption | Kind::FormatVersion),
                        "byte {place} of {}: {error}",
                        name.display()
                    );
                    *refused.entry(name.display().to_string()).or_insert(0) += 1;
                }
            }
        }
    }
    // Every byte of these counts; damage to `assets` is mended.
    let name = files::Files::shown(big);
    let length = fs::metadata(dir.path().join(&name)).unwrap().len() as usize;
    assert_eq!(refused.get(&name), Some(&places(length).len()), "{name}");
    assert_eq!(refused.get("keyring"), None, "its copy stands in for it");
    assert!(mended >= places(1000).len(), "{mended}");
    assert!(check(dir.path(), &key()).unwrap().iter().all(|finding| finding.ok));
}

/// Damaged folders that were set aside.
fn kept_damage(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().contains(".damaged-")).count()
}

/// Here sled itself reads the damage, since nothing says what its files should be.
#[test]
fn damage_to_a_killed_store_is_mended() {
    let (dir, left, damaged) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    sample(dir.path());
    let store = Store::open(dir.path(), &key()).unwrap();
    for n in 0..200u8 {
        put(&store, Tree::Rows, &[n], &[n; 700]).unwrap();
        // sled's log is to have many pieces that can be damaged.
        store.sealed().apply_pending().unwrap();
    }
    store.sealed().flush().unwrap();
    copy(dir.path(), left.path());
    drop(store);
    let good = content(dir.path()).unwrap();
    let log = fs::read(left.path().join("assets/db")).unwrap();
    // sled makes room for more than it has written.
    let written = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut mended = 0;
    for trial in 0..24 {
        fs::remove_dir_all(damaged.path()).unwrap();
        copy(left.path(), damaged.path());
        let place = trial * written / 24;
        let mut bytes = log.clone();
        match trial % 3 {
            0 => bytes[place] ^= 0x20,
            1 => bytes[place..].iter_mut().take(4096).for_each(|byte| *byte = 0),
            _ => bytes.truncate(place),
        }
        fs::write(damaged.path().join("assets/db"), bytes).unwrap();
        let found = content(damaged.path()).unwrap_or_else(|error| panic!("trial {trial} at {place}: {error}"));
        assert!(found == good, "trial {trial} at {place} changed what is read");
        // What was replaced is reported as long as it is kept; the end of a log that sled cuts off by itself is no damage.
        let replaced = kept_damage(damaged.path()) > 0;
        assert_eq!(check(damaged.path(), &key()).unwrap().iter().any(|finding| !finding.ok), replaced);
        mended += usize::from(replaced);
    }
    assert!(mended > 0, "no trial in {written} of {} bytes did any damage: the test has tested nothing", log.len());
}

/// What is only in the journal is lost when the journal is, and that is said; what sled has too is not.
#[test]
fn a_damaged_journal_is_told_where_it_matters() {
    let (dir, left, damaged) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    sample(dir.path());
    // sled as it was before the commits that follow, with a journal that has them.
    let old = TempDir::new().unwrap();
    copy(&dir.path().join("assets"), old.path());
    let store = Store::open(dir.path(), &key()).unwrap();
    for n in 0..50u8 {
        put(&store, Tree::Rows, &[n], &[n; 700]).unwrap();
    }
    copy(dir.path(), left.path());
    drop(store);
    fs::remove_dir_all(left.path().join("assets")).unwrap();
    copy(old.path(), &left.path().join("assets"));
    let good = content(dir.path()).unwrap();
    let logs = |dir: &Path| {
        let all = paths(&dir.join("journal"));
        all.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "log")).collect::<Vec<_>>()
    };
    let last = logs(left.path()).pop().unwrap();
    let name = last.strip_prefix(left.path()).unwrap();
    let bytes = fs::read(&last).unwrap();
    // Ahead of what was written there is nothing to damage.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for trial in 0..16 {
        fs::remove_dir_all(damaged.path()).unwrap();
        copy(left.path(), damaged.path());
        let place = trial * end / 16;
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(damaged.path().join(name), &changed).unwrap();
        let error = content(damaged.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::Corruption, "byte {place}: {error}");
        assert!(error.message().contains("journal"), "{error}");
    }
    // Whole, it brings sled up to date; and one that sled does not need may be damaged.
    assert!(content(left.path()).unwrap() == good);
    for path in logs(dir.path()) {
        fs::remove_dir_all(damaged.path()).unwrap();
        copy(dir.path(), damaged.path());
        let mut changed = fs::read(&path).unwrap();
        let place = changed.len() / 2;
        changed[place] ^= 1;
        fs::write(damaged.path().join(path.strip_prefix(dir.path()).unwrap()), &changed).unwrap();
        assert!(content(damaged.path()).unwrap() == good, "{}", path.display());
    }
}

/// Checkpoints bound the journal, and either of the two that are kept is enough to make sled anew.
#[test]
fn checkpoints_bound_the_journal() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    let value = vec![7; 8 << 20];
    for n in 0..30u8 {
        put(&store, Tree::Rows, &[n % 3], &value).unwrap();
        put(&store, Tree::Catalog, &[n], &[n; 50]).unwrap();
    }
    drop(store);
    let good = content(dir.path()).unwrap();
    let listing = journal::Listing::read(dir.path()).unwrap();
    assert_eq!(listing.checkpoints.len(), crate::config::CHECKPOINTS_KEPT);
    assert!(listing.checkpoints[0].0 > 1, "the first one is gone");
    let bytes: u64 = paths(&dir.path().join("journal")).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes < 250 << 20, "{bytes} bytes of journal for 24 MiB of values");
    for damage_last in [false, true] {
        let damaged = TempDir::new().unwrap();
        copy(dir.path(), damaged.path());
        fs::remove_dir_all(damaged.path().join("assets")).unwrap();
        if damage_last {
            let path = damaged.path().join(listing.checkpoints[1].1.strip_prefix(dir.path()).unwrap());
            let mut bytes = fs::read(&path).unwrap();
            bytes.truncate(bytes.len() / 2);
            fs::write(&path, bytes).unwrap();
        }
        assert!(content(damaged.path()).unwrap() == good);
    }
}

/// What sled would be made anew from is looked at before it is needed, and made whole while sled is.
#[test]
fn a_damaged_checkpoint_is_replaced_while_the_values_are_whole() {
    let dir = TempDir::new().unwrap();
    sample(dir.path());
    for later_commits in [0, 1] {
        let store = Store::open(dir.path(), &key()).unwrap();
        store.checkpoint().unwrap();
        let (_, path) = journal::Listing::read(dir.path()).unwrap().checkpoints.pop().unwrap();
        (0..later_commits).for_each(|_| put(&store, Tree::Rows, b"later", b"value").unwrap());
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let damaged =
            |findings: Vec<Finding>| -> Vec<Finding> { findings.into_iter().filter(|found| !found.ok).collect() };
        let found = damaged(store.check_values_and_mend());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].kind == "checkpoint" && path.ends_with(&found[0].object), "{found:?}");
        assert!(found[0].message.contains("a fresh one after commit"), "{found:?}");
        assert_eq!(path.exists(), later_commits == 0, "the damaged one goes, unless the fresh one has its name");
        assert!(damaged(store.check_values_and_mend()).is_empty());
        drop(store);
        let good = content(dir.path()).unwrap();
        fs::remove_dir_all(dir.path().join("assets")).unwrap();
        assert!(content(dir.path()).unwrap() == good, "sled is made anew from it");
    }
}

#[test]
fn missing_pieces_are_named() {
    let (dir, damaged) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    sample(dir.path());
    let good = content(dir.path()).unwrap();
    for names in [&["keyring", "keyring.old"][..], &["head"]] {
        fs::remove_dir_all(damaged.path()).unwrap();
        copy(dir.path(), damaged.path());
        names.iter().for_each(|name| fs::remove_file(damaged.path().join(name)).unwrap());
        let error = Store::open(damaged.path(), &key()).unwrap_err();
        assert_eq!(error.kind(), Kind::Corruption, "{names:?}: {error}");
        assert!(error.message().contains(names[0]), "{error}");
    }
    fs::remove_dir_all(damaged.path()).unwrap();
    copy(dir.path(), damaged.path());
    fs::remove_dir_all(damaged.path().join("files")).unwrap();
    let error = Store::open(damaged.path(), &key()).unwrap_err();
    assert_eq!(error.kind(), Kind::Corruption, "{error}");
    assert!(error.message().contains("files"), "{error}");
    // What can be made anew is.
    for name in ["keyring", "keyring.old", "assets/db", "assets/conf", "assets", "journal"] {
        fs::remove_dir_all(damaged.path()).unwrap();
        copy(dir.path(), damaged.path());
        let path = damaged.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        };
        assert!(content(damaged.path()).unwrap() == good, "{name}");
    }
}

#[test]
fn the_status_tells_of_everything_that_lies_there() {
    let dir = TempDir::new().unwrap();
    sample(dir.path());
    let store = Store::open(dir.path(), &key()).unwrap();
    fs::write(dir.path().join("note.txt"), "left by somebody").unwrap();
    let status = store.encryption_status().unwrap();
    for kind in ["keyring", "head", "journal", "checkpoint", "tree", "store", "chunk", "model"] {
        let rows: Vec<_> = status.iter().filter(|row| row.kind == kind).collect();
        assert!(!rows.is_empty(), "{kind}");
        assert!(
            rows.iter().all(|row| row.algorithm == Some("AES-256-GCM") && row.state == SealState::Current),
            "{rows:?}"
        );
        assert!(rows.iter().all(|row| kind == "store" || row.key_version.is_some() && row.items > 0 && row.bytes > 0));
    }
    let plain: Vec<_> = status.iter().filter(|row| row.state == SealState::Plain).map(|row| &row.object).collect();
    assert_eq!(plain, ["LOCK", "note.txt"]);
    let files = paths(dir.path()).len();
    let told: std::collections::BTreeSet<_> =
        status.iter().filter(|row| row.kind != "tree").map(|row| &row.object).collect();
    assert_eq!(told.len(), files, "{told:?}");

    let id = store.files().list().unwrap()[0];
    let path = dir.path().join(Files::shown(id));
    let mut bytes = fs::read(&path).unwrap();
    bytes[64] ^= 1;
    fs::write(&path, bytes).unwrap();
    let status = store.encryption_status().unwrap();
    let damaged: Vec<_> = status.iter().filter(|row| row.state == SealState::Damaged).map(|row| &row.object).collect();
    assert_eq!(damaged, [&Files::shown(id)]);
}
