//! `information_schema`: the same facts as the standard has them.
//!
//! As in PostgreSQL a relation or column is there for who has a right on it; what a column's default or a view's query is, for
//! who owns it.

mod columns;
mod constraints;
mod domains;
mod foreign;
mod privileges;
mod routines;
mod tables;

use super::super::entry::Entry;
use super::super::facts::Facts;
use super::rows::Rows;

/// What fills a relation; `None` for one that is empty.
pub fn filling(name: &str) -> Option<fn(&Facts, &mut Rows)> {
    Some(match name {
        "applicable_roles" => privileges::applicable_roles,
        "administrable_role_authorizations" => return None,
        "character_sets" => tables::character_sets,
        "check_constraints" => constraints::checks,
        "column_privileges" | "role_column_grants" => privileges::of_columns,
        "columns" => columns::columns,
        "constraint_column_usage" => constraints::columns_used,
        "constraint_table_usage" => constraints::tables_used,
        "column_domain_usage" => domains::used,
        "domain_constraints" => domains::constraints,
        "domain_udt_usage" => domains::types,
        "domains" => domains::domains,
        "enabled_roles" => privileges::enabled_roles,
        "foreign_data_wrappers" => foreign::wrappers,
        "foreign_server_options" => foreign::server_options,
        "foreign_servers" => foreign::servers,
        "foreign_tables" => foreign::tables,
        "information_schema_catalog_name" => tables::catalog_name,
        "key_column_usage" => constraints::key_columns,
        "parameters" => routines::parameters,
        "referential_constraints" => constraints::references,
        "routines" => routines::routines,
        "schemata" => tables::schemata,
        "sequences" => tables::sequences,
        "table_constraints" => constraints::constraints,
        "table_privileges" | "role_table_grants" => privileges::of_tables,
        "tables" => tables::tables,
        "view_table_usage" => tables::view_reads,
        "views" => tables::views,
        _ => return None,
    })
}

/// The database, which the standard calls a catalogue.
fn database(facts: &Facts) -> &str {
    &facts.context.database.name
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

/// Whether the role has the owner's rights on an entry.
fn owns(facts: &Facts, entry: &Entry<'_>) -> bool {
    facts.context.has_role(facts.owner(entry).into())
}
