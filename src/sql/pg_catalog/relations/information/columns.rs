//! columns: each with its type as the standard describes it.

use super::super::super::facts::{Attribute, Facts};
use super::super::super::{names, oids};
use super::super::rows::Rows;
use super::super::types::{self, BuiltIn};
use super::{database, owns, yes_or_no};
use crate::catalog::{Privilege, Sequence};

/// Bytes of a character at most.
const CHARACTER_BYTES: i32 = 4;

/// columns
pub fn columns(facts: &Facts, rows: &mut Rows) {
    let rights = [Privilege::Select, Privilege::Insert, Privilege::Update];
    for entry in facts.entries().into_iter().filter(|entry| entry.is_relation()) {
        let (owns, writable) = (owns(facts, &entry), facts.writable(&entry));
        for (at, attribute) in facts.attributes(&entry).into_iter().enumerate() {
            if !owns && !rights.iter().any(|right| facts.has_on_column(&entry, &attribute.name, *right)) {
                continue;
            }
            let declared = types::by_oid(attribute.type_oid);
            // A domain is told apart; its base says what it holds.
            let known = declared.map(|known| types::by_oid(known.base).unwrap_or(known));
            let domain = match attribute.domain.and_then(|id| facts.catalog().domain_by_id(id)) {
                Some(domain) => Some((domain.schema.as_str(), domain.name.as_str())),
                None => declared.filter(|known| known.base != 0).map(|known| ("information_schema", known.name)),
            };
            let numbering = attribute.sequence.filter(|_| attribute.identity);
            let sequence = numbering.and_then(|id| facts.catalog().sequence_by_id(id));
            let identity = |value: fn(&Sequence) -> i64| sequence.map(|sequence| value(sequence).to_string());
            let Size { characters, octets, precision, radix, scale, moment } = size(known, &attribute);
            let element = names::enum_of_array(facts, attribute.type_oid);
            let of = facts.catalog().enum_by_id(u64::from(element.unwrap_or(attribute.type_oid)));
            let own_name = of.map(|of| if element.is_some() { format!("_{}", of.name) } else { of.name.clone() });
            let udt_schema = of.map_or("pg_catalog", |of| of.schema.as_str());
            rows.add(&[
                ("table_catalog", database(facts).into()),
                ("table_schema", entry.schema.into()),
                ("table_name", entry.name.as_ref().into()),
                ("column_name", attribute.name.as_str().into()),
                ("ordinal_position", (at + 1).into()),
                ("column_default", attribute.default.clone().filter(|_| owns && !attribute.generated).into()),
                ("is_nullable", yes_or_no(!attribute.not_null).into()),
                ("data_type", if element.is_some() { "ARRAY".into() } else { data_type(known).into() }),
                ("character_maximum_length", characters.into()),
                ("character_octet_length", octets.into()),
                ("numeric_precision", precision.into()),
                ("numeric_precision_radix", radix.into()),
                ("numeric_scale", scale.into()),
                ("datetime_precision", moment.into()),
                ("domain_catalog", domain.map(|_| database(facts)).into()),
                ("domain_schema", domain.map(|(schema, _)| schema).into()),
                ("domain_name", domain.map(|(_, name)| name).into()),
                ("udt_catalog", database(facts).into()),
                ("udt_schema", udt_schema.into()),
                ("udt_name", known.map(|known| known.name.to_owned()).or(own_name).into()),
                ("dtd_identifier", (at + 1).to_string().into()),
                ("is_self_referencing", "NO".into()),
                ("is_identity", yes_or_no(attribute.identity).into()),
                (
                    "identity_generation",
                    attribute.identity.then_some(if attribute.always { "ALWAYS" } else { "BY DEFAULT" }).into(),
                ),
                ("identity_start", identity(|sequence| sequence.start).into()),
                ("identity_increment", identity(|sequence| sequence.increment).into()),
                ("identity_maximum", identity(|sequence| sequence.max).into()),
                ("identity_minimum", identity(|sequence| sequence.min).into()),
                ("identity_cycle", yes_or_no(sequence.is_some_and(|sequence| sequence.cycle)).into()),
                ("is_generated", if attribute.generated { "ALWAYS" } else { "NEVER" }.into()),
                ("generation_expression", attribute.default.clone().filter(|_| owns && attribute.generated).into()),
                ("is_updatable", yes_or_no(writable.column(at)).into()),
            ]);
        }
    }
}

/// The type's name; of arrays the standard says no more than that.
pub fn data_type(known: Option<&'static BuiltIn>) -> String {
    match known {
        None => "USER-DEFINED".to_owned(),
        Some(known) if known.category == "A" => "ARRAY".to_owned(),
        Some(known) if known.name == "bpchar" => "character".to_owned(),
        Some(known) if known.namespace != oids::PG_CATALOG => known.name.to_owned(),
        Some(known) => types::shown(known, None),
    }
}

/// What a type can hold, as the standard counts it.
#[derive(Default)]
pub(super) struct Size {
    pub(super) characters: Option<i32>,
    pub(super) octets: Option<i32>,
    pub(super) precision: Option<i32>,
    pub(super) radix: Option<i32>,
    pub(super) scale: Option<i32>,
    pub(super) moment: Option<i32>,
}

/// What a column of a type can hold.
pub(super) fn size(known: Option<&'static BuiltIn>, attribute: &Attribute) -> Size {
    let binary = |precision| Size { precision: Some(precision), radix: Some(2), ..Size::default() };
    let whole = |precision| Size { scale: Some(0), ..binary(precision) };
    let Some(known) = known else { return Size::default() };
    match known.name {
        "varchar" | "bpchar" => {
            let characters = (attribute.modifier >= 4).then(|| attribute.modifier - 4);
            let octets = characters.map_or(1 << 30, |n| n.saturating_mul(CHARACTER_BYTES));
            Size { characters, octets: Some(octets), ..Size::default() }
        }
        "text" => Size { octets: Some(1 << 30), ..Size::default() },
        "int2" => whole(16),
        "int4" => whole(32),
        "int8" => whole(64),
        "float4" => binary(24),
        "float8" => binary(53),
        "numeric" => {
            let modifier = (attribute.modifier >= 4).then(|| attribute.modifier - 4);
            Size {
                precision: modifier.map(|n| n >> 16),
                radix: Some(10),
                scale: modifier.map(|n| ((n & 0x7ff) ^ 1024) - 1024),
                ..Size::default()
            }
        }
        "date" => Size { moment: Some(0), ..Size::default() },
        "time" | "timestamp" | "timestamptz" | "interval" => {
            let places = if attribute.modifier < 0 { 6 } else { attribute.modifier };
            Size { moment: Some(places), ..Size::default() }
        }
        _ => Size::default(),
    }
}
