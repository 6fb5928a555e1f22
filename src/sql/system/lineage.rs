//! steward.lineage.

use super::super::context::Context;
use super::super::lineage::{Graph, Step};
use super::rows::{Cell, column, timestamp};
use crate::catalog::SqlType;
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

pub fn lineage_columns() -> Vec<Field> {
    vec![
        column("src", DataType::Utf8),
        column("src_column", DataType::Utf8),
        column("dst", DataType::Utf8),
        column("dst_column", DataType::Utf8),
        column("kind", DataType::Utf8),
        SqlType::Uuid.field("statement_id"),
        column("actor", DataType::Utf8),
        column("at", timestamp()),
        column("influence", DataType::Utf8),
        column("first_at", timestamp()),
        column("uses", DataType::Int64),
        column("src_dropped", DataType::Boolean),
        column("dst_dropped", DataType::Boolean),
    ]
}

/// An edge as cells.
pub fn row(graph: &Graph<'_>, step: &Step) -> Vec<Cell> {
    let (src_column, src_dropped) = graph.column(&step.from);
    let (dst_column, dst_dropped) = graph.column(&step.to);
    vec![
        Cell::text(graph.name(&step.from.place).0),
        Cell::Text(src_column.map(str::to_owned)),
        Cell::text(graph.name(&step.to.place).0),
        Cell::Text(dst_column.map(str::to_owned)),
        Cell::text(step.kind.name()),
        Cell::text(&step.statement),
        Cell::text(&step.actor),
        Cell::moment(step.last_ms),
        Cell::text(step.influence.name()),
        Cell::moment(step.first_ms),
        Cell::count(step.uses),
        Cell::Bool(Some(src_dropped)),
        Cell::Bool(Some(dst_dropped)),
    ]
}

pub fn lineage(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let graph = Graph::new(context);
    Ok(graph.steps()?.iter().map(|step| row(&graph, step)).collect())
}
