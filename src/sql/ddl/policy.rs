//! Tags and masking policies.

use super::super::context::Context;
use super::super::lineage::tags;
use super::super::parser::{NewTag, TagTarget};
use super::super::planner::{Planner, parse_expression};
use super::super::tables;
use super::in_full::in_full;
use super::{Ddl, check_name, skipping};
use crate::catalog::{Class, Column, MaskingPolicy, Object, ObjectId, SqlType, Tag, TagSource, TagUse};
use crate::error::{Error, Kind, Result};
use crate::txn::TagPlace;
use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast;

/// Runs CREATE TAG.
pub fn create_tag(ddl: &mut Ddl<'_>, new: NewTag) -> Result<()> {
    ddl.txn.must_write("CREATE TAG")?;
    ddl.context.must_be_superuser("create tags")?;
    let NewTag { name, or_replace, if_not_exists, allowed_values, comment, propagate, on_conflict } = new;
    check_name(&name)?;
    let there = ddl.txn.snapshot().catalog.tag(&name).map(|(id, tag)| (id, tag.clone()));
    match there {
        Some(_) if if_not_exists => {
            skipping(ddl.context, "tag", &name, true);
            Ok(())
        }
        Some((id, old)) if or_replace => {
            let tag = Tag { allowed_values, comment, propagate, on_conflict, ..old };
            ddl.txn.put_object(id, Object::Tag(tag))?;
            let carriers = carriers(ddl, id);
            tags::follow(ddl.txn, carriers);
            Ok(())
        }
        _ => {
            let (id, mask, unmask) = (ddl.new_id(), None, Vec::new());
            let tag = Tag { name, allowed_values, mask, unmask, comment, propagate, on_conflict };
            ddl.txn.put_object(id, Object::Tag(tag))
        }
    }
}

/// Columns and models that carry a tag.
fn carriers(ddl: &Ddl<'_>, tag: ObjectId) -> Vec<TagPlace> {
    let is = |tags: &[TagUse]| tags.iter().any(|used| used.tag == tag);
    let mut found = Vec::new();
    for (id, object) in ddl.txn.snapshot().catalog.objects() {
        match object.as_ref() {
            Object::Table(table) => {
                let whole = is(&table.tags);
                let columns = table.columns.iter().filter(|column| whole || is(&column.tags));
                found.extend(columns.map(|column| (id, Some(column.name.clone()))));
            }
            Object::Model(model) if is(&model.tags) => found.push((id, None)),
            _ => {}
        }
    }
    found
}

/// The tag of this name.
pub fn tag(ddl: &Ddl<'_>, name: &str) -> Result<(ObjectId, Tag)> {
    match ddl.txn.snapshot().catalog.tag(name) {
        Some((id, tag)) => Ok((id, tag.clone())),
        None => Err(Error::new(Kind::UndefinedObject, format!("tag \"{name}\" does not exist"))),
    }
}

fn mask(ddl: &Ddl<'_>, name: &str) -> Result<(ObjectId, MaskingPolicy)> {
    match ddl.txn.snapshot().catalog.masking_policy(name) {
        Some((id, policy)) => Ok((id, policy.clone())),
        None => Err(Error::new(Kind::UndefinedObject, format!("masking policy \"{name}\" does not exist"))),
    }
}

/// Runs DROP TAG; a tag in use stays.
pub fn drop_tag(ddl: &mut Ddl<'_>, name: &str, if_exists: bool) -> Result<()> {
    ddl.txn.must_write("DROP TAG")?;
    ddl.context.must_be_superuser("drop tags")?;
    if if_exists && ddl.txn.snapshot().catalog.tag(name).is_none() {
        skipping(ddl.context, "tag", name, false);
        return Ok(());
    }
    let (id, _) = tag(ddl, name)?;
    let used = ddl.txn.snapshot().catalog.objects().find_map(|(_, object)| match object.as_ref() {
        Object::Table(t) => {
            let on_table = t.tags.iter().chain(t.columns.iter().flat_map(|c| &c.tags)).any(|u| u.tag == id);
            on_table.then(|| format!("table {}", t.name))
        }
        Object::Model(m) => m.tags.iter().any(|u| u.tag == id).then(|| format!("model {}", m.name)),
        _ => None,
    });
    match used {
        Some(carrier) => {
            Err(Error::new(Kind::Dependent, format!("cannot drop tag {name} because {carrier} carries it"))
                .with_hint("Use ALTER TABLE or ALTER MODEL ... UNSET TAG first."))
        }
        None => {
            forget(ddl, id)?;
            ddl.txn.drop_object(id);
            Ok(())
        }
    }
}

/// What was said of columns under a tag goes with it.
fn forget(ddl: &mut Ddl<'_>, tag: ObjectId) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, object) in catalog.class(Class::Relation) {
        let Object::Table(table) = object else { continue };
        if table.columns.iter().any(|column| column.verdicts.iter().any(|verdict| verdict.tag == tag)) {
            let mut table = table.clone();
            table.columns.iter_mut().for_each(|column| column.verdicts.retain(|verdict| verdict.tag != tag));
            ddl.txn.put_object(id, Object::Table(table))?;
        }
    }
    Ok(())
}

/// Runs ALTER TAG ... SET or UNSET MASKING POLICY.
pub fn set_tag_mask(ddl: &mut Ddl<'_>, name: &str, policy: Option<&str>) -> Result<()> {
    ddl.txn.must_write("ALTER TAG")?;
    ddl.context.must_be_superuser("bind masking policies to tags")?;
    let (id, mut changed) = tag(ddl, name)?;
    changed.mask = match policy {
        None => None,
        Some(policy) => {
            let (policy_id, facts) = mask(ddl, policy)?;
            // A policy of another type would fail at every reading: said here instead.
            for (_, object) in ddl.txn.snapshot().catalog.class(Class::Relation) {
                if let Object::Table(table) = object {
                    // What came with values and is of another type is hidden instead.
                    let said = |u: &TagUse| u.tag == id && u.source != TagSource::Propagated;
                    for column in table.columns.iter().filter(|c| c.tags.iter().any(said)) {
                        must_fit(&facts, &table.name, &column.name, &column.data_type)?;
                    }
                }
            }
            Some(policy_id)
        }
    };
    ddl.txn.put_object(id, Object::Tag(changed))
}

fn must_fit(policy: &MaskingPolicy, table: &str, column: &str, data_type: &SqlType) -> Result<()> {
    match policy.fits(data_type) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::DatatypeMismatch,
            format!(
                "masking policy \"{}\" is for type {} but column \"{column}\" of relation \"{table}\" is of type {data_type}",
                policy.name, policy.data_type
            ),
        )),
    }
}

/// Refuses a tag whose masking policy is for another type than the column's.
pub fn must_fit_column(ddl: &Ddl<'_>, facts: &Tag, table: &str, column: &Column) -> Result<()> {
    match facts.mask.and_then(|mask| ddl.txn.snapshot().catalog.get(mask).cloned()).as_deref() {
        Some(Object::MaskingPolicy(policy)) => must_fit(policy, table, &column.name, &column.data_type),
        _ => Ok(()),
    }
}

/// Runs ALTER TABLE ... SET or UNSET TAG.
pub fn use_tag(ddl: &mut Ddl<'_>, target: &TagTarget, name: &str, value: Option<(String, TagSource)>) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (schema, relation) = &target.relation;
    let (id, mut table) = ddl.own_table(schema.as_deref(), relation)?;
    let (tag_id, facts) = tag(ddl, name)?;
    if let Some((value, _)) = &value {
        must_be_allowed(&facts, value)?;
    }
    let policy = match facts.mask.and_then(|mask| ddl.txn.snapshot().catalog.get(mask).cloned()).as_deref() {
        Some(Object::MaskingPolicy(policy)) => Some(policy.clone()),
        _ => None,
    };
    let used = match &target.column {
        None => &mut table.tags,
        Some(column) => {
            let Some(at) = table.column_index(column) else {
                return Err(Error::new(
                    Kind::UndefinedColumn,
                    format!("column \"{column}\" of relation \"{relation}\" does not exist"),
                ));
            };
            // Where a tag came with values its mask gives NULL if it does not fit.
            if let (Some(policy), Some((_, TagSource::Manual))) = (&policy, &value) {
                must_fit(policy, &table.name, column, &table.columns[at].data_type)?;
            }
            &mut table.columns[at].tags
        }
    };
    used.retain(|u| u.tag != tag_id);
    if let Some((value, source)) = value {
        used.push(TagUse { tag: tag_id, value, source, confidence: 1.0 });
    }
    let columns: Vec<String> = match &target.column {
        Some(column) => vec![column.clone()],
        None => table.columns.iter().map(|column| column.name.clone()).collect(),
    };
    ddl.txn.put_object(id, Object::Table(table))?;
    tags::follow(ddl.txn, columns.into_iter().map(|column| (id, Some(column))));
    Ok(())
}

/// Refuses a value that a tag does not have.
pub fn must_be_allowed(tag: &Tag, value: &str) -> Result<()> {
    if tag.allowed_values.is_empty() || tag.allowed_values.iter().any(|allowed| allowed == value) {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidParameter, format!("value \"{value}\" is not allowed for tag \"{}\"", tag.name))
        .with_hint(format!("Allowed values: {}.", tag.allowed_values.join(", "))))
}

/// Runs CREATE MASKING POLICY.
pub fn create_masking_policy(
    ddl: &mut Ddl<'_>,
    name: &str,
    or_replace: bool,
    argument: &str,
    data_type: SqlType,
    body: &str,
) -> Result<()> {
    ddl.txn.must_write("CREATE MASKING POLICY")?;
    ddl.context.must_be_superuser("create masking policies")?;
    check_name(name)?;
    let expression = parse_expression(body)?;
    // A mask is asked for by every value that is shown: one with a query would be a join under each of them.
    refuse_subqueries(&expression, "a masking policy", ddl.context)?;
    let schema = DFSchema::try_from(arrow::datatypes::Schema::new(vec![data_type.field(argument)]))?;
    Planner::new(ddl.context, ddl.state).expression(expression, &schema)?;
    let policy = MaskingPolicy {
        name: name.to_owned(),
        argument: argument.to_owned(),
        data_type,
        body: in_full(body, ddl.context)?,
        owner: ddl.context.role,
    };
    let there = ddl.txn.snapshot().catalog.masking_policy(name).map(|(id, _)| id);
    let id = match there {
        Some(id) if or_replace => id,
        _ => ddl.new_id(),
    };
    ddl.txn.put_object(id, Object::MaskingPolicy(policy))
}

/// Refuses an expression with queries within, those of the functions that it calls among them.
pub(super) fn refuse_subqueries(expression: &ast::Expr, what: &str, context: &Context) -> Result<()> {
    match tables::asks(expression, context)? {
        true => Err(Error::new(Kind::Unsupported, format!("a subquery in {what} is not supported"))),
        false => Ok(()),
    }
}

/// Runs DROP MASKING POLICY; a policy in use stays.
pub fn drop_masking_policy(ddl: &mut Ddl<'_>, name: &str, if_exists: bool) -> Result<()> {
    ddl.txn.must_write("DROP MASKING POLICY")?;
    ddl.context.must_be_superuser("drop masking policies")?;
    if if_exists && ddl.txn.snapshot().catalog.masking_policy(name).is_none() {
        skipping(ddl.context, "masking policy", name, false);
        return Ok(());
    }
    let (id, _) = mask(ddl, name)?;
    let used = ddl.txn.snapshot().catalog.objects().any(|(_, object)| match object.as_ref() {
        Object::Tag(tag) => tag.mask == Some(id),
        Object::Table(table) => table.columns.iter().any(|c| c.mask == Some(id)),
        _ => false,
    });
    match used {
        true => Err(Error::new(Kind::Dependent, format!("cannot drop masking policy {name} because it is bound"))
            .with_hint("Use UNSET MASKING POLICY on the tag or column first.")),
        false => {
            ddl.txn.drop_object(id);
            Ok(())
        }
    }
}

/// Runs ALTER TABLE ... ALTER COLUMN ... SET or UNSET MASKING POLICY.
pub fn set_column_mask(
    ddl: &mut Ddl<'_>,
    table: &(Option<String>, String),
    column: &str,
    policy: Option<&str>,
) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (id, mut facts) = ddl.own_table(table.0.as_deref(), &table.1)?;
    let Some(at) = facts.column_index(column) else {
        return Err(Error::new(
            Kind::UndefinedColumn,
            format!("column \"{column}\" of relation \"{}\" does not exist", facts.name),
        ));
    };
    facts.columns[at].mask = match policy {
        None => None,
        Some(name) => {
            let (policy_id, policy) = mask(ddl, name)?;
            must_fit(&policy, &facts.name, column, &facts.columns[at].data_type)?;
            Some(policy_id)
        }
    };
    ddl.txn.put_object(id, Object::Table(facts))
}
