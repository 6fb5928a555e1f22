//! What keeps the rows of a query, and what is the session's own: materialized views, tables without rows, DISCARD.

use super::super::ddl::{self, Ddl};
use super::super::execute::defining;
use super::super::parser::{self, Kept};
use super::super::session::{Outcome, Session, Status};
use super::super::temporary;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;

fn told(tag: &str) -> Result<Outcome> {
    Ok(Outcome::Command(tag.to_owned()))
}

/// Runs a statement about relations that keep the rows of a query.
pub async fn keep(session: &mut Session, kept: Kept) -> Result<Outcome> {
    match kept {
        Kept::Create { create, with_data, columns } => {
            let make = async |ddl: &mut Ddl<'_>| {
                ddl::create_materialized_view(ddl, *create, with_data, columns.as_deref()).await
            };
            match defining(session, make).await? {
                Some(rows) => Ok(Outcome::Command(format!("SELECT {rows}"))),
                None => told("CREATE MATERIALIZED VIEW"),
            }
        }
        Kept::CreateEmpty { mut create } => {
            create.query = create.query.map(|query| without_rows(*query)).transpose()?;
            defining(session, async |ddl| ddl::create_table(ddl, *create, &Default::default()).await).await?;
            told("CREATE TABLE AS")
        }
        Kept::Refresh { name, concurrently, with_data } => {
            let refresh =
                async |ddl: &mut Ddl<'_>| ddl::refresh_materialized_view(ddl, &name, concurrently, with_data).await;
            defining(session, refresh).await?;
            told("REFRESH MATERIALIZED VIEW")
        }
        Kept::Alter { alter } => {
            defining(session, async |ddl| ddl::alter_table(ddl, *alter, &Default::default())).await?;
            told("ALTER MATERIALIZED VIEW")
        }
    }
}

/// The query with its columns and none of its rows.
fn without_rows(query: ast::Query) -> Result<Box<ast::Query>> {
    let mut none = parser::query("SELECT * FROM (SELECT 1) AS kept LIMIT 0")?;
    if let ast::SetExpr::Select(select) = none.body.as_mut()
        && let Some(ast::TableFactor::Derived { subquery, .. }) = select.from.first_mut().map(|from| &mut from.relation)
    {
        **subquery = query;
    }
    Ok(Box::new(none))
}

/// Forgets what the session has made for itself.
pub async fn discard(session: &mut Session, what: ast::DiscardObject) -> Result<Outcome> {
    let all = what == ast::DiscardObject::ALL;
    if all && (session.status != Status::Idle || session.in_string) {
        let message = "DISCARD ALL cannot run inside a transaction block";
        return Err(Error::new(Kind::ActiveTransaction, message));
    }
    if all {
        session.cursors.close_all();
        session.prepared = Default::default();
        session.taken.forget();
        session.reset_settings();
        session.role = session.login;
        session.pending.unlisten(None);
        session.advisory.unlock_all();
    }
    if all || what == ast::DiscardObject::TEMP {
        defining(session, async |ddl| {
            temporary::discard(ddl);
            Ok(())
        })
        .await?;
    }
    told(&format!("DISCARD {what}"))
}
