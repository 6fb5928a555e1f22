//! INVENTORY: looks at every asset and keeps what it found.
//!
//! For each table, view and asset of a source that the role may read: one pass over its rows gives a profile of every
//! column; names and samples give semantic types; those give domain, structure, sensitivity and grade; the row quality
//! model is learnt; and everything together gives the quality report. An asset whose state has not changed since the
//! last time is passed over.

use super::super::classification::{Judged, classifiers, stamp};
use super::super::ddl::{Ddl, remembered};
use super::super::inventory::{FirstRows, Looked, Running, looked, policies_state, relate, view_state};
use super::super::parser::{AssetTarget, Inventory, Relation};
use super::super::quality::as_owner;
use super::super::system::rows::four_places;
use super::super::{run, tables};
use crate::catalog::{Class, Finding, Object, ObjectId, SqlType, Table, TagUse, is_temporary};
use crate::config::{QUALITY_TRAIN_ROWS, REMOTE_SAMPLE_ROWS};
use crate::error::{Error, Kind, Result};
use crate::governance::quality::{AgeFact, CellErrorFact, KeyFact, key_candidates};
use crate::governance::{
    ColumnProfile, ColumnVerdict, Grade, LatestMoment, Profiler, QualityFacts, RelationQuality, Sensitivity,
    by_neighbours, classify_column, domain_of, freshness, is_rejected, moment_ms, relation_quality, structure_of,
};
use crate::models::RowQualityModel;
use crate::sources::Form;
use crate::storage::FileKind;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::logical_expr::LogicalPlanBuilder;
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The kind of an asset that is another database's table.
const FOREIGN_TABLE: &str = "foreign table";

/// An asset that is to be looked at.
struct Asset {
    schema: String,
    name: String,
    object: ObjectId,
    kind: &'static str,
    form: String,
    bytes: u64,
    modified_ms: Option<i64>,
    owner: ObjectId,
    fingerprint: u64,
    table: Option<Table>,
    outside: Option<tables::Outside>,
    /// What judges its columns beside its rows, of an asset of a source.
    judged: Option<u64>,
}

impl Asset {
    /// What tells it from all others: its object, and of an asset of a source the name as well.
    fn id(&self) -> String {
        match self.outside {
            Some(_) => format!("{}.{}", self.object, self.name),
            None => self.object.to_string(),
        }
    }

    /// Whether its rows are its content, and not what is known of a file that cannot be read.
    fn is_read(&self) -> bool {
        self.form != Form::Unknown.as_str()
    }
}

/// What the options say.
struct Options {
    sample_rows: Option<usize>,
    quality: bool,
    force: bool,
}

/// Runs INVENTORY; gives the number of assets looked at.
pub async fn inventory(ddl: &mut Ddl<'_>, inventory: Inventory) -> Result<usize> {
    ddl.txn.must_write("INVENTORY")?;
    let options = options(&inventory)?;
    let mut running = Running::begin(ddl, target_said(ddl, &inventory.target));
    let assets = assets(ddl, &inventory.target)?;
    let total = assets.len();
    let (mut fresh, mut count) = (BTreeSet::new(), 0);
    for (n, asset) in assets.into_iter().enumerate() {
        ddl.context.cancel.check()?;
        let name = format!("{}.{}", asset.schema, asset.name);
        let before = ddl.txn.snapshot().catalog.finding(&name).map(|(id, finding)| (id, finding.clone()));
        if let Some((id, finding)) = &before
            && finding.object == asset.object
            && !options.force
            && !wants_more(&asset, &options, finding)
            && is_unchanged(ddl, &asset, finding, &running)?
        {
            if finding.fingerprint != asset.fingerprint {
                // Its files were written anew, and hold what they held.
                let same = Finding { fingerprint: asset.fingerprint, ..finding.clone() };
                ddl.txn.put_object(*id, Object::Finding(same))?;
            }
            running.unchanged();
            ddl.context.notice(format!("inventory {} of {total}: {name} is unchanged", n + 1));
            continue;
        }
        count += 1;
        let finding = match look(ddl, &asset, &options).await {
            Ok((finding, looked, rows_read)) => {
                running.looked(ddl, looked, rows_read)?;
                fresh.insert(name.clone());
                let rows = finding.facts["row_count"].as_i64().unwrap_or(0);
                let domain = finding.facts["domain"].as_str().unwrap_or("other").to_owned();
                ddl.context.notice(format!("inventory {} of {total}: {name}: {rows} rows, {domain}", n + 1));
                finding
            }
            // What cannot be read, a file that breaks its own format or a view that divides by zero, is told about that asset and
            // is not the end of the inventory.
            Err(error) if !matches!(inventory.target, AssetTarget::Table(_)) && is_about_the_asset(&error) => {
                ddl.context.notice(format!(
                    "inventory {} of {total}: {name} cannot be read: {}",
                    n + 1,
                    error.message()
                ));
                running.unreadable();
                unread(ddl, &asset)
            }
            Err(error) => return Err(error),
        };
        let id = before.map_or_else(|| ddl.new_id(), |(id, _)| id);
        ddl.txn.put_object(id, Object::Finding(finding))?;
    }
    let catalog = ddl.txn.snapshot().catalog.clone();
    let meant = |schema: &str, name: &str| match &inventory.target {
        AssetTarget::All => true,
        AssetTarget::Schema(wanted) => schema == wanted,
        // That it is there was seen.
        AssetTarget::Table(_) => name.is_empty(),
    };
    let is_there = |schema: &str, name: &str| {
        let misses = || ddl.context.listings.misses(schema, name);
        catalog.relation(schema, name).is_some() || catalog.source(schema).is_some() && !misses()
    };
    running.vanished(ddl, meant, is_there)?;
    if !fresh.is_empty() {
        relate(ddl, &fresh).await?;
    }
    running.end(ddl)?;
    Ok(count)
}

/// What was asked for, in words of SQL.
fn target_said(ddl: &Ddl<'_>, target: &AssetTarget) -> String {
    match target {
        AssetTarget::All => "ALL".to_owned(),
        AssetTarget::Schema(schema) => {
            let word = if ddl.txn.snapshot().catalog.source(schema).is_some() { "SOURCE" } else { "SCHEMA" };
            format!("{word} {schema}")
        }
        AssetTarget::Table((schema, name)) => {
            let (schema, name) = ddl.context.resolve(schema.as_deref(), name);
            format!("TABLE {schema}.{name}")
        }
    }
}

/// Rows that are looked at at most: what comes over a network is looked at by some of its rows, unless more are asked for.
fn rows_wanted(asset: &Asset, options: &Options) -> Option<usize> {
    options.sample_rows.or((asset.kind == FOREIGN_TABLE).then_some(REMOTE_SAMPLE_ROWS))
}

/// Whether more rows are asked for than were looked at, of an asset of which not all were.
fn wants_more(asset: &Asset, options: &Options, finding: &Finding) -> bool {
    let before = finding.facts["sampled_rows"].as_u64();
    before.is_some_and(|before| rows_wanted(asset, options).is_none_or(|wanted| wanted as u64 > before))
}

/// Whether an asset is as it was when it was looked at: by what is known of its state, and of files that seem to be others by what they
/// hold.
fn is_unchanged(ddl: &Ddl<'_>, asset: &Asset, finding: &Finding, running: &Running) -> Result<bool> {
    let name = format!("{}.{}", asset.schema, asset.name);
    // What was found by a program that kept no history is looked at again.
    let Some(before) = running.before(&name).filter(|before| before.object == asset.object) else { return Ok(false) };
    if finding.fingerprint == asset.fingerprint {
        return Ok(true);
    }
    if before.content == 0 {
        return Ok(false);
    }
    let Some(outside) = &asset.outside else { return Ok(false) };
    if finding.facts["size_bytes"].as_u64() != Some(asset.bytes) || finding.facts["judged"].as_u64() != asset.judged {
        return Ok(false);
    }
    ddl.context.cancel.check()?;
    // What cannot be read is told by the look.
    Ok(run::blocking(|| outside.content()).ok().flatten() == Some(before.content))
}

/// Whether an error says something of what was looked at, and not of the statement or the machine.
fn is_about_the_asset(error: &Error) -> bool {
    let other = [Kind::Cancelled, Kind::Serialization, Kind::Deadlock, Kind::DiskFull, Kind::Shutdown, Kind::Internal];
    !other.contains(&error.kind())
}

fn options(inventory: &Inventory) -> Result<Options> {
    let mut options = Options { sample_rows: None, quality: true, force: false };
    let flag = |name: &str, value: &str| match value {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(Error::new(Kind::InvalidParameter, format!("option {name} cannot be \"{value}\""))),
    };
    for (name, value) in &inventory.options {
        match name.as_str() {
            "sample_rows" => {
                options.sample_rows = Some(value.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                    Error::new(Kind::InvalidParameter, format!("option sample_rows cannot be \"{value}\""))
                })?);
            }
            "quality" => options.quality = flag(name, value)?,
            "force" => options.force = flag(name, value)?,
            other => {
                return Err(Error::new(
                    Kind::InvalidParameter,
                    format!("unrecognized option \"{other}\" of INVENTORY"),
                )
                .with_hint("Available options: sample_rows, quality, force."));
            }
        }
    }
    Ok(options)
}

fn hashed(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// A fingerprint with what judges columns beside their rows: with other classifiers an asset is looked at again.
fn judged(fingerprint: u64, stamp: u64) -> u64 {
    match stamp {
        0 => fingerprint,
        stamp => hashed((fingerprint, stamp)),
    }
}

/// The assets meant that are the role's: what is found of an asset is told to all who may read it, so only who owns it says what
/// that is, as with PostgreSQL's ANALYZE.
fn assets(ddl: &Ddl<'_>, target: &AssetTarget) -> Result<Vec<Asset>> {
    let snapshot = ddl.txn.snapshot();
    let catalog = &snapshot.catalog;
    let wanted = match target {
        AssetTarget::All => None,
        AssetTarget::Schema(schema) => {
            if catalog.schema(schema).is_none() && catalog.source(schema).is_none() {
                return Err(Error::new(Kind::UndefinedSchema, format!("schema or source \"{schema}\" does not exist")));
            }
            Some((schema.clone(), None))
        }
        AssetTarget::Table((schema, name)) => {
            let (schema, name) = ddl.context.resolve(schema.as_deref(), name);
            Some((schema, Some(name)))
        }
    };
    let meant = |schema: &str, name: &str| {
        wanted.as_ref().is_none_or(|(s, n)| s == schema && n.as_deref().is_none_or(|n| n == name))
    };
    // Whether a table elsewhere has changed is asked of its own server now.
    for (_, object) in catalog.class(Class::Schema) {
        if let Object::Source(source) = object
            && source.is_remote()
            && wanted.as_ref().is_none_or(|(s, _)| *s == source.name)
            && ddl.context.has_role(source.owner)
        {
            ddl.context.database.remotes.forget(&source.name);
        }
    }
    let policies = policies_state(ddl.context);
    let (mut assets, mut others) = (Vec::new(), 0);
    for (id, object) in catalog.class(Class::Relation) {
        match object {
            // What is a session's own, and what has no rows to look at.
            Object::Table(table) if is_temporary(&table.schema) => {}
            Object::View(view) if is_temporary(&view.schema) => {}
            Object::Table(table) if table.materialized.as_ref().is_some_and(|of| !of.populated) => {}
            Object::Table(table) if meant(&table.schema, &table.name) => {
                if !ddl.context.has_role(table.owner) {
                    others += 1;
                    continue;
                }
                let rows = snapshot.rows(id);
                let columns: Vec<_> = table.columns.iter().map(|c| (&c.name, c.data_type.to_string())).collect();
                assets.push(Asset {
                    schema: table.schema.clone(),
                    name: table.name.clone(),
                    object: id,
                    kind: "table",
                    form: "table".to_owned(),
                    bytes: rows.bytes(),
                    modified_ms: None,
                    owner: table.owner,
                    fingerprint: judged(
                        hashed((rows.changed, rows.live_rows(), columns, table.owner)),
                        stamp(catalog, table.owner, Some(table)),
                    ),
                    judged: None,
                    table: Some(table.clone()),
                    outside: None,
                });
            }
            Object::View(view) if meant(&view.schema, &view.name) => {
                if !ddl.context.has_role(view.owner) {
                    others += 1;
                } else {
                    let state = view_state(ddl.context, policies, &view.query);
                    let state = state.map_or_else(|| hashed((&view.query, snapshot.seq)), hashed);
                    assets.push(Asset {
                        schema: view.schema.clone(),
                        name: view.name.clone(),
                        object: id,
                        kind: "view",
                        form: "view".to_owned(),
                        bytes: 0,
                        modified_ms: None,
                        owner: view.owner,
                        fingerprint: judged(state, stamp(catalog, view.owner, None)),
                        judged: None,
                        table: None,
                        outside: None,
                    });
                }
            }
            _ => {}
        }
    }
    for (id, object) in catalog.class(Class::Schema) {
        let Object::Source(source) = object else { continue };
        if wanted.as_ref().is_some_and(|(s, _)| *s != source.name) {
            continue;
        }
        if !ddl.context.has_role(source.owner) {
            others += 1;
            continue;
        }
        let there = match tables::assets(ddl.context, source) {
            Ok(there) => there,
            // A source that cannot be reached is no end of the others.
            Err(error) if wanted.is_none() && is_about_the_asset(&error) => {
                ddl.context.notice(format!("source \"{}\" cannot be read: {}", source.name, error.message()));
                continue;
            }
            Err(error) => return Err(error),
        };
        let stamp = stamp(catalog, source.owner, None);
        for asset in there.iter() {
            if meant(&source.name, asset.name()) {
                let modified = asset.modified().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                assets.push(Asset {
                    schema: source.name.clone(),
                    name: asset.name().to_owned(),
                    object: id,
                    kind: asset.kind(),
                    form: asset.form().to_owned(),
                    bytes: asset.bytes(),
                    modified_ms: modified.map(|d| d.as_millis() as i64),
                    owner: source.owner,
                    fingerprint: judged(asset.fingerprint(), stamp),
                    judged: Some(stamp),
                    table: None,
                    outside: Some(asset.clone()),
                });
            }
        }
    }
    if let Some((schema, Some(name))) = &wanted
        && assets.is_empty()
    {
        return Err(match others {
            0 => tables::undefined(ddl.context, schema, name),
            _ => Error::new(Kind::Privilege, format!("must be owner of {schema}.{name} to take its inventory")),
        });
    }
    if others > 0 {
        ddl.context.notice(format!(
            "{others} assets of other roles are passed over: their owners or a superuser look at them"
        ));
    }
    Ok(assets)
}

/// Looks at an asset; gives what was found, what goes into its history, and how many rows were read.
async fn look(ddl: &mut Ddl<'_>, asset: &Asset, options: &Options) -> Result<(Finding, Looked, u64)> {
    let state = ddl.state;
    // What a view shows is what its owner sees, whoever looks at it: nobody else's rights go into what all its readers are told.
    let context = match asset.kind {
        "view" => &as_owner(ddl.context, asset.owner),
        _ => ddl.context,
    };
    let source = tables::open(context, state, &asset.schema, &asset.name)?;
    let schema = source.schema();
    let plan = LogicalPlanBuilder::scan(&*asset.name, source, None)?;
    let sample_rows = rows_wanted(asset, options);
    let plan = match sample_rows {
        Some(rows) => plan.limit(0, Some(rows))?,
        None => plan,
    };
    let mut stream = run::stream(context, &run::in_order(state), &plan.build()?).await?;
    let mut profiler = Profiler::of_rows(schema.clone());
    let mut kept: Vec<RecordBatch> = Vec::new();
    let mut first = FirstRows::default();
    let (mut rows, mut kept_rows) = (0usize, 0usize);
    while let Some(batch) = stream.try_next().await? {
        profiler.update(&batch)?;
        rows += batch.num_rows();
        first.add(&batch);
        if options.quality && kept_rows < QUALITY_TRAIN_ROWS {
            kept_rows += batch.num_rows();
            kept.push(batch);
        }
    }
    let (profiles, whole_rows) = profiler.finish_with_rows()?;
    let classifiers = classifiers(&ddl.txn.snapshot().catalog, asset.owner, None)?;
    let said = |name: &str| {
        let column = asset.table.iter().flat_map(|t| &t.columns).find(|column| column.name == name);
        column.map_or_else(Vec::new, |column| remembered(&column.verdicts))
    };
    let mut verdicts: Vec<ColumnVerdict> = profiles
        .iter()
        .map(|profile| {
            let sample: Vec<&str> = profile.sample.iter().map(String::as_str).collect();
            let said = said(&profile.name);
            classify_column(&profile.name, &profile.data_type, &sample, Some(profile), &classifiers, &said)
        })
        .collect();
    by_neighbours(&mut verdicts, |name, semantic_type| is_rejected(&said(name), semantic_type.name()));
    let sampled = sample_rows.is_some_and(|wanted| rows >= wanted);
    let (row_count, content) = beside(ddl, asset, rows, sampled).await?;
    let learnt = match options.quality && rows > 0 && asset.is_read() {
        true => Some(learn(ddl, asset.object, kept).await?),
        false => None,
    };
    let cell_errors = learnt.as_ref().map_or(&[][..], |(_, errors)| errors.as_slice());
    let mut found = finding(
        ddl,
        asset,
        (&schema, &profiles),
        &verdicts,
        cell_errors,
        learnt.as_ref().map_or(0, |(file, _)| *file),
        row_count,
        sampled,
    );
    found.facts["candidate_keys"] = first.keys(&profiles, asset.table.as_ref(), rows, !sampled);
    found.facts["sampled_rows"] = json!(sampled.then_some(rows));
    let rows_of_its_own = whole_rows.filter(|_| asset.kind != "view" && asset.is_read());
    let looked = looked(&found, &profiles, asset.table.as_ref(), rows_of_its_own, !sampled, content);
    Ok((found, looked, rows as u64))
}

/// How many rows there are, if that is known, and whether it is estimated.
type RowCount = (Option<u64>, bool);

/// What is found of an asset beside its rows: how many there are, where not all were looked at, and a hash of what its files hold.
async fn beside(ddl: &Ddl<'_>, asset: &Asset, rows: usize, sampled: bool) -> Result<(RowCount, u64)> {
    if asset.table.is_some() {
        return Ok(((Some(ddl.txn.snapshot().rows(asset.object).live_rows() as u64), false), 0));
    }
    let counted = (Some(rows as u64), false);
    let Some(outside) = asset.outside.clone() else {
        // How many rows a view has only a look at all of them would tell.
        return Ok((if sampled { (None, false) } else { counted }, 0));
    };
    let context = ddl.context.clone();
    let asking = tokio::task::spawn_blocking(move || {
        let count = match sampled {
            true => outside
                .count(&|| context.cancel.check())?
                .map(|(count, estimated)| (Some(count.max(rows as u64)), estimated)),
            false => Some(counted),
        };
        // A look at a few rows is to be short.
        let content = if sampled { None } else { outside.content()? };
        Ok::<_, Error>((count.unwrap_or((None, false)), content.unwrap_or(0)))
    });
    asking.await.map_err(|error| Error::internal(format!("counting stopped: {error}")))?
}

/// Learns the row quality model and keeps its weights; gives their file and what the model says of each column.
async fn learn(ddl: &Ddl<'_>, of: ObjectId, batches: Vec<RecordBatch>) -> Result<(u64, Vec<CellErrorFact>)> {
    let context = ddl.context.clone();
    let learning = tokio::task::spawn_blocking(move || -> Result<(Vec<u8>, Vec<CellErrorFact>)> {
        let mut told = |_: f64| context.cancel.check();
        let model = RowQualityModel::train(&batches, &mut told)?;
        let names: Vec<String> =
            batches.first().map_or_else(Vec::new, |b| b.schema().fields().iter().map(|f| f.name().clone()).collect());
        let mut sums = vec![(0.0, 0u64); names.len()];
        let mut cells = 0u64;
        for batch in &batches {
            context.cancel.check()?;
            cells += batch.num_rows() as u64;
            for verdict in model.detail(batch)?.into_iter().flatten() {
                if let Some(at) = names.iter().position(|name| *name == verdict.column) {
                    sums[at].0 += verdict.p_error;
                    sums[at].1 += u64::from(verdict.p_error > 0.5);
                }
            }
        }
        let errors = names.into_iter().zip(sums).map(|(column_name, (sum, flagged))| CellErrorFact {
            column_name,
            cells,
            mean_p_error: if cells == 0 { 0.0 } else { sum / cells as f64 },
            flagged,
        });
        Ok((model.to_bytes()?, errors.collect()))
    });
    let (bytes, errors) = learning.await.map_err(|e| Error::internal(format!("learning stopped: {e}")))??;
    // The usual values of a table's columns are in it: they go with the table.
    let owner = ddl.txn.snapshot().catalog.table_by_id(of).map_or(0, |_| of);
    let file = ddl.context.database.manager.store().files().create(FileKind::Model, owner, &bytes)?;
    Ok((file.as_u64(), errors))
}

#[allow(clippy::too_many_arguments, reason = "everything that was found comes together here")]
fn finding(
    ddl: &Ddl<'_>,
    asset: &Asset,
    (schema, profiles): (&Schema, &[ColumnProfile]),
    verdicts: &[ColumnVerdict],
    cell_errors: &[CellErrorFact],
    quality_model: u64,
    (row_count, estimated): RowCount,
    sampled: bool,
) -> Finding {
    let now_ms = chrono::Utc::now().timestamp_millis();
    let name = format!("{}.{}", asset.schema, asset.name);
    let columns: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
    let domain = domain_of(&asset.name, &asset.form, &columns, verdicts);
    let nested = profiles.iter().filter(|p| matches!(p.data_type, DataType::List(_) | DataType::Struct(_))).count();
    let (structure, structure_because) = structure_of(&asset.form, nested, verdicts);
    let moments: Vec<LatestMoment> = profiles
        .iter()
        .filter(|p| matches!(p.data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)))
        .filter_map(|p| Some(LatestMoment { column_name: p.name.clone(), latest_ms: moment_ms(p.max.as_deref()?)? }))
        .collect();
    let age = freshness(&moments, asset.modified_ms, now_ms);
    let keys = keys(asset, profiles, verdicts);
    let facts = QualityFacts {
        profiles,
        verdicts,
        keys: &keys,
        ties: &[],
        cell_errors,
        // No rhythm is known: an age alone is neither good nor bad.
        age: None::<AgeFact>,
        sampled,
    };
    // Of a file that cannot be read only its name and its size are known: nothing to judge.
    let quality = relation_quality(&if asset.is_read() { facts } else { QualityFacts::default() });
    let sensitivity = verdicts.iter().map(ColumnVerdict::sensitivity).max().unwrap_or(Sensitivity::None);
    let grade = verdicts.iter().map(ColumnVerdict::grade).max().unwrap_or(Grade::General1);
    let votes: Vec<Value> = domain
        .votes
        .iter()
        .take(6)
        .map(|v| json!({"domain": v.domain.name(), "from": v.voter, "because": v.because, "weight": four_places(v.weight)}))
        .collect();
    Finding {
        asset: name.clone(),
        object: asset.object,
        fingerprint: asset.fingerprint,
        facts: json!({
            "asset_id": asset.id(), "name": name, "kind": asset.kind, "form": asset.form,
            "domain": domain.domain.name(), "domain_zh": domain.domain.label_zh(),
            "structure": structure.name(), "row_count": row_count,
            "row_count_estimated": row_count.map(|_| estimated), "size_bytes": asset.bytes, "judged": asset.judged,
            "sensitivity": sensitivity.name(), "grade": grade.name(), "quality": quality.score,
            "freshness": age.as_ref().map(|a| a.age_ms * 1000),
            "tags": asset.table.as_ref().map_or_else(|| json!({}), |t| tags(ddl, &t.tags)),
            "owner": ddl.txn.snapshot().catalog.role_name(asset.owner),
            "last_scan": now_ms * 1000, "confidence": four_places(domain.confidence),
            "evidence": {"domain": votes, "structure": structure_because},
        }),
        columns: columns_facts(&name, (schema, profiles), verdicts, &quality),
        quality: report_facts(&name, &quality, now_ms),
        quality_model,
        scanned_ms: now_ms,
    }
}

/// What is known of an asset that is there and cannot be read: that it is. Why is told by a query of it: the words of an error may hold
/// values that not everybody may see who sees this.
fn unread(ddl: &Ddl<'_>, asset: &Asset) -> Finding {
    let mut found = finding(ddl, asset, (&Schema::empty(), &[]), &[], &[], 0, (None, false), false);
    for fact in ["row_count", "quality", "sensitivity", "grade"] {
        found.facts[fact] = Value::Null;
    }
    found.facts["evidence"]["unreadable"] = json!("a query of it says why");
    found.quality = Vec::new();
    // It is looked at each time: what was in the way may be gone.
    found.fingerprint = !asset.fingerprint;
    found
}

fn tags(ddl: &Ddl<'_>, used: &[TagUse]) -> Value {
    let named = used.iter().filter_map(|used| match ddl.txn.snapshot().catalog.get(used.tag).map(AsRef::as_ref) {
        Some(Object::Tag(tag)) => Some((tag.name.clone(), Value::from(used.value.clone()))),
        _ => None,
    });
    Value::Object(named.collect())
}

/// Declared keys hold by themselves; of other columns those that are meant to be keys.
fn keys(asset: &Asset, profiles: &[ColumnProfile], verdicts: &[ColumnVerdict]) -> Vec<KeyFact> {
    let mut keys = key_candidates(profiles, verdicts);
    let rows = profiles.first().map_or(0, |p| p.rows);
    for key in asset.table.iter().flat_map(|table| table.keys.iter().map(move |key| (table, key))) {
        let columns: Vec<String> = key.1.columns.iter().map(|&c| key.0.columns[c].name.clone()).collect();
        keys.retain(|candidate| candidate.columns != columns);
        keys.push(KeyFact { columns, rows, duplicates: 0 });
    }
    keys
}

fn columns_facts(
    asset: &str,
    (schema, profiles): (&Schema, &[ColumnProfile]),
    verdicts: &[ColumnVerdict],
    quality: &RelationQuality,
) -> Vec<Value> {
    profiles
        .iter()
        .zip(verdicts)
        .enumerate()
        .map(|(n, (p, v))| {
            let top: Vec<Value> = p.top.iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
            let data_type = schema.fields().get(n).and_then(|field| SqlType::from_field(field).ok());
            let data_type = data_type.map(|data_type| data_type.to_string()).unwrap_or_default();
            let mut facts = json!({
                "asset": asset, "ordinal": n + 1, "column_name": p.name, "data_type": data_type, "nulls": p.nulls,
                "distincts": p.distincts, "distincts_exact": p.distincts_exact, "min": p.min, "max": p.max,
                "mean": p.mean, "stddev": p.stddev, "pattern": p.pattern.as_ref().map(|(pattern, _)| pattern.clone()),
                "top": top, "quality": quality.column_score(&p.name),
            });
            verdict_facts(&mut facts, v);
            facts
        })
        .collect()
}

/// What a column is, among its facts.
fn verdict_facts(facts: &mut Value, v: &ColumnVerdict) {
    let alternates: Vec<Value> = v
        .alternates
        .iter()
        .map(|(other, score)| json!({"category": other.name(), "confidence": four_places(*score)}))
        .collect();
    facts["semantic_type"] = json!(v.category());
    facts["semantic_type_zh"] = json!(v.semantic_type.map(|t| t.label_zh()));
    facts["privacy_category"] = json!(v.privacy().name());
    facts["sensitivity"] = json!(v.sensitivity().name());
    facts["grade"] = json!(v.grade().name());
    facts["carried"] =
        json!(v.carried.map(
            |carried| json!({"privacy_category": carried.privacy.name(), "sensitivity": carried.sensitivity.name()})
        ));
    facts["confidence"] = json!(four_places(v.confidence));
    facts["coverage"] = json!(four_places(v.coverage));
    facts["sampled"] = json!(v.sampled);
    facts["evidence"] = json!(v.evidence);
    facts["alternates"] = json!(alternates);
}

/// Brings what is known of a column up to date.
pub fn category_facts(facts: &mut Value, judged: &Judged) {
    verdict_facts(facts, &judged.verdict);
}

/// A first look at a table that no inventory has seen, by some of its rows. The next inventory looks again.
pub async fn inventory_of_table(ddl: &mut Ddl<'_>, relation: &Relation, rows: usize) -> Result<Finding> {
    let assets = assets(ddl, &AssetTarget::Table(relation.clone()))?;
    let Some(asset) = assets.first() else {
        return Err(Error::internal("a table vanished while it was looked at"));
    };
    let options = Options { sample_rows: Some(rows), quality: false, force: true };
    let (mut finding, ..) = look(ddl, asset, &options).await?;
    finding.fingerprint = !asset.fingerprint;
    Ok(finding)
}

fn report_facts(asset: &str, quality: &RelationQuality, now_ms: i64) -> Vec<Value> {
    quality
        .report
        .iter()
        .map(|row| {
            json!({
                "asset": asset, "rule": row.rule, "dimension": row.dimension.name(), "dimension_zh": row.dimension.label_zh(),
                "column_name": row.column_name, "metric": row.metric, "value": row.value, "threshold": row.threshold,
                "passed": row.passed, "failed_rows": row.failed_rows, "total_rows": row.total_rows, "sampled": row.sampled,
                "as_of": now_ms * 1000,
            })
        })
        .collect()
}
