//! Types: their names, which go together, which one comes of several.

use super::super::value::Type;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType, TimezoneInfo};

/// The type that a cast names.
pub fn named(data_type: &DataType) -> Result<Type> {
    Ok(match data_type {
        DataType::Bool | DataType::Boolean => Type::Bool,
        DataType::SmallInt(_) | DataType::Int2(_) => Type::Int2,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Type::Int4,
        DataType::BigInt(_) | DataType::Int8(_) => Type::Int8,
        DataType::Real | DataType::Float4 => Type::Float4,
        DataType::Float(_) | DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => Type::Float8,
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => Type::Numeric,
        DataType::Text | DataType::String(_) | DataType::Char(_) | DataType::Character(_) => Type::Text,
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => Type::Varchar,
        DataType::Bytea => Type::Bytea,
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => Type::Timestamptz,
        DataType::Timestamp(..) | DataType::Date => Type::Timestamptz,
        DataType::Interval { .. } => Type::Interval,
        DataType::JSON => Type::Json,
        DataType::JSONB => Type::Jsonb,
        DataType::Regclass => Type::Regclass,
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(item, _)
            | ArrayElemTypeDef::AngleBracket(item)
            | ArrayElemTypeDef::Parenthesis(item),
        ) => Type::Array(Box::new(named(item)?)),
        DataType::Custom(name, _) => {
            let schema_fits = match name.0.as_slice() {
                [_] => true,
                [schema, _] => {
                    schema.as_ident().is_some_and(|schema| schema.value.eq_ignore_ascii_case("pg_catalog"))
                        || name.to_string().to_lowercase().starts_with("information_schema.")
                }
                _ => false,
            };
            let ident = name.0.last().and_then(|part| part.as_ident());
            let known = ident.filter(|_| schema_fits).and_then(|ident| match ident.quote_style {
                Some(_) => by_name(&ident.value, true),
                None => by_name(&ident.value.to_lowercase(), false),
            });
            known.ok_or_else(|| undefined(&name.to_string().to_lowercase()))?
        }
        other => return Err(undefined(&other.to_string().to_lowercase())),
    })
}

fn undefined(name: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("type \"{name}\" does not exist"))
}

/// The type of a name in a cast, where `char` is one only in quotation marks.
fn by_name(name: &str, quoted: bool) -> Option<Type> {
    match (name, quoted) {
        ("char", false) => Some(Type::Text),
        _ => Type::named(name).or_else(|| Some(Type::Array(Box::new(by_name(name.strip_prefix('_')?, false)?)))),
    }
}

/// How messages and `format_type` call a type.
pub fn shown(data_type: &Type) -> String {
    let name = match data_type {
        Type::Bool => "boolean",
        Type::Char => "\"char\"",
        Type::Name => "name",
        Type::Int2 => "smallint",
        Type::Int4 => "integer",
        Type::Int8 => "bigint",
        Type::Float4 => "real",
        Type::Float8 => "double precision",
        Type::Numeric => "numeric",
        Type::Text => "text",
        Type::Varchar => "character varying",
        Type::Bytea => "bytea",
        Type::Oid => "oid",
        Type::Xid => "xid",
        Type::Tid => "tid",
        Type::Regclass => "regclass",
        Type::Regtype => "regtype",
        Type::Regproc => "regproc",
        Type::Regoperator => "regoperator",
        Type::Regnamespace => "regnamespace",
        Type::Regrole => "regrole",
        Type::Timestamptz => "timestamp with time zone",
        Type::Interval => "interval",
        Type::Int2Vector => "int2vector",
        Type::OidVector => "oidvector",
        Type::PgNodeTree => "pg_node_tree",
        Type::AclItem => "aclitem",
        Type::Json => "json",
        Type::Jsonb => "jsonb",
        Type::Record => "record",
        Type::Unknown => "unknown",
        Type::Array(item) => return format!("{}[]", shown(item)),
    };
    name.to_owned()
}

/// Types whose values can be compared are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Bool,
    Number,
    Oid,
    Text,
    Moment,
    Span,
    Array,
    Record,
    Unknown,
}

/// The family of a type.
pub fn family(data_type: &Type) -> Family {
    match data_type {
        Type::Bool => Family::Bool,
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Float4 | Type::Float8 | Type::Numeric => Family::Number,
        Type::Oid
        | Type::Xid
        | Type::Regclass
        | Type::Regtype
        | Type::Regproc
        | Type::Regoperator
        | Type::Regnamespace
        | Type::Regrole => Family::Oid,
        Type::Char
        | Type::Name
        | Type::Text
        | Type::Varchar
        | Type::Bytea
        | Type::Tid
        | Type::PgNodeTree
        | Type::AclItem
        | Type::Json
        | Type::Jsonb => Family::Text,
        Type::Timestamptz => Family::Moment,
        Type::Interval => Family::Span,
        Type::Int2Vector | Type::OidVector | Type::Array(_) => Family::Array,
        Type::Record => Family::Record,
        Type::Unknown => Family::Unknown,
    }
}

/// Whether values of the type are OIDs that a name is shown for.
pub fn is_reg(data_type: &Type) -> bool {
    matches!(
        data_type,
        Type::Regclass | Type::Regtype | Type::Regproc | Type::Regoperator | Type::Regnamespace | Type::Regrole
    )
}

/// The type of an array's elements.
pub fn element(data_type: &Type) -> Option<Type> {
    match data_type {
        Type::Array(item) => Some((**item).clone()),
        Type::Int2Vector => Some(Type::Int2),
        Type::OidVector => Some(Type::Oid),
        _ => None,
    }
}

/// The first index of an array of the type.
pub fn first_index(data_type: &Type) -> i64 {
    i64::from(!matches!(data_type, Type::Int2Vector | Type::OidVector))
}

/// An array of the type.
pub fn array_of(item: Type) -> Type {
    Type::Array(Box::new(item))
}

/// Whether two types can be compared.
pub fn comparable(left: &Type, right: &Type) -> bool {
    use Family::{Number, Oid, Unknown};
    match (family(left), family(right)) {
        (Unknown, _) | (_, Unknown) => true,
        (Number, Oid) | (Oid, Number) => true,
        (Family::Array, Family::Array) => match (element(left), element(right)) {
            (Some(left), Some(right)) => comparable(&left, &right),
            _ => false,
        },
        (left, right) => left == right,
    }
}

fn rank(data_type: &Type) -> Option<u8> {
    Some(match data_type {
        Type::Int2 => 1,
        Type::Int4 => 2,
        Type::Int8 => 3,
        Type::Numeric => 4,
        Type::Float4 => 5,
        Type::Float8 => 6,
        _ => return None,
    })
}

/// The wider of two numbers' types.
pub fn wider(left: &Type, right: &Type) -> Option<Type> {
    Some(if rank(left)? >= rank(right)? { left.clone() } else { right.clone() })
}

/// The type that values of several types have together, in what `what` names.
pub fn common<'a>(types: impl Iterator<Item = &'a Type>, what: &str) -> Result<Type> {
    let mut found: Option<Type> = None;
    for next in types.filter(|data_type| **data_type != Type::Unknown) {
        let Some(have) = found else {
            found = Some(next.clone());
            continue;
        };
        let both = match (family(&have), family(next)) {
            _ if have == *next => Some(have.clone()),
            (Family::Number, Family::Number) => wider(&have, next),
            (Family::Oid, Family::Oid | Family::Number) | (Family::Number, Family::Oid) => Some(Type::Oid),
            (Family::Text, Family::Text) => Some(of_texts(&have, next)),
            (Family::Array, Family::Array) if comparable(&have, next) => Some(have.clone()),
            _ => None,
        };
        found = Some(both.ok_or_else(|| {
            Error::new(
                Kind::DatatypeMismatch,
                format!("{what} types {} and {} cannot be matched", shown(&have), shown(next)),
            )
        })?);
    }
    Ok(found.unwrap_or(Type::Text))
}

/// Of `name`, `text` and `varchar` each is cast to the others without being asked, so the first decides; anything else only
/// becomes one of them.
fn of_texts(have: &Type, next: &Type) -> Type {
    let plain = |data_type: &Type| matches!(data_type, Type::Name | Type::Text | Type::Varchar);
    match (plain(have), plain(next)) {
        (true, _) => have.clone(),
        (false, true) => next.clone(),
        (false, false) => Type::Text,
    }
}
