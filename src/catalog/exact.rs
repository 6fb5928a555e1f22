//! Numbers with a fraction, read from JSON to the last bit: what is read is what was written, however often.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Such a number. The JSON library's own reading may be off by one in the last place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Exact(pub f64);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Box::<RawValue>::deserialize(deserializer)?;
        match written.get() {
            // As JSON has what is no number.
            "null" => Ok(Self(f64::NAN)),
            number => number.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// For a field that is one.
pub fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Exact::deserialize(deserializer).map(|number| number.0)
}

/// Metrics of a model: metric, segment, value, rows.
type Metrics = Vec<(String, String, f64, u64)>;

/// For the metrics of a model.
pub fn metrics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metrics, D::Error> {
    let read = Vec::<(String, String, Exact, u64)>::deserialize(deserializer)?;
    Ok(read.into_iter().map(|(metric, segment, value, rows)| (metric, segment, value.0, rows)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_last_bit() {
        for number in [0.1 + 0.2, 1.0 / 3.0, 0.1234567890123456, 5e-324, f64::MAX, 9007199254740993.0] {
            let text = serde_json::to_string(&Exact(number)).unwrap();
            assert_eq!(serde_json::from_str::<Exact>(&text).unwrap(), Exact(number), "{text}");
        }
    }
}
