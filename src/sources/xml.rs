//! XML files: the element that repeats is the row.
//!
//! A first reading counts element paths and takes the most frequent one that has children or attributes and does
//! not lie inside another repeated one (`/rss/channel/item`, not the shippings within it). Its children and
//! attributes are the columns (`g:price` becomes `g_price`), what is nested is JSON text, what repeats a JSON
//! array. Entities other than XML's own five stay as they are written: nothing is fetched, nothing expands.

use super::charset;
use super::csv_file::Place;
use super::input::{Budget, Guarded, io_error};
use super::options::FileOptions;
use super::records::{self, Record, RecordLayout, RecordRows, RecordSource};
use super::xml_element::{Node, attributes, resolve};
use crate::config::{SOURCE_DEPTH_MAX, SOURCE_SAMPLE_BYTES};
use crate::error::{Error, Kind, Result};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::HashMap;
use std::io::{BufReader, Read};

/// Different paths of elements that the first reading counts.
const PATHS_MAX: usize = 10_000;

/// What is known of an XML file before its rows are read.
#[derive(Debug, Clone)]
pub(super) struct XmlLayout {
    /// The path of the row's element from the root.
    path: Vec<String>,
    pub(super) records: RecordLayout,
}

/// Finds out the row's element, names and types.
pub(super) fn inspect(place: &Place, options: &FileOptions) -> Result<XmlLayout> {
    let path = row_path(place, options)?;
    let mut source = XmlRecords::open(place, options, &path)?;
    let rows = options.sample_rows.unwrap_or(usize::MAX);
    let records = records::inspect(&mut source, rows, SOURCE_SAMPLE_BYTES, true, options.normalize_names)?;
    Ok(XmlLayout { path, records })
}

/// The rows of an XML file.
pub(super) fn rows(place: &Place, options: &FileOptions, layout: &XmlLayout) -> Result<RecordRows> {
    Ok(RecordRows::new(Box::new(XmlRecords::open(place, options, &layout.path)?), &layout.records, true))
}

/// Events of a file, with the bounds that hold for each.
struct Events {
    reader: Reader<BufReader<Guarded<charset::Utf8Reader<super::input::Content>>>>,
    budget: Budget,
    shown: String,
    buffer: Vec<u8>,
}

impl Events {
    fn open(place: &Place, options: &FileOptions) -> Result<Self> {
        let shown = place.shown();
        let budget = Budget::new();
        let charset = match charset::named(&options.encoding)? {
            Some(charset) => charset,
            None => {
                let mut head = Vec::new();
                place.open()?.take(64 << 10).read_to_end(&mut head).map_err(|error| io_error(&shown, &error))?;
                match declared(&head) {
                    Some(label) => charset::detect_bytes(&head, Some(&label)),
                    None => place.charset(options)?,
                }
            }
        };
        let text = Guarded::new(place.text(charset)?, budget.clone(), &shown);
        let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, text));
        reader.config_mut().allow_dangling_amp = true;
        Ok(Self { reader, budget, shown, buffer: Vec::new() })
    }

    fn next(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => Ok(event),
            Err(quick_xml::Error::Io(error)) => Err(io_error(&self.shown, &error)),
            Err(_) => Err(malformed(&self.shown, self.reader.error_position())),
        }
    }
}

/// What the XML declaration says about the encoding, where it is not UTF-8 anyway.
fn declared(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head.get(..head.len().min(200))?);
    let declaration = text.split_once("<?xml")?.1.split_once("?>")?.0;
    let label = declaration.split_once("encoding")?.1.split(['"', '\'']).nth(1)?.trim().to_owned();
    (!label.eq_ignore_ascii_case("utf-8")).then_some(label)
}

fn malformed(shown: &str, at: u64) -> Error {
    Error::new(Kind::InvalidText, format!("{shown}: this is not well-formed XML near byte {at}"))
}

fn too_deep(shown: &str) -> Error {
    Error::new(Kind::LimitExceeded, format!("{shown}: elements are nested more than {SOURCE_DEPTH_MAX} deep"))
}

#[derive(Default)]
struct Counted {
    count: u64,
    /// Has children or attributes.
    structured: bool,
    order: usize,
}

/// Counts the paths of elements and chooses the row's.
fn row_path(place: &Place, options: &FileOptions) -> Result<Vec<String>> {
    let mut events = Events::open(place, options)?;
    let shown = events.shown.clone();
    let mut stack: Vec<String> = Vec::new();
    let mut paths: HashMap<Vec<String>, Counted> = HashMap::new();
    loop {
        events.budget.renew();
        if events.reader.buffer_position() > SOURCE_SAMPLE_BYTES {
            break;
        }
        let (element, empty) = match events.next()? {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(_) => {
                stack.pop();
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        let attributes = attributes(&element).next().is_some();
        if stack.len() >= SOURCE_DEPTH_MAX {
            return Err(too_deep(&shown));
        }
        if let Some(parent) = paths.get_mut(&stack) {
            parent.structured = true;
        }
        stack.push(element.name().as_ref().to_owned());
        let order = paths.len();
        match paths.get_mut(&stack) {
            Some(found) => {
                found.count += 1;
                found.structured |= attributes;
            }
            None if order < PATHS_MAX => {
                paths.insert(stack.clone(), Counted { count: 1, structured: attributes, order });
            }
            None => {}
        }
        if empty {
            stack.pop();
        }
    }
    let repeated = |path: &[String]| paths.get(path).is_some_and(|found| found.count > 1);
    let outermost = |path: &[String]| !(1..path.len()).any(|end| path.get(..end).is_some_and(repeated));
    let best = |structured: bool| {
        paths
            .iter()
            .filter(|(path, found)| found.count > 1 && found.structured >= structured && outermost(path))
            .max_by_key(|(_, found)| (found.count, std::cmp::Reverse(found.order)))
    };
    let root = || paths.iter().find(|(path, _)| path.len() == 1);
    match best(true).or_else(|| best(false)).or_else(root) {
        Some((path, _)) => Ok(path.clone()),
        None => Err(Error::new(Kind::InvalidText, format!("{shown} has no XML element"))),
    }
}

/// The elements at a path, as records.
struct XmlRecords {
    events: Events,
    path: Vec<String>,
    /// Names of the open elements above the row, and how many of them lie on the path.
    depth: usize,
    matched: usize,
    count: u64,
    ended: bool,
}

impl XmlRecords {
    fn open(place: &Place, options: &FileOptions, path: &[String]) -> Result<Self> {
        let events = Events::open(place, options)?;
        Ok(Self { events, path: path.to_vec(), depth: 0, matched: 0, count: 0, ended: false })
    }

    /// Goes to the next element at the path; whether it is an empty one.
    fn find(&mut self) -> Result<Option<(Node, bool)>> {
        loop {
            self.events.budget.renew();
            let (element, empty) = match self.events.next()? {
                Event::Start(element) => (element, false),
                Event::Empty(element) => (element, true),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.matched = self.matched.min(self.depth);
                    continue;
                }
                Event::Eof if self.depth > 0 => return Err(self.ends_early()),
                Event::Eof => return Ok(None),
                _ => continue,
            };
            let on_path = self.matched == self.depth
                && self.path.get(self.depth).is_some_and(|name| element.name().as_ref() == name.as_str());
            if on_path && self.depth + 1 == self.path.len() {
                return Ok(Some((Node::new(&element), empty)));
            }
            if !empty {
                self.matched += usize::from(on_path);
                self.depth += 1;
            }
            if self.depth > SOURCE_DEPTH_MAX {
                return Err(too_deep(&self.events.shown));
            }
        }
    }

    fn ends_early(&self) -> Error {
        Error::new(Kind::InvalidText, format!("{}: the XML ends inside an element", self.events.shown))
    }

    /// Reads the row's element up to its end.
    fn read(&mut self, row: Node) -> Result<Node> {
        let mut stack = vec![row];
        loop {
            if stack.len() > SOURCE_DEPTH_MAX {
                return Err(too_deep(&self.events.shown));
            }
            let event = self.events.next()?;
            let Some(open) = stack.last_mut() else { return Err(Error::internal("an XML row without its element")) };
            match event {
                Event::Start(element) => stack.push(Node::new(&element)),
                Event::Empty(element) => {
                    let child = Node::new(&element);
                    open.children.push((child.name.clone(), child.value()));
                }
                Event::Text(text) => open.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => open.text.push_str(&resolve(&reference)),
                Event::End(_) => {
                    let Some(done) = stack.pop() else { continue };
                    match stack.last_mut() {
                        Some(parent) => parent.children.push((done.name.clone(), done.value())),
                        None => return Ok(done),
                    }
                }
                Event::Eof => return Err(self.ends_early()),
                _ => {}
            }
        }
    }
}

impl RecordSource for XmlRecords {
    fn next_record(&mut self) -> Result<Option<Record>> {
        if self.ended {
            return Ok(None);
        }
        let Some((row, empty)) = self.find()? else {
            self.ended = true;
            return Ok(None);
        };
        self.count += 1;
        let row = if empty { row } else { self.read(row)? };
        Ok(Some(row.members()))
    }
    fn place(&self) -> String {
        format!("element {}", self.count)
    }
    fn shown(&self) -> &str {
        &self.events.shown
    }
    fn bytes(&self) -> u64 {
        self.events.reader.buffer_position()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, cells, types};
    use super::*;

    #[test]
    fn a_feed_becomes_rows() {
        let folder = Folder::new(&[(
            "feed.xml",
            "<?xml version=\"1.0\"?><rss xmlns:g=\"http://base.google.com/ns/1.0\"><channel><title>Shop</title>
            <item id='7'><g:price>1.50</g:price><g:gtin></g:gtin><t><![CDATA[a <b>]]> &amp; &copy;</t>
              <g:shipping><g:country>AU</g:country></g:shipping><g:shipping><g:country>NZ</g:country></g:shipping></item>
            <item id='8'><g:price>2</g:price><t>&#x4e2d;</t><k x='1'/></item>
            </channel></rss>",
        )]);
        let asset = folder.asset("feed");
        assert_eq!(types(&asset), "id Int64, g_price Float64, g_gtin Utf8, t Utf8, g_shipping jsonb, k jsonb");
        assert_eq!(
            cells(&asset),
            ["7|1.5||a <b> & &copy;|[{\"g_country\":\"AU\"},{\"g_country\":\"NZ\"}]|", "8|2.0||中||{\"x\":\"1\"}"]
        );
    }

    #[test]
    fn rows_may_be_attributes_or_texts_and_in_any_encoding() {
        let (gbk, _, _) =
            encoding_rs::GBK.encode("<?xml version='1.0' encoding='GBK'?><r><row 名='衬衫'/><row 名='裙子'/></r>");
        let folder = Folder::new(&[("texts.xml", "<names><n>Ann</n><n>Bob</n></names>")]);
        folder.write("attributes.xml", &gbk);
        assert_eq!(types(&folder.asset("attributes")), "名 Utf8");
        assert_eq!(cells(&folder.asset("attributes")), ["衬衫", "裙子"]);
        assert_eq!(cells(&folder.asset("texts")), ["Ann", "Bob"]);
    }

    #[test]
    fn bombs_and_broken_files_are_errors() {
        let bomb =
            "<!DOCTYPE r [<!ENTITY a SYSTEM \"file:///etc/passwd\"><!ENTITY b \"&a;&a;\">]><r><x>&b;</x><x>1</x></r>";
        let folder = Folder::new(&[
            ("bomb.xml", bomb),
            ("cut.xml", "<r><x><y>1</y></x><x><y>2"),
            ("cross.xml", "<r><a></r></a>"),
            ("deep.xml", &"<a>".repeat(100_000)),
        ]);
        assert_eq!(cells(&folder.asset("bomb")), ["&b;", "1"]);
        assert_eq!(folder.asset("cut").schema().unwrap_err().kind(), Kind::InvalidText);
        assert_eq!(folder.asset("cross").schema().unwrap_err().kind(), Kind::InvalidText);
        assert_eq!(folder.asset("deep").schema().unwrap_err().kind(), Kind::LimitExceeded);
    }
}
