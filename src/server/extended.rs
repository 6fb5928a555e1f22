//! The extended protocol: parse, bind, describe, execute, close; a run of them ends with Sync.

use super::backend::{Outcome, Prepared, TransactionStatus};
use super::conversation::{Conversation, End, Failure};
use super::decode::decode;
use super::encode::{Format, RowEncoder, formats_of};
use super::portal::{Portal, Rows, State, counted};
use crate::config::PREPARED_MAX;
use crate::error::{Error, Kind, Result};
use crate::fail;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, CloseComplete, Execute, Parse, ParseComplete, PortalSuspended,
};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

/// Describe and Close name a statement or a portal by these.
const STATEMENT: u8 = b'S';
const PORTAL: u8 = b'P';

impl Conversation {
    /// Answers one message of the extended protocol other than Sync.
    pub(super) async fn extended(&mut self, message: PgWireFrontendMessage) -> Result<(), Failure> {
        match message {
            PgWireFrontendMessage::Parse(parse) => self.parse(parse).await?,
            PgWireFrontendMessage::Bind(bind) => self.bind(bind)?,
            PgWireFrontendMessage::Describe(describe) => {
                self.describe(describe.target_type, &describe.name.unwrap_or_default())?;
            }
            PgWireFrontendMessage::Execute(execute) => self.execute_portal(execute).await?,
            PgWireFrontendMessage::Close(close) => {
                let name = close.name.unwrap_or_default();
                match close.target_type {
                    STATEMENT => self.session.forget(&name),
                    PORTAL if self.portals.remove(&name).is_some() => {}
                    PORTAL => self.session.close_cursor(&name),
                    other => return Err(unknown_target(other).into()),
                }
                self.outbox.put(PgWireBackendMessage::CloseComplete(CloseComplete::new()))?;
            }
            PgWireFrontendMessage::Flush(_) => return self.outbox.flush().await,
            _ => return Err(Failure::Fatal(Error::new(Kind::Protocol, "unexpected message"))),
        }
        if self.outbox.is_full() {
            self.outbox.flush().await?;
        }
        Ok(())
    }

    /// Ends a run of extended messages: its implicit transaction is committed.
    pub(super) async fn sync(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.skipping)
            && let Err(error) = self.session.commit_implicit().await
        {
            self.tell(Failure::Statement(error)).await?;
        }
        self.close_portals_outside_transaction();
        self.ready().await
    }

    /// Portals live as long as their transaction.
    pub(super) fn close_portals_outside_transaction(&mut self) {
        if self.session.transaction_status() == TransactionStatus::Idle {
            self.portals.clear();
        }
    }

    async fn parse(&mut self, parse: Parse) -> Result<(), Failure> {
        let name = parse.name.unwrap_or_default();
        let mut statements = self.session.parse(&parse.query)?;
        if statements.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(Kind::Syntax, message).into());
        }
        // 705 is PostgreSQL's `unknown`, which leaves the choice too.
        let declared = parse.type_oids.iter().map(|declared| Some(*declared).filter(|oid| !matches!(oid, 0 | 705)));
        self.session.prepare(&name, statements.pop(), &declared.collect::<Vec<_>>()).await?;
        self.outbox.put(PgWireBackendMessage::ParseComplete(ParseComplete::new()))
    }

    fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let name = bind.portal_name.unwrap_or_default();
        let statement_name = bind.statement_name.unwrap_or_default();
        self.room_for(self.portals.len())?;
        let prepared = self.must_get_prepared(&statement_name)?;
        if !name.is_empty() && (self.portals.contains_key(&name) || self.session.cursor(&name).is_some()) {
            return Err(Error::new(Kind::DuplicateCursor, format!("cursor \"{name}\" already exists")).into());
        }
        let (given, wanted) = (bind.parameters.len(), prepared.params.len());
        if given != wanted {
            let message = format!(
                "bind message supplies {given} parameters, but prepared statement \"{statement_name}\" requires {wanted}"
            );
            return Err(Error::new(Kind::Protocol, message).into());
        }
        let formats = formats_of(&bind.parameter_format_codes, given, "parameter")?;
        let charset = self.session.charset();
        let mut params = Vec::with_capacity(given);
        for (index, ((bytes, format), type_oid)) in
            bind.parameters.iter().zip(formats).zip(&prepared.params).enumerate()
        {
            let text = bytes.as_deref().filter(|_| format == Format::Text).and_then(|text| charset.decode(text).ok());
            let value = text.and_then(|text| self.session.read_text(*type_oid, &text));
            let value = value.unwrap_or_else(|| decode(*type_oid, format, bytes.as_deref(), charset));
            params.push(value.map_err(|error| match error.detail() {
                None => error.with_detail(format!("It was given for parameter ${}.", index + 1)),
                Some(_) => error,
            })?);
        }
        let columns = prepared.columns.as_ref().map_or(0, |columns| columns.fields().len());
        // A statement without rows has no columns to choose formats for, and many clients choose anyway.
        let formats =
            if columns == 0 { Vec::new() } else { formats_of(&bind.result_column_format_codes, columns, "result")? };
        self.portals.insert(name, Portal { prepared, formats, state: State::Bound(params) });
        self.outbox.put(PgWireBackendMessage::BindComplete(BindComplete::new()))
    }

    fn describe(&mut self, target: u8, name: &str) -> Result<(), Failure> {
        let (columns, formats) = match target {
            STATEMENT => {
                let prepared = self.must_get_prepared(name)?;
                let params = ParameterDescription::new(prepared.params.clone());
                self.outbox.put(PgWireBackendMessage::ParameterDescription(params))?;
                let columns = prepared.columns.clone();
                let count = columns.as_ref().map_or(0, |columns| columns.fields().len());
                (columns, formats_of(&[], count, "result")?)
            }
            PORTAL => match self.portals.get(name) {
                Some(portal) => (portal.prepared.columns.clone(), portal.formats.clone()),
                None => {
                    let columns = self.session.cursor(name).ok_or_else(|| no_portal(name))?;
                    let formats = formats_of(&[], columns.fields().len(), "result")?;
                    (Some(columns), formats)
                }
            },
            other => return Err(unknown_target(other).into()),
        };
        self.outbox.put(match columns {
            Some(columns) => RowEncoder::new(columns, formats)?.description(),
            None => PgWireBackendMessage::NoData(NoData::new()),
        })
    }

    async fn execute_portal(&mut self, execute: Execute) -> Result<(), Failure> {
        let name = execute.name.unwrap_or_default();
        // Out of the map while it runs; an error leaves it out.
        let mut portal = self.portals.remove(&name).ok_or_else(|| no_portal(&name))?;
        let rows_max = usize::try_from(execute.max_rows).ok().filter(|rows| *rows > 0).unwrap_or(usize::MAX);
        self.run_portal(&mut portal, &name, rows_max).await?;
        self.portals.insert(name, portal);
        Ok(())
    }

    async fn run_portal(&mut self, portal: &mut Portal, name: &str, rows_max: usize) -> Result<(), Failure> {
        let Some(statement) = portal.prepared.statement.clone() else { return self.complete(End::Empty) };
        let mut rows = match std::mem::replace(&mut portal.state, State::Done) {
            State::Bound(params) => match self.execute(&statement, params, 1).await? {
                Outcome::Rows { schema, stream, tag } => {
                    let formats = match &portal.prepared.columns {
                        Some(_) => portal.formats.clone(),
                        None => formats_of(&[], schema.fields().len(), "result")?,
                    };
                    Rows::new(RowEncoder::new(schema, formats)?, stream, tag)
                }
                other => {
                    let end = self.deliver_rest(other).await?;
                    return self.complete(end);
                }
            },
            State::Open(rows) => rows,
            State::Fetched(tag) => {
                portal.state = State::Fetched(tag.clone());
                return self.complete(End::Tag(counted(&tag, 0)));
            }
            State::Done => {
                return Err(Error::new(Kind::NotReady, format!("portal \"{name}\" cannot be run")).into());
            }
        };
        if self.stream(&mut rows, rows_max).await? {
            portal.state = State::Fetched(rows.tag().to_owned());
            return self.complete(End::Tag(rows.complete_tag()));
        }
        portal.state = State::Open(rows);
        self.outbox.put(PgWireBackendMessage::PortalSuspended(PortalSuspended::new()))
    }

    fn must_get_prepared(&self, name: &str) -> Result<Prepared> {
        match self.session.prepared(name) {
            Some(prepared) => Ok(prepared),
            None if name.is_empty() => fail!(UndefinedStatement, "unnamed prepared statement does not exist"),
            None => fail!(UndefinedStatement, "prepared statement \"{name}\" does not exist"),
        }
    }

    fn room_for(&self, count: usize) -> Result<()> {
        if count >= PREPARED_MAX {
            let message = format!("a connection can have at most {PREPARED_MAX} portals");
            return Err(Error::new(Kind::LimitExceeded, message).with_hint("Close those that are not needed."));
        }
        Ok(())
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(Kind::UndefinedCursor, format!("portal \"{name}\" does not exist"))
}

fn unknown_target(target: u8) -> Error {
    Error::new(Kind::Protocol, format!("invalid message subtype {target}"))
}
