//! How old an asset is: by the latest moment in its data, or by when it was last written.

/// Where the age comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshnessSource {
    /// The greatest value of a column of moments.
    Data,
    /// The time of the last write.
    Modified,
}

/// The age of an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    /// Milliseconds between the latest moment and now; never negative.
    pub age_ms: i64,
    /// The latest moment, milliseconds since 1970 UTC.
    pub latest_ms: i64,
    /// Where it comes from.
    pub source: FreshnessSource,
    /// The column, if it comes from data.
    pub column_name: Option<String>,
}

/// A column of moments and its greatest value in milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestMoment {
    /// The column.
    pub column_name: String,
    /// Its greatest value.
    pub latest_ms: i64,
}

/// Moments further ahead than this are plans or errors (a delivery promised, a year 9999) and say nothing about age.
const AHEAD_MAX_MS: i64 = 24 * 3600 * 1000;

/// The age of an asset at `now_ms`: the latest believable moment in its data, else its last write. `None` if neither is
/// known.
pub fn freshness(moments: &[LatestMoment], modified_ms: Option<i64>, now_ms: i64) -> Option<Freshness> {
    let believable = moments.iter().filter(|moment| moment.latest_ms <= now_ms.saturating_add(AHEAD_MAX_MS));
    let of = |latest_ms: i64, source, column_name| Freshness {
        age_ms: now_ms.saturating_sub(latest_ms).max(0),
        latest_ms,
        source,
        column_name,
    };
    match believable.max_by_key(|moment| moment.latest_ms) {
        Some(latest) => Some(of(latest.latest_ms, FreshnessSource::Data, Some(latest.column_name.clone()))),
        None => modified_ms.map(|modified| of(modified, FreshnessSource::Modified, None)),
    }
}

/// The moment a text writes, in milliseconds since 1970 UTC: RFC 3339, `YYYY-MM-DD[ HH:MM[:SS[.f]]]` with `-` or `/`,
/// or seconds or milliseconds since 1970. For the extremes of text and number columns.
pub fn moment_ms(text: &str) -> Option<i64> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime};
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            100_000_000..=9_999_999_999 => Some(number * 1000),
            100_000_000_000..=9_999_999_999_999 => Some(number),
            _ => None,
        };
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.timestamp_millis());
    }
    let text = text.replace('/', "-").replacen('T', " ", 1);
    let moment = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f%#z"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
    let moment = moment.or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    moment.map(|moment| moment.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn data_before_files_and_no_moment_from_the_future() {
        let now = 20_000 * DAY;
        let at = |name: &str, latest_ms| LatestMoment { column_name: name.into(), latest_ms };
        let found = freshness(&[at("created", now - 2 * DAY), at("promised", now + 30 * DAY)], Some(now), now).unwrap();
        assert_eq!((found.age_ms, found.column_name.as_deref()), (2 * DAY, Some("created")));
        let found = freshness(&[at("promised", now + 30 * DAY)], Some(now - DAY), now).unwrap();
        assert_eq!((found.age_ms, found.source), (DAY, FreshnessSource::Modified));
        assert_eq!(freshness(&[], None, now), None);
    }

    #[test]
    fn moments_in_text() {
        assert_eq!(moment_ms("1970-01-02"), Some(DAY));
        assert_eq!(moment_ms("1970/01/02 00:00:01"), Some(DAY + 1000));
        assert_eq!(moment_ms("1970-01-02T08:00:00+08:00"), Some(DAY));
        assert_eq!(moment_ms("1700000000"), Some(1_700_000_000_000));
        assert_eq!(moment_ms("2024-02-30"), None);
        assert_eq!(moment_ms("12"), None);
    }
}
