//! Workbooks of Excel (Office Open XML): a sheet is a table.
//!
//! A workbook is a zip archive of XML: the names of its sheets, the texts that cells share, the formats that say which
//! numbers are days, and the sheets, which are streamed. Cells have types of their own: what is written as text stays text,
//! unless all of a column's texts are dates. Titles above a table are passed over, and which row is the header is asked as for
//! delimited files.

use super::archive::Archive;
use super::csv_file::{Place, is_header};
use super::infer::Guess;
use super::input::{Budget, Guarded, io_error};
use super::options::FileOptions;
use super::records::{self, RecordLayout, RecordRows};
use super::xlsx_sheet::{Cells, SheetRecords, shown_text};
use super::xlsx_style::{Style, style};
use super::xml_element::resolve;
use crate::config::{SOURCE_COLUMNS_MAX, SOURCE_JSON_BYTES_MAX, SOURCE_SAMPLE_BYTES};
use crate::error::{Error, Kind, Result};
use crate::fail;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::sync::Arc;

/// Rows from the top in which a table's first one is looked for, and over which columns are told from titles.
const TOP_ROWS: usize = 50;

/// Events of one part of a workbook, with its name for errors.
pub(super) struct Part {
    reader: Reader<BufReader<Guarded<Box<dyn Read + Send>>>>,
    budget: Budget,
    buffer: Vec<u8>,
    /// The file's name, and the part's.
    pub(super) shown: String,
}

impl Part {
    pub(super) fn open(archive: &Archive, place: &Place, name: &str) -> Result<Self> {
        let shown = format!("{}, {name}", place.shown());
        let budget = Budget::new();
        let guarded = Guarded::new(archive.read(name)?, budget.clone(), &shown);
        let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, guarded));
        reader.config_mut().allow_dangling_amp = true;
        Ok(Self { reader, budget, buffer: Vec::new(), shown })
    }

    /// The next event; the end again and again at the end.
    pub(super) fn next(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        self.reader.read_event_into(&mut self.buffer).map_err(|error| match error {
            quick_xml::Error::Io(error) => io_error(&self.shown, &error),
            error => Error::new(Kind::InvalidText, format!("{}: broken XML: {error}", self.shown)),
        })
    }

    /// A record has ended.
    pub(super) fn renew(&self) {
        self.budget.renew();
    }

    pub(super) fn position(&self) -> u64 {
        self.reader.buffer_position()
    }
}

/// The value of an attribute, whatever its prefix.
pub(super) fn attribute(element: &BytesStart<'_>, wanted: &str) -> Option<String> {
    let mut all = element.attributes();
    all.with_checks(false);
    let found = all.flatten().find(|attribute| attribute.key.local_name().as_ref() == wanted)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0);
    Some(value.map_or_else(|_| found.value.to_string(), |value| value.into_owned()))
}

/// What all sheets of a workbook have in common.
#[derive(Debug)]
pub(super) struct Book {
    archive: Archive,
    place: Place,
    sheets: Vec<(String, String)>,
    /// Texts that cells name by their numbers.
    pub(super) texts: Vec<Box<str>>,
    /// How numbers are to be read, by the number of a cell's format.
    pub(super) styles: Vec<Style>,
    pub(super) since_1904: bool,
}

impl Book {
    /// The workbook without its texts, which are many and not always wanted.
    fn open(place: &Place) -> Result<Self> {
        let archive = Archive::open(place)?;
        let mut targets = HashMap::new();
        let mut part = Part::open(&archive, place, "xl/_rels/workbook.xml.rels")?;
        loop {
            match part.next()? {
                Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "Relationship" => {
                    let kind = attribute(&element, "Type").unwrap_or_default();
                    if let (Some(id), Some(target)) = (attribute(&element, "Id"), attribute(&element, "Target"))
                        && kind.ends_with("/worksheet")
                    {
                        let target = target.strip_prefix('/').map_or(format!("xl/{target}"), str::to_owned);
                        targets.insert(id, target);
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let (mut sheets, mut since_1904) = (Vec::new(), false);
        let mut part = Part::open(&archive, place, "xl/workbook.xml")?;
        loop {
            match part.next()? {
                Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                    "sheet" => {
                        let target = attribute(&element, "id").and_then(|id| targets.get(&id)).cloned();
                        if let (Some(name), Some(target)) = (attribute(&element, "name"), target) {
                            sheets.push((name, target));
                        }
                    }
                    "workbookPr" => {
                        since_1904 =
                            attribute(&element, "date1904").is_some_and(|said| matches!(said.as_str(), "1" | "true"));
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(Self { archive, place: place.clone(), sheets, texts: Vec::new(), styles: Vec::new(), since_1904 })
    }

    /// The workbook with all that cells refer to.
    fn whole(place: &Place) -> Result<Self> {
        let mut book = Self::open(place)?;
        if book.archive.has("xl/sharedStrings.xml") {
            book.texts = texts(&mut Part::open(&book.archive, place, "xl/sharedStrings.xml")?)?;
        }
        if book.archive.has("xl/styles.xml") {
            book.styles = styles(&mut Part::open(&book.archive, place, "xl/styles.xml")?)?;
        }
        Ok(book)
    }

    /// The rows of a sheet as cells; the first sheet's without a name.
    fn cells(self: &Arc<Self>, sheet: Option<&str>) -> Result<Cells> {
        let found = match sheet {
            Some(wanted) => self.sheets.iter().find(|(name, _)| name == wanted),
            None => self.sheets.first(),
        };
        let Some((name, target)) = found else {
            fail!(InvalidText, "{}: the workbook has no sheet {}", self.place.shown(), sheet.unwrap_or_default());
        };
        let shown = format!("{}, sheet {name}", self.place.shown());
        Ok(Cells::new(self.clone(), Part::open(&self.archive, &self.place, target)?, shown))
    }
}

fn texts(part: &mut Part) -> Result<Vec<Box<str>>> {
    let (mut texts, mut text, mut bytes) = (Vec::new(), String::new(), 0u64);
    // How phonetic guides say it is no part of the text.
    let (mut within, mut guides) = (false, 0usize);
    loop {
        match part.next()? {
            Event::Start(element) => match element.local_name().as_ref() {
                "si" => text.clear(),
                "t" => within = guides == 0,
                "rPh" => guides += 1,
                _ => {}
            },
            Event::Empty(element) if element.local_name().as_ref() == "si" => texts.push(Box::from("")),
            Event::End(element) => match element.local_name().as_ref() {
                "si" => {
                    bytes += text.len() as u64 + 24;
                    texts.push(Box::from(shown_text(&text)));
                    part.renew();
                }
                "t" => within = false,
                "rPh" => guides = guides.saturating_sub(1),
                _ => {}
            },
            Event::Eof => return Ok(texts),
            event if within => text.push_str(&markup_text(&event)),
            _ => {}
        }
        if bytes > SOURCE_JSON_BYTES_MAX {
            fail!(
                LimitExceeded,
                "{}: the texts of the workbook have more than {} MiB",
                part.shown,
                SOURCE_JSON_BYTES_MAX >> 20
            );
        }
    }
}

/// The text of an event between tags.
pub(super) fn markup_text(event: &Event<'_>) -> String {
    match event {
        Event::Text(text) => text.xml10_content().into_owned(),
        Event::CData(text) => text.xml10_content().into_owned(),
        Event::GeneralRef(reference) => resolve(reference),
        _ => String::new(),
    }
}

fn styles(part: &mut Part) -> Result<Vec<Style>> {
    let (mut codes, mut styles, mut within) = (HashMap::new(), Vec::new(), false);
    loop {
        match part.next()? {
            Event::Start(element) | Event::Empty(element) => {
                let number = |name| attribute(&element, name).and_then(|text| text.parse::<u32>().ok());
                match element.local_name().as_ref() {
                    "numFmt" => {
                        if let (Some(id), Some(code)) = (number("numFmtId"), attribute(&element, "formatCode")) {
                            codes.insert(id, code);
                        }
                    }
                    "cellXfs" => within = true,
                    "xf" if within => {
                        let id = number("numFmtId").unwrap_or(0);
                        styles.push(style(id, codes.get(&id).map(String::as_str)));
                    }
                    _ => {}
                }
            }
            Event::End(element) if element.local_name().as_ref() == "cellXfs" => within = false,
            Event::Eof => return Ok(styles),
            _ => {}
        }
    }
}

/// The sheets of a workbook that hold anything.
pub(super) fn tables(place: &Place) -> Result<Vec<String>> {
    let book = Arc::new(Book::open(place)?);
    let mut tables = Vec::new();
    for (name, _) in &book.sheets {
        // A sheet that cannot be read is a table, whose scan tells the error.
        if book.cells(Some(name)).and_then(|mut cells| cells.next()).map_or(true, |row| row.is_some()) {
            tables.push(name.clone());
        }
    }
    Ok(tables)
}

/// What is known of a sheet before its rows are read.
#[derive(Debug, Clone)]
pub(super) struct XlsxLayout {
    place: Place,
    sheet: Option<String>,
    /// Rows above the first of the table.
    above: usize,
    header: bool,
    /// The columns' keys, from the first column of the table.
    keys: Vec<String>,
    first: usize,
    pub(super) records: RecordLayout,
}

/// Finds out where the table begins, its header, names and types.
pub(super) fn inspect(place: &Place, options: &FileOptions, sheet: Option<&str>) -> Result<XlsxLayout> {
    let book = Arc::new(Book::whole(place)?);
    let mut cells = book.cells(sheet)?;
    let mut top: Vec<Vec<(usize, String)>> = Vec::new();
    while top.len() < TOP_ROWS
        && let Some(row) = cells.next()?
    {
        top.push(row.into_iter().map(|(column, value)| (column, Cells::text(&value))).collect());
    }
    let widest = top.iter().map(Vec::len).max().unwrap_or(0);
    let above = if widest > 2 { top.iter().take_while(|row| row.len() < 2).count() } else { 0 };
    let rows = top.get(above..).unwrap_or_default();
    let first = rows.iter().filter_map(|row| row.first()).map(|(column, _)| *column).min().unwrap_or(0);
    let end = rows.iter().filter_map(|row| row.last()).map(|(column, _)| *column + 1).max().unwrap_or(0);
    if end - first.min(end) > SOURCE_COLUMNS_MAX {
        fail!(LimitExceeded, "{} has more than {SOURCE_COLUMNS_MAX} columns", place.shown());
    }
    let in_columns = |row: &Vec<(usize, String)>| {
        let mut all = vec![String::new(); end - first.min(end)];
        for (column, text) in row {
            if let Some(cell) = all.get_mut(column - first) {
                cell.clone_from(text);
            }
        }
        all
    };
    let names = rows.first().map(in_columns).unwrap_or_default();
    let mut guesses = vec![Guess::new(); names.len()];
    for row in rows.iter().skip(1).map(in_columns) {
        row.iter().zip(&mut guesses).for_each(|(cell, guess)| guess.see(cell));
    }
    let is_named = names.iter().any(|name| !name.is_empty());
    let header =
        options.header.unwrap_or_else(|| is_named && is_header(&names, &guesses, rows.len().saturating_sub(1), 0));
    let given = if header { names } else { vec![String::new(); guesses.len()] };
    // Keys are told apart here; what columns are called is decided with all keys at hand.
    let keys = super::names::columns(&given, false);
    let mut layout = XlsxLayout {
        place: place.clone(),
        sheet: sheet.map(str::to_owned),
        above,
        header,
        keys,
        first,
        records: RecordLayout::default(),
    };
    let mut source = open(book, &layout)?;
    let sample = options.sample_rows.unwrap_or(usize::MAX);
    layout.records = records::inspect(&mut source, sample, SOURCE_SAMPLE_BYTES, false, options.normalize_names)?;
    if options.all_varchar {
        layout.records.all_text();
    }
    Ok(layout)
}

fn open(book: Arc<Book>, layout: &XlsxLayout) -> Result<SheetRecords> {
    let cells = book.cells(layout.sheet.as_deref())?;
    SheetRecords::new(cells, layout.above + usize::from(layout.header), layout.keys.clone(), layout.first)
}

/// The rows of a sheet.
pub(super) fn rows(layout: &XlsxLayout) -> Result<RecordRows> {
    let book = Arc::new(Book::whole(&layout.place)?);
    Ok(RecordRows::new(Box::new(open(book, layout)?), &layout.records, false))
}

#[cfg(test)]
mod tests {
    use super::super::archive::zipped;
    use super::super::testing::{Folder, cells, types};
    use super::*;

    const RELS: &str = r#"<Relationships><Relationship Id="rId1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>
        <Relationship Id="rId2" Type="http://x/worksheet" Target="/xl/worksheets/sheet2.xml"/>
        <Relationship Id="rId3" Type="http://x/worksheet" Target="worksheets/sheet3.xml"/></Relationships>"#;
    const BOOK: &str = r#"<workbook><sheets><sheet name="Orders" sheetId="1" r:id="rId1"/><sheet name="Stock &amp; more" sheetId="2" r:id="rId2"/>
        <sheet name="Empty" sheetId="3" r:id="rId3"/></sheets></workbook>"#;
    const TEXTS: &str = "<sst><si><t>id</t></si><si><t>name</t></si><si><t>at</t></si><si><r><t>A &amp; </t></r><r><t>B</t></r>\
        <rPh><t>x</t></rPh></si><si><t xml:space=\"preserve\">007</t></si><si/></sst>";
    const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd hh:mm"/></numFmts>
        <cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#;
    const ORDERS: &str = r#"<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Orders of May</t></is></c></row>
        <row r="3"><c r="B3" t="s"><v>0</v></c><c r="C3" t="s"><v>1</v></c><c r="D3" t="s"><v>2</v></c><c r="E3" t="str"><v>paid</v></c></row>
        <row r="4"><c r="B4"><v>1</v></c><c r="C4" t="s"><v>3</v></c><c r="D4" s="1"><v>40513.351388888892</v></c><c r="E4" t="b"><v>1</v></c></row>
        <row r="5"><c r="B5"><v>2.0</v></c><c r="C5" t="s"><v>4</v></c><c r="D5" s="1"><v>40514</v></c><c r="E5" t="e"><v>#N/A</v></c></row>
        <row r="6"/></sheetData></worksheet>"#;
    const STOCK: &str = "<worksheet><sheetData><row><c><v>1.5</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row></sheetData></worksheet>";
    const EMPTY: &str = "<worksheet><sheetData/></worksheet>";

    fn book(orders: &str, pack: bool) -> Vec<u8> {
        let entries = [
            ("xl/_rels/workbook.xml.rels", RELS),
            ("xl/workbook.xml", BOOK),
            ("xl/sharedStrings.xml", TEXTS),
            ("xl/styles.xml", STYLES),
            ("xl/worksheets/sheet1.xml", orders),
            ("xl/worksheets/sheet2.xml", STOCK),
            ("xl/worksheets/sheet3.xml", EMPTY),
        ];
        zipped(&entries, pack)
    }

    #[test]
    fn each_sheet_is_a_table_with_its_header_and_days() {
        for pack in [false, true] {
            let folder = Folder::new(&[]);
            folder.write("shop.xlsx", &book(ORDERS, pack));
            let orders = folder.asset("shop_orders");
            assert_eq!(types(&orders), "id Int64, name Utf8, at Timestamp(µs), paid Boolean");
            assert_eq!(cells(&orders), ["1|A & B|2010-12-01T08:26:00|true", "2|007|2010-12-02T00:00:00|"]);
            let mut scan = orders.scan(Some(&[3]), None).unwrap();
            scan.by_ref().for_each(|batch| _ = batch.unwrap());
            let told =
                "shop.xlsx, sheet Orders: 1 row has a cell with the error of a formula, first at row 5; it is NULL";
            assert_eq!(scan.remarks(), [told]);
            let stock = folder.asset("shop_stock_more");
            assert_eq!(types(&stock), "column0 Float64, column1 Int64");
            assert_eq!(cells(&stock), ["1.5|2", "3.0|"]);
        }
    }

    #[test]
    fn broken_workbooks_are_told_with_their_place() {
        let error = |bytes: &[u8], name: &str| {
            let folder = Folder::new(&[]);
            folder.write("shop.xlsx", bytes);
            let asset = folder.asset(name);
            let scanned = asset.scan(None, None).and_then(|scan| scan.collect::<Result<Vec<_>>>());
            let error = scanned.unwrap_err();
            (error.kind(), error.message().to_owned())
        };
        let whole = book(ORDERS, true);
        let (kind, message) = error(&whole[..whole.len() - 30], "shop");
        assert_eq!((kind, message.as_str()), (Kind::InvalidText, "shop.xlsx: the zip archive is cut off or damaged"));
        let strange = ORDERS.replace("<v>40514</v>", "<v>soon</v>");
        let (_, message) = error(&book(&strange, false), "shop_orders");
        assert_eq!(message, "shop.xlsx, sheet Orders, row 5: a cell holds no number");
        let (_, message) = error(&book(&ORDERS.replace("<v>4</v>", "<v>40</v>"), false), "shop_orders");
        assert_eq!(message, "shop.xlsx, sheet Orders, row 5: a cell names no text of the workbook");
        let (_, message) = error(&book(&ORDERS[..ORDERS.len() - 40], true), "shop_orders");
        assert!(message.starts_with("shop.xlsx, "), "{message}");
        for at in (30..whole.len()).step_by(11) {
            let mut broken = whole.clone();
            broken[at] ^= 0x5a;
            let folder = Folder::new(&[]);
            folder.write("shop.xlsx", &broken);
            for asset in super::super::discover::discover(folder.path(), &FileOptions::default()).unwrap() {
                let _ = asset.scan(None, None).map(|scan| scan.for_each(drop));
            }
        }
    }
}
