//! REINDEX.

use super::super::ddl::Ddl;
use crate::catalog::Object;
use crate::error::{Error, Kind, Result};

/// Runs REINDEX INDEX: throws the index's files away; the next search makes them anew from the table.
pub fn reindex(ddl: &mut Ddl<'_>, index: &(Option<String>, String)) -> Result<()> {
    ddl.txn.must_write("REINDEX")?;
    let (schema, name) = ddl.context.resolve(index.0.as_deref(), &index.1);
    let catalog = ddl.txn.snapshot().catalog.clone();
    match catalog.relation(&schema, &name) {
        Some((id, Object::Index(index))) => {
            let owner = catalog.table_by_id(index.table).map_or(0, |table| table.owner);
            ddl.context.must_own(owner, "index", &name)?;
            ddl.context.database.indexes.remove(id)
        }
        _ => Err(Error::new(Kind::UndefinedTable, format!("index \"{name}\" does not exist"))),
    }
}
