//! `pg_catalog` and `information_schema`: what clients of PostgreSQL ask about the database itself.
//!
//! A statement over these relations alone goes to a small evaluator of its own ([`evaluate`](eval::evaluate)), which has PostgreSQL's
//! semantics where the engine has not: `regclass`, `oid`, correlated subqueries anywhere, subscripts, columns of one name.
//! What it reads is a [`World`](world::World): relations made of the statement's snapshot, with what its role may see.
//! [`Facts`](facts::Facts) is the one there is.

mod arrow;
mod deparse;
mod entry;
pub mod eval;
pub mod facts;
mod functions;
pub mod identifier;
mod names;
mod oids;
mod relations;
mod route;
pub mod value;
pub mod world;
mod writable;

#[cfg(test)]
mod tests;

pub use entry::relation_oid;
pub use functions::function_definition;
pub use identifier::{parts, quoted};
pub use oids::{array_type_of, element_type_of};
pub use route::{answer, describe, route};
