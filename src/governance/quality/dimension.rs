//! The six dimensions of quality (DAMA) and what GB/T 36344-2018 calls them.

/// A dimension of data quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Values are there.
    Completeness,
    /// Nothing comes twice that should not.
    Uniqueness,
    /// Values have the form and range of what they are.
    Validity,
    /// Values agree with each other, within a row and between relations.
    Consistency,
    /// Values are right.
    Accuracy,
    /// Values are recent enough.
    Timeliness,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Dimension; 6] =
        [Self::Completeness, Self::Uniqueness, Self::Validity, Self::Consistency, Self::Accuracy, Self::Timeliness];

    /// The dimension of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == name)
    }

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Uniqueness => "uniqueness",
            Self::Validity => "validity",
            Self::Consistency => "consistency",
            Self::Accuracy => "accuracy",
            Self::Timeliness => "timeliness",
        }
    }

    /// The Chinese name.
    pub fn label_zh(self) -> &'static str {
        match self {
            Self::Completeness => "完整性",
            Self::Uniqueness => "唯一性",
            Self::Validity => "有效性",
            Self::Consistency => "一致性",
            Self::Accuracy => "准确性",
            Self::Timeliness => "及时性",
        }
    }

    /// The indicator of GB/T 36344-2018 that the score belongs to.
    pub fn indicator_zh(self) -> &'static str {
        match self {
            Self::Completeness => "完整性 / 数据元素完整性",
            Self::Uniqueness => "准确性 / 数据唯一性、数据重复率",
            Self::Validity => "规范性、准确性 / 数据格式合规性",
            Self::Consistency => "一致性 / 关联数据一致性",
            Self::Accuracy => "准确性 / 数据内容正确性",
            Self::Timeliness => "时效性 / 基于时间点的及时性",
        }
    }

    /// How the score is computed, in words.
    pub fn formula(self) -> &'static str {
        match self {
            Self::Completeness => {
                "mean over columns of (values that are neither NULL, blank nor a word for missing) / rows"
            }
            Self::Uniqueness => "mean over keys of 1 - (rows whose key came before) / rows",
            Self::Validity => "mean over columns with a checkable type of (values that pass) / (values present)",
            Self::Consistency => {
                "mean over rules between columns or relations of (rows that keep it) / (rows it speaks of)"
            }
            Self::Accuracy => "1 - mean over cells of the probability of error",
            Self::Timeliness => "min(1, expected age / age)",
        }
    }

    /// Weight in the score of a relation; those of the dimensions with evidence are brought to a sum of 1.
    pub fn weight(self) -> f64 {
        match self {
            Self::Completeness | Self::Validity | Self::Accuracy => 0.2,
            Self::Uniqueness | Self::Consistency => 0.15,
            Self::Timeliness => 0.1,
        }
    }

    /// The share below which a row of the report has not passed, unless a rule says otherwise.
    pub fn threshold(self) -> f64 {
        match self {
            Self::Uniqueness => 1.0,
            Self::Validity | Self::Consistency => 0.98,
            Self::Completeness | Self::Accuracy => 0.95,
            Self::Timeliness => 0.9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one() {
        let sum: f64 = Dimension::ALL.iter().map(|dimension| dimension.weight()).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
}
