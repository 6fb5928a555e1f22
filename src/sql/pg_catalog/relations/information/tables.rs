//! tables, views, schemata, view_table_usage, character_sets, information_schema_catalog_name.

use super::super::super::entry::What;
use super::super::super::facts::Facts;
use super::super::super::writable::Writable;
use super::super::super::{functions, names};
use super::super::dependency;
use super::super::rows::{Rows, row};
use super::super::schema;
use super::{database, owns, yes_or_no};
use crate::catalog::{SqlType, is_temporary};

/// tables
pub fn tables(facts: &Facts, rows: &mut Rows) {
    // As in PostgreSQL the standard's views know no materialized ones.
    for entry in facts.entries().into_iter().filter(|entry| entry.is_relation() && entry.kind() != "m") {
        let is_table = entry.kind() == "r";
        let own = is_temporary(entry.schema);
        row!(rows,
            table_catalog: database(facts),
            table_schema: entry.schema,
            table_name: entry.name.as_ref(),
            table_type: match (is_table, own) {
                (true, true) => "LOCAL TEMPORARY",
                (true, false) => "BASE TABLE",
                (false, _) if entry.kind() == "f" => "FOREIGN",
                (false, _) => "VIEW",
            },
            is_insertable_into: yes_or_no(facts.writable(&entry).contains(Writable::INSERT)),
            is_typed: "NO",
        );
    }
}

/// views
pub fn views(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries().into_iter().filter(|entry| entry.kind() == "v") {
        row!(rows,
            table_catalog: database(facts),
            table_schema: entry.schema,
            table_name: entry.name.as_ref(),
            view_definition: functions::definitions::view(facts, &entry).filter(|_| owns(facts, &entry)),
            check_option: match entry.what {
                What::View(_, view) => view.check.map_or("NONE".to_owned(), |check| check.word().to_uppercase()),
                _ => "NONE".to_owned(),
            },
            is_updatable: yes_or_no(facts.writable(&entry).contains(Writable::UPDATE | Writable::DELETE)),
            is_insertable_into: yes_or_no(facts.writable(&entry).contains(Writable::INSERT)),
            is_trigger_updatable: "NO",
            is_trigger_deletable: "NO",
            is_trigger_insertable_into: "NO",
        );
    }
}

/// sequences: but for those of identity columns, which are part of them.
pub fn sequences(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let What::Sequence(_, sequence) = entry.what else { continue };
        if sequence.identity {
            continue;
        }
        let bits = match sequence.data_type {
            SqlType::Int2 => 16,
            SqlType::Int4 => 32,
            _ => 64,
        };
        row!(rows,
            sequence_catalog: database(facts),
            sequence_schema: entry.schema,
            sequence_name: entry.name.as_ref(),
            data_type: sequence.data_type.to_string(),
            numeric_precision: bits,
            numeric_precision_radix: 2,
            numeric_scale: 0,
            start_value: sequence.start.to_string(),
            minimum_value: sequence.min.to_string(),
            maximum_value: sequence.max.to_string(),
            increment: sequence.increment.to_string(),
            cycle_option: yes_or_no(sequence.cycle),
        );
    }
}

/// schemata
pub fn schemata(facts: &Facts, rows: &mut Rows) {
    for (_, name, owner) in schema::all(facts) {
        row!(rows,
            catalog_name: database(facts),
            schema_name: name,
            schema_owner: names::role_name(facts, owner),
        );
    }
}

/// view_table_usage
pub fn view_reads(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        let What::View(_, view) = entry.what else { continue };
        for read in dependency::read_by(facts, view).into_iter().filter(|read| owns(facts, read)) {
            row!(rows,
                view_catalog: database(facts),
                view_schema: entry.schema,
                view_name: entry.name.as_ref(),
                table_catalog: database(facts),
                table_schema: read.schema,
                table_name: read.name.as_ref(),
            );
        }
    }
}

/// character_sets
pub fn character_sets(facts: &Facts, rows: &mut Rows) {
    row!(rows,
        character_set_name: "UTF8",
        character_repertoire: "UCS",
        form_of_use: "UTF8",
        default_collate_catalog: database(facts),
    );
}

/// information_schema_catalog_name
pub fn catalog_name(facts: &Facts, rows: &mut Rows) {
    row!(rows, catalog_name: database(facts));
}
