//! CLASSIFY TABLE: columns are judged, what the inventory knows of them is brought up to date, and tags are put on them if wanted.

use super::super::ddl::{self, Ddl};
use super::super::parser::Relation;
use super::super::statements::{category_facts, inventory_of_table};
use super::judge::{Judged, classifiers, judge};
use super::options::Options;
use crate::catalog::{Finding, Object, Table, TagSource, TagUse};
use crate::error::Result;
use crate::governance::{Grade, Privacy, Sensitivity};
use serde_json::{Value, json};

/// Runs CLASSIFY TABLE; gives the number of columns that were judged.
pub async fn classify(ddl: &mut Ddl<'_>, relation: &Relation, columns: &[String], options: &Options) -> Result<usize> {
    ddl.txn.must_write("CLASSIFY TABLE")?;
    let (id, mut table) = ddl.own_table(relation.0.as_deref(), &relation.1)?;
    let asset = format!("{}.{}", table.schema, table.name);
    let catalog = ddl.txn.snapshot().catalog.clone();
    let classifiers = classifiers(&catalog, table.owner, options.classifiers.as_deref())?;
    let before = catalog.finding(&asset).map(|(id, _)| id);
    let finding = catalog.finding(&asset).filter(|(_, finding)| !finding.is_hint());
    let finding = finding.map(|(id, finding)| (id, finding.clone()));
    let tag = match options.auto_tag {
        true => Some(ddl::tag(ddl, &options.tag)?),
        false => None,
    };
    let context = ddl.looking();
    let count = if options.reevaluate || finding.is_none() { options.sample_count } else { 0 };
    let at = (table.schema.as_str(), table.name.as_str());
    let judged = judge(&context, ddl.state, at, columns, count, &classifiers).await?;
    let (finding_id, mut finding) = match finding {
        Some(found) => found,
        None => (
            before.unwrap_or_else(|| ddl.new_id()),
            inventory_of_table(ddl, relation, options.sample_count.max(1)).await?,
        ),
    };
    let fresh = |name: &str| finding.columns.iter().any(|facts| facts["column_name"] == name);
    // What was found before stays where nobody wants it looked at again.
    let new: Vec<&Judged> = judged.iter().filter(|judged| options.reevaluate || !fresh(&judged.verdict.name)).collect();
    for judged in &new {
        let place = finding.columns.iter_mut().find(|facts| facts["column_name"] == judged.verdict.name.as_str());
        if let Some(facts) = place {
            category_facts(facts, judged);
        }
    }
    grade(&mut finding);
    if let Some((tag_id, facts)) = tag {
        for judged in &judged {
            let Some(at) = table.column_index(&judged.verdict.name) else { continue };
            // A name alone takes no tag away: the mask that follows it would go as well.
            if count == 0 && table.columns[at].tags.iter().any(|used| used.tag == tag_id) {
                continue;
            }
            let private = judged.verdict.privacy() > Privacy::None;
            let value = judged.verdict.category().filter(|_| private).map(str::to_owned);
            if let Some(value) = &value
                && !facts.allowed_values.is_empty()
                && !facts.allowed_values.contains(value)
            {
                ddl.context.notice(format!(
                    "tag \"{}\" is not put on column \"{}\": it does not allow \"{value}\"",
                    facts.name, judged.verdict.name
                ));
                continue;
            }
            if value.is_some() {
                ddl::must_fit_column(ddl, &facts, &table.name, &table.columns[at])?;
            }
            put(&mut table, at, tag_id, value, judged.verdict.confidence);
        }
        ddl.txn.put_object(id, Object::Table(table))?;
    }
    ddl.txn.put_object(finding_id, Object::Finding(finding))?;
    Ok(judged.len())
}

/// Puts the tag on a column, or takes away what a classifier put there; what a person said stays.
fn put(table: &mut Table, at: usize, tag: u64, value: Option<String>, confidence: f64) {
    let column = &mut table.columns[at];
    let confirmed = column.verdicts.iter().any(|verdict| verdict.tag == tag && verdict.confirmed);
    let by_hand = column.tags.iter().any(|used| used.tag == tag && used.source != TagSource::Classifier);
    if confirmed || by_hand {
        return;
    }
    column.tags.retain(|used| used.tag != tag);
    column.tags.extend(value.map(|value| TagUse { tag, value, source: TagSource::Classifier, confidence }));
}

/// The asset is as sensitive as its most sensitive column.
fn grade(finding: &mut Finding) {
    let named = |facts: &Value, name: &str| facts[name].as_str().map(str::to_owned);
    let columns = finding.columns.iter();
    let sensitivity = columns.clone().filter_map(|facts| Sensitivity::parse(&named(facts, "sensitivity")?).ok()).max();
    let grade = columns.filter_map(|facts| Grade::parse(&named(facts, "grade")?).ok()).max();
    if let (Some(sensitivity), Some(grade)) = (sensitivity, grade) {
        finding.facts["sensitivity"] = json!(sensitivity.name());
        finding.facts["grade"] = Value::from(grade.name());
    }
}
