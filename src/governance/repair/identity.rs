//! Numbers with check digits: 身份证, 统一社会信用代码, IBAN, cards, GTIN, ISBN.

use super::text::code;
use crate::governance::semantic_type::{cn_id_card, is_cn_uscc, is_day, is_gtin, is_iban, is_isbn10, is_luhn};

/// Without blanks and hyphens, in capitals.
fn plain(text: &str) -> String {
    code(text).chars().filter(|c| !matches!(c, '-' | '·' | '.' | '/')).collect::<String>().to_uppercase()
}

/// A 身份证 number of 18 places (GB 11643) with a capital X; one of 15 places, as until 1999, with the century and the check digit that
/// it lacked. `None` if the check digit is wrong.
pub fn id_card(text: &str) -> Option<String> {
    let text = plain(text);
    let text = match text.len() {
        15 if text.bytes().all(|b| b.is_ascii_digit()) => {
            let longer = format!("{}19{}", text.get(..6)?, text.get(6..)?);
            b"0123456789X"
                .iter()
                .map(|last| format!("{longer}{}", char::from(*last)))
                .find(|t| cn_id_card(t.as_bytes()))?
        }
        _ => text,
    };
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let is_number = text.is_ascii() && cn_id_card(text.as_bytes());
    (is_number && is_day(number(6, 10)?, number(10, 12)?, number(12, 14)?)).then_some(text)
}

/// A 统一社会信用代码 (GB 32100) in capitals; letters that the code has not (I, O) are the digits that they look like.
pub fn uscc(text: &str) -> Option<String> {
    let text = plain(text);
    let looked: String = text
        .chars()
        .map(|c| {
            if c == 'O' {
                '0'
            } else if c == 'I' {
                '1'
            } else {
                c
            }
        })
        .collect();
    (looked.is_ascii() && is_cn_uscc(looked.as_bytes())).then_some(looked)
}

/// An IBAN without blanks (ISO 13616).
pub fn bank_iban(text: &str) -> Option<String> {
    let text = plain(text);
    (text.is_ascii() && is_iban(text.as_bytes())).then_some(text)
}

/// A card's number without blanks (ISO/IEC 7812).
pub fn card(text: &str) -> Option<String> {
    let text = plain(text);
    let fits = (12..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    (fits && is_luhn(text.as_bytes())).then_some(text)
}

/// A GTIN: 8, 12, 13 or 14 digits.
pub fn bar_code(text: &str) -> Option<String> {
    let text = plain(text);
    is_gtin(text.as_bytes()).then_some(text)
}

/// An ISBN as 13 digits; one of ten places with the prefix 978 and its own check digit.
pub fn isbn(text: &str) -> Option<String> {
    let text = plain(text);
    let text = text.trim_start_matches("ISBN").trim_start_matches(':').to_owned();
    if text.len() == 10 && is_isbn10(text.as_bytes()) {
        let longer = format!("978{}", text.get(..9)?);
        return (0..10).map(|last| format!("{longer}{last}")).find(|text| is_gtin(text.as_bytes()));
    }
    let is_book = text.len() == 13 && (text.starts_with("978") || text.starts_with("979"));
    (is_book && is_gtin(text.as_bytes())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checked_numbers() {
        assert_eq!(id_card("11010519491231002x").as_deref(), Some("11010519491231002X"));
        assert_eq!(id_card("110105 19491231 002X").as_deref(), Some("11010519491231002X"));
        assert_eq!(id_card("110105491231002").as_deref(), Some("11010519491231002X"));
        assert_eq!(id_card("110105194912310021"), None);
        assert_eq!(isbn("0-306-40615-2").as_deref(), Some("9780306406157"));
        assert_eq!(card("4111 1111 1111 1111").as_deref(), Some("4111111111111111"));
        assert_eq!(card("4111 1111 1111 1112"), None);
        assert_eq!(bank_iban("gb82 west 1234 5698 7654 32").as_deref(), Some("GB82WEST12345698765432"));
    }
}
