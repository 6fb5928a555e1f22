//! REPAIR, REPAIR_PLAN.

use super::super::context::Context;
use super::super::repair::{Wanted, plan_table};
use super::args;
use super::relation::must_get_relation;
use super::udf::{Udf, any_of};
use crate::error::{Error, Kind, Result};
use crate::governance::repair::{Options, canonical};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{Expr, ScalarUDF};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    (name == "repair").then(|| {
        Udf::make(name, any_of(&[2, 3]), Field::new(name, DataType::Utf8, true), |args, rows| {
            let (values, types) = (args::texts(&args[0])?, args::texts(&args[1])?);
            let said = args.get(2).map(args::texts).transpose()?;
            let mut known: HashMap<String, Options> = HashMap::new();
            let one = |row: usize| -> Result<Option<String>> {
                let told = said.as_ref().is_none_or(|said| said.is_valid(row));
                if values.is_null(row) || types.is_null(row) || !told {
                    return Ok(None);
                }
                let text = said.as_ref().map_or("{}", |said| said.value(row));
                if !known.contains_key(text) {
                    known.insert(text.to_owned(), options(text)?);
                }
                let options = known.get(text).cloned().unwrap_or_default();
                canonical(values.value(row), types.value(row), &options)
            };
            Ok(Arc::new((0..rows).map(one).collect::<Result<StringArray>>()?) as ArrayRef)
        })
    })
}

fn options(text: &str) -> Result<Options> {
    let invalid = |what: &str| Error::new(Kind::InvalidParameter, format!("options of REPAIR: {what}"));
    let Value::Object(members) = args::json(text, "options of REPAIR", Kind::InvalidParameter)? else {
        return Err(invalid("not a JSON object"));
    };
    let mut options = Options::default();
    for (name, value) in members {
        match value {
            Value::String(value) => options.set(&name, &value)?,
            Value::Number(value) => options.set(&name, &value.to_string())?,
            _ => return Err(invalid(&format!("\"{name}\" is neither a text nor a number"))),
        }
    }
    Ok(options)
}

/// `REPAIR_PLAN(relation [, options])`.
pub fn plan(args: &[Expr], context: &Arc<Context>) -> Result<Arc<dyn TableProvider>> {
    let relation = must_get_relation(context, &args::must_text(args, 0, "the relation's name")?)?;
    let wanted = match args::text(args, 1, "options of REPAIR_PLAN")? {
        Some(text) => {
            Wanted::default().with_json(&args::json(&text, "options of REPAIR_PLAN", Kind::InvalidParameter)?)?
        }
        None => Wanted::default(),
    };
    plan_table(context, relation, wanted)
}
