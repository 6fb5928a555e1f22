//! Options of CLASSIFY TABLE and of classify_table.

use super::super::values::array_elements;
use crate::error::{Error, Kind, Result};

/// Rows looked at, where nothing else is said.
const SAMPLE_COUNT: usize = 1000;
/// Rows looked at, at most.
const SAMPLE_COUNT_MAX: usize = 10_000;
/// The tag that is recommended, where nothing else is said.
const TAG: &str = "pii";

/// What the options say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Rows to look at; with 0 names alone are judged.
    pub sample_count: usize,
    /// Whether tags are put on the columns.
    pub auto_tag: bool,
    /// The tag that is recommended.
    pub tag: String,
    /// The classifiers to ask; all if none are named.
    pub classifiers: Option<Vec<String>>,
    /// Whether columns are looked at again that an inventory has found.
    pub reevaluate: bool,
}

impl Options {
    /// Options as they are written; `function` names who has them in errors.
    ///
    /// # Errors
    /// [`Kind::InvalidParameter`] for an option that is unknown or has a value it cannot have.
    pub fn read<'o>(pairs: impl Iterator<Item = (&'o str, &'o str)>, function: &str) -> Result<Self> {
        let statement = function == "CLASSIFY TABLE";
        let mut options = Self {
            sample_count: SAMPLE_COUNT,
            auto_tag: false,
            tag: TAG.to_owned(),
            classifiers: None,
            reevaluate: true,
        };
        for (name, value) in pairs {
            let wrong =
                || Error::new(Kind::InvalidParameter, format!("option {name} of {function} cannot be \"{value}\""));
            let flag = || match value {
                "true" | "on" | "1" => Ok(true),
                "false" | "off" | "0" => Ok(false),
                _ => Err(wrong()),
            };
            match name {
                "sample_count" => {
                    let count = value.parse().ok().filter(|count| *count <= SAMPLE_COUNT_MAX);
                    options.sample_count = count.ok_or_else(|| {
                        wrong().with_hint(format!(
                            "It is a number of rows from 0, for names alone, to {SAMPLE_COUNT_MAX}."
                        ))
                    })?;
                }
                "auto_tag" if statement => options.auto_tag = flag()?,
                "auto_tag" if flag()? => {
                    return Err(Error::new(Kind::InvalidParameter, "classify_table changes nothing: it sets no tags")
                        .with_hint("Use CLASSIFY TABLE ... WITH (auto_tag = true)."));
                }
                "auto_tag" => {}
                "tag" => value.clone_into(&mut options.tag),
                "custom_classifiers" => {
                    // A list of the options' own grammar, or an array's literal.
                    let names = match value.trim_start().starts_with('{') {
                        true => array_elements(value).ok_or_else(wrong)?,
                        false => value.split(',').map(|name| Some(name.trim().to_owned())).collect(),
                    };
                    options.classifiers = Some(names.into_iter().flatten().filter(|name| !name.is_empty()).collect());
                }
                "reevaluate" => options.reevaluate = flag()?,
                other => {
                    let message = format!("unrecognized option \"{other}\" of {function}");
                    return Err(Error::new(Kind::InvalidParameter, message)
                        .with_hint("Available options: sample_count, auto_tag, tag, custom_classifiers, reevaluate."));
                }
            }
        }
        Ok(options)
    }
}
