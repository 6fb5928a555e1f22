//! table_constraints, key_column_usage, referential_constraints, check_constraints, constraint_column_usage.

use super::super::super::deparse;
use super::super::super::facts::Facts;
use super::super::super::oids;
use super::super::constraint::{Constraint, Kind, constraints as all};
use super::super::rows::{Rows, row};
use super::{database, yes_or_no};
use crate::catalog::{Deferral, ForeignKey, Table};

/// table_constraints; NOT NULL is one too, whose name PostgreSQL makes of numbers.
pub fn constraints(facts: &Facts, rows: &mut Rows) {
    let mut add = |table: &Table, name: &str, kind: &str, deferral: Deferral| {
        row!(rows,
            constraint_catalog: database(facts),
            constraint_schema: &table.schema,
            constraint_name: name,
            table_catalog: database(facts),
            table_schema: &table.schema,
            table_name: &table.name,
            constraint_type: kind,
            is_deferrable: yes_or_no(deferral.is_deferrable()),
            initially_deferred: yes_or_no(deferral.is_deferred()),
            enforced: "YES",
            nulls_distinct: (kind == "UNIQUE").then(|| yes_or_no(true)),
        );
    };
    for constraint in all(facts) {
        let kind = match constraint.letter() {
            "p" => "PRIMARY KEY",
            "u" => "UNIQUE",
            "f" => "FOREIGN KEY",
            _ => "CHECK",
        };
        add(constraint.table, constraint.name, kind, constraint.deferral());
    }
    for (table, name, _) in not_nulls(facts) {
        add(table, &name, "CHECK", Deferral::Never);
    }
}

/// Table, name and column of each NOT NULL.
fn not_nulls(facts: &Facts) -> Vec<(&Table, String, &str)> {
    let mut found = Vec::new();
    for entry in facts.entries() {
        let super::super::super::entry::What::Table(_, table) = entry.what else { continue };
        let namespace = facts.schema_oid(entry.schema).unwrap_or(0);
        let columns = table.columns.iter().enumerate().filter(|(_, column)| column.not_null);
        found.extend(columns.map(|(at, column)| {
            (table, format!("{namespace}_{}_{}_not_null", entry.oid, at + 1), column.name.as_str())
        }));
    }
    found
}

/// check_constraints
pub fn checks(facts: &Facts, rows: &mut Rows) {
    let mut add = |schema: &str, name: &str, clause: String| {
        row!(rows,
            constraint_catalog: database(facts),
            constraint_schema: schema,
            constraint_name: name,
            check_clause: clause,
        );
    };
    for constraint in all(facts) {
        if let Kind::Check(check) = constraint.kind {
            add(
                &constraint.table.schema,
                constraint.name,
                format!("({})", deparse::expression(facts, &check.expression, false)),
            );
        }
    }
    for check in super::super::domain::checks(facts) {
        let clause = format!("({})", deparse::domain_check(facts, &check.check.expression, false));
        add(&check.domain.schema, &check.check.name, clause);
    }
    for (table, name, column) in not_nulls(facts) {
        add(&table.schema, &name, deparse::not_null(column));
    }
}

/// The table that a foreign key refers to, if the role is shown it, and the columns of its key.
fn referred<'a>(facts: &'a Facts, key: &ForeignKey) -> Option<(&'a Table, &'a [usize])> {
    let (_, table) = facts.entry(oids::of(key.table))?.table()?;
    Some((table, &table.key(&key.key)?.columns))
}

/// key_column_usage
pub fn key_columns(facts: &Facts, rows: &mut Rows) {
    for constraint in all(facts) {
        let is_foreign = match constraint.kind {
            Kind::Key(..) => false,
            Kind::Foreign(_) => true,
            Kind::Check(_) => continue,
        };
        for (at, column) in constraint.columns().into_iter().enumerate() {
            row!(rows,
                constraint_catalog: database(facts),
                constraint_schema: &constraint.table.schema,
                constraint_name: constraint.name,
                table_catalog: database(facts),
                table_schema: &constraint.table.schema,
                table_name: &constraint.table.name,
                column_name: &constraint.table.columns[column].name,
                ordinal_position: at + 1,
                // Columns of a foreign key stand in the order of the key that they refer to.
                position_in_unique_constraint: is_foreign.then_some(at + 1),
            );
        }
    }
}

/// referential_constraints
pub fn references(facts: &Facts, rows: &mut Rows) {
    for constraint in all(facts) {
        let Kind::Foreign(key) = constraint.kind else { continue };
        let other = referred(facts, key).map(|(table, _)| table);
        row!(rows,
            constraint_catalog: database(facts),
            constraint_schema: &constraint.table.schema,
            constraint_name: constraint.name,
            unique_constraint_catalog: database(facts),
            unique_constraint_schema: other.map(|table| table.schema.as_str()),
            unique_constraint_name: other.map(|_| &key.key),
            match_option: "NONE",
            update_rule: key.on_update.sql(),
            delete_rule: key.on_delete.sql(),
        );
    }
}

/// The table and the columns that a constraint is about: of a foreign key the ones that it refers to.
fn about<'a>(facts: &'a Facts, constraint: &Constraint<'a>) -> Option<(&'a Table, Vec<usize>)> {
    match constraint.kind {
        Kind::Foreign(key) => referred(facts, key).map(|(table, columns)| (table, columns.to_vec())),
        _ => Some((constraint.table, constraint.columns())),
    }
}

/// constraint_column_usage
pub fn columns_used(facts: &Facts, rows: &mut Rows) {
    for constraint in all(facts) {
        let Some((table, columns)) = about(facts, &constraint) else { continue };
        for column in columns {
            row!(rows,
                table_catalog: database(facts),
                table_schema: &table.schema,
                table_name: &table.name,
                column_name: &table.columns[column].name,
                constraint_catalog: database(facts),
                constraint_schema: &constraint.table.schema,
                constraint_name: constraint.name,
            );
        }
    }
}

/// constraint_table_usage
pub fn tables_used(facts: &Facts, rows: &mut Rows) {
    for constraint in all(facts).into_iter().filter(|constraint| constraint.letter() != "c") {
        let Some((table, _)) = about(facts, &constraint) else { continue };
        row!(rows,
            table_catalog: database(facts),
            table_schema: &table.schema,
            table_name: &table.name,
            constraint_catalog: database(facts),
            constraint_schema: &constraint.table.schema,
            constraint_name: constraint.name,
        );
    }
}
