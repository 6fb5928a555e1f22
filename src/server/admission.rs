//! Who a server lets in, how many of them, and whether it can encrypt what they say.

use super::hba::{Abilities, Rules};
use super::tls::{Tls, TlsFiles};
use crate::config::CONNECTIONS_MAX;
use crate::error::Result;
use std::path::PathBuf;
use std::sync::Arc;

/// What a server begins with beside its backend and its address.
pub struct Admission {
    /// Connections at once.
    pub connections_max: usize,
    /// What encrypts; without it connections are plain.
    pub tls: Option<Tls>,
    /// Who may come in from where.
    pub rules: Arc<Rules>,
}

impl Default for Admission {
    /// Everybody who has a password, unencrypted: for a server on a loopback address.
    fn default() -> Self {
        Self { connections_max: CONNECTIONS_MAX, tls: None, rules: Arc::new(Rules::everyone(false)) }
    }
}

impl Admission {
    /// Reads and checks certificates and rules; `encrypted_only` is about a server without a file of rules.
    pub fn load(tls: Option<&TlsFiles>, rules: Option<PathBuf>, encrypted_only: bool) -> Result<Self> {
        let tls = tls.map(Tls::load).transpose()?;
        let abilities =
            Abilities { encrypts: tls.is_some(), asks_clients: tls.as_ref().is_some_and(Tls::asks_clients) };
        let rules = match rules {
            Some(path) => Rules::load(path, abilities)?,
            None => Rules::everyone(encrypted_only),
        };
        Ok(Self { tls, rules: Arc::new(rules), ..Self::default() })
    }
}
