//! Which segments an index holds, as the line that goes with each of its commits.
//!
//! `1:3-9,12` is form 1, segments 3 to 9 and 12. An index without a commit has an empty line.

use std::collections::BTreeSet;

/// The form written.
const FORM: &str = "1:";
/// Segments in one range at most; more is damage.
const RANGE_MAX: u64 = 1 << 24;

pub(super) struct Segments;

impl Segments {
    /// The line for `segments`.
    pub(super) fn write(segments: &BTreeSet<u64>) -> String {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for id in segments {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *id => *last = *id,
                _ => ranges.push((*id, *id)),
            }
        }
        let shown = ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
        format!("{FORM}{}", shown.collect::<Vec<_>>().join(","))
    }

    /// The segments in `line`; nothing if it is no such line.
    pub(super) fn read(line: &str) -> Option<BTreeSet<u64>> {
        let mut segments = BTreeSet::new();
        if line.is_empty() {
            return Some(segments);
        }
        for range in line.strip_prefix(FORM)?.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            if first > last || last - first > RANGE_MAX {
                return None;
            }
            segments.extend(first..=last);
        }
        Some(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_was_written() {
        for (segments, line) in [(vec![], "1:"), (vec![5], "1:5"), (vec![0, 1, 2, 7, 9, 10], "1:0-2,7,9-10")] {
            let segments: BTreeSet<u64> = segments.into_iter().collect();
            assert_eq!(Segments::write(&segments), line);
            assert_eq!(Segments::read(line), Some(segments));
        }
        assert_eq!(Segments::read(""), Some(BTreeSet::new()));
        for line in ["2:1", "1:x", "1:9-3", "1:0-99999999999", "7"] {
            assert_eq!(Segments::read(line), None, "{line}");
        }
    }
}
