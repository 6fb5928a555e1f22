//! Functions of the engine's that forget what a mark tells of their arguments, from planning until types are known: those of arrays,
//! and `min`, `max` and `array_agg`. `resolve` puts the engine's own in their place, and the mark around or above it.

use super::elements::{self, MAKE_ARRAY};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result as DfResult, not_impl_err};
use datafusion::functions_nested::planner::{FieldAccessPlanner, NestedFunctionPlanner};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};
use std::any::Any;
use std::sync::Arc;

/// A function of arrays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kept {
    function: Arc<ScalarUDF>,
    signature: Signature,
}

/// The function with the elements that its arguments have; itself if it is none of arrays.
pub fn kept(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    if !elements::is_of_arrays(function.name()) {
        return function;
    }
    let signature = Signature::user_defined(function.signature().volatility);
    Arc::new(ScalarUDF::new_from_impl(Kept { function, signature }))
}

/// The engine's function again.
pub fn plain(function: &Arc<ScalarUDF>) -> Option<Arc<ScalarUDF>> {
    (function.inner().as_ref() as &dyn Any).downcast_ref::<Kept>().map(|kept| kept.function.clone())
}

impl ScalarUDFImpl for Kept {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        let fields = match fields_with_udf(args.arg_fields, self.function.as_ref()) {
            Ok(fields) => fields,
            // `resolve` says what is wrong with elements that have no type together.
            Err(_) if self.name() == MAKE_ARRAY => return Ok(Arc::new(Field::new(self.name(), DataType::Null, true))),
            Err(error) => return Err(error),
        };
        let coerced = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: args.scalar_arguments };
        let field = self.function.return_field_from_args(coerced)?;
        Ok(match elements::given(self.name(), args.arg_fields, args.scalar_arguments) {
            Some(sql_type) => Arc::new(sql_type.field(field.name())),
            None => field,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // `resolve` leaves none.
        not_impl_err!("a call of {} that was not resolved", self.name())
    }
}

/// A call with a function that keeps what marks tell.
pub fn kept_call(expr: Expr) -> Expr {
    match expr {
        Expr::ScalarFunction(call) => kept(call.func).call(call.args),
        other => other,
    }
}

/// The engine's planners of arrays: `ARRAY[a, b]`, `array[1]`, `array || array`.
#[derive(Debug)]
pub struct Arrays;

impl ExprPlanner for Arrays {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> DfResult<PlannerResult<RawBinaryExpr>> {
        Ok(with_marks(NestedFunctionPlanner.plan_binary_op(raw, schema)?))
    }

    fn plan_array_literal(&self, items: Vec<Expr>, schema: &DFSchema) -> DfResult<PlannerResult<Vec<Expr>>> {
        Ok(with_marks(NestedFunctionPlanner.plan_array_literal(items, schema)?))
    }

    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> DfResult<PlannerResult<RawFieldAccessExpr>> {
        Ok(with_marks(FieldAccessPlanner.plan_field_access(raw, schema)?))
    }
}

fn with_marks<T>(result: PlannerResult<T>) -> PlannerResult<T> {
    match result {
        PlannerResult::Planned(expr) => PlannerResult::Planned(kept_call(expr)),
        original => original,
    }
}

/// An aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct KeptAggregate(Arc<AggregateUDF>);

/// The aggregate with the type that its argument has; itself if it is none of these.
pub fn kept_aggregate(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    match function.name() {
        "min" | "max" | "array_agg" => Arc::new(AggregateUDF::new_from_impl(KeptAggregate(function))),
        _ => function,
    }
}

/// The engine's aggregate again.
pub fn plain_aggregate(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    match (function.inner().as_ref() as &dyn Any).downcast_ref::<KeptAggregate>() {
        Some(kept) => kept.0.clone(),
        None => function,
    }
}

/// The type of `min` or `max` of such values, if a mark has to tell it: of `varchar` there is none.
pub fn extreme_of(sql_type: SqlType) -> Option<SqlType> {
    match sql_type {
        SqlType::Varchar(_) => None,
        other => super::common::is_marked(&other).then_some(other),
    }
}

impl AggregateUDFImpl for KeptAggregate {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.0.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> DfResult<FieldRef> {
        let field = self.0.return_field(fields)?;
        let own = fields.first().and_then(|field| SqlType::from_field(field).ok());
        let known = match self.name() {
            "array_agg" => fields.first().and_then(|field| elements::gathered(field)),
            _ => own.and_then(extreme_of),
        };
        Ok(match known {
            Some(sql_type) => Arc::new(sql_type.field(field.name())),
            None => field,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        self.0.coerce_types(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DfResult<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        // `resolve` leaves none.
        not_impl_err!("an aggregate {} that was not resolved", self.name())
    }
}
