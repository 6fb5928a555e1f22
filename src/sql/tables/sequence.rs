//! A sequence as a relation of one row: where it stands.

use super::super::context::Context;
use super::super::sequences;
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use std::sync::Arc;

/// The row of a sequence.
pub fn open(context: &Context, id: ObjectId) -> Result<Arc<dyn TableProvider>> {
    let sequence = context.snapshot.catalog.sequence_by_id(id);
    let sequence = sequence.ok_or_else(|| Error::internal("a sequence is not in the catalogue"))?;
    let (last, given) = sequences::read(context, (id, sequence))?;
    let schema = Arc::new(Schema::new(vec![
        Field::new("last_value", DataType::Int64, true),
        Field::new("log_cnt", DataType::Int64, true),
        Field::new("is_called", DataType::Boolean, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![last])),
        Arc::new(Int64Array::from(vec![0])),
        Arc::new(BooleanArray::from(vec![given])),
    ];
    let row = crate::txn::batch(schema.clone(), columns, 1)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![row]])?))
}
