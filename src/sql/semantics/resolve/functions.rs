//! Scalar functions that the engine would give other arguments, or other results.

use super::super::super::functions::postgres_call;
use super::super::super::missing;
use super::super::super::parameters;
use super::super::super::planner::CAST;
use super::super::common;
use super::super::elements::{self, MAKE_ARRAY, Retyped};
use super::super::exact::ExactCall;
use super::super::function;
use super::super::furthest;
use super::super::keyed;
use super::super::length::{Bounded, Counted};
use super::super::lists::{Among, Changed, Relation};
use super::super::math::{Math, Whole};
use super::super::moment::{Extract, Round};
use super::super::wide::decimal;
use super::super::{series, session_zone};
use super::{Class, Expressions, class, lend, named};
use crate::catalog::SqlType;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, IntervalUnit};
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, cast, lit, when};
use std::ops::BitAnd;
use std::sync::Arc;

/// Functions whose first argument is text, which the engine would make of anything.
const TEXT_FUNCTIONS: &[&str] = &[
    "ascii",
    "btrim",
    "concat_ws",
    "initcap",
    "left",
    "lower",
    "lpad",
    "ltrim",
    "md5",
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
/// Functions of floating point, which numbers of no type are for them.
const FLOAT_FUNCTIONS: &[&str] =
    &["abs", "ceil", "exp", "floor", "ln", "log", "log10", "power", "round", "signum", "sqrt", "trunc"];
/// Places that a number is given at most.
const PLACES_MAX: i8 = 20;

/// Arguments with the types that the function takes where a parameter has none.
fn parameters_of(name: &str, args: Vec<Expr>) -> Vec<Expr> {
    if !args.iter().any(parameters::is_open) {
        return args;
    }
    let count = args.len();
    let wanted = |at: usize| match (name, at) {
        ("left" | "right" | "repeat" | "lpad" | "rpad", 1) | ("substr", 1 | 2) | ("split_part", 2) => {
            Some(SqlType::Int4)
        }
        ("round" | "trunc" | "array_element" | "array_length", 1) => Some(SqlType::Int4),
        ("round" | "trunc", 0) if count == 2 => Some(SqlType::Numeric(None)),
        _ if TEXT_FUNCTIONS.contains(&name) => Some(SqlType::Text),
        _ if FLOAT_FUNCTIONS.contains(&name) => Some(SqlType::Float8),
        _ => None,
    };
    let typed = |(at, arg)| match wanted(at) {
        Some(sql_type) => parameters::of_type(arg, &sql_type),
        None => arg,
    };
    args.into_iter().enumerate().map(typed).collect()
}

impl Expressions<'_> {
    /// The call with its types, or what stands for it.
    pub(super) fn function(&self, mut call: ScalarFunction) -> Result<Expr> {
        call.args = parameters_of(call.name(), call.args.clone());
        let of_bytes = match call.name() {
            "substr" | "substring" => Some("bytea_substr"),
            "overlay" => Some("bytea_overlay"),
            _ => None,
        };
        if let Some(name) = of_bytes
            && call.args.first().and_then(|arg| self.type_of(arg)) == Some(DataType::Binary)
            && let Some(Expr::ScalarFunction(bytes)) = postgres_call(name, call.args.clone())
        {
            call = bytes;
        }
        if let Some(function) = super::postgres::postgres(&call) {
            return self.ours(&call, function);
        }
        if TEXT_FUNCTIONS.contains(&call.name()) {
            self.takes_text(call.name(), &call.args)?;
        }
        let name = call.name().to_owned();
        if let Some(gives) = elements::call(&name, &mut call.args, self.schema)? {
            return Ok(function::call(gives, vec![self.of_engine(call)?]));
        }
        self.of_engine(call)
    }

    /// A call of one of the engine's functions.
    fn of_engine(&self, mut call: ScalarFunction) -> Result<Expr> {
        let ours = match (call.name(), call.args.as_slice()) {
            ("coalesce" | "nullif" | "greatest" | "least", _) => {
                let name = call.name().to_uppercase();
                let open = call.args.iter().any(|arg| self.is_open_numeric(arg));
                let types: Vec<_> = call.args.iter().map(|arg| self.type_of(arg)).collect();
                let mark = match call.name() {
                    "nullif" => self.mark_of_null_if(&mut call.args),
                    _ => self.common_of(&call.args, &name)?,
                };
                call.args = self.alike(call.args, &name)?;
                let by_keys = match call.name() {
                    "greatest" | "least" => furthest::furthest(&call, self.schema)?,
                    "nullif" => self.null_if(&call.args)?,
                    _ => None,
                };
                let result = super::marked(by_keys.unwrap_or_else(|| Expr::ScalarFunction(call.clone())), mark);
                let result = match (call.name(), types.as_slice()) {
                    ("nullif", [Some(first), second]) => match type_of_null_if(first, second.as_ref()) {
                        Some(data_type) => cast(result, data_type),
                        None => result,
                    },
                    _ => result,
                };
                Some(self.without_zeros(result, open)?)
            }
            (MAKE_ARRAY, [_, ..]) => {
                let item = self.common_of(&call.args, "ARRAY")?;
                if call.args.len() > 1 {
                    call.args = self.alike(call.args, "ARRAY")?;
                }
                let item = item.filter(|item| !matches!(item, SqlType::Array(_)));
                item.map(|item| function::call(Retyped::to_array_of(item), vec![Expr::ScalarFunction(call.clone())]))
            }
            // `x = ANY(ARRAY[a, b])`
            ("array_has", [list, item]) if let Some(list) = elements::listed(list) => {
                let (expr, list) = (Box::new(item.clone()), list.to_vec());
                return self.in_list(InList { expr, list, negated: false });
            }
            // `$1 = ANY(column)`
            ("array_has", [list, item]) if parameters::is_open(item) => {
                let Some(DataType::List(element)) = self.type_of(list) else { return Ok(Expr::ScalarFunction(call)) };
                call.args[1] = parameters::typed(item.clone(), |id| parameters::beside(&element, id));
                return self.function(call);
            }
            // `x = ANY(array)`: where nothing is equal, an element that is NULL might be.
            ("array_has", [_, item]) => {
                if let Some(item) = self.type_of(item).and_then(|item| SqlType::from_arrow(&item).ok()) {
                    let list = SqlType::Array(Box::new(item));
                    call.args = call.args.into_iter().map(|arg| parameters::of_type(arg, &list)).collect();
                }
                let (list, item) = (call.args[0].clone(), call.args[1].clone());
                call.args = keyed::unsigned(call.args, self.schema);
                Some(function::call(Among, vec![Expr::ScalarFunction(call.clone()), list, item.is_null()]))
            }
            ("date_part", [Expr::Literal(ScalarValue::Utf8(Some(part)), _), moment]) => match self.type_of(moment) {
                Some(from) if class(&from) != Class::Text => {
                    Some(function::call(Extract::of(part, &from)?, vec![moment.clone()]))
                }
                // What is a text as it is written may be a moment; what is a text by its type is none.
                Some(_) if moment.any_column_refs() => {
                    let message = "function pg_catalog.extract(unknown, text) does not exist";
                    return Err(Error::new(Kind::UndefinedFunction, message).with_hint(
                        "No function matches the given name and argument types. You might need to add explicit type casts.",
                    ));
                }
                _ => None,
            },
            // Which writes other elements in ways of its own.
            ("array_to_string", [list, ..]) if let Some(texts) = self.as_texts(list) => {
                call.args[0] = texts;
                None
            }
            // `@>`
            ("array_has_all", [list, within]) if self.are_lists(list, within) => {
                Some(function::call(Relation::Contains, vec![list.clone(), within.clone()]))
            }
            ("array_remove_all", [list, sought]) => self.changed_list(list, &[sought]),
            ("array_replace_all", [list, sought, instead]) => self.changed_list(list, &[sought, instead]),
            // Of four bytes it has eight digits, which the engine would fill up to sixteen.
            ("to_hex", [number]) if self.is_small(number) => {
                call.args[0] = cast(number.clone(), DataType::Int64).bitand(lit(0xffff_ffff_i64));
                None
            }
            // The engine says a type of theirs that their values do not have.
            ("left" | "right", _) => Some(cast(Expr::ScalarFunction(call.clone()), DataType::Utf8)),
            // Of whole numbers of four bytes it is one of them.
            ("gcd" | "lcm", [a, b]) if [a, b].iter().all(|arg| self.is_small(arg)) => {
                Some(cast(Expr::ScalarFunction(call.clone()), DataType::Int32))
            }
            // The engine counts places below zero from the end; in PostgreSQL nothing is there.
            ("array_element", [_, place]) => {
                call.args[1] = when(place.clone().gt_eq(lit(1)), place.clone()).end()?;
                None
            }
            ("generate_series", [from, to, step]) if let Some(of_moments) = self.of_moments([from, to]) => {
                let moment = if of_moments { SqlType::Timestamptz } else { SqlType::Timestamp }.arrow();
                let length = DataType::Interval(IntervalUnit::MonthDayNano);
                let lent =
                    [(from, &moment), (to, &moment), (step, &length)].map(|(arg, of)| lend(arg.clone(), Some(of)));
                Some(session_zone::series(lent.into_iter().collect::<Result<_>>()?, of_moments))
            }
            // Days are the moments when they begin.
            ("generate_series", [from, to, step]) if [from, to].iter().any(|bound| self.is_date(bound)) => {
                let moment = SqlType::Timestamptz.field(CAST);
                let begin = |bound: &Expr| match self.is_date(bound) {
                    true => self.cast(Cast::new_from_field(Box::new(bound.clone()), Arc::new(moment.clone()))),
                    false => lend(bound.clone(), Some(moment.data_type())),
                };
                let length = DataType::Interval(IntervalUnit::MonthDayNano);
                Some(session_zone::series(vec![begin(from)?, begin(to)?, lend(step.clone(), Some(&length))?], true))
            }
            ("generate_series", args) if let Some(values) = self.exact_series(args) => {
                Some(series::of(values, args.to_vec()))
            }
            ("generate_series", [first, last, rest @ ..])
                if rest.len() < 2
                    && call.args.iter().all(|arg| self.type_of(arg).is_none_or(|t| t.is_integer() || t.is_null())) =>
            {
                let number = |arg: &Expr| cast(arg.clone(), DataType::Int64);
                let step = rest.first().map_or_else(|| lit(1_i64), number);
                call.args[1] = function::call(Counted, vec![number(first), number(last), step]);
                None
            }
            ("array_position", _) => {
                call.args = keyed::unsigned(call.args, self.schema);
                Some(cast(Expr::ScalarFunction(call.clone()), DataType::Int32))
            }
            ("array_positions", _) => {
                call.args = keyed::unsigned(call.args, self.schema);
                Some(cast(Expr::ScalarFunction(call.clone()), DataType::new_list(DataType::Int32, true)))
            }
            ("signum", [number]) => match self.type_of(number) {
                Some(DataType::Decimal128(..) | DataType::Decimal256(..)) => {
                    Some(cast(Expr::ScalarFunction(call.clone()), DataType::Decimal128(1, 0)))
                }
                Some(DataType::Float32 | DataType::Float64) => Some(function::call(Math::Sign, vec![number.clone()])),
                _ => None,
            },
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
            ("round", [number]) => match self.type_of(number) {
                Some(data_type @ (DataType::Float32 | DataType::Float64)) => {
                    Some(function::call(Round { data_type }, vec![number.clone()]))
                }
                Some(whole) if whole.is_integer() => Some(cast(number.clone(), DataType::Float64)),
                _ => None,
            },
            // Places that the number has not are zeros.
            ("round" | "trunc", [number, places]) if self.has_fewer(number, places) => constant(places).map(|places| {
                let data_type = match self.type_of(number) {
                    Some(DataType::Decimal256(digits, _)) => DataType::Decimal256(digits, places),
                    _ => DataType::Decimal128(38, places),
                };
                let field = Field::new(CAST, data_type, true);
                Expr::Cast(Cast::new_from_field(Box::new(number.clone()), Arc::new(field)))
            }),
            ("trunc", [number, places]) if self.type_of(number).is_some_and(|t| t.is_integer()) => {
                let args = [cast(number.clone(), DataType::Decimal128(20, 0)), places.clone()];
                self.whole("trunc", &args).map(|whole| function::call(whole, vec![args[0].clone()]))
            }
            ("round", [number, _]) if self.type_of(number).is_some_and(|t| t.is_integer()) => {
                call.args[0] = cast(number.clone(), DataType::Decimal128(20, 0));
                None
            }
            // Within a window it may have been met before.
            ("round" | "ceil" | "floor" | "trunc", [number, ..]) if function::operator_of::<Whole>(&call).is_none() => {
                self.whole(call.name(), &call.args).map(|whole| function::call(whole, vec![number.clone()]))
            }
            (name, args) => {
                if let Some(exact) = self.exact_call(name, args) {
                    return Ok(function::call(exact, args.to_vec()));
                }
                let number = |arg| self.type_of(arg).is_some_and(|t| class(&t) == Class::Number);
                let math = Math::named(name, args.len()).filter(|_| args.iter().all(number));
                math.map(|math| function::call(math, args.to_vec()))
            }
        };
        Ok(ours.unwrap_or(Expr::ScalarFunction(call)))
    }

    /// Whether both are arrays of one type.
    fn are_lists(&self, one: &Expr, other: &Expr) -> bool {
        let types = (self.type_of(one), self.type_of(other));
        matches!(&types, (Some(DataType::List(a)), Some(DataType::List(b))) if a.data_type() == b.data_type())
    }

    /// Whether the bounds of a series have a time zone; nothing where neither is a moment or a timestamp.
    fn of_moments(&self, bounds: [&Expr; 2]) -> Option<bool> {
        let zoned = bounds.iter().filter_map(|bound| match self.type_of(bound)? {
            DataType::Timestamp(_, zone) => Some(zone.is_some()),
            _ => None,
        });
        zoned.reduce(|one, other| one || other)
    }

    /// The type of the values of a series of numerics.
    fn exact_series(&self, args: &[Expr]) -> Option<DataType> {
        series::values_of(&args.iter().map(|arg| self.type_of(arg)).collect::<Option<Vec<_>>>()?)
    }

    fn is_date(&self, bound: &Expr) -> bool {
        self.type_of(bound) == Some(DataType::Date32)
    }

    fn is_small(&self, number: &Expr) -> bool {
        matches!(self.type_of(number), Some(DataType::Int16 | DataType::Int32))
    }

    /// An array of what is no text as the array of its texts; none if it is one already, or of whole numbers.
    fn as_texts(&self, list: &Expr) -> Option<Expr> {
        let Some(DataType::List(item)) = self.type_of(list) else { return None };
        if item.data_type().is_integer() || matches!(class(item.data_type()), Class::Text) {
            return None;
        }
        let texts = Arc::new(SqlType::Array(Box::new(SqlType::Text)).field(CAST));
        let written = Expr::Cast(Cast::new_from_field(Box::new(list.clone()), texts));
        if *item.data_type() != DataType::Boolean {
            return Some(written);
        }
        // As a result a truth is a letter.
        let words = [("true", "t"), ("false", "f")];
        let item = Arc::new(SqlType::Text.field("item"));
        Some(words.into_iter().fold(written, |written, (word, letter)| {
            let changed = Changed { item: item.clone(), replaces: true };
            function::call(changed, vec![written, lit(word), lit(letter)])
        }))
    }

    /// The type of NULLIF that a mark tells: `=` compares a `varchar` as text, and a `char` beside another text.
    fn mark_of_null_if(&self, args: &mut [Expr]) -> Option<SqlType> {
        let first = self.sql_type_of(args.first()?)?;
        let second = args.get(1).and_then(|arg| self.sql_type_of(arg));
        match (&first, second) {
            (SqlType::Varchar(_), _) => Some(SqlType::Text),
            (SqlType::Char(_), Some(SqlType::Text | SqlType::Varchar(_))) => {
                let text = Arc::new(SqlType::Text.field(CAST));
                args[0] = Expr::Cast(Cast::new_from_field(Box::new(args[0].clone()), text));
                None
            }
            _ => Some(first).filter(common::is_marked),
        }
    }

    /// An array without some of its elements, or with others in their place.
    fn changed_list(&self, list: &Expr, elements: &[&Expr]) -> Option<Expr> {
        let Some(DataType::List(item)) = self.type_of(list) else { return None };
        let element = |element: &&Expr| cast((*element).clone(), item.data_type().clone());
        let args = std::iter::once(list.clone()).chain(elements.iter().map(element)).collect();
        Some(function::call(Changed { item, replaces: elements.len() > 1 }, args))
    }

    /// The function as one of numerics, where one of them is one, or must be, and none is floating point.
    fn exact_call(&self, name: &str, args: &[Expr]) -> Option<ExactCall> {
        let types = args.iter().map(|arg| self.type_of(arg)).collect::<Option<Vec<_>>>()?;
        let exact = types.iter().all(|t| t.is_integer() || decimal(t).is_some());
        // There is a logarithm to any base of numerics alone.
        let of_numerics = (name, args.len()) == ("log", 2) || types.iter().any(|t| decimal(t).is_some());
        if !exact || !of_numerics {
            return None;
        }
        let open = |at: usize| args.get(at).is_some_and(|arg| self.is_open_numeric(arg));
        ExactCall::named(name, args.len(), [open(0), open(1)])
    }

    fn takes_text(&self, name: &str, args: &[Expr]) -> Result<()> {
        match args.first().and_then(|text| self.type_of(text)) {
            Some(found) if !matches!(class(&found), Class::Text | Class::Other) => {
                Err(missing::function(name, &[named(&found)]))
            }
            _ => Ok(()),
        }
    }

    /// A function that drops places of a decimal, so many as its second argument says.
    fn whole(&self, name: &str, args: &[Expr]) -> Option<Whole> {
        let data_type = self.type_of(args.first()?)?;
        Whole::named(name, &data_type, args.get(1).map_or(Some(0), constant)?)
    }

    /// Whether an exact number has fewer places than it is to have.
    fn has_fewer(&self, number: &Expr, places: &Expr) -> bool {
        let has = match self.type_of(number) {
            Some(DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) if !self.is_open_numeric(number) => {
                scale
            }
            Some(DataType::Int16 | DataType::Int32 | DataType::Int64) => 0,
            _ => return false,
        };
        constant(places).is_some_and(|places| places > has && places <= PLACES_MAX)
    }
}

/// What NULLIF of these gives, where the engine would give something else: what the first operand of their `=` is.
fn type_of_null_if(first: &DataType, second: Option<&DataType>) -> Option<DataType> {
    let is_exact = first.is_integer() || decimal(first).is_some();
    match second {
        Some(second) if is_exact && second.is_floating() => Some(DataType::Float64),
        Some(second) if first.is_integer() && decimal(second).is_some() => Some(DataType::Decimal128(20, 0)),
        _ => matches!(first, DataType::Int16 | DataType::Int32 | DataType::Float32 | DataType::Date32)
            .then(|| first.clone()),
    }
}

/// A number of places that stands in the text.
fn constant(places: &Expr) -> Option<i8> {
    match places {
        Expr::Literal(ScalarValue::Int32(Some(places)), _) => i8::try_from(*places).ok(),
        Expr::Negative(places) => constant(places)?.checked_neg(),
        _ => None,
    }
}
