//! COMMENT ON what has no place of its own for a comment: schemas, indexes, sequences, constraints, policies, roles, models, sources,
//! the database. Tags have one.

use super::super::parser::Commented;
use super::super::types::find_domain;
use super::index::Found;
use super::{Ddl, sequence};
use crate::catalog::{Class, Comment, Object, ObjectId, Tag, relation_key};
use crate::error::{Error, Kind, Result};

/// Runs COMMENT ON; no text takes the comment away.
pub fn comment_on(ddl: &mut Ddl<'_>, on: &Commented, text: Option<String>) -> Result<()> {
    ddl.txn.must_write("COMMENT")?;
    let (object, part) = match on {
        Commented::Index((schema, name)) => {
            let Some(found) = ddl.find_index(schema.as_deref(), name, false)? else { return Ok(()) };
            ddl.context.must_own(found.owner(ddl), "index", name)?;
            match found {
                Found::Plain(id, _) | Found::Text(id, _) => (id, String::new()),
                Found::Key(id, ..) => (id, Comment::index(name)),
            }
        }
        Commented::Sequence(name) => match sequence::own_sequence(ddl, name, false)? {
            Some((id, _)) => (id, String::new()),
            None => return Ok(()),
        },
        Commented::Type(name) => match find_domain(ddl.context, name.0.as_deref(), &name.1) {
            Some((id, domain)) => {
                ddl.context.must_own(domain.owner, "type", &name.1)?;
                (id, String::new())
            }
            None => (super::enumeration::own_enum(ddl, name)?.0, String::new()),
        },
        Commented::Function(name) => {
            let (id, owner) = super::function::must_get(ddl, name)?;
            ddl.context.must_own(owner, "function", &name.1)?;
            (id, String::new())
        }
        Commented::Constraint(name, (schema, table)) => {
            let (id, facts) = ddl.own_table(schema.as_deref(), table)?;
            let key = facts.key(name).is_some_and(|key| key.index.is_none());
            let other = facts.checks.iter().any(|check| check.name == *name)
                || facts.foreign_keys.iter().any(|key| key.name == *name);
            if !key && !other {
                let message = format!("constraint \"{name}\" for table \"{table}\" does not exist");
                return Err(Error::new(Kind::UndefinedObject, message));
            }
            (id, Comment::constraint(name))
        }
        Commented::Policy(name, (schema, table)) => {
            let (id, _) = ddl.own_table(schema.as_deref(), table)?;
            let key = relation_key(&id.to_string(), name);
            let found = ddl.txn.snapshot().catalog.find(Class::RowPolicy, &key).map(|(id, _)| id);
            let missing = || {
                let message = format!("policy \"{name}\" for table \"{table}\" does not exist");
                Error::new(Kind::UndefinedObject, message)
            };
            (found.ok_or_else(missing)?, String::new())
        }
        Commented::Database(name) => {
            if *name != ddl.context.database.name {
                // As in PostgreSQL, so that a dump can be read into a database of another name.
                ddl.context.warn(format!("database \"{name}\" does not exist"));
                return Ok(());
            }
            ddl.context.must_be_superuser("comment on the database")?;
            (0, String::new())
        }
        Commented::Tag(name) => return on_tag(ddl, name, text),
        Commented::Schema(name) => named(ddl, Class::Schema, "schema", name)?,
        Commented::Source(name) => named(ddl, Class::Schema, "source", name)?,
        Commented::Model(name) => named(ddl, Class::Model, "model", name)?,
        Commented::MaskingPolicy(name) => named(ddl, Class::MaskingPolicy, "masking policy", name)?,
        Commented::Role(name) => named(ddl, Class::Role, "role", name)?,
    };
    say(ddl, object, &part, text)
}

/// The object of this class and name, if the role owns it.
fn named(ddl: &Ddl<'_>, class: Class, what: &str, name: &str) -> Result<(ObjectId, String)> {
    let catalog = &ddl.txn.snapshot().catalog;
    let found = catalog.find(class, name).filter(|(_, object)| object.kind_name() == what);
    let Some((id, object)) = found else {
        let kind = if what == "schema" { Kind::UndefinedSchema } else { Kind::UndefinedObject };
        return Err(Error::new(kind, format!("{what} \"{name}\" does not exist")));
    };
    match object {
        Object::Schema(o) => ddl.context.must_own(o.owner, what, name)?,
        Object::Source(o) => ddl.context.must_own(o.owner, what, name)?,
        Object::Model(o) => ddl.context.must_own(o.owner, what, name)?,
        Object::MaskingPolicy(o) => ddl.context.must_own(o.owner, what, name)?,
        _ => ddl.context.must_be_superuser("comment on roles")?,
    }
    Ok((id, String::new()))
}

fn on_tag(ddl: &mut Ddl<'_>, name: &str, text: Option<String>) -> Result<()> {
    ddl.context.must_be_superuser("comment on tags")?;
    let found = ddl.txn.snapshot().catalog.tag(name).map(|(id, tag)| (id, tag.clone()));
    match found {
        Some((id, tag)) => ddl.txn.put_object(id, Object::Tag(Tag { comment: text, ..tag })),
        None => Err(Error::new(Kind::UndefinedObject, format!("tag \"{name}\" does not exist"))),
    }
}

fn find(ddl: &Ddl<'_>, object: ObjectId, part: &str) -> Option<ObjectId> {
    ddl.txn.snapshot().catalog.find(Class::Comment, &Comment::key(object, part)).map(|(id, _)| id)
}

/// Puts a comment on an object or a part of it, or takes it away.
pub(super) fn say(ddl: &mut Ddl<'_>, object: ObjectId, part: &str, text: Option<String>) -> Result<()> {
    let there = find(ddl, object, part);
    match (text, there) {
        (Some(text), there) => {
            let id = there.unwrap_or_else(|| ddl.new_id());
            ddl.txn.put_object(id, Object::Comment(Comment { object, part: part.to_owned(), text }))
        }
        (None, Some(id)) => {
            ddl.txn.drop_object(id);
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// Takes the comment on a part away, which goes.
pub(super) fn forget(ddl: &mut Ddl<'_>, object: ObjectId, part: &str) {
    if let Some(id) = find(ddl, object, part) {
        ddl.txn.drop_object(id);
    }
}

/// The comment on a part is on one of another name.
pub(super) fn rename(ddl: &mut Ddl<'_>, object: ObjectId, from: &str, to: String) -> Result<()> {
    let Some(text) = ddl.txn.snapshot().catalog.comment(object, from).map(str::to_owned) else { return Ok(()) };
    forget(ddl, object, from);
    say(ddl, object, &to, Some(text))
}
