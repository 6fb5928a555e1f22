//! Keys, seals and passwords. This room sees only bytes; it is the only one that names ring.
//!
//! # From a master key to a sealed byte
//!
//! ```text
//! master key (32 bytes, a file or a passphrase, never stored here)
//!   └─ opens `keyring`: data keys by purpose (DEKs) and one random salt for each start of the process (epochs)
//!        ├─ value key  = HKDF(DEK, epoch salt)  seals small values: epoch u32 | counter u64 | text | tag   ValueSealer
//!        ├─ object key = HKDF(DEK, file salt)   seals the blocks of one immutable file                      ObjectKey
//!        └─ mac key    = HKDF(first DEK, install id)  counts and chains that must stay comparable           MacKey
//! ```
//!
//! Every seal is AES-256-GCM. A nonce is a counter and its key is fresh for each start and for each file, so no pair of key
//! and nonce comes twice, not even after an old copy of the database is restored. Whoever seals also names the place of the
//! bytes as associated data: a sealed value moved elsewhere does not open.
//!
//! # Promises
//!
//! * A seal that does not open is [`Kind::Corruption`](crate::error::Kind), a keyring that the key does not open is `WrongKey`,
//!   and the two are told apart by a plain checksum over the keyring file.
//! * An epoch is durable in the keyring before its first value is sealed.
//! * Keys are wiped when dropped, as far as this room holds them itself (ring's expanded keys are not), and never printed.
//!
//! Left out: an outside key service, one data key for each table. Both fit the keyring's format (a key carries a purpose).

mod aead;
mod digest;
mod keyfile;
mod keyring;
mod master;
mod random;
mod scram;
mod sealer;

pub use aead::{ALGORITHM, BLOCK_TAG_BYTES, ObjectKey};
pub use digest::{MacKey, Sha256, hmac_sha256, sha256};
pub use keyfile::Purpose;
pub use keyring::{Keyring, passphrase_salt};
pub use master::{KeySource, MasterKey};
pub use random::{random, random_password};
pub use scram::ScramVerifier;
pub use sealer::{SEAL_BYTES, ValueSealer};
