//! The columns of the source of a MERGE.

use super::super::super::context::Context;
use super::super::super::parser::{fold, quoted};
use super::super::super::planner::{Planner, select_query};
use super::super::super::rewrite::level;
use super::super::{Target, Work, is_default};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{self, Expr};
use std::sync::Arc;

/// The columns of the source: where no row of the table is met, nothing else is in reach.
pub struct Columns {
    columns: Vec<(ast::Ident, String)>,
}

impl Columns {
    /// Those of this relation.
    pub fn of(work: &Work<'_>, target: &Target, source: &ast::TableWithJoins) -> Result<Self> {
        let all = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
        let query = work.reach(select_query(vec![all], vec![source.clone()], None)?);
        let context: &Arc<Context> = work.context;
        let plan = Planner::new(context, work.state).query(query)?;
        let columns: Vec<_> = (plan.schema().iter())
            .filter_map(|(relation, field)| Some((quoted(relation?.table()), field.name().clone())))
            .collect();
        if columns.iter().any(|(relation, _)| fold(relation) == fold(&target.called)) {
            let message = format!("name \"{}\" specified more than once", fold(&target.called));
            return Err(Error::new(Kind::DuplicateAlias, message)
                .with_detail("The name is used both as MERGE target table and data source."));
        }
        Ok(Self { columns })
    }

    /// The expression with all its columns those of the source; an error if it reads the table.
    pub fn only(&self, target: &Target, mut expression: Expr) -> Result<Expr> {
        let mut failed = None;
        level::change(&mut expression, |inner| match inner {
            Expr::Identifier(name) if !is_default(&Expr::Identifier(name.clone())) => {
                match self.columns.iter().find(|(_, column)| *column == fold(name)) {
                    Some((relation, column)) => {
                        *inner = Expr::CompoundIdentifier(vec![relation.clone(), quoted(column)]);
                    }
                    None if target.table.column_index(&fold(name)).is_some() => {
                        let message = format!("column \"{}\" does not exist", fold(name));
                        failed.get_or_insert(Error::new(Kind::UndefinedColumn, message));
                    }
                    None => {}
                }
            }
            Expr::CompoundIdentifier(path) if path.len() == 2 && fold(&path[0]) == fold(&target.called) => {
                let called = fold(&target.called);
                let message = format!("invalid reference to FROM-clause entry for table \"{called}\"");
                failed.get_or_insert(Error::new(Kind::UndefinedTable, message).with_hint(format!(
                    "There is an entry for table \"{called}\", but it cannot be referenced from this part of the query."
                )));
            }
            _ => {}
        });
        failed.map_or(Ok(expression), Err)
    }
}
