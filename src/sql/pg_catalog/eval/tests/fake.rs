//! A world of a few rows, in relations that have PostgreSQL's columns.

use super::super::super::relations::listed;
use super::super::super::value::{Column, Relation, Type, Value};
use super::super::super::world::World;
use crate::error::{Error, Kind, Result};
use std::sync::Arc;

/// OIDs of what the fake world has.
pub const ORDERS: i64 = 16410;
pub const USERS: i64 = 16424;

/// The fake world.
pub struct Fake;

/// A row by the names of its columns.
type Cells<'a> = &'a [(&'a str, Value)];

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

fn ints(numbers: &[i64]) -> Value {
    Value::Array(numbers.iter().copied().map(Value::Int).collect())
}

fn rows(name: &str) -> Vec<Vec<(&'static str, Value)>> {
    let class = |oid: i64, name: &str, kind: &str| {
        vec![
            ("oid", int(oid)),
            ("relname", text(name)),
            ("relnamespace", int(2200)),
            ("relkind", text(kind)),
            ("relpersistence", text("p")),
            ("relowner", int(10)),
            ("relam", int(if kind == "i" { 403 } else { 2 })),
            ("reltuples", Value::Float(-1.0)),
            ("relhasindex", Value::Bool(kind == "r")),
        ]
    };
    let column = |relation: i64, number: i64, name: &str, data_type: i64| {
        vec![
            ("attrelid", int(relation)),
            ("attnum", int(number)),
            ("attname", text(name)),
            ("atttypid", int(data_type)),
            ("atttypmod", int(-1)),
            ("attnotnull", Value::Bool(number == 1)),
            ("attisdropped", Value::Bool(false)),
            ("atthasdef", Value::Bool(false)),
            ("attidentity", text("")),
            ("attgenerated", text("")),
        ]
    };
    let data_type = |oid: i64, name: &str, length: i64, item: i64| {
        vec![
            ("oid", int(oid)),
            ("typname", text(name)),
            ("typnamespace", int(11)),
            ("typlen", int(length)),
            ("typelem", int(item)),
            ("typtype", text("b")),
            ("typdelim", text(",")),
            ("typbasetype", int(0)),
            ("typrelid", int(0)),
            ("typnotnull", Value::Bool(false)),
        ]
    };
    match name {
        "pg_namespace" => [(11, "pg_catalog"), (2200, "public"), (13000, "information_schema"), (16400, "audit")]
            .map(|(oid, name)| vec![("oid", int(oid)), ("nspname", text(name)), ("nspowner", int(10))])
            .into(),
        "pg_class" => vec![
            class(ORDERS, "orders", "r"),
            class(USERS, "users", "r"),
            class(16430, "orders_pkey", "i"),
            class(16431, "big_orders", "v"),
        ],
        "pg_attribute" => vec![
            column(ORDERS, 1, "id", 20),
            column(ORDERS, 2, "user_id", 20),
            column(ORDERS, 3, "sku", 25),
            column(USERS, 1, "id", 20),
            column(USERS, 2, "email", 25),
            column(16430, 1, "id", 20),
        ],
        "pg_type" => vec![
            data_type(20, "int8", 8, 0),
            data_type(25, "text", -1, 0),
            data_type(26, "oid", 4, 0),
            data_type(1016, "_int8", -1, 20),
            data_type(1028, "_oid", -1, 26),
        ],
        "pg_index" => vec![vec![
            ("indexrelid", int(16430)),
            ("indrelid", int(ORDERS)),
            ("indkey", ints(&[3, 1])),
            ("indoption", ints(&[0, 3])),
            ("indnatts", int(2)),
            ("indnkeyatts", int(2)),
            ("indisprimary", Value::Bool(true)),
            ("indisunique", Value::Bool(true)),
        ]],
        "pg_constraint" => vec![vec![
            ("oid", int(16440)),
            ("conname", text("orders_user_id_fkey")),
            ("contype", text("f")),
            ("conrelid", int(ORDERS)),
            ("confrelid", int(USERS)),
            ("conkey", ints(&[2])),
            ("confkey", ints(&[1])),
        ]],
        "pg_description" => vec![vec![
            ("objoid", int(USERS)),
            ("classoid", int(1259)),
            ("objsubid", int(2)),
            ("description", text("Login address")),
        ]],
        "pg_am" => vec![vec![("oid", int(403)), ("amname", text("btree"))]],
        _ => Vec::new(),
    }
}

fn row(columns: &[Column], cells: Cells<'_>) -> Arc<[Value]> {
    let value = |column: &Column| cells.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
    columns.iter().map(|column| value(column).unwrap_or(Value::Null)).collect()
}

impl World for Fake {
    fn relation(&self, schema: Option<&str>, name: &str) -> Result<Option<Arc<Relation>>> {
        let Some(listed) = listed::find(schema.unwrap_or("pg_catalog"), name) else { return Ok(None) };
        let rows = rows(name).iter().map(|cells| row(&listed.columns, cells)).collect();
        Ok(Some(Arc::new(Relation { oid: listed.oid, columns: listed.columns.clone(), rows })))
    }

    fn returns(&self, function: &str, args: &[Type]) -> Option<Type> {
        super::super::super::functions::returns(function, args)
    }

    fn call(&self, function: &str, args: &[Value], _: &[Type]) -> Result<Value> {
        Ok(match function {
            "current_schema" => text("public"),
            "current_schemas" => Value::Array([text("pg_catalog"), text("public")].into()),
            "current_database" => text("shop"),
            "pg_table_is_visible" | "pg_type_is_visible" => Value::Bool(true),
            "pg_get_userbyid" => text("steward"),
            "format_type" => text(if args.first() == Some(&Value::Int(20)) { "bigint" } else { "text" }),
            _ => Value::Null,
        })
    }

    fn oid_of(&self, reg: &Type, name: &str) -> Result<u32> {
        let bare = name.strip_prefix("pg_catalog.").or(name.strip_prefix("public.")).unwrap_or(name);
        let known = match (reg, bare) {
            (Type::Regclass, "orders") => ORDERS as u32,
            (Type::Regclass, "users") => USERS as u32,
            (Type::Regclass, "big_orders") => 16431,
            (Type::Regclass, name) => listed::find("pg_catalog", name).map_or(0, |listed| listed.oid),
            (Type::Regtype, "text") => 25,
            (Type::Regtype, _) => 20,
            (Type::Regproc, _) => 750,
            (Type::Regnamespace, _) => 11,
            _ => 0,
        };
        match known {
            0 => Err(Error::new(Kind::UndefinedTable, format!("relation \"{name}\" does not exist"))),
            oid => Ok(oid),
        }
    }

    fn name_of(&self, _: &Type, oid: u32) -> String {
        match i64::from(oid) {
            ORDERS => "orders".to_owned(),
            USERS => "users".to_owned(),
            _ => oid.to_string(),
        }
    }
}
