//! Delimited files: what their columns are, and their rows.
//!
//! Whether the first record is a header is asked as DuckDB asks it: a header's cells are texts where the columns below
//! hold something else. Where all columns are text, the first record is a header unless its words come again below.

use super::charset::{self, Charset, Replaced, Utf8Reader};
use super::columns::{Misfit, Rows, Spec, Writer, misfit};
use super::dialect::{self, Dialect};
use super::infer::{Guess, Type};
use super::input::{self, Budget, Content, Guarded, io_error};
use super::names;
use super::options::FileOptions;
use super::remarks::{Met, told};
use crate::config::{SOURCE_COLUMNS_MAX, SOURCE_SAMPLE_BYTES, SOURCE_SNIFF_BYTES};
use crate::error::{Error, Kind, Result};
use crate::fail;
use csv::ByteRecord;
use std::collections::HashSet;
use std::fs::File;
use std::io::{Chain, Read};
use std::path::{Path, PathBuf};

/// Where a file is, and how its root is called.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) path: PathBuf,
}

impl Place {
    pub(super) fn shown(&self) -> String {
        input::relative(&self.root, &self.path)
    }

    /// The file itself, which can be read from anywhere.
    pub(super) fn file(&self) -> Result<File> {
        input::open(&self.root, &self.path)
    }

    /// What it holds, unpacked.
    pub(super) fn open(&self) -> Result<Content> {
        input::content(&self.root, &self.path)
    }

    /// The character set that `options` name, or that the file shows.
    pub(super) fn charset(&self, options: &FileOptions) -> Result<Charset> {
        match charset::named(&options.encoding)? {
            Some(charset) => Ok(charset),
            None => charset::detect(self.open()?).map_err(|error| io_error(&self.shown(), &error)),
        }
    }

    /// The file as UTF-8 from its start.
    pub(super) fn text(&self, charset: Charset) -> Result<Utf8Reader<Content>> {
        Ok(Utf8Reader::new(self.open()?, charset, &self.shown()))
    }
}

/// What is known of a delimited file before it is read.
#[derive(Debug, Clone)]
pub(super) struct CsvLayout {
    dialect: Dialect,
    charset: Charset,
    /// Fields of the header, if there is one.
    header: Option<usize>,
    pub(super) specs: Vec<Spec>,
}

type Reader = csv::Reader<Chain<Guarded<Utf8Reader<Content>>, &'static [u8]>>;

/// Read behind every file.
const BEHIND: &[u8] = b"\n\x03\x02\x03";
/// What that comes to: a record of its own, unless a quote is still open.
const BEYOND: &[u8] = BEHIND.split_at(1).1;

/// Finds out dialect, header, names and types.
pub(super) fn inspect(place: &Place, options: &FileOptions) -> Result<CsvLayout> {
    let shown = place.shown();
    let charset = place.charset(options)?;
    let mut sample = String::new();
    let read = |error: std::io::Error| io_error(&shown, &error);
    let mut bytes = Vec::new();
    place.text(charset)?.take(SOURCE_SNIFF_BYTES as u64).read_to_end(&mut bytes).map_err(read)?;
    sample.push_str(&String::from_utf8_lossy(whole_lines(&bytes)));
    let dialect = dialect::sniff(&sample, options, &extension(&place.path));
    let mut records = Records::open(place, &dialect, charset, SOURCE_SAMPLE_BYTES)?;
    let mut record = ByteRecord::new();
    let mut first: Vec<String> = Vec::new();
    if records.next(&mut record)? {
        first = record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    }
    let mut columns: Vec<Guess> = vec![Guess::new(); first.len()];
    let (mut rows, mut again) = (0usize, 0usize);
    let rows_max = options.sample_rows.unwrap_or(usize::MAX);
    while rows < rows_max && records.next(&mut record)? {
        rows += 1;
        let used = used_fields(&record);
        if used > columns.len() {
            if used > SOURCE_COLUMNS_MAX {
                return Err(too_wide(&shown));
            }
            columns.resize_with(used, Guess::new);
        }
        let mut same = 0;
        for (index, (field, guess)) in record.iter().zip(&mut columns).enumerate() {
            let field = String::from_utf8_lossy(field);
            same += usize::from(!field.is_empty() && first.get(index).is_some_and(|cell| *cell == field));
            guess.see(&field);
        }
        // A header that comes again whole is a file pasted behind another, not a row of data.
        again += if same < first.len().max(2) { same } else { 0 };
    }
    if columns.len() > SOURCE_COLUMNS_MAX {
        return Err(too_wide(&shown));
    }
    let header = options.header.unwrap_or_else(|| is_header(&first, &columns, rows, again));
    let header = header.then_some(first.len());
    if header.is_none() {
        first.iter().zip(&mut columns).for_each(|(cell, guess)| guess.see(cell));
        first.clear();
    }
    first.resize(columns.len(), String::new());
    let names = names::columns(&first, options.normalize_names);
    let kind = |guess: &Guess| if options.all_varchar { Type::Text } else { guess.decide() };
    let specs = names.into_iter().zip(&columns).map(|(name, guess)| Spec::new(name, kind(guess))).collect();
    Ok(CsvLayout { dialect, charset, header, specs })
}

fn extension(path: &Path) -> String {
    input::unpacked_name(path).extension().map(|text| text.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn too_wide(shown: &str) -> Error {
    Error::new(Kind::LimitExceeded, format!("{shown} has more than {SOURCE_COLUMNS_MAX} columns"))
        .with_hint("Name its delimiter and quote on the source if they were not recognised.")
}

/// `bytes` up to the last end of a line, or all when there is none.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    if bytes.len() < SOURCE_SNIFF_BYTES {
        return bytes;
    }
    let end = bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(bytes.len(), |at| at + 1);
    bytes.get(..end).unwrap_or(bytes)
}

/// Fields up to the last that holds something.
fn used_fields(record: &ByteRecord) -> usize {
    let empty = record.iter().rev().take_while(|field| field.is_empty()).count();
    record.len() - empty
}

pub(super) fn is_header(first: &[String], columns: &[Guess], rows: usize, again: usize) -> bool {
    let cells: Vec<&str> = first.iter().map(|cell| cell.trim()).collect();
    if cells.iter().all(|cell| cell.is_empty()) {
        return false;
    }
    let typed = |cell: &str| {
        let mut guess = Guess::new();
        guess.see(cell);
        guess.decide() != Type::Text
    };
    if rows == 0 {
        return !cells.iter().any(|cell| typed(cell));
    }
    let mut distinct = HashSet::new();
    let distinct = cells.iter().all(|cell| distinct.insert(*cell));
    // 0, 1, 2, ... over columns of anything is how data frames without names are saved.
    let from = cells.first().and_then(|cell| cell.parse::<usize>().ok());
    let counted = |from: usize| cells.iter().zip(from..).all(|(cell, count)| *cell == count.to_string());
    if cells.len() > 3 && from.is_some_and(|from| from < 2 && counted(from)) {
        return true;
    }
    let (mut for_it, mut against) = (0, 0);
    for (cell, guess) in cells.iter().zip(columns).filter(|(cell, _)| !cell.is_empty()) {
        match (guess.decide() != Type::Text, typed(cell)) {
            (true, false) => for_it += 1,
            (_, true) => against += 1,
            (false, false) => {}
        }
    }
    match (for_it, against) {
        (0, 0) => again < 2 && cells.iter().all(|cell| cell.chars().count() <= 128),
        (0, _) => false,
        (_, 0) => true,
        // Numbers among the names of a header are keys, each once; in a row of data they repeat or have fractions.
        _ => distinct && cells.iter().all(|cell| !cell.contains('.') || !typed(cell)),
    }
}

/// Records behind the preamble, with the line that each began on.
struct Records {
    reader: Reader,
    budget: Budget,
    shown: String,
    count: u64,
    bytes_max: u64,
    replaced: Replaced,
    /// The last record has a quote that is never closed.
    unclosed: bool,
}

impl Records {
    fn open(place: &Place, dialect: &Dialect, charset: Charset, bytes_max: u64) -> Result<Self> {
        let shown = place.shown();
        let budget = Budget::new();
        let text = place.text(charset)?;
        let replaced = text.replaced();
        let reader = dialect.reader(Guarded::new(text, budget.clone(), &shown).chain(BEHIND));
        let mut records = Self { reader, budget, shown, count: 0, bytes_max, replaced, unclosed: false };
        let mut record = ByteRecord::new();
        for _ in 0..dialect.preamble {
            records.next(&mut record)?;
        }
        Ok(records)
    }

    fn next(&mut self, record: &mut ByteRecord) -> Result<bool> {
        if self.reader.position().byte() >= self.bytes_max {
            return Ok(false);
        }
        self.budget.renew();
        self.count += 1;
        let read = self.reader.read_byte_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => io_error(&self.shown, &error),
            other => Error::new(Kind::InvalidText, format!("{}: {other:?}", self.shown)),
        })?;
        match record.iter().next_back() {
            Some(last) if read && last.ends_with(BEYOND) => match record.len() {
                1 if last == BEYOND => Ok(false),
                _ => self.unclosed(record),
            },
            _ => Ok(read),
        }
    }

    /// Mends the last record of a file whose last quote is not closed, if that cannot have swallowed others.
    fn unclosed(&mut self, record: &mut ByteRecord) -> Result<bool> {
        let mut fields: Vec<&[u8]> = record.iter().collect();
        if let Some(last) = fields.last_mut() {
            let end = last.len().saturating_sub(BEHIND.len());
            // The end of the last line is no part of its last field.
            let text = last.get(..end).unwrap_or_default();
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            *last = text.strip_suffix(b"\r").unwrap_or(text);
            if last.contains(&b'\n') {
                let place = self.place(record);
                let message = format!("{}, {place}: a quote is opened and never closed", self.shown);
                return Err(Error::new(Kind::InvalidText, message)
                    .with_hint("Mend the file, or say quote = '' on the source if quotes mean nothing in it."));
            }
        }
        let mut mended = ByteRecord::from(fields);
        mended.set_position(record.position().cloned());
        *record = mended;
        self.unclosed = true;
        Ok(true)
    }

    /// Where a person finds `record`. Files with bare CR have one "line" only; there the record is the line.
    fn place(&self, record: &ByteRecord) -> String {
        let line = record.position().map_or(0, csv::Position::line);
        format!("line {}", line.max(self.count))
    }
}

/// The rows of a delimited file.
pub(super) struct CsvRows {
    records: Records,
    record: ByteRecord,
    specs: Vec<Spec>,
    /// Rows that had to be padded.
    short: Met,
    /// Fields of the header, and rows with more.
    header: Option<usize>,
    wide: Met,
}

impl CsvRows {
    pub(super) fn open(place: &Place, layout: &CsvLayout) -> Result<Self> {
        let mut records = Records::open(place, &layout.dialect, layout.charset, u64::MAX)?;
        let mut record = ByteRecord::new();
        if layout.header.is_some() {
            records.next(&mut record)?;
        }
        let specs = layout.specs.clone();
        Ok(Self { records, record, specs, short: Met::default(), header: layout.header, wide: Met::default() })
    }
}

impl Rows for CsvRows {
    fn next_row(&mut self, writer: &mut Writer) -> Result<bool> {
        if !self.records.next(&mut self.record)? {
            return Ok(false);
        }
        let used = used_fields(&self.record);
        if used > self.specs.len() {
            let place = self.records.place(&self.record);
            fail!(
                InvalidText,
                "{}, {place}: {used} fields, but the table has {}",
                self.records.shown,
                self.specs.len()
            );
        }
        if self.header.is_some_and(|fields| used > fields) {
            self.wide.note(|| self.records.place(&self.record));
        } else if self.record.len() < self.header.unwrap_or(self.specs.len()) {
            self.short.note(|| self.records.place(&self.record));
        }
        for (index, column) in writer.columns() {
            let Some(field) = self.record.get(index) else {
                column.push_null();
                continue;
            };
            if column.push_text(&String::from_utf8_lossy(field)).is_err_and(|Misfit| true) {
                let place = self.records.place(&self.record);
                let (name, kind) = self.specs.get(index).map_or(("", Type::Text), |spec| (&spec.name, spec.kind));
                return Err(misfit(&self.records.shown, &place, name, kind));
            }
        }
        writer.end_row(self.record.as_slice().len());
        Ok(true)
    }

    fn remarks(&self) -> Vec<String> {
        let fields = self.header.unwrap_or(self.specs.len());
        let more = format!("more fields than the {fields} of the header");
        let wide = self.wide.remark("row", &more, "they are in columns without a name of their own");
        let fewer = format!("fewer than {fields} fields");
        let short = self.short.remark("row", &fewer, "what is missing is NULL");
        let unclosed = self.records.unclosed.then(|| "the last quote is never closed".to_owned());
        told(&self.records.shown, wide.into_iter().chain(short).chain(unclosed).chain(self.records.replaced.remark()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, cells, types};
    use super::*;

    #[test]
    fn what_rows_cannot_show_is_remarked() {
        let folder = Folder::new(&[
            ("short.csv", "a,b,c\n1,2,3\n1\n1,2\n4,5,6\n"),
            ("open.csv", "a,b\n1,x\n2,\"y\n"),
            ("swallowed.csv", "a,b\n1,x\n2,\"y\n3,z\n4,z\n"),
            ("whole.csv", "a,b\n1,\"x\ny\"\n2,\"y\""),
            ("one.csv", "a,b\n1,x"),
            ("wide.csv", "a,b\n1,x\n2,y,z\n3\n"),
        ]);
        let remarks = |name: &str| {
            let mut scan = folder.asset(name).scan(None, None).unwrap();
            let rows: usize = scan.by_ref().map(|batch| batch.unwrap().num_rows()).sum();
            (rows, scan.remarks())
        };
        let short = "short.csv: 2 rows have fewer than 3 fields, first at line 3; what is missing is NULL";
        assert_eq!(remarks("short"), (4, vec![short.to_owned()]));
        assert_eq!(remarks("open"), (2, vec!["open.csv: the last quote is never closed".to_owned()]));
        assert_eq!(cells(&folder.asset("open")), ["1|x", "2|y"]);
        let error = folder.asset("swallowed").schema().unwrap_err();
        assert_eq!(error.message(), "swallowed.csv, line 3: a quote is opened and never closed");
        assert_eq!(remarks("whole"), (2, vec![]));
        assert_eq!(remarks("one"), (1, vec![]));
        let wide = "wide.csv: 1 row has more fields than the 2 of the header, first at line 3; they are in columns \
                    without a name of their own";
        let short = "wide.csv: 1 row has fewer than 2 fields, first at line 4; what is missing is NULL";
        assert_eq!(remarks("wide"), (3, vec![wide.to_owned(), short.to_owned()]));
    }

    #[test]
    fn a_plain_file_is_typed() {
        let folder =
            Folder::new(&[("a.csv", "id,zip,price,at,ok\n1,00501,2.5,2024-01-02,true\n2,90210,,2024-01-03,\n")]);
        let asset = folder.asset("a");
        assert_eq!(types(&asset), "id Int64, zip Utf8, price Float64, at Date32, ok Boolean");
        assert_eq!(cells(&asset), ["1|00501|2.5|2024-01-02|true", "2|90210||2024-01-03|"]);
    }

    #[test]
    fn line_ends_short_rows_and_odd_headers_are_read() {
        let folder = Folder::new(&[
            ("cr.csv", "a,b\r1,x\r2,y\r"),
            ("ragged.csv", ",n,N,\r\n1,2,3\r\n\r\n4,,\"a\nb\",\r\n5\r\n"),
            ("baskets.csv", "milk,bread\nmilk\nbread,milk,tea\nmilk,tea\nmilk,bread\n"),
        ]);
        assert_eq!(cells(&folder.asset("cr")), ["1|x", "2|y"]);
        let ragged = folder.asset("ragged");
        assert_eq!(types(&ragged), "column0 Int64, n Int64, N_1 Utf8, column3 Utf8");
        assert_eq!(cells(&ragged), ["1|2|3|", "4||a\nb|", "5|||"]);
        let baskets = folder.asset("baskets");
        assert_eq!(types(&baskets), "column0 Utf8, column1 Utf8, column2 Utf8");
        assert_eq!(cells(&baskets).len(), 5);
    }

    #[test]
    fn headers_are_told_from_rows() {
        let header = |text: &str| {
            let folder = Folder::new(&[("a.csv", text)]);
            types(&folder.asset("a")).split(' ').next().unwrap().to_owned()
        };
        assert_eq!(header("click,buy,101,102\n1,0,5,6\n0,0,7,8\n"), "click");
        assert_eq!(header("0,1,2,3\n1.5,2.5,3.5,4.5\n"), "0");
        assert_eq!(header("3,?,audi\n4,2,bmw\n5,?,vw\n"), "column0");
        assert_eq!(header("name,city\nAnn,Rome\nBob,Bonn\n"), "name");
        assert_eq!(header("1,a\n2,b\n"), "column0");
    }

    #[test]
    fn what_does_not_fit_beyond_the_sample_is_an_error_with_its_place() {
        let folder = Folder::new(&[("a.csv", "id,n\n1,1\n2,2\n3,secret\n"), ("b.csv", "id,n\n1,1\n2,2,3\n")]);
        let error = |name: &str| {
            let mut options = FileOptions::default();
            options.set("sample_rows", "1").unwrap();
            let asset = folder.asset_with(name, &options);
            asset.scan(None, None).unwrap().collect::<Result<Vec<_>>>().unwrap_err()
        };
        let text = error("a").to_string();
        assert_eq!(error("a").kind(), Kind::InvalidText);
        assert!(text.contains("a.csv, line 4: column \"n\"") && text.contains("sample_rows"), "{text}");
        assert!(!text.contains("secret"));
        assert!(error("b").to_string().contains("b.csv, line 3: 3 fields"));
        let mut options = FileOptions::default();
        options.set("all_varchar", "true").unwrap();
        assert_eq!(cells(&folder.asset_with("a", &options)).len(), 3);
    }

    #[test]
    fn an_unclosed_quote_runs_into_a_limit() {
        let mut text = "id,name\n".to_owned();
        (0..200_000).for_each(|n| text.push_str(&format!("{n},name of number {n}\n")));
        text.push_str("1,\"open\n");
        text.push_str(&"2,closed never\n".repeat(1_300_000));
        let folder = Folder::new(&[("a.csv", &text)]);
        let asset = folder.asset("a");
        let error = asset.scan(None, None).and_then(|scan| scan.collect::<Result<Vec<_>>>()).unwrap_err();
        assert_eq!(error.kind(), Kind::LimitExceeded);
    }
}
