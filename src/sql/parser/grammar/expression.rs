//! Expressions: operators, calls, and the special forms.

use super::{Result, absent, near, only, query, relation};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, ExtractSyntax, Function,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Interval, NullTreatment, Subscript, TypedString,
    Value, ValueWithSpan, WindowFrame, WindowSpec, WindowType,
};

/// Looks at an expression, not at those within. `in_array`: it is somewhere in an array.
pub fn check(expression: &Expr, in_array: bool) -> Result<()> {
    match expression {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(_, _)
        | Expr::IsNotDistinctFrom(_, _)
        | Expr::Collate { expr: _, collation: _ }
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::Subquery(_)
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_)
        | Expr::Tuple(_)
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(_, _)
        | Expr::UnaryOp { op: _, expr: _ }
        | Expr::IsNormalized { expr: _, form: _, negated: _ }
        | Expr::InList { expr: _, list: _, negated: _ }
        | Expr::InSubquery { expr: _, subquery: _, negated: _ }
        | Expr::Between { expr: _, negated: _, low: _, high: _ }
        | Expr::Like { negated: _, any: _, expr: _, pattern: _, escape_char: _ }
        | Expr::ILike { negated: _, any: _, expr: _, pattern: _, escape_char: _ }
        | Expr::SimilarTo { negated: _, expr: _, pattern: _, escape_char: _ }
        | Expr::AnyOp { left: _, compare_op: _, right: _, is_some: _ }
        | Expr::AllOp { left: _, compare_op: _, right: _ }
        | Expr::AtTimeZone { timestamp: _, time_zone: _ }
        | Expr::Position { expr: _, r#in: _ }
        | Expr::Substring { expr: _, substring_from: _, substring_for: _, special: _, shorthand: _ }
        | Expr::Trim { trim_where: _, trim_what: _, expr: _, trim_characters: _ }
        | Expr::Overlay { expr: _, overlay_what: _, overlay_from: _, overlay_for: _ }
        | Expr::Case { case_token: _, end_token: _, operand: _, conditions: _, else_result: _ }
        | Expr::Exists { subquery: _, negated: _ }
        | Expr::Convert { is_try: false, expr: _, data_type: _, charset: _, target_before_value: _, styles: _ } => {
            Ok(())
        }
        // The literal of an interval is a text.
        Expr::Interval(Interval {
            value,
            leading_field: _,
            leading_precision: _,
            last_field: _,
            fractional_seconds_precision: _,
        }) => match value.as_ref() {
            Expr::Value(ValueWithSpan { value: Value::Number(number, _), span }) => Err(super::here(number, *span, 0)),
            _ => Ok(()),
        },
        Expr::CompoundFieldAccess { root: _, access_chain } => {
            access_chain.iter().try_for_each(|access| match access {
                AccessExpr::Subscript(Subscript::Slice { lower_bound: _, upper_bound: _, stride: Some(_) }) => {
                    Err(near(":", 0))
                }
                AccessExpr::Subscript(Subscript::Slice { lower_bound: _, upper_bound: _, stride: None })
                | AccessExpr::Subscript(Subscript::Index { index: _ })
                | AccessExpr::Dot(_) => Ok(()),
            })
        }
        Expr::BinaryOp { left: _, op, right: _ } => match op {
            BinaryOperator::Xor => Err(near("XOR", 1)),
            BinaryOperator::MyIntegerDivide => Err(near("DIV", 1)),
            BinaryOperator::DuckIntegerDivide => Err(near("//", 0)),
            BinaryOperator::Match => Err(near("MATCH", 1)),
            BinaryOperator::Regexp => Err(near("REGEXP", 1)),
            // The others are operators of PostgreSQL's, or told by name where they are not found.
            _ => Ok(()),
        },
        Expr::Cast { kind, expr: _, data_type: _, array, format } => {
            match kind {
                CastKind::Cast | CastKind::DoubleColon => {}
                CastKind::TryCast | CastKind::SafeCast => return Err(near("AS", 0)),
            }
            only(&[(*array, "ARRAY )", 0), (format.is_some(), "FORMAT", 0)])
        }
        Expr::Extract { field: _, syntax, expr: _ } => match syntax {
            ExtractSyntax::From => Ok(()),
            ExtractSyntax::Comma => Err(near(",", 0)),
        },
        Expr::Ceil { expr: _, field } | Expr::Floor { expr: _, field } => match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => Ok(()),
            CeilFloorKind::DateTimeField(_) => Err(near("TO", 0)),
            // The function with two arguments is looked for by name.
            CeilFloorKind::Scale(_) => Ok(()),
        },
        Expr::TypedString(TypedString { data_type: _, value: _, uses_odbc_syntax }) => {
            only(&[(*uses_odbc_syntax, "{", 0)])
        }
        Expr::Array(Array { elem: _, named }) => only(&[(!named && !in_array, "[", 0)]),
        Expr::Function(function) => check_call(function),
        Expr::JsonAccess { value: _, path: _ } => Err(near(":", 0)),
        Expr::InUnnest { expr: _, array_expr: _, negated: _ } => Err(near("IN UNNEST", 1)),
        Expr::RLike { negated: _, expr: _, pattern: _, regexp: true } => Err(near("REGEXP", 1)),
        Expr::RLike { negated: _, expr: _, pattern: _, regexp: false } => Err(near("RLIKE", 1)),
        Expr::Convert { is_try: true, expr: _, data_type: _, charset: _, target_before_value: _, styles: _ } => {
            Err(near("TRY_CONVERT", 0))
        }
        Expr::Prefixed { prefix, value: _ } => Err(super::here(&prefix.to_string(), prefix.span, 0)),
        Expr::Struct { values: _, fields: _ } => Err(near("STRUCT", 0)),
        Expr::Named { expr: _, name: _ } => Err(near("AS", 0)),
        Expr::Dictionary(_) => Err(near("{", 0)),
        Expr::Map(_) => Err(near("{", 0)),
        Expr::MatchAgainst { columns: _, match_value: _, opt_search_modifier: _ } => Err(near("AGAINST", 1)),
        Expr::OuterJoin(_) => Err(near("+ )", 1)),
        Expr::Prior(_) => Err(near("PRIOR", 1)),
        Expr::Lambda(_) => Err(near("->", 0)),
        Expr::MemberOf(_) => Err(near("MEMBER OF", 1)),
    }
}

/// Looks at a call of a function.
pub fn check_call(function: &Function) -> Result<()> {
    let Function { name, uses_odbc_syntax, parameters, args, filter: _, null_treatment, over, within_group } = function;
    only(&[(*uses_odbc_syntax, "{", 0)])?;
    match parameters {
        FunctionArguments::None => {}
        FunctionArguments::Subquery(_) | FunctionArguments::List(_) => return Err(near(") (", 1)),
    }
    match args {
        FunctionArguments::None => {}
        FunctionArguments::Subquery(_) => {
            let name = name.to_string();
            only(&[(!name.eq_ignore_ascii_case("array"), "( SELECT", 1)])?;
        }
        FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }) => {
            relation::check_args(args)?;
            clauses.iter().try_for_each(check_clause)?;
        }
    }
    null_treatment.as_ref().map_or(Ok(()), |treatment| Err(nulls(treatment)))?;
    query::check_keys(within_group)?;
    match over {
        None | Some(WindowType::NamedWindow(_)) => Ok(()),
        Some(WindowType::WindowSpec(WindowSpec { window_name: _, partition_by: _, order_by, window_frame })) => {
            if let Some(WindowFrame { units: _, start_bound: _, end_bound: _ }) = window_frame {}
            query::check_keys(order_by)
        }
    }
}

/// Looks at what stands behind the arguments in their parentheses.
fn check_clause(clause: &FunctionArgumentClause) -> Result<()> {
    match clause {
        FunctionArgumentClause::OrderBy(keys) => query::check_keys(keys),
        FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::IgnoreNulls) => Err(near("IGNORE NULLS", 0)),
        FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::RespectNulls) => Err(near("RESPECT NULLS", 0)),
        FunctionArgumentClause::Limit(_) => Err(near("LIMIT", 0)),
        FunctionArgumentClause::OnOverflow(_) => Err(near("ON OVERFLOW", 0)),
        FunctionArgumentClause::Having(_) => Err(near("HAVING", 0)),
        FunctionArgumentClause::Separator(_) => Err(near("SEPARATOR", 0)),
        FunctionArgumentClause::JsonNullClause(_) => {
            Err(absent("NULL ON NULL or ABSENT ON NULL in a function of JSON"))
        }
        FunctionArgumentClause::JsonReturningClause(_) => Err(absent("RETURNING in a function of JSON")),
    }
}

/// Behind the call, the first word is taken for its name.
fn nulls(treatment: &NullTreatment) -> super::Error {
    match treatment {
        NullTreatment::IgnoreNulls => near("IGNORE NULLS", 1),
        NullTreatment::RespectNulls => near("RESPECT NULLS", 1),
    }
}
