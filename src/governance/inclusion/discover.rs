//! Which columns refer to which: inclusion dependencies that are foreign keys, found among all columns of many relations.
//!
//! A column may refer to another if its values are all, or nearly all, among those, and if those tell the rows of their relation apart.
//! That alone is true by chance of most columns of small whole numbers: 1, 2, 3 are among the numbers of every relation whose rows are
//! counted. What is asked beside it:
//!
//! * Do the names say so ([`agreement`]; features of Rostin and others, "A machine learning approach to foreign key discovery", 2009).
//! * What are the odds of it by chance: nearly all for counted numbers, hardly any for codes and long texts. Values that crowd at
//!   one end of the key's range are no sample of it ("On multi-column foreign key discovery", Zhang and others, 2010: a foreign
//!   key's values are a random sample of the key's).
//! * A column refers to one key, the best; of two keys that have the same values the more likely one refers (the choice over all
//!   candidates together is that of HoPF: Jiang and Naumann, "Holistic primary key and foreign key detection", 2020).
//!
//! Name and values are independent witnesses, as for semantic types: with strengths n and v the two together give `1 - (1-n)(1-v)`.

use super::names::{Named, agreement};
use super::sketch::{Share, Sketch};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The least share of a column's values that must be in the key it refers to.
pub const SHARE_MIN: f64 = 0.9;
/// The least likelihood of what is told.
pub const LIKELIHOOD_MIN: f64 = 0.5;
/// Values that must be looked for before a share of a sketch is believed.
const ASKED_MIN: usize = 24;
/// Characters of a text on average from which on it is no key.
const LENGTH_MAX: f64 = 100.0;
/// Part of a key's range that its values fill from which on they are counted numbers.
const COUNTED: f64 = 0.2;
/// From this share of different values on a column is a key.
const UNIQUE_MIN: f64 = 0.999;
/// What a key loses beside a better one of its relation.
const LESSER_KEY: f64 = 0.35;
/// What two columns of different schemas or sources lose: things of one name are more often others there.
const STRANGERS: f64 = 0.85;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Values {
    /// Whole numbers.
    Whole,
    /// Numbers with fractions.
    Number,
    /// Texts.
    Text,
    /// Anything that nothing refers by: dates, truth values, nested values.
    Other,
}

/// A column that may refer, or be referred to.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub values: Values,
    /// Rows that were looked at.
    pub rows: u64,
    /// NULLs among them.
    pub nulls: u64,
    /// Different values.
    pub distincts: u64,
    /// Least and greatest number.
    pub bounds: Option<(f64, f64)>,
    /// Characters of a value on average.
    pub length: f64,
    /// It is declared a key by itself.
    pub is_key: bool,
    /// The least hashes of its values.
    pub sketch: Sketch,
}

/// A relation whose columns they are.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkAsset {
    /// Its schema, or the source that it is of.
    pub schema: String,
    /// Its name there.
    pub name: String,
    /// Whether all its rows were looked at.
    pub whole: bool,
    /// Its columns.
    pub columns: Vec<LinkColumn>,
}

/// A column by the numbers of its relation and its own.
pub type At = (usize, usize);

/// A column that refers to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusion {
    /// The column that refers.
    pub from: At,
    /// The key.
    pub to: At,
    /// How many of its values are the key's.
    pub share: Share,
    /// How likely it is a reference, 0 to 1.
    pub likelihood: f64,
    /// What the names say, 0 to 1.
    pub names: f64,
    /// What the values say, 0 to 1.
    pub values: f64,
    /// Part of the key's values that are referred to.
    pub coverage: f64,
    /// Each of its values comes once.
    pub is_unique: bool,
}

impl Inclusion {
    /// Whether the sketches leave open how many values are the key's.
    pub fn is_open(&self) -> bool {
        !self.share.exact && self.share.asked < ASKED_MIN
    }

    /// Brings in what a look at all values found. Gives whether it still holds.
    pub fn settle(&mut self, share: Share) -> bool {
        self.share = share;
        self.likelihood = likelihood(self.names, self.values, share);
        holds(share) && self.likelihood >= LIKELIHOOD_MIN
    }

    /// Why, in words that quote names and counts and no values.
    pub fn evidence(&self, assets: &[LinkAsset]) -> Vec<String> {
        let (Some(from), Some(to)) = (column(assets, self.from), column(assets, self.to)) else { return Vec::new() };
        let exactly = if self.share.exact { "" } else { " of a sample" };
        let mut told = vec![
            format!("{} of {}{exactly} values are among those of the key", self.share.met, self.share.asked),
            format!("\"{}\" tells {} of {} rows apart", to.name, to.distincts, to.rows - to.nulls.min(to.rows)),
        ];
        if self.names >= 0.5 {
            told.push(format!("the name \"{}\" fits the key's (weight {:.2})", from.name, self.names));
        }
        told.push(match self.values {
            weight if weight >= 0.5 => format!("by chance values are hardly ever the key's (weight {weight:.2})"),
            weight => format!("by chance values are often the key's (weight {weight:.2})"),
        });
        told
    }
}

fn column(assets: &[LinkAsset], (asset, at): At) -> Option<&LinkColumn> {
    assets.get(asset)?.columns.get(at)
}

fn holds(share: Share) -> bool {
    share.asked > 0 && share.value() >= SHARE_MIN
}

/// The two witnesses together; each value that is missing in the key counts against it.
fn likelihood(names: f64, values: f64, share: Share) -> f64 {
    let both = 1.0 - (1.0 - 0.85 * names) * (1.0 - 0.9 * values);
    both * (1.0 - 3.0 * (1.0 - share.value())).clamp(0.0, 1.0)
}

/// Whether the values of a column tell the rows of its relation apart.
fn is_key(column: &LinkColumn) -> bool {
    let present = column.rows - column.nulls.min(column.rows);
    let is_unique = column.distincts as f64 >= UNIQUE_MIN * present as f64
        // What is estimated is a little off; values that are all in a sketch are counted.
        || !column.sketch.is_whole() && column.distincts as f64 >= 0.97 * present as f64;
    let few_nulls = column.nulls as f64 <= 0.02 * column.rows as f64;
    let may_be = matches!(column.values, Values::Whole | Values::Text) && column.length <= LENGTH_MAX;
    column.is_key || may_be && is_unique && few_nulls && column.distincts >= 2
}

fn may_refer(column: &LinkColumn) -> bool {
    column.values != Values::Other && column.length <= LENGTH_MAX && column.distincts >= 1
}

/// Whether the values of one may be those of the other, by what they are and where they lie.
fn may_be_within(from: &LinkColumn, to: &LinkColumn) -> bool {
    // A few that are missing may make it longer, and values that are estimated as well.
    if from.distincts as f64 > to.distincts as f64 * 1.15 + 1.0 {
        return false;
    }
    match (from.bounds, to.bounds) {
        // No more than this: a stranger among its values stretches the range of a column as far as it likes.
        (Some((low, high)), Some((least, most))) => low <= most && high >= least,
        _ => true,
    }
}

/// What the values say: how unlikely it is that a column which has nothing to do with the key has values of it only.
fn by_values(from: &LinkColumn, to: &LinkColumn) -> f64 {
    let (mine, theirs) = (from.distincts as f64, to.distincts as f64);
    let coverage = (mine / theirs.max(1.0)).min(1.0);
    match to.bounds {
        Some((least, most)) => {
            let range = most - least + 1.0;
            let counted = theirs / range >= COUNTED;
            let mut weight = match counted {
                // 10248, 10249, ...: counted, but from where nothing else is counted.
                true if least > range && least > 1000.0 => (0.4 + 0.3 * coverage) * (mine / 10.0).min(1.0),
                true if theirs >= 50.0 => 0.05 + 0.3 * coverage,
                true => 0.05 + 0.1 * coverage,
                false => 0.75 * (mine / 10.0).min(1.0),
            };
            if let Some((low, high)) = from.bounds
                && mine / (high - low + 1.0) > 0.8
                && high - least < 0.3 * range
            {
                // Counted from the beginning of the key's: numbers of something else.
                weight *= 0.3;
            }
            weight
        }
        None => {
            let length = ((to.length - 1.0) / 5.0).clamp(0.05, 1.0);
            length * (mine / 8.0).min(1.0)
        }
    }
}

/// The columns that seem to refer to others, by their sketches. Those that are [open](Inclusion::is_open) must be looked at.
pub fn candidates(assets: &[LinkAsset]) -> Vec<Inclusion> {
    let all = || assets.iter().enumerate().flat_map(|(n, asset)| (0..asset.columns.len()).map(move |at| (n, at)));
    let named = |at: At| column(assets, at).map(|column| Named::column(&column.name));
    let names: HashMap<At, Named> = all().filter_map(|at| Some((at, named(at)?))).collect();
    let relations: Vec<Named> = assets.iter().map(|asset| Named::relation(&asset.name)).collect();
    let keys: Vec<At> = all().filter(|at| column(assets, *at).is_some_and(is_key)).collect();
    let mut found = Vec::new();
    for from_at in all() {
        let Some(from) = column(assets, from_at).filter(|column| may_refer(column)) else { continue };
        for to_at in keys.iter().copied().filter(|to| *to != from_at) {
            let Some(to) = column(assets, to_at) else { continue };
            if !may_be_within(from, to) {
                continue;
            }
            let (Some(name), Some(key), Some(relation)) =
                (names.get(&from_at), names.get(&to_at), relations.get(to_at.0))
            else {
                continue;
            };
            let mut said = agreement(name, key, relation);
            if from_at.0 == to_at.0 {
                // Within a relation a name that has the key's in it says what it is of; a role must stand before it: `parent_category_id`.
                said = if name.has_more_than(key) { said } else { 0.0 };
            }
            let mut values = by_values(from, to);
            let is_other = name != key;
            let of_own = relations.get(from_at.0).is_some_and(|own| name.is_of(own));
            if is_other && of_own && (is_key(from) || name.is_long()) {
                // The key of its own relation.
                said *= 0.4;
            }
            if !is_first(assets, to_at, key, &names) {
                (said, values) = (said * LESSER_KEY, values * LESSER_KEY);
            }
            if assets.get(from_at.0).map(|a| &a.schema) != assets.get(to_at.0).map(|a| &a.schema) {
                said *= STRANGERS;
                // Counts and lengths are called by the same words everywhere, and so are the keys of things that each counts by itself.
                if is_other && !name.is_key() || is_key(from) && values < 0.5 {
                    said *= 0.5;
                }
                values *= STRANGERS;
            }
            // What is about one value, or about two, says nothing by itself.
            if said < 0.75 && (from.distincts < 3 || to.distincts < 3) {
                continue;
            }
            if 1.0 - (1.0 - 0.85 * said) * (1.0 - 0.9 * values) < LIKELIHOOD_MIN {
                continue;
            }
            let whole = assets.get(to_at.0).is_some_and(|asset| asset.whole);
            let mut share = from.sketch.within(&to.sketch);
            share.exact &= whole && assets.get(from_at.0).is_some_and(|asset| asset.whole);
            let present = from.rows - from.nulls.min(from.rows);
            let mut one = Inclusion {
                from: from_at,
                to: to_at,
                share,
                likelihood: 0.0,
                names: said,
                values,
                coverage: (from.distincts as f64 / to.distincts.max(1) as f64).min(1.0),
                is_unique: from.distincts as f64 >= UNIQUE_MIN * present as f64,
            };
            one.likelihood = likelihood(said, values, share);
            // Of a key of which a sample was looked at much may be missing here that is there: nothing is said of it.
            // Of a few that were looked for half must be there.
            let hopeless = share.asked >= 3 && share.value() < 0.5;
            if whole && !hopeless && (one.is_open() || holds(share) && one.likelihood >= LIKELIHOOD_MIN) {
                found.push(one);
            }
        }
    }
    found
}

/// Whether a key is the one by which its relation would be referred to: declared, called a key or standing in front, or the only one. An
/// address may tell customers apart as well, and orders may repeat it.
fn is_first(assets: &[LinkAsset], at: At, name: &Named, names: &HashMap<At, Named>) -> bool {
    let looks_so =
        |at: At, name: &Named| column(assets, at).is_some_and(|column| column.is_key) || name.is_key() || at.1 == 0;
    let others = assets.get(at.0).into_iter().flat_map(|asset| asset.columns.iter().enumerate());
    looks_so(at, name)
        || !others
            .filter(|(other, found)| *other != at.1 && is_key(found))
            .any(|(other, _)| names.get(&(at.0, other)).is_some_and(|name| looks_so((at.0, other), name)))
}

/// Of all that hold those to tell: each column refers to one key, and of two keys that refer to each other one does.
pub fn chosen(assets: &[LinkAsset], mut found: Vec<Inclusion>) -> Vec<Inclusion> {
    let rank = |one: &Inclusion| {
        let to = column(assets, one.to);
        let declared = to.is_some_and(|to| to.is_key);
        let near = assets.get(one.from.0).map(|a| &a.schema) == assets.get(one.to.0).map(|a| &a.schema);
        // Likely, declared, near at hand; the larger key, which is the one that the others are taken from; the first of copies, and its
        // first column.
        (
            (one.likelihood * 50.0).round() as i64,
            declared,
            near,
            to.map_or(0, |to| to.distincts),
            std::cmp::Reverse(one.to),
        )
    };
    found.retain(|one| holds(one.share) && one.likelihood >= LIKELIHOOD_MIN);
    found.sort_by(|a, b| rank(b).cmp(&rank(a)).then(a.from.cmp(&b.from)));
    let mut kept: Vec<Inclusion> = Vec::new();
    for one in found {
        let refers = kept.iter().any(|other| other.from == one.from);
        // A key to which others refer, and which refers to them in turn, would be a circle.
        let closes = reaches(&kept, one.to, one.from);
        // Two relations that are the same things by one pair of columns are no more so by another.
        let again = one.is_unique
            && kept.iter().any(|other| other.is_unique && other.from.0 == one.from.0 && other.to.0 == one.to.0)
            && one.names < 0.75;
        if !refers && !closes && !again {
            kept.push(one);
        }
    }
    kept.sort_by_key(|one| (one.from, one.to));
    kept
}

/// Whether references lead from one column to another.
fn reaches(kept: &[Inclusion], from: At, to: At) -> bool {
    let mut at = from;
    for _ in 0..=kept.len() {
        if at == to {
            return true;
        }
        match kept.iter().find(|one| one.from == at) {
            Some(next) => at = next.to,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::sketch::Gathering;
    use super::super::value::{hash_whole, hash_written};
    use super::*;

    fn whole(name: &str, numbers: impl Iterator<Item = i64> + Clone) -> LinkColumn {
        let mut gathering = Gathering::default();
        let different: std::collections::BTreeSet<i64> = numbers.clone().collect();
        different.iter().for_each(|number| gathering.add(hash_whole(*number)));
        let bounds = different.first().zip(different.last()).map(|(low, high)| (*low as f64, *high as f64));
        LinkColumn {
            name: name.to_owned(),
            values: Values::Whole,
            rows: numbers.count() as u64,
            nulls: 0,
            distincts: different.len() as u64,
            bounds,
            length: 0.0,
            is_key: false,
            sketch: gathering.finish(),
        }
    }

    fn texts(name: &str, all: &[String]) -> LinkColumn {
        let mut gathering = Gathering::default();
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        different.iter().for_each(|text| gathering.add(hash_written(text, None)));
        let length = all.iter().map(String::len).sum::<usize>() as f64 / all.len() as f64;
        let (rows, distincts) = (all.len() as u64, different.len() as u64);
        let (values, sketch) = (Values::Text, gathering.finish());
        LinkColumn { values, rows, distincts, length, bounds: None, sketch, ..whole(name, 0..0) }
    }

    fn asset(name: &str, columns: Vec<LinkColumn>) -> LinkAsset {
        LinkAsset { schema: "s".to_owned(), name: name.to_owned(), whole: true, columns }
    }

    fn told(assets: &[LinkAsset]) -> Vec<String> {
        let name = |(asset, column): At| format!("{}.{}", assets[asset].name, assets[asset].columns[column].name);
        let found = candidates(assets);
        chosen(assets, found).iter().map(|one| format!("{} -> {}", name(one.from), name(one.to))).collect()
    }

    #[test]
    fn names_tell_references_from_counts_that_lie_within_by_chance() {
        let assets = [
            asset("customers", vec![whole("id", 1..201), whole("age", (1..201).map(|n| 20 + n % 50))]),
            asset(
                "orders",
                vec![
                    whole("id", 1..801),
                    whole("customer_id", (1..801).map(|n| n % 200 + 1)),
                    whole("quantity", (1..801).map(|n| n % 9 + 1)),
                ],
            ),
        ];
        assert_eq!(told(&assets), ["orders.customer_id -> customers.id"]);
    }

    #[test]
    fn codes_refer_whatever_they_are_called() {
        let codes: Vec<String> = (0..60).map(|n| format!("SKU-{}", n * 7919)).collect();
        let used: Vec<String> = (0..300).map(|n| codes[n % 40].clone()).collect();
        let stray: Vec<String> = (0..300).map(|n| format!("SKU-{}", n * 13)).collect();
        let assets = [
            asset("goods", vec![texts("code", &codes)]),
            asset("sold", vec![texts("what", &used), texts("other", &stray)]),
        ];
        assert_eq!(told(&assets), ["sold.what -> goods.code"]);
        let found = candidates(&assets);
        let evidence = found.iter().find(|one| one.share.value() == 1.0).unwrap().evidence(&assets);
        assert!(evidence[0].starts_with("40 of 40 values"), "{evidence:?}");
    }

    #[test]
    fn values_that_the_key_has_not_count_against_it() {
        let keys = || whole("customer_id", 100_000..100_400);
        let with = |strays: i64| {
            let values = (0..400).map(move |n| if n < strays { n } else { 100_000 + n });
            [asset("customers", vec![keys()]), asset("orders", vec![whole("id", 1..401), whole("customer_id", values)])]
        };
        assert_eq!(told(&with(20)), ["orders.customer_id -> customers.customer_id"]);
        assert!(told(&with(80)).is_empty());
    }

    #[test]
    fn within_a_relation_a_role_tells_a_reference() {
        let of = |name: &str| {
            let others = (1..61).map(|n| n % 30 + 1);
            told(&[asset("categories", vec![whole("category_id", 1..61), whole(name, others)])])
        };
        assert_eq!(of("parent_category_id"), ["categories.parent_category_id -> categories.category_id"]);
        assert!(of("categories").is_empty() && of("size").is_empty());
    }

    #[test]
    fn one_of_two_equal_keys_refers_and_sampled_keys_say_nothing() {
        let mut assets = [
            asset("customers", vec![whole("customer_id", 1..301)]),
            asset("profiles", vec![whole("customer_id", 1..301)]),
        ];
        assert_eq!(told(&assets), ["profiles.customer_id -> customers.customer_id"]);
        assets[0].whole = false;
        assets[1].whole = false;
        assert!(told(&assets).is_empty());
    }
}
