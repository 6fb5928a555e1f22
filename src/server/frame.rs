//! The client's bytes as messages.
//!
//! pgwire 0.42.1 has decoders of its own, but they trust that a message is as long as its counts say and panic on one
//! that is not. A client may send anything, so the reading is done here with every count checked; the result is
//! pgwire's message types all the same.

use crate::config::MESSAGE_BYTES_MAX;
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::fail;
use bytes::{Buf, Bytes, BytesMut};
use pgwire::messages::PgWireFrontendMessage as Message;
use pgwire::messages::copy::{CopyData, CopyDone, CopyFail};
use pgwire::messages::extendedquery::{Bind, Close, Describe, Execute, Flush, Parse, Sync};
use pgwire::messages::simplequery::Query;
use pgwire::messages::startup::PasswordMessageFamily;
use pgwire::messages::terminate::Terminate;
use std::borrow::Cow;

/// One message as it came: its texts are in the encoding that the client speaks once those before it are answered.
#[derive(Debug)]
pub struct Frame {
    kind: u8,
    body: Bytes,
}

/// Takes one whole message off the front of `buffer`; `None` when more bytes are needed.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>> {
    let Some((header, _)) = buffer.split_first_chunk::<5>() else { return Ok(None) };
    let [kind, a, b, c, d] = *header;
    // Looked at before the length, so that an old browser or a TLS hello is refused at once.
    if !b"QPBDECHSXdcfpF".contains(&kind) {
        fail!(Protocol, "invalid frontend message type {kind}");
    }
    let length = match usize::try_from(i32::from_be_bytes([a, b, c, d])) {
        Ok(length) if (4..=MESSAGE_BYTES_MAX).contains(&length) => length,
        _ => fail!(Protocol, "invalid message length"),
    };
    if buffer.len() < length + 1 {
        return Ok(None);
    }
    buffer.advance(5);
    Ok(Some(Frame { kind, body: buffer.split_to(length - 4).freeze() }))
}

impl Frame {
    /// Whether the client says goodbye.
    pub fn is_last(&self) -> bool {
        self.kind == b'X'
    }

    /// Whether it is a statement of the simple protocol.
    pub fn is_query(&self) -> bool {
        self.kind == b'Q'
    }

    /// The message, with texts in this encoding.
    ///
    /// # Errors
    ///
    /// `InvalidByteSequence` and `Untranslatable` of a text, which harm this message only; `Protocol` where it is none.
    pub fn read(self, charset: Charset) -> Result<Message> {
        let mut body = Body { bytes: self.body, charset };
        let message = message(self.kind, &mut body)?;
        body.finish()?;
        Ok(message)
    }
}

fn message(kind: u8, body: &mut Body) -> Result<Message> {
    Ok(match kind {
        b'Q' => Message::Query(Query::new(body.string()?)),
        b'P' => Message::Parse(parse(body)?),
        b'B' => Message::Bind(bind(body)?),
        b'D' => Message::Describe(Describe::new(body.byte()?, body.name()?)),
        b'E' => Message::Execute(Execute::new(body.name()?, body.word()?)),
        b'C' => Message::Close(Close::new(body.byte()?, body.name()?)),
        b'H' => Message::Flush(Flush::new()),
        b'S' => Message::Sync(Sync::new()),
        b'X' => Message::Terminate(Terminate::new()),
        b'd' => Message::CopyData(CopyData::new(body.rest())),
        b'c' => Message::CopyDone(CopyDone::new()),
        b'f' => Message::CopyFail(CopyFail::new(body.string()?)),
        b'p' => Message::PasswordMessageFamily(PasswordMessageFamily::Raw(BytesMut::from(&body.rest()[..]))),
        _ => fail!(Protocol, "function calls of the protocol are not supported"),
    })
}

fn parse(body: &mut Body) -> Result<Parse> {
    let (name, query) = (body.name()?, body.string()?);
    let count = body.short()? as u16;
    let types = (0..count).map(|_| body.word().map(|word| word as u32)).collect::<Result<_>>()?;
    Ok(Parse::new(name, query, types))
}

fn bind(body: &mut Body) -> Result<Bind> {
    let (portal, statement) = (body.name()?, body.name()?);
    let count = body.short()? as u16;
    let parameter_formats = (0..count).map(|_| body.short()).collect::<Result<_>>()?;
    let count = body.short()? as u16;
    let parameters = (0..count)
        .map(|_| match body.word()? {
            -1 => Ok(None),
            length => body.bytes(usize::try_from(length).unwrap_or(usize::MAX)).map(Some),
        })
        .collect::<Result<_>>()?;
    let count = body.short()? as u16;
    let result_formats = (0..count).map(|_| body.short()).collect::<Result<_>>()?;
    Ok(Bind::new(portal, statement, parameter_formats, parameters, result_formats))
}

/// The inside of a message.
pub struct Body {
    bytes: Bytes,
    charset: Charset,
}

impl Body {
    /// One whose texts are UTF-8, as all before login are.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, charset: Charset::Utf8 }
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8> {
        self.bytes.try_get_u8().map_err(|_| truncated())
    }

    /// Two bytes.
    pub fn short(&mut self) -> Result<i16> {
        self.bytes.try_get_i16().map_err(|_| truncated())
    }

    /// Four bytes.
    pub fn word(&mut self) -> Result<i32> {
        self.bytes.try_get_i32().map_err(|_| truncated())
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Result<Bytes> {
        if count > self.bytes.len() {
            return Err(truncated());
        }
        Ok(self.bytes.split_to(count))
    }

    /// All that is left.
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes)
    }

    /// A text that a zero byte ends.
    pub fn string(&mut self) -> Result<String> {
        let end = self.bytes.iter().position(|byte| *byte == 0).ok_or_else(truncated)?;
        let text = self.bytes.split_to(end);
        self.bytes.advance(1);
        self.charset.decode(&text).map(Cow::into_owned)
    }

    /// A text of which the empty one means none.
    fn name(&mut self) -> Result<Option<String>> {
        self.string().map(|name| Some(name).filter(|name| !name.is_empty()))
    }

    fn finish(&self) -> Result<()> {
        if !self.bytes.is_empty() {
            fail!(Protocol, "invalid message format");
        }
        Ok(())
    }
}

fn truncated() -> Error {
    Error::new(Kind::Protocol, "insufficient data left in message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8]) -> Result<Option<Message>> {
        take(&mut BytesMut::from(bytes))?.map(|frame| frame.read(Charset::Utf8)).transpose()
    }

    #[test]
    fn whole_messages_are_taken() {
        let mut buffer = BytesMut::from(&b"Q\0\0\0\x0dselect 1\0S\0\0\0\x04Q\0\0"[..]);
        let mut next = || take(&mut buffer).unwrap().unwrap().read(Charset::Utf8).unwrap();
        assert!(matches!(next(), Message::Query(query) if query.query == "select 1"));
        assert!(matches!(next(), Message::Sync(_)));
        assert!(take(&mut buffer).unwrap().is_none());
        assert_eq!(&buffer[..], b"Q\0\0");
        let bind = b"B\0\0\0\x19p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\0";
        let Some(Message::Bind(bind)) = taken(bind).unwrap() else { panic!("not a Bind") };
        assert_eq!(bind.parameters, [Some(Bytes::from_static(b"x")), None]);
        assert_eq!(bind.parameter_format_codes, [1]);
    }

    #[test]
    fn garbage_is_a_protocol_error() {
        let cases: [&[u8]; 9] = [
            b"GET / HTTP/1.1",
            b"Q\0\0\0\x03",
            b"Q\xff\xff\xff\xff",
            b"Q\x7f\xff\xff\xff",
            b"Q\0\0\0\x06ab",
            b"P\0\0\0\x08a\0b\0",
            b"B\0\0\0\x0a\0\0\0\x01\0\x01",
            b"B\0\0\0\x0e\0\0\0\0\0\x01\x7f\xff\xff\xff",
            b"S\0\0\0\x05x",
        ];
        for bytes in cases {
            assert_eq!(taken(bytes).unwrap_err().kind(), Kind::Protocol, "{bytes:?}");
        }
        assert_eq!(taken(b"Q\0\0\0\x06\xff\0").unwrap_err().kind(), Kind::InvalidByteSequence);
    }

    #[test]
    fn texts_are_in_the_clients_encoding() {
        let gbk = Charset::named("GBK").unwrap();
        let frame = take(&mut BytesMut::from(&b"Q\0\0\0\x09\xc9\xcc\xc6\xb7\0"[..])).unwrap().unwrap();
        assert!(matches!(frame.read(gbk).unwrap(), Message::Query(query) if query.query == "商品"));
    }
}
