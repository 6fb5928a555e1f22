//! How assets lie to each other: columns that refer to others' keys, and copies. Found from the sketches of all assets that the role
//! owns; where sketches leave it open, and for what is told in the end, all values of the two columns are looked at if they are not too many.

use super::super::context::Context;
use super::super::ddl::Ddl;
use super::super::system::rows::four_places;
use super::super::{run, tables};
use super::kept::{in_force, sketch};
use crate::catalog::{Finding, Object, ObjectId};
use crate::config::INCLUSION_VALUES_MAX;
use crate::error::{Kind, Result};
use crate::governance::inclusion::{
    At, Copied, Inclusion, LinkAsset, RelationSketch, Share, candidates, chosen, copied,
};
use crate::governance::profile::each_hash;
use datafusion::logical_expr::{LogicalPlanBuilder, ident};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A column that refers to another, as a finding keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The column.
    pub column: String,
    /// The relation or asset that it refers to, `schema.name`.
    pub to: String,
    /// The table or source of that.
    pub to_object: ObjectId,
    /// The key there.
    pub to_column: String,
    /// Values that were looked for.
    pub asked: usize,
    /// Those of them that the key has.
    pub met: usize,
    /// Whether all were looked for.
    pub exact: bool,
    /// Part of the key's values that are referred to.
    pub coverage: f64,
    /// How likely it is a reference.
    pub confidence: f64,
    /// Each of its values comes once.
    pub is_unique: bool,
    /// Why.
    pub evidence: Vec<String>,
}

/// Another asset with the same rows, or nearly so, as a finding keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copy {
    /// The other asset, `schema.name`.
    pub other: String,
    /// The table or source of that.
    pub other_object: ObjectId,
    /// `equal`, `near_copy`, `contained` or `same_schema`.
    pub kind: String,
    /// Common rows as part of all rows of both.
    pub likeness: Option<f64>,
    /// Part of its rows that the other has.
    pub share: Option<f64>,
    /// Whether that is certain.
    pub exact: bool,
}

/// The references that an inventory found of an asset's columns.
pub fn references_of(finding: &Finding) -> Vec<Reference> {
    serde_json::from_value(finding.facts["references"].clone()).unwrap_or_default()
}

/// The copies that an inventory found of an asset.
pub fn copies_of(finding: &Finding) -> Vec<Copy> {
    serde_json::from_value(finding.facts["copies"].clone()).unwrap_or_default()
}

/// An asset with what is known of its values.
struct Known {
    name: String,
    finding_id: ObjectId,
    finding: Finding,
    sketch: RelationSketch,
    is_fresh: bool,
}

/// Columns of a relation that must agree for another to be of the same kind.
const SCHEMA_COLUMNS_MIN: usize = 3;

/// Finds references and copies among the assets that the role owns, and keeps them with the findings. `fresh` are those that were looked at
/// now: what lies between two others is as it was.
pub async fn relate(ddl: &mut Ddl<'_>, fresh: &BTreeSet<String>) -> Result<()> {
    let context = ddl.looking();
    let known = known(&context, fresh);
    let assets: Vec<LinkAsset> = known.iter().map(link).collect();
    let copies = copies(&known);
    let are_copies: HashSet<(usize, usize)> = copies
        .iter()
        .filter(|(_, _, copy)| copy.kind != SAME_SCHEMA)
        .flat_map(|(a, b, _)| [(*a, *b), (*b, *a)])
        .collect();
    let mut found = candidates(&assets);
    found.retain(|one| !are_copies.contains(&(one.from.0, one.to.0)));
    let open: Vec<usize> = settle_known(&known, &mut found);
    let values = values(ddl, &context, &known, open.iter().filter_map(|at| found.get(*at))).await?;
    found.retain_mut(|one| look(one, &values) || !one.is_open());
    let mut told = chosen(&assets, found);
    // What is told is counted, where that is cheap.
    let estimated = told.iter().filter(|one| !one.share.exact && fresh_pair(&known, one));
    let more = self::values(ddl, &context, &known, estimated).await?;
    told.retain_mut(|one| one.share.exact || !more.contains_key(&one.from) || look(one, &more));
    drop(values);
    write(ddl, &context, known, &assets, &told, &copies)
}

/// The word for relations whose columns are the same, and their rows are not.
const SAME_SCHEMA: &str = "same_schema";

fn known(context: &Context, fresh: &BTreeSet<String>) -> Vec<Known> {
    let catalog = &context.snapshot.catalog;
    let mut all = Vec::new();
    for (name, (_, state)) in in_force(catalog) {
        let Some((finding_id, finding)) = catalog.finding(&name).filter(|(_, finding)| finding.object == state.object)
        else {
            continue;
        };
        let owner = match catalog.get(state.object).map(AsRef::as_ref) {
            Some(Object::Table(table)) => table.owner,
            Some(Object::Source(source)) => source.owner,
            _ => continue,
        };
        if state.gone.is_some() || !context.has_role(owner) {
            continue;
        }
        if let Some(sketch) = sketch(context, &state) {
            let is_fresh = fresh.contains(&name);
            all.push(Known { name, finding_id, finding: finding.clone(), sketch, is_fresh });
        }
    }
    all
}

fn link(known: &Known) -> LinkAsset {
    let (schema, name) = known.name.split_once('.').unwrap_or(("", &known.name));
    LinkAsset {
        schema: schema.to_owned(),
        name: name.to_owned(),
        whole: known.sketch.whole,
        columns: known.sketch.columns.clone(),
    }
}

fn fresh_pair(known: &[Known], one: &Inclusion) -> bool {
    [one.from.0, one.to.0].into_iter().any(|at| known.get(at).is_some_and(|known| known.is_fresh))
}

/// Takes over what is known of columns whose assets are as they were, and says which of the others must be looked at.
fn settle_known(known: &[Known], found: &mut Vec<Inclusion>) -> Vec<usize> {
    found.retain_mut(|one| {
        if fresh_pair(known, one) {
            return true;
        }
        let (Some(from), Some(to)) = (known.get(one.from.0), known.get(one.to.0)) else { return false };
        let name = |of: &Known, at: usize| of.sketch.columns.get(at).map(|column| column.name.clone());
        let (column, key) = (name(from, one.from.1), name(to, one.to.1));
        let before = references_of(&from.finding).into_iter().find(|before| {
            Some(&before.column) == column.as_ref() && before.to == to.name && Some(&before.to_column) == key.as_ref()
        });
        match before {
            Some(before) => one.settle(Share { asked: before.asked, met: before.met, exact: before.exact }),
            None => !one.is_open(),
        }
    });
    let mut open: Vec<usize> = (0..found.len()).filter(|at| found.get(*at).is_some_and(Inclusion::is_open)).collect();
    let promise = |at: usize| found.get(at).map_or(0.0, |one| one.names + one.values);
    open.sort_by(|a, b| promise(*b).total_cmp(&promise(*a)));
    open
}

/// Brings in all values of two columns, if they were looked at; gives whether the one still seems to refer to the other.
fn look(one: &mut Inclusion, values: &BTreeMap<At, HashSet<u64>>) -> bool {
    let (Some(from), Some(to)) = (values.get(&one.from), values.get(&one.to)) else { return false };
    let met = from.iter().filter(|hash| to.contains(hash)).count();
    one.settle(Share { asked: from.len(), met, exact: true })
}

/// The hashes of all values of the columns that take part, the most promising first, as many as there is room for. Each asset is read
/// once.
async fn values(
    ddl: &Ddl<'_>,
    context: &std::sync::Arc<Context>,
    known: &[Known],
    wanted: impl Iterator<Item = &Inclusion>,
) -> Result<BTreeMap<At, HashSet<u64>>> {
    let size = |at: At| {
        let column = known.get(at.0).and_then(|known| known.sketch.columns.get(at.1));
        column.map_or(usize::MAX, |column| usize::try_from(column.distincts).unwrap_or(usize::MAX))
    };
    let mut room = INCLUSION_VALUES_MAX;
    let mut columns: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for one in wanted {
        let has = |at: At| columns.get(&at.0).is_some_and(|of| of.contains(&at.1));
        let new: Vec<At> = [one.from, one.to].into_iter().filter(|at| !has(*at)).collect();
        let needs = new.iter().fold(0usize, |sum, at| sum.saturating_add(size(*at)));
        if let Some(left) = room.checked_sub(needs) {
            room = left;
            new.into_iter().for_each(|at| {
                columns.entry(at.0).or_default().insert(at.1);
            });
        }
    }
    let mut found = BTreeMap::new();
    for (asset, columns) in columns {
        context.cancel.check()?;
        let Some(known) = known.get(asset) else { continue };
        match of_asset(ddl, context, known, &columns).await {
            Ok(sets) => found.extend(columns.iter().zip(sets).map(|(column, set)| ((asset, *column), set))),
            Err(error) if error.kind() == Kind::Cancelled => return Err(error),
            // It could be read a moment ago; what it refers to is not told then.
            Err(_) => {}
        }
    }
    Ok(found)
}

async fn of_asset(
    ddl: &Ddl<'_>,
    context: &std::sync::Arc<Context>,
    known: &Known,
    columns: &BTreeSet<usize>,
) -> Result<Vec<HashSet<u64>>> {
    let (schema, name) = known.name.split_once('.').unwrap_or(("", &known.name));
    let source = tables::open(context, ddl.state, schema, name)?;
    let names = columns.iter().filter_map(|at| known.sketch.columns.get(*at)).map(|column| ident(column.name.as_str()));
    let plan = LogicalPlanBuilder::scan(name, source, None)?.project(names.collect::<Vec<_>>())?.build()?;
    let mut stream = run::stream(context, &run::in_order(ddl.state), &plan).await?;
    let mut sets: Vec<HashSet<u64>> = columns.iter().map(|_| HashSet::new()).collect();
    while let Some(batch) = stream.try_next().await? {
        context.cancel.check()?;
        for (array, set) in batch.columns().iter().zip(&mut sets) {
            each_hash(array, |hash| {
                set.insert(hash);
            })?;
        }
    }
    Ok(sets)
}

/// Pairs of assets with the same rows, or nearly so, or of the same columns.
fn copies(known: &[Known]) -> Vec<(usize, usize, Copy)> {
    let mut found = Vec::new();
    let schema_of = |known: &Known| -> BTreeSet<(String, String)> {
        let facts = known.finding.columns.iter();
        let text = |facts: &serde_json::Value, name: &str| facts[name].as_str().unwrap_or_default().to_lowercase();
        facts.map(|facts| (text(facts, "column_name"), text(facts, "data_type"))).collect()
    };
    let schemas: Vec<BTreeSet<(String, String)>> = known.iter().map(schema_of).collect();
    for (a, one) in known.iter().enumerate() {
        for (b, other) in known.iter().enumerate().filter(|(b, _)| *b != a) {
            let tell = |kind: &str, likeness, share, exact| Copy {
                other: other.name.clone(),
                other_object: other.finding.object,
                kind: kind.to_owned(),
                likeness,
                share,
                exact,
            };
            if one.sketch.whole
                && other.sketch.whole
                && one.sketch.columns.len().abs_diff(other.sketch.columns.len()) <= 2
                && let Some((how, likeness, share)) = copied(&one.sketch.rows, &other.sketch.rows)
            {
                // One row, or one column of a few values, is the same by chance.
                if one.sketch.columns.len() > 1 || how != Copied::Contained {
                    found.push((a, b, tell(how.name(), Some(likeness), Some(share.value()), share.exact)));
                }
                continue;
            }
            if copied(&other.sketch.rows, &one.sketch.rows).is_some() {
                continue;
            }
            let (mine, theirs) = (schemas.get(a), schemas.get(b));
            if mine == theirs && mine.is_some_and(|columns| columns.len() >= SCHEMA_COLUMNS_MIN) {
                found.push((a, b, tell(SAME_SCHEMA, None, None, true)));
            }
        }
    }
    found
}

/// Writes what was found into the findings, those that it changes.
fn write(
    ddl: &mut Ddl<'_>,
    context: &Context,
    known: Vec<Known>,
    assets: &[LinkAsset],
    told: &[Inclusion],
    copies: &[(usize, usize, Copy)],
) -> Result<()> {
    let names: BTreeSet<&str> = known.iter().map(|known| known.name.as_str()).collect();
    for (at, one) in known.iter().enumerate() {
        let mine = told.iter().filter(|inclusion| inclusion.from.0 == at);
        let mut references: Vec<Reference> =
            mine.filter_map(|inclusion| reference(inclusion, &known, assets)).collect();
        // What somebody else's inventory found of their assets is theirs to find again.
        let others = references_of(&one.finding).into_iter().filter(|before| {
            !one.is_fresh
                && !names.contains(before.to.as_str())
                && context.snapshot.catalog.finding(&before.to).is_some_and(|(_, to)| to.object == before.to_object)
        });
        references.extend(others);
        let copies: Vec<&Copy> = copies.iter().filter(|(from, _, _)| *from == at).map(|(_, _, copy)| copy).collect();
        let (references, copies) = (json!(references), json!(copies));
        let before = &one.finding.facts;
        if before["references"] != references || before["copies"] != copies {
            let mut finding = one.finding.clone();
            finding.facts["references"] = references;
            finding.facts["copies"] = copies;
            ddl.txn.put_object(one.finding_id, Object::Finding(finding))?;
        }
    }
    Ok(())
}

fn reference(one: &Inclusion, known: &[Known], assets: &[LinkAsset]) -> Option<Reference> {
    let to = known.get(one.to.0)?;
    Some(Reference {
        column: known.get(one.from.0)?.sketch.columns.get(one.from.1)?.name.clone(),
        to: to.name.clone(),
        to_object: to.finding.object,
        to_column: to.sketch.columns.get(one.to.1)?.name.clone(),
        asked: one.share.asked,
        met: one.share.met,
        exact: one.share.exact,
        coverage: four_places(one.coverage),
        confidence: four_places(one.likelihood),
        is_unique: one.is_unique,
        evidence: one.evidence(assets),
    })
}
