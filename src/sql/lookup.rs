//! Queries of one row, that of a key or none of a table's: run without a plan of the engine's.
//!
//! To plan a query takes a hundred times as long as to read one row by its key. So what is kept of a prepared query
//! ([`super::kept_plan`]) is made into a [`Lookup`] where its optimised plan is a chain over one table whose key the
//! condition gives whole, or over nothing, as that of `SELECT 1` is. The row is read through the gate's [`Seen`], with the masks and rights that held when the plan was made:
//! a plan is kept only as long as catalogue, role and settings are the same. All that is above the table, its condition included,
//! is computed for that row by the expressions that the engine itself would use. Parameters are columns beside those of the row.
//!
//! Where the index of keys cannot tell, nothing is answered here and the plan is run.

use super::functions::NOW;
use super::kept_plan::is_same_always;
use super::tables::{Seen, TableScan};
use crate::catalog::KeyConstraint;
use crate::error::{Error, Kind, Result};
use crate::txn::{Found, Manager, Transaction, batch, split_row_id};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, FetchType, LogicalPlan, Operator, SkipType, TableScan as Scan,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, expressions};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use std::sync::Arc;

/// A query that one key answers, or that asks no table.
#[derive(Debug)]
pub struct Lookup {
    at: At,
    /// What is done with the row, in order.
    steps: Vec<Step>,
    /// The parameters as columns.
    params: SchemaRef,
    schema: SchemaRef,
}

/// Where the row is.
#[derive(Debug)]
enum At {
    /// In a table, by the values of a key's columns.
    Key { key: KeyConstraint, values: Vec<Value>, seen: Box<Seen>, is_sensitive: bool },
    /// Nowhere: it is the one row, without columns, of a query without FROM.
    Nothing,
}

/// The value of a key's column, computed from parameters alone.
#[derive(Debug)]
struct Value {
    expression: Arc<dyn PhysicalExpr>,
    /// The parameter that it is, if it is no more than one.
    parameter: Option<usize>,
    /// The column's type.
    data_type: DataType,
}

#[derive(Debug)]
enum Step {
    /// The row stays if this is true of it and the parameters beside it.
    Filter(Arc<dyn PhysicalExpr>, SchemaRef),
    /// These take its place.
    Project(Vec<Made>, SchemaRef),
}

/// A column that takes the place of those that a row had.
#[derive(Debug)]
enum Made {
    /// One of these, or of the parameters behind them.
    Taken(usize),
    /// It is computed.
    Computed(Arc<dyn PhysicalExpr>),
}

impl Lookup {
    /// The query of this optimised plan, whose parameters have these types, if one key answers it or it asks no table.
    pub fn of(plan: &LogicalPlan, types: &[DataType], state: &SessionState) -> Option<Self> {
        let (nodes, end) = chain(plan)?;
        let params = as_columns(types);
        let maker = Maker { params: DFSchema::try_from(params.as_ref().clone()).ok()?, state };
        let (at, told) = match end {
            End::Table(scan) => maker.by_key(&nodes, scan)?,
            End::Nothing => (At::Nothing, Vec::new()),
        };
        // What is true of the row since it has the key needs no look.
        let is_told = |filter: &Expr| told.iter().any(|told| std::ptr::eq(*told, filter));
        let is_step = |node: &LogicalPlan| {
            let conditions = conditions(node);
            conditions.is_empty() || !conditions.into_iter().all(is_told)
        };
        let steps = nodes.iter().rev().filter(|node| is_step(node)).map(|node| maker.step(node));
        let steps = steps.collect::<Option<Vec<_>>>()?;
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Some(Self { at, steps: steps.into_iter().flatten().collect(), params, schema })
    }

    /// Whether it reads what the audit log asks about: then the leaf of a plan is to read it, which notes that.
    pub fn is_sensitive(&self) -> bool {
        matches!(self.at, At::Key { is_sensitive: true, .. })
    }

    /// The columns of its result.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The row of the key, or none, as the transaction sees it; nothing if only reading tells.
    pub fn run(&self, manager: &Manager, txn: &Transaction, params: &[ScalarValue]) -> Result<Option<RecordBatch>> {
        Ok(match self.row(manager, txn, params)? {
            Some(Some(row)) => Some(batch(self.schema.clone(), row, 1)?),
            Some(None) => Some(RecordBatch::new_empty(self.schema.clone())),
            None => None,
        })
    }

    /// As [`Self::run`], the row by its columns.
    pub fn row(
        &self,
        manager: &Manager,
        txn: &Transaction,
        params: &[ScalarValue],
    ) -> Result<Option<Option<Vec<ArrayRef>>>> {
        let params = params.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>()?;
        let mut row = match &self.at {
            At::Key { key, values, seen, .. } => {
                let mut told = Vec::with_capacity(values.len());
                for value in values {
                    match value.of(&self.params, &params)? {
                        Some(value) => told.push(value),
                        None => return Ok(Some(None)),
                    }
                }
                match row_of(manager, txn, (key, &told), seen)? {
                    Some(Some(row)) => row,
                    other => return Ok(other),
                }
            }
            At::Nothing => Vec::new(),
        };
        for step in &self.steps {
            match step.take(row, &params)? {
                Some(next) => row = next,
                None => return Ok(Some(None)),
            }
        }
        Ok(Some(Some(row)))
    }
}

/// The row of a key, or none, as the transaction sees it; nothing if only reading tells.
fn row_of(
    manager: &Manager,
    txn: &Transaction,
    (key, values): (&KeyConstraint, &[ArrayRef]),
    seen: &Seen,
) -> Result<Option<Option<Vec<ArrayRef>>>> {
    let (segment, offset) = match manager.find_key_in(txn, seen.table, key, values)? {
        Found::Unknown => return Ok(None),
        Found::Nowhere => return Ok(Some(None)),
        Found::Row(row) => split_row_id(row),
    };
    let rows = txn.snapshot().rows(seen.table);
    let Some(segment) = rows.segment(segment) else { return Ok(None) };
    let columns = match manager.read_row(seen.table, segment, &seen.needed, offset) {
        // A scan names the table, and may leave the row out.
        Err(error) if error.kind() == Kind::Corruption => return Ok(None),
        columns => columns?,
    };
    seen.of_one(segment, columns, offset).map(Some)
}

/// One row of values that nothing but parameters and the time tell.
#[derive(Debug)]
pub struct Row {
    cells: Vec<Cell>,
    /// The parameters as columns, and the time behind them.
    params: SchemaRef,
    schema: SchemaRef,
}

/// What stands in a place of such a row.
#[derive(Debug)]
enum Cell {
    /// The same each time.
    Constant(ArrayRef),
    /// The value of a parameter.
    Parameter(usize),
    /// It is computed.
    Computed(Arc<dyn PhysicalExpr>),
}

impl Cell {
    /// What an expression over so many parameters and the time makes.
    fn of(expression: Arc<dyn PhysicalExpr>, params: &SchemaRef) -> Self {
        let count = params.fields().len().saturating_sub(1);
        if let Some(at) = taken(&expression).filter(|at| *at < count) {
            return Self::Parameter(at);
        }
        let constant = || {
            let asks = !collect_columns(&expression).is_empty();
            // What fails is to fail when it is run.
            let row = RecordBatch::new_empty(params.clone());
            let value = (!asks).then(|| expression.evaluate(&row).ok()).flatten()?;
            match value {
                ColumnarValue::Scalar(value) => value.to_array().ok(),
                ColumnarValue::Array(_) => None,
            }
        };
        match constant() {
            Some(value) => Self::Constant(value),
            None => Self::Computed(expression),
        }
    }
}

impl Row {
    /// The row that a plan of VALUES makes, if it is one of constants and of parameters of these types.
    pub fn of(plan: &LogicalPlan, types: &[DataType], state: &SessionState) -> Option<Self> {
        let (mut time, number) = (None, types.len() + 1);
        let timed =
            plan.clone().transform_up(|node| node.map_expressions(|inner| at_time(inner, number, &mut time))).ok()?;
        let time = time.unwrap_or(DataType::Timestamp(TimeUnit::Microsecond, None));
        let types: Vec<DataType> = types.iter().cloned().chain([time]).collect();
        let analysed = state.analyzer().execute_and_check(timed.data, state.config_options(), |_, _| {}).ok()?;
        let row = match &analysed {
            LogicalPlan::Values(values) => match values.values.as_slice() {
                [row] => row.as_slice(),
                _ => return None,
            },
            LogicalPlan::Projection(node) => match node.input.as_ref() {
                LogicalPlan::EmptyRelation(one) if one.produce_one_row => node.expr.as_slice(),
                _ => return None,
            },
            _ => return None,
        };
        if !is_same_always(&analysed).ok()? {
            return None;
        }
        let params = as_columns(&types);
        let maker = Maker { params: DFSchema::try_from(params.as_ref().clone()).ok()?, state };
        let fields = analysed.schema().fields();
        let expressions = row.iter().zip(fields).map(|(expression, field)| {
            let physical = maker.physical(expression, &DFSchema::empty())?;
            (physical.data_type(&params).ok()? == *field.data_type()).then(|| Cell::of(physical, &params))
        });
        let cells = expressions.collect::<Option<_>>()?;
        Some(Self { cells, schema: Arc::new(analysed.schema().as_arrow().clone()), params })
    }

    /// The value in a place, if it is always the same.
    pub fn constant(&self, at: usize) -> Option<&ArrayRef> {
        match self.cells.get(at)? {
            Cell::Constant(value) => Some(value),
            Cell::Parameter(_) | Cell::Computed(_) => None,
        }
    }

    /// The type of the values in a place.
    pub fn data_type(&self, at: usize) -> Option<&DataType> {
        self.schema.fields().get(at).map(|field| field.data_type())
    }

    /// The row with these values of the parameters, now.
    pub fn of_values(&self, params: &[ScalarValue]) -> Result<RecordBatch> {
        batch(self.schema.clone(), self.values(params)?, 1)
    }

    /// As [`Self::of_values`], by its columns.
    pub fn values(&self, params: &[ScalarValue]) -> Result<Vec<ArrayRef>> {
        let mut beside = None;
        let mut values = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            values.push(match cell {
                Cell::Constant(value) => value.clone(),
                Cell::Parameter(at) => {
                    params.get(*at).ok_or_else(|| Error::internal("a parameter is missing"))?.to_array()?
                }
                Cell::Computed(expression) => {
                    let beside = match &mut beside {
                        Some(beside) => beside,
                        none => none.insert(self.beside(params)?),
                    };
                    expression.evaluate(beside)?.into_array(1)?
                }
            });
        }
        Ok(values)
    }

    /// The parameters and the time as columns.
    fn beside(&self, params: &[ScalarValue]) -> Result<RecordBatch> {
        let zone = self.params.fields().last().and_then(|time| match time.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        });
        let now = ScalarValue::TimestampMicrosecond(Some(chrono::Utc::now().timestamp_micros()), zone);
        let columns = params.iter().chain([&now]).map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>()?;
        batch(self.params.clone(), columns, 1)
    }
}

impl Value {
    /// The value as one of the column's type; none where no value of that type equals it.
    fn of(&self, schema: &SchemaRef, params: &[ArrayRef]) -> Result<Option<ArrayRef>> {
        let value = match self.parameter.and_then(|at| params.get(at)) {
            Some(value) => value.clone(),
            None => self.expression.evaluate(&batch(schema.clone(), params.to_vec(), 1)?)?.into_array(1)?,
        };
        let value = match *value.data_type() == self.data_type {
            true => value,
            // Whole numbers: what does not fit becomes NULL.
            false => cast(&value, &self.data_type)?,
        };
        Ok((!value.is_null(0)).then_some(value))
    }
}

impl Step {
    fn take(&self, row: Vec<ArrayRef>, params: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>> {
        let beside = |schema: &SchemaRef| batch(schema.clone(), row.iter().chain(params).cloned().collect(), 1);
        match self {
            Self::Filter(condition, schema) => {
                let holds = condition.evaluate(&beside(schema)?)?.into_array(1)?;
                let holds = holds.as_any().downcast_ref::<BooleanArray>();
                let holds = holds.is_some_and(|holds| !holds.is_null(0) && holds.value(0));
                Ok(holds.then_some(row))
            }
            Self::Project(made, schema) => {
                let mut given = None;
                let mut columns = Vec::with_capacity(made.len());
                for made in made {
                    columns.push(match made {
                        Made::Taken(at) => match row.iter().chain(params).nth(*at) {
                            Some(column) => column.clone(),
                            None => return Err(Error::internal("a look-up takes a column that is not there")),
                        },
                        Made::Computed(expression) => {
                            let all = match given.take() {
                                Some(all) => all,
                                None => beside(schema)?,
                            };
                            let column = expression.evaluate(&all)?.into_array(1)?;
                            given = Some(all);
                            column
                        }
                    });
                }
                Ok(Some(columns))
            }
        }
    }
}

/// What a chain ends in.
enum End<'a> {
    Table(&'a Scan),
    Nothing,
}

/// The nodes of a plan that is one chain, from the top, and what is at its end. What orders or limits changes nothing
/// of one row.
fn chain(mut plan: &LogicalPlan) -> Option<(Vec<&LogicalPlan>, End<'_>)> {
    let mut nodes = Vec::new();
    loop {
        let one_or_more = |fetch: Option<usize>| fetch.is_none_or(|fetch| fetch > 0);
        let node = plan;
        plan = match node {
            LogicalPlan::Projection(node) => &node.input,
            LogicalPlan::Filter(node) => &node.input,
            LogicalPlan::SubqueryAlias(node) => &node.input,
            LogicalPlan::Sort(node) if one_or_more(node.fetch) => {
                node.expr.iter().all(|sort| matches!(sort.expr, Expr::Column(_))).then_some(&node.input)?
            }
            LogicalPlan::Limit(node) => match (node.get_skip_type().ok()?, node.get_fetch_type().ok()?) {
                (SkipType::Literal(0), FetchType::Literal(fetch)) if one_or_more(fetch) => &node.input,
                _ => return None,
            },
            LogicalPlan::TableScan(scan) if one_or_more(scan.fetch) => return Some((nodes, End::Table(scan))),
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row && empty.schema.fields().is_empty() => {
                return Some((nodes, End::Nothing));
            }
            _ => return None,
        };
        nodes.push(node);
    }
}

/// What must all be true of the rows that a node lets through.
fn conditions(node: &LogicalPlan) -> Vec<&Expr> {
    match node {
        LogicalPlan::Filter(filter) => split_conjunction(&filter.predicate),
        _ => Vec::new(),
    }
}

/// Parameters of these types as columns.
fn as_columns(types: &[DataType]) -> SchemaRef {
    let field = |(n, data_type): (usize, &DataType)| Field::new(format!("\u{1}${}", n + 1), data_type.clone(), true);
    Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// An expression with a parameter of this number in the place of the engine's clock, whose type `time` hears.
fn at_time(expression: Expr, number: usize, time: &mut Option<DataType>) -> DfResult<Transformed<Expr>> {
    let name = NamePreserver::new_for_projection().save(&expression);
    let timed = expression.transform_up(|inner| match &inner {
        Expr::ScalarFunction(call) if call.func.name() == NOW => {
            let data_type = inner.get_type(&DFSchema::empty())?;
            *time = Some(data_type.clone());
            let field = Arc::new(Field::new(NOW, data_type, true));
            Ok(Transformed::yes(Expr::Placeholder(Placeholder::new_with_field(format!("${number}"), Some(field)))))
        }
        _ => Ok(Transformed::no(inner)),
    })?;
    Ok(timed.update_data(|timed| name.restore(timed)))
}

/// Makes expressions of the engine's.
struct Maker<'a> {
    params: DFSchema,
    state: &'a SessionState,
}

impl Maker<'_> {
    /// The key of a table at the end of a chain of nodes that their conditions give whole, and these conditions.
    fn by_key<'a>(&self, nodes: &[&'a LogicalPlan], scan: &Scan) -> Option<(At, Vec<&'a Expr>)> {
        let source = source_as_provider(&scan.source).ok()?;
        let table = source.downcast_ref::<TableScan>()?;
        // Above a projection columns may have other names.
        let near = nodes.iter().rev().take_while(|node| !matches!(node, LogicalPlan::Projection(_)));
        let filters: Vec<&Expr> = near.flat_map(|node| conditions(node)).collect();
        let (key, values) = table.keys_seen().find_map(|key| {
            let value = |&column: &usize| {
                let (name, data_type) = table.column(column)?;
                filters.iter().find_map(|&filter| Some((filter, self.value(filter, name, &data_type)?)))
            };
            Some((key.clone(), key.columns.iter().map(value).collect::<Option<Vec<_>>>()?))
        })?;
        let (told, values): (Vec<&Expr>, Vec<Value>) = values.into_iter().unzip();
        let projection = match &scan.projection {
            Some(projection) => projection.clone(),
            None => (0..scan.projected_schema.fields().len()).collect(),
        };
        // What may not be read is the engine's to refuse.
        let seen = table.seen(&projection).ok()?;
        let is_sensitive = !table.sensitive(&projection).is_empty();
        Some((At::Key { key, values, seen: Box::new(seen), is_sensitive }, told))
    }

    /// What a node does; nothing is a step too.
    fn step(&self, node: &LogicalPlan) -> Option<Option<Step>> {
        Some(match node {
            LogicalPlan::Filter(node) => {
                let input = node.input.schema();
                Some(Step::Filter(self.physical(&node.predicate, input)?, self.beside(input)))
            }
            LogicalPlan::Projection(node) => {
                let (input, fields) = (node.input.schema(), node.schema.fields());
                let beside = self.beside(input);
                let made = node.expr.iter().zip(fields).map(|(expression, field)| {
                    let physical = self.physical(expression, input)?;
                    let same = physical.data_type(&beside).ok()? == *field.data_type();
                    same.then(|| match taken(&physical) {
                        Some(at) => Made::Taken(at),
                        None => Made::Computed(physical),
                    })
                });
                Some(Step::Project(made.collect::<Option<_>>()?, beside))
            }
            _ => None,
        })
    }

    /// The columns of `input` and the parameters behind them.
    fn beside(&self, input: &DFSchema) -> SchemaRef {
        let fields = input.fields().iter().chain(self.params.fields());
        // What stands in the place of a value may be NULL where the value may not.
        Arc::new(Schema::new(fields.map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<_>>()))
    }

    /// An expression over `input` and the parameters.
    fn physical(&self, expression: &Expr, input: &DFSchema) -> Option<Arc<dyn PhysicalExpr>> {
        let with_columns = expression.clone().transform_up(|inner| {
            Ok(match inner {
                Expr::Placeholder(placeholder) => {
                    let column = format!("\u{1}{}", placeholder.id);
                    Transformed::yes(Expr::Column(Column::new_unqualified(column)))
                }
                other => Transformed::no(other),
            })
        });
        let schema = input.join(&self.params).ok()?;
        let physical = self.state.create_physical_expr(with_columns.ok()?.data, &schema).ok()?;
        (!is_volatile(&physical)).then_some(physical)
    }

    /// The value that a condition says a column equals.
    fn value(&self, condition: &Expr, column: &str, data_type: &DataType) -> Option<Value> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
        let value = match (is_column(left, column, data_type), is_column(right, column, data_type)) {
            (true, false) => right,
            (false, true) => left,
            _ => return None,
        };
        if value.any_column_refs() {
            return None;
        }
        let expression = self.physical(value, &DFSchema::empty())?;
        let have = expression.data_type(self.params.as_arrow()).ok()?;
        let whole = have.is_signed_integer() && data_type.is_signed_integer();
        (have == *data_type || whole).then(|| {
            let parameter = taken(&expression);
            Value { expression, parameter, data_type: data_type.clone() }
        })
    }
}

/// The column that an expression is, if it is no more than one.
fn taken(expression: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expression.downcast_ref::<expressions::Column>().map(expressions::Column::index)
}

/// Whether an expression is the column, or the column as a wider whole number.
fn is_column(expression: &Expr, name: &str, data_type: &DataType) -> bool {
    match expression {
        Expr::Column(column) => column.name == name,
        Expr::Cast(cast) => {
            let want = cast.field.data_type();
            let wider = want.is_signed_integer() && want.primitive_width() >= data_type.primitive_width();
            wider && data_type.is_signed_integer() && is_column(&cast.expr, name, data_type)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
