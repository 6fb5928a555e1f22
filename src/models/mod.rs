//! Models: what learns from columns and answers in columns.

pub mod ctr;
pub mod features;
pub mod metrics;
mod random;
pub mod row_quality;
mod weights;
