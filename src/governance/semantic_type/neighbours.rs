//! What a column is by those that stand in the same relation, where its own name is a word for several things.
//!
//! The title of a person is a job, that of a review is a part of it, and what has an address and a telephone and no price is called by the name of a
//! firm. Each rule starts from a type that the column has already, asks for what speaks for the other meaning, and for the lack of what speaks for the
//! one it has. What a person confirmed stays, and so does a category of the user's own.

use super::SemanticType as T;
use super::column::{COLUMN_CONFIDENCE_MIN, ColumnVerdict};
use crate::governance::naming::split_name;

/// How sure a column is, at most, of what only its neighbours say.
const BY_NEIGHBOURS: f64 = 0.8;

/// What goods have and persons, places and writings have not.
const GOODS: &[T] = &[
    T::Price,
    T::Cost,
    T::Discount,
    T::Sku,
    T::Gtin,
    T::Isbn,
    T::Brand,
    T::Colour,
    T::Size,
    T::Material,
    T::CategoryPath,
    T::Stock,
    T::Quantity,
    T::OrderId,
    T::Amount,
];
const PERSONS: &[T] = &[T::GivenName, T::Surname, T::PersonName, T::PersonNameZh, T::BirthDate, T::Age, T::Gender];
const REACHED: &[T] =
    &[T::Phone, T::CnMobile, T::CnLandline, T::PostalCode, T::City, T::Latitude, T::GeoPoint, T::Province];

/// Corrects the verdicts of a relation's columns, in their order, by each other. A type that was rejected for a column does not come back.
pub fn by_neighbours(verdicts: &mut [ColumnVerdict], is_rejected: impl Fn(&str, T) -> bool) {
    let found: Vec<(usize, T, &str)> = (0..verdicts.len())
        .filter_map(|at| other_meaning(verdicts, at).map(|(semantic_type, because)| (at, semantic_type, because)))
        .collect();
    for (at, semantic_type, because) in found {
        let Some(verdict) = verdicts.get_mut(at).filter(|verdict| !is_rejected(&verdict.name, semantic_type)) else {
            continue;
        };
        if let Some(before) = verdict.semantic_type.replace(semantic_type) {
            verdict.alternates.retain(|(t, _)| *t != semantic_type);
            verdict.alternates.insert(0, (before, verdict.confidence));
        }
        verdict.confidence = verdict.confidence.min(BY_NEIGHBOURS);
        verdict.evidence.push(format!("neighbours: {because}"));
    }
}

/// What a column is rather than its type, and why.
fn other_meaning(verdicts: &[ColumnVerdict], at: usize) -> Option<(T, &'static str)> {
    let verdict = verdicts.get(at).filter(|verdict| verdict.custom.is_none() && verdict.confidence < 1.0)?;
    let words = split_name(&verdict.name).words;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_called = |names: &[&str]| matches!(words.as_slice(), [one] if names.contains(one));
    match verdict.semantic_type? {
        T::ProductTitle if is_called(&["title", "标题", "headline", "subject", "主题"]) => {
            if is_beside(verdicts, at, T::ReviewText) && !has(verdicts, &[T::Price, T::Brand, T::Sku, T::Gtin]) {
                return Some((T::ReviewText, "it stands beside the text of a review"));
            }
            let of_person = is_called(&["title"]) && are_persons(verdicts) && !has(verdicts, GOODS);
            of_person.then_some((T::Occupation, "it stands beside the first and the last name of a person"))
        }
        T::ProductTitle if is_called(&["name", "名称"]) => {
            let addressed = has(verdicts, &[T::Address, T::AddressZh]) && has(verdicts, REACHED);
            let other = has(verdicts, GOODS) || has(verdicts, PERSONS);
            (addressed && !other)
                .then_some((T::CompanyName, "what it names has an address, and neither a price nor an age"))
        }
        T::ProductId if matches!(words.as_slice(), [.., "article", "id" | "no" | "number"]) => {
            let written = [T::ProductTitle, T::ProductDescription, T::Text, T::Html, T::Language];
            let of_writings = has(verdicts, &written) && !has(verdicts, GOODS);
            of_writings.then_some((T::Identifier, "it stands beside a title or a text, and nothing that goods have"))
        }
        _ => None,
    }
}

fn is_sure(verdict: &ColumnVerdict, types: &[T]) -> bool {
    verdict.confidence >= COLUMN_CONFIDENCE_MIN && verdict.semantic_type.is_some_and(|t| types.contains(&t))
}

fn has(verdicts: &[ColumnVerdict], types: &[T]) -> bool {
    verdicts.iter().any(|verdict| is_sure(verdict, types))
}

/// Whether the column before or behind is of the type.
fn is_beside(verdicts: &[ColumnVerdict], at: usize, semantic_type: T) -> bool {
    let of = |at: Option<usize>| {
        at.and_then(|at| verdicts.get(at)).is_some_and(|verdict| is_sure(verdict, &[semantic_type]))
    };
    of(at.checked_sub(1)) || of(at.checked_add(1))
}

/// Whether the rows are persons with a first and a last name of their own, and no works of theirs.
fn are_persons(verdicts: &[ColumnVerdict]) -> bool {
    const OF_WORKS: [&str; 8] = ["author", "artist", "director", "actor", "publisher", "genre", "album", "isbn"];
    let of_work = verdicts
        .iter()
        .any(|verdict| split_name(&verdict.name).words.iter().any(|word| OF_WORKS.contains(&word.as_str())));
    !of_work && has(verdicts, &[T::GivenName]) && has(verdicts, &[T::Surname])
}

#[cfg(test)]
mod tests {
    use super::super::detect_column;
    use super::*;
    use arrow::datatypes::DataType;

    /// The types of columns by their names alone, corrected by each other.
    fn of(names: &str) -> Vec<Option<T>> {
        let mut verdicts: Vec<ColumnVerdict> =
            names.split(',').map(|name| detect_column(name, &DataType::Utf8, &[], None)).collect();
        by_neighbours(&mut verdicts, |_, _| false);
        verdicts.iter().map(|verdict| verdict.semantic_type).collect()
    }

    #[test]
    fn a_title_is_what_its_owner_is() {
        assert_eq!(of("employee_id,last_name,first_name,title,hire_date,photo")[3], Some(T::Occupation));
        assert_eq!(of("id,Title,Review Text,Rating")[1], Some(T::ReviewText));
        assert_eq!(of("评论编号,标题,评论内容")[1], Some(T::ReviewText));
        for goods in [
            "sku,title,brand,price",
            "id,title,price,review_text",
            "title,author_first_name,author_last_name,isbn",
            "title,first_name,last_name,price",
            "title,year,genre",
            "title",
        ] {
            let at = goods.split(',').position(|name| name == "title").unwrap();
            assert_eq!(of(goods)[at], Some(T::ProductTitle), "{goods}");
        }
    }

    #[test]
    fn a_name_is_that_of_what_has_an_address() {
        let places = ["Arnies of the Lake", "The Old Example Mill", "Chez Sample on Main", "Golden Made Up Garden"];
        let named = |others: &str| {
            let mut verdicts = vec![detect_column("name", &DataType::Utf8, &places, None)];
            verdicts.extend(others.split(',').map(|name| detect_column(name, &DataType::Utf8, &[], None)));
            by_neighbours(&mut verdicts, |_, _| false);
            verdicts[0].semantic_type
        };
        assert_eq!(named("brand,price"), Some(T::ProductTitle));
        assert_eq!(named("addr,city,phone"), Some(T::CompanyName));
        assert_eq!(named("address,zip,price"), Some(T::ProductTitle));
        assert_eq!(named("address,phone,birth_date"), Some(T::ProductTitle));
    }

    #[test]
    fn an_article_is_a_writing_or_a_good() {
        assert_eq!(of("article_id,lang,title,body")[0], Some(T::Identifier));
        assert_eq!(of("article_id,title,colour,price")[0], Some(T::ProductId));
        assert_eq!(of("customer_id,article_id,price")[1], Some(T::ProductId));
        assert_eq!(of("article_id")[0], Some(T::ProductId));
    }

    #[test]
    fn what_a_person_said_stays() {
        let names = ["first_name", "last_name", "title"];
        let verdicts = || -> Vec<ColumnVerdict> {
            names.iter().map(|name| detect_column(name, &DataType::Utf8, &[], None)).collect()
        };
        let mut rejected = verdicts();
        by_neighbours(&mut rejected, |name, t| name == "title" && t == T::Occupation);
        assert_eq!(rejected[2].semantic_type, Some(T::ProductTitle));
        let mut confirmed = verdicts();
        confirmed[2].confidence = 1.0;
        by_neighbours(&mut confirmed, |_, _| false);
        assert_eq!(confirmed[2].semantic_type, Some(T::ProductTitle));
        let mut found = verdicts();
        by_neighbours(&mut found, |_, _| false);
        assert_eq!(found[2].semantic_type, Some(T::Occupation));
        assert_eq!(found[2].alternates.first().map(|(t, _)| *t), Some(T::ProductTitle));
        assert!(found[2].evidence.iter().any(|line| line.starts_with("neighbours: ")), "{:?}", found[2].evidence);
    }
}
