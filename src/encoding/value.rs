//! Versioned values.

use crate::config::{
    FORMAT_VERSION, FORMAT_VERSION_BLOCKS, FORMAT_VERSION_CLASSES, FORMAT_VERSION_CLASSIFIERS, FORMAT_VERSION_ENCODERS,
    FORMAT_VERSION_ERASURES, FORMAT_VERSION_LINEAGE, FORMAT_VERSION_LIVES, FORMAT_VERSION_OBJECTS,
    FORMAT_VERSION_REMOTES, FORMAT_VERSION_REPAIRS, FORMAT_VERSION_RIGHTS, FORMAT_VERSION_RULES, FORMAT_VERSION_SMALL,
    FORMAT_VERSION_TYPES,
};
use crate::error::{Error, Kind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// `value` as bytes: the format version, then JSON.
pub fn to_value<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    to_value_of(FORMAT_VERSION, value)
}

/// As [`to_value`], of a value that only programs can read which know this version.
pub fn to_value_of<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![version];
    serde_json::to_writer(&mut bytes, value).map_err(|e| Error::internal(format!("a value cannot be encoded: {e}")))?;
    Ok(bytes)
}

/// The value that [`to_value`] made; a newer version is [`Kind::FormatVersion`], anything else unreadable
/// [`Kind::Corruption`]. `what` names the object in the message.
pub fn from_value<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T> {
    match bytes.split_first() {
        Some((
            &(FORMAT_VERSION
            | FORMAT_VERSION_CLASSES
            | FORMAT_VERSION_OBJECTS
            | FORMAT_VERSION_BLOCKS
            | FORMAT_VERSION_TYPES
            | FORMAT_VERSION_RIGHTS
            | FORMAT_VERSION_RULES
            | FORMAT_VERSION_LINEAGE
            | FORMAT_VERSION_SMALL
            | FORMAT_VERSION_CLASSIFIERS
            | FORMAT_VERSION_REPAIRS
            | FORMAT_VERSION_LIVES
            | FORMAT_VERSION_REMOTES
            | FORMAT_VERSION_ERASURES
            | FORMAT_VERSION_ENCODERS),
            rest,
        )) => serde_json::from_slice(rest)
            .map_err(|e| Error::new(Kind::Corruption, format!("{what} cannot be decoded (line {})", e.line()))),
        Some((&version, _)) => Err(Error::new(
            Kind::FormatVersion,
            format!("{what} has format version {version}; this program reads up to {FORMAT_VERSION_ENCODERS}"),
        )),
        None => Err(Error::new(Kind::Corruption, format!("{what} is empty"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_strangers_are_told() {
        let bytes = to_value(&vec![1, 2, 3]).unwrap();
        assert_eq!(from_value::<Vec<i32>>("list", &bytes).unwrap(), [1, 2, 3]);
        let later = to_value_of(FORMAT_VERSION_CLASSES, &vec![1, 2, 3]).unwrap();
        assert_eq!((later[0], from_value::<Vec<i32>>("list", &later).unwrap()), (3, vec![1, 2, 3]));
        assert_eq!(
            from_value::<Vec<i32>>("list", &[FORMAT_VERSION_ERASURES + 1, 1]).unwrap_err().kind(),
            Kind::FormatVersion
        );
        assert_eq!(from_value::<Vec<i32>>("list", &bytes[..3]).unwrap_err().kind(), Kind::Corruption);
        assert_eq!(from_value::<Vec<i32>>("list", &[]).unwrap_err().kind(), Kind::Corruption);
    }
}
