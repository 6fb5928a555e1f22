//! Conditions on rows that let a reader read less.
//!
//! They are the part of a statement's WHERE that a reader may understand: what it gives must hold every row for which they
//! are true, and may hold others. Whoever asks looks at the rows again.

use std::cmp::Ordering;

/// A constant of a condition, of the column's own type.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `boolean`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number and how many of its digits stand behind the point.
    Decimal(i128, i8),
    /// `real` or `double precision`
    Float(f64),
    /// A text, compared byte by byte.
    Text(String),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970, without a zone.
    Timestamp(i64),
    /// Microseconds since 1970, UTC.
    Timestamptz(i64),
}

impl Scalar {
    /// How two constants of one kind stand to each other; `None` for others, and for NaN.
    fn compare(&self, other: &Scalar) -> Option<Ordering> {
        Some(match (self, other) {
            (Scalar::Bool(left), Scalar::Bool(right)) => left.cmp(right),
            (Scalar::Int(left), Scalar::Int(right)) => left.cmp(right),
            (Scalar::Decimal(left, places), Scalar::Decimal(right, same)) if places == same => left.cmp(right),
            (Scalar::Float(left), Scalar::Float(right)) => return left.partial_cmp(right),
            (Scalar::Text(left), Scalar::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Scalar::Date(left), Scalar::Date(right)) => left.cmp(right),
            (Scalar::Timestamp(left), Scalar::Timestamp(right))
            | (Scalar::Timestamptz(left), Scalar::Timestamptz(right)) => left.cmp(right),
            _ => return None,
        })
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// The operator in SQL.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

/// A condition on a row. Columns are positions in the asset's schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// `column operator constant`
    Compare(usize, Comparison, Scalar),
    /// `column IN (constants)`
    In(usize, Vec<Scalar>),
    /// `column IS NULL` (true) or `IS NOT NULL`
    Null(usize, bool),
    /// AND
    All(Vec<Predicate>),
    /// OR
    Any(Vec<Predicate>),
}

/// What is known of a column's values in a part of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// No value is below.
    pub(super) min: Option<Scalar>,
    /// No value is above, NaN apart.
    pub(super) max: Option<Scalar>,
    /// How many are NULL.
    pub(super) nulls: Option<u64>,
    /// How many there are, NULL or not.
    pub(super) rows: u64,
}

impl Bounds {
    fn may_compare(&self, is: Comparison, to: &Scalar) -> bool {
        if self.nulls == Some(self.rows) {
            return false;
        }
        let (above_min, below_max) =
            (self.min.as_ref().and_then(|min| to.compare(min)), self.max.as_ref().and_then(|max| to.compare(max)));
        // NaN is above all numbers, and no bound tells of it.
        let is_float = matches!(to, Scalar::Float(_));
        match is {
            Comparison::Equal => above_min != Some(Ordering::Less) && below_max != Some(Ordering::Greater),
            Comparison::NotEqual => {
                is_float || above_min != Some(Ordering::Equal) || below_max != Some(Ordering::Equal)
            }
            Comparison::Less => !matches!(above_min, Some(Ordering::Less | Ordering::Equal)),
            Comparison::AtMost => above_min != Some(Ordering::Less),
            Comparison::Greater => is_float || !matches!(below_max, Some(Ordering::Greater | Ordering::Equal)),
            Comparison::AtLeast => is_float || below_max != Some(Ordering::Greater),
        }
    }
}

impl Predicate {
    /// Whether a row for which it is true may be where columns have such bounds.
    pub(super) fn may_hold(&self, bounds: &mut dyn FnMut(usize) -> Bounds) -> bool {
        match self {
            Predicate::Compare(column, is, to) => bounds(*column).may_compare(*is, to),
            Predicate::In(column, values) => {
                let bounds = bounds(*column);
                values.iter().any(|value| bounds.may_compare(Comparison::Equal, value))
            }
            Predicate::Null(column, true) => bounds(*column).nulls != Some(0),
            Predicate::Null(column, false) => {
                let bounds = bounds(*column);
                bounds.nulls != Some(bounds.rows)
            }
            Predicate::All(parts) => parts.iter().all(|part| part.may_hold(bounds)),
            Predicate::Any(parts) => parts.iter().any(|part| part.may_hold(bounds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_left_out_only_where_no_row_can_be() {
        let part = Bounds { min: Some(Scalar::Int(10)), max: Some(Scalar::Int(20)), nulls: Some(0), rows: 5 };
        let may = |is, to| Predicate::Compare(0, is, Scalar::Int(to)).may_hold(&mut |_| part.clone());
        let all = [
            (Comparison::Equal, [false, true, true, true, false]),
            (Comparison::NotEqual, [true, true, true, true, true]),
            (Comparison::Less, [false, false, true, true, true]),
            (Comparison::AtMost, [false, true, true, true, true]),
            (Comparison::Greater, [true, true, true, false, false]),
            (Comparison::AtLeast, [true, true, true, true, false]),
        ];
        for (is, wanted) in all {
            assert_eq!([9, 10, 15, 20, 21].map(|to| may(is, to)), wanted, "{is:?}");
        }
        assert!(!Predicate::Null(0, true).may_hold(&mut |_| part.clone()));
        let none = Bounds { nulls: Some(5), rows: 5, ..Bounds::default() };
        assert!(!Predicate::Null(0, false).may_hold(&mut |_| none.clone()));
        assert!(!Predicate::Compare(0, Comparison::NotEqual, Scalar::Int(1)).may_hold(&mut |_| none.clone()));
        // Of another kind, or without bounds: nobody knows.
        assert!(Predicate::Compare(0, Comparison::Equal, Scalar::Text("x".into())).may_hold(&mut |_| part.clone()));
        assert!(Predicate::Compare(0, Comparison::Equal, Scalar::Int(1)).may_hold(&mut |_| Bounds::default()));
    }

    #[test]
    fn not_a_number_is_above_every_bound() {
        let part = Bounds { min: Some(Scalar::Float(1.0)), max: Some(Scalar::Float(2.0)), nulls: None, rows: 5 };
        let may = |is, to| Predicate::Compare(0, is, Scalar::Float(to)).may_hold(&mut |_| part.clone());
        assert!(may(Comparison::Greater, 9.0) && may(Comparison::AtLeast, 9.0));
        assert!(may(Comparison::Equal, f64::NAN) && may(Comparison::Less, f64::NAN));
        assert!(!may(Comparison::Less, 1.0) && !may(Comparison::Equal, 3.0));
    }
}
