//! A statement as it stands there: where its parts begin.

use super::super::parser;
use datafusion::sql::sqlparser::ast::{CastKind, Expr, Query, Spanned, TypedString};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token};

/// The text and its tokens, each with the byte at which it begins.
pub struct Written<'a> {
    /// The text.
    pub text: &'a str,
    /// Those of its tokens that mean something.
    pub tokens: Vec<(usize, Token)>,
}

impl<'a> Written<'a> {
    /// A text with its tokens.
    pub fn new(text: &'a str) -> Self {
        Self { text, tokens: parser::tokens_with_places(text) }
    }

    /// The byte at which a part begins; none when the parser has not kept where that is.
    pub fn start(&self, span: Span) -> Option<usize> {
        let start = span.start;
        let lines = usize::try_from(start.line).ok()?.checked_sub(1)?;
        let line = self.text.split_inclusive('\n').take(lines).map(str::len).sum();
        let column = usize::try_from(start.column).ok()?.checked_sub(1)?;
        let rest = self.text.get(line..)?;
        let ends = std::iter::once(rest.len());
        rest.char_indices().map(|(at, _)| at).chain(ends).nth(column).map(|at| line + at)
    }

    /// The byte at which PostgreSQL says that an expression is: where its first word or sign stands, but for parentheses around it.
    /// The parser keeps where names and literals are, and not the words around them.
    pub fn begin(&self, expr: &Expr) -> Option<usize> {
        let word_before = |inner: Option<usize>, meant: &[Keyword]| {
            self.before(inner?, |token| matches!(token, Token::Word(word) if meant.contains(&word.keyword)))
        };
        match expr {
            Expr::Nested(inner)
            | Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. }
            | Expr::Between { expr: inner, .. }
            | Expr::Collate { expr: inner, .. }
            | Expr::CompoundFieldAccess { root: inner, .. }
            | Expr::InList { expr: inner, .. }
            | Expr::InSubquery { expr: inner, .. }
            | Expr::IsDistinctFrom(inner, _)
            | Expr::IsFalse(inner)
            | Expr::IsNotDistinctFrom(inner, _)
            | Expr::IsNotFalse(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::IsNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsUnknown(inner)
            | Expr::Like { expr: inner, .. }
            | Expr::ILike { expr: inner, .. }
            | Expr::SimilarTo { expr: inner, .. }
            | Expr::AtTimeZone { timestamp: inner, .. }
            | Expr::BinaryOp { left: inner, .. }
            | Expr::AnyOp { left: inner, .. }
            | Expr::AllOp { left: inner, .. } => self.begin(inner),
            Expr::UnaryOp { expr: inner, .. } => {
                let inner = self.begin(inner)?;
                self.before(inner, |token| *token != Token::LParen)
            }
            Expr::Cast { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::CAST]),
            Expr::Array(array) if array.named => {
                word_before(array.elem.first().and_then(|first| self.begin(first)), &[Keyword::ARRAY])
            }
            Expr::Subquery(query) => self.parenthesis(query),
            Expr::Exists { subquery, .. } => word_before(self.start(subquery.span()), &[Keyword::EXISTS]),
            Expr::Tuple(items) => {
                let first = self.begin(items.first()?)?;
                self.before(first, |token| *token == Token::LParen)
            }
            Expr::Extract { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::EXTRACT]),
            Expr::Position { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::POSITION]),
            Expr::Overlay { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::OVERLAY]),
            Expr::Trim { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::TRIM]),
            Expr::Substring { expr: inner, .. } => {
                word_before(self.begin(inner), &[Keyword::SUBSTRING, Keyword::SUBSTR])
            }
            Expr::Ceil { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::CEIL]),
            Expr::Floor { expr: inner, .. } => word_before(self.begin(inner), &[Keyword::FLOOR]),
            // The type's name comes before the text.
            Expr::TypedString(TypedString { value, .. }) => self.before(self.start(value.span)?, |_| true),
            Expr::Interval(interval) => word_before(self.begin(&interval.value), &[Keyword::INTERVAL]),
            other => self.start(other.span()),
        }
    }

    /// The last token before `at` that is one of these.
    pub fn before(&self, at: usize, is: impl Fn(&Token) -> bool) -> Option<usize> {
        self.tokens.iter().rev().find(|(place, token)| *place < at && is(token)).map(|(place, _)| *place)
    }

    /// The token behind the first of these words that comes after `at`.
    pub fn behind(&self, at: usize, keyword: Keyword) -> Option<usize> {
        let is = |token: &Token| matches!(token, Token::Word(word) if word.keyword == keyword);
        let word = self.tokens.iter().position(|(place, token)| *place > at && is(token))?;
        self.tokens.get(word + 1).map(|(place, _)| *place)
    }

    /// Where something else comes behind a part; the end of the text if nothing does.
    pub fn after(&self, span: Span) -> Option<usize> {
        let end = self.start(Span::new(span.end, span.end))?;
        let mut rest = self.tokens.iter().filter(|(place, _)| *place >= end).peekable();
        // The arguments of a function belong to it.
        let mut depth = 0;
        while let Some((_, token)) = rest.peek() {
            match token {
                Token::LParen => depth += 1,
                Token::RParen if depth > 0 => depth -= 1,
                _ if depth > 0 => {}
                _ => break,
            }
            rest.next();
        }
        Some(rest.next().map_or(self.text.trim_end().len(), |(place, _)| *place))
    }

    /// The parenthesis around a query.
    pub fn parenthesis(&self, query: &Query) -> Option<usize> {
        self.before(self.start(query.span())?, |token| *token == Token::LParen)
    }
}
