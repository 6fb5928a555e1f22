//! What could go wrong: a weight read into the wrong place, texts of a batch leaking into each other, tokens cut
//! otherwise than in training. The network is compared with a slow twin on tiny weights, and the whole encoder with
//! numbers that ONNX Runtime gave for the same weights.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

#[test]
fn the_network_equals_its_twin() {
    let model = naive::tiny_model();
    let network = weights::read(Bytes::from(model.clone())).unwrap();
    assert_eq!((network.hidden(), network.vocabulary()), (naive::HIDDEN, naive::WORDS));
    let texts: Vec<Vec<u32>> = [1, 2, 5, 24, 17].map(|n| (0..n).map(|k| (k * k * 7 + n) % 40).collect()).to_vec();
    let packed: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let together = network.forward(&packed).unwrap();
    for (text, fast) in texts.iter().zip(together.chunks_exact(naive::HIDDEN)) {
        let slow = naive::forward(&model, text);
        for (fast, slow) in fast.iter().zip(slow) {
            assert!((f64::from(*fast) - slow).abs() < 1e-5, "{} tokens: {fast} {slow}", text.len());
        }
    }
}

#[test]
fn words_and_lengths_out_of_range_are_refused() {
    let network = weights::read(Bytes::from(naive::tiny_model())).unwrap();
    assert_eq!(network.forward(&[&[40]]).err().map(|e| e.kind()), Some(Kind::Internal));
    assert_eq!(network.forward(&[&[0; 25]]).err().map(|e| e.kind()), Some(Kind::Internal));
    assert_eq!(network.forward(&[]).unwrap(), Vec::<f32>::new());
}

#[test]
fn numbers_are_those_of_the_reference() {
    let encoder = Encoder::builtin().unwrap();
    let cases: [(&str, [f32; 8]); 3] = [
        ("苹果手机", [0.047114, -0.004997, -0.015042, -0.044704, 0.093906, -0.033517, -0.007851, 0.039044]),
        (
            "Turtle Check Men Navy Blue Shirt",
            [0.056838, -0.029932, -0.050514, -0.022159, 0.016165, -0.070795, 0.038043, -0.007416],
        ),
        (
            "蒙牛 纯牛奶 250ml*24盒 Milk",
            [0.030863, 0.015516, -0.042738, -0.045268, 0.095, 0.010225, 0.006661, 0.073398],
        ),
    ];
    for (text, expected) in cases {
        let embedding = &encoder.encode(&[text], Role::Query, NEVER).unwrap()[0];
        assert_eq!(embedding.len(), 384);
        for (number, expected) in embedding.iter().zip(expected) {
            assert!((number - expected).abs() < 1e-5, "{text}: {number} {expected}");
        }
    }
    let passage = &encoder.encode(&["Turtle Check Men Navy Blue Shirt"], Role::Passage, NEVER).unwrap()[0];
    for (number, expected) in passage.iter().zip([0.069749, -0.005065, -0.045234, -0.025771, 0.007144]) {
        assert!((number - expected).abs() < 1e-5);
    }
}

#[test]
fn like_means_near() {
    let encoder = Encoder::builtin().unwrap();
    let texts = ["苹果手机", "iphone smartphone", "牛奶", "fresh milk"];
    let [phone_zh, phone_en, milk_zh, milk_en] =
        encoder.encode(&texts, Role::Query, NEVER).unwrap().try_into().unwrap();
    assert!(phone_zh.cosine(&phone_en) > phone_zh.cosine(&milk_zh) + 0.03);
    assert!(milk_zh.cosine(&milk_en) > milk_en.cosine(&phone_en) + 0.03);
}

#[test]
fn a_batch_equals_its_texts_one_by_one() {
    // Two encoders of their own, as the cache of one would answer for the other way of asking.
    let read = || {
        let model = include_bytes!("../../../assets/encoder/model.q4_0.gguf");
        Encoder::read(Bytes::from_static(model), include_bytes!("../../../assets/encoder/tokenizer.json")).unwrap()
    };
    let (one, other) = (read(), read());
    let long = "long winded description of a thing ".repeat(100);
    let texts = ["milk", "牛奶 250ml", "", "a longer title with many words, men's shirt", "milk", &long, "热水器"];
    let together = one.encode(&texts, Role::Query, NEVER).unwrap();
    assert_eq!(together[0], together[4]);
    for (text, embedding) in texts.iter().zip(&together) {
        let alone = &other.encode(&[text], Role::Query, NEVER).unwrap()[0];
        assert!(alone.iter().zip(embedding.iter()).all(|(a, b)| (a - b).abs() < 1e-5), "{text}");
        assert!((embedding.cosine(embedding) - 1.0).abs() < 1e-5);
    }
    assert_eq!(one.encode(&texts, Role::Query, NEVER).unwrap(), together, "from the cache");
    assert!(one.encode(&[], Role::Query, NEVER).unwrap().is_empty());
}

#[test]
fn cancelling_stops_between_batches() {
    let encoder = Encoder::builtin().unwrap();
    let asked = AtomicUsize::new(0);
    let texts: Vec<String> = (0..200).map(|k| format!("to be cancelled, number {k}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    // Past the asking for each tokenised text, in the middle of the batches.
    let cancel = || asked.fetch_add(1, Ordering::Relaxed) > 201;
    let error = encoder.encode(&texts, Role::Query, &cancel).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
}

#[test]
fn batches_are_full_but_leave_no_thread_idle() {
    let lists = |count: usize| -> Vec<(usize, Vec<u32>)> { (0..count).map(|k| (k, vec![0; 5 + k % 20])).collect() };
    let sizes = |batches: Vec<Vec<(usize, Vec<u32>)>>| -> Vec<usize> {
        batches.iter().map(|batch| batch.iter().map(|(_, tokens)| tokens.len()).sum()).collect()
    };
    assert!(pack(Vec::new(), 4, config::ENCODER_BATCH_TOKENS).is_empty());
    assert_eq!(pack(lists(3), 1, config::ENCODER_BATCH_TOKENS).len(), 1);
    assert!(pack(lists(40), 4, config::ENCODER_BATCH_TOKENS).len() >= 4);
    let many = sizes(pack(lists(1000), 2, config::ENCODER_BATCH_TOKENS));
    assert_eq!(many.iter().sum::<usize>(), 14_500);
    assert!(many.iter().all(|&size| size <= config::ENCODER_BATCH_TOKENS));
    // Each but the last lacks less than the longest text, 24 tokens.
    assert!(many.len() <= 14_500 / (config::ENCODER_BATCH_TOKENS - 24) + 1);
}

#[test]
fn a_device_gives_the_processors_embeddings() {
    let Some(device) = crate::models::device::for_tests() else { return };
    let encoder = Encoder::builtin().unwrap();
    let on_device = accelerated::put(&encoder.network, &device).unwrap();
    let long = "long winded description of a thing ".repeat(100);
    let texts = ["milk", "牛奶 250ml", "", "a longer title with many words, men's shirt", &long, "热水器"];
    let tokens: Vec<Vec<u32>> = texts.iter().map(|text| encoder.tokens.of(Role::Query, text).unwrap()).collect();
    let packed: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
    let (theirs, ours) = (on_device.forward(&packed).unwrap(), encoder.network.forward(&packed).unwrap());
    assert_eq!(theirs.len(), ours.len());
    assert!(theirs.iter().zip(&ours).all(|(one, other)| (one - other).abs() < 1e-5));
    assert!(on_device.forward(&[]).unwrap().is_empty());
    let refused = on_device.forward(&[&[u32::MAX]]).unwrap_err();
    assert_eq!(refused.kind(), Kind::Internal);
    // A tiny network of other widths.
    let network = weights::read(Bytes::from(naive::tiny_model())).unwrap();
    let on_device = accelerated::put(&network, &device).unwrap();
    let packed: [&[u32]; 3] = [&[1, 2, 3], &[39], &[5; 24]];
    let (theirs, ours) = (on_device.forward(&packed).unwrap(), network.forward(&packed).unwrap());
    assert!(theirs.iter().zip(&ours).all(|(one, other)| (one - other).abs() < 1e-5));
}

/// An adapter of the tiny network whose every number is something.
fn moved(network: &network::Network, layers: usize) -> Adapter {
    let mut adapter = Adapter::new(network, 2, layers, 5);
    let mut random = crate::models::random::Random::new(9);
    for block in adapter.blocks() {
        block.values.iter_mut().for_each(|value| *value += random.normal(0.05));
    }
    adapter
}

#[test]
fn an_adapter_begins_as_nothing_and_is_added_to_the_weights() {
    let network = weights::read(Bytes::from(naive::tiny_model())).unwrap();
    let texts: [&[u32]; 3] = [&[1, 2, 3, 7, 30], &[39], &[5; 24]];
    let plain = network.forward(&texts).unwrap();
    let close = |one: &[f32], other: &[f32]| one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-5);
    let nothing = Adapter::new(&network, 4, 2, 1);
    assert!(close(&nothing.applied(&network).forward(&texts).unwrap(), &plain));
    for layers in [1, 2] {
        let adapter = moved(&network, layers);
        assert_eq!((adapter.layers(), adapter.rank()), (layers, 2));
        let trainee = trainee::Trainee::new(&network, &adapter);
        let taped = trainee.forward(&adapter, &texts).unwrap().embeddings;
        assert!(!close(&taped, &plain));
        assert!(close(&adapter.applied(&network).forward(&texts).unwrap(), &taped), "{layers} layers");
    }
}

#[test]
fn slopes_of_an_adapter_are_differences_of_the_loss() {
    for pooling in [Pooling::Mean, Pooling::Cls] {
        let mut network = weights::read(Bytes::from(naive::tiny_model())).unwrap();
        network.pooling = pooling;
        let texts: [&[u32]; 3] =
            [&[1, 2, 3, 7, 30], &[39, 4], &[5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]];
        let wanted: Vec<f32> = (0..texts.len() * network.hidden()).map(|k| (k as f32 * 1.7).sin()).collect();
        for layers in [1, 2] {
            let mut adapter = moved(&network, layers);
            let loss = |adapter: &Adapter| -> f64 {
                let said = trainee::Trainee::new(&network, adapter).forward(adapter, &texts).unwrap().embeddings;
                said.iter().zip(&wanted).map(|(said, wanted)| f64::from(said * wanted)).sum()
            };
            let trainee = trainee::Trainee::new(&network, &adapter);
            let tape = trainee.forward(&adapter, &texts).unwrap();
            let mut gradients = adapter.gradients();
            trainee.backward(&adapter, &tape, &wanted, &mut gradients);
            for (block, gradient) in gradients.iter().enumerate() {
                for place in [0, 17, gradient.len() - 1] {
                    let mut at = |by: f32| {
                        adapter.blocks().nth(block).unwrap().values[place] += by;
                        let loss = loss(&adapter);
                        adapter.blocks().nth(block).unwrap().values[place] -= by;
                        loss
                    };
                    let difference = (at(2e-3) - at(-2e-3)) / 4e-3;
                    let slope = f64::from(gradient[place]);
                    let allowed = 3e-3 + 0.02 * difference.abs();
                    assert!((slope - difference).abs() < allowed, "{layers} {block} {place}: {slope} {difference}");
                }
            }
        }
    }
}
