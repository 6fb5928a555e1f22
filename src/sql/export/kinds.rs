//! Everything that a catalogue keeps is either exported, or is named here as what is not.
//!
//! A new kind of object, or a new field of one, does not compile below before somebody has said which. What is not exported is in
//! docs/sql.md, at EXPORT DATABASE. Of every kind there is one in the database that tests/damage exports, imports and exports
//! again.

use crate::catalog::{
    Argument, AssetState, Catalog, CheckConstraint, Classifier, Column, ColumnClass, Comment, Domain, EnumType,
    Erasure, Finding, ForeignKey, Function, Grading, GradingRow, Grant, Index, InventoryRun, Job, KeyConstraint,
    MaskingPolicy, Materialized, MetricTest, Model, ModelUpdate, ModelVersion, Object, Online, Order, PlainIndex,
    QualityRule, QualityRun, Reference, RepairsOf, Role, RowPolicy, RuleSchedule, RuleTest, Schema, Sequence, Source,
    Table, Tag, TagUse, TagVerdict, UniqueIndex, View,
};
use crate::crypto::{KeySource, MasterKey};
use crate::sql::{Birth, Database};
use std::collections::BTreeSet;

/// The database of every kind.
const RICH: &str = include_str!("../../../tests/damage/rich.sql");

/// How many kinds there are.
const KINDS: usize = 26;

/// The number of an object's kind, and whether it is exported. Fields that are left out of an export stand with `_not`.
fn kind(object: &Object) -> (usize, bool) {
    match object {
        Object::Schema(Schema { name: _, owner: _, creators: _ }) => (0, true),
        Object::Table(table) => {
            let Table {
                schema: _,
                name: _,
                owner: _,
                columns,
                keys,
                checks,
                foreign_keys,
                // The other side of a foreign key.
                referenced_by: _not,
                grants,
                tags,
                comment: _,
                row_security: _,
                force_row_security: _,
                cluster: _,
                // Of temporary tables, which are a session's.
                on_commit: _not_either,
                materialized,
                quarantine_of: _,
                // It tells states of before from that of now; an import has no before.
                shape: _not_of_before,
                repairs_of,
            } = table;
            columns.iter().for_each(column);
            for KeyConstraint { name: _, columns: _, primary: _, nulls_equal: _, index } in keys {
                if let Some(UniqueIndex { orders, include: _ }) = index {
                    orders.iter().for_each(order);
                }
            }
            checks.iter().for_each(check);
            for key in foreign_keys {
                let ForeignKey {
                    name: _,
                    columns: _,
                    table: _,
                    key: _,
                    on_delete: _,
                    on_update: _,
                    deferral: _,
                    match_full: _,
                    not_valid: _,
                } = key;
            }
            grants.iter().for_each(grant);
            tags.iter().for_each(tag_use);
            repairs_of.iter().for_each(|RepairsOf { table: _, columns: _ }| {});
            // Its columns are the table's, and where they come from REFRESH finds again.
            materialized
                .iter()
                .for_each(|Materialized { query: _, columns: _not, populated: _, origins: _not_either }| {});
            (1, true)
        }
        Object::View(view) => {
            let View {
                schema: _,
                name: _,
                owner: _,
                query: _,
                columns: _,
                grants,
                comment: _,
                barrier: _,
                check: _,
                defaults: _,
            } = view;
            grants.iter().for_each(grant);
            (2, true)
        }
        Object::Index(Index { schema: _, name: _, table: _, columns: _, key_field: _ }) => (3, true),
        Object::Role(Role { name: _, superuser: _, login: _, verifier: _, member_of: _, defaults }) => {
            defaults.iter().flat_map(|defaults| &defaults.grants).for_each(grant);
            (4, true)
        }
        Object::Tag(tag) => {
            let Tag { name: _, allowed_values: _, mask: _, unmask: _, comment: _, propagate: _, on_conflict: _ } = tag;
            (5, true)
        }
        Object::MaskingPolicy(MaskingPolicy { name: _, argument: _, data_type: _, body: _, owner: _ }) => (6, true),
        Object::RowPolicy(policy) => {
            let RowPolicy { name: _, table: _, roles: _, using: _, check: _, permissive: _, command: _ } = policy;
            (7, true)
        }
        Object::Model(model) => {
            let Model {
                name: _,
                owner: _,
                model_type: _,
                options: _,
                versions,
                deployed: _,
                grants,
                trained_on: _,
                // A number that is free again where all begins anew.
                dropped: _not,
                frozen: _,
                guard: _,
                updates,
                tags,
                online,
                // CHECK DRIFT finds it again.
                drifts: _not_drifts,
            } = model;
            // What is there when it is taken in counts as learnt.
            if let Some(Online { source: _, batch_rows: _, place: _not, since_ms: _not_either }) = online {}
            tags.iter().for_each(tag_use);
            for version in versions {
                let ModelVersion {
                    number: _,
                    // Where it is, and how long: of the file that the import makes.
                    file: _not,
                    bytes: _not_either,
                    query: _,
                    options: _,
                    snapshot: _,
                    rows: _,
                    seconds: _,
                    metrics: _,
                    created_ms: _,
                    base: _,
                } = version;
            }
            for ModelUpdate { at_ms: _, version: _, made: _, metrics: _ } in updates {}
            grants.iter().for_each(grant);
            (8, true)
        }
        // Nothing tags the assets of a source.
        Object::Source(Source {
            name: _,
            source_type: _,
            options: _,
            secrets: _untold,
            owner: _,
            grants,
            tags: _not,
        }) => {
            grants.iter().for_each(grant);
            (9, true)
        }
        // INVENTORY finds it again.
        Object::Finding(Finding { .. }) => (10, false),
        Object::ColumnClass(ColumnClass { name: _, table: _ }) => (11, true),
        Object::Function(function) => {
            let Function {
                schema: _,
                name: _,
                owner: _,
                arguments,
                returns: _,
                query: _,
                source: _,
                volatility: _,
                strict: _,
                // Follows from the query.
                exact: _not,
            } = function;
            arguments.iter().for_each(|Argument { name: _, data_type: _, default: _ }| {});
            (12, true)
        }
        Object::PlainIndex(index) => {
            let PlainIndex { schema: _, name: _, table: _, method: _, parts, include: _, predicate: _ } = index;
            parts.iter().for_each(|(_, of)| order(of));
            (13, true)
        }
        Object::Sequence(sequence) => {
            let Sequence {
                schema: _,
                name: _,
                owner: _,
                data_type: _,
                increment: _,
                min: _,
                max: _,
                start: _,
                // Before the first number is taken: setval tells which that is.
                first: _,
                cycle: _,
                cache: _,
                // Where the count is kept.
                count: _not,
                owned_by: _,
                identity: _,
                grants,
            } = sequence;
            grants.iter().for_each(grant);
            (14, true)
        }
        Object::Comment(Comment { object: _, part: _, text: _ }) => (15, true),
        Object::Enum(EnumType { schema: _, name: _, owner: _, labels: _ }) => (16, true),
        Object::Domain(domain) => {
            let Domain { schema: _, name: _, owner: _, base: _, places: _, default: _, not_null: _, checks } = domain;
            checks.iter().for_each(check);
            (17, true)
        }
        Object::QualityRule(rule) => {
            let QualityRule {
                name: _,
                relation: _,
                columns: _,
                test,
                dimension: _,
                threshold: _,
                severity: _,
                on_violation: _,
                disabled: _,
                schedule,
            } = rule;
            if let Some(RuleSchedule { timing: _, zone: _, since_ms: _not, since_seq: _not_either }) = schedule {}
            if let RuleTest::Metric(test) = test {
                let MetricTest { metric: _, arguments: _, references, determinant: _, expectation: _ } = test;
                references.iter().for_each(|Reference { relation: _, columns: _ }| {});
            }
            (18, true)
        }
        // CHECK QUALITY measures it again.
        Object::QualityRun(QualityRun { .. }) => (19, false),
        Object::Classifier(classifier) => {
            let Classifier {
                name: _,
                owner: _,
                test: _,
                column_name: _,
                category: _,
                privacy: _,
                threshold: _,
                context: _,
            } = classifier;
            (20, true)
        }
        // A line of erasures.jsonl: what was erased in this database is no fact of another.
        Object::Erasure(Erasure { .. }) => (21, true),
        Object::Job(job) => {
            let Job {
                name: _,
                owner: _,
                statement: _,
                timing: _,
                on_change: _,
                // One that runs once is no job of another database.
                once: _not,
                settings: _,
                // All are suspended there.
                suspended: _not_either,
                since_ms: _nor,
                since_seq: _neither,
            } = job;
            (22, true)
        }
        Object::Grading(Grading { rules }) => {
            rules.iter().for_each(
                |GradingRow { ordinal: _, semantic_type: _, privacy: _, sensitivity: _, grade: _, basis: _ }| {},
            );
            (23, true)
        }
        // INVENTORY begins anew: what was found of this database in the course of time is no fact of another.
        Object::InventoryRun(InventoryRun { .. }) => (24, false),
        Object::AssetState(AssetState { .. }) => (25, false),
    }
}

fn column(column: &Column) {
    let Column {
        name: _,
        data_type: _,
        not_null: _,
        default: _,
        identity: _,
        tags,
        mask: _,
        comment: _,
        class: _,
        sequence: _,
        always: _,
        generated: _,
        places: _,
        domain: _,
        verdicts,
    } = column;
    tags.iter().for_each(tag_use);
    verdicts.iter().for_each(|TagVerdict { tag: _, category: _, confirmed: _, because: _ }| {});
}

fn check(CheckConstraint { name: _, expression: _, not_valid: _ }: &CheckConstraint) {}

fn order(Order { descending: _, nulls_first: _, class: _ }: &Order) {}

fn grant(Grant { role: _, privilege: _, columns: _, option: _, grantor: _ }: &Grant) {}

/// A tag that the classifier suggested, as INVENTORY does again, is not exported; of others the confidence is always the same.
fn tag_use(TagUse { tag: _, value: _, source: _, confidence: _not }: &TagUse) {}

fn kinds(catalog: &Catalog) -> BTreeSet<(usize, bool)> {
    catalog.objects().map(|(_, object)| kind(object)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_object_is_exported_or_named_as_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("orders.csv"), "id,note\n1,x\n").unwrap();
    let key = KeySource::from(MasterKey::from_bytes([7; 32]));
    let birth = Birth { database: "a shop".to_owned(), ..Birth::default() };
    let database = Database::open_or_create(folder.path().join("d"), &key, &birth).unwrap();
    let mut session = database.session("steward").unwrap();
    for sql in RICH.replace("FOLDER", folder.path().to_str().unwrap()).split(";\n") {
        session.query(sql).await.unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }
    let (context, _) = session.context();
    let found = kinds(&context.snapshot.catalog);
    assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..KINDS).collect::<Vec<_>>());
    let left_out: Vec<usize> = found.iter().filter(|(_, exported)| !exported).map(|(number, _)| *number).collect();
    let docs = include_str!("../../../docs/sql.md");
    let section = docs.split("### EXPORT DATABASE").nth(1).and_then(|rest| rest.split("\n### ").next()).unwrap();
    assert!(
        left_out == [10, 19, 24, 25]
            && ["INVENTORY found", "its runs", "CHECK QUALITY"].iter().all(|words| section.contains(words)),
        "the documentation names what is left out"
    );
}
