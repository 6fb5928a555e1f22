//! Whether a value has another in it (`@>`), or a key (`?`, `?|`, `?&`).

use super::super::declared::{Body::Each, Declaration};
use super::super::made::{Args, Made};
use super::order::order_key;
use super::tree;
use super::tree::Tree;
use crate::error::Result;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("jsonb_contains(jsonb, jsonb) bool", Each(|row| Ok(contains_at_top(&tree(row, 0)?, &tree(row, 1)?).into()))),
    ("jsonb_exists(jsonb, text) bool", Each(|row| Ok(has(&tree(row, 0)?, row.text(1)).into()))),
    ("jsonb_exists_any(jsonb, text[]) bool", Each(|row| exists(row, false))),
    ("jsonb_exists_all(jsonb, text[]) bool", Each(|row| exists(row, true))),
];

/// Whether an object has a key, an array a text as element, or a text is it.
fn has(tree: &Tree, key: &str) -> bool {
    match tree {
        Tree::Array(items) => items.iter().any(|item| matches!(item, Tree::Text(text) if text == key)),
        Tree::Text(text) => text == key,
        other => other.member(key).is_some(),
    }
}

fn exists(row: &Args<'_>, all: bool) -> Result<Made> {
    let tree = tree(row, 0)?;
    let keys = row.texts(1);
    let mut found = keys.iter().flatten().map(|key| has(&tree, key));
    Ok(if all { found.all(|found| found) } else { found.any(|found| found) }.into())
}

fn contains_at_top(left: &Tree, right: &Tree) -> bool {
    match (left, right) {
        // An array has a scalar in it that is one of its elements.
        (Tree::Array(items), right) if right.is_scalar() => items.iter().any(|item| equal(item, right)),
        (left, right) => contains(left, right),
    }
}

fn contains(left: &Tree, right: &Tree) -> bool {
    match (left, right) {
        (Tree::Object(_), Tree::Object(members)) => {
            members.iter().all(|(key, wanted)| left.member(key).is_some_and(|member| contains(member, wanted)))
        }
        (Tree::Array(items), Tree::Array(wanted)) => wanted.iter().all(|wanted| match wanted.is_scalar() {
            true => items.iter().any(|item| equal(item, wanted)),
            false => items.iter().any(|item| contains(item, wanted)),
        }),
        (left, right) => left.is_scalar() && right.is_scalar() && equal(left, right),
    }
}

/// Whether two scalars are equal, numbers by their value.
fn equal(left: &Tree, right: &Tree) -> bool {
    match (left, right) {
        (Tree::Number(a), Tree::Number(b)) => a == b || order_key(a) == order_key(b),
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_what() {
        for (left, right, expected) in [
            ("{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{}}", true),
            ("[1,[2,3]]", "[[3]]", true),
            ("[1,2]", "1", true),
            ("[1,2]", "[1,1]", true),
            ("{\"a\":[1,2]}", "{\"a\":[2]}", true),
            ("{\"a\":[1,2]}", "{\"a\":2}", false),
            ("1", "[1]", false),
            ("1.0", "1", true),
        ] {
            let read = |text| Tree::read(text).unwrap();
            assert_eq!(contains_at_top(&read(left), &read(right)), expected, "{left} {right}");
        }
    }
}
