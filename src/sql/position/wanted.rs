//! What an error speaks of, as its message tells.

use super::super::rewrite::{
    AGGREGATES, Beyond, DEFINES_WINDOW, NO_CONDITION, ROWS, ROWS_WITHIN, WINDOWS, WITHIN_AGGREGATE, WITHIN_WINDOW,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// What a message speaks of.
#[derive(Clone)]
pub enum Wanted {
    /// What a column is to be.
    Assigned(String),
    MoreValues,
    MoreColumns,
    /// The second of two columns of one name.
    Twice(String),
    Where,
    Having,
    /// The condition of a join.
    On,
    /// `IS TRUE` and its like.
    Is,
    /// The condition of a CHECK.
    Check,
    /// What DEFAULT cannot be: the name of a column, or a query.
    DefaultColumn,
    DefaultQuery,
    /// A query in the condition of a CHECK.
    CheckQuery,
    /// What several columns are to be at once.
    Columns,
    /// A constant by which rows cannot be sorted or grouped.
    Constant,
    /// What values of `json` stand for.
    Ordered,
    Distinguished,
    /// What GROUPING asks for.
    Grouped,
    Limit,
    Offset,
    Filter,
    Not,
    Logic(BinaryOperator),
    When,
    Union,
    /// The other side of a set operation, of another width.
    Width,
    /// A row of VALUES of another length.
    Row,
    /// The second row of VALUES of one column.
    Values,
    Array,
    Case,
    /// COALESCE and its like, by name.
    Call(String),
    /// A query for one value that has several columns.
    OneColumn,
    /// IN with a query of several columns.
    In,
    /// A subscripted value.
    Subscripted,
    AggregateInWhere,
    AggregateInGroup,
    NestedAggregate,
    WindowInWhere,
    /// Among the arguments of an aggregate or of another.
    NestedWindow,
    /// In the definition of a window.
    WindowInWindow,
    /// A call at a place that takes none such.
    Misplaced(Beyond),
    /// What DISTINCT ON names and the order does not begin with.
    DistinctOn,
    /// A function that needs OVER.
    Over(String),
    /// One that cannot have it.
    NotOver(String),
    /// One that cannot have FILTER.
    NotFilter(String),
    /// `count()`.
    Count,
    /// The second WITH query of a name.
    WithTwice(String),
    /// A WITH query.
    With(String),
    /// The number of a column.
    OrderPosition(String),
    GroupPosition(String),
    /// An order that DISTINCT does not know.
    DistinctOrder,
    /// The same in an aggregate.
    AggregateOrder,
    /// The end of a frame.
    FrameEnd,
    /// The distance of RANGE.
    FrameDistance,
    /// A window's definition.
    Window,
    /// `*` where rows are grouped.
    Everything,
    /// What stands in the place of a join's condition.
    Condition,
    /// The comparison of rows of other widths.
    Entries,
}

/// How it ends what is said where a query is asked for rows that gives none.
pub const NO_RETURNING: &str = "does not have a RETURNING clause";

/// What a message speaks of, if it is of a construct.
pub fn wanted(message: &str) -> Option<Wanted> {
    let quoted = || message.split('"').nth(1).map(str::to_owned);
    if message.starts_with("column \"") {
        return match message {
            _ if message.contains(" is of type ") => quoted().map(Wanted::Assigned),
            _ if message.ends_with(" specified more than once") => quoted().map(Wanted::Twice),
            _ if message.contains(" must appear in the GROUP BY") => Some(Wanted::Everything),
            _ => None,
        };
    }
    if let Some(rest) = message.strip_prefix("argument of ") {
        return Some(match rest.split(' ').next()? {
            "WHERE" => Wanted::Where,
            "HAVING" => Wanted::Having,
            "JOIN/ON" => Wanted::On,
            "IS" => Wanted::Is,
            "CHECK" => Wanted::Check,
            "ROWS" | "RANGE" | "GROUPS" => Wanted::FrameDistance,
            "NOT" => Wanted::Not,
            "AND" => Wanted::Logic(BinaryOperator::And),
            "OR" => Wanted::Logic(BinaryOperator::Or),
            "CASE/WHEN" => Wanted::When,
            "LIMIT" => Wanted::Limit,
            "OFFSET" => Wanted::Offset,
            "FILTER" => Wanted::Filter,
            _ => return None,
        });
    }
    let number = |before: &str| {
        let rest = message.strip_prefix(before)?;
        rest.split(' ').next().map(str::to_owned)
    };
    if let Some(number) = number("ORDER BY position ") {
        return Some(Wanted::OrderPosition(number));
    }
    if let Some(number) = number("GROUP BY position ") {
        return Some(Wanted::GroupPosition(number));
    }
    if message != WITHIN_WINDOW
        && let Some(rest) = message.strip_prefix("window function ")
    {
        return rest.split(' ').next().map(|name| Wanted::Over(name.to_owned()));
    }
    if let Some(rest) = message.strip_prefix("OVER specified, but ") {
        return rest.split(' ').next().map(|name| Wanted::NotOver(name.to_owned()));
    }
    if let Some(rest) = message.strip_prefix("FILTER specified, but ") {
        return rest.split(' ').next().map(|name| Wanted::NotFilter(name.to_owned()));
    }
    if message.starts_with("WITH query ") && !message.ends_with(NO_RETURNING) {
        return quoted().map(if message.ends_with(" more than once") { Wanted::WithTwice } else { Wanted::With });
    }
    const FIXED: &[(&str, Wanted)] = &[
        ("cannot use column reference in DEFAULT", Wanted::DefaultColumn),
        ("cannot use subquery in DEFAULT", Wanted::DefaultQuery),
        ("cannot use subquery in check", Wanted::CheckQuery),
        ("number of columns does not match", Wanted::Columns),
        ("non-integer constant in ", Wanted::Constant),
        ("could not identify an ordering operator", Wanted::Ordered),
        ("could not identify an equality operator", Wanted::Distinguished),
        ("arguments to GROUPING must be", Wanted::Grouped),
        ("GROUPS mode requires an ORDER BY", Wanted::Window),
        (NO_CONDITION, Wanted::Condition),
        ("unequal number of entries", Wanted::Entries),
        ("INSERT has more expressions", Wanted::MoreValues),
        ("INSERT has more target columns", Wanted::MoreColumns),
        ("VALUES lists must all", Wanted::Row),
        ("VALUES types", Wanted::Values),
        ("ARRAY types", Wanted::Array),
        ("CASE types", Wanted::Case),
        ("subquery must return only one column", Wanted::OneColumn),
        ("subquery has too ", Wanted::In),
        ("count(*) must be used", Wanted::Count),
        ("cannot subscript type", Wanted::Subscripted),
        ("aggregate functions are not allowed in WHERE", Wanted::AggregateInWhere),
        ("aggregate functions are not allowed in GROUP BY", Wanted::AggregateInGroup),
        ("aggregate function calls cannot be nested", Wanted::NestedAggregate),
        (AGGREGATES, Wanted::Misplaced(Beyond::Aggregate)),
        ("window functions are not allowed in WHERE", Wanted::WindowInWhere),
        (WITHIN_WINDOW, Wanted::NestedWindow),
        (WITHIN_AGGREGATE, Wanted::NestedWindow),
        (DEFINES_WINDOW, Wanted::WindowInWindow),
        (WINDOWS, Wanted::Misplaced(Beyond::Window)),
        (ROWS, Wanted::Misplaced(Beyond::Rows)),
        ("SELECT DISTINCT ON expressions must", Wanted::DistinctOn),
        ("for SELECT DISTINCT, ORDER BY", Wanted::DistinctOrder),
        ("in an aggregate with DISTINCT, ORDER BY", Wanted::AggregateOrder),
        ("frame starting from following row", Wanted::FrameEnd),
        ("RANGE with offset PRECEDING/FOLLOWING is not", Wanted::FrameDistance),
        ("RANGE with offset PRECEDING/FOLLOWING requires", Wanted::Window),
    ];
    if message.ends_with(ROWS_WITHIN) {
        return Some(Wanted::Misplaced(Beyond::Rows));
    }
    if let Some((_, wanted)) = FIXED.iter().find(|(before, _)| message.starts_with(before)) {
        return Some(wanted.clone());
    }
    let mut words = message.split(' ');
    match (words.next()?, words.next()?) {
        ("UNION" | "INTERSECT" | "EXCEPT", "types") => Some(Wanted::Union),
        (name @ ("COALESCE" | "GREATEST" | "LEAST" | "NULLIF"), "types") => Some(Wanted::Call(name.to_lowercase())),
        ("each", "UNION" | "INTERSECT" | "EXCEPT") => Some(Wanted::Width),
        _ => None,
    }
}
