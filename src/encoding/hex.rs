//! Bytes as hexadecimal digits, two of each, and back.

use super::pg_text::write_uuid;

/// The digits of bytes, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = Vec::with_capacity(2 * bytes.len());
    bytes.iter().for_each(|byte| write_hex(*byte, &mut digits));
    ascii(digits)
}

/// Sixteen bytes as a UUID.
pub fn uuid(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(36);
    write_uuid(bytes, &mut text);
    ascii(text)
}

/// Writes the two digits of one byte.
pub fn write_hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(DIGITS[usize::from(byte >> 4)]);
    out.push(DIGITS[usize::from(byte & 15)]);
}

/// The bytes that digits tell, in letters of either case; none if one of them is no digit, or has no other beside it.
pub fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then_some(())?;
    pairs.iter().map(|[high, low]| unhex_pair(*high, *low)).collect()
}

/// The byte that two digits tell.
pub fn unhex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |letter: u8| char::from(letter).to_digit(16).map(|digit| digit as u8);
    Some(digit(high)? << 4 | digit(low)?)
}

fn ascii(letters: Vec<u8>) -> String {
    letters.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(hex(&bytes).as_bytes()), Some(bytes));
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(unhex(b"000AfF"), Some(vec![0, 10, 255]));
        assert_eq!(unhex(b""), Some(Vec::new()));
        assert!(["0", "0g", "+1", "é", "0 "].iter().all(|digits| unhex(digits.as_bytes()).is_none()));
        assert_eq!(uuid(&[0xab; 16]), "abababab-abab-abab-abab-abababababab");
    }
}
