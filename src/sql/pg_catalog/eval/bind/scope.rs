//! Names of columns and relations to their places.

use super::super::super::value::{Type, Value};
use super::super::plan::{Expr, Node, Output};
use super::{Binder, Level, Visible};
use crate::error::{Error, Kind, Result};
use std::sync::Arc;

impl Binder<'_> {
    /// A column by its bare name: from the innermost SELECT that has one of that name, else a whole row.
    pub(super) fn column(&mut self, name: &str) -> Result<Expr> {
        for up in 0..self.levels.len() {
            if let Some(found) = self.column_at(up, None, name)? {
                return Ok(found);
            }
        }
        match self.row(None, name)? {
            Some(row) => Ok(row),
            None => Err(Error::new(Kind::UndefinedColumn, format!("column \"{name}\" does not exist"))),
        }
    }

    /// `relation.column`, or `schema.relation.column`.
    pub(super) fn qualified_column(&mut self, schema: Option<&str>, relation: &str, name: &str) -> Result<Expr> {
        let mut has_relation = false;
        for up in 0..self.levels.len() {
            let Some(level) = self.seen_level(up) else { continue };
            if level.relations.iter().skip(level.visible_from).any(|visible| visible.is(schema, relation)) {
                has_relation = true;
                if let Some(found) = self.column_at(up, Some((schema, relation)), name)? {
                    return Ok(found);
                }
                break;
            }
        }
        match has_relation {
            true => Err(Error::new(Kind::UndefinedColumn, format!("column {relation}.{name} does not exist"))),
            false => {
                Err(Error::new(Kind::UndefinedTable, format!("missing FROM-clause entry for table \"{relation}\"")))
            }
        }
    }

    /// A relation's whole row.
    pub(super) fn row(&mut self, schema: Option<&str>, name: &str) -> Result<Option<Expr>> {
        for up in 0..self.levels.len() {
            let Some(level) = self.seen_level(up) else { continue };
            let found = level.relations.iter().skip(level.visible_from).find(|visible| visible.is(schema, name));
            let Some(visible) = found.cloned() else { continue };
            self.note(self.levels.len() - 1 - up);
            return Ok(Some(match (visible.single, visible.columns.first()) {
                (true, Some(column)) => column_of(up, visible.slot, 0, column),
                _ => Expr {
                    node: Node::Row { up, slot: visible.slot },
                    data_type: Type::Record,
                    fields: Some(Arc::from(visible.columns)),
                },
            }));
        }
        Ok(None)
    }

    /// The relation of this name in the innermost SELECT, for `name.*`.
    pub(super) fn must_see(&mut self, schema: Option<&str>, name: &str) -> Result<(usize, Visible)> {
        for up in 0..self.levels.len() {
            let Some(level) = self.seen_level(up) else { continue };
            if let Some(visible) = level.relations.iter().find(|visible| visible.is(schema, name)) {
                let visible = visible.clone();
                self.note(self.levels.len() - 1 - up);
                return Ok((up, visible));
            }
        }
        Err(Error::new(Kind::UndefinedTable, format!("missing FROM-clause entry for table \"{name}\"")))
    }

    fn seen_level(&self, up: usize) -> Option<&Level> {
        let at = self.levels.len().checked_sub(up + 1)?;
        self.levels.get(at).filter(|level| !level.closed)
    }

    fn column_at(&mut self, up: usize, of: Option<(Option<&str>, &str)>, name: &str) -> Result<Option<Expr>> {
        let Some(level) = self.seen_level(up) else { return Ok(None) };
        let mut found: Option<Expr> = None;
        if of.is_none()
            && let Some((_, merged)) = level.merged.iter().find(|(merged, _)| merged == name)
        {
            found = Some(raised(merged, up));
        } else {
            for visible in level.relations.iter().skip(level.visible_from) {
                if of.is_some_and(|(schema, relation)| !visible.is(schema, relation)) {
                    continue;
                }
                for (at, column) in visible.columns.iter().enumerate() {
                    let merged = of.is_none() && visible.merged.get(at).copied().unwrap_or(false);
                    if column.name != name || merged {
                        continue;
                    }
                    if found.is_some() {
                        let message = format!("column reference \"{name}\" is ambiguous");
                        return Err(Error::new(Kind::AmbiguousColumn, message));
                    }
                    found = Some(column_of(up, visible.slot, at, column));
                }
                if of.is_some() && found.is_some() {
                    break;
                }
            }
            if found.is_none() {
                let mut relations = level.relations.iter().skip(level.visible_from);
                let relation = match of {
                    Some((schema, relation)) => relations.find(|visible| visible.is(schema, relation)),
                    None => relations.next().filter(|_| level.relations.len() == level.visible_from + 1),
                };
                found = relation.and_then(|visible| system_column(visible, name));
            }
        }
        if found.is_some() {
            self.note(self.levels.len() - 1 - up);
        }
        Ok(found)
    }
}

impl Visible {
    fn is(&self, schema: Option<&str>, name: &str) -> bool {
        self.name == name && (schema.is_none() || self.schema.as_deref() == schema)
    }
}

/// A column's expression.
pub(super) fn column_of(up: usize, slot: usize, at: usize, column: &Output) -> Expr {
    Expr { node: Node::Column { up, slot, at }, data_type: column.data_type.clone(), fields: column.fields.clone() }
}

/// Columns that every relation has besides its own.
fn system_column(visible: &Visible, name: &str) -> Option<Expr> {
    let oid = visible.oid?;
    Some(match name {
        "tableoid" => Expr::value(Value::Int(i64::from(oid)), Type::Oid),
        "xmin" => Expr::value(Value::Int(2), Type::Xid),
        "xmax" => Expr::value(Value::Int(0), Type::Xid),
        "ctid" => Expr::value(Value::Text("(0,1)".into()), Type::Tid),
        _ => return None,
    })
}

/// An expression over columns of a SELECT as one within it sees it.
fn raised(expr: &Expr, by: usize) -> Expr {
    let node = match &expr.node {
        Node::Column { up, slot, at } => Node::Column { up: up + by, slot: *slot, at: *at },
        Node::Coalesce(list) => Node::Coalesce(list.iter().map(|expr| raised(expr, by)).collect()),
        Node::Cast(inner) => Node::Cast(raised(inner, by).boxed()),
        other => other.clone(),
    };
    Expr { node, ..expr.clone() }
}
