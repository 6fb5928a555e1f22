//! Every bound and default of the house in one place: sizes, counts, times.

/// Version of the on-disk format; the first byte of every sealed value and file header follows it.
pub const FORMAT_VERSION: u8 = 1;
/// Largest value sled may hold; larger ones would reach its unsynced blob files (docs/storage.md).
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Plain bytes in one sealed block of a file.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// Bytes of cache that sled may hold.
pub const SLED_CACHE_BYTES: u64 = 64 << 20;
/// Bytes of decoded chunks kept in memory.
pub const CHUNK_CACHE_BYTES: usize = 512 << 20;
/// Rounds of PBKDF2-HMAC-SHA256 for a passphrase (OWASP 2023 gives 600,000).
pub const PASSPHRASE_ROUNDS: u32 = 600_000;
/// Rounds of PBKDF2 for a SCRAM verifier, PostgreSQL's `scram_iterations`.
pub const SCRAM_ROUNDS: u32 = 4096;
/// Rows of a segment at most; larger inserts make several.
pub const SEGMENT_ROWS_MAX: usize = 1 << 17;
/// Rows of one batch that the engine passes on.
pub const BATCH_ROWS: usize = 8192;
/// Default address of the server.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:5454";
/// Name of the first database unless told otherwise.
pub const DATABASE_DEFAULT: &str = "steward";
/// Connections at once.
pub const CONNECTIONS_MAX: usize = 256;
/// Characters of a name, as PostgreSQL's NAMEDATALEN - 1.
pub const NAME_BYTES_MAX: usize = 63;
/// Rows a model function may see in one statement (`steward.max_model_rows`).
pub const MODEL_ROWS_MAX: u64 = 1_000_000;
/// Rows that INVENTORY samples of one asset.
pub const INVENTORY_SAMPLE_ROWS: usize = 10_000;
/// Largest value an engine takes; above [`VALUE_BYTES_MAX`] it is kept in parts.
pub const ENGINE_VALUE_BYTES_MAX: usize = 64 << 20;
/// Longest key an engine takes: keys are ids, a few dozen bytes.
pub const ENGINE_KEY_BYTES_MAX: usize = 256;
/// Segment of sled's log; with it a leaf of the largest values stays below the blob limit (docs/storage.md).
pub const SLED_SEGMENT_BYTES: usize = 2 << 20;
/// How often sled's own thread writes and tidies, in milliseconds; commits don't wait for it.
pub const SLED_FLUSH_EVERY_MS: u64 = 500;
/// Longest that sled may take to recover before it counts as damaged, in seconds.
pub const SLED_OPEN_SECONDS_MAX: u64 = 600;
/// Free bytes below which writes are refused, so that sled itself never meets a full disk.
pub const DISK_RESERVE_BYTES: u64 = 16 << 20;
/// Bytes of opened blocks of sealed files kept in memory.
pub const BLOCK_CACHE_BYTES: usize = 64 << 20;
/// Sealed files kept open between reads.
pub const FILE_HANDLES_MAX: usize = 256;
/// Largest keyring file that is read.
pub const KEYRING_BYTES_MAX: u64 = 64 << 20;
