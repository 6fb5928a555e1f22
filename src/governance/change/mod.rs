//! What has changed of an asset between two inventories: columns, counts, what it was judged to be, how its values are distributed.
//!
//! Thresholds are those in use for monitoring data: a population stability index of 0.2 for numbers and a Jensen-Shannon distance of 0.1
//! for categories, each no less than what chance alone gives of so many rows (see [`distribution`]); 10 % of rows, 5 points of the share
//! of NULLs, a quarter of different values, 0.05 of quality.

mod distribution;

pub use distribution::{Distribution, Drifted, drifted};

use serde::{Deserialize, Serialize};

/// Relative change of the number of rows that is told.
pub const ROWS_CHANGE: f64 = 0.1;
/// Change of the share of NULLs that is told.
pub const NULLS_CHANGE: f64 = 0.05;
/// Relative change of the number of different values that is told.
pub const DISTINCTS_CHANGE: f64 = 0.25;
/// Change of quality that is told.
pub const QUALITY_CHANGE: f64 = 0.05;
/// From this share of different values on a column is like a key: how many there are follows from the rows.
const LIKE_KEY: f64 = 0.5;

/// What an inventory found of an asset, without any value of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssetState {
    /// table, view, file or foreign table.
    pub kind: String,
    /// Business domain.
    pub domain: String,
    /// structured, semi_structured or unstructured.
    pub structure: String,
    /// Who owns it.
    pub owner: String,
    /// The most sensitive column's.
    pub sensitivity: Option<String>,
    /// Grade of GB/T 43697.
    pub grade: Option<String>,
    /// 0 to 1.
    pub quality: Option<f64>,
    /// Rows.
    pub rows: Option<u64>,
    /// Whether they were estimated.
    pub rows_estimated: bool,
    /// Bytes.
    pub bytes: u64,
    /// Its columns.
    pub columns: Vec<ColumnState>,
}

/// What an inventory found of a column, without any value of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnState {
    /// Its name.
    pub name: String,
    /// Its type, as SQL writes it.
    pub data_type: String,
    /// What it holds.
    pub semantic_type: Option<String>,
    /// How sensitive that is.
    pub sensitivity: Option<String>,
    /// Rows that were looked at.
    pub looked: u64,
    /// NULLs among them.
    pub nulls: u64,
    /// Different values.
    pub distincts: u64,
}

impl ColumnState {
    fn present(&self) -> u64 {
        self.looked.saturating_sub(self.nulls)
    }

    fn null_share(&self) -> Option<f64> {
        (self.looked > 0).then(|| self.nulls as f64 / self.looked as f64)
    }

    fn distinct_share(&self) -> f64 {
        self.distincts as f64 / self.present().max(1) as f64
    }
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The asset was not there.
    Appeared,
    /// It is not there any more.
    Vanished,
    /// A column is new.
    ColumnAdded,
    /// A column is gone.
    ColumnDropped,
    /// A column has another type.
    ColumnRetyped,
    /// Counts or distributions are others.
    Drifted,
    /// It is judged to be something else, or somebody else's.
    Changed,
}

impl ChangeKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Vanished => "vanished",
            Self::ColumnAdded => "column_added",
            Self::ColumnDropped => "column_dropped",
            Self::ColumnRetyped => "column_retyped",
            Self::Drifted => "drifted",
            Self::Changed => "changed",
        }
    }
}

/// One change of an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What kind.
    pub kind: ChangeKind,
    /// The column, if it is one's.
    pub column: Option<String>,
    /// What changed: `row_count`, `null_share`, `distincts`, `psi`, `jensen_shannon`, `domain`, `owner` ...
    pub metric: &'static str,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
    /// How far it is from what it was.
    pub value: Option<f64>,
    /// From how far on it is told.
    pub threshold: Option<f64>,
}

impl Change {
    fn of(kind: ChangeKind, metric: &'static str) -> Self {
        Self { kind, column: None, metric, before: None, after: None, value: None, threshold: None }
    }

    fn of_column(kind: ChangeKind, column: &str, metric: &'static str) -> Self {
        Self { column: Some(column.to_owned()), ..Self::of(kind, metric) }
    }

    fn told(mut self, before: Option<String>, after: Option<String>) -> Self {
        (self.before, self.after) = (before, after);
        self
    }

    fn by(mut self, value: f64, threshold: f64) -> Self {
        (self.value, self.threshold) = (Some(value), Some(threshold));
        self
    }

    /// Whether it tells how many rows there are, or something of them all.
    pub fn counts_rows(&self) -> bool {
        matches!(self.metric, "row_count" | "null_share" | "distincts" | "psi" | "jensen_shannon" | "quality")
    }

    /// Whether it tells how the values of a column are.
    pub fn tells_values(&self) -> bool {
        matches!(self.metric, "distincts" | "psi" | "jensen_shannon")
    }
}

/// What has changed of an asset from one state to another; `None` for a state in which it is not there. Distributions are those of its
/// columns by name, where they are known.
pub fn changes(
    before: Option<(&AssetState, &[(String, Distribution)])>,
    after: Option<(&AssetState, &[(String, Distribution)])>,
) -> Vec<Change> {
    let rows = |state: &AssetState| state.rows.map(|rows| rows.to_string());
    match (before, after) {
        (None, None) => Vec::new(),
        (None, Some((now, _))) => vec![Change::of(ChangeKind::Appeared, "row_count").told(None, rows(now))],
        (Some((then, _)), None) => vec![Change::of(ChangeKind::Vanished, "row_count").told(rows(then), None)],
        (Some((then, old)), Some((now, new))) => {
            let mut found = of_schema(then, now);
            found.extend(of_judgements(then, now));
            found.extend(of_rows(then, now));
            for column in &now.columns {
                if let Some(was) = then.columns.iter().find(|was| was.name == column.name) {
                    let of = |all: &[(String, Distribution)]| {
                        all.iter().find(|(name, _)| *name == column.name).map(|(_, distribution)| distribution.clone())
                    };
                    // Fewer rows have fewer different values: a sample is not compared with all.
                    let sampled = |state: &AssetState, of: &ColumnState| state.rows != Some(of.looked);
                    let comparable = sampled(then, was) == sampled(now, column);
                    found.extend(of_column(was, column, comparable, of(old).zip(of(new))));
                }
            }
            found
        }
    }
}

fn of_schema(then: &AssetState, now: &AssetState) -> Vec<Change> {
    let mut found = Vec::new();
    for column in &now.columns {
        match then.columns.iter().find(|was| was.name == column.name) {
            None => found.push(
                Change::of_column(ChangeKind::ColumnAdded, &column.name, "data_type")
                    .told(None, Some(column.data_type.clone())),
            ),
            Some(was) if was.data_type != column.data_type => found.push(
                Change::of_column(ChangeKind::ColumnRetyped, &column.name, "data_type")
                    .told(Some(was.data_type.clone()), Some(column.data_type.clone())),
            ),
            Some(_) => {}
        }
    }
    let gone = then.columns.iter().filter(|was| now.columns.iter().all(|column| column.name != was.name));
    found.extend(gone.map(|was| {
        Change::of_column(ChangeKind::ColumnDropped, &was.name, "data_type").told(Some(was.data_type.clone()), None)
    }));
    found
}

fn of_judgements(then: &AssetState, now: &AssetState) -> Vec<Change> {
    let word = |text: &String| Some(text.clone());
    let judged = [
        ("domain", word(&then.domain), word(&now.domain)),
        ("structure", word(&then.structure), word(&now.structure)),
        ("owner", word(&then.owner), word(&now.owner)),
        ("sensitivity", then.sensitivity.clone(), now.sensitivity.clone()),
        ("grade", then.grade.clone(), now.grade.clone()),
    ];
    let mut found: Vec<Change> = judged
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(metric, before, after)| Change::of(ChangeKind::Changed, metric).told(before, after))
        .collect();
    if let (Some(was), Some(is)) = (then.quality, now.quality)
        && (is - was).abs() >= QUALITY_CHANGE
    {
        let told = |value: f64| Some(format!("{value:.4}"));
        found.push(
            Change::of(ChangeKind::Changed, "quality").told(told(was), told(is)).by((is - was).abs(), QUALITY_CHANGE),
        );
    }
    for column in &now.columns {
        let Some(was) = then.columns.iter().find(|was| was.name == column.name) else { continue };
        if was.semantic_type != column.semantic_type {
            found.push(
                Change::of_column(ChangeKind::Changed, &column.name, "semantic_type")
                    .told(was.semantic_type.clone(), column.semantic_type.clone()),
            );
        }
        if was.sensitivity != column.sensitivity {
            found.push(
                Change::of_column(ChangeKind::Changed, &column.name, "sensitivity")
                    .told(was.sensitivity.clone(), column.sensitivity.clone()),
            );
        }
    }
    found
}

fn of_rows(then: &AssetState, now: &AssetState) -> Option<Change> {
    let (was, is) = (then.rows?, now.rows?);
    let change = (is as f64 - was as f64).abs() / was.max(1) as f64;
    (change >= ROWS_CHANGE && !then.rows_estimated && !now.rows_estimated || change >= 3.0 * ROWS_CHANGE).then(|| {
        let told = |rows: u64| Some(rows.to_string());
        Change::of(ChangeKind::Drifted, "row_count").told(told(was), told(is)).by(change, ROWS_CHANGE)
    })
}

fn of_column(
    was: &ColumnState,
    is: &ColumnState,
    comparable: bool,
    spread: Option<(Distribution, Distribution)>,
) -> Vec<Change> {
    let mut found = Vec::new();
    if let (Some(before), Some(after)) = (was.null_share(), is.null_share())
        && (after - before).abs() >= NULLS_CHANGE
    {
        let told = |share: f64| Some(format!("{share:.4}"));
        found.push(
            Change::of_column(ChangeKind::Drifted, &is.name, "null_share")
                .told(told(before), told(after))
                .by((after - before).abs(), NULLS_CHANGE),
        );
    }
    let like_key = |column: &ColumnState| column.distinct_share() >= LIKE_KEY;
    let (before, after) = (was.distincts, is.distincts);
    let change = (after as f64 - before as f64).abs() / before.max(1) as f64;
    let by_itself = !(like_key(was) && like_key(is)) || (was.distinct_share() - is.distinct_share()).abs() >= 0.1;
    if comparable && change >= DISTINCTS_CHANGE && before.abs_diff(after) >= 2 && by_itself {
        found.push(
            Change::of_column(ChangeKind::Drifted, &is.name, "distincts")
                .told(Some(before.to_string()), Some(after.to_string()))
                .by(change, DISTINCTS_CHANGE),
        );
    }
    // Numbers of a key go on as rows come.
    if like_key(was) && like_key(is) {
        return found;
    }
    if let Some((before, after)) = spread
        && let Some(drifted) = drifted(&before, &after)
        && drifted.value >= drifted.threshold
    {
        found.push(
            Change::of_column(ChangeKind::Drifted, &is.name, drifted.metric).by(drifted.value, drifted.threshold),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, data_type: &str, looked: u64, nulls: u64, distincts: u64) -> ColumnState {
        let (name, data_type) = (name.to_owned(), data_type.to_owned());
        ColumnState { name, data_type, looked, nulls, distincts, ..ColumnState::default() }
    }

    fn state(rows: u64, columns: Vec<ColumnState>) -> AssetState {
        AssetState { rows: Some(rows), columns, owner: "ann".to_owned(), ..AssetState::default() }
    }

    fn told(changes: &[Change]) -> Vec<(&'static str, Option<&str>, &'static str)> {
        changes.iter().map(|change| (change.kind.name(), change.column.as_deref(), change.metric)).collect()
    }

    #[test]
    fn what_came_and_went() {
        let one = state(5, Vec::new());
        assert_eq!(told(&changes(None, Some((&one, &[])))), [("appeared", None, "row_count")]);
        assert_eq!(told(&changes(Some((&one, &[])), None)), [("vanished", None, "row_count")]);
        assert!(changes(Some((&one, &[])), Some((&one, &[]))).is_empty());
    }

    #[test]
    fn schema_counts_and_judgements() {
        let then = state(
            100,
            vec![
                column("id", "integer", 100, 0, 100),
                column("old", "text", 100, 0, 5),
                column("price", "integer", 100, 0, 20),
            ],
        );
        let mut now = state(
            150,
            vec![
                column("id", "integer", 150, 0, 150),
                column("new", "text", 150, 0, 5),
                column("price", "numeric", 150, 30, 60),
            ],
        );
        now.owner = "bob".to_owned();
        assert_eq!(
            told(&changes(Some((&then, &[])), Some((&now, &[])))),
            [
                ("column_added", Some("new"), "data_type"),
                ("column_retyped", Some("price"), "data_type"),
                ("column_dropped", Some("old"), "data_type"),
                ("changed", None, "owner"),
                ("drifted", None, "row_count"),
                ("drifted", Some("price"), "null_share"),
                ("drifted", Some("price"), "distincts"),
            ]
        );
        // A few rows more are no drift, and a key grows with them.
        let more = state(
            105,
            vec![
                column("id", "integer", 105, 0, 105),
                column("old", "text", 105, 0, 5),
                column("price", "integer", 105, 1, 20),
            ],
        );
        assert!(changes(Some((&then, &[])), Some((&more, &[]))).is_empty());
    }
}
