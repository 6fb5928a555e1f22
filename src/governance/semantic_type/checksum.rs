//! Check digits. Each function takes the characters as bytes, without separators, and never allocates.

/// Luhn, ISO/IEC 7812-1 annex B: bank cards and IMEI. Digits only.
pub fn luhn(digits: &[u8]) -> bool {
    if digits.is_empty() {
        return false;
    }
    let mut sum = 0u32;
    for (place, byte) in digits.iter().rev().enumerate() {
        let Some(digit) = digit(*byte) else { return false };
        let doubled = if place % 2 == 1 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    sum.is_multiple_of(10)
}

/// GS1 modulo 10: GTIN-8, UPC-A (12), EAN-13, GTIN-14. Weights 3 and 1 from the right.
pub fn gtin(digits: &[u8]) -> bool {
    if !matches!(digits.len(), 8 | 12 | 13 | 14) {
        return false;
    }
    let mut sum = 0u32;
    for (place, byte) in digits.iter().rev().enumerate() {
        let Some(digit) = digit(*byte) else { return false };
        sum += if place % 2 == 1 { digit * 3 } else { digit };
    }
    sum.is_multiple_of(10)
}

/// ISBN-10, modulo 11 with X for ten. ISBN-13 is a [`gtin`] that begins with 978 or 979.
pub fn isbn10(text: &[u8]) -> bool {
    if text.len() != 10 {
        return false;
    }
    let mut sum = 0u32;
    for (place, byte) in text.iter().enumerate() {
        let value = match (digit(*byte), *byte) {
            (Some(value), _) => value,
            (None, b'X' | b'x') if place == 9 => 10,
            _ => return false,
        };
        sum += value * (10 - place as u32);
    }
    sum.is_multiple_of(11)
}

/// Identity number of a Chinese citizen, GB 11643-1999: ISO 7064 MOD 11-2 over eighteen characters.
pub fn cn_id_card(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if text.len() != 18 {
        return false;
    }
    let mut sum = 0;
    for (byte, weight) in text.iter().zip(WEIGHTS) {
        let Some(digit) = digit(*byte) else { return false };
        sum += digit * weight;
    }
    text[17].to_ascii_uppercase() == b"10X98765432"[(sum % 11) as usize]
}

/// Unified social credit code, GB 32100-2015: modulo 31 with weights 3^i over the alphabet without I, O, S, V, Z.
pub fn cn_uscc(text: &[u8]) -> bool {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    if text.len() != 18 {
        return false;
    }
    let value = |byte: u8| ALPHABET.iter().position(|a| *a == byte.to_ascii_uppercase()).map(|p| p as u32);
    let (mut sum, mut weight) = (0u32, 1u32);
    for byte in &text[..17] {
        let Some(value) = value(*byte) else { return false };
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    value(text[17]) == Some((31 - sum % 31) % 31)
}

/// Countries that issue IBANs, each with the length of its own (the registry of ISO 13616).
const IBAN_LENGTHS: &str = "\
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 \
    FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 \
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 \
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// Whether a country issues IBANs of this length.
fn has_iban_length(text: &[u8]) -> bool {
    let Some([one, two]) = text.first_chunk() else { return false };
    let country = [one.to_ascii_uppercase(), two.to_ascii_uppercase()];
    let length =
        IBAN_LENGTHS.split(' ').find_map(|known| known.as_bytes().strip_prefix(country.as_slice())?.try_into().ok());
    length.is_some_and(|[tens, ones]: [u8; 2]| text.len() == usize::from(tens - b'0') * 10 + usize::from(ones - b'0'))
}

/// IBAN, ISO 13616: a country's length, and modulo 97 equals one after the first four characters are moved to the end.
pub fn iban(text: &[u8]) -> bool {
    if !(15..=34).contains(&text.len()) || !has_iban_length(text) {
        return false;
    }
    let mut rest = 0u32;
    for byte in text[4..].iter().chain(&text[..4]) {
        rest = match byte {
            b'0'..=b'9' => rest * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(byte - b'A') + 10,
            b'a'..=b'z' => rest * 100 + u32::from(byte - b'a') + 10,
            _ => return false,
        } % 97;
    }
    rest == 1
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one last character, of all in `alphabet`, for which `check` holds.
    fn completions(body: &str, alphabet: &str, check: fn(&[u8]) -> bool) -> Vec<char> {
        alphabet.chars().filter(|c| check(format!("{body}{c}").as_bytes())).collect()
    }

    #[test]
    fn exactly_one_check_character_is_right() {
        let digits = "0123456789";
        assert_eq!(completions("7992739871", digits, luhn), ['3']);
        assert_eq!(completions("400638133393", digits, gtin), ['1']);
        assert_eq!(completions("030640615", "0123456789X", isbn10), ['2']);
        assert_eq!(completions("11010519491231002", "0123456789X", cn_id_card), ['X']);
        assert_eq!(completions("91350100M000100Y4", "0123456789ABCDEFGHJKLMNPQRTUWXY", cn_uscc), ['3']);
    }

    #[test]
    fn swapped_and_foreign_characters_fail() {
        assert!(cn_id_card(b"11010519491231002x"));
        assert!(!cn_id_card(b"11010519491213002X"));
        assert!(!cn_uscc(b"91350100M000100I43"));
        assert!(iban(b"GB82WEST12345698765432"));
        assert!(!iban(b"GB82WEST12345698765423"));
        assert!(!iban("GB82WEST1234569876543é".as_bytes()));
        // A right remainder in the length of no country's, and of a country that has none.
        assert!(iban(b"NO9386011117947") && iban(b"de89370400440532013000"));
        let longer: Vec<Vec<u8>> =
            (0..100).map(|check| format!("GB{check:02}WEST1234569876543").into_bytes()).collect();
        assert!(longer.iter().all(|text| !iban(text)));
        let elsewhere: Vec<Vec<u8>> =
            (0..100).map(|check| format!("US{check:02}WEST12345698765432").into_bytes()).collect();
        assert!(elsewhere.iter().all(|text| !iban(text)));
        for check in [luhn, gtin, isbn10, cn_id_card, cn_uscc, iban] {
            assert!(!check(b""));
            assert!(!check("身份证号码".as_bytes()));
        }
    }
}
