//! Which columns hold a subject: those that the statement names, and those into which their values were copied.
//!
//! A foreign key leads from row to row, and is followed where rows go. Copies have none. What lineage knows to be the same values is
//! searched as well, downstream only: a copy was made of what is named, while what that was made of is another collection, which whoever runs
//! the statement may not have meant. CASCADE takes that in, and the columns that a person gave the same tag with the same value. Of what was
//! computed from a named column those rows are the subject's whose text is the value but for cases and blanks; what else it may tell is told, and
//! so are copies that others own. What is a guess (the same category by INVENTORY's eyes) is never erased; that something is there is told.

use super::super::context::Context;
use super::super::parser::{ForgetWords, ForgottenColumn};
use super::super::tables;
use super::super::values::first_unreadable;
use super::beside::TELLING_CHARS_MIN;
use crate::catalog::{
    Catalog, Class, Influence, Object, ObjectId, Place, SqlType, Table, TagSource, TagUse, is_temporary, relation_key,
};
use crate::error::{Error, Kind, Result};
use crate::txn::Lineage;
use arrow::array::StringArray;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A column in which the subject is looked for.
#[derive(Debug, Clone)]
pub struct Held {
    /// The table.
    pub id: ObjectId,
    /// The column's name.
    pub column: String,
    /// Its rows stay, without the value.
    pub set_null: bool,
    /// It was computed from a named column: a text of it that is the value, but for cases and blanks around it, is the subject's.
    pub computed: bool,
    /// Why it is looked at.
    pub why: &'static str,
}

/// A column that may hold the subject and is left as it is.
#[derive(Debug, Clone)]
pub struct Suspect {
    /// The table.
    pub id: ObjectId,
    /// The column's name.
    pub column: String,
    /// How the values that are counted are told.
    pub sign: Sign,
    /// Why it may.
    pub why: &'static str,
    /// What ends that.
    pub ends: &'static str,
}

/// How a column shows that it holds a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// By the value.
    Value,
    /// By a text that has the value in it, and is more than that.
    Within,
    /// By nothing that can be asked for.
    None,
}

/// Where a statement looks.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// What is erased from.
    pub columns: Vec<Held>,
    /// What is looked at only.
    pub suspects: Vec<Suspect>,
    /// Temporary tables of any session that have copies.
    pub temporary: usize,
    /// Columns of tables of others that have copies, or values computed from a named column: theirs to erase, or a superuser's.
    pub others: BTreeSet<(ObjectId, String)>,
    /// Sources and files that the named columns were filled from.
    pub outside: BTreeSet<Place>,
}

/// Why a column is searched that the statement names.
const NAMED: &str = "named";
/// Why one is that has its values.
const COPIED: &str = "copied from a named column";
/// Why one is that has something made of them.
const COMPUTED: &str = "computed from a named column";
/// What ends that a column has a subject.
const NAME_IT: &str = "it is erased if the statement names it";
const BY_HAND: &str = "change or delete its rows by hand, or make them anew from what is left";

/// A column of an object.
type Way = (ObjectId, String);

/// Says where to look: in columns that the role owns, as it must what is named.
pub fn reach(context: &Context, words: &ForgetWords) -> Result<Reach> {
    let mut reach = Reach::default();
    let mut named: Vec<(Way, bool)> = Vec::new();
    for column in &words.columns {
        let (id, table) = named_table(context, column)?;
        if table.column_index(&column.column).is_none() {
            let message = format!("column \"{}\" of relation \"{}\" does not exist", column.column, table.name);
            return Err(Error::new(Kind::UndefinedColumn, message));
        }
        let way = (id, column.column.clone());
        if named.iter().any(|(known, _)| *known == way) {
            let message = format!("column \"{}\" of \"{}\" is named twice", column.column, table.name);
            return Err(Error::new(Kind::DuplicateColumn, message));
        }
        reach.columns.push(held(&way, column.set_null, NAMED));
        named.push((way, column.set_null));
    }
    let catalog = &context.snapshot.catalog;
    let lineage = &context.snapshot.lineage;
    for (way, set_null) in &named {
        let same: BTreeSet<Way> = walk(lineage, way, Direction::Down, Influence::Identity).into_iter().collect();
        let of_rows = walk(lineage, way, Direction::Down, Influence::Transformation);
        let of_rows: BTreeSet<Way> = of_rows.into_iter().collect();
        for copy in walk(lineage, way, Direction::Down, Influence::Aggregation) {
            let Some((table, at)) = catalog.table_by_id(copy.0).and_then(|t| Some((t, t.column_index(&copy.1)?)))
            else {
                continue;
            };
            match () {
                () if is_temporary(&table.schema) => reach.temporary += 1,
                // What is computed from its row goes with it, or anew.
                () if !is_plain(table) || table.columns[at].generated.is_some() => {}
                () if !context.has_role(table.owner) => _ = reach.others.insert(copy),
                () if same.contains(&copy) => take(&mut reach, &copy, *set_null, COPIED),
                () => computed(&mut reach, words, &copy, (table, at), *set_null, !of_rows.contains(&copy)),
            }
        }
    }
    let mut more: BTreeMap<Way, (&'static str, bool)> = BTreeMap::new();
    for (way, set_null) in &named {
        for origin in walk(lineage, way, Direction::Up, Influence::Identity) {
            more.entry(origin).or_insert(("a named column was filled from it", *set_null));
        }
        reach.outside.extend(outside(lineage, way));
        for twin in tagged_alike(catalog, way) {
            more.entry(twin).or_insert(("it carries the same tag as a named column", *set_null));
        }
    }
    let mut guessed: BTreeSet<Way> = BTreeSet::new();
    for (way, _) in &named {
        guessed.extend(categorised_alike(catalog, way));
    }
    let readable = |way: &Way| {
        let column = catalog.table_by_id(way.0).and_then(|table| table.columns.get(table.column_index(&way.1)?));
        let texts = StringArray::from_iter_values(&words.subjects);
        column.is_some_and(|column| first_unreadable(&texts, &column.data_type).is_none())
    };
    for (way, (why, set_null)) in more {
        let Some(table) = catalog.table_by_id(way.0).filter(|table| is_plain(table)) else { continue };
        // What others own they are asked about by name only: whether a value is there is theirs to tell.
        if is_temporary(&table.schema) || !context.has_role(table.owner) || !readable(&way) {
            continue;
        }
        match words.cascade {
            true => take(&mut reach, &way, set_null, why),
            false => suspect(&mut reach, way, Sign::Value, why, NAME_IT),
        }
    }
    for way in guessed {
        let owned = catalog
            .table_by_id(way.0)
            .is_some_and(|table| is_plain(table) && !is_temporary(&table.schema) && context.has_role(table.owner));
        if owned && readable(&way) {
            let why = "INVENTORY takes its values for the same kind of identifier";
            suspect(&mut reach, way, Sign::Value, why, NAME_IT);
        }
    }
    Ok(reach)
}

/// A column that was computed from a named one. Where a text of it is the value, its row is a copy; of a value computed from many rows the
/// row is about others as well, and stays without it. What has the value within, or shows nothing of it, is told.
fn computed(
    reach: &mut Reach,
    words: &ForgetWords,
    way: &Way,
    (table, at): (&Table, usize),
    set_null: bool,
    is_of_many: bool,
) {
    let column = &table.columns[at];
    let is_text = matches!(column.data_type, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_));
    let has_text = is_text || matches!(column.data_type, SqlType::Json | SqlType::Jsonb | SqlType::Array(_));
    let is_telling = words.subjects.iter().any(|value| value.chars().count() >= TELLING_CHARS_MIN);
    let in_key = table.keys.iter().any(|key| key.columns.contains(&at));
    let may_go = !is_of_many || !column.not_null && !in_key;
    if is_text && is_telling && may_go && !reach.columns.iter().any(|held| (held.id, &held.column) == (way.0, &way.1)) {
        let set_null = set_null || is_of_many;
        reach.columns.push(Held { computed: true, ..held(way, set_null, COMPUTED) });
    }
    let sign = if has_text && is_telling { Sign::Within } else { Sign::None };
    suspect(reach, way.clone(), sign, COMPUTED, BY_HAND);
}

fn held((id, column): &Way, set_null: bool, why: &'static str) -> Held {
    Held { id: *id, column: column.clone(), set_null, computed: false, why }
}

/// Takes a column that the statement does not name. Of a copy of several that are named rows stay only where they stay in all.
fn take(reach: &mut Reach, way: &Way, set_null: bool, why: &'static str) {
    match reach.columns.iter_mut().find(|known| (known.id, &known.column) == (way.0, &way.1)) {
        None => reach.columns.push(held(way, set_null, why)),
        // The value as it is goes before what was computed from it.
        Some(known) if known.computed => *known = held(way, set_null, why),
        Some(known) if known.why != NAMED => known.set_null &= set_null,
        Some(_) => {}
    }
}

fn suspect(reach: &mut Reach, (id, column): Way, sign: Sign, why: &'static str, ends: &'static str) {
    let held = |held: &Held| !held.computed && (held.id, &held.column) == (id, &column);
    let known = reach.columns.iter().any(held)
        || reach.suspects.iter().any(|suspect| (suspect.id, &suspect.column) == (id, &column));
    if !known {
        reach.suspects.push(Suspect { id, column, sign, why, ends });
    }
}

/// The table of a named column, which the role must own.
fn named_table(context: &Context, column: &ForgottenColumn) -> Result<(ObjectId, Table)> {
    let (schema, name) = context.resolve(column.relation.0.as_deref(), &column.relation.1);
    context.must_reach(&schema)?;
    let refused = |what: &str, hint: &str| {
        let message = format!("FORGET SUBJECT erases rows of tables, and \"{name}\" is {what}");
        Err(Error::new(Kind::WrongObject, message).with_hint(hint))
    };
    match context.snapshot.catalog.relation(&schema, &name) {
        Some((id, Object::Table(table))) => {
            context.must_own(table.owner, "table", &name)?;
            match () {
                () if table.materialized.is_some() => {
                    refused("a materialized view", "Name the tables that it reads: it is filled anew.")
                }
                () if table.quarantine_of.is_some() || table.repairs_of.is_some() => {
                    refused("kept beside a table", "Name that table: what is kept beside it is erased with it.")
                }
                () if is_temporary(&table.schema) => {
                    refused("temporary", "It goes with its session; DROP TABLE drops it.")
                }
                () => Ok((id, table.clone())),
            }
        }
        Some((_, other)) => refused(&format!("a {}", other.kind_name()), "Name the tables that it reads."),
        None => Err(tables::undefined(context, &schema, &name)),
    }
}

/// Whether rows of a table are there for themselves.
fn is_plain(table: &Table) -> bool {
    table.materialized.is_none() && table.quarantine_of.is_none() && table.repairs_of.is_none()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Down,
    Up,
}

/// Columns that have values of one, copied from it or into it over any number of steps, or computed in at most this way; without itself.
fn walk(lineage: &Lineage, start: &Way, direction: Direction, most: Influence) -> Vec<Way> {
    let mut seen = BTreeSet::from([start.clone()]);
    let mut queue = VecDeque::from([start.clone()]);
    let mut found = Vec::new();
    while let Some((id, column)) = queue.pop_front() {
        let mut meet = |way: Way| {
            if seen.insert(way.clone()) {
                found.push(way.clone());
                queue.push_back(way);
            }
        };
        let flows: Vec<_> = match direction {
            Direction::Down => lineage.flows().collect(),
            Direction::Up => lineage.flows_into(id).map(|flow| (id, flow)).collect(),
        };
        for (to, flow) in flows {
            for edge in flow.edges.iter().filter(|edge| edge.influence <= most) {
                let (Place::Object(from), Some(from_column), Some(to_column)) =
                    (&edge.from, &edge.from_column, &edge.column)
                else {
                    continue;
                };
                match direction {
                    Direction::Down if (*from, from_column) == (id, &column) => meet((to, to_column.clone())),
                    Direction::Up if *to_column == column => meet((*from, from_column.clone())),
                    _ => {}
                }
            }
        }
    }
    found
}

/// Sources and files from which a column was filled.
fn outside<'a>(lineage: &'a Lineage, (id, column): &'a Way) -> impl Iterator<Item = Place> + 'a {
    lineage.flows_into(*id).flat_map(|flow| &flow.edges).filter_map(move |edge| match &edge.from {
        place @ (Place::Asset(..) | Place::File(_)) if edge.column.as_ref().is_none_or(|to| to == column) => {
            Some(place.clone())
        }
        _ => None,
    })
}

fn tags_of<'a>(catalog: &'a Catalog, (id, column): &Way) -> &'a [TagUse] {
    let column = catalog.table_by_id(*id).and_then(|table| table.columns.get(table.column_index(column)?));
    column.map_or(&[], |column| &column.tags)
}

/// Columns to which a person gave a tag with the value that it has at this one.
fn tagged_alike(catalog: &Catalog, way: &Way) -> Vec<Way> {
    let said = |tag: &&TagUse| tag.source == TagSource::Manual;
    let tags: Vec<&TagUse> = tags_of(catalog, way).iter().filter(said).collect();
    let mut found = Vec::new();
    for (id, object) in catalog.class(Class::Relation) {
        let Object::Table(table) = object else { continue };
        for column in &table.columns {
            let alike = |tag: &TagUse| tags.iter().any(|own| (own.tag, &own.value) == (tag.tag, &tag.value));
            if column.tags.iter().filter(said).any(alike) && (id, &column.name) != (way.0, &way.1) {
                found.push((id, column.name.clone()));
            }
        }
    }
    found
}

/// Columns that the last inventory took for the same kind of identifier.
fn categorised_alike(catalog: &Catalog, way: &Way) -> Vec<Way> {
    let identifiers = |id: ObjectId| -> Vec<(String, String)> {
        let Some(table) = catalog.table_by_id(id) else { return Vec::new() };
        let asset = relation_key(&table.schema, &table.name).replace('\0', ".");
        let Some((_, finding)) = catalog.finding(&asset) else { return Vec::new() };
        let facts = finding.columns.iter().filter(|facts| facts["privacy_category"] == "identifier");
        facts
            .filter_map(|facts| {
                Some((facts["column_name"].as_str()?.to_owned(), facts["semantic_type"].as_str()?.to_owned()))
            })
            .collect()
    };
    let Some(category) = identifiers(way.0).into_iter().find(|(column, _)| *column == way.1).map(|(_, of)| of) else {
        return Vec::new();
    };
    let tables = catalog.class(Class::Relation).filter(|(_, object)| matches!(object, Object::Table(_)));
    let columns = tables.flat_map(|(id, _)| identifiers(id).into_iter().map(move |(column, of)| (id, column, of)));
    columns
        .filter(|(id, column, of)| *of == category && (*id, column) != (way.0, &way.1))
        .map(|(id, column, _)| (id, column))
        .collect()
}
