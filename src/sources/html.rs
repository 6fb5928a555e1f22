//! HTML pages: a row for each product that a page describes, or one for the page.

use super::charset;
use super::columns::{Cell, Rows, Spec, Writer};
use super::html_depth::depth;
use super::infer::Type;
use super::input::{read_bounded, relative};
use super::options::FileOptions;
use super::products::{self, clean};
use crate::config::{SOURCE_HTML_BYTES_MAX, SOURCE_HTML_DEPTH_MAX, SOURCE_HTML_TEXT_CHARS};
use crate::error::Result;
use crate::fail;
use scraper::{Html, Node, Selector};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// The columns of pages.
pub(super) fn specs() -> Vec<Spec> {
    let text = |name: &str| Spec::new(name, Type::Text);
    let mut specs: Vec<Spec> = ["path", "title", "name", "brand", "sku", "gtin"].into_iter().map(text).collect();
    specs.push(Spec::new("price", Type::Float));
    specs.extend(["currency", "availability", "description", "image", "url", "language", "text"].map(text));
    specs.push(Spec::new("tables", Type::Int));
    specs.push(Spec::new("jsonld", Type::Json));
    specs
}

/// The rows of some pages.
pub(super) struct PageRows {
    pub(super) root: PathBuf,
    pub(super) paths: VecDeque<PathBuf>,
    pub(super) options: FileOptions,
    pub(super) waiting: VecDeque<Vec<Cell>>,
}

impl Rows for PageRows {
    fn next_row(&mut self, writer: &mut Writer) -> Result<bool> {
        while self.waiting.is_empty() {
            let Some(path) = self.paths.pop_front() else { return Ok(false) };
            self.waiting = page_rows(&self.root, &path, &self.options)?.into();
        }
        if let Some(row) = self.waiting.pop_front() {
            writer.push_row(&row)?;
        }
        Ok(true)
    }
}

fn page_rows(root: &Path, path: &Path, options: &FileOptions) -> Result<Vec<Vec<Cell>>> {
    let bytes = read_bounded(root, path, SOURCE_HTML_BYTES_MAX)?;
    let charset = match charset::named(&options.encoding)? {
        Some(charset) => charset,
        None => charset::detect_bytes(&bytes, declared(&bytes).as_deref()),
    };
    let text = charset::decode(&bytes, charset);
    if depth(&text) > SOURCE_HTML_DEPTH_MAX {
        let shown = relative(root, path);
        fail!(LimitExceeded, "{shown}: elements are nested more than {SOURCE_HTML_DEPTH_MAX} deep");
    }
    let page = Html::parse_document(&text);
    let attribute = |selector: &str, name: &str| {
        let selector = Selector::parse(selector).ok()?;
        page.select(&selector).find_map(|element| element.attr(name).and_then(clean))
    };
    let title = Selector::parse("title")
        .ok()
        .and_then(|selector| page.select(&selector).find_map(|title| clean(&title.text().collect::<String>())));
    let language = attribute("html[lang]", "lang").or_else(|| attribute("html", "xml:lang"));
    let canonical = attribute("link[rel=canonical]", "href");
    let described = attribute("meta[name=description], meta[name=Description]", "content");
    let Visible { text, tables, scripts } = visible(&page);
    let shown = relative(root, path);
    let rows = products::products(&page, &scripts).into_iter().map(|product| {
        vec![
            Cell::Text(shown.clone()),
            title.clone().into(),
            product.name.into(),
            product.brand.into(),
            product.sku.into(),
            product.gtin.into(),
            product.price.map_or(Cell::Null, Cell::Float),
            product.currency.into(),
            product.availability.into(),
            product.description.or_else(|| described.clone()).into(),
            product.image.into(),
            product.url.or_else(|| canonical.clone()).into(),
            language.clone().into(),
            clean(&text).into(),
            Cell::Int(tables),
            product.jsonld.into(),
        ]
    });
    Ok(rows.collect())
}

/// The encoding that a page declares in its first bytes.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(4096))?).to_ascii_lowercase();
    let label: String = head
        .split_once("charset")?
        .1
        .trim_start_matches([' ', '=', '"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// What a reader of the page sees, and the JSON-LD that machines see.
struct Visible {
    text: String,
    tables: i64,
    scripts: Vec<String>,
}

fn visible(page: &Html) -> Visible {
    let mut seen = Visible { text: String::new(), tables: 0, scripts: Vec::new() };
    let mut characters = 0;
    // A stack of our own: pages may be nested deeper than a thread's.
    let mut open = vec![page.tree.root()];
    while let Some(node) = open.pop() {
        match node.value() {
            Node::Text(text) if characters < SOURCE_HTML_TEXT_CHARS => {
                for word in text.split_whitespace() {
                    let left = SOURCE_HTML_TEXT_CHARS.saturating_sub(characters);
                    seen.text.extend(word.chars().take(left));
                    seen.text.push(' ');
                    characters += word.chars().count() + 1;
                }
            }
            Node::Element(element) => match element.name() {
                "script" if element.attr("type").is_some_and(|kind| kind.trim().starts_with("application/ld+json")) => {
                    seen.scripts.push(node.children().filter_map(|c| c.value().as_text().map(|t| &**t)).collect());
                }
                "script" | "style" | "noscript" | "template" | "svg" | "title" => {}
                name => {
                    seen.tables += i64::from(name == "table");
                    let from = open.len();
                    open.extend(node.children());
                    if let Some(added) = open.get_mut(from..) {
                        added.reverse();
                    }
                }
            },
            Node::Document | Node::Fragment => {
                let from = open.len();
                open.extend(node.children());
                if let Some(added) = open.get_mut(from..) {
                    added.reverse();
                }
            }
            _ => {}
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, cells};

    #[test]
    fn a_folder_of_pages_is_one_asset() {
        let (gbk, _, _) = encoding_rs::GBK.encode(
            "<html lang=zh><meta charset=gbk><title>衬衫</title><body><p>红色<b>衬衫</b></p><script>var x</script><table></table>",
        );
        let folder = Folder::new(&[(
            "pages/b.html",
            "<html><head><title>Two</title><script type='application/ld+json'>
            {\"@type\":\"ItemList\",\"itemListElement\":[{\"item\":{\"@type\":\"Product\",\"name\":\"A\"}},{\"item\":{\"@type\":\"http://schema.org/Product\",\"name\":\"B\",\"offers\":{\"price\":3}}}]}
            </script></head><body>Hello</body></html>",
        )]);
        folder.write("pages/a.htm", &gbk);
        let rows = cells(&folder.asset("pages"));
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], "pages/a.htm|衬衫|||||||||||zh|红色 衬衫|1|");
        assert!(rows[1].starts_with("pages/b.html|Two|A|") && rows[2].starts_with("pages/b.html|Two|B||||3.0|"));
    }

    #[test]
    fn broken_pages_are_pages_and_bottomless_ones_are_refused() {
        let folder = Folder::new(&[("p/b.html", "<html <p <<< &#0; <table"), ("q/a.html", &"<div>".repeat(50_000))]);
        assert_eq!(cells(&folder.asset("p")).len(), 1);
        let error = folder.asset("q").scan(None, None).unwrap().next().unwrap().unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::LimitExceeded);
    }
}
