//! INSERT, UPDATE, DELETE, TRUNCATE: from rows of a query to changes of a transaction.
//!
//! Each has two halves. A query, planned and run as any other behind the gate, gives the new values (and for UPDATE and
//! DELETE the ids of the rows meant). Then [`rows`] brings the values into the table's types, checks them, and the
//! transaction takes them.

mod adding;
mod apply;
mod assigned;
mod at_once;
mod by_key;
mod defaults;
mod deferred;
mod delete;
mod domains;
mod foreign;
mod found;
mod generated;
mod held;
mod insert;
mod masked;
mod merge;
mod one_row;
mod parameters;
mod policed;
mod repaired;
mod returned;
mod returning;
pub mod rows;
mod ruled;
mod through;
mod update;
mod upsert;
pub mod with;

pub use apply::remove;
pub use assigned::other_than;
pub use at_once::Now;
pub use by_key::Change;
pub use deferred::settle;
pub use delete::{delete, truncate};
pub use domains::{no_null, violated};
pub use foreign::{Referring, check_foreign_key};
pub use insert::{insert, insert_parameters};
pub use merge::{merge, merge_parameters};
pub use one_row::must_be_of_one_row;
pub use parameters::{delete_parameters, update_parameters};
pub use policed::Rows as Policed;
pub use repaired::{Attempt, repair, undo};
pub use returned::Rows;
pub use returning::returning_schema;
pub use ruled::Kept as KeptRules;
pub use through::{Simple, writable};
pub use update::relations;
pub use update::update;

use super::context::Context;
use super::kept_plan::KeptPlan;
use super::lineage::Told;
use super::parser;
use super::tables::{self, Access, TableScan};
use crate::catalog::{Object, ObjectId, Place, Privilege, Table};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use through::Through;

/// What a statement that changes rows did.
pub struct Changed {
    /// How many rows.
    pub rows: usize,
    /// The rows that RETURNING asked for.
    pub returning: Option<Rows>,
}

/// What every such statement works with.
pub struct Work<'a> {
    /// The statement's context.
    pub context: &'a Arc<Context>,
    /// The engine.
    pub state: &'a SessionState,
    /// What the statement found was changed meanwhile: it is to begin anew.
    pub again: Arc<AtomicBool>,
    /// Where the plan of the statement is kept, if it is a prepared one.
    pub kept: Option<Arc<KeptPlan>>,
    /// What quality rules did to its rows.
    pub rules: ruled::Kept,
    /// Rows go since a subject is forgotten, and whether those that a foreign key would keep go, too.
    pub(super) erases: Option<bool>,
    /// What it counts of the memory that it holds.
    held: held::Held,
}

/// A table that a statement changes.
#[derive(Clone)]
pub struct Target {
    /// Its id.
    pub id: ObjectId,
    /// Its facts.
    pub table: Arc<Table>,
    /// What the statement names: the table itself, or a view as if it were one.
    pub face: Arc<Table>,
    /// What the statement calls it: by its alias, or by its name.
    pub called: ast::Ident,
    /// The views in between, if it names one.
    pub through: Option<Arc<Through>>,
    /// The row policies that rows must pass. Foreign keys know of none: what they do is not what the role does.
    pub(super) policies: Option<Arc<policed::Policies>>,
}

impl Target {
    /// A table itself, called by its name.
    pub fn of(id: ObjectId, table: Arc<Table>) -> Self {
        let called = ast::Ident::with_quote('"', &table.name);
        Self { id, face: table.clone(), table, called, through: None, policies: None }
    }

    /// The same table by the alias that the statement gives it.
    fn called(self, alias: Option<&ast::TableAlias>) -> Self {
        match alias {
            Some(alias) => Self { called: alias.name.clone(), ..self },
            None => self,
        }
    }

    /// Place among the columns that the statement sees, and name, of the column that it names; [`Kind::UndefinedColumn`] if there is none.
    fn must_get_column(&self, name: &ast::ObjectName) -> Result<(usize, String)> {
        // What stands behind a point is a field of the column, and no column is of a type that has fields.
        let field = (name.0.len() > 1).then(|| parser::last(name));
        let name = name.0.first().and_then(ast::ObjectNamePart::as_ident).map(parser::fold).unwrap_or_default();
        match (self.face.column_index(&name), field) {
            (Some(at), None) => Ok((at, name)),
            (Some(at), Some(field)) => {
                let data_type = &self.face.columns[at].data_type;
                let message = format!(
                    "cannot assign to field \"{field}\" of column \"{name}\" because its type {data_type} is not a composite type"
                );
                Err(Error::new(Kind::DatatypeMismatch, message))
            }
            (None, _) => Err(Error::new(
                Kind::UndefinedColumn,
                format!("column \"{name}\" of relation \"{}\" does not exist", self.face.name),
            )),
        }
    }

    /// The column of the table that a column is which the statement sees; refused if a view computes it.
    fn place(&self, column: usize, privilege: Privilege) -> Result<usize> {
        match &self.through {
            Some(through) => through.place(column, privilege),
            None => Ok(column),
        }
    }

    /// The same of several columns, which are to get one value each.
    fn places(&self, columns: &[usize], privilege: Privilege) -> Result<Vec<usize>> {
        let mut places = Vec::with_capacity(columns.len());
        for &column in columns {
            let place = self.place(column, privilege)?;
            if places.contains(&place) {
                return Err(assigned_twice(&self.table.columns[place].name));
            }
            places.push(place);
        }
        Ok(places)
    }

    /// Names of the table's columns at these places.
    fn names_of<'t>(&'t self, places: &'t [usize]) -> impl Iterator<Item = Option<&'t str>> {
        places.iter().map(|&at| self.table.columns.get(at).map(|column| column.name.as_str()))
    }

    /// The table with the defaults that its rows get.
    fn filled(&self) -> &Table {
        self.through.as_deref().map_or(&self.table, Through::filled)
    }

    /// What of the table the role sees.
    fn access(&self, work: &Work<'_>) -> Result<Access> {
        match &self.through {
            Some(through) => through.access(self),
            None => tables::access(work.context, self.id, &self.table),
        }
    }

    /// Refuses a role that may not do this.
    fn must_have(&self, work: &Work<'_>, privilege: Privilege) -> Result<()> {
        match &self.through {
            Some(through) => through.must_have(work.context, &self.table, privilege),
            None => tables::must_have(work.context, &self.table, privilege),
        }
    }

    /// Refuses a role that may not do this with one of these columns of what the statement names; with any of them, where none is named.
    fn must_have_on(&self, work: &Work<'_>, privilege: Privilege, columns: &[usize]) -> Result<()> {
        let names: Vec<&str> =
            columns.iter().filter_map(|&at| Some(self.face.columns.get(at)?.name.as_str())).collect();
        match &self.through {
            Some(through) => through.must_have_on(work.context, &self.table, privilege, &names),
            None => tables::must_have_on(work.context, &self.table, privilege, &names),
        }
    }

    /// Whether a view on the way must show what is written.
    fn has_checks(&self) -> bool {
        self.through.as_deref().is_some_and(Through::checks)
    }

    /// Kind and name of what the statement names.
    fn named(&self) -> String {
        let kind = if self.through.is_some() { "view" } else { "table" };
        format!("{kind} {}", self.face.name)
    }

    /// The rows that the role may meet by all of these commands, with the ids of the table's rows.
    fn scan(&self, work: &Work<'_>, commands: &[Command]) -> Result<Arc<dyn TableProvider>> {
        match &self.through {
            Some(through) => through.scan(work, self, commands),
            None => Ok(Arc::new(TableScan::open_rows(work.context, work.state, self.id, commands)?)),
        }
    }

    /// Rows of the table, with the columns `more` beside, as the statement sees them.
    fn seen(&self, work: &Work<'_>, rows: MemTable, more: &[String]) -> Result<Arc<dyn TableProvider>> {
        let is_own = |name: &str| !more.iter().any(|other| other == name);
        let rows = Arc::new(Told::of(Arc::new(rows), &Place::Object(self.id), is_own));
        match &self.through {
            Some(through) => through.over(work.state, rows, more, false),
            None => Ok(rows),
        }
    }
}

fn assigned_twice(column: &str) -> Error {
    Error::new(Kind::Syntax, format!("multiple assignments to same column \"{column}\""))
}

impl<'a> Work<'a> {
    /// The work of a statement.
    pub fn new(context: &'a Arc<Context>, state: &'a SessionState) -> Self {
        Self {
            context,
            state,
            again: Arc::default(),
            kept: None,
            rules: ruled::Kept::default(),
            erases: None,
            held: held::Held::default(),
        }
    }

    /// The same work of a statement whose plan may be kept.
    pub fn kept(self, kept: Option<Arc<KeptPlan>>) -> Self {
        Self { kept, ..self }
    }

    /// The same work, whose rules count with those of others.
    pub fn with_rules(self, rules: ruled::Kept) -> Self {
        Self { rules, ..self }
    }

    /// The same work of a statement that forgets a subject. With `cascade` rows go that a foreign key would keep.
    pub fn erasing(self, cascade: bool) -> Self {
        Self { erases: Some(cascade), ..self }
    }

    /// The same work in another context.
    pub fn within<'b>(&'b self, context: &'b Arc<Context>) -> Work<'b> {
        let (again, kept, rules) = (self.again.clone(), self.kept.clone(), self.rules.clone());
        Work { context, state: self.state, again, kept, rules, erases: self.erases, held: self.held.clone() }
    }

    /// The table of this name, if the role may do `privilege` on it.
    pub fn target(&self, name: &ast::ObjectName, privilege: Privilege) -> Result<Target> {
        let (schema, name) = parser::split(name)?;
        let (schema, name) = self.context.resolve(schema.as_deref(), &name);
        self.context.must_reach(&schema)?;
        let (id, table) = match self.context.snapshot.catalog.relation(&schema, &name) {
            Some((_, Object::Table(table))) if table.materialized.is_some() && privilege != Privilege::Select => {
                let message = format!("cannot change materialized view \"{name}\"");
                return Err(Error::new(Kind::WrongObject, message));
            }
            Some((id, Object::Table(table))) => (id, table),
            Some((id, Object::View(view))) => return through::open(self, id, view, privilege),
            Some((_, other)) => {
                return Err(Error::new(
                    Kind::Unsupported,
                    format!("cannot change rows of {} \"{name}\"", other.kind_name()),
                ));
            }
            None if self.context.snapshot.catalog.source(&schema).is_some() => {
                let message = format!("cannot change rows of foreign table \"{name}\"");
                return Err(Error::new(Kind::Unsupported, message)
                    .with_hint("Assets of a source are read in place; CREATE TABLE ... AS brings them in."));
            }
            None if schema == "steward" && super::system::exists(&name) => {
                let message = format!("\"{schema}.{name}\" is a system view and cannot be changed");
                let error = Error::new(Kind::Privilege, message);
                return Err(match name == crate::catalog::Grading::NAME {
                    true => {
                        error.with_hint("INSERT INTO, UPDATE and DELETE FROM steward.grading_rules edit its rules.")
                    }
                    false => error,
                });
            }
            None => return Err(tables::undefined(self.context, &schema, &name)),
        };
        tables::must_have(self.context, table, privilege)?;
        Ok(Target::of(id, Arc::new(table.clone())))
    }

    /// A query with the statement's WITH queries in reach. Those of its own come first.
    pub fn reach(&self, mut query: ast::Query) -> ast::Query {
        let Some(outer) = self.context.with.as_deref() else { return query };
        let Some(own) = &mut query.with else {
            query.with = Some(outer.clone());
            return query;
        };
        let hidden = |cte: &ast::Cte| {
            own.cte_tables.iter().any(|own| parser::fold(&own.alias.name) == parser::fold(&cte.alias.name))
        };
        let mut all: Vec<ast::Cte> = outer.cte_tables.iter().filter(|cte| !hidden(cte)).cloned().collect();
        all.append(&mut own.cte_tables);
        own.cte_tables = all;
        own.recursive |= outer.recursive;
        query
    }

    /// The plan with the values of its parameters.
    pub fn bind(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        self.context.params.bind(plan)
    }
}

/// Whether an expression is the word DEFAULT.
fn is_default(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("default"))
}
