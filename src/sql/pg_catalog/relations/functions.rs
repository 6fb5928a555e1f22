//! Functions that clients look up: PostgreSQL's by its numbers, Steward's own, and users'.

use super::super::facts::Facts;
use super::super::oids;
use super::types::{self, VECTOR};
use crate::catalog::{self, Class, Object, ObjectId, Returns};
use std::borrow::Cow;
use std::sync::LazyLock;

/// A function: what `pg_proc` says of it.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // each is the column of its name
pub struct Function {
    pub oid: u32,
    pub schema: Cow<'static, str>,
    pub name: Cow<'static, str>,
    /// None of what nobody made.
    pub owner: Option<ObjectId>,
    /// `f`, `a` (aggregate) or `w` (window)
    pub kind: &'static str,
    /// `i`, `s` or `v`
    pub volatility: &'static str,
    pub strict: bool,
    pub returns_set: bool,
    pub result: u32,
    pub args: Vec<u32>,
    /// For each argument its name, empty where it has none, and behind them those of a table that it gives.
    pub arg_names: Vec<Cow<'static, str>>,
    /// For each argument its default, where it has one.
    pub defaults: Vec<Option<String>>,
    /// Types of the columns of a table that it gives.
    pub columns: Vec<u32>,
    /// Its body, if it is one in SQL.
    pub source: Option<String>,
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
    ("inventory_diff", RECORD, true, &[]),
    ("tag_references", RECORD, true, &[("relation", TEXT)]),
    ("encryption_status", RECORD, true, &[]),
    ("effective_policy", RECORD, true, &[("relation", TEXT), ("role", TEXT)]),
    ("search", RECORD, true, &[("relation", TEXT), ("query", TEXT)]),
    ("quality_report", RECORD, true, &[("relation", TEXT)]),
    ("evaluate", RECORD, true, &[("model", TEXT)]),
    ("feature_importance", RECORD, true, &[("model", TEXT)]),
    ("predict", FLOAT8, false, &[("model", TEXT), ("features", RECORD)]),
    ("predict_label", TEXT, false, &[("model", TEXT), ("features", RECORD)]),
    ("predict_proba", JSONB, false, &[("model", TEXT), ("features", RECORD)]),
    ("lineage", RECORD, true, &[("object", TEXT)]),
    ("impact", RECORD, true, &[("object", TEXT)]),
    ("audit_verify", RECORD, true, &[]),
    ("lineage_events", RECORD, true, &[]),
    ("repair", TEXT, false, &[("value", TEXT), ("semantic_type", TEXT)]),
    ("repair_plan", RECORD, true, &[("relation", TEXT)]),
    ("suggest_labels", RECORD, true, &[("relation", TEXT), ("model", TEXT)]),
    ("dedupe", RECORD, true, &[("relation", TEXT)]),
    ("match", RECORD, true, &[("left", TEXT), ("right", TEXT)]),
    ("model_metrics", RECORD, true, &[("model", TEXT)]),
    ("drift", RECORD, true, &[("model", TEXT)]),
    ("predict_cvr", FLOAT8, false, &[("row", RECORD)]),
    ("predict_ctcvr", FLOAT8, false, &[("row", RECORD)]),
    ("user_vector", VECTOR, false, &[("model", TEXT), ("user", TEXT)]),
    ("item_vector", VECTOR, false, &[("model", TEXT), ("item", TEXT)]),
    ("embed", FLOAT4S, false, &[("input", TEXT)]),
    ("similarity", FLOAT8, false, &[("a", TEXT), ("b", TEXT)]),
    ("image_similarity", FLOAT8, false, &[("a", TEXT), ("b", TEXT)]),
    ("classify_detail", JSONB, false, &[("value", TEXT)]),
    ("detect_pii", JSONB, false, &[("value", TEXT)]),
    ("redact", TEXT, false, &[("value", TEXT)]),
    ("quality_detail", JSONB, false, &[("row", RECORD)]),
    ("mask_null", TEXT, false, &[("value", TEXT)]),
    ("predict_ctr_detail", JSONB, false, &[("row", RECORD)]),
    ("predict_cvr_detail", JSONB, false, &[("row", RECORD)]),
    ("predict_ctcvr_detail", JSONB, false, &[("row", RECORD)]),
    ("text_search", RECORD, true, &[("relation", TEXT), ("query", TEXT)]),
    ("classify_table", RECORD, true, &[("relation", TEXT)]),
    ("quality_failures", RECORD, true, &[("relation", TEXT), ("rule", TEXT)]),
    ("suggest_rules", RECORD, true, &[("relation", TEXT)]),
];

const INT4: u32 = 23;
const TEXT: u32 = 25;
const FLOAT8: u32 = 701;
const FLOAT4S: u32 = 1021;
const RECORD: u32 = 2249;
const JSONB: u32 = 3802;

static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let lines = include_str!("functions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).chain((oids::STEWARD_FUNCTIONS..).zip(STEWARD).map(own)).collect()
});

fn own((oid, (name, result, returns_set, args)): (u32, &Own)) -> Function {
    Function {
        oid,
        schema: "steward".into(),
        name: (*name).into(),
        owner: None,
        kind: "f",
        volatility: "s",
        strict: true,
        returns_set: *returns_set,
        result: *result,
        args: args.iter().map(|(_, data_type)| *data_type).collect(),
        arg_names: args.iter().map(|(name, _)| (*name).into()).collect(),
        defaults: Vec::new(),
        columns: Vec::new(),
        source: None,
    }
}

fn read(line: &'static str) -> Option<Function> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [oid, name, kind, volatility, strict, set, result, args] = words.as_slice() else { return None };
    Some(Function {
        oid: oid.parse().ok()?,
        schema: "pg_catalog".into(),
        name: (*name).into(),
        owner: None,
        kind,
        volatility,
        strict: *strict == "t",
        returns_set: *set == "t",
        result: result.parse().ok()?,
        args: args.split(',').filter_map(|arg| arg.parse().ok()).collect(),
        arg_names: Vec::new(),
        defaults: Vec::new(),
        columns: Vec::new(),
        source: None,
    })
}

fn of_user(id: ObjectId, function: &catalog::Function) -> Function {
    let oid_of = |data_type| types::of_column(data_type).0;
    let (result, columns) = match &function.returns {
        Returns::Value(data_type) | Returns::Values(data_type) => (oid_of(data_type), &[][..]),
        Returns::Table(columns) => (RECORD, columns.as_slice()),
    };
    let mut arg_names: Vec<Cow<'static, str>> =
        function.arguments.iter().map(|argument| argument.name.clone().unwrap_or_default().into()).collect();
    arg_names.extend(columns.iter().map(|(name, _)| Cow::from(name.clone())));
    if arg_names.iter().all(|name| name.is_empty()) {
        arg_names.clear();
    }
    Function {
        oid: oids::of(id),
        schema: function.schema.clone().into(),
        name: function.name.clone().into(),
        owner: Some(function.owner),
        kind: "f",
        volatility: match function.volatility {
            'i' => "i",
            's' => "s",
            _ => "v",
        },
        strict: function.strict,
        returns_set: !matches!(function.returns, Returns::Value(_)),
        result,
        args: function.arguments.iter().map(|argument| oid_of(&argument.data_type)).collect(),
        arg_names,
        defaults: function.arguments.iter().map(|argument| argument.default.clone()).collect(),
        columns: columns.iter().map(|(_, data_type)| oid_of(data_type)).collect(),
        source: Some(function.source.clone()),
    }
}

/// All of them.
pub fn all(facts: &Facts) -> impl Iterator<Item = Cow<'static, Function>> {
    let users = facts.catalog().class(Class::Function).filter_map(|(id, object)| match object {
        Object::Function(function) => Some(Cow::Owned(of_user(id, function))),
        _ => None,
    });
    FUNCTIONS.iter().map(Cow::Borrowed).chain(users)
}

/// The function with this OID.
pub fn by_oid(facts: &Facts, oid: u32) -> Option<Cow<'static, Function>> {
    if let Some(known) = FUNCTIONS.iter().find(|function| function.oid == oid) {
        return Some(Cow::Borrowed(known));
    }
    match facts.catalog().get(ObjectId::from(oid)).map(AsRef::as_ref) {
        Some(Object::Function(function)) => Some(Cow::Owned(of_user(ObjectId::from(oid), function))),
        _ => None,
    }
}
