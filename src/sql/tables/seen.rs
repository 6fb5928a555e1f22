//! What one role sees of a table's rows: which columns are read, which rows are shown, what stands in for masked values.
//!
//! It is made by the gate and holds no snapshot. The leaf of a plan shows batch after batch through it, a look-up by a key
//! the one row that it found.

use crate::catalog::ObjectId;
use crate::error::{Error, Kind, Result};
use crate::txn::{Segment, batch, row_id};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// How one column of the result comes about.
#[derive(Debug)]
pub enum Output {
    /// A column that was read, as it is.
    Plain(usize),
    /// What is shown instead of it.
    Masked(Arc<dyn PhysicalExpr>, DataType),
    /// The row's id.
    RowId,
}

/// Where rows are in their segment.
#[derive(Debug, Clone)]
pub enum Offsets {
    /// One behind the other, from this one on.
    From(usize),
    /// At these.
    At(Arc<[usize]>),
}

impl Offsets {
    fn get(&self, row: usize) -> usize {
        match self {
            Self::From(start) => start + row,
            Self::At(offsets) => offsets.get(row).copied().unwrap_or(usize::MAX),
        }
    }
}

/// Some columns of a table as one role sees them.
#[derive(Debug)]
pub struct Seen {
    /// The table.
    pub table: ObjectId,
    /// Its columns that are read.
    pub needed: Vec<usize>,
    /// They as a schema.
    pub read: SchemaRef,
    /// Which rows are shown, over the columns read.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// The columns of the result.
    pub outputs: Vec<Output>,
    /// They as a schema.
    pub schema: SchemaRef,
}

impl Seen {
    /// One row that is not deleted, of the columns read, as the role sees it; none if it does not see it.
    pub fn of_one(&self, segment: &Segment, columns: Vec<ArrayRef>, offset: usize) -> Result<Option<Vec<ArrayRef>>> {
        let as_is = |output: &Output| match output {
            Output::Plain(at) => columns.get(*at).cloned(),
            Output::RowId => Some(Arc::new(UInt64Array::from(vec![row_id(segment.id, offset)])) as ArrayRef),
            Output::Masked(..) => None,
        };
        if self.filter.is_none()
            && let Some(row) = self.outputs.iter().map(as_is).collect()
        {
            return Ok(Some(row));
        }
        let row = batch(self.read.clone(), columns, 1)?;
        Ok(self.of(segment, &row, &Offsets::From(offset))?.map(|row| row.columns().to_vec()))
    }

    /// Whether the role sees all rows, and each column of the result as it is stored.
    pub fn is_plain(&self) -> bool {
        self.filter.is_none() && self.outputs.iter().all(|output| matches!(output, Output::Plain(_)))
    }

    /// Where the column of a plain result is in the table.
    pub fn stored_at(&self, output: usize) -> Option<usize> {
        match self.outputs.get(output)? {
            Output::Plain(at) => self.needed.get(*at).copied(),
            _ => None,
        }
    }

    /// Rows of a segment as the role sees them; none if it sees none of them.
    pub fn of(&self, segment: &Segment, part: &RecordBatch, offsets: &Offsets) -> Result<Option<RecordBatch>> {
        let rows = part.num_rows();
        let mut part = part.clone();
        let mut ids = self
            .gives_ids()
            .then(|| UInt64Array::from_iter_values((0..rows).map(|n| row_id(segment.id, offsets.get(n)))));
        if let Some(deleted) = &segment.deleted {
            let live: BooleanArray = (0..rows).map(|n| Some(!deleted.contains(offsets.get(n)))).collect();
            ids = ids.map(|ids| narrow_ids(&ids, &live)).transpose()?;
            part = filter_record_batch(&part, &live)?;
        }
        if let Some(filter) = &self.filter {
            let shown = filter.evaluate(&part).and_then(|shown| shown.into_array(part.num_rows()));
            let shown = shown.map_err(|error| hidden(error, "a row policy"))?;
            let Some(shown) = shown.as_any().downcast_ref::<BooleanArray>() else {
                return Err(Error::new(Kind::DatatypeMismatch, "a row policy must be of type boolean"));
            };
            ids = ids.map(|ids| narrow_ids(&ids, shown)).transpose()?;
            part = filter_record_batch(&part, shown)?;
        }
        match part.num_rows() {
            0 => Ok(None),
            _ => self.shown(&part, ids.as_ref()).map(Some),
        }
    }

    /// Whether ids of rows are among the columns of the result.
    pub fn gives_ids(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::RowId))
    }

    /// Rows that are shown, of which the columns read and the ids are given, as the role sees them.
    pub fn shown(&self, part: &RecordBatch, ids: Option<&UInt64Array>) -> Result<RecordBatch> {
        let columns = self.outputs.iter().map(|output| -> Result<ArrayRef> {
            Ok(match output {
                Output::Plain(at) => part.column(*at).clone(),
                Output::RowId => match ids {
                    Some(ids) => Arc::new(ids.clone()),
                    None => return Err(Error::internal("row ids were not made")),
                },
                Output::Masked(mask, data_type) => {
                    let masked = mask.evaluate(part).and_then(|masked| masked.into_array(part.num_rows()));
                    let masked = masked.map_err(|error| hidden(error, "a masking policy"))?;
                    match masked.data_type() == data_type {
                        true => masked,
                        false => cast(&masked, data_type)?,
                    }
                }
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        batch(self.schema.clone(), columns, part.num_rows())
    }
}

/// An error of an expression over whole rows, such as a policy's, without what it says of the values that it met.
pub fn hidden(error: impl Into<Error>, whose: &str) -> Error {
    let error = error.into();
    match error.kind() {
        // These tell of no value.
        Kind::Cancelled | Kind::OutOfMemory | Kind::Corruption | Kind::Io | Kind::Privilege => error,
        kind => Error::new(kind, format!("{whose} cannot be evaluated for a row"))
            .with_hint("Who made it can see why by its expression over the table."),
    }
}

fn narrow_ids(ids: &UInt64Array, keep: &BooleanArray) -> Result<UInt64Array> {
    let kept = arrow::compute::filter(ids, keep)?;
    match kept.as_any().downcast_ref::<UInt64Array>() {
        Some(kept) => Ok(kept.clone()),
        None => Err(Error::internal("row ids changed their type")),
    }
}
