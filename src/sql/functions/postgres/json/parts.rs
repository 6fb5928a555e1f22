//! What a value is, how long, and how it looks on several lines.

use super::super::declared::{Body::Each, Declaration};
use super::super::made::{Args, Made};
use super::tree::{Tree, quoted};
use super::{invalid, made, tree};
use crate::error::Result;
use crate::sql::values::{JsonLevel, json_level};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("json_typeof(json) text", Each(|row| Ok(tree(row, 0)?.kind().into()))),
    ("jsonb_typeof(jsonb) text", Each(|row| Ok(tree(row, 0)?.kind().into()))),
    ("json_array_length(json) int4", Each(length)),
    ("jsonb_array_length(jsonb) int4", Each(length)),
    ("jsonb_strip_nulls(jsonb) jsonb", Each(|row| made(&stripped(tree(row, 0)?)))),
    ("json_strip_nulls(json) json", Each(strip_text)),
    ("jsonb_pretty(jsonb) text", Each(pretty)),
    ("json_to_number(jsonb, text) text", Each(|row| plain(row, "number"))),
    ("json_to_boolean(jsonb, text) text", Each(|row| plain(row, "boolean"))),
];

fn length(row: &Args<'_>) -> Result<Made> {
    match json_level(row.text(0)) {
        Some(JsonLevel::Array(items)) => Ok(Made::Int(items.len() as i128)),
        Some(JsonLevel::Object(_)) => Err(invalid("cannot get array length of a non-array")),
        _ => Err(invalid("cannot get array length of a scalar")),
    }
}

/// Without members that are `null`.
fn stripped(tree: Tree) -> Tree {
    match tree {
        Tree::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| *member != Tree::Null);
            Tree::Object(kept.map(|(key, member)| (key, stripped(member))).collect())
        }
        Tree::Array(items) => Tree::Array(items.into_iter().map(stripped).collect()),
        scalar => scalar,
    }
}

fn strip_text(row: &Args<'_>) -> Result<Made> {
    let mut out = String::new();
    strip_into(row.text(0), &mut out);
    Ok(out.into())
}

/// The same of `json`, whose members keep their order and lose their blanks.
fn strip_into(text: &str, out: &mut String) {
    match json_level(text) {
        Some(JsonLevel::Array(items)) => {
            out.push('[');
            for (n, item) in items.into_iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                strip_into(item, out);
            }
            out.push(']');
        }
        Some(JsonLevel::Object(members)) => {
            out.push('{');
            let kept = members.into_iter().filter(|(_, member)| *member != "null");
            for (n, (key, member)) in kept.enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                out.push_str(&quoted(&key));
                out.push(':');
                strip_into(member, out);
            }
            out.push('}');
        }
        _ => out.push_str(text.trim()),
    }
}

fn pretty(row: &Args<'_>) -> Result<Made> {
    let mut out = String::new();
    lines(&tree(row, 0)?, 0, &mut out);
    Ok(out.into())
}

fn lines(tree: &Tree, depth: usize, out: &mut String) {
    let begin = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    };
    match tree {
        Tree::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                begin(depth + 1, out);
                lines(item, depth + 1, out);
            }
            begin(depth, out);
            out.push(']');
        }
        Tree::Object(members) => {
            out.push('{');
            for (n, (key, member)) in members.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                begin(depth + 1, out);
                out.push_str(&format!("{}: ", quoted(key)));
                lines(member, depth + 1, out);
            }
            begin(depth, out);
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// What a cast of `jsonb` to a number or a boolean reads; the second argument is the name of that type.
fn plain(row: &Args<'_>, kind: &str) -> Result<Made> {
    let value = tree(row, 0)?;
    match value.kind() == kind {
        true => Ok(value.text().into()),
        false => Err(invalid(&format!("cannot cast jsonb {} to type {}", value.kind(), row.text(1)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_go_and_lines_come() {
        let tree = Tree::read("{\"a\":1,\"b\":null,\"c\":{\"d\":null},\"e\":[null]}").unwrap();
        assert_eq!(stripped(tree).to_string(), "{\"a\": 1, \"c\": {}, \"e\": [null]}");
        let mut out = String::new();
        lines(&Tree::read("{\"a\":[1],\"c\":{}}").unwrap(), 0, &mut out);
        assert_eq!(out, "{\n    \"a\": [\n        1\n    ],\n    \"c\": {\n    }\n}");
    }
}
