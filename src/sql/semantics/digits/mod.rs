//! How many digits of a numeric are shown: PostgreSQL's display scale, which every value has of its own.
//!
//! Arrow's decimals have one scale for a column. Where the places of a result's values differ (quotients, averages, `CASE` of 1 and
//! 2.5), a number of places is computed beside each of them, from the same operands and by the same rules, up through the plan; and
//! the last step writes value and places as text under a mark of its own. Values are never touched on the way: where nothing tells
//! the places, a number shows no zeros at its end.

mod expression;
mod operators;
mod texts;

use self::expression::{Of, Scope};
use self::operators::{Most, Shown};
use super::function;
use super::wide::{WIDE, decimal};
use crate::encoding::pg_text::TYPE_METADATA;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, JoinType, Result as DfResult};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, Sort as SortExpr};
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection, Union, Values, Window,
    WindowFunctionDefinition, lit,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Name of a column of places, before its number.
const PLACES: &str = "\u{1}d";

/// What tells the places of a column: a number for all of its rows, or another column.
#[derive(Debug, Clone)]
enum Told {
    Known(i32),
    Column(Column),
}

/// The same for the columns of a plan of which it is known.
type Columns = BTreeMap<usize, Told>;

/// A query whose result shows its numerics as PostgreSQL does.
pub fn with_digits(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let mut pass = Pass::default();
    let plan = pass.texts(plan)?;
    let plan = pass.rows(plan)?;
    let fields = plan.schema().fields();
    let wanted: BTreeSet<usize> = (0..fields.len()).filter(|at| decimal(fields[*at].data_type()).is_some()).collect();
    if wanted.is_empty() {
        return Ok(plan);
    }
    let (told, columns) = pass.told(plan.clone(), &wanted)?;
    let needed = |at: usize, field: &Field| match columns.get(&at)? {
        Told::Column(column) => Some(Expr::Column(column.clone())),
        Told::Known(places) => (declared(field) != Some(*places)).then(|| lit(*places)),
    };
    let mut shown = false;
    let items = plan.schema().iter().enumerate().map(|(at, (qualifier, field))| {
        let column = Expr::Column(Column::from((qualifier, field)));
        match needed(at, field) {
            Some(places) => {
                shown = true;
                function::call(Shown, vec![column, places]).alias_qualified(qualifier.cloned(), field.name())
            }
            None => column,
        }
    });
    let items: Vec<Expr> = items.collect();
    // Names that are there twice cannot be asked for.
    if !shown || plan.schema().columns().iter().collect::<BTreeSet<_>>().len() < items.len() {
        return Ok(plan);
    }
    Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(told))?))
}

/// Whether a numeric shows no zeros that nobody wrote.
fn is_open(field: &Field) -> bool {
    *field.data_type() == WIDE || field.metadata().get(TYPE_METADATA).is_some_and(|mark| mark == "numeric")
}

/// The places that a field's type tells.
fn declared(field: &Field) -> Option<i32> {
    match field.data_type() {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(0),
        other => decimal(other).filter(|_| !is_open(field)).map(|(_, scale)| i32::from(scale)),
    }
}

#[derive(Default)]
struct Pass {
    /// Columns of places made so far.
    made: usize,
}

impl Pass {
    fn name(&mut self) -> String {
        self.made += 1;
        format!("{PLACES}{}", self.made)
    }

    /// The plan with whatever tells the places of these columns, which come behind its own.
    fn told(&mut self, plan: LogicalPlan, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        if wanted.is_empty() {
            return Ok((plan, Columns::new()));
        }
        match plan {
            LogicalPlan::Projection(projection) => self.projection(projection, wanted),
            LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => {
                let (input, columns) = self.told(plan.inputs()[0].clone(), wanted)?;
                Ok((plan.with_new_exprs(plan.expressions(), vec![input])?, columns))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let (input, mut columns) = self.told(alias.input.as_ref().clone(), wanted)?;
                for told in columns.values_mut() {
                    if let Told::Column(column) = told {
                        *column = Column::new(Some(alias.alias.clone()), column.name.clone());
                    }
                }
                let plan = LogicalPlanBuilder::from(input).alias(alias.alias)?.build()?;
                Ok((plan, columns))
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, wanted),
            LogicalPlan::Window(window) => self.window(window, wanted),
            LogicalPlan::Distinct(Distinct::All(input)) => self.distinct(&input, wanted),
            LogicalPlan::Distinct(Distinct::On(on)) => self.distinct_on(on, wanted),
            LogicalPlan::Join(join) => self.join(join, wanted),
            LogicalPlan::Union(union) => self.union(union, wanted),
            LogicalPlan::Values(values) => self.values(values, wanted),
            plan => {
                let columns = by_type(plan.schema(), wanted);
                Ok((plan, columns))
            }
        }
    }

    /// The input with what tells the places of the columns that these expressions name, and those.
    fn beneath(&mut self, input: &LogicalPlan, expressions: &[&Expr]) -> DfResult<(LogicalPlan, Columns)> {
        let mut wanted = BTreeSet::new();
        for expression in expressions {
            for column in expression.column_refs() {
                let at = input.schema().maybe_index_of_column(column);
                wanted.extend(at.filter(|at| decimal(input.schema().field(*at).data_type()).is_some()));
            }
        }
        self.told(input.clone(), &wanted)
    }

    fn projection(&mut self, projection: Projection, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let (input, items, columns) = self.selected(&projection.input, &projection.expr, wanted)?;
        Ok((LogicalPlan::Projection(Projection::try_new(items, Arc::new(input))?), columns))
    }

    /// Of the rows that are alike the one that is kept shows its own places.
    fn distinct_on(&mut self, on: DistinctOn, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let (input, items, columns) = self.selected(&on.input, &on.select_expr, wanted)?;
        let told = DistinctOn::try_new(on.on_expr.clone(), items, on.sort_expr.clone(), Arc::new(input));
        let (on, columns) = match told {
            Ok(told) => (told, columns),
            Err(_) => {
                let columns = by_type(&on.schema, wanted);
                (on, columns)
            }
        };
        Ok((LogicalPlan::Distinct(Distinct::On(on)), columns))
    }

    /// What is selected, with what tells the places of some of it behind, and the input of both.
    fn selected(
        &mut self,
        input: &LogicalPlan,
        selected: &[Expr],
        wanted: &BTreeSet<usize>,
    ) -> DfResult<(LogicalPlan, Vec<Expr>, Columns)> {
        let asked: Vec<&Expr> = wanted.iter().map(|at| &selected[*at]).collect();
        let (told, beneath) = self.beneath(input, &asked)?;
        let scope = Scope { schema: input.schema(), columns: &beneath };
        let (mut items, mut columns) = (selected.to_vec(), Columns::new());
        for at in wanted {
            match scope.places(&selected[*at], self)? {
                Some(Of::Known(places)) => drop(columns.insert(*at, Told::Known(places))),
                Some(Of::Computed(places)) => {
                    let name = self.name();
                    items.push(places.alias(&name));
                    columns.insert(*at, Told::Column(Column::from_name(name)));
                }
                None => {}
            }
        }
        Ok((told, items, columns))
    }

    fn aggregate(&mut self, aggregate: Aggregate, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let groups = aggregate.group_expr.len();
        let simple = aggregate.schema.fields().len() == groups + aggregate.aggr_expr.len()
            && !matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
        if !simple {
            let columns = by_type(&aggregate.schema, wanted);
            return Ok((LogicalPlan::Aggregate(aggregate), columns));
        }
        let all: Vec<&Expr> = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).collect();
        let asked: Vec<&Expr> = wanted.iter().map(|at| all[*at]).collect();
        let (input, beneath) = self.beneath(&aggregate.input, &asked)?;
        let scope = Scope { schema: aggregate.input.schema(), columns: &beneath };
        let (mut parts, mut columns) = (aggregate.aggr_expr.clone(), Columns::new());
        for at in wanted {
            let part = match bare(all[*at]) {
                Expr::AggregateFunction(call) => scope.aggregated(call, self)?,
                // The rows of a group may show theirs differently: PostgreSQL takes one of them.
                group => scope.places(group, self)?.map(|places| places.map(most)),
            };
            match part {
                Some(Of::Known(places)) => drop(columns.insert(*at, Told::Known(places))),
                Some(Of::Computed(part)) => {
                    let name = self.name();
                    parts.push(part.alias(&name));
                    columns.insert(*at, Told::Column(Column::from_name(name)));
                }
                None if gives_one(bare(all[*at])) => {}
                None => columns.extend(by_type(&aggregate.schema, &BTreeSet::from([*at]))),
            }
        }
        let plan = Aggregate::try_new(Arc::new(input), aggregate.group_expr.clone(), parts)?;
        Ok((LogicalPlan::Aggregate(plan), columns))
    }

    fn window(&mut self, window: Window, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let before = window.input.schema().fields().len();
        let own = |at: &usize| window.window_expr.get(at.checked_sub(before)?);
        let passed = (0..before).filter(|at| wanted.contains(at));
        let columns_passed = passed.map(|at| Expr::Column(Column::from(window.input.schema().qualified_field(at))));
        let columns_passed: Vec<Expr> = columns_passed.collect();
        let asked: Vec<&Expr> = columns_passed.iter().chain(wanted.iter().filter_map(own)).collect();
        let (input, beneath) = self.beneath(&window.input, &asked)?;
        let scope = Scope { schema: window.input.schema(), columns: &beneath };
        let (mut parts, mut columns) = (window.window_expr.clone(), Columns::new());
        for at in wanted {
            let Some(expr) = own(at) else {
                columns.extend(beneath.get(at).map(|told| (*at, told.clone())));
                continue;
            };
            match scope.over(bare(expr), self)? {
                Some(Of::Known(places)) => drop(columns.insert(*at, Told::Known(places))),
                Some(Of::Computed(part)) => {
                    let name = self.name();
                    parts.push(part.alias(&name));
                    columns.insert(*at, Told::Column(Column::from_name(name)));
                }
                None if gives_one(bare(expr)) => {}
                None => columns.extend(by_type(&window.schema, &BTreeSet::from([*at]))),
            }
        }
        Ok((LogicalPlan::Window(Window::try_new(parts, Arc::new(input))?), columns))
    }

    /// Of rows that are alike but for what they show, PostgreSQL keeps one.
    fn distinct(&mut self, input: &Arc<LogicalPlan>, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let (told, beneath) = self.told(input.as_ref().clone(), wanted)?;
        let computed = beneath.values().any(|told| matches!(told, Told::Column(_)));
        if !computed {
            return Ok((LogicalPlan::Distinct(Distinct::All(input.clone())), beneath));
        }
        let (mut parts, mut columns) = (Vec::new(), Columns::new());
        for (at, told) in beneath {
            columns.insert(
                at,
                match told {
                    Told::Known(places) => Told::Known(places),
                    Told::Column(column) => {
                        let name = self.name();
                        parts.push(most(Expr::Column(column)).alias(&name));
                        Told::Column(Column::from_name(name))
                    }
                },
            );
        }
        let groups = input.schema().columns().into_iter().map(Expr::Column).collect();
        let plan = Aggregate::try_new(Arc::new(told), groups, parts)?;
        Ok((LogicalPlan::Aggregate(plan), columns))
    }

    fn join(&mut self, join: Join, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let left = match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti => 0,
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => join.left.schema().fields().len(),
            JoinType::LeftSemi | JoinType::LeftAnti => usize::MAX,
            _ => {
                let columns = by_type(&join.schema, wanted);
                return Ok((LogicalPlan::Join(join), columns));
            }
        };
        let (of_left, of_right): (BTreeSet<usize>, BTreeSet<usize>) = wanted.iter().copied().partition(|at| *at < left);
        let of_right = of_right.into_iter().map(|at| at - left).collect();
        let (new_left, mut columns) = self.told(join.left.as_ref().clone(), &of_left)?;
        let (new_right, beneath) = self.told(join.right.as_ref().clone(), &of_right)?;
        columns.extend(beneath.into_iter().map(|(at, told)| (at + left, told)));
        let join = Join { left: Arc::new(new_left), right: Arc::new(new_right), ..join };
        Ok((LogicalPlan::Join(join).recompute_schema()?, columns))
    }

    fn union(&mut self, union: Union, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let inputs = union.inputs.iter().map(|input| self.told(input.as_ref().clone(), wanted));
        let inputs = inputs.collect::<DfResult<Vec<_>>>()?;
        let mut columns = Columns::new();
        let mut computed = Vec::new();
        for at in wanted {
            let all: Option<Vec<&Told>> = inputs.iter().map(|(_, columns)| columns.get(at)).collect();
            let Some(all) = all else { continue };
            let known = |told: &Told| if let Told::Known(places) = told { Some(*places) } else { None };
            match known(all[0]).filter(|places| all.iter().all(|told| known(told) == Some(*places))) {
                Some(places) => drop(columns.insert(*at, Told::Known(places))),
                None => computed.push((*at, self.name())),
            }
        }
        if computed.is_empty() {
            return Ok((LogicalPlan::Union(union), columns));
        }
        let of_input = |(own, (input, columns)): (&Arc<LogicalPlan>, &(LogicalPlan, Columns))| {
            let mut items: Vec<Expr> = own.schema().columns().into_iter().map(Expr::Column).collect();
            items.extend(computed.iter().map(|(at, name)| {
                let places = match columns.get(at) {
                    Some(Told::Column(column)) => Expr::Column(column.clone()),
                    Some(Told::Known(places)) => lit(*places),
                    None => lit(0_i32),
                };
                places.alias(name)
            }));
            Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(items, Arc::new(input.clone()))?)))
        };
        let told = union.inputs.iter().zip(&inputs).map(of_input).collect::<DfResult<Vec<_>>>()?;
        let told = Union::try_new_with_loose_types(told)?;
        let width = union.schema.fields().len();
        if told.schema.columns()[..width] != union.schema.columns()[..] {
            return Ok((LogicalPlan::Union(union), columns));
        }
        let places = told.schema.columns();
        for (n, (at, _)) in computed.into_iter().enumerate() {
            columns.insert(at, Told::Column(places[width + n].clone()));
        }
        Ok((LogicalPlan::Union(told), columns))
    }

    fn values(&mut self, values: Values, wanted: &BTreeSet<usize>) -> DfResult<(LogicalPlan, Columns)> {
        let nothing = DFSchema::empty();
        let scope = Scope { schema: &nothing, columns: &Columns::new() };
        let mut columns = Columns::new();
        let mut rows = values.values.clone();
        let width = values.schema.fields().len();
        let mut added = 0;
        for at in wanted {
            let all = values.values.iter().map(|row| match is_null(&row[*at]) {
                true => Ok(None),
                false => scope.places(&row[*at], self).map(|of| Some(of.and_then(Of::known))),
            });
            let all = all.collect::<DfResult<Vec<_>>>()?;
            let mut told = all.iter().flatten();
            let Some(Some(first)) = told.next().copied() else { continue };
            if told.clone().any(Option::is_none) {
                continue;
            }
            if told.all(|places| *places == Some(first)) {
                columns.insert(*at, Told::Known(first));
                continue;
            }
            for (row, places) in rows.iter_mut().zip(all) {
                row.push(lit(places.flatten().unwrap_or_default()));
            }
            added += 1;
            columns.insert(*at, Told::Column(Column::from_name(format!("column{}", width + added))));
        }
        if added == 0 {
            return Ok((LogicalPlan::Values(values), columns));
        }
        let plan = LogicalPlanBuilder::values(rows)?.build()?;
        match plan.schema().fields()[..width] == values.schema.fields()[..] {
            true => Ok((plan, columns)),
            false => Ok((LogicalPlan::Values(values), Columns::new())),
        }
    }
}

/// What the types of columns tell.
fn by_type(schema: &DFSchema, wanted: &BTreeSet<usize>) -> Columns {
    wanted.iter().filter_map(|at| Some((*at, Told::Known(declared(schema.field(*at))?)))).collect()
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Alias(alias) => is_null(&alias.expr),
        Expr::Cast(cast) => is_null(&cast.expr),
        _ => false,
    }
}

/// Whether a function over rows gives one of its values or their sum, which has places as they have.
fn gives_one(expr: &Expr) -> bool {
    let name = match expr {
        Expr::AggregateFunction(call) => call.func.name(),
        Expr::WindowFunction(call) => call.fun.name(),
        // What is grouped by.
        _ => return true,
    };
    matches!(name, "sum" | "min" | "max" | "first_value" | "last_value" | "lag" | "lead" | "nth_value")
}

/// The most of places over rows.
fn most(places: Expr) -> Expr {
    Expr::AggregateFunction(AggregateFunction::new_udf(max_udaf(), vec![places], false, None, vec![], None))
}

impl Scope<'_> {
    /// What an aggregate's result shows.
    fn aggregated(&self, call: &AggregateFunction, pass: &mut Pass) -> DfResult<Option<Of>> {
        let Some(arg) = call.params.args.first() else { return Ok(None) };
        let name = call.func.name();
        if !matches!(name, "sum" | "min" | "max" | "first_value" | "last_value") {
            return Ok(None);
        }
        let Some(places) = self.places(arg, pass)? else { return Ok(None) };
        let filter = call.params.filter.clone();
        Ok(Some(places.map(|places| {
            let (function, order) = match name {
                "sum" => (max_udaf(), vec![]),
                "min" | "max" => {
                    let order = SortExpr { expr: arg.clone(), asc: name == "min", nulls_first: false };
                    (first_value_udaf(), vec![order])
                }
                _ => (call.func.clone(), call.params.order_by.clone()),
            };
            let treatment =
                if matches!(name, "first_value" | "last_value") { call.params.null_treatment } else { None };
            Expr::AggregateFunction(AggregateFunction::new_udf(function, vec![places], false, filter, order, treatment))
        })))
    }

    /// The same over a window.
    fn over(&self, expr: &Expr, pass: &mut Pass) -> DfResult<Option<Of>> {
        let Expr::WindowFunction(call) = expr else { return Ok(None) };
        let Some(arg) = call.params.args.first() else { return Ok(None) };
        // The least and the greatest of numbers that show the same places show these.
        if matches!(call.fun.name(), "min" | "max") {
            return Ok(self.places(arg, pass)?.and_then(Of::known).map(Of::Known));
        }
        let function = match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) if function.name() == "sum" => {
                WindowFunctionDefinition::AggregateUDF(max_udaf())
            }
            WindowFunctionDefinition::WindowUDF(function)
                if matches!(function.name(), "lag" | "lead" | "first_value" | "last_value" | "nth_value") =>
            {
                call.fun.clone()
            }
            _ => return Ok(None),
        };
        let Some(places) = self.places(arg, pass)? else { return Ok(None) };
        // What stands where no row is shows its own.
        if let [_, _, other] = call.params.args.as_slice()
            && !is_null(other)
        {
            let Some(Of::Known(own)) = self.places(other, pass)? else { return Ok(None) };
            let mut call = call.clone();
            call.params.args[0] = places.expr();
            call.params.args[2] = lit(own);
            return Ok(Some(Of::Computed(Expr::WindowFunction(call))));
        }
        Ok(Some(places.map(|places| {
            let mut call = call.clone();
            call.fun = function;
            call.params.args[0] = places;
            call.params.distinct = false;
            Expr::WindowFunction(call)
        })))
    }
}

/// The most of several numbers of places, or their sum.
fn together(all: Vec<Of>, sum: bool) -> Of {
    match all.iter().map(|of| of.clone().known()).collect::<Option<Vec<i32>>>() {
        Some(known) if sum => Of::Known(known.iter().sum()),
        Some(known) => Of::Known(known.into_iter().max().unwrap_or_default()),
        None => Of::Computed(function::call(Most { sum }, all.into_iter().map(Of::expr).collect())),
    }
}
