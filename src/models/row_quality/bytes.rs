//! A row-quality model as bytes: a JSON header of what was learnt, and the network's weights as safetensors.

use serde::{Deserialize, Serialize};

use super::column::ColumnModel;
use super::dependency::Dependency;
use super::glued::Glued;
use super::masked::{Masked, Vocabulary};
use super::model::RowQualityModel;
use super::subgroup::Subgroups;
use crate::error::{Error, Kind, Result};
use crate::models::weights::{Weights, pack, unpack};
use candle_core::{Device, Tensor};

const MAGIC: &[u8; 8] = b"STWDROWQ";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    rows: usize,
    columns: Vec<ColumnModel>,
    #[serde(default)]
    subgroups: Vec<Subgroups>,
    dependencies: Vec<Dependency>,
    glued: Vec<Glued>,
    masked: Option<Vec<Vocabulary>>,
}

impl RowQualityModel {
    /// The whole model as bytes. They hold values of the relation, and must be sealed like it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let header = Header {
            rows: self.rows,
            columns: self.columns.clone(),
            subgroups: self.subgroups.clone(),
            dependencies: self.dependencies.clone(),
            glued: self.glued.clone(),
            masked: self.masked.as_ref().map(|masked| masked.columns.clone()),
        };
        let mut blocks: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
        if let Some(masked) = &self.masked {
            let data = masked.weights.data().lock().map_err(|_| Error::internal("masked network: lock poisoned"))?;
            for (name, var) in data.iter() {
                let values = var.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
                let values = values.map_err(|error| Error::internal(format!("masked network: {error}")))?;
                blocks.push((name.clone(), var.dims().to_vec(), values));
            }
            blocks.sort_by(|a, b| a.0.cmp(&b.0));
        }
        let tensors: Vec<(String, Vec<usize>, Weights<'_>)> =
            blocks.iter().map(|(name, shape, values)| (name.clone(), shape.clone(), Weights::Floats(values))).collect();
        pack(MAGIC, VERSION, &header, &tensors)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Damaged bytes are [`Kind::Corruption`], those of a newer Steward
    /// [`Kind::FormatVersion`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unpacked = unpack::<Header>(bytes, MAGIC, VERSION, "row-quality model")?;
        let damaged = || Error::new(Kind::Corruption, "the stored row-quality model does not hang together");
        let mut masked = None;
        if let Some(columns) = unpacked.header.masked.clone() {
            let network = Masked::new(columns)?;
            {
                let data =
                    network.weights.data().lock().map_err(|_| Error::internal("masked network: lock poisoned"))?;
                for (name, var) in data.iter() {
                    let values = unpacked.floats(name, var.elem_count())?;
                    let tensor = Tensor::from_vec(values, var.shape().clone(), &Device::Cpu).map_err(|_| damaged())?;
                    var.set(&tensor).map_err(|_| damaged())?;
                }
            }
            masked = Some(network);
        }
        let header = unpacked.header;
        let mut columns = header.columns;
        columns.iter_mut().for_each(ColumnModel::index);
        Ok(Self {
            rows: header.rows,
            columns,
            subgroups: header.subgroups,
            dependencies: header.dependencies,
            glued: header.glued,
            masked,
        })
    }
}
