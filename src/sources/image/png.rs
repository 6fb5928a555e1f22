//! PNG of every colour type and depth, row by row (ISO/IEC 15948).

use super::{Picture, Shrinking, Trouble, must_be_bounded, must_be_kept, over_white};
use libflate::zlib::Decoder;
use std::io::Read;

/// Where the passes of an interlaced picture begin, and their steps: across, down.
const PASSES: [(usize, usize, usize, usize); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

struct Header {
    width: usize,
    height: usize,
    depth: usize,
    colour: u8,
    interlaced: bool,
}

impl Header {
    fn channels(&self) -> usize {
        match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        }
    }

    fn row_bytes(&self, width: usize) -> usize {
        (width * self.depth * self.channels()).div_ceil(8)
    }
}

/// What colours mean beside the pixels.
#[derive(Default)]
struct Colours {
    palette: Vec<[u8; 3]>,
    /// tRNS: alphas of the palette, or the one colour that is transparent.
    transparent: Vec<u8>,
}

/// Reads a picture.
pub(super) fn read(data: &[u8]) -> Result<Picture, Trouble> {
    let mut chunks = Chunks { data: data.get(8..).ok_or(Trouble::Damaged)? };
    let (kind, body) = chunks.next().ok_or(Trouble::Damaged)?;
    let header = header(body).filter(|_| kind == b"IHDR").ok_or(Trouble::Damaged)?;
    must_be_bounded(header.width, header.height)?;
    let mut colours = Colours::default();
    let mut packed: Vec<&[u8]> = Vec::new();
    for (kind, body) in chunks {
        match kind {
            b"PLTE" => colours.palette = body.chunks_exact(3).map(|colour| [colour[0], colour[1], colour[2]]).collect(),
            b"tRNS" => colours.transparent = body.to_vec(),
            b"IDAT" => packed.push(body),
            b"IEND" => break,
            _ => {}
        }
    }
    let mut rows = Rows::new(Decoder::new(Joined(packed)).map_err(|_| Trouble::Damaged)?, &header);
    if header.interlaced {
        return interlaced(&header, &colours, &mut rows);
    }
    let mut picture = Shrinking::new(header.width, header.height);
    for _ in 0..header.height {
        let row = rows.next(header.row_bytes(header.width))?;
        picture.row((0..header.width).map(|x| pixel(&header, &colours, row, x)));
    }
    Ok(picture.end())
}

fn header(body: &[u8]) -> Option<Header> {
    let number = |at: usize| body.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let &[depth, colour, 0, 0, interlaced @ (0 | 1)] = body.get(8..13)? else { return None };
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => return None,
    };
    let header =
        Header { width: number(0)?, height: number(4)?, depth: depth.into(), colour, interlaced: interlaced == 1 };
    depths.contains(&depth).then_some(header)
}

fn interlaced(header: &Header, colours: &Colours, rows: &mut Rows<impl Read>) -> Result<Picture, Trouble> {
    must_be_kept(header.width, header.height)?;
    let mut rgb = vec![0; header.width * header.height * 3];
    for (left, top, across, down) in PASSES {
        let (width, height) =
            (header.width.saturating_sub(left).div_ceil(across), header.height.saturating_sub(top).div_ceil(down));
        rows.begin();
        for line in 0..if width > 0 { height } else { 0 } {
            let row = rows.next(header.row_bytes(width))?;
            for x in 0..width {
                let at = ((top + line * down) * header.width + left + x * across) * 3;
                rgb[at..at + 3].copy_from_slice(&pixel(header, colours, row, x));
            }
        }
    }
    let mut picture = Shrinking::new(header.width, header.height);
    rgb.chunks(header.width * 3)
        .for_each(|row| picture.row(row.chunks(3).map(|colour| [colour[0], colour[1], colour[2]])));
    Ok(picture.end())
}

fn pixel(header: &Header, colours: &Colours, row: &[u8], x: usize) -> [u8; 3] {
    let channels = header.channels();
    // The sample as it is written, and as eight bits.
    let written = |channel: usize| -> u16 {
        let at = x * channels + channel;
        match header.depth {
            16 => u16::from_be_bytes([row[at * 2], row[at * 2 + 1]]),
            8 => row[at].into(),
            depth => {
                let bit = at * depth;
                (row[bit / 8] >> (8 - depth - bit % 8) & ((1 << depth) - 1)).into()
            }
        }
    };
    let level = |sample: u16| match header.depth {
        16 => (sample >> 8) as u8,
        depth => (u32::from(sample) * 255 / ((1 << depth) - 1)) as u8,
    };
    let is_transparent = |samples: &[u16]| {
        let told = colours.transparent.chunks(2).map(|pair| pair.iter().fold(0, |n, byte| n << 8 | u16::from(*byte)));
        !colours.transparent.is_empty() && told.eq(samples.iter().copied())
    };
    let (colour, alpha) = match header.colour {
        3 => {
            let at = usize::from(written(0));
            let colour = colours.palette.get(at).copied().unwrap_or_default();
            (colour, colours.transparent.get(at).copied().unwrap_or(255))
        }
        0 => ([level(written(0)); 3], if is_transparent(&[written(0)]) { 0 } else { 255 }),
        4 => ([level(written(0)); 3], level(written(1))),
        _ => {
            let samples = [written(0), written(1), written(2)];
            let alpha = match header.colour {
                6 => level(written(3)),
                _ if is_transparent(&samples) => 0,
                _ => 255,
            };
            (samples.map(level), alpha)
        }
    };
    if alpha == 255 { colour } else { over_white(colour, alpha) }
}

/// The chunks of a file, up to where it is cut off.
struct Chunks<'a> {
    data: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = u32::from_be_bytes(*self.data.first_chunk()?) as usize;
        let kind = self.data.get(4..)?.first_chunk()?;
        let body = self.data.get(8..8 + length)?;
        self.data = self.data.get(12 + length..).unwrap_or_default();
        Some((kind, body))
    }
}

/// Parts of packed data, one behind the other.
struct Joined<'a>(Vec<&'a [u8]>);

impl Read for Joined<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(first) = self.0.first_mut() {
            let count = first.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.0.remove(0);
        }
        Ok(0)
    }
}

/// Rows as they are once their filters are undone (section 9).
struct Rows<R> {
    packed: R,
    before: Vec<u8>,
    row: Vec<u8>,
    /// Bytes between a sample and the one on its left.
    step: usize,
}

impl<R: Read> Rows<R> {
    fn new(packed: R, header: &Header) -> Self {
        let step = (header.depth * header.channels()).div_ceil(8);
        Self { packed, before: Vec::new(), row: Vec::new(), step }
    }

    /// The next row is the first one of a pass.
    fn begin(&mut self) {
        self.row.clear();
    }

    fn next(&mut self, bytes: usize) -> Result<&[u8], Trouble> {
        std::mem::swap(&mut self.before, &mut self.row);
        self.before.resize(bytes, 0);
        self.row.resize(bytes, 0);
        let mut filter = [0];
        self.packed.read_exact(&mut filter).map_err(|_| Trouble::Damaged)?;
        self.packed.read_exact(&mut self.row).map_err(|_| Trouble::Damaged)?;
        for at in 0..bytes {
            let left = at.checked_sub(self.step).map_or(0, |at| self.row[at]);
            let (up, corner) = (self.before[at], at.checked_sub(self.step).map_or(0, |at| self.before[at]));
            let guess = match filter[0] {
                0 => break,
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => nearest(left, up, corner),
                _ => return Err(Trouble::Damaged),
            };
            self.row[at] = self.row[at].wrapping_add(guess);
        }
        Ok(&self.row)
    }
}

/// Paeth's predictor.
fn nearest(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let guess = a + b - c;
    let (to_a, to_b, to_c) = ((guess - a).abs(), (guess - b).abs(), (guess - c).abs());
    match () {
        () if to_a <= to_b && to_a <= to_c => left,
        () if to_b <= to_c => up,
        () => corner,
    }
}
