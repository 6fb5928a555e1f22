//! A column that is asked of a relation outside of the query that asks. The engine knows the relations of that query alone, and says that
//! the relation is missing; what is missing is its column.

use super::super::parser::{self, Body, fold};
use super::super::rewrite::relation_names;
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::ast::{
    Expr, FromTable, Query, SetExpr, Statement, TableFactor, TableWithJoins, Visit, Visitor,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// The error as PostgreSQL has it. One about a missing relation names the column that was asked of it beside its message.
pub fn told(error: Error, text: &str) -> Error {
    let about = error.about().filter(|_| error.kind() == Kind::UndefinedTable);
    let Some((table, column)) = about.and_then(|about| Some((about.table.clone(), about.column.clone()?))) else {
        return error;
    };
    match is_outside(text, &table, &column) {
        true => Error::new(Kind::UndefinedColumn, format!("column {table}.{column} does not exist")),
        false => Error::new(error.kind(), error.message()),
    }
}

fn is_outside(text: &str, table: &str, column: &str) -> bool {
    let statement = parser::parse(text).ok().and_then(|statements| statements.into_iter().next());
    let Some(Body::Sql(statement)) = statement.map(|statement| statement.body) else { return false };
    let mut scopes = Scopes { table, column, all: Vec::new(), apart: HashSet::new() };
    statement.visit(&mut scopes).is_break()
}

/// The relations of a query, by the names that they have there.
struct Scope {
    names: Vec<String>,
    /// It sees nothing of the queries around it: a query in FROM without LATERAL.
    is_apart: bool,
}

struct Scopes<'a> {
    table: &'a str,
    column: &'a str,
    /// Those that are being visited, the innermost last.
    all: Vec<Scope>,
    /// Where the queries are that see nothing of others, until they are visited.
    apart: HashSet<usize>,
}

impl Scopes<'_> {
    /// Whether the relation is one of a query around the innermost, and of no nearer one.
    fn is_seen_outside(&self) -> bool {
        for (distance, scope) in self.all.iter().rev().enumerate() {
            if scope.names.iter().any(|name| name == self.table) {
                return distance > 0;
            }
            if scope.is_apart {
                return false;
            }
        }
        false
    }
}

fn place(query: &Query) -> usize {
    std::ptr::from_ref(query) as usize
}

impl Visitor for Scopes<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        let tables: Vec<&TableWithJoins> = match statement {
            Statement::Update(update) => vec![&update.table],
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                from.iter().chain(delete.using.iter().flatten()).collect()
            }
            _ => return ControlFlow::Continue(()),
        };
        let names = tables.into_iter().flat_map(|item| relation_names(item).0).collect();
        self.all.push(Scope { names, is_apart: false });
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let names = match query.body.as_ref() {
            SetExpr::Select(select) => select.from.iter().flat_map(|item| relation_names(item).0).collect(),
            _ => Vec::new(),
        };
        let is_apart = self.apart.remove(&place(query));
        self.all.push(Scope { names, is_apart });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.all.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { lateral: false, subquery, .. } = factor {
            self.apart.insert(place(subquery));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::CompoundIdentifier(parts) = expr else { return ControlFlow::Continue(()) };
        let [.., table, column] = parts.as_slice() else { return ControlFlow::Continue(()) };
        match fold(table) == self.table && fold(column) == self.column && self.is_seen_outside() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
