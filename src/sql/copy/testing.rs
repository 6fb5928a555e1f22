//! COPY FROM STDIN as a client does it.

use crate::error::Result;
use crate::sql::{Outcome, Session};

/// Runs the statement with these pieces of data; `binary` is how the client must be told to send them.
pub async fn copy<B: AsRef<[u8]>>(
    session: &mut Session,
    sql: &str,
    binary: bool,
    pieces: impl Iterator<Item = B>,
) -> Result<String> {
    let statement = session.parse(sql)?.remove(0);
    session.begin_implicit();
    let outcome = session.execute(&statement, Vec::new()).await?;
    assert!(matches!(outcome, Outcome::CopyIn { binary: said, .. } if said == binary));
    let load = async {
        for piece in pieces {
            session.copy_data(piece.as_ref()).await?;
        }
        session.copy_finish().await
    };
    let loaded = load.await;
    match &loaded {
        Ok(_) => session.commit_implicit().await?,
        Err(_) => session.rollback_implicit(),
    }
    loaded
}
