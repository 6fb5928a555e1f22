//! Named windows: what PostgreSQL refuses of their definitions, and those that no call is over, which the engine does not look at.

use super::super::parser::{expression, fold};
use crate::error::{Error, Kind};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, Query, Select, SelectItem, SetExpr, Visit, Visitor,
    WindowSpec, WindowType,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// How it ends what is said of a second window of a name.
pub const DEFINED: &str = "is already defined";

type Found = ControlFlow<Box<Error>>;

/// Refuses two windows of one name, and what is said of a window beside its name that it has itself.
pub fn must_be_sound(select: &Select) -> Found {
    let named = &select.named_window;
    for (at, NamedWindowDefinition(name, window)) in named.iter().enumerate() {
        if named[..at].iter().any(|NamedWindowDefinition(other, _)| fold(other) == fold(name)) {
            return refuse(Kind::Windowing, format!("window \"{}\" {DEFINED}", fold(name)));
        }
        if let NamedWindowExpr::WindowSpec(spec) = window {
            may_extend(spec, &named[..at])?;
        }
    }
    select.visit(&mut Calls { named, depth: 0 })
}

/// The calls of one SELECT.
struct Calls<'a> {
    named: &'a [NamedWindowDefinition],
    /// Queries around an expression.
    depth: usize,
}

impl Visitor for Calls<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, _: &Query) -> Found {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> Found {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Found {
        match expr {
            Expr::Function(call) if self.depth == 0 => match &call.over {
                Some(WindowType::WindowSpec(spec)) => may_extend(spec, self.named),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}

fn definition<'a>(name: &Ident, named: &'a [NamedWindowDefinition]) -> Option<&'a NamedWindowDefinition> {
    named.iter().find(|NamedWindowDefinition(other, _)| fold(other) == fold(name))
}

fn may_extend(spec: &WindowSpec, named: &[NamedWindowDefinition]) -> Found {
    let Some(name) = &spec.window_name else { return ControlFlow::Continue(()) };
    let shown = fold(name);
    let Some(NamedWindowDefinition(_, base)) = definition(name, named) else {
        return refuse(Kind::UndefinedObject, format!("window \"{shown}\" does not exist"));
    };
    if !spec.partition_by.is_empty() {
        return refuse(Kind::Windowing, format!("cannot override PARTITION BY clause of window \"{shown}\""));
    }
    let NamedWindowExpr::WindowSpec(base) = base else { return ControlFlow::Continue(()) };
    if !spec.order_by.is_empty() && is_ordered(base, named, named.len()) {
        return refuse(Kind::Windowing, format!("cannot override ORDER BY clause of window \"{shown}\""));
    }
    match base.window_frame {
        Some(_) => refuse(Kind::Windowing, format!("cannot copy window \"{shown}\" because it has a frame clause")),
        None => ControlFlow::Continue(()),
    }
}

/// Whether a window has an order, of its own or from the one that it is defined over.
fn is_ordered(window: &WindowSpec, named: &[NamedWindowDefinition], deep: usize) -> bool {
    let base = window.window_name.as_ref().filter(|_| deep > 0).and_then(|name| definition(name, named));
    !window.order_by.is_empty()
        || match base {
            Some(NamedWindowDefinition(_, NamedWindowExpr::WindowSpec(base))) => is_ordered(base, named, deep - 1),
            _ => false,
        }
}

fn refuse(kind: Kind, message: String) -> Found {
    ControlFlow::Break(Box::new(Error::new(kind, message)))
}

/// A query with a call over each window that it names and no call is over; none if there is no such window.
pub fn with_unused(query: &Query) -> Option<Query> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    if select.named_window.is_empty() {
        return None;
    }
    let mut used = Used::default();
    let _ = query.visit(&mut used);
    for NamedWindowDefinition(_, window) in &select.named_window {
        match window {
            NamedWindowExpr::NamedWindow(base) => used.note(base),
            NamedWindowExpr::WindowSpec(spec) => spec.window_name.iter().for_each(|base| used.note(base)),
        }
    }
    let names = select.named_window.iter().map(|NamedWindowDefinition(name, _)| name);
    let calls = names.filter(|name| !used.names.contains(&fold(name)));
    let calls: Vec<Expr> = calls.filter_map(|name| expression(&format!("count(*) OVER {name}")).ok()).collect();
    if calls.is_empty() {
        return None;
    }
    let mut asked = query.clone();
    if let SetExpr::Select(select) = asked.body.as_mut() {
        select.projection.extend(calls.into_iter().map(SelectItem::UnnamedExpr));
    }
    Some(asked)
}

/// The names of windows that calls are over.
#[derive(Default)]
struct Used {
    names: HashSet<String>,
}

impl Used {
    fn note(&mut self, name: &Ident) {
        self.names.insert(fold(name));
    }
}

impl Visitor for Used {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(call) = expr {
            match &call.over {
                Some(WindowType::NamedWindow(name)) => self.note(name),
                Some(WindowType::WindowSpec(spec)) => spec.window_name.iter().for_each(|name| self.note(name)),
                None => {}
            }
        }
        ControlFlow::Continue(())
    }
}
