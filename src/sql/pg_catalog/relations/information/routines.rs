//! routines and parameters: functions.

use super::super::super::facts::Facts;
use super::super::functions as known;
use super::super::rows::{Rows, row};
use super::super::types;
use super::{columns::data_type, database, yes_or_no};

/// routines
pub fn routines(facts: &Facts, rows: &mut Rows) {
    for function in known::all(facts) {
        let result = types::by_oid(function.result);
        row!(rows,
            specific_catalog: database(facts),
            specific_schema: function.schema.as_ref(),
            specific_name: format!("{}_{}", function.name, function.oid),
            routine_catalog: database(facts),
            routine_schema: function.schema.as_ref(),
            routine_name: function.name.as_ref(),
            routine_type: (function.kind == "f").then_some("FUNCTION"),
            data_type: data_type(result),
            type_udt_catalog: database(facts),
            type_udt_schema: "pg_catalog",
            type_udt_name: result.map(|known| known.name),
            dtd_identifier: "0",
            routine_body: if function.source.is_some() { "SQL" } else { "EXTERNAL" },
            routine_definition: function.source.as_deref(),
            external_language: if function.source.is_some() { "SQL" } else { "INTERNAL" },
            parameter_style: "GENERAL",
            is_deterministic: yes_or_no(function.volatility == "i"),
            sql_data_access: "MODIFIES",
            is_null_call: yes_or_no(function.strict),
            schema_level_routine: "YES",
            max_dynamic_result_sets: 0,
            security_type: "INVOKER",
            as_locator: "NO",
            is_udt_dependent: "NO",
            result_cast_as_locator: "NO",
        );
    }
}

/// parameters
pub fn parameters(facts: &Facts, rows: &mut Rows) {
    for function in known::all(facts) {
        for (at, arg) in function.args.iter().enumerate() {
            let known = types::by_oid(*arg);
            row!(rows,
                specific_catalog: database(facts),
                specific_schema: function.schema.as_ref(),
                specific_name: format!("{}_{}", function.name, function.oid),
                ordinal_position: at + 1,
                parameter_mode: "IN",
                is_result: "NO",
                as_locator: "NO",
                parameter_name: function.arg_names.get(at).filter(|name| !name.is_empty()).map(AsRef::as_ref),
                data_type: data_type(known),
                udt_catalog: database(facts),
                udt_schema: "pg_catalog",
                udt_name: known.map(|known| known.name),
                dtd_identifier: (at + 1).to_string(),
            );
        }
    }
}
