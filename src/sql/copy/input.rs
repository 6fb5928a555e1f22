//! COPY FROM STDIN: records to segments of the table, in the session's transaction.
//!
//! The connection's thread only finds where records end. Blocks of whole records become values, segments and sealed
//! files on threads of their own, as many as there are cores, and are added in their order.

use super::super::context::Context;
use super::super::dml::{Referring, Target, Work, rows};
use super::super::parser::Copy;
use super::super::values;
use super::cut::{Block, Cutter};
use super::parquet::{Gathered, Part};
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
    data: Data,
    reader: Arc<Reader>,
    loader: Loader,
    referring: Referring,
    header: bool,
}

/// What the data are, as they arrive.
enum Data {
    /// Records, which become rows while more arrive.
    Lines(Cutter),
    /// A Parquet file, which is read when all of it is here.
    Parquet(Gathered),
}

/// What turns data into rows.
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
        let numbered = |n: usize| target.table.columns[n].is_numbered() && !columns.contains(&n);
        // Rows are numbered in the order in which they come.
        let loader = match (0..target.table.columns.len()).any(numbered) {
            true => loader.one_by_one(),
            false => loader,
        };
        let (format, delimiter, quote) = (copy.format, copy.delimiter, copy.quote);
        let form = Arc::new(Form { format, delimiter, quote, null: copy.null });
        let reader = Arc::new(Reader { context, state, target, columns, form: form.clone() });
        let referring = Referring::default();
        let data = match copy.parquet {
            true => Data::Parquet(Gathered::default()),
            false => Data::Lines(Cutter::new(form)),
        };
        Ok(Self { data, reader, loader, referring, header: copy.header })
    }

    /// Takes a piece of data.
    pub async fn feed(&mut self, txn: &mut Transaction, data: &[u8]) -> Result<()> {
        self.reader.context.cancel.check()?;
        match &mut self.data {
            Data::Lines(cutter) => cutter.feed(data),
            Data::Parquet(file) => return file.feed(data),
        }
        while let Data::Lines(cutter) = &mut self.data
            && let Some(block) = cutter.block()
        {
            self.load_block(txn, block).await?;
        }
        Ok(())
    }

    /// Ends the data; gives the number of rows.
    pub async fn finish(mut self, txn: &mut Transaction) -> Result<usize> {
        match &mut self.data {
            Data::Lines(cutter) => {
                if let Some(block) = cutter.finish()? {
                    self.load_block(txn, block).await?;
                }
            }
            Data::Parquet(file) => {
                for part in std::mem::take(file).parts()? {
                    let reader = self.reader.clone();
                    self.load(txn, move || reader.rows_of_part(&part)).await?;
                }
            }
        }
        let work = Work::new(&self.reader.context, &self.reader.state, &[]);
        rows::finish(&work, txn, &self.reader.target, (self.loader, self.referring)).await
    }

    async fn load_block(&mut self, txn: &mut Transaction, block: Block) -> Result<()> {
        let (reader, header) = (self.reader.clone(), std::mem::take(&mut self.header));
        self.load(txn, move || reader.rows_of_block(&block, header)).await
    }

    async fn load(
        &mut self,
        txn: &mut Transaction,
        job: impl FnOnce() -> Result<Option<RecordBatch>> + Send + 'static,
    ) -> Result<()> {
        let work = Work::new(&self.reader.context, &self.reader.state, &[]);
        let loading = (&mut self.loader, &mut self.referring);
        rows::settle(&work, txn, &self.reader.target, loading, Loader::is_full).await?;
        self.loader.submit(job)
    }
}

impl Reader {
    /// The rows of a block; `header` says that its first record is none.
    fn rows_of_block(&self, block: &Block, header: bool) -> Result<Option<RecordBatch>> {
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
        let mut arrays = Vec::with_capacity(sinks.len());
        for (n, sink) in sinks.into_iter().enumerate() {
            let column = &table.columns[self.columns[n]];
            let read = sink.finish().map(|array| values::assign(&array, &column.data_type));
            arrays.push(match read {
                Some(Ok(array)) => array,
                // What is too long, and what the sink could not read: again, and more slowly.
                _ => self.column(block, header, n)?,
            });
        }
        self.whole(arrays, rows).map(Some)
    }

    /// The rows of a part of a Parquet file, whose columns are those of the statement by their names.
    fn rows_of_part(&self, part: &Part) -> Result<Option<RecordBatch>> {
        self.context.cancel.check()?;
        let table = &self.target.table;
        let batch = part.read()?;
        let named = |&column: &usize| {
            let (name, data_type) = (&table.columns[column].name, &table.columns[column].data_type);
            let array = batch.column_by_name(name).ok_or_else(|| {
                let message = format!("missing data for column \"{name}\"");
                Error::new(Kind::BadCopy, message).with_detail(format!("COPY {}", table.name))
            })?;
            values::assign(array, data_type).map_err(|error| {
                let detail = format!("COPY {}, column {name}", table.name);
                Error::new(error.kind(), error.message()).with_detail(detail)
            })
        };
        let arrays = self.columns.iter().map(named).collect::<Result<Vec<_>>>()?;
        if batch.num_columns() > self.columns.len() {
            return Err(Error::new(Kind::BadCopy, "extra data after last expected column")
                .with_detail(format!("COPY {}", table.name)));
        }
        self.whole(arrays, batch.num_rows()).map(Some)
    }

    /// Rows of the table, of which the statement's columns are given.
    fn whole(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let table = &self.target.table;
        let columns = self.columns.iter().map(|&column| &table.columns[column]);
        let fields: Vec<_> = columns.map(|column| column.data_type.field(&column.name)).collect();
        let batch = crate::txn::batch(Arc::new(Schema::new(fields)), arrays, rows)?;
        let mut given = vec![None; table.columns.len()];
        self.columns.iter().enumerate().for_each(|(at, &column)| given[column] = Some(at));
        let work = Work::new(&self.context, &self.state, &[]);
        work.whole_rows(table, &given, &batch)
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

#[cfg(test)]
mod tests {
    use super::super::testing;
    use crate::crypto::{KeySource, MasterKey};
    use crate::encoding::pg_text::cell_text;
    use crate::error::{Kind, Result};
    use crate::sql::{Database, Session};

    async fn copy(session: &mut Session, sql: &str, pieces: impl Iterator<Item = String>) -> Result<String> {
        testing::copy(session, sql, false, pieces).await
    }

    async fn one(session: &mut Session, sql: &str) -> String {
        let rows = session.query(sql).await.unwrap();
        let cells = rows[0].columns().iter().map(|column| cell_text(column, 0).unwrap_or_default());
        cells.collect::<Vec<_>>().join(" ")
    }

    /// Many blocks, made on several threads: nothing is lost, order is kept where it counts, and the first error is told
    /// with its line.
    #[tokio::test(flavor = "multi_thread")]
    async fn blocks_become_rows_in_their_order() {
        const ROWS: usize = 300_000;
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        session.query("CREATE TABLE t (id int PRIMARY KEY, price numeric(10,2), word text)").await.unwrap();
        session.query("CREATE TABLE numbered (no serial, word text)").await.unwrap();
        let line = |n: usize| format!("{n},{}.5,\"word {n}\"\n", n % 1000);
        let whole: String = std::iter::once("id,price,word\n".to_owned()).chain((1..=ROWS).map(line)).collect();
        let pieces = |text: &str| {
            let pieces = text.as_bytes().chunks(65_521).map(|piece| String::from_utf8(piece.to_vec()).unwrap());
            pieces.collect::<Vec<_>>().into_iter()
        };
        let into = "COPY t FROM STDIN WITH (FORMAT csv, HEADER)";
        assert_eq!(copy(&mut session, into, pieces(&whole)).await.unwrap(), format!("COPY {ROWS}"));
        let told = one(&mut session, "SELECT count(*), sum(id), sum(price), max(length(word)) FROM t").await;
        assert_eq!(told, "300000 45000150000 150000000.00 11");
        assert_eq!(one(&mut session, "SELECT price, word FROM t WHERE id = 262145").await, "145.50 word 262145");

        let again = copy(&mut session, into, pieces(&whole)).await.unwrap_err();
        assert_eq!((again.kind(), again.detail()), (Kind::Unique, Some("Key (id)=(1) already exists.")));
        for (good, bad, expected) in [
            ("\n200000,0.5,", "\n200000,0.5x,", "COPY t, line 200001, column price"),
            ("\n150000,0.5,", "\n150000,0.5,,", "COPY t, line 150001"),
        ] {
            let text = whole.replacen(good, bad, 1).replacen("\n290000,", "\nnonsense,", 1);
            session.query("TRUNCATE t").await.unwrap();
            let error = copy(&mut session, into, pieces(&text)).await.unwrap_err();
            assert_eq!(error.detail(), Some(expected), "{error}");
            assert_eq!(one(&mut session, "SELECT count(*) FROM t").await, "0");
        }
        let words: String = (1..=ROWS).map(|n| format!("{n}\n")).collect();
        copy(&mut session, "COPY numbered (word) FROM STDIN", pieces(&words)).await.unwrap();
        let told = one(&mut session, "SELECT count(*), count(*) FILTER (WHERE no::text = word) FROM numbered").await;
        assert_eq!(told, "300000 300000");
    }
}
