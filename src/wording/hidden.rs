//! Names of columns that no user writes: two columns of one name differ by them within a plan.

/// Begins the name that an item of a query has in the plan where its own will not do; the item's number follows.
pub const HIDDEN: char = '\u{1}';
/// Before what a hidden name is shown as.
const SHOWN: char = '\u{2}';

/// A name that nobody writes for a column that is shown under `name`: that of place `at`.
pub fn hidden(at: usize, name: &str) -> String {
    format!("{HIDDEN}{at}{SHOWN}{name}")
}

/// What is shown of a name, if it is a hidden one of [`hidden`].
pub fn shown_as(name: &str) -> Option<&str> {
    name.strip_prefix(HIDDEN)?.split_once(SHOWN).map(|(_, shown)| shown)
}
