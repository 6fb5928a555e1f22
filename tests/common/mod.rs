//! A database to test against: embedded, or behind a server and a real client.

mod embedded;

pub use embedded::Embedded;
pub type Wire = Embedded;
