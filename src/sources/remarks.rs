//! What the rows of a file cannot show of it: what was padded, replaced or overridden.

/// How many records had something about them, and where the first stands.
#[derive(Debug, Default)]
pub(super) struct Met {
    count: u64,
    first: String,
}

impl Met {
    /// One more, at `place`.
    pub(super) fn note(&mut self, place: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = place();
        }
        self.count += 1;
    }

    /// "2 `record`s have `what`, first at line 3; `so`", if there was any.
    pub(super) fn remark(&self, record: &str, what: &str, so: &str) -> Option<String> {
        let records = match self.count {
            0 => return None,
            1 => format!("1 {record} has"),
            count => format!("{count} {record}s have"),
        };
        Some(format!("{records} {what}, first at {}; {so}", self.first))
    }
}

/// Remarks with the name of their file.
pub(super) fn told(shown: &str, remarks: impl IntoIterator<Item = String>) -> Vec<String> {
    remarks.into_iter().map(|remark| format!("{shown}: {remark}")).collect()
}
