//! Personal data in running text: where it stands, what it is, how sure that is.
//!
//! ```text
//! text -> tokens   one pass over the bytes: words, numbers, Chinese runs, signs, each with what the lists know of it
//!      -> signals  @ and :// open addresses of the web, digits open numbers, capitals open names, Chinese words of place open addresses
//!      -> found    candidates with a score; words nearby raise or lower it; check digits decide
//!      -> spans    the surest of those that overlap, in the order of the text
//! ```
//!
//! Numbers that have check digits are told only where these are right: an identity number, a card, an IBAN with a wrong one is a decoy,
//! and no word beside it makes it more. What has no check digit (telephones, days of birth, passports) leans on its form and on the words around
//! it. Names are guessed: from capitals, from family names and given names, from what stands before and behind; what is a guess has a
//! score that says so. Lists hold common knowledge of several languages, and nothing of any data set.
//!
//! Every pass is hand-written and goes forward; nothing tries again from an earlier place, so the time is in proportion to the text.
//!
//! Of the texts of a column `texts` tells what they hold as a whole.
//!
//! Start reading with [`detect`], then `tokens`, then `numbers`.

mod address;
mod chinese;
mod chinese_address;
mod chinese_names;
mod codes;
mod context;
mod dates;
mod kind;
mod lexicon;
mod names;
mod national;
mod numbers;
mod phones;
mod redact;
mod texts;
mod tokens;
mod web;

pub use kind::PiiType;
pub use redact::{Manner, Redaction, redact};
pub use texts::CARRIED;
pub(super) use texts::carried;

use tokens::tokenize;

/// Below this score nothing is told unless it is asked for.
pub const PII_SCORE_MIN: f32 = 0.5;
/// From this score on nothing else is looked for in a candidate's place.
const COVERING: f32 = 0.6;
/// Candidates kept at all.
const SCORE_FLOOR: f32 = 0.3;

/// A piece of a text that is personal data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
    /// What it is.
    pub kind: PiiType,
    /// How sure, 0..1.
    pub score: f32,
}

/// What the passes find, before the surest are chosen.
#[derive(Debug, Default)]
struct Found {
    spans: Vec<Span>,
    /// A bit for each byte that a sure candidate covers.
    covered: Vec<u64>,
}

impl Found {
    /// Adds a candidate; an unlikely or empty one falls away.
    fn push(&mut self, kind: PiiType, start: usize, end: usize, score: f32) {
        if score >= SCORE_FLOOR && start < end {
            self.spans.push(Span { start, end, kind, score: score.min(1.0) });
            if score >= COVERING {
                self.cover(start, end);
            }
        }
    }

    fn cover(&mut self, start: usize, end: usize) {
        if self.covered.len() <= end / 64 {
            self.covered.resize(end / 64 + 1, 0);
        }
        for at in start..end {
            if let Some(bits) = self.covered.get_mut(at / 64) {
                *bits |= 1 << (at % 64);
            }
        }
    }

    /// Whether a surer candidate covers this byte.
    fn covers(&self, at: usize) -> bool {
        self.covered.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}

/// The personal data of a text whose score is at least `score_min`, in the order of the text; no two overlap.
///
/// Offsets are of bytes and lie between characters.
pub fn detect(text: &str, score_min: f32) -> Vec<Span> {
    let tokens = tokenize(text);
    let mut found = Found::default();
    let signals = tokens.signals();
    if signals.web {
        web::scan(&tokens, &mut found);
    }
    if signals.digits {
        dates::scan(&tokens, &mut found);
        numbers::scan(&tokens, &mut found);
        codes::scan(&tokens, &mut found);
    }
    if signals.han {
        chinese::scan(&tokens, &mut found);
        chinese_address::scan(&tokens, &mut found);
    }
    if signals.letters {
        if signals.capitals || signals.digits {
            address::scan(&tokens, &mut found);
        }
        names::scan(&tokens, &mut found);
    }
    settle(found.spans, score_min)
}

/// The surest of the candidates that overlap, and of those as sure the longest.
fn settle(mut spans: Vec<Span>, score_min: f32) -> Vec<Span> {
    if spans.len() > 1 {
        spans.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then((b.end - b.start).cmp(&(a.end - a.start))).then(a.start.cmp(&b.start))
        });
        let mut kept: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            // Kept ones stay in the order of the text: the neighbours of its place are all that could overlap.
            let at = kept.partition_point(|other| other.start < span.start);
            let before = at.checked_sub(1).and_then(|at| kept.get(at)).is_none_or(|other| other.end <= span.start);
            let behind = kept.get(at).is_none_or(|other| span.end <= other.start);
            if before && behind {
                kept.insert(at, span);
            }
        }
        spans = kept;
    }
    spans.retain(|span| span.score >= score_min);
    spans
}

#[cfg(test)]
mod tests;
