//! Our functions that give rows: of each its name, its arguments, its columns, and what makes the rows.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::parameters;
use super::{
    audit, bare, drift, evaluate, inventory, lineage, lineage_events, linkage, names_parameter, quality, relation,
    repair, rules, search, suggest_labels, undefined_table,
};
use crate::catalog::SqlType;
use crate::error::Result;
use crate::sql::{classification, linkage as linked, quality as judged, repair as repaired, system};
use arrow::datatypes::Field;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use std::sync::Arc;

/// Of which type an argument is.
#[derive(Debug, Clone, Copy)]
enum Of {
    Text,
    Whole,
    Length,
}

/// What a function tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    /// What the catalogue knows, or figures of a model.
    Facts,
    /// Values of relations, too.
    Values,
}

type Made = Result<Arc<dyn TableProvider>>;

/// A function that gives rows.
struct Function {
    name: &'static str,
    /// Each may be given by its name; those at the end may be left out.
    arguments: &'static [(&'static str, Of)],
    tells: Tells,
    columns: fn(&Arc<Context>) -> Option<Vec<Field>>,
    rows: fn(&[Expr], &Arc<Context>) -> Made,
}

const FOUND: &[(&str, Of)] = &[("relation", Of::Text), ("query", Of::Text), ("k", Of::Whole)];
const RELATION: &[(&str, Of)] = &[("relation", Of::Text)];
const RELATION_AND_OPTIONS: &[(&str, Of)] = &[("relation", Of::Text), ("options", Of::Text)];

const ALL: &[Function] = &[
    Function {
        name: "search",
        arguments: FOUND,
        tells: Tells::Values,
        columns: |_| Some(search::columns()),
        rows: search::search,
    },
    Function {
        name: "text_search",
        arguments: FOUND,
        tells: Tells::Values,
        columns: |_| Some(search::columns()),
        rows: search::search,
    },
    Function {
        name: "evaluate",
        arguments: &[("model", Of::Text), ("query", Of::Text)],
        tells: Tells::Values,
        columns: |_| Some(evaluate::measures()),
        rows: evaluate::evaluate,
    },
    Function {
        name: "feature_importance",
        arguments: &[("model", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(evaluate::importances()),
        rows: evaluate::feature_importance,
    },
    Function {
        name: "model_metrics",
        arguments: &[("model", Of::Text), ("since", Of::Length)],
        tells: Tells::Facts,
        columns: |_| Some(evaluate::progress()),
        rows: evaluate::model_metrics,
    },
    Function {
        name: "drift",
        arguments: &[("model", Of::Text), ("serving", Of::Text), ("window", Of::Length), ("options", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(drift::columns()),
        rows: drift::drift,
    },
    Function {
        name: "quality_report",
        arguments: RELATION,
        tells: Tells::Values,
        columns: |_| Some(system::report_columns()),
        rows: quality::report,
    },
    Function {
        name: "quality_failures",
        arguments: &[("relation", Of::Text), ("rule", Of::Text), ("n", Of::Whole)],
        tells: Tells::Values,
        columns: |_| Some(judged::failure_columns()),
        rows: rules::failures,
    },
    Function {
        name: "suggest_rules",
        arguments: RELATION,
        tells: Tells::Values,
        columns: |_| Some(judged::suggestion_columns()),
        rows: rules::suggest,
    },
    Function {
        name: "suggest_labels",
        arguments: &[("relation", Of::Text), ("model", Of::Text), ("k", Of::Whole)],
        tells: Tells::Values,
        columns: |_| Some(suggest_labels::columns()),
        rows: suggest_labels::table,
    },
    Function {
        name: "classify_table",
        arguments: RELATION_AND_OPTIONS,
        tells: Tells::Facts,
        columns: |_| Some(classification::classified_columns()),
        rows: relation::classify_table,
    },
    Function {
        name: "repair_plan",
        arguments: RELATION_AND_OPTIONS,
        tells: Tells::Values,
        columns: |_| Some(repaired::plan_columns()),
        rows: repair::plan,
    },
    Function {
        name: "dedupe",
        arguments: RELATION_AND_OPTIONS,
        tells: Tells::Values,
        columns: |_| Some(linked::dedupe_columns()),
        rows: linkage::dedupe,
    },
    Function {
        name: "match",
        arguments: &[("left", Of::Text), ("right", Of::Text), ("options", Of::Text)],
        tells: Tells::Values,
        columns: |_| Some(linked::match_columns()),
        rows: linkage::matches,
    },
    Function {
        name: "profile",
        arguments: RELATION,
        tells: Tells::Values,
        columns: relation::profile_columns,
        rows: relation::profile,
    },
    Function {
        name: "inventory",
        arguments: &[("domain", Of::Text), ("structure", Of::Text), ("search", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(system::asset_columns()),
        rows: relation::inventory,
    },
    Function {
        name: "inventory_diff",
        arguments: &[("from_run", Of::Whole), ("to_run", Of::Whole)],
        tells: Tells::Values,
        columns: |_| Some(system::change_columns()),
        rows: inventory::inventory_diff,
    },
    Function {
        name: "tag_references",
        arguments: &[("object", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(system::reference_columns()),
        rows: relation::tag_references,
    },
    Function {
        name: "effective_policy",
        arguments: &[("relation", Of::Text), ("role", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(relation::policy_columns()),
        rows: relation::effective_policy,
    },
    Function {
        name: "encryption_status",
        arguments: &[],
        tells: Tells::Facts,
        columns: |_| Some(system::encryption::columns()),
        rows: relation::encryption_status,
    },
    Function {
        name: "lineage",
        arguments: &[("object", Of::Text), ("column_name", Of::Text), ("direction", Of::Text), ("depth", Of::Whole)],
        tells: Tells::Facts,
        columns: |_| Some(lineage::columns()),
        rows: lineage::lineage,
    },
    Function {
        name: "impact",
        arguments: &[("object", Of::Text), ("column_name", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(lineage::impact_columns()),
        rows: lineage::impact,
    },
    Function {
        name: "lineage_events",
        arguments: &[("object", Of::Text)],
        tells: Tells::Facts,
        columns: |_| Some(lineage_events::columns()),
        rows: lineage_events::events,
    },
    Function {
        name: "audit_verify",
        arguments: &[],
        tells: Tells::Facts,
        columns: |_| Some(audit::columns()),
        rows: audit::verify,
    },
];

/// The function of a name in small letters, with or without its schema.
fn find(name: &str) -> Option<&'static Function> {
    let name = bare(name);
    ALL.iter().find(|function| function.name == name)
}

/// Whether a function of this name gives rows and is ours.
pub fn is_table(name: &str) -> bool {
    find(name).is_some()
}

/// The names of the arguments of one of ours.
pub fn argument_names(name: &str) -> Option<Vec<&'static str>> {
    find(name).map(Function::names)
}

impl Function {
    fn names(&self) -> Vec<&'static str> {
        self.arguments.iter().map(|(name, _)| *name).collect()
    }
}

/// The rows that one of ours gives; none if it is not ours. `UndefinedFunction` if there are more arguments than it has.
pub fn table(name: &str, args: &[Expr], context: &Arc<Context>) -> Result<Option<Arc<dyn TableProvider>>> {
    let name = name.to_lowercase();
    let Some(function) = find(&name) else { return Ok(None) };
    if args.len() > function.arguments.len() {
        let hint = match function.arguments {
            [] => "It takes no arguments.".to_owned(),
            _ => format!("Its arguments are {}.", function.names().join(", ")),
        };
        return Err(undefined_table(&name, args).with_hint(hint));
    }
    let table = (function.rows)(args, context)?;
    Ok(Some(match function.tells == Tells::Facts || Reads::are_told(&table) {
        true => table,
        false => relation::told_of_named(context, args, table),
    }))
}

/// The columns of one whose arguments are not known yet, as a relation without rows; none if they are known, or
/// if it is not one of ours. Parameters hear which types they have.
pub fn described(name: &str, args: &[Expr], context: &Arc<Context>) -> Option<Arc<dyn TableProvider>> {
    let function = find(&name.to_lowercase())?;
    if context.params.values().is_some() || !args.iter().any(names_parameter) {
        return None;
    }
    let columns = (function.columns)(context)?;
    for (arg, (_, of)) in args.iter().zip(function.arguments) {
        let sql_type = match of {
            Of::Text => SqlType::Text,
            Of::Whole => SqlType::Int4,
            Of::Length => SqlType::Interval,
        };
        context.params.note(&parameters::of_type(arg.clone(), &sql_type));
    }
    Some(system::rows::RowsTable::make(columns, || Ok(Vec::new())))
}
