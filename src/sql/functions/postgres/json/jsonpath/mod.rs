//! Paths of SQL/JSON: `jsonb_path_query(target, '$.items[*] ? (@.price > 10).name')`, and `@?`, `@@`.
//!
//! [`read`] makes a [`Path`] of a text, [`evaluate`] finds what it means in a value. In lax mode, which is the usual one, arrays
//! and their elements stand for each other and what is not there is nothing; in strict mode it is an error. Within a condition an
//! error makes it unknown.

mod evaluate;
mod number;
mod read;

use super::super::declared::{Body::Each, Declaration};
use super::super::made::{Args, Made};
use super::tree::Tree;
use super::{made, tree};
use crate::error::{Error, Kind, Result};
use crate::sql::semantics::{compiled_regex, said_regex};
use evaluate::Evaluator;
use std::cell::RefCell;
use std::rc::Rc;

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("as_jsonpath(text) text", Each(|row| parsed(row.text(0)).map(|_| row.text(0).into()))),
    ("jsonb_path_exists(jsonb, text, jsonb?, bool?) bool", Each(exists)),
    ("jsonb_path_exists_tz(jsonb, text, jsonb?, bool?) bool", Each(exists)),
    ("jsonb_path_match(jsonb, text, jsonb?, bool?) bool", Each(matches)),
    ("jsonb_path_match_tz(jsonb, text, jsonb?, bool?) bool", Each(matches)),
    ("jsonb_path_query(jsonb, text, jsonb?, bool?) text[]", Each(rows)),
    ("jsonb_path_query_tz(jsonb, text, jsonb?, bool?) text[]", Each(rows)),
    ("jsonb_path_query_array(jsonb, text, jsonb?, bool?) jsonb", Each(array)),
    ("jsonb_path_query_array_tz(jsonb, text, jsonb?, bool?) jsonb", Each(array)),
    ("jsonb_path_query_first(jsonb, text, jsonb?, bool?) jsonb", Each(first)),
    ("jsonb_path_query_first_tz(jsonb, text, jsonb?, bool?) jsonb", Each(first)),
    ("jsonb_path_exists_opr(jsonb, text) bool", Each(|row| exists_in(row, true))),
    ("jsonb_path_match_opr(jsonb, text) bool", Each(|row| matches_in(row, true))),
];

/// A path.
#[derive(Debug)]
pub struct Path {
    /// Arrays and their elements stand for each other.
    lax: bool,
    node: Node,
}

/// A part of a path: items, or a condition.
#[derive(Debug)]
enum Node {
    Root,
    Current,
    /// The last place of the array around.
    Last,
    Variable(String),
    Literal(Tree),
    Access(Box<Node>, Vec<Accessor>),
    Signed {
        negative: bool,
        of: Box<Node>,
    },
    Sum(Sum, Box<Node>, Box<Node>),
    Compare(Compare, Box<Node>, Box<Node>),
    StartsWith(Box<Node>, Box<Node>),
    LikeRegex(Box<Node>, regex::Regex),
    Exists(Box<Node>),
    IsUnknown(Box<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
}

#[derive(Debug)]
enum Accessor {
    Member(String),
    AnyMember,
    /// From this many levels below to so many.
    AnyLevel(usize, usize),
    AnyElement,
    Elements(Vec<(Node, Option<Node>)>),
    Filter(Box<Node>),
    Method(Method),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Type,
    Size,
    Double,
    Abs,
    Floor,
    Ceiling,
    KeyValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sum {
    Plus,
    Minus,
    Times,
    Divided,
    Modulo,
}

impl Sum {
    fn sign(self) -> char {
        match self {
            Self::Plus => '+',
            Self::Minus => '-',
            Self::Times => '*',
            Self::Divided => '/',
            Self::Modulo => '%',
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a path cannot do with a value.
struct Fault {
    error: Error,
    /// Neither a condition nor `silent` hides it.
    hard: bool,
}

impl Fault {
    fn soft(error: Error) -> Self {
        Self { error, hard: false }
    }
}

/// A pattern of `like_regex` with its flags.
fn pattern(text: &str, flags: &str) -> Result<regex::Regex> {
    let mut options = String::new();
    for flag in flags.chars() {
        match flag {
            'i' => options.push('i'),
            's' => {}
            'm' => options.push('w'),
            'q' => options.push('q'),
            'x' => {
                let message = "XQuery \"x\" flag (expanded regular expressions) is not implemented";
                return Err(Error::new(Kind::Unsupported, message));
            }
            _ => {
                return Err(Error::new(Kind::Syntax, "invalid input syntax for type jsonpath")
                    .with_detail(format!("Unrecognized flag character \"{flag}\" in LIKE_REGEX predicate.")));
            }
        }
    }
    // Unless a flag says so, no point is a line's end.
    let any = if flags.contains('s') { "" } else { "p" };
    let options = if flags.contains('q') { options } else { format!("{any}{options}") };
    compiled_regex(&said_regex(text, &options)?)
}

thread_local! {
    /// The path that was read last: mostly all rows have the same.
    static LAST: RefCell<Option<(String, Rc<Path>)>> = const { RefCell::new(None) };
}

fn parsed(text: &str) -> Result<Rc<Path>> {
    let kept = LAST.with_borrow(|last| last.as_ref().filter(|(of, _)| of == text).map(|(_, path)| path.clone()));
    if let Some(path) = kept {
        return Ok(path);
    }
    let path = Rc::new(read::read(text)?);
    LAST.set(Some((text.to_owned(), path.clone())));
    Ok(path)
}

/// What a path finds; none where an error is to be silent.
fn found<T>(
    row: &Args<'_>,
    silent: bool,
    find: impl FnOnce(&Evaluator<'_>, &Path) -> Result<T, Fault>,
) -> Result<Option<T>> {
    let path = parsed(row.text(1))?;
    let root = tree(row, 0)?;
    let variables = match row.len() {
        0..=2 if silent => None,
        0..=2 => Some(Tree::Object(Vec::new())),
        _ => Some(tree(row, 2)?),
    };
    if !matches!(variables, None | Some(Tree::Object(_))) {
        return Err(super::invalid("\"vars\" argument is not an object")
            .with_detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
    }
    match find(&Evaluator::new(&root, variables.as_ref(), path.lax), &path) {
        Ok(found) => Ok(Some(found)),
        Err(fault) if silent && !fault.hard => Ok(None),
        Err(fault) => Err(fault.error),
    }
}

fn exists(row: &Args<'_>) -> Result<Made> {
    exists_in(row, row.is_true(3))
}

fn exists_in(row: &Args<'_>, silent: bool) -> Result<Made> {
    Ok(found(row, silent, |evaluator, path| Ok(!evaluator.items(&path.node)?.is_empty()))?.into())
}

fn matches(row: &Args<'_>) -> Result<Made> {
    matches_in(row, row.is_true(3))
}

fn matches_in(row: &Args<'_>, silent: bool) -> Result<Made> {
    let truth = found(row, silent, |evaluator, path| match evaluator.items(&path.node)?.as_slice() {
        [one] => match one.as_ref() {
            Tree::Bool(value) => Ok(Some(*value)),
            Tree::Null => Ok(None),
            _ => Err(not_boolean()),
        },
        _ => Err(not_boolean()),
    })?;
    Ok(truth.flatten().into())
}

fn not_boolean() -> Fault {
    Fault::soft(Error::new(Kind::JsonSingleton, "single boolean result is expected"))
}

fn all(row: &Args<'_>) -> Result<Vec<Tree>> {
    let items = found(row, row.is_true(3), |evaluator, path| {
        Ok(evaluator.items(&path.node)?.into_iter().map(std::borrow::Cow::into_owned).collect())
    })?;
    Ok(items.unwrap_or_default())
}

fn rows(row: &Args<'_>) -> Result<Made> {
    Ok(Made::List(all(row)?.iter().map(made).collect::<Result<_>>()?))
}

fn array(row: &Args<'_>) -> Result<Made> {
    made(&Tree::Array(all(row)?))
}

fn first(row: &Args<'_>) -> Result<Made> {
    all(row)?.first().map_or(Ok(Made::Null), made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn find(target: &str, path: &str) -> Result<String, String> {
        let (root, variables) = (Tree::read(target).unwrap(), Tree::read("{\"x\": 2, \"s\": \"a\"}").unwrap());
        let path = read::read(path).map_err(|error| error.message().to_owned())?;
        let items = Evaluator::new(&root, Some(&variables), path.lax).items(&path.node);
        let items = items.map_err(|fault| fault.error.message().to_owned())?;
        Ok(items.into_iter().map(Cow::into_owned).map(|item| item.to_string()).collect::<Vec<_>>().join(" "))
    }

    /// What PostgreSQL 15 answers.
    #[test]
    fn answers_are_postgresqls() {
        let shop = r#"{"items": [{"name": "tea", "price": 2.50, "tags": ["a", "b"]}, {"name": "pot", "price": 10},
                       {"name": "cup"}], "open": true, "none": null}"#;
        for (target, path, expected) in [
            (shop, "$.open", "true"),
            (shop, "$.items.name", "\"tea\" \"pot\" \"cup\""),
            (shop, "$.items[*].price", "2.50 10"),
            (shop, "$.items[0 to 1].name", "\"tea\" \"pot\""),
            (shop, "$.items[last].name", "\"cup\""),
            (shop, "$.items[last - 1, 0].name", "\"pot\" \"tea\""),
            (shop, "$.items ? (@.price > 3).name", "\"pot\""),
            (shop, "$.items[*] ? (exists (@.tags)).name", "\"tea\""),
            (shop, "$.items[*] ? (!exists (@.price)).name", "\"cup\""),
            (shop, "$.items[*] ? (@.tags[*] == $s).name", "\"tea\""),
            (shop, "$.items[*] ? (@.name starts with \"t\" || @.price == 10).name", "\"tea\" \"pot\""),
            (shop, "$.items[*] ? (@.name like_regex \"^T\" flag \"i\").name", "\"tea\""),
            (shop, "$.items[*] ? ((@.price > 3) is unknown).name", ""),
            (shop, "$.items.size()", "3"),
            (shop, "$.items[*].price * $x + 1", ""),
            (shop, "$.items[0].price * $x + 1", "6.00"),
            (shop, "$.open == true", "true"),
            (shop, "$.none == null && $.missing == 1", "false"),
            (shop, "$.items[*].price.type()", "\"number\" \"number\""),
            (shop, "$.none.type()", "\"null\""),
            (shop, "$.**.tags[1]", "\"b\" \"b\""),
            (shop, "$.*.size()", "1 1 3"),
            (shop, "-$.items[0].price", "-2.50"),
            (shop, "$.items[5].name", ""),
            ("[1, 2, 3]", "$[*] ? (@ >= 2)", "2 3"),
            ("[1, 2, 3]", "$ ? (@ >= 2)", "2 3"),
            ("[-1.5, 2.5]", "$[*].floor()", "-2 2"),
            ("[-1.5, 2.5]", "$[*].ceiling()", "-1 3"),
            ("[-1.5, 2.5]", "$.abs()", "1.5 2.5"),
            ("[\"1.5\", 2]", "$.double()", "1.5 2"),
            ("{\"a\": 1}", "$.keyvalue()", "{\"id\": 0, \"key\": \"a\", \"value\": 1}"),
            ("[7, 2]", "$[0] % $[1]", "1"),
            ("[7, 2]", "$[0] / $[1]", "3.5000000000000000"),
            ("1", "$[0]", "1"),
            ("{\"a b\": {\"$c\": 5}}", "$.\"a b\".\"$c\"", "5"),
            ("[[1], [2, 3]]", "$[*][0]", "1 2"),
            ("{\"a\": [1, \"x\"]}", "$.a[*] ? (@ > 0)", "1"),
            ("null", "$ != 1", "true"),
            ("[1, null]", "$[*] ? (@ == null)", "null"),
        ] {
            let expected = if path == "$.items[*].price * $x + 1" {
                Err("left operand of jsonpath operator * is not a single numeric value".to_owned())
            } else {
                Ok(expected.to_owned())
            };
            assert_eq!(find(target, path), expected, "{path}");
        }
    }

    #[test]
    fn strict_paths_miss_what_is_not_there() {
        for (target, path, expected) in [
            ("{}", "strict $.a", "JSON object does not contain key \"a\""),
            ("[]", "strict $.a", "jsonpath member accessor can only be applied to an object"),
            ("1", "strict $[0]", "jsonpath array accessor can only be applied to an array"),
            ("[1]", "strict $[3]", "jsonpath array subscript is out of bounds"),
            ("{}", "$.a.b(", "syntax error at or near \"(\" of jsonpath input"),
            ("{}", "", "invalid input syntax for type jsonpath: \"\""),
            ("{}", "$.a +", "syntax error at end of jsonpath input"),
            ("{}", "$y", "could not find jsonpath variable \"y\""),
            ("\"a\"", "$.abs()", "jsonpath item method .abs() can only be applied to a numeric value"),
            ("[1, 0]", "$[0] / $[1]", "division by zero"),
        ] {
            assert_eq!(find(target, path), Err(expected.to_owned()), "{path}");
        }
        assert_eq!(find("{}", "strict $ ? (@.a == 1)"), Ok(String::new()));
        assert!(find("{}", &"(".repeat(5000)).is_err());
        assert!(find("{}", &"!".repeat(5000)).is_err());
    }
}
