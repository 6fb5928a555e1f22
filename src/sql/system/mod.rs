//! Schema `steward`: everything that Steward knows, as rows.
//!
//! Each view shows what the asking role may know and no more: a relation that it cannot read is not in the list, extremes
//! and frequent values of a column that it sees masked are left out.

mod assets;
mod audit;
mod carried;
mod classifiers;
pub mod encryption;
mod erasures;
mod inventory;
mod jobs;
mod lineage;
mod models;
mod objects;
mod operation;
mod repairs;
pub mod rows;
mod rules;
mod told;
mod vocabulary;

use super::context::Context;
use super::lineage::Reads;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use rows::{Cell, RowsTable};
use std::sync::Arc;

/// One view: its name, its columns, and its rows for a context.
struct View {
    name: &'static str,
    columns: fn() -> Vec<Field>,
    rows: fn(&Context) -> crate::error::Result<Vec<Vec<Cell>>>,
}

const VIEWS: &[View] = &[
    View { name: "assets", columns: assets::asset_columns, rows: assets::assets },
    View { name: "columns", columns: assets::column_columns, rows: assets::columns },
    View { name: "quality_results", columns: assets::quality_columns, rows: assets::quality_results },
    View { name: "models", columns: models::model_columns, rows: models::models },
    View { name: "model_versions", columns: models::version_columns, rows: models::versions },
    View { name: "model_metrics", columns: models::metric_columns, rows: models::metrics },
    View { name: "tags", columns: objects::tag_columns, rows: objects::tags },
    View { name: "tag_references", columns: objects::reference_columns, rows: objects::references },
    View { name: "classes", columns: objects::class_columns, rows: objects::classes },
    View { name: "policies", columns: objects::policy_columns, rows: objects::policies },
    View { name: "sources", columns: objects::source_columns, rows: objects::sources },
    View { name: "roles", columns: objects::role_columns, rows: objects::roles },
    View { name: "settings", columns: objects::setting_columns, rows: objects::settings },
    View { name: "history", columns: operation::history_columns, rows: operation::history },
    View { name: "commits", columns: operation::commit_columns, rows: operation::commits },
    View { name: "scrub", columns: operation::scrub_columns, rows: operation::scrub },
    View { name: "encryption", columns: encryption::columns, rows: encryption::rows },
    View { name: "encryption_keys", columns: encryption::key_columns, rows: encryption::keys },
    View { name: "quality_rules", columns: rules::rule_columns, rows: rules::rules },
    View { name: "lineage", columns: lineage::lineage_columns, rows: lineage::lineage },
    View { name: "audit_log", columns: audit::audit_columns, rows: audit::audit_log },
    View { name: "classifiers", columns: classifiers::columns, rows: classifiers::rows },
    View { name: "repairs", columns: repairs::repair_columns, rows: repairs::repairs },
    View { name: "erasures", columns: erasures::erasure_columns, rows: erasures::erasures },
    View { name: "jobs", columns: jobs::job_columns, rows: jobs::jobs },
    View { name: "job_runs", columns: jobs::run_columns, rows: jobs::runs },
    View { name: "drift", columns: models::drift_columns, rows: models::drift },
    View { name: "grading_rules", columns: vocabulary::rule_columns, rows: vocabulary::rules },
    View { name: "vocabulary", columns: vocabulary::word_columns, rows: vocabulary::words },
    View { name: "relationships", columns: inventory::relationship_columns, rows: inventory::relationships },
    View { name: "duplicate_assets", columns: inventory::duplicate_columns, rows: inventory::duplicate_assets },
    View { name: "inventory_runs", columns: inventory::run_columns, rows: inventory::runs },
    View { name: "inventory_changes", columns: inventory::run_change_columns, rows: inventory::run_changes },
    View { name: "asset_history", columns: inventory::history_columns, rows: inventory::history },
    View { name: "usage", columns: inventory::usage_columns, rows: inventory::usage },
];

fn find(name: &str) -> Option<&'static View> {
    VIEWS.iter().find(|view| view.name == name)
}

/// Names of the views of schema `steward`. Their order numbers them in `pg_class`: a new one comes last.
pub fn names() -> impl Iterator<Item = &'static str> {
    VIEWS.iter().map(|view| view.name)
}

/// Whether schema `steward` has a view of this name.
pub fn exists(name: &str) -> bool {
    find(name).is_some()
}

/// The columns of a view of schema `steward`.
pub fn columns(schema: &str, name: &str) -> Option<SchemaRef> {
    let view = find(name).filter(|_| schema == "steward")?;
    Some(Arc::new(Schema::new((view.columns)())))
}

/// The view of this name in schema `steward`.
pub fn open(context: &Arc<Context>, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
    let view = find(name).filter(|_| schema == "steward")?;
    let of = context.clone();
    let rows = RowsTable::make((view.columns)(), move || (view.rows)(&of));
    Some(match told::reads(view.name) {
        Some(reads) => Reads::later(context, reads, rows),
        None => rows,
    })
}

pub use assets::{
    VALUES as COLUMN_VALUES, asset_columns, assets as asset_rows, columns as column_rows, measured, report_columns,
    row as fact_cells,
};
pub use classifiers::definition as classifier_definition;
pub use inventory::{change_columns, changes_between};
pub use lineage::{lineage_columns, row as lineage_row};
pub use objects::{reference_columns, references as reference_rows};
