//! The bits of a JPEG's scan, and the Huffman codes in them.

use super::Trouble;

/// Codes that are looked up at once.
const FAST_BITS: u32 = 9;

/// A Huffman table: canonical codes by their lengths (ITU-T T.81, annex C).
#[derive(Clone)]
pub(super) struct Huffman {
    /// Length and value by the first bits; length 0 where the code is longer.
    fast: Vec<(u8, u8)>,
    /// The largest code of each length, shifted to 16 bits, and where its values begin.
    ends: [(i64, i32); 17],
    values: Vec<u8>,
}

impl Huffman {
    /// The table of so many codes of each length, with their values.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, Trouble> {
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let values = values.get(..total).ok_or(Trouble::Damaged)?.to_vec();
        let mut fast = vec![(0, 0); 1 << FAST_BITS];
        let mut ends = [(-1, 0); 17];
        let (mut code, mut at) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = u32::from(counts[length as usize - 1]);
            if code + count > 1 << length {
                return Err(Trouble::Damaged);
            }
            ends[length as usize] = (-1, at as i32 - code as i32);
            for _ in 0..count {
                if length <= FAST_BITS {
                    let first = (code << (FAST_BITS - length)) as usize;
                    let told = (length as u8, values[at]);
                    fast[first..first + (1 << (FAST_BITS - length))].fill(told);
                }
                code += 1;
                at += 1;
            }
            if count > 0 {
                ends[length as usize].0 = i64::from(code) << (16 - length);
            }
            code <<= 1;
        }
        Ok(Self { fast, ends, values })
    }
}

/// Reads bits up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    /// Zeros that stand for bits that are not there.
    missing: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, held: 0, count: 0, missing: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                // A marker, or the end.
                (Some(0xff) | None, _) => {
                    self.missing += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// So many bits, at most 16.
    pub(super) fn take(&mut self, bits: u32) -> Result<u32, Trouble> {
        if bits == 0 {
            return Ok(0);
        }
        if self.count < bits {
            self.fill();
        }
        self.count -= bits;
        // The zeros are the last bits that are held.
        if self.count < self.missing {
            return Err(Trouble::Damaged);
        }
        Ok((self.held >> self.count) as u32 & ((1 << bits) - 1))
    }

    /// The value of the next code.
    pub(super) fn code(&mut self, table: &Huffman) -> Result<u8, Trouble> {
        if self.count < 16 {
            self.fill();
        }
        let next = (self.held >> (self.count - 16)) as u32 & 0xffff;
        let (length, value) = table.fast[(next >> (16 - FAST_BITS)) as usize];
        if length > 0 {
            self.take(length.into())?;
            return Ok(value);
        }
        for length in FAST_BITS + 1..=16 {
            let (end, offset) = table.ends[length as usize];
            if i64::from(next) < end {
                let code = self.take(length)?;
                let at = usize::try_from(code as i32 + offset).map_err(|_| Trouble::Damaged)?;
                return table.values.get(at).copied().ok_or(Trouble::Damaged);
            }
        }
        Err(Trouble::Damaged)
    }

    /// A number of so many bits with its sign (T.81, F.2.2.1).
    pub(super) fn signed(&mut self, bits: u32) -> Result<i32, Trouble> {
        if bits == 0 {
            return Ok(0);
        }
        let value = self.take(bits)? as i32;
        Ok(if value < 1 << (bits - 1) { value - (1 << bits) + 1 } else { value })
    }

    /// Passes over a restart marker; what is left of a byte is nothing.
    pub(super) fn restart(&mut self) -> Result<(), Trouble> {
        (self.held, self.count, self.missing) = (0, 0, 0);
        match (self.data.get(self.at), self.data.get(self.at + 1)) {
            (Some(0xff), Some(0xd0..=0xd7)) => {
                self.at += 2;
                Ok(())
            }
            _ => Err(Trouble::Damaged),
        }
    }
}
