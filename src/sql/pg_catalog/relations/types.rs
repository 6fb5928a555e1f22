//! Built-in types, as PostgreSQL 15 numbers and describes them, and the types of columns among them.

use super::super::oids;
use crate::catalog::SqlType;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The collation of a text that says nothing of it.
pub const DEFAULT_COLLATION: u32 = 100;
/// pgvector's type, which PostgreSQL numbers when it is made.
pub const VECTOR: u32 = 16_100;
/// The collation that compares bytes.
pub const C_COLLATION: u32 = 950;

/// A built-in type: the columns of `pg_type`.
#[derive(Debug)]
#[allow(missing_docs)] // each is the column of its name
pub struct BuiltIn {
    pub oid: u32,
    pub name: &'static str,
    pub namespace: u32,
    pub len: i16,
    pub by_value: bool,
    pub kind: &'static str,
    pub category: &'static str,
    pub preferred: bool,
    pub delimiter: &'static str,
    pub element: u32,
    pub array: u32,
    /// Input, output, receive, send, modifier in and out, subscript.
    pub functions: [u32; 7],
    pub align: &'static str,
    pub storage: &'static str,
    pub base: u32,
    pub modifier: i32,
    pub collation: u32,
}

static TYPES: LazyLock<Vec<BuiltIn>> = LazyLock::new(|| {
    let lines = include_str!("types.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read).collect()
});

static BY_OID: LazyLock<HashMap<u32, &'static BuiltIn>> =
    LazyLock::new(|| TYPES.iter().map(|known| (known.oid, known)).collect());

static BY_NAME: LazyLock<HashMap<&'static str, &'static BuiltIn>> =
    LazyLock::new(|| TYPES.iter().map(|known| (known.name, known)).collect());

fn read(line: &'static str) -> Option<BuiltIn> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let number = |at: usize| words.get(at)?.parse::<u32>().ok();
    let mut functions = [0; 7];
    for (at, function) in functions.iter_mut().enumerate() {
        *function = number(11 + at)?;
    }
    Some(BuiltIn {
        oid: number(0)?,
        name: words[1],
        namespace: number(2)?,
        len: words[3].parse().ok()?,
        by_value: words[4] == "t",
        kind: words[5],
        category: words[6],
        preferred: words[7] == "t",
        delimiter: words[8],
        element: number(9)?,
        array: number(10)?,
        functions,
        align: words.get(18)?,
        storage: words.get(19)?,
        base: number(20)?,
        modifier: words.get(21)?.parse().ok()?,
        collation: number(22)?,
    })
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static BuiltIn> {
    TYPES.iter()
}

/// The type with this OID.
pub fn by_oid(oid: u32) -> Option<&'static BuiltIn> {
    BY_OID.get(&oid).copied()
}

/// The type of this name in `pg_type`.
pub fn by_name(name: &str) -> Option<&'static BuiltIn> {
    BY_NAME.get(name).copied()
}

/// The OID of a type as the list of columns names it: `text`, `text[]`; text if it is not among them.
pub fn oid_of_listed(name: &str) -> u32 {
    let found = match name.strip_suffix("[]") {
        Some(element) => by_name(element).map(|known| known.array),
        None => by_name(name).map(|known| known.oid),
    };
    found.filter(|oid| *oid != 0).unwrap_or(25)
}

/// The OID and the modifier of a column's type.
pub fn of_column(data_type: &SqlType) -> (u32, i32) {
    const HEADER: i32 = 4;
    let length = |n: u32| i32::try_from(n).unwrap_or(i32::MAX - HEADER) + HEADER;
    match data_type {
        SqlType::Bool => (16, -1),
        SqlType::Int2 => (21, -1),
        SqlType::Int4 => (23, -1),
        SqlType::Int8 => (20, -1),
        SqlType::Float4 => (700, -1),
        SqlType::Float8 => (701, -1),
        SqlType::Numeric(None) => (1700, -1),
        SqlType::Numeric(Some((precision, scale))) => {
            (1700, ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + HEADER)
        }
        SqlType::Text => (25, -1),
        SqlType::Varchar(None) => (1043, -1),
        SqlType::Varchar(Some(n)) => (1043, length(*n)),
        SqlType::Char(0) => (1042, -1),
        SqlType::Char(n) => (1042, length(*n)),
        SqlType::Bytea => (17, -1),
        SqlType::Date => (1082, -1),
        SqlType::Time => (1083, -1),
        SqlType::Timestamp => (1114, -1),
        SqlType::Timestamptz => (1184, -1),
        SqlType::Interval => (1186, -1),
        SqlType::Uuid => (2950, -1),
        SqlType::Inet => (869, -1),
        SqlType::Cidr => (650, -1),
        SqlType::Json => (114, -1),
        SqlType::Jsonb => (3802, -1),
        SqlType::Enum(of) => (oids::of(of.id), -1),
        SqlType::Vector(dimensions) => (VECTOR, dimensions.map_or(-1, i32::from)),
        SqlType::Array(item) if let SqlType::Enum(of) = item.as_ref() => (oids::row_array(of.id).unwrap_or(0), -1),
        SqlType::Array(item) => {
            let (element, modifier) = of_column(item);
            // Arrays of arrays are of the same type as arrays.
            let element = by_oid(element);
            (element.map_or(1009, |known| if known.array == 0 { known.oid } else { known.array }), modifier)
        }
    }
}

/// How SQL calls a built-in type, with its modifier if there is one: `numeric(12,2)`.
pub fn shown(known: &BuiltIn, modifier: Option<i32>) -> String {
    if known.category == "A" && known.name.starts_with('_') {
        let element = by_oid(known.element).map_or_else(|| "???".to_owned(), |element| shown(element, modifier));
        return format!("{element}[]");
    }
    let length = modifier.filter(|n| *n >= 4).map(|n| n - 4);
    let with = |name: &str| match length {
        Some(n) => format!("{name}({n})"),
        None => name.to_owned(),
    };
    let places = modifier.filter(|n| (0..=6).contains(n)).map_or_else(String::new, |n| format!("({n})"));
    match known.name {
        "bool" => "boolean".to_owned(),
        "int2" => "smallint".to_owned(),
        "int4" => "integer".to_owned(),
        "int8" => "bigint".to_owned(),
        "float4" => "real".to_owned(),
        "float8" => "double precision".to_owned(),
        "char" => "\"char\"".to_owned(),
        "varchar" => with("character varying"),
        // As PostgreSQL: `character` alone would be one character.
        "bpchar" if modifier == Some(-1) => "bpchar".to_owned(),
        "bpchar" => with("character"),
        "numeric" => match length {
            Some(n) => format!("numeric({},{})", n >> 16, ((n & 0x7ff) ^ 1024) - 1024),
            None => "numeric".to_owned(),
        },
        // Its modifier is the number itself.
        "vector" => match modifier.filter(|n| *n > 0) {
            Some(n) => format!("vector({n})"),
            None => "vector".to_owned(),
        },
        "time" => format!("time{places} without time zone"),
        "timestamp" => format!("timestamp{places} without time zone"),
        "timestamptz" => format!("timestamp{places} with time zone"),
        "any" => "\"any\"".to_owned(),
        name if known.namespace == super::super::oids::INFORMATION_SCHEMA => format!("information_schema.{name}"),
        name => name.to_owned(),
    }
}

/// The name in `pg_type` of a type as SQL calls it, without modifier: `int4` for `integer`.
pub fn internal_name(name: &str) -> &str {
    match name {
        "boolean" => "bool",
        "smallint" => "int2",
        "integer" | "int" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "double precision" | "float" => "float8",
        "decimal" | "dec" => "numeric",
        "character varying" | "char varying" => "varchar",
        "character" | "char" => "bpchar",
        "time without time zone" => "time",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_as_postgresql_shows_them() {
        assert_eq!(all().count(), include_str!("types.txt").lines().filter(|l| !l.starts_with('#')).count());
        let shown_of = |data_type: SqlType| {
            let (oid, modifier) = of_column(&data_type);
            shown(by_oid(oid).unwrap(), Some(modifier))
        };
        for data_type in [
            SqlType::Numeric(Some((12, 2))),
            SqlType::Varchar(Some(120)),
            SqlType::Char(3),
            SqlType::Timestamptz,
            SqlType::Array(Box::new(SqlType::Text)),
            SqlType::Array(Box::new(SqlType::Varchar(Some(5)))),
            SqlType::Uuid,
            SqlType::Vector(None),
            SqlType::Vector(Some(384)),
            SqlType::Float8,
        ] {
            let written = data_type.to_string();
            assert_eq!(shown_of(data_type), written);
        }
        assert_eq!(oid_of_listed("text[]"), 1009);
        assert_eq!(oid_of_listed("pg_mcv_list"), 25);
        assert_eq!(by_name("sql_identifier").unwrap().kind, "d");
    }
}
