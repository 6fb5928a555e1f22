//! Files that are broken, cut off, hostile or odd, of every form: each is read, or told by its name, and none stops anything.
//!
//! What could go wrong: a panic, memory without bound, rows that are lost without a word, a file that vanishes from the list or turns up as
//! something else, a message that does not say which file it is about.

use super::archive::zipped;
use super::discover::discover;
use super::options::FileOptions;
use super::testing::Folder;
use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use std::io::Write;

/// What comes of a folder's files: `name form: rows, remarks` or the error, asset by asset.
fn told(folder: &Folder) -> Vec<String> {
    let one = |asset: &super::Asset| -> Result<(usize, Vec<String>)> {
        let mut scan = asset.scan(None, None)?;
        let batches: Vec<RecordBatch> = (&mut scan).collect::<Result<_>>()?;
        Ok((batches.iter().map(RecordBatch::num_rows).sum(), scan.remarks()))
    };
    let shown = |error: Error| format!("{:?}: {}", error.kind(), error.message());
    let assets = discover(folder.path(), &FileOptions::default()).unwrap();
    let told = assets.iter().map(|asset| {
        let what = match one(asset) {
            Ok((rows, remarks)) if remarks.is_empty() => format!("{rows} rows"),
            Ok((rows, remarks)) => format!("{rows} rows; {}", remarks.join("; ")),
            Err(error) => shown(error),
        };
        format!("{} {}: {what}", asset.name, asset.form)
    });
    told.collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = libflate::gzip::Encoder::new(Vec::new()).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().into_result().unwrap()
}

fn cut(bytes: &[u8], share: f64) -> Vec<u8> {
    bytes[..(bytes.len() as f64 * share) as usize].to_vec()
}

fn rows(count: usize) -> String {
    (0..count).fold("id,name\n".to_owned(), |text, n| text + &format!("{n},name {n}\n"))
}

#[test]
fn every_broken_file_is_told_by_its_name() {
    let parquet = include_bytes!("../../tests/fixtures/outside/goods.parquet");
    let xlsx = include_bytes!("../../tests/fixtures/outside/stock.xlsx");
    let deep = "[".repeat(100_000);
    let wide: String = (0..5000).map(|n| format!("c{n},")).collect();
    let bomb =
        "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><r><i>&b;</i><i>&b;</i></r>";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.csv", vec![], "empty unknown: 1 rows"),
        ("header.csv", b"id,name\n".to_vec(), "header csv: 0 rows"),
        (
            "cut.csv.gz",
            cut(&gzipped(rows(3000).as_bytes()), 0.6),
            "cut csv: InvalidText: cut.csv.gz: what gzip has packed is cut off or damaged",
        ),
        (
            "tiny.csv.gz",
            cut(&gzipped(b"id,name\n1,a\n2,b\n"), 0.5),
            "tiny csv: InvalidText: tiny.csv.gz: what gzip has packed is cut off or damaged",
        ),
        (
            "tiny.txt.gz",
            cut(&gzipped(b"id,name\n1,a\n2,b\n"), 0.5),
            "tiny csv: InvalidText: tiny.txt.gz: what gzip has packed is cut off or damaged",
        ),
        (
            "tiny.md.gz",
            cut(&gzipped(b"# Title\n\nSome words.\n"), 0.5),
            "FOLDER text: InvalidText: tiny.md.gz: what gzip has packed is cut off or damaged",
        ),
        (
            "tiny.html.gz",
            cut(&gzipped(b"<!doctype html><title>x</title>"), 0.5),
            "FOLDER html: InvalidText: tiny.html.gz: what gzip has packed is cut off or damaged",
        ),
        ("tiny.gz", cut(&gzipped(b"id,name\n1,a\n2,b\n"), 0.5), "tiny unknown: 1 rows"),
        (
            "head.csv.gz",
            b"\x1f\x8b".to_vec(),
            "head csv: InvalidText: head.csv.gz: what gzip has packed is cut off or damaged",
        ),
        (
            "cut.parquet",
            cut(parquet, 0.7),
            "cut parquet: InvalidText: cut.parquet: not a Parquet file that can be read",
        ),
        (
            "head.parquet",
            b"PAR1".to_vec(),
            "head parquet: InvalidText: head.parquet: not a Parquet file that can be read",
        ),
        ("cut.xlsx", cut(xlsx, 0.7), "cut xlsx: InvalidText: cut.xlsx: the zip archive is cut off or damaged"),
        (
            "part.xlsx",
            zipped(&[("xl/workbook.xml", "<workbook>")], true),
            "part xlsx: InvalidText: part.xlsx: there is no xl/_rels/workbook.xml.rels in it",
        ),
        ("bytes.csv", b"id,name\n1,\xff\xfe\xfd\n2,b\n".to_vec(), "bytes csv: 2 rows"),
        (
            "gbk.csv",
            b"\xb1\xe0\xba\xc5,\xc3\xfb\xb3\xc6\n1,\xba\xec\xc8\xb9\n2,\xd0\xac\xd7\xd3\n3,\xc9\xcc\xc6\xb7\n".to_vec(),
            "gbk csv: 3 rows",
        ),
        ("bom.csv", b"\xef\xbb\xbfid,name\n1,a\n".to_vec(), "bom csv: 1 rows"),
        (
            "utf16.csv",
            "\u{feff}id,name\n1,a\n".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "utf16 csv: 1 rows",
        ),
        ("ends.csv", b"id,name\r\n1,a\r2,b\n3,c\r\n".to_vec(), "ends csv: 3 rows"),
        ("nul.csv", b"id,name\n1,a\0b\n2,b\n3,c and more of it\n4,d and more of it\n".to_vec(), "nul unknown: 1 rows"),
        ("long.csv", format!("id,name\n1,{}\n2,b\n", "x".repeat(10 << 20)).into_bytes(), "long csv: 2 rows"),
        (
            "longer.csv",
            format!("id,name\n1,{}\n2,b\n", "x".repeat(20 << 20)).into_bytes(),
            "longer csv: LimitExceeded: longer.csv: one record is larger than 16 MiB",
        ),
        (
            "wide.csv",
            format!("{wide}\n{}\n", wide.replace('c', "")).into_bytes(),
            "wide csv: LimitExceeded: wide.csv has more than 2048 columns",
        ),
        (
            "deep.json",
            deep.clone().into_bytes(),
            "deep json: InvalidText: deep.json, line 1, column 100000: the JSON text ends too early",
        ),
        (
            "cut.json",
            b"[{\"a\": 1}, {\"a\": ".to_vec(),
            "cut json: InvalidText: cut.json, line 1, column 17: the JSON text ends too early",
        ),
        (
            "cut.jsonl",
            b"{\"a\": 1}\n{\"a\": \n".to_vec(),
            "cut jsonl: InvalidText: cut.jsonl, line 2, column 5: the JSON text ends too early",
        ),
        ("bomb.xml", bomb.as_bytes().to_vec(), "bomb xml: 2 rows"),
        (
            "cut.xml",
            b"<?xml version=\"1.0\"?><r><i>1</i><i>2".to_vec(),
            "cut xml: InvalidText: cut.xml: the XML ends inside an element",
        ),
        ("plain.html", b"<!doctype html><html><body><p>nothing here".to_vec(), "FOLDER html: 1 rows"),
        (
            "cut.sql",
            b"-- PostgreSQL database dump\nCREATE TABLE t (a int);\nCOPY t (a) FROM stdin;\n1\n".to_vec(),
            "cut_t sql: InvalidText: cut.sql, line 5: the rows of table t do not end",
        ),
        ("odd 'name\"\n商品.csv", b"id,name\n1,a\n".to_vec(), "odd_name_商品 csv: 1 rows"),
    ];
    for (name, bytes, expected) in cases {
        let folder = Folder::new(&[]);
        folder.write(name, &bytes);
        // Pages and texts go by their folder's name.
        let found: Vec<String> = told(&folder)
            .into_iter()
            .map(|told| match told.split_once(' ') {
                Some((_, rest)) if rest.starts_with("text") || rest.starts_with("html") => format!("FOLDER {rest}"),
                _ => told,
            })
            .collect();
        assert_eq!(found, [expected], "{name:?}");
    }
}

#[test]
fn what_cannot_be_read_is_listed_with_what_it_is() {
    let folder = Folder::new(&[("empty.csv", ""), ("nul.csv", "id,name\n1,a\0b\n2,b\n")]);
    folder.write("tiny.gz", &cut(&gzipped(b"id,name\n1,a\n2,b\n"), 0.5));
    let formats = ["empty", "nul", "tiny"].map(|name| super::testing::cells(&folder.asset(name)).remove(0));
    let formats = formats.map(|row| row.split('|').take(2).collect::<Vec<_>>().join(" "));
    assert_eq!(formats, ["empty.csv empty", "nul.csv binary", "tiny.gz gzip, damaged"]);
}

/// An entity of the file's own is neither expanded nor lost.
#[test]
fn entities_stay_as_they_are_written() {
    let text =
        "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"aaaa\">]><r><i><n>x&a;y</n></i><i><n>2 &lt; 3</n></i></r>";
    let folder = Folder::new(&[("e.xml", text)]);
    assert_eq!(super::testing::cells(&folder.asset("e")), ["x&a;y", "2 < 3"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_or_round_are_passed_over() {
    let folder = Folder::new(&[("a/x.csv", "id,name\n1,a\n")]);
    for (to, at) in [("loop", "loop"), ("nowhere", "gone.csv"), ("../a", "a/round"), ("/etc", "out")] {
        std::os::unix::fs::symlink(to, folder.path().join(at)).unwrap();
    }
    assert_eq!(told(&folder), ["a_x csv: 1 rows"]);
}

/// A file that becomes shorter between the look at it and its reading.
#[test]
fn a_file_that_changes_is_seen() {
    let folder = Folder::new(&[("x.csv", &rows(1000))]);
    let asset = folder.asset("x");
    asset.schema().unwrap();
    folder.write("x.csv", b"id,name\n1,a\nx,\"b");
    assert!(asset.has_changed());
    let read: Result<Vec<RecordBatch>> = asset.scan(None, None).unwrap().collect();
    assert_eq!(read.unwrap_err().message(), "x.csv, line 3: column \"id\" holds a value that is no bigint");
    std::fs::remove_file(folder.path().join("x.csv")).unwrap();
    assert!(asset.scan(None, None).is_err() && asset.has_changed());
}
