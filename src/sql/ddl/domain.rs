//! CREATE, ALTER and DROP DOMAIN.

use super::super::dml::Work;
use super::super::parser::{DomainChange, DomainPart, DomainWords};
use super::super::planner::{Planner, parse_expression};
use super::super::semantics;
use super::super::types::{find_domain, must_be_known, places_of, sql_type_in};
use super::super::values::assign;
use super::drop_column::drop_column;
use super::in_full::in_full;
use super::{Ddl, check_name, enumeration, renamed, skipping};
use crate::catalog::{CheckConstraint, Class, Domain, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use arrow::array::Array;
use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast;
use std::ops::ControlFlow;

/// A domain with or without its schema.
type Relation = (Option<String>, String);

/// Runs a statement about domains.
pub fn domains(ddl: &mut Ddl<'_>, words: DomainWords) -> Result<()> {
    ddl.txn.must_write(words.tag())?;
    match words {
        DomainWords::Create { name, data_type, parts } => create(ddl, name, &data_type, parts),
        DomainWords::Alter { name, change } => alter(ddl, &name, *change),
        DomainWords::Drop { names, if_exists, cascade } => {
            names.iter().try_for_each(|name| drop_one(ddl, name, if_exists, cascade))
        }
    }
}

fn create(
    ddl: &mut Ddl<'_>,
    (schema, name): Relation,
    data_type: &ast::DataType,
    parts: Vec<DomainPart>,
) -> Result<()> {
    let (schema, name) = ddl.new_relation_named(schema, name)?;
    enumeration::must_be_free(ddl, &schema, &name)?;
    if find_domain_of(ddl, data_type)?.is_some() {
        return Err(Error::new(Kind::Unsupported, "domains over domains are not supported"));
    }
    let base = sql_type_in(ddl.context, data_type)?;
    let mut domain = Domain {
        schema,
        name,
        owner: ddl.context.role,
        base,
        places: places_of(data_type),
        default: None,
        not_null: false,
        checks: Vec::new(),
    };
    let mut said = None;
    for part in parts {
        match part {
            DomainPart::Default(_) if domain.default.is_some() => {
                return Err(Error::new(Kind::Syntax, "multiple default expressions"));
            }
            DomainPart::Default(default) => set_default(ddl, &mut domain, Some(default))?,
            DomainPart::NotNull(not_null) if said.is_some_and(|said| said != not_null) => {
                return Err(Error::new(Kind::Syntax, "conflicting NULL/NOT NULL constraints"));
            }
            DomainPart::NotNull(not_null) => {
                said = Some(not_null);
                domain.not_null = not_null;
            }
            DomainPart::Check(name, condition) => add_check(ddl, &mut domain, name, condition)?,
        }
    }
    let id = ddl.new_id();
    ddl.txn.put_object(id, Object::Domain(domain))
}

/// The domain that a written type is.
fn find_domain_of(ddl: &Ddl<'_>, data_type: &ast::DataType) -> Result<Option<ObjectId>> {
    Ok(super::super::types::domain_in(ddl.context, data_type)?.map(|(id, _)| id))
}

fn set_default(ddl: &Ddl<'_>, domain: &mut Domain, default: Option<ast::Expr>) -> Result<()> {
    domain.default = match default {
        None => None,
        Some(ast::Expr::Value(value)) if value.value == ast::Value::Null => None,
        Some(default) => {
            let text = in_full(&default.to_string(), ddl.context)?;
            let context = ddl.looking();
            let value = Work::new(&context, ddl.state).constant(&text, 1);
            let value = value.and_then(|value| assign(&value, &domain.base));
            ddl.checked(|| format!("the default of domain \"{}\"", domain.name), value)?;
            Some(text)
        }
    };
    Ok(())
}

/// Adds a condition, which may name VALUE alone.
fn add_check(ddl: &Ddl<'_>, domain: &mut Domain, name: Option<String>, condition: ast::Expr) -> Result<()> {
    let taken = |name: &str| domain.checks.iter().any(|check| check.name == name);
    let name = match name {
        Some(name) if taken(&name) => {
            let message = format!("constraint \"{name}\" for domain \"{}\" already exists", domain.name);
            return Err(Error::new(Kind::DuplicateObject, message));
        }
        Some(name) => name,
        None => {
            let base = format!("{}_check", domain.name);
            let mut names = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}{n}")));
            names.find(|name| !taken(name)).unwrap_or(base)
        }
    };
    check_name(&name)?;
    let expression = in_full(&condition.to_string(), ddl.context)?;
    must_cast_to_no_domain(ddl, &condition)?;
    let schema = DFSchema::try_from(Schema::new(vec![domain.base.field("value")]))?;
    let planned = Planner::new(ddl.context, ddl.state).expression(parse_expression(&expression)?, &schema);
    let planned = planned.and_then(|condition| semantics::truth(condition, "CHECK", &schema));
    ddl.checked(|| format!("constraint \"{name}\" of domain \"{}\"", domain.name), planned)?;
    domain.checks.push(CheckConstraint { name, expression, not_valid: false });
    // In whose order they are looked at.
    domain.checks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}

/// A condition that casts to a domain may ask for itself.
fn must_cast_to_no_domain(ddl: &Ddl<'_>, condition: &ast::Expr) -> Result<()> {
    let found = ast::visit_expressions(condition, |part| match part {
        ast::Expr::Cast { data_type, .. } if matches!(find_domain_of(ddl, data_type), Ok(Some(_))) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    match found.is_break() {
        true => Err(Error::new(Kind::Unsupported, "a cast to a domain in the condition of a domain is not supported")),
        false => Ok(()),
    }
}

/// The domain of this name, if the role owns it.
fn own_domain(ddl: &Ddl<'_>, (schema, name): &Relation) -> Result<(ObjectId, Domain)> {
    match find_domain(ddl.context, schema.as_deref(), name) {
        Some((id, domain)) => {
            ddl.context.must_own(domain.owner, "type", name)?;
            Ok((id, domain.clone()))
        }
        None => {
            must_be_known(ddl.context, schema.as_deref(), name)?;
            Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a domain")))
        }
    }
}

fn alter(ddl: &mut Ddl<'_>, name: &Relation, change: DomainChange) -> Result<()> {
    let (id, mut domain) = own_domain(ddl, name)?;
    let missing = |name: &str, domain: &Domain| {
        let message = format!("constraint \"{name}\" of domain \"{}\" does not exist", domain.name);
        Error::new(Kind::UndefinedObject, message)
    };
    // Rows that are there must be what the domain takes from now on.
    let mut asks_more = false;
    match change {
        DomainChange::Default(default) => set_default(ddl, &mut domain, default)?,
        DomainChange::NotNull(not_null) => {
            asks_more = not_null && !domain.not_null;
            domain.not_null = not_null;
        }
        DomainChange::Add(name, condition, false) => {
            add_check(ddl, &mut domain, name, condition)?;
            asks_more = true;
        }
        DomainChange::Add(_, _, true) => {
            return Err(Error::new(Kind::Unsupported, "ADD CONSTRAINT ... NOT VALID is not supported"));
        }
        DomainChange::Drop(name, if_exists) => {
            let before = domain.checks.len();
            domain.checks.retain(|check| check.name != name);
            match (domain.checks.len() < before, if_exists) {
                (true, _) => {}
                (false, true) => {
                    let message =
                        format!("constraint \"{name}\" of domain \"{}\" does not exist, skipping", domain.name);
                    ddl.context.notice(message);
                }
                (false, false) => return Err(missing(&name, &domain)),
            }
        }
        DomainChange::RenameConstraint(from, to) => {
            check_name(&to)?;
            if domain.checks.iter().any(|check| check.name == to) {
                let message = format!("constraint \"{to}\" for domain {} already exists", domain.name);
                return Err(Error::new(Kind::DuplicateObject, message));
            }
            match domain.checks.iter_mut().find(|check| check.name == from) {
                Some(check) => check.name = to,
                None => return Err(missing(&from, &domain)),
            }
        }
        DomainChange::Validate(name) => {
            if !domain.checks.iter().any(|check| check.name == name) {
                return Err(missing(&name, &domain));
            }
        }
        DomainChange::Rename(to) => {
            check_name(&to)?;
            enumeration::must_be_free(ddl, &domain.schema, &to)?;
            let at = domain.schema.clone();
            renamed::in_texts(ddl, &renamed::one(Class::Type, (&at, &domain.name), (&at, &to)))?;
            domain.name = to;
        }
        DomainChange::SetSchema(schema) => {
            ddl.new_relation_named(Some(schema.clone()), domain.name.clone())?;
            enumeration::must_be_free(ddl, &schema, &domain.name)?;
            renamed::in_texts(
                ddl,
                &renamed::one(Class::Type, (&domain.schema, &domain.name), (&schema, &domain.name)),
            )?;
            domain.schema = schema;
        }
        DomainChange::Owner(role) => {
            let owner = ddl.role(&role)?;
            if !ddl.context.has_role(owner) || owner == crate::catalog::PUBLIC {
                return Err(Error::new(Kind::Privilege, format!("must be member of role \"{role}\"")));
            }
            domain.owner = owner;
        }
    }
    ddl.txn.put_object(id, Object::Domain(domain.clone()))?;
    if asks_more { must_hold(ddl, id, &domain) } else { Ok(()) }
}

/// Tables with columns of a domain.
fn tables_of(ddl: &Ddl<'_>, id: ObjectId) -> Vec<(ObjectId, Table)> {
    let tables = ddl.txn.snapshot().catalog.class(Class::Relation).filter_map(|(table_id, object)| match object {
        Object::Table(table) if !table.columns_of_domain(id).is_empty() => Some((table_id, table.clone())),
        _ => None,
    });
    tables.collect()
}

/// Refuses what a domain asks for if a row that is there is otherwise. The tables count as changed: nobody puts other rows into them who
/// has not heard of it.
fn must_hold(ddl: &mut Ddl<'_>, id: ObjectId, domain: &Domain) -> Result<()> {
    for (table_id, table) in tables_of(ddl, id) {
        let columns = table.columns_of_domain(id);
        let context = ddl.looking();
        let work = Work::new(&context, ddl.state);
        for segment in &ddl.txn.snapshot().rows(table_id).segments {
            let arrays = ddl.context.database.manager.read_live(table_id, segment, &columns)?;
            for (array, &at) in arrays.iter().zip(&columns) {
                let (column, name) = (&table.columns[at].name, &table.name);
                if domain.not_null && array.null_count() > 0 {
                    let message = format!("column \"{column}\" of table \"{name}\" contains null values");
                    return Err(Error::new(Kind::NotNull, message));
                }
                if let Err(error) = work.check_domain(domain, array) {
                    let message = format!(
                        "column \"{column}\" of table \"{name}\" contains values that violate the new constraint"
                    );
                    return Err(if error.kind() == Kind::Check { Error::new(Kind::Check, message) } else { error });
                }
            }
        }
        ddl.txn.put_object(table_id, Object::Table(table))?;
    }
    Ok(())
}

fn drop_one(ddl: &mut Ddl<'_>, name: &Relation, if_exists: bool, cascade: bool) -> Result<()> {
    let there = find_domain(ddl.context, name.0.as_deref(), &name.1).is_some();
    if if_exists && !there && must_be_known(ddl.context, name.0.as_deref(), &name.1).is_err() {
        skipping(ddl.context, "type", &name.1, false);
        return Ok(());
    }
    let (id, domain) = own_domain(ddl, name)?;
    drop_domain(ddl, id, &domain.name, cascade)
}

/// Drops a domain, and with CASCADE the columns of it.
pub(super) fn drop_domain(ddl: &mut Ddl<'_>, id: ObjectId, name: &str, cascade: bool) -> Result<()> {
    while let Some((table_id, mut table)) = tables_of(ddl, id).into_iter().next() {
        let column = table.columns_of_domain(id).into_iter().next().map(|at| table.columns[at].name.clone());
        let column = column.unwrap_or_default();
        let of = format!("column {column} of table {}", table.name);
        if !cascade {
            let message = format!("cannot drop type {name} because other objects depend on it");
            return Err(Error::new(Kind::Dependent, message)
                .with_detail(format!("{of} depends on type {name}"))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        ddl.context.notice(format!("drop cascades to {of}"));
        drop_column(ddl, table_id, &mut table, &ast::Ident::with_quote('"', &column), false, true)?;
    }
    ddl.txn.drop_object(id);
    Ok(())
}
