//! How deep a page is nested, told before it is parsed.
//!
//! HTML's rules look through all open elements at many a tag, so that a page of a million unclosed elements would be
//! parsed for hours. Counting tags is cheap, and errs on the side of too many.

use std::collections::HashMap;

/// Elements that are never open, or that the next of their kind closes, or that HTML's rules count themselves.
const LIGHT: [&str; 46] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p",
    "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup", "rp", "rt", "html", "head",
    "body", "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
    "optgroup",
];

/// Elements whose content is text.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

/// The most elements that are open at once, or more.
pub(super) fn depth(page: &str) -> usize {
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut now, mut most) = (0usize, 0usize);
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = tag;
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (closing, body) = tag.strip_prefix('/').map_or((false, tag), |body| (true, body));
        let name: String = body
            .chars()
            .take_while(|c| !c.is_whitespace() && !matches!(c, '/' | '>' | '<'))
            .take(40)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || LIGHT.contains(&name.as_str()) {
            continue;
        }
        if closing {
            if let Some(count) = open.get_mut(&name).filter(|count| **count > 0) {
                *count -= 1;
                now -= 1;
            }
            continue;
        }
        if RAW.contains(&name.as_str()) {
            rest = behind_raw(body, &name);
            continue;
        }
        let foreign = ["svg", "math"].iter().any(|name| open.get(*name).is_some_and(|count| *count > 0));
        let end = body.find(['>', '<']).unwrap_or(body.len());
        if foreign && body.get(..end).is_some_and(|inside| inside.ends_with('/')) {
            continue;
        }
        // An element of HTML ends a drawing that was left open.
        if foreign && matches!(name.as_str(), "div" | "span" | "ul" | "ol" | "table" | "img" | "pre" | "center") {
            for name in ["svg", "math"] {
                now -= open.insert(name.to_owned(), 0).unwrap_or(0);
            }
        }
        *open.entry(name).or_default() += 1;
        now += 1;
        most = most.max(now);
    }
    most
}

/// What follows the end tag of an element whose content is text.
fn behind_raw<'a>(body: &'a str, name: &str) -> &'a str {
    let mut rest = body;
    while let Some((_, tag)) = rest.split_once("</") {
        rest = tag;
        if tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return tag;
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn only_what_stays_open_counts() {
        assert_eq!(depth("<html><body><div><p>a<p>b<br><img></div><div></div><!-- <div><div> -->"), 1);
        assert_eq!(depth("<script>'<div><div>'</script><DIV><section></section></x></div>"), 2);
        assert_eq!(depth("<svg><path/><path/><g></g></svg>"), 2);
        assert_eq!(depth(&"</a></x><div>".repeat(500)), 500);
        assert_eq!(depth("<"), 0);
        assert_eq!(depth("< 3 <\u{e9}t\u{e9}> <script>"), 0);
    }
}
