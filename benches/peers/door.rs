//! Steward behind its own server, and the client that asks all databases here.

use bytes::Bytes;
use futures::SinkExt;
use std::path::Path;
use std::sync::Arc;
use stewarddb::{Birth, Database, KeySource, MasterKey, server};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

const PASSWORD: &str = "of the benches";
/// Bytes in one message of COPY.
const PIECE_BYTES: usize = 64 << 10;

/// A sealed database in a folder of its own, served on a free port.
pub struct Door {
    server: JoinHandle<()>,
    config: Config,
    _folder: tempfile::TempDir,
}

impl Door {
    /// Makes one.
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeySource::from(MasterKey::generate().expect("a key"));
        let birth = Birth { password: Some(PASSWORD.to_owned()), ..Birth::default() };
        let database = Database::open_or_create(folder.path().join("data"), &key, &birth).expect("a database");
        let listener = server::listen("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move {
            server::serve(Arc::new(database), listener, std::future::pending()).await.expect("a server");
        });
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("steward").dbname("steward").password(PASSWORD);
        Self { server, config, _folder: folder }
    }

    /// A client that has logged in.
    pub async fn client(&self) -> Client {
        connect(&self.config).await
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Logs in.
pub async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// The rows of a query as text.
pub async fn rows(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|n| row.get(n).map(str::to_owned)).collect()),
        _ => None,
    });
    rows.collect()
}

/// Runs a COPY FROM STDIN; gives the rows it took.
pub async fn copy(client: &Client, sql: &str, data: &Bytes) -> u64 {
    let sink = client.copy_in(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    futures::pin_mut!(sink);
    for start in (0..data.len()).step_by(PIECE_BYTES) {
        let piece = data.slice(start..data.len().min(start + PIECE_BYTES));
        sink.send(piece).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    sink.finish().await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// Fills a table of the sample shop from its file.
pub async fn copy_file(client: &Client, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("shop/tables/{table}.csv"));
    let data = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    copy(client, &format!("COPY {table} FROM STDIN WITH (FORMAT csv, HEADER true)"), &data.into()).await;
}
