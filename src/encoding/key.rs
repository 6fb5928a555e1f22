//! Keys that sort as the numbers in them.

/// A key under construction.
#[derive(Debug, Default, Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// An empty key, with room for a byte and three numbers.
    pub fn new() -> Self {
        Self(Vec::with_capacity(25))
    }

    /// Appends one byte, usually the kind of what follows.
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Appends a number.
    pub fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// The bytes.
    pub fn build(self) -> Vec<u8> {
        self.0
    }
}

/// The key of one object id.
pub fn id_key(id: u64) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_numbers_do() {
        let key = |a, b| Key::new().byte(1).number(a).number(b).build();
        assert!(key(1, 300) < key(2, 0));
        assert!(key(255, 0) < key(256, 0));
        assert!(id_key(9) < id_key(10));
    }
}
