//! Grammar of Steward's own statements.

use super::super::ddl::Giving;
use super::classify::{self, ClassifyWords};
use super::copy::{self, Copy};
use super::cursor::{self, Cursor};
use super::define::{self, Define};
use super::forget::{self, ForgetWords};
use super::grant;
use super::job::{self, JobWords};
use super::kept::{self, Kept};
use super::model::{self, ModelWords};
use super::operate::{self, Operate};
use super::repair::{self, RepairWords};
use super::role;
use super::rule::{self, RuleWords};
use super::sequence;
use super::tag::{self, NewTag};
use super::upkeep::{self, Upkeep};
use super::words::Words;
use crate::catalog::{DefaultsOf, Privilege, SqlType};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;
use std::collections::BTreeMap;

/// A relation with or without its schema.
pub type Relation = (Option<String>, String);

/// A statement of Steward's own, or one whose grammar sqlparser reads otherwise than PostgreSQL.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are the words of the grammar in docs/sql.md")]
pub enum Own {
    /// `CREATE SOURCE`
    CreateSource { name: String, if_not_exists: bool, source_type: String, options: BTreeMap<String, String> },
    /// `ALTER SOURCE name [SET] OPTIONS`
    AlterSource { name: String, options: BTreeMap<String, String> },
    /// `DROP SOURCE`
    DropSource { name: String, if_exists: bool, cascade: bool },
    /// `REFRESH SOURCE`
    RefreshSource { name: String },
    /// `INVENTORY`
    Inventory(Inventory),
    /// `CREATE MODEL`
    CreateModel {
        name: String,
        or_replace: bool,
        if_not_exists: bool,
        options: BTreeMap<String, String>,
        query: Option<Box<ast::Query>>,
    },
    /// `ALTER MODEL ... DEPLOY VERSION n`; none means ROLLBACK to the version before
    DeployModel { name: String, version: Option<u32> },
    /// `ALTER MODEL ... RENAME TO`
    RenameModel { name: String, to: String },
    /// What becomes of a trained model
    Model(ModelWords),
    /// `DROP MODEL`; with a version that one alone
    DropModel { name: String, if_exists: bool, version: Option<u32> },
    /// `CREATE TAG`
    CreateTag(NewTag),
    /// `DROP TAG`
    DropTag { name: String, if_exists: bool },
    /// `ALTER TAG ... SET MASKING POLICY`; none means UNSET
    TagMask { tag: String, policy: Option<String> },
    /// `ALTER TABLE ... SET TAG`; no value means UNSET
    TagUse { target: TagTarget, tag: String, value: Option<tag::Said> },
    /// `ALTER TABLE ... ALTER COLUMN ... SET MASKING POLICY`; none means UNSET
    ColumnMask { table: Relation, column: String, policy: Option<String> },
    /// `ALTER TABLE ... ALTER COLUMN ... SET CLASS`; none means RESET
    ColumnClass { table: Relation, column: String, class: Option<String> },
    /// `ALTER TABLE ... ERASE CLASS`
    EraseClass { table: Relation, class: String },
    /// `ALTER MODEL ... SET TAG`; no value means UNSET
    ModelTag { name: String, tag: String, value: Option<tag::Said> },
    /// `CREATE MASKING POLICY`
    CreateMaskingPolicy { name: String, or_replace: bool, argument: String, data_type: SqlType, body: String },
    /// `DROP MASKING POLICY`
    DropMaskingPolicy { name: String, if_exists: bool },
    /// `CREATE ROLE` and `CREATE USER`
    CreateRole { name: String, if_not_exists: bool, login: bool, options: Vec<RoleOption> },
    /// `ALTER ROLE`
    AlterRole { name: String, options: Vec<RoleOption> },
    /// `DROP ROLE`
    DropRole { names: Vec<String>, if_exists: bool },
    /// `GRANT`, or with `revoke` the opposite
    Grant { target: GrantTarget, roles: Vec<String>, how: Giving },
    /// `ALTER DEFAULT PRIVILEGES [FOR ROLE owner, ...] [IN SCHEMA schema, ...]`
    DefaultRights { owners: Vec<String>, schemas: Vec<String>, target: DefaultTarget, roles: Vec<String>, how: Giving },
    /// `REASSIGN OWNED`
    ReassignOwned { from: Vec<String>, to: String },
    /// `DROP OWNED`
    DropOwned { roles: Vec<String>, cascade: bool },
    /// `SET ROLE`; none means `NONE`
    SetRole { role: Option<String> },
    /// `RESET ROLE`
    ResetRole,
    /// `SET SESSION AUTHORIZATION`; none means `DEFAULT`
    SessionAuthorization { role: Option<String>, reset: bool },
    /// `COPY`
    Copy(Box<Copy>),
    /// Definitions of sequences, names, comments
    Define(Define),
    /// `VACUUM`, `ANALYZE`, `CLUSTER`
    Upkeep(Upkeep),
    /// Materialized views, CREATE TABLE AS ... WITH NO DATA
    Kept(Kept),
    /// Backups, exports, checks
    Operate(Operate),
    /// DECLARE, FETCH, MOVE, CLOSE
    Cursor(Cursor),
    /// `SET CONSTRAINTS`; no names are all
    SetConstraints { names: Option<Vec<Relation>>, deferred: bool },
    /// Quality rules
    Rule(RuleWords),
    /// CLASSIFY TABLE, classifiers, what is said of their verdicts
    Classify(ClassifyWords),
    /// `REPAIR TABLE`, `UNDO REPAIR`
    Repair(RepairWords),
    /// `FORGET SUBJECT`
    Forget(ForgetWords),
    /// Jobs
    Job(JobWords),
    /// `ALTER SYSTEM ROTATE ENCRYPTION KEY`
    RotateKey,
}

/// `INVENTORY [TABLE t | SCHEMA s | ALL] [WITH (...)]`
#[derive(Debug, Clone)]
pub struct Inventory {
    /// What to look at.
    pub target: AssetTarget,
    /// `sample_rows`, `quality`, `force`
    pub options: BTreeMap<String, String>,
}

/// What an inventory looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetTarget {
    /// Everything.
    All,
    /// One schema or source.
    Schema(String),
    /// One relation.
    Table(Relation),
}

/// What a tag is put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTarget {
    /// The relation.
    pub relation: Relation,
    /// One column of it.
    pub column: Option<String>,
}

/// An option of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleOption {
    /// `SUPERUSER`, `NOSUPERUSER`
    Superuser(bool),
    /// `LOGIN`, `NOLOGIN`
    Login(bool),
    /// `PASSWORD 'text'`, `PASSWORD NULL`
    Password(Option<String>),
    /// `IN ROLE a, b`
    InRole(Vec<String>),
    /// `ROLE a, b`: who is in it
    Members(Vec<String>),
}

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantTarget {
    /// Rights on relations, each perhaps on columns only.
    Relations(Vec<(Privilege, Option<Vec<String>>)>, Vec<Relation>),
    /// Rights on all relations of schemas.
    Schemas(Vec<(Privilege, Option<Vec<String>>)>, Vec<String>),
    /// Rights on sequences.
    Sequences(Vec<Privilege>, Vec<Relation>),
    /// Rights on all sequences of schemas.
    SequencesOf(Vec<Privilege>, Vec<String>),
    /// `USAGE ON MODEL`
    Models(Vec<String>),
    /// Rights on schemas or sources: schemas are open to all, sources are not.
    SchemaRights {
        /// Which.
        names: Vec<String>,
        /// `USAGE` is among them.
        usage: bool,
        /// `CREATE` is among them.
        create: bool,
    },
    /// Rights that everybody has: on the database, on functions, on types.
    Open(OpenRight),
    /// `UNMASK ON TAG`
    Tags(Vec<String>),
    /// Membership.
    Roles(Vec<String>),
}

/// New objects of which kind are given which rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultTarget {
    /// Tables or sequences.
    Of(DefaultsOf, Vec<Privilege>),
    /// Objects that are everybody's: functions, types; their word.
    Open(&'static str),
}

/// A right that everybody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenRight {
    /// `CONNECT`, `TEMPORARY`, `CREATE ON DATABASE`
    Databases(Vec<String>),
    /// `EXECUTE ON FUNCTION`
    Functions(Vec<Relation>),
    /// `EXECUTE ON ALL FUNCTIONS IN SCHEMA`
    FunctionsOf(Vec<String>),
    /// `USAGE ON TYPE | DOMAIN`
    Types(Vec<Relation>),
    /// `USAGE ON LANGUAGE`
    Languages(Vec<String>),
}

/// Reads a statement of ours, or nothing if it is not one.
pub fn parse(words: &mut Words, text: &str) -> Result<Option<Own>> {
    if let Some(operate) = operate::parse(words)? {
        return Ok(Some(Own::Operate(operate)));
    }
    if let Some(job) = job::parse(words, text)? {
        return Ok(Some(Own::Job(job)));
    }
    if let Some(cursor) = cursor::parse(words)? {
        return Ok(Some(Own::Cursor(cursor)));
    }
    if let Some(define) = define::parse(words)? {
        return Ok(Some(Own::Define(define)));
    }
    if let Some(kept) = kept::parse(words)? {
        return Ok(Some(Own::Kept(kept)));
    }
    if let Some(words) = model::check(words)? {
        return Ok(Some(Own::Model(words)));
    }
    if let Some(rule) = rule::parse(words)? {
        return Ok(Some(Own::Rule(rule)));
    }
    if let Some(classify) = classify::parse(words)? {
        return Ok(Some(Own::Classify(classify)));
    }
    if let Some(repair) = repair::parse(words)? {
        return Ok(Some(Own::Repair(repair)));
    }
    if let Some(forget) = forget::parse(words)? {
        return Ok(Some(Own::Forget(forget)));
    }
    let first = words.peek(0).unwrap_or_default();
    match first.as_str() {
        "CREATE" => create(words, text),
        "ALTER" if words.take(&["ALTER", "DEFAULT", "PRIVILEGES"]) => grant::defaults(words).map(Some),
        "REASSIGN" if words.take(&["REASSIGN", "OWNED", "BY"]) => {
            let from = words.names()?;
            words.expect(&["TO"])?;
            Ok(Some(Own::ReassignOwned { from, to: words.name()? }))
        }
        "DROP" if words.take(&["DROP", "OWNED", "BY"]) => {
            let roles = words.names()?;
            let cascade = words.take(&["CASCADE"]);
            words.take(&["RESTRICT"]);
            Ok(Some(Own::DropOwned { roles, cascade }))
        }
        "ALTER" if is_source_options(words) => {
            words.take(&["ALTER", "SOURCE"]);
            let name = words.name()?;
            words.take(&["SET"]);
            words.expect(&["OPTIONS"])?;
            Ok(Some(Own::AlterSource { name, options: words.options()? }))
        }
        "ALTER" => alter(words),
        "DROP" => drop(words),
        "INVENTORY" => inventory(words).map(Some),
        "GRANT" => grant::parse(words, false).map(Some),
        "REVOKE" => grant::parse(words, true).map(Some),
        "COPY" => copy::parse(words).map(Some),
        "REFRESH" if words.take(&["REFRESH", "SOURCE"]) => Ok(Some(Own::RefreshSource { name: words.name()? })),
        "VACUUM" | "ANALYZE" | "ANALYSE" | "CLUSTER" => Ok(upkeep::parse(words)?.map(Own::Upkeep)),
        "RESET" if words.take(&["RESET", "ROLE"]) => Ok(Some(Own::ResetRole)),
        "RESET" if words.take(&["RESET", "SESSION", "AUTHORIZATION"]) => {
            Ok(Some(Own::SessionAuthorization { role: None, reset: true }))
        }
        "SET"
            if words.take(&["SET", "SESSION", "AUTHORIZATION"])
                || words.take(&["SET", "LOCAL", "SESSION", "AUTHORIZATION"])
                || words.take(&["SET", "SESSION", "SESSION", "AUTHORIZATION"]) =>
        {
            let role = if words.take(&["DEFAULT"]) { None } else { Some(words.value()?) };
            Ok(Some(Own::SessionAuthorization { role, reset: false }))
        }
        "SET" if words.take(&["SET", "CONSTRAINTS"]) => set_constraints(words).map(Some),
        "SET" if words.take(&["SET", "ROLE"]) || words.take(&["SET", "SESSION", "ROLE"]) => {
            let _ = words.take(&["TO"]) || words.token(&Token::Eq);
            let role = match words.take(&["NONE"]) || words.take(&["DEFAULT"]) {
                true => None,
                false if matches!(words.parser.peek_token().token, Token::SingleQuotedString(_)) => {
                    Some(words.string()?)
                }
                false => Some(words.name()?),
            };
            Ok(Some(Own::SetRole { role }))
        }
        _ => Ok(None),
    }
}

/// Whether options of a source are changed: `ALTER SOURCE name SET OPTIONS`, or OPTIONS alone as for PostgreSQL's servers.
fn is_source_options(words: &Words) -> bool {
    let word = |at: usize| words.peek(at).unwrap_or_default();
    let at = if word(3) == "SET" { 4 } else { 3 };
    words.ahead(&["ALTER", "SOURCE"]) && word(at) == "OPTIONS"
}

fn set_constraints(words: &mut Words) -> Result<Own> {
    let names = match words.take(&["ALL"]) {
        true => None,
        false => Some(sequence::relations(words)?),
    };
    let deferred = words.take(&["DEFERRED"]);
    if !deferred {
        words.expect(&["IMMEDIATE"])?;
    }
    Ok(Own::SetConstraints { names, deferred })
}

fn create(words: &mut Words, text: &str) -> Result<Option<Own>> {
    let replace = words.ahead(&["CREATE", "OR", "REPLACE"]);
    let at = if replace { 3 } else { 1 };
    let object = words.peek(at).unwrap_or_default();
    let second = words.peek(at + 1).unwrap_or_default();
    let ours = match object.as_str() {
        "SOURCE" | "MODEL" | "TAG" | "ROLE" | "USER" | "GROUP" => true,
        "MASKING" => second == "POLICY",
        _ => false,
    };
    if !ours {
        return Ok(None);
    }
    (0..=at).for_each(|_| {
        words.parser.next_token();
    });
    Ok(Some(match object.as_str() {
        "SOURCE" => {
            let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
            let name = words.name()?;
            words.expect(&["TYPE"])?;
            let source_type = words.name()?;
            words.expect(&["OPTIONS"])?;
            Own::CreateSource { name, if_not_exists, source_type, options: words.options()? }
        }
        "MODEL" => {
            let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
            let name = words.name()?;
            words.expect(&["OPTIONS"])?;
            let options = words.options()?;
            // What comes from elsewhere learns from no rows.
            let is_imported = options.get("model_type").is_some_and(|kind| kind == "imported");
            let query = if is_imported && !words.ahead(&["AS"]) {
                None
            } else {
                words.expect(&["AS"])?;
                let mut query = words.parser.parse_query().map_err(Error::from)?;
                super::read_back(&mut query)?;
                Some(query)
            };
            Own::CreateModel { name, or_replace: replace, if_not_exists, options, query }
        }
        "TAG" => Own::CreateTag(tag::create(words, replace)?),
        "MASKING" => create_masking_policy(words, replace, text)?,
        _ => {
            let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
            let name = words.name()?;
            Own::CreateRole { name, if_not_exists, login: object == "USER", options: role::options(words)? }
        }
    }))
}

fn create_masking_policy(words: &mut Words, or_replace: bool, text: &str) -> Result<Own> {
    words.expect(&["POLICY"])?;
    let name = words.name()?;
    words.expect(&["AS"])?;
    words.expect_token(&Token::LParen)?;
    let argument = words.name()?;
    let data_type = super::super::types::sql_type(&words.parser.parse_data_type().map_err(Error::from)?)?;
    words.expect_token(&Token::RParen)?;
    words.expect(&["RETURNS"])?;
    let returns = super::super::types::sql_type(&words.parser.parse_data_type().map_err(Error::from)?)?;
    if returns != data_type {
        return Err(Error::new(
            Kind::InvalidDefinition,
            format!("masking policy \"{name}\" takes {data_type} but returns {returns}; both must be the same type"),
        ));
    }
    if !words.token(&Token::Arrow) {
        return Err(words.unexpected("->"));
    }
    let body = words.parser.parse_expr().map_err(Error::from)?.to_string();
    debug_assert!(text.contains("->"));
    Ok(Own::CreateMaskingPolicy { name, or_replace, argument, data_type, body })
}

fn alter(words: &mut Words) -> Result<Option<Own>> {
    if words.take(&["ALTER", "SYSTEM", "ROTATE", "ENCRYPTION", "KEY"]) {
        return Ok(Some(Own::RotateKey));
    }
    if words.take(&["ALTER", "MODEL"]) {
        let name = words.name()?;
        if words.take(&["ROLLBACK"]) {
            return Ok(Some(Own::DeployModel { name, version: None }));
        }
        if words.take(&["RENAME", "TO"]) {
            return Ok(Some(Own::RenameModel { name, to: words.name()? }));
        }
        if let Some((tag, value)) = tag::set_or_unset(words)? {
            return Ok(Some(Own::ModelTag { name, tag, value }));
        }
        if let Some(words) = model::alter(words, &name)? {
            return Ok(Some(Own::Model(words)));
        }
        words.expect(&["DEPLOY", "VERSION"])?;
        return Ok(Some(Own::DeployModel { name, version: Some(version(words)?) }));
    }
    if words.take(&["ALTER", "TAG"]) {
        let tag = words.name()?;
        let set = words.take(&["SET"]);
        if !set {
            words.expect(&["UNSET"])?;
        }
        words.expect(&["MASKING", "POLICY"])?;
        let policy = if set { Some(words.name()?) } else { None };
        return Ok(Some(Own::TagMask { tag, policy }));
    }
    if words.take(&["ALTER", "ROLE"]) || words.take(&["ALTER", "USER"]) {
        let name = words.name()?;
        role::must_not_set(words)?;
        return Ok(Some(Own::AlterRole { name, options: role::options(words)? }));
    }
    if words.take(&["ALTER", "GROUP"]) {
        return role::group(words).map(Some);
    }
    if words.ahead(&["ALTER", "TABLE"]) {
        return alter_table(words);
    }
    Ok(None)
}

/// The number of a version of a model.
fn version(words: &mut Words) -> Result<u32> {
    let version = words.number()?;
    u32::try_from(version).map_err(|_| Error::new(Kind::InvalidParameter, "no such version"))
}

/// The forms of ALTER TABLE that are ours; for the others the words are given back.
fn alter_table(words: &mut Words) -> Result<Option<Own>> {
    let start = words.parser.index();
    words.expect(&["ALTER", "TABLE"])?;
    let Ok(relation) = words.relation() else {
        rewind(words, start);
        return Ok(None);
    };
    if let Some(upkeep) = upkeep::alter_table(words, &relation)? {
        return Ok(Some(Own::Upkeep(upkeep)));
    }
    if words.take(&["SET", "QUARANTINE", "OF"]) {
        return Ok(Some(Own::Rule(RuleWords::Quarantine { quarantine: relation, of: words.relation()? })));
    }
    if words.take(&["SET", "REPAIRS", "OF"]) {
        let of = words.relation()?;
        let columns = repair::numbered(words)?;
        return Ok(Some(Own::Rule(RuleWords::Repairs { repairs: relation, of, columns })));
    }
    if words.take(&["ERASE", "CLASS"]) {
        return Ok(Some(Own::EraseClass { table: relation, class: words.name()? }));
    }
    let column = match words.take(&["ALTER", "COLUMN"]) || words.take(&["ALTER"]) {
        true => words.name().ok(),
        false => None,
    };
    if let Some(column) = &column
        && let Some(class) = column_class(words)?
    {
        return Ok(Some(Own::ColumnClass { table: relation, column: column.clone(), class }));
    }
    let (set, unset) = (words.take(&["SET"]), words.take(&["UNSET"]));
    if set || unset {
        if words.take(&["TAG"]) {
            let name = words.name()?;
            let value = if set { Some(tag::said(words)?) } else { None };
            return Ok(Some(Own::TagUse { target: TagTarget { relation, column }, tag: name, value }));
        }
        if let Some(column) = column
            && words.take(&["MASKING", "POLICY"])
        {
            let policy = if set { Some(words.name()?) } else { None };
            return Ok(Some(Own::ColumnMask { table: relation, column, policy }));
        }
    }
    rewind(words, start);
    Ok(None)
}

/// `SET CLASS name` or `RESET CLASS`, if it is one of them.
fn column_class(words: &mut Words) -> Result<Option<Option<String>>> {
    Ok(match words.take(&["SET", "CLASS"]) {
        true => Some(Some(words.name()?)),
        false => words.take(&["RESET", "CLASS"]).then_some(None),
    })
}

/// Gives words back.
pub fn rewind(words: &mut Words, start: usize) {
    while words.parser.index() > start {
        words.parser.prev_token();
    }
}

fn drop(words: &mut Words) -> Result<Option<Own>> {
    let object = words.peek(1).unwrap_or_default();
    let skip = match object.as_str() {
        "SOURCE" | "MODEL" | "TAG" | "ROLE" | "USER" | "GROUP" => 2,
        "MASKING" if words.ahead(&["DROP", "MASKING", "POLICY"]) => 3,
        _ => return Ok(None),
    };
    (0..skip).for_each(|_| {
        words.parser.next_token();
    });
    let if_exists = words.take(&["IF", "EXISTS"]);
    Ok(Some(match object.as_str() {
        "SOURCE" => {
            let name = words.name()?;
            let cascade = words.take(&["CASCADE"]);
            words.take(&["RESTRICT"]);
            Own::DropSource { name, if_exists, cascade }
        }
        "MODEL" => {
            let name = words.name()?;
            let version = if words.take(&["VERSION"]) { Some(version(words)?) } else { None };
            Own::DropModel { name, if_exists, version }
        }
        "TAG" => Own::DropTag { name: words.name()?, if_exists },
        "MASKING" => Own::DropMaskingPolicy { name: words.name()?, if_exists },
        _ => Own::DropRole { names: words.names()?, if_exists },
    }))
}

fn inventory(words: &mut Words) -> Result<Own> {
    words.expect(&["INVENTORY"])?;
    let target = if words.take(&["TABLE"]) {
        AssetTarget::Table(words.relation()?)
    } else if words.take(&["SCHEMA"]) || words.take(&["SOURCE"]) {
        AssetTarget::Schema(words.name()?)
    } else {
        words.take(&["ALL"]);
        AssetTarget::All
    };
    let options = if words.take(&["WITH"]) { words.options()? } else { BTreeMap::new() };
    Ok(Own::Inventory(Inventory { target, options }))
}
