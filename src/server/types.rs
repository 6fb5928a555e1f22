//! Arrow types and PostgreSQL's: OIDs, sizes, modifiers.

use crate::catalog::{ENUM_ARRAY_MARK, ENUM_MARK, SqlType};
use crate::encoding::pg_text::{DIGITS_MARK, TYPE_METADATA};
use crate::sql::{COMPUTED_METADATA, array_type_of, element_type_of};
use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use std::sync::Arc;

/// OIDs of the built-in types, as in PostgreSQL's `pg_type.dat`.
pub mod oid {
    #![allow(missing_docs)] // each is named for the type it numbers
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT2VECTOR: u32 = 22;
    pub const INT4: u32 = 23;
    pub const REGPROC: u32 = 24;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const TID: u32 = 27;
    pub const XID: u32 = 28;
    pub const CID: u32 = 29;
    pub const OIDVECTOR: u32 = 30;
    pub const JSON: u32 = 114;
    pub const XML: u32 = 142;
    pub const PG_NODE_TREE: u32 = 194;
    pub const CIDR: u32 = 650;
    pub const INET: u32 = 869;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const ACLITEM: u32 = 1033;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const TIMESTAMPTZ_ARRAY: u32 = 1185;
    pub const INTERVAL: u32 = 1186;
    pub const NUMERIC: u32 = 1700;
    pub const REGCLASS: u32 = 2205;
    pub const REGOPERATOR: u32 = 2204;
    pub const REGTYPE: u32 = 2206;
    pub const RECORD: u32 = 2249;
    pub const ANYARRAY: u32 = 2277;
    pub const VOID: u32 = 2278;
    pub const UUID: u32 = 2950;
    pub const JSONB: u32 = 3802;
    pub const REGNAMESPACE: u32 = 4089;
    pub const REGROLE: u32 = 4096;
    /// pgvector's type, which PostgreSQL numbers when it is made.
    pub const VECTOR: u32 = 16_100;
}

/// What is known of one type: its name in field metadata, OID, size in bytes (-1 varies), OID of its array.
struct Known {
    name: &'static str,
    oid: u32,
    len: i16,
    array: u32,
}

const fn known(name: &'static str, oid: u32, len: i16, array: u32) -> Known {
    Known { name, oid, len, array }
}

const KNOWN: &[Known] = &[
    known("bool", oid::BOOL, 1, 1000),
    known("bytea", oid::BYTEA, -1, 1001),
    known("\"char\"", oid::CHAR, 1, 1002),
    known("name", oid::NAME, 64, 1003),
    known("int8", oid::INT8, 8, 1016),
    known("int2", oid::INT2, 2, 1005),
    known("int2vector", oid::INT2VECTOR, -1, 1006),
    known("int4", oid::INT4, 4, 1007),
    known("regproc", oid::REGPROC, 4, 1008),
    known("text", oid::TEXT, -1, 1009),
    known("oid", oid::OID, 4, 1028),
    known("tid", oid::TID, 6, 1010),
    known("xid", oid::XID, 4, 1011),
    known("cid", oid::CID, 4, 1012),
    known("oidvector", oid::OIDVECTOR, -1, 1013),
    known("json", oid::JSON, -1, 199),
    known("xml", oid::XML, -1, 143),
    known("pg_node_tree", oid::PG_NODE_TREE, -1, 0),
    known("inet", oid::INET, -1, 1041),
    known("cidr", oid::CIDR, -1, 651),
    known("float4", oid::FLOAT4, 4, 1021),
    known("float8", oid::FLOAT8, 8, 1022),
    known("unknown", oid::UNKNOWN, -2, 0),
    known("aclitem", oid::ACLITEM, 12, 1034),
    known("char", oid::BPCHAR, -1, 1014),
    known("bpchar", oid::BPCHAR, -1, 1014),
    known("varchar", oid::VARCHAR, -1, 1015),
    known("date", oid::DATE, 4, 1182),
    known("time", oid::TIME, 8, 1183),
    known("timestamp", oid::TIMESTAMP, 8, 1115),
    known("timestamptz", oid::TIMESTAMPTZ, 8, 1185),
    known("interval", oid::INTERVAL, 16, 1187),
    known("numeric", oid::NUMERIC, -1, 1231),
    known("regclass", oid::REGCLASS, 4, 2210),
    known("regoperator", oid::REGOPERATOR, 4, 2209),
    known("regtype", oid::REGTYPE, 4, 2211),
    known("record", oid::RECORD, -1, 2287),
    known("void", oid::VOID, 4, 0),
    known("anyarray", oid::ANYARRAY, -1, 0),
    known("uuid", oid::UUID, 16, 2951),
    known("jsonb", oid::JSONB, -1, 3807),
    known("regnamespace", oid::REGNAMESPACE, 4, 4090),
    known("regrole", oid::REGROLE, 4, 4097),
    known("vector", oid::VECTOR, -1, 16_101),
];

/// A type as a row description gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireType {
    /// The type's OID.
    pub oid: u32,
    /// Its size in bytes; -1 when it varies.
    pub len: i16,
    /// Its modifier, such as the length of a `varchar(n)`; -1 for none.
    pub modifier: i32,
}

/// The PostgreSQL type of a column.
pub fn wire_type(field: &Field) -> WireType {
    let oid = type_oid(field);
    let len = KNOWN.iter().find(|known| known.oid == oid).map_or(-1, |known| known.len);
    WireType { oid, len, modifier: modifier(field) }
}

/// The OID of a column's type.
pub fn type_oid(field: &Field) -> u32 {
    if let Some(marked) = field.metadata().get(TYPE_METADATA).and_then(|mark| marked_oid(mark, field.data_type())) {
        return marked;
    }
    match field.data_type() {
        DataType::Boolean => oid::BOOL,
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => oid::INT2,
        DataType::UInt16 | DataType::Int32 => oid::INT4,
        // The engine's counts, which PostgreSQL has as `bigint`: row_number() and its like.
        DataType::UInt32 | DataType::Int64 | DataType::UInt64 => oid::INT8,
        DataType::Float16 | DataType::Float32 => oid::FLOAT4,
        DataType::Float64 => oid::FLOAT8,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            oid::NUMERIC
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => oid::BYTEA,
        DataType::Date32 | DataType::Date64 => oid::DATE,
        DataType::Time32(_) | DataType::Time64(_) => oid::TIME,
        DataType::Timestamp(_, None) => oid::TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => oid::TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => oid::INTERVAL,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => array_of(item),
        DataType::Map(entries, _) => array_of(entries),
        DataType::Struct(_) => oid::RECORD,
        DataType::Dictionary(_, values) => type_oid(&Field::new("value", values.as_ref().clone(), true)),
        _ => oid::TEXT,
    }
}

/// The OID that a mark in the metadata names, if the column's values can be of that type: an expression may carry the
/// mark of the column it was made from.
fn marked_oid(mark: &str, data_type: &DataType) -> Option<u32> {
    if let Some(rest) = mark.strip_prefix(ENUM_ARRAY_MARK) {
        let number = rest.split(':').next().and_then(|number| number.parse().ok()).and_then(array_type_of);
        return number.filter(|_| matches!(data_type, DataType::List(_)));
    }
    if let Some(rest) = mark.strip_prefix(ENUM_MARK) {
        let number = rest.split(':').next().and_then(|number| number.parse().ok());
        return number.filter(|_| data_type == &DataType::Utf8);
    }
    if mark == DIGITS_MARK {
        return (data_type == &DataType::Utf8).then_some(oid::NUMERIC);
    }
    let name = mark.split('(').next().unwrap_or(mark);
    if let Some(element) = name.strip_suffix("[]") {
        let known = KNOWN.iter().find(|known| known.name == element && known.array != 0)?;
        return matches!(data_type, DataType::List(_) | DataType::LargeList(_)).then_some(known.array);
    }
    let known = KNOWN.iter().find(|known| known.name == name)?;
    let fits = match data_type {
        DataType::Dictionary(_, values) => return marked_oid(mark, values),
        // A function is shown by its name, though a parameter of its type is a number.
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            arrow_type(known.oid) == DataType::Utf8 || known.oid == oid::REGPROC
        }
        DataType::FixedSizeBinary(16) => known.oid == oid::UUID,
        DataType::List(item) => known.oid == oid::VECTOR && item.data_type() == &DataType::Float32,
        DataType::Decimal128(..) | DataType::Decimal256(..) => known.oid == oid::NUMERIC,
        DataType::Int32 | DataType::UInt32 | DataType::Int64 => {
            known.len == 4 && !matches!(known.oid, oid::FLOAT4 | oid::DATE) || known.oid == oid::INT8
        }
        _ => false,
    };
    fits.then_some(known.oid)
}

/// The OID of arrays of a type. PostgreSQL has one type for arrays of all dimensions.
fn array_of(item: &Field) -> u32 {
    let element = type_oid(item);
    if element == oid::VECTOR {
        return KNOWN.iter().find(|known| known.oid == element).map_or(oid::TEXT, |known| known.array);
    }
    if let DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) = item.data_type() {
        return array_of(inner);
    }
    match KNOWN.iter().find(|known| known.oid == element) {
        Some(known) if known.array != 0 => known.array,
        _ => oid::TEXT,
    }
}

/// The OID of an array's elements; `None` when the type is no array.
pub fn element_of(array: u32) -> Option<u32> {
    let known = KNOWN.iter().find(|known| known.array == array && array != 0).map(|known| known.oid);
    known.or_else(|| element_type_of(array))
}

/// The Arrow type that carries a parameter of a PostgreSQL type; text for types that have none.
pub fn arrow_type(type_oid: u32) -> DataType {
    match type_oid {
        oid::BOOL => DataType::Boolean,
        oid::INT2 => DataType::Int16,
        oid::INT4 => DataType::Int32,
        oid::INT8 | oid::OID | oid::XID | oid::CID | oid::REGPROC => DataType::Int64,
        oid::FLOAT4 => DataType::Float32,
        oid::FLOAT8 => DataType::Float64,
        oid::NUMERIC => DataType::Decimal128(38, 9),
        oid::BYTEA => DataType::Binary,
        oid::DATE => DataType::Date32,
        oid::TIME => DataType::Time64(TimeUnit::Microsecond),
        oid::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        oid::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        oid::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        oid::VECTOR => SqlType::Vector(None).arrow(),
        _ => match element_of(type_oid) {
            Some(element) => DataType::List(Arc::new(Field::new("item", arrow_type(element), true))),
            None => DataType::Utf8,
        },
    }
}

/// The field of a parameter of a PostgreSQL type, marked where Arrow's type does not tell which it is.
pub fn parameter(name: String, type_oid: u32) -> Field {
    if let Some(element) = element_of(type_oid) {
        return Field::new(name, DataType::List(Arc::new(parameter("item".to_owned(), element))), true);
    }
    let field = Field::new(name, arrow_type(type_oid), true);
    let known = KNOWN.iter().rfind(|known| known.oid == type_oid).map(|known| known.name);
    match known.filter(|_| self::type_oid(&field) != type_oid || type_oid == oid::NUMERIC) {
        Some(mark) => field.with_metadata([(TYPE_METADATA.to_owned(), mark.to_owned())].into()),
        None => field,
    }
}

/// `n + 4` for `varchar(n)` and `char(n)`, precision and scale for `numeric(p,s)`.
fn modifier(field: &Field) -> i32 {
    const HEADER: i32 = 4;
    if field.metadata().contains_key(COMPUTED_METADATA) {
        return -1;
    }
    if let Some(mark) = field.metadata().get(TYPE_METADATA) {
        if mark.starts_with(ENUM_MARK) || mark.starts_with(ENUM_ARRAY_MARK) {
            return -1;
        }
        let length = mark.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        return match length.map(|text| text.split(',').map(str::trim).collect::<Vec<_>>()).as_deref() {
            // Dimensions are told as they are.
            Some([dimensions]) if mark.starts_with("vector") => dimensions.parse().unwrap_or(-1),
            Some([length]) => length.parse::<i32>().map_or(-1, |n| n.saturating_add(HEADER)),
            Some([precision, scale]) => match (precision.parse::<i32>(), scale.parse::<i32>()) {
                (Ok(precision), Ok(scale)) => ((precision << 16) | (scale & 0x7ff)) + HEADER,
                _ => -1,
            },
            _ => -1,
        };
    }
    match field.data_type() {
        // The widest precision is what sums and products get, where PostgreSQL knows no modifier either.
        DataType::Decimal128(precision, scale) if *precision < 38 => {
            ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + HEADER
        }
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(data_type: DataType, mark: &str) -> Field {
        Field::new("c", data_type, true).with_metadata([(TYPE_METADATA.to_owned(), mark.to_owned())].into())
    }

    #[test]
    fn columns_have_postgresqls_types() {
        let plain = |data_type| wire_type(&Field::new("c", data_type, true));
        assert_eq!(plain(DataType::Int32), WireType { oid: 23, len: 4, modifier: -1 });
        assert_eq!(plain(DataType::Utf8View), WireType { oid: 25, len: -1, modifier: -1 });
        // As `select atttypmod from pg_attribute` shows for numeric(12,2) and varchar(10).
        assert_eq!(plain(DataType::Decimal128(12, 2)), WireType { oid: 1700, len: -1, modifier: 786_438 });
        assert_eq!(wire_type(&marked(DataType::Utf8, "varchar(10)")).modifier, 14);
        assert_eq!(wire_type(&marked(DataType::Utf8, "char(3)")), WireType { oid: 1042, len: -1, modifier: 7 });
        assert_eq!(wire_type(&marked(DataType::Decimal128(38, 9), "numeric")).modifier, -1);
        assert_eq!(type_oid(&marked(DataType::Utf8, "jsonb")), 3802);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert_eq!(plain(dictionary).oid, 25);
    }

    #[test]
    fn parameters_are_what_was_declared() {
        for known in KNOWN {
            for oid in [known.oid, known.array] {
                // No value has these, or nothing tells them apart.
                if oid != 0 && !matches!(known.oid, oid::UNKNOWN | oid::INT2VECTOR | oid::OIDVECTOR) {
                    assert_eq!(type_oid(&parameter("$1".to_owned(), oid)), oid, "{}", known.name);
                }
            }
        }
    }

    #[test]
    fn arrays_know_their_elements() {
        let list = |item: Field| Field::new("c", DataType::List(Arc::new(item)), true);
        assert_eq!(type_oid(&list(Field::new("item", DataType::Int64, true))), 1016);
        assert_eq!(type_oid(&list(marked(DataType::Utf8, "uuid"))), 2951);
        assert_eq!(type_oid(&list(list(Field::new("item", DataType::Utf8, true)))), 1009);
        assert_eq!(element_of(1016), Some(20));
        assert_eq!(element_of(0), None);
        assert_eq!(element_of(20), None);
    }
}
