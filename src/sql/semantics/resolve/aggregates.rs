//! Aggregates and window functions: which of the engine's functions, or of ours, they are, and what they compare.

use super::super::super::missing;
use super::super::{average, extreme, frames, furthest, joined, keyed, squares, sums};
use super::{Expressions, differ, is_unknown};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNode;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::{
    AggregateFunction, ScalarFunction, Sort as SortExpr, WindowFunction, WindowFunctionParams,
};
use datafusion::logical_expr::{Expr, WindowFunctionDefinition, cast};

impl Expressions<'_> {
    /// The aggregate that a call means.
    pub(super) fn aggregated(&self, mut call: AggregateFunction) -> Result<Expr> {
        let value = call.params.args.first().and_then(|arg| self.type_of(arg));
        call.func = joined::of_texts(call.func, value.as_ref());
        must_sort_by_arguments(&call)?;
        self.must_aggregate(call.func.name(), &call.params.args)?;
        call.params.filter = self.filter(call.params.filter)?;
        self.aggregate(call.func.name(), &mut call.params.args)?;
        if let ("avg", [arg]) = (call.func.name(), call.params.args.as_slice()) {
            call.func = average::of(self.type_of(arg).as_ref());
        } else {
            call.func = squares::of(call.func);
        }
        if let [arg] = call.params.args.as_slice()
            && let Some(extreme) = extreme::of(call.func.name(), self.type_of(arg).as_ref())
        {
            call.func = extreme;
        }
        if let ("sum", [arg]) = (call.func.name(), call.params.args.as_slice()) {
            call.func = sums::of(self.type_of(arg).as_ref());
        }
        Ok(Expr::AggregateFunction(self.by_keys(call)))
    }

    /// The window function that a call means.
    pub(super) fn windowed(&self, mut call: Box<WindowFunction>) -> DfResult<Expr> {
        call.params.filter = self.filter(call.params.filter)?;
        if let WindowFunctionDefinition::WindowUDF(function) = &call.fun {
            self.within_window(&mut call.params)?;
            if matches!(function.name(), "lag" | "lead") {
                self.beside_default(function.name(), &mut call.params.args)?;
            }
        }
        frames::keyed(&mut call.params, self.schema)?;
        let partition = std::mem::take(&mut call.params.partition_by);
        call.params.partition_by = partition.into_iter().map(|expr| keyed::part(expr, self.schema)).collect();
        if let WindowFunctionDefinition::AggregateUDF(aggregate) = &mut call.fun {
            let value = call.params.args.first().and_then(|arg| self.type_of(arg));
            *aggregate = joined::of_texts(aggregate.clone(), value.as_ref());
            let name = aggregate.name().to_owned();
            self.must_aggregate(&name, &call.params.args)?;
            self.aggregate(&name, &mut call.params.args)?;
            if let ("avg", [arg]) = (name.as_str(), call.params.args.as_slice()) {
                *aggregate = average::of(self.type_of(arg).as_ref());
            } else {
                *aggregate = squares::of(aggregate.clone());
            }
            if let ("sum", [arg]) = (name.as_str(), call.params.args.as_slice()) {
                *aggregate = sums::of(self.type_of(arg).as_ref());
            }
            if let (Some(by_key), [arg]) = (furthest::by_key(&name), call.params.args.as_slice())
                && let Some(key) = keyed::order_key(arg, self.schema)
            {
                *aggregate = by_key;
                call.params.args.push(key);
            }
        }
        Ok(Expr::WindowFunction(call))
    }

    /// What such a function is given, but for its numbers, and the rows that it looks at.
    pub(super) fn beneath_window(&mut self, mut call: Box<WindowFunction>) -> DfResult<Box<WindowFunction>> {
        let WindowFunctionDefinition::WindowUDF(function) = &call.fun else { return Ok(call) };
        let valued = matches!(function.name(), "lag" | "lead" | "first_value" | "last_value" | "nth_value");
        let mut all = |exprs: &mut [Expr]| -> DfResult<()> {
            for expr in exprs {
                *expr = std::mem::take(expr).rewrite(self)?.data;
            }
            Ok(())
        };
        if let [value, ..] = call.params.args.as_mut_slice()
            && valued
        {
            all(std::slice::from_mut(value))?;
        }
        all(&mut call.params.partition_by)?;
        for key in &mut call.params.order_by {
            all(std::slice::from_mut(&mut key.expr))?;
        }
        Ok(call)
    }

    /// What FILTER says.
    fn filter(&self, filter: Option<Box<Expr>>) -> Result<Option<Box<Expr>>> {
        filter.map(|filter| self.truth(*filter, "FILTER").map(Box::new)).transpose()
    }

    /// What a window function is over. Its numbers behind the first are the engine's.
    fn within_window(&self, params: &mut WindowFunctionParams) -> DfResult<()> {
        let rewrite = |expr: &mut Expr| {
            let mut within = *self;
            *expr = std::mem::take(expr).rewrite(&mut within)?.data;
            DfResult::Ok(())
        };
        params.args.iter_mut().take(1).filter(|arg| !matches!(arg, Expr::Literal(..))).try_for_each(rewrite)?;
        params.partition_by.iter_mut().try_for_each(rewrite)?;
        params.order_by.iter_mut().map(|key| &mut key.expr).try_for_each(rewrite)
    }

    /// What `lag(x, n, other)` is over, and what it gives where no row is: of the type that both have together.
    fn beside_default(&self, name: &str, args: &mut [Expr]) -> DfResult<()> {
        let [value, _, other] = args else { return Ok(()) };
        let mut within = *self;
        let both = [value.clone(), other.clone().rewrite(&mut within)?.data];
        if let (Some(a), Some(b)) = (self.type_of(&both[0]), self.type_of(&both[1]))
            && !both.iter().any(is_unknown)
            && differ(&a, &b)
        {
            let types = [self.name_of(&both[0]), "integer".to_owned(), self.name_of(&both[1])];
            return Err(missing::function(name, &types).into());
        }
        let both = self.alike(both.to_vec(), name)?;
        if let Ok([of, instead]) = <[Expr; 2]>::try_from(both) {
            (*value, *other) = (of, instead);
        }
        Ok(())
    }

    /// An aggregate that sorts or compares, by the keys of what it compares.
    fn by_keys(&self, mut call: AggregateFunction) -> AggregateFunction {
        call.params.order_by = keyed::order(call.params.order_by, self.schema);
        let (name, distinct) = (call.func.name().to_owned(), call.params.distinct);
        if let Some(arg) = call.params.args.first_mut()
            && distinct
            && !matches!(name.as_str(), "min" | "max")
            && let Some(unsigned) = keyed::unsigned_zero(arg, self.schema)
        {
            // What it is sorted by is what it is of.
            let keys = call.params.order_by.iter_mut().filter(|key| key.expr == *arg);
            keys.for_each(|key| key.expr = unsigned.clone());
            *arg = unsigned;
        }
        let [arg] = call.params.args.as_slice() else { return call };
        let key = match name.as_str() {
            "min" | "max" => keyed::order_key(arg, self.schema),
            "count" if distinct => keyed::key(arg, self.schema).or_else(|| self.row_of_keys(arg)),
            _ => keyed::key(arg, self.schema),
        };
        let Some(key) = key else { return call };
        match name.as_str() {
            "count" if distinct => call.params.args = vec![key],
            "min" | "max" => {
                let order = vec![SortExpr { expr: key, asc: name == "min", nulls_first: false }];
                let filter = call.params.filter;
                return AggregateFunction::new_udf(first_value_udaf(), call.params.args, false, filter, order, None);
            }
            _ => {}
        }
        call
    }

    /// What tells a value from others, where its bytes do not.
    fn distinct_key(&self, value: &Expr) -> Option<Expr> {
        keyed::key(value, self.schema).or_else(|| keyed::unsigned_zero(value, self.schema))
    }

    /// The same of a row, which is made of such.
    fn row_of_keys(&self, row: &Expr) -> Option<Expr> {
        let Expr::ScalarFunction(call) = row else { return None };
        let keys: Vec<Option<Expr>> = match call.name() {
            "struct" | "row" => call.args.iter().map(|column| self.distinct_key(column)).collect(),
            _ => return None,
        };
        let columns = keys.iter().zip(&call.args).map(|(key, column)| key.as_ref().unwrap_or(column).clone());
        let args = columns.collect();
        keys.iter().any(Option::is_some).then(|| Expr::ScalarFunction(ScalarFunction { func: call.func.clone(), args }))
    }

    /// Sums of `bigint` are numeric, and so are averages of all exact numbers.
    fn aggregate(&self, name: &str, args: &mut [Expr]) -> Result<()> {
        let [arg] = args else { return Ok(()) };
        let wanted = match (name, self.type_of(arg)) {
            ("sum", Some(DataType::Int64)) => DataType::Decimal128(38, 0),
            // It becomes a sum that is divided by a count: see `above`.
            ("avg", Some(DataType::Int16 | DataType::Int32 | DataType::Int64)) => DataType::Decimal128(38, 0),
            _ => return Ok(()),
        };
        *arg = cast(arg.clone(), wanted);
        Ok(())
    }
}

/// Refuses an order of distinct values by something else than they are.
fn must_sort_by_arguments(call: &AggregateFunction) -> Result<()> {
    let sorted = matches!(call.func.name(), "string_agg" | "array_agg") && call.params.distinct;
    if sorted && call.params.order_by.iter().any(|key| !call.params.args.contains(&key.expr)) {
        let message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
        return Err(Error::new(Kind::InvalidColumnReference, message));
    }
    Ok(())
}
