//! Sizes: pg_relation_size and its like, told where every row is the role's to see; pg_size_pretty.

use super::super::entry::What;
use super::super::value::{Type, Value};
use super::Args;
use crate::error::{Error, Kind, Result};

/// The type that such a function gives.
pub fn returns(name: &str) -> Option<Type> {
    match name {
        "pg_relation_size"
        | "pg_table_size"
        | "pg_total_relation_size"
        | "pg_indexes_size"
        | "pg_database_size"
        | "pg_tablespace_size"
        | "pg_relation_filenode"
        | "pg_stat_get_numscans"
        | "pg_stat_get_live_tuples"
        | "pg_stat_get_dead_tuples"
        | "pg_stat_get_tuples_inserted"
        | "pg_stat_get_tuples_updated"
        | "pg_stat_get_tuples_deleted"
        | "pg_stat_get_blocks_fetched"
        | "pg_stat_get_blocks_hit"
        | "pg_sequence_last_value" => Some(Type::Int8),
        "pg_size_pretty" | "pg_relation_filepath" | "pg_tablespace_location" => Some(Type::Text),
        _ => None,
    }
}

/// Calls one of them.
pub fn call(args: &Args<'_>) -> Result<Value> {
    let facts = args.facts;
    Ok(match args.name {
        "pg_size_pretty" => pretty(args.number(0)?).into(),
        "pg_relation_size" | "pg_table_size" | "pg_total_relation_size" => {
            let Some(entry) = facts.entry(args.oid(0, &Type::Regclass)?) else { return Ok(Value::Null) };
            match entry.what {
                What::Table(id, _) => facts.sees_all_rows(id).then(|| facts.context.snapshot.rows(id).bytes()).into(),
                // What indexes and sequences take is not counted apart.
                _ => 0.into(),
            }
        }
        "pg_database_size" => {
            if let Some(Value::Text(name)) = args.values.first()
                && name.as_ref() != facts.context.database.name
            {
                return Err(Error::new(Kind::UndefinedDatabase, format!("database \"{name}\" does not exist")));
            }
            let entries = facts.entries().into_iter();
            let sizes = entries.filter_map(|entry| match entry.what {
                What::Table(id, _) if facts.sees_all_rows(id) => Some(facts.context.snapshot.rows(id).bytes()),
                _ => None,
            });
            sizes.sum::<u64>().into()
        }
        "pg_stat_get_live_tuples" => {
            let Some(entry) = facts.entry(args.oid(0, &Type::Regclass)?) else { return Ok(Value::Null) };
            match entry.what {
                What::Table(id, _) => {
                    facts.sees_all_rows(id).then(|| facts.context.snapshot.rows(id).live_rows()).into()
                }
                _ => 0.into(),
            }
        }
        "pg_tablespace_location" => "".into(),
        "pg_relation_filepath" => Value::Null,
        "pg_sequence_last_value" => match facts.entry(args.oid(0, &Type::Regclass)?).map(|entry| entry.what) {
            Some(What::Sequence(id, sequence)) => {
                crate::sql::sequences::last_value(&facts.context, (id, sequence)).into()
            }
            _ => Value::Null,
        },
        "pg_relation_filenode" => args.oid(0, &Type::Regclass)?.into(),
        // What nobody counts.
        _ => 0.into(),
    })
}

/// Bytes in the unit in which they are below 10240, as PostgreSQL shows them.
fn pretty(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    const LIMIT: i64 = 10 * 1024;
    if bytes.abs() < LIMIT {
        return format!("{bytes} bytes");
    }
    // One bit is kept for rounding half away from zero.
    let mut halves = bytes / 512;
    for (at, unit) in UNITS.iter().enumerate().skip(1) {
        if halves.abs() < 2 * LIMIT - 1 || at == UNITS.len() - 1 {
            return format!("{} {unit}", (halves + halves.signum()) / 2);
        }
        halves /= 1024;
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn sizes_are_shown_as_postgresql_shows_them() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (10239, "10239 bytes"),
            (10240, "10 kB"),
            (16384, "16 kB"),
            (-20000, "-20 kB"),
            (10 * 1024 * 1024, "10 MB"),
            (123_456_789_012, "115 GB"),
        ] {
            assert_eq!(pretty(bytes), shown);
        }
    }
}
