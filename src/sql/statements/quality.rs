//! CHECK QUALITY: a relation's rules are asked, and what they give is kept; definitions of rules are on their way to `ddl`.

use super::super::ddl::{self, Ddl};
use super::super::execute::{command, defining};
use super::super::parser::{Relation, RuleWords};
use super::super::quality::{as_owner, measure, results, ruled};
use super::super::session::{Outcome, Session};
use crate::catalog::{Object, ObjectId, QualityRule, QualityRun, RuleResult, Severity};
use crate::config::QUALITY_RUNS_KEPT;
use crate::error::{Error, Kind, Result};

/// Runs a statement about quality rules.
pub async fn quality(session: &mut Session, words: RuleWords) -> Result<Outcome> {
    let tag = words.tag();
    match words {
        RuleWords::Check { on, rules } => {
            let count = defining(session, async |ddl| check(ddl, &on, &rules).await).await?;
            command(&format!("{tag} {count}"))
        }
        words => {
            defining(session, async |ddl| ddl::quality_rule(ddl, words)).await?;
            command(tag)
        }
    }
}

/// Asks the rules of a relation, or those that are named, as its owner, and keeps the results; gives how many rules were asked. Each that fails is told.
async fn check(ddl: &mut Ddl<'_>, relation: &Relation, named: &[String]) -> Result<usize> {
    ddl.txn.must_write("CHECK QUALITY")?;
    let id = ddl::own_relation(ddl, relation)?;
    let catalog = ddl.txn.snapshot().catalog.clone();
    let owner = match catalog.get(id).map(AsRef::as_ref) {
        Some(Object::Table(table)) => table.owner,
        Some(Object::View(view)) => view.owner,
        _ => return Err(Error::internal("a relation vanished while its rules were asked")),
    };
    if let Some(name) = named.iter().find(|name| !catalog.rules_of(id).any(|(_, rule)| rule.name == **name)) {
        return Err(Error::new(
            Kind::UndefinedObject,
            format!("quality rule \"{name}\" on \"{}\" does not exist", relation.1),
        ));
    }
    let all: Vec<&QualityRule> = catalog.rules_of(id).map(|(_, rule)| rule).filter(|rule| !rule.disabled).collect();
    let meant = |rule: &&QualityRule| named.is_empty() || named.contains(&rule.name);
    let rules: Vec<&QualityRule> = all.iter().copied().filter(meant).collect();
    if rules.is_empty() {
        let name = &relation.1;
        ddl.context.notice(format!("relation \"{name}\" has no quality rules; SUGGEST_RULES('{name}') suggests some"));
        return Ok(0);
    }
    let context = as_owner(ddl.context, owner);
    let of = ruled(&context, ddl.state, id)?;
    let judged = measure(&context, ddl.state, &of, &rules).await?;
    let results = results(&rules, &judged);
    results.iter().for_each(|result| tell(ddl, &of.name, result));
    let number = ddl.new_id();
    let run = QualityRun {
        relation: id,
        number,
        at_ms: chrono::Utc::now().timestamp_millis(),
        actor: catalog.role_name(ddl.context.role),
        partial: rules.len() < all.len(),
        results,
    };
    ddl.txn.put_object(number, Object::QualityRun(run))?;
    let runs: Vec<ObjectId> = ddl.txn.snapshot().catalog.runs_of(id).map(|(run, _)| run).collect();
    let too_many = runs.len().saturating_sub(QUALITY_RUNS_KEPT);
    runs.into_iter().take(too_many).for_each(|run| ddl.txn.drop_object(run));
    Ok(rules.len())
}

/// Says that a rule fails: a warning if that is an error of the data. Counts, and no values.
fn tell(ddl: &Ddl<'_>, relation: &str, result: &RuleResult) {
    if result.passed != Some(false) {
        return;
    }
    let rows = match result.failed_rows {
        Some(failed) => format!(": {failed} of {} rows", result.total_rows),
        None => String::new(),
    };
    let message = format!("quality rule \"{}\" on \"{relation}\" fails{rows}", result.rule);
    match result.severity {
        Severity::Error => ddl.context.warn(message),
        Severity::Warn => ddl.context.notice(message),
    }
}
