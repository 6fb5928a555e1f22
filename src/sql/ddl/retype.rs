//! ALTER TABLE ... ALTER COLUMN ... TYPE: all rows are written anew, with each value cast or computed by USING.

use super::super::dml::Work;
use super::super::parser::SequenceOption;
use super::super::planner::Planner;
use super::super::values::assign;
use super::Ddl;
use super::alter_table::{rewrite_rows, says};
use super::drop::dependent_views;
use super::foreign_key::must_fit;
use super::generated::{check_generated, named_in};
use super::row_policy::{described, policies_reading};
use super::sequence::change;
use crate::catalog::{ForeignKey, Object, ObjectId, RowPolicy, SqlType, Table};
use crate::error::{Error, Kind, Result};
use arrow::array::ArrayRef;
use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast::Expr;

/// Gives a column another type.
pub(super) fn retype(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    at: usize,
    data_type: SqlType,
    using: Option<Expr>,
) -> Result<()> {
    must_be_free_to_change(ddl, id, table, at, &data_type)?;
    let (before, name) = (table.clone(), table.columns[at].name.clone());
    let old = std::mem::replace(&mut table.columns[at].data_type, data_type.clone());
    let cannot = |what: &str| {
        let message = format!("{what} for column \"{name}\" cannot be cast automatically to type {data_type}");
        Error::new(Kind::DatatypeMismatch, message)
    };
    if using.is_none() && before.columns[at].generated.is_none() && !changes_by_itself(&old, &data_type) {
        let message = format!("column \"{name}\" cannot be cast automatically to type {data_type}");
        return Err(Error::new(Kind::DatatypeMismatch, message)
            .with_hint(format!("You might need to specify \"USING {name}::{data_type}\".")));
    }
    let context = ddl.looking();
    let work = Work::new(&context, ddl.state);
    if let Some(default) = table.columns[at].default.clone() {
        let value = work.constant(&default, 1)?;
        let has = SqlType::from_arrow(value.data_type())?;
        let literal = default.starts_with('\'') || default.eq_ignore_ascii_case("null");
        if !(literal || changes_by_itself(&has, &data_type)) || assign(&value, &data_type).is_err() {
            return Err(cannot("default"));
        }
    }
    if let Some(sequence) = table.columns[at].sequence.filter(|_| table.columns[at].identity)
        && let Some(facts) = ddl.txn.snapshot().catalog.sequence_by_id(sequence).cloned()
    {
        change(ddl, sequence, facts, &[SequenceOption::As(data_type.clone())])?;
    }
    check_generated(ddl, table)?;
    let schema = DFSchema::try_from(before.arrow_schema().as_ref().clone())?;
    let planner = Planner::new(&context, ddl.state);
    let using = using.map(|using| planner.physical(planner.expression(using, &schema)?, &schema)).transpose()?;
    let made = table.clone();
    rewrite_rows(ddl, id, &before, table, |batch| {
        let value: ArrayRef = match &using {
            Some(using) => using.evaluate(batch)?.into_array(batch.num_rows())?,
            None => batch.column(at).clone(),
        };
        let value = context.zone().assign(&value, &data_type).map_err(|error| match error.kind() {
            Kind::DatatypeMismatch => cannot("result of USING clause"),
            _ => error,
        })?;
        let mut columns = batch.columns().to_vec();
        columns[at] = value;
        let rows = work.generate(&made, crate::txn::batch(made.arrow_schema(), columns, batch.num_rows())?)?;
        work.check(&made, &rows)?;
        Ok(rows.columns().to_vec())
    })?;
    super::table::check_expressions(ddl, table)?;
    super::rule::must_still_work(ddl, id, table)?;
    // Values may have become others on either side of a foreign key.
    let is_referred = |key: &ForeignKey| {
        key.table == id && table.key(&key.key).is_some_and(|referred| referred.columns.contains(&at))
    };
    for key in table.foreign_keys.iter().filter(|key| key.columns.contains(&at) || is_referred(key)) {
        super::constraint::must_refer(ddl, id, table, key)?;
    }
    let catalog = ddl.txn.snapshot().catalog.clone();
    let children = table.referenced_by.iter().filter(|child| **child != id);
    for (child_id, child) in children.filter_map(|child| Some((*child, catalog.table_by_id(*child)?))) {
        for key in child.foreign_keys.iter().filter(|key| is_referred(key)) {
            // What refers is compared with this table as it is to be.
            ddl.txn.put_object(id, Object::Table(table.clone()))?;
            super::constraint::must_refer(ddl, child_id, child, key)?;
        }
    }
    Ok(())
}

/// Whether PostgreSQL casts one type to the other where nobody asks for it in words.
pub(super) fn changes_by_itself(from: &SqlType, to: &SqlType) -> bool {
    let text = |data_type: &SqlType| matches!(data_type, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_));
    let number = |data_type: &SqlType| data_type.arrow().is_numeric();
    let json = |data_type: &SqlType| matches!(data_type, SqlType::Json | SqlType::Jsonb);
    let moment = |data_type: &SqlType| matches!(data_type, SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz);
    match (from, to) {
        (a, b) if a == b => true,
        (_, b) if text(b) => true,
        (a, b) if number(a) && number(b) => true,
        (a, b) if json(a) && json(b) => true,
        (a, b) if moment(a) && moment(b) => true,
        (SqlType::Timestamp | SqlType::Timestamptz, SqlType::Time) => true,
        (SqlType::Time, SqlType::Interval) | (SqlType::Interval, SqlType::Time) => true,
        (SqlType::Array(a), SqlType::Array(b)) => changes_by_itself(a, b),
        _ => false,
    }
}

/// Refuses another type where something was made for the one that is there.
fn must_be_free_to_change(ddl: &Ddl<'_>, id: ObjectId, table: &Table, at: usize, to: &SqlType) -> Result<()> {
    let column = &table.columns[at];
    let name = &column.name;
    let catalog = &ddl.txn.snapshot().catalog;
    let refused = |by: &str, detail: String| {
        let message = format!("cannot alter type of a column used {by}");
        Err(Error::new(Kind::Unsupported, message).with_detail(detail))
    };
    for (view_id, _, view) in dependent_views(ddl, &table.schema, &table.name) {
        if let Some(Object::View(facts)) = catalog.get(view_id).map(AsRef::as_ref)
            && says(&facts.query, name)
        {
            let detail = format!("rule _RETURN on view {view} depends on column \"{name}\"");
            return refused("by a view or rule", detail);
        }
    }
    let own = catalog.policies_of(id).map(|(_, policy)| policy.clone());
    let others = policies_reading(ddl, &table.schema, &table.name).into_iter().map(|(_, policy)| policy);
    let says = |policy: &RowPolicy| policy.conditions().any(|text| named_in(text).contains(name));
    if let Some(policy) = own.chain(others).find(says) {
        let detail = format!("{} depends on column \"{name}\"", described(ddl, &policy));
        return refused("in a policy definition", detail);
    }
    let computed = |other: &&crate::catalog::Column| {
        other.name != *name && other.generated.as_deref().is_some_and(|text| named_in(text).contains(name))
    };
    if let Some(other) = table.columns.iter().find(computed) {
        return refused(
            "by a generated column",
            format!("Column \"{name}\" is used by generated column \"{}\".", other.name),
        );
    }
    if column.identity && !matches!(to, SqlType::Int2 | SqlType::Int4 | SqlType::Int8) {
        return Err(Error::new(Kind::InvalidParameter, "identity column type must be smallint, integer, or bigint"));
    }
    let masks = column.tags.iter().filter_map(|used| match catalog.get(used.tag).map(AsRef::as_ref) {
        Some(Object::Tag(tag)) => tag.mask,
        _ => None,
    });
    for mask in column.mask.into_iter().chain(masks) {
        if let Some(Object::MaskingPolicy(policy)) = catalog.get(mask).map(AsRef::as_ref)
            && !policy.fits(to)
        {
            let message =
                format!("masking policy \"{}\" is for {}, and masks column \"{name}\"", policy.name, policy.data_type);
            return Err(Error::new(Kind::DatatypeMismatch, message));
        }
    }
    let words = |index: &crate::catalog::Index| index.columns.contains(name);
    let is_text = matches!(to, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_));
    if let Some((_, index)) = catalog.indexes_of(id).find(|(_, index)| words(index)).filter(|_| !is_text) {
        let message = format!("text index \"{}\" has the words of column \"{name}\", and needs text", index.name);
        return Err(Error::new(Kind::DatatypeMismatch, message));
    }
    // Keys on both sides of a foreign key must go on to fit.
    let mut changed = table.clone();
    changed.columns[at].data_type = to.clone();
    for key in &table.foreign_keys {
        let parent = if key.table == id { Some(&changed) } else { catalog.table_by_id(key.table) };
        let Some((parent, referred)) = parent.and_then(|parent| Some((parent, parent.key(&key.key)?))) else {
            continue;
        };
        for (&from, &onto) in key.columns.iter().zip(&referred.columns) {
            must_fit(&key.name, (&changed, from), (parent, onto))?;
        }
    }
    for child in table.referenced_by.iter().filter(|child| **child != id) {
        let Some(child) = catalog.table_by_id(*child) else { continue };
        for key in child.foreign_keys.iter().filter(|key| key.table == id) {
            let Some(referred) = changed.key(&key.key) else { continue };
            for (&from, &onto) in key.columns.iter().zip(&referred.columns) {
                must_fit(&key.name, (child, from), (&changed, onto))?;
            }
        }
    }
    Ok(())
}
