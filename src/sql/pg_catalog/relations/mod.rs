//! The relations of the catalogue: what each shows of the facts.
//!
//! [`make`] is asked for one when a statement reads it. [`listed`] has the columns of all that PostgreSQL 15 has; those that
//! no line here fills are empty.

mod attribute;
mod builtin;
mod class;
mod constraint;
mod dependency;
mod domain;
mod foreign;
pub mod functions;
mod index;
mod information;
pub mod listed;
mod policy;
mod role;
mod rows;
mod schema;
mod session;
pub mod types;

pub use constraint::{Constraint, Kind as ConstraintKind, constraints_of};
pub use domain::check_by_oid as domain_check_by_oid;
pub use index::indexed;

use super::facts::Facts;
use super::value::Relation;
use crate::error::Result;
use listed::Listed;
use rows::Rows;

/// The rows of a relation as the role sees them.
pub fn make(facts: &Facts, listed: &'static Listed) -> Result<Relation> {
    let mut rows = Rows::new(listed);
    let fill: fn(&Facts, &mut Rows) = match (listed.schema, listed.name) {
        ("information_schema", name) => match information::filling(name) {
            Some(fill) => fill,
            None => return Ok(rows.done()),
        },
        (_, name) => match name {
            "pg_am" => builtin::access_methods,
            "pg_attrdef" => attribute::defaults,
            "pg_attribute" => attribute::attributes,
            "pg_auth_members" => role::members,
            "pg_authid" => role::secrets,
            "pg_cast" => builtin::casts,
            "pg_class" => class::classes,
            "pg_collation" => builtin::collations,
            "pg_constraint" => constraint::rows,
            "pg_cursors" => session::cursors,
            "pg_database" => schema::databases,
            "pg_default_acl" => role::default_rights,
            "pg_depend" => dependency::rows,
            "pg_description" => class::descriptions,
            "pg_enum" => builtin::enum_labels,
            "pg_group" => role::groups,
            "pg_index" => index::rows,
            "pg_indexes" => index::definitions,
            "pg_language" => builtin::languages,
            "pg_matviews" => class::materialized_views,
            "pg_foreign_data_wrapper" => foreign::wrappers,
            "pg_foreign_server" => foreign::servers,
            "pg_foreign_table" => foreign::tables,
            "pg_namespace" => schema::namespaces,
            "pg_opclass" => builtin::operator_classes,
            "pg_opfamily" => builtin::operator_families,
            "pg_policies" => policy::shown,
            "pg_policy" => policy::rows,
            "pg_prepared_statements" => session::prepared_statements,
            "pg_proc" => builtin::functions,
            "pg_rewrite" => dependency::rules,
            "pg_roles" => role::roles,
            "pg_sequence" => class::sequences,
            "pg_sequences" => class::shown_sequences,
            "pg_settings" => session::settings,
            "pg_shadow" => role::shadows,
            "pg_shdescription" => class::shared_descriptions,
            "pg_stat_activity" => session::activity,
            "pg_stat_all_tables" | "pg_stat_user_tables" => session::table_counts,
            "pg_stat_gssapi" => session::gssapi,
            "pg_stat_ssl" => session::encryption,
            "pg_stat_database" => session::database_counts,
            "pg_statio_all_tables" | "pg_statio_user_tables" => session::table_reads,
            "pg_tables" => class::tables,
            "pg_tablespace" => schema::tablespaces,
            "pg_type" => builtin::types,
            "pg_user" => role::users,
            "pg_views" => class::views,
            _ => return Ok(rows.done()),
        },
    };
    fill(facts, &mut rows);
    Ok(rows.done())
}
