//! Sequences: what numbers come one after the other.
//!
//! The facts here change with transactions. How far a sequence has counted does not: it is kept beside the catalogue, for each
//! [`Sequence::count`], and never goes back.

use super::{Grant, ObjectId, SqlType};
use serde::{Deserialize, Serialize};

/// A sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Schema it lives in.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// `smallint`, `integer` or `bigint`.
    pub data_type: SqlType,
    /// START WITH: where RESTART goes back to.
    pub start: i64,
    /// INCREMENT BY.
    pub increment: i64,
    /// MINVALUE.
    pub min: i64,
    /// MAXVALUE.
    pub max: i64,
    /// CACHE, as it was given.
    pub cache: i64,
    /// Begins anew at its end.
    pub cycle: bool,
    /// Which count this is: RESTART begins another one.
    pub count: u64,
    /// The first number of this count.
    pub first: i64,
    /// The table and the column with which it goes.
    pub owned_by: Option<(ObjectId, String)>,
    /// It numbers an identity column, and is part of it.
    pub identity: bool,
    /// Rights given away.
    pub grants: Vec<Grant>,
}

impl Sequence {
    /// A sequence that counts 1, 2, 3 in a type.
    pub fn new(schema: impl Into<String>, name: impl Into<String>, owner: ObjectId, data_type: SqlType) -> Self {
        let max = Self::greatest(&data_type);
        Self {
            schema: schema.into(),
            name: name.into(),
            owner,
            data_type,
            start: 1,
            increment: 1,
            min: 1,
            max,
            cache: 1,
            cycle: false,
            count: 0,
            first: 1,
            owned_by: None,
            identity: false,
            grants: Vec::new(),
        }
    }

    /// The greatest number of a type.
    pub fn greatest(data_type: &SqlType) -> i64 {
        match data_type {
            SqlType::Int2 => i64::from(i16::MAX),
            SqlType::Int4 => i64::from(i32::MAX),
            _ => i64::MAX,
        }
    }

    /// The least number of a type.
    pub fn least(data_type: &SqlType) -> i64 {
        -Self::greatest(data_type) - 1
    }
}
