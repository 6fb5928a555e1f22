//! Numbers and identifiers.

use crate::encoding::write_hex;
use std::io::Write;

/// Writes an integer.
pub fn write_integer(value: i128, out: &mut Vec<u8>) {
    let mut digits = [0u8; 40];
    let used = digits_of(value.unsigned_abs(), &mut digits);
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(used);
}

/// Writes a `real`.
pub fn write_float4(value: f32, out: &mut Vec<u8>) {
    if !write_special(f64::from(value), out) {
        let mut text = Scientific::default();
        // The buffer is larger than any float; what cannot fail is not checked.
        let _ = write!(text, "{value:e}");
        text.layout(6, out);
    }
}

/// Writes a `double precision`.
pub fn write_float8(value: f64, out: &mut Vec<u8>) {
    if !write_special(value, out) {
        let mut text = Scientific::default();
        let _ = write!(text, "{value:e}");
        text.layout(15, out);
    }
}

/// Writes a number given as its unscaled decimal digits: `scale` of them stand after the point. With `trim`, zeros at
/// the end of the fraction go, as for a `numeric` that declares no scale.
pub fn write_decimal(negative: bool, digits: &[u8], scale: i32, trim: bool, out: &mut Vec<u8>) {
    let zero = digits.iter().all(|digit| *digit == b'0');
    if negative && !zero {
        out.push(b'-');
    }
    let scale = if scale < 0 {
        out.extend_from_slice(digits);
        if !zero {
            out.extend(std::iter::repeat_n(b'0', scale.unsigned_abs() as usize));
        }
        return;
    } else {
        scale as usize
    };
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    } else {
        out.extend_from_slice(&digits[..whole]);
    }
    if scale == 0 {
        return;
    }
    let point = out.len();
    out.push(b'.');
    out.extend(std::iter::repeat_n(b'0', scale - (digits.len() - whole)));
    out.extend_from_slice(&digits[whole..]);
    if trim {
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.len() == point + 1 {
            out.pop();
        }
    }
}

/// Writes an unscaled 128-bit decimal.
pub(super) fn write_decimal128(value: i128, scale: i8, trim: bool, out: &mut Vec<u8>) {
    let mut digits = [0u8; 40];
    let used = digits_of(value.unsigned_abs(), &mut digits);
    write_decimal(value < 0, used, i32::from(scale), trim, out);
}

/// Writes sixteen bytes as a UUID.
pub fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        write_hex(*byte, out);
    }
}

/// The decimal digits of `value`, in the end of `buffer`.
pub fn digits_of(value: u128, buffer: &mut [u8; 40]) -> &[u8] {
    let mut at = buffer.len();
    let mut wide = value;
    // 128-bit division is slow: once the rest fits, go on in 64 bits.
    while wide > u128::from(u64::MAX) {
        at -= 1;
        buffer[at] = b'0' + (wide % 10) as u8;
        wide /= 10;
    }
    let mut rest = wide as u64;
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &buffer[at..];
        }
    }
}

fn write_special(value: f64, out: &mut Vec<u8>) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"Infinity"
    } else if value == f64::NEG_INFINITY {
        b"-Infinity"
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

/// Rust's shortest `d.ddde-7`, waiting to be laid out as PostgreSQL does.
#[derive(Default)]
struct Scientific {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Scientific {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = bytes.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..self.len + room].copy_from_slice(&bytes[..room]);
        self.len += room;
        Ok(room)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Scientific {
    /// Plain digits while the exponent is within -4 and `fixed_below`, else `d.ddde+XX`.
    fn layout(&self, fixed_below: i32, out: &mut Vec<u8>) {
        let mut digits = [0u8; 32];
        let mut count = 0;
        let mut exponent = 0i32;
        let mut exponent_negative = false;
        let mut in_exponent = false;
        for byte in &self.bytes[..self.len] {
            match byte {
                b'e' => in_exponent = true,
                b'-' if in_exponent => exponent_negative = true,
                b'-' => out.push(b'-'),
                b'0'..=b'9' if in_exponent => exponent = exponent * 10 + i32::from(byte - b'0'),
                b'0'..=b'9' => {
                    digits[count] = *byte;
                    count += 1;
                }
                _ => {}
            }
        }
        if exponent_negative {
            exponent = -exponent;
        }
        let digits = &digits[..count];
        if (-4..fixed_below).contains(&exponent) {
            if exponent < 0 {
                out.extend_from_slice(b"0.");
                out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
                out.extend_from_slice(digits);
            } else {
                let whole = exponent as usize + 1;
                if whole >= count {
                    out.extend_from_slice(digits);
                    out.extend(std::iter::repeat_n(b'0', whole - count));
                } else {
                    out.extend_from_slice(&digits[..whole]);
                    out.push(b'.');
                    out.extend_from_slice(&digits[whole..]);
                }
            }
            return;
        }
        out.extend_from_slice(&digits[..1]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        write_integer(i128::from(exponent.abs()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_postgresqls() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (123456789012345.0, "123456789012345"),
            (1e15, "1e+15"),
            (1e20, "1e+20"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-123.25, "-123.25"),
            (1.0 / 3.0, "0.3333333333333333"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(text(|out| write_float8(value, out)), expected);
        }
        assert_eq!(text(|out| write_float4(0.1, out)), "0.1");
        assert_eq!(text(|out| write_float4(1e6, out)), "1e+06");
        assert_eq!(text(|out| write_float4(999999.0, out)), "999999");
        assert_eq!(text(|out| write_float4(16_777_216.0, out)), "1.6777216e+07");
    }

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(text(|out| write_decimal128(1250, 2, false, out)), "12.50");
        assert_eq!(text(|out| write_decimal128(-5, 3, false, out)), "-0.005");
        assert_eq!(text(|out| write_decimal128(0, 2, false, out)), "0.00");
        assert_eq!(text(|out| write_decimal128(12, -2, false, out)), "1200");
        assert_eq!(text(|out| write_decimal128(1_500_000_000, 9, true, out)), "1.5");
        assert_eq!(text(|out| write_decimal128(2_000_000_000, 9, true, out)), "2");
        assert_eq!(text(|out| write_decimal128(i128::MIN, 0, false, out)), i128::MIN.to_string());
    }

    #[test]
    fn integers_reach_both_ends() {
        for value in [0, 7, -1, i128::from(i64::MIN), i128::from(u64::MAX), i128::MAX] {
            assert_eq!(text(|out| write_integer(value, out)), value.to_string());
        }
    }
}
