//! Where the repairs of a table are kept, and by which names they call its columns.

use super::object::ObjectId;
use serde::{Deserialize, Serialize};

/// What a table is that keeps the repairs of another. Its rows call the columns by their places in this list, which follows their names:
/// whoever may see a column may see what was repaired in it, and no column comes by the values of another that had its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairsOf {
    /// The table.
    pub table: ObjectId,
    /// Its columns as they are called now; none for one that is gone.
    #[serde(default)]
    pub columns: Vec<Option<String>>,
}

impl RepairsOf {
    /// Of a table, no column of which was repaired.
    pub fn new(table: ObjectId) -> Self {
        Self { table, columns: Vec::new() }
    }

    /// The column of a number, if it is still there.
    pub fn column(&self, number: usize) -> Option<&str> {
        self.columns.get(number)?.as_deref()
    }

    /// The number of a column, if it has one.
    pub fn number_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name.as_deref() == Some(column))
    }

    /// A column has another name.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(name) = self.number_of(from).and_then(|at| self.columns.get_mut(at)) {
            *name = Some(to.to_owned());
        }
    }

    /// A column is gone.
    pub fn forget(&mut self, column: &str) {
        if let Some(name) = self.number_of(column).and_then(|at| self.columns.get_mut(at)) {
            *name = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RepairsOf;

    #[test]
    fn columns_keep_their_numbers() {
        let mut repairs = RepairsOf { columns: vec![Some("a".into()), Some("b".into())], ..RepairsOf::new(7) };
        repairs.rename("a", "c");
        repairs.rename("b", "a");
        assert_eq!((repairs.column(0), repairs.number_of("a")), (Some("c"), Some(1)));
        repairs.forget("c");
        assert_eq!((repairs.column(0), repairs.number_of("c"), repairs.column(9)), (None, None, None));
    }
}
