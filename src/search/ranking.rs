//! From a [`Query`] to the rows that answer it best.
//!
//! The score of a row is the sum of the BM25 scores of the words it has, where a word counts once with its best form in
//! its best column. A row with all words gets half of that again, and a row with them in the order typed the score of that
//! phrase. Statistics (how rare a word is) are those of the whole index, hidden rows included: a score can therefore hint
//! at rows that its reader may not see, and is not to be shown where that matters.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tantivy::columnar::ColumnValues;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, EnableScoring, Occur, PhraseQuery, Query as Scored, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Score, Searcher, Term};

use super::query::{Form, Query, Word};

/// How much a part of a word counts beside the word.
const WEAK_WEIGHT: Score = 0.3;
/// How much having all words counts beside having each.
const ALL_WORDS_WEIGHT: Score = 0.5;
/// How much the order typed counts, as a weight on the score of that phrase.
const TYPED_WEIGHT: Score = 0.5;
/// Pieces of a query up to which its order is looked at.
const TYPED_PIECES_MAX: usize = 24;
/// How much the other columns with a word add to the best one.
const OTHER_COLUMNS_WEIGHT: Score = 0.1;

/// A row that answers a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Segment in the upper 32 bits, offset of the row in it in the lower.
    pub row_id: u64,
    /// How well it answers; only to be compared within one result.
    pub score: f32,
}

/// `query` over the columns in `fields`, of which there is at least one, for the index library; nothing if no row can match.
pub(super) fn scored(query: &Query, fields: &[Field]) -> Option<Box<dyn Scored>> {
    if query.is_empty() {
        return None;
    }
    let mut clauses: Vec<(Occur, Box<dyn Scored>)> = Vec::new();
    clauses.extend(query.phrases.iter().map(|phrase| (Occur::Must, form(phrase, fields))));
    clauses.extend(query.words.iter().map(|one| (Occur::Should, word(one, fields))));
    if query.words.len() > 1 {
        let all = BooleanQuery::intersection(query.words.iter().map(|one| word(one, fields)).collect());
        clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(all), ALL_WORDS_WEIGHT))));
        if query.typed.len() <= TYPED_PIECES_MAX {
            let typed = any(fields.iter().map(|field| row_of(&query.typed, 0, *field)).collect());
            clauses.push((Occur::Should, Box::new(BoostQuery::new(typed, TYPED_WEIGHT))));
        }
    }
    let wanted: Box<dyn Scored> = match clauses.len() {
        1 => clauses.swap_remove(0).1,
        _ => Box::new(BooleanQuery::new(clauses)),
    };
    if query.excluded.is_empty() {
        return Some(wanted);
    }
    let excluded = query.excluded.iter().map(|one| (Occur::MustNot, form(one, fields)));
    Some(Box::new(BooleanQuery::new(std::iter::once((Occur::Must, wanted)).chain(excluded).collect())))
}

fn word(word: &Word, fields: &[Field]) -> Box<dyn Scored> {
    if word.weak.is_empty() {
        return form(&word.form, fields);
    }
    let weak =
        word.weak.iter().map(|part| -> Box<dyn Scored> { Box::new(BoostQuery::new(form(part, fields), WEAK_WEIGHT)) });
    Box::new(DisjunctionMaxQuery::new(std::iter::once(form(&word.form, fields)).chain(weak).collect()))
}

fn form(form: &Form, fields: &[Field]) -> Box<dyn Scored> {
    let in_field = |field: &Field| -> Box<dyn Scored> {
        match &form.term {
            None => row_of(&form.pieces, form.gaps, *field),
            Some(whole) if form.either => {
                Box::new(DisjunctionMaxQuery::new(vec![term(whole, *field), row_of(&form.pieces, 0, *field)]))
            }
            Some(whole) => term(whole, *field),
        }
    };
    any(fields.iter().map(in_field).collect())
}

fn any(mut queries: Vec<Box<dyn Scored>>) -> Box<dyn Scored> {
    match queries.len() {
        1 => queries.swap_remove(0),
        _ => Box::new(DisjunctionMaxQuery::with_tie_breaker(queries, OTHER_COLUMNS_WEIGHT)),
    }
}

/// The pieces one behind the other, with at most `gaps` others between.
fn row_of(pieces: &[String], gaps: usize, field: Field) -> Box<dyn Scored> {
    if let [one] = pieces {
        return term(one, field);
    }
    let terms = pieces.iter().map(|piece| Term::from_field_text(field, piece)).collect();
    let mut row = PhraseQuery::new(terms);
    row.set_slop(gaps as u32);
    Box::new(row)
}

fn term(text: &str, field: Field) -> Box<dyn Scored> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::WithFreqs))
}

/// The `k` best rows for `query` among those that `accept` lets pass, best first, equal ones by row. `rows` gives the row of
/// each document of each part of the index. `accept` is asked only about rows that would be among the best.
pub(super) fn best(
    searcher: &Searcher,
    rows: &[Arc<dyn ColumnValues<u64>>],
    query: &dyn Scored,
    k: usize,
    accept: &dyn Fn(u64) -> bool,
) -> tantivy::Result<Vec<Hit>> {
    let weight = query.weight(EnableScoring::enabled_from_searcher(searcher))?;
    // The worst of the best is on top.
    let mut best: BinaryHeap<Ranked> = BinaryHeap::new();
    for (reader, rows) in searcher.segment_readers().iter().zip(rows) {
        let alive = reader.alive_bitset();
        weight.for_each_pruning(threshold(&best, k), reader, &mut |document, score| {
            let candidate = Ranked(Hit { row_id: rows.get_val(document), score });
            let wanted = best.len() < k || best.peek().is_some_and(|worst| candidate < *worst);
            if wanted && alive.is_none_or(|alive| alive.is_alive(document)) && accept(candidate.0.row_id) {
                best.push(candidate);
                if best.len() > k {
                    best.pop();
                }
            }
            threshold(&best, k)
        })?;
    }
    Ok(best.into_sorted_vec().into_iter().map(|ranked| ranked.0).collect())
}

/// The score that a row must exceed to be looked at: just under the worst of the best, for a row with the same score and a
/// smaller number comes before it.
fn threshold(best: &BinaryHeap<Ranked>, k: usize) -> Score {
    match best.peek() {
        Some(worst) if best.len() >= k => worst.0.score.next_down(),
        _ => Score::MIN,
    }
}

/// Hits in the order of a result: a better one is less.
#[derive(Debug, Clone, Copy)]
struct Ranked(Hit);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.row_id.cmp(&other.0.row_id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}
