//! Functions that clients look up: PostgreSQL's by its numbers, and Steward's own.

use super::super::oids;
use std::sync::LazyLock;

/// A function: what `pg_proc` says of it.
#[derive(Debug)]
#[allow(missing_docs)] // each is the column of its name
pub struct Function {
    pub oid: u32,
    pub schema: &'static str,
    pub name: &'static str,
    /// `f`, `a` (aggregate) or `w` (window)
    pub kind: &'static str,
    /// `i`, `s` or `v`
    pub volatility: &'static str,
    pub strict: bool,
    pub returns_set: bool,
    pub result: u32,
    pub args: Vec<u32>,
    pub arg_names: Vec<&'static str>,
}

/// A function of Steward's: name, result, whether that is a set, arguments with their types.
type Own = (&'static str, u32, bool, &'static [(&'static str, u32)]);

/// Steward's functions. Their order numbers them: a new one comes last.
const STEWARD: &[Own] = &[
    ("classify", TEXT, false, &[("value", TEXT)]),
    ("quality", FLOAT8, false, &[("row", RECORD)]),
    ("predict_ctr", FLOAT8, false, &[("row", RECORD)]),
    ("mask_email", TEXT, false, &[("value", TEXT)]),
    ("mask_phone", TEXT, false, &[("value", TEXT)]),
    ("mask_name", TEXT, false, &[("value", TEXT)]),
    ("mask_address", TEXT, false, &[("value", TEXT)]),
    ("mask_partial", TEXT, false, &[("value", TEXT), ("first", INT4), ("mask", TEXT), ("last", INT4)]),
    ("tokenize", TEXT, false, &[("value", TEXT)]),
    ("profile", RECORD, true, &[("relation", TEXT)]),
    ("inventory", RECORD, true, &[]),
    ("tag_references", RECORD, true, &[("relation", TEXT)]),
    ("encryption_status", RECORD, true, &[]),
    ("effective_policy", RECORD, true, &[("relation", TEXT), ("role", TEXT)]),
    ("search", RECORD, true, &[("relation", TEXT), ("query", TEXT)]),
    ("quality_report", RECORD, true, &[("relation", TEXT)]),
    ("evaluate", RECORD, true, &[("model", TEXT)]),
    ("feature_importance", RECORD, true, &[("model", TEXT)]),
];

const INT4: u32 = 23;
const TEXT: u32 = 25;
const FLOAT8: u32 = 701;
const RECORD: u32 = 2249;

static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let lines = include_str!("functions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).chain((oids::STEWARD_FUNCTIONS..).zip(STEWARD).map(own)).collect()
});

fn own((oid, (name, result, returns_set, args)): (u32, &Own)) -> Function {
    Function {
        oid,
        schema: "steward",
        name,
        kind: "f",
        volatility: "s",
        strict: true,
        returns_set: *returns_set,
        result: *result,
        args: args.iter().map(|(_, data_type)| *data_type).collect(),
        arg_names: args.iter().map(|(name, _)| *name).collect(),
    }
}

fn read(line: &'static str) -> Option<Function> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [oid, name, kind, volatility, strict, set, result, args] = words.as_slice() else { return None };
    Some(Function {
        oid: oid.parse().ok()?,
        schema: "pg_catalog",
        name,
        kind,
        volatility,
        strict: *strict == "t",
        returns_set: *set == "t",
        result: result.parse().ok()?,
        args: args.split(',').filter_map(|arg| arg.parse().ok()).collect(),
        arg_names: Vec::new(),
    })
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter()
}

/// The function with this OID.
pub fn by_oid(oid: u32) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.oid == oid)
}
