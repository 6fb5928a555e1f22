//! Messages to the client with their texts in the encoding that it speaks.
//!
//! pgwire's messages hold texts of UTF-8. In another encoding the bytes of a whole message are gone through once more: what is text in
//! each kind of message that has some, and nothing else, becomes other bytes. Rows and data of COPY are not among them: those who write
//! them know which values are texts.

use crate::encoding::Charset;
use crate::error::{Error, Result};

/// Bytes behind the name of each column in a row description.
const COLUMN_FACTS: usize = 18;
/// The kind of a message, and its length.
const HEAD: usize = 5;

/// Appends a message.
///
/// # Errors
///
/// `Untranslatable` for the name of a column that the encoding cannot write. What belongs to no statement is told in any case.
pub fn recode(message: &[u8], charset: Charset, out: &mut Vec<u8>) -> Result<()> {
    let plain = charset.is_utf8() || message.is_ascii();
    let (Some((head, body)), false) = (message.split_first_chunk::<HEAD>(), plain) else {
        out.extend_from_slice(message);
        return Ok(());
    };
    let start = out.len();
    out.extend_from_slice(head);
    let mut texts = Texts { rest: body, charset, out };
    let done = match head[0] {
        b'T' => texts.row_description(),
        b'E' | b'N' => texts.fields(),
        b'S' => texts.lossy().and_then(|()| texts.lossy()),
        b'A' => texts.bytes(4).and_then(|()| texts.lossy()).and_then(|()| texts.lossy()),
        b'C' => texts.lossy(),
        _ => Ok(()),
    };
    if let Err(error) = done {
        out.truncate(start);
        return Err(error);
    }
    let rest = texts.rest;
    out.extend_from_slice(rest);
    let length = u32::try_from(out.len() - start - 1).map_err(|_| Error::internal("a message is too long"))?;
    out[start + 1..start + HEAD].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

struct Texts<'a, 'o> {
    rest: &'a [u8],
    charset: Charset,
    out: &'o mut Vec<u8>,
}

impl<'a> Texts<'a, '_> {
    fn bytes(&mut self, count: usize) -> Result<()> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or_else(short)?;
        self.out.extend_from_slice(bytes);
        self.rest = rest;
        Ok(())
    }

    fn next_text(&mut self) -> Result<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or_else(short)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        std::str::from_utf8(text).map_err(|_| Error::internal("a message holds no text where one should be"))
    }

    fn text(&mut self) -> Result<()> {
        let text = self.next_text()?;
        self.charset.encode(text, self.out)?;
        self.out.push(0);
        Ok(())
    }

    fn lossy(&mut self) -> Result<()> {
        let text = self.next_text()?;
        self.charset.encode_lossy(text, self.out);
        self.out.push(0);
        Ok(())
    }

    fn row_description(&mut self) -> Result<()> {
        let count = self.rest.first_chunk::<2>().map_or(0, |count| u16::from_be_bytes(*count));
        self.bytes(2)?;
        (0..count).try_for_each(|_| self.text().and_then(|()| self.bytes(COLUMN_FACTS)))
    }

    /// Fields of an error or a notice, up to the zero byte that ends them.
    fn fields(&mut self) -> Result<()> {
        while self.rest.first().is_some_and(|kind| *kind != 0) {
            self.bytes(1)?;
            self.lossy()?;
        }
        Ok(())
    }
}

fn short() -> Error {
    Error::internal("a message is shorter than what it holds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn recoded(message: &[u8], charset: &str) -> Result<Vec<u8>> {
        let mut out = b"before".to_vec();
        let done = recode(message, Charset::named(charset).unwrap(), &mut out);
        assert!(done.is_ok() || out == b"before");
        done.map(|()| out.split_off(6))
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [&[kind], &length[..], body].concat()
    }

    #[test]
    fn texts_alone_become_other_bytes() {
        let utf8 = |before: &[u8], behind: &[u8]| [before, "商品".as_bytes(), b"\0", behind].concat();
        let gbk = |before: &[u8], behind: &[u8]| [before, b"\xc9\xcc\xc6\xb7\0", behind].concat();
        let facts = [0xe5; COLUMN_FACTS];
        for (kind, before, behind) in [
            (b'T', &b"\0\x01"[..], &facts[..]),
            (b'E', b"SERROR\0M", b"\0"),
            (b'S', b"application_name\0", b""),
            (b'A', b"\xe5\xe5\xe5\xe5", b"payload\0"),
        ] {
            let expected = message(kind, &gbk(before, behind));
            assert_eq!(recoded(&message(kind, &utf8(before, behind)), "GBK").unwrap(), expected, "{}", kind as char);
        }
        // Others hold no texts.
        let data = message(b'd', "商".as_bytes());
        assert_eq!(recoded(&data, "GBK").unwrap(), data);
    }

    #[test]
    fn errors_are_told_in_any_case() {
        let error = message(b'E', &["M商".as_bytes(), b"\0\0"].concat());
        assert_eq!(recoded(&error, "LATIN1").unwrap(), message(b'E', b"M?\0\0"));
        let name = message(b'T', &[&b"\0\x01"[..], "商".as_bytes(), b"\0", &[0; COLUMN_FACTS]].concat());
        assert_eq!(recoded(&name, "LATIN1").unwrap_err().kind(), Kind::Untranslatable);
    }
}
