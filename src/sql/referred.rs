//! The sealed files that a database refers to, and what needs each.

use crate::catalog::Object;
use crate::error::Result;
use crate::search::{StoredFiles, files_in_use};
use crate::storage::FileId;
use crate::txn::Manager;

/// Every file that the current state refers to, with the object that needs it: "table public.t", "index public.i",
/// "model m version 2", "the finding on public.t", "the audit log".
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
            Object::AssetState(state) => {
                let files = [state.distributions, state.sketches].into_iter().filter(|file| *file != 0);
                refer(files.collect(), format!("the inventory of {}", state.asset));
            }
            _ => {}
        }
    }
    let audit = manager.audit().files()?;
    all.extend(audit.into_iter().map(|id| (id, "the audit log".to_owned())));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use crate::sql::Database;
    use crate::{KeySource, MasterKey};

    /// What is not referred to is removed as the database is opened.
    #[tokio::test(flavor = "multi_thread")]
    async fn files_of_the_audit_log_stay() {
        let folder = tempfile::TempDir::new().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let open = || Database::open(folder.path().join("d"), &key).unwrap();
        let count = |database: &Database| database.inner().manager.audit().files().unwrap().len();
        let ask = async |database: &Database, sql: &str| {
            let mut session = database.session("steward").unwrap();
            let rows = session.query(sql).await.unwrap();
            crate::cell_text(rows[0].column(0), 0).unwrap()
        };
        let database = open();
        for n in 0..200 {
            let mut session = database.session("steward").unwrap();
            session.query(&format!("CREATE TABLE t{n} (a int)")).await.unwrap();
        }
        database.inner().manager.audit().archive_by(1).unwrap();
        let files = count(&database);
        let logged = ask(&database, "SELECT count(*) FROM steward.audit_log WHERE command LIKE 'CREATE TABLE%'").await;
        assert!(files > 0);
        drop(database);
        let database = open();
        assert_eq!(count(&database), files);
        let again = ask(&database, "SELECT count(*) FROM steward.audit_log WHERE command LIKE 'CREATE TABLE%'").await;
        assert_eq!((again.as_str(), logged.as_str()), ("200", "200"));
        assert_eq!(ask(&database, "SELECT whole FROM AUDIT_VERIFY()").await, "t");
    }
}
