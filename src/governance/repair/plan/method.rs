//! How a change was found.

/// How a change was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Blanks where none belong, letters and digits of full width.
    Trim,
    /// A common value in other letters of the same word.
    Case,
    /// A rare value near a common one.
    FuzzyMatch,
    /// A value near one that a rule accepts.
    Dictionary,
    /// A key of another relation that is not there, near one that is.
    FkFix,
    /// A word for "missing".
    MissingToken,
    /// The unit, or the sign of percent, that a column's values have or have not.
    StandardiseUnit,
    /// An amount of money as a number.
    ParsePrice,
    /// A day in the column's format.
    ParseDate,
    /// The part of a value that has the column's format.
    Extract,
    /// Two cells in one.
    Split,
    /// What other rows with the same value in another column have.
    Dependency,
    /// What most and best sources say of the same thing.
    Vote,
    /// The median, for a number that is missing.
    ImputeMedian,
    /// The end of what is usual, for a number far out.
    OutlierClip,
    /// `REPAIR USING` of a quality rule.
    Rule,
}

const ALL: [(Method, &str); 16] = [
    (Method::Trim, "trim"),
    (Method::Case, "case"),
    (Method::FuzzyMatch, "fuzzy_match"),
    (Method::Dictionary, "dictionary"),
    (Method::FkFix, "fk_fix"),
    (Method::MissingToken, "missing_token"),
    (Method::StandardiseUnit, "standardise_unit"),
    (Method::ParsePrice, "parse_price"),
    (Method::ParseDate, "parse_date"),
    (Method::Extract, "extract"),
    (Method::Split, "split"),
    (Method::Dependency, "dependency"),
    (Method::Vote, "vote"),
    (Method::ImputeMedian, "impute_median"),
    (Method::OutlierClip, "outlier_clip"),
    (Method::Rule, "rule"),
];

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(method, _)| *method == self).map_or("", |(_, name)| name)
    }

    /// The method of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known)| *known == name).map(|(method, _)| *method)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(_, name)| *name)
    }

    /// Whether it makes values up that nothing in the row speaks for: it is used where it is named only.
    pub fn makes_up(self) -> bool {
        matches!(self, Self::ImputeMedian | Self::OutlierClip)
    }
}
