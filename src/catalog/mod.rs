//! What Steward knows of itself: schemas, tables, columns, tags, roles, policies, models, sources, findings.
//!
//! A [`Catalog`] is one immutable state of all these facts, found by id and by name. Changing it makes a new one that
//! shares every object that did not change; a statement keeps the one it started with. Each object is a row of the
//! store's tree `Catalog`: key its id, value the object as versioned JSON, sealed. Names are inside the value.

mod audit;
mod classifier;
mod comment;
mod constraint;
mod cron;
mod deferral;
mod domain;
mod enumeration;
mod erasure;
mod exact;
mod function;
mod giving;
mod grading;
mod grant;
mod index;
mod inventory;
mod job;
mod lineage;
mod materialized;
mod model;
mod object;
mod repairs;
mod row_policy;
mod rule;
mod sequence;
mod tag;
mod temporary;
mod types;
mod version;

pub use audit::{AuditAction, AuditEntry, AuditLevel, AuditObject, AuditState, StatementId};
pub use classifier::{Classifier, ClassifierTest, TagVerdict};
pub use comment::Comment;
pub use constraint::{Action, CheckConstraint, CheckOption, ForeignKey};
pub use deferral::Deferral;
pub use domain::Domain;
use enumeration::written_name;
pub use enumeration::{EnumType, Enumerated};
pub use erasure::{ErasedTable, Erasure, Remainder};
pub use exact::Exact;
pub use function::{Argument, Function, Returns};
pub use giving::{Right, Rights};
pub use grading::{Grading, GradingRow};
pub use grant::{DefaultRights, DefaultsOf, Grant, Privilege};
pub use index::{IndexPart, Order, PlainIndex, UniqueIndex};
pub use inventory::{AssetState, InventoryRun};
pub use job::{Job, JobRun, RuleSchedule, RunState, Suspended, Timing, Trigger};
pub use lineage::{Edge, Flow, FlowKind, Gone, Influence, LineageChange, Place, column_shown, dropped_column};
pub use materialized::{Materialized, Origin};
pub use model::{DriftCheck, Model, ModelGuard, ModelUpdate, ModelVersion, OnGuard, Online};
pub use object::{
    Class, Column, ColumnClass, FIRST_USER_ID, Finding, Index, KeyConstraint, MaskingPolicy, Object, ObjectId, PUBLIC,
    Role, Schema, Secret, Source, Table, View, relation_key,
};
pub use repairs::RepairsOf;
pub use row_policy::{PolicyCommand, RowPolicy};
pub use rule::{MetricTest, OnViolation, QualityRule, QualityRun, Reference, RuleResult, RuleTest, Severity};
pub use sequence::Sequence;
pub use tag::{CONFLICT, OnConflict, Propagation, Tag, TagSource, TagUse};
pub use temporary::{OnCommit, is_temporary, temporary_schema};
pub use types::{ENUM_ARRAY_MARK, ENUM_MARK, SqlType, TYPE_METADATA};

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One immutable state of all facts.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    objects: HashMap<ObjectId, Arc<Object>>,
    names: BTreeMap<(Class, String), ObjectId>,
}

macro_rules! finders {
    ($($(#[$doc:meta])* $get:ident, $variant:ident, $class:ident;)*) => {$(
        $(#[$doc])*
        pub fn $get(&self, name: &str) -> Option<(ObjectId, &$variant)> {
            match self.find(Class::$class, name)? {
                (id, Object::$variant(object)) => Some((id, object)),
                _ => None,
            }
        }
    )*};
}

impl Catalog {
    /// Adds or replaces an object.
    pub fn put(&mut self, id: ObjectId, object: Arc<Object>) {
        if let Some(old) = self.objects.get(&id) {
            let old = old.key();
            self.forget_name(&old, id);
        }
        self.names.insert(object.key(), id);
        self.objects.insert(id, object);
    }

    /// Removes an object.
    pub fn remove(&mut self, id: ObjectId) {
        if let Some(old) = self.objects.remove(&id) {
            self.forget_name(&old.key(), id);
        }
    }

    /// A name is an object's no longer, unless another has it by now: names change hands within a transaction.
    fn forget_name(&mut self, name: &(Class, String), id: ObjectId) {
        if self.names.get(name) == Some(&id) {
            self.names.remove(name);
        }
    }

    /// The object with this id.
    pub fn get(&self, id: ObjectId) -> Option<&Arc<Object>> {
        self.objects.get(&id)
    }

    /// The object whose data key seals an object's facts, and goes with it: 0 if that is none.
    pub fn belongs_to(&self, id: ObjectId, object: &Object) -> ObjectId {
        match object {
            Object::Table(_) | Object::Model(_) => id,
            Object::Index(index) => index.table,
            Object::RowPolicy(policy) => policy.table,
            Object::ColumnClass(class) => class.table,
            Object::PlainIndex(index) => index.table,
            // Its constants may be values of the table, and so may what was measured.
            Object::QualityRule(rule) => self.table_by_id(rule.relation).map_or(0, |_| rule.relation),
            Object::QualityRun(run) => self.table_by_id(run.relation).map_or(0, |_| run.relation),
            Object::Comment(comment) => match self.objects.get(&comment.object) {
                Some(of) if comment.object != id => self.belongs_to(comment.object, of),
                _ => 0,
            },
            Object::Finding(finding) => self.table_by_id(finding.object).map_or(0, |_| finding.object),
            _ => 0,
        }
    }

    /// The object of this class and name.
    pub fn find(&self, class: Class, name: &str) -> Option<(ObjectId, &Object)> {
        let id = *self.names.get(&(class, name.to_owned()))?;
        Some((id, self.objects.get(&id)?))
    }

    /// The relation of this name in a schema: a table, view, index or sequence.
    pub fn relation(&self, schema: &str, name: &str) -> Option<(ObjectId, &Object)> {
        self.find(Class::Relation, &relation_key(schema, name))
    }

    /// The table of this name in a schema.
    pub fn table(&self, schema: &str, name: &str) -> Option<(ObjectId, &Table)> {
        match self.relation(schema, name)? {
            (id, Object::Table(table)) => Some((id, table)),
            _ => None,
        }
    }

    /// The table with this id.
    pub fn table_by_id(&self, id: ObjectId) -> Option<&Table> {
        match self.objects.get(&id).map(Arc::as_ref) {
            Some(Object::Table(table)) => Some(table),
            _ => None,
        }
    }

    finders! {
        /// The schema of this name.
        schema, Schema, Schema;
        /// The source of this name.
        source, Source, Schema;
        /// The role of this name.
        role, Role, Role;
        /// The tag of this name.
        tag, Tag, Tag;
        /// The masking policy of this name.
        masking_policy, MaskingPolicy, MaskingPolicy;
        /// The model of this name.
        model, Model, Model;
        /// The finding about the asset of this name.
        finding, Finding, Finding;
        /// The classifier of this name.
        classifier, Classifier, Classifier;
        /// The job of this name.
        job, Job, Job;
    }

    /// All objects of a class in the order of their names.
    pub fn class(&self, class: Class) -> impl Iterator<Item = (ObjectId, &Object)> {
        self.names
            .range((class, String::new())..)
            .take_while(move |((c, _), _)| *c == class)
            .filter_map(|(_, id)| Some((*id, self.objects.get(id)?.as_ref())))
    }

    /// The relations of a schema, whatever they are.
    pub fn relations_of(&self, schema: &str) -> impl Iterator<Item = (ObjectId, &Object)> {
        let first = relation_key(schema, "");
        let found = self.names.range((Class::Relation, first.clone())..);
        found
            .take_while(move |((class, name), _)| *class == Class::Relation && name.starts_with(&first))
            .filter_map(|(_, id)| Some((*id, self.objects.get(id)?.as_ref())))
    }

    /// The text indexes of a table.
    pub fn indexes_of(&self, table: ObjectId) -> impl Iterator<Item = (ObjectId, &Index)> {
        self.class(Class::Relation).filter_map(move |(id, object)| match object {
            Object::Index(index) if index.table == table => Some((id, index)),
            _ => None,
        })
    }

    /// The plain indexes of a table.
    pub fn plain_indexes_of(&self, table: ObjectId) -> impl Iterator<Item = (ObjectId, &PlainIndex)> {
        self.class(Class::Relation).filter_map(move |(id, object)| match object {
            Object::PlainIndex(index) if index.table == table => Some((id, index)),
            _ => None,
        })
    }

    /// The domain with this id.
    pub fn domain_by_id(&self, id: ObjectId) -> Option<&Domain> {
        match self.objects.get(&id).map(Arc::as_ref) {
            Some(Object::Domain(domain)) => Some(domain),
            _ => None,
        }
    }

    /// The domain of this name in a schema.
    pub fn domain(&self, schema: &str, name: &str) -> Option<(ObjectId, &Domain)> {
        match self.find(Class::Type, &relation_key(schema, name))? {
            (id, Object::Domain(domain)) => Some((id, domain)),
            _ => None,
        }
    }

    /// Whether there is any domain.
    pub fn has_domains(&self) -> bool {
        self.class(Class::Type).any(|(_, object)| matches!(object, Object::Domain(_)))
    }

    /// Whether a type has this name in a schema.
    pub fn has_type(&self, schema: &str, name: &str) -> bool {
        self.find(Class::Type, &relation_key(schema, name)).is_some()
    }

    /// The enumerated type with this id.
    pub fn enum_by_id(&self, id: ObjectId) -> Option<&EnumType> {
        match self.objects.get(&id).map(Arc::as_ref) {
            Some(Object::Enum(of)) => Some(of),
            _ => None,
        }
    }

    /// The enumerated type of this name in a schema.
    pub fn enum_type(&self, schema: &str, name: &str) -> Option<(ObjectId, &EnumType)> {
        match self.find(Class::Type, &relation_key(schema, name))? {
            (id, Object::Enum(of)) => Some((id, of)),
            _ => None,
        }
    }

    /// The sequence with this id.
    pub fn sequence_by_id(&self, id: ObjectId) -> Option<&Sequence> {
        match self.objects.get(&id).map(Arc::as_ref) {
            Some(Object::Sequence(sequence)) => Some(sequence),
            _ => None,
        }
    }

    /// The sequences that go with a table's columns.
    pub fn sequences_of(&self, table: ObjectId) -> impl Iterator<Item = (ObjectId, &Sequence)> {
        self.class(Class::Relation).filter_map(move |(id, object)| match object {
            Object::Sequence(sequence) if sequence.owned_by.as_ref().is_some_and(|(of, _)| *of == table) => {
                Some((id, sequence))
            }
            _ => None,
        })
    }

    /// What COMMENT ON said of an object, or of a part of it.
    pub fn comment(&self, object: ObjectId, part: &str) -> Option<&str> {
        match self.find(Class::Comment, &Comment::key(object, part))? {
            (_, Object::Comment(comment)) => Some(&comment.text),
            _ => None,
        }
    }

    /// The comments on an object and its parts.
    pub fn comments_of(&self, object: ObjectId) -> impl Iterator<Item = (ObjectId, &Comment)> {
        let first = (Class::Comment, Comment::key(object, ""));
        let prefix = first.1.clone();
        let found = self
            .names
            .range(first..)
            .take_while(move |((class, key), _)| *class == Class::Comment && key.starts_with(&prefix));
        found.filter_map(|(_, id)| match self.objects.get(id).map(Arc::as_ref) {
            Some(Object::Comment(comment)) => Some((*id, comment)),
            _ => None,
        })
    }

    /// The row policies of a table.
    pub fn policies_of(&self, table: ObjectId) -> impl Iterator<Item = (ObjectId, &RowPolicy)> {
        self.class(Class::RowPolicy).filter_map(move |(id, object)| match object {
            Object::RowPolicy(policy) if policy.table == table => Some((id, policy)),
            _ => None,
        })
    }

    /// The quality rules of a relation, in the order of their names.
    pub fn rules_of(&self, relation: ObjectId) -> impl Iterator<Item = (ObjectId, &QualityRule)> {
        self.of_relation(Class::QualityRule, relation).filter_map(|(id, object)| match object {
            Object::QualityRule(rule) => Some((id, rule)),
            _ => None,
        })
    }

    /// What was measured of a relation, earlier runs first.
    pub fn runs_of(&self, relation: ObjectId) -> impl DoubleEndedIterator<Item = (ObjectId, &QualityRun)> {
        self.of_relation(Class::QualityRun, relation).filter_map(|(id, object)| match object {
            Object::QualityRun(run) => Some((id, run)),
            _ => None,
        })
    }

    /// What the rules of a relation gave last, each with the run that it is of: the last run in which all were asked, and what was
    /// asked of some since.
    pub fn last_results(&self, relation: ObjectId) -> Vec<(&QualityRun, &RuleResult)> {
        let mut last: Vec<(&QualityRun, &RuleResult)> = Vec::new();
        for (_, run) in self.runs_of(relation).rev() {
            let new = run.results.iter().filter(|result| !last.iter().any(|(_, known)| known.rule == result.rule));
            let new: Vec<_> = new.map(|result| (run, result)).collect();
            last.extend(new);
            if !run.partial {
                break;
            }
        }
        last
    }

    /// Objects of a class whose names begin with their relation.
    fn of_relation(&self, class: Class, relation: ObjectId) -> impl DoubleEndedIterator<Item = (ObjectId, &Object)> {
        // A NUL is the only character between the number and what follows.
        let (first, after) = (format!("{relation}\0"), format!("{relation}\u{1}"));
        let found = self.names.range((class, first)..(class, after));
        found.filter_map(|(_, id)| Some((*id, self.objects.get(id)?.as_ref())))
    }

    /// The relation in which rows of a table are that its rules have put aside.
    pub fn quarantine_of(&self, table: ObjectId) -> Option<(ObjectId, &Table)> {
        self.class(Class::Relation).find_map(|(id, object)| match object {
            Object::Table(found) if found.quarantine_of == Some(table) => Some((id, found)),
            _ => None,
        })
    }

    /// The relation in which the repairs of a table are kept.
    pub fn repairs_of(&self, table: ObjectId) -> Option<(ObjectId, &Table)> {
        self.class(Class::Relation).find_map(|(id, object)| match object {
            Object::Table(found) if found.repairs_of.as_ref().is_some_and(|of| of.table == table) => Some((id, found)),
            _ => None,
        })
    }

    /// The relations in which repairs are kept.
    pub fn all_repairs(&self) -> impl Iterator<Item = (ObjectId, &Table, &RepairsOf)> {
        self.class(Class::Relation).filter_map(|(id, object)| match object {
            Object::Table(found) => Some((id, found, found.repairs_of.as_ref()?)),
            _ => None,
        })
    }

    /// Runs of INVENTORY, the earliest first.
    pub fn inventory_runs(&self) -> Vec<(ObjectId, &InventoryRun)> {
        let runs = self.class(Class::InventoryRun).filter_map(|(id, object)| match object {
            Object::InventoryRun(run) => Some((id, run)),
            _ => None,
        });
        let mut runs: Vec<_> = runs.collect();
        runs.sort_by_key(|(_, run)| run.number);
        runs
    }

    /// The states of assets that inventories found, each asset's in the order of the runs.
    pub fn asset_states(&self) -> Vec<(ObjectId, &AssetState)> {
        let states = self.class(Class::AssetState).filter_map(|(id, object)| match object {
            Object::AssetState(state) => Some((id, state)),
            _ => None,
        });
        let mut states: Vec<_> = states.collect();
        states.sort_by(|(_, a), (_, b)| (&a.asset, a.run).cmp(&(&b.asset, b.run)));
        states
    }

    /// The certificates of erasures.
    pub fn erasures(&self) -> impl Iterator<Item = (ObjectId, &Erasure)> {
        self.class(Class::Erasure).filter_map(|(id, object)| match object {
            Object::Erasure(erasure) => Some((id, erasure)),
            _ => None,
        })
    }

    /// The rule table of grades, if somebody has edited it.
    pub fn grading(&self) -> Option<(ObjectId, &Grading)> {
        match self.find(Class::Grading, Grading::NAME)? {
            (id, Object::Grading(grading)) => Some((id, grading)),
            _ => None,
        }
    }

    /// Whether a subject was erased from a table since an earlier state: what that has of the table is not to be seen any more.
    pub fn erased_since(&self, then: &Self, table: ObjectId) -> bool {
        self.erasures().any(|(id, erasure)| erasure.is_of(table) && then.get(id).is_none())
    }

    /// The classes of sensitivity of a table.
    pub fn classes_of(&self, table: ObjectId) -> impl Iterator<Item = (ObjectId, &ColumnClass)> {
        self.class(Class::ColumnClass).filter_map(move |(id, object)| match object {
            Object::ColumnClass(class) if class.table == table => Some((id, class)),
            _ => None,
        })
    }

    /// Name of a role, or its number if it is gone.
    pub fn role_name(&self, id: ObjectId) -> String {
        match self.objects.get(&id).map(Arc::as_ref) {
            Some(Object::Role(role)) => role.name.clone(),
            _ if id == PUBLIC => "public".to_owned(),
            _ => id.to_string(),
        }
    }

    /// The role and every role whose rights it has, PUBLIC included.
    pub fn memberships(&self, role: ObjectId) -> Vec<ObjectId> {
        let mut found = vec![role];
        let mut next = 0;
        while let Some(&id) = found.get(next) {
            next += 1;
            if let Some(Object::Role(role)) = self.objects.get(&id).map(Arc::as_ref) {
                for group in &role.member_of {
                    if !found.contains(group) {
                        found.push(*group);
                    }
                }
            }
        }
        found.push(PUBLIC);
        found
    }

    /// Whether the role may do everything.
    pub fn is_superuser(&self, role: ObjectId) -> bool {
        matches!(self.objects.get(&role).map(Arc::as_ref), Some(Object::Role(r)) if r.superuser)
    }

    /// The highest id in use.
    pub fn id_max(&self) -> ObjectId {
        self.objects.keys().copied().max().unwrap_or(0)
    }

    /// Every object.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &Arc<Object>)> {
        self.objects.iter().map(|(id, object)| (*id, object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, member_of: Vec<ObjectId>) -> Arc<Object> {
        let name = name.to_owned();
        Arc::new(Object::Role(Role {
            name,
            superuser: false,
            login: true,
            verifier: None,
            member_of,
            defaults: Vec::new(),
        }))
    }

    #[test]
    fn names_follow_their_objects() {
        let mut catalog = Catalog::default();
        catalog.put(1, role("ann", vec![]));
        let before = catalog.clone();
        catalog.put(1, role("bea", vec![]));
        assert!(catalog.role("ann").is_none());
        assert_eq!(catalog.role("bea").map(|(id, _)| id), Some(1));
        assert!(before.role("ann").is_some(), "an older state does not change");
        catalog.remove(1);
        assert!(catalog.role("bea").is_none());
    }

    #[test]
    fn names_change_hands_in_any_order() {
        let mut catalog = Catalog::default();
        catalog.put(1, role("ann", vec![]));
        catalog.put(2, role("bea", vec![]));
        catalog.put(2, role("ann", vec![]));
        catalog.put(1, role("bea", vec![]));
        let id = |name: &str| catalog.role(name).map(|(id, _)| id);
        assert_eq!((id("ann"), id("bea")), (Some(2), Some(1)));
    }

    #[test]
    fn memberships_follow_chains_and_survive_circles() {
        let mut catalog = Catalog::default();
        catalog.put(1, role("a", vec![2]));
        catalog.put(2, role("b", vec![3]));
        catalog.put(3, role("c", vec![1]));
        assert_eq!(catalog.memberships(1), [1, 2, 3, PUBLIC]);
    }
}
