//! A text without its constants.
//!
//! What is read here is what PostgreSQL's lexer reads of plain statements. At anything else, a comment, a string with a letter
//! before it, a dollar, a moment that depends on when it is read (`'now'`), the text has no shape.

use crate::config::SHAPE_BYTES_MAX;
use crate::sql::values::is_of_now;

/// A constant of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// A whole number of four bytes.
    Int4(i32),
    /// A larger one.
    Int8(i64),
    /// A quoted text.
    Text(String),
}

/// A text in two.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// The text, with marks where constants were that tell their kinds.
    pub shape: String,
    /// The constants, in order.
    pub constants: Vec<Constant>,
}

/// Cuts a text of one statement, with or without a semicolon behind it.
pub fn cut(sql: &str) -> Option<Cut> {
    let sql = sql.trim().trim_end_matches(';').trim_end();
    if sql.is_empty() || sql.len() > SHAPE_BYTES_MAX {
        return None;
    }
    let (bytes, mut at) = (sql.as_bytes(), 0);
    let mut cut = Cut { shape: String::with_capacity(sql.len()), constants: Vec::new() };
    // Whether a string was the last thing but blanks: another one behind it would go on with it.
    let mut after_string = false;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'\'' => {
                if after_string || at > 0 && is_word(bytes[at - 1]) || at > 0 && bytes[at - 1] == b'&' {
                    return None;
                }
                let (text, end) = quoted(sql, at)?;
                // What it means is another value each time.
                if is_of_now(&text) {
                    return None;
                }
                cut.put('s', Constant::Text(text));
                after_string = true;
                at = end;
                continue;
            }
            b'"' => at + 2 + sql.get(at + 1..)?.find('"')?,
            b'0'..=b'9' => {
                let end = end_of(bytes, at, |byte| is_word(byte) || byte == b'.');
                match sql[at..end].parse::<i64>() {
                    // What is not whole is written out.
                    Err(_) => end,
                    Ok(_) if at > 0 && bytes[at - 1] == b'.' => end,
                    Ok(number) => {
                        match i32::try_from(number) {
                            Ok(number) => cut.put('i', Constant::Int4(number)),
                            Err(_) => cut.put('l', Constant::Int8(number)),
                        }
                        after_string = false;
                        at = end;
                        continue;
                    }
                }
            }
            byte if is_word(byte) => end_of(bytes, at, |byte| is_word(byte) || byte == b'$'),
            b'-' if bytes.get(at + 1) == Some(&b'-') => return None,
            b'/' if bytes.get(at + 1) == Some(&b'*') => return None,
            b'$' | b';' | b'\\' | 0..=8 | 14..=31 => return None,
            _ => at + 1,
        };
        after_string &= byte.is_ascii_whitespace();
        cut.shape.push_str(sql.get(at..end)?);
        at = end;
    }
    Some(cut)
}

impl Cut {
    fn put(&mut self, kind: char, constant: Constant) {
        self.shape.push('\u{1}');
        self.shape.push(kind);
        self.constants.push(constant);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn end_of(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !belongs(*byte)).map_or(bytes.len(), |length| from + length)
}

/// The string whose quote is at `from`, and where it ends.
fn quoted(sql: &str, from: usize) -> Option<(String, usize)> {
    let (mut text, mut at) = (String::new(), from + 1);
    loop {
        let rest = sql.get(at..)?;
        let end = rest.find('\'')?;
        text.push_str(&rest[..end]);
        at += end + 1;
        match sql.as_bytes().get(at) {
            Some(b'\'') => text.push('\''),
            _ => return Some((text, at)),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(sql: &str) -> Option<(String, Vec<Constant>)> {
        cut(sql).map(|cut| (cut.shape.replace('\u{1}', "?"), cut.constants))
    }

    #[test]
    fn constants_are_taken_out() {
        let text = |text: &str| Constant::Text(text.to_owned());
        let cases = [
            ("SELECT a FROM t WHERE id = 77;", "SELECT a FROM t WHERE id = ?i", vec![Constant::Int4(77)]),
            ("x=-5000000000 ; ", "x=-?l", vec![Constant::Int8(5_000_000_000)]),
            ("a1 = 'it''s' AND \"b 2\" = ''", "a1 = ?s AND \"b 2\" = ?s", vec![text("it's"), text("")]),
            ("名 = '商品' LIMIT 1.5", "名 = ?s LIMIT 1.5", vec![text("商品")]),
            ("t1.c2 > 3", "t1.c2 > ?i", vec![Constant::Int4(3)]),
            ("1e3 99999999999999999999 .5", "1e3 99999999999999999999 .5", vec![]),
        ];
        for (sql, expected, constants) in cases {
            assert_eq!(shape(sql), Some((expected.to_owned(), constants)), "{sql}");
        }
    }

    #[test]
    fn what_is_not_plain_has_no_shape() {
        for sql in [
            "",
            ";",
            "SELECT 1 -- x",
            "SELECT /* */ 1",
            "E'a'",
            "x'1f'",
            "U&'a'",
            "$1",
            "$$a$$",
            "'a' 'b'",
            "'a'\n'b'",
            "'open",
            "\"open",
            "SELECT 1; SELECT 2",
            "\\d",
        ] {
            assert_eq!(shape(sql), None, "{sql}");
        }
    }
}
