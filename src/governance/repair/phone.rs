//! Telephone numbers, in the form of ITU-T E.164: a plus, the country's code, the number, digits only.

use super::text::half_width;
use crate::governance::semantic_type::is_cn_mobile;

/// The number in E.164; an extension stands behind it as in RFC 3966 (`;ext=12`). A number without its country's code is one of
/// `country` (a calling code such as `86`), or, where none is told, a Chinese mobile number; `None` for any other.
pub fn phone(text: &str, country: Option<&str>) -> Option<String> {
    let text = half_width(text).to_lowercase();
    let (number, extension) = parted(text.trim());
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-().·/–—".contains(c);
    if !number.chars().all(allowed) || number.trim_start_matches(['(', ' ']).matches('+').count() > 1 {
        return None;
    }
    // `+44 (0)20`: the zero is dialled within the country only.
    let international = number.trim_start_matches(['(', ' ']).starts_with('+');
    let number = if international { number.replace("(0)", "") } else { number.to_owned() };
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let whole = match digits.strip_prefix("00") {
        _ if international => digits.clone(),
        Some(rest) if rest.len() >= 8 => rest.to_owned(),
        _ => national(&digits, country)?,
    };
    // An own number of China is not one of 11 digits that begins with 1 alone.
    let fits = (8..=15).contains(&whole.len()) && !whole.starts_with('0');
    let extension = extension.map_or_else(String::new, |extension| format!(";ext={extension}"));
    fits.then(|| format!("+{whole}{extension}"))
}

/// A number and its extension.
fn parted(text: &str) -> (&str, Option<String>) {
    for mark in ["转", "轉", "ext.", "ext", "x", "#"] {
        if let Some((number, extension)) = text.split_once(mark) {
            let extension: String = extension.trim_matches([' ', '.', ':']).to_owned();
            if (1..=6).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_digit()) {
                return (number.trim(), Some(extension));
            }
        }
    }
    (text, None)
}

fn national(digits: &str, country: Option<&str>) -> Option<String> {
    let country = country.map(|country| country.trim_start_matches(['+', '0']));
    match country {
        None | Some("86") if is_cn_mobile(digits.as_bytes()) => Some(format!("86{digits}")),
        None | Some("86")
            if digits.len() == 13 && digits.starts_with("86") && is_cn_mobile(&digits.as_bytes()[2..]) =>
        {
            Some(digits.to_owned())
        }
        None => None,
        // North America has no zero to dial before, and a one that is the country's own code.
        Some("1") => match digits.len() {
            10 => Some(format!("1{digits}")),
            11 if digits.starts_with('1') => Some(digits.to_owned()),
            _ => None,
        },
        // In Italy the zero is part of the number.
        Some("39") => Some(format!("39{digits}")),
        Some(code) if code.len() <= 3 && code.bytes().all(|b| b.is_ascii_digit()) => {
            let number = digits.strip_prefix('0').unwrap_or(digits);
            (number.len() >= 6).then(|| format!("{code}{number}"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::phone;

    #[test]
    fn numbers() {
        assert_eq!(phone("１３８ 0013-8000", None).as_deref(), Some("+8613800138000"));
        assert_eq!(phone("86 13800138000", None).as_deref(), Some("+8613800138000"));
        assert_eq!(phone("(010) 6552-9988 转 12", Some("86")).as_deref(), Some("+861065529988;ext=12"));
        assert_eq!(phone("+44 (0)20 7946 0018", None).as_deref(), Some("+442079460018"));
        assert_eq!(phone("0049 30 901820", None).as_deref(), Some("+4930901820"));
        assert_eq!(phone("(415) 555-2671", Some("1")).as_deref(), Some("+14155552671"));
        assert_eq!(phone("(415) 555-2671", None), None, "no country is told");
        assert_eq!(phone("12", Some("86")), None);
        assert_eq!(phone("call me", None), None);
    }
}
