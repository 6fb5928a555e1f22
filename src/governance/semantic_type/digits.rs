//! Values of digits alone: the length says what they could be, check digits and ranges what they are.

use super::SemanticType as T;
use super::checksum::{cn_id_card, cn_uscc, gtin, isbn10, luhn};
use super::moment::{is_compact_day, is_compact_time};
use super::value::Candidates;
use super::words::is_province_code;

/// Recognises a value of ASCII digits.
pub fn scan(digits: &[u8], found: &mut Candidates) {
    match digits.len() {
        4 if (1900..=2100).contains(&value(digits)) => found.push(T::Year, 0.5, "four digits from 1900 to 2100"),
        5 => found.push(T::PostalCode, 0.25, "five digits"),
        6 => six(digits, found),
        7 if digits[0] != b'0' => found.push(T::CnLandline, 0.1, "seven digits"),
        8 => {
            if is_compact_day(digits) {
                found.push(T::Date, 0.8, "a day written YYYYMMDD");
            }
            if gtin(digits) {
                found.push(T::Gtin, 0.3, "eight digits with a right GS1 check digit");
            }
        }
        10 => {
            if (1_000_000_000..2_100_000_000).contains(&value(digits)) {
                found.push(T::Timestamp, 0.35, "seconds since 1970 in a likely range");
            }
            if isbn10(digits) {
                found.push(T::Isbn, 0.38, "ten digits with a right ISBN check digit");
            }
            if digits[0] >= b'2' && digits[3] >= b'2' {
                found.push(T::Phone, 0.2, "ten digits of the North American plan");
            }
        }
        11 => eleven(digits, found),
        12 if gtin(digits) => found.push(T::Gtin, 0.6, "twelve digits with a right UPC check digit"),
        13 => thirteen(digits, found),
        14 => {
            if is_compact_day(&digits[..8]) && is_compact_time(&digits[8..]) {
                found.push(T::Timestamp, 0.9, "a moment written YYYYMMDDHHMMSS");
            }
            if gtin(digits) {
                found.push(T::Gtin, 0.6, "fourteen digits with a right GS1 check digit");
            }
            card(digits, found);
        }
        15 => {
            if luhn(digits) && !is_card_prefix(digits) {
                found.push(T::Imei, 0.8, "fifteen digits with a right Luhn digit");
            }
            card(digits, found);
            if birth_and_region(digits) {
                found.push(T::CnIdCard, 0.38, "region and birth date of a first-generation number");
            }
        }
        18 => {
            id_card(digits, found);
            if digits[0] == b'9' && cn_uscc(digits) {
                found.push(T::CnUscc, 0.97, "eighteen characters with a right GB 32100 check character");
            }
            card(digits, found);
        }
        16 | 17 | 19 => card(digits, found),
        _ => {}
    }
}

/// A citizen's identity number: region, a day that exists, and the check character.
pub fn id_card(text: &[u8], found: &mut Candidates) {
    if is_id_card(text) {
        found.push(T::CnIdCard, 0.99, "region, birth date and GB 11643 check character are right");
    }
}

/// Whether region, day of birth and check character of a citizen's identity number are right.
pub fn is_id_card(text: &[u8]) -> bool {
    text.len() == 18 && is_province_code(text[0], text[1]) && is_compact_day(&text[6..14]) && cn_id_card(text)
}

/// Whether fifteen digits have the region and the day of birth of an identity number of the first generation.
pub fn birth_and_region(digits: &[u8]) -> bool {
    digits.len() == 15
        && is_province_code(digits[0], digits[1])
        && is_compact_day(&[b'1', b'9', digits[6], digits[7], digits[8], digits[9], digits[10], digits[11]])
}

/// A payment card: the issuer's range and the Luhn digit.
pub fn card(digits: &[u8], found: &mut Candidates) {
    if is_card_prefix(digits) && luhn(digits) {
        found.push(T::BankCard, 0.95, "issuer range and Luhn digit of a payment card are right");
    }
}

/// A mainland mobile number, without its country code.
pub fn is_cn_mobile(digits: &[u8]) -> bool {
    digits.len() == 11 && digits[0] == b'1' && (b'3'..=b'9').contains(&digits[1])
}

/// Whether the first digits and the length belong to a card scheme (ISO/IEC 7812 issuer ranges).
pub fn is_card_prefix(digits: &[u8]) -> bool {
    if digits.len() < 13 {
        return false;
    }
    let head = value(&digits[..6]);
    match digits.len() {
        13 => head / 100_000 == 4,
        14 => matches!(head / 1000, 300..=305) || matches!(head / 10_000, 36 | 38 | 39),
        15 => matches!(head / 10_000, 34 | 37),
        16 => {
            head / 100_000 == 4
                || matches!(head / 10_000, 51..=55 | 62 | 65 | 81)
                || matches!(head / 100, 2221..=2720 | 3528..=3589 | 6011 | 9558)
                || matches!(head / 1000, 644..=649)
        }
        17..=19 => {
            head / 10_000 == 62 || matches!(head / 100, 9558 | 6011) || (head / 100_000 == 4 && digits.len() == 19)
        }
        _ => false,
    }
}

/// As [`is_card_prefix`], with the ranges that are rare in columns and would be chance there: Maestro of twelve to nineteen digits, JCB of
/// fifteen.
pub fn is_card_issuer(digits: &[u8]) -> bool {
    let head = if digits.len() >= 12 { value(&digits[..4]) } else { return false };
    let maestro = matches!(head, 5018 | 5020 | 5038 | 5893 | 6304 | 6390 | 6759 | 6761..=6763 | 5600..=5899);
    is_card_prefix(digits) || maestro && digits.len() <= 19 || digits.len() == 15 && matches!(head, 2131 | 1800)
}

fn six(digits: &[u8], found: &mut Candidates) {
    if is_province_code(digits[0], digits[1]) && digits[2] <= b'9' && digits[2..4] != *b"99" {
        found.push(T::AdminCode, 0.2, "six digits that open with a province of GB/T 2260");
    }
    found.push(T::PostalCode, 0.25, "six digits");
    if is_compact_time(digits) {
        found.push(T::Time, 0.1, "six digits that could be HHMMSS");
    }
}

fn eleven(digits: &[u8], found: &mut Candidates) {
    if is_cn_mobile(digits) {
        found.push(T::CnMobile, 0.9, "eleven digits in a mainland mobile range");
    } else if digits[0] == b'0' && digits[1] != b'0' {
        found.push(T::CnLandline, 0.5, "area code and number of a landline");
    } else if digits[0] == b'1' && digits[1] >= b'2' && digits[4] >= b'2' {
        found.push(T::Phone, 0.2, "eleven digits of the North American plan");
    }
}

fn thirteen(digits: &[u8], found: &mut Candidates) {
    if gtin(digits) {
        if digits.starts_with(b"978") || digits.starts_with(b"979") {
            found.push(T::Isbn, 0.97, "978 or 979 and a right check digit");
            found.push(T::Gtin, 0.6, "thirteen digits with a right EAN check digit");
        } else {
            found.push(T::Gtin, 0.85, "thirteen digits with a right EAN check digit");
        }
    }
    if (1_000_000_000_000..2_100_000_000_000).contains(&value(digits)) {
        found.push(T::Timestamp, 0.5, "milliseconds since 1970 in a likely range");
    }
}

/// The value of at most eighteen digits.
fn value(digits: &[u8]) -> u64 {
    digits.iter().take(18).fold(0, |sum, b| sum * 10 + u64::from(b.wrapping_sub(b'0') % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(text: &str) -> Vec<T> {
        let mut found = Candidates::default();
        scan(text.as_bytes(), &mut found);
        found.iter().map(|(t, _, _)| t).collect()
    }

    #[test]
    fn lengths_open_the_right_doors() {
        assert_eq!(types("2015"), [T::Year]);
        assert_eq!(types("3015"), []);
        assert_eq!(types("13912345678"), [T::CnMobile]);
        assert_eq!(types("20240229"), [T::Date]);
        assert!(types("20240229235959").contains(&T::Timestamp));
        assert_eq!(types("1700000000"), [T::Timestamp]);
        assert!(types("490154203237518").contains(&T::Imei));
        assert!(types("378282246310005").contains(&T::BankCard) && !types("378282246310005").contains(&T::Imei));
        assert!(types("4111111111111111").contains(&T::BankCard));
        assert!(types("9999999999999995").is_empty(), "Luhn is right, but no issuer has that range");
        for length in 0..40 {
            let _ = types(&"9".repeat(length));
        }
    }
}
