//! ALTER SYSTEM ROTATE ENCRYPTION KEY.

use super::super::run::blocking;
use super::super::session::{Session, Status};
use crate::error::{Error, Kind, Result};

/// Makes new data keys for everything that is written from now on. What is there is sealed anew in the background;
/// `steward.encryption` shows how far that is.
pub fn rotate_key(session: &Session) -> Result<()> {
    if !session.is_superuser() {
        return Err(Error::new(Kind::Privilege, "must be superuser to rotate the encryption key"));
    }
    if session.status() != Status::Idle {
        return Err(Error::new(Kind::ActiveTransaction, "ALTER SYSTEM cannot run inside a transaction block"));
    }
    blocking(|| session.store().rotate_keys())?;
    session.notify(
        "NOTICE",
        None,
        "what was written before is sealed anew in the background; steward.encryption shows how far",
    );
    Ok(())
}
