//! The shape of a text, and numbers inside texts.

/// Characters of a pattern at most; longer texts differ in too many ways to have a format.
const PATTERN_CHARACTERS_MAX: usize = 24;

/// Runs of capitals, small letters, digits, Han characters and blanks become one sign each (`A`, `a`, `9`, `字`, a blank);
/// every other character stands for itself: `AB-1234 x` gives `A-9 a`.
pub fn pattern(text: &str) -> String {
    let mut out = String::new();
    let mut last = None;
    for character in text.trim().chars() {
        let sign = match character {
            c if c.is_ascii_digit() || c.is_numeric() => '9',
            c if ('\u{3400}'..='\u{9FFF}').contains(&c) => '字',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        let repeats = matches!(sign, '9' | '字' | 'A' | 'a' | ' ') && last == Some(sign);
        if !repeats {
            out.push(sign);
        }
        last = Some(sign);
    }
    match out.char_indices().nth(PATTERN_CHARACTERS_MAX) {
        Some((end, _)) => {
            out.truncate(end);
            out.push('…');
            out
        }
        None => out,
    }
}

/// The number that a text is, or a date as its days since 1970; `None` for anything else.
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let first = text.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None; // "nan" and "inf" parse as floats
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Days since 1970 of a text that begins with an ISO date.
pub(super) fn day(text: &str) -> Option<f64> {
    let date = text.trim().get(..10)?;
    let date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    Some(date.signed_duration_since(chrono::NaiveDate::default()).num_days() as f64)
}

/// Splits `12.0 oz.` into its number and its unit: at most eight letters, signs of percent or degree, and dots. Ordinals
/// (`3rd`) are no units.
pub fn number_with_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | ',')))?;
    let (amount, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let amount = amount.trim_end_matches('.');
    number(&amount.replace(',', ""))?;
    let characters = unit.chars().count();
    let is_unit = (1..=8).contains(&characters)
        && unit.chars().all(|c| c.is_alphabetic() || matches!(c, '%' | '°' | '.' | '/' | '²' | '³' | '"'))
        && !matches!(
            unit.to_ascii_lowercase().as_str(),
            "st" | "nd" | "rd" | "th" | "a" | "p" | "am" | "pm" | "a.m." | "p.m."
        );
    is_unit.then_some((amount, unit))
}

/// What a text is apart from case and blanks.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// From here on a word stands for nothing else than "missing".
pub const SURELY_MISSING: f64 = 0.9;

/// How surely a text is a word for "missing": 0 where it is none.
pub fn missing_word(text: &str) -> f64 {
    const SURE: [&str; 18] = [
        "n/a",
        "na",
        "#n/a",
        "null",
        "nan",
        "nil",
        "none",
        "-",
        "--",
        "---",
        "?",
        "??",
        "\\n",
        "<na>",
        "空",
        "无",
        "未填写",
        "暂无",
    ];
    const LIKELY: [&str; 11] = [
        "unknown",
        "not available",
        "missing",
        "not applicable",
        "not provided",
        "tbd",
        "undefined",
        "未知",
        "不详",
        "不明",
        "待定",
    ];
    let folded = folded(text);
    if SURE.contains(&folded.as_str()) {
        0.92
    } else if LIKELY.contains(&folded.as_str()) {
        0.75
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_signs_and_fold_runs() {
        assert_eq!(pattern("AB-1234  xy"), "A-9 a");
        assert_eq!(pattern("12/02/2011 6:55 a.m."), "9/9/9 9:9 a.a.");
        assert_eq!(pattern("红色L码"), "字A字");
        assert_eq!(pattern(""), "");
    }

    #[test]
    fn numbers_and_units_are_told_apart() {
        assert_eq!(
            (number(" 1e3 "), number("-.5"), number("nan"), number("1 2")),
            (Some(1000.0), Some(-0.5), None, None)
        );
        assert_eq!(day("1970-01-11 00:00:00"), Some(10.0));
        assert_eq!(number_with_unit("12.0 oz."), Some(("12.0", "oz.")));
        assert_eq!(number_with_unit("0.05%"), Some(("0.05", "%")));
        assert_eq!(number_with_unit("7:10 a.m."), None);
        assert_eq!(number_with_unit("3rd"), None);
        assert_eq!(number_with_unit("12"), None);
        assert_eq!(number_with_unit("重 3kg"), None);
    }

    #[test]
    fn words_for_missing() {
        assert!(missing_word(" N/A") > 0.9 && missing_word("空") > 0.9 && missing_word("Unknown") > 0.5);
        assert_eq!(missing_word("Nash"), 0.0);
    }
}
