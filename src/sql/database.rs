//! A database: the store, the engine's template, the sessions on it.

use super::activity::Activities;
use super::at_work::AtWork;
use super::channels::Channels;
use super::context::{Notice, NoticeSink};
use super::erasure;
use super::guarded;
use super::jobs::Jobs;
use super::logins::OnReload;
use super::memory::{Memory, memory_default};
use super::models::Models;
use super::own_files::Private;
use super::referred::referred_files;
use super::run::blocking;
use super::scrub::{self, Scrub};
use super::semantics::{self, Arrays, Checked, Lists, Operators, Relations};
use super::sequences::Counters;
use super::session::Session;
use super::statement_id::Statements;
use super::tables::Remotes;
use super::temporary;
use super::text_indexes::TextIndexes;
use crate::catalog::{Class, Object, ObjectId, Role, Schema};
use crate::config::{BATCH_ROWS, DATABASE_DEFAULT};
use crate::crypto::{KeySource, MacKey, Purpose, ScramVerifier};
use crate::encoding::{from_value, to_value};
use crate::error::{Error, Kind, Result};
use crate::storage::{FileId, FileKind, Store, Tree, WriteBatch};
use crate::txn::{Auditor, Committing, Compactor, Manager, Transaction};
use datafusion::common::config::SpillCompression;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Key in tree `Sys` of the database's name.
const NAME_KEY: &[u8] = b"database";

/// An open database. Clones are the same database.
///
/// ```
/// # fn main() -> stewarddb::Result<()> {
/// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
/// # let folder = tempfile::tempdir().unwrap();
/// use stewarddb::{Database, KeySource, MasterKey};
///
/// // The key is kept apart from the data: without it nothing opens again.
/// let file = folder.path().join("shop.key");
/// if !file.exists() {
///     MasterKey::generate()?.write_file(&file)?;
/// }
/// let key = KeySource::from(MasterKey::from_file(&file)?);
/// let database = Database::open(folder.path().join("shop"), &key)?;
/// # runtime.block_on(async {
/// let mut session = database.session("steward")?;
/// session.query("CREATE TABLE price (sku text PRIMARY KEY, yuan numeric(10,2))").await?;
/// session.query("INSERT INTO price VALUES ('A-1', 19.90), ('B-2', 5)").await?;
/// let rows = session.query("SELECT sum(yuan) AS total FROM price").await?;
/// assert_eq!(rows[0].num_rows(), 1);
/// assert_eq!(stewarddb::cell_text(rows[0].column(0), 0).as_deref(), Some("24.90"));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Database(Arc<Inner>);

/// What all sessions share.
pub struct Inner {
    pub(super) manager: Arc<Manager>,
    pub(super) name: String,
    pub(super) models: Models,
    pub(super) indexes: TextIndexes,
    pub(super) memory: Memory,
    pub(super) scrub: Scrub,
    /// Key of `tokenize`.
    pub(super) token_key: Arc<MacKey>,
    /// How far sequences have counted.
    pub(super) counters: Counters,
    template: SessionState,
    /// Compacts tables until the database is closed.
    _compactor: Compactor,
    /// Writes the audit log until then.
    _auditor: Auditor,
    /// What `pg_reload_conf` does.
    pub(super) on_reload: Mutex<Option<OnReload>>,
    /// Who listens to what.
    pub(super) channels: Arc<Channels>,
    /// Files that no statement may touch.
    pub(super) private: Private,
    /// What databases of sources have.
    pub(super) remotes: Remotes,
    /// What the sessions are doing.
    pub(super) activities: Arc<Activities>,
    /// Whether more than one is at work.
    pub(super) at_work: AtWork,
    /// How many sessions there have been.
    sessions: AtomicU64,
    /// Numbers of statements.
    pub(super) statements: Statements,
    /// What goes on with erasures.
    pub(super) erasing: erasure::Erasing,
    /// The jobs that run now.
    pub(super) jobs: Jobs,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a new database begins with.
#[derive(Debug, Clone)]
pub struct Birth {
    /// Its name.
    pub database: String,
    /// Its first superuser.
    pub user: String,
    /// The superuser's password; without one nobody can log in over the wire.
    pub password: Option<String>,
}

impl Default for Birth {
    fn default() -> Self {
        Self { database: DATABASE_DEFAULT.to_owned(), user: "steward".to_owned(), password: None }
    }
}

impl Database {
    /// Opens the database in the folder `path`, or makes one with the superuser `steward` when the folder is empty.
    /// The wrong key is [`Kind::WrongKey`], a folder in use [`Kind::InUse`], a broken seal [`Kind::Corruption`].
    pub fn open(path: impl AsRef<Path>, key: &KeySource) -> Result<Self> {
        Self::open_or_create(path, key, &Birth::default())
    }

    /// As [`Self::open`]; a new database begins as `birth` says.
    pub fn open_or_create(path: impl AsRef<Path>, key: &KeySource, birth: &Birth) -> Result<Self> {
        let store = Arc::new(Store::open(path.as_ref(), key)?);
        let manager = Arc::new(Manager::open(store.clone())?);
        if manager.current().catalog.objects().next().is_none() {
            bear(&store, &manager, birth)?;
        }
        let name = match store.engine().get(Tree::Sys, NAME_KEY)? {
            Some(bytes) => from_value("the database's name", &bytes)?,
            None => DATABASE_DEFAULT.to_owned(),
        };
        let indexes = TextIndexes::new(store.clone());
        temporary::remove_left(&manager)?;
        remove_orphans(&manager)?;
        let counters = Counters::new(store.clone());
        counters.remove_orphans(&manager.current().catalog)?;
        super::ddl::number_columns(&manager)?;
        // Only now: what it writes is nothing that the opening finds left over.
        let compactor = Compactor::start(&manager);
        let auditor = Auditor::start(&manager);
        let inner = Inner {
            models: Models::new(store.clone()),
            memory: Memory::new(memory_default(), store.spill().clone())?,
            token_key: Arc::new(store.keyring().mac_key(Purpose::Governance, "tokenize")?),
            indexes,
            counters,
            scrub: Scrub::default(),
            manager,
            name,
            template: template()?,
            on_reload: Mutex::default(),
            channels: Arc::default(),
            activities: Arc::default(),
            at_work: AtWork::default(),
            remotes: Remotes::default(),
            private: Private::default(),
            sessions: AtomicU64::new(1),
            statements: Statements::new()?,
            erasing: erasure::Erasing::default(),
            jobs: Jobs::default(),
            _compactor: compactor,
            _auditor: auditor,
        };
        let database = Self(Arc::new(inner));
        database.set_memory_limit(memory_default());
        // What a process that ended had not come to.
        erasure::resume(database.inner());
        Ok(database)
    }

    /// Lets the database use so many bytes of memory for its caches and for what statements sort, join and group. Sessions that
    /// are there keep the limit they began with.
    pub fn set_memory_limit(&self, bytes: u64) {
        let caches = self.0.memory.set_limit(bytes);
        self.0.manager.set_memory_bytes(bytes);
        self.0.manager.set_cache_bytes(caches.columns);
        self.0.manager.set_key_bytes(caches.keys);
        self.0.manager.store().files().set_cache_bytes(caches.blocks);
    }

    /// Bytes of memory that the database may use.
    pub fn memory_limit(&self) -> u64 {
        self.0.memory.limit()
    }

    /// Keeps a file that lies outside of the data folder from all statements, such as the file of a key.
    pub fn keep_private(&self, file: &Path) {
        self.0.keep_private(file);
    }

    /// A session of a role, whose notices go nowhere.
    pub fn session(&self, role: &str) -> Result<Session> {
        self.session_with_notices(role, Arc::new(|_: Notice| {}))
    }

    /// A session of a role.
    pub fn session_with_notices(&self, role: &str, notices: NoticeSink) -> Result<Session> {
        match self.0.manager.current().catalog.role(role) {
            Some((id, _)) => Ok(self.0.session_of(id, notices)),
            None => Err(Error::new(Kind::UndefinedObject, format!("role \"{role}\" does not exist"))),
        }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Looks at everything on disk now and then as long as the database is open; what it finds is in `steward.scrub`.
    pub fn scrub_in_background(&self) -> Result<()> {
        scrub::begin(&self.0)
    }

    /// The store below, for checks.
    pub fn store(&self) -> &Arc<Store> {
        self.0.manager.store()
    }

    /// The verifier of a role that may log in with a password.
    pub fn verifier(&self, role: &str) -> Option<ScramVerifier> {
        let snapshot = self.0.manager.current();
        let (_, role) = snapshot.catalog.role(role)?;
        ScramVerifier::parse(role.verifier.as_deref().filter(|_| role.login)?).ok()
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// How many statements wait for a lock.
    pub fn waiting(&self) -> usize {
        self.0.manager.locks().waiting()
    }

    /// Names of the superusers.
    pub fn superusers(&self) -> Vec<String> {
        let snapshot = self.0.manager.current();
        let roles = snapshot.catalog.class(Class::Role).filter_map(|(_, object)| match object {
            Object::Role(role) if role.superuser => Some(role.name.clone()),
            _ => None,
        });
        roles.collect()
    }
}

/// The first commit: schema public, the superuser.
fn bear(store: &Store, manager: &Manager, birth: &Birth) -> Result<()> {
    let mut txn = manager.begin(false);
    let role = manager.new_id();
    let verifier = match &birth.password {
        Some(password) => Some(ScramVerifier::from_password(password)?.encode()),
        None => None,
    };
    let superuser = Role {
        name: birth.user.clone(),
        superuser: true,
        login: true,
        verifier,
        member_of: Vec::new(),
        defaults: Vec::new(),
    };
    txn.put_object(role, Object::Role(superuser))?;
    txn.put_object(
        manager.new_id(),
        Object::Schema(Schema { name: "public".to_owned(), owner: role, creators: Vec::new() }),
    )?;
    let mut batch = WriteBatch::default();
    batch.put(Tree::Sys, NAME_KEY.to_vec(), to_value(&birth.database)?);
    store.engine().commit(batch)?;
    manager.commit(txn)?;
    Ok(())
}

/// The engine with PostgreSQL's habits.
fn template() -> Result<SessionState> {
    let mut config = SessionConfig::new()
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(true)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    // As in PostgreSQL the order of a view is that of its rows where nothing above it gives them another.
    options.sql_parser.enable_subquery_sort_elimination = false;
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.spill_compression = SpillCompression::Lz4Frame;
    // Its check of nullability takes IS TRUE for something that is never NULL, and fails.
    options.execution.skip_physical_aggregate_schema_check = true;
    // Plans run with the memory and the sealed files of their statement; whatever else there may be does not reach the disk.
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(disk).build_arc()?;
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        // Before those of the libraries: the first planner that knows an operator has it.
        .with_expr_planners(vec![Arc::new(Operators), Arc::new(Arrays)])
        .with_relation_planners(vec![Arc::new(Lists), Arc::new(Relations)])
        .with_default_features()
        .with_optimizer_rules(semantics::rules())
        .with_physical_optimizer_rules(guarded::rules())
        .with_query_planner(Arc::new(semantics::WithFences))
        .build();
    datafusion_functions_json::register_all(&mut state)?;
    state.add_analyzer_rule(Arc::new(Checked));
    Ok(state)
}

/// Files that nothing refers to: left by a process that was killed between writing a file and its commit.
fn remove_orphans(manager: &Manager) -> Result<()> {
    let used: HashSet<u64> = referred_files(manager)?.into_iter().map(|(id, _)| id.as_u64()).collect();
    let files = manager.store().files();
    for id in files.list()? {
        if !used.contains(&id.as_u64()) {
            files.remove(id)?;
        }
    }
    // Nor may it have come to the keys of what it dropped.
    let living = manager.current().catalog.objects().map(|(id, _)| id).collect();
    manager.store().destroy_keys_but(&living);
    Ok(())
}

impl Inner {
    /// A session of a role.
    pub(super) fn session_of(self: &Arc<Self>, role: ObjectId, notices: NoticeSink) -> Session {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        Session::new(self.clone(), role, number, notices)
    }

    /// The engine as each statement gets it: for what asks for no time.
    pub(super) fn template(&self) -> &SessionState {
        &self.template
    }

    /// The engine for one statement.
    pub(super) fn state(&self) -> SessionState {
        let mut state = self.template.clone();
        state.mark_start_execution();
        state
    }

    /// Begins to commit; [`Self::wait`] waits for it.
    pub(super) fn begin_commit(&self, txn: Transaction) -> Result<Committing<'_>> {
        if txn.dropped().next().is_some() || !txn.renewed().is_empty() || !txn.forgotten().is_empty() {
            return self.commit_now(txn).map(|seq| self.manager.committed(seq));
        }
        match self.manager.begin_short_commit(txn)? {
            Ok(committing) => Ok(committing),
            // Others go on while this one waits, or merges what there is.
            Err(txn) => blocking(|| self.manager.begin_commit(txn)),
        }
    }

    /// Waits until a commit is durable. One who is alone writes on this thread; where others are at work, or the disk is slow, a thread
    /// of the store writes for all, and nobody's is kept.
    pub(super) async fn wait(&self, committing: Committing<'_>) -> Result<u64> {
        let alone = self.at_work.is_one() && self.manager.store().commits_soon();
        committing.apart(!alone).await
    }

    /// Commits on this thread, and removes the files of text indexes that were dropped.
    pub(super) fn commit_now(&self, txn: Transaction) -> Result<u64> {
        let dropped: Vec<ObjectId> = txn.dropped().collect();
        let (renewed, forgotten) = (txn.renewed(), txn.forgotten());
        if txn.is_empty() && renewed.is_empty() && forgotten.is_empty() {
            // Nothing goes to the disk: to have others take over this thread's work would cost more than the statement.
            return self.manager.commit(txn);
        }
        // Before the commit: an inventory that still writes some for one of these tables began before it, and will not be
        // committed.
        let weights = match forgotten.is_empty() {
            true => Vec::new(),
            false => blocking(|| self.manager.store().files().list_of(FileKind::Model, &forgotten))?,
        };
        let gone: Vec<ObjectId> = dropped
            .iter()
            .copied()
            .filter(|id| matches!(self.manager.current().catalog.get(*id).map(AsRef::as_ref), Some(Object::Index(_))))
            .collect();
        // A commit waits for the disk: others go on meanwhile, and wait with it.
        let seq = blocking(|| self.manager.commit(txn))?;
        for id in gone {
            if let Err(error) = self.indexes.remove(id) {
                tracing::warn!("files of a dropped index stay until the next start: {error}");
            }
        }
        let store = self.manager.store();
        if !weights.is_empty()
            && let Err(error) = blocking(|| self.forget(weights))
        {
            tracing::warn!("weights that are not needed stay until the next start: {error}");
        }
        if !dropped.is_empty() {
            store.destroy_keys_of(dropped);
        }
        if !renewed.is_empty()
            && let Err(error) = blocking(|| store.renew_keys_of(renewed))
        {
            tracing::warn!("the keys of what was emptied or erased stay: {error}");
        }
        Ok(seq)
    }

    /// Removes weights that no finding needs any more. Values of a table are in them: they go before the key under which
    /// they lie is replaced or destroyed.
    pub(super) fn forget(&self, weights: Vec<FileId>) -> Result<()> {
        let used: HashSet<FileId> = referred_files(&self.manager)?.into_iter().map(|(id, _)| id).collect();
        for file in weights.into_iter().filter(|file| !used.contains(file)) {
            self.models.forget_quality(file.as_u64());
            self.manager.store().files().remove(file)?;
        }
        Ok(())
    }
}
