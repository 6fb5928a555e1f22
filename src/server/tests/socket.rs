//! A client that speaks the protocol by hand, for what real clients never send.

use super::{Door, door};
use bytes::{BufMut, BytesMut};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// A socket that is logged in.
pub struct Bare {
    socket: TcpStream,
    buffer: BytesMut,
}

impl Bare {
    async fn open(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).await.unwrap(), buffer: BytesMut::new() }
    }

    /// Logs in by the real client, over a second handle of the same socket, which is dropped without a word.
    pub async fn login(door: &Door) -> Self {
        let socket = TcpStream::connect(door.address).await.unwrap().into_std().unwrap();
        let second = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
        let _client = door.config().connect_raw(second, NoTls).await.unwrap();
        Self { socket: TcpStream::from_std(socket).unwrap(), buffer: BytesMut::new() }
    }

    async fn send(&mut self, kind: u8, body: &[u8]) {
        let mut message = vec![kind];
        message.put_i32(body.len() as i32 + 4);
        message.put_slice(body);
        self.socket.write_all(&message).await.unwrap();
    }

    /// Sends bytes, whatever they are, to a server that may have hung up.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes).await;
    }

    /// Says no more, and reads until the server has ended the connection.
    pub async fn hang_up_and_read(mut self) {
        let _ = self.socket.shutdown().await;
        while matches!(self.socket.read_buf(&mut self.buffer).await, Ok(1..)) {}
    }

    /// The next message; kind 0 at the end of the connection.
    async fn next(&mut self) -> (u8, Vec<u8>) {
        loop {
            if self.buffer.len() >= 5 {
                let length = i32::from_be_bytes(self.buffer[1..5].try_into().unwrap()) as usize;
                if self.buffer.len() > length {
                    let message = self.buffer.split_to(length + 1);
                    return (message[0], message[5..].to_vec());
                }
            }
            let read = timeout(Duration::from_secs(20), self.socket.read_buf(&mut self.buffer)).await.unwrap();
            if !matches!(read, Ok(1..)) {
                return (0, Vec::new());
            }
        }
    }

    /// What is said until the connection ends.
    pub async fn farewell(mut self) -> String {
        // A connection that is reset has said all that it will.
        while matches!(self.socket.read_buf(&mut self.buffer).await, Ok(1..)) {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    async fn until_ready(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut messages = Vec::new();
        loop {
            let message = self.next().await;
            let end = matches!(message.0, b'Z' | 0);
            messages.push(message);
            if end {
                return messages;
            }
        }
    }

    async fn kinds_until_ready(&mut self) -> String {
        self.until_ready().await.iter().map(|(kind, _)| *kind as char).collect()
    }
}

/// A socket that says who it wants to be, or not even that, and no more.
pub async fn stranger(door: &Door, speaks: bool) -> Bare {
    let mut bare = Bare::open(door.address).await;
    if speaks {
        let hello = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
        bare.socket.write_all(&(hello.len() as u32 + 4).to_be_bytes()).await.unwrap();
        bare.socket.write_all(hello).await.unwrap();
    }
    bare
}

/// Fetches 3000 rows in portions of 1500; gives the rows of each portion and the last tag.
pub async fn fetch_in_steps(door: &Door) -> (Vec<usize>, String) {
    let mut bare = Bare::login(door).await;
    bare.send(b'Q', b"begin\0").await;
    bare.until_ready().await;
    bare.send(b'P', b"\0rows 3000\0\0\0").await;
    bare.send(b'B', b"c\0\0\0\0\0\0\0\0").await;
    let mut seen = Vec::new();
    let mut tag = String::new();
    for _ in 0..3 {
        bare.send(b'E', b"c\0\0\0\x05\xdc").await;
        bare.send(b'S', b"").await;
        let messages = bare.until_ready().await;
        seen.push(messages.iter().filter(|(kind, _)| *kind == b'D').count());
        if let Some((_, text)) = messages.iter().find(|(kind, _)| *kind == b'C') {
            tag = String::from_utf8_lossy(&text[..text.len() - 1]).into_owned();
        }
    }
    (seen, tag)
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_skip_to_sync() {
    let door = door(8).await;
    let mut bare = Bare::login(&door).await;
    // A pipeline: insert, fail, insert, Sync, then rows, Sync.
    for word in ["insert", "fail", "insert", "", "rows 1", ""] {
        if word.is_empty() {
            bare.send(b'S', b"").await;
            continue;
        }
        bare.send(b'P', format!("\0{word}\0\0\0").as_bytes()).await;
        bare.send(b'B', b"\0\0\0\0\0\0\0\0").await;
        bare.send(b'D', b"P\0").await;
        bare.send(b'E', b"\0\0\0\0\0").await;
    }
    assert_eq!(bare.kinds_until_ready().await, "12nC12nEZ");
    assert_eq!(bare.kinds_until_ready().await, "12TDCZ");
    assert_eq!(door.log.take(), ["begin 1", "insert", "undo", "begin 1", "commit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_names_are_told() {
    let door = door(8).await;
    let mut bare = Bare::login(&door).await;
    bare.send(b'Q', b"set Asia/Shanghai\0").await;
    let messages = bare.until_ready().await;
    assert_eq!(messages[1], (b'S', b"TimeZone\0Asia/Shanghai\0".to_vec()));
    // Named statements: parse twice, deallocate by SQL, bind what is gone.
    bare.send(b'P', b"s\0insert\0\0\0").await;
    bare.send(b'P', b"s\0insert\0\0\0").await;
    bare.send(b'S', b"").await;
    let messages = bare.until_ready().await;
    assert!(messages[1].1.windows(5).any(|window| window == b"42P05"));
    bare.send(b'Q', b"deallocate s\0").await;
    assert_eq!(bare.kinds_until_ready().await, "CZ");
    bare.send(b'B', b"\0s\0\0\0\0\0\0\0").await;
    bare.send(b'E', b"nowhere\0\0\0\0\0").await;
    bare.send(b'S', b"").await;
    let messages = bare.until_ready().await;
    assert!(messages[0].1.windows(5).any(|window| window == b"26000"));
    assert_eq!(messages.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_that_connection_only() {
    let door = door(8).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0\0\0\x04", b"\x16\x03\x01\x02\0\x01\0\x01", b"\xff\xff\xff\xff"]
    {
        let mut bare = Bare::open(door.address).await;
        bare.socket.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(20), bare.socket.read_to_end(&mut answer)).await.unwrap().ok();
        assert!(answer.is_empty() || answer[0] == b'E');
    }
    let mut bare = Bare::login(&door).await;
    bare.send(b'Q', b"rows 1\0").await;
    bare.send(b'B', b"\0\0\0\0\0\x09").await;
    // What came before is answered; then the error, and the end.
    assert_eq!(bare.kinds_until_ready().await, "TDCZ");
    let (kind, error) = bare.next().await;
    assert_eq!(kind, b'E');
    assert!(error.windows(5).any(|window| window == b"08P01"));
    assert_eq!(bare.next().await.0, 0);
    let _client = door.config().connect(NoTls).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_is_declined() {
    let door = door(8).await;
    let mut bare = Bare::open(door.address).await;
    for request in [80_877_103i32, 80_877_104] {
        bare.socket.write_all(&[0, 0, 0, 8]).await.unwrap();
        bare.socket.write_all(&request.to_be_bytes()).await.unwrap();
        assert_eq!(bare.socket.read_u8().await.unwrap(), b'N');
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_leaves_nothing_running() {
    let door = door(8).await;
    let mut bare = Bare::login(&door).await;
    door.log.take();
    bare.send(b'Q', b"polite\0").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(bare);
    let stopped = async {
        while !door.log.lines.lock().contains(&"closed".to_owned()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), stopped).await.unwrap();
    assert!(door.log.take().contains(&"stopped politely".to_owned()));
}
