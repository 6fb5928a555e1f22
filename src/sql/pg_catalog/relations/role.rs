//! Roles, what they are members of, and rights as texts: pg_roles, pg_authid, pg_user, pg_shadow, pg_group, pg_auth_members.

use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::identifier::quoted;
use super::super::oids;
use super::rows::{Rows, row};
use crate::catalog::{Class, Grant, Object, ObjectId, PUBLIC, Privilege, Role};

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

fn letter(privilege: Privilege) -> Option<char> {
    Some(match privilege {
        Privilege::Select => 'r',
        Privilege::Insert => 'a',
        Privilege::Update => 'w',
        Privilege::Delete => 'd',
        Privilege::Truncate => 'D',
        Privilege::Usage => 'U',
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

/// Items for each role that has some of these grants, letters in PostgreSQL's order.
fn items<'a>(facts: &Facts, grants: impl Iterator<Item = &'a Grant>, owner: ObjectId) -> Vec<String> {
    let mut by_role: Vec<(ObjectId, String)> = Vec::new();
    for grant in grants {
        let Some(letter) = letter(grant.privilege) else { continue };
        match by_role.iter_mut().find(|(role, _)| *role == grant.role) {
            Some((_, letters)) if letters.contains(letter) => {}
            Some((_, letters)) => letters.push(letter),
            None => by_role.push((grant.role, letter.to_string())),
        }
    }
    let ordered = by_role.into_iter().map(|(role, letters)| {
        let letters: String = "arwdDxtXUCTc".chars().filter(|letter| letters.contains(*letter)).collect();
        item(facts, role, &letters, owner)
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
    let given = items(facts, facts.grants(entry).iter().filter(|grant| grant.columns.is_none()), owner);
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
