//! Identity and taxpayers' numbers of other countries, by their check digits where they have some.

use super::context::nearness;
use super::lexicon::{ID, SSN};
use super::numbers::Run;
use super::tokens::Tokens;
use super::{Found, PiiType};

/// Numbers of digits alone. Those of one check digit in ten or eleven need a word beside them, or their own grouping.
pub fn digits(tokens: &Tokens<'_>, run: &Run, found: &mut Found) {
    let digits = run.digits();
    let said = || nearness(tokens, run.first, run.last, ID | SSN) > 0.0;
    match digits.len() {
        12 if verhoeff(digits) && digits[0] >= b'2' => {
            let grouped = run.groups == [4, 4, 4];
            if said() {
                found.push(PiiType::InAadhaar, run.start, run.end, 0.9);
            } else if grouped {
                found.push(PiiType::InAadhaar, run.start, run.end, 0.55);
            }
        }
        11 if run.groups == [3, 3, 3, 2] && run.gaps == [b'.', b'.', b'-'] && cpf(digits) => {
            found.push(PiiType::BrCpf, run.start, run.end, 0.95);
        }
        11 if run.is_plain() && said() && pesel(digits) => found.push(PiiType::PlPesel, run.start, run.end, 0.85),
        10 if said() && nhs(digits) && (run.is_plain() || run.groups == [3, 3, 4]) => {
            found.push(PiiType::UkNhs, run.start, run.end, 0.85);
        }
        13 if run.groups == [6, 7]
            && run.gaps == [b'-']
            && matches!(digits[6], b'1'..=b'8')
            && month_and_day(&digits[2..6]) =>
        {
            found.push(PiiType::KrRrn, run.start, run.end, 0.75);
        }
        _ => {}
    }
}

/// Codes with letters.
pub fn code(bytes: &[u8], said: bool, (start, end): (usize, usize), found: &mut Found) {
    let upper = |places: &[usize]| places.iter().all(|at| bytes.get(*at).is_some_and(u8::is_ascii_uppercase));
    let numeric = |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    match bytes.len() {
        // Spain: eight digits or X, Y, Z and seven, and a letter that follows from them.
        9 if upper(&[8]) && numeric(1, 8) && nif(bytes) => found.push(PiiType::EsNif, start, end, 0.85),
        // Singapore: S, T, F, G and a letter that follows from seven digits.
        9 if numeric(1, 8) && upper(&[0, 8]) && nric(bytes) => found.push(PiiType::SgNric, start, end, 0.85),
        // The United Kingdom: two letters, six digits, A to D.
        9 if upper(&[0, 1]) && numeric(2, 8) && matches!(bytes[8], b'A'..=b'D') && nino(bytes) => {
            found.push(PiiType::UkNino, start, end, if said { 0.9 } else { 0.6 });
        }
        // India: five letters, the fourth tells of whom, four digits, a letter.
        10 if upper(&[0, 1, 2, 3, 4, 9])
            && numeric(5, 9)
            && matches!(bytes[3], b'A' | b'B' | b'C' | b'F' | b'G' | b'H' | b'J' | b'L' | b'P' | b'T') =>
        {
            found.push(PiiType::InPan, start, end, if said { 0.9 } else { 0.6 });
        }
        16 if fiscal_code(bytes) => found.push(PiiType::ItFiscalCode, start, end, 0.95),
        _ => {}
    }
}

fn value(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn month_and_day(digits: &[u8]) -> bool {
    let number = |a: u8, b: u8| value(a) * 10 + value(b);
    matches!(digits, [a, b, c, d] if (1..=12).contains(&number(*a, *b)) && (1..=31).contains(&number(*c, *d)))
}

/// Verhoeff's check digit, by the dihedral group of order ten.
fn verhoeff(digits: &[u8]) -> bool {
    const TIMES: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURNED: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let mut sum = 0u8;
    for (place, byte) in digits.iter().rev().enumerate() {
        let turned = TURNED[place % 8][value(*byte).min(9) as usize];
        sum = TIMES[usize::from(sum)][usize::from(turned)];
    }
    sum == 0
}

/// Brazil: two check digits modulo 11.
fn cpf(digits: &[u8]) -> bool {
    let check = |count: usize| {
        let sum: u32 = digits[..count].iter().enumerate().map(|(n, b)| value(*b) * (count as u32 + 1 - n as u32)).sum();
        let rest = sum * 10 % 11;
        rest % 10 == value(digits[count])
    };
    digits.len() == 11 && digits.iter().any(|b| *b != digits[0]) && check(9) && check(10)
}

/// Poland: weights 1, 3, 7, 9 and a birth date.
fn pesel(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3];
    let month = (value(digits[2]) * 10 + value(digits[3])) % 20;
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(b, w)| value(*b) * w).sum();
    (1..=12).contains(&month) && (10 - sum % 10) % 10 == value(digits[10])
}

/// The National Health Service: modulo 11.
fn nhs(digits: &[u8]) -> bool {
    let sum: u32 = digits[..9].iter().enumerate().map(|(n, b)| value(*b) * (10 - n as u32)).sum();
    let check = (11 - sum % 11) % 11;
    check != 10 && check == value(digits[9])
}

fn nif(bytes: &[u8]) -> bool {
    let first = match bytes[0] {
        digit @ b'0'..=b'9' => value(digit),
        letter @ b'X'..=b'Z' => u32::from(letter - b'X'),
        _ => return false,
    };
    let number = bytes[1..8].iter().fold(first, |sum, b| sum * 10 + value(*b));
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize] == bytes[8]
}

fn nric(bytes: &[u8]) -> bool {
    const WEIGHTS: [u32; 7] = [2, 7, 6, 5, 4, 3, 2];
    let sum: u32 = bytes[1..8].iter().zip(WEIGHTS).map(|(b, w)| value(*b) * w).sum();
    let (offset, letters) = match bytes[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => return false,
    };
    letters[((sum + offset) % 11) as usize] == bytes[8]
}

fn nino(bytes: &[u8]) -> bool {
    let first = !matches!(bytes[0], b'D' | b'F' | b'I' | b'Q' | b'U' | b'V');
    let second = !matches!(bytes[1], b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V');
    first && second && !matches!(&bytes[..2], b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ")
}

/// Italy: six letters, two digits, a letter, two digits, a letter, three digits and a letter that follows from the others.
fn fiscal_code(bytes: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let form = bytes.iter().enumerate().all(|(at, b)| match at {
        0..=5 | 8 | 11 | 15 => b.is_ascii_uppercase(),
        _ => b.is_ascii_digit(),
    });
    if !form {
        return false;
    }
    let sum: u32 = bytes[..15]
        .iter()
        .enumerate()
        .map(|(at, b)| {
            let letter = if b.is_ascii_digit() { value(*b) } else { u32::from(b - b'A') };
            if at % 2 == 0 { ODD[letter as usize % 26] } else { letter }
        })
        .sum();
    b'A' + (sum % 26) as u8 == bytes[15]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_are_right_and_their_neighbours_wrong() {
        assert!(verhoeff(b"2363") && !verhoeff(b"2364"));
        assert!(cpf(b"52998224725") && !cpf(b"52998224726"));
        assert!(pesel(b"44051401359") && !pesel(b"44051401358"));
        assert!(nhs(b"9434765919") && !nhs(b"9434765918"));
        assert!(nif(b"12345678Z") && !nif(b"12345678A"));
        assert!(nric(b"S1234567D") && !nric(b"S1234567E"));
        assert!(fiscal_code(b"RSSMRA85T10A562S") && !fiscal_code(b"RSSMRA85T10A562T"));
    }
}
