//! Formats of texts: digits become 9, letters A and a, Chinese characters 中, anything else stays.

use std::collections::HashMap;

use crate::governance::semantic_type::is_han;

/// Characters of a value that its format shows; what follows is cut.
const PATTERN_CHARS: usize = 64;

/// The format with lengths: `AB-12` gives `A{2}-9{2}`, `3.5` gives `9.9`.
pub fn generalise(text: &str) -> String {
    build(text, true)
}

/// The format without lengths: `AB-12` and `ABC-1` both give `A+-9+`.
pub fn generalise_loosely(text: &str) -> String {
    build(text, false)
}

/// The dominant format of the values and the share that has it: with lengths where that covers nearly as many.
pub fn dominant<'a>(values: impl Iterator<Item = &'a str>) -> Option<(String, f64)> {
    let (mut tight, mut loose) = (HashMap::<String, u64>::new(), HashMap::<String, u64>::new());
    let mut n = 0u64;
    for value in values {
        *tight.entry(generalise(value)).or_default() += 1;
        *loose.entry(generalise_loosely(value)).or_default() += 1;
        n += 1;
    }
    let best = |counts: HashMap<String, u64>| counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
    let (tight, loose) = (best(tight)?, best(loose)?);
    let (pattern, count) = if tight.1 as f64 >= 0.7 * loose.1 as f64 { tight } else { loose };
    Some((pattern, count as f64 / n as f64))
}

fn class(c: char) -> char {
    match c {
        _ if c.is_ascii_digit() => '9',
        _ if is_han(c) => '中',
        _ if c.is_uppercase() => 'A',
        _ if c.is_alphabetic() => 'a',
        _ if c.is_control() => ' ',
        _ => c,
    }
}

fn build(text: &str, lengths: bool) -> String {
    let mut pattern = String::new();
    let mut chars = text.chars().take(PATTERN_CHARS).map(class).peekable();
    while let Some(c) = chars.next() {
        let mut run = 1;
        while chars.next_if_eq(&c).is_some() {
            run += 1;
        }
        pattern.push(c);
        let counted = matches!(c, '9' | 'A' | 'a' | '中');
        match (counted, lengths) {
            (true, false) => pattern.push('+'),
            (true, true) if run > 1 => pattern.push_str(&format!("{{{run}}}")),
            (false, true) => (1..run).for_each(|_| pattern.push(c)),
            _ => {}
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        assert_eq!(generalise("AB-12x"), "A{2}-9{2}a");
        assert_eq!(generalise("沪A12345"), "中A9{5}");
        assert_eq!(generalise_loosely("li.lei@example.com"), "a+.a+@a+.a+");
        assert_eq!(generalise("--"), "--");
        assert_eq!(generalise(""), "");
    }

    #[test]
    fn the_dominant_one_is_tight_only_where_that_costs_little() {
        assert_eq!(dominant(["2024-01-01", "2024-01-02", "x"].into_iter()), Some(("9{4}-9{2}-9{2}".into(), 2.0 / 3.0)));
        assert_eq!(dominant(["a1", "ab12", "abc123"].into_iter()), Some(("a+9+".into(), 1.0)));
        assert_eq!(dominant([].into_iter()), None);
    }
}
