//! Who watches a training: is told how far it is, and may end it.

use crate::error::Result;
use crate::models::evaluation::Progress;

/// Who watches a training.
pub struct Watch<'a> {
    /// Told after each epoch or iteration; its error ends the training.
    pub progress: &'a mut dyn FnMut(Progress) -> Result<()>,
    /// Asked within epochs; its error ends the training.
    pub cancel: &'a (dyn Fn() -> Result<()> + Sync),
    /// Told in words what takes long besides epochs; its error ends the training.
    pub told: &'a mut dyn FnMut(&str) -> Result<()>,
}

impl Watch<'_> {
    pub(in crate::models) fn check(&self) -> Result<()> {
        (self.cancel)()
    }

    pub(in crate::models) fn tell(
        &mut self,
        epoch: usize,
        epochs: usize,
        loss: (&'static str, f64),
        held_out: Vec<(&'static str, f64)>,
    ) -> Result<()> {
        (self.progress)(Progress { epoch, epochs, loss, held_out })
    }
}

#[cfg(test)]
impl Watch<'static> {
    /// Nobody does.
    pub fn nobody() -> Self {
        let progress = Box::leak(Box::new(|_: Progress| Ok(())));
        Self { progress, cancel: &|| Ok(()), told: Box::leak(Box::new(|_: &str| Ok(()))) }
    }
}
