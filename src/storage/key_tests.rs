//! Data keys while the store is in use. What could go wrong: something stays under an old key and cannot be opened when that is
//! dropped; a crash between two steps; a key that was destroyed and yet opens something; one that is missed by the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::crypto::{KeySource, KeyState, MasterKey};
use crate::error::Kind;

const PATIENCE: Duration = Duration::from_secs(60);
/// An object with values and files of its own.
const OWNER: u64 = 0x0102_0304;

fn key() -> KeySource {
    MasterKey::from_bytes([42; 32]).into()
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &key()).unwrap()
}

/// Key of a value that belongs to an object.
fn of(owner: u64, n: u64) -> Vec<u8> {
    [owner.to_be_bytes(), n.to_be_bytes()].concat()
}

fn fill(store: &Store) -> Vec<FileId> {
    for n in 0..30u64 {
        let mut batch = WriteBatch::new();
        batch.put(Tree::Catalog, n.to_be_bytes(), format!("object {n}"));
        batch.put_for(OWNER, Tree::Catalog, (100 + n).to_be_bytes(), format!("own object {n}"));
        batch.put(Tree::Rows, of(OWNER, n), vec![n as u8; 1000 * n as usize]);
        batch.put(Tree::Search, of(7, n), b"term");
        store.engine().commit(batch).unwrap();
    }
    [(FileKind::Chunk, OWNER), (FileKind::Chunk, 0), (FileKind::Index, 7), (FileKind::Model, 0)]
        .map(|(kind, owner)| store.files().create(kind, owner, &vec![kind as u8; 200_000]).unwrap())
        .to_vec()
}

fn content(store: &Store) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for tree in Tree::ALL {
        for (key, value) in store.engine().scan(tree, b"").unwrap() {
            all.insert(format!("{tree:?} {key:?}"), value);
        }
    }
    for id in store.files().list().unwrap() {
        all.insert(id.to_string(), store.files().read(id).unwrap());
    }
    all
}

fn outdated(store: &Store) -> usize {
    store.keyring().facts().iter().filter(|fact| fact.state == KeyState::Outdated).count()
}

fn all_current(store: &Store) {
    let status = store.encryption_status().unwrap();
    let stale: Vec<_> =
        status.iter().filter(|row| !matches!(row.state, SealState::Current | SealState::Plain)).collect();
    assert!(stale.is_empty(), "{stale:?}");
    assert_eq!(outdated(store), 0);
    assert!(store.check().iter().all(|finding| finding.ok), "{:?}", store.check());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[test]
fn after_a_rotation_nothing_is_left_under_the_old_keys() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    let before = content(&store);
    let old: BTreeSet<u32> = store.keyring().facts().iter().map(|fact| fact.id).collect();
    for _ in 0..2 {
        store.rotate_keys().unwrap();
        store.engine().commit(WriteBatch::new()).unwrap();
        assert!(store.wait_for_keys(PATIENCE));
        all_current(&store);
        assert!(content(&store) == before);
    }
    let now: BTreeSet<u32> = store.keyring().facts().iter().map(|fact| fact.id).collect();
    // The key of counts is the one that stays.
    assert_eq!(old.intersection(&now).count(), 1);
    drop(store);
    let store = open(dir.path());
    assert!(content(&store) == before);
    drop(store);
    // And the journal with its checkpoints makes it all anew.
    fs::remove_dir_all(dir.path().join("assets")).unwrap();
    assert!(content(&open(dir.path())) == before);
}

#[test]
fn a_rotation_that_was_cut_off_is_ended_by_the_next_open() {
    let (dir, left) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(dir.path());
    fill(&store);
    let before = content(&store);
    // The new keys are there; nothing else has happened, and sled has not been flushed either.
    store.keyring().rotate_data_keys().unwrap();
    copy(dir.path(), left.path());
    let reopened = open(left.path());
    assert!(content(&reopened) == before);
    assert!(reopened.wait_for_keys(PATIENCE));
    all_current(&reopened);
    assert!(content(&reopened) == before);
    drop(reopened);
    // Some values and some files are sealed anew, and the rest is not.
    store.sealed().reseal(&|| true).unwrap();
    store.files().reseal(store.files().list().unwrap()[0]).unwrap();
    let (left, again) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    copy(dir.path(), left.path());
    store.sealed().renew_journal().unwrap();
    copy(dir.path(), again.path());
    for left in [left, again] {
        let reopened = open(left.path());
        assert!(reopened.wait_for_keys(PATIENCE));
        all_current(&reopened);
        assert!(content(&reopened) == before);
    }
}

#[test]
fn a_key_stays_as_long_as_something_is_written_with_it() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    let mut writer = store.files().writer(FileKind::Chunk, OWNER).unwrap();
    writer.write_all(&[5; 100_000]).unwrap();
    store.rotate_keys().unwrap();
    assert!(!store.wait_for_keys(Duration::from_secs(2)), "one file is not finished");
    assert_eq!(outdated(&store), 1, "all others are gone");
    let (id, _) = writer.finish().unwrap();
    assert_eq!(store.files().read(id).unwrap(), [5; 100_000]);
    drop(store);
    let store = open(dir.path());
    assert!(store.wait_for_keys(PATIENCE));
    all_current(&store);
    assert_eq!(store.files().read(id).unwrap(), [5; 100_000]);
}

/// What DROP does to the store: everything of the object goes in one commit, its key after that.
fn drop_owner(store: &Store, file: FileId) {
    let mut batch = WriteBatch::new();
    for n in 0..30u64 {
        batch.delete(Tree::Catalog, (100 + n).to_be_bytes());
        batch.delete(Tree::Rows, of(OWNER, n));
    }
    store.engine().commit(batch).unwrap();
    store.files().remove(file).unwrap();
    store.destroy_keys_of([OWNER]);
    assert!(store.wait_for_keys(PATIENCE));
}

#[test]
fn what_is_dropped_opens_nowhere_and_the_journal_goes_on_without_it() {
    let (dir, old) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(dir.path());
    let files = fill(&store);
    let all = content(&store);
    copy(&dir.path().join("assets"), &old.path().join("assets"));
    copy(&dir.path().join("files"), &old.path().join("files"));
    drop_owner(&store, files[0]);
    let left = content(&store);
    assert_eq!(left.len(), all.len() - 61);
    drop(store);

    // Old files in the place of new ones: what belonged to the object does not come back, and that is no damage.
    copy(&old.path().join("files"), &dir.path().join("files"));
    let store = open(dir.path());
    assert!(store.files().is_shredded(files[0]));
    assert_eq!(store.files().read(files[0]).unwrap_err().kind(), Kind::Corruption);
    assert!(store.check().iter().all(|finding| finding.ok));
    let status = store.encryption_status().unwrap();
    assert_eq!(status.iter().filter(|row| row.state == SealState::Shredded).count(), 1);
    store.files().remove(files[0]).unwrap();
    assert!(content(&store) == left);
    drop(store);

    // sled made anew from the first checkpoint: all commits of the object are applied, and none can be opened.
    fs::remove_dir_all(dir.path().join("assets")).unwrap();
    let store = open(dir.path());
    assert!(content(&store) == left);
    assert!(store.check().iter().all(|finding| finding.ok));
    drop(store);
    for entry in fs::read_dir(dir.path()).unwrap().flatten() {
        assert!(!entry.file_name().to_string_lossy().contains("damaged"), "{entry:?}");
    }
}

#[test]
fn a_value_whose_key_was_destroyed_reads_as_none_and_is_swept() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let files = fill(&store);
    store.files().remove(files[0]).unwrap();
    // As after a restore to a moment before the drop, with the keyring of now.
    store.destroy_keys_of([OWNER]);
    assert!(store.wait_for_keys(PATIENCE));
    assert_eq!(store.engine().get(Tree::Rows, &of(OWNER, 3)).unwrap(), None);
    assert!(store.engine().scan(Tree::Rows, b"").unwrap().is_empty());
    assert_eq!(store.engine().scan(Tree::Catalog, b"").unwrap().len(), 30);
    assert!(store.check().iter().all(|finding| finding.ok));
    let left = content(&store);
    // The number may be given again, with a key of its own.
    let mut batch = WriteBatch::new();
    batch.put(Tree::Rows, of(OWNER, 3), b"another");
    store.engine().commit(batch).unwrap();
    assert_eq!(store.engine().get(Tree::Rows, &of(OWNER, 3)).unwrap().unwrap(), b"another");
    store.rotate_keys().unwrap();
    assert!(store.wait_for_keys(PATIENCE));
    all_current(&store);
    assert_eq!(content(&store).len(), left.len() + 1);
    let destroyed = store.keyring().facts().iter().filter(|fact| fact.state == KeyState::Destroyed).count();
    assert_eq!(destroyed, 0, "nothing names it any more");
}

#[test]
fn an_emptied_object_gets_a_new_key_and_loses_the_old_one() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    let keys = |store: &Store| {
        let all = store.keyring().facts().into_iter();
        all.filter(|fact| fact.scope == crate::crypto::Scope::Object(OWNER)).map(|fact| fact.id).collect::<Vec<_>>()
    };
    let before = (keys(&store), content(&store));
    store.renew_keys_of([OWNER, 999]).unwrap();
    assert!(store.wait_for_keys(PATIENCE));
    let after = keys(&store);
    assert!(after.len() == 1 && after != before.0);
    assert!(content(&store) == before.1);
    all_current(&store);
}

#[test]
fn an_older_keyring_in_the_place_of_the_newest_is_told() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let old = fs::read(dir.path().join("keyring")).unwrap();
    let store = open(dir.path());
    fill(&store);
    store.rotate_keys().unwrap();
    assert!(store.wait_for_keys(PATIENCE));
    let before = content(&store);
    drop(store);
    fs::write(dir.path().join("keyring"), &old).unwrap();
    let error = Store::open(dir.path(), &key()).unwrap_err();
    assert_eq!(error.kind(), Kind::Corruption);
    assert!(error.message().contains("keyring") && error.message().contains("older"), "{error}");
    // Nor does an older copy stand in for one that is missing: it lacks the keys of what was written since.
    fs::remove_file(dir.path().join("keyring")).unwrap();
    let copy = fs::read(dir.path().join("keyring.old")).unwrap();
    fs::write(dir.path().join("keyring.old"), &old).unwrap();
    let error = Store::open(dir.path(), &key()).unwrap_err();
    assert_eq!(error.kind(), Kind::Corruption);
    assert!(
        error.message().contains("keyring.old") && error.detail().unwrap().contains("missing or damaged"),
        "{error}"
    );
    assert!(!dir.path().join("keyring").exists(), "nothing is written");
    fs::write(dir.path().join("keyring.old"), copy).unwrap();
    assert!(content(&open(dir.path())) == before);
    assert_eq!(fs::read(dir.path().join("keyring")).unwrap(), fs::read(dir.path().join("keyring.old")).unwrap());
}

#[test]
fn the_master_key_is_replaced_while_nobody_has_the_folder() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    let before = content(&store);
    let new = KeySource::passphrase("a word or two");
    assert_eq!(rotate_master_key(dir.path(), &key(), &new).unwrap_err().kind(), Kind::InUse);
    drop(store);
    assert_eq!(rotate_master_key(dir.path(), &new, &key()).unwrap_err().kind(), Kind::WrongKey);
    rotate_master_key(dir.path(), &key(), &new).unwrap();
    assert_eq!(Store::open(dir.path(), &key()).unwrap_err().kind(), Kind::WrongKey);
    assert!(is_master_key(dir.path(), &new).unwrap() && !is_master_key(dir.path(), &key()).unwrap());
    assert!(content(&Store::open(dir.path(), &new).unwrap()) == before);
}

#[test]
fn a_past_that_is_shredded_opens_nowhere_and_the_present_stays() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    store.set_kept(86_400_000).unwrap();
    let old = store.files().create(FileKind::Chunk, OWNER, &[9; 100_000]).unwrap();
    store.files().remove(old).unwrap();
    store.engine().commit(WriteBatch::new()).unwrap();
    let before = content(&store);
    let first = store.span().unwrap().first;
    let mut last = first;
    let note = |past: Past| {
        last = past.number;
        Ok(true)
    };
    store.commits(first, note).unwrap();
    let owned = |number: u64| {
        let state = store.state_at(number).unwrap();
        let rows = state.scan(Tree::Rows, &OWNER.to_be_bytes()).unwrap().len();
        (rows, state.scan(Tree::Search, b"").unwrap().len())
    };
    assert_eq!((owned(last), store.files().list_retired().len()), ((30, 30), 1));
    // A plain new key leaves the past to who may read it.
    store.renew_keys_of([OWNER]).unwrap();
    assert!(!store.wait_for_keys(Duration::from_secs(2)));
    assert_eq!(owned(last), (30, 30));
    let owners = BTreeSet::from([OWNER]);
    store.shred_past_of(&owners).unwrap();
    assert!(store.wait_for_shreds(&owners, PATIENCE));
    assert_eq!((owned(last), store.files().list_retired().len()), ((0, 30), 0));
    assert!(content(&store) == before);
    assert!(store.check().iter().all(|finding| finding.ok), "{:?}", store.check());
    drop(store);
    let store = open(dir.path());
    assert!(content(&store) == before);
    drop(store);
    // What a recovery begins with is of the present.
    fs::remove_dir_all(dir.path().join("assets")).unwrap();
    assert!(content(&open(dir.path())) == before);
}
