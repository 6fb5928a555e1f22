//! Values with a part set, inserted or taken away.

use super::super::declared::{Body::Each, Declaration};
use super::super::made::{Args, Made};
use super::tree::{Tree, at};
use super::{invalid, made, tree};
use crate::encoding::pg_text::Cell;
use crate::error::{Error, Kind, Result};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("jsonb_set(jsonb, text[], jsonb, bool?) jsonb", Each(set)),
    ("?jsonb_set_lax(jsonb, text[], jsonb, bool?, text?) jsonb", Each(set_lax)),
    ("jsonb_insert(jsonb, text[], jsonb, bool?) jsonb", Each(insert)),
    ("?subscript_assigned(jsonb, jsonb, ...any) jsonb", Each(assigned)),
    ("jsonb_delete(jsonb, text) jsonb", Each(delete_key)),
    ("jsonb_delete(jsonb, text[]) jsonb", Each(delete_keys)),
    ("jsonb_delete(jsonb, int4) jsonb", Each(delete_place)),
    ("jsonb_delete_path(jsonb, text[]) jsonb", Each(delete_path)),
];

/// What happens at the end of a path.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// The value replaces what is there; if nothing is, it is added where the flag says so.
    Set(&'a Tree, bool),
    /// The value is put before what is there, or with the flag behind it.
    Insert(&'a Tree, bool),
    /// What is there goes.
    Delete,
}

fn steps(row: &Args<'_>) -> Result<Vec<String>> {
    let one = |(n, step): (usize, Option<String>)| {
        let null = || Error::new(Kind::InvalidParameter, format!("path element at position {} is null", n + 1));
        step.ok_or_else(null)
    };
    row.texts(1).into_iter().enumerate().map(one).collect()
}

fn must_be_container(tree: &Tree, what: &str) -> Result<()> {
    if tree.is_scalar() { Err(invalid(&format!("cannot {what} scalar"))) } else { Ok(()) }
}

fn set(row: &Args<'_>) -> Result<Made> {
    let (mut value, new) = (tree(row, 0)?, tree(row, 2)?);
    let create = row.len() < 4 || row.is_true(3);
    must_be_container(&value, "set path in")?;
    change(&mut value, &steps(row)?, 0, Change::Set(&new, create))?;
    made(&value)
}

/// A value with another at the place that subscripts say, which is made if it is not there.
fn assigned(row: &Args<'_>) -> Result<Made> {
    let steps = (2..row.len()).map(|at| match row.get(at) {
        Some(Cell::Integer(place)) => Ok(Step::Place(i64::try_from(*place).unwrap_or(i64::MAX))),
        Some(_) => Ok(Step::Key(row.text(at).to_owned())),
        None => Err(invalid("jsonb subscript in assignment must not be null")),
    });
    let steps: Vec<Step> = steps.collect::<Result<_>>()?;
    let new = if row.is_null(1) { Tree::Null } else { tree(row, 1)? };
    let mut value = if row.is_null(0) { container(&steps) } else { tree(row, 0)? };
    assign(&mut value, &steps, 0, new)?;
    made(&value)
}

/// A subscript.
enum Step {
    Place(i64),
    Key(String),
}

/// What there is to be for the first of some subscripts to be a place in it.
fn container(steps: &[Step]) -> Tree {
    match steps.first() {
        Some(Step::Place(_)) => Tree::Array(Vec::new()),
        _ => Tree::Object(Vec::new()),
    }
}

fn assign(tree: &mut Tree, steps: &[Step], level: usize, new: Tree) -> Result<()> {
    let Some(step) = steps.get(level) else {
        *tree = new;
        return Ok(());
    };
    let rest = &steps[level + 1..];
    let fresh = || if rest.is_empty() { Tree::Null } else { container(rest) };
    match tree {
        Tree::Object(members) => {
            let key = match step {
                Step::Place(place) => place.to_string(),
                Step::Key(key) => key.clone(),
            };
            let at = members.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                members.push((key, fresh()));
                members.len() - 1
            });
            assign(&mut members[at].1, steps, level + 1, new)?;
            *tree = Tree::object(std::mem::take(members));
        }
        Tree::Array(items) => {
            let place = match step {
                Step::Place(place) => *place,
                Step::Key(key) => key.trim().parse().map_err(|_| {
                    let message = format!("path element at position {} is not an integer: \"{key}\"", level + 1);
                    Error::new(Kind::InvalidText, message)
                })?,
            };
            let from_end = if place < 0 { place + items.len() as i64 } else { place };
            let Some(at) = usize::try_from(from_end).ok().filter(|at| *at < PLACES_MAX) else {
                return Err(invalid(&format!("path element at position {} is out of range: {place}", level + 1)));
            };
            if at >= items.len() {
                items.resize(at, Tree::Null);
                items.push(fresh());
            }
            assign(&mut items[at], steps, level + 1, new)?;
        }
        _ => {
            return Err(invalid("cannot replace existing key")
                .with_detail("The path assumes key is a composite object, but it is a scalar value."));
        }
    }
    Ok(())
}

/// Elements that an assignment may make of an array.
const PLACES_MAX: usize = 1 << 24;

fn set_lax(row: &Args<'_>) -> Result<Made> {
    if row.is_null(0) || row.is_null(1) || row.is_null(3) {
        return Ok(Made::Null);
    }
    if !row.is_null(2) {
        return set(row);
    }
    let mut value = tree(row, 0)?;
    let create = row.len() < 4 || row.is_true(3);
    let how = if row.len() < 5 { "use_json_null" } else { row.text(4) };
    match how {
        "use_json_null" => change(&mut value, &steps(row)?, 0, Change::Set(&Tree::Null, create))?,
        "delete_key" => change(&mut value, &steps(row)?, 0, Change::Delete)?,
        "return_target" => {}
        "raise_exception" => {
            return Err(Error::new(Kind::NotNull, "JSON value must not be null")
                .with_detail("Exception was raised because null_value_treatment is \"raise_exception\"."));
        }
        _ => {
            let choices = "\"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"";
            return Err(invalid(&format!("null_value_treatment must be {choices}")));
        }
    }
    made(&value)
}

fn insert(row: &Args<'_>) -> Result<Made> {
    let (mut value, new) = (tree(row, 0)?, tree(row, 2)?);
    must_be_container(&value, "set path in")?;
    change(&mut value, &steps(row)?, 0, Change::Insert(&new, row.is_true(3)))?;
    made(&value)
}

fn delete_path(row: &Args<'_>) -> Result<Made> {
    let mut value = tree(row, 0)?;
    must_be_container(&value, "delete path in")?;
    change(&mut value, &steps(row)?, 0, Change::Delete)?;
    made(&value)
}

fn change(tree: &mut Tree, path: &[String], level: usize, how: Change<'_>) -> Result<()> {
    let Some(step) = path.get(level) else { return Ok(()) };
    let last = level + 1 == path.len();
    match tree {
        Tree::Object(members) => {
            let found = members.iter().position(|(key, _)| key == step);
            match (found, last, how) {
                (Some(at), false, how) => change(&mut members[at].1, path, level + 1, how)?,
                (Some(at), true, Change::Set(new, _)) => members[at].1 = new.clone(),
                (Some(at), true, Change::Delete) => drop(members.remove(at)),
                (Some(_), true, Change::Insert(..)) => {
                    return Err(invalid("cannot replace existing key")
                        .with_hint("Try using the function jsonb_set to replace key value."));
                }
                (None, true, Change::Set(new, true) | Change::Insert(new, _)) => {
                    members.push((step.clone(), new.clone()));
                    *tree = Tree::object(std::mem::take(members));
                }
                _ => {}
            }
        }
        Tree::Array(items) => {
            let Ok(place) = step.trim().parse::<i64>() else {
                let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
                return Err(Error::new(Kind::InvalidText, message));
            };
            match (at(place, items.len()), last, how) {
                (Some(at), false, how) => change(&mut items[at], path, level + 1, how)?,
                (Some(at), true, Change::Set(new, _)) => items[at] = new.clone(),
                (Some(at), true, Change::Delete) => drop(items.remove(at)),
                (Some(at), true, Change::Insert(new, after)) => items.insert(at + usize::from(after), new.clone()),
                // Beyond an end it is added there.
                (None, true, Change::Set(new, true) | Change::Insert(new, _)) => {
                    items.insert(if place < 0 { 0 } else { items.len() }, new.clone());
                }
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

fn delete_key(row: &Args<'_>) -> Result<Made> {
    without(tree(row, 0)?, &[row.text(1).to_owned()])
}

fn delete_keys(row: &Args<'_>) -> Result<Made> {
    without(tree(row, 0)?, &row.texts(1).into_iter().flatten().collect::<Vec<_>>())
}

fn without(tree: Tree, keys: &[String]) -> Result<Made> {
    made(&match tree {
        Tree::Object(mut members) => {
            members.retain(|(key, _)| !keys.contains(key));
            Tree::Object(members)
        }
        Tree::Array(mut items) => {
            items.retain(|item| !matches!(item, Tree::Text(text) if keys.contains(text)));
            Tree::Array(items)
        }
        _ => return Err(invalid("cannot delete from scalar")),
    })
}

fn delete_place(row: &Args<'_>) -> Result<Made> {
    match tree(row, 0)? {
        Tree::Array(mut items) => {
            if let Some(at) = at(row.int(1), items.len()) {
                items.remove(at);
            }
            made(&Tree::Array(items))
        }
        Tree::Object(_) => Err(invalid("cannot delete from object using integer index")),
        _ => Err(invalid("cannot delete from scalar")),
    }
}
