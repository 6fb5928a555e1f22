//! Which statement does what: the list of all that is allowed, and the way to its file.

use super::block;
use super::ddl::{self, Ddl};
use super::define;
use super::dml::{self, Changed, Work};
use super::erasure;
use super::explaining;
use super::foreign_scans;
use super::jobs;
use super::kept_plan::Planned;
use super::lateral;
use super::locking;
use super::model_calls;
use super::names;
use super::origins;
use super::parser::{Beside, Body, Cursor, Operate, Own, Statement, fold};
use super::pg_catalog;
use super::planner::Planner;
use super::run;
use super::session::{Outcome, Session};
use super::statements;
use super::{copy, cursor, prepared};
use crate::error::{Error, Kind, Result};
use crate::txn::{Isolation, Mode, Transaction};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::{self, Statement as Sql, VisitMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Runs a statement in the session's open transaction. What one kind of statement needs is on the heap: it would otherwise lie on
/// the stack of all.
pub async fn execute(session: &mut Session, statement: &Statement, params: Vec<ScalarValue>) -> Result<Outcome> {
    match &statement.body {
        Body::Own(own) => match own.as_ref() {
            Own::Cursor(said) => Box::pin(cursor::run(session, said.clone(), &statement.text, &params)).await,
            own => execute_own(session, own.clone()).await,
        },
        Body::Sql(sql) => match sql.as_ref() {
            Sql::Prepare { name, data_types, statement: inner } => {
                Box::pin(prepared::prepare(session, name, data_types, (**inner).clone(), statement)).await
            }
            sql => execute_sql(session, sql.clone(), &params).await,
        },
    }
}

/// Whether a statement is a query.
pub fn is_query(statement: &Statement) -> bool {
    matches!(&statement.body, Body::Sql(sql) if matches!(sql.as_ref(), Sql::Query(_)))
}

/// Whether a statement looks at what is committed: not one that only steers transactions or settings.
pub fn looks_at_data(statement: &Statement) -> bool {
    match &statement.body {
        Body::Own(own) => match own.as_ref() {
            Own::SetRole { .. } | Own::ResetRole | Own::SessionAuthorization { .. } => false,
            Own::Cursor(said) => matches!(said, Cursor::Declare(_)),
            _ => true,
        },
        Body::Sql(sql) => !matches!(
            sql.as_ref(),
            Sql::StartTransaction { .. }
                | Sql::Commit { .. }
                | Sql::Rollback { .. }
                | Sql::Savepoint { .. }
                | Sql::ReleaseSavepoint { .. }
                | Sql::Set(_)
                | Sql::Reset(_)
                | Sql::ShowVariable { .. }
                | Sql::Discard { .. }
                | Sql::Deallocate { .. }
        ),
    }
}

pub(super) fn command(tag: &str) -> Result<Outcome> {
    Ok(Outcome::Command(tag.to_owned()))
}

async fn execute_sql(session: &mut Session, statement: Sql, params: &[ScalarValue]) -> Result<Outcome> {
    match statement {
        Sql::Query(query) if let Some(set) = statements::set_config(session, &query, params) => set,
        Sql::Query(query) => Box::pin(self::query(session, *query, params)).await,
        edit if statements::edits_grades(&edit) => {
            let rows = defining(session, async |ddl| statements::edit_grades(ddl, &edit).await).await?;
            let verb = match edit {
                Sql::Insert(_) => "INSERT 0",
                Sql::Update(_) => "UPDATE",
                _ => "DELETE",
            };
            command(&format!("{verb} {rows}"))
        }
        Sql::Insert(insert) => {
            let changed =
                changing(session, insert, async |work, txn, insert| dml::insert(work, txn, insert).await).await?;
            Ok(changed_outcome(session, changed, "INSERT 0"))
        }
        Sql::Update(update) => {
            let changed =
                changing(session, update, async |work, txn, update| dml::update(work, txn, update).await).await?;
            Ok(changed_outcome(session, changed, "UPDATE"))
        }
        Sql::Delete(delete) => {
            let changed =
                changing(session, delete, async |work, txn, delete| dml::delete(work, txn, delete).await).await?;
            Ok(changed_outcome(session, changed, "DELETE"))
        }
        Sql::Merge(merge) => {
            let changed = changing(session, merge, async |work, txn, merge| dml::merge(work, txn, merge).await).await?;
            Ok(changed_outcome(session, changed, "MERGE"))
        }
        Sql::Truncate(truncate) => {
            defining(session, async |ddl| dml::truncate(ddl, &truncate)).await?;
            command("TRUNCATE TABLE")
        }
        Sql::Explain { options: Some(options), statement, .. } => {
            let (analyze, verbose) = explaining::options(&options)?;
            explain(session, *statement, analyze, verbose).await
        }
        Sql::Explain { analyze, verbose, statement, .. } => explain(session, *statement, analyze, verbose).await,
        Sql::CreateTable(create) => {
            let as_query = create.query.is_some();
            let rows = defining(session, async |ddl| ddl::create_table(ddl, create, &Beside::default()).await).await?;
            match (as_query, rows) {
                (true, Some(rows)) => Ok(Outcome::Command(format!("SELECT {rows}"))),
                _ => command("CREATE TABLE"),
            }
        }
        Sql::CreateView(create) => {
            defining(session, async |ddl| ddl::create_view(ddl, create)).await?;
            command("CREATE VIEW")
        }
        Sql::CreateSchema { schema_name, if_not_exists, .. } => {
            defining(session, async |ddl| ddl::create_schema(ddl, &schema_name, if_not_exists)).await?;
            command("CREATE SCHEMA")
        }
        Sql::CreateIndex(create) => {
            if create.concurrently {
                define::must_be_alone(session, "CREATE INDEX CONCURRENTLY")?;
            }
            defining(session, async |ddl| ddl::create_index(ddl, create)).await?;
            command("CREATE INDEX")
        }
        Sql::AlterTable(alter) => {
            defining(session, async |ddl| ddl::alter_table(ddl, alter, &Beside::default())).await?;
            command("ALTER TABLE")
        }
        Sql::Drop { object_type, if_exists, names, cascade, .. } => {
            let tag = format!("DROP {object_type}");
            defining(session, async |ddl| ddl::drop_objects(ddl, object_type, &names, if_exists, cascade)).await?;
            command(&tag)
        }
        Sql::CreateFunction(create) => {
            defining(session, async |ddl| ddl::create_function(ddl, create)).await?;
            command("CREATE FUNCTION")
        }
        Sql::DropFunction(drop) => {
            defining(session, async |ddl| ddl::drop_function(ddl, &drop)).await?;
            command("DROP FUNCTION")
        }
        Sql::CreatePolicy(create) => {
            defining(session, async |ddl| ddl::create_row_policy(ddl, create)).await?;
            command("CREATE POLICY")
        }
        Sql::AlterPolicy(alter) => {
            defining(session, async |ddl| ddl::alter_row_policy(ddl, alter)).await?;
            command("ALTER POLICY")
        }
        Sql::DropPolicy(drop) => {
            defining(session, async |ddl| ddl::drop_row_policy(ddl, &drop)).await?;
            command("DROP POLICY")
        }
        Sql::Comment { object_type, object_name, comment, .. } => {
            defining(session, async |ddl| ddl::comment(ddl, object_type, &object_name, comment)).await?;
            command("COMMENT")
        }
        Sql::StartTransaction { modes, begin, .. } => block::begin_block(session, &modes, begin),
        Sql::Commit { chain, .. } => Box::pin(block::end_block(session, chain, "COMMIT")).await,
        Sql::Rollback { savepoint: None, chain } => Box::pin(block::end_block(session, chain, "ROLLBACK")).await,
        Sql::Rollback { savepoint: Some(name), .. } => block::rollback_to(session, &fold(&name)),
        Sql::Savepoint { name } => {
            block::must_be_in_block(session, "SAVEPOINT")?;
            session.save(fold(&name))?;
            session.pending.savepoint(&fold(&name));
            command("SAVEPOINT")
        }
        Sql::ReleaseSavepoint { name } => {
            block::must_be_in_block(session, "RELEASE SAVEPOINT")?;
            let at = block::find_savepoint(session, &fold(&name))?;
            session.savepoints.truncate(at);
            session.cursors.release(at);
            session.pending.release(&fold(&name));
            command("RELEASE")
        }
        Sql::LISTEN { channel } => {
            session.pending.listen(fold(&channel));
            command("LISTEN")
        }
        Sql::UNLISTEN { channel } => {
            session.pending.unlisten((channel.value != "*").then(|| fold(&channel)));
            command("UNLISTEN")
        }
        Sql::NOTIFY { channel, payload } => {
            session.pending.notify(&fold(&channel), payload.as_deref().unwrap_or_default())?;
            command("NOTIFY")
        }
        Sql::Lock(lock) => {
            locking::lock_tables(session, lock).await?;
            command("LOCK TABLE")
        }
        Sql::Set(set) => statements::set(session, set),
        Sql::Reset(reset) => statements::reset(session, reset),
        Sql::ShowVariable { variable } => statements::show(session, &variable),
        Sql::Execute { name: Some(name), parameters, .. } => {
            Box::pin(prepared::execute(session, &name, &parameters)).await
        }
        Sql::Deallocate { name, .. } => prepared::deallocate(session, &name),
        Sql::Discard { object_type } => statements::discard(session, object_type).await,
        other => Err(unsupported(&other)),
    }
}

/// Runs a query.
pub async fn query(session: &mut Session, query: ast::Query, params: &[ScalarValue]) -> Result<Outcome> {
    if let Some(rows) = of_catalogue(session, &query, params)? {
        return Ok(rows);
    }
    if dml::with::is_in(&query) {
        return changing_with(session, query).await;
    }
    if locking::is_in(&query) {
        return locking::select(session, query).await;
    }
    let (context, state) = session.context();
    let (stream, written) = match &session.kept_plan {
        Some(kept) => {
            let Planned { plan, written } = kept.of(&context, &state, &query)?;
            (run::stream_optimised(&context, &state, plan).await?, written)
        }
        None => {
            let plan = context.params.bind(Planner::new(&context, &state).answer(query.clone())?)?;
            (run::stream(&context, &state, &plan).await?, plan)
        }
    };
    let schema = origins::marked(&written, &names::named(&query, &stream.schema()), &context);
    Ok(Outcome::Rows { stream: names::renamed(schema.clone(), stream), schema, tag: "SELECT".to_owned() })
}

/// What a query of the catalogue alone gives.
fn of_catalogue(session: &Session, query: &ast::Query, params: &[ScalarValue]) -> Result<Option<Outcome>> {
    let Some(facts) = pg_catalog::route(query, || session.context()) else { return Ok(None) };
    let (schema, batches) = run::blocking(|| pg_catalog::answer(&facts, query, params))?;
    let stream = batches_stream(schema.clone(), batches);
    Ok(Some(Outcome::Rows { stream, schema, tag: "SELECT".to_owned() }))
}

/// The first words of a statement that nothing here runs.
fn unsupported(statement: &Sql) -> Error {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    let words = words.join(" ").to_uppercase();
    Error::new(Kind::Unsupported, format!("{} is not supported", words.trim_end_matches(['(', ';'])))
}

async fn execute_own(session: &mut Session, own: Own) -> Result<Outcome> {
    match own {
        Own::SetRole { role } => {
            statements::set_role(session, role.as_deref())?;
            command("SET")
        }
        Own::ResetRole => {
            statements::set_role(session, None)?;
            command("RESET")
        }
        Own::SessionAuthorization { role, reset } => {
            statements::set_session_authorization(session, role.as_deref())?;
            command(if reset { "RESET" } else { "SET" })
        }
        Own::Cursor(_) => Err(Error::internal("a cursor's statement without its text")),
        Own::Copy(copy) => copy::start(session, copy).await,
        Own::CreateRole { name, if_not_exists, login, options } => {
            defining(session, async |ddl| ddl::create_role(ddl, &name, if_not_exists, login, options)).await?;
            command("CREATE ROLE")
        }
        Own::AlterRole { name, options } => {
            defining(session, async |ddl| ddl::alter_role(ddl, &name, options)).await?;
            command("ALTER ROLE")
        }
        Own::DropRole { names, if_exists } => {
            defining(session, async |ddl| ddl::drop_role(ddl, &names, if_exists)).await?;
            command("DROP ROLE")
        }
        Own::Grant { target, roles, how } => {
            let withheld = defining(session, async |ddl| ddl::grant(ddl, target, &roles, how)).await?;
            session.note_withheld(withheld, how.revoke);
            command(if how.revoke { "REVOKE" } else { "GRANT" })
        }
        Own::DefaultRights { owners, schemas, target, roles, how } => {
            let alter =
                async |ddl: &mut Ddl<'_>| ddl::alter_default_rights(ddl, (&owners, &schemas), &target, &roles, how);
            defining(session, alter).await?;
            command("ALTER DEFAULT PRIVILEGES")
        }
        Own::ReassignOwned { from, to } => {
            defining(session, async |ddl| ddl::reassign_owned(ddl, &from, &to)).await?;
            command("REASSIGN OWNED")
        }
        Own::DropOwned { roles, cascade } => {
            defining(session, async |ddl| ddl::drop_owned(ddl, &roles, cascade)).await?;
            command("DROP OWNED")
        }
        Own::CreateTag(tag) => {
            defining(session, async |ddl| ddl::create_tag(ddl, tag)).await?;
            command("CREATE TAG")
        }
        Own::ModelTag { name, tag, value } => {
            defining(session, async |ddl| statements::tag_model(ddl, &name, &tag, value)).await?;
            command("ALTER MODEL")
        }
        Own::DropTag { name, if_exists } => {
            defining(session, async |ddl| ddl::drop_tag(ddl, &name, if_exists)).await?;
            command("DROP TAG")
        }
        Own::TagMask { tag, policy } => {
            defining(session, async |ddl| ddl::set_tag_mask(ddl, &tag, policy.as_deref())).await?;
            command("ALTER TAG")
        }
        Own::TagUse { target, tag, value } => {
            defining(session, async |ddl| ddl::use_tag(ddl, &target, &tag, value)).await?;
            command("ALTER TABLE")
        }
        Own::ColumnMask { table, column, policy } => {
            defining(session, async |ddl| ddl::set_column_mask(ddl, &table, &column, policy.as_deref())).await?;
            command("ALTER TABLE")
        }
        Own::ColumnClass { table, column, class } => {
            defining(session, async |ddl| ddl::set_class(ddl, &table, &column, class.as_deref())).await?;
            command("ALTER TABLE")
        }
        Own::EraseClass { table, class } => {
            defining(session, async |ddl| ddl::erase_class(ddl, &table, &class)).await?;
            command("ALTER TABLE")
        }
        Own::CreateMaskingPolicy { name, or_replace, argument, data_type, body } => {
            let make = async |ddl: &mut Ddl<'_>| {
                ddl::create_masking_policy(ddl, &name, or_replace, &argument, data_type, &body)
            };
            defining(session, make).await?;
            command("CREATE MASKING POLICY")
        }
        Own::DropMaskingPolicy { name, if_exists } => {
            defining(session, async |ddl| ddl::drop_masking_policy(ddl, &name, if_exists)).await?;
            command("DROP MASKING POLICY")
        }
        Own::CreateSource { name, if_not_exists, source_type, options } => {
            let make =
                async |ddl: &mut Ddl<'_>| statements::create_source(ddl, &name, if_not_exists, &source_type, options);
            defining(session, make).await?;
            command("CREATE SOURCE")
        }
        Own::AlterSource { name, options } => {
            defining(session, async |ddl| statements::alter_source(ddl, &name, options)).await?;
            command("ALTER SOURCE")
        }
        Own::DropSource { name, if_exists, cascade } => {
            defining(session, async |ddl| statements::drop_source(ddl, &name, if_exists, cascade)).await?;
            command("DROP SOURCE")
        }
        Own::RefreshSource { name } => {
            defining(session, async |ddl| statements::refresh_source(ddl, &name)).await?;
            command("REFRESH SOURCE")
        }
        Own::Inventory(inventory) => {
            let count = defining(session, async |ddl| statements::inventory(ddl, inventory).await).await?;
            Ok(Outcome::Command(format!("INVENTORY {count}")))
        }
        Own::CreateModel { name, or_replace, if_not_exists, mut options, query } => {
            if statements::is_later(&mut options)? {
                let how = (or_replace, if_not_exists);
                return Box::pin(jobs::create_model_later(session, &name, how, options, query)).await;
            }
            let make = async |ddl: &mut Ddl<'_>| {
                statements::create_model(ddl, &name, or_replace, if_not_exists, options, query.map(|query| *query))
                    .await
            };
            defining(session, make).await?;
            command("CREATE MODEL")
        }
        Own::DeployModel { name, version } => {
            defining(session, async |ddl| statements::deploy_model(ddl, &name, version)).await?;
            command("ALTER MODEL")
        }
        Own::RenameModel { name, to } => {
            defining(session, async |ddl| statements::rename_model(ddl, &name, to)).await?;
            command("ALTER MODEL")
        }
        Own::Model(words) => statements::model_life(session, words).await,
        Own::DropModel { name, if_exists, version } => {
            let drop = async |ddl: &mut Ddl<'_>| match version {
                Some(version) => statements::drop_version(ddl, &name, if_exists, version),
                None => statements::drop_model(ddl, &name, if_exists),
            };
            defining(session, drop).await?;
            command("DROP MODEL")
        }
        Own::Define(definition) => define::define(session, definition).await,
        Own::Rule(rule) => statements::quality(session, rule).await,
        Own::Classify(classify) => statements::classify(session, classify).await,
        Own::Repair(repair) => statements::repair(session, repair).await,
        Own::Forget(words) => Box::pin(erasure::forget(session, words)).await,
        Own::Job(words) => Box::pin(jobs::jobs(session, words)).await,
        Own::Kept(kept) => statements::keep(session, kept).await,
        Own::Upkeep(upkeep) => statements::upkeep(session, upkeep).await,
        Own::Operate(Operate::SetOwner { what, if_exists, name, role }) => {
            defining(session, async |ddl| ddl::set_owner(ddl, what, if_exists, &name, &role)).await?;
            command(what.tag())
        }
        Own::Operate(operate) => statements::operate(session, operate),
        Own::SetConstraints { names, deferred } => {
            statements::set_constraints(session, names.as_deref(), deferred).await?;
            command("SET CONSTRAINTS")
        }
        Own::RotateKey => {
            statements::rotate_key(session)?;
            command("ALTER SYSTEM")
        }
    }
}

/// Runs a statement that changes rows. What it changed counts only if all of it went well. One that met what others
/// changed meanwhile begins anew on what is committed now, with the locks that it has by then.
pub(super) async fn changing<S: VisitMut + Clone, T>(
    session: &mut Session,
    statement: S,
    change: impl AsyncFnOnce(&Work<'_>, &mut Transaction, S) -> Result<T> + Clone,
) -> Result<T> {
    loop {
        let (context, state) = session.context();
        let mut txn = session.transaction()?.clone();
        let work = Work::new(&context, &state).kept(session.kept_plan.clone());
        let mut statement = statement.clone();
        let attempt = async {
            let context = locking::inner(&work, &txn, &mut statement).await?;
            let changed = change.clone()(&work.within(&context), &mut txn, statement).await?;
            work.settle_rules(&mut txn).await?;
            Ok(changed)
        };
        match Box::pin(attempt).await {
            Err(_) if work.again.load(Ordering::Relaxed) => session.refresh()?,
            Err(error) => return Err(error),
            Ok(changed) => {
                context.cancel.check()?;
                *session.transaction()? = txn;
                return Ok(changed);
            }
        }
    }
}

/// Runs a prepared statement that changes one row, if that is kept; nothing has happened if it gives nothing.
pub async fn change_by_key(session: &mut Session) -> Result<Option<Outcome>> {
    loop {
        let Some(change) = session.kept_change() else { return Ok(None) };
        let mut txn = session.transaction()?.clone();
        let planned = change.plans().then(|| session.context());
        let context = match &planned {
            Some((context, _)) => context.clone(),
            None => Arc::new(session.statement_context()),
        };
        let database = context.database.clone();
        let state = planned.as_ref().map_or(database.template(), |(_, state)| state);
        let work = Work::new(&context, state);
        let ran = async {
            let changed = change.run(&work, &mut txn).await?;
            work.settle_rules(&mut txn).await?;
            Ok::<_, Error>(changed)
        };
        match ran.await {
            Err(_) if work.again.load(Ordering::Relaxed) => session.refresh()?,
            Err(error) => return Err(error),
            Ok(None) => return Ok(None),
            Ok(Some(rows)) => {
                context.cancel.check()?;
                *session.transaction()? = txn;
                return Ok(Some(Outcome::Command(change.tag(rows))));
            }
        }
    }
}

/// Runs a statement whose WITH queries change rows, or that changes rows behind WITH.
async fn changing_with(session: &mut Session, query: ast::Query) -> Result<Outcome> {
    let asked = query.clone();
    let change =
        async |work: &Work<'_>, txn: &mut Transaction, query: ast::Query| dml::with::run(work, txn, query).await;
    match changing(session, query, change).await? {
        dml::with::Done::Changed(changed, tag) => Ok(changed_outcome(session, changed, tag)),
        dml::with::Done::Query(context, plan) => {
            let state = session.context().1;
            let stream = run::stream(&context, &state, &plan).await?;
            let schema = names::named(&asked, &stream.schema());
            Ok(Outcome::Rows { stream: names::renamed(schema.clone(), stream), schema, tag: "SELECT".to_owned() })
        }
    }
}

/// Runs a statement that changes objects, and locks those that it changed. If one was changed by others since the
/// statement began, it begins anew with what they made of it.
pub(super) async fn defining<T>(
    session: &mut Session,
    define: impl AsyncFnOnce(&mut Ddl<'_>) -> Result<T> + Clone,
) -> Result<T> {
    loop {
        let (context, state) = session.context();
        let before = session.transaction()?.clone();
        let mut txn = before.clone();
        let mut ddl = Ddl { context: &context, state: &state, txn: &mut txn };
        // On the heap: what all statements do would otherwise lie on the stack of each.
        let made = Box::pin(define.clone()(&mut ddl)).await?;
        let touched = txn.touched_since(&before);
        for &id in &touched {
            locking::object(&context, &txn, id, Mode::Update).await?;
        }
        let latest = context.database.manager.current();
        if touched.iter().all(|id| txn.is_current(*id, &latest)) {
            *session.transaction()? = txn;
            return Ok(made);
        }
        if txn.isolation() != Isolation::ReadCommitted {
            return Err(locking::changed_meanwhile("update"));
        }
        session.refresh()?;
    }
}

fn changed_outcome(session: &mut Session, changed: Changed, tag: &str) -> Outcome {
    session.auditing.affected = Some(changed.rows as u64);
    match changed.returning {
        Some(rows) => Outcome::Rows { stream: rows.stream(), schema: rows.schema().clone(), tag: tag.to_owned() },
        None => Outcome::Command(format!("{tag} {}", changed.rows)),
    }
}

/// Batches in memory as a stream.
pub fn batches_stream(
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
) -> datafusion::execution::SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches.into_iter().map(Ok))))
}

/// One column of texts as a result.
pub fn text_rows(name: &str, lines: Vec<String>, tag: &str) -> Result<Outcome> {
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, true)]));
    let column: ArrayRef = Arc::new(StringArray::from(lines));
    let batch = RecordBatch::try_new(schema.clone(), vec![column])?;
    Ok(Outcome::Rows { stream: batches_stream(schema.clone(), vec![batch]), schema, tag: tag.to_owned() })
}

/// EXPLAIN of anything else.
pub fn explains_queries_only() -> Error {
    Error::new(Kind::Unsupported, "EXPLAIN is supported for queries only")
}

async fn explain(session: &mut Session, statement: Sql, analyze: bool, verbose: bool) -> Result<Outcome> {
    let statement = match statement {
        Sql::Execute { name: Some(name), parameters, .. } => prepared::explained(session, &name, &parameters)?,
        other => other,
    };
    let Sql::Query(query) = statement else { return Err(explains_queries_only()) };
    let (context, state) = session.context();
    let state = context.database.memory.fitted(&state, &context.settings).unwrap_or(state);
    let plan = context.params.bind(Planner::new(&context, &state).query(*query)?)?;
    let model_calls = model_calls::lines(&context, &state, &plan)?;
    let plan = lateral::set_apart(&context, &state, &plan)?;
    let optimized = state.optimize(&plan)?;
    let physical = run::physical(&state, &optimized).await?;
    if analyze {
        let rows = datafusion::physical_plan::execute_stream(
            physical.clone(),
            context.database.memory.task(&state, &context.settings)?,
        )?;
        futures::TryStreamExt::try_for_each(rows, |_| std::future::ready(Ok(()))).await?;
    }
    let text = match analyze {
        true => datafusion::physical_plan::display::DisplayableExecutionPlan::with_metrics(physical.as_ref())
            .indent(verbose)
            .to_string(),
        false => datafusion::physical_plan::displayable(physical.as_ref()).indent(verbose).to_string(),
    };
    let sent = foreign_scans::lines(&optimized)?;
    let lines = text.lines().map(str::to_owned).chain(sent).chain(model_calls).collect();
    text_rows("QUERY PLAN", lines, "EXPLAIN")
}
