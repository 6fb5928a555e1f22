//! JPEG: baseline, extended and progressive, of eight bits and Huffman codes (ITU-T T.81), at the size that is wanted.
//!
//! A large picture is read at an eighth: of each block of 8 by 8 only its mean is kept, which is what the first coefficient says. So a
//! scan of other coefficients is passed over, and memory is bounded by the small picture.

use super::bits::{Bits, Huffman};
use super::{Picture, SIDE_ENOUGH, Trouble, must_be_bounded};

/// Where the coefficients of a block stand, in the order in which they are written.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// One of the planes.
struct Component {
    id: u8,
    across: usize,
    down: usize,
    quantum: usize,
    /// Blocks in a row and in a column, whole units of all planes.
    blocks_across: usize,
    blocks_down: usize,
    /// Blocks of the picture itself.
    own_across: usize,
    own_down: usize,
    /// 64 for each block, or the first alone.
    coefficients: Vec<i16>,
    before: i32,
}

struct Frame {
    width: usize,
    height: usize,
    progressive: bool,
    /// The means alone are kept.
    means: bool,
    units_across: usize,
    units_down: usize,
    most_across: usize,
    most_down: usize,
    components: Vec<Component>,
}

/// One scan's share of the coefficients.
struct Scan {
    /// Places of the components, with their tables.
    parts: Vec<(usize, usize, usize)>,
    from: usize,
    to: usize,
    high: u32,
    low: u32,
}

struct Jpeg<'a> {
    data: &'a [u8],
    at: usize,
    quanta: [Option<[u16; 64]>; 4],
    means_codes: [Option<Huffman>; 4],
    codes: [Option<Huffman>; 4],
    restart: usize,
    frame: Option<Frame>,
    /// What Adobe's marker says of the colours.
    adobe: Option<u8>,
    scans: usize,
}

/// Scans of a picture: a file of a hundred thousand would be read for ever.
const SCANS_MAX: usize = 200;

/// Reads a picture.
pub(super) fn read(data: &[u8]) -> Result<Picture, Trouble> {
    let none = || std::array::from_fn(|_| None);
    let mut jpeg = Jpeg {
        data,
        at: 2,
        quanta: [None; 4],
        means_codes: none(),
        codes: none(),
        restart: 0,
        frame: None,
        adobe: None,
        scans: 0,
    };
    while jpeg.segment()? {}
    match jpeg.frame.take() {
        Some(frame) if jpeg.scans > 0 => frame.picture(&jpeg.quanta, jpeg.adobe),
        _ => Err(Trouble::Damaged),
    }
}

impl<'a> Jpeg<'a> {
    fn byte(&mut self) -> Result<u8, Trouble> {
        let byte = self.data.get(self.at).copied().ok_or(Trouble::Damaged)?;
        self.at += 1;
        Ok(byte)
    }

    /// Reads up to the next marker and what belongs to it; false at the end of the picture.
    fn segment(&mut self) -> Result<bool, Trouble> {
        let marker = loop {
            // Some end without saying so.
            while self.at < self.data.len() && self.data[self.at] != 0xff {
                self.at += 1;
            }
            if self.at >= self.data.len() && self.scans > 0 {
                return Ok(false);
            }
            self.at += 1;
            match self.byte()? {
                0xff => self.at -= 1,
                0 | 0x01 | 0xd0..=0xd7 => {}
                marker => break marker,
            }
        };
        match marker {
            0xd8 => return Ok(true),
            0xd9 => return Ok(false),
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let body = self.data.get(self.at..self.at + length.saturating_sub(2)).ok_or(Trouble::Damaged)?;
        self.at += body.len();
        match marker {
            0xc4 => self.tables(body)?,
            0xdb => self.quanta(body)?,
            0xc0..=0xc2 => self.frame(body, marker == 0xc2)?,
            0xc3 | 0xc5..=0xcf => return Err(Trouble::NotRead("lossless or arithmetic JPEG")),
            0xdd => self.restart = usize::from(u16::from_be_bytes([*get(body, 0)?, *get(body, 1)?])),
            0xee if body.starts_with(b"Adobe") => self.adobe = body.get(11).copied(),
            0xda => {
                self.scans += 1;
                if self.scans > SCANS_MAX {
                    return Err(Trouble::Damaged);
                }
                self.scan(body)?;
            }
            _ => {}
        }
        Ok(true)
    }

    fn tables(&mut self, mut body: &[u8]) -> Result<(), Trouble> {
        while let Some((&which, rest)) = body.split_first() {
            let counts: &[u8; 16] = rest.first_chunk().ok_or(Trouble::Damaged)?;
            let values = &rest[16..];
            let table = Huffman::new(counts, values)?;
            let into = if which >> 4 == 0 { &mut self.means_codes } else { &mut self.codes };
            *into.get_mut(usize::from(which & 15)).ok_or(Trouble::Damaged)? = Some(table);
            let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
            body = values.get(total..).ok_or(Trouble::Damaged)?;
        }
        Ok(())
    }

    fn quanta(&mut self, mut body: &[u8]) -> Result<(), Trouble> {
        while let Some((&which, rest)) = body.split_first() {
            let bytes = if which >> 4 == 0 { 1 } else { 2 };
            let written = rest.get(..64 * bytes).ok_or(Trouble::Damaged)?;
            let mut table = [0; 64];
            for (at, number) in written.chunks(bytes).enumerate() {
                table[ZIGZAG[at]] = number.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            *self.quanta.get_mut(usize::from(which & 15)).ok_or(Trouble::Damaged)? = Some(table);
            body = &rest[64 * bytes..];
        }
        Ok(())
    }

    fn frame(&mut self, body: &[u8], progressive: bool) -> Result<(), Trouble> {
        let &[depth, h1, h0, w1, w0, count, ref rest @ ..] = body else { return Err(Trouble::Damaged) };
        if depth != 8 {
            return Err(Trouble::NotRead("JPEG of twelve bits"));
        }
        let (height, width) = (usize::from(u16::from_be_bytes([h1, h0])), usize::from(u16::from_be_bytes([w1, w0])));
        if self.frame.is_some() || width == 0 || height == 0 || !matches!(count, 1 | 3 | 4) {
            return Err(Trouble::Damaged);
        }
        must_be_bounded(width, height)?;
        let written = rest.get(..3 * usize::from(count)).ok_or(Trouble::Damaged)?;
        let factors = written.chunks(3).map(|part| (usize::from(part[1] >> 4), usize::from(part[1] & 15)));
        let factors: Vec<(usize, usize)> = factors.collect();
        if factors.iter().any(|(across, down)| !(1..=4).contains(across) || !(1..=4).contains(down)) {
            return Err(Trouble::Damaged);
        }
        let most_across = factors.iter().map(|(across, _)| *across).max().unwrap_or(1);
        let most_down = factors.iter().map(|(_, down)| *down).max().unwrap_or(1);
        let (units_across, units_down) = (width.div_ceil(8 * most_across), height.div_ceil(8 * most_down));
        let means = width.max(height) >= 8 * SIDE_ENOUGH;
        let component = |(part, (across, down)): (&[u8], (usize, usize))| {
            let (blocks_across, blocks_down) = (units_across * across, units_down * down);
            let kept = if means { 1 } else { 64 };
            Component {
                id: part[0],
                across,
                down,
                quantum: usize::from(part[2]),
                blocks_across,
                blocks_down,
                own_across: (width * across).div_ceil(most_across).div_ceil(8),
                own_down: (height * down).div_ceil(most_down).div_ceil(8),
                coefficients: vec![0; blocks_across * blocks_down * kept],
                before: 0,
            }
        };
        let components = written.chunks(3).zip(factors).map(component).collect();
        self.frame = Some(Frame {
            width,
            height,
            progressive,
            means,
            units_across,
            units_down,
            most_across,
            most_down,
            components,
        });
        Ok(())
    }

    fn scan(&mut self, body: &[u8]) -> Result<(), Trouble> {
        let frame = self.frame.as_mut().ok_or(Trouble::Damaged)?;
        let count = usize::from(*get(body, 0)?);
        let mut parts = Vec::new();
        for part in body.get(1..1 + 2 * count).ok_or(Trouble::Damaged)?.chunks(2) {
            let at = frame.components.iter().position(|component| component.id == part[0]).ok_or(Trouble::Damaged)?;
            parts.push((at, usize::from(part[1] >> 4), usize::from(part[1] & 15)));
        }
        let &[from, to, bits] = body.get(1 + 2 * count..4 + 2 * count).ok_or(Trouble::Damaged)? else {
            return Err(Trouble::Damaged);
        };
        let scan = match frame.progressive {
            true => Scan { parts, from: from.into(), to: to.into(), high: (bits >> 4).into(), low: (bits & 15).into() },
            false => Scan { parts, from: 0, to: 63, high: 0, low: 0 },
        };
        if scan.parts.is_empty() || scan.from > scan.to || scan.to > 63 || scan.low > 13 {
            return Err(Trouble::Damaged);
        }
        // Of a large picture the means are all that is wanted.
        if frame.means && scan.from > 0 {
            return Ok(());
        }
        frame.components.iter_mut().for_each(|component| component.before = 0);
        let mut bits = Bits::new(self.data, self.at);
        let (mut run, mut since) = (0u32, 0usize);
        let alone = match scan.parts.as_slice() {
            [(at, ..)] => Some((frame.components[*at].own_across, frame.components[*at].own_down)),
            _ => None,
        };
        let (across, down) = alone.unwrap_or((frame.units_across, frame.units_down));
        for unit in 0..across * down {
            if self.restart > 0 && since == self.restart {
                bits.restart()?;
                frame.components.iter_mut().for_each(|component| component.before = 0);
                (run, since) = (0, 0);
            }
            since += 1;
            let (x, y) = (unit % across, unit / across);
            for &(at, means_table, table) in &scan.parts {
                let component = &mut frame.components[at];
                let (wide, high) = if alone.is_some() { (1, 1) } else { (component.across, component.down) };
                for inner in 0..wide * high {
                    let block = (y * high + inner / wide) * component.blocks_across + x * wide + inner % wide;
                    let tables = (self.means_codes.get(means_table), self.codes.get(table));
                    let tables = (tables.0.and_then(Option::as_ref), tables.1.and_then(Option::as_ref));
                    match frame.progressive {
                        true => progressive(&mut bits, component, block, &scan, tables, frame.means, &mut run)?,
                        false => sequential(&mut bits, component, block, tables, frame.means)?,
                    }
                }
            }
        }
        Ok(())
    }
}

fn get(bytes: &[u8], at: usize) -> Result<&u8, Trouble> {
    bytes.get(at).ok_or(Trouble::Damaged)
}

type Tables<'t> = (Option<&'t Huffman>, Option<&'t Huffman>);

/// The next mean (T.81, F.2.2.1).
fn mean(bits: &mut Bits<'_>, component: &mut Component, table: Option<&Huffman>) -> Result<i32, Trouble> {
    let length = bits.code(table.ok_or(Trouble::Damaged)?)?;
    if length > 15 {
        return Err(Trouble::Damaged);
    }
    component.before = component.before.wrapping_add(bits.signed(length.into())?);
    Ok(component.before)
}

fn sequential(
    bits: &mut Bits<'_>,
    component: &mut Component,
    block: usize,
    (means_table, table): Tables<'_>,
    means: bool,
) -> Result<(), Trouble> {
    let mean = mean(bits, component, means_table)?;
    let kept = if means { 1 } else { 64 };
    let block = &mut component.coefficients[block * kept..(block + 1) * kept];
    block[0] = mean as i16;
    let table = table.ok_or(Trouble::Damaged)?;
    let mut at = 1;
    while at < 64 {
        let code = bits.code(table)?;
        let (zeros, length) = (usize::from(code >> 4), u32::from(code & 15));
        match (zeros, length) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ => {
                at += zeros;
                let value = bits.signed(length)?;
                let place = *ZIGZAG.get(at).ok_or(Trouble::Damaged)?;
                if !means {
                    block[place] = value as i16;
                }
                at += 1;
            }
        }
    }
    Ok(())
}

/// A block's share of a progressive scan (T.81, G.1.2).
fn progressive(
    bits: &mut Bits<'_>,
    component: &mut Component,
    block: usize,
    scan: &Scan,
    (means_table, table): Tables<'_>,
    means: bool,
    run: &mut u32,
) -> Result<(), Trouble> {
    let kept = if means { 1 } else { 64 };
    if scan.from == 0 {
        let value = match scan.high {
            0 => mean(bits, component, means_table)? << scan.low,
            _ => i32::from(component.coefficients[block * kept]) | (bits.take(1)? as i32) << scan.low,
        };
        component.coefficients[block * kept] = value as i16;
        return Ok(());
    }
    let block = &mut component.coefficients[block * kept..(block + 1) * kept];
    let table = table.ok_or(Trouble::Damaged)?;
    match scan.high {
        0 => first_pass(bits, block, scan, table, run),
        _ => refinement(bits, block, scan, table, run),
    }
}

fn first_pass(
    bits: &mut Bits<'_>,
    block: &mut [i16],
    scan: &Scan,
    table: &Huffman,
    run: &mut u32,
) -> Result<(), Trouble> {
    if *run > 0 {
        *run -= 1;
        return Ok(());
    }
    let mut at = scan.from;
    while at <= scan.to {
        let code = bits.code(table)?;
        let (zeros, length) = (usize::from(code >> 4), u32::from(code & 15));
        match (zeros, length) {
            (15, 0) => at += 16,
            (_, 0) => {
                *run = (1 << zeros) - 1 + bits.take(zeros as u32)?;
                break;
            }
            _ => {
                at += zeros;
                let value = bits.signed(length)? << scan.low;
                block[*ZIGZAG.get(at).ok_or(Trouble::Damaged)?] = value as i16;
                at += 1;
            }
        }
    }
    Ok(())
}

fn refinement(
    bits: &mut Bits<'_>,
    block: &mut [i16],
    scan: &Scan,
    table: &Huffman,
    run: &mut u32,
) -> Result<(), Trouble> {
    let one = 1i16 << scan.low;
    let refine = |bits: &mut Bits<'_>, value: &mut i16| -> Result<(), Trouble> {
        if bits.take(1)? == 1 && *value & one == 0 {
            *value = value.wrapping_add(if *value > 0 { one } else { -one });
        }
        Ok(())
    };
    let mut at = scan.from;
    if *run == 0 {
        while at <= scan.to {
            let code = bits.code(table)?;
            let (mut zeros, length) = (u32::from(code >> 4), code & 15);
            let new = match (zeros, length) {
                (15, 0) => 0,
                (_, 0) => {
                    *run = (1 << zeros) + bits.take(zeros)?;
                    break;
                }
                _ if bits.take(1)? == 1 => one,
                _ => -one,
            };
            while at <= scan.to {
                let value = &mut block[ZIGZAG[at]];
                at += 1;
                if *value != 0 {
                    refine(bits, value)?;
                } else if zeros == 0 {
                    *value = new;
                    break;
                } else {
                    zeros -= 1;
                }
            }
        }
    }
    if *run > 0 {
        for place in ZIGZAG.get(at..=scan.to).unwrap_or_default() {
            if block[*place] != 0 {
                refine(bits, &mut block[*place])?;
            }
        }
        *run -= 1;
    }
    Ok(())
}

/// A component's values.
struct Plane {
    across: usize,
    values: Vec<u8>,
}

impl Component {
    fn plane(&self, quanta: &[Option<[u16; 64]>; 4], means: bool) -> Result<Plane, Trouble> {
        let quantum = quanta.get(self.quantum).and_then(Option::as_ref).ok_or(Trouble::Damaged)?;
        let level = |value: f32| (value + 128.0).round().clamp(0.0, 255.0) as u8;
        if means {
            let values = self.coefficients.iter().map(|mean| level(f32::from(*mean) * f32::from(quantum[0]) / 8.0));
            return Ok(Plane { across: self.blocks_across, values: values.collect() });
        }
        let across = self.blocks_across * 8;
        let mut values = vec![0; across * self.blocks_down * 8];
        let cosines = cosines();
        for (at, block) in self.coefficients.chunks(64).enumerate() {
            let (x, y) = (at % self.blocks_across * 8, at / self.blocks_across * 8);
            let spread = spread(block, quantum, &cosines);
            for (row, line) in spread.chunks(8).enumerate() {
                let into = &mut values[(y + row) * across + x..][..8];
                into.iter_mut().zip(line).for_each(|(into, value)| *into = level(*value));
            }
        }
        Ok(Plane { across, values })
    }
}

/// `cos((2x + 1) u pi / 16) c(u) / 2`, by x and u.
fn cosines() -> [[f32; 8]; 8] {
    std::array::from_fn(|x| {
        std::array::from_fn(|u| {
            let scale = if u == 0 { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 };
            ((2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0).cos() * scale / 2.0
        })
    })
}

/// The inverse cosine transform of a block (T.81, A.3.3).
fn spread(block: &[i16], quantum: &[u16; 64], cosines: &[[f32; 8]; 8]) -> [f32; 64] {
    let mut rows = [0.0; 64];
    let mut out = [0.0; 64];
    for v in 0..8 {
        let line: [f32; 8] = std::array::from_fn(|u| f32::from(block[v * 8 + u]) * f32::from(quantum[v * 8 + u]));
        if line.iter().all(|value| *value == 0.0) {
            continue;
        }
        for x in 0..8 {
            rows[v * 8 + x] = (0..8).map(|u| line[u] * cosines[x][u]).sum();
        }
    }
    for y in 0..8 {
        for x in 0..8 {
            out[y * 8 + x] = (0..8).map(|v| rows[v * 8 + x] * cosines[y][v]).sum();
        }
    }
    out
}

impl Frame {
    fn picture(&self, quanta: &[Option<[u16; 64]>; 4], adobe: Option<u8>) -> Result<Picture, Trouble> {
        let planes = self.components.iter().map(|component| component.plane(quanta, self.means));
        let planes = planes.collect::<Result<Vec<_>, _>>()?;
        let (width, height) = match self.means {
            true => (self.width.div_ceil(8), self.height.div_ceil(8)),
            false => (self.width, self.height),
        };
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        let is_rgb = adobe == Some(0) || (adobe.is_none() && ids == *b"RGB");
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                let sample = |at: usize| {
                    let (component, plane) = (&self.components[at], &planes[at]);
                    let (px, py) = (x * component.across / self.most_across, y * component.down / self.most_down);
                    plane.values[py * plane.across + px]
                };
                rgb.extend(match planes.len() {
                    1 => [sample(0); 3],
                    3 if is_rgb => [sample(0), sample(1), sample(2)],
                    3 => coloured(sample(0), sample(1), sample(2)),
                    // Adobe writes inks upside down.
                    _ => {
                        let inks = match adobe {
                            Some(2) => coloured(sample(0), sample(1), sample(2)),
                            _ => [sample(0), sample(1), sample(2)],
                        };
                        let black = u16::from(sample(3));
                        inks.map(|ink| (u16::from(ink) * black / 255) as u8)
                    }
                });
            }
        }
        Ok(Picture { width, height, rgb })
    }
}

/// Luminance and colour differences as red, green and blue (JFIF).
fn coloured(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let level = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    [level(y + 1.402 * cr), level(y - 0.344_136 * cb - 0.714_136 * cr), level(y + 1.772 * cb)]
}
