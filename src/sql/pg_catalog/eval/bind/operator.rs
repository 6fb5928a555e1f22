//! Operators and the types that they take.

use super::super::super::value::{Type, Value};
use super::super::functions::{self, array, json, span, text};
use super::super::plan::{Builtin, Expr, Node, Test};
use super::super::types::{Family, array_of, comparable, element, family, shown, wider};
use super::Binder;
use crate::error::{Error, Result};
use crate::sql::missing;
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// The test that an operator is.
pub(super) fn test_of(op: &BinaryOperator) -> Option<Test> {
    let like = |fold, negated| Test::Like { fold, negated, escape: Some('\\') };
    let regex = |fold, negated| Test::Regex { fold, negated };
    Some(match op {
        BinaryOperator::Eq => Test::Eq,
        BinaryOperator::NotEq => Test::Ne,
        BinaryOperator::Lt => Test::Lt,
        BinaryOperator::LtEq => Test::Le,
        BinaryOperator::Gt => Test::Gt,
        BinaryOperator::GtEq => Test::Ge,
        BinaryOperator::PGRegexMatch => regex(false, false),
        BinaryOperator::PGRegexIMatch => regex(true, false),
        BinaryOperator::PGRegexNotMatch => regex(false, true),
        BinaryOperator::PGRegexNotIMatch => regex(true, true),
        BinaryOperator::PGLikeMatch => like(false, false),
        BinaryOperator::PGILikeMatch => like(true, false),
        BinaryOperator::PGNotLikeMatch => like(false, true),
        BinaryOperator::PGNotILikeMatch => like(true, true),
        _ => return None,
    })
}

/// An operator written as `OPERATOR(schema.symbol)`.
pub(super) fn spelled(op: &BinaryOperator) -> BinaryOperator {
    let symbol = match op {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().map_or("", String::as_str),
        BinaryOperator::Custom(symbol) => symbol.as_str(),
        other => return other.clone(),
    };
    match symbol {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "||" => BinaryOperator::StringConcat,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "&" => BinaryOperator::BitwiseAnd,
        "|" => BinaryOperator::BitwiseOr,
        "&&" => BinaryOperator::PGOverlap,
        "@>" => BinaryOperator::AtArrow,
        "<@" => BinaryOperator::ArrowAt,
        _ => op.clone(),
    }
}

fn undefined(left: &Expr, op: &str, right: &Expr) -> Error {
    missing::operator(&format!("{} {op} {}", shown(&left.data_type), shown(&right.data_type)))
}

impl Binder<'_> {
    /// Two values of types that can be compared.
    pub(super) fn paired(&mut self, left: Expr, op: &str, right: Expr) -> Result<(Expr, Expr)> {
        if let (Node::Record(lefts), Node::Record(rights)) = (&left.node, &right.node)
            && lefts.len() == rights.len()
        {
            let (mut new_lefts, mut new_rights) = (Vec::new(), Vec::new());
            for (left, right) in lefts.clone().into_iter().zip(rights.clone()) {
                let (left, right) = self.paired(left, op, right)?;
                new_lefts.push(left);
                new_rights.push(right);
            }
            let record = |list| Expr::new(Node::Record(list), Type::Record);
            return Ok((record(new_lefts), record(new_rights)));
        }
        Ok(match (&left.data_type, &right.data_type) {
            (Type::Unknown, Type::Unknown) => (self.coerce(left, &Type::Text)?, self.coerce(right, &Type::Text)?),
            (Type::Unknown, _) | (_, Type::Unknown) => self.lent(left, right)?,
            (a, b) if comparable(a, b) => (left, right),
            _ => return Err(undefined(&left, op, &right)),
        })
    }

    /// Two values of which one may be of no type yet: it takes the other's.
    fn lent(&mut self, left: Expr, right: Expr) -> Result<(Expr, Expr)> {
        let (mine, theirs) = (left.data_type.clone(), right.data_type.clone());
        Ok(match (&mine, &theirs) {
            (Type::Unknown, other) => (self.coerce(left, other)?, right),
            (other, Type::Unknown) => (left, self.coerce(right, other)?),
            _ => (left, right),
        })
    }

    /// A test of two values.
    pub(super) fn test(&mut self, test: Test, left: Expr, right: Expr) -> Result<Expr> {
        let (left, right) = match test {
            Test::Like { .. } | Test::Regex { .. } => {
                (self.as_text(left, symbol(test))?, self.as_text(right, symbol(test))?)
            }
            _ => self.paired(left, symbol(test), right)?,
        };
        Ok(Expr::boolean(Node::Test(test, left.boxed(), right.boxed())))
    }

    /// Of a text's family, for operators of texts.
    pub(super) fn as_text(&mut self, expr: Expr, op: &str) -> Result<Expr> {
        let expr = self.settle(expr, &Type::Text)?;
        match family(&expr.data_type) {
            Family::Text => Ok(expr),
            _ => Err(undefined(&expr, op, &Expr::value(Value::Null, Type::Unknown))),
        }
    }

    /// An operator that gives another value than true or false.
    pub(super) fn operator(&mut self, op: &BinaryOperator, left: Expr, right: Expr) -> Result<Expr> {
        match op {
            BinaryOperator::StringConcat => self.concatenated(left, right),
            BinaryOperator::AtArrow => self.over_arrays(left, "@>", right, array::CONTAINS),
            BinaryOperator::ArrowAt => self.over_arrays(right, "<@", left, array::CONTAINS),
            BinaryOperator::PGOverlap => self.over_arrays(left, "&&", right, array::OVERLAPS),
            BinaryOperator::Arrow | BinaryOperator::LongArrow => {
                let gives = if *op == BinaryOperator::Arrow { Type::Json } else { Type::Text };
                let builtin = if *op == BinaryOperator::Arrow { json::GET } else { json::GET_TEXT };
                let left = self.settle(left, &Type::Json)?;
                let right = self.settle(right, &Type::Text)?;
                Ok(Expr::new(Node::Call(builtin, vec![left, right]), gives))
            }
            _ => self.arithmetic(op, left, right),
        }
    }

    fn arithmetic(&mut self, op: &BinaryOperator, left: Expr, right: Expr) -> Result<Expr> {
        let symbol = op.to_string();
        let (left, right) = match (&left.data_type, &right.data_type) {
            (Type::Unknown, Type::Unknown) => return Err(undefined(&left, &symbol, &right)),
            _ => self.lent(left, right)?,
        };
        if let Some((builtin, gives)) = span::operator(op, &left.data_type, &right.data_type) {
            return Ok(Expr::new(Node::Call(builtin, vec![left, right]), gives));
        }
        let gives = match (family(&left.data_type), family(&right.data_type)) {
            (Family::Number, Family::Number) => wider(&left.data_type, &right.data_type),
            (Family::Oid, Family::Oid | Family::Number) | (Family::Number, Family::Oid) => Some(Type::Int8),
            _ => None,
        };
        let is_float = matches!(gives, Some(Type::Float4 | Type::Float8 | Type::Numeric));
        match (gives, functions::arithmetic(op, is_float)) {
            (Some(gives), Some(builtin)) => {
                let call = Expr::new(Node::Call(builtin, vec![left, right]), Type::Int8);
                // A result that does not fit its type is refused by the cast.
                Ok(match gives {
                    Type::Int2 | Type::Int4 => Expr::new(Node::Cast(call.boxed()), gives),
                    gives => Expr { data_type: gives, ..call },
                })
            }
            _ => Err(undefined(&left, &symbol, &right)),
        }
    }

    fn over_arrays(&mut self, left: Expr, op: &str, right: Expr, builtin: Builtin) -> Result<Expr> {
        let (left, right) = self.paired(left, op, right)?;
        match element(&left.data_type).is_some() && element(&right.data_type).is_some() {
            true => Ok(Expr::boolean(Node::Call(builtin, vec![left, right]))),
            false => Err(undefined(&left, op, &right)),
        }
    }

    fn concatenated(&mut self, left: Expr, right: Expr) -> Result<Expr> {
        let array = |item: Type, list: Vec<Expr>, builtin| Expr::new(Node::Call(builtin, list), array_of(item));
        match (element(&left.data_type), element(&right.data_type)) {
            (Some(item), Some(_)) => Ok(array(item, vec![left, right], array::CAT)),
            (Some(item), None) if right.data_type == Type::Unknown => {
                let right = self.coerce(right, &array_of(item.clone()))?;
                Ok(array(item, vec![left, right], array::CAT))
            }
            (Some(item), None) => {
                let right = self.coerce(right, &item)?;
                Ok(array(item, vec![left, right], array::APPEND))
            }
            (None, Some(item)) => {
                let left = self.coerce(left, &item)?;
                Ok(array(item, vec![left, right], array::PREPEND))
            }
            (None, None) => {
                let is_text = |expr: &Expr| matches!(family(&expr.data_type), Family::Text | Family::Unknown);
                if !is_text(&left) && !is_text(&right) {
                    return Err(undefined(&left, "||", &right));
                }
                let list = vec![self.coerce(left, &Type::Text)?, self.coerce(right, &Type::Text)?];
                Ok(Expr::new(Node::Call(text::CAT, list), Type::Text))
            }
        }
    }
}

fn symbol(test: Test) -> &'static str {
    match test {
        Test::Eq => "=",
        Test::Ne => "<>",
        Test::Lt => "<",
        Test::Le => "<=",
        Test::Gt => ">",
        Test::Ge => ">=",
        Test::Like { fold: false, .. } => "~~",
        Test::Like { fold: true, .. } => "~~*",
        Test::Regex { fold: false, .. } => "~",
        Test::Regex { fold: true, .. } => "~*",
    }
}
