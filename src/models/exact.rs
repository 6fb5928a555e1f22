//! Floats as their bits, for headers of models: read back from decimal they may differ in the last place, and an edge of a bin is often
//! itself a value, which would change its bin.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the bits.
pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
    values.iter().map(|value| value.to_bits()).collect::<Vec<u64>>().serialize(to)
}

/// Reads them.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    Ok(Vec::<u64>::deserialize(from)?.into_iter().map(f64::from_bits).collect())
}
