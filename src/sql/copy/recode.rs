//! Data of COPY in another encoding than UTF-8, as they arrive.
//!
//! Bytes of some encodings look like delimiters and backslashes, so that data become UTF-8 before anything is looked for in them.

use crate::encoding::Charset;
use crate::error::{Error, Result};

/// Makes UTF-8 of pieces that end anywhere.
#[derive(Debug)]
pub struct Recoder {
    charset: Charset,
    table: String,
    /// The beginning of a character whose end has not come.
    rest: Vec<u8>,
    /// The line that is read.
    line: u64,
}

impl Recoder {
    /// A recoder of data for a table; none where they are UTF-8.
    pub fn new(charset: Charset, table: &str) -> Option<Self> {
        let recoder = Self { charset, table: table.to_owned(), rest: Vec::new(), line: 1 };
        (!charset.is_utf8()).then_some(recoder)
    }

    /// The text of a piece, as far as its characters are all there.
    pub fn feed(&mut self, piece: &[u8]) -> Result<String> {
        self.rest.extend_from_slice(piece);
        let whole = self.charset.whole(&self.rest);
        let bytes = std::mem::take(&mut self.rest);
        let (bytes, rest) = bytes.split_at(whole);
        self.rest = rest.to_vec();
        self.text(bytes)
    }

    /// What is left, which must be nothing.
    pub fn finish(&mut self) -> Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.text(&rest).map(drop)
    }

    fn text(&mut self, bytes: &[u8]) -> Result<String> {
        match self.charset.decode(bytes) {
            Ok(text) => {
                self.line += text.bytes().filter(|byte| *byte == b'\n').count() as u64;
                Ok(text.into_owned())
            }
            Err(error) => Err(self.located(bytes, error)),
        }
    }

    /// The error with the first line that has one.
    fn located(&self, bytes: &[u8], error: Error) -> Error {
        // A newline is no part of any character.
        for (line, piece) in (self.line..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            if let Err(error) = self.charset.decode(piece) {
                return error.with_context(format!("COPY {}, line {line}", self.table));
            }
        }
        error.with_context(format!("COPY {}", self.table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn pieces_end_anywhere() {
        let gbk = Charset::named("GBK").unwrap();
        let mut bytes = Vec::new();
        gbk.encode("1\t商品\n2\t誠\n", &mut bytes).unwrap();
        // The second byte of one of them is a backslash's.
        assert!(bytes.contains(&b'\\'));
        for size in 1..4 {
            let mut recoder = Recoder::new(gbk, "t").unwrap();
            let text: String = bytes.chunks(size).map(|piece| recoder.feed(piece).unwrap()).collect();
            assert_eq!(text, "1\t商品\n2\t誠\n");
            assert!(recoder.finish().is_ok());
        }
        let mut recoder = Recoder::new(gbk, "t").unwrap();
        recoder.feed(b"a\n").unwrap();
        let error = recoder.feed(b"b\n\xc9\x30\n").unwrap_err();
        assert_eq!((error.kind(), error.context()), (Kind::Untranslatable, Some("COPY t, line 3")));
        assert!(Recoder::new(Charset::Utf8, "t").is_none());
    }
}
