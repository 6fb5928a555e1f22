//! The relations of PostgreSQL's catalogue with their columns, as they were recorded from PostgreSQL 15.
//!
//! All of them are here. What Steward has to say fills some; the others are empty, and look as they do in PostgreSQL.

use super::super::value::{Column, Type};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// A relation of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub struct Listed {
    /// PostgreSQL's OID of it.
    pub oid: u32,
    /// `pg_catalog` or `information_schema`.
    pub schema: &'static str,
    /// Its name.
    pub name: &'static str,
    /// `r` or `v`.
    pub kind: &'static str,
    /// The type of its rows.
    pub row_type: u32,
    /// The type of their arrays.
    pub row_array: u32,
    /// Its columns.
    pub columns: Arc<[Column]>,
    /// For each column the name of its type, a domain in `information_schema`.
    pub type_names: Vec<&'static str>,
    /// For each column whether it is never NULL.
    pub not_null: Vec<bool>,
}

static LISTED: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let lines = include_str!("columns.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).collect()
});

static BY_NAME: LazyLock<HashMap<(&'static str, &'static str), &'static Listed>> =
    LazyLock::new(|| LISTED.iter().map(|listed| ((listed.schema, listed.name), listed)).collect());

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Listed> {
    LISTED.iter()
}

/// The one of this name.
pub fn find(schema: &str, name: &str) -> Option<&'static Listed> {
    BY_NAME.get(&(schema, name)).copied()
}

/// The one with this OID.
pub fn by_oid(oid: u32) -> Option<&'static Listed> {
    LISTED.iter().find(|listed| listed.oid == oid)
}

/// The OID of a relation of `pg_catalog`: the class of an object in `pg_depend`, `pg_description` and their like.
pub fn class_oid(name: &str) -> u32 {
    find("pg_catalog", name).map_or(0, |listed| listed.oid)
}

fn read(line: &'static str) -> Option<Listed> {
    let mut words = line.splitn(6, ' ');
    let (oid, (schema, name)) = (words.next()?.parse().ok()?, words.next()?.split_once('.')?);
    let kind = words.next()?;
    let (row_type, row_array) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (mut columns, mut type_names, mut not_null) = (Vec::new(), Vec::new(), Vec::new());
    for column in words.next()?.split(", ") {
        let (column_name, type_name) = column.split_once(' ')?;
        not_null.push(type_name.ends_with('!'));
        let type_name = type_name.trim_end_matches('!');
        type_names.push(type_name);
        columns.push(Column { name: column_name.to_owned(), data_type: type_of(type_name) });
    }
    Some(Listed { oid, schema, name, kind, row_type, row_array, columns: columns.into(), type_names, not_null })
}

/// The type of values that a column of this type has here. Of a domain it is the base type, as in PostgreSQL's answers; types
/// that only empty columns have (`pg_lsn`, `inet`, `pg_mcv_list`) are text.
fn type_of(name: &str) -> Type {
    if let Some(element) = name.strip_suffix("[]") {
        return Type::Array(Box::new(type_of(element)));
    }
    Type::named(name).unwrap_or(Type::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_relation() {
        let lines = include_str!("columns.txt").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().count(), lines);
        let class = find("pg_catalog", "pg_class").unwrap();
        assert_eq!((class.oid, class.kind), (1259, "r"));
        assert_eq!(class.columns[1], Column { name: "relname".to_owned(), data_type: Type::Name });
        let acl = class.columns.iter().position(|column| column.name == "relacl").unwrap();
        assert_eq!(
            (class.type_names[acl], &class.columns[acl].data_type),
            ("aclitem[]", &Type::Array(Box::new(Type::AclItem)))
        );
        assert!(class.not_null[0] && !class.not_null[acl]);
    }
}
