//! Characters: which encoding a file is in, and a reader that gives UTF-8 whatever it was.
//!
//! A byte-order mark decides; then valid UTF-8; then zero bytes in every second place (UTF-16); then `chardetng`'s
//! guess, which knows GBK, Big5, Shift_JIS, the Windows code pages and others. A file whose first non-ASCII text comes
//! late is judged there, not by its ASCII start. Where UTF-8 was found and breaks later, reading fails with the place
//! instead of losing characters; a file that the user named an encoding for, or that was only guessed, gets U+FFFD.

use crate::config::SOURCE_SNIFF_BYTES;
use crate::error::{Error, Kind, Result};
use encoding_rs::{CoderResult, Decoder, DecoderResult, EUC_KR, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes beyond ASCII up to which Korean is not told from Chinese for sure.
const FEW_LETTERS: usize = 400;

/// A character set and how strictly it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Charset {
    form: CharForm,
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum CharForm {
    Known(&'static Encoding),
    Utf32 { big_endian: bool },
}

impl Charset {
    const UTF_8: Charset = Charset { form: CharForm::Known(UTF_8), strict: true };

    /// The name by which people know it.
    #[cfg(test)]
    pub(super) fn name(&self) -> &'static str {
        match self.form {
            CharForm::Known(encoding) => encoding.name(),
            CharForm::Utf32 { .. } => "UTF-32",
        }
    }
}

fn lossy(encoding: &'static Encoding) -> Charset {
    Charset { form: CharForm::Known(encoding), strict: false }
}

/// The character set that an option names: `None` for `auto`, `InvalidParameter` for a name nobody knows.
pub(super) fn named(label: &str) -> Result<Option<Charset>> {
    let label = label.trim();
    match label.to_ascii_lowercase().as_str() {
        "auto" | "" => Ok(None),
        "utf-32" | "utf-32le" => Ok(Some(Charset { form: CharForm::Utf32 { big_endian: false }, strict: false })),
        "utf-32be" => Ok(Some(Charset { form: CharForm::Utf32 { big_endian: true }, strict: false })),
        _ => Encoding::for_label(label.as_bytes()).map(|encoding| Some(lossy(encoding))).ok_or_else(|| {
            Error::new(Kind::InvalidParameter, format!("\"{label}\" is no encoding that Steward knows"))
                .with_hint("auto, utf-8, gbk, gb18030, big5, shift_jis, utf-16le, windows-1252, ...")
        }),
    }
}

/// The character set of a file that `reader` stands at the start of.
pub(super) fn detect(mut reader: impl Read) -> io::Result<Charset> {
    let mut head = fill(&mut reader, SOURCE_SNIFF_BYTES)?;
    let whole = head.len() < SOURCE_SNIFF_BYTES;
    if let Some(charset) = by_mark(&head).or_else(|| by_zeros(&head)) {
        return Ok(charset);
    }
    if whole {
        return Ok(by_content(&head, true));
    }
    // Only the first block that is not ASCII can tell.
    while head.is_ascii() {
        head = fill(&mut reader, SOURCE_SNIFF_BYTES)?;
        if head.is_empty() {
            return Ok(Charset::UTF_8);
        }
    }
    Ok(by_content(&head, false))
}

/// The character set of bytes in memory: `declared` is what the document says of itself.
pub(super) fn detect_bytes(bytes: &[u8], declared: Option<&str>) -> Charset {
    by_mark(bytes)
        .or_else(|| by_zeros(bytes))
        .or_else(|| std::str::from_utf8(bytes).is_ok().then_some(Charset::UTF_8))
        .or_else(|| declared.and_then(|label| Encoding::for_label(label.trim().as_bytes())).map(lossy))
        .unwrap_or_else(|| by_content(bytes, true))
}

/// All of `bytes` as text, malformed ones as U+FFFD.
pub(super) fn decode(bytes: &[u8], charset: Charset) -> String {
    let mut text = Vec::new();
    let charset = Charset { strict: false, ..charset };
    // Reading from memory without strictness has no way to fail.
    let _ = Utf8Reader::new(bytes, charset, "").read_to_end(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn fill(reader: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(bytes);
    reader.take(bytes as u64).read_to_end(&mut block)?;
    Ok(block)
}

fn by_mark(head: &[u8]) -> Option<Charset> {
    match head {
        [0xff, 0xfe, 0, 0, ..] => Some(Charset { form: CharForm::Utf32 { big_endian: false }, strict: true }),
        [0, 0, 0xfe, 0xff, ..] => Some(Charset { form: CharForm::Utf32 { big_endian: true }, strict: true }),
        [0xff, 0xfe, ..] => Some(Charset { form: CharForm::Known(UTF_16LE), strict: true }),
        [0xfe, 0xff, ..] => Some(Charset { form: CharForm::Known(UTF_16BE), strict: true }),
        [0xef, 0xbb, 0xbf, ..] => Some(Charset::UTF_8),
        _ => None,
    }
}

/// UTF-16 without a mark: Latin text has a zero in nearly every even or every odd place, and none in the other.
fn by_zeros(head: &[u8]) -> Option<Charset> {
    let head = head.get(..head.len().min(4096)).unwrap_or(head);
    if head.len() < 8 {
        return None;
    }
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), head.len() / 2);
    if odd * 10 > half * 8 && even * 20 < half {
        return Some(Charset { form: CharForm::Known(UTF_16LE), strict: true });
    }
    (even * 10 > half * 8 && odd * 20 < half).then_some(Charset { form: CharForm::Known(UTF_16BE), strict: true })
}

fn by_content(block: &[u8], whole: bool) -> Charset {
    let (good, bad) = utf8_score(block, whole);
    if bad == 0 {
        return Charset::UTF_8;
    }
    // A few broken bytes among plenty of sound UTF-8 are damage, not another encoding.
    if good > 10 * bad {
        return lossy(UTF_8);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(block, whole);
    let guess = |home: Option<&[u8]>| detector.guess(home, chardetng::Utf8Detection::Deny);
    let found = guess(None);
    // A few words of GBK look like Korean as well; where so little tells, our readers' language does.
    let few = || block.iter().filter(|byte| !byte.is_ascii()).count() < FEW_LETTERS;
    lossy(if found == EUC_KR && few() { guess(Some(b"cn")) } else { found })
}

/// Sound and broken multi-byte sequences. A block cut out of a file may start and end inside a character.
fn utf8_score(block: &[u8], whole: bool) -> (usize, usize) {
    let mut rest = block;
    if !whole {
        let inside = rest.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
        rest = rest.get(inside..).unwrap_or_default();
    }
    let (mut good, mut bad) = (0, 0);
    for chunk in rest.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
        rest = chunk.invalid();
    }
    // The last chunk's invalid bytes reach the end of the block: a character that was cut.
    if !whole && bad > 0 && !rest.is_empty() && block.ends_with(rest) && rest.len() < 4 {
        bad -= 1;
    }
    (good, bad)
}

/// Reads bytes of any character set as UTF-8, without its byte-order mark.
pub(super) struct Utf8Reader<R> {
    inner: R,
    decoder: Converter,
    strict: bool,
    shown: String,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    given: usize,
    offset: u64,
    last: bool,
    done: bool,
    replaced: Replaced,
}

/// Whether bytes that are nothing in the file's encoding became U+FFFD. Clones tell of the same reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Replaced(Arc<AtomicBool>);

impl Replaced {
    fn note(&self, happened: bool) {
        self.0.fetch_or(happened, Ordering::Relaxed);
    }

    /// What to tell the reader of the file.
    pub(super) fn remark(&self) -> Option<String> {
        let remark = "some bytes are nothing in its encoding and are read as U+FFFD";
        self.0.load(Ordering::Relaxed).then(|| remark.to_owned())
    }
}

enum Converter {
    Known(Decoder),
    Utf32 { big_endian: bool, at_start: bool },
}

impl<R: Read> Utf8Reader<R> {
    /// A reader of `inner`; `shown` is the file's name for errors.
    pub(super) fn new(inner: R, charset: Charset, shown: &str) -> Self {
        let decoder = match charset.form {
            CharForm::Known(encoding) => Converter::Known(encoding.new_decoder_with_bom_removal()),
            CharForm::Utf32 { big_endian } => Converter::Utf32 { big_endian, at_start: true },
        };
        Self {
            inner,
            decoder,
            strict: charset.strict,
            shown: shown.to_owned(),
            input: Vec::new(),
            taken: 0,
            output: Vec::new(),
            given: 0,
            offset: 0,
            last: false,
            done: false,
            replaced: Replaced::default(),
        }
    }

    /// Whether characters were lost so far.
    pub(super) fn replaced(&self) -> Replaced {
        self.replaced.clone()
    }

    fn malformed(&self) -> io::Error {
        io::Error::other(
            Error::new(
                Kind::InvalidText,
                format!(
                    "{}: the bytes near offset {} are not in the encoding of the file's start",
                    self.shown, self.offset
                ),
            )
            .with_hint("Name the encoding (encoding = 'gbk', 'utf-8', ...): what is malformed then becomes U+FFFD."),
        )
    }

    /// Decodes some more into `output`; nothing new in it means the end.
    fn advance(&mut self) -> io::Result<()> {
        self.output.clear();
        self.given = 0;
        while self.output.is_empty() && !self.done {
            if self.taken >= self.input.len() && !self.last {
                self.refill(0)?;
            }
            match self.decoder {
                Converter::Known(_) => self.step_known()?,
                Converter::Utf32 { big_endian, at_start } => self.step_utf32(big_endian, at_start)?,
            }
        }
        Ok(())
    }

    /// Reads the next block behind the `keep` bytes that are not decoded yet.
    fn refill(&mut self, keep: usize) -> io::Result<()> {
        let from = self.input.len() - keep;
        self.input.drain(..from);
        self.taken = 0;
        let before = self.input.len();
        (&mut self.inner).take(64 << 10).read_to_end(&mut self.input)?;
        self.last = self.input.len() == before;
        Ok(())
    }

    fn step_known(&mut self) -> io::Result<()> {
        let Converter::Known(decoder) = &mut self.decoder else { return Ok(()) };
        let source = self.input.get(self.taken..).unwrap_or_default();
        self.output.resize(3 * source.len() + 16, 0);
        let (ended, malformed, read, written) = if self.strict {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(source, &mut self.output, self.last);
            let malformed = matches!(result, DecoderResult::Malformed(..));
            (matches!(result, DecoderResult::InputEmpty), malformed, read, written)
        } else {
            let (result, read, written, replaced) = decoder.decode_to_utf8(source, &mut self.output, self.last);
            self.replaced.note(replaced);
            (matches!(result, CoderResult::InputEmpty), false, read, written)
        };
        self.output.truncate(written);
        self.taken += read;
        self.offset += read as u64;
        if malformed {
            return Err(self.malformed());
        }
        self.done = self.last && ended;
        Ok(())
    }

    fn step_utf32(&mut self, big_endian: bool, mut at_start: bool) -> io::Result<()> {
        let mut text = String::new();
        while let Some(&[a, b, c, d]) = self.input.get(self.taken..self.taken + 4) {
            let code = if big_endian { u32::from_be_bytes([a, b, c, d]) } else { u32::from_le_bytes([a, b, c, d]) };
            match char::from_u32(code) {
                Some('\u{feff}') if at_start => {}
                Some(letter) => text.push(letter),
                None if self.strict => return Err(self.malformed()),
                None => {
                    self.replaced.note(true);
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            at_start = false;
            self.taken += 4;
            self.offset += 4;
        }
        self.decoder = Converter::Utf32 { big_endian, at_start };
        self.output = text.into_bytes();
        let left = self.input.len() - self.taken;
        if self.last {
            self.done = true;
            if left > 0 && self.strict {
                return Err(self.malformed());
            }
        } else {
            self.refill(left)?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.given >= self.output.len() {
            self.advance()?;
        }
        let ready = self.output.get(self.given..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(ready) {
            *to = *from;
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, &'static str) {
        let charset = detect(bytes).unwrap();
        let mut text = String::new();
        Utf8Reader::new(bytes, charset, "a.csv").read_to_string(&mut text).unwrap();
        (text, charset.name())
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "编号,商品名称\r\n1,手机保护壳与充电器套装\r\n2,女装夏季连衣裙\r\n";
        let (gbk, _, _) = encoding_rs::GBK.encode(text);
        assert_eq!(read(&gbk), (text.into(), "GBK"));
        assert_eq!(read(text.as_bytes()), (text.into(), "UTF-8"));
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()).0, text);
        let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16), (text.into(), "UTF-16LE"));
        let bare: Vec<u8> = "id,name\n1,shirt\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&bare), ("id,name\n1,shirt\n".into(), "UTF-16BE"));
        let utf32: Vec<u8> = format!("\u{feff}{text}").chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        assert_eq!(read(&utf32), (text.into(), "UTF-32"));
    }

    #[test]
    fn late_characters_are_judged_where_they_come() {
        let (late, _, _) = encoding_rs::GBK.encode("女装夏季连衣裙，手机保护壳与充电器套装");
        let mut bytes = vec![b'a'; SOURCE_SNIFF_BYTES + 10];
        bytes.extend_from_slice(&late);
        assert!(read(&bytes).0.ends_with("充电器套装"));
        // A character that lies across the border of two blocks stays sound UTF-8.
        let mut bytes = vec![b'a'; SOURCE_SNIFF_BYTES - 1];
        bytes.extend_from_slice("裙子".as_bytes());
        assert_eq!(read(&bytes).1, "UTF-8");
    }

    #[test]
    fn damage_is_told_unless_the_encoding_was_named() {
        let mut bytes = "好".repeat(200_000).into_bytes();
        bytes.push(0xff);
        let mut text = String::new();
        let charset = detect(&bytes[..]).unwrap();
        let error = Utf8Reader::new(&bytes[..], charset, "a.csv").read_to_string(&mut text).unwrap_err();
        assert_eq!(super::super::input::io_error("a.csv", &error).kind(), Kind::InvalidText);
        let charset = named("utf-8").unwrap().unwrap();
        text.clear();
        Utf8Reader::new(&bytes[..], charset, "a.csv").read_to_string(&mut text).unwrap();
        assert!(text.ends_with("好\u{fffd}"));
    }
}
