//! Cells of one column as texts, each different value once.

use std::collections::{BTreeSet, HashMap};

/// The place that stands for NULL.
pub const ABSENT: u32 = u32::MAX;

/// What kind of values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Texts.
    Text,
    /// Numbers; with `whole` those without places.
    Number {
        /// Whether they are whole.
        whole: bool,
    },
    /// Anything else: taken as it is.
    Other,
}

/// What the values of a column are declared to be among.
#[derive(Debug, Clone, PartialEq)]
pub struct Among {
    /// The rule that says so.
    pub rule: String,
    /// The values.
    pub values: BTreeSet<String>,
    /// They are keys of another relation.
    pub keys: bool,
}

/// One column: its different values, how many rows have each, and each row's place among them.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// NULL is refused.
    pub not_null: bool,
    /// Nothing may be changed: it is a key, or computed.
    pub fixed: bool,
    /// Values that rules accept.
    pub among: Vec<Among>,
    /// Different values, NULL not among them.
    pub distinct: Vec<String>,
    /// Rows of each.
    pub counts: Vec<u32>,
    /// Each row's place in `distinct`, or [`ABSENT`].
    pub rows: Vec<u32>,
    places: HashMap<String, u32>,
}

impl Column {
    /// A column without rows.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            not_null: false,
            fixed: false,
            among: Vec::new(),
            distinct: Vec::new(),
            counts: Vec::new(),
            rows: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Adds the cell of the next row.
    pub fn push(&mut self, value: Option<&str>) {
        let place = match value {
            None => ABSENT,
            Some(value) => match self.places.get(value) {
                Some(place) => *place,
                None => {
                    let place = u32::try_from(self.distinct.len()).unwrap_or(ABSENT);
                    self.places.insert(value.to_owned(), place);
                    self.distinct.push(value.to_owned());
                    self.counts.push(0);
                    place
                }
            },
        };
        if let Some(count) = self.counts.get_mut(place as usize) {
            *count += 1;
        }
        self.rows.push(place);
    }

    /// The value of a row; `None` where it is NULL.
    pub fn value(&self, row: usize) -> Option<&str> {
        self.at(*self.rows.get(row)?)
    }

    /// The value at a place.
    pub fn at(&self, place: u32) -> Option<&str> {
        self.distinct.get(place as usize).map(String::as_str)
    }

    /// The place of a value, if any row has it.
    pub fn place_of(&self, value: &str) -> Option<u32> {
        self.places.get(value).copied()
    }

    /// Rows that have a value.
    pub fn full(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The same rows with other values: `change` gives for each value what takes its place.
    pub fn changed(&self, change: impl Fn(u32, &str) -> Option<String>) -> Self {
        let mut column = Self {
            not_null: self.not_null,
            fixed: self.fixed,
            among: self.among.clone(),
            ..Self::new(self.name.clone(), self.kind)
        };
        let values: Vec<Option<String>> =
            (0u32..).zip(&self.distinct).map(|(place, value)| change(place, value)).collect();
        for place in &self.rows {
            column.push(values.get(*place as usize).and_then(Option::as_deref));
        }
        column
    }
}

#[cfg(test)]
pub mod made {
    use super::*;

    /// A column of texts; `""` stands for NULL.
    pub fn texts(name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> Column {
        let mut column = Column::new(name, Kind::Text);
        for value in values {
            column.push(Some(value.as_ref()).filter(|value| !value.is_empty()));
        }
        column
    }
}
