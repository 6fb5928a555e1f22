//! DELETE and TRUNCATE.

use super::update::{rows_by_id, select};
use super::{Changed, Work, returning};
use crate::catalog::Privilege;
use crate::error::{Error, Kind, Result};
use crate::txn::{RowId, Transaction};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use datafusion::sql::sqlparser::ast;
use std::collections::BTreeSet;

/// Runs a DELETE within the transaction.
pub async fn delete(work: &Work<'_>, txn: &mut Transaction, delete: ast::Delete) -> Result<Changed> {
    txn.must_write("DELETE")?;
    let (ast::FromTable::WithFromKeyword(mut from) | ast::FromTable::WithoutKeyword(mut from)) = delete.from;
    let Some(ast::TableFactor::Table { name, alias, .. }) = from.first().map(|t| &t.relation) else {
        return Err(Error::new(Kind::Syntax, "DELETE needs the name of a table"));
    };
    let target = work.target(name, Privilege::Delete)?.called(alias.as_ref());
    from.extend(delete.using.unwrap_or_default());
    let found = select(work, &target, from, delete.selection, Vec::new()).await?;
    let ids: BTreeSet<RowId> = found.column(0).as_primitive::<UInt64Type>().values().iter().copied().collect();
    let ids: Vec<RowId> = ids.into_iter().collect();
    let old = match delete.returning.is_some() {
        true => vec![rows_by_id(work, txn, &target, &ids)?],
        false => Vec::new(),
    };
    let count = txn.delete_rows(target.id, &ids)?;
    let mut changed = returning::changed(work, &target, old, delete.returning).await?;
    changed.rows = count;
    Ok(changed)
}

/// Runs a TRUNCATE within the transaction.
pub fn truncate(work: &Work<'_>, txn: &mut Transaction, names: &[ast::TruncateTableTarget]) -> Result<()> {
    txn.must_write("TRUNCATE")?;
    for name in names {
        let target = work.target(&name.name, Privilege::Truncate)?;
        txn.truncate(target.id);
    }
    Ok(())
}
