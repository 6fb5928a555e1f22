//! Who holds what, and who waits.

use super::items::Items;
use super::moves::Moves;
use super::{Mode, Space};
use crate::txn::segment::{row_id, split_row_id};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Number of an owner.
pub type OwnerId = u64;

/// Wakes one who waits.
#[derive(Debug, Default)]
pub struct Bell {
    granted: AtomicBool,
    notify: Notify,
}

impl Bell {
    /// Whether the lock is there.
    pub fn is_granted(&self) -> bool {
        self.granted.load(Ordering::Acquire)
    }

    /// Returns when the lock is there.
    pub async fn rung(&self) {
        // A permit is kept for one who comes late: there is only one who waits.
        while !self.is_granted() {
            self.notify.notified().await;
        }
    }

    fn ring(&self) {
        self.granted.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

/// What one owner has in one mode, taken since one of its savepoints.
#[derive(Debug)]
struct Hold {
    owner: OwnerId,
    mode: Mode,
    generation: u64,
    items: Items,
}

#[derive(Debug)]
struct Wait {
    owner: OwnerId,
    mode: Mode,
    items: Items,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Room {
    held: Vec<Hold>,
    queue: Vec<Wait>,
}

#[derive(Debug, Default)]
struct Account {
    spaces: HashSet<Space>,
    generation: u64,
    waits_in: Option<Space>,
}

/// Everything, under one lock.
#[derive(Debug, Default)]
pub struct State {
    rooms: HashMap<Space, Room>,
    owners: HashMap<OwnerId, Account>,
    pub(super) moves: Moves,
}

impl Room {
    /// Owners whose locks exclude this.
    fn holders(&self, owner: OwnerId, mode: Mode, items: &Items) -> impl Iterator<Item = OwnerId> {
        self.held
            .iter()
            .filter(move |h| h.owner != owner && h.mode.excludes(mode) && h.items.intersects(items))
            .map(|h| h.owner)
    }

    /// Owners who wait before the `place` of the queue for what excludes this.
    fn before(&self, owner: OwnerId, mode: Mode, items: &Items, place: usize) -> impl Iterator<Item = OwnerId> {
        let ahead = self.queue.iter().take(place);
        ahead.filter(move |w| w.owner != owner && w.mode.excludes(mode) && w.items.intersects(items)).map(|w| w.owner)
    }

    fn has_any(&self, owner: OwnerId) -> bool {
        self.held.iter().any(|hold| hold.owner == owner)
    }

    /// Whom the request must wait for; `place` is where it stands in the queue.
    fn blockers(&self, space: Space, owner: OwnerId, mode: Mode, items: &Items, place: usize) -> Vec<OwnerId> {
        let mut blockers: Vec<OwnerId> = self.holders(owner, mode, items).collect();
        // Who has a lock here already does not queue for a stronger one: those ahead wait for it.
        if space.is_fair() && !self.has_any(owner) {
            blockers.extend(self.before(owner, mode, items, place));
        }
        blockers
    }

    fn hold(&mut self, owner: OwnerId, mode: Mode, generation: u64, items: &Items) {
        let same = |h: &&mut Hold| h.owner == owner && h.mode == mode && h.generation == generation;
        match self.held.iter_mut().find(same) {
            Some(hold) => hold.items.extend(items),
            None => self.held.push(Hold { owner, mode, generation, items: items.clone() }),
        }
    }
}

impl State {
    /// Takes the items unless others exclude it: then who they are.
    pub fn take(&mut self, owner: OwnerId, space: Space, mode: Mode, items: &Items) -> Result<(), Vec<OwnerId>> {
        let account = self.owners.entry(owner).or_default();
        let room = self.rooms.entry(space).or_default();
        // What it has in this mode or a stronger one need not be asked for again; of many it costs more to find that out.
        let mut wanted = None;
        for hold in room.held.iter().filter(|h| !items.is_run() && h.owner == owner && h.mode >= mode) {
            wanted.get_or_insert_with(|| items.clone()).subtract(&hold.items);
        }
        let wanted = wanted.as_ref().unwrap_or(items);
        if wanted.is_empty() {
            return Ok(());
        }
        let blockers = room.blockers(space, owner, mode, wanted, usize::MAX);
        if !blockers.is_empty() {
            return Err(blockers);
        }
        room.hold(owner, mode, account.generation, wanted);
        account.spaces.insert(space);
        Ok(())
    }

    /// Puts the owner at the end of the space's queue.
    pub fn wait(&mut self, owner: OwnerId, space: Space, mode: Mode, items: Items) -> Arc<Bell> {
        let bell = Arc::new(Bell::default());
        self.owners.entry(owner).or_default().waits_in = Some(space);
        self.rooms.entry(space).or_default().queue.push(Wait { owner, mode, items, bell: bell.clone() });
        bell
    }

    /// Whether waiting for `blockers` would have `owner` wait for itself.
    pub fn closes_circle(&self, owner: OwnerId, blockers: &[OwnerId]) -> bool {
        let mut seen = HashSet::new();
        let mut next: Vec<OwnerId> = blockers.to_vec();
        while let Some(other) = next.pop() {
            if other == owner {
                return true;
            }
            if seen.insert(other) {
                next.extend(self.waits_for(other));
            }
        }
        false
    }

    fn waits_for(&self, owner: OwnerId) -> Vec<OwnerId> {
        let Some(space) = self.owners.get(&owner).and_then(|account| account.waits_in) else { return Vec::new() };
        let Some(room) = self.rooms.get(&space) else { return Vec::new() };
        let Some(place) = room.queue.iter().position(|wait| wait.owner == owner) else { return Vec::new() };
        let wait = &room.queue[place];
        room.blockers(space, owner, wait.mode, &wait.items, place)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.rooms.values().map(|room| room.queue.len()).sum()
    }

    /// The owner waits no more; whether it has got the lock or not.
    pub fn stop_waiting(&mut self, owner: OwnerId) {
        let space = self.owners.get_mut(&owner).and_then(|account| account.waits_in.take());
        if let Some(space) = space
            && let Some(room) = self.rooms.get_mut(&space)
        {
            room.queue.retain(|wait| wait.owner != owner);
            self.grant(space);
        }
    }

    /// Begins a generation: locks from here on can be given back without those before.
    pub fn mark(&mut self, owner: OwnerId) -> u64 {
        let account = self.owners.entry(owner).or_default();
        account.generation += 1;
        account.generation
    }

    /// Gives back what was taken in this generation and later ones.
    pub fn release_from(&mut self, owner: OwnerId, generation: u64) {
        let Some(account) = self.owners.get_mut(&owner) else { return };
        let spaces = std::mem::take(&mut account.spaces);
        let mut kept = HashSet::new();
        for space in spaces {
            let Some(room) = self.rooms.get_mut(&space) else { continue };
            room.held.retain(|hold| hold.owner != owner || hold.generation < generation);
            if room.has_any(owner) {
                kept.insert(space);
            }
            self.grant(space);
        }
        if let Some(account) = self.owners.get_mut(&owner) {
            account.spaces = kept;
        }
    }

    /// Whether the owner has any lock in a space.
    pub fn has(&self, owner: OwnerId, space: Space) -> bool {
        self.rooms.get(&space).is_some_and(|room| room.has_any(owner))
    }

    /// Gives back what the owner has in a space in a mode.
    pub fn release(&mut self, owner: OwnerId, space: Space, mode: Mode) {
        let Some(room) = self.rooms.get_mut(&space) else { return };
        room.held.retain(|hold| hold.owner != owner || hold.mode != mode);
        if !room.has_any(owner)
            && let Some(account) = self.owners.get_mut(&owner)
        {
            account.spaces.remove(&space);
        }
        self.grant(space);
    }

    /// The owner is gone.
    pub fn close(&mut self, owner: OwnerId) {
        self.stop_waiting(owner);
        self.release_from(owner, 0);
        self.owners.remove(&owner);
    }

    /// Gives the space's locks to those who wait and need wait no more, in their order.
    fn grant(&mut self, space: Space) {
        let Some(room) = self.rooms.get_mut(&space) else { return };
        let mut place = 0;
        while let Some(wait) = room.queue.get(place) {
            if !room.blockers(space, wait.owner, wait.mode, &wait.items, place).is_empty() {
                place += 1;
                continue;
            }
            let wait = room.queue.remove(place);
            if let Some(account) = self.owners.get_mut(&wait.owner) {
                account.waits_in = None;
                account.spaces.insert(space);
                room.hold(wait.owner, wait.mode, account.generation, &wait.items);
            }
            wait.bell.ring();
        }
        if room.held.is_empty() && room.queue.is_empty() {
            self.rooms.remove(&space);
        }
    }

    /// Rows have new ids: their locks and those who wait for them go along.
    pub fn moved(&mut self, moves: Moves) {
        let from: Vec<_> = moves.segments().collect();
        self.moves.extend(moves);
        for (table, segment) in from {
            let old = Space::Rows(table, segment);
            let Some(room) = self.rooms.remove(&old) else { continue };
            for hold in room.held {
                for (space, items) in self.parted(old, &hold.items) {
                    self.rooms.entry(space).or_default().hold(hold.owner, hold.mode, hold.generation, &items);
                    if let Some(account) = self.owners.get_mut(&hold.owner) {
                        account.spaces.remove(&old);
                        account.spaces.insert(space);
                    }
                }
            }
            for wait in room.queue {
                // They ask again, by the new ids.
                if let Some(account) = self.owners.get_mut(&wait.owner) {
                    account.waits_in = None;
                }
                wait.bell.ring();
            }
        }
    }

    /// Whether items of a space may be in others by now.
    pub fn may_be_parted(&self, space: Space) -> bool {
        matches!(space, Space::Rows(..)) && !self.moves.is_empty()
    }

    /// Items of a space of rows by the spaces where the rows are now.
    pub fn parted(&self, space: Space, items: &Items) -> HashMap<Space, Items> {
        let Space::Rows(table, segment) = space else { return HashMap::from([(space, items.clone())]) };
        if self.moves.is_empty() {
            return HashMap::from([(space, items.clone())]);
        }
        let mut parts: HashMap<Space, Items> = HashMap::new();
        for offset in items.iter() {
            if let Some(row) = self.moves.newest(table, row_id(segment, offset as usize)) {
                let (segment, offset) = split_row_id(row);
                parts.entry(Space::Rows(table, segment)).or_default().insert(offset as u64);
            }
        }
        parts
    }
}
