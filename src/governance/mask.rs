//! Masks: pure functions from a value to what may be shown of it. They count characters, not bytes; NULL stays NULL.

use super::semantic_type::{SemanticType, is_han};
use crate::encoding::hex;

/// Characters of a token's digest that are shown, in hexadecimal.
const TOKEN_HEX: usize = 32;

/// How a value is hidden when only its semantic type is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultMask {
    /// [`mask_email`].
    Email,
    /// [`mask_phone`].
    Phone,
    /// [`mask_partial`] with so many characters kept in front and behind.
    Partial(usize, usize),
    /// [`mask_name`].
    Name,
    /// [`mask_address`].
    Address,
    /// [`mask_ip`].
    Ip,
    /// The year alone.
    Year,
    /// `***`, whatever the value.
    Redacted,
    /// NULL.
    Null,
    /// Shown as it is.
    Plain,
}

impl DefaultMask {
    /// The mask for values of a type. Types that are no personal information stay plain.
    pub fn of(semantic_type: SemanticType) -> Self {
        use SemanticType as T;
        match semantic_type {
            T::Email => Self::Email,
            T::CnMobile | T::CnLandline | T::Phone => Self::Phone,
            T::CnIdCard | T::NationalId => Self::Partial(3, 4),
            T::BankCard | T::BankAccount | T::Iban => Self::Partial(4, 4),
            T::Passport | T::TravelPermit | T::UsSsn | T::TrackingNumber => Self::Partial(1, 3),
            T::CnPlate => Self::Partial(2, 2),
            T::PersonNameZh | T::PersonName | T::GivenName | T::Surname => Self::Name,
            T::AddressZh | T::Address => Self::Address,
            T::Ip | T::Ipv6 => Self::Ip,
            T::BirthDate => Self::Year,
            T::Username | T::DeviceId | T::Imei | T::Mac => Self::Partial(2, 2),
            T::Password | T::Cvv | T::Biometric => Self::Null,
            T::GeoPoint | T::Latitude | T::Longitude | T::Geohash => Self::Null,
            other if other.sensitivity() >= super::Sensitivity::Medium && other.is_personal() => Self::Redacted,
            _ => Self::Plain,
        }
    }

    /// What of `value` is shown.
    pub fn apply(self, value: Option<&str>) -> Option<String> {
        match self {
            Self::Email => mask_email(value),
            Self::Phone => mask_phone(value),
            Self::Partial(prefix, suffix) => mask_partial(value, prefix, "***", suffix),
            Self::Name => mask_name(value),
            Self::Address => mask_address(value),
            Self::Ip => mask_ip(value),
            Self::Year => mask_year(value),
            Self::Redacted => value.map(|_| "***".to_string()),
            Self::Null => None,
            Self::Plain => value.map(str::to_string),
        }
    }

    /// The SQL that does the same to the expression `column`, for reports and suggested policies.
    pub fn sql(self, column: &str) -> String {
        match self {
            Self::Email => format!("mask_email({column})"),
            Self::Phone => format!("mask_partial({column}, 3, '****', 4)"),
            Self::Partial(prefix, suffix) => format!("mask_partial({column}, {prefix}, '***', {suffix})"),
            Self::Name => format!("mask_partial({column}, 1, '**', 0)"),
            Self::Address | Self::Ip => format!("mask_partial({column}, 6, '***', 0)"),
            Self::Year => format!("mask_partial({column}, 4, '', 0)"),
            Self::Redacted => "'***'".to_string(),
            Self::Null => format!("mask_null({column})"),
            Self::Plain => column.to_string(),
        }
    }
}

/// Keeps `prefix` characters in front and `suffix` behind, and puts `pad` between. A value so short that nothing would
/// be hidden becomes `pad` alone.
pub fn mask_partial(text: Option<&str>, prefix: usize, pad: &str, suffix: usize) -> Option<String> {
    let text = text?;
    let count = text.chars().count();
    if prefix.saturating_add(suffix) >= count {
        return Some(pad.to_string());
    }
    let front: String = text.chars().take(prefix).collect();
    let back: String = text.chars().skip(count - suffix).collect();
    Some(format!("{front}{pad}{back}"))
}

/// `alice@data.example.com` becomes `a***@d***.com`: first characters and the last suffix stay. What is no e-mail
/// address becomes `***`.
pub fn mask_email(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let parts = text.split_once('@').and_then(|(local, domain)| {
        let (host, suffix) = domain.rsplit_once('.')?;
        Some((local.chars().next()?, host.chars().next()?, suffix))
    });
    Some(match parts {
        Some((local, host, suffix)) if !suffix.contains('@') => format!("{local}***@{host}***.{suffix}"),
        _ => "***".to_string(),
    })
}

/// `13800138000` becomes `138****8000`; separators and a country code in front stay. Fewer than seven digits become
/// `****`.
pub fn mask_phone(text: Option<&str>) -> Option<String> {
    let text = text?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits < 7 {
        return Some("****".to_string());
    }
    let (hide_from, hide_to) = (digits.saturating_sub(8).min(6), digits - 4);
    let mut at = 0;
    let masked = text.chars().map(|c| {
        if !c.is_ascii_digit() {
            return if c.is_alphabetic() { '*' } else { c };
        }
        at += 1;
        if at > hide_from && at <= hide_to { '*' } else { c }
    });
    Some(masked.collect())
}

/// `王小明` becomes `王**`, `Jane Smith` becomes `J*** S***`.
pub fn mask_name(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    if text.chars().any(is_han) {
        let hidden = text.chars().count().saturating_sub(1).max(1);
        return Some(text.chars().take(1).chain(std::iter::repeat_n('*', hidden)).collect());
    }
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.chars().take(1).chain("***".chars()).collect()).collect();
    Some(if words.is_empty() { "***".to_string() } else { words.join(" ") })
}

/// Keeps province and city of a Chinese address (`浙江省杭州市***`), the part behind the last comma of another one.
pub fn mask_address(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    if text.chars().any(is_han) {
        let near = |name: char| {
            text.char_indices().take(12).filter(|(_, c)| *c == name).map(|(at, c)| at + c.len_utf8()).next()
        };
        let end =
            near('市').or_else(|| near('省')).unwrap_or_else(|| text.char_indices().nth(2).map_or(0, |(at, _)| at));
        return Some(format!("{}***", &text[..end]));
    }
    let last =
        text.rsplit_once(',').map(|(_, last)| last.trim()).filter(|last| !last.chars().any(|c| c.is_ascii_digit()));
    Some(last.map_or_else(|| "***".to_string(), |last| format!("***, {last}")))
}

/// Keeps the network half of an IPv4 address (`10.1.*.*`) and the first two groups of an IPv6 one.
pub fn mask_ip(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let kept = |separator: char, tail: &str| {
        let mut parts = text.split(separator);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(a), Some(b), Some(_)) => Some(format!("{a}{separator}{b}{tail}")),
            _ => None,
        }
    };
    let masked = if text.contains(':') { kept(':', ":***") } else { kept('.', ".*.*") };
    Some(masked.unwrap_or_else(|| "***".to_string()))
}

/// Keeps the year of a date that opens with it; anything else becomes `****`.
pub fn mask_year(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let year = text.get(..4).filter(|year| year.bytes().all(|b| b.is_ascii_digit()));
    Some(year.unwrap_or("****").to_string())
}

/// NULL, whatever the value.
pub fn mask_null<T>(_: Option<T>) -> Option<T> {
    None
}

/// The number shifted by up to `ratio` of itself either way; `uniform` is a random number in 0..1 from the caller, drawn
/// anew for each value.
pub fn mask_noise(number: Option<f64>, ratio: f64, uniform: f64) -> Option<f64> {
    number.map(|number| number * (1.0 + ratio.abs() * (2.0 * uniform.clamp(0.0, 1.0) - 1.0)))
}

/// A token that is the same for the same value and key, so that joins still match, and tells nothing else:
/// `tok_` and the first half of a keyed digest in hexadecimal. `hmac` is HMAC-SHA-256 under the key of that name.
pub fn tokenize(text: Option<&str>, hmac: impl Fn(&[u8]) -> [u8; 32]) -> Option<String> {
    let text = text?;
    let mut token = String::with_capacity(4 + TOKEN_HEX);
    token.push_str("tok_");
    token.push_str(&hex(&hmac(text.as_bytes())[..TOKEN_HEX / 2]));
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_stays_null() {
        assert_eq!(mask_email(None), None);
        assert_eq!(mask_partial(None, 1, "*", 1), None);
        assert_eq!(tokenize(None, |_| [0; 32]), None);
        assert_eq!(mask_noise(None, 0.1, 0.5), None);
        for mask in [DefaultMask::Phone, DefaultMask::Name, DefaultMask::Address, DefaultMask::Ip, DefaultMask::Year] {
            assert_eq!(mask.apply(None), None);
        }
    }

    #[test]
    fn emails() {
        assert_eq!(mask_email(Some("alice@data.example.com")).unwrap(), "a***@d***.com");
        assert_eq!(mask_email(Some("张三@例子.中国")).unwrap(), "张***@例***.中国");
        for not in ["", "no address", "@b.com", "a@b", "a@.com"] {
            assert_eq!(mask_email(Some(not)).unwrap(), "***", "{not}");
        }
    }

    #[test]
    fn parts_by_characters() {
        assert_eq!(mask_partial(Some("6222021234567890"), 4, "***", 4).unwrap(), "6222***7890");
        assert_eq!(mask_partial(Some("数据资产盘点"), 1, "**", 1).unwrap(), "数**点");
        assert_eq!(mask_partial(Some("短"), 1, "**", 1).unwrap(), "**", "nothing would be hidden");
        assert_eq!(mask_partial(Some("abc"), usize::MAX, "*", 5).unwrap(), "*");
    }

    #[test]
    fn phones_names_addresses() {
        assert_eq!(mask_phone(Some("13800138000")).unwrap(), "138****8000");
        assert_eq!(mask_phone(Some("+86 138-0013-8000")).unwrap(), "+86 138-****-8000");
        assert_eq!(mask_phone(Some("12345")).unwrap(), "****");
        assert_eq!(mask_name(Some("王小明")).unwrap(), "王**");
        assert_eq!(mask_name(Some("王")).unwrap(), "王*");
        assert_eq!(mask_name(Some("Jane Smith")).unwrap(), "J*** S***");
        assert_eq!(mask_address(Some("浙江省杭州市西湖区1号")).unwrap(), "浙江省杭州市***");
        assert_eq!(mask_address(Some("1 High St, London")).unwrap(), "***, London");
        assert_eq!(mask_ip(Some("10.1.2.3")).unwrap(), "10.1.*.*");
        assert_eq!(mask_ip(Some("fe80::1")).unwrap(), "fe80::***");
        assert_eq!(mask_year(Some("1999-01-31")).unwrap(), "1999");
        assert_eq!(mask_year(Some("出生于")).unwrap(), "****");
    }

    #[test]
    fn tokens_follow_value_and_key() {
        let hmac =
            |key: u8| move |bytes: &[u8]| [bytes.iter().fold(key, |a, b| a.wrapping_mul(31).wrapping_add(*b)); 32];
        let token = tokenize(Some("a"), hmac(1)).unwrap();
        assert_eq!(token.len(), 36);
        assert_eq!(tokenize(Some("a"), hmac(1)).unwrap(), token);
        assert_ne!(tokenize(Some("b"), hmac(1)).unwrap(), token);
        assert_ne!(tokenize(Some("a"), hmac(2)).unwrap(), token);
    }

    #[test]
    fn noise_stays_within_its_ratio() {
        assert_eq!(mask_noise(Some(100.0), 0.1, 0.5), Some(100.0));
        assert!((mask_noise(Some(100.0), 0.1, 1.0).unwrap() - 110.0).abs() < 1e-9);
        assert!((mask_noise(Some(100.0), 0.1, 0.0).unwrap() - 90.0).abs() < 1e-9);
    }

    #[test]
    fn every_personal_type_has_a_mask() {
        for t in SemanticType::ALL {
            if t.is_personal() && t.sensitivity() >= super::super::Sensitivity::Medium {
                assert_ne!(DefaultMask::of(*t), DefaultMask::Plain, "{t}");
            }
        }
        assert_eq!(DefaultMask::of(SemanticType::Price), DefaultMask::Plain);
    }
}
