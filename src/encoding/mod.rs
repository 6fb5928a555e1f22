//! Bytes of keys and values.
//!
//! Keys are made of numbers only (object ids, segment ids), big-endian, so that they sort as their numbers do and give
//! nothing away: sled keeps keys in plain. Values are one version byte and then JSON; the store seals them.

mod key;
pub mod pg_text;
mod value;

pub use key::{Key, id_key};
pub use value::{from_value, to_value, to_value_of};
