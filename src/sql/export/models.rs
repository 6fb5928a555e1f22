//! Models as files of safetensors, and the SQL that takes them in again: what was learnt is not learnt anew.

use super::super::context::Context;
use super::super::model_card::Card;
use super::super::tables::Damage;
use super::script::{Script, Versions, ident, literal};
use super::{Names, write_file};
use crate::catalog::{Model, ModelGuard, ObjectId, Online};
use crate::error::{Kind, Result};
use crate::models::to_safetensors;
use crate::storage::FileId;
use std::fmt::Write;
use std::path::Path;

/// Writes the versions of a model into the folder `models`; gives their files. One that is damaged is left out where that is
/// allowed.
pub fn write(context: &Context, folder: &Path, names: &mut Names, model: &Model) -> Result<Versions> {
    let base = names.of(&[&model.name], "model");
    let mut written = Versions::new();
    for version in &model.versions {
        context.cancel.check()?;
        let read = context.database.manager.store().files().read(FileId::from_u64(version.file));
        let card = Card::of(&context.snapshot.catalog, model, version).write()?;
        let file = match read.and_then(|bytes| to_safetensors(&bytes, &card)) {
            Ok(file) => file,
            Err(error) if error.kind() == Kind::Corruption && Damage::may_leave_out(context) => {
                let (name, number) = (&model.name, version.number);
                let why = "steward.allow_damaged is on";
                context.warn(format!("model {name}: {}; version {number} is left out ({why})", error.message()));
                continue;
            }
            Err(error) => return Err(error),
        };
        let name = format!("{base}.{}.safetensors", version.number);
        write_file(&folder.join(&name), &file)?;
        written.push((version.number, format!("models/{name}")));
    }
    Ok(written)
}

impl Script<'_> {
    /// A model with its versions, the deployed one among them.
    pub(super) fn model(&self, out: &mut String, id: ObjectId, model: &Model) {
        let Some(versions) = self.versions_of(id) else { return };
        for (_, file) in versions {
            _ = writeln!(out, "\\copy steward.model_versions FROM '{file}' WITH (FORMAT safetensors)");
        }
        let name = ident(&model.name);
        let there = versions.iter().any(|(number, _)| *number == model.deployed);
        if there && versions.last().is_some_and(|(last, _)| *last != model.deployed) {
            _ = writeln!(out, "ALTER MODEL {name} DEPLOY VERSION {};", model.deployed);
        }
        if let Some(ModelGuard { metric, drop, on_guard }) = &model.guard {
            let on_guard = on_guard.name();
            _ = writeln!(
                out,
                "ALTER MODEL {name} SET OPTIONS (guard_metric = '{metric}', guard_drop = {drop}, on_guard = '{on_guard}');"
            );
        }
        if let Some(Online { source, batch_rows, .. }) = &model.online
            && let Some(table) = self.catalog().table_by_id(*source)
        {
            let source = literal(&format!("\"{}\".\"{}\"", table.schema, table.name));
            _ = writeln!(
                out,
                "ALTER MODEL {name} SET OPTIONS (update_mode = 'online', source = {source}, batch_rows = {batch_rows});"
            );
        }
        if model.frozen {
            _ = writeln!(out, "ALTER MODEL {name} FREEZE;");
        }
        self.grants(out, &model.grants, &format!("MODEL {name}"));
        model.tags.iter().for_each(|used| self.tag_use(out, &format!("MODEL {name}"), used));
    }
}
