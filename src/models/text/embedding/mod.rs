//! Encoders tuned on pairs of texts that belong together: what somebody searched for and what he then bought, two titles of one product.
//!
//! A step takes some tens of pairs. Of each text of a pair the other's place among all the others of the step is asked for: the loss is the
//! log-loss of a softmax over cosines by a temperature, both ways (InfoNCE: van den Oord et al., 2018; with the other pairs of the
//! batch as negatives: Henderson et al., 2017). A text that is in two pairs of a step is no negative of itself. What is learnt is an
//! [`Adapter`](crate::models::encoder::Adapter); embeddings of a whole step are computed before the way back goes through them part by
//! part (GradCache: Gao et al., 2021), so that memory follows the part.
//!
//! Held-out pairs judge: each query is answered among the passages of the pairs, and where its own is found is told as recall at 1 and 10 and as the
//! mean of one over its rank, beside the same by the encoder as it was. Of the epochs the best by that is kept; none may be, and then the
//! encoder stays as it was.

mod bytes;
mod contrast;
mod model;
mod options;
mod ranks;
#[cfg(test)]
mod tests;
mod training;

pub use model::EmbeddingModel;
pub use options::EmbeddingOptions;
