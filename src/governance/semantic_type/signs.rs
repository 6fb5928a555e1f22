//! Values of digits and signs, without letters: dates, telephones, addresses of machines, amounts, coordinates.

use super::SemanticType as T;
use super::checksum::{gtin, isbn10};
use super::digits::{card, is_cn_mobile};
use super::moment::{Moment, moment};
use super::shape::{Shape, compact, number};
use super::value::Candidates;

/// Recognises a value without letters.
pub fn scan(text: &str, shape: &Shape, found: &mut Candidates) {
    if shape.digits == 0 {
        return if text == "[]" || text == "{}" {
            found.push(T::Json, 0.6, "an empty JSON value")
        };
    }
    if let Some(kind) = moment(text) {
        return push_moment(kind, found);
    }
    if shape.has(b'[') && super::latin::json(text, found) {
        return;
    }
    if shape.has(b'$') || shape.has(b'%') {
        return money_or_share(text, found);
    }
    if shape.has(b',') && geo_point(text) {
        return found.push(T::GeoPoint, 0.8, "a latitude and a longitude with a comma between");
    }
    if shape.has(b':') {
        if mac(text.as_bytes()) {
            found.push(T::Mac, 0.95, "six pairs of hexadecimal digits");
        }
        return;
    }
    if shape.has(b'.') && ip(text) {
        return found.push(T::Ip, 0.97, "four numbers up to 255");
    }
    if shape.digits >= 6
        && (shape.has(b'-') || shape.has(b'+') || shape.spaces > 0 || shape.has(b'/') || shape.has(b'('))
    {
        grouped(text, shape, found);
    } else if shape.digits >= 10 && text.bytes().filter(|b| *b == b'.').count() == 2 {
        phone(text, shape, found);
    }
}

/// Adds the type of a recognised moment.
pub fn push_moment(kind: Moment, found: &mut Candidates) {
    match kind {
        Moment::Date => found.push(T::Date, 0.95, "a day that exists"),
        Moment::Timestamp => found.push(T::Timestamp, 0.97, "a day that exists, with a time"),
        Moment::Time => found.push(T::Time, 0.9, "a time of day"),
        Moment::YearMonth => {
            found.push(T::Date, 0.6, "a year and a month");
            found.push(T::Month, 0.5, "a year and a month");
        }
    }
}

/// Amounts with a currency sign, and shares with a percent sign.
pub fn money_or_share(text: &str, found: &mut Candidates) {
    if number(text).is_none() {
        return;
    }
    if text.ends_with('%') {
        found.push(T::Percentage, 0.95, "a number with a percent sign");
    } else {
        found.push(T::Price, 0.9, "a number with a currency sign");
        found.push(T::Amount, 0.6, "a number with a currency sign");
    }
}

/// Four numbers up to 255 with dots, perhaps with a mask or a port.
pub fn ip(text: &str) -> bool {
    let text = text.split(['/', ':']).next().unwrap_or_default();
    let mut parts = 0;
    for part in text.split('.') {
        let fits = !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        if !fits || part.parse::<u16>().is_ok_and(|n| n > 255) || (part.len() > 1 && part.starts_with('0')) {
            return false;
        }
        parts += 1;
    }
    parts == 4
}

/// Six pairs of hexadecimal digits with `:` or `-`.
pub fn mac(bytes: &[u8]) -> bool {
    bytes.len() == 17
        && bytes.iter().enumerate().all(|(at, b)| match at % 3 {
            2 => *b == bytes[2] && matches!(b, b':' | b'-'),
            _ => b.is_ascii_hexdigit(),
        })
}

/// Telephones, cards, ISBN and SSN with separators.
fn grouped(text: &str, shape: &Shape, found: &mut Candidates) {
    if let Some(code) = compact(text) {
        let bytes = code.bytes();
        let dashes = text.bytes().filter(|b| *b == b'-').count();
        if bytes.len() == 13 && (bytes.starts_with(b"978") || bytes.starts_with(b"979")) && gtin(bytes) {
            return found.push(T::Isbn, 0.98, "978 or 979, groups and a right check digit");
        }
        if bytes.len() == 10 && dashes == 3 && isbn10(bytes) {
            return found.push(T::Isbn, 0.95, "three dashes and a right ISBN check digit");
        }
        // No issuer has 00, which dials abroad.
        if bytes.len() >= 14 && !bytes.starts_with(b"00") {
            return card(bytes, found);
        }
        if ssn(text.as_bytes()) {
            return found.push(T::UsSsn, 0.8, "groups of three, two and four digits in an issued range");
        }
    }
    phone(text, shape, found);
}

/// Telephones: mainland mobile and landline with separators, international with `+`, North American.
pub fn phone(text: &str, shape: &Shape, found: &mut Candidates) {
    let allowed =
        |b: u8| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'(' | b')' | b'+' | b'.' | b'/' | b'#' | b'*');
    if !(7..=17).contains(&shape.digits) || text.len() > 28 || !text.bytes().all(allowed) {
        return;
    }
    let mut digits = [0u8; 17];
    for (place, byte) in digits.iter_mut().zip(text.bytes().filter(u8::is_ascii_digit)) {
        *place = byte;
    }
    let digits = &digits[..shape.digits];
    let plus = text.starts_with('+') || text.starts_with("00");
    let local = digits.strip_prefix(b"0086".as_slice()).or(digits.strip_prefix(b"86".as_slice())).unwrap_or(digits);
    let first_group = text.bytes().take_while(u8::is_ascii_digit).count();
    // With a plus sign the country must be China; without one a group of its own for the 1 is North America's country code.
    let home = if plus { local.len() < digits.len() } else { local.len() == digits.len() && first_group != 1 };
    if is_cn_mobile(local) && home {
        return found.push(T::CnMobile, 0.95, "a mainland mobile number with separators");
    }
    let area =
        text.starts_with('0') && !text.starts_with("00") && (3..=4).contains(&first_group) || text.starts_with("(0");
    if area && (10..=16).contains(&digits.len()) {
        return found.push(T::CnLandline, 0.85, "an area code and a number");
    }
    if (text.starts_with("400-") || text.starts_with("800-")) && digits.len() == 10 {
        return found.push(T::CnLandline, 0.7, "a service number");
    }
    if plus && !text.starts_with("00") && digits.len() >= 8 {
        return found.push(T::Phone, 0.9, "a plus sign and eight to fifteen digits");
    }
    let american = digits.len() == 10 && (first_group == 3 || text.starts_with('('))
        || digits.len() == 11 && digits[0] == b'1' && first_group == 1;
    let area = &digits[digits.len().saturating_sub(10)..];
    if american && area[0] >= b'2' {
        return found.push(T::Phone, 0.8, "three groups of the North American plan");
    }
    // Groups of two to four digits with one kind of separator could be any country's number, or a code.
    if digits.len() >= 8 && !shape.has(b'.') {
        found.push(T::Phone, 0.3, "groups of digits");
    }
}

/// A US social security number in a range that is issued.
fn ssn(bytes: &[u8]) -> bool {
    bytes.len() == 11
        && bytes[3] == b'-'
        && bytes[6] == b'-'
        && !bytes.starts_with(b"000")
        && !bytes.starts_with(b"666")
        && bytes[0] != b'9'
        && &bytes[4..6] != b"00"
        && &bytes[7..] != b"0000"
}

/// Two decimal numbers in the ranges of latitude and longitude, either first.
fn geo_point(text: &str) -> bool {
    let text = text.trim_matches(['(', ')', '[', ']']);
    let Some((a, b)) = text.split_once(',') else { return false };
    let (a, b) = (a.trim(), b.trim());
    if !a.contains('.') || !b.contains('.') {
        return false;
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a.abs() <= 90.0 && b.abs() <= 180.0) || (a.abs() <= 180.0 && b.abs() <= 90.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(text: &str) -> Option<T> {
        let mut found = Candidates::default();
        scan(text, &Shape::of(text), &mut found);
        found.best().map(|(t, _, _)| t)
    }

    #[test]
    fn telephones_of_the_world() {
        assert_eq!(best("310/246-1501"), Some(T::Phone));
        assert_eq!(best("310-475-3585"), Some(T::Phone));
        assert_eq!(best("0571-87951234"), Some(T::CnLandline));
        assert_eq!(best("138 0013 8000"), Some(T::CnMobile));
        assert_eq!(best("+86 138 0013 8000"), Some(T::CnMobile));
        assert_eq!(best("0086-138-0013-8000"), Some(T::CnMobile));
        // Eleven digits that open with 1 are a number of North America where the country says so.
        for text in ["+1 (403) 262-3443", "+1 310 475 3585", "1-403-262-3443", "1 (780) 262-3443"] {
            assert_eq!(best(text), Some(T::Phone), "{text}");
        }
        assert_eq!(best("+44 20 7946 0958"), Some(T::Phone));
        assert_eq!(best("400-800-8888"), Some(T::CnLandline));
        assert_eq!(best("212.555.0123"), Some(T::Phone));
    }

    #[test]
    fn numbers_say_nothing() {
        for text in ["-12.5", "1,234", "3.14159", "1/2", "--", "0.1.2"] {
            assert_eq!(best(text), None, "{text}");
        }
        assert_eq!(best("219-09-9999"), Some(T::UsSsn));
        assert_ne!(best("000-12-3456"), Some(T::UsSsn));
        assert_eq!(best("[1, 2, 3]"), Some(T::Json));
    }
}
