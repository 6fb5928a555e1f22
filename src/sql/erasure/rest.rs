//! What was made of the tables that a subject is erased from: views that keep rows, findings, what was learnt; and what is told of it all.

use super::super::context::Context;
use super::super::ddl::Ddl;
use super::super::inventory;
use super::super::lineage::{Graph, Node};
use super::super::parser::ForgetWords;
use super::super::statement_id::Statements;
use super::super::system::rows::Cell;
use super::beside::{TELLING_CHARS_MIN, tells};
use super::rows::Erased;
use crate::catalog::{
    Catalog, Class, ErasedTable, Erasure, Finding, FlowKind, Object, ObjectId, Origin, Place, Remainder, Table,
    is_temporary,
};
use crate::error::Result;
use crate::governance::mask;
use crate::txn::Lineage;
use std::collections::{BTreeSet, VecDeque};

/// A line of what the statement tells.
#[derive(Debug, Clone)]
pub struct Line {
    object: Option<String>,
    kind: String,
    action: &'static str,
    rows: Option<u64>,
    reason: String,
}

impl Line {
    fn of(object: impl Into<String>, kind: &str, action: &'static str, rows: Option<u64>, reason: &str) -> Self {
        Self { object: Some(object.into()), kind: kind.to_owned(), action, rows, reason: reason.to_owned() }
    }

    /// Of something that stays.
    pub fn remains(object: Option<String>, kind: &str, reason: impl Into<String>, rows: Option<u64>) -> Self {
        Self { object, kind: kind.to_owned(), action: "remains", rows, reason: reason.into() }
    }

    /// As a row.
    pub fn cells(self) -> Vec<Cell> {
        vec![
            Cell::Text(self.object),
            Cell::text(self.kind),
            Cell::text(self.action),
            Cell::Int(self.rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX))),
            Cell::text(self.reason),
        ]
    }
}

/// A materialized view that reads what a subject is erased from.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its id.
    pub id: ObjectId,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}

/// The materialized views to fill anew, in an order in which each reads those before it alone, and then those of others.
pub fn materialized(context: &Context, erased: &Erased) -> (Vec<Kept>, Vec<ObjectId>) {
    let catalog = &context.snapshot.catalog;
    let reached = downstream(&context.snapshot.lineage, catalog, &erased.tables());
    let mut left: Vec<(ObjectId, &Table)> = reached
        .iter()
        .filter_map(|id| Some((*id, catalog.table_by_id(*id)?)))
        .filter(|(_, table)| table.materialized.as_ref().is_some_and(|of| of.populated))
        .collect();
    let (mut ordered, mut others) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let reads = |from: ObjectId, of: ObjectId| {
            downstream(&context.snapshot.lineage, catalog, &BTreeSet::from([of])).contains(&from)
        };
        let free = |(id, _): &(ObjectId, &Table)| left.iter().all(|(other, _)| other == id || !reads(*id, *other));
        let at = left.iter().position(free).unwrap_or(0);
        let (id, table) = left.remove(at);
        match context.has_role(table.owner) {
            true => ordered.push(Kept { id, schema: table.schema.clone(), name: table.name.clone() }),
            false => others.push(id),
        }
    }
    (ordered, others)
}

/// Views, materialized ones and models that are made of these tables, over any number of steps.
fn downstream(lineage: &Lineage, catalog: &Catalog, tables: &BTreeSet<ObjectId>) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    let mut queue: VecDeque<ObjectId> = tables.iter().copied().collect();
    while let Some(from) = queue.pop_front() {
        let made = lineage.flows().filter(|(_, flow)| {
            matches!(flow.kind, FlowKind::View | FlowKind::Refresh | FlowKind::Train)
                && flow.edges.iter().any(|edge| edge.from.object() == Some(from))
        });
        let mut next: Vec<ObjectId> = made.map(|(to, _)| to).collect();
        // What was made before there was lineage knows its origins itself.
        next.extend(catalog.objects().filter(|(_, object)| is_made_of(object, from)).map(|(id, _)| id));
        queue.extend(next.into_iter().filter(|id| !tables.contains(id) && found.insert(*id)));
    }
    found
}

fn is_made_of(object: &Object, from: ObjectId) -> bool {
    match object {
        // What nobody knows the origins of may be of anything.
        Object::Table(table) => table.materialized.as_ref().is_some_and(|of| {
            of.origins.iter().flatten().any(|origin| origin.table == from || *origin == Origin::unknown())
        }),
        Object::Model(model) => model.trained_on.contains(&from),
        _ => false,
    }
}

/// Takes away what inventories and rules have found in what is erased from, before views that show it are filled anew; tells what.
pub fn begin(ddl: &mut Ddl<'_>, erased: &Erased) -> Result<Vec<Line>> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let lineage = ddl.txn.snapshot().lineage.clone();
    let tables = concerned(&catalog, erased);
    let made = downstream(&lineage, &catalog, &tables);
    forget_findings(ddl, &catalog, &tables, &made)
}

/// The tables that are erased from, with what is kept beside them: that may have had the subject before.
fn concerned(catalog: &Catalog, erased: &Erased) -> BTreeSet<ObjectId> {
    let mut tables = erased.tables();
    tables.extend(catalog.class(Class::Relation).filter_map(|(id, object)| match object {
        Object::Table(table) => {
            let of = table.quarantine_of.or(table.repairs_of.as_ref().map(|numbers| numbers.table));
            of.filter(|of| erased.tables().contains(of)).map(|_| id)
        }
        _ => None,
    }));
    tables
}

/// Materialized views that were made of what is erased: those that are filled anew, and those of others.
pub type Views = (Vec<Kept>, Vec<ObjectId>);

/// Writes the certificate, and tells all that was done and what is left; of findings that is `forgotten`.
pub fn end(
    ddl: &mut Ddl<'_>,
    words: &ForgetWords,
    erased: &Erased,
    (views, of_others): &Views,
    forgotten: &[Line],
) -> Result<(Vec<Line>, ObjectId)> {
    let context = ddl.context.clone();
    let catalog = ddl.txn.snapshot().catalog.clone();
    let lineage = ddl.txn.snapshot().lineage.clone();
    let tables = concerned(&catalog, erased);
    let made = downstream(&lineage, &catalog, &tables);
    let mut lines = Vec::new();
    let mut of_tables = Vec::new();
    for id in &tables {
        let Some(table) = catalog.table_by_id(*id) else { continue };
        let (deleted, nulled) = erased.count(*id);
        let name = format!("{}.{}", table.schema, table.name);
        let (kind, why) = kind_of(table, erased, *id);
        if deleted > 0 || nulled == 0 {
            lines.push(Line::of(&name, kind, "delete", Some(deleted), why));
        }
        if nulled > 0 {
            lines.push(Line::of(&name, kind, "null", Some(nulled), why));
        }
        of_tables.push(ErasedTable { table: *id, name, kind: kind.to_owned(), deleted, nulled });
    }
    for view in views {
        let name = format!("{}.{}", view.schema, view.name);
        lines.push(Line::of(&name, "materialized view", "rebuild", None, "it reads what is erased"));
        let kind = "materialized view".to_owned();
        of_tables.push(ErasedTable { table: view.id, name, kind, deleted: 0, nulled: 0 });
    }
    let mut indexes = Vec::new();
    for (id, index) in of_tables.iter().flat_map(|table| catalog.indexes_of(table.table)) {
        let name = format!("{}.{}", index.schema, index.name);
        lines.push(Line::of(name, "text index", "rebuild", None, "it has words of what is erased"));
        indexes.push(id);
    }
    lines.extend(forgotten.iter().cloned());
    let of: BTreeSet<ObjectId> = of_tables.iter().map(|table| table.table).chain(made.iter().copied()).collect();
    inventory::forget_values(ddl, &of)?;
    for table in &of_tables {
        let why = "old commits, checkpoints and removed files of it cannot be opened any more";
        lines.push(Line::of(&table.name, "data key", "shred", None, why));
    }
    let models: Vec<(ObjectId, String)> = made
        .iter()
        .filter_map(|id| match catalog.get(*id).map(AsRef::as_ref) {
            Some(Object::Model(model)) => Some((*id, model.name.clone())),
            _ => None,
        })
        .collect();
    lines.extend(of_models(&context, &models)?);
    let remains = remaining(&context, &catalog, words, erased, of_others);
    let told = |line: &Line| Remainder {
        object: line.object.clone(),
        kind: line.kind.clone(),
        reason: line.reason.clone(),
        rows: line.rows,
    };
    let statements = Statements::new()?;
    let id = ddl.new_id();
    let erasure = Erasure {
        number: statements.id(statements.next()).to_string(),
        at_ms: chrono::Utc::now().timestamp_millis(),
        actor: context.viewer,
        actor_name: catalog.role_name(context.viewer),
        subjects: words.subjects.iter().filter_map(|value| digest(&context, value)).collect(),
        columns: erased.reach.columns.iter().filter_map(|held| column_name(&catalog, held.id, &held.column)).collect(),
        cascade: words.cascade,
        tables: of_tables,
        indexes,
        models,
        remains: remains.iter().map(told).collect(),
        finished_ms: None,
    };
    ddl.txn.put_object(id, Object::Erasure(erasure))?;
    lines.extend(remains);
    Ok((lines, id))
}

/// What `tokenize(value, 'erasure')` gives: whoever has the value, and may call that, finds the certificate; nobody else finds the value.
fn digest(context: &Context, value: &str) -> Option<String> {
    let (key, name) = (&context.database.token_key, "erasure");
    let length = (name.len() as u64).to_be_bytes();
    mask::tokenize(Some(value), |bytes| key.tag(&[&length, name.as_bytes(), bytes]))
}

fn column_name(catalog: &Catalog, id: ObjectId, column: &str) -> Option<String> {
    catalog.table_by_id(id).map(|table| format!("{}.{}.{column}", table.schema, table.name))
}

/// What a table is to the statement, and why it is among those.
fn kind_of(table: &Table, erased: &Erased, id: ObjectId) -> (&'static str, &'static str) {
    let named = erased.reach.columns.iter().find(|held| held.id == id).map(|held| held.why);
    match (table.quarantine_of, &table.repairs_of) {
        (Some(_), _) => ("quarantine", "rows that quality rules had put aside"),
        (_, Some(_)) => ("repairs", "values of before that repairs had kept"),
        _ => ("table", named.unwrap_or("its rows refer to those of the subject")),
    }
}

/// Takes away what inventories and rules have found in these relations: extremes and usual values may be the subject's.
fn forget_findings(
    ddl: &mut Ddl<'_>,
    catalog: &Catalog,
    tables: &BTreeSet<ObjectId>,
    made: &BTreeSet<ObjectId>,
) -> Result<Vec<Line>> {
    let concerns = |id: ObjectId| made.contains(&id) || tables.contains(&id);
    let mut lines = Vec::new();
    let findings: Vec<(ObjectId, &Finding)> = catalog
        .class(Class::Finding)
        .filter_map(|(id, object)| match object {
            Object::Finding(finding) if concerns(finding.object) && !finding.is_hint() => Some((id, finding)),
            _ => None,
        })
        .collect();
    for (id, finding) in findings {
        let (asset, has_model) = (&finding.asset, finding.quality_model != 0);
        // Which columns hold identifiers is no value, and is asked by the next erasure.
        ddl.txn.put_object(id, Object::Finding(finding.hint()))?;
        let why = "extremes and frequent values; INVENTORY makes it anew";
        lines.push(Line::of(asset, "inventory finding", "delete", None, why));
        if has_model {
            let why = "it keeps usual values; INVENTORY and QUALITY() learn it anew";
            lines.push(Line::of(asset, "row quality model", "delete", None, why));
        }
    }
    let extremes = |metric: &str| matches!(metric, "min" | "max");
    let runs: Vec<(ObjectId, ObjectId)> = catalog
        .class(Class::QualityRun)
        .filter_map(|(id, object)| match object {
            Object::QualityRun(run) if concerns(run.relation) => {
                run.results.iter().any(|result| extremes(&result.metric)).then_some((id, run.relation))
            }
            _ => None,
        })
        .collect();
    let relations: BTreeSet<ObjectId> = runs.iter().map(|(_, relation)| *relation).collect();
    for relation in relations {
        let count = runs.iter().filter(|(_, of)| *of == relation).count() as u64;
        let name = catalog.get(relation).map_or_else(String::new, |object| object.key().1.replace('\0', "."));
        lines.push(Line::of(name, "quality run", "delete", Some(count), "it measured extremes"));
    }
    runs.into_iter().for_each(|(id, _)| ddl.txn.drop_object(id));
    Ok(lines)
}

/// Models that learnt from what is erased, by name where the role sees them.
fn of_models(context: &Context, models: &[(ObjectId, String)]) -> Result<Vec<Line>> {
    let graph = Graph::new(context);
    let (mut lines, mut others) = (Vec::new(), 0);
    for (id, name) in models {
        match graph.sees(&Node { place: Place::Object(*id), column: None })? {
            true => {
                let why = "it learnt from what is erased, and answers from it until it is trained anew; DROP MODEL destroys it";
                lines.push(Line::of(name, "model", "retrain", None, why));
            }
            false => others += 1,
        }
    }
    if others > 0 {
        let why = format!("{others} models of others learnt from what is erased; a superuser sees which");
        lines.push(Line { object: None, kind: "model".to_owned(), action: "retrain", rows: None, reason: why });
    }
    Ok(lines)
}

/// What no statement reaches, or this one does not.
fn remaining(
    context: &Context,
    catalog: &Catalog,
    words: &ForgetWords,
    erased: &Erased,
    views: &[ObjectId],
) -> Vec<Line> {
    let mut lines = Vec::new();
    for (suspect, rows) in &erased.suspected {
        let name = column_name(catalog, suspect.id, &suspect.column);
        let unknown = if rows.is_none() { ", and no value of the subject is to be seen in it" } else { "" };
        let why = format!("{}{unknown}; {}", suspect.why, suspect.ends);
        lines.push(Line::remains(name, "column", why, *rows));
    }
    // Who owns values is to know where they went; whether the subject is among them is the others' to tell.
    for (id, column) in &erased.reach.others {
        let owner = catalog.table_by_id(*id).map(|table| catalog.role_name(table.owner)).unwrap_or_default();
        let why = format!(
            "values of a named column were copied to this table of {owner}'s, or computed into it: {owner} or a superuser erases there"
        );
        lines.push(Line::remains(column_name(catalog, *id, column), "column", why, None));
    }
    for table in views.iter().filter_map(|id| catalog.table_by_id(*id)) {
        let owner = catalog.role_name(table.owner);
        let why = format!("it reads what is erased, and is {owner}'s: REFRESH by {owner} or a superuser fills it anew");
        let name = format!("{}.{}", table.schema, table.name);
        lines.push(Line::remains(Some(name), "materialized view", why, None));
    }
    for name in naming(context, catalog, words) {
        lines.push(Line::remains(Some(name.1), name.0, "its definition has the value in it; change it by hand", None));
    }
    if erased.reach.temporary > 0 {
        let why = "copies in temporary tables go with their sessions";
        lines.push(Line::remains(None, "temporary table", why, Some(erased.reach.temporary as u64)));
    }
    let graph = Graph::new(context);
    for place in &erased.reach.outside {
        // Who does not see where rows came from is not told.
        if graph.sees(&Node { place: place.clone(), column: None }).unwrap_or(false) {
            let why = "rows were loaded from it, and it lies outside: loading it again brings them back";
            lines.push(Line::remains(Some(graph.name(place).0), &graph.kind(place), why, None));
        }
    }
    let why = "backups, copies of the folder and exports of before have the subject until they are removed, and where they are is not \
               known here; a database that is restored from one needs this statement again";
    lines.push(Line::remains(None, "backup", why, None));
    let why = "keys were destroyed in the keyring; a disk that writes elsewhere, or a copy, may have an older keyring: steward rotate-key, \
               and destroying the old master key, ends that";
    lines.push(Line::remains(None, "keyring", why, None));
    lines
}

/// Objects whose definitions have a value of the subject in them, of those that the role owns.
fn naming(context: &Context, catalog: &Catalog, words: &ForgetWords) -> Vec<(&'static str, String)> {
    let values: Vec<&String> =
        words.subjects.iter().filter(|value| value.chars().count() >= TELLING_CHARS_MIN).collect();
    let mut found = Vec::new();
    for (_, object) in catalog.objects() {
        let owner = match object.as_ref() {
            // What is found is forgotten; certificates have digests, roles verifiers.
            Object::Finding(_) | Object::Erasure(_) | Object::Role(_) => continue,
            // Nor has what is kept of it any value.
            Object::AssetState(_) | Object::InventoryRun(_) => continue,
            Object::Table(table) if is_temporary(&table.schema) => continue,
            Object::Table(table) => Some(table.owner),
            Object::View(view) => Some(view.owner),
            Object::Model(model) => Some(model.owner),
            Object::Function(function) => Some(function.owner),
            Object::MaskingPolicy(policy) => Some(policy.owner),
            Object::RowPolicy(policy) => catalog.table_by_id(policy.table).map(|table| table.owner),
            Object::QualityRule(rule) => catalog.table_by_id(rule.relation).map(|table| table.owner),
            _ => None,
        };
        if !context.is_superuser() && owner.is_none_or(|owner| !context.has_role(owner)) {
            continue;
        }
        let facts = serde_json::to_value(object.as_ref()).unwrap_or_default();
        if values.iter().any(|value| has(&facts, value)) {
            found.push((object.kind_name(), called(catalog, object)));
        }
    }
    found.sort();
    found
}

/// An object by its name; what belongs to a relation with that before.
fn called(catalog: &Catalog, object: &Object) -> String {
    let of = |relation: ObjectId, name: &str| {
        let relation = catalog.get(relation).map(|object| object.key().1.replace('\0', "."));
        relation.map_or_else(|| name.to_owned(), |relation| format!("{relation}.{name}"))
    };
    match object {
        Object::RowPolicy(policy) => of(policy.table, &policy.name),
        Object::QualityRule(rule) => of(rule.relation, &rule.name),
        Object::ColumnClass(class) => of(class.table, &class.name),
        Object::QualityRun(run) => of(run.relation, ""),
        Object::Comment(comment) => catalog.get(comment.object).map_or_else(String::new, |of| called(catalog, of)),
        other => other.key().1.replace('\0', "."),
    }
}

/// Whether a text in these facts has a value in it.
fn has(facts: &serde_json::Value, value: &str) -> bool {
    match facts {
        serde_json::Value::String(text) => tells(text, value),
        serde_json::Value::Array(items) => items.iter().any(|item| has(item, value)),
        serde_json::Value::Object(fields) => fields.values().any(|field| has(field, value)),
        _ => false,
    }
}
