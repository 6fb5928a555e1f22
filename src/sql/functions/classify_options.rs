//! What the options of CLASSIFY may say.

use super::args;
use crate::error::{Error, Kind, Result};
use serde_json::Value;

/// The options of one call.
#[derive(Default)]
pub struct Options {
    /// What kind of thing the labels are.
    pub description: Option<String>,
    /// Texts, each with its label.
    pub examples: Vec<(String, String)>,
    /// The answer is NULL where the model is less sure.
    pub min_confidence: f64,
    /// A text classifier or an encoder, `name` or `name@version`; without it the built-in encoder decides by the labels' own words.
    pub model: Option<String>,
}

impl Options {
    /// Reads the options as JSON; 22023 for what they cannot be.
    pub fn read(text: &str) -> Result<Self> {
        let invalid = |what: &str| Error::new(Kind::InvalidParameter, format!("options of CLASSIFY: {what}"));
        let value = args::json(text, "options of CLASSIFY", Kind::InvalidParameter)?;
        let Value::Object(map) = value else { return Err(invalid("not a JSON object")) };
        let mut options = Self::default();
        for (name, value) in map {
            match (name.as_str(), value) {
                ("task_description", Value::String(text)) => options.description = Some(text),
                ("model", Value::String(reference)) => options.model = Some(reference),
                ("min_confidence", value) => {
                    options.min_confidence = value.as_f64().ok_or_else(|| invalid("min_confidence is not a number"))?;
                }
                ("examples", Value::Array(examples)) => {
                    for example in examples {
                        let get = |key: &str| example.get(key).and_then(Value::as_str).map(str::to_owned);
                        let label = get("label").or_else(|| {
                            example.get("labels").and_then(|l| l.get(0)).and_then(Value::as_str).map(str::to_owned)
                        });
                        match (get("input"), label) {
                            (Some(input), Some(label)) => options.examples.push((input, label)),
                            _ => return Err(invalid("an example needs input and label")),
                        }
                    }
                }
                ("output_mode", Value::String(mode)) if mode == "single" => {}
                (other, _) => return Err(invalid(&format!("\"{other}\" is unknown or has a value it cannot have"))),
            }
        }
        Ok(options)
    }

    /// Refuses what a model that has learnt its labels has no use for.
    pub fn must_be_alone(&self) -> Result<()> {
        if self.description.is_none() && self.examples.is_empty() {
            return Ok(());
        }
        let message = "options of CLASSIFY: a model of one's own takes neither task_description nor examples";
        Err(Error::new(Kind::InvalidParameter, message)
            .with_hint("It has learnt from its own examples; leave out model, or the others."))
    }

    /// Whether a text is a JSON object, and so options and no array of labels.
    pub fn are_in(text: &str) -> bool {
        text.trim_start().starts_with('{') && serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
    }
}
