//! Which programs may read an object's facts.

use super::grant::Grant;
use super::object::Object;
use crate::config::{
    FORMAT_VERSION, FORMAT_VERSION_CLASSES, FORMAT_VERSION_CLASSIFIERS, FORMAT_VERSION_ENCODERS,
    FORMAT_VERSION_ERASURES, FORMAT_VERSION_GRADING, FORMAT_VERSION_INVENTORIES, FORMAT_VERSION_JOBS,
    FORMAT_VERSION_LIVES, FORMAT_VERSION_OBJECTS, FORMAT_VERSION_REMOTES, FORMAT_VERSION_REPAIRS,
    FORMAT_VERSION_RIGHTS, FORMAT_VERSION_RULES, FORMAT_VERSION_TYPES,
};

impl Object {
    /// The version of its facts: what knows no classes must not take a table that has one for a table without.
    pub fn format_version(&self) -> u8 {
        match self {
            Self::Table(table) if table.repairs_of.is_some() => FORMAT_VERSION_REPAIRS,
            // Its weights are of a kind that it would take for damaged ones.
            Self::Model(model) if model.has_own_encoder() => FORMAT_VERSION_ENCODERS,
            Self::Job(_) => FORMAT_VERSION_JOBS,
            Self::QualityRule(rule) if rule.schedule.is_some() => FORMAT_VERSION_JOBS,
            Self::QualityRun(run) if run.partial => FORMAT_VERSION_JOBS,
            Self::Model(model) if model.online.is_some() || !model.drifts.is_empty() => FORMAT_VERSION_JOBS,
            Self::Grading(_) => FORMAT_VERSION_GRADING,
            Self::InventoryRun(_) | Self::AssetState(_) => FORMAT_VERSION_INVENTORIES,
            Self::Erasure(_) => FORMAT_VERSION_ERASURES,
            // It would leave masks behind.
            Self::Tag(tag) if tag.propagate.is_some() => FORMAT_VERSION_ERASURES,
            Self::Model(model) if !model.tags.is_empty() => FORMAT_VERSION_ERASURES,
            Self::Model(model) if model.is_of_life() => FORMAT_VERSION_LIVES,
            Self::Source(source) if source.is_remote() => FORMAT_VERSION_REMOTES,
            Self::Classifier(_) => FORMAT_VERSION_CLASSIFIERS,
            Self::Table(table) if table.columns.iter().any(|column| !column.verdicts.is_empty()) => {
                FORMAT_VERSION_CLASSIFIERS
            }
            Self::Table(table) if table.quarantine_of.is_some() => FORMAT_VERSION_RULES,
            Self::QualityRule(_) | Self::QualityRun(_) => FORMAT_VERSION_RULES,
            object if object.is_of_rights() => FORMAT_VERSION_RIGHTS,
            Self::Table(table) if table.is_of_types() => FORMAT_VERSION_TYPES,
            Self::Domain(_) => FORMAT_VERSION_TYPES,
            Self::Table(table) if table.is_of_objects() => FORMAT_VERSION_OBJECTS,
            Self::PlainIndex(_) | Self::Sequence(_) | Self::Comment(_) | Self::Enum(_) => FORMAT_VERSION_OBJECTS,
            Self::Table(table) if table.columns.iter().any(|column| column.class.is_some()) => FORMAT_VERSION_CLASSES,
            Self::ColumnClass(_) => FORMAT_VERSION_CLASSES,
            _ => FORMAT_VERSION,
        }
    }

    /// Whether a program must know of row policies for writing, of rights that may be given on and of the later kinds of rights to read
    /// it rightly.
    pub fn is_of_rights(&self) -> bool {
        let later = |grants: &[Grant]| grants.iter().any(Grant::is_of_rights);
        match self {
            Self::RowPolicy(policy) => policy.is_of_writing(),
            Self::Table(table) => later(&table.grants),
            Self::View(view) => later(&view.grants),
            Self::Sequence(sequence) => later(&sequence.grants),
            Self::Role(role) => !role.defaults.is_empty(),
            _ => false,
        }
    }
}
