//! Keys, seals and passwords. This room sees only bytes; it is the only one that names ring.
//!
//! # From a master key to a sealed byte
//!
//! ```text
//! master key (32 bytes, a file or a passphrase, never stored here)
//!   └─ opens `keyring`: data keys (DEKs) by object or purpose, and one random salt for each start of the process (epochs)
//!        ├─ value key  = HKDF(DEK, epoch salt)  seals small values: DEK u32 | epoch u32 | counter u64 | text | tag  ValueSealer
//!        ├─ object key = HKDF(DEK, file salt)   seals the blocks of one immutable file                              ObjectKey
//!        └─ mac key    = HKDF(DEK of marks, install id)  counts and tokens that must stay comparable                MacKey
//! ```
//!
//! What belongs to a table or a text index is sealed with a data key of that object; the rest with one of its purpose.
//! Everything sealed names its data key. A key is *replaced* (a newer one seals; what it sealed is read on), then dropped
//! when nothing names it; or *destroyed*, which makes what it sealed unreadable at once.
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
//! * A data key is durable in both copies of the keyring before anything is sealed with it.
//! * Secrets are compared in a time that does not tell where they differ.
//!
//! Left out: keys by class of sensitivity within a table.

mod aead;
mod bunch;
mod digest;
mod key_command;
mod keyfile;
mod keyring;
mod master;
mod random;
mod scram;
mod sealer;

pub use aead::{ALGORITHM, BLOCK_TAG_BYTES, ObjectKey};
pub use digest::{MacKey, Sha256, hmac_sha256, sha256};
pub use keyfile::{Purpose, Scope};
pub use keyring::{DamagedFile, KeyFact, KeyState, Keyring, passphrase_salt};
pub use master::{KeySource, MasterKey};
pub use random::{random, random_password};
pub use scram::ScramVerifier;
pub use sealer::{SEAL_BYTES, ValueSealer, sealed_with};
