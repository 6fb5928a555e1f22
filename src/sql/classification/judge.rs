//! Columns judged by a sample of their rows.

use super::super::context::Context;
use super::super::ddl::{ready, remembered};
use super::super::{run, tables};
use crate::catalog::{Catalog, Class, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::governance::{
    ColumnProfile, ColumnVerdict, CustomClassifier, Profiler, Said, by_neighbours, classify_column, detect_column,
    is_rejected,
};
use arrow::datatypes::{DataType, Schema};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, ident};
use futures::TryStreamExt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The classifiers that are asked of a relation of this owner, or by this role: those of superusers, and of roles whose rights it has. Anybody
/// else could find out by them what columns hold. `named`, if given, are the only ones.
///
/// # Errors
/// [`Kind::UndefinedObject`] for a name that no classifier has, [`Kind::Privilege`] for one that is not to be asked.
pub fn classifiers(catalog: &Catalog, role: ObjectId, named: Option<&[String]>) -> Result<Vec<CustomClassifier>> {
    let memberships = catalog.memberships(role);
    let trusted = |owner: ObjectId| catalog.is_superuser(owner) || memberships.contains(&owner);
    if let Some(named) = named {
        for name in named {
            match catalog.classifier(name) {
                None => {
                    let message = format!("classifier \"{name}\" does not exist");
                    return Err(Error::new(Kind::UndefinedObject, message));
                }
                Some((_, classifier)) if !trusted(classifier.owner) => {
                    return Err(Error::new(Kind::Privilege, format!("permission denied for classifier {name}"))
                        .with_hint("It is asked of relations whose owner has the rights of its owner."));
                }
                Some(_) => {}
            }
        }
    }
    let all = catalog.class(Class::Classifier).filter_map(|(_, object)| match object {
        Object::Classifier(classifier) => Some(classifier),
        _ => None,
    });
    all.filter(|classifier| trusted(classifier.owner))
        .filter(|classifier| named.is_none_or(|named| named.contains(&classifier.name)))
        .map(ready)
        .collect()
}

/// A number for what judges the columns of a table beside their rows: classifiers and what persons said; 0 if there is nothing.
pub fn stamp(catalog: &Catalog, owner: ObjectId, table: Option<&Table>) -> u64 {
    let memberships = catalog.memberships(owner);
    let mut hasher = DefaultHasher::new();
    let mut any = false;
    for (_, object) in catalog.class(Class::Classifier) {
        let Object::Classifier(classifier) = object else { continue };
        if catalog.is_superuser(classifier.owner) || memberships.contains(&classifier.owner) {
            any = true;
            serde_json::to_string(classifier).unwrap_or_default().hash(&mut hasher);
        }
    }
    for column in table.into_iter().flat_map(|table| &table.columns) {
        for verdict in &column.verdicts {
            any = true;
            (&column.name, &verdict.category, verdict.confirmed).hash(&mut hasher);
        }
    }
    if any { hasher.finish() } else { 0 }
}

/// A column that was judged.
pub struct Judged {
    /// What it is.
    pub verdict: ColumnVerdict,
    /// What persons said of it.
    pub said: Vec<Said>,
}

impl Judged {
    /// `confirmed`, `rejected`, `suggested`; nothing where there is nothing to say.
    pub fn state(&self) -> Option<&'static str> {
        match (self.said.iter().any(|said| said.confirmed), self.verdict.category()) {
            (true, _) => Some("confirmed"),
            (false, Some(_)) => Some("suggested"),
            (false, None) if !self.said.is_empty() => Some("rejected"),
            (false, None) => None,
        }
    }
}

/// A column that is to be judged.
struct Asked {
    name: String,
    data_type: DataType,
    /// Its values are shown to the role.
    shown: bool,
}

/// Judges columns of a relation by at most `count` of the rows that the role sees. Of columns that it sees masked only the name is judged; those
/// that it may not read are left out.
pub async fn judge(
    context: &Arc<Context>,
    state: &SessionState,
    (schema, name): (&str, &str),
    columns: &[String],
    count: usize,
    classifiers: &[CustomClassifier],
) -> Result<Vec<Judged>> {
    let catalog = &context.snapshot.catalog;
    let source = tables::open(context, state, schema, name)?;
    let found = catalog.table(schema, name);
    let access = found.map(|(id, table)| tables::access(context, id, table)).transpose()?;
    let plain = |column: &str| match (&access, found) {
        (Some(access), Some((_, table))) => table.column_index(column).is_none_or(|at| {
            access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none)
        }),
        _ => true,
    };
    let readable = |column: &str| match (&access, found) {
        (Some(access), Some((_, table))) => {
            table.column_index(column).is_none_or(|at| access.readable.get(at) == Some(&true))
        }
        _ => true,
    };
    let fields = source.schema();
    for column in columns {
        if fields.field_with_name(column).is_err() {
            let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
            return Err(Error::new(Kind::UndefinedColumn, message));
        }
        if !readable(column) {
            return Err(Error::new(Kind::Privilege, format!("permission denied for table {name}")));
        }
    }
    let asked: Vec<Asked> = fields
        .fields()
        .iter()
        .filter(|field| readable(field.name()))
        .filter(|field| columns.is_empty() || columns.contains(field.name()))
        .map(|field| Asked {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            shown: plain(field.name()),
        })
        .collect();
    let shown: Vec<&str> = asked.iter().filter(|column| column.shown).map(|column| column.name.as_str()).collect();
    let mut profiles: Vec<ColumnProfile> = Vec::new();
    if count > 0 && !shown.is_empty() {
        let plan = LogicalPlanBuilder::scan(name, source, None)?;
        let plan = plan.project(shown.iter().map(|name| ident(*name)))?.limit(0, Some(count))?.build()?;
        let schema = Arc::new(Schema::new(plan.schema().fields().clone()));
        let mut stream = run::stream(context, &run::in_order(state), &plan).await?;
        let mut profiler = Profiler::new(schema);
        while let Some(batch) = stream.try_next().await? {
            context.cancel.check()?;
            profiler.update(&batch)?;
        }
        profiles = profiler.finish()?;
    }
    let judged = asked.iter().map(|column| {
        let said = found
            .and_then(|(_, table)| table.columns.iter().find(|of| of.name == column.name))
            .map_or_else(Vec::new, |of| remembered(&of.verdicts));
        let profile = profiles.iter().find(|profile| profile.name == column.name);
        let sample: Vec<&str> =
            profile.map_or_else(Vec::new, |profile| profile.sample.iter().map(String::as_str).collect());
        let mut verdict = classify_column(&column.name, &column.data_type, &sample, profile, classifiers, &said);
        if !column.shown {
            verdict.evidence.push("its values are not shown to you: judged by the name alone".to_owned());
        }
        Judged { verdict, said }
    });
    let mut judged: Vec<Judged> = judged.collect();
    let beside = fields.fields().iter().filter(|field| readable(field.name()));
    let mut all: Vec<ColumnVerdict> = beside
        .map(|field| match judged.iter().find(|judged| judged.verdict.name == *field.name()) {
            Some(judged) => judged.verdict.clone(),
            // Those that nobody asks about are neighbours by their names.
            None => detect_column(field.name(), field.data_type(), &[], None),
        })
        .collect();
    by_neighbours(&mut all, |name, semantic_type| {
        judged.iter().any(|judged| judged.verdict.name == name && is_rejected(&judged.said, semantic_type.name()))
    });
    for verdict in all {
        if let Some(judged) = judged.iter_mut().find(|judged| judged.verdict.name == verdict.name) {
            judged.verdict = verdict;
        }
    }
    Ok(judged)
}
