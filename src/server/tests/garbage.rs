//! Bytes that are no protocol, and messages that are, in the wrong place or not whole.
//!
//! What could go wrong: a count that nobody checks reads past a message, or asks for memory that is not there; a message
//! out of turn is taken for another; a client that says half of something holds a place for ever; a stranger's cancel
//! request stops somebody. Promised is that such a connection ends, by an error or without a word, that nothing panics, and
//! that everybody else goes on.

use super::socket::Bare;
use super::{Door, PATIENCE, door};
use crate::config::LOBBY_MAX;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// Panics in this room so far: a task that dies of one takes nothing with it that a client could see.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn watch_panics() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |place| place.file());
            if (file.contains("src/server/") && !file.contains("/tests/")) || file.contains("pgwire") {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
}

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// Says something, says no more, and reads until the server has ended the connection.
async fn say(door: &Door, bytes: &[u8]) {
    let mut socket = TcpStream::connect(door.address).await.unwrap();
    // It may have hung up in the middle of it.
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("a server that hangs up");
}

async fn all_is_well(door: &Door) {
    let (client, connection) = door.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(client.query("rows 3", &[]).await.unwrap().len(), 3);
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

/// Whole messages as clients send them, after login.
const MESSAGES: [&[u8]; 12] = [
    b"Q\0\0\0\x0brows 2\0",
    b"P\0\0\0\x0e\0rows 2\0\0\0",
    b"B\0\0\0\x0c\0\0\0\0\0\0\0\0",
    b"D\0\0\0\x06S\0",
    b"E\0\0\0\x09\0\0\0\0\0",
    b"C\0\0\0\x06P\0",
    b"S\0\0\0\x04",
    b"H\0\0\0\x04",
    b"d\0\0\0\x051",
    b"c\0\0\0\x04",
    b"f\0\0\0\x06x\0",
    b"p\0\0\0\x06x\0",
];

#[tokio::test(flavor = "multi_thread")]
async fn noise_before_a_login_is_hung_up_on() {
    watch_panics();
    let door = door(8).await;
    let mut numbers = Numbers(0x5eed);
    for _ in 0..300 {
        let mut bytes = numbers.bytes(200);
        if numbers.below(2) == 0 && bytes.len() > 8 {
            // A length that is right, and a version that is, or a request.
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            let codes = [196_608u32, 196_610, 80_877_102, 80_877_103, 80_877_104, 262_144];
            bytes[4..8].copy_from_slice(&codes[numbers.below(codes.len())].to_be_bytes());
        }
        say(&door, &bytes).await;
    }
    for lengths in [0u32, 1, 7, 8, 10_001, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        say(&door, &lengths.to_be_bytes()).await;
        say(&door, &[&lengths.to_be_bytes()[..], b"\0\x03\0\0user\0ann\0\0"].concat()).await;
    }
    all_is_well(&door).await;
}

/// The exchange of a login, cut off or bent at each of its bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_may_end_anywhere() {
    watch_panics();
    let door = door(8).await;
    let hello = b"\0\0\0\x21\0\x03\0\0user\0ann\0database\0shop\0\0";
    let initial = b"p\0\0\0\x36SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=abcdefghijklmnopqrstuvwx";
    let last = b"p\0\0\0\x18c=biws,r=abc,p=YWJj";
    let whole = [&hello[..], initial, last].concat();
    for cut in 0..whole.len() {
        say(&door, &whole[..cut]).await;
    }
    let mut numbers = Numbers(7);
    for _ in 0..300 {
        let mut bent = whole.clone();
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(bent.len());
            bent[at] = numbers.next() as u8;
        }
        say(&door, &bent).await;
    }
    all_is_well(&door).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_may_come_in_any_order_and_in_any_state() {
    watch_panics();
    let door = door(8).await;
    let mut numbers = Numbers(0xbad5eed);
    for round in 0..60 {
        let mut said = Vec::new();
        for _ in 0..1 + numbers.below(12) {
            let mut message = MESSAGES[numbers.below(MESSAGES.len())].to_vec();
            if numbers.below(4) == 0 {
                let at = numbers.below(message.len());
                message[at] = numbers.next() as u8;
            }
            said.extend(message);
        }
        if round % 2 == 0 {
            said.truncate(numbers.below(said.len() + 1));
        }
        let mut bare = Bare::login(&door).await;
        bare.send_raw(&said).await;
        timeout(PATIENCE, bare.hang_up_and_read()).await.expect("a server that hangs up");
    }
    for kind in 0..=255u8 {
        let mut bare = Bare::login(&door).await;
        bare.send_raw(&[kind, 0x7f, 0xff, 0xff, 0xff]).await;
        timeout(PATIENCE, bare.hang_up_and_read()).await.expect("a server that hangs up");
    }
    all_is_well(&door).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_with_a_wrong_secret_stops_nobody() {
    watch_panics();
    let door = door(8).await;
    for pid in [-1i32, 0, 1, 2, i32::MAX] {
        for secret in [&b""[..], b"\0", b"\0\0\0\0", &[7; 32], &[7; 300]] {
            let length = (12 + secret.len()) as u32;
            let request = [&length.to_be_bytes()[..], &80_877_102u32.to_be_bytes(), &pid.to_be_bytes(), secret];
            say(&door, &request.concat()).await;
        }
    }
    say(&door, b"\0\0\0\x0a\x04\xd2\x16\x2e\0\0").await;
    all_is_well(&door).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_keep_nobody_out() {
    watch_panics();
    let door = door(8).await;
    let mut open = Vec::new();
    for n in 0..LOBBY_MAX + 40 {
        let mut socket = TcpStream::connect(door.address).await.unwrap();
        let said: &[u8] = [&b""[..], b"\0", b"\0\0\0\x21\0\x03\0\0user\0", b"\0\0\0\x08\x04\xd2\x16\x2f"][n % 4];
        let _ = socket.write_all(said).await;
        open.push(socket);
    }
    all_is_well(&door).await;
    drop(open);
    all_is_well(&door).await;
}
