//! Codes of letters and digits: IBAN, identity numbers that end in a letter, credit codes, passports, licences, national numbers.

use super::context::{has_han, is_other, nearness};
use super::lexicon::{ID, PASSPORT};
use super::numbers::licensed;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType, national};
use crate::governance::semantic_type::{is_cn_id_card, is_cn_uscc, is_iban};

/// Characters of a code at most, its blanks counted.
const CODE_BYTES_MAX: usize = 42;

/// Looks at every run of letters and digits that has both.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let mut at = 0;
    while at < tokens.list.len() {
        let solid = |at: usize| tokens.is(at, TokenKind::Word) || tokens.is(at, TokenKind::Number);
        if !solid(at) {
            at += 1;
            continue;
        }
        let first = at;
        let (mut letters, mut digits) = (false, false);
        while solid(at) {
            letters |= tokens.is(at, TokenKind::Word);
            digits |= tokens.is(at, TokenKind::Number);
            at += 1;
        }
        if !digits {
            continue;
        }
        let (Some(from), Some(to)) = (tokens.get(first), tokens.get(at - 1)) else { continue };
        if found.covers(from.start) {
            continue;
        }
        if letters {
            let opens_iban = from.end - from.start == 2 && from.upper;
            if opens_iban && iban(tokens, first, found) {
                continue;
            }
            code(tokens, (first, at - 1), (from.start, to.end), found);
        } else if to.end - from.start == 18 && is_cn_uscc(tokens.bytes(from.start, to.end)) {
            // Of digits alone a credit code may be, too.
            let said = has_han(tokens, first, &["信用代码", "税号", "纳税人", "组织机构"]);
            if said || !is_other(tokens, first) && tokens.bytes(from.start, to.end).starts_with(b"9") {
                found.push(PiiType::CnUscc, from.start, to.end, 0.97);
            }
        }
    }
}

/// An IBAN with or without blanks, whose remainder is right.
fn iban(tokens: &Tokens<'_>, first: usize, found: &mut Found) -> bool {
    let Some(start) = tokens.get(first).map(|token| token.start) else { return false };
    let bytes = tokens.text.as_bytes();
    let mut compact = [0u8; 34];
    let (mut count, mut right_end, mut at) = (0, 0, start);
    while at < bytes.len() && at - start < CODE_BYTES_MAX && count < compact.len() {
        let byte = bytes[at];
        if byte.is_ascii_alphanumeric() {
            compact[count] = byte;
            count += 1;
            at += 1;
            let ends = !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
            if ends && count >= 15 && compact[2..4].iter().all(u8::is_ascii_digit) && is_iban(&compact[..count]) {
                right_end = at;
                // The groups of an IBAN have four; what is right is not made longer.
                break;
            }
        } else if matches!(byte, b' ' | b'-') && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
            at += 1;
        } else {
            break;
        }
    }
    found.push(PiiType::IbanCode, start, right_end.max(start), 1.0);
    right_end > start
}

/// What one code is.
fn code(tokens: &Tokens<'_>, (first, last): (usize, usize), (start, end): (usize, usize), found: &mut Found) {
    let bytes = tokens.bytes(start, end);
    if !bytes.is_ascii() || bytes.len() > CODE_BYTES_MAX {
        return;
    }
    if bytes.len() == 18 {
        if is_cn_id_card(bytes) {
            return found.push(PiiType::CnIdCard, start, end, 0.99);
        }
        if is_cn_uscc(bytes) && matches!(bytes[0].to_ascii_uppercase(), b'1' | b'5' | b'9' | b'A' | b'N' | b'Y') {
            return found.push(PiiType::CnUscc, start, end, 0.98);
        }
        return;
    }
    let letters = bytes.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let rest = bytes.get(letters..).unwrap_or_default();
    let numbered = !rest.is_empty() && rest.iter().all(u8::is_ascii_digit);
    if licensed(tokens, first, last)
        && (5..=20).contains(&bytes.len())
        && rest.iter().filter(|b| b.is_ascii_digit()).count() >= 4
    {
        return found.push(PiiType::DriverLicense, start, end, 0.8);
    }
    let alone = start == 0 && end == tokens.text.len();
    if numbered && (7..=10).contains(&bytes.len()) {
        let passport = nearness(tokens, first, last, PASSPORT) > 0.0 || has_han(tokens, first, &["护照"]);
        let permit = has_han(tokens, first, &["通行证", "台胞证", "回乡证"]);
        let chinese = matches!(
            (bytes[0], letters, rest.len()),
            (b'E' | b'G' | b'D' | b'S' | b'P' | b'K' | b'M', 1, 8) | (b'E' | b'P' | b'S' | b'D', 2, 7)
        );
        let score = match (passport, chinese) {
            (true, true) => 0.95,
            (true, false) if letters <= 2 => 0.8,
            (false, true) if alone => 0.5,
            (false, true) => 0.4,
            _ => 0.0,
        };
        if permit && matches!((bytes[0], letters, rest.len()), (b'C' | b'H' | b'M' | b'W' | b'T', 1 | 2, 7..=10)) {
            return found.push(PiiType::CnTravelPermit, start, end, 0.9);
        }
        if score > 0.0 && !is_other(tokens, first) {
            found.push(PiiType::Passport, start, end, score);
        }
    }
    let said = nearness(tokens, first, last, ID) > 0.0;
    national::code(bytes, said, (start, end), found);
}
