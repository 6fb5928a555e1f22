//! Pictures, as far as it takes to tell what they look like: decoded, small.
//!
//! [`read`] gives a [`Picture`] of PNG, JPEG, GIF (the first frame) and BMP. A picture that is large is made small while it is read, so
//! that neither its dimensions nor what it is packed with can draw much memory: at most [`PIXELS_MAX`] pixels are read, and about
//! [`SIDE_ENOUGH`]` * 8` by as many are kept. Transparent parts are white. [`phash()`] tells pictures that look alike, [`thumbnail()`] shows one.
//! Nothing here knows of sources or errors of the house; [`Trouble`] says why there is no picture.

mod bits;
mod bmp;
mod gif;
mod jpeg;
mod phash;
mod png;
mod resample;
mod thumbnail;

pub use phash::{distance, phash};
pub use thumbnail::thumbnail;

/// Pixels of a picture that is read.
pub const PIXELS_MAX: usize = 100_000_000;
/// Pixels of a picture that must be kept whole to be read (interlaced PNG, GIF).
const PIXELS_WHOLE_MAX: usize = 25_000_000;
/// What the longer side of a picture has at least after it was made small.
const SIDE_ENOUGH: usize = 128;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It has more pixels than are read.
    TooLarge,
    /// Of a kind that is not read.
    NotRead(&'static str),
    /// Cut off, or not what it says.
    Damaged,
}

/// A picture of 8 bits a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

/// Reads a picture of this format, as it is called by its first bytes.
pub fn read(format: &str, data: &[u8]) -> Result<Picture, Trouble> {
    match format {
        "jpeg" => jpeg::read(data),
        "png" => png::read(data),
        "gif" => gif::read(data),
        "bmp" => bmp::read(data),
        "webp" => Err(Trouble::NotRead("WebP")),
        "tiff" => Err(Trouble::NotRead("TIFF")),
        "avif" | "heif" | "heic" => Err(Trouble::NotRead("HEIF and AVIF")),
        "svg" => Err(Trouble::NotRead("SVG")),
        _ => Err(Trouble::Damaged),
    }
}

fn must_be_bounded(width: usize, height: usize) -> Result<(), Trouble> {
    match width.checked_mul(height) {
        Some(1..=PIXELS_MAX) => Ok(()),
        Some(0) => Err(Trouble::Damaged),
        _ => Err(Trouble::TooLarge),
    }
}

fn must_be_kept(width: usize, height: usize) -> Result<(), Trouble> {
    must_be_bounded(width, height)?;
    if width * height > PIXELS_WHOLE_MAX { Err(Trouble::TooLarge) } else { Ok(()) }
}

/// A colour over white.
fn over_white(colour: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u16::from(alpha);
    colour.map(|level| ((u16::from(level) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

/// Makes a picture small while its rows come: each pixel that is kept is the mean of a square.
struct Shrinking {
    width: usize,
    /// Pixels of the square's side.
    side: usize,
    kept: usize,
    sums: Vec<u32>,
    rows: usize,
    rgb: Vec<u8>,
}

impl Shrinking {
    fn new(width: usize, height: usize) -> Self {
        // The sums of a square of 4096 levels fit 32 bits by far.
        let side = (width.max(height) / (8 * SIDE_ENOUGH)).clamp(1, 4096);
        let kept = width.div_ceil(side);
        Self { width, side, kept, sums: vec![0; kept * 3], rows: 0, rgb: Vec::new() }
    }

    /// Adds a row of so many pixels.
    fn row(&mut self, pixels: impl Iterator<Item = [u8; 3]>) {
        for (x, colour) in pixels.take(self.width).enumerate() {
            let into = &mut self.sums[x / self.side * 3..][..3];
            into.iter_mut().zip(colour).for_each(|(sum, level)| *sum += u32::from(level));
        }
        self.rows += 1;
        if self.rows == self.side {
            self.end_square();
        }
    }

    fn end_square(&mut self) {
        for at in 0..self.kept {
            let across = self.side.min(self.width - at * self.side);
            let pixels = (across * self.rows).max(1) as u32;
            self.rgb.extend(self.sums[at * 3..at * 3 + 3].iter().map(|sum| ((sum + pixels / 2) / pixels) as u8));
        }
        self.sums.fill(0);
        self.rows = 0;
    }

    fn end(mut self) -> Picture {
        if self.rows > 0 {
            self.end_square();
        }
        Picture { width: self.kept, height: self.rgb.len() / (self.kept * 3), rgb: self.rgb }
    }
}

#[cfg(test)]
mod tests;
