//! The text encoder: text in, a unit vector of 384 numbers out; texts that mean alike point alike.
//!
//! ```text
//! text -> "query: " + text -> tokens -> batches of packed tokens -> 12 layers -> mean over tokens -> unit length
//! ```
//!
//! The network is multilingual-e5-small, a BERT (`assets/encoder/README.md`). Its weights arrive as 4-bit blocks; the
//! 21 million weights of the layers are expanded to f32 once at load, because a product over a batch of tokens with
//! expanded weights is several times faster than with packed ones, while the word table stays packed, because a text
//! touches only a few of its 74 thousand rows.
//!
//! A batch is the tokens of its texts one after another, without padding: every step but attention treats a token by
//! itself, so that a linear layer is one matrix product over all tokens of the batch, and attention runs text by text.
//! A batch runs on one core; batches run side by side. Texts that repeat are computed once, and recent embeddings are
//! kept ([`config::ENCODER_CACHE_BYTES`], of all encoders together).
//!
//! The files, in the order in which a text meets them: `tokens` cuts it into pieces, `cache` remembers, `weights` reads
//! the model file, `network` is the forward pass, `linear` its matrix products, `attention` and `elementwise` the rest.
//! Where models run on a CUDA device ([`device`](super::device)), `accelerated` puts the same weights there, and batches are larger.
//!
//! An encoder can be tuned: an [`Adapter`] adds low-rank changes to the matrices of its last layers (`adapter`), `trainee` computes
//! how a loss changes with them, and [`Encoder::adapted`] is the encoder that has them. Others than the built-in one are read from
//! directories as Hugging Face has them (`imported`).
//!
//! Left out: other models than BERT and XLM-RoBERTa.

mod accelerated;
mod adapter;
mod attention;
mod cache;
mod elementwise;
mod embedding;
mod imported;
mod linear;
#[cfg(test)]
mod naive;
mod network;
mod tokens;
mod trainee;
mod tuning;
mod weights;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;
use rayon::prelude::*;

use crate::{Error, Kind, Result, config};
use accelerated::Resident;
pub use adapter::Adapter;
use cache::Cache;
pub use embedding::Embedding;
pub use imported::{ImportOptions, Imported};
use network::Network;
pub use network::Pooling;
use tokens::{Rules, Tokens};
pub(in crate::models) use tuning::{Lesson, Tuner, of_largest};

/// Recent embeddings of all encoders.
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::new(config::ENCODER_CACHE_BYTES));
/// Numbers of encoders, by which the cache tells them apart.
static ENCODERS: AtomicU64 = AtomicU64::new(0);

/// What a text is for. The network was trained with both, and the two sides of a comparison must fit: query with query
/// for classes and likeness, query with passage for search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A text to classify or compare, or what somebody searches for.
    Query,
    /// A text that is searched.
    Passage,
}

/// An encoder: immutable weights. Shared freely between threads.
pub struct Encoder {
    number: u64,
    tokens: Arc<Tokens>,
    network: Network,
    resident: Resident,
}

impl Encoder {
    /// The encoder inside the binary, loaded by the first call (a fraction of a second) and kept.
    pub fn builtin() -> Result<&'static Encoder> {
        static BUILTIN: OnceLock<Result<Encoder>> = OnceLock::new();
        static MODEL: &[u8] = include_bytes!("../../../assets/encoder/model.q4_0.gguf");
        static TOKENIZER: &[u8] = include_bytes!("../../../assets/encoder/tokenizer.json");
        BUILTIN.get_or_init(|| Self::read(Bytes::from_static(MODEL), TOKENIZER)).as_ref().map_err(Error::clone)
    }

    /// An encoder of a BERT in GGUF with Hugging Face's tensor names, and its `tokenizer.json`, with the built-in one's rules.
    /// [`Kind::Corruption`] when the bytes are no such thing, [`Kind::Unsupported`] for shapes that this code
    /// cannot run.
    pub fn read(model: Bytes, tokenizer: &[u8]) -> Result<Self> {
        let (tokens, network) = rayon::join(|| Tokens::read(tokenizer, Rules::builtin()), || weights::read(model));
        let (tokens, network) = (tokens?, network?);
        if tokens.vocabulary() > network.vocabulary() {
            return Err(Error::new(Kind::Corruption, "the tokenizer has more pieces than the model has words"));
        }
        Ok(Self::of(Arc::new(tokens), network))
    }

    fn of(tokens: Arc<Tokens>, network: Network) -> Self {
        let number = ENCODERS.fetch_add(1, Ordering::Relaxed);
        Self { number, tokens, network, resident: Resident::default() }
    }

    /// This encoder with the changes of an adapter, which must be of its shape. Shares what is not changed.
    pub fn adapted(&self, adapter: &Adapter) -> Self {
        Self::of(self.tokens.clone(), adapter.applied(&self.network))
    }

    /// An adapter that changes nothing yet, of the last `layers` layers.
    pub fn adapter(&self, rank: usize, layers: usize, seed: u64) -> Adapter {
        Adapter::new(&self.network, rank, layers, seed)
    }

    /// Whether it is the one inside the binary.
    pub fn is_builtin(&self) -> bool {
        Self::builtin().is_ok_and(|builtin| builtin.number == self.number)
    }

    /// Layers.
    pub fn layers(&self) -> usize {
        self.network.layers.len()
    }

    /// A hash of the weights, by which what was learnt over an encoder's vectors knows it again.
    pub fn fingerprint(&self) -> u64 {
        self.network.fingerprint()
    }

    /// Bytes that its layers take in memory.
    pub fn bytes(&self) -> usize {
        self.network.bytes()
    }

    /// Numbers in an embedding.
    pub fn dimension(&self) -> usize {
        self.network.hidden()
    }

    /// The embedding of each of `texts`, in their order. A text is read up to [`config::ENCODER_TOKENS_MAX`] tokens
    /// (about 90 English words or 150 Chinese characters); an empty text has an embedding too.
    ///
    /// Runs on the rayon pool it is called in, one batch per thread, and holds all embeddings in memory (1.5 kB each):
    /// pass some thousands of texts at a time. Asks `cancel` between batches; when it says true, ends with
    /// [`Kind::Cancelled`].
    pub fn encode(&self, texts: &[&str], role: Role, cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Embedding>> {
        // Each different text once.
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(texts.len());
        let mut distinct: Vec<&str> = Vec::new();
        let place_of: Vec<usize> = texts
            .iter()
            .map(|text| {
                *places.entry(text).or_insert_with(|| {
                    distinct.push(text);
                    distinct.len() - 1
                })
            })
            .collect();

        let mut embeddings: Vec<Option<Embedding>> = CACHE.get(self.number, role, &distinct);
        let missing: Vec<usize> = (0..distinct.len()).filter(|&place| embeddings[place].is_none()).collect();
        let tokenised: Vec<(usize, Vec<u32>)> = missing
            .par_iter()
            .map(|&place| {
                stop_if(cancel)?;
                Ok((place, self.tokens.of(role, distinct[place])?))
            })
            .collect::<Result<_>>()?;

        for (place, embedding) in self.compute(tokenised, cancel)?.into_iter().flatten() {
            CACHE.put(self.number, role, distinct[place], &embedding);
            embeddings[place] = Some(embedding);
        }
        let missed = || Error::internal("a text was left without an embedding");
        place_of.into_iter().map(|place| embeddings[place].clone().ok_or_else(missed)).collect()
    }

    /// The embeddings of token lists, batch by batch: on the device if there is one, else on every core.
    fn compute(
        &self,
        tokenised: Vec<(usize, Vec<u32>)>,
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<(usize, Embedding)>>> {
        let run = |batch: Vec<(usize, Vec<u32>)>| {
            stop_if(cancel)?;
            let texts: Vec<&[u32]> = batch.iter().map(|(_, tokens)| tokens.as_slice()).collect();
            let vectors = match self.resident.forward(&self.network, &texts) {
                Some(vectors) => vectors,
                None => self.network.forward(&texts)?,
            };
            let vectors = vectors.chunks_exact(self.dimension()).map(Embedding::from);
            Ok(batch.iter().map(|(place, _)| *place).zip(vectors).collect())
        };
        if self.resident.is_used(&self.network) {
            // A device takes one batch at a time, and is filled by it.
            return pack(tokenised, 1, config::ENCODER_DEVICE_BATCH_TOKENS).into_iter().map(run).collect();
        }
        let batches = pack(tokenised, rayon::current_num_threads(), config::ENCODER_BATCH_TOKENS);
        batches.into_par_iter().with_max_len(1).map(run).collect()
    }
}

/// [`Kind::Cancelled`] once `cancel` says so.
fn stop_if(cancel: &(dyn Fn() -> bool + Sync)) -> Result<()> {
    if cancel() { Err(Error::cancelled()) } else { Ok(()) }
}

/// Packs token lists into batches of at most `tokens_max`, and of less where that gives each of `threads` threads one. The
/// longest come first, so that the last batches to run are the quick ones.
fn pack(mut tokenised: Vec<(usize, Vec<u32>)>, threads: usize, tokens_max: usize) -> Vec<Vec<(usize, Vec<u32>)>> {
    let total: usize = tokenised.iter().map(|(_, tokens)| tokens.len()).sum();
    let limit = total.div_ceil(threads.max(1)).min(tokens_max);
    tokenised.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.len()));
    let mut batches: Vec<Vec<(usize, Vec<u32>)>> = Vec::new();
    let mut held = usize::MAX;
    for text in tokenised {
        // Saturating, as `held` starts at the top to open the first batch.
        if held.saturating_add(text.1.len()) > limit {
            batches.push(Vec::new());
            held = 0;
        }
        held += text.1.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(text);
        }
    }
    batches
}

#[cfg(test)]
mod tests;
