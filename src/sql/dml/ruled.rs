//! Quality rules of rows that are written: which rows are left out, put aside, repaired or counted.
//!
//! Rules are asked of rows as they would be written, behind domains and row policies and before constraints. Repairs come first, in the
//! order of the rules' names, and what is computed of repaired columns is computed anew. Then each row that a QUARANTINE rule finds wrong
//! is put aside, each that a DROP ROW rule finds wrong is left out; of those that are left FAIL UPDATE fails the statement, and WARN
//! counts. In an UPDATE a row that is put aside or left out stays what it was. A condition that is NULL finds nothing wrong, as that of a
//! CHECK constraint.
//!
//! What was done is gathered over all pieces of a statement ([`Kept`]) and told once, when it has succeeded. Rows that are put aside go
//! into the quarantine within the statement's transaction.

use super::super::ddl::{QUARANTINE_ACTOR, QUARANTINE_RULE, QUARANTINE_TIME, named_in};
use super::super::lineage;
use super::super::quality::{holds, read_by};
use super::super::tables;
use super::super::values::assign;
use super::{Target, Work, rows};
use crate::catalog::{ObjectId, OnViolation, QualityRule, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::{Transaction, pieces};
use arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::zip::zip;
use datafusion::common::DFSchema;
use datafusion::execution::memory_pool::MemoryReservation;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the rules of tables did to the rows of a statement. Clones are of the same statement.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<BTreeMap<ObjectId, OfTable>>>);

/// What the rules of one table did.
#[derive(Default)]
struct OfTable {
    /// By rule what it did, to how many rows of how many.
    done: BTreeMap<String, Done>,
    /// Rows that are to be put aside, in the columns of the quarantine.
    aside: Vec<(RecordBatch, MemoryReservation)>,
    aside_bytes: usize,
}

#[derive(Clone)]
struct Done {
    what: What,
    rows: u64,
    of: u64,
    /// Of those that were repaired, how many are wrong still.
    left: u64,
}

/// What a rule did to rows that it finds wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Warned,
    Dropped,
    PutAside,
    Repaired,
}

/// Why rows are written.
#[derive(Debug, Clone, Copy)]
pub enum Writing<'a> {
    /// They are new.
    New,
    /// They get other values in these columns.
    Changed(&'a [usize]),
    /// A foreign key changes them: they cannot stay what they were.
    Bound,
}

/// Rows as rules have left them.
pub struct Written {
    /// The rows that are to be written.
    pub rows: RecordBatch,
    /// For each row that was given whether it is among them; none if all are.
    pub kept: Option<BooleanArray>,
    /// Whether a rule has set a value: then what was asked of the rows before has to be asked of these.
    pub repaired: bool,
}

impl Work<'_> {
    /// The rules that are asked of rows of a table as they are written.
    fn rules_of(&self, table: &Table) -> Vec<&QualityRule> {
        let catalog = &self.context.snapshot.catalog;
        let Some((id, _)) = catalog.table(&table.schema, &table.name) else { return Vec::new() };
        let rules = catalog.rules_of(id).map(|(_, rule)| rule);
        rules.filter(|rule| !rule.disabled && rule.on_violation.is_some()).collect()
    }

    /// Places of the columns that rules may set.
    pub fn repaired(&self, table: &Table) -> Vec<usize> {
        let repairs = |rule: &&QualityRule| matches!(rule.on_violation, Some(OnViolation::Repair(_)));
        let rules = self.rules_of(table).into_iter().filter(repairs);
        rules.filter_map(|rule| table.column_index(rule.columns.first()?)).collect()
    }

    /// What the rules of a table make of rows.
    pub fn ruled(&self, table: &Table, batch: RecordBatch, writing: Writing<'_>) -> Result<Written> {
        let mut rules = self.rules_of(table);
        if let Writing::Changed(columns) = writing {
            // A row that was wrong before is not asked for what the statement leaves as it is.
            rules.retain(|rule| reads_any(rule, table, columns));
        }
        if rules.is_empty() || batch.num_rows() == 0 {
            return Ok(Written { rows: batch, kept: None, repaired: false });
        }
        let unseen = self.unseen(table, writing)?;
        // A number would tell of values that the role may not see.
        let tells = |rule: &QualityRule| !read_by(rule).iter().any(|column| unseen.contains(column));
        let mut told = Vec::new();
        let batch = self.repair(table, batch, &rules, writing, &mut told)?;
        let repaired = told.iter().any(|(_, what, rows, _)| *what == What::Repaired && *rows > 0);
        let schema = DFSchema::try_from(batch.schema().as_ref().clone())?;
        let mut alive = vec![true; batch.num_rows()];
        for what in [OnViolation::Quarantine, OnViolation::DropRow] {
            for rule in rules.iter().filter(|rule| rule.on_violation.as_ref() == Some(&what)) {
                let wrong = self.wrong((rule, table), &schema, &batch, &alive)?;
                if matches!(writing, Writing::Bound) {
                    told.push((rule.name.clone(), What::Warned, count(&wrong), 0));
                    continue;
                }
                let found = count(&wrong);
                if what == OnViolation::Quarantine && found > 0 {
                    self.put_aside(table, rule, &filter_record_batch(&batch, &BooleanArray::from(wrong.clone()))?)?;
                }
                let done = if what == OnViolation::Quarantine { What::PutAside } else { What::Dropped };
                told.push((rule.name.clone(), done, found, 0));
                alive.iter_mut().zip(&wrong).for_each(|(alive, wrong)| *alive &= !wrong);
            }
        }
        for rule in &rules {
            let fails = match &rule.on_violation {
                Some(OnViolation::FailUpdate) => true,
                Some(OnViolation::Warn) => false,
                _ => continue,
            };
            let found = count(&self.wrong((rule, table), &schema, &batch, &alive)?);
            if fails && found > 0 {
                let message =
                    format!("new row for relation \"{}\" violates quality rule \"{}\"", table.name, rule.name);
                return Err(Error::new(Kind::Check, message).about_constraint(table.qualified(), &rule.name));
            }
            if !fails && tells(rule) {
                told.push((rule.name.clone(), What::Warned, found, 0));
            }
        }
        if matches!(writing, Writing::Bound) {
            // It is another table's rows that the statement names.
            told.retain(|(name, ..)| rules.iter().any(|rule| rule.name == *name && tells(rule)));
        }
        self.note(table, told, batch.num_rows() as u64);
        if alive.iter().all(|alive| *alive) {
            return Ok(Written { rows: batch, kept: None, repaired });
        }
        let kept = BooleanArray::from(alive);
        Ok(Written { rows: filter_record_batch(&batch, &kept)?, kept: Some(kept), repaired })
    }

    /// The columns that the role does not see as they are and that it does not write.
    fn unseen(&self, table: &Table, writing: Writing<'_>) -> Result<Vec<String>> {
        let written = match writing {
            Writing::New => return Ok(Vec::new()),
            Writing::Changed(written) => written,
            Writing::Bound => &[],
        };
        let Some((id, _)) = self.context.snapshot.catalog.table(&table.schema, &table.name) else {
            return Ok(Vec::new());
        };
        let access = tables::access(self.context, id, table)?;
        let plain =
            |at: usize| access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none);
        let unseen = (0..table.columns.len()).filter(|at| !written.contains(at) && !plain(*at));
        Ok(unseen.map(|at| table.columns[at].name.clone()).collect())
    }

    /// Sets columns of rows that rules with a repair find wrong.
    fn repair(
        &self,
        table: &Table,
        mut batch: RecordBatch,
        rules: &[&QualityRule],
        writing: Writing<'_>,
        told: &mut Vec<(String, What, u64, u64)>,
    ) -> Result<RecordBatch> {
        let all = vec![true; batch.num_rows()];
        for rule in rules {
            let Some(OnViolation::Repair(value)) = &rule.on_violation else { continue };
            let schema = DFSchema::try_from(batch.schema().as_ref().clone())?;
            let wrong = self.wrong((rule, table), &schema, &batch, &all)?;
            let found = count(&wrong);
            if matches!(writing, Writing::Bound) {
                told.push((rule.name.clone(), What::Warned, found, 0));
                continue;
            }
            if found == 0 {
                told.push((rule.name.clone(), What::Repaired, 0, 0));
                continue;
            }
            let Some(at) = rule.columns.first().and_then(|column| table.column_index(column)) else { continue };
            let column = &table.columns[at];
            let repaired = self.compute(value, &schema, &batch);
            let repaired = repaired.map_err(|error| self.without_values(table, error, || called(rule, table)))?;
            let repaired = assign(&repaired, &column.data_type).map_err(|e| rows::name_column(e, &column.name))?;
            let mut columns = batch.columns().to_vec();
            columns[at] = zip(&BooleanArray::from(wrong.clone()), &repaired, &columns[at])?;
            let rows = batch.num_rows();
            batch = self.generate(table, crate::txn::batch(batch.schema(), columns, rows)?)?;
            let left = count(&self.wrong((rule, table), &schema, &batch, &wrong)?);
            told.push((rule.name.clone(), What::Repaired, found, left));
        }
        Ok(batch)
    }

    /// For each row whether a rule finds it wrong, among those that are asked for.
    fn wrong(
        &self,
        (rule, table): (&QualityRule, &Table),
        schema: &DFSchema,
        batch: &RecordBatch,
        asked: &[bool],
    ) -> Result<Vec<bool>> {
        let Some(condition) = holds(rule) else { return Ok(vec![false; batch.num_rows()]) };
        let result = self.compute(&condition, schema, batch);
        let result = result.map_err(|error| self.without_values(table, error, || called(rule, table)))?;
        // A NULL of no type is unknown for every row.
        let Some(holds) = result.as_any().downcast_ref::<BooleanArray>() else {
            return Ok(vec![false; batch.num_rows()]);
        };
        Ok(holds.iter().zip(asked).map(|(holds, asked)| *asked && holds == Some(false)).collect())
    }

    /// Notes what was done to rows of a table, of so many.
    fn note(&self, table: &Table, told: Vec<(String, What, u64, u64)>, of: u64) {
        let catalog = &self.context.snapshot.catalog;
        let Some((id, _)) = catalog.table(&table.schema, &table.name) else { return };
        let mut kept = self.rules.0.lock();
        let table = kept.entry(id).or_default();
        for (rule, what, rows, left) in told {
            let done = table.done.entry(rule).or_insert(Done { what, rows: 0, of: 0, left: 0 });
            done.rows += rows;
            done.left += left;
            done.of += of;
        }
    }

    /// Keeps rows for the quarantine of a table.
    fn put_aside(&self, table: &Table, rule: &QualityRule, wrong: &RecordBatch) -> Result<()> {
        let catalog = &self.context.snapshot.catalog;
        let Some((id, _)) = catalog.table(&table.schema, &table.name) else { return Ok(()) };
        let Some((_, quarantine)) = catalog.quarantine_of(id) else {
            return Err(Error::internal(format!("table \"{}\" has no quarantine", table.name)));
        };
        let rows = wrong.num_rows();
        let actor = catalog.role_name(self.context.role);
        let moment = chrono::Utc::now().timestamp_micros();
        let columns = quarantine.columns.iter().map(|column| {
            let values: ArrayRef = match column.name.as_str() {
                QUARANTINE_RULE => Arc::new(StringArray::from(vec![rule.name.as_str(); rows])),
                QUARANTINE_ACTOR => Arc::new(StringArray::from(vec![actor.as_str(); rows])),
                QUARANTINE_TIME => {
                    let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![moment; rows]));
                    arrow::compute::cast(&moments, &column.data_type.arrow())?
                }
                name => match table.column_index(name) {
                    Some(at) => assign(wrong.column(at), &column.data_type)?,
                    // One that the table has no more.
                    None => new_null_array(&column.data_type.arrow(), rows),
                },
            };
            Ok(values)
        });
        let batch = crate::txn::batch(quarantine.arrow_schema(), columns.collect::<Result<_>>()?, rows)?;
        let bytes = pieces::bytes(batch.columns());
        let held = self.hold(bytes)?;
        let mut kept = self.rules.0.lock();
        let table = kept.entry(id).or_default();
        table.aside_bytes += bytes;
        table.aside.push((batch, held));
        Ok(())
    }

    /// Puts rows into quarantines that are kept for them, if they are many.
    pub async fn put_many_aside(&self, txn: &mut Transaction) -> Result<()> {
        let many = self.rules.0.lock().values().any(|table| table.aside_bytes > self.piece_bytes());
        if many { self.put_all_aside(txn).await } else { Ok(()) }
    }

    async fn put_all_aside(&self, txn: &mut Transaction) -> Result<()> {
        let waiting: Vec<(ObjectId, Vec<(RecordBatch, MemoryReservation)>)> = {
            let mut kept = self.rules.0.lock();
            let tables = kept.iter_mut().filter(|(_, table)| !table.aside.is_empty());
            tables
                .map(|(id, table)| {
                    table.aside_bytes = 0;
                    (*id, std::mem::take(&mut table.aside))
                })
                .collect()
        };
        for (id, aside) in waiting {
            let found = self.context.snapshot.catalog.quarantine_of(id).map(|(id, table)| (id, table.clone()));
            let Some((quarantine_id, quarantine)) = found else { continue };
            let schema = quarantine.arrow_schema();
            let target = Target::of(quarantine_id, Arc::new(quarantine));
            self.use_table(txn, &target).await?;
            let batches: Vec<&RecordBatch> = aside.iter().map(|(batch, _)| batch).collect();
            let batch = arrow::compute::concat_batches(&schema, batches)?;
            rows::add(self, txn, quarantine_id, &batch)?;
        }
        Ok(())
    }

    /// The statement has changed all its rows: those that were put aside are kept, and what rules did is told. Numbers, and no values.
    pub async fn settle_rules(&self, txn: &mut Transaction) -> Result<()> {
        self.put_all_aside(txn).await?;
        let done: Vec<(ObjectId, BTreeMap<String, Done>)> = {
            let mut kept = self.rules.0.lock();
            std::mem::take(&mut *kept).into_iter().map(|(id, table)| (id, table.done)).collect()
        };
        let catalog = &self.context.snapshot.catalog;
        for (id, done) in done {
            let name = catalog.table_by_id(id).map_or("", |table| &table.name);
            for (rule, Done { what, rows, of, left }) in done.into_iter().filter(|(_, done)| done.rows > 0) {
                let told = format!("quality rule \"{rule}\" on table \"{name}\": {rows} of {of} rows");
                match what {
                    What::Warned => self.context.warn(format!("{told} violate it")),
                    What::Dropped => self.context.notice(format!("{told} left out")),
                    What::PutAside => {
                        let aside = catalog.quarantine_of(id).map_or("", |(_, table)| &table.name);
                        self.context.notice(format!("{told} put aside in \"{aside}\""));
                    }
                    What::Repaired => {
                        if let Some((_, rule)) = catalog.rules_of(id).find(|(_, known)| known.name == rule) {
                            lineage::by_rule(self.context, txn, rule);
                        }
                        self.context.notice(format!("{told} repaired"));
                        if left > 0 {
                            let told = format!("quality rule \"{rule}\" on table \"{name}\"");
                            self.context.warn(format!("{told}: {left} of the {rows} repaired rows violate it still"));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// How an error calls a rule.
fn called(rule: &QualityRule, table: &Table) -> String {
    format!("quality rule \"{}\" on table \"{}\"", rule.name, table.name)
}

fn count(rows: &[bool]) -> u64 {
    rows.iter().filter(|wrong| **wrong).count() as u64
}

/// Whether a rule reads one of the columns at these places, or one that is computed from others.
fn reads_any(rule: &QualityRule, table: &Table, columns: &[usize]) -> bool {
    let condition = holds(rule).unwrap_or_default();
    let read = named_in(&condition);
    let changes = |at: usize| {
        columns.contains(&at)
            || table.columns[at].generated.as_deref().is_some_and(|text| {
                let from = named_in(text);
                columns.iter().any(|column| from.contains(&table.columns[*column].name))
            })
    };
    (0..table.columns.len()).any(|at| read.contains(&table.columns[at].name) && changes(at))
}

#[cfg(test)]
mod tests {
    use crate::crypto::{KeySource, MasterKey};
    use crate::sql::{Database, Notice};
    use parking_lot::Mutex;
    use std::sync::Arc;

    /// What rules do is told once for each statement that succeeds: numbers, and nothing of what stood in the rows.
    #[tokio::test(flavor = "multi_thread")]
    async fn notices_tell_numbers_and_no_values() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let notices =
            Arc::new(move |notice: Notice| sink.lock().push(format!("{} {}", notice.severity, notice.message)));
        let mut session = database.session_with_notices("steward", notices).unwrap();
        for sql in [
            "CREATE TABLE t (id int PRIMARY KEY, a int, b text)",
            "CREATE QUALITY RULE a_drop ON t CHECK (a < 9000) ON VIOLATION DROP ROW",
            "CREATE QUALITY RULE a_warn ON t CHECK (a < 10) SEVERITY 'error' ON VIOLATION WARN",
            "CREATE QUALITY RULE b_aside ON t (b) METRIC regex ('^[a-z]*$') ON VIOLATION QUARANTINE",
            "CREATE QUALITY RULE b_known ON t (b) CHECK (b <> 'secret') ON VIOLATION REPAIR USING 'secret'",
        ] {
            session.query(sql).await.unwrap();
        }
        told.lock().clear();
        let sql = "INSERT INTO t VALUES (1, 1, 'x'), (2, 77, 'y'), (3, 9999, 'z'), (4, 4, 'A9'), (5, 5, 'secret')";
        session.query(sql).await.unwrap();
        let expected = [
            "NOTICE quality rule \"a_drop\" on table \"t\": 1 of 5 rows left out",
            "WARNING quality rule \"a_warn\" on table \"t\": 1 of 5 rows violate it",
            "NOTICE quality rule \"b_aside\" on table \"t\": 1 of 5 rows put aside in \"t_quarantine\"",
            "NOTICE quality rule \"b_known\" on table \"t\": 1 of 5 rows repaired",
            "WARNING quality rule \"b_known\" on table \"t\": 1 of the 1 repaired rows violate it still",
        ];
        assert_eq!(std::mem::take(&mut *told.lock()), expected);
        // A statement that fails tells nothing, nor does one that all rows pass.
        session.query("INSERT INTO t VALUES (6, 77, 'x'), (1, 1, 'x')").await.unwrap_err();
        session.query("INSERT INTO t VALUES (7, 7, 'x')").await.unwrap();
        assert!(told.lock().is_empty(), "{:?}", told.lock());
        session.query("CHECK QUALITY t").await.unwrap();
        let expected = [
            "WARNING quality rule \"a_warn\" on \"t\" fails: 1 of 4 rows",
            "NOTICE quality rule \"b_known\" on \"t\" fails: 1 of 4 rows",
        ];
        assert_eq!(std::mem::take(&mut *told.lock()), expected);
        // A role that does not see what it does not write is told no number of it.
        for sql in [
            "CREATE ROLE clerk",
            "GRANT SELECT (id), UPDATE ON t TO clerk",
            "CREATE OR REPLACE QUALITY RULE a_warn ON t CHECK (a < id) ON VIOLATION WARN",
            "SET ROLE clerk",
            "UPDATE t SET id = id + 0 WHERE id = 7",
        ] {
            session.query(sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
        }
        assert!(told.lock().is_empty(), "{:?}", told.lock());
    }
}
