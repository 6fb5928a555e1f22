//! Scalar functions that the engine would give other arguments, or other results.

use super::super::enumeration::enum_of;
use super::super::length::Bounded;
use super::super::math::{Math, Whole};
use super::super::moment::{Extract, Round};
use super::super::{function, regex};
use super::{Class, Expressions, class, declare, named};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::functions_nested::expr_fn::array_position;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, cast, lit, when};

/// Functions whose first argument is text, which the engine would make of anything.
const TEXT_FUNCTIONS: &[&str] = &[
    "ascii",
    "btrim",
    "character_length",
    "initcap",
    "left",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "octet_length",
    "regexp_count",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "translate",
    "upper",
];
const ADD_CASTS: &str =
    "No function matches the given name and argument types. You might need to add explicit type casts.";

impl Expressions<'_> {
    /// The call with its types, or what stands for it.
    pub(super) fn function(&self, mut call: ScalarFunction) -> Result<Expr> {
        if TEXT_FUNCTIONS.contains(&call.name()) {
            self.takes_text(call.name(), &call.args)?;
        }
        let ours = match (call.name(), call.args.as_slice()) {
            ("coalesce" | "nullif" | "greatest" | "least", _) => {
                let name = call.name().to_uppercase();
                call.args = self.alike(call.args, &name)?;
                let ordered = matches!(call.name(), "greatest" | "least");
                if ordered && call.args.iter().any(|arg| enum_of(arg, self.schema).is_some()) {
                    let message = format!("{name} of an enumerated type is not supported");
                    return Err(Error::new(Kind::Unsupported, message));
                }
                None
            }
            ("make_array", [_, _, ..]) => {
                call.args = self.alike(call.args, "ARRAY")?;
                None
            }
            // `x = ANY(ARRAY[a, b])`
            ("array_has", [Expr::ScalarFunction(list), item]) if list.name() == "make_array" => {
                let (expr, list) = (Box::new(item.clone()), list.args.clone());
                return self.in_list(InList { expr, list, negated: false });
            }
            // `x = ANY(column)`: where nothing is equal, an element that is NULL might be.
            ("array_has", [list, _]) if !list.column_refs().is_empty() => {
                let nulls = array_position(list.clone(), lit(ScalarValue::Null), lit(1_i64)).is_not_null();
                let has = Expr::ScalarFunction(call.clone());
                let unknown = Expr::Literal(ScalarValue::Boolean(None), None);
                Some(when(has.clone(), lit(true)).when(nulls, unknown).otherwise(has)?)
            }
            // `x = ANY($1)`
            ("array_has", [_, item]) => {
                if let Some(item) = self.type_of(item) {
                    let list = DataType::new_list(item, true);
                    call.args = call.args.into_iter().map(|arg| declare(arg, &list)).collect();
                }
                None
            }
            ("date_part", [Expr::Literal(ScalarValue::Utf8(Some(part)), _), moment]) => match Extract::part(part) {
                Some(part) => Some(function::call(part, vec![moment.clone()])),
                None => Some(cast(Expr::ScalarFunction(call.clone()), DataType::Decimal128(20, 0))),
            },
            // The engine counts places below zero from the end; in PostgreSQL nothing is there.
            ("array_element", [_, place]) => {
                call.args[1] = when(place.clone().gt_eq(lit(1)), place.clone()).end()?;
                None
            }
            // An array without elements has no length.
            ("array_length", [_, ..]) => {
                let length = cast(Expr::ScalarFunction(call.clone()), DataType::Int32);
                Some(nullif(length, lit(0_i32)))
            }
            // Which shows a boolean as a letter, as results do.
            ("concat" | "concat_ws", _) => {
                let letter = |arg: Expr| match self.type_of(&arg) {
                    Some(DataType::Boolean) => {
                        when(arg.clone(), lit("t")).when(Expr::Not(Box::new(arg)), lit("f")).end()
                    }
                    _ => Ok(arg),
                };
                call.args = call.args.into_iter().map(letter).collect::<Result<_, _>>()?;
                None
            }
            ("repeat" | "lpad" | "rpad", [text, count, ..]) => {
                let bounded = Bounded { repeats: call.name() == "repeat" };
                let operands = vec![cast(text.clone(), DataType::Utf8), cast(count.clone(), DataType::Int64)];
                call.args[1] = function::call(bounded, operands);
                None
            }
            ("regexp_like" | "regexp_match" | "regexp_replace" | "regexp_count", [_, pattern, ..]) => {
                call.args[1] = regex::pattern(pattern.clone())?;
                None
            }
            ("round", [number]) => match self.type_of(number) {
                Some(data_type @ (DataType::Float32 | DataType::Float64)) => {
                    Some(function::call(Round { data_type }, vec![number.clone()]))
                }
                _ => None,
            },
            ("ceil" | "floor" | "trunc", [number, ..]) => {
                self.whole(call.name(), &call.args).map(|whole| function::call(whole, vec![number.clone()]))
            }
            (name, args) => {
                let number = |arg| self.type_of(arg).is_some_and(|t| class(&t) == Class::Number);
                let math = Math::named(name, args.len()).filter(|_| args.iter().all(number));
                math.map(|math| function::call(math, args.to_vec()))
            }
        };
        Ok(ours.unwrap_or(Expr::ScalarFunction(call)))
    }

    fn takes_text(&self, name: &str, args: &[Expr]) -> Result<()> {
        match args.first().and_then(|text| self.type_of(text)) {
            Some(found) if !matches!(class(&found), Class::Text | Class::Other) => {
                let name = if name == "character_length" { "length" } else { name };
                let message = format!("function {name}({}) does not exist", named(&found));
                Err(Error::new(Kind::UndefinedFunction, message).with_hint(ADD_CASTS))
            }
            _ => Ok(()),
        }
    }

    /// A function that drops places of a decimal, so many as its second argument says.
    fn whole(&self, name: &str, args: &[Expr]) -> Option<Whole> {
        let DataType::Decimal128(_, scale) = self.type_of(args.first()?)? else { return None };
        let places = match args.get(1) {
            None => 0,
            Some(Expr::Literal(ScalarValue::Int32(Some(places)), _)) => i8::try_from(*places).ok()?,
            Some(_) => return None,
        };
        Whole::named(name, scale, places)
    }
}
