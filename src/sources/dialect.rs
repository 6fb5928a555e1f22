//! The dialect of a delimited file: delimiter, quote, where the table begins, how wide it is.
//!
//! Each delimiter is tried with each quote on the start of the file; what makes most records equally wide wins, as in
//! DuckDB's sniffer. The usual delimiters come first, the odd ones (`#`, `%`, `@`, ...) only if none of them works.
//! Files of uneven rows (market baskets) keep the most frequent usual delimiter and are padded with NULL.

use super::options::FileOptions;
use csv::{ByteRecord, ReaderBuilder};
use std::collections::HashMap;
use std::io::Read;

const USUAL: [u8; 4] = [b',', b'\t', b';', b'|'];
const ODD: [u8; 6] = [b'#', b'%', b'@', b'^', b'~', 1];
/// Records of the start that are compared.
const RECORDS: usize = 1000;
/// Records at most that may stand before the table.
const PREAMBLE: usize = 10;
/// Share of equally wide records from which a delimiter is believed.
const CONSISTENT: f64 = 0.9;

/// How a delimited file is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    /// Records before the table: authors, titles.
    pub(super) preamble: usize,
    /// Share of records that are as wide as most, 0 when nothing is delimited.
    consistent: f64,
    /// Fields of most records.
    width: usize,
    records: usize,
}

impl Dialect {
    /// A reader of records in this dialect; any of CR, LF and CRLF ends one.
    pub(super) fn reader<R: Read>(&self, input: R) -> csv::Reader<R> {
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter).escape(self.escape);
        builder.buffer_capacity(64 << 10);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        builder.from_reader(input)
    }

    /// Whether a plain-text file is so evenly delimited that it is a table rather than prose.
    pub(super) fn is_table(&self) -> bool {
        self.width >= 2 && self.records >= 3 && self.consistent >= 0.98 && USUAL.contains(&self.delimiter)
    }
}

/// Tells the dialect from `sample`, the start of the file up to the end of a line.
pub(super) fn sniff(sample: &str, options: &FileOptions, extension: &str) -> Dialect {
    let quotes = quotes(sample, options);
    let decimal_comma = options.delimiter.is_none() && commas_are_decimal(sample);
    let best = |delimiters: &[u8]| -> Option<Dialect> {
        let mut best: Option<Dialect> = None;
        for delimiter in delimiters.iter().filter(|byte| sample.as_bytes().contains(byte)) {
            if *delimiter == b',' && decimal_comma {
                continue;
            }
            for (quote, escape) in &quotes {
                let tried = measure(sample, *delimiter, *quote, *escape);
                if tried.width >= 2 && best.as_ref().is_none_or(|best| better(&tried, best)) {
                    best = Some(tried);
                }
            }
        }
        best
    };
    if let Some(delimiter) = options.delimiter {
        return best(&[delimiter]).unwrap_or_else(|| plain(sample, delimiter, &quotes));
    }
    let usual = best(&USUAL);
    if let Some(found) = usual.filter(|found| found.consistent >= CONSISTENT) {
        return found;
    }
    if let Some(found) = best(&ODD).filter(|found| found.consistent >= 0.95 && found.records >= 3) {
        return found;
    }
    // Uneven rows: the delimiter that its name promises, else the one that most lines contain.
    let lines: Vec<&str> = sample.lines().take(RECORDS).filter(|line| !line.trim().is_empty()).collect();
    let share = |byte: u8| lines.iter().filter(|line| line.as_bytes().contains(&byte)).count();
    let preferred = if matches!(extension, "tsv" | "tab") { b'\t' } else { b',' };
    let delimiter = USUAL
        .into_iter()
        .filter(|byte| share(*byte) * 3 >= lines.len().max(1))
        .max_by_key(|byte| (*byte == preferred, share(*byte)))
        .unwrap_or(preferred);
    plain(sample, delimiter, &quotes)
}

/// Whether the commas stand in numbers, as in `1;2,50`: each between two digits, in lines that something else delimits.
fn commas_are_decimal(sample: &str) -> bool {
    let bytes = sample.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let in_number = |at: usize| digit(at.checked_sub(1)) && digit(at.checked_add(1));
    let mut commas = bytes.iter().enumerate().filter(|(_, byte)| **byte == b',').peekable();
    let lines = || sample.lines().filter(|line| !line.trim().is_empty());
    commas.peek().is_some()
        && commas.all(|(at, _)| in_number(at))
        && [';', '\t', '|'].iter().any(|delimiter| lines().all(|line| line.contains(*delimiter)))
}

fn plain(sample: &str, delimiter: u8, quotes: &[(Option<u8>, Option<u8>)]) -> Dialect {
    let (quote, escape) = quotes.first().copied().unwrap_or((Some(b'"'), None));
    Dialect { preamble: 0, ..measure(sample, delimiter, quote, escape) }
}

/// Quotes and escapes worth trying, most likely first.
fn quotes(sample: &str, options: &FileOptions) -> Vec<(Option<u8>, Option<u8>)> {
    if let Some(quote) = options.quote {
        return vec![(quote, None)];
    }
    let mut quotes = vec![(Some(b'"'), None)];
    if sample.contains('"') {
        if sample.contains("\\\"") {
            quotes.push((Some(b'"'), Some(b'\\')));
        }
        quotes.push((None, None));
    }
    if ["\n'", ",'", "\t'", ";'", "|'", "@'"].iter().any(|start| sample.contains(start)) {
        quotes.push((Some(b'\''), None));
    }
    quotes
}

/// Evener wins clearly; of equally even ones the wider, and of those the earlier tried.
fn better(tried: &Dialect, best: &Dialect) -> bool {
    let difference = tried.consistent - best.consistent;
    if tried.delimiter == best.delimiter {
        // Another quote must earn its place: it is the rarer way to write.
        return difference > 0.02;
    }
    difference > 0.02 || (difference > -0.02 && tried.width > best.width)
}

fn measure(sample: &str, delimiter: u8, quote: Option<u8>, escape: Option<u8>) -> Dialect {
    let mut dialect = Dialect { delimiter, quote, escape, preamble: 0, consistent: 0.0, width: 0, records: 0 };
    let mut reader = dialect.reader(sample.as_bytes());
    let mut record = ByteRecord::new();
    // Width and number of filled fields of each record.
    let mut shapes: Vec<(usize, usize)> = Vec::new();
    while shapes.len() < RECORDS && reader.read_byte_record(&mut record).unwrap_or(false) {
        shapes.push((record.len(), record.iter().filter(|field| !field.trim_ascii().is_empty()).count()));
    }
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for (width, _) in &shapes {
        *counts.entry(*width).or_default() += 1;
    }
    let Some((width, _)) = counts.into_iter().max_by_key(|(width, count)| (*count, *width)) else { return dialect };
    dialect.width = width;
    dialect.preamble = preamble(&shapes, width);
    let body = shapes.get(dialect.preamble..).unwrap_or_default();
    dialect.records = body.len();
    let even = body.iter().filter(|(fields, _)| *fields == width).count();
    dialect.consistent = if body.is_empty() { 0.0 } else { even as f64 / body.len() as f64 };
    dialect
}

/// Records at the start that are no part of the table: narrower than it, or with one field filled, before a row that
/// is wide and filled.
fn preamble(shapes: &[(usize, usize)], width: usize) -> usize {
    if width < 2 {
        return 0;
    }
    let stray = |shape: &&(usize, usize)| shape.0 < width || (width > 2 && shape.1 <= 1);
    let count = shapes.iter().take(PREAMBLE).take_while(stray).count();
    // A table that merely begins with short rows has no full row right behind them.
    match shapes.get(count) {
        Some((fields, filled)) if *fields == width && filled * 2 >= width => count,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sample: &str) -> (char, Option<char>, usize, usize) {
        let dialect = sniff(sample, &FileOptions::default(), "csv");
        (char::from(dialect.delimiter), dialect.quote.map(char::from), dialect.preamble, dialect.width)
    }

    #[test]
    fn delimiters_and_quotes_are_told_by_evenness() {
        assert_eq!(told("a;b;c\n1,5;2;3\n2,5;3;4\n"), (';', Some('"'), 0, 3));
        assert_eq!(told("id;price\n1;1,50\n2;2,50\n3;10,00\n"), (';', Some('"'), 0, 2));
        assert_eq!(told("1,5;2,5\n2,5;3,5\n"), (';', Some('"'), 0, 2));
        assert_eq!(told("user,items\n1,2;3\n2,5;7\n"), (',', Some('"'), 0, 2));
        assert_eq!(told("id#title#price\n0#a, b#1\n1#c#2\n2#d, e, f#3\n"), ('#', Some('"'), 0, 3));
        assert_eq!(told("t@n@m\n'a@b'@c@1\n'd@e'@f@2\n'g'@h@3\n"), ('@', Some('\''), 0, 3));
        assert_eq!(told("a\tb\n\"5\" disc\tx\n6\" disc\ty\n\"7\tz\n8\tw\n9\tv\n"), ('\t', None, 0, 2));
        assert_eq!(told("Author: me\nA title, long\nid,name,x\n1,b,2\n2,c,3\n3,d,4\n"), (',', Some('"'), 2, 3));
        assert_eq!(told("milk,bread,tea\nmilk\ntea,milk\nbread,jam,tea,oil\nmilk,oil\n").0, ',');
        assert_eq!(told("name\nGeorge\nJohn\n"), (',', Some('"'), 0, 1));
        assert_eq!(told("\"a \\\" x, y\",1\n\"b\",2\n\"c \\\" d, e\",3\n").3, 2);
    }

    #[test]
    fn prose_is_no_table() {
        let prose = "It was late, and dark.\nNobody came, not one, that night.\nThe end.\nOr so, they said.\n";
        assert!(!sniff(prose, &FileOptions::default(), "txt").is_table());
        assert!(sniff("a\tb\n1\t2\n3\t4\n", &FileOptions::default(), "txt").is_table());
    }
}
