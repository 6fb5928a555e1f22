//! A function of the engine's as PostgreSQL declares it, from planning until its arguments have their types.
//!
//! The engine would coerce arguments by rules of its own, and say in its own words where it cannot. A call is planned as one
//! of [`Called`] instead, which has a type in any case; `resolve` chooses PostgreSQL's function, lends literals the types of
//! its arguments, and puts the engine's own function in its place. A name that nothing has is such a call too, so that the
//! error can tell the types.

use super::super::missing;
use super::candidates::{self, Choice, Given, Type};
use super::wide::WIDE;
use super::{common, series};
use crate::catalog::SqlType;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue, not_impl_err};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// A call by a name of PostgreSQL's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Called {
    /// The name in the statement.
    pub name: String,
    /// The engine's function; none if the name is nobody's.
    pub function: Option<Arc<ScalarUDF>>,
    signature: Signature,
}

/// Functions of values that are alike: what is open is what the others are.
const ALIKE: &[&str] = &["coalesce", "greatest", "least", "nullif"];

/// `EXTRACT`, which is numeric.
const EXTRACT: &str = "extract";

/// The rows of numbers or moments, whose types are asked for before there are any.
const SERIES: &str = "generate_series";

/// Functions whose results have other types than the engine gives them, whatever they are called with.
const PASSED: &[&str] = &[EXTRACT, "array_length", "array_position", "array_positions"];

/// The field of values that are alike, as they are known at planning; none where nothing is.
pub fn alike(args: &ReturnFieldArgs<'_>) -> Option<FieldRef> {
    let signature = Signature::user_defined(Volatility::Immutable);
    let function = Some(datafusion::functions::core::coalesce());
    Called { name: ALIKE[0].to_owned(), function, signature }.planned(args)
}

/// The function under its name in PostgreSQL, if PostgreSQL declares it too.
pub fn called(name: &str, function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    // `trim` is grammar for this.
    let name = if name == "trim" { "btrim" } else { name };
    if !candidates::FUNCTIONS.contains_key(name) && !ALIKE.contains(&name) && !PASSED.contains(&name) {
        return function;
    }
    let signature = Signature::user_defined(function.signature().volatility);
    Arc::new(ScalarUDF::new_from_impl(Called { name: name.to_owned(), function: Some(function), signature }))
}

/// `EXTRACT` of two arguments, until their types are known.
pub fn extract(args: Vec<Expr>) -> Expr {
    let function = datafusion::functions::datetime::date_part();
    let signature = Signature::user_defined(function.signature().volatility);
    let called = Called { name: EXTRACT.to_owned(), function: Some(function), signature };
    Arc::new(ScalarUDF::new_from_impl(called)).call(args)
}

/// A function that is not there.
pub fn missing(name: &str) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Called { name: name.to_owned(), function: None, signature }))
}

impl Called {
    /// What such arguments make of the call.
    pub fn choose(&self, given: &[Given]) -> Choice {
        if ALIKE.contains(&self.name.as_str()) || PASSED.contains(&self.name.as_str()) {
            return Choice::One(&[]);
        }
        let known = candidates::FUNCTIONS.get(self.name.as_str()).filter(|_| self.function.is_some());
        let Some(all) = known else { return Choice::None };
        // What is made of whole numbers, as a series is, may be `bigint` for the engine alone.
        let narrow = || given.iter().map(|g| if *g == Some(Type::Int8) { Some(Type::Int4) } else { *g });
        match candidates::choose(all, given) {
            Choice::None => candidates::choose(all, &narrow().collect::<Vec<_>>()),
            choice => choice,
        }
    }

    /// The type of the result where it is not the engine's.
    fn gives(&self, chosen: &[Type]) -> Option<DataType> {
        let exact = chosen.first() == Some(&Type::Numeric);
        Some(match self.name.as_str() {
            "sqrt" | "ln" | "log" | "log10" | "exp" | "power" | "pow" if exact => WIDE,
            "sign" if exact => DataType::Decimal128(1, 0),
            "array_length" | "array_position" => DataType::Int32,
            "array_positions" => DataType::new_list(DataType::Int32, true),
            EXTRACT => DataType::Decimal128(38, 6),
            _ => return None,
        })
    }

    /// The field that the engine's function gives where types are those known at planning: whole numbers are still wide.
    fn planned(&self, args: &ReturnFieldArgs<'_>) -> Option<FieldRef> {
        let function = self.function.as_ref()?;
        if PASSED.contains(&self.name.as_str()) {
            return self.gives(&[]).map(|data_type| Arc::new(Field::new(&self.name, data_type, true)));
        }
        let marked = match self.name.as_str() {
            // What it gives is the first of its arguments.
            "nullif" => common::planned(args.arg_fields.get(..1)?, args.scalar_arguments.get(..1)?),
            name if ALIKE.contains(&name) => common::planned(args.arg_fields, args.scalar_arguments),
            _ => None,
        };
        let given: Vec<Given> = args.arg_fields.iter().zip(args.scalar_arguments).map(|(f, c)| given(f, *c)).collect();
        let Choice::One(chosen) = self.choose(&given) else { return None };
        // Of bytes it is another function.
        if matches!(self.name.as_str(), "substr" | "substring") && chosen.first() == Some(&Type::Bytea) {
            return Some(Arc::new(Field::new(&self.name, DataType::Binary, true)));
        }
        let known = args.arg_fields.iter().zip(&given).find(|(_, given)| given.is_some()).map(|(field, _)| field);
        let lent = args.arg_fields.iter().zip(&given).enumerate().map(|(at, (field, given))| match given {
            Some(_) => field.clone(),
            None if chosen.is_empty() => known.unwrap_or(field).clone(),
            None => match chosen.get(at).and_then(|wanted| wanted.sql_type()) {
                Some(wanted) => Arc::new(wanted.field(field.name())),
                None => field.clone(),
            },
        });
        let lent: Vec<FieldRef> = lent.collect();
        if self.name == SERIES {
            let types: Vec<DataType> = lent.iter().map(|field| field.data_type().clone()).collect();
            let moments =
                chosen.first().and_then(|first| first.sql_type()).filter(|first| *first == SqlType::Timestamptz);
            if let Some(values) = series::values_of(&types).or_else(|| moments.map(|moments| moments.arrow())) {
                return Some(Arc::new(Field::new(&self.name, DataType::new_list(values, true), true)));
            }
        }
        let fields = fields_with_udf(&lent, function.as_ref()).ok()?;
        let args = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: args.scalar_arguments };
        let field = function.return_field_from_args(args).ok()?;
        Some(match (self.gives(chosen), marked) {
            (Some(data_type), _) => Arc::new(Field::new(field.name(), data_type, true)),
            (None, Some(sql_type)) => Arc::new(sql_type.field(field.name())),
            (None, None) => field,
        })
    }
}

fn given(field: &Field, constant: Option<&ScalarValue>) -> Given {
    match (constant, field.data_type()) {
        (_, DataType::Null) => None,
        (Some(ScalarValue::Utf8(_)), _) if field.metadata().is_empty() => None,
        (Some(ScalarValue::Int64(Some(n))), _) if i32::try_from(*n).is_ok() => Some(Type::Int4),
        _ => SqlType::from_field(field).ok().map(|sql_type| Type::of(&sql_type)),
    }
}

fn named(field: &Field, constant: Option<&ScalarValue>) -> String {
    match (given(field, constant), SqlType::from_field(field)) {
        (Some(Type::Int4), _) => "integer".to_owned(),
        (Some(_), Ok(sql_type)) => candidates::name_of(&sql_type),
        _ => "unknown".to_owned(),
    }
}

impl ScalarUDFImpl for Called {
    fn name(&self) -> &str {
        self.function.as_ref().map_or(&self.name, |function| function.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Null)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        match self.planned(&args) {
            Some(field) => Ok(field),
            // Its rows are made before types are settled.
            None if self.name == SERIES => {
                let given = args.arg_fields.iter().zip(args.scalar_arguments);
                let names: Vec<String> = given.map(|(field, constant)| named(field, *constant)).collect();
                Err(missing::function(&self.name, &names).into())
            }
            None => Ok(Arc::new(Field::new(&self.name, DataType::Null, true))),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // `resolve` leaves none.
        not_impl_err!("a call of {} that was not resolved", self.name)
    }
}
