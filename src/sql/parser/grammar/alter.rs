//! ALTER TABLE.

use super::create::{column, constraint};
use super::{Result, here, near, only};
use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, AlterTableType, MySQLColumnPosition, RenameTableNameKind,
};

/// Looks at an ALTER TABLE.
pub fn table(alter: &AlterTable) -> Result<()> {
    let AlterTable { name: _, if_exists: _, only: _, operations, location, on_cluster, table_type, end_token: _ } =
        alter;
    match table_type {
        None => {}
        Some(AlterTableType::Iceberg) => return Err(near("ICEBERG", 0)),
        Some(AlterTableType::Dynamic) => return Err(near("DYNAMIC", 0)),
        Some(AlterTableType::External) => return Err(near("EXTERNAL", 0)),
    }
    only(&[(on_cluster.is_some(), "ON CLUSTER", 0), (location.is_some(), "LOCATION", 0)])?;
    operations.iter().try_for_each(operation)
}

fn operation(operation: &AlterTableOperation) -> Result<()> {
    use AlterTableOperation as To;
    match operation {
        To::AddConstraint { constraint: added, not_valid: _ } => constraint(added),
        To::AddColumn { column_keyword: _, if_not_exists: _, column_def, column_position } => {
            match column_position {
                None => {}
                Some(MySQLColumnPosition::First) => return Err(near("FIRST", 0)),
                Some(MySQLColumnPosition::After(_)) => return Err(near("AFTER", 0)),
            }
            column(column_def)
        }
        To::DropColumn { has_column_keyword: _, column_names, if_exists: _, drop_behavior: _ } => {
            match column_names.get(1) {
                Some(second) => Err(here(&second.to_string(), second.span, 0)),
                None => Ok(()),
            }
        }
        To::AlterColumn { column_name: _, op } => match op {
            AlterColumnOperation::SetNotNull
            | AlterColumnOperation::DropNotNull
            | AlterColumnOperation::SetDefault { value: _ }
            | AlterColumnOperation::DropDefault
            | AlterColumnOperation::SetDataType { data_type: _, using: _, had_set: _ }
            | AlterColumnOperation::AddGenerated { generated_as: _, sequence_options: _ } => Ok(()),
        },
        To::RenameTable { table_name: RenameTableNameKind::As(_) } => Err(near("RENAME AS", 1)),
        To::RenameTable { table_name: RenameTableNameKind::To(_) }
        | To::RenameColumn { old_column_name: _, new_column_name: _ }
        | To::RenameConstraint { old_name: _, new_name: _ }
        | To::DropConstraint { if_exists: _, name: _, drop_behavior: _ }
        | To::ValidateConstraint { name: _ }
        | To::EnableRowLevelSecurity
        | To::DisableRowLevelSecurity
        | To::ForceRowLevelSecurity
        | To::NoForceRowLevelSecurity
        | To::OwnerTo { new_owner: _ } => Ok(()),
        // PostgreSQL's, and refused by their names where tables are altered.
        To::DisableRule { name: _ }
        | To::DisableTrigger { name: _ }
        | To::EnableAlwaysRule { name: _ }
        | To::EnableAlwaysTrigger { name: _ }
        | To::EnableReplicaRule { name: _ }
        | To::EnableReplicaTrigger { name: _ }
        | To::EnableRule { name: _ }
        | To::EnableTrigger { name: _ }
        | To::ReplicaIdentity { identity: _ }
        | To::SetOptionsParens { options: _ } => Ok(()),
        To::AddProjection { .. } => Err(near("PROJECTION", 1)),
        To::DropProjection { .. } => Err(near("PROJECTION", 1)),
        To::MaterializeProjection { .. } => Err(near("MATERIALIZE", 0)),
        To::ClearProjection { .. } => Err(near("CLEAR", 0)),
        To::AttachPartition { .. } => Err(near("ATTACH", 1)),
        To::DetachPartition { .. } => Err(near("DETACH", 1)),
        To::FreezePartition { .. } => Err(near("FREEZE", 0)),
        To::UnfreezePartition { .. } => Err(near("UNFREEZE", 0)),
        To::DropPrimaryKey { .. } => Err(near("DROP PRIMARY", 1)),
        To::DropForeignKey { .. } => Err(near("DROP FOREIGN", 1)),
        To::DropIndex { .. } => Err(near("DROP INDEX", 1)),
        To::RenamePartitions { .. } => Err(near("PARTITION (", 1)),
        To::AddPartitions { .. } => Err(near("PARTITION (", 1)),
        To::DropPartitions { .. } => Err(near("PARTITION (", 1)),
        To::ChangeColumn { .. } => Err(near("CHANGE", 0)),
        To::ModifyColumn { .. } => Err(near("MODIFY", 0)),
        To::SwapWith { .. } => Err(near("SWAP", 0)),
        To::SetTblProperties { .. } => Err(near("TBLPROPERTIES", 0)),
        To::ClusterBy { .. } => Err(near("CLUSTER BY", 1)),
        To::DropClusteringKey => Err(near("CLUSTERING KEY", 1)),
        To::AlterSortKey { .. } => Err(near("SORTKEY", 0)),
        To::SuspendRecluster => Err(near("SUSPEND", 0)),
        To::ResumeRecluster => Err(near("RESUME", 0)),
        To::Refresh { .. } => Err(near("REFRESH", 0)),
        To::Suspend => Err(near("SUSPEND", 0)),
        To::Resume => Err(near("RESUME", 0)),
        To::Algorithm { .. } => Err(near("ALGORITHM", 0)),
        To::Lock { .. } => Err(near("LOCK", 0)),
        To::AutoIncrement { .. } => Err(near("AUTO_INCREMENT", 0)),
    }
}
