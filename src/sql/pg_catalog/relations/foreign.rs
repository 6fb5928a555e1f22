//! pg_foreign_data_wrapper, pg_foreign_server, pg_foreign_table: sources as PostgreSQL's clients know such things. A source is a
//! schema and a server, its assets are foreign tables; what is read is its wrapper.

use super::super::super::tables as relations;
use super::super::entry::What;
use super::super::facts::Facts;
use super::super::oids;
use super::rows::{Rows, row};
use crate::catalog::{Class, Object};

/// pg_foreign_data_wrapper
pub fn wrappers(facts: &Facts, rows: &mut Rows) {
    for (oid, name, remote) in [(oids::FILES, "files", false), (oids::POSTGRES, "postgres", true)] {
        let is_one = |object: &Object| matches!(object, Object::Source(source) if source.is_remote() == remote);
        if facts.catalog().class(Class::Schema).any(|(_, object)| is_one(object)) {
            row!(rows, oid: oid, fdwname: name, fdwowner: facts.first_superuser(), fdwhandler: 0, fdwvalidator: 0);
        }
    }
}

/// pg_foreign_server
pub fn servers(facts: &Facts, rows: &mut Rows) {
    for (id, object) in facts.catalog().class(Class::Schema) {
        let Object::Source(source) = object else { continue };
        if relations::may_read(&facts.context, source) {
            let options: Vec<String> = source.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
            row!(rows,
                oid: oids::of(id),
                srvname: source.name.as_str(),
                srvowner: oids::of(source.owner),
                srvfdw: if source.is_remote() { oids::POSTGRES } else { oids::FILES },
                srvtype: source.source_type.as_str(),
                srvoptions: options,
            );
        }
    }
}

/// pg_foreign_table
pub fn tables(facts: &Facts, rows: &mut Rows) {
    for entry in facts.entries() {
        if let What::Asset(_, finding) = entry.what {
            let form = finding.facts["form"].as_str().map(|form| vec![format!("form={form}")]);
            row!(rows, ftrelid: entry.oid, ftserver: oids::of(finding.object), ftoptions: form.unwrap_or_default());
        }
    }
}
