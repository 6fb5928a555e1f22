//! Which columns an expression uses, in the queries within it too.

use super::plan::{Body, Distinct, Expr, From, Node, Query, Select, SetCall, SortKey, Source, WindowKind};

/// Calls `found` with the slot and place of each column `depth` SELECTs out; a whole row has no place.
pub fn columns(expr: &Expr, depth: usize, found: &mut dyn FnMut(usize, Option<usize>)) {
    match &expr.node {
        Node::Column { up, slot, at } if *up == depth => found(*slot, Some(*at)),
        Node::Row { up, slot } if *up == depth => found(*slot, None),
        Node::Exists(query) | Node::Scalar(query) | Node::ArrayOf(query) => in_query(query, depth, found),
        Node::QuantifiedQuery { left, query, .. } => {
            columns(left, depth, found);
            in_query(query, depth, found);
        }
        _ => parts(expr, &mut |part| columns(part, depth, found)),
    }
}

/// Calls `each` with the expressions that an expression is made of, but not with those in queries.
pub fn parts<'a>(expr: &'a Expr, each: &mut dyn FnMut(&'a Expr)) {
    match &expr.node {
        Node::Value(_) | Node::Param(_) | Node::Column { .. } | Node::Row { .. } => {}
        Node::Exists(_) | Node::Scalar(_) | Node::ArrayOf(_) => {}
        Node::Field(inner, _)
        | Node::Cast(inner)
        | Node::Json(inner)
        | Node::Not(inner)
        | Node::IsNull(inner)
        | Node::IsBool(inner, _) => each(inner),
        Node::And(list)
        | Node::Or(list)
        | Node::Call(_, list)
        | Node::World(_, list)
        | Node::Coalesce(list)
        | Node::Extreme(_, list)
        | Node::Array(list)
        | Node::Record(list) => list.iter().for_each(each),
        Node::Distinct(left, right) | Node::Test(_, left, right) | Node::Subscript(left, right, _) => {
            each(left);
            each(right);
        }
        Node::Case(whens, otherwise) => {
            for (when, then) in whens {
                each(when);
                each(then);
            }
            otherwise.iter().for_each(|expr| each(expr));
        }
        Node::Quantified { left, array, .. } => {
            each(left);
            each(array);
        }
        Node::QuantifiedQuery { left, .. } => each(left),
        Node::Slice { base, low, high, .. } => {
            each(base);
            low.iter().chain(high).for_each(|expr| each(expr));
        }
    }
}

fn in_query(query: &Query, depth: usize, found: &mut dyn FnMut(usize, Option<usize>)) {
    for cte in &query.ctes {
        in_query(&cte.query, depth, found);
        cte.step.iter().for_each(|(step, _)| in_query(step, depth, found));
    }
    query.limit.iter().chain(&query.offset).for_each(|expr| columns(expr, depth, found));
    match &query.body {
        Body::Select(select) => in_select(select, depth + 1, found),
        Body::Values(rows) => rows.iter().flatten().for_each(|expr| columns(expr, depth, found)),
        Body::Query(inner) => in_query(inner, depth, found),
        Body::Sets(first, rest) => {
            in_query(first, depth, found);
            rest.iter().for_each(|(_, _, next)| in_query(next, depth, found));
        }
    }
}

fn in_select(select: &Select, depth: usize, found: &mut dyn FnMut(usize, Option<usize>)) {
    let mut all: Vec<&Expr> = select.filter.iter().chain(&select.having).chain(&select.items).collect();
    all.extend(select.order.iter().map(|key| &key.expr));
    if let Distinct::On(keys) = &select.distinct {
        all.extend(keys);
    }
    let mut aggregates = Vec::new();
    if let Some(grouping) = &select.grouping {
        all.extend(&grouping.keys);
        aggregates.extend(&grouping.aggregates);
    }
    for window in &select.windows {
        all.extend(window.partition.iter().chain(window.order.iter().map(|SortKey { expr, .. }| expr)));
        match &window.kind {
            WindowKind::Neighbour(expr, _) => all.push(expr),
            WindowKind::Aggregate(aggregate) => aggregates.push(aggregate),
            WindowKind::RowNumber | WindowKind::Rank | WindowKind::DenseRank => {}
        }
    }
    for aggregate in aggregates {
        all.extend(aggregate.args.iter().chain(&aggregate.filter));
        all.extend(aggregate.order.iter().map(|key| &key.expr));
    }
    all.extend(select.sets.iter().flat_map(|SetCall { args, .. }| args));
    all.into_iter().for_each(|expr| columns(expr, depth, found));
    select.from.iter().for_each(|from| in_from(from, depth, found));
}

/// As [`columns`], for the sources and conditions of a FROM clause.
pub fn in_from(from: &From, depth: usize, found: &mut dyn FnMut(usize, Option<usize>)) {
    match from {
        From::Leaf { source, filter, .. } => {
            in_source(source, depth, found);
            filter.iter().for_each(|expr| columns(expr, depth, found));
        }
        From::Join(join) => {
            in_from(&join.left, depth, found);
            in_from(&join.right, depth, found);
            join.on.iter().chain(&join.filter).for_each(|expr| columns(expr, depth, found));
        }
    }
}

fn in_source(source: &Source, depth: usize, found: &mut dyn FnMut(usize, Option<usize>)) {
    match source {
        Source::Relation(_) | Source::Cte(_) => {}
        Source::Query(query) => in_query(query, depth, found),
        Source::Sets(calls, _) => calls.iter().flat_map(|call| &call.args).for_each(|arg| columns(arg, depth, found)),
    }
}

/// The slots of this SELECT that an expression uses.
pub fn slots(expr: &Expr) -> Vec<usize> {
    let mut slots = Vec::new();
    columns(expr, 0, &mut |slot, _| {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    });
    slots
}
