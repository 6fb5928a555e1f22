//! Rows that a statement has made itself, with where they come from: those of RETURNING, and those that a subquery has locked.

use super::derived::{Derived, Source, Sources};
use crate::catalog::{Influence, Place};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, Statistics};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A relation of such rows.
#[derive(Debug)]
pub struct Told {
    rows: Arc<dyn TableProvider>,
    derived: Derived,
}

impl Told {
    /// These rows come from there.
    pub fn new(rows: Arc<dyn TableProvider>, derived: Derived) -> Self {
        Self { rows, derived }
    }

    /// These rows are of this place, each column under its name there; those that `is_own` does not name are of none.
    pub fn of(rows: Arc<dyn TableProvider>, place: &Place, is_own: impl Fn(&str) -> bool) -> Self {
        let one = |name: &String| {
            let part = super::derived::Part::Value(Influence::Identity);
            Sources::from([(Source::Column(place.clone(), name.clone()), part)])
        };
        let schema = rows.schema();
        let names = schema.fields().iter().map(|field| field.name());
        let columns = names.map(|name| if is_own(name) { one(name) } else { Sources::new() }).collect();
        let derived = Derived { columns, places: BTreeSet::from([place.clone()]), ..Derived::default() };
        Self { rows, derived }
    }

    /// Where they come from.
    pub fn derived(&self) -> &Derived {
        &self.derived
    }
}

#[async_trait]
impl TableProvider for Told {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        self.rows.table_type()
    }

    fn statistics(&self) -> Option<Statistics> {
        self.rows.statistics()
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.rows.scan(session, projection, filters, limit).await
    }
}
