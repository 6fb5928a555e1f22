//! The audit log as statements fill it.
//!
//! A session writes down what each of its statements does ([`Auditing`]) and gives it to the transaction when that is committed: the
//! entries go into the same batch (`txn::audit`). What is rolled back, refused or only read is written a little later. A leaf that reads
//! sensitive columns notes them in [`Noted`], whatever the statement is: so nothing that goes through the gate is missed.

mod auditing;
mod classify;
mod fingerprint;
mod noted;
mod sensitive;
mod visit;

pub use auditing::Auditing;
pub use classify::action_of;
pub use fingerprint::fingerprint;
pub use noted::Noted;
pub use sensitive::sensitive;
pub use visit::Visit;
