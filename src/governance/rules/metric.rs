//! The metrics that rules ask for.
//!
//! Names are those of Snowflake's data metric functions and of Dataplex's rules where these have them.

use crate::governance::quality::Dimension;

/// A metric of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Rows whose value is NULL.
    NullCount,
    /// Their share, 0 to 100.
    NullPercent,
    /// Rows whose text is empty or only spaces.
    BlankCount,
    /// Their share, 0 to 100.
    BlankPercent,
    /// Rows whose values stood in another row before; NULL is no value.
    DuplicateCount,
    /// Different values; NULL is none.
    UniqueCount,
    /// Different values / values, 0 to 1.
    Uniqueness,
    /// Rows whose value is none of a list.
    AcceptedValues,
    /// Rows whose value is not between two bounds.
    Range,
    /// Rows whose text does not match a regular expression.
    Regex,
    /// Rows whose values no row of another relation has.
    ForeignKey,
    /// Rows whose value is not the usual one for what another column says.
    FunctionalDependency,
    /// Values far from the median, in median absolute deviations.
    AnomalyMad,
    /// Values far outside of the quartiles, in distances between these.
    AnomalyIqr,
    /// The age of the latest moment.
    Freshness,
    /// Rows.
    RowCount,
    /// The mean.
    Avg,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The sample standard deviation.
    Stddev,
    /// A statistic that should lie between two bounds.
    StatisticRange,
    /// Columns that were added, dropped or given another type since the rule was made.
    SchemaDrift,
}

/// How many columns a metric is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// None: it is about the relation.
    None,
    /// One.
    One,
    /// One, or several together.
    Some,
}

/// What a metric gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Rows that are not as they should be.
    Failures,
    /// Their share of all that it speaks of, 0 to 100.
    Percent,
    /// The share of those that are as they should be, 0 to 1.
    Share,
    /// Something else that is counted.
    Count,
    /// A value, or what is computed of values.
    OfValues,
}

/// What constants a metric takes, by their least and greatest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments {
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
    /// What they are, in words.
    pub what: &'static str,
}

/// Each metric with its name in SQL.
const NAMES: [(&str, Metric); 22] = [
    ("null_count", Metric::NullCount),
    ("null_percent", Metric::NullPercent),
    ("blank_count", Metric::BlankCount),
    ("blank_percent", Metric::BlankPercent),
    ("duplicate_count", Metric::DuplicateCount),
    ("unique_count", Metric::UniqueCount),
    ("uniqueness", Metric::Uniqueness),
    ("accepted_values", Metric::AcceptedValues),
    ("range", Metric::Range),
    ("regex", Metric::Regex),
    ("foreign_key", Metric::ForeignKey),
    ("functional_dependency", Metric::FunctionalDependency),
    ("anomaly_mad", Metric::AnomalyMad),
    ("anomaly_iqr", Metric::AnomalyIqr),
    ("freshness", Metric::Freshness),
    ("row_count", Metric::RowCount),
    ("avg", Metric::Avg),
    ("min", Metric::Min),
    ("max", Metric::Max),
    ("stddev", Metric::Stddev),
    ("statistic_range", Metric::StatisticRange),
    ("schema_drift", Metric::SchemaDrift),
];

impl Metric {
    /// The metric of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric)
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, metric)| *metric == self).map_or("", |(name, _)| name)
    }

    /// The dimension of quality that it counts for unless a rule says otherwise.
    pub fn dimension(self) -> Dimension {
        match self {
            Self::NullCount | Self::NullPercent | Self::BlankCount | Self::BlankPercent | Self::RowCount => {
                Dimension::Completeness
            }
            Self::DuplicateCount | Self::UniqueCount | Self::Uniqueness => Dimension::Uniqueness,
            Self::AcceptedValues
            | Self::Range
            | Self::Regex
            | Self::Avg
            | Self::Min
            | Self::Max
            | Self::Stddev
            | Self::StatisticRange => Dimension::Validity,
            Self::ForeignKey | Self::FunctionalDependency | Self::SchemaDrift => Dimension::Consistency,
            Self::AnomalyMad | Self::AnomalyIqr => Dimension::Accuracy,
            Self::Freshness => Dimension::Timeliness,
        }
    }

    /// How many columns it is about.
    pub fn columns(self) -> Columns {
        match self {
            Self::RowCount | Self::SchemaDrift => Columns::None,
            Self::DuplicateCount | Self::UniqueCount | Self::Uniqueness | Self::ForeignKey => Columns::Some,
            _ => Columns::One,
        }
    }

    /// What it gives.
    pub fn value(self) -> Value {
        match self {
            Self::NullPercent | Self::BlankPercent => Value::Percent,
            Self::Uniqueness => Value::Share,
            Self::UniqueCount | Self::RowCount | Self::SchemaDrift => Value::Count,
            Self::Freshness | Self::Avg | Self::Min | Self::Max | Self::Stddev | Self::StatisticRange => {
                Value::OfValues
            }
            _ => Value::Failures,
        }
    }

    /// Whether it tells rows apart: which are as they should be, and which are not.
    pub fn tells_rows(self) -> bool {
        matches!(self.value(), Value::Failures | Value::Percent | Value::Share)
    }

    /// Whether a row tells by itself, without others, if it is as it should be.
    pub fn is_of_row(self) -> bool {
        matches!(
            self,
            Self::NullCount
                | Self::NullPercent
                | Self::BlankCount
                | Self::BlankPercent
                | Self::AcceptedValues
                | Self::Range
                | Self::Regex
        )
    }

    /// Whether a rule must say what it expects: no value is better than others by itself.
    pub fn needs_expectation(self) -> bool {
        matches!(self.value(), Value::Count | Value::OfValues)
            && !matches!(self, Self::StatisticRange | Self::SchemaDrift)
    }

    /// The constants that it takes.
    pub fn arguments(self) -> Arguments {
        let (min, max, what) = match self {
            Self::AcceptedValues => (1, 1000, "the accepted values"),
            Self::Range => (2, 2, "the least and the greatest value, NULL for none"),
            Self::Regex => (1, 1, "a regular expression"),
            Self::ForeignKey => (1, 2, "the relation that is referred to, and its column"),
            Self::FunctionalDependency => (1, 1, "the column that determines the value"),
            Self::AnomalyMad => (0, 1, "how many median absolute deviations are too far (3.5)"),
            Self::AnomalyIqr => (0, 1, "how many distances between the quartiles are too far (1.5)"),
            Self::StatisticRange => (3, 3, "mean, median, sum, min, max or stddev, and its least and greatest value"),
            Self::SchemaDrift => (0, 2000, "the columns that are expected, each with its type"),
            _ => (0, 0, "nothing"),
        };
        Arguments { min, max, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_one_name_and_one_way_to_hold() {
        for (name, metric) in NAMES {
            assert_eq!((Metric::from_name(name), metric.name()), (Some(metric), name));
            assert!(metric.tells_rows() || metric.needs_expectation() || metric.arguments().max > 0, "{name}");
            assert!(!metric.is_of_row() || metric.tells_rows(), "{name}");
        }
        assert_eq!(Metric::from_name("nulls"), None);
    }
}
