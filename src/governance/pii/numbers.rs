//! Numbers: cards, telephones, identity numbers of digits alone, postal codes.
//!
//! A run is a number with the groups that follow it behind a blank, a dash, a dot or in parentheses. Its digits are looked at as a whole: what has
//! a check digit must have the right one; the rest is a telephone, if it is grouped as one or stands beside a word for it.

use super::context::{has_han, is_other, nearness};
use super::lexicon::{CARD, ID, PASSPORT, SSN, ZIP};
use super::national;
use super::phones;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::{birth_and_region, is_card_issuer, is_cn_id_card, is_ip, is_luhn};

/// Digits of a run that are looked at.
pub const RUN_DIGITS_MAX: usize = 24;

/// A number with its groups.
#[derive(Debug)]
pub struct Run {
    /// The first token, which may be `+` or `(`.
    pub first: usize,
    /// The last token, a number.
    pub last: usize,
    /// First byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
    digits: [u8; RUN_DIGITS_MAX],
    count: usize,
    /// Digits of each group.
    pub groups: Vec<usize>,
    /// The signs between groups, one for each gap: the first that stands in it.
    pub gaps: Vec<u8>,
    /// It opens with `+`.
    pub plus: bool,
    /// It opens with a parenthesis, or its second group stands in one.
    pub paren: bool,
}

impl Run {
    /// Its digits.
    pub fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    /// Whether it has one group.
    pub fn is_plain(&self) -> bool {
        self.groups.len() == 1
    }

    /// Whether all gaps are this sign.
    pub fn is_parted_by(&self, sign: u8) -> bool {
        !self.gaps.is_empty() && self.gaps.iter().all(|gap| *gap == sign)
    }

    fn add(&mut self, token: usize, tokens: &Tokens<'_>) -> bool {
        let Some(number) = tokens.get(token) else { return false };
        let length = number.end - number.start;
        let Some(place) = self.digits.get_mut(self.count..self.count + length) else { return false };
        place.copy_from_slice(tokens.bytes(number.start, number.end));
        self.count += length;
        self.groups.push(length);
        (self.last, self.end) = (token, number.end);
        true
    }
}

/// The run that begins at a number.
fn run(tokens: &Tokens<'_>, at: usize) -> Option<Run> {
    let number = tokens.get(at)?;
    let mut run = Run {
        first: at,
        last: at,
        start: number.start,
        end: number.end,
        digits: [0; RUN_DIGITS_MAX],
        count: 0,
        groups: Vec::with_capacity(4),
        gaps: Vec::new(),
        plus: false,
        paren: false,
    };
    if !run.add(at, tokens) {
        return None;
    }
    let before = at.checked_sub(1);
    if before.is_some_and(|before| tokens.is_sign(before, b'(')) {
        run.paren = true;
        run.first = at - 1;
        run.start = tokens.get(at - 1)?.start;
    }
    if let Some(plus) = run.first.checked_sub(1).filter(|plus| tokens.is_sign(*plus, b'+')) {
        run.plus = true;
        run.first = plus;
        run.start = tokens.get(plus)?.start;
    }
    loop {
        // At most three signs, no two blanks, no end of line.
        let (mut next, mut gap, mut signs) = (run.last + 1, 0u8, 0);
        while signs < 4 {
            let Some(token) = tokens.get(next) else { break };
            let sign = match token.kind {
                TokenKind::Blank if token.breaks == 0 && token.end - token.start == 1 => b' ',
                TokenKind::Sign if matches!(token.sign, b'-' | b'.' | b'/' | b'(' | b')') => token.sign,
                _ => break,
            };
            run.paren |= sign == b'(';
            gap = if gap == 0 || gap == b' ' { sign } else { gap };
            signs += 1;
            next += 1;
        }
        if signs == 0 || !tokens.is(next, TokenKind::Number) || run.count > 19 {
            return Some(run);
        }
        let glued = tokens.is(next + 1, TokenKind::Word) && !matches!(tokens.text_at(next + 1), "x" | "ext" | "X");
        if glued || !run.add(next, tokens) {
            return Some(run);
        }
        run.gaps.push(gap);
    }
}

/// Looks at every run.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.kind != TokenKind::Number {
            at += 1;
            continue;
        }
        // Letters before it make it a code; a day was told already.
        let coded =
            at > 0 && tokens.is(at - 1, TokenKind::Word) && tokens.get(at - 1).is_some_and(|w| w.end == token.start);
        if coded || found.covers(token.start) {
            at += 1;
            continue;
        }
        if let Some(last) = ip(tokens, at, found) {
            at = last + 1;
            continue;
        }
        match run(tokens, at) {
            Some(run) => {
                let told = judge(tokens, &run, found);
                // Where the whole is nothing, its first group alone may be something: a number and another one behind a blank.
                // Of a number as long as a card's the parts are no numbers of their own: a wrong check digit stays one.
                let one = run.digits().len() >= 13 && (run.is_parted_by(b' ') || run.is_parted_by(b'-'));
                if !told && !run.is_plain() && !one {
                    alone(tokens, at, found);
                    at += 1;
                } else {
                    at = run.last + 1;
                }
            }
            None => at += 1,
        }
    }
}

/// Four numbers with dots; gives the last token.
fn ip(tokens: &Tokens<'_>, at: usize, found: &mut Found) -> Option<usize> {
    let parts = (0..3).all(|n| tokens.is_sign(at + 2 * n + 1, b'.') && tokens.is(at + 2 * n + 2, TokenKind::Number));
    let goes_on = |at: usize| tokens.is_sign(at, b'.') && tokens.is(at + 1, TokenKind::Number);
    if !parts || goes_on(at + 7) || at > 1 && tokens.is_sign(at - 1, b'.') && tokens.is(at - 2, TokenKind::Number) {
        return None;
    }
    let (start, end) = (tokens.get(at)?.start, tokens.get(at + 6)?.end);
    let right = tokens.text.get(start..end).is_some_and(is_ip) && !tokens.is(at + 7, TokenKind::Word);
    if right {
        // Versions of programs have small numbers.
        let small = tokens.text_at(at).len() == 1 && tokens.text_at(at + 6).len() == 1 && end - start <= 8;
        found.push(PiiType::IpAddress, start, end, if small { 0.5 } else { 0.95 });
    }
    right.then_some(at + 6)
}

/// A group that stands alone.
fn alone(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let Some(token) = tokens.get(at) else { return };
    let mut one = Run {
        first: at,
        last: at,
        start: token.start,
        end: token.end,
        digits: [0; RUN_DIGITS_MAX],
        count: 0,
        groups: Vec::new(),
        gaps: Vec::new(),
        plus: false,
        paren: false,
    };
    if token.end - token.start >= 9 && one.add(at, tokens) {
        judge(tokens, &one, found);
    }
}

/// Says what a run is; gives whether it is anything.
fn judge(tokens: &Tokens<'_>, run: &Run, found: &mut Found) -> bool {
    let before = found.spans.len();
    let digits = run.digits();
    let coded =
        tokens.is(run.last + 1, TokenKind::Word) && tokens.get(run.last + 1).is_some_and(|w| w.start == run.end);
    // Its letters are looked at with the codes; an extension is a telephone's.
    if coded && !phones::has_extension(tokens, run.last) {
        return false;
    }
    checked(tokens, run, digits, found);
    if found.spans.len() == before {
        national::digits(tokens, run, found);
    }
    if found.spans.len() == before {
        phones::judge(tokens, run, found);
    }
    if found.spans.len() == before && run.is_plain() {
        zip(tokens, run, found);
    }
    found.spans.len() > before
}

/// Numbers that have a check digit.
fn checked(tokens: &Tokens<'_>, run: &Run, digits: &[u8], found: &mut Found) {
    let near = |class: u32| nearness(tokens, run.first, run.last, class);
    let grouped_as_card = run.is_plain() || run.is_parted_by(b' ') || run.is_parted_by(b'-');
    if digits.len() == 18 && run.is_plain() && is_cn_id_card(digits) {
        return found.push(PiiType::CnIdCard, run.start, run.end, 0.99);
    }
    if digits.len() == 15
        && run.is_plain()
        && birth_and_region(digits)
        && has_han(tokens, run.first, &["身份证", "证件"])
    {
        return found.push(PiiType::CnIdCard, run.start, run.end, 0.8);
    }
    if (12..=19).contains(&digits.len()) && grouped_as_card && !run.plus && is_luhn(digits) {
        let issued = is_card_issuer(digits);
        let said = near(CARD) > 0.0
            || has_han(tokens, run.first, &["卡号", "银行卡", "信用卡", "储蓄卡", "借记卡", "账号", "帐号", "卡"]);
        let even = run.is_plain() || run.groups.iter().all(|group| (3..=7).contains(group));
        match (issued, said) {
            _ if !even => {}
            // An identity number with a wrong check digit is no card, though one in ten could be.
            _ if digits.len() == 18 && has_han(tokens, run.first, &["身份证", "证件", "公民身份"]) => {}
            (true, true) => return found.push(PiiType::CreditCard, run.start, run.end, 1.0),
            (true, false) if !is_other(tokens, run.first) => {
                let short = digits.len() < 13;
                return found.push(PiiType::CreditCard, run.start, run.end, if short { 0.6 } else { 0.9 });
            }
            (false, true) if digits.len() != 18 => {
                return found.push(PiiType::CreditCard, run.start, run.end, 0.75);
            }
            _ => {}
        }
        if digits.len() == 15 && run.is_plain() {
            let said = has_han(tokens, run.first, &["IMEI", "串号", "设备号"])
                || tokens
                    .text
                    .get(run.start.saturating_sub(12)..run.start)
                    .is_some_and(|b| b.to_ascii_lowercase().contains("imei"));
            // Those who give type approvals have their own first digits.
            let body = matches!(&digits[..2], b"01" | b"35" | b"44" | b"45" | b"49" | b"86" | b"91" | b"98" | b"99");
            if said || body && !is_other(tokens, run.first) {
                found.push(PiiType::Imei, run.start, run.end, if said { 0.95 } else { 0.6 });
            }
        }
    }
    if digits.len() == 9
        && run.groups == [3, 2, 4]
        && (run.is_parted_by(b'-') || run.is_parted_by(b' ') && near(SSN) > 0.0)
    {
        return ssn(tokens, run, digits, found);
    }
    if digits.len() == 9 && run.is_plain() && near(SSN) > 0.6 {
        return ssn(tokens, run, digits, found);
    }
    if digits.len() == 9 && run.is_plain() && near(PASSPORT) > 0.5 {
        found.push(PiiType::Passport, run.start, run.end, 0.75);
    }
    if (6..=12).contains(&digits.len()) && run.is_plain() {
        let license = licensed(tokens, run.first, run.last);
        if license {
            found.push(PiiType::DriverLicense, run.start, run.end, 0.75);
        }
    }
}

/// Whether a driving licence is spoken of right before.
pub fn licensed(tokens: &Tokens<'_>, first: usize, last: usize) -> bool {
    nearness(tokens, first, last, super::lexicon::LICENSE) > 0.6 && {
        let start = tokens.get(first).map_or(0, |token| token.start);
        let from = tokens.text.floor_char_boundary(start.saturating_sub(60));
        let before = tokens.text.get(from..start).unwrap_or_default().to_ascii_lowercase();
        before.contains("driv") || before.contains(" dl")
    } || has_han(tokens, first, &["驾驶证", "驾照"])
}

/// A number in a range that is issued. Those that open with 9 are taxpayers'.
fn ssn(tokens: &Tokens<'_>, run: &Run, digits: &[u8], found: &mut Found) {
    let said = nearness(tokens, run.first, run.last, SSN | ID) > 0.0;
    let issued =
        !digits.starts_with(b"000") && !digits.starts_with(b"666") && digits[3..5] != *b"00" && digits[5..] != *b"0000";
    match (issued, digits[0]) {
        (true, b'9') if (b'7'..=b'9').contains(&digits[3]) => {
            found.push(PiiType::UsItin, run.start, run.end, if said { 0.9 } else { 0.6 });
        }
        (true, b'9') | (false, _) => {}
        _ => found.push(PiiType::UsSsn, run.start, run.end, if said { 0.95 } else { 0.85 }),
    }
}

/// Four to six digits behind a word for postal codes.
fn zip(tokens: &Tokens<'_>, run: &Run, found: &mut Found) {
    let length = run.digits().len();
    let said = nearness(tokens, run.first, run.last, ZIP) > 0.7 && !is_other(tokens, run.first)
        || length == 6 && has_han(tokens, run.first, &["邮编", "邮政编码"]);
    if (3..=6).contains(&length) && said {
        found.push(PiiType::ZipCode, run.start, run.end, 0.8);
    }
}
