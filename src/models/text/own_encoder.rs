//! The encoder that a model was trained over: the built-in one, or an imported one, with or without an adapter.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::models::encoder::{Adapter, Encoder, Imported};
use crate::models::weights::{Unpacked, Weights};

/// The name of another stored model within a model's file.
const BASE: &str = "base";
/// Numbers of an adapter's rank and layers at most, so that a broken header cannot ask for all memory.
const RANK_MAX: usize = 256;

/// An encoder of a model's own.
#[derive(Clone, Default)]
pub struct OwnEncoder {
    base: Option<Arc<Imported>>,
    adapter: Option<Adapter>,
    /// The base with the adapter; none without one.
    adapted: Option<Arc<Encoder>>,
}

/// What of it is no weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::models) struct OwnHeader {
    /// Whether the base is an imported encoder, which lies in the same file.
    is_imported: bool,
    /// [`Encoder::fingerprint`] of the base.
    fingerprint: String,
    /// Of the adapter; 0 without one.
    rank: usize,
    layers: usize,
}

impl OwnEncoder {
    /// Of an imported encoder, or the built-in one, with an adapter.
    pub fn new(base: Option<Arc<Imported>>, adapter: Option<Adapter>) -> Result<Self> {
        let mut own = Self { base, adapter: None, adapted: None };
        if let Some(adapter) = adapter {
            own.adapted = Some(Arc::new(own.base()?.adapted(&adapter)));
            own.adapter = Some(adapter);
        }
        Ok(own)
    }

    /// The encoder as it was before it was tuned.
    pub fn base(&self) -> Result<&Encoder> {
        match &self.base {
            Some(imported) => Ok(imported.encoder()),
            None => Encoder::builtin(),
        }
    }

    /// The encoder as it is.
    pub fn encoder(&self) -> Result<&Encoder> {
        match &self.adapted {
            Some(adapted) => Ok(adapted),
            None => self.base(),
        }
    }

    /// The adapter, if there is one.
    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref()
    }

    /// Whether it is the built-in one as it is.
    pub fn is_builtin(&self) -> bool {
        self.base.is_none() && self.adapter.is_none()
    }

    /// Bytes that it takes in memory beside the built-in one.
    pub fn bytes(&self) -> usize {
        let adapted = self.adapted.as_ref().map_or(0, |encoder| encoder.bytes());
        adapted + self.base.as_ref().map_or(0, |imported| imported.encoder().bytes())
    }

    /// What is written of it into a header; none of the built-in one as it is.
    pub(in crate::models) fn header(&self) -> Result<Option<OwnHeader>> {
        if self.is_builtin() {
            return Ok(None);
        }
        Ok(Some(OwnHeader {
            is_imported: self.base.is_some(),
            fingerprint: format!("{:016x}", self.base()?.fingerprint()),
            rank: self.adapter.as_ref().map_or(0, Adapter::rank),
            layers: self.adapter.as_ref().map_or(0, Adapter::layers),
        }))
    }

    /// Its weights, under names that begin with `encoder.`, and the imported encoder whole.
    pub(in crate::models) fn tensors(&self) -> Vec<(String, Vec<usize>, Weights<'_>)> {
        let base = self.base.iter().map(|imported| {
            let bytes = imported.to_bytes();
            (BASE.to_owned(), vec![bytes.len()], Weights::Bytes(bytes))
        });
        let blocks = self.adapter.iter().flat_map(Adapter::values).enumerate();
        let blocks = blocks.map(|(place, values)| (block_name(place), vec![values.len()], Weights::Floats(values)));
        base.chain(blocks).collect()
    }

    /// Reads what [`header`](Self::header) and [`tensors`](Self::tensors) gave; [`Kind::Corruption`] for anything else,
    /// [`Kind::FormatVersion`] where the built-in encoder is another one than it was.
    pub(in crate::models) fn read<H>(header: Option<&OwnHeader>, unpacked: &Unpacked<H>) -> Result<Self> {
        let damaged = || Error::new(Kind::Corruption, "the stored model does not hang together");
        let Some(header) = header else { return Ok(Self::default()) };
        let base = match header.is_imported {
            true => {
                let bytes = unpacked.bytes(BASE).ok_or_else(damaged)?;
                Some(Arc::new(Imported::from_bytes(&bytes)?))
            }
            false => None,
        };
        let mut own = Self { base, adapter: None, adapted: None };
        let encoder = own.base()?;
        if format!("{:016x}", encoder.fingerprint()) != header.fingerprint {
            if own.base.is_some() {
                return Err(damaged());
            }
            fail!(FormatVersion, "the model was trained with another encoder than this Steward has");
        }
        if header.rank > RANK_MAX || header.layers > encoder.layers() {
            return Err(damaged());
        }
        if header.rank > 0 {
            let mut adapter = encoder.adapter(header.rank, header.layers, 0);
            for (place, block) in adapter.blocks().enumerate() {
                block.values = unpacked.floats(&block_name(place), block.values.len())?;
            }
            own = Self::new(own.base, Some(adapter))?;
        }
        Ok(own)
    }
}

/// The name of an adapter's block: `A` and `B` of the four matrices of each layer, one after another.
fn block_name(place: usize) -> String {
    let matrix = ["qkv", "attended", "up", "down"].get(place / 2 % 4).copied().unwrap_or_default();
    let half = if place.is_multiple_of(2) { "a" } else { "b" };
    format!("encoder.{}.{matrix}.{half}", place / 8)
}

impl std::fmt::Debug for OwnEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rank = self.adapter.as_ref().map_or(0, Adapter::rank);
        write!(f, "OwnEncoder({:?}, rank {rank})", self.base)
    }
}
