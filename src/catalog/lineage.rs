//! Lineage: which columns the columns of an object have come from, as statements have made them.

use super::object::ObjectId;
use serde::{Deserialize, Serialize};

/// Where something lies that is read or written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A table, a view, a model.
    Object(ObjectId),
    /// An asset of a source.
    Asset(ObjectId, String),
    /// A file of the server.
    File(String),
    /// What a client sent.
    Client,
}

impl Place {
    /// The object that it is, or belongs to.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Object(id) | Self::Asset(id, _) => Some(*id),
            Self::File(_) | Self::Client => None,
        }
    }
}

/// How a column has a part in what comes of it, the most direct way first. The first three hand values on, the others decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Influence {
    /// The value as it is.
    Identity,
    /// The value computed from it.
    Transformation,
    /// A value computed from those of many rows.
    Aggregation,
    /// It decides over which rows a window function goes, and in which order.
    Window,
    /// It decides which value it is: a condition of CASE, a subquery's rows.
    Conditional,
    /// It decides which rows there are: WHERE, HAVING, EXISTS, IN.
    Filter,
    /// It decides which rows meet.
    Join,
    /// It decides which rows are one group.
    GroupBy,
    /// It decides which rows come first, where not all are taken.
    Sort,
    /// Its rows are read, whatever is in them.
    Rows,
}

impl Influence {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Transformation => "transformation",
            Self::Aggregation => "aggregation",
            Self::Window => "window",
            Self::Conditional => "conditional",
            Self::Filter => "filter",
            Self::Join => "join",
            Self::GroupBy => "group_by",
            Self::Sort => "sort",
            Self::Rows => "rows",
        }
    }

    /// Whether values are handed on.
    pub fn is_direct(self) -> bool {
        self <= Self::Aggregation
    }
}

/// What made values flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FlowKind {
    /// CREATE TABLE AS, SELECT INTO.
    SelectInto,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// MERGE.
    Merge,
    /// The query of a view.
    View,
    /// CREATE and REFRESH MATERIALIZED VIEW.
    Refresh,
    /// CREATE MODEL.
    Train,
    /// COPY FROM.
    Import,
    /// REPAIR TABLE, and rules that repair.
    Repair,
    /// The expression of a generated column.
    Generate,
}

impl FlowKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SelectInto => "select_into",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Merge => "merge",
            Self::View => "view",
            Self::Refresh => "refresh",
            Self::Train => "train",
            Self::Import => "import",
            Self::Repair => "repair",
            Self::Generate => "generate",
        }
    }
}

/// One column that has a part in one column of an object; without a column in the object as a whole: in which rows it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// Where it comes from.
    #[serde(rename = "f")]
    pub from: Place,
    /// The column there; none for rows whatever is in them.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub from_column: Option<String>,
    /// The column of the object.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// How.
    #[serde(rename = "i")]
    pub influence: Influence,
}

/// What statements of one form have made of an object: the same edges again are the same flow, later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// What made it.
    pub kind: FlowKind,
    /// Its edges in order, each once.
    pub edges: Vec<Edge>,
    /// The last statement's number, as a UUID.
    pub statement: String,
    /// Who ran it.
    pub actor: ObjectId,
    /// What they were called then.
    pub actor_name: String,
    /// Milliseconds since 1970 of the first time.
    pub first_ms: i64,
    /// And of the last.
    pub last_ms: i64,
    /// How often.
    pub uses: u64,
}

impl Flow {
    /// Whether two are one but for when, by whom and how often.
    pub fn is_again(&self, other: &Self) -> bool {
        self.kind == other.kind && self.edges == other.edges
    }
}

/// What is known of an object that is dropped while lineage speaks of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    /// Its last name, with its schema if it had one.
    pub name: String,
    /// What it was: `table`, `view`, ...
    pub kind: String,
    /// Who owned it.
    pub owner: ObjectId,
}

/// Before the name of a column that is dropped: another may get the name.
const DROPPED: char = '\u{1}';

/// What a dropped column is kept as; the number tells columns of one name apart.
pub fn dropped_column(name: &str, number: u64) -> String {
    format!("{DROPPED}{number}{DROPPED}{name}")
}

/// The name of a column, and whether it is dropped.
pub fn column_shown(kept: &str) -> (&str, bool) {
    match kept.strip_prefix(DROPPED).and_then(|rest| rest.split_once(DROPPED)) {
        Some((_, name)) => (name, true),
        None => (kept, false),
    }
}

/// A change of what is known of lineage.
#[derive(Debug, Clone)]
pub enum LineageChange {
    /// Values have flown into an object.
    Flowed(ObjectId, Flow),
    /// A column has another name.
    Renamed {
        /// The object.
        object: ObjectId,
        /// Its name before.
        from: String,
        /// Its name now.
        to: String,
    },
}
