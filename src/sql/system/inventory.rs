//! steward.relationships, steward.duplicate_assets, steward.inventory_runs, steward.inventory_changes, steward.asset_history,
//! steward.usage: how assets lie to each other, and what became of them in the course of time.

use super::super::context::Context;
use super::super::inventory::{Difference, copies_of, differences, references_of};
use super::super::tables;
use super::assets::{Visible, visible};
use super::rows::{Cell, column, jsonb, timestamp};
use crate::catalog::{AssetState, AuditAction, AuditState, Class, InventoryRun, Object, ObjectId, Table};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};
use serde_json::json;
use std::collections::BTreeMap;

fn text(name: &str) -> Field {
    column(name, DataType::Utf8)
}

pub fn relationship_columns() -> Vec<Field> {
    vec![
        text("from_asset"),
        jsonb("from_columns"),
        text("to_asset"),
        jsonb("to_columns"),
        text("kind"),
        text("cardinality"),
        column("support", DataType::Float64),
        column("support_exact", DataType::Boolean),
        column("coverage", DataType::Float64),
        column("confidence", DataType::Float64),
        text("constraint_name"),
        jsonb("evidence"),
    ]
}

/// Findings that the role sees, by the names of their assets.
struct Seen<'a>(BTreeMap<&'a str, Visible<'a>>);

impl<'a> Seen<'a> {
    fn new(context: &'a Context) -> Self {
        Self(visible(context).into_iter().map(|seen| (seen.finding.asset.as_str(), seen)).collect())
    }

    /// Whether the role sees a column of an asset as it is: how its values lie to others tells of them.
    fn sees(&self, asset: &str, object: ObjectId, column: &str) -> bool {
        self.0.get(asset).is_some_and(|seen| {
            let is_there = seen.finding.columns.iter().any(|facts| facts["column_name"].as_str() == Some(column));
            seen.finding.object == object && is_there && !seen.hidden.iter().any(|hidden| hidden == column)
        })
    }
}

/// References between columns that the role sees unmasked, all rows of them.
pub fn relationships(context: &Context) -> Result<Vec<Vec<Cell>>> {
    // In a view as well they are shown to who looks, by what he may see himself.
    let context = &Context { role: context.viewer, ..context.clone() };
    let seen = Seen::new(context);
    let mut rows = Vec::new();
    let mut declared: Vec<(String, Vec<String>)> = Vec::new();
    for (id, object) in context.snapshot.catalog.class(Class::Relation) {
        let Object::Table(table) = object else { continue };
        for key in &table.foreign_keys {
            let Some(to) = context.snapshot.catalog.table_by_id(key.table) else { continue };
            let Some(referred) = to.key(&key.key) else { continue };
            if !sees_plain(context, id, table, &key.columns) || !sees_plain(context, key.table, to, &referred.columns) {
                continue;
            }
            let (from_name, to_name) = (full(table), full(to));
            let (columns, keys) = (names(table, &key.columns), names(to, &referred.columns));
            // Its support is what the constraint promises; what was found beside it is the evidence.
            let found = seen.0.get(from_name.as_str()).map(|seen| references_of(seen.finding)).unwrap_or_default();
            let found = found.into_iter().find(|found| {
                columns.as_slice() == [found.column.clone()]
                    && keys.as_slice() == [found.to_column.clone()]
                    && found.to_object == key.table
            });
            let is_unique = table.keys.iter().any(|own| own.columns.iter().all(|at| key.columns.contains(at)));
            rows.push(vec![
                Cell::text(&from_name),
                Cell::text(json!(columns).to_string()),
                Cell::text(to_name),
                Cell::text(json!(keys).to_string()),
                Cell::text("declared"),
                Cell::text(if is_unique { "1:1" } else { "n:1" }),
                Cell::Float(if key.not_valid { None } else { Some(1.0) }),
                Cell::Bool(Some(!key.not_valid)),
                Cell::Float(found.as_ref().map(|found| found.coverage)),
                Cell::Float(Some(1.0)),
                Cell::text(&key.name),
                Cell::Text(found.map(|found| json!(found.evidence).to_string())),
            ]);
            declared.push((from_name, columns));
        }
    }
    for of in seen.0.values() {
        for found in references_of(of.finding) {
            let from = &of.finding.asset;
            let is_declared =
                declared.iter().any(|(asset, columns)| asset == from && *columns == [found.column.clone()]);
            let sees = seen.sees(from, of.finding.object, &found.column)
                && seen.sees(&found.to, found.to_object, &found.to_column);
            if is_declared || !sees {
                continue;
            }
            rows.push(vec![
                Cell::text(from),
                Cell::text(json!([found.column]).to_string()),
                Cell::text(&found.to),
                Cell::text(json!([found.to_column]).to_string()),
                Cell::text("discovered"),
                Cell::text(if found.is_unique { "1:1" } else { "n:1" }),
                Cell::Float((found.asked > 0).then(|| found.met as f64 / found.asked as f64)),
                Cell::Bool(Some(found.exact)),
                Cell::Float(Some(found.coverage)),
                Cell::Float(Some(found.confidence)),
                Cell::Text(None),
                Cell::text(json!(found.evidence).to_string()),
            ]);
        }
    }
    Ok(rows)
}

fn full(table: &Table) -> String {
    format!("{}.{}", table.schema, table.name)
}

fn names(table: &Table, columns: &[usize]) -> Vec<String> {
    columns.iter().filter_map(|at| table.columns.get(*at)).map(|column| column.name.clone()).collect()
}

/// Whether the role sees all rows of these columns of a table, as they are.
fn sees_plain(context: &Context, id: ObjectId, table: &Table, columns: &[usize]) -> bool {
    tables::access(context, id, table).is_ok_and(|access| {
        access.filter.is_none()
            && columns
                .iter()
                .all(|at| access.readable.get(*at) == Some(&true) && access.masks.get(*at).is_some_and(Option::is_none))
    })
}

pub fn duplicate_columns() -> Vec<Field> {
    vec![
        text("asset"),
        text("duplicate_of"),
        text("kind"),
        column("likeness", DataType::Float64),
        column("containment", DataType::Float64),
        column("exact", DataType::Boolean),
        column("row_count", DataType::Int64),
        column("duplicate_row_count", DataType::Int64),
    ]
}

/// Assets with the rows of others, of which the role sees every column unmasked.
pub fn duplicate_assets(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    let seen = Seen::new(context);
    let mut rows = Vec::new();
    for of in seen.0.values().filter(|seen| seen.hidden.is_empty()) {
        for copy in copies_of(of.finding) {
            let other = seen.0.get(copy.other.as_str());
            let Some(other) =
                other.filter(|other| other.finding.object == copy.other_object && other.hidden.is_empty())
            else {
                continue;
            };
            // What is alike both ways is told once.
            let both = matches!(copy.kind.as_str(), "equal" | "near_copy" | "same_schema");
            if both && of.finding.asset > copy.other {
                continue;
            }
            let count = |seen: &Visible<'_>| Cell::Int(seen.finding.facts["row_count"].as_i64());
            rows.push(vec![
                Cell::text(&of.finding.asset),
                Cell::text(&copy.other),
                Cell::text(&copy.kind),
                Cell::measure(copy.likeness),
                Cell::measure(copy.share),
                Cell::Bool(Some(copy.exact)),
                count(of),
                count(other),
            ]);
        }
    }
    Ok(rows)
}

pub fn run_columns() -> Vec<Field> {
    let count = |name: &str| column(name, DataType::Int64);
    vec![
        count("run"),
        column("started_at", timestamp()),
        column("finished_at", timestamp()),
        text("actor"),
        text("target"),
        count("assets"),
        count("looked_at"),
        count("unchanged"),
        count("unreadable"),
        count("vanished"),
        count("rows_read"),
    ]
}

/// All runs for superusers, for others their own: a run counts assets that not everybody sees.
pub fn runs(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    let own = |run: &InventoryRun| context.is_superuser() || context.has_role(run.actor);
    let all = context.snapshot.catalog.inventory_runs().into_iter().map(|(_, run)| run);
    let row = |run: &InventoryRun| {
        vec![
            Cell::count(run.number),
            Cell::moment(run.started_ms),
            Cell::moment(run.finished_ms),
            Cell::text(&run.actor_name),
            Cell::text(&run.target),
            Cell::count(run.assets),
            Cell::count(run.looked),
            Cell::count(run.unchanged),
            Cell::count(run.unreadable),
            Cell::count(run.vanished),
            Cell::count(run.rows_read),
        ]
    };
    Ok(all.filter(|run| own(run)).map(row).collect())
}

/// The columns of INVENTORY_DIFF.
pub fn change_columns() -> Vec<Field> {
    vec![
        text("asset"),
        text("change"),
        text("column_name"),
        text("metric"),
        text("before"),
        text("after"),
        column("value", DataType::Float64),
        column("threshold", DataType::Float64),
    ]
}

/// What is different after run `to` from what was after run `from`, as far as the role may know.
pub fn changes_between(context: &Context, from: u64, to: u64) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    changes_seen(context, &Seen::new(context), from, to)
}

fn changes_seen(context: &Context, seen: &Seen<'_>, from: u64, to: u64) -> Result<Vec<Vec<Cell>>> {
    let found = differences(context, from, to)?;
    Ok(found.into_iter().filter_map(|difference| change(context, seen, difference)).collect())
}

fn change(context: &Context, seen: &Seen<'_>, Difference { state, change }: Difference) -> Option<Vec<Cell>> {
    let (hidden, some_rows) = sight(context, seen, &state)?;
    // Of a column that is gone by now nothing says who might see it.
    let hides = |column: &String| hidden.contains(column);
    if some_rows && change.counts_rows() || change.tells_values() && change.column.as_ref().is_some_and(hides) {
        return None;
    }
    Some(vec![
        Cell::text(state.asset),
        Cell::text(change.kind.name()),
        Cell::Text(change.column),
        Cell::text(change.metric),
        Cell::Text(change.before),
        Cell::Text(change.after),
        Cell::measure(change.value),
        Cell::measure(change.threshold),
    ])
}

/// Which columns the role does not see as they are, and whether there are rows that it does not see, of an asset that it may know of; what
/// is not there any more, or nobody has looked at since, is known to superusers and to those who owned it.
fn sight(context: &Context, seen: &Seen<'_>, state: &AssetState) -> Option<(Vec<String>, bool)> {
    match seen.0.get(state.asset.as_str()) {
        Some(seen) if seen.finding.object == state.object => Some((seen.hidden.clone(), seen.some_rows)),
        _ => {
            let owner = state.facts["owner"].as_str().and_then(|name| context.snapshot.catalog.role(name));
            let owned = owner.is_some_and(|(id, _)| context.has_role(id));
            (context.is_superuser() || owned && context.snapshot.catalog.get(state.object).is_none())
                .then(|| (Vec::new(), false))
        }
    }
}

/// Columns of steward.inventory_changes: the run before those of INVENTORY_DIFF.
pub fn run_change_columns() -> Vec<Field> {
    let mut columns = vec![column("run", DataType::Int64), column("found_at", timestamp())];
    columns.extend(change_columns());
    columns
}

/// What each run that is kept found different from the run before it.
pub fn run_changes(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    let seen = Seen::new(context);
    let runs = context.snapshot.catalog.inventory_runs();
    let mut rows = Vec::new();
    for pair in runs.windows(2) {
        let [(_, before), (_, run)] = pair else { continue };
        for change in changes_seen(context, &seen, before.number, run.number)? {
            let mut row = vec![Cell::count(run.number), Cell::moment(run.finished_ms)];
            row.extend(change);
            rows.push(row);
        }
    }
    Ok(rows)
}

pub fn history_columns() -> Vec<Field> {
    vec![
        text("asset"),
        column("run", DataType::Int64),
        column("found_at", timestamp()),
        column("row_count", DataType::Int64),
        column("row_count_estimated", DataType::Boolean),
        column("size_bytes", DataType::Int64),
        column("columns", DataType::Int32),
        text("domain"),
        text("sensitivity"),
        column("quality", DataType::Float64),
        text("owner"),
        column("gone_in_run", DataType::Int64),
    ]
}

/// The states of assets that runs found: how they grow. Runs that found an asset as it was have no row of it.
pub fn history(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    let seen = Seen::new(context);
    let runs: BTreeMap<u64, i64> =
        context.snapshot.catalog.inventory_runs().iter().map(|(_, run)| (run.number, run.finished_ms)).collect();
    let mut rows = Vec::new();
    for (_, state) in context.snapshot.catalog.asset_states() {
        let Some((_, some_rows)) = sight(context, &seen, state) else { continue };
        let facts = &state.facts;
        let text = |name: &str| Cell::Text(facts[name].as_str().map(str::to_owned));
        let counted = |name: &str| Cell::Int(facts[name].as_i64().filter(|_| !some_rows));
        rows.push(vec![
            Cell::text(&state.asset),
            Cell::count(state.run),
            runs.get(&state.run).map_or(Cell::Int(None), |ms| Cell::moment(*ms)),
            counted("rows"),
            Cell::Bool(facts["rows_estimated"].as_bool().filter(|_| !some_rows)),
            counted("bytes"),
            Cell::Int(facts["columns"].as_array().map(|columns| columns.len() as i64)),
            text("domain"),
            text("sensitivity"),
            Cell::Float(facts["quality"].as_f64().filter(|_| !some_rows)),
            text("owner"),
            Cell::count(state.gone),
        ]);
    }
    Ok(rows)
}

pub fn usage_columns() -> Vec<Field> {
    vec![
        text("asset"),
        text("login"),
        column("reads", DataType::Int64),
        column("writes", DataType::Int64),
        column("last_read", timestamp()),
        column("last_write", timestamp()),
    ]
}

/// How often something was read and written, and when last in microseconds since 1970.
type ReadsWrites = [(u64, Option<i64>); 2];

/// Who read and changed what, and how often, as the audit log has it: everybody's of what the role owns, of the rest its own.
pub fn usage(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let context = &Context { role: context.viewer, ..context.clone() };
    let all = context.is_superuser();
    let catalog = &context.snapshot.catalog;
    let owns = |name: &str| {
        let (schema, relation) = name.split_once('.').unwrap_or(("public", name));
        let owner = match catalog.relation(schema, relation) {
            Some((_, Object::Table(table))) => Some(table.owner),
            Some((_, Object::View(view))) => Some(view.owner),
            _ => catalog.source(schema).map(|(_, source)| source.owner),
        };
        owner.is_some_and(|owner| context.has_role(owner))
    };
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    let mut used: BTreeMap<(String, String), ReadsWrites> = BTreeMap::new();
    for (_, entry) in context.database.manager.audit().entries()? {
        let at = match (entry.state, entry.action) {
            (AuditState::Done, AuditAction::Read) => 0,
            (AuditState::Done, AuditAction::Write) => 1,
            _ => continue,
        };
        for object in &entry.objects {
            let Some(asset) = asset_of(&object.name) else { continue };
            let may = all
                || entry.login == context.session_role
                || *known.entry(asset.to_owned()).or_insert_with(|| owns(asset));
            if !may {
                continue;
            }
            let counts = used.entry((asset.to_owned(), entry.login_name.clone())).or_default();
            if let Some((times, last)) = counts.get_mut(at) {
                *times += entry.times;
                *last = (*last).max(Some(entry.at_us));
            }
        }
    }
    let row = |((asset, login), [reads, writes]): ((String, String), ReadsWrites)| {
        vec![
            Cell::text(asset),
            Cell::text(login),
            Cell::count(reads.0),
            Cell::count(writes.0),
            Cell::Int(reads.1),
            Cell::Int(writes.1),
        ]
    };
    Ok(used.into_iter().map(row).collect())
}

/// The relation or asset of what the audit log calls `table public.customers`.
fn asset_of(object: &str) -> Option<&str> {
    let kinds = ["table ", "materialized view ", "view ", "asset ", "foreign table ", "source "];
    kinds.iter().find_map(|kind| object.strip_prefix(kind)).filter(|name| name.contains('.'))
}
