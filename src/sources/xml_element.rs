//! One XML element as values: its attributes, children and text.

use super::records::Record;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// An element being read.
#[derive(Default)]
pub(super) struct Node {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<(String, Value)>,
}

impl Node {
    pub(super) fn new(element: &BytesStart<'_>) -> Self {
        let attributes = attributes(element).collect();
        Self { name: column_name(element.name().as_ref()), attributes, ..Self::default() }
    }

    /// Names and values; repeated children are gathered into an array where the first stood.
    pub(super) fn members(self) -> Record {
        let mut members: Record = Vec::new();
        let mut positions: HashMap<String, (usize, usize)> = HashMap::new();
        for (name, value) in self.children {
            match positions.get_mut(&name) {
                None => {
                    positions.insert(name.clone(), (members.len(), 1));
                    members.push((name, value));
                }
                Some((at, count)) => {
                    *count += 1;
                    let Some((_, slot)) = members.get_mut(*at) else { continue };
                    match slot {
                        Value::Array(items) if *count > 2 => items.push(value),
                        first => *first = Value::Array(vec![first.take(), value]),
                    }
                }
            }
        }
        for (index, (name, value)) in self.attributes.into_iter().enumerate() {
            let name = if positions.contains_key(&name) { format!("{name}_attribute") } else { name };
            members.insert(index.min(members.len()), (name, Value::String(value)));
        }
        let text = self.text.trim();
        if !text.is_empty() {
            let name = if members.iter().any(|(name, _)| name == "text") { "text_content" } else { "text" };
            members.push((name.to_owned(), Value::String(text.to_owned())));
        }
        members
    }

    /// A leaf is its text (NULL when empty), anything else an object.
    pub(super) fn value(self) -> Value {
        if self.children.is_empty() && self.attributes.is_empty() {
            let text = self.text.trim();
            return if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
        }
        Value::Object(self.members().into_iter().collect::<Map<String, Value>>())
    }
}

/// Names and values of an element's attributes, without namespaces' declarations.
pub(super) fn attributes<'a>(element: &'a BytesStart<'_>) -> impl Iterator<Item = (String, String)> + 'a {
    // Broken attributes are passed over; the element's own text is what matters.
    let mut all = element.attributes();
    all.with_checks(false);
    all.flatten().filter_map(|attribute| {
        let name = attribute.key.as_ref();
        if name == "xmlns" || name.starts_with("xmlns:") || name.starts_with("xsi:") {
            return None;
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_or_else(|_| attribute.value.to_string(), |value| value.into_owned());
        Some((column_name(name), value))
    })
}

fn column_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect()
}

/// What a reference stands for; unknown ones stay as written.
pub(super) fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return letter.to_string();
    }
    let name: &str = reference;
    match name {
        "lt" => "<".into(),
        "gt" => ">".into(),
        "amp" => "&".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        other => format!("&{other};"),
    }
}
