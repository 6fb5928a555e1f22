//! Personal data in the texts of a column: what a sample of them holds, whatever the column is called.
//!
//! [`detect`] says of one text what may stand in it; of many it says so somewhere by chance. So each kind is asked for a share of the texts: what has a
//! check digit or a form of its own at a low one, what is told by its look at a higher one. Names and addresses in the Latin script are guesses that
//! titles of goods invite, so addresses must show a house and a street, and only names in Chinese count. Numbers are taken for what they look like only
//! where most numbers of their length look so: one long number in ten has a right Luhn digit, and a column of orders has many that open as mobiles do.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::lexicon::{STREET_LAST, classes_of};
use super::{PII_SCORE_MIN, PiiType, Span, detect};
use crate::governance::grade::{Privacy, Sensitivity};
use crate::governance::semantic_type::{Carried, is_card_issuer, is_cn_mobile, is_gtin, is_han, is_luhn, is_missing};

/// What a sentence about the texts of a column opens with.
pub const CARRIED: &str = "texts: ";
/// Bytes of one text that are looked at.
const TEXT_BYTES_MAX: usize = 4096;
/// Bytes of all texts of a column that are looked at: some hundredths of a second.
const SAMPLE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a text that have room for one piece of personal data by chance.
const CHANCE_BYTES: usize = 1024;
/// Characters of a text at least; a shorter value is a word or a code.
const CHARACTERS_MIN: usize = 10;
/// Words of a text at least, where every two Chinese characters count as one.
const WORDS_MIN: usize = 2;
/// Share of a column's values that must be texts.
const TEXTS_SHARE_MIN: f64 = 0.05;
/// A telephone that no word names scores less than this; see `phones`.
const SAID_SCORE: f32 = 0.94;
/// Digits of a mobile number of the mainland.
const MOBILE_DIGITS: usize = 11;
/// Different values from which on they are not those of one shop, whatever their share.
const DIFFERENT_ENOUGH: usize = 3;

/// What is asked of a kind before it is told of a column.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// The least score of a span that counts.
    score: f32,
    /// Texts that must have one, at least; of a handful of texts half of them suffice.
    texts: usize,
    /// The least share of the texts, or of their kilobytes where these are more: a page has room for what a line has not.
    share: f64,
}

const fn asked(kind: PiiType) -> Option<Asked> {
    use PiiType as K;
    let (score, texts, share) = match kind {
        // Region, day of birth and check digit together are no chance, nor are check digits of several places.
        K::CnIdCard | K::ItFiscalCode | K::BrCpf => (0.9, 1, 0.0),
        K::IbanCode => (0.9, 2, 0.0),
        K::CreditCard => (0.85, 2, 0.0),
        K::EmailAddress => (0.9, 2, 0.01),
        K::UsSsn | K::EsNif | K::SgNric | K::KrRrn | K::CnPlate => (0.75, 2, 0.01),
        // With this score a word beside it says what it is.
        K::UsItin | K::UkNino | K::UkNhs | K::InAadhaar | K::InPan | K::PlPesel | K::Passport | K::CnTravelPermit => {
            (0.75, 2, 0.01)
        }
        K::Imei => (0.9, 2, 0.02),
        K::PhoneNumber | K::DateOfBirth => (0.75, 3, 0.03),
        K::DriverLicense => (0.75, 3, 0.05),
        K::StreetAddress => (0.5, 3, 0.05),
        K::Person => (0.75, 3, 0.2),
        K::IpAddress => (0.9, 3, 0.2),
        _ => return None,
    };
    Some(Asked { score, texts, share })
}

/// What a kind says of a person, and the harm of a leak, where it stands in a text. An address of a machine in a line of a log narrows down only.
fn weight(kind: PiiType) -> (Privacy, Sensitivity) {
    match kind {
        PiiType::IpAddress => (Privacy::QuasiIdentifier, Sensitivity::Low),
        _ => (kind.semantic_type().privacy(), kind.semantic_type().sensitivity()),
    }
}

/// What the texts among a column's values hold of persons, and the sentences that say so without a value of theirs; nothing if they hold nothing.
pub fn carried(values: &[&str]) -> Option<(Carried, Vec<String>)> {
    let there: Vec<&str> = values.iter().map(|value| value.trim()).filter(|value| !is_missing(value)).collect();
    let texts: Vec<&str> = there.iter().copied().map(head).filter(|value| is_text(value)).collect();
    if texts.is_empty() || (texts.len() as f64) < TEXTS_SHARE_MIN * there.len() as f64 {
        return None;
    }
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut seen = Seen::default();
    // Evenly drawn, where they are too long for all to be looked at.
    for text in texts.iter().copied().step_by(bytes.div_ceil(SAMPLE_BYTES_MAX).max(1)) {
        seen.add(text);
    }
    seen.told()
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text)
}

/// Whether a value is a text, and not a word, a code or a number.
fn is_text(value: &str) -> bool {
    let han = value.chars().filter(|c| is_han(*c)).count();
    let parts = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '"' | '{' | '}' | '<' | '>');
    let words = value.split(parts).filter(|word| word.chars().any(|c| c.is_alphanumeric() && !is_han(c))).count();
    value.chars().any(char::is_alphabetic)
        && words + han / 2 >= WORDS_MIN
        && (han >= CHARACTERS_MIN / 2 || value.chars().count() >= CHARACTERS_MIN)
}

/// Texts with a kind, and what stood there.
#[derive(Debug, Default)]
struct Count<'a> {
    texts: usize,
    different: HashSet<&'a str>,
}

impl<'a> Count<'a> {
    fn add(&mut self, found: &[&'a str]) {
        self.texts += usize::from(!found.is_empty());
        self.different.extend(found);
    }
}

/// What a column's texts have shown so far.
#[derive(Debug, Default)]
struct Seen<'a> {
    texts: usize,
    bytes: usize,
    kinds: BTreeMap<PiiType, Count<'a>>,
    /// Telephones that a word or their grouping tells.
    told_phones: Count<'a>,
    /// Numbers of eleven digits that are no mobile's, and those that only look like one.
    other_elevens: usize,
    bare_mobiles: usize,
    /// Numbers as a card's, but for the check digit.
    wrong_cards: usize,
    right_cards: usize,
}

impl<'a> Seen<'a> {
    fn add(&mut self, text: &'a str) {
        self.texts += 1;
        self.bytes += text.len();
        self.numbers(text);
        let mut found: BTreeMap<PiiType, Vec<&'a str>> = BTreeMap::new();
        let mut told_phones = Vec::new();
        for span in detect(text, PII_SCORE_MIN) {
            let Some(value) = text.get(span.start..span.end) else { continue };
            if !asked(span.kind).is_some_and(|asked| span.score >= asked.score) || !is_told(text, &span, value) {
                continue;
            }
            match span.kind {
                PiiType::PhoneNumber if is_bare(value) && span.score < SAID_SCORE => self.bare_mobiles += 1,
                PiiType::PhoneNumber => told_phones.push(value),
                PiiType::CreditCard => self.right_cards += 1,
                _ => {}
            }
            found.entry(span.kind).or_default().push(value);
        }
        self.told_phones.add(&told_phones);
        for (kind, values) in found {
            self.kinds.entry(kind).or_default().add(&values);
        }
    }

    /// Counts the numbers that look like something and are not.
    fn numbers(&mut self, text: &str) {
        for run in text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= MOBILE_DIGITS) {
            let digits = run.as_bytes();
            self.other_elevens += usize::from(digits.len() == MOBILE_DIGITS && !is_cn_mobile(digits));
            let long = (13..=19).contains(&digits.len());
            self.wrong_cards += usize::from(long && is_card_issuer(digits) && !is_luhn(digits));
        }
    }

    fn told(mut self) -> Option<(Carried, Vec<String>)> {
        if self.wrong_cards >= self.right_cards {
            self.kinds.remove(&PiiType::CreditCard);
        }
        if self.other_elevens >= self.bare_mobiles {
            // Only what is told by more than its eleven digits.
            self.kinds.insert(PiiType::PhoneNumber, std::mem::take(&mut self.told_phones));
        }
        let mut carried = Carried { privacy: Privacy::None, sensitivity: Sensitivity::None };
        let mut evidence = Vec::new();
        for (kind, count) in &self.kinds {
            if asked(*kind).is_some_and(|asked| is_enough(asked, count, self.texts, self.bytes)) {
                let (privacy, sensitivity) = weight(*kind);
                carried.privacy = carried.privacy.max(privacy);
                carried.sensitivity = carried.sensitivity.max(sensitivity);
                evidence.push(format!("{CARRIED}{} of {} sampled hold {}", count.texts, self.texts, kind.name()));
            }
        }
        (!evidence.is_empty()).then_some((carried, evidence))
    }
}

fn is_enough(asked: Asked, count: &Count<'_>, texts: usize, bytes: usize) -> bool {
    let chances = texts.max(bytes / CHANCE_BYTES);
    let least = asked.texts.min(texts.div_ceil(2)).max(1);
    // A shop's own number and address come again and again.
    let different = count.different.len();
    let many = different >= DIFFERENT_ENOUGH || 2 * different > count.texts;
    count.texts >= least && count.texts as f64 >= asked.share * chances as f64 && many
}

/// Whether a span is what it is taken for, by more than the detector asks: it answers for one text that somebody wants looked at.
fn is_told(text: &str, span: &Span, value: &str) -> bool {
    match span.kind {
        PiiType::EmailAddress => !is_role(value),
        PiiType::CreditCard => {
            let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
            digits.len() >= 13 && !is_gtin(&digits)
        }
        PiiType::PhoneNumber => {
            !is_bare(value) || span.score >= SAID_SCORE || !is_labelled(text.get(..span.start).unwrap_or_default())
        }
        PiiType::StreetAddress => is_address(value),
        PiiType::Person => value.chars().all(is_han) && !is_of_work(text, span),
        PiiType::IpAddress => value.parse().is_ok_and(is_public),
        _ => true,
    }
}

/// Whether a name is that of who made or plays something: books and films are goods.
fn is_of_work(text: &str, span: &Span) -> bool {
    let before = text.get(..span.start).unwrap_or_default().trim_end_matches([':', '：', ' ', '·']);
    let behind = text.get(span.end..).unwrap_or_default().trim_start();
    ["作者", "原著", "导演", "主演", "编剧", "译者", "歌手", "代言", "设计师"].iter().any(|word| before.ends_with(word))
        || behind.starts_with(['著', '编', '译', '绘'])
}

/// A number without signs between its digits, with the length of a mobile's.
fn is_bare(value: &str) -> bool {
    value.len() == MOBILE_DIGITS && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether what stands before a number makes it a number of something else: `orderNo=`, `PO-`, `/orders/`, `单号：`.
fn is_labelled(before: &str) -> bool {
    // A code goes on.
    if before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.')) {
        return true;
    }
    let before =
        before.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | '=' | '#' | '"' | '\''));
    let starts = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let word = before.rsplit(starts).next().unwrap_or_default().to_ascii_lowercase();
    let of_person = ["phone", "mobile", "tel", "cell", "contact", "fax", "whatsapp"];
    let of_thing =
        ["id", "no", "num", "number", "code", "ref", "sn", "seq", "order", "trace", "ticket", "key", "barcode"];
    if !word.is_empty() {
        return !of_person.iter().any(|part| word.contains(part)) && of_thing.iter().any(|end| word.ends_with(end));
    }
    let phone = ["机号", "话号", "号码", "系方式"].iter().any(|end| before.ends_with(end));
    !phone && ["号", "编码", "单", "码", "流水"].iter().any(|end| before.ends_with(end))
}

/// Whether an address of mail is an office's and not a person's.
fn is_role(address: &str) -> bool {
    const ROLES: [&str; 22] = [
        "info",
        "support",
        "sales",
        "service",
        "services",
        "contact",
        "help",
        "admin",
        "office",
        "hello",
        "noreply",
        "no-reply",
        "webmaster",
        "postmaster",
        "customerservice",
        "customercare",
        "care",
        "shop",
        "store",
        "marketing",
        "press",
        "kefu",
    ];
    let local = address.split('@').next().unwrap_or_default();
    ROLES.iter().any(|role| role.eq_ignore_ascii_case(local))
}

/// Whether an address shows a house and a street: `12 Sample Street`, `P.O. Box 12`, 文三路100号.
fn is_address(value: &str) -> bool {
    if value.chars().any(is_han) {
        return has_house(value);
    }
    let parts = |c: char| c.is_whitespace() || matches!(c, ',' | '.');
    let words: Vec<&str> = value.split(parts).filter(|word| !word.is_empty()).collect();
    let is_number = |word: &str| word.len() <= 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |word: &str| word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphabetic);
    let is_street = |word: &str| word.len() > 1 && classes_of(word) & STREET_LAST != 0;
    // A number, the name of a street, and the word that closes it.
    let house = words.iter().enumerate().any(|(at, word)| {
        let behind = words.get(at + 1..).unwrap_or_default();
        is_number(word) && behind.iter().take_while(|word| is_name(word)).take(5).skip(1).any(|word| is_street(word))
    });
    let post_box =
        words.windows(2).any(|pair| matches!(pair, [one, two] if one.eq_ignore_ascii_case("box") && is_number(two)));
    house || post_box
}

/// Whether the number of a house stands behind a street's name.
fn has_house(value: &str) -> bool {
    let behind_street = value.find(['路', '街', '道', '巷', '弄', '村', '镇', '胡']).and_then(|at| value.get(at..));
    behind_street.is_some_and(|rest| {
        let mut digit_before = false;
        rest.chars().any(|c| {
            let closes = digit_before && matches!(c, '号' | '弄' | '栋' | '幢' | '室' | '楼' | '单');
            digit_before = c.is_ascii_digit();
            closes
        })
    })
}

/// Whether a machine of somebody's could have the address.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            !(four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || four.is_broadcast()
                || four.is_documentation())
        }
        IpAddr::V6(six) => {
            !(six.is_loopback() || six.is_unspecified() || six.is_unique_local() || six.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds told, with the counts.
    fn told(values: &[String]) -> Vec<String> {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        carried(&values).map_or_else(Vec::new, |(_, evidence)| evidence)
    }

    fn of(values: &[String]) -> (Privacy, Sensitivity) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        carried(&values)
            .map_or((Privacy::None, Sensitivity::None), |(carried, _)| (carried.privacy, carried.sensitivity))
    }

    fn column(count: usize, make: impl Fn(usize) -> String) -> Vec<String> {
        (0..count).map(make).collect()
    }

    /// The body with the digit that makes its Luhn sum right.
    fn card(body: u64) -> String {
        (0..10).map(|digit| format!("{body}{digit}")).find(|number| is_luhn(number.as_bytes())).unwrap()
    }

    #[test]
    fn notes_in_two_languages_are_as_sensitive_as_what_they_hold() {
        let quiet = |at: usize| format!("The parcel came {at} days late and the box was torn.");
        let mail = column(100, |at| match at % 20 {
            0 => format!("Please write to jane.roe{at}@example.com about the refund."),
            _ => quiet(at),
        });
        assert_eq!(told(&mail), ["texts: 5 of 100 sampled hold EMAIL_ADDRESS"]);
        assert_eq!(of(&mail), (Privacy::Identifier, Sensitivity::Medium));
        let phones = column(60, |at| match at % 6 {
            0 => format!("买家来电，手机138001380{at:02}，催促发货，态度不太好"),
            _ => "东西收到了，包装完好，物流也很快，谢谢卖家".to_owned(),
        });
        assert_eq!(told(&phones), ["texts: 10 of 60 sampled hold PHONE_NUMBER"]);
        let numbers = column(40, |at| format!("Call me, my number is 138001380{at:02}, any time."));
        assert_eq!(told(&numbers), ["texts: 40 of 40 sampled hold PHONE_NUMBER"]);
        let cards = column(200, |at| match at % 50 {
            0 => format!("My card {} was charged twice.", card(411_111_111_111_000 + at as u64)),
            _ => quiet(at),
        });
        assert_eq!(of(&cards), (Privacy::Sensitive, Sensitivity::High));
        let identity = column(100, |at| match at {
            7 => "客户补充：身份证号11010519491231002X，请尽快开票".to_owned(),
            _ => format!("第{at}次回访，客户表示满意，没有其他问题"),
        });
        assert_eq!(told(&identity), ["texts: 1 of 100 sampled hold CN_ID_CARD"]);
        let addresses = column(20, |at| format!("请送到浙江省杭州市西湖区文三路{}号2栋301室，谢谢", at + 1));
        assert_eq!(told(&addresses), ["texts: 20 of 20 sampled hold STREET_ADDRESS"]);
        let callers = column(20, |at| {
            format!("{}女士来电投诉，说包裹到现在还没有到", ["王小明", "李思远", "张慧敏", "陈云"][at % 4])
        });
        assert_eq!(told(&callers), ["texts: 20 of 20 sampled hold PERSON"]);
        let letters =
            column(20, |at| format!("Please ship it to Jane Roe, {} Sample Street, London, thanks a lot.", at + 1));
        assert_eq!(told(&letters), ["texts: 20 of 20 sampled hold STREET_ADDRESS"]);
    }

    #[test]
    fn evidence_holds_no_value() {
        let mail = column(30, |at| format!("write to jane.roe{at}@example.com please"));
        assert!(told(&mail).iter().all(|line| !line.contains("jane") && !line.contains("example")));
    }

    #[test]
    fn texts_about_goods_hold_nothing() {
        let titles =
            column(200, |at| format!("Calvin Hilfiger Slim Jean {} Pack, 10 Feet Cable - USB {at} Drive", at % 9));
        assert_eq!(told(&titles), Vec::<String>::new());
        let printers = column(50, |at| {
            format!("Ink for MP{at} PIXMA MP450 PIXMA MP460, EAN 4{:012}", 6_381_333_931u64 + at as u64)
        });
        assert_eq!(told(&printers), Vec::<String>::new());
        let chinese = column(50, |at| format!("张小泉菜刀 不锈钢 {at}号 黄花梨手柄 王府井专供"));
        assert_eq!(told(&chinese), Vec::<String>::new());
        let books =
            column(50, |at| format!("第{at}册 作者：{}小明 著 精装版 现货速发", ["王", "李", "张", "陈"][at % 4]));
        assert_eq!(told(&books), Vec::<String>::new());
        let reviews =
            column(50, |at| format!("I love it, bought {at} for my son Daniel who is 7 years old. Great fit!"));
        assert_eq!(told(&reviews), Vec::<String>::new());
        // The shop's own address and telephone, over and over.
        let pages = column(50, |at| {
            format!("Article {at}. Ask us: shop@example.com, jane@example.com or call +44 20 7946 0958.")
        });
        assert_eq!(told(&pages), Vec::<String>::new());
        // Whole pages, one in forty with the address of a clerk at its foot.
        let long = column(120, |at| match at % 40 {
            0 => format!(
                "{} Ask our clerk at jane.roe{at}@example.com.",
                "Fine goods for house and garden. ".repeat(110)
            ),
            _ => "Fine goods for house and garden. ".repeat(110),
        });
        assert_eq!(told(&long), Vec::<String>::new());
    }

    #[test]
    fn numbers_that_look_like_telephones_and_cards() {
        let orders =
            column(50, |at| format!("2024-03-01 10:15:02 INFO worker orderNo=139123456{at:02} created in 12 ms"));
        assert_eq!(told(&orders), Vec::<String>::new());
        let parcels = column(50, |at| format!("PO-150123456{at:02} arrived at gate {at}"));
        assert_eq!(told(&parcels), Vec::<String>::new());
        let numbered = column(50, |at| format!("Your order number is 139123456{at:02} and it is on its way."));
        assert_eq!(told(&numbered), Vec::<String>::new());
        // Eleven digits of any kind, a few of which open as a mobile number does.
        let counters = column(60, |at| {
            format!("batch {} finished without an error", 10_000_000_000u64 + at as u64 * 1_655_000_021)
        });
        assert_eq!(told(&counters), Vec::<String>::new());
        // One in ten has a right Luhn digit by chance.
        let traces =
            column(200, |at| format!("span {} closed after {at} ms", 4_000_000_000_000_000u64 + at as u64 * 7_919));
        assert_eq!(told(&traces), Vec::<String>::new());
        let machines = column(50, |at| format!("GET /health from 10.0.0.{at} answered 200"));
        assert_eq!(told(&machines), Vec::<String>::new());
        let visitors = column(50, |at| format!("GET /cart from 81.2.69.{at} answered 200"));
        assert_eq!(of(&visitors), (Privacy::QuasiIdentifier, Sensitivity::Low));
    }

    #[test]
    fn columns_of_codes_are_no_texts() {
        assert!(carried(&["13800138000", "13912345678", "18612345678"]).is_none());
        assert!(carried(&[]).is_none());
        let templates = column(30, |at| format!("My card is {{{{credit_card}}}} and my mail {{{{email}}}}, case {at}"));
        assert_eq!(told(&templates), Vec::<String>::new());
    }

    #[test]
    fn long_texts_are_looked_at_in_part() {
        let long = column(400, |at| {
            format!("{} reach me at jane.roe{at}@example.com {}", "word ".repeat(40), "and more ".repeat(2_000))
        });
        let started = std::time::Instant::now();
        assert!(!told(&long).is_empty());
        assert!(started.elapsed().as_secs() < 20);
    }
}
