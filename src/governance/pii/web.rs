//! E-mail, addresses of the web, IP and MAC addresses.

use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::{is_email, is_mac};

/// Bytes of an address of the web that are looked at.
const URL_BYTES_MAX: usize = 2048;

/// Looks for them at the signs that they have.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let text = tokens.text;
    let bytes = text.as_bytes();
    for (at, token) in tokens.list.iter().enumerate() {
        if token.kind != TokenKind::Sign {
            continue;
        }
        match token.sign {
            b'@' => email(text, token.start, found),
            b':' if bytes.get(token.start + 1..token.start + 3) == Some(b"//") => scheme(text, token.start, found),
            b':' => colons(text, token.start, found),
            b'.' => dot(tokens, at, found),
            _ => {}
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-'!#$&*/=?^`{|}~".contains(&byte)
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

/// The address around an `@`.
fn email(text: &str, at: usize, found: &mut Found) {
    let bytes = text.as_bytes();
    let mut start = at;
    while start > 0 && at - start < 64 && is_local(bytes[start - 1]) {
        start -= 1;
    }
    // What people write before an address is no part of it.
    while start < at && !bytes[start].is_ascii_alphanumeric() {
        start += 1;
    }
    let mut end = at + 1;
    while end < bytes.len() && is_host(bytes[end]) {
        end += 1;
    }
    while end > at + 1 && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    if text.get(start..end).is_some_and(is_email) {
        found.push(PiiType::EmailAddress, start, end, 1.0);
    }
}

/// Where an address of the web ends: before blanks, quotes, Chinese and what closes a sentence.
fn end_of_url(text: &str, from: usize) -> usize {
    let rest = text.get(from..text.floor_char_boundary(from + URL_BYTES_MAX)).unwrap_or_default();
    let stops = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`' | '|') || !c.is_ascii();
    let end = from + rest.find(stops).unwrap_or(rest.len());
    let url = text.get(from..end).unwrap_or_default();
    let closed = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
    // A closing parenthesis belongs to it only if it was opened there.
    let closed = match closed.ends_with(')') && !closed.contains('(') {
        true => closed.trim_end_matches(')'),
        false => closed,
    };
    from + closed.len()
}

fn scheme(text: &str, colon: usize, found: &mut Found) {
    let bytes = text.as_bytes();
    let mut start = colon;
    while start > 0 && colon - start < 10 && bytes[start - 1].is_ascii_alphabetic() {
        start -= 1;
    }
    let end = end_of_url(text, colon + 3);
    if start < colon && end > colon + 4 {
        found.push(PiiType::Url, start, end, 0.95);
    }
}

/// Six pairs, or groups of IPv6, around a colon. Found at the first of their colons.
fn colons(text: &str, colon: usize, found: &mut Found) {
    let bytes = text.as_bytes();
    let fits = |b: &u8| b.is_ascii_hexdigit() || *b == b':';
    let mut start = colon;
    while start > 0 && colon - start < 5 && bytes[start - 1].is_ascii_hexdigit() {
        start -= 1;
    }
    // The first colon only: the others are within what was looked at there.
    if start > 0 && (bytes[start - 1] == b':' || bytes[start - 1].is_ascii_alphanumeric()) {
        return;
    }
    let mut end = colon;
    while end < bytes.len() && end - start < 46 && (fits(&bytes[end]) || bytes[end] == b'.') {
        end += 1;
    }
    while end > colon && matches!(bytes[end - 1], b'.') {
        end -= 1;
    }
    if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return;
    }
    let Some(run) = text.get(start..end) else { return };
    if is_mac(run.as_bytes()) {
        return found.push(PiiType::MacAddress, start, end, 0.95);
    }
    let address = run.trim_end_matches(':');
    let groups = address.bytes().filter(|b| *b == b':').count();
    // "::" alone, and times of day, are none.
    let has_letter = address.bytes().any(|b| b.is_ascii_alphabetic());
    if (groups >= 7 || groups >= 2 && (has_letter || address.contains("::")) && address.len() > 4)
        && address.parse::<std::net::Ipv6Addr>().is_ok()
    {
        found.push(PiiType::IpAddress, start, start + address.len(), 0.9);
    }
}

/// Suffixes of names that are told without a scheme before them.
const SUFFIXES: [&str; 22] = [
    "com", "cn", "net", "org", "io", "uk", "de", "fr", "jp", "ru", "edu", "gov", "info", "shop", "au", "br", "ca",
    "it", "es", "nl", "eu", "biz",
];

/// `www.` and names with a known suffix, found at their last dot.
fn dot(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let Some(before) = at.checked_sub(1) else { return };
    let Some(token) = tokens.get(at) else { return };
    let bytes = tokens.text.as_bytes();
    let word = tokens.text_at(before);
    if word.eq_ignore_ascii_case("www") && (before == 0 || !tokens.is_sign(before - 1, b'/')) {
        let start = tokens.list[before].start;
        let end = end_of_url(tokens.text, start);
        if tokens.text.get(start + 4..end).is_some_and(|host| host.contains('.')) {
            found.push(PiiType::Url, start, end, 0.9);
        }
        return;
    }
    let suffix = tokens.text_at(at + 1);
    if !SUFFIXES.iter().any(|known| known.eq_ignore_ascii_case(suffix)) || tokens.is_sign(at + 2, b'@') {
        return;
    }
    let mut start = token.start;
    while start > 0 && token.start - start < 63 && is_host(bytes[start - 1]) {
        start -= 1;
    }
    let behind = tokens.get(at + 2).map_or(0, |token| token.sign);
    let goes_on = behind == b'.' && tokens.is(at + 3, TokenKind::Word) || tokens.is_glued(at + 1);
    let before = start.checked_sub(1).map_or(b' ', |at| bytes[at]);
    // What hangs on another sign is a piece of something else: name#example.org.
    if goes_on
        || matches!(before, b'@' | b'/' | b':' | b'#' | b'$' | b'%' | b'&' | b'=' | b'_')
        || token.start - start < 2
    {
        return;
    }
    let end = match behind {
        b'/' => end_of_url(tokens.text, start),
        _ => tokens.list[at + 1].end,
    };
    found.push(PiiType::Url, start, end, 0.55);
}
