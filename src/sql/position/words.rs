//! Where a word is that an error speaks of: an option, a clause, a window's name. What says it needs not be a query, so tokens are
//! looked at alone.

use super::super::parser;
use super::super::rewrite::WINDOW_DEFINED;
use super::wanted::NO_RETURNING;
use datafusion::sql::sqlparser::tokenizer::Token;

/// The byte of `text`, a statement, at which the constraint stands that names a column which is not there.
pub fn constraint(text: &str, message: &str) -> Option<usize> {
    Tokens(parser::tokens_with_places(text)).constraint(message.split('"').nth(1)?)
}

/// The byte of `text`, a statement, at which the word stands.
pub fn place(text: &str, message: &str) -> Option<usize> {
    let tokens = Tokens(parser::tokens_with_places(text));
    let quoted = message.split('"').nth(1).unwrap_or_default();
    if message.starts_with("window \"")
        || message.contains(" of window \"")
        || message.starts_with("cannot copy window")
    {
        return tokens.window(quoted, message.ends_with(WINDOW_DEFINED));
    }
    if message.starts_with("option \"") || message.starts_with("argument to option \"") {
        return tokens.last(quoted);
    }
    if message.starts_with("COPY format \"") {
        return tokens.last("format");
    }
    if message.starts_with("unrecognized value for EXPLAIN option \"") || is_of_option(message) {
        return tokens.last(quoted);
    }
    if message.ends_with(NO_RETURNING) {
        return tokens.in_from(quoted);
    }
    match message {
        "WHERE clause not allowed with COPY TO" => tokens.last("where"),
        "conflicting or redundant options" => tokens.repeated(),
        "cannot determine type of empty array" => tokens.empty_array(),
        _ if message.starts_with("invalid hexadecimal ") => tokens.bytes(),
        _ if message.starts_with("cannot use generated column ") => tokens.last(quoted),
        _ if message.starts_with("multiple primary keys") => tokens.nth("primary", 1),
        _ if message.starts_with("both default and identity") => tokens.nth("generated", 0),
        _ if message.starts_with("length for type varchar") => tokens.with_length(&["varchar", "varying"], message),
        _ if message.starts_with("length for type char") => {
            tokens.with_length(&["char", "character", "bpchar"], message)
        }
        _ if message.starts_with("NUMERIC ") => tokens.with_length(&["numeric", "decimal", "dec"], message),
        _ if message.starts_with("ON CONFLICT DO UPDATE requires") => tokens.pair("on", "conflict"),
        _ => None,
    }
}

fn is_of_option(message: &str) -> bool {
    let Some(rest) = message.strip_prefix("unrecognized ") else { return false };
    rest.split(' ').nth(1) == Some("option")
}

struct Tokens(Vec<(usize, Token)>);

impl Tokens {
    fn is(&self, at: usize, wanted: &str) -> bool {
        matches!(self.0.get(at), Some((_, Token::Word(word))) if word.value.eq_ignore_ascii_case(wanted))
    }

    fn is_open(&self, at: usize) -> bool {
        matches!(self.0.get(at), Some((_, Token::LParen)))
    }

    fn places<'a>(&'a self, wanted: &'a str) -> impl DoubleEndedIterator<Item = usize> + 'a {
        (0..self.0.len()).filter(move |at| self.is(*at, wanted))
    }

    fn nth(&self, wanted: &str, n: usize) -> Option<usize> {
        self.places(wanted).nth(n).map(|at| self.0[at].0)
    }

    /// The last of this word: options come last.
    fn last(&self, wanted: &str) -> Option<usize> {
        self.places(wanted).next_back().map(|at| self.0[at].0)
    }

    /// A name where FROM has it.
    fn in_from(&self, name: &str) -> Option<usize> {
        let is_there =
            |at: &usize| at.checked_sub(1).is_some_and(|before| self.is(before, "from") || self.is(before, "join"));
        self.places(name).find(is_there).map(|at| self.0[at].0)
    }

    /// The first array without elements whose type no cast tells.
    fn empty_array(&self) -> Option<usize> {
        let token = |at: usize| self.0.get(at).map(|(_, token)| token);
        let is_empty = |at: &usize| {
            token(at + 1) == Some(&Token::LBracket)
                && token(at + 2) == Some(&Token::RBracket)
                && token(at + 3) != Some(&Token::DoubleColon)
                && !self.is(at + 3, "as")
        };
        self.places("array").find(is_empty).map(|at| self.0[at].0)
    }

    /// The only literal of bytes in hexadecimal digits.
    fn bytes(&self) -> Option<usize> {
        let is_one = |token: &Token| matches!(token, Token::SingleQuotedString(text) if text.starts_with("\\x"));
        let mut places = self.0.iter().filter(|(_, token)| is_one(token)).map(|(at, _)| *at);
        let first = places.next();
        first.filter(|_| places.next().is_none())
    }

    /// A constraint that names a column which is not there: PostgreSQL points at the constraint.
    fn constraint(&self, column: &str) -> Option<usize> {
        let keyed = |at: &usize| {
            let open = (0..*at).rev().find(|before| self.is_open(*before))?;
            let word = open.checked_sub(1)?;
            let key = if self.is(word, "key") { word.checked_sub(1)? } else { word };
            (self.is(key, "primary") || self.is(key, "unique")).then_some(key)
        };
        let key = self.places(column).find_map(|at| keyed(&at))?;
        let named = key.checked_sub(2).filter(|word| self.is(*word, "constraint"));
        Some(self.0[named.unwrap_or(key)].0)
    }

    fn pair(&self, first: &str, second: &str) -> Option<usize> {
        self.places(first).find(|at| self.is(at + 1, second)).map(|at| self.0[at].0)
    }

    /// The first word that repeats another one, or says the opposite of it: `LOGIN NOLOGIN`.
    fn repeated(&self) -> Option<usize> {
        let mut seen = Vec::new();
        self.0.iter().find_map(|(at, token)| {
            let Token::Word(word) = token else { return None };
            let lower = word.value.to_lowercase();
            let name = lower.strip_prefix("no").unwrap_or(&lower).to_owned();
            let is_known = seen.contains(&name);
            seen.push(name);
            is_known.then_some(*at)
        })
    }

    /// The type of these names that has the length, or the digits, that the message is about.
    fn with_length(&self, names: &[&str], message: &str) -> Option<usize> {
        let is_wrong = |at: &usize| match self.0.get(at + 2) {
            Some((_, Token::Number(number, _))) => number == "0" || message.split(' ').any(|word| word == number),
            _ => false,
        };
        let mut places =
            (0..self.0.len()).filter(|at| self.is_open(at + 1) && names.iter().any(|name| self.is(*at, name)));
        let at = places.find(is_wrong)?;
        // CHARACTER VARYING is one name.
        let begins = at.checked_sub(1).filter(|before| self.is(at, "varying") && self.is(*before, "character"));
        Some(self.0[begins.unwrap_or(at)].0)
    }

    /// The parenthesis behind the name of a window that was defined before, or before the name of one that another is made of.
    fn window(&self, name: &str, is_second: bool) -> Option<usize> {
        let at = match is_second {
            true => self.places(name).filter(|at| self.is(at + 1, "as") && self.is_open(at + 2)).nth(1)? + 2,
            false => {
                let is_base = |at: &usize| at.checked_sub(1).is_some_and(|before| self.is_open(before));
                self.places(name)
                    .find(|at| is_base(at) && *at > 1 && (self.is(at - 2, "over") || self.is(at - 2, "as")))?
                    - 1
            }
        };
        self.0.get(at).map(|(place, _)| *place)
    }
}
