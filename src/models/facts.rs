//! What is known of a training besides what it learnt.

use super::drift::Tally;
use super::evaluation::Metric;

/// The facts of a trained model.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The measures of `EVALUATE` on the rows set aside in training.
    pub evaluation: Vec<Metric>,
    /// How much worse held-out rows are predicted when one column's values are dealt to other rows, largest first: growth of the
    /// log-loss, or for models over rows of what they make small (root of the mean squared error, log-loss, mean squared distance,
    /// mean error of reconstruction). Not a number where it could not be told.
    pub importance: Vec<(String, f64)>,
    /// Rows that trained the final model.
    pub trained_rows: usize,
    /// Rows left out because their label was NULL.
    pub skipped_rows: usize,
    /// Epochs or iterations that the final model was trained for.
    pub epochs: usize,
    /// Of an update its rows, by the parts of each column's values in training; empty for a training.
    pub seen: Tally,
}
