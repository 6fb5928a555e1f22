//! The types that scripts declare, in the words of PostgreSQL, MySQL and SQL Server.

use super::dump_words::Dialect;
use crate::catalog::SqlType;

/// The types that columns of a declared one may have here, the first that all values fit: of MySQL's `tinyint(1)` boolean, and `smallint`
/// where it is used for numbers. None where the values must tell; the last resort is always text.
///
/// `kind` are the words of the type in small letters and what follows them, `numbers` those in its parentheses.
pub(super) fn declared(kind: &[String], numbers: &[String], dialect: Dialect) -> Vec<SqlType> {
    use SqlType::{
        Bool, Bytea, Char, Date, Float4, Float8, Int2, Int4, Int8, Numeric, Text, Time, Timestamp, Timestamptz,
    };
    let has = |word: &str| kind.iter().any(|other| other == word);
    let mysql = dialect == Dialect::MySql;
    let unsigned = mysql && (has("unsigned") || has("zerofill"));
    let number = |at: usize| numbers.get(at).and_then(|number| number.parse::<u32>().ok());
    let Some(first) = kind.first() else { return Vec::new() };
    let second = kind.get(1).map(String::as_str);
    match first.as_str() {
        "tinyint" if mysql && number(0) == Some(1) => vec![Bool, Int2, Int8],
        "tinyint" | "smallint" | "int2" | "smallserial" | "serial2" if !unsigned => vec![Int2, Int8],
        "year" | "tinyint" => vec![Int2, Int8],
        "smallint" | "int2" | "mediumint" | "int3" => vec![Int4, Int8],
        // A row's number in MySQL, where it has no sign.
        "serial" if mysql => vec![Numeric(Some((20, 0)))],
        "integer" | "int" | "int4" | "serial" | "serial4" if !unsigned => vec![Int4, Int8],
        "integer" | "int" | "int4" => vec![Int8],
        "bigint" | "int8" | "bigserial" | "serial8" => match unsigned {
            true => vec![Numeric(Some((20, 0)))],
            false => vec![Int8],
        },
        "real" | "float4" if !mysql => vec![Float4, Float8],
        // Up to 24 binary digits in PostgreSQL and SQL Server; in MySQL also decimal ones, and without any it is narrow.
        "float" => match number(0) {
            Some(digits) if digits <= 24 => vec![Float4, Float8],
            None if mysql => vec![Float4, Float8],
            _ => vec![Float8],
        },
        "real" | "float4" | "float8" | "double" => vec![Float8],
        "numeric" | "decimal" | "dec" | "fixed" => match (number(0), dialect) {
            (Some(digits), _) => exact(digits, number(1).unwrap_or(0)),
            (None, Dialect::MySql) => exact(10, 0),
            (None, Dialect::Transact) => exact(18, 0),
            (None, Dialect::Standard) => vec![Numeric(None)],
        },
        "number" => number(0).map_or_else(Vec::new, |digits| exact(digits, number(1).unwrap_or(0))),
        "money" if dialect == Dialect::Transact => exact(19, 4),
        "smallmoney" => exact(10, 4),
        "money" => Vec::new(),
        "boolean" | "bool" => vec![Bool, Int2, Int8],
        "bit" if second != Some("varying") && number(0).unwrap_or(1) == 1 => vec![Bool],
        "date" => vec![Date],
        "time" if has("with") && has("zone") && !has("without") => vec![Text],
        "time" => vec![Time],
        "timestamptz" | "datetimeoffset" => vec![Timestamptz],
        "timestamp" if has("with") && has("zone") && !has("without") => vec![Timestamptz],
        // A counter there, and no moment.
        "timestamp" | "rowversion" if dialect == Dialect::Transact => vec![Bytea],
        "timestamp" | "datetime" | "datetime2" | "smalldatetime" => vec![Timestamp],
        "json" if !mysql => vec![SqlType::Json],
        "json" | "jsonb" => vec![SqlType::Jsonb],
        "uuid" | "uniqueidentifier" => vec![SqlType::Uuid],
        "bytea" | "blob" | "tinyblob" | "mediumblob" | "longblob" | "binary" | "varbinary" | "image" => vec![Bytea],
        "varchar" | "nvarchar" | "varchar2" | "nvarchar2" => vec![SqlType::Varchar(length(number(0)))],
        "character" | "char" | "nchar" | "national" if has("varying") => vec![SqlType::Varchar(length(number(0)))],
        "bpchar" if number(0).is_none() => vec![Char(0)],
        "character" | "char" | "nchar" | "bpchar" => match length(Some(number(0).unwrap_or(1))) {
            Some(length) => vec![Char(length)],
            None => vec![Text],
        },
        _ => vec![Text],
    }
}

/// Lengths that PostgreSQL has.
fn length(number: Option<u32>) -> Option<u32> {
    number.filter(|length| (1..=10_485_760).contains(length))
}

fn exact(digits: u32, places: u32) -> Vec<SqlType> {
    match (u8::try_from(digits), i8::try_from(places)) {
        (Ok(digits @ 1..=38), Ok(places)) if places.unsigned_abs() <= digits => {
            vec![SqlType::Numeric(Some((digits, places)))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_each_system_means() {
        let first = |text: &str, dialect: Dialect| {
            let (words, numbers) = text.split_once('(').unwrap_or((text, ""));
            let (numbers, rest) = numbers.split_once(')').unwrap_or((numbers, ""));
            let kind: Vec<String> =
                words.split(' ').chain(rest.split(' ')).filter(|w| !w.is_empty()).map(str::to_owned).collect();
            let numbers: Vec<String> = numbers.split(',').map(str::to_owned).collect();
            declared(&kind, &numbers, dialect).first().map(ToString::to_string).unwrap_or_default()
        };
        for (text, standard, mysql, transact) in [
            ("smallint", "smallint", "smallint", "smallint"),
            ("tinyint(1)", "smallint", "boolean", "smallint"),
            ("int(10) unsigned", "integer", "bigint", "integer"),
            ("bigint(20) unsigned", "bigint", "numeric(20,0)", "bigint"),
            ("real", "real", "double precision", "real"),
            ("float", "double precision", "real", "double precision"),
            ("double precision", "double precision", "double precision", "double precision"),
            ("numeric", "numeric", "numeric(10,0)", "numeric(18,0)"),
            ("decimal(10,2)", "numeric(10,2)", "numeric(10,2)", "numeric(10,2)"),
            ("money", "", "", "numeric(19,4)"),
            ("character varying(20)", "character varying(20)", "character varying(20)", "character varying(20)"),
            ("character(3)", "character(3)", "character(3)", "character(3)"),
            ("char", "character(1)", "character(1)", "character(1)"),
            ("nvarchar", "character varying", "character varying", "character varying"),
            ("enum", "text", "text", "text"),
            ("bit", "boolean", "boolean", "boolean"),
            ("timestamp", "timestamp without time zone", "timestamp without time zone", "bytea"),
            (
                "timestamp(6) with time zone",
                "timestamp with time zone",
                "timestamp with time zone",
                "timestamp with time zone",
            ),
            ("datetimeoffset(7)", "timestamp with time zone", "timestamp with time zone", "timestamp with time zone"),
            ("uniqueidentifier", "uuid", "uuid", "uuid"),
            ("longblob", "bytea", "bytea", "bytea"),
        ] {
            let found = [Dialect::Standard, Dialect::MySql, Dialect::Transact].map(|dialect| first(text, dialect));
            assert_eq!(found, [standard, mysql, transact], "{text}");
        }
    }
}
