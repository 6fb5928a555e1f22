//! pg_notify(channel, payload): NOTIFY as a function.

use super::super::context::Context;
use super::args;
use super::udf::{Udf, nothing};
use crate::sql::channels;
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ScalarUDF, Signature, Volatility};
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    if name != "pg_notify" {
        return None;
    }
    let context = context.clone();
    // It must run, and not be computed when the statement is planned.
    let signature = Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Volatile);
    Some(Udf::make(name, signature, nothing(name), move |given, _| {
        let (channels, payloads) = (args::texts(&given[0])?, args::texts(&given[1])?);
        for row in 0..channels.len() {
            let text = |of: &StringArray| if of.is_valid(row) { of.value(row).to_owned() } else { String::new() };
            channels::notify(&context, &text(&channels), &text(&payloads))?;
        }
        Ok(Arc::new(StringArray::from(vec![""; channels.len()])) as ArrayRef)
    }))
}
