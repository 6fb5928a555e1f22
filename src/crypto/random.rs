//! Randomness from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Kind, Result};

/// `N` random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(Kind::Io, "the operating system gives no random bytes"))?;
    Ok(bytes)
}

/// A password of 20 characters that can be read aloud: 100 random bits in lower case without `l`, `o`, `0` and `1`.
pub fn random_password() -> Result<String> {
    // 32 symbols, so that five bits of a byte choose one without bias.
    const SYMBOLS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(random::<20>()?.iter().map(|byte| char::from(SYMBOLS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_readable_and_differ() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), 20);
        assert_ne!(one, other);
        assert!(one.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        assert!(!one.contains(['l', 'o', '0', '1']));
    }
}
