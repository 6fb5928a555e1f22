//! The binary form of `numeric`: groups of four decimal digits, without zeros at either end.

/// Sign of a negative numeric.
pub const NUMERIC_NEGATIVE: u16 = 0x4000;
/// Sign of `NaN`.
pub const NUMERIC_NAN: u16 = 0xC000;

/// Appends a number given as unscaled decimal digits, `scale` of them after the point.
pub fn write_numeric(negative: bool, digits: &[u8], scale: i8, trim: bool, out: &mut Vec<u8>) {
    let mut fraction = usize::try_from(scale).unwrap_or(0);
    let zeros = usize::from(scale.min(0).unsigned_abs());
    let digit = |index: i64| -> u16 {
        // Before the first digit and in the zeros of a negative scale there is nothing to read.
        usize::try_from(index).ok().and_then(|index| digits.get(index)).map_or(0, |byte| u16::from(byte - b'0'))
    };
    // The place, counted from the first digit, where the point stands.
    let point = (digits.len() + zeros) as i64 - fraction as i64;
    let group = |number: i64| -> u16 {
        let first = point + 4 * number;
        (0..4).fold(0, |value, place| value * 10 + digit(first + place))
    };
    // Groups are numbered from the point: -1 is the last before it, 0 the first after it.
    let mut from = -(point.max(0) + 3) / 4;
    let mut to = (fraction as i64 + 3) / 4;
    while from < to && group(from) == 0 {
        from += 1;
    }
    while to > from && group(to - 1) == 0 {
        to -= 1;
    }
    if trim {
        while fraction > 0 && digit(point + fraction as i64 - 1) == 0 {
            fraction -= 1;
        }
    }
    let empty = from == to;
    let weight = if empty { 0 } else { -from - 1 };
    let sign = if negative && !empty { NUMERIC_NEGATIVE } else { 0 };
    out.extend_from_slice(&((to - from) as i16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(fraction as u16).to_be_bytes());
    for number in from..to {
        out.extend_from_slice(&group(number).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(negative: bool, digits: &str, scale: i8) -> Vec<u16> {
        let mut out = Vec::new();
        write_numeric(negative, digits.as_bytes(), scale, false, &mut out);
        out.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    /// Expected words as `select numeric_send(...)` of PostgreSQL 15 gives them.
    #[test]
    fn numerics_are_postgresqls() {
        assert_eq!(words(false, "1250", 2), [2, 0, 0, 2, 12, 5000]);
        assert_eq!(words(true, "123456789", 2), [3, 1, 0x4000, 2, 123, 4567, 8900]);
        assert_eq!(words(false, "1", 5), [1, 0xFFFE, 0, 5, 1000]);
        assert_eq!(words(false, "0", 2), [0, 0, 0, 2]);
        assert_eq!(words(true, "0", 0), [0, 0, 0, 0]);
        assert_eq!(words(false, "10000", 0), [1, 1, 0, 0, 1]);
        assert_eq!(words(false, "5", -3), [1, 0, 0, 0, 5000]);
        assert_eq!(words(false, "100000000", 8), [1, 0, 0, 8, 1]);
        assert_eq!(words(false, "18446744073709551615", 0), [5, 4, 0, 0, 1844, 6744, 737, 955, 1615]);
    }
}
