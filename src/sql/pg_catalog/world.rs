//! What the evaluator asks of the database.

use super::value::{Relation, Type, Value};
use crate::error::Result;
use std::sync::Arc;

/// The database as one role sees it in one snapshot.
pub trait World {
    /// The relation of this name, looked for in the search path if no schema is given; `None` if the catalogue has none.
    fn relation(&self, schema: Option<&str>, name: &str) -> Result<Option<Arc<Relation>>>;

    /// The type that a function which needs facts of the database (`pg_get_indexdef`, `current_setting`, ...) gives for
    /// arguments of these types; `None` if it is no such function.
    fn returns(&self, function: &str, args: &[Type]) -> Option<Type>;

    /// What such a function gives. `UndefinedObject` and its like as PostgreSQL has them.
    fn call(&self, function: &str, args: &[Value], types: &[Type]) -> Result<Value>;

    /// The OID that a text means as a `reg...` type: `'public.t'::regclass`. An error if there is none of that name.
    fn oid_of(&self, reg: &Type, text: &str) -> Result<u32>;

    /// How an OID of a `reg...` type is shown: `public.t`, or its digits if there is none.
    fn name_of(&self, reg: &Type, oid: u32) -> String;
}
