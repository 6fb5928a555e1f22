//! A tiny BERT from elsewhere.

use std::path::Path;

/// The width of its embeddings.
pub const HIDDEN: usize = 32;
const WIDE: usize = 64;
const LAYERS: usize = 2;
const POSITIONS: usize = 40;

/// A directory as Hugging Face's `save_pretrained` writes it, with arbitrary weights.
pub fn write_bert(folder: &Path) {
    let mut pieces: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).to_vec();
    pieces.extend(["red", "green", "apple", "pear", "shoe", "boot"].map(str::to_owned));
    pieces.extend(('a'..='z').map(String::from));
    pieces.extend(('a'..='z').map(|letter| format!("##{letter}")));
    let mut tensors: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![pieces.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
    ];
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..LAYERS {
        let at = |name: &str| format!("encoder.layer.{layer}.{name}");
        for (name, outputs, inputs) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", WIDE, HIDDEN),
            ("output.dense", HIDDEN, WIDE),
        ] {
            tensors.push((format!("{}.weight", at(name)), vec![outputs, inputs]));
            tensors.push((format!("{}.bias", at(name)), vec![outputs]));
        }
        norms.extend([at("attention.output.LayerNorm"), at("output.LayerNorm")]);
    }
    for name in norms {
        tensors.push((format!("{name}.weight"), vec![HIDDEN]));
        tensors.push((format!("{name}.bias"), vec![HIDDEN]));
    }
    let (mut names, mut data, mut seed) = (Vec::new(), Vec::<u8>::new(), 1u64);
    for (name, shape) in tensors {
        let middle = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        let from = data.len();
        for _ in 0..shape.iter().product::<usize>() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = middle + ((seed >> 40) as f32 / (1 << 24) as f32 - 0.5);
            data.extend(value.to_le_bytes());
        }
        let to = data.len();
        names.push(format!(r#""{name}": {{"dtype": "F32", "shape": {shape:?}, "data_offsets": [{from}, {to}]}}"#));
    }
    let header = format!("{{{}}}", names.join(", "));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    let config = format!(
        r#"{{"model_type": "bert", "hidden_size": {HIDDEN}, "num_hidden_layers": {LAYERS}, "num_attention_heads": 2,
            "intermediate_size": {WIDE}, "vocab_size": {}, "max_position_embeddings": {POSITIONS}, "hidden_act": "gelu"}}"#,
        pieces.len()
    );
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    std::fs::write(folder.join("config.json"), config).unwrap();
    std::fs::write(folder.join("vocab.txt"), pieces.join("\n")).unwrap();
}
