//! Steward: a governed, sealed, predicting SQL database that speaks PostgreSQL's protocol and can be embedded.
//!
//! A statement's journey: [`server`] (or [`Session`] itself) takes its text; [`sql`] parses it, opens each relation
//! behind the gate that [`governance`] decides on, plans and runs it; [`txn`] gives the snapshot it sees and makes its
//! changes one durable commit; [`storage`] seals every byte with keys of [`crypto`]. [`models`], [`search`] and [`sources`]
//! are asked by functions in the query. A room uses only rooms below it (`tests/structure.rs` has the order and keeps it);
//! docs/architecture.md has the map. Start with [`Database`].
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "front pages of rooms lead through their private files; read them with --document-private-items"
)]
pub mod cli;
pub mod server;
pub mod sql;

pub use stewarddb_core::{
    catalog, config, crypto, encoding, error, fail, governance, models, search, sources, storage, txn, wording,
};

pub use arrow;
pub use crypto::{KeySource, MasterKey};
pub use encoding::pg_text::{cell_text, cell_text_of};
pub use error::{Error, Kind, Result};
pub use sql::{Birth, Database, ScalarValue, Session};
