//! The shape of a network: all that must be known before its weights.

use serde::{Deserialize, Serialize};

use super::options::{Architecture, CtrOptions};
use crate::models::features::{FeatureSpec, Side};

/// Units of the tower's hidden layers unless the options say otherwise, the founding document's 32-64-1.
const HIDDEN: [usize; 2] = [32, 64];
/// Cross layers of `dcn`.
pub(super) const CROSS_LAYERS: usize = 2;
/// Rank of the matrices of `dcnv2`: a quarter of the row's numbers, within these bounds.
const CROSS_RANK: (usize, usize) = (8, 64);

/// Sizes and sides, from which every block's shape follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub architecture: Architecture,
    /// Rows of the tables.
    pub table_rows: usize,
    /// Slots of a row.
    pub slots: usize,
    /// Dense numbers of a row.
    pub dense: usize,
    /// Numbers in an entry's vector; 0 for `lr`.
    pub dim: usize,
    /// Columns of the gathered row that belong to the user, and to the item.
    pub user: Vec<usize>,
    pub item: Vec<usize>,
    /// Units of the tower's hidden layers, where they are others than the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Vec<usize>>,
}

impl Plan {
    pub fn new(options: &CtrOptions, spec: &FeatureSpec) -> Self {
        let architecture = options.architecture;
        let dim = if architecture == Architecture::Lr { 0 } else { options.embedding_dim };
        let (slot_sides, dense_sides) = spec.sides();
        let columns = |side: Side| {
            let slots = slot_sides.iter().enumerate().filter(move |(_, s)| **s == side);
            let dense = dense_sides.iter().enumerate().filter(move |(_, s)| **s == side);
            let from_slots = slots.flat_map(move |(slot, _)| slot * dim..(slot + 1) * dim);
            let start = spec.slots() * dim;
            from_slots.chain(dense.map(move |(place, _)| start + place)).collect::<Vec<usize>>()
        };
        let sided = architecture == Architecture::Bilinear;
        Self {
            architecture,
            table_rows: spec.table_rows(),
            slots: spec.slots(),
            dense: spec.dense_width(),
            dim,
            user: if sided { columns(Side::User) } else { Vec::new() },
            item: if sided { columns(Side::Item) } else { Vec::new() },
            hidden: options.hidden_units.clone(),
        }
    }

    /// Outputs of each layer of the tower: its hidden ones, then one.
    pub fn tower(&self) -> Vec<usize> {
        self.hidden.as_deref().unwrap_or(&HIDDEN).iter().copied().chain([1]).collect()
    }

    /// Whether the sizes agree with the features', so that a loaded network cannot reach outside its tables.
    pub fn fits(&self, spec: &FeatureSpec, options: &CtrOptions) -> bool {
        *self == Self::new(options, spec)
    }

    /// Numbers of a gathered row: the vectors of all slots, then the dense numbers.
    pub fn row_width(&self) -> usize {
        self.slots * self.dim + self.dense
    }

    /// Whether there is a weight for each entry and dense number.
    pub fn is_linear(&self) -> bool {
        !matches!(self.architecture, Architecture::Bilinear | Architecture::Mlp)
    }

    pub fn is_factorised(&self) -> bool {
        matches!(self.architecture, Architecture::Fm | Architecture::DeepFm)
    }

    pub fn is_bilinear(&self) -> bool {
        self.architecture == Architecture::Bilinear
    }

    pub fn has_tower(&self) -> bool {
        self.architecture.has_tower()
    }

    pub fn has_cross(&self) -> bool {
        matches!(self.architecture, Architecture::Dcn | Architecture::DcnV2)
    }

    /// Whether the cross layers have matrices, and not a vector each.
    pub fn is_matrix_cross(&self) -> bool {
        self.architecture == Architecture::DcnV2
    }

    /// Columns of the two matrices of a cross layer of `dcnv2`.
    pub fn cross_rank(&self) -> usize {
        (self.row_width() / 4).clamp(CROSS_RANK.0, CROSS_RANK.1)
    }

    /// Weights of one cross layer.
    pub fn cross_weights(&self) -> usize {
        if self.is_matrix_cross() { 2 * self.row_width() * self.cross_rank() } else { self.row_width() }
    }
}
