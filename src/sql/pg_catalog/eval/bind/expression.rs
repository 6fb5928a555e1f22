//! Expressions.

use super::super::super::value::{Type, Value};
use super::super::functions::{number, span, text};
use super::super::plan::{Expr, Node, Test};
use super::super::types::{Family, array_of, common, element, family, first_index, named, shown};
use super::operator::{spelled, test_of};
use super::{Binder, unsupported};
use crate::error::{Error, Kind, Result};
use crate::sql::parser::fold;
use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, DateTimeField, Expr as Ast, Subscript, TrimWhereField, UnaryOperator,
    ValueWithSpan,
};
use std::sync::Arc;

impl Binder<'_> {
    /// Binds an expression.
    pub(super) fn expr(&mut self, expr: &Ast) -> Result<Expr> {
        self.deeper(|binder| binder.expr_within(expr))
    }

    fn exprs(&mut self, list: &[Ast]) -> Result<Vec<Expr>> {
        list.iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr_within(&mut self, expr: &Ast) -> Result<Expr> {
        match expr {
            // Which the standard writes without parentheses.
            Ast::Identifier(ident)
                if ident.quote_style.is_none()
                    && matches!(fold(ident).as_str(), "current_schema" | "current_catalog" | "current_role") =>
            {
                self.expr(&crate::sql::functions::call(&fold(ident), Vec::new()))
            }
            Ast::Identifier(ident) => self.column(&fold(ident)),
            Ast::CompoundIdentifier(parts) => {
                let names: Vec<String> = parts.iter().map(fold).collect();
                self.compound(&names)
            }
            Ast::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Ast::Value(value) => self.literal(&value.value),
            Ast::TypedString(typed) => {
                let literal = self.literal(&typed.value.value)?;
                self.coerce(literal, &named(&typed.data_type)?)
            }
            Ast::Interval(interval) => {
                let literal = self.expr(&interval.value)?;
                let unit = interval.leading_field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
                match literal.node {
                    Node::Value(Value::Text(text)) => {
                        let written = Expr::value(Value::Text(format!("{text}{unit}").into()), Type::Unknown);
                        self.coerce(written, &Type::Interval)
                    }
                    _ => Err(unsupported("such an interval")),
                }
            }
            Ast::Extract { field: DateTimeField::Epoch, expr, .. } => {
                let of = self.expr(expr)?;
                match family(&of.data_type) {
                    Family::Moment | Family::Span => Ok(Expr::new(Node::Call(span::EPOCH, vec![of]), Type::Numeric)),
                    _ => Err(unsupported("such an extract")),
                }
            }
            Ast::Nested(inner) | Ast::Collate { expr: inner, .. } => self.expr(inner),
            Ast::Cast { expr, data_type, .. } => {
                let to = named(data_type)?;
                let inner = self.expr(expr)?;
                self.cast(inner, &to)
            }
            Ast::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } => self.chain(expr),
            Ast::BinaryOp { left, op, right } => {
                let op = spelled(op);
                // A chain of `||` may be long; the parser bounds it.
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                match test_of(&op) {
                    Some(test) => self.test(test, left, right),
                    None => self.operator(&op, left, right),
                }
            }
            Ast::UnaryOp { op, expr } => self.unary(op, expr),
            Ast::IsNull(inner) => self.is_null(inner, false),
            Ast::IsNotNull(inner) => self.is_null(inner, true),
            Ast::IsTrue(inner) => self.is_bool(inner, true, false),
            Ast::IsNotTrue(inner) => self.is_bool(inner, true, true),
            Ast::IsFalse(inner) => self.is_bool(inner, false, false),
            Ast::IsNotFalse(inner) => self.is_bool(inner, false, true),
            Ast::IsUnknown(inner) => self.is_null(inner, false),
            Ast::IsNotUnknown(inner) => self.is_null(inner, true),
            Ast::IsDistinctFrom(left, right) => self.distinct(left, right),
            Ast::IsNotDistinctFrom(left, right) => Ok(not(self.distinct(left, right)?)),
            Ast::InList { expr, list, negated } => {
                let left = self.expr(expr)?;
                let mut tests = Vec::new();
                for item in list {
                    let item = self.expr(item)?;
                    tests.push(self.test(Test::Eq, left.clone(), item)?);
                }
                Ok(negated_if(*negated, Expr::boolean(Node::Or(tests))))
            }
            Ast::InSubquery { expr, subquery, negated } => {
                let left = self.expr(expr)?;
                let found = self.quantified_query(Test::Eq, left, subquery, false)?;
                Ok(negated_if(*negated, found))
            }
            Ast::Between { expr, negated, low, high } => {
                let (expr, low, high) = (self.expr(expr)?, self.expr(low)?, self.expr(high)?);
                let list = vec![self.test(Test::Ge, expr.clone(), low)?, self.test(Test::Le, expr, high)?];
                Ok(negated_if(*negated, Expr::boolean(Node::And(list))))
            }
            Ast::Like { negated, expr, pattern, escape_char, .. } => {
                self.like(*negated, false, expr, pattern, escape_char.as_ref())
            }
            Ast::ILike { negated, expr, pattern, escape_char, .. } => {
                self.like(*negated, true, expr, pattern, escape_char.as_ref())
            }
            Ast::AnyOp { left, compare_op, right, .. } => self.quantified(left, compare_op, right, false),
            Ast::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true),
            Ast::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Ast::Exists { subquery, negated } => {
                let query = self.query(subquery)?;
                Ok(negated_if(*negated, Expr::boolean(Node::Exists(Arc::new(query)))))
            }
            Ast::Subquery(query) => self.scalar_expr(query),
            Ast::Array(array) => {
                let list = self.exprs(&array.elem)?;
                let (list, item) = self.unify(list, "ARRAY")?;
                Ok(Expr::new(Node::Array(list), array_of(item)))
            }
            Ast::Tuple(list) => Ok(Expr::new(Node::Record(self.exprs(list)?), Type::Record)),
            Ast::Function(function) => self.call(function),
            Ast::Position { expr, r#in } => {
                let list = vec![self.expr(r#in)?, self.expr(expr)?];
                self.named_call("strpos", list)
            }
            Ast::Substring { expr, substring_from, substring_for, .. } => {
                let mut list = vec![self.expr(expr)?];
                list.push(match substring_from {
                    Some(from) => self.expr(from)?,
                    None => Expr::value(Value::Int(1), Type::Int4),
                });
                if let Some(length) = substring_for {
                    list.push(self.expr(length)?);
                }
                self.named_call("substring", list)
            }
            Ast::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "btrim",
                };
                let mut list = vec![self.expr(expr)?];
                if let Some(what) = trim_what {
                    list.push(self.expr(what)?);
                }
                list.extend(self.exprs(trim_characters.as_deref().unwrap_or_default())?);
                self.named_call(name, list)
            }
            other => Err(unsupported(format!("the expression {other}"))),
        }
    }

    fn compound(&mut self, names: &[String]) -> Result<Expr> {
        match names {
            [name] => self.column(name),
            [relation, name] => self.qualified_column(None, relation, name),
            [schema, relation, name] => self.qualified_column(Some(schema), relation, name),
            [_, schema, relation, name] => self.qualified_column(Some(schema), relation, name),
            _ => Err(unsupported("such a name")),
        }
    }

    /// `a.b[1]`, `(row).field`.
    fn access(&mut self, root: &Ast, chain: &[AccessExpr]) -> Result<Expr> {
        let mut names: Vec<String> = match root {
            Ast::Identifier(ident) => vec![fold(ident)],
            Ast::CompoundIdentifier(parts) => parts.iter().map(fold).collect(),
            _ => Vec::new(),
        };
        let mut rest = chain;
        if !names.is_empty() {
            while let [AccessExpr::Dot(Ast::Identifier(ident)), more @ ..] = rest {
                names.push(fold(ident));
                rest = more;
            }
        }
        let mut expr = if names.is_empty() { self.expr(root)? } else { self.compound(&names)? };
        for access in rest {
            expr = match access {
                AccessExpr::Dot(Ast::Identifier(ident)) => self.field(expr, &fold(ident))?,
                AccessExpr::Dot(other) => return Err(unsupported(format!("the field {other}"))),
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    // A name is an array of its bytes, the first of which is its byte 0.
                    let of_name = expr.data_type == Type::Name;
                    let item = if of_name { Some(Type::Char) } else { element(&expr.data_type) };
                    let Some(item) = item else {
                        let message = format!(
                            "cannot subscript type {} because it does not support subscripting",
                            shown(&expr.data_type)
                        );
                        return Err(Error::new(Kind::DatatypeMismatch, message));
                    };
                    let from = if of_name { 0 } else { first_index(&expr.data_type) };
                    let fields = expr.fields.clone();
                    let index = self.expr(index)?;
                    let index = self.coerce(index, &Type::Int4)?;
                    let node = Node::Subscript(expr.boxed(), index.boxed(), from);
                    Expr { node, data_type: item, fields }
                }
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) => {
                    let from = first_index(&expr.data_type);
                    let item = element(&expr.data_type).ok_or_else(|| unsupported("a slice of no array"))?;
                    let mut bound = |bound: &Option<Ast>| -> Result<Option<Box<Expr>>> {
                        let Some(bound) = bound else { return Ok(None) };
                        let bound = self.expr(bound)?;
                        Ok(Some(self.coerce(bound, &Type::Int4)?.boxed()))
                    };
                    let (low, high) = (bound(lower_bound)?, bound(upper_bound)?);
                    Expr::new(Node::Slice { base: expr.boxed(), low, high, from }, array_of(item))
                }
            };
        }
        Ok(expr)
    }

    fn field(&mut self, row: Expr, name: &str) -> Result<Expr> {
        let fields = row.fields.clone().unwrap_or_default();
        match fields.iter().enumerate().find(|(_, field)| field.name == name) {
            Some((at, field)) => {
                let (data_type, fields) = (field.data_type.clone(), field.fields.clone());
                Ok(Expr { node: Node::Field(row.boxed(), at), data_type, fields })
            }
            None => Err(Error::new(
                Kind::UndefinedColumn,
                format!("column \"{name}\" not found in data type {}", shown(&row.data_type)),
            )),
        }
    }

    fn literal(&mut self, value: &ast::Value) -> Result<Expr> {
        Ok(match value {
            ast::Value::Null => Expr::value(Value::Null, Type::Unknown),
            ast::Value::Boolean(flag) => Expr::value(Value::Bool(*flag), Type::Bool),
            ast::Value::Number(number, _) => {
                let written = number.to_string();
                match written.parse::<i64>() {
                    Ok(number) if i32::try_from(number).is_ok() => Expr::value(Value::Int(number), Type::Int4),
                    Ok(number) => Expr::value(Value::Int(number), Type::Int8),
                    Err(_) => {
                        let number = written.parse().map_err(|_| unsupported(format!("the number {written}")))?;
                        Expr::value(Value::Float(number), Type::Numeric)
                    }
                }
            }
            ast::Value::Placeholder(name) => {
                let number: Option<usize> = name.trim_start_matches('$').parse().ok();
                let Some(at) = number.and_then(|number| number.checked_sub(1)).filter(|at| *at < 65_535) else {
                    return Err(Error::new(Kind::Syntax, format!("there is no parameter {name}")));
                };
                if self.params.len() <= at {
                    self.params.resize(at + 1, None);
                }
                let data_type = self.params.get(at).cloned().flatten().unwrap_or(Type::Unknown);
                Expr::new(Node::Param(at), data_type)
            }
            ast::Value::SingleQuotedString(text)
            | ast::Value::EscapedStringLiteral(text)
            | ast::Value::UnicodeStringLiteral(text)
            | ast::Value::NationalStringLiteral(text) => Expr::value(Value::Text(text.as_str().into()), Type::Unknown),
            ast::Value::DollarQuotedString(text) => Expr::value(Value::Text(text.value.as_str().into()), Type::Unknown),
            other => return Err(unsupported(format!("the literal {other}"))),
        })
    }

    /// An explicit cast.
    pub(super) fn cast(&mut self, expr: Expr, to: &Type) -> Result<Expr> {
        if expr.data_type == Type::Unknown {
            return self.coerce(expr, to);
        }
        let (have, want) = (family(&expr.data_type), family(to));
        let possible = match (have, want) {
            (_, Family::Text) | (Family::Text, _) => true,
            (Family::Number | Family::Oid | Family::Bool, Family::Number | Family::Oid | Family::Bool) => true,
            (have, want) => have == want,
        };
        match possible {
            true => self.coerce(expr, to),
            false => Err(Error::new(
                Kind::CannotCoerce,
                format!("cannot cast type {} to {}", shown(&expr.data_type), shown(to)),
            )),
        }
    }

    /// A chain of ANDs or ORs, which may be long.
    fn chain(&mut self, expr: &Ast) -> Result<Expr> {
        let Ast::BinaryOp { op: kind, .. } = expr else { return self.expr(expr) };
        let mut operands = Vec::new();
        let mut rest = expr;
        while let Ast::BinaryOp { left, op, right } = rest
            && op == kind
        {
            operands.push(right.as_ref());
            rest = left;
        }
        operands.push(rest);
        let clause = kind.to_string();
        let list = operands.into_iter().rev().map(|operand| self.condition(operand, &clause));
        let list = list.collect::<Result<Vec<_>>>()?;
        Ok(Expr::boolean(if *kind == BinaryOperator::And { Node::And(list) } else { Node::Or(list) }))
    }

    fn unary(&mut self, op: &UnaryOperator, expr: &Ast) -> Result<Expr> {
        match op {
            UnaryOperator::Not => Ok(not(self.condition(expr, "NOT")?)),
            UnaryOperator::Plus => self.expr(expr),
            UnaryOperator::Minus => {
                let inner = self.expr(expr)?;
                let inner = self.settle(inner, &Type::Int4)?;
                let data_type = inner.data_type.clone();
                Ok(match inner.node {
                    Node::Value(Value::Int(number)) => Expr::value(Value::Int(number.saturating_neg()), data_type),
                    _ => Expr::new(Node::Call(number::NEGATE, vec![inner]), data_type),
                })
            }
            other => Err(unsupported(format!("the operator {other}"))),
        }
    }

    fn is_null(&mut self, expr: &Ast, negated: bool) -> Result<Expr> {
        let inner = self.expr(expr)?;
        Ok(negated_if(negated, Expr::boolean(Node::IsNull(inner.boxed()))))
    }

    fn is_bool(&mut self, expr: &Ast, wanted: bool, negated: bool) -> Result<Expr> {
        let inner = self.condition(expr, "IS TRUE")?;
        Ok(negated_if(negated, Expr::boolean(Node::IsBool(inner.boxed(), wanted))))
    }

    fn distinct(&mut self, left: &Ast, right: &Ast) -> Result<Expr> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let (left, right) = self.paired(left, "=", right)?;
        Ok(Expr::boolean(Node::Distinct(left.boxed(), right.boxed())))
    }

    fn like(
        &mut self,
        negated: bool,
        fold: bool,
        expr: &Ast,
        pattern: &Ast,
        escape: Option<&ValueWithSpan>,
    ) -> Result<Expr> {
        let escape = match escape.and_then(|escape| escape.value.clone().into_string()) {
            None => Some('\\'),
            Some(escape) => escape.chars().next(),
        };
        let (expr, pattern) = (self.expr(expr)?, self.expr(pattern)?);
        self.test(Test::Like { fold, negated, escape }, expr, pattern)
    }

    fn quantified(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast, all: bool) -> Result<Expr> {
        let op = spelled(op);
        let Some(test) = test_of(&op) else { return Err(unsupported(format!("{op} ANY"))) };
        let left = self.expr(left)?;
        let mut inner = right;
        while let Ast::Nested(nested) = inner {
            inner = nested;
        }
        if let Ast::Subquery(query) = inner {
            return self.quantified_query(test, left, query, all);
        }
        let array = self.expr(inner)?;
        let left = self.settle_beside(left, element(&array.data_type))?;
        let array = match array.data_type {
            Type::Unknown => self.coerce(array, &array_of(left.data_type.clone()))?,
            _ => array,
        };
        let Some(item) = element(&array.data_type) else {
            return Err(Error::new(Kind::DatatypeMismatch, "op ANY/ALL (array) requires array on right side"));
        };
        // Refuses types that the operator does not compare.
        self.test(test, left.clone(), Expr::value(Value::Null, item))?;
        Ok(Expr::boolean(Node::Quantified { test, left: left.boxed(), array: array.boxed(), all }))
    }

    fn settle_beside(&mut self, expr: Expr, beside: Option<Type>) -> Result<Expr> {
        self.settle(expr, &beside.unwrap_or(Type::Text))
    }

    fn quantified_query(&mut self, test: Test, left: Expr, query: &ast::Query, all: bool) -> Result<Expr> {
        let query = self.query(query)?;
        let left = match left.node {
            Node::Record(list) => {
                if list.len() != query.columns.len() {
                    return Err(Error::new(Kind::Syntax, "subquery has too few columns"));
                }
                let list = list.into_iter().zip(query.columns.iter());
                let list = list.map(|(expr, column)| self.settle_beside(expr, Some(column.data_type.clone())));
                Expr::new(Node::Record(list.collect::<Result<_>>()?), Type::Record)
            }
            _ => {
                let [column] = &*query.columns else {
                    return Err(Error::new(Kind::Syntax, "subquery has too many columns"));
                };
                let item = Some(column.data_type.clone()).filter(|data_type| *data_type != Type::Unknown);
                let left = self.settle_beside(left, item)?;
                let column = Expr::new(Node::Value(Value::Null), column.data_type.clone());
                self.test(test, left.clone(), column)?;
                left
            }
        };
        Ok(Expr::boolean(Node::QuantifiedQuery { test, left: left.boxed(), query: Arc::new(query), all }))
    }

    fn case(&mut self, operand: Option<&Ast>, conditions: &[ast::CaseWhen], otherwise: Option<&Ast>) -> Result<Expr> {
        let operand = operand.map(|operand| self.expr(operand)).transpose()?;
        let operand = operand.map(|operand| self.settle(operand, &Type::Text)).transpose()?;
        let (mut whens, mut results) = (Vec::new(), Vec::new());
        for case in conditions {
            whens.push(match &operand {
                None => self.condition(&case.condition, "CASE/WHEN")?,
                Some(operand) => {
                    let value = self.expr(&case.condition)?;
                    self.test(Test::Eq, operand.clone(), value)?
                }
            });
            results.push(self.expr(&case.result)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise)?);
        }
        let fields = results.iter().find_map(|result| result.fields.clone());
        // The last one, of ELSE, is the first to say what type all have.
        let types = results.last().filter(|_| otherwise.is_some()).into_iter().chain(&results);
        let data_type = common(types.map(|result| &result.data_type), "CASE")?;
        let results = results.into_iter().map(|result| self.coerce(result, &data_type));
        let mut results = results.collect::<Result<Vec<_>>>()?;
        let otherwise = if otherwise.is_some() { results.pop().map(Expr::boxed) } else { None };
        let node = Node::Case(whens.into_iter().zip(results).collect(), otherwise);
        Ok(Expr { node, data_type, fields })
    }

    /// A value as text, however it is shown.
    pub(super) fn in_text(&mut self, expr: Expr) -> Result<Expr> {
        let expr = self.settle(expr, &Type::Text)?;
        match (&expr.data_type, family(&expr.data_type)) {
            (_, Family::Text) => Ok(expr),
            // What functions show of a truth is one letter; a cast gives the word.
            (Type::Bool, _) => Ok(Expr::new(Node::Call(text::BOOL, vec![expr]), Type::Text)),
            _ => self.coerce(expr, &Type::Text),
        }
    }
}

pub(super) fn not(expr: Expr) -> Expr {
    Expr::boolean(Node::Not(expr.boxed()))
}

fn negated_if(negated: bool, expr: Expr) -> Expr {
    if negated { not(expr) } else { expr }
}
