//! pg_depend and pg_rewrite: what a view reads, and to which column a sequence belongs.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::identifier::qualified;
use super::super::oids;
use super::listed::class_oid;
use super::rows::{Rows, row};
use crate::catalog::View;
use crate::sql::parser;
use datafusion::sql::sqlparser::ast::visit_relations;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The relations that a view reads and the role is shown.
pub fn read_by<'a>(facts: &'a Facts, view: &View) -> Vec<Entry<'a>> {
    let mut names = BTreeSet::new();
    if let Ok(query) = parser::query(&view.query) {
        let _ = visit_relations(&query, |name| {
            names.insert(name.to_string());
            ControlFlow::<()>::Continue(())
        });
    }
    let found = names.iter().filter_map(|name| {
        let (schema, name) = qualified(name).ok()?;
        facts.find(schema.as_deref(), &name).filter(|entry| facts.may_see(entry))
    });
    found.collect()
}

/// pg_rewrite: the rule of a view has its number.
pub fn rules(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::View(..) = entry.what {
            row!(rows,
                oid: entry.oid,
                rulename: "_RETURN",
                ev_class: entry.oid,
                ev_type: "1",
                ev_enabled: "O",
                is_instead: true,
            );
        }
    }
}

/// pg_depend
pub fn rows(facts: &Facts, rows: &mut Rows) {
    let (classes, rules) = (class_oid("pg_class"), class_oid("pg_rewrite"));
    for entry in facts.entries() {
        match entry.what {
            What::View(_, view) => {
                row!(rows, classid: rules, objid: entry.oid, refclassid: classes, refobjid: entry.oid, deptype: "i");
                for read in read_by(facts, view) {
                    row!(rows, classid: rules, objid: entry.oid, refclassid: classes, refobjid: read.oid, deptype: "n");
                }
            }
            What::Sequence(_, sequence) => {
                let owner = sequence.owned_by.as_ref();
                let column = owner.and_then(|(table, column)| {
                    Some((*table, facts.catalog().table_by_id(*table)?.column_index(column)?))
                });
                if let Some((table, column)) = column {
                    row!(rows,
                        classid: classes,
                        objid: entry.oid,
                        refclassid: classes,
                        refobjid: oids::of(table),
                        refobjsubid: column + 1,
                        deptype: if sequence.identity { "i" } else { "a" },
                    );
                }
            }
            What::Table(id, table) => {
                for (at, column) in table.columns.iter().enumerate() {
                    if let (Some(sequence), Some(default)) = (column.sequence, oids::default(id, at))
                        && !column.identity
                    {
                        row!(rows,
                            classid: class_oid("pg_attrdef"),
                            objid: default,
                            refclassid: classes,
                            refobjid: oids::of(sequence),
                            deptype: "n",
                        );
                    }
                }
            }
            What::Plain(..) | What::Key(..) if !is_constraints(&entry) => {
                let Some(of) = super::indexed(&entry) else { continue };
                for at in of.parts.iter().filter_map(|(part, _)| of.column(part)) {
                    row!(rows,
                        classid: classes,
                        objid: entry.oid,
                        refclassid: classes,
                        refobjid: of.table_oid,
                        refobjsubid: at + 1,
                        deptype: "a",
                    );
                }
            }
            What::Key(id, table, key) => {
                let constraints = super::constraints_of(id, table);
                if let Some(constraint) = constraints.into_iter().find(|constraint| constraint.name == key.name) {
                    row!(rows,
                        classid: classes,
                        objid: entry.oid,
                        refclassid: class_oid("pg_constraint"),
                        refobjid: constraint.oid,
                        deptype: "i",
                    );
                }
            }
            _ => {}
        }
    }
}

/// Whether an index stands behind a constraint.
fn is_constraints(entry: &Entry<'_>) -> bool {
    matches!(entry.what, What::Key(_, _, key) if key.index.is_none())
}
