//! What could go wrong: a right cell is changed, a wrong one is changed into another wrong one, or a doubtful change is called sure.
//! Promised: each method finds its planted errors and leaves the cells beside them alone.

use super::column::made::texts;
use super::*;

fn planned(columns: &[Column], asked: &Asked) -> Vec<(usize, usize, Option<String>, Method, bool)> {
    let all = plan(columns, asked, &|| Ok(())).unwrap();
    all.into_iter().map(|p| (p.row, p.column, p.new, p.method, p.confidence >= 0.9)).collect()
}

fn sure(columns: &[Column]) -> Vec<(usize, usize, Option<String>, Method)> {
    let asked = Asked { min_confidence: 0.9, ..Asked::default() };
    planned(columns, &asked).into_iter().map(|(row, column, new, method, _)| (row, column, new, method)).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn blanks_widths_and_case() {
    let cities = (0..200).map(|i| ["Hamburg", "Shanghai"][i % 2].to_owned());
    let column = texts("city", cities.chain([" Hamburg".into(), "shanghai".into(), "Ｈamburg".into()]));
    let wanted = vec![
        (200, 0, some("Hamburg"), Method::Trim),
        (201, 0, some("Shanghai"), Method::Case),
        (202, 0, some("Hamburg"), Method::Trim),
    ];
    assert_eq!(sure(&[column]), wanted);
}

#[test]
fn a_rare_value_near_a_common_one() {
    let names = (0..600).map(|i| ["Birmingham", "Manchester", "Leeds"][i % 3].to_owned());
    let column = texts("town", names.chain(["Birmingxam".into(), "Leads".into(), "Model 12".into()]));
    assert_eq!(sure(std::slice::from_ref(&column)), vec![(600, 0, some("Birmingham"), Method::FuzzyMatch)]);
    let all = planned(&[column], &Asked::default());
    assert!(all.contains(&(601, 0, some("Leeds"), Method::FuzzyMatch, false)), "short words are near many: {all:?}");
}

#[test]
fn units_that_are_spelt_in_several_ways_go() {
    let units = ["oz", "oz.", "ounce"];
    let column = texts("size", (0..90).map(|i| format!("{}.0 {}", 12 + i % 2, units[i % 3])));
    let found = sure(&[column]);
    assert_eq!((found.len(), found[0].clone()), (90, (0, 0, some("12"), Method::StandardiseUnit)));
    let tidy = texts("size", (0..90).map(|i| format!("{} oz", 12 + i % 2)));
    assert_eq!(sure(&[tidy]), vec![], "a unit that all have is no error");
}

#[test]
fn percent_signs_among_shares_and_among_percents() {
    let shares = (0..100).map(|i| format!("0.0{}", 4 + i % 5));
    let column = texts("abv", shares.clone().chain(["0.05%".into()]));
    assert_eq!(sure(&[column]), vec![(100, 0, some("0.05"), Method::StandardiseUnit)]);
    let column = texts("abv", shares.chain(["5%".into()]));
    assert_eq!(sure(&[column]), vec![(100, 0, some("0.05"), Method::StandardiseUnit)]);
    let column = texts("rate", (0..100).map(|i| (40 + i % 9).to_string()).chain(["45 %".into()]));
    assert_eq!(sure(&[column]), vec![(100, 0, some("45"), Method::StandardiseUnit)]);
}

#[test]
fn words_for_missing_are_null_where_numbers_are_and_names_are_left() {
    let numbers = (0..50).map(|i| i.to_string());
    assert_eq!(sure(&[texts("ibu", numbers.chain(["N/A".into()]))]), vec![(50, 0, None, Method::MissingToken)]);
    let countries = (0..90).map(|i| ["CN", "DE", "NA"][i % 3]);
    assert_eq!(sure(&[texts("country", countries)]), vec![]);
    let mut strict = texts("ibu", (0..50).map(|i| i.to_string()).chain(["N/A".into()]));
    strict.not_null = true;
    assert_eq!(sure(&[strict]), vec![]);
}

#[test]
fn days_and_prices_of_another_format() {
    let days = (0..60).map(|i| format!("2024-03-{:02}", 1 + i % 28));
    let column = texts("day", days.chain(["2024/3/5".into(), "31.03.2024".into(), "3/4/2024".into(), "soon".into()]));
    let found = sure(&[column]);
    assert_eq!(
        found,
        vec![(60, 0, some("2024-03-05"), Method::ParseDate), (61, 0, some("2024-03-31"), Method::ParseDate)]
    );
    let prices = (0..60).map(|i| format!("{}.99", 10 + i));
    let column = texts("price", prices.chain(["$1,299.00".into(), "12.50 EUR".into()]));
    let found = sure(&[column]);
    assert_eq!((found.len(), found[0].2.clone(), found[0].3), (2, some("1299.00"), Method::ParsePrice), "{found:?}");
}

#[test]
fn two_cells_in_one() {
    let towns = [("Reno", "NV"), ("Boise", "ID"), ("Gary", "IN")];
    let glued = |i: usize| i >= 60;
    let town = |i: usize| {
        let (town, state) = towns[i % 3];
        if glued(i) { format!("{town} {state}") } else { town.to_owned() }
    };
    let columns =
        [texts("city", (0..66).map(town)), texts("state", (0..66).map(|i| if glued(i) { "" } else { towns[i % 3].1 }))];
    let found = sure(&columns);
    assert_eq!(found.len(), 12, "{found:?}");
    assert!(
        found.contains(&(60, 0, some("Reno"), Method::Split)) && found.contains(&(61, 1, some("ID"), Method::Split))
    );
}

#[test]
fn what_a_column_determines_but_not_what_another_speaks_for() {
    let code = |i: usize| format!("10{}", i % 5);
    let city = |i: usize| {
        if i == 7 { "Bonn".to_owned() } else { ["Aachen", "Bonn", "Celle", "Aachen", "Bonn"][i % 5].to_owned() }
    };
    let columns = [texts("code", (0..600).map(code)), texts("city", (0..600).map(city))];
    assert_eq!(sure(&columns), vec![(7, 1, some("Celle"), Method::Dependency)]);
    // Where each determines the other either may be wrong.
    let of_code = |i: usize| if i == 7 { "v1".to_owned() } else { format!("v{}", i % 5) };
    assert_eq!(sure(&[texts("code", (0..200).map(code)), texts("other", (0..200).map(of_code))]), vec![]);
    // Row 7 is of another plant of that name, and its number says so.
    let number = |i: usize| if i % 40 == 7 { 900 } else { i % 5 };
    let place = |i: usize| if i % 40 == 7 { "Bonn".to_owned() } else { city(i) };
    let columns = [
        texts("name", (0..200).map(code)),
        texts("city", (0..200).map(place)),
        texts("number", (0..200).map(|i| number(i).to_string())),
    ];
    assert_eq!(sure(&columns), vec![]);
}

#[test]
fn sources_are_voted_on_and_contested_columns_are_not_trusted() {
    let (things, sources) = (40, 9);
    let rows = || (0..things * sources).map(|n| (n / sources, n % sources));
    let time = |thing: usize| format!("{}:{:02} p.m.", 1 + thing % 11, thing);
    // One reporter is often wrong, and one leaves out much.
    let told = |(thing, source): (usize, usize)| match source {
        0 if thing % 3 == 0 => time(thing + 1),
        1 if thing % 2 == 0 => String::new(),
        _ => time(thing),
    };
    // Four of nine mean another time by it.
    let disputed = |(thing, source): (usize, usize)| time(if source < 4 { thing + 5 } else { thing });
    let columns = [
        texts("thing", rows().map(|(thing, _)| format!("T{thing}"))),
        texts("source", rows().map(|(_, source)| format!("s{source}"))),
        texts("told", rows().map(told)),
        texts("disputed", rows().map(disputed)),
    ];
    let found = sure(&columns);
    assert_eq!(found.len(), 14 + 20, "{found:?}");
    assert!(found.iter().all(|(row, column, new, method)| {
        *column == 2 && *method == Method::Vote && new.as_deref() == Some(&time(row / sources))
    }));
    let all = plan(&columns, &Asked::default(), &|| Ok(())).unwrap();
    assert!(all.iter().any(|p| p.column == 3) && all.iter().filter(|p| p.column == 3).all(|p| p.confidence < 0.9));
}

#[test]
fn rules_tell_values_and_keys() {
    let mut column = texts("state", (0..40).map(|i| ["open", "closed"][i % 2]).chain(["Closed", "clsoed", "lost"]));
    column.among =
        vec![Among { rule: "state_known".into(), values: ["open", "closed"].map(str::to_owned).into(), keys: false }];
    let all = plan(&[column], &Asked { min_confidence: 0.5, ..Asked::default() }, &|| Ok(())).unwrap();
    let found: Vec<_> = all.iter().map(|p| (p.row, p.new.as_deref(), p.rule.as_deref())).collect();
    assert_eq!(found.len(), 2, "{all:?}");
    assert_eq!(found[1], (41, Some("closed"), Some("state_known")));
}

#[test]
fn nothing_is_made_up_unless_asked() {
    let mut column = Column::new("stock", Kind::Number { whole: true });
    (0..20).for_each(|n| column.push(Some(&(10 + n % 4).to_string())));
    column.push(None);
    column.push(Some("900"));
    assert_eq!(sure(std::slice::from_ref(&column)), vec![]);
    let asked = Asked { methods: vec![Method::ImputeMedian, Method::OutlierClip], min_confidence: 0.9 };
    let found: Vec<_> =
        planned(&[column], &asked).into_iter().map(|(row, _, new, method, _)| (row, new, method)).collect();
    assert_eq!(found[0].clone(), (20, some("12"), Method::ImputeMedian));
    assert_eq!((found[1].0, found[1].2), (21, Method::OutlierClip));
}

#[test]
fn fixed_columns_and_few_rows_say_nothing() {
    let mut key = texts("id", ["a", " b", "c"]);
    key.fixed = true;
    assert_eq!(sure(&[key]), vec![]);
    assert_eq!(sure(&[texts("x", [""; 0])]), vec![]);
}
