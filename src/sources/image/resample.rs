//! A picture at another size, by Lanczos' filter of three lobes, wide enough that nothing is left out.

/// Lobes of the filter.
const LOBES: f64 = 3.0;

/// Resamples `channels` values a pixel to `to` pixels across and down.
pub(super) fn resized(values: &[u8], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    let across = weights(from.0, to.0);
    let mut middle = Vec::with_capacity(to.0 * from.1 * channels);
    for row in values.chunks(from.0 * channels) {
        for (first, weights) in &across {
            for channel in 0..channels {
                let part = weights.iter().enumerate();
                let sum: f64 =
                    part.map(|(at, weight)| weight * f64::from(row[(first + at) * channels + channel])).sum();
                middle.push(level(sum));
            }
        }
    }
    let line = to.0 * channels;
    let mut out = Vec::with_capacity(line * to.1);
    for (first, weights) in weights(from.1, to.1) {
        for at in 0..line {
            let part = weights.iter().enumerate();
            out.push(level(part.map(|(row, weight)| weight * f64::from(middle[(first + row) * line + at])).sum()));
        }
    }
    out
}

fn level(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// For each pixel that is made the first one it is made of, and their weights.
fn weights(from: usize, to: usize) -> Vec<(usize, Vec<f64>)> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let reach = LOBES * stretch;
    let one = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..end).map(|x| lanczos((x as f64 - centre + 0.5) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.iter().map(|weight| weight / sum).collect())
    };
    (0..to).map(one).collect()
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    if x.abs() < LOBES { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}
