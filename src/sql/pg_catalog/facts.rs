//! The database as one statement's role sees it: the relations of the catalogue, and what functions know of it.
//!
//! A relation is shown to a role that owns it or has any right on it, as in `steward.assets`, and so are its columns,
//! constraints, indexes, comments and policies. Who names a relation that it may not see learns that it is there, as from
//! "permission denied" in PostgreSQL, but gets no name for a number. Names of schemas, roles and the database itself are
//! everybody's. Numbers of rows and bytes are told where every row is the role's to see.

use super::deparse;
use super::entry::{self, Entry, What};
use super::functions;
use super::identifier::{literal, qualified, quoted};
use super::names;
use super::oids;
use super::relations::{self, listed, types};
use super::value::{Relation, Type, Value};
use super::world::World;
use crate::catalog::{Catalog, Class, Comment, Grant, IndexPart, Object, ObjectId, Privilege, SqlType};
use crate::error::{Error, Kind, Result};
use crate::sql::context::Context;
use crate::sql::types::sql_type;
use crate::sql::{parser, system, tables};
use arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// A column of a relation, as `pg_attribute` has it.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// OID of its type.
    pub type_oid: u32,
    /// The type's modifier.
    pub modifier: i32,
    /// The domain, where it is of one: its type above is the one below.
    pub domain: Option<ObjectId>,
    /// Dimensions of an array.
    pub dimensions: i32,
    /// NULL is refused.
    pub not_null: bool,
    /// DEFAULT, as SQL.
    pub default: Option<String>,
    /// It numbers rows by itself.
    pub identity: bool,
    /// It takes no other numbers than its own.
    pub always: bool,
    /// The sequence that numbers it.
    pub sequence: Option<ObjectId>,
    /// `default` is what it is computed as.
    pub generated: bool,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
}

impl Attribute {
    /// A column of a type, without a name.
    pub fn of_type(data_type: &SqlType) -> Self {
        of_type("", data_type)
    }
}

/// The database as the role of one statement sees it.
pub struct Facts {
    pub(super) context: Arc<Context>,
    state: SessionState,
    /// Relations that the statement has asked for, by OID: a query reads one more than once.
    made: Mutex<HashMap<u32, Arc<Relation>>>,
    /// Columns of views, which planning tells.
    view_columns: Mutex<HashMap<ObjectId, Vec<Attribute>>>,
}

impl Facts {
    /// The facts for one statement.
    pub fn new(context: Arc<Context>, state: SessionState) -> Self {
        Self { context, state, made: Mutex::default(), view_columns: Mutex::default() }
    }

    /// An error if the statement should stop.
    pub fn check(&self) -> Result<()> {
        self.context.cancel.check()
    }

    /// What the statement's snapshot knows.
    pub(super) fn catalog(&self) -> &Catalog {
        &self.context.snapshot.catalog
    }

    /// The schemas in which names are looked for, the catalogue's first.
    pub(super) fn path(&self) -> Vec<String> {
        let mut path = self.context.path();
        path.retain(|schema| self.schema_oid(schema).is_some());
        path
    }

    /// The OID of a schema.
    pub(super) fn schema_oid(&self, name: &str) -> Option<u32> {
        match self.context.schema(name) {
            "pg_catalog" => Some(oids::PG_CATALOG),
            "information_schema" => Some(oids::INFORMATION_SCHEMA),
            "steward" => Some(oids::STEWARD),
            name => {
                let schema = self.catalog().schema(name).map(|(id, _)| id);
                schema.or_else(|| self.catalog().source(name).map(|(id, _)| id)).map(oids::of)
            }
        }
    }

    /// The owner of what nobody made: the first superuser.
    pub(super) fn first_superuser(&self) -> u32 {
        let roles = self.catalog().class(Class::Role);
        let superusers = roles.filter(|(_, role)| matches!(role, Object::Role(role) if role.superuser));
        superusers.map(|(id, _)| oids::of(id)).min().unwrap_or(10)
    }

    /// Who owns an entry.
    pub(super) fn owner(&self, entry: &Entry<'_>) -> u32 {
        match (entry.table(), entry.what) {
            (Some((_, table)), _) => oids::of(table.owner),
            (None, What::View(_, view)) => oids::of(view.owner),
            (None, What::Sequence(_, sequence)) => oids::of(sequence.owner),
            (None, What::Asset(source, _)) => oids::of(source.owner),
            _ => self.first_superuser(),
        }
    }

    /// Rights given away on a table or view.
    pub(super) fn grants<'a>(&self, entry: &Entry<'a>) -> &'a [Grant] {
        match (entry.table(), entry.what) {
            (Some((_, table)), _) => &table.grants,
            (None, What::View(_, view)) => &view.grants,
            (None, What::Sequence(_, sequence)) => &sequence.grants,
            (None, What::Asset(source, _)) => &source.grants,
            _ => &[],
        }
    }

    /// Whether the role is shown an entry.
    pub(super) fn may_see(&self, entry: &Entry<'_>) -> bool {
        if self.context.must_reach(entry.schema).is_err() {
            return false;
        }
        // What rules have put aside is shown with its table.
        if let Some(of) = entry.table().and_then(|(_, table)| table.quarantine_of)
            && entry::by_oid(self.catalog(), oids::of(of)).is_some_and(|table| self.may_see(&table))
        {
            return true;
        }
        let owner = match (entry.table(), entry.what) {
            (Some((_, table)), _) => table.owner,
            (None, What::View(_, view)) => view.owner,
            (None, What::Asset(source, _)) => source.owner,
            (None, What::Sequence(_, sequence)) => {
                // That of a column is shown with its table.
                if let Some((table, _)) = &sequence.owned_by
                    && entry::by_oid(self.catalog(), oids::of(*table)).is_some_and(|table| self.may_see(&table))
                {
                    return true;
                }
                sequence.owner
            }
            _ => return true,
        };
        let roles = self.catalog().memberships(self.context.role);
        self.context.has_role(owner) || self.grants(entry).iter().any(|grant| roles.contains(&grant.role))
    }

    /// The entries that the role is shown.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries = entry::all(self.catalog());
        entries.retain(|entry| self.may_see(entry));
        entries
    }

    /// The entry with this OID, if the role is shown it.
    pub(super) fn entry(&self, oid: u32) -> Option<Entry<'_>> {
        entry::by_oid(self.catalog(), oid).filter(|entry| self.may_see(entry))
    }

    /// The entry that a written name means.
    pub(super) fn find(&self, schema: Option<&str>, name: &str) -> Option<Entry<'_>> {
        match schema {
            Some(schema) => entry::by_name(self.catalog(), self.context.schema(schema), name),
            None => self.path().iter().find_map(|schema| entry::by_name(self.catalog(), schema, name)),
        }
    }

    /// The entry that a written name means, or the error that there is none.
    pub(super) fn must_find(&self, written: &str) -> Result<Entry<'_>> {
        let (schema, name) = qualified(written)?;
        let schema_there = schema.as_deref().is_none_or(|schema| self.schema_oid(schema).is_some());
        if !schema_there {
            let message = format!("schema \"{}\" does not exist", schema.unwrap_or_default());
            return Err(Error::new(Kind::UndefinedSchema, message));
        }
        let found = self.find(schema.as_deref(), &name);
        found.ok_or_else(|| Error::new(Kind::UndefinedTable, format!("relation \"{written}\" does not exist")))
    }

    /// Whether what is in a schema is listed where no schema is asked for. Schema `steward` is found by everybody, and listed
    /// for who has written it into the search path: lists of one's own tables would be half ours.
    pub(super) fn is_listed_from(&self, schema: &str) -> bool {
        schema != "steward" || self.context.settings.written_path().iter().any(|written| written == schema)
    }

    /// Whether an entry is what its name alone means, and is listed by it.
    pub(super) fn is_in_path(&self, entry: &Entry<'_>) -> bool {
        self.is_listed_from(entry.schema) && self.find(None, &entry.name).is_some_and(|found| found.oid == entry.oid)
    }

    /// The name of an entry as a statement would write it.
    pub(super) fn written(&self, entry: &Entry<'_>) -> String {
        match self.is_in_path(entry) {
            true => quoted(&entry.name),
            false if self.context.is_own_temporary(entry.schema) => format!("pg_temp.{}", quoted(&entry.name)),
            false => format!("{}.{}", quoted(entry.schema), quoted(&entry.name)),
        }
    }

    /// Whether every row of a table is the role's to see, and with it how many there are.
    pub(super) fn sees_all_rows(&self, id: ObjectId) -> bool {
        let Some(table) = self.catalog().table_by_id(id) else { return false };
        tables::access(&self.context, id, table).is_ok_and(|access| access.filter.is_none() && access.may_read_some())
    }

    /// Whether the role may do this with a column: owners, and who has the right on the whole or on the column.
    pub(super) fn has_on_column(&self, entry: &Entry<'_>, column: &str, privilege: Privilege) -> bool {
        functions::privileges::on_column(self, self.context.role, entry, column, privilege)
    }

    /// The columns of an entry.
    pub(super) fn attributes(&self, entry: &Entry<'_>) -> Vec<Attribute> {
        match entry.what {
            What::Table(_, table) => table.columns.iter().map(|column| self.of_column(column)).collect(),
            What::View(id, view) => self.view_attributes(entry, id, view.owner),
            What::TextIndex(index, table) => {
                let columns = index.columns.iter().filter_map(|name| table.columns.get(table.column_index(name)?));
                columns.map(of_indexed).collect()
            }
            What::Plain(index, table) => {
                let parts = index.parts.iter().map(|(part, _)| match part {
                    IndexPart::Column(name) => table.column_index(name).map(|at| of_indexed(&table.columns[at])),
                    IndexPart::Expression(_) => Some(attribute("expr", 25, -1)),
                });
                let included =
                    index.include.iter().map(|name| Some(of_indexed(&table.columns[table.column_index(name)?])));
                parts.chain(included).flatten().collect()
            }
            What::Key(_, table, key) => {
                key.columns.iter().filter_map(|at| table.columns.get(*at)).map(of_indexed).collect()
            }
            What::Sequence(..) => [("last_value", 20), ("log_cnt", 20), ("is_called", 16)]
                .map(|(name, type_oid)| Attribute { not_null: true, ..attribute(name, type_oid, -1) })
                .into(),
            What::Asset(_, finding) => finding.columns.iter().filter_map(of_found).collect(),
            What::Steward => system::columns("steward", &entry.name).map(of_fields).unwrap_or_default(),
            What::Listed(listed) => {
                let columns = listed.columns.iter().zip(&listed.type_names).zip(&listed.not_null);
                columns
                    .map(|((column, type_name), not_null)| Attribute {
                        not_null: *not_null,
                        dimensions: i32::from(listed.kind == "r" && type_name.ends_with("[]")),
                        ..attribute(&column.name, types::oid_of_listed(type_name), -1)
                    })
                    .collect()
            }
        }
    }

    fn of_column(&self, column: &crate::catalog::Column) -> Attribute {
        let written = column.default.as_deref().map(|text| {
            let text = deparse::named_short(self, text);
            default_text(&text, &column.data_type)
        });
        let generated = column.generated.as_deref().map(|text| deparse::named_short(self, text));
        let counted = || {
            let sequence = column.sequence.filter(|_| !column.identity)?;
            let entry = entry::by_oid(self.catalog(), oids::of(sequence))?;
            Some(format!("nextval({}::regclass)", literal(&self.written(&entry))))
        };
        Attribute {
            not_null: column.not_null,
            default: generated.or(written).or_else(counted),
            identity: column.identity,
            always: column.always,
            sequence: column.sequence,
            generated: column.generated.is_some(),
            comment: column.comment.clone(),
            domain: column.domain.filter(|id| self.catalog().domain_by_id(*id).is_some()),
            modifier: column.places.map_or_else(|| types::of_column(&column.data_type).1, i32::from),
            ..of_type(&column.name, &column.data_type)
        }
    }

    /// A view whose query no longer fits what it reads has no columns to show.
    fn view_attributes(&self, entry: &Entry<'_>, id: ObjectId, owner: ObjectId) -> Vec<Attribute> {
        if let Some(known) = self.view_columns.lock().get(&id) {
            return known.clone();
        }
        let as_owner = self.context.with_role(owner);
        let opened = tables::open(&as_owner, &self.state, entry.schema, &entry.name);
        let mut columns = opened.map(|view| of_fields(view.schema())).unwrap_or_default();
        for column in &mut columns {
            column.comment = self.catalog().comment(id, &Comment::column(&column.name)).map(str::to_owned);
        }
        self.view_columns.lock().insert(id, columns.clone());
        columns
    }
}

fn attribute(name: &str, type_oid: u32, modifier: i32) -> Attribute {
    Attribute {
        name: name.to_owned(),
        type_oid,
        modifier,
        domain: None,
        dimensions: 0,
        not_null: false,
        default: None,
        identity: false,
        always: false,
        sequence: None,
        generated: false,
        comment: None,
    }
}

fn of_type(name: &str, data_type: &SqlType) -> Attribute {
    let (type_oid, modifier) = types::of_column(data_type);
    let mut dimensions = 0;
    let mut item = data_type;
    while let SqlType::Array(inner) = item {
        dimensions += 1;
        item = inner;
    }
    Attribute { dimensions, ..attribute(name, type_oid, modifier) }
}

fn of_indexed(column: &crate::catalog::Column) -> Attribute {
    of_type(&column.name, &column.data_type)
}

/// A column as an inventory keeps it.
fn of_found(column: &serde_json::Value) -> Option<Attribute> {
    let data_type = column["data_type"].as_str().and_then(parser::data_type);
    let data_type = data_type.and_then(|data_type| sql_type(&data_type).ok()).unwrap_or(SqlType::Text);
    Some(of_type(column["column_name"].as_str()?, &data_type))
}

fn of_fields(schema: SchemaRef) -> Vec<Attribute> {
    let fields = schema.fields().iter();
    fields.map(|field| of_type(field.name(), &SqlType::from_field(field).unwrap_or(SqlType::Text))).collect()
}

/// A default as PostgreSQL shows it: a literal has its type behind it, in lower case.
fn default_text(text: &str, data_type: &SqlType) -> String {
    let is_literal = |text: &str| {
        text.len() > 1
            && text.starts_with('\'')
            && text.ends_with('\'')
            && !text[1..text.len() - 1].replace("''", "").contains('\'')
    };
    if let Some((value, cast)) = text.rsplit_once("::")
        && is_literal(value)
    {
        return format!("{value}::{}", cast.to_lowercase());
    }
    if data_type.enumerated().is_some() && is_literal(text) {
        return format!("{text}::{data_type}");
    }
    let (oid, _) = types::of_column(data_type);
    match types::by_oid(oid) {
        Some(known) if is_literal(text) => format!("{text}::{}", types::shown(known, None)),
        _ => text.to_owned(),
    }
}

impl World for Facts {
    fn relation(&self, schema: Option<&str>, name: &str) -> Result<Option<Arc<Relation>>> {
        let listed = match schema {
            Some(schema) => listed::find(schema, name),
            None => {
                let path = self.path();
                path.iter().find_map(|schema| match listed::find(schema, name) {
                    Some(listed) => Some(Some(listed)),
                    // A relation of that name that comes first hides the catalogue's.
                    None => entry::by_name(self.catalog(), schema, name).map(|_| None),
                })
            }
            .flatten(),
        };
        let Some(listed) = listed else { return Ok(None) };
        if let Some(made) = self.made.lock().get(&listed.oid) {
            return Ok(Some(made.clone()));
        }
        let made = Arc::new(relations::make(self, listed)?);
        self.made.lock().insert(listed.oid, made.clone());
        Ok(Some(made))
    }

    fn returns(&self, function: &str, args: &[Type]) -> Option<Type> {
        functions::returns(bare(function), args)
    }

    fn call(&self, function: &str, args: &[Value], types: &[Type]) -> Result<Value> {
        functions::call(self, bare(function), args, types)
    }

    fn oid_of(&self, reg: &Type, text: &str) -> Result<u32> {
        names::oid_of(self, reg, text)
    }

    fn name_of(&self, reg: &Type, oid: u32) -> String {
        names::name_of(self, reg, oid)
    }
}

fn bare(function: &str) -> &str {
    function.strip_prefix("pg_catalog.").unwrap_or(function)
}
