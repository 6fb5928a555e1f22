//! BMP that is not packed: 1, 4, 8, 24 and 32 bits.

use super::{Picture, Shrinking, Trouble, must_be_bounded};

/// Reads a picture.
pub(super) fn read(data: &[u8]) -> Result<Picture, Trouble> {
    let number = |at: usize| {
        let bytes = data.get(at..at + 4).ok_or(Trouble::Damaged)?;
        Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let start = usize::try_from(number(10)?).map_err(|_| Trouble::Damaged)?;
    let info = usize::try_from(number(14)?).map_err(|_| Trouble::Damaged)?;
    if info < 40 {
        return Err(Trouble::NotRead("BMP of OS/2"));
    }
    let (width, height) = (number(18)?, number(22)?);
    // From the top, where it is negative.
    let from_top = height < 0;
    let (width, height) = (usize::try_from(width).map_err(|_| Trouble::Damaged)?, height.unsigned_abs() as usize);
    must_be_bounded(width, height)?;
    let bits = (number(28)? & 0xffff) as usize;
    // The masks of 32 bits are the usual ones.
    if !matches!((bits, number(30)?), (1 | 4 | 8 | 24 | 32, 0) | (32, 3)) {
        return Err(Trouble::NotRead("packed BMP"));
    }
    let palette = data.get(14 + info..start.max(14 + info)).unwrap_or_default();
    let bytes = (width * bits).div_ceil(32) * 4;
    let mut picture = Shrinking::new(width, height);
    for y in 0..height {
        let line = if from_top { y } else { height - 1 - y };
        let row = data.get(start + line * bytes..start + (line + 1) * bytes).ok_or(Trouble::Damaged)?;
        picture.row((0..width).map(|x| {
            let colour = match bits {
                24 | 32 => row.get(x * bits / 8..),
                _ => {
                    let bit = x * bits;
                    let at = row[bit / 8] >> (8 - bits - bit % 8) & ((1u16 << bits) - 1) as u8;
                    palette.get(usize::from(at) * 4..)
                }
            };
            colour.and_then(<[u8]>::first_chunk::<3>).map_or([0; 3], |colour| [colour[2], colour[1], colour[0]])
        }));
    }
    Ok(picture.end())
}
