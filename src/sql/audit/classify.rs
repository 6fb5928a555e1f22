//! What a statement is to the audit log.

use super::super::parser::{Body, ClassifyWords, JobWords, ModelWords, Operate, Own, Statement};
use crate::catalog::AuditAction;
use datafusion::sql::sqlparser::ast::{AlterTableOperation as To, Query, SetExpr, Statement as Sql};

/// What a statement that changes something is logged as; none for queries and for what is of the session alone.
pub fn action_of(statement: &Statement) -> Option<AuditAction> {
    match &statement.body {
        Body::Own(own) => of_own(own),
        Body::Sql(sql) => of_sql(sql),
    }
}

fn of_own(own: &Own) -> Option<AuditAction> {
    Some(match own {
        Own::CreateRole { .. }
        | Own::AlterRole { .. }
        | Own::DropRole { .. }
        | Own::Grant { .. }
        | Own::DefaultRights { .. }
        | Own::ReassignOwned { .. }
        | Own::DropOwned { .. } => AuditAction::Rights,
        Own::Classify(ClassifyWords::Said { .. }) => AuditAction::Tag,
        Own::CreateTag(_)
        | Own::DropTag { .. }
        | Own::TagUse { .. }
        | Own::ModelTag { .. }
        | Own::ColumnClass { .. } => AuditAction::Tag,
        Own::TagMask { .. }
        | Own::ColumnMask { .. }
        | Own::CreateMaskingPolicy { .. }
        | Own::DropMaskingPolicy { .. } => AuditAction::Policy,
        Own::EraseClass { .. } => AuditAction::Erasure,
        // It changes nothing that a model does.
        Own::Model(ModelWords::CheckDrift { .. }) => return None,
        Own::CreateModel { .. } | Own::DeployModel { .. } | Own::Model(_) => AuditAction::Training,
        Own::RotateKey => AuditAction::Key,
        Own::CreateSource { .. }
        | Own::AlterSource { .. }
        | Own::DropSource { .. }
        | Own::RefreshSource { .. }
        | Own::Inventory(_)
        | Own::RenameModel { .. }
        | Own::DropModel { .. }
        | Own::Rule(_)
        | Own::Job(JobWords::Create(_) | JobWords::Alter { .. } | JobWords::Drop { .. })
        | Own::Classify(_)
        | Own::Define(_)
        | Own::Kept(_)
        | Own::Upkeep(_) => AuditAction::Ddl,
        Own::Repair(words) if words.writes() => AuditAction::Write,
        Own::Repair(_) => return None,
        Own::Forget(words) if words.dry_run => return None,
        Own::Forget(_) => AuditAction::Erasure,
        // What it runs is logged as what it is.
        Own::Job(JobWords::Execute(_)) => AuditAction::System,
        Own::Operate(Operate::SetOwner { .. }) => AuditAction::Rights,
        // That one writes its own entry.
        Own::Operate(Operate::SetSystem { name, .. }) if name.starts_with("steward.audit") => return None,
        Own::Operate(_) => AuditAction::System,
        Own::Copy(copy) if copy.from => AuditAction::Write,
        // A file of the server is the database's no more.
        Own::Copy(copy) if copy.file.is_some() => AuditAction::System,
        Own::Copy(_)
        | Own::Cursor(_)
        | Own::SetConstraints { .. }
        | Own::SetRole { .. }
        | Own::ResetRole
        | Own::SessionAuthorization { .. } => return None,
    })
}

fn of_sql(sql: &Sql) -> Option<AuditAction> {
    Some(match sql {
        Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_) | Sql::Truncate(_) => AuditAction::Write,
        // One whose WITH queries change rows.
        Sql::Query(query) if may_change(query) && super::super::dml::with::is_in(query) => AuditAction::Write,
        Sql::CreatePolicy(_) | Sql::AlterPolicy(_) | Sql::DropPolicy(_) => AuditAction::Policy,
        Sql::AlterTable(alter) if alter.operations.iter().any(is_of_policies) => AuditAction::Policy,
        Sql::CreateTable(_)
        | Sql::CreateView(_)
        | Sql::CreateSchema { .. }
        | Sql::CreateIndex(_)
        | Sql::AlterTable(_)
        | Sql::Drop { .. }
        | Sql::CreateFunction(_)
        | Sql::DropFunction(_)
        | Sql::Comment { .. } => AuditAction::Ddl,
        _ => return None,
    })
}

/// Most queries need no look at all that is within.
fn may_change(query: &Query) -> bool {
    query.with.is_some() || !matches!(query.body.as_ref(), SetExpr::Select(_) | SetExpr::Values(_))
}

fn is_of_policies(operation: &To) -> bool {
    matches!(
        operation,
        To::EnableRowLevelSecurity
            | To::DisableRowLevelSecurity
            | To::ForceRowLevelSecurity
            | To::NoForceRowLevelSecurity
    )
}
