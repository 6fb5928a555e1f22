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
/// Bytes of memory that one text index may gather before it writes a part of itself; given back at its commit.
pub const SEARCH_WRITER_BYTES: usize = 64 << 20;
/// Bytes of one value that a text index reads; what stands behind them is not found.
pub const SEARCH_TEXT_BYTES_MAX: usize = 1 << 20;
/// Characters of a search query at most.
pub const SEARCH_QUERY_CHARS_MAX: usize = 4096;
/// Different words of a search query that count; further ones are passed over.
pub const SEARCH_QUERY_WORDS_MAX: usize = 64;
/// Share of dropped rows from which a part of a text index is rewritten without them.
pub const SEARCH_DROPPED_SHARE_MAX: f32 = 0.3;
