//! CHECK DRIFT: how far rows are from those of a model's training is measured, and kept.

use super::super::ddl::{Ddl, now_ms};
use super::super::parser::{self, Relation, full_name};
use super::super::pg_catalog::identifier::literal;
use super::super::planner::Planner;
use super::super::run;
use super::model::must_get;
use crate::catalog::{DriftCheck, Exact, Object};
use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use futures::TryStreamExt;

/// Asks DRIFT of the deployed version, with the rows of a relation or of the model's updates, and keeps the answer; gives how many columns
/// are too far off. Each is told.
pub async fn check(ddl: &mut Ddl<'_>, name: &str, on: Option<&Relation>) -> Result<usize> {
    ddl.txn.must_write("CHECK DRIFT")?;
    let (id, mut model) = must_get(ddl, name)?;
    let serving = on.map(|(schema, name)| ddl.context.resolve(schema.as_deref(), name));
    let asked = match &serving {
        Some((schema, name)) => literal(&full_name(schema, name)),
        None => "NULL".to_owned(),
    };
    let reference = literal(&format!("{name}@{}", model.deployed));
    let text = format!("SELECT feature, metric, value, threshold FROM DRIFT({reference}, {asked})");
    let plan = Planner::new(ddl.context, ddl.state).query(parser::query(&text)?)?;
    let rows = run::stream(ddl.context, ddl.state, &plan).await?;
    let rows: Vec<RecordBatch> = rows.map_err(Error::from).try_collect().await?;
    let mut columns = Vec::new();
    for batch in &rows {
        let text = |column: usize| batch.column(column).as_string::<i32>();
        let number = |column: usize| batch.column(column).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            // What has no end is further than any threshold.
            let value = if number(2).is_null(row) { f64::INFINITY } else { number(2).value(row) };
            let (feature, metric) = (text(0).value(row).to_owned(), text(1).value(row).to_owned());
            columns.push((feature, metric, Exact(value), Exact(number(3).value(row))));
        }
    }
    let far: Vec<&str> =
        columns.iter().filter(|(_, _, value, most)| value.0 > most.0).map(|(feature, ..)| feature.as_str()).collect();
    if !far.is_empty() {
        ddl.context.warn(format!("model \"{name}\": {} drifted from its training: {}", far.len(), far.join(", ")));
    }
    let count = far.len();
    let serving = serving.map(|(schema, name)| format!("{schema}.{name}"));
    model.note_drift(DriftCheck { at_ms: now_ms(), version: model.deployed, serving, columns });
    ddl.txn.put_object(id, Object::Model(model))?;
    Ok(count)
}
