//! Columns that make their own values: computed from the other columns of the row, or numbered by a sequence.

use super::super::parser::{Overriding, overriding};
use super::{Target, Work};
use crate::catalog::{Column, Table};
use crate::error::{Error, Kind, Result};
use crate::sql::values::in_places;
use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast;

impl Work<'_> {
    /// The rows with the columns that are computed from others, and times in the places that their columns keep.
    pub fn generate(&self, table: &Table, batch: RecordBatch) -> Result<RecordBatch> {
        let batch = rounded(table, batch)?;
        if table.generated().next().is_none() {
            return Ok(batch);
        }
        let schema = DFSchema::try_from(batch.schema().as_ref().clone())?;
        let mut columns = batch.columns().to_vec();
        for at in table.generated() {
            let column = &table.columns[at];
            let Some(expression) = &column.generated else { continue };
            let made = self.compute(expression, &schema, &batch);
            let whose = || format!("generated column \"{}\" of relation \"{}\"", column.name, table.name);
            let made = made.map_err(|error| self.without_values(table, error, whose))?;
            columns[at] = self.context.zone().assign(&made, &column.data_type)?;
        }
        rounded(table, crate::txn::batch(batch.schema(), columns, batch.num_rows())?)
    }

    /// What a column gets where a statement gives nothing; NULL for now if it is computed from others.
    pub fn default_values(&self, column: &Column, rows: usize) -> Result<ArrayRef> {
        match (column.sequence, self.default_of(column)) {
            _ if column.generated.is_some() => Ok(new_null_array(&column.data_type.arrow(), rows)),
            (Some(sequence), _) => {
                let numbers = super::super::sequences::for_column(self.context, sequence, rows)?;
                Ok(std::sync::Arc::new(arrow::array::Int64Array::from(numbers)))
            }
            (None, Some(default)) => self.constant(default, rows),
            (None, None) => Ok(new_null_array(&column.data_type.arrow(), rows)),
        }
    }
}

fn rounded(table: &Table, batch: RecordBatch) -> Result<RecordBatch> {
    if table.columns.iter().all(|column| column.places.is_none()) {
        return Ok(batch);
    }
    let columns = table.columns.iter().zip(batch.columns()).map(|(column, array)| match column.places {
        Some(places) => in_places(array, places),
        None => Ok(array.clone()),
    });
    let columns = columns.collect::<Result<_>>()?;
    crate::txn::batch(batch.schema(), columns, batch.num_rows())
}

fn detail(column: &Column) -> String {
    match column.generated {
        Some(_) => format!("Column \"{}\" is a generated column.", column.name),
        None => format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name),
    }
}

/// Which of the columns that an INSERT names it gives values for: `given` has for each column of the table where that is
/// found. A value for a column that makes its own is refused, or passed over, as the statement says.
pub fn must_be_given(target: &Target, insert: &ast::Insert, given: &mut [Option<usize>]) -> Result<()> {
    let said = overriding(insert);
    for (column, given) in target.table.columns.iter().zip(given).filter(|(_, given)| given.is_some()) {
        if column.identity && said == Some(Overriding::User) {
            *given = None;
        }
        let refused = column.generated.is_some() || (column.always && said.is_none());
        if refused && given.is_some() {
            let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
            let error = Error::new(Kind::GeneratedAlways, message).with_detail(detail(column));
            return Err(match column.generated {
                Some(_) => error,
                None => error.with_hint("Use OVERRIDING SYSTEM VALUE to override."),
            });
        }
    }
    Ok(())
}

/// Refuses an UPDATE that gives a value to a column which makes its own.
pub fn must_be_default(column: &Column) -> Result<()> {
    match column.generated.is_some() || column.always {
        false => Ok(()),
        true => {
            let message = format!("column \"{}\" can only be updated to DEFAULT", column.name);
            Err(Error::new(Kind::GeneratedAlways, message).with_detail(detail(column)))
        }
    }
}
