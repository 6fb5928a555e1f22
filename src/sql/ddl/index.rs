//! CREATE, DROP and ALTER INDEX, REINDEX.
//!
//! A unique index is a key of its table, enforced as a unique constraint is. A plain one is kept, shown and dropped; look-ups by its columns
//! make it in memory (`txn::plain_indexes`). One with an expression or a condition serves none, and may be there all the same; of a
//! unique one they would have to be enforced, and are refused.

use super::super::dml::must_be_of_one_row;
use super::super::names;
use super::super::parser::{self, Reindexed, fold, last, split};
use super::super::planner::Planner;
use super::super::semantics;
use super::class::may_have_classes;
use super::foreign_key::{dependents, drop_dependents, still_needed};
use super::generated::must_be_immutable;
use super::in_full::in_full;
use super::sequence::short_name;
use super::{Ddl, check_name, constraint, skipping, text_index};
use crate::catalog::{
    Class, Comment, Index, IndexPart, KeyConstraint, Object, ObjectId, Order, PlainIndex, SqlType, Table, UniqueIndex,
};
use crate::error::{Error, Kind, Result};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr as Planned;
use datafusion::sql::sqlparser::ast::{self, Expr, IndexType, ObjectName};

/// Runs CREATE INDEX.
pub fn create_index(ddl: &mut Ddl<'_>, create: ast::CreateIndex) -> Result<()> {
    if matches!(&create.using, Some(IndexType::Custom(name)) if name.value.eq_ignore_ascii_case("steward")) {
        return text_index::create_text_index(ddl, create);
    }
    ddl.txn.must_write("CREATE INDEX")?;
    let (schema, table_name) = split(&create.table_name)?;
    let (schema, table_name) = ddl.context.resolve(schema.as_deref(), &table_name);
    if let Some((_, Object::View(_))) = ddl.txn.snapshot().catalog.relation(&schema, &table_name) {
        return Err(Error::new(Kind::WrongObject, format!("cannot create index on relation \"{table_name}\""))
            .with_detail("This operation is not supported for views."));
    }
    let (id, table) = ddl.own_table(Some(&schema), &table_name)?;
    ddl.must_not_wait("CREATE INDEX", id, &table.name)?;
    let method = method(&create)?;
    let parts = create.columns.iter().map(|column| part(ddl, &table, column)).collect::<Result<Vec<_>>>()?;
    let include = create.include.iter().map(|name| column(&table, &fold(name))).collect::<Result<Vec<_>>>()?;
    if let Some(predicate) = &create.predicate {
        must_be_of_one_row(predicate, "index predicates")?;
        let (planned, schema) = must_be_planned(ddl, &table, predicate, "index predicate")?;
        semantics::truth(planned, "WHERE", &schema)?;
    }
    storage_parameters(&create.with)?;
    let name = match &create.name {
        Some(name) => split(name)?.1,
        None => index_name(ddl, &table, &create.columns),
    };
    check_name(&name)?;
    if create.if_not_exists && ddl.is_taken(&table.schema, &name) {
        skipping(ddl.context, "relation", &name, true);
        return Ok(());
    }
    ddl.must_be_free(&table.schema, &name)?;
    if create.unique {
        let nulls_equal = create.nulls_distinct == Some(false);
        return add_unique(ddl, (id, table), name, (parts, include), (nulls_equal, create.predicate.is_some()));
    }
    let predicate = create.predicate.map(|predicate| in_full(&predicate.to_string(), ddl.context)).transpose()?;
    let index =
        PlainIndex { schema: table.schema, name, table: id, method: method.to_owned(), parts, include, predicate };
    let index_id = ddl.new_id();
    ddl.txn.put_object(index_id, Object::PlainIndex(index))
}

fn add_unique(
    ddl: &mut Ddl<'_>,
    (id, mut table): (ObjectId, Table),
    name: String,
    (parts, include): (Vec<(IndexPart, Order)>, Vec<String>),
    (nulls_equal, partial): (bool, bool),
) -> Result<()> {
    let refused = |what: &str| {
        Error::new(Kind::Unsupported, format!("a unique index {what} is not supported"))
            .with_detail("It could not be enforced.")
    };
    if partial {
        return Err(refused("with a WHERE clause"));
    }
    let (mut columns, mut orders) = (Vec::new(), Vec::new());
    for (part, order) in parts {
        let IndexPart::Column(name) = part else { return Err(refused("over an expression")) };
        columns.extend(table.column_index(&name));
        orders.push(order);
    }
    let index = Some(UniqueIndex { orders, include });
    table.keys.push(KeyConstraint { name, columns, primary: false, nulls_equal, index });
    may_have_classes(&table)?;
    constraint::must_be_unique(ddl, id, &table)?;
    ddl.txn.put_object(id, Object::Table(table))
}

fn method(create: &ast::CreateIndex) -> Result<&'static str> {
    let refused = |what: &str| Error::new(Kind::Unsupported, format!("access method \"hash\" does not support {what}"));
    match &create.using {
        None | Some(IndexType::BTree) => Ok("btree"),
        Some(IndexType::Hash) => {
            let ordered = |column: &ast::IndexColumn| {
                column.column.options.asc.is_some() || column.column.options.nulls_first.is_some()
            };
            match () {
                () if create.unique => Err(refused("unique indexes")),
                () if create.columns.len() > 1 => Err(refused("multicolumn indexes")),
                () if !create.include.is_empty() => Err(refused("included columns")),
                () if create.columns.iter().any(ordered) => Err(refused("ASC/DESC options")),
                () => Ok("hash"),
            }
        }
        Some(IndexType::Custom(name)) => {
            Err(Error::new(Kind::UndefinedObject, format!("access method \"{}\" does not exist", fold(name))))
        }
        Some(other) => {
            let method = other.to_string().to_lowercase();
            Err(Error::new(Kind::Unsupported, format!("access method \"{method}\" is not supported"))
                .with_hint("Use btree or hash, or steward for a text index."))
        }
    }
}

fn column(table: &Table, name: &str) -> Result<String> {
    match table.column_index(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(Error::new(Kind::UndefinedColumn, format!("column \"{name}\" does not exist"))),
    }
}

fn part(ddl: &Ddl<'_>, table: &Table, written: &ast::IndexColumn) -> Result<(IndexPart, Order)> {
    let class = written.operator_class.as_ref().map(last);
    if let Some(class) = class.as_ref().filter(|class| !class.ends_with("_ops")) {
        let message = format!("operator class \"{class}\" does not exist for access method \"btree\"");
        return Err(Error::new(Kind::UndefinedObject, message));
    }
    let options = &written.column.options;
    let descending = options.asc == Some(false);
    let order = Order { descending, nulls_first: options.nulls_first.unwrap_or(descending), class };
    let mut expression = &written.column.expr;
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    let part = match expression {
        Expr::Identifier(name) => {
            let name = column(table, &fold(name))?;
            let data_type = table.column_index(&name).map(|at| &table.columns[at].data_type);
            if let Some(SqlType::Json) = data_type {
                let message = "data type json has no default operator class for access method \"btree\"";
                return Err(Error::new(Kind::UndefinedObject, message).with_hint(
                    "You must specify an operator class for the index or define a default operator class for the data type.",
                ));
            }
            IndexPart::Column(name)
        }
        expression => {
            must_be_of_one_row(expression, "index expressions")?;
            must_be_planned(ddl, table, expression, "index expression")?;
            IndexPart::Expression(in_full(&expression.to_string(), ddl.context)?)
        }
    };
    Ok((part, order))
}

/// An expression over the table's columns that always gives the same.
fn must_be_planned(ddl: &Ddl<'_>, table: &Table, expression: &Expr, what: &str) -> Result<(Planned, DFSchema)> {
    let schema = DFSchema::try_from(table.arrow_schema().as_ref().clone())?;
    let planned = Planner::new(ddl.context, ddl.state).expression(expression.clone(), &schema)?;
    let message = format!("functions in {what} must be marked IMMUTABLE");
    must_be_immutable((ddl.context, ddl.state), expression, &schema, &message)?;
    Ok((planned, schema))
}

/// How PostgreSQL would lay an index out, which changes nothing here.
fn storage_parameters(with: &[Expr]) -> Result<()> {
    const KNOWN: [&str; 6] =
        ["fillfactor", "deduplicate_items", "buffering", "fastupdate", "gin_pending_list_limit", "pages_per_range"];
    for parameter in with {
        let name = match parameter {
            Expr::BinaryOp { left, .. } => left.to_string().to_lowercase(),
            other => other.to_string().to_lowercase(),
        };
        if !KNOWN.contains(&name.as_str()) {
            return Err(Error::new(Kind::InvalidParameter, format!("unrecognized parameter \"{name}\"")));
        }
    }
    Ok(())
}

/// The name that PostgreSQL gives an index without one: `t_a_b_idx`, `t_lower_idx1`.
fn index_name(ddl: &Ddl<'_>, table: &Table, columns: &[ast::IndexColumn]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for column in columns {
        let mut expression = &column.column.expr;
        while let Expr::Nested(inner) = expression {
            expression = inner;
        }
        let base = match names::name(expression) {
            name if name == "?column?" => "expr".to_owned(),
            name => name,
        };
        let mut names = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}{n}")));
        parts.extend(names.find(|name| !parts.contains(name)));
    }
    ddl.free_name(&table.schema, &short_name(&table.name, &parts.join("_"), "idx"))
}

/// What a part of an index gives to the index's name.
pub(super) fn part_name(part: &IndexPart) -> String {
    match part {
        IndexPart::Column(name) => name.clone(),
        IndexPart::Expression(text) => match parser::expression(text).map(|expression| names::name(&expression)) {
            Ok(name) if name != "?column?" => name,
            _ => "expr".to_owned(),
        },
    }
}

/// An index, whatever it is behind.
pub(super) enum Found {
    /// A plain one.
    Plain(ObjectId, PlainIndex),
    /// A text index.
    Text(ObjectId, Index),
    /// That of a key, by its place among the table's.
    Key(ObjectId, Box<Table>, usize),
}

impl Found {
    /// Who may change it.
    pub fn owner(&self, ddl: &Ddl<'_>) -> ObjectId {
        let of = |table: ObjectId| ddl.txn.snapshot().catalog.table_by_id(table).map_or(0, |table| table.owner);
        match self {
            Self::Plain(_, index) => of(index.table),
            Self::Text(_, index) => of(index.table),
            Self::Key(_, table, _) => table.owner,
        }
    }
}

impl Ddl<'_> {
    /// The index of this name, where it is written or in the search path; nothing if there is none and that will do.
    pub(super) fn find_index(&self, schema: Option<&str>, name: &str, if_exists: bool) -> Result<Option<Found>> {
        let path = schema.map_or_else(|| self.context.settings.search_path(), |schema| vec![schema.to_owned()]);
        let catalog = &self.txn.snapshot().catalog;
        for schema in &path {
            match catalog.relation(schema, name) {
                Some((id, Object::PlainIndex(index))) => return Ok(Some(Found::Plain(id, index.clone()))),
                Some((id, Object::Index(index))) => return Ok(Some(Found::Text(id, index.clone()))),
                Some((_, other)) => {
                    return Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not an index")).with_hint(
                        format!("Use DROP {} to remove a {}.", other.kind_name().to_uppercase(), other.kind_name()),
                    ));
                }
                None => {}
            }
            let of_table = |(id, object): (ObjectId, &Object)| match object {
                Object::Table(table) if table.schema == *schema => {
                    let at = table.keys.iter().position(|key| key.name == name)?;
                    Some(Found::Key(id, Box::new(table.clone()), at))
                }
                _ => None,
            };
            if let Some(found) = catalog.class(Class::Relation).find_map(of_table) {
                return Ok(Some(found));
            }
        }
        if if_exists {
            skipping(self.context, "relation", name, false);
            return Ok(None);
        }
        Err(Error::new(Kind::UndefinedTable, format!("relation \"{name}\" does not exist")))
    }
}

/// Runs DROP INDEX.
pub(super) fn drop_index(ddl: &mut Ddl<'_>, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
    let (schema, name) = split(name)?;
    let found = ddl.find_index(schema.as_deref(), &name, false).map_err(|error| match error.kind() {
        Kind::UndefinedTable => Error::new(Kind::UndefinedObject, format!("index \"{name}\" does not exist")),
        _ => error,
    });
    let found = match found {
        Ok(Some(found)) => found,
        Err(error) if !(if_exists && error.kind() == Kind::UndefinedObject) => return Err(error),
        _ => {
            skipping(ddl.context, "index", &name, false);
            return Ok(());
        }
    };
    ddl.context.must_own(found.owner(ddl), "index", &name)?;
    match found {
        Found::Plain(id, _) | Found::Text(id, _) => {
            ddl.txn.drop_object(id);
            Ok(())
        }
        Found::Key(_, table, at) if table.keys[at].index.is_none() => {
            let of = format!("constraint {name} on table {}", table.name);
            Err(Error::new(Kind::Dependent, format!("cannot drop index {name} because {of} requires it"))
                .with_hint(format!("You can drop {of} instead.")))
        }
        Found::Key(id, mut table, _) => {
            let referring = dependents(ddl, id, &table, Some(&name));
            if let Some(first) = referring.first().filter(|_| !cascade) {
                return Err(still_needed(&format!("index {name}"), first, &format!("index {name}")));
            }
            drop_dependents(ddl, referring)?;
            if let Some(now) = ddl.txn.snapshot().catalog.table_by_id(id) {
                *table = now.clone();
            }
            drop_key(ddl, id, &mut table, &name);
            ddl.txn.put_object(id, Object::Table(*table))
        }
    }
}

/// Takes a key away, and what was said of it.
pub(super) fn drop_key(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, name: &str) {
    table.keys.retain(|key| key.name != name);
    ddl.txn.forget_key(id, name);
    for part in [Comment::constraint(name), Comment::index(name)] {
        super::comment::forget(ddl, id, &part);
    }
}

/// Gives a key another name, and with it the index and the constraint that it is.
pub(super) fn rename_key(ddl: &mut Ddl<'_>, id: ObjectId, table: &mut Table, at: usize, to: String) -> Result<()> {
    ddl.must_be_free(&table.schema, &to)?;
    let from = std::mem::replace(&mut table.keys[at].name, to.clone());
    for child in table.referenced_by.clone() {
        let refer = |facts: &mut Table| {
            let keys = facts.foreign_keys.iter_mut().filter(|key| key.table == id && key.key == from);
            keys.for_each(|key| key.key = to.clone());
        };
        match ddl.txn.snapshot().catalog.table_by_id(child).cloned() {
            Some(mut facts) if child != id => {
                refer(&mut facts);
                ddl.txn.put_object(child, Object::Table(facts))?;
            }
            _ => refer(table),
        }
    }
    ddl.txn.rename_key(id, &from, &to);
    super::comment::rename(ddl, id, &Comment::constraint(&from), Comment::constraint(&to))?;
    super::comment::rename(ddl, id, &Comment::index(&from), Comment::index(&to))
}

/// Runs REINDEX: throws the files of text indexes away, which the next search makes anew from the table. Other indexes have none.
pub fn reindex(ddl: &mut Ddl<'_>, what: &Reindexed) -> Result<()> {
    ddl.txn.must_write("REINDEX")?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let of_table = |table: ObjectId| catalog.indexes_of(table).map(|(id, _)| id).collect::<Vec<_>>();
    let of_schema = |schema: Option<&str>| {
        let indexes = catalog.class(Class::Relation).filter_map(|(id, object)| match object {
            Object::Index(index) if schema.is_none_or(|schema| index.schema == schema) => Some(id),
            _ => None,
        });
        indexes.collect::<Vec<_>>()
    };
    let emptied = match what {
        Reindexed::Index((schema, name)) => {
            let Some(found) = ddl.find_index(schema.as_deref(), name, false)? else { return Ok(()) };
            ddl.context.must_own(found.owner(ddl), "index", name)?;
            match found {
                Found::Text(id, _) => vec![id],
                Found::Plain(..) | Found::Key(..) => Vec::new(),
            }
        }
        Reindexed::Table((schema, name)) => of_table(ddl.own_table(schema.as_deref(), name)?.0),
        Reindexed::Schema(name) => {
            let Some((_, schema)) = catalog.schema(name) else {
                return Err(Error::new(Kind::UndefinedSchema, format!("schema \"{name}\" does not exist")));
            };
            ddl.context.must_own(schema.owner, "schema", name)?;
            of_schema(Some(name))
        }
        Reindexed::Database => {
            ddl.context.must_be_superuser("reindex the database")?;
            of_schema(None)
        }
    };
    emptied.into_iter().try_for_each(|id| ddl.context.database.indexes.remove(id))
}
