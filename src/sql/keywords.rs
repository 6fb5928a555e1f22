//! PostgreSQL's keywords, by what they may name without quotes (`pg_get_keywords()` of PostgreSQL 15). Words that are not here name
//! anything.

use datafusion::sql::sqlparser::keywords::{ALL_KEYWORDS, ALL_KEYWORDS_INDEX, Keyword};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a keyword may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing.
    Reserved,
    /// Functions and types.
    Type,
    /// Columns and relations.
    Column,
    /// Anything.
    Unreserved,
}

impl Class {
    /// PostgreSQL's letter and words for it.
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Reserved => ("R", "reserved"),
            Self::Type => ("T", "reserved (can be function or type name)"),
            Self::Column => ("C", "unreserved (cannot be function or type name)"),
            Self::Unreserved => ("U", "unreserved"),
        }
    }
}

/// What is known of a keyword.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// What it may name.
    pub class: Class,
    /// Whether it names a column of a result behind AS alone.
    pub needs_as: bool,
}

/// The words of each class, and those of them that name a column behind AS alone.
const WORDS: [(Class, &str, &str); 4] = [
    (
        Class::Reserved,
        "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
         current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
         distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
         leading limit localtime localtimestamp not null offset on only or order placing primary references returning
         select session_user some symmetric table then to trailing true union unique user using variadic when where
         window with",
        "array as create except fetch for from grant group having intersect into limit offset on order returning to
         union where window with",
    ),
    (
        Class::Type,
        "authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left
         like natural notnull outer overlaps right similar tablesample verbose",
        "isnull notnull overlaps",
    ),
    (
        Class::Column,
        "between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int
         integer interval least national nchar none normalize nullif numeric out overlay position precision real row
         setof smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists
         xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable",
        "char character precision",
    ),
    (
        Class::Unreserved,
        "day filter hour minute month over second varying within without year",
        "day filter hour minute month over second varying within without year",
    ),
];

static BY_WORD: LazyLock<HashMap<&'static str, Facts>> = LazyLock::new(|| all().collect());

/// By the numbers of the parser's keywords.
static BY_KEYWORD: LazyLock<Vec<Option<Facts>>> = LazyLock::new(|| {
    let last = ALL_KEYWORDS_INDEX.iter().map(|keyword| *keyword as usize).max().unwrap_or_default();
    let mut facts = vec![None; last + 1];
    for (word, keyword) in ALL_KEYWORDS.iter().zip(ALL_KEYWORDS_INDEX) {
        facts[*keyword as usize] = BY_WORD.get(word.to_ascii_lowercase().as_str()).copied();
    }
    facts
});

/// The words, in the order of their classes.
pub fn all() -> impl Iterator<Item = (&'static str, Facts)> {
    WORDS.into_iter().flat_map(|(class, words, behind_as)| {
        words.split_whitespace().map(move |word| {
            let needs_as = behind_as.split_whitespace().any(|other| other == word);
            (word, Facts { class, needs_as })
        })
    })
}

/// What is known of a keyword of the parser's, if anything.
pub fn of(keyword: Keyword) -> Option<Facts> {
    BY_KEYWORD.get(keyword as usize).copied().flatten()
}

/// Whether a word in small letters is a name without quotes, whatever it names.
pub fn is_name(word: &str) -> bool {
    BY_WORD.get(word).is_none_or(|facts| facts.class == Class::Unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_of_their_class() {
        assert_eq!(of(Keyword::SELECT).map(|facts| facts.class), Some(Class::Reserved));
        assert_eq!(of(Keyword::JOIN).map(|facts| facts.class), Some(Class::Type));
        assert_eq!(of(Keyword::VALUES).map(|facts| (facts.class, facts.needs_as)), Some((Class::Column, false)));
        assert_eq!(of(Keyword::YEAR).map(|facts| (facts.class, facts.needs_as)), Some((Class::Unreserved, true)));
        assert!(of(Keyword::VIEW).is_none() && of(Keyword::NoKeyword).is_none());
        assert!(is_name("view") && is_name("year") && is_name("exclude"));
        assert!(!is_name("select") && !is_name("join") && !is_name("between"));
        assert_eq!(all().count(), 77 + 23 + 51 + 11);
    }

    #[test]
    fn what_needs_as_is_a_word_of_its_class() {
        for (_, words, behind_as) in WORDS {
            let words: Vec<&str> = words.split_whitespace().collect();
            assert!(behind_as.split_whitespace().all(|word| words.contains(&word)));
        }
    }
}
