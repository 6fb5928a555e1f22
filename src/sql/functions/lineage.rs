//! LINEAGE and IMPACT: where columns come from, and what comes of them.

use super::super::context::Context;
use super::super::lineage::{Direction, Graph, Node};
use super::super::system;
use super::super::system::rows::{Cell, RowsTable, column, jsonb};
use super::super::tables;
use super::args;
use super::relation::asset_name;
use crate::catalog::{Object, Place};
use crate::config::LINEAGE_DEPTH_DEFAULT;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use std::collections::HashSet;
use std::sync::Arc;

/// `LINEAGE(object [, column] [, direction] [, depth])`: edges around an object or a column of it, the nearest first.
pub fn lineage(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let (mut start, mut directions) = (start(args, context)?, vec![Direction::Upstream, Direction::Downstream]);
    let (mut depth, mut said) = (LINEAGE_DEPTH_DEFAULT as usize, false);
    for at in 1..args.len() {
        if let Some(Expr::Literal(ScalarValue::Int16(_) | ScalarValue::Int32(_) | ScalarValue::Int64(_), _)) =
            args.get(at)
        {
            depth = args::number(args, at, "the depth", depth, i32::MAX as usize)?;
            continue;
        }
        let Some(word) = args::text(args, at, "the column or the direction")? else { continue };
        let direction = match word.to_lowercase().as_str() {
            "both" => Some(vec![Direction::Upstream, Direction::Downstream]),
            "upstream" => Some(vec![Direction::Upstream]),
            "downstream" => Some(vec![Direction::Downstream]),
            _ => None,
        };
        // A column may be called as a direction is.
        let is_column = at == 1 && args.len() > 2 && has_column(context, &start, &word);
        match direction {
            Some(direction) if !is_column && !said => (directions, said) = (direction, true),
            _ if at == 1 => start.column = Some(must_have_column(context, &start, &word)?),
            _ => {
                let message = format!("\"{word}\" is no direction of LINEAGE");
                return Err(Error::new(Kind::InvalidParameter, message)
                    .with_hint("Available directions: both, upstream, downstream."));
            }
        }
    }
    must_be_seen(context, &start)?;
    let context = context.clone();
    Ok(RowsTable::make(columns(), move || {
        let graph = Graph::new(&context);
        let (mut rows, mut told) = (Vec::new(), HashSet::new());
        for direction in &directions {
            for step in graph.walk(&start, *direction, depth)? {
                // What comes of itself lies in both directions.
                if !told.insert((step.from.clone(), step.to.clone(), step.kind, step.influence)) {
                    continue;
                }
                let mut row = vec![Cell::Int(Some(step.depth as i64))];
                row.extend(system::lineage_row(&graph, &step));
                rows.push(row);
            }
        }
        Ok(rows)
    }))
}

/// Columns of LINEAGE.
pub fn columns() -> Vec<Field> {
    let mut columns = vec![column("depth", DataType::Int32)];
    columns.extend(system::lineage_columns());
    columns
}

/// `IMPACT(object [, column])`: what is made of it, over any number of steps.
pub fn impact(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let mut start = start(args, context)?;
    if let Some(word) = args::text(args, 1, "the column")? {
        start.column = Some(must_have_column(context, &start, &word)?);
    }
    must_be_seen(context, &start)?;
    let context = context.clone();
    Ok(RowsTable::make(impact_columns(), move || {
        let graph = Graph::new(&context);
        let row = |(place, depth, columns): (Place, usize, std::collections::BTreeSet<String>)| {
            vec![
                Cell::text(graph.name(&place).0),
                Cell::text(graph.kind(&place)),
                Cell::Int(Some(depth as i64)),
                Cell::text(serde_json::json!(columns).to_string()),
            ]
        };
        Ok(graph.impact(&start)?.into_iter().map(row).collect())
    }))
}

/// Columns of IMPACT.
pub fn impact_columns() -> Vec<Field> {
    vec![
        column("object", DataType::Utf8),
        column("kind", DataType::Utf8),
        column("depth", DataType::Int32),
        jsonb("columns"),
    ]
}

/// The object that the first argument names: a relation, an asset of a source, a model, or what is dropped and had the name last.
pub fn start(args: &[Expr], context: &Arc<Context>) -> Result<Node> {
    let written = args::must_text(args, 0, "the object's name")?;
    let asset = asset_name(context, &written);
    let (schema, name) = asset.split_once('.').unwrap_or(("public", &asset));
    let catalog = &context.snapshot.catalog;
    let whole = |place: Place| Ok(Node { place, column: None });
    match catalog.relation(schema, name) {
        Some((id, Object::Table(_) | Object::View(_))) => return whole(Place::Object(id)),
        Some((_, other)) => {
            let message = format!("a {} has no lineage", other.kind_name());
            return Err(Error::new(Kind::WrongObject, message));
        }
        None => {}
    }
    if let Some((source, _)) = catalog.source(schema) {
        return whole(Place::Asset(source, name.to_owned()));
    }
    let model = written.strip_prefix('"').and_then(|name| name.strip_suffix('"')).map(str::to_owned);
    if let Some((id, _)) = catalog.model(&model.unwrap_or_else(|| written.to_lowercase())) {
        return whole(Place::Object(id));
    }
    // The last one that had the name: numbers grow.
    let graph = Graph::new(context);
    let lost = context.snapshot.lineage.all_gone().filter(|(_, gone)| gone.name == asset || gone.name == written);
    for (id, _) in lost.collect::<Vec<_>>().into_iter().rev() {
        let node = Node { place: Place::Object(id), column: None };
        if graph.sees(&node)? {
            return Ok(node);
        }
    }
    Err(tables::undefined(context, schema, name))
}

fn has_column(context: &Context, node: &Node, name: &str) -> bool {
    match &node.place {
        Place::Object(id) => match context.snapshot.catalog.get(*id).map(AsRef::as_ref) {
            Some(Object::Table(table)) => table.column_index(name).is_some(),
            // Those of views, assets and what is dropped are known by their edges.
            _ => context.snapshot.lineage.flows().any(|(object, flow)| {
                let of = |column: &Option<String>| column.as_deref() == Some(name);
                flow.edges.iter().any(|e| object == *id && of(&e.column) || e.from == node.place && of(&e.from_column))
            }),
        },
        place => {
            let from = |e: &crate::catalog::Edge| e.from == *place && e.from_column.as_deref() == Some(name);
            context.snapshot.lineage.flows().any(|(_, flow)| flow.edges.iter().any(from))
        }
    }
}

/// A column of the object; of a view one that nothing flows into is none that lineage could tell of, but may be there.
fn must_have_column(context: &Context, node: &Node, word: &str) -> Result<String> {
    let name = match word.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => word.to_lowercase(),
    };
    let known = has_column(context, node, &name);
    let is_table = matches!(&node.place, Place::Object(id) if context.snapshot.catalog.table_by_id(*id).is_some());
    match known || !is_table {
        true => Ok(name),
        false => {
            let of = Graph::new(context).name(&node.place).0;
            Err(Error::new(Kind::UndefinedColumn, format!("column \"{name}\" of \"{of}\" does not exist")))
        }
    }
}

/// Refuses who may not read what is asked about.
pub fn must_be_seen(context: &Context, node: &Node) -> Result<()> {
    let graph = Graph::new(context);
    match graph.sees(node)? {
        true => Ok(()),
        false => {
            let (kind, name) = (graph.kind(&node.place), graph.name(&node.place).0);
            let plain = name.rsplit('.').next().unwrap_or(&name);
            Err(Error::new(Kind::Privilege, format!("permission denied for {kind} {plain}")))
        }
    }
}
