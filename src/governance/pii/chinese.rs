//! Chinese: names of persons, firms, plates.

use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::{NOT_LAST_IN_A_NAME, is_han, is_plate, surname_bytes};

/// Looks at every run of Chinese characters.
pub fn scan(tokens: &Tokens<'_>, found: &mut Found) {
    for (at, token) in tokens.list.iter().enumerate() {
        if token.kind != TokenKind::Han {
            continue;
        }
        let run = tokens.text_at(at);
        plate(tokens, at, found);
        company(tokens, run, token.start, found);
        persons(tokens, at, run, found);
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

/// Words right before a name.
const BEFORE_PERSON: &[&str] = &[
    "姓名",
    "联系人",
    "收件人",
    "收货人",
    "寄件人",
    "发件人",
    "客户",
    "用户",
    "患者",
    "病人",
    "顾客",
    "员工",
    "同事",
    "经办人",
    "负责人",
    "法人",
    "法定代表人",
    "代表人",
    "我叫",
    "我是",
    "名叫",
    "叫做",
    "他叫",
    "她叫",
    "叫",
    "本人",
    "户主",
    "业主",
    "租客",
    "乘客",
    "旅客",
    "司机",
    "学生",
    "老师",
    "医生",
    "护士",
    "记者",
    "作者",
    "导演",
    "主演",
    "演员",
    "歌手",
    "教授",
    "主任",
    "经理",
    "总裁",
    "董事长",
    "局长",
    "市长",
    "朋友",
    "嫌疑人",
    "被告人",
    "原告",
    "被告",
    "签收人",
    "申请人",
    "投保人",
    "持卡人",
    "户名",
    "开户人",
    "由",
    "找",
];
/// Words right behind a name.
const BEHIND_PERSON: &[&str] = &[
    "办理",
    "处理",
    "领取",
    "负责",
    "确认",
    "审批",
    "先生",
    "女士",
    "小姐",
    "同学",
    "老师",
    "医生",
    "教授",
    "经理",
    "总经理",
    "主任",
    "同志",
    "师傅",
    "说",
    "表示",
    "认为",
    "称",
    "指出",
    "告诉",
    "透露",
    "介绍",
    "强调",
    "住在",
    "家住",
    "住址",
    "电话",
    "手机",
    "联系",
    "身份证",
    "出生",
    "生于",
    "毕业",
    "就职",
    "任职",
    "来电",
    "反映",
    "投诉",
    "申请",
    "的电话",
    "的手机",
    "的身份证",
    "的邮箱",
    "的地址",
    "的银行卡",
    "的住址",
    "的护照",
    "的车",
    "下单",
    "购买",
    "签收",
    "预订",
    "入住",
    "你好",
    "您好",
    "本人",
    "今年",
    "男",
    "女",
    "邮箱",
    "护照",
    "（",
];
/// What may follow a name whose end is seen by it.
const ENDS: &[char] = &[
    '的', '在', '是', '和', '与', '及', '说', '住', '称', '已', '将', '从', '为', '向', '把', '被', '给', '到', '去',
    '于', '有', '也', '又', '就', '都', '要', '会', '于', '同', '跟', '等', '对', '用', '以', '因', '因', '曾', '并',
    '则', '让',
];

/// The longest of the words with which a text ends.
fn ends_with<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    words.iter().filter(|word| text.ends_with(**word)).max_by_key(|word| word.len()).copied()
}

/// Persons in a run: where a family name stands at a place where names begin.
fn persons(tokens: &Tokens<'_>, at: usize, run: &str, found: &mut Found) {
    let Some(token) = tokens.get(at) else { return };
    let opens_text = at == 0;
    // A label on the other side of a colon: "联系人：".
    let labelled = at.checked_sub(1).is_some_and(|sign| {
        let colon = matches!(tokens.text_at(sign), ":" | "：" | "=" | "，" | " " | "、" | "\n");
        colon
            && sign.checked_sub(1).is_some_and(|label| {
                let label = if tokens.is(label, TokenKind::Sign) { label.saturating_sub(1) } else { label };
                tokens.is(label, TokenKind::Han)
                    && ends_with(tokens.text_at(label), BEFORE_PERSON).is_some_and(|word| word.len() > 3)
            })
    });
    let listed = at > 0
        && tokens.text_at(at - 1) == "、"
        && found.spans.last().is_some_and(|span| span.kind == PiiType::Person && span.end + 3 >= token.start);
    let mut skip = 0;
    for (place, _) in run.char_indices() {
        if place < skip {
            continue;
        }
        let rest = run.get(place..).unwrap_or_default();
        let Some(family) = surname_bytes(rest) else { continue };
        let before = run.get(..place).unwrap_or_default();
        let cue = ends_with(before, BEFORE_PERSON);
        let begins = place == 0;
        let strong = cue.is_some_and(|cue| cue.len() > 3) || begins && labelled;
        let Some((length, behind)) = given(rest, family, strong || cue.is_some()) else { continue };
        let end = place + length;
        let next_sign = run.len() == end;
        let mut score: f32 = 0.0;
        if strong {
            score += 0.55;
        } else if cue.is_some() {
            score += 0.3;
        } else if begins && listed {
            score += 0.45;
        } else if begins {
            score += 0.2;
        } else {
            score -= 0.1;
        }
        score += match behind {
            Behind::Word => 0.45,
            Behind::Mark => 0.2,
            Behind::End => 0.18,
            Behind::Nothing => 0.0,
        };
        score += if family > 3 {
            0.2
        } else if length == family + 6 {
            0.1
        } else {
            0.0
        };
        // A value that is nothing else.
        if opens_text && begins && next_sign && tokens.list.len() == 1 {
            score += if length >= 9 { 0.15 } else { 0.0 };
        }
        let name = run.get(place..end).unwrap_or_default();
        if is_word(name) || length > family && name.ends_with(NOT_LAST_IN_A_NAME) {
            score -= 0.5;
        }
        if score >= 0.5 {
            found.push(PiiType::Person, token.start + place, token.start + end, score.min(0.9));
            skip = end;
        }
    }
}

enum Behind {
    /// A word that stands behind names.
    Word,
    /// A character that ends a name.
    Mark,
    /// The end of the run.
    End,
    /// Something else.
    Nothing,
}

/// The bytes of a name that opens with this family name, and what stands behind it.
fn given(rest: &str, family: usize, said: bool) -> Option<(usize, Behind)> {
    let after = rest.get(family..)?;
    let mut ends = after.char_indices().map(|(at, c)| at + c.len_utf8());
    let one = ends.next().map(|end| family + end);
    let two = ends.next().map(|end| family + end);
    // 王先生, 李女士
    for word in ["先生", "女士", "小姐", "师傅", "老师", "经理", "医生", "教授", "主任", "同学"] {
        if after.starts_with(word) {
            return Some((family, Behind::Word));
        }
    }
    let judged = |end: Option<usize>| {
        let end = end?;
        let tail = rest.get(end..)?;
        if tail.is_empty() {
            return Some((end, Behind::End));
        }
        if BEHIND_PERSON.iter().any(|word| tail.starts_with(word)) {
            return Some((end, Behind::Word));
        }
        tail.starts_with(ENDS).then_some((end, Behind::Mark))
    };
    let ends_in_mark = |end: Option<usize>| {
        end.and_then(|end| rest.get(family..end))
            .is_some_and(|given| given.ends_with(['的', '在', '是', '了', '说', '住', '称']))
    };
    if !ends_in_mark(two)
        && let Some(found) = judged(two)
    {
        return Some(found);
    }
    if let Some(found) = judged(one) {
        return Some(found);
    }
    (said && !ends_in_mark(two)).then(|| two.or(one).map(|end| (end, Behind::Nothing))).flatten()
}

/// Words that open with a family name and are none.
fn is_word(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "高兴", "高级", "高度", "高价", "高中", "高考", "高铁", "高速", "方便", "方法", "方式", "方面", "方案", "方向",
        "安全", "安排", "安装", "安静", "安心", "时间", "时候", "时尚", "时代", "常用", "常见", "常常", "常规", "经常",
        "包括", "包装", "包裹", "包邮", "包含", "包子", "白色", "白天", "白菜", "黄色", "黄金", "蓝色", "金额", "金融",
        "金属", "金色", "石油", "石头", "水果", "马上", "马路", "牛奶", "牛肉", "牛仔", "鱼肉", "万一", "万元", "万分",
        "于是", "于此", "和平", "和谐", "何时", "何况", "何必", "任何", "任务", "任意", "任职", "成功", "成为", "成本",
        "成立", "成都", "成员", "平时", "平台", "平均", "平安", "平板", "平方", "温度", "温馨", "温暖", "温柔", "项目",
        "江苏", "江西", "江南", "江山", "河南", "河北", "湖南", "湖北", "云南", "山东", "广东", "广州", "程序", "程度",
        "路线", "路上", "路由", "路口", "毛病", "毛衣", "毛巾", "叶子", "文化", "文件", "文字", "文章", "武汉", "武术",
        "严重", "严格", "单位", "单独", "单价", "单个", "全部", "全国", "全面", "全新", "全家", "左右", "左边", "关于",
        "关系", "关注", "关键", "关机", "相关", "应该", "应用", "连接", "连续", "宁波", "宁夏", "费用", "车辆", "车站",
        "房子", "房间", "花园", "花费", "英国", "英语", "明天", "明显",
    ];
    WORDS.iter().any(|word| text.starts_with(word))
}
