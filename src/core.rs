//! What Steward stands on: the rooms that know no SQL, lowest first.
//!
//! They are a crate of their own (`core/Cargo.toml`) so that they compile beside the engine and are tested without it;
//! `stewarddb` shows each under its own name. A room uses only rooms above it in this list (`tests/structure.rs`).
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "front pages of rooms lead through their private files; read them with --document-private-items"
)]
pub mod error;

pub mod config;

pub mod encoding;

pub mod crypto;

pub mod storage;

pub mod catalog;

pub mod wording;

pub mod txn;

pub mod search;

pub mod models;

pub mod sources;

pub mod governance;

pub use error::{Error, Kind, Result};
