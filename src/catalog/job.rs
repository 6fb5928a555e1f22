//! Jobs: statements that run by themselves, and what is remembered of their runs.

use super::ObjectId;
use super::cron::Cron;
use crate::error::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A statement that runs by itself, with its owner's rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Name.
    pub name: String,
    /// Who owns it, and whose rights its statement has.
    pub owner: ObjectId,
    /// The statement, as it was written.
    pub statement: String,
    /// When it runs; none where changes alone start it, or where it runs once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
    /// Tables whose changes start it; with a timing it runs at its times if one of them has changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_change: Vec<ObjectId>,
    /// It runs once, as soon as somebody runs jobs, and is gone then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// Settings that its sessions have: those of the session that made it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Why it does not run by itself, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspended>,
    /// Since when it is as it is, in milliseconds since 1970: times before it were not missed.
    pub since_ms: i64,
    /// The commit then: changes before it do not start it.
    pub since_seq: u64,
}

/// Why a job does not run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suspended {
    /// ALTER JOB ... SUSPEND.
    Asked,
    /// It failed too often.
    Failures,
}

impl Suspended {
    /// What is told of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "suspended",
            Self::Failures => "suspended after failures",
        }
    }
}

/// When something runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timing {
    /// At the times of an expression of cron.
    Cron(String),
    /// So many milliseconds after it began last.
    Every(u64),
}

/// Units of lengths of time in milliseconds, the longest first.
const UNITS: [(&str, u64); 5] =
    [("week", 604_800_000), ("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)];

impl Timing {
    /// A schedule as users write it: an expression of cron, perhaps with `USING CRON` before it, or a length of time
    /// (`60 min`). The zone that may stand behind `USING CRON ...` comes beside it.
    pub fn parse(text: &str) -> Result<(Self, Option<String>)> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [using, cron, rest @ ..] = words.as_slice()
            && using.eq_ignore_ascii_case("using")
            && cron.eq_ignore_ascii_case("cron")
        {
            let fields = if rest.first().is_some_and(|word| word.starts_with('@')) { 1 } else { 5 };
            let zone = (rest.len() > fields).then(|| rest[fields..].join(" "));
            let fields = &rest[..rest.len().min(fields)];
            return Ok((Self::cron(&fields.join(" "))?, zone));
        }
        match text.trim_start().starts_with('@') || words.len() == 5 && !words[0].chars().all(char::is_alphabetic) {
            true => Ok((Self::cron(&words.join(" "))?, None)),
            false => match Self::every(text) {
                Ok(every) => Ok((every, None)),
                Err(_) => Err(Error::new(Kind::InvalidParameter, format!("invalid schedule: \"{text}\"")).with_hint(
                    "Write five fields of cron, minute hour day month weekday, as in '0 3 * * *', or a length of time, as in \
                     '15 minutes'.",
                )),
            },
        }
    }

    fn cron(text: &str) -> Result<Self> {
        Cron::parse(text)?;
        Ok(Self::Cron(text.to_owned()))
    }

    /// A length of time from a second to a year: `15 minutes`, `1 hour 30 min`.
    pub fn every(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Kind::InvalidParameter, format!("invalid length of time for a schedule: \"{text}\"")).with_hint(
                "Write a whole number and weeks, days, hours, minutes or seconds, as in '1 hour 30 minutes'; a second is the least.",
            )
        };
        let mut total_ms = 0u64;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let count: u64 = rest[..end].parse().map_err(|_| wrong())?;
            rest = rest[end..].trim_start();
            let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let (_, unit_ms) = unit(&rest[..end].to_lowercase()).ok_or_else(wrong)?;
            rest = rest[end..].trim_start_matches([' ', ',']);
            total_ms = count.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(wrong)?;
        }
        match (1000..=366 * 86_400_000).contains(&total_ms) {
            true => Ok(Self::Every(total_ms)),
            false => Err(wrong()),
        }
    }

    /// The first moment after this one at which it runs, by the clocks of a zone; milliseconds since 1970. None where there is none
    /// within the years that are looked at.
    pub fn next(&self, after_ms: i64, zone: &str) -> Option<i64> {
        match self {
            Self::Every(every_ms) => after_ms.checked_add(i64::try_from(*every_ms).ok()?),
            Self::Cron(text) => Cron::read(text).ok()?.next(after_ms, zone),
        }
    }
}

/// The unit of this name.
fn unit(word: &str) -> Option<(&'static str, u64)> {
    let name = match word {
        "w" => "week",
        "d" => "day",
        "h" | "hr" | "hrs" => "hour",
        "m" | "min" | "mins" => "minute",
        "s" | "sec" | "secs" => "second",
        other => other.strip_suffix('s').unwrap_or(other),
    };
    UNITS.into_iter().find(|(unit, _)| *unit == name)
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(text) => f.write_str(text),
            Self::Every(every_ms) => {
                let mut left = *every_ms;
                let mut parts = Vec::new();
                for (unit, unit_ms) in UNITS {
                    let count = left / unit_ms;
                    left %= unit_ms;
                    if count > 0 {
                        parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
                    }
                }
                f.write_str(&parts.join(" "))
            }
        }
    }
}

/// When a quality rule is asked by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSchedule {
    /// At which times; none for after every change of its table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
    /// By the clocks of which zone.
    pub zone: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// The commit then.
    pub since_seq: u64,
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// Its time had come.
    Schedule,
    /// Its time had come while nobody ran jobs.
    Missed,
    /// A table had changed.
    Change,
    /// Somebody asked for it.
    Execute,
    /// It is one that runs once.
    Once,
}

impl Trigger {
    /// What is told of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Missed => "missed",
            Self::Change => "change",
            Self::Execute => "execute",
            Self::Once => "once",
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunState {
    /// It goes on.
    Running,
    /// Its statement is committed.
    Succeeded,
    /// Its statement failed, and changed nothing.
    Failed,
    /// Somebody stopped it, or the server went down; it changed nothing.
    Cancelled,
    /// The process ended before it did. What it had not committed by then it has not changed.
    Interrupted,
}

impl RunState {
    /// What is told of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A run of a job, of a scheduled quality rule, or of a model's update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// Which of all runs: later ones have higher numbers.
    pub number: u64,
    /// The job, the rule or the model.
    pub job: ObjectId,
    /// What it was called then.
    pub name: String,
    /// Whose rights it had.
    pub owner: ObjectId,
    /// What started it.
    pub trigger: Trigger,
    /// How it stands.
    pub state: RunState,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// The same of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// The commit up to which it knows of changes.
    pub seen: u64,
    /// The number of its session among those that can be cancelled.
    pub pid: i32,
    /// Rows that it gave or changed, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The SQLSTATE of its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// Its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it said of itself last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Timing {
        Timing::parse(text).unwrap().0
    }

    #[test]
    fn schedules_are_cron_or_lengths_of_time() {
        assert_eq!(of("60 min"), Timing::Every(3_600_000));
        assert_eq!(of("1 hour 30 minutes"), Timing::Every(5_400_000));
        assert_eq!(of("30s"), Timing::Every(30_000));
        assert_eq!(of("0 3 * * *"), Timing::Cron("0 3 * * *".to_owned()));
        assert_eq!(of("@daily"), Timing::Cron("@daily".to_owned()));
        let (timing, zone) = Timing::parse("USING CRON 0 9-17 * * mon America/Los_Angeles").unwrap();
        assert_eq!((timing, zone.as_deref()), (of("0 9-17 * * mon"), Some("America/Los_Angeles")));
        for wrong in
            ["", "soon", "1 month", "0 min", "61 * * * *", "* * * *", "1", "99999999999999999999 s", "* * * * * *"]
        {
            let error = Timing::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidParameter, "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_are_written_as_they_are_read() {
        for text in ["1 second", "90 minutes", "2 days", "1 week 1 day", "36 hours"] {
            let timing = Timing::every(text).unwrap();
            assert_eq!(Timing::every(&timing.to_string()).unwrap(), timing, "{text}");
        }
        assert_eq!(Timing::Every(5_400_000).to_string(), "1 hour 30 minutes");
        assert_eq!(Timing::Every(60_000).next(1000, "UTC"), Some(61_000));
    }
}
