//! The memory of the process: one limit, what statements have of it, and where they put what does not fit.
//!
//! ```text
//! memory limit   --memory-limit, half of the machine's memory unless said
//!   30 %  decoded columns          gives way: least recently used first
//!   10 %  opened blocks of files   as above
//!   10 %  key indexes              as above
//!   40 %  statements               counted by the engine; beyond it they spill, or fail with 53200
//!   rest  everything that nobody counts: batches on their way, plans, connections, sled
//! ```
//!
//! A statement has the whole of the statements' part if nobody else needs any, or what its session's `memory_limit` says. Sorts,
//! groups and merge joins that need more write sealed files ([`crate::storage::SpillArea`]); hash joins cannot, so a query whose
//! hash join does not fit is planned again without them ([`super::run`]).

mod owned;
mod pool;
mod spill;
#[cfg(test)]
mod tests;

use super::settings::Settings;
use crate::config::{BATCH_ROWS, MEMORY_BLOCKS_SHARE, MEMORY_CHUNKS_SHARE, MEMORY_KEYS_SHARE, MEMORY_STATEMENTS_SHARE};
use crate::error::Result;
use crate::storage::SpillArea;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, TaskContext};
pub use owned::owning;
use pool::{Shared, StatementPool};
use spill::SealedFiles;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that each stream of a statement should have for each row of its batches: a merge holds dozens of batches, of rows that
/// may have hundreds of bytes.
const BYTES_A_ROW: usize = 32 << 10;
/// Fewest rows of a batch.
const ROWS_MIN: usize = 128;
/// Spilled runs that are merged at once: one merge must leave room for others.
const RUNS_MAX: usize = 8;
/// Memory below which the engine's own reserves are cut down.
const AMPLE_BYTES: usize = 512 << 20;
/// Least that a sort keeps back for merging what it spilled.
const MERGE_BYTES_MIN: usize = 64 << 10;
/// Most, as is the engine's habit.
const MERGE_BYTES_MAX: usize = 10 << 20;

/// The memory of a database.
#[derive(Debug)]
pub struct Memory {
    limit: AtomicU64,
    /// What statements have, all together.
    statements: Arc<Shared>,
    /// Where they spill.
    files: Arc<SealedFiles>,
    /// What the engine needs beside.
    runtime: RuntimeEnv,
}

/// Bytes for caches.
#[derive(Debug, Clone, Copy)]
pub struct Caches {
    /// Decoded columns.
    pub columns: usize,
    /// Opened blocks.
    pub blocks: usize,
    /// Key indexes.
    pub keys: usize,
}

impl Memory {
    /// Memory with this limit; statements spill into `area`.
    pub fn new(limit: u64, area: Arc<SpillArea>) -> Result<Self> {
        let nowhere = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(nowhere).build()?;
        let files = Arc::new(SealedFiles::new(area));
        let memory = Self { limit: AtomicU64::new(limit), statements: Arc::default(), files, runtime };
        memory.set_limit(limit);
        Ok(memory)
    }

    /// Another limit; gives what caches may have of it.
    pub fn set_limit(&self, limit: u64) -> Caches {
        let share = |hundredths: u64| usize::try_from(limit / 100 * hundredths).unwrap_or(usize::MAX);
        self.limit.store(limit, Ordering::Relaxed);
        self.statements.set_limit(share(MEMORY_STATEMENTS_SHARE));
        let (columns, blocks) = (share(MEMORY_CHUNKS_SHARE), share(MEMORY_BLOCKS_SHARE));
        Caches { columns, blocks, keys: share(MEMORY_KEYS_SHARE) }
    }

    /// The limit.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// The engine as a statement of a session has it, so that its reserves fit into its memory.
    pub fn fitted(&self, state: &SessionState, settings: &Settings) -> Option<SessionState> {
        let bytes = self.statement_bytes(settings);
        if bytes >= AMPLE_BYTES {
            return None;
        }
        let mut state = state.clone();
        let rows = bytes / BYTES_A_ROW / state.config().target_partitions().max(1);
        *state.config_mut() = state.config().clone().with_batch_size(rows.clamp(ROWS_MIN, BATCH_ROWS));
        let execution = &mut state.config_mut().options_mut().execution;
        let each = bytes / (16 * execution.target_partitions.max(1));
        execution.sort_spill_reservation_bytes = each.clamp(MERGE_BYTES_MIN, MERGE_BYTES_MAX);
        execution.sort_in_place_threshold_bytes = each.clamp(MERGE_BYTES_MIN, 1 << 20);
        Some(state)
    }

    /// Memory as a statement of a session has it.
    pub fn pool(&self, settings: &Settings) -> Arc<dyn MemoryPool> {
        Arc::new(StatementPool::new(self.statement_bytes(settings), self.statements.clone()))
    }

    /// What the plan of a statement runs with.
    pub fn task(&self, state: &SessionState, settings: &Settings) -> Result<Arc<TaskContext>> {
        let disk = DiskManagerBuilder::default().with_temp_file_factory(self.files.clone());
        let disk = disk.with_max_spill_merge_fan_in(RUNS_MAX).build()?;
        let runtime = RuntimeEnv {
            memory_pool: self.pool(settings),
            disk_manager: Arc::new(disk),
            cache_manager: self.runtime.cache_manager.clone(),
            object_store_registry: self.runtime.object_store_registry.clone(),
        };
        Ok(Arc::new(TaskContext::from(state).with_runtime(Arc::new(runtime))))
    }

    /// Bytes that a statement of a session may have.
    pub fn statement_bytes(&self, settings: &Settings) -> usize {
        let all = self.statements.limit();
        let own = settings.bytes("memory_limit").and_then(|bytes| usize::try_from(bytes).ok());
        own.map_or(all, |own| own.min(all))
    }
}

/// Half of the memory that the machine has, or the container that the process runs in.
pub fn memory_default() -> u64 {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let machine = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
    };
    // Where nobody tells, as much as a small machine has.
    let machine = machine().unwrap_or(4 << 30);
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let least = container.into_iter().filter_map(number).fold(machine, u64::min);
    ((least / 2) >> 20) << 20
}
