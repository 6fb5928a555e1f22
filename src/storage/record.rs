//! A commit as bytes of the journal.
//!
//! ```text
//! number u64 | milliseconds since 1970 u64 | writes:  tree u8 | key length u16 | key | value length u32 + 1, or 0 | value
//! ```

use super::engine::{Op, Tree};

/// One commit, as the journal keeps it.
#[derive(Debug)]
pub(super) struct Commit {
    pub number: u64,
    /// When it was made, in milliseconds since 1970 by this machine's clock.
    pub time_ms: u64,
    pub ops: Vec<Op>,
}

impl Commit {
    /// The bytes of a commit with these writes.
    pub(super) fn encode(number: u64, time_ms: u64, ops: &[Op]) -> Vec<u8> {
        let bytes: usize = ops.iter().map(|op| 7 + op.key.len() + op.value.as_ref().map_or(0, Vec::len)).sum();
        let mut out = Vec::with_capacity(16 + bytes);
        out.extend(number.to_be_bytes());
        out.extend(time_ms.to_be_bytes());
        for op in ops {
            out.push(op.tree as u8);
            // Bounds on keys and values keep both within their lengths.
            out.extend((op.key.len() as u16).to_be_bytes());
            out.extend_from_slice(&op.key);
            out.extend(op.value.as_ref().map_or(0, |value| value.len() as u32 + 1).to_be_bytes());
            out.extend_from_slice(op.value.as_deref().unwrap_or_default());
        }
        out
    }

    /// `None` when the bytes are no commit.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (time_ms, mut rest) = rest.split_first_chunk()?;
        let mut ops = Vec::new();
        while let Some((tree, after)) = rest.split_first() {
            let tree = *Tree::ALL.get(usize::from(*tree))?;
            let (length, after) = after.split_first_chunk()?;
            let (key, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let (length, after) = after.split_first_chunk()?;
            let length = u32::from_be_bytes(*length) as usize;
            let (value, after) = after.split_at_checked(length.saturating_sub(1))?;
            ops.push(Op { tree, key: key.to_vec(), value: (length > 0).then(|| value.to_vec()) });
            rest = after;
        }
        Some(Self { number: u64::from_be_bytes(*number), time_ms: u64::from_be_bytes(*time_ms), ops })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_comes_back_and_a_cut_one_does_not() {
        let op =
            |tree, key: &[u8], value: Option<&[u8]>| Op { tree, key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
        let ops = [op(Tree::Rows, b"a", Some(b"value")), op(Tree::Sys, b"", None), op(Tree::Search, b"b", Some(b""))];
        let bytes = Commit::encode(9, 5, &ops);
        let commit = Commit::decode(&bytes).unwrap();
        assert_eq!((commit.number, commit.time_ms), (9, 5));
        let shown = |ops: &[Op]| ops.iter().map(|op| (op.tree, op.key.clone(), op.value.clone())).collect::<Vec<_>>();
        assert_eq!(shown(&commit.ops), shown(&ops));
        let whole: Vec<usize> = (0..bytes.len()).filter(|&end| Commit::decode(&bytes[..end]).is_some()).collect();
        assert_eq!(whole, [16, 16 + 13, 16 + 13 + 7], "only where a write ends");
    }
}
