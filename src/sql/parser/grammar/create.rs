//! Definitions of tables, views, indexes, schemas and functions.

use super::query::check_keys;
use super::{Result, absent, here, near, only};
use datafusion::sql::sqlparser::ast::{
    CheckConstraint, ColumnDef, ColumnOption, ColumnOptionDef, CommentDef, ConstraintCharacteristics,
    ConstraintUsingIndex, CreateFunction, CreateFunctionBody, CreateIndex, CreateTable, CreateTableLikeKind,
    CreateTableOptions, CreateView, CreateViewParams, ForeignKeyConstraint, GeneratedExpressionMode,
    HiveDistributionStyle, HiveFormat, IdentityPropertyKind, IndexColumn, KeyOrIndexDisplay, PrimaryKeyConstraint,
    SqlOption, TableConstraint, UniqueConstraint, ViewColumnDef,
};

/// Looks at a CREATE TABLE.
pub fn table(create: &CreateTable) -> Result<()> {
    let CreateTable {
        or_replace,
        temporary: _,
        external,
        dynamic,
        global: _,
        if_not_exists: _,
        transient,
        volatile,
        iceberg,
        snapshot,
        name: _,
        columns,
        constraints,
        hive_distribution,
        hive_formats,
        table_options,
        file_format,
        location,
        query: _,
        without_rowid,
        like,
        clone,
        version,
        comment,
        on_commit: _,
        on_cluster,
        primary_key,
        order_by,
        // They are PostgreSQL's, and refused where the table is made.
        partition_by: _,
        inherits: _,
        partition_of: _,
        for_values: _,
        cluster_by,
        clustered_by,
        strict,
        copy_grants,
        enable_schema_evolution,
        change_tracking,
        data_retention_time_in_days,
        max_data_extension_time_in_days,
        default_ddl_collation,
        with_aggregation_policy,
        with_row_access_policy,
        with_storage_lifecycle_policy,
        with_tags,
        external_volume,
        base_location,
        catalog,
        catalog_sync,
        storage_serialization_policy,
        target_lag,
        warehouse,
        refresh_mode,
        initialize,
        require_user,
        diststyle,
        distkey,
        sortkey,
        backup,
    } = create;
    if *external {
        return Err(absent("CREATE EXTERNAL TABLE").with_hint("Use CREATE SOURCE to register files."));
    }
    only(&[
        (*or_replace, "REPLACE TABLE", 1),
        (*dynamic, "DYNAMIC", 0),
        (*transient, "TRANSIENT", 0),
        (*volatile, "VOLATILE", 0),
        (*iceberg, "ICEBERG", 0),
        (*snapshot, "SNAPSHOT", 0),
        (clone.is_some(), "CLONE", 0),
        (version.is_some(), "FOR", 0),
        (on_cluster.is_some(), "ON CLUSTER", 0),
        (matches!(like, Some(CreateTableLikeKind::Plain(_))), "LIKE", 0),
        (matches!(like, Some(CreateTableLikeKind::Parenthesized(_))), "LIKE", 0),
        (matches!(hive_distribution, HiveDistributionStyle::PARTITIONED { .. }), "PARTITIONED", 0),
        (matches!(hive_distribution, HiveDistributionStyle::SKEWED { .. }), "SKEWED", 0),
    ])?;
    if let Some(HiveFormat { row_format, serde_properties, storage, location }) = hive_formats {
        only(&[
            (row_format.is_some(), "ROW FORMAT", 0),
            (serde_properties.is_some(), "SERDEPROPERTIES", 0),
            (storage.is_some(), "STORED", 0),
            (location.is_some(), "LOCATION", 0),
        ])?;
        // `WITH (name = value)`, which is read by another way.
        only(&[(storage.is_none() && matches!(table_options, CreateTableOptions::Options(_)), "OPTIONS", 0)])?;
    }
    options(table_options)?;
    only(&[
        (file_format.is_some(), "STORED", 0),
        (location.is_some(), "LOCATION", 0),
        (*without_rowid, "WITHOUT", 1),
        (comment.is_some(), "COMMENT", 0),
        (primary_key.is_some(), "PRIMARY KEY", 0),
        (order_by.is_some(), "ORDER BY", 0),
        (cluster_by.is_some(), "CLUSTER BY", 0),
        (clustered_by.is_some(), "CLUSTERED", 0),
        (*strict, "STRICT", 0),
        (*copy_grants, "COPY GRANTS", 0),
        (enable_schema_evolution.is_some(), "ENABLE_SCHEMA_EVOLUTION", 0),
        (change_tracking.is_some(), "CHANGE_TRACKING", 0),
        (data_retention_time_in_days.is_some(), "DATA_RETENTION_TIME_IN_DAYS", 0),
        (max_data_extension_time_in_days.is_some(), "MAX_DATA_EXTENSION_TIME_IN_DAYS", 0),
        (default_ddl_collation.is_some(), "DEFAULT_DDL_COLLATION", 0),
        (with_aggregation_policy.is_some(), "AGGREGATION POLICY", 0),
        (with_row_access_policy.is_some(), "ROW ACCESS", 0),
        (with_storage_lifecycle_policy.is_some(), "STORAGE LIFECYCLE", 0),
        (with_tags.is_some(), "TAG", 0),
        (external_volume.is_some(), "EXTERNAL_VOLUME", 0),
        (base_location.is_some(), "BASE_LOCATION", 0),
        (catalog.is_some(), "CATALOG", 0),
        (catalog_sync.is_some(), "CATALOG_SYNC", 0),
        (storage_serialization_policy.is_some(), "STORAGE_SERIALIZATION_POLICY", 0),
        (target_lag.is_some(), "TARGET_LAG", 0),
        (warehouse.is_some(), "WAREHOUSE", 0),
        (refresh_mode.is_some(), "REFRESH_MODE", 0),
        (initialize.is_some(), "INITIALIZE", 0),
        (*require_user, "REQUIRE USER", 0),
        (diststyle.is_some(), "DISTSTYLE", 0),
        (distkey.is_some(), "DISTKEY", 0),
        (sortkey.is_some(), "SORTKEY", 0),
        (backup.is_some(), "BACKUP", 0),
    ])?;
    columns.iter().try_for_each(column)?;
    constraints.iter().try_for_each(constraint)
}

/// Looks at what is said of a table or view as a whole.
fn options(options: &CreateTableOptions) -> Result<()> {
    match options {
        CreateTableOptions::None | CreateTableOptions::With(_) => Ok(()),
        CreateTableOptions::Options(_) => Err(near("OPTIONS", 0)),
        CreateTableOptions::TableProperties(_) => Err(near("TBLPROPERTIES", 0)),
        CreateTableOptions::Plain(options) => match options.first() {
            None => Ok(()),
            Some(SqlOption::Ident(name) | SqlOption::KeyValue { key: name, value: _ }) => {
                let first = name.value.split(' ').next().unwrap_or_default().to_owned();
                Err(near(&first, 0))
            }
            Some(SqlOption::Comment(CommentDef::WithEq(_) | CommentDef::WithoutEq(_))) => Err(near("COMMENT", 0)),
            Some(SqlOption::TableSpace(_)) => Err(absent("TABLESPACE").with_hint("Leave it out.")),
            Some(SqlOption::Clustered(_)) => Err(near("CLUSTERED", 0)),
            Some(SqlOption::Partition { .. }) => Err(near("PARTITION", 0)),
            Some(SqlOption::NamedParenthesizedList(list)) => Err(near(&list.key.value, 0)),
        },
    }
}

/// Looks at the definition of a column.
pub fn column(column: &ColumnDef) -> Result<()> {
    let ColumnDef { name: _, data_type: _, options } = column;
    options.iter().try_for_each(|ColumnOptionDef { name: _, option }| column_option(option))
}

fn column_option(option: &ColumnOption) -> Result<()> {
    match option {
        ColumnOption::Null | ColumnOption::NotNull | ColumnOption::Default(_) | ColumnOption::Collation(_) => Ok(()),
        ColumnOption::PrimaryKey(key) => primary_key(key),
        ColumnOption::Unique(key) => unique(key),
        ColumnOption::ForeignKey(key) => foreign_key(key),
        ColumnOption::Check(condition) => check(condition),
        ColumnOption::Generated {
            generated_as: _,
            sequence_options: _,
            generation_expr,
            generation_expr_mode,
            generated_keyword,
        } => {
            let computed = generation_expr.is_some();
            only(&[
                (computed && !generated_keyword, "AS (", 0),
                (matches!(generation_expr_mode, Some(GeneratedExpressionMode::Virtual)), "VIRTUAL", 0),
                (computed && generation_expr_mode.is_none(), ") )", 1),
            ])
        }
        ColumnOption::Materialized(_) => Err(near("MATERIALIZED", 0)),
        ColumnOption::Ephemeral(_) => Err(near("EPHEMERAL", 0)),
        ColumnOption::Alias(_) => Err(near("ALIAS", 0)),
        ColumnOption::DialectSpecific(tokens) => {
            Err(near(&tokens.first().map(|token| token.to_string()).unwrap_or_default(), 0))
        }
        ColumnOption::CharacterSet(_) => Err(near("CHARACTER SET", 0)),
        ColumnOption::Comment(_) => Err(near("COMMENT", 0)),
        ColumnOption::OnUpdate(_) => Err(near("ON UPDATE", 0)),
        ColumnOption::Options(_) => Err(near("OPTIONS", 0)),
        ColumnOption::Identity(IdentityPropertyKind::Autoincrement(_)) => Err(near("AUTOINCREMENT", 0)),
        ColumnOption::Identity(IdentityPropertyKind::Identity(_)) => Err(near("IDENTITY", 0)),
        ColumnOption::OnConflict(_) => Err(near("ON CONFLICT", 0)),
        ColumnOption::Policy(_) => Err(near("POLICY", 0)),
        ColumnOption::Tags(_) => Err(near("TAG", 0)),
        ColumnOption::Srid(_) => Err(near("SRID", 0)),
        ColumnOption::Invisible => Err(near("INVISIBLE", 0)),
    }
}

/// Looks at a constraint of a table.
pub fn constraint(constraint: &TableConstraint) -> Result<()> {
    match constraint {
        TableConstraint::PrimaryKey(key) => primary_key(key),
        TableConstraint::Unique(key) => unique(key),
        TableConstraint::ForeignKey(key) => foreign_key(key),
        TableConstraint::Check(condition) => check(condition),
        TableConstraint::PrimaryKeyUsingIndex(using) | TableConstraint::UniqueUsingIndex(using) => {
            let ConstraintUsingIndex { name: _, index_name: _, characteristics } = using;
            characteristic(characteristics.as_ref())
        }
        TableConstraint::Index(index) => Err(near(if index.display_as_key { "KEY" } else { "INDEX" }, 0)),
        TableConstraint::FulltextOrSpatial(key) => Err(near(if key.fulltext { "FULLTEXT" } else { "SPATIAL" }, 0)),
    }
}

fn primary_key(key: &PrimaryKeyConstraint) -> Result<()> {
    let PrimaryKeyConstraint { name: _, index_name, index_type, columns, index_options, characteristics } = key;
    if let Some(name) = index_name {
        return Err(here(&name.to_string(), name.span, 0));
    }
    only(&[(index_type.is_some() || !index_options.is_empty(), "USING", 0)])?;
    key_columns(columns)?;
    characteristic(characteristics.as_ref())
}

fn unique(key: &UniqueConstraint) -> Result<()> {
    let UniqueConstraint {
        name: _,
        index_name,
        index_type_display,
        index_type,
        columns,
        index_options,
        characteristics,
        nulls_distinct: _,
    } = key;
    match index_type_display {
        KeyOrIndexDisplay::None => {}
        KeyOrIndexDisplay::Key => return Err(near("UNIQUE KEY", 1)),
        KeyOrIndexDisplay::Index => return Err(near("UNIQUE INDEX", 1)),
    }
    if let Some(name) = index_name {
        return Err(here(&name.to_string(), name.span, 0));
    }
    only(&[(index_type.is_some() || !index_options.is_empty(), "USING", 0)])?;
    key_columns(columns)?;
    characteristic(characteristics.as_ref())
}

/// Keys name columns only, in no order.
fn key_columns(columns: &[IndexColumn]) -> Result<()> {
    for IndexColumn { column, operator_class } in columns {
        let said = &column.options;
        only(&[
            (said.asc == Some(true), "ASC", 0),
            (said.asc == Some(false), "DESC", 0),
            (said.nulls_first.is_some(), "NULLS", 0),
        ])?;
        if let Some(class) = operator_class {
            return Err(near(&class.to_string(), 0));
        }
        check_keys(std::slice::from_ref(column))?;
    }
    Ok(())
}

fn foreign_key(key: &ForeignKeyConstraint) -> Result<()> {
    let ForeignKeyConstraint {
        name: _,
        index_name,
        columns: _,
        foreign_table: _,
        referred_columns: _,
        on_delete: _,
        on_update: _,
        match_kind: _,
        characteristics,
    } = key;
    if let Some(name) = index_name {
        return Err(here(&name.to_string(), name.span, 0));
    }
    characteristic(characteristics.as_ref())
}

fn check(condition: &CheckConstraint) -> Result<()> {
    let CheckConstraint { name: _, expr: _, enforced } = condition;
    only(&[(enforced.is_some(), "ENFORCED", 0)])
}

fn characteristic(said: Option<&ConstraintCharacteristics>) -> Result<()> {
    match said {
        None => Ok(()),
        Some(ConstraintCharacteristics { deferrable: _, initially: _, enforced }) => {
            only(&[(enforced.is_some(), "ENFORCED", 0)])
        }
    }
}

/// Looks at a CREATE VIEW.
pub fn view(create: &CreateView) -> Result<()> {
    let CreateView {
        or_alter,
        or_replace,
        materialized,
        secure,
        name: _,
        name_before_not_exists,
        columns,
        query: _,
        options: said,
        cluster_by,
        comment,
        with_no_schema_binding,
        if_not_exists,
        temporary: _,
        copy_grants,
        to,
        params,
    } = create;
    if let Some(CreateViewParams { algorithm, definer, security }) = params {
        only(&[
            (algorithm.is_some(), "ALGORITHM", 0),
            (definer.is_some(), "DEFINER", 0),
            (security.is_some(), "SECURITY", 0),
        ])?;
    }
    only(&[
        (*or_alter, "OR ALTER", 1),
        (*secure, "SECURE", 0),
        (*or_replace && *materialized, "MATERIALIZED", 0),
        (*if_not_exists && (!materialized || *name_before_not_exists), "NOT EXISTS", 0),
    ])?;
    for ViewColumnDef { name: _, data_type: _, options } in columns {
        only(&[(options.is_some(), "COMMENT", 0)])?;
    }
    options(said)?;
    only(&[
        (comment.is_some(), "COMMENT", 0),
        (*copy_grants, "COPY GRANTS", 0),
        (to.is_some(), "TO", 0),
        (!cluster_by.is_empty(), "CLUSTER BY", 0),
        (*with_no_schema_binding, "NO SCHEMA", 0),
    ])
}

/// Looks at a CREATE INDEX.
pub fn index(create: &CreateIndex) -> Result<()> {
    let CreateIndex {
        name: _,
        table_name: _,
        using: _,
        columns,
        unique: _,
        concurrently: _,
        if_not_exists: _,
        include: _,
        nulls_distinct: _,
        with: _,
        predicate: _,
        index_options,
        alter_options,
    } = create;
    for IndexColumn { column, operator_class: _ } in columns {
        check_keys(std::slice::from_ref(column))?;
    }
    only(&[(!index_options.is_empty(), "COMMENT", 0), (!alter_options.is_empty(), "ALGORITHM", 0)])
}

/// Looks at a CREATE FUNCTION.
pub fn function(create: &CreateFunction) -> Result<()> {
    let CreateFunction {
        or_alter,
        or_replace: _,
        temporary,
        if_not_exists,
        name: _,
        args: _,
        return_type: _,
        function_body,
        behavior: _,
        called_on_null: _,
        parallel: _,
        security: _,
        set_params: _,
        using,
        language: _,
        determinism_specifier,
        options,
        remote_connection,
    } = create;
    only(&[
        (*or_alter, "OR ALTER", 1),
        (*temporary, "FUNCTION", 0),
        (*if_not_exists, "NOT EXISTS", 0),
        (using.is_some(), "USING", 0),
        (determinism_specifier.is_some(), "DETERMINISTIC", 0),
        (options.is_some(), "OPTIONS", 0),
        (remote_connection.is_some(), "REMOTE", 0),
    ])?;
    match function_body {
        None
        | Some(
            CreateFunctionBody::AsBeforeOptions { body: _, link_symbol: _ }
            | CreateFunctionBody::AsAfterOptions(_)
            | CreateFunctionBody::Return(_),
        ) => Ok(()),
        Some(CreateFunctionBody::AsBeginEnd(_)) => Err(near("BEGIN", 0)),
        Some(CreateFunctionBody::AsReturnExpr(_) | CreateFunctionBody::AsReturnSelect(_)) => Err(near("AS RETURN", 1)),
    }
}
