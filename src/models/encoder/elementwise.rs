//! The steps that treat a number or a row by itself: exponential, GELU, layer norm, mean.
//!
//! Written as plain loops over slices that the compiler turns into vector instructions; [`vectorised!`] compiles each
//! of them three times, for AVX-512, for AVX2 and for any processor, and chooses when called. Sums run in sixteen
//! lanes, because a single running sum would have to be added in order and could not be vectorised.

/// Numbers that the loops here handle at once: one AVX-512 register.
pub(super) const LANES: usize = 16;

/// Defines a function that is compiled for several processors and picks its version when called.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn any($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $type),*) $(-> $ret)? {
                    any($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $ret)? {
                    any($($arg),*)
                }
                if $crate::models::encoder::elementwise::has_avx512() {
                    // SAFETY: the processor has the features that this version was compiled for.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            any($($arg),*)
        }
    };
}
pub(super) use vectorised;

/// Whether the AVX-512 versions may run here.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma")
}

/// e to the power of `x`, within 3e-7 of the result; 0 below -87, no more than e^88 above.
///
/// x = n ln 2 + r with n whole and |r| <= ln 2 / 2; e^r by its series to the sixth power, 2^n by the exponent's bits.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 pushes the fraction out of an f32, which rounds; the whole part stays in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with few bits, so that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-87.0, 88.0);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let series = 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r + 1.0;
    let series = series * r + 1.0;
    let exponent = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    series * f32::from_bits((exponent.wrapping_add(127) << 23) as u32)
}

/// x Φ(x), the Gaussian error linear unit, within 4e-7 near zero and 1e-6 elsewhere.
///
/// With y = erfc(|x| / √2) it is max(x, 0) - |x| y / 2; y by formula 7.1.26 of Abramowitz and Stegun.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    let (y, _) = tail(x);
    x.max(0.0) - 0.5 * x.abs() * y
}

/// erfc(|x| / √2), and exp(-x² / 2).
#[inline(always)]
fn tail(x: f32) -> (f32, f32) {
    let a = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let y = 1.061_405_4 * t - 1.453_152;
    let y = y * t + 1.421_413_8;
    let y = y * t - 0.284_496_74;
    let y = y * t + 0.254_829_6;
    let bell = exp(-a * a);
    (y * t * bell, bell)
}

/// The lanes joined by `join`, in four steps of halves.
#[inline(always)]
fn across(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *low = join(*low, *high);
        }
    }
    lanes[0]
}

/// The sum of `values`.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    across(lanes, |one, other| one + other) + rest
}

/// The sum of products of `one` and `other`.
#[inline(always)]
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = one.chunks_exact(LANES).zip(other.chunks_exact(LANES));
    let rest = one.len() / LANES * LANES;
    for (one, other) in chunks {
        for (lane, (one, other)) in lanes.iter_mut().zip(one.iter().zip(other)) {
            *lane += one * other;
        }
    }
    let rest: f32 = one.iter().zip(other).skip(rest).map(|(one, other)| one * other).sum();
    across(lanes, |one, other| one + other) + rest
}

/// Replaces `scores` by their exponentials over that of the largest, and gives the sum: softmax but for the division.
#[inline(always)]
pub(super) fn exponentials(scores: &mut [[f32; LANES]]) -> f32 {
    let mut top = [f32::NEG_INFINITY; LANES];
    for chunk in scores.iter() {
        for (top, score) in top.iter_mut().zip(chunk) {
            *top = if *score > *top { *score } else { *top };
        }
    }
    let top = across(top, |one, other| if one > other { one } else { other });
    let mut sums = [0.0; LANES];
    for chunk in scores.iter_mut() {
        for (sum, score) in sums.iter_mut().zip(chunk) {
            *score = exp(*score - top);
            *sum += *score;
        }
    }
    across(sums, |one, other| one + other)
}

vectorised! {
    /// [`gelu`] of each of `values`, in place.
    pub(super) fn gelu_all(values: &mut [f32]) {
        for value in values.iter_mut() {
            *value = gelu(*value);
        }
    }
}

/// Layer norm: mean 0 and variance 1 in each row, then a scale and a shift for each column.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Norm {
    /// Adds `added` to the rows `x` and normalises them, in place.
    pub(super) fn add_and_apply(&self, x: &mut [f32], added: &[f32]) {
        add_and_norm(x, added, self);
    }

    /// Normalises the rows `x`, in place.
    pub(super) fn apply(&self, x: &mut [f32]) {
        norm(x, self);
    }
}

vectorised! {
    fn add_and_norm(x: &mut [f32], added: &[f32], norm: &Norm) {
        let columns = norm.weight.len();
        for (row, added) in x.chunks_exact_mut(columns).zip(added.chunks_exact(columns)) {
            for (value, added) in row.iter_mut().zip(added) {
                *value += added;
            }
            norm_row(row, norm);
        }
    }
}

vectorised! {
    fn norm(x: &mut [f32], norm: &Norm) {
        for row in x.chunks_exact_mut(norm.weight.len()) {
            norm_row(row, norm);
        }
    }
}

#[inline(always)]
fn norm_row(row: &mut [f32], norm: &Norm) {
    let count = row.len() as f32;
    let mean = sum(row) / count;
    for value in row.iter_mut() {
        *value -= mean;
    }
    let mut squares = [0.0; LANES];
    for chunk in row.chunks(LANES) {
        for (square, value) in squares.iter_mut().zip(chunk) {
            *square += value * value;
        }
    }
    let scale = 1.0 / (across(squares, |one, other| one + other) / count + norm.epsilon).sqrt();
    for ((value, weight), bias) in row.iter_mut().zip(&norm.weight).zip(&norm.bias) {
        *value = *value * scale * weight + bias;
    }
}

vectorised! {
    /// The mean of the rows of `x`, scaled to unit length, into `out` (as long as a row). Gives what their sum was scaled by.
    pub(super) fn mean_to_unit(x: &[f32], out: &mut [f32]) -> f32 {
        out.fill(0.0);
        for row in x.chunks_exact(out.len()) {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum += value;
            }
        }
        // The count of rows cancels out. A zero vector has no direction and stays zero.
        let length = out.iter().map(|value| value * value).sum::<f32>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        for value in out.iter_mut() {
            *value *= scale;
        }
        scale
    }
}

vectorised! {
    /// The way back through [`mean_to_unit`]: the slope at each number of one row, from the unit vector, what it was scaled by and the
    /// slopes at it.
    pub(super) fn unit_back(unit: &[f32], scale: f32, slopes: &[f32], row: &mut [f32]) {
        let along = dot(unit, slopes);
        for ((value, unit), slope) in row.iter_mut().zip(unit).zip(slopes) {
            *value = (slope - unit * along) * scale;
        }
    }
}

vectorised! {
    /// The way back through [`gelu_all`]: `slopes` after it become slopes before it, where it was given `x`. The slope of x Φ(x) is
    /// Φ(x) + x φ(x), with Φ as in [`gelu`].
    pub(super) fn gelu_back(slopes: &mut [f32], x: &[f32]) {
        const DENSITY: f32 = 0.398_942_3;
        for (slope, x) in slopes.iter_mut().zip(x) {
            let (y, bell) = tail(*x);
            let half = 0.5 * y;
            let below = if *x < 0.0 { half } else { 1.0 - half };
            *slope *= below + x * DENSITY * bell;
        }
    }
}

vectorised! {
    /// Each row of `columns` numbers becomes its softmax.
    pub(super) fn softmax_rows(values: &mut [f32], columns: usize) {
        for row in values.chunks_exact_mut(columns) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, |one, other| if one > other { one } else { other });
            for value in row.iter_mut() {
                *value = exp(*value - top);
            }
            let scale = 1.0 / sum(row);
            for value in row.iter_mut() {
                *value *= scale;
            }
        }
    }
}

vectorised! {
    /// The way back through [`softmax_rows`]: slopes after it become slopes before it, where it gave `shares`.
    pub(super) fn softmax_back(slopes: &mut [f32], shares: &[f32], columns: usize) {
        for (slopes, shares) in slopes.chunks_exact_mut(columns).zip(shares.chunks_exact(columns)) {
            let mean = dot(slopes, shares);
            for (slope, share) in slopes.iter_mut().zip(shares) {
                *slope = (*slope - mean) * share;
            }
        }
    }
}

/// What the way back through a norm needs: the rows before scale and shift, and one over the deviation of each.
#[derive(Default)]
pub(super) struct NormTape {
    rows: Vec<f32>,
    scales: Vec<f32>,
}

impl Norm {
    /// The norm of the rows of `x` with `added`, kept for the way back.
    pub(super) fn taped(&self, x: &[f32], added: &[f32], tape: &mut NormTape) -> Vec<f32> {
        tape.rows = x.iter().zip(added).map(|(x, added)| x + added).collect();
        let columns = self.weight.len();
        tape.scales.clear();
        centre(&mut tape.rows, columns, self.epsilon, &mut tape.scales);
        let scaled = self.weight.iter().zip(&self.bias).cycle();
        tape.rows.iter().zip(scaled).map(|(value, (weight, bias))| value * weight + bias).collect()
    }

    /// Slopes after the norm become slopes before it, in place.
    pub(super) fn back(&self, tape: &NormTape, slopes: &mut [f32]) {
        norm_back(slopes, &tape.rows, &tape.scales, &self.weight);
    }
}

vectorised! {
    fn centre(rows: &mut [f32], columns: usize, epsilon: f32, scales: &mut Vec<f32>) {
        for row in rows.chunks_exact_mut(columns) {
            let mean = sum(row) / columns as f32;
            for value in row.iter_mut() {
                *value -= mean;
            }
            let scale = 1.0 / (dot(row, row) / columns as f32 + epsilon).sqrt();
            for value in row.iter_mut() {
                *value *= scale;
            }
            scales.push(scale);
        }
    }
}

vectorised! {
    fn norm_back(slopes: &mut [f32], rows: &[f32], scales: &[f32], weight: &[f32]) {
        let columns = weight.len();
        let each = slopes.chunks_exact_mut(columns).zip(rows.chunks_exact(columns)).zip(scales);
        for ((slopes, row), scale) in each {
            for (slope, weight) in slopes.iter_mut().zip(weight) {
                *slope *= weight;
            }
            let mean = sum(slopes) / columns as f32;
            let along = dot(slopes, row) / columns as f32;
            for (slope, value) in slopes.iter_mut().zip(row) {
                *slope = scale * (*slope - mean - value * along);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_close_to_the_library() {
        for step in -8700..=8800 {
            let x = step as f32 * 0.01 + 0.0037;
            let expected = f64::from(x.clamp(-87.0, 88.0)).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 3e-7, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) < 1e-37 && exp(f32::INFINITY).is_finite());
    }

    /// Φ by Simpson's rule, slow and obvious.
    fn phi(x: f64) -> f64 {
        let steps = 2000;
        let width = x / f64::from(steps);
        let density = |t: f64| (-t * t / 2.0).exp();
        let inner: f64 = (1..steps).map(|k| if k % 2 == 1 { 4.0 } else { 2.0 } * density(width * f64::from(k))).sum();
        0.5 + (density(0.0) + inner + density(x)) * width / 3.0 / std::f64::consts::TAU.sqrt()
    }

    #[test]
    fn gelu_is_close_to_the_integral() {
        for step in -80..=80 {
            let x = step as f32 * 0.1 + 0.03;
            let expected = f64::from(x) * phi(f64::from(x));
            assert!((f64::from(gelu(x)) - expected).abs() < 1e-6, "{x}: {} {expected}", gelu(x));
        }
    }

    #[test]
    fn exponentials_are_relative_to_the_largest() {
        let mut scores = [[f32::NEG_INFINITY; LANES]; 2];
        scores[0][3] = 500.0;
        scores[1][9] = 499.0;
        scores[1][15] = -500.0;
        let sum = exponentials(&mut scores);
        assert!((sum - 1.0 - (-1f32).exp()).abs() < 1e-6);
        assert_eq!((scores[0][3], scores[1][9]), (1.0, exp(-1.0)));
        assert!(scores[1][15] < 1e-37 && scores[0][0] < 1e-37);
    }

    #[test]
    fn norm_gives_mean_zero_and_variance_one() {
        let norm = Norm { weight: vec![1.0; 50], bias: vec![0.0; 50], epsilon: 1e-12 };
        let mut x: Vec<f32> = (0..100).map(|k| (k * 37 % 41) as f32).collect();
        norm.apply(&mut x);
        for row in x.chunks(50) {
            assert!(sum(row).abs() < 1e-4);
            assert!((row.iter().map(|v| v * v).sum::<f32>() / 50.0 - 1.0).abs() < 1e-4);
        }
    }
}
