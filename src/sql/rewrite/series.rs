//! `generate_series` where PostgreSQL has it: among the values of a query, and over moments and numerics in FROM.

use super::super::functions::call;
use super::super::parser::fold;
use super::super::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SelectItem, TableAlias,
    TableAliasColumnDef, TableFactor, TimezoneInfo, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

const NAME: &str = "generate_series";

/// In the select list each of its values is a row.
pub fn as_rows(item: &mut SelectItem) {
    let _ = VisitMut::visit(item, &mut Unnest { queries: 0, calls: 0 });
}

struct Unnest {
    queries: usize,
    /// Calls of `unnest` around an expression, which gives an array to the innermost.
    calls: usize,
}

impl VisitorMut for Unnest {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        self.calls += usize::from(is_unnest(expression));
        ControlFlow::Continue(())
    }

    // After its parts, so that what is made is not visited again.
    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        self.calls -= usize::from(is_unnest(expression));
        if self.calls > 0 {
            return ControlFlow::Continue(());
        }
        if self.queries == 0 && matches!(expression, Expr::Function(function) if is_series(function)) {
            let series = std::mem::replace(expression, Expr::Value(Value::Null.into()));
            *expression = match typed(&series) {
                Some((moments, data_type)) => cast(call("unnest", vec![moments]), data_type),
                None => call("unnest", vec![series]),
            };
        } else if self.queries == 0
            && let Some(rows) = super::sets::unnested(expression)
        {
            *expression = rows;
        }
        ControlFlow::Continue(())
    }
}

fn is_unnest(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("unnest"))
}

fn is_series(function: &Function) -> bool {
    function.name.to_string().eq_ignore_ascii_case(NAME)
}

/// The column is called as the function, or as its alias says; a series of moments or of numerics becomes a subquery.
pub fn name(factor: &mut TableFactor) {
    if let TableFactor::UNNEST { alias: Some(alias), array_exprs, .. } = factor
        && array_exprs.len() == 1
        && alias.columns.is_empty()
    {
        alias.columns.push(TableAliasColumnDef { name: alias.name.clone(), data_type: None });
    }
    let TableFactor::Table { name, alias, args: Some(args), .. } = factor else { return };
    let Some(function) = name.0.last().and_then(|part| part.as_ident()).filter(|i| fold(i) == NAME) else {
        return;
    };
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: function.clone(),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef { name: alias.name.clone(), data_type: None });
    }
    if let Some(subquery) = moments(&args.args).or_else(|| numerics(&args.args)) {
        let (alias, lateral) = (Some(alias.clone()), false);
        *factor = TableFactor::Derived { lateral, subquery: Box::new(subquery), alias, sample: None };
    }
}

/// `SELECT generate_series(from, to, step)` if a bound is said to be a date or a timestamp.
fn moments(args: &[FunctionArg]) -> Option<Query> {
    let (series, data_type) = of_moments(args)?;
    match parse_expression(&format!("(SELECT {series}::{data_type})")).ok()? {
        Expr::Subquery(query) => Some(*query),
        _ => None,
    }
}

/// `SELECT generate_series(from, to, step)` if one of them is said to be a numeric.
fn numerics(args: &[FunctionArg]) -> Option<Query> {
    let values = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    let values = values.collect::<Option<Vec<_>>>()?;
    if !values.iter().any(is_numeric) {
        return None;
    }
    match parse_expression(&format!("(SELECT {})", call(NAME, values))).ok()? {
        Expr::Subquery(query) => Some(*query),
        _ => None,
    }
}

/// Whether an expression is said to be a numeric.
fn is_numeric(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => {
            matches!(&value.value, Value::Number(number, _) if number.to_string().contains(['.', 'e', 'E']))
        }
        Expr::Cast { data_type, .. } => {
            matches!(data_type, DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_))
        }
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_numeric(inner),
        Expr::BinaryOp { left, right, .. } => is_numeric(left) || is_numeric(right),
        _ => false,
    }
}

/// The same call with its bounds as moments, and their type.
fn typed(series: &Expr) -> Option<(Expr, &'static str)> {
    let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = series else { return None };
    let (text, data_type) = of_moments(&list.args)?;
    Some((parse_expression(&text).ok()?, data_type))
}

fn cast(expression: Expr, data_type: &str) -> Expr {
    parse_expression(&format!("({expression})::{data_type}")).unwrap_or(expression)
}

/// A series between moments as it is written with its type, and that type.
fn of_moments(args: &[FunctionArg]) -> Option<(String, &'static str)> {
    let [from, to, step] = args else { return None };
    let [from, to, step] = [from, to, step].map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    });
    let (from, to, step) = (from?, to?, step?);
    let moment = match (moment(from), moment(to)) {
        (Some(zoned), other) | (other, Some(zoned)) => zoned || other == Some(true),
        (None, None) => return None,
    };
    let data_type = if moment { "timestamptz" } else { "timestamp" };
    Some((format!("{NAME}(({from})::{data_type}, ({to})::{data_type}, ({step})::interval)"), data_type))
}

/// Whether an expression is said to be a moment, and then whether it has a time zone, as a series of dates has too.
fn moment(expression: &Expr) -> Option<bool> {
    let zoned = |data_type: &DataType| match data_type {
        DataType::Date => Some(true),
        DataType::Timestamp(_, zone) => Some(matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz)),
        _ => None,
    };
    match expression {
        Expr::TypedString(typed) => zoned(&typed.data_type),
        Expr::Cast { data_type, .. } => zoned(data_type),
        Expr::Nested(inner) => moment(inner),
        Expr::BinaryOp { left, right, .. } => moment(left).or_else(|| moment(right)),
        Expr::Function(function) => match function.name.to_string().to_lowercase().as_str() {
            "now" | "current_timestamp" | "current_date" => Some(true),
            _ => None,
        },
        _ => None,
    }
}
