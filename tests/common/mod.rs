//! A database to test against: embedded, or behind a server and a real client.

mod embedded;
mod wire;

pub use embedded::Embedded;
pub use wire::Wire;
