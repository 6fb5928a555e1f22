//! The first frame of a GIF (GIF89a).

use super::{Picture, Shrinking, Trouble, must_be_kept};

/// Codes of twelve bits.
const CODES: usize = 4096;

/// Reads a picture.
pub(super) fn read(data: &[u8]) -> Result<Picture, Trouble> {
    let mut data = Bytes(data.get(6..).ok_or(Trouble::Damaged)?);
    let (width, height) = (data.short()?, data.short()?);
    must_be_kept(width, height)?;
    let flags = data.byte()?;
    data.take(2)?;
    let common = if flags & 0x80 != 0 { data.take(3 << ((flags & 7) + 1))? } else { &[] };
    let mut transparent = None;
    loop {
        match data.byte()? {
            // An extension; one of them tells which colour is transparent.
            0x21 => {
                let kind = data.byte()?;
                let first = data.block()?;
                if let (0xf9, &[flags, _, _, colour]) = (kind, first) {
                    transparent = (flags & 1 == 1).then_some(colour);
                }
                if !first.is_empty() {
                    while !data.block()?.is_empty() {}
                }
            }
            0x2c => break,
            _ => return Err(Trouble::Damaged),
        }
    }
    let (left, top, across, down) = (data.short()?, data.short()?, data.short()?, data.short()?);
    must_be_kept(across, down)?;
    let flags = data.byte()?;
    let palette = if flags & 0x80 != 0 { data.take(3 << ((flags & 7) + 1))? } else { common };
    let bits = data.byte()?;
    let mut packed = Vec::new();
    loop {
        match data.block() {
            Ok([]) => break,
            Ok(block) => packed.extend_from_slice(block),
            Err(trouble) => return Err(trouble),
        }
    }
    let pixels = unpacked(&packed, bits, across * down)?;
    let interlaced = flags & 0x40 != 0;
    // Where each row of an interlaced frame comes.
    let order: Vec<usize> = match interlaced {
        false => (0..down).collect(),
        true => {
            [(0, 8), (4, 8), (2, 4), (1, 2)].iter().flat_map(|&(first, step)| (first..down).step_by(step)).collect()
        }
    };
    let mut at_row = vec![0; down];
    order.iter().enumerate().for_each(|(at, row)| at_row[*row] = at);
    let mut picture = Shrinking::new(width, height);
    for y in 0..height {
        let row = y.checked_sub(top).and_then(|y| at_row.get(y));
        picture.row((0..width).map(|x| {
            let colour = row.zip(x.checked_sub(left).filter(|x| *x < across)).map(|(row, x)| pixels[row * across + x]);
            let colour = colour.filter(|colour| Some(*colour) != transparent).map(|colour| usize::from(colour) * 3);
            colour.and_then(|at| palette.get(at..at + 3)).map_or([255; 3], |colour| [colour[0], colour[1], colour[2]])
        }));
    }
    Ok(picture.end())
}

/// Undoes LZW of variable length; exactly so many pixels.
fn unpacked(packed: &[u8], bits: u8, count: usize) -> Result<Vec<u8>, Trouble> {
    if !(1..=8).contains(&bits) {
        return Err(Trouble::Damaged);
    }
    let (clear, end) = (1usize << bits, (1usize << bits) + 1);
    // Each code is another one and a pixel behind it.
    let mut codes: Vec<(u16, u8)> = (0..clear + 2).map(|pixel| (u16::MAX, pixel as u8)).collect();
    let (mut length, mut held, mut held_bits) = (u32::from(bits) + 1, 0u32, 0u32);
    let (mut before, mut first) = (None::<usize>, 0u8);
    let mut pixels = Vec::with_capacity(count);
    let mut backwards = Vec::new();
    for byte in packed {
        held |= u32::from(*byte) << held_bits;
        held_bits += 8;
        while held_bits >= length && pixels.len() < count {
            let code = (held & ((1 << length) - 1)) as usize;
            held >>= length;
            held_bits -= length;
            if code == clear {
                codes.truncate(clear + 2);
                (length, before) = (u32::from(bits) + 1, None);
                continue;
            }
            if code == end {
                return if pixels.len() == count { Ok(pixels) } else { Err(Trouble::Damaged) };
            }
            let mut at = match code.cmp(&codes.len()) {
                std::cmp::Ordering::Less => code,
                // The code that is made just now.
                std::cmp::Ordering::Equal => {
                    backwards.push(first);
                    before.ok_or(Trouble::Damaged)?
                }
                std::cmp::Ordering::Greater => return Err(Trouble::Damaged),
            };
            loop {
                let (rest, pixel) = codes[at];
                backwards.push(pixel);
                if rest == u16::MAX {
                    first = pixel;
                    break;
                }
                at = usize::from(rest);
            }
            pixels.extend(backwards.drain(..).rev());
            if let Some(before) = before.filter(|_| codes.len() < CODES) {
                codes.push((before as u16, first));
                if codes.len() == 1 << length && length < 12 {
                    length += 1;
                }
            }
            before = Some(code);
        }
    }
    pixels.truncate(count);
    if pixels.len() == count { Ok(pixels) } else { Err(Trouble::Damaged) }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Trouble> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Trouble::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Trouble> {
        Ok(self.take(1)?[0])
    }

    fn short(&mut self) -> Result<usize, Trouble> {
        let bytes = self.take(2)?;
        Ok(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    }

    fn block(&mut self) -> Result<&'a [u8], Trouble> {
        let count = self.byte()?;
        self.take(count.into())
    }
}
