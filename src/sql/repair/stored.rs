//! What was repaired, as it is kept.

use super::super::context::Context;
use super::super::ddl::REPAIR_COLUMNS;
use crate::catalog::{ObjectId, SqlType, Table};
use crate::error::{Error, Result};
use crate::txn::{RowId, Snapshot, row_id};
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use std::collections::HashMap;
use std::sync::Arc;

/// The method of the row that says that a repair was undone.
pub const UNDO: &str = "undo";

/// A repair of a cell, or that one was undone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// The statement that made it.
    pub batch: String,
    /// Its own number.
    pub id: String,
    /// What told the row apart.
    pub row_key: Option<String>,
    /// The numbers of the columns that this was of, in their order.
    pub key_columns: Vec<usize>,
    /// The number of the column.
    pub column: usize,
    /// What it was.
    pub old: Option<String>,
    /// What it became.
    pub new: Option<String>,
    /// How that was found.
    pub method: String,
    /// How surely it was right.
    pub confidence: Option<f64>,
    /// The rule that it came from.
    pub rule: Option<String>,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// As which role.
    pub actor: String,
}

impl Stored {
    /// That it is undone.
    pub fn undone(&self, at_us: i64, actor: &str) -> Self {
        let (batch, id) = (self.batch.clone(), self.id.clone());
        Self { batch, id, method: UNDO.to_owned(), at_us, actor: actor.to_owned(), ..Self::default() }
    }
}

/// Repairs as a batch of rows of the table that keeps them.
pub fn batch(table: &Table, all: &[Stored]) -> Result<RecordBatch> {
    let texts =
        |of: &dyn Fn(&Stored) -> Option<String>| -> ArrayRef { Arc::new(all.iter().map(of).collect::<StringArray>()) };
    let is_undo = |stored: &Stored| stored.method == UNDO;
    let keys = |stored: &Stored| {
        (!is_undo(stored)).then(|| stored.key_columns.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
    };
    let number = |stored: &Stored| i32::try_from(stored.column).ok().filter(|_| !is_undo(stored));
    let moments: ArrayRef = Arc::new(all.iter().map(|s| Some(s.at_us)).collect::<TimestampMicrosecondArray>());
    let columns: Vec<ArrayRef> = vec![
        texts(&|s| Some(s.batch.clone())),
        texts(&|s| Some(s.id.clone())),
        texts(&|s| s.row_key.clone()),
        texts(&keys),
        Arc::new(all.iter().map(number).collect::<Int32Array>()),
        texts(&|s| s.old.clone()),
        texts(&|s| s.new.clone()),
        texts(&|s| Some(s.method.clone())),
        Arc::new(all.iter().map(|s| s.confidence).collect::<Float64Array>()),
        texts(&|s| s.rule.clone()),
        cast(&moments, &SqlType::Timestamptz.arrow())?,
        texts(&|s| Some(s.actor.clone())),
    ];
    if columns.len() != REPAIR_COLUMNS.len() {
        return Err(Error::internal("repairs have other columns than their table"));
    }
    crate::txn::batch(table.arrow_schema(), columns, all.len())
}

/// A repair, and when and as which role it was undone, if it was.
pub type Kept = (Stored, Option<(i64, String)>);

/// The repairs that a table keeps, in the order in which they were made, each with the moment and the role when it was undone, if it was;
/// of one batch alone, if it is told. They are read past the gate: whoever shows them asks who may see them.
pub fn read(context: &Context, id: ObjectId, batch: Option<&str>) -> Result<Vec<Kept>> {
    let rows = context.snapshot.rows(id);
    let positions: Vec<usize> = (0..REPAIR_COLUMNS.len()).collect();
    let mut all: Vec<Kept> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut undone: Vec<(String, i64, String)> = Vec::new();
    for segment in &rows.segments {
        context.cancel.check()?;
        let columns = context.database.manager.read_live(id, segment, &positions)?;
        for stored in rows_of(&columns, batch)? {
            match stored.method == UNDO {
                true => undone.push((stored.id, stored.at_us, stored.actor)),
                false => {
                    places.insert(stored.id.clone(), all.len());
                    all.push((stored, None));
                }
            }
        }
    }
    for (id, at_us, actor) in undone {
        if let Some((_, undone)) = places.get(&id).and_then(|at| all.get_mut(*at)) {
            *undone = Some((at_us, actor));
        }
    }
    Ok(all)
}

/// All that a table keeps, each with the id of its row. They are read past the gate, as by [`read`].
pub fn with_ids(context: &Context, snapshot: &Snapshot, id: ObjectId) -> Result<Vec<(RowId, Stored)>> {
    let positions: Vec<usize> = (0..REPAIR_COLUMNS.len()).collect();
    let mut all = Vec::new();
    for segment in &snapshot.rows(id).segments {
        context.cancel.check()?;
        let columns = context.database.manager.read(id, segment, &positions)?;
        let rows = rows_of(&columns, None)?.into_iter().enumerate();
        all.extend(rows.filter(|(at, _)| !segment.is_deleted(*at)).map(|(at, s)| (row_id(segment.id, at), s)));
    }
    Ok(all)
}

fn rows_of(columns: &[ArrayRef], batch: Option<&str>) -> Result<Vec<Stored>> {
    let array = |at: usize| columns.get(at).ok_or_else(|| Error::internal("a column of repairs is gone"));
    let texts = |at: usize| -> Result<StringArray> {
        let array = cast(array(at)?, &arrow::datatypes::DataType::Utf8)?;
        array.as_string_opt::<i32>().cloned().ok_or_else(|| Error::internal("texts of repairs are none"))
    };
    let (batches, ids, keys, key_columns) = (texts(0)?, texts(1)?, texts(2)?, texts(3)?);
    let (olds, news, methods, rules, actors) = (texts(5)?, texts(6)?, texts(7)?, texts(9)?, texts(11)?);
    let (numbers, sure) = (array(4)?.as_primitive_opt::<Int32Type>(), array(8)?.as_primitive_opt::<Float64Type>());
    let moments = cast(&cast(array(10)?, &moment_type())?, &arrow::datatypes::DataType::Int64)?;
    let moments = moments.as_primitive_opt::<Int64Type>();
    let text = |texts: &StringArray, row: usize| texts.is_valid(row).then(|| texts.value(row).to_owned());
    let meant = (0..batches.len())
        .filter(|row| batch.is_none_or(|batch| batches.is_valid(*row) && batches.value(*row) == batch));
    let stored = meant.map(|row| Stored {
        batch: text(&batches, row).unwrap_or_default(),
        id: text(&ids, row).unwrap_or_default(),
        row_key: text(&keys, row),
        key_columns: text(&key_columns, row)
            .unwrap_or_default()
            .split(',')
            .filter_map(|number| number.parse().ok())
            .collect(),
        column: numbers
            .filter(|numbers| numbers.is_valid(row))
            .and_then(|numbers| usize::try_from(numbers.value(row)).ok())
            .unwrap_or(usize::MAX),
        old: text(&olds, row),
        new: text(&news, row),
        method: text(&methods, row).unwrap_or_default(),
        confidence: sure.filter(|sure| sure.is_valid(row)).map(|sure| sure.value(row)),
        rule: text(&rules, row),
        at_us: moments.map_or(0, |moments| moments.value(row)),
        actor: text(&actors, row).unwrap_or_default(),
    });
    Ok(stored.collect())
}

fn moment_type() -> arrow::datatypes::DataType {
    arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_come_back_as_they_were() {
        let mut table = Table::new("public", "t_repairs", 10);
        table.columns = REPAIR_COLUMNS.into_iter().map(|(name, of)| crate::catalog::Column::new(name, of)).collect();
        let made = Stored {
            batch: "b".into(),
            id: "1".into(),
            row_key: Some("7".into()),
            key_columns: vec![0, 2],
            column: 3,
            old: Some(" x".into()),
            new: None,
            method: "missing_token".into(),
            confidence: Some(0.98),
            rule: None,
            at_us: 1_700_000_000_000_000,
            actor: "li".into(),
        };
        let undone = made.undone(5, "wang");
        let batch = batch(&table, &[made.clone(), undone]).unwrap();
        let back = rows_of(batch.columns(), None).unwrap();
        assert_eq!(back[0], made);
        assert_eq!((back[1].method.as_str(), back[1].id.as_str(), back[1].old.clone()), (UNDO, "1", None));
        assert_eq!(rows_of(batch.columns(), Some("other")).unwrap(), []);
    }
}
