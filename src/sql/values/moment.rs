//! Dates and times in the forms that PostgreSQL reads with DateStyle `ISO, MDY` and Arrow's parser does not.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

const DATES: &[&str] = &["%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%m-%d-%Y", "%Y%m%d", "%Y.%m.%d", "%d %b %Y", "%b %d, %Y"];
const TIMES: &[&str] = &["%H:%M:%S%.f", "%H:%M"];

/// The moment that a text names; a date alone is its midnight.
pub fn moment(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let day = |text: &str| DATES.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok());
    let time = |text: &str| TIMES.iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok());
    if let Some(day) = day(text) {
        return day.and_hms_opt(0, 0, 0);
    }
    let at = text.rfind([' ', 'T'])?;
    Some(day(text[..at].trim_end())?.and_time(time(&text[at + 1..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_postgres_reads() {
        let read = |text: &str| moment(text).map(|m| m.to_string());
        assert_eq!(read("2019-11-24 00:05").as_deref(), Some("2019-11-24 00:05:00"));
        assert_eq!(read("12/1/2010 8:26").as_deref(), Some("2010-12-01 08:26:00"));
        assert_eq!(read("2019/11/24").as_deref(), Some("2019-11-24 00:00:00"));
        assert_eq!(read("2019-13-24 00:05"), None);
        assert_eq!(read("24.11"), None);
    }
}
