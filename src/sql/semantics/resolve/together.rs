//! Expressions that must be of one type: the branches of CASE, the arguments of COALESCE, what IN compares.

use super::super::super::missing;
use super::super::super::parameters;
use super::super::super::planner::CAST;
use super::super::candidates::name_of;
use super::super::{common, days, floats, keyed};
use super::{Expressions, differ, is_unknown, lend, lend_as, marked, named, no_operator};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{InList, InSubquery, SetComparison};
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, LogicalPlan, Operator, cast, when,
};
use std::sync::Arc;

impl Expressions<'_> {
    pub(super) fn in_list(&self, InList { expr, list, negated }: InList) -> Result<Expr> {
        let mut items = self.lent(std::iter::once(*expr).chain(list).collect()).into_iter();
        let mut all: Vec<Expr> = items.next().into_iter().collect();
        for item in items {
            all.push(self.comparable(&all[0], item, "=")?);
        }
        let mut list = keyed::together(self.numbers(self.moments(all)), self.schema);
        // Among constants the engine finds zero with a sign, too; what is computed it compares by its bits.
        if list.len() > 2 && list.iter().skip(1).any(|item| !matches!(item, Expr::Literal(..))) {
            list = keyed::unsigned(list, self.schema);
        }
        let expr = Box::new(list.remove(0));
        // An equation with itself of something outside is left out where it comes of IN only when the subquery is joined: NULL would fit.
        if let [item] = list.as_slice()
            && *item == *expr
            && expr.contains_outer()
        {
            let sign = if negated { Operator::NotEq } else { Operator::Eq };
            return Ok(Expr::BinaryExpr(BinaryExpr::new(expr, sign, Box::new(list.remove(0)))));
        }
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
        if let (Some(a), Some(b)) = (self.sql_type_of(expr), self.sql_type_of(&other))
            && (common::differ(&a, &b) || (a == SqlType::Bytea) != (b == SqlType::Bytea))
        {
            return Err(missing::operator(&format!("{} {sign} {}", name_of(&a), name_of(&b))));
        }
        Ok(other)
    }

    /// BETWEEN. What has no type yet is read as that of each bound, where PostgreSQL does not compare the bounds.
    pub(super) fn between(&self, Between { expr, negated, low, high }: Between) -> Result<Expr> {
        let open = matches!(*expr, Expr::Literal(ScalarValue::Utf8(_), None) | Expr::Literal(ScalarValue::Null, _));
        if open
            && let (Some(from), Some(to)) = (self.sql_type_of(&low), self.sql_type_of(&high))
            && differ(&from.arrow(), &to.arrow())
        {
            let side = |op, bound| self.binary(BinaryExpr::new(expr.clone(), op, bound));
            let both = side(Operator::GtEq, low)?.and(side(Operator::LtEq, high)?);
            return Ok(if negated { Expr::Not(Box::new(both)) } else { both });
        }
        let mut all = self.lent(vec![*expr, *low, *high]);
        let (Some(high), Some(low), Some(expr)) = (all.pop(), all.pop(), all.pop()) else {
            return Err(Error::internal("three operands are not three"));
        };
        let low = self.comparable(&expr, low, if negated { "<" } else { ">=" })?;
        let high = self.comparable(&expr, high, if negated { ">" } else { "<=" })?;
        let all = days::as_moments(self.numbers_of([expr, low, high]), self.schema);
        let [expr, low, high] = self.ordered(all).map(Box::new);
        Ok(Expr::Between(Between { expr, negated, low, high }))
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
            membership.subquery.subquery =
                Arc::new(floats::columns_as_floats(&membership.subquery.subquery, &[Some(DataType::Float64)])?);
            *membership.expr = cast(*membership.expr, DataType::Float64);
        }
        if let Some(mine) = self.type_of(&membership.expr)
            && differ(&mine, &column)
        {
            return Err(no_operator(&mine, "=", &column).into());
        }
        let rows = membership.subquery.subquery.clone();
        *membership.expr = self.beside_rows(*membership.expr, &rows, "=")?;
        let (expr, rows) = days::among(*membership.expr, &rows, self.schema)?;
        (*membership.expr, membership.subquery.subquery) = (expr, rows.clone());
        if let Some(key) = keyed::key(&membership.expr, self.schema)
            && let Some(keys) = keyed::subquery(&rows, keyed::key)?
        {
            *membership.expr = key;
            membership.subquery.subquery = Arc::new(keys);
        }
        // What it is where something is NULL depends on where it stands: `not_in`.
        Ok(Expr::InSubquery(membership))
    }

    /// `x < ANY (query)` and its like, by the keys of what is compared.
    pub(super) fn compared(&self, mut set: SetComparison) -> DfResult<Expr> {
        let rows = set.subquery.subquery.clone();
        *set.expr = self.beside_rows(*set.expr, &rows, &set.op.to_string())?;
        if let Some(key) = keyed::order_key(&set.expr, self.schema)
            && let Some(keys) = keyed::subquery(&rows, keyed::order_key)?
        {
            *set.expr = key;
            set.subquery.subquery = Arc::new(keys);
        }
        Ok(Expr::SetComparison(set))
    }

    /// What is compared with the rows of a query, which lend a literal their type.
    fn beside_rows(&self, expr: Expr, rows: &LogicalPlan, sign: &str) -> Result<Expr> {
        let Some(field) = rows.schema().fields().first() else { return Ok(expr) };
        let expr = lend_as(expr, field)?;
        if let (Some(a), Ok(b)) = (self.sql_type_of(&expr), SqlType::from_field(field))
            && !field.data_type().is_null()
            && common::differ(&a, &b)
        {
            return Err(missing::operator(&format!("{} {sign} {}", name_of(&a), name_of(&b))));
        }
        Ok(expr)
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
                let all = keyed::together(self.numbers([vec![*operand], whens].concat()), self.schema);
                let mut all = keyed::unsigned(all, self.schema);
                whens = all.split_off(1);
                all.pop().map(Box::new)
            }
            None => None,
        };
        let has_else = else_expr.is_some();
        // The types of all are made one with that of ELSE first.
        if let Some(otherwise) = else_expr {
            results.insert(0, *otherwise);
        }
        let mark = self.common_of(&results, "CASE")?;
        let open = results.iter().any(|result| self.is_open_numeric(result));
        let mut results = self.alike(results, "CASE")?;
        let else_expr = has_else.then(|| Box::new(results.remove(0)));
        let pairs = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then)));
        let case = Expr::Case(Case { expr, when_then_expr: pairs.collect(), else_expr });
        self.without_zeros(marked(case, mark), open)
    }

    /// Expressions of which one is the result: quoted literals take the type of the others.
    pub(super) fn alike(&self, all: Vec<Expr>, what: &str) -> Result<Vec<Expr>> {
        let mark = match what {
            "NULLIF" => self.of_first(&all)?,
            what => self.common_of(&all, what)?,
        };
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
        let one = |expr: Expr| match &mark {
            // The blanks at the end of other texts go.
            Some(SqlType::Char(_)) if self.sql_type_of(&expr).is_some_and(|t| !matches!(t, SqlType::Char(_))) => {
                let field = Arc::new(SqlType::Char(0).field(CAST));
                Ok(Expr::Cast(Cast::new_from_field(Box::new(expr), field)))
            }
            Some(mark) => lend_as(expr, &mark.field("")),
            None => lend(as_text(expr), wanted.as_ref()),
        };
        let all = all.into_iter().map(one).collect::<Result<_>>()?;
        // What NULLIF gives is the first of them as it is.
        Ok(match what {
            "NULLIF" => self.numbers(all),
            _ => self.numbers(self.exact(self.singles(self.moments(all)))),
        })
    }

    /// The type that NULLIF gives, if a mark tells it, where both can be compared.
    fn of_first(&self, all: &[Expr]) -> Result<Option<SqlType>> {
        let types: Vec<SqlType> = all.iter().filter_map(|expr| self.sql_type_of(expr)).collect();
        if let [a, b] = types.as_slice()
            && common::differ(a, b)
        {
            return Err(missing::operator(&format!("{} = {}", name_of(a), name_of(b))));
        }
        Ok(types.into_iter().next().filter(common::is_marked))
    }

    /// NULLIF of what is compared by keys.
    pub(super) fn null_if(&self, args: &[Expr]) -> Result<Option<Expr>> {
        let [value, other] = args else { return Ok(None) };
        let keys = keyed::together(args.to_vec(), self.schema);
        let [a, b] = keys.as_slice() else { return Ok(None) };
        let data_type = value.get_type(self.schema)?;
        // To the engine's function zero with a sign is another number, but not where it compares.
        let by_value = data_type.is_floating() && !value.is_volatile();
        if (a, b) == (value, other) && !by_value {
            return Ok(None);
        }
        let null = ScalarValue::try_from(&data_type)?;
        Ok(Some(when(a.clone().eq(b.clone()), Expr::Literal(null, None)).otherwise(value.clone())?))
    }

    /// Exact numbers beside `real` as `real`, where no `double precision` is among them.
    fn singles(&self, all: Vec<Expr>) -> Vec<Expr> {
        let types: Vec<_> = all.iter().map(|expr| self.type_of(expr)).collect();
        let numbers = types.iter().flatten().all(DataType::is_numeric);
        let single = types.iter().flatten().any(|t| *t == DataType::Float32);
        if !numbers || !single || types.iter().flatten().any(|t| *t == DataType::Float64) {
            return all;
        }
        let one = |(expr, own): (Expr, &Option<DataType>)| match own {
            Some(own) if *own != DataType::Float32 => cast(expr, DataType::Float32),
            _ => expr,
        };
        all.into_iter().zip(&types).map(one).collect()
    }
}
