//! pg_attribute and pg_attrdef: columns and their defaults.

use super::super::entry::What;
use super::super::facts::{Attribute, Facts};
use super::super::oids;
use super::role::column_acl;
use super::rows::{Rows, row};
use super::types;

/// Columns that every table has without being asked, as in PostgreSQL: name, type, number.
const SYSTEM: [(&str, u32, i32); 3] = [("tableoid", 26, -6), ("xmin", 28, -2), ("ctid", 27, -1)];

/// pg_attribute
pub fn attributes(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        for (at, attribute) in facts.attributes(&entry).iter().enumerate() {
            let known = types::by_oid(attribute.type_oid);
            let is_enum = known.is_none() && facts.catalog().enum_by_id(u64::from(attribute.type_oid)).is_some();
            let collation = match known.map_or(0, |known| known.collation) {
                // The catalogue's own texts are compared byte by byte.
                types::DEFAULT_COLLATION if matches!(entry.what, What::Listed(_)) && entry.kind() == "r" => {
                    types::C_COLLATION
                }
                collation => collation,
            };
            rows.add(&[
                ("attrelid", entry.oid.into()),
                ("attname", attribute.name.as_str().into()),
                ("atttypid", attribute.domain.map_or(attribute.type_oid, oids::of).into()),
                ("attstattarget", (-1).into()),
                ("attlen", known.map_or(if is_enum { 4 } else { -1 }, |known| known.len).into()),
                ("attnum", (at + 1).into()),
                ("attndims", attribute.dimensions.into()),
                ("attcacheoff", (-1).into()),
                ("atttypmod", attribute.domain.map_or(attribute.modifier, |_| -1).into()),
                ("attbyval", known.map_or(is_enum, |known| known.by_value).into()),
                ("attalign", known.map_or("i", |known| known.align).into()),
                ("attstorage", known.map_or(if is_enum { "p" } else { "x" }, |known| known.storage).into()),
                ("attnotnull", attribute.not_null.into()),
                ("atthasdef", attribute.default.is_some().into()),
                ("attidentity", identity(attribute).into()),
                ("attgenerated", if attribute.generated { "s" } else { "" }.into()),
                ("attislocal", true.into()),
                ("attcollation", collation.into()),
                ("attacl", column_acl(facts, &entry, &attribute.name).into()),
            ]);
        }
        if let What::Table(..) | What::Listed(_) = entry.what
            && entry.kind() == "r"
        {
            for (name, type_oid, number) in SYSTEM {
                let known = types::by_oid(type_oid);
                row!(rows,
                    attrelid: entry.oid,
                    attname: name,
                    atttypid: type_oid,
                    attlen: known.map_or(4, |known| known.len),
                    attnum: number,
                    attcacheoff: -1,
                    atttypmod: -1,
                    attbyval: known.is_some_and(|known| known.by_value),
                    attalign: known.map_or("i", |known| known.align),
                    attstorage: "p",
                    attnotnull: true,
                    attislocal: true,
                );
            }
        }
    }
}

/// `d` of a column that numbers rows unless the statement gives a number, `a` of one that takes no other.
fn identity(attribute: &Attribute) -> &'static str {
    match (attribute.identity, attribute.always) {
        (true, true) => "a",
        (true, false) => "d",
        (false, _) => "",
    }
}

/// pg_attrdef
pub fn defaults(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let What::Table(id, _) = entry.what else { continue };
        for (at, attribute) in facts.attributes(&entry).into_iter().enumerate() {
            if let (Some(default), Some(oid)) = (attribute.default, oids::default(id, at)) {
                row!(rows, oid: oid, adrelid: entry.oid, adnum: at + 1, adbin: default);
            }
        }
    }
}
