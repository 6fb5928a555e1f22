//! Two threads that make commits durable and apply them, where several are at work.
//!
//! A thread that waits for the disk computes nothing. For one who is alone that is no loss, and to write on its own thread the
//! shortest way ([`Engine::poll_settle`](super::Engine::poll_settle)). Several who commit at once would stop each other's threads so; they leave both to these
//! ([`Store::poll_settle_apart`](super::Store::poll_settle_apart)): one writes and syncs the journal for all who wait, again and again as long as there are any, the other applies what
//! is durable.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::sealed::SealedEngine;

/// The threads. They end when this is dropped, which waits for them; who commits then writes on its own thread again.
#[derive(Debug)]
pub(super) struct Writers {
    engine: Arc<SealedEngine>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts them. Without threads who commits goes on writing on its own.
    pub(super) fn start(engine: &Arc<SealedEngine>) -> Option<Self> {
        let mut writers = Self { engine: engine.clone(), threads: Vec::new() };
        engine.set_writers(true);
        let (leads, applies) = (engine.clone(), engine.clone());
        let journal = thread::Builder::new().name("steward-journal".into()).spawn(move || leads.lead_all());
        let assets = journal.and_then(|journal| {
            writers.threads.push(journal);
            thread::Builder::new().name("steward-assets".into()).spawn(move || applies.apply_all())
        });
        match assets {
            Ok(assets) => {
                writers.threads.push(assets);
                Some(writers)
            }
            Err(error) => {
                tracing::warn!("commits are written by those who wait for them: {error}");
                None
            }
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.engine.set_writers(false);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            _ = thread.join();
        }
    }
}
