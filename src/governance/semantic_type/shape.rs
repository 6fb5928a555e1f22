//! The shape of a value: which kinds of characters it has, found in one pass over its bytes.

/// Counts of the kinds of characters in a value, and which ASCII signs occur.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// ASCII digits.
    pub digits: usize,
    /// ASCII letters.
    pub letters: usize,
    /// ASCII letters in upper case.
    pub upper: usize,
    /// Bytes beyond ASCII.
    pub wide: usize,
    /// Spaces.
    pub spaces: usize,
    /// ASCII signs that are neither letter, digit nor space.
    pub signs: usize,
    signs_seen: u128,
}

impl Shape {
    /// The shape of `text`.
    pub fn of(text: &str) -> Self {
        let mut shape = Self::default();
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => shape.digits += 1,
                b'a'..=b'z' => shape.letters += 1,
                b'A'..=b'Z' => {
                    shape.letters += 1;
                    shape.upper += 1;
                }
                b' ' => shape.spaces += 1,
                0x80.. => shape.wide += 1,
                _ => {
                    shape.signs += 1;
                    shape.signs_seen |= 1 << byte;
                }
            }
        }
        shape
    }

    /// Whether the ASCII sign occurs.
    pub fn has(&self, sign: u8) -> bool {
        sign < 0x80 && self.signs_seen & (1 << sign) != 0
    }

    /// Nothing but digits.
    pub fn is_digits(&self) -> bool {
        self.letters + self.wide + self.spaces + self.signs == 0
    }

    /// Nothing but ASCII letters and digits.
    pub fn is_alphanumeric(&self) -> bool {
        self.wide + self.spaces + self.signs == 0
    }
}

/// The digits of `text` without separators, in a fixed buffer: `None` if there are more than 34 characters left or a
/// character is neither letter, digit, space, dash nor dot. Letters are upper-cased.
pub fn compact(text: &str) -> Option<Compact> {
    let mut compact = Compact { bytes: [0; 34], len: 0 };
    for byte in text.bytes() {
        match byte {
            b' ' | b'-' | b'.' => continue,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                *compact.bytes.get_mut(compact.len)? = byte.to_ascii_uppercase();
                compact.len += 1;
            }
            _ => return None,
        }
    }
    Some(compact)
}

/// A short code without its separators.
pub struct Compact {
    bytes: [u8; 34],
    len: usize,
}

impl Compact {
    /// The characters.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The number that `text` writes, with thousands commas, one currency sign or percent sign allowed around it.
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.trim_start_matches(['$', '€', '£', '¥', '￥', '₹', '₽']).trim_end_matches(['%', '元', '€']).trim();
    if text.is_empty() || text.len() > 32 || !text.bytes().next_back()?.is_ascii_digit() {
        return None;
    }
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    // 1,234,567.89: every group after the first has three digits.
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.split(',');
    let first = groups.next()?.trim_start_matches(['-', '+']);
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if !grouped || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_kinds() {
        let shape = Shape::of("Ab 1-中");
        assert_eq!((shape.letters, shape.upper, shape.digits, shape.spaces, shape.wide), (2, 1, 1, 1, 3));
        assert!(shape.has(b'-') && !shape.has(b'@'));
        assert!(Shape::of("123").is_digits() && !Shape::of("12a").is_digits());
    }

    #[test]
    fn numbers_with_signs_and_groups() {
        assert_eq!(number("1,234.50"), Some(1234.5));
        assert_eq!(number("$12"), Some(12.0));
        assert_eq!(number("¥ 99.9"), Some(99.9));
        assert_eq!(number("-3e2"), Some(-300.0));
        assert_eq!(number("15%"), Some(15.0));
        for not in ["", "12,34", "nan", "inf", "1.2.3", "12 oz", "中"] {
            assert_eq!(number(not), None, "{not}");
        }
    }

    #[test]
    fn separators_fall_away() {
        assert_eq!(compact("6222-0000 1x").unwrap().bytes(), b"622200001X");
        assert!(compact("12/34").is_none());
        assert!(compact(&"1".repeat(35)).is_none());
    }
}
