//! ALTER ... OWNER TO.

use super::super::parser::quoted;
use super::super::rewrite::inline;
use super::{Ddl, skipping};
use crate::catalog::{Class, Object, Sequence, Table, relation_key};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::ObjectName;

/// What can be given to another owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owned {
    /// `TABLE`
    Table,
    /// `VIEW`
    View,
    /// `FUNCTION`
    Function,
    /// `SEQUENCE`
    Sequence,
    /// `MATERIALIZED VIEW`
    MaterializedView,
    /// `SCHEMA`
    Schema,
    /// `SOURCE`
    Source,
    /// `MODEL`
    Model,
    /// `MASKING POLICY`
    MaskingPolicy,
    /// `CLASSIFIER`
    Classifier,
    /// `JOB`
    Job,
}

impl Owned {
    /// The command tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Table => "ALTER TABLE",
            Self::View => "ALTER VIEW",
            Self::Function => "ALTER FUNCTION",
            Self::Sequence => "ALTER SEQUENCE",
            Self::MaterializedView => "ALTER MATERIALIZED VIEW",
            Self::Schema => "ALTER SCHEMA",
            Self::Source => "ALTER SOURCE",
            Self::Model => "ALTER MODEL",
            Self::MaskingPolicy => "ALTER MASKING POLICY",
            Self::Classifier => "ALTER CLASSIFIER",
            Self::Job => "ALTER JOB",
        }
    }
}

/// Gives an object to a role: its owner may, to a role whose rights it has itself.
pub fn set_owner(
    ddl: &mut Ddl<'_>,
    what: Owned,
    if_exists: bool,
    name: &(Option<String>, String),
    role: &str,
) -> Result<()> {
    ddl.txn.must_write("ALTER OWNER")?;
    let owner = ddl.role(role)?;
    if !ddl.context.has_role(owner) || owner == crate::catalog::PUBLIC {
        return Err(Error::new(Kind::Privilege, format!("must be member of role \"{role}\"")));
    }
    let (schema, plain) = ddl.context.resolve(name.0.as_deref(), &name.1);
    let (class, key) = match what {
        Owned::Table | Owned::View | Owned::MaterializedView | Owned::Sequence => {
            (Class::Relation, relation_key(&schema, &plain))
        }
        Owned::Function => (Class::Function, function_key(ddl, name)),
        Owned::Schema | Owned::Source => (Class::Schema, plain.clone()),
        Owned::Model => (Class::Model, plain.clone()),
        Owned::MaskingPolicy => (Class::MaskingPolicy, plain.clone()),
        Owned::Classifier => (Class::Classifier, plain.clone()),
        Owned::Job => (Class::Job, plain.clone()),
    };
    let missing = || match class {
        Class::Relation => super::super::tables::undefined(ddl.context, &schema, &plain),
        Class::Function => Error::new(Kind::UndefinedFunction, format!("could not find a function named \"{plain}\"")),
        _ => Error::new(Kind::UndefinedObject, format!("\"{plain}\" does not exist")),
    };
    let found = ddl.txn.snapshot().catalog.find(class, &key).map(|(id, object)| (id, object.clone()));
    if if_exists && found.is_none() {
        skipping(ddl.context, "relation", &plain, false);
        return Ok(());
    }
    let (id, mut object) = found.ok_or_else(missing)?;
    let kind = object.kind_name();
    let held = match (&mut object, what) {
        (Object::Table(o), Owned::Table) => &mut o.owner,
        // As in PostgreSQL, where ALTER TABLE takes every relation.
        (Object::View(o), Owned::Table) => &mut o.owner,
        (Object::Table(o), Owned::MaterializedView) if o.materialized.is_some() => &mut o.owner,
        (Object::View(o), Owned::View) => &mut o.owner,
        (Object::Function(o), Owned::Function) => &mut o.owner,
        (Object::Sequence(o), Owned::Sequence | Owned::Table) if o.owned_by.is_some() => {
            return Err(Error::new(Kind::Unsupported, format!("cannot change owner of sequence \"{plain}\""))
                .with_detail(format!("Sequence \"{plain}\" is linked to a table.")));
        }
        (Object::Sequence(o), Owned::Sequence | Owned::Table) => &mut o.owner,
        (Object::Schema(o), Owned::Schema) => &mut o.owner,
        (Object::Source(o), Owned::Source) => &mut o.owner,
        (Object::Model(o), Owned::Model) => &mut o.owner,
        (Object::MaskingPolicy(o), Owned::MaskingPolicy) => &mut o.owner,
        (Object::Classifier(o), Owned::Classifier) => &mut o.owner,
        (Object::Job(o), Owned::Job) => &mut o.owner,
        _ => return Err(missing()),
    };
    ddl.context.must_own(*held, kind, &plain)?;
    *held = owner;
    ddl.txn.put_object(id, object)?;
    // Sequences of a table's columns go with the table.
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (sequence_id, sequence) in catalog.sequences_of(id) {
        ddl.txn.put_object(sequence_id, Object::Sequence(Sequence { owner, ..sequence.clone() }))?;
    }
    // So does what its rules have put aside.
    if let Some((aside, table)) = catalog.quarantine_of(id) {
        ddl.txn.put_object(aside, Object::Table(Table { owner, ..table.clone() }))?;
    }
    if let Some((repairs, table)) = catalog.repairs_of(id) {
        ddl.txn.put_object(repairs, Object::Table(Table { owner, ..table.clone() }))?;
    }
    Ok(())
}

/// The key of the function that a name means.
fn function_key(ddl: &Ddl<'_>, (schema, name): &(Option<String>, String)) -> String {
    let parts = schema.iter().chain([name]).map(|part| quoted(part));
    match inline::find(ddl.context, &ObjectName::from(parts.collect::<Vec<_>>())) {
        Some(function) => relation_key(&function.schema, &function.name),
        None => String::new(),
    }
}
