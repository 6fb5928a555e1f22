//! What is asked of repairs: options of REPAIR_PLAN and of REPAIR TABLE.

use crate::config::{REPAIR_CONFIDENCE_DEFAULT, REPAIR_ROWS_DEFAULT};
use crate::error::{Error, Kind, Result};
use crate::governance::repair::{Asked, Method};
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The columns that may be changed; none for all.
    pub columns: Option<Vec<String>>,
    /// The rules whose repairs are meant, and nothing else.
    pub rules: Option<Vec<String>>,
    /// The methods that may be used; empty for all that make nothing up.
    pub methods: Vec<Method>,
    /// The least confidence of a change.
    pub min_confidence: f64,
    /// Rows that are changed at most.
    pub max_rows: usize,
    /// The columns that tell rows apart, if the table declares no key.
    pub key: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            columns: None,
            rules: None,
            methods: Vec::new(),
            min_confidence: REPAIR_CONFIDENCE_DEFAULT,
            max_rows: REPAIR_ROWS_DEFAULT,
            key: Vec::new(),
        }
    }
}

impl Wanted {
    /// Takes the options of WITH.
    pub fn with(mut self, options: &BTreeMap<String, String>) -> Result<Self> {
        for (name, value) in options {
            self.set(name, value)?;
        }
        Ok(self)
    }

    /// Takes the members of a JSON object, in which lists are arrays.
    pub fn with_json(mut self, options: &serde_json::Value) -> Result<Self> {
        let serde_json::Value::Object(members) = options else {
            return Err(Error::new(Kind::InvalidParameter, "options of REPAIR_PLAN: not a JSON object"));
        };
        for (name, value) in members {
            let text = |value: &serde_json::Value| match value {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            let written = match value {
                serde_json::Value::Array(values) => {
                    values.iter().map(text).collect::<Option<Vec<_>>>().map(|values| values.join(","))
                }
                value => text(value),
            };
            let Some(written) = written else { return Err(unfit(name)) };
            self.set(name, &written)?;
        }
        Ok(self)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let list = || value.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
        match name {
            "min_confidence" => {
                let confidence = value.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
                self.min_confidence = confidence.ok_or_else(|| unfit(name))?;
            }
            "max_rows" => {
                self.max_rows = value.parse::<usize>().ok().filter(|rows| *rows > 0).ok_or_else(|| unfit(name))?;
            }
            "methods" => {
                let names: Vec<String> = list();
                let methods = names.iter().map(|name| {
                    Method::from_name(name).ok_or_else(|| {
                        let message = format!("repair method \"{name}\" does not exist");
                        let all = Method::names().collect::<Vec<_>>().join(", ");
                        Error::new(Kind::InvalidParameter, message).with_hint(format!("Methods are {all}."))
                    })
                });
                self.methods = methods.collect::<Result<_>>()?;
            }
            "columns" => self.columns = Some(list()),
            "rules" => self.rules = Some(list()),
            "key" => self.key = list(),
            _ => {
                let message = format!("option \"{name}\" of repairs does not exist");
                return Err(Error::new(Kind::InvalidParameter, message)
                    .with_hint("Options are min_confidence, max_rows, methods, columns, rules and key."));
            }
        }
        Ok(())
    }

    /// What the search for changes is asked.
    pub fn asked(&self) -> Asked {
        Asked { methods: self.methods.clone(), min_confidence: self.min_confidence }
    }

    /// Whether a rule's repairs are meant.
    pub fn means_rule(&self, rule: &str) -> bool {
        match &self.rules {
            Some(rules) => rules.iter().any(|named| named == rule),
            None => self.methods.is_empty() || self.methods.contains(&Method::Rule),
        }
    }
}

fn unfit(name: &str) -> Error {
    let message = format!("option \"{name}\" of repairs cannot have this value");
    Error::new(Kind::InvalidParameter, message)
        .with_hint("min_confidence is a number from 0 to 1, max_rows a whole number, the others lists of names.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_both_forms() {
        let json = serde_json::json!({"min_confidence": 0.5, "methods": ["trim", "impute_median"], "columns": ["a"]});
        let wanted = Wanted::default().with_json(&json).unwrap();
        assert_eq!((wanted.min_confidence, wanted.methods.len(), wanted.columns), (0.5, 2, Some(vec!["a".to_owned()])));
        let with =
            BTreeMap::from([("max_rows".to_owned(), "10".to_owned()), ("methods".to_owned(), "trim".to_owned())]);
        assert_eq!(Wanted::default().with(&with).unwrap().max_rows, 10);
        for bad in [r#"{"min_confidence": 2}"#, r#"{"methods": ["magic"]}"#, r#"{"x": 1}"#, "[]", r#"{"max_rows": 0}"#]
        {
            let json = serde_json::from_str(bad).unwrap();
            assert_eq!(Wanted::default().with_json(&json).unwrap_err().kind(), Kind::InvalidParameter, "{bad}");
        }
    }
}
