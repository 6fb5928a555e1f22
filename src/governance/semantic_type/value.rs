//! What one value looks like: the candidates for its semantic type, and the best of them.
//!
//! The kinds of characters, counted in one pass, choose the recogniser; each recogniser is hand-written and allocates
//! nothing for the common forms, so a core judges more than a million values a second.

use std::borrow::Cow;

use super::shape::Shape;
use super::{SemanticType, chinese, digits, latin, signs};

/// Below this confidence [`detect_value`] says nothing.
pub const VALUE_CONFIDENCE_MIN: f32 = 0.4;
/// Bytes of a value that are looked at; the rest of a longer one adds nothing.
const VALUE_BYTES_MAX: usize = 8192;

/// The semantic type of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The type.
    pub semantic_type: SemanticType,
    /// How sure, 0..1.
    pub confidence: f32,
    /// What was found, in words that hold nothing of the value itself.
    pub evidence: Cow<'static, str>,
}

/// The types one value may have, each with its confidence and evidence. At most [`Candidates::MAX`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Candidates {
    items: [Option<(SemanticType, f32, &'static str)>; Candidates::MAX],
    len: usize,
}

impl Candidates {
    /// How many are kept; no form of value has more.
    pub const MAX: usize = 8;

    /// Adds a candidate; beyond the limit it falls away.
    pub fn push(&mut self, semantic_type: SemanticType, confidence: f32, evidence: &'static str) {
        if let Some(place) = self.items.get_mut(self.len) {
            *place = Some((semantic_type, confidence, evidence));
            self.len += 1;
        }
    }

    /// Every candidate, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = (SemanticType, f32, &'static str)> + '_ {
        self.items.iter().take(self.len).flatten().copied()
    }

    /// Whether nothing was recognised.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The surest candidate; the first found wins a tie.
    pub fn best(&self) -> Option<(SemanticType, f32, &'static str)> {
        let mut best: Option<(SemanticType, f32, &'static str)> = None;
        for candidate in self.iter() {
            if best.is_none_or(|(_, confidence, _)| candidate.1 > confidence) {
                best = Some(candidate);
            }
        }
        best
    }
}

/// The built-in type that a single value shows by itself; `None` where the value could be anything (a bare number).
pub fn detect_value(text: &str) -> Option<Verdict> {
    let (semantic_type, confidence, evidence) = candidates(text).best()?;
    (confidence >= VALUE_CONFIDENCE_MIN).then_some(Verdict {
        semantic_type,
        confidence,
        evidence: Cow::Borrowed(evidence),
    })
}

/// Every type that a single value could have.
pub fn candidates(text: &str) -> Candidates {
    let mut found = Candidates::default();
    let text = head(text.trim(), VALUE_BYTES_MAX);
    if text.is_empty() {
        return found;
    }
    let shape = Shape::of(text);
    if shape.is_digits() {
        digits::scan(text.as_bytes(), &mut found);
    } else if shape.wide > 0 {
        chinese::scan(text, &shape, &mut found);
    } else if shape.letters == 0 {
        signs::scan(text, &shape, &mut found);
    } else {
        latin::scan(text, &shape, &mut found);
    }
    found
}

/// The first `bytes` of a text, cut at a character.
fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use SemanticType as T;

    fn of(text: &str) -> Option<T> {
        detect_value(text).map(|verdict| verdict.semantic_type)
    }

    /// The body with the check character that makes `check` hold.
    fn completed(body: &str, alphabet: &str, check: fn(&[u8]) -> bool) -> String {
        let complete = |c| format!("{body}{c}");
        alphabet.chars().map(complete).find(|text| check(text.as_bytes())).unwrap()
    }

    #[test]
    fn identity_numbers_need_their_checksum() {
        use super::super::checksum::{cn_id_card, cn_uscc, luhn};
        let id = completed("44030119990101123", "0123456789X", cn_id_card);
        assert_eq!(of(&id), Some(T::CnIdCard));
        // The same number with another last digit is a decoy.
        let wrong = if id.ends_with('5') { '6' } else { '5' };
        assert_ne!(of(&format!("{}{wrong}", &id[..17])), Some(T::CnIdCard));
        // A right checksum over a day that does not exist, or a region that does not.
        assert_ne!(of(&completed("44030119990230123", "0123456789X", cn_id_card)), Some(T::CnIdCard));
        assert_ne!(of(&completed("99030119990101123", "0123456789X", cn_id_card)), Some(T::CnIdCard));
        let code = completed("91440300MA5EXAMP1", "0123456789ABCDEFGHJKLMNPQRTUWXY", cn_uscc);
        assert_eq!(of(&code), Some(T::CnUscc));
        let card = completed("621700000000000000", "0123456789", luhn);
        assert_eq!(of(&card), Some(T::BankCard));
        let spaced: Vec<String> = card.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into()).collect();
        assert_eq!(of(&spaced.join(" ")), Some(T::BankCard));
        assert_ne!(of(&format!("{}{}", &card[..18], (card.as_bytes()[18] - b'0' + 1) % 10)), Some(T::BankCard));
    }

    #[test]
    fn everyday_values() {
        for (text, expected) in [
            ("li.lei@example.com.cn", T::Email),
            ("13800138000", T::CnMobile),
            ("+86 138-0013-8000", T::CnMobile),
            ("010-62770000", T::CnLandline),
            ("+44 20 7946 0958", T::Phone),
            ("(212) 555-0123", T::Phone),
            ("京A12345", T::CnPlate),
            ("粤B·D12345", T::CnPlate),
            ("192.168.1.254", T::Ip),
            ("fe80::1ff:fe23:4567:890a", T::Ipv6),
            ("00:1A:2b:3C:4D:5E", T::Mac),
            ("https://shop.example.com/item?id=1", T::Url),
            ("123e4567-e89b-12d3-a456-426614174000", T::Uuid),
            ("d41d8cd98f00b204e9800998ecf8427e", T::Hash),
            ("GB82 WEST 1234 5698 7654 32", T::Iban),
            ("4006381333931", T::Gtin),
            ("978-3-16-148410-0", T::Isbn),
            ("2024-02-29", T::Date),
            ("2024-02-29 08:00:01", T::Timestamp),
            ("08:30", T::Time),
            ("2015", T::Year),
            ("$12.99", T::Price),
            ("￥1,299.00", T::Price),
            ("99.9元", T::Price),
            ("45%", T::Percentage),
            ("31.2304, 121.4737", T::GeoPoint),
            ("浙江省杭州市西湖区文三路100号2栋301室", T::AddressZh),
            ("8916 Round Zephyr Ridge Street", T::Address),
            ("杭州示例科技有限公司", T::CompanyName),
            ("Acme Trading Co., Ltd.", T::CompanyName),
            ("Hobbies > Model Trains > Rail Vehicles", T::CategoryPath),
            ("{\"a\": [1, 2]}", T::Json),
            ("<p>Cotton <b>shirt</b></p>", T::Html),
            ("images/p/shirt_01.jpg", T::ImagePath),
            ("navy blue", T::Colour),
            ("XXL", T::Size),
            ("USD", T::Currency),
            ("Germany", T::Country),
            ("深圳市", T::City),
            ("true", T::Boolean),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", T::UserAgent),
        ] {
            assert_eq!(of(text), Some(expected), "{text}: {:?}", candidates(text));
        }
    }

    #[test]
    fn decoys_are_not_what_they_look_like() {
        for (text, not) in [
            ("not@an", T::Email),
            ("a@b@c.com", T::Email),
            ("12800138000", T::CnMobile),
            ("300.1.1.1", T::Ip),
            ("1.2.3", T::Ip),
            ("2023-02-29", T::Date),
            ("4006381333932", T::Gtin),
            ("GB82WEST12345698765433", T::Iban),
            ("4111111111111112", T::BankCard),
            ("京A1234", T::CnPlate),
            ("很好，价格实惠", T::PersonNameZh),
            ("{not json", T::Json),
            ("2015", T::BankCard),
            ("12345", T::CnMobile),
        ] {
            assert_ne!(of(text), Some(not), "{text}");
        }
        for nothing in ["", "   ", "7", "12.5", "hello there"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn evidence_holds_nothing_of_the_value() {
        let verdict = detect_value("wang@example.com").unwrap();
        assert!(!verdict.evidence.contains("wang") && !verdict.evidence.is_empty());
    }

    #[test]
    fn odd_values_do_not_panic() {
        let long = "中".repeat(5000);
        for text in ["é", "@", "{", "<", "年", "\u{0}", "+", "::", "省市区", "👩‍👩‍👧", "-", "%", "$", "¥", "/", "\\", &long]
        {
            let _ = candidates(text);
            for other in ["9", "a", "中", " "] {
                let _ = candidates(&format!("{text}{other}"));
                let _ = candidates(&format!("{other}{text}{other}"));
            }
        }
    }
}
