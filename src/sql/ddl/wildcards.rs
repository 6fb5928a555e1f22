//! `SELECT *` of a view as the columns that there are when it is made: one that is added to its table later is not shown by it.

use super::super::names::HIDDEN;
use super::super::parser::{last, quoted};
use super::super::planner::{Planner, select_query};
use super::super::rewrite::join_constraint;
use super::Ddl;
use datafusion::sql::sqlparser::ast::{
    Expr, JoinConstraint, JoinOperator, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions, With,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Spells out `*` and `t.*` of a query and of those within it, where the columns are those of relations. What cannot be planned by
/// itself, as it looks outside, stays.
pub fn spell_out(query: &mut Query, ddl: &Ddl<'_>) {
    let _ = query.visit(&mut Speller { ddl });
}

struct Speller<'a, 'b> {
    ddl: &'a Ddl<'b>,
}

impl VisitorMut for Speller<'_, '_> {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.body(&mut query.body, query.with.as_ref());
        ControlFlow::Continue(())
    }
}

impl Speller<'_, '_> {
    fn body(&self, body: &mut SetExpr, with: Option<&With>) {
        match body {
            SetExpr::Select(select) => self.select(select, with),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, with);
                self.body(right, with);
            }
            _ => {}
        }
    }

    fn select(&self, select: &mut Select, with: Option<&With>) {
        if !select.projection.iter().any(is_wildcard) || select.from.iter().any(merges) {
            return;
        }
        let Some(columns) = self.columns(&select.from, with) else { return };
        let alone = select.from.len() == 1 && select.from.iter().all(|from| from.joins.is_empty());
        let item = |(relation, name): &(String, String)| {
            SelectItem::UnnamedExpr(match alone {
                true => Expr::Identifier(quoted(name)),
                false => Expr::CompoundIdentifier(vec![quoted(relation), quoted(name)]),
            })
        };
        let mut items = Vec::new();
        for said in std::mem::take(&mut select.projection) {
            match &said {
                SelectItem::Wildcard(_) if is_wildcard(&said) => items.extend(columns.iter().map(item)),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _)
                    if is_wildcard(&said) =>
                {
                    let of = last(name);
                    items.extend(columns.iter().filter(|(relation, _)| *relation == of).map(item));
                }
                _ => items.push(said),
            }
        }
        select.projection = items;
    }

    /// The columns of what stands in FROM, by relation and name; none where these do not tell them.
    fn columns(&self, from: &[TableWithJoins], with: Option<&With>) -> Option<Vec<(String, String)>> {
        let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
        let mut query = select_query(vec![all], from.to_vec(), None).ok()?;
        query.with = with.cloned();
        let plan = Planner::new(self.ddl.context, self.ddl.state).query(query).ok()?;
        let column = |(relation, name): (Option<String>, String)| Some((relation?, name));
        let columns = plan.schema().iter().map(|(relation, field)| {
            column((relation.map(|relation| relation.table().to_owned()), field.name().clone()))
        });
        let columns: Vec<(String, String)> = columns.collect::<Option<_>>()?;
        let told_apart = columns.iter().collect::<HashSet<_>>().len() == columns.len();
        (told_apart && columns.iter().all(|(_, name)| !name.starts_with(HIDDEN) && !name.contains(':')))
            .then_some(columns)
    }
}

fn is_wildcard(item: &SelectItem) -> bool {
    match item {
        SelectItem::Wildcard(options) => *options == WildcardAdditionalOptions::default(),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), options) => {
            *options == WildcardAdditionalOptions::default()
        }
        _ => false,
    }
}

/// Whether joins make one column of two, which is no relation's.
fn merges(from: &TableWithJoins) -> bool {
    from.joins.iter().any(|join| {
        let constraint = match &join.join_operator {
            JoinOperator::CrossJoin(constraint) => Some(constraint),
            operator => join_constraint(operator),
        };
        constraint.is_none_or(|constraint| matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural))
    })
}
