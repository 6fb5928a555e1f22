//! SQL: one statement from text to rows.
//!
//! The journey of a statement: [`parser`] splits the text and reads it, our own grammar first; [`session`] opens or
//! continues a transaction and builds the statement's [`context`], which fixes what it sees and with whose rights;
//! [`execute`] is the list of everything that is allowed and sends it to its file: a query to the [`planner`], changes of
//! rows to [`dml`], definitions to [`ddl`], what is Steward's own to [`statements`], a query of PostgreSQL's catalogue alone to
//! [`pg_catalog`], which has an evaluator of its own. The planner asks [`tables`] for every
//! relation and [`functions`] for every function, and the gate in front of both has applied rights, row policies and
//! masks before anything else is planned on top. [`run`] turns a plan into a stream that can be cancelled. [`prepared`] statements
//! are described once ([`describe`]) and run with [`parameters`]; a [`cursor`] keeps such a stream to take rows from it.
//!
//! Only this room names DataFusion. Errors of the engine become ours in [`error`], with PostgreSQL's wording.

mod activity;
mod advisory;
mod at_work;
mod audit;
mod bags;
mod block;
mod called;
mod caught;
mod channels;
mod classification;
mod context;
mod copy;
mod cursor;
mod database;
mod ddl;
mod define;
mod describe;
mod dml;
mod erasure;
mod execute;
mod explaining;
pub mod export;
mod foreign_scans;
mod functions;
mod guarded;
mod inventory;
mod jobs;
mod kept_plan;
mod keywords;
mod lateral;
mod lineage;
mod linkage;
mod locking;
mod logins;
mod lookup;
mod memory;
mod model_calls;
mod model_card;
mod models;
mod names;
mod once;
mod origins;
mod own_files;
mod parameters;
mod parser;
mod passing;
mod pg_catalog;
mod planner;
mod position;
mod prepared;
mod quality;
mod query_rows;
mod referred;
mod repair;
mod rewrite;
mod run;
mod schema_elements;
mod scrub;
mod semantics;
mod sequences;
mod session;
mod settings;
mod shape;
mod shown;
mod sparing;
mod statement_id;
mod statements;
mod stoppable;
mod system;
mod tables;
mod temporary;
mod text_indexes;
mod types;
mod values;

use crate::wording::{self as error, missing};

pub use activity::{Connection, Encryption, Stop};
pub use audit::Visit;
pub use channels::Notification;
pub use context::{Cancel, Notice, NoticeSink};
pub use copy::BinaryForm;
pub use cursor::{BINARY_ROWS, COMMITTED_ROWS};
pub use database::{Birth, Database};
pub use datafusion::common::ScalarValue;
pub use jobs::Scheduler;
pub use origins::{COMPUTED_METADATA, ORIGIN_METADATA};
pub use parser::{ALL, Cursor, Declare, Direction, Statement};
pub use pg_catalog::identifier::{literal, quoted};
pub use pg_catalog::{array_type_of, element_type_of};
pub use prepared::Prepared;
pub use referred::referred_files;
pub use run::blocking;
pub use session::{CopyLines, Description, Outcome, Session, Status};
pub use settings::{Settings, parse_bytes, show_bytes};
pub use shape::Recalled;
pub use values::{Inet, array_elements, read_one};
