//! Trained models in memory: read from their sealed files once, kept while they are used.

use super::context::Context;
use crate::catalog::{Model, ModelVersion, ObjectId, Privilege};
use crate::config::{MODEL_ENCODERS_BYTES, MODELS_IN_MEMORY};
use crate::error::{Error, Kind, Result};
use crate::models::{RowQualityModel, Trained};
use crate::storage::{FileId, Store};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Models by the file of their weights.
pub struct Models {
    store: Arc<Store>,
    trained: Mutex<HashMap<u64, Arc<Trained>>>,
    quality: Mutex<HashMap<u64, Arc<RowQualityModel>>>,
    /// Models learnt at first use, by table, with the commit whose rows they saw.
    learnt: Mutex<HashMap<ObjectId, (u64, Arc<RowQualityModel>)>>,
}

impl Models {
    /// No model yet.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, trained: Mutex::default(), quality: Mutex::default(), learnt: Mutex::default() }
    }

    /// The trained model whose weights are in this file.
    pub fn trained(&self, file: u64) -> Result<Arc<Trained>> {
        if let Some(model) = self.trained.lock().get(&file) {
            return Ok(model.clone());
        }
        let bytes = self.store.files().read(FileId::from_u64(file))?;
        let model = Arc::new(Trained::from_bytes(&bytes)?);
        let mut trained = self.trained.lock();
        // Every update makes a version: those that are asked come back.
        let encoders: usize = trained.values().map(|model| model.encoder_bytes()).sum();
        if trained.len() >= MODELS_IN_MEMORY || encoders + model.encoder_bytes() > MODEL_ENCODERS_BYTES {
            trained.clear();
        }
        trained.insert(file, model.clone());
        Ok(model)
    }

    /// The row quality model whose weights are in this file.
    pub fn quality(&self, file: u64) -> Result<Arc<RowQualityModel>> {
        if let Some(model) = self.quality.lock().get(&file) {
            return Ok(model.clone());
        }
        let bytes = self.store.files().read(FileId::from_u64(file))?;
        let model = Arc::new(RowQualityModel::from_bytes(&bytes)?);
        self.quality.lock().insert(file, model.clone());
        Ok(model)
    }

    /// Lets go of a row quality model whose file is removed.
    pub fn forget_quality(&self, file: u64) {
        self.quality.lock().remove(&file);
    }

    /// The row quality model of a table as of the commit that last changed it, learnt if it is not here.
    pub fn quality_of(
        &self,
        table: ObjectId,
        changed: u64,
        learn: impl FnOnce() -> Result<RowQualityModel>,
    ) -> Result<Arc<RowQualityModel>> {
        // Held while learning: two threads of one statement need the same model.
        let mut learnt = self.learnt.lock();
        if let Some((seen, model)) = learnt.get(&table)
            && *seen == changed
        {
            return Ok(model.clone());
        }
        let model = Arc::new(learn()?);
        learnt.insert(table, (changed, model.clone()));
        Ok(model)
    }
}

/// The model and version that a reference means: `name` the deployed version, `name@3` that one.
pub fn resolve<'a>(context: &'a Context, reference: &str) -> Result<(ObjectId, &'a Model, &'a ModelVersion)> {
    let (name, wanted) = match reference.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (reference, None),
    };
    let name = name.to_lowercase();
    let Some((id, model)) = context.snapshot.catalog.model(&name) else {
        return Err(Error::new(Kind::UndefinedObject, format!("model \"{name}\" does not exist"))
            .with_hint("CREATE MODEL makes one; SELECT name FROM steward.models lists what there is."));
    };
    if !context.has_role(model.owner) && !context.has_grant(&model.grants, Privilege::Usage) {
        return Err(Error::new(Kind::Privilege, format!("permission denied for model {name}")));
    }
    let number = match wanted {
        None => model.deployed,
        Some(text) => text.parse().map_err(|_| {
            Error::new(
                Kind::InvalidParameter,
                format!("\"{reference}\" is not a model reference; write name or name@version"),
            )
        })?,
    };
    match model.versions.iter().find(|version| version.number == number) {
        Some(version) => Ok((id, model, version)),
        None => {
            let error = Error::new(Kind::UndefinedObject, format!("model \"{name}\" has no version {number}"));
            Err(error.with_hint(format!("It has {}.", model.versions.len())))
        }
    }
}

/// The trained model that a reference means.
pub fn trained(context: &Context, reference: &str) -> Result<Arc<Trained>> {
    let (_, model, version) = resolve(context, reference)?;
    let weights = context.database.models.trained(version.file);
    weights
        .map_err(|error| error.with_context(format!("weights of model \"{}\", version {}", model.name, version.number)))
}

/// The error for a model that a function is not for.
pub fn wrong_type(reference: &str, model: &Trained, wanted: &str) -> Error {
    let message = format!("model \"{reference}\" is of type {}, not {wanted}", model.model_type());
    Error::new(Kind::DatatypeMismatch, message)
}
