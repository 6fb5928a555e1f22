//! Statements of Steward's own, one file a family, and those on the session itself.

mod classify;
mod constraints;
mod grading;
mod inventory;
mod kept;
mod keys;
mod model;
mod model_drift;
mod model_guard;
mod model_import;
mod model_life;
mod model_online;
mod model_options;
mod operate;
mod quality;
mod repair;
mod set_config;
mod settings;
mod source;
mod upkeep;

pub use classify::classify;
pub use constraints::{set_constraints, settle_before_commit};
pub use grading::{edit_grades, edits_grades};
pub use inventory::{category_facts, inventory, inventory_of_table};
pub use kept::{discard, keep};
pub use keys::rotate_key;
pub use model::{create_model, deploy_model, drop_model, drop_version, rename_model, tag_model};
pub use model_life::model_life;
pub use model_online::{check_options as check_model_options, is_later, wants_later};
pub use operate::operate;
pub use quality::quality;
pub use repair::repair;
pub use set_config::set_config;
pub use settings::{reset, set, set_role, set_session_authorization, show};
pub use source::{alter_source, create_source, drop_source, refresh_source};
pub use upkeep::upkeep;
