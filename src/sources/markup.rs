//! Products in a page's markup: microdata (`itemprop`) and Open Graph tags.

use super::products::{ELSEWHERE, PRODUCTS_MAX, Product, clean, is_product_type, local_name, number};
use scraper::{ElementRef, Html, Selector};

/// The products of a page's microdata.
pub(super) fn microdata(page: &Html) -> Vec<Product> {
    let Ok(scopes) = Selector::parse("[itemscope][itemtype]") else { return Vec::new() };
    page.select(&scopes)
        .filter(|item| item.attr("itemtype").is_some_and(|kinds| kinds.split_whitespace().any(is_product_type)))
        .filter(|item| !item.attr("itemprop").is_some_and(|property| ELSEWHERE.contains(&property)))
        .take(PRODUCTS_MAX)
        .map(from_microdata)
        .collect()
}

fn from_microdata(item: ElementRef<'_>) -> Product {
    let mut product = Product::default();
    fn keep(slot: &mut Option<String>, value: Option<String>) {
        if slot.is_none() {
            *slot = value;
        }
    }
    // Properties of the item itself and of its offers; those of other nested things are passed over.
    let mut open: Vec<(ElementRef<'_>, bool)> = item.child_elements().map(|child| (child, false)).collect();
    open.reverse();
    while let Some((element, in_offer)) = open.pop() {
        let property = element.attr("itemprop").unwrap_or_default();
        let scope = element.attr("itemscope").is_some();
        let value = || property_value(element);
        for name in property.split_whitespace() {
            match name {
                "name" if !in_offer => keep(&mut product.name, value()),
                "brand" | "manufacturer" if scope => keep(&mut product.brand, named(element).or_else(value)),
                "brand" | "manufacturer" => keep(&mut product.brand, value()),
                "sku" => keep(&mut product.sku, value()),
                "gtin" | "gtin8" | "gtin12" | "gtin13" | "gtin14" | "isbn" => keep(&mut product.gtin, value()),
                "price" | "lowPrice" if product.price.is_none() => product.price = value().as_deref().and_then(number),
                "priceCurrency" => keep(&mut product.currency, value()),
                "availability" => keep(&mut product.availability, value().map(|found| local_name(&found))),
                "description" if !in_offer => keep(&mut product.description, value()),
                "image" => keep(&mut product.image, value()),
                "url" if !in_offer => keep(&mut product.url, value()),
                _ => {}
            }
        }
        let offers = property.split_whitespace().any(|name| name == "offers" || name == "priceSpecification");
        if !scope || offers {
            let inner = in_offer || offers;
            let mut children: Vec<_> = element.child_elements().map(|child| (child, inner)).collect();
            children.reverse();
            open.append(&mut children);
        }
    }
    product
}

/// The `name` inside a nested thing.
fn named(element: ElementRef<'_>) -> Option<String> {
    let names = Selector::parse("[itemprop~=name]").ok()?;
    element.select(&names).find_map(property_value)
}

/// What a property's element says: its attribute for links and metadata, its text otherwise.
fn property_value(element: ElementRef<'_>) -> Option<String> {
    let attribute = match element.value().name() {
        "meta" => "content",
        "a" | "area" | "link" => "href",
        "img" | "audio" | "embed" | "iframe" | "source" | "video" => "src",
        "data" | "meter" => "value",
        "time" => "datetime",
        _ => "content",
    };
    element.attr(attribute).and_then(clean).or_else(|| clean(&element.text().collect::<String>()))
}

/// What Open Graph and product tags of the head say; a page always gives what any page may have.
pub(super) fn open_graph(page: &Html) -> Option<Product> {
    let metas = Selector::parse("meta[property], meta[name]").ok()?;
    let mut product = Product::default();
    let mut is_product = false;
    for meta in page.select(&metas) {
        let Some(name) = meta.attr("property").or_else(|| meta.attr("name")) else { continue };
        let Some(value) = meta.attr("content").and_then(clean) else { continue };
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "og:type" => {
                is_product |= value.to_ascii_lowercase().contains("product");
                continue;
            }
            "product:price:amount" | "og:price:amount" | "product:sale_price:amount" => {
                is_product = true;
                product.price = product.price.or_else(|| number(&value));
                continue;
            }
            "product:price:currency" | "og:price:currency" | "product:sale_price:currency" => &mut product.currency,
            "og:title" => &mut product.name,
            "og:description" => &mut product.description,
            "og:image" | "og:image:url" | "og:image:secure_url" => &mut product.image,
            "og:url" => &mut product.url,
            "product:brand" | "og:brand" => &mut product.brand,
            "product:retailer_item_id" | "product:retailer_part_no" | "product:mfr_part_no" => &mut product.sku,
            "product:ean" | "product:upc" | "product:isbn" | "product:gtin" => &mut product.gtin,
            "product:availability" | "og:availability" => &mut product.availability,
            _ => continue,
        };
        if slot.is_none() {
            *slot = Some(value);
        }
    }
    if !is_product {
        // Any page has a title, a picture and an address; only a product page has the rest.
        product =
            Product { description: product.description, image: product.image, url: product.url, ..Product::default() };
    }
    Some(product)
}
