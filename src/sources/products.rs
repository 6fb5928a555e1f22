//! Products that a web page describes to machines: JSON-LD, microdata, Open Graph.
//!
//! The vocabulary is schema.org's `Product` and `Offer`; JSON-LD is looked for through `@graph`, lists and nested
//! things. A page that tells of one product in several ways gives one row, each gap filled from the next way.

use super::markup::{microdata, open_graph};
use scraper::Html;
use serde_json::{Map, Value};

/// How deep products are looked for inside JSON-LD and nested items.
const DEPTH_MAX: usize = 12;
/// Products of one page at most.
pub(super) const PRODUCTS_MAX: usize = 1000;
/// Members that lead to other products, not to the page's own.
pub(super) const ELSEWHERE: [&str; 5] =
    ["isRelatedTo", "isSimilarTo", "isAccessoryOrSparePartFor", "isConsumableFor", "itemReviewed"];

/// What a page says of one product.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Product {
    pub(super) name: Option<String>,
    pub(super) brand: Option<String>,
    pub(super) sku: Option<String>,
    pub(super) gtin: Option<String>,
    pub(super) price: Option<f64>,
    pub(super) currency: Option<String>,
    pub(super) availability: Option<String>,
    pub(super) description: Option<String>,
    pub(super) image: Option<String>,
    pub(super) url: Option<String>,
    /// The JSON-LD it came from.
    pub(super) jsonld: Option<String>,
}

impl Product {
    fn fill_from(&mut self, other: Product) {
        fn fill<T>(slot: &mut Option<T>, other: Option<T>) {
            if slot.is_none() {
                *slot = other;
            }
        }
        fill(&mut self.name, other.name);
        fill(&mut self.brand, other.brand);
        fill(&mut self.sku, other.sku);
        fill(&mut self.gtin, other.gtin);
        // A price and its currency belong together.
        if self.price.is_none() {
            self.price = other.price;
            self.currency = other.currency.or(self.currency.take());
        }
        fill(&mut self.availability, other.availability);
        fill(&mut self.description, other.description);
        fill(&mut self.image, other.image);
        fill(&mut self.url, other.url);
    }
}

/// The products of a page; one without any findings when it has none.
pub(super) fn products(page: &Html, scripts: &[String]) -> Vec<Product> {
    let mut found: Vec<Product> = Vec::new();
    for script in scripts {
        if let Some(document) = lenient_json(script) {
            walk(&document, 0, &mut found);
        }
    }
    let micro = microdata(page);
    let open_graph = open_graph(page);
    if found.is_empty() {
        found = micro;
    } else if let ([product], Some(other)) = (found.as_mut_slice(), single(micro)) {
        product.fill_from(other);
    }
    match found.as_mut_slice() {
        [] => found.extend([open_graph.unwrap_or_default()]),
        [product] => product.fill_from(open_graph.unwrap_or_default()),
        _ => {}
    }
    found
}

fn single(mut products: Vec<Product>) -> Option<Product> {
    if products.len() == 1 { products.pop() } else { None }
}

/// Parses JSON-LD as pages really write it: in comments, with a semicolon, with raw control characters in strings.
fn lenient_json(script: &str) -> Option<Value> {
    let text = script.split_once("<![CDATA[").map_or(script, |(_, inside)| inside);
    let text = text.rsplit_once("]]>").map_or(text, |(inside, _)| inside);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.trim().trim_start_matches("<!--").trim_end_matches("-->").trim_end().trim_end_matches(';');
    let text = text.get(text.find(['{', '['])?..)?;
    let clean = || -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&clean()).ok())
}

fn walk(value: &Value, depth: usize, found: &mut Vec<Product>) {
    if depth > DEPTH_MAX || found.len() >= PRODUCTS_MAX {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, depth + 1, found)),
        Value::Object(members) if is_product(members) => found.push(from_jsonld(members, value)),
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| !ELSEWHERE.contains(&key.as_str()))
            .for_each(|(_, member)| walk(member, depth + 1, found)),
        _ => {}
    }
}

fn is_product(members: &Map<String, Value>) -> bool {
    let named = |value: &Value| value.as_str().is_some_and(is_product_type);
    match members.get("@type") {
        Some(Value::Array(types)) => types.iter().any(named),
        Some(one) => named(one),
        None => false,
    }
}

/// Whether a type of schema.org means a product.
pub(super) fn is_product_type(name: &str) -> bool {
    let local = name.trim().rsplit(['/', '#', ':']).next().unwrap_or(name);
    matches!(
        local,
        "Product" | "ProductGroup" | "IndividualProduct" | "ProductModel" | "SomeProducts" | "Vehicle" | "Car"
    )
}

fn from_jsonld(members: &Map<String, Value>, whole: &Value) -> Product {
    let get = |name: &str| members.get(name).and_then(|value| text(value, 0));
    let offer = members.get("offers").and_then(|offers| first_offer(offers, 0));
    let of_offer = |name: &str| offer.and_then(|offer| offer.get(name)).and_then(|value| text(value, 0));
    let specification = offer.and_then(|offer| offer.get("priceSpecification")).and_then(|found| match found {
        Value::Array(items) => items.first().and_then(Value::as_object),
        other => other.as_object(),
    });
    let of_price = |name: &str| specification.and_then(|found| found.get(name)).and_then(|value| text(value, 0));
    let price = ["price", "lowPrice"].iter().find_map(|name| of_offer(name)).or_else(|| of_price("price"));
    let gtin = ["gtin13", "gtin", "gtin14", "gtin12", "gtin8", "isbn"];
    Product {
        name: get("name"),
        brand: get("brand").or_else(|| get("manufacturer")),
        sku: get("sku").or_else(|| of_offer("sku")),
        gtin: gtin.iter().find_map(|name| get(name)).or_else(|| gtin.iter().find_map(|name| of_offer(name))),
        price: price.as_deref().and_then(number),
        currency: of_offer("priceCurrency").or_else(|| of_price("priceCurrency")),
        availability: of_offer("availability").map(|found| local_name(&found)),
        description: get("description"),
        image: get("image"),
        url: get("url").or_else(|| of_offer("url")),
        jsonld: Some(whole.to_string()),
    }
}

/// The first offer that says something, through lists and aggregates.
fn first_offer(value: &Value, depth: usize) -> Option<&Map<String, Value>> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::Array(items) => items.iter().find_map(|item| first_offer(item, depth + 1)),
        Value::Object(offer)
            if ["price", "lowPrice", "priceSpecification"].iter().any(|key| offer.contains_key(*key)) =>
        {
            Some(offer)
        }
        Value::Object(offer) => offer.get("offers").and_then(|inner| first_offer(inner, depth + 1)).or(Some(offer)),
        _ => None,
    }
}

/// The text of a value: of a list its first, of a thing its name, address or value.
fn text(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::String(text) => clean(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) if depth < DEPTH_MAX => items.iter().find_map(|item| text(item, depth + 1)),
        Value::Object(members) if depth < DEPTH_MAX => ["name", "url", "contentUrl", "@value", "@id"]
            .iter()
            .find_map(|key| members.get(*key).and_then(|member| text(member, depth + 1))),
        _ => None,
    }
}

/// Text without needless blanks; nothing when none is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let clean = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!clean.is_empty()).then_some(clean)
}

/// `InStock` of `http://schema.org/InStock`.
pub(super) fn local_name(text: &str) -> String {
    text.rsplit(['/', '#']).find(|part| !part.is_empty()).unwrap_or(text).to_owned()
}

/// The number in a price as people write it: `19.99`, `$1,299.00`, `1.299,00 €`, `£12`.
pub(super) fn number(text: &str) -> Option<f64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = text.get(start..)?;
    let end =
        rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\u{a0}'))).unwrap_or(rest.len());
    let digits: String = rest.get(..end)?.chars().filter(|c| !matches!(c, ' ' | '\u{a0}')).collect();
    let digits = digits.trim_end_matches(['.', ',']);
    let (points, commas) = (digits.matches('.').count(), digits.matches(',').count());
    let last = digits.rfind(['.', ',']);
    let behind = last.map_or(0, |at| digits.len() - at - 1);
    let decimal = match (points, commas) {
        (0, 0) => None,
        // Both: the later is the decimal one.
        (1.., 1..) => last,
        // One comma before three digits groups thousands; one point never does in machine-readable prices.
        (1, 0) => last,
        (0, 1) if behind != 3 => last,
        _ => None,
    };
    let (whole, fraction) = match decimal {
        Some(at) => (digits.get(..at)?, digits.get(at + 1..)?),
        None => (digits, ""),
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    format!("{whole}.{fraction}0").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(html: &str, scripts: &[&str]) -> Vec<Product> {
        let scripts: Vec<String> = scripts.iter().map(|text| (*text).to_owned()).collect();
        products(&Html::parse_document(html), &scripts)
    }

    #[test]
    fn prices_are_read_as_people_write_them() {
        let cases = [
            ("19.99", 19.99),
            ("$1,299.00", 1299.0),
            ("1.299,00 €", 1299.0),
            ("EUR 12,5", 12.5),
            ("1,299", 1299.0),
            ("£7", 7.0),
        ];
        for (text, value) in cases {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert_eq!(number("call us"), None);
    }

    #[test]
    fn jsonld_is_found_through_graphs_lists_and_comments() {
        let script = "// <![CDATA[\n{\"@graph\":[{\"@type\":\"WebPage\"},{\"@type\":[\"Product\"],\"name\":\"Coat\\u00e9\",\"brand\":{\"name\":\"B\"},
            \"gtin13\":\"4006381333931\",\"image\":[{\"url\":\"a.jpg\"}],
            \"offers\":{\"@type\":\"AggregateOffer\",\"offers\":[{\"price\":\"9,50\",\"priceCurrency\":\"EUR\",\"availability\":\"https://schema.org/InStock\"}]},
            \"isRelatedTo\":[{\"@type\":\"Product\",\"name\":\"Other\"}]}]};";
        let found = of("<p>", &[script]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name.as_deref(), Some("Coaté"));
        assert_eq!(found[0].brand.as_deref(), Some("B"));
        assert_eq!(found[0].price, Some(9.5));
        assert_eq!(found[0].availability.as_deref(), Some("InStock"));
        assert_eq!(found[0].image.as_deref(), Some("a.jpg"));
    }

    #[test]
    fn microdata_and_open_graph_fill_gaps() {
        let html = "<meta property='og:type' content='product'><meta property='product:brand' content='Acme'>
            <div itemscope itemtype='https://schema.org/Product'><h1 itemprop='name'> Red
              shirt</h1><div itemprop='review' itemscope><b itemprop='name'>No</b></div>
              <div itemprop='offers' itemscope itemtype='https://schema.org/Offer'><meta itemprop='price' content='5.00'>
              <span itemprop='priceCurrency'>USD</span></div></div>";
        let found = of(html, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name.as_deref(), Some("Red shirt"));
        assert_eq!((found[0].price, found[0].currency.as_deref()), (Some(5.0), Some("USD")));
        assert_eq!(found[0].brand.as_deref(), Some("Acme"));
    }

    #[test]
    fn a_page_without_products_has_one_empty_row() {
        assert_eq!(
            of("<title>x</title><meta property='og:title' content='x'>", &["not json", "{\"@type\":"]),
            [Product::default()]
        );
    }
}
