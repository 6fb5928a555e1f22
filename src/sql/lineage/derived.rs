//! Which columns the columns of a query come from, read from its plan.
//!
//! A column comes from all that its expression reads, each with the most direct way in which it does. What only decides which rows there
//! are (conditions, keys of joins and groups, the order where not all rows are taken) has a part in the rows, not in a column. Where the
//! plan does not tell, a column comes from all that is below.

use super::super::context::Context;
use super::super::once::Once;
use super::super::tables::{LazyTable, ROW_ID, SomeColumns, TableScan};
use super::expression::Over;
use super::models;
use super::reads::{Reading, Taken};
use super::told::Told;
use crate::catalog::{Influence, ObjectId, Origin, Place};
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchemaRef, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableScan as Scan};
use std::collections::{BTreeMap, BTreeSet};

/// Schema of the alias under which a view's plan stands; the name is the view's id.
pub const VIEW: &str = "\u{1}view";

/// A column that is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A column that has a place.
    Column(Place, String),
    /// What a model of this name learnt from; whichever model there is where the name is not known.
    Learnt(Option<String>),
    /// Rows that were one viewer's to see: nobody knows what is in them.
    Unknown,
}

/// How a source has a part, as far as a derivation must tell: more than is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// In values.
    Value(Influence),
    /// In values perhaps, where the plan does not tell. Who protects values must count it, who asks for lineage need not.
    Possible,
    /// Counted: `count` hands nothing on of what it counts.
    Counted,
    /// In which rows there are.
    Rows(Influence),
}

impl Part {
    /// The part that this has in what an expression, itself of the part `outer`, makes of it.
    pub fn within(self, outer: Self) -> Self {
        self.max(outer)
    }

    /// How it is told; nothing if it is not.
    pub fn influence(self) -> Option<Influence> {
        match self {
            Self::Value(influence) | Self::Rows(influence) => Some(influence),
            Self::Counted => Some(Influence::Aggregation),
            Self::Possible => None,
        }
    }

    /// Whether values may be learnt from what comes of it.
    fn hands_on(self) -> bool {
        matches!(self, Self::Value(_) | Self::Possible)
    }
}

/// Sources, each with its most direct part.
pub type Sources = BTreeMap<Source, Part>;

/// Adds a source.
pub fn add(to: &mut Sources, source: Source, part: Part) {
    let slot = to.entry(source).or_insert(part);
    *slot = part.min(*slot);
}

/// Adds sources, within something of this part.
pub fn add_all(to: &mut Sources, from: &Sources, outer: Part) {
    from.iter().for_each(|(source, part)| add(to, source.clone(), part.within(outer)));
}

const AS_IT_IS: Part = Part::Value(Influence::Identity);

/// Where a plan's rows come from.
#[derive(Debug, Clone, Default)]
pub struct Derived {
    /// For each column what has a part in its values.
    pub columns: Vec<Sources>,
    /// What has a part in which rows there are.
    pub rows: Sources,
    /// What is read at all.
    pub places: BTreeSet<Place>,
    /// What the rows are ordered by, for a LIMIT above.
    pub(super) order: Sources,
}

impl Derived {
    /// Whether its columns, written into these of a table in their order, hand on no values but each its own.
    pub fn is_of_itself<'a>(&self, table: ObjectId, columns: impl IntoIterator<Item = Option<&'a str>>) -> bool {
        self.columns.iter().zip(columns).all(|(sources, column)| {
            let is_own = |source: &Source| match source {
                Source::Column(place, name) => *place == Place::Object(table) && Some(name.as_str()) == column,
                _ => false,
            };
            let goes = |part: &Part| matches!(part, Part::Value(influence) if influence.is_direct());
            sources.iter().all(|(source, part)| !goes(part) || is_own(source))
        })
    }
}

/// Where the rows of a plan come from.
pub fn derived(plan: &LogicalPlan) -> Derived {
    let mut walk = Walk::default();
    let found = walk.plan(plan);
    Derived { places: walk.places, ..found }
}

/// For each column of the plan the columns of tables that its values come from, for whoever protects them.
pub fn origins(context: &Context, plan: &LogicalPlan) -> Vec<Vec<Origin>> {
    let of = |(source, part): (&Source, &Part)| match source {
        _ if !part.hands_on() => Vec::new(),
        Source::Column(Place::Object(table), column) => vec![Origin { table: *table, column: column.clone() }],
        Source::Column(..) => Vec::new(),
        Source::Learnt(model) => models::learnt_columns(context, model.as_deref()),
        Source::Unknown => vec![Origin::unknown()],
    };
    let derived = Walk { through_views: true, ..Walk::default() }.plan(plan);
    let all = derived.columns.iter().map(|sources| sources.iter().flat_map(of).collect::<BTreeSet<Origin>>());
    all.map(|origins| origins.into_iter().collect()).collect()
}

/// A walk through a plan.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// What queries around the one that is looked at read, the nearest last.
    pub(super) outer: Vec<(DFSchemaRef, Vec<Sources>)>,
    /// Views are no sources themselves.
    through_views: bool,
    /// What has been met so far, in subqueries as well.
    places: BTreeSet<Place>,
}

impl Walk {
    pub(super) fn plan(&mut self, plan: &LogicalPlan) -> Derived {
        let width = plan.schema().fields().len();
        let found = match plan {
            LogicalPlan::Projection(p) => {
                let input = self.plan(&p.input);
                let columns = self.all(&p.expr, (p.input.schema(), &input.columns));
                Derived { columns, ..input }
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let mut input = self.plan(&alias.input);
                if alias.alias.schema() == Some(VIEW)
                    && let Ok(id) = alias.alias.table().parse::<ObjectId>()
                    && !self.through_views
                {
                    self.places.insert(Place::Object(id));
                    for (sources, field) in input.columns.iter_mut().zip(plan.schema().fields()) {
                        add(sources, Source::Column(Place::Object(id), field.name().clone()), AS_IT_IS);
                    }
                }
                input
            }
            LogicalPlan::Filter(f) => {
                let mut input = self.plan(&f.input);
                let condition = self.one(&f.predicate, (f.input.schema(), &input.columns));
                add_all(&mut input.rows, &condition, Part::Rows(Influence::Filter));
                input
            }
            LogicalPlan::Sort(s) => {
                let mut input = self.plan(&s.input);
                for sort in &s.expr {
                    let order = self.one(&sort.expr, (s.input.schema(), &input.columns));
                    add_all(&mut input.order, &order, Part::Rows(Influence::Sort));
                }
                match s.fetch {
                    Some(_) => limited(input),
                    None => input,
                }
            }
            // A barrier of a view is a LIMIT without a number.
            LogicalPlan::Limit(l)
                if l.fetch.is_some() || !matches!(l.skip.as_deref(), None | Some(Expr::Literal(..))) =>
            {
                limited(self.plan(&l.input))
            }
            LogicalPlan::Limit(l) => self.plan(&l.input),
            LogicalPlan::Repartition(r) => self.plan(&r.input),
            LogicalPlan::Subquery(s) => self.plan(&s.subquery),
            LogicalPlan::Distinct(Distinct::All(input)) => self.plan(input),
            LogicalPlan::Distinct(Distinct::On(on)) => {
                let mut input = self.plan(&on.input);
                let below = (on.input.schema(), std::mem::take(&mut input.columns));
                input.columns = self.all(&on.select_expr, (below.0, &below.1));
                for key in &on.on_expr {
                    add_all(&mut input.rows, &self.one(key, (below.0, &below.1)), Part::Rows(Influence::GroupBy));
                }
                for sort in on.sort_expr.iter().flatten() {
                    let order = self.one(&sort.expr, (below.0, &below.1));
                    add_all(&mut input.rows, &order, Part::Rows(Influence::Sort));
                }
                input
            }
            LogicalPlan::Aggregate(a) => {
                let mut input = self.plan(&a.input);
                let below = (a.input.schema(), std::mem::take(&mut input.columns));
                input.columns = self.all(a.group_expr.iter().chain(&a.aggr_expr), (below.0, &below.1));
                for key in &a.group_expr {
                    add_all(&mut input.rows, &self.one(key, (below.0, &below.1)), Part::Rows(Influence::GroupBy));
                }
                input.order.clear();
                input
            }
            LogicalPlan::Window(w) => {
                let mut input = self.plan(&w.input);
                let more = self.all(&w.window_expr, (w.input.schema(), &input.columns));
                input.columns.extend(more);
                input
            }
            LogicalPlan::Join(j) => self.join(j),
            LogicalPlan::Union(u) => {
                let mut found = Derived { columns: vec![Sources::new(); width], ..Derived::default() };
                for input in &u.inputs {
                    let input = self.plan(input);
                    found.columns.iter_mut().zip(&input.columns).for_each(|(all, more)| add_all(all, more, AS_IT_IS));
                    add_all(&mut found.rows, &input.rows, AS_IT_IS);
                }
                found
            }
            LogicalPlan::Unnest(u) => {
                let input = self.plan(&u.input);
                let of = |(at, field): (&usize, &std::sync::Arc<arrow::datatypes::Field>)| {
                    let below = input.columns.get(*at).cloned().unwrap_or_default();
                    let same = u.input.schema().fields().get(*at).is_some_and(|f| f.data_type() == field.data_type());
                    let part = if same { AS_IT_IS } else { Part::Value(Influence::Transformation) };
                    let mut found = Sources::new();
                    add_all(&mut found, &below, part);
                    found
                };
                let columns = u.dependency_indices.iter().zip(u.schema.fields()).map(of).collect();
                Derived { columns, ..input }
            }
            LogicalPlan::TableScan(scan) => self.scan(scan, width),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
                Derived { columns: vec![Sources::new(); width], ..Derived::default() }
            }
            other => self.below(other),
        };
        match found.columns.len() == width {
            true => found,
            // Grouping sets, which have columns that no expression stands for.
            false => self.below(plan),
        }
    }

    fn join(&mut self, join: &datafusion::logical_expr::Join) -> Derived {
        let left = self.plan(&join.left);
        // A LATERAL query sees what is on its left.
        self.outer.push((join.left.schema().clone(), left.columns.clone()));
        let mut right = self.plan(&join.right);
        self.outer.pop();
        // What it looks at there may be in all that it gives.
        let looked_at = self.looked_at(&join.right, join.left.schema(), &left.columns);
        right.columns.iter_mut().for_each(|sources| add_all(sources, &looked_at, Part::Possible));
        let mut rows = left.rows;
        add_all(&mut rows, &right.rows, AS_IT_IS);
        for (l, r) in &join.on {
            let (l, r) =
                (self.one(l, (join.left.schema(), &left.columns)), self.one(r, (join.right.schema(), &right.columns)));
            [l, r].iter().for_each(|keys| add_all(&mut rows, keys, Part::Rows(Influence::Join)));
        }
        if let Some(filter) = &join.filter {
            // Names in it may be of either side, whatever of them the join shows.
            for (side, below) in [(&join.left, &left.columns), (&join.right, &right.columns)] {
                let (over, mut found) = (Over { schema: side.schema(), below, is_side: true }, Sources::new());
                self.expression(filter, &over, AS_IT_IS, &mut found);
                add_all(&mut rows, &found, Part::Rows(Influence::Join));
            }
        }
        let columns = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => left.columns,
            JoinType::RightSemi | JoinType::RightAnti => right.columns,
            _ => left.columns.into_iter().chain(right.columns).collect(),
        };
        Derived { columns, rows, ..Derived::default() }
    }

    /// What the query on the right of a lateral join looks at on its left.
    fn looked_at(&self, right: &LogicalPlan, schema: &DFSchemaRef, left: &[Sources]) -> Sources {
        let query = match right {
            LogicalPlan::Subquery(query) => query,
            LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
                LogicalPlan::Subquery(query) => query,
                _ => return Sources::new(),
            },
            _ => return Sources::new(),
        };
        let mut found = Sources::new();
        let over = Over { schema, below: left, is_side: false };
        query.outer_ref_columns.iter().for_each(|outer| over.outer_reference(outer, &mut found, Part::Possible));
        found
    }

    fn scan(&mut self, scan: &Scan, width: usize) -> Derived {
        let nothing = || Derived { columns: vec![Sources::new(); width], ..Derived::default() };
        let Ok(provider) = source_as_provider(&scan.source) else { return nothing() };
        let names = scan.projected_schema.fields().iter().map(|field| field.name());
        let of = |place: Place| {
            let column = |name: &String| match name == ROW_ID {
                true => Sources::new(),
                false => Sources::from([(Source::Column(place.clone(), name.clone()), AS_IT_IS)]),
            };
            let columns = names.clone().map(column).collect();
            Derived { columns, ..Derived::default() }
        };
        let chosen = |all: Derived| match &scan.projection {
            Some(projection) => {
                let columns = projection.iter().filter_map(|&at| all.columns.get(at).cloned()).collect();
                Derived { columns, ..all }
            }
            None => all,
        };
        if let Some(table) = provider.downcast_ref::<TableScan>() {
            self.places.insert(Place::Object(table.id()));
            return of(Place::Object(table.id()));
        }
        if let Some(view) = provider.get_logical_plan() {
            return chosen(self.plan(&view));
        }
        if let Some(view) = provider.downcast_ref::<SomeColumns>() {
            return chosen(self.plan(view.plan()));
        }
        if let Some(once) = provider.downcast_ref::<Once>() {
            return chosen(self.plan(once.plan()));
        }
        if let Some(function) = provider.downcast_ref::<Reading>() {
            return chosen(self.function(function));
        }
        if let Some(told) = provider.downcast_ref::<Told>() {
            self.places.extend(told.derived().places.iter().cloned());
            return chosen(told.derived().clone());
        }
        match provider.downcast_ref::<LazyTable>() {
            Some(rows) if let Some(place) = rows.place() => {
                self.places.insert(place.clone());
                of(place.clone())
            }
            Some(rows) if rows.is_of_viewer() => {
                let unknown = Sources::from([(Source::Unknown, AS_IT_IS)]);
                Derived { columns: vec![unknown; width], ..Derived::default() }
            }
            _ => nothing(),
        }
    }

    /// The rows of a function, which says what each of its columns comes from.
    fn function(&mut self, function: &Reading) -> Derived {
        let (reads, schema) = (function.reads(), function.schema());
        let inputs: Vec<Derived> = reads.inputs.iter().map(|input| self.plan(input)).collect();
        let below = |from: &Taken| {
            let at = reads.inputs.get(from.input)?.schema().index_of_column_by_name(None, &from.column)?;
            inputs.get(from.input)?.columns.get(at)
        };
        let mut found = Derived { columns: vec![Sources::new(); schema.fields().len()], ..Derived::default() };
        for (sources, field) in found.columns.iter_mut().zip(schema.fields()) {
            for from in reads.columns.iter().filter(|from| from.to == *field.name()) {
                below(from).into_iter().for_each(|below| add_all(sources, below, Part::Value(from.influence)));
            }
            for (_, model) in reads.models.iter().filter(|(column, _)| column == field.name()) {
                add(sources, Source::Learnt(Some(model.clone())), Part::Value(Influence::Transformation));
            }
        }
        for input in &inputs {
            add_all(&mut found.rows, &input.rows, AS_IT_IS);
        }
        for from in &reads.rows {
            let part = Part::Rows(from.influence.max(Influence::Filter));
            below(from).into_iter().for_each(|below| add_all(&mut found.rows, below, part));
        }
        found
    }

    /// Each column from everything that a plan reads.
    fn below(&mut self, plan: &LogicalPlan) -> Derived {
        let (mut all, mut found) = (Sources::new(), Derived::default());
        for input in plan.inputs() {
            let input = self.plan(input);
            let part = Part::Value(Influence::Transformation);
            input.columns.iter().for_each(|sources| add_all(&mut all, sources, part));
            add_all(&mut found.rows, &input.rows, AS_IT_IS);
        }
        found.columns = vec![all; plan.schema().fields().len()];
        found
    }

    fn all<'a>(
        &mut self,
        expressions: impl IntoIterator<Item = &'a Expr>,
        (schema, below): (&DFSchemaRef, &[Sources]),
    ) -> Vec<Sources> {
        expressions.into_iter().map(|expression| self.one(expression, (schema, below))).collect()
    }

    fn one(&mut self, expression: &Expr, (schema, below): (&DFSchemaRef, &[Sources])) -> Sources {
        let mut found = Sources::new();
        self.expression(expression, &Over { schema, below, is_side: false }, AS_IT_IS, &mut found);
        found
    }
}

/// Not all rows are taken: their order decides.
fn limited(mut input: Derived) -> Derived {
    let order = std::mem::take(&mut input.order);
    add_all(&mut input.rows, &order, AS_IT_IS);
    input
}
