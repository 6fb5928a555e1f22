//! What `CREATE SOURCE ... TYPE files OPTIONS (...)` may say about a folder.

use crate::error::{Error, Kind, Result};
use crate::fail;

/// Options of a folder of files. The defaults find out everything by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileOptions {
    /// Which files: `*.csv` is matched with the file's name, a pattern with a `/` with its path below the root.
    pub pattern: Option<String>,
    /// Whether folders below the root are read too.
    pub recursive: bool,
    /// `auto`, or a label such as `utf-8`, `gbk`, `utf-16le`. With a named one malformed bytes become U+FFFD.
    pub encoding: String,
    /// The delimiter of CSV files; found out when not given.
    pub delimiter: Option<u8>,
    /// The quote of CSV files: `Some(None)` for none; found out when not given.
    pub quote: Option<Option<u8>>,
    /// Whether CSV files begin with a header; found out when not given.
    pub header: Option<bool>,
    /// Whether every CSV column stays text.
    pub all_varchar: bool,
    /// Rows over which columns are inferred; the first [`crate::config::SOURCE_SAMPLE_BYTES`] when not given.
    pub sample_rows: Option<usize>,
    /// Whether column names are folded to lower-case identifiers (`Clothing ID` becomes `clothing_id`).
    pub normalize_names: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            pattern: None,
            recursive: true,
            encoding: "auto".into(),
            delimiter: None,
            quote: None,
            header: None,
            all_varchar: false,
            sample_rows: None,
            normalize_names: false,
        }
    }
}

impl FileOptions {
    /// The names that [`FileOptions::set`] knows.
    pub const NAMES: [&'static str; 9] = [
        "pattern",
        "recursive",
        "encoding",
        "delimiter",
        "quote",
        "header",
        "all_varchar",
        "sample_rows",
        "normalize_names",
    ];

    /// Sets one option from its text; `InvalidParameter` for an unknown name or a value it cannot have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name.to_ascii_lowercase().as_str() {
            "pattern" => {
                super::glob::compile(value)?;
                self.pattern = Some(value.to_owned());
            }
            "recursive" => self.recursive = boolean(name, value)?,
            "encoding" => {
                super::charset::named(value)?;
                self.encoding = value.to_owned();
            }
            "delimiter" | "delim" | "sep" => {
                self.delimiter = Some(one_byte(name, value)?.ok_or_else(|| wrong(name, value, "one ASCII character"))?)
            }
            "quote" => self.quote = Some(one_byte(name, value)?),
            "header" => {
                self.header = if value.eq_ignore_ascii_case("auto") { None } else { Some(boolean(name, value)?) }
            }
            "all_varchar" => self.all_varchar = boolean(name, value)?,
            "sample_rows" => match value.trim().parse::<usize>() {
                Ok(rows) if rows > 0 => self.sample_rows = Some(rows),
                _ => return Err(wrong(name, value, "a number of rows from 1")),
            },
            "normalize_names" => self.normalize_names = boolean(name, value)?,
            _ => {
                return Err(Error::new(Kind::InvalidParameter, format!("a source of files has no option \"{name}\""))
                    .with_hint(format!("It knows path, {}.", Self::NAMES.join(", "))));
            }
        }
        Ok(())
    }
}

fn wrong(name: &str, value: &str, wanted: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("option \"{name}\" wants {wanted}, not \"{value}\""))
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "on" | "yes" | "1" => Ok(true),
        "false" | "f" | "off" | "no" | "0" => Ok(false),
        _ => Err(wrong(name, value, "true or false")),
    }
}

fn one_byte(name: &str, value: &str) -> Result<Option<u8>> {
    match value {
        "" => Ok(None),
        "\\t" | "tab" => Ok(Some(b'\t')),
        _ => match value.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(Some(*byte)),
            _ => fail!(InvalidParameter, "option \"{name}\" wants one ASCII character, not \"{value}\""),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked_when_set() {
        let mut options = FileOptions::default();
        for (name, value) in [("delimiter", "\\t"), ("header", "false"), ("encoding", "GB18030"), ("quote", "")] {
            options.set(name, value).unwrap();
        }
        assert_eq!(options.delimiter, Some(b'\t'));
        assert_eq!(options.quote, Some(None));
        assert_eq!(options.header, Some(false));
        for (name, value) in [("delimiter", "，"), ("encoding", "klingon"), ("sample_rows", "0"), ("colour", "red")] {
            assert_eq!(options.set(name, value).unwrap_err().kind(), Kind::InvalidParameter, "{name}");
        }
    }
}
