//! Queries: WITH, set operations, VALUES, LIMIT.

use super::super::super::value::{Type, Value};
use super::super::plan::{Body, Cte, Expr, Node, Output, Query, SetOp};
use super::super::types::common;
use super::{Binder, Level, NamedCte, Visible, settled, unsupported};
use crate::error::{Error, Kind, Result};
use crate::sql::parser::fold;
use datafusion::sql::sqlparser::ast::{self, LimitClause, SetExpr, SetOperator, SetQuantifier};
use std::sync::Arc;

impl Binder<'_> {
    /// Binds a query.
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        let order: &[ast::OrderByExpr] = match query.order_by.as_ref().map(|order| &order.kind) {
            None => &[],
            Some(ast::OrderByKind::Expressions(keys)) => keys,
            Some(ast::OrderByKind::All(_)) => return Err(unsupported("ORDER BY ALL")),
        };
        self.scoped(|binder| {
            let ctes = binder.ctes(query.with.as_ref())?;
            let (limit, offset) = match &query.limit_clause {
                Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                    (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
                }
                Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
                None => (None, None),
            };
            let limit = limit.or_else(|| query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()));
            let mut bound = binder.body(&query.body, order)?;
            bound.ctes.extend(ctes);
            bound.limit = limit.map(|limit| binder.count(limit)).transpose()?;
            bound.offset = offset.map(|offset| binder.count(offset)).transpose()?;
            Ok(bound)
        })
    }

    /// Binds a query's parts, and finds out whether it uses what is around it.
    fn scoped(&mut self, bind: impl FnOnce(&mut Self) -> Result<Query>) -> Result<Query> {
        let (base, ctes) = (self.levels.len(), self.ctes.len());
        self.lowest.push(usize::MAX);
        let bound = self.deeper(bind);
        self.ctes.truncate(ctes);
        let lowest = self.lowest.pop().unwrap_or(0);
        self.note(lowest);
        let mut bound = bound?;
        bound.constant = lowest >= base;
        Ok(bound)
    }

    /// Binds an operand of UNION and its like, which are queries too.
    fn operand(&mut self, body: &SetExpr) -> Result<Query> {
        self.scoped(|binder| binder.body(body, &[]))
    }

    fn count(&mut self, expr: &ast::Expr) -> Result<Expr> {
        if matches!(expr, ast::Expr::Identifier(ident) if ident.value.eq_ignore_ascii_case("all")) {
            return Ok(Expr::value(Value::Null, Type::Int8));
        }
        let bound = self.expr(expr)?;
        self.coerce(bound, &Type::Int8)
    }

    fn made(&mut self, body: Body, columns: Vec<Output>) -> Query {
        let (id, columns) = (self.id(), Arc::from(columns));
        Query { id, constant: false, ctes: Vec::new(), body, order: Vec::new(), limit: None, offset: None, columns }
    }

    fn body(&mut self, body: &SetExpr, order: &[ast::OrderByExpr]) -> Result<Query> {
        let mut bound = match body {
            SetExpr::Select(select) => {
                let (select, columns) = self.select(select, order)?;
                return Ok(self.made(Body::Select(Box::new(select)), columns));
            }
            SetExpr::Query(query) => {
                let inner = self.query(query)?;
                let columns = inner.columns.to_vec();
                self.made(Body::Query(Arc::new(inner)), columns)
            }
            SetExpr::Values(values) => {
                let rows: Vec<&[ast::Expr]> = values.rows.iter().map(|row| row.content.as_slice()).collect();
                self.values(&rows)?
            }
            SetExpr::SetOperation { .. } => self.sets(body)?,
            SetExpr::Table(table) => {
                let name = table.table_name.clone().unwrap_or_default();
                let text = match &table.schema_name {
                    Some(schema) => format!("SELECT * FROM {schema}.{name}"),
                    None => format!("SELECT * FROM {name}"),
                };
                let query = crate::sql::parser::query(&text)?;
                return self.body(&query.body, order);
            }
            _ => return Err(unsupported("a statement that changes data")),
        };
        if !order.is_empty() {
            let visible = Visible {
                schema: None,
                name: String::new(),
                slot: 0,
                columns: bound.columns.to_vec(),
                merged: Vec::new(),
                oid: None,
                single: false,
            };
            self.levels.push(Level { relations: vec![visible], slots: 1, ..Level::default() });
            let items: Vec<Expr> =
                bound.columns.iter().enumerate().map(|(at, c)| super::scope::column_of(0, 0, at, c)).collect();
            let columns = bound.columns.clone();
            let keys = order.iter().map(|key| self.sort_key(key, &items, &columns)).collect::<Result<_>>();
            self.levels.pop();
            bound.order = keys?;
        }
        Ok(bound)
    }

    fn values(&mut self, rows: &[&[ast::Expr]]) -> Result<Query> {
        let width = rows.first().map_or(0, |row| row.len());
        let mut bound: Vec<Vec<Expr>> = Vec::new();
        for row in rows {
            if row.len() != width {
                return Err(Error::new(Kind::Syntax, "VALUES lists must all be the same length"));
            }
            bound.push(row.iter().map(|expr| self.expr(expr)).collect::<Result<_>>()?);
        }
        let mut columns = Vec::new();
        for at in 0..width {
            let data_type = common(bound.iter().filter_map(|row| row.get(at)).map(|e| &e.data_type), "VALUES")?;
            for row in &mut bound {
                if let Some(place) = row.get_mut(at) {
                    let expr = std::mem::replace(place, Expr::value(Value::Null, Type::Unknown));
                    *place = self.coerce(expr, &data_type)?;
                }
            }
            columns.push(Output { name: format!("column{}", at + 1), data_type, fields: None });
        }
        Ok(self.made(Body::Values(bound), columns))
    }

    /// A chain of set operations, from the left: there may be hundreds.
    fn sets(&mut self, body: &SetExpr) -> Result<Query> {
        let mut spine = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            spine.push((*op, *set_quantifier, right));
            first = left;
        }
        let first = self.operand(first)?;
        let mut columns = first.columns.to_vec();
        let mut rest = Vec::new();
        for (op, quantifier, right) in spine.into_iter().rev() {
            let right = self.operand(right)?;
            let (name, op) = match op {
                SetOperator::Union => ("UNION", SetOp::Union),
                SetOperator::Intersect => ("INTERSECT", SetOp::Intersect),
                SetOperator::Except | SetOperator::Minus => ("EXCEPT", SetOp::Except),
            };
            if right.columns.len() != columns.len() {
                return Err(Error::new(
                    Kind::Syntax,
                    format!("each {name} query must have the same number of columns"),
                ));
            }
            for (left, right) in columns.iter_mut().zip(right.columns.iter()) {
                if left.data_type == Type::Unknown && right.data_type == Type::Unknown {
                    continue;
                }
                left.data_type = common([&left.data_type, &right.data_type].into_iter(), name)?;
            }
            rest.push((op, matches!(quantifier, SetQuantifier::All), Arc::new(right)));
        }
        Ok(self.made(Body::Sets(Arc::new(first), rest), columns))
    }

    fn ctes(&mut self, with: Option<&ast::With>) -> Result<Vec<Cte>> {
        let Some(with) = with else { return Ok(Vec::new()) };
        let mut bound = Vec::new();
        for cte in &with.cte_tables {
            let id = self.id();
            let (name, names) = (fold(&cte.alias.name), &cte.alias.columns);
            let recursive = match (with.recursive, cte.query.body.as_ref()) {
                (true, SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right })
                    if refers_to(&cte.query, &name) =>
                {
                    Some((left, *set_quantifier, right))
                }
                _ => None,
            };
            let named = |columns: &[Output]| {
                let mut columns = columns.to_vec();
                settled(&mut columns);
                for (column, name) in columns.iter_mut().zip(names) {
                    column.name = fold(&name.name);
                }
                Arc::<[Output]>::from(columns)
            };
            let (query, step) = match recursive {
                None => (self.query(&cte.query)?, None),
                Some((base, quantifier, step)) => {
                    let base = self.operand(base)?;
                    // It stands for rows that change from step to step.
                    let own = NamedCte { name: name.clone(), id, columns: named(&base.columns), lowest: 0 };
                    self.ctes.push(own);
                    let step = self.operand(step);
                    self.ctes.pop();
                    let step = step?;
                    if step.columns.len() != base.columns.len() {
                        let message = "each UNION query must have the same number of columns";
                        return Err(Error::new(Kind::Syntax, message));
                    }
                    (base, Some((Arc::new(step), !matches!(quantifier, SetQuantifier::All))))
                }
            };
            let lowest = if query.constant && step.is_none() { usize::MAX } else { 0 };
            self.ctes.push(NamedCte { name, id, columns: named(&query.columns), lowest });
            bound.push(Cte { id, query: Arc::new(query), step });
        }
        Ok(bound)
    }

    /// A query of one column within an expression.
    pub(super) fn scalar(&mut self, query: &ast::Query) -> Result<(Arc<Query>, Type)> {
        let bound = self.query(query)?;
        let [column] = &*bound.columns else {
            return Err(Error::new(Kind::Syntax, "subquery must return only one column"));
        };
        let data_type = if column.data_type == Type::Unknown { Type::Text } else { column.data_type.clone() };
        Ok((Arc::new(bound), data_type))
    }

    /// `(SELECT ...)` as a value.
    pub(super) fn scalar_expr(&mut self, query: &ast::Query) -> Result<Expr> {
        let (query, data_type) = self.scalar(query)?;
        let fields = query.columns.first().and_then(|column| column.fields.clone());
        Ok(Expr { node: Node::Scalar(query), data_type, fields })
    }
}

/// Whether a query has a relation of this name in it.
fn refers_to(query: &ast::Query, name: &str) -> bool {
    let found = ast::visit_relations(query, |relation| {
        let is = matches!(relation.0.as_slice(), [part] if part.as_ident().is_some_and(|i| fold(i) == name));
        if is { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    });
    found.is_break()
}
