//! Functions that give rows, in FROM and among the values of a query: arrays, unnested.
//!
//! `FROM t, jsonb_each(t.b) e` is `FROM t, LATERAL (SELECT unnest(json_each_keys(t.b)) AS key, unnest(...) AS value) e`; what looks
//! at other relations of FROM is made a part of their rows by [`semantics`](super::super::semantics).

use super::super::functions::call;
use super::super::names;
use super::super::parser::{fold, last};
use super::super::planner::parse_expression;
use super::filled;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, OrderByExpr, Query, Select, SelectItem, SetExpr,
    TableAlias, TableAliasColumnDef, TableFactor, Value, VisitMut, VisitorMut, visit_expressions,
};
use std::ops::ControlFlow;

/// Functions of one column: their names, the name of the column if it is not theirs, and what the column is cast to.
const SETS: &[(&str, Option<&str>, Option<&str>)] = &[
    ("jsonb_array_elements", Some("value"), Some("as_jsonb")),
    ("json_array_elements", Some("value"), Some("as_json")),
    ("jsonb_array_elements_text", Some("value"), None),
    ("json_array_elements_text", Some("value"), None),
    ("jsonb_path_query", None, Some("as_jsonb")),
    ("jsonb_path_query_tz", None, Some("as_jsonb")),
    ("jsonb_object_keys", None, None),
    ("json_object_keys", None, None),
    ("regexp_split_to_table", None, None),
    ("regexp_matches", None, None),
    ("string_to_table", None, None),
    ("generate_subscripts", None, None),
];

fn set(name: &str) -> Option<&'static (&'static str, Option<&'static str>, Option<&'static str>)> {
    SETS.iter().find(|(known, ..)| *known == name)
}

/// Whether a function of this name gives rows.
pub fn gives_rows(name: &ObjectName) -> bool {
    let name = last(name);
    matches!(name.as_str(), "unnest" | "generate_series") || set(&name).is_some()
}

/// The rows of a call among the values of a query, where it is one of such a function.
pub fn unnested(expression: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expression else { return None };
    let name = function.name.0.last()?.as_ident().map(fold)?;
    let (_, _, cast) = set(&name)?;
    Some(marked(call("unnest", vec![expression.clone()]), *cast))
}

fn marked(rows: Expr, cast: Option<&str>) -> Expr {
    match cast {
        Some(cast) => call(cast, vec![rows]),
        None => rows,
    }
}

/// Whether a relation of FROM may look at those before it.
pub fn is_lateral(factor: &TableFactor) -> bool {
    let looks = |args: &[FunctionArg]| values(args).iter().flatten().any(has_column);
    match factor {
        TableFactor::Derived { lateral, .. } => *lateral,
        TableFactor::Table { args: Some(args), .. } => looks(&args.args),
        TableFactor::Function { lateral, args, .. } => *lateral || looks(args),
        TableFactor::UNNEST { array_exprs, .. } => array_exprs.iter().any(has_column),
        _ => false,
    }
}

/// The first relation of a query, which looks at none beside it: what it names besides is around the query.
pub fn first_of_all(select: &mut Select) {
    if let Some(first) = select.from.first_mut() {
        let before = matches!(first.relation, TableFactor::Derived { .. });
        as_relation(&mut first.relation);
        if let TableFactor::Derived { lateral, .. } = &mut first.relation
            && !before
        {
            *lateral = false;
        }
    }
}

/// A relation of FROM that is such a call as a query of its rows.
pub fn as_relation(factor: &mut TableFactor) {
    let (name, args, alias, ordinality) = match factor {
        TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
            (name.0.last().and_then(|part| part.as_ident()).map(fold), values(&args.args), alias, *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (name.0.last().and_then(|part| part.as_ident()).map(fold), values(args), alias, *with_ordinality)
        }
        TableFactor::UNNEST { array_exprs, alias, with_ordinality, with_offset: false, .. } => {
            (Some("unnest".to_owned()), Some(array_exprs.clone()), alias, *with_ordinality)
        }
        _ => return,
    };
    let (Some(name), Some(args)) = (name, args) else { return };
    let looks_outside = args.iter().any(has_column);
    // Plain ones are the engine's own.
    if matches!(name.as_str(), "unnest" | "generate_series") && !looks_outside && !ordinality {
        return;
    }
    let Some(mut columns) = columns(&name, &args, alias.as_ref()) else { return };
    if ordinality {
        // There are as many rows as the longest of them has elements.
        let lists: Vec<Expr> = columns.iter().filter_map(|column| column.list.clone()).collect();
        if lists.is_empty() {
            return;
        }
        columns.push(Column {
            name: "ordinality".to_owned(),
            value: call("unnest", vec![call("ordinals", lists)]),
            list: None,
        });
    }
    let said = alias.as_ref().map_or_else(|| Ident::with_quote('"', &name), |alias| alias.name.clone());
    let names = alias.iter().flat_map(|alias| &alias.columns).map(|column| column.name.clone());
    let mut names: Vec<Ident> = names.collect();
    for (at, column) in columns.iter().enumerate().skip(names.len()) {
        // Several may be called alike.
        let twin = columns.iter().filter(|other| other.name == column.name).count() > 1;
        names.push(Ident::with_quote('"', if twin { names::hidden(at, &column.name) } else { column.name.clone() }));
    }
    let items =
        columns.into_iter().zip(names).map(|(column, alias)| SelectItem::ExprWithAlias { expr: column.value, alias });
    let Ok(Expr::Subquery(mut query)) = parse_expression("(SELECT 1)") else { return };
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = items.collect();
    }
    let alias = TableAlias { explicit: true, name: said, columns: Vec::new(), at: None };
    *factor = TableFactor::Derived { lateral: looks_outside, subquery: query, alias: Some(alias), sample: None };
}

/// A column of such a relation: its name, its rows, and the array that they are of.
struct Column {
    name: String,
    value: Expr,
    list: Option<Expr>,
}

fn values(args: &[FunctionArg]) -> Option<Vec<Expr>> {
    let all = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    all.collect()
}

fn has_column(expression: &Expr) -> bool {
    visit_expressions(expression, |part| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

fn flag(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn cast(value: &Expr, data_type: &str) -> Option<Expr> {
    parse_expression(&format!("({value})::{data_type}")).ok()
}

fn columns(name: &str, args: &[Expr], alias: Option<&TableAlias>) -> Option<Vec<Column>> {
    // The column of a function without a name for it is called as the relation is.
    let called = alias.map_or_else(|| name.to_owned(), |alias| fold(&alias.name));
    let of = |name: &str, list: Expr, cast: Option<&str>| Column {
        name: name.to_owned(),
        value: marked(call("unnest", vec![list.clone()]), cast),
        list: Some(list),
    };
    if let Some((_, own, cast)) = set(name) {
        return Some(vec![of(own.unwrap_or(&called), call(name, args.to_vec()), *cast)]);
    }
    if name == "detect_pii" {
        return spans(args);
    }
    let kind = if name.starts_with("jsonb") { "jsonb" } else { "json" };
    match (name, args) {
        ("unnest", [list]) => Some(vec![of(&called, list.clone(), None)]),
        ("unnest", lists) => Some(lists.iter().map(|list| of("unnest", list.clone(), None)).collect()),
        ("generate_series", args) => Some(vec![of(&called, call("generate_series", args.to_vec()), None)]),
        ("jsonb_each" | "json_each" | "jsonb_each_text" | "json_each_text", [value]) => {
            let value = cast(value, kind)?;
            let as_text = name.ends_with("_text");
            let mark = if as_text { None } else { Some(if kind == "jsonb" { "as_jsonb" } else { "as_json" }) };
            Some(vec![
                of("key", call("json_each_keys", vec![value.clone()]), None),
                of("value", call("json_each_values", vec![value, flag(as_text)]), mark),
            ])
        }
        ("jsonb_to_record" | "json_to_record" | "jsonb_to_recordset" | "json_to_recordset", [value]) => {
            let function = if name.ends_with("set") { "json_recordset_field" } else { "json_record_field" };
            let value = cast(value, kind)?;
            let one = |column: &TableAliasColumnDef| {
                let data_type = column.data_type.as_ref()?;
                let json = matches!(data_type, DataType::JSON | DataType::JSONB);
                let named = fold(&column.name);
                let list = call(function, vec![value.clone(), text(&named), flag(json)]);
                let rows = call("unnest", vec![list.clone()]);
                // An array is kept in the form of JSON.
                let rows = match data_type {
                    DataType::Array(_) => call("json_as_array", vec![rows]),
                    _ => rows,
                };
                Some(Column { name: named, value: cast(&rows, &data_type.to_string())?, list: Some(list) })
            };
            alias?.columns.iter().map(one).collect::<Option<Vec<_>>>().filter(|columns| !columns.is_empty())
        }
        _ => None,
    }
}

/// What DETECT_PII finds, a row for each span.
fn spans(args: &[Expr]) -> Option<Vec<Column>> {
    const COLUMNS: [(&str, &str); 5] =
        [("start", "int"), ("end", "int"), ("type", "text"), ("score", "float8"), ("text", "text")];
    let found = cast(&call("detect_pii", args.to_vec()), "jsonb")?;
    let one = |(name, data_type): &(&str, &str)| {
        let list = call("json_recordset_field", vec![found.clone(), text(name), flag(false)]);
        let value = cast(&call("unnest", vec![list.clone()]), data_type)?;
        Some(Column { name: (*name).to_owned(), value, list: Some(list) })
    };
    COLUMNS.iter().map(one).collect()
}

/// The name of a relation that is a call of a function with a named column means that column: `SELECT e FROM
/// jsonb_array_elements(...) e`.
pub fn mean_columns(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_ref() else { return };
    let named: Vec<(String, String)> = relations(select).filter_map(named).collect();
    if named.is_empty() {
        return;
    }
    let meant = |name: &Ident| named.iter().find(|(relation, _)| *relation == fold(name));
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
            && meant(name).is_some()
        {
            let alias = Ident::with_quote('"', fold(name));
            *item = SelectItem::ExprWithAlias { expr: Expr::Identifier(name.clone()), alias };
        }
    }
    let mut columns = Columns { named: &named };
    let _ = VisitMut::visit(&mut select.projection, &mut columns);
    let _ = VisitMut::visit(&mut select.selection, &mut columns);
    let _ = VisitMut::visit(&mut select.group_by, &mut columns);
    let _ = VisitMut::visit(&mut select.having, &mut columns);
    let order: &mut [OrderByExpr] = match query.order_by.as_mut().map(|order| &mut order.kind) {
        Some(datafusion::sql::sqlparser::ast::OrderByKind::Expressions(keys)) => keys,
        _ => &mut [],
    };
    // Alone it may be what is selected under that name, which is the same.
    for key in order.iter_mut().filter(|key| !matches!(key.expr, Expr::Identifier(_))) {
        let _ = VisitMut::visit(&mut key.expr, &mut columns);
    }
}

struct Columns<'a> {
    named: &'a [(String, String)],
}

impl VisitorMut for Columns<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expression
            && let Some((_, column)) = self.named.iter().find(|(relation, _)| *relation == fold(name))
        {
            *expression = Expr::CompoundIdentifier(vec![name.clone(), Ident::with_quote('"', column)]);
        }
        ControlFlow::Continue(())
    }
}

fn relations(select: &Select) -> impl Iterator<Item = &TableFactor> {
    select.from.iter().flat_map(filled::sides)
}

/// The name of a relation that is such a call, and of its only column.
fn named(factor: &TableFactor) -> Option<(String, String)> {
    let (name, alias) = match factor {
        TableFactor::Table { name, args: Some(_), alias: Some(alias), with_ordinality: false, .. }
        | TableFactor::Function { name, alias: Some(alias), with_ordinality: false, .. } => (name, alias),
        _ => return None,
    };
    let (_, column, _) = set(&name.0.last()?.as_ident().map(fold)?)?;
    alias.columns.is_empty().then_some(())?;
    Some((fold(&alias.name), (*column)?.to_owned()))
}
