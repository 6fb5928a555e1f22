//! Repairs at work: what is asked for, which cells are looked at, and what is told of the changes.
//!
//! `governance::repair` says what the cells of a relation should be. Here a relation's rows are read for it as their role sees them
//! ([`Reading`]): columns that it does not see as they are take no part, neither to be changed nor to speak for others, so that nothing of
//! them can be learnt by a plan. What becomes of the changes is [`dml`](super::dml)'s, what was made of them is kept in the table that
//! `ddl::keep_repairs` makes, and [`stored`] reads it.

mod planned;
mod reading;
pub mod stored;
mod wanted;

pub use planned::{Planned, key_text, plan_columns, plan_rows, plan_table};
pub use reading::{Reading, is_read as is_compared};
pub use wanted::Wanted;

use super::parser::RepairWords;
use super::system::rows::column;
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field};

/// What a statement about repairs gives; none for one that gives no rows.
pub fn outcome_columns(words: &RepairWords) -> Option<Vec<Field>> {
    match words {
        RepairWords::Table { dry_run: true, .. } => Some(plan_columns()),
        RepairWords::Table { .. } => Some(done_columns()),
        RepairWords::Undo(_) => None,
    }
}

/// What REPAIR TABLE tells: the batch, how many rows and cells were changed, and how many changes were left.
pub fn done_columns() -> Vec<Field> {
    let mut columns = vec![SqlType::Uuid.field("batch_id")];
    columns.extend(["rows", "cells", "left_as_they_were"].map(|name| column(name, DataType::Int64)));
    columns
}
