//! What networks over rows are made of, for click models and for the models of [`tabular`](super::tabular): products of
//! matrices, fully connected layers, blocks and tables of parameters with their optimiser.
//!
//! Gradients are written out by hand ([why](../../../docs/decisions/click-models-by-hand.md)); each network checks its own
//! against differences of its loss.

mod dense;
mod parameters;
mod tower;

pub(in crate::models) use dense::{Layer, multiply, plain, transposed};
pub(in crate::models) use parameters::{Block, Step, Table, penalties};
pub(in crate::models) use tower::{Gradients, Tower, TowerWork};
