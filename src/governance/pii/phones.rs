//! Telephones: by form, raised by a word beside them.

use super::context::{has_han, is_other, names_other, nearness};
use super::lexicon::PHONE;
use super::numbers::Run;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::is_cn_mobile;

/// Whether `x12`, `ext. 12` follows the number.
pub fn has_extension(tokens: &Tokens<'_>, last: usize) -> bool {
    extension(tokens, last).is_some()
}

/// The last token of an extension behind a number.
fn extension(tokens: &Tokens<'_>, last: usize) -> Option<usize> {
    let mut at = tokens.next(last);
    let word = tokens.text_at(at);
    if !["x", "ext", "extn", "extension"].iter().any(|known| known.eq_ignore_ascii_case(word)) {
        return None;
    }
    at += 1;
    if tokens.is_sign(at, b'.') {
        at += 1;
    }
    if tokens.is(at, TokenKind::Blank) {
        at += 1;
    }
    // What goes on in letters is a code.
    let closed = !tokens.is(at + 1, TokenKind::Word);
    (closed && tokens.is(at, TokenKind::Number) && tokens.text_at(at).len() <= 6).then_some(at)
}

/// Says whether a run is a telephone.
pub fn judge(tokens: &Tokens<'_>, run: &Run, found: &mut Found) {
    let digits = run.digits();
    if !(7..=15).contains(&digits.len()) || run.gaps.contains(&b'/') && run.groups.len() > 3 {
        return;
    }
    // An order's number or a price is none, whatever it looks like. Nor is what Chinese words call a telephone, has the length of a mobile number
    // of the mainland, and opens as none of these does.
    let said = said(tokens, run);
    let mainland =
        run.is_plain() && !run.plus && digits.len() == 11 && digits.starts_with(b"1") && !is_cn_mobile(digits);
    if mainland && said_in_chinese(tokens, run) {
        return;
    }
    let another = is_other(tokens, run.first);
    // That it is called a number says nothing of which: `order number`, 订单号码.
    let called_number =
        names_other(tokens, run.first) || said_in_chinese(tokens, run) && !has_han(tokens, run.first, WORDS_ZH);
    let said = if another && said >= 0.9 && called_number { 0.0 } else { said };
    let other = another && said < 0.9;
    let form = form(run, digits);
    let extended = extension(tokens, run.last);
    let mut score = form;
    if said > 0.0 && (form >= 0.2 || run.is_plain()) {
        score = (form + 0.4 * said).min(0.95);
    }
    if extended.is_some() {
        score = score.max(0.6) + 0.1;
    }
    if other {
        score -= 0.45;
    }
    let end = extended.and_then(|last| tokens.get(last)).map_or(run.end, |token| token.end);
    found.push(PiiType::PhoneNumber, run.start, end, score);
}

fn said(tokens: &Tokens<'_>, run: &Run) -> f32 {
    match said_in_chinese(tokens, run) {
        true => 1.0,
        false => nearness(tokens, run.first, run.last, PHONE).max(labelled_behind(tokens, run)),
    }
}

/// `781 1704 office`: in the foot of a letter what the number is for stands behind it.
fn labelled_behind(tokens: &Tokens<'_>, run: &Run) -> f32 {
    let mut at = tokens.next(run.last);
    if tokens.is_sign(at, b'-') {
        at = tokens.next(at);
    }
    let known = ["office", "desk", "home", "work", "direct", "main"];
    let word = tokens.text_at(at);
    let ends = tokens.get(at + 1).is_none_or(|token| token.breaks > 0 || token.kind == TokenKind::Sign);
    if ends && known.iter().any(|known| known.eq_ignore_ascii_case(word)) { 0.8 } else { 0.0 }
}

/// Chinese words for telephones.
const WORDS_ZH: &[&str] = &["电话", "手机", "联系方式", "致电", "拨打", "来电", "座机", "传真", "热线", "微信", "联系"];

fn said_in_chinese(tokens: &Tokens<'_>, run: &Run) -> bool {
    has_han(tokens, run.first, WORDS_ZH) || has_han(tokens, run.first, &["号码"])
}

/// How much the grouping alone speaks for a telephone.
fn form(run: &Run, digits: &[u8]) -> f32 {
    let count = digits.len();
    let national = digits.strip_prefix(b"0086".as_slice()).or_else(|| digits.strip_prefix(b"86".as_slice()));
    if let Some(rest) = national.filter(|_| run.plus || digits.starts_with(b"00") || count == 13)
        && is_cn_mobile(rest)
    {
        return 0.95;
    }
    if is_cn_mobile(digits) && !run.plus {
        let grouped = run.groups == [3, 4, 4] || run.groups == [3, 3, 5] || run.groups == [4, 3, 4];
        return if run.is_plain() || grouped { 0.9 } else { 0.4 };
    }
    if run.plus {
        // Country codes open with 1 to 9.
        return if count >= 8 && digits[0] != b'0' { 0.9 } else { 0.2 };
    }
    if run.is_plain() {
        return match count {
            10 | 11 if digits[0] == b'0' && digits[1] != b'0' => 0.35,
            _ => 0.15,
        };
    }
    let tidy = run.groups.iter().all(|group| (1..=8).contains(group))
        && run.gaps.iter().filter(|gap| **gap == b'(').count() <= 1;
    if !tidy {
        return 0.1;
    }
    if digits.starts_with(b"00") && count >= 11 {
        return 0.7;
    }
    if (digits.starts_with(b"400") || digits.starts_with(b"800")) && count == 10 && run.groups[0] == 3 {
        return 0.75;
    }
    if run.groups == [3, 3, 4] || run.groups == [1, 3, 3, 4] && digits[0] == b'1' {
        let area = &digits[count - 10..];
        return if area[0] >= b'2' || run.paren || digits[0] == b'0' { 0.8 } else { 0.45 };
    }
    if run.paren && count >= 7 {
        return 0.65;
    }
    // Area code and number: 0571-87951234, 010-62770000.
    if digits[0] == b'0' && digits[1] != b'0' {
        return match (run.groups.as_slice(), count) {
            ([3 | 4, 7 | 8], 10..=12) => 0.85,
            (_, 9..=11) if run.groups.len() >= 2 => 0.65,
            _ => 0.3,
        };
    }
    let pairs = run.groups.len() >= 4 && run.groups.iter().all(|group| *group == 2);
    match count {
        8.. if pairs => 0.4,
        9..=13 if run.groups.len() >= 3 => 0.4,
        8..=13 if !run.is_parted_by(b'.') => 0.3,
        7 if run.groups == [3, 4] => 0.4,
        _ => 0.2,
    }
}
