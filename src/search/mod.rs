//! Full-text search over the texts of a table, in Chinese and English, kept in sealed storage.
//!
//! # The idea
//!
//! A [`TextIndex`] maps terms to rows. It is fed whole segments of a table and remembers which it has, in the same commit,
//! so after a crash one asks [`TextIndex::indexed_segments`] and adds what is missing. A row is known by a number, segment
//! in the upper half and offset in the lower; the text stays in the table, and the index stores none of it, only terms and
//! their positions. What a user may see is decided outside: a search asks `accept` about each row that would be shown,
//! before the best are cut, so a hidden row takes no place from a visible one.
//!
//! # The journey of a text
//!
//! `fold` makes width, case and accents alike; `tokenizer` cuts pieces and words; the index library (tantivy) sorts them
//! into files; `directory` hands the files to sealed storage under numbers, through [`SealedFiles`], which
//! [`StoredFiles`] is over the house's storage; `names` remembers which number is which file. At a commit the files are
//! made durable first, then all names and the new list of parts in one step.
//!
//! # The journey of a query
//!
//! [`Query::parse`] understands what was typed; `ranking` weighs it by BM25 and takes the best rows; [`snippet()`] marks the
//! words in a text that the caller has read from the table and masked.
//!
//! ```
//! use std::sync::Arc;
//! use stewarddb_core::search::{MemoryFiles, Query, TextIndex, snippet};
//!
//! let titles = ["Red running shoes", "红色手机壳 适用 iPhone13", "Blue phone case"];
//! let index = TextIndex::open_or_create(Arc::new(MemoryFiles::default()), 1, &["title".to_string()])?;
//! index.add_segment(7, titles.iter().enumerate().map(|(n, title)| (n as u32, [Some(*title)])))?;
//! index.commit()?;
//!
//! let query = Query::parse("手机 iphone")?;
//! let hits = index.search(&query, None, 10, &|_row| true)?;
//! assert_eq!(hits[0].row_id, 7 << 32 | 1);
//! assert_eq!(snippet(titles[1], &query, 80), "红色<b>手机</b>壳 适用 <b>iPhone</b>13");
//! # Ok::<(), stewarddb_core::Error>(())
//! ```
//!
//! # What it promises
//!
//! - A commit is seen and durable as a whole or not at all; searches go on meanwhile and see the one before.
//! - A row of Chinese characters is found wherever it stands literally, however a dictionary would cut it; a Latin word
//!   or number is found as a whole.
//! - Equal scores are ordered by row, so the same index gives the same result.
//! - A damaged index is an error that names it, never a wrong row and never a panic; it can be made anew from its table.
//!
//! # What it leaves out
//!
//! Rows that changed within a segment (the caller's `accept` knows them), texts behind the first
//! [`SEARCH_TEXT_BYTES_MAX`](crate::config::SEARCH_TEXT_BYTES_MAX) bytes of a value, stems of languages other than English,
//! likeness of traditional and simplified characters, and misspellings. Scores are made of statistics over all rows, hidden
//! ones included. A dropped row's terms stay in the sealed files until the part that holds them is rewritten.

mod damage;
mod directory;
mod files;
mod fold;
mod index;
mod names;
mod query;
mod ranking;
mod sealed;
mod segments;
mod snippet;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use files::{Changes, MemoryFiles, SealedFiles, SealedSink};
pub use index::{TextIndex, View};
pub use names::{files_in_use, remove_index};
pub use query::Query;
pub use ranking::Hit;
pub use sealed::StoredFiles;
pub use snippet::snippet;
