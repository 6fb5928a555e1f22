//! A text as a point.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A unit vector of [`Encoder::dimension`](super::Encoder::dimension) numbers; cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// The cosine with another unit vector of the same length: 1 alike, 0 unrelated in principle, but see
    /// [`text`](crate::models::text) for why raw cosines of this encoder all lie between 0.7 and 1.
    pub fn cosine(&self, other: &[f32]) -> f32 {
        self.iter().zip(other).map(|(a, b)| a * b).sum()
    }
}

impl From<&[f32]> for Embedding {
    fn from(vector: &[f32]) -> Self {
        Self(vector.into())
    }
}

impl Deref for Embedding {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

/// Names the size only: the numbers tell about the text, which may be protected.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({})", self.0.len())
    }
}
