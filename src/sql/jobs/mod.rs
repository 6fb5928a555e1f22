//! Jobs: what runs by itself, when it is due, and how it is run.
//!
//! ```text
//! task        what there is to run: jobs, quality rules with a schedule, models that learn by themselves; when each is due
//! run         one run: a session of its own with the owner's rights, a transaction, a line in the ledger of runs
//! scheduler   looks what is due and has it run, in a server
//! ```
//!
//! A run is written down before its statement begins ([`JobRuns`](crate::txn::JobRuns)) and again when it has ended: a store that cannot
//! be written runs nothing. No task runs twice at once. What was due while nobody ran jobs runs once.

mod run;
mod scheduler;
mod statements;
mod task;

pub use run::Jobs;
pub use scheduler::Scheduler;
pub use statements::{create_model_later, jobs, later_columns};
pub use task::{Task, TaskKind, tasks};
