//! table_privileges, column_privileges, enabled_roles, applicable_roles.

use super::super::super::entry::Entry;
use super::super::super::facts::Facts;
use super::super::rows::{Rows, row};
use super::{database, owns, yes_or_no};
use crate::catalog::{Class, Grant, Object, ObjectId, PUBLIC, Privilege};

/// What an owner may do with a table.
const OF_OWNER: [&str; 7] = ["INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];
/// What of it concerns single columns.
const OF_COLUMNS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "REFERENCES"];

fn word(privilege: Privilege) -> Option<&'static str> {
    (!matches!(privilege, Privilege::Usage | Privilege::Unmask)).then(|| privilege.word())
}

fn role(facts: &Facts, id: ObjectId) -> String {
    match id {
        PUBLIC => "PUBLIC".to_owned(),
        id => facts.catalog().role_name(id),
    }
}

/// Tables and views with their owners and the grants on them that concern the role: those it gave, and those it has.
fn concerned<'a>(facts: &'a Facts) -> Vec<(Entry<'a>, ObjectId, Vec<&'a Grant>)> {
    let roles = facts.catalog().memberships(facts.context.role);
    let entries = facts.entries().into_iter().filter(|entry| entry.is_relation());
    let found = entries.map(|entry| {
        let (owner, owns) = (ObjectId::from(facts.owner(&entry)), owns(facts, &entry));
        let grants = facts
            .grants(&entry)
            .iter()
            .filter(|grant| owns || roles.contains(&grant.role) || grant.grantor.is_some_and(|by| roles.contains(&by)))
            .collect();
        (entry, owner, grants)
    });
    found.collect()
}

/// table_privileges and role_table_grants
pub fn of_tables(facts: &Facts, rows: &mut Rows) {
    let mut add = |entry: &Entry<'_>, owner: ObjectId, grantee: ObjectId, privilege: &str, may_grant: bool| {
        row!(rows,
            grantor: role(facts, owner),
            grantee: role(facts, grantee),
            table_catalog: database(facts),
            table_schema: entry.schema,
            table_name: entry.name.as_ref(),
            privilege_type: privilege,
            is_grantable: yes_or_no(may_grant),
            with_hierarchy: yes_or_no(privilege == "SELECT"),
        );
    };
    for (entry, owner, grants) in concerned(facts) {
        if entry.table().is_none() && facts.grants(&entry).is_empty() && !owns(facts, &entry) {
            add(&entry, owner, PUBLIC, "SELECT", false);
            continue;
        }
        if owns(facts, &entry) {
            OF_OWNER.iter().for_each(|privilege| add(&entry, owner, owner, privilege, true));
        }
        for grant in grants.into_iter().filter(|grant| grant.columns.is_none()) {
            if let Some(privilege) = word(grant.privilege) {
                add(&entry, grant.grantor.unwrap_or(owner), grant.role, privilege, grant.option);
            }
        }
    }
}

/// column_privileges and role_column_grants
pub fn of_columns(facts: &Facts, rows: &mut Rows) {
    for (entry, owner, grants) in concerned(facts) {
        let owns = owns(facts, &entry);
        for column in facts.attributes(&entry) {
            let mut add = |grantor: ObjectId, grantee: ObjectId, privilege: &str, may_grant: bool| {
                row!(rows,
                    grantor: role(facts, grantor),
                    grantee: role(facts, grantee),
                    table_catalog: database(facts),
                    table_schema: entry.schema,
                    table_name: entry.name.as_ref(),
                    column_name: &column.name,
                    privilege_type: privilege,
                    is_grantable: yes_or_no(may_grant),
                );
            };
            if owns {
                OF_COLUMNS.iter().for_each(|privilege| add(owner, owner, privilege, true));
            }
            let on_column = |grant: &&&Grant| grant.columns.as_ref().is_none_or(|names| names.contains(&column.name));
            for grant in grants.iter().filter(on_column) {
                if let Some(privilege) = word(grant.privilege).filter(|word| OF_COLUMNS.contains(word)) {
                    add(grant.grantor.unwrap_or(owner), grant.role, privilege, grant.option);
                }
            }
        }
    }
}

/// enabled_roles
pub fn enabled_roles(facts: &Facts, rows: &mut Rows) {
    for id in facts.catalog().memberships(facts.context.role).into_iter().filter(|id| *id != PUBLIC) {
        row!(rows, role_name: role(facts, id));
    }
}

/// applicable_roles
pub fn applicable_roles(facts: &Facts, rows: &mut Rows) {
    let mine = facts.catalog().memberships(facts.context.role);
    for (id, object) in facts.catalog().class(Class::Role) {
        let Object::Role(member) = object else { continue };
        if !mine.contains(&id) {
            continue;
        }
        for group in &member.member_of {
            row!(rows, grantee: &member.name, role_name: role(facts, *group), is_grantable: "NO");
        }
    }
}
