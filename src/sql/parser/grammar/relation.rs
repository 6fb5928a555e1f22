//! What stands in FROM: relations, their names, and joins.

use super::{Result, absent, near, only};
use datafusion::sql::sqlparser::ast::{
    FunctionArg, FunctionArgExpr, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableFunctionArgs,
    TableSample, TableSampleKind, TableSampleModifier, TableWithJoins,
};

/// Looks at the joins of a list of relations; the relations are visited by themselves.
pub fn check_from(from: &[TableWithJoins]) -> Result<()> {
    from.iter().try_for_each(|TableWithJoins { relation: _, joins }| joins.iter().try_for_each(check_join))
}

fn check_join(join: &Join) -> Result<()> {
    let Join { relation: _, global, join_operator } = join;
    only(&[(*global, "GLOBAL", 0)])?;
    match join_operator {
        JoinOperator::Join(_)
        | JoinOperator::Inner(_)
        | JoinOperator::Left(_)
        | JoinOperator::LeftOuter(_)
        | JoinOperator::Right(_)
        | JoinOperator::RightOuter(_)
        | JoinOperator::FullOuter(_)
        | JoinOperator::CrossJoin(JoinConstraint::None) => Ok(()),
        JoinOperator::CrossJoin(JoinConstraint::On(_)) => Err(near("ON", 0)),
        JoinOperator::CrossJoin(JoinConstraint::Using(_)) => Err(near("USING", 0)),
        JoinOperator::CrossJoin(JoinConstraint::Natural) => Err(near("NATURAL CROSS", 1)),
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::RightSemi(_) => Err(near("SEMI JOIN", 0)),
        JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => Err(near("ANTI JOIN", 0)),
        JoinOperator::CrossApply => Err(near("CROSS APPLY", 1)),
        JoinOperator::OuterApply => Err(near("OUTER APPLY", 1)),
        JoinOperator::AsOf { match_condition: _, constraint: _ } => Err(near("MATCH_CONDITION", 0)),
        JoinOperator::StraightJoin(_) => Err(near("STRAIGHT_JOIN", 1)),
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => {
            Err(near("ARRAY JOIN", 0))
        }
    }
}

/// Looks at one relation.
pub fn check(factor: &TableFactor) -> Result<()> {
    match factor {
        TableFactor::Table {
            name: _,
            alias,
            args,
            with_hints,
            version,
            with_ordinality: _,
            partitions,
            json_path,
            sample,
            index_hints,
        } => {
            only(&[
                (!with_hints.is_empty(), "WITH (", 0),
                (version.is_some(), "FOR", 1),
                (!partitions.is_empty(), "PARTITION", 0),
                (json_path.is_some(), "[", 0),
                (!index_hints.is_empty(), "INDEX", 0),
            ])?;
            alias.as_ref().map_or(Ok(()), check_alias)?;
            check_sample(sample.as_ref())?;
            match args {
                None => Ok(()),
                Some(TableFunctionArgs { args, settings }) => {
                    only(&[(settings.is_some(), "SETTINGS", 0)])?;
                    check_args(args)
                }
            }
        }
        TableFactor::Derived { lateral: _, subquery: _, alias, sample } => {
            alias.as_ref().map_or(Ok(()), check_alias)?;
            check_sample(sample.as_ref())
        }
        TableFactor::Function { lateral: _, name: _, args, with_ordinality: _, alias } => {
            alias.as_ref().map_or(Ok(()), check_alias)?;
            check_args(args)
        }
        TableFactor::UNNEST { alias, array_exprs: _, with_offset, with_offset_alias: _, with_ordinality: _ } => {
            alias.as_ref().map_or(Ok(()), check_alias)?;
            only(&[(*with_offset, "WITH OFFSET", 0)])
        }
        TableFactor::NestedJoin { table_with_joins, alias } => {
            alias.as_ref().map_or(Ok(()), check_alias)?;
            check_from(std::slice::from_ref(table_with_joins))
        }
        TableFactor::TableFunction { expr: _, alias: _ } => Err(near("TABLE (", 0)),
        TableFactor::JsonTable { .. } => Err(near("COLUMNS", 0)),
        TableFactor::OpenJsonTable { .. } => Err(near("OPENJSON", 0)),
        TableFactor::Pivot { .. } => Err(near("PIVOT (", 1)),
        TableFactor::Unpivot { .. } => Err(near("UNPIVOT", 0)),
        TableFactor::MatchRecognize { .. } => Err(near("MATCH_RECOGNIZE", 0)),
        TableFactor::XmlTable { .. } => Err(absent("XMLTABLE")),
        TableFactor::SemanticView { .. } => Err(near("SEMANTIC_VIEW", 0)),
    }
}

/// Looks at the name that a relation goes by.
pub fn check_alias(alias: &TableAlias) -> Result<()> {
    let TableAlias { explicit: _, name: _, columns: _, at } = alias;
    only(&[(at.is_some(), "AT", 0)])
}

/// TABLESAMPLE would give other rows than the whole table: it is refused, and not passed over.
fn check_sample(sample: Option<&TableSampleKind>) -> Result<()> {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = match sample {
        None => return Ok(()),
        Some(sample) => sample,
    };
    let TableSample { modifier, name: _, quantity: _, seed: _, bucket: _, offset: _ } = sample.as_ref();
    match modifier {
        TableSampleModifier::Sample => Err(near("SAMPLE", 1)),
        TableSampleModifier::TableSample => {
            Err(absent("TABLESAMPLE").with_hint("WHERE random() < 0.1 gives about a tenth of the rows."))
        }
    }
}

/// Looks at the arguments of a function.
pub fn check_args(args: &[FunctionArg]) -> Result<()> {
    args.iter().try_for_each(|arg| {
        let arg = match arg {
            FunctionArg::Named { name: _, arg, operator: _ } => arg,
            FunctionArg::ExprNamed { name: _, arg, operator: _ } => arg,
            FunctionArg::Unnamed(arg) => arg,
        };
        match arg {
            FunctionArgExpr::Expr(_) | FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Wildcard => Ok(()),
            FunctionArgExpr::WildcardWithOptions(options) => super::query::check_wildcard(options, false),
        }
    })
}
