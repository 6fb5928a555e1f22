//! Chinese: firms and plates; the names of persons are looked for in `chinese_names`.

use super::chinese_names;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::{is_han, is_plate};

/// Looks at every run of Chinese characters.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    for (at, token) in tokens.list.iter().enumerate() {
        if token.kind != TokenKind::Han {
            continue;
        }
        let run = tokens.text_at(at);
        plate(tokens, at, found);
        company(tokens, run, token.start, found);
        chinese_names::scan(tokens, at, found);
    }
}

/// A plate: the last character of a run is a province, and letters and digits follow.
fn plate(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    let Some(token) = tokens.get(at) else { return };
    let Some(province) = tokens.text_at(at).chars().next_back().filter(|c| PROVINCES.contains(*c)) else { return };
    let rest = tokens.text.get(token.end..).unwrap_or_default();
    if !rest.starts_with(|c: char| c.is_ascii_uppercase()) {
        return;
    }
    let start = token.end - province.len_utf8();
    let mut count = 0;
    let mut end = token.end;
    for (offset, c) in rest.char_indices() {
        match c {
            '·' | '•' | '-' | ' ' if count == 1 => {}
            'A'..='Z' | '0'..='9' if count < 7 => {
                count += 1;
                end = token.end + offset + 1;
            }
            '挂' | '学' | '警' | '港' | '澳' | '领' if count == 5 => {
                end = token.end + offset + c.len_utf8();
                break;
            }
            _ => break,
        }
    }
    let goes_on = tokens.text.get(end..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    if !goes_on && tokens.text.get(start..end).is_some_and(is_plate) {
        found.push(PiiType::CnPlate, start, end, 0.95);
    }
}

/// Endings of firms and institutions, surest first.
const FIRMS: &[(&str, f32)] = &[
    ("股份有限公司", 0.92),
    ("有限责任公司", 0.92),
    ("有限公司", 0.92),
    ("集团公司", 0.85),
    ("分公司", 0.75),
    ("子公司", 0.3),
    ("总公司", 0.5),
    ("公司", 0.55),
    ("集团", 0.6),
    ("事务所", 0.7),
    ("研究院", 0.65),
    ("研究所", 0.65),
    ("出版社", 0.65),
    ("合作社", 0.6),
    ("人民医院", 0.8),
    ("医院", 0.6),
    ("大学", 0.65),
    ("学院", 0.6),
    ("俱乐部", 0.55),
    ("银行", 0.5),
];
/// Bytes of a firm's name at most: thirty characters.
const FIRM_BYTES_MAX: usize = 90;
/// Words that a firm's name does not begin with; it begins behind the last of them.
const BEFORE_FIRM: &[&str] = &[
    "就职于",
    "任职于",
    "供职于",
    "来自",
    "位于",
    "隶属于",
    "属于",
    "在",
    "是",
    "与",
    "和",
    "及",
    "跟",
    "由",
    "人是",
    "人为",
    "名是",
    "名为",
    "姓名为",
    "被",
    "让",
    "给",
    "向",
    "从",
    "为",
    "对",
    "的",
    "到",
    "去",
    "找",
    "了",
    "把",
    "于",
    "并",
    "我们",
    "他们",
    "该",
    "本",
    "这家",
    "一家",
    "名称",
    "单位",
    "抬头",
    "客户",
    "开户行",
];

fn company(tokens: &Tokens<'_>, run: &str, offset: usize, found: &mut Found) {
    // One look for the characters that all endings have in the end.
    if !run.contains(['司', '团', '所', '院', '社', '学', '行', '部']) {
        return;
    }
    let mut from = 0;
    for (at, c) in run.char_indices() {
        if !['司', '团', '所', '院', '社', '学', '行', '部'].contains(&c) {
            continue;
        }
        let end = at + c.len_utf8();
        let Some(name) = run.get(run.floor_char_boundary(from.max(end.saturating_sub(FIRM_BYTES_MAX)))..end) else {
            continue;
        };
        let Some((ending, score)) = FIRMS.iter().find(|(ending, _)| name.ends_with(ending)) else { continue };
        let before = name.strip_suffix(ending).unwrap_or_default();
        let cut = BEFORE_FIRM.iter().filter_map(|word| before.rfind(word).map(|at| at + word.len())).max().unwrap_or(0);
        let start = end - name.len() + cut;
        let length = before.get(cut..).map_or(0, |name| name.chars().count());
        if (2..=20).contains(&length) {
            found.push(PiiType::Organization, offset + start, offset + end, *score);
            from = end;
        } else if length == 0 && *ending == "有限公司" && offset > 0 {
            parenthesised(tokens, offset + end, offset, found);
            from = end;
        }
    }
}

/// `示例（上海）有限公司`
fn parenthesised(tokens: &Tokens<'_>, end: usize, run_start: usize, found: &mut Found) {
    let before = tokens.text.get(..run_start).unwrap_or_default();
    let Some(inner) = before.strip_suffix(['）', ')']) else { return };
    let Some(open) = inner.rfind(['（', '(']) else { return };
    let outer = inner.get(..open).unwrap_or_default();
    let name: usize = outer.chars().rev().take_while(|c| is_han(*c)).take(10).map(char::len_utf8).sum();
    if name >= 6 && inner.len() - open <= 24 {
        let start = open - name;
        let head = outer.get(start..).unwrap_or_default();
        let cut = BEFORE_FIRM.iter().filter_map(|word| head.rfind(word).map(|at| at + word.len())).max().unwrap_or(0);
        if head.len() - cut >= 6 {
            found.push(PiiType::Organization, start + cut, end, 0.92);
        }
    }
}
