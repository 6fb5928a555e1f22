//! A text without its personal data.

use super::{PII_SCORE_MIN, PiiType, Span, detect};

/// What stands in place of personal data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Manner {
    /// The kind's name in angle brackets: `<EMAIL_ADDRESS>`.
    #[default]
    Replace,
    /// A sign for each character, but for the first and last few that are kept.
    Mask {
        /// The sign.
        sign: char,
        /// Characters kept at the start.
        keep_first: usize,
        /// Characters kept at the end.
        keep_last: usize,
    },
    /// Nothing.
    Remove,
}

/// What is to be found, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Redaction {
    /// Only these kinds; all if there are none.
    pub kinds: Vec<PiiType>,
    /// Candidates less sure than this stay.
    pub score_min: f32,
    /// What stands in their place.
    pub manner: Manner,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { kinds: Vec::new(), score_min: PII_SCORE_MIN, manner: Manner::Replace }
    }
}

impl Redaction {
    /// What is found of a text.
    pub fn spans(&self, text: &str) -> Vec<Span> {
        let mut spans = detect(text, self.score_min);
        if !self.kinds.is_empty() {
            spans.retain(|span| self.kinds.contains(&span.kind));
        }
        spans
    }
}

/// The text with what is found replaced.
///
/// `ann@example.com called` becomes `<EMAIL_ADDRESS> called`, or with [`Manner::Mask`] `*************** called`.
pub fn redact(text: &str, how: &Redaction) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in how.spans(text) {
        let (Some(before), Some(value)) = (text.get(at..span.start), text.get(span.start..span.end)) else { continue };
        out.push_str(before);
        match &how.manner {
            Manner::Replace => {
                out.push('<');
                out.push_str(span.kind.name());
                out.push('>');
            }
            Manner::Mask { sign, keep_first, keep_last } => {
                let length = value.chars().count();
                // What is kept must not be all of it.
                let kept = keep_first.saturating_add(*keep_last) < length;
                let (first, last) = if kept { (*keep_first, *keep_last) } else { (0, 0) };
                out.extend(
                    value
                        .chars()
                        .enumerate()
                        .map(|(n, c)| if n < first || n >= length - last || c == '\n' { c } else { *sign }),
                );
            }
            Manner::Remove => {}
        }
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_masked_removed() {
        let text = "写信给 li.lei@example.com 或 ann@example.org。";
        assert_eq!(redact(text, &Redaction::default()), "写信给 <EMAIL_ADDRESS> 或 <EMAIL_ADDRESS>。");
        let mask = Manner::Mask { sign: '*', keep_first: 1, keep_last: 4 };
        let masked = redact("ann@example.org", &Redaction { manner: mask.clone(), ..Redaction::default() });
        assert_eq!(masked, "a**********.org");
        let removed = redact("mail ann@example.org now", &Redaction { manner: Manner::Remove, ..Redaction::default() });
        assert_eq!(removed, "mail  now");
        let others = Redaction { kinds: vec![PiiType::PhoneNumber], manner: mask, ..Redaction::default() };
        assert_eq!(redact("ann@example.org", &others), "ann@example.org");
    }
}
