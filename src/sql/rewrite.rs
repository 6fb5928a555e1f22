//! What a query means before it is planned: a relation's name as an argument means its row.
//!
//! `QUALITY(p)` and `PREDICT_CTR(p)` take a whole row of the relation that FROM calls `p`, as PostgreSQL's functions
//! over composite types do. The engine knows no such argument; it becomes a struct of the relation's columns.

mod aggregates;
mod asked;
mod beside;
mod called_so;
mod calls;
mod casts;
mod composite;
mod counts;
pub(super) mod domains;
mod expansion;
mod filled;
mod gathered;
mod gathers_outside;
mod given;
mod grouping;
mod hypothetical;
mod inherited;
pub(super) mod inline;
mod joins;
pub(super) mod level;
mod lifted;
mod limits;
mod meant;
mod membership;
mod misplaced;
mod misused;
mod named_windows;
mod naming;
mod operators;
mod order;
mod outputs;
mod populated;
mod projected;
mod recursive;
mod rows;
mod series;
mod sets;
mod shadowed;
mod similar;
mod single;
mod subqueries;
mod ties;
mod using;
mod values;
mod whole;
mod windows;

pub use aggregates::{Beyond, gathers, has, is as is_call, is_aggregate};
pub use asked::is_truth;
pub use called_so::relation_names;
pub use misplaced::{AGGREGATES, DEFINES_WINDOW, ROWS, ROWS_WITHIN, WINDOWS, WITHIN_AGGREGATE, WITHIN_WINDOW};
pub use misused::{NO_CONDITION, bound_selected, is_no_number, width, without_condition};
pub use named_windows::{DEFINED as WINDOW_DEFINED, with_unused as with_unused_windows};
pub use order::is_selected;
pub use rows::entries;
pub use similar::regular as similar_pattern;
pub use using::constraint as join_constraint;

use super::context::Context;
use super::functions;
use super::names;
use super::parser::{fold, last};
use crate::catalog::{Object, View};
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, OrderBy,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, Value, VisitMut,
    VisitorMut, visit_expressions, visit_expressions_mut,
};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;

/// The query with rows in place of names of relations.
pub fn query(mut query: Query, context: &Context) -> Result<Query> {
    misused::must_not_be(&query)?;
    shadowed::rename(&mut query);
    inline::write_out(&mut query, context)?;
    expansion::must_be_bounded(&query, context)?;
    let merges = using::is_in(&query);
    let wants_columns = merges || wants_rows(&query) || whole::is_in(&query) || outputs::are_in(&query);
    let mut rewriter = Rewriter {
        context,
        wants_columns,
        depth: 0,
        scopes: Vec::new(),
        compared: HashSet::new(),
        reach: Vec::new(),
        refused: None,
    };
    let _ = VisitMut::visit(&mut query, &mut rewriter);
    if let Some(error) = rewriter.refused {
        return Err(error);
    }
    if merges {
        using::none_is_left(&query)?;
    }
    meant::no_ordinality(&query)?;
    domains::write_out(&mut query, context)?;
    asked::mark(&mut query);
    Ok(query)
}

/// A relation of FROM.
struct Relation {
    /// The name that it has there.
    called: String,
    /// Its columns, if they are known.
    columns: Option<Vec<String>>,
    /// Its own name.
    own: String,
    /// A column more that it was given, if it was: see `filled`.
    mark: Option<String>,
}

impl Relation {
    fn new(called: String, columns: Option<Vec<String>>, own: String) -> Self {
        Self { called, columns, own, mark: None }
    }

    fn has(&self, wanted: &str) -> bool {
        self.columns.iter().flatten().any(|column| column == wanted)
    }
}

/// The relations of one SELECT, in their order; none where FROM gives no name.
type Scope = Vec<Option<Relation>>;

struct Rewriter<'a> {
    context: &'a Context,
    /// Whether any function takes a row or any join merges columns: only then are the relations of FROM looked up, which
    /// may read files.
    wants_columns: bool,
    scopes: Vec<Scope>,
    /// Queries around, the one that is being visited among them.
    depth: usize,
    /// Where the subqueries of ANY and ALL are that have not been visited.
    compared: HashSet<usize>,
    /// What is in reach, for each query that is being visited.
    reach: Vec<Reach<'a>>,
    /// Why the query is none.
    refused: Option<Error>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        operators::fetch_as_limit(query);
        ties::spell_out(query);
        projected::spell_out(query);
        grouping::positions(query);
        counts::as_numbers(query);
        sets::mean_columns(query);
        values::computed(query);
        order::spell_out(query);
        if self.wants_columns {
            let reach = with_ctes(query, self.context, self.reach.last().unwrap_or(&Reach::default()));
            let mut scope = Scope::new();
            if let SetExpr::Select(select) = query.body.as_ref() {
                scope = from(select, self.context, &reach);
            }
            if let Err(error) = filled::mark(query, &mut scope) {
                self.refused = Some(error);
                return ControlFlow::Break(());
            }
            if let SetExpr::Select(select) = query.body.as_mut() {
                let keys = match &mut query.order_by {
                    Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) => keys.as_mut_slice(),
                    _ => &mut [],
                };
                if let Err(error) = outputs::as_columns(select, keys, &scope, &self.scopes) {
                    self.refused = Some(error);
                    return ControlFlow::Break(());
                }
                whole::spell_out(select, keys, &scope, &self.scopes);
                if let Some(merged) = using::Merged::spell_out(select, &scope)
                    && let Some(order) = &mut query.order_by
                {
                    merged.order(order, &select.projection);
                }
            }
            self.reach.push(reach);
            self.scopes.push(scope);
        }
        let order = match &mut query.order_by {
            Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) => keys.as_mut_slice(),
            _ => &mut [],
        };
        naming::spell_out(&mut query.body, order, self.depth == 1);
        if let SetExpr::Select(select) = query.body.as_mut() {
            casts::tell_apart(select, order);
            casts::tell_keys_apart(select, order);
            inherited::order(select);
            order::mean_columns(select, order, self.depth == 1);
            subqueries::as_values(select, order);
            select.projection.iter_mut().for_each(series::as_rows);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        populated::spell_out(select, self.context);
        beside::join(select);
        joins::move_subqueries(select);
        joins::subqueries_as_values(select);
        sets::first_of_all(select);
        select.projection.iter_mut().for_each(rows::selected);
        windows::spell_out(select);
        name_in_full(select);
        // A part of a set operation, whose relations have not been looked at.
        if let Some(reach) = self.reach.last()
            && (using::joins_so(select) || whole::is_in(select))
        {
            let scope = from(select, self.context, reach);
            if !filled::fills(select) {
                whole::spell_out(select, &mut [], &scope, &self.scopes);
            }
            using::Merged::spell_out(select, &scope);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        values::in_from(query);
        query.with.iter_mut().for_each(recursive::type_numbers);
        self.depth -= 1;
        self.scopes.pop();
        self.reach.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        sets::as_relation(factor);
        series::name(factor);
        if let Err(error) = given::by_place(factor) {
            self.refused.get_or_insert(error);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        operators::named(expression);
        membership::spell_out(expression);
        limits::spell_out(expression);
        if let Expr::Function(function) = expression
            && functions::takes_json_row(&function.name.to_string())
        {
            whole::named_alone(function);
        }
        in_engines_words(expression);
        subqueries::set_apart(expression);
        values::selected(expression);
        // What is compared with all of its rows need not be one.
        if let Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } = &*expression
            && let Expr::Subquery(query) = right.as_ref()
        {
            self.compared.insert(std::ptr::from_ref(query.as_ref()) as usize);
        }
        let compared = match &*expression {
            Expr::Subquery(query) => self.compared.remove(&(std::ptr::from_ref(query.as_ref()) as usize)),
            _ => false,
        };
        if !compared {
            single::gather(expression);
        }
        whole::field(expression, &self.scopes);
        whole::test(expression, &self.scopes);
        if let Expr::Function(function) = expression
            && takes_row(function)
        {
            self.rows_for_names(function);
        }
        if let Expr::Function(function) = expression
            && functions::takes_json_row(&function.name.to_string())
        {
            self.json_for_names(function);
        }
        ControlFlow::Continue(())
    }
}

/// `t.*` of `schema.t`, which the engine knows by all of its name only.
fn name_in_full(select: &mut Select) {
    for item in &mut select.projection {
        let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item else {
            continue;
        };
        let relations = select.from.iter().flat_map(filled::sides);
        let mut called = relations.filter_map(|relation| match relation {
            TableFactor::Table { name, alias: None, args: None, .. } if name.0.len() > 1 => Some(name),
            _ => None,
        });
        if name.0.len() == 1
            && let Some(full) = called.find(|full| last(full) == last(name))
        {
            *name = full.clone();
        }
    }
}

/// Whether a query has a GROUP BY.
fn groups(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty())
}

/// Whether all rows of a SELECT are one group.
pub fn is_one_group(select: &Select) -> bool {
    let gathers = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => has(expr, Beyond::Aggregate),
        _ => false,
    };
    !groups(select) && (select.having.is_some() || select.projection.iter().any(gathers))
}

fn takes_row(function: &Function) -> bool {
    functions::takes_row(&function.name.to_string())
}

fn wants_rows(query: &Query) -> bool {
    let found = visit_expressions(query, |expression| match expression {
        Expr::Function(function) if takes_row(function) => ControlFlow::Break(()),
        Expr::Function(function) if functions::takes_json_row(&function.name.to_string()) && takes_name(function) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Whether a name alone is an argument.
fn takes_name(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let named = |arg: &FunctionArg| {
        matches!(
            arg,
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(_)) | FunctionArgExpr::QualifiedWildcard(_))
        )
    };
    list.args.iter().any(named)
}

/// `current_role` and its like are functions that the standard writes without parentheses.
fn name_to_call(expression: &mut Expr) {
    const NAMES: &[&str] = &[
        "current_role",
        "current_user",
        "session_user",
        "user",
        "current_schema",
        "current_catalog",
        "current_database",
    ];
    if let Expr::Identifier(ident) = expression
        && ident.quote_style.is_none()
        && let Some(name) = NAMES.iter().find(|name| ident.value.eq_ignore_ascii_case(name))
    {
        *expression = functions::call(name, Vec::new());
    }
}

/// `mod(a, b)` is the operator.
fn modulo(expression: &mut Expr) {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = &*expression else { return };
    if !name.to_string().eq_ignore_ascii_case("mod") {
        return;
    }
    let operand = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(Box::new(Expr::Nested(Box::new(e.clone())))),
        _ => None,
    };
    if let [left, right] = list.args.as_slice()
        && let (Some(left), Some(right)) = (operand(left), operand(right))
    {
        *expression = Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::Modulo, right }));
    }
}

/// `array_cat` with NULL is the operator, which tells the type of NULL by the other side.
fn array_beside_null(expression: &mut Expr) {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = &*expression else { return };
    let null = |side: &Expr| matches!(side, Expr::Value(value) if value.value == Value::Null);
    if last(name) == "array_cat"
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(left)), FunctionArg::Unnamed(FunctionArgExpr::Expr(right))] =
            list.args.as_slice()
        && (null(left) || null(right))
    {
        let [left, right] = [left, right].map(|side| Box::new(Expr::Nested(Box::new(side.clone()))));
        *expression = Expr::Nested(Box::new(Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right }));
    }
}

/// `nextval('s'::regclass)` is told the sequence by its name.
fn sequence_by_name(expression: &mut Expr) {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expression else { return };
    if !functions::sequence::COUNTING.contains(&last(name).as_str()) {
        return;
    }
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut()
        && let Expr::Cast { expr, data_type, .. } = argument
        && super::ddl::is_regclass(data_type)
    {
        *argument = expr.as_ref().clone();
    }
}

/// A number with an exponent is written out; one with more digits than a decimal has is floating point.
fn long_number(expression: &mut Expr) {
    const DIGITS: i32 = 38;
    let Expr::Value(value) = expression else { return };
    let Value::Number(number, _) = &mut value.value else { return };
    // A length of time in a frame is none.
    if number.contains(' ') {
        return;
    }
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return };
    let exponent = exponent.parse().unwrap_or(i32::MAX);
    let fits = (exponent.saturating_add(mantissa.len() as i32)) <= DIGITS && exponent > mantissa.len() as i32 - DIGITS;
    if fits {
        *number = written_out(mantissa, exponent);
        return;
    }
    let text = format!("'{number}'::double precision");
    *expression = super::planner::parse_expression(&text).unwrap_or_else(|_| expression.clone());
}

/// `1.5e3` as `1500.` and `15e-3` as `0.015`: with a point, since a number with an exponent is no integer.
fn written_out(mantissa: &str, exponent: i32) -> String {
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat().replace('_', "");
    let point = whole.replace('_', "").len() as i32 + exponent;
    match usize::try_from(point) {
        Ok(point) if point > 0 => {
            let padded = format!("{digits:0<point$}");
            format!("{}.{}", &padded[..point], &padded[point..])
        }
        _ => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    }
}

/// `ARRAY[a, b]` of columns as a call: the engine's planner looks for the names of an array's elements in the nearest query only.
fn arrays_of_columns(expression: &mut Expr) {
    let Expr::Array(array) = &*expression else { return };
    let named = |element: &Expr| {
        visit_expressions(element, |part| match part {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    };
    let nested = |element: &Expr| matches!(element, Expr::Array(_));
    if array.elem.iter().any(named) && !array.elem.iter().any(nested) {
        *expression = functions::call(functions::ARRAY, array.elem.clone());
    }
}

/// What is written in one way in PostgreSQL's SQL and in another in the engine's.
fn in_engines_words(expression: &mut Expr) {
    operators::named(expression);
    rows::given(expression);
    name_to_call(expression);
    calls::spell_out(expression);
    counts::no_places(expression);
    gathered::spell_out(expression);
    hypothetical::spell_out(expression);
    arrays_of_columns(expression);
    long_number(expression);
    rows::compare(expression);
    similar::as_expression(expression);
    operators::as_functions(expression);
    modulo(expression);
    array_beside_null(expression);
    grouping::spell_out(expression);
    sequence_by_name(expression);
}

/// An expression outside of a query with the same rewriting.
pub fn expression(mut expression: Expr) -> Expr {
    let _ = visit_expressions_mut(&mut expression, |e| {
        in_engines_words(e);
        ControlFlow::<()>::Continue(())
    });
    asked::mark(&mut expression);
    expression
}

impl Rewriter<'_> {
    /// The row of a relation as JSON where its name is an argument, and no column is called so.
    fn json_for_names(&self, function: &mut Function) {
        let FunctionArguments::List(list) = &mut function.args else { return };
        let mut rows = false;
        for argument in &mut list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument else { continue };
            let Expr::Identifier(name) = expression else { continue };
            let wanted = fold(name);
            let all = || self.scopes.iter().rev().flatten().flatten();
            if all().any(|relation| relation.has(&wanted)) {
                continue;
            }
            let found = all().find(|relation| relation.called == wanted);
            if let Some(relation @ Relation { columns: Some(columns), .. }) = found {
                *expression = filled::where_met(relation, json_row(name, columns));
                rows = true;
            }
        }
        // Rows that are gathered have lines of their own.
        if rows && function.name.to_string() == "json_element" {
            function.name = Ident::new("json_row_element").into();
        }
    }

    fn rows_for_names(&self, function: &mut Function) {
        let FunctionArguments::List(list) = &mut function.args else { return };
        for argument in &mut list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument else { continue };
            let Expr::Identifier(name) = expression else { continue };
            let wanted = fold(name);
            let found = self.scopes.iter().rev().flatten().flatten().find(|relation| relation.called == wanted);
            if let Some(Relation { columns: Some(columns), own, .. }) = found {
                *expression = row(name, columns, own);
            }
        }
    }
}

/// `json_build_row('a', p.a, 'b', p.b, ...)`
fn json_row(relation: &Ident, columns: &[String]) -> Expr {
    let mut args = Vec::with_capacity(columns.len() * 2);
    for column in columns {
        args.push(Expr::Value(Value::SingleQuotedString(column.clone()).into()));
        args.push(Expr::CompoundIdentifier(vec![relation.clone(), Ident::with_quote('"', column)]));
    }
    functions::call("json_build_row", args)
}

/// `named_struct('\u{1}relation', 'schema.name', 'a', p.a, 'b', p.b, ...)`.
fn row(relation: &Ident, columns: &[String], asset: &str) -> Expr {
    let text = |value: &str| Expr::Value(Value::SingleQuotedString(value.to_owned()).into());
    let mut args = vec![text(functions::ROW_OF), text(asset)];
    for column in columns {
        args.push(text(column));
        args.push(Expr::CompoundIdentifier(vec![relation.clone(), Ident::with_quote('"', column)]));
    }
    functions::call("named_struct", args)
}

/// What is known around a query whose columns are asked for.
#[derive(Clone, Default)]
struct Reach<'a> {
    /// Columns of common table expressions by name.
    named: Vec<(String, Option<Vec<String>>)>,
    /// The views that the query is in: what was replaced may refer to itself in a circle.
    views: Vec<&'a View>,
}

fn with_ctes<'a>(query: &Query, context: &'a Context, outer: &Reach<'a>) -> Reach<'a> {
    let mut reach = outer.clone();
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        let columns = match cte.alias.columns.is_empty() {
            true => output_columns(&cte.query, context, &reach),
            false => Some(cte.alias.columns.iter().map(|column| fold(&column.name)).collect()),
        };
        reach.named.push((fold(&cte.alias.name), columns));
    }
    reach
}

/// Names of the columns that a query gives, as far as its text tells them.
fn output_columns<'a>(query: &Query, context: &'a Context, outer: &Reach<'a>) -> Option<Vec<String>> {
    body_columns(&query.body, context, &with_ctes(query, context, outer))
}

fn body_columns<'a>(body: &SetExpr, context: &'a Context, reach: &Reach<'a>) -> Option<Vec<String>> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::Query(query) => return output_columns(query, context, reach),
        SetExpr::SetOperation { left, .. } => return body_columns(left, context, reach),
        SetExpr::Values(values) => {
            let width = values.rows.first().map_or(0, |row| row.len());
            return Some((1..=width).map(|n| format!("column{n}")).collect());
        }
        _ => return None,
    };
    let scope = from(select, context, reach);
    let mut select = Cow::Borrowed(select.as_ref());
    if using::joins_so(&select) {
        using::Merged::spell_out(select.to_mut(), &scope);
    }
    let scope: Vec<&Relation> = scope.iter().flatten().collect();
    let mut columns = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => columns.push(fold(alias)),
            SelectItem::Wildcard(_) => {
                for relation in &scope {
                    columns.extend(relation.columns.clone()?);
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let wanted = name.0.last().and_then(|part| part.as_ident()).map(fold)?;
                columns.extend(scope.iter().find(|relation| relation.called == wanted)?.columns.clone()?);
            }
            SelectItem::UnnamedExpr(expression) => columns.push(names::name(expression)),
            _ => return None,
        }
    }
    Some(columns)
}

fn from<'a>(select: &Select, context: &'a Context, reach: &Reach<'a>) -> Scope {
    filled::factors(select).into_iter().map(|factor| relation(factor, context, reach)).collect()
}

/// A relation of FROM by the name that it has there.
fn relation<'a>(factor: &TableFactor, context: &'a Context, reach: &Reach<'a>) -> Option<Relation> {
    match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            let mut parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident()).map(fold).collect();
            let table = parts.pop()?;
            let called = alias.as_ref().map_or(table.clone(), |alias| fold(&alias.name));
            let renamed = |columns: Option<Vec<String>>| {
                let mut columns = columns?;
                let names = alias.iter().flat_map(|alias| &alias.columns);
                columns.iter_mut().zip(names).for_each(|(column, name)| *column = fold(&name.name));
                Some(columns)
            };
            let cte = reach.named.iter().rev().find(|(name, _)| parts.is_empty() && *name == table);
            if let Some((_, columns)) = cte {
                return Some(Relation::new(called, renamed(columns.clone()), table));
            }
            let (schema, table) = context.resolve(parts.pop().as_deref(), &table);
            let columns = match context.snapshot.catalog.relation(&schema, &table) {
                Some((_, Object::Table(t))) => Some(t.columns.iter().map(|c| c.name.clone()).collect()),
                Some((_, Object::View(view))) => columns_of_view(view, context, &reach.views),
                _ => super::tables::columns_of(context, &schema, &table),
            };
            Some(Relation::new(called, renamed(columns), format!("{schema}.{table}")))
        }
        TableFactor::Table { name, alias: Some(alias), args: Some(_), .. } => {
            let called = fold(&alias.name);
            let columns = match alias.columns.is_empty() {
                true => name.to_string().eq_ignore_ascii_case("generate_series").then(|| vec![called.clone()]),
                false => Some(alias.columns.iter().map(|column| fold(&column.name)).collect()),
            };
            Some(Relation::new(called.clone(), columns, called))
        }
        TableFactor::Derived { subquery, alias: Some(alias), .. } => {
            let columns = match alias.columns.is_empty() {
                true => output_columns(subquery, context, reach),
                false => Some(alias.columns.iter().map(|column| fold(&column.name)).collect()),
            };
            let called = fold(&alias.name);
            Some(Relation::new(called.clone(), columns, called))
        }
        _ => None,
    }
}

/// Names of a view's columns, as far as its text tells.
pub fn view_columns(view: &View, context: &Context) -> Option<Vec<String>> {
    columns_of_view(view, context, &[])
}

/// The same within the queries of other views.
fn columns_of_view<'a>(view: &'a View, context: &'a Context, within: &[&'a View]) -> Option<Vec<String>> {
    let own = match within.iter().any(|other| std::ptr::eq(*other, view)) {
        true => None,
        false => {
            let views = within.iter().copied().chain([view]).collect();
            let query = super::parser::query(&view.query).ok();
            query.and_then(|query| output_columns(&query, context, &Reach { named: Vec::new(), views }))
        }
    };
    match own {
        Some(mut own) => {
            own.iter_mut().zip(&view.columns).for_each(|(own, given)| own.clone_from(given));
            Some(own)
        }
        None => (!view.columns.is_empty()).then(|| view.columns.clone()),
    }
}
