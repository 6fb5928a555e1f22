//! domains, domain_constraints, domain_udt_usage, column_domain_usage.

use super::super::super::deparse;
use super::super::super::facts::{Attribute, Facts};
use super::super::super::names;
use super::super::domain::{all, base_of, checks};
use super::super::rows::{Rows, row};
use super::super::types;
use super::columns::{Size, data_type, size};
use super::{database, owns, yes_or_no};
use crate::catalog::Domain;

/// Schema and name of the type below a domain.
fn below(facts: &Facts, domain: &Domain) -> (String, String) {
    let (base, _) = base_of(domain);
    let element = names::enum_of_array(facts, base);
    match (types::by_oid(base), facts.catalog().enum_by_id(u64::from(element.unwrap_or(base)))) {
        (Some(known), _) => ("pg_catalog".to_owned(), known.name.to_owned()),
        (None, Some(of)) if element.is_some() => (of.schema.clone(), format!("_{}", of.name)),
        (None, Some(of)) => (of.schema.clone(), of.name.clone()),
        (None, None) => (String::new(), String::new()),
    }
}

/// domains
pub fn domains(facts: &Facts, rows: &mut Rows) {
    for (_, domain) in all(facts) {
        let (base, modifier) = base_of(domain);
        let known = types::by_oid(base);
        let attribute = Attribute { modifier, ..Attribute::of_type(&domain.base) };
        let Size { characters, octets, precision, radix, scale, moment } = size(known, &attribute);
        let (udt_schema, udt_name) = below(facts, domain);
        row!(rows,
            domain_catalog: database(facts),
            domain_schema: domain.schema.as_str(),
            domain_name: domain.name.as_str(),
            data_type: data_type(known),
            character_maximum_length: characters,
            character_octet_length: octets,
            numeric_precision: precision,
            numeric_precision_radix: radix,
            numeric_scale: scale,
            datetime_precision: moment,
            domain_default: domain.default.as_deref().map(|text| deparse::named_short(facts, text)),
            udt_catalog: database(facts),
            udt_schema: udt_schema,
            udt_name: udt_name,
            dtd_identifier: "1",
        );
    }
}

/// domain_constraints
pub fn constraints(facts: &Facts, rows: &mut Rows) {
    for check in checks(facts) {
        row!(rows,
            constraint_catalog: database(facts),
            constraint_schema: check.domain.schema.as_str(),
            constraint_name: check.check.name.as_str(),
            domain_catalog: database(facts),
            domain_schema: check.domain.schema.as_str(),
            domain_name: check.domain.name.as_str(),
            is_deferrable: yes_or_no(false),
            initially_deferred: yes_or_no(false),
        );
    }
}

/// domain_udt_usage
pub fn types(facts: &Facts, rows: &mut Rows) {
    for (_, domain) in all(facts).filter(|(_, domain)| facts.context.has_role(domain.owner)) {
        let (udt_schema, udt_name) = below(facts, domain);
        row!(rows,
            udt_catalog: database(facts),
            udt_schema: udt_schema,
            udt_name: udt_name,
            domain_catalog: database(facts),
            domain_schema: domain.schema.as_str(),
            domain_name: domain.name.as_str(),
        );
    }
}

/// column_domain_usage: of the columns of tables that the role owns.
pub fn used(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries().into_iter().filter(|entry| entry.is_relation() && owns(facts, entry)) {
        for attribute in facts.attributes(&entry) {
            let Some(domain) = attribute.domain.and_then(|id| facts.catalog().domain_by_id(id)) else { continue };
            row!(rows,
                domain_catalog: database(facts),
                domain_schema: domain.schema.as_str(),
                domain_name: domain.name.as_str(),
                table_catalog: database(facts),
                table_schema: entry.schema,
                table_name: entry.name.as_ref(),
                column_name: attribute.name.as_str(),
            );
        }
    }
}
