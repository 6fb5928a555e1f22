//! Words and names in ASCII: members of the lists, companies, street addresses, persons.

use super::SemanticType as T;
use super::shape::Shape;
use super::value::Candidates;
use super::words::{WORD_BYTES_MAX, is_country_code, is_given_name, types_of};

/// Words of the lists.
pub fn word(text: &str, found: &mut Candidates) {
    let mut buffer = [0u8; WORD_BYTES_MAX];
    let Some(lower) = lowered(text, &mut buffer) else { return };
    let types = types_of(lower);
    let confidence = match (types.len(), lower.len()) {
        (_, 1) => 0.2,
        (1, 2) => 0.35,
        (1, _) => 0.75,
        (_, 2) => 0.3,
        _ => 0.5,
    };
    for semantic_type in types {
        found.push(*semantic_type, confidence, "a word of the type's list");
    }
    if text.len() == 2 && is_country_code(text) {
        found.push(T::Country, 0.3, "a country's code");
    }
    let swift = matches!(text.len(), 8 | 11) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if swift
        && text.get(..6).is_some_and(|head| head.bytes().all(|b| b.is_ascii_uppercase()))
        && text.get(4..6).is_some_and(is_country_code)
    {
        found.push(T::SwiftBic, 0.38, "bank, country and place of an ISO 9362 code");
    }
}

/// Companies, street addresses and persons, by the words in them.
pub fn names(text: &str, shape: &Shape, found: &mut Candidates) {
    if text.len() > 120 || shape.letters < 3 {
        return;
    }
    let mut words = [""; 12];
    let mut count = 0;
    for word in text.split([' ', ',', '.']).filter(|word| !word.is_empty()) {
        let Some(place) = words.get_mut(count) else { return };
        *place = word;
        count += 1;
    }
    let words = &words[..count];
    let is = |word: &str, list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    const COMPANY: [&str; 17] = [
        "inc",
        "ltd",
        "llc",
        "gmbh",
        "corp",
        "corporation",
        "limited",
        "plc",
        "company",
        "co",
        "ag",
        "sa",
        "srl",
        "bv",
        "group",
        "holdings",
        "pty",
    ];
    if count >= 2 && words.last().is_some_and(|last| is(last, &COMPANY)) && text.as_bytes()[0].is_ascii_uppercase() {
        let sure = words.last().is_some_and(|last| is(last, &COMPANY[..8]));
        found.push(T::CompanyName, if sure { 0.85 } else { 0.5 }, "ends as a company's name does");
        return;
    }
    const STREET: [&str; 30] = [
        "street",
        "st",
        "avenue",
        "ave",
        "road",
        "rd",
        "boulevard",
        "blvd",
        "blv",
        "lane",
        "ln",
        "drive",
        "dr",
        "court",
        "ct",
        "place",
        "pl",
        "square",
        "terrace",
        "way",
        "highway",
        "hwy",
        "parkway",
        "pkwy",
        "crescent",
        "close",
        "circuit",
        "circle",
        "trail",
        "alley",
    ];
    if (2..=12).contains(&count) {
        let numbered = words[0].as_bytes()[0].is_ascii_digit() && words[0].len() <= 6;
        if numbered && words[1..].iter().any(|word| is(word, &STREET)) {
            return found.push(T::Address, 0.8, "a house number and a kind of street");
        }
        if text.len() > 7
            && text.is_char_boundary(8.min(text.len()))
            && text.to_ascii_lowercase().starts_with("p.o. box")
        {
            return found.push(T::Address, 0.85, "a post box");
        }
        if words.last().is_some_and(|last| is(last, &STREET)) && shape.digits == 0 && count <= 4 {
            found.push(T::Address, 0.35, "ends as a street does");
        }
    }
    if shape.digits == 0 && (2..=4).contains(&count) {
        let titled = is(words[0], &["mr", "mrs", "ms", "miss", "dr", "prof"]);
        let mut buffer = [0u8; 16];
        let candidates = if text.contains(',') { &words[count - 1..] } else { &words[usize::from(titled)..][..1] };
        let given = candidates.iter().any(|word| lowered(word, &mut buffer).is_some_and(is_given_name));
        let capitals = words.iter().all(|word| word.as_bytes()[0].is_ascii_uppercase());
        if titled || (given && capitals) {
            found.push(T::PersonName, if titled { 0.7 } else { 0.6 }, "a common given name and a family name");
        }
    } else if count == 1 && shape.digits == 0 && text.len() <= 16 {
        let mut buffer = [0u8; 16];
        if lowered(text, &mut buffer).is_some_and(is_given_name) {
            found.push(T::GivenName, 0.35, "a common given name");
        }
    }
}

/// The text in lower case in `buffer`, if it fits.
pub fn lowered<'a>(text: &str, buffer: &'a mut [u8]) -> Option<&'a str> {
    let place = buffer.get_mut(..text.len())?;
    place.copy_from_slice(text.as_bytes());
    place.make_ascii_lowercase();
    std::str::from_utf8(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(text: &str) -> Option<T> {
        let mut found = Candidates::default();
        word(text, &mut found);
        names(text, &Shape::of(text), &mut found);
        found.best().map(|(t, _, _)| t)
    }

    #[test]
    fn persons_companies_streets() {
        assert_eq!(best("Mrs. Jane Roe"), Some(T::PersonName));
        assert_eq!(best("Jane Roe"), Some(T::PersonName));
        assert_eq!(best("Example Widgets GmbH"), Some(T::CompanyName));
        assert_eq!(best("100 Main St"), Some(T::Address));
        assert_eq!(best("DEUTDEFF"), Some(T::SwiftBic));
        assert_eq!(best("Silver"), Some(T::Colour));
        assert_eq!(best("an ordinary phrase"), None);
    }
}
