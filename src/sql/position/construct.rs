//! Where the construct is that an error speaks of: an expression of another type than its place takes, a call where none may be,
//! a list that is too long.
//!
//! The error names the column, the clause or the construct; the statement, parsed once more, says where that is. Where several
//! could be meant there is no place.

use super::super::parser::{self, Body, fold};
use super::super::rewrite::{
    entries, gathers, is_aggregate, is_call, is_no_number, is_selected, is_truth, join_constraint, width,
    without_condition,
};
use super::assigned;
use super::assigned::item;
use super::wanted::{Wanted, wanted};
use super::written::Written;
use crate::error::Error;
use datafusion::sql::sqlparser::ast::{
    self, ColumnOption, CreateTable, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    JoinConstraint, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, Statement,
    TableConstraint, UnaryOperator, Value, Visit, Visitor, WindowFrameBound, WindowType,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token};
use std::ops::ControlFlow;

/// The byte of `text`, a statement, at which that begins what `message` speaks of.
pub fn place(text: &str, error: &Error) -> Option<usize> {
    let wanted = wanted(error.message())?;
    let statement = parser::parse(text).ok()?.into_iter().next()?;
    let Body::Sql(statement) = statement.body else { return None };
    let written = Written::new(text);
    match &wanted {
        Wanted::Assigned(column) => match assigned::assigned(&statement, column, error) {
            Some(value) => written.begin(&value),
            None => written.start(assigned::among_all(&statement, column, error.value())?),
        },
        Wanted::MoreValues => written.begin(&assigned::more_values(&statement, error.value())?),
        Wanted::MoreColumns => written.start(assigned::more_columns(&statement, error.value()?)?),
        Wanted::Twice(name) => written.start(assigned::twice(&statement, name)?),
        Wanted::Columns => written.begin(&assigned::of_other_width(&statement)?),
        _ => {
            let mut search = Search { written, wanted, found: Vec::new(), possible: Vec::new() };
            let _ = statement.visit(&mut search);
            let only = || (search.possible.len() == 1).then(|| search.possible[0]);
            search.found.first().copied().or_else(only)
        }
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
            Statement::CreateTable(create) => {
                self.definition(create);
                None
            }
            _ => None,
        };
        let found = condition.and_then(|condition| self.condition(condition));
        self.found.extend(found);
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
        let named = named.and_then(|span| self.written.start(span));
        self.found.extend(named);
        let found = match (&self.wanted, &query.limit_clause) {
            (Wanted::Limit, Some(LimitClause::LimitOffset { limit, .. })) => limit.as_ref(),
            (Wanted::Offset, Some(LimitClause::LimitOffset { offset, .. })) => offset.as_ref().map(|by| &by.value),
            (Wanted::OrderPosition(number), _) => {
                order.unwrap_or_default().iter().map(|key| &key.expr).find(|key| is_number(key, number))
            }
            (Wanted::Constant, _) => {
                order.unwrap_or_default().iter().map(|key| &key.expr).find(|key| is_no_number(key))
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
        let found = found.and_then(|expr| self.written.begin(expr));
        self.found.extend(found);
        if let Wanted::Ordered = &self.wanted {
            let keys = order.unwrap_or_default().iter().filter_map(|key| self.written.begin(&key.expr));
            self.possible.extend(keys.collect::<Vec<_>>());
        }
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let found = match (&self.wanted, expr) {
            (Wanted::OneColumn, Expr::Subquery(query)) if width(&query.body).is_some_and(|width| width != 1) => {
                self.written.parenthesis(query)
            }
            (Wanted::In, Expr::InSubquery { subquery, .. }) => {
                let is_in = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IN);
                self.written.parenthesis(subquery).and_then(|at| self.written.before(at, is_in))
            }
            (Wanted::Window, Expr::Function(call)) if call.over.is_some() => {
                self.written.start(call.span()).and_then(|at| self.written.behind(at, Keyword::OVER))
            }
            (Wanted::Not, Expr::UnaryOp { op: UnaryOperator::Not, expr }) => self.written.begin(expr),
            (
                Wanted::Is,
                Expr::IsTrue(operand)
                | Expr::IsNotTrue(operand)
                | Expr::IsFalse(operand)
                | Expr::IsNotFalse(operand)
                | Expr::IsUnknown(operand)
                | Expr::IsNotUnknown(operand),
            ) => self.condition_of_others(operand),
            (Wanted::Logic(op), Expr::BinaryOp { left, op: said, right }) if op == said => {
                let sides: Vec<_> = [left, right].into_iter().filter(|side| !is_truth(side)).collect();
                let meant = match sides.as_slice() {
                    [side] => Some(*side),
                    sides => sides.iter().copied().find(|side| is_plain(side)),
                };
                meant.and_then(|side| self.written.begin(side))
            }
            (Wanted::When, Expr::Case { conditions, operand: None, .. }) => {
                let open = conditions.iter().map(|when| &when.condition).filter(|condition| !is_truth(condition));
                let open: Vec<&Expr> = open.collect();
                self.possible.extend(open.iter().filter_map(|condition| self.written.begin(condition)));
                open.into_iter().find(|condition| is_plain(condition)).and_then(|expr| self.written.begin(expr))
            }
            (Wanted::Entries, Expr::BinaryOp { left, right, .. }) if differ(left, right) => {
                let is_sign = |token: &Token| {
                    matches!(token, Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq)
                };
                self.written.start(right.span()).and_then(|at| self.written.before(at, is_sign))
            }
            (Wanted::Entries, Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right))
                if differ(left, right) =>
            {
                let is_word = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IS);
                self.written.start(right.span()).and_then(|at| self.written.before(at, is_word))
            }
            (Wanted::Entries, Expr::InList { expr, list, .. }) if list.iter().any(|item| differ(expr, item)) => {
                let is_word = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::IN);
                let first = list.first().and_then(|item| self.written.start(item.span()));
                first.and_then(|at| self.written.before(at, is_word))
            }
            (Wanted::Array, Expr::Array(array)) => second(&array.elem).and_then(|expr| self.written.begin(expr)),
            (Wanted::Case, Expr::Case { conditions, else_result, .. }) => {
                let results: Vec<Expr> = conditions.iter().map(|when| when.result.clone()).collect();
                // The types of all are made one with that of ELSE first.
                let all: Vec<Expr> = else_result.iter().map(|last| last.as_ref().clone()).chain(results).collect();
                second(&all).and_then(|expr| self.written.begin(expr))
            }
            (Wanted::Subscripted, Expr::CompoundFieldAccess { root, .. }) => self.written.begin(root),
            (Wanted::Misplaced(what), Expr::Function(call)) => {
                let at = self.written.start(call.span()).filter(|_| is_call(call, *what));
                self.possible.extend(at);
                let within = call.filter.as_ref().and_then(|filter| first_call(filter, &|call| is_call(call, *what)));
                within.and_then(|span| self.written.start(span))
            }
            (_, Expr::Function(call)) => self.call(call),
            _ => None,
        };
        self.found.extend(found);
        ControlFlow::Continue(())
    }
}

impl Search<'_> {
    /// What is meant in the condition of WHERE.
    fn condition(&self, condition: &Expr) -> Option<usize> {
        let call = match &self.wanted {
            Wanted::Where => return self.written.begin(condition),
            Wanted::AggregateInWhere => first_call(condition, &gathers),
            Wanted::WindowInWhere => first_call(condition, &|call| call.over.is_some()),
            _ => None,
        };
        call.and_then(|span| self.written.start(span))
    }

    /// What is no condition: for sure if it is a value, else if nothing else can be meant.
    fn condition_of_others(&mut self, expr: &Expr) -> Option<usize> {
        let at = self.written.begin(expr).filter(|_| !is_truth(expr));
        match is_plain(expr) {
            true => at,
            false => {
                self.possible.extend(at);
                None
            }
        }
    }

    /// What is meant in the definition of a table.
    fn definition(&mut self, create: &CreateTable) {
        let options = create.columns.iter().flat_map(|column| &column.options).map(|option| &option.option);
        let is_query = |expr: &Expr| matches!(expr, Expr::Subquery(_) | Expr::Exists { .. });
        let mut conditions: Vec<&Expr> = Vec::new();
        for option in options {
            match (&self.wanted, option) {
                (Wanted::Check | Wanted::CheckQuery, ColumnOption::Check(check)) => conditions.push(&check.expr),
                (Wanted::DefaultColumn, ColumnOption::Default(value)) => {
                    let column =
                        first(value, &|expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)));
                    self.found.extend(column.and_then(|column| self.written.begin(&column)));
                }
                (Wanted::DefaultQuery, ColumnOption::Default(value)) => {
                    let query = first(value, &is_query);
                    self.found.extend(query.and_then(|query| self.written.begin(&query)));
                }
                _ => {}
            }
        }
        let is_of_query = matches!(self.wanted, Wanted::CheckQuery);
        if is_of_query || matches!(self.wanted, Wanted::Check) {
            conditions.extend(create.constraints.iter().filter_map(|constraint| match constraint {
                TableConstraint::Check(check) => Some(check.expr.as_ref()),
                _ => None,
            }));
        }
        for condition in conditions {
            let at = match is_of_query {
                true => first(condition, &is_query).and_then(|query| self.written.begin(&query)),
                false => self.condition_of_others(condition),
            };
            self.found.extend(at);
        }
    }

    /// What is meant in a call.
    fn call(&self, call: &Function) -> Option<usize> {
        if let (Wanted::Filter, Some(filter)) = (&self.wanted, &call.filter) {
            return self.written.begin(filter);
        }
        self.within(call).and_then(|span| self.written.start(span))
    }

    fn within(&self, call: &Function) -> Option<Span> {
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
            Wanted::Grouped if name == "grouping" => arguments(call).first().map(Spanned::span),
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
        let begin = |expr: &Expr| self.written.begin(expr);
        let found = match (&self.wanted, body) {
            (Wanted::Where | Wanted::AggregateInWhere | Wanted::WindowInWhere, SetExpr::Select(select)) => {
                select.selection.as_ref().and_then(|condition| self.condition(condition))
            }
            (Wanted::AggregateInGroup, SetExpr::Select(select)) => {
                let call = keys(select).iter().find_map(|key| first_call(key, &gathers));
                call.and_then(|span| self.written.start(span))
            }
            (Wanted::GroupPosition(number), SetExpr::Select(select)) => {
                keys(select).iter().find(|key| is_number(key, number)).and_then(begin)
            }
            (Wanted::Constant, SetExpr::Select(select)) => {
                let apart = match &select.distinct {
                    Some(ast::Distinct::On(keys)) => keys.as_slice(),
                    _ => &[],
                };
                keys(select).iter().chain(apart).find(|key| is_no_number(key)).and_then(begin)
            }
            (Wanted::Distinguished, SetExpr::Select(select)) => {
                let items = select.projection.iter().filter(|_| select.distinct.is_some()).map(Spanned::span);
                let places = items.filter_map(|span| self.written.start(span));
                let places: Vec<usize> = places.chain(keys(select).iter().filter_map(begin)).collect();
                self.possible.extend(places);
                None
            }
            (Wanted::On, SetExpr::Select(select)) => {
                let joins = select.from.iter().flat_map(|item| &item.joins);
                let conditions = joins.filter_map(|join| match join_constraint(&join.join_operator) {
                    Some(JoinConstraint::On(condition)) => Some(condition),
                    _ => None,
                });
                let conditions: Vec<&Expr> = conditions.collect();
                for condition in conditions {
                    let at = self.condition_of_others(condition);
                    self.found.extend(at);
                }
                None
            }
            (Wanted::Everything, SetExpr::Select(select)) => match select.projection.as_slice() {
                [SelectItem::Wildcard(_)] => {
                    let star = self.written.tokens.iter().find(|(_, token)| *token == Token::Mul);
                    star.map(|(at, _)| *at)
                }
                _ => None,
            },
            (Wanted::Condition, SetExpr::Select(select)) => {
                let item = select.from.iter().find_map(without_condition);
                item.and_then(|item| self.written.after(item.span()))
            }
            (Wanted::Having, SetExpr::Select(select)) => select.having.as_ref().and_then(begin),
            (Wanted::Union, SetExpr::SetOperation { right, .. }) => match right.as_ref() {
                SetExpr::Select(select) if select.projection.len() == 1 => {
                    item(select, 0).and_then(|item| begin(&item))
                }
                _ => None,
            },
            (Wanted::Width, SetExpr::SetOperation { left, right, .. })
                if width(left).zip(width(right)).is_some_and(|(left, right)| left != right) =>
            {
                match right.as_ref() {
                    SetExpr::Select(select) => match item(select, 0) {
                        Some(first) => begin(&first),
                        None => select.projection.first().and_then(|item| self.written.start(item.span())),
                    },
                    _ => None,
                }
            }
            (Wanted::Row, SetExpr::Values(values)) => {
                let first = values.rows.first().map_or(0, |row| row.content.len());
                let other = values.rows.iter().find(|row| row.content.len() != first);
                other.and_then(|row| row.content.first()).and_then(begin)
            }
            (Wanted::Values, SetExpr::Values(values)) => match values.rows.as_slice() {
                [first, second] if first.content.len() == 1 => second.content.first().and_then(begin),
                _ => None,
            },
            (_, SetExpr::SetOperation { left, right, .. }) => {
                self.body(left);
                self.body(right);
                None
            }
            _ => None,
        };
        self.found.extend(found);
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

/// The first of the expressions meant in another one.
fn first(expr: &Expr, meant: &dyn Fn(&Expr) -> bool) -> Option<Expr> {
    struct Parts<'a>(&'a dyn Fn(&Expr) -> bool);
    impl Visitor for Parts<'_> {
        type Break = Expr;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Expr> {
            match (self.0)(expr) {
                true => ControlFlow::Break(expr.clone()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Parts(meant)).break_value()
}

fn is_number(expr: &Expr, number: &str) -> bool {
    match expr {
        Expr::Value(value) => matches!(&value.value, Value::Number(said, _) if said.as_str() == number),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            number.strip_prefix('-').is_some_and(|number| is_number(expr, number))
        }
        _ => false,
    }
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
