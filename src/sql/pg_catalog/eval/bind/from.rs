//! FROM: relations, functions, joins.

use super::super::super::value::Type;
use super::super::plan::{Expr, From, JoinKind, Node, Output, SetCall, SetKind, Source, Test};
use super::arrange::join;
use super::scope::column_of;
use super::{Binder, Visible, conjuncts, settled, unsupported};
use crate::error::{Error, Kind, Result};
use crate::sql::parser::{fold, split};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins,
};
use std::sync::Arc;

impl Binder<'_> {
    /// Binds a FROM clause.
    pub(super) fn from(&mut self, tables: &[TableWithJoins]) -> Result<Option<From>> {
        let mut whole: Option<From> = None;
        for table in tables {
            let next = self.deeper(|binder| binder.joined(table))?;
            whole = Some(match whole {
                None => next,
                Some(left) => join(JoinKind::Inner, left, next, Vec::new()),
            });
        }
        let mut names: Vec<(&Option<String>, &str)> = Vec::new();
        for visible in &self.level()?.relations {
            let name = (&visible.schema, visible.name.as_str());
            if names.iter().any(|(schema, other)| *other == name.1 && (schema.is_none() || *schema == name.0)) {
                let message = format!("table name \"{}\" specified more than once", name.1);
                return Err(Error::new(Kind::DuplicateAlias, message));
            }
            names.push(name);
        }
        Ok(whole)
    }

    fn joined(&mut self, table: &TableWithJoins) -> Result<From> {
        let start = self.level()?.relations.len();
        let mut left = self.factor(&table.relation)?;
        for next in &table.joins {
            let middle = self.level()?.relations.len();
            let right = self.factor(&next.relation)?;
            let (kind, swapped, constraint) = match &next.join_operator {
                JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
                    (JoinKind::Inner, false, on)
                }
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (JoinKind::Left, false, on),
                JoinOperator::Right(on) | JoinOperator::RightOuter(on) => (JoinKind::Left, true, on),
                JoinOperator::FullOuter(on) => (JoinKind::Full, false, on),
                _ => return Err(unsupported("such a join")),
            };
            let on = match constraint {
                JoinConstraint::None => Vec::new(),
                JoinConstraint::On(condition) => {
                    let level = self.level()?;
                    let before = (std::mem::replace(&mut level.visible_from, start), level.no_aggregates);
                    level.no_aggregates = Some("JOIN conditions");
                    let condition = self.condition(condition, "JOIN/ON");
                    let level = self.level()?;
                    (level.visible_from, level.no_aggregates) = before;
                    conjuncts(condition?)
                }
                JoinConstraint::Using(names) => {
                    let names: Vec<String> = names.iter().map(crate::sql::parser::last).collect();
                    self.using(&names, start, middle, kind, swapped)?
                }
                JoinConstraint::Natural => {
                    let names = self.common_names(start, middle)?;
                    self.using(&names, start, middle, kind, swapped)?
                }
            };
            left = if swapped { join(kind, right, left, on) } else { join(kind, left, right, on) };
        }
        Ok(left)
    }

    fn common_names(&mut self, start: usize, middle: usize) -> Result<Vec<String>> {
        let relations = &self.level()?.relations;
        let names = |from: usize, to: usize| {
            let range = relations.iter().skip(from).take(to.saturating_sub(from));
            range.flat_map(|visible| visible.columns.iter().map(|column| column.name.clone())).collect::<Vec<_>>()
        };
        let right = names(middle, relations.len());
        Ok(names(start, middle).into_iter().filter(|name| right.contains(name)).collect())
    }

    fn using(
        &mut self,
        names: &[String],
        start: usize,
        middle: usize,
        kind: JoinKind,
        swapped: bool,
    ) -> Result<Vec<Expr>> {
        let mut on = Vec::new();
        for name in names {
            let missing = |side: &str| {
                let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
                Error::new(Kind::UndefinedColumn, message)
            };
            let level = self.level()?;
            let merged_before = level.merged.iter().position(|(merged, _)| merged == name);
            let mut find = |from: usize, to: usize| {
                let range = level.relations.iter_mut().enumerate().skip(from).take(to.saturating_sub(from));
                for (_, visible) in range {
                    if let Some(at) = visible.columns.iter().position(|column| column.name == *name) {
                        visible.merged.resize(visible.columns.len(), false);
                        if let Some(merged) = visible.merged.get_mut(at) {
                            *merged = true;
                        }
                        return visible.columns.get(at).map(|column| column_of(0, visible.slot, at, column));
                    }
                }
                None
            };
            let right = find(middle, usize::MAX).ok_or_else(|| missing("right"))?;
            let left = find(start, middle);
            let left = match merged_before.and_then(|at| level.merged.get(at)) {
                Some((_, merged)) => merged.clone(),
                None => left.ok_or_else(|| missing("left"))?,
            };
            let (merged_left, merged_right) = (left.clone(), right.clone());
            on.push(self.test(Test::Eq, left, right)?);
            let merged = match (kind, swapped) {
                (JoinKind::Full, _) => {
                    let (list, data_type) = self.unify(vec![merged_left, merged_right], "JOIN/USING")?;
                    Expr::new(Node::Coalesce(list), data_type)
                }
                (_, true) => merged_right,
                _ => merged_left,
            };
            let level = self.level()?;
            match merged_before {
                Some(at) => {
                    if let Some(place) = level.merged.get_mut(at) {
                        place.1 = merged;
                    }
                }
                None => level.merged.push((name.clone(), merged)),
            }
        }
        Ok(on)
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<From> {
        match factor {
            TableFactor::Table { name, alias, args: None, with_ordinality: false, .. } => {
                self.relation(name, alias.as_ref())
            }
            TableFactor::Table { name, alias, args, with_ordinality, .. } => {
                let args = args.as_ref().map(|args| args.args.as_slice()).unwrap_or_default();
                self.function(name, args, *with_ordinality, alias.as_ref())
            }
            TableFactor::Function { name, args, with_ordinality, alias, .. } => {
                self.function(name, args, *with_ordinality, alias.as_ref())
            }
            TableFactor::UNNEST { array_exprs, with_ordinality, alias, .. } => {
                let mut calls = Vec::new();
                let mut columns = Vec::new();
                for array in array_exprs {
                    let array = self.lateral(|binder| binder.expr(array))?;
                    let (call, outputs) = self.set_call("unnest", vec![array])?;
                    calls.push(call);
                    columns.extend(outputs);
                }
                self.set_leaf(calls, columns, "unnest", *with_ordinality, alias.as_ref())
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let query = match lateral {
                    true => self.lateral(|binder| binder.query(subquery))?,
                    false => {
                        self.level()?.closed = true;
                        let query = self.query(subquery);
                        self.level()?.closed = false;
                        query?
                    }
                };
                let mut columns = query.columns.to_vec();
                settled(&mut columns);
                let name = alias.as_ref().map(|alias| fold(&alias.name)).unwrap_or_default();
                self.leaf(Source::Query(Arc::new(query)), None, name, columns, alias.as_ref(), None)
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.deeper(|binder| binder.joined(table_with_joins)),
            _ => Err(unsupported("such a FROM clause")),
        }
    }

    /// Binds what may use the relations before it in FROM.
    fn lateral<T>(&mut self, bind: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let level = self.level()?;
        let before = level.no_aggregates.replace("functions in FROM");
        let bound = bind(self);
        self.level()?.no_aggregates = before;
        bound
    }

    fn relation(&mut self, name: &ast::ObjectName, alias: Option<&TableAlias>) -> Result<From> {
        let (schema, relation) = split(name)?;
        if schema.is_none()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == relation).cloned()
        {
            self.note(cte.lowest);
            return self.leaf(Source::Cte(cte.id), None, relation, cte.columns.to_vec(), alias, None);
        }
        let Some(found) = self.world.relation(schema.as_deref(), &relation)? else {
            let name = schema.map_or_else(|| relation.clone(), |schema| format!("{schema}.{relation}"));
            return Err(Error::new(Kind::UndefinedTable, format!("relation \"{name}\" does not exist")));
        };
        let output = |column: &super::super::super::value::Column| Output {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            fields: None,
        };
        let columns = found.columns.iter().map(output).collect();
        let oid = Some(found.oid);
        self.leaf(Source::Relation(found), schema, relation, columns, alias, oid)
    }

    fn function(
        &mut self,
        name: &ast::ObjectName,
        args: &[FunctionArg],
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<From> {
        let (schema, function) = split(name)?;
        let args: Vec<Expr> = self.lateral(|binder| {
            let exprs = args.iter().map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => binder.expr(expr),
                _ => Err(unsupported("such an argument")),
            });
            exprs.collect()
        })?;
        if Self::is_set_function(&function) {
            let (call, columns) = self.set_call(&function, args)?;
            return self.set_leaf(vec![call], columns, &function, ordinality, alias);
        }
        // The world may keep the rows of a function as a relation.
        if args.is_empty()
            && let Some(found) = self.world.relation(schema.as_deref().or(Some("pg_catalog")), &function)?
        {
            let columns = found.columns.iter();
            let columns =
                columns.map(|c| Output { name: c.name.clone(), data_type: c.data_type.clone(), fields: None });
            let columns = columns.collect();
            return self.leaf(Source::Relation(found), None, function, columns, alias, None);
        }
        let value = self.named_call(&function, args)?;
        let fields = value.fields.clone();
        let column = Output { name: function.clone(), data_type: value.data_type.clone(), fields };
        let call = SetCall { kind: SetKind::Scalar, args: vec![value], width: 1 };
        self.set_leaf(vec![call], vec![column], &function, ordinality, alias)
    }

    fn set_leaf(
        &mut self,
        calls: Vec<SetCall>,
        mut columns: Vec<Output>,
        function: &str,
        ordinality: bool,
        alias: Option<&TableAlias>,
    ) -> Result<From> {
        let single = columns.len() == 1 && !ordinality;
        let name = alias.map_or_else(|| function.to_owned(), |alias| fold(&alias.name));
        if let ([column], true) = (columns.as_mut_slice(), calls.len() == 1) {
            column.name.clone_from(&name);
        }
        settled(&mut columns);
        if ordinality {
            columns.push(Output { name: "ordinality".to_owned(), data_type: Type::Int8, fields: None });
        }
        let from = self.leaf(Source::Sets(calls, ordinality), None, name, columns, alias, None)?;
        if let Some(visible) = self.level()?.relations.last_mut() {
            visible.single = single;
        }
        Ok(from)
    }

    fn leaf(
        &mut self,
        source: Source,
        schema: Option<String>,
        name: String,
        mut columns: Vec<Output>,
        alias: Option<&TableAlias>,
        oid: Option<u32>,
    ) -> Result<From> {
        let schema = if oid.is_some() { schema.or_else(|| Some("pg_catalog".to_owned())) } else { schema };
        let (schema, name) = match alias {
            Some(alias) => (None, fold(&alias.name)),
            None => (schema, name),
        };
        if let Some(alias) = alias {
            if alias.columns.len() > columns.len() {
                let message = format!(
                    "table \"{name}\" has {} columns available but {} columns specified",
                    columns.len(),
                    alias.columns.len()
                );
                return Err(Error::new(Kind::InvalidColumnReference, message));
            }
            for (column, named) in columns.iter_mut().zip(&alias.columns) {
                column.name = fold(&named.name);
            }
        }
        let level = self.level()?;
        let slot = level.slots;
        level.slots += 1;
        level.relations.push(Visible { schema, name, slot, columns, merged: Vec::new(), oid, single: false });
        Ok(From::Leaf { slot, source, filter: Vec::new() })
    }
}
