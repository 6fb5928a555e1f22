//! Addresses in Chinese: places from wide to narrow, each closed by its word (省, 市, 区, 路, 号), with the building and the room behind them.

use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::{is_han, opens_with_place};

/// Characters of an address at most.
const CHARACTERS_MAX: usize = 60;
/// Characters behind the last word of place that may still belong to it, as names of buildings and firms do.
const TAIL_MAX: usize = 16;

/// Characters before the first word of place, where nothing tells where the address begins.
const HEAD_MAX: usize = 6;

/// Words that an address does not begin with; it begins behind the last of them.
const BEFORE: &[&str] = &[
    "地址是",
    "地址为",
    "地址",
    "住址是",
    "住址",
    "住在",
    "家住",
    "现住",
    "居住在",
    "居住于",
    "位于",
    "坐落于",
    "坐落在",
    "寄到",
    "寄往",
    "寄至",
    "寄给",
    "送到",
    "送至",
    "送往",
    "发到",
    "发往",
    "发至",
    "搬到",
    "搬至",
    "搬去",
    "来到",
    "到达",
    "前往",
    "开在",
    "设在",
    "在",
    "到",
    "往",
    "至",
    "于",
    "去",
    "是",
    "为",
    "从",
    "户籍",
    "籍贯",
    "所在地",
    "注册地",
    "门店",
    "仓库",
    "快递",
    "货物",
    "包裹",
    "公司",
    "请",
    "把",
    "将",
    "货",
    "经过",
    "路过",
    "人在",
    "定位",
];
/// Words that end an address.
const BEHIND: &[&str] = &[
    "的",
    "了",
    "请",
    "谢谢",
    "电话",
    "手机",
    "联系",
    "收件",
    "收货",
    "签收",
    "姓名",
    "是",
    "和",
    "与",
    "及",
    "以及",
    "有",
    "已",
    "将",
    "会",
    "到",
    "送",
    "附近",
    "旁边",
    "对面",
    "门口",
    "楼下",
    "发生",
    "举行",
    "开业",
    "上班",
    "工作",
    "居住",
    "生活",
    "不",
    "我",
    "你",
    "他",
    "她",
    "邮编",
    "身份证",
    "今天",
    "明天",
    "昨天",
    "现在",
    "等",
    "被",
    "把",
    "给",
    "并",
    "但",
    "也",
    "就",
    "去",
    "来",
    "找",
    "接",
    "取",
    "停",
    "购买",
    "下单",
    "预约",
    "拍摄",
    "遇到",
];

/// How narrow a place a character stands for, from 1 for a province to 9 for a room; 0 for none.
fn level(c: char) -> u8 {
    match c {
        '省' => 1,
        '市' | '州' | '盟' => 2,
        '区' | '县' | '旗' => 3,
        '镇' | '乡' => 4,
        '村' | '庄' | '社' | '湾' | '屯' => 5,
        '路' | '街' | '道' | '巷' | '弄' | '胡' | '桥' => 6,
        '号' => 7,
        '栋' | '幢' | '座' | '楼' | '厦' | '苑' | '园' | '院' | '组' | '场' | '城' | '府' | '庭' => 8,
        '室' | '层' | '房' | '单' | '铺' | '户' => 9,
        _ => 0,
    }
}

/// What may stand in an address beside Chinese.
fn fits(c: char) -> bool {
    is_han(c) || c.is_ascii_alphanumeric() || matches!(c, '-' | '#' | '－' | '—' | '(' | ')' | '（' | '）' | '_' | '·')
}

/// Looks at every stretch of Chinese, letters and digits.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    let text = tokens.text;
    // Numbers and names that were told are no part of an address: a telephone right behind the room.
    let mut told: Vec<usize> =
        found.spans.iter().filter(|span| span.score >= 0.6 && is_number(span.kind)).map(|span| span.start).collect();
    told.sort_unstable();
    let mut at = 0;
    while at < tokens.list.len() {
        if !tokens.is(at, TokenKind::Han) {
            at += 1;
            continue;
        }
        let start = tokens.get(at).map_or(0, |token| token.start);
        let rest = text.get(start..).unwrap_or_default();
        let end = start + rest.find(|c| !fits(c)).unwrap_or(rest.len());
        stretch(text, (start, end), &told, found);
        while tokens.get(at).is_some_and(|token| token.start < end) {
            at += 1;
        }
    }
}

fn stretch(text: &str, (start, end): (usize, usize), told: &[usize], found: &mut Found) {
    let Some(stretch) = text.get(start..end) else { return };
    let places: usize = stretch.chars().map(|c| usize::from(level(c) > 0)).sum();
    if places == 0 {
        return;
    }
    let limit = told.get(told.partition_point(|at| *at <= start)).copied().filter(|at| *at < end);
    let stretch = text.get(start..limit.unwrap_or(end)).unwrap_or(stretch);
    let mut from = 0;
    while let Some((first, last, score)) = one(stretch, from, start == 0 || starts_line(text, start)) {
        if score > 0.0 {
            found.push(PiiType::StreetAddress, start + first, start + last, score);
        }
        if last <= from {
            break;
        }
        from = last;
    }
}

fn is_number(kind: PiiType) -> bool {
    matches!(
        kind,
        PiiType::PhoneNumber
            | PiiType::CnIdCard
            | PiiType::CreditCard
            | PiiType::CnUscc
            | PiiType::CnPlate
            | PiiType::Person
    )
}

fn starts_line(text: &str, at: usize) -> bool {
    text.get(..at).is_some_and(|before| before.ends_with(['：', ':', '\n', '，', ',', '。', ' ', '、', '“', '"']))
}

/// The first address of a stretch behind a place, with its score; 0 where what was looked at is none.
fn one(stretch: &str, from: usize, opens: bool) -> Option<(usize, usize, f32)> {
    let rest = stretch.get(from..)?;
    // Where its first word of place ends.
    let (first_level, _) = rest.char_indices().skip(1).find(|(_, c)| level(*c) > 0)?;
    let head = rest.get(..first_level)?;
    // The name of a province or city, or what stands behind the last word that opens addresses.
    let named = rest
        .char_indices()
        .take_while(|(at, _)| *at <= first_level)
        .find(|(at, _)| rest.get(*at..).is_some_and(opens_with_place))
        .map(|(at, _)| at);
    let cue = BEFORE.iter().filter_map(|word| head.rfind(word).map(|at| at + word.len())).max();
    let begin = match (named, cue) {
        (Some(named), Some(cue)) if cue <= named => named,
        (Some(named), None) => named,
        (_, Some(cue)) => cue,
        // The name of the first place is short.
        (None, None) => head.char_indices().rev().nth(HEAD_MAX).map_or(0, |(at, c)| at + c.len_utf8()),
    };
    let name = rest.get(begin..)?;
    let (mut reached, mut levels, mut last, mut house, mut digits) = (0u8, 0u32, 0usize, false, false);
    let mut before_digit = false;
    let mut count = 0;
    for (at, c) in name.char_indices() {
        count += 1;
        if count > CHARACTERS_MAX {
            break;
        }
        let tail = name.get(at..).unwrap_or_default();
        if at > 0 && last > 0 && ends_here(tail) {
            break;
        }
        if last > 0 && name.get(last..at).is_some_and(|tail| tail.chars().count() >= TAIL_MAX) {
            break;
        }
        let step = if at == 0 { 0 } else { level(c) };
        // A narrow place comes with its number: 三楼 is one, 楼 of 楼盘 is none.
        if step > 0 && (step <= 6 || before_digit || step == 8 || is_numeral_before(name, at)) {
            levels += u32::from(step > reached);
            reached = reached.max(step);
            house |= step >= 7 && (before_digit || is_numeral_before(name, at));
            last = at + c.len_utf8();
        } else if c.is_ascii_digit() {
            digits = true;
            if reached >= 5 {
                last = at + 1;
            }
        }
        before_digit = c.is_ascii_alphanumeric();
    }
    if last == 0 {
        return None;
    }
    let place = opens_with_place(name);
    let said = cue.is_some_and(|cue| cue == begin && begin > 0) || begin == 0 && opens;
    let score: f32 = match (place, levels, house) {
        (true, 2.., true) => 0.95,
        (true, 3.., false) => 0.85,
        (false, 3.., true) => 0.85,
        (true, 1, true) => 0.75,
        (false, 2, true) => 0.75,
        (true, 2, false) => 0.6,
        (false, 3.., false) => 0.62,
        (false, 1, true) if reached >= 7 && digits && said => 0.45,
        (true, 1, false) => 0.4,
        (false, 2, false) => 0.4,
        _ => 0.0,
    };
    let score = if said && score > 0.0 { (score + 0.1).min(0.95) } else { score };
    // The name of a building may stand behind the last word of place.
    let tail = name.get(last..).unwrap_or_default();
    let tail = tail.char_indices().nth(TAIL_MAX + 1).map_or(tail, |(at, _)| tail.get(..at).unwrap_or_default());
    let stop = tail.char_indices().map(|(at, _)| at).find(|at| tail.get(*at..).is_some_and(ends_here));
    let stop = stop.unwrap_or(tail.len());
    let tail_fits =
        tail.get(..stop).is_some_and(|tail| (1..=TAIL_MAX).contains(&tail.chars().count()) && tail.chars().all(fits));
    let closed = stop == tail.len() || stop > 0;
    let end = if score >= 0.6 && tail_fits && closed { last + stop } else { last };
    // A firm that stands behind its street and number is part of the address.
    let firm = house && name.get(last..end).is_some_and(|tail| tail.ends_with("公司"));
    let score = if firm { score.max(0.93) } else { score };
    let (first, end) = (from + begin, from + begin + end);
    // What is wide and nothing more is a place.
    Some((first, end, if levels == 1 && !house { 0.0 } else { score }))
}

/// Whether what follows is no part of an address. One character may be within a name of a place, if a word of place follows soon: 和平路.
fn ends_here(tail: &str) -> bool {
    // The form of a firm: 有限公司.
    !tail.starts_with("有限")
        && BEHIND.iter().any(|word| {
            tail.starts_with(word) && (word.len() > 3 || !tail.chars().skip(1).take(3).any(|c| level(c) > 0))
        })
}

/// Whether a Chinese numeral stands right before a place.
fn is_numeral_before(name: &str, at: usize) -> bool {
    name.get(..at).is_some_and(|before| {
        before.ends_with(['一', '二', '三', '四', '五', '六', '七', '八', '九', '十', '百', '零', '甲', '乙'])
    })
}
