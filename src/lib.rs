//! Steward.
pub mod catalog;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod encoding;
pub mod error;
pub mod governance;
pub mod models;
pub mod search;
pub mod server;
pub mod sources;
pub mod sql;
pub mod storage;
pub mod txn;

pub use crypto::{KeySource, MasterKey};
pub use encoding::pg_text::cell_text;
pub use error::{Error, Kind, Result};
pub use sql::{Birth, Database, Session};
