//! The rows of a relation for linkage: their cells as its caller sees them, and later what tells those rows apart that were found.

use super::super::context::Context;
use super::super::lineage::Reads;
use super::super::parser::{self, full_name, quoted};
use super::super::planner::Planner;
use super::super::quality::Ruled;
use super::super::repair::{is_compared, key_text};
use super::super::{run, tables};
use crate::catalog::{Influence, ObjectId, SqlType};
use crate::config::LINKAGE_BYTES_MAX;
use crate::encoding::pg_text::cell_text_of;
use crate::error::{Error, Kind, Result};
use crate::governance::linkage::{Column, Declared, Vocabulary};
use arrow::array::AsArray;
use arrow::datatypes::DataType;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;

/// What is read of a relation.
pub struct Reading {
    relation: Ruled,
    /// Names of the columns that are compared, and their types.
    pub columns: Vec<(String, SqlType)>,
    /// The columns that tell a row apart: those of its key if the caller may read these, else all that he may read.
    key: Vec<String>,
    /// Those of the compared columns that the caller sees masked.
    masked: Vec<String>,
}

impl Reading {
    /// What is to be read of a relation where these columns are named, or of none; refused where one is not there or not to be read, or
    /// none is left.
    pub fn of(context: &Context, relation: Ruled, named: Option<&[String]>) -> Result<Self> {
        let (readable, masked) = sight(context, relation.id, &relation)?;
        let is_key = |name: &String| relation.key.len() == 1 && relation.key.contains(name);
        let mut columns = Vec::new();
        match named {
            Some(names) => {
                for name in names {
                    let data_type = relation.must_get_type(name)?;
                    if !readable.contains(name) {
                        let message = format!("permission denied for column {name} of table {}", relation.name);
                        return Err(Error::new(Kind::Privilege, message));
                    }
                    if !is_compared(&data_type) {
                        let message = format!("column \"{name}\" is of type {data_type}, which is not compared");
                        return Err(Error::new(Kind::DatatypeMismatch, message)
                            .with_hint("Texts, numbers, dates, timestamps and truth values are."));
                    }
                    columns.push((name.clone(), data_type));
                }
            }
            // A key tells rows apart, and nothing of what they are.
            None => {
                for name in readable.iter().filter(|name| !is_key(name)) {
                    let data_type = relation.must_get_type(name)?;
                    if is_compared(&data_type) {
                        columns.push((name.clone(), data_type));
                    }
                }
            }
        }
        if columns.is_empty() {
            let message = format!("relation \"{}\" has no column that could be compared", relation.name);
            return Err(Error::new(Kind::InvalidParameter, message)
                .with_hint("Texts, numbers, dates, timestamps and truth values are, beside the key."));
        }
        let masked = columns.iter().map(|(name, _)| name).filter(|name| masked.contains(name)).cloned().collect();
        let key = match !relation.key.is_empty() && relation.key.iter().all(|name| readable.contains(name)) {
            true => relation.key.clone(),
            false => readable,
        };
        Ok(Self { relation, columns, key, masked })
    }

    /// The same for lineage: a function reads this relation next to what it read before, tells its rows apart in the column `key`, and
    /// makes the columns `judged` of those that are compared.
    pub fn told(&self, context: &Arc<Context>, reads: Reads, keys: &[&str], judged: &[&str]) -> Result<Reads> {
        let (state, input) = (context.database.state(), reads.inputs());
        let mut reads = reads.relation(context, &state, &self.relation.schema, &self.relation.name)?;
        let compared: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        for key in keys {
            reads = reads.key(key, input, &self.key);
        }
        for column in judged {
            reads = reads.column(column, input, &compared, Influence::Transformation);
        }
        Ok(reads.rows(input, &compared, Influence::Join))
    }

    /// The columns of all rows, in the order in which [`Self::keys`] counts them. Says which of them are compared as masks.
    pub async fn read(
        &self,
        context: &Arc<Context>,
        state: &SessionState,
        vocabulary: &mut Vocabulary,
        others: usize,
    ) -> Result<Vec<Column>> {
        if !self.masked.is_empty() {
            context.notice(format!("masked values of {} are compared as you see them", self.masked.join(", ")));
        }
        let declared = |data_type: &SqlType| match data_type.arrow() {
            DataType::Date32 | DataType::Timestamp(..) => Declared::Moment,
            arrow if arrow.is_numeric() || matches!(data_type, SqlType::Numeric(_)) => Declared::Number,
            _ => Declared::Text,
        };
        let columns = self.columns.iter().map(|(name, data_type)| Column::new(name, declared(data_type)));
        let mut columns: Vec<Column> = columns.collect();
        let mut batches = self.stream(context, state).await?;
        while let Some(batch) = batches.next().await.transpose()? {
            run::blocking(|| {
                for (at, (column, (_, data_type))) in columns.iter_mut().zip(&self.columns).enumerate() {
                    let array = batch.column(at);
                    if let Some(texts) = array.as_string_opt::<i32>().filter(|_| *data_type == SqlType::Text) {
                        texts.iter().for_each(|text| column.push(text, vocabulary));
                        continue;
                    }
                    let field = data_type.field("value");
                    for row in 0..array.len() {
                        column.push(cell_text_of(&field, array.as_ref(), row).as_deref(), vocabulary);
                    }
                }
            });
            let held = others + vocabulary.bytes() + columns.iter().map(Column::bytes).sum::<usize>();
            if held > LINKAGE_BYTES_MAX {
                let message = format!(
                    "the words of relation \"{}\" take more than {} MiB",
                    self.relation.name,
                    LINKAGE_BYTES_MAX >> 20
                );
                return Err(Error::new(Kind::LimitExceeded, message).with_hint(
                    "Name fewer columns with the option \"columns\", or a view of some of the rows, such as those of one region or year.",
                ));
            }
        }
        Ok(columns)
    }

    /// What tells these rows apart, by their places.
    pub async fn keys(
        &self,
        context: &Arc<Context>,
        state: &SessionState,
        rows: impl IntoIterator<Item = usize>,
    ) -> Result<HashMap<usize, Option<String>>> {
        let mut wanted: Vec<usize> = rows.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = HashMap::with_capacity(wanted.len());
        if wanted.is_empty() {
            return Ok(found);
        }
        let items = self.items();
        let places: Vec<usize> = self.key.iter().filter_map(|key| items.iter().position(|item| *item == key)).collect();
        let mut batches = self.stream(context, state).await?;
        let (mut before, mut next) = (0, 0);
        while let Some(batch) = batches.next().await.transpose()? {
            let schema = batch.schema();
            while let Some(row) = wanted.get(next).filter(|row| **row < before + batch.num_rows()) {
                let value = |at: &usize| cell_text_of(schema.field(*at), batch.column(*at).as_ref(), row - before);
                let values: Vec<Option<String>> = places.iter().map(value).collect();
                let pairs = self.key.iter().zip(&values).map(|(name, value)| (name.as_str(), value.as_deref()));
                found.insert(*row, key_text(pairs));
                next += 1;
            }
            before += batch.num_rows();
        }
        Ok(found)
    }

    /// What is read: the columns that are compared, and those of the key behind them.
    fn items(&self) -> Vec<&String> {
        let compared: Vec<&String> = self.columns.iter().map(|(name, _)| name).collect();
        let others = self.key.iter().filter(|name| !compared.contains(name)).collect::<Vec<_>>();
        compared.iter().copied().chain(others).collect()
    }

    /// All rows. It is one query both times, since another one of a view might give its rows in another order.
    async fn stream(&self, context: &Arc<Context>, state: &SessionState) -> Result<SendableRecordBatchStream> {
        let from = full_name(&self.relation.schema, &self.relation.name);
        let items: Vec<String> = self.items().into_iter().map(|name| quoted(name).to_string()).collect();
        let query = format!("SELECT {} FROM {from}", items.join(", "));
        let plan = Planner::new(context, state).query(parser::query(&query)?)?;
        run::stream(context, &run::in_order(state), &plan).await
    }
}

/// The columns that a role may read, and those of them that it sees masked.
fn sight(context: &Context, id: ObjectId, relation: &Ruled) -> Result<(Vec<String>, Vec<String>)> {
    let names: Vec<String> = relation.columns.fields().iter().map(|field| field.name().clone()).collect();
    let Some(table) = context.snapshot.catalog.table_by_id(id) else { return Ok((names, Vec::new())) };
    let access = tables::access(context, id, table)?;
    let at = |name: &String| table.column_index(name);
    let readable = names.into_iter().filter(|name| at(name).is_some_and(|at| access.readable.get(at) == Some(&true)));
    let readable: Vec<String> = readable.collect();
    let is_masked = |name: &&String| at(name).is_some_and(|at| access.masks.get(at).is_some_and(Option::is_some));
    let masked = readable.iter().filter(is_masked).cloned().collect();
    Ok((readable, masked))
}
