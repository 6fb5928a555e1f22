//! QUALITY, QUALITY_DETAIL, QUALITY_REPORT: how right rows and relations are.

use super::super::context::Context;
use super::super::quality::{quality_of, seen_results};
use super::super::system;
use super::super::tables;
use super::args::{self, Row};
use super::model_rows;
use super::relation::{asset_name, facts_table, must_have_finding, told_of_all};
use super::udf::{Udf, any_of};
use crate::catalog::{Finding, Object, ObjectId, SqlType};
use crate::config::QUALITY_TRAIN_ROWS;
use crate::error::{Error, Kind, Result};
use crate::models::RowQualityModel;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{Expr, ScalarUDF};
use serde_json::{Value, json};
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let context = context.clone();
    Some(match name {
        "quality" => Udf::make(name, any_of(&[1, 2]), Field::new(name, DataType::Float64, true), move |args, rows| {
            match args[0].data_type() {
                DataType::Struct(_) => of_rows(&context, &args[0]),
                _ => of_relations(&context, args, rows),
            }
        }),
        "quality_detail" => {
            Udf::make(name, any_of(&[1]), SqlType::Jsonb.field(name), move |args, _| details(&context, &args[0]))
        }
        _ => return None,
    })
}

fn of_rows(context: &Context, array: &ArrayRef) -> Result<ArrayRef> {
    model_rows::must_be_few(context, "QUALITY", array.len())?;
    let row = Row::read(array)?;
    let model = model(context, &row)?;
    context.cancel.check()?;
    let scores = model.score(&row.batch)?.into_iter().enumerate();
    Ok(Arc::new(scores.map(|(n, score)| array.is_valid(n).then_some(score)).collect::<Float64Array>()))
}

fn details(context: &Context, array: &ArrayRef) -> Result<ArrayRef> {
    model_rows::must_be_few(context, "QUALITY_DETAIL", array.len())?;
    let row = Row::read(array)?;
    let model = model(context, &row)?;
    let plain = sees_plain(context, row.relation.as_deref());
    let rows = model.detail(&row.batch)?.into_iter().enumerate().map(|(n, cells)| {
        let cells = cells.into_iter().map(|cell| {
            // What the model expects was learnt from values that this role may not see.
            let expected = if plain { json!(cell.expected) } else { Value::Null };
            (cell.column, json!({"p_error": cell.p_error, "why": cell.why, "expected": expected}))
        });
        array.is_valid(n).then(|| Value::Object(cells.collect()).to_string())
    });
    Ok(Arc::new(rows.collect::<StringArray>()))
}

fn sees_plain(context: &Context, relation: Option<&str>) -> bool {
    let found = relation.and_then(|r| r.split_once('.')).and_then(|(s, n)| context.snapshot.catalog.relation(s, n));
    match found {
        Some((id, Object::Table(table))) => tables::access(context, id, table)
            .is_ok_and(|a| a.filter.is_none() && a.masks.iter().all(Option::is_none) && a.readable.iter().all(|r| *r)),
        _ => context.is_superuser(),
    }
}

/// The model of the relation that the row comes from: the inventory's, or one learnt now.
fn model(context: &Context, row: &Row) -> Result<Arc<RowQualityModel>> {
    let of_relation = || {
        Error::new(Kind::InvalidParameter, "QUALITY needs a row of a table, view or asset").with_hint(
            "Call it where FROM names the relation, within a subquery if need be: \
             SELECT * FROM (SELECT p.*, QUALITY(p) AS quality FROM products p) x.",
        )
    };
    let Some(relation) = &row.relation else { return Err(of_relation()) };
    let catalog = &context.snapshot.catalog;
    if let Some((_, finding)) = catalog.finding(relation)
        && finding.quality_model != 0
    {
        let weights = context.database.models.quality(finding.quality_model);
        let newest = context.database.manager.current();
        let is_newest =
            newest.catalog.finding(relation).is_some_and(|(_, now)| now.quality_model == finding.quality_model);
        // An inventory that another one has followed since leaves no weights.
        if weights.is_ok() || is_newest {
            return weights.map_err(|error| error.with_context(format!("row quality model of \"{relation}\"")));
        }
    }
    let (schema, name) = relation.split_once('.').unwrap_or(("public", relation));
    let found = catalog.relation(schema, name);
    if found.is_none() && catalog.source(schema).is_none() {
        // The name of a subquery or of a WITH query: no inventory can be made of it.
        return Err(of_relation());
    }
    let Some((id, Object::Table(table))) = found else {
        return Err(Error::new(Kind::NotReady, format!("relation \"{relation}\" has no quality model"))
            .with_hint(format!("Run INVENTORY TABLE {relation} first.")));
    };
    if let Some(reads) = &context.reads {
        reads.note(id);
    }
    let rows = context.snapshot.rows(id);
    context.database.models.quality_of(id, rows.changed, || {
        context
            .notice(format!("learning what a right row of \"{name}\" looks like; INVENTORY TABLE {relation} keeps it"));
        let positions: Vec<usize> = (0..table.columns.len()).collect();
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut count = 0;
        for segment in &rows.segments {
            let columns = context.database.manager.read_live(id, segment, &positions)?;
            batches.push(crate::txn::batch(table.arrow_schema(), columns, segment.live_rows())?);
            count += segment.live_rows();
            if count >= QUALITY_TRAIN_ROWS {
                break;
            }
        }
        let mut told = |_: f64| context.cancel.check();
        RowQualityModel::train(&batches, &mut told)
    })
}

fn of_relations(context: &Context, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let relations = args::texts(&args[0])?;
    let columns = args.get(1).map(args::texts).transpose()?;
    let scores = (0..rows).map(|row| {
        if relations.is_null(row) {
            return Ok(None);
        }
        let asset = asset_name(context, relations.value(row));
        let (finding, relation) = known(context, &asset)?;
        let catalog = &context.snapshot.catalog;
        let Some(columns) = &columns else { return Ok(quality_of(catalog, finding, relation, None)) };
        if columns.is_null(row) {
            return Ok(None);
        }
        let wanted = columns.value(row);
        let is_there = match (finding, relation) {
            (Some(finding), _) => finding.columns.iter().any(|facts| facts["column_name"] == wanted),
            (None, Some(id)) => match catalog.table_by_id(id) {
                Some(table) => table.column_index(wanted).is_some(),
                None => true,
            },
            (None, None) => true,
        };
        match is_there {
            true => Ok(quality_of(catalog, finding, relation, Some(wanted))),
            false => {
                let message = format!("column \"{wanted}\" of relation \"{asset}\" does not exist");
                Err(Error::new(Kind::UndefinedColumn, message))
            }
        }
    });
    Ok(Arc::new(scores.collect::<Result<Float64Array>>()?))
}

/// What is known of the quality of a relation that the role may read: what the inventory found, and, if its rules were asked, its id. Refused
/// where there is neither.
fn known<'a>(context: &'a Context, asset: &str) -> Result<(Option<&'a Finding>, Option<ObjectId>)> {
    let catalog = &context.snapshot.catalog;
    let (schema, name) = asset.split_once('.').unwrap_or(("public", asset));
    let ruled = catalog.relation(schema, name).map(|(id, _)| id).filter(|id| catalog.runs_of(*id).next().is_some());
    match must_have_finding(context, asset) {
        Ok(finding) => Ok((Some(finding), ruled)),
        Err(error) if error.kind() == Kind::NotReady && ruled.is_some() => Ok((None, ruled)),
        Err(error) if error.kind() == Kind::NotReady => {
            Err(error
                .with_hint(format!("Run INVENTORY TABLE {asset}, or CHECK QUALITY {asset} if it has rules, first.")))
        }
        Err(error) => Err(error),
    }
}

/// `QUALITY_REPORT(relation)`: the measurements behind the score, those of rules first.
pub fn report(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let asset = asset_name(context, &args::must_text(args, 0, "the relation's name")?);
    let (finding, ruled) = known(context, &asset)?;
    let mut facts = ruled.map_or_else(Vec::new, |id| seen_results(context, id, true));
    facts.extend(finding.into_iter().flat_map(|finding| system::measured(context, finding)));
    let relation = asset.split_once('.').unwrap_or(("public", &asset));
    Ok(told_of_all(context, relation, &["value"], facts_table(system::report_columns(), facts)))
}
