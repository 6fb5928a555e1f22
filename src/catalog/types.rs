//! Column types: PostgreSQL's, and the Arrow types that carry them.

use super::Enumerated;
pub use crate::encoding::pg_text::TYPE_METADATA;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Begins the mark of an enumerated type; its number follows.
pub const ENUM_MARK: &str = "enum:";
/// Begins the mark of arrays of one. It is on the arrays: their elements have none, so that what is kept of them stays of the same
/// type when the enumerated type has more labels.
pub const ENUM_ARRAY_MARK: &str = "enum[]:";
/// Precision and scale of a `numeric` without any.
const NUMERIC_DEFAULT: (u8, i8) = (38, 9);

/// Places of a column that is made of a numeric with more digits than a column's.
const QUOTIENT_PLACES: i8 = 16;

/// A type as a user writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric(precision, scale)`; none given means up to 38 digits, 9 of them after the point.
    Numeric(Option<(u8, i8)>),
    /// `text`
    Text,
    /// `character varying(n)`
    Varchar(Option<u32>),
    /// `character(n)`; `bpchar`, which has no length, where it is 0.
    Char(u32),
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamp with time zone`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// An array of another type.
    Array(Box<SqlType>),
    /// One of several labels.
    Enum(Box<Enumerated>),
    /// `inet`
    Inet,
    /// `cidr`
    Cidr,
    /// `vector(n)` of pgvector: `real` values, so many of them.
    Vector(Option<u16>),
}

impl SqlType {
    /// The Arrow type that holds it.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric(precision) => {
                let (precision, scale) = precision.unwrap_or(NUMERIC_DEFAULT);
                DataType::Decimal128(precision, scale)
            }
            Self::Text
            | Self::Varchar(_)
            | Self::Char(_)
            | Self::Uuid
            | Self::Json
            | Self::Jsonb
            | Self::Inet
            | Self::Cidr
            | Self::Enum(_) => DataType::Utf8,
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Array(item) if matches!(**item, Self::Enum(_)) => DataType::new_list(DataType::Utf8, true),
            Self::Array(item) => DataType::List(Arc::new(item.field("item"))),
            Self::Vector(_) => DataType::List(Arc::new(Self::Float4.field("item"))),
        }
    }

    /// A field of this type, marked where Arrow's type alone does not tell it.
    pub fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.arrow(), true);
        let enumerated = |begin: &str, of: &Enumerated| {
            serde_json::to_string(of).map(|told| format!("{begin}{}:{told}", of.id)).unwrap_or_default()
        };
        let mark = match self {
            Self::Uuid => "uuid".to_owned(),
            Self::Inet => "inet".to_owned(),
            Self::Cidr => "cidr".to_owned(),
            Self::Json => "json".to_owned(),
            Self::Jsonb => "jsonb".to_owned(),
            Self::Varchar(Some(n)) => format!("varchar({n})"),
            Self::Varchar(None) => "varchar".to_owned(),
            Self::Char(0) => "bpchar".to_owned(),
            Self::Char(n) => format!("char({n})"),
            Self::Numeric(None) => "numeric".to_owned(),
            Self::Vector(None) => "vector".to_owned(),
            Self::Vector(Some(n)) => format!("vector({n})"),
            Self::Enum(of) => enumerated(ENUM_MARK, of),
            Self::Array(item) => match item.as_ref() {
                Self::Enum(of) => enumerated(ENUM_ARRAY_MARK, of),
                _ => return field,
            },
            _ => return field,
        };
        field.with_metadata(HashMap::from([(TYPE_METADATA.to_owned(), mark)]))
    }

    /// The type that best holds what an Arrow field holds, or an error for what no column can hold.
    pub fn from_field(field: &Field) -> Result<Self> {
        // A cast may keep the mark of what it was made of.
        let fits = |mark: &str| match field.data_type() {
            DataType::Utf8 => mark != "numeric",
            DataType::LargeUtf8 | DataType::Utf8View | DataType::FixedSizeBinary(_) => true,
            DataType::Decimal128(..) => mark == "numeric",
            DataType::List(item) => match item.data_type() {
                DataType::Float32 => mark.starts_with("vector"),
                DataType::Utf8 => mark.starts_with(ENUM_ARRAY_MARK),
                _ => false,
            },
            _ => false,
        };
        if let Some(mark) = field.metadata().get(TYPE_METADATA).filter(|mark| fits(mark)) {
            if let Some((_, told)) = mark.strip_prefix(ENUM_ARRAY_MARK).and_then(|rest| rest.split_once(':'))
                && let Ok(of) = serde_json::from_str(told)
            {
                return Ok(Self::Array(Box::new(Self::Enum(of))));
            }
            if let Some((_, told)) = mark.strip_prefix(ENUM_MARK).and_then(|rest| rest.split_once(':'))
                && let Ok(of) = serde_json::from_str(told)
            {
                return Ok(Self::Enum(of));
            }
            let length = |prefix: &str| -> Option<u32> {
                mark.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')')).and_then(|n| n.parse().ok())
            };
            match mark.as_str() {
                "uuid" => return Ok(Self::Uuid),
                "inet" => return Ok(Self::Inet),
                "cidr" => return Ok(Self::Cidr),
                "json" => return Ok(Self::Json),
                "jsonb" => return Ok(Self::Jsonb),
                "varchar" => return Ok(Self::Varchar(None)),
                "bpchar" => return Ok(Self::Char(0)),
                "numeric" => return Ok(Self::Numeric(None)),
                "vector" => return Ok(Self::Vector(None)),
                _ => {}
            }
            if let Some(n) = length("varchar(") {
                return Ok(Self::Varchar(Some(n)));
            }
            if let Some(n) = length("vector(") {
                return Ok(Self::Vector(u16::try_from(n).ok()));
            }
            if let Some(n) = length("char(") {
                return Ok(Self::Char(n));
            }
        }
        Self::from_arrow(field.data_type())
    }

    /// The type that best holds an Arrow type.
    pub fn from_arrow(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::Int2,
            DataType::UInt16 | DataType::Int32 => Self::Int4,
            DataType::UInt32 | DataType::Int64 | DataType::UInt64 => Self::Int8,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
                Self::Numeric(Some((*p, *s)))
            }
            DataType::Decimal256(_, s) => Self::Numeric(Some((38, (*s).min(QUOTIENT_PLACES)))),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Bytea
            }
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                Self::Array(Box::new(Self::from_field(item)?))
            }
            DataType::Dictionary(_, values) => Self::from_arrow(values)?,
            other => return Err(Error::new(Kind::Unsupported, format!("a column cannot have type {other}"))),
        })
    }

    /// The limit on characters, if the type has one.
    pub fn length_max(&self) -> Option<usize> {
        match self {
            Self::Char(0) => None,
            Self::Varchar(Some(n)) | Self::Char(n) => Some(*n as usize),
            _ => None,
        }
    }
}

impl SqlType {
    /// The type's name without what was said of its length or its digits, as PostgreSQL's errors about types have it.
    pub fn bare_name(&self) -> String {
        match self {
            Self::Numeric(_) => "numeric".to_owned(),
            Self::Varchar(_) => "character varying".to_owned(),
            Self::Char(_) => "character".to_owned(),
            Self::Vector(_) => "vector".to_owned(),
            Self::Array(item) => format!("{}[]", item.bare_name()),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("boolean"),
            Self::Int2 => f.write_str("smallint"),
            Self::Int4 => f.write_str("integer"),
            Self::Int8 => f.write_str("bigint"),
            Self::Float4 => f.write_str("real"),
            Self::Float8 => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((p, s))) => write!(f, "numeric({p},{s})"),
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("character varying"),
            Self::Varchar(Some(n)) => write!(f, "character varying({n})"),
            Self::Char(0) => f.write_str("bpchar"),
            Self::Char(n) => write!(f, "character({n})"),
            Self::Bytea => f.write_str("bytea"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time without time zone"),
            Self::Timestamp => f.write_str("timestamp without time zone"),
            Self::Timestamptz => f.write_str("timestamp with time zone"),
            Self::Interval => f.write_str("interval"),
            Self::Uuid => f.write_str("uuid"),
            Self::Inet => f.write_str("inet"),
            Self::Cidr => f.write_str("cidr"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Array(item) => write!(f, "{item}[]"),
            Self::Enum(of) => f.write_str(&of.name),
            Self::Vector(None) => f.write_str("vector"),
            Self::Vector(Some(n)) => write!(f, "vector({n})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_its_arrow_field() {
        let types = [
            SqlType::Bool,
            SqlType::Int2,
            SqlType::Int8,
            SqlType::Float4,
            SqlType::Numeric(None),
            SqlType::Numeric(Some((12, 2))),
            SqlType::Text,
            SqlType::Varchar(Some(20)),
            SqlType::Char(3),
            SqlType::Char(0),
            SqlType::Bytea,
            SqlType::Date,
            SqlType::Timestamptz,
            SqlType::Jsonb,
            SqlType::Array(Box::new(SqlType::Uuid)),
            SqlType::Enum(Box::new(Enumerated { id: 7, name: "m".to_owned(), labels: vec!["a(1)".to_owned()] })),
            SqlType::Array(Box::new(SqlType::Enum(Box::new(Enumerated {
                id: 7,
                name: "m".to_owned(),
                labels: vec!["a(1)".to_owned()],
            })))),
        ];
        for sql_type in types {
            assert_eq!(SqlType::from_field(&sql_type.field("c")).unwrap(), sql_type);
        }
    }
}
