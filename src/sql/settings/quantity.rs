//! Settings that count something: whole numbers, bytes, lengths of time, costs. Each is checked as PostgreSQL checks it, also where
//! nothing here asks for it.

use super::{show_bytes, show_milliseconds};

/// What is counted, with the least and the most that there may be.
#[derive(Debug, Clone, Copy)]
pub enum Quantity {
    /// A whole number.
    Count(i64, i64),
    /// Any number.
    Cost(f64, f64),
    /// Memory in units of so many bytes, of which a number without a unit is one.
    Memory(u64, i64, i64),
    /// Time in units of so many milliseconds.
    Time(u64, i64, i64),
}

/// Why a value is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no number of what is counted; the units that there are.
    Unreadable(Option<&'static str>),
    /// It is less or more than there may be: what it is, the least and the most.
    Outside(String, String, String),
}

const BYTES: [(&str, f64); 5] =
    [("B", 1.0), ("kB", 1024.0), ("MB", 1_048_576.0), ("GB", 1_073_741_824.0), ("TB", 1_099_511_627_776.0)];
const MILLISECONDS: [(&str, f64); 6] =
    [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("min", 60_000.0), ("h", 3_600_000.0), ("d", 86_400_000.0)];

impl Quantity {
    /// A value as it is shown.
    pub fn read(&self, text: &str) -> Result<String, Refused> {
        match *self {
            Self::Count(least, most) => Ok(whole(text, (1.0, &[], None), (least, most))?.to_string()),
            Self::Cost(least, most) => {
                let (number, _) = parts(text, &[]).ok_or(Refused::Unreadable(None))?;
                match (least..=most).contains(&number) {
                    true => Ok(number.to_string()),
                    false => Err(Refused::Outside(number.to_string(), least.to_string(), most.to_string())),
                }
            }
            Self::Memory(unit, least, most) => {
                let hint = "\"B\", \"kB\", \"MB\", \"GB\", and \"TB\"";
                let count = whole(text, (unit as f64, &BYTES, Some(hint)), (least, most))?;
                Ok(shown(count, |count| show_bytes(count * unit)))
            }
            Self::Time(unit, least, most) => {
                let hint = "\"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"";
                let count = whole(text, (unit as f64, &MILLISECONDS, Some(hint)), (least, most))?;
                Ok(shown(count, |count| show_milliseconds(count * unit)))
            }
        }
    }
}

/// Nothing, and what is less and stands for that nothing is said, have no unit.
fn shown(count: i64, with_unit: impl Fn(u64) -> String) -> String {
    match u64::try_from(count) {
        Ok(count) if count > 0 => with_unit(count),
        _ => count.to_string(),
    }
}

/// So many units, rounded.
fn whole(
    text: &str,
    (unit, units, hint): (f64, &[(&str, f64)], Option<&'static str>),
    (least, most): (i64, i64),
) -> Result<i64, Refused> {
    let (number, written) = parts(text, units).ok_or(Refused::Unreadable(hint))?;
    let count = (number * written.map_or(1.0, |written| written / unit)).round_ties_even();
    // All bounds are far from where whole numbers are no longer exact.
    match (least as f64..=most as f64).contains(&count) {
        true => Ok(count as i64),
        false => Err(Refused::Outside(count.to_string(), least.to_string(), most.to_string())),
    }
}

/// A number and the size of the unit behind it.
fn parts(text: &str, units: &[(&str, f64)]) -> Option<(f64, Option<f64>)> {
    let text = text.trim();
    let begins = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    if !text.starts_with(begins) {
        return None;
    }
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some((number, None));
    }
    let end = text.find(|c: char| !begins(c))?;
    let number = text[..end].parse::<f64>().ok().filter(|number| number.is_finite())?;
    let (_, size) = units.iter().find(|(name, _)| *name == text[end..].trim())?;
    Some((number, Some(*size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_units() {
        let kilobytes = Quantity::Memory(1024, 64, 2_147_483_647);
        for (given, shown) in
            [("65536", "64MB"), ("4MB", "4MB"), ("64 kB", "64kB"), ("1.5GB", "1536MB"), ("1e3", "1000kB")]
        {
            assert_eq!(kilobytes.read(given).as_deref(), Ok(shown));
        }
        for wrong in ["abc", "5 apples", "", "4mb", "1MB2", "inf", "nan"] {
            assert!(matches!(kilobytes.read(wrong), Err(Refused::Unreadable(Some(_)))), "{wrong}");
        }
        for wrong in ["-1", "63", "99999TB"] {
            assert!(matches!(kilobytes.read(wrong), Err(Refused::Outside(..))), "{wrong}");
        }
        assert_eq!(Quantity::Memory(8192, 1, 2_147_483_647).read("4GB").as_deref(), Ok("4GB"));
        assert_eq!(Quantity::Memory(8192, 1, 2_147_483_647).read("2").as_deref(), Ok("16kB"));
        let seconds = Quantity::Time(1000, 0, 2_147_483_647);
        for (given, shown) in [("0", "0"), ("60", "1min"), ("90s", "90s"), ("2h", "2h")] {
            assert_eq!(seconds.read(given).as_deref(), Ok(shown));
        }
        assert_eq!(Quantity::Time(1, -1, 2_147_483_647).read("-1").as_deref(), Ok("-1"));
        assert_eq!(Quantity::Count(-15, 3).read("3").as_deref(), Ok("3"));
        assert!(matches!(Quantity::Count(-15, 3).read("100"), Err(Refused::Outside(..))));
        assert_eq!(Quantity::Count(-15, 3).read("1kB"), Err(Refused::Unreadable(None)));
        assert_eq!(Quantity::Cost(0.0, 10.0).read("1.10").as_deref(), Ok("1.1"));
        assert_eq!(Quantity::Cost(0.0, 10.0).read("x"), Err(Refused::Unreadable(None)));
    }
}
