//! Templates of moments, cut into patterns.

/// A pattern: what it shows of a moment, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// `A.D.`, `B.C.`, in whatever letters; the flag for those with points.
    Era(bool),
    /// `A.M.`, `P.M.`
    HalfDay(bool),
    Century,
    /// A name in full, of a day.
    DayName,
    DayShort,
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    /// So many places of the second.
    Fraction(usize),
    /// The template and the text agree letter for letter.
    Exact,
    Hour24,
    Hour12,
    IsoWeek,
    Week,
    WeekOfMonth,
    /// So many last digits of the year.
    Year(usize),
    IsoYear(usize),
    /// `2,024`
    YearWithComma,
    Julian,
    Minute,
    Month,
    MonthName,
    MonthShort,
    Millisecond,
    Microsecond,
    Second,
    SecondOfDay,
    Quarter,
    RomanMonth,
    Zone,
    ZoneHour,
    ZoneMinute,
    Offset,
}

impl Pattern {
    /// Whether it is read as digits.
    pub fn is_number(self) -> bool {
        use Pattern::{
            DayName, DayShort, Era, Exact, HalfDay, MonthName, MonthShort, Offset, RomanMonth, Zone, ZoneHour,
            ZoneMinute,
        };
        !matches!(
            self,
            Era(_)
                | HalfDay(_)
                | DayName
                | DayShort
                | Exact
                | MonthName
                | MonthShort
                | RomanMonth
                | Zone
                | ZoneHour
                | ZoneMinute
                | Offset
        )
    }

    /// Whether it counts weeks as ISO 8601 does.
    pub fn is_iso(self) -> bool {
        use Pattern::{IsoDayOfWeek, IsoDayOfYear, IsoWeek, IsoYear};
        matches!(self, IsoDayOfWeek | IsoDayOfYear | IsoWeek | IsoYear(_))
    }
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A pattern as it is written, without blanks and zeros (`FM`), with the ending of a number (`TH`, true for capitals).
    Pattern { pattern: Pattern, written: String, fill: bool, ordinal: Option<bool> },
    /// A blank, or a sign between patterns.
    Separator(char),
    /// Any other letter.
    Letter(char),
}

/// Longer ones before those that they begin with. Those with small letters as well are read in both.
const PATTERNS: &[(&str, Pattern)] = &[
    ("A.D.", Pattern::Era(true)),
    ("A.M.", Pattern::HalfDay(true)),
    ("AD", Pattern::Era(false)),
    ("AM", Pattern::HalfDay(false)),
    ("B.C.", Pattern::Era(true)),
    ("BC", Pattern::Era(false)),
    ("CC", Pattern::Century),
    ("DAY", Pattern::DayName),
    ("Day", Pattern::DayName),
    ("DDD", Pattern::DayOfYear),
    ("DD", Pattern::DayOfMonth),
    ("DY", Pattern::DayShort),
    ("Dy", Pattern::DayShort),
    ("D", Pattern::DayOfWeek),
    ("FF1", Pattern::Fraction(1)),
    ("FF2", Pattern::Fraction(2)),
    ("FF3", Pattern::Fraction(3)),
    ("FF4", Pattern::Fraction(4)),
    ("FF5", Pattern::Fraction(5)),
    ("FF6", Pattern::Fraction(6)),
    ("FX", Pattern::Exact),
    ("HH24", Pattern::Hour24),
    ("HH12", Pattern::Hour12),
    ("HH", Pattern::Hour12),
    ("IDDD", Pattern::IsoDayOfYear),
    ("ID", Pattern::IsoDayOfWeek),
    ("IW", Pattern::IsoWeek),
    ("IYYY", Pattern::IsoYear(4)),
    ("IYY", Pattern::IsoYear(3)),
    ("IY", Pattern::IsoYear(2)),
    ("I", Pattern::IsoYear(1)),
    ("J", Pattern::Julian),
    ("MI", Pattern::Minute),
    ("MM", Pattern::Month),
    ("MONTH", Pattern::MonthName),
    ("Month", Pattern::MonthName),
    ("MON", Pattern::MonthShort),
    ("Mon", Pattern::MonthShort),
    ("MS", Pattern::Millisecond),
    ("OF", Pattern::Offset),
    ("P.M.", Pattern::HalfDay(true)),
    ("PM", Pattern::HalfDay(false)),
    ("Q", Pattern::Quarter),
    ("RM", Pattern::RomanMonth),
    ("SSSSS", Pattern::SecondOfDay),
    ("SSSS", Pattern::SecondOfDay),
    ("SS", Pattern::Second),
    ("TZH", Pattern::ZoneHour),
    ("TZM", Pattern::ZoneMinute),
    ("TZ", Pattern::Zone),
    ("US", Pattern::Microsecond),
    ("WW", Pattern::Week),
    ("W", Pattern::WeekOfMonth),
    ("Y,YYY", Pattern::YearWithComma),
    ("YYYY", Pattern::Year(4)),
    ("YYY", Pattern::Year(3)),
    ("YY", Pattern::Year(2)),
    ("Y", Pattern::Year(1)),
];

/// The pieces of a template.
pub fn nodes(template: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = template;
    while let Some(letter) = rest.chars().next() {
        let (mut fill, mut translated, mut after) = (false, false, rest);
        while let Some(behind) = ["FM", "fm", "TM", "tm"].iter().find_map(|prefix| after.strip_prefix(prefix)) {
            fill |= after.starts_with(['F', 'f']);
            translated |= after.starts_with(['T', 't']);
            after = behind;
        }
        let found = PATTERNS.iter().find_map(|(name, pattern)| {
            let lower = name.to_lowercase();
            let mixed = name.chars().any(|c| c.is_lowercase());
            let length = name.len();
            (after.starts_with(name) || !mixed && after.starts_with(&lower)).then_some((length, *pattern))
        });
        if let Some((length, pattern)) = found {
            let (written, mut behind) = after.split_at(length);
            let mut ordinal = None;
            loop {
                let suffix = [("TH", Some(true)), ("th", Some(false)), ("SP", None)];
                let Some((text, kind)) = suffix.iter().find(|(text, _)| behind.starts_with(text)) else { break };
                ordinal = kind.or(ordinal);
                behind = &behind[text.len()..];
            }
            // Names in a language are as long as they are.
            let fill = fill || translated && matches!(pattern, Pattern::MonthName | Pattern::DayName);
            nodes.push(Node::Pattern { pattern, written: written.to_owned(), fill, ordinal });
            rest = behind;
            continue;
        }
        if fill {
            rest = after;
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            '"' => {
                let (letters, behind) = super::quoted(rest);
                nodes.extend(letters.into_iter().map(Node::Letter));
                rest = behind;
            }
            '\\' if rest.starts_with('"') => {
                nodes.push(Node::Letter('"'));
                rest = &rest[1..];
            }
            letter if is_separator(letter) => nodes.push(Node::Separator(letter)),
            letter => nodes.push(Node::Letter(letter)),
        }
    }
    nodes
}

/// Blanks, and signs that are no letters and no digits.
pub fn is_separator(letter: char) -> bool {
    letter.is_ascii() && !letter.is_ascii_alphanumeric() && !letter.is_ascii_control() || letter.is_ascii_whitespace()
}
