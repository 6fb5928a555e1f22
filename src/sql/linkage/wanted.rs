//! Options of DEDUPE and of MATCH.

use crate::config::{DEDUPE_PROBABILITY_DEFAULT, MATCH_PROBABILITY_DEFAULT};
use crate::error::{Error, Kind, Result};
use crate::governance::linkage::Partners;
use serde_json::Value;

/// Which columns are compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Compared {
    /// Whatever tells.
    #[default]
    All,
    /// These; of two relations those of these names in both.
    Named(Vec<String>),
    /// Columns of the left relation, each with one of the right.
    Paired(Vec<(String, String)>),
}

/// What is asked of DEDUPE.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupeWanted {
    /// Which columns are compared.
    pub columns: Compared,
    /// The least probability of what is told.
    pub min_probability: f64,
}

/// What is asked of MATCH.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchWanted {
    /// Which columns are compared.
    pub columns: Compared,
    /// The least probability of what is told.
    pub min_probability: f64,
    /// Whether a row has one partner at most.
    pub partners: Partners,
}

impl DedupeWanted {
    /// The options that a JSON object tells; none is all of their defaults.
    pub fn of(options: Option<&Value>) -> Result<Self> {
        let mut wanted = Self { columns: Compared::All, min_probability: DEDUPE_PROBABILITY_DEFAULT };
        for (name, value) in members(options, "DEDUPE")? {
            match (name.as_str(), value) {
                ("min_probability", value) => wanted.min_probability = probability(value, "DEDUPE")?,
                ("columns", Value::Array(names)) => wanted.columns = Compared::Named(texts(names, "DEDUPE")?),
                _ => return Err(unknown(name, "DEDUPE", "columns (an array of names) and min_probability (0 to 1)")),
            }
        }
        Ok(wanted)
    }
}

impl MatchWanted {
    /// The options that a JSON object tells; none is all of their defaults.
    pub fn of(options: Option<&Value>) -> Result<Self> {
        let least = MATCH_PROBABILITY_DEFAULT;
        let mut wanted = Self { columns: Compared::All, min_probability: least, partners: Partners::Found };
        for (name, value) in members(options, "MATCH")? {
            match (name.as_str(), value) {
                ("min_probability", value) => wanted.min_probability = probability(value, "MATCH")?,
                ("columns", Value::Array(names)) => wanted.columns = Compared::Named(texts(names, "MATCH")?),
                ("columns", Value::Object(pairs)) => {
                    let pair = |(left, right): (&String, &Value)| match right {
                        Value::String(right) => Ok((left.clone(), right.clone())),
                        _ => Err(unknown(name, "MATCH", KNOWN_OF_MATCH)),
                    };
                    wanted.columns = Compared::Paired(pairs.iter().map(pair).collect::<Result<_>>()?);
                }
                ("one_to_one", Value::Bool(one)) => {
                    wanted.partners = if *one { Partners::One } else { Partners::Many };
                }
                _ => return Err(unknown(name, "MATCH", KNOWN_OF_MATCH)),
            }
        }
        Ok(wanted)
    }
}

const KNOWN_OF_MATCH: &str = "columns (an array of names, or an object of left names with right ones), min_probability (0 to 1) and \
     one_to_one (true or false)";

fn members<'a>(options: Option<&'a Value>, function: &str) -> Result<impl Iterator<Item = (&'a String, &'a Value)>> {
    let members = match options {
        None => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => {
            let message = format!("options of {function}: not a JSON object");
            return Err(Error::new(Kind::InvalidParameter, message));
        }
    };
    Ok(members.into_iter().flatten())
}

fn probability(value: &Value, function: &str) -> Result<f64> {
    value.as_f64().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        let message = format!("options of {function}: min_probability is not a number from 0 to 1");
        Error::new(Kind::InvalidParameter, message)
    })
}

fn texts(names: &[Value], function: &str) -> Result<Vec<String>> {
    let names: Option<Vec<String>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    names.filter(|names| !names.is_empty()).ok_or_else(|| {
        let message = format!("options of {function}: columns is not an array of names");
        Error::new(Kind::InvalidParameter, message)
    })
}

fn unknown(name: &str, function: &str, known: &str) -> Error {
    let message = format!("options of {function}: \"{name}\" is unknown or has a value it cannot have");
    Error::new(Kind::InvalidParameter, message).with_hint(format!("Options are {known}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_what_is_none() {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(DedupeWanted::of(None).unwrap().min_probability, DEDUPE_PROBABILITY_DEFAULT);
        let said = json(r#"{"columns": {"name": "title"}, "one_to_one": false, "min_probability": 0.7}"#);
        let wanted = MatchWanted::of(Some(&said)).unwrap();
        assert_eq!((wanted.partners, wanted.min_probability), (Partners::Many, 0.7));
        assert_eq!(wanted.columns, Compared::Paired(vec![("name".to_owned(), "title".to_owned())]));
        for bad in ["[]", r#"{"min_probability": 2}"#, r#"{"columns": []}"#, r#"{"columns": [1]}"#, r#"{"x": 1}"#] {
            assert_eq!(DedupeWanted::of(Some(&json(bad))).unwrap_err().kind(), Kind::InvalidParameter, "{bad}");
            assert_eq!(MatchWanted::of(Some(&json(bad))).unwrap_err().kind(), Kind::InvalidParameter, "{bad}");
        }
        assert!(DedupeWanted::of(Some(&json(r#"{"columns": {"a": "b"}}"#))).is_err());
        assert!(MatchWanted::of(Some(&json(r#"{"columns": {"a": 1}}"#))).is_err());
    }
}
