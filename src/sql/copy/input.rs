//! COPY FROM: records to segments of the table, in the session's transaction.
//!
//! The connection's thread only finds where records end. Blocks of whole records become values, segments and sealed
//! files on threads of their own, as many as there are cores, and are added in their order.

use super::super::context::Context;
use super::super::dml::{KeptRules, Referring, Target, Work, rows};
use super::super::lineage::imported;
use super::super::parser::{Chosen, CopyForm, CopyFormat, CopyHeader};
use super::super::values;
use super::binary::{BinaryForm, TupleCutter, Tuples};
use super::cut::{Block, Cutter};
use super::parquet::{Gathered, Part};
use super::recode::Recoder;
use super::sink::Sink;
use super::split::{Form, Value};
use crate::catalog::Place;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::txn::{Loader, Transaction};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::Schema;
use datafusion::execution::SessionState;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// A COPY that is receiving data.
pub struct CopyIn {
    data: Data,
    reader: Arc<Reader>,
    loader: Loader,
    referring: Referring,
    header: CopyHeader,
    /// Where the data come from.
    place: Place,
}

/// What the data are, as they arrive.
enum Data {
    /// Records, which become rows while more arrive; in another encoding than UTF-8 they have a recoder.
    Lines(Cutter, Option<Recoder>),
    /// Rows in the binary form.
    Tuples(TupleCutter, Arc<dyn BinaryForm>),
    /// A Parquet file, which is read when all of it is here.
    Parquet(Gathered),
}

/// Where the data go.
pub(super) struct Destination {
    /// The table.
    pub target: Target,
    /// Its columns that the data have.
    pub columns: Vec<usize>,
    /// Which rows come in; all without one.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}

/// What turns data into rows.
struct Reader {
    context: Arc<Context>,
    state: SessionState,
    into: Destination,
    form: Arc<Form>,
    /// What quality rules did to the rows so far.
    rules: KeptRules,
}

impl CopyIn {
    /// A COPY of data in this form.
    pub(super) fn new(
        (context, state): (Arc<Context>, SessionState),
        txn: &Transaction,
        into: Destination,
        form: &CopyForm,
        binary: Option<Arc<dyn BinaryForm>>,
    ) -> Result<Self> {
        let loader = Loader::new(context.database.manager.clone(), txn, into.target.id)?;
        let table = into.target.table.clone();
        let numbered = |n: usize| table.columns[n].is_numbered() && !into.columns.contains(&n);
        // Rows are numbered in the order in which they come.
        let loader = match (0..table.columns.len()).any(numbered) {
            true => loader.one_by_one(),
            false => loader,
        };
        let lines = Arc::new(Form {
            csv: form.format == CopyFormat::Csv,
            delimiter: form.delimiter,
            quote: form.quote,
            escape: form.escape,
            null: form.null.clone(),
            force_not_null: into.chosen("FORCE_NOT_NULL", &form.force_not_null)?,
            force_null: into.chosen("FORCE_NULL", &form.force_null)?,
            table: table.name.clone(),
        });
        let data = match (form.format, binary) {
            (CopyFormat::Parquet, _) => Data::Parquet(Gathered::default()),
            (CopyFormat::Binary, Some(binary)) => {
                Data::Tuples(TupleCutter::new(into.columns.len(), table.name.clone()), binary)
            }
            _ => {
                let charset = form.encoding.unwrap_or_else(|| context.settings.charset());
                Data::Lines(Cutter::new(lines.clone()), Recoder::new(charset, &table.name))
            }
        };
        let reader = Arc::new(Reader { context, state, into, form: lines, rules: KeptRules::default() });
        let (referring, place) = (Referring::default(), Place::Client);
        Ok(Self { data, reader, loader, referring, header: form.header, place })
    }

    /// The same COPY of data that come from there.
    pub(super) fn with_place(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Takes a piece of data.
    pub async fn feed(&mut self, txn: &mut Transaction, data: &[u8]) -> Result<()> {
        self.reader.context.cancel.check()?;
        match &mut self.data {
            Data::Lines(cutter, None) => cutter.feed(data),
            Data::Lines(cutter, Some(recoder)) => cutter.feed(recoder.feed(data)?.as_bytes()),
            Data::Tuples(cutter, _) => cutter.feed(data)?,
            Data::Parquet(file) => return file.feed(data),
        }
        self.load_cut(txn).await
    }

    /// Loads what is there in whole blocks.
    async fn load_cut(&mut self, txn: &mut Transaction) -> Result<()> {
        loop {
            match &mut self.data {
                Data::Lines(cutter, _) => match cutter.block()? {
                    Some(block) => self.load_block(txn, block).await?,
                    None => return Ok(()),
                },
                Data::Tuples(cutter, binary) => match cutter.tuples()? {
                    Some(tuples) => {
                        let binary = binary.clone();
                        self.load_tuples(txn, tuples, binary).await?;
                    }
                    None => return Ok(()),
                },
                Data::Parquet(_) => return Ok(()),
            }
        }
    }

    /// Ends the data; gives the number of rows.
    pub async fn finish(mut self, txn: &mut Transaction) -> Result<usize> {
        if let Data::Lines(_, Some(recoder)) = &mut self.data {
            recoder.finish()?;
        }
        self.load_rest(txn).await?;
        let work = self.reader.work();
        let into = &self.reader.into;
        let rows = rows::finish(&work, txn, &into.target, (self.loader, self.referring)).await?;
        work.settle_rules(txn).await?;
        if rows > 0 {
            let columns = into.columns.iter().map(|&at| into.target.table.columns[at].name.as_str());
            imported((&self.reader.context, txn), &self.place, into.target.id, columns);
        }
        Ok(rows)
    }

    async fn load_rest(&mut self, txn: &mut Transaction) -> Result<()> {
        loop {
            match &mut self.data {
                Data::Lines(cutter, _) => match cutter.finish()? {
                    Some(block) => self.load_block(txn, block).await?,
                    None if self.header == CopyHeader::Match => return self.reader.must_name_columns(1, &[]),
                    None => return Ok(()),
                },
                Data::Tuples(cutter, binary) => match cutter.finish()? {
                    Some(tuples) => {
                        let binary = binary.clone();
                        self.load_tuples(txn, tuples, binary).await?;
                    }
                    None => return Ok(()),
                },
                Data::Parquet(file) => {
                    for part in std::mem::take(file).parts()? {
                        let reader = self.reader.clone();
                        self.load(txn, move || reader.rows_of_part(&part)).await?;
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn load_block(&mut self, txn: &mut Transaction, block: Block) -> Result<()> {
        let (reader, header) = (self.reader.clone(), std::mem::replace(&mut self.header, CopyHeader::None));
        self.load(txn, move || reader.rows_of_block(&block, header)).await
    }

    async fn load_tuples(&mut self, txn: &mut Transaction, tuples: Tuples, binary: Arc<dyn BinaryForm>) -> Result<()> {
        let reader = self.reader.clone();
        self.load(txn, move || reader.rows_of_tuples(&tuples, binary.as_ref())).await
    }

    async fn load(
        &mut self,
        txn: &mut Transaction,
        job: impl FnOnce() -> Result<Option<RecordBatch>> + Send + 'static,
    ) -> Result<()> {
        let work = self.reader.work();
        work.put_many_aside(txn).await?;
        let loading = (&mut self.loader, &mut self.referring);
        rows::settle(&work, txn, &self.reader.into.target, loading, Loader::is_full).await?;
        self.loader.submit(job)
    }
}

impl Destination {
    /// By column of the data, whether an option names it; empty where it names none.
    fn chosen(&self, option: &str, chosen: &Chosen) -> Result<Vec<bool>> {
        let names = match chosen {
            Chosen::All => return Ok(vec![true; self.columns.len()]),
            Chosen::Named(names) if names.is_empty() => return Ok(Vec::new()),
            Chosen::Named(names) => names,
        };
        let table = &self.target.table;
        for name in names {
            let Some(at) = table.column_index(name) else {
                fail!(UndefinedColumn, "column \"{name}\" of relation \"{}\" does not exist", table.name);
            };
            if !self.columns.contains(&at) {
                fail!(InvalidColumnReference, "{option} column \"{name}\" not referenced by COPY");
            }
        }
        Ok(self.columns.iter().map(|&column| names.contains(&table.columns[column].name)).collect())
    }
}

impl Reader {
    /// The work of the statement.
    fn work(&self) -> Work<'_> {
        Work::new(&self.context, &self.state).with_rules(self.rules.clone())
    }

    /// The rows of a block; `header` says that its first record is none.
    fn rows_of_block(&self, block: &Block, header: CopyHeader) -> Result<Option<RecordBatch>> {
        self.context.cancel.check()?;
        let (table, columns) = (&self.into.target.table, &self.into.columns);
        let mut sinks: Vec<Sink> = columns.iter().map(|&c| Sink::new(&table.columns[c].data_type)).collect();
        let (mut rows, mut header_left) = (0, header);
        self.form.records(block, |line, values| {
            match std::mem::replace(&mut header_left, CopyHeader::None) {
                CopyHeader::None => {}
                CopyHeader::Line => return Ok(()),
                CopyHeader::Match => return self.must_name_columns(line, values),
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
            let column = &table.columns[columns[n]];
            let read = sink.finish().map(|array| self.context.zone().assign(&array, &column.data_type));
            arrays.push(match read {
                Some(Ok(array)) => array,
                // What is too long, and what the sink could not read: again, and more slowly.
                _ => self.column(block, header != CopyHeader::None, n)?,
            });
        }
        self.placed(arrays, rows, |row| self.line_of(block, header != CopyHeader::None, row)).map(Some)
    }

    /// The line of the n-th row of a block.
    fn line_of(&self, block: &Block, header: bool, row: usize) -> u64 {
        let (mut left, mut found) = (row + usize::from(header), block.line);
        // What could go wrong has, when the rows were read.
        let _ = self.form.records(block, |line, _| {
            found = line;
            left = left.checked_sub(1).ok_or_else(|| Error::internal("it is found"))?;
            Ok(())
        });
        found
    }

    /// The rows of a block in the binary form.
    fn rows_of_tuples(&self, tuples: &Tuples, binary: &dyn BinaryForm) -> Result<Option<RecordBatch>> {
        self.context.cancel.check()?;
        let (table, columns) = (&self.into.target.table, &self.into.columns);
        let mut arrays = Vec::with_capacity(columns.len());
        for (values, &at) in tuples.columns(columns.len()).iter().zip(columns) {
            let column = &table.columns[at];
            let field = column.data_type.field(&column.name);
            let charset = self.context.settings.charset();
            let array = |values: &[Option<&[u8]>]| {
                binary.read((&field, charset), values).and_then(|array| values::assign(&array, &column.data_type))
            };
            arrays.push(array(values).map_err(|error| {
                // One by one, to say which it was.
                let bad = (values.iter()).position(|value| array(std::slice::from_ref(value)).is_err()).unwrap_or(0);
                let line = tuples.first + bad as u64;
                error.with_context(format!("COPY {}, line {line}, column {}", table.name, column.name))
            })?);
        }
        self.placed(arrays, tuples.rows, |row| tuples.first + row as u64).map(Some)
    }

    /// As [`Self::whole`]; an error says in which line the first row is that a condition or constraint refuses.
    fn placed(&self, arrays: Vec<ArrayRef>, rows: usize, line: impl Fn(usize) -> u64) -> Result<RecordBatch> {
        let mut error = match self.whole(arrays.clone(), rows) {
            Err(error) if error.context().is_none() => error,
            other => return other,
        };
        // The least number of rows that are refused together.
        let first = |rows: usize| arrays.iter().map(|array| array.slice(0, rows)).collect();
        let (mut good, mut bad) = (0, rows);
        while good + 1 < bad {
            let middle = good + (bad - good) / 2;
            match self.whole(first(middle), middle) {
                Ok(_) => good = middle,
                Err(earlier) => (bad, error) = (middle, earlier),
            }
        }
        Err(error.with_context(self.form.context(line(good))))
    }

    /// Refuses a first line that does not name the columns. What it holds may be data, and is not told.
    fn must_name_columns(&self, line: u64, values: &[Value<'_>]) -> Result<()> {
        let (table, columns) = (&self.into.target.table, &self.into.columns);
        let context = |error: Error| Err(error.with_context(self.form.context(line)));
        // Nothing at all is a line with one empty value.
        let got = values.len().max(1);
        if got != columns.len() {
            let message = format!("wrong number of fields in header line: got {got}, expected {}", columns.len());
            return context(Error::new(Kind::BadCopy, message));
        }
        for (n, &column) in columns.iter().enumerate() {
            let name = &table.columns[column].name;
            if values.get(n).and_then(Option::as_deref) != Some(name) {
                let message = format!("column name mismatch in header line field {}: expected \"{name}\"", n + 1);
                return context(Error::new(Kind::BadCopy, message));
            }
        }
        Ok(())
    }

    /// The rows of a part of a Parquet file, whose columns are those of the statement by their names.
    fn rows_of_part(&self, part: &Part) -> Result<Option<RecordBatch>> {
        self.context.cancel.check()?;
        let table = &self.into.target.table;
        let batch = part.read()?;
        let named = |&column: &usize| {
            let (name, data_type) = (&table.columns[column].name, &table.columns[column].data_type);
            let array = batch.column_by_name(name).ok_or_else(|| {
                let message = format!("missing data for column \"{name}\"");
                Error::new(Kind::BadCopy, message).with_context(format!("COPY {}", table.name))
            })?;
            self.context.zone().assign(array, data_type).map_err(|error| {
                let context = format!("COPY {}, column {name}", table.name);
                Error::new(error.kind(), error.message()).with_context(context)
            })
        };
        let arrays = self.into.columns.iter().map(named).collect::<Result<Vec<_>>>()?;
        if batch.num_columns() > self.into.columns.len() {
            return Err(Error::new(Kind::BadCopy, "extra data after last expected column")
                .with_context(format!("COPY {}", table.name)));
        }
        self.whole(arrays, batch.num_rows()).map(Some)
    }

    /// Rows of the table, of which the statement's columns are given.
    fn whole(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let table = &self.into.target.table;
        let columns = self.into.columns.iter().map(|&column| &table.columns[column]);
        let fields: Vec<_> = columns.map(|column| column.data_type.field(&column.name)).collect();
        let batch = crate::txn::batch(Arc::new(Schema::new(fields)), arrays, rows)?;
        let mut given = vec![None; table.columns.len()];
        self.into.columns.iter().enumerate().for_each(|(at, &column)| given[column] = Some(at));
        let work = self.work();
        work.rows_where(&self.into.target, &given, &batch, self.into.condition.as_ref())
    }

    fn check_count(&self, line: u64, count: usize) -> Result<()> {
        let table = &self.into.target.table;
        let context = || self.form.context(line);
        if count > self.into.columns.len() {
            return Err(Error::new(Kind::BadCopy, "extra data after last expected column").with_context(context()));
        }
        match self.into.columns.get(count) {
            None => Ok(()),
            Some(&missing) => {
                let name = &table.columns[missing].name;
                Err(Error::new(Kind::BadCopy, format!("missing data for column \"{name}\"")).with_context(context()))
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
        let column = &self.into.target.table.columns[self.into.columns[n]];
        let array: ArrayRef = Arc::new(texts.clone());
        self.context.zone().assign(&array, &column.data_type).map_err(|error| {
            let place = values::first_unreadable(&texts, &column.data_type).and_then(|row| lines.get(row));
            let place = place.map_or(String::new(), |line| format!(", line {line}"));
            let context = format!("COPY {}{place}, column {}", self.into.target.table.name, column.name);
            Error::new(error.kind(), error.message()).with_context(context)
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
            assert_eq!(error.context(), Some(expected), "{error}");
            assert_eq!(one(&mut session, "SELECT count(*) FROM t").await, "0");
        }
        let words: String = (1..=ROWS).map(|n| format!("{n}\n")).collect();
        copy(&mut session, "COPY numbered (word) FROM STDIN", pieces(&words)).await.unwrap();
        let told = one(&mut session, "SELECT count(*), count(*) FILTER (WHERE no::text = word) FROM numbered").await;
        assert_eq!(told, "300000 300000");
    }

    /// Rules are asked on all threads: each row once, whatever block it comes in, and what fails is told with its line.
    #[tokio::test(flavor = "multi_thread")]
    async fn rules_are_asked_of_every_block() {
        const ROWS: usize = 200_000;
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        session.query("CREATE TABLE t (id int PRIMARY KEY, a int, word text)").await.unwrap();
        let rule =
            |action: &str| format!("CREATE OR REPLACE QUALITY RULE r ON t (a) CHECK (a < 90) ON VIOLATION {action}");
        let whole: String = (1..=ROWS).map(|n| format!("{n},{},word {n}\n", n % 100)).collect();
        let pieces = || {
            let pieces = whole.as_bytes().chunks(65_521).map(|piece| String::from_utf8(piece.to_vec()).unwrap());
            pieces.collect::<Vec<_>>().into_iter()
        };
        let into = "COPY t FROM STDIN WITH (FORMAT csv)";
        session.query(&rule("DROP ROW")).await.unwrap();
        assert_eq!(copy(&mut session, into, pieces()).await.unwrap(), format!("COPY {}", ROWS / 10 * 9));
        assert_eq!(one(&mut session, "SELECT count(*), max(a) FROM t").await, "180000 89");
        session.query("TRUNCATE t").await.unwrap();
        session.query(&rule("QUARANTINE")).await.unwrap();
        assert_eq!(copy(&mut session, into, pieces()).await.unwrap(), format!("COPY {}", ROWS / 10 * 9));
        let aside = one(&mut session, "SELECT count(*), count(DISTINCT id), min(a) FROM t_quarantine").await;
        assert_eq!(aside, "20000 20000 90");
        session.query("TRUNCATE t").await.unwrap();
        session.query(&rule("REPAIR USING a - 90")).await.unwrap();
        assert_eq!(copy(&mut session, into, pieces()).await.unwrap(), format!("COPY {ROWS}"));
        assert_eq!(one(&mut session, "SELECT count(*), max(a) FROM t").await, "200000 89");
        session.query("TRUNCATE t").await.unwrap();
        session.query(&rule("FAIL UPDATE")).await.unwrap();
        let error = copy(&mut session, into, pieces()).await.unwrap_err();
        let context = error.context().unwrap_or_default();
        assert!(error.kind() == Kind::Check && context.starts_with("COPY t, line 90"), "{error} {context}");
        assert_eq!(one(&mut session, "SELECT count(*) FROM t").await, "0");
    }
}
