//! The lock table without sessions: what excludes what, who is served when, what goes along with moved rows.

use super::*;
use crate::error::Kind;
use std::sync::Arc;

const KEYS: Space = Space::Keys(7);

fn items(items: &[u64]) -> Items {
    items.iter().copied().collect()
}

fn takes(owner: &Owner, space: Space, wanted: &[u64], mode: Mode) -> bool {
    matches!(owner.take(space, items(wanted), mode, false).unwrap(), Taking::Taken)
}

#[test]
fn modes_exclude_what_postgresql_says() {
    use Mode::{KeyShare, NoKeyUpdate, Share, Update};
    let modes = [KeyShare, Share, NoKeyUpdate, Update];
    let excluded = [[false, false, false, true], [false, false, true, true], [false, true, true, true], [true; 4]];
    for (n, one) in modes.into_iter().enumerate() {
        for (m, other) in modes.into_iter().enumerate() {
            assert_eq!(one.excludes(other), excluded[n][m], "{one:?} {other:?}");
        }
    }
}

#[test]
fn locks_go_with_their_owner_or_back_to_a_mark() {
    let locks = Arc::new(Locks::default());
    let (a, b) = (locks.owner(), locks.owner());
    assert!(takes(&a, KEYS, &[1], Mode::KeyShare));
    let mark = a.mark();
    assert!(takes(&a, KEYS, &[1, 2], Mode::Update));
    assert!(!takes(&b, KEYS, &[1], Mode::KeyShare) && !takes(&b, KEYS, &[2], Mode::KeyShare));
    a.release_from(mark);
    assert!(takes(&b, KEYS, &[2], Mode::Update) && takes(&b, KEYS, &[1], Mode::KeyShare));
    assert!(!takes(&b, KEYS, &[1], Mode::Update));
    drop(a);
    assert!(takes(&b, KEYS, &[1], Mode::Update));
}

#[test]
fn who_waits_is_served_in_order_and_a_circle_refused() {
    let locks = Arc::new(Locks::default());
    let [a, b, c] = [(); 3].map(|()| locks.owner());
    let space = Space::Object(5);
    let ask = |owner: &Owner, mode| owner.take(space, Items::one(0), mode, true).unwrap();
    assert!(matches!(ask(&a, Mode::KeyShare), Taking::Taken));
    let Taking::Busy(Some(first)) = ask(&b, Mode::Update) else { panic!("b does not wait") };
    // Nobody who holds it excludes c, but b came first.
    let Taking::Busy(Some(second)) = ask(&c, Mode::KeyShare) else { panic!("c does not wait") };
    assert_eq!(locks.waiting(), 2);
    assert!(takes(&c, KEYS, &[9], Mode::Update));
    assert_eq!(a.take(KEYS, items(&[9]), Mode::Update, true).unwrap_err().kind(), Kind::Deadlock);
    drop(first);
    assert_eq!(locks.waiting(), 0);
    assert!(matches!(ask(&c, Mode::KeyShare), Taking::Taken));
    drop(second);
}

#[test]
fn locks_follow_rows_that_move() {
    use crate::txn::segment::{Location, Segment, row_id};
    let segment = |id, rows| {
        Arc::new(Segment { id, rows, bytes: 0, location: Location::Inline(Arc::default()), parts: None, deleted: None })
    };
    let locks = Arc::new(Locks::default());
    let (a, b) = (locks.owner(), locks.owner());
    a.take_rows(1, &[row_id(10, 0), row_id(11, 1)], Mode::Update, false).unwrap();
    let mut moves = Moves::default();
    moves.note(5, 1, &[segment(10, 2), segment(11, 2)], &[segment(20, 4)]);
    locks.moved(moves);
    let busy = |row| matches!(b.take_rows(1, &[row], Mode::KeyShare, false).unwrap(), Taking::Busy(_));
    assert!(busy(row_id(20, 0)) && busy(row_id(20, 3)) && busy(row_id(10, 0)));
    assert!(!busy(row_id(20, 1)) && !busy(row_id(11, 0)));
    drop(a);
    assert!(!busy(row_id(10, 0)) && !busy(row_id(20, 3)));
    locks.forget_before(5);
    assert!(locks.moves(Moves::is_empty));
}
