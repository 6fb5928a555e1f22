//! What inventories keep beside their findings: the runs, the states of assets that each run found, and how assets lie to each other.
//!
//! INVENTORY itself is `statements::inventory`. For every asset that it looked at [`kept`] writes a state, if that is another than before,
//! and two sealed files that go with the asset: sketches of its columns and rows, and the distributions of its columns. From the sketches of
//! all assets [`related`] finds which columns refer to which and which assets are copies; what it finds lies in the findings, so that it goes
//! with them. [`compared`] tells what is different between two runs.

mod compared;
mod kept;
mod looked;
mod related;
mod unchanged;

pub use compared::{Difference, differences};
pub use kept::{Looked, Running, forget_values};
pub use looked::{FirstRows, looked};
pub use related::{copies_of, references_of, relate};
pub use unchanged::{policies_state, view_state};
