//! Encoders from elsewhere, as Hugging Face keeps them: a directory of `config.json`, a tokenizer and `model.safetensors`.
//!
//! What is read of a directory: `config.json` (which architecture, which shape), `tokenizer.json` or else `vocab.txt` with
//! `tokenizer_config.json`, `1_Pooling/config.json` where sentence-transformers wrote one (which rows are pooled), and the weights.
//! All that the encoder needs is kept as one file: a header with the shape, the rules and the tokenizer, and the weights as they lay there, so
//! that they leave again under the names that they came with.
//!
//! The architectures: `bert`, and `xlm-roberta`, `roberta`, `camembert`, which differ from it in where positions begin. The activation is GELU by
//! the error function, positions are absolute. Anything else is refused by name, and so are weights in Python's pickles, which are programs.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::network::{Network, Pooling};
use super::tokens::{Rules, Tokens};
use super::weights::{Shape, Table, Tensors, build};
use super::{Encoder, Role};
use crate::error::{Error, Kind, Result};
use crate::models::tensors::TensorFile;
use crate::models::weights::{pack_file, unpack_file};
use crate::{config, fail};

const MAGIC: &[u8; 8] = b"STWDENC\0";
const VERSION: u32 = 1;

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const VOCABULARY: &str = "vocab.txt";
const POOLING: &str = "1_Pooling/config.json";
const WEIGHTS: &str = "model.safetensors";
/// What a directory may have instead of weights that are read, and what is said of it.
const OTHERS: [(&str, &str); 4] = [
    ("model.safetensors.index.json", "its weights lie in several files"),
    ("pytorch_model.bin", "its weights are a pickle, which is a program"),
    ("pytorch_model.bin.index.json", "its weights are pickles, which are programs"),
    ("tf_model.h5", "its weights are TensorFlow's"),
];
/// What tensors may be called before the names of the encoder's own.
const PREFIXES: [&str; 3] = ["", "bert.", "roberta."];

/// What is asked of an import.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportOptions {
    /// Which rows are pooled; without it what the directory says, else the mean.
    pub pooling: Option<Pooling>,
    /// What stands before a text that is compared or searched with, and before one that is searched.
    pub query_prefix: Option<String>,
    /// See `query_prefix`.
    pub passage_prefix: Option<String>,
    /// Pieces of a text that are read at most.
    pub max_tokens: Option<usize>,
}

/// An encoder that came from elsewhere.
pub struct Imported {
    encoder: Encoder,
    header: Header,
    bytes: Bytes,
}

/// Which file of the directory is asked for; none where it is not there.
pub type ReadFile<'a> = &'a mut dyn FnMut(&str) -> Result<Option<Vec<u8>>>;

/// All but the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    architecture: String,
    shape: Shape,
    pooling: Pooling,
    rules: Rules,
    /// Before the names of tensors.
    prefix: String,
    /// `tokenizer.json`
    tokenizer: String,
}

/// What `config.json` says that counts.
#[derive(Debug, Deserialize)]
struct Config {
    model_type: Option<String>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    pad_token_id: Option<usize>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

fn two() -> usize {
    2
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn epsilon() -> f32 {
    1e-12
}

impl Imported {
    /// Reads a directory through `read`. [`Kind::InvalidParameter`] for files or tensors that are missing or wrong, [`Kind::Unsupported`] for
    /// an architecture, activation, tokenizer or form of weights that is not read; each named.
    pub fn read(options: &ImportOptions, read: ReadFile<'_>) -> Result<Self> {
        let config = must_read(CONFIG, read)?;
        let config: Config = serde_json::from_slice(&config)
            .map_err(|error| invalid(format!("{CONFIG} is not that of an encoder: {error}")))?;
        let architecture = architecture(&config)?;
        let tokenizer = tokenizer(&config, read)?;
        let Some(weights) = read(WEIGHTS)? else { return Err(no_weights(read)?) };
        let weights = Bytes::from(weights);
        let file = TensorFile::open(weights.clone())?;
        let words = "embeddings.word_embeddings.weight";
        let Some(prefix) = PREFIXES.iter().find(|prefix| file.has(&format!("{prefix}{words}"))) else {
            fail!(InvalidParameter, "the weights lack the tensor \"{words}\"");
        };
        let first_position = match architecture {
            "bert" => 0,
            // As fairseq had it: the positions before are of what pads.
            _ => config.pad_token_id.unwrap_or(1) + 1,
        };
        let shape = Shape {
            hidden: config.hidden_size,
            wide: config.intermediate_size,
            heads: config.num_attention_heads,
            layers: config.num_hidden_layers,
            words: config.vocab_size,
            positions: config.max_position_embeddings,
            first_position,
            types: config.type_vocab_size,
            epsilon: config.layer_norm_eps,
        };
        let room = shape.positions.saturating_sub(first_position);
        let tokens_max = match options.max_tokens {
            Some(most) if most > room => {
                fail!(InvalidParameter, "option max_tokens is {most}, and the encoder has {room} positions")
            }
            Some(most) => most,
            None => room.min(config::ENCODER_TOKENS_MAX),
        };
        let pooling = match options.pooling {
            Some(pooling) => pooling,
            None => read(POOLING)?.map_or(Ok(Pooling::Mean), |said| pooling(&said))?,
        };
        let header = Header {
            architecture: architecture.to_owned(),
            shape,
            pooling,
            rules: Rules {
                query_prefix: options.query_prefix.clone().unwrap_or_default(),
                passage_prefix: options.passage_prefix.clone().unwrap_or_default(),
                tokens_max,
            },
            prefix: (*prefix).to_owned(),
            tokenizer,
        };
        let bytes = Bytes::from(pack_file(MAGIC, VERSION, &header, &weights)?);
        drop(weights);
        let encoder = encoder(&header, file)?;
        let imported = Self { encoder, header, bytes };
        imported.must_answer()?;
        Ok(imported)
    }

    /// Whether bytes are those of an imported encoder, whole or damaged.
    pub fn is_in(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave; [`Kind::Corruption`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = Bytes::copy_from_slice(bytes);
        let (header, weights) = unpack_file::<Header>(&bytes, MAGIC, VERSION, "model")?;
        let damaged =
            |error: Error| Error::new(Kind::Corruption, format!("the stored model is damaged: {}", error.message()));
        let file = TensorFile::open(bytes.slice(weights)).map_err(damaged)?;
        Ok(Self { encoder: encoder(&header, file).map_err(damaged)?, header, bytes })
    }

    /// The whole encoder as bytes.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Its architecture, by Hugging Face's name.
    pub fn architecture(&self) -> &str {
        &self.header.architecture
    }

    /// Numbers that it has.
    pub fn parameters(&self) -> usize {
        let Shape { hidden, wide, layers, words, positions, types, .. } = self.header.shape;
        let of_layer = 4 * hidden * hidden + 2 * hidden * wide + 9 * hidden + wide;
        (words + positions + types + 2) * hidden + layers * of_layer
    }

    /// Refuses an encoder that says nothing of a text: weights may be of the right shape and yet not numbers that mean anything.
    fn must_answer(&self) -> Result<()> {
        let said = self.encoder.encode(&["text"], Role::Query, &|| false)?;
        let is_sound = said.first().is_some_and(|vector| {
            vector.iter().all(|value| value.is_finite()) && (vector.cosine(vector) - 1.0).abs() < 1e-3
        });
        match is_sound {
            true => Ok(()),
            false => fail!(InvalidParameter, "the weights give no vector for a text"),
        }
    }
}

impl std::fmt::Debug for Imported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Imported({}, {:?})", self.header.architecture, self.header.shape)
    }
}

fn invalid(message: String) -> Error {
    Error::new(Kind::InvalidParameter, message)
}

fn must_read(name: &str, read: ReadFile<'_>) -> Result<Vec<u8>> {
    read(name)?.ok_or_else(|| {
        invalid(format!("the directory has no {name}"))
            .with_hint("A directory as Hugging Face's save_pretrained writes it has config.json, tokenizer.json and model.safetensors.")
    })
}

/// The error for a directory without weights that are read.
fn no_weights(read: ReadFile<'_>) -> Result<Error> {
    for (name, why) in OTHERS {
        if read(name)?.is_some() {
            let error = Error::new(Kind::Unsupported, format!("{name} is not read: {why}"));
            return Ok(error.with_hint(format!(
                "save_pretrained(.., safe_serialization=True, max_shard_size='100GB') of transformers writes {WEIGHTS}."
            )));
        }
    }
    Ok(invalid(format!("the directory has no {WEIGHTS}")))
}

fn architecture(config: &Config) -> Result<&'static str> {
    let named = config.model_type.as_deref().unwrap_or("bert");
    let known = ["bert", "xlm-roberta", "roberta", "camembert"];
    let Some(architecture) = known.into_iter().find(|known| *known == named) else {
        return Err(Error::new(
            Kind::Unsupported,
            format!("an encoder of architecture \"{named}\" cannot be imported"),
        )
        .with_hint(format!("Architectures: {}.", known.join(", "))));
    };
    if config.hidden_act != "gelu" {
        fail!(
            Unsupported,
            "an encoder with the activation \"{}\" cannot be imported; it must be \"gelu\"",
            config.hidden_act
        );
    }
    if let Some(kind) = config.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
        fail!(
            Unsupported,
            "an encoder with positions of type \"{kind}\" cannot be imported; they must be \"absolute\""
        );
    }
    if config.is_decoder {
        fail!(Unsupported, "a decoder cannot be imported as an encoder");
    }
    Ok(architecture)
}

/// The rows that sentence-transformers pools.
fn pooling(said: &[u8]) -> Result<Pooling> {
    let said: Value = serde_json::from_slice(said).map_err(|_| invalid(format!("{POOLING} is not JSON")))?;
    let is = |name: &str| said.get(name).and_then(Value::as_bool).unwrap_or(false);
    match (is("pooling_mode_mean_tokens"), is("pooling_mode_cls_token")) {
        (true, false) => Ok(Pooling::Mean),
        (false, true) => Ok(Pooling::Cls),
        _ => Err(Error::new(Kind::Unsupported, format!("{POOLING} asks for a pooling that is neither mean nor cls"))
            .with_hint("Option pooling = 'mean' or 'cls' says which of the two is taken.")),
    }
}

/// `tokenizer.json`, or what `vocab.txt` says as one.
fn tokenizer(config: &Config, read: ReadFile<'_>) -> Result<String> {
    if let Some(tokenizer) = read(TOKENIZER)? {
        return String::from_utf8(tokenizer).map_err(|_| invalid(format!("{TOKENIZER} is not UTF-8")));
    }
    let Some(vocabulary) = read(VOCABULARY)? else {
        for name in ["sentencepiece.bpe.model", "spiece.model"] {
            if read(name)?.is_some() {
                return Err(Error::new(Kind::Unsupported, format!("{name} is not read")).with_hint(format!(
                    "AutoTokenizer.from_pretrained(..).save_pretrained(..) of transformers writes {TOKENIZER}."
                )));
            }
        }
        return Err(invalid(format!("the directory has neither {TOKENIZER} nor {VOCABULARY}")));
    };
    if config.model_type.as_deref().unwrap_or("bert") != "bert" {
        fail!(Unsupported, "{VOCABULARY} is read for the architecture \"bert\" alone");
    }
    let vocabulary = String::from_utf8(vocabulary).map_err(|_| invalid(format!("{VOCABULARY} is not UTF-8")))?;
    let said: Value = match read(TOKENIZER_CONFIG)? {
        Some(said) => serde_json::from_slice(&said).map_err(|_| invalid(format!("{TOKENIZER_CONFIG} is not JSON")))?,
        None => Value::Null,
    };
    word_pieces(&vocabulary, &said)
}

/// The tokenizer of a BERT, whose pieces are the lines of `vocab.txt`.
fn word_pieces(vocabulary: &str, said: &Value) -> Result<String> {
    let is = |name: &str, default: bool| said.get(name).and_then(Value::as_bool).unwrap_or(default);
    let mut pieces = serde_json::Map::new();
    for (number, line) in vocabulary.lines().enumerate() {
        pieces.insert(line.to_owned(), json!(number));
    }
    let of =
        |name: &str| pieces.get(name).cloned().ok_or_else(|| invalid(format!("{VOCABULARY} has no piece \"{name}\"")));
    let (start, end) = (of("[CLS]")?, of("[SEP]")?);
    of("[UNK]")?;
    let marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].iter().filter_map(|name| {
        let id = pieces.get(*name)?;
        Some(json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true}))
    });
    let lowercase = is("do_lower_case", true);
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": marks.collect::<Vec<_>>(),
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": is("tokenize_chinese_chars", true),
            "strip_accents": said.get("strip_accents").and_then(Value::as_bool), "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", end], "cls": ["[CLS]", start]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": pieces},
    });
    Ok(tokenizer.to_string())
}

/// The encoder of a header and its weights.
fn encoder(header: &Header, file: TensorFile) -> Result<Encoder> {
    let tokens =
        Tokens::read(header.tokenizer.as_bytes(), header.rules.clone()).map_err(|error| match error.kind() {
            Kind::Corruption => invalid(error.message().to_owned()),
            _ => error,
        })?;
    if tokens.vocabulary() > header.shape.words {
        let (pieces, words) = (tokens.vocabulary(), header.shape.words);
        fail!(InvalidParameter, "the tokenizer has {pieces} pieces and the weights have {words} words");
    }
    let named = Named { file, prefix: header.prefix.clone() };
    let network: Network = build(&header.shape, &named, header.pooling)?;
    Ok(Encoder::of(Arc::new(tokens), network))
}

/// Tensors under a prefix, with the names that norms had in older files.
struct Named {
    file: TensorFile,
    prefix: String,
}

impl Tensors for Named {
    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let full = format!("{}{name}", self.prefix);
        let old = full.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        let name = if !self.file.has(&full) && self.file.has(&old) { old } else { full };
        self.file.floats(&name, shape)
    }

    fn words(&self, name: &str, rows: usize, columns: usize) -> Result<Table> {
        let (numbers, bytes) = self.file.raw(&format!("{}{name}", self.prefix), &[rows, columns])?;
        Ok(Table::plain(numbers, bytes, columns))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::naive;
    use super::*;
    use crate::models::weights::{Weights, from_safetensors, pack, to_safetensors, unpack_file};

    type Files = BTreeMap<&'static str, Vec<u8>>;

    /// A directory of a tiny BERT with the weights of [`naive::tiny_model`], its tensors under a prefix.
    fn directory(prefix: &str) -> Files {
        let tensors = naive::tensors(&naive::tiny_model());
        let named: Vec<(String, Vec<usize>, Weights<'_>)> = tensors
            .iter()
            .map(|(name, shape, numbers)| (format!("{prefix}{name}"), shape.clone(), Weights::Floats(numbers)))
            .collect();
        // The file is what stands behind a header that is thrown away.
        let packed = pack(b"TESTTEST", 1, &(), &named).unwrap();
        let ((), weights) = unpack_file::<()>(&packed, b"TESTTEST", 1, "test").unwrap();
        let config = json!({
            "model_type": "bert", "hidden_size": naive::HIDDEN, "num_hidden_layers": 2, "num_attention_heads": naive::HEADS,
            "intermediate_size": 96, "vocab_size": naive::WORDS, "max_position_embeddings": 24, "hidden_act": "gelu",
        });
        let mut pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).to_vec();
        pieces.extend(('a'..='z').map(String::from));
        pieces.extend(('a'..='i').map(|letter| format!("##{letter}")));
        assert_eq!(pieces.len(), naive::WORDS);
        Files::from([
            (CONFIG, config.to_string().into_bytes()),
            (VOCABULARY, pieces.join("\n").into_bytes()),
            (WEIGHTS, packed[weights].to_vec()),
        ])
    }

    fn import(files: &Files, options: &ImportOptions) -> Result<Imported> {
        Imported::read(options, &mut |name| Ok(files.get(name).cloned()))
    }

    fn refusal(files: &Files) -> (Kind, String) {
        let error = import(files, &ImportOptions::default()).unwrap_err();
        (error.kind(), error.message().to_owned())
    }

    #[test]
    fn vectors_are_those_of_the_formulas_and_bytes_are_the_same_encoder() {
        for prefix in ["", "bert."] {
            let imported = import(&directory(prefix), &ImportOptions::default()).unwrap();
            // "ABC" in lower case: a and the parts ##b, ##c. There is no part ##u: xü is unknown, and unknown stays.
            let vector = &imported.encoder().encode(&["ABC xü"], Role::Query, &|| false).unwrap()[0];
            let (a, x) = (5, 5 + 23);
            let pieces = imported.encoder().tokens.of(Role::Query, "ABC x").unwrap();
            assert_eq!(pieces, [2, a, 31 + 1, 31 + 2, x, 3]);
            let pieces = imported.encoder().tokens.of(Role::Query, "ABC xü").unwrap();
            let expected = naive::forward(&naive::tiny_model(), &pieces);
            assert!(vector.iter().zip(&expected).all(|(one, other)| (f64::from(*one) - other).abs() < 1e-4));
            let again = Imported::from_bytes(imported.to_bytes()).unwrap();
            assert_eq!(&again.encoder().encode(&["ABC xü"], Role::Query, &|| false).unwrap()[0], vector);
            let file = to_safetensors(imported.to_bytes(), "card").unwrap();
            let names = TensorFile::open(file.clone().into()).unwrap();
            assert!(names.has(&format!("{prefix}encoder.layer.1.output.dense.weight")));
            assert_eq!(from_safetensors(&file).unwrap().0, imported.to_bytes());
            assert_eq!(Imported::from_bytes(&imported.to_bytes()[..900]).unwrap_err().kind(), Kind::Corruption);
        }
    }

    #[test]
    fn pooling_prefixes_and_lengths_are_as_asked() {
        let mut files = directory("");
        let plain = import(&files, &ImportOptions::default()).unwrap();
        let vector = |imported: &Imported, text: &str, role: Role| {
            imported.encoder().encode(&[text], role, &|| false).unwrap().remove(0)
        };
        files.insert(POOLING, br#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#.to_vec());
        let first = import(&files, &ImportOptions::default()).unwrap();
        assert_ne!(vector(&first, "abc", Role::Query), vector(&plain, "abc", Role::Query));
        let mean = ImportOptions { pooling: Some(Pooling::Mean), ..ImportOptions::default() };
        assert_eq!(vector(&import(&files, &mean).unwrap(), "abc", Role::Query), vector(&plain, "abc", Role::Query));
        let prefixed = ImportOptions { passage_prefix: Some("a ".into()), max_tokens: Some(8), ..mean };
        let prefixed = import(&files, &prefixed).unwrap();
        assert_eq!(vector(&prefixed, "b", Role::Passage), vector(&plain, "a b", Role::Query));
        assert_eq!(vector(&prefixed, "b", Role::Query), vector(&plain, "b", Role::Query));
        assert_eq!(prefixed.encoder().tokens.of(Role::Query, &"a ".repeat(50)).unwrap().len(), 8);
        assert_eq!(plain.encoder().tokens.of(Role::Query, &"a ".repeat(50)).unwrap().len(), 24);
        let error = import(&files, &ImportOptions { max_tokens: Some(25), ..ImportOptions::default() }).unwrap_err();
        assert!(error.message().contains("max_tokens"));
    }

    #[test]
    fn positions_of_a_roberta_begin_behind_the_padding() {
        let mut files = directory("roberta.");
        let tokenizer = tokenizer_json(&files);
        let mut config: Value = serde_json::from_slice(&files[CONFIG]).unwrap();
        config["model_type"] = json!("xlm-roberta");
        config["pad_token_id"] = json!(1);
        files.insert(CONFIG, config.to_string().into_bytes());
        // A word list is read for bert alone.
        assert_eq!(refusal(&files).0, Kind::Unsupported);
        files.insert(TOKENIZER, tokenizer);
        let imported = import(&files, &ImportOptions::default()).unwrap();
        assert_eq!(imported.architecture(), "xlm-roberta");
        assert_eq!(imported.encoder().tokens.of(Role::Query, &"a ".repeat(50)).unwrap().len(), 22);
    }

    fn tokenizer_json(files: &Files) -> Vec<u8> {
        word_pieces(std::str::from_utf8(&files[VOCABULARY]).unwrap(), &Value::Null).unwrap().into_bytes()
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let good = directory("");
        let with = |name: &'static str, bytes: Option<&[u8]>| {
            let mut files = good.clone();
            match bytes {
                Some(bytes) => _ = files.insert(name, bytes.to_vec()),
                None => _ = files.remove(name),
            }
            files
        };
        let config = |key: &str, value: Value| {
            let mut config: Value = serde_json::from_slice(&good[CONFIG]).unwrap();
            config[key] = value;
            with(CONFIG, Some(config.to_string().as_bytes()))
        };
        let mut pickled = with(WEIGHTS, None);
        pickled.insert("pytorch_model.bin", vec![0x80]);
        let mut pieces = with(VOCABULARY, None);
        pieces.insert("sentencepiece.bpe.model", vec![1]);
        for (files, kind, words) in [
            (with(CONFIG, None), Kind::InvalidParameter, "config.json"),
            (with(CONFIG, Some(b"{}")), Kind::InvalidParameter, "hidden_size"),
            (config("model_type", json!("gpt2")), Kind::Unsupported, "gpt2"),
            (config("hidden_act", json!("relu")), Kind::Unsupported, "relu"),
            (config("position_embedding_type", json!("relative_key")), Kind::Unsupported, "relative_key"),
            (config("is_decoder", json!(true)), Kind::Unsupported, "decoder"),
            (config("num_attention_heads", json!(8)), Kind::Unsupported, "8 heads"),
            (config("intermediate_size", json!(97)), Kind::InvalidParameter, "intermediate.dense.weight"),
            (config("num_hidden_layers", json!(3)), Kind::InvalidParameter, "encoder.layer.2."),
            (config("vocab_size", json!(39)), Kind::InvalidParameter, "40 pieces"),
            (with(VOCABULARY, None), Kind::InvalidParameter, "vocab.txt"),
            (with(VOCABULARY, Some(b"a")), Kind::InvalidParameter, "[CLS]"),
            (with(TOKENIZER, Some(b"{}")), Kind::InvalidParameter, "tokenizer"),
            (with(WEIGHTS, None), Kind::InvalidParameter, "model.safetensors"),
            (with(WEIGHTS, Some(b"PK")), Kind::InvalidParameter, "safetensors"),
            (with(POOLING, Some(b"{}")), Kind::Unsupported, "1_Pooling"),
            (pickled, Kind::Unsupported, "pytorch_model.bin"),
            (pieces, Kind::Unsupported, "sentencepiece"),
        ] {
            let (said, message) = refusal(&files);
            assert!(said == kind && message.contains(words), "{words}: {said:?} {message}");
        }
    }
}
