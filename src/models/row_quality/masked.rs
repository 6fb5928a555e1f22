//! A small network that guesses each masked cell from the other cells of its row.
//!
//! Columns of few values take part. A row is the sum of its cells' vectors (one table, every column its own rows), the
//! masked cell left out and replaced by a vector that names the column; one hidden layer; then a score for each value of
//! the masked column. Trained by candle with cross-entropy and AdamW, every column masked in turn. A denoising network in
//! the sense of Vincent et al. (2008): what is usual together is learnt, what is not is suspect.
//!
//! It is the one witness that sees more than two columns at once, and a weak one: it speaks only where it is sure of
//! another value, and never louder than an even chance.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{
    AdamW, Embedding, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, embedding, linear, loss, ops,
};
use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::column::Finding;
use crate::error::{Error, Result};
use crate::models::random::Random;

/// Distinct values of a column that takes part.
const VALUES: std::ops::RangeInclusive<usize> = 2..=64;
/// Columns that take part, at most; and fewer than three make no row.
const COLUMNS: std::ops::RangeInclusive<usize> = 3..=12;
/// Rows looked at in training.
const ROWS_MAX: usize = 12_000;
const ROWS_MIN: usize = 200;
const WIDTH: usize = 16;
const HIDDEN: usize = 32;
const EPOCHS: usize = 6;
const BATCH: usize = 512;
/// The network's probability for another value from which it speaks, and for the value at hand up to which.
const SURE: f32 = 0.95;
const UNLIKELY: f32 = 0.01;

/// A column of the network: its name and values; place 0 is empty or unknown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Vocabulary {
    pub name: String,
    pub values: Vec<String>,
    /// Whether the network is ever sure of this column's values; where not, it is not asked.
    pub asked: bool,
}

/// The trained network.
#[derive(Clone)]
pub(super) struct Masked {
    pub columns: Vec<Vocabulary>,
    pub weights: VarMap,
    cells: Embedding,
    hidden: Linear,
    outputs: Vec<Linear>,
}

impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Masked").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}

fn candle(error: candle_core::Error) -> Error {
    Error::internal(format!("masked network: {error}"))
}

impl Masked {
    /// A network of the given columns, weights not yet trained.
    pub fn new(columns: Vec<Vocabulary>) -> Result<Self> {
        let weights = VarMap::new();
        let builder = VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu);
        // Per column: its masked sign, its empty cell, its values.
        let rows: usize = columns.iter().map(|column| column.values.len() + 2).sum();
        let cells = embedding(rows, WIDTH, builder.pp("cells")).map_err(candle)?;
        let hidden = linear(WIDTH, HIDDEN, builder.pp("hidden")).map_err(candle)?;
        let outputs = columns
            .iter()
            .enumerate()
            .map(|(place, column)| linear(HIDDEN, column.values.len() + 1, builder.pp(format!("out.{place}"))))
            .collect::<candle_core::Result<Vec<Linear>>>()
            .map_err(candle)?;
        Ok(Self { columns, weights, cells, hidden, outputs })
    }

    /// Trains on the columns that can take part; `None` where too few can, or too few rows are there.
    pub fn learn(columns: &[Cells], seed: u64) -> Result<Option<Self>> {
        let rows = columns.first().map_or(0, |column| column.rows.len());
        let fit = |column: &&Cells| VALUES.contains(&column.distinct.len());
        let chosen: Vec<&Cells> = columns.iter().filter(fit).take(*COLUMNS.end()).collect();
        if chosen.len() < *COLUMNS.start() || rows < ROWS_MIN {
            return Ok(None);
        }
        let vocabulary =
            |cells: &&Cells| Vocabulary { name: cells.name.clone(), values: cells.distinct.clone(), asked: true };
        let mut network = Self::new(chosen.iter().map(vocabulary).collect())?;
        network.seed(seed)?;
        let mut random = Random::new(seed);
        let stride = rows.div_ceil(ROWS_MAX).max(1);
        let mut order: Vec<usize> = (0..rows).step_by(stride).collect();
        let settings = ParamsAdamW { lr: 0.01, weight_decay: 0.01, ..ParamsAdamW::default() };
        let mut optimizer = AdamW::new(network.weights.all_vars(), settings).map_err(candle)?;
        let codes: Vec<Vec<u32>> =
            chosen.iter().map(|cells| cells.rows.iter().map(|place| place.wrapping_add(1)).collect()).collect();
        for _ in 0..EPOCHS {
            random.shuffle(&mut order);
            for (batch, rows) in order.chunks(BATCH).enumerate() {
                // One masked column a batch, each in turn: every value of it is asked for in one product.
                let masked = (batch + random.below(chosen.len())) % chosen.len();
                let code = |column: usize, row: usize| {
                    codes.get(column).and_then(|codes| codes.get(row)).copied().unwrap_or(0)
                };
                let scores = network
                    .scores(rows.len(), masked, |column, place| code(column, rows.get(place).copied().unwrap_or(0)))?;
                let targets: Vec<u32> = rows.iter().map(|row| code(masked, *row)).collect();
                let targets = Tensor::new(targets, &Device::Cpu).map_err(candle)?;
                let loss = loss::cross_entropy(&scores, &targets).map_err(candle)?;
                optimizer.backward_step(&loss).map_err(candle)?;
            }
        }
        order.truncate(BATCH);
        for masked in 0..chosen.len() {
            let code = |column: usize, place: usize| {
                let row = order.get(place).copied().unwrap_or(0);
                codes.get(column).and_then(|codes| codes.get(row)).copied().unwrap_or(0)
            };
            let scores = network.scores(order.len(), masked, code)?;
            let chances = ops::softmax(&scores, 1).and_then(|all| all.max(1)?.to_vec1::<f32>()).map_err(candle)?;
            let sure = chances.iter().filter(|chance| **chance >= SURE).count();
            if let Some(column) = network.columns.get_mut(masked) {
                column.asked = sure * 20 >= chances.len();
            }
        }
        Ok(Some(network))
    }

    /// candle draws its first weights from an unseeded source; ours are repeatable.
    fn seed(&self, seed: u64) -> Result<()> {
        let mut random = Random::new(seed);
        let data = self.weights.data().lock().map_err(|_| Error::internal("masked network: lock poisoned"))?;
        let mut names: Vec<&String> = data.keys().collect();
        names.sort_unstable();
        for name in names {
            let Some(var) = data.get(name) else { continue };
            let shape = var.shape().clone();
            let deviation = 1.0 / (shape.dims().last().copied().unwrap_or(1).max(1) as f64).sqrt();
            let values: Vec<f32> = (0..shape.elem_count()).map(|_| random.normal(deviation)).collect();
            var.set(&Tensor::from_vec(values, shape, &Device::Cpu).map_err(candle)?).map_err(candle)?;
        }
        Ok(())
    }

    /// Scores of every value of the masked column (`rows x values + 1`); `code` gives a cell's place, 0 for none.
    fn scores(&self, rows: usize, masked: usize, code: impl Fn(usize, usize) -> u32) -> Result<Tensor> {
        let mut ids: Vec<u32> = Vec::with_capacity(rows * self.columns.len());
        for row in 0..rows {
            let mut base = 0u32;
            for (place, column) in self.columns.iter().enumerate() {
                let at = if place == masked { 0 } else { 1 + code(place, row).min(column.values.len() as u32) };
                ids.push(base + at);
                base += column.values.len() as u32 + 2;
            }
        }
        let run = || {
            let ids = Tensor::from_vec(ids, (rows, self.columns.len()), &Device::Cpu)?;
            let row = self.cells.forward(&ids)?.sum(1)?;
            let hidden = self.hidden.forward(&row)?.relu()?;
            match self.outputs.get(masked) {
                Some(output) => output.forward(&hidden),
                None => candle_core::bail!("no column {masked}"),
            }
        };
        run().map_err(candle)
    }

    /// Judges rows: for each finding its row, the column's name and what was found. `value` gives a cell by column name.
    pub fn judge(&self, columns: &[Cells], rows: usize) -> Result<Vec<(usize, String, Finding)>> {
        let mut codes: Vec<Vec<u32>> = Vec::new();
        for column in &self.columns {
            let places: HashMap<&str, u32> =
                column.values.iter().zip(1..).map(|(value, place)| (value.as_str(), place)).collect();
            let Some(cells) = columns.iter().find(|cells| cells.name == column.name) else {
                codes.push(vec![0; rows]);
                continue;
            };
            let known: Vec<u32> =
                cells.distinct.iter().map(|value| places.get(value.as_str()).copied().unwrap_or(0)).collect();
            codes.push(cells.rows.iter().map(|place| known.get(*place as usize).copied().unwrap_or(0)).collect());
        }
        let code = |column: usize, row: usize| codes.get(column).and_then(|codes| codes.get(row)).copied().unwrap_or(0);
        let mut found = Vec::new();
        for (masked, column) in self.columns.iter().enumerate().filter(|(_, column)| column.asked) {
            for start in (0..rows).step_by(4096) {
                let count = (rows - start).min(4096);
                let scores = self.scores(count, masked, |place, row| code(place, start + row))?;
                let chances = ops::softmax(&scores, 1).and_then(|all| all.to_vec2::<f32>()).map_err(candle)?;
                for (row, chances) in chances.iter().enumerate() {
                    let own = code(masked, start + row) as usize;
                    let Some((best, chance)) = chances.iter().enumerate().skip(1).max_by(|a, b| a.1.total_cmp(b.1))
                    else {
                        continue;
                    };
                    let here = chances.get(own).copied().unwrap_or(0.0);
                    // An empty or unknown cell (0) is for the other witnesses.
                    if own == 0 || best == own || *chance < SURE || here > UNLIKELY {
                        continue;
                    }
                    let expected = column.values.get(best - 1).cloned();
                    let finding =
                        Finding::new(0.5 * *chance as f64, "the rest of the row suggests another value", expected);
                    found.push((start + row, column.name.clone(), finding));
                }
            }
        }
        Ok(found)
    }
}
