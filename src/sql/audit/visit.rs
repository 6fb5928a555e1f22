//! Logins.

use super::super::database::Database;
use crate::catalog::{AuditAction, AuditEntry, AuditState};
use std::net::IpAddr;

/// Somebody at the door.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// The role that was named.
    pub role: &'a str,
    /// Where the client is.
    pub address: Option<IpAddr>,
    /// The number of the connection, if it became one.
    pub pid: Option<i32>,
}

impl Database {
    /// Notes that somebody logged in, or was refused with this SQLSTATE.
    pub fn note_login(&self, visit: Visit<'_>, sqlstate: Option<&str>) {
        let action = if sqlstate.is_none() { AuditAction::Login } else { AuditAction::LoginFailed };
        let audit = self.inner().manager.audit();
        if !audit.logs(action) {
            return;
        }
        let login = self.inner().manager.current().catalog.role(visit.role).map_or(0, |(id, _)| id);
        audit.note(AuditEntry {
            at_us: chrono::Utc::now().timestamp_micros(),
            action,
            state: if sqlstate.is_none() { AuditState::Done } else { AuditState::Failed },
            login,
            login_name: visit.role.to_owned(),
            role_name: visit.role.to_owned(),
            pid: visit.pid,
            client: visit.address.map(|address| address.to_string()),
            statement: None,
            command: "LOGIN".to_owned(),
            fingerprint: None,
            objects: Vec::new(),
            rows: None,
            sqlstate: sqlstate.map(str::to_owned),
            times: 1,
        });
    }
}
