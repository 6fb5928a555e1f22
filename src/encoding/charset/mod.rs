//! The encodings of characters that a client may speak.
//!
//! All texts here are UTF-8. A client that has set `client_encoding` to another encoding sends its statements, parameters and COPY
//! data in that, and gets names, values and messages in it. The names are PostgreSQL's, and so is what is an error: bytes that are no
//! character of the encoding ([`Kind::InvalidByteSequence`]), and characters that the other side has not ([`Kind::Untranslatable`]).
//!
//! What bytes a character has the tables of `encoding_rs` say. They are those of browsers, which differ from PostgreSQL's in some
//! places, and those are in [`different`].

mod different;

use crate::error::{Error, Kind, Result};
use encoding_rs::Encoding;
use std::borrow::Cow;

/// An encoding of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// `UTF8`
    #[default]
    Utf8,
    /// `SQL_ASCII`: bytes as they are, which here are those of UTF-8.
    SqlAscii,
    /// `LATIN1`: each byte is the character of its number.
    Latin1,
    /// Another, by its place in [`TABLES`].
    Table(u8),
}

/// How many bytes a character has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// One.
    One,
    /// Two from 0x80 on.
    Two,
    /// Two, both from 0xa1 to 0xfe.
    Euc,
    /// Two, or four where the second is a digit.
    Gb18030,
}

/// An encoding whose characters a table of `encoding_rs` has.
struct Table {
    /// PostgreSQL's name and number.
    name: &'static str,
    number: i64,
    lengths: Lengths,
    table: &'static Encoding,
    /// Other names, as [`plain`] makes them.
    aliases: &'static [&'static str],
}

/// PostgreSQL's numbers of those that are no table's.
const SQL_ASCII: i64 = 0;
const UTF8: i64 = 6;
const LATIN1: i64 = 8;

const fn table(
    name: &'static str,
    number: i64,
    lengths: Lengths,
    table: &'static Encoding,
    aliases: &'static [&'static str],
) -> Table {
    Table { name, number, lengths, table, aliases }
}

static TABLES: &[Table] = &[
    table("GBK", 37, Lengths::Two, encoding_rs::GBK, &["gbk", "win936", "windows936"]),
    table("GB18030", 39, Lengths::Gb18030, encoding_rs::GB18030, &["gb18030"]),
    table("BIG5", 36, Lengths::Two, encoding_rs::BIG5, &["big5", "win950", "windows950"]),
    table("EUC_CN", 2, Lengths::Euc, encoding_rs::GBK, &["euccn"]),
    table("EUC_KR", 3, Lengths::Euc, encoding_rs::EUC_KR, &["euckr"]),
    table("UHC", 38, Lengths::Two, encoding_rs::EUC_KR, &["uhc", "win949", "windows949"]),
    table("LATIN2", 9, Lengths::One, encoding_rs::ISO_8859_2, &["latin2", "iso88592"]),
    table("LATIN9", 16, Lengths::One, encoding_rs::ISO_8859_15, &["latin9", "iso885915"]),
    table("WIN1250", 29, Lengths::One, encoding_rs::WINDOWS_1250, &["win1250", "windows1250"]),
    table("WIN1251", 23, Lengths::One, encoding_rs::WINDOWS_1251, &["win", "win1251", "windows1251"]),
    table("WIN1252", 24, Lengths::One, encoding_rs::WINDOWS_1252, &["win1252", "windows1252"]),
    table("KOI8R", 22, Lengths::One, encoding_rs::KOI8_R, &["koi8", "koi8r"]),
];

/// Encodings that PostgreSQL knows and that are not here, as [`plain`] makes their names.
const OTHERS: &[&str] = &[
    "eucjis2004",
    "eucjp",
    "euctw",
    "iso885910",
    "iso885913",
    "iso885914",
    "iso885916",
    "iso88593",
    "iso88594",
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
    "iso88599",
    "johab",
    "koi8u",
    "latin10",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "mskanji",
    "muleinternal",
    "shiftjis",
    "shiftjis2004",
    "sjis",
    "tcvn",
    "tcvn5712",
    "vscii",
    "win1253",
    "win1254",
    "win1255",
    "win1256",
    "win1257",
    "win1258",
    "win866",
    "win874",
    "win932",
    "windows1253",
    "windows1254",
    "windows1255",
    "windows1256",
    "windows1257",
    "windows1258",
    "windows866",
    "windows874",
    "windows932",
];

/// A name without what makes no difference in it.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

impl Charset {
    /// The encoding of this name, of PostgreSQL's or another that it knows.
    ///
    /// # Errors
    ///
    /// `Unsupported` for one that PostgreSQL has and that is not here, `InvalidParameter` for no encoding at all.
    pub fn named(name: &str) -> Result<Self> {
        let plain = plain(name);
        match plain.as_str() {
            "utf8" | "unicode" => return Ok(Self::Utf8),
            "sqlascii" => return Ok(Self::SqlAscii),
            "latin1" | "iso88591" => return Ok(Self::Latin1),
            _ => {}
        }
        if let Some(at) = TABLES.iter().position(|table| table.aliases.contains(&plain.as_str())) {
            return Ok(Self::Table(at as u8));
        }
        Err(match OTHERS.contains(&plain.as_str()) {
            true => {
                let message = format!("conversion between {} and UTF8 is not supported", name.to_uppercase());
                Error::new(Kind::Unsupported, message)
            }
            false => Error::new(Kind::InvalidParameter, format!("\"{name}\" is no encoding")),
        })
    }

    /// PostgreSQL's name of it.
    pub fn name(self) -> &'static str {
        match (self, self.table()) {
            (_, Some(table)) => table.name,
            (Self::SqlAscii, _) => "SQL_ASCII",
            (Self::Latin1, _) => "LATIN1",
            _ => "UTF8",
        }
    }

    /// PostgreSQL's number of it.
    pub fn number(self) -> i64 {
        match (self, self.table()) {
            (_, Some(table)) => table.number,
            (Self::SqlAscii, _) => SQL_ASCII,
            (Self::Latin1, _) => LATIN1,
            _ => UTF8,
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let tables = (0..TABLES.len()).map(|at| Self::Table(at as u8));
        [Self::Utf8, Self::SqlAscii, Self::Latin1].into_iter().chain(tables)
    }

    /// Whether its bytes are those of UTF-8, so that nothing is to be converted.
    pub fn is_utf8(self) -> bool {
        matches!(self, Self::Utf8 | Self::SqlAscii)
    }

    fn table(self) -> Option<&'static Table> {
        match self {
            Self::Table(at) => TABLES.get(usize::from(at)),
            _ => None,
        }
    }

    /// The text that bytes are.
    ///
    /// # Errors
    ///
    /// `InvalidByteSequence` for bytes that are no characters of the encoding, `Untranslatable` for one that Unicode has not.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>> {
        if self.is_utf8() || bytes.is_ascii() {
            return match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(error) => Err(self.invalid(&bytes[error.valid_up_to()..])),
            };
        }
        let mut text = String::with_capacity(bytes.len() * 2);
        let mut rest = bytes;
        while !rest.is_empty() {
            let ascii = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            let (plain, behind) = rest.split_at(ascii);
            text.extend(plain.iter().map(|byte| char::from(*byte)));
            // As many characters as the table has one after another.
            let length = self.run(behind)?;
            self.decode_run(&behind[..length], &mut text)?;
            rest = &behind[length..];
        }
        Ok(Cow::Owned(text))
    }

    /// How many bytes at the beginning are characters beyond ASCII, none of which PostgreSQL takes for another than the table does.
    fn run(self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        while bytes.get(at).is_some_and(|byte| !byte.is_ascii()) {
            let length = self.length(&bytes[at..]).ok_or_else(|| self.invalid(&bytes[at..]))?;
            if self.different(&bytes[at..at + length]).is_some() {
                return Ok(if at == 0 { length } else { at });
            }
            at += length;
        }
        Ok(at)
    }

    fn decode_run(self, bytes: &[u8], text: &mut String) -> Result<()> {
        let Some(table) = self.table() else {
            text.extend(bytes.iter().map(|byte| char::from(*byte)));
            return Ok(());
        };
        if let Some(character) = self.different(bytes) {
            text.push(character);
            return Ok(());
        }
        match table.table.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(decoded) if self.is_whole(table, bytes, &decoded) => text.push_str(&decoded),
            _ => {
                // Character by character, to find the one that is none.
                let mut rest = bytes;
                while !rest.is_empty() {
                    let length = self.length(rest).ok_or_else(|| self.invalid(rest))?;
                    let (one, behind) = rest.split_at(length);
                    match table.table.decode_without_bom_handling_and_without_replacement(one) {
                        Some(decoded) if self.is_whole(table, one, &decoded) => text.push_str(&decoded),
                        _ => return Err(self.untranslatable(one, "UTF8")),
                    }
                    rest = behind;
                }
            }
        }
        Ok(())
    }

    /// Whether the table has read what PostgreSQL reads: one character for each, none of a larger encoding.
    fn is_whole(self, table: &Table, bytes: &[u8], decoded: &str) -> bool {
        let private = |character: char| ('\u{e000}'..='\u{f8ff}').contains(&character);
        match table.lengths {
            Lengths::Gb18030 => true,
            Lengths::One => {
                !decoded.chars().any(|character| ('\u{80}'..='\u{9f}').contains(&character))
                    || table.name.starts_with("LATIN")
            }
            Lengths::Two | Lengths::Euc => {
                decoded.chars().count() * 2 == bytes.len()
                    && !decoded.chars().any(private)
                    && (table.name != "EUC_CN" || bytes.chunks_exact(2).all(is_gb2312))
            }
        }
    }

    /// How many bytes the first character has; none where the bytes begin no character.
    fn length(self, bytes: &[u8]) -> Option<usize> {
        let first = *bytes.first()?;
        if first.is_ascii() {
            return Some(1);
        }
        let Some(table) = self.table() else { return Some(1) };
        let euc = |byte: u8| (0xa1..=0xfe).contains(&byte);
        let lead = |byte: u8| (0x81..=0xfe).contains(&byte);
        let digit = |byte: u8| byte.is_ascii_digit();
        match (table.lengths, bytes) {
            (Lengths::One, _) => Some(1),
            (Lengths::Two, [_, second, ..]) => (*second != 0).then_some(2),
            (Lengths::Euc, [_, second, ..]) => (euc(first) && euc(*second)).then_some(2),
            (Lengths::Gb18030, [_, second, third, fourth, ..]) if digit(*second) => {
                (lead(first) && lead(*third) && digit(*fourth)).then_some(4)
            }
            (Lengths::Gb18030, [_, second @ (0x40..=0x7e | 0x80..=0xfe), ..]) => {
                (lead(first) && *second != 0x7f).then_some(2)
            }
            _ => None,
        }
    }

    /// How many bytes at the beginning are whole characters, where more may follow.
    pub fn whole(self, bytes: &[u8]) -> usize {
        if self.is_utf8() {
            return match std::str::from_utf8(bytes) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => bytes.len(),
            };
        }
        let longest = match self.table().map_or(Lengths::One, |table| table.lengths) {
            Lengths::One => return bytes.len(),
            Lengths::Two | Lengths::Euc => 2,
            Lengths::Gb18030 => 4,
        };
        let mut at = 0;
        while at < bytes.len() {
            match self.length(&bytes[at..]) {
                Some(length) => at += length,
                // It may only lack its end.
                None if bytes.len() - at < longest => return at,
                None => return bytes.len(),
            }
        }
        at
    }

    /// Appends a text in this encoding.
    ///
    /// # Errors
    ///
    /// `Untranslatable` for a character that the encoding has not.
    pub fn encode(self, text: &str, out: &mut Vec<u8>) -> Result<()> {
        self.encode_or(text, out, |character| {
            let mut bytes = [0; 4];
            Err(Self::Utf8.untranslatable(character.encode_utf8(&mut bytes).as_bytes(), self.name()))
        })
    }

    /// The same with a question mark for a character that the encoding has not: for what must be told in any case.
    pub fn encode_lossy(self, text: &str, out: &mut Vec<u8>) {
        // It never fails.
        let _ = self.encode_or(text, out, |_| Ok(b'?'));
    }

    fn encode_or(self, text: &str, out: &mut Vec<u8>, missing: impl Fn(char) -> Result<u8>) -> Result<()> {
        if self.is_utf8() || text.is_ascii() {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        for character in text.chars() {
            match self.encoded(character) {
                Some((bytes, length)) => out.extend_from_slice(&bytes[..length]),
                None => out.push(missing(character)?),
            }
        }
        Ok(())
    }

    /// The bytes of a character, and how many they are.
    fn encoded(self, character: char) -> Option<([u8; 4], usize)> {
        let mut bytes = [0; 4];
        if character.is_ascii() {
            bytes[0] = character as u8;
            return Some((bytes, 1));
        }
        let Some(table) = self.table() else {
            bytes[0] = u8::try_from(u32::from(character)).ok()?;
            return Some((bytes, 1));
        };
        let different = different::of(table.name);
        if let Some(given) = different.and_then(|different| different.bytes.get(&character)) {
            let length = 4 - given.leading_zeros() as usize / 8;
            bytes[..length].copy_from_slice(&given.to_be_bytes()[4 - length..]);
            return Some((bytes, length));
        }
        let mut text = [0; 4];
        let (encoded, _, missing) = table.table.encode(character.encode_utf8(&mut text));
        let length = encoded.len();
        if missing || length > bytes.len() {
            return None;
        }
        bytes[..length].copy_from_slice(&encoded);
        let there = &bytes[..length];
        // What PostgreSQL takes for another character, or for none of the encoding.
        let other = self.different(there).is_some_and(|other| other != character);
        let whole = self.length(there) == Some(length) && self.is_whole(table, there, text_of(&text, character));
        (!other && whole).then_some((bytes, length))
    }

    /// The character that PostgreSQL takes bytes for where the table takes them for another.
    fn different(self, bytes: &[u8]) -> Option<char> {
        different::of(self.table()?.name)?.characters.get(&different::number(bytes)).copied()
    }

    fn invalid(self, bytes: &[u8]) -> Error {
        let length = match self {
            Self::Utf8 | Self::SqlAscii => utf8_length(bytes.first().copied().unwrap_or_default()),
            _ => match self.table().map_or(Lengths::One, |table| table.lengths) {
                Lengths::One => 1,
                Lengths::Two | Lengths::Euc => 2,
                Lengths::Gb18030 if bytes.get(1).is_some_and(u8::is_ascii_digit) => 4,
                Lengths::Gb18030 => 2,
            },
        };
        // Of SQL_ASCII it is the server's that they are none of.
        let name = if self == Self::SqlAscii { "UTF8" } else { self.name() };
        let shown = shown(&bytes[..length.min(bytes.len())]);
        Error::new(Kind::InvalidByteSequence, format!("invalid byte sequence for encoding \"{name}\": {shown}"))
    }

    fn untranslatable(self, bytes: &[u8], into: &str) -> Error {
        let (shown, from) = (shown(bytes), self.name());
        let message = format!(
            "character with byte sequence {shown} in encoding \"{from}\" has no equivalent in encoding \"{into}\""
        );
        Error::new(Kind::Untranslatable, message)
    }
}

fn text_of(bytes: &[u8; 4], character: char) -> &str {
    std::str::from_utf8(&bytes[..character.len_utf8()]).unwrap_or_default()
}

/// Bytes that PostgreSQL takes a character of UTF-8 to have by its first.
fn utf8_length(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    }
}

/// Bytes as they are shown in messages.
fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Whether two bytes are a character of GB 2312, which GBK has more of.
fn is_gb2312(bytes: &[u8]) -> bool {
    let [first, second] = bytes else { return false };
    match first {
        0xa1 | 0xa3 => true,
        0xa2 => matches!(second, 0xb1..=0xe2 | 0xe5..=0xee | 0xf1..=0xfc),
        0xa4 => *second <= 0xf3,
        0xa5 => *second <= 0xf6,
        0xa6 => matches!(second, 0xa1..=0xb8 | 0xc1..=0xd8),
        0xa7 => matches!(second, 0xa1..=0xc1 | 0xd1..=0xf1),
        0xa8 => matches!(second, 0xa1..=0xba | 0xc5..=0xe9),
        0xa9 => matches!(second, 0xa4..=0xef),
        0xb0..=0xd6 | 0xd8..=0xf7 => true,
        0xd7 => *second <= 0xf9,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charset(name: &str) -> Charset {
        Charset::named(name).unwrap()
    }

    fn encoded(name: &str, text: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        charset(name).encode(text, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn texts_go_out_and_come_back() {
        for (name, text, bytes) in [
            ("GBK", "商品 a", &b"\xc9\xcc\xc6\xb7 a"[..]),
            ("gb18030", "\u{1e3f}", b"\x81\x35\xf4\x37"),
            ("gb18030", "商𠀀", b"\xc9\xcc\x95\x32\x82\x36"),
            ("big5", "商品", b"\xb0\xd3\xab\x7e"),
            ("EUC_CN", "商品", b"\xc9\xcc\xc6\xb7"),
            ("latin1", "Größe", b"Gr\xf6\xdfe"),
            ("SQL_ASCII", "商", "商".as_bytes()),
        ] {
            assert_eq!(encoded(name, text).unwrap(), bytes, "{name}");
            assert_eq!(charset(name).decode(bytes).unwrap(), text, "{name}");
            for cut in 1..bytes.len() {
                let whole = charset(name).whole(&bytes[..cut]);
                let front = charset(name).decode(&bytes[..whole]).unwrap().into_owned();
                assert_eq!(front + &charset(name).decode(&bytes[whole..]).unwrap(), text, "{name} at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_character_is_told() {
        fn told(result: Result<Cow<'_, str>>) -> std::result::Result<Cow<'_, str>, (Kind, String)> {
            result.map_err(|error| (error.kind(), error.message().to_owned()))
        }
        let invalid = |text: &str| Err((Kind::InvalidByteSequence, text.to_owned()));
        let utf8 = "invalid byte sequence for encoding \"UTF8\": 0xe5 0x95";
        assert_eq!(told(Charset::Utf8.decode(b"a\xe5\x95")), invalid(utf8));
        let gbk = "invalid byte sequence for encoding \"GBK\": 0xc9";
        assert_eq!(told(charset("gbk").decode(b"a\xc9")), invalid(gbk));
        let error = encoded("latin1", "a€").unwrap_err();
        let said =
            "character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"";
        assert_eq!((error.kind(), error.message()), (Kind::Untranslatable, said));
        let mut lossy = Vec::new();
        charset("gbk").encode_lossy("商𠀀", &mut lossy);
        assert_eq!(lossy, b"\xc9\xcc?");
        assert_eq!(Charset::named("nonsense").unwrap_err().kind(), Kind::InvalidParameter);
        assert_eq!(Charset::named("EUC_TW").unwrap_err().kind(), Kind::Unsupported);
    }
}
