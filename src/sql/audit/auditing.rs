//! What a session writes down of its statements.

use super::super::kept_plan::KeptPlan;
use super::super::parser::Statement;
use super::super::session::{Outcome, Session};
use super::{Noted, action_of, fingerprint};
use crate::catalog::{AuditAction, AuditEntry, AuditObject, AuditState, Catalog, Object, ObjectId, is_temporary};
use crate::error::{Error, Kind};
use crate::txn::Transaction;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects of one entry at most; of more their number is told.
const OBJECTS_MAX: usize = 32;

/// The entries of a session's open transaction.
#[derive(Debug, Default)]
pub struct Auditing {
    /// What the leaves of its statements have read.
    noted: Arc<Noted>,
    pending: Vec<AuditEntry>,
    /// The statement that runs, or ran last: what it read may show only when its rows are fetched.
    last: Option<Last>,
    /// The table that was named last, with its name.
    named: Option<(Arc<Object>, String)>,
    /// Rows that the statement changed, where its tag does not tell.
    pub(in crate::sql) affected: Option<u64>,
}

/// A statement.
#[derive(Debug)]
struct Last {
    text: String,
    /// Where what is told of its text is kept, if it is a prepared one.
    kept: Option<Arc<KeptPlan>>,
    id: u64,
    /// What it is logged as, until it is.
    action: Option<AuditAction>,
    mark: Option<Mark>,
    /// That it was refused is logged.
    denied: bool,
}

impl Last {
    /// What it has in common with statements that differ in literals only: all that run as one prepared statement do.
    fn fingerprint(&self) -> String {
        match &self.kept {
            Some(kept) => kept.fingerprint(|| fingerprint(&self.text)).to_owned(),
            None => fingerprint(&self.text),
        }
    }
}

/// What a transaction was before a statement.
#[derive(Debug)]
struct Mark {
    versions: BTreeMap<ObjectId, u64>,
    objects: BTreeMap<ObjectId, Option<Arc<Object>>>,
}

impl Mark {
    fn of(txn: &Transaction) -> Self {
        Self { versions: txn.versions().clone(), objects: txn.objects().clone() }
    }

    /// What a transaction has changed since. `named` is the table that was named last, with its name.
    fn changed(&self, txn: &Transaction, named: &mut Option<(Arc<Object>, String)>) -> Vec<AuditObject> {
        let now = txn.snapshot();
        let mut names = Vec::new();
        for (id, version) in txn.versions() {
            if self.versions.get(id) == Some(version) || !txn.has_written(*id) {
                continue;
            }
            let Some(object) = now.catalog.get(*id) else { continue };
            let known = named.as_ref().filter(|(last, _)| Arc::ptr_eq(last, object)).map(|(_, name)| name.clone());
            names.push(known.unwrap_or_else(|| {
                let name = name_of(object, &now.catalog);
                *named = Some((object.clone(), name.clone()));
                name
            }));
        }
        for (id, object) in txn.objects() {
            let same = match (self.objects.get(id), object) {
                (Some(Some(before)), Some(now)) => Arc::ptr_eq(before, now),
                (Some(None), None) => true,
                _ => false,
            };
            let before = || self.objects.get(id).cloned().flatten().or_else(|| txn.base_object(*id));
            if let Some(object) = object.clone().or_else(before).filter(|_| !same) {
                names.push(name_of(&object, &now.catalog));
            }
        }
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(OBJECTS_MAX);
        names.truncate(OBJECTS_MAX);
        names.extend((more > 0).then(|| format!("{more} more")));
        names.into_iter().map(|name| AuditObject { name, columns: Vec::new(), masked: Vec::new() }).collect()
    }
}

/// Kind and name of an object, as messages write them.
fn name_of(object: &Object, catalog: &Catalog) -> String {
    let relation = |id: ObjectId| catalog.get(id).map_or_else(|| id.to_string(), |o| o.key().1.replace('\0', "."));
    let name = match object {
        Object::RowPolicy(policy) => format!("{} on {}", policy.name, relation(policy.table)),
        Object::ColumnClass(class) => format!("{} of {}", class.name, relation(class.table)),
        Object::Comment(comment) => format!("on {}", relation(comment.object)),
        // Others cannot reach it, and its schema is a number.
        Object::Table(table) if is_temporary(&table.schema) => format!("pg_temp.{}", table.name),
        object => object.key().1.replace('\0', "."),
    };
    format!("{} {name}", object.kind_name())
}

impl Auditing {
    /// What leaves note in; none where nothing of it is logged.
    pub(in crate::sql) fn noted(&self) -> &Arc<Noted> {
        &self.noted
    }

    /// How many entries there are: what comes later is undone by ROLLBACK TO.
    pub(in crate::sql) fn len(&self) -> usize {
        self.pending.len()
    }

    /// The entries from this one on are undone.
    pub(in crate::sql) fn undone(&mut self, from: usize) {
        self.pending.iter_mut().skip(from).for_each(undo);
    }
}

/// What is read stays read.
fn undo(entry: &mut AuditEntry) {
    if entry.action != AuditAction::Read {
        entry.state = AuditState::RolledBack;
    }
}

impl Session {
    /// A statement begins.
    pub(in crate::sql) fn begin_audit(&mut self, statement: &Statement, text: &str, id: u64) {
        self.finish_reads();
        let audit = self.database.manager.audit();
        let action = action_of(statement).filter(|action| audit.logs(*action));
        let mark = match (action, &self.txn) {
            (Some(_), Some(txn)) => Some(Mark::of(txn)),
            _ => None,
        };
        self.auditing.affected = None;
        // Of a short statement only its text is kept, in the place of the last one's.
        let mut kept = self.auditing.last.take().map(|last| last.text).unwrap_or_default();
        kept.clear();
        kept.push_str(text);
        let text = kept;
        self.auditing.last = Some(Last { text, kept: self.kept_plan.clone(), id, action, mark, denied: false });
    }

    /// A statement has ended so. One that goes on to receive data ends when these have come.
    pub(in crate::sql) fn end_audit(&mut self, outcome: Result<&Outcome, &Error>) {
        match outcome {
            Err(error)
                if error.kind() == Kind::Privilege && self.database.manager.audit().logs(AuditAction::Denied) =>
            {
                // EXECUTE hears of it as well as what it runs.
                if self.auditing.last.as_mut().is_none_or(|last| std::mem::replace(&mut last.denied, true)) {
                    return;
                }
                let mut entry = self.entry(AuditAction::Denied);
                entry.state = AuditState::Failed;
                entry.sqlstate = Some("42501".to_owned());
                entry.objects = vec![AuditObject {
                    // It names objects, and nothing else.
                    name: error.message().to_owned(),
                    columns: Vec::new(),
                    masked: Vec::new(),
                }];
                self.database.manager.audit().note(entry);
            }
            Ok(Outcome::Command(tag)) => self.note_done(tag),
            Ok(Outcome::Rows { tag, .. }) => {
                let tag = tag.clone();
                self.note_done(&tag);
            }
            _ => {}
        }
    }

    /// A statement that gives or takes rights did not do so with all of them: what was told of those, as PostgreSQL's warnings tell it.
    pub(in crate::sql) fn note_withheld(&mut self, told: Vec<String>, revoke: bool) {
        if told.is_empty() || !self.database.manager.audit().logs(AuditAction::Denied) {
            return;
        }
        if let Some(last) = &mut self.auditing.last {
            last.denied = true;
        }
        let mut entry = self.entry(AuditAction::Denied);
        entry.state = AuditState::Failed;
        entry.sqlstate = Some(if revoke { "01006" } else { "01007" }.to_owned());
        let object = |name| AuditObject { name, columns: Vec::new(), masked: Vec::new() };
        entry.objects = told.into_iter().take(OBJECTS_MAX).map(object).collect();
        self.database.manager.audit().note(entry);
    }

    /// A statement that changes something is done; its tag may tell how many rows.
    pub(in crate::sql) fn note_done(&mut self, tag: &str) {
        let Some(last) = &mut self.auditing.last else { return };
        let (Some(action), mark, denied) = (last.action.take(), last.mark.take(), last.denied) else { return };
        let objects = match (mark, &self.txn) {
            (Some(mark), Some(txn)) => mark.changed(txn, &mut self.auditing.named),
            _ => Vec::new(),
        };
        if denied && objects.is_empty() {
            return;
        }
        let told = tag.rsplit(' ').next().and_then(|last| last.parse().ok());
        let rows = self.auditing.affected.or(told);
        let rows = rows.filter(|_| matches!(action, AuditAction::Write | AuditAction::Erasure));
        let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let words: usize = tag.split(' ').take_while(is_word).map(|word| word.len() + 1).sum();
        let mut entry = self.entry_of(action, tag.get(..words.saturating_sub(1)).unwrap_or_default().to_owned());
        (entry.objects, entry.rows) = (objects, rows);
        self.auditing.pending.push(entry);
    }

    /// The guard of a model was broken; `what` names the model and tells figures, and no values.
    pub(in crate::sql) fn note_guard(&mut self, what: &str) {
        if !self.database.manager.audit().logs(AuditAction::Training) {
            return;
        }
        let mut entry = self.entry(AuditAction::Training);
        entry.command = "ALTER MODEL".to_owned();
        entry.objects = vec![AuditObject { name: what.to_owned(), columns: Vec::new(), masked: Vec::new() }];
        self.auditing.pending.push(entry);
    }

    /// What the last statement has read is known by now.
    fn finish_reads(&mut self) {
        let objects = self.auditing.noted.take();
        if !objects.is_empty() {
            let mut entry = self.entry(AuditAction::Read);
            entry.objects = objects;
            self.auditing.pending.push(entry);
        }
    }

    /// An entry about the statement that runs.
    pub(in crate::sql) fn entry(&self, action: AuditAction) -> AuditEntry {
        let text = self.auditing.last.as_ref().map_or("", |last| &last.text);
        let first = text.split_whitespace().next().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic()));
        self.entry_of(action, first.map(str::to_uppercase).unwrap_or_default())
    }

    /// The same where its command is told.
    fn entry_of(&self, action: AuditAction, command: String) -> AuditEntry {
        let catalog = match &self.txn {
            Some(txn) => txn.snapshot().catalog.clone(),
            None => self.database.manager.current().catalog.clone(),
        };
        let activity = self.seat.activity();
        let last = self.auditing.last.as_ref();
        AuditEntry {
            at_us: chrono::Utc::now().timestamp_micros(),
            action,
            state: AuditState::Done,
            login: self.login,
            login_name: catalog.role_name(self.login),
            role_name: catalog.role_name(self.role),
            pid: activity.connection().map(|connection| connection.pid),
            client: activity.connection().and_then(|of| of.job.clone().or(of.peer.map(|peer| peer.ip().to_string()))),
            statement: last.map(|last| self.database.statements.id(last.id)),
            command,
            fingerprint: last.map(Last::fingerprint),
            objects: Vec::new(),
            rows: None,
            sqlstate: None,
            times: 1,
        }
    }

    /// The entries of the transaction, which is about to be committed.
    pub(in crate::sql) fn take_audit(&mut self) -> Vec<AuditEntry> {
        self.finish_reads();
        std::mem::take(&mut self.auditing.pending)
    }

    /// Has entries written that go with no commit; those of one that failed are told as undone.
    pub(in crate::sql) fn note_audit(&self, entries: Vec<AuditEntry>, is_done: bool) {
        for mut entry in entries {
            if !is_done {
                undo(&mut entry);
            }
            self.database.manager.audit().note(entry);
        }
    }

    /// The transaction has come to nothing: what it did is told as undone.
    pub(in crate::sql) fn audit_rolled_back(&mut self) {
        let entries = self.take_audit();
        self.note_audit(entries, false);
    }
}
