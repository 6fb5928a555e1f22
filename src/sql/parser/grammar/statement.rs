//! Statements: which of them PostgreSQL has, and the clauses of the short ones.

use super::{Result, alter, create, dml, expression, here, near, only};
use datafusion::sql::sqlparser::ast::{
    BeginTransactionKind, ContextModifier, DescribeAlias, Expr, ObjectType, SchemaName, Set, Spanned, Statement,
    TransactionIsolationLevel, TransactionMode,
};

/// Looks at a statement. Those of PostgreSQL's that nobody here runs pass, and are refused by their names where statements are run.
pub fn check(statement: &Statement) -> Result<()> {
    match statement {
        Statement::Query(_) => Ok(()),
        Statement::Insert(insert) => dml::insert(insert),
        Statement::Update(update) => dml::update(update),
        Statement::Delete(delete) => dml::delete(delete),
        Statement::Merge(merge) => dml::merge(merge),
        Statement::Truncate(truncate) => dml::truncate(truncate),
        Statement::CreateTable(table) => create::table(table),
        Statement::CreateView(view) => create::view(view),
        Statement::CreateIndex(index) => create::index(index),
        Statement::CreateFunction(function) => create::function(function),
        Statement::AlterTable(table) => alter::table(table),
        Statement::Call(function) => expression::check_call(function),
        Statement::CreateSchema { schema_name, if_not_exists: _, with, options, default_collate_spec, clone } => {
            match schema_name {
                SchemaName::Simple(_) | SchemaName::UnnamedAuthorization(_) | SchemaName::NamedAuthorization(_, _) => {}
            }
            only(&[
                (with.is_some(), "WITH", 0),
                (options.is_some(), "OPTIONS", 0),
                (default_collate_spec.is_some(), "DEFAULT COLLATE", 0),
                (clone.is_some(), "CLONE", 0),
            ])
        }
        Statement::Drop { object_type, if_exists: _, names: _, cascade: _, restrict: _, purge, temporary, table } => {
            match object_type {
                ObjectType::Collation
                | ObjectType::Table
                | ObjectType::View
                | ObjectType::MaterializedView
                | ObjectType::Index
                | ObjectType::Schema
                | ObjectType::Database
                | ObjectType::Role
                | ObjectType::Sequence
                | ObjectType::Type
                | ObjectType::User => {}
                ObjectType::Stage => return Err(near("STAGE", 0)),
                ObjectType::Stream => return Err(near("STREAM", 0)),
            }
            only(&[(*temporary, "TEMPORARY", 0), (table.is_some(), "ON", 0), (*purge, "PURGE", 0)])
        }
        Statement::Comment { object_type: _, object_name: _, comment: _, if_exists } => {
            only(&[(*if_exists, "IF EXISTS", 0)])
        }
        Statement::Explain {
            describe_alias,
            analyze: _,
            verbose: _,
            query_plan,
            estimate,
            statement: _,
            format,
            options: _,
        } => {
            described(describe_alias)?;
            only(&[(*query_plan, "QUERY PLAN", 0), (*estimate, "ESTIMATE", 0), (format.is_some(), "FORMAT", 0)])
        }
        // What it names is no statement.
        Statement::ExplainTable { describe_alias, hive_format, has_table_keyword: _, table_name } => {
            described(describe_alias)?;
            only(&[(hive_format.is_some(), "EXPLAIN", 1)])?;
            Err(here(&table_name.to_string(), table_name.span(), 0))
        }
        Statement::Set(set) => check_set(set),
        Statement::StartTransaction {
            modes,
            begin: _,
            transaction,
            modifier,
            statements,
            exception,
            has_end_keyword,
        } => {
            check_modes(modes)?;
            only(&[
                (matches!(transaction, Some(BeginTransactionKind::Tran)), "TRAN", 0),
                (modifier.is_some(), "BEGIN", 1),
                (!statements.is_empty() || exception.is_some() || *has_end_keyword, "BEGIN", 1),
            ])
        }
        Statement::Commit { chain: _, end: _, modifier } => only(&[(modifier.is_some(), "COMMIT", 1)]),
        Statement::Execute { name, parameters, has_parentheses, immediate, into, using, output, default } => only(&[
            (*immediate || name.is_none() || !parameters.is_empty() && !has_parentheses, "EXECUTE", 2),
            (!into.is_empty(), "INTO", 0),
            (!using.is_empty(), "USING", 0),
            (*output, "OUTPUT", 0),
            (*default, "DEFAULT", 0),
        ]),
        Statement::ShowVariable { variable: _ }
        | Statement::Rollback { chain: _, savepoint: _ }
        | Statement::Savepoint { name: _ }
        | Statement::ReleaseSavepoint { name: _ }
        | Statement::Deallocate { name: _, prepare: _ }
        | Statement::Prepare { name: _, data_types: _, statement: _ }
        | Statement::Discard { object_type: _ }
        | Statement::LISTEN { channel: _ }
        | Statement::UNLISTEN { channel: _ }
        | Statement::NOTIFY { channel: _, payload: _ }
        | Statement::Lock(_)
        | Statement::Reset(_)
        | Statement::DropFunction(_)
        | Statement::CreatePolicy(_)
        | Statement::AlterPolicy(_)
        | Statement::DropPolicy(_) => Ok(()),
        // PostgreSQL's, with a grammar of our own or none.
        Statement::Analyze(_)
        | Statement::Copy { .. }
        | Statement::Close { .. }
        | Statement::CreateRole(_)
        | Statement::CreateServer(_)
        | Statement::CreateOperator(_)
        | Statement::CreateOperatorFamily(_)
        | Statement::CreateOperatorClass(_)
        | Statement::AlterSchema(_)
        | Statement::AlterIndex { .. }
        | Statement::AlterView { .. }
        | Statement::AlterFunction(_)
        | Statement::AlterType(_)
        | Statement::AlterCollation(_)
        | Statement::AlterOperator(_)
        | Statement::AlterOperatorFamily(_)
        | Statement::AlterOperatorClass(_)
        | Statement::AlterRole { .. }
        | Statement::DropDomain(_)
        | Statement::DropProcedure { .. }
        | Statement::Declare { .. }
        | Statement::CreateExtension(_)
        | Statement::CreateCollation(_)
        | Statement::DropExtension(_)
        | Statement::DropOperator(_)
        | Statement::DropOperatorFamily(_)
        | Statement::DropOperatorClass(_)
        | Statement::Fetch { .. }
        | Statement::CreateDatabase { .. }
        | Statement::CreateTrigger(_)
        | Statement::DropTrigger(_)
        | Statement::CreateProcedure { .. }
        | Statement::Grant(_)
        | Statement::Revoke(_)
        | Statement::CreateSequence { .. }
        | Statement::CreateDomain(_)
        | Statement::CreateType { .. }
        | Statement::Load { .. }
        | Statement::CreateUser(_)
        | Statement::AlterUser(_)
        | Statement::Vacuum(_) => Ok(()),
        // `SHOW name` of other databases, where PostgreSQL finds one name at the most.
        Statement::ShowFunctions { .. }
        | Statement::ShowStatus { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowCatalogs { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowProcessList { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowCharset(_)
        | Statement::ShowObjects(_)
        | Statement::ShowTables { .. }
        | Statement::ShowViews { .. }
        | Statement::ShowCollation { .. } => Ok(()),
        Statement::ShowColumns { .. } => Err(near("SHOW COLUMNS", 2)),
        Statement::ShowCreate { .. } => Err(near("SHOW CREATE", 1)),
        Statement::CreateVirtualTable { .. } => Err(near("VIRTUAL", 0)),
        Statement::CreateSecret { .. } => Err(near("SECRET", 0)),
        Statement::CreateConnector(_) => Err(near("CONNECTOR", 0)),
        Statement::AlterConnector { .. } => Err(near("CONNECTOR", 0)),
        Statement::DropConnector { .. } => Err(near("CONNECTOR", 0)),
        Statement::DropSecret { .. } => Err(near("SECRET", 0)),
        Statement::AlterSession { .. } => Err(near("SESSION", 0)),
        Statement::CreateMacro { .. } => Err(near("MACRO", 0)),
        Statement::CreateStage { .. } => Err(near("STAGE", 0)),
        Statement::LockTables { .. } => Err(near("LOCK", 2)),
        Statement::LoadData { .. } => Err(near("LOAD", 1)),
        Statement::CopyIntoSnowflake { .. } => Err(near("COPY INTO", 1)),
        Statement::Directory { .. } => Err(near("OVERWRITE", 0)),
        Statement::Msck(_) => Err(near("MSCK", 0)),
        Statement::Install { .. } => Err(near("INSTALL", 0)),
        Statement::Case(_) => Err(near("CASE", 0)),
        Statement::If(_) => Err(near("IF", 0)),
        Statement::While(_) => Err(near("WHILE", 0)),
        Statement::Raise(_) => Err(near("RAISE", 0)),
        Statement::Open(_) => Err(near("OPEN", 0)),
        Statement::AttachDatabase { .. } | Statement::AttachDuckDBDatabase { .. } => Err(near("ATTACH", 0)),
        Statement::DetachDuckDBDatabase { .. } => Err(near("DETACH", 0)),
        Statement::Flush { .. } => Err(near("FLUSH", 0)),
        Statement::Use(_) => Err(near("USE", 0)),
        Statement::Assert { .. } => Err(near("ASSERT", 0)),
        Statement::Deny(_) => Err(near("DENY", 0)),
        Statement::Kill { .. } => Err(near("KILL", 0)),
        Statement::Cache { .. } => Err(near("CACHE", 0)),
        Statement::UNCache { .. } => Err(near("UNCACHE", 0)),
        Statement::Pragma { .. } => Err(near("PRAGMA", 0)),
        Statement::UnlockTables => Err(near("UNLOCK", 0)),
        Statement::Unload { .. } => Err(near("UNLOAD", 0)),
        Statement::OptimizeTable { .. } => Err(near("OPTIMIZE", 0)),
        Statement::RenameTable(_) => Err(near("RENAME", 0)),
        Statement::List(_) => Err(near("LIST", 0)),
        Statement::Remove(_) => Err(near("REMOVE", 0)),
        Statement::RaisError { .. } => Err(near("RAISERROR", 0)),
        Statement::Throw(_) => Err(near("THROW", 0)),
        Statement::Print(_) => Err(near("PRINT", 0)),
        Statement::WaitFor(_) => Err(near("WAITFOR", 0)),
        Statement::Return(_) => Err(near("RETURN", 0)),
        Statement::ExportData(_) => Err(near("EXPORT", 0)),
    }
}

/// EXPLAIN has no other names.
fn described(alias: &DescribeAlias) -> Result<()> {
    match alias {
        DescribeAlias::Explain => Ok(()),
        DescribeAlias::Describe => Err(near("DESCRIBE", 0)),
        DescribeAlias::Desc => Err(near("DESC", 0)),
    }
}

fn check_set(set: &Set) -> Result<()> {
    match set {
        Set::SingleAssignment { scope, hivevar, variable: _, values } => only(&[
            (*hivevar, "HIVEVAR", 1),
            (values.iter().any(|value| matches!(value, Expr::BinaryOp { .. })), "=", 0),
            (matches!(scope, Some(ContextModifier::Global)), "GLOBAL", 1),
        ]),
        Set::ParenthesizedAssignments { variables: _, values: _ } => Err(near("SET (", 1)),
        Set::MultipleAssignments { assignments: _ } => Err(near("=", 0)),
        Set::SetSessionParam(_) => Err(near("SET", 2)),
        Set::SetNames { charset_name: _, collation_name } => only(&[(collation_name.is_some(), "COLLATE", 0)]),
        Set::SetTransaction { modes, snapshot: _, session: _ } => check_modes(modes),
        Set::SetSessionAuthorization(_)
        | Set::SetRole { context_modifier: _, role_name: _ }
        | Set::SetTimeZone { local: _, value: _ }
        | Set::SetNamesDefault {} => Ok(()),
    }
}

fn check_modes(modes: &[TransactionMode]) -> Result<()> {
    modes.iter().try_for_each(|mode| match mode {
        TransactionMode::AccessMode(_) => Ok(()),
        TransactionMode::IsolationLevel(
            TransactionIsolationLevel::ReadUncommitted
            | TransactionIsolationLevel::ReadCommitted
            | TransactionIsolationLevel::RepeatableRead
            | TransactionIsolationLevel::Serializable,
        ) => Ok(()),
        TransactionMode::IsolationLevel(TransactionIsolationLevel::Snapshot) => Err(near("SNAPSHOT", 0)),
    })
}
