//! In which order relations are joined, and where each condition is asked.

use super::super::plan::{Expr, From, Join, JoinKind, Node, Source, Test};
use super::super::walk;

fn slots_of(from: &From) -> Vec<usize> {
    match from {
        From::Leaf { slot, .. } => vec![*slot],
        From::Join(join) => join.left_slots.iter().chain(&join.right_slots).copied().collect(),
    }
}

/// The slots outside of it that a part of FROM depends on.
fn needs(from: &From) -> Vec<usize> {
    let own = slots_of(from);
    let mut needs = Vec::new();
    walk::in_from(from, 0, &mut |slot, _| {
        if !own.contains(&slot) && !needs.contains(&slot) {
            needs.push(slot);
        }
    });
    needs
}

/// Two parts of FROM joined.
pub(super) fn join(kind: JoinKind, left: From, right: From, on: Vec<Expr>) -> From {
    let (left_slots, right_slots) = (slots_of(&left), slots_of(&right));
    let lateral = needs(&right).iter().any(|slot| left_slots.contains(slot));
    From::Join(Box::new(Join { kind, left, right, right_slots, left_slots, lateral, on, filter: Vec::new() }))
}

/// Puts conditions as deep as they may go, and joins first what a condition connects. What depends on no relation at all
/// comes back.
pub(super) fn arrange(from: From, conditions: Vec<Expr>) -> (From, Vec<Expr>) {
    let (constant, conditions) = conditions.into_iter().partition(|condition| walk::slots(condition).is_empty());
    (placed(from, conditions), constant)
}

fn placed(from: From, conditions: Vec<Expr>) -> From {
    match from {
        From::Leaf { slot, source, mut filter } => {
            filter.extend(conditions);
            From::Leaf { slot, source, filter }
        }
        From::Join(join) if join.kind == JoinKind::Inner => {
            let (mut items, mut all) = (Vec::new(), Vec::new());
            flatten(From::Join(join), &mut items, &mut all);
            all.extend(conditions);
            ordered(items, all)
        }
        From::Join(mut join) => {
            let within = |condition: &Expr, slots: &[usize]| walk::slots(condition).iter().all(|s| slots.contains(s));
            let mut to_left = Vec::new();
            if join.kind == JoinKind::Left {
                let (left, above) = conditions.into_iter().partition(|c: &Expr| within(c, &join.left_slots));
                (to_left, join.filter) = (left, above);
                let on = std::mem::take(&mut join.on);
                let (right, both): (Vec<_>, _) =
                    on.into_iter().partition(|c: &Expr| !walk::slots(c).is_empty() && within(c, &join.right_slots));
                join.on = both;
                join.right = placed(join.right, right);
            } else {
                join.filter = conditions;
                join.right = placed(join.right, Vec::new());
            }
            join.left = placed(join.left, to_left);
            From::Join(join)
        }
    }
}

/// The parts of inner joins within inner joins, and their conditions.
fn flatten(from: From, items: &mut Vec<From>, conditions: &mut Vec<Expr>) {
    match from {
        From::Join(join) if join.kind == JoinKind::Inner => {
            let join = *join;
            flatten(join.left, items, conditions);
            flatten(join.right, items, conditions);
            conditions.extend(join.on.into_iter().chain(join.filter));
        }
        other => items.push(other),
    }
}

fn ordered(items: Vec<From>, conditions: Vec<Expr>) -> From {
    let mut own: Vec<(From, Vec<usize>, Vec<Expr>)> =
        items.into_iter().map(|item| (slots_of(&item), item)).map(|(slots, item)| (item, slots, Vec::new())).collect();
    let mut open: Vec<(Vec<usize>, Expr)> = Vec::new();
    for condition in conditions {
        let used = walk::slots(&condition);
        match own.iter_mut().find(|(_, slots, _)| used.iter().all(|slot| slots.contains(slot))) {
            Some((_, _, conditions)) => conditions.push(condition),
            None => open.push((used, condition)),
        }
    }
    let mut rest: Vec<(From, Vec<usize>, bool)> = Vec::new();
    for (item, slots, conditions) in own {
        let bound = conditions.iter().any(|condition| matches!(condition.node, Node::Test(Test::Eq, ..)));
        rest.push((placed(item, conditions), slots, bound));
    }
    let mut done: Option<From> = None;
    let mut seen: Vec<usize> = Vec::new();
    while !rest.is_empty() {
        let ready = |item: &From| needs(item).iter().all(|slot| seen.contains(slot));
        let connected = |slots: &[usize]| {
            open.iter().any(|(used, condition)| {
                matches!(condition.node, Node::Test(Test::Eq, ..))
                    && used.iter().any(|slot| slots.contains(slot))
                    && used.iter().all(|slot| slots.contains(slot) || seen.contains(slot))
            })
        };
        // What an equality connects to what is there, first where one bounds it already.
        let best = |(item, slots, bound): &(From, Vec<usize>, bool)| match (ready(item), connected(slots), bound) {
            (false, ..) => 9,
            (true, true, true) => 0,
            (true, true, false) => 1 + u8::from(seen.is_empty()),
            (true, false, true) => u8::from(!seen.is_empty()) * 2,
            (true, false, false) => 3,
        };
        let at = (0..rest.len()).min_by_key(|at| rest.get(*at).map_or(9, best)).unwrap_or(0);
        let (item, slots, _) = rest.remove(at);
        seen.extend(&slots);
        let (on, later) = open.into_iter().partition(|(used, _)| used.iter().all(|slot| seen.contains(slot)));
        open = later;
        let on: Vec<(Vec<usize>, Expr)> = on;
        done = Some(match done {
            None => item,
            Some(left) => join(JoinKind::Inner, left, item, on.into_iter().map(|(_, condition)| condition).collect()),
        });
    }
    // Every condition is over slots of the items, and all are there now; one item alone has taken them itself.
    done.unwrap_or(From::Leaf { slot: 0, source: Source::Sets(Vec::new(), false), filter: Vec::new() })
}
