//! An error of a statement as psql tells it: message, the line it points at, detail, hint.

use super::super::width;
use crate::error::Error;

/// The error of a statement, without a newline at its end.
pub fn describe(error: &Error, sql: &str) -> String {
    let mut text = format!("ERROR:  {}", error.message());
    if let Some(place) = error.position().and_then(|position| pointer(sql, position)) {
        text = format!("{text}\n{place}");
    }
    for (label, part) in [("DETAIL", error.detail()), ("HINT", error.hint())] {
        if let Some(part) = part {
            text = format!("{text}\n{label}:  {part}");
        }
    }
    text
}

/// The line of a position, counted in characters from 1, and a caret below it.
fn pointer(sql: &str, position: usize) -> Option<String> {
    let at = sql.char_indices().map(|(at, _)| at).chain([sql.len()]).nth(position.checked_sub(1)?)?;
    let before = sql.get(..at)?;
    let number = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = sql.get(start..)?.lines().next().unwrap_or_default().replace('\t', " ");
    let label = format!("LINE {number}: ");
    let column = label.len() + width::of(sql.get(start..at)?);
    Some(format!("{label}{line}\n{:column$}^", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn the_caret_stands_below_the_place() {
        let sql = "-- 名\nSELECT '商品', xx FROM t\nLIMIT 1";
        let error = Error::new(Kind::UndefinedColumn, "column \"xx\" does not exist").with_hint("Try x.").at(19);
        let expected = [
            "ERROR:  column \"xx\" does not exist",
            "LINE 2: SELECT '商品', xx FROM t",
            "                       ^",
            "HINT:  Try x.",
        ];
        assert_eq!(describe(&error, sql), expected.join("\n"));
    }

    #[test]
    fn a_place_may_be_the_end_or_nowhere() {
        let error = |position| describe(&Error::new(Kind::Syntax, "wrong").at(position), "SELECT");
        assert_eq!(error(7), "ERROR:  wrong\nLINE 1: SELECT\n              ^");
        assert_eq!(error(8), "ERROR:  wrong");
        assert_eq!(error(0), "ERROR:  wrong");
        assert_eq!(describe(&Error::new(Kind::Syntax, "wrong").with_detail("So."), ""), "ERROR:  wrong\nDETAIL:  So.");
    }
}
