//! Settings of a session: known names, their values, and what each value must look like.

use super::values::{Zone, zone_setting};
use crate::config::{MEMORY_BYTES_MIN, SERVER_VERSION};
use crate::encoding::Charset;
use crate::error::{Error, Kind, Result};
use crate::models::device;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A setting that exists.
#[derive(Debug)]
struct Known {
    name: &'static str,
    default: &'static str,
    check: Check,
    /// Clients are told of changes by ParameterStatus.
    reported: bool,
    description: &'static str,
}

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
enum Check {
    Any,
    Bool,
    Number {
        max: u64,
    },
    OneOf(&'static [&'static str]),
    Milliseconds,
    TimeZone,
    /// The form and the order of dates: one of each is here.
    DateStyle,
    Charset,
    /// Bytes of memory, from [`MEMORY_BYTES_MIN`] to what the server has.
    Memory,
    Fixed,
    /// Fixed when the program starts; the function says as what.
    AtStart(fn() -> &'static str),
}

macro_rules! known {
    ($($name:literal $default:tt $check:expr, $reported:literal, $description:literal;)*) => {
        &[$(Known { name: $name, default: $default, check: $check, reported: $reported, description: $description }),*]
    };
}

/// In the order of their names.
const KNOWN: &[Known] = known! {
    "application_name" "" Check::Any, true, "Name of the client, shown in the list of activities.";
    "array_nulls" "on" Check::OneOf(&["on", "true", "yes", "1"]), false, "NULL is a word in arrays.";
    "backslash_quote" "safe_encoding" Check::OneOf(&["safe_encoding"]), false, "Accepted for PostgreSQL's clients.";
    "block_size" "8192" Check::Fixed, false, "Size of a page, in which PostgreSQL's clients count.";
    "bytea_output" "hex" Check::OneOf(&["hex"]), false, "Output form of bytea.";
    "check_function_bodies" "on" Check::Bool, false, "What a function's query names must be there when the function is made.";
    "client_encoding" "UTF8" Check::Charset, true, "Encoding of the client.";
    "client_min_messages" "notice" Check::OneOf(&["debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error"]), false, "Least severe message sent to the client.";
    "commit_delay" "0" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "constraint_exclusion" "partition" Check::OneOf(&["partition", "on", "off"]), false, "Accepted for PostgreSQL's clients.";
    "cpu_tuple_cost" "0.01" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "datestyle" "ISO, MDY" Check::DateStyle, true, "Output form of dates.";
    "default_statistics_target" "100" Check::Any, false, "Accepted for PostgreSQL's clients; statistics are those of all rows.";
    "default_table_access_method" "heap" Check::OneOf(&["heap"]), false, "How tables are kept, as PostgreSQL's clients know it.";
    "default_tablespace" "" Check::OneOf(&["", "pg_default"]), false, "There is one tablespace.";
    "default_text_search_config" "pg_catalog.simple" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "default_toast_compression" "pglz" Check::OneOf(&["pglz", "lz4"]), false, "Accepted for PostgreSQL's clients.";
    "default_transaction_deferrable" "off" Check::Bool, false, "Accepted for PostgreSQL's clients; nobody waits for a snapshot here.";
    "default_transaction_isolation" "read committed" Check::OneOf(&["serializable", "repeatable read", "read committed", "read uncommitted"]), false, "Isolation of new transactions.";
    "default_transaction_read_only" "off" Check::Bool, false, "New transactions are read only.";
    "effective_cache_size" "4GB" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "effective_io_concurrency" "1" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "enable_bitmapscan" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_gathermerge" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_hashagg" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_hashjoin" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_incremental_sort" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_indexonlyscan" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_indexscan" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_material" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_memoize" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_mergejoin" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_nestloop" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_parallel_append" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_parallel_hash" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_partition_pruning" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_partitionwise_aggregate" "off" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_partitionwise_join" "off" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_seqscan" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_sort" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "enable_tidscan" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; the planner chooses.";
    "escape_string_warning" "on" Check::Bool, false, "Accepted for PostgreSQL's clients.";
    "extra_float_digits" "1" Check::Any, false, "Accepted for PostgreSQL's clients; floats are always exact.";
    "from_collapse_limit" "8" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "geqo" "on" Check::Bool, false, "Accepted for PostgreSQL's clients.";
    "hash_mem_multiplier" "2" Check::Any, false, "Accepted for PostgreSQL's clients; memory_limit is what counts.";
    "idle_in_transaction_session_timeout" "0" Check::Milliseconds, false, "Ends sessions that idle in a transaction.";
    "idle_session_timeout" "0" Check::Milliseconds, false, "Ends sessions that idle outside a transaction.";
    "integer_datetimes" "on" Check::Fixed, true, "Times are integers.";
    "intervalstyle" "postgres" Check::OneOf(&["postgres"]), true, "Output form of intervals.";
    "jit" "off" Check::Bool, false, "Accepted for PostgreSQL's clients; queries are not compiled.";
    "join_collapse_limit" "8" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "lc_collate" "C" Check::Fixed, false, "Texts are compared byte by byte.";
    "lc_ctype" "C.UTF-8" Check::Fixed, false, "Kinds of characters are Unicode's.";
    "lc_messages" "C" Check::OneOf(&["c", "en_us.utf-8", "en_us.utf8", "c.utf-8", "c.utf8", "posix", ""]), false, "Messages are in English.";
    "lc_monetary" "C" Check::OneOf(&["c", "posix", ""]), false, "Money has no type of its own.";
    "lc_numeric" "C" Check::OneOf(&["c", "posix", ""]), false, "Numbers are written with a point.";
    "lc_time" "C" Check::OneOf(&["c", "posix", ""]), false, "Names of days and months are English.";
    "lock_timeout" "0" Check::Milliseconds, false, "Longest wait for a lock.";
    "log_duration" "off" Check::Bool, false, "Accepted for PostgreSQL's clients; logs carry no statements.";
    "log_min_duration_statement" "-1" Check::Any, false, "Accepted for PostgreSQL's clients; logs carry no statements.";
    "log_min_messages" "warning" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "log_statement" "none" Check::OneOf(&["none", "ddl", "mod", "all"]), false, "Accepted for PostgreSQL's clients; logs carry no statements.";
    "logical_decoding_work_mem" "64MB" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "maintenance_work_mem" "64MB" Check::Any, false, "Accepted for PostgreSQL's clients; memory_limit is what counts.";
    "max_identifier_length" "63" Check::Fixed, false, "Bytes of a name at most.";
    "max_index_keys" "32" Check::Fixed, false, "Columns of a key that PostgreSQL's clients expect at most.";
    "max_parallel_maintenance_workers" "2" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "max_parallel_workers" "8" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "max_parallel_workers_per_gather" "2" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "memory_limit" "" Check::Memory, false, "Memory that a statement may sort, join and group in; what it needs beyond goes to sealed files.";
    "parallel_leader_participation" "on" Check::Bool, false, "Accepted for PostgreSQL's clients.";
    "password_encryption" "scram-sha-256" Check::OneOf(&["scram-sha-256"]), false, "How passwords are kept.";
    "plan_cache_mode" "auto" Check::OneOf(&["auto", "force_generic_plan", "force_custom_plan"]), false, "Accepted for PostgreSQL's clients.";
    "quote_all_identifiers" "off" Check::OneOf(&["off", "false", "no", "0"]), false, "Names are quoted where they need it.";
    "random_page_cost" "4" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "row_security" "on" Check::Bool, false, "Row policies apply.";
    "search_path" "\"$user\", public" Check::Any, false, "Schemas searched for unqualified names.";
    "seq_page_cost" "1" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "server_encoding" "UTF8" Check::Fixed, true, "Encoding of the server.";
    "server_version" SERVER_VERSION Check::Fixed, true, "PostgreSQL version spoken, and ours.";
    "server_version_num" "150000" Check::Fixed, false, "The same as a number.";
    "session_replication_role" "origin" Check::OneOf(&["origin"]), false, "Constraints always hold.";
    "standard_conforming_strings" "on" Check::OneOf(&["on", "true", "yes", "1"]), true, "Backslashes in strings are plain characters.";
    "statement_timeout" "0" Check::Milliseconds, false, "Longest time of a statement.";
    "steward.allow_damaged" "off" Check::Bool, false, "Rows in damaged files are left out with a warning instead of an error.";
    "steward.audit" "read" Check::Fixed, false, "What the audit log has: none, ddl, write or read. ALTER SYSTEM sets it.";
    "steward.audit_retention" "0" Check::Fixed, false, "How long entries of the audit log are kept; 0 keeps all. ALTER SYSTEM sets it.";
    "steward.check_definitions" "on" Check::Bool, false, "What is defined must work when it is made; off, for imports, a warning is enough.";
    "steward.device" "" Check::AtStart(device::name), false, "What models run on: cpu, or a CUDA device as cuda:0.";
    "steward.device_detail" "" Check::AtStart(device::told), false, "What models run on, in words, with the reason.";
    "steward.job_failures_max" "10" Check::Number { max: 1_000_000 }, false, "Failures in a row after which a job is suspended; 0 for never. Kept with a job when it is made.";
    "steward.language" "en" Check::OneOf(&["en", "zh"]), false, "Language of labels: en or zh.";
    "steward.max_model_rows" "1000000" Check::Number { max: i64::MAX as u64 }, false, "Rows that model functions may see in one statement.";
    "synchronize_seqscans" "on" Check::Bool, false, "Accepted for PostgreSQL's clients; a scan begins at the first row.";
    "synchronous_commit" "on" Check::OneOf(&["on", "off", "local", "remote_write", "remote_apply"]), false, "Accepted for PostgreSQL's clients; every commit is durable when it is acknowledged.";
    "tcp_keepalives_count" "0" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "tcp_keepalives_idle" "0" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "tcp_keepalives_interval" "0" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "temp_buffers" "8MB" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "timezone" "UTC" Check::TimeZone, true, "Time zone of the session.";
    "transaction_deferrable" "off" Check::Bool, false, "Nobody waits for a snapshot here.";
    "transaction_isolation" "read committed" Check::OneOf(&["serializable", "repeatable read", "read committed", "read uncommitted"]), false, "Isolation of this transaction.";
    "transaction_read_only" "off" Check::Bool, false, "This transaction is read only.";
    "transform_null_equals" "off" Check::OneOf(&["off", "false", "no", "0"]), false, "x = NULL is NULL.";
    "vacuum_cost_delay" "0" Check::Any, false, "Accepted for PostgreSQL's clients.";
    "work_mem" "4MB" Check::Any, false, "Accepted for PostgreSQL's clients; memory_limit is what counts.";
    "xmloption" "content" Check::OneOf(&["content", "document"]), false, "Accepted for PostgreSQL's clients; there is no type xml.";
};

/// The values of one session. Custom settings (`app.region`) hold any text.
///
/// Each statement has them as they are when it begins: a clone is as good as free, and told equal without a look at the values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: Arc<BTreeMap<String, String>>,
    /// Bytes of memory that the server has, as it is shown.
    memory: Arc<str>,
}

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.binary_search_by(|known| known.name.cmp(name)).ok().map(|at| &KNOWN[at])
}

/// A name as it is kept. Statements ask for settings by names that are as they are kept.
fn folded(name: &str) -> Cow<'_, str> {
    match name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_lowercase()),
    }
}

fn unknown(name: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("unrecognized configuration parameter \"{name}\""))
}

impl Settings {
    /// The defaults on a server that has so many bytes of memory.
    pub fn of_server(memory_bytes: u64) -> Self {
        Self { values: Arc::default(), memory: show_bytes(memory_bytes).into() }
    }

    /// The defaults on the same server.
    pub fn fresh(&self) -> Self {
        Self { values: Arc::default(), memory: self.memory.clone() }
    }

    fn default_of(&self, known: &Known) -> &str {
        match known.check {
            Check::Memory => &self.memory,
            Check::AtStart(read) => read(),
            _ => known.default,
        }
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Result<&str> {
        let name = folded(name);
        match (self.values.get(name.as_ref()), known(&name)) {
            (Some(value), _) => Ok(value),
            (None, Some(known)) => Ok(self.default_of(known)),
            (None, None) => Err(unknown(&name)),
        }
    }

    /// Sets a value; gives the name and value to report if clients want to hear of it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<Option<(String, String)>> {
        let name = name.to_lowercase();
        let Some(known) = known(&name) else {
            if !name.contains('.') {
                return Err(unknown(&name));
            }
            Arc::make_mut(&mut self.values).insert(name, value.to_owned());
            return Ok(None);
        };
        let value = match known.check {
            Check::Memory => checked_memory(known, value, parse_bytes(&self.memory).unwrap_or(u64::MAX))?,
            _ => checked(known, value)?,
        };
        Arc::make_mut(&mut self.values).insert(name.clone(), value.clone());
        Ok(known.reported.then(|| (reported_name(&name), value)))
    }

    /// Puts a setting back to its default.
    pub fn reset(&mut self, name: &str) -> Result<Option<(String, String)>> {
        let name = name.to_lowercase();
        Arc::make_mut(&mut self.values).remove(&name);
        match known(&name) {
            Some(known) => Ok(known.reported.then(|| (reported_name(&name), self.default_of(known).to_owned()))),
            None if name.contains('.') => Ok(None),
            None => Err(unknown(&name)),
        }
    }

    /// Name, value and description of every setting.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        KNOWN.iter().map(|k| {
            let value = self.values.get(k.name).map_or(self.default_of(k), |value| value.as_str());
            (k.name, value, k.description)
        })
    }

    /// The settings that a client is told at start, with the names it expects.
    pub fn reported(&self) -> Vec<(String, String)> {
        let reported = KNOWN.iter().filter(|k| k.reported);
        reported.map(|k| (reported_name(k.name), self.get(k.name).unwrap_or(k.default).to_owned())).collect()
    }

    /// The schemas of the search path that are written there.
    pub fn written_path(&self) -> Vec<String> {
        let path = self.get("search_path").unwrap_or("public");
        let schemas = path.split(',').map(|s| s.trim().trim_matches('"').to_owned());
        schemas.filter(|s| !s.is_empty() && s != "$user").collect()
    }

    /// The schemas in which names are looked for: those of the search path, and `steward` behind them.
    pub fn search_path(&self) -> Vec<String> {
        let mut path = self.written_path();
        if !path.iter().any(|s| s == "steward") {
            path.push("steward".to_owned());
        }
        path
    }

    /// The encoding that the client speaks.
    pub fn charset(&self) -> Charset {
        self.values.get("client_encoding").and_then(|name| Charset::named(name).ok()).unwrap_or_default()
    }

    /// The time zone.
    pub fn zone(&self) -> Zone {
        self.values.get("timezone").map(|name| Zone::named(name)).unwrap_or_default()
    }

    /// Whether a setting that is on or off is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_ok_and(|value| value == "on")
    }

    /// A setting in milliseconds, by its name as it is kept; 0 means none, which is the default of all of them.
    pub fn milliseconds(&self, name: &str) -> u64 {
        // Asked several times for each statement.
        self.values.get(name).and_then(|value| parse_milliseconds(value)).unwrap_or(0)
    }

    /// A setting in bytes; `None` where the default holds.
    pub fn bytes(&self, name: &str) -> Option<u64> {
        self.values.get(name).and_then(|value| parse_bytes(value))
    }

    /// A setting that is a number.
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).ok().and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

fn checked(known: &Known, value: &str) -> Result<String> {
    let lower = value.to_lowercase();
    let invalid =
        || Error::new(Kind::InvalidParameter, format!("invalid value for parameter \"{}\": \"{value}\"", known.name));
    match known.check {
        Check::Any => Ok(value.to_owned()),
        Check::Bool => match lower.as_str() {
            "on" | "true" | "yes" | "1" | "t" | "y" => Ok("on".to_owned()),
            "off" | "false" | "no" | "0" | "f" | "n" => Ok("off".to_owned()),
            _ => Err(invalid().with_hint("Use on or off.")),
        },
        Check::Number { max } => match lower.parse::<u64>() {
            Ok(n) if n <= max => Ok(lower),
            _ => Err(invalid().with_hint(format!("Use a whole number from 0 to {max}."))),
        },
        Check::OneOf(values) if values.contains(&lower.as_str()) => Ok(lower),
        Check::Charset => match Charset::named(value) {
            Ok(charset) => Ok(charset.name().to_owned()),
            Err(error) if error.kind() == Kind::Unsupported => {
                Err(Error::new(Kind::Unsupported, invalid().message()).with_detail(format!("{}.", error.message())))
            }
            Err(_) => Err(invalid()),
        },
        Check::OneOf(values) => Err(invalid().with_hint(format!("Available values: {}.", values.join(", ")))),
        Check::Milliseconds => {
            parse_milliseconds(&lower).filter(|ms| *ms <= i32::MAX as u64).map(show_milliseconds).ok_or_else(|| {
                let units = "\"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"";
                invalid().with_hint(format!("Valid units for this parameter are {units}."))
            })
        }
        Check::TimeZone => zone_setting(value)
            .ok_or_else(|| invalid().with_hint("A name such as Asia/Shanghai, or hours east of Greenwich.")),
        Check::DateStyle => date_style(&lower).ok_or_else(|| {
            invalid().with_hint("Dates are shown as ISO, and read as ISO or with the month first: ISO, MDY.")
        }),
        // Its bounds are the server's.
        Check::Memory => Err(invalid()),
        Check::Fixed | Check::AtStart(_) => {
            Err(Error::new(Kind::InvalidParameter, format!("parameter \"{}\" cannot be changed", known.name)))
        }
    }
}

/// The one style of dates, if the words mean it.
fn date_style(words: &str) -> Option<String> {
    let mut words = words.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    words
        .all(|word| matches!(word, "iso" | "mdy" | "us" | "default") || word.starts_with("noneuro"))
        .then(|| "ISO, MDY".to_owned())
}

fn checked_memory(known: &Known, value: &str, bytes_max: u64) -> Result<String> {
    let name = known.name;
    let Some(bytes) = parse_bytes(value) else {
        return Err(Error::new(Kind::InvalidParameter, format!("invalid value for parameter \"{name}\": \"{value}\""))
            .with_hint("Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\"."));
    };
    if !(MEMORY_BYTES_MIN.min(bytes_max)..=bytes_max).contains(&bytes) {
        let (shown, least, most) = (show_bytes(bytes), show_bytes(MEMORY_BYTES_MIN), show_bytes(bytes_max));
        let message = format!("{shown} is outside the valid range for parameter \"{name}\" ({least} .. {most})");
        return Err(Error::new(Kind::InvalidParameter, message));
    }
    Ok(show_bytes(bytes))
}

/// Bytes as PostgreSQL writes them; a number without a unit is in kilobytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim() {
        "B" => 1,
        "" | "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    match text[..digits].parse::<u64>() {
        Ok(number) => number.checked_mul(unit),
        // A fraction of a unit is one of kilobytes, and rounded there.
        Err(_) => {
            let number: f64 = text[..digits].parse().ok().filter(|number| *number < u32::MAX.into())?;
            Some((number * unit as f64 / 1024.0).round_ties_even() as u64 * 1024)
        }
    }
}

/// Bytes in the largest unit that leaves no rest, as PostgreSQL shows them.
pub fn show_bytes(bytes: u64) -> String {
    let units = [(1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")];
    match units.into_iter().find(|(unit, _)| bytes != 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// A time with its unit.
pub fn parse_milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = match text[digits..].trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    // A fraction of a unit is one of milliseconds, and rounded there.
    let number: f64 = text[..digits].parse().ok()?;
    let milliseconds = (number * unit).round_ties_even();
    (milliseconds <= u32::MAX as f64).then_some(milliseconds as u64)
}

/// Milliseconds in the largest unit that leaves no rest, as PostgreSQL shows them.
pub fn show_milliseconds(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    match units.into_iter().find(|(unit, _)| ms.is_multiple_of(*unit)) {
        _ if ms == 0 => "0".to_owned(),
        Some((unit, name)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}

/// The spelling that clients look for in ParameterStatus and SHOW.
pub fn reported_name(name: &str) -> String {
    match name {
        "datestyle" => "DateStyle",
        "intervalstyle" => "IntervalStyle",
        "timezone" => "TimeZone",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_settings_are_checked_and_unknown_ones_told() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("statement_timeout", "2s").unwrap(), None);
        assert_eq!(settings.milliseconds("statement_timeout"), 2000);
        for (given, shown) in
            [("90s", "90s"), ("120000", "2min"), ("1500ms", "1500ms"), ("2d", "2d"), ("1.5s", "1500ms"), ("0", "0")]
        {
            settings.set("statement_timeout", given).unwrap();
            assert_eq!(settings.get("statement_timeout").unwrap(), shown);
        }
        assert_eq!(settings.set("statement_timeout", "25d").unwrap_err().kind(), Kind::InvalidParameter);
        assert_eq!(settings.set("no_such", "1").unwrap_err().kind(), Kind::UndefinedObject);
        assert_eq!(settings.set("row_security", "maybe").unwrap_err().kind(), Kind::InvalidParameter);
        for style in ["iso", "ISO, MDY", "us,iso", "default"] {
            settings.set("datestyle", style).unwrap();
            assert_eq!(settings.get("datestyle").unwrap(), "ISO, MDY");
        }
        for style in ["iso, dmy", "German", "nonsense", "ymd"] {
            assert_eq!(settings.set("datestyle", style).unwrap_err().kind(), Kind::InvalidParameter, "{style}");
        }
        settings.set("app.region", "east").unwrap();
        assert_eq!(settings.get("app.region").unwrap(), "east");
        assert_eq!(settings.set("TimeZone", "utc").unwrap(), Some(("TimeZone".into(), "UTC".into())));
    }

    #[test]
    fn settings_are_found_by_names_in_order() {
        assert!(KNOWN.is_sorted_by(|one, next| one.name < next.name));
        let mut times = KNOWN.iter().filter(|known| matches!(known.check, Check::Milliseconds));
        assert!(times.all(|known| known.default == "0"));
        assert_eq!(Settings::default().get("DateStyle").unwrap(), "ISO, MDY");
    }

    #[test]
    fn memory_is_within_what_the_server_has() {
        let mut settings = Settings::of_server(2 << 30);
        assert_eq!((settings.get("memory_limit").unwrap(), settings.bytes("memory_limit")), ("2GB", None));
        for (given, shown) in [("65536", "64MB"), ("1GB", "1GB"), ("1536MB", "1536MB"), ("5000 kB", "5000kB")] {
            settings.set("memory_limit", given).unwrap();
            assert_eq!(settings.get("memory_limit").unwrap(), shown);
        }
        for wrong in ["3GB", "1kB", "much", "-1", "1gb", "99999999999999999999TB"] {
            assert_eq!(settings.set("memory_limit", wrong).unwrap_err().kind(), Kind::InvalidParameter, "{wrong}");
        }
        assert_eq!(settings.bytes("memory_limit"), Some(5000 << 10));
        settings.reset("memory_limit").unwrap();
        assert_eq!(settings.get("memory_limit").unwrap(), "2GB");
        assert_eq!(settings.fresh().get("memory_limit").unwrap(), "2GB");
    }

    #[test]
    fn steward_is_always_searched() {
        let mut settings = Settings::default();
        settings.set("search_path", "\"$user\", app").unwrap();
        assert_eq!(settings.search_path(), ["app", "steward"]);
    }
}
