//! Rows of which is known what they are: generated ones, with the errors that people make.

use super::*;

fn column(name: &str, declared: Declared, cells: &[Option<String>], vocabulary: &mut Vocabulary) -> Column {
    let mut column = Column::new(name, declared);
    cells.iter().for_each(|cell| column.push(cell.as_deref(), vocabulary));
    column
}

const QUIET: Watch<'static> = Watch { check: &|| Ok(()), tell: &|_| () };

/// Persons: names of many parts, a day of birth, a town of few.
fn persons(from: usize, count: usize, spoil: bool) -> Vec<Vec<Option<String>>> {
    const FIRST: [&str; 12] = [
        "margaret",
        "gustav",
        "leopold",
        "beatrice",
        "samuel",
        "charlotte",
        "winston",
        "philippa",
        "oscar",
        "henrietta",
        "tobias",
        "ursula",
    ];
    const LAST: [&str; 13] = [
        "abernathy",
        "blackwood",
        "castellan",
        "dunsmore",
        "eastwick",
        "farnham",
        "goldsmith",
        "hawthorne",
        "ingleby",
        "jefferson",
        "kingsley",
        "lancaster",
        "montague",
    ];
    const TOWN: [&str; 4] = ["york", "leeds", "bath", "derby"];
    let rows = (from..from + count).map(|n| {
        let (mut first, mut last) = (FIRST[n % 12].to_owned(), LAST[n / 12 % 13].to_owned());
        let mut town = Some(TOWN[n * 7 % 4].to_owned());
        let born = format!("{}-{:02}-{:02}", 1940 + n * 31 % 60, 1 + n * 17 % 12, 1 + n * 13 % 28);
        if spoil {
            match n % 4 {
                0 => last = last.replacen('o', "", 1).replacen('a', "e", 1),
                1 => town = None,
                2 => first = first[..1].to_owned(),
                _ => std::mem::swap(&mut first, &mut last),
            }
        }
        vec![Some(n.to_string()), Some(format!("{first} {last}")), Some(born), town]
    });
    rows.collect()
}

fn table(rows: &[Vec<Option<String>>], vocabulary: &mut Vocabulary) -> Vec<Column> {
    let names =
        [("id", Declared::Number), ("name", Declared::Text), ("born", Declared::Moment), ("town", Declared::Text)];
    let columns = names.iter().enumerate().map(|(at, (name, declared))| {
        let cells: Vec<Option<String>> = rows.iter().map(|row| row[at].clone()).collect();
        column(name, *declared, &cells, vocabulary)
    });
    columns.collect()
}

#[test]
fn spoilt_copies_are_found_within_one_relation() {
    let mut rows = persons(0, 150, false);
    rows.extend(persons(0, 40, true));
    (0..rows.len()).for_each(|n| rows[n][0] = Some(n.to_string()));
    let mut vocabulary = Vocabulary::default();
    let columns = table(&rows, &mut vocabulary);
    let found = dedupe(vocabulary, columns, 0.9, &QUIET).unwrap();
    let right = found.iter().filter(|member| member.link.right == member.link.left + 150).count();
    assert!(right >= 70, "{right} of 80 rows are found");
    assert_eq!(right, found.len(), "others are not");
    assert!(found.iter().all(|member| member.link.evidence.iter().all(|e| e.column.as_deref() != Some("id"))));
}

#[test]
fn where_nothing_is_twice_nothing_is_found() {
    let mut vocabulary = Vocabulary::default();
    let columns = table(&persons(0, 150, false), &mut vocabulary);
    assert_eq!(dedupe(vocabulary, columns, 0.9, &QUIET).unwrap(), []);
}

#[test]
fn partners_of_two_relations_of_other_names_and_order() {
    let (left, right) = (persons(0, 120, false), persons(30, 100, true));
    let mut vocabulary = Vocabulary::default();
    let left = table(&left, &mut vocabulary);
    let mut right = table(&right, &mut vocabulary);
    right.swap(1, 3);
    right[3].name = "who".to_owned();
    let found = link(vocabulary, left, right, None, (0.5, Partners::Found), &QUIET).unwrap();
    let true_ones = found.iter().filter(|link| link.left == link.right + 30).count();
    assert!(true_ones >= 75, "{true_ones} of 90");
    assert!(found.len() - true_ones <= 3, "{} others", found.len() - true_ones);
}

#[test]
fn titles_of_two_scripts() {
    let titles = |brand: &str| {
        let kinds = [
            "手机 128G 黑色",
            "手机 256G 白色",
            "平板电脑 11英寸",
            "笔记本电脑 16G内存",
            "无线蓝牙耳机",
            "智能手表 46mm",
        ];
        kinds.iter().enumerate().map(|(n, kind)| Some(format!("{brand} X{n}0{n} {kind}"))).collect::<Vec<_>>()
    };
    let left: Vec<Option<String>> = ["华为", "小米", "荣耀", "联想"].iter().flat_map(|brand| titles(brand)).collect();
    let right: Vec<Option<String>> =
        left.iter().rev().map(|t| t.as_ref().map(|t| format!("【正品】{t} 官方旗舰店"))).collect();
    let mut vocabulary = Vocabulary::default();
    let left = vec![column("标题", Declared::Text, &left, &mut vocabulary)];
    let right = vec![column("标题", Declared::Text, &right, &mut vocabulary)];
    let found = link(vocabulary, left, right, None, (0.5, Partners::Found), &QUIET).unwrap();
    let right = found.iter().filter(|link| link.left + link.right == 23).count();
    assert!(right >= 22 && found.len() == right, "{right} of 24, {} found", found.len());
}

#[test]
fn what_is_empty_or_of_one_row_has_no_duplicates() {
    for rows in [persons(0, 0, false), persons(0, 1, false)] {
        let mut vocabulary = Vocabulary::default();
        let columns = table(&rows, &mut vocabulary);
        assert_eq!(dedupe(vocabulary, columns, 0.5, &QUIET).unwrap(), []);
        let mut vocabulary = Vocabulary::default();
        let (left, right) = (table(&rows, &mut vocabulary), table(&persons(0, 5, false), &mut vocabulary));
        assert_eq!(link(vocabulary, left, right, None, (0.99, Partners::Found), &QUIET).unwrap().len(), 0);
    }
    assert_eq!(dedupe(Vocabulary::default(), Vec::new(), 0.5, &QUIET).unwrap(), []);
}

#[test]
fn work_stops_when_it_is_told_to() {
    let mut vocabulary = Vocabulary::default();
    let columns = table(&persons(0, 150, false), &mut vocabulary);
    let stop = Watch { check: &|| Err(Error::new(ErrorKind::LimitExceeded, "stop")), tell: &|_| () };
    assert!(dedupe(vocabulary, columns, 0.9, &stop).is_err());
}

#[test]
fn equal_rows_are_duplicates_and_no_relation_of_partners() {
    let mut rows = persons(0, 60, false);
    rows.extend(persons(0, 60, false));
    (0..rows.len()).for_each(|n| rows[n][0] = Some(n.to_string()));
    let mut vocabulary = Vocabulary::default();
    let columns = table(&rows, &mut vocabulary);
    assert!(equal_rows(&columns.iter().skip(1).collect::<Vec<_>>()) > 0.4);
    let found = dedupe(vocabulary, columns, 0.9, &QUIET).unwrap();
    assert_eq!(found.len(), 120);
    assert!(found.iter().all(|member| member.link.right == member.link.left + 60));
}

#[test]
fn relations_that_speak_of_nothing_common_are_refused() {
    let mut vocabulary = Vocabulary::default();
    let cells = |text: &str| (0..5).map(|n| Some(format!("{text}{n}"))).collect::<Vec<_>>();
    let left = vec![column("title", Declared::Text, &cells("a"), &mut vocabulary)];
    let right = vec![column("label", Declared::Text, &cells("b"), &mut vocabulary)];
    let refused = link(vocabulary, left, right, None, (0.5, Partners::Found), &QUIET).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidParameter);
}

#[test]
fn many_rows_of_one_partner() {
    let mut left = persons(0, 80, true);
    left.extend(persons(0, 80, true));
    let mut vocabulary = Vocabulary::default();
    let (left, right) = (table(&left, &mut vocabulary), table(&persons(0, 80, false), &mut vocabulary));
    let found = link(vocabulary, left, right, None, (0.5, Partners::Found), &QUIET).unwrap();
    let right = found.iter().filter(|link| link.left % 80 == link.right).count();
    assert!(right >= 150, "{right} of 160");
    assert!(found.len() - right <= 4, "{} others", found.len() - right);
}

#[test]
fn a_chain_of_likeness_is_not_one_thing() {
    // Each row shares its first word with one other row and its second with another one, and so on all through.
    let rows: Vec<Option<String>> =
        (0..400usize).map(|n| Some(format!("left{:05} right{:05}", n / 2, n.div_ceil(2)))).collect();
    let mut vocabulary = Vocabulary::default();
    let columns = vec![column("name", Declared::Text, &rows, &mut vocabulary)];
    let found = dedupe(vocabulary, columns, 0.9, &QUIET).unwrap();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    found.iter().for_each(|member| *sizes.entry(member.cluster).or_default() += 1);
    let largest = sizes.values().copied().max().unwrap_or(0);
    assert!(largest <= 4, "{largest} rows of a chain are one");
}
