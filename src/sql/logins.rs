//! What a login asks of the database beside the password's verifier.

use super::database::{Database, Inner};
use crate::catalog::Role;
use crate::crypto::Purpose;
use crate::error::{Error, Kind, Result};
use std::sync::Arc;

/// Reads anew what a server reads at its start.
pub type OnReload = Arc<dyn Fn() + Send + Sync>;

impl Inner {
    /// What `SELECT pg_reload_conf()` asks for.
    pub(super) fn reload(&self) {
        let act = self.on_reload.lock().clone();
        if let Some(act) = act {
            act();
        }
    }
}

impl Database {
    /// Says what is to be done at `SELECT pg_reload_conf()`.
    pub fn on_reload(&self, act: OnReload) {
        *self.inner().on_reload.lock() = Some(act);
    }

    /// A salt for the role of that name if there is none: it is the same for the life of the database, as a real one is,
    /// and nobody can compute it.
    pub fn mock_salt(&self, role: &str) -> Result<[u8; 16]> {
        let key = self.store().keyring().mac_key(Purpose::Governance, "login")?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = key.tag(&[role.as_bytes()]);
        Ok([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// [`Kind::NotAuthorized`] unless the role is there and may log in, with or without a password.
    pub fn must_log_in(&self, role: &str) -> Result<()> {
        let snapshot = self.inner().manager.current();
        let message = match snapshot.catalog.role(role) {
            None => format!("role \"{role}\" does not exist"),
            Some((_, Role { login: false, .. })) => format!("role \"{role}\" is not permitted to log in"),
            Some(_) => return Ok(()),
        };
        Err(Error::new(Kind::NotAuthorized, message))
    }

    /// Whether a role is a group's member, or the group itself. To be superuser is not to be a member.
    pub fn is_member(&self, role: &str, group: &str) -> bool {
        let snapshot = self.inner().manager.current();
        match (snapshot.catalog.role(role), snapshot.catalog.role(group)) {
            (Some((role, _)), Some((group, _))) => snapshot.catalog.memberships(role).contains(&group),
            _ => false,
        }
    }
}
