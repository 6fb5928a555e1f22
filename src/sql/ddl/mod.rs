//! Statements that make, change and drop objects. All are changes of the session's transaction.

mod access;
mod alter_table;
mod class;
mod classifier;
mod comment;
mod constraint;
mod default_rights;
mod deferral;
mod domain;
mod drop;
mod drop_column;
mod enumeration;
mod foreign_key;
mod function;
mod generated;
mod grant;
mod in_full;
mod index;
mod job;
mod keeping;
mod like;
mod materialized;
mod owned;
mod owner;
mod policy;
mod quarantine;
mod rename;
mod renamed;
mod repairs;
mod retype;
mod row_policy;
mod rule;
mod schema;
mod sequence;
mod table;
mod text_index;
mod view;
mod view_names;
mod wildcards;

pub use access::{alter_role, create_role, drop_role};
pub use alter_table::alter_table;
pub use class::{erase_class, may_have_classes, set_class};
pub use classifier::{classifier, ready, remembered};
pub use comment::comment_on;
pub use default_rights::alter_default_rights;
pub use deferral::alter_constraint;
pub use domain::domains;
pub use drop::{drop_by_id, drop_objects, drop_readers};
pub use enumeration::{alter_enum, create_enum, drop_types};
pub use foreign_key::to_truncate;
pub use function::{create_function, drop_function, is_as_written};
pub use generated::named_in;
pub use grant::{Giving, grant};
pub use in_full::names_in_full;
pub use index::{create_index, reindex};
pub use job::{define_job, kept_settings, missing as missing_job, now_ms, watched};
pub use keeping::keeping;
pub use materialized::{create_materialized_view, empty_materialized_view, refresh_materialized_view, works};
pub use owned::{drop_owned, reassign_owned};
pub use owner::{Owned, set_owner};
pub use policy::{
    create_masking_policy, create_tag, drop_masking_policy, drop_tag, must_be_allowed, must_fit_column,
    set_column_mask, set_tag_mask, tag, use_tag,
};
pub use quarantine::{ACTOR as QUARANTINE_ACTOR, RULE as QUARANTINE_RULE, TIME as QUARANTINE_TIME};
pub use rename::{rename, set_schema};
pub use repairs::{COLUMNS as REPAIR_COLUMNS, keep_repairs};
pub use row_policy::{alter_row_policy, create_row_policy, drop_row_policy};
pub use rule::{own_relation, quality_rule};
pub use schema::{comment, create_schema};
pub use sequence::{alter_identity, alter_sequence, create_sequence, is_regclass, number_columns, restart_sequences};
pub use table::create_table;
pub use view::{alter_view, create_view};
pub use view_names::{named, qualify};

use super::context::Context;
use super::parser::split;
use super::temporary;
use crate::catalog::{Class, Object, ObjectId, Table};
use crate::config::NAME_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::txn::Transaction;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::ObjectName;
use std::sync::Arc;

/// What every such statement works with.
pub struct Ddl<'a> {
    /// The statement's context.
    pub context: &'a Arc<Context>,
    /// The engine.
    pub state: &'a SessionState,
    /// The session's transaction.
    pub txn: &'a mut Transaction,
}

impl Ddl<'_> {
    /// A new id.
    pub fn new_id(&self) -> ObjectId {
        self.context.database.manager.new_id()
    }

    /// The statement's context, which sees what the statement has done so far.
    pub(super) fn looking(&self) -> Arc<Context> {
        Arc::new(Context { snapshot: self.txn.snapshot().clone(), ..self.context.as_ref().clone() })
    }

    /// What a definition was found to be; one that does not work now is an error. With `steward.check_definitions` off it is kept
    /// all the same, and a warning says of `what`: a source's folder may not be there yet, a function's table be gone.
    pub fn checked<T>(&self, what: impl FnOnce() -> String, found: Result<T>) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if may_be_kept(&error) && !self.context.settings.is_on("steward.check_definitions") => {
                self.context.warn(format!("{} does not work now: {}", what(), error.message()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a relation, or the index behind a key, has this name.
    pub(super) fn is_taken(&self, schema: &str, name: &str) -> bool {
        let catalog = &self.txn.snapshot().catalog;
        let key = |object: &Object| match object {
            Object::Table(table) => table.schema == schema && table.key(name).is_some(),
            _ => false,
        };
        catalog.relation(schema, name).is_some() || catalog.class(Class::Relation).any(|(_, object)| key(object))
    }

    /// Refuses a name that another relation or index has.
    pub(super) fn must_be_free(&self, schema: &str, name: &str) -> Result<()> {
        match self.is_taken(schema, name) {
            false => Ok(()),
            true => Err(Error::new(Kind::DuplicateTable, format!("relation \"{name}\" already exists"))),
        }
    }

    /// The name itself, or with the first number behind it with which it is free.
    pub(super) fn free_name(&self, schema: &str, base: &str) -> String {
        let mut names = std::iter::once(base.to_owned()).chain((1..).map(|n| format!("{base}{n}")));
        names.find(|name| !self.is_taken(schema, name)).unwrap_or_else(|| base.to_owned())
    }

    /// Schema and name for a relation that is to be made: a temporary one if that is asked for or named.
    fn new_place(&mut self, name: &ObjectName, temporary: bool) -> Result<(String, String)> {
        self.new_place_named(split(name)?, temporary)
    }

    /// The same of names that are read already.
    fn new_place_named(
        &mut self,
        (schema, plain): (Option<String>, String),
        temporary: bool,
    ) -> Result<(String, String)> {
        let first = || self.context.settings.search_path().into_iter().next();
        let named = match &schema {
            Some(schema) => self.context.is_own_temporary(self.context.schema(schema)),
            None => !temporary && first().is_some_and(|first| first == "pg_temp"),
        };
        if temporary && schema.is_some() && !named {
            return Err(temporary::wrong_schema());
        }
        if !temporary && !named {
            return self.new_relation_named(schema, plain);
        }
        check_name(&plain)?;
        Ok((temporary::must_get_schema(self)?, plain))
    }

    /// Schema and name for a relation that is to be made, and is not temporary.
    fn new_relation(&self, name: &ObjectName) -> Result<(String, String)> {
        let (schema, name) = split(name)?;
        self.new_relation_named(schema, name)
    }

    /// The same of names that are read already.
    pub(super) fn new_relation_named(&self, schema: Option<String>, name: String) -> Result<(String, String)> {
        check_name(&name)?;
        let Some(schema) = schema.or_else(|| self.context.settings.written_path().into_iter().next()) else {
            return Err(Error::new(Kind::UndefinedSchema, "no schema has been selected to create in"));
        };
        if schema == "steward" || schema == "pg_catalog" || schema == "information_schema" {
            return Err(Error::new(Kind::Privilege, format!("permission denied for schema {schema}"))
                .with_detail("System schemas hold views of Steward's own."));
        }
        let Some((_, facts)) = self.txn.snapshot().catalog.schema(&schema) else {
            return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{schema}\" does not exist")));
        };
        // As in PostgreSQL 15, where PUBLIC may no longer create in schema public.
        let creates = |role: &ObjectId| *role == crate::catalog::PUBLIC || self.context.has_role(*role);
        if !self.context.has_role(facts.owner) && !facts.creators.iter().any(creates) {
            return Err(Error::new(Kind::Privilege, format!("permission denied for schema {schema}")));
        }
        Ok((schema, name))
    }

    /// The table of this name, if the role owns it.
    pub(super) fn own_table(&self, schema: Option<&str>, name: &str) -> Result<(ObjectId, Table)> {
        let (schema, name) = self.context.resolve(schema, name);
        self.context.must_reach(&schema)?;
        match self.txn.snapshot().catalog.relation(&schema, &name) {
            Some((id, Object::Table(table))) => {
                self.context.must_own(table.owner, "table", &name)?;
                Ok((id, table.clone()))
            }
            Some((_, other)) => {
                Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a table but a {}", other.kind_name())))
            }
            None => Err(super::tables::undefined(self.context, &schema, &name)),
        }
    }

    /// Refuses to change a table while something is still to be looked at for its rows.
    pub(super) fn must_not_wait(&self, command: &str, id: ObjectId, name: &str) -> Result<()> {
        match self.txn.deferred().waits_for(id) {
            false => Ok(()),
            true => {
                let message = format!("cannot {command} \"{name}\" because it has pending trigger events");
                Err(Error::new(Kind::InUse, message))
            }
        }
    }

    /// The id of a role.
    fn role(&self, name: &str) -> Result<ObjectId> {
        if name == "public" {
            return Ok(crate::catalog::PUBLIC);
        }
        if matches!(name, "current_user" | "current_role" | "session_user") {
            return Ok(self.context.role);
        }
        match self.txn.snapshot().catalog.role(name) {
            Some((id, _)) => Ok(id),
            None => Err(Error::new(Kind::UndefinedObject, format!("role \"{name}\" does not exist"))),
        }
    }
}

/// Whether an error says of a definition that it does not work now, and not of the statement that it must end.
fn may_be_kept(error: &Error) -> bool {
    !matches!(error.kind(), Kind::Cancelled | Kind::Internal | Kind::Privilege | Kind::Serialization)
}

/// Refuses names that are empty or too long; PostgreSQL would cut them, which hides mistakes.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new(Kind::Syntax, "zero-length delimited identifier"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::new(
            Kind::InvalidParameter,
            format!("identifier \"{name}\" is longer than {NAME_BYTES_MAX} bytes"),
        ));
    }
    if name.chars().any(|c| c.is_control()) {
        return Err(Error::new(Kind::InvalidParameter, "a name cannot contain control characters"));
    }
    Ok(())
}

/// Sends PostgreSQL's notice for IF EXISTS and IF NOT EXISTS.
fn skipping(context: &Context, what: &str, name: &str, there: bool) {
    let state = if there { "already exists" } else { "does not exist" };
    let message = format!("{what} \"{name}\" {state}, skipping");
    match (there, what) {
        (false, _) => context.notice(message),
        (true, "relation") => context.notice_of(Kind::DuplicateTable, message),
        (true, "schema") => context.notice_of(Kind::DuplicateSchema, message),
        (true, _) => context.notice_of(Kind::DuplicateObject, message),
    }
}
