//! `SIMILAR TO` as a regular expression over the whole text (SQL:2016, 8.6).

use super::super::functions::call;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, ValueWithSpan};

/// `text SIMILAR TO 'pattern'` as `text ~ 'expression'`, of a pattern that is no constant as a call of ours.
pub fn as_expression(expression: &mut Expr) {
    let Expr::SimilarTo { negated, expr, pattern, escape_char } = &*expression else { return };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(pattern), .. }) = pattern.as_ref() else {
        let escape = escape_char.iter().map(|escape| Expr::Value(escape.clone()));
        let args = [expr.as_ref().clone(), pattern.as_ref().clone()].into_iter().chain(escape);
        let found = call("similar_to", args.collect());
        *expression = if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) } } else { found };
        return;
    };
    let escape = match escape_char.as_ref().map(|escape| &escape.value) {
        None => Some('\\'),
        Some(Value::SingleQuotedString(text)) if text.chars().count() <= 1 => text.chars().next(),
        Some(_) => return,
    };
    let regular = Value::SingleQuotedString(regular(pattern, escape)).into();
    let found = Expr::BinaryOp {
        left: Box::new(Expr::Nested(expr.clone())),
        op: BinaryOperator::PGRegexMatch,
        right: Box::new(Expr::Value(regular)),
    };
    let found = Expr::Nested(Box::new(found));
    *expression = match negated {
        true => Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) })),
        false => found,
    };
}

/// A pattern of SIMILAR TO as a regular expression.
pub fn regular(pattern: &str, escape: Option<char>) -> String {
    format!("(?s)^(?:{})$", part(pattern, escape, ".*"))
}

/// A pattern of SUBSTRING as a regular expression whose first parentheses hold what is meant: what is between the escape character with a
/// quote and the next, or all. What stands before is as short as it may be. None where the marks do not come as two.
pub fn regular_substring(pattern: &str, escape: char) -> Option<String> {
    let mut parts = vec![String::new()];
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let next = if c == escape { rest.next() } else { None };
        if next == Some('"') {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
            last.extend(next);
        }
    }
    let regular = |text: &String, any: &str| part(text, Some(escape), any);
    match parts.as_slice() {
        [all] => Some(format!("(?s)^({})$", regular(all, ".*"))),
        [before, meant, after] => {
            let (before, meant, after) = (regular(before, ".*?"), regular(meant, ".*"), regular(after, ".*"));
            Some(format!("(?s)^(?:{before})({meant})(?:{after})$"))
        }
        _ => None,
    }
}

/// A part of a pattern, in which so `any` characters are written.
fn part(pattern: &str, escape: Option<char>, any: &str) -> String {
    let mut out = String::new();
    let mut bracket = false;
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            _ if Some(c) == escape => {
                let plain = rest.next().unwrap_or(c);
                if !plain.is_alphanumeric() {
                    out.push('\\');
                }
                out.push(plain);
            }
            '[' | ']' => {
                bracket = c == '[';
                out.push(c);
            }
            _ if bracket => out.push(c),
            '%' => out.push_str(any),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '.' | '^' | '$' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{regular, regular_substring};

    #[test]
    fn parts_are_marked_with_quotes() {
        assert_eq!(regular_substring("%#\"o_b#\"%", '#').unwrap(), "(?s)^(?:.*?)(o.b)(?:.*)$");
        assert_eq!(regular_substring("a#%%", '#').unwrap(), "(?s)^(a\\%.*)$");
        assert_eq!(regular_substring("a#\"b", '#'), None);
    }

    #[test]
    fn wildcards_are_those_of_like() {
        assert_eq!(regular("a%(b|c)_.", Some('\\')), "(?s)^(?:a.*(?:b|c).\\.)$");
        assert_eq!(regular("[a.%]\\%x", Some('\\')), "(?s)^(?:[a.%]\\%x)$");
        assert_eq!(regular("a#_", Some('#')), "(?s)^(?:a\\_)$");
    }
}
