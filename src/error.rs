//! What can go wrong, told by what the caller can do about it.
//!
//! Every room returns [`Error`]. Its [`Kind`] is the meaning (fix the statement, ask for a right, retry, free
//! space, restore a copy, report our bug); `server` gives each kind its SQLSTATE in one total `match`. A message names
//! the object, a hint the remedy; neither ever carries a protected value, a key or plaintext of a sealed file.

use std::fmt;

/// The meaning of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The text is not SQL that Steward understands.
    Syntax,
    /// No such table, view or source asset.
    UndefinedTable,
    /// No such column.
    UndefinedColumn,
    /// No function of that name takes such arguments.
    UndefinedFunction,
    /// Several functions or operators would do.
    AmbiguousFunction,
    /// No such role, tag, policy, model, version, setting or index.
    UndefinedObject,
    /// No such schema.
    UndefinedSchema,
    /// No such database.
    UndefinedDatabase,
    /// No such prepared statement.
    UndefinedStatement,
    /// No such cursor.
    UndefinedCursor,
    /// No such savepoint.
    UndefinedSavepoint,
    /// A statement names a parameter that it cannot have.
    UndefinedParameter,
    /// A relation of that name is there already.
    DuplicateTable,
    /// A schema of that name exists.
    DuplicateSchema,
    /// A column is named twice.
    DuplicateColumn,
    /// Two relations of a FROM clause have one name.
    DuplicateAlias,
    /// Another object of that name is there already.
    DuplicateObject,
    /// A function of that name and these arguments is there already.
    DuplicateFunction,
    /// A prepared statement of that name is there already.
    DuplicateStatement,
    /// A cursor of that name is there already.
    DuplicateCursor,
    /// A name could mean two columns.
    AmbiguousColumn,
    /// A column must be in GROUP BY or in an aggregate.
    Grouping,
    /// A number in ORDER BY or GROUP BY counts no column.
    InvalidColumnReference,
    /// LIMIT or OFFSET is negative.
    InvalidRowCount,
    /// A negative OFFSET.
    InvalidRowOffset,
    /// A window function where none may be.
    Windowing,
    /// A frame of a window that reaches less than nowhere.
    FrameSize,
    /// `ntile` of no buckets.
    Ntile,
    /// `nth_value` of no row.
    NthValue,
    /// An expression has another type than its place asks for.
    DatatypeMismatch,
    /// Nothing tells which type a parameter has.
    IndeterminateType,
    /// There is no cast from one type to the other.
    CannotCoerce,
    /// A name that cannot be one.
    InvalidName,
    /// A name that is kept for the system.
    ReservedName,
    /// A name is longer than it may be, and is cut.
    NameTooLong,
    /// An object of another kind than the statement is about.
    WrongObject,
    /// A value for a column that makes its own.
    GeneratedAlways,
    /// A sequence has come to its end.
    SequenceLimit,
    /// A definition contradicts itself.
    InvalidDefinition,
    /// A function's definition contradicts itself, or what is there.
    InvalidFunction,
    /// A part of a text that has less than nothing.
    InvalidSubstring,
    /// Buckets of a histogram that cannot be.
    InvalidWidthBucket,
    /// A privilege that such an object does not have.
    InvalidGrant,
    /// The words of a cursor's declaration contradict each other.
    InvalidCursor,
    /// A table cannot be as it is defined.
    InvalidTableDefinition,
    /// A schema is to be made with what is of another one.
    InvalidSchemaDefinition,
    /// A foreign key refers to columns that are no key.
    InvalidForeignKey,
    /// A text cannot be read as the type asked for.
    InvalidText,
    /// Bytes are no text of the encoding.
    InvalidByteSequence,
    /// A character has no equivalent in the encoding.
    Untranslatable,
    /// A text is no date or time.
    InvalidDatetime,
    /// Bytes are no value of the type in its binary form.
    InvalidBinary,
    /// COPY data do not have the promised form.
    BadCopy,
    /// Division by zero.
    DivisionByZero,
    /// A number does not fit its type.
    NumericOutOfRange,
    /// A logarithm of zero or of a negative number.
    InvalidLogarithm,
    /// A root or power that is no real number.
    InvalidPower,
    /// A regular expression that is none.
    InvalidRegex,
    /// More than one character before those of a pattern that mean themselves.
    InvalidEscape,
    /// A text is longer than its type allows.
    StringTooLong,
    /// A date or time does not exist or does not fit its type.
    DatetimeOutOfRange,
    /// An option, setting or argument has a value that it cannot have.
    InvalidParameter,
    /// A setting that no session can change.
    FixedParameter,
    /// A path of JSON finds no member of that key.
    JsonMember,
    /// A path of JSON finds no array.
    JsonArray,
    /// A path of JSON finds no object.
    JsonObject,
    /// A path of JSON finds no number.
    JsonNumber,
    /// A path of JSON finds something else than one item.
    JsonSingleton,
    /// A path of JSON names a place that an array has not.
    JsonSubscript,
    /// A method of a path of JSON does not take such an item.
    JsonItem,
    /// A scalar subquery gave more than one row.
    Cardinality,
    /// NULL in a column that forbids it.
    NotNull,
    /// NULL where a function takes none.
    NullValue,
    /// The key is there already.
    Unique,
    /// A CHECK constraint refuses the row.
    Check,
    /// A view with a check option would not show the row that is written through it.
    CheckOption,
    /// A foreign key has no partner.
    ForeignKey,
    /// Another object depends on this one.
    Dependent,
    /// Another transaction changed the same rows first; run the transaction again.
    Serialization,
    /// Transactions wait for each other; this one gives way. Run it again.
    Deadlock,
    /// Another transaction holds a lock that this one would not wait for, or not longer.
    LockNotAvailable,
    /// A moment of the past that is no longer kept.
    SnapshotTooOld,
    /// The role lacks the right.
    Privilege,
    /// Known, and deliberately not offered.
    Unsupported,
    /// The object is not in a state for this (a model that is not trained, an index being built).
    NotReady,
    /// Somebody else holds it: a port, a data directory, a role that is logged in.
    InUse,
    /// A limit the administrator set.
    LimitExceeded,
    /// More than the program can ever do.
    ProgramLimit,
    /// The memory limit.
    OutOfMemory,
    /// A session did nothing within its transaction for longer than it may.
    IdleInTransaction,
    /// A session did nothing for longer than it may.
    IdleSession,
    /// Too many connections.
    TooManyConnections,
    /// No room on the disk.
    DiskFull,
    /// The operating system refused to read or write.
    Io,
    /// No such file on the server.
    UndefinedFile,
    /// Another database, which a source reads, says no.
    Foreign,
    /// Another database, which a source reads, cannot be reached or entered.
    ForeignConnection,
    /// The statement was cancelled, or ran into its timeout.
    Cancelled,
    /// The transaction has failed and waits for ROLLBACK.
    FailedTransaction,
    /// This cannot run inside a transaction block.
    ActiveTransaction,
    /// There is no transaction block.
    NoActiveTransaction,
    /// The transaction is read only.
    ReadOnlyTransaction,
    /// Role or password are wrong.
    Authentication,
    /// No rule lets the client in from there, or its role may not log in.
    NotAuthorized,
    /// The peer broke the wire protocol.
    Protocol,
    /// The key does not open this database.
    WrongKey,
    /// A seal is broken: the bytes on disk are not what was written.
    Corruption,
    /// The files were written by a newer Steward.
    FormatVersion,
    /// A command line or configuration that cannot work.
    Configuration,
    /// The server is going down.
    Shutdown,
    /// A bug of ours. No input should reach it.
    Internal,
}

/// The object that an error is about, for programs: PostgreSQL's error fields `s`, `t`, `c` and `n`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its column, where it is one.
    pub column: Option<String>,
    /// Its constraint, where one was violated.
    pub constraint: Option<String>,
}

/// What went wrong: meaning, message, and what helps.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    position: Option<usize>,
    about: Option<About>,
    routine: Option<&'static str>,
    value: Option<usize>,
}

/// Result with the house's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        let (detail, hint, context, position) = (None, None, None, None);
        let (about, routine, value) = (None, None, None);
        Self(Box::new(Inner { kind, message, detail, hint, context, position, about, routine, value }))
    }

    /// A bug of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Whoever asked for a statement has it stop.
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "canceling statement due to user request")
    }

    /// What the operating system said about `what`: no room is [`Kind::DiskFull`], the rest [`Kind::Io`].
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::new(Kind::DiskFull, format!("{what}: no space left on the device"))
                    .with_hint("Free some space; nothing acknowledged is lost.")
            }
            _ => Self::new(Kind::Io, format!("{what}: {error}")),
        }
    }

    /// Adds a second sentence with the particulars.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the remedy.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds where it happened: the line of COPY's data, never what stood there.
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.0.context = Some(context.into());
        self
    }

    /// Adds the place in the statement, as a 1-based count of characters.
    pub fn at(mut self, position: usize) -> Self {
        self.0.position = Some(position);
        self
    }

    /// Says which of the values that the statement lists it is about, from 0, so that its place can be found.
    pub fn about_value(mut self, value: usize) -> Self {
        self.0.value = Some(value);
        self
    }

    /// Names the column of a table that it is about.
    pub fn about_column(mut self, (schema, table): (&str, &str), column: &str) -> Self {
        let (schema, table) = (schema.to_owned(), table.to_owned());
        self.0.about = Some(About { schema, table, column: Some(column.to_owned()), constraint: None });
        self
    }

    /// Names the constraint of a table that it is about.
    pub fn about_constraint(mut self, (schema, table): (&str, &str), constraint: &str) -> Self {
        let (schema, table) = (schema.to_owned(), table.to_owned());
        self.0.about = Some(About { schema, table, column: None, constraint: Some(constraint.to_owned()) });
        self
    }

    /// Names the routine of PostgreSQL that reports the same, for drivers that know the case by it.
    pub fn by_routine(mut self, routine: &'static str) -> Self {
        self.0.routine = Some(routine);
        self
    }

    /// The meaning.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The particulars, if any.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The remedy, if any.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The object that it is about, if it is about one.
    pub fn about(&self) -> Option<&About> {
        self.0.about.as_ref()
    }

    /// Which of the values that the statement lists it is about, from 0.
    pub fn value(&self) -> Option<usize> {
        self.0.value
    }

    /// PostgreSQL's routine that reports the same, if a driver needs it.
    pub fn routine(&self) -> Option<&'static str> {
        self.0.routine
    }

    /// Where it happened, if known.
    pub fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }

    /// The 1-based character in the statement, if known.
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(detail) = &self.0.detail {
            write!(f, "\nDETAIL:  {detail}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\nHINT:  {hint}")?;
        }
        if let Some(context) = &self.0.context {
            write!(f, "\nCONTEXT:  {context}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Shorthand for `Err(Error::new(kind, format!(...)))`.
#[macro_export]
macro_rules! fail {
    ($kind:ident, $($arg:tt)*) => {
        return Err($crate::error::Error::new($crate::error::Kind::$kind, format!($($arg)*)))
    };
}
