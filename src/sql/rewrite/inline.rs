//! Calls of functions in SQL: the function's query takes the place of the call.
//!
//! A query that reads nothing is an expression, others are a subquery, and a call in FROM is a derived table. What is read is
//! read with the caller's rights, since the plan is the caller's. Where arguments are columns of the rows around, names in the query
//! could be taken for theirs and theirs for the query's: then both stay apart until they are planned (`called`).
//!
//! Within a view the caller is who looks at it, and the rest of the view is planned with its owner's rights. So the relations of the function
//! are marked ([`READER`]); and what is told by name what to read is refused there, for the name is all that a plan has of it.

use super::super::context::Context;
use super::super::ddl::names_in_full;
use super::super::functions::{self, ARGUMENT, CALLED, GIVEN, names_volatile};
use super::super::parser::{self, fold, split};
use super::aggregates;
use crate::catalog::{Class, Function, Object, Returns, SqlType, relation_key};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, SelectItem,
    SetExpr, TableAlias, TableAliasColumnDef, TableFactor, Value, VisitMut, VisitorMut, visit_expressions,
    visit_expressions_mut, visit_relations, visit_relations_mut,
};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Functions within functions that are written out.
const DEPTH_MAX: usize = 32;
/// The first part of a relation's name that is read with the rights of who looks; nobody can write it by accident. The moment of a state of
/// the past stands behind it.
pub const READER: &str = "\u{1}reader ";

/// Writes every call in a query or an expression out.
pub fn write_out(node: &mut impl VisitMut, context: &Context) -> Result<()> {
    if context.snapshot.catalog.class(Class::Function).next().is_none() {
        return Ok(());
    }
    within(node, context, 0)
}

fn within(node: &mut impl VisitMut, context: &Context, depth: usize) -> Result<()> {
    match VisitMut::visit(node, &mut Calls { context, depth }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The function that a name means, with the schema it is in.
pub fn find<'a>(context: &'a Context, name: &ObjectName) -> Option<&'a Function> {
    let (schema, name) = split(name).ok()?;
    let catalog = &context.snapshot.catalog;
    let of = |schema: &str| match catalog.find(Class::Function, &relation_key(schema, &name)) {
        Some((_, Object::Function(function))) => Some(function),
        _ => None,
    };
    match schema {
        Some(schema) => of(&schema),
        None => context.settings.search_path().iter().find_map(|schema| of(schema)),
    }
}

/// Puts `given` into the places of a query's arguments.
pub fn bind(query: &mut impl VisitMut, given: &[Expr]) {
    let _ = visit_expressions_mut(query, |expression| {
        if let Some(at) = argument(expression)
            && let Some(value) = given.get(at)
        {
            *expression = value.clone();
        }
        ControlFlow::<()>::Continue(())
    });
}

/// The place of the argument that an expression stands for.
fn argument(expression: &Expr) -> Option<usize> {
    let Expr::Value(value) = expression else { return None };
    let Value::Placeholder(mark) = &value.value else { return None };
    mark.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// An expression as a value of this type.
pub fn typed(expression: Expr, data_type: &SqlType) -> Result<Expr> {
    let Expr::Cast { kind, data_type, array, format, .. } = parser::expression(&format!("CAST(NULL AS {data_type})"))?
    else {
        return Err(Error::internal("a cast is not parsed as one"));
    };
    Ok(Expr::Cast { kind, expr: Box::new(expression), data_type, array, format })
}

struct Calls<'a> {
    context: &'a Context,
    /// Functions around.
    depth: usize,
}

impl VisitorMut for Calls<'_> {
    type Break = Error;

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        let Some(function) = find(self.context, &call.name) else { return ControlFlow::Continue(()) };
        match self.value(function, call) {
            Ok(value) => *expression = value,
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let (name, args, alias) = match &*factor {
            TableFactor::Table { name, args: Some(args), alias, .. } => (name, args.args.as_slice(), alias),
            TableFactor::Function { name, args, alias, .. } => (name, args.as_slice(), alias),
            _ => return ControlFlow::Continue(()),
        };
        let Some(function) = find(self.context, name) else { return ControlFlow::Continue(()) };
        match self.relation(function, args, alias.clone()) {
            Ok(relation) => *factor = relation,
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    /// The function's query, with a call's arguments in it or with marks for them, and these arguments.
    fn query(&self, function: &Function, args: &[FunctionArg]) -> Result<Called> {
        if self.depth == DEPTH_MAX {
            let message = format!("functions call each other more than {DEPTH_MAX} times deep");
            return Err(Error::new(Kind::LimitExceeded, message));
        }
        let given = arguments(self.context, self.depth + 1, function, args)?;
        let mut query = parser::query(&function.query)?;
        let uses = uses(&query, given.len());
        within(&mut query, self.context, self.depth + 1)?;
        if self.context.is_within_view() {
            must_not_read_by_name(function, &mut query, self.context)?;
            read_as_reader(&mut query);
        }
        let reads = visit_relations(&query, |_| ControlFlow::Break(())).is_break();
        let apart = reads && given.iter().any(has_columns);
        must_not_be_doubled(function, &uses, &given, apart)?;
        match apart {
            true => bind(&mut query, &marks(function)?),
            false => bind(&mut query, &given),
        }
        Ok(Called { query, given, reads, apart })
    }

    fn value(&self, function: &Function, call: &ast::Function) -> Result<Expr> {
        let (data_type, rows) = match &function.returns {
            Returns::Value(data_type) => (data_type, false),
            Returns::Values(data_type) => (data_type, true),
            Returns::Table(_) => {
                let message = format!(
                    "function {} gives rows of several columns, which is supported in FROM only",
                    function.name
                );
                return Err(Error::new(Kind::Unsupported, message));
            }
        };
        if call.over.is_some() || call.filter.is_some() || !call.within_group.is_empty() {
            let message = format!("{} is not an aggregate or window function", function.name);
            return Err(Error::new(Kind::DatatypeMismatch, message));
        }
        let args = match &call.args {
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                list.args.as_slice()
            }
            FunctionArguments::None => &[],
            _ => return Err(undefined(function)),
        };
        let Called { mut query, given, reads, apart } = self.query(function, args)?;
        if rows {
            return self.rows(function, query, data_type, apart);
        }
        let value = match expression_of(&mut query).filter(|_| !reads) {
            Some(value) => value,
            None => {
                // PostgreSQL takes the first row.
                if query.limit_clause.is_none() && query.fetch.is_none() && !(apart && gives_one_row(&query)) {
                    query.limit_clause = parser::query("SELECT 1 LIMIT 1")?.limit_clause;
                }
                let value = Expr::Subquery(Box::new(query));
                match apart {
                    true => {
                        let name = Expr::value(Value::SingleQuotedString(function.name.clone()));
                        functions::call(CALLED, [name, value].into_iter().chain(given.iter().cloned()).collect())
                    }
                    false => value,
                }
            }
        };
        let value = if function.exact { Expr::Nested(Box::new(value)) } else { typed(value, data_type)? };
        if !function.strict || given.is_empty() {
            return Ok(Expr::Nested(Box::new(value)));
        }
        let nulls = given.into_iter().map(|value| Expr::IsNull(Box::new(value)));
        let any = nulls.reduce(|a, b| Expr::BinaryOp { left: Box::new(a), op: BinaryOperator::Or, right: Box::new(b) });
        let Expr::Case { case_token, end_token, mut conditions, .. } =
            parser::expression("CASE WHEN true THEN NULL ELSE 1 END")?
        else {
            return Err(Error::internal("a CASE is not parsed as one"));
        };
        if let (Some(when), Some(any)) = (conditions.first_mut(), any) {
            when.condition = any;
        }
        Ok(Expr::Case { case_token, end_token, operand: None, conditions, else_result: Some(Box::new(value)) })
    }

    /// The rows of such a function among the values of a query: its array, unnested.
    fn rows(&self, function: &Function, query: Query, data_type: &SqlType, apart: bool) -> Result<Expr> {
        if apart || function.strict {
            let message = format!("function {} is supported in FROM only, as it is called", function.name);
            return Err(Error::new(Kind::Unsupported, message));
        }
        let list =
            typed(parser::expression(&format!("ARRAY({query})"))?, &SqlType::Array(Box::new(data_type.clone())))?;
        Ok(functions::call("unnest", vec![list]))
    }

    fn relation(&self, function: &Function, args: &[FunctionArg], alias: Option<TableAlias>) -> Result<TableFactor> {
        let Called { query, given, apart, .. } = self.query(function, args)?;
        if function.strict && !given.is_empty() {
            let message = format!("function {} is STRICT, which is not supported in FROM", function.name);
            return Err(Error::new(Kind::Unsupported, message));
        }
        let columns: Vec<(String, &SqlType)> = match &function.returns {
            Returns::Table(columns) => columns.iter().map(|(name, data_type)| (name.clone(), data_type)).collect(),
            // A column of values is called as the relation is.
            Returns::Value(data_type) | Returns::Values(data_type) => {
                vec![(alias.as_ref().map_or_else(|| function.name.clone(), |alias| fold(&alias.name)), data_type)]
            }
        };
        let inner = |n: usize| Ident::with_quote('"', format!("${n}"));
        let items = columns.iter().enumerate().map(|(n, (name, data_type))| {
            let value = typed(Expr::Identifier(inner(n)), data_type)?;
            Ok(SelectItem::ExprWithAlias { expr: value, alias: parser::quoted(name) })
        });
        let items = items.collect::<Result<Vec<_>>>()?;
        let names = (0..columns.len()).map(|n| TableAliasColumnDef { name: inner(n), data_type: None });
        let called = parser::quoted(&function.name);
        let body = TableAlias { explicit: true, name: called.clone(), columns: names.collect(), at: None };
        let derived = |lateral: bool, subquery: Query, alias: TableAlias| TableFactor::Derived {
            lateral,
            subquery: Box::new(subquery),
            alias: Some(alias),
            sample: None,
        };
        let from = ast::TableWithJoins { relation: derived(false, query, body), joins: Vec::new() };
        let arguments = apart.then(|| functions::call(GIVEN, given));
        let whole = super::super::planner::select_query(items, vec![from], arguments)?;
        let plain = TableAlias { explicit: true, name: called, columns: Vec::new(), at: None };
        Ok(derived(apart, whole, alias.unwrap_or(plain)))
    }
}

/// A function's query as a call has it.
struct Called {
    query: Query,
    given: Vec<Expr>,
    /// It names a relation without its arguments.
    reads: bool,
    /// It has marks for its arguments.
    apart: bool,
}

/// Marks the relations of a function's query. Those without a schema are its own WITH queries, for it is kept with all names in full.
fn read_as_reader(query: &mut Query) {
    let _ = visit_relations_mut(query, |name| {
        let first = name.0.first().and_then(|part| part.as_ident()).map(|part| part.value.clone()).unwrap_or_default();
        let mark = |moment: &str| ast::ObjectNamePart::Identifier(Ident::with_quote('"', format!("{READER}{moment}")));
        match name.0.len() {
            _ if first.starts_with(READER) => {}
            _ if parser::split_off(&first).is_some() => name.0[0] = mark(&first),
            1 => {}
            _ => name.0.insert(0, mark("")),
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Refuses a function within a view that calls what reads by name.
fn must_not_read_by_name(function: &Function, query: &mut Query, context: &Context) -> Result<()> {
    let (mut found, asked) = (None, Arc::new(context.clone()));
    names_in_full(query, &mut |class, name| {
        let called = parser::last(name);
        if class == Class::Function && find(context, name).is_none() && functions::reads_by_name(&called, &asked) {
            found.get_or_insert(called);
        }
    });
    match found {
        None => Ok(()),
        Some(called) => {
            let message = format!(
                "function {} calls {called}, which is told by name what to read: a view cannot call it",
                function.name
            );
            Err(Error::new(Kind::Unsupported, message)
                .with_hint(format!("Call {called} in the view itself, where it reads as the view's owner.")))
        }
    }
}

/// What stands for arguments until they are planned.
fn marks(function: &Function) -> Result<Vec<Expr>> {
    let mark = |(at, argument): (usize, &crate::catalog::Argument)| {
        let number = Expr::value(Value::Number(at.to_string(), false));
        Ok(functions::call(ARGUMENT, vec![number, typed(Expr::value(Value::Null), &argument.data_type)?]))
    };
    function.arguments.iter().enumerate().map(mark).collect()
}

/// Whether a query is an aggregate over all rows.
fn gives_one_row(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let item = match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] => item,
        _ => return false,
    };
    !super::groups(select) && select.having.is_none() && aggregates::are_in(item)
}

/// A call's arguments in the function's order, each of its type.
fn arguments(context: &Context, depth: usize, function: &Function, args: &[FunctionArg]) -> Result<Vec<Expr>> {
    let mut given: Vec<Option<Expr>> = vec![None; function.arguments.len()];
    for (at, arg) in args.iter().enumerate() {
        let place = |name: &Ident| {
            let name = fold(name);
            function.arguments.iter().position(|arg| arg.name.as_ref() == Some(&name))
        };
        let (at, value) = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
                left,
                op: BinaryOperator::Assignment,
                right,
            })) => match left.as_ref() {
                Expr::Identifier(name) => (place(name), right.as_ref()),
                _ => return Err(undefined(function)),
            },
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (Some(at), value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                (place(name), value)
            }
            _ => return Err(undefined(function)),
        };
        match at.and_then(|at| given.get_mut(at)) {
            Some(place) if place.is_none() => *place = Some(value.clone()),
            _ => return Err(undefined(function)),
        }
    }
    let all = function.arguments.iter().zip(given).map(|(argument, value)| {
        let value = match (value, &argument.default) {
            (Some(value), _) => value,
            // What is given was written out with the call around it; the default may call functions too.
            (None, Some(default)) => {
                let mut default = parser::expression(default)?;
                within(&mut default, context, depth)?;
                default
            }
            (None, None) => return Err(undefined(function)),
        };
        must_fit(function, &value, &argument.data_type)?;
        typed(value, &argument.data_type)
    });
    all.collect()
}

/// A number with a fraction is no whole one: PostgreSQL finds no such function, where a cast would round.
fn must_fit(function: &Function, value: &Expr, data_type: &SqlType) -> Result<()> {
    let whole = matches!(data_type, SqlType::Int2 | SqlType::Int4 | SqlType::Int8);
    match value {
        Expr::Value(value)
            if whole
                && matches!(&value.value, Value::Number(number, _) if number.to_string().contains(['.', 'e', 'E'])) =>
        {
            Err(undefined(function))
        }
        _ => Ok(()),
    }
}

fn undefined(function: &Function) -> Error {
    let types: Vec<String> = function.arguments.iter().map(|argument| argument.data_type.to_string()).collect();
    let (name, types) = (&function.name, types.join(", "));
    Error::new(Kind::UndefinedFunction, format!("function {name} does not take these arguments"))
        .with_hint(format!("It is {name}({types})."))
}

/// How often a query uses each of so many arguments.
fn uses(query: &Query, count: usize) -> Vec<usize> {
    let mut uses = vec![0; count];
    let _ = visit_expressions(query, |expression| {
        if let Some(count) = argument(expression).and_then(|at| uses.get_mut(at)) {
            *count += 1;
        }
        ControlFlow::<()>::Continue(())
    });
    uses
}

/// What gives another value each time it is computed must be computed once. What stands `apart` is.
fn must_not_be_doubled(function: &Function, uses: &[usize], given: &[Expr], apart: bool) -> Result<()> {
    let doubled = |(uses, value): (&usize, &Expr)| (*uses > 1 && !apart || function.strict) && names_volatile(value);
    match uses.iter().zip(given).any(doubled) {
        true => Err(Error::new(
            Kind::Unsupported,
            format!("function {} uses an argument more than once, which gives another value each time", function.name),
        )
        .with_hint("Compute the argument in a subquery, and pass its column.")),
        false => Ok(()),
    }
}

/// The one expression of a query that reads nothing.
fn expression_of(query: &mut Query) -> Option<Expr> {
    let plain =
        query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let bare = select.from.is_empty()
        && select.selection.is_none()
        && select.having.is_none()
        && select.distinct.is_none()
        && !super::groups(select);
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }]
            if plain && bare && !aggregates::are_in(value) =>
        {
            Some(value.clone())
        }
        _ => None,
    }
}

fn has_columns(expression: &Expr) -> bool {
    let found = visit_expressions(expression, |expression| match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}
