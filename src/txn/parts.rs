//! Parts of segments: the values of columns that belong to a class of sensitivity, under the data key of that class.
//!
//! The segment itself has all columns of its table, those of a class as NULL throughout; each class has its values in a part
//! beside it, which is a chunk file or a row of tree `Rows` as the segment is. So a segment without a part is read as it lies, and
//! what was erased is NULL without anybody knowing how it was: bounds, filters and sketches of a class are in its part as well.

use super::chunk::Footer;
use super::segment::{FileRef, Location, Segment};
use crate::catalog::{ObjectId, Table};
use crate::error::Result;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, Schema};
use std::sync::{Arc, OnceLock};

/// The values of one class in one segment.
#[derive(Debug, Clone)]
pub struct Part {
    /// The class: the object whose data key seals it.
    pub class: ObjectId,
    /// The positions in the table of its columns.
    pub columns: Vec<usize>,
    /// Where the bytes are.
    pub location: Location,
}

/// The parts of a segment; a class has one.
#[derive(Debug, Default)]
pub struct Parts {
    pub(super) list: Vec<Part>,
    /// What segment and parts together say of themselves, once somebody asked.
    pub(super) footer: OnceLock<Arc<Footer>>,
}

impl Part {
    /// Its sealed file, if it has one.
    pub fn file(&self) -> Option<&Arc<FileRef>> {
        match &self.location {
            Location::File(file) => Some(file),
            Location::Inline(_) | Location::Memory(_) => None,
        }
    }
}

impl Parts {
    /// These parts; none of none.
    pub fn of(list: Vec<Part>) -> Option<Arc<Self>> {
        (!list.is_empty()).then(|| Arc::new(Self { list, footer: OnceLock::new() }))
    }
}

impl Segment {
    /// What it has of classes.
    pub fn parts(&self) -> &[Part] {
        self.parts.as_ref().map_or(&[], |parts| &parts.list)
    }

    /// Its sealed files: its own, and those of its parts.
    pub fn files(&self) -> impl Iterator<Item = &Arc<FileRef>> {
        self.file().into_iter().chain(self.parts().iter().filter_map(Part::file))
    }

    /// Whether the values of the column at this position are in a part.
    pub(super) fn is_apart(&self, position: usize) -> bool {
        self.parts().iter().any(|part| part.columns.contains(&position))
    }

    /// The segment without what it has of a class, whose columns are at these positions; none if that is itself.
    pub(super) fn without(&self, class: ObjectId, columns: &[usize]) -> Option<Self> {
        let mut erased = self.clone();
        if let Location::Memory(held) = &self.location {
            let null = |(at, array): (usize, &ArrayRef)| match columns.contains(&at) {
                true => new_null_array(array.data_type(), array.len()),
                false => array.clone(),
            };
            erased.location = Location::Memory(Arc::new(held.map(null)));
            return Some(erased);
        }
        if !self.parts().iter().any(|part| part.class == class) {
            return None;
        }
        erased.parts = Parts::of(self.parts().iter().filter(|part| part.class != class).cloned().collect());
        Some(erased)
    }
}

/// What a segment is written as: itself, and for each class its part with the positions of its columns.
pub(super) struct Cut {
    pub whole: Vec<ArrayRef>,
    pub parts: Vec<(ObjectId, Vec<usize>, Vec<ArrayRef>)>,
}

/// Cuts rows of a table by the classes of its columns.
pub(super) fn cut(table: &Table, columns: &[ArrayRef], rows: usize) -> Cut {
    let mut whole = columns.to_vec();
    let mut parts = Vec::new();
    for (class, positions) in table.classes() {
        let apart: Vec<ArrayRef> = positions.iter().map(|&at| columns[at].clone()).collect();
        positions.iter().for_each(|&at| whole[at] = new_null_array(columns[at].data_type(), rows));
        parts.push((class, positions, apart));
    }
    Cut { whole, parts }
}

/// A batch whose columns have no names: a segment has none.
pub(super) fn nameless(columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(|column| Field::new("", column.data_type().clone(), true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|e| crate::error::Error::internal(format!("a segment cannot be made: {e}")))
}

#[cfg(test)]
mod tests {
    use super::super::{Comparison, Condition, Effort, Manager, Snapshot, Transaction, batch};
    use super::*;
    use crate::catalog::{Column, ColumnClass, FIRST_USER_ID, Finding, Object, SqlType};
    use crate::crypto::{KeySource, KeyState, MasterKey, Scope};
    use crate::storage::{Store, Tree};
    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::compute::concat;
    use arrow::datatypes::Int64Type;
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::Duration;

    const TABLE: ObjectId = FIRST_USER_ID + 100;
    const CLASS: ObjectId = FIRST_USER_ID + 101;
    const NEXT: ObjectId = FIRST_USER_ID + 102;
    const ROWS: i64 = 20_000;

    fn open(folder: &Path) -> Manager {
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        Manager::open(Arc::new(Store::open(folder, &key).unwrap())).unwrap()
    }

    /// A table whose second and fourth columns belong to a class.
    fn facts(class: ObjectId) -> Table {
        let of = |name: &str, data_type, class| Column { class, ..Column::new(name, data_type) };
        let columns = vec![
            of("id", SqlType::Int8, None),
            of("secret", SqlType::Text, Some(class)),
            of("open", SqlType::Text, None),
            of("number", SqlType::Int8, Some(class)),
        ];
        Table { columns, ..Table::new("public", "t", 1) }
    }

    fn put(txn: &mut Transaction, class: ObjectId) {
        let name = "personal".to_owned();
        txn.put_object(class, Object::ColumnClass(ColumnClass { name, table: TABLE })).unwrap();
        txn.put_object(TABLE, Object::Table(facts(class))).unwrap();
    }

    fn rows(ids: std::ops::Range<i64>) -> RecordBatch {
        let texts = |what: &str| StringArray::from_iter_values(ids.clone().map(|n| format!("{what} {n}")));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(texts("secret")),
            Arc::new(texts("open")),
            Arc::new(Int64Array::from_iter_values(ids.clone().map(|n| n * 7))),
        ];
        batch(facts(CLASS).arrow_schema(), columns, (ids.end - ids.start) as usize).unwrap()
    }

    /// A large segment and two small ones.
    fn filled(folder: &Path) -> Manager {
        let manager = open(folder);
        let mut txn = manager.begin(false);
        put(&mut txn, CLASS);
        for ids in [0..ROWS, ROWS..ROWS + 3] {
            manager.append(&mut txn, TABLE, &rows(ids)).unwrap();
        }
        manager.commit(txn).unwrap();
        let mut txn = manager.begin(false);
        manager.append(&mut txn, TABLE, &rows(ROWS + 3..ROWS + 5)).unwrap();
        manager.commit(txn).unwrap();
        manager
    }

    /// How many rows there are; each has what belongs to its id, and of the class nothing if that is erased.
    fn count(manager: &Manager, snapshot: &Snapshot, erased: bool) -> usize {
        let mut all: Vec<Vec<ArrayRef>> = vec![Vec::new(); 4];
        for segment in &snapshot.rows(TABLE).segments {
            let columns = manager.read_live(TABLE, segment, &[0, 1, 2, 3]).unwrap();
            all.iter_mut().zip(columns).for_each(|(all, column)| all.push(column));
        }
        let all: Vec<ArrayRef> =
            (all.iter()).map(|parts| concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap()).collect();
        let ids = all[0].as_primitive::<Int64Type>();
        for (row, id) in ids.values().iter().enumerate() {
            assert_eq!(all[2].as_string::<i32>().value(row), format!("open {id}"));
            assert_eq!((all[1].is_null(row), all[3].is_null(row)), (erased, erased), "row {id}");
            if !erased {
                assert_eq!(all[1].as_string::<i32>().value(row), format!("secret {id}"));
                assert_eq!(all[3].as_primitive::<Int64Type>().value(row), id * 7);
            }
        }
        ids.len()
    }

    fn erase(manager: &Manager) {
        let mut txn = manager.begin(false);
        txn.drop_object(CLASS);
        put(&mut txn, NEXT);
        txn.erase_class(TABLE, CLASS, &[1, 3]);
        assert_eq!(count(manager, txn.snapshot(), true), ROWS as usize + 5);
        manager.commit(txn).unwrap();
        manager.store().destroy_keys_of([CLASS]);
    }

    fn states(manager: &Manager, class: ObjectId) -> Vec<KeyState> {
        let facts = manager.store().keyring().facts();
        facts.iter().filter(|fact| fact.scope == Scope::Object(class)).map(|fact| fact.state).collect()
    }

    #[test]
    fn a_class_lies_apart_under_its_own_key() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        assert_eq!(count(&manager, &manager.current(), false), ROWS as usize + 5);
        assert_eq!(states(&manager, CLASS), [KeyState::Current]);
        let segments = manager.current().rows(TABLE).segments.clone();
        assert_eq!(segments.iter().map(|s| s.files().count()).collect::<Vec<_>>(), [2, 0, 0]);
        // What lies under the table's key says nothing of the class, and the other way round.
        let engine = manager.store().engine();
        let secrets = |owner| {
            let values = engine.scan(Tree::Rows, &crate::encoding::id_key(owner)).unwrap();
            let has = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
            let counts = |text: &str| values.iter().filter(|(_, bytes)| has(bytes, text.as_bytes())).count();
            (values.len(), counts("secret 2"), counts("open 2"))
        };
        assert_eq!((secrets(TABLE), secrets(CLASS)), ((2, 0, 2), (2, 2, 0)));
        // Bounds and filters are those of the values.
        let conditions = |id: i64| {
            let number: ArrayRef = Arc::new(Int64Array::from(vec![id * 7]));
            let secret: ArrayRef = Arc::new(StringArray::from(vec![format!("secret {id}")]));
            [(3, number), (1, secret)].map(|(at, value)| [Condition::Compare(at, Comparison::Equal, value)])
        };
        for conditions in conditions(3) {
            assert!(manager.prune(TABLE, &segments[0], &conditions).unwrap().iter().any(|left| *left));
        }
        for conditions in conditions(ROWS * 9) {
            assert_eq!(manager.prune(TABLE, &segments[0], &conditions).unwrap(), [false, false], "{conditions:?}");
        }
        let summary = manager.summary(&manager.current(), TABLE).unwrap();
        assert_eq!(summary.columns[3].nulls, 0);
        drop((segments, manager));
        let manager = open(folder.path());
        assert_eq!(count(&manager, &manager.current(), false), ROWS as usize + 5);
        assert!(manager.compact(TABLE, Effort::Full, &|| false).unwrap() > 0);
        assert_eq!(manager.current().rows(TABLE).segments.len(), 1);
        assert_eq!(count(&manager, &manager.current(), false), ROWS as usize + 5);
        assert_eq!(manager.store().files().list().unwrap().len(), 2);
    }

    #[test]
    fn what_was_erased_is_gone_and_the_rest_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let before = manager.current();
        assert_eq!(count(&manager, &before, false), ROWS as usize + 5);
        let changed = before.rows(TABLE).changed;
        erase(&manager);
        let after = manager.current();
        assert!(after.rows(TABLE).changed > changed, "what is known of the table is known no more");
        assert_eq!(count(&manager, &after, true), ROWS as usize + 5);
        assert_eq!(manager.summary(&after, TABLE).unwrap().columns[3].nulls, ROWS as usize);
        // A reader from before keeps what it holds, small segments too, and the key waits for it.
        assert!(!manager.store().wait_for_keys(Duration::from_millis(300)));
        assert_eq!(count(&manager, &before, false), ROWS as usize + 5);
        assert_eq!(states(&manager, CLASS), [KeyState::Current]);
        drop(before);
        assert!(manager.store().wait_for_keys(Duration::from_secs(60)));
        assert_eq!(states(&manager, CLASS), [KeyState::Destroyed]);
        assert_eq!(count(&manager, &after, true), ROWS as usize + 5);
        // What comes now is under another key.
        let mut txn = manager.begin(false);
        manager.append(&mut txn, TABLE, &rows(-2..0)).unwrap();
        manager.commit(txn).unwrap();
        let newest = manager.current().rows(TABLE).segments.last().cloned().unwrap();
        assert_eq!(manager.read(TABLE, &newest, &[3]).unwrap()[0].null_count(), 0);
        assert_eq!((newest.parts()[0].class, states(&manager, NEXT).len()), (NEXT, 1));
        drop((after, manager));
        let manager = open(folder.path());
        let erased = manager.current().rows(TABLE).segments[0].clone();
        assert_eq!(manager.read(TABLE, &erased, &[1, 3]).unwrap()[0].null_count(), ROWS as usize);
        assert!(manager.compact(TABLE, Effort::Full, &|| false).unwrap() > 0);
        let whole = manager.current().rows(TABLE).segments[0].clone();
        let columns = manager.read(TABLE, &whole, &[0, 1]).unwrap();
        assert_eq!((columns[0].len(), columns[1].null_count()), (ROWS as usize + 7, ROWS as usize + 5));
    }

    /// Without the commit that erases them: a keyring that has lost the key of a class, as one of a later backup has.
    #[test]
    fn values_whose_key_was_destroyed_are_null_and_others_that_lack_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let files: Vec<_> = manager.current().rows(TABLE).segments[0].files().map(|file| file.id).collect();
        manager.store().keyring().destroy(&[CLASS].into()).unwrap();
        drop(manager);
        let manager = open(folder.path());
        assert_eq!(count(&manager, &manager.current(), true), ROWS as usize + 5);
        drop(manager);
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let part = manager.current().rows(TABLE).segments[0].parts()[0].file().unwrap().id;
        assert!(!files.contains(&part));
        manager.store().files().discard(part).unwrap();
        drop(manager);
        let manager = open(folder.path());
        let segment = manager.current().rows(TABLE).segments[0].clone();
        assert_eq!(manager.read(TABLE, &segment, &[1]).unwrap_err().kind(), crate::error::Kind::Corruption);
    }

    /// What was found of values before they were erased must not be there afterwards.
    #[test]
    fn a_finding_of_what_was_erased_is_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let found = |asset: &str, object| {
            let facts = serde_json::Value::Null;
            let (fingerprint, quality_model, scanned_ms) = (0, 0, 0);
            let (asset, columns, quality) = (asset.to_owned(), Vec::new(), Vec::new());
            Object::Finding(Finding { asset, object, fingerprint, facts, columns, quality, quality_model, scanned_ms })
        };
        let (mut of_it, mut of_another) = (manager.begin(false), manager.begin(false));
        of_it.put_object(FIRST_USER_ID + 300, found("public.t", TABLE)).unwrap();
        of_another.put_object(FIRST_USER_ID + 301, found("public.u", TABLE + 9)).unwrap();
        erase(&manager);
        assert_eq!(manager.commit(of_it).unwrap_err().kind(), crate::error::Kind::Serialization);
        manager.commit(of_another).unwrap();
    }

    /// Programs of before know no classes: they must refuse the folder, and all others they must be able to read.
    #[test]
    fn only_what_has_classes_is_of_the_later_version() {
        let folder = tempfile::tempdir().unwrap();
        let manager = filled(folder.path());
        let plain = FIRST_USER_ID + 200;
        let mut txn = manager.begin(false);
        let columns = vec![Column::new("a", SqlType::Int8)];
        let other = Table { columns, ..Table::new("public", "u", 1) };
        txn.put_object(plain, Object::Table(other.clone())).unwrap();
        for rows in [ROWS, 1] {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
            let rows = batch(other.arrow_schema(), vec![numbers], rows as usize).unwrap();
            manager.append(&mut txn, plain, &rows).unwrap();
        }
        manager.commit(txn).unwrap();
        let engine = manager.store().engine();
        let version = |tree, key: &[u8]| engine.scan(tree, key).unwrap().iter().map(|(_, value)| value[0]).max();
        let row = |table| crate::encoding::Key::new().byte(1).number(table).build();
        for (object, version_of) in [(TABLE, 3), (CLASS, 3), (plain, 2)] {
            assert_eq!(version(Tree::Catalog, &crate::encoding::id_key(object)), Some(version_of));
        }
        // Small segments have a version of their own, whatever they have.
        let versions = |table| {
            let rows = engine.scan(Tree::Manifest, &row(table)).unwrap();
            rows.iter().map(|(_, value)| value[0]).collect::<BTreeSet<_>>()
        };
        assert_eq!((versions(TABLE), versions(plain)), ([3, 10].into(), [2, 10].into()));
        let text =
            |key: &[u8]| String::from_utf8(engine.scan(Tree::Manifest, key).unwrap()[0].1[1..].to_vec()).unwrap();
        assert!(!text(&row(plain)).contains("parts"), "as it was written before");
    }
}
