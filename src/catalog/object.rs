//! The facts that Steward keeps: one struct for each kind of object.

use super::classifier::{Classifier, TagVerdict};
use super::comment::Comment;
use super::constraint::{CheckConstraint, CheckOption, ForeignKey};
use super::domain::Domain;
use super::enumeration::EnumType;
use super::erasure::Erasure;
use super::function::Function;
use super::grading::Grading;
use super::grant::{DefaultRights, Grant};
use super::index::{PlainIndex, UniqueIndex};
use super::inventory::{AssetState, InventoryRun};
use super::job::Job;
use super::materialized::Materialized;
use super::model::Model;
use super::repairs::RepairsOf;
use super::row_policy::RowPolicy;
use super::rule::{QualityRule, QualityRun};
use super::sequence::Sequence;
use super::tag::{Tag, TagUse};
use super::temporary::OnCommit;
use super::types::SqlType;
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Identity of an object, given at creation and never used again; also its PostgreSQL OID.
pub type ObjectId = u64;

/// The first id given to users' objects, as PostgreSQL's FirstNormalObjectId.
pub const FIRST_USER_ID: ObjectId = 16384;
/// The role PUBLIC: everybody.
pub const PUBLIC: ObjectId = 0;

/// Any object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Object {
    /// A namespace of relations.
    Schema(Schema),
    /// A table that holds rows.
    Table(Table),
    /// A named query.
    View(View),
    /// A text index over a table.
    Index(Index),
    /// A user or a group of users.
    Role(Role),
    /// A label that columns and relations carry, with the policy bound to it.
    Tag(Tag),
    /// How a value is shown to those who may not see it.
    MaskingPolicy(MaskingPolicy),
    /// Which rows of a table a role sees.
    RowPolicy(RowPolicy),
    /// A trained model.
    Model(Model),
    /// A place outside that holds assets.
    Source(Source),
    /// What the inventory found about one asset.
    Finding(Finding),
    /// A class of sensitivity within a table, whose columns have a data key of their own.
    ColumnClass(ColumnClass),
    /// A function in SQL.
    Function(Function),
    /// An index over columns of a table that refuses nothing.
    PlainIndex(PlainIndex),
    /// Numbers that come one after the other.
    Sequence(Sequence),
    /// What COMMENT ON said of another object.
    Comment(Comment),
    /// An enumerated type.
    Enum(EnumType),
    /// A domain.
    Domain(Domain),
    /// A quality rule.
    QualityRule(QualityRule),
    /// What was measured when a relation's quality rules were asked.
    QualityRun(QualityRun),
    /// A classifier of the user's own.
    Classifier(Classifier),
    /// A certificate of an erasure.
    Erasure(Erasure),
    /// A statement that runs by itself.
    Job(Job),
    /// The rule table of grades.
    Grading(Grading),
    /// A run of INVENTORY.
    InventoryRun(InventoryRun),
    /// An asset as a run found it.
    AssetState(AssetState),
}

/// A namespace of relations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Schema {
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// Who else makes relations in it (`GRANT CREATE`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub creators: Vec<ObjectId>,
}

/// A table that holds rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// Schema it lives in.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Primary key and unique constraints.
    pub keys: Vec<KeyConstraint>,
    /// CHECK constraints.
    pub checks: Vec<CheckConstraint>,
    /// Keys of other tables that its rows refer to.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// Tables whose foreign keys refer to this one.
    #[serde(default)]
    pub referenced_by: Vec<ObjectId>,
    /// Rights given away.
    pub grants: Vec<Grant>,
    /// Tags of the whole table.
    pub tags: Vec<TagUse>,
    /// COMMENT ON TABLE.
    pub comment: Option<String>,
    /// Row policies are on.
    pub row_security: bool,
    /// They are for the owner too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_row_security: bool,
    /// Positions of the columns by which rows are kept sorted; none for the order in which they came.
    #[serde(default)]
    pub cluster: Vec<usize>,
    /// What COMMIT does to it, if it is temporary and this is anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_commit: Option<OnCommit>,
    /// The query whose rows it keeps, if it is a materialized view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub materialized: Option<Materialized>,
    /// The table whose rows lie here because its quality rules put them aside: who may see those may see these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine_of: Option<ObjectId>,
    /// How often columns were dropped or renamed: two states of a table in which it is alike mean the same column by a name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shape: u32,
    /// The table whose repairs are kept here: who may see a column of that may see what was repaired in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs_of: Option<RepairsOf>,
}

/// Whether nothing need be kept of a number.
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type.
    pub data_type: SqlType,
    /// NULL is refused.
    pub not_null: bool,
    /// DEFAULT, as SQL.
    pub default: Option<String>,
    /// An identity column: it numbers rows by itself.
    pub identity: bool,
    /// Tags of the column.
    pub tags: Vec<TagUse>,
    /// Masking policy bound to the column itself.
    pub mask: Option<ObjectId>,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
    /// The class with whose data key its values are sealed; none for that of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ObjectId>,
    /// The sequence whose next number is its default: that of an identity column, or what `DEFAULT nextval(...)` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<ObjectId>,
    /// An identity column that takes no other numbers unless the statement insists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always: bool,
    /// GENERATED ALWAYS AS (...) STORED, as SQL over the other columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// Places of seconds that its times and moments keep, if not all: `timestamp(3)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<u8>,
    /// The domain whose values it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<ObjectId>,
    /// What persons said of its category.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<TagVerdict>,
}

/// A class of sensitivity within a table. Its values are sealed with the data key of this object, not with the table's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnClass {
    /// Name, unique within its table.
    pub name: String,
    /// The table.
    pub table: ObjectId,
}

/// A primary key, a unique constraint or a unique index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyConstraint {
    /// Name, as PostgreSQL gives it (`t_pkey`).
    pub name: String,
    /// Positions of its columns.
    pub columns: Vec<usize>,
    /// It is the primary key.
    pub primary: bool,
    /// NULLS NOT DISTINCT: two NULLs are the same value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nulls_equal: bool,
    /// It is an index only, and no constraint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<UniqueIndex>,
}

/// A named query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// Schema it lives in.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Who owns it; its query runs with this role's rights.
    pub owner: ObjectId,
    /// The query, as SQL.
    pub query: String,
    /// Column names given in CREATE VIEW.
    pub columns: Vec<String>,
    /// Rights given away.
    pub grants: Vec<Grant>,
    /// COMMENT ON VIEW.
    pub comment: Option<String>,
    /// Conditions of queries around it meet its rows only (`security_barrier`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub barrier: bool,
    /// Which rows that are written through it it must show, if any (`check_option`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckOption>,
    /// What columns get that a statement writing through it leaves out, as SQL, where it is not what the table says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
}

/// A text index over a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Index {
    /// Schema of the table.
    pub schema: String,
    /// Name.
    pub name: String,
    /// The table.
    pub table: ObjectId,
    /// Names of the indexed columns.
    pub columns: Vec<String>,
    /// Name of the column whose value SEARCH gives as the key.
    pub key_field: String,
}

/// A user or a group of users.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Role {
    /// Name.
    pub name: String,
    /// May do everything.
    pub superuser: bool,
    /// May connect.
    pub login: bool,
    /// SCRAM verifier of the password.
    pub verifier: Option<String>,
    /// Roles whose rights it has too.
    pub member_of: Vec<ObjectId>,
    /// What its new objects are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defaults: Vec<DefaultRights>,
}

/// How a value is shown to those who may not see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MaskingPolicy {
    /// Name.
    pub name: String,
    /// Name of the argument in the body.
    pub argument: String,
    /// Type of the argument and of the result.
    pub data_type: SqlType,
    /// What is shown, as a SQL expression over the argument.
    pub body: String,
    /// Who owns it.
    pub owner: ObjectId,
}

impl MaskingPolicy {
    /// Whether it may mask a column of this type. One of `numeric` masks numerics of any precision, as what it says of a value does
    /// not depend on it; what it gives is brought into the column's own.
    pub fn fits(&self, column: &SqlType) -> bool {
        let numeric = |data_type: &SqlType| matches!(data_type, SqlType::Numeric(..));
        self.data_type.arrow() == column.arrow() || numeric(&self.data_type) && numeric(column)
    }
}

/// A place outside that holds assets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// Name; its assets are `name.asset`.
    pub name: String,
    /// `files` or `postgres`
    pub source_type: String,
    /// OPTIONS as given, without secrets.
    pub options: BTreeMap<String, String>,
    /// Those of the options that nobody is shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// Who owns it.
    pub owner: ObjectId,
    /// Rights given away.
    pub grants: Vec<Grant>,
    /// Tags by asset and column.
    pub tags: Vec<(String, Option<String>, TagUse)>,
}

impl Source {
    /// Whether its assets are another database's tables.
    pub fn is_remote(&self) -> bool {
        self.source_type == "postgres"
    }
}

/// A text that is kept sealed, as all facts are, and that no statement, message or log shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for whoever must show it to the other side.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.as_str().to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the inventory found about one asset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    /// `schema.name`, the name users write.
    pub asset: String,
    /// The table, view or source it belongs to.
    pub object: ObjectId,
    /// State of the asset that was looked at: a second inventory of the same state costs nothing.
    pub fingerprint: u64,
    /// Facts of the asset, one row of `steward.assets`, as JSON.
    pub facts: serde_json::Value,
    /// Facts of each column, rows of `steward.columns`, as JSON.
    pub columns: Vec<serde_json::Value>,
    /// Rows of the quality report, as JSON.
    pub quality: Vec<serde_json::Value>,
    /// The sealed file of the row quality model, 0 if there is none.
    pub quality_model: u64,
    /// Milliseconds since 1970.
    pub scanned_ms: i64,
}

/// Facts of columns that say what kind of thing is in them, and nothing of their values.
const KINDS_OF_COLUMN: &[&str] = &[
    "asset",
    "ordinal",
    "column_name",
    "data_type",
    "semantic_type",
    "semantic_type_zh",
    "privacy_category",
    "sensitivity",
    "grade",
    "confidence",
    "coverage",
    "sampled",
    "carried",
];

impl Finding {
    /// What may be kept of it when values must be forgotten: which kind of thing each column holds.
    pub fn hint(&self) -> Self {
        let kinds = |facts: &serde_json::Value| {
            let kept = KINDS_OF_COLUMN.iter().map(|name| ((*name).to_owned(), facts[*name].clone()));
            serde_json::Value::Object(kept.collect())
        };
        Self {
            asset: self.asset.clone(),
            object: self.object,
            // No state of the asset is one that was looked at.
            fingerprint: u64::MAX,
            facts: serde_json::Value::Null,
            columns: self.columns.iter().map(kinds).collect(),
            quality: Vec::new(),
            quality_model: 0,
            scanned_ms: self.scanned_ms,
        }
    }

    /// Whether that is all there is: then the asset counts as not looked at.
    pub fn is_hint(&self) -> bool {
        self.facts.is_null()
    }
}

impl Column {
    /// A column of this type, and nothing more said of it.
    pub fn new(name: impl Into<String>, data_type: SqlType) -> Self {
        Self {
            name: name.into(),
            data_type,
            not_null: false,
            default: None,
            identity: false,
            tags: Vec::new(),
            mask: None,
            comment: None,
            class: None,
            sequence: None,
            always: false,
            generated: None,
            places: None,
            domain: None,
            verdicts: Vec::new(),
        }
    }

    /// Its type as SQL writes it, with the places that it keeps.
    pub fn written_type(&self) -> String {
        let written = self.data_type.to_string();
        match (self.places, written.split_once(' ')) {
            (Some(places), Some((first, rest))) => format!("{first}({places}) {rest}"),
            _ => written,
        }
    }

    /// Whether it gets a number by itself where a statement gives none.
    pub fn is_numbered(&self) -> bool {
        self.identity || self.sequence.is_some()
    }
}

impl Table {
    /// Its schema's name and its own.
    pub fn qualified(&self) -> (&str, &str) {
        (&self.schema, &self.name)
    }

    /// A table without columns.
    pub fn new(schema: impl Into<String>, name: impl Into<String>, owner: ObjectId) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
            owner,
            columns: Vec::new(),
            keys: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            referenced_by: Vec::new(),
            grants: Vec::new(),
            tags: Vec::new(),
            comment: None,
            row_security: false,
            force_row_security: false,
            cluster: Vec::new(),
            on_commit: None,
            materialized: None,
            quarantine_of: None,
            shape: 0,
            repairs_of: None,
        }
    }

    /// The columns as an Arrow schema. All may be null in it: a subquery that finds no row gives NULL whatever its column allows,
    /// and the engine takes a column at its word. NOT NULL is checked where rows are written.
    pub fn arrow_schema(&self) -> SchemaRef {
        let fields: Vec<_> = self.columns.iter().map(|c| c.data_type.field(&c.name)).collect();
        Arc::new(ArrowSchema::new(fields))
    }

    /// Whether another state of the table has the same columns and constraints: rows made for one fit the other.
    pub fn has_rules_of(&self, other: &Self) -> bool {
        self.columns == other.columns
            && self.keys == other.keys
            && self.checks == other.checks
            && self.foreign_keys == other.foreign_keys
            && self.referenced_by == other.referenced_by
    }

    /// The classes that its columns belong to, each with the positions of its columns.
    pub fn classes(&self) -> BTreeMap<ObjectId, Vec<usize>> {
        let mut classes = BTreeMap::<ObjectId, Vec<usize>>::new();
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(class) = column.class {
                classes.entry(class).or_default().push(at);
            }
        }
        classes
    }

    /// Whether a program must know of domains, of arrays of enumerated types and of `cidr` to read the table rightly.
    pub fn is_of_types(&self) -> bool {
        let is_new = |data_type: &SqlType| match data_type {
            SqlType::Array(item) => item.enumerated().is_some() || **item == SqlType::Cidr,
            other => *other == SqlType::Cidr,
        };
        self.columns.iter().any(|column| column.domain.is_some() || is_new(&column.data_type))
    }

    /// Whether a program must know of sequences, unique indexes or generated columns to read the table rightly.
    pub fn is_of_objects(&self) -> bool {
        let column = |c: &Column| {
            let made = c.sequence.is_some() || c.always || c.generated.is_some();
            made || c.data_type.enumerated().is_some()
        };
        self.columns.iter().any(column) || self.keys.iter().any(|key| key.nulls_equal || key.index.is_some())
    }

    /// Positions of the columns that are computed from others.
    pub fn generated(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter(|(_, column)| column.generated.is_some()).map(|(at, _)| at)
    }

    /// Position of a column.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The primary key or unique constraint of this name.
    pub fn key(&self, name: &str) -> Option<&KeyConstraint> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The primary key.
    pub fn primary_key(&self) -> Option<&KeyConstraint> {
        self.keys.iter().find(|key| key.primary)
    }
}

/// Namespaces of names: two objects of one class cannot share a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Schemas and sources.
    Schema,
    /// Tables, views, indexes and sequences, by `schema` NUL `name`.
    Relation,
    /// Roles.
    Role,
    /// Tags.
    Tag,
    /// Masking policies.
    MaskingPolicy,
    /// Row policies, by table and name.
    RowPolicy,
    /// Models.
    Model,
    /// Findings of the inventory.
    Finding,
    /// Classes of sensitivity, by table and name.
    ColumnClass,
    /// Functions, by `schema` NUL `name`.
    Function,
    /// Comments, by object and part of it.
    Comment,
    /// Types, by `schema` NUL `name`.
    Type,
    /// Quality rules, by relation and name.
    QualityRule,
    /// What was measured of relations, by relation and number.
    QualityRun,
    /// Classifiers.
    Classifier,
    /// Certificates of erasures, by their numbers.
    Erasure,
    /// Jobs.
    Job,
    /// The rule table of grades, of which there is one.
    Grading,
    /// Runs of INVENTORY, by their numbers.
    InventoryRun,
    /// What they found, by asset and run.
    AssetState,
}

impl Object {
    /// The name under which the object is found, in its class.
    pub fn key(&self) -> (Class, String) {
        match self {
            Self::Schema(o) => (Class::Schema, o.name.clone()),
            Self::Source(o) => (Class::Schema, o.name.clone()),
            Self::Table(o) => (Class::Relation, relation_key(&o.schema, &o.name)),
            Self::View(o) => (Class::Relation, relation_key(&o.schema, &o.name)),
            Self::Index(o) => (Class::Relation, relation_key(&o.schema, &o.name)),
            Self::Role(o) => (Class::Role, o.name.clone()),
            Self::Tag(o) => (Class::Tag, o.name.clone()),
            Self::MaskingPolicy(o) => (Class::MaskingPolicy, o.name.clone()),
            Self::RowPolicy(o) => (Class::RowPolicy, relation_key(&o.table.to_string(), &o.name)),
            Self::Model(o) => (Class::Model, o.name.clone()),
            Self::Finding(o) => (Class::Finding, o.asset.clone()),
            Self::ColumnClass(o) => (Class::ColumnClass, relation_key(&o.table.to_string(), &o.name)),
            Self::Function(o) => (Class::Function, relation_key(&o.schema, &o.name)),
            Self::PlainIndex(o) => (Class::Relation, relation_key(&o.schema, &o.name)),
            Self::Sequence(o) => (Class::Relation, relation_key(&o.schema, &o.name)),
            Self::Enum(o) => (Class::Type, relation_key(&o.schema, &o.name)),
            Self::Domain(o) => (Class::Type, relation_key(&o.schema, &o.name)),
            Self::Comment(o) => (Class::Comment, Comment::key(o.object, &o.part)),
            Self::QualityRule(o) => (Class::QualityRule, o.key()),
            Self::QualityRun(o) => (Class::QualityRun, o.key()),
            Self::Classifier(o) => (Class::Classifier, o.name.clone()),
            Self::Erasure(o) => (Class::Erasure, o.number.clone()),
            Self::Job(o) => (Class::Job, o.name.clone()),
            Self::Grading(_) => (Class::Grading, Grading::NAME.to_owned()),
            Self::InventoryRun(o) => (Class::InventoryRun, o.key()),
            Self::AssetState(o) => (Class::AssetState, o.key()),
        }
    }

    /// What the object is called in messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Schema(_) => "schema",
            Self::Table(table) if table.materialized.is_some() => "materialized view",
            Self::Table(_) => "table",
            Self::View(_) => "view",
            Self::Index(_) => "index",
            Self::Role(_) => "role",
            Self::Tag(_) => "tag",
            Self::MaskingPolicy(_) => "masking policy",
            Self::RowPolicy(_) => "policy",
            Self::Model(_) => "model",
            Self::Source(_) => "source",
            Self::Finding(_) => "inventory finding",
            Self::ColumnClass(_) => "class",
            Self::Function(_) => "function",
            Self::PlainIndex(_) => "index",
            Self::Sequence(_) => "sequence",
            Self::Comment(_) => "comment",
            Self::Enum(_) | Self::Domain(_) => "type",
            Self::QualityRule(_) => "quality rule",
            Self::QualityRun(_) => "quality run",
            Self::Classifier(_) => "classifier",
            Self::Erasure(_) => "erasure",
            Self::Job(_) => "job",
            Self::Grading(_) => "rule table of grades",
            Self::InventoryRun(_) => "inventory run",
            Self::AssetState(_) => "state of an asset",
        }
    }
}

/// The key of a relation in its class.
pub fn relation_key(schema: &str, name: &str) -> String {
    format!("{schema}\0{name}")
}
