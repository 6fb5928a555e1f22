//! Functions, types and sequences that a kept text names, each with its schema: nobody's search path puts another into its place.

use super::super::context::Context;
use super::super::parser::{self, last, split};
use super::super::pg_catalog::identifier::qualified;
use super::super::pg_catalog::quoted;
use super::super::rewrite::inline;
use super::super::sequences;
use super::super::types::{find_domain, find_enum, sql_type};
use super::view_names::ident;
use crate::catalog::Class;
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName,
    TableFactor, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// An expression that is kept as text, with a schema at each such name.
pub fn in_full(text: &str, context: &Context) -> Result<String> {
    let written = parser::expression(text)?;
    let mut expression = written.clone();
    spell(&mut expression, context);
    Ok(if expression == written { text.to_owned() } else { expression.to_string() })
}

/// Gives each such name in a query or an expression its schema, as the search path has it now.
pub fn spell(node: &mut impl VisitMut, context: &Context) {
    each(node, InFull(context));
}

/// Tells of each name of a function and of a type that a query or an expression has.
pub fn names_in_full(node: &mut impl VisitMut, tell: &mut dyn FnMut(Class, &ObjectName)) {
    each(node, Told(tell));
}

/// The new schema and name of a function, a type or (of [`Class::Relation`]) a sequence; none where they stay.
pub(super) type Naming<'a> = &'a dyn Fn(Class, &str, &str) -> Option<(String, String)>;

/// Gives functions, types and sequences new names, where they are named with their schemas.
pub(super) fn rename(node: &mut impl VisitMut, naming: Naming<'_>) {
    each(node, Renamed(naming));
}

/// What is done with the names of a query or an expression.
trait Names {
    /// With that of a function.
    fn function(&mut self, name: &mut ObjectName);
    /// With that of a type which the grammar does not know.
    fn data_type(&mut self, name: &mut ObjectName);
    /// With that of a sequence, a text that a function is given.
    fn sequence(&mut self, _name: &mut String) {}
}

fn each(node: &mut impl VisitMut, names: impl Names) {
    let _ = VisitMut::visit(node, &mut Each(names));
}

struct Each<N>(N);

impl<N: Names> Each<N> {
    fn data_type(&mut self, data_type: &mut DataType) {
        match data_type {
            DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => self.data_type(item),
            DataType::Custom(name, _) => self.0.data_type(name),
            _ => {}
        }
    }
}

impl<N: Names> VisitorMut for Each<N> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Function(call) => {
                self.0.function(&mut call.name);
                if let Some(text) = sequence_of(call) {
                    self.0.sequence(text);
                }
            }
            Expr::Cast { data_type, .. } => self.data_type(data_type),
            Expr::TypedString(typed) => self.data_type(&mut typed.data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.0.function(name);
        }
        ControlFlow::Continue(())
    }
}

struct Told<'a>(&'a mut dyn FnMut(Class, &ObjectName));

impl Names for Told<'_> {
    fn function(&mut self, name: &mut ObjectName) {
        (self.0)(Class::Function, name);
    }

    fn data_type(&mut self, name: &mut ObjectName) {
        (self.0)(Class::Type, name);
    }
}

struct Renamed<'a>(Naming<'a>);

impl Renamed<'_> {
    fn name(&self, class: Class, name: &mut ObjectName) {
        if let Ok((Some(schema), plain)) = split(name)
            && let Some((schema, plain)) = (self.0)(class, &schema, &plain)
        {
            *name = full(&schema, &plain);
        }
    }
}

impl Names for Renamed<'_> {
    fn function(&mut self, name: &mut ObjectName) {
        self.name(Class::Function, name);
    }

    fn data_type(&mut self, name: &mut ObjectName) {
        self.name(Class::Type, name);
    }

    fn sequence(&mut self, text: &mut String) {
        if let Ok((Some(schema), name)) = qualified(text)
            && let Some((schema, name)) = (self.0)(Class::Relation, &schema, &name)
        {
            *text = format!("{}.{}", quoted(&schema), quoted(&name));
        }
    }
}

struct InFull<'a>(&'a Context);

impl Names for InFull<'_> {
    fn function(&mut self, name: &mut ObjectName) {
        if let Some(function) = inline::find(self.0, name)
            && name.0.len() == 1
        {
            *name = full(&function.schema, &function.name);
        }
    }

    fn data_type(&mut self, name: &mut ObjectName) {
        if name.0.len() != 1 || sql_type(&DataType::Custom(name.clone(), vec![])).is_ok() {
            return;
        }
        let Ok((None, plain)) = split(name) else { return };
        if let Some((_, domain)) = find_domain(self.0, None, &plain) {
            *name = full(&domain.schema, &domain.name);
        } else if let Some((_, of)) = find_enum(self.0, None, &plain) {
            *name = full(&of.schema, &of.name);
        }
    }

    fn sequence(&mut self, text: &mut String) {
        if let Ok((_, sequence)) = sequences::must_find(self.0, text) {
            *text = format!("{}.{}", quoted(&sequence.schema), quoted(&sequence.name));
        }
    }
}

/// The literal that names a sequence, as `nextval` is given one.
fn sequence_of(call: &mut Function) -> Option<&mut String> {
    if !matches!(last(&call.name).as_str(), "nextval" | "currval" | "setval") {
        return None;
    }
    let FunctionArguments::List(list) = &mut call.args else { return None };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut() else { return None };
    let is_cast = matches!(argument, Expr::Cast { data_type, .. } if super::is_regclass(data_type));
    let literal = match is_cast {
        true => match argument {
            Expr::Cast { expr, .. } => expr.as_mut(),
            _ => return None,
        },
        false => argument,
    };
    let Expr::Value(value) = literal else { return None };
    match &mut value.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

fn full(schema: &str, name: &str) -> ObjectName {
    ObjectName::from(vec![ident(schema), ident(name)])
}
