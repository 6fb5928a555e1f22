//! What is built in: pg_type, pg_proc, pg_am, pg_collation, pg_language, pg_opclass, pg_opfamily.

use super::super::entry::What;
use super::super::facts::Facts;
use super::super::oids;
use super::domain;
use super::functions as known;
use super::rows::{Rows, row};
use super::types as built_in;
use crate::catalog::{Class, Object};

/// pg_type: what is built in, then the row types of relations and arrays of them.
pub fn types(facts: &Facts, rows: &mut Rows) {
    let owner = facts.first_superuser();
    for known in built_in::all() {
        rows.add(&[
            ("oid", known.oid.into()),
            ("typname", known.name.into()),
            ("typnamespace", known.namespace.into()),
            ("typowner", owner.into()),
            ("typlen", known.len.into()),
            ("typbyval", known.by_value.into()),
            ("typtype", known.kind.into()),
            ("typcategory", known.category.into()),
            ("typispreferred", known.preferred.into()),
            ("typisdefined", true.into()),
            ("typdelim", known.delimiter.into()),
            ("typsubscript", known.functions[6].into()),
            ("typelem", known.element.into()),
            ("typarray", known.array.into()),
            ("typinput", known.functions[0].into()),
            ("typoutput", known.functions[1].into()),
            ("typreceive", known.functions[2].into()),
            ("typsend", known.functions[3].into()),
            ("typmodin", known.functions[4].into()),
            ("typmodout", known.functions[5].into()),
            ("typalign", known.align.into()),
            ("typstorage", known.storage.into()),
            ("typbasetype", known.base.into()),
            ("typtypmod", known.modifier.into()),
            ("typcollation", known.collation.into()),
        ]);
    }
    for (id, object) in facts.catalog().class(Class::Type) {
        let Object::Enum(of) = object else { continue };
        row!(rows,
            oid: oids::of(id),
            typname: of.name.as_str(),
            typnamespace: facts.schema_oid(&of.schema).unwrap_or(0),
            typowner: oids::of(of.owner),
            typlen: 4,
            typbyval: true,
            typtype: "e",
            typcategory: "E",
            typisdefined: true,
            typdelim: ",",
            // enum_in, enum_out, enum_recv, enum_send
            typinput: 3506,
            typoutput: 3507,
            typreceive: 3532,
            typsend: 3533,
            typalign: "i",
            typstorage: "p",
            typtypmod: -1,
            typarray: oids::row_array(id).unwrap_or(0),
        );
        if let Some(array) = oids::row_array(id) {
            row!(rows,
                oid: array,
                typname: format!("_{}", of.name),
                typnamespace: facts.schema_oid(&of.schema).unwrap_or(0),
                typowner: oids::of(of.owner),
                typlen: -1,
                typtype: "b",
                typcategory: "A",
                typisdefined: true,
                typdelim: ",",
                // array_subscript_handler, array_in, array_out, array_recv, array_send
                typsubscript: 6179,
                typelem: oids::of(id),
                typinput: 750,
                typoutput: 751,
                typreceive: 2400,
                typsend: 2401,
                typalign: "i",
                typstorage: "x",
                typtypmod: -1,
            );
        }
    }
    domain::types(facts, rows);
    // record_in, record_out, record_recv, record_send; array_in and so on.
    let (record, array) = ([2290, 2291, 2402, 2403], [750, 751, 2400, 2401]);
    for entry in facts.entries() {
        let (row_type, row_array) = match entry.what {
            What::Table(id, _) | What::View(id, _) => (entry.oid, oids::row_array(id).unwrap_or(0)),
            What::Listed(listed) => (listed.row_type, listed.row_array),
            _ => continue,
        };
        let namespace = facts.schema_oid(entry.schema).unwrap_or(0);
        let mut add = |oid: u32, name: &str, [input, output, receive, send]: [u32; 4], is_array: bool| {
            row!(rows,
                oid: oid,
                typname: name,
                typnamespace: namespace,
                typowner: facts.owner(&entry),
                typlen: -1,
                typtype: if is_array { "b" } else { "c" },
                typcategory: if is_array { "A" } else { "C" },
                typisdefined: true,
                typdelim: ",",
                typrelid: if is_array { 0 } else { entry.oid },
                typsubscript: if is_array { 6179 } else { 0 },
                typelem: if is_array { row_type } else { 0 },
                typarray: if is_array { 0 } else { row_array },
                typinput: input,
                typoutput: output,
                typreceive: receive,
                typsend: send,
                typalign: "d",
                typstorage: "x",
                typtypmod: -1,
            );
        };
        add(row_type, &entry.name, record, false);
        if row_array != 0 {
            add(row_array, &format!("_{}", entry.name), array, true);
        }
    }
}

/// pg_enum
pub fn enum_labels(facts: &Facts, rows: &mut Rows) {
    for (id, object) in facts.catalog().class(Class::Type) {
        let Object::Enum(of) = object else { continue };
        for (at, (label, text)) in of.labels.iter().enumerate() {
            row!(rows,
                oid: oids::of(*label),
                enumtypid: oids::of(id),
                enumsortorder: (at + 1) as f64,
                enumlabel: text.as_str(),
            );
        }
    }
}

/// pg_proc
pub fn functions(facts: &Facts, rows: &mut Rows) {
    let nobodys = facts.first_superuser();
    for function in known::all(facts) {
        let names: Vec<&str> = function.arg_names.iter().map(AsRef::as_ref).collect();
        let names = (!names.is_empty()).then_some(names);
        let owner = function.owner.map_or(nobodys, oids::of);
        // Where it gives a table, its columns stand among the arguments.
        let all_types: Vec<u32> = function.args.iter().chain(&function.columns).copied().collect();
        let modes = function.args.iter().map(|_| "i").chain(function.columns.iter().map(|_| "t")).collect::<Vec<_>>();
        let gives_table = !function.columns.is_empty();
        rows.add(&[
            ("oid", function.oid.into()),
            ("proname", function.name.as_ref().into()),
            ("pronamespace", facts.schema_oid(&function.schema).unwrap_or(0).into()),
            ("proowner", owner.into()),
            // sql, internal
            ("prolang", if function.source.is_some() { 14 } else { 12 }.into()),
            ("procost", if function.source.is_some() { 100.0 } else { 1.0 }.into()),
            ("prorows", if function.returns_set { 1000.0 } else { 0.0 }.into()),
            ("prokind", function.kind.into()),
            ("proisstrict", function.strict.into()),
            ("proretset", function.returns_set.into()),
            ("provolatile", function.volatility.into()),
            ("proparallel", if function.source.is_some() { "u" } else { "s" }.into()),
            ("pronargs", function.args.len().into()),
            ("prorettype", function.result.into()),
            ("proargtypes", function.args.clone().into()),
            ("pronargdefaults", function.defaults.iter().flatten().count().into()),
            ("proallargtypes", gives_table.then_some(all_types).into()),
            ("proargmodes", gives_table.then_some(modes).into()),
            ("proargnames", names.into()),
            ("prosrc", function.source.as_deref().unwrap_or(&function.name).into()),
        ]);
    }
}

/// pg_cast
pub fn casts(_: &Facts, rows: &mut Rows) {
    let lines = include_str!("casts.txt").lines().filter(|line| !line.starts_with('#'));
    for (at, line) in lines.enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let [from, to, function, context, method] = words.as_slice() else { continue };
        let number = |text: &str| text.parse::<u32>().unwrap_or(0);
        row!(rows,
            oid: oids::CASTS + u32::try_from(at).unwrap_or(0),
            castsource: number(from),
            casttarget: number(to),
            castfunc: number(function),
            castcontext: *context,
            castmethod: *method,
        );
    }
}

/// pg_am
pub fn access_methods(_: &Facts, rows: &mut Rows) {
    row!(rows, oid: 2, amname: "heap", amhandler: 3, amtype: "t");
    row!(rows, oid: 403, amname: "btree", amhandler: 330, amtype: "i");
    row!(rows, oid: 405, amname: "hash", amhandler: 331, amtype: "i");
    row!(rows, oid: oids::TEXT_METHOD, amname: "steward", amtype: "i");
}

/// pg_collation
pub fn collations(facts: &Facts, rows: &mut Rows) {
    let owner = facts.first_superuser();
    let mut add = |oid: u32, name: &str, provider: &str, locale: Option<&str>| {
        row!(rows,
            oid: oid,
            collname: name,
            collnamespace: oids::PG_CATALOG,
            collowner: owner,
            collprovider: provider,
            collisdeterministic: true,
            collencoding: -1,
            collcollate: locale,
            collctype: locale,
        );
    };
    add(100, "default", "d", None);
    add(950, "C", "c", Some("C"));
    add(951, "POSIX", "c", Some("POSIX"));
}

/// pg_language
pub fn languages(facts: &Facts, rows: &mut Rows) {
    let owner = facts.first_superuser();
    for (oid, name, trusted) in [(12, "internal", false), (13, "c", false), (14, "sql", true)] {
        row!(rows, oid: oid, lanname: name, lanowner: owner, lanispl: false, lanpltrusted: trusted);
    }
}

/// Operator classes of b-trees that are the default of their type: class, name, family, type. PostgreSQL's numbers.
const CLASSES: &[(u32, &str, u32, u32)] = &[
    (10000, "array_ops", 397, 2277),
    (10003, "bool_ops", 424, 16),
    (10004, "bpchar_ops", 426, 1042),
    (10006, "bytea_ops", 428, 17),
    (10007, "char_ops", 429, 18),
    (3122, "date_ops", 434, 1082),
    (10012, "float4_ops", 1970, 700),
    (3123, "float8_ops", 1970, 701),
    (1979, "int2_ops", 1976, 21),
    (1978, "int4_ops", 1976, 23),
    (3124, "int8_ops", 1976, 20),
    (10022, "interval_ops", 1982, 1186),
    (10028, "name_ops", 1994, 19),
    (3125, "numeric_ops", 1988, 1700),
    (1981, "oid_ops", 1989, 26),
    (3126, "text_ops", 1994, 25),
    (10038, "time_ops", 1996, 1083),
    (3128, "timestamp_ops", 434, 1114),
    (3127, "timestamptz_ops", 434, 1184),
    (10065, "uuid_ops", 2968, 2950),
    (10088, "jsonb_ops", 4033, 3802),
];

/// The operator class by which a b-tree orders a type.
pub fn operator_class(type_oid: u32) -> u32 {
    // A varchar is ordered as text; arrays all have one class.
    let of = match built_in::by_oid(type_oid) {
        _ if type_oid == 1043 => 25,
        Some(known) if known.category == "A" && known.len == -1 => 2277,
        _ => type_oid,
    };
    CLASSES.iter().find(|(_, _, _, data_type)| *data_type == of).map_or(0, |(oid, ..)| *oid)
}

/// pg_opclass
pub fn operator_classes(facts: &Facts, rows: &mut Rows) {
    let owner = facts.first_superuser();
    let mut add = |oid: u32, method: u32, name: &str, family: u32, data_type: u32| {
        row!(rows,
            oid: oid,
            opcmethod: method,
            opcname: name,
            opcnamespace: oids::PG_CATALOG,
            opcowner: owner,
            opcfamily: family,
            opcintype: data_type,
            opcdefault: true,
        );
    };
    for (oid, name, family, data_type) in CLASSES {
        add(*oid, 403, name, *family, *data_type);
    }
    add(oids::TEXT_CLASS, oids::TEXT_METHOD, "text_ops", oids::TEXT_CLASS, 25);
}

/// pg_opfamily
pub fn operator_families(facts: &Facts, rows: &mut Rows) {
    let owner = facts.first_superuser();
    let mut seen = Vec::new();
    for (_, class, family, _) in CLASSES {
        if !seen.contains(family) {
            seen.push(*family);
            let name = match family {
                434 => "datetime_ops",
                1970 => "float_ops",
                1976 => "integer_ops",
                1994 => "text_ops",
                _ => class,
            };
            row!(rows, oid: *family, opfmethod: 403, opfname: name, opfnamespace: oids::PG_CATALOG, opfowner: owner);
        }
    }
}
