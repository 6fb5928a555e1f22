//! CREATE TABLE (LIKE other ...): columns of another table, and what is asked for with them. Neither tags, masks nor rights are taken
//! over: they say something of the other table's values.

use super::super::parser::{Like, SequenceOption};
use super::super::tables;
use super::sequence::{number_column, short_name};
use super::{Ddl, constraint};
use crate::catalog::{Column, Comment, KeyConstraint, Object, ObjectId, Privilege, SqlType, Table};
use crate::error::{Error, Kind, Result};

/// Takes over the columns of another relation.
pub(super) fn take_over(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, like: &Like) -> Result<()> {
    let with = |part: &str| like.including.contains(&part);
    let (schema, name) = ddl.context.resolve(like.table.0.as_deref(), &like.table.1);
    let catalog = ddl.txn.snapshot().catalog.clone();
    let (other_id, other) = match catalog.relation(&schema, &name) {
        Some((other_id, Object::Table(other))) => {
            tables::must_have(ddl.context, other, Privilege::Select)?;
            (other_id, other.clone())
        }
        Some((other_id, Object::View(_))) => {
            let opened = tables::open(&ddl.looking(), ddl.state, &schema, &name)?;
            let fields = opened.schema();
            let columns = fields.fields().iter().map(|field| {
                let data_type = SqlType::from_field(field)?;
                Ok(Column::new(field.name(), data_type))
            });
            (other_id, Table { columns: columns.collect::<Result<_>>()?, ..Table::new(schema, name, ddl.context.role) })
        }
        Some(_) => return Err(Error::new(Kind::WrongObject, format!("relation \"{name}\" is invalid in LIKE clause"))),
        None => return Err(tables::undefined(ddl.context, &schema, &name)),
    };
    let first = table.columns.len();
    for column in &other.columns {
        if table.column_index(&column.name).is_some() {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::new(Kind::DuplicateColumn, message));
        }
        let mut taken = Column::new(column.name.clone(), column.data_type.clone());
        (taken.not_null, taken.places, taken.domain) = (column.not_null, column.places, column.domain);
        if with("defaults") {
            taken.default.clone_from(&column.default);
            taken.sequence = column.sequence.filter(|_| !column.identity);
        }
        if with("generated") {
            taken.generated.clone_from(&column.generated);
        }
        if with("comments") {
            taken.comment.clone_from(&column.comment);
        }
        table.columns.push(taken);
        if let Some(sequence) = column.sequence.and_then(|id| catalog.sequence_by_id(id))
            && column.identity
            && with("identity")
        {
            let options = [
                SequenceOption::Increment(sequence.increment),
                SequenceOption::Min(Some(sequence.min)),
                SequenceOption::Max(Some(sequence.max)),
                SequenceOption::Start(sequence.start),
                SequenceOption::Cache(sequence.cache),
                SequenceOption::Cycle(sequence.cycle),
            ];
            let at = table.columns.len() - 1;
            number_column(ddl, id, table, at, Some(column.always), &options)?;
        }
    }
    let moved = |columns: &[usize]| columns.iter().map(|at| at + first).collect::<Vec<_>>();
    if with("constraints") {
        for check in &other.checks {
            table.checks.push(check.clone());
            comment(ddl, id, other_id, (&check.name, &check.name), with("comments"))?;
        }
    }
    if with("indexes") {
        for key in &other.keys {
            let columns = moved(&key.columns);
            let name = match key.primary {
                true => format!("{}_pkey", table.name),
                false => {
                    let names: Vec<&str> = columns.iter().map(|at| table.columns[*at].name.as_str()).collect();
                    let label = if key.index.is_some() { "idx" } else { "key" };
                    short_name(&table.name, &names.join("_"), label)
                }
            };
            let name = constraint::unused_name(table, None, ddl.free_name(&table.schema, &name))?;
            comment(ddl, id, other_id, (&key.name, &name), with("comments"))?;
            table.keys.push(KeyConstraint { name, columns, ..key.clone() });
        }
        for (_, index) in catalog.plain_indexes_of(other_id) {
            let names: Vec<String> = index.parts.iter().map(|(part, _)| super::index::part_name(part)).collect();
            let name = ddl.free_name(&table.schema, &short_name(&table.name, &names.join("_"), "idx"));
            let index_id = ddl.new_id();
            let index = crate::catalog::PlainIndex { schema: table.schema.clone(), name, table: id, ..index.clone() };
            ddl.txn.put_object(index_id, Object::PlainIndex(index))?;
        }
    }
    Ok(())
}

fn comment(ddl: &mut Ddl<'_>, id: ObjectId, other: ObjectId, (from, to): (&str, &str), with: bool) -> Result<()> {
    let text = ddl.txn.snapshot().catalog.comment(other, &Comment::constraint(from)).map(str::to_owned);
    match text.filter(|_| with) {
        Some(text) => super::comment::say(ddl, id, &Comment::constraint(to), Some(text)),
        None => Ok(()),
    }
}
