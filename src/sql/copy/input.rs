//! COPY FROM STDIN: records to segments of the table, in the session's transaction.

use super::super::context::Context;
use super::super::dml::{Referring, Target, Work, rows};
use super::super::parser::Copy;
use super::super::run::blocking;
use super::super::values;
use super::split::{Record, Splitter};
use crate::config::SEGMENT_ROWS_MAX;
use crate::error::{Error, Kind, Result};
use crate::txn::Transaction;
use arrow::array::{ArrayRef, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::Schema;
use datafusion::execution::SessionState;
use std::sync::Arc;

/// Bytes of text gathered before they become rows: bounds memory whatever the rows are.
const GATHER_BYTES_MAX: usize = 32 << 20;

/// A COPY that is receiving data.
pub struct CopyIn {
    target: Target,
    columns: Vec<usize>,
    splitter: Splitter,
    skip_header: bool,
    builders: Vec<StringBuilder>,
    /// Line of each record gathered.
    lines: Vec<u64>,
    bytes: usize,
    rows: usize,
    referring: Referring,
}

impl CopyIn {
    /// A COPY into these columns of the table.
    pub(super) fn new(target: Target, columns: Vec<usize>, copy: Copy) -> Self {
        let builders = columns.iter().map(|_| StringBuilder::new()).collect();
        let splitter = Splitter::new(copy.format, copy.delimiter, copy.quote, copy.null);
        Self {
            target,
            columns,
            splitter,
            skip_header: copy.header,
            builders,
            lines: Vec::new(),
            bytes: 0,
            rows: 0,
            referring: Referring::default(),
        }
    }

    /// Takes a piece of data.
    pub async fn feed(
        &mut self,
        context: &Arc<Context>,
        state: &SessionState,
        txn: &mut Transaction,
        data: &[u8],
    ) -> Result<()> {
        context.cancel.check()?;
        self.split(Some(data))?;
        if self.bytes >= GATHER_BYTES_MAX || self.lines.len() >= SEGMENT_ROWS_MAX {
            self.flush(context, state, txn).await?;
        }
        Ok(())
    }

    /// Ends the data; gives the number of rows.
    pub async fn finish(
        mut self,
        context: &Arc<Context>,
        state: &SessionState,
        txn: &mut Transaction,
    ) -> Result<usize> {
        self.split(None)?;
        self.flush(context, state, txn).await?;
        self.referring.end(&Work::new(context, state, &[]), txn, &self.target).await?;
        Ok(self.rows)
    }

    /// Splits a piece, or with none what is left.
    fn split(&mut self, data: Option<&[u8]>) -> Result<()> {
        let Self { target, columns, splitter, skip_header, builders, lines, bytes, .. } = self;
        let table = &target.table;
        let mut each = |line: u64, record: Record| -> Result<()> {
            if std::mem::take(skip_header) {
                return Ok(());
            }
            let context = || format!("COPY {}, line {line}", table.name);
            if record.len() > columns.len() {
                return Err(Error::new(Kind::BadCopy, "extra data after last expected column").with_detail(context()));
            }
            if let Some(&missing) = columns.get(record.len()) {
                let name = &table.columns[missing].name;
                return Err(
                    Error::new(Kind::BadCopy, format!("missing data for column \"{name}\"")).with_detail(context())
                );
            }
            for (builder, value) in builders.iter_mut().zip(&record) {
                *bytes += value.as_ref().map_or(1, |v| v.len() + 8);
                builder.append_option(value.as_deref());
            }
            lines.push(line);
            Ok(())
        };
        match data {
            Some(data) => splitter.feed(data, &mut each),
            None => splitter.finish(&mut each),
        }
    }

    async fn flush(&mut self, context: &Arc<Context>, state: &SessionState, txn: &mut Transaction) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let work = Work::new(context, state, &[]);
        let whole = blocking(|| self.whole_rows(&work))?;
        work.lock_keys(txn, &self.target, &whole).await?;
        blocking(|| rows::add(&work, txn, self.target.id, &whole))?;
        self.referring.add(&work, txn, &self.target, &whole).await
    }

    /// The rows gathered.
    fn whole_rows(&mut self, work: &Work<'_>) -> Result<RecordBatch> {
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let texts: Vec<StringArray> = self.builders.iter_mut().map(StringBuilder::finish).collect();
        let mut fields = Vec::with_capacity(texts.len());
        let mut arrays = Vec::with_capacity(texts.len());
        for (text, &column) in texts.iter().zip(&self.columns) {
            let array: ArrayRef = Arc::new(text.clone());
            let column = &self.target.table.columns[column];
            let values = values::assign(&array, &column.data_type).map_err(|error| {
                let place = values::first_unreadable(text, &column.data_type).and_then(|row| lines.get(row));
                let place = place.map_or(String::new(), |line| format!(", line {line}"));
                let detail = format!("COPY {}{place}, column {}", self.target.table.name, column.name);
                Error::new(error.kind(), error.message()).with_detail(detail)
            })?;
            fields.push(column.data_type.field(&column.name));
            arrays.push(values);
        }
        let batch: RecordBatch = crate::txn::batch(Arc::new(Schema::new(fields)), arrays, lines.len())?;
        let mut given = vec![None; self.target.table.columns.len()];
        self.columns.iter().enumerate().for_each(|(at, &column)| given[column] = Some(at));
        self.rows += lines.len();
        work.whole_rows(self.target.id, &self.target.table, &given, &batch)
    }
}
