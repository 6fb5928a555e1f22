//! What EXPLAIN says of calls of models: the function, the model and version that it would ask, and in what batches.

use super::context::Context;
use super::functions::BUILTIN_ENCODER as BUILTIN;
use super::models;
use crate::error::{Error, Result};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The encoder that is built in, as it is called in answers.
const ENCODER: &str = "e5-small-zh-en";

/// A line for each different call of a model in a plan, in the order in which they stand there. A model that is not there, or may
/// not be used, is the error that running the plan would give.
pub fn lines(context: &Context, state: &SessionState, plan: &LogicalPlan) -> Result<Vec<String>> {
    let rows = state.config().batch_size();
    let mut lines: Vec<String> = Vec::new();
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|inner| {
                if let Expr::ScalarFunction(call) = inner
                    && let Some(asked) =
                        asked(context, call).map_err(|error| DataFusionError::External(Box::new(error)))?
                {
                    let line = format!("Model call: {}, {asked}, batches of {rows} rows", call.name());
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(Error::from)?;
    Ok(lines)
}

/// The model that a call asks; none if it is no call of a model.
fn asked(context: &Context, call: &ScalarFunction) -> Result<Option<String>> {
    let name_at = match call.name() {
        "predict" | "predict_label" | "predict_proba" | "user_vector" | "item_vector" => Some(0),
        "predict_ctr"
        | "predict_ctr_detail"
        | "predict_cvr"
        | "predict_cvr_detail"
        | "predict_ctcvr"
        | "predict_ctcvr_detail" => Some(if call.args.len() == 2 { 1 } else { 3 }),
        "classify" | "classify_detail" if call.args.len() > 1 => {
            match call.args.last().and_then(literal).and_then(options_model) {
                Some(reference) => return Ok(Some(named(context, &reference)?)),
                None => None,
            }
        }
        "embed" if names_one(call.args.get(1)) => Some(1),
        "similarity" if names_one(call.args.get(2)) => Some(2),
        "embed" | "similarity" => None,
        _ => return Ok(None),
    };
    let Some(name_at) = name_at else { return Ok(Some(ENCODER.to_owned())) };
    let reference = match call.args.get(name_at) {
        None => "ctr",
        Some(name) => match literal(name) {
            Some(name) => name,
            None => return Ok(Some("the model that each row names".to_owned())),
        },
    };
    Ok(Some(named(context, reference)?))
}

/// Whether an argument names another encoder than the built-in one.
fn names_one(argument: Option<&Expr>) -> bool {
    argument.is_some_and(|name| literal(name) != Some(BUILTIN))
}

/// The model that a reference means, its version and type.
fn named(context: &Context, reference: &str) -> Result<String> {
    let (_, model, version) = models::resolve(context, reference)?;
    Ok(format!("{}@{} ({})", model.name, version.number, model.model_type))
}

/// The text that an argument is.
fn literal(argument: &Expr) -> Option<&str> {
    match argument {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        ) => Some(text),
        Expr::Cast(cast) => literal(&cast.expr),
        Expr::Alias(alias) => literal(&alias.expr),
        _ => None,
    }
}

/// The text classifier that options of CLASSIFY name.
fn options_model(text: &str) -> Option<String> {
    let options: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(options.get("model")?.as_str()?.to_owned())
}
