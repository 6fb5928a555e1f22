//! CREATE SCHEMA and COMMENT ON.

use super::super::parser::{fold, split};
use super::{Ddl, check_name, skipping};
use crate::catalog::{Comment, Object, ObjectId, Schema};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{CommentObject, ObjectName, SchemaName};

/// Runs CREATE SCHEMA. Gives the schema's name, and who is to own it.
pub fn create_schema(ddl: &mut Ddl<'_>, name: &SchemaName, if_not_exists: bool) -> Result<(String, ObjectId)> {
    ddl.txn.must_write("CREATE SCHEMA")?;
    let (name, owner) = match name {
        SchemaName::Simple(name) => (split(name)?.1, ddl.context.role),
        SchemaName::NamedAuthorization(name, owner) => (split(name)?.1, owner_of(ddl, &fold(owner))?),
        // It is called as its owner.
        SchemaName::UnnamedAuthorization(owner) => {
            let owner = owner_of(ddl, &fold(owner))?;
            (ddl.txn.snapshot().catalog.role_name(owner), owner)
        }
    };
    must_be_acceptable(&name)?;
    if if_not_exists && ddl.txn.snapshot().catalog.schema(&name).is_some() {
        skipping(ddl.context, "schema", &name, true);
        return Ok((name, owner));
    }
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Schema(Schema { name: name.clone(), owner, creators: Vec::new() }))?;
    Ok((name, owner))
}

/// Who is to own a schema: a role whose rights one has.
fn owner_of(ddl: &Ddl<'_>, role: &str) -> Result<ObjectId> {
    let owner = ddl.role(role)?;
    match ddl.context.has_role(owner) && owner != crate::catalog::PUBLIC {
        true => Ok(owner),
        false => Err(Error::new(Kind::Privilege, format!("must be member of role \"{role}\""))),
    }
}

/// Refuses names of schemas that are Steward's or PostgreSQL's own.
pub(super) fn must_be_acceptable(name: &str) -> Result<()> {
    check_name(name)?;
    match name.starts_with("pg_") || name == "steward" || name == "information_schema" {
        true => Err(Error::new(Kind::ReservedName, format!("unacceptable schema name \"{name}\""))),
        false => Ok(()),
    }
}

/// Runs COMMENT ON.
pub fn comment(ddl: &mut Ddl<'_>, on: CommentObject, name: &ObjectName, comment: Option<String>) -> Result<()> {
    ddl.txn.must_write("COMMENT")?;
    match on {
        CommentObject::Table => {
            let (schema, name) = split(name)?;
            let (id, mut table) = ddl.own_table(schema.as_deref(), &name)?;
            table.comment = comment;
            ddl.txn.put_object(id, Object::Table(table))
        }
        CommentObject::Column => {
            let mut parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
            let column = parts.pop().unwrap_or_default();
            let Some(table) = parts.pop() else {
                return Err(Error::new(Kind::Syntax, "column name must be qualified"));
            };
            let schema = parts.pop();
            if let Some(found) = on_view_column(ddl, (schema.as_deref(), &table), &column, &comment) {
                return found;
            }
            let (id, mut table) = ddl.own_table(schema.as_deref(), &table)?;
            let Some(at) = table.column_index(&column) else {
                return Err(Error::new(
                    Kind::UndefinedColumn,
                    format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
                ));
            };
            table.columns[at].comment = comment;
            ddl.txn.put_object(id, Object::Table(table))
        }
        CommentObject::MaterializedView => {
            let (schema, name) = split(name)?;
            let (id, mut table) = ddl.own_table(schema.as_deref(), &name)?;
            if table.materialized.is_none() {
                return Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a materialized view")));
            }
            table.comment = comment;
            ddl.txn.put_object(id, Object::Table(table))
        }
        CommentObject::View => {
            let (schema, name) = split(name)?;
            let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
            match ddl.txn.snapshot().catalog.relation(&schema, &name).map(|(id, o)| (id, o.clone())) {
                Some((id, Object::View(mut view))) => {
                    ddl.context.must_own(view.owner, "view", &name)?;
                    view.comment = comment;
                    ddl.txn.put_object(id, Object::View(view))
                }
                _ => Err(super::super::tables::undefined(ddl.context, &schema, &name)),
            }
        }
        other => Err(Error::new(Kind::Unsupported, format!("COMMENT ON {other} is not supported"))),
    }
}

/// COMMENT ON COLUMN where the relation is a view; none if it is another.
fn on_view_column(
    ddl: &mut Ddl<'_>,
    (schema, name): (Option<&str>, &str),
    column: &str,
    comment: &Option<String>,
) -> Option<Result<()>> {
    let (schema, name) = ddl.context.resolve(schema, name);
    let (id, owner) = match ddl.txn.snapshot().catalog.relation(&schema, &name)? {
        (id, Object::View(view)) => (id, view.owner),
        _ => return None,
    };
    Some((|| {
        ddl.context.must_own(owner, "view", &name)?;
        let view = super::super::tables::open(&ddl.context.with_role(owner), ddl.state, &schema, &name);
        let view = ddl.checked(|| format!("view \"{schema}.{name}\""), view)?;
        if view.is_some_and(|view| view.schema().field_with_name(column).is_err()) {
            let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
            return Err(Error::new(Kind::UndefinedColumn, message));
        }
        super::comment::say(ddl, id, &Comment::column(column), comment.clone())
    })())
}
