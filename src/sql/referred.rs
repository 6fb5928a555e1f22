//! The sealed files that a database refers to, and what needs each.

use crate::catalog::Object;
use crate::error::Result;
use crate::search::{StoredFiles, files_in_use};
use crate::storage::FileId;
use crate::txn::Manager;

/// Every file that the current state refers to, with the object that needs it: "table public.t", "index public.i",
/// "model m version 2", "the finding on public.t".
pub fn referred_files(manager: &Manager) -> Result<Vec<(FileId, String)>> {
    let snapshot = manager.current();
    let indexes = StoredFiles::new(manager.store());
    let mut all = Vec::new();
    let mut refer =
        |ids: Vec<u64>, what: String| all.extend(ids.into_iter().map(|id| (FileId::from_u64(id), what.clone())));
    for (id, object) in snapshot.catalog.objects() {
        match object.as_ref() {
            Object::Table(table) => {
                let rows = snapshot.rows(id);
                let files = rows.segments.iter().flat_map(|segment| segment.files());
                refer(files.map(|file| file.id.as_u64()).collect(), format!("table {}.{}", table.schema, table.name));
            }
            Object::Index(index) => {
                refer(files_in_use(&indexes, id)?, format!("index {}.{}", index.schema, index.name));
            }
            Object::Model(model) => {
                for version in &model.versions {
                    refer(vec![version.file], format!("model {} version {}", model.name, version.number));
                }
            }
            Object::Finding(finding) if finding.quality_model != 0 => {
                refer(vec![finding.quality_model], format!("the finding on {}", finding.asset));
            }
            _ => {}
        }
    }
    Ok(all)
}
