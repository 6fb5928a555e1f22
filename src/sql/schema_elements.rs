//! `CREATE SCHEMA s CREATE TABLE t (...) ...`: makes what a schema is to have, as its owner, with the schema first in the search path.

use super::ddl;
use super::execute::defining;
use super::parser::{Beside, Body, Define, Own, quoted, split};
use super::session::Session;
use super::settings::Settings;
use crate::catalog::ObjectId;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{ObjectName, SchemaName, Statement as Sql};

/// Makes a schema and its elements.
pub async fn create(session: &mut Session, name: &SchemaName, elements: Vec<Body>) -> Result<()> {
    let (schema, owner) = defining(session, async |ddl| ddl::create_schema(ddl, name, false)).await?;
    let within = Within::new(session, &schema, owner)?;
    for element in elements {
        make(within.session, &schema, element).await?;
    }
    Ok(())
}

/// A session that acts as the owner of a schema and looks there first, until this goes.
struct Within<'a> {
    session: &'a mut Session,
    settings: Settings,
    role: ObjectId,
}

impl<'a> Within<'a> {
    fn new(session: &'a mut Session, schema: &str, owner: ObjectId) -> Result<Self> {
        let path = format!("{}, {}", quoted(schema), session.settings.get("search_path")?);
        let (settings, role) = (session.settings.clone(), session.role);
        let within = Self { session, settings, role };
        within.session.settings.set("search_path", &path)?;
        within.session.role = owner;
        Ok(within)
    }
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.session.settings = self.settings.clone();
        self.session.role = self.role;
    }
}

async fn make(session: &mut Session, schema: &str, element: Body) -> Result<()> {
    match element {
        Body::Sql(sql) => match *sql {
            Sql::CreateTable(mut create) => {
                place(&mut create.name, schema)?;
                defining(session, async |ddl| ddl::create_table(ddl, create, &Beside::default()).await).await?;
            }
            Sql::CreateView(mut create) => {
                place(&mut create.name, schema)?;
                defining(session, async |ddl| ddl::create_view(ddl, create)).await?;
            }
            Sql::CreateIndex(mut create) => {
                place(&mut create.table_name, schema)?;
                defining(session, async |ddl| ddl::create_index(ddl, create)).await?;
            }
            _ => return Err(no_element()),
        },
        Body::Own(own) => match *own {
            Own::Define(Define::CreateTable { mut create, beside }) => {
                place(&mut create.name, schema)?;
                defining(session, async |ddl| ddl::create_table(ddl, *create, &beside).await).await?;
            }
            Own::Define(Define::CreateSequence { name: (given, name), temporary, if_not_exists, options }) => {
                must_be_of(given.as_deref(), schema)?;
                let name = (Some(schema.to_owned()), name);
                let make =
                    async |ddl: &mut ddl::Ddl<'_>| ddl::create_sequence(ddl, name, temporary, if_not_exists, &options);
                defining(session, make).await?;
            }
            Own::Grant { target, roles, how } => {
                let withheld = defining(session, async |ddl| ddl::grant(ddl, target, &roles, how)).await?;
                session.note_withheld(withheld, how.revoke);
            }
            _ => return Err(no_element()),
        },
    }
    Ok(())
}

/// The name of an element as one in the schema.
fn place(name: &mut ObjectName, schema: &str) -> Result<()> {
    let (given, own) = split(name)?;
    must_be_of(given.as_deref(), schema)?;
    *name = ObjectName::from(vec![quoted(schema), quoted(&own)]);
    Ok(())
}

fn must_be_of(given: Option<&str>, schema: &str) -> Result<()> {
    match given {
        Some(other) if other != schema => {
            let message =
                format!("CREATE specifies a schema ({other}) different from the one being created ({schema})");
            Err(Error::new(Kind::InvalidSchemaDefinition, message))
        }
        _ => Ok(()),
    }
}

fn no_element() -> Error {
    Error::internal("a schema has an element that its grammar has not")
}
