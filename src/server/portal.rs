//! What a client binds from prepared statements: portals, and how far they have run.

use super::backend::Prepared;
use super::encode::{Format, RowEncoder};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;

/// A statement with its parameters, and how far it has run.
pub struct Portal {
    /// The statement.
    pub prepared: Prepared,
    /// How each column of its rows goes.
    pub formats: Vec<Format>,
    /// How far it has run.
    pub state: State,
}

/// How far a portal has run.
pub enum State {
    /// Not yet, with these parameters.
    Bound(Vec<ScalarValue>),
    /// Its rows are being fetched.
    Open(Rows),
    /// All its rows are fetched; asked again it gives none, with this tag.
    Fetched(String),
    /// It was no query, and cannot run twice.
    Done,
}

/// Rows on their way to the client.
pub struct Rows {
    /// Writes them.
    pub encoder: RowEncoder,
    /// Gives them.
    pub stream: SendableRecordBatchStream,
    /// The batch that is partly sent, and its first row that is not.
    pub pending: Option<(RecordBatch, usize)>,
    /// How many were sent since the last request.
    pub sent: u64,
    tag: String,
}

impl Rows {
    /// Rows of which none is sent.
    pub fn new(encoder: RowEncoder, stream: SendableRecordBatchStream, tag: String) -> Self {
        Self { encoder, stream, pending: None, sent: 0, tag }
    }

    /// The command tag, with the count of rows where it has one.
    pub fn complete_tag(&self) -> String {
        counted(&self.tag, self.sent)
    }

    /// The command tag without its count.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

/// A command tag with its count of rows, if the command counts them.
pub fn counted(tag: &str, rows: u64) -> String {
    match tag {
        "SELECT" | "FETCH" | "MOVE" | "INSERT 0" | "UPDATE" | "DELETE" | "MERGE" | "COPY" => format!("{tag} {rows}"),
        _ => tag.to_owned(),
    }
}
