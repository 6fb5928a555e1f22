//! Expressions that must be of one type: the branches of CASE, the arguments of COALESCE, what IN compares.

use super::super::super::parameters;
use super::super::not_in::without_rows;
use super::super::{floats, keyed};
use super::{Expressions, differ, is_unknown, lend, lend_as, marked, named, no_operator};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::{InList, InSubquery};
use datafusion::logical_expr::{Case, Expr, ExprSchemable, cast};
use std::sync::Arc;

impl Expressions<'_> {
    pub(super) fn in_list(&self, InList { expr, list, negated }: InList) -> Result<Expr> {
        let mut items = self.lent(std::iter::once(*expr).chain(list).collect()).into_iter();
        let mut all: Vec<Expr> = items.next().into_iter().collect();
        for item in items {
            all.push(self.comparable(&all[0], item, "=")?);
        }
        let mut list = keyed::together(self.numbers(all), self.schema);
        let expr = Box::new(list.remove(0));
        Ok(Expr::InList(InList { expr, list, negated }))
    }

    /// `other` as something that `expr` can be compared with.
    pub(super) fn comparable(&self, expr: &Expr, other: Expr, sign: &str) -> Result<Expr> {
        let mine = self.type_of(expr);
        let other = match &mine {
            Some(_) if !is_unknown(expr) => lend_as(other, &expr.to_field(self.schema)?.1)?,
            _ => other,
        };
        if let (Some(a), Some(b)) = (mine, self.type_of(&other))
            && !is_unknown(expr)
            && differ(&a, &b)
        {
            return Err(no_operator(&a, sign, &b));
        }
        Ok(other)
    }

    pub(super) fn is_json(&self, expr: &Expr) -> bool {
        self.mark_of(expr) == Some(SqlType::Json)
    }

    pub(super) fn among(&self, mut membership: InSubquery) -> DfResult<Expr> {
        let column = membership.subquery.subquery.schema().field(0).data_type().clone();
        if let Some((_, field)) = membership.subquery.subquery.schema().iter().next() {
            *membership.expr = parameters::typed(*membership.expr, |id| parameters::beside(field, id));
        }
        *membership.expr = lend(*membership.expr, Some(&column))?;
        if let Some(mine) = self.type_of(&membership.expr)
            && floats::meet([&mine, &column].into_iter())
        {
            membership.subquery.subquery = Arc::new(floats::columns_as_floats(&membership.subquery.subquery, &[true])?);
            *membership.expr = cast(*membership.expr, DataType::Float64);
        }
        match self.type_of(&membership.expr) {
            Some(mine) if differ(&mine, &column) => Err(no_operator(&mine, "=", &column).into()),
            _ => without_rows(membership, self.schema),
        }
    }

    pub(super) fn case(&self, Case { expr, when_then_expr, else_expr }: Case) -> Result<Expr> {
        let (mut whens, mut results) = (Vec::new(), Vec::new());
        for (when, then) in when_then_expr {
            whens.push(match &expr {
                Some(operand) => self.comparable(operand, *when, "=")?,
                None => self.truth(*when, "CASE/WHEN")?,
            });
            results.push(*then);
        }
        let expr = match expr {
            Some(operand) => {
                let mut all = keyed::together(self.numbers([vec![*operand], whens].concat()), self.schema);
                whens = all.split_off(1);
                all.pop().map(Box::new)
            }
            None => None,
        };
        let has_else = else_expr.is_some();
        results.extend(else_expr.map(|e| *e));
        let mark = self.common_mark(&results);
        let open = results.iter().any(|result| self.is_open_numeric(result));
        let mut results = self.alike(results, "CASE")?;
        let else_expr = if has_else { results.pop().map(Box::new) } else { None };
        let pairs = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then)));
        let case = Expr::Case(Case { expr, when_then_expr: pairs.collect(), else_expr });
        self.without_zeros(marked(case, mark), open)
    }

    /// Expressions of which one is the result: quoted literals take the type of the others.
    pub(super) fn alike(&self, all: Vec<Expr>, what: &str) -> Result<Vec<Expr>> {
        let mut wanted: Option<DataType> = None;
        for expr in all.iter().filter(|expr| !is_unknown(expr)) {
            let Some(found) = self.type_of(expr) else { continue };
            match &wanted {
                Some(wanted) if differ(wanted, &found) && what == "NULLIF" => {
                    return Err(no_operator(wanted, "=", &found));
                }
                Some(wanted) if differ(wanted, &found) => {
                    let message = format!("{what} types {} and {} cannot be matched", named(wanted), named(&found));
                    return Err(Error::new(Kind::DatatypeMismatch, message));
                }
                Some(_) => {}
                None => wanted = Some(found),
            }
        }
        let all = self.lent(all);
        // Without any type around them they are texts together.
        let texts = what == "COALESCE" || what == "NULLIF" || what == "GREATEST" || what == "LEAST";
        let as_text = |expr| if texts && wanted.is_none() { parameters::of_type(expr, &SqlType::Text) } else { expr };
        let mark = self.common_mark(&all).map(|mark| mark.field(""));
        let one = |expr| match &mark {
            Some(field) => lend_as(expr, field),
            None => lend(as_text(expr), wanted.as_ref()),
        };
        let all = all.into_iter().map(one).collect::<Result<_>>()?;
        // What NULLIF gives is the first of them as it is.
        Ok(if what == "NULLIF" { self.numbers(all) } else { self.numbers(self.exact(self.moments(all))) })
    }
}
