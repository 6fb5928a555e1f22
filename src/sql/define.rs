//! Runs the definitions that our own grammar reads: each is a change of the session's transaction.

use super::ddl::{self, Ddl};
use super::execute::{command, defining};
use super::parser::Define;
use super::schema_elements;
use super::session::{Outcome, Session, Status};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::ObjectType;

/// Runs a definition.
pub async fn define(session: &mut Session, definition: Define) -> Result<Outcome> {
    match definition {
        Define::CreateTable { create, beside } => {
            let rows = defining(session, async |ddl| ddl::create_table(ddl, *create, &beside).await).await?;
            rows.map_or_else(|| command("CREATE TABLE"), |rows| command(&format!("SELECT {rows}")))
        }
        Define::CreateSchema { name, elements } => {
            schema_elements::create(session, &name, elements).await?;
            command("CREATE SCHEMA")
        }
        Define::AlterTable { alter, beside } => {
            defining(session, async |ddl| ddl::alter_table(ddl, *alter, &beside)).await?;
            command("ALTER TABLE")
        }
        Define::CreateSequence { name, temporary, if_not_exists, options } => {
            defining(session, async |ddl| ddl::create_sequence(ddl, name, temporary, if_not_exists, &options)).await?;
            command("CREATE SEQUENCE")
        }
        Define::AlterSequence { name, if_exists, options } => {
            defining(session, async |ddl| ddl::alter_sequence(ddl, &name, if_exists, &options)).await?;
            command("ALTER SEQUENCE")
        }
        Define::AlterIdentity { table, if_exists, column, change } => {
            let alter = async |ddl: &mut Ddl<'_>| ddl::alter_identity(ddl, &table, if_exists, &column, &change);
            defining(session, alter).await?;
            command("ALTER TABLE")
        }
        Define::AlterConstraint { table, if_exists, name, said } => {
            let alter = async |ddl: &mut Ddl<'_>| ddl::alter_constraint(ddl, &table, if_exists, &name, said.as_ref());
            defining(session, alter).await?;
            command("ALTER TABLE")
        }
        Define::Keeping(words) => {
            defining(session, async |ddl| ddl::keeping(ddl, &words)).await?;
            command(&format!("ALTER {}", words.kind))
        }
        Define::Rename { what, if_exists, name, to } => {
            defining(session, async |ddl| ddl::rename(ddl, what, if_exists, &name, to)).await?;
            command(&format!("ALTER {}", what.word()))
        }
        Define::AlterView { name, if_exists, change } => {
            defining(session, async |ddl| ddl::alter_view(ddl, &name, if_exists, change)).await?;
            command("ALTER VIEW")
        }
        Define::SetSchema { what, if_exists, name, schema } => {
            defining(session, async |ddl| ddl::set_schema(ddl, what, if_exists, &name, schema)).await?;
            command(&format!("ALTER {}", what.word()))
        }
        Define::Comment { on, text } => {
            defining(session, async |ddl| ddl::comment_on(ddl, &on, text)).await?;
            command("COMMENT")
        }
        Define::DropIndexes { names, if_exists, cascade } => {
            must_be_alone(session, "DROP INDEX CONCURRENTLY")?;
            let drop = async |ddl: &mut Ddl<'_>| ddl::drop_objects(ddl, ObjectType::Index, &names, if_exists, cascade);
            defining(session, drop).await?;
            command("DROP INDEX")
        }
        Define::Reindex { what } => {
            defining(session, async |ddl| ddl::reindex(ddl, &what)).await?;
            command("REINDEX")
        }
        Define::CreateEnum { name, labels } => {
            defining(session, async |ddl| ddl::create_enum(ddl, name, labels)).await?;
            command("CREATE TYPE")
        }
        Define::AlterEnum { name, change } => {
            defining(session, async |ddl| ddl::alter_enum(ddl, &name, change)).await?;
            command("ALTER TYPE")
        }
        Define::Domain(words) => {
            let tag = words.tag();
            defining(session, async |ddl| ddl::domains(ddl, *words)).await?;
            command(tag)
        }
        Define::DropTypes { names, if_exists, cascade } => {
            defining(session, async |ddl| ddl::drop_types(ddl, &names, if_exists, cascade)).await?;
            command("DROP TYPE")
        }
    }
}

/// Refuses within a block what PostgreSQL does not run there.
pub(super) fn must_be_alone(session: &Session, what: &str) -> Result<()> {
    match session.status {
        Status::Idle => Ok(()),
        Status::Block | Status::Failed => {
            let message = format!("{what} cannot run inside a transaction block");
            Err(Error::new(Kind::ActiveTransaction, message))
        }
    }
}
