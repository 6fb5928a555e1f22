//! What domains ask of the values of their columns, and what they give in place of a value that is not there.

use super::Work;
use crate::catalog::{Column, Domain, Table};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use std::sync::Arc;

impl Work<'_> {
    /// The domain of a column.
    pub fn domain_of(&self, column: &Column) -> Option<&Domain> {
        self.context.snapshot.catalog.domain_by_id(column.domain?)
    }

    /// The default of a column, or that of its domain, as SQL.
    pub fn default_of<'c>(&'c self, column: &'c Column) -> Option<&'c str> {
        let own = column.default.as_deref();
        own.or_else(|| self.domain_of(column).and_then(|domain| domain.default.as_deref()))
    }

    /// Refuses rows with values that the domains of their columns refuse.
    pub fn check_domains(&self, table: &Table, batch: &RecordBatch) -> Result<()> {
        for (column, array) in table.columns.iter().zip(batch.columns()).filter(|(column, _)| column.domain.is_some()) {
            if let Some(domain) = self.domain_of(column) {
                self.check_domain(domain, array)?;
            }
        }
        Ok(())
    }

    /// Refuses values that a domain refuses.
    pub fn check_domain(&self, domain: &Domain, array: &ArrayRef) -> Result<()> {
        if domain.not_null && array.null_count() > 0 {
            return Err(no_null(domain));
        }
        if domain.checks.is_empty() || array.is_empty() {
            return Ok(());
        }
        let schema = Arc::new(Schema::new(vec![domain.base.field("value")]));
        let values = crate::txn::batch(schema.clone(), vec![array.clone()], array.len())?;
        let schema = DFSchema::try_from(schema)?;
        for check in &domain.checks {
            let result = self.compute(&check.expression, &schema, &values)?;
            let holds = result.as_any().downcast_ref::<BooleanArray>();
            if holds.is_none_or(|holds| holds.iter().any(|value| value == Some(false))) {
                return Err(violated(domain, &check.name));
            }
        }
        Ok(())
    }
}

/// The error for NULL where a domain has none.
pub fn no_null(domain: &Domain) -> Error {
    Error::new(Kind::NotNull, format!("domain {} does not allow null values", domain.written()))
}

/// The error for a value that is against a condition of a domain.
pub fn violated(domain: &Domain, check: &str) -> Error {
    Error::new(Kind::Check, format!("value for domain {} violates check constraint \"{check}\"", domain.written()))
}
