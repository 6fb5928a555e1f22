//! Matrix products: x Wᵀ + b over all tokens of a batch.
//!
//! Where the processor has AVX-512, weights are laid out once, at load, as the inner loop reads them: panels of
//! [`PANEL`] outputs, in each panel the weights of input 0, then of input 1, and so on. The loop holds a tile of
//! [`ROWS`] tokens by [`PANEL`] outputs in 24 registers, starting from the bias, and for each input adds token times
//! weight; the activation is applied while the tile is still in the nearest cache. Elsewhere the crate `gemm` does the
//! product, with its own loops for AVX2, NEON and the rest; it has AVX-512 too, but lays the weights out anew at each
//! call.

use std::borrow::Cow;

use super::elementwise::gelu_all;

/// Outputs in a panel: three AVX-512 registers.
const PANEL: usize = 48;
/// Tokens in a tile.
const ROWS: usize = 8;

/// What follows the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// Nothing.
    None,
    /// The Gaussian error linear unit.
    Gelu,
}

/// A linear layer.
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    activation: Activation,
    weights: Weights,
    /// One per output, with zeros up to whole panels.
    bias: Vec<f32>,
}

enum Weights {
    /// `outputs` rows of `inputs` numbers.
    Rows(Vec<f32>),
    /// Panels of `inputs` times [`PANEL`] numbers; outputs that pad the last one are zero.
    #[cfg(target_arch = "x86_64")]
    Panels(Vec<f32>),
}

impl Linear {
    /// A layer from `weights`, one row of inputs per output, and `bias`, one number per output.
    pub(super) fn new(weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Self {
        let mut layer = Self::by_rows(weights, bias, activation);
        #[cfg(target_arch = "x86_64")]
        if super::elementwise::has_avx512() {
            layer.lay_out_in_panels();
        }
        layer
    }

    /// As [`Linear::new`], for the crate `gemm` on any processor.
    fn by_rows(weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Self {
        let outputs = bias.len();
        let inputs = weights.len() / outputs.max(1);
        assert_eq!(weights.len(), inputs * outputs, "a linear layer of {inputs} inputs and {outputs} outputs");
        Self { inputs, outputs, activation, weights: Weights::Rows(weights), bias }
    }

    #[cfg(target_arch = "x86_64")]
    fn lay_out_in_panels(&mut self) {
        let Weights::Rows(rows) = &self.weights else { return };
        let panels = self.outputs.div_ceil(PANEL);
        let mut laid = vec![0.0; panels * self.inputs * PANEL];
        for (output, row) in rows.chunks_exact(self.inputs).enumerate() {
            let panel = &mut laid[output / PANEL * self.inputs * PANEL..][..self.inputs * PANEL];
            for (weight, place) in row.iter().zip(panel.chunks_exact_mut(PANEL)) {
                place[output % PANEL] = *weight;
            }
        }
        self.bias.resize(panels * PANEL, 0.0);
        self.weights = Weights::Panels(laid);
    }

    /// Numbers that come out for each row.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The weights as they were given, one row of inputs per output, and the bias.
    pub(super) fn rows(&self) -> (Cow<'_, [f32]>, &[f32]) {
        let bias = &self.bias[..self.outputs];
        match &self.weights {
            Weights::Rows(rows) => (Cow::Borrowed(rows), bias),
            #[cfg(target_arch = "x86_64")]
            Weights::Panels(laid) => {
                let mut rows = Vec::with_capacity(self.inputs * self.outputs);
                for output in 0..self.outputs {
                    let panel = &laid[output / PANEL * self.inputs * PANEL..][..self.inputs * PANEL];
                    rows.extend(panel.chunks_exact(PANEL).map(|place| place[output % PANEL]));
                }
                (Cow::Owned(rows), bias)
            }
        }
    }

    /// The layer of the transposed weights, without bias: the way back through this one.
    pub(super) fn turned(&self) -> Self {
        let (weights, _) = self.rows();
        let mut turned = vec![0.0; weights.len()];
        for (output, row) in weights.chunks_exact(self.inputs.max(1)).enumerate() {
            for (weight, place) in row.iter().zip(turned.chunks_exact_mut(self.outputs.max(1))) {
                place[output] = *weight;
            }
        }
        Self::new(turned, vec![0.0; self.inputs], Activation::None)
    }

    /// What is added to each output.
    pub(super) fn bias(&self) -> &[f32] {
        &self.bias[..self.outputs]
    }

    /// Numbers that it keeps.
    pub(super) fn numbers(&self) -> usize {
        self.bias.len()
            + match &self.weights {
                Weights::Rows(rows) => rows.len(),
                #[cfg(target_arch = "x86_64")]
                Weights::Panels(panels) => panels.len(),
            }
    }

    /// The layer applied to each row of `x`, into `out`, which is resized to as many rows of outputs.
    pub(super) fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        let rows = x.len() / self.inputs;
        out.resize(rows * self.outputs, 0.0);
        match &self.weights {
            Weights::Rows(weights) => self.product(weights, x, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: weights are laid out in panels only where the processor has AVX-512.
            Weights::Panels(panels) => unsafe { self.tiles(panels, x, out) },
        }
    }

    fn product(&self, weights: &[f32], x: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = out.len() / outputs;
        assert!(x.len() == rows * inputs && out.len() == rows * outputs && weights.len() == inputs * outputs);
        for row in out.chunks_exact_mut(outputs) {
            row.copy_from_slice(&self.bias[..outputs]);
        }
        // SAFETY: the three matrices are as long as asserted above, and their strides stay inside.
        unsafe {
            gemm::gemm(
                rows,
                outputs,
                inputs,
                out.as_mut_ptr(),
                1,
                outputs as isize,
                true,
                x.as_ptr(),
                1,
                inputs as isize,
                weights.as_ptr(),
                inputs as isize,
                1,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        if self.activation == Activation::Gelu {
            gelu_all(out);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    fn tiles(&self, panels: &[f32], x: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        // A panel stays in the second cache while all tokens pass by it.
        for (panel, weights) in panels.chunks_exact(inputs * PANEL).enumerate() {
            let first = panel * PANEL;
            let bias = &self.bias[first..first + PANEL];
            let width = PANEL.min(outputs - first);
            for (x, out) in x.chunks(ROWS * inputs).zip(out.chunks_mut(ROWS * outputs)) {
                let mut tile = [[0.0; PANEL]; ROWS];
                let rows = out.len() / outputs;
                avx512::tile(x, weights, bias, rows, &mut tile);
                let tile = &mut tile[..rows];
                if self.activation == Activation::Gelu {
                    gelu_all(tile.as_flattened_mut());
                }
                for (row, out) in tile.iter().zip(out.chunks_exact_mut(outputs)) {
                    out[first..first + width].copy_from_slice(&row[..width]);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps};

    use super::{PANEL, ROWS};

    /// `rows` rows of x times a panel of weights plus bias, into the first `rows` rows of `tile`.
    #[target_feature(enable = "avx512f")]
    pub(super) fn tile(x: &[f32], weights: &[f32], bias: &[f32], rows: usize, tile: &mut [[f32; PANEL]; ROWS]) {
        match rows {
            1 => rows_of::<1>(x, weights, bias, tile),
            2 => rows_of::<2>(x, weights, bias, tile),
            3 => rows_of::<3>(x, weights, bias, tile),
            4 => rows_of::<4>(x, weights, bias, tile),
            5 => rows_of::<5>(x, weights, bias, tile),
            6 => rows_of::<6>(x, weights, bias, tile),
            7 => rows_of::<7>(x, weights, bias, tile),
            _ => rows_of::<ROWS>(x, weights, bias, tile),
        }
    }

    #[target_feature(enable = "avx512f")]
    fn rows_of<const R: usize>(x: &[f32], weights: &[f32], bias: &[f32], tile: &mut [[f32; PANEL]; ROWS]) {
        let inputs = weights.len() / PANEL;
        assert!(R <= ROWS && x.len() == R * inputs && weights.len() == inputs * PANEL && bias.len() == PANEL);
        let (x, weights, bias) = (x.as_ptr(), weights.as_ptr(), bias.as_ptr());
        // SAFETY: every address read is below the lengths asserted above, every address written inside `tile`.
        unsafe {
            let start = [_mm512_loadu_ps(bias), _mm512_loadu_ps(bias.add(16)), _mm512_loadu_ps(bias.add(32))];
            let mut sums = [start; R];
            for input in 0..inputs {
                let weights = weights.add(input * PANEL);
                let low = _mm512_loadu_ps(weights);
                let middle = _mm512_loadu_ps(weights.add(16));
                let high = _mm512_loadu_ps(weights.add(32));
                for (row, [sum_low, sum_middle, sum_high]) in sums.iter_mut().enumerate() {
                    let value = _mm512_set1_ps(*x.add(row * inputs + input));
                    *sum_low = _mm512_fmadd_ps(value, low, *sum_low);
                    *sum_middle = _mm512_fmadd_ps(value, middle, *sum_middle);
                    *sum_high = _mm512_fmadd_ps(value, high, *sum_high);
                }
            }
            for (sums, row) in sums.into_iter().zip(tile) {
                for (at, sum) in sums.into_iter().enumerate() {
                    _mm512_storeu_ps(row.as_mut_ptr().add(16 * at), sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::encoder::elementwise::gelu;

    #[test]
    fn both_layouts_equal_the_formula_at_any_size() {
        for (rows, inputs, outputs) in [(1, 32, 48), (3, 7, 5), (8, 64, 96), (21, 33, 100)] {
            for activation in [Activation::None, Activation::Gelu] {
                let number = |k: usize| (k as f32 * 1.3).sin();
                let weights: Vec<f32> = (0..inputs * outputs).map(number).collect();
                let bias: Vec<f32> = (0..outputs).map(|k| number(k + 5)).collect();
                let x: Vec<f32> = (0..rows * inputs).map(|k| number(k * 3)).collect();
                let layers = [
                    Linear::new(weights.clone(), bias.clone(), activation),
                    Linear::by_rows(weights.clone(), bias.clone(), activation),
                ];
                for layer in layers {
                    assert_eq!(layer.rows(), (Cow::Borrowed(weights.as_slice()), bias.as_slice()));
                    let mut out = Vec::new();
                    layer.forward(&x, &mut out);
                    for (place, out) in out.iter().enumerate() {
                        let (row, output) = (place / outputs, place % outputs);
                        let terms = (0..inputs).map(|k| x[row * inputs + k] * weights[output * inputs + k]);
                        let sum = terms.sum::<f32>() + bias[output];
                        let expected = if activation == Activation::Gelu { gelu(sum) } else { sum };
                        assert!((out - expected).abs() < 1e-4, "{rows} {inputs} {outputs} {place}");
                    }
                }
            }
        }
    }
}
