//! steward.tags, tag_references, classes, policies, sources, roles, settings.

use super::super::context::Context;
use super::super::tables;
use super::rows::{Cell, column, jsonb};
use crate::catalog::{Class, Object, ObjectId, OnConflict, TagSource, TagUse, TagVerdict};
use crate::error::Result;
use arrow::datatypes::{DataType, Field};

fn object_name(context: &Context, id: ObjectId) -> String {
    context.snapshot.catalog.get(id).map(|object| object.key().1.replace('\0', ".")).unwrap_or_default()
}

pub fn tag_columns() -> Vec<Field> {
    vec![
        column("name", DataType::Utf8),
        jsonb("allowed_values"),
        column("masking_policy", DataType::Utf8),
        jsonb("unmask"),
        column("comment", DataType::Utf8),
        column("propagate", DataType::Utf8),
        column("on_conflict", DataType::Utf8),
    ]
}

pub fn tags(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let rows = catalog.class(Class::Tag).filter_map(|(_, object)| match object {
        Object::Tag(tag) => Some(vec![
            Cell::text(&tag.name),
            Cell::text(serde_json::json!(tag.allowed_values).to_string()),
            Cell::Text(tag.mask.map(|id| object_name(context, id))),
            Cell::text(
                serde_json::json!(tag.unmask.iter().map(|id| catalog.role_name(*id)).collect::<Vec<_>>()).to_string(),
            ),
            Cell::Text(tag.comment.clone()),
            Cell::Text(tag.propagate.map(|propagate| propagate.words().to_owned())),
            Cell::Text(tag.on_conflict.as_ref().map(|on_conflict| match on_conflict {
                OnConflict::Value(value) => value.clone(),
                OnConflict::AllowedValuesSequence => "ALLOWED_VALUES_SEQUENCE".to_owned(),
            })),
        ]),
        _ => None,
    });
    Ok(rows.collect())
}

pub fn reference_columns() -> Vec<Field> {
    let texts = ["level", "object", "column_name", "tag", "value", "source", "state"];
    let mut columns: Vec<Field> = texts.iter().map(|name| column(name, DataType::Utf8)).collect();
    columns.push(column("confidence", DataType::Float64));
    columns
}

pub fn references(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let mut rows = Vec::new();
    for (_, object) in context.snapshot.catalog.class(Class::Relation) {
        let Object::Table(table) = object else { continue };
        if context.must_reach(&table.schema).is_err()
            || tables::must_have(context, table, crate::catalog::Privilege::Select).is_err()
        {
            continue;
        }
        let name = format!("{}.{}", table.schema, table.name);
        let mut add = |level: &str, column: Option<&str>, used: &TagUse, verdicts: &[TagVerdict]| {
            let (source, state) = match used.source {
                TagSource::Manual => ("manual", "confirmed"),
                TagSource::Classifier if is_confirmed(verdicts, used) => ("classifier", "confirmed"),
                TagSource::Classifier => ("classifier", "suggested"),
                TagSource::Propagated => ("propagated", "confirmed"),
            };
            rows.push(vec![
                Cell::text(level),
                Cell::text(&name),
                Cell::Text(column.map(str::to_owned)),
                Cell::text(object_name(context, used.tag)),
                Cell::text(&used.value),
                Cell::text(source),
                Cell::text(state),
                Cell::Float(Some(used.confidence)),
            ]);
        };
        table.tags.iter().for_each(|used| add("table", None, used, &[]));
        for column in &table.columns {
            column.tags.iter().for_each(|used| add("column", Some(&column.name), used, &column.verdicts));
        }
        // What was rejected is remembered, and shown as such.
        let rejected = table.columns.iter().flat_map(|column| column.verdicts.iter().map(move |said| (column, said)));
        for (column, said) in rejected.filter(|(_, said)| !said.confirmed) {
            rows.push(vec![
                Cell::text("column"),
                Cell::text(&name),
                Cell::text(&column.name),
                Cell::text(object_name(context, said.tag)),
                Cell::text(&said.category),
                Cell::text("classifier"),
                Cell::text("rejected"),
                Cell::Float(Some(0.0)),
            ]);
        }
    }
    super::carried::rows(context, &mut rows)?;
    Ok(rows)
}

/// Whether a person confirmed what a column carries.
fn is_confirmed(verdicts: &[TagVerdict], used: &TagUse) -> bool {
    verdicts.iter().any(|said| said.confirmed && said.tag == used.tag && said.category == used.value)
}

pub fn class_columns() -> Vec<Field> {
    ["object", "class", "column_name"].map(|name| column(name, DataType::Utf8)).to_vec()
}

/// Which columns have a data key of their own, and with which others they share it.
pub fn classes(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let mut rows = Vec::new();
    for (id, object) in catalog.class(Class::Relation) {
        let Object::Table(table) = object else { continue };
        if context.must_reach(&table.schema).is_err()
            || tables::must_have(context, table, crate::catalog::Privilege::Select).is_err()
        {
            continue;
        }
        let columns = table.classes();
        for (class, facts) in catalog.classes_of(id) {
            for &at in columns.get(&class).into_iter().flatten() {
                let object = format!("{}.{}", table.schema, table.name);
                rows.push(vec![Cell::text(object), Cell::text(&facts.name), Cell::text(&table.columns[at].name)]);
            }
        }
    }
    Ok(rows)
}

pub fn policy_columns() -> Vec<Field> {
    ["name", "kind", "relation", "type", "definition", "roles", "comment", "command", "with_check"]
        .iter()
        .map(|name| column(name, DataType::Utf8))
        .collect()
}

pub fn policies(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let mut rows = Vec::new();
    let comment = |id: ObjectId| Cell::Text(catalog.comment(id, "").map(str::to_owned));
    for (id, object) in catalog.class(Class::MaskingPolicy) {
        if let Object::MaskingPolicy(policy) = object {
            rows.push(vec![
                Cell::text(&policy.name),
                Cell::text("masking"),
                Cell::Text(None),
                Cell::text(policy.data_type.to_string()),
                Cell::text(format!("{} -> {}", policy.argument, policy.body)),
                Cell::Text(None),
                comment(id),
                Cell::Text(None),
                Cell::Text(None),
            ]);
        }
    }
    for (id, object) in catalog.class(Class::RowPolicy) {
        if let Object::RowPolicy(policy) = object {
            let roles: Vec<String> = policy.roles.iter().map(|id| catalog.role_name(*id)).collect();
            rows.push(vec![
                Cell::text(&policy.name),
                Cell::text("row"),
                Cell::text(object_name(context, policy.table)),
                Cell::text(if policy.permissive { "permissive" } else { "restrictive" }),
                Cell::Text(policy.using.clone()),
                Cell::text(if roles.is_empty() { "public".to_owned() } else { roles.join(", ") }),
                comment(id),
                Cell::text(policy.command.word().to_lowercase()),
                Cell::Text(policy.check.clone()),
            ]);
        }
    }
    Ok(rows)
}

pub fn source_columns() -> Vec<Field> {
    vec![
        column("name", DataType::Utf8),
        column("source_type", DataType::Utf8),
        column("owner", DataType::Utf8),
        column("assets", DataType::Int64),
        jsonb("options"),
        column("comment", DataType::Utf8),
    ]
}

pub fn sources(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let rows = catalog.class(Class::Schema).filter_map(|(id, object)| match object {
        Object::Source(source) if tables::may_read(context, source) => Some(vec![
            Cell::text(&source.name),
            Cell::text(&source.source_type),
            Cell::text(catalog.role_name(source.owner)),
            Cell::Int(tables::count_assets(context, source).map(|count| count as i64)),
            Cell::text(serde_json::json!(source.options).to_string()),
            Cell::Text(catalog.comment(id, "").map(str::to_owned)),
        ]),
        _ => None,
    });
    Ok(rows.collect())
}

pub fn role_columns() -> Vec<Field> {
    vec![
        column("name", DataType::Utf8),
        column("superuser", DataType::Boolean),
        column("login", DataType::Boolean),
        jsonb("member_of"),
    ]
}

pub fn roles(context: &Context) -> Result<Vec<Vec<Cell>>> {
    let catalog = &context.snapshot.catalog;
    let rows = catalog.class(Class::Role).filter_map(|(_, object)| match object {
        Object::Role(role) => {
            let groups: Vec<String> = role.member_of.iter().map(|id| catalog.role_name(*id)).collect();
            Some(vec![
                Cell::text(&role.name),
                Cell::Bool(Some(role.superuser)),
                Cell::Bool(Some(role.login)),
                Cell::text(serde_json::json!(groups).to_string()),
            ])
        }
        _ => None,
    });
    Ok(rows.collect())
}

pub fn setting_columns() -> Vec<Field> {
    ["name", "setting", "description"].iter().map(|name| column(name, DataType::Utf8)).collect()
}

pub fn settings(context: &Context) -> Result<Vec<Vec<Cell>>> {
    // What the whole system has is not among the session's values.
    let known = context.settings.all();
    known
        .map(|(name, _, text)| Ok(vec![Cell::text(name), Cell::text(context.setting(name)?), Cell::text(text)]))
        .collect()
}
