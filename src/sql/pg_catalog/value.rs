//! Values and types of the catalogue's relations.

use std::sync::Arc;

/// A value. Its type is known beside it: one integer may be an `oid`, a `regclass` or an `int4`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// `boolean`
    Bool(bool),
    /// All integers, `oid` and the `reg...` types, which are OIDs.
    Int(i64),
    /// `real`, `double precision`, `numeric`
    Float(f64),
    /// All texts: `name`, `"char"`, `text`, `aclitem`, `pg_node_tree`, `json`, ...
    Text(Arc<str>),
    /// `timestamptz`: microseconds since 1970-01-01 UTC
    Moment(i64),
    /// `interval`: microseconds
    Span(i64),
    /// An array of one dimension, `int2vector` and `oidvector` among them.
    Array(Arc<[Value]>),
    /// A row.
    Record(Arc<[Value]>),
}

/// A type of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Type {
    Bool,
    /// `"char"`, one byte
    Char,
    Name,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Bytea,
    Oid,
    Xid,
    Tid,
    Regclass,
    Regtype,
    Regproc,
    Regoperator,
    Regnamespace,
    Regrole,
    Timestamptz,
    Interval,
    /// From 0, as arrays are not.
    Int2Vector,
    /// From 0, as arrays are not.
    OidVector,
    PgNodeTree,
    AclItem,
    Json,
    Jsonb,
    Record,
    /// A quoted literal, or a parameter of no declared type.
    Unknown,
    Array(Box<Type>),
}

impl Type {
    /// The type that PostgreSQL calls so inside (`pg_type.typname`), of its domains the base type; none of an array.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "char" => Self::Char,
            "name" | "sql_identifier" => Self::Name,
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" | "cardinal_number" => Self::Int4,
            "int8" => Self::Int8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "numeric" => Self::Numeric,
            "text" | "bpchar" | "cstring" | "unknown" => Self::Text,
            "varchar" | "character_data" | "yes_or_no" => Self::Varchar,
            "bytea" => Self::Bytea,
            "oid" => Self::Oid,
            "xid" | "cid" => Self::Xid,
            "tid" => Self::Tid,
            "regclass" => Self::Regclass,
            "regtype" => Self::Regtype,
            "regproc" | "regprocedure" => Self::Regproc,
            "regoper" | "regoperator" => Self::Regoperator,
            "regnamespace" => Self::Regnamespace,
            "regrole" => Self::Regrole,
            "timestamptz" | "timestamp" | "time_stamp" => Self::Timestamptz,
            "interval" => Self::Interval,
            "int2vector" => Self::Int2Vector,
            "oidvector" => Self::OidVector,
            "pg_node_tree" => Self::PgNodeTree,
            "aclitem" => Self::AclItem,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "record" => Self::Record,
            _ => return None,
        })
    }
}

/// A column of a relation or of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: Type,
}

/// A relation of the catalogue with its rows.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its OID: what `tableoid` gives.
    pub oid: u32,
    /// Its columns.
    pub columns: Arc<[Column]>,
    /// Its rows, each with a value for each column.
    pub rows: Arc<[Arc<[Value]>]>,
}
