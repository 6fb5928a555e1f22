//! What was measured, as a table.

use std::fmt;

/// One figure, ours and the peer's.
struct Row {
    figure: String,
    ours: f64,
    peer: Option<(String, f64)>,
    unit: Unit,
}

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Seconds: less is better.
    Seconds,
    /// So many a second: more is better.
    PerSecond,
}

/// The figures in the order in which they came.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds a figure, and prints it at once: a run takes minutes.
    pub fn add(&mut self, figure: impl Into<String>, unit: Unit, ours: f64, peer: Option<(&str, f64)>) {
        let row = Row { figure: figure.into(), ours, peer: peer.map(|(name, value)| (name.to_owned(), value)), unit };
        println!("{row}");
        self.0.push(row);
    }
}

impl Unit {
    fn shown(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{value:.3} s"),
            Self::PerSecond => format!("{value:.0} /s"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = self.unit.shown(self.ours);
        let (peer, ratio) = match &self.peer {
            Some((name, value)) => {
                // Above 1, Steward is so many times as fast.
                let ratio = match self.unit {
                    Unit::Seconds => value / self.ours,
                    Unit::PerSecond => self.ours / value,
                };
                (format!("{} ({name})", self.unit.shown(*value)), format!("{ratio:.2}"))
            }
            None => ("-".to_owned(), "-".to_owned()),
        };
        write!(f, "| {:<44} | {ours:>12} | {peer:>36} | {ratio:>6} |", self.figure)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {:<44} | {:>12} | {:>36} | {:>6} |", "figure", "Steward", "peer", "ratio")?;
        writeln!(f, "|{}|{}:|{}:|{}:|", "-".repeat(46), "-".repeat(13), "-".repeat(37), "-".repeat(7))?;
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        write!(f, "ratio above 1: Steward is so many times as fast as its peer")
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
