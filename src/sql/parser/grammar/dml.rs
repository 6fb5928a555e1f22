//! Statements that change rows.

use super::query::check_items;
use super::relation::check_from;
use super::{Error, Result, here, near, only};
use datafusion::sql::sqlparser::ast::{
    Assignment, Delete, DoUpdate, FromTable, Insert, JoinConstraint, JoinOperator, Merge, MergeAction, MergeClause,
    MergeClauseKind, MergeInsertExpr, MergeInsertKind, MergeUpdateExpr, ObjectName, OnConflict, OnConflictAction,
    OnInsert, OutputClause, SqliteOnConflict, TableFactor, TableObject, TableWithJoins, Truncate, TruncateTableTarget,
    Update, UpdateTableFromKind,
};
use datafusion::sql::sqlparser::ast::{MysqlInsertPriority, Spanned};

/// Looks at an INSERT.
pub fn insert(insert: &Insert) -> Result<()> {
    let Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into,
        table,
        table_alias: _,
        columns: _,
        overwrite,
        source: _,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    or.as_ref().map_or(Ok(()), |or| Err(sqlite("INSERT", or)))?;
    only(&[
        (*replace_into, "REPLACE", 0),
        (*ignore, "IGNORE", 0),
        (matches!(priority, Some(MysqlInsertPriority::LowPriority)), "LOW_PRIORITY", 0),
        (matches!(priority, Some(MysqlInsertPriority::Delayed)), "DELAYED", 0),
        (matches!(priority, Some(MysqlInsertPriority::HighPriority)), "HIGH_PRIORITY", 0),
        (*overwrite, "OVERWRITE", 0),
        (multi_table_insert_type.is_some(), "INSERT", 1),
        (!multi_table_into_clauses.is_empty() || !multi_table_when_clauses.is_empty(), "INSERT", 1),
        (multi_table_else_clause.is_some(), "INSERT", 1),
        (*has_table_keyword, "TABLE", 0),
    ])?;
    match table {
        TableObject::TableName(name) if !into => return Err(at_name(name, 0)),
        TableObject::TableName(_) => {}
        TableObject::TableFunction(_) => return Err(near("FUNCTION", 0)),
        TableObject::TableQuery(_) => return Err(near("INTO (", 1)),
    }
    only(&[
        (partitioned.is_some() || !after_columns.is_empty(), "PARTITION", 0),
        (!assignments.is_empty(), "SET", 0),
        (settings.is_some(), "SETTINGS", 0),
        (format_clause.is_some(), "FORMAT", 0),
        (insert_alias.is_some(), "AS", 0),
    ])?;
    check_output(output.as_ref())?;
    match on {
        None => {}
        Some(OnInsert::DuplicateKeyUpdate(_)) => return Err(near("DUPLICATE", 0)),
        Some(OnInsert::OnConflict(OnConflict { conflict_target: _, action })) => match action {
            OnConflictAction::DoNothing => {}
            OnConflictAction::DoUpdate(DoUpdate { assignments, selection: _ }) => check_assignments(assignments),
        },
        Some(_) => return Err(near("ON", 0)),
    }
    check_items(returning.as_deref().unwrap_or_default())
}

/// Looks at an UPDATE.
pub fn update(update: &Update) -> Result<()> {
    let Update {
        update_token: _,
        optimizer_hints: _,
        table,
        assignments,
        from,
        selection: _,
        returning,
        output,
        or,
        order_by,
        limit,
    } = update;
    or.as_ref().map_or(Ok(()), |or| Err(sqlite("UPDATE", or)))?;
    one_table(table)?;
    match from {
        None => {}
        Some(UpdateTableFromKind::BeforeSet(_)) => return Err(near("FROM", 0)),
        Some(UpdateTableFromKind::AfterSet(from)) => check_from(from)?,
    }
    check_assignments(assignments);
    check_output(output.as_ref())?;
    only(&[(!order_by.is_empty(), "ORDER BY", 0), (limit.is_some(), "LIMIT", 0)])?;
    check_items(returning.as_deref().unwrap_or_default())
}

/// Looks at a DELETE.
pub fn delete(delete: &Delete) -> Result<()> {
    let Delete {
        delete_token: _,
        optimizer_hints: _,
        tables,
        from,
        using,
        selection: _,
        returning,
        output,
        order_by,
        limit,
    } = delete;
    tables.first().map_or(Ok(()), |table| Err(at_name(table, 0)))?;
    let from = match from {
        FromTable::WithFromKeyword(from) => from,
        FromTable::WithoutKeyword(from) => match from.first() {
            Some(table) => return Err(here(&table.relation.to_string(), table.relation.span(), 0)),
            None => from,
        },
    };
    if let Some(second) = from.get(1) {
        return Err(here(",", second.relation.span(), -1));
    }
    from.iter().try_for_each(one_table)?;
    check_from(using.as_deref().unwrap_or_default())?;
    check_output(output.as_ref())?;
    only(&[(!order_by.is_empty(), "ORDER BY", 0), (limit.is_some(), "LIMIT", 0)])?;
    check_items(returning.as_deref().unwrap_or_default())
}

/// Looks at a MERGE.
pub fn merge(merge: &Merge) -> Result<()> {
    let Merge { merge_token: _, optimizer_hints: _, into, table, source: _, on: _, clauses, output } = merge;
    if !into && let TableFactor::Table { name, .. } = table {
        return Err(at_name(name, 0));
    }
    for MergeClause { when_token: _, clause_kind, predicate: _, action } in clauses {
        match clause_kind {
            MergeClauseKind::Matched | MergeClauseKind::NotMatched => {}
            MergeClauseKind::NotMatchedByTarget => return Err(near("BY TARGET", 0)),
            MergeClauseKind::NotMatchedBySource => return Err(near("BY SOURCE", 0)),
        }
        match action {
            MergeAction::Delete { delete_token: _ } => {}
            MergeAction::Insert(MergeInsertExpr {
                insert_token: _,
                columns: _,
                kind_token: _,
                kind,
                insert_predicate,
            }) => {
                match kind {
                    MergeInsertKind::Values(_) => {}
                    MergeInsertKind::Row => return Err(near("INSERT ROW", 1)),
                }
                only(&[(insert_predicate.is_some(), "WHERE", 0)])?;
            }
            MergeAction::Update(MergeUpdateExpr {
                update_token: _,
                assignments,
                update_predicate,
                delete_predicate,
            }) => {
                check_assignments(assignments);
                only(&[(update_predicate.is_some(), "WHERE", 0), (delete_predicate.is_some(), "DELETE WHERE", 0)])?;
            }
        }
    }
    check_output(output.as_ref())
}

/// Looks at a TRUNCATE.
pub fn truncate(truncate: &Truncate) -> Result<()> {
    let Truncate { table_names, partitions, table: _, if_exists, identity: _, cascade: _, on_cluster } = truncate;
    for TruncateTableTarget { name: _, only: _, has_asterisk: _ } in table_names {}
    only(&[(*if_exists, "EXISTS", 0), (partitions.is_some(), "PARTITION", 0), (on_cluster.is_some(), "ON CLUSTER", 0)])
}

/// The table that a statement changes: one, by its name.
fn one_table(table: &TableWithJoins) -> Result<()> {
    let TableWithJoins { relation, joins } = table;
    if let Some(join) = joins.first() {
        return Err(first_of_join(&join.join_operator));
    }
    match relation {
        TableFactor::Table { name: _, args: None, .. } => Ok(()),
        TableFactor::Table { name, args: Some(_), .. } => Err(at_name(name, 1)),
        other => Err(here(&other.to_string(), other.span(), 0)),
    }
}

/// The word that a join begins with.
fn first_of_join(operator: &JoinOperator) -> Error {
    use JoinOperator as Is;
    match operator {
        Is::Join(JoinConstraint::Natural) | Is::Inner(JoinConstraint::Natural) => near("NATURAL", 0),
        Is::Join(_) => near("JOIN", 0),
        Is::Inner(_) => near("INNER JOIN", 0),
        Is::Left(_) | Is::LeftOuter(_) => near("LEFT", 0),
        Is::Right(_) | Is::RightOuter(_) => near("RIGHT", 0),
        Is::FullOuter(_) => near("FULL", 0),
        Is::CrossJoin(_) => near("CROSS JOIN", 0),
        _ => near("JOIN", 0),
    }
}

/// SQLite's `OR IGNORE` and its like.
fn sqlite(verb: &str, or: &SqliteOnConflict) -> Error {
    match or {
        SqliteOnConflict::Rollback
        | SqliteOnConflict::Abort
        | SqliteOnConflict::Fail
        | SqliteOnConflict::Ignore
        | SqliteOnConflict::Replace => near(&format!("{verb} OR"), 1),
    }
}

fn check_assignments(assignments: &[Assignment]) {
    for Assignment { target: _, value: _ } in assignments {}
}

/// What a statement gives back by a clause of its own: RETURNING of MERGE came with PostgreSQL 17.
fn check_output(output: Option<&OutputClause>) -> Result<()> {
    match output {
        None => Ok(()),
        Some(OutputClause::Output { .. }) => Err(near("OUTPUT", 0)),
        Some(OutputClause::Returning { .. }) => Err(near("RETURNING", 0)),
    }
}

/// The error at the name of a relation, or so many tokens behind it.
fn at_name(name: &ObjectName, offset: isize) -> Error {
    here(&name.to_string(), name.span(), offset)
}
