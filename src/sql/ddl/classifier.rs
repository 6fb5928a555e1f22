//! CREATE and DROP CLASSIFIER; CONFIRM and REJECT TAG.

use super::super::lineage::tags;
use super::super::parser::{ClassifyWords, NewClassifier, Relation};
use super::super::values::array_elements;
use super::policy::{must_fit_column, tag};
use super::{Ddl, check_name, skipping};
use crate::catalog::{Classifier, ClassifierTest, Object, ObjectId, TagSource, TagUse, TagVerdict};
use crate::error::{Error, Kind, Result};
use crate::governance::{CustomClassifier, Privacy, Said, SemanticType};

/// Values of a deny list at most.
const DENY_LIST_MAX: usize = 100_000;
/// The share of values that must fit, where nothing else is said.
const THRESHOLD: f64 = 0.8;

/// Runs a statement about classifiers and verdicts.
pub fn classifier(ddl: &mut Ddl<'_>, words: ClassifyWords) -> Result<()> {
    ddl.txn.must_write(words.tag())?;
    match words {
        ClassifyWords::Create(new) => create(ddl, *new),
        ClassifyWords::Drop { name, if_exists } => {
            match find(ddl, &name) {
                Some((id, there)) => {
                    ddl.context.must_own(there.owner, "classifier", &name)?;
                    ddl.txn.drop_object(id);
                }
                None if if_exists => skipping(ddl.context, "classifier", &name, false),
                None => {
                    return Err(Error::new(Kind::UndefinedObject, format!("classifier \"{name}\" does not exist")));
                }
            }
            Ok(())
        }
        ClassifyWords::Said { confirmed, tag, value, table, column, because } => {
            said(ddl, &tag, value, &table, &column, confirmed, because)
        }
        ClassifyWords::Table { .. } => Err(Error::internal("CLASSIFY TABLE defines nothing")),
    }
}

fn find(ddl: &Ddl<'_>, name: &str) -> Option<(ObjectId, Classifier)> {
    ddl.txn.snapshot().catalog.classifier(name).map(|(id, classifier)| (id, classifier.clone()))
}

/// The texts of an array's literal.
fn texts(literal: &str, what: &str) -> Result<Vec<String>> {
    let malformed = || {
        Error::new(Kind::InvalidText, format!("malformed array literal in {what}"))
            .with_detail("Array value must start with \"{\" or dimension information.")
    };
    let items = array_elements(literal).ok_or_else(malformed)?;
    let items: Option<Vec<String>> = items.into_iter().collect();
    let items = items.ok_or_else(|| Error::new(Kind::InvalidParameter, format!("{what} cannot contain NULL")))?;
    match items.is_empty() {
        true => Err(Error::new(Kind::InvalidParameter, format!("{what} must not be empty"))),
        false => Ok(items),
    }
}

fn create(ddl: &mut Ddl<'_>, new: NewClassifier) -> Result<()> {
    check_name(&new.name)?;
    let there = find(ddl, &new.name);
    if let Some((_, old)) = &there {
        if new.if_not_exists {
            skipping(ddl.context, "classifier", &new.name, true);
            return Ok(());
        }
        if !new.or_replace {
            let message = format!("classifier \"{}\" already exists", new.name);
            return Err(Error::new(Kind::DuplicateObject, message));
        }
        ddl.context.must_own(old.owner, "classifier", &new.name)?;
    }
    let test = match (new.value_regex, new.deny_list) {
        (Some(pattern), _) => ClassifierTest::Pattern(pattern),
        (None, Some(list)) => {
            let list = texts(&list, "DENY_LIST")?;
            if list.len() > DENY_LIST_MAX {
                let message = format!("DENY_LIST has more than {DENY_LIST_MAX} values");
                return Err(Error::new(Kind::LimitExceeded, message));
            }
            ClassifierTest::List(list)
        }
        (None, None) => return Err(Error::internal("a classifier without a test")),
    };
    let category = new.category.unwrap_or_else(|| new.name.clone());
    check_name(&category)?;
    let privacy = match (&new.privacy, SemanticType::get(&category)) {
        (Some(privacy), _) => Privacy::parse(privacy)?,
        // A built-in category is as private as it is.
        (None, Some(semantic_type)) => semantic_type.privacy(),
        (None, None) => Privacy::Identifier,
    };
    let classifier = Classifier {
        name: new.name,
        owner: there.as_ref().map_or(ddl.context.role, |(_, old)| old.owner),
        test,
        column_name: new.column_name,
        category,
        privacy: privacy.name().to_owned(),
        threshold: new.threshold.unwrap_or(THRESHOLD),
        context: new.context.map_or_else(|| Ok(Vec::new()), |context| texts(&context, "CONTEXT"))?,
    };
    // Its patterns are read now, so that a wrong one is told now.
    ready(&classifier)?;
    let id = there.map_or_else(|| ddl.new_id(), |(id, _)| id);
    ddl.txn.put_object(id, Object::Classifier(classifier))
}

/// A classifier of the catalogue, ready to judge.
pub fn ready(classifier: &Classifier) -> Result<CustomClassifier> {
    let (pattern, list) = match &classifier.test {
        ClassifierTest::Pattern(pattern) => (Some(pattern.as_str()), &[][..]),
        ClassifierTest::List(list) => (None, list.as_slice()),
    };
    CustomClassifier::new(
        &classifier.name,
        &classifier.category,
        Privacy::parse(&classifier.privacy)?,
        pattern,
        list,
        classifier.column_name.as_deref(),
        classifier.threshold,
        &classifier.context,
    )
}

/// What persons said of a column's category, with the tag of this name or any.
pub fn remembered(verdicts: &[TagVerdict]) -> Vec<Said> {
    verdicts.iter().map(|v| Said { category: v.category.clone(), confirmed: v.confirmed }).collect()
}

/// CONFIRM TAG and REJECT TAG.
fn said(
    ddl: &mut Ddl<'_>,
    name: &str,
    value: Option<String>,
    (schema, relation): &Relation,
    column: &str,
    confirmed: bool,
    because: Option<String>,
) -> Result<()> {
    let (id, mut table) = ddl.own_table(schema.as_deref(), relation)?;
    let (tag_id, facts) = tag(ddl, name)?;
    let Some(at) = table.column_index(column) else {
        let message = format!("column \"{column}\" of relation \"{relation}\" does not exist");
        return Err(Error::new(Kind::UndefinedColumn, message));
    };
    let asset = format!("{}.{}", table.schema, table.name);
    let carried = table.columns[at].tags.iter().find(|used| used.tag == tag_id).cloned();
    let suggested = || {
        let catalog = &ddl.txn.snapshot().catalog;
        let (_, finding) = catalog.finding(&asset)?;
        let facts = finding.columns.iter().find(|facts| facts["column_name"].as_str() == Some(column))?;
        facts["semantic_type"].as_str().map(str::to_owned)
    };
    let category = value.clone().or_else(|| carried.as_ref().map(|used| used.value.clone())).or_else(suggested);
    let Some(category) = category else {
        let message =
            format!("nothing is known of column \"{column}\" of relation \"{relation}\" to confirm or reject");
        return Err(Error::new(Kind::NotReady, message)
            .with_hint(format!("Run CLASSIFY TABLE {relation} first, or name the category: {name} = 'email'.")));
    };
    if !confirmed && carried.as_ref().is_some_and(|used| used.source == TagSource::Manual && used.value == category) {
        let message = format!("tag \"{name}\" on column \"{column}\" was put there by hand, not by a classifier");
        return Err(Error::new(Kind::WrongObject, message)
            .with_hint(format!("ALTER TABLE {relation} ALTER COLUMN {column} UNSET TAG {name} takes it away.")));
    }
    if confirmed {
        if !facts.allowed_values.is_empty() && !facts.allowed_values.contains(&category) {
            let message = format!("value \"{category}\" is not allowed for tag \"{name}\"");
            return Err(Error::new(Kind::InvalidParameter, message)
                .with_hint(format!("Allowed values: {}.", facts.allowed_values.join(", "))));
        }
        must_fit_column(ddl, &facts, &table.name, &table.columns[at])?;
    }
    let verdicts = &mut table.columns[at].verdicts;
    // One column has one category under a tag: what is confirmed takes the place of what was.
    verdicts.retain(|v| v.tag != tag_id || v.category != category && !(confirmed && v.confirmed));
    verdicts.push(TagVerdict { tag: tag_id, category: category.clone(), confirmed, because });
    let tags = &mut table.columns[at].tags;
    match (confirmed, carried) {
        (true, Some(used)) if used.value == category => {}
        (true, carried) => {
            tags.retain(|used| used.tag != tag_id);
            let source = carried.map_or(TagSource::Classifier, |used| used.source);
            tags.push(TagUse { tag: tag_id, value: category, source, confidence: 1.0 });
        }
        (false, _) => tags.retain(|used| used.tag != tag_id || used.value != category),
    }
    ddl.txn.put_object(id, Object::Table(table))?;
    if confirmed {
        // From now on it is more than a guess, and goes with the values.
        tags::follow(ddl.txn, [(id, Some(column.to_owned()))]);
    }
    Ok(())
}
