//! The label that fits a text best.
//!
//! Measured on six tasks of real shop text (Chinese reviews into 10 categories and 2 sentiments; English grocery
//! titles into 11 and 30, fashion titles into 16 and 25; about 400 texts each, one random split):
//!
//! | examples a label | right answers, by task, in the order above | mean |
//! | --- | --- | --- |
//! | 0 | 0.66, 0.85, 0.36, 0.35, 0.76, 0.87 | 0.64 |
//! | 2 | 0.69, 0.84, 0.45, 0.43, 0.85, 0.88 | 0.69 |
//! | 8 | 0.70, 0.89, 0.56, 0.54, 0.89, 0.91 | 0.75 |
//!
//! The temperature was fitted on the same texts, one for all (0.04 to 0.045, by the likelihood); the mean probability
//! of an answer then lies within 0.07 of the share of right ones on four tasks, and 0.15 and 0.13 below it on the two
//! of fashion. Of six sentences and their blends the pair in `prompts` was as good as any (0.62 to 0.64, within noise).
//!
//! Measured again without examples on nine tasks, four of them not among those above (names of 1,258 Chinese categories into 20,
//! Chinese product names into 6, English reviews of clothes into 12, Chinese reviews of meals into 2; 165 to 600 texts each; the
//! pair in `prompts`: 0.697 Chinese, 0.530 English): eight sentences and ten blends of them, labels of several words taken apart, each
//! label's nearness to ordinary texts subtracted (the mean, the nearest eight, over their deviation), the labels' own mean
//! subtracted. None was better by more than chance (0.013) without being worse on another task; examples are what helps.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::models::encoder::{Embedding, Encoder, Role};
use crate::{Result, config, fail};

use super::{background, prompts};

/// What cosines are divided by before softmax.
const TEMPERATURE: f32 = 0.042;
/// How many examples a label's own name is worth.
const NAME_WEIGHT: f32 = 4.0;

/// A classifier over given labels.
pub struct ZeroShot<'a> {
    encoder: &'a Encoder,
    background: Cow<'static, [f32]>,
    /// One unit vector per label, in the space around the background.
    labels: Vec<Vec<f32>>,
}

/// The answer for one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Which label, as its place in the list of labels.
    pub label: usize,
    /// The probability of each label, in the order of the labels; together 1.
    pub scores: Vec<f32>,
}

impl<'a> ZeroShot<'a> {
    /// A classifier that chooses from `labels`. `description` says what kind of thing they are; `examples` are texts,
    /// each with the place of its label, and any number for any label. Embeds labels and examples at once.
    ///
    /// [`Kind::InvalidParameter`](crate::Kind::InvalidParameter): no labels, more than
    /// [`config::CLASSIFY_LABELS_MAX`], an empty or repeated one, an example of a label that is not there.
    pub fn new(
        encoder: &'a Encoder,
        labels: &[String],
        description: Option<&str>,
        examples: &[(String, usize)],
        cancel: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        check(labels, examples)?;
        let background = background::mean(encoder)?;

        let sentences: Vec<Vec<String>> = labels.iter().map(|label| prompts::of(label.trim(), description)).collect();
        let texts: Vec<&str> = sentences.iter().flatten().map(String::as_str).collect();
        let embeddings = encoder.encode(&texts, Role::Query, cancel)?;
        let mut rest = embeddings.as_slice();
        let mut names: Vec<Vec<f32>> = Vec::with_capacity(labels.len());
        for sentences in &sentences {
            let (of_label, after) = rest.split_at(sentences.len());
            names.push(direction(of_label, &background));
            rest = after;
        }

        let texts: Vec<&str> = examples.iter().map(|(text, _)| text.as_str()).collect();
        let mut shown: Vec<Vec<Embedding>> = vec![Vec::new(); labels.len()];
        for (embedding, (_, label)) in encoder.encode(&texts, Role::Query, cancel)?.into_iter().zip(examples) {
            shown[*label].push(embedding);
        }
        let labels = names.into_iter().zip(shown).map(|(name, shown)| blend(name, &shown, &background)).collect();
        Ok(Self { encoder, background, labels })
    }

    /// The verdict on each of `texts`, in their order; [`Kind::Cancelled`](crate::Kind::Cancelled) when `cancel`
    /// says so between batches.
    pub fn classify(&self, texts: &[&str], cancel: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Verdict>> {
        let embeddings = self.encoder.encode(texts, Role::Query, cancel)?;
        Ok(embeddings.iter().map(|embedding| self.verdict(embedding)).collect())
    }

    /// The verdict on a text embedded as [`Role::Query`].
    pub fn verdict(&self, embedding: &Embedding) -> Verdict {
        let text = direction(std::slice::from_ref(embedding), &self.background);
        let cosines: Vec<f32> = self.labels.iter().map(|label| dot(label, &text)).collect();
        let label = (1..cosines.len()).fold(0, |best, place| if cosines[place] > cosines[best] { place } else { best });
        let exponentials = cosines.iter().map(|cosine| ((cosine - cosines[label]) / TEMPERATURE).exp());
        let mut scores: Vec<f32> = exponentials.collect();
        let total: f32 = scores.iter().sum();
        scores.iter_mut().for_each(|score| *score /= total);
        Verdict { label, scores }
    }
}

fn check(labels: &[String], examples: &[(String, usize)]) -> Result<()> {
    if labels.is_empty() {
        fail!(InvalidParameter, "there are no labels to choose from");
    }
    if labels.len() > config::CLASSIFY_LABELS_MAX {
        fail!(InvalidParameter, "{} labels are more than {}", labels.len(), config::CLASSIFY_LABELS_MAX);
    }
    // Labels are named by their place: they may have come from a column.
    let mut seen = HashMap::new();
    for (place, label) in labels.iter().enumerate() {
        if label.trim().is_empty() {
            fail!(InvalidParameter, "label {} is empty", place + 1);
        }
        if let Some(before) = seen.insert(label.trim(), place) {
            fail!(InvalidParameter, "labels {} and {} are the same", before + 1, place + 1);
        }
    }
    if let Some((_, label)) = examples.iter().find(|(_, label)| *label >= labels.len()) {
        fail!(InvalidParameter, "an example has label {}, but there are {}", label + 1, labels.len());
    }
    Ok(())
}

/// Where `embeddings` point on average, seen from the background: a unit vector.
fn direction(embeddings: &[Embedding], background: &[f32]) -> Vec<f32> {
    let count = embeddings.len() as f32;
    let mean = |place: usize| embeddings.iter().map(|embedding| embedding[place]).sum::<f32>() / count;
    unit(background.iter().enumerate().map(|(place, middle)| mean(place) - middle).collect())
}

/// A label's direction from its name and its examples, each example seen from the background by itself.
fn blend(name: Vec<f32>, examples: &[Embedding], background: &[f32]) -> Vec<f32> {
    if examples.is_empty() {
        return name;
    }
    let mut centre = vec![0.0; name.len()];
    for example in examples {
        let direction = direction(std::slice::from_ref(example), background);
        centre.iter_mut().zip(direction).for_each(|(sum, value)| *sum += value);
    }
    let centre = unit(centre);
    let count = examples.len() as f32;
    let weighted = name.iter().zip(centre).map(|(name, centre)| NAME_WEIGHT * name + count * centre);
    unit(weighted.collect())
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| text.to_string()).collect()
    }

    fn answers(labels: &[&str], texts: &[&str]) -> Vec<usize> {
        let encoder = Encoder::builtin().unwrap();
        let classifier = ZeroShot::new(encoder, &strings(labels), None, &[], NEVER).unwrap();
        let verdicts = classifier.classify(texts, NEVER).unwrap();
        for verdict in &verdicts {
            assert_eq!(verdict.scores.len(), labels.len());
            assert!((verdict.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(verdict.scores.iter().all(|score| *score <= verdict.scores[verdict.label]));
        }
        verdicts.into_iter().map(|verdict| verdict.label).collect()
    }

    #[test]
    fn obvious_texts_get_obvious_labels() {
        let texts = ["华为 Mate 60 Pro 智能手机 12+512G", "红富士苹果 脆甜 5斤", "男士纯棉短袖衬衫 夏季"];
        assert_eq!(answers(&["手机", "水果", "服装"], &texts), [0, 1, 2]);
        let texts = ["Apple iPhone 15 128GB black", "Amul whole milk 1 litre", "Puma men running shoes"];
        assert_eq!(answers(&["phone", "dairy", "footwear"], &texts), [0, 1, 2]);
        assert_eq!(answers(&["正面", "负面"], &["质量非常好，很喜欢", "太差了，质量垃圾，退货"]), [0, 1]);
        assert_eq!(answers(&["手机", "水果"], &["Samsung Galaxy smartphone", "fresh bananas"]), [0, 1]);
    }

    #[test]
    fn examples_teach_what_names_do_not_say() {
        let encoder = Encoder::builtin().unwrap();
        let labels = strings(&["A类", "B类"]);
        let examples = [("洗衣液 3公斤", 0), ("洗洁精 柠檬香", 0), ("猫粮 成猫", 1), ("狗零食 鸡肉干", 1)];
        let examples = examples.map(|(text, label)| (text.to_string(), label));
        let classifier = ZeroShot::new(encoder, &labels, Some("货架"), &examples, NEVER).unwrap();
        let verdicts = classifier.classify(&["消毒液 衣物 1升", "宠物猫砂 10公斤"], NEVER).unwrap();
        assert_eq!(verdicts.iter().map(|verdict| verdict.label).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn senseless_labels_are_refused() {
        let encoder = Encoder::builtin().unwrap();
        let many: Vec<String> = (0..=config::CLASSIFY_LABELS_MAX).map(|k| format!("label {k}")).collect();
        let refused = [many, Vec::new(), strings(&["a", "b", "a "]), strings(&["a", " "])];
        for labels in refused {
            let error = ZeroShot::new(encoder, &labels, None, &[], NEVER).err().map(|error| error.kind());
            assert_eq!(error, Some(Kind::InvalidParameter));
        }
        let example = [("x".to_string(), 2)];
        let error = ZeroShot::new(encoder, &strings(&["a", "b"]), None, &example, NEVER).err().map(|e| e.kind());
        assert_eq!(error, Some(Kind::InvalidParameter));
        let error = ZeroShot::new(encoder, &strings(&["c"]), None, &[], &|| true).err().map(|e| e.kind());
        assert_eq!(error, Some(Kind::Cancelled));
    }
}
