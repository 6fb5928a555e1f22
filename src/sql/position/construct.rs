//! Where the construct is that an error speaks of: an expression of another type than its place takes, a call where none may be,
//! a list that is too long.
//!
//! The error names the column, the clause or the construct; the statement, parsed once more, says where that is. Where several
//! could be meant there is no place.

use super::super::parser::{self, Body, fold};
use super::super::rewrite::{
    AGGREGATES, Beyond, DEFINES_WINDOW, NO_CONDITION, ROWS, ROWS_WITHIN, WINDOWS, WITHIN_AGGREGATE, WITHIN_WINDOW,
    entries, gathers, is_aggregate, is_call, is_selected, is_truth, width, without_condition,
};
use crate::error::Error;
use datafusion::sql::sqlparser::ast::{
    self, AssignmentTarget, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, Statement,
    UnaryOperator, Value, Visit, Visitor, WindowFrameBound, WindowType,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token};
use std::ops::ControlFlow;

/// The byte of `text`, a statement, at which that begins what `message` speaks of.
pub fn place(text: &str, error: &Error) -> Option<usize> {
    let wanted = wanted(error.message())?;
    let statement = parser::parse(text).ok()?.into_iter().next()?;
    let Body::Sql(statement) = statement.body else { return None };
    let written = Written { text, tokens: parser::tokens_with_places(text) };
    match &wanted {
        Wanted::Assigned(column) => {
            let value = assigned(&statement, column, error.value()).map(|value| value.span());
            written.start(value.or_else(|| among_all(&statement, column, error.value()))?)
        }
        Wanted::MoreValues | Wanted::MoreColumns => written.start(inserted(&statement, &wanted, error.value()?)?),
        Wanted::Twice(name) => written.start(twice(&statement, name)?),
        _ => {
            let mut search = Search { written, wanted, found: Vec::new(), possible: Vec::new() };
            let _ = statement.visit(&mut search);
            let only = || (search.possible.len() == 1).then(|| search.possible[0]);
            search.found.first().copied().or_else(only)
        }
    }
}

/// A statement as it stands there.
struct Written<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
}

impl Written<'_> {
    /// The byte at which a part begins; none when the parser has not kept where that is.
    fn start(&self, span: Span) -> Option<usize> {
        let start = span.start;
        let lines = usize::try_from(start.line).ok()?.checked_sub(1)?;
        let line = self.text.split_inclusive('\n').take(lines).map(str::len).sum();
        let column = usize::try_from(start.column).ok()?.checked_sub(1)?;
        self.text.get(line..)?.char_indices().nth(column).map(|(at, _)| line + at)
    }

    /// The last token before `at` that is one of these.
    fn before(&self, at: usize, is: impl Fn(&Token) -> bool) -> Option<usize> {
        self.tokens.iter().rev().find(|(place, token)| *place < at && is(token)).map(|(place, _)| *place)
    }

    /// The token behind the first of these words that comes after `at`.
    fn behind(&self, at: usize, keyword: Keyword) -> Option<usize> {
        let is = |token: &Token| matches!(token, Token::Word(word) if word.keyword == keyword);
        let word = self.tokens.iter().position(|(place, token)| *place > at && is(token))?;
        self.tokens.get(word + 1).map(|(place, _)| *place)
    }

    /// Where something else comes behind a part; the end of the text if nothing does.
    fn after(&self, span: Span) -> Option<usize> {
        let end = self.start(Span::new(span.end, span.end))?;
        let mut rest = self.tokens.iter().filter(|(place, _)| *place >= end).peekable();
        // The arguments of a function belong to it.
        let mut depth = 0;
        while let Some((_, token)) = rest.peek() {
            match token {
                Token::LParen => depth += 1,
                Token::RParen if depth > 0 => depth -= 1,
                _ if depth > 0 => {}
                _ => break,
            }
            rest.next();
        }
        Some(rest.next().map_or(self.text.trim_end().len(), |(place, _)| *place))
    }

    /// The parenthesis around a query.
    fn parenthesis(&self, query: &Query) -> Option<usize> {
        self.before(self.start(query.span())?, |token| *token == Token::LParen)
    }
}

/// What is assigned to a column: by its name, or in an INSERT that names none the value that the error is about.
fn assigned(statement: &Statement, column: &str, value: Option<usize>) -> Option<Expr> {
    match statement {
        Statement::Insert(insert) => {
            let named = insert.columns.iter().position(|name| parser::last(name) == column);
            listed(insert, named.or_else(|| value.filter(|_| insert.columns.is_empty()))?)
        }
        Statement::Update(update) => update.assignments.iter().find_map(|assignment| match &assignment.target {
            AssignmentTarget::ColumnName(name) if parser::last(name) == column => Some(assignment.value.clone()),
            _ => None,
        }),
        _ => None,
    }
}

/// One of the values that an INSERT lists, of the first row that has so many.
fn listed(insert: &ast::Insert, at: usize) -> Option<Expr> {
    match insert.source.as_ref()?.body.as_ref() {
        SetExpr::Values(values) => values.rows.iter().find_map(|row| row.content.get(at)).cloned(),
        SetExpr::Select(select) => item(select, at),
        _ => None,
    }
}

/// The `*` of a SELECT that an INSERT gets a value from: the one behind which nothing is selected.
fn among_all(statement: &Statement, column: &str, value: Option<usize>) -> Option<Span> {
    let Statement::Insert(insert) = statement else { return None };
    let SetExpr::Select(select) = insert.source.as_ref()?.body.as_ref() else { return None };
    let named = insert.columns.iter().position(|name| parser::last(name) == column);
    let at = named.or(value.filter(|_| insert.columns.is_empty()))?;
    let is_star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let star = select.projection.iter().position(is_star)?;
    (star <= at && star + 1 == select.projection.len()).then(|| select.projection[star].span())
}

/// The first that is too much in an INSERT.
fn inserted(statement: &Statement, wanted: &Wanted, at: usize) -> Option<Span> {
    let Statement::Insert(insert) = statement else { return None };
    match wanted {
        Wanted::MoreColumns => Some(insert.columns.get(at)?.span()),
        _ => Some(listed(insert, at)?.span()),
    }
}

/// The second column of a name.
fn twice(statement: &Statement, name: &str) -> Option<Span> {
    let Statement::Insert(insert) = statement else { return None };
    let named = |column: &&ast::ObjectName| parser::last(column) == *name;
    Some(insert.columns.iter().filter(named).nth(1)?.span())
}

fn item(select: &Select, at: usize) -> Option<Expr> {
    match select.projection.get(at)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
        _ => None,
    }
}

/// What a message speaks of.
#[derive(Clone)]
enum Wanted {
    /// What a column is to be.
    Assigned(String),
    MoreValues,
    MoreColumns,
    /// The second of two columns of one name.
    Twice(String),
    Where,
    Having,
    Limit,
    Offset,
    Filter,
    Not,
    Logic(BinaryOperator),
    When,
    Union,
    /// The other side of a set operation, of another width.
    Width,
    /// A row of VALUES of another length.
    Row,
    /// The second row of VALUES of one column.
    Values,
    Array,
    Case,
    /// COALESCE and its like, by name.
    Call(String),
    /// A query for one value that has several columns.
    OneColumn,
    /// IN with a query of several columns.
    In,
    /// A subscripted value.
    Subscripted,
    AggregateInWhere,
    AggregateInGroup,
    NestedAggregate,
    WindowInWhere,
    /// Among the arguments of an aggregate or of another.
    NestedWindow,
    /// In the definition of a window.
    WindowInWindow,
    /// A call at a place that takes none such.
    Misplaced(Beyond),
    /// What DISTINCT ON names and the order does not begin with.
    DistinctOn,
    /// A function that needs OVER.
    Over(String),
    /// One that cannot have it.
    NotOver(String),
    /// One that cannot have FILTER.
    NotFilter(String),
    /// `count()`.
    Count,
    /// The second WITH query of a name.
    WithTwice(String),
    /// A WITH query.
    With(String),
    /// The number of a column.
    OrderPosition(String),
    GroupPosition(String),
    /// An order that DISTINCT does not know.
    DistinctOrder,
    /// The same in an aggregate.
    AggregateOrder,
    /// The end of a frame.
    FrameEnd,
    /// The distance of RANGE.
    FrameDistance,
    /// A window's definition.
    Window,
    /// `*` where rows are grouped.
    Everything,
    /// What stands in the place of a join's condition.
    Condition,
    /// The comparison of rows of other widths.
    Entries,
}

fn wanted(message: &str) -> Option<Wanted> {
    let quoted = || message.split('"').nth(1).map(str::to_owned);
    if message.starts_with("column \"") {
        return match message {
            _ if message.contains(" is of type ") => quoted().map(Wanted::Assigned),
            _ if message.ends_with(" specified more than once") => quoted().map(Wanted::Twice),
            _ if message.contains(" must appear in the GROUP BY") => Some(Wanted::Everything),
            _ => None,
        };
    }
    if let Some(rest) = message.strip_prefix("argument of ") {
        return Some(match rest.split(' ').next()? {
            "WHERE" => Wanted::Where,
            "HAVING" => Wanted::Having,
            "NOT" => Wanted::Not,
            "AND" => Wanted::Logic(BinaryOperator::And),
            "OR" => Wanted::Logic(BinaryOperator::Or),
            "CASE/WHEN" => Wanted::When,
            "LIMIT" => Wanted::Limit,
            "OFFSET" => Wanted::Offset,
            "FILTER" => Wanted::Filter,
            _ => return None,
        });
    }
    let number = |before: &str| {
        let rest = message.strip_prefix(before)?;
        rest.split(' ').next().map(str::to_owned)
    };
    if let Some(number) = number("ORDER BY position ") {
        return Some(Wanted::OrderPosition(number));
    }
    if let Some(number) = number("GROUP BY position ") {
        return Some(Wanted::GroupPosition(number));
    }
    if message != WITHIN_WINDOW
        && let Some(rest) = message.strip_prefix("window function ")
    {
        return rest.split(' ').next().map(|name| Wanted::Over(name.to_owned()));
    }
    if let Some(rest) = message.strip_prefix("OVER specified, but ") {
        return rest.split(' ').next().map(|name| Wanted::NotOver(name.to_owned()));
    }
    if let Some(rest) = message.strip_prefix("FILTER specified, but ") {
        return rest.split(' ').next().map(|name| Wanted::NotFilter(name.to_owned()));
    }
    if message.starts_with("WITH query ") {
        return quoted().map(if message.ends_with(" more than once") { Wanted::WithTwice } else { Wanted::With });
    }
    const FIXED: &[(&str, Wanted)] = &[
        (NO_CONDITION, Wanted::Condition),
        ("unequal number of entries", Wanted::Entries),
        ("INSERT has more expressions", Wanted::MoreValues),
        ("INSERT has more target columns", Wanted::MoreColumns),
        ("VALUES lists must all", Wanted::Row),
        ("VALUES types", Wanted::Values),
        ("ARRAY types", Wanted::Array),
        ("CASE types", Wanted::Case),
        ("subquery must return only one column", Wanted::OneColumn),
        ("subquery has too ", Wanted::In),
        ("count(*) must be used", Wanted::Count),
        ("cannot subscript type", Wanted::Subscripted),
        ("aggregate functions are not allowed in WHERE", Wanted::AggregateInWhere),
        ("aggregate functions are not allowed in GROUP BY", Wanted::AggregateInGroup),
        ("aggregate function calls cannot be nested", Wanted::NestedAggregate),
        (AGGREGATES, Wanted::Misplaced(Beyond::Aggregate)),
        ("window functions are not allowed in WHERE", Wanted::WindowInWhere),
        (WITHIN_WINDOW, Wanted::NestedWindow),
        (WITHIN_AGGREGATE, Wanted::NestedWindow),
        (DEFINES_WINDOW, Wanted::WindowInWindow),
        (WINDOWS, Wanted::Misplaced(Beyond::Window)),
        (ROWS, Wanted::Misplaced(Beyond::Rows)),
        ("SELECT DISTINCT ON expressions must", Wanted::DistinctOn),
        ("for SELECT DISTINCT, ORDER BY", Wanted::DistinctOrder),
        ("in an aggregate with DISTINCT, ORDER BY", Wanted::AggregateOrder),
        ("frame starting from following row", Wanted::FrameEnd),
        ("RANGE with offset PRECEDING/FOLLOWING is not", Wanted::FrameDistance),
        ("RANGE with offset PRECEDING/FOLLOWING requires", Wanted::Window),
    ];
    if message.ends_with(ROWS_WITHIN) {
        return Some(Wanted::Misplaced(Beyond::Rows));
    }
    if let Some((_, wanted)) = FIXED.iter().find(|(before, _)| message.starts_with(before)) {
        return Some(wanted.clone());
    }
    let mut words = message.split(' ');
    match (words.next()?, words.next()?) {
        ("UNION" | "INTERSECT" | "EXCEPT", "types") => Some(Wanted::Union),
        (name @ ("COALESCE" | "GREATEST" | "LEAST" | "NULLIF"), "types") => Some(Wanted::Call(name.to_lowercase())),
        ("each", "UNION" | "INTERSECT" | "EXCEPT") => Some(Wanted::Width),
        _ => None,
    }
}

struct Search<'a> {
    written: Written<'a>,
    wanted: Wanted,
    found: Vec<usize>,
    /// What may be meant, where nothing else is.
    possible: Vec<usize>,
}

impl Visitor for Search<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        let condition = match statement {
            Statement::Update(update) => update.selection.as_ref(),
            Statement::Delete(delete) => delete.selection.as_ref(),
            Statement::CreateIndex(index) => index.predicate.as_ref(),
            _ => None,
        };
        let found = condition.and_then(|condition| self.condition(condition));
        self.keep(found);
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let order = query.order_by.as_ref().map(|order| match &order.kind {
            OrderByKind::Expressions(keys) => keys.as_slice(),
            OrderByKind::All(_) => &[],
        });
        let with = |name: &String, nth: usize| {
            let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
            ctes.map(|cte| &cte.alias.name).filter(|said| fold(said) == *name).nth(nth).map(|name| name.span)
        };
        let named = match &self.wanted {
            Wanted::WithTwice(name) => with(name, 1),
            Wanted::With(name) => with(name, 0),
            _ => None,
        };
        self.keep(named);
        let found = match (&self.wanted, &query.limit_clause) {
            (Wanted::Limit, Some(LimitClause::LimitOffset { limit, .. })) => limit.as_ref(),
            (Wanted::Offset, Some(LimitClause::LimitOffset { offset, .. })) => offset.as_ref().map(|by| &by.value),
            (Wanted::OrderPosition(number), _) => {
                order.unwrap_or_default().iter().map(|key| &key.expr).find(|key| is_number(key, number))
            }
            (Wanted::DistinctOrder, _) => match query.body.as_ref() {
                SetExpr::Select(select) if select.distinct.is_some() => {
                    let unknown = |key: &&OrderByExpr| {
                        !matches!(key.expr, Expr::Value(_)) && !is_selected(&key.expr, &select.projection)
                    };
                    order.unwrap_or_default().iter().find(unknown).map(|key| &key.expr)
                }
                _ => None,
            },
            (Wanted::DistinctOn, _) => match query.body.as_ref() {
                SetExpr::Select(select) => match &select.distinct {
                    Some(ast::Distinct::On(named)) => {
                        let keys = order.unwrap_or_default().iter().map(|key| &key.expr);
                        let first: Vec<&Expr> = keys.take_while(|key| named.contains(key)).collect();
                        named.iter().find(|one| !first.contains(one))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        let found = found.map(Spanned::span);
        self.keep(found);
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let found = match (&self.wanted, expr) {
            (Wanted::OneColumn, Expr::Subquery(query)) if width(&query.body).is_some_and(|width| width != 1) => {
                let at = self.written.parenthesis(query);
                self.found.extend(at);
                None
            }
            (Wanted::In, Expr::InSubquery { subquery, .. }) => {
                let is_in = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IN);
                let at = self.written.parenthesis(subquery).and_then(|at| self.written.before(at, is_in));
                self.found.extend(at);
                None
            }
            (Wanted::Window, Expr::Function(call)) if call.over.is_some() => {
                let at = self.written.start(call.span()).and_then(|at| self.written.behind(at, Keyword::OVER));
                self.found.extend(at);
                None
            }
            (Wanted::Not, Expr::UnaryOp { op: UnaryOperator::Not, expr }) => Some(expr.span()),
            (Wanted::Logic(op), Expr::BinaryOp { left, op: said, right }) if op == said => {
                let sides: Vec<_> = [left, right].into_iter().filter(|side| !is_truth(side)).collect();
                match sides.as_slice() {
                    [side] => Some(side.span()),
                    sides => sides.iter().find(|side| is_plain(side)).map(|side| side.span()),
                }
            }
            (Wanted::When, Expr::Case { conditions, operand: None, .. }) => {
                let open = conditions.iter().map(|when| &when.condition).filter(|condition| !is_truth(condition));
                let open: Vec<&Expr> = open.collect();
                self.possible.extend(open.iter().filter_map(|condition| self.written.start(condition.span())));
                open.into_iter().find(|condition| is_plain(condition)).map(Spanned::span)
            }
            (Wanted::Entries, Expr::BinaryOp { left, right, .. }) if differ(left, right) => {
                let is_sign = |token: &Token| {
                    matches!(token, Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq)
                };
                let at = self.written.start(right.span()).and_then(|at| self.written.before(at, is_sign));
                self.found.extend(at);
                None
            }
            (Wanted::Entries, Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right))
                if differ(left, right) =>
            {
                let is_word = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IS);
                let at = self.written.start(right.span()).and_then(|at| self.written.before(at, is_word));
                self.found.extend(at);
                None
            }
            (Wanted::Entries, Expr::InList { expr, list, .. }) if list.iter().any(|item| differ(expr, item)) => {
                let is_word = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IN);
                let first = list.first().and_then(|item| self.written.start(item.span()));
                self.found.extend(first.and_then(|at| self.written.before(at, is_word)));
                None
            }
            (Wanted::Array, Expr::Array(array)) => second(&array.elem).map(|expr| expr.span()),
            (Wanted::Case, Expr::Case { conditions, else_result, .. }) => {
                let results: Vec<Expr> = conditions.iter().map(|when| when.result.clone()).collect();
                // The types of all are made one with that of ELSE first.
                let all: Vec<Expr> = else_result.iter().map(|last| last.as_ref().clone()).chain(results).collect();
                second(&all).map(|expr| expr.span())
            }
            (Wanted::Subscripted, Expr::CompoundFieldAccess { root, .. }) => Some(root.span()),
            (Wanted::Misplaced(what), Expr::Function(call)) => {
                let at = self.written.start(call.span()).filter(|_| is_call(call, *what));
                self.possible.extend(at);
                call.filter.as_ref().and_then(|filter| first_call(filter, &|call| is_call(call, *what)))
            }
            (_, Expr::Function(call)) => self.call(call),
            _ => None,
        };
        self.keep(found);
        ControlFlow::Continue(())
    }
}

impl Search<'_> {
    fn keep(&mut self, span: Option<Span>) {
        let at = span.and_then(|span| self.written.start(span));
        self.found.extend(at);
    }

    /// What is meant in the condition of WHERE.
    fn condition(&self, condition: &Expr) -> Option<Span> {
        match &self.wanted {
            Wanted::Where => Some(condition.span()),
            Wanted::AggregateInWhere => first_call(condition, &gathers),
            Wanted::WindowInWhere => first_call(condition, &|call| call.over.is_some()),
            _ => None,
        }
    }

    /// What is meant in a call.
    fn call(&self, call: &Function) -> Option<Span> {
        let name = parser::last(&call.name);
        let window = call.over.as_ref().and_then(|over| match over {
            WindowType::WindowSpec(window) => Some(window),
            WindowType::NamedWindow(_) => None,
        });
        let frame = window.and_then(|window| window.window_frame.as_ref());
        let distance = |bound: &WindowFrameBound| match bound {
            WindowFrameBound::Preceding(Some(expr)) | WindowFrameBound::Following(Some(expr)) => Some(expr.span()),
            _ => None,
        };
        match &self.wanted {
            Wanted::Call(wanted) if name == *wanted => second(&arguments(call)).map(|expr| expr.span()),
            Wanted::Over(wanted) if name == *wanted && call.over.is_none() => Some(call.span()),
            Wanted::NotOver(wanted) if name == *wanted && call.over.is_some() => Some(call.span()),
            Wanted::NotFilter(wanted) if name == *wanted && call.filter.is_some() => Some(call.span()),
            Wanted::OneColumn => match &call.args {
                FunctionArguments::Subquery(query) if width(&query.body).is_some_and(|width| width != 1) => {
                    Some(call.span())
                }
                _ => None,
            },
            Wanted::Count if name == "count" && arguments(call).is_empty() => Some(call.span()),
            Wanted::Filter => call.filter.as_ref().map(|filter| filter.span()),
            Wanted::NestedAggregate if is_aggregate(&name) => {
                arguments(call).iter().find_map(|argument| first_call(argument, &gathers))
            }
            Wanted::NestedWindow if call.over.is_some() || gathers(call) => {
                arguments(call).iter().find_map(|argument| first_call(argument, &|call| call.over.is_some()))
            }
            Wanted::WindowInWindow => {
                let window = window?;
                let mut keys = window.partition_by.iter().chain(window.order_by.iter().map(|key| &key.expr));
                keys.find_map(|key| first_call(key, &|call| call.over.is_some()))
            }
            Wanted::AggregateOrder => {
                let FunctionArguments::List(list) = &call.args else { return None };
                let given: Vec<String> = list.args.iter().map(ToString::to_string).collect();
                let order = list.clauses.iter().find_map(|clause| match clause {
                    ast::FunctionArgumentClause::OrderBy(order) => Some(order),
                    _ => None,
                })?;
                order.iter().find(|key| !given.contains(&key.expr.to_string())).map(|key| key.expr.span())
            }
            Wanted::FrameEnd => distance(frame?.end_bound.as_ref()?),
            Wanted::FrameDistance => {
                let frame = frame?;
                distance(&frame.start_bound).or_else(|| distance(frame.end_bound.as_ref()?))
            }
            _ => None,
        }
    }

    fn body(&mut self, body: &SetExpr) {
        let found = match (&self.wanted, body) {
            (Wanted::Where | Wanted::AggregateInWhere | Wanted::WindowInWhere, SetExpr::Select(select)) => {
                select.selection.as_ref().and_then(|condition| self.condition(condition))
            }
            (Wanted::AggregateInGroup, SetExpr::Select(select)) => {
                keys(select).iter().find_map(|key| first_call(key, &gathers))
            }
            (Wanted::GroupPosition(number), SetExpr::Select(select)) => {
                keys(select).iter().find(|key| is_number(key, number)).map(Spanned::span)
            }
            (Wanted::Everything, SetExpr::Select(select)) => match select.projection.as_slice() {
                [SelectItem::Wildcard(_)] => {
                    let star = self.written.tokens.iter().find(|(_, token)| *token == Token::Mul);
                    self.found.extend(star.map(|(at, _)| *at));
                    None
                }
                _ => None,
            },
            (Wanted::Condition, SetExpr::Select(select)) => {
                let item = select.from.iter().find_map(without_condition);
                self.found.extend(item.and_then(|item| self.written.after(item.span())));
                None
            }
            (Wanted::Having, SetExpr::Select(select)) => select.having.as_ref().map(Spanned::span),
            (Wanted::Union, SetExpr::SetOperation { right, .. }) => match right.as_ref() {
                SetExpr::Select(select) if select.projection.len() == 1 => item(select, 0).map(|item| item.span()),
                _ => None,
            },
            (Wanted::Width, SetExpr::SetOperation { left, right, .. })
                if width(left).zip(width(right)).is_some_and(|(left, right)| left != right) =>
            {
                match right.as_ref() {
                    SetExpr::Select(select) => select.projection.first().map(Spanned::span),
                    _ => None,
                }
            }
            (Wanted::Row, SetExpr::Values(values)) => {
                let first = values.rows.first().map_or(0, |row| row.content.len());
                let other = values.rows.iter().find(|row| row.content.len() != first);
                other.and_then(|row| row.content.first()).map(Spanned::span)
            }
            (Wanted::Values, SetExpr::Values(values)) => match values.rows.as_slice() {
                [first, second] if first.content.len() == 1 => second.content.first().map(Spanned::span),
                _ => None,
            },
            (_, SetExpr::SetOperation { left, right, .. }) => {
                self.body(left);
                self.body(right);
                None
            }
            _ => None,
        };
        self.keep(found);
    }
}

fn keys(select: &Select) -> &[Expr] {
    match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys,
        GroupByExpr::All(_) => &[],
    }
}

fn arguments(call: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &call.args else { return Vec::new() };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().filter_map(plain).collect()
}

/// The first of the calls meant in an expression.
fn first_call(expr: &Expr, meant: &dyn Fn(&Function) -> bool) -> Option<Span> {
    struct Calls<'a>(&'a dyn Fn(&Function) -> bool);
    impl Visitor for Calls<'_> {
        type Break = Span;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
            match expr {
                Expr::Function(call) if (self.0)(call) => ControlFlow::Break(call.span()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Calls(meant)).break_value()
}

fn is_number(expr: &Expr, number: &str) -> bool {
    matches!(expr, Expr::Value(value) if matches!(&value.value, Value::Number(said, _) if said.as_str() == number))
}

/// Whether both are rows, of other widths.
fn differ(one: &Expr, other: &Expr) -> bool {
    entries(one).zip(entries(other)).is_some_and(|(one, other)| one != other)
}

/// The second of two; of more, one cannot tell which differs.
fn second(all: &[Expr]) -> Option<&Expr> {
    match all {
        [_, second] => Some(second),
        _ => None,
    }
}

/// Whether an expression is a value and no condition.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Boolean(_) | Value::Null),
        Expr::Nested(inner) => is_plain(inner),
        Expr::BinaryOp { op, .. } => {
            use ast::BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus, StringConcat};
            matches!(op, Plus | Minus | Multiply | Divide | Modulo | StringConcat)
        }
        _ => false,
    }
}
