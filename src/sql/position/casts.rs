//! Where the cast is that cannot be: `cannot cast type integer to date`.

use super::super::parser::{self, Body};
use super::super::types::sql_type;
use datafusion::sql::sqlparser::ast::{CastKind, DataType, Expr, Value, Visit, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;
use std::ops::ControlFlow;

/// The byte of `text`, a statement, at which the first cast to the type stands that the message names: its sign or the word CAST.
pub fn place(text: &str, message: &str) -> Option<usize> {
    let (_, to) = message.rsplit_once(" to ")?;
    let tokens = parser::tokens_with_places(text);
    let signs: Vec<usize> =
        tokens.iter().filter(|(_, token)| *token == Token::DoubleColon).map(|(at, _)| *at).collect();
    let is_word = |at: usize| match &tokens[at].1 {
        Token::Word(word) => word.keyword == Keyword::CAST && matches!(tokens.get(at + 1), Some((_, Token::LParen))),
        _ => false,
    };
    let words: Vec<usize> = (0..tokens.len()).filter(|at| is_word(*at)).map(|at| tokens[at].0).collect();
    let mut casts = Casts::default();
    if let Some(Body::Sql(statement)) = parser::parse(text).ok()?.into_iter().next().map(|statement| statement.body) {
        let _ = statement.visit(&mut casts);
    }
    if casts.signs.len() == signs.len() && casts.words.len() == words.len() {
        let all = casts.signs.iter().zip(&signs).chain(casts.words.iter().zip(&words));
        let mut places: Vec<usize> = all.filter(|(cast, _)| cast.may_be_to(to)).map(|(_, at)| *at).collect();
        places.sort_unstable();
        return places.first().copied();
    }
    // The parser has read some of them as something else.
    match [signs, words].concat().as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// A cast that is written.
struct Cast {
    to: DataType,
    /// What it casts is a text, which is read as what is wanted.
    of_literal: bool,
}

impl Cast {
    fn may_be_to(&self, name: &str) -> bool {
        let is_it = match sql_type(&self.to) {
            Ok(known) => known.bare_name() == name,
            // A type of the catalogue.
            Err(_) => self.to.to_string().rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(name)),
        };
        is_it && !self.of_literal
    }
}

/// Casts in the order of their signs, and of their words.
#[derive(Default)]
struct Casts {
    signs: Vec<Cast>,
    words: Vec<Cast>,
}

fn cast(expr: &Expr, meant: CastKind) -> Option<Cast> {
    let Expr::Cast { kind, expr, data_type, .. } = expr else { return None };
    let of_literal = matches!(expr.as_ref(), Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)));
    (*kind == meant).then(|| Cast { to: data_type.clone(), of_literal })
}

impl Visitor for Casts {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.words.extend(cast(expr, CastKind::Cast));
        ControlFlow::Continue(())
    }

    // What is cast comes before the sign.
    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.signs.extend(cast(expr, CastKind::DoubleColon));
        ControlFlow::Continue(())
    }
}
