//! The rows of a FROM clause.

use super::super::super::value::{Relation, Type, Value};
use super::super::compare::Key;
use super::super::plan::{Expr, From, Join, JoinKind, Node, Select, Source, Test, Tuple};
use super::super::types::{Family, family};
use super::super::walk;
use super::{Frame, Index, Row, Run};
use crate::error::Result;
use std::collections::HashMap;
use std::sync::Arc;

/// Fewer rows than this are looked through one by one.
const INDEXED_MIN: usize = 16;

/// What a FROM clause is run with.
pub struct Within<'a> {
    pub select: &'a Select,
    pub parent: Option<&'a Frame<'a>>,
}

impl Run<'_> {
    /// The rows of a part of FROM, beside what `base` has in the slots before it.
    pub fn from(&self, from: &From, within: &Within, base: &Row) -> Result<Vec<Row>> {
        match from {
            From::Leaf { slot, source, filter } => self.leaf(*slot, source, filter, within, base),
            From::Join(join) => self.join(join, within, base),
        }
    }

    fn leaf(&self, slot: usize, source: &Source, filter: &[Expr], within: &Within, base: &Row) -> Result<Vec<Row>> {
        let frame = Frame { row: base, parent: within.parent };
        if let Source::Relation(relation) = source {
            let bound = filter.iter().find_map(|condition| bound(condition, slot));
            return match bound.filter(|_| relation.rows.len() >= INDEXED_MIN) {
                Some((at, value)) => {
                    let key = Key::of(&self.compute(value, &frame)?);
                    let found = self.index(relation, at).get(&key).cloned().unwrap_or_default();
                    let found = found.into_iter().filter(|_| key != Key::Null);
                    let tuples = found.filter_map(|at| relation.rows.get(at));
                    self.filtered(slot, tuples, filter, within, base)
                }
                None => self.filtered(slot, relation.rows.iter(), filter, within, base),
            };
        }
        let tuples = match source {
            Source::Relation(relation) => relation.rows.clone(),
            Source::Query(query) => self.rows_of(query, Some(&frame))?,
            Source::Cte(id) => self.ctes.borrow().get(id).cloned().unwrap_or_default(),
            Source::Sets(calls, ordinality) => self.side_by_side(calls, *ordinality, &frame)?.into(),
        };
        self.filtered(slot, tuples.iter(), filter, within, base)
    }

    fn filtered<'t>(
        &self,
        slot: usize,
        tuples: impl Iterator<Item = &'t Tuple>,
        filter: &[Expr],
        within: &Within,
        base: &Row,
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut row = base.clone();
        for tuple in tuples {
            if let Some(place) = row.get_mut(slot) {
                *place = tuple.clone();
            }
            if self.holds(filter, &Frame { row: &row, parent: within.parent })? {
                rows.push(row.clone());
            }
        }
        Ok(rows)
    }

    /// Which rows have a value in a column.
    fn index(&self, relation: &Arc<Relation>, at: usize) -> Index {
        let key = (relation.rows.as_ptr() as usize, at);
        if let Some(index) = self.indexes.borrow().get(&key) {
            return index.clone();
        }
        let mut index: HashMap<Key, Vec<usize>> = HashMap::new();
        for (number, row) in relation.rows.iter().enumerate() {
            index.entry(row.get(at).map_or(Key::Null, Key::of)).or_default().push(number);
        }
        let index = Arc::new(index);
        self.indexes.borrow_mut().insert(key, index.clone());
        index
    }

    fn join(&self, join: &Join, within: &Within, base: &Row) -> Result<Vec<Row>> {
        let left = self.from(&join.left, within, base)?;
        if left.is_empty() && join.kind != JoinKind::Full {
            return Ok(Vec::new());
        }
        let mut rows = Joined { run: self, join, within, rows: Vec::new() };
        if join.lateral {
            for row in &left {
                let right = self.from(&join.right, within, row)?;
                rows.matching(row, right.iter().map(|right| (None, right)), &mut [])?;
            }
            return Ok(rows.rows);
        }
        // Few rows beside many of one relation: each looks up its own.
        if let From::Leaf { slot, source: Source::Relation(relation), filter } = &join.right
            && join.kind != JoinKind::Full
            && left.len().saturating_mul(4) < relation.rows.len()
            && join.on.iter().any(|condition| bound(condition, *slot).is_some())
        {
            let all: Vec<Expr> = join.on.iter().chain(filter).cloned().collect();
            let source = Source::Relation(relation.clone());
            for row in &left {
                let right = self.leaf(*slot, &source, &all, within, row)?;
                rows.matching(row, right.iter().map(|right| (None, right)), &mut [])?;
            }
            return Ok(rows.rows);
        }
        let right = self.from(&join.right, within, base)?;
        let mut matched = vec![false; right.len()];
        let equal: Vec<(&Expr, &Expr)> = join.on.iter().filter_map(|on| sides(on, join)).collect();
        if equal.is_empty() || right.len() < INDEXED_MIN {
            for row in &left {
                rows.matching(row, right.iter().enumerate().map(|(at, right)| (Some(at), right)), &mut matched)?;
            }
        } else {
            let mut table: HashMap<Vec<Key>, Vec<usize>> = HashMap::new();
            for (at, row) in right.iter().enumerate() {
                let key = self.key(equal.iter().map(|(_, right)| *right), row, within)?;
                table.entry(key).or_default().push(at);
            }
            for row in &left {
                let key = self.key(equal.iter().map(|(left, _)| *left), row, within)?;
                let found = table.get(&key).map(Vec::as_slice).unwrap_or_default();
                let found = found.iter().filter_map(|at| right.get(*at).map(|right| (Some(*at), right)));
                rows.matching(row, found, &mut matched)?;
            }
        }
        if join.kind == JoinKind::Full {
            for (row, _) in right.iter().zip(&matched).filter(|(_, matched)| !**matched) {
                let mut row = row.clone();
                nulls(&mut row, &join.left_slots, within);
                rows.add(row)?;
            }
        }
        Ok(rows.rows)
    }

    fn key<'e>(&self, exprs: impl Iterator<Item = &'e Expr>, row: &Row, within: &Within) -> Result<Vec<Key>> {
        self.tick()?;
        let frame = Frame { row, parent: within.parent };
        exprs.map(|expr| Ok(Key::of(&self.compute(expr, &frame)?))).collect()
    }
}

/// The rows of a join in the making.
struct Joined<'a, 'r> {
    run: &'a Run<'r>,
    join: &'a Join,
    within: &'a Within<'a>,
    rows: Vec<Row>,
}

impl Joined<'_, '_> {
    /// Puts a row of the left side beside those of the right one that match it, or beside NULLs.
    fn matching<'t>(
        &mut self,
        left: &Row,
        right: impl Iterator<Item = (Option<usize>, &'t Row)>,
        matched: &mut [bool],
    ) -> Result<()> {
        let mut row = left.clone();
        let mut any = false;
        for (at, right) in right {
            for slot in &self.join.right_slots {
                if let (Some(place), Some(tuple)) = (row.get_mut(*slot), right.get(*slot)) {
                    *place = tuple.clone();
                }
            }
            if self.run.holds(&self.join.on, &Frame { row: &row, parent: self.within.parent })? {
                any = true;
                if let Some(matched) = at.and_then(|at| matched.get_mut(at)) {
                    *matched = true;
                }
                self.add(row.clone())?;
            }
        }
        if !any && self.join.kind != JoinKind::Inner {
            nulls(&mut row, &self.join.right_slots, self.within);
            self.add(row)?;
        }
        Ok(())
    }

    fn add(&mut self, row: Row) -> Result<()> {
        if self.run.holds(&self.join.filter, &Frame { row: &row, parent: self.within.parent })? {
            self.rows.push(row);
            self.run.must_be_few(self.rows.len())?;
        }
        Ok(())
    }
}

/// Fills slots with NULLs.
fn nulls(row: &mut Row, slots: &[usize], within: &Within) {
    for slot in slots {
        let width = within.select.widths.get(*slot).copied().unwrap_or(0);
        if let Some(place) = row.get_mut(*slot) {
            *place = std::iter::repeat_n(Value::Null, width).collect();
        }
    }
}

/// Whether equal values of two types have equal keys.
fn hashable(left: &Type, right: &Type) -> bool {
    let kind = |data_type: &Type| match family(data_type) {
        Family::Oid => Some(Family::Number),
        Family::Number if matches!(data_type, Type::Int2 | Type::Int4 | Type::Int8) => Some(Family::Number),
        Family::Text => Some(Family::Text),
        Family::Bool => Some(Family::Bool),
        _ => None,
    };
    kind(left).is_some() && kind(left) == kind(right)
}

/// The column of a slot, and the value from elsewhere, that a condition says are equal.
fn bound(condition: &Expr, slot: usize) -> Option<(usize, &Expr)> {
    let Node::Test(Test::Eq, left, right) = &condition.node else { return None };
    let side = |column: &Expr, value: &'_ Expr| match column.node {
        Node::Column { up: 0, slot: own, at } if own == slot => {
            let elsewhere = !walk::slots(value).contains(&slot);
            (elsewhere && hashable(&column.data_type, &value.data_type)).then_some(at)
        }
        _ => None,
    };
    match side(left, right) {
        Some(at) => Some((at, right)),
        None => side(right, left).map(|at| (at, left.as_ref())),
    }
}

/// What a condition says is equal on the left side and on the right one.
fn sides<'e>(condition: &'e Expr, join: &Join) -> Option<(&'e Expr, &'e Expr)> {
    let Node::Test(Test::Eq, a, b) = &condition.node else { return None };
    if !hashable(&a.data_type, &b.data_type) {
        return None;
    }
    let within = |expr: &Expr, slots: &[usize]| {
        let used = walk::slots(expr);
        !used.is_empty() && used.iter().all(|slot| slots.contains(slot))
    };
    let left = |expr: &Expr| !walk::slots(expr).iter().any(|slot| join.right_slots.contains(slot));
    if left(a) && within(b, &join.right_slots) {
        Some((a, b))
    } else if left(b) && within(a, &join.right_slots) {
        Some((b, a))
    } else {
        None
    }
}
