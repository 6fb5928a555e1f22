//! SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), in the text form that PostgreSQL keeps in `pg_authid`.

use super::digest::{equal, hmac_sha256, sha256};
use super::master::pbkdf2;
use super::random::random;
use crate::config;
use crate::error::Result;
use crate::fail;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a server keeps instead of a password: enough to verify a login, not enough to log in.
///
/// Passwords are taken as their UTF-8 bytes; a client that prepares them (RFC 4013) sends the same bytes unless they hold
/// unusual spaces or compatibility characters.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Salt of the password.
    pub salt: Vec<u8>,
    /// SHA-256 of the client key.
    pub stored_key: [u8; 32],
    /// HMAC of "Server Key" under the salted password.
    pub server_key: [u8; 32],
}

impl ScramVerifier {
    /// A verifier of `password` with a fresh salt and [`config::SCRAM_ROUNDS`].
    pub fn from_password(password: &str) -> Result<Self> {
        Self::derive(password, random::<16>()?.to_vec(), config::SCRAM_ROUNDS)
    }

    /// PBKDF2 of `password` with this verifier's salt and rounds: the salted password that a SCRAM server works with.
    pub fn salted_password(password: &str, salt: &[u8], iterations: u32) -> Result<[u8; 32]> {
        let mut salted = [0; 32];
        pbkdf2(iterations, salt, password.as_bytes(), &mut salted)?;
        Ok(salted)
    }

    fn derive(password: &str, salt: Vec<u8>, iterations: u32) -> Result<Self> {
        let salted = Self::salted_password(password, &salt, iterations)?;
        Ok(Self {
            iterations,
            salt,
            stored_key: sha256(&hmac_sha256(&salted, b"Client Key")),
            server_key: hmac_sha256(&salted, b"Server Key"),
        })
    }

    /// Whether `password` is the one this was made from.
    pub fn verify_password(&self, password: &str) -> bool {
        Self::derive(password, self.salt.clone(), self.iterations)
            .is_ok_and(|other| equal(&other.stored_key, &self.stored_key) & equal(&other.server_key, &self.server_key))
    }

    /// `SCRAM-SHA-256$4096:salt$stored:server`, the parts in base64.
    pub fn encode(&self) -> String {
        format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            base64_encode(&self.salt),
            base64_encode(&self.stored_key),
            base64_encode(&self.server_key)
        )
    }

    /// Reads what [`ScramVerifier::encode`] or PostgreSQL wrote.
    pub fn parse(text: &str) -> Result<Self> {
        match Self::parse_parts(text) {
            Some(verifier) => Ok(verifier),
            None => fail!(InvalidParameter, "this is not a SCRAM-SHA-256 password verifier"),
        }
    }

    fn parse_parts(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let iterations = iterations.parse().ok().filter(|n| (1..=10_000_000).contains(n))?;
        Some(Self {
            iterations,
            salt: base64_decode(salt).filter(|salt| !salt.is_empty())?,
            stored_key: base64_decode(stored)?.try_into().ok()?,
            server_key: base64_decode(server)?.try_into().ok()?,
        })
    }
}

impl std::fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramVerifier(..)")
    }
}

/// Base64 with padding (RFC 4648).
fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            out.push(match place <= chunk.len() {
                true => char::from(ALPHABET[(group >> (18 - 6 * place) & 63) as usize]),
                false => '=',
            });
        }
    }
    out
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for symbol in digits.bytes() {
        bits = bits << 6 | ALPHABET.iter().position(|known| *known == symbol)? as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 255) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_rfc_and_refuses_the_rest() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64_encode(plain.as_bytes()), text);
            assert_eq!(base64_decode(text).unwrap(), plain.as_bytes());
        }
        for bad in ["Zg", "Z===", "Zm9v====", "Z!==", "Zm9v\n"] {
            assert!(base64_decode(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_verifier_knows_its_password_and_keeps_its_text_form() {
        let verifier = ScramVerifier::from_password("正确的密码 horse").unwrap();
        let text = verifier.encode();
        assert!(text.starts_with("SCRAM-SHA-256$4096:"));
        let read = ScramVerifier::parse(&text).unwrap();
        assert!(read == verifier && read.verify_password("正确的密码 horse"));
        assert!(!read.verify_password("wrong"));
        assert!(!format!("{read:?}").contains("4096"));
    }

    /// The exchange printed in RFC 7677, section 3: the proof it shows must fit our stored key, the signature our server key.
    #[test]
    fn the_keys_fit_the_exchange_of_rfc_7677() {
        let salt = base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = ScramVerifier::derive("pencil", salt, 4096).unwrap();
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let message =
            format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}");
        let proof = base64_decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let signature = hmac_sha256(&verifier.stored_key, message.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(sha256(&client_key), verifier.stored_key);
        let server = base64_encode(&hmac_sha256(&verifier.server_key, message.as_bytes()));
        assert_eq!(server, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn other_texts_are_no_verifier() {
        for bad in
            ["", "md5abc", "SCRAM-SHA-256$0:AAAA$AAAA:AAAA", "SCRAM-SHA-256$4096:$a:b", "SCRAM-SHA-256$4096:AAAA"]
        {
            assert!(ScramVerifier::parse(bad).is_err(), "{bad}");
        }
    }
}
