//! Postal codes.

use super::text::half_width;

/// A postal code in capitals with one blank or hyphen where its country has one; `None` if it is none. Leading zeros are part of it: a
/// code of four digits stays one, since nothing tells whether a zero was lost.
pub fn postcode(text: &str) -> Option<String> {
    let text = half_width(text).trim().to_uppercase();
    let plain: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let separated = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    if !separated || !(3..=10).contains(&plain.len()) || !plain.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = plain.bytes().all(|b| b.is_ascii_digit());
    let (head, tail) = plain.split_at(plain.len() - 3);
    Some(match plain.len() {
        // ZIP+4 of the United States.
        9 if digits => format!("{}-{}", plain.get(..5)?, plain.get(5..)?),
        3..=8 if digits => plain,
        // The Netherlands: four digits and two letters.
        6 if is_like(&plain, "9999AA") => format!("{} {}", plain.get(..4)?, plain.get(4..)?),
        // The United Kingdom's end in a digit and two letters, Canada's in digit, letter, digit.
        5..=7 if is_like(tail, "9AA") || plain.len() == 6 && is_like(&plain, "A9A9A9") => format!("{head} {tail}"),
        _ if digits => return None,
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

/// Whether the text has letters and digits as the form has `A` and `9`.
fn is_like(text: &str, form: &str) -> bool {
    let fits = |(c, form): (u8, u8)| if form == b'9' { c.is_ascii_digit() } else { c.is_ascii_uppercase() };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::postcode;

    #[test]
    fn codes() {
        assert_eq!(postcode(" ５１８ 000").as_deref(), Some("518000"));
        assert_eq!(postcode("02134").as_deref(), Some("02134"));
        assert_eq!(postcode("021341234").as_deref(), Some("02134-1234"));
        assert_eq!(postcode("sw1a1aa").as_deref(), Some("SW1A 1AA"));
        assert_eq!(postcode("k1a 0b1").as_deref(), Some("K1A 0B1"));
        assert_eq!(postcode("1012ab").as_deref(), Some("1012 AB"));
        assert_eq!(postcode("nowhere"), None);
    }
}
