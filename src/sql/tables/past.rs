//! A relation as it was: yesterday's rows behind today's gate.
//!
//! `FOR SYSTEM_TIME AS OF` reads rows and columns of the past; who may see them, and how, is decided by the rights, tags, masks
//! and policies of now, since a right that was taken away is not given back by asking for an older state. Columns are matched
//! by name. Where one was dropped or renamed since ([`Table::shape`]), a name of then may mean what nothing of now protects: such
//! a state is its owner's to read, with the tags and masks of then. A table that was dropped since is shown to superusers only, for
//! nobody else has a right on it any more.

use super::super::context::Context;
use super::super::parameters;
use super::super::parser::Written;
use super::super::planner::{Planner, parse_expression};
use super::super::run::blocking;
use crate::catalog::{Catalog, Class, Object, SqlType, Table, is_temporary};
use crate::error::{Error, Kind, Result};
use crate::txn::{Manager, Moment, PastState, Snapshot};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{ColumnarValue, TableSource};
use std::sync::Arc;

/// The relation as it was at a moment.
pub fn open(
    context: &Arc<Context>,
    state: &SessionState,
    moment: Written<'_>,
    schema: Option<&str>,
    name: &str,
) -> Result<Arc<dyn TableSource>> {
    // Described is the relation of now: which columns it had then is known when the moment is.
    if is_open(context, state, moment)? {
        let (schema, name) = context.resolve(schema, name);
        return super::open(context, state, &schema, &name);
    }
    let moment = evaluate(context, state, moment)?;
    let past = blocking(|| context.database.manager.as_of(moment))?;
    let mut snapshot = context.snapshot.clone();
    let (catalog, withheld, erased) = catalog(context, &past);
    snapshot.catalog = Arc::new(catalog);
    let mut context = Context { snapshot, ..(**context).clone() };
    let (schema, name) = context.resolve(schema, name);
    let Some((id, object)) = context.snapshot.catalog.relation(&schema, &name) else {
        if withheld.iter().any(|(s, n)| *s == schema && *n == name) {
            return Err(Error::new(Kind::Privilege, format!("permission denied for table {name} as it was"))
                .with_detail("Columns of it were renamed or dropped since, and rights and masks of now go by names.")
                .with_hint("Its owner may read it."));
        }
        if erased.iter().any(|(s, n)| *s == schema && *n == name) {
            return Err(erased_since(&name));
        }
        let shown = super::undefined(&context, &schema, &name);
        return Err(Error::new(shown.kind(), shown.message())
            .with_detail(format!("It is asked for as of commit {}.", past.snapshot.seq)));
    };
    let ids = match object {
        Object::Table(_) => vec![id],
        // A view may read any of them.
        _ => context.snapshot.catalog.class(Class::Relation).map(|(id, _)| id).collect(),
    };
    fill(&context.database.manager, &mut context.snapshot, &past, &ids)?;
    super::open(&Arc::new(context), state, &schema, &name).map_err(|error| match withheld.as_slice() {
        [] if error.kind() == Kind::UndefinedTable && !erased.is_empty() => erased_since(&name),
        [_, ..] if error.kind() == Kind::UndefinedTable => error.with_detail(
            "Tables whose columns were renamed or dropped since can be read as they were by their owners only.",
        ),
        _ => error,
    })
}

/// The error for a state of before an erasure.
fn erased_since(name: &str) -> Error {
    Error::new(Kind::SnapshotTooOld, format!("the past of \"{name}\" is no longer kept"))
        .with_detail("A subject was erased from it, or from what it reads, since then: FORGET SUBJECT takes the past of a table with it.")
}

/// Tables by schema and name.
type Names = Vec<(String, String)>;

/// The facts of now about the tables of then; and by schema and name the tables that the role may not see as they were, and those from
/// which a subject was erased since, which nobody sees.
fn catalog(context: &Context, past: &PastState) -> (Catalog, Names, Names) {
    let (now, then) = (&context.snapshot.catalog, &past.snapshot.catalog);
    let (mut catalog, mut withheld, mut erased) = ((**now).clone(), Vec::new(), Vec::new());
    // Who looks, also behind a view whose owner may read more.
    let looks = context.as_reader();
    for (id, object) in now.class(Class::Relation) {
        if let Object::Table(table) = object {
            match then.table_by_id(id) {
                // Nor is it, once its key of then is destroyed.
                _ if now.erased_since(then, id) => {
                    erased.push((table.schema.clone(), table.name.clone()));
                    catalog.remove(id);
                }
                Some(before) if before.shape == table.shape || looks.has_role(table.owner) => {
                    catalog.put(id, Arc::new(Object::Table(merged(before, table))));
                }
                Some(_) => {
                    withheld.push((table.schema.clone(), table.name.clone()));
                    catalog.remove(id);
                }
                None => catalog.remove(id),
            }
        }
    }
    for (id, object) in then.class(Class::Relation).filter(|_| context.is_superuser()) {
        if let Object::Table(table) = object
            && now.get(id).is_none()
            && catalog.relation(&table.schema, &table.name).is_none()
            && !is_temporary(&table.schema)
            && !now.erased_since(then, id)
        {
            catalog.put(id, Arc::new(object.clone()));
        }
    }
    (catalog, withheld, erased)
}

/// The columns of then with the rights of now.
fn merged(then: &Table, now: &Table) -> Table {
    let mut table = now.clone();
    table.columns.clone_from(&then.columns);
    table.keys.clone_from(&then.keys);
    table.shape = then.shape;
    if then.shape != now.shape {
        return table;
    }
    for column in &mut table.columns {
        if let Some(today) = now.columns.iter().find(|today| today.name == column.name) {
            column.tags.clone_from(&today.tags);
            column.mask = today.mask;
        }
    }
    table
}

fn fill(manager: &Manager, snapshot: &mut Snapshot, past: &PastState, ids: &[u64]) -> Result<()> {
    let mut tables = (*snapshot.tables).clone();
    for id in ids {
        tables.insert(*id, past.rows(manager, *id)?);
    }
    snapshot.tables = Arc::new(tables);
    Ok(())
}

/// Whether a moment depends on parameters that have no values yet. They hear which types they have there.
fn is_open(context: &Arc<Context>, state: &SessionState, written: Written<'_>) -> Result<bool> {
    let (Written::Time(text) | Written::Commit(text)) = written;
    if context.params.values().is_some() || !text.contains('$') {
        return Ok(false);
    }
    let parsed = parse_expression(text)?;
    if parameters::numbers_in(&parsed)?.is_empty() {
        return Ok(false);
    }
    let sql_type = match written {
        Written::Time(_) => SqlType::Timestamptz,
        Written::Commit(_) => SqlType::Int8,
    };
    let expression = Planner::new(context, state).expression(parsed, &DFSchema::empty())?;
    context.params.note(&parameters::of_type(expression, &sql_type));
    Ok(true)
}

/// The moment that an expression without columns gives.
fn evaluate(context: &Arc<Context>, state: &SessionState, written: Written<'_>) -> Result<Moment> {
    let (Written::Time(text) | Written::Commit(text)) = written;
    let invalid = |what: &str| Error::new(Kind::InvalidParameter, format!("AS OF {text} {what}"));
    let parsed = parse_expression(text)?;
    let planner = Planner::new(context, state);
    let (none, columns) = (DFSchema::empty(), Arc::new(Schema::empty()));
    let expression = planner.expression(parsed, &none)?;
    let expression = planner.physical(context.params.fill(expression)?, &none)?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(columns, Vec::new(), &options)?;
    let value = match expression.evaluate(&row)? {
        ColumnarValue::Scalar(value) => value,
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0)?,
    };
    if let Written::Commit(_) = written {
        return match value.cast_to(&DataType::UInt64)? {
            ScalarValue::UInt64(Some(number)) => Ok(Moment::Commit(number)),
            _ => Err(invalid("is not the number of a commit")),
        };
    }
    if value.data_type().is_numeric() {
        return Err(invalid("is not a time").with_hint("FOR VERSION AS OF takes the number of a commit."));
    }
    match value.cast_to(&DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into())))? {
        ScalarValue::TimestampMillisecond(Some(ms), _) if ms > chrono::Utc::now().timestamp_millis() => {
            Err(invalid("lies in the future"))
        }
        ScalarValue::TimestampMillisecond(Some(ms), _) => Ok(Moment::Time(ms.max(0) as u64)),
        _ => Err(invalid("is not a time")),
    }
}
