//! Failed logins slow down those that follow.
//!
//! Three counts are kept: by address and role together, by address, and by role. Beyond a few free tries each further
//! failure doubles the time that the next verdict takes, the right password's as well, since whoever guesses would else
//! know it by its speed. The time has a bound, so that a right password always comes in; where only the role counts, which
//! a stranger can make happen, the bound is low. A success forgets the count of its address and role.
//!
//! Nothing here knows whether a role exists, so that nothing can be told from it. What is kept is bounded: when there is no
//! more room, the older half goes.

use crate::config::{
    LOGIN_DELAY_MAX_MS, LOGIN_DELAY_MAX_ROLE_MS, LOGIN_DELAY_MS, LOGIN_FAILURES_FREE, LOGIN_FAILURES_FREE_ADDRESS,
    LOGIN_FAILURES_FREE_ROLE, LOGIN_FAILURES_KEPT, LOGIN_FORGET_SECONDS,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Failed logins of late.
#[derive(Default)]
pub struct Throttle {
    seen: Mutex<HashMap<u64, Failures>>,
    /// Names are kept as numbers that nobody outside can choose to be equal.
    hash: RandomState,
}

/// How often, and when for the last time.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// Whose count.
#[derive(Debug, Clone, Copy, Hash)]
enum Whose<'a> {
    Both(IpAddr, &'a str),
    Address(IpAddr),
    Role(&'a str),
}

impl<'a> Whose<'a> {
    fn all(address: IpAddr, role: &'a str) -> [Self; 3] {
        let network = network(address);
        [Self::Both(network, role), Self::Address(network), Self::Role(role)]
    }

    /// Failures that cost nothing, and the longest wait.
    fn bounds(self) -> (u32, u64) {
        match self {
            Self::Both(..) => (LOGIN_FAILURES_FREE, LOGIN_DELAY_MAX_MS),
            Self::Address(_) => (LOGIN_FAILURES_FREE_ADDRESS, LOGIN_DELAY_MAX_MS),
            Self::Role(_) => (LOGIN_FAILURES_FREE_ROLE, LOGIN_DELAY_MAX_ROLE_MS),
        }
    }
}

/// What one customer of a network has: an address, of IPv6 a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}

impl Throttle {
    /// How long the verdict over a login takes.
    pub fn delay(&self, address: IpAddr, role: &str) -> Duration {
        self.delay_at(address, role, Instant::now())
    }

    /// A login failed.
    pub fn failed(&self, address: IpAddr, role: &str) {
        self.failed_at(address, role, Instant::now());
    }

    /// A login succeeded.
    pub fn succeeded(&self, address: IpAddr, role: &str) {
        let [both, ..] = Whose::all(address, role);
        self.seen.lock().remove(&self.hash.hash_one(both));
    }

    fn delay_at(&self, address: IpAddr, role: &str, now: Instant) -> Duration {
        let seen = self.seen.lock();
        let wait_ms = Whose::all(address, role).map(|whose| {
            let count = seen.get(&self.hash.hash_one(whose)).map_or(0, |failures| failures.left(now));
            let (free, most_ms) = whose.bounds();
            match count.saturating_sub(free) {
                0 => 0,
                beyond => LOGIN_DELAY_MS.saturating_mul(1 << (beyond - 1).min(16)).min(most_ms),
            }
        });
        Duration::from_millis(wait_ms.into_iter().max().unwrap_or(0))
    }

    fn failed_at(&self, address: IpAddr, role: &str, now: Instant) {
        let mut seen = self.seen.lock();
        for whose in Whose::all(address, role) {
            let key = self.hash.hash_one(whose);
            if seen.len() >= LOGIN_FAILURES_KEPT && !seen.contains_key(&key) {
                forget_older_half(&mut seen);
            }
            let failures = seen.entry(key).or_insert(Failures { count: 0, last: now });
            *failures = Failures { count: failures.left(now).saturating_add(1), last: now };
        }
    }
}

impl Failures {
    /// Those that are not forgotten yet.
    fn left(self, now: Instant) -> u32 {
        let forgotten = now.saturating_duration_since(self.last).as_secs() / LOGIN_FORGET_SECONDS;
        self.count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}

fn forget_older_half(seen: &mut HashMap<u64, Failures>) {
    let mut times: Vec<Instant> = seen.values().map(|failures| failures.last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    seen.retain(|_, failures| failures.last > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Fails `count` times and says what the next one waits.
    fn after(throttle: &Throttle, count: u32, address: IpAddr, role: &str, now: Instant) -> u64 {
        (0..count).for_each(|_| throttle.failed_at(address, role, now));
        throttle.delay_at(address, role, now).as_millis() as u64
    }

    #[test]
    fn failures_wait_longer_and_longer_up_to_a_bound() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(after(&throttle, LOGIN_FAILURES_FREE, address(1), "ann", now), 0);
        assert_eq!(after(&throttle, 1, address(1), "ann", now), LOGIN_DELAY_MS);
        assert_eq!(after(&throttle, 1, address(1), "ann", now), 2 * LOGIN_DELAY_MS);
        assert_eq!(after(&throttle, 20, address(1), "ann", now), LOGIN_DELAY_MAX_MS);
        // Others pay nothing for it: another role there, the same one elsewhere.
        assert_eq!(throttle.delay_at(address(1), "bob", now), Duration::ZERO);
        assert_eq!(throttle.delay_at(address(2), "ann", now), Duration::ZERO);
        throttle.succeeded(address(1), "ann");
        assert_eq!(throttle.delay_at(address(1), "ann", now), Duration::ZERO);
    }

    #[test]
    fn many_roles_from_one_address_and_many_addresses_for_one_role() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for n in 0..=LOGIN_FAILURES_FREE_ADDRESS {
            throttle.failed_at(address(1), &format!("role{n}"), now);
        }
        assert_eq!(throttle.delay_at(address(1), "new", now).as_millis() as u64, LOGIN_DELAY_MS);
        for n in 0..LOGIN_FAILURES_FREE_ROLE + 20 {
            throttle.failed_at(address(n as u8), "ann", now);
        }
        assert_eq!(throttle.delay_at(address(250), "ann", now).as_millis() as u64, LOGIN_DELAY_MAX_ROLE_MS);
    }

    #[test]
    fn quiet_makes_forget_and_memory_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        after(&throttle, 5, address(1), "ann", now);
        let later = now + Duration::from_secs(2 * LOGIN_FORGET_SECONDS);
        assert_eq!(throttle.delay_at(address(1), "ann", later), Duration::ZERO);
        for n in 0..2 * LOGIN_FAILURES_KEPT as u64 {
            throttle.failed_at(address(2), &n.to_string(), now + Duration::from_millis(n));
        }
        assert!(throttle.seen.lock().len() <= LOGIN_FAILURES_KEPT);
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(v6("2001:db8::1")), network(v6("2001:db8::ffff")));
        assert_eq!(network(v6("::ffff:192.0.2.1")), address(1));
    }
}
