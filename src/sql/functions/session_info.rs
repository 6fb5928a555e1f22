//! Who and where: current_user, current_database, version, current_setting and their like.

use super::super::context::Context;
use super::args;
use super::udf::{Udf, any_of, exactly};
use crate::config::SERVER_VERSION;
use arrow::array::{ArrayRef, Int32Array, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let catalog = &context.snapshot.catalog;
    let constant = |value: String| {
        Udf::make(name, exactly(&[&[]]), Field::new(name, DataType::Utf8, true), move |_, rows| {
            Ok(Arc::new(StringArray::from(vec![value.as_str(); rows])) as ArrayRef)
        })
    };
    Some(match name {
        "current_user" | "user" | "current_role" => constant(catalog.role_name(context.viewer)),
        "session_user" => constant(catalog.role_name(context.session_role)),
        "current_database" | "current_catalog" => constant(context.database.name.clone()),
        "current_schema" => constant(context.settings.search_path().first().cloned().unwrap_or_default()),
        "version" => constant(format!("PostgreSQL {SERVER_VERSION}")),
        "pg_backend_pid" => {
            let pid = context.activity.pid();
            Udf::make(name, exactly(&[&[]]), Field::new(name, DataType::Int32, true), move |_, rows| {
                Ok(Arc::new(Int32Array::from(vec![pid; rows])) as ArrayRef)
            })
        }
        "current_setting" => {
            let context = context.clone();
            Udf::make(name, any_of(&[1, 2]), Field::new(name, DataType::Utf8, true), move |args, _| {
                let names = args::texts(&args[0])?;
                let missing_ok = match args.get(1) {
                    Some(flag) => args::texts(flag)?.iter().flatten().any(|flag| flag == "true"),
                    None => false,
                };
                let values = names.iter().map(|name| match name {
                    None => Ok(None),
                    Some(name) => match context.setting(name) {
                        Ok(value) => Ok(Some(value.into_owned())),
                        Err(_) if missing_ok => Ok(None),
                        Err(error) => Err(error),
                    },
                });
                Ok(Arc::new(values.collect::<crate::error::Result<StringArray>>()?) as ArrayRef)
            })
        }
        _ => return None,
    })
}
