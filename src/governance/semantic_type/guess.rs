//! What a column's numbers and texts look like as a whole, where single values say nothing: ratings, prices, keys,
//! titles, reviews. Weak evidence, meant to stand back behind a header and behind recognised values.

use super::SemanticType as T;
use super::facts::SampleFacts;

/// A guess: type, confidence, evidence.
pub type Guess = (T, f64, &'static str);

/// The guesses for a sample.
pub fn guesses(facts: &SampleFacts) -> Vec<Guess> {
    let mut found = Vec::new();
    if facts.n == 0 {
        return found;
    }
    if facts.numeric >= 0.95 {
        numbers(facts, &mut found);
    } else if facts.numeric < 0.5 {
        texts(facts, &mut found);
    }
    found
}

fn numbers(facts: &SampleFacts, found: &mut Vec<Guess>) {
    let Some((least, greatest)) = facts.range else { return };
    let whole = facts.whole > 0.99;
    if facts.binary > 0.999 && facts.n >= 2 {
        found.push((T::Boolean, 0.6, "only 0 and 1"));
    }
    // One number in ten has a right Luhn digit by chance; hardly a column.
    if facts.checked > 0.9 && facts.n >= 5 && facts.distincts >= 5 {
        found.push((T::BankCard, 0.6, "sixteen digits, nearly all with a right Luhn digit"));
    }
    if whole && facts.n >= 20 && facts.distinct_share() > 0.98 && greatest >= 100.0 {
        found.push((T::Identifier, 0.5, "whole numbers, nearly all different"));
    }
    if (0.0..=1.0).contains(&least) && (4.5..=5.0).contains(&greatest) && facts.distincts <= 51 && facts.distincts >= 3
    {
        found.push((T::Rating, 0.5, "few steps up to five"));
    }
    if !whole && facts.cents > 0.5 && least >= 0.0 && facts.distincts > 5 {
        found.push((T::Price, 0.48, "amounts with two decimals"));
    }
    if !whole && facts.fine > 0.7 && (least < -1.0 || greatest > 1.0) {
        if least >= -90.0 && greatest <= 90.0 && greatest - least < 60.0 && greatest.abs().max(least.abs()) > 5.0 {
            found.push((T::Latitude, 0.36, "fine decimals between -90 and 90"));
        } else if least >= -180.0 && greatest <= 180.0 && (greatest > 90.0 || least < -90.0) {
            found.push((T::Longitude, 0.4, "fine decimals between -180 and 180"));
        }
    }
    if !whole && least >= 0.0 && greatest <= 1.0 {
        found.push((T::Percentage, 0.4, "shares between 0 and 1"));
    }
    if whole && least >= 0.0 && facts.distinct_share() <= 0.98 {
        let small = greatest <= 200.0;
        found.push(if small { (T::Quantity, 0.34, "small whole numbers") } else { (T::Count, 0.33, "whole numbers") });
    }
    found.push((T::Measure, 0.32, "numbers"));
}

fn texts(facts: &SampleFacts, found: &mut Vec<Guess>) {
    let different = facts.distinct_share();
    // Names in Chinese alone have a recogniser of their own.
    if facts.are_persons() && facts.han < 0.95 {
        found.push((T::PersonName, 0.5 + 0.4 * facts.persons, "names of persons, many with a known given name"));
    }
    if facts.codes > 0.9 && different > 0.8 && facts.length >= 6.0 {
        let confidence = if facts.same_length { 0.55 } else { 0.42 };
        found.push((T::Identifier, confidence, "letters and digits without spaces, nearly all different"));
    }
    if facts.words >= 8.0 && facts.sentences > 0.5 {
        if facts.opinions > 0.5 {
            found.push((T::ReviewText, 0.6, "sentences that judge"));
        } else {
            found.push((T::ProductDescription, 0.42, "sentences"));
        }
        found.push((T::Text, 0.4, "sentences"));
    } else if (2.5..=25.0).contains(&facts.words) && different > 0.5 && facts.sentences < 0.3 && facts.length >= 8.0 {
        // Titles of goods tell something of them; two or three words without a figure name anything.
        let short = facts.words < 3.5 && facts.digits < 0.1;
        let confidence = if short { 0.4 } else { 0.5 };
        found.push((T::ProductTitle, confidence, "phrases of several words, mostly different"));
    } else if facts.words >= 8.0 {
        found.push((T::Text, 0.4, "running text"));
    }
    let few = facts.distincts <= 60 && different < 0.5 || different < 0.1;
    if few && facts.length <= 40.0 {
        found.push((T::Category, 0.4, "few different short texts"));
    }
    found.push((T::Label, 0.31, "texts"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    fn top(values: &[String]) -> Option<T> {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut found = guesses(&SampleFacts::of(&DataType::Utf8, &values));
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.first().map(|guess| guess.0)
    }

    #[test]
    fn shapes_of_columns() {
        let column = |make: &dyn Fn(usize) -> String| (0..100).map(make).collect::<Vec<_>>();
        assert_eq!(top(&column(&|i| (100_000 + i * 37).to_string())), Some(T::Identifier));
        assert_eq!(top(&column(&|i| format!("{}.{:02}", 3 + i % 40, i % 97))), Some(T::Price));
        assert_eq!(top(&column(&|i| (1 + i % 5).to_string())), Some(T::Rating));
        assert_eq!(top(&column(&|i| (i % 2).to_string())), Some(T::Boolean));
        assert_eq!(
            top(&column(&|i| format!("I love it, number {i}. It fits great and my friends really like it."))),
            Some(T::ReviewText)
        );
        assert_eq!(top(&[]), None);
    }
}
