//! File patterns: `*`, `**`, `?`, `[a-z]` and `{csv,tsv}` as a shell has them.

use crate::error::{Error, Kind, Result};
use regex::Regex;

/// A pattern of file names or of paths below a root.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    regex: Regex,
    whole_path: bool,
}

impl Glob {
    /// Whether the file at `path` (below the root, with `/`) is meant.
    pub(super) fn matches(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.regex.is_match(if self.whole_path { path } else { name })
    }
}

/// Reads a pattern; `InvalidParameter` when a bracket or brace stays open.
pub(super) fn compile(pattern: &str) -> Result<Glob> {
    let mut text = String::from("^(?s:");
    let mut letters = pattern.chars().peekable();
    let mut braces = 0usize;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.peek() == Some(&'*') => {
                letters.next();
                // `**/` also means no folder at all.
                if letters.peek() == Some(&'/') {
                    letters.next();
                    text.push_str("(?:.*/)?");
                } else {
                    text.push_str(".*");
                }
            }
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '[' => {
                text.push('[');
                if letters.next_if(|c| matches!(c, '!' | '^')).is_some() {
                    text.push('^');
                }
                let mut closed = false;
                for inner in letters.by_ref() {
                    match inner {
                        ']' => {
                            closed = true;
                            break;
                        }
                        '-' => text.push('-'),
                        other => text.push_str(&regex::escape(&other.to_string())),
                    }
                }
                if !closed {
                    return Err(bad(pattern));
                }
                text.push(']');
            }
            '{' => {
                braces += 1;
                text.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                text.push(')');
            }
            ',' if braces > 0 => text.push('|'),
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    if braces > 0 {
        return Err(bad(pattern));
    }
    text.push_str(")$");
    let regex = Regex::new(&text).map_err(|_| bad(pattern))?;
    Ok(Glob { regex, whole_path: pattern.contains('/') })
}

fn bad(pattern: &str) -> Error {
    Error::new(Kind::InvalidParameter, format!("\"{pattern}\" is not a file pattern"))
        .with_hint("A pattern such as *.csv, 2024/**/*.json or {orders,items}*.tsv.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_a_shell_means() {
        let cases = [
            ("*.csv", "a/b/orders.csv", true),
            ("*.csv", "orders.csv.bak", false),
            ("a/*.csv", "a/b/orders.csv", false),
            ("**/orders.csv", "orders.csv", true),
            ("{orders,items}*.?sv", "items_1.tsv", true),
            ("[!a]*", "apple", false),
            ("商品*.csv", "数据/商品表.csv", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(compile(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
        assert!(compile("[abc").is_err() && compile("{a,b").is_err() && compile("[z-a]").is_err());
    }
}
