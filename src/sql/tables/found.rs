//! What of a table a scan has to read, and what the planner is told of it.
//!
//! A user's filter rules pages out only where no row policy hides rows: how long a statement takes must not tell what
//! the hidden ones hold. The policy's own condition may. Statistics speak of columns that the role sees as they are
//! stored, and of no table that a policy guards.

use super::damage::Damage;
use super::prune::Conditions;
use super::scan::{Piece, Rows};
use super::table::TableScan;
use crate::catalog::{IndexPart, KeyConstraint, Order, PlainIndex, SqlType};
use crate::config::PAGE_ROWS;
use crate::error::{Error, Result};
use crate::txn::{ColumnSummary, Condition, Found as Key, Places, split_row_id};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::logical_expr::Expr;
use std::collections::{BTreeMap, BTreeSet};

/// Pages that are decoded at once.
const PAGES_AT_ONCE: usize = 4;
/// Bytes that a text is taken to have where nothing is known.
const TEXT_BYTES: usize = 24;

/// What a scan reads.
pub(super) struct Found {
    pub pieces: Vec<Piece>,
    /// What ruled the rest out.
    pub conditions: Vec<Condition>,
    /// What led to the rows, as EXPLAIN shows it, if it was a key or an index.
    pub by: Option<String>,
    /// Pages to read.
    pub pages: usize,
    /// Pages that there are.
    pub pages_of_all: usize,
}

impl Found {
    /// Rows to read, deleted ones included.
    fn rows(&self) -> usize {
        self.pieces.iter().map(|piece| piece.count).sum()
    }

    /// Whether it is the whole table.
    fn is_all(&self) -> bool {
        self.by.is_none() && self.pages == self.pages_of_all
    }
}

impl TableScan {
    /// What the filters leave to read; with `few` only the first rows may be wanted. `damage` hears of what cannot be read.
    pub(super) fn pieces(&self, filters: &[Expr], few: bool, damage: &Damage) -> Result<Found> {
        let conditions: Vec<Condition> = match &self.filter {
            Some(_) => self.shown.iter().cloned().collect(),
            None => {
                let (schema, open) = (self.table.arrow_schema(), self.open_columns());
                let conditions = Conditions { schema: &schema, open: &open };
                filters.iter().filter_map(|filter| conditions.of(filter)).collect()
            }
        };
        if self.filter.is_none()
            && let Some((by, pieces)) =
                self.led_to(&conditions).or_else(|error| damage.met_beside(error).map(|()| None))?
        {
            return Ok(Found { pieces, conditions, by: Some(by), pages: 0, pages_of_all: 0 });
        }
        let manager = &self.context.database.manager;
        let at_once = if few { 1 } else { PAGES_AT_ONCE };
        let mut found = Found { pieces: Vec::new(), conditions, by: None, pages: 0, pages_of_all: 0 };
        let (mut chunk_pages, mut ruled_out) = (0, vec![0; found.conditions.len()]);
        for segment in &self.context.snapshot.rows(self.id).segments {
            let each = |condition: usize, pages: usize| ruled_out[condition] += pages;
            let left = manager.prune_each(self.id, segment, &found.conditions, each);
            let (left, sizes) = match left.and_then(|left| Ok((left, manager.pages(self.id, segment)?))) {
                Ok(read) => read,
                Err(error) => {
                    damage.met(segment, error)?;
                    continue;
                }
            };
            chunk_pages += segment.file().map_or(0, |_| left.len());
            found.pages_of_all += left.len();
            // Short pages are those of wide rows: one of them is enough to be in memory.
            let is_wide = sizes.len() > 1 && sizes[0].len() < PAGE_ROWS;
            let at_once = if is_wide { 1 } else { at_once };
            let mut page = 0;
            while page < left.len() {
                if !left[page] {
                    page += 1;
                    continue;
                }
                let end = (page..left.len().min(page + at_once)).find(|&p| !left[p]);
                let end = end.unwrap_or(left.len().min(page + at_once));
                let (start, count) = (sizes[page].start, sizes[end - 1].end - sizes[page].start);
                found.pieces.push(Piece { segment: segment.clone(), rows: Rows::Pages(page..end, start), count });
                found.pages += end - page;
                page = end;
            }
        }
        let asked: Vec<_> = found.conditions.iter().zip(ruled_out).collect();
        manager.note_scan(self.id, &self.table, chunk_pages, &asked);
        Ok(found)
    }

    /// The rows that a key or a plain index leads to, and what it was that led there.
    fn led_to(&self, conditions: &[Condition]) -> Result<Option<(String, Vec<Piece>)>> {
        // Two zeros of floating point are one to a statement and two to an index.
        let choices = conditions.iter().flat_map(Condition::choices);
        let choices: Choices = choices.filter(|(_, values)| !values.data_type().is_floating()).collect();
        if choices.is_empty() {
            return Ok(None);
        }
        match self.by_key(&choices)? {
            Some(pieces) => Ok(Some(("by key".to_owned(), pieces))),
            None => self.by_index(&choices),
        }
    }

    /// The rows of keys that the choices give whole, if the table has such a key and its index can tell.
    fn by_key(&self, choices: &Choices) -> Result<Option<Vec<Piece>>> {
        for key in &self.table.keys {
            let Some(wanted) = wanted(choices, &key.columns, key.columns.len()) else { continue };
            if let Some(pieces) = self.of_keys(key, &wanted)? {
                return Ok(Some(pieces));
            }
        }
        Ok(None)
    }

    fn of_keys(&self, key: &KeyConstraint, wanted: &[ArrayRef]) -> Result<Option<Vec<Piece>>> {
        let (manager, snapshot) = (&self.context.database.manager, &self.context.snapshot);
        let mut offsets: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
        for n in 0..wanted.first().map_or(0, |values| values.len()) {
            let values: Vec<ArrayRef> = wanted.iter().map(|values| values.slice(n, 1)).collect();
            match manager.find_key(snapshot, self.id, key, &values)? {
                Key::Unknown => return Ok(None),
                Key::Nowhere => {}
                Key::Row(row) => {
                    let (segment, offset) = split_row_id(row);
                    offsets.entry(segment).or_default().insert(offset);
                }
            }
        }
        let rows = snapshot.rows(self.id);
        let piece = |(segment, offsets): (u64, BTreeSet<usize>)| {
            let segment = rows.segment(segment).ok_or_else(|| Error::internal("a key led to no segment"))?;
            Ok(Piece { segment: segment.clone(), count: offsets.len(), rows: Rows::At(offsets.into_iter().collect()) })
        };
        offsets.into_iter().map(piece).collect::<Result<_>>().map(Some)
    }

    /// The rows that a plain index leads to, by as many of its first columns as the choices give.
    fn by_index(&self, choices: &Choices) -> Result<Option<(String, Vec<Piece>)>> {
        let (manager, snapshot) = (&self.context.database.manager, &self.context.snapshot);
        for (_, index) in snapshot.catalog.plain_indexes_of(self.id) {
            let Some(columns) = self.indexed(index) else { continue };
            let given = columns.iter().take_while(|column| choices.iter().any(|(c, _)| c == *column)).count();
            let Some((columns, wanted)) =
                (1..=given).rev().find_map(|n| Some((&columns[..n], wanted(choices, &columns, n)?)))
            else {
                continue;
            };
            if let Some(places) = manager.find_rows(snapshot, self.id, columns, &wanted)? {
                let pieces = places.into_iter().map(|place| self.piece_at(place)).collect::<Result<_>>()?;
                return Ok(Some((format!("by index {}", index.name), pieces)));
            }
        }
        Ok(None)
    }

    fn piece_at(&self, place: Places) -> Result<Piece> {
        Ok(match place {
            Places::At(segment, offsets) => Piece { segment, count: offsets.len(), rows: Rows::At(offsets) },
            Places::Anywhere(segment) => {
                let pages = self.context.database.manager.pages(self.id, &segment)?.len();
                Piece { count: segment.rows, segment, rows: Rows::Pages(0..pages, 0) }
            }
        })
    }

    /// The columns of an index that can serve look-ups: one of columns alone, of all rows, whose equality is that of their bytes.
    fn indexed(&self, index: &PlainIndex) -> Option<Vec<usize>> {
        let column = |(part, _): &(IndexPart, Order)| match part {
            IndexPart::Column(name) => {
                let at = self.table.column_index(name)?;
                let column = &self.table.columns[at];
                let plain = matches!(
                    column.data_type,
                    SqlType::Bool
                        | SqlType::Int2
                        | SqlType::Int4
                        | SqlType::Int8
                        | SqlType::Numeric(_)
                        | SqlType::Text
                        | SqlType::Varchar(_)
                        | SqlType::Char(_)
                        | SqlType::Date
                        | SqlType::Timestamp
                        | SqlType::Timestamptz
                        | SqlType::Uuid
                );
                // What is erased leaves memory too.
                (plain && column.class.is_none()).then_some(at)
            }
            IndexPart::Expression(_) => None,
        };
        match index.predicate {
            None => index.parts.iter().map(column).collect(),
            Some(_) => None,
        }
    }

    /// What the planner may know of the columns at `projection` in what was found.
    pub(super) fn told(
        &self,
        projection: &[usize],
        found: &Found,
        limit: Option<usize>,
        damage: &Damage,
    ) -> Result<Statistics> {
        let schema = self.schema.project(projection)?;
        let mut told = Statistics::new_unknown(&schema);
        if self.filter.is_some() {
            return Ok(told);
        }
        let all = self.context.snapshot.rows(self.id).live_rows();
        // Where rows may be left out, nothing is known for sure before they are read.
        let whole = found.is_all() && limit.is_none() && !Damage::may_leave_out(&self.context);
        let rows = found.rows().min(all).min(limit.unwrap_or(usize::MAX));
        told.num_rows = if whole { Precision::Exact(all) } else { Precision::Inexact(rows) };
        let width: usize = schema.fields().iter().map(|f| f.data_type().primitive_width().unwrap_or(TEXT_BYTES)).sum();
        told.total_byte_size = Precision::Inexact(rows * width);
        if found.by.is_some() {
            // Few rows: there is nothing to plan.
            return Ok(told);
        }
        let summary = match self.context.database.manager.summary(&self.context.snapshot, self.id) {
            Ok(summary) => summary,
            Err(error) => return damage.met_beside(error).map(|()| told),
        };
        let open = self.open_columns();
        for (&p, column) in projection.iter().zip(&mut told.column_statistics) {
            if let (Some(true), Some(summary_of)) = (open.get(p), summary.columns.get(p)) {
                *column = column_told(summary_of, rows, summary.exact && whole);
            }
        }
        Ok(told)
    }
}

/// The values that columns may have: arrays of their types.
type Choices = Vec<(usize, ArrayRef)>;

/// The values of the first `count` of some columns, one row for each that is asked for; nothing if one is not given. Of a list of
/// values there may be one only, and nothing beside it.
fn wanted(choices: &Choices, columns: &[usize], count: usize) -> Option<Vec<ArrayRef>> {
    let of =
        |column: &usize| choices.iter().filter(|(c, _)| c == column).map(|(_, values)| values).min_by_key(|v| v.len());
    let wanted = columns.iter().take(count).map(|column| of(column).cloned()).collect::<Option<Vec<_>>>()?;
    (wanted.len() == 1 || wanted.iter().all(|values| values.len() == 1)).then_some(wanted)
}

fn column_told(summary: &ColumnSummary, rows: usize, exact: bool) -> ColumnStatistics {
    let bound = |bound: &Option<ArrayRef>| match bound.as_ref().and_then(|b| ScalarValue::try_from_array(b, 0).ok()) {
        None => Precision::Absent,
        // Of floating point the bounds are those of a total order, in which zero has a sign and NaN a place.
        Some(value) if exact && !matches!(value.data_type(), DataType::Float32 | DataType::Float64) => {
            Precision::Exact(value)
        }
        Some(value) => Precision::Inexact(value),
    };
    let mut told = ColumnStatistics::new_unknown();
    told.min_value = bound(&summary.min);
    told.max_value = bound(&summary.max);
    told.null_count = if exact { Precision::Exact(summary.nulls) } else { Precision::Inexact(summary.nulls.min(rows)) };
    told.distinct_count = summary.distinct.map_or(Precision::Absent, |n| Precision::Inexact(n.clamp(1, rows.max(1))));
    told
}

#[cfg(test)]
mod tests {
    use crate::crypto::{KeySource, MasterKey};
    use crate::encoding::pg_text::cell_text;
    use crate::sql::{Database, Session};

    async fn plan(session: &mut Session, sql: &str) -> String {
        let rows = session.query(&format!("EXPLAIN {sql}")).await.unwrap();
        let lines = rows.iter().flat_map(|batch| (0..batch.num_rows()).map(|n| cell_text(batch.column(0), n)));
        lines.flatten().collect::<Vec<_>>().join("\n")
    }

    /// Filters reach the leaf where the role may see what they speak of, and nowhere else; plans say no more either.
    #[tokio::test(flavor = "multi_thread")]
    async fn pages_are_ruled_out_by_open_columns_only() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in [
            "CREATE TABLE t (id int PRIMARY KEY, day date, code text, pay int)",
            "INSERT INTO t SELECT n, date '2020-01-01' + n / 10, 'c' || (n * 7919 % 100003), n
                FROM generate_series(1, 40000) AS g(n)",
            "CREATE ROLE clerk",
            "GRANT SELECT ON t TO clerk",
            "CREATE MASKING POLICY none AS (val int) RETURNS int -> 0",
            "ALTER TABLE t ALTER COLUMN pay SET MASKING POLICY none",
        ] {
            session.query(sql).await.unwrap();
        }
        let cases = [
            ("id = 77", Some("by key")),
            ("id + 0 = 77", None),
            ("id = 77 AND pay > 5", Some("by key")),
            ("id < 100", Some("pages=1/3")),
            ("day >= date '2030-01-01'", Some("pages=1/3")),
            ("day = date '2020-01-02' OR id > 39000", Some("pages=2/3")),
            ("code = 'nowhere'", Some("pages=0/3")),
            ("code IN ('c7919', 'x')", Some("pages=3/3")),
        ];
        for (filter, expected) in cases {
            let plan = plan(&mut session, &format!("SELECT code FROM t WHERE {filter}")).await;
            match expected {
                Some(expected) => assert!(plan.contains(expected), "{filter}: {plan}"),
                None => assert!(!plan.contains("pages=") && !plan.contains("by key"), "{filter}: {plan}"),
            }
        }
        assert!(plan(&mut session, "SELECT code FROM t WHERE pay < 100").await.contains("pages=1/3"));
        assert!(plan(&mut session, "SELECT max(pay) FROM t").await.contains("PlaceholderRowExec"));
        session.query("SET ROLE clerk").await.unwrap();
        let masked = plan(&mut session, "SELECT code FROM t WHERE pay < 100 AND id < 100").await;
        assert!(masked.contains("pages=1/3"), "{masked}");
        let masked = plan(&mut session, "SELECT code FROM t WHERE pay < 100").await;
        assert!(masked.contains("ScanExec") && !masked.contains("pages="), "{masked}");
        assert!(plan(&mut session, "SELECT max(pay) FROM t").await.contains("ScanExec"));
        assert!(plan(&mut session, "SELECT max(id) FROM t").await.contains("PlaceholderRowExec"));
        session.query("RESET ROLE").await.unwrap();
        session.query("ALTER TABLE t ENABLE ROW LEVEL SECURITY").await.unwrap();
        session.query("CREATE POLICY first ON t TO clerk USING (id < 10)").await.unwrap();
        session.query("SET ROLE clerk").await.unwrap();
        for sql in ["SELECT max(id) FROM t", "SELECT count(*) FROM t", "SELECT code FROM t WHERE id = 30000"] {
            let plan = plan(&mut session, sql).await;
            assert!(plan.contains("ScanExec") && !plan.contains("pages=") && !plan.contains("by key"), "{plan}");
        }
    }

    /// What is asked for often comes to lie together, though nobody said so.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_clustering_key_is_learnt_from_filters() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in [
            "CREATE TABLE t (id int, code int, word text)",
            "INSERT INTO t SELECT n, n * 7919 % 100003, 'w' || n FROM generate_series(1, 40000) AS g(n)",
            "VACUUM FULL t",
        ] {
            session.query(sql).await.unwrap();
        }
        let asked = "SELECT word FROM t WHERE code BETWEEN 500 AND 600";
        assert!(plan(&mut session, asked).await.contains("pages=3/3"));
        for _ in 0..=crate::config::LEARNT_PAGES_MIN / 3 {
            session.query(&format!("EXPLAIN {asked}")).await.unwrap();
        }
        session.query("VACUUM FULL t").await.unwrap();
        assert!(plan(&mut session, asked).await.contains("pages=1/3"));
        let rows = session.query("SELECT count(*), sum(id) FROM t").await.unwrap();
        let told = [0, 1].map(|n| cell_text(rows[0].column(n), 0).unwrap());
        assert_eq!(told, ["40000", "800020000"]);
    }

    /// Look-ups go by a key where they can, else by an index of columns that the role sees and that are asked for from the first on.
    #[tokio::test(flavor = "multi_thread")]
    async fn plans_tell_which_key_or_index_leads_to_rows() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let mut session = database.session("steward").unwrap();
        for sql in [
            "CREATE TABLE t (id int PRIMARY KEY, a int, b text, c double precision, d int)",
            "INSERT INTO t SELECT n, n % 1000, 'b' || n % 7, n, n % 500 FROM generate_series(1, 40000) AS g(n)",
            "CREATE INDEX ON t (a, b)",
            "CREATE INDEX ON t (c)",
            "CREATE INDEX ON t (d) WHERE a > 5",
            "CREATE INDEX ON t (abs(d))",
            "CREATE INDEX ON t (b)",
            "CREATE ROLE clerk",
            "GRANT SELECT ON t TO clerk",
            "CREATE MASKING POLICY none AS (val int) RETURNS int -> 0",
        ] {
            session.query(sql).await.unwrap();
        }
        let cases = [
            ("id = 77 AND a = 77", "by key"),
            ("id IN (1, 2, 3, 99999)", "by key"),
            ("id = 1 OR id = 2", "by key"),
            ("a = 77", "by index t_a_b_idx"),
            ("a = 77 AND b = 'b0' AND c > 5", "by index t_a_b_idx"),
            ("a IN (77, 78)", "by index t_a_b_idx"),
            ("b = 'nowhere'", "by index t_b_idx"),
            ("c = 5", "pages="),
            ("d = 5", "pages="),
            ("a > 998", "pages="),
        ];
        for (filter, expected) in cases {
            let plan = plan(&mut session, &format!("SELECT b FROM t WHERE {filter}")).await;
            assert!(plan.contains(expected), "{filter}: {plan}");
        }
        session.query("SET ROLE clerk").await.unwrap();
        assert!(plan(&mut session, "SELECT b FROM t WHERE a = 77").await.contains("by index t_a_b_idx"));
        session.query("RESET ROLE").await.unwrap();
        session.query("ALTER TABLE t ALTER COLUMN a SET MASKING POLICY none").await.unwrap();
        session.query("SET ROLE clerk").await.unwrap();
        assert!(!plan(&mut session, "SELECT b FROM t WHERE a = 77").await.contains("by index"));
        assert!(plan(&mut session, "SELECT b FROM t WHERE b = 'nowhere'").await.contains("by index t_b_idx"));
        session.query("RESET ROLE").await.unwrap();
        session.query("ALTER TABLE t ENABLE ROW LEVEL SECURITY").await.unwrap();
        session.query("CREATE POLICY p ON t USING (id < 10)").await.unwrap();
        session.query("SET ROLE clerk").await.unwrap();
        for filter in ["id = 77", "b = 'nowhere'"] {
            assert!(!plan(&mut session, &format!("SELECT b FROM t WHERE {filter}")).await.contains("by "), "{filter}");
        }
    }
}
