//! Values in ASCII with letters: what the web and machines write, codes, names, words.

use super::SemanticType as T;
use super::checksum::{cn_uscc, iban, isbn10};
use super::digits::id_card;
use super::moment::moment;
use super::names::{lowered, names, word};
use super::shape::{Shape, compact, number};
use super::signs::{ip, mac, phone, push_moment};
use super::value::Candidates;
use super::words::{WORD_BYTES_MAX, types_of};

/// Recognises an ASCII value with letters.
pub fn scan(text: &str, shape: &Shape, found: &mut Candidates) {
    let first = text.as_bytes()[0];
    if matches!(first, b'{' | b'[') && json(text, found) {
        return;
    }
    if shape.has(b'<') && markup(text, found) {
        return;
    }
    if shape.has(b'@') && email(text) {
        return found.push(T::Email, 0.98, "local part, @ and a domain with a suffix");
    }
    if (shape.has(b':') || shape.has(b'.')) && shape.spaces == 0 && address_of_machine(text, shape, found) {
        return;
    }
    if text.starts_with("Mozilla/") || text.starts_with("Dalvik/") || text.starts_with("okhttp/") {
        return found.push(T::UserAgent, 0.97, "opens as a browser's identification");
    }
    if shape.digits > 0 {
        if code(text, shape, found) {
            return;
        }
        if let Some(kind) = moment(text) {
            return push_moment(kind, found);
        }
        measured(text, found);
        if shape.digits >= 7 && shape.letters <= 4 {
            extension(text, found);
        }
    }
    if (shape.has(b'/') || shape.has(b'\\') || shape.has(b'>') || shape.has(b'.')) && path(text, shape, found) {
        return;
    }
    if text.len() <= WORD_BYTES_MAX {
        word(text, found);
    }
    names(text, shape, found);
}

/// JSON objects and arrays, wholly parsed.
pub fn json(text: &str, found: &mut Candidates) -> bool {
    let right = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if right {
        found.push(T::Json, 0.97, "parses as a JSON object or array");
    }
    right
}

/// Whether the text is an e-mail address: one `@`, a plain local part, a domain with a suffix of letters.
pub fn email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let local_right = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"._%+-'!#$&*/=?^`{|}~".contains(&b));
    local_right && host(domain) && domain.contains('.')
}

/// A host name: labels of letters, digits and dashes, the last of letters.
fn host(domain: &str) -> bool {
    let mut last = "";
    for label in domain.split('.') {
        let right = !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !right {
            return false;
        }
        last = label;
    }
    domain.len() <= 253 && last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic())
}

/// HTML and XML.
fn markup(text: &str, found: &mut Candidates) -> bool {
    let tags = text.matches("</").count() + text.matches("/>").count() + text.matches("<br").count();
    if tags == 0 || !text.contains('>') {
        return false;
    }
    let lower = text.get(..text.len().min(2000)).unwrap_or(text).to_ascii_lowercase();
    let known = [
        "<p", "<div", "<br", "<span", "<a ", "<ul", "<li", "<b>", "<strong", "<table", "<img", "<html", "<h1", "<h2",
        "<h3",
    ];
    if known.iter().any(|tag| lower.contains(tag)) {
        found.push(T::Html, 0.95, "tags of HTML");
    } else if text.starts_with('<') && text.ends_with('>') {
        found.push(T::Xml, 0.85, "an element from start to end");
    } else {
        return false;
    }
    true
}

/// URL, IP with port, IPv6, MAC, domain name.
fn address_of_machine(text: &str, shape: &Shape, found: &mut Candidates) -> bool {
    if let Some((scheme, rest)) = text.split_once("://") {
        let right =
            !rest.is_empty() && scheme.len() <= 10 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+');
        if right {
            found.push(T::Url, 0.98, "a scheme and an address");
            if is_image(rest.split(['?', '#']).next().unwrap_or(rest)) {
                found.push(T::ImagePath, 0.8, "an address that ends as an image does");
            }
        }
        return right;
    }
    let host_part = text.split('/').next().unwrap_or(text);
    if text.starts_with("www.") && host(host_part) {
        found.push(T::Url, 0.9, "opens with www.");
        return true;
    }
    if shape.has(b':') {
        if mac(text.as_bytes()) {
            found.push(T::Mac, 0.97, "six pairs of hexadecimal digits");
            return true;
        }
        if text.matches(':').count() >= 2 && text.parse::<std::net::Ipv6Addr>().is_ok() {
            found.push(T::Ipv6, 0.97, "groups of hexadecimal digits");
            return true;
        }
        return false;
    }
    if ip(text) {
        found.push(T::Ip, 0.97, "four numbers up to 255");
        return true;
    }
    const SUFFIXES: [&str; 14] =
        [".com", ".cn", ".net", ".org", ".io", ".co.uk", ".de", ".fr", ".jp", ".ru", ".edu", ".gov", ".info", ".shop"];
    if host(text) && SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
        found.push(T::DomainName, 0.75, "labels and a known suffix");
        return true;
    }
    false
}

/// Codes with digits and letters: UUID, hash, IBAN, credit code, identity number, passport, SKU.
fn code(text: &str, shape: &Shape, found: &mut Candidates) -> bool {
    let bytes = text.as_bytes();
    if uuid(bytes) {
        found.push(T::Uuid, 0.98, "8-4-4-4-12 hexadecimal digits");
        return true;
    }
    if bytes.len() == 17 && mac(bytes) {
        found.push(T::Mac, 0.97, "six pairs of hexadecimal digits");
        return true;
    }
    if shape.is_alphanumeric() {
        if matches!(bytes.len(), 32 | 40 | 64 | 96 | 128) && bytes.iter().all(u8::is_ascii_hexdigit) {
            found.push(T::Hash, 0.9, "hexadecimal digits in the length of a digest");
            return true;
        }
        if bytes.len() == 18 {
            id_card(bytes, found);
            if cn_uscc(bytes) && matches!(bytes[0].to_ascii_uppercase(), b'1' | b'5' | b'9' | b'A' | b'N' | b'Y') {
                found.push(T::CnUscc, 0.98, "eighteen characters with a right GB 32100 check character");
            }
            if !found.is_empty() {
                return true;
            }
        }
        if bytes.len() == 10 && isbn10(bytes) {
            found.push(T::Isbn, 0.85, "nine digits and the check character X");
            return true;
        }
        document(bytes, shape, found);
    }
    let opens_as_iban = bytes.len() >= 15 && bytes[..2].iter().all(u8::is_ascii_uppercase) && bytes[2].is_ascii_digit();
    if opens_as_iban && compact(text).is_some_and(|code| iban(code.bytes())) {
        found.push(T::Iban, 0.98, "country, check digits and remainder 1 modulo 97");
        return true;
    }
    let codelike =
        shape.spaces == 0 && (4..=32).contains(&bytes.len()) && shape.upper == shape.letters && shape.upper > 0;
    if codelike && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'.')) {
        found.push(T::Sku, 0.35, "capitals and digits without spaces");
    }
    false
}

/// Passports and permits: one or two letters and seven to ten digits.
fn document(bytes: &[u8], shape: &Shape, found: &mut Candidates) {
    let digits_last = bytes[shape.letters.min(bytes.len())..].iter().all(u8::is_ascii_digit);
    if !digits_last || shape.upper != shape.letters {
        return;
    }
    match (bytes[0], shape.letters, shape.digits) {
        (b'E' | b'G' | b'D' | b'S' | b'P', 1, 8) => {
            found.push(T::Passport, 0.55, "a letter of Chinese passports and eight digits")
        }
        (b'E' | b'P' | b'S' | b'D', 2, 7) => {
            found.push(T::Passport, 0.5, "two letters of Chinese passports and seven digits")
        }
        (b'C' | b'H' | b'M', 1, 8 | 10) => {
            found.push(T::TravelPermit, 0.45, "a letter of travel permits and its digits")
        }
        (_, 1 | 2, 7 | 8) => found.push(T::Passport, 0.3, "letters and digits as in passports"),
        _ => {}
    }
}

fn uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Numbers with a unit, and amounts with a currency's code.
fn measured(text: &str, found: &mut Candidates) {
    let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let end = text.rfind(|c: char| c.is_ascii_digit()).map_or(text.len(), |at| at + 1);
    let (before, figure, after) = (text[..start].trim(), &text[start..end], text[end..].trim());
    if number(figure).is_none() {
        return;
    }
    let is_currency = |word: &str| {
        let mut lower = [0u8; 4];
        word.len() <= 4
            && lowered(word, &mut lower).is_some_and(|word| word == "us$" || types_of(word).contains(&T::Currency))
    };
    if before.is_empty() {
        let unit = after.trim_end_matches('.');
        let one_of = |units: &[&str]| units.iter().any(|known| known.eq_ignore_ascii_case(unit));
        if one_of(&["kg", "g", "mg", "lb", "lbs", "oz", "ounce", "ounces", "t", "grams", "pounds"]) {
            return found.push(T::Weight, 0.8, "a number with a unit of weight");
        }
        if one_of(&["cm", "mm", "m", "in", "inch", "inches", "ft", "\""]) {
            return found.push(T::Dimension, 0.75, "a number with a unit of length");
        }
        if one_of(&[
            "ms", "s", "sec", "secs", "min", "mins", "h", "hr", "hrs", "hours", "days", "day", "weeks", "months",
            "years",
        ]) {
            return found.push(T::Duration, 0.7, "a number with a unit of time");
        }
        if is_currency(unit) {
            found.push(T::Price, 0.85, "a number with a currency's code");
        }
    } else if after.is_empty() && (is_currency(before) || before.ends_with('$')) {
        found.push(T::Price, 0.85, "a number with a currency's code");
    }
}

/// A telephone with an extension: `212-555-0123 ext 12`, `555-0123x4`.
fn extension(text: &str, found: &mut Candidates) {
    let Some(at) = text.find(|c: char| c.is_ascii_alphabetic()) else { return };
    let (number, tail) = (text[..at].trim(), &text[at..]);
    let word = tail.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '.');
    if ["x", "ext", "extn"].iter().any(|known| known.eq_ignore_ascii_case(word)) {
        phone(number, &Shape::of(number), found);
    }
}

/// Category paths, image paths and other files.
fn path(text: &str, shape: &Shape, found: &mut Candidates) -> bool {
    if text.contains(" > ") || text.contains(" >> ") {
        found.push(T::CategoryPath, 0.85, "steps parted by >");
        return true;
    }
    if is_image(text) && text.len() < 300 {
        found.push(T::ImagePath, 0.9, "a name that ends as an image does");
        return true;
    }
    if shape.spaces == 0
        && (text.starts_with('/') || text.starts_with("./") || text.get(1..3) == Some(":\\"))
        && text.len() > 3
    {
        found.push(T::FilePath, 0.7, "a path");
        return true;
    }
    if shape.digits == 0 && shape.has(b'/') && !text.contains("//") && shape.letters > 8 {
        let steps = text.split('/').filter(|step| step.trim().len() > 2).count();
        if steps >= 2 && text.len() < 160 {
            found.push(T::CategoryPath, 0.35, "steps parted by /");
        }
    }
    false
}

fn is_image(text: &str) -> bool {
    const ENDINGS: [&str; 10] = ["jpg", "jpeg", "png", "gif", "webp", "bmp", "svg", "tif", "tiff", "avif"];
    text.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty() && end.len() <= 4 && ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(end))
    })
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
    fn emails_right_and_wrong() {
        for right in ["a@b.co", "first.last+tag@sub.example.com", "o'neil@example.org"] {
            assert!(email(right), "{right}");
        }
        for wrong in ["@b.co", "a@b", "a@.com", "a b@c.com", "a@b..com", ".a@b.com", "a@b.c0m", "a@-b.com"] {
            assert!(!email(wrong), "{wrong}");
        }
    }

    #[test]
    fn codes_and_names() {
        assert_eq!(best("E12345678"), Some(T::Passport));
        assert_eq!(best("ocean-blue.PNG"), Some(T::ImagePath));
        assert_eq!(best("12.0 oz"), Some(T::Weight));
        assert_eq!(best("USD 12.50"), Some(T::Price));
        assert_eq!(best("John Smith"), Some(T::PersonName));
        assert_eq!(best("Smith, John"), Some(T::PersonName));
        assert_eq!(best("212-555-0123 ext 12"), Some(T::Phone));
        assert_eq!(best("www.example.com/a"), Some(T::Url));
        assert_eq!(best("example.com"), Some(T::DomainName));
        assert_eq!(best("P.O. Box 255"), Some(T::Address));
        assert_eq!(best("<?xml version=\"1.0\"?><item><id>1</id></item>"), Some(T::Xml));
    }
}
