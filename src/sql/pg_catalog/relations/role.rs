//! Roles, what they are members of, and rights as texts: pg_roles, pg_authid, pg_user, pg_shadow, pg_group, pg_auth_members.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::identifier::quoted;
use super::super::oids;
use super::rows::{Rows, row};
use crate::catalog::{Class, DefaultsOf, Grant, Object, ObjectId, PUBLIC, Privilege, Role};

/// What an owner may do with a table, as letters.
const ALL_OF_TABLE: &str = "arwdDxt";
/// What an owner may do with a sequence.
const ALL_OF_SEQUENCE: &str = "rwU";

fn all(facts: &Facts) -> impl Iterator<Item = (ObjectId, &Role)> {
    facts.catalog().class(Class::Role).filter_map(|(id, object)| match object {
        Object::Role(role) => Some((id, role)),
        _ => None,
    })
}

/// pg_roles
pub fn roles(facts: &Facts, rows: &mut Rows) {
    for (id, role) in all(facts) {
        row!(rows,
            rolname: &role.name,
            rolsuper: role.superuser,
            rolinherit: true,
            rolcreaterole: role.superuser,
            rolcreatedb: false,
            rolcanlogin: role.login,
            rolreplication: false,
            rolconnlimit: -1,
            rolpassword: "********",
            rolbypassrls: role.superuser,
            oid: oids::of(id),
        );
    }
}

/// pg_authid, for superusers. What passwords are checked with is shown to nobody.
pub fn secrets(facts: &Facts, rows: &mut Rows) {
    if !facts.context.is_superuser() {
        return;
    }
    for (id, role) in all(facts) {
        row!(rows,
            oid: oids::of(id),
            rolname: &role.name,
            rolsuper: role.superuser,
            rolinherit: true,
            rolcreaterole: role.superuser,
            rolcanlogin: role.login,
            rolbypassrls: role.superuser,
            rolconnlimit: -1,
        );
    }
}

/// pg_user
pub fn users(facts: &Facts, rows: &mut Rows) {
    logins(facts, rows, Some("********"));
}

/// pg_shadow, for superusers, without what passwords are checked with.
pub fn shadows(facts: &Facts, rows: &mut Rows) {
    if facts.context.is_superuser() {
        logins(facts, rows, None);
    }
}

fn logins(facts: &Facts, rows: &mut Rows, passwd: Option<&str>) {
    for (id, role) in all(facts).filter(|(_, role)| role.login) {
        row!(rows,
            usename: &role.name,
            usesysid: oids::of(id),
            usecreatedb: false,
            usesuper: role.superuser,
            userepl: false,
            usebypassrls: role.superuser,
            passwd: passwd,
        );
    }
}

/// pg_group
pub fn groups(facts: &Facts, rows: &mut Rows) {
    for (id, role) in all(facts).filter(|(_, role)| !role.login) {
        let members = all(facts).filter(|(_, member)| member.member_of.contains(&id));
        let members: Vec<u32> = members.map(|(id, _)| oids::of(id)).collect();
        row!(rows, groname: &role.name, grosysid: oids::of(id), grolist: members);
    }
}

/// pg_auth_members
pub fn members(facts: &Facts, rows: &mut Rows) {
    let grantor = facts.first_superuser();
    for (id, role) in all(facts) {
        for group in &role.member_of {
            row!(rows, roleid: oids::of(*group), member: oids::of(id), grantor: grantor, admin_option: false);
        }
    }
}

/// pg_default_acl
pub fn default_rights(facts: &Facts, rows: &mut Rows) {
    for (id, role) in all(facts) {
        for (at, defaults) in role.defaults.iter().enumerate() {
            let (letter, everything) = match defaults.of {
                DefaultsOf::Tables => ("r", ALL_OF_TABLE),
                DefaultsOf::Sequences => ("S", ALL_OF_SEQUENCE),
            };
            // Without a schema they stand in the place of what the owner has anyway.
            let own = defaults.schema.is_none().then(|| item(facts, id, everything, id));
            let given: Vec<String> = own.into_iter().chain(items(facts, defaults.grants.iter(), id)).collect();
            row!(rows,
                oid: oids::default_rights(id, at).unwrap_or(0),
                defaclrole: oids::of(id),
                defaclnamespace: defaults.schema.map_or(0, oids::of),
                defaclobjtype: letter,
                defaclacl: given,
            );
        }
    }
}

fn letter(privilege: Privilege) -> Option<char> {
    Some(match privilege {
        Privilege::Select => 'r',
        Privilege::Insert => 'a',
        Privilege::Update => 'w',
        Privilege::Delete => 'd',
        Privilege::Truncate => 'D',
        Privilege::Usage => 'U',
        Privilege::References => 'x',
        Privilege::Trigger => 't',
        Privilege::Unmask => return None,
    })
}

fn item(facts: &Facts, role: ObjectId, letters: &str, grantor: ObjectId) -> String {
    let grantee = match role {
        PUBLIC => String::new(),
        role => quoted(&facts.catalog().role_name(role)),
    };
    format!("{grantee}={letters}/{}", quoted(&facts.catalog().role_name(grantor)))
}

/// Items for each role that has some of these grants of one giver, letters in PostgreSQL's order, with a star where it may give on.
fn items<'a>(facts: &Facts, grants: impl Iterator<Item = &'a Grant>, owner: ObjectId) -> Vec<String> {
    type Held = (ObjectId, ObjectId, Vec<(char, bool)>);
    let mut by_role: Vec<Held> = Vec::new();
    for grant in grants {
        let Some(letter) = letter(grant.privilege) else { continue };
        let grantor = grant.grantor.unwrap_or(owner);
        let at = by_role.iter().position(|(role, by, _)| (*role, *by) == (grant.role, grantor));
        let at = at.unwrap_or_else(|| {
            by_role.push((grant.role, grantor, Vec::new()));
            by_role.len() - 1
        });
        let letters = &mut by_role[at].2;
        match letters.iter_mut().find(|(held, _)| *held == letter) {
            Some((_, option)) => *option |= grant.option,
            None => letters.push((letter, grant.option)),
        }
    }
    let ordered = by_role.into_iter().map(|(role, grantor, letters)| {
        let held = |letter: char| letters.iter().find(|(held, _)| *held == letter);
        let letters = "arwdDxtXUCTc".chars().filter_map(held);
        let letters: String =
            letters.map(|(letter, option)| format!("{letter}{}", if *option { "*" } else { "" })).collect();
        item(facts, role, &letters, grantor)
    });
    ordered.collect()
}

/// `relacl`: NULL where only the owner has rights.
pub fn acl(facts: &Facts, entry: &Entry<'_>) -> Option<Vec<String>> {
    match entry.what {
        What::Table(..) | What::View(..) | What::Sequence(..) => {}
        // Everybody may read what shows to each what is his.
        What::Steward | What::Listed(_) => {
            let owner = ObjectId::from(facts.first_superuser());
            return Some(vec![item(facts, owner, ALL_OF_TABLE, owner), item(facts, PUBLIC, "r", owner)]);
        }
        _ => return None,
    }
    let owner = ObjectId::from(facts.owner(entry));
    // What the owner has it has anyway.
    let of_others = |grant: &&Grant| grant.columns.is_none() && grant.role != owner;
    let given = items(facts, facts.grants(entry).iter().filter(of_others), owner);
    (!given.is_empty()).then(|| {
        let all = if entry.kind() == "S" { ALL_OF_SEQUENCE } else { ALL_OF_TABLE };
        std::iter::once(item(facts, owner, all, owner)).chain(given).collect()
    })
}

/// `attacl`
pub fn column_acl(facts: &Facts, entry: &Entry<'_>, column: &str) -> Option<Vec<String>> {
    if !matches!(entry.what, What::Table(..) | What::View(..)) {
        return None;
    }
    let of_column = |grant: &&Grant| grant.columns.as_ref().is_some_and(|columns| columns.iter().any(|c| c == column));
    let owner = ObjectId::from(facts.owner(entry));
    let given = items(facts, facts.grants(entry).iter().filter(of_column), owner);
    (!given.is_empty()).then_some(given)
}
