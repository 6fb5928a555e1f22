//! Numbers in texts: prices with their currency, separators of thousands, 万 and 亿.

use super::text::half_width;

/// What stands around an amount of money.
const CURRENCIES: [&str; 28] = [
    "us$",
    "hk$",
    "nt$",
    "$",
    "€",
    "£",
    "¥",
    "￥",
    "₹",
    "₽",
    "₩",
    "人民币",
    "rmb",
    "cny",
    "usd",
    "eur",
    "gbp",
    "jpy",
    "hkd",
    "twd",
    "inr",
    "rub",
    "krw",
    "元",
    "块",
    "圆",
    "dollars",
    "euros",
];

/// A number in plain digits with a point, out of a text of an amount: `￥1,299.00` gives `1299.00`, `1.2万` gives `12000`, `(5)` gives
/// `-5`. Places behind the point stay. `1,234` is a thousand and more, `12,5` has a decimal comma; `None` for what is no number.
pub fn number(text: &str) -> Option<String> {
    let text = half_width(text).trim().to_lowercase();
    let (text, bracketed) = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inner) => (inner.trim().to_owned(), true),
        None => (text, false),
    };
    let (text, before) = sign(&text);
    let text = without_currency(text)?;
    let (text, behind) = sign(text);
    let (text, trailing) = match text.strip_suffix('-') {
        Some(text) => (text.trim(), true),
        None => (text, false),
    };
    let (digits, power) = [("亿", 8), ("万", 4), ("千", 3)]
        .iter()
        .find_map(|(word, power)| Some((text.strip_suffix(word)?.trim(), *power)))
        .unwrap_or((text, 0));
    let negative = [bracketed, before, behind, trailing].iter().filter(|sign| **sign).count();
    if negative > 1 {
        return None;
    }
    let plain = shifted(&plain(digits)?, power);
    let is_zero = plain.bytes().all(|b| matches!(b, b'0' | b'.'));
    Some(if negative == 1 && !is_zero { format!("-{plain}") } else { plain })
}

/// A share in plain digits: `12 %` gives `0.12`; without the sign the number itself.
pub fn percentage(text: &str) -> Option<String> {
    let text = half_width(text);
    match text.trim().strip_suffix('%') {
        Some(amount) => Some(divided_by_100(&number(amount)?)),
        None => number(&text),
    }
}

/// A number in plain digits with its point two places further left.
pub fn divided_by_100(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{whole:0>3}");
    let (head, tail) = padded.split_at(padded.len() - 2);
    let head = head.trim_start_matches('0');
    let text = format!("{}.{tail}{fraction}", if head.is_empty() { "0" } else { head });
    format!("{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The same number without what binary fractions left behind: `0.059000000000000004` is `0.059`. Whole numbers lose a `.0`.
pub fn without_noise(number: &str) -> String {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let shorter = match number.parse::<f64>() {
        Ok(value) if digits > 15 && number.contains('.') && value.is_finite() => {
            let rounded: f64 = format!("{value:.12e}").parse().unwrap_or(value);
            rounded.to_string()
        }
        _ => number.to_owned(),
    };
    match shorter.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|b| b == b'0') => whole.to_owned(),
        _ => shorter,
    }
}

fn sign(text: &str) -> (&str, bool) {
    let text = text.trim();
    match (text.strip_prefix('-').or_else(|| text.strip_prefix('−')), text.strip_prefix('+')) {
        (Some(rest), _) => (rest.trim(), true),
        (_, Some(rest)) => (rest.trim(), false),
        _ => (text, false),
    }
}

/// Without the sign or name of one currency, before or behind.
fn without_currency(text: &str) -> Option<&str> {
    let before = CURRENCIES.iter().find_map(|word| text.strip_prefix(word));
    let text = before.unwrap_or(text).trim();
    let behind = CURRENCIES.iter().find_map(|word| text.strip_suffix(word));
    // `$5 USD` says it twice, and means it once.
    let text = behind.unwrap_or(text).trim();
    (!text.is_empty()).then_some(text)
}

/// Digits with separators as digits with a point.
fn plain(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}');
    if !text.chars().all(fits) || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let (points, commas) = (text.matches('.').count(), text.matches(',').count());
    let decimal = match (points, commas) {
        (0, 0) => None,
        (1, 0) => Some('.'),
        (_, 0) => None,
        // Three digits behind the only comma are taken for thousands.
        (0, 1) => {
            let (head, tail) = text.split_once(',')?;
            let thousands = tail.len() == 3 && (1..=3).contains(&head.len()) && !head.starts_with('0');
            (!thousands).then_some(',')
        }
        (0, _) => None,
        _ => text.chars().rev().find(|c| matches!(c, '.' | ',')),
    };
    let (whole, fraction) = match decimal {
        Some(point) => text.rsplit_once(point)?,
        None => (text, ""),
    };
    if decimal.is_some_and(|point| whole.contains(point)) || fraction.contains(|c: char| !c.is_ascii_digit()) {
        return None;
    }
    let groups: Vec<&str> = whole.split(|c: char| !c.is_ascii_digit()).collect();
    let grouped = groups.len() == 1
        || groups.first().is_some_and(|first| (1..=3).contains(&first.len()))
            && groups.iter().skip(1).all(|group| group.len() == 3);
    if !grouped {
        return None;
    }
    let whole = groups.concat();
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    };
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

/// The number times ten to a power.
fn shifted(number: &str, power: usize) -> String {
    if power == 0 {
        return number.to_owned();
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let padded = format!("{fraction:0<power$}");
    let (more, rest) = padded.split_at(power);
    let whole = format!("{whole}{more}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let cases = [
            ("￥1,299.00", "1299.00"),
            ("1.2万", "12000"),
            ("3.45亿元", "345000000"),
            ("(5)", "-5"),
            ("-$5.50", "-5.50"),
            ("1.234,56 €", "1234.56"),
            ("12,5", "12.5"),
            ("1,234", "1234"),
            ("1 234 567", "1234567"),
            ("007", "7"),
            ("US$ 12", "12"),
            (".5", "0.5"),
        ];
        for (text, wanted) in cases {
            assert_eq!(number(text).as_deref(), Some(wanted), "{text}");
        }
        for none in ["", "abc", "1-2", "12,34,5", "1.2.3", "$", "12 oz"] {
            assert_eq!(number(none), None, "{none}");
        }
        assert_eq!(percentage("12.5 %").as_deref(), Some("0.125"));
        assert_eq!(percentage("5%").as_deref(), Some("0.05"));
        assert_eq!(divided_by_100("-250"), "-2.5");
        assert_eq!((without_noise("0.059000000000000004"), without_noise("12.0")), ("0.059".into(), "12".into()));
    }
}
