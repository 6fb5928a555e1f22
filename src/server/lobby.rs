//! The lobby: those who are connected and have not logged in yet.
//!
//! It has a bound of its own, so that whoever knows no password takes no place from those who do. When it is full, a
//! newcomer is let in all the same and the one that has waited longest is shown out, one that has said nothing before one
//! that has: a login takes milliseconds, a connection that only holds its place waits for ever.

use crate::config::LOBBY_MAX;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// Those who wait, in the order in which they came.
#[derive(Default)]
pub struct Lobby(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    guests: BTreeMap<u64, Guest>,
}

struct Guest {
    has_spoken: bool,
    out: Arc<Notify>,
}

/// A place in the lobby, given back when it is dropped.
pub struct Ticket {
    lobby: Arc<Lobby>,
    number: u64,
    out: Arc<Notify>,
}

impl Lobby {
    /// Lets a connection in; another one may have to go.
    pub fn enter(self: &Arc<Self>) -> Ticket {
        let out = Arc::new(Notify::new());
        let mut waiting = self.0.lock();
        if waiting.guests.len() >= LOBBY_MAX {
            let silent = waiting.guests.iter().find(|(_, guest)| !guest.has_spoken).map(|(number, _)| *number);
            let goes = silent.or_else(|| waiting.guests.keys().next().copied());
            if let Some(guest) = goes.and_then(|number| waiting.guests.remove(&number)) {
                guest.out.notify_one();
            }
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.guests.insert(number, Guest { has_spoken: false, out: out.clone() });
        Ticket { lobby: self.clone(), number, out }
    }
}

impl Ticket {
    /// Ready when this connection must go.
    pub async fn shown_out(&self) {
        self.out.notified().await;
    }

    /// It has said who it wants to be.
    pub fn has_spoken(&self) {
        if let Some(guest) = self.lobby.0.lock().guests.get_mut(&self.number) {
            guest.has_spoken = true;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.lobby.0.lock().guests.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_longest_silent_goes_first() {
        let lobby = Arc::new(Lobby::default());
        let mut tickets: Vec<Ticket> = (0..LOBBY_MAX).map(|_| lobby.enter()).collect();
        tickets[0].has_spoken();
        let is_out = |ticket: &Ticket| ticket.shown_out().now_or_never().is_some();
        assert!(!tickets.iter().any(is_out));
        let newcomer = lobby.enter();
        assert!(is_out(&tickets[1]) && !is_out(&tickets[0]) && !is_out(&newcomer));
        tickets.iter().for_each(Ticket::has_spoken);
        newcomer.has_spoken();
        let last = lobby.enter();
        assert!(is_out(&tickets[0]) && !is_out(&last));
        // A place that was given back costs nobody another.
        tickets.truncate(LOBBY_MAX / 2);
        let more = lobby.enter();
        assert!(!is_out(&tickets[2]) && !is_out(&more));
    }
}
