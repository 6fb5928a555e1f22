//! A connection to another database, and the thread that holds it.

use super::options::{RemoteOptions, SslMode};
use super::tls::Encryption;
use super::{Stop, Work, failed};
use crate::error::{Error, Kind, Result};
use std::pin::Pin;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_postgres::{CancelToken, Client, Config, NoTls};

/// What every session is told first: texts of values look the same whatever that server's own settings are.
const SETTINGS: &str = "SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; \
                        SET extra_float_digits = 3; SET bytea_output = 'hex'; SET search_path = pg_catalog";
/// How often the other server is asked to stop what it does for nobody.
const CANCELS_MAX: usize = 20;
/// How long it has to do so before it is asked again.
const CANCEL_PAUSE: Duration = Duration::from_millis(250);
/// Answers that may wait to be taken.
const WAITING: usize = 1;

/// An open connection.
pub(super) struct Connection {
    pub(super) client: Client,
    cancel: Canceller,
}

/// Stops what the other server does for a connection.
#[derive(Clone)]
struct Canceller {
    token: CancelToken,
    encryption: Option<Encryption>,
}

impl Canceller {
    async fn cancel(&self) {
        // A server that cannot be told stops when it finds the connection closed.
        let told = async {
            match &self.encryption {
                Some(encryption) => self.token.cancel_query(encryption.clone()).await,
                None => self.token.cancel_query(NoTls).await,
            }
        };
        _ = tokio::time::timeout(Duration::from_secs(2), told).await;
    }
}

impl Connection {
    async fn open(options: &RemoteOptions) -> Result<Self> {
        let mut config = Config::new();
        config.host(&options.host).port(options.port).dbname(&options.dbname).user(&options.user);
        config.application_name("steward").connect_timeout(Duration::from_secs(options.connect_timeout_s));
        if let Some(password) = &options.password {
            config.password(password.as_bytes());
        }
        let encryption = match options.sslmode {
            SslMode::Disable => None,
            _ => Some(Encryption::new(options)?),
        };
        config.ssl_mode(match options.sslmode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            _ => tokio_postgres::config::SslMode::Require,
        });
        let fail = |error: tokio_postgres::Error| failed(options, "a table", &error);
        let client = match &encryption {
            Some(encryption) => {
                let (client, connection) = config.connect(encryption.clone()).await.map_err(fail)?;
                tokio::spawn(connection);
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(fail)?;
                tokio::spawn(connection);
                client
            }
        };
        let cancel = Canceller { token: client.cancel_token(), encryption };
        Ok(Self { client, cancel })
    }

    async fn enter(options: &RemoteOptions) -> Result<Self> {
        let limit = Duration::from_secs(options.connect_timeout_s);
        // The library's own limit ends with the socket; a server that then says nothing is not waited for either.
        let opened = tokio::time::timeout(limit, async {
            let opened = Self::open(options).await?;
            let told = opened.client.batch_execute(SETTINGS).await;
            told.map_err(|error| failed(options, "settings", &error))?;
            Ok(opened)
        });
        opened.await.unwrap_or_else(|_| {
            let message = format!("{} did not answer within {} seconds", options.shown(), options.connect_timeout_s);
            Err(Error::new(Kind::ForeignConnection, message)
                .with_hint("Is the server there? connect_timeout of the source says how long to wait."))
        })
    }
}

/// Where a thread puts its answers; an error says that nobody wants more.
pub(super) type Answers<T> = SyncSender<Result<T>>;
/// What a thread does with its connection.
pub(super) type Task<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Enters the database on a thread of its own and does something there, until it is done or nobody wants the answers.
pub(super) fn work<T: Send + 'static>(
    options: RemoteOptions,
    stop: Stop,
    task: impl for<'a> FnOnce(&'a RemoteOptions, &'a mut Connection, &'a Answers<T>) -> Task<'a> + Send + 'static,
) -> Result<Work<T>> {
    let (answers, taken) = sync_channel(WAITING);
    let (wanted, mut unwanted) = oneshot::channel::<()>();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                _ = answers.send(Err(Error::io("a reader's runtime", &error)));
                return;
            }
        };
        let done = runtime.block_on(async {
            let mut connection = tokio::select! {
                opened = Connection::enter(&options) => opened?,
                _ = &mut unwanted => return Ok(()),
            };
            let cancel = connection.cancel.clone();
            let mut doing = task(&options, &mut connection, &answers);
            tokio::select! {
                done = &mut doing => done,
                _ = &mut unwanted => {
                    // A request that comes between two statements stops neither: it is made until the work has ended.
                    for _ in 0..CANCELS_MAX {
                        cancel.cancel().await;
                        if tokio::time::timeout(CANCEL_PAUSE, &mut doing).await.is_ok() {
                            break;
                        }
                    }
                    Ok(())
                }
            }
        });
        if let Err(error) = done {
            _ = answers.send(Err(error));
        }
    };
    let thread = std::thread::Builder::new().name("source".to_owned()).spawn(run);
    thread.map_err(|error| Error::io("a reader's thread", &error))?;
    Ok(Work { answers: taken, stop, _wanted: wanted })
}
