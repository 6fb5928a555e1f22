//! Aggregates that gather JSON, and `ARRAY(query)`, as `array_agg` and a function of what it has gathered.

use super::super::functions::call;
use super::super::names;
use super::super::planner::parse_expression;
use super::{aggregates, subqueries};
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, OrderByExpr, OrderByKind, OrderByOptions, Query, SelectItem, SetExpr, Value,
};

/// The expression so.
pub fn spell_out(expression: &mut Expr) {
    let Expr::Function(function) = expression else { return };
    let Some(name) = function.name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase())
    else {
        return;
    };
    let said = match (name.as_str(), &function.args) {
        ("array", FunctionArguments::Subquery(query)) => array(query),
        ("percentile_disc" | "percentile_cont" | "mode", _) if !function.within_group.is_empty() => {
            ordered(function, &name)
        }
        ("json_agg" | "jsonb_agg", _) => list(function, name.starts_with("jsonb")),
        ("json_object_agg" | "jsonb_object_agg", _) => object(function, name.starts_with("jsonb")),
        ("array_agg" | "string_agg", FunctionArguments::List(_)) => {
            sorted(function);
            None
        }
        _ => None,
    };
    if let Some(said) = said {
        *expression = said;
    }
}

fn argument(list: &FunctionArgumentList, at: usize) -> Option<&Expr> {
    match list.args.get(at)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    }
}

/// `array_agg(DISTINCT x)` has its elements in order.
fn sorted(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    let ordered = list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
    if ordered || list.duplicate_treatment != Some(DuplicateTreatment::Distinct) {
        return;
    }
    // A literal would be the number of a column.
    if let Some(value) = argument(list, 0).filter(|value| !matches!(value, Expr::Value(_))).cloned() {
        let key = OrderByExpr { expr: value, options: OrderByOptions::default(), with_fill: None };
        list.clauses.push(FunctionArgumentClause::OrderBy(vec![key]));
    }
}

/// The call as one of `array_agg` over another argument.
fn gathering(function: &Function, element: Expr) -> Expr {
    let mut gathering = function.clone();
    gathering.name = ObjectName::from(vec![Ident::new("array_agg")]);
    if let FunctionArguments::List(list) = &mut gathering.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(element))];
    }
    Expr::Function(gathering)
}

fn list(function: &Function, binary: bool) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let (value, 1) = (argument(list, 0)?, list.args.len()) else { return None };
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let ordered = list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
    // In order and each once is what the function makes of them; in an order that is said they are an array before.
    if distinct && ordered {
        let elements = gathering(function, value.clone());
        return binary.then(|| call("to_jsonb", vec![elements]));
    }
    let mut function = function.clone();
    if let FunctionArguments::List(list) = &mut function.args {
        list.duplicate_treatment = None;
    }
    let elements = gathering(&function, call("json_element", vec![value.clone()]));
    let distinct = Expr::Value(Value::Boolean(distinct).into());
    Some(call(if binary { "jsonb_gathered" } else { "json_gathered" }, vec![elements, distinct]))
}

fn object(function: &Function, binary: bool) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let (key, value, 2) = (argument(list, 0)?, argument(list, 1)?, list.args.len()) else { return None };
    let members = gathering(function, call("json_member", vec![key.clone(), value.clone()]));
    Some(call(if binary { "jsonb_members_gathered" } else { "json_members_gathered" }, vec![members]))
}

/// `percentile_disc(f) WITHIN GROUP (ORDER BY x)` of the values in that order, without NULL. The engine has `percentile_cont` of one
/// fraction itself.
fn ordered(function: &Function, name: &str) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let [key] = function.within_group.as_slice() else { return None };
    let fractions = argument(list, 0);
    let several = matches!(fractions, Some(Expr::Array(_)));
    let of = match (name, list.args.len()) {
        ("percentile_disc", 1) => "percentile_disc_of",
        ("percentile_cont", 1) => "percentile_cont_of",
        ("mode", 0) => "mode_of",
        _ => return None,
    };
    let mut gathering = function.clone();
    gathering.name = ObjectName::from(vec![Ident::new("array_agg")]);
    gathering.within_group = Vec::new();
    let there = parse_expression(&format!("({}) IS NOT NULL", key.expr)).ok()?;
    let named = matches!(key.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    gathering.filter = Some(Box::new(match &function.filter {
        Some(filter) if named => parse_expression(&format!("({there}) AND ({filter})")).ok()?,
        // It is computed for the rows that pass alone.
        Some(filter) => parse_expression(&format!("CASE WHEN {filter} THEN {there} ELSE false END")).ok()?,
        None => there,
    }));
    if let FunctionArguments::List(list) = &mut gathering.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(key.expr.clone()))];
        list.clauses = vec![FunctionArgumentClause::OrderBy(vec![key.clone()])];
    }
    let mut args = vec![Expr::Function(gathering)];
    if of == "percentile_cont_of" && !several {
        // One fraction of which there is one value.
        let fraction = fractions?;
        args.push(parse_expression(&format!("ARRAY[({fraction})::double precision]")).ok()?);
        return parse_expression(&format!("({})[1]", call(of, args))).ok();
    }
    args.extend(fractions.cloned());
    Some(call(of, args))
}

/// `ARRAY(SELECT x FROM t ORDER BY y)` is `(SELECT array_agg(x ORDER BY y) FROM t)`, empty where that is NULL.
fn array(query: &Query) -> Option<Expr> {
    let gathered = in_place(query).or_else(|| numbered(query)).or_else(|| around(query))?;
    Some(call("array_or_empty", vec![Expr::Subquery(Box::new(gathered))]))
}

/// The item of a query that has one, and whose rows nothing but ORDER BY comes after.
pub fn only_item(query: &Query) -> Option<&Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let open = select.distinct.is_none()
        && select.having.is_none()
        && select.named_window.is_empty()
        && !super::groups(select)
        && query.with.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty();
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] if open => Some(item),
        _ => None,
    }
}

/// What ORDER BY says, where its numbers and names are those of the only item.
pub fn keys(query: &Query, item: &Expr) -> Vec<OrderByExpr> {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind) else {
        return Vec::new();
    };
    let alias = match query.body.as_ref() {
        SetExpr::Select(select) => match select.projection.first() {
            Some(SelectItem::ExprWithAlias { alias, .. }) => Some(alias.clone()),
            _ => None,
        },
        _ => None,
    };
    let mut keys = keys.clone();
    for key in &mut keys {
        let is_item = match &key.expr {
            Expr::Identifier(name) => alias.as_ref() == Some(name),
            Expr::Value(value) => matches!(&value.value, Value::Number(number, _) if *number == "1"),
            _ => false,
        };
        if is_item {
            key.expr = item.clone();
        }
    }
    keys
}

fn in_place(query: &Query) -> Option<Query> {
    let item = only_item(query)?;
    if query.limit_clause.is_some() || aggregates::or_rows_are_in(item) {
        return None;
    }
    let keys = keys(query, item);
    let mut gathered = parse_expression("array_agg(x)").ok()?;
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut gathered {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(item.clone()))];
        if !keys.is_empty() {
            list.clauses = vec![FunctionArgumentClause::OrderBy(keys)];
        }
    }
    let name = Ident::with_quote('"', names::name(item));
    let mut query = query.clone();
    query.order_by = None;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::ExprWithAlias { expr: gathered, alias: name }];
    }
    Some(query)
}

/// Of a query with ORDER BY and LIMIT, whose rows are numbered so that they stay in order.
fn numbered(query: &Query) -> Option<Query> {
    let item = only_item(query)?.clone();
    let keys: Vec<String> = keys(query, &item).iter().map(ToString::to_string).collect();
    if keys.is_empty() || aggregates::or_rows_are_in(&item) {
        return None;
    }
    let number = parse_expression(&format!("row_number() OVER (ORDER BY {})", keys.join(", "))).ok()?;
    let mut query = query.clone();
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(item), SelectItem::UnnamedExpr(number)];
    }
    let (value, number) = (subqueries::column(0), subqueries::column(1));
    subqueries::around(&format!("SELECT array_agg({value} ORDER BY {number})"), &query, "", 2).map(|query| *query)
}

/// Of all other queries, if their order says nothing that is lost.
fn around(query: &Query) -> Option<Query> {
    let column = subqueries::column(0);
    let by_itself = match query.order_by.as_ref().map(|order| &order.kind) {
        None => "",
        Some(OrderByKind::Expressions(keys)) => {
            let [key] = keys.as_slice() else { return None };
            let first = matches!(&key.expr, Expr::Value(v) if matches!(&v.value, Value::Number(n, _) if *n == "1"));
            let same = match query.body.as_ref() {
                SetExpr::Select(select) => match select.projection.as_slice() {
                    [SelectItem::UnnamedExpr(item)] => *item == key.expr,
                    [SelectItem::ExprWithAlias { expr, alias }] => {
                        *expr == key.expr || key.expr == Expr::Identifier(alias.clone())
                    }
                    _ => false,
                },
                _ => false,
            };
            match (first || same, key.options.asc) {
                (true, Some(false)) => " DESC",
                (true, _) => " ASC",
                _ => return None,
            }
        }
        Some(OrderByKind::All(_)) => return None,
    };
    let order = if by_itself.is_empty() { String::new() } else { format!(" ORDER BY {column}{by_itself}") };
    subqueries::around(&format!("SELECT array_agg({column}{order})"), query, "", 1).map(|query| *query)
}
