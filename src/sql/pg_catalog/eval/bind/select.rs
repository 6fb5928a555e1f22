//! SELECT: its clauses in the order in which PostgreSQL gives them meaning.

use super::super::super::value::Type;
use super::super::plan::{Distinct, Expr, Grouping, Node, Output, Select, WindowKind};
use super::super::walk;
use super::order::position;
use super::scope::column_of;
use super::{Binder, Level, Visible, conjuncts, unsupported};
use crate::error::{Error, Kind, Result};
use crate::sql::names;
use crate::sql::parser::fold;
use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, GroupByExpr, NamedWindowExpr, SelectItem, SelectItemQualifiedWildcardKind as Qualified,
};

impl Binder<'_> {
    /// Binds a SELECT, with the ORDER BY behind it.
    pub(super) fn select(&mut self, select: &ast::Select, order: &[ast::OrderByExpr]) -> Result<(Select, Vec<Output>)> {
        if select.into.is_some() || select.qualify.is_some() || select.top.is_some() || !select.lateral_views.is_empty()
        {
            return Err(unsupported("such a SELECT"));
        }
        self.levels.push(Level::default());
        let bound = self.select_within(select, order);
        self.levels.pop();
        bound
    }

    fn select_within(&mut self, select: &ast::Select, order: &[ast::OrderByExpr]) -> Result<(Select, Vec<Output>)> {
        let from = self.from(&select.from)?;
        self.level()?.no_aggregates = Some("WHERE");
        let mut filter = match &select.selection {
            Some(condition) => conjuncts(self.condition(condition, "WHERE")?),
            None => Vec::new(),
        };
        self.level()?.no_aggregates = None;
        for window in &select.named_window {
            let NamedWindowExpr::WindowSpec(spec) = &window.1 else { return Err(unsupported("such a window")) };
            let named = (fold(&window.0), spec.clone());
            self.level()?.named_windows.push(named);
        }
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for item in &select.projection {
            self.item(item, &mut items, &mut columns)?;
        }
        let keys = self.group_keys(&select.group_by, &items, &columns)?;
        let having = match &select.having {
            Some(condition) => Some(self.condition(condition, "HAVING")?),
            None => None,
        };
        let order = order.iter().map(|key| self.sort_key(key, &items, &columns)).collect::<Result<Vec<_>>>()?;
        let distinct = match &select.distinct {
            None | Some(ast::Distinct::All) => Distinct::No,
            Some(ast::Distinct::Distinct) => Distinct::Yes,
            Some(ast::Distinct::On(exprs)) => {
                let keys = exprs.iter().map(|expr| self.item_or_expr(expr, &items, &columns, "DISTINCT ON"));
                Distinct::On(keys.collect::<Result<_>>()?)
            }
        };
        let level = self.level()?;
        let (slots, windows, sets) = (level.slots, std::mem::take(&mut level.windows), std::mem::take(&mut level.sets));
        let aggregates = std::mem::take(&mut level.aggregates);
        let mut widths = vec![0; slots];
        for visible in &level.relations {
            if let Some(width) = widths.get_mut(visible.slot) {
                *width = visible.columns.len();
            }
        }
        let grouping = match keys.is_empty() && aggregates.is_empty() && having.is_none() {
            true => None,
            false => {
                let uses: Vec<&Expr> = items.iter().chain(&having).chain(order.iter().map(|key| &key.expr)).collect();
                let windowed = windows.iter().flat_map(|window| {
                    let arg = match &window.kind {
                        WindowKind::Neighbour(expr, _) => Some(expr),
                        _ => None,
                    };
                    window.partition.iter().chain(window.order.iter().map(|key| &key.expr)).chain(arg)
                });
                for expr in uses.into_iter().chain(windowed) {
                    must_be_grouped(expr, &keys, &level.relations)?;
                }
                Some(Grouping { keys, aggregates })
            }
        };
        let from = match from {
            None => None,
            Some(from) => {
                let (from, constant) = super::arrange::arrange(from, std::mem::take(&mut filter));
                filter = constant;
                Some(from)
            }
        };
        let select = Select { slots, widths, from, filter, grouping, having, windows, sets, items, distinct, order };
        Ok((select, columns))
    }

    fn item(&mut self, item: &SelectItem, items: &mut Vec<Expr>, columns: &mut Vec<Output>) -> Result<()> {
        let mut add = |name: String, expr: Expr| {
            columns.push(Output { name, data_type: expr.data_type.clone(), fields: expr.fields.clone() });
            items.push(expr);
        };
        match item {
            SelectItem::UnnamedExpr(written) => {
                let expr = self.expr(written)?;
                add(item_name(written), expr);
            }
            SelectItem::ExprWithAlias { expr, alias } => add(fold(alias), self.expr(expr)?),
            SelectItem::QualifiedWildcard(Qualified::ObjectName(name), _) => {
                let (schema, name) = crate::sql::parser::split(name)?;
                let (up, visible) = self.must_see(schema.as_deref(), &name)?;
                for (at, column) in visible.columns.iter().enumerate() {
                    add(column.name.clone(), column_of(up, visible.slot, at, column));
                }
            }
            SelectItem::QualifiedWildcard(Qualified::Expr(expr), _) => {
                let row = self.expr(expr)?;
                let Some(fields) = row.fields.clone() else { return Err(unsupported("such a row's .*")) };
                for (at, field) in fields.iter().enumerate() {
                    let node = Node::Field(row.clone().boxed(), at);
                    let (data_type, fields) = (field.data_type.clone(), field.fields.clone());
                    add(field.name.clone(), Expr { node, data_type, fields });
                }
            }
            SelectItem::Wildcard(_) => {
                let level = self.level()?;
                if level.relations.is_empty() {
                    return Err(Error::new(Kind::Syntax, "SELECT * with no tables specified is not valid"));
                }
                for (name, expr) in &level.merged {
                    add(name.clone(), expr.clone());
                }
                for visible in &level.relations {
                    for (at, column) in visible.columns.iter().enumerate() {
                        if !visible.merged.get(at).copied().unwrap_or(false) {
                            add(column.name.clone(), column_of(0, visible.slot, at, column));
                        }
                    }
                }
            }
            SelectItem::ExprWithAliases { .. } => return Err(unsupported("several aliases")),
        }
        Ok(())
    }

    fn group_keys(&mut self, group: &GroupByExpr, items: &[Expr], columns: &[Output]) -> Result<Vec<Expr>> {
        let GroupByExpr::Expressions(exprs, modifiers) = group else { return Err(unsupported("GROUP BY ALL")) };
        if !modifiers.is_empty() {
            return Err(unsupported("such a GROUP BY"));
        }
        self.level()?.no_aggregates = Some("GROUP BY");
        let mut keys = Vec::new();
        for expr in exprs {
            let key = match expr {
                ast::Expr::Value(value) => match &value.value {
                    ast::Value::Number(number, _) => position(&number.to_string(), items, "GROUP BY")?,
                    _ => self.expr(expr)?,
                },
                // A column of FROM comes before a name of the output.
                ast::Expr::Identifier(ident) => match self.column(&fold(ident)) {
                    Ok(column) if !matches!(column.node, Node::Row { .. }) => column,
                    found => match columns.iter().position(|column| column.name == fold(ident)) {
                        Some(at) => items.get(at).cloned().ok_or_else(|| Error::internal("an item is gone"))?,
                        None => found?,
                    },
                },
                expr => self.expr(expr)?,
            };
            keys.push(self.settle(key, &Type::Text)?);
        }
        self.level()?.no_aggregates = None;
        Ok(keys)
    }
}

/// The name of an item without one.
fn item_name(expr: &ast::Expr) -> String {
    if let ast::Expr::CompoundFieldAccess { access_chain, .. } = expr {
        let named = access_chain.iter().rev().find_map(|access| match access {
            AccessExpr::Dot(ast::Expr::Identifier(ident)) => Some(fold(ident)),
            _ => None,
        });
        if let Some(name) = named {
            return name;
        }
    }
    names::name(expr)
}

/// Refuses a column that is neither in GROUP BY nor in an aggregate. A relation grouped by its `oid` may show all it has.
fn must_be_grouped(expr: &Expr, keys: &[Expr], relations: &[Visible]) -> Result<()> {
    if keys.contains(expr) {
        return Ok(());
    }
    let by_oid = |slot: usize| {
        relations.iter().filter(|visible| visible.slot == slot && visible.oid.is_some()).any(|visible| {
            let oid = visible.columns.iter().position(|column| column.name == "oid");
            keys.iter()
                .any(|key| matches!(key.node, Node::Column { up: 0, slot: s, at } if s == slot && Some(at) == oid))
        })
    };
    let check = |slot: usize, at: Option<usize>| -> Result<()> {
        let Some(visible) = relations.iter().find(|visible| visible.slot == slot) else { return Ok(()) };
        let is_key =
            |key: &Expr| matches!(key.node, Node::Column { up: 0, slot: s, at: a } if s == slot && Some(a) == at);
        if by_oid(slot) || keys.iter().any(is_key) {
            return Ok(());
        }
        let column = at.and_then(|at| visible.columns.get(at)).map_or("*", |column| column.name.as_str());
        let name = format!("{}.{column}", visible.name);
        Err(Error::new(
            Kind::Grouping,
            format!("column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate function"),
        ))
    };
    match &expr.node {
        Node::Column { up: 0, slot, at } => check(*slot, Some(*at)),
        Node::Row { up: 0, slot } => check(*slot, None),
        Node::Exists(_) | Node::Scalar(_) | Node::ArrayOf(_) | Node::QuantifiedQuery { .. } => {
            let mut refused = Ok(());
            walk::columns(expr, 0, &mut |slot, at| {
                if refused.is_ok() {
                    refused = check(slot, at);
                }
            });
            refused
        }
        _ => {
            let mut refused = Ok(());
            walk::parts(expr, &mut |part| {
                if refused.is_ok() {
                    refused = must_be_grouped(part, keys, relations);
                }
            });
            refused
        }
    }
}
