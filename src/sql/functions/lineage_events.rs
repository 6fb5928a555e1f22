//! LINEAGE_EVENTS: lineage as events of OpenLineage (<https://openlineage.io/spec/2-0-2/OpenLineage.json>).
//!
//! Each flow is a job with its last run: an event START and an event COMPLETE, which has the datasets that were read and the one that was
//! written, with their columns (facet `schema`) and where these come from (facet `columnLineage`). A view is no run; its query is told in
//! an event of the dataset. What the role does not see is left out, as in LINEAGE.

use super::super::context::Context;
use super::super::lineage::Graph;
use super::super::rewrite::view_columns;
use super::super::system::rows::{Cell, RowsTable, jsonb};
use crate::catalog::{Edge, Flow, FlowKind, Object, Place, column_shown};
use crate::error::Result;
use arrow::datatypes::Field;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const CORE: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs";
const SCHEMA: &str = "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet";
const COLUMN_LINEAGE: &str =
    "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet";
/// Who makes the events, as a URI.
const PRODUCER: &str = concat!("urn:stewarddb:", env!("CARGO_PKG_VERSION"));

/// `LINEAGE_EVENTS([object])`: the events of all flows, or of those into one object.
pub fn events(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let only = match args.is_empty() {
        true => None,
        false => {
            let start = super::lineage::start(args, context)?;
            super::lineage::must_be_seen(context, &start)?;
            Some(start.place)
        }
    };
    let context = context.clone();
    Ok(RowsTable::make(columns(), move || {
        let told = Teller { context: &context, graph: Graph::new(&context) };
        let mut rows = Vec::new();
        for (object, flow, edges) in told.graph.flows()? {
            let to = Place::Object(object);
            if only.as_ref().is_none_or(|only| *only == to) {
                rows.extend(told.of(&to, flow, &edges)?.into_iter().map(|event| vec![Cell::text(event.to_string())]));
            }
        }
        Ok(rows)
    }))
}

/// The events of all flows.
pub fn all(context: &Context) -> Result<Vec<Value>> {
    let told = Teller { context, graph: Graph::new(context) };
    let mut events = Vec::new();
    for (object, flow, edges) in told.graph.flows()? {
        events.extend(told.of(&Place::Object(object), flow, &edges)?);
    }
    Ok(events)
}

/// Columns of LINEAGE_EVENTS.
pub fn columns() -> Vec<Field> {
    vec![jsonb("event")]
}

struct Teller<'a> {
    context: &'a Context,
    graph: Graph<'a>,
}

impl Teller<'_> {
    fn of(&self, to: &Place, flow: &Flow, edges: &[&Edge]) -> Result<Vec<Value>> {
        let time = moment(flow.last_ms);
        let own = (flow.kind != FlowKind::View).then_some("outputFacets");
        let mut output = self.dataset(to, own)?;
        if let Some(facets) = output.get_mut("facets").and_then(Value::as_object_mut) {
            facets.insert("columnLineage".to_owned(), self.column_lineage(edges));
        }
        if flow.kind == FlowKind::View {
            return Ok(vec![json!({
                "eventTime": time, "producer": PRODUCER, "schemaURL": format!("{CORE}/DatasetEvent"), "dataset": output,
            })]);
        }
        let from: BTreeSet<&Place> = edges.iter().map(|edge| &edge.from).collect();
        let inputs =
            from.into_iter().map(|place| self.dataset(place, Some("inputFacets"))).collect::<Result<Vec<_>>>()?;
        let event = |kind: &str, inputs: Vec<Value>, outputs: Vec<Value>| {
            json!({
                "eventType": kind, "eventTime": time, "producer": PRODUCER, "schemaURL": format!("{CORE}/RunEvent"),
                "run": { "runId": flow.statement, "facets": {} },
                "job": {
                    "namespace": self.namespace(),
                    "name": format!("{}.{}", self.graph.name(to).0, flow.kind.name()),
                    "facets": {},
                },
                "inputs": inputs, "outputs": outputs,
            })
        };
        Ok(vec![event("START", Vec::new(), Vec::new()), event("COMPLETE", inputs, vec![output])])
    }

    fn namespace(&self) -> String {
        format!("steward://{}", self.context.database.name)
    }

    /// Namespace and name of a place.
    fn named(&self, place: &Place) -> (String, String) {
        match place {
            Place::File(path) => ("file".to_owned(), path.clone()),
            place => (self.namespace(), self.graph.name(place).0),
        }
    }

    /// A place as a dataset, with its columns as far as they are known, and facets of its part in a run.
    fn dataset(&self, place: &Place, own: Option<&str>) -> Result<Value> {
        let (namespace, name) = self.named(place);
        let mut facets = Map::new();
        let fields = self.fields(place)?;
        if !fields.is_empty() {
            let schema = json!({ "_producer": PRODUCER, "_schemaURL": SCHEMA, "fields": fields });
            facets.insert("schema".to_owned(), schema);
        }
        let mut dataset = json!({ "namespace": namespace, "name": name, "facets": facets });
        if let Some(own) = own {
            dataset[own] = json!({});
        }
        Ok(dataset)
    }

    fn fields(&self, place: &Place) -> Result<Vec<Value>> {
        let Place::Object(id) = place else { return Ok(Vec::new()) };
        let sees = |column: &str| {
            self.graph.sees(&super::super::lineage::Node { place: place.clone(), column: Some(column.to_owned()) })
        };
        let mut fields = Vec::new();
        match self.context.snapshot.catalog.get(*id).map(AsRef::as_ref) {
            Some(Object::Table(table)) => {
                for column in &table.columns {
                    if sees(&column.name)? {
                        fields.push(json!({ "name": column.name, "type": column.written_type() }));
                    }
                }
            }
            Some(Object::View(view)) => {
                for name in view_columns(view, self.context).unwrap_or_default() {
                    if sees(&name)? {
                        fields.push(json!({ "name": name }));
                    }
                }
            }
            _ => {}
        }
        Ok(fields)
    }

    fn column_lineage(&self, edges: &[&Edge]) -> Value {
        let mut fields = Map::new();
        let mut dataset = Vec::new();
        for edge in edges {
            // A place as a whole is told by being an input.
            let Some(from) = &edge.from_column else { continue };
            let (namespace, name) = self.named(&edge.from);
            let input = json!({
                "namespace": namespace, "name": name, "field": column_shown(from).0,
                "transformations": [{
                    "type": if edge.influence.is_direct() { "DIRECT" } else { "INDIRECT" },
                    "subtype": edge.influence.name().to_uppercase(),
                    "description": "",
                    "masking": false,
                }],
            });
            match &edge.column {
                None => dataset.push(input),
                Some(column) => {
                    let field = fields.entry(column_shown(column).0).or_insert_with(|| json!({ "inputFields": [] }));
                    if let Some(inputs) = field.get_mut("inputFields").and_then(Value::as_array_mut) {
                        inputs.push(input);
                    }
                }
            }
        }
        json!({ "_producer": PRODUCER, "_schemaURL": COLUMN_LINEAGE, "fields": fields, "dataset": dataset })
    }
}

/// Milliseconds since 1970 as RFC 3339 writes them.
fn moment(ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
