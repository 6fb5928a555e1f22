//! What a scan asks of rows itself, before anything is made of those that are left out.
//!
//! Two kinds of questions. Conditions of the statement that cannot fail stand above every scan at first; where the role sees all that it
//! reads as it is stored, the scan takes them over (`push`). And a join tells, once it has gathered one side, which keys
//! of the other can meet it. Both are answered from pages as they are kept ([`Page`]): a number by its narrow form, a text by its
//! dictionary; other columns are made for the rows that are left.

use super::like::Parts;
use super::prune::{comparison, turned};
use crate::config::BATCH_ROWS;
use crate::error::Error;
use crate::txn::{Comparison, Members, Page};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{FilterBuilder, FilterPredicate, concat};
use arrow::datatypes::{DataType, Schema, SchemaRef, UInt8Type, UInt16Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What part of a page's rows must be left for a condition to be asked of all of them: copies cost more than answers.
const DENSE: usize = 4;
/// Rows after which it shows whether a join's keys leave enough out.
const TRIAL_ROWS: usize = 4 * BATCH_ROWS;

/// All that a scan asks.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Conditions of the statement, in the order in which they are asked.
    conditions: Vec<Arc<Condition>>,
    /// What joins tell.
    late: Vec<Arc<Late>>,
}

/// One condition, over some columns of what the scan reads.
#[derive(Debug)]
struct Condition {
    /// As the plan has it.
    whole: Arc<dyn PhysicalExpr>,
    /// The same over its own columns alone.
    own: Arc<dyn PhysicalExpr>,
    columns: Vec<usize>,
    schema: SchemaRef,
    /// If it is nothing else: its column compared with a constant.
    plain: Option<(Comparison, ArrayRef)>,
    /// If it is nothing else: its column LIKE several parts.
    like: Option<Parts>,
}

/// The keys that a join wants of a column, once it has gathered them; nothing if they are too far apart to be told.
#[derive(Debug, Default)]
pub struct Told {
    keys: OnceLock<Option<Members>>,
}

impl Told {
    /// Tells the keys.
    pub fn tell(&self, keys: Option<Members>) {
        let _ = self.keys.set(keys);
    }

    fn keys(&self) -> Option<&Members> {
        self.keys.get().and_then(Option::as_ref)
    }
}

/// A column of which a join will want some values only.
#[derive(Debug)]
struct Late {
    column: usize,
    told: Arc<Told>,
    asked: AtomicUsize,
    kept: AtomicUsize,
}

/// The rows of a page that are left.
pub struct Left {
    rows: usize,
    /// None for all of them.
    kept: Option<BooleanBuffer>,
    count: usize,
}

impl Asked {
    /// Whether it asks nothing.
    pub fn is_nothing(&self) -> bool {
        self.conditions.is_empty() && self.late.is_empty()
    }

    /// With more conditions, over columns of `schema`.
    pub fn with_conditions(&self, more: Vec<Arc<dyn PhysicalExpr>>, schema: &Schema) -> DfResult<Self> {
        let mut all = self.clone();
        for condition in more {
            all.conditions.push(Arc::new(Condition::new(condition, schema)?));
        }
        all.conditions.sort_by_key(|condition| condition.effort());
        Ok(all)
    }

    /// With the keys of a column that a join will tell.
    pub fn with_late(&self, column: usize, told: Arc<Told>) -> Self {
        let mut all = self.clone();
        all.late.push(Arc::new(Late { column, told, asked: AtomicUsize::new(0), kept: AtomicUsize::new(0) }));
        all
    }

    /// Without what joins tell.
    pub fn without_late(&self) -> Self {
        Self { conditions: self.conditions.clone(), late: Vec::new() }
    }

    /// The conditions as the plan has them.
    pub fn conditions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.conditions.iter().map(|condition| &condition.whole)
    }

    /// The columns of which joins tell what they want.
    pub fn late(&self) -> impl Iterator<Item = usize> {
        self.late.iter().map(|late| late.column)
    }

    /// What is asked now: what a join has not told yet, or what does not leave much out, is not.
    pub fn now(&self) -> Now {
        let late: Vec<_> = self.late.iter().filter(|late| late.is_worth_while()).cloned().collect();
        let conditions = self.conditions.clone();
        let mut columns: BTreeSet<usize> = conditions.iter().flat_map(|c| c.columns.iter().copied()).collect();
        columns.extend(late.iter().map(|late| late.column));
        Now { conditions, late, columns: columns.into_iter().collect() }
    }
}

/// What a scan asks of some pages.
pub struct Now {
    conditions: Vec<Arc<Condition>>,
    late: Vec<Arc<Late>>,
    /// The columns that it needs for that.
    pub columns: Vec<usize>,
}

impl Now {
    /// Which rows of a page are left of those that `living` has; `page` gives a column of it.
    pub fn of_page(
        &self,
        rows: usize,
        living: Option<BooleanBuffer>,
        page: &dyn Fn(usize) -> DfResult<Arc<Page>>,
    ) -> DfResult<Left> {
        let mut left = Left::of(rows, living);
        for condition in &self.conditions {
            if left.count == 0 {
                return Ok(left);
            }
            condition.narrow(&mut left, &condition.own, page)?;
        }
        for late in &self.late {
            let Some(keys) = late.told.keys().filter(|_| left.count > 0) else { continue };
            let sparse = left.kept.as_ref().filter(|_| left.count * DENSE < left.rows);
            let Some(told) = page(late.column)?.among(keys, sparse) else { continue };
            late.asked.fetch_add(left.count, Ordering::Relaxed);
            left.and(&told);
            late.kept.fetch_add(left.count, Ordering::Relaxed);
        }
        Ok(left)
    }

    /// The rows that are left of a batch.
    pub fn of_batch(&self, batch: &RecordBatch) -> DfResult<Left> {
        let page = |column: usize| Ok(Arc::new(Page::of(batch.column(column).clone())));
        self.of_page(batch.num_rows(), None, &page)
    }
}

impl Left {
    fn of(rows: usize, kept: Option<BooleanBuffer>) -> Self {
        let count = kept.as_ref().map_or(rows, BooleanBuffer::count_set_bits);
        Self { rows, kept, count }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What lets them through; none if all are left.
    pub fn filter(&self) -> Option<FilterPredicate> {
        let kept = self.kept.as_ref().filter(|_| self.count < self.rows)?;
        Some(FilterBuilder::new(&BooleanArray::new(kept.clone(), None)).optimize().build())
    }

    /// Those for which it is true, of all rows of the page.
    fn and(&mut self, told: &BooleanBuffer) {
        *self = Self::of(
            self.rows,
            Some(match &self.kept {
                Some(kept) => kept & told,
                None => told.clone(),
            }),
        );
    }

    /// Those for which it is true, of the rows that are left.
    fn and_of_left(&mut self, told: &BooleanBuffer) {
        let Some(kept) = &self.kept else { return self.and(told) };
        let mut both = BooleanBufferBuilder::new(self.rows);
        both.append_n(self.rows, false);
        for (row, told) in kept.set_indices().zip(told.iter()) {
            if told {
                both.set_bit(row, true);
            }
        }
        *self = Self::of(self.rows, Some(both.finish()));
    }
}

impl Condition {
    fn new(whole: Arc<dyn PhysicalExpr>, schema: &Schema) -> DfResult<Self> {
        let columns: BTreeSet<usize> = collect_columns(&whole).iter().map(Column::index).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let own_schema = Arc::new(schema.project(&columns)?);
        let own = reassign_expr_columns(whole.clone(), &own_schema)?;
        let plain = if columns.len() == 1 { compared(&own) } else { None };
        let like = Parts::of(&own);
        Ok(Self { whole, own, columns, schema: own_schema, plain, like })
    }

    /// How much it takes to ask.
    fn effort(&self) -> usize {
        let texts = self.schema.fields().iter().filter(|field| *field.data_type() == DataType::Utf8).count();
        if self.plain.is_some() { 0 } else { self.columns.len() + 4 * texts }
    }

    /// Leaves the rows for which `own` is true, which is over this condition's columns.
    fn narrow(
        &self,
        left: &mut Left,
        own: &Arc<dyn PhysicalExpr>,
        page: &dyn Fn(usize) -> DfResult<Arc<Page>>,
    ) -> DfResult<()> {
        let pages = self.columns.iter().map(|column| page(*column)).collect::<DfResult<Vec<_>>>()?;
        if let ([page], Some((comparison, constant))) = (pages.as_slice(), &self.plain)
            && let Some(told) = page.compare(*comparison, constant)
        {
            left.and(&truth(&told));
            return Ok(());
        }
        if let [page] = pages.as_slice()
            && let Some(told) = self.by_words(own, page)?
        {
            left.and(&told);
            return Ok(());
        }
        let made = |array: Option<ArrayRef>| array.ok_or_else(|| Error::internal("a page cannot be made wide").into());
        let filter = if left.count * DENSE < left.rows { left.filter() } else { None };
        let columns = pages.iter().map(|page| match &filter {
            Some(filter) => made(page.filtered(filter)),
            None => made(page.whole()),
        });
        let columns = columns.collect::<DfResult<Vec<_>>>()?;
        let rows = if filter.is_some() { left.count } else { left.rows };
        let told = self.ask(own, columns, rows)?;
        match filter {
            Some(_) => left.and_of_left(&told),
            None => left.and(&told),
        }
        Ok(())
    }

    fn ask(&self, own: &Arc<dyn PhysicalExpr>, columns: Vec<ArrayRef>, rows: usize) -> DfResult<BooleanBuffer> {
        if let (Some(like), [texts]) = (&self.like, columns.as_slice())
            && let Some(texts) = texts.as_string_opt::<i32>()
        {
            return Ok(truth(&like.ask(texts)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        let told = own.evaluate(&batch)?.into_array(rows)?;
        match told.as_boolean_opt() {
            Some(told) => Ok(truth(told)),
            None => Err(Error::internal("a condition is neither true nor false").into()),
        }
    }

    /// The answer of each row by that of its word, if the page has a dictionary.
    fn by_words(&self, own: &Arc<dyn PhysicalExpr>, page: &Page) -> DfResult<Option<BooleanBuffer>> {
        let Some(words) = page.words() else { return Ok(None) };
        let null: ArrayRef = Arc::new(StringArray::new_null(1));
        let values = concat(&[words.values().as_ref(), null.as_ref()])?;
        let of_null = values.len() - 1;
        let told = self.ask(own, vec![values], of_null + 1)?;
        let told: Vec<bool> = told.iter().collect();
        fn each<T: arrow::datatypes::ArrowPrimitiveType>(keys: &dyn Array, told: &[bool]) -> BooleanBuffer
        where
            T::Native: Into<usize>,
        {
            let keys = keys.as_primitive::<T>();
            let values = keys.values();
            let of = |row: usize| {
                let key: usize = values[row].into();
                told.get(key).copied().unwrap_or(false)
            };
            match keys.nulls() {
                None => BooleanBuffer::collect_bool(values.len(), of),
                Some(nulls) => BooleanBuffer::collect_bool(values.len(), |row| match nulls.is_valid(row) {
                    true => of(row),
                    false => told.last().copied().unwrap_or(false),
                }),
            }
        }
        Ok(match words.keys().data_type() {
            DataType::UInt8 => Some(each::<UInt8Type>(words.keys(), &told)),
            DataType::UInt16 => Some(each::<UInt16Type>(words.keys(), &told)),
            _ => None,
        })
    }
}

impl Late {
    /// Whether its keys are told, and leave enough out.
    fn is_worth_while(&self) -> bool {
        let (asked, kept) = (self.asked.load(Ordering::Relaxed), self.kept.load(Ordering::Relaxed));
        self.told.keys().is_some() && (asked < TRIAL_ROWS || kept < asked / 8 * 7)
    }
}

/// Where it is true; NULL is not.
fn truth(told: &BooleanArray) -> BooleanBuffer {
    match told.nulls() {
        None => told.values().clone(),
        Some(nulls) => told.values() & nulls.inner(),
    }
}

/// A column compared with a constant.
fn compared(condition: &Arc<dyn PhysicalExpr>) -> Option<(Comparison, ArrayRef)> {
    let binary = condition.downcast_ref::<BinaryExpr>()?;
    let constant = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Literal>()?.value().to_array().ok();
    let is_column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().is_some();
    let (constant, is_turned) = match (is_column(binary.left()), is_column(binary.right())) {
        (true, false) => (constant(binary.right())?, false),
        (false, true) => (constant(binary.left())?, true),
        _ => return None,
    };
    let comparison = comparison(*binary.op())?;
    Some((if is_turned { turned(comparison) } else { comparison }, constant))
}

/// Whether a condition cannot fail, whatever the values: columns and constants compared, looked for in a list or by a pattern.
pub fn cannot_fail(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let all = || condition.children().into_iter().all(cannot_fail);
    if let Some(binary) = condition.downcast_ref::<BinaryExpr>() {
        let compares = matches!(
            binary.op(),
            Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::And
                | Operator::Or
        );
        return compares && all();
    }
    if let Some(list) = condition.downcast_ref::<InListExpr>() {
        return cannot_fail(list.expr()) && list.list().iter().all(|value| value.downcast_ref::<Literal>().is_some());
    }
    if let Some(like) = condition.downcast_ref::<LikeExpr>() {
        // A pattern that ends in its escape is an error, which is for the engine to tell.
        let pattern = like.pattern().downcast_ref::<Literal>().and_then(|literal| match literal.value() {
            ScalarValue::Utf8(pattern) => pattern.clone(),
            _ => None,
        });
        return pattern.is_some_and(|pattern| !pattern.contains('\\')) && cannot_fail(like.expr());
    }
    let leaf = condition.downcast_ref::<Column>().is_some() || condition.downcast_ref::<Literal>().is_some();
    let asks = condition.downcast_ref::<NotExpr>().is_some()
        || condition.downcast_ref::<IsNullExpr>().is_some()
        || condition.downcast_ref::<IsNotNullExpr>().is_some();
    leaf || (asks && all())
}
