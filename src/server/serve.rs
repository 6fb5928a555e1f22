//! The door itself: an address, connections, and an orderly end.

use super::admission::Admission;
use super::backend::Backend;
use super::cancel::Registry;
use super::connection::serve_connection;
use super::conversation::Phase;
use super::hba::Rules;
use super::lobby::Lobby;
use super::log;
use super::throttle::Throttle;
use super::tls::Tls;
use crate::config::{CANCEL_GRACE_MS, SERVER_VERSION, SHUTDOWN_GRACE_MS};
use crate::error::{Error, Kind, Result};
use std::future::Future;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

/// What all connections share.
pub(super) struct Shared {
    pub backend: Arc<dyn Backend>,
    pub registry: Arc<Registry>,
    /// Places for those who are logged in.
    pub places: Arc<Semaphore>,
    /// What encrypts, if the server can.
    pub tls: Option<Tls>,
    /// Who may come in from where.
    pub rules: Arc<Rules>,
    /// Failed logins of late.
    pub throttle: Throttle,
}

/// Opens an address such as `127.0.0.1:5454`. One that is taken is [`Kind::InUse`], one that is none
/// [`Kind::Configuration`].
pub async fn listen(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Error::new(Kind::InUse, format!("address {address} is in use"))
            .with_hint("Another server runs there; stop it or choose another port."),
        ErrorKind::PermissionDenied => Error::new(Kind::Privilege, format!("may not listen on {address}"))
            .with_hint("Ports below 1024 need a special right; choose a higher one."),
        ErrorKind::InvalidInput | ErrorKind::AddrNotAvailable => {
            Error::new(Kind::Configuration, format!("cannot listen on {address}: {error}"))
        }
        _ => Error::io(format!("listening on {address}"), &error),
    })
}

/// Serves a backend until `shutdown` is ready, then lets running statements end shortly, and returns when every
/// connection is closed. Whoever has a password comes in, unencrypted: see [`serve_as`] for more than that.
pub async fn serve(backend: Arc<dyn Backend>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<()> {
    serve_as(backend, listener, shutdown, Admission::default()).await
}

/// As [`serve`], with encryption, rules and bounds.
pub async fn serve_as(
    backend: Arc<dyn Backend>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
    admission: Admission,
) -> Result<()> {
    let connections_max = admission.connections_max;
    let shared = Arc::new(Shared {
        backend,
        registry: Arc::default(),
        places: Arc::new(Semaphore::new(connections_max)),
        tls: admission.tls,
        rules: admission.rules,
        throttle: Throttle::default(),
    });
    let rules = shared.rules.clone();
    shared.backend.on_reload(Arc::new(move || rules.reload_and_log()));
    // For as long as this runs.
    let mut signals = JoinSet::new();
    signals.spawn(reload_when_told(shared.rules.clone()));
    let lobby = Arc::new(Lobby::default());
    let (phase, watcher) = watch::channel(Phase::Running);
    match listener.local_addr() {
        Ok(address) => tracing::info!(%address, version = SERVER_VERSION, connections_max, "the server begins"),
        Err(error) => tracing::warn!("the server begins at an address that is not known: {error}"),
    }
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let served = serve_connection(socket, shared.clone(), watcher.clone(), lobby.enter());
                    connections.spawn(served.instrument(log::client(peer)));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: existing connections go on, and may free some.
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    tracing::info!(connections = connections.len(), "the server goes down");
    // Receivers live in `watcher`, so that sending cannot fail.
    let _ = phase.send(Phase::Draining);
    if !all_end(&mut connections, SHUTDOWN_GRACE_MS).await {
        let _ = phase.send(Phase::Ending);
        shared.registry.cancel_all();
        all_end(&mut connections, 2 * CANCEL_GRACE_MS).await;
    }
    connections.shutdown().await;
    tracing::info!("the server has ended");
    Ok(())
}

/// Waits for all connections; false when some are left after that time.
async fn all_end(connections: &mut JoinSet<()>, wait_ms: u64) -> bool {
    let ended = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_millis(wait_ms), ended).await.is_ok()
}

/// Reads the rules again at each SIGHUP.
async fn reload_when_told(rules: Arc<Rules>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut told) = signal(SignalKind::hangup()) {
            while told.recv().await.is_some() {
                rules.reload_and_log();
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Ready when the process is asked to end: SIGINT (Ctrl-C) or SIGTERM.
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without signals only the system ends the process.
        std::future::pending::<()>().await;
    }
}
