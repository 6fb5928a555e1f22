//! The simple protocol: a string of statements, answered one by one as they end.

use super::conversation::{Conversation, End, Failure};

impl Conversation {
    /// Answers a query string, up to ReadyForQuery.
    pub(super) async fn query(&mut self, sql: &str) -> Result<(), Failure> {
        // As in PostgreSQL a query string destroys what has no name.
        self.session.forget("");
        self.portals.remove("");
        if let Err(failure) = self.query_statements(sql).await {
            self.tell(failure).await?;
        }
        self.close_portals_outside_transaction();
        self.ready().await
    }

    async fn query_statements(&mut self, sql: &str) -> Result<(), Failure> {
        let statements = match self.session.recall(sql) {
            Some(known) => vec![known],
            None => self.session.parse(sql)?,
        };
        let count = statements.len();
        if count == 0 {
            return self.complete(End::Empty);
        }
        for (index, statement) in statements.iter().enumerate() {
            let outcome = self.execute(statement, Vec::new(), count).await?;
            let end = self.deliver(outcome).await?;
            let last = index + 1 == count;
            if last {
                // A client that reads the tag of the last statement may rely on its being durable.
                self.session.commit_implicit().await?;
            }
            self.complete(end)?;
            if !last {
                self.outbox.flush().await?;
            }
        }
        Ok(())
    }
}
