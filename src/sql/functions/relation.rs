//! Table functions about relations: PROFILE, inventory, tag_references, effective_policy.

use super::super::classification;
use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::quality::{Ruled, of_asset, ruled};
use super::super::system::rows::{Cell, RowsTable, column};
use super::super::system::{self, fact_cells};
use super::super::tables;
use super::args;
use crate::catalog::{Influence, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use serde_json::Value;
use std::sync::Arc;

/// Schema and name of a relation as a user writes it in a text.
pub fn written_relation(written: &str) -> (Option<String>, String) {
    let fold = |name: &str| match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => name.to_lowercase(),
    };
    match written.split_once('.') {
        Some((schema, name)) => (Some(fold(schema)), fold(name)),
        None => (None, fold(written)),
    }
}

/// `schema.name` of a relation as a user writes it.
pub fn asset_name(context: &Context, written: &str) -> String {
    let (schema, name) = written_relation(written);
    let (schema, name) = context.resolve(schema.as_deref(), &name);
    format!("{schema}.{name}")
}

/// The table of this name, for functions about tables.
fn must_get_table(context: &Context, written: &str) -> Result<(ObjectId, Table)> {
    let name = asset_name(context, written);
    let (schema, table) = name.split_once('.').unwrap_or(("public", &name));
    match context.snapshot.catalog.relation(schema, table) {
        Some((id, Object::Table(found))) => Ok((id, found.clone())),
        Some((_, other)) => {
            Err(Error::new(Kind::DatatypeMismatch, format!("\"{table}\" is a {}, not a table", other.kind_name())))
        }
        None => Err(tables::undefined(context, schema, table)),
    }
}

/// The relation that a text names, as the role sees it: a table, a view, or an asset of a source as `source.asset`. Refused to whom it is
/// not to read.
pub fn must_get_relation(context: &Arc<Context>, written: &str) -> Result<Ruled> {
    let asset = asset_name(context, written);
    let (schema, name) = asset.split_once('.').unwrap_or(("public", &asset));
    context.must_reach(schema)?;
    let catalog = &context.snapshot.catalog;
    let state = context.database.state();
    match catalog.relation(schema, name) {
        Some((id, object @ (Object::Table(_) | Object::View(_)))) => {
            if let Object::Table(table) = object {
                tables::must_have(context, table, crate::catalog::Privilege::Select)?;
            }
            ruled(context, &state, id)
        }
        Some((_, other)) => {
            let message = format!("\"{name}\" is a {}, not a table or view", other.kind_name());
            Err(Error::new(Kind::WrongObject, message))
        }
        None => match catalog.source(schema) {
            Some((id, _)) => of_asset(context, &state, id, (schema, name)),
            None => Err(tables::undefined(context, schema, name)),
        },
    }
}

/// Rows that tell of all columns of a relation, of whose values they have some in these columns; where it does not work any more, nobody
/// knows of which.
pub fn told_of_all(
    context: &Arc<Context>,
    (schema, name): (&str, &str),
    columns: &[&str],
    rows: Arc<dyn TableProvider>,
) -> Arc<dyn TableProvider> {
    let Ok(mut reads) = Reads::default().relation(context, &context.database.state(), schema, name) else {
        return rows;
    };
    let all = reads.columns_of(0);
    for column in columns {
        reads = reads.column(column, 0, &all, Influence::Aggregation);
    }
    reads.by(rows)
}

/// Rows of a function that does not say what it reads: each column may have values of all that it was told by name, relations and models.
pub fn told_of_named(context: &Arc<Context>, args: &[Expr], rows: Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
    let columns: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let catalog = &context.snapshot.catalog;
    let state = context.database.state();
    let mut reads = Reads::default();
    for at in 0..args.len() {
        let Ok(Some(named)) = args::text(args, at, "an argument") else { continue };
        let is_model = catalog.model(named.split('@').next().unwrap_or_default()).is_some();
        for column in columns.iter().filter(|_| is_model) {
            reads = reads.model(column, &named);
        }
        let asset = asset_name(context, &named);
        let Some((schema, name)) = asset.split_once('.') else { continue };
        if catalog.relation(schema, name).is_none() && catalog.source(schema).is_none() {
            continue;
        }
        let Ok(more) = reads.clone().relation(context, &state, schema, name) else { continue };
        let input = more.inputs() - 1;
        let all = more.columns_of(input);
        reads = columns.iter().fold(more, |reads, column| reads.column(column, input, &all, Influence::Transformation));
    }
    match reads.is_empty() {
        true => rows,
        false => reads.by(rows),
    }
}

/// `PROFILE(relation)`: what the last inventory found of each column.
pub fn profile(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let asset = asset_name(context, &args::must_text(args, 0, "the relation's name")?);
    must_have_finding(context, &asset)?;
    let fields = profile_columns(context).ok_or_else(|| Error::internal("steward.columns is gone"))?;
    let (of, wanted) = (context.clone(), asset.clone());
    let rows = RowsTable::make(fields, move || {
        let rows = system::column_rows(&of)?;
        Ok(rows
            .into_iter()
            .filter(|row| matches!(row.first(), Some(Cell::Text(Some(name))) if *name == wanted))
            .collect())
    });
    let relation = asset.split_once('.').unwrap_or(("public", &asset));
    Ok(told_of_all(context, relation, system::COLUMN_VALUES, rows))
}

/// Columns of PROFILE: those of `steward.columns`.
pub fn profile_columns(context: &Arc<Context>) -> Option<Vec<Field>> {
    let all = system::open(context, "steward", "columns")?.schema();
    Some(all.fields().iter().map(|field| field.as_ref().clone()).collect())
}

/// Refuses a relation that no inventory has looked at, or that the role may not see.
pub fn must_have_finding<'a>(context: &'a Context, asset: &str) -> Result<&'a crate::catalog::Finding> {
    let (schema, name) = asset.split_once('.').unwrap_or(("public", asset));
    let catalog = &context.snapshot.catalog;
    match catalog.relation(schema, name) {
        Some((_, Object::Table(table))) => tables::must_have(context, table, crate::catalog::Privilege::Select)?,
        Some((_, Object::View(view))) => {
            if !context.has_role(view.owner) && !context.has_grant(&view.grants, crate::catalog::Privilege::Select) {
                return Err(Error::new(Kind::Privilege, format!("permission denied for view {name}")));
            }
        }
        _ if catalog.source(schema).is_some() => {
            tables::must_get_asset(context, schema, name)?;
        }
        _ => return Err(tables::undefined(context, schema, name)),
    }
    match catalog.finding(asset).filter(|(_, finding)| !finding.is_hint()) {
        Some((_, finding)) => Ok(finding),
        None => Err(Error::new(Kind::NotReady, format!("relation \"{asset}\" has not been looked at"))
            .with_hint(format!("Run INVENTORY TABLE {asset} first."))),
    }
}

/// `inventory([domain [, structure [, search]]])`: rows of steward.assets that fit.
pub fn inventory(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let domain = args::text(args, 0, "the domain")?;
    let structure = args::text(args, 1, "the structure")?;
    let search = args::text(args, 2, "the search text")?.map(|text| text.to_lowercase());
    let fields = system::asset_columns();
    let place = |name: &str| fields.iter().position(|f| f.name() == name).unwrap_or(usize::MAX);
    let (domain_at, structure_at) = (place("domain"), place("structure"));
    let context = context.clone();
    Ok(RowsTable::make(fields, move || {
        let is = |row: &[Cell], at: usize, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|w| matches!(row.get(at), Some(Cell::Text(Some(t))) if t == w))
        };
        let mentions = |row: &[Cell]| {
            search.as_ref().is_none_or(|words| {
                let texts: Vec<String> = row
                    .iter()
                    .filter_map(|cell| if let Cell::Text(Some(t)) = cell { Some(t.to_lowercase()) } else { None })
                    .collect();
                words.split_whitespace().all(|word| texts.iter().any(|text| text.contains(word)))
            })
        };
        let rows = system::asset_rows(&context)?;
        Ok(rows
            .into_iter()
            .filter(|row| is(row, domain_at, &domain) && is(row, structure_at, &structure) && mentions(row))
            .collect())
    }))
}

/// `tag_references(object)`: of a table, a view or a model.
pub fn tag_references(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let written = args::must_text(args, 0, "the relation's name")?;
    let catalog = &context.snapshot.catalog;
    let asset = asset_name(context, &written);
    let relation = asset.split_once('.').and_then(|(schema, name)| catalog.relation(schema, name));
    let asset = match relation {
        Some((_, Object::View(_))) => asset,
        None if catalog.model(&written).is_some() => written,
        _ => {
            must_get_table(context, &written)?;
            asset
        }
    };
    let context = context.clone();
    Ok(RowsTable::make(system::reference_columns(), move || {
        let rows = system::reference_rows(&context)?;
        Ok(rows
            .into_iter()
            .filter(|row| matches!(row.get(1), Some(Cell::Text(Some(name))) if *name == asset))
            .collect())
    }))
}

/// `encryption_status()`: what each file and each tree is sealed with.
pub fn encryption_status(_: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    context.must_be_superuser("see how files are sealed")?;
    let context = context.clone();
    Ok(RowsTable::make(system::encryption::columns(), move || system::encryption::rows(&context)))
}

/// `effective_policy(relation, role)`: what the role sees of each column, and why.
pub fn effective_policy(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let written = args::must_text(args, 0, "the relation's name")?;
    let role = args::must_text(args, 1, "the role's name")?;
    let (id, table) = must_get_table(context, &written)?;
    context.must_own(table.owner, "table", &table.name)?;
    let Some((role_id, _)) = context.snapshot.catalog.role(&role) else {
        return Err(Error::new(Kind::UndefinedObject, format!("role \"{role}\" does not exist")));
    };
    let seen_by = Arc::new(Context { role: role_id, viewer: role_id, ..(**context).clone() });
    Ok(RowsTable::make(policy_columns(), move || {
        let effective = tables::decide(&seen_by, id, &table).effective_policy();
        Ok(effective
            .into_iter()
            .map(|row| {
                vec![
                    Cell::text(row.column_name),
                    Cell::Text(row.policy),
                    Cell::text(row.via),
                    Cell::Bool(Some(row.masked)),
                    Cell::Text(row.row_filter),
                ]
            })
            .collect())
    }))
}

/// Columns of effective_policy.
pub fn policy_columns() -> Vec<Field> {
    vec![
        column("column_name", DataType::Utf8),
        column("policy", DataType::Utf8),
        column("via", DataType::Utf8),
        column("masked", DataType::Boolean),
        column("row_filter", DataType::Utf8),
    ]
}

/// `classify_table(relation [, options])`: what its columns are, by a sample of the rows that the role sees.
pub fn classify_table(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let written = args::must_text(args, 0, "the relation's name")?;
    let said = args::text(args, 1, "the options")?.unwrap_or_else(|| "{}".to_owned());
    let Value::Object(said) = args::json(&said, "options of classify_table", Kind::InvalidParameter)? else {
        return Err(Error::new(Kind::InvalidParameter, "options of classify_table: not a JSON object"));
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let said: Vec<(String, String)> = said.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    let pairs = said.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = classification::Options::read(pairs, "classify_table")?;
    let context = context.clone();
    Ok(RowsTable::make(classification::classified_columns(), move || {
        classification::classified_rows(&context, &written, &options)
    }))
}

/// Facts in JSON as rows of a table function.
pub fn facts_table(fields: Vec<Field>, facts: Vec<Value>) -> Arc<dyn TableProvider> {
    let columns = fields.clone();
    RowsTable::make(fields, move || Ok(facts.iter().map(|facts| fact_cells(&columns, facts, &[])).collect()))
}
