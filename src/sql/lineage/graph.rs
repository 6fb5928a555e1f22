//! The graph of all flows, as one role may see it.
//!
//! An edge is seen by who may read both of its ends: the column, or where none is told any column of the relation. What is not seen is
//! left out and not gone through, without a trace: that something is there would be told by a gap as well. Of a dropped object the edges
//! are its last owner's and superusers'; a file's are for who may read the server's files.

use super::super::context::Context;
use super::super::rewrite::view_columns;
use super::super::tables;
use crate::catalog::{Edge, Flow, FlowKind, Influence, Object, ObjectId, Place, Privilege, column_shown};
use crate::error::Result;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;

/// A column of something, or something as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What it is.
    pub place: Place,
    /// Its column.
    pub column: Option<String>,
}

/// Where to go from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what it comes from.
    Upstream,
    /// To what comes of it.
    Downstream,
}

/// An edge with what is known of it, whichever statements made it.
#[derive(Debug, Clone)]
pub struct Step {
    /// How many edges away.
    pub depth: usize,
    /// Where it comes from.
    pub from: Node,
    /// Where it goes.
    pub to: Node,
    /// What made it.
    pub kind: FlowKind,
    /// How.
    pub influence: Influence,
    /// The last statement that made it.
    pub statement: String,
    /// Who ran that.
    pub actor: String,
    /// Milliseconds since 1970 of the first one.
    pub first_ms: i64,
    /// And of the last one.
    pub last_ms: i64,
    /// How many there were.
    pub uses: u64,
}

/// What a role sees of a place.
#[derive(Debug, Clone)]
enum Sight {
    Nothing,
    All,
    Columns(HashSet<String>),
}

impl Sight {
    fn has(&self, column: Option<&str>) -> bool {
        match (self, column) {
            (Self::Nothing, _) => false,
            (Self::All, _) | (Self::Columns(_), None) => true,
            (Self::Columns(columns), Some(column)) => columns.contains(column),
        }
    }
}

/// The flows that a statement's snapshot has.
pub struct Graph<'a> {
    context: &'a Context,
    sights: RefCell<HashMap<Place, Rc<Sight>>>,
}

impl<'a> Graph<'a> {
    /// As the context's role sees it.
    pub fn new(context: &'a Context) -> Self {
        Self { context, sights: RefCell::default() }
    }

    /// Every edge that is seen.
    pub fn steps(&self) -> Result<Vec<Step>> {
        let mut merged = Merged::default();
        for (object, flow) in self.context.snapshot.lineage.flows() {
            for edge in &flow.edges {
                self.meet(&mut merged, object, flow, edge, 0)?;
            }
        }
        Ok(merged.steps())
    }

    /// The flows with those of their edges that are seen, if there are any.
    pub fn flows(&self) -> Result<Vec<(ObjectId, &'a Flow, Vec<&'a Edge>)>> {
        let mut found = Vec::new();
        for (object, flow) in self.context.snapshot.lineage.flows() {
            let mut edges = Vec::new();
            for edge in &flow.edges {
                if self.is_seen(object, edge)? {
                    edges.push(edge);
                }
            }
            if !edges.is_empty() {
                found.push((object, flow, edges));
            }
        }
        Ok(found)
    }

    /// The edges that lead from a node, or to it, over at most `depth` of them, the nearest first.
    pub fn walk(&self, start: &Node, direction: Direction, depth: usize) -> Result<Vec<Step>> {
        let lineage = &self.context.snapshot.lineage;
        let place_of: HashMap<ObjectId, Place> =
            lineage.flows().map(|(object, _)| (object, Place::Object(object))).collect();
        let mut next: HashMap<&Place, Vec<(ObjectId, &Flow, &Edge)>> = HashMap::new();
        for (object, flow) in lineage.flows() {
            for edge in &flow.edges {
                let from = match direction {
                    Direction::Upstream => place_of.get(&object),
                    Direction::Downstream => Some(&edge.from),
                };
                from.into_iter().for_each(|from| next.entry(from).or_default().push((object, flow, edge)));
            }
        }
        let mut merged = Merged::default();
        let mut seen = HashSet::from([start.clone()]);
        let mut queue = VecDeque::from([(start.clone(), 1)]);
        while let Some((node, at)) = queue.pop_front() {
            if at > depth {
                break;
            }
            for &(object, flow, edge) in next.get(&node.place).into_iter().flatten() {
                let near = match direction {
                    Direction::Upstream => &edge.column,
                    Direction::Downstream => &edge.from_column,
                };
                // What decides which rows there are has a part in each column; what reads rows whatever is in them, in none.
                let is_of_all = near.is_none() && direction == Direction::Upstream;
                if node.column.is_some() && !is_of_all && *near != node.column {
                    continue;
                }
                if !self.meet(&mut merged, object, flow, edge, at)? {
                    continue;
                }
                let far = match direction {
                    Direction::Upstream => Node { place: edge.from.clone(), column: edge.from_column.clone() },
                    Direction::Downstream => Node { place: Place::Object(object), column: edge.column.clone() },
                };
                if seen.insert(far.clone()) {
                    queue.push_back((far, at + 1));
                }
            }
        }
        Ok(merged.steps())
    }

    /// Takes an edge if it is seen; tells whether it is.
    fn meet(&self, merged: &mut Merged, object: ObjectId, flow: &Flow, edge: &Edge, depth: usize) -> Result<bool> {
        if !self.is_seen(object, edge)? {
            return Ok(false);
        }
        let to = Place::Object(object);
        let from = Node { place: edge.from.clone(), column: edge.from_column.clone() };
        let to = Node { place: to, column: edge.column.clone() };
        let actor = match self.context.snapshot.catalog.get(flow.actor).map(AsRef::as_ref) {
            Some(Object::Role(role)) => role.name.clone(),
            _ => flow.actor_name.clone(),
        };
        merged.take(Step {
            depth,
            from,
            to,
            kind: flow.kind,
            influence: edge.influence,
            statement: flow.statement.clone(),
            actor,
            first_ms: flow.first_ms,
            last_ms: flow.last_ms,
            uses: flow.uses,
        });
        Ok(true)
    }

    /// Whether the role sees both ends of an edge into an object.
    fn is_seen(&self, object: ObjectId, edge: &Edge) -> Result<bool> {
        let (from, to) = (self.sight(&edge.from)?, self.sight(&Place::Object(object))?);
        Ok(from.has(edge.from_column.as_deref()) && to.has(edge.column.as_deref()))
    }

    /// Whether the role sees this of a place.
    pub fn sees(&self, node: &Node) -> Result<bool> {
        Ok(self.sight(&node.place)?.has(node.column.as_deref()))
    }

    fn sight(&self, place: &Place) -> Result<Rc<Sight>> {
        if let Some(known) = self.sights.borrow().get(place) {
            return Ok(known.clone());
        }
        let sight = Rc::new(self.look(place)?);
        self.sights.borrow_mut().insert(place.clone(), sight.clone());
        Ok(sight)
    }

    fn look(&self, place: &Place) -> Result<Sight> {
        let context = self.context;
        let catalog = &context.snapshot.catalog;
        let all = |sees: bool| if sees { Sight::All } else { Sight::Nothing };
        let (Place::Object(id) | Place::Asset(id, _)) = place else {
            return Ok(match place {
                Place::File(_) => all(context.is_allowed_by("pg_read_server_files")),
                _ => Sight::All,
            });
        };
        Ok(match catalog.get(*id).map(AsRef::as_ref) {
            Some(Object::Table(table)) if context.must_reach(&table.schema).is_err() => Sight::Nothing,
            Some(Object::Table(table)) => {
                let access = tables::access(context, *id, table)?;
                let readable = table.columns.iter().zip(&access.readable).filter(|(_, readable)| **readable);
                match access.whole {
                    true => Sight::All,
                    false if access.may_read_some() => {
                        Sight::Columns(readable.map(|(column, _)| column.name.clone()).collect())
                    }
                    false => Sight::Nothing,
                }
            }
            Some(Object::View(view)) if context.must_reach(&view.schema).is_err() => Sight::Nothing,
            Some(Object::View(view)) => {
                let may = |columns: &[&str]| tables::may(context, view.owner, &view.grants, Privilege::Select, columns);
                match context.has_role(view.owner) || context.has_grant(&view.grants, Privilege::Select) {
                    true => Sight::All,
                    false if may(&[]) => {
                        let columns = view_columns(view, context).unwrap_or_default();
                        Sight::Columns(columns.into_iter().filter(|column| may(&[column.as_str()])).collect())
                    }
                    false => Sight::Nothing,
                }
            }
            Some(Object::Model(model)) => {
                all(context.has_role(model.owner) || context.has_grant(&model.grants, Privilege::Usage))
            }
            Some(Object::Source(source)) => all(tables::may_read(context, source)),
            Some(_) => Sight::Nothing,
            None => match context.snapshot.lineage.gone(*id) {
                Some(gone) => all(context.has_role(gone.owner)),
                None => all(context.is_superuser()),
            },
        })
    }

    /// What a place is called, and whether it is dropped.
    pub fn name(&self, place: &Place) -> (String, bool) {
        let written = |object: &Object| object.key().1.replace('\0', ".");
        let of = |id: &ObjectId| match (self.context.snapshot.catalog.get(*id), self.context.snapshot.lineage.gone(*id))
        {
            (Some(object), _) => (written(object), false),
            (None, Some(gone)) => (gone.name.clone(), true),
            (None, None) => (id.to_string(), true),
        };
        match place {
            Place::Object(id) => of(id),
            Place::Asset(id, name) => {
                let (source, dropped) = of(id);
                (format!("{source}.{name}"), dropped)
            }
            Place::File(path) => (path.clone(), false),
            Place::Client => ("stdin".to_owned(), false),
        }
    }

    /// What a place is: `table`, `view`, `model`, ...
    pub fn kind(&self, place: &Place) -> String {
        match place {
            Place::Object(id) => match self.context.snapshot.catalog.get(*id) {
                Some(object) => object.kind_name().to_owned(),
                None => self.context.snapshot.lineage.gone(*id).map_or("dropped", |gone| &gone.kind).to_owned(),
            },
            Place::Asset(..) => "asset".to_owned(),
            Place::File(_) => "file".to_owned(),
            Place::Client => "client".to_owned(),
        }
    }

    /// The name of a node's column, and whether the node is dropped.
    pub fn column<'n>(&self, node: &'n Node) -> (Option<&'n str>, bool) {
        let (column, dropped) = node.column.as_deref().map(column_shown).unzip();
        (column, dropped.unwrap_or_default() || self.name(&node.place).1)
    }

    /// What comes of a node: each object that is there still with its distance, and its columns that it has a part in.
    pub fn impact(&self, start: &Node) -> Result<Vec<(Place, usize, BTreeSet<String>)>> {
        let mut found: BTreeMap<Place, (usize, BTreeSet<String>)> = BTreeMap::new();
        for step in self.walk(start, Direction::Downstream, usize::MAX)? {
            if step.to.place == start.place || self.column(&step.to).1 {
                continue;
            }
            let (depth, columns) = found.entry(step.to.place).or_insert((step.depth, BTreeSet::new()));
            *depth = (*depth).min(step.depth);
            columns.extend(step.to.column);
        }
        let mut found: Vec<_> = found.into_iter().map(|(place, (depth, columns))| (place, depth, columns)).collect();
        found.sort_by_key(|(place, depth, _)| (*depth, self.name(place).0));
        Ok(found)
    }
}

/// Edges, each once for its kind and influence.
#[derive(Default)]
struct Merged(BTreeMap<(Node, Node, FlowKind, Influence), Step>);

impl Merged {
    fn take(&mut self, step: Step) {
        let key = (step.from.clone(), step.to.clone(), step.kind, step.influence);
        match self.0.get_mut(&key) {
            None => _ = self.0.insert(key, step),
            Some(known) => {
                let (depth, uses) = (known.depth.min(step.depth), known.uses.saturating_add(step.uses));
                let first_ms = known.first_ms.min(step.first_ms);
                if step.last_ms >= known.last_ms {
                    *known = step;
                }
                (known.depth, known.uses, known.first_ms) = (depth, uses, first_ms);
            }
        }
    }

    fn steps(self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.0.into_values().collect();
        steps.sort_by_key(|step| step.depth);
        steps
    }
}
