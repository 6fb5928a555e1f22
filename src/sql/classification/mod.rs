//! What columns are: classify_table and CLASSIFY TABLE over the same judgement as INVENTORY, the user's classifiers, and what persons said.

mod grading;
mod judge;
mod options;
mod remembered;
mod rows;
mod table;

pub use grading::{grading_rows, grading_rule};
pub use judge::{Judged, classifiers, stamp};
pub use options::Options;
pub use remembered::{columns_said, sensitivity_said};
pub use rows::{columns as classified_columns, rows as classified_rows};
pub use table::classify;
