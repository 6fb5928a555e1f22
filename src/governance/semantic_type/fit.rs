//! Whether a column's values can be what its name promises.

use arrow::datatypes::DataType;

use super::SemanticType as T;
use super::catalogue::Form;
use super::facts::SampleFacts;
use crate::governance::profile::ColumnProfile;

/// Whether a column of `data_type` can hold the type at all.
pub fn admits(data_type: &DataType, semantic_type: T) -> bool {
    let form = semantic_type.info().form;
    match data_type {
        DataType::Boolean => form == Form::Flag,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => {
            form == Form::Moment || semantic_type == T::Year
        }
        DataType::Time32(_) | DataType::Time64(_) => semantic_type == T::Time,
        DataType::Duration(_) | DataType::Interval(_) => semantic_type == T::Duration,
        // Where a picture lies is a text; bytes are the picture.
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            !matches!(semantic_type, T::ImagePath | T::Url | T::DomainName | T::CategoryPath)
        }
        DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => {
            let worded = matches!(form, Form::Phrase | Form::Prose) && semantic_type != T::Health;
            !worded && !matches!(semantic_type, T::Ip | T::Colour)
        }
        _ => true,
    }
}

/// A header's general word made precise by the values: a phone that is a mainland mobile, an address in Chinese, a
/// category or product given by number.
pub fn specialised(promised: T, data_type: &DataType, facts: &SampleFacts) -> Vec<(T, f64)> {
    let whole = data_type.is_integer() || facts.whole > 0.9;
    let narrow: &[T] = match promised {
        T::Phone | T::CnMobile | T::CnLandline => &[T::CnMobile, T::CnLandline, T::Phone],
        T::NationalId | T::CnIdCard => &[T::CnIdCard, T::UsSsn, T::Passport],
        T::Ip => &[T::Ip, T::Ipv6],
        T::BankAccount => &[T::BankCard, T::Iban],
        T::Sku => &[T::Gtin, T::Uuid, T::Hash],
        T::Identifier => &[T::Gtin, T::Uuid, T::Hash, T::Currency, T::Country, T::Language],
        T::Date | T::Time => &[T::Timestamp, T::Date, T::Time],
        T::Timestamp => &[T::Timestamp, T::Date],
        T::ImagePath | T::Url => &[T::Url, T::ImagePath],
        T::Category => &[T::CategoryPath],
        T::ProductDescription | T::Text => &[T::Html, T::Json],
        T::BankCard => &[T::BankCard],
        _ => &[],
    };
    let mut types = vec![(promised, 1.0)];
    if promised == T::Address && facts.han > 0.5 {
        types = vec![(T::AddressZh, 1.0)];
    }
    if promised == T::PersonName && facts.han > 0.5 {
        types = vec![(T::PersonNameZh, 1.0)];
    }
    let best = narrow
        .iter()
        .copied()
        .filter(|t| facts.coverage(*t) > 0.5)
        .max_by(|a, b| facts.coverage(*a).total_cmp(&facts.coverage(*b)));
    if let Some(best) = best
        && best != promised
    {
        types = vec![(best, 1.0), (promised, 0.8)];
    }
    match promised {
        T::Category if whole && facts.n > 0 => types = vec![(T::CategoryId, 0.85), (T::Category, 0.8)],
        T::ProductTitle if whole && facts.n > 0 => types = vec![(T::ProductId, 0.6), (T::ProductTitle, 0.5)],
        T::ShopName if whole && facts.n > 0 => types = vec![(T::ShopId, 0.9)],
        T::Campaign if whole && facts.n > 0 => types = vec![(T::CampaignId, 0.75), (T::Campaign, 0.7)],
        _ => {}
    }
    types
}

/// How well the values fit what the name promises: 1 fully, 0 not at all.
pub fn fit(semantic_type: T, data_type: &DataType, facts: &SampleFacts, stats: Option<&ColumnProfile>) -> f64 {
    if facts.n == 0 {
        return 0.85;
    }
    let distincts = stats.map_or(facts.distincts as u64, |stats| stats.distincts.max(facts.distincts as u64));
    let coverage = facts.coverage(semantic_type);
    let texts = 1.0 - facts.numeric;
    let moments = facts.coverage(T::Date) + facts.coverage(T::Timestamp) + facts.coverage(T::Time);
    let within = |least: f64, greatest: f64| match facts.range {
        Some((a, b)) if facts.numeric > 0.6 => f64::from(u8::from(a >= least && b <= greatest)),
        _ => 0.0,
    };
    // Bands instead of numbers: 31-50, under 15K.
    let bands = f64::from(u8::from(texts > 0.5 && distincts <= 60));
    match semantic_type.info().form {
        // A loose recogniser's no is weaker than a strict one's.
        Form::Pattern => match semantic_type {
            T::Phone
            | T::CnLandline
            | T::Passport
            | T::TravelPermit
            | T::ImagePath
            | T::CategoryPath
            | T::DomainName => {
                (0.35 * f64::from(u8::from(facts.binary < 0.9 && facts.length >= 5.0)) + coverage).min(1.0)
            }
            // Printed without its leading zeros, a barcode is still one.
            T::Gtin if coverage < 0.3 => {
                0.6 * f64::from(u8::from(facts.whole > 0.9 && (6.0..=14.0).contains(&facts.length)))
            }
            // A float keeps no more than sixteen digits, and a spreadsheet fewer: the check digit may be lost.
            T::BankCard if coverage < 0.3 && (data_type.is_floating() || facts.checked > 0.5) => {
                0.9 * facts.issued.max(facts.checked)
            }
            T::PostalCode => f64::from(u8::from((3.0..=10.0).contains(&facts.length) && facts.sentences < 0.2)),
            T::AdminCode => f64::from(u8::from(facts.whole > 0.9)) * 0.9,
            _ if coverage >= 0.3 => coverage.sqrt(),
            _ => 0.15 * coverage,
        },
        Form::Words => {
            let listed = coverage > 0.3;
            match semantic_type {
                T::Month if facts.numeric > 0.9 => within(1.0, 12.0),
                T::Weekday if facts.numeric > 0.9 => within(0.0, 7.0),
                _ if listed => 1.0,
                _ if facts.length > 30.0 || facts.sentences > 0.4 => 0.1,
                // Codes for words: behaviour 1 to 4, gender 0 and 1.
                T::Gender
                | T::EventType
                | T::OrderStatus
                | T::Availability
                | T::MaritalStatus
                | T::PaymentMethod
                | T::ShippingMethod => {
                    if distincts <= 60 {
                        0.9
                    } else {
                        0.2
                    }
                }
                T::Size => 0.9,
                _ if facts.numeric > 0.5 => 0.35,
                _ => 0.92,
            }
        }
        Form::Phrase | Form::Prose if moments > 0.8 => 0.1,
        // Persons are many, and streets; a handful of words over and over are kinds of something.
        Form::Phrase if is_person(semantic_type) && facts.n >= 30 && distincts <= 5 => 0.3,
        Form::Phrase if semantic_type == T::Address && facts.n >= 30 && distincts <= 5 && facts.is_bare_words() => 0.3,
        Form::Phrase if semantic_type == T::ProductTitle && facts.honorifics > 0.8 => 0.1,
        // Blood pressures, codes of diseases, numbers of records: numbers tell of health as well.
        Form::Phrase if semantic_type == T::Health && facts.sentences < 0.6 => 1.0,
        Form::Phrase => match texts {
            t if t > 0.5 && facts.sentences < 0.6 => 1.0,
            t if t > 0.5 => 0.5,
            _ => 0.4,
        },
        Form::Prose => {
            if texts > 0.5 && facts.words >= 1.5 {
                1.0
            } else {
                0.25
            }
        }
        Form::Code => match () {
            () if facts.sentences > 0.5 || facts.words > 6.0 || moments > 0.9 && semantic_type != T::Password => 0.1,
            () if facts.numeric > 0.5 && facts.whole < 0.5 && facts.cents > 0.3 => 0.3,
            () => 1.0,
        },
        Form::Number if semantic_type == T::Age => within(0.0, 130.0).max(coverage).max(0.9 * bands),
        Form::Number if semantic_type == T::Income => facts.numeric.max(0.9 * bands),
        Form::Number if semantic_type == T::Rating => within(-5.0, 100.0).max(0.5 * facts.numeric),
        Form::Number if semantic_type == T::Latitude => within(-90.0, 90.0),
        Form::Number if semantic_type == T::Longitude => within(-180.0, 180.0),
        Form::Number => facts.numeric.max(coverage).max(0.25),
        Form::Count => match semantic_type {
            T::Year => within(1000.0, 2200.0).max(coverage),
            _ if facts.numeric < 0.5 => 0.4,
            _ => 0.4 + 0.6 * facts.whole,
        },
        Form::Moment => {
            let typed = data_type.is_temporal();
            let of_card = semantic_type == T::CardExpiry;
            let printed = facts.months > 0.5 || facts.whole > 0.9 && (3.0..=6.0).contains(&facts.length);
            if typed || moments > 0.5 || facts.coverage(T::Year) > 0.8 || of_card && printed {
                1.0
            } else if facts.whole > 0.9 {
                0.4
            } else {
                0.25
            }
        }
        Form::Flag => {
            if distincts <= 4 {
                1.0
            } else {
                0.15
            }
        }
    }
}

/// Share of values that fit the chosen type.
pub fn coverage_of(semantic_type: T, data_type: &DataType, facts: &SampleFacts) -> f64 {
    if facts.n == 0 {
        return 0.0;
    }
    let matched = facts.coverage(semantic_type);
    match semantic_type.info().form {
        // Numbers of one country beside those of another are numbers of telephones all.
        Form::Pattern if semantic_type == T::Phone => facts.phones,
        Form::Pattern if semantic_type == T::BankCard => matched.max(facts.checked).max(facts.issued),
        Form::Pattern if !matches!(semantic_type, T::PostalCode | T::AdminCode) => matched,
        Form::Number => facts.numbers(semantic_type),
        Form::Count => facts.whole.max(matched),
        Form::Moment if data_type.is_temporal() => 1.0,
        Form::Moment if semantic_type == T::CardExpiry && facts.months.max(facts.whole) > 0.5 => {
            facts.months.max(facts.whole)
        }
        Form::Moment => {
            matched.max(facts.coverage(T::Date)).max(facts.coverage(T::Timestamp)).max(facts.coverage(T::Year))
        }
        _ => 1.0,
    }
}

fn is_person(semantic_type: T) -> bool {
    matches!(semantic_type, T::PersonName | T::PersonNameZh | T::GivenName | T::Surname)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_admit_what_they_can_hold() {
        assert!(!admits(&DataType::Boolean, T::Email) && admits(&DataType::Boolean, T::Click));
        assert!(!admits(&DataType::Date32, T::BankCard) && admits(&DataType::Date32, T::BirthDate));
        assert!(!admits(&DataType::Float64, T::PersonName) && admits(&DataType::Float64, T::Price));
        assert!(admits(&DataType::Float64, T::Health), "blood pressure");
        assert!(!admits(&DataType::Binary, T::ImagePath) && admits(&DataType::Binary, T::Hash));
    }

    #[test]
    fn promises_are_made_precise_by_values() {
        let mobiles = SampleFacts::of(&DataType::Utf8, &["13800138000", "13912345678"]);
        assert_eq!(specialised(T::Phone, &DataType::Utf8, &mobiles)[0].0, T::CnMobile);
        let several = ["07700 900426", "+44 7700 900516", "15447438114", "010-87654321", "154-0000"];
        let several = SampleFacts::of(&DataType::Utf8, &several);
        assert_eq!(coverage_of(T::Phone, &DataType::Utf8, &several), 0.8);
        let prices = SampleFacts::of(&DataType::Utf8, &["89.00", "169.00 CNY", "￥59", "on request"]);
        assert_eq!(coverage_of(T::Price, &DataType::Utf8, &prices), 0.75);
        let numbers = SampleFacts::of(&DataType::Int64, &["1", "2"]);
        assert_eq!(specialised(T::Category, &DataType::Int64, &numbers)[0].0, T::CategoryId);
        assert_eq!(fit(T::Email, &DataType::Utf8, &mobiles, None), 0.0);
    }
}
