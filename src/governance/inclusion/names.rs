//! Whether the name of a column says that it refers to a column of another relation: `customer_id` to `customers.id`, `ShipVia` to
//! nothing, `cityCode` to `cities.code`.
//!
//! Of the features of foreign keys of Rostin, Albrecht, Bauckmann, Naumann and Leser (2009) these are the likeness of the two columns'
//! names, and that the name has the referenced relation's in it.

use crate::governance::naming::split_name;

/// Words that say of a column that it tells things apart, and not which things.
const KEY_WORDS: &[&str] = &[
    "id", "ids", "key", "code", "no", "nr", "nbr", "num", "number", "sk", "pk", "fk", "ref", "uuid", "guid", "uid",
    "编号", "代码", "编码", "号", "序号", "标识", "主键",
];
/// Words that say what kind of relation it is, and not of which things.
const RELATION_WORDS: &[&str] =
    &["tbl", "table", "dim", "fact", "dataset", "data", "list", "info", "master", "csv", "sample", "表", "信息"];
/// Characters from which on the beginning of a word stands for it.
const PREFIX_CHARS_MIN: usize = 4;

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its words, without endings of the plural.
    words: Vec<String>,
    /// Those that say which things.
    core: Vec<String>,
}

impl Named {
    /// A column's.
    pub fn column(name: &str) -> Self {
        Self::with(name, KEY_WORDS)
    }

    /// A relation's, without its schema.
    pub fn relation(name: &str) -> Self {
        Self::with(name, RELATION_WORDS)
    }

    fn with(name: &str, without: &[&str]) -> Self {
        let words: Vec<String> = split_name(name).words.iter().map(|word| singular(word)).collect();
        let core = words.iter().filter(|word| !without.contains(&word.as_str())).cloned().collect();
        Self { words, core }
    }

    /// Whether it says nothing but what the rows of its own relation are.
    pub fn is_of(&self, relation: &Self) -> bool {
        self.is_bare_key() || all_in(&self.core, &relation.core)
    }

    /// Whether more than one word says which things.
    pub fn is_long(&self) -> bool {
        self.core.len() > 1
    }

    /// Whether it says more of which things than another does.
    pub fn has_more_than(&self, other: &Self) -> bool {
        self.core.len() > other.core.len()
    }

    fn text(&self) -> String {
        self.words.concat()
    }

    /// Whether it says nothing but that it is a key.
    pub fn is_bare_key(&self) -> bool {
        self.core.is_empty() && !self.words.is_empty()
    }

    /// Whether it has a word of keys in it, or ends as one.
    pub fn is_key(&self) -> bool {
        self.core.len() < self.words.len() || self.words.last().is_some_and(|word| word.ends_with("id"))
    }
}

/// A word without the ending of the plural, or without the word for a table.
fn singular(word: &str) -> String {
    let cut = |ending: &str, instead: &str| word.strip_suffix(ending).map(|stem| format!("{stem}{instead}"));
    if let Some(stem) = word.strip_suffix('表').filter(|stem| !stem.is_empty()) {
        return stem.to_owned();
    }
    if !word.is_ascii() || word.len() < 4 || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    cut("ies", "y")
        .or_else(|| {
            ["ches", "shes", "xes", "sses"].iter().find_map(|ending| cut(ending, ending.trim_end_matches("es")))
        })
        .or_else(|| cut("s", ""))
        .unwrap_or_else(|| word.to_owned())
}

fn same(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| short.chars().count() >= PREFIX_CHARS_MIN && long.starts_with(short);
    one == other || begins(one, other) || begins(other, one)
}

/// Whether all words of the first are among those of the second.
fn all_in(some: &[String], all: &[String]) -> bool {
    !some.is_empty() && some.iter().all(|word| all.iter().any(|other| same(word, other)))
}

/// How far the name of a column says that it refers to the column `key` of `relation`, 0 to 1.
pub fn agreement(column: &Named, key: &Named, relation: &Named) -> f64 {
    let of_relation = |core: &[String]| core.iter().any(|word| relation.core.iter().any(|other| same(word, other)));
    let written_together = format!("{}{}", relation.core.concat(), key.text());
    if column.is_bare_key() {
        // `id` in two relations are two things.
        return if key.is_bare_key() { 0.0 } else { 0.1 };
    }
    if column.words == key.words || column.text() == key.text() {
        return if of_relation(&key.core) { 1.0 } else { 0.8 };
    }
    if column.text() == written_together {
        return 1.0;
    }
    if key.is_bare_key() {
        return match (all_in(&relation.core, &column.core), of_relation(&column.core)) {
            (true, _) if relation.core.len() == column.core.len() => 1.0,
            (true, _) => 0.9,
            // The last word of a name is what it is of: `product_categories` are categories.
            (false, true) if column.core.last().zip(relation.core.last()).is_some_and(|(a, b)| same(a, b)) => 0.85,
            (false, true) if column.is_key() => 0.6,
            (false, true) => 0.5,
            (false, false) => 0.0,
        };
    }
    let keyed = column.is_key() || !key.is_key();
    if all_in(&key.core, &column.core) {
        // A role before it: `billing_country_code` of `country_code`.
        return if keyed { 0.8 } else { 0.65 };
    }
    if all_in(&column.core, &key.core) {
        return if of_relation(&column.core) { 0.7 } else { 0.5 };
    }
    if all_in(&relation.core, &column.core) {
        return if keyed { 0.75 } else { 0.6 };
    }
    if of_relation(&column.core) && column.is_key() { 0.5 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(column: &str, key: &str, relation: &str) -> f64 {
        agreement(&Named::column(column), &Named::column(key), &Named::relation(relation))
    }

    #[test]
    fn a_name_says_whom_it_refers_to() {
        for (column, key, relation) in [
            ("customer_id", "id", "customers"),
            ("CustomerId", "CustomerId", "Customer"),
            ("customerid", "id", "customer"),
            ("category_id", "category_id", "categories"),
            ("user_id", "user_id", "users"),
            ("用户ID", "ID", "用户表"),
        ] {
            assert_eq!(says(column, key, relation), 1.0, "{column} {key} {relation}");
        }
        assert!(says("ship_city_code", "code", "cities") >= 0.9);
        assert!(says("billing_country_code", "country_code", "countries") >= 0.8);
        assert!(says("product_category_name", "product_category_name", "product_category_name_translation") >= 0.9);
    }

    #[test]
    fn and_no_more_than_it_says() {
        assert_eq!(says("id", "id", "customers"), 0.0);
        assert_eq!(says("quantity", "id", "customers"), 0.0);
        assert_eq!(says("rating", "genre_id", "genres"), 0.0);
        assert!(says("customer_age", "id", "customers") <= 0.9);
        assert!(says("order_no", "customer_id", "customers") < 0.3);
    }
}
