//! A value of `jsonb`.

use crate::sql::values::{JsonLevel, json_level, json_number};
use std::fmt;

/// A value, its members in their order: shorter keys first, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, with the digits that it was written with.
    Number(String),
    /// A text.
    Text(String),
    /// An array.
    Array(Vec<Tree>),
    /// An object.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The value that a text is.
    pub fn read(text: &str) -> Option<Self> {
        Some(match json_level(text)? {
            JsonLevel::Scalar("null") => Self::Null,
            JsonLevel::Scalar("true") => Self::Bool(true),
            JsonLevel::Scalar("false") => Self::Bool(false),
            JsonLevel::Scalar(text) if text.starts_with('"') => Self::Text(serde_json::from_str(text).ok()?),
            JsonLevel::Scalar(text) => Self::Number(json_number(text)),
            JsonLevel::Array(items) => Self::Array(items.iter().map(|item| Self::read(item)).collect::<Option<_>>()?),
            JsonLevel::Object(members) => {
                let members = members.into_iter().map(|(key, member)| Some((key, Self::read(member)?)));
                Self::object(members.collect::<Option<_>>()?)
            }
        })
    }

    /// An object of members of which the last of equal keys counts.
    pub fn object(mut members: Vec<(String, Self)>) -> Self {
        members.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        let mut kept: Vec<(String, Self)> = Vec::with_capacity(members.len());
        for member in members {
            match kept.last_mut().filter(|(key, _)| *key == member.0) {
                Some(last) => *last = member,
                None => kept.push(member),
            }
        }
        Self::Object(kept)
    }

    /// What `jsonb_typeof` calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// Whether it is no array and no object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// The member of this key.
    pub fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(known, _)| known == key).map(|(_, member)| member),
            _ => None,
        }
    }

    /// As a text without quotation marks; none for `null`.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// The place in an array of so many.
pub fn at(place: i64, length: usize) -> Option<usize> {
    let place = if place < 0 { place.checked_add(i64::try_from(length).ok()?)? } else { place };
    usize::try_from(place).ok().filter(|place| *place < length)
}

/// A text with quotation marks.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    f.write_str(if n > 0 { ", " } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (n, (key, member)) in members.iter().enumerate() {
                    write!(f, "{}{}: {member}", if n > 0 { ", " } else { "" }, quoted(key))?;
                }
                f.write_str("}")
            }
        }
    }
}
