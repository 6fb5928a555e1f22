//! Running a plan: rows out of the world's relations.

mod compute;
mod group;
mod rows;
mod select;
mod sets;
mod window;

use super::super::value::{Type, Value};
use super::super::world::World;
use super::cast::cast;
use super::compare::{Key, total};
use super::pattern;
use super::plan::{Body, Cte, Expr, Query, SetOp, SortKey, Tuple};
use crate::error::{Error, Kind, Result};
use regex::Regex;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Rows that a statement may have at one time.
const ROWS_MAX: usize = 1_000_000;
/// Bytes of long texts, of arrays and of rows kept for later that a statement may make.
const KEPT_MAX: usize = 512 << 20;
/// Steps of a recursive query at most.
const STEPS_MAX: usize = 100_000;
/// Work between two looks at whether the statement should stop.
const TICKS: u32 = 1024;

/// The tuples of a SELECT's slots.
pub type Row = Vec<Tuple>;

/// A row, and the rows of the SELECTs around.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub row: &'a [Tuple],
    pub parent: Option<&'a Frame<'a>>,
}

/// A hash table over one column of a relation.
type Index = Arc<HashMap<Key, Vec<usize>>>;

/// One run of a statement.
pub struct Run<'a> {
    pub world: &'a dyn World,
    params: Vec<Value>,
    check: &'a dyn Fn() -> Result<()>,
    ticks: Cell<u32>,
    kept: Cell<usize>,
    /// Rows of queries that are the same wherever they stand.
    constant: RefCell<HashMap<usize, Arc<[Tuple]>>>,
    ctes: RefCell<HashMap<usize, Arc<[Tuple]>>>,
    /// By the place of the relation's rows in memory, which the plan keeps, and by column.
    indexes: RefCell<HashMap<(usize, usize), Index>>,
    regexes: RefCell<HashMap<(String, bool), Regex>>,
    empty: Tuple,
}

impl<'a> Run<'a> {
    /// A run with these parameters, each of a type and to be of another.
    pub fn new(
        world: &'a dyn World,
        params: &[(Value, Type)],
        types: &[Type],
        check: &'a dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let params = types.iter().enumerate().map(|(at, to)| match params.get(at) {
            Some((value, from)) => cast(world, value, from, to),
            None => Err(Error::new(Kind::Syntax, format!("there is no parameter ${}", at + 1))),
        });
        Ok(Self {
            world,
            params: params.collect::<Result<_>>()?,
            check,
            ticks: Cell::new(0),
            kept: Cell::new(0),
            constant: RefCell::default(),
            ctes: RefCell::default(),
            indexes: RefCell::default(),
            regexes: RefCell::default(),
            empty: Arc::new([]),
        })
    }

    /// A piece of work; now and then looks whether to go on.
    pub fn tick(&self) -> Result<()> {
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        if ticks.is_multiple_of(TICKS) { (self.check)() } else { Ok(()) }
    }

    /// Counts what stays in memory.
    fn keep(&self, bytes: usize) -> Result<()> {
        let kept = self.kept.get().saturating_add(bytes);
        self.kept.set(kept);
        match kept > KEPT_MAX {
            true => Err(Error::new(Kind::LimitExceeded, "a query of the catalogue needs too much memory")),
            false => Ok(()),
        }
    }

    fn keep_rows(&self, rows: &[Tuple]) -> Result<()> {
        self.keep(rows.iter().map(|row| size_of::<Tuple>() + size_of_val(&**row)).sum())
    }

    fn must_be_few(&self, rows: usize) -> Result<()> {
        match rows > ROWS_MAX {
            true => Err(Error::new(Kind::LimitExceeded, "a query of the catalogue has too many rows")),
            false => Ok(()),
        }
    }

    /// The rows of a query.
    pub fn query(&self, query: &Query, parent: Option<&Frame>) -> Result<Vec<Tuple>> {
        for cte in &query.ctes {
            let rows = self.cte(cte, parent)?;
            self.keep_rows(&rows)?;
            self.ctes.borrow_mut().insert(cte.id, rows);
        }
        let mut rows = match &query.body {
            Body::Select(select) => self.select(select, parent)?,
            Body::Values(rows) => {
                let outer = parent.copied().unwrap_or(Frame { row: &[], parent: None });
                rows.iter().map(|row| self.tuple(row, &outer)).collect::<Result<_>>()?
            }
            Body::Query(inner) => self.query(inner, parent)?,
            Body::Sets(first, rest) => self.sets(query, first, rest, parent)?,
        };
        if !query.order.is_empty() {
            let mut keyed = Vec::with_capacity(rows.len());
            for row in rows {
                let slots = [row];
                let frame = Frame { row: &slots, parent };
                let keys = self.keys(&query.order, &frame)?;
                let [row] = slots;
                keyed.push((keys, row));
            }
            keyed.sort_by(|(left, _), (right, _)| ordered(left, right, &query.order));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        let count = |expr: &Option<Expr>, what: &str, kind: Kind| -> Result<Option<usize>> {
            let outer = parent.copied().unwrap_or(Frame { row: &[], parent: None });
            match expr.as_ref().map(|expr| self.compute(expr, &outer)).transpose()? {
                Some(Value::Int(count)) => match usize::try_from(count) {
                    Ok(count) => Ok(Some(count)),
                    Err(_) => Err(Error::new(kind, format!("{what} must not be negative"))),
                },
                _ => Ok(None),
            }
        };
        if let Some(offset) = count(&query.offset, "OFFSET", Kind::InvalidRowOffset)? {
            rows.drain(..offset.min(rows.len()));
        }
        if let Some(limit) = count(&query.limit, "LIMIT", Kind::InvalidRowCount)? {
            rows.truncate(limit);
        }
        Ok(rows)
    }

    /// The rows of a query that may be the same each time.
    pub fn rows_of(&self, query: &Query, parent: Option<&Frame>) -> Result<Arc<[Tuple]>> {
        if query.constant
            && let Some(rows) = self.constant.borrow().get(&query.id)
        {
            return Ok(rows.clone());
        }
        let rows: Arc<[Tuple]> = self.query(query, parent)?.into();
        if query.constant {
            self.keep_rows(&rows)?;
            self.constant.borrow_mut().insert(query.id, rows.clone());
        }
        Ok(rows)
    }

    fn cte(&self, cte: &Cte, parent: Option<&Frame>) -> Result<Arc<[Tuple]>> {
        let base = self.query(&cte.query, parent)?;
        let Some((step, distinct)) = &cte.step else { return Ok(base.into()) };
        let mut seen = HashSet::new();
        let mut fresh = |rows: Vec<Tuple>| -> Vec<Tuple> {
            match distinct {
                true => rows.into_iter().filter(|row| seen.insert(Key::list(row))).collect(),
                false => rows,
            }
        };
        let mut last = fresh(base);
        let mut all = last.clone();
        for _ in 0..STEPS_MAX {
            if last.is_empty() {
                return Ok(all.into());
            }
            (self.check)()?;
            self.ctes.borrow_mut().insert(cte.id, last.into());
            let rows = self.query(step, parent)?;
            let rows = rows.into_iter().map(|row| self.retyped(row, step, &cte.query)).collect::<Result<_>>()?;
            last = fresh(rows);
            all.extend(last.iter().cloned());
            self.must_be_few(all.len())?;
        }
        Err(Error::new(Kind::LimitExceeded, "a recursive query does not end"))
    }

    /// A row of one query with the types of another's columns.
    fn retyped(&self, row: Tuple, from: &Query, to: &Query) -> Result<Tuple> {
        let same = from.columns.iter().zip(to.columns.iter()).all(|(a, b)| a.data_type == b.data_type);
        if same {
            return Ok(row);
        }
        let types = from.columns.iter().zip(to.columns.iter());
        let values = row.iter().zip(types).map(|(value, (from, to))| {
            let to = if to.data_type == Type::Unknown { &Type::Text } else { &to.data_type };
            cast(self.world, value, &from.data_type, to)
        });
        values.collect()
    }

    fn sets(
        &self,
        query: &Query,
        first: &Query,
        rest: &[(SetOp, bool, Arc<Query>)],
        parent: Option<&Frame>,
    ) -> Result<Vec<Tuple>> {
        let operand = |operand: &Query| -> Result<Vec<Tuple>> {
            self.query(operand, parent)?.into_iter().map(|row| self.retyped(row, operand, query)).collect()
        };
        let mut rows = operand(first)?;
        for (op, all, next) in rest {
            let next = operand(next)?;
            match op {
                SetOp::Union => rows.extend(next),
                SetOp::Intersect | SetOp::Except => {
                    let mut counts: HashMap<Key, usize> = HashMap::new();
                    next.iter().for_each(|row| *counts.entry(Key::list(row)).or_default() += 1);
                    let wanted = *op == SetOp::Intersect;
                    rows.retain(|row| match counts.get_mut(&Key::list(row)) {
                        Some(count) if *count > 0 => {
                            if *all {
                                *count -= 1;
                            }
                            wanted
                        }
                        _ => !wanted,
                    });
                }
            }
            if !all {
                let mut seen = HashSet::new();
                rows.retain(|row| seen.insert(Key::list(row)));
            }
            self.must_be_few(rows.len())?;
        }
        Ok(rows)
    }

    /// The values of expressions.
    pub fn tuple(&self, exprs: &[Expr], frame: &Frame) -> Result<Tuple> {
        exprs.iter().map(|expr| self.compute(expr, frame)).collect()
    }

    /// The values to sort by.
    pub fn keys(&self, order: &[SortKey], frame: &Frame) -> Result<Vec<Value>> {
        order.iter().map(|key| self.compute(&key.expr, frame)).collect()
    }

    fn is_match(&self, text: &str, pattern: &str, fold: bool) -> Result<bool> {
        let key = (pattern.to_owned(), fold);
        if let Some(regex) = self.regexes.borrow().get(&key) {
            return Ok(regex.is_match(text));
        }
        let regex = pattern::regex(pattern, fold)?;
        let is_match = regex.is_match(text);
        self.regexes.borrow_mut().insert(key, regex);
        Ok(is_match)
    }
}

/// The order of two rows by their keys.
pub fn ordered(left: &[Value], right: &[Value], order: &[SortKey]) -> Ordering {
    for ((left, right), key) in left.iter().zip(right).zip(order) {
        let order = match (left, right) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => {
                if key.nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (_, Value::Null) => {
                if key.nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            _ if key.descending => total(right, left),
            _ => total(left, right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}
