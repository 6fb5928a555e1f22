//! `rank(v) WITHIN GROUP (ORDER BY x)` and its like: where a value would stand among those of a group, by counts of what comes before.

use super::super::planner::parse_expression;
use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

/// The call as what it counts.
pub fn spell_out(expression: &mut Expr) {
    if let Expr::Function(function) = expression
        && let [key] = function.within_group.as_slice()
        && let Some(value) = only_argument(function)
    {
        let (of, value) = (format!("({})", key.expr), format!("({value})"));
        let descending = key.options.asc == Some(false);
        let before = if descending { ">" } else { "<" };
        // NULL comes behind all others, unless it is said otherwise.
        let nulls =
            if key.options.nulls_first.unwrap_or(descending) { format!(" OR {of} IS NULL") } else { String::new() };
        let filter = function.filter.as_ref().map_or_else(String::new, |filter| format!("({filter}) AND "));
        let count = |what: &str, condition: &str| format!("count({what}) FILTER (WHERE {filter}({condition}{nulls}))");
        let all = match &function.filter {
            Some(filter) => format!("count(*) FILTER (WHERE {filter})"),
            None => "count(*)".to_owned(),
        };
        let preceding = count("*", &format!("{of} {before} {value}"));
        let said = match function.name.to_string().to_lowercase().as_str() {
            "rank" => format!("({preceding} + 1)"),
            "dense_rank" => format!("({} + 1)", count(&format!("DISTINCT {of}"), &format!("{of} {before} {value}"))),
            "percent_rank" => format!("coalesce({preceding}::double precision / nullif({all}, 0), 0)"),
            "cume_dist" => {
                let reached = count("*", &format!("{of} {before}= {value}"));
                format!("(({reached} + 1)::double precision / ({all} + 1))")
            }
            _ => return,
        };
        if let Ok(said) = parse_expression(&said) {
            *expression = said;
        }
    }
}

fn only_argument(function: &Function) -> Option<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] => Some(value),
        _ => None,
    }
}
