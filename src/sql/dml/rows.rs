//! Values on their way into a table: assignment casts, defaults, NOT NULL, CHECK.

use super::super::locking;
use super::super::planner::Planner;
use super::super::run::blocking;
use super::super::tables;
use super::policed::Rows;
use super::ruled::Writing;
use super::{Referring, Target, Work};
use crate::catalog::{ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::txn::{Loader, Mode, Prepared, Transaction};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

impl Work<'_> {
    /// Whole rows of the target's table, as quality rules leave them, out of values for some of its columns: `given[c]` is where column `c` is found in
    /// `batch`; the others get their default. Everything is checked but keys.
    pub async fn whole_rows(
        &self,
        target: &Target,
        given: &[Option<usize>],
        batch: &RecordBatch,
    ) -> Result<RecordBatch> {
        let columns = self.columns(target.filled(), given, batch)?;
        let whole = self.generate(&target.table, made(&target.table, columns, batch.num_rows())?)?;
        self.check_domains(&target.table, &whole)?;
        // What a rule puts aside is written too: row policies come first, and once more only for what rules have repaired.
        self.police(target, Rows::Added, &whole).await?;
        let written = self.ruled(&target.table, whole, Writing::New)?;
        if written.repaired {
            self.check_domains(&target.table, &written.rows)?;
            self.police(target, Rows::Added, &written.rows).await?;
        }
        self.check_constraints(&target.table, &written.rows)?;
        Ok(written.rows)
    }

    /// As [`Self::whole_rows`], where nothing can be waited for; with a condition only the rows that it holds for, and what it leaves
    /// out is not checked.
    pub fn rows_where(
        &self,
        target: &Target,
        given: &[Option<usize>],
        batch: &RecordBatch,
        condition: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<RecordBatch> {
        let table = &target.table;
        let mut all = made(table, self.columns(target.filled(), given, batch)?, batch.num_rows())?;
        if let Some(condition) = condition {
            let holds = condition.evaluate(&all)?.into_array(all.num_rows())?;
            let Some(holds) = holds.as_any().downcast_ref::<BooleanArray>() else {
                return Err(Error::internal("a condition gives no truth"));
            };
            all = arrow::compute::filter_record_batch(&all, holds)?;
        }
        let whole = self.generate(table, all)?;
        self.check_domains(table, &whole)?;
        self.police_now(target, Rows::Added, &whole)?;
        let written = self.ruled(table, whole, Writing::New)?;
        if written.repaired {
            self.check_domains(table, &written.rows)?;
            self.police_now(target, Rows::Added, &written.rows)?;
        }
        self.check_constraints(table, &written.rows)?;
        Ok(written.rows)
    }

    /// The columns of the table, of its types.
    fn columns(&self, table: &Table, given: &[Option<usize>], batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let (rows, zone) = (batch.num_rows(), self.context.zone());
        let columns = table.columns.iter().enumerate().map(|(n, column)| {
            let array = match given.get(n).copied().flatten() {
                Some(at) => batch.column(at).clone(),
                None => self.default_values(column, rows)?,
            };
            zone.assign(&array, &column.data_type).map_err(|e| name_column(e, &column.name))
        });
        columns.collect()
    }

    /// Refuses rows that domains, NOT NULL or CHECK constraints refuse.
    pub fn check(&self, table: &Table, batch: &RecordBatch) -> Result<()> {
        self.check_domains(table, batch)?;
        self.check_constraints(table, batch)
    }

    /// Refuses rows that NOT NULL or CHECK constraints refuse.
    pub fn check_constraints(&self, table: &Table, batch: &RecordBatch) -> Result<()> {
        for (column, array) in table.columns.iter().zip(batch.columns()) {
            if column.not_null && array.null_count() > 0 {
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, table.name
                );
                return Err(Error::new(Kind::NotNull, message).about_column(table.qualified(), &column.name));
            }
        }
        if table.checks.is_empty() {
            return Ok(());
        }
        let schema = DFSchema::try_from(batch.schema().as_ref().clone())?;
        for check in &table.checks {
            let result = self.compute(&check.expression, &schema, batch);
            let whose = || format!("check constraint \"{}\" of relation \"{}\"", check.name, table.name);
            let result = result.map_err(|error| self.without_values(table, error, whose))?;
            let holds = result.as_any().downcast_ref::<BooleanArray>();
            if holds.is_none_or(|holds| holds.iter().any(|value| value == Some(false))) {
                let message =
                    format!("new row for relation \"{}\" violates check constraint \"{}\"", table.name, check.name);
                return Err(Error::new(Kind::Check, message).about_constraint(table.qualified(), &check.name));
            }
        }
        Ok(())
    }

    /// A constant expression, such as a DEFAULT, for so many rows.
    pub fn constant(&self, expression: &str, rows: usize) -> Result<ArrayRef> {
        let schema = Arc::new(Schema::new(Vec::<Field>::new()));
        let batch = crate::txn::batch(schema, Vec::new(), rows)?;
        self.compute(expression, &DFSchema::empty(), &batch)
    }

    /// An error of an expression over whole rows of a table, which may tell values that the role does not see: then it tells none.
    pub fn without_values(&self, table: &Table, error: Error, whose: impl Fn() -> String) -> Error {
        let id = self.context.snapshot.catalog.table(&table.schema, &table.name).map(|(id, _)| id);
        let access = id.map(|id| tables::access(self.context, id, table));
        let sees = |access: &tables::Access| {
            access.readable.iter().all(|readable| *readable) && access.masks.iter().all(Option::is_none)
        };
        match access {
            Some(Ok(access)) if sees(&access) => error,
            _ => tables::hidden(error, &whose()),
        }
    }

    /// The values of an expression, as text, for each row of a batch.
    pub fn compute(&self, expression: &str, schema: &DFSchema, batch: &RecordBatch) -> Result<ArrayRef> {
        let planner = Planner::new(self.context, self.state);
        let physical = planner.physical(planner.expression_text(expression, schema)?, schema)?;
        Ok(physical.evaluate(batch)?.into_array(batch.num_rows())?)
    }
}

fn made(table: &Table, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    crate::txn::batch(table.arrow_schema(), columns, rows)
}

/// The error of an assignment with the name of the column.
pub fn name_column(error: Error, column: &str) -> Error {
    match error.kind() {
        Kind::NumericOutOfRange if error.message().starts_with("numeric keeps") => {
            let named = Error::new(error.kind(), format!("column \"{column}\" of type {}", error.message()));
            match error.hint() {
                Some(hint) => named.with_hint(hint),
                None => named,
            }
        }
        Kind::DatatypeMismatch => {
            let message = error.message().replace("cannot assign a value of type ", "");
            let mut parts = message.splitn(2, " to type ");
            match (parts.next(), parts.next()) {
                (Some(have), Some(want)) => Error::new(
                    Kind::DatatypeMismatch,
                    format!("column \"{column}\" is of type {want} but expression is of type {have}"),
                )
                .with_hint("You will need to rewrite or cast the expression."),
                _ => error,
            }
        }
        _ => error,
    }
}

/// Adds new rows to the transaction, waiting for others who add or remove the same keys.
pub async fn append(work: &Work<'_>, txn: &mut Transaction, target: &Target, batch: &RecordBatch) -> Result<()> {
    work.lock_keys(txn, target, batch).await?;
    add(work, txn, target.id, batch)
}

/// Adds whole rows, whose keys are locked, to the transaction.
pub fn add(work: &Work<'_>, txn: &mut Transaction, id: ObjectId, batch: &RecordBatch) -> Result<()> {
    match batch.num_rows() {
        0 => Ok(()),
        _ => work.context.database.manager.append(txn, id, batch),
    }
}

/// Gives whole rows to a loader, and adds the segments whose turn it is.
pub async fn load(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    (loader, referring): (&mut Loader, &mut Referring),
    batch: RecordBatch,
) -> Result<()> {
    work.put_many_aside(txn).await?;
    for piece in loader.pieces(&batch) {
        settle(work, txn, target, (&mut *loader, &mut *referring), Loader::is_full).await?;
        loader.push(piece)?;
    }
    Ok(())
}

/// Adds the segments of a loader, in their order, for as long as they are due; waits for others who add the same keys.
pub async fn settle(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    (loader, referring): (&mut Loader, &mut Referring),
    due: impl Fn(&Loader) -> bool,
) -> Result<()> {
    while due(loader) {
        if let Some(prepared) = blocking(|| loader.take_first())? {
            admit(work, txn, target, (&mut *loader, &mut *referring), prepared).await?;
        }
    }
    Ok(())
}

async fn admit(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    (loader, referring): (&mut Loader, &mut Referring),
    prepared: Prepared,
) -> Result<()> {
    locking::keys(work.context, txn, target.id, prepared.items(), Mode::Update).await?;
    let batch = prepared.batch().cloned();
    loader.attach(txn, prepared)?;
    match batch {
        Some(batch) if loader.is_late() => referring.put_all(work, target, &batch),
        Some(batch) => referring.add(work, txn, target, &batch).await,
        None => Ok(()),
    }
}

/// Adds all that a loader still has.
pub async fn add_rest(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    (loader, referring): (&mut Loader, &mut Referring),
) -> Result<()> {
    settle(work, txn, target, (&mut *loader, &mut *referring), Loader::is_busy).await?;
    if let Some(last) = loader.rest()? {
        admit(work, txn, target, (&mut *loader, &mut *referring), last).await?;
    }
    loader.attach_late(txn)
}

/// Adds all that a loader still has, and looks at what the rows refer to; gives the number of rows.
pub async fn finish(
    work: &Work<'_>,
    txn: &mut Transaction,
    target: &Target,
    (mut loader, mut referring): (Loader, Referring),
) -> Result<usize> {
    add_rest(work, txn, target, (&mut loader, &mut referring)).await?;
    referring.end(work, txn, target).await?;
    Ok(loader.rows())
}
