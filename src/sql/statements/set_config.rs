//! `SELECT set_config(name, value, is_local)`: SET as a query, which sets what it is asked before there are any rows.

use super::super::execute::batches_stream;
use super::super::session::{Session, Status};
use crate::error::{Error, Kind, Result};
use crate::sql::Outcome;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr, Value,
};
use std::sync::Arc;

/// The outcome of a query that is nothing else.
pub fn set_config(session: &mut Session, query: &Query, params: &[ScalarValue]) -> Option<Result<Outcome>> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    if !select.from.is_empty() || select.selection.is_some() || query.with.is_some() {
        return None;
    }
    let calls: Option<Vec<(String, Call)>> = select.projection.iter().map(|item| call(item, params)).collect();
    Some(run(session, calls.filter(|calls| !calls.is_empty())?))
}

/// A setting, its value, and whether it ends with the transaction.
struct Call {
    name: Option<String>,
    value: Option<String>,
    local: bool,
}

fn call(item: &SelectItem, params: &[ScalarValue]) -> Option<(String, Call)> {
    let (expression, alias) = match item {
        SelectItem::UnnamedExpr(expression) => (expression, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
        _ => return None,
    };
    let Expr::Function(Function { name, args: FunctionArguments::List(list), over: None, .. }) = expression else {
        return None;
    };
    if !name.0.last()?.as_ident()?.value.eq_ignore_ascii_case("set_config") {
        return None;
    }
    let [name, value, local] = list.args.as_slice() else { return None };
    let [name, value, local] = [name, value, local].map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => constant(value, params),
        _ => None,
    });
    let shown = alias.map_or_else(|| "set_config".to_owned(), |alias: &Ident| super::super::parser::fold(alias));
    let local = matches!(local?.as_deref(), Some("t" | "true" | "on" | "1"));
    Some((shown, Call { name: name?, value: value?, local }))
}

/// A literal or a parameter as text; `None` within for NULL.
fn constant(expression: &Expr, params: &[ScalarValue]) -> Option<Option<String>> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(Some(text.clone())),
            Value::Number(number, _) => Some(Some(number.to_string())),
            Value::Boolean(value) => Some(Some(value.to_string())),
            Value::Null => Some(None),
            Value::Placeholder(name) => {
                let at: usize = name.strip_prefix('$')?.parse().ok()?;
                let value = params.get(at.checked_sub(1)?)?;
                Some((!value.is_null()).then(|| value.to_string()))
            }
            _ => None,
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => constant(expr, params),
        _ => None,
    }
}

fn run(session: &mut Session, calls: Vec<(String, Call)>) -> Result<Outcome> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (shown, call) in calls {
        let name = call.name.ok_or_else(|| Error::new(Kind::InvalidParameter, "SET requires parameter name"))?;
        let name = name.to_lowercase();
        // A value that would end with the transaction ends at once where there is none.
        let lasting = !call.local || session.status() != Status::Idle;
        let before = session.settings().get(&name).ok().map(str::to_owned);
        session.change_settings(call.local && lasting, |settings| match &call.value {
            Some(value) => settings.set(&name, value),
            None => settings.reset(&name),
        })?;
        let value = session.settings().get(&name)?.to_owned();
        if !lasting {
            session.change_settings(false, |settings| match &before {
                Some(before) => settings.set(&name, before),
                None => settings.reset(&name),
            })?;
        }
        fields.push(Field::new(shown, DataType::Utf8, true));
        columns.push(Arc::new(StringArray::from(vec![value])) as ArrayRef);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    Ok(Outcome::Rows { stream: batches_stream(schema.clone(), vec![batch]), schema, tag: "SELECT".to_owned() })
}
