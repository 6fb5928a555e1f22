//! DEFAULT among the rows of VALUES.
//!
//! Where all rows say it for a column, the column gets its default as one that is not named. Where some do, its default stands
//! there as an expression; numbers of a column that numbers rows by itself are put in when the rows are there.

use super::super::planner::parse_expression;
use super::super::sequences;
use super::{Target, Work, is_default};
use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Where VALUES says DEFAULT.
#[derive(Default)]
pub struct Defaults {
    /// Places in the list of columns where all rows do.
    pub all: Vec<usize>,
    /// Places where some rows ask for a number, and which.
    numbered: Vec<(usize, Vec<bool>)>,
    /// Rows that have been numbered.
    done: usize,
}

impl Defaults {
    /// Takes DEFAULT out of a VALUES list for these columns.
    pub fn take(work: &Work<'_>, query: &mut ast::Query, target: &Target, columns: &[usize]) -> Result<Self> {
        let mut defaults = Self::default();
        let ast::SetExpr::Values(values) = query.body.as_mut() else { return Ok(defaults) };
        for (at, &column) in columns.iter().enumerate() {
            let said: Vec<bool> = values.rows.iter().map(|row| row.content.get(at).is_some_and(is_default)).collect();
            if !said.contains(&true) {
                continue;
            }
            let facts = &target.face.columns[column];
            let all = !said.contains(&false);
            let instead = match work.default_of(facts) {
                Some(text) if !all && facts.sequence.is_none() && facts.generated.is_none() => {
                    parse_expression(&format!("({text})::{}", facts.data_type))?
                }
                _ => ast::Expr::Value(ast::Value::Null.into()),
            };
            for value in values.rows.iter_mut().filter_map(|row| row.content.get_mut(at)).filter(|e| is_default(e)) {
                *value = instead.clone();
            }
            match (all, facts.sequence.is_some()) {
                (true, _) => defaults.all.push(at),
                (false, true) => defaults.numbered.push((at, said)),
                (false, false) => {}
            }
        }
        Ok(defaults)
    }

    /// Whether no row asks for a number of its own.
    pub fn is_none(&self) -> bool {
        self.numbered.is_empty()
    }

    /// Puts numbers into the next rows.
    pub fn number(
        &mut self,
        work: &Work<'_>,
        target: &Target,
        columns: &[usize],
        batch: RecordBatch,
    ) -> Result<RecordBatch> {
        if self.numbered.is_empty() {
            return Ok(batch);
        }
        let rows = batch.num_rows();
        let mut arrays = batch.columns().to_vec();
        let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
        for (at, said) in &self.numbered {
            let said = &said[self.done.min(said.len())..];
            let wanted = said.iter().take(rows).filter(|said| **said).count();
            let Some(sequence) = target.face.columns[columns[*at]].sequence else { continue };
            let mut numbers = sequences::for_column(work.context, sequence, wanted)?.into_iter();
            let given = cast(&arrays[*at], &DataType::Int64)?;
            let given = given.as_primitive::<Int64Type>();
            let value = |row: usize| match said.get(row) {
                Some(true) => numbers.next(),
                _ => given.is_valid(row).then(|| given.value(row)),
            };
            let filled: Int64Array = (0..rows).map(value).collect();
            arrays[*at] = Arc::new(filled) as ArrayRef;
            fields[*at] = Arc::new(Field::new(fields[*at].name(), DataType::Int64, true));
        }
        self.done += rows;
        crate::txn::batch(Arc::new(Schema::new(fields)), arrays, rows)
    }
}
