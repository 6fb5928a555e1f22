//! Other names and other schemas. Views keep names in their text: what one reads stays as it is called.

use super::super::parser::Named;
use super::alter_table::rename_in_views;
use super::generated::{named_in, with_column_renamed};
use super::index::{Found, rename_key};
use super::sequence::own_sequence;
use super::{Ddl, check_name, renamed, skipping};
use crate::catalog::{Class, Domain, EnumType, Function, IndexPart, LineageChange, Object, ObjectId, Schema, Table};
use crate::error::{Error, Kind, Result};

/// A relation with or without its schema.
type Relation = (Option<String>, String);

/// Runs ALTER ... RENAME TO of a view, an index, a sequence or a schema.
pub fn rename(ddl: &mut Ddl<'_>, what: Named, if_exists: bool, name: &Relation, to: String) -> Result<()> {
    ddl.txn.must_write(&format!("ALTER {}", what.word()))?;
    check_name(&to)?;
    match what {
        Named::Index => {
            let Some(found) = ddl.find_index(name.0.as_deref(), &name.1, if_exists)? else { return Ok(()) };
            ddl.context.must_own(found.owner(ddl), "index", &name.1)?;
            match found {
                Found::Plain(id, mut index) => {
                    ddl.must_be_free(&index.schema, &to)?;
                    index.name = to;
                    ddl.txn.put_object(id, Object::PlainIndex(index))
                }
                Found::Text(id, mut index) => {
                    ddl.must_be_free(&index.schema, &to)?;
                    index.name = to;
                    ddl.txn.put_object(id, Object::Index(index))
                }
                Found::Key(id, mut table, at) => {
                    rename_key(ddl, id, &mut table, at, to)?;
                    ddl.txn.put_object(id, Object::Table(*table))
                }
            }
        }
        Named::Sequence => {
            let Some((id, mut sequence)) = own_sequence(ddl, name, if_exists)? else { return Ok(()) };
            ddl.must_be_free(&sequence.schema, &to)?;
            let at = sequence.schema.clone();
            renamed::in_texts(ddl, &renamed::one(Class::Relation, (&at, &sequence.name), (&at, &to)))?;
            sequence.name = to;
            ddl.txn.put_object(id, Object::Sequence(sequence))
        }
        Named::Schema => rename_schema(ddl, &name.1, to),
        Named::View | Named::Table => {
            let (schema, plain) = ddl.context.resolve(name.0.as_deref(), &name.1);
            match ddl.txn.snapshot().catalog.relation(&schema, &plain).map(|(id, object)| (id, object.clone())) {
                Some((id, Object::View(mut view))) => {
                    ddl.context.must_own(view.owner, "view", &plain)?;
                    rename_in_views(ddl, (&schema, &plain), (&schema, &to))?;
                    ddl.must_be_free(&schema, &to)?;
                    forget_finding(ddl, &schema, &plain);
                    view.name = to;
                    ddl.txn.put_object(id, Object::View(view))
                }
                Some(_) => Err(Error::new(Kind::WrongObject, format!("\"{plain}\" is not a view"))),
                None if if_exists => {
                    skipping(ddl.context, "relation", &plain, false);
                    Ok(())
                }
                None => Err(super::super::tables::undefined(ddl.context, &schema, &plain)),
            }
        }
    }
}

/// Forgets what the inventory found out, as the name counted there.
pub(super) fn forget_finding(ddl: &mut Ddl<'_>, schema: &str, name: &str) {
    let asset = format!("{schema}.{name}");
    let finding = ddl.txn.snapshot().catalog.finding(&asset).map(|(id, _)| id);
    if let Some(finding) = finding {
        ddl.txn.drop_object(finding);
        ddl.context.notice(format!("what INVENTORY found about {asset} is forgotten, as the name is part of it"));
    }
}

fn rename_schema(ddl: &mut Ddl<'_>, name: &str, to: String) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let Some((id, schema)) = catalog.schema(name) else {
        return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{name}\" does not exist")));
    };
    ddl.context.must_own(schema.owner, "schema", name)?;
    super::schema::must_be_acceptable(&to)?;
    if catalog.schema(&to).is_some() {
        return Err(Error::new(Kind::DuplicateSchema, format!("schema \"{to}\" already exists")));
    }
    for (_, object) in catalog.class(Class::Relation).filter(|(_, object)| schema_of(object) == Some(name)) {
        let (_, key) = object.key();
        let relation = key.rsplit('\0').next().unwrap_or_default();
        rename_in_views(ddl, (name, relation), (&to, relation))?;
    }
    renamed::in_texts(ddl, &|_, schema, plain| (schema == name).then(|| (to.clone(), plain.to_owned())))?;
    let now = ddl.txn.snapshot().catalog.clone();
    for (function_id, object) in now.class(Class::Function) {
        if let Object::Function(function) = object
            && function.schema == name
        {
            let moved = Function { schema: to.clone(), ..function.clone() };
            ddl.txn.put_object(function_id, Object::Function(moved))?;
        }
    }
    ddl.txn.put_object(id, Object::Schema(Schema { name: to.clone(), ..schema.clone() }))?;
    for (type_id, object) in now.class(Class::Type) {
        if let Object::Domain(domain) = object
            && domain.schema == name
        {
            let moved = Domain { schema: to.clone(), ..domain.clone() };
            ddl.txn.put_object(type_id, Object::Domain(moved))?;
        }
        if let Object::Enum(of) = object
            && of.schema == name
        {
            let moved = EnumType { schema: to.clone(), ..of.clone() };
            super::enumeration::put(ddl, type_id, moved, None)?;
        }
    }
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, object) in catalog.class(Class::Relation).filter(|(_, object)| schema_of(object) == Some(name)) {
        let (_, key) = object.key();
        forget_finding(ddl, name, key.rsplit('\0').next().unwrap_or_default());
        // What statements before this one of the transaction did is in the catalogue too.
        ddl.txn.put_object(id, within(object.clone(), &to))?;
    }
    Ok(())
}

fn schema_of(object: &Object) -> Option<&str> {
    match object {
        Object::Table(o) => Some(&o.schema),
        Object::View(o) => Some(&o.schema),
        Object::Index(o) => Some(&o.schema),
        Object::PlainIndex(o) => Some(&o.schema),
        Object::Sequence(o) => Some(&o.schema),
        _ => None,
    }
}

/// An object in another schema.
fn within(mut object: Object, schema: &str) -> Object {
    match &mut object {
        Object::Table(o) => o.schema = schema.to_owned(),
        Object::View(o) => o.schema = schema.to_owned(),
        Object::Index(o) => o.schema = schema.to_owned(),
        Object::PlainIndex(o) => o.schema = schema.to_owned(),
        Object::Sequence(o) => o.schema = schema.to_owned(),
        _ => {}
    }
    object
}

/// Runs ALTER ... SET SCHEMA. What goes with a table goes with it there too.
pub fn set_schema(ddl: &mut Ddl<'_>, what: Named, if_exists: bool, name: &Relation, schema: String) -> Result<()> {
    ddl.txn.must_write(&format!("ALTER {}", what.word()))?;
    let (from, plain) = ddl.context.resolve(name.0.as_deref(), &name.1);
    let found = ddl.txn.snapshot().catalog.relation(&from, &plain).map(|(id, object)| (id, object.clone()));
    let Some((id, object)) = found else {
        if if_exists {
            skipping(ddl.context, "relation", &plain, false);
            return Ok(());
        }
        return Err(super::super::tables::undefined(ddl.context, &from, &plain));
    };
    let word = what.word().to_lowercase();
    let owner = match (&object, what) {
        (Object::Table(o), Named::Table) => o.owner,
        (Object::View(o), Named::View | Named::Table) => o.owner,
        (Object::Sequence(o), Named::Sequence | Named::Table) => match &o.owned_by {
            None => o.owner,
            Some((table, _)) => {
                let table = ddl.txn.snapshot().catalog.table_by_id(*table).map_or("", |table| &table.name);
                return Err(Error::new(Kind::Unsupported, "cannot move an owned sequence into another schema")
                    .with_detail(format!("Sequence \"{plain}\" is linked to table \"{table}\".")));
            }
        },
        _ => return Err(Error::new(Kind::WrongObject, format!("\"{plain}\" is not a {word}"))),
    };
    ddl.context.must_own(owner, &word, &plain)?;
    ddl.new_relation_named(Some(schema.clone()), plain.clone())?;
    if schema == from {
        return Ok(());
    }
    rename_in_views(ddl, (&from, &plain), (&schema, &plain))?;
    let before = ddl.txn.snapshot().catalog.clone();
    let moves = |class: Class, of: &str, name: &str| {
        let found = before.relation(of, name).filter(|_| class == Class::Relation && of == from)?;
        let goes = match found {
            (own, Object::Sequence(sequence)) => own == id || sequence.owned_by.as_ref().is_some_and(|(t, _)| *t == id),
            _ => false,
        };
        goes.then(|| (schema.clone(), name.to_owned()))
    };
    renamed::in_texts(ddl, &moves)?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let belongings = (catalog.indexes_of(id).map(|(id, _)| id))
        .chain(catalog.plain_indexes_of(id).map(|(id, _)| id))
        .chain(catalog.sequences_of(id).map(|(id, _)| id));
    let moved: Vec<ObjectId> = std::iter::once(id).chain(belongings).collect();
    let aside = catalog.quarantine_of(id).map(|(id, _)| id);
    let repairs = catalog.repairs_of(id).map(|(id, _)| id);
    for id in moved.into_iter().chain(aside).chain(repairs) {
        let Some(object) = catalog.get(id) else { continue };
        let (_, key) = object.key();
        ddl.must_be_free(&schema, key.rsplit('\0').next().unwrap_or_default())?;
        ddl.txn.put_object(id, within(object.as_ref().clone(), &schema))?;
    }
    forget_finding(ddl, &from, &plain);
    Ok(())
}

/// Gives a constraint another name, and with it the index behind it if it is a key.
pub(super) fn rename_constraint(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    from: &str,
    to: String,
) -> Result<()> {
    check_name(&to)?;
    let taken = table.key(&to).is_some()
        || table.checks.iter().any(|check| check.name == to)
        || table.foreign_keys.iter().any(|key| key.name == to);
    if taken {
        let message = format!("constraint \"{to}\" for relation \"{}\" already exists", table.name);
        return Err(Error::new(Kind::DuplicateObject, message));
    }
    if let Some(at) = table.keys.iter().position(|key| key.name == from && key.index.is_none()) {
        return rename_key(ddl, id, table, at, to);
    }
    let check = table.checks.iter_mut().find(|check| check.name == from).map(|check| &mut check.name);
    let name = check.or_else(|| table.foreign_keys.iter_mut().find(|key| key.name == from).map(|key| &mut key.name));
    let Some(name) = name else {
        let message = format!("constraint \"{from}\" for table \"{}\" does not exist", table.name);
        return Err(Error::new(Kind::UndefinedObject, message));
    };
    *name = to.clone();
    let part = crate::catalog::Comment::constraint;
    super::comment::rename(ddl, id, &part(from), part(&to))
}

/// Gives a column another name, in all that says it but views.
pub(super) fn rename_column(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, at: usize, to: String) -> Result<()> {
    let from = std::mem::replace(&mut table.columns[at].name, to.clone());
    table.shape += 1;
    ddl.txn.note_lineage(LineageChange::Renamed { object: id, from: from.clone(), to: to.clone() });
    let renamed = |text: &mut String| -> Result<()> {
        if named_in(text).contains(&from) {
            *text = with_column_renamed(text, &from, &to)?;
        }
        Ok(())
    };
    let rename = |name: &mut String| {
        if *name == from {
            name.clone_from(&to);
        }
    };
    table.checks.iter_mut().try_for_each(|check| renamed(&mut check.expression))?;
    table.columns.iter_mut().filter_map(|column| column.generated.as_mut()).try_for_each(&renamed)?;
    table.keys.iter_mut().filter_map(|key| key.index.as_mut()).flat_map(|index| &mut index.include).for_each(rename);
    table.grants.iter_mut().filter_map(|grant| grant.columns.as_mut()).flatten().for_each(rename);
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (index_id, index) in catalog.plain_indexes_of(id) {
        let mut index = index.clone();
        for (part, _) in &mut index.parts {
            match part {
                IndexPart::Column(name) => rename(name),
                IndexPart::Expression(text) => renamed(text)?,
            }
        }
        index.include.iter_mut().for_each(rename);
        index.predicate.iter_mut().try_for_each(&renamed)?;
        ddl.txn.put_object(index_id, Object::PlainIndex(index))?;
    }
    for (index_id, index) in catalog.indexes_of(id) {
        let mut index = index.clone();
        index.columns.iter_mut().for_each(rename);
        rename(&mut index.key_field);
        ddl.txn.put_object(index_id, Object::Index(index))?;
    }
    for (sequence_id, sequence) in catalog.sequences_of(id) {
        let mut sequence = sequence.clone();
        sequence.owned_by.iter_mut().for_each(|(_, column)| rename(column));
        ddl.txn.put_object(sequence_id, Object::Sequence(sequence))?;
    }
    for (policy_id, policy) in catalog.policies_of(id) {
        let mut policy = policy.clone();
        policy.conditions_mut().try_for_each(&renamed)?;
        ddl.txn.put_object(policy_id, Object::RowPolicy(policy))?;
    }
    super::rule::rename_in_rules(ddl, id, &from, &to)
}
