//! Numbers of statements: what lineage and the audit log call one by.

use crate::catalog::StatementId;
use crate::crypto::random;
use crate::error::Result;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the statements of one run of the process.
#[derive(Debug)]
pub struct Statements {
    /// Tells this run from others.
    run: [u8; 8],
    next: AtomicU64,
}

impl Statements {
    /// No statement yet.
    pub fn new() -> Result<Self> {
        Ok(Self { run: random()?, next: AtomicU64::new(1) })
    }

    /// A number that no statement of this run has had.
    pub fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A statement's number as a UUID of version 8 (RFC 9562): the run, which is random, and the number.
    pub fn id(&self, number: u64) -> StatementId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.run);
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        bytes[6] = 0x80 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        StatementId(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_numbers_of_their_own() {
        let (one, other) = (Statements::new().unwrap(), Statements::new().unwrap());
        let ids = [one.id(one.next()), one.id(one.next()), other.id(other.next())].map(|id| id.to_string());
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        assert!(ids.iter().all(|id| id.len() == 36 && &id[14..15] == "8" && &id[19..20] == "8"));
        assert!(ids[1].ends_with("-8000-000000000002"));
    }
}
