//! How alike two words are.

/// The similarity of Jaro and Winkler, 0 to 1: shared letters near their place, with a premium on a common beginning.
///
/// Source: W. E. Winkler, "String Comparator Metrics and Enhanced Decision Rules in the Fellegi-Sunter Model of Record Linkage", 1990.
pub fn jaro_winkler(left: &[u8], right: &[u8]) -> f32 {
    let (long, short) = if left.len() >= right.len() { (left, right) } else { (right, left) };
    if short.is_empty() || long.len() > 64 {
        return if left == right { 1.0 } else { 0.0 };
    }
    let reach = (long.len() / 2).saturating_sub(1);
    let (mut of_long, mut of_short) = (0u64, 0u64);
    let mut common = 0u32;
    for (at, byte) in short.iter().enumerate() {
        let from = at.saturating_sub(reach);
        let to = (at + reach + 1).min(long.len());
        for (place, other) in long.iter().enumerate().take(to).skip(from) {
            if of_long >> place & 1 == 0 && other == byte {
                of_long |= 1 << place;
                of_short |= 1 << at;
                common += 1;
                break;
            }
        }
    }
    if common == 0 {
        return 0.0;
    }
    let mut crossed = 0u32;
    let (mut rest_long, mut rest_short) = (of_long, of_short);
    while rest_short != 0 && rest_long != 0 {
        if short[rest_short.trailing_zeros() as usize] != long[rest_long.trailing_zeros() as usize] {
            crossed += 1;
        }
        rest_short &= rest_short - 1;
        rest_long &= rest_long - 1;
    }
    let common = common as f32;
    let jaro =
        (common / long.len() as f32 + common / short.len() as f32 + (common - crossed as f32 / 2.0) / common) / 3.0;
    let prefix = left.iter().zip(right).take(4).take_while(|(a, b)| a == b).count() as f32;
    jaro + prefix * 0.1 * (1.0 - jaro)
}

/// A word's letters as bits, so that words that cannot be alike are told apart at once: the first letter apart, and the number of
/// different ones above all.
pub fn signature(word: &[u8]) -> u64 {
    let letters = word.iter().fold(0u64, |bits, byte| bits | 1 << (byte.wrapping_mul(37) % 53));
    let first = word.first().map_or(0, |byte| u64::from(byte & 31) << 53);
    letters | first | u64::from(letters.count_ones().min(63)) << 58
}

/// Whether two words with these signatures may be alike: most letters are common, or those of an abbreviation.
pub fn may_be_alike(left: u64, right: u64) -> bool {
    const LETTERS: u64 = (1 << 53) - 1;
    let common = u64::from((left & right & LETTERS).count_ones());
    let (a, b) = (left >> 58, right >> 58);
    let same_first = (left ^ right) >> 53 & 31 == 0;
    common * 4 >= a.max(b) * 3 || same_first && common == a.min(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        for (left, right, expected) in
            [("martha", "marhta", 0.961), ("dwayne", "duane", 0.84), ("dixon", "dicksonx", 0.813), ("a", "b", 0.0)]
        {
            let found = jaro_winkler(left.as_bytes(), right.as_bytes());
            assert!((found - expected).abs() < 0.001, "{left} {right} {found}");
        }
    }
}
