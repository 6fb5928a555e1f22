//! Names of persons in Chinese: a family name with one or two characters, told by the words before and behind it.
//!
//! Characters have no capitals, and most family names are words, too (高兴, 周末, 王府井). So a candidate is weighed by four witnesses:
//! the words right before it (联系人, 请联系, 我叫), those right behind it (女士, 签收, 说), how common its family name is, and
//! whether the other characters are ones that people are called by. Where a word before or behind says that a person must stand there, a
//! family name that no list has is believed, if the characters behind it are those of names.

use super::lexicon::Fnv;
use super::tokens::{TokenKind, Tokens};
use super::{Found, PiiType};
use crate::governance::semantic_type::{NOT_LAST_IN_A_NAME, opens_with_place, surname_bytes};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

/// From this sum of the witnesses on a candidate is a name.
const NAME_SCORE_MIN: f32 = 0.5;
/// The most that a name has where no word before it says so; below what covers other candidates.
const UNSAID_SCORE_MAX: f32 = 0.85;
/// The most that a name has in the middle of a run.
const MIDDLE_SCORE_MAX: f32 = 0.58;

/// Bytes within which 一起 stands behind two names.
const TOGETHER_BYTES_MAX: usize = 24;

/// What is known of a character.
mod class {
    /// One of the family names that most people have.
    pub const COMMON: u8 = 1;
    /// A family name of the Hundred Family Names, or of the lists of values.
    pub const SURNAME: u8 = 2;
    /// People are called by it.
    pub const GIVEN: u8 = 4;
    /// It opens words of grammar, and no name that lists do not have.
    pub const GRAMMAR: u8 = 8;
    /// The last character of a word before names.
    pub const CUE: u8 = 16;
    /// The first character of what stands behind names.
    pub const BEHIND: u8 = 32;
    /// A character of grammar that a name's end is seen by.
    pub const END: u8 = 64;
}

const FIRST: u32 = 0x4E00;
const LAST: u32 = 0x9FFF;

/// The classes of each character of the CJK unified ideographs.
static CLASSES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut classes = vec![0u8; (LAST - FIRST + 1) as usize];
    let mut add = |c: char, class: u8| {
        if let Some(place) = u32::from(c).checked_sub(FIRST).and_then(|at| classes.get_mut(at as usize)) {
            *place |= class;
        }
    };
    let lists = [
        (class::COMMON | class::SURNAME, COMMON_SURNAMES),
        (class::SURNAME, HUNDRED_FAMILY_NAMES),
        (class::GIVEN, GIVEN),
        (class::GRAMMAR, GRAMMAR),
        (class::BEHIND | class::END, ENDS),
    ];
    for (class, list) in lists {
        list.chars().for_each(|c| add(c, class));
    }
    words(BEFORE)
        .chain(words(BEFORE_WEAK))
        .filter_map(|word| word.chars().next_back())
        .for_each(|c| add(c, class::CUE));
    words(TITLES).chain(words(BEHIND)).filter_map(|word| word.chars().next()).for_each(|c| add(c, class::BEHIND));
    classes
});

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_ascii_whitespace()
}

/// The lists of words by what they are for, a bit each.
mod list {
    pub const LABEL: u8 = 1;
    pub const BEFORE: u8 = 2;
    pub const BEFORE_WEAK: u8 = 4;
    pub const TITLE: u8 = 8;
    pub const BEHIND: u8 = 16;
    pub const WORD: u8 = 32;
}

/// Characters of the longest word of the lists.
const WORD_CHARACTERS_MAX: usize = 6;

/// Every word with its lists.
static LISTED: LazyLock<HashMap<&'static [u8], u8, BuildHasherDefault<Fnv>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static [u8], u8, BuildHasherDefault<Fnv>> = HashMap::default();
    for (bit, text) in [
        (list::LABEL, LABELS),
        (list::BEFORE, BEFORE),
        (list::BEFORE_WEAK, BEFORE_WEAK),
        (list::TITLE, TITLES),
        (list::BEHIND, BEHIND),
        (list::WORD, WORDS),
    ] {
        for word in words(text) {
            *all.entry(word.as_bytes()).or_default() |= bit;
        }
    }
    all
});

/// The lists that have a word with which a text opens. Its characters are three bytes each, as all of these lists are.
fn lists_at_start(text: &str) -> u8 {
    let bytes = text.as_bytes();
    (1..=WORD_CHARACTERS_MAX)
        .map_while(|count| bytes.get(..count * 3))
        .fold(0, |lists, word| lists | LISTED.get(word).copied().unwrap_or(0))
}

/// The lists that have a word with which a text ends.
fn lists_at_end(text: &str) -> u8 {
    let bytes = text.as_bytes();
    (1..=WORD_CHARACTERS_MAX)
        .map_while(|count| bytes.len().checked_sub(count * 3).and_then(|from| bytes.get(from..)))
        .fold(0, |lists, word| lists | LISTED.get(word).copied().unwrap_or(0))
}

fn class_of(c: char) -> u8 {
    u32::from(c).checked_sub(FIRST).and_then(|at| CLASSES.get(at as usize)).copied().unwrap_or(0)
}

fn opening(text: &str) -> u8 {
    text.chars().next().map_or(0, class_of)
}

/// What stands before a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    /// A word that names a person's part: 联系人, 我叫.
    Said,
    /// What a person is: 记者, 董事长.
    Part,
    /// A word that persons often stand behind: 由, 找, 和.
    Hinted,
    /// Another name, and a word or sign that joins them.
    Joined,
    /// The start of the run.
    Start,
    /// Anything else.
    Middle,
}

/// What stands behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behind {
    Title,
    Word,
    /// A character of grammar.
    Mark,
    End,
    Other,
}

/// A name that may be.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    end: usize,
    score: f32,
}

/// Looks at a run of Chinese for names.
pub fn scan(tokens: &Tokens<'_>, at: usize, found: &mut Found) {
    let Some(token) = tokens.get(at) else { return };
    let run = tokens.text_at(at);
    let labelled = labelled(tokens, at);
    let alone = tokens.list.len() == 1;
    let mut joined = at > 0
        && matches!(tokens.text_at(at - 1), "、" | "，" | "," | "/" | "和" | "&")
        && found.spans.last().is_some_and(|span| span.kind == PiiType::Person && span.end + 3 >= token.start);
    let mut from = 0;
    let mut previous = 0u8;
    for (place, c) in run.char_indices() {
        let before_class = std::mem::replace(&mut previous, class_of(c));
        if place < from {
            continue;
        }
        let family = class_of(c) & class::SURNAME != 0;
        // 谢谢师傅 is thanks.
        if run.get(..place).is_some_and(|before| before.ends_with(c)) {
            continue;
        }
        // Most places are those of no name: neither opens one here, nor does a word before it say so.
        if place > 0 && !family && before_class & class::CUE == 0 {
            continue;
        }
        let Some(rest) = run.get(place..) else { break };
        // 3万余元
        if place == 0 && c == '万' && at > 0 && tokens.is(at - 1, TokenKind::Number) {
            continue;
        }
        let before = match place {
            0 if labelled => Before::Said,
            0 if joined => Before::Joined,
            0 => Before::Start,
            _ if before_class & class::CUE == 0 => Before::Middle,
            _ => cue(run.get(..place).unwrap_or_default(), joined && place == from + 3),
        };
        if let Some(name) = candidate(rest, before, alone) {
            found.push(PiiType::Person, token.start + place, token.start + place + name.end, name.score);
            from = place + name.end;
            joined = true;
        }
    }
}

/// Whether a label stands on the other side of a sign: `联系人：`, `姓名 `.
fn labelled(tokens: &Tokens<'_>, at: usize) -> bool {
    let Some(mut label) = at.checked_sub(1) else { return false };
    let mut signs = 0;
    while matches!(tokens.text_at(label).trim(), "" | ":" | "：" | "=" | "|" | "】" | "\"" | "“") && signs < 3 {
        let Some(before) = label.checked_sub(1) else { return false };
        (label, signs) = (before, signs + 1);
    }
    signs > 0 && tokens.is(label, TokenKind::Han) && {
        let label = tokens.text_at(label);
        // A label is short; the end of a sentence is none.
        lists_at_end(label) & list::LABEL != 0 || lists_at_end(label) & list::BEFORE != 0 && label.chars().count() <= 8
    }
}

/// What the text before a candidate says of it.
fn cue(before: &str, joined: bool) -> Before {
    if joined && before.ends_with(['和', '与', '跟', '及', '同']) {
        return Before::Joined;
    }
    // 负责人是, 姓名为
    let bare = before.strip_suffix(['是', '为', '叫']).unwrap_or(before);
    if lists_at_end(before) & list::BEFORE != 0 || bare.len() < before.len() && lists_at_end(bare) & list::LABEL != 0 {
        Before::Said
    } else if lists_at_end(before) & list::LABEL != 0 {
        Before::Part
    } else if lists_at_end(before) & list::BEFORE_WEAK != 0 {
        Before::Hinted
    } else {
        Before::Middle
    }
}

/// The likeliest name that opens a text.
fn candidate(rest: &str, before: Before, alone: bool) -> Option<Candidate> {
    let first = opening(rest);
    let compound = surname_bytes(rest).filter(|bytes| *bytes > 3);
    let known = first & class::SURNAME != 0 || compound.is_some();
    if !known && first & class::GRAMMAR != 0 || before != Before::Said && lists_at_start(rest) & list::WORD != 0 {
        return None;
    }
    let family = compound.unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8));
    let after = rest.get(family..)?;
    if known && opening(after) & class::BEHIND != 0 && lists_at_start(after) & list::TITLE != 0 {
        return titled(first, family, before, compound.is_some());
    }
    let mut best: Option<Candidate> = None;
    let mut ends = after.char_indices().map(|(at, c)| family + at + c.len_utf8());
    for _ in 0..2 {
        let Some(end) = ends.next() else { break };
        let (name, given) = (rest.get(..end)?, rest.get(family..end)?);
        let tail = rest.get(end..)?;
        let behind = behind(tail);
        let score = weigh(first, compound.is_some(), name, given, before, behind, alone);
        // Of two that are as likely the longer one is it.
        if score >= NAME_SCORE_MIN && best.is_none_or(|best| score >= best.score - 0.01) {
            best = Some(Candidate { end, score });
        }
    }
    let limit = match before {
        Before::Said => 0.9,
        Before::Middle => MIDDLE_SCORE_MAX,
        _ => UNSAID_SCORE_MAX,
    };
    best.map(|best| Candidate { score: best.score.min(limit), ..best })
}

/// `王先生`: who is spoken to so is a person. Family names that are words of grammar need to open the run.
fn titled(first: u8, family: usize, before: Before, compound: bool) -> Option<Candidate> {
    let sure = compound || first & class::COMMON != 0;
    let plain = first & class::GRAMMAR == 0;
    let score = match before {
        _ if !plain && !sure => 0.0,
        Before::Said | Before::Joined => 0.9,
        _ if sure => 0.8,
        Before::Start | Before::Part | Before::Hinted => 0.65,
        Before::Middle => 0.0,
    };
    (score > 0.0).then_some(Candidate { end: family, score })
}

fn behind(tail: &str) -> Behind {
    if tail.is_empty() {
        return Behind::End;
    }
    let first = opening(tail);
    if first & class::BEHIND == 0 {
        return Behind::Other;
    }
    let lists = lists_at_start(tail);
    if lists & list::TITLE != 0 {
        return Behind::Title;
    }
    // 张伟和李娜一起
    let together = tail.starts_with(['和', '与', '跟', '同'])
        && tail.get(..tail.floor_char_boundary(TOGETHER_BYTES_MAX)).is_some_and(|tail| tail.contains("一起"));
    if lists & list::BEHIND != 0 || together {
        Behind::Word
    } else if first & class::END != 0 {
        Behind::Mark
    } else {
        Behind::Other
    }
}

/// The sum of what the witnesses say.
fn weigh(first: u8, compound: bool, name: &str, given: &str, before: Before, behind: Behind, alone: bool) -> f32 {
    let common = compound || first & class::COMMON != 0;
    let known = common || first & class::SURNAME != 0;
    let mut score: f32 = match before {
        Before::Said => 0.5,
        Before::Joined => 0.4,
        Before::Part => 0.4,
        Before::Hinted => 0.28,
        Before::Start => 0.2,
        Before::Middle => -0.05,
    };
    let said = before == Before::Said;
    score += match behind {
        Behind::Title => 0.45,
        Behind::Word => 0.35,
        Behind::End => 0.15,
        Behind::Mark if said || before == Before::Joined => 0.15,
        Behind::Mark => 0.05,
        Behind::Other if said => 0.0,
        Behind::Other if common && before != Before::Hinted => -0.1,
        Behind::Other => -0.2,
    };
    score += match (compound, common, known) {
        (true, ..) => 0.3,
        (_, true, _) => 0.25,
        (_, _, true) => 0.04,
        _ => 0.0,
    };
    let (mut count, mut strange) = (0u8, 0u8);
    for c in given.chars() {
        count += 1;
        strange += u8::from(class_of(c) & class::GIVEN == 0);
    }
    score += match (strange, common) {
        (0, _) if count > 1 => 0.15,
        (0, _) => 0.1,
        (_, true) => -0.15 * f32::from(strange),
        (_, false) => -0.3 * f32::from(strange),
    };
    // Rare family names are mostly other words, or the end of one: 专家程阳.
    if before == Before::Middle && !common {
        return 0.0;
    }
    // A family name that no list has must be said from one side, and closed on the other.
    if !known && (strange > 0 || behind == Behind::Other || !said && !matches!(behind, Behind::Title | Behind::Word)) {
        return 0.0;
    }
    // 高兴地收到: without a word before it, nothing is a name that goes on with anything, nor one that is a place.
    if !said && behind != Behind::Title && opens_with_place(name) {
        score -= 0.4;
    }
    if lists_at_start(name) & list::WORD != 0 || name.ends_with(NOT_LAST_IN_A_NAME) {
        score -= 0.6;
    }
    // A value of two characters may be any word.
    if alone && count == 1 && before == Before::Start && behind == Behind::End && !compound {
        score -= 0.15;
    }
    score
}

/// Labels of persons, as forms have them.
const LABELS: &str = "\
    姓名 名字 联系人 收件人 收货人 寄件人 发件人 发货人 取件人 签收人 经办人 负责人 承办人 经手人 代理人 委托人 受托人 申请人 投保人 \
    被保险人 受益人 持卡人 开户人 户名 法人 法定代表人 代表人 户主 业主 租客 房东 乘客 旅客 司机 车主 患者 病人 顾客 客户 用户 会员 \
    员工 同事 学生 老师 医生 护士 律师 法官 记者 作者 编辑 导演 主演 演员 歌手 教授 主任 经理 总裁 董事长 局长 市长 校长 院长 秘书 \
    朋友 嫌疑人 被告人 原告 被告 证人 父亲 母亲 丈夫 妻子 儿子 女儿 哥哥 弟弟 姐姐 妹妹 家长 监护人 紧急联系人 担保人 借款人 付款人 \
    收款人 采购员 业务员 快递员 审批人 审核人 制表人 操作人 当事人 介绍人 推荐人 本人 候选人 校对 主编 实习生 副总裁 书记 会长 行长 委员 院士 主席 总理 总统 首相 大使 制片人 教练 主帅 队长 前锋 后卫 门将 球员 球星 选手 冠军 主持人 作家 画家 诗人 \
    设计师 分析师 摄影师 工程师 研究员 董事 助理 常委 省长 县长 镇长 村长 部长 处长 科长 站长 所长 法师 影星 明星 影帝 影后 创始人 发言人 经纪人 店长 班长 主管 组长 顾问";
/// Words right before a name that say so.
const BEFORE: &str = "\
    姓名 联系人 收件人 收货人 寄件人 发件人 经办人 负责人 签收人 申请人 持卡人 户名 法定代表人 客户 患者 乘客 我叫 我是 名叫 叫做 他叫 \
    她叫 请联系 请找 联系 找到 请问 转告 通知 交给 转给 寄给 发给 转交 拜托 委托 感谢 采访 员工 同事 律师 记者 导演 演员 歌手 司机 \
    嫌疑人 被告人 原告 被告 名字叫 本人";
/// Words that persons often stand behind.
const BEFORE_WEAK: &str =
    "由 找 叫 和 与 跟 给 让 被 向 对 请 是 替 同 及 问 昨天 今天 明天 上午 下午 刚才 新人 亲爱的 尊敬的 认识";
/// What a person is called by behind the name.
const TITLES: &str = "先生 女士 小姐 同学 老师 师傅 医生 大夫 教授 经理 总经理 主任 同志 律师 护士 局长 处长 科长 部长 校长 院长 总监 阿姨 叔叔 奶奶 爷爷 太太 夫人";
/// Words right behind a name.
const BEHIND: &str = "\
    办理 处理 领取 负责 确认 审批 审核 说 表示 认为 称 指出 告诉 透露 介绍 强调 回忆 住在 家住 住址 电话 手机 联系 身份证 出生 生于 \
    毕业 就职 任职 担任 来电 致电 反映 投诉 申请 的电话 的手机 的身份证 的邮箱 的地址 的银行卡 的住址 的护照 的车 的快递 的包裹 的订单 \
    的账户 的账号 的病历 的简历 的生日 的儿子 的女儿 的妻子 的丈夫 的父亲 的母亲 的同事 的朋友 下单 购买 签收 收货 代收 预订 入住 你好 \
    您好 本人 今年 邮箱 护照 一起 参加 出席 主持 签字 签名 打来 打电话 退货 退款 购买 接听 已付 已签 身份 性别 年龄 地址 账号 卡号 主演 \
    执导 报道 带着 陪同 等人 实习 先后 坦言 坚信 补充 解释 直言 笑着 哭着 饰演 出演 导演 领衔 接受 博客 微博 回应 决定 随后";
/// What may follow a name whose end is seen by it.
const ENDS: &str = "的在是和与及说住称已将从为向把被给到去于有也又就都要会同跟等对用以因曾并则让来没不想正";
/// Characters that words of grammar, of time and of kin open with: without a family name that lists have, none of them opens a name.
const GRAMMAR: &str = "\
    我你您他她它们的了着过是在有不没无这那哪谁什么怎请和与及或跟同被把将给让从向到往为以因于对由就都也还又再才很太最更非常已曾正会能可应该要想\
    本该某每各全所其此几多少一二三四五六七八九十两半第上下左右前后里外中内今昨明当之而且但若如则等大小老男女父母爸妈哥姐弟妹爷奶叔姨先后找叫号人点说特只按即比据真送打电吃喝买卖做题店饭菜时天年月日明";
/// The family names of most people, after the census.
const COMMON_SURNAMES: &str = "\
    王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭\
    廖邹熊陆郝孔白崔康毛邱秦江史顾侯邵孟龙段雷钱汤尹黎易武乔贺赖龚文庞樊兰殷施陶洪翟颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂焦柳邢\
    岳齐梅莫庄辛管祝左涂肖金闫";
/// The Hundred Family Names (百家姓) and others that are borne.
const HUNDRED_FAMILY_NAMES: &str = "\
    赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐\
    费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁\
    杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚\
    程嵇邢滑裴陆荣翁荀羊於惠甄曲家封芮羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘钭厉戎祖武符刘景詹束龙\
    叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍却璩桑桂濮牛寿通边扈燕冀郏浦尚农温\
    别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾\
    毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公肖闫付代邝覃植佟鄢揭楚官仉帅佘冼丛撒岳哈谯年爱阳邸隋牟辜缑亢况郈有琴归海墨商赏\
    伯佴言福刀木思来由尧苟计逢朴尉迟原练仝沐侍展宛苑英冒盘晋栗鹿修巨撖";
/// Characters that people are called by.
const GIVEN: &str = "\
    伟刚勇毅俊峰强军平保东文辉力明永健世广志义兴良海山仁波宁贵福生龙元全国胜学祥才发武新利清飞彬富顺信子杰涛昌成康星光天达安岩中茂进林有坚和\
    彪博诚先敬震振壮会思群豪心邦承乐绍功松善厚庆磊民友裕河哲江超浩亮政谦亨奇固之轮翰朗伯宏言若鸣朋斌梁栋维启克伦翔旭鹏泽晨辰士以建家致树炎德\
    行时泰盛雄琛钧冠策腾楠榕风航弘秀娟英华慧巧美娜静淑惠珠翠雅芝玉萍红娥玲芬芳燕彩春菊兰凤洁梅琳素云莲真环雪荣爱妹霞香月莺媛艳瑞凡佳嘉琼勤珍\
    贞莉桂娣叶璧璐娅琦晶妍茜秋珊莎锦黛青倩婷姣婉娴瑾颖露瑶怡婵雁蓓纨仪荷丹蓉眉君琴蕊薇菁梦岚苑婕馨瑗琰韵融园艺咏卿聪澜纯毓悦昭冰爽琬茗羽希欣\
    飘育滢馥筠柔竹霭凝晓欢霄枫芸菲寒伊亚宜可姬舒影荔枝丽阳佩宇轩梓涵墨佑景宗洋敏帆然奕睿恒煜皓熙诗语彤琪萱依瑜璇萌妮莹冬雨雷小鑫森淼焱毛宝喜\
    根金银铁钢铭锋锐剑凯喆煊煌耀炜炳灿烁灵珂琨瑛璟珺玥玮珏嵩岳峻崇崎川泉沛润洲津浦源溪潇涟淳渊湘桐柏柳楷槐桦椿檀杨桃杏菀芷茵苗荃莘莞葵蓝薛芮\
    蔓歌笛弦音声书画礼智贤孝忠廉仲叔季坤乾尧舜禹汤尹颜渝京沪闽征远途通胤嗣祖绪延年寿彦彭衡蒙凌卓越昊晟晖晗晋昂昆昱晏暄曦曼朝朔望汉淮渭济沁沐\
    汐泓漪濛玄奎璞甫畅皎盈睦瞳祺禄禧稷秉程穆颂竣笑筱简纪纲绮绣缘羿翊翎耘聿胧臻艾芊荞莫菡萧蔚薏蝶衍裴誉谨谷豫贝赫跃轶辕辛迅逸遥邈郁酉采野铃镇\
    长闻阔陶隆雯霏霖霓靖非韬韶顾飒骏骁骞魁鸿鹤鹭麒麟黎齐丰乔仕任伍众优余佐侠俐俪修傲兆其典冉冲净刘初劲励勋勉化升卉南印原双吉同名向含吟周品唐\
    四坦城培基堂夏大奋好如妙姗姝娇婧实宽宾密寅尚尤展屏岑岭巍帅帝常庄序庚廷彰律循微徽忆怀恩恬悠情惟惜意慈愉慎懿戈扬捷授放敦斐方旋旖旺映显晴暖\
    曙曲朴材果柯格桢梨棋植楚榆模横正步殷水求沅沙法泊洛浪淇深湛滨漫潮澄瀚焕熹牧玺珈珞球理琢瑄璋瓒甜田申疆登相知石硕社祐秦稀立章童端笙粤精纬经\
    继罗耿聆肖胡芃芙芦芯花苏茹荟菱葆蒋蓬薰虎虹裳西观让许诺谊谣豆贇赛赞赟路迎连迪逊道遵邵郎郡量钊钰铎锴镜闪防陆集霜领颐马驰骥高鱼鲁鸥麦默龄";
/// Words that open with a family name and are none.
const WORDS: &str = "\
    高兴 高级 高度 高价 高中 高考 高铁 高速 高端 高清 高达 高温 高层 高手 高质 高档 高峰 高原 高雅 高效 高等 高低 方便 方法 方式 方面 方案 方向 方才 \
    安全 安排 安装 安静 安心 安卓 安检 安慰 安康 时间 时候 时尚 时代 时常 时刻 时期 时装 常用 常见 常常 常规 常年 常识 经常 经过 经济 经验 经理 经典 经营 \
    包括 包装 包裹 包邮 包含 包子 包容 包间 白色 白天 白菜 白酒 白银 白领 黄色 黄金 黄瓜 黄河 黄海 黄酒 黄豆 黄油 黄山 蓝色 蓝天 蓝牙 金额 金融 金属 金色 \
    金牌 金钱 金秋 金华 石油 石头 石材 石家庄 水果 水平 水泥 水电 马上 马路 马桶 马达 马力 马来西亚 马克 牛奶 牛肉 牛仔 牛皮 牛排 鱼肉 万一 万元 万分 \
    万事 万能 万里 于是 于此 和平 和谐 和睦 和田 何时 何况 何必 何处 何种 何等 任何 任务 任意 任职 任命 任性 成功 成为 成本 成立 成都 成员 成绩 成交 成熟 \
    成长 成分 成年 成人 成套 成果 成品 平时 平台 平均 平安 平板 平方 平常 平静 平凡 平等 平日 平衡 平稳 平米 平装 温度 温馨 温暖 温柔 温泉 温水 温州 温和 \
    项目 江苏 江西 江南 江山 江门 江北 江海 河南 河北 湖南 湖北 云南 云端 云服务 山东 山西 山水 广东 广州 广告 广场 广西 广大 程序 程度 路线 路上 路由 路口 \
    路过 路程 路段 毛病 毛衣 毛巾 毛利 毛坯 毛绒 叶子 叶片 文化 文件 文字 文章 文明 文静 文艺 文具 文案 文本 文档 文学 文科 文山 武汉 武术 武器 武警 武装 \
    严重 严格 严肃 严禁 严厉 单位 单独 单价 单个 单号 单身 单纯 单元 单子 单品 全部 全国 全面 全新 全家 全体 全年 全天 全球 全程 全额 全场 全力 左右 左边 \
    左手 左侧 关于 关系 关注 关键 关机 关闭 关心 关联 关门 关节 相关 相信 相比 相当 相同 相机 相应 相互 应该 应用 应急 应当 应付 连接 连续 连锁 连忙 连云港 \
    宁波 宁夏 宁静 宁愿 费用 费劲 车辆 车站 车间 车票 车主 车库 车位 房子 房间 房屋 房东 房产 花园 花费 花卉 花生 花样 花店 英国 英语 英文 英雄 明天 明显 \
    明年 明白 明确 明亮 明星 明细 明日 周末 周一 周二 周三 周四 周五 周六 周日 周边 周围 周期 周年 周转 周到 周口 周刊 王府井 王者 王国 王牌 王子 张家 张贴 张掖 \
    张开 张口 李子 林业 林州 林芝 林木 林地 杨树 杨柳 梅花 梅州 兰州 兰花 钱包 钱款 钱财 孙子 孙女 许多 许可 许久 许昌 许愿 夏天 夏季 夏日 秋天 冬天 春天 \
    秋季 冬季 春季 春节 春天 章程 章节 史上 史料 史诗 余额 余下 余款 余地 余生 田园 田径 田地 罗马 罗列 段落 段时间 沈阳 郑州 郑重 苏州 苏打 吴江 徐州 唐山 \
    唐代 唐朝 宋代 宋朝 汉中 康复 康乐 洪水 洪灾 雷电 雷达 雷同 雷雨 汤圆 汤料 熊猫 龙头 龙虾 龙岩 龙井 龙舟 施工 施行 施展 陶瓷 陶冶 陶艺 温岭 顾客 顾问 顾虑 \
    顾及 管理 管道 管家 管子 管控 祝福 祝愿 祝贺 祝您 祝你 祝大家 齐全 齐齐 齐鲁 焦虑 焦点 焦急 焦作 常州 常德 乔迁 简单 简历 简介 简直 简易 简约 支持 支付 支出 \
    支票 支撑 计划 计算 计时 计费 谈判 谈话 谈论 强调 强烈 强大 强制 强行 解决 解释 解除 解放 解答 解锁 向来 向上 向前 向下 通过 通知 通常 通用 通话 通信 通州 \
    利用 利益 利率 利润 能够 能力 能源 能量 充电 充值 充分 充满 来自 来源 来电 来回 来到 来信 别的 别人 别墅 别处 终于 终端 终身 终止 容易 容量 国家 国内 国际 国庆 \
    公司 公里 公园 公寓 公安 公共 公开 公众 公告 公民 公斤 公交 空间 空调 空气 空军 空白 红色 红包 红酒 红绿灯 东西 东方 东北 东部 东南 东侧 东莞 商品 商家 商务 \
    商店 商场 商业 商量 师傅 师范 师生 师资 富有 富裕 班级 班主任 后来 后面 后台 后天 后续 后期 简体 权利 权限 权益 查询 查看 查收 查找 查验 有效 有限 有关 有人 有点 \
    有时 有些 有的 原因 原来 原价 原本 原始 原则 原告 代表 代码 代理 代收 代替 代价 付款 付费 付出 修改 修理 修复 展示 展开 展览 思想 思考 思路 年轻 年龄 年底 年初 \
    年级 年度 年前 言论 言语 景色 景区 景点 初步 初中 初期 初级 由于 由来 海外 海洋 海关 海南 海口 海鲜 海报 福利 福建 福州 爱情 爱好 爱心 爱护 爱人 阳光 阳台 阳江 \
    双方 双手 双人 双十 双休 印象 印刷 印度 印章 家人 家庭 家里 家长 家电 家具 家居 家属 家用 家乡 农村 农业 农民 农历 农药 满意 满足 满分 满减 居住 居民 居然 居家 \
    都是 都会 都有 步骤 步行 步伐 养老 养生 养殖 养护 须知 须要 丰富 丰盛 丰收 游戏 游客 游泳 游玩 冷静 冷冻 冷水 冷藏 沙发 沙滩 沙漠 幸福 幸运 幸好 那么 那个 那些 \
    那里 那边 那天 那时 益处 益阳 惠州 荣誉 荣幸 荣获 羊肉 羊毛 羊绒 曲线 曲折 曲子 曲靖 井水 山区 山顶 山上 谷物 谷歌 司机 司法 司令 怀疑 怀孕 怀化 索赔 索要 索取 \
    咸阳 咸宁 咸菜 池塘 池州 阴天 阴影 阴凉 桑拿 桂林 桂花 桂圆 边上 边境 边界 边缘 边框 燕窝 燕麦 尚未 尚且 尚可 鱼类 古代 古典 古老 古城 广泛 广播 广元 利息 越来越 越发 \
    越南 越野 隆重 融资 融合 融化 伊犁 伊朗 伊春 宫殿 宫廷 甘肃 甘蔗 甘心 祖国 祖父 祖母 符合 符号 束缚 束手 乐观 乐趣 乐意 乐园 乐器 乐山 元旦 元素 元月 元件 皮肤 皮带 \
    皮鞋 皮革 卫生 卫星 卫士 卫衣 柏油 水产 水分 水质 水费 水管 云计算 云浮 昌平 昌都 苗族 苗条 花钱 费心 乌鲁木齐 乌黑 巴黎 巴西 巴士 牧场 松树 松动 松下 松紧 段位 \
    席位 席卷 麻烦 麻将 麻辣 麻木 危险 危机 危害 盛大 盛宴 盛行 童年 童话 童装 项链 舒服 舒适 舒心 纪念 纪录 纪律 屈服 米饭 米色 贝壳 伏天 茅台 季度 季节 季末 伍佰 辛苦 \
    辛勤 辛辣 庄严 庄园 莫名 莫非 莫过 邵阳 孟加拉 孔雀 白云 白城 石墨 任丘 范围 范例 范本 姜汤 姚江 方圆 方程 方形 钟表 钟头 钟情 戴上 戴着 杜绝 蔡甸 丁香 魏晋 薛定谔 \
    贾汪 何止 郭沫 马拉松 马车 马术 马鞍山 黎明 黎族 易于 易燃 易碎 贺卡 贺州 贺词 殷勤 樊笼 倪端 葛根 毕业 毕竟 毕节 尤其 申请 申报 申诉 申通 申购 柳州 柳树 岳阳 岳父 岳母 \
    涂料 涂抹 左转 左侧 侯门 史前 秦皇岛 秦岭 郝然 康熙 邱北 韩国 韩式 韩语 冯唐 董事 董事长 董事会 袁州 邓州 傅里叶 曾经 曾在 曾有 彭州 吕梁 卢森堡 卢布 蒋坝 谢谢 谢绝 谢意 \
    黄冈 黄石 黄昏 吴忠 胡同 胡须 胡椒 胡萝卜 胡说 胡乱 朱红 何以 何尝 高达 赵州 陈列 陈述 陈旧 陈醋 刘海 梁山 江湖 江河 陆续 陆地 陆军 石子 熊掌 孔子 白白 白糖 白板 严谨 欧洲 \
    欧盟 欧元 欧美 阮囊 项圈 客服 快递 中国 美国 日本 德国 法国 人民 人员 人们 朋友 同事 同学 老师 学生 医生 家里 大家 先生 女士 小姐 物业 店家 卖家 买家 商户 厂家 平均 天气 \
    天津 天水 天天 质量 新闻 新年 新春 新人 书记 主任 主管 领导 专家 方正 华丽 华为 华东 华南 华北 华人 华侨 华润 清晨 早晨 凌晨 清明 青春 青年 青岛 晚上 早上 工行 建行 农行 银行 银联 银河 全是 干净 严寒 黄叶 汤里 汤很 凭良心 皮厚 牛河 牛柳 苍天 龙珠 骑士 良心 人家 方还 汤汁 汤水 粥";
