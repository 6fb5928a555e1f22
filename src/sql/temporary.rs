//! Temporary relations: from the session that makes them to its end.
//!
//! They are relations of the catalogue as any other, sealed, logged and undone with their transaction, in a schema that
//! bears the session's number. Names mean them first (`Context::resolve`), and nobody else reaches them. The schema goes
//! when the session does; what a killed server left goes when the database is opened.

use super::database::Inner;
use super::ddl::{self, Ddl};
use super::parser::split;
use super::session::Session;
use crate::catalog::{Class, Object, ObjectId, OnCommit, Schema, is_temporary};
use crate::error::{Error, Kind, Result};
use crate::txn::{Manager, Transaction};
use datafusion::sql::sqlparser::ast;
use std::ops::ControlFlow;

/// The schema in which the statement's session makes temporary relations, made if it is not there.
pub fn must_get_schema(ddl: &mut Ddl<'_>) -> Result<String> {
    let Some(schema) = ddl.context.temporary.as_deref().map(str::to_owned) else {
        return Err(Error::internal("a statement without a session makes a temporary relation"));
    };
    if ddl.txn.snapshot().catalog.schema(&schema).is_none() {
        let id = ddl.new_id();
        // Not the role's: who is dropped owns nothing by it.
        let owner = first_superuser(ddl).unwrap_or(ddl.context.role);
        ddl.txn.put_object(id, Object::Schema(Schema { name: schema.clone(), owner, creators: Vec::new() }))?;
    }
    Ok(schema)
}

fn first_superuser(ddl: &Ddl<'_>) -> Option<ObjectId> {
    let catalog = &ddl.txn.snapshot().catalog;
    let mut roles = catalog.class(Class::Role);
    roles.find_map(|(id, role)| matches!(role, Object::Role(role) if role.superuser).then_some(id))
}

/// Whether a query reads temporary relations of the session.
pub fn is_read_by(ddl: &Ddl<'_>, query: &ast::Query) -> bool {
    let found = ast::visit_relations(query, |relation| {
        let temporary = split(relation).is_ok_and(|(schema, name)| {
            let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
            is_temporary(&schema) && ddl.txn.snapshot().catalog.relation(&schema, &name).is_some()
        });
        if temporary { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.is_break()
}

/// What the end of a transaction does to temporary tables: ON COMMIT DROP, ON COMMIT DELETE ROWS.
pub fn before_commit(session: &mut Session) -> Result<()> {
    let Some(txn) = session.txn.as_ref().filter(|txn| !txn.is_read_only()) else { return Ok(()) };
    let meant: Vec<(ObjectId, OnCommit)> = (txn.snapshot().catalog.relations_of(&session.temporary))
        .filter_map(|(id, object)| match object {
            Object::Table(table) => Some((id, table.on_commit?)),
            _ => None,
        })
        .filter(|(id, action)| *action == OnCommit::Drop || txn.snapshot().rows(*id).live_rows() > 0)
        .collect();
    if meant.is_empty() {
        return Ok(());
    }
    let (context, state) = session.context();
    let mut ddl = Ddl { context: &context, state: &state, txn: session.transaction()? };
    for (id, action) in meant {
        match action {
            OnCommit::Drop => ddl::drop_by_id(&mut ddl, id)?,
            OnCommit::DeleteRows => ddl.txn.truncate(id),
        }
    }
    Ok(())
}

/// Drops all that is in a session's schema, and the schema: DISCARD TEMP.
pub fn discard(ddl: &mut Ddl<'_>) {
    if let Some(schema) = ddl.context.temporary.clone() {
        drop_all(ddl.txn, &schema);
    }
}

fn drop_all(txn: &mut Transaction, schema: &str) {
    let catalog = txn.snapshot().catalog.clone();
    let Some((id, _)) = catalog.schema(schema) else { return };
    for (relation, _) in catalog.relations_of(schema) {
        let policies = catalog.policies_of(relation).map(|(id, _)| id);
        let classes = catalog.classes_of(relation).map(|(id, _)| id);
        policies.chain(classes).for_each(|belonging| txn.drop_object(belonging));
        txn.drop_object(relation);
    }
    for (finding, object) in catalog.class(Class::Finding) {
        if matches!(object, Object::Finding(of) if of.asset.split('.').next() == Some(schema)) {
            txn.drop_object(finding);
        }
    }
    txn.drop_object(id);
}

/// The session is over.
pub fn end(database: &Inner, schema: &str) {
    if database.manager.current().catalog.schema(schema).is_none() {
        return;
    }
    let mut txn = database.manager.begin(false);
    drop_all(&mut txn, schema);
    if let Err(error) = database.commit_now(txn) {
        tracing::warn!("temporary tables of a session that ended stay until the next start: {error}");
    }
}

/// Drops what sessions of a process that was killed have left.
pub fn remove_left(manager: &Manager) -> Result<()> {
    let mut txn = manager.begin(false);
    let left: Vec<String> = (txn.snapshot().catalog.class(Class::Schema))
        .filter_map(|(_, object)| match object {
            Object::Schema(schema) if is_temporary(&schema.name) => Some(schema.name.clone()),
            _ => None,
        })
        .collect();
    left.iter().for_each(|schema| drop_all(&mut txn, schema));
    manager.commit(txn).map(|_| ())
}

/// Refuses a temporary relation in a schema that is not for them.
pub fn wrong_schema() -> Error {
    Error::new(Kind::InvalidTableDefinition, "cannot create temporary relation in non-temporary schema")
}

#[cfg(test)]
mod tests {
    use super::super::{Database, Session};
    use crate::catalog::is_temporary;
    use crate::crypto::{KeySource, MasterKey};
    use crate::encoding::pg_text::cell_text;
    use crate::error::Kind;

    fn open(folder: &tempfile::TempDir) -> Database {
        Database::open(folder.path(), &KeySource::from(MasterKey::from_bytes([7; 32]))).unwrap()
    }

    async fn one(session: &mut Session, sql: &str) -> String {
        let rows = session.query(sql).await.unwrap();
        cell_text(rows[0].column(0), 0).unwrap_or_default()
    }

    /// Objects that are temporary.
    fn left(session: &Session) -> usize {
        let snapshot = session.database.manager.current();
        snapshot.catalog.objects().filter(|(_, object)| object.key().1.contains("pg_temp")).count()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_else_reaches_them_and_they_go_with_their_session() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let (mut a, mut b) = (database.session("steward").unwrap(), database.session("steward").unwrap());
        a.query("CREATE TABLE t AS SELECT 'all' AS v").await.unwrap();
        a.query("CREATE TEMP TABLE t AS SELECT 'a' AS v").await.unwrap();
        b.query("CREATE TEMP TABLE t (v text PRIMARY KEY); INSERT INTO t VALUES ('b')").await.unwrap();
        assert_eq!(one(&mut a, "SELECT v FROM t").await, "a");
        assert_eq!(one(&mut b, "SELECT v FROM t").await, "b");
        let own = one(&mut a, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pg\\_temp\\_%'").await;
        assert!(is_temporary(&own));
        for sql in ["SELECT * FROM", "DELETE FROM", "DROP TABLE", "TRUNCATE"] {
            let error = b.query(&format!("{sql} {own}.t")).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Unsupported, "{sql}");
        }
        assert_eq!(one(&mut b, "SELECT count(*) FROM pg_class WHERE relname = 't'").await, "2");
        let mut c = database.session("steward").unwrap();
        assert_eq!(one(&mut c, "SELECT v FROM t").await, "all");
        drop(a);
        drop(b);
        assert_eq!(left(&c), 0);
        assert_eq!(one(&mut c, "SELECT v FROM t").await, "all");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_killed_server_left_goes_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let mut session = database.session("steward").unwrap();
        session.query("CREATE TEMP TABLE t (v text PRIMARY KEY); INSERT INTO t VALUES ('x')").await.unwrap();
        session.query("CREATE TEMP VIEW w AS SELECT * FROM t; CREATE TABLE kept AS SELECT 1 AS a").await.unwrap();
        // As after a kill: the session does not come to its end.
        let copy = tempfile::tempdir().unwrap();
        session.query("CHECKPOINT").await.unwrap();
        copy_folder(folder.path(), copy.path());
        let mut again = open(&copy).session("steward").unwrap();
        assert_eq!(left(&again), 0);
        assert_eq!(one(&mut again, "SELECT a FROM kept").await, "1");
        assert!(left(&session) > 0);
    }

    fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            let target = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => {
                    std::fs::create_dir_all(&target).unwrap();
                    copy_folder(&entry.path(), &target);
                }
                false => _ = std::fs::copy(entry.path(), target).unwrap(),
            }
        }
    }
}
