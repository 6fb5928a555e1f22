//! What statements have in common that differ in literals, blanks, comments and letters' case only.

use crate::crypto::sha256;
use crate::encoding::hex;

/// Sixteen hexadecimal digits; nothing of a literal goes into them.
pub fn fingerprint(sql: &str) -> String {
    let hash = sha256(without_literals(sql).as_bytes());
    hex(&hash[..8])
}

/// The words of a statement, with a question mark for each literal and for each list of them.
fn without_literals(sql: &str) -> String {
    let (bytes, mut at, mut words) = (sql.as_bytes(), 0, Vec::<String>::new());
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at = match byte {
            b'-' if bytes.get(at + 1) == Some(&b'-') => find(sql, at, "\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment(bytes, at),
            b'\'' => {
                let escapes = matches!(words.last().map(String::as_str), Some("e")) && at > 0 && is_word(bytes[at - 1]);
                if at > 0 && matches!(bytes[at - 1], b'e' | b'E' | b'b' | b'B' | b'x' | b'X' | b'n' | b'N') {
                    // A letter before a string belongs to it.
                    words.pop_if(|word| word.len() == 1);
                }
                put(&mut words, "?");
                quoted(bytes, at, b'\'', escapes)
            }
            b'"' => {
                let end = quoted(bytes, at, b'"', false);
                words.push(sql.get(start..end).unwrap_or_default().to_owned());
                end
            }
            b'$' => match dollar(sql, at) {
                Some(end) => {
                    put(&mut words, "?");
                    end
                }
                None => {
                    words.push("$".to_owned());
                    at + 1
                }
            },
            b'0'..=b'9' => {
                put(&mut words, "?");
                end_of(bytes, at, |byte| is_word(byte) || byte == b'.')
            }
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                put(&mut words, "?");
                end_of(bytes, at + 1, is_word)
            }
            _ if is_word(byte) => {
                let end = end_of(bytes, at, is_word);
                words.push(sql.get(start..end).unwrap_or_default().to_lowercase());
                end
            }
            b';' => at + 1,
            _ if byte.is_ascii_whitespace() => at + 1,
            _ => {
                words.push(char::from(byte).to_string());
                at + 1
            }
        };
    }
    words.join(" ")
}

/// Adds a literal; behind one and a comma it is of the same list, and a sign before it is its own.
fn put(words: &mut Vec<String>, literal: &str) {
    let is_sign = |word: &str| matches!(word, "-" | "+");
    if words.last().is_some_and(|word| is_sign(word))
        && words
            .len()
            .checked_sub(2)
            .and_then(|at| words.get(at))
            .is_none_or(|word| matches!(word.as_str(), "(" | "," | "="))
    {
        words.pop();
    }
    if let [.., literal_before, comma] = words.as_slice()
        && comma == ","
        && literal_before == literal
    {
        words.pop();
        return;
    }
    words.push(literal.to_owned());
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn end_of(bytes: &[u8], from: usize, goes_on: impl Fn(u8) -> bool) -> usize {
    bytes.get(from..).and_then(|rest| rest.iter().position(|byte| !goes_on(*byte))).map_or(bytes.len(), |n| from + n)
}

/// Behind the next `what`.
fn find(sql: &str, from: usize, what: &str) -> usize {
    sql.get(from..).and_then(|rest| rest.find(what)).map_or(sql.len(), |n| from + n + what.len())
}

/// Behind a comment, which may have others within.
fn comment(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => (depth, at) = (depth + 1, at + 2),
            (b'*', Some(b'/')) => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind what is quoted so.
fn quoted(bytes: &[u8], start: usize, quote: u8, escapes: bool) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            _ if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            _ if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind a parameter or a text between dollars.
fn dollar(sql: &str, at: usize) -> Option<usize> {
    let bytes = sql.as_bytes();
    if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        return Some(end_of(bytes, at + 1, |byte| byte.is_ascii_digit()));
    }
    let end = end_of(bytes, at + 1, is_word);
    if bytes.get(end) != Some(&b'$') {
        return None;
    }
    let tag = sql.get(at..=end)?;
    Some(find(sql, end + 1, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_literals_only_is_the_same() {
        let same = [
            "SELECT phone FROM people WHERE id = 1 AND name = 'Ann'",
            "select phone\nfrom people -- a comment with 'quotes'\nwhere id = $1 and name = E'it\\'s' ;",
            "SELECT phone FROM people /* /* 1 */ */ WHERE id = -2.5e7 AND name = $q$secret$q$",
        ];
        let all: Vec<String> = same.iter().map(|sql| fingerprint(sql)).collect();
        assert!(all.iter().all(|one| *one == all[0]), "{:?}", same.map(without_literals));
        assert_ne!(all[0], fingerprint("SELECT email FROM people WHERE id = 1 AND name = 'Ann'"));
        assert_ne!(fingerprint("SELECT \"A\" FROM t"), fingerprint("SELECT \"a\" FROM t"));
        assert_eq!(
            fingerprint("INSERT INTO t VALUES (1, 'a'), (2, 'b')"),
            fingerprint("INSERT INTO t VALUES (3,'c'),(4,'d')")
        );
        assert_eq!(fingerprint("x IN (1, 2, 3)"), fingerprint("x IN ('a')"));
        assert_eq!(fingerprint("SELECT a - 1"), fingerprint("SELECT a - 2"));
        assert_ne!(fingerprint("SELECT a - 1"), fingerprint("SELECT a + 1"));
    }

    #[test]
    fn no_literal_is_in_it() {
        for sql in
            ["SELECT 'secret'", "SELECT 13800138000", "SELECT $x$secret$x$", "SELECT E'a\\'secret'", "SELECT X'53'"]
        {
            assert_eq!(without_literals(sql), "select ?", "{sql}");
        }
        // What does not end is a literal to its end.
        assert_eq!(without_literals("SELECT 'secret"), "select ?");
    }
}
