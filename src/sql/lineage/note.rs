//! Edges of a statement, on their way into the transaction.

use super::super::context::Context;
use super::super::ddl::named_in;
use super::super::parser::expression;
use super::derived::{Derived, Source, Sources};
use super::{models, tags};
use crate::catalog::{
    Catalog, Edge, Flow, FlowKind, Influence, LineageChange, Object, ObjectId, OnViolation, Place, QualityRule,
    is_temporary,
};
use crate::txn::{Lineage, Transaction};
use datafusion::sql::sqlparser::ast;
use std::collections::{BTreeMap, BTreeSet};

/// An edge without its influence.
type Way = (Place, Option<String>, Option<String>);

/// What flows into an object by one statement.
pub struct Noting {
    kind: FlowKind,
    to: ObjectId,
    edges: BTreeMap<Way, Influence>,
    places: BTreeSet<Place>,
    /// What models of these names say goes into these columns.
    said: BTreeMap<(Option<String>, Option<String>), Influence>,
}

impl Noting {
    /// Nothing yet.
    pub fn new(kind: FlowKind, to: ObjectId) -> Self {
        Self { kind, to, edges: BTreeMap::new(), places: BTreeSet::new(), said: BTreeMap::new() }
    }

    /// The columns of a query go into these of the object, in their order; where that is none, nowhere.
    pub fn add<'a>(&mut self, derived: &Derived, columns: impl IntoIterator<Item = Option<&'a str>>) {
        for (sources, column) in derived.columns.iter().zip(columns) {
            if let Some(column) = column {
                self.all(sources, Some(column));
            }
        }
        self.decides(&derived.rows);
        self.places.extend(derived.places.iter().cloned());
    }

    /// These decide which rows are written.
    pub fn decides(&mut self, sources: &Sources) {
        self.all(sources, None);
    }

    fn all(&mut self, sources: &Sources, column: Option<&str>) {
        for (source, part) in sources {
            let Some(influence) = part.influence() else { continue };
            // Which row is meant is no value.
            let influence = if column.is_none() { influence.max(Influence::Filter) } else { influence };
            let column = column.map(str::to_owned);
            match source {
                Source::Column(place, from) => self.put((place.clone(), Some(from.clone()), column), influence),
                Source::Learnt(model) => {
                    let slot = self.said.entry((model.clone(), column)).or_insert(influence);
                    *slot = influence.min(*slot);
                }
                Source::Unknown => {}
            }
        }
    }

    /// A column of a place goes into one of the object in this way.
    pub fn column(&mut self, place: &Place, from: &str, to: &str, influence: Influence) {
        self.put((place.clone(), Some(from.to_owned()), Some(to.to_owned())), influence);
    }

    /// A model is made over another one, which says what its numbers mean.
    pub fn over(&mut self, model: ObjectId) {
        self.put((Place::Object(model), None, None), Influence::Transformation);
    }

    fn put(&mut self, way: Way, influence: Influence) {
        let slot = self.edges.entry(way).or_insert(influence);
        *slot = influence.min(*slot);
    }

    /// The objects that it reads, views and tables below them.
    pub fn objects(&self) -> Vec<ObjectId> {
        let object = |place: &Place| match place {
            Place::Object(id) => Some(*id),
            _ => None,
        };
        self.places.iter().filter_map(object).collect()
    }

    /// Puts it into the transaction. What an object is made of itself is told where one column of it is made of another; of a temporary
    /// relation what that was made of.
    pub fn note(mut self, context: &Context, txn: &mut Transaction) {
        let to = Place::Object(self.to);
        for ((model, column), influence) in std::mem::take(&mut self.said) {
            let is_known = model.is_some();
            // Where any model may have been asked, those that have nothing to protect say nothing of where it comes from.
            let tells = |model: &ObjectId| is_known || !tags::learnt(context, *model).is_empty();
            for model in models::named(context, model.as_deref()).into_iter().filter(tells) {
                self.put((Place::Object(model), None, column.clone()), influence);
            }
        }
        // A repair makes a column of itself, and is told.
        let of_itself = self.kind == FlowKind::Repair;
        self.edges.retain(|(from, from_column, column), _| {
            *from != to || column.is_some() && (of_itself || from_column != column)
        });
        self.places.remove(&to);
        for place in std::mem::take(&mut self.places) {
            if !self.edges.keys().any(|(from, ..)| *from == place) {
                self.put((place, None, None), Influence::Rows);
            }
        }
        self.look_through(&txn.snapshot().catalog, &txn.snapshot().lineage);
        if self.edges.is_empty() {
            return;
        }
        if !matches!(self.kind, FlowKind::View | FlowKind::Refresh | FlowKind::Train | FlowKind::Import) {
            let direct = self.edges.iter().filter(|(_, influence)| influence.is_direct());
            let ways = direct.map(|((from, from_column, column), _)| (from, from_column.as_deref(), column.as_deref()));
            tags::moved(txn, self.to, ways);
        }
        let edge = |((from, from_column, column), influence)| Edge { from, from_column, column, influence };
        let now = chrono::Utc::now().timestamp_millis();
        let flow = Flow {
            kind: self.kind,
            edges: self.edges.into_iter().map(edge).collect(),
            statement: context.statement_id(),
            actor: context.viewer,
            actor_name: context.snapshot.catalog.role_name(context.viewer),
            first_ms: now,
            last_ms: now,
            uses: 1,
        };
        txn.note_lineage(LineageChange::Flowed(self.to, flow));
    }

    /// Puts in the place of each temporary relation what flowed into it: that goes with its session.
    fn look_through(&mut self, catalog: &Catalog, lineage: &Lineage) {
        let temporary = |place: &Place| match place {
            Place::Object(id) => match catalog.get(*id).map(AsRef::as_ref) {
                Some(Object::Table(table)) if is_temporary(&table.schema) => Some(*id),
                // What it reads is among the places as well.
                Some(Object::View(view)) if is_temporary(&view.schema) => Some(*id),
                _ => None,
            },
            _ => None,
        };
        for ((from, from_column, column), outer) in std::mem::take(&mut self.edges) {
            let Some(id) = temporary(&from) else {
                self.put((from, from_column, column), outer);
                continue;
            };
            for flow in lineage.flows_into(id).filter(|flow| flow.kind != FlowKind::View) {
                for edge in &flow.edges {
                    let to = match &edge.column {
                        Some(of) if Some(of) == from_column.as_ref() => column.clone(),
                        Some(_) => continue,
                        None => None,
                    };
                    let influence = if edge.column.is_some() { edge.influence.max(outer) } else { edge.influence };
                    self.put((edge.from.clone(), edge.from_column.clone(), to), influence);
                }
            }
        }
    }
}

/// Notes that values in these columns of a table were repaired.
pub fn repaired<'a>(
    context: &Context,
    txn: &mut Transaction,
    table: ObjectId,
    columns: impl IntoIterator<Item = &'a str>,
) {
    let mut noting = Noting::new(FlowKind::Repair, table);
    for column in columns {
        let name = Some(column.to_owned());
        noting.put((Place::Object(table), name.clone(), name), Influence::Transformation);
    }
    noting.note(context, txn);
}

/// Notes what the generated columns of a table are computed from.
pub fn generated(context: &Context, txn: &mut Transaction, table: ObjectId) {
    let Some(facts) = txn.snapshot().catalog.table_by_id(table).cloned() else { return };
    let mut noting = Noting::new(FlowKind::Generate, table);
    for (at, named) in tags::generated(&facts) {
        for name in named.iter().filter(|name| facts.column_index(name).is_some()) {
            noting.column(&Place::Object(table), name, &facts.columns[at].name, Influence::Transformation);
        }
    }
    if !noting.edges.is_empty() {
        noting.note(context, txn);
    }
}

/// Notes that a column of a table was computed anew by an expression over its row.
pub fn computed(context: &Context, txn: &mut Transaction, (table, column): (ObjectId, &str), from: &ast::Expr) {
    let Some(facts) = txn.snapshot().catalog.table_by_id(table).cloned() else { return };
    let mut noting = Noting::new(FlowKind::Update, table);
    for name in named_in(&from.to_string()).iter().filter(|name| facts.column_index(name).is_some()) {
        noting.column(&Place::Object(table), name, column, way_of(from));
    }
    noting.note(context, txn);
}

/// How the column that an expression names has a part in it: as it is, if it is all of it.
fn way_of(expression: &ast::Expr) -> Influence {
    match expression {
        ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => Influence::Identity,
        // Another type of it.
        ast::Expr::Nested(inner) | ast::Expr::Cast { expr: inner, .. } => way_of(inner),
        _ => Influence::Transformation,
    }
}

/// Notes where the values come from that a rule sets in its table: from other columns of the row, or from the column that it refers to.
pub fn by_rule(context: &Context, txn: &mut Transaction, rule: &QualityRule) {
    let catalog = txn.snapshot().catalog.clone();
    let Some(facts) = catalog.table_by_id(rule.relation) else { return };
    let Some(column) = rule.columns.first() else { return };
    let mut noting = Noting::new(FlowKind::Repair, rule.relation);
    match &rule.on_violation {
        Some(OnViolation::Repair(value)) => {
            let Ok(value) = expression(value) else { return };
            for name in named_in(&value.to_string()).iter().filter(|name| facts.column_index(name).is_some()) {
                noting.column(&Place::Object(rule.relation), name, column, way_of(&value));
            }
        }
        _ => {
            let columns =
                rule.reference().into_iter().flat_map(|to| to.columns.iter().map(move |name| (to.relation, name)));
            for (relation, name) in columns {
                noting.column(&Place::Object(relation), name, column, Influence::Identity);
            }
        }
    }
    if !noting.edges.is_empty() {
        noting.note(context, txn);
    }
}

/// Notes that data of a place have come into these columns of a table.
pub fn imported<'a>(
    (context, txn): (&Context, &mut Transaction),
    place: &Place,
    to: ObjectId,
    columns: impl IntoIterator<Item = &'a str>,
) {
    let mut noting = Noting::new(FlowKind::Import, to);
    for column in columns {
        noting.put((place.clone(), None, Some(column.to_owned())), Influence::Identity);
    }
    if noting.edges.is_empty() {
        noting.put((place.clone(), None, None), Influence::Rows);
    }
    noting.note(context, txn);
}
