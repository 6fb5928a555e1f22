//! Codes that are known by their letters and digits alone: currencies, banks, plates.

use super::text::code;

/// The code of a currency (ISO 4217) by its code, sign or Chinese name; `None` for a sign that several share (`$` is taken for the US
/// dollar's, `¥` for the yuan's).
pub fn currency(text: &str) -> Option<String> {
    let text = code(text).to_uppercase();
    let known = match text.as_str() {
        "¥" | "RMB" | "CN¥" | "元" | "人民币" => "CNY",
        "$" | "US$" | "美元" => "USD",
        "€" | "欧元" => "EUR",
        "£" | "英镑" => "GBP",
        "日元" | "JP¥" => "JPY",
        "HK$" | "港币" | "港元" => "HKD",
        "NT$" | "台币" | "新台币" => "TWD",
        "₹" => "INR",
        "₩" | "韩元" => "KRW",
        "₽" | "卢布" => "RUB",
        _ => "",
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    (text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())).then_some(text)
}

/// The code of a bank (ISO 9362) in capitals.
pub fn bank(text: &str) -> Option<String> {
    let text = code(text).to_uppercase();
    let fits = matches!(text.len(), 8 | 11)
        && text.bytes().take(6).all(|b| b.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(text)
}

/// A Chinese number plate in capitals, without points and blanks.
pub fn plate(text: &str) -> Option<String> {
    let text: String = code(text).chars().filter(|c| !matches!(c, '·' | '•' | '.' | '-')).collect();
    let text = text.to_uppercase();
    crate::governance::semantic_type::is_plate(&text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        assert_eq!(currency("￥").as_deref(), Some("CNY"));
        assert_eq!(currency(" usd ").as_deref(), Some("USD"));
        assert_eq!(bank("deutdeff").as_deref(), Some("DEUTDEFF"));
        assert_eq!(plate("粤b·12345").as_deref(), Some("粤B12345"));
        assert_eq!((currency("money"), bank("x"), plate("abc")), (None, None, None));
    }
}
