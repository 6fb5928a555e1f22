//! The chain over restarts, blocks, files and changes by whoever has the key.

use super::*;
use crate::catalog::AuditState;
use crate::crypto::{KeySource, MasterKey};

fn store(folder: &tempfile::TempDir) -> Arc<Store> {
    Arc::new(Store::open(folder.path(), &KeySource::from(MasterKey::from_bytes([7; 32]))).unwrap())
}

fn entry(at_us: i64) -> AuditEntry {
    AuditEntry {
        at_us,
        action: AuditAction::Write,
        state: AuditState::Done,
        login: 1,
        login_name: "ann".to_owned(),
        role_name: "ann".to_owned(),
        pid: None,
        client: None,
        statement: None,
        command: format!("INSERT {at_us}"),
        fingerprint: None,
        objects: Vec::new(),
        rows: Some(1),
        sqlstate: None,
        times: 1,
    }
}

fn write(audit: &Audit, times: std::ops::Range<i64>) {
    times.for_each(|at| audit.note(entry(at)));
    audit.flush().unwrap();
}

fn blocks(audit: &Audit) -> Vec<(Vec<u8>, Vec<u8>)> {
    audit.store.engine().scan(Tree::Governance, &[BLOCK]).unwrap()
}

#[test]
fn a_chain_goes_on_over_restarts_and_names_the_first_broken_link() {
    let folder = tempfile::tempdir().unwrap();
    {
        let audit = Audit::open(&store(&folder)).unwrap();
        assert_eq!(audit.verify().unwrap().broken, None);
        write(&audit, 0..3);
        write(&audit, 3..300);
    }
    let audit = Audit::open(&store(&folder)).unwrap();
    write(&audit, 300..301);
    let verdict = audit.verify().unwrap();
    assert_eq!((verdict.entries, verdict.first, verdict.last, verdict.broken), (301, 1, 301, None));
    assert_eq!(verdict.head.len(), 64);
    assert_eq!(audit.entries().unwrap().len(), 301);
    // Somebody with the key changes an entry in the middle of a block, and leaves its MAC as it was.
    let (key, value) = blocks(&audit)[1].clone();
    let mut changed = value.clone();
    let at = changed.windows(8).position(|text| text == b"INSERT 5").unwrap();
    changed[at..at + 6].copy_from_slice(b"SELECT");
    let put = |key: &[u8], value: Option<Vec<u8>>| {
        let mut batch = WriteBatch::new();
        match value {
            Some(value) => batch.put(Tree::Governance, key, value),
            None => batch.delete(Tree::Governance, key),
        }
        audit.store.engine().commit(batch).unwrap();
    };
    put(&key, Some(changed));
    assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(4));
    put(&key, Some(value));
    assert_eq!(audit.verify().unwrap().broken, None);
    // A block is taken out, in the middle or at the end.
    for at in [1, blocks(&audit).len() - 1] {
        let (key, value) = blocks(&audit)[at].clone();
        put(&key, None);
        let first = number_of(&key).unwrap();
        assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(first));
        put(&key, Some(value));
    }
}

/// Blocks of one link become one block, and the chain through them stays what it was, over a restart in between too.
#[test]
fn single_links_become_one_block() {
    let folder = tempfile::tempdir().unwrap();
    let links = AUDIT_BLOCK_LINKS as i64;
    let count = |audit: &Audit, numbers: std::ops::Range<i64>| {
        numbers.for_each(|at| write(audit, at..at + 1));
        let (verdict, read) = (audit.verify().unwrap(), audit.entries().unwrap());
        assert_eq!((verdict.entries, verdict.broken), (read.len() as u64, None));
        let all = read.into_iter().enumerate();
        all.for_each(|(n, told)| assert_eq!(told, (Some(n as u64 + 1), entry(n as i64))));
        blocks(audit).len()
    };
    {
        let audit = Audit::open(&store(&folder)).unwrap();
        assert_eq!(count(&audit, 0..links - 1), AUDIT_BLOCK_LINKS - 1);
        assert_eq!(count(&audit, links - 1..links), 1);
        assert_eq!(count(&audit, links..links + 3), 4);
    }
    let audit = Audit::open(&store(&folder)).unwrap();
    assert_eq!(count(&audit, links + 3..2 * links + 3), 5);
    let (key, mut changed) = blocks(&audit)[4].clone();
    let text = format!("INSERT {}", links + 9);
    let at = changed.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
    changed[at] = b'U';
    let mut batch = WriteBatch::new();
    batch.put(Tree::Governance, key, changed);
    audit.store.engine().commit(batch).unwrap();
    assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(links as u64 + 10));
}

#[test]
fn what_is_too_old_goes_and_the_chain_holds() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(&store(&folder)).unwrap();
    write(&audit, 0..10);
    write(&audit, 5_000_000..5_000_010);
    assert_eq!(audit.retire(9_000_000).unwrap(), 0);
    let rules = Rules { level: AuditLevel::Write, retention_ms: 5000 };
    audit.set_rules(rules, entry(5_000_020)).unwrap();
    assert_eq!(audit.retire(9_000_000).unwrap(), 10);
    let verdict = audit.verify().unwrap();
    assert_eq!((verdict.entries, verdict.first, verdict.last, verdict.broken), (11, 11, 21, None));
    drop(audit);
    let audit = Audit::open(&store(&folder)).unwrap();
    assert_eq!(audit.rules(), rules);
    assert_eq!(audit.verify().unwrap().broken, None);
}

/// The same again of one connection is one entry; what cannot be written waits, and then sensitive reads are refused.
#[test]
fn what_waits_is_counted_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(&store(&folder)).unwrap();
    (0..5).for_each(|_| audit.note(entry(1)));
    assert_eq!(
        audit.entries().unwrap().iter().map(|(_, entry)| (entry.times, entry.rows)).collect::<Vec<_>>(),
        [(5, Some(5))]
    );
    audit.must_have_room().unwrap();
    (0..2 * AUDIT_WAITING_MAX as i64 + 7).for_each(|at| audit.note(entry(at + 10)));
    assert_eq!(audit.must_have_room().unwrap_err().kind(), Kind::DiskFull);
    audit.flush().unwrap();
    audit.must_have_room().unwrap();
    let lost: Vec<u64> = audit
        .entries()
        .unwrap()
        .iter()
        .filter(|(_, entry)| entry.command == "LOST")
        .map(|(_, entry)| entry.times)
        .collect();
    assert_eq!(lost, [8]);
}

/// A log that an earlier program began, with a MAC for each entry, goes on and is still verified entry by entry.
#[test]
fn a_chain_of_single_entries_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let entries = (1..4).map(|at| serde_json::to_string(&entry(at)).unwrap()).collect::<Vec<_>>();
    {
        let audit = Audit::open(&store(&folder)).unwrap();
        let (mut mac, mut kept) = (None, Vec::new());
        for (number, entry) in (1..).zip(&entries) {
            mac = Some(audit.tag(digits(&mac).as_bytes(), number, entry.as_bytes()));
            kept.push(format!("{{\"e\":{entry},\"m\":\"{}\"}}", digits(&mac)));
        }
        let head = format!("{{\"next\":4,\"mac\":\"{}\",\"first\":1,\"before\":\"\"}}", digits(&mac));
        let value = |text: String| [&[FORMAT_VERSION_LINEAGE], text.as_bytes()].concat();
        let mut batch = WriteBatch::new();
        batch.put(Tree::Governance, block_key(1), value(format!("[{}]", kept.join(","))));
        batch.put(Tree::Governance, [HEAD], value(head));
        audit.store.engine().commit(batch).unwrap();
    }
    let audit = Audit::open(&store(&folder)).unwrap();
    write(&audit, 4..6);
    let verdict = audit.verify().unwrap();
    assert_eq!((verdict.entries, verdict.last, verdict.broken), (5, 5, None));
    let read = audit.entries().unwrap();
    assert_eq!(read, (1..6).map(|at| (Some(at as u64), entry(at))).collect::<Vec<_>>());
    let (key, value) = blocks(&audit)[0].clone();
    let changed = String::from_utf8(value[1..].to_vec()).unwrap().replace("INSERT 2", "SELECT 2");
    let mut batch = WriteBatch::new();
    batch.put(Tree::Governance, key, [&value[..1], changed.as_bytes()].concat());
    audit.store.engine().commit(batch).unwrap();
    assert_eq!(audit.verify().unwrap().broken.map(|(number, _)| number), Some(2));
}

/// Old blocks lie in files: the log reads as before, over restarts, and goes whole files at a time.
#[test]
fn old_blocks_lie_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let links = AUDIT_BLOCK_LINKS as i64;
    let told =
        |audit: &Audit| audit.entries().unwrap().into_iter().map(|(n, entry)| (n.unwrap(), entry.at_us)).collect();
    let all = |count: i64| (0..count).map(|at| (at as u64 + 1, at)).collect::<Vec<_>>();
    {
        let audit = Audit::open(&store(&folder)).unwrap();
        (0..3 * links + 5).for_each(|at| write(&audit, at..at + 1));
        assert_eq!(audit.archive().unwrap(), 0, "too few to be worth a file");
        assert_eq!(audit.archive_by(1).unwrap(), 3);
        assert_eq!((audit.files().unwrap().len(), blocks(&audit).len()), (3, 5), "the single ones stay");
        assert_eq!(audit.verify().unwrap().broken, None);
        let told: Vec<_> = told(&audit);
        assert_eq!(told, all(3 * links + 5));
        write(&audit, 3 * links + 5..3 * links + 6);
    }
    let audit = Audit::open(&store(&folder)).unwrap();
    write(&audit, 3 * links + 6..3 * links + 7);
    let verdict = audit.verify().unwrap();
    assert_eq!((verdict.entries, verdict.broken), (3 * links as u64 + 7, None));
    let read: Vec<_> = told(&audit);
    assert_eq!(read, all(3 * links + 7));
    // What is older than the first entry of the third file goes, and no part of a file.
    let rules = Rules { level: AuditLevel::Write, retention_ms: 1 };
    audit.set_rules(rules, entry(3 * links + 7)).unwrap();
    assert_eq!(audit.retire(2 * links + 1001).unwrap(), 2 * links as u64);
    assert_eq!(audit.files().unwrap().len(), 1);
    let verdict = audit.verify().unwrap();
    assert_eq!((verdict.first, verdict.entries, verdict.broken), (2 * links as u64 + 1, links as u64 + 8, None));
    // A file that is gone is told, and where.
    let file = audit.files().unwrap()[0];
    audit.store.files().discard(file).unwrap();
    assert_eq!(audit.verify().unwrap().broken.unwrap().0, 2 * links as u64 + 1);
    assert!(audit.entries().is_err());
    // All of them go in the end.
    assert_eq!(audit.retire(i64::MAX).unwrap(), links as u64 + 8);
    assert!(audit.entries().unwrap().is_empty());
}
