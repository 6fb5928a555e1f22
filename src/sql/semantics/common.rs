//! The type that values have together: the branches of CASE, the arguments of COALESCE, the rows of VALUES, the parts of a UNION, the
//! elements of an array (`select_common_type` of PostgreSQL).
//!
//! Only what the engine does not know is decided here: types that are kept as texts and told apart by a mark. Numbers and moments are
//! brought together by it and by `floats`.

use super::candidates::name_of;
use crate::catalog::{ObjectId, SqlType};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{Field, FieldRef};
use datafusion::common::ScalarValue;

/// A value of which the type is asked.
#[derive(Debug, Clone)]
pub enum Value {
    /// Of this type.
    Of(SqlType),
    /// A quoted literal or a parameter, whose type is open.
    Open,
    /// NULL, or what no column can hold.
    Unknown,
}

impl Value {
    /// What is known of an argument while a call is planned.
    fn planned(field: &Field, constant: Option<&ScalarValue>) -> Self {
        match constant {
            Some(ScalarValue::Utf8(Some(_))) if field.metadata().is_empty() => Self::Open,
            None if field.data_type().is_null() => Self::Open,
            _ if field.data_type().is_null() => Self::Unknown,
            _ => SqlType::from_field(field).map_or(Self::Unknown, Self::Of),
        }
    }
}

/// The type of arguments together while a call is planned; nothing where the engine knows, or where they have none: of that
/// `resolve` tells.
pub fn planned(fields: &[FieldRef], constants: &[Option<&ScalarValue>]) -> Option<SqlType> {
    let values = fields.iter().zip(constants).map(|(field, constant)| Value::planned(field, *constant));
    common("", &values.collect::<Vec<_>>()).ok().flatten()
}

/// What is compared with what, and taken for each other.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Family {
    Text,
    Network,
    Json,
    Jsonb,
    Uuid,
    Enum(ObjectId),
    /// What the engine tells apart.
    Other,
}

fn family(sql_type: &SqlType) -> Family {
    match sql_type {
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => Family::Text,
        SqlType::Inet | SqlType::Cidr => Family::Network,
        SqlType::Json => Family::Json,
        SqlType::Jsonb => Family::Jsonb,
        SqlType::Uuid => Family::Uuid,
        SqlType::Enum(of) => Family::Enum(of.id),
        _ => Family::Other,
    }
}

/// Whether values of these types are never compared, though the engine keeps both as texts.
pub fn differ(one: &SqlType, other: &SqlType) -> bool {
    match (one, other) {
        (SqlType::Array(one), SqlType::Array(other)) => differ(one, other),
        _ => {
            let (one, other) = (family(one), family(other));
            one != other && one != Family::Other && other != Family::Other
        }
    }
}

/// Whether a type is one that a mark tells from a text.
pub fn is_marked(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Array(item) => is_marked(item),
        SqlType::Text => false,
        other => family(other) != Family::Other,
    }
}

/// The type of the result where a mark has to tell it; nothing where the engine knows. Fails as PostgreSQL does where values of such types
/// have none together; `what` asks for it.
pub fn common(what: &str, values: &[Value]) -> Result<Option<SqlType>> {
    let mut known = values.iter().filter_map(|value| match value {
        Value::Of(sql_type) => Some(sql_type),
        _ => None,
    });
    let Some(first) = known.next() else { return Ok(None) };
    let mut wanted = first.clone();
    for other in known {
        wanted = both(what, &wanted, other)?;
    }
    // Nothing tells how long a literal is.
    let literal = values.iter().any(|value| matches!(value, Value::Open));
    Ok(match wanted {
        SqlType::Char(_) if literal => Some(SqlType::Char(0)),
        SqlType::Varchar(_) if values.iter().any(|value| !matches!(value, Value::Of(_))) => {
            Some(SqlType::Varchar(None))
        }
        wanted => is_marked(&wanted).then_some(wanted),
    })
}

/// The type of two values; the first where the engine decides.
fn both(what: &str, one: &SqlType, other: &SqlType) -> Result<SqlType> {
    if one == other {
        return Ok(one.clone());
    }
    Ok(match (family(one), family(other)) {
        (Family::Other, Family::Other) => match (one, other) {
            (SqlType::Array(a), SqlType::Array(b)) if is_marked(a) || is_marked(b) => match differ(a, b) {
                true => return Err(not_converted(what, one, other)),
                false => SqlType::Array(Box::new(both(what, a, b)?)),
            },
            _ => one.clone(),
        },
        // Of texts the first says what they are, and nothing how long.
        (Family::Text, Family::Text) => match one {
            SqlType::Char(_) => SqlType::Char(0),
            SqlType::Varchar(_) => SqlType::Varchar(None),
            text => text.clone(),
        },
        (Family::Network, Family::Network) => SqlType::Inet,
        (Family::Enum(a), Family::Enum(b)) if a == b => one.clone(),
        (Family::Json | Family::Jsonb | Family::Uuid, Family::Json | Family::Jsonb | Family::Uuid) => {
            return Err(not_converted(what, one, other));
        }
        _ => {
            let message = format!("{what} types {} and {} cannot be matched", name_of(one), name_of(other));
            return Err(Error::new(Kind::DatatypeMismatch, message));
        }
    })
}

fn not_converted(what: &str, one: &SqlType, other: &SqlType) -> Error {
    let message = format!("{what} could not convert type {} to {}", name_of(other), name_of(one));
    Error::new(Kind::CannotCoerce, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(types: &[SqlType]) -> Result<Option<SqlType>> {
        common("CASE", &types.iter().cloned().map(Value::Of).collect::<Vec<_>>())
    }

    #[test]
    fn texts_are_what_the_first_of_them_is() {
        assert_eq!(of(&[SqlType::Char(4), SqlType::Char(4)]).unwrap(), Some(SqlType::Char(4)));
        assert_eq!(of(&[SqlType::Char(4), SqlType::Text]).unwrap(), Some(SqlType::Char(0)));
        assert_eq!(of(&[SqlType::Varchar(Some(4)), SqlType::Char(4)]).unwrap(), Some(SqlType::Varchar(None)));
        assert_eq!(of(&[SqlType::Text, SqlType::Char(4)]).unwrap(), None);
        let literal = [Value::Of(SqlType::Char(4)), Value::Open];
        assert_eq!(common("CASE", &literal).unwrap(), Some(SqlType::Char(0)));
    }

    #[test]
    fn what_is_no_text_meets_no_text() {
        let kind = |types: &[SqlType]| of(types).unwrap_err().kind();
        assert_eq!(kind(&[SqlType::Text, SqlType::Jsonb]), Kind::DatatypeMismatch);
        assert_eq!(kind(&[SqlType::Int4, SqlType::Uuid]), Kind::DatatypeMismatch);
        assert_eq!(kind(&[SqlType::Json, SqlType::Jsonb]), Kind::CannotCoerce);
        assert_eq!(of(&[SqlType::Cidr, SqlType::Inet]).unwrap(), Some(SqlType::Inet));
        assert_eq!(of(&[SqlType::Int4, SqlType::Float8]).unwrap(), None);
        let list = |item| SqlType::Array(Box::new(item));
        assert_eq!(of(&[list(SqlType::Uuid), list(SqlType::Uuid)]).unwrap(), Some(list(SqlType::Uuid)));
        assert_eq!(kind(&[list(SqlType::Uuid), list(SqlType::Text)]), Kind::CannotCoerce);
    }
}
