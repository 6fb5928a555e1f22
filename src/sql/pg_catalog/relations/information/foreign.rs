//! foreign_data_wrappers, foreign_servers, foreign_tables and their options: sources, and what they hold.

use super::super::super::super::tables as relations;
use super::super::super::entry::What;
use super::super::super::facts::Facts;
use super::super::rows::{Rows, row};
use super::database;
use crate::catalog::{Class, Object, Source};

/// Sources that the role may read.
fn sources(facts: &Facts) -> impl Iterator<Item = &Source> {
    facts.catalog().class(Class::Schema).filter_map(move |(_, object)| match object {
        Object::Source(source) if relations::may_read(&facts.context, source) => Some(source),
        _ => None,
    })
}

fn wrapper(source: &Source) -> &'static str {
    if source.is_remote() { "postgres" } else { "files" }
}

/// foreign_data_wrappers
pub fn wrappers(facts: &Facts, rows: &mut Rows) {
    for name in ["files", "postgres"] {
        if sources(facts).any(|source| wrapper(source) == name) {
            row!(rows,
                foreign_data_wrapper_catalog: database(facts),
                foreign_data_wrapper_name: name,
                authorization_identifier: facts.catalog().role_name(facts.first_superuser().into()),
                foreign_data_wrapper_language: "c",
            );
        }
    }
}

/// foreign_servers
pub fn servers(facts: &Facts, rows: &mut Rows) {
    for source in sources(facts) {
        row!(rows,
            foreign_server_catalog: database(facts),
            foreign_server_name: source.name.as_str(),
            foreign_data_wrapper_catalog: database(facts),
            foreign_data_wrapper_name: wrapper(source),
            foreign_server_type: source.source_type.as_str(),
            authorization_identifier: facts.catalog().role_name(source.owner),
        );
    }
}

/// foreign_server_options, without secrets.
pub fn server_options(facts: &Facts, rows: &mut Rows) {
    for source in sources(facts) {
        for (name, value) in &source.options {
            row!(rows,
                foreign_server_catalog: database(facts),
                foreign_server_name: source.name.as_str(),
                option_name: name.as_str(),
                option_value: value.as_str(),
            );
        }
    }
}

/// foreign_tables: assets that an inventory has looked at.
pub fn tables(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let What::Asset(_, finding) = entry.what else { continue };
        let Some(Object::Source(source)) = facts.catalog().get(finding.object).map(AsRef::as_ref) else { continue };
        row!(rows,
            foreign_table_catalog: database(facts),
            foreign_table_schema: entry.schema,
            foreign_table_name: entry.name.as_ref(),
            foreign_server_catalog: database(facts),
            foreign_server_name: source.name.as_str(),
        );
    }
}
