//! The perceptual hash by the cosine transform (Zauner, *Implementation and Benchmarking of Perceptual Image Hash Functions*, 2010), bit
//! for bit in the order of the library imagehash, so that its hashes can be compared with these.
//!
//! The picture in grey is made 32 by 32 pixels; of its transform the 8 by 8 lowest frequencies are kept, and each gives a bit: whether it
//! is above their median. Scaling, compression and a little retouching change few bits; two pictures that have nothing to do with each
//! other differ in about half of the 64.

use super::Picture;
use super::resample::resized;

/// Pixels of a side before the transform.
const SIDE: usize = 32;
/// What a frequency that is not there has by the way it is reckoned: a picture of one colour has no others.
const NOISE: f64 = 1e-6;
/// Frequencies that are kept, of each direction.
const KEPT: usize = 8;

/// The hash of a picture; the first bit, the mean, is the highest.
pub fn phash(picture: &Picture) -> u64 {
    // ITU-R 601-2.
    let grey: Vec<u8> = picture
        .rgb
        .chunks(3)
        .map(|c| ((u32::from(c[0]) * 19595 + u32::from(c[1]) * 38470 + u32::from(c[2]) * 7471 + 0x8000) >> 16) as u8)
        .collect();
    let small = resized(&grey, 1, (picture.width, picture.height), (SIDE, SIDE));
    let cosine = |frequency: usize, at: usize| {
        (std::f64::consts::PI * frequency as f64 * (2 * at + 1) as f64 / (2 * SIDE) as f64).cos()
    };
    // By columns, then by rows.
    let columns: Vec<f64> = (0..KEPT * SIDE)
        .map(|n| (0..SIDE).map(|y| f64::from(small[y * SIDE + n % SIDE]) * cosine(n / SIDE, y)).sum())
        .collect();
    let kept: Vec<f64> =
        (0..KEPT * KEPT).map(|n| (0..SIDE).map(|x| columns[n / KEPT * SIDE + x] * cosine(n % KEPT, x)).sum()).collect();
    let mut sorted = kept.clone();
    sorted.sort_by(f64::total_cmp);
    let median = (sorted[KEPT * KEPT / 2 - 1] + sorted[KEPT * KEPT / 2]) / 2.0;
    kept.iter().fold(0, |hash, value| hash << 1 | u64::from(*value - median > NOISE))
}

/// In how many bits two hashes differ, of 64.
pub fn distance(left: u64, right: u64) -> u32 {
    (left ^ right).count_ones()
}
