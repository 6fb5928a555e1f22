//! The tour, as a new user sees it: `sql/tour.sql` through the program, its output compared with `tests/tour.out`.
//!
//! What could go wrong: anything at all between a statement's text and its printed answer. What SQL computes must be the same to
//! the last digit. What models have learnt differs a little from processor to processor: [`Rule`] says how much of it may, chapter by
//! chapter. Ages of data grow by the day. `TOUR_UPDATE=1` writes the file anew: read it before it is committed.

use std::path::Path;
use std::process::Command;

fn run(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_steward"))
        .args(arguments)
        .current_dir(root)
        .env_remove("STEWARD_KEY_FILE")
        .env_remove("STEWARD_PASSPHRASE")
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed:\n{errors}");
    assert!(!errors.contains("ERROR"), "{arguments:?} reported:\n{errors}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// Words and numbers of a line; ages are left out.
fn words(line: &str) -> Vec<&str> {
    line.split(|c: char| c.is_whitespace() || c == '|')
        .filter(|word| !word.is_empty() && !word.starts_with("---"))
        .collect()
}

/// By how much numbers may differ.
struct Rule {
    /// Those with a fraction.
    fractions: f64,
    /// Those without.
    counts: f64,
}

const EXACT: Rule = Rule { fractions: 0.0, counts: 0.0 };

/// What may differ in a line of a chapter.
fn rule(chapter: u32, line: &str) -> Rule {
    let has = |word: &str| words(line).contains(&word);
    match chapter {
        // The quality of assets is partly what a model says; so is how sure it is of a title, and which it takes for what.
        5 => Rule { fractions: 0.005, counts: 0.0 },
        6 => Rule { fractions: 0.02, counts: 1.0 },
        7 => Rule { fractions: 0.005, counts: 2.0 },
        // A constant is that of the rows that its model has learnt from, and whether these are all is for the model to find.
        8 if line.contains("baseline") || has("logloss") || has("calibration") => {
            Rule { fractions: 0.0005, counts: 0.0 }
        }
        8 => Rule { fractions: 0.005, counts: 0.0 },
        _ => EXACT,
    }
}

/// Whether a table, whose names of columns these are, has the first rows of an order by what a model says: then others may come
/// out on top elsewhere.
fn is_ranked(chapter: u32, header: &str) -> bool {
    let names = words(header);
    matches!(chapter, 7 | 8)
        && ["quality", "ctr_bilinear", "importance", "likely", "for_example"].iter().any(|n| names.contains(n))
}

fn alike(expected: &str, found: &str, rule: &Rule) -> bool {
    let (a, b) = (words(expected), words(found));
    let number = |word: &str| word.parse::<f64>().ok();
    // How much room a table takes on disk depends on how many cores loaded it. Files have the bytes that they have.
    let is_size = |n: usize| n == 5 && a.get(1) == Some(&"table") && a.get(2) == Some(&"structured");
    a.len() == b.len()
        && a.iter().zip(&b).enumerate().all(|(n, (a, b))| match (number(a), number(b)) {
            (Some(x), Some(y)) if is_size(n) => x <= 2.0 * y && y <= 2.0 * x,
            (Some(x), Some(y)) => {
                let by = if a.contains('.') { rule.fractions } else { rule.counts };
                // What is printed is rounded: a little more than the bound is the bound.
                a == b || (x - y).abs() <= by * 1.001
            }
            _ => a == b,
        })
}

/// The value that EVALUATE gave in the tour, by what stands before it in its line.
fn told(lines: &[String], of: &[&str]) -> f64 {
    let line = lines.iter().map(|line| words(line)).find(|words| words.starts_with(of));
    let value = line.unwrap_or_else(|| panic!("the tour tells no {of:?}"))[of.len()];
    value.parse().unwrap_or_else(|_| panic!("{of:?} is {value}"))
}

#[test]
fn the_tour_says_what_it_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop");
    let password = folder.path().join("password");
    std::fs::write(&password, "a password\n").expect("a password");
    let (data, password) = (data.to_str().expect("a path"), password.to_str().expect("a path"));
    run(&["init", "--data", data, "--user", "steward", "--password-file", password]);
    let found = run(&["sql", "--data", data, "-f", "sql/tour.sql"]);
    let found: Vec<String> = found
        .lines()
        // The age of data is another every day.
        .map(|line| if line.contains(" days ") { "(an age)".to_owned() } else { line.trim_end().to_owned() })
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tour.out");
    if std::env::var_os("TOUR_UPDATE").is_some() {
        std::fs::write(&path, found.join("\n") + "\n").expect("the file is written");
    }
    let expected = std::fs::read_to_string(&path).expect("tests/tour.out is there");
    let expected: Vec<&str> = expected.lines().collect();
    let (mut chapter, mut ranked) = (0, false);
    for (n, (expected, found)) in expected.iter().zip(&found).enumerate() {
        if let Some(title) = expected.strip_prefix("Chapter ") {
            chapter = title.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        }
        match expected.starts_with('(') {
            true => ranked = false,
            false => ranked |= is_ranked(chapter, expected),
        }
        assert!(
            ranked || alike(expected, found, &rule(chapter, expected)),
            "line {} differs\nexpected: {expected}\nfound:    {found}",
            n + 1
        );
    }
    assert_eq!(expected.len(), found.len(), "the tour has another number of lines");

    // What the models promise: better than the constant that knows nothing but how many click.
    for model in ["ctr@2", "ctr_bilinear@2"] {
        let [learnt, constant] = ["logloss", "baseline_logloss"].map(|metric| told(&found, &[model, metric]));
        assert!(learnt < constant, "{model}: {learnt} against {constant}");
        assert!(told(&found, &[model, "auc"]) > 0.56, "{model}");
    }
    assert!(told(&found, &["auc"]) > 0.92, "intent");

    // What docs/sql.md shows runs as it stands, in its order, on the shop after the tour.
    let examples = folder.path().join("examples.sql");
    std::fs::write(&examples, examples_of("docs/sql.md")).expect("the examples are written");
    let shown = run(&["sql", "--data", data, "-f", examples.to_str().expect("a path")]);
    assert!(shown.contains("email    | 服装"), "{shown}");
}

/// The examples of a document: its blocks of SQL that end their statements. The others are grammar.
fn examples_of(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).expect("the document is there");
    let blocks = text.split("\n```sql\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let examples: Vec<&str> = blocks.filter(|block| block.contains(';')).collect();
    assert!(examples.len() >= 10, "docs/sql.md has its examples in other marks");
    examples.join("\n")
}
