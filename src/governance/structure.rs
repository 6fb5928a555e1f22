//! Whether an asset is structured, semi-structured or unstructured: by its form, and by what its columns hold.

use super::semantic_type::{ColumnVerdict, SemanticType};

/// How an asset's content is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Structure {
    /// Rows with typed columns.
    Structured,
    /// Fields that nest or vary: JSON, XML, HTML with embedded data.
    SemiStructured,
    /// Running text, images, sound.
    Unstructured,
}

impl Structure {
    /// Every one.
    pub const ALL: [Structure; 3] = [Self::Structured, Self::SemiStructured, Self::Unstructured];

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Structured => "structured",
            Self::SemiStructured => "semi_structured",
            Self::Unstructured => "unstructured",
        }
    }

    /// The Chinese name.
    pub fn label_zh(self) -> &'static str {
        match self {
            Self::Structured => "结构化",
            Self::SemiStructured => "半结构化",
            Self::Unstructured => "非结构化",
        }
    }
}

/// The structure of an asset and the reason. `form` is what the asset is made of: `table`, `view`, or a file's form
/// (`csv`, `json`, `xml`, `html`, `text`, `image`, ...). Nested column types, counted in `nested_columns`, and columns
/// full of JSON or running text weigh against a plain table.
pub fn structure_of(form: &str, nested_columns: usize, verdicts: &[ColumnVerdict]) -> (Structure, String) {
    let form = form.to_ascii_lowercase();
    match form.as_str() {
        "image" | "images" | "jpg" | "jpeg" | "png" | "gif" | "webp" | "bmp" | "audio" | "video" | "pdf" | "binary"
        | "unknown" => {
            return (Structure::Unstructured, format!("form: {form}"));
        }
        "text" | "txt" | "log" | "md" | "doc" | "docx" => {
            return (Structure::Unstructured, format!("form: {form}, running text"));
        }
        "json" | "jsonl" | "ndjson" | "xml" | "html" | "htm" | "yaml" => {
            return (Structure::SemiStructured, format!("form: {form}, fields that nest or vary"));
        }
        _ => {}
    }
    let of = |types: &[SemanticType]| {
        verdicts.iter().filter(|verdict| verdict.semantic_type.is_some_and(|t| types.contains(&t))).count()
    };
    let nested = nested_columns + of(&[SemanticType::Json, SemanticType::Xml, SemanticType::Html]);
    let prose = of(&[SemanticType::Text, SemanticType::ReviewText, SemanticType::ProductDescription]);
    match verdicts.len() {
        n if n > 0 && 2 * nested > n => (Structure::SemiStructured, format!("{nested} of {n} columns nest")),
        n if n > 0 && n <= 3 && prose == n => (Structure::Unstructured, "only running text".to_string()),
        n => (Structure::Structured, format!("form: {form}, {n} columns")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::semantic_type::detect_column;
    use arrow::datatypes::DataType;

    #[test]
    fn form_first_then_columns() {
        assert_eq!(structure_of("csv", 0, &[]).0, Structure::Structured);
        assert_eq!(structure_of("JSON", 0, &[]).0, Structure::SemiStructured);
        assert_eq!(structure_of("png", 0, &[]).0, Structure::Unstructured);
        assert_eq!(structure_of("unknown", 0, &[]).0, Structure::Unstructured);
        let json = detect_column("payload", &DataType::Utf8, &["{\"a\": 1}", "{\"a\": 2}", "[1]"], None);
        assert_eq!(json.semantic_type, Some(SemanticType::Json));
        assert_eq!(structure_of("table", 0, &[json]).0, Structure::SemiStructured);
    }
}
