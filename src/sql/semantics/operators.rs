//! Operators that PostgreSQL has not, refused as soon as a statement is planned: the engine finds other meanings for some, and
//! other words for all.

use super::super::missing;
use super::super::parameters::is_open;
use super::asked::Asked;
use super::called::Called;
use super::candidates::{Choice, Given, OPERATORS, Type, choose_operator, name_of};
use super::{elements, resolve};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::any::Any;

/// An operand as far as it is known.
struct Operand {
    given: Given,
    name: String,
    /// Whether it is what it is said to be: what is made of whole numbers, as a series is, may be `bigint` for the engine alone.
    settled: bool,
}

/// The operation, if PostgreSQL has its operator for such operands. Both sides of AND and OR are truths.
pub fn checked(raw: RawBinaryExpr, schema: &DFSchema) -> Result<RawBinaryExpr> {
    let RawBinaryExpr { op, left, right } = raw;
    if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
        let by = op.to_string();
        let left = truth(left, &by, schema)?;
        let right = truth(right, &by, schema)?;
        return Ok(RawBinaryExpr { op, left, right });
    }
    let (Some(a), Some(b)) = (operand(&left, schema), operand(&right, schema)) else {
        return Ok(RawBinaryExpr { op, left, right });
    };
    let wants = must_exist(&op.to_string(), &[a, b])?;
    match wants {
        [wants_left, wants_right] if lends(&op, wants) => {
            let (left, right) = (lent(left, *wants_left)?, lent(right, *wants_right)?);
            Ok(RawBinaryExpr { op, left, right })
        }
        _ => Ok(RawBinaryExpr { op, left, right }),
    }
}

/// Whether what is open beside an operator is read as what PostgreSQL's declaration says; elsewhere it is read by its neighbour.
fn lends(op: &BinaryOperator, wants: &[Type]) -> bool {
    use BinaryOperator::{
        BitwiseAnd, BitwiseOr, Divide, Minus, Multiply, PGBitwiseShiftLeft, PGBitwiseShiftRight, PGBitwiseXor, Plus,
        StringConcat,
    };
    let moment = |t: &Type| matches!(t, Type::Date | Type::Time | Type::Timestamp | Type::Timestamptz | Type::Interval);
    match op {
        BitwiseAnd | BitwiseOr | PGBitwiseXor | PGBitwiseShiftLeft | PGBitwiseShiftRight => true,
        Plus | Minus | Multiply | Divide => wants.iter().any(moment),
        StringConcat => wants.contains(&Type::Text),
        _ => false,
    }
}

fn lent(operand: Expr, wanted: Type) -> Result<Expr> {
    let Some(sql_type) = wanted.sql_type() else { return Ok(operand) };
    match operand {
        null @ Expr::Literal(ScalarValue::Null, _) => resolve::read_as(null, &sql_type),
        literal @ Expr::Literal(ScalarValue::Utf8(Some(_)), None) if sql_type != SqlType::Text => {
            resolve::read_as(literal, &sql_type)
        }
        operand => Ok(operand),
    }
}

/// Refuses a sign before something that has none.
pub fn must_have_sign(sign: &str, inner: &Expr, schema: &DFSchema) -> Result<()> {
    match operand(inner, schema) {
        Some(operand) => must_exist(sign, &[operand]).map(drop),
        None => Ok(()),
    }
}

/// What is said of an operator that no operands of these types have.
pub fn refused(sign: &str, left: &Expr, right: &Expr, schema: &DFSchema) -> Error {
    let name = |expr: &Expr| {
        let computed = || SqlType::from_field(&expr.to_field(schema).ok()?.1).ok().map(|sql_type| name_of(&sql_type));
        operand(expr, schema).map(|operand| operand.name).or_else(computed)
    };
    let [a, b] = [left, right].map(|side| name(side).unwrap_or_else(|| "unknown".to_owned()));
    let said = format!("{a} {sign} {b}");
    match [left, right].into_iter().all(resolve::is_unknown) {
        true => missing::one_operator(&said),
        false => missing::operator(&said),
    }
}

/// The condition that a clause or an operator asks for: a quoted literal is read as a truth.
pub fn truth(condition: Expr, by: &str, schema: &DFSchema) -> Result<Expr> {
    if resolve::is_unknown(&condition) {
        return resolve::lend(condition, Some(&DataType::Boolean));
    }
    let Ok((_, field)) = condition.to_field(schema) else { return Ok(condition) };
    if matches!(field.data_type(), DataType::Boolean | DataType::Null) {
        return Ok(condition);
    }
    let name = operand(&condition, schema).map(|operand| operand.name);
    let name = name.or_else(|| SqlType::from_field(&field).ok().map(|sql_type| name_of(&sql_type)));
    let message = format!("argument of {by} must be type boolean, not type {}", name.as_deref().unwrap_or("record"));
    Err(Error::new(Kind::DatatypeMismatch, message))
}

/// The types that the operator takes; none where that is not looked into.
fn must_exist(sign: &str, operands: &[Operand]) -> Result<&'static [Type]> {
    let Some(all) = OPERATORS.get(sign) else { return Ok(&[]) };
    let given: Vec<Given> = operands.iter().map(|operand| operand.given).collect();
    // What several types are kept as is compared by other means.
    let is_text = |given: &Given| {
        given.is_none_or(|t| {
            matches!(
                t,
                Type::Text
                    | Type::Varchar
                    | Type::Char
                    | Type::Uuid
                    | Type::Inet
                    | Type::Json
                    | Type::Jsonb
                    | Type::Enum
            )
        })
    };
    let is_list = |given: &Given| given.is_none_or(|t| matches!(t, Type::Array | Type::Texts | Type::Vector));
    let compared = matches!(sign, "=" | "<>" | "<" | "<=" | ">" | ">=");
    let joins_lists = sign == "||" && given.iter().any(|given| given.is_some() && is_list(given));
    if joins_lists || compared && (given.iter().all(is_text) || given.iter().all(is_list)) {
        return Ok(&[]);
    }
    let narrow = || {
        let one = |operand: &Operand| match operand.given {
            Some(Type::Int8) if !operand.settled => Some(Type::Int4),
            given => given,
        };
        operands.iter().map(one).collect::<Vec<Given>>()
    };
    let choice = match choose_operator(all, &given) {
        Choice::None => choose_operator(all, &narrow()),
        choice => choice,
    };
    let names: Vec<&str> = operands.iter().map(|operand| operand.name.as_str()).collect();
    let said = match names.as_slice() {
        [left, right] => format!("{left} {sign} {right}"),
        _ => format!("{sign} {}", names.join(" ")),
    };
    match choice {
        Choice::One(wants) => Ok(wants),
        Choice::None => Err(missing::operator(&said)),
        Choice::Several => Err(missing::one_operator(&said)),
    }
}

fn known(sql_type: &SqlType) -> Operand {
    Operand { given: Some(Type::of(sql_type)), name: name_of(sql_type), settled: false }
}

/// What is known of an operand; nothing where its type is not to be told yet.
fn operand(expr: &Expr, schema: &DFSchema) -> Option<Operand> {
    let open = || Operand { given: None, name: "unknown".to_owned(), settled: true };
    match expr {
        Expr::Literal(ScalarValue::Utf8(_), None) | Expr::Literal(ScalarValue::Null, _) => return Some(open()),
        Expr::Literal(ScalarValue::Int64(Some(n)), None) if i32::try_from(*n).is_ok() => {
            return Some(known(&SqlType::Int4));
        }
        Expr::Negative(inner) => return operand(inner, schema),
        Expr::Alias(alias) => return operand(&alias.expr, schema),
        Expr::BinaryExpr(binary) if is_arithmetic(binary.op) => {
            let (a, b) = (operand(&binary.left, schema)?, operand(&binary.right, schema)?);
            if let (Some(x), Some(y)) = (a.given, b.given)
                && let (Some(x_rank), Some(y_rank)) = (rank(x), rank(y))
            {
                return Some(if x_rank >= y_rank { a } else { b });
            }
        }
        Expr::ScalarFunction(call) => {
            let inner = call.func.inner().as_ref() as &dyn Any;
            if let (Some(asked), [inner]) = (inner.downcast_ref::<Asked>(), call.args.as_slice())
                && asked.is_sign()
            {
                return operand(inner, schema);
            }
        }
        _ if is_open(expr) => return Some(open()),
        _ => {}
    }
    if expr.exists(|inner| Ok(is_open(inner))).unwrap_or(true) {
        return None;
    }
    let field = elements::field_of(expr, schema).ok()?;
    if field.data_type().is_null() {
        return match expr {
            Expr::Column(_) => Some(open()),
            _ => None,
        };
    }
    let sql_type = SqlType::from_field(&field).ok()?;
    // What is computed may be marked as JSON only later.
    match sql_type {
        SqlType::Text if !is_surely_text(expr) => None,
        sql_type => {
            let settled = matches!(expr, Expr::Cast(_));
            Some(Operand { settled, ..known(&sql_type) })
        }
    }
}

fn is_surely_text(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Cast(_) | Expr::Literal(..) => true,
        Expr::BinaryExpr(binary) => binary.op == Operator::StringConcat,
        Expr::ScalarFunction(call) => (call.func.inner().as_ref() as &dyn Any).is::<Called>(),
        _ => false,
    }
}

fn is_arithmetic(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo)
}

fn rank(number: Type) -> Option<u8> {
    match number {
        Type::Int2 => Some(1),
        Type::Int4 => Some(2),
        Type::Int8 => Some(3),
        _ => None,
    }
}
