//! Every bound and default of the house in one place: sizes, counts, times.

use std::time::Duration;

/// Version of the on-disk format; the first byte of every sealed value and file header follows it.
pub const FORMAT_VERSION: u8 = 2;
/// The version of values that a program which knows no classes must not read: facts and segments of a table that has one.
pub const FORMAT_VERSION_CLASSES: u8 = 3;
/// The version of facts that a program must not read which knows no sequences, plain and unique indexes, generated columns and comments as
/// objects.
pub const FORMAT_VERSION_OBJECTS: u8 = 4;
/// The version of the commit state where the manifest tells of deleted rows in blocks: a program that does not know of these would show them.
pub const FORMAT_VERSION_BLOCKS: u8 = 5;
/// The version of facts that a program must not read which knows no domains, no arrays of enumerated types and no `cidr`.
pub const FORMAT_VERSION_TYPES: u8 = 6;
/// The version of facts that a program must not read which knows no row policies for writing, and no rights that may be given on.
pub const FORMAT_VERSION_RIGHTS: u8 = 7;
/// The version of facts that a program must not read which knows no quality rules and no quarantine: it would show rows to whom they are
/// hidden, and take those in that rules refuse.
pub const FORMAT_VERSION_RULES: u8 = 8;
/// The version of lineage, and of the commit state where there is some: a program that does not know of it would not follow names of columns.
pub const FORMAT_VERSION_LINEAGE: u8 = 9;
/// The version of the manifest of a small segment, whose rows may be written column after column, and of the audit log since its blocks
/// have one MAC each.
pub const FORMAT_VERSION_SMALL: u8 = 10;
/// The version of facts that a program must not read which knows no classifiers, and not what persons said of a column's category: it would
/// forget that.
pub const FORMAT_VERSION_CLASSIFIERS: u8 = 11;
/// The version of facts, and of lineage, that a program must not read which knows no repairs: it would show old values to whom they are
/// hidden.
pub const FORMAT_VERSION_REPAIRS: u8 = 12;
/// The version of the audit log's head, and of what names its files, once blocks lie in files: a program that does not know of them would remove
/// them as nobody's.
pub const FORMAT_VERSION_ARCHIVE: u8 = 13;
/// The version of facts that a program must not read which knows no updates of models: it would forget what guards them.
pub const FORMAT_VERSION_LIVES: u8 = 14;
/// The version of facts that a program must not read which knows no sources of other databases: it would not keep their passwords.
pub const FORMAT_VERSION_REMOTES: u8 = 15;
/// The version of facts that a program must not read which knows no certificates of erasures, and no tags that go with values: it would show
/// a past that is erased, and leave masks behind.
pub const FORMAT_VERSION_ERASURES: u8 = 16;
/// The version of facts that a program must not read which knows no jobs: what runs by itself would stay undone, and nobody be told.
pub const FORMAT_VERSION_JOBS: u8 = 17;
/// The version of facts that a program must not read which knows no runs of inventories: it would not forget what these have of a table
/// that is dropped or erased.
pub const FORMAT_VERSION_INVENTORIES: u8 = 18;
/// The version of lineage that a program must not read which knows no flows into generated columns: it could not tell what made them.
pub const FORMAT_VERSION_GENERATED: u8 = 19;
/// The version of facts that a program must not read which knows no encoders of models' own.
pub const FORMAT_VERSION_ENCODERS: u8 = 21;
/// The version of facts that a program must not read which knows no rule table of grades: it would give other grades.
pub const FORMAT_VERSION_GRADING: u8 = 22;
/// The last version that this program reads.
pub const FORMAT_VERSION_LATEST: u8 = FORMAT_VERSION_GRADING;
/// Times that CHECK DRIFT was asked of a model, with what it found, that are kept.
pub const MODEL_DRIFTS_KEPT: usize = 100;
/// How often it is looked which jobs are due, in milliseconds.
pub const JOBS_EVERY_MS: u64 = 200;
/// Jobs that run at the same time; others wait.
pub const JOBS_AT_ONCE_MAX: usize = 4;
/// Runs of a job that are kept.
pub const JOB_RUNS_KEPT: usize = 100;
/// Runs of jobs that are gone that are kept, of all such jobs together.
pub const JOB_RUNS_GONE_KEPT: usize = 100;
/// Milliseconds after the start of those who run jobs within which what was due before it is told as missed.
pub const JOB_LATE_MS: i64 = 60_000;
/// Bytes of a message that is kept of a run.
pub const JOB_ERROR_BYTES: usize = 2000;
/// Tables that a job watches at most.
pub const JOB_TABLES_MAX: usize = 32;
/// Failures in a row that suspend a job, unless `steward.job_failures_max` says otherwise.
pub const JOB_FAILURES_DEFAULT: u64 = 10;
/// The longest wait between a rule or model that fails and its next run beside its times.
pub const JOB_RETRY_MS_MAX: i64 = 3_600_000;
/// Milliseconds for which who takes a place among rows waits for commits that are on their way.
pub const PUBLISH_PATIENCE_MS: u64 = 10_000;
/// Numbers of the sessions of jobs begin here, above those of connections.
pub const JOB_PID_FIRST: i32 = 1 << 30;
/// Bytes of a file that holds an image whose look is asked for.
pub const SOURCE_IMAGE_BYTES_MAX: u64 = 64 << 20;
/// Rules of grades.
pub const GRADING_RULES_MAX: usize = 1000;
/// Runs of INVENTORY that are kept, with the states of assets that they found.
pub const INVENTORY_RUNS_KEPT: usize = 30;
/// Hashes in the sketch of a column's values: 8 bytes each.
pub const SKETCH_VALUES: usize = 1024;
/// Hashes that an inventory holds of all values of two columns, to see whether one refers to the other.
pub const INCLUSION_VALUES_MAX: usize = 8_000_000;
/// Bytes of a file of lines up to which its rows are counted, and by how many of them they are estimated beyond.
pub const COUNTED_BYTES_MAX: u64 = 1 << 30;
/// See [`COUNTED_BYTES_MAX`].
pub const COUNTED_SAMPLE_BYTES: u64 = 16 << 20;
/// Bytes of an asset's files up to which their content is hashed, so that files that were only written anew are not looked at.
pub const HASHED_BYTES_MAX: u64 = 1 << 30;
/// Versions of models that are kept in memory, at which all are let go.
pub const MODELS_IN_MEMORY: usize = 64;
/// Updates of a model whose figures are kept.
pub const MODEL_UPDATES_KEPT: usize = 500;
/// Updates whose figures a guard takes together as what a model is wont to do, and the rows of an update from which it judges.
pub const MODEL_GUARD_UPDATES: usize = 5;
/// See [`MODEL_GUARD_UPDATES`].
pub const MODEL_GUARD_ROWS_MIN: u64 = 100;
/// How long FORGET SUBJECT waits for those who read what it erases, and for the keys to go; what is left then goes on by itself.
pub const ERASURE_PATIENCE_MS: u64 = 60_000;
/// How often an erasure that is not ended is tried again.
pub const ERASURE_RETRY_MS: u64 = 10_000;
/// Cells that are looked at for repairs at once.
pub const REPAIR_CELLS_MAX: usize = 40_000_000;
/// Rows that one REPAIR TABLE changes, and the least confidence of what it changes, unless it is told otherwise.
pub const REPAIR_ROWS_DEFAULT: usize = 100_000;
/// See [`REPAIR_ROWS_DEFAULT`].
pub const REPAIR_CONFIDENCE_DEFAULT: f64 = 0.9;
/// Candidates of a row for which DEDUPE and MATCH ask whether they are the same thing; fewer of very many rows.
pub const LINKAGE_CANDIDATES: usize = 20;
/// Pairs of rows that they compare at most.
pub const LINKAGE_PAIRS_MAX: usize = 12_000_000;
/// Comparisons of fields of all these pairs, a byte each.
pub const LINKAGE_LEVELS_MAX: usize = 256 << 20;
/// Bytes of words and numbers that they hold of the rows.
pub const LINKAGE_BYTES_MAX: usize = 1 << 30;
/// The least probability of what DEDUPE tells, unless it is told otherwise: somebody may delete rows by it.
pub const DEDUPE_PROBABILITY_DEFAULT: f64 = 0.9;
/// The least probability of what MATCH tells, unless it is told otherwise.
pub const MATCH_PROBABILITY_DEFAULT: f64 = 0.5;
/// Runs of a relation's quality rules that are kept.
pub const QUALITY_RUNS_KEPT: usize = 100;
/// Flows that are kept of one object; of more the two that were seen longest ago become one.
pub const LINEAGE_FLOWS_MAX: usize = 256;
/// Milliseconds within which a flow that is seen again by the same role is not written again.
pub const LINEAGE_REPEAT_MS: i64 = 60_000;
/// Entries of the audit log under one MAC at most.
pub const AUDIT_BLOCK_ENTRIES_MAX: usize = 128;
/// Values of the audit log, each of one commit, that are made one.
pub const AUDIT_BLOCK_LINKS: usize = 128;
/// Bytes of the audit log in the asset store at which old blocks move into a file.
pub const AUDIT_FILE_BYTES: u64 = 4 << 20;
/// Entries of the audit log that wait in memory, at which what must be logged is refused.
pub const AUDIT_WAITING_MAX: usize = 1 << 16;
/// How often what waits for the audit log is written, in milliseconds.
pub const AUDIT_EVERY_MS: u64 = 500;
/// How often the audit log is looked through for what is older than its retention, in milliseconds.
pub const AUDIT_RETIRE_EVERY_MS: u64 = 3_600_000;
/// Milliseconds for which the audit log is kept unless ALTER SYSTEM SET steward.audit_retention says otherwise; 0 keeps all.
pub const AUDIT_RETENTION_DEFAULT_MS: u64 = 0;
/// Steps that LINEAGE goes unless it is told otherwise.
pub const LINEAGE_DEPTH_DEFAULT: i64 = 5;
/// Numbers that a sequence sets aside at first, as PostgreSQL does: after a crash as many may be missing.
pub const SEQUENCE_NUMBERS_AHEAD: i64 = 32;
/// And at most: whoever asks for the next numbers waits for a sync, so that a sequence in much use sets more aside.
pub const SEQUENCE_NUMBERS_AHEAD_MAX: i64 = 1024;
/// Largest value sled may hold; larger ones would reach its unsynced blob files (docs/storage.md).
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Plain bytes in one sealed block of a file.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// Bytes of cache that sled may hold.
pub const SLED_CACHE_BYTES: u64 = 64 << 20;
/// Bytes of key indexes kept in memory until the memory limit is known.
pub const KEY_INDEX_BYTES: usize = 64 << 20;
/// Bytes of decoded pages kept in memory until the memory limit is known.
pub const CHUNK_CACHE_BYTES: usize = 64 << 20;
/// Least memory limit.
pub const MEMORY_BYTES_MIN: u64 = 1 << 20;
/// Hundredths of the memory limit for decoded pages.
pub const MEMORY_CHUNKS_SHARE: u64 = 30;
/// Hundredths of the memory limit for opened blocks of sealed files.
pub const MEMORY_BLOCKS_SHARE: u64 = 10;
/// Hundredths of the memory limit for key indexes.
pub const MEMORY_KEYS_SHARE: u64 = 10;
/// Hundredths of the memory limit for what statements sort, join and group. The rest is for everything that nobody counts.
pub const MEMORY_STATEMENTS_SHARE: u64 = 40;
/// Rounds of PBKDF2-HMAC-SHA256 for a passphrase (OWASP 2023 gives 600,000).
pub const PASSPHRASE_ROUNDS: u32 = 600_000;
/// Seconds that a key command has to give the key.
pub const KEY_COMMAND_SECONDS_MAX: u64 = 60;
/// Rounds of PBKDF2 for a SCRAM verifier, PostgreSQL's `scram_iterations`.
pub const SCRAM_ROUNDS: u32 = 4096;
/// Rows of a segment at most; larger inserts make several.
pub const SEGMENT_ROWS_MAX: usize = 1 << 17;
/// Bytes of a file of an export at which the next one begins.
pub const EXPORT_FILE_BYTES: usize = 64 << 20;
/// Bytes of a Parquet file that COPY takes: all of it is in memory while it is read. Far more than a file of an export has.
pub const PARQUET_BYTES_MAX: usize = 1 << 30;
/// Bytes in memory of a segment at most, but for a single row that has more.
pub const SEGMENT_BYTES_MAX: usize = 64 << 20;
/// Bytes in memory at which a segment is made of gathered rows, however little memory there is.
pub const SEGMENT_BYTES_MIN: usize = 8 << 20;
/// Rows of a page of a chunk: a few batches of the engine.
pub const PAGE_ROWS: usize = 16_384;
/// Bytes in memory of all columns of a page: of wider rows a page has fewer than [`PAGE_ROWS`].
pub const PAGE_BYTES_MAX: usize = 16 << 20;
/// Rows that a statement changes at once.
pub const PIECE_ROWS_MAX: usize = 1 << 15;
/// Bytes in memory of the rows that a statement changes at once, at most.
pub const PIECE_BYTES_MAX: usize = 16 << 20;
/// The same where there is next to no memory.
pub const PIECE_BYTES_MIN: usize = 256 << 10;
/// Bytes of a version of a model that COPY takes, in memory as well.
pub const MODEL_FILE_BYTES_MAX: usize = 1 << 30;
/// Rows of one batch that the engine passes on.
pub const BATCH_ROWS: usize = 8192;
/// Default address of the server.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:5454";
/// Name of the first database unless told otherwise.
pub const DATABASE_DEFAULT: &str = "steward";
/// Connections at once.
pub const CONNECTIONS_MAX: usize = 256;
/// Statements in `pg_sleep` at once: each has a thread.
pub const SLEEPERS_MAX: usize = 256;
/// Characters of a name, as PostgreSQL's NAMEDATALEN - 1.
pub const NAME_BYTES_MAX: usize = 63;
/// Largest value an engine takes; above [`VALUE_BYTES_MAX`] it is kept in parts.
pub const ENGINE_VALUE_BYTES_MAX: usize = 64 << 20;
/// Longest key an engine takes: keys are ids, a few dozen bytes.
pub const ENGINE_KEY_BYTES_MAX: usize = 256;
/// Segment of sled's log; with it a leaf of the largest values stays below the blob limit (docs/storage.md).
pub const SLED_SEGMENT_BYTES: usize = 2 << 20;
/// How often sled's own thread writes and tidies, in milliseconds; commits don't wait for it.
pub const SLED_FLUSH_EVERY_MS: u64 = 500;
/// How long a write of sled's log is waited for before somebody else asks for it too, in milliseconds; doubled each time.
pub const SLED_FLUSH_PATIENCE_MS: u64 = 200;
/// Longest that sled may take to recover before it counts as damaged, in seconds.
pub const SLED_OPEN_SECONDS_MAX: u64 = 600;
/// Bytes of one log of the journal; a longer one is followed by a new one.
pub const JOURNAL_LOG_BYTES: u64 = 16 << 20;
/// Bytes of zeros that are written ahead of the journal's frames at once.
pub const JOURNAL_AHEAD_BYTES: u64 = 512 << 10;
/// Bytes of journal after which the asset store is written out as a checkpoint.
pub const JOURNAL_CHECKPOINT_BYTES: u64 = 64 << 20;
/// Batches that may be durable in the journal and not applied before those that follow wait.
pub const UNAPPLIED_BATCHES_MAX: usize = 2048;
/// Bytes of stack of threads that run statements: as deep as plans may be.
pub const THREAD_STACK_BYTES: usize = 16 << 20;
/// A task waits on its own thread for what takes no longer.
pub const SOON: Duration = Duration::from_millis(1);
/// How long a short commit waits for one who commits before its thread is given to others meanwhile.
pub const SHORT_COMMIT: Duration = Duration::from_micros(500);
/// For so many milliseconds a session that has run a statement counts as at work: where two are, commits are written by a thread apart.
pub const AT_WORK_MS: u64 = 100;
/// Durable batches that are applied together, and bytes of their values, of which one is enough. As most small segments come and go
/// within so many, they never reach the asset store.
pub const APPLIED_BATCHES: usize = 512;
/// See [`APPLIED_BATCHES`].
pub const APPLIED_BYTES: usize = 4 << 20;
/// Checkpoints that are kept, with the logs from the oldest of them on.
pub const CHECKPOINTS_KEPT: usize = 2;
/// Milliseconds for which removed files and old logs are kept unless ALTER SYSTEM SET steward.retention says otherwise; 0 keeps none.
pub const RETENTION_DEFAULT_MS: u64 = 0;
/// Milliseconds for which things stay beyond the retention, for statements that read the oldest moment that is still kept.
pub const RETENTION_GRACE_MS: u64 = 600_000;
/// States of the past that are kept in memory for AS OF.
pub const PAST_STATES_MAX: usize = 4;
/// Bytes of sealed files that the scrub in the background reads in a second.
pub const SCRUB_BYTES_PER_SECOND: u64 = 16 << 20;
/// Seconds after the start of a server until its first scrub.
pub const SCRUB_FIRST_SECONDS: u64 = 300;
/// Seconds between the end of one scrub and the beginning of the next: a week.
pub const SCRUB_EVERY_SECONDS: u64 = 7 * 86_400;
/// Plain bytes of a frame of a checkpoint.
pub const CHECKPOINT_FRAME_BYTES: usize = 256 << 10;
/// Free bytes below which writes are refused, so that sled itself never meets a full disk.
pub const DISK_RESERVE_BYTES: u64 = 16 << 20;
/// Bytes of opened blocks of sealed files kept in memory until the memory limit is known.
pub const BLOCK_CACHE_BYTES: usize = 64 << 20;
/// Sealed files kept open between reads.
pub const FILE_HANDLES_MAX: usize = 256;
/// Largest keyring file that is read.
pub const KEYRING_BYTES_MAX: u64 = 64 << 20;
/// Tokens of a text that the encoder reads; what follows is not seen.
pub const ENCODER_TOKENS_MAX: usize = 128;
/// Tokens in one batch of the encoder, which runs on one core and is not interrupted.
pub const ENCODER_BATCH_TOKENS: usize = 256;
/// Tokens in one batch of the encoder on a CUDA device.
pub const ENCODER_DEVICE_BATCH_TOKENS: usize = 16_384;
/// Rows from which on a click model is trained on a CUDA device; below, its launches cost more than they save.
pub const CTR_DEVICE_TRAIN_ROWS_MIN: usize = 2_000;
/// Rows from which on a click model's predictions are made on a CUDA device.
pub const CTR_DEVICE_PREDICT_ROWS_MIN: usize = 1_000;
/// Bytes of a click model's training rows that are kept in memory; of more the query is run again for each epoch.
pub const CTR_KEPT_BYTES_MAX: usize = 96 << 20;
/// Bytes of encoded rows that are shuffled at once where the query is run again for each epoch.
pub const CTR_SHUFFLED_BYTES: usize = 32 << 20;
/// Rows of each held-out part of a click model there, at most.
pub const CTR_HELD_OUT_ROWS_MAX: usize = 200_000;
/// Bytes of recent embeddings kept in memory.
pub const ENCODER_CACHE_BYTES: usize = 64 << 20;
/// Labels that one CLASSIFY may choose from.
pub const CLASSIFY_LABELS_MAX: usize = 1000;
/// Values of one column that a model's vocabulary may know; the rest shares buckets.
pub const MODEL_VOCABULARY_MAX: usize = 1 << 20;
/// Rows below which a model that was trained on them gets a warning.
pub const MODEL_TRAIN_ROWS_FEW: usize = 200;
/// Bytes of a training query's rows that are kept in memory; of more, the query is run again for each reading.
pub const TRAINING_ROWS_BYTES: usize = 256 << 20;
/// Classes that one model may choose from.
pub const CLASSES_MAX: usize = 1000;
/// Columns (entries, numbers) up to which a linear model is solved from sums, without its rows.
pub const LINEAR_SUMS_COLUMNS_MAX: usize = 1024;
/// Weights of a model over rows, at most.
pub const TABULAR_WEIGHTS_MAX: usize = 1 << 23;
/// Rows that judge a model over rows, at most.
pub const TABULAR_HELD_OUT_ROWS_MAX: usize = 200_000;
/// Different features of texts that are counted at once; of more, those that one text has had so far are forgotten.
pub const TEXT_COUNTED_MAX: usize = 1 << 23;
/// Features in all texts that a text classifier learns from, 8 bytes each; of more texts a part is taken by chance.
pub const TEXT_ENTRIES_MAX: usize = 1 << 25;
/// Weights of words and characters in a text classifier.
pub const TEXT_WEIGHTS_MAX: usize = 1 << 23;
/// Pairs of texts that tune an encoder at most, and passages among which those of held-out pairs are looked for.
pub const EMBEDDING_PAIRS_MAX: usize = 2_000_000;
/// See [`EMBEDDING_PAIRS_MAX`].
pub const EMBEDDING_CANDIDATES_MAX: usize = 4_000;
/// Bytes of encoders of models' own that are kept in memory, at which all are let go.
pub const MODEL_ENCODERS_BYTES: usize = 1 << 30;
/// Rows without a label that a text classifier looks at, which the encoder has to read.
pub const TEXT_POOL_ROWS_MAX: usize = 20_000;
/// Rows that judge a text classifier whose encoder has to read them, at most; as many again settle its choices.
pub const TEXT_HELD_OUT_ROWS_MAX: usize = 4_000;
/// Rows among which SUGGEST_LABELS chooses; of a larger relation an even part.
pub const SUGGEST_ROWS_MAX: usize = 3_000;
/// Rows that SUGGEST_LABELS gives at most.
pub const SUGGESTED_ROWS_MAX: usize = 1_000;
/// Rows that a row-quality model learns from; of a larger relation an even sample.
pub const QUALITY_TRAIN_ROWS: usize = 100_000;
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
/// Bytes of a file (as UTF-8) over which a source infers its columns; larger files are inferred from this much of their start.
pub const SOURCE_SAMPLE_BYTES: u64 = 32 << 20;
/// Bytes of a file's start from which its form, character set and delimiter are told.
pub const SOURCE_SNIFF_BYTES: usize = 256 << 10;
/// Bytes of a JSON document that is held in memory whole (JSON lines are streamed and have no such bound).
pub const SOURCE_JSON_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one HTML page.
pub const SOURCE_HTML_BYTES_MAX: u64 = 8 << 20;
/// Open elements of an HTML page; parsing costs their number at every tag. Browsers stop at some 500.
pub const SOURCE_HTML_DEPTH_MAX: usize = 1000;
/// Bytes of one plain-text file, which becomes one cell.
pub const SOURCE_TEXT_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one record of a CSV, JSON lines or XML file; an unclosed quote runs into it.
pub const SOURCE_RECORD_BYTES_MAX: u64 = 16 << 20;
/// Bytes of text at which a batch is passed on before it has [`BATCH_ROWS`] rows.
pub const SOURCE_BATCH_BYTES: usize = 32 << 20;
/// Columns that one asset may have.
pub const SOURCE_COLUMNS_MAX: usize = 2048;
/// Levels of nesting in JSON and XML, and of folders below a source's root.
pub const SOURCE_DEPTH_MAX: usize = 100;
/// Seconds that another database has to let a source in.
pub const REMOTE_CONNECT_SECONDS: u64 = 10;
/// Rows that a source asks another database for at once.
pub const REMOTE_FETCH_ROWS: usize = 2000;
/// Seconds for which the list of another database's tables is believed.
pub const REMOTE_LIST_SECONDS: u64 = 30;
/// Rows of another database's table that an inventory looks at, unless it is told otherwise.
pub const REMOTE_SAMPLE_ROWS: usize = 10_000;
/// Files that one source may hold.
pub const SOURCE_FILES_MAX: usize = 1_000_000;
/// Characters of visible text kept of an HTML page.
pub const SOURCE_HTML_TEXT_CHARS: usize = 4000;
/// What clients are told this server is: PostgreSQL's version whose behaviour it follows, then its own.
pub const SERVER_VERSION: &str = concat!("15.0 (Steward ", env!("CARGO_PKG_VERSION"), ")");
/// Milliseconds that a client has to log in, PostgreSQL's `authentication_timeout`.
pub const LOGIN_TIMEOUT_MS: u64 = 60_000;
/// Bytes of a file of rules who may connect.
pub const HBA_BYTES_MAX: u64 = 4 << 20;
/// Failed logins as one role from one address until the next ones wait.
pub const LOGIN_FAILURES_FREE: u32 = 6;
/// The same from one address, whatever the role: many people may be behind it.
pub const LOGIN_FAILURES_FREE_ADDRESS: u32 = 30;
/// The same as one role, from wherever.
pub const LOGIN_FAILURES_FREE_ROLE: u32 = 100;
/// Milliseconds that the first of them waits; each further one twice as long.
pub const LOGIN_DELAY_MS: u64 = 250;
/// Milliseconds that a login waits at most, well below [`LOGIN_TIMEOUT_MS`]: a right password comes in all the same.
pub const LOGIN_DELAY_MAX_MS: u64 = 8_000;
/// The same where only the role is known to be tried, which somebody else may do.
pub const LOGIN_DELAY_MAX_ROLE_MS: u64 = 1_000;
/// Seconds without a further one after which one failed login is forgotten.
pub const LOGIN_FORGET_SECONDS: u64 = 60;
/// Addresses and roles whose failed logins are remembered.
pub const LOGIN_FAILURES_KEPT: usize = 16_384;
/// Bytes of a message before login is done.
pub const LOGIN_MESSAGE_BYTES_MAX: usize = 10_000;
/// Bytes of one message of a client: a query string, bound parameters, a piece of COPY.
pub const MESSAGE_BYTES_MAX: usize = 512 << 20;
/// Bytes of a client's that are read at once.
pub const READ_BYTES: usize = 16 << 10;
/// Messages of a client that are read while an earlier one is being answered.
pub const MESSAGES_AHEAD_MAX: usize = 16;
/// Bytes of answer that are gathered before they go to the socket.
pub const ANSWER_CHUNK_BYTES: usize = 64 * 1024;
/// Bytes that most answers fit into.
pub const ANSWER_BYTES_FEW: usize = 512;
/// Chunks of answer that wait for a slow client.
pub const ANSWER_CHUNKS_MAX: usize = 4;
/// Notices that wait for a slow client; further ones are dropped.
pub const NOTICES_MAX: usize = 1024;
/// Notifications that wait for one session, and those of one transaction.
pub const NOTIFICATIONS_MAX: usize = 10_000;
/// Bytes of a notification's payload.
pub const NOTIFICATION_BYTES_MAX: usize = 7999;
/// Connections that may be logging in beside those that are logged in; beyond, the one that has waited longest goes.
pub const LOBBY_MAX: usize = 256;
/// Of the connections at once, those that are kept for superusers, PostgreSQL's `superuser_reserved_connections`.
pub const CONNECTIONS_RESERVED: usize = 3;
/// Dimensions of a vector at most, as in pgvector.
pub const VECTOR_DIMENSIONS_MAX: u16 = 16_000;
/// Another name by which clients may call the one database: where PostgreSQL's tools look for a list of databases.
pub const MAINTENANCE_DATABASE: &str = "postgres";
/// Bytes of a statement that pg_stat_activity shows, PostgreSQL's `track_activity_query_size`.
pub const ACTIVITY_QUERY_BYTES: usize = 1024;
/// Milliseconds after which the log tells that a statement took its time.
pub const SLOW_STATEMENT_MS: u128 = 5000;
/// Milliseconds that a cancelled statement has to end by itself before it is dropped.
pub const CANCEL_GRACE_MS: u64 = 1000;
/// Milliseconds that running statements have to end when the server goes down.
pub const SHUTDOWN_GRACE_MS: u64 = 5000;
/// Prepared statements, portals, and cursors, of one connection.
pub const PREPARED_MAX: usize = 10_000;
/// Bytes in memory of the rows that a cursor keeps; further ones are put aside, or forgotten where none need go back.
pub const CURSOR_BYTES_MAX: usize = 4 << 20;
/// Bytes in memory up to which an added segment lives in the store's tree of rows and not in a file of its own.
pub const INLINE_BYTES_MAX: usize = 32 * 1024;
/// Shapes of statements that a session remembers.
pub const SHAPES_MAX: usize = 64;
/// Bytes of a text up to which it has a shape.
pub const SHAPE_BYTES_MAX: usize = 2048;
/// Bytes in memory up to which small segments that a commit merges are one of the tree of rows.
pub const MERGED_BYTES_MAX: usize = 128 * 1024;
/// Small segments of one table before a commit merges some of them.
pub const SMALL_SEGMENTS_MAX: usize = 128;
/// Rows from which on a small segment is merged with others of its kind only, and no more with those of single rows.
pub const FEW_ROWS: usize = 64;
/// Bytes up to which those of a small segment stay in memory: of all such segments of a table 128 KiB.
pub const KEPT_BYTES_MAX: usize = 1024;
/// Different values that a column's profile counts exactly; beyond, it estimates.
pub const PROFILE_DISTINCT_EXACT_MAX: usize = 100_000;
/// Numbers that a column's profile keeps for quantiles; the rank of a quantile has a standard error of at most 0.4 %.
pub const PROFILE_NUMBERS_MAX: usize = 16_384;
/// Values that a column's profile keeps as text for formats and classification.
pub const PROFILE_SAMPLE_ROWS: usize = 1_000;
/// Values that are sealed anew at a time, while commits wait.
pub const RESEAL_VALUES: usize = 64;
/// Milliseconds that the keeper of keys waits for more to do before it does it.
pub const KEEPER_PAUSE_MS: u64 = 200;
/// Milliseconds until the keeper of keys tries again what failed.
pub const KEEPER_RETRY_MS: u64 = 30_000;
/// Conditions of one table that a serializable transaction's reads are noted by; with more it has read the whole table.
pub const READ_CONDITIONS_MAX: usize = 1024;
/// Changed rows of a table that a serializable transaction's reads are compared with at its commit; more of them count as a change
/// of what it read.
pub const VALIDATED_ROWS_MAX: usize = 1 << 16;
/// Pages that scans must have asked for by a column before it becomes a table's clustering key by itself.
pub const LEARNT_PAGES_MIN: u64 = 1024;
/// Pages at which what was counted before counts half.
pub const LEARNT_PAGES_FADE: u64 = 1 << 20;
/// Rows of a table up to which a query by key has the key index made; of larger ones it is made at the first write.
pub const KEY_LOOKUP_ROWS_MAX: usize = 4 << 20;
/// Rows that compaction brings into the order of a clustering key at once; they are in memory meanwhile.
pub const COMPACTION_ROWS_MAX: usize = 1 << 21;
/// Bytes of files that compaction replaces at once: until it has done so, both are there.
pub const COMPACTION_FILES_BYTES_MAX: u64 = 1 << 30;
/// Bytes in memory of them, at most.
pub const COMPACTION_BYTES_MAX: usize = 128 << 20;
/// How often compaction looks whether there is something to do, in milliseconds.
pub const COMPACTION_EVERY_MS: u64 = 1000;
/// Moved rows that are remembered for transactions that began before; 8 bytes each.
pub const MOVED_ROWS_MAX: usize = 4 << 20;
/// Arithmetic operators in a row at most: planning takes time with the third power of their number.
pub const ARITHMETIC_CHAIN_MAX: usize = 250;
/// Parentheses within each other at most, and what else may stand in itself: each is some frames of the stack.
pub const NESTING_MAX: usize = 128;
/// Conditions joined by AND and OR in a row at most: each is a frame of the stack when they are planned.
pub const BOOLEAN_CHAIN_MAX: usize = 5000;
/// EXCEPT, INTERSECT and changes between UNION and UNION ALL in a row at most: each is a frame of the stack.
pub const SET_OPERATIONS_MAX: usize = 100;
/// Tables whose row policies ask each other at most: each is planned within the plan of the one before.
pub const POLICIES_WITHIN_MAX: usize = 32;
/// Relations that a statement may read once its WITH queries and views are written out: they are planned one by one.
pub const RELATIONS_MAX: u64 = 10_000;
/// Bytes that `repeat` and its like may make for one batch of rows.
pub const TEXT_BYTES_MAX: usize = 256 << 20;
