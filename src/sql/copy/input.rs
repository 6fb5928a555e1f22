//! COPY FROM STDIN: records to segments of the table, in the session's transaction.
//!
//! The connection's thread only finds where records end. Blocks of whole records become values, segments and sealed
//! files on threads of their own, as many as there are cores, and are added in their order.

use super::super::context::Context;
use super::super::dml::{Referring, Target, Work, rows};
use super::super::parser::Copy;
use super::super::values;
use super::cut::{Block, Cutter};
use super::sink::Sink;
use super::split::Form;
use crate::error::{Error, Kind, Result};
use crate::txn::{Loader, Transaction};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::Schema;
use datafusion::execution::SessionState;
use std::sync::Arc;

/// A COPY that is receiving data.
pub struct CopyIn {
    cutter: Cutter,
    reader: Arc<Reader>,
    loader: Loader,
    referring: Referring,
    header: bool,
}

/// What turns blocks into rows.
struct Reader {
    context: Arc<Context>,
    state: SessionState,
    target: Target,
    columns: Vec<usize>,
    form: Arc<Form>,
}

impl CopyIn {
    /// A COPY into these columns of the table.
    pub(super) fn new(
        (context, state): (Arc<Context>, SessionState),
        txn: &Transaction,
        target: Target,
        columns: Vec<usize>,
        copy: Copy,
    ) -> Result<Self> {
        let loader = Loader::new(context.database.manager.clone(), txn, target.id)?;
        let numbered = |n: usize| target.table.columns[n].identity && !columns.contains(&n);
        // Rows are numbered in the order in which they come.
        let loader = match (0..target.table.columns.len()).any(numbered) {
            true => loader.one_by_one(),
            false => loader,
        };
        let (format, delimiter, quote) = (copy.format, copy.delimiter, copy.quote);
        let form = Arc::new(Form { format, delimiter, quote, null: copy.null });
        let reader = Arc::new(Reader { context, state, target, columns, form: form.clone() });
        let referring = Referring::default();
        Ok(Self { cutter: Cutter::new(form), reader, loader, referring, header: copy.header })
    }

    /// Takes a piece of data.
    pub async fn feed(&mut self, txn: &mut Transaction, data: &[u8]) -> Result<()> {
        self.reader.context.cancel.check()?;
        self.cutter.feed(data);
        while let Some(block) = self.cutter.block() {
            self.load(txn, block).await?;
        }
        Ok(())
    }

    /// Ends the data; gives the number of rows.
    pub async fn finish(mut self, txn: &mut Transaction) -> Result<usize> {
        if let Some(block) = self.cutter.finish()? {
            self.load(txn, block).await?;
        }
        let work = Work::new(&self.reader.context, &self.reader.state, &[]);
        rows::finish(&work, txn, &self.reader.target, (self.loader, self.referring)).await
    }

    async fn load(&mut self, txn: &mut Transaction, block: Block) -> Result<()> {
        let work = Work::new(&self.reader.context, &self.reader.state, &[]);
        let loading = (&mut self.loader, &mut self.referring);
        rows::settle(&work, txn, &self.reader.target, loading, Loader::is_full).await?;
        let (reader, header) = (self.reader.clone(), std::mem::take(&mut self.header));
        self.loader.submit(move || reader.rows(&block, header))
    }
}

impl Reader {
    /// The rows of a block; `header` says that its first record is none.
    fn rows(&self, block: &Block, header: bool) -> Result<Option<RecordBatch>> {
        self.context.cancel.check()?;
        let table = &self.target.table;
        let mut sinks: Vec<Sink> = self.columns.iter().map(|&c| Sink::new(&table.columns[c].data_type)).collect();
        let (mut rows, mut skip) = (0, header);
        self.form.records(block, |line, values| {
            if std::mem::take(&mut skip) {
                return Ok(());
            }
            self.check_count(line, values.len())?;
            sinks.iter_mut().zip(values).for_each(|(sink, value)| sink.push(value.as_deref()));
            rows += 1;
            Ok(())
        })?;
        if rows == 0 {
            return Ok(None);
        }
        let mut fields = Vec::with_capacity(sinks.len());
        let mut arrays = Vec::with_capacity(sinks.len());
        for (n, sink) in sinks.into_iter().enumerate() {
            let column = &table.columns[self.columns[n]];
            fields.push(column.data_type.field(&column.name));
            let read = sink.finish().map(|array| values::assign(&array, &column.data_type));
            arrays.push(match read {
                Some(Ok(array)) => array,
                // What is too long, and what the sink could not read: again, and more slowly.
                _ => self.column(block, header, n)?,
            });
        }
        let batch: RecordBatch = crate::txn::batch(Arc::new(Schema::new(fields)), arrays, rows)?;
        let mut given = vec![None; table.columns.len()];
        self.columns.iter().enumerate().for_each(|(at, &column)| given[column] = Some(at));
        let work = Work::new(&self.context, &self.state, &[]);
        work.whole_rows(self.target.id, table, &given, &batch).map(Some)
    }

    fn check_count(&self, line: u64, count: usize) -> Result<()> {
        let table = &self.target.table;
        let context = || format!("COPY {}, line {line}", table.name);
        if count > self.columns.len() {
            return Err(Error::new(Kind::BadCopy, "extra data after last expected column").with_detail(context()));
        }
        match self.columns.get(count) {
            None => Ok(()),
            Some(&missing) => {
                let name = &table.columns[missing].name;
                Err(Error::new(Kind::BadCopy, format!("missing data for column \"{name}\"")).with_detail(context()))
            }
        }
    }

    /// One column by the input function of its type, which reads every form and says what it cannot read.
    fn column(&self, block: &Block, header: bool, n: usize) -> Result<ArrayRef> {
        let (mut texts, mut lines, mut skip) = (StringBuilder::new(), Vec::new(), header);
        self.form.records(block, |line, values| {
            if !std::mem::take(&mut skip) {
                texts.append_option(values.get(n).and_then(|value| value.as_deref()));
                lines.push(line);
            }
            Ok(())
        })?;
        let texts = texts.finish();
        let column = &self.target.table.columns[self.columns[n]];
        let array: ArrayRef = Arc::new(texts.clone());
        values::assign(&array, &column.data_type).map_err(|error| {
            let place = values::first_unreadable(&texts, &column.data_type).and_then(|row| lines.get(row));
            let place = place.map_or(String::new(), |line| format!(", line {line}"));
            let detail = format!("COPY {}{place}, column {}", self.target.table.name, column.name);
            Error::new(error.kind(), error.message()).with_detail(detail)
        })
    }
}
