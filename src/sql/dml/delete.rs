//! DELETE and TRUNCATE.

use super::super::ddl::{Ddl, restart_sequences, to_truncate};
use super::super::tables::must_have;
use super::apply::Removing;
use super::found::{Finding, Met, still_there};
use super::returned::Returned;
use super::returning::Beside;
use super::update::{meeting, plan};
use super::{Changed, Work, policed};
use crate::catalog::Privilege;
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::txn::{Mode, Transaction};
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;

/// Runs a DELETE within the transaction.
pub fn delete<'a>(work: &'a Work<'_>, txn: &'a mut Transaction, delete: ast::Delete) -> BoxFuture<'a, Result<Changed>> {
    Box::pin(async move {
        txn.must_write("DELETE")?;
        let (ast::FromTable::WithFromKeyword(mut from) | ast::FromTable::WithoutKeyword(mut from)) = delete.from;
        let Some(ast::TableFactor::Table { name, alias, .. }) = from.first().map(|t| &t.relation) else {
            return Err(Error::new(Kind::Syntax, "DELETE needs the name of a table"));
        };
        let target = work.target(name, Privilege::Delete)?.called(alias.as_ref());
        work.use_table(txn, &target).await?;
        from.extend(delete.using.unwrap_or_default());
        let read = policed::named(&target, &delete.selection);
        let reads = target.met_is_read(work, read, &from, delete.returning.as_deref())?;
        let beside = Beside::of(work, &from[1..], delete.returning.is_some())?;
        let alone = from.len() == 1 && delete.returning.is_none() && target.through.is_none();
        let met = meeting(Command::Delete, reads);
        let plan = plan(work, &target, met, from, delete.selection, beside.expressions().collect())?;
        if let Some(kept) = work.kept.as_ref().filter(|_| alone) {
            kept.keep_found(work, &target, None, &plan);
        }
        let shown: Vec<usize> = match delete.returning.is_some() {
            true => (0..target.table.columns.len()).collect(),
            false => Vec::new(),
        };
        let mut returned = Returned::new(work, &target, beside, delete.returning)?;
        let (mut finding, mut met) = (Finding::of(work, plan).await?, Met::default());
        let mut removing = Removing::new(work, &target, &shown);
        while let Some(found) = finding.next(work, txn, &target).await? {
            let _held = work.hold_rows(&found)?;
            let (ids, values) = met.first_of_each(&still_there(work, txn, &target, found)?)?;
            if let Err(error) = work.lock_rows(txn, &target, &ids, Mode::Update, "delete").await {
                let meant = |found| Ok(met.first_of_each(&found)?.0);
                return Err(finding.give_up(work, txn, (&target, Mode::Update), error, meant).await);
            }
            let mut start = 0;
            while let Some(piece) = removing.pieces(ids.len(), start) {
                start = piece.end;
                let beside = values.iter().map(|column| column.slice(piece.start, piece.len())).collect();
                let old = removing.put(work, txn, &ids[piece]).await?;
                returned.put(work, &target, old, beside).await?;
            }
        }
        let rows = removing.end(work, txn).await?;
        finding.end(txn, &target);
        Ok(Changed { rows, returning: returned.end() })
    })
}

/// Runs a TRUNCATE within the transaction.
pub fn truncate(ddl: &mut Ddl<'_>, truncate: &ast::Truncate) -> Result<()> {
    ddl.txn.must_write("TRUNCATE TABLE")?;
    let work = Work::new(ddl.context, ddl.state);
    let named = truncate.table_names.iter().map(|name| work.target(&name.name, Privilege::Truncate).map(|t| t.id));
    let named = named.collect::<Result<_>>()?;
    let restart = matches!(truncate.identity, Some(ast::TruncateIdentityOption::Restart));
    let cascade = matches!(truncate.cascade, Some(ast::CascadeOption::Cascade));
    for id in to_truncate(ddl.context, named, cascade)? {
        if let Some(table) = ddl.context.snapshot.catalog.table_by_id(id) {
            must_have(ddl.context, table, Privilege::Truncate)?;
            ddl.must_not_wait("TRUNCATE", id, &table.name)?;
        }
        ddl.txn.truncate(id);
        if restart {
            restart_sequences(ddl, id)?;
        }
    }
    Ok(())
}
