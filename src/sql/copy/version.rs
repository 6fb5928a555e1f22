//! COPY steward.model_versions FROM a safetensors file: a version of a model that was trained elsewhere, or before.
//!
//! The file is one that an export wrote: the weights, and in its texts the rest of the model and its card. The version is added to
//! the model of its name, which is made if it is not there, and is deployed.

use super::super::context::Context;
use super::super::ddl::check_name;
use super::super::lineage::imported;
use super::super::locking;
use super::super::model_card::Card;
use super::super::parser::Copy;
use crate::catalog::{Model, Object, Place};
use crate::config::MODEL_FILE_BYTES_MAX;
use crate::error::{Error, Kind, Result};
use crate::models::{Recipe, Trained, from_safetensors};
use crate::storage::FileKind;
use crate::txn::Transaction;
use crate::txn::locks::Mode;
use std::sync::Arc;

/// The relation that takes such files.
const RELATION: (&str, &str) = ("steward", "model_versions");

/// A version that is being received.
pub struct VersionIn {
    context: Arc<Context>,
    bytes: Vec<u8>,
    /// Where the file comes from.
    place: Place,
}

impl VersionIn {
    /// Begins to receive one.
    pub fn begin(context: &Arc<Context>, copy: &Copy) -> Result<Self> {
        // What is learnt elsewhere nobody here has looked at.
        context.must_be_superuser("run COPY FROM in format \"safetensors\"")?;
        let into = copy.relation.as_ref().map(|(schema, name)| (schema.as_deref().unwrap_or("steward"), name.as_str()));
        if into != Some(RELATION) || !copy.columns.is_empty() || copy.condition.is_some() {
            let message = "COPY format \"safetensors\" is for all of steward.model_versions";
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(Self { context: context.clone(), bytes: Vec::new(), place: Place::Client })
    }

    /// The same of a file that comes from there.
    pub(super) fn with_place(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Takes a piece of the file.
    pub fn feed(&mut self, data: &[u8]) -> Result<()> {
        self.context.cancel.check()?;
        if self.bytes.len() + data.len() > MODEL_FILE_BYTES_MAX {
            let message = format!("a model of more than {} MiB cannot be copied", MODEL_FILE_BYTES_MAX >> 20);
            return Err(Error::new(Kind::LimitExceeded, message));
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// The file is whole: its version becomes the model's newest.
    pub async fn finish(self, txn: &mut Transaction) -> Result<usize> {
        let (bytes, card) = from_safetensors(&self.bytes)?;
        let card = Card::read(&card)?;
        must_be_model(&card, &bytes)?;
        let (id, mut model) = self.model_of(txn, &card)?;
        let store = self.context.database.manager.store();
        let file = store.files().create(FileKind::Model, id, &bytes)?;
        let number = card.version;
        let (version, updates, trained_on) =
            card.into_version(&txn.snapshot().catalog, (file.as_u64(), bytes.len() as u64));
        model.options.clone_from(&version.options);
        model.trained_on = trained_on;
        updates.into_iter().for_each(|update| model.note_update(update));
        model.versions.push(version);
        model.deployed = number;
        locking::object(&self.context, txn, id, Mode::Update).await?;
        if !txn.is_current(id, &self.context.database.manager.current()) {
            return Err(locking::changed_meanwhile("update"));
        }
        txn.put_object(id, Object::Model(model))?;
        imported((&self.context, txn), &self.place, id, []);
        Ok(1)
    }

    /// The model of the version's name, as it is before; a new one if there is none.
    fn model_of(&self, txn: &Transaction, card: &Card) -> Result<(u64, Model)> {
        check_name(&card.name)?;
        let Some((id, model)) = txn.snapshot().catalog.model(&card.name) else {
            let model = Model {
                name: card.name.clone(),
                owner: self.context.role,
                model_type: card.model_type.clone(),
                options: Default::default(),
                versions: Vec::new(),
                deployed: 0,
                grants: Vec::new(),
                trained_on: Vec::new(),
                dropped: 0,
                frozen: false,
                guard: None,
                updates: Vec::new(),
                tags: Vec::new(),
                online: None,
                drifts: Vec::new(),
            };
            return Ok((self.context.database.manager.new_id(), model));
        };
        let newest = model.newest();
        match card.version > newest && card.model_type == model.model_type {
            true => Ok((id, model.clone())),
            false => Err(Error::new(
                Kind::DuplicateObject,
                format!("model \"{}\" of type {} has version {newest} already", model.name, model.model_type),
            )
            .with_hint(format!("The file has version {} of one of type {}.", card.version, card.model_type))),
        }
    }
}

/// Refuses bytes that are no model of the type which the card says.
fn must_be_model(card: &Card, bytes: &[u8]) -> Result<()> {
    Recipe::of(&card.model_type)?;
    match Trained::from_bytes(bytes) {
        Ok(model) if model.model_type() == card.model_type => Ok(()),
        Ok(model) => {
            let why = format!("Its card says {}, its weights are of {}.", card.model_type, model.model_type());
            Err(Error::new(Kind::BadCopy, "the data are no model that can be read").with_detail(why))
        }
        Err(error) if error.kind() == Kind::Corruption => {
            Err(Error::new(Kind::BadCopy, "the data are no model that can be read").with_detail(error.message()))
        }
        Err(error) => Err(error),
    }
}
