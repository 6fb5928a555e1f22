//! REPAIR TABLE, UNDO REPAIR.

use super::super::ddl::{self, Ddl};
use super::super::dml::{self, Attempt, Work};
use super::super::execute::{batches_stream, changing, command, defining};
use super::super::parser::{Relation, RepairWords, quoted};
use super::super::repair::{Wanted, done_columns, plan_columns, plan_rows};
use super::super::session::{Outcome, Session};
use super::super::system::rows::{Cell, batch};
use super::super::tables;
use crate::catalog::{Object, ObjectId, Privilege};
use crate::error::{Error, Kind, Result};
use crate::txn::Transaction;
use arrow::datatypes::{Field, Schema};
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Runs a statement about repairs.
pub async fn repair(session: &mut Session, words: RepairWords) -> Result<Outcome> {
    match words {
        RepairWords::Undo(which) => {
            let run =
                async |work: &Work<'_>, txn: &mut Transaction, _: Vec<ast::Expr>| dml::undo(work, txn, &which).await;
            let cells = changing(session, Vec::new(), run).await?;
            session.auditing.affected = Some(cells as u64);
            command(&format!("UNDO REPAIR {cells}"))
        }
        RepairWords::Table { table, columns, rules, dry_run, options } => {
            let wanted = Wanted { columns, rules, ..Wanted::default() }.with(&options)?;
            match dry_run {
                true => shown(session, &table, &wanted).await,
                false => repaired(session, table, wanted).await,
            }
        }
    }
}

fn rows(columns: Vec<Field>, cells: Vec<Vec<Cell>>, tag: String) -> Result<Outcome> {
    let schema = Arc::new(Schema::new(columns));
    let batch = batch(&schema, cells)?;
    Ok(Outcome::Rows { stream: batches_stream(schema.clone(), vec![batch]), schema, tag })
}

/// What would be changed.
async fn shown(session: &mut Session, table: &Relation, wanted: &Wanted) -> Result<Outcome> {
    let (context, _) = session.context();
    let (schema, name) = context.resolve(table.0.as_deref(), &table.1);
    context.must_reach(&schema)?;
    let id: ObjectId = match context.snapshot.catalog.relation(&schema, &name) {
        Some((id, Object::Table(found))) => {
            tables::must_have(&context, found, Privilege::Select)?;
            id
        }
        Some((_, other)) => {
            let message = format!("REPAIR TABLE changes tables, and \"{name}\" is a {}", other.kind_name());
            return Err(Error::new(Kind::WrongObject, message).with_hint("REPAIR_PLAN plans for views as well."));
        }
        None => return Err(tables::undefined(&context, &schema, &name)),
    };
    let cells = plan_rows(&context, id, wanted).await?;
    let tag = format!("REPAIR {}", cells.len());
    rows(plan_columns(), cells, tag)
}

/// Changes it.
async fn repaired(session: &mut Session, table: Relation, wanted: Wanted) -> Result<Outcome> {
    let name: Vec<ast::Ident> = table.0.iter().chain([&table.1]).map(|part| quoted(part)).collect();
    let name = ast::ObjectName::from(name);
    let done = loop {
        let run = async |work: &Work<'_>, txn: &mut Transaction, _: Vec<ast::Expr>| {
            dml::repair(work, txn, &name, &wanted).await
        };
        match changing(session, Vec::new(), run).await? {
            Attempt::Done(done) => break done,
            // A place for them is made in the same transaction; then the plan is made once more, for what is there by then.
            Attempt::Homeless(id, columns) => {
                let make = async |ddl: &mut Ddl<'_>| ddl::keep_repairs(ddl, id, &columns);
                defining(session, make).await?;
            }
        }
    };
    session.auditing.affected = Some(done.rows as u64);
    let count = |n: usize| Cell::Int(i64::try_from(n).ok());
    let cells = vec![vec![Cell::Text(done.batch), count(done.rows), count(done.cells), count(done.left)]];
    rows(done_columns(), cells, format!("REPAIR {}", done.cells))
}
