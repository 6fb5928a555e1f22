//! From the parsed statement to a [plan](super::plan): names are looked up, literals take the types of their neighbours.

mod arrange;
mod call;
mod expression;
mod from;
mod operator;
mod order;
mod query;
mod scope;
mod select;
mod sets;

use super::super::value::Type;
use super::super::world::World;
use super::cast::cast;
use super::plan::{Aggregate, Expr, Node, Output, Query, SetCall, Window};
use super::types::{common, shown};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Queries within queries, and expressions within expressions, at most.
const DEPTH_MAX: usize = 1000;

/// Binds one statement.
pub struct Binder<'a> {
    world: &'a dyn World,
    /// Types of the parameters, as far as they are known.
    params: Vec<Option<Type>>,
    levels: Vec<Level>,
    ctes: Vec<NamedCte>,
    next_id: usize,
    /// For each query being bound, the outermost level that it uses.
    lowest: Vec<usize>,
    depth: usize,
}

/// What a SELECT that is being bound sees.
#[derive(Default)]
struct Level {
    relations: Vec<Visible>,
    /// Columns of USING.
    merged: Vec<(String, Expr)>,
    /// Relations before this one are out of sight: those beside the join whose condition is bound.
    visible_from: usize,
    /// Nothing is in sight: the query within is not LATERAL.
    closed: bool,
    slots: usize,
    windows: Vec<Window>,
    aggregates: Vec<Aggregate>,
    sets: Vec<SetCall>,
    named_windows: Vec<(String, ast::WindowSpec)>,
    /// What the clause being bound is called if it may have no aggregates.
    no_aggregates: Option<&'static str>,
}

/// A relation in sight.
#[derive(Clone)]
struct Visible {
    schema: Option<String>,
    name: String,
    slot: usize,
    columns: Vec<Output>,
    /// Which columns USING has merged with another's.
    merged: Vec<bool>,
    /// The OID of a relation of the catalogue.
    oid: Option<u32>,
    /// A function of one column: its name alone is the value and no row.
    single: bool,
}

/// A query of WITH in sight.
#[derive(Clone)]
struct NamedCte {
    name: String,
    id: usize,
    columns: Arc<[Output]>,
    lowest: usize,
}

impl<'a> Binder<'a> {
    /// A binder for a statement with parameters of these types.
    pub fn new(world: &'a dyn World, params: &[Type]) -> Self {
        let params = params.iter().map(|data_type| Some(data_type.clone()).filter(|t| *t != Type::Unknown)).collect();
        Self { world, params, levels: Vec::new(), ctes: Vec::new(), next_id: 0, lowest: Vec::new(), depth: 0 }
    }

    /// Binds the statement.
    pub fn statement(&mut self, query: &ast::Query) -> Result<Query> {
        self.query(query)
    }

    /// Types of the parameters: those that were known, else what their neighbours lent them, else text.
    pub fn into_params(self) -> Vec<Type> {
        self.params.into_iter().map(|data_type| data_type.unwrap_or(Type::Text)).collect()
    }

    fn id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
    }

    /// The innermost level. There is one wherever an expression is bound that may use it.
    fn level(&mut self) -> Result<&mut Level> {
        self.levels.last_mut().ok_or_else(|| Error::internal("no SELECT is being bound"))
    }

    /// The query being bound uses a level.
    fn note(&mut self, level: usize) {
        if let Some(lowest) = self.lowest.last_mut() {
            *lowest = (*lowest).min(level);
        }
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(Kind::LimitExceeded, "stack depth limit exceeded"));
        }
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// The expression as one of a type, if it is of none yet.
    fn settle(&mut self, expr: Expr, data_type: &Type) -> Result<Expr> {
        match expr.data_type == Type::Unknown {
            true => self.coerce(expr, data_type),
            false => Ok(expr),
        }
    }

    /// The expression as one of a type.
    fn coerce(&mut self, expr: Expr, data_type: &Type) -> Result<Expr> {
        if expr.data_type == *data_type || *data_type == Type::Unknown {
            return Ok(expr);
        }
        match &expr.node {
            Node::Value(value) if expr.data_type == Type::Unknown => {
                Ok(Expr::value(cast(self.world, value, &Type::Unknown, data_type)?, data_type.clone()))
            }
            Node::Param(at) if expr.data_type == Type::Unknown => {
                let at = *at;
                if let Some(param) = self.params.get_mut(at) {
                    *param = Some(data_type.clone());
                }
                Ok(Expr::new(Node::Param(at), data_type.clone()))
            }
            _ => Ok(Expr::new(Node::Cast(expr.boxed()), data_type.clone())),
        }
    }

    /// The expressions as ones of the type that they have together.
    fn unify(&mut self, list: Vec<Expr>, what: &str) -> Result<(Vec<Expr>, Type)> {
        let data_type = common(list.iter().map(|expr| &expr.data_type), what)?;
        let list = list.into_iter().map(|expr| self.coerce(expr, &data_type)).collect::<Result<_>>()?;
        Ok((list, data_type))
    }

    /// A condition.
    fn condition(&mut self, expr: &ast::Expr, clause: &str) -> Result<Expr> {
        let bound = self.expr(expr)?;
        let bound = self.settle(bound, &Type::Bool)?;
        match bound.data_type {
            Type::Bool => Ok(bound),
            other => Err(Error::new(
                Kind::DatatypeMismatch,
                format!("argument of {clause} must be type boolean, not type {}", shown(&other)),
            )),
        }
    }
}

/// A list of conditions that all must hold.
fn conjuncts(expr: Expr) -> Vec<Expr> {
    match expr.node {
        Node::And(list) => list.into_iter().flat_map(conjuncts).collect(),
        _ => vec![expr],
    }
}

/// What a type of unknown becomes where a query ends.
fn settled(outputs: &mut [Output]) {
    for output in outputs {
        if output.data_type == Type::Unknown {
            output.data_type = Type::Text;
        }
    }
}

fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Unsupported, format!("{what} is not supported in a query of the catalogue"))
}
