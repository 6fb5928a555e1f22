//! Names, comments and visibility: format_type, obj_description, pg_table_is_visible, to_regclass and their kin.

use super::super::entry::What;
use super::super::identifier::quoted;
use super::super::relations::{functions, listed, types};
use super::super::value::{Type, Value};
use super::super::{names, oids};
use super::Args;
use crate::error::{Error, Kind, Result};

/// The type that such a function gives.
pub fn returns(name: &str) -> Option<Type> {
    Some(match name {
        "format_type"
        | "obj_description"
        | "col_description"
        | "shobj_description"
        | "pg_describe_object"
        | "pg_get_serial_sequence" => Type::Text,
        "pg_get_userbyid" => Type::Name,
        "pg_table_is_visible"
        | "pg_type_is_visible"
        | "pg_function_is_visible"
        | "pg_operator_is_visible"
        | "pg_opclass_is_visible"
        | "pg_opfamily_is_visible"
        | "pg_collation_is_visible"
        | "pg_conversion_is_visible"
        | "pg_statistics_obj_is_visible"
        | "pg_ts_config_is_visible"
        | "pg_ts_dict_is_visible"
        | "pg_ts_parser_is_visible"
        | "pg_ts_template_is_visible"
        | "pg_is_other_temp_schema"
        | "pg_relation_is_publishable"
        | "pg_index_column_has_property" => Type::Bool,
        "pg_relation_is_updatable" => Type::Int4,
        "pg_column_is_updatable" => Type::Bool,
        "pg_my_temp_schema" => Type::Oid,
        "to_regclass" => Type::Regclass,
        "to_regtype" => Type::Regtype,
        "to_regproc" => Type::Regproc,
        "to_regnamespace" => Type::Regnamespace,
        "to_regrole" => Type::Regrole,
        _ => return None,
    })
}

/// Calls one of them.
pub fn call(args: &Args<'_>) -> Result<Value> {
    let facts = args.facts;
    Ok(match args.name {
        "format_type" => {
            if args.values.first() == Some(&Value::Null) {
                return Ok(Value::Null);
            }
            let oid = args.oid(0, &Type::Regtype)?;
            let modifier = match args.values.get(1) {
                None | Some(Value::Null) => None,
                Some(_) => i32::try_from(args.number(1)?).ok(),
            };
            match oid {
                0 => "-".into(),
                _ => names::type_name(facts, oid, modifier).unwrap_or_else(|| "???".to_owned()).into(),
            }
        }
        "obj_description" => object_comment(args, "pg_description")?.into(),
        "shobj_description" => object_comment(args, "pg_shdescription")?.into(),
        "col_description" => {
            let Some(entry) = facts.entry(args.oid(0, &Type::Regclass)?) else { return Ok(Value::Null) };
            let at = usize::try_from(args.number(1)?).ok().and_then(|at| at.checked_sub(1));
            at.and_then(|at| facts.attributes(&entry).into_iter().nth(at)?.comment).into()
        }
        "pg_get_userbyid" => {
            let oid = args.oid(0, &Type::Regrole)?;
            names::role_name(facts, oid).unwrap_or_else(|| format!("unknown (OID={oid})")).into()
        }
        "pg_table_is_visible" => {
            facts.entry(args.oid(0, &Type::Regclass)?).map(|entry| facts.is_in_path(&entry)).into()
        }
        "pg_type_is_visible" => {
            let oid = args.oid(0, &Type::Regtype)?;
            match types::by_oid(oid) {
                Some(known) => (known.namespace == oids::PG_CATALOG).into(),
                None if let Some((oid, of)) = Some(names::enum_of_array(facts, oid).unwrap_or(oid))
                    .and_then(|oid| Some((oid, facts.catalog().enum_by_id(u64::from(oid))?))) =>
                {
                    let found = crate::sql::types::find_enum(&facts.context, None, &of.name);
                    found.is_some_and(|(id, _)| oids::of(id) == oid).into()
                }
                None if let Some(domain) = facts.catalog().domain_by_id(u64::from(oid)) => {
                    let found = crate::sql::types::find_domain(&facts.context, None, &domain.name);
                    found.is_some_and(|(id, _)| oids::of(id) == oid).into()
                }
                None => names::relation_of_type(facts, oid).map(|(entry, _)| facts.is_in_path(&entry)).into(),
            }
        }
        "pg_function_is_visible" => {
            let known = functions::by_oid(facts, args.oid(0, &Type::Regproc)?);
            known.map(|known| facts.is_listed_from(&known.schema)).into()
        }
        "pg_operator_is_visible"
        | "pg_opclass_is_visible"
        | "pg_opfamily_is_visible"
        | "pg_collation_is_visible"
        | "pg_conversion_is_visible" => true.into(),
        "pg_is_other_temp_schema" => false.into(),
        "pg_relation_is_publishable" => {
            let entry = facts.entry(args.oid(0, &Type::Regclass)?);
            entry.map(|entry| matches!(entry.what, What::Table(..))).into()
        }
        // Bits for UPDATE, INSERT and DELETE.
        "pg_relation_is_updatable" => {
            let entry = facts.entry(args.oid(0, &Type::Regclass)?);
            entry.map_or(0, |entry| facts.writable(&entry).events).into()
        }
        "pg_column_is_updatable" => {
            let entry = facts.entry(args.oid(0, &Type::Regclass)?);
            let at = usize::try_from(args.number(1)?).ok().and_then(|number| number.checked_sub(1));
            at.is_some_and(|at| entry.is_some_and(|entry| facts.writable(&entry).column(at))).into()
        }
        "pg_index_column_has_property" => {
            let Some(entry) = facts.entry(args.oid(0, &Type::Regclass)?) else { return Ok(Value::Null) };
            let of_trees = ["asc", "nulls_last", "orderable", "returnable", "search_array", "search_nulls"]
                .contains(&args.text(2)?);
            (of_trees && matches!(entry.what, What::Key(..) | What::Plain(..))).into()
        }
        "pg_my_temp_schema" => 0.into(),
        "pg_get_serial_sequence" => serial_sequence(args)?.into(),
        "pg_describe_object" => described(args)?.into(),
        "to_regclass" => looked_up(args, &Type::Regclass)?,
        "to_regtype" => looked_up(args, &Type::Regtype)?,
        "to_regproc" => looked_up(args, &Type::Regproc)?,
        "to_regnamespace" => looked_up(args, &Type::Regnamespace)?,
        "to_regrole" => looked_up(args, &Type::Regrole)?,
        _ => Value::Null,
    })
}

/// The OID of a name; NULL where a cast would be an error.
fn looked_up(args: &Args<'_>, reg: &Type) -> Result<Value> {
    let text = args.text(0)?;
    Ok(names::oid_of(args.facts, reg, text).ok().into())
}

fn object_comment(args: &Args<'_>, told: &str) -> Result<Option<String>> {
    let shared = told == "pg_shdescription";
    let oid = args.oid(0, &Type::Regclass)?;
    let class = match args.values.get(1) {
        Some(_) => args.text(1)?,
        None => "pg_class",
    };
    let class = listed::class_oid(class);
    let Some(relation) = super::super::world::World::relation(args.facts, Some("pg_catalog"), told)? else {
        return Ok(None);
    };
    let found = relation.rows.iter().find(|row| {
        let whole = shared || row[2] == Value::Int(0);
        row[0] == Value::Int(i64::from(oid)) && row[1] == Value::Int(i64::from(class)) && whole
    });
    Ok(found.and_then(|row| match &row[if shared { 2 } else { 3 }] {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    }))
}

/// The sequence that numbers a column, as a statement would write it.
fn serial_sequence(args: &Args<'_>) -> Result<Option<String>> {
    let entry = args.facts.must_find(args.text(0)?)?;
    let column = args.text(1)?;
    let What::Table(_, table) = entry.what else { return Ok(None) };
    let Some(at) = table.column_index(column) else {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", entry.name);
        return Err(Error::new(Kind::UndefinedColumn, message));
    };
    crate::sql::functions::sequence::serial_sequence(&args.facts.context, args.text(0)?, &table.columns[at].name)
}

fn described(args: &Args<'_>) -> Result<Option<String>> {
    let (class, oid, column) = (args.oid(0, &Type::Regclass)?, args.oid(1, &Type::Oid)?, args.number(2)?);
    let facts = args.facts;
    let is = |name: &str| class == listed::class_oid(name);
    Ok(if is("pg_class") || is("pg_rewrite") {
        facts.entry(oid).map(|entry| {
            let kind = match entry.kind() {
                "r" => "table",
                "v" => "view",
                "i" => "index",
                _ => "sequence",
            };
            let name = facts.written(&entry);
            let column = usize::try_from(column).ok().and_then(|at| at.checked_sub(1));
            match column.and_then(|at| facts.attributes(&entry).into_iter().nth(at)) {
                Some(column) => format!("column {} of {kind} {name}", quoted(&column.name)),
                None if is("pg_rewrite") => format!("rule _RETURN on view {name}"),
                None => format!("{kind} {name}"),
            }
        })
    } else if is("pg_namespace") {
        names::schema_name(facts, oid).map(|name| format!("schema {}", quoted(&name)))
    } else if is("pg_authid") {
        names::role_name(facts, oid).map(|name| format!("role {}", quoted(&name)))
    } else if is("pg_type") {
        names::type_name(facts, oid, None).map(|name| format!("type {name}"))
    } else if is("pg_constraint") {
        oids::constraint_of(oid).map(|(table, _)| {
            let on = facts.entry(oids::of(table)).map(|entry| facts.written(&entry)).unwrap_or_default();
            format!("constraint on table {on}")
        })
    } else {
        None
    })
}
