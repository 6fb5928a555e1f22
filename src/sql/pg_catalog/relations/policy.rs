//! pg_policy and pg_policies: which rows of a table a role sees.

use super::super::deparse;
use super::super::entry::What;
use super::super::facts::Facts;
use super::super::oids;
use super::rows::{Rows, row};
use crate::catalog::{ObjectId, RowPolicy, Table};

fn all(facts: &Facts) -> Vec<(ObjectId, &RowPolicy, &Table)> {
    let mut found = Vec::new();
    for entry in facts.entries() {
        if let What::Table(id, table) = entry.what {
            let catalog = &facts.context.snapshot.catalog;
            found.extend(catalog.policies_of(id).map(|(policy_id, policy)| (policy_id, policy, table)));
        }
    }
    found
}

/// pg_policy
pub fn rows(facts: &Facts, rows: &mut Rows) {
    for (id, policy, _) in all(facts) {
        let mut roles: Vec<u32> = policy.roles.iter().map(|role| oids::of(*role)).collect();
        if roles.is_empty() {
            // PUBLIC
            roles.push(0);
        }
        row!(rows,
            oid: oids::of(id),
            polname: &policy.name,
            polrelid: oids::of(policy.table),
            polcmd: policy.command.letter(),
            polpermissive: policy.permissive,
            polroles: roles,
            polqual: policy.using.as_ref(),
            polwithcheck: policy.check.as_ref(),
        );
    }
}

/// pg_policies
pub fn shown(facts: &Facts, rows: &mut Rows) {
    for (_, policy, table) in all(facts) {
        let mut roles: Vec<String> = policy.roles.iter().map(|role| facts.catalog().role_name(*role)).collect();
        roles.sort();
        if roles.is_empty() {
            roles.push("public".to_owned());
        }
        row!(rows,
            schemaname: &table.schema,
            tablename: &table.name,
            policyname: &policy.name,
            permissive: if policy.permissive { "PERMISSIVE" } else { "RESTRICTIVE" },
            roles: roles,
            cmd: policy.command.word(),
            qual: policy.using.as_ref().map(|using| deparse::expression(facts, using, false)),
            with_check: policy.check.as_ref().map(|check| deparse::expression(facts, check, false)),
        );
    }
}
