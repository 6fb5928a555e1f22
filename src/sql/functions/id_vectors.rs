//! USER_VECTOR and ITEM_VECTOR: what a click model has learnt of a user or an item, as a vector.

use super::super::context::Context;
use super::super::models;
use super::super::values;
use super::args;
use super::model_rows;
use super::udf::{Udf, any_of};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use crate::models::Trained;
use arrow::array::{Array, ArrayRef, Float32Builder, ListBuilder, StringArray};
use datafusion::logical_expr::ScalarUDF;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let of_user = match name {
        "user_vector" => true,
        "item_vector" => false,
        _ => return None,
    };
    let context = context.clone();
    let function = name.to_uppercase();
    let field = SqlType::Vector(None).field(name);
    Some(Udf::make(name, any_of(&[2]), field, move |args, rows| {
        let vectors = vectors(&context, (&function, of_user), args, rows)?;
        let mut builder = ListBuilder::new(Float32Builder::new());
        for vector in vectors {
            builder.values().append_slice(vector.as_deref().unwrap_or_default());
            builder.append(vector.is_some());
        }
        Ok(Arc::new(builder.finish()) as ArrayRef)
    }))
}

/// The vector of each row; none of what the model does not know.
fn vectors(
    context: &Context,
    (function, of_user): (&str, bool),
    args: &[ArrayRef],
    rows: usize,
) -> Result<Vec<Option<Vec<f32>>>> {
    model_rows::must_be_few(context, function, rows)?;
    let [names, ids] = args else {
        return Err(Error::new(Kind::UndefinedFunction, format!("{function} takes a model's name and an id")));
    };
    let (names, ids) = (args::texts(names)?, args::texts(ids)?);
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in 0..rows {
        if !names.is_null(row) && !ids.is_null(row) {
            groups.entry(names.value(row)).or_default().push(row);
        }
    }
    let mut answers = vec![None; rows];
    for (reference, members) in groups {
        context.cancel.check()?;
        let trained = models::trained(context, reference)?;
        let Trained::Ctr(model) = trained.as_ref() else {
            return Err(models::wrong_type(reference, &trained, "ctr"));
        };
        let named = |error: Error| {
            let hint = error.hint().map(str::to_owned);
            let told = Error::new(error.kind(), format!("model \"{reference}\": {}", error.message()));
            match hint {
                Some(hint) => told.with_hint(hint),
                None => told,
            }
        };
        let column = model.vector_column(of_user).map_err(named)?;
        let asked: ArrayRef = Arc::new(members.iter().map(|&row| Some(ids.value(row))).collect::<StringArray>());
        let asked = values::assign(&asked, &model_rows::input_type(column.type_name)).map_err(named)?;
        for (row, vector) in members.into_iter().zip(model.vectors(of_user, &asked).map_err(named)?) {
            answers[row] = vector;
        }
    }
    Ok(answers)
}
