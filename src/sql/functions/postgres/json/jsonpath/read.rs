//! The text of a path, and what it says.

use super::super::tree::Tree;
use super::{Accessor, Compare, Method, Node, Path, Sum};
use crate::config::ARITHMETIC_CHAIN_MAX;
use crate::error::{Error, Kind, Result};
use crate::sql::values::json_number;

/// Levels of a path: nearly as many as JSON may have.
const DEPTH_MAX: usize = 100;
/// Operators between operands, each of which is a level to whoever evaluates them.
const OPERATORS_MAX: usize = ARITHMETIC_CHAIN_MAX;

/// Reads a path.
///
/// # Errors
///
/// `Syntax` for a text that is none, `InvalidText` for an empty one, `LimitExceeded` for one of too many levels.
pub fn read(text: &str) -> Result<Path> {
    if text.trim().is_empty() {
        return Err(Error::new(Kind::InvalidText, format!("invalid input syntax for type jsonpath: \"{text}\"")));
    }
    let mut reader = Reader { letters: text.chars().collect(), at: 0, depth: 0, operators: 0 };
    let lax = !reader.word("strict");
    if lax {
        reader.word("lax");
    }
    let node = reader.either()?;
    reader.blanks();
    match reader.at == reader.letters.len() {
        true => Ok(Path { lax, node }),
        false => Err(reader.unexpected()),
    }
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    depth: usize,
    /// Operators so far.
    operators: usize,
}

fn is_part_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn blanks(&mut self) {
        loop {
            while self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            }
            // A comment, as in C.
            if self.letters[self.at..].starts_with(&['/', '*']) {
                let rest = &self.letters[self.at..];
                let end = rest.windows(2).skip(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |n| n + 4);
                self.at += end;
                continue;
            }
            return;
        }
    }

    fn unexpected(&self) -> Error {
        let rest: String = self.letters[self.at..].iter().take_while(|letter| !letter.is_whitespace()).collect();
        let message = match rest.is_empty() {
            true => "syntax error at end of jsonpath input".to_owned(),
            false => format!("syntax error at or near \"{rest}\" of jsonpath input"),
        };
        Error::new(Kind::Syntax, message)
    }

    /// Takes these letters, if they come next.
    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let wanted: Vec<char> = sign.chars().collect();
        let there = self.letters[self.at..].starts_with(&wanted);
        if there {
            self.at += wanted.len();
        }
        there
    }

    fn must_sign(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes a word as a whole, if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let start = self.at;
        let there = self.sign(word) && !self.peek().is_some_and(is_part_of_name);
        if !there {
            self.at = start;
        }
        there
    }

    fn must_word(&mut self, word: &str) -> Result<()> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            false => Ok(()),
            true => Err(Error::new(Kind::LimitExceeded, "a jsonpath is nested too deeply")),
        }
    }

    fn one_more(&mut self) -> Result<()> {
        self.operators += 1;
        match self.operators > OPERATORS_MAX {
            false => Ok(()),
            true => Err(Error::new(Kind::LimitExceeded, "a jsonpath has too many operators")),
        }
    }

    fn either(&mut self) -> Result<Node> {
        self.deeper()?;
        let mut left = self.both()?;
        while self.sign("||") {
            self.one_more()?;
            left = Node::Or(Box::new(left), Box::new(self.both()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Node> {
        let mut left = self.denied()?;
        while self.sign("&&") {
            self.one_more()?;
            left = Node::And(Box::new(left), Box::new(self.denied()?));
        }
        Ok(left)
    }

    fn denied(&mut self) -> Result<Node> {
        self.blanks();
        if self.peek() == Some('!') && self.letters.get(self.at + 1) != Some(&'=') {
            self.at += 1;
            self.deeper()?;
            let denied = self.denied()?;
            self.depth -= 1;
            return Ok(Node::Not(Box::new(denied)));
        }
        self.compared()
    }

    fn compared(&mut self) -> Result<Node> {
        let left = self.sum()?;
        let signs = [
            ("==", Compare::Equal),
            ("!=", Compare::NotEqual),
            ("<>", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        if let Some((_, compare)) = signs.into_iter().find(|(sign, _)| self.sign(sign)) {
            return Ok(Node::Compare(compare, Box::new(left), Box::new(self.sum()?)));
        }
        if self.word("starts") {
            self.must_word("with")?;
            return Ok(Node::StartsWith(Box::new(left), Box::new(self.primary()?)));
        }
        if self.word("like_regex") {
            let pattern = self.text()?;
            let flags = if self.word("flag") { self.text()? } else { String::new() };
            return Ok(Node::LikeRegex(Box::new(left), super::pattern(&pattern, &flags)?));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Node> {
        let mut left = self.product()?;
        loop {
            let sum = match () {
                () if self.sign("+") => Sum::Plus,
                () if self.sign("-") => Sum::Minus,
                () => return Ok(left),
            };
            self.one_more()?;
            left = Node::Sum(sum, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Node> {
        let mut left = self.signed()?;
        loop {
            let sum = match () {
                () if self.sign("*") => Sum::Times,
                () if self.sign("/") => Sum::Divided,
                () if self.sign("%") => Sum::Modulo,
                () => return Ok(left),
            };
            self.one_more()?;
            left = Node::Sum(sum, Box::new(left), Box::new(self.signed()?));
        }
    }

    fn signed(&mut self) -> Result<Node> {
        let negative = self.sign("-");
        if !negative && !self.sign("+") {
            return self.accessed();
        }
        self.deeper()?;
        let of = Box::new(self.signed()?);
        self.depth -= 1;
        Ok(Node::Signed { negative, of })
    }

    fn accessed(&mut self) -> Result<Node> {
        let node = self.primary()?;
        let mut accessors = Vec::new();
        while let Some(accessor) = self.accessor()? {
            accessors.push(accessor);
        }
        Ok(if accessors.is_empty() { node } else { Node::Access(Box::new(node), accessors) })
    }

    fn primary(&mut self) -> Result<Node> {
        self.blanks();
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.either()?;
                self.must_sign(")")?;
                if self.word("is") {
                    self.must_word("unknown")?;
                    return Ok(Node::IsUnknown(Box::new(inner)));
                }
                Ok(inner)
            }
            Some('$') => {
                self.at += 1;
                Ok(match self.peek() {
                    Some('"') => Node::Variable(self.text()?),
                    Some(letter) if is_part_of_name(letter) => Node::Variable(self.name()?),
                    _ => Node::Root,
                })
            }
            Some('@') => {
                self.at += 1;
                Ok(Node::Current)
            }
            Some('"') => Ok(Node::Literal(Tree::Text(self.text()?))),
            Some(letter) if letter.is_ascii_digit() || letter == '.' => self.number(),
            _ if self.word("exists") => {
                self.must_sign("(")?;
                let of = self.either()?;
                self.must_sign(")")?;
                Ok(Node::Exists(Box::new(of)))
            }
            _ if self.word("true") => Ok(Node::Literal(Tree::Bool(true))),
            _ if self.word("false") => Ok(Node::Literal(Tree::Bool(false))),
            _ if self.word("null") => Ok(Node::Literal(Tree::Null)),
            _ if self.word("last") => Ok(Node::Last),
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<Node> {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_digit() || letter == '.') {
            self.at += 1;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
                self.at += 1;
            }
        }
        let mut text: String = self.letters[start..self.at].iter().collect();
        if text.starts_with('.') {
            text.insert(0, '0');
        }
        let text = text.replace(".e", "e").replace(".E", "E");
        let text = text.trim_end_matches('.');
        let whole = serde_json::from_str::<serde_json::Number>(text).is_ok();
        match whole && !self.peek().is_some_and(is_part_of_name) {
            true => Ok(Node::Literal(Tree::Number(json_number(text)))),
            false => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<String> {
        self.blanks();
        if self.peek() == Some('"') {
            return self.text();
        }
        let start = self.at;
        while self.peek().is_some_and(is_part_of_name) {
            self.at += 1;
        }
        match self.at > start && !self.letters[start].is_ascii_digit() {
            true => Ok(self.letters[start..self.at].iter().collect()),
            false => Err(self.unexpected()),
        }
    }

    /// A text in quotation marks, as JSON has it.
    fn text(&mut self) -> Result<String> {
        self.blanks();
        let start = self.at;
        if self.peek() != Some('"') {
            return Err(self.unexpected());
        }
        self.at += 1;
        while let Some(letter) = self.peek().filter(|letter| *letter != '"') {
            self.at += if letter == '\\' { 2 } else { 1 };
        }
        self.at = (self.at + 1).min(self.letters.len());
        let quoted: String = self.letters[start..self.at].iter().collect();
        serde_json::from_str(&quoted).map_err(|_| Error::new(Kind::Syntax, "invalid string of jsonpath input"))
    }

    fn accessor(&mut self) -> Result<Option<Accessor>> {
        if self.sign("[") {
            return self.elements().map(Some);
        }
        if self.sign("?") {
            self.must_sign("(")?;
            let condition = self.either()?;
            self.must_sign(")")?;
            return Ok(Some(Accessor::Filter(Box::new(condition))));
        }
        if self.sign(".**") {
            return self.levels().map(Some);
        }
        if self.sign(".*") {
            return Ok(Some(Accessor::AnyMember));
        }
        if !self.sign(".") {
            return Ok(None);
        }
        let name = self.name()?;
        let start = self.at;
        if !self.sign("(") {
            return Ok(Some(Accessor::Member(name)));
        }
        let method = match name.as_str() {
            "type" => Method::Type,
            "size" => Method::Size,
            "double" => Method::Double,
            "abs" => Method::Abs,
            "floor" => Method::Floor,
            "ceiling" => Method::Ceiling,
            "keyvalue" => Method::KeyValue,
            "datetime" => {
                return Err(Error::new(Kind::Unsupported, "jsonpath item method .datetime() is not supported"));
            }
            _ => {
                self.at = start;
                return Err(self.unexpected());
            }
        };
        self.must_sign(")")?;
        Ok(Some(Accessor::Method(method)))
    }

    fn elements(&mut self) -> Result<Accessor> {
        if self.sign("*") {
            self.must_sign("]")?;
            return Ok(Accessor::AnyElement);
        }
        let mut ranges = Vec::new();
        loop {
            let from = self.sum()?;
            let to = if self.word("to") { Some(self.sum()?) } else { None };
            ranges.push((from, to));
            if !self.sign(",") {
                break;
            }
        }
        self.must_sign("]")?;
        Ok(Accessor::Elements(ranges))
    }

    /// Behind `.**`: `{n}`, `{n to m}`.
    fn levels(&mut self) -> Result<Accessor> {
        if !self.sign("{") {
            return Ok(Accessor::AnyLevel(0, usize::MAX));
        }
        let from = self.level()?;
        let to = if self.word("to") { self.level()? } else { from };
        self.must_sign("}")?;
        Ok(Accessor::AnyLevel(from, to))
    }

    fn level(&mut self) -> Result<usize> {
        if self.word("last") {
            return Ok(usize::MAX);
        }
        self.blanks();
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.letters[start..self.at].iter().collect();
        digits.parse().map_err(|_| self.unexpected())
    }
}
