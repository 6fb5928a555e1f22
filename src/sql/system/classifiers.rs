//! steward.classifiers: classifiers of the users' own.

use super::super::context::Context;
use super::rows::{Cell, column, jsonb};
use crate::catalog::{Class, Classifier, ClassifierTest, Object};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

pub fn columns() -> Vec<Field> {
    vec![
        column("name", DataType::Utf8),
        column("owner", DataType::Utf8),
        column("category", DataType::Utf8),
        column("privacy_category", DataType::Utf8),
        column("threshold", DataType::Float64),
        column("col_name_regex", DataType::Utf8),
        jsonb("context"),
        column("definition", DataType::Utf8),
    ]
}

/// Classifiers are shown to all; what they ask of values may hold some, and is shown to who owns them.
pub fn rows(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let rows = catalog.class(Class::Classifier).filter_map(|(_, object)| match object {
        Object::Classifier(classifier) => {
            let owns = context.has_role(classifier.owner);
            Some(vec![
                Cell::text(&classifier.name),
                Cell::text(catalog.role_name(classifier.owner)),
                Cell::text(&classifier.category),
                Cell::text(&classifier.privacy),
                Cell::Float(Some(classifier.threshold)),
                Cell::Text(classifier.column_name.clone()),
                Cell::text(serde_json::json!(classifier.context).to_string()),
                Cell::Text(owns.then(|| definition(classifier))),
            ])
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// What CREATE CLASSIFIER says behind the name.
pub fn definition(classifier: &Classifier) -> String {
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let array = |items: &[String]| {
        let items = items.iter().map(|item| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\"")));
        literal(&format!("{{{}}}", items.collect::<Vec<_>>().join(",")))
    };
    let test = match &classifier.test {
        ClassifierTest::Pattern(pattern) => format!("VALUE_REGEX {}", literal(pattern)),
        ClassifierTest::List(list) => format!("DENY_LIST {}", array(list)),
    };
    let mut text = format!("({test})");
    if let Some(pattern) = &classifier.column_name {
        text += &format!(" COL_NAME_REGEX {}", literal(pattern));
    }
    text += &format!(
        " CATEGORY {} PRIVACY {} THRESHOLD {}",
        literal(&classifier.category),
        literal(&classifier.privacy),
        classifier.threshold
    );
    if !classifier.context.is_empty() {
        text += &format!(" CONTEXT {}", array(&classifier.context));
    }
    text
}
