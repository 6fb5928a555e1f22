//! JSON files, in the shapes that people write them:
//!
//! * lines: one value a line (JSON lines), streamed;
//! * a sequence: pretty-printed values one after another;
//! * an array: its elements are the rows;
//! * an object with one array of objects: its elements are the rows; with several, each is an asset of its own;
//! * an object of objects (a dictionary): a row each, its name in the column `key`; where the inner names count
//!   0, 1, 2, ..., the members are the columns, as data frames are saved;
//! * an object with more members than a table has columns: rows of `key` and `value`;
//! * any other object: one row.
//!
//! Elements that are no objects become the column `value`. Nested values stay JSON text.

use super::charset::Replaced;
use super::csv_file::Place;
use super::input::{Budget, Guarded, io_error, too_big};
use super::json_document::{self, Frame, Walk, Whole};
use super::json_value::{Row, is_one_value, members, skip_blanks, wrong};
use super::options::FileOptions;
use super::records::{self, Record, RecordLayout, RecordSource};
use crate::config::{SOURCE_JSON_BYTES_MAX, SOURCE_SAMPLE_BYTES};
use crate::error::{Kind, Result};
use serde::de::IgnoredAny;
use std::io::{BufRead, BufReader, Read};

/// Which of the shapes a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Lines,
    /// Whole in memory; rows begin at this byte.
    Whole {
        walk: Walk,
        at: usize,
    },
}

/// What is known of a JSON file before its rows are read.
#[derive(Debug, Clone)]
pub(super) struct JsonLayout {
    shape: Shape,
    pub(super) records: RecordLayout,
}

/// Finds out shape, names and types; `member` chooses one array of an object that has several.
pub(super) fn inspect(place: &Place, options: &FileOptions, member: Option<&str>) -> Result<JsonLayout> {
    let shape = match is_lines(place, options)? {
        true => Shape::Lines,
        false => {
            let text = load(place, options)?;
            let (walk, at) = json_document::shape(&place.shown(), text.as_bytes(), member)?;
            Shape::Whole { walk, at }
        }
    };
    let rows = options.sample_rows.unwrap_or(usize::MAX);
    let records = |shape| {
        let mut source = open(place, options, shape)?;
        records::inspect(&mut *source, rows, SOURCE_SAMPLE_BYTES, false, options.normalize_names)
    };
    match (records(shape), shape) {
        // Members that share no names are values, not rows.
        (Err(error), Shape::Whole { walk: Walk::Dictionary, at }) if error.kind() == Kind::LimitExceeded => {
            let shape = Shape::Whole { walk: Walk::Pairs, at };
            Ok(JsonLayout { shape, records: records(shape)? })
        }
        (records, _) => Ok(JsonLayout { shape, records: records? }),
    }
}

/// The rows of a JSON file.
pub(super) fn rows(place: &Place, options: &FileOptions, layout: &JsonLayout) -> Result<records::RecordRows> {
    Ok(records::RecordRows::new(open(place, options, layout.shape)?, &layout.records, false))
}

/// The members of a document's object that are tables of their own, when there are several.
pub(super) fn tables(place: &Place, options: &FileOptions) -> Result<Vec<String>> {
    if is_lines(place, options)? {
        return Ok(Vec::new());
    }
    let text = load(place, options)?;
    let bytes = text.as_bytes();
    let at = skip_blanks(bytes, 0);
    if bytes.get(at) != Some(&b'{') || !is_one_value(&place.shown(), bytes, at)? {
        return Ok(Vec::new());
    }
    let members = members(&place.shown(), bytes, at)?;
    let tables: Vec<String> = members.into_iter().filter(|member| member.is_table(bytes)).map(|m| m.key).collect();
    Ok(if tables.len() > 1 { tables } else { Vec::new() })
}

fn open(place: &Place, options: &FileOptions, shape: Shape) -> Result<Box<dyn RecordSource>> {
    Ok(match shape {
        Shape::Lines => Box::new(Lines::open(place, options)?),
        Shape::Whole { walk: Walk::Columns, at } => {
            let text = load(place, options)?;
            Box::new(Frame::new(place.shown(), text.as_bytes(), at)?)
        }
        Shape::Whole { walk, at } => Box::new(Whole::new(place.shown(), load(place, options)?, walk, at)),
    })
}

/// The document as text; `LimitExceeded` beyond [`SOURCE_JSON_BYTES_MAX`].
fn load(place: &Place, options: &FileOptions) -> Result<String> {
    let mut text = String::new();
    let shown = place.shown();
    let reader = place.text(place.charset(options)?)?;
    reader.take(SOURCE_JSON_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| io_error(&shown, &error))?;
    if text.len() as u64 > SOURCE_JSON_BYTES_MAX {
        return Err(too_big(&shown, "the JSON document", SOURCE_JSON_BYTES_MAX)
            .with_hint("Write it as JSON lines, one object a line: those are read as a stream."));
    }
    Ok(text)
}

/// Whether each line is a value: the first is complete, and another follows.
fn is_lines(place: &Place, options: &FileOptions) -> Result<bool> {
    let mut lines = Lines::open(place, options)?;
    let first = match lines.next_line() {
        Ok(found) => found,
        // A line longer than any record may be is a document, whose own bound applies.
        Err(error) if error.kind() == Kind::LimitExceeded => return Ok(false),
        Err(error) => return Err(error),
    };
    if !first || serde_json::from_str::<IgnoredAny>(lines.line.trim()).is_err() {
        return Ok(false);
    }
    let opening = lines.line.trim_start().starts_with(['{', '[']);
    Ok(opening && lines.next_line()? && lines.line.trim_start().starts_with(['{', '[']))
}

/// JSON lines, streamed.
struct Lines {
    reader: BufReader<Guarded<super::charset::Utf8Reader<super::input::Content>>>,
    budget: Budget,
    shown: String,
    line: String,
    number: u64,
    bytes: u64,
    replaced: Replaced,
}

impl Lines {
    fn open(place: &Place, options: &FileOptions) -> Result<Self> {
        let shown = place.shown();
        let budget = Budget::new();
        let text = place.text(place.charset(options)?)?;
        let replaced = text.replaced();
        let reader = BufReader::with_capacity(64 << 10, Guarded::new(text, budget.clone(), &shown));
        Ok(Self { reader, budget, shown, line: String::new(), number: 0, bytes: 0, replaced })
    }

    /// Goes to the next line that is not blank.
    fn next_line(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            self.budget.renew();
            let count = self.reader.read_line(&mut self.line).map_err(|error| io_error(&self.shown, &error))?;
            self.bytes += count as u64;
            self.number += 1;
            if count == 0 {
                return Ok(false);
            }
            if !self.line.trim().is_empty() {
                return Ok(true);
            }
        }
    }
}

impl RecordSource for Lines {
    fn next_record(&mut self) -> Result<Option<Record>> {
        if !self.next_line()? {
            return Ok(None);
        }
        let row: Row =
            serde_json::from_str(self.line.trim()).map_err(|error| wrong(&self.shown, &self.place(), &error))?;
        Ok(Some(row.0))
    }
    fn place(&self) -> String {
        format!("line {}", self.number)
    }
    fn shown(&self) -> &str {
        &self.shown
    }
    fn bytes(&self) -> u64 {
        self.bytes
    }
    fn remarks(&self) -> Vec<String> {
        self.replaced.remark().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, cells, types};
    use super::*;

    #[test]
    fn every_shape_gives_its_rows() {
        let folder = Folder::new(&[
            ("lines.jsonl", "{\"b\":1,\"a\":\"x\"}\n\n{\"b\":2.5,\"a\":null,\"c\":[1]}\n"),
            ("seq.json", "{\n\"a\": 1\n}\n{\n\"a\": 2\n}\n"),
            ("array.json", " [ {\"a\": true}, {\"a\": false} ] "),
            ("data.json", "{\"count\": 2, \"data\": [{\"a\": 1}, {\"a\": \"x\"}]}"),
            ("dict.json", "{\"k1\": {\"a\": 1}, \"k2\": {\"b\": {\"c\": 2}}}"),
            ("one.json", "{\"a\": 1, \"at\": \"2024-01-02T03:04:05Z\"}"),
            ("shop.json", "{\"orders\": [{\"id\": 1}], \"items\": [{\"sku\": \"007\"}, {\"sku\": \"2\"}]}"),
            ("list.json", "[1, 2.5]"),
            ("frame.json", "{\"a\": {\"0\": 1, \"1\": 2}, \"b\": {\"0\": \"x\", \"1\": null}}"),
        ]);
        let lines = folder.asset("lines");
        assert_eq!(types(&lines), "b Float64, a Utf8, c jsonb");
        assert_eq!(cells(&lines), ["1.0|x|", "2.5||[1]"]);
        assert_eq!(cells(&folder.asset("seq")), ["1", "2"]);
        assert_eq!(types(&folder.asset("array")), "a Boolean");
        assert_eq!(cells(&folder.asset("data")), ["1", "x"]);
        assert_eq!(cells(&folder.asset("dict")), ["k1|1|", "k2||{\"c\":2}"]);
        assert_eq!(cells(&folder.asset("one")), ["1|2024-01-02T03:04:05Z"]);
        assert_eq!(cells(&folder.asset("shop_orders")), ["1"]);
        assert_eq!(cells(&folder.asset("shop_items")), ["007", "2"]);
        assert_eq!(cells(&folder.asset("list")), ["1.0", "2.5"]);
        assert_eq!(types(&folder.asset("frame")), "a Int64, b Utf8");
        assert_eq!(cells(&folder.asset("frame")), ["1|x", "2|"]);
    }

    #[test]
    fn long_numbers_keep_their_digits_and_repeated_keys_are_remarked() {
        let folder = Folder::new(&[(
            "n.jsonl",
            "{\"a\":0.12345678901234567890,\"b\":0.30000000000000004,\"c\":-9223372036854775808,\"d\":123456789012345678901}\n\
             {\"a\":1,\"a\":2,\"b\":1e300,\"c\":1}\n",
        )]);
        let asset = folder.asset("n");
        assert_eq!(types(&asset), "a Utf8, b Float64, c Int64, d Utf8");
        let expected =
            ["0.12345678901234567890|0.30000000000000004|-9223372036854775808|123456789012345678901", "2|1e300|1|"];
        assert_eq!(cells(&asset), expected);
        let mut scan = asset.scan(None, None).unwrap();
        scan.by_ref().for_each(|batch| drop(batch.unwrap()));
        assert_eq!(scan.remarks(), ["n.jsonl: 1 record has a key twice, first at line 2; the last value counts"]);
    }

    #[test]
    fn mixed_values_stay_whole() {
        let folder =
            Folder::new(&[("m.json", "[{\"t\":1,\"j\":1},{\"t\":\"a\",\"j\":{\"x\":[]}},{\"t\":true,\"j\":\"s\"}]")]);
        let asset = folder.asset("m");
        assert_eq!(types(&asset), "t Utf8, j jsonb");
        assert_eq!(cells(&asset), ["1|1", "a|{\"x\":[]}", "true|\"s\""]);
    }

    #[test]
    fn broken_and_deep_documents_are_told_apart() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let folder = Folder::new(&[
            ("cut.json", "[{\"a\": 1}, {\"a\": "),
            ("bad.jsonl", "{\"a\": 1}\n{\"a\": secret}\n"),
            ("deep.json", &deep),
            ("gap.json", "[1 2]"),
        ]);
        let error = |name: &str| folder.asset(name).schema().unwrap_err();
        assert!(error("cut").message().contains("ends too early"), "{}", error("cut"));
        assert!(error("bad").message().contains("bad.jsonl, line 2"), "{}", error("bad"));
        assert!(!error("bad").to_string().contains("secret"));
        assert_eq!(error("deep").kind(), Kind::LimitExceeded);
        assert_eq!(error("gap").kind(), Kind::InvalidText);
    }
}
