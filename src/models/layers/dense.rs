//! Dense arithmetic on row-major slices.
//!
//! The products go to `gemm`, the kernel that candle itself calls on the processor. candle's tensors are not used inside
//! the training loop: its batches are small (hundreds of rows by tens of units), where allocating a tensor per operation
//! and autograd's bookkeeping cost as much as the arithmetic, and the sparse tables beside it need gradients by touched
//! row, which autograd would make as whole tables. candle holds and reads the weights of the finished model.

use super::parameters::Block;
use crate::models::random::Random;

/// A matrix within a product: its values, and whether it stands transposed.
#[derive(Clone, Copy)]
pub(in crate::models) struct Matrix<'a, T = f32> {
    pub values: &'a [T],
    pub transposed: bool,
}

/// `a` as it lies.
pub(in crate::models) fn plain<T>(values: &[T]) -> Matrix<'_, T> {
    Matrix { values, transposed: false }
}

/// `a` transposed.
pub(in crate::models) fn transposed<T>(values: &[T]) -> Matrix<'_, T> {
    Matrix { values, transposed: true }
}

/// `c (rows x columns) = a (rows x inner) * b (inner x columns)`, added to `c` if `add`. All row-major; a transposed
/// operand lies as its transpose. Of f32 or f64.
pub(in crate::models) fn multiply<T: Copy + From<f32> + 'static>(
    (rows, inner, columns): (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    add: bool,
) {
    assert!(
        a.values.len() >= rows * inner && b.values.len() >= inner * columns && c.len() >= rows * columns,
        "matrices shorter than their shapes"
    );
    let strides = |transposed: bool, rows: usize, columns: usize| {
        if transposed { (rows as isize, 1) } else { (1, columns as isize) }
    };
    let (a_column, a_row) = strides(a.transposed, rows, inner);
    let (b_column, b_row) = strides(b.transposed, inner, columns);
    // SAFETY: the assertion above bounds every element that these strides reach; `c` is borrowed mutably, so it
    // overlaps neither operand.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            c.as_mut_ptr(),
            1,
            columns as isize,
            add,
            a.values.as_ptr(),
            a_column,
            a_row,
            b.values.as_ptr(),
            b_column,
            b_row,
            T::from(if add { 1.0 } else { 0.0 }),
            T::from(1.0),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// A fully connected layer: `out = relu(in * weight + bias)`, or without the rectifier.
#[derive(Debug, Clone)]
pub(in crate::models) struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub rectified: bool,
    pub weight: Block,
    pub bias: Block,
}

impl Layer {
    /// Random weights of variance 2/inputs (He et al., 2015), bias 0.
    pub fn new(inputs: usize, outputs: usize, rectified: bool, random: &mut Random) -> Self {
        let deviation = (if rectified { 2.0 } else { 1.0 } / inputs.max(1) as f64).sqrt();
        let weight = Block::new((0..inputs * outputs).map(|_| random.normal(deviation)).collect());
        Self { inputs, outputs, rectified, weight, bias: Block::new(vec![0.0; outputs]) }
    }

    /// `rows x inputs` to `rows x outputs`.
    pub fn forward(&self, rows: usize, input: &[f32], output: &mut Vec<f32>) {
        output.resize(rows * self.outputs, 0.0);
        for row in output.chunks_exact_mut(self.outputs.max(1)) {
            row.copy_from_slice(&self.bias.values);
        }
        multiply((rows, self.inputs, self.outputs), plain(input), plain(&self.weight.values), output, true);
        if self.rectified {
            output.iter_mut().for_each(|value| *value = value.max(0.0));
        }
    }

    /// Takes the slope at the output (changed where the rectifier was shut), adds to the parameters' gradients and gives
    /// the slope at the input, added to what `input_slope` holds if `add`.
    pub fn backward(
        &mut self,
        rows: usize,
        (input, output): (&[f32], &[f32]),
        output_slope: &mut [f32],
        input_slope: &mut Vec<f32>,
        add: bool,
    ) {
        // Taken out for the time, so that the layer can be read while they are written.
        let mut weight = std::mem::take(&mut self.weight.gradient);
        let mut bias = std::mem::take(&mut self.bias.gradient);
        self.slopes(rows, (input, output), output_slope, (input_slope, add), (&mut weight, &mut bias));
        (self.weight.gradient, self.bias.gradient) = (weight, bias);
    }

    /// As [`backward`](Self::backward), with the gradients of weight and bias added to what the caller keeps: so that several
    /// threads can each take a part of a batch.
    pub fn slopes(
        &self,
        rows: usize,
        (input, output): (&[f32], &[f32]),
        output_slope: &mut [f32],
        (input_slope, add): (&mut Vec<f32>, bool),
        (weight, bias): (&mut [f32], &mut [f32]),
    ) {
        if self.rectified {
            for (slope, value) in output_slope.iter_mut().zip(output) {
                *slope = if *value > 0.0 { *slope } else { 0.0 };
            }
        }
        let shape = (self.inputs, rows, self.outputs);
        multiply(shape, transposed(input), plain(output_slope), weight, true);
        for row in output_slope.chunks_exact(self.outputs.max(1)) {
            bias.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
        }
        input_slope.resize(rows * self.inputs, 0.0);
        let shape = (rows, self.outputs, self.inputs);
        multiply(shape, plain(output_slope), transposed(&self.weight.values), input_slope, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_their_slow_twin() {
        let mut random = Random::new(1);
        for (rows, inner, columns) in [(1, 1, 1), (3, 5, 2), (17, 9, 33)] {
            let a: Vec<f32> = (0..rows * inner).map(|_| random.normal(1.0)).collect();
            let b: Vec<f32> = (0..inner * columns).map(|_| random.normal(1.0)).collect();
            let turn = |values: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                (0..columns)
                    .flat_map(|c| (0..rows).map(move |r| (r, c)))
                    .map(|(r, c)| values[r * columns + c])
                    .collect()
            };
            let (a_turned, b_turned) = (turn(&a, rows, inner), turn(&b, inner, columns));
            for (left, right) in [
                (plain(&a), plain(&b)),
                (transposed(&a_turned), plain(&b)),
                (plain(&a), transposed(&b_turned)),
                (transposed(&a_turned), transposed(&b_turned)),
            ] {
                let mut c = vec![1.0; rows * columns];
                multiply((rows, inner, columns), left, right, &mut c, true);
                for row in 0..rows {
                    for column in 0..columns {
                        let sum: f32 = (0..inner).map(|i| a[row * inner + i] * b[i * columns + column]).sum();
                        assert!((c[row * columns + column] - 1.0 - sum).abs() < 1e-4);
                    }
                }
            }
        }
    }
}
