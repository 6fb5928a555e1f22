//! A script in pieces, as psql cuts it: statements up to their semicolon, backslash commands up to the end of the line.
//!
//! A semicolon ends a statement unless it stands in quotes, in a comment, in a dollar-quoted text or in parentheses. Only
//! the text is looked at; whether a piece is good SQL is for the parser to say. A quote that is never closed makes the
//! rest of the script one statement, whose error the parser tells.

/// One piece of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'s> {
    /// Blanks and comments before it.
    pub lead: &'s str,
    /// Its text: a statement without its semicolon, or a backslash command with its arguments.
    pub text: &'s str,
    /// Whether it is a backslash command.
    pub is_command: bool,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// A script, and how far it has been read.
#[derive(Debug)]
pub struct Script<'s> {
    text: &'s str,
    at: usize,
    /// Newlines before `counted`, so that lines are counted once.
    lines: usize,
    counted: usize,
}

impl<'s> Script<'s> {
    /// A script at its beginning. A byte order mark is no part of it.
    pub fn new(text: &'s str) -> Self {
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0, lines: 0, counted: 0 }
    }

    /// The next piece; `None` at the end.
    pub fn next_piece(&mut self) -> Option<Piece<'s>> {
        let mut begin = self.at;
        loop {
            let start = self.after_blanks(self.at);
            match self.byte(start) {
                None => {
                    self.at = self.text.len();
                    return None;
                }
                // An empty statement.
                Some(b';') => {
                    self.at = start + 1;
                    begin = self.at;
                }
                Some(first) => {
                    let is_command = first == b'\\';
                    let (end, next) = if is_command {
                        let end = self.line_end(start);
                        (end, end)
                    } else {
                        self.statement_end(start)
                    };
                    self.at = next;
                    let text = self.slice(start, end).trim_end();
                    return Some(Piece { lead: self.slice(begin, start), text, is_command, line: self.line_of(start) });
                }
            }
        }
    }

    /// The lines that follow the current one, up to a line with `\.` alone: the data of a COPY.
    pub fn inline_rows(&mut self) -> &'s str {
        let begin = (self.line_end(self.at) + 1).min(self.text.len());
        let mut line = begin;
        while line < self.text.len() {
            let end = self.line_end(line);
            let next = (end + 1).min(self.text.len());
            if self.slice(line, end).trim_end_matches('\r') == "\\." {
                self.at = next;
                return self.slice(begin, line);
            }
            line = next;
        }
        self.at = self.text.len();
        self.slice(begin, self.text.len())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Cuts are always beside ASCII bytes, so that none is inside a character.
    fn slice(&self, from: usize, to: usize) -> &'s str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn line_of(&mut self, at: usize) -> usize {
        self.lines += self.slice(self.counted, at).bytes().filter(|byte| *byte == b'\n').count();
        self.counted = at;
        self.lines + 1
    }

    /// The newline that ends the line, or the end of the script.
    fn line_end(&self, at: usize) -> usize {
        self.find(at, "\n").unwrap_or(self.text.len())
    }

    fn find(&self, at: usize, what: &str) -> Option<usize> {
        self.text.get(at..)?.find(what).map(|found| at + found)
    }

    /// The first byte after blanks and comments. A comment that is never closed is none.
    fn after_blanks(&self, mut at: usize) -> usize {
        while let Some(byte) = self.byte(at) {
            at = match byte {
                _ if byte.is_ascii_whitespace() || byte == 0x0b => at + 1,
                b'-' if self.byte(at + 1) == Some(b'-') => self.line_end(at),
                b'/' if self.byte(at + 1) == Some(b'*') => match self.comment_end(at) {
                    Some(end) => end,
                    None => return at,
                },
                _ => return at,
            };
        }
        at
    }

    /// Where a statement ends, and where what follows begins.
    fn statement_end(&self, start: usize) -> (usize, usize) {
        let mut at = start;
        let mut depth = 0usize;
        while let Some(byte) = self.byte(at) {
            at = match byte {
                b';' if depth == 0 => return (at, at + 1),
                // psql's other way to say that a statement is to be run.
                b'\\' if depth == 0 && self.byte(at + 1) == Some(b'g') && self.ends_word(at + 2) => {
                    return (at, at + 2);
                }
                b'(' => {
                    depth += 1;
                    at + 1
                }
                b')' => {
                    depth = depth.saturating_sub(1);
                    at + 1
                }
                b'\'' => self.quote_end(at, b'\'', self.is_escape_string(start, at)),
                b'"' => self.quote_end(at, b'"', false),
                b'-' if self.byte(at + 1) == Some(b'-') => self.line_end(at),
                b'/' if self.byte(at + 1) == Some(b'*') => self.comment_end(at).unwrap_or(self.text.len()),
                b'$' if at == start || !self.byte(at - 1).is_some_and(in_word) => self.dollar_end(at),
                _ => at + 1,
            };
        }
        (self.text.len(), self.text.len())
    }

    fn ends_word(&self, at: usize) -> bool {
        self.byte(at).is_none_or(|byte| byte.is_ascii_whitespace())
    }

    /// Whether the quote belongs to an `E'...'`, where a backslash hides a quote.
    fn is_escape_string(&self, start: usize, quote: usize) -> bool {
        let marked = quote > start && matches!(self.byte(quote - 1), Some(b'e' | b'E'));
        marked && (quote < start + 2 || !self.byte(quote - 2).is_some_and(in_word))
    }

    /// The byte after a quoted text. A doubled quote closes and opens again, which comes to the same.
    fn quote_end(&self, open: usize, quote: u8, escapes: bool) -> usize {
        let mut at = open + 1;
        while let Some(byte) = self.byte(at) {
            at += 1;
            if byte == quote {
                return at;
            }
            if escapes && byte == b'\\' {
                at += 1;
            }
        }
        self.text.len()
    }

    /// The byte after a comment, which may hold others; `None` if it is never closed.
    fn comment_end(&self, open: usize) -> Option<usize> {
        let mut at = open + 2;
        let mut depth = 1;
        while depth > 0 {
            match (self.byte(at)?, self.byte(at + 1)) {
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                }
                (b'/', Some(b'*')) => {
                    depth += 1;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        Some(at)
    }

    /// The byte after a text in `$$` or `$tag$`; if none begins here, the next byte.
    fn dollar_end(&self, open: usize) -> usize {
        let mut close = open + 1;
        while self.byte(close).is_some_and(in_word) {
            close += 1;
        }
        let is_tag = !self.byte(open + 1).is_some_and(|byte| byte.is_ascii_digit());
        if self.byte(close) != Some(b'$') || !is_tag {
            return open + 1;
        }
        let tag = self.slice(open, close + 1);
        self.find(close + 1, tag).map_or(self.text.len(), |end| end + tag.len())
    }
}

/// Whether a byte can be part of a name; of a character beyond ASCII every byte is.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        let mut script = Script::new(script);
        std::iter::from_fn(|| script.next_piece().map(|piece| piece.text)).collect()
    }

    #[test]
    fn semicolons_end_statements_only_where_they_may() {
        assert_eq!(texts("SELECT 1; ;\nSELECT 2 ;"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts("a 'x;''y' b; c"), ["a 'x;''y' b", "c"]);
        assert_eq!(texts(r"a E'x\';y'; b 'x\'; c"), [r"a E'x\';y'", r"b 'x\'", "c"]);
        assert_eq!(texts(r"a type'x\'; b"), [r"a type'x\'", "b"], "the e is the end of a word");
        assert_eq!(texts("a \"x;\"; b -- c; d\n; e"), ["a \"x;\"", "b -- c; d", "e"]);
        assert_eq!(texts("a /* x; /* y; */ z; */ b; c"), ["a /* x; /* y; */ z; */ b", "c"]);
        assert_eq!(texts("a $$x;$y$;$$; b $t$;$$;$t$; 商$1;c"), ["a $$x;$y$;$$", "b $t$;$$;$t$", "商$1", "c"]);
        assert_eq!(texts("CREATE RULE (a; b); c"), ["CREATE RULE (a; b)", "c"]);
        assert_eq!(texts("a $1; b"), ["a $1", "b"]);
    }

    #[test]
    fn what_is_never_closed_is_the_rest() {
        for script in ["a 'x; b", "a \"x; b", "a $$x; b", "a /* x; b", "a (x; b", "/* x; b", "a E'x\\"] {
            assert_eq!(texts(script), [script]);
        }
        assert_eq!(texts("商品"), ["商品"]);
        assert!(texts(" -- nothing\n/* at all */ ;;").is_empty());
    }

    #[test]
    fn commands_end_with_their_line() {
        let mut script = Script::new("\u{feff}-- one\n\\echo 'a; b'\r\n\n-- two\nSELECT\n1 \\g\n\\q");
        let piece = script.next_piece().unwrap();
        assert_eq!((piece.lead, piece.text, piece.is_command, piece.line), ("-- one\n", "\\echo 'a; b'", true, 2));
        let piece = script.next_piece().unwrap();
        assert_eq!((piece.lead.trim(), piece.text, piece.is_command, piece.line), ("-- two", "SELECT\n1", false, 5));
        assert_eq!(script.next_piece().map(|piece| (piece.text, piece.line)), Some(("\\q", 7)));
        assert_eq!(script.next_piece(), None);
    }

    #[test]
    fn rows_follow_their_statement() {
        let mut script = Script::new("COPY t FROM STDIN; -- rows\n1,a\n2,\\.\n\\.\r\nSELECT 1;");
        assert_eq!(script.next_piece().unwrap().text, "COPY t FROM STDIN");
        assert_eq!(script.inline_rows(), "1,a\n2,\\.\n");
        let next = script.next_piece().unwrap();
        assert_eq!((next.text, next.line), ("SELECT 1", 5));
        let mut script = Script::new("COPY t FROM STDIN;\n1\n2");
        script.next_piece();
        assert_eq!(script.inline_rows(), "1\n2");
        assert_eq!(script.next_piece(), None);
        let mut script = Script::new("COPY t FROM STDIN;");
        script.next_piece();
        assert_eq!(script.inline_rows(), "");
    }
}
