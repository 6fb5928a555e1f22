//! Operators that the engine's planner refuses before any pass could help.

use super::super::error::invalid_text;
use super::super::functions::{network_operator, postgres_call, vector_operator};
use super::super::missing;
use super::super::parameters::is_open;
use super::days::Shifted;
use super::decimal::Decimals;
use super::interval::{Elapsed, Scaled};
use super::json::JsonConcatenation;
use super::kept::kept_call;
use super::lists::Relation;
use super::{called, elements, function, operand, operators, resolve, windows, zone};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue, TableReference};
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, RawWindowExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, Operator, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

fn days(date: Expr, days: Expr, back: bool) -> DfResult<PlannerResult<RawBinaryExpr>> {
    Ok(PlannerResult::Planned(function::call(Shifted { back }, vec![date, days])))
}

/// An operator of `json` and `jsonb`, by the function that does it; nothing if it is none of theirs.
fn json(op: &BinaryOperator, left: &Expr, right: &Expr, schema: &DFSchema) -> DfResult<Option<Expr>> {
    use BinaryOperator::{
        Arrow, ArrowAt, AtArrow, HashArrow, HashLongArrow, HashMinus, LongArrow, Minus, Question, QuestionAnd,
        QuestionPipe,
    };
    let Ok(field) = elements::field_of(left, schema) else { return Ok(None) };
    let number = right.get_type(schema).is_ok_and(|t| t.is_integer());
    let list = matches!(right.get_type(schema), Ok(DataType::List(_)));
    let kind = |expr: &Expr| elements::field_of(expr, schema).ok().and_then(|field| SqlType::from_field(&field).ok());
    let binary = matches!(SqlType::from_field(&field), Ok(SqlType::Jsonb));
    let any = |a: &Expr, b: &Expr| kind(a) == Some(SqlType::Jsonb) || kind(b) == Some(SqlType::Jsonb);
    let name = match op {
        Arrow if number => "json_array_element",
        Arrow => "json_object_field",
        LongArrow if number => "json_array_element_text",
        LongArrow => "json_object_field_text",
        HashArrow => "json_at_path",
        HashLongArrow => "json_at_path_text",
        Question => "jsonb_exists",
        QuestionPipe => "jsonb_exists_any",
        QuestionAnd => "jsonb_exists_all",
        HashMinus => "jsonb_delete_path",
        AtArrow | ArrowAt if any(left, right) => "jsonb_contains",
        Minus if binary && (number || list || kind(right) == Some(SqlType::Text)) => "jsonb_delete",
        _ => return Ok(None),
    };
    let mut args = vec![left.clone(), right.clone()];
    if *op == ArrowAt {
        args.reverse();
    }
    Ok(postgres_call(name, args))
}

/// A distance of vectors or a relation of networks, by the function behind the operator; nothing if neither side is one.
fn of_type(op: &BinaryOperator, left: &Expr, right: &Expr, schema: &DFSchema) -> DfResult<Option<Expr>> {
    let symbol = op.to_string();
    let (vector, network) = (vector_operator(&symbol), network_operator(&symbol));
    if vector.or(network).is_none() {
        return Ok(None);
    }
    let field = |expr: &Expr| expr.to_field(schema).map(|(_, field)| field).ok();
    let behind = |field: FieldRef| match SqlType::from_field(&field) {
        Ok(SqlType::Vector(_)) => vector.map(|name| (name, field)),
        Ok(SqlType::Inet | SqlType::Cidr) => network.map(|name| (name, SqlType::Inet.field("").into())),
        _ => None,
    };
    let found = field(left).and_then(behind).or_else(|| field(right).and_then(behind));
    let Some((name, known)) = found else { return Ok(None) };
    let lent = [left, right].map(|side| resolve::lend_as(side.clone(), &known));
    let [left, right] = lent;
    Ok(postgres_call(name, vec![left?, right?]))
}

/// Gives a quoted literal beside a number that number's type, and multiplies intervals.
#[derive(Debug)]
pub struct Operators;

impl ExprPlanner for Operators {
    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> DfResult<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { field_access, expr } = raw;
        let binary = expr
            .to_field(schema)
            .is_ok_and(|(_, field)| SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Jsonb));
        Ok(match field_access {
            GetFieldAccess::NamedStructField { name } if binary => {
                let call = postgres_call("json_object_field", vec![expr.clone(), Expr::Literal(name, None)]);
                PlannerResult::Planned(call.unwrap_or(expr))
            }
            GetFieldAccess::ListIndex { key } if binary => {
                let number = key.get_type(schema).is_ok_and(|t| t.is_integer());
                let name = if number { "json_array_element" } else { "json_object_field" };
                let call = postgres_call(name, vec![expr.clone(), *key]);
                PlannerResult::Planned(call.unwrap_or(expr))
            }
            // What is quoted there is a number.
            GetFieldAccess::NamedStructField { name: ScalarValue::Utf8(Some(place)) }
                if matches!(expr.get_type(schema), Ok(DataType::List(_))) =>
            {
                let number = place.trim().parse::<i64>().map_err(|_| invalid_text("integer", &place))?;
                let field_access = GetFieldAccess::ListIndex { key: Box::new(lit(number)) };
                PlannerResult::Original(RawFieldAccessExpr { field_access, expr })
            }
            // The engine would make it an aggregate that it has not.
            GetFieldAccess::ListIndex { key } if matches!(expr, Expr::AggregateFunction(_)) => {
                PlannerResult::Planned(kept_call(array_element(expr, *key)))
            }
            field_access => PlannerResult::Original(RawFieldAccessExpr { field_access, expr }),
        })
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested: &[String],
    ) -> DfResult<PlannerResult<Vec<Expr>>> {
        // `x.nosuch` where a relation and a column of it are called `x`: the engine would look into the column.
        if let (DataType::Struct(_), _) | (_, []) = (field.data_type(), nested) {
            return Ok(PlannerResult::Original(Vec::new()));
        }
        // Which is a column of the relation that is not there.
        let relation = qualifier.cloned().filter(|relation| relation.table() == field.name());
        let relation = relation.unwrap_or_else(|| TableReference::bare(field.name().as_str()));
        let missing = Column::new(Some(relation), nested.join("."));
        Ok(PlannerResult::Planned(Expr::Column(missing)))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> DfResult<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(called::extract(args)))
    }

    fn plan_window(&self, call: RawWindowExpr) -> DfResult<PlannerResult<RawWindowExpr>> {
        Ok(windows::checked(call)?)
    }

    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> DfResult<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus, StringConcat};
        let RawBinaryExpr { op, left, right } = operand::lent(raw, schema);
        let (left, right) = (zone::moved(left, schema)?, zone::moved(right, schema)?);
        if let Some(call) = of_type(&op, &left, &right, schema)? {
            return Ok(PlannerResult::Planned(call));
        }
        let RawBinaryExpr { op, left, right } = operators::checked(RawBinaryExpr { op, left, right }, schema)?;
        if let Some(call) = json(&op, &left, &right, schema)? {
            return Ok(PlannerResult::Planned(call));
        }
        let unsaid = |side: &Expr| {
            matches!(side, Expr::Literal(ScalarValue::Null, _)) || resolve::is_unknown(side) && !is_open(side)
        };
        if matches!(op, BinaryOperator::PGOverlap | BinaryOperator::AtArrow | BinaryOperator::ArrowAt)
            && unsaid(&left)
            && unsaid(&right)
        {
            return Err(missing::one_operator(&format!("unknown {op} unknown")).into());
        }
        if op == BinaryOperator::PGOverlap {
            let (a, b) = (left.to_field(schema)?.1, right.to_field(schema)?.1);
            let (left, right) = (resolve::lend_as(left, &b)?, resolve::lend_as(right, &a)?);
            let is_other = |side: &Expr| match side.get_type(schema) {
                Ok(data_type) => !is_open(side) && !matches!(data_type, DataType::List(_) | DataType::Null),
                Err(_) => false,
            };
            if is_other(&left) || is_other(&right) || elements::differ(&left, &right, schema) {
                return Err(operators::refused("&&", &left, &right, schema).into());
            }
            return Ok(PlannerResult::Planned(function::call(Relation::Overlaps, vec![left, right])));
        }
        if matches!(op, BinaryOperator::AtArrow | BinaryOperator::ArrowAt)
            && let (Ok((_, a)), Ok((_, b))) = (left.to_field(schema), right.to_field(schema))
            && [&a, &b].iter().any(|field| matches!(field.data_type(), DataType::List(_)))
        {
            let mut sides = [resolve::lend_as(left.clone(), &b)?, resolve::lend_as(right.clone(), &a)?];
            if sides.iter().all(|side| matches!(side.get_type(schema), Ok(DataType::List(_)))) {
                if elements::differ(&sides[0], &sides[1], schema) {
                    return Err(operators::refused(&op.to_string(), &sides[0], &sides[1], schema).into());
                }
                if op == BinaryOperator::ArrowAt {
                    sides.reverse();
                }
                return Ok(PlannerResult::Planned(function::call(Relation::Contains, sides.to_vec())));
            }
        }
        if matches!(op, BinaryOperator::AtArrow | BinaryOperator::ArrowAt) {
            let (a, b) = (left.to_field(schema)?.1, right.to_field(schema)?.1);
            let (left, right) = (resolve::lend_as(left, &b)?, resolve::lend_as(right, &a)?);
            return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
        }
        // Of those that are told by their signs alone the engine has none.
        if let BinaryOperator::Custom(sign) = &op {
            return Err(operators::refused(sign, &left, &right, schema).into());
        }
        let original = |left, right| Ok(PlannerResult::Original(RawBinaryExpr { op: op.clone(), left, right }));
        let comparison = matches!(op, Eq | Gt | GtEq | Lt | LtEq | NotEq);
        if !comparison && !matches!(op, Divide | Minus | Modulo | Multiply | Plus | StringConcat) {
            return original(left, right);
        }
        let (Ok(a), Ok(b)) = (left.get_type(schema), right.get_type(schema)) else { return original(left, right) };
        if comparison || op == StringConcat {
            let lists = (matches!(a, DataType::List(_)), matches!(b, DataType::List(_)));
            let (a, b) = (elements::field_of(&left, schema)?, elements::field_of(&right, schema)?);
            if comparison {
                return original(resolve::lend_as(left, &b)?, resolve::lend_as(right, &a)?);
            }
            // A quoted literal beside an array is an array, and NULL is none.
            match (lists, &left, &right) {
                ((true, _), _, Expr::Literal(ScalarValue::Null, _)) => return Ok(PlannerResult::Planned(left)),
                ((_, true), Expr::Literal(ScalarValue::Null, _), _) => return Ok(PlannerResult::Planned(right)),
                ((true, false), ..) if resolve::is_unknown(&right) => {
                    return original(left, resolve::lend_as(right, &a)?);
                }
                ((false, true), ..) if resolve::is_unknown(&left) => {
                    return original(resolve::lend_as(left, &b)?, right);
                }
                _ => {}
            }
            let bytes = |field: &Field| *field.data_type() == DataType::Binary;
            if bytes(&a) && resolve::is_unknown(&right) {
                return original(left, resolve::lend_as(right, &a)?);
            }
            if bytes(&b) && resolve::is_unknown(&left) {
                return original(resolve::lend_as(left, &b)?, right);
            }
            let json = |field: &Field| matches!(SqlType::from_field(field), Ok(SqlType::Jsonb));
            let left = if json(&b) { resolve::lend_as(left, &b)? } else { left };
            let right = if json(&a) { resolve::lend_as(right, &a)? } else { right };
            let (a, b) = (elements::field_of(&left, schema)?, elements::field_of(&right, schema)?);
            return match json(&a) && json(&b) {
                true => Ok(PlannerResult::Planned(function::call(JsonConcatenation, vec![left, right]))),
                false => original(left, right),
            };
        }
        let is_interval = |t: &DataType| matches!(t, DataType::Interval(_));
        let is_moment = |t: &DataType| matches!(t, DataType::Timestamp(..));
        if is_moment(&a) && matches!(op, Plus | Minus) && b == DataType::Utf8 {
            // What is added is a length, what is taken away another moment.
            let wanted = if op == Plus { DataType::Interval(IntervalUnit::MonthDayNano) } else { a.clone() };
            let lent = resolve::lend(right, Some(&wanted))?;
            return match lent.get_type(schema).is_ok_and(|t| is_moment(&t)) {
                true => Ok(PlannerResult::Planned(function::call(Elapsed, vec![left - lent]))),
                false => original(left, lent),
            };
        }
        if op == Minus && is_moment(&a) && is_moment(&b) {
            return Ok(PlannerResult::Planned(function::call(Elapsed, vec![left - right])));
        }
        let length = |time: Expr| cast(time, DataType::Interval(IntervalUnit::MonthDayNano));
        let is_time = |t: &DataType| matches!(t, DataType::Time64(_));
        let is_date = |t: &DataType| *t == DataType::Date32;
        // A day is the moment in which it begins, of the kind that the other one is.
        if op == Minus && (is_date(&a) && is_moment(&b) || is_moment(&a) && is_date(&b)) {
            let (left, right) = if is_date(&a) { (cast(left, b), right) } else { (left, cast(right, a)) };
            return Ok(PlannerResult::Planned(function::call(Elapsed, vec![left - right])));
        }
        match op {
            Plus if is_date(&a) && b.is_integer() => return days(left, right, false),
            Plus if a.is_integer() && is_date(&b) => return days(right, left, false),
            Minus if is_date(&a) && b.is_integer() => return days(left, right, true),
            Minus if is_date(&a) && resolve::is_unknown(&right) => {
                let lent = resolve::lend(right, Some(&a))?;
                return Ok(PlannerResult::Planned(cast(left - lent, DataType::Int32)));
            }
            Minus if is_date(&a) && is_date(&b) => {
                return Ok(PlannerResult::Planned(cast(left - right, DataType::Int32)));
            }
            Minus if is_time(&a) && is_time(&b) => {
                return Ok(PlannerResult::Planned(length(left) - length(right)));
            }
            Plus if is_date(&a) && is_time(&b) => {
                return Ok(PlannerResult::Planned(cast(left, moment()) + length(right)));
            }
            Plus if is_time(&a) && is_date(&b) => {
                return Ok(PlannerResult::Planned(cast(right, moment()) + length(left)));
            }
            _ => {}
        }
        match (op.clone(), is_interval(&a), is_interval(&b)) {
            (Multiply | Divide, true, false) if b.is_numeric() => {
                let scaled = Scaled { divide: op == Divide };
                return Ok(PlannerResult::Planned(function::call(scaled, vec![left, cast(right, DataType::Float64)])));
            }
            (Multiply, false, true) if a.is_numeric() => {
                let scaled = Scaled { divide: false };
                return Ok(PlannerResult::Planned(function::call(scaled, vec![right, cast(left, DataType::Float64)])));
            }
            // A day moved by an interval is a moment.
            (Plus | Minus, false, true) if a == DataType::Date32 => return original(cast(left, moment()), right),
            (Plus, true, false) if b == DataType::Date32 => return original(left, cast(right, moment())),
            _ => {}
        }
        // A column of a view may have more digits than the engine's product has a type for.
        if matches!((&a, &b), (DataType::Decimal256(..), _) | (_, DataType::Decimal256(..))) {
            let operator = match op {
                Multiply => Some(Operator::Multiply),
                Divide => Some(Operator::Divide),
                _ => None,
            };
            let open = |side: &Expr| {
                let field = side.to_field(schema).map(|(_, field)| field);
                field.is_ok_and(|field| SqlType::from_field(&field).is_ok_and(|t| t == SqlType::Numeric(None)))
            };
            let opens = [open(&left), open(&right)];
            if let Some(decimals) = operator.and_then(|op| Decimals::of(op, (&a, opens[0]), (&b, opens[1]))) {
                return Ok(PlannerResult::Planned(function::call(decimals, vec![left, right])));
            }
        }
        match (a.is_numeric(), b.is_numeric()) {
            (true, false) => original(left, resolve::lend(right, Some(&a))?),
            (false, true) => original(resolve::lend(left, Some(&b))?, right),
            _ => original(left, right),
        }
    }
}
