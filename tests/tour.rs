//! The tour, as a new user sees it: `sql/tour.sql` through the program, its output compared with `tests/tour.out`.
//!
//! What could go wrong: anything at all between a statement's text and its printed answer. Words must be the same;
//! numbers may differ by a hundredth, since models are trained with whatever instructions the processor has, and ages of
//! data grow by the day. `TOUR_UPDATE=1` writes the file anew: read it before it is committed.

use std::path::Path;
use std::process::Command;

/// How far numbers may differ: by this share of the larger.
const SHARE_MAX: f64 = 0.05;
/// And by this much in any case.
const DIFFERENCE_MAX: f64 = 0.011;

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

fn alike(expected: &str, found: &str) -> bool {
    let (a, b) = (words(expected), words(found));
    let number = |word: &str| word.parse::<f64>().ok();
    // How much room an asset takes on disk depends on how many cores loaded it.
    let is_size = |n: usize| n == 5 && a.get(2).is_some_and(|word| word.ends_with("structured"));
    a.len() == b.len()
        && a.iter().zip(&b).enumerate().all(|(n, (a, b))| match (number(a), number(b)) {
            (Some(_), Some(_)) if is_size(n) => true,
            (Some(x), Some(y)) => (x - y).abs() <= DIFFERENCE_MAX.max(SHARE_MAX * x.abs().max(y.abs())),
            _ => a == b,
        })
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
    let mut predicting = false;
    for (n, (expected, found)) in expected.iter().zip(&found).enumerate() {
        // Learnt numbers differ a little from processor to processor, and with them which rows come out on top: of the
        // chapters on quality and clicks the number of lines counts; what they promise is tested in slt/functions.
        predicting = (predicting || expected.starts_with("Chapter 7")) && !expected.starts_with("Chapter 9");
        if predicting {
            continue;
        }
        assert!(alike(expected, found), "line {} differs\nexpected: {expected}\nfound:    {found}", n + 1);
    }
    assert_eq!(expected.len(), found.len(), "the tour has another number of lines");

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
