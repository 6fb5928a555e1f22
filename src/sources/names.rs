//! Names: files' paths become SQL identifiers, headers become unique column names.

use crate::config::NAME_BYTES_MAX;
use std::collections::HashSet;

/// A lower-case SQL identifier of `text`: letters and digits of every script stay, all else becomes one `_`.
pub(super) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            name.push(letter);
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if !name.starts_with(|c: char| c.is_alphabetic()) {
        return shorten(&format!("_{name}"), NAME_BYTES_MAX).to_owned();
    }
    shorten(name, NAME_BYTES_MAX).to_owned()
}

/// The identifier of a path: where it is too long, the outer folders go first, for a file's own name tells most.
pub(super) fn of_path(path: &str) -> String {
    let mut rest = path;
    while identifier_bytes(rest) > NAME_BYTES_MAX {
        let Some((_, inner)) = rest.split_once('/') else { break };
        rest = inner;
    }
    identifier(rest)
}

fn identifier_bytes(text: &str) -> usize {
    text.trim().len() + usize::from(!text.starts_with(|c: char| c.is_alphabetic()))
}

/// The longest start of `text` that has at most `bytes` bytes and whole characters.
pub(super) fn shorten(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Gives out names of which no two are equal, whatever their case.
#[derive(Debug, Default)]
pub(super) struct Unique {
    taken: HashSet<String>,
}

impl Unique {
    /// `name`, or `name_suffix`, or `name_2`, `name_3`, ...: the first that is free.
    pub(super) fn take(&mut self, name: &str, suffix: Option<&str>) -> String {
        if self.taken.insert(name.to_lowercase()) {
            return name.to_owned();
        }
        let mut stem = name.to_owned();
        if let Some(suffix) = suffix {
            stem = with_suffix(name, suffix);
            if self.taken.insert(stem.to_lowercase()) {
                return stem;
            }
        }
        // One more than the names given out is certainly free.
        let mut count = if suffix.is_some() { 2 } else { 1 };
        loop {
            let candidate = with_suffix(&stem, &count.to_string());
            if self.taken.insert(candidate.to_lowercase()) {
                return candidate;
            }
            count += 1;
        }
    }
}

fn with_suffix(name: &str, suffix: &str) -> String {
    format!("{}_{suffix}", shorten(name, NAME_BYTES_MAX.saturating_sub(suffix.len() + 1)))
}

/// Column names of a header, as DuckDB makes them: trimmed, empty ones `column3` by position, repeated ones `name_1`.
pub(super) fn columns(header: &[String], normalize: bool) -> Vec<String> {
    let mut unique = Unique::default();
    let digits = header.len().saturating_sub(1).to_string().len();
    header
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let clean: String = text.trim().chars().filter(|c| !c.is_control()).collect();
            let name = match clean.as_str() {
                "" => format!("column{index:0digits$}"),
                _ if normalize => identifier(&clean),
                _ => shorten(&clean, NAME_BYTES_MAX).to_owned(),
            };
            unique.take(&name, None)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_identifiers() {
        assert_eq!(identifier("Sub Dir/Final CTA & CPA.v2"), "sub_dir_final_cta_cpa_v2");
        assert_eq!(identifier("数据/商品 表"), "数据_商品_表");
        assert_eq!(identifier("2024-01"), "_2024_01");
        assert_eq!(identifier("(!)"), "_");
        assert!(identifier(&"长".repeat(40)).len() <= NAME_BYTES_MAX);
        assert_eq!(of_path(&format!("{}/b/c", "a".repeat(70))), "b_c");
    }

    #[test]
    fn headers_become_unique_whatever_their_case() {
        let header: Vec<String> = ["id", "", " ID ", "id", "Unit Price"].map(String::from).to_vec();
        assert_eq!(columns(&header, false), ["id", "column1", "ID_1", "id_2", "Unit Price"]);
        assert_eq!(columns(&header, true)[4], "unit_price");
    }

    #[test]
    fn a_clash_takes_the_suffix_first() {
        let mut unique = Unique::default();
        assert_eq!(unique.take("train", Some("csv")), "train");
        assert_eq!(unique.take("train", Some("txt")), "train_txt");
        assert_eq!(unique.take("train", Some("txt")), "train_txt_2");
    }
}
