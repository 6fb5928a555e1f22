//! Bytes of keys, of values, and of texts in the encodings that clients speak.
//!
//! Keys are made of numbers only (object ids, segment ids), big-endian, so that they sort as their numbers do and give
//! nothing away: sled keeps keys in plain. Values are one version byte and then JSON; the store seals them.

mod charset;
mod hex;
mod key;
pub mod pg_text;
mod value;

pub use charset::Charset;
pub use hex::{hex, unhex, unhex_pair, uuid, write_hex};
pub use key::{Key, id_key};
pub use value::{from_value, to_value, to_value_of};
