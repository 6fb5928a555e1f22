//! Types as the parser gives them to types as the catalogue keeps them.

use super::context::Context;
use super::parser::split;
use crate::catalog::{Column, Domain, EnumType, ObjectId, SqlType};
use crate::config::VECTOR_DIMENSIONS_MAX;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, TimezoneInfo,
};

/// Digits of a numeric at most.
const NUMERIC_DIGITS_MAX: u64 = 38;

/// The column type that a type in a statement means.
pub fn sql_type(data_type: &DataType) -> Result<SqlType> {
    Ok(match data_type {
        DataType::Bool | DataType::Boolean => SqlType::Bool,
        DataType::SmallInt(_) | DataType::Int2(_) | DataType::TinyInt(_) => SqlType::Int2,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => SqlType::Int4,
        DataType::BigInt(_) | DataType::Int8(_) | DataType::Int64 => SqlType::Int8,
        DataType::Real | DataType::Float4 => SqlType::Float4,
        DataType::Float(ExactNumberInfo::Precision(p)) if *p < 25 => SqlType::Float4,
        DataType::Float(_) | DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float64 => {
            SqlType::Float8
        }
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(info)?,
        DataType::Text | DataType::String(_) => SqlType::Text,
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            SqlType::Varchar(characters(length)?)
        }
        DataType::Char(length) | DataType::Character(length) => SqlType::Char(characters(length)?.unwrap_or(1)),
        DataType::Bytea => SqlType::Bytea,
        DataType::Date => SqlType::Date,
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Timestamp,
        DataType::Timestamp(_, _) => SqlType::Timestamptz,
        DataType::Interval { .. } => SqlType::Interval,
        DataType::Uuid => SqlType::Uuid,
        DataType::JSON => SqlType::Json,
        DataType::JSONB => SqlType::Jsonb,
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(item, _)
            | ArrayElemTypeDef::AngleBracket(item)
            | ArrayElemTypeDef::Parenthesis(item),
        ) => SqlType::Array(Box::new(sql_type(item)?)),
        DataType::Custom(name, modifiers) => match spelled(name, modifiers) {
            Some(spelled) => sql_type(&spelled)?,
            None => vector(name, modifiers).unwrap_or_else(|| custom(name))?,
        },
        other => return Err(undefined(&other.to_string().to_lowercase())),
    })
}

/// Places of seconds that a written type keeps, where it says so; more than six are six, as in PostgreSQL.
pub fn places_of(data_type: &DataType) -> Option<u8> {
    match data_type {
        DataType::Time(places, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) | DataType::Timestamp(places, _) => {
            places.map(|places| places.min(6) as u8)
        }
        _ => None,
    }
}

/// The same, among the types of the database too.
pub fn sql_type_in(context: &Context, data_type: &DataType) -> Result<SqlType> {
    match (sql_type(data_type), data_type) {
        (Err(error), DataType::Custom(name, _)) if error.kind() == Kind::UndefinedObject => {
            let (schema, plain) = split(name)?;
            match find_domain(context, schema.as_deref(), &plain) {
                Some((_, domain)) => Ok(domain.base.clone()),
                None => find_enum(context, schema.as_deref(), &plain).map(|(id, of)| of.as_type(id)).ok_or(error),
            }
        }
        (Err(error), DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)))
            if error.kind() == Kind::UndefinedObject =>
        {
            if domain_in(context, item)?.is_some() {
                return Err(Error::new(Kind::Unsupported, "arrays of a domain are not supported"));
            }
            Ok(SqlType::Array(Box::new(sql_type_in(context, item)?)))
        }
        (read, _) => read,
    }
}

/// The domain that a written name means.
pub fn find_domain<'a>(context: &'a Context, schema: Option<&str>, name: &str) -> Option<(ObjectId, &'a Domain)> {
    let catalog = &context.snapshot.catalog;
    match schema {
        Some(schema) => catalog.domain(schema, name),
        // What comes first in the path hides what has the same name behind it.
        None => context
            .settings
            .search_path()
            .iter()
            .find(|schema| catalog.has_type(schema, name))
            .and_then(|schema| catalog.domain(schema, name)),
    }
}

/// The domain that a written type is, if it is one.
pub fn domain_in<'a>(context: &'a Context, data_type: &DataType) -> Result<Option<(ObjectId, &'a Domain)>> {
    let DataType::Custom(name, modifiers) = data_type else { return Ok(None) };
    if !modifiers.is_empty() || sql_type(data_type).is_ok() {
        return Ok(None);
    }
    let (schema, plain) = split(name)?;
    Ok(find_domain(context, schema.as_deref(), &plain))
}

/// The type below a domain as a statement writes it.
pub fn written_base(domain: &Domain) -> Result<DataType> {
    let column = Column { places: domain.places, ..Column::new("", domain.base.clone()) };
    super::parser::data_type(&column.written_type())
        .ok_or_else(|| Error::internal("a type is not read as it is written"))
}

/// Refuses a name that no type has.
pub fn must_be_known(context: &Context, schema: Option<&str>, name: &str) -> Result<()> {
    let written =
        ObjectName::from(schema.iter().chain([&name]).map(|part| super::parser::quoted(part)).collect::<Vec<_>>());
    sql_type_in(context, &DataType::Custom(written, Vec::new())).map(drop)
}

/// The enumerated type that a written name means.
pub fn find_enum<'a>(context: &'a Context, schema: Option<&str>, name: &str) -> Option<(ObjectId, &'a EnumType)> {
    let catalog = &context.snapshot.catalog;
    match schema {
        Some(schema) => catalog.enum_type(schema, name),
        None => context.settings.search_path().iter().find_map(|schema| catalog.enum_type(schema, name)),
    }
}

/// A type with a length or places that is written by the name that it has in `pg_catalog`, such as `bpchar(3)`.
fn spelled(name: &ObjectName, modifiers: &[String]) -> Option<DataType> {
    let (schema, plain) = split(name).ok()?;
    if schema.is_some_and(|schema| schema != "pg_catalog") {
        return None;
    }
    let length = |digits: &String| digits.parse().map(|length| CharacterLength::IntegerLength { length, unit: None });
    Some(match (plain.as_str(), modifiers) {
        ("bpchar", [n]) => DataType::Char(length(n).ok()),
        ("varchar", [n]) => DataType::Varchar(length(n).ok()),
        ("numeric", [p]) => DataType::Numeric(ExactNumberInfo::Precision(p.parse().ok()?)),
        ("numeric", [p, s]) => DataType::Numeric(ExactNumberInfo::PrecisionAndScale(p.parse().ok()?, s.parse().ok()?)),
        _ => return None,
    })
}

fn custom(name: &ObjectName) -> Result<SqlType> {
    let (schema, plain) = split(name)?;
    let known = match (schema.as_deref(), plain.as_str()) {
        (Some(schema), _) if schema != "pg_catalog" => None,
        (_, "timestamptz") => Some(SqlType::Timestamptz),
        (_, "bpchar") => Some(SqlType::Char(0)),
        (None, "serial" | "serial4") => Some(SqlType::Int4),
        (None, "bigserial" | "serial8") => Some(SqlType::Int8),
        (None, "smallserial" | "serial2") => Some(SqlType::Int2),
        (_, "name" | "text") => Some(SqlType::Text),
        (_, "int2") => Some(SqlType::Int2),
        (_, "int4") => Some(SqlType::Int4),
        (_, "int8") => Some(SqlType::Int8),
        (_, "float4") => Some(SqlType::Float4),
        (_, "float8") => Some(SqlType::Float8),
        (_, "bool") => Some(SqlType::Bool),
        (_, "varchar") => Some(SqlType::Varchar(None)),
        (_, "numeric") => Some(SqlType::Numeric(None)),
        (_, "bytea") => Some(SqlType::Bytea),
        (_, "date") => Some(SqlType::Date),
        (_, "time") => Some(SqlType::Time),
        (_, "timestamp") => Some(SqlType::Timestamp),
        (_, "interval") => Some(SqlType::Interval),
        (_, "uuid") => Some(SqlType::Uuid),
        (_, "inet") => Some(SqlType::Inet),
        (_, "cidr") => Some(SqlType::Cidr),
        (_, "json") => Some(SqlType::Json),
        (_, "jsonb") => Some(SqlType::Jsonb),
        _ => None,
    };
    known.ok_or_else(|| undefined(&schema.map_or(plain.clone(), |schema| format!("{schema}.{plain}"))))
}

/// The type `vector`, with its number of dimensions if that is given; none for other names.
fn vector(name: &ObjectName, modifiers: &[String]) -> Option<Result<SqlType>> {
    if !matches!(split(name), Ok((schema, plain)) if plain == "vector" && schema.as_deref().is_none_or(|schema| schema == "public"))
    {
        return None;
    }
    Some(match modifiers {
        [] => Ok(SqlType::Vector(None)),
        [dimensions] => match dimensions.parse::<u16>() {
            Ok(0) => Err(invalid("dimensions for type vector must be at least 1")),
            Ok(n) if n <= VECTOR_DIMENSIONS_MAX => Ok(SqlType::Vector(Some(n))),
            _ => Err(invalid(&format!("dimensions for type vector cannot exceed {VECTOR_DIMENSIONS_MAX}"))),
        },
        _ => Err(invalid("invalid type modifier")),
    })
}

fn invalid(message: &str) -> Error {
    Error::new(Kind::InvalidParameter, message)
}

/// Whether the type numbers rows by itself.
pub fn is_serial(data_type: &DataType) -> bool {
    const NAMES: [&str; 6] = ["serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"];
    matches!(data_type, DataType::Custom(name, _)
        if split(name).is_ok_and(|(schema, plain)| schema.is_none() && NAMES.contains(&plain.as_str())))
}

fn undefined(name: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("type \"{name}\" does not exist"))
}

fn numeric(info: &ExactNumberInfo) -> Result<SqlType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(SqlType::Numeric(None)),
        ExactNumberInfo::Precision(p) => (*p, 0),
        ExactNumberInfo::PrecisionAndScale(p, s) => (*p, *s),
    };
    if precision == 0 || precision > NUMERIC_DIGITS_MAX {
        return Err(Error::new(
            Kind::InvalidParameter,
            format!("NUMERIC precision {precision} must be between 1 and {NUMERIC_DIGITS_MAX}"),
        ));
    }
    if scale < 0 || scale as u64 > precision {
        return Err(Error::new(
            Kind::InvalidParameter,
            format!("NUMERIC scale {scale} must be between 0 and precision {precision}"),
        ));
    }
    Ok(SqlType::Numeric(Some((precision as u8, scale as i8))))
}

fn characters(length: &Option<CharacterLength>) -> Result<Option<u32>> {
    match length {
        None | Some(CharacterLength::Max) => Ok(None),
        Some(CharacterLength::IntegerLength { length, .. }) => match u32::try_from(*length) {
            Ok(n) if n > 0 => Ok(Some(n)),
            _ => Err(Error::new(Kind::InvalidParameter, "length for type varchar must be at least 1")),
        },
    }
}
