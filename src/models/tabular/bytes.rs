//! A model over rows as bytes. See [`weights`](crate::models::weights) for the frame; the header is the JSON of [`Header`].

use serde::{Deserialize, Serialize};

use super::clusters::Clusters;
use super::labels::Target;
use super::linear::Linear;
use super::model::{Body, TabularModel};
use super::network::Network;
use super::options::{ModelType, TabularOptions};
use super::training::shape;
use crate::catalog::Exact;
use crate::config::TABULAR_WEIGHTS_MAX;
use crate::error::{Error, Kind, Result};
use crate::models::Facts;
use crate::models::drift::Tally;
use crate::models::evaluation::Metric;
use crate::models::features::FeatureSpec;
use crate::models::weights::{pack_blocks, unpack};

const MAGIC: &[u8; 8] = b"STWDTAB\0";
const VERSION_FIRST: u32 = 1;
/// That of models with arrays, objects or vectors among their columns.
const VERSION: u32 = 2;

/// All but the weights and vocabularies.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    options: TabularOptions,
    spec: FeatureSpec,
    target: Target,
    /// Groups of `kmeans`.
    clusters: usize,
    /// Of `anomaly`.
    #[serde(with = "crate::models::exact")]
    threshold: Vec<f64>,
    evaluation: Vec<Metric>,
    importance: Vec<(String, Option<Exact>)>,
    trained_rows: usize,
    skipped_rows: usize,
    epochs: usize,
    /// See [`Facts::seen`]; none in a model from before there were updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Tally,
}

impl TabularModel {
    /// Whether bytes are those of a model over rows, whole or damaged.
    pub fn is_in(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The whole model as bytes: a JSON header and safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let (clusters, threshold) = match &self.body {
            Body::Clusters(clusters) => (clusters.count(), Vec::new()),
            Body::Autoencoder(_, threshold) => (0, vec![*threshold]),
            _ => (0, Vec::new()),
        };
        let known = |(name, by): &(String, f64)| (name.clone(), by.is_finite().then_some(Exact(*by)));
        let header = Header {
            options: self.options.clone(),
            spec: self.spec.clone(),
            target: self.target.clone(),
            clusters,
            threshold,
            evaluation: self.facts.evaluation.clone(),
            importance: self.facts.importance.iter().map(known).collect(),
            trained_rows: self.facts.trained_rows,
            skipped_rows: self.facts.skipped_rows,
            epochs: self.facts.epochs,
            seen: self.facts.seen.clone(),
        };
        let mut body = self.body.clone();
        let version = if self.spec.is_of_newer_form() { VERSION } else { VERSION_FIRST };
        pack_blocks(MAGIC, version, &header, &body.blocks(), &self.spec.vocabularies())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Damaged bytes are [`Kind::Corruption`], those of a newer Steward
    /// [`Kind::FormatVersion`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unpacked = unpack::<Header>(bytes, MAGIC, VERSION, "model")?;
        let damaged = || Error::new(Kind::Corruption, "the stored model does not hang together");
        let header = &unpacked.header;
        header.options.check().map_err(|_| damaged())?;
        let mut spec = header.spec.clone();
        spec.restore(|name| unpacked.longs(name))?;
        let mut body = Body::empty(header, &spec).ok_or_else(damaged)?;
        for (name, values) in body.blocks() {
            *values = unpacked.floats(&name, values.len())?;
        }
        if let Body::Clusters(Clusters { table_rows, columns, centres, .. }) = body {
            body = Body::Clusters(Clusters::new(table_rows, columns, centres));
        }
        let known = |(name, by): &(String, Option<Exact>)| (name.clone(), by.as_ref().map_or(f64::NAN, |by| by.0));
        let facts = Facts {
            evaluation: header.evaluation.clone(),
            importance: header.importance.iter().map(known).collect(),
            trained_rows: header.trained_rows,
            skipped_rows: header.skipped_rows,
            epochs: header.epochs,
            seen: header.seen.clone(),
        };
        Ok(Self { options: header.options.clone(), spec, target: header.target.clone(), body, facts })
    }
}

impl Body {
    /// Every block by its name in the model file, in a fixed order.
    fn blocks(&mut self) -> Vec<(String, &mut Vec<f32>)> {
        match self {
            Self::Linear(linear) => {
                vec![("weight".to_string(), &mut linear.weights), ("bias".to_string(), &mut linear.bias)]
            }
            Self::Network(network) | Self::Autoencoder(network, _) => network.blocks(),
            Self::Clusters(clusters) => vec![("centres".to_string(), &mut clusters.centres)],
        }
    }

    /// A body of the sizes that follow from a header; none if it contradicts itself or asks for more than there can be.
    fn empty(header: &Header, spec: &FeatureSpec) -> Option<Self> {
        let (options, target) = (&header.options, &header.target);
        let (table_rows, dense) = (spec.table_rows(), spec.dense_width());
        let columns = table_rows.checked_add(dense)?;
        let sound = match target {
            Target::Number { scale } => scale.len() == 3 && scale.iter().all(|value| value.is_finite()),
            Target::Classes { names, rates } => names.len() >= 2 && names.len() == rates.len(),
            Target::Nothing => !options.model_type.is_supervised(),
        };
        let fits = |size: usize| size <= TABULAR_WEIGHTS_MAX;
        let network = |outputs: usize| {
            let shape = shape(options, spec);
            fits(Network::size(spec, &shape, outputs)).then(|| Network::new(spec, &shape, outputs, 0))
        };
        let body = match options.model_type {
            ModelType::LinearReg | ModelType::LogisticReg => fits(columns.checked_mul(target.outputs())?)
                .then(|| Self::Linear(Linear::new(table_rows, dense, target)))?,
            ModelType::Mlp => Self::Network(network(target.outputs())?),
            ModelType::Kmeans => {
                let size = columns.checked_mul(header.clusters).filter(|size| fits(*size))?;
                Self::Clusters(Clusters::new(table_rows, columns, vec![0.0; size]))
            }
            ModelType::Anomaly => {
                let threshold = header.threshold.first().copied().filter(|threshold| *threshold > 0.0)?;
                Self::Autoencoder(network(columns)?, threshold)
            }
        };
        sound.then_some(body)
    }
}
