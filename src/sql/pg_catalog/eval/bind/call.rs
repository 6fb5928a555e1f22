//! Calls of functions: those of values, aggregates, windows, and those that only the world can answer.

use super::super::super::value::{Type, Value};
use super::super::functions::{self, Take};
use super::super::plan::{Aggregate, AggregateKind, Expr, Node, Output, SortKey, Test, Window, WindowKind};
use super::super::types::{Family, array_of, family, shown};
use super::{Binder, unsupported};
use crate::error::{Error, Kind, Result};
use crate::sql::missing;
use crate::sql::parser::{fold, split};
use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, WindowType,
};
use std::sync::Arc;

impl Binder<'_> {
    /// Binds a call.
    pub(super) fn call(&mut self, function: &ast::Function) -> Result<Expr> {
        let (schema, name) = split(&function.name)?;
        if schema.as_deref().is_some_and(|schema| !matches!(schema, "pg_catalog" | "information_schema")) {
            return Err(undefined(&format!("{}.{name}", schema.unwrap_or_default()), &[]));
        }
        let list = match &function.args {
            FunctionArguments::None => None,
            FunctionArguments::Subquery(query) if name == "array" => {
                let (query, item) = self.scalar(query)?;
                return Ok(Expr::new(Node::ArrayOf(query), array_of(item)));
            }
            FunctionArguments::Subquery(query) => {
                let arg = self.scalar_expr(query)?;
                return self.named_call(&name, vec![arg]);
            }
            FunctionArguments::List(list) => Some(list),
        };
        let args = list.map(|list| list.args.as_slice()).unwrap_or_default();
        let star = matches!(args, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        let kind = aggregate(&name, star);
        if kind.is_none() && function.over.is_none() {
            let args = self.args(args)?;
            if Self::is_set_function(&name) {
                return self.set_in_list(&name, args);
            }
            return self.named_call(&name, args);
        }
        if let Some(over) = &function.over {
            return self.window(&name, kind, function, over, args);
        }
        let Some(kind) = kind else { return Err(undefined(&name, &[])) };
        if let Some(clause) = self.level()?.no_aggregates {
            return Err(Error::new(Kind::Grouping, format!("aggregate functions are not allowed in {clause}")));
        }
        let before = self.level()?.no_aggregates.replace("an aggregate's arguments");
        let bound = self.aggregate(kind, function, args);
        self.level()?.no_aggregates = before;
        let (aggregate, fields) = bound?;
        let data_type = aggregate.data_type.clone();
        let level = self.level()?;
        let at = level.aggregates.iter().position(|other| *other == aggregate).unwrap_or_else(|| {
            level.aggregates.push(aggregate);
            level.aggregates.len() - 1
        });
        Ok(Expr { node: Node::Column { up: 0, slot: level.slots, at }, data_type, fields })
    }

    fn args(&mut self, args: &[FunctionArg]) -> Result<Vec<Expr>> {
        let mut bound = Vec::new();
        for arg in args {
            bound.push(match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expr(expr)?,
                FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. } => self.expr(expr)?,
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                    let (schema, name) = split(name)?;
                    let row = self.row(schema.as_deref(), &name)?;
                    row.ok_or_else(|| Error::new(Kind::UndefinedTable, format!("relation \"{name}\" is not in FROM")))?
                }
                _ => return Err(unsupported("such an argument")),
            });
        }
        Ok(bound)
    }

    fn aggregate(
        &mut self,
        kind: AggregateKind,
        function: &ast::Function,
        args: &[FunctionArg],
    ) -> Result<(Aggregate, Option<Arc<[Output]>>)> {
        let mut bound = if kind == AggregateKind::CountAll { Vec::new() } else { self.args(args)? };
        let (mut distinct, mut order) = (false, Vec::new());
        if let FunctionArguments::List(list) = &function.args {
            distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
            for clause in &list.clauses {
                match clause {
                    FunctionArgumentClause::OrderBy(keys) => {
                        order = keys.iter().map(|key| self.inner_sort_key(key)).collect::<Result<Vec<SortKey>>>()?;
                    }
                    _ => return Err(unsupported("such an aggregate")),
                }
            }
        }
        let filter = function.filter.as_ref().map(|filter| self.condition(filter, "FILTER")).transpose()?;
        let wanted = match kind {
            AggregateKind::CountAll => 0,
            AggregateKind::StringAgg | AggregateKind::JsonObjectAgg => 2,
            _ => 1,
        };
        if bound.len() != wanted {
            return Err(undefined(&split(&function.name)?.1, &bound));
        }
        let mut taken = Vec::new();
        for (at, arg) in bound.drain(..).enumerate() {
            taken.push(match (kind, at) {
                (AggregateKind::BoolAnd | AggregateKind::BoolOr, _) => self.settle(arg, &Type::Bool)?,
                (AggregateKind::StringAgg, _) | (AggregateKind::JsonObjectAgg, 0) => self.in_text(arg)?,
                (AggregateKind::JsonAgg, _) | (AggregateKind::JsonObjectAgg, _) => {
                    as_json(self.settle(arg, &Type::Text)?)
                }
                (AggregateKind::Min | AggregateKind::Max, _) if family(&arg.data_type) == Family::Text => {
                    self.coerce(arg, &Type::Text)?
                }
                _ => self.settle(arg, &Type::Text)?,
            });
        }
        let first = taken.first().map_or(Type::Text, |arg| arg.data_type.clone());
        let fields = taken.first().and_then(|arg| arg.fields.clone());
        let (data_type, fields) = match kind {
            AggregateKind::CountAll | AggregateKind::Count => (Type::Int8, None),
            AggregateKind::Min | AggregateKind::Max => (first, fields),
            AggregateKind::Sum => match first {
                Type::Int2 | Type::Int4 => (Type::Int8, None),
                Type::Float4 | Type::Float8 => (first, None),
                Type::Int8 | Type::Numeric => (Type::Numeric, None),
                _ => return Err(undefined("sum", &taken)),
            },
            AggregateKind::Avg => match first {
                Type::Float4 | Type::Float8 => (Type::Float8, None),
                Type::Int2 | Type::Int4 | Type::Int8 | Type::Numeric => (Type::Numeric, None),
                _ => return Err(undefined("avg", &taken)),
            },
            AggregateKind::BoolAnd | AggregateKind::BoolOr => match first {
                Type::Bool => (Type::Bool, None),
                _ => return Err(undefined("bool_and", &taken)),
            },
            AggregateKind::StringAgg => (Type::Text, None),
            AggregateKind::ArrayAgg => (array_of(first), fields),
            AggregateKind::JsonAgg | AggregateKind::JsonObjectAgg => (Type::Json, None),
        };
        Ok((Aggregate { kind, args: taken, distinct, order, filter, data_type }, fields))
    }

    fn window(
        &mut self,
        name: &str,
        kind: Option<AggregateKind>,
        function: &ast::Function,
        over: &WindowType,
        args: &[FunctionArg],
    ) -> Result<Expr> {
        let spec = match over {
            WindowType::WindowSpec(spec) => spec.clone(),
            WindowType::NamedWindow(name) => {
                let name = fold(name);
                let found = self.level()?.named_windows.iter().find(|(other, _)| *other == name);
                let found = found.map(|(_, spec)| spec.clone());
                found.ok_or_else(|| Error::new(Kind::UndefinedObject, format!("window \"{name}\" does not exist")))?
            }
        };
        if spec.window_frame.is_some() || spec.window_name.is_some() {
            return Err(unsupported("such a window"));
        }
        let (kind, data_type) = match (name, kind) {
            (_, Some(kind)) => {
                let (aggregate, _) = self.aggregate(kind, function, args)?;
                let data_type = aggregate.data_type.clone();
                (WindowKind::Aggregate(aggregate), data_type)
            }
            ("row_number", _) => (WindowKind::RowNumber, Type::Int8),
            ("rank", _) => (WindowKind::Rank, Type::Int8),
            ("dense_rank", _) => (WindowKind::DenseRank, Type::Int8),
            ("lag" | "lead", _) => {
                let mut args = self.args(args)?;
                let offset = match args.get(1).map(|offset| &offset.node) {
                    None => 1,
                    Some(Node::Value(Value::Int(offset))) => *offset,
                    Some(_) => return Err(unsupported("an offset that is no number")),
                };
                if args.is_empty() || args.len() > 2 {
                    return Err(undefined(name, &args));
                }
                let arg = self.settle(args.swap_remove(0), &Type::Text)?;
                let data_type = arg.data_type.clone();
                (WindowKind::Neighbour(arg, if name == "lag" { -offset } else { offset }), data_type)
            }
            _ => return Err(undefined(name, &[])),
        };
        let partition = spec.partition_by.iter().map(|expr| {
            let bound = self.expr(expr)?;
            self.settle(bound, &Type::Text)
        });
        let partition = partition.collect::<Result<Vec<_>>>()?;
        let order = spec.order_by.iter().map(|key| self.inner_sort_key(key)).collect::<Result<Vec<_>>>()?;
        let level = self.level()?;
        level.windows.push(Window { kind, partition, order });
        let node = Node::Column { up: 0, slot: level.slots + 1, at: level.windows.len() - 1 };
        Ok(Expr::new(node, data_type))
    }

    /// A call of a function of values, or of the world's.
    pub(super) fn named_call(&mut self, name: &str, mut args: Vec<Expr>) -> Result<Expr> {
        match (name, args.len()) {
            ("coalesce", 1..) => {
                let fields = args.first().and_then(|arg| arg.fields.clone());
                let (list, data_type) = self.unify(args, "COALESCE")?;
                return Ok(Expr { node: Node::Coalesce(list), data_type, fields });
            }
            ("greatest" | "least", 1..) => {
                let (list, data_type) = self.unify(args, &name.to_uppercase())?;
                return Ok(Expr::new(Node::Extreme(name == "greatest", list), data_type));
            }
            ("nullif", 2) => {
                let (Some(right), Some(left)) = (args.pop(), args.pop()) else { return Err(undefined(name, &[])) };
                let (left, right) = self.paired(left, "=", right)?;
                let data_type = left.data_type.clone();
                let null = Expr::value(Value::Null, data_type.clone());
                let equal = self.test(Test::Eq, left.clone(), right)?;
                return Ok(Expr::new(Node::Case(vec![(equal, null)], Some(left.boxed())), data_type));
            }
            ("now" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" | "current_timestamp", 0) => {
                let now = Value::Moment(chrono::Utc::now().timestamp_micros());
                return Ok(Expr::value(now, Type::Timestamptz));
            }
            ("pg_typeof", 1) => {
                let data_type = args.first().map_or(Type::Text, |arg| arg.data_type.clone());
                let oid = self.world.oid_of(&Type::Regtype, &shown(&data_type))?;
                return Ok(Expr::value(Value::Int(i64::from(oid)), Type::Regtype));
            }
            ("row", _) => return Ok(Expr::new(Node::Record(args), Type::Record)),
            _ => {}
        }
        let types: Vec<Type> = args.iter().map(|arg| arg.data_type.clone()).collect();
        if let Some(found) = functions::find(name, &types) {
            let mut taken = Vec::new();
            for (at, arg) in args.drain(..).enumerate() {
                taken.push(match found.takes(at) {
                    Take::As(data_type) => self.implicit(name, arg, &data_type, &types)?,
                    Take::Shown => self.in_text(arg)?,
                    Take::Any => self.settle(arg, &Type::Text)?,
                    Take::Json => {
                        let arg = self.settle(arg, &Type::Text)?;
                        as_json(arg)
                    }
                });
            }
            return Ok(Expr::new(Node::Call(found.builtin, taken), found.gives));
        }
        match self.world.returns(name, &types) {
            Some(gives) => Ok(Expr::new(Node::World(name.to_owned(), args), gives)),
            None => Err(undefined(name, &args)),
        }
    }

    /// An argument brought to its parameter's type as PostgreSQL does it without being asked.
    fn implicit(&mut self, name: &str, arg: Expr, to: &Type, types: &[Type]) -> Result<Expr> {
        let fits = match (family(&arg.data_type), family(to)) {
            (Family::Unknown, _) => true,
            (Family::Array, Family::Array) => true,
            (have, want) => have == want,
        };
        match fits {
            true => self.coerce(arg, to),
            false => Err(undefined_for(name, types)),
        }
    }
}

/// A value as JSON; what is JSON already stays.
fn as_json(expr: Expr) -> Expr {
    match expr.data_type {
        Type::Json | Type::Jsonb => expr,
        _ => Expr::new(Node::Json(expr.boxed()), Type::Json),
    }
}

fn aggregate(name: &str, star: bool) -> Option<AggregateKind> {
    Some(match name {
        "count" if star => AggregateKind::CountAll,
        "count" => AggregateKind::Count,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "sum" => AggregateKind::Sum,
        "avg" => AggregateKind::Avg,
        "bool_and" | "every" => AggregateKind::BoolAnd,
        "bool_or" => AggregateKind::BoolOr,
        "string_agg" => AggregateKind::StringAgg,
        "array_agg" => AggregateKind::ArrayAgg,
        "json_agg" | "jsonb_agg" => AggregateKind::JsonAgg,
        "json_object_agg" | "jsonb_object_agg" => AggregateKind::JsonObjectAgg,
        _ => return None,
    })
}

pub(super) fn undefined(name: &str, args: &[Expr]) -> Error {
    undefined_for(name, &args.iter().map(|arg| arg.data_type.clone()).collect::<Vec<_>>())
}

fn undefined_for(name: &str, types: &[Type]) -> Error {
    let types: Vec<String> = types.iter().map(shown).collect();
    missing::function(name, &types)
}
