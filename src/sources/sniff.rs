//! The form of a file: what its first bytes show, and where they leave a choice, what its name says.

use super::asset::Form;
use super::charset;
use super::dialect;
use super::dump;
use super::input::{self, GZIP};
use super::options::FileOptions;
use crate::config::SOURCE_SNIFF_BYTES;
use serde::de::IgnoredAny;
use std::io::Read;
use std::path::Path;

/// First bytes of formats that are known but not read.
const UNREAD: [(&[u8], &str); 14] = [
    (b"Obj\x01", "avro"),
    (b"ARROW1", "arrow"),
    (b"ORC", "orc"),
    (b"SQLite format 3\0", "sqlite"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"%PDF", "pdf"),
    (b"\xd0\xcf\x11\xe0", "ole"),
    (b"\x7fELF", "elf"),
    (b"\x89HDF", "hdf5"),
];

/// Extensions of images that cannot be told by their first bytes, or are broken.
const IMAGES: [&str; 14] =
    ["jpg", "jpeg", "jfif", "png", "gif", "webp", "bmp", "tif", "tiff", "heic", "heif", "avif", "ico", "svg"];

/// Extensions of texts that are never tables, whatever their commas.
const TEXTS: [&str; 29] = [
    "md",
    "rst",
    "log",
    "tex",
    "adoc",
    "py",
    "js",
    "ts",
    "css",
    "c",
    "h",
    "cpp",
    "java",
    "rs",
    "go",
    "rb",
    "php",
    "sh",
    "r",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "properties",
    "srt",
    "vtt",
    "eml",
];

/// The name of an image's format by its first bytes.
pub(super) fn image_format(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        [0x89, b'P', b'N', b'G', b'\r', b'\n', ..] => "png",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => "bmp",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "tiff",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => "avif",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i', b'c' | b'x' | b'f', ..] => "heif",
        _ => return None,
    })
}

/// The extension, where it is an image's.
pub(super) fn image_extension(path: &Path) -> Option<String> {
    Some(extension(path)).filter(|extension| IMAGES.contains(&extension.as_str()))
}

fn extension(path: &Path) -> String {
    path.extension().map(|text| text.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The form of the file at `path`, and the name of its format. What cannot be opened is `Unknown`, "unreadable".
pub(super) fn sniff(root: &Path, path: &Path, options: &FileOptions) -> (Form, String) {
    let head = input::open(root, path).ok().and_then(|mut file| {
        let mut head = Vec::new();
        (&mut file).take(64).read_to_end(&mut head).ok()?;
        // An image is told by its first bytes; only texts need more.
        if image_format(&head).is_none() {
            file.take(SOURCE_SNIFF_BYTES as u64 - 64).read_to_end(&mut head).ok()?;
        }
        Some(head)
    });
    match head {
        Some(head) if head.starts_with(&GZIP) => packed(root, path, options),
        Some(head) => by_head(&head, &extension(path), options),
        None => (Form::Unknown, "unreadable".into()),
    }
}

/// The form of what gzip has packed: texts are read, nothing else.
fn packed(root: &Path, path: &Path, options: &FileOptions) -> (Form, String) {
    let mut head = Vec::new();
    let content = input::content(root, path);
    let damaged = content.and_then(|content| {
        let read = content.take(SOURCE_SNIFF_BYTES as u64).read_to_end(&mut head);
        read.map_err(|error| input::io_error("", &error))
    });
    let extension = extension(&input::unpacked_name(path));
    match by_head(&head, &extension, options) {
        (Form::Image | Form::Parquet | Form::Xlsx | Form::Unknown, _) => {
            // Where nothing came out of it the name says what is meant, and a scan tells the damage.
            let meant = match extension.as_str() {
                _ if damaged.is_ok() => Form::Unknown,
                // What is called so is read as a table where it is one; so it goes by the same name.
                "csv" | "tsv" | "tab" | "psv" | "txt" | "dat" => Form::Csv,
                "json" | "geojson" => Form::Json,
                "jsonl" | "ndjson" | "jsonlines" => Form::JsonLines,
                "xml" | "rss" | "atom" => Form::Xml,
                "sql" => Form::Sql,
                "html" | "htm" | "xhtml" => Form::Html,
                _ if TEXTS.contains(&extension.as_str()) => Form::Text,
                _ => Form::Unknown,
            };
            let format = match meant {
                Form::Unknown if damaged.is_err() => "gzip, damaged",
                Form::Unknown => "gzip",
                meant => meant.as_str(),
            };
            (meant, format.to_owned())
        }
        told => told,
    }
}

fn by_head(head: &[u8], extension: &str, options: &FileOptions) -> (Form, String) {
    let told = |form: Form, name: &str| (form, name.to_owned());
    if head.is_empty() {
        return told(Form::Unknown, "empty");
    }
    if head.starts_with(b"PAR1") {
        return told(Form::Parquet, "parquet");
    }
    if let Some((_, name)) = UNREAD.iter().find(|(magic, _)| head.starts_with(magic)) {
        if *name == "zip" && ["xlsx", "xlsm"].contains(&extension) {
            return told(Form::Xlsx, "xlsx");
        }
        let office = *name == "zip" && ["docx", "pptx", "ods", "odt", "jar"].contains(&extension);
        return told(Form::Unknown, if office { extension } else { name });
    }
    if let Some(name) = image_format(head) {
        return told(Form::Image, name);
    }
    if IMAGES.contains(&extension) {
        return told(Form::Image, extension);
    }
    let charset = match charset::named(&options.encoding) {
        Ok(Some(charset)) => charset,
        _ => match charset::detect(head) {
            Ok(charset) => charset,
            Err(_) => return told(Form::Unknown, "unreadable"),
        },
    };
    let text = charset::decode(head, charset);
    if is_binary(&text) {
        return told(Form::Unknown, "binary");
    }
    let form = by_text(&text, extension, head.len() < SOURCE_SNIFF_BYTES, options);
    (form, form.as_str().to_owned())
}

/// Control characters have no place in text, apart from the odd separator.
fn is_binary(text: &str) -> bool {
    let (mut odd, mut all) = (0usize, 0usize);
    for letter in text.chars() {
        all += 1;
        let fine =
            !letter.is_control() || matches!(letter, '\t' | '\r' | '\n' | '\u{c}' | '\u{1}' | '\u{1b}' | '\u{85}');
        odd += usize::from(!fine || letter == char::REPLACEMENT_CHARACTER);
        if letter == '\0' {
            odd += 10;
        }
    }
    odd * 50 > all
}

fn by_text(text: &str, extension: &str, whole: bool, options: &FileOptions) -> Form {
    let start = text.trim_start();
    let lower: String = start.chars().take(1000).collect::<String>().to_ascii_lowercase();
    let json = || json_form(start);
    let xml = lower.starts_with("<?xml");
    let html = lower.starts_with("<!doctype html") || lower.starts_with("<html") || (xml && lower.contains("<html"));
    match extension {
        "json" | "geojson" | "jsonl" | "ndjson" | "jsonlines" => {
            if let Some(form) = json() {
                return if matches!(extension, "jsonl" | "ndjson" | "jsonlines") { Form::JsonLines } else { form };
            }
            // A list or object that is broken is still meant to be JSON; its error tells.
            if start.starts_with(['{', '[']) {
                return if extension.contains('l') || extension == "ndjson" { Form::JsonLines } else { Form::Json };
            }
        }
        "csv" | "tsv" | "tab" | "psv" if !(html || xml) => return json().unwrap_or(Form::Csv),
        "html" | "htm" | "xhtml" if start.contains('<') => return Form::Html,
        "xml" | "rss" | "atom" if start.starts_with('<') && !html => return Form::Xml,
        "sql" => return if dump::is_dump(text) { Form::Sql } else { Form::Text },
        _ if TEXTS.contains(&extension) => return Form::Text,
        _ => {}
    }
    if html {
        return Form::Html;
    }
    if xml {
        return Form::Xml;
    }
    if let Some(form) = json() {
        return form;
    }
    let lines = if whole { text } else { text.rsplit_once(['\n', '\r']).map_or(text, |(lines, _)| lines) };
    if dialect::sniff(lines, options, extension).is_table() { Form::Csv } else { Form::Text }
}

/// Whether a text's first values are JSON; the cut of the sample may fall inside one.
fn json_form(text: &str) -> Option<Form> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    for _ in 0..3 {
        match values.next() {
            Some(Ok(_)) => {}
            Some(Err(error)) if error.is_eof() => break,
            Some(Err(error)) if error.to_string().contains("recursion") => break,
            Some(Err(_)) => return None,
            None => break,
        }
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().is_some_and(|line| serde_json::from_str::<IgnoredAny>(line.trim()).is_ok());
    let more = lines.next().is_some_and(|line| line.trim_start().starts_with(['{', '[']));
    Some(if first && more { Form::JsonLines } else { Form::Json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_where_names_mislead() {
        let form = |extension: &str, text: &str| by_head(text.as_bytes(), extension, &FileOptions::default()).0;
        assert_eq!(form("csv", "{\"a\":1}\n{\"a\":2}\n"), Form::JsonLines);
        assert_eq!(form("json", "a,b\n1,2\n3,4\n"), Form::Csv);
        assert_eq!(form("txt", "a,b\n1,2\n3,4\n"), Form::Csv);
        assert_eq!(form("txt", "[12:30] hello\n[12:31] there\n"), Form::Text);
        assert_eq!(form("sql", "insert a, b\nselect c, d\nvalues e, f\n"), Form::Text);
        assert_eq!(form("", "<!DOCTYPE html><p>"), Form::Html);
        assert_eq!(form("feed", "<?xml version=\"1.0\"?><rss/>"), Form::Xml);
        assert_eq!(form("jpg", "not an image"), Form::Image);
        assert_eq!(form("csv", "a\0\u{2}\0\0b\0"), Form::Unknown);
        assert_eq!(form("json", "{\"a\": oops"), Form::Json);
    }
}
