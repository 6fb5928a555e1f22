//! Domains in pg_type and pg_constraint.

use super::super::deparse;
use super::super::facts::Facts;
use super::super::oids::{self, ConstraintPart};
use super::rows::{Rows, row};
use super::types;
use crate::catalog::{CheckConstraint, Class, Domain, Object, ObjectId};

/// All domains.
pub fn all(facts: &Facts) -> impl Iterator<Item = (ObjectId, &Domain)> {
    facts.catalog().class(Class::Type).filter_map(|(id, object)| match object {
        Object::Domain(domain) => Some((id, domain)),
        _ => None,
    })
}

/// The OID and the modifier of the type below.
pub fn base_of(domain: &Domain) -> (u32, i32) {
    let (oid, modifier) = types::of_column(&domain.base);
    (oid, domain.places.map_or(modifier, i32::from))
}

/// A condition of a domain.
pub struct Check<'a> {
    /// Its OID.
    pub oid: u32,
    /// The domain's id.
    pub domain_id: ObjectId,
    /// The domain.
    pub domain: &'a Domain,
    /// What it says.
    pub check: &'a CheckConstraint,
}

/// The conditions of all domains.
pub fn checks(facts: &Facts) -> Vec<Check<'_>> {
    let of = |(domain_id, domain): (ObjectId, &'_ Domain)| -> Vec<(ObjectId, usize)> {
        (0..domain.checks.len()).map(|at| (domain_id, at)).collect()
    };
    let places: Vec<(ObjectId, usize)> = all(facts).flat_map(of).collect();
    let check = |(domain_id, at): (ObjectId, usize)| {
        let domain = facts.catalog().domain_by_id(domain_id)?;
        let oid = oids::constraint(domain_id, ConstraintPart::Check(at))?;
        Some(Check { oid, domain_id, domain, check: domain.checks.get(at)? })
    };
    places.into_iter().filter_map(check).collect()
}

/// The condition of a domain that has this number in pg_constraint.
pub fn check_by_oid(facts: &Facts, oid: u32) -> Option<Check<'_>> {
    checks(facts).into_iter().find(|check| check.oid == oid)
}

/// Their rows of pg_type.
pub fn types(facts: &Facts, rows: &mut Rows) {
    for (id, domain) in all(facts) {
        let (base, modifier) = base_of(domain);
        let known = types::by_oid(base);
        let of_labels = known.is_none() && domain.base.enumerated().is_some();
        let functions = known.map_or([3506, 3507, 3532, 3533, 0, 0, 0], |known| known.functions);
        rows.add(&[
            ("oid", oids::of(id).into()),
            ("typname", domain.name.as_str().into()),
            ("typnamespace", facts.schema_oid(&domain.schema).unwrap_or(0).into()),
            ("typowner", oids::of(domain.owner).into()),
            ("typlen", known.map_or(if of_labels { 4 } else { -1 }, |known| known.len).into()),
            ("typbyval", known.map_or(of_labels, |known| known.by_value).into()),
            ("typtype", "d".into()),
            ("typcategory", known.map_or("E", |known| known.category).into()),
            ("typispreferred", false.into()),
            ("typisdefined", true.into()),
            ("typdelim", known.map_or(",", |known| known.delimiter).into()),
            // domain_in, domain_recv
            ("typinput", 2597.into()),
            ("typoutput", functions[1].into()),
            ("typreceive", 2598.into()),
            ("typsend", functions[3].into()),
            ("typalign", known.map_or("i", |known| known.align).into()),
            ("typstorage", known.map_or(if of_labels { "p" } else { "x" }, |known| known.storage).into()),
            ("typnotnull", domain.not_null.into()),
            ("typbasetype", base.into()),
            ("typtypmod", modifier.into()),
            ("typcollation", known.map_or(0, |known| known.collation).into()),
            ("typdefault", domain.default.as_deref().map(|text| deparse::named_short(facts, text)).into()),
        ]);
    }
}

/// Their rows of pg_constraint.
pub fn constraints(facts: &Facts, rows: &mut Rows) {
    for Check { oid, domain_id, domain, check } in checks(facts) {
        row!(rows,
            oid: oid,
            conname: check.name.as_str(),
            connamespace: facts.schema_oid(&domain.schema).unwrap_or(0),
            contype: "c",
            convalidated: true,
            contypid: oids::of(domain_id),
            conislocal: true,
            conbin: check.expression.as_str(),
            confupdtype: " ",
            confdeltype: " ",
            confmatchtype: " ",
        );
    }
}
