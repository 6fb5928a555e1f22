//! A relation as its quality rules know it.

use super::super::context::Context;
use super::super::tables;
use crate::catalog::{Catalog, Object, ObjectId, SqlType};
use crate::error::{Error, Kind, Result};
use crate::governance::rules::Metric;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use std::sync::Arc;

/// A relation that may have rules.
#[derive(Debug, Clone)]
pub struct Ruled {
    /// Its id.
    pub id: ObjectId,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `table`, `view`, `materialized view` or `asset`.
    pub kind: &'static str,
    /// Its columns.
    pub columns: SchemaRef,
    /// The columns of its primary key, or of its first other key; none if it has none.
    pub key: Vec<String>,
}

impl Ruled {
    /// The type of a column; [`Kind::UndefinedColumn`] if there is none.
    pub fn must_get_type(&self, column: &str) -> Result<SqlType> {
        match self.columns.field_with_name(column) {
            Ok(field) => SqlType::from_field(field),
            Err(_) => Err(Error::new(
                Kind::UndefinedColumn,
                format!("column \"{column}\" of relation \"{}\" does not exist", self.name),
            )),
        }
    }

    /// Each column as `name type`.
    pub fn written_columns(&self) -> Result<Vec<String>> {
        let fields = self.columns.fields().iter();
        fields.map(|field| Ok(format!("{} {}", field.name(), SqlType::from_field(field)?))).collect()
    }
}

/// The statement with the rights of a relation's owner, and what that sees.
pub fn as_owner(context: &Context, owner: ObjectId) -> Arc<Context> {
    Arc::new(Context { role: owner, viewer: owner, ..context.without_temporary() })
}

/// The relation of this id as the context's role sees it; [`Kind::WrongObject`] if it is neither table nor view.
pub fn ruled(context: &Arc<Context>, state: &SessionState, id: ObjectId) -> Result<Ruled> {
    let (schema, name, kind, key) = facts(&context.snapshot.catalog, id)?;
    let columns = tables::open(context, state, &schema, &name)?.schema();
    Ok(Ruled { id, schema, name, kind, columns, key })
}

/// An asset of a source; it has the source's id, and no key.
pub fn of_asset(
    context: &Arc<Context>,
    state: &SessionState,
    source: ObjectId,
    (schema, name): (&str, &str),
) -> Result<Ruled> {
    let columns = tables::open(context, state, schema, name)?.schema();
    let (schema, name) = (schema.to_owned(), name.to_owned());
    Ok(Ruled { id: source, schema, name, kind: "asset", columns, key: Vec::new() })
}

type Facts = (String, String, &'static str, Vec<String>);

fn facts(catalog: &Catalog, id: ObjectId) -> Result<Facts> {
    match catalog.get(id).map(Arc::as_ref) {
        Some(object @ Object::Table(table)) => {
            let key = table.primary_key().or_else(|| table.keys.first());
            let key = key.map(|key| key.columns.iter().map(|&at| table.columns[at].name.clone()).collect());
            let (schema, name) = (table.schema.clone(), table.name.clone());
            Ok((schema, name, object.kind_name(), key.unwrap_or_default()))
        }
        Some(object @ Object::View(view)) => {
            Ok((view.schema.clone(), view.name.clone(), object.kind_name(), Vec::new()))
        }
        Some(other) => Err(Error::new(Kind::WrongObject, format!("a {} has no quality rules", other.kind_name()))),
        None => Err(Error::new(Kind::UndefinedTable, "the relation of a quality rule is gone")),
    }
}

/// Refuses a metric of a column whose type it cannot be asked of.
pub fn must_be_of_kind(relation: &Ruled, metric: Metric, columns: &[String]) -> Result<()> {
    let Some(column) = columns.first() else { return Ok(()) };
    let data_type = relation.must_get_type(column)?;
    let is_text = matches!(data_type, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_));
    let is_number = data_type.arrow().is_numeric();
    let is_moment = matches!(data_type, SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz);
    let (fits, wanted) = match metric {
        Metric::BlankCount | Metric::BlankPercent | Metric::Regex => (is_text, "a text"),
        Metric::Freshness => (is_moment, "a date or a timestamp"),
        Metric::Avg | Metric::Stddev | Metric::StatisticRange | Metric::AnomalyMad | Metric::AnomalyIqr => {
            (is_number, "a number")
        }
        Metric::Min | Metric::Max => (is_number || is_moment, "a number, a date or a timestamp"),
        _ => (true, ""),
    };
    match fits {
        true => Ok(()),
        false => Err(Error::new(
            Kind::DatatypeMismatch,
            format!("metric {} is of {wanted}, and column \"{column}\" is of type {data_type}", metric.name()),
        )),
    }
}
