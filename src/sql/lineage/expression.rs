//! What an expression reads, and how.

use super::super::functions;
use super::derived::{Part, Source, Sources, Walk, add_all};
use super::models;
use crate::catalog::Influence;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::logical_expr::{Expr, Subquery};

const COMPUTED: Part = Part::Value(Influence::Transformation);
const DECIDES: Part = Part::Value(Influence::Conditional);
const AMONG: Part = Part::Value(Influence::Window);

/// What an expression is over.
pub(super) struct Over<'a> {
    /// The columns that it may name.
    pub schema: &'a DFSchemaRef,
    /// What they come from.
    pub below: &'a [Sources],
    /// What it names besides is of another side: else it may be any of them.
    pub is_side: bool,
}

impl Over<'_> {
    fn column(&self, column: &Column, found: &mut Sources, part: Part) {
        match self.schema.maybe_index_of_column(column) {
            Some(at) => self.below.get(at).into_iter().for_each(|sources| add_all(found, sources, part)),
            None if self.is_side => {}
            None => self.below.iter().for_each(|sources| add_all(found, sources, part.max(Part::Possible))),
        }
    }

    /// What a subquery names of what is around it; all of it if it does not say.
    pub fn outer_reference(&self, outer: &Expr, found: &mut Sources, part: Part) {
        if let Expr::OuterReferenceColumn(_, column) = outer {
            match self.schema.maybe_index_of_column(column) {
                Some(at) => self.below.get(at).into_iter().for_each(|sources| add_all(found, sources, part)),
                None => self.below.iter().for_each(|sources| add_all(found, sources, part)),
            }
        }
    }
}

impl Walk {
    /// Adds what an expression reads that has itself the part `part` in something.
    pub(super) fn expression(&mut self, expression: &Expr, over: &Over<'_>, part: Part, found: &mut Sources) {
        match expression {
            Expr::Column(column) => over.column(column, found, part),
            Expr::OuterReferenceColumn(_, column) => {
                for (schema, below) in self.outer.iter().rev() {
                    if let Some(at) = schema.maybe_index_of_column(column) {
                        below.get(at).into_iter().for_each(|sources| add_all(found, sources, part));
                        break;
                    }
                }
            }
            Expr::Alias(alias) => self.expression(&alias.expr, over, part, found),
            Expr::Case(case) => {
                let conditions = case.expr.iter().chain(case.when_then_expr.iter().map(|(when, _)| when));
                conditions.for_each(|when| self.expression(when, over, part.within(DECIDES), found));
                let values = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
                values.for_each(|value| self.expression(value, over, part.within(COMPUTED), found));
            }
            Expr::AggregateFunction(call) => {
                let inner = match call.func.name() {
                    "count" => Part::Counted,
                    _ => Part::Value(Influence::Aggregation),
                };
                let deciding = inner.max(DECIDES);
                call.params.args.iter().for_each(|arg| self.expression(arg, over, part.within(inner), found));
                let order = call.params.order_by.iter().map(|sort| &sort.expr);
                let deciders = order.chain(call.params.filter.as_deref());
                deciders.for_each(|by| self.expression(by, over, part.within(deciding), found));
            }
            Expr::WindowFunction(call) => {
                let inner = part.within(Part::Value(Influence::Aggregation));
                call.params.args.iter().for_each(|arg| self.expression(arg, over, inner, found));
                let order = call.params.order_by.iter().map(|sort| &sort.expr);
                let among = call.params.partition_by.iter().chain(order).chain(call.params.filter.as_deref());
                among.for_each(|by| self.expression(by, over, part.within(AMONG), found));
            }
            Expr::ScalarSubquery(query) => self.subquery(query, over, part.within(COMPUTED), found),
            Expr::InSubquery(asked) => {
                self.expression(&asked.expr, over, part.within(DECIDES), found);
                self.subquery(&asked.subquery, over, part.within(DECIDES), found);
            }
            Expr::SetComparison(asked) => {
                self.expression(&asked.expr, over, part.within(DECIDES), found);
                self.subquery(&asked.subquery, over, part.within(DECIDES), found);
            }
            // Whether there is a row: nothing of what is in it.
            Expr::Exists(asked) => _ = self.rows_of(&asked.subquery, over, Part::Rows(Influence::Filter), found),
            other => {
                // What it reads by name was its owner's to see, and no plan tells it.
                if let Expr::ScalarFunction(call) = other {
                    if functions::tells_values(call.func.name()) {
                        found.entry(Source::Unknown).or_insert(part.within(COMPUTED));
                    }
                    for model in models::asked(call.func.name(), &call.args) {
                        found.entry(Source::Learnt(model)).or_insert(part.within(COMPUTED));
                    }
                }
                // Nothing in it fails.
                let _ = other.apply_children(|inner| {
                    self.expression(inner, over, part.within(COMPUTED), found);
                    Ok(TreeNodeRecursion::Continue)
                });
            }
        }
    }

    /// What a subquery gives, and what decides of which rows.
    fn subquery(&mut self, query: &Subquery, over: &Over<'_>, part: Part, found: &mut Sources) {
        let inner = self.rows_of(query, over, part, found);
        inner.iter().for_each(|sources| add_all(found, sources, part));
    }

    /// What decides which rows a subquery has, and what it reads of the query around; gives what its columns come from.
    fn rows_of(&mut self, query: &Subquery, over: &Over<'_>, part: Part, found: &mut Sources) -> Vec<Sources> {
        self.outer.push((over.schema.clone(), over.below.to_vec()));
        let inner = self.plan(&query.subquery);
        self.outer.pop();
        add_all(found, &inner.rows, part.max(Part::Rows(Influence::Filter)));
        let possible = part.max(Part::Possible);
        query.outer_ref_columns.iter().for_each(|outer| over.outer_reference(outer, found, possible));
        inner.columns
    }
}
