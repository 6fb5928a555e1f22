//! The room as a whole: an index over files in memory, fed, searched, reopened, broken.
//!
//! What could go wrong: a row that should be found is not, or one that should not be is; a hidden row takes a visible one's
//! place; the list of segments and the rows disagree after a restart; a failed commit is half seen; a damaged file makes a
//! wrong answer or a panic; text lies in the files in plain.

use std::cell::Cell;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::error::{Error, Kind, Result};

const TITLES: [&str; 8] = [
    "Red Running Shoes for men",
    "Shoe rack, holds running gear",
    "苹果iPhone13手机壳 防摔透明",
    "手机保护壳 华为",
    "女士运动鞋 红色",
    "XJ-900 drill, 18V",
    "Blue cotton T-shirt",
    "红色连衣裙 夏季",
];

fn columns(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("column {n}")).collect()
}

fn open(files: impl SealedFiles) -> TextIndex {
    TextIndex::open_or_create(Arc::new(files), 1, &columns(1)).unwrap()
}

fn add(index: &TextIndex, segment: u64, titles: &[&str]) {
    index.add_segment(segment, titles.iter().enumerate().map(|(n, title)| (n as u32, [Some(*title)]))).unwrap();
}

fn shop(files: impl SealedFiles) -> TextIndex {
    let index = open(files);
    add(&index, 0, &TITLES);
    index.commit().unwrap();
    index
}

fn rows(index: &TextIndex, query: &str) -> Vec<u64> {
    let hits = index.search(&Query::parse(query).unwrap(), None, 100, &|_| true).unwrap();
    hits.iter().map(|hit| hit.row_id).collect()
}

#[test]
fn both_languages_are_found_and_ranked() {
    let index = shop(MemoryFiles::default());
    assert_eq!(rows(&index, "running shoe"), [0, 1], "all words in the order typed come first");
    assert_eq!(rows(&index, "RUNS"), [0, 1]);
    assert_eq!(rows(&index, "手机壳"), [2, 3], "the word itself before its parts");
    assert_eq!(rows(&index, "手机"), [3, 2], "the shorter text first");
    assert_eq!(rows(&index, "鞋"), [4], "one character inside a word");
    assert_eq!(rows(&index, "动鞋"), [4], "no word, but there literally");
    assert_eq!(rows(&index, "红色运动鞋")[0], 4);
    assert_eq!(rows(&index, "iphone"), [2]);
    assert_eq!(rows(&index, "ＩＰＨＯＮＥ１３"), [2]);
    for query in ["xj900", "XJ-900", "xj 900", "900", "18v"] {
        assert_eq!(rows(&index, query), [5], "{query}");
    }
    assert_eq!(rows(&index, "tshirt"), [6]);
    assert_eq!(rows(&index, "absent"), [0u64; 0]);
    assert_eq!(rows(&index, "?!"), [0u64; 0]);
}

/// 到账 is no word of the dictionary; its characters stand in many others.
#[test]
fn characters_of_no_word_count_near_each_other_and_never_alone() {
    let index = open(MemoryFiles::default());
    add(&index, 0, &["账号安全", "一到三天", "到了银行账上", "今天到账", "到货之后三天之内请登录您的账号"]);
    index.commit().unwrap();
    assert_eq!(rows(&index, "到账"), [3, 2]);
}

#[test]
fn phrases_must_stand_and_excluded_words_must_not() {
    let index = shop(MemoryFiles::default());
    assert_eq!(rows(&index, "\"running shoes\""), [0]);
    assert_eq!(rows(&index, "\"shoes running\""), [0u64; 0]);
    assert_eq!(rows(&index, "“手机保护”"), [3]);
    assert_eq!(rows(&index, "手机 -苹果"), [3]);
    assert_eq!(rows(&index, "running -\"shoe rack\""), [0]);
    assert_eq!(rows(&index, "红色 -连衣裙"), [4]);
    assert_eq!(rows(&index, "\"red running\" men"), [0]);
}

#[test]
fn columns_can_be_chosen_and_nulls_are_no_text() {
    let index = TextIndex::open_or_create(Arc::new(MemoryFiles::default()), 1, &columns(2)).unwrap();
    let texts = [[Some("red"), Some("blue")], [None, Some("red")], [None, None], [Some("blue red"), None]];
    index.add_segment(3, texts.iter().enumerate().map(|(n, row)| (n as u32 * 10, row))).unwrap();
    index.commit().unwrap();
    assert_eq!(index.view().rows(), 3);
    let query = Query::parse("red").unwrap();
    let found = |columns: Option<&[usize]>| {
        let mut rows: Vec<u64> =
            index.search(&query, columns, 9, &|_| true).unwrap().iter().map(|hit| hit.row_id).collect();
        rows.sort_unstable();
        rows
    };
    let row = |offset: u64| (3 << 32) | offset;
    assert_eq!(found(None), [row(0), row(10), row(30)]);
    assert_eq!(found(Some(&[0])), [row(0), row(30)]);
    assert_eq!(found(Some(&[1])), [row(10)]);
    assert_eq!(index.search(&query, Some(&[2]), 9, &|_| true).unwrap_err().kind(), Kind::UndefinedColumn);
    assert_eq!(index.add_segment(4, [(0, [Some("one")])]).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn hidden_rows_take_no_place_and_equal_scores_go_by_row() {
    let index = open(MemoryFiles::default());
    for segment in [2, 0, 1] {
        add(&index, segment, &["same text"; 50]);
        index.commit().unwrap();
    }
    let query = Query::parse("same text").unwrap();
    let asked = Cell::new(0);
    let accept = |row: u64| {
        asked.set(asked.get() + 1);
        row as u32 % 10 == 7
    };
    let hits = index.search(&query, None, 7, &accept).unwrap();
    let expected: Vec<u64> = [7, 17, 27, 37, 47].into_iter().chain([1 << 32 | 7, 1 << 32 | 17]).collect();
    assert_eq!(hits.iter().map(|hit| hit.row_id).collect::<Vec<_>>(), expected);
    assert!(asked.get() <= 150, "a row is asked about once");
    assert!(index.search(&query, None, 0, &|_| true).unwrap().is_empty());
}

/// Against the obvious way: all rows, filtered, sorted, cut.
#[test]
fn the_best_are_those_of_a_full_sort() {
    let words = ["red", "blue", "shoe", "phone", "手机", "壳", "连衣裙", "xj-900"];
    let mut state = 7_u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % n
    };
    let index = open(MemoryFiles::default());
    for segment in 0..5 {
        let texts: Vec<String> = (0..300)
            .map(|_| (0..1 + random(6)).map(|_| words[random(words.len())]).collect::<Vec<_>>().join(" "))
            .collect();
        add(&index, segment, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        index.commit().unwrap();
    }
    index.drop_segments(&[3]).unwrap();
    index.commit().unwrap();
    for text in ["red", "red shoe", "手机壳", "xj900 phone", "red -blue", "\"red shoe\" phone", "壳 连衣裙"] {
        let query = Query::parse(text).unwrap();
        let accept = |row: u64| !row.is_multiple_of(3);
        let mut all = index.search(&query, None, usize::MAX, &|_| true).unwrap();
        all.retain(|hit| accept(hit.row_id));
        assert!(all.is_sorted_by(|a, b| a.score > b.score || (a.score == b.score && a.row_id < b.row_id)), "{text}");
        assert!(all.len() > 20 && all.iter().all(|hit| hit.row_id >> 32 != 3), "{text}");
        for k in [1, 3, 20] {
            assert_eq!(index.search(&query, None, k, &accept).unwrap(), all[..k], "{text} {k}");
        }
    }
}

#[test]
fn segments_and_rows_agree_after_reopening() {
    let files = MemoryFiles::default();
    let index = open(files.clone());
    add(&index, 4, &["one"]);
    add(&index, 9, &["two"]);
    assert!(index.indexed_segments().is_empty() && rows(&index, "one").is_empty(), "nothing before the commit");
    index.commit().unwrap();
    index.commit().unwrap();
    add(&index, 5, &["one uncommitted"]);
    drop(index);

    let index = open(files.clone());
    assert_eq!(index.indexed_segments().into_iter().collect::<Vec<_>>(), [4, 9]);
    assert_eq!(rows(&index, "one"), [4 << 32]);
    add(&index, 9, &["three", "three"]);
    index.drop_segments(&[4, 77]).unwrap();
    index.commit().unwrap();
    let index = open(files.clone());
    assert_eq!(index.indexed_segments().into_iter().collect::<Vec<_>>(), [9]);
    assert_eq!(rows(&index, "one two three"), [9 << 32, 9 << 32 | 1], "replaced, not doubled");
    let other = TextIndex::open_or_create(Arc::new(files), 1, &columns(2));
    assert_eq!(other.err().unwrap().kind(), Kind::InvalidDefinition);
}

#[test]
fn rollback_forgets_and_an_empty_commit_changes_nothing() {
    let index = shop(MemoryFiles::default());
    add(&index, 1, &["unwanted"]);
    index.rollback();
    index.commit().unwrap();
    assert_eq!(rows(&index, "unwanted"), [0u64; 0]);
    assert_eq!(index.indexed_segments().len(), 1);
    add(&index, 1, &[]);
    index.commit().unwrap();
    assert_eq!(index.indexed_segments().len(), 2, "a segment without rows is known too");
}

#[test]
fn files_are_merged_cleaned_and_removed() {
    let files = MemoryFiles::default();
    let index = open(files.clone());
    for segment in 0..30 {
        add(&index, segment, &TITLES);
        index.commit().unwrap();
    }
    assert_eq!(rows(&index, "xj900").len(), 30);
    assert_eq!(files_in_use(&files, 1).unwrap(), files.file_ids(), "no file is left over");
    let held = index.view();
    index.drop_segments(&(0..30).filter(|id| id % 2 == 0).collect::<Vec<_>>()).unwrap();
    index.compact().unwrap();
    assert_eq!(index.view().rows(), 15 * 8);
    let query = Query::parse("xj900").unwrap();
    assert_eq!(held.search(&query, None, 100, &|_| true).unwrap().len(), 30, "a view does not change");
    drop(held);
    index.verify().unwrap();
    index.compact().unwrap();
    drop(index);
    assert_eq!(files_in_use(&files, 1).unwrap(), files.file_ids());
    remove_index(&files, 1).unwrap();
    assert!(files.file_ids().is_empty() && files.list(&[]).unwrap().is_empty());
}

#[test]
fn many_read_while_one_writes() {
    let index = shop(MemoryFiles::default());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let view = index.view();
                    let query = Query::parse("xj900").unwrap();
                    let hits = view.search(&query, None, 1000, &|_| true).unwrap();
                    assert_eq!(hits.len(), view.segments().len(), "rows and list of one commit");
                }
            });
        }
        for segment in 1..20 {
            add(&index, segment, &TITLES);
            index.commit().unwrap();
        }
        done.store(true, Ordering::Release);
    });
}

/// Storage that fails on demand, changes a byte on demand, and masks what it is given, in place of a seal.
#[derive(Clone, Default)]
struct Trial {
    inner: MemoryFiles,
    fails: Arc<AtomicBool>,
    flips: Arc<Mutex<Option<(u64, u64)>>>,
}

const MASK: u8 = 0xA5;

impl Trial {
    fn check(&self) -> Result<()> {
        match self.fails.load(Ordering::Acquire) {
            true => Err(Error::new(Kind::DiskFull, "no space left")),
            false => Ok(()),
        }
    }
}

fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|b| b ^ MASK).collect()
}

struct TrialSink(Box<dyn SealedSink>, Trial);

impl Write for TrialSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1.check().map_err(std::io::Error::other)?;
        self.0.write(&masked(bytes))
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl SealedSink for TrialSink {
    fn finish(self: Box<Self>) -> Result<(u64, u64)> {
        self.1.check()?;
        self.0.finish()
    }
}

impl SealedFiles for Trial {
    fn create(&self, index_id: u64) -> Result<Box<dyn SealedSink>> {
        self.check()?;
        Ok(Box::new(TrialSink(self.inner.create(index_id)?, self.clone())))
    }
    fn read_range(&self, id: u64, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = masked(&self.inner.read_range(id, offset, len)?);
        if let Some((file, at)) = *self.flips.lock()
            && file == id
            && let Some(byte) = at.checked_sub(offset).and_then(|at| bytes.get_mut(at as usize))
        {
            *byte ^= 0x40;
        }
        Ok(bytes)
    }
    fn remove(&self, id: u64) -> Result<()> {
        self.inner.remove(id)
    }
    fn list(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let values = self.inner.list(prefix)?;
        Ok(values.into_iter().map(|(key, value)| (key, masked(&value))).collect())
    }
    fn commit(&self, changes: Changes) -> Result<()> {
        self.check()?;
        self.inner.commit(changes.into_iter().map(|(key, value)| (key, value.map(|value| masked(&value)))).collect())
    }
}

/// Everything that `files` would put on a disk.
fn dump(files: &MemoryFiles) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        files.list(&[]).unwrap().into_iter().flat_map(|(key, value)| [key, value].concat()).collect();
    for id in files.file_ids() {
        let mut len = 0;
        while files.read_range(id, 0, len + 1).is_ok() {
            len += 1;
        }
        bytes.extend(files.read_range(id, 0, len).unwrap());
    }
    bytes
}

#[test]
fn nothing_reaches_the_storage_but_through_the_seal() {
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let plain = MemoryFiles::default();
    let sealed = Trial::default();
    shop(plain.clone());
    shop(sealed.clone());
    let (plain, sealed) = (dump(&plain), dump(&sealed.inner));
    for known in ["meta.json", "managed", "words_1", "segment"] {
        assert!(holds(&plain, known) && !holds(&sealed, known), "{known}");
    }
    // The dictionary of terms never spells one out in a row of bytes, so terms prove nothing of the seal.
    assert!(!holds(&plain, TITLES[0]) && !holds(&plain, "holds running gear"), "no text, only terms");
}

#[test]
fn a_full_disk_fails_the_commit_and_the_last_one_stands() {
    let files = Trial::default();
    let index = shop(files.clone());
    add(&index, 1, &["further drill"]);
    files.fails.store(true, Ordering::Release);
    assert_eq!(index.commit().unwrap_err().kind(), Kind::DiskFull);
    assert_eq!(rows(&index, "drill"), [5]);
    assert_eq!(index.indexed_segments().len(), 1);
    files.fails.store(false, Ordering::Release);
    assert_eq!(rows(&open(files.clone()), "drill"), [5]);
    add(&index, 1, &["further drill"]);
    index.commit().unwrap();
    assert_eq!(rows(&index, "drill"), [1 << 32, 5]);
    drop(index);
    assert_eq!(files_in_use(&files, 1).unwrap(), files.inner.file_ids());
}

/// The real seal refuses a changed byte before the library sees it. Here it passes: whatever the library makes of it, the
/// outcome is an answer or a damage error.
#[test]
fn changed_bytes_are_damage_or_harmless_but_never_a_panic() {
    let files = Trial::default();
    drop(shop(files.clone()));
    let mut refused = 0;
    for id in files_in_use(&files, 1).unwrap() {
        for at in (0..2000).step_by(3) {
            if files.inner.read_range(id, at, 1).is_err() {
                break;
            }
            *files.flips.lock() = Some((id, at));
            let outcome = TextIndex::open_or_create(Arc::new(files.clone()), 1, &columns(1)).and_then(|index| {
                index.search(&Query::parse("手机壳 \"running shoes\" xj900")?, None, 10, &|_| true)
            });
            if let Err(error) = outcome {
                assert_eq!(error.kind(), Kind::Corruption, "{error}");
                assert!(error.message().contains("text index 1") && error.hint().is_some());
                refused += 1;
            }
            let index = TextIndex::open_or_create(Arc::new(files.clone()), 1, &columns(1));
            let verified = index.and_then(|index| index.verify());
            assert_eq!(verified.err().map(|error| error.kind()), Some(Kind::Corruption), "file {id} byte {at}");
        }
    }
    assert!(refused > 0);
    *files.flips.lock() = None;
    open(files).verify().unwrap();
}

#[test]
fn a_missing_file_is_damage_that_names_the_index() {
    let files = MemoryFiles::default();
    drop(shop(files.clone()));
    files.remove(files.file_ids()[0]).unwrap();
    let error = TextIndex::open_or_create(Arc::new(files), 1, &columns(1)).err().unwrap();
    assert_eq!(error.kind(), Kind::Corruption);
    assert!(error.message().contains("text index 1") && error.hint().unwrap().contains("REINDEX"));
}

/// Storage that takes a number of commits and then no more, as one whose process is killed between two.
#[derive(Clone)]
struct CutOff {
    inner: MemoryFiles,
    left: Arc<AtomicUsize>,
}

impl SealedFiles for CutOff {
    fn create(&self, index_id: u64) -> Result<Box<dyn SealedSink>> {
        self.inner.create(index_id)
    }
    fn read_range(&self, id: u64, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.inner.read_range(id, offset, len)
    }
    fn remove(&self, id: u64) -> Result<()> {
        self.inner.remove(id)
    }
    fn list(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.inner.list(prefix)
    }
    fn commit(&self, changes: Changes) -> Result<()> {
        let taken = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        taken.map_err(|_| Error::new(Kind::Io, "cut off"))?;
        self.inner.commit(changes)
    }
}

#[test]
fn a_commit_that_was_cut_off_does_not_stand_in_the_way_of_the_next() {
    for (cut, reopened) in (0..5).flat_map(|cut| [(cut, false), (cut, true)]) {
        let files = CutOff { inner: MemoryFiles::default(), left: Arc::new(AtomicUsize::new(usize::MAX)) };
        let index = open(files.clone());
        (0..3).for_each(|segment| add(&index, segment, &TITLES));
        index.commit().unwrap();
        files.left.store(cut, Ordering::Release);
        let cut_off = index.drop_segments(&[1]).and_then(|()| index.commit());
        files.left.store(usize::MAX, Ordering::Release);
        let index = if reopened { open(files.clone()) } else { index };
        index.drop_segments(&[1]).and_then(|()| index.commit()).unwrap_or_else(|error| {
            panic!("cut after {cut} commits ({cut_off:?}), reopened {reopened}: {error}");
        });
        assert_eq!(rows(&index, "drill"), [5, 2 << 32 | 5], "cut after {cut} commits, reopened {reopened}");
        index.verify().unwrap();
    }
}
