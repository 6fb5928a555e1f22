//! From a parsed statement to a plan: names are looked up in the statement's snapshot, with its role's rights.
//!
//! DataFusion's planner asks a [`Planner`] for every table and function it meets; what is given out has the gate in
//! front of it already. Functions of ours carry the statement's context in them.

use super::bags;
use super::called;
use super::context::Context;
use super::functions;
use super::locking::LOCKED;
use super::names;
use super::once;
use super::parser;
use super::rewrite::inline;
use super::semantics;
use super::tables::{self, TableScan};
use crate::catalog::{CheckConstraint, Class, Object, ObjectId};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, Result as DfResult, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, Volatility, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast;
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

/// Casts to domains that are within the conditions of each other.
const DOMAINS_WITHIN_MAX: usize = 8;
/// The name of the field of a cast that stands in the text.
pub const CAST: &str = "cast";

/// Plans statements of one context.
pub struct Planner<'a> {
    context: &'a Arc<Context>,
    state: &'a SessionState,
    /// Relations that stand in for what the catalogue has under that name: new rows for RETURNING, a table with row
    /// ids for UPDATE and DELETE.
    overrides: HashMap<(String, String), Arc<dyn TableProvider>>,
    /// Functions of ours that were given out, but for volatile ones. Calls are alike to the engine only if they are of one function, and
    /// each that is made carries a closure of its own.
    given: Mutex<HashMap<String, Arc<ScalarUDF>>>,
}

impl<'a> Planner<'a> {
    /// A planner for this context.
    pub fn new(context: &'a Arc<Context>, state: &'a SessionState) -> Self {
        Self { context, state, overrides: HashMap::new(), given: Mutex::default() }
    }

    /// Lets `provider` stand in for the relation `schema.name`.
    pub fn with_override(mut self, schema: &str, name: &str, provider: Arc<dyn TableProvider>) -> Self {
        self.overrides.insert((schema.to_owned(), name.to_owned()), provider);
        self
    }

    /// The plan of a query.
    pub fn query(&self, query: ast::Query) -> Result<LogicalPlan> {
        let (context, query) = once::set_apart(self.context, self.state, query)?;
        if !Arc::ptr_eq(&context, self.context) {
            let overrides = self.overrides.clone();
            return Planner { overrides, ..Planner::new(&context, self.state) }.plan(query);
        }
        self.plan(query)
    }

    /// The plan of a query whose rows are shown to somebody: numerics in it are what PostgreSQL writes of them.
    pub fn answer(&self, query: ast::Query) -> Result<LogicalPlan> {
        Ok(semantics::with_digits(self.query(query)?)?)
    }

    fn plan(&self, query: ast::Query) -> Result<LogicalPlan> {
        let asked = super::rewrite::with_unused_windows(&query).or_else(|| super::rewrite::bound_selected(&query));
        if let Some(asked) = asked {
            // The engine looks at none of these.
            self.plan(asked)?;
        }
        let query = super::rewrite::query(query, self.context)?;
        let of_bags = bags::are_in(&query);
        let statement = ast::Statement::Query(Box::new(query));
        let planner = SqlToRel::new_with_options(self, self.options());
        let params = &self.context.params;
        let plan = planner.sql_statement_to_plan_with_context(statement, &mut params.planner_context())?;
        let plan = if self.has_functions() { called::joined(plan)? } else { plan };
        let plan = if of_bags { bags::numbered(plan)? } else { plan };
        Ok(semantics::resolve(plan, params)?)
    }

    /// Whether the catalogue has functions in SQL.
    fn has_functions(&self) -> bool {
        self.context.snapshot.catalog.class(Class::Function).next().is_some()
    }

    /// The plan of a query that becomes a relation, with the names of its columns, the first ones as they are `given`.
    /// `DuplicateColumn` if two are alike.
    pub fn relation_of(&self, query: ast::Query, given: &[String]) -> Result<LogicalPlan> {
        let plan = self.query(query.clone())?;
        let own = names::named(&query, plan.schema().inner());
        if given.len() > own.fields().len() {
            return Err(Error::new(Kind::Syntax, "too many column names were specified"));
        }
        let own = own.fields().iter().skip(given.len()).map(|field| field.name());
        let names: Vec<&String> = given.iter().chain(own).collect();
        names::must_differ(names.iter().copied())?;
        let columns = plan.schema().columns().into_iter().zip(&names);
        let renamed: Vec<Expr> = columns.map(|(column, name)| Expr::Column(column).alias(*name)).collect();
        self.context.params.bind(LogicalPlanBuilder::from(plan).project(renamed)?.build()?)
    }

    /// An expression over the columns of `schema`.
    pub fn expression(&self, mut expression: ast::Expr, schema: &DFSchema) -> Result<Expr> {
        inline::write_out(&mut expression, self.context)?;
        super::rewrite::domains::write_out(&mut expression, self.context)?;
        let planner = SqlToRel::new_with_options(self, self.options());
        let expression = super::rewrite::expression(expression);
        let params = &self.context.params;
        let expression = planner.sql_to_expr(expression, schema, &mut params.planner_context())?;
        if let Some(function) = called::first_in(&expression)? {
            return Err(called::cannot_be_called(&function));
        }
        Ok(semantics::resolve_expression(expression, schema, params)?)
    }

    /// An expression in text, as defaults, checks, masks and policies keep it.
    pub fn expression_text(&self, text: &str, schema: &DFSchema) -> Result<Expr> {
        self.expression(parse_expression(text)?, schema)
    }

    /// An expression over `schema` that can be evaluated on batches.
    pub fn physical(&self, expression: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self.state.create_physical_expr(self.simple(expression, schema)?, schema)?)
    }

    /// An expression over `schema` with its types settled and its constants computed.
    pub fn simple(&self, expression: Expr, schema: &DFSchema) -> Result<Expr> {
        let simplifier = self.simplifier(schema);
        let expression =
            semantics::checked(simplifier.coerce(expression, schema)?, schema, self.state.config_options())?;
        Ok(semantics::days_compared(simplifier.simplify(expression)?)?.data)
    }

    /// Asks `schema` for the types of columns.
    fn simplifier(&self, schema: &DFSchema) -> ExprSimplifier {
        let simplify = SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .with_config_options(self.state.config_options().clone())
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        ExprSimplifier::new(simplify)
    }

    /// How the engine's planner reads SQL here.
    fn options(&self) -> ParserOptions {
        ParserOptions {
            parse_float_as_decimal: true,
            map_string_types_to_utf8view: false,
            support_varchar_with_length: true,
            collect_spans: true,
            ..ParserOptions::default()
        }
    }

    /// A condition with its constants computed, once its types are settled.
    pub fn simplified(&self, condition: Expr, schema: &DFSchema) -> DfResult<Expr> {
        Ok(semantics::days_compared(self.simplifier(schema).simplify(condition)?)?.data)
    }

    /// Our function of this name, the same one at every call unless each call of it is another.
    fn ours(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let known = self.given.lock().get(name).cloned();
        known.or_else(|| {
            let function = functions::scalar(name, self.context)?;
            if function.signature().volatility != Volatility::Volatile {
                self.given.lock().insert(name.to_owned(), function.clone());
            }
            Some(function)
        })
    }

    /// The function that stands for a name that nothing has, until its arguments are known.
    fn missing(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        const GRAMMAR: &[&str] = &["unnest", "unnest_outer", "grouping", "map", "make_map", "struct", "row"];
        let taken = GRAMMAR.contains(&name)
            || self.get_aggregate_meta(name).is_some()
            || self.get_window_meta(name).is_some()
            || self.get_higher_order_meta(name).is_some();
        (!taken).then(|| semantics::missing(name))
    }

    /// The function that casts to a domain; none where the conditions of domains ask for each other without end.
    fn domain_cast(&self, id: ObjectId) -> Option<Arc<ScalarUDF>> {
        thread_local! {
            static DEPTH: Cell<usize> = const { Cell::new(0) };
        }
        let domain = self.context.snapshot.catalog.domain_by_id(id)?;
        let schema = DFSchema::try_from(Schema::new(vec![domain.base.field("value")])).ok()?;
        let depth = DEPTH.get();
        if depth >= DOMAINS_WITHIN_MAX {
            return None;
        }
        DEPTH.set(depth + 1);
        let check = |check: &CheckConstraint| self.physical(self.expression_text(&check.expression, &schema)?, &schema);
        let checks = domain.checks.iter().map(check).collect::<Result<Vec<_>>>();
        DEPTH.set(depth);
        Some(Arc::new(functions::domain_cast(domain.clone(), checks.ok()?)))
    }

    /// The relation of this name. What is no table of now ties the plan to this run.
    pub fn relation(&self, name: &TableReference) -> Result<Arc<dyn TableSource>> {
        if name.schema() == Some(LOCKED)
            && let Some(provider) = self.context.locked.get(name.table())
        {
            self.context.params.tie();
            return Ok(provider_as_source(provider.clone()));
        }
        // `"reader".schema.t` or `"reader moment".t`: see `rewrite::inline`.
        if let Some(moment) = name.catalog().or(name.schema()).and_then(|first| first.strip_prefix(inline::READER)) {
            let moment = Some(moment).filter(|moment| !moment.is_empty());
            let schema = name.catalog().and(name.schema());
            let name = match (moment, schema) {
                (Some(moment), Some(schema)) => TableReference::full(moment, schema, name.table()),
                (Some(first), None) | (None, Some(first)) => TableReference::partial(first, name.table()),
                (None, None) => TableReference::bare(name.table()),
            };
            return Planner::new(&self.context.as_reader(), self.state).relation(&name);
        }
        // `"moment".t` or `"moment".schema.t`: see the parser's `as_of`.
        if let Some(moment) = name.catalog().and_then(parser::split_off) {
            self.context.params.tie();
            return tables::open_past(self.context, self.state, moment, name.schema(), name.table());
        }
        if let Some(moment) = name.schema().and_then(parser::split_off) {
            self.context.params.tie();
            return tables::open_past(self.context, self.state, moment, None, name.table());
        }
        let (schema, table) = self.context.resolve(name.schema(), name.table());
        if let Some(provider) = self.overrides.get(&(schema.clone(), table.clone())) {
            // The table itself, with the ids of its rows, is what it would be without.
            if provider.downcast_ref::<TableScan>().is_none() {
                self.context.params.tie();
            }
            return Ok(provider_as_source(provider.clone()));
        }
        if !matches!(self.context.snapshot.catalog.relation(&schema, &table), Some((_, Object::Table(_)))) {
            self.context.params.tie();
        }
        tables::open(self.context, self.state, &schema, &table)
    }
}

/// Parses an expression.
pub fn parse_expression(text: &str) -> Result<ast::Expr> {
    parser::expression(text)
}

/// A view's plan as a relation.
pub fn plan_source(plan: LogicalPlan) -> Arc<dyn TableSource> {
    let view = datafusion::datasource::ViewTable::new(plan, None);
    provider_as_source(Arc::new(view))
}

impl ContextProvider for Planner<'_> {
    fn get_table_source(&self, name: TableReference) -> DfResult<Arc<dyn TableSource>> {
        Ok(self.relation(&name)?)
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> DfResult<Arc<dyn TableSource>> {
        self.context.params.tie();
        let schema = DFSchema::empty();
        let simplifier = self.simplifier(&schema);
        let params = &self.context.params;
        let args: Vec<Expr> = args
            .into_iter()
            .map(|arg| {
                let arg = semantics::resolve_argument(params.fill(arg)?, params)?;
                simplifier.coerce(arg, &schema).and_then(|arg| simplifier.simplify(arg))
            })
            .collect::<DfResult<_>>()?;
        if let Some(described) = functions::described(name, &args, self.context) {
            return Ok(provider_as_source(described));
        }
        if let Some(provider) = functions::table(name, &args, self.context)? {
            return Ok(provider_as_source(provider));
        }
        let name = name.to_lowercase();
        let args = functions::of_engine(functions::series_bounds(&name, args)?, params);
        // The engine has others, and this one for a bound alone.
        let known = name == "generate_series" && matches!(args.len(), 2 | 3);
        let Some(function) = self.state.table_functions().get(&name).filter(|_| known) else {
            return Err(functions::undefined_table(&name, &args).into());
        };
        let args = datafusion::catalog::TableFunctionArgs::new(&args, self.state);
        Ok(provider_as_source(function.create_table_provider_with_args(args)?))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> DfResult<Arc<dyn TableSource>> {
        self.context.params.tie();
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, semantics::working_table(&schema)))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(Types(self.context.clone())))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if let Some(grammar) = semantics::asked(name).or_else(|| semantics::cases(name)) {
            return Some(grammar);
        }
        if name == functions::ARRAY {
            return self.state.scalar_functions().get("make_array").cloned().map(semantics::kept);
        }
        if let Some(id) = functions::cast_to_domain(name) {
            return self.domain_cast(id);
        }
        let written = name.trim_start_matches("pg_catalog.");
        // The engine's name for what PostgreSQL calls otherwise.
        let builtin = match written {
            "sign" => "signum",
            "ceiling" => "ceil",
            "array_remove" => "array_remove_all",
            "array_replace" => "array_replace_all",
            name => name,
        };
        // Those of ours may carry the statement's context in them.
        let ours = self.ours(builtin);
        let engines = self.state.scalar_functions().get(builtin).cloned();
        match ours.as_ref().or(engines.as_ref()) {
            Some(function) if function.name() == functions::NOW => self.context.params.tie_to_time(),
            Some(function) if functions::is_of_one_run(builtin, function) => self.context.params.tie(),
            _ => {}
        }
        let engines = engines.map(|function| semantics::kept(semantics::called(written, function)));
        ours.or(engines).or_else(|| self.missing(name))
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        let name = match name.trim_start_matches("pg_catalog.") {
            "avg" => return Some(semantics::average()),
            "string_agg" => return Some(semantics::string_agg()),
            "variance" => "var_samp",
            "every" => "bool_and",
            name => name,
        };
        self.state.aggregate_functions().get(name).cloned().map(semantics::kept_aggregate)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name.trim_start_matches("pg_catalog.")).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}

/// Types of casts: ours, which are PostgreSQL's, and not the engine's.
#[derive(Debug)]
struct Types(Arc<Context>);

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> DfResult<Option<FieldRef>> {
        let sql_type = super::types::sql_type_in(&self.0, sql_type)?;
        // A field without a name would keep the marks of what is cast.
        Ok(Some(Arc::new(
            Field::new(CAST, sql_type.arrow(), true).with_metadata(sql_type.field("").metadata().clone()),
        )))
    }

    fn plan_type(&self, sql_type: &ast::DataType) -> DfResult<Option<DataType>> {
        Ok(Some(super::types::sql_type_in(&self.0, sql_type)?.arrow()))
    }
}

/// `SELECT items FROM from WHERE condition`.
pub fn select_query(
    items: Vec<ast::SelectItem>,
    from: Vec<ast::TableWithJoins>,
    condition: Option<ast::Expr>,
) -> Result<ast::Query> {
    let mut query = parser::query("SELECT 1")?;
    let ast::SetExpr::Select(select) = query.body.as_mut() else {
        return Err(Error::internal("a SELECT is not parsed as one"));
    };
    select.projection = items;
    select.from = from;
    select.selection = condition;
    Ok(query)
}

/// A relation in FROM.
pub fn table_factor(names: Vec<ast::Ident>) -> ast::TableFactor {
    ast::TableFactor::Table {
        name: ast::ObjectName::from(names),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}
