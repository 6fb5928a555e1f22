//! Backups and the past. What could go wrong: a backup that does not restore, or to something else; one that is damaged and
//! says nothing; a moment that cannot be reached and is given all the same.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::engine::{Engine, Tree};
use super::restore::{Latest, Target};
use super::tests::{content, key, paths, put, sample};
use super::*;
use crate::crypto::MasterKey;
use crate::error::{Kind, Result};

/// Stops after the commit of this number.
struct Until(u64);

impl Target for Until {
    fn covers(&mut self, number: u64, _: u64, state: &dyn Fn() -> Result<MemoryEngine>) -> Result<bool> {
        state().map(|_| number <= self.0)
    }

    fn includes(&mut self, commit: &Past) -> Result<bool> {
        Ok(commit.number <= self.0)
    }

    fn end(&mut self, _: u64) -> Result<()> {
        crate::fail!(Configuration, "beyond the end")
    }
}

fn quiet(_: Copying) -> Result<()> {
    Ok(())
}

fn restored(from: &Path, target: &mut dyn Target) -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    restore(from, &data, &key(), target)?.finish()?;
    Ok((folder, data))
}

#[test]
fn a_backup_comes_back_and_the_next_one_copies_only_what_is_new() {
    let (dir, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    sample(dir.path());
    let store = Store::open(dir.path(), &key()).unwrap();
    let first = store.backup(to.path(), false, quiet).unwrap();
    assert!(first.copied > 3 && first.copied_bytes <= first.bytes);
    let kept = store.files().create(FileKind::Chunk, 0, b"new").unwrap();
    put(&store, Tree::Rows, b"after", b"the first").unwrap();
    let second = store.backup(to.path(), false, quiet).unwrap();
    assert!(second.number > first.number);
    // The new file, and the log that has grown.
    assert_eq!(second.copied, 2, "{second:?}");
    let third = store.backup(to.path(), true, quiet).unwrap();
    assert_eq!(third.copied, 0, "{third:?}");

    // It goes on meanwhile; what is committed after the backup is not in it.
    put(&store, Tree::Rows, b"after", b"the second").unwrap();
    let (_folder, data) = restored(to.path(), &mut Latest).unwrap();
    let copy = Store::open(&data, &key()).unwrap();
    assert_eq!(copy.engine().get(Tree::Rows, b"after").unwrap().unwrap(), b"the first");
    assert_eq!(copy.files().read(kept).unwrap(), b"new");
    assert!(copy.check().iter().all(|finding| finding.ok));
    put(&copy, Tree::Rows, b"after", b"another").unwrap();
    drop(copy);
    let mut expected = content(dir.path()).unwrap_err();
    assert_eq!(expected.kind(), Kind::InUse);
    drop(store);
    let mut whole = content(dir.path()).unwrap();
    let found = content(&data).unwrap();
    let name = format!("{:?} {:?}", Tree::Rows, b"after".to_vec());
    assert_eq!(found[&name], b"another");
    whole.insert(name, b"another".to_vec());
    assert!(found == whole);

    // The backup of another database does not go into the same place; one inside the database goes nowhere.
    let other = TempDir::new().unwrap();
    sample(other.path());
    let store = Store::open(other.path(), &key()).unwrap();
    expected = store.backup(to.path(), false, quiet).unwrap_err();
    assert_eq!(expected.kind(), Kind::Configuration, "{expected}");
    expected = store.backup(&other.path().join("backup"), false, quiet).unwrap_err();
    assert_eq!(expected.kind(), Kind::Configuration, "{expected}");
}

#[test]
fn a_backup_restores_to_any_commit_it_has() {
    let (dir, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Store::open(dir.path(), &key()).unwrap();
    let mut numbers = Vec::new();
    for n in 0..20u8 {
        put(&store, Tree::Rows, b"n", &[n]).unwrap();
        put(&store, Tree::Rows, &[n], &vec![n; 20_000]).unwrap();
        numbers.push(store.sealed().position().unwrap().0);
        if n == 12 {
            store.checkpoint().unwrap();
        }
    }
    store.backup(to.path(), false, quiet).unwrap();
    for n in [0, 5, 12, 13, 19u8] {
        let number = numbers[usize::from(n)];
        let (_folder, data) = match n {
            19 => restored(to.path(), &mut Latest).unwrap(),
            _ => restored(to.path(), &mut Until(number)).unwrap(),
        };
        let copy = Store::open(&data, &key()).unwrap();
        assert_eq!(copy.engine().get(Tree::Rows, b"n").unwrap().unwrap(), [n]);
        assert_eq!(copy.engine().scan(Tree::Rows, b"").unwrap().len(), usize::from(n) + 2);
        // And so does the store itself.
        let past = store.state_at(number).unwrap();
        assert_eq!(past.scan(Tree::Rows, b"").unwrap(), copy.engine().scan(Tree::Rows, b"").unwrap());
    }
    assert_eq!(restored(to.path(), &mut Until(u64::MAX)).unwrap_err().kind(), Kind::Configuration);
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let (dir, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    sample(dir.path());
    Store::open(dir.path(), &key()).unwrap().backup(to.path(), false, quiet).unwrap();
    let whole = content(dir.path()).unwrap();
    for path in paths(to.path()) {
        let good = fs::read(&path).unwrap();
        for place in [0, good.len() / 3, good.len().saturating_sub(1)] {
            let mut bytes = good.clone();
            let Some(byte) = bytes.get_mut(place) else { continue };
            *byte ^= 4;
            fs::write(&path, &bytes).unwrap();
            let folder = TempDir::new().unwrap();
            let data = folder.path().join("data");
            let name = path.strip_prefix(to.path()).unwrap().display().to_string();
            match restore(to.path(), &data, &key(), &mut Latest) {
                Ok(back) => {
                    assert!(name == "LOCK" || name.starts_with("STEWARD"), "byte {place} of {name} was not noticed");
                    back.finish().unwrap();
                    assert!(content(&data).unwrap() == whole);
                }
                Err(error) => {
                    let clear = matches!(error.kind(), Kind::Corruption | Kind::FormatVersion | Kind::Configuration);
                    assert!(clear, "byte {place} of {name}: {error}");
                    assert!(paths(&data).iter().all(|path| path.ends_with("LOCK")), "{name}: {:?}", paths(&data));
                }
            }
        }
        fs::write(&path, &good).unwrap();
    }
    let wrong = MasterKey::from_bytes([1; 32]).into();
    let folder = TempDir::new().unwrap();
    assert_eq!(restore(to.path(), folder.path(), &wrong, &mut Latest).unwrap_err().kind(), Kind::WrongKey);
    // A restore that was cut off is no database.
    fs::write(folder.path().join("RESTORING"), "").unwrap();
    assert_eq!(Store::open(folder.path(), &key()).unwrap_err().kind(), Kind::Configuration);
}

#[test]
fn removed_files_stay_as_long_as_the_retention_says() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    let make = |text: &str| store.files().create(FileKind::Chunk, 0, text.as_bytes()).unwrap();
    let (gone, kept) = (make("gone"), make("kept"));
    store.files().remove(gone).unwrap();
    assert_eq!(store.files().read(gone).unwrap_err().kind(), Kind::Corruption);
    store.set_kept(3_600_000).unwrap();
    store.files().remove(kept).unwrap();
    assert_eq!(store.files().read(kept).unwrap(), b"kept");
    assert_eq!((store.files().list().unwrap().len(), store.files().list_retired()), (0, vec![kept]));
    let since = store.kept().unwrap().since_ms;
    assert!(since > 0, "what was removed before is not promised");
    drop(store);
    let store = Store::open(dir.path(), &key()).unwrap();
    assert_eq!(store.files().read(kept).unwrap(), b"kept", "over a restart");
    assert!(store.check().iter().all(|finding| finding.ok));
    let pin = retention::Pin::take(store.health());
    store.set_kept(0).unwrap();
    assert_eq!(store.files().read(kept).unwrap(), b"kept", "somebody reads the past");
    drop(pin);
    store.files().purge().unwrap();
    assert_eq!(store.files().read(kept).unwrap_err().kind(), Kind::Corruption);
}

#[test]
fn what_is_damaged_is_mended_from_copy_journal_and_backup() {
    let (dir, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let big = sample(dir.path());
    Store::open(dir.path(), &key()).unwrap().backup(to.path(), false, quiet).unwrap();
    let whole = content(dir.path()).unwrap();
    let journal: Vec<_> = paths(&dir.path().join("journal"));
    let mut damaged =
        vec!["keyring", "keyring.old", "head", "assets/db"].into_iter().map(PathBuf::from).collect::<Vec<_>>();
    damaged.extend(journal.iter().map(|path| path.strip_prefix(dir.path()).unwrap().to_path_buf()));
    damaged.push(Files::shown(big).into());
    for name in damaged {
        for missing in [false, true] {
            let broken = TempDir::new().unwrap();
            tests::copy(dir.path(), broken.path());
            let path = broken.path().join(&name);
            match missing {
                true => fs::remove_file(&path).unwrap(),
                false => {
                    let mut bytes = fs::read(&path).unwrap();
                    bytes.iter_mut().skip(70).for_each(|byte| *byte ^= 0x55);
                    fs::write(&path, bytes).unwrap();
                }
            }
            let here = format!("{} {}", name.display(), if missing { "missing" } else { "damaged" });
            let mut told = Vec::new();
            let store = mend(broken.path(), &key(), Some(to.path()), false, |line| told.push(line));
            let store = store.unwrap_or_else(|error| panic!("{here}: {error}, after {told:?}"));
            if store.files().verify(big).is_err() {
                assert!(mend_file(&store, to.path(), big).unwrap());
            }
            drop(store);
            assert!(content(broken.path()).unwrap() == whole, "{here}: {told:?}");
        }
    }
}

#[test]
fn what_the_journal_has_lost_is_given_up_only_when_asked() {
    let (dir, killed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    sample(dir.path());
    let before = content(dir.path()).unwrap();
    let store = Store::open(dir.path(), &key()).unwrap();
    (0..20u8).for_each(|n| put(&store, Tree::Rows, &[200, n], b"late").unwrap());
    // What a killed process leaves: the newest commits are in the journal alone.
    tests::copy(dir.path(), killed.path());
    drop(store);
    let logs =
        paths(&killed.path().join("journal")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "log"));
    let log = logs.max().unwrap();
    let mut bytes = fs::read(&log).unwrap();
    // Behind the last commit there is room for more.
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();

    let mut told = Vec::new();
    let error = mend(killed.path(), &key(), None, false, |line| told.push(line)).unwrap_err();
    assert_eq!(error.kind(), Kind::Corruption, "{error}");
    assert!(error.hint().unwrap().contains("--accept-loss") && told.is_empty(), "{error}, {told:?}");
    drop(mend(killed.path(), &key(), None, true, |line| told.push(line)).unwrap());
    assert!(matches!(&told[0], Told::Lost(_)), "{told:?}");
    let left = content(killed.path()).unwrap();
    assert!(before.iter().all(|(key, value)| left.get(key) == Some(value)));
    let late = left.len() - before.len();
    assert!((1..20).contains(&late), "{late} of 20");
}

/// Tells threads to end when it goes.
struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Writers go on while backups are taken: each backup is some moment, whole.
#[test]
fn a_backup_of_a_busy_store_is_one_moment() {
    let (dir, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Store::open(dir.path(), &key()).unwrap();
    let going = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        for thread in 0..3u8 {
            let (store, going) = (&store, &going);
            scope.spawn(move || {
                let mut before = None;
                for n in 1..u32::MAX {
                    if !going.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let id = store.files().create(FileKind::Chunk, 0, &[thread; 3000]).unwrap();
                    let mut batch = WriteBatch::new();
                    batch.put(Tree::Rows, [&[thread], &n.to_be_bytes()[..]].concat(), n.to_be_bytes());
                    batch.put(Tree::Governance, [thread], n.to_be_bytes());
                    batch.put(Tree::Manifest, [thread], id.as_u64().to_be_bytes());
                    store.engine().commit(batch).unwrap();
                    // The file that nothing refers to any more goes at once.
                    if let Some(before) = before.replace(id) {
                        store.files().remove(before).unwrap();
                    }
                    if n % 50 == 0 && thread == 0 {
                        store.checkpoint().unwrap();
                    }
                }
            });
        }
        // However this ends, the others end with it.
        let _ends = Ends(&going);
        for _ in 0..6 {
            std::thread::sleep(std::time::Duration::from_millis(40));
            store.backup(to.path(), false, quiet).unwrap();
            let (_folder, data) = restored(to.path(), &mut Latest).unwrap();
            let copy = Store::open(&data, &key()).unwrap();
            for (thread, count) in copy.engine().scan(Tree::Governance, b"").unwrap() {
                let rows = copy.engine().scan(Tree::Rows, &thread).unwrap();
                assert_eq!(rows.last().unwrap().1, count);
                assert_eq!(rows.len(), u32::from_be_bytes(count.try_into().unwrap()) as usize);
                let id = copy.engine().get(Tree::Manifest, &thread).unwrap().unwrap();
                let id = FileId::from_u64(u64::from_be_bytes(id.try_into().unwrap()));
                assert_eq!(copy.files().read(id).unwrap(), vec![thread[0]; 3000]);
            }
        }
    });
    assert!(store.files().list_retired().is_empty() || store.files().purge().is_ok());
}
