//! Functions in SQL.

use super::object::ObjectId;
use super::types::SqlType;
use serde::{Deserialize, Serialize};

/// A function whose body is a query; it runs with the rights of who calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Schema it lives in.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub owner: ObjectId,
    /// Its arguments, in their order.
    pub arguments: Vec<Argument>,
    /// What it gives.
    pub returns: Returns,
    /// Its query, with `$1` for the first argument and a schema at each relation.
    pub query: String,
    /// Its body as it was written.
    pub source: String,
    /// IMMUTABLE, STABLE or VOLATILE: `i`, `s` or `v`.
    pub volatility: char,
    /// NULL for any argument gives NULL.
    pub strict: bool,
    /// Its query gives numbers of more than what `numeric` alone keeps of them: they are left as they are.
    pub exact: bool,
}

/// An argument of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its type.
    pub data_type: SqlType,
    /// What it is where a call leaves it out, as SQL.
    pub default: Option<String>,
}

/// What a function gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Returns {
    /// One value.
    Value(SqlType),
    /// Any number of values: SETOF a type.
    Values(SqlType),
    /// Rows of these columns.
    Table(Vec<(String, SqlType)>),
}
