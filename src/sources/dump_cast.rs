//! Values that SQL Server's scripts write as casts: `CAST(3.25 AS Decimal(10, 2))`, `CAST(N'..' AS NVarChar(20))`, `CAST(0x.. AS DateTime)`.
//!
//! A cast is read, not run: numbers and texts are what stands in it, and bytes that become a moment are taken apart as SQL Server keeps
//! them (MS-TDS, section 2.2.5.5.1): `datetime` as days since 1900 and 300ths of a second, `smalldatetime` as days and minutes, the later
//! types as a scale, units of it since midnight, and days since the year 1, the lowest byte first.

use super::dump_script::written;
use super::dump_words::{Word, Words};
use crate::encoding::unhex;
use crate::error::Result;
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Casts within casts.
const DEPTH_MAX: usize = 8;
/// Styles of CONVERT whose texts are written as PostgreSQL and ISO write them.
const STYLES: [&str; 9] = ["0", "1", "2", "20", "21", "120", "121", "126", "127"];

/// The value of a cast whose first word was taken. NULL is `Some(None)`; `None` is a cast that would have to be computed.
#[allow(clippy::option_option, reason = "NULL and no value at all are two answers")]
pub(super) fn value(words: &mut Words, verb: &Word) -> Result<Option<Option<String>>> {
    within(words, verb.is("CONVERT"), DEPTH_MAX)
}

#[allow(clippy::option_option, reason = "as above")]
fn within(words: &mut Words, converts: bool, depth: usize) -> Result<Option<Option<String>>> {
    if depth == 0 || !words.take_sign(b'(')? {
        return Ok(None);
    }
    let (kind, given) = match converts {
        true => {
            let kind = type_name(words)?;
            if !words.take_sign(b',')? {
                return Ok(None);
            }
            (kind, operand(words, depth)?)
        }
        false => {
            let given = operand(words, depth)?;
            if !words.take("AS")? {
                return Ok(None);
            }
            (type_name(words)?, given)
        }
    };
    let Some(given) = given else { return Ok(None) };
    if converts && words.take_sign(b',')? {
        match words.next()? {
            Word::Number(style) if STYLES.contains(&style.as_str()) => {}
            _ => return Ok(None),
        }
    }
    if !words.take_sign(b')')? {
        return Ok(None);
    }
    Ok(match given {
        None => Some(None),
        Some(text) => cast(text, &kind).map(Some),
    })
}

/// A literal, or another cast.
#[allow(clippy::option_option, reason = "as above")]
fn operand(words: &mut Words, depth: usize) -> Result<Option<Option<String>>> {
    let word = words.next()?;
    Ok(match word {
        Word::Text(text) => Some(Some(text)),
        Word::Number(number) => Some(Some(written(number))),
        Word::Sign(sign @ (b'-' | b'+')) => match words.next()? {
            Word::Number(number) if sign == b'-' => Some(Some(format!("-{number}"))),
            Word::Number(number) => Some(Some(number)),
            _ => None,
        },
        word if word.is("NULL") => Some(None),
        word if word.is("CAST") || word.is("CONVERT") => within(words, word.is("CONVERT"), depth - 1)?,
        Word::Name(mark) if mark.eq_ignore_ascii_case("n") => match words.next()? {
            Word::Text(text) => Some(Some(text)),
            _ => None,
        },
        _ => None,
    })
}

/// The words of a type in small letters and its first number.
struct TypeName {
    name: String,
    length: Option<usize>,
}

fn type_name(words: &mut Words) -> Result<TypeName> {
    let mut kind = TypeName { name: String::new(), length: None };
    while matches!(words.peek()?, Word::Name(name) if !name.eq_ignore_ascii_case("as"))
        || matches!(words.peek()?, Word::Quoted(_))
    {
        if let Word::Name(name) | Word::Quoted(name) = words.next()? {
            // [sys].[datetime] is a datetime.
            kind.name = name.to_ascii_lowercase();
        }
        words.take_sign(b'.')?;
    }
    if words.take_sign(b'(')? {
        loop {
            match words.next()? {
                Word::Number(number) if kind.length.is_none() => kind.length = number.parse().ok(),
                Word::Sign(b')') | Word::End => break,
                _ => {}
            }
        }
    }
    Ok(kind)
}

/// What the text of a literal becomes; none where only SQL Server could say.
fn cast(text: String, kind: &TypeName) -> Option<String> {
    let Some(hex) = text.strip_prefix("\\x") else {
        let is_text = ["char", "varchar", "nchar", "nvarchar", "varying", "character"].contains(&kind.name.as_str());
        return Some(match kind.length.filter(|length| is_text && text.chars().count() > *length) {
            Some(length) => text.chars().take(length).collect(),
            None => text,
        });
    };
    let bytes = unhex(hex.as_bytes())?;
    match kind.name.as_str() {
        "binary" | "varbinary" | "image" | "timestamp" | "rowversion" => Some(text),
        "datetime" => {
            let [a, b, c, d, e, f, g, h] = *bytes.as_slice() else { return None };
            let days = i32::from_be_bytes([a, b, c, d]);
            let ticks = u32::from_be_bytes([e, f, g, h]);
            // Shown to the millisecond, as SQL Server does.
            let millis = (i64::from(ticks) * 10 + 1) / 3;
            moment(since(1900)?.checked_add_signed(TimeDelta::days(days.into()))?, TimeDelta::milliseconds(millis))
        }
        "smalldatetime" => {
            let [a, b, c, d] = *bytes.as_slice() else { return None };
            let (days, minutes) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let date = since(1900)?.checked_add_days(Days::new(days.into()))?;
            moment(date, TimeDelta::minutes(minutes.into()))
        }
        "date" => match *bytes.as_slice() {
            [a, b, c] | [a, b, c, 0] => Some(date([a, b, c])?.to_string()),
            _ => None,
        },
        "time" => {
            let (time, rest) = units(&bytes)?;
            rest.is_empty().then(|| NaiveTime::MIN.overflowing_add_signed(time).0.to_string())
        }
        "datetime2" => {
            let (time, rest) = units(&bytes)?;
            let [a, b, c] = *rest else { return None };
            moment(date([a, b, c])?, time)
        }
        // Kept in UTC, with the zone's minutes for show.
        "datetimeoffset" => {
            let (time, rest) = units(&bytes)?;
            let [a, b, c, _, _] = *rest else { return None };
            moment(date([a, b, c])?, time).map(|text| text + "+00")
        }
        _ => None,
    }
}

fn since(year: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, 1, 1)
}

fn date([a, b, c]: [u8; 3]) -> Option<NaiveDate> {
    since(1)?.checked_add_days(Days::new(u32::from_le_bytes([a, b, c, 0]).into()))
}

fn moment(date: NaiveDate, time: TimeDelta) -> Option<String> {
    let at: NaiveDateTime = date.and_time(NaiveTime::MIN).checked_add_signed(time)?;
    Some(at.to_string())
}

/// What a scale and units of it since midnight say, and what follows.
fn units(bytes: &[u8]) -> Option<(TimeDelta, &[u8])> {
    let (&scale, rest) = bytes.split_first()?;
    let length = match scale {
        0..=2 => 3,
        3 | 4 => 4,
        5..=7 => 5,
        _ => return None,
    };
    let (units, rest) = rest.split_at_checked(length)?;
    let units = units.iter().rev().fold(0i64, |number, byte| number << 8 | i64::from(*byte));
    let nanos = units.checked_mul(10i64.pow(9 - u32::from(scale)))?;
    (nanos < 86_400_000_000_000).then_some((TimeDelta::nanoseconds(nanos), rest))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, cells, types};

    #[test]
    fn casts_of_sql_server_are_read() {
        let text = "CREATE TABLE [dbo].[Item] ([Id] int, [Price] decimal(10, 2), [Name] nvarchar(20), [At] datetime, [Small] smalldatetime,\n\
            [Day] date, [Two] datetime2(7), [Off] datetimeoffset(7), [Raw] varbinary(8), [Key] uniqueidentifier, [On] bit)\nGO\n\
            INSERT [dbo].[Item] VALUES (1, CAST(3.25 AS Decimal(10, 2)), CAST(N'a''b' AS NVarChar(20)), \
            CAST(0x0000901A00000000 AS DateTime), CAST(0x90AA021C AS SmallDateTime), CAST(0x5B950A00 AS Date), \
            CAST(0x0700A8E76F4A5B950A AS DateTime2), CAST(0x0700A8E76F4A5B950A0000 AS DateTimeOffset), CAST(0x0aFF AS VarBinary(8)), \
            N'6F9619FF-8B86-D011-B42D-00C04FC964FF', CAST(1 AS Bit))\n\
            INSERT [dbo].[Item] ([Id], [At], [Two]) VALUES (CAST(2 AS Int), CONVERT(datetime, N'2020-01-02 03:04:05', 120), \
            CAST(N'2020-01-02T03:04:05.1234567' AS DateTime2))\n\
            INSERT [dbo].[Item] VALUES (-3, CAST(-1.50 AS [decimal](10, 2)), NULL, CAST(NULL AS DateTime), NULL, NULL, NULL, NULL, NULL, NULL, 0)\nGO\n";
        let folder = Folder::new(&[("i.sql", text)]);
        let item = folder.asset("i_item");
        assert_eq!(
            types(&item),
            "Id Int32, Price Decimal128(10, 2), Name varchar(20), At Timestamp(µs), Small Timestamp(µs), Day Date32, Two Timestamp(µs), \
             Off Timestamp(µs, \"UTC\"), Raw Binary, Key uuid, On Boolean"
        );
        assert_eq!(
            cells(&item),
            [
                "1|3.25|a'b|2001-01-01T00:00:00|2001-05-25T09:00:00|1900-01-01|1900-01-01T08:52:50.503270|\
                 1900-01-01T08:52:50.503270Z|0aff|6f9619ff-8b86-d011-b42d-00c04fc964ff|true",
                "2|||2020-01-02T03:04:05|||2020-01-02T03:04:05.123456||||",
                "-3|-1.50|||||||||false"
            ]
        );
    }

    #[test]
    fn casts_that_must_be_computed_are_refused() {
        for cast in [
            "CAST(1 + 1 AS Int)",
            "CAST(0x0102 AS DateTime)",
            "CONVERT(datetime, '01/02/2020', 101)",
            "CAST(GETDATE() AS Date)",
        ] {
            let text = format!("CREATE TABLE [T] ([A] datetime)\nGO\nINSERT [T] VALUES ({cast})\nGO\n");
            let folder = Folder::new(&[("t.sql", &text)]);
            let error = folder.asset("t_t").schema().unwrap_err();
            assert_eq!(error.message(), "t.sql, line 3: a value of table T is not written out", "{cast}");
        }
    }
}
