//! Names of columns and tables, taken apart into words.

use super::semantic_type::is_han;

/// The words of a name, lower-cased, and what stood in brackets behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameWords {
    /// The words in order; a run of Chinese characters is one word.
    pub words: Vec<String>,
    /// The bracketed remark, such as a unit: `usd` of `price (USD)`.
    pub remark: Option<String>,
}

/// Takes `name` apart at case changes, digits, separators and between scripts: `fuelType`, `order_id`, `品牌ID`,
/// `HTMLBody`, `Days for shipping (real)`. A header that is a link counts by its last step; a type written behind a
/// colon (`user_id:token`) falls away.
pub fn split_name(name: &str) -> NameWords {
    let name = match name.rsplit_once(['#', '/']) {
        Some((before, last)) if before.contains("://") && !last.is_empty() => last,
        _ => name,
    };
    let name = match name.split_once(':') {
        Some((before, kind)) if !before.is_empty() && TYPE_WORDS.contains(&kind.trim()) => before,
        _ => name,
    };
    let (name, remark) = without_remark(name);
    NameWords { words: words_of(&name), remark }
}

/// The words joined by spaces.
pub fn joined(words: &[String]) -> String {
    words.join(" ")
}

const TYPE_WORDS: [&str; 10] =
    ["token", "float", "int", "str", "string", "token_seq", "float_seq", "integer", "text", "number"];

fn without_remark(name: &str) -> (String, Option<String>) {
    let (Some(open), Some(close)) = (name.find(['(', '（', '[']), name.rfind([')', '）', ']'])) else {
        return (name.to_string(), None);
    };
    let inner = name.find(['(', '（', '[']).and_then(|at| name.get(at..close)).unwrap_or_default();
    let remark = inner.trim_matches(['(', '（', '[']).trim().to_lowercase();
    let rest = match (name.get(..open), name.get(close..)) {
        (Some(before), Some(after)) if open < close => format!("{before} {}", after.trim_matches([')', '）', ']'])),
        _ => return (name.to_string(), None),
    };
    if rest.trim().is_empty() {
        return (remark, None);
    }
    (rest, (!remark.is_empty()).then_some(remark))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Han,
    Other,
}

fn kind_of(c: char) -> Kind {
    match c {
        _ if is_han(c) => Kind::Han,
        _ if c.is_numeric() => Kind::Digit,
        _ if c.is_uppercase() => Kind::Upper,
        _ if c.is_alphabetic() => Kind::Lower,
        _ => Kind::Other,
    }
}

fn words_of(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = Kind::Other;
    for (at, c) in chars.iter().enumerate() {
        let kind = kind_of(*c);
        let next = chars.get(at + 1).map_or(Kind::Other, |c| kind_of(*c));
        let breaks = match (before, kind) {
            (a, b) if a == b => a == Kind::Upper && next == Kind::Lower && b == Kind::Upper,
            (Kind::Upper, Kind::Lower) => false,
            _ => true,
        };
        if breaks && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if kind != Kind::Other {
            word.extend(c.to_lowercase());
        }
        before = kind;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_styles() {
        for (name, expected) in [
            ("fuelType", "fuel type"),
            ("order_id", "order id"),
            ("品牌ID", "品牌 id"),
            ("HTMLBody", "html body"),
            ("Days for shipping (real)", "days for shipping"),
            ("user_id:token", "user id"),
            ("http://www.example.org/o.owl#phone_number", "phone number"),
            ("price11", "price 11"),
            ("用户手机号", "用户手机号"),
            ("CustomerID", "customer id"),
            ("", ""),
            ("(数量)", "数量"),
        ] {
            assert_eq!(joined(&split_name(name).words), expected, "{name}");
        }
        assert_eq!(split_name("price (USD)").remark.as_deref(), Some("usd"));
        assert_eq!(split_name("售价（元）").remark.as_deref(), Some("元"));
        for odd in [")(", "（", "[]", ":", "#", "(()"] {
            let _ = split_name(odd);
        }
    }
}
