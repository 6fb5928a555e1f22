//! Which queries are answered here, and the way from one to its rows.
//!
//! A query is the catalogue's if every relation in it is, or if it has none and asks for what only the catalogue knows. One
//! that also reads a relation of a user's is the engine's, whose planner refuses what it does not know.

use super::arrow;
use super::entry;
use super::eval::{self, Shape};
use super::facts::Facts;
use super::functions;
use super::relations::listed;
use super::value::Type;
use crate::error::{Kind, Result};
use crate::sql::context::Context;
use crate::sql::functions::sequence::COUNTING;
use crate::sql::parser::{fold, split};
use ::arrow::array::RecordBatch;
use ::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{self, Expr, Query, TableFactor, Visit, Visitor};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The facts to answer a query with, if it is the catalogue's. `context` is asked for only if it may be.
pub fn route(query: &Query, context: impl FnOnce() -> (Arc<Context>, SessionState)) -> Option<Facts> {
    let used = Used::of(query);
    if !used.may_be_ours() || used.functions.iter().any(|name| COUNTING.contains(&name.as_str())) {
        return None;
    }
    let (context, state) = context();
    if !used.relations.iter().all(|(schema, name)| is_ours(&context, schema.as_deref(), name)) {
        return None;
    }
    let facts = Facts::new(context, state);
    // With functions alone it may be of those that only the engine has.
    (!used.relations.is_empty() || used.reg_cast || !is_engines(&facts, query)).then_some(facts)
}

/// Whether the names in a query are those of the catalogue, whatever the search path has.
#[cfg(test)]
pub fn concerns_catalogue(query: &Query) -> bool {
    Used::of(query).may_be_ours()
}

/// Whether a query has a function or an expression that is not known here.
fn is_engines(facts: &Facts, query: &Query) -> bool {
    match eval::describe(query, facts, &[]) {
        Ok(_) => false,
        Err(error) => matches!(error.kind(), Kind::UndefinedFunction | Kind::Unsupported),
    }
}

fn is_catalogue(schema: &str) -> bool {
    matches!(schema, "pg_catalog" | "information_schema")
}

/// Whether a name means a relation of the catalogue.
fn is_ours(context: &Context, schema: Option<&str>, name: &str) -> bool {
    match schema {
        Some(schema) => is_catalogue(schema),
        None => {
            let path = context.path();
            let found = path.iter().find_map(|schema| match listed::find(schema, name) {
                Some(_) => Some(true),
                None => entry::by_name(&context.snapshot.catalog, schema, name).map(|_| false),
            });
            found.unwrap_or(false)
        }
    }
}

/// What a query uses.
#[derive(Default)]
struct Used {
    relations: Vec<(Option<String>, String)>,
    ctes: Vec<String>,
    functions: Vec<String>,
    /// It casts to a type that only the catalogue knows.
    reg_cast: bool,
}

impl Visitor for Used {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.ctes.extend(query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| fold(&cte.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: None, .. } => match split(name) {
                Ok(relation) => self.relations.push(relation),
                Err(_) => return self.not_ours(),
            },
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => match split(name) {
                Ok((None, name)) => self.functions.push(name),
                Ok((Some(schema), name)) if is_catalogue(&schema) => {
                    // A function of the catalogue is as good as a relation of it.
                    self.functions.push(name);
                    self.reg_cast = true;
                }
                _ => return self.not_ours(),
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.functions.extend(split(&function.name).map(|(_, name)| name)),
            Expr::Cast { data_type, .. } => self.reg_cast |= is_reg(data_type),
            Expr::TypedString(typed) => self.reg_cast |= is_reg(&typed.data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Used {
    fn of(query: &Query) -> Self {
        let mut used = Self::default();
        let _ = query.visit(&mut used);
        let ctes = std::mem::take(&mut used.ctes);
        used.relations.retain(|(schema, name)| schema.is_some() || !ctes.contains(name));
        used
    }

    fn may_be_ours(&self) -> bool {
        let listed = |(schema, name): &(Option<String>, String)| match schema {
            Some(schema) => is_catalogue(schema),
            None => ["pg_catalog", "information_schema"].iter().any(|schema| listed::find(schema, name).is_some()),
        };
        // What a function of the world's gives depends on its arguments; which they are is looked at later.
        let known = |name: &String| (0..4).any(|count| functions::returns(name, &vec![Type::Text; count]).is_some());
        match self.relations.is_empty() {
            true => self.reg_cast || self.functions.iter().any(known),
            false => self.relations.iter().all(listed),
        }
    }

    /// Something in FROM that the catalogue cannot have.
    fn not_ours(&mut self) -> ControlFlow<()> {
        self.relations.push((Some(String::new()), String::new()));
        ControlFlow::Break(())
    }
}

fn is_reg(data_type: &ast::DataType) -> bool {
    match data_type {
        ast::DataType::Regclass => true,
        ast::DataType::Custom(name, _) => {
            let name = crate::sql::parser::last(name);
            matches!(
                name.as_str(),
                "regclass"
                    | "regtype"
                    | "regproc"
                    | "regprocedure"
                    | "regoper"
                    | "regoperator"
                    | "regnamespace"
                    | "regrole"
                    | "oid"
                    | "xid"
            )
        }
        ast::DataType::Array(ast::ArrayElemTypeDef::SquareBracket(item, _)) => is_reg(item),
        _ => false,
    }
}

/// The rows of a query.
pub fn answer(facts: &Facts, query: &Query, params: &[ScalarValue]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let params = params.iter().map(arrow::parameter).collect::<Result<Vec<_>>>()?;
    let answer = eval::evaluate(query, facts, &params, &|| facts.check())?;
    let schema = arrow::schema(&answer.columns);
    let batches = arrow::batches(&answer, &schema, facts)?;
    Ok((schema, batches))
}

/// What a query takes and gives.
pub fn describe(facts: &Facts, query: &Query, declared: &[Option<Field>]) -> Result<(Vec<Field>, SchemaRef)> {
    let types: Vec<Type> = declared.iter().map(|field| field.as_ref().map_or(Type::Unknown, arrow::type_of)).collect();
    let Shape { params, columns } = eval::describe(query, facts, &types)?;
    let params = params.iter().enumerate().map(|(at, data_type)| match declared.get(at).cloned().flatten() {
        Some(field) => field,
        None => arrow::field(&format!("${}", at + 1), data_type),
    });
    Ok((params.collect(), arrow::schema(&columns)))
}

#[cfg(test)]
mod tests {
    use crate::crypto::{KeySource, MasterKey};
    use crate::encoding::pg_text::{TYPE_METADATA, cell_text};
    use crate::error::Kind;
    use crate::sql::{Birth, Database, Outcome, Session};
    use datafusion::common::ScalarValue;
    use futures::TryStreamExt;

    fn run(work: impl AsyncFnOnce(&mut Session)) {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let database = Database::open_or_create(folder.path().join("data"), &key, &Birth::default()).unwrap();
        runtime.block_on(async {
            let mut session = database.session("steward").unwrap();
            let shop = "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(120) NOT NULL, prefs jsonb);
                COMMENT ON COLUMN users.email IS 'Login address';
                CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users(id), sku text);
                CREATE VIEW big_orders AS SELECT id, sku FROM orders;
                CREATE SCHEMA audit;
                CREATE TABLE tables (n bigint);
                INSERT INTO tables VALUES (7)";
            session.query(shop).await.unwrap();
            work(&mut session).await;
        });
    }

    async fn rows(session: &mut Session, sql: &str) -> Vec<String> {
        let batches = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let lines = batches.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(|row| {
                let cells = batch.columns().iter().map(|column| cell_text(column, row).unwrap_or_default());
                cells.collect::<Vec<_>>().join("|")
            })
        });
        lines.collect()
    }

    #[test]
    fn the_catalogue_answers_its_own() {
        run(async |session| {
            let tables = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'public' AND c.relkind IN ('r', 'v') ORDER BY 1";
            assert_eq!(rows(session, tables).await, ["big_orders", "orders", "tables", "users"]);
            let comment = "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
                FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum = 2";
            assert_eq!(rows(session, comment).await, ["email|character varying(120)|Login address"]);
            assert_eq!(rows(session, "SELECT 'orders'::regclass, current_schema()").await, ["orders|public"]);
            let named =
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1 LIMIT 1";
            assert_eq!(rows(session, named).await, ["big_orders"]);
        });
    }

    #[test]
    fn what_is_a_users_stays_with_the_engine() {
        run(async |session| {
            assert_eq!(rows(session, "SELECT n FROM tables").await, ["7"]);
            assert_eq!(
                rows(session, "WITH pg_class AS (SELECT n FROM tables) SELECT n + 1 FROM pg_class").await,
                ["8"]
            );
            assert_eq!(rows(session, "SELECT current_user, round(1.25, 1)").await, ["steward|1.3"]);
            let mixed = session.query("SELECT 1 FROM tables, pg_class").await.unwrap_err();
            assert_eq!(mixed.kind(), Kind::UndefinedTable);
            let unknown = session.query("SELECT 1 FROM pg_catalog.pg_nothing").await.unwrap_err();
            assert_eq!(unknown.kind(), Kind::UndefinedTable);
        });
    }

    #[test]
    fn types_are_those_of_the_wire() {
        run(async |session| {
            let sql = "SELECT c.oid, c.relname, c.relkind, c.relacl, i.indkey FROM pg_class c, pg_index i
                WHERE c.oid = i.indrelid AND c.oid = $1";
            let statement = session.parse(sql).unwrap().remove(0);
            let described = session.describe(&statement, &[]).await.unwrap();
            let mark =
                |field: &arrow::datatypes::Field| field.metadata().get(TYPE_METADATA).cloned().unwrap_or_default();
            assert_eq!(described.params.iter().map(mark).collect::<Vec<_>>(), ["oid"]);
            let columns = described.columns.unwrap();
            let marks: Vec<String> = columns.fields().iter().map(|field| mark(field)).collect();
            assert_eq!(marks, ["oid", "name", "\"char\"", "aclitem[]", "int2vector"]);
            let oid = rows(session, "SELECT 'users'::regclass::oid").await.concat().parse().unwrap();
            let params = vec![ScalarValue::Int64(Some(oid))];
            let Outcome::Rows { schema, stream, .. } = session.execute(&statement, params).await.unwrap() else {
                panic!("no rows")
            };
            assert_eq!(schema, columns);
            let batches: Vec<_> = stream.try_collect().await.unwrap();
            assert_eq!(cell_text(batches[0].column(1), 0).as_deref(), Some("users"));
            assert_eq!(cell_text(batches[0].column(4), 0).as_deref(), Some("1"));
        });
    }

    /// With `STEWARD_CLIENTS` set to the folder of recordings: prints what of them is refused here.
    #[test]
    fn all_recordings() {
        let Ok(folder) = std::env::var("STEWARD_CLIENTS") else { return };
        run(async |session| {
            let (mut asked, mut answered) = (0, 0);
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "sql") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for entry in text.split("\n-- ;;") {
                    let sql: Vec<&str> = entry.lines().filter(|line| !line.starts_with("-- ")).collect();
                    let Ok(statements) = session.parse(&sql.join("\n")) else { continue };
                    let [statement] = statements.as_slice() else { continue };
                    let crate::sql::parser::Body::Sql(sql) = &statement.body else { continue };
                    let datafusion::sql::sqlparser::ast::Statement::Query(query) = sql.as_ref() else { continue };
                    if !super::concerns_catalogue(query) {
                        continue;
                    }
                    asked += 1;
                    let begun = std::time::Instant::now();
                    let answer = async {
                        let params = session.describe(statement, &[]).await?.params;
                        let nulls = params.iter().map(|field| ScalarValue::try_from(field.data_type()));
                        session.execute(statement, nulls.collect::<Result<_, _>>()?).await.map(|_| ())
                    };
                    match answer.await {
                        Ok(()) => answered += 1,
                        Err(error) => {
                            let title = entry.lines().find_map(|line| line.strip_prefix("-- n: ")).unwrap_or_default();
                            println!("{} {title}: {error}", path.display());
                        }
                    }
                    session.rollback_implicit();
                    if begun.elapsed().as_millis() > 100 {
                        println!("{} ms: {}", begun.elapsed().as_millis(), statement.text);
                    }
                }
            }
            println!("{asked} statements, {answered} answered by the database");
        });
    }
}
