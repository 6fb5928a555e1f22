//! A small picture of a picture, as PNG.

use super::Picture;
use super::resample::resized;
use libflate::zlib::Encoder;
use std::io::Write;

/// Pixels of its longer side.
const SIDE_MAX: usize = 96;

/// A PNG of at most 96 by 96 pixels, and so of less than 28,500 bytes.
pub fn thumbnail(picture: &Picture) -> Vec<u8> {
    let longer = picture.width.max(picture.height);
    let side = |side: usize| (side * SIDE_MAX).div_ceil(longer.max(SIDE_MAX)).max(1);
    let (width, height) = match longer <= SIDE_MAX {
        true => (picture.width, picture.height),
        false => (side(picture.width), side(picture.height)),
    };
    let rgb = resized(&picture.rgb, 3, (picture.width, picture.height), (width, height));
    let mut rows = Vec::with_capacity((width * 3 + 1) * height);
    for (y, row) in rgb.chunks(width * 3).enumerate() {
        // Against the row above: what is alike packs well.
        let above = (y > 0).then(|| &rgb[(y - 1) * width * 3..][..width * 3]);
        rows.push(if above.is_some() { 2 } else { 0 });
        rows.extend(row.iter().enumerate().map(|(at, value)| value.wrapping_sub(above.map_or(0, |above| above[at]))));
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"IDAT", &packed(&rows));
    chunk(&mut png, b"IEND", &[]);
    png
}

/// Writing to memory does not fail.
fn packed(rows: &[u8]) -> Vec<u8> {
    let pack = || -> std::io::Result<Vec<u8>> {
        let mut encoder = Encoder::new(Vec::new())?;
        encoder.write_all(rows)?;
        encoder.finish().into_result()
    };
    pack().unwrap_or_default()
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], body: &[u8]) {
    png.extend((body.len() as u32).to_be_bytes());
    let start = png.len();
    png.extend(kind);
    png.extend(body);
    let sum = checksum(&png[start..]);
    png.extend(sum.to_be_bytes());
}

/// CRC-32 (ISO 3309).
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        let mut sum = sum ^ u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
        sum
    };
    !bytes.iter().fold(!0, step)
}
