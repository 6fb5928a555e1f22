//! The canonical form of a value of a known type.

use super::date::{self, Order};
use super::{digits, email, identity, number, phone, postcode, text, unit, url};
use crate::error::{Error, Kind, Result};
use crate::governance::SemanticType;

/// What `REPAIR` may be told beside the value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The calling code of telephone numbers that have none, such as `86`.
    pub country: Option<String>,
    /// What comes first in days written with numbers.
    pub order: Option<Order>,
    /// The unit that amounts are to be in.
    pub unit: Option<String>,
}

impl Options {
    /// Takes one option; [`Kind::InvalidParameter`] for one that is unknown or cannot have this value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match (name, value) {
            ("country", "cn" | "CN") => self.country = Some("86".into()),
            ("country", "us" | "US" | "ca" | "CA") => self.country = Some("1".into()),
            ("country", code) if code.trim_start_matches('+').parse::<u16>().is_ok_and(|code| code < 1000) => {
                self.country = Some(code.trim_start_matches('+').to_owned());
            }
            ("order", "dmy") => self.order = Some(Order::DayFirst),
            ("order", "mdy") => self.order = Some(Order::MonthFirst),
            ("unit", name) if unit::Known::named(name).is_some() => self.unit = Some(name.to_owned()),
            ("country" | "order" | "unit", _) => {
                let hint = match name {
                    "country" => "country is a calling code such as '86', or cn, us, ca.",
                    "order" => "order is dmy or mdy.",
                    _ => "unit is the name of a unit such as g, kg, ml, cm.",
                };
                let message = format!("option \"{name}\" of REPAIR cannot have this value");
                return Err(Error::new(Kind::InvalidParameter, message).with_hint(hint));
            }
            _ => {
                let message = format!("option \"{name}\" of REPAIR does not exist");
                return Err(
                    Error::new(Kind::InvalidParameter, message).with_hint("Options are country, order and unit.")
                );
            }
        }
        Ok(())
    }
}

/// The canonical form of a value of a semantic type, or `None` where it has none: it is no such value, or nothing tells which of several
/// it is. A type without a form of its own gives the text without needless blanks and of half width. [`Kind::UndefinedObject`] for a type
/// that does not exist.
pub fn canonical(value: &str, semantic_type: &str, options: &Options) -> Result<Option<String>> {
    let country = options.country.as_deref();
    let wanted = semantic_type.trim().to_lowercase();
    Ok(match wanted.as_str() {
        "email" => email::email(value),
        "phone" | "cn_landline" => phone::phone(value, country),
        "cn_mobile" => phone::phone(value, country.or(Some("86"))),
        "date" | "datetime" | "timestamp" | "birth_date" => date::date(value, options.order),
        "number" | "price" | "amount" | "cost" | "profit" | "tax" | "discount" | "income" | "quantity" | "stock"
        | "count" | "age" | "rating" => number::number(value),
        "percentage" => number::percentage(value),
        "unit" | "measure" | "weight" | "dimension" => unit::unit(value, options.unit.as_deref()),
        "cn_id_card" => identity::id_card(value),
        "cn_uscc" => identity::uscc(value),
        "iban" => identity::bank_iban(value),
        "bank_card" => identity::card(value),
        "gtin" => identity::bar_code(value),
        "isbn" => identity::isbn(value),
        "postal_code" | "postcode" => postcode::postcode(value),
        "url" => url::url(value),
        "domain_name" => url::domain(value),
        "ip" => url::ip(value),
        "mac" => url::mac(value),
        "uuid" => url::uuid(value),
        "currency" => digits::currency(value),
        "swift_bic" => digits::bank(value),
        "cn_plate" => digits::plate(value),
        other => {
            if other != "text" && !SemanticType::ALL.iter().any(|known| known.name() == other) {
                let message = format!("semantic type \"{semantic_type}\" does not exist");
                return Err(Error::new(Kind::UndefinedObject, message)
                    .with_hint("Types are those that CLASSIFY(value) gives, and date, number, unit and text."));
            }
            Some(text::tidy(value)).filter(|text| !text.is_empty())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_type() {
        let form = |value: &str, of: &str| canonical(value, of, &Options::default()).unwrap();
        assert_eq!(form(" A@B.com", "email").as_deref(), Some("a@b.com"));
        assert_eq!(form("￥1,299", "price").as_deref(), Some("1299"));
        assert_eq!(form(" 红  色 ", "colour").as_deref(), Some("红 色"));
        assert_eq!(form("  ", "text"), None);
        assert_eq!(canonical("x", "nonsense", &Options::default()).unwrap_err().kind(), Kind::UndefinedObject);
    }

    #[test]
    fn options_are_looked_at() {
        let mut options = Options::default();
        options.set("country", "+44").unwrap();
        options.set("order", "mdy").unwrap();
        assert_eq!(options, Options { country: Some("44".into()), order: Some(Order::MonthFirst), unit: None });
        for (name, value) in [("order", "ymd"), ("unit", "parsec"), ("colour", "red"), ("country", "nowhere")] {
            assert_eq!(options.set(name, value).unwrap_err().kind(), Kind::InvalidParameter, "{name}");
        }
    }
}
