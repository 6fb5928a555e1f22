//! A click model as bytes. See [`weights`](crate::models::weights) for the frame; the header is the JSON of [`Header`].

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::model::CtrModel;
use super::network::Network;
use super::options::CtrOptions;
use super::plan::Plan;
use crate::catalog::Exact;
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::drift::Tally;
use crate::models::evaluation::Metric;
use crate::models::features::FeatureSpec;
use crate::models::weights::{pack_blocks, unpack};

const MAGIC: &[u8; 8] = b"STWDCTR\0";
const VERSION: u32 = 1;

/// All but the weights and vocabularies.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    options: CtrOptions,
    spec: FeatureSpec,
    plan: Plan,
    calibration: Calibration,
    evaluation: Vec<Metric>,
    importance: Vec<(String, Option<Exact>)>,
    rate: Exact,
    trained_rows: usize,
    skipped_rows: usize,
    epochs: usize,
    /// See [`Facts::seen`]; none in a model from before there were updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Tally,
}

impl CtrModel {
    /// Whether bytes are those of a click model, whole or damaged.
    pub fn is_in(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The whole model as bytes: a JSON header and safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let header = Header {
            options: self.options.clone(),
            spec: self.spec.clone(),
            plan: self.network.plan.clone(),
            calibration: self.calibration.clone(),
            evaluation: self.facts.evaluation.clone(),
            importance: self
                .facts
                .importance
                .iter()
                .map(|(name, by)| (name.clone(), by.is_finite().then_some(Exact(*by))))
                .collect(),
            rate: Exact(self.rate),
            trained_rows: self.facts.trained_rows,
            skipped_rows: self.facts.skipped_rows,
            epochs: self.facts.epochs,
            seen: self.facts.seen.clone(),
        };
        let mut network = self.network.clone();
        pack_blocks(MAGIC, VERSION, &header, &network.blocks(), &self.spec.vocabularies())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Damaged bytes are [`Kind::Corruption`], those of a newer Steward
    /// [`Kind::FormatVersion`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unpacked = unpack::<Header>(bytes, MAGIC, VERSION, "click model")?;
        let header = &unpacked.header;
        let damaged = || Error::new(Kind::Corruption, "the stored click model does not hang together");
        header.options.check().map_err(|_| damaged())?;
        let mut spec = header.spec.clone();
        spec.restore(|name| unpacked.longs(name))?;
        // The number of weights follows from the plan; what the file holds is checked against it before it is believed.
        let sound = header.plan.architecture == header.options.architecture
            && header.plan.fits(&spec, header.options.embedding_dim)
            && header.plan.table_rows.saturating_mul(header.plan.dim.max(1)) <= bytes.len()
            && header.calibration.is_sound();
        if !sound {
            return Err(damaged());
        }
        let mut network = Network::new(header.plan.clone(), 0);
        for (name, values) in network.blocks() {
            *values = unpacked.floats(&name, values.len())?;
        }
        let known = |(name, by): &(String, Option<Exact>)| (name.clone(), by.map_or(f64::NAN, |by| by.0));
        let facts = Facts {
            evaluation: header.evaluation.clone(),
            importance: header.importance.iter().map(known).collect(),
            trained_rows: header.trained_rows,
            skipped_rows: header.skipped_rows,
            epochs: header.epochs,
            seen: header.seen.clone(),
        };
        let (options, calibration) = (header.options.clone(), header.calibration.clone());
        Ok(Self { options, spec, network, calibration, rate: header.rate.0, facts })
    }
}
