//! pg_namespace, pg_database, pg_tablespace.

use super::super::super::tables;
use super::super::facts::Facts;
use super::super::oids;
use super::rows::{Rows, row};
use crate::catalog::{Class, Object};

/// Schemas with their owners, the catalogue's first.
pub fn all(facts: &Facts) -> Vec<(u32, String, u32)> {
    let owner = facts.first_superuser();
    let built_in = [
        (oids::PG_CATALOG, "pg_catalog"),
        (oids::INFORMATION_SCHEMA, "information_schema"),
        (oids::STEWARD, "steward"),
    ];
    let built_in = built_in.into_iter().map(|(oid, name)| (oid, name.to_owned(), owner));
    let own = facts.catalog().class(Class::Schema).filter_map(|(id, object)| match object {
        Object::Schema(schema) if facts.context.must_reach(&schema.name).is_err() => None,
        Object::Schema(schema) => Some((oids::of(id), schema.name.clone(), oids::of(schema.owner))),
        Object::Source(source) if tables::may_read(&facts.context, source) => {
            Some((oids::of(id), source.name.clone(), oids::of(source.owner)))
        }
        _ => None,
    });
    built_in.chain(own).collect()
}

/// pg_namespace
pub fn namespaces(facts: &Facts, rows: &mut Rows) {
    for (oid, name, owner) in all(facts) {
        row!(rows, oid: oid, nspname: name, nspowner: owner);
    }
}

/// pg_database: the one that is open.
pub fn databases(facts: &Facts, rows: &mut Rows) {
    row!(rows,
        oid: oids::DATABASE,
        datname: facts.context.database.name.as_str(),
        datdba: facts.first_superuser(),
        encoding: 6,
        datlocprovider: "c",
        datistemplate: false,
        datallowconn: true,
        datconnlimit: -1,
        dattablespace: oids::TABLESPACE,
        // Texts are compared byte by byte.
        datcollate: "C",
        datctype: "C.UTF-8",
    );
}

/// pg_tablespace
pub fn tablespaces(facts: &Facts, rows: &mut Rows) {
    for (oid, name) in [(oids::TABLESPACE, "pg_default"), (1664, "pg_global")] {
        row!(rows, oid: oid, spcname: name, spcowner: facts.first_superuser());
    }
}
