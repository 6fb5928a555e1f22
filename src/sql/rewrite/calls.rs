//! What PostgreSQL's grammar has a form of its own for, as calls of functions: lengths of time with fields, times with so many places,
//! `OVERLAPS`, `LIKE ANY`, arguments by name, slices without a bound.

use super::super::functions::call;
use super::super::planner::parse_expression;
use super::super::semantics::DATE_PART;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, DateTimeField, Expr, ExtractSyntax, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Interval, ObjectNamePart, Subscript, TypedString, UnaryOperator, Value, ValueWithSpan,
    WindowFrameBound, WindowFrameUnits, WindowType,
};

/// The expression as a call, where it is such a form.
pub fn spell_out(expression: &mut Expr) {
    let said = match expression {
        Expr::Function(function) => function_said(function),
        Expr::Cast { data_type, .. } => {
            without_places(data_type).map(|(places, kind)| rounded(expression.clone(), places, kind))
        }
        Expr::TypedString(typed) => typed_places(typed),
        Expr::Interval(interval) => text_of(interval).and_then(|text| length(&text)),
        Expr::AtTimeZone { timestamp, time_zone } if literal(time_zone).is_none() => {
            Some(call("timezone", vec![time_zone.as_ref().clone(), timestamp.as_ref().clone()]))
        }
        Expr::Like { .. } | Expr::ILike { .. } => like_any(expression),
        Expr::BinaryOp { left, op, right } => binary(left, op, right),
        Expr::AllOp { .. } | Expr::AnyOp { .. } => quantified_like(expression),
        Expr::CompoundFieldAccess { access_chain, .. } => {
            access_chain.iter_mut().for_each(bound);
            None
        }
        Expr::IsNull(row) | Expr::IsNotNull(row) => {
            let columns = columns(row);
            let each: Option<Vec<String>> = columns.map(|columns| columns.iter().map(|c| format!("({c})")).collect());
            let test = if matches!(expression, Expr::IsNull(_)) { "IS NULL" } else { "IS NOT NULL" };
            each.and_then(|each| {
                let all: Vec<String> = each.iter().map(|column| format!("{column} {test}")).collect();
                parse_expression(&format!("({})", all.join(" AND "))).ok()
            })
        }
        Expr::Identifier(name) if name.quote_style.is_none() => match name.value.to_ascii_lowercase().as_str() {
            "localtimestamp" => parse_expression("now()::timestamp").ok(),
            "localtime" => parse_expression("now()::time").ok(),
            _ => None,
        },
        _ => None,
    };
    if let Some(said) = said {
        *expression = said;
    }
}

/// The columns of a row that is written out.
fn columns(expression: &Expr) -> Option<&[Expr]> {
    match expression {
        Expr::Tuple(columns) if columns.len() > 1 => Some(columns),
        Expr::Nested(inner) => columns(inner),
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

fn quoted(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).into())
}

fn number(value: u64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

/// The arguments of a call that has nothing else.
fn plain(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let all = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    });
    all.collect()
}

/// Names of arguments, for functions that are called by them.
const NAMED: &[(&str, &[&str], &str)] =
    &[("make_interval", &["years", "months", "weeks", "days", "hours", "mins", "secs"], "0")];

fn function_said(function: &mut Function) -> Option<Expr> {
    // The engine folds a name that has no schema.
    for part in &mut function.name.0 {
        if let ObjectNamePart::Identifier(name) = part
            && name.quote_style.is_none()
        {
            name.value = name.value.to_lowercase();
        }
    }
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over
        && let Some(frame) = &mut spec.window_frame
    {
        let range = frame.units == WindowFrameUnits::Range;
        for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
            // What is less than nothing is told apart from what is no constant.
            if let WindowFrameBound::Preceding(Some(by)) | WindowFrameBound::Following(Some(by)) = bound
                && let Expr::UnaryOp { op: UnaryOperator::Minus, expr } = by.as_ref()
                && let Expr::Value(ValueWithSpan { value: Value::Number(number, false), .. }) = expr.as_ref()
                && range
            {
                **by = Expr::Value(Value::Number(format!("-{number}"), false).into());
            }
            if let WindowFrameBound::Preceding(Some(by)) | WindowFrameBound::Following(Some(by)) = bound
                && let Expr::Interval(interval) = by.as_ref()
                && let Some(text) = text_of(interval)
            {
                // The engine reads the text of a number there as the type of the order.
                **by = Expr::Value(Value::Number(text, false).into());
            }
        }
    }
    let name = function.name.0.last()?.as_ident()?.value.to_ascii_lowercase();
    if let Some((_, names, default)) = NAMED.iter().find(|(known, ..)| *known == name) {
        return by_position(function, &name, names, default);
    }
    if matches!(function.args, FunctionArguments::None) {
        return match name.as_str() {
            "current_date" => parse_expression("now()::date").ok(),
            "localtimestamp" => parse_expression("now()::timestamp").ok(),
            "localtime" => parse_expression("now()::time").ok(),
            _ => None,
        };
    }
    let args = plain(function)?;
    match (name.as_str(), args.as_slice()) {
        // A type called as a function is a cast to it.
        ("date" | "text" | "timestamptz", [value]) if function.name.0.len() == 1 && function.over.is_none() => {
            parse_expression(&format!("({value})::{name}")).ok()
        }
        // EXTRACT is numeric, this is double precision.
        ("date_part", [field, from]) => {
            let field = DateTimeField::Custom(Ident::new(format!("{DATE_PART}{}", literal(field)?)));
            let expr = Box::new((*from).clone());
            let part = Expr::Extract { field, syntax: ExtractSyntax::From, expr };
            parse_expression("0::double precision").ok().map(|mut cast| {
                if let Expr::Cast { expr, .. } = &mut cast {
                    **expr = part;
                }
                cast
            })
        }
        ("age", [of]) => Some(call("age", vec![parse_expression("now()::date::timestamp").ok()?, (*of).clone()])),
        ("current_timestamp", [places]) => Some(call("time_scale", vec![call("now", Vec::new()), (*places).clone()])),
        ("localtimestamp", [places]) => {
            Some(call("time_scale", vec![parse_expression("now()::timestamp").ok()?, (*places).clone()]))
        }
        ("statement_timestamp" | "transaction_timestamp", []) => Some(call("now", Vec::new())),
        _ => None,
    }
}

/// A call whose arguments are named, or some of them.
fn by_position(function: &Function, name: &str, names: &[&str], default: &str) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let mut values: Vec<Option<Expr>> = vec![None; names.len()];
    let mut any = false;
    for (at, arg) in list.args.iter().enumerate() {
        let place = |name: &Ident| names.iter().position(|known| name.value.eq_ignore_ascii_case(known));
        let (place, value) = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
                left,
                op: BinaryOperator::Assignment,
                right,
            })) => {
                any = true;
                let Expr::Identifier(name) = left.as_ref() else { return None };
                (place(name)?, right.as_ref())
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (at, value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                any = true;
                (place(name)?, value)
            }
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                any = true;
                (place(name)?, value)
            }
            _ => return None,
        };
        *values.get_mut(place)? = Some(value.clone());
    }
    if !any {
        return None;
    }
    let default = parse_expression(default).ok()?;
    Some(call(name, values.into_iter().map(|value| value.unwrap_or_else(|| default.clone())).collect()))
}

/// What rounds to so many places.
enum Scaled {
    Time,
    Interval,
}

/// The places of a type, which is then without them.
fn without_places(data_type: &mut DataType) -> Option<(u64, Scaled)> {
    match data_type {
        DataType::Timestamp(places @ Some(_), _) | DataType::Time(places @ Some(_), _) => {
            places.take().map(|places| (places, Scaled::Time))
        }
        DataType::Interval { precision: places @ Some(_), .. } => {
            places.take().map(|places| (places, Scaled::Interval))
        }
        _ => None,
    }
}

fn rounded(value: Expr, places: u64, kind: Scaled) -> Expr {
    let name = if matches!(kind, Scaled::Time) { "time_scale" } else { "interval_scale" };
    call(name, vec![value, number(places)])
}

fn typed_places(typed: &mut TypedString) -> Option<Expr> {
    let (places, kind) = without_places(&mut typed.data_type)?;
    Some(rounded(Expr::TypedString(typed.clone()), places, kind))
}

fn length(text: &str) -> Option<Expr> {
    parse_expression(&format!("{}::interval", quoted(text))).ok()
}

/// A length of time as one text: `'1:30' HOUR TO MINUTE` is `1:30`, `'10' DAY` is `10 day`.
fn text_of(interval: &Interval) -> Option<String> {
    let text = literal(&interval.value)?.trim();
    let Some(leading) = &interval.leading_field else { return Some(text.to_owned()) };
    let (leading, last) = (leading.to_string(), interval.last_field.as_ref().map(ToString::to_string));
    let bare =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    match (leading.as_str(), last.as_deref()) {
        (unit, None) if bare(text) => Some(format!("{text} {unit}")),
        ("DAY", Some("HOUR")) => {
            let (days, hours) = text.split_once(' ')?;
            (bare(days) && bare(hours)).then(|| format!("{days} day {hours} hour"))
        }
        ("MINUTE", Some("SECOND")) if text.matches(':').count() == 1 => Some(format!("00:{text}")),
        ("YEAR", Some("MONTH")) | ("HOUR", Some("MINUTE" | "SECOND")) | ("DAY", Some("MINUTE" | "SECOND")) => {
            Some(text.to_owned())
        }
        _ => None,
    }
}

fn binary(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    match op {
        BinaryOperator::PGStartsWith => Some(call("starts_with", vec![left.clone(), right.clone()])),
        BinaryOperator::Overlaps => {
            let (left, right) = (columns(left)?, columns(right)?);
            Some(call("overlaps", left.iter().chain(right).cloned().collect()))
        }
        _ => None,
    }
}

/// `x LIKE ANY (ARRAY[...])`, and `LIKE ALL (...)`, which the grammar takes for a call.
fn like_any(expression: &Expr) -> Option<Expr> {
    let (negated, any, expr, pattern, folded) = match expression {
        Expr::Like { negated, any, expr, pattern, escape_char: None } => (*negated, *any, expr, pattern, false),
        Expr::ILike { negated, any, expr, pattern, escape_char: None } => (*negated, *any, expr, pattern, true),
        _ => return None,
    };
    if any {
        return Some(like_call(expr, pattern, folded, false, negated));
    }
    let Expr::Function(function) = pattern.as_ref() else { return None };
    match (function.name.to_string().eq_ignore_ascii_case("all"), plain(function)?.as_slice()) {
        (true, [patterns]) => Some(like_call(expr, patterns, folded, true, negated)),
        _ => None,
    }
}

fn like_call(text: &Expr, patterns: &Expr, folded: bool, all: bool, negated: bool) -> Expr {
    let flag = |value: bool| Expr::Value(Value::Boolean(value).into());
    let mut patterns = patterns;
    while let Expr::Nested(inner) = patterns {
        patterns = inner;
    }
    // `NOT LIKE ANY`: some pattern does not fit, so not all of them do.
    let found = call("like_any", vec![text.clone(), patterns.clone(), flag(folded), flag(all != negated)]);
    match negated {
        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) },
        false => found,
    }
}

/// `x ~~ ANY (array)`, and `x LIKE ALL (array)`, which the grammar reads so.
fn quantified_like(expression: &Expr) -> Option<Expr> {
    let (left, op, right, all) = match expression {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, false),
        Expr::AllOp { left, compare_op, right } => (left, compare_op, right, true),
        _ => return None,
    };
    let (folded, negated) = match op {
        BinaryOperator::PGLikeMatch => (false, false),
        BinaryOperator::PGNotLikeMatch => (false, true),
        BinaryOperator::PGILikeMatch => (true, false),
        BinaryOperator::PGNotILikeMatch => (true, true),
        _ => return None,
    };
    match right.as_ref() {
        Expr::Subquery(_) => None,
        patterns => Some(like_call(left, patterns, folded, all, negated)),
    }
}

/// A slice that has both bounds.
fn bound(access: &mut AccessExpr) {
    if let AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) = access {
        lower_bound.get_or_insert_with(|| number(1));
        upper_bound.get_or_insert_with(|| number(i32::MAX as u64));
    }
}
