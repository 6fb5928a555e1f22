//! Views that a statement writes through, down to the table that it changes.
//!
//! A statement that names a view changes the table below. [`Through`] says how the two belong together: which column of the table each
//! column of the view is, and the views in between. The rows meant are found by the views' own queries over the table with its row ids,
//! each planned with its owner's rights and the masks of who looks, as reading is; RETURNING and ON CONFLICT see the table's rows as the
//! views show them ([`Through::over`]). Values go straight to the columns of the table. A view with a check option must show what
//! is written ([`check`]).

mod check;
mod simple;

pub use simple::{Simple, Why};

use super::super::context::Context;
use super::super::parser::{fold, quoted};
use super::super::planner::{Planner, parse_expression};
use super::super::rewrite::level;
use super::super::tables::{self, Access, ROW_ID, TableScan, fenced, must_have_on_columns, of_owner};
use super::{Target, Work, is_default};
use crate::catalog::{CheckOption, Column, Object, ObjectId, Privilege, SqlType, Table, View};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{self, Expr, Query, SelectItem, SetExpr, TableFactor, Visit, Visitor};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Schema of what a view reads, where its query reads other relations as well: these may be of the same name.
const BELOW: &str = "\u{1}below";

/// The views between a statement and the table that it changes.
#[derive(Debug)]
pub struct Through {
    /// From the one that the statement names inwards.
    levels: Vec<Level>,
    /// The table, with the defaults that the views give its columns.
    filled: Arc<Table>,
    /// For each column of the view that the statement names the column of the table.
    places: Vec<std::result::Result<usize, Closed>>,
    /// For each column of that view the columns of the table that it is computed from.
    read: Vec<HashSet<usize>>,
}

/// A view on the way.
#[derive(Debug)]
struct Level {
    view: View,
    simple: Simple,
    /// What its query is planned in.
    owner: Arc<Context>,
    /// Rows that are written must fulfil its condition.
    is_checked: bool,
}

/// A column that cannot be written.
#[derive(Debug, Clone)]
struct Closed {
    column: String,
    view: String,
    why: Why,
}

/// The view as what the statement changes, if the role may do `privilege` on it, and its owner on what is below.
pub fn open(work: &Work<'_>, id: ObjectId, view: &View, privilege: Privilege) -> Result<Target> {
    if privilege == Privilege::Truncate {
        return Err(Error::new(Kind::WrongObject, format!("\"{}\" is not a table", view.name)));
    }
    let (mut levels, table_id, table) =
        descend(work.context, id, view)?.map_err(|(view, why)| refused(&view, privilege, why))?;
    for level in levels.iter().filter(|_| privilege != Privilege::Delete) {
        level.simple.must_have_columns().map_err(|why| refused(&level.view, privilege, why))?;
    }
    let mut cascaded = false;
    for level in &mut levels {
        cascaded |= level.view.check == Some(CheckOption::Cascaded);
        level.is_checked = cascaded || level.view.check.is_some();
    }
    let places = (0..levels[0].simple.columns.len()).map(|at| place(&levels, &table, at)).collect();
    let read = (0..levels[0].simple.columns.len()).map(|at| read(&levels, &table, at)).collect();
    let mut filled = table.as_ref().clone();
    levels.iter().rev().for_each(|level| fill(&mut filled, &levels, level));
    let through = Through { levels, filled: Arc::new(filled), places, read };
    through.must_have(work.context, &table, privilege)?;
    let face = Arc::new(through.face(work, &table)?);
    let called = ast::Ident::with_quote('"', &face.name);
    Ok(Target { id: table_id, table, face, called, through: Some(Arc::new(through)), policies: None })
}

/// The views from one inwards, and the table that they end at; or the one through which nothing can be written, and why.
type Descent = std::result::Result<(Vec<Level>, ObjectId, Arc<Table>), (View, Why)>;

fn descend(context: &Arc<Context>, id: ObjectId, view: &View) -> Result<Descent> {
    let mut levels: Vec<Level> = Vec::new();
    let (mut next, mut looking) = ((id, view.clone()), context.clone());
    loop {
        let (id, view) = next;
        if looking.opening.contains(&id) {
            return Err(tables::undefined(&looking, &view.schema, &view.name));
        }
        let owner = of_owner(&looking, id, &view);
        let simple = match Simple::of(&owner, &view)? {
            Ok(simple) => simple,
            Err(why) => return Ok(Err((view, why))),
        };
        let below = simple.relation;
        levels.push(Level { view, simple, owner: owner.clone(), is_checked: false });
        match owner.snapshot.catalog.get(below).map(AsRef::as_ref) {
            Some(Object::View(inner)) => (next, looking) = ((below, inner.clone()), owner),
            Some(Object::Table(table)) => return Ok(Ok((levels, below, Arc::new(table.clone())))),
            _ => return Err(Error::internal("what a view reads vanished while it was looked at")),
        }
    }
}

/// For each column of a view whether it can be written; none if nothing can be written through the view, and no row be removed.
pub fn writable(context: &Arc<Context>, id: ObjectId, view: &View) -> Option<Vec<bool>> {
    let (levels, _, table) = descend(context, id, view).ok()?.ok()?;
    let columns = 0..levels[0].simple.columns.len();
    Some(columns.map(|at| place(&levels, &table, at).is_ok()).collect())
}

/// The refusal of a view through which nothing can be written.
fn refused(view: &View, privilege: Privilege, why: Why) -> Error {
    let (verb, doing, event) = match privilege {
        Privilege::Insert => ("insert into", "inserting into", "INSERT"),
        Privilege::Delete => ("delete from", "deleting from", "DELETE"),
        _ => ("update", "updating", "UPDATE"),
    };
    let hint = format!(
        "To enable {doing} the view, provide an INSTEAD OF {event} trigger or an unconditional ON {event} DO INSTEAD rule."
    );
    Error::new(Kind::NotReady, format!("cannot {verb} view \"{}\"", view.name)).with_detail(why).with_hint(hint)
}

/// The column of the table that a column of the outermost view is.
fn place(levels: &[Level], table: &Table, at: usize) -> std::result::Result<usize, Closed> {
    let mut name = levels[0].simple.columns[at].name.clone();
    for level in levels {
        let shown = level.simple.position(&name).and_then(|at| level.simple.columns.get(at));
        let of = shown.map_or(Err("the view does not show it"), |shown| shown.of.clone());
        name = of.map_err(|why| Closed { column: name, view: level.view.name.clone(), why })?;
    }
    let missing = || Closed { column: name.clone(), view: table.name.clone(), why: "the table does not have it" };
    table.column_index(&name).ok_or_else(missing)
}

/// The columns of the table that a column of the outermost view is computed from: by name, so rather more than fewer.
fn read(levels: &[Level], table: &Table, at: usize) -> HashSet<usize> {
    let mut names = HashSet::from([levels[0].simple.columns[at].name.clone()]);
    for level in levels {
        let expressions = names.iter().filter_map(|name| level.simple.position(name));
        let expressions = expressions.map(|at| &level.simple.columns[at].expression);
        let mut said = Said::default();
        expressions.for_each(|expression| _ = expression.visit(&mut said));
        if said.0.contains(&fold(&level.simple.alias)) {
            // The row as a whole.
            return (0..table.columns.len()).collect();
        }
        names = level.named_below(&said.0);
    }
    names.iter().filter_map(|name| table.column_index(name)).collect()
}

/// Names that expressions say.
#[derive(Default)]
struct Said(HashSet<String>);

impl Visitor for Said {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(name) => _ = self.0.insert(fold(name)),
            Expr::CompoundIdentifier(path) => self.0.extend(path.last().map(fold)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Puts the defaults that a view says into the table.
fn fill(table: &mut Table, levels: &[Level], level: &Level) {
    let from = levels.iter().position(|other| std::ptr::eq(other, level)).unwrap_or_default();
    for (column, default) in &level.view.defaults {
        let Some(at) = level.simple.position(column) else { continue };
        if let Ok(place) = place(&levels[from..], table, at)
            && let Some(column) = table.columns.get_mut(place).filter(|column| column.generated.is_none())
        {
            (column.default, column.sequence) = (Some(default.clone()), None);
        }
    }
}

/// What a column of a view is assigned where UPDATE says DEFAULT: the view's own default or, as in PostgreSQL, NULL.
pub fn given(target: &Target, column: usize, value: Expr) -> Result<Expr> {
    match &target.through {
        Some(through) if is_default(&value) => {
            let outermost = through.levels.first().map(|level| &level.view.defaults);
            match outermost.and_then(|defaults| defaults.get(&target.face.columns[column].name)) {
                Some(default) => parse_expression(default),
                None => Ok(Expr::Value(ast::Value::Null.into())),
            }
        }
        _ => Ok(value),
    }
}

impl Level {
    /// Its query's FROM.
    fn factor<'q>(&self, query: &'q mut Query) -> Result<&'q mut TableFactor> {
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("a view that is one SELECT is another query"));
        };
        let from = select.from.first_mut().map(|from| &mut from.relation);
        from.ok_or_else(|| Error::internal("a view that reads a relation has no FROM"))
    }

    /// What the relation below calls the columns that the query calls so.
    fn named_below(&self, said: &HashSet<String>) -> HashSet<String> {
        let mut names = HashSet::new();
        let mut query = self.simple.query.clone();
        let renamed: Vec<String> = match self.factor(&mut query) {
            Ok(TableFactor::Table { alias: Some(alias), .. }) => {
                alias.columns.iter().map(|column| fold(&column.name)).collect()
            }
            _ => Vec::new(),
        };
        let own = below_columns(&self.owner, self.simple.relation);
        for (at, name) in own.into_iter().enumerate() {
            if said.contains(renamed.get(at).unwrap_or(&name)) {
                names.insert(name);
            }
        }
        names
    }

    /// Its rows over those of what it reads, which `rows` stands in for; with the columns `more` of these beside. Without conditions
    /// each row of these is one.
    fn over(
        &self,
        state: &SessionState,
        rows: Arc<dyn TableProvider>,
        more: &[String],
        conditions: bool,
    ) -> Result<Arc<dyn TableProvider>> {
        let mut query = self.simple.query.clone();
        query.order_by = None;
        let (schema, name) = self.read_instead(&mut query, &rows)?;
        if let SetExpr::Select(select) = query.body.as_mut() {
            if !conditions {
                select.selection = None;
            }
            let alias = &self.simple.alias;
            select.projection.extend(more.iter().map(|name| SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(vec![alias.clone(), quoted(name)]),
                alias: quoted(name),
            }));
        }
        let names: Vec<String> = self.simple.columns.iter().map(|column| column.name.clone()).collect();
        let planner = Planner::new(&self.owner, state).with_override(&schema, &name, rows);
        let plan = planner.relation_of(query, &names)?;
        Ok(Arc::new(ViewTable::new(fenced(plan, self.view.barrier && conditions)?, None)))
    }

    /// Has the query read `rows` in place of its relation; gives schema and name by which it does.
    fn read_instead(&self, query: &mut Query, rows: &Arc<dyn TableProvider>) -> Result<(String, String)> {
        let (schema, relation) = &self.simple.name;
        let schema = if level::asks(query.body.as_ref()) { BELOW } else { schema };
        let alias = self.simple.alias.clone();
        let factor = self.factor(query)?;
        let TableFactor::Table { name, alias: said, .. } = factor else {
            return Err(Error::internal("a view that reads a relation reads something else"));
        };
        *name = ast::ObjectName::from([schema, relation].map(quoted).to_vec());
        let said = said.get_or_insert(ast::TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None });
        if !said.columns.is_empty() {
            // All columns have a name then.
            let fields = rows.schema();
            let rest = fields.fields().iter().skip(said.columns.len()).map(|field| quoted(field.name()));
            said.columns.extend(rest.map(|name| ast::TableAliasColumnDef { name, data_type: None }));
        }
        Ok((schema.to_owned(), relation.clone()))
    }
}

/// Names of the columns of a table or a view.
fn below_columns(context: &Context, id: ObjectId) -> Vec<String> {
    match context.snapshot.catalog.get(id).map(AsRef::as_ref) {
        Some(Object::Table(table)) => table.columns.iter().map(|column| column.name.clone()).collect(),
        Some(Object::View(view)) => super::super::rewrite::view_columns(view, context).unwrap_or_default(),
        _ => Vec::new(),
    }
}

impl Through {
    /// Refuses who may not do this with the views, and owners who may not with what is below.
    pub fn must_have(&self, context: &Context, table: &Table, privilege: Privilege) -> Result<()> {
        self.must_have_on(context, table, privilege, &[])
    }

    /// Refuses who may not do this with these columns of the view that the statement names, and owners who may not with what these are
    /// below.
    pub fn must_have_on(&self, context: &Context, table: &Table, privilege: Privilege, columns: &[&str]) -> Result<()> {
        let mut names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let mut looking = context;
        for level in &self.levels {
            let asked: Vec<&str> = names.iter().map(String::as_str).collect();
            must_have_on_columns(looking, &level.view, privilege, &asked)?;
            let below = |name: &String| level.simple.columns.get(level.simple.position(name)?)?.of.clone().ok();
            names = names.iter().filter_map(below).collect();
            looking = &level.owner;
        }
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        tables::must_have_on(looking, table, privilege, &asked)
    }

    /// What of the table is seen through the views by who looks.
    pub fn access(&self, target: &Target) -> Result<Access> {
        let level = self.levels.last().ok_or_else(|| Error::internal("no view to look through"))?;
        let mut access = tables::access(&level.owner, target.id, &target.table)?;
        // What no column shows is nobody's to see, and hides nothing.
        let shown: HashSet<usize> = self.read.iter().flatten().copied().collect();
        for at in (0..target.table.columns.len()).filter(|at| !shown.contains(at)) {
            access.masks[at] = None;
            access.readable[at] = true;
        }
        Ok(access)
    }

    /// Names of the view's columns that come of columns for which this holds.
    pub fn columns_of<'a>(
        &'a self,
        target: &'a Target,
        holds: impl Fn(usize) -> bool + 'a,
    ) -> impl Iterator<Item = String> + 'a {
        let columns = target.face.columns.iter().zip(&self.read);
        columns.filter(move |(_, read)| read.iter().any(|at| holds(*at))).map(|(column, _)| column.name.clone())
    }

    /// The queries of the views, with what they are planned in.
    pub fn queries(&self) -> impl Iterator<Item = (&Arc<Context>, &Query)> {
        self.levels.iter().map(|level| (&level.owner, &level.simple.query))
    }

    /// The table, with the defaults of the views.
    pub fn filled(&self) -> &Table {
        &self.filled
    }

    /// The column of the table that a column of the view is; refused if it is none.
    pub fn place(&self, at: usize, privilege: Privilege) -> Result<usize> {
        let verb = if privilege == Privilege::Insert { "insert into" } else { "update" };
        self.places[at].clone().map_err(|Closed { column, view, why }| {
            let message = format!("cannot {verb} column \"{column}\" of view \"{view}\"");
            Error::new(Kind::Unsupported, message).with_detail(why)
        })
    }

    /// What the query of the view next to the table is planned in.
    pub fn next_to_table(&self) -> Option<&Arc<Context>> {
        self.levels.last().map(|level| &level.owner)
    }

    /// The rows that the views show of those that the role may meet by all of these commands, with the ids of the table's rows.
    pub fn scan(&self, work: &Work<'_>, target: &Target, commands: &[Command]) -> Result<Arc<dyn TableProvider>> {
        let level = self.levels.last().ok_or_else(|| Error::internal("no view to look through"))?;
        let rows = TableScan::open_rows(&level.owner, work.state, target.id, commands)?;
        self.over(work.state, Arc::new(rows), &[ROW_ID.to_owned()], true)
    }

    /// The table's rows, which `rows` stands in for, as the views show them, with the columns `more` beside. Without conditions
    /// none is left out.
    pub fn over(
        &self,
        state: &SessionState,
        rows: Arc<dyn TableProvider>,
        more: &[String],
        conditions: bool,
    ) -> Result<Arc<dyn TableProvider>> {
        self.levels.iter().rev().try_fold(rows, |rows, level| level.over(state, rows, more, conditions))
    }

    /// The view as if it were a table: names and types of its columns.
    fn face(&self, work: &Work<'_>, table: &Table) -> Result<Table> {
        let view = &self.levels[0].view;
        let mut face = Table::new(&view.schema, &view.name, view.owner);
        let none = Arc::new(MemTable::try_new(table.arrow_schema(), vec![Vec::new()])?);
        let shown = self.over(work.state, none, &[], false)?.schema();
        for (at, field) in shown.fields().iter().enumerate() {
            face.columns.push(match self.places.get(at) {
                Some(Ok(place)) => Column { name: field.name().clone(), ..self.filled.columns[*place].clone() },
                // Of what no column is nobody asks the type: nothing is put there.
                _ => Column::new(field.name(), SqlType::from_field(field).unwrap_or(SqlType::Text)),
            });
        }
        Ok(face)
    }
}
