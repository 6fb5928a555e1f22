//! Queries: SELECT and the clauses around it.

use super::{Result, near, only, relation};
use datafusion::sql::sqlparser::ast::{
    self, Cte, Distinct, Fetch, ForClause, GroupByExpr, LimitClause, LockClause, NamedWindowExpr, OrderBy, OrderByExpr,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, SelectModifiers, SetExpr, SetOperator, SetQuantifier,
    TopQuantity, WildcardAdditionalOptions,
};

/// Looks at the clauses of a query.
pub fn check(query: &Query) -> Result<()> {
    let Query { with, body, order_by, limit_clause, fetch, locks, for_clause, settings, format_clause, pipe_operators } =
        query;
    for Cte { alias, query: _, from, materialized: _, closing_paren_token: _ } in
        with.iter().flat_map(|with| &with.cte_tables)
    {
        relation::check_alias(alias)?;
        only(&[(from.is_some(), "FROM", 0)])?;
    }
    check_body(body)?;
    order_by.as_ref().map_or(Ok(()), check_order_by)?;
    match limit_clause {
        None => {}
        Some(LimitClause::LimitOffset { limit: _, offset: _, limit_by }) => only(&[(!limit_by.is_empty(), "BY", 0)])?,
        Some(LimitClause::OffsetCommaLimit { offset: _, limit: _ }) => return Err(near("LIMIT", 0)),
    }
    if let Some(Fetch { with_ties: _, percent, quantity: _ }) = fetch {
        only(&[(*percent, "PERCENT", 0)])?;
    }
    for LockClause { lock_type: _, of: _, nonblock: _ } in locks {}
    match for_clause {
        None => {}
        Some(ForClause::Browse) => return Err(near("FOR BROWSE", 1)),
        Some(ForClause::Json { .. }) => return Err(near("FOR JSON", 1)),
        Some(ForClause::Xml { .. }) => return Err(near("FOR XML", 1)),
    }
    only(&[
        (settings.is_some(), "SETTINGS", 1),
        (format_clause.is_some(), "FORMAT", 1),
        (!pipe_operators.is_empty(), "|>", 0),
    ])
}

fn check_body(body: &SetExpr) -> Result<()> {
    match body {
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            match op {
                SetOperator::Union | SetOperator::Except | SetOperator::Intersect => {}
                SetOperator::Minus => return Err(near("MINUS", 1)),
            }
            match set_quantifier {
                SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => {}
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                    return Err(near("BY NAME", 0));
                }
            }
            check_body(left)?;
            check_body(right)
        }
        SetExpr::Values(ast::Values { explicit_row, value_keyword, rows: _ }) => {
            only(&[(*explicit_row, "ROW", 0), (*value_keyword, "VALUE", 0)])
        }
        // They are visited by themselves.
        SetExpr::Select(_)
        | SetExpr::Query(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_) => Ok(()),
        SetExpr::Table(_) => Ok(()),
    }
}

fn check_order_by(order_by: &OrderBy) -> Result<()> {
    let OrderBy { kind, interpolate } = order_by;
    match kind {
        OrderByKind::All(_) => return Err(near("ORDER BY ALL", 2)),
        OrderByKind::Expressions(keys) => check_keys(keys)?,
    }
    only(&[(interpolate.is_some(), "INTERPOLATE", 0)])
}

/// Looks at what is sorted by.
pub fn check_keys(keys: &[OrderByExpr]) -> Result<()> {
    keys.iter()
        .try_for_each(|OrderByExpr { expr: _, options: _, with_fill }| only(&[(with_fill.is_some(), "WITH FILL", 0)]))
}

/// Looks at a SELECT.
pub fn check_select(select: &Select) -> Result<()> {
    let Select {
        select_token: _,
        optimizer_hints: _,
        distinct,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection,
        exclude,
        into: _,
        from,
        lateral_views,
        prewhere,
        selection: _,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having: _,
        named_window,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor,
    } = select;
    match distinct {
        None | Some(Distinct::All | Distinct::Distinct | Distinct::On(_)) => {}
    }
    if let Some(modifiers) = select_modifiers {
        check_modifiers(modifiers)?;
    }
    match top {
        None => {}
        Some(ast::Top { with_ties: _, percent: _, quantity: Some(TopQuantity::Constant(_)) }) => {
            return Err(near("TOP", 1));
        }
        Some(ast::Top { with_ties: _, percent: _, quantity: _ }) => return Err(near("TOP", 0)),
    }
    match flavor {
        SelectFlavor::Standard => {}
        SelectFlavor::FromFirst | SelectFlavor::FromFirstNoSelect => return Err(near("FROM", 0)),
    }
    only(&[(value_table_mode.is_some(), "AS", 0), (exclude.is_some(), "EXCLUDE", 0)])?;
    check_items(projection)?;
    relation::check_from(from)?;
    let connect_by =
        |start: bool| connect_by.iter().any(|part| matches!(part, ast::ConnectByKind::StartWith { .. }) == start);
    only(&[
        (!lateral_views.is_empty(), "LATERAL VIEW", 0),
        (prewhere.is_some(), "PREWHERE", 1),
        (connect_by(true), "START WITH", 1),
        (connect_by(false), "CONNECT BY", 0),
    ])?;
    match group_by {
        GroupByExpr::All(_) => return Err(near("GROUP BY ALL", 3)),
        GroupByExpr::Expressions(_, modifiers) if !modifiers.is_empty() => return Err(near("WITH", 0)),
        GroupByExpr::Expressions(..) => {}
    }
    if let Some(window) = named_window.iter().find(|window| matches!(window.1, NamedWindowExpr::NamedWindow(_)))
        && let NamedWindowExpr::NamedWindow(name) = &window.1
    {
        return Err(super::here(&name.to_string(), name.span, 0));
    }
    only(&[
        (!cluster_by.is_empty(), "CLUSTER BY", 1),
        (!distribute_by.is_empty(), "DISTRIBUTE BY", 1),
        (!sort_by.is_empty(), "SORT BY", 1),
        (qualify.is_some(), "QUALIFY", 1),
    ])
}

/// MySQL's words behind SELECT.
fn check_modifiers(modifiers: &SelectModifiers) -> Result<()> {
    let SelectModifiers {
        high_priority,
        straight_join,
        sql_small_result,
        sql_big_result,
        sql_buffer_result,
        sql_no_cache,
        sql_calc_found_rows,
    } = modifiers;
    only(&[
        (*high_priority, "HIGH_PRIORITY", 1),
        (*straight_join, "STRAIGHT_JOIN", 1),
        (*sql_small_result, "SQL_SMALL_RESULT", 1),
        (*sql_big_result, "SQL_BIG_RESULT", 1),
        (*sql_buffer_result, "SQL_BUFFER_RESULT", 1),
        (*sql_no_cache, "SQL_NO_CACHE", 1),
        (*sql_calc_found_rows, "SQL_CALC_FOUND_ROWS", 1),
    ])
}

/// Looks at what a SELECT or a RETURNING gives.
pub fn check_items(items: &[SelectItem]) -> Result<()> {
    items.iter().try_for_each(|item| match item {
        // A text is no name.
        SelectItem::ExprWithAlias { expr: _, alias } if alias.quote_style == Some('\'') => {
            Err(near(&format!("'{}'", alias.value), 0))
        }
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { expr: _, alias: _ } => Ok(()),
        SelectItem::ExprWithAliases { expr: _, aliases: _ } => Err(near("AS (", 1)),
        SelectItem::QualifiedWildcard(_, options) => check_wildcard(options, true),
        SelectItem::Wildcard(options) => check_wildcard(options, false),
    })
}

/// Looks at what is said of `*`; `t.* AS name` is PostgreSQL's grammar, too.
pub fn check_wildcard(options: &WildcardAdditionalOptions, may_be_named: bool) -> Result<()> {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    only(&[
        (opt_ilike.is_some(), "* ILIKE", 1),
        (opt_exclude.is_some(), "* EXCLUDE", 1),
        (opt_except.is_some(), "* EXCEPT", 1),
        (opt_replace.is_some(), "* REPLACE", 1),
        (opt_rename.is_some(), "* RENAME", 1),
        (opt_alias.is_some() && !may_be_named, "* AS", 1),
    ])
}
