//! Values with characters beyond ASCII: Chinese names, companies, addresses, plates; amounts with ¥, € or 元.

use super::SemanticType as T;
use super::latin::{email, json};
use super::moment::moment;
use super::shape::{Shape, number};
use super::signs::{money_or_share, push_moment};
use super::value::Candidates;
use super::words::{WORD_BYTES_MAX, opens_with_place, surname_bytes, types_of};

/// Recognises a value with characters beyond ASCII.
pub fn scan(text: &str, shape: &Shape, found: &mut Candidates) {
    let first = text.as_bytes()[0];
    if matches!(first, b'{' | b'[') && json(text, found) {
        return;
    }
    if first == b'<' && shape.has(b'>') && (text.contains("</") || text.contains("/>") || text.contains("<br")) {
        return found.push(T::Html, 0.85, "tags around text");
    }
    if shape.has(b':') && (text.starts_with("http://") || text.starts_with("https://")) {
        return found.push(T::Url, 0.95, "a scheme and an address");
    }
    if shape.has(b'@') && email(text) {
        return found.push(T::Email, 0.9, "local part, @ and a domain with a suffix");
    }
    if shape.digits > 0 {
        if let Some(kind) = moment(text) {
            return push_moment(kind, found);
        }
        if number(text).is_some() {
            return money_or_share(text, found);
        }
        if plate(text) {
            return found.push(T::CnPlate, 0.96, "province, office and five or six characters");
        }
        measured(text, found);
    }
    if text.contains(" > ") || (text.contains('>') && shape.spaces == 0 && shape.has(b'>')) {
        return found.push(T::CategoryPath, 0.8, "steps parted by >");
    }
    if text.len() <= WORD_BYTES_MAX {
        word(text, found);
    }
    let han = text.chars().filter(|c| is_han(*c)).count();
    if han == 0 {
        return;
    }
    if company(text) {
        return found.push(T::CompanyName, 0.93, "ends as a company's name does");
    }
    address(text, shape, found);
    if found.is_empty() || han <= 4 {
        name(text, han, found);
    }
    let sentence = text.contains(['，', '。', '！', '？', '；', '~', '…']);
    if han >= 8 && sentence && found.is_empty() {
        found.push(T::Text, 0.45, "a sentence");
    }
}

/// A character of the CJK unified ideographs (with extension A).
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// A mainland plate, GA 36-2018: province, office, five characters, or six for new energy; `·`, `-` or space between.
pub fn plate(text: &str) -> bool {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    const LAST: &str = "挂学警港澳领";
    let mut chars = text.chars().filter(|c| !matches!(c, '·' | '•' | '-' | ' '));
    let (Some(province), Some(office)) = (chars.next(), chars.next()) else { return false };
    if !PROVINCES.contains(province) || !office.is_ascii_uppercase() || matches!(office, 'I' | 'O') {
        return false;
    }
    let (mut count, mut digits) = (0, 0);
    for c in chars {
        count += 1;
        let plain = c.is_ascii_digit() || (c.is_ascii_uppercase() && !matches!(c, 'I' | 'O'));
        digits += usize::from(c.is_ascii_digit());
        let last = count == 5 && LAST.contains(c);
        if !plain && !last {
            return false;
        }
    }
    matches!(count, 5 | 6) && digits >= 2
}

/// `12.5公斤`, `30天`, `38码`, `99元起`.
fn measured(text: &str, found: &mut Candidates) {
    let end = text.rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1);
    let (figure, unit) = (text[..end].trim(), text[end..].trim());
    if number(figure).is_none() {
        return;
    }
    match unit {
        "元" | "元起" | "块" | "万元" | "人民币" | "円" | "€" | "£" | "₽" | "руб." => {
            found.push(T::Price, 0.9, "a number with a unit of money");
        }
        "kg" | "千克" | "公斤" | "克" | "斤" | "吨" => {
            found.push(T::Weight, 0.85, "a number with a unit of weight")
        }
        "厘米" | "毫米" | "米" | "寸" | "英寸" => {
            found.push(T::Dimension, 0.8, "a number with a unit of length")
        }
        "天" | "小时" | "分钟" | "秒" | "个月" | "年" => {
            found.push(T::Duration, 0.6, "a number with a unit of time")
        }
        "件" | "个" | "只" | "台" | "条" | "盒" | "瓶" | "包" | "箱" | "双" | "套" | "人" | "次" | "份" =>
        {
            found.push(T::Quantity, 0.7, "a number with a counting word");
        }
        "码" => found.push(T::Size, 0.75, "a number and 码"),
        "岁" => found.push(T::Age, 0.85, "a number and 岁"),
        "折" => found.push(T::Discount, 0.8, "a number and 折"),
        "分" | "星" => found.push(T::Rating, 0.5, "a number of points"),
        _ => {}
    }
}

/// Words of the lists, and places with their suffix.
fn word(text: &str, found: &mut Candidates) {
    let lower;
    let key = if text.chars().any(char::is_uppercase) {
        lower = text.to_lowercase();
        lower.as_str()
    } else {
        text
    };
    let types = types_of(key);
    for semantic_type in types {
        let alone = if types.len() == 1 { 0.8 } else { 0.55 };
        let confidence = if key.chars().nth(1).is_none() { 0.42 } else { alone };
        found.push(*semantic_type, confidence, "a word of the type's list");
    }
    if !types.is_empty() {
        return;
    }
    let bare = text.strip_suffix('省').filter(|bare| types_of(bare).contains(&T::Province));
    if bare.is_some() {
        return found.push(T::Province, 0.9, "a province's name");
    }
    if let Some(bare) = text.strip_suffix('市') {
        if types_of(bare).contains(&T::City) {
            return found.push(T::City, 0.9, "a city's name");
        }
        if types_of(bare).contains(&T::Province) {
            found.push(T::Province, 0.6, "a municipality's name");
            return found.push(T::City, 0.6, "a municipality's name");
        }
    }
    let count = text.chars().count();
    if (2..=8).contains(&count) && text.chars().all(is_han) {
        if text.ends_with("自治州") || text.ends_with("地区") {
            found.push(T::City, 0.6, "ends as a prefecture does");
        } else if text.ends_with(['区', '县', '旗']) {
            found.push(T::District, 0.5, "ends as a district does");
        }
        let colour = text.ends_with('色') && count <= 5;
        if colour {
            found.push(T::Colour, 0.75, "ends with 色");
        }
    }
}

/// Names of companies and institutions, by their endings.
fn company(text: &str) -> bool {
    const ENDINGS: [&str; 15] = [
        "有限公司",
        "有限责任公司",
        "股份公司",
        "集团",
        "公司",
        "合作社",
        "事务所",
        "研究院",
        "银行",
        "商行",
        "经营部",
        "株式会社",
        "工厂",
        "(有限合伙)",
        "（有限合伙）",
    ];
    let count = text.chars().count();
    (4..=40).contains(&count) && !text.contains(['，', '。']) && ENDINGS.iter().any(|ending| text.ends_with(ending))
}

/// Chinese addresses: a place at the start and the words for districts, streets, houses in their order.
fn address(text: &str, shape: &Shape, found: &mut Candidates) {
    let count = text.chars().count();
    if !(5..=80).contains(&count) || text.contains(['，', '。', '！', '？']) {
        return;
    }
    let (mut levels, mut reached, mut house) = (0, 0, false);
    for c in text.chars().skip(1) {
        let level = address_level(c);
        house |= level == 6;
        if level > reached {
            levels += 1;
            reached = level;
        }
    }
    let house = house && shape.digits > 0;
    let place = opens_with_place(text);
    let confidence = match (place, levels, house) {
        (true, 2.., true) => 0.97,
        (true, 3.., false) => 0.92,
        (true, 2, false) => 0.72,
        (false, 3.., true) => 0.88,
        (false, 2, true) => 0.7,
        (false, 3.., false) => 0.6,
        (true, 1, true) => 0.7,
        _ => return,
    };
    found.push(T::AddressZh, confidence, "places, streets and houses from wide to narrow");
}

/// How narrow a place the character stands for, from 1 for a province to 6 for a house; 0 for none.
fn address_level(c: char) -> u8 {
    match c {
        '省' => 1,
        '市' | '州' | '盟' => 2,
        '区' | '县' | '旗' => 3,
        '镇' | '乡' | '村' => 4,
        '路' | '街' | '巷' | '弄' | '道' => 5,
        '号' | '栋' | '幢' | '座' | '室' | '楼' | '层' | '厦' | '苑' | '园' | '院' => 6,
        _ => 0,
    }
}

/// Personal names: a family name and one or two characters.
fn name(text: &str, han: usize, found: &mut Candidates) {
    // A dot parts the names of some peoples: 买买提·吐尔逊.
    if text.contains('·') && text.chars().all(|c| is_han(c) || c == '·') && (4..=12).contains(&han) {
        return found.push(T::PersonNameZh, 0.6, "two names with a dot between");
    }
    let count = text.chars().count();
    if han != count || !(2..=4).contains(&count) {
        return;
    }
    let Some(bytes) = surname_bytes(text) else { return };
    let given = text[bytes..].chars().count();
    if !(1..=2).contains(&given) || text.ends_with(NOT_LAST_IN_A_NAME) {
        return;
    }
    let confidence = match (bytes > 3, given) {
        (true, _) => 0.75,
        (false, 2) => 0.55,
        _ => 0.42,
    };
    found.push(T::PersonNameZh, confidence, "a family name and one or two characters");
}

/// Characters that end words for things and doings, and hardly a given name.
pub const NOT_LAST_IN_A_NAME: [char; 67] = [
    '色', '的', '了', '店', '机', '品', '车', '包', '鞋', '衣', '服', '裤', '裙', '书', '表', '器', '具', '饰', '粉',
    '膏', '液', '油', '酒', '茶', '肉', '果', '菜', '米', '面', '糖', '奶', '水', '帽', '袜', '灯', '椅', '桌', '床',
    '柜', '锅', '杯', '盒', '袋', '镜', '卡', '票', '码', '号', '量', '价', '率', '度', '式', '型', '类', '区', '县',
    '市', '省', '路', '街', '族', '吗', '呢', '吧', '啊', '不',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn best(text: &str) -> Option<T> {
        let mut found = Candidates::default();
        scan(text, &Shape::of(text), &mut found);
        found.best().map(|(t, _, _)| t)
    }

    #[test]
    fn names_and_words_that_look_like_names() {
        for right in ["王小明", "欧阳锋云", "李雷", "诸葛孔明"] {
            assert_eq!(best(right), Some(T::PersonNameZh), "{right}");
        }
        for wrong in ["白色", "黄金色", "牛肉", "平板包", "手机", "汉族", "北京", "马来西亚"] {
            assert_ne!(best(wrong), Some(T::PersonNameZh), "{wrong}");
        }
    }

    #[test]
    fn addresses_with_and_without_a_place() {
        for right in ["上海市浦东新区世纪大道100号", "朝阳区建国路88号院5号楼1201室", "广东省深圳市南山区科技园"]
        {
            assert_eq!(best(right), Some(T::AddressZh), "{right}");
        }
        for wrong in ["很快，好吃，味道足，量大", "无线路由器", "三星手机5号电池"] {
            assert_ne!(best(wrong), Some(T::AddressZh), "{wrong}");
        }
    }

    #[test]
    fn plates_with_and_without_separators() {
        for right in ["沪A12345", "粤B·D12345", "京A 1234挂", "川AD12345"] {
            assert!(plate(right), "{right}");
        }
        for wrong in ["沪I12345", "沪A1234", "中A12345", "沪A1234567", "沪AAAAAA", "粤"] {
            assert!(!plate(wrong), "{wrong}");
        }
    }

    #[test]
    fn amounts_units_and_words() {
        assert_eq!(best("12.5公斤"), Some(T::Weight));
        assert_eq!(best("€12.50"), Some(T::Price));
        assert_eq!(best("酒红色"), Some(T::Colour));
        assert_eq!(best("25岁"), Some(T::Age));
        assert_eq!(best("广东省"), Some(T::Province));
        assert_eq!(best("杭州市"), Some(T::City));
        assert_eq!(best("星期三"), Some(T::Weekday));
        assert_eq!(best("西湖区"), Some(T::District));
        assert_eq!(best("女装>连衣裙"), Some(T::CategoryPath));
    }
}
