//! Texts: blanks where none belong, and letters and digits as wide as Chinese characters.

/// Blanks of typesetting, and marks that nobody sees.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_unseen(c)
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}')
}

/// Every character of the full-width block as its half-width twin: `ＡＢ＠１` gives `AB@1`. For codes and numbers; Chinese texts have
/// their own punctuation.
pub fn half_width(text: &str) -> String {
    let half = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '\u{ffe5}' => '¥',
        c => c,
    };
    text.chars().map(half).collect()
}

/// The text without blanks around it, with one blank where several stood in a line, with letters and digits of half width; marks that
/// nobody sees are gone. Lines stay lines.
pub fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.trim_matches(is_blank).chars() {
        match c {
            '\n' | '\r' => {
                blank = false;
                out.push(c);
            }
            c if is_unseen(c) => {}
            c if c.is_whitespace() => blank = true,
            c => {
                if std::mem::take(&mut blank) {
                    out.push(' ');
                }
                out.push(match c {
                    '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
                        char::from_u32(c as u32 - 0xfee0).unwrap_or(c)
                    }
                    c => c,
                });
            }
        }
    }
    out
}

/// The text without any blanks, of half width: a code as it is meant.
pub fn code(text: &str) -> String {
    half_width(text).chars().filter(|c| !is_blank(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_widths() {
        assert_eq!(tidy("\u{3000} 小米  １４ Pro \u{200b}"), "小米 14 Pro");
        assert_eq!(tidy("好，不错！"), "好，不错！");
        assert_eq!(tidy(" a  b\n c "), "a b\n c");
        assert_eq!(half_width("Ａ＠１．ｃｏｍ"), "A@1.com");
        assert_eq!(code(" 4403 \u{3000}0019"), "44030019");
    }
}
