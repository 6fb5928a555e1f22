//! A click model as bytes. See [`weights`](crate::models::weights) for the frame; the header is the JSON of [`Header`].

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::model::{Conversion, CtrModel};
use super::options::{Architecture, CtrOptions};
use super::plan::Plan;
use super::tasks::Tasks;
use crate::catalog::Exact;
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::drift::Tally;
use crate::models::evaluation::Metric;
use crate::models::features::FeatureSpec;
use crate::models::weights::{pack_blocks, unpack};

const MAGIC: &[u8; 8] = b"STWDCTR\0";
/// The form that every Steward with click models reads, and that of models which need a newer one: with conversions, arrays, objects.
const VERSION_FIRST: u32 = 1;
const VERSION: u32 = 2;
/// Before the names of the blocks of the conversion's network.
const CONVERSION: &str = "conversion.";

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
    /// Of conversions: how their logits are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversion: Option<After>,
}

/// See [`Conversion`].
#[derive(Debug, Serialize, Deserialize)]
struct After {
    calibration: Calibration,
    rate: Exact,
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
            plan: self.tasks.click.plan.clone(),
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
            conversion: self
                .conversion
                .as_ref()
                .map(|after| After { calibration: after.calibration.clone(), rate: Exact(after.rate) }),
        };
        let mut tasks = self.tasks.clone();
        let mut blocks = tasks.click.blocks();
        if let Some(conversion) = &mut tasks.conversion {
            blocks.extend(conversion.blocks().into_iter().map(|(name, block)| (format!("{CONVERSION}{name}"), block)));
        }
        let is_newer = self.conversion.is_some()
            || self.spec.is_of_newer_form()
            || self.options.hidden_units.is_some()
            || self.options.architecture == Architecture::DcnV2;
        let version = if is_newer { VERSION } else { VERSION_FIRST };
        pack_blocks(MAGIC, version, &header, &blocks, &self.spec.vocabularies())
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
            && header.plan.fits(&spec, &header.options)
            && header.plan.table_rows.saturating_mul(header.plan.dim.max(1)) <= bytes.len()
            && header.calibration.is_sound()
            && header.conversion.is_some() == header.options.conversion_col.is_some()
            && header.conversion.as_ref().is_none_or(|after| after.calibration.is_sound());
        if !sound {
            return Err(damaged());
        }
        let mut tasks = Tasks::new(&header.plan, 0, header.conversion.is_some());
        for (name, values) in tasks.click.blocks() {
            *values = unpacked.floats(&name, values.len())?;
        }
        for (name, values) in tasks.conversion.iter_mut().flat_map(|network| network.blocks()) {
            *values = unpacked.floats(&format!("{CONVERSION}{name}"), values.len())?;
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
        let conversion = header
            .conversion
            .as_ref()
            .map(|after| Conversion { calibration: after.calibration.clone(), rate: after.rate.0 });
        Ok(Self { options, spec, tasks, calibration, rate: header.rate.0, conversion, facts })
    }
}
