//! The words around a candidate.

use super::lexicon::OTHER_NUMBER;
use super::tokens::{TokenKind, Tokens};

/// Words looked at before a candidate.
const WORDS_BEFORE: usize = 7;
/// Tokens looked at before it, blanks and signs among them.
const TOKENS_BEFORE: usize = 24;
/// Words looked at behind it.
const WORDS_BEHIND: usize = 3;
/// Bytes of Chinese looked at before a candidate: twelve characters.
const HAN_BYTES_BEFORE: usize = 36;

/// How near a word of a class is: 1 right before the candidate, less with each word between; 0 if there is none.
///
/// `first` and `last` are the first and the last token of the candidate. Words of the same sentence count, and those of the line before, which
/// may be its label.
pub fn nearness(tokens: &Tokens<'_>, first: usize, last: usize, class: u32) -> f32 {
    let (mut seen, mut steps) = (0, 0);
    let mut at = first;
    while let Some(before) = at.checked_sub(1) {
        at = before;
        let Some(token) = tokens.get(at) else { break };
        match token.kind {
            TokenKind::Word => {
                if token.classes & class != 0 {
                    return 1.0 - 0.08 * seen as f32;
                }
                seen += 1;
            }
            TokenKind::Sign if matches!(token.sign, b'?' | b'!') && seen > 0 => break,
            TokenKind::Blank if token.breaks > 1 && seen > 0 => break,
            _ => {}
        }
        steps += 1;
        if seen >= WORDS_BEFORE || steps >= TOKENS_BEFORE {
            break;
        }
    }
    let mut behind = 0;
    for at in last + 1..tokens.list.len().min(last + 8) {
        let Some(token) = tokens.get(at) else { break };
        match token.kind {
            TokenKind::Word => {
                if token.classes & class != 0 {
                    return 0.6 - 0.1 * behind as f32;
                }
                behind += 1;
            }
            TokenKind::Sign if matches!(token.sign, b'.' | b'?' | b'!' | b';') => break,
            TokenKind::Blank if token.breaks > 0 => break,
            _ => {}
        }
        if behind >= WORDS_BEHIND {
            break;
        }
    }
    0.0
}

/// How near the words of numbers that are nobody's are, right before the candidate: orders, parcels, prices.
pub fn is_other(tokens: &Tokens<'_>, first: usize) -> bool {
    names_other(tokens, first)
        || has_han(
            tokens,
            first,
            &["订单", "运单", "快递单", "单号", "流水", "编号", "货号", "条码", "发票", "价格", "¥", "￥", "金额"],
        )
}

/// Whether English words right before the candidate say that it is another number: `order number is`, `order_id=`, `$`.
pub fn names_other(tokens: &Tokens<'_>, first: usize) -> bool {
    let mut at = first;
    for _ in 0..5 {
        let Some(before) = tokens.before(at) else { return false };
        at = before;
        let Some(token) = tokens.get(at) else { return false };
        match token.kind {
            TokenKind::Word if token.classes & OTHER_NUMBER != 0 => return true,
            TokenKind::Word if matches!(tokens.text_at(at), "no" | "No" | "number" | "Number" | "is" | "id" | "ID") => {
            }
            TokenKind::Sign if matches!(token.sign, b':' | b'#' | b'.' | b'=' | b'_') => {}
            TokenKind::Sign if matches!(token.sign, b'$') => return true,
            _ => return false,
        }
    }
    false
}

/// Whether one of these words stands in the few Chinese characters before the candidate, nearer than the last end of a sentence.
pub fn has_han(tokens: &Tokens<'_>, first: usize, words: &[&str]) -> bool {
    if !tokens.signals().han {
        return false;
    }
    let Some(start) = tokens.get(first).map(|token| token.start) else { return false };
    let text = tokens.text;
    let from = text.floor_char_boundary(start.saturating_sub(HAN_BYTES_BEFORE));
    let before = text.get(from..start).unwrap_or_default();
    let before = before.rsplit(['。', '；', '\n']).next().unwrap_or(before);
    // The nearest clause counts, and the one before it if that is only a label.
    let clause = before.rsplit(['，', ',']).next().unwrap_or(before);
    words.iter().any(|word| clause.contains(word))
}
