//! What `$1, $2, ...` stand for: their types as far as they are known, and their values once the statement runs.
//!
//! A parameter has the type that the client declares, else the one that its place lends it, as PostgreSQL infers it: what
//! it is compared with, the column it is put into, the argument that a function takes. The passes over a plan
//! ([`super::semantics`]) write the types that they find into the plan; [`settle`] reads them from there and plans again, until
//! all are known. A statement that runs knows them from the start, and so means the same whatever values it is given.

use super::context::Context;
use super::parser::{Body, Cursor, Own, Written, split_off};
use super::planner::parse_expression;
use super::values::Zone;
use crate::catalog::SqlType;
use crate::encoding::pg_text::TYPE_METADATA;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result as DfResult, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::planner::PlannerContext;
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Parameters of a statement at most: the protocol counts them in two bytes.
const COUNT_MAX: usize = 65_535;
/// Functions whose second argument is an array of texts.
const WITH_LABELS: &[&str] = &["classify", "classify_detail"];
/// Functions that take values of any type, and so tell nothing of their parameters.
const OF_ANY: &[&str] = &[
    "concat",
    "concat_ws",
    "format",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "num_nonnulls",
    "num_nulls",
    "pg_typeof",
];

/// Types and values of the parameters of one statement.
#[derive(Default)]
pub struct Parameters {
    fields: Vec<Option<FieldRef>>,
    /// There once the statement runs.
    values: Option<Vec<ScalarValue>>,
    /// Types that places lend which are no part of the plan: arguments of table functions, moments.
    noted: Mutex<BTreeMap<usize, FieldRef>>,
    /// The plan has something in it of this run alone.
    tied: AtomicBool,
    /// It asks for the time.
    timed: AtomicBool,
}

impl Parameters {
    /// Parameters of these types, where one is told.
    pub fn of_types(fields: Vec<Option<FieldRef>>) -> Self {
        Self { fields, ..Self::default() }
    }

    /// Parameters with their values, which are brought to their types; a moment that names no zone is one of `zone`.
    pub fn bound(fields: &[FieldRef], values: Vec<ScalarValue>, zone: &Zone) -> Result<Self> {
        if fields.len() != values.len() {
            let message = format!("{} values for {} parameters", values.len(), fields.len());
            return Err(Error::new(Kind::Protocol, message));
        }
        let bound = fields.iter().zip(values).map(|(field, value)| fitted(field, value, zone));
        let (fields, values): (Vec<_>, Vec<_>) = bound.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Self { fields: fields.into_iter().map(Some).collect(), values: Some(values), ..Self::default() })
    }

    /// The engine's planner, told the types.
    pub fn planner_context(&self) -> PlannerContext {
        match self.fields.is_empty() {
            true => PlannerContext::new(),
            false => PlannerContext::new().with_prepare_param_data_types(self.fields.clone()),
        }
    }

    /// The type of the parameter `$n`, if it is known.
    pub fn field(&self, id: &str) -> Option<&FieldRef> {
        self.fields.get(number(id)?.checked_sub(1)?)?.as_ref()
    }

    /// The values; none as long as the statement is only described.
    pub fn values(&self) -> Option<&[ScalarValue]> {
        self.values.as_deref()
    }

    /// The plan with the values in it.
    pub fn bind(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match &self.values {
            Some(values) if !values.is_empty() => self.with(plan, values.clone()),
            _ => Ok(plan),
        }
    }

    /// The plan with NULL for each parameter: its columns have the types that they will have.
    pub fn bind_nulls(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if self.fields.is_empty() {
            return Ok(plan);
        }
        let null = |field: &Option<FieldRef>| {
            ScalarValue::try_from(field.as_ref().map_or(&DataType::Utf8, |field| field.data_type()))
        };
        let nulls = self.fields.iter().map(null).collect::<DfResult<Vec<_>>>()?;
        self.with(plan, nulls)
    }

    fn with(&self, plan: LogicalPlan, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        let marked = values
            .into_iter()
            .zip(&self.fields)
            .map(|(value, field)| ScalarAndMetadata::new(value, field.as_deref().and_then(mark)));
        Ok(plan.with_param_values(ParamValues::List(marked.collect()))?)
    }

    /// Says that the plan has something in it of this run alone, such as a snapshot.
    pub fn tie(&self) {
        self.tied.store(true, Ordering::Relaxed);
    }

    /// Says that the plan asks for the time.
    pub fn tie_to_time(&self) {
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Whether anybody said one of these.
    pub fn is_tied(&self) -> bool {
        self.is_tied_but_for_time() || self.timed.load(Ordering::Relaxed)
    }

    /// Whether anybody said that there is more in the plan of this run than its time.
    pub fn is_tied_but_for_time(&self) -> bool {
        self.tied.load(Ordering::Relaxed)
    }

    /// The expression with the values in it.
    pub fn fill(&self, expression: Expr) -> DfResult<Expr> {
        let Some(values) = &self.values else { return Ok(expression) };
        let filled = expression.transform_up(|expression| match &expression {
            Expr::Placeholder(placeholder) => {
                let at = number(&placeholder.id).and_then(|n| n.checked_sub(1));
                let found = at.and_then(|at| Some((values.get(at)?, self.fields.get(at)?)));
                let literal = found.map(|(value, field)| Expr::Literal(value.clone(), field.as_deref().and_then(mark)));
                Ok(literal.map_or(Transformed::no(expression), Transformed::yes))
            }
            _ => Ok(Transformed::no(expression)),
        });
        Ok(filled?.data)
    }

    /// Remembers the types of the parameters in an expression that is no part of the plan; nothing tells of others.
    pub fn note(&self, expression: &Expr) {
        let mut noted = self.noted.lock();
        let noting = expression.apply(|inner| {
            if let Expr::Placeholder(Placeholder { id, field }) = inner
                && let Some(number) = number(id)
            {
                let text = || Arc::new(as_parameter(&SqlType::Text, number));
                noted.entry(number).or_insert_with(|| field.clone().unwrap_or_else(text));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        debug_assert!(noting.is_ok(), "nothing there fails");
    }
}

/// The mark in a type's field that a literal must carry, lest it be taken for what Arrow says it is.
fn mark(field: &Field) -> Option<FieldMetadata> {
    matches!(
        SqlType::from_field(field),
        Ok(SqlType::Uuid | SqlType::Inet | SqlType::Cidr | SqlType::Json | SqlType::Jsonb)
    )
    .then(|| FieldMetadata::new_from_field(field))
}

/// A value of a parameter's type, with that type. Numbers keep the digits that they come with.
fn fitted(field: &FieldRef, value: ScalarValue, zone: &Zone) -> Result<(FieldRef, ScalarValue)> {
    let (have, want) = (value.data_type(), field.data_type());
    let decimal = |t: &DataType| matches!(t, DataType::Decimal128(..) | DataType::Decimal256(..));
    if have == *want || decimal(&have) && decimal(want) {
        let value = match (&value, field.metadata().get(TYPE_METADATA).map(String::as_str)) {
            // Blanks at the end of a `char(n)` mean nothing.
            (ScalarValue::Utf8(Some(text)), Some("bpchar")) => ScalarValue::from(text.trim_end_matches(' ')),
            _ => value,
        };
        let field = match have == *want {
            true => field.clone(),
            false => Arc::new(field.as_ref().clone().with_data_type(have)),
        };
        return Ok((field, value));
    }
    let from = Field::new("", have, true);
    match SqlType::from_field(field) {
        Ok(sql_type) => {
            let array = zone.convert(&from, &value.to_array()?, &sql_type)?;
            Ok((field.clone(), ScalarValue::try_from_array(&array, 0)?))
        }
        Err(_) => Ok((Arc::new(from), value)),
    }
}

/// The number of the parameter `$n`.
fn number(id: &str) -> Option<usize> {
    id.strip_prefix('$')?.parse().ok()
}

/// The field of a parameter of this type. Lengths belong to columns: what is put into one is looked at there.
pub fn as_parameter(sql_type: &SqlType, number: usize) -> Field {
    let name = format!("${number}");
    match sql_type {
        SqlType::Varchar(_) => SqlType::Varchar(None).field(&name),
        SqlType::Numeric(_) => SqlType::Numeric(None).field(&name),
        SqlType::Char(_) => {
            let mark = (TYPE_METADATA.to_owned(), "bpchar".to_owned());
            Field::new(name, DataType::Utf8, true).with_metadata([mark].into())
        }
        SqlType::Array(item) => {
            SqlType::Array(Box::new(SqlType::from_field(&as_parameter(item, number)).unwrap_or(SqlType::Text)))
                .field(&name)
        }
        other => other.field(&name),
    }
}

/// The field of a parameter that stands beside something of this type. `varchar` has no operators of its own.
pub fn beside(field: &Field, id: &str) -> FieldRef {
    let number = number(id).unwrap_or_default();
    let sql_type = SqlType::from_field(field).unwrap_or(SqlType::Text);
    let sql_type = match sql_type {
        SqlType::Varchar(_) => SqlType::Text,
        other => other,
    };
    Arc::new(as_parameter(&sql_type, number))
}

/// The numbers of the parameters that a statement, or a part of one, names. [`Kind::UndefinedParameter`] for one that
/// nobody can give.
pub fn numbers_in(node: &impl Visit) -> Result<BTreeSet<usize>> {
    struct Look(BTreeSet<usize>);
    impl Visitor for Look {
        type Break = Error;

        fn pre_visit_value(&mut self, value: &ast::ValueWithSpan) -> ControlFlow<Error> {
            let ast::Value::Placeholder(id) = &value.value else { return ControlFlow::Continue(()) };
            match number(id) {
                Some(number @ 1..=COUNT_MAX) => {
                    self.0.insert(number);
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(undefined(id)),
            }
        }

        fn pre_visit_relation(&mut self, relation: &ast::ObjectName) -> ControlFlow<Error> {
            let moment = relation.0.first().and_then(|part| part.as_ident()).and_then(|part| split_off(&part.value));
            match moment.map(|(Written::Time(text) | Written::Commit(text))| parse_expression(text)) {
                Some(Ok(moment)) => moment.visit(self),
                // Whoever opens the relation says what is wrong with it.
                Some(Err(_)) | None => ControlFlow::Continue(()),
            }
        }
    }
    let mut look = Look(BTreeSet::new());
    match node.visit(&mut look) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(look.0),
    }
}

/// Refuses parameters where there can be none.
pub fn must_be_none(node: &impl Visit) -> Result<()> {
    match numbers_in(node)?.first() {
        Some(number) => Err(undefined(&format!("${number}"))),
        None => Ok(()),
    }
}

/// Refuses a statement with parameters that is run without any.
pub fn must_be_given(body: &Body) -> Result<()> {
    match body {
        // Those of what is prepared are its own, and so are those of a function's body.
        Body::Sql(statement)
            if matches!(statement.as_ref(), ast::Statement::Prepare { .. } | ast::Statement::CreateFunction(_)) =>
        {
            Ok(())
        }
        Body::Sql(statement) => must_be_none(statement.as_ref()),
        Body::Own(own) => match own.as_ref() {
            Own::Cursor(Cursor::Declare(declare)) => must_be_none(&declare.query),
            _ => Ok(()),
        },
    }
}

/// What values tell of their types: a text may be read as anything.
pub fn told_by(values: &[ScalarValue]) -> Vec<Option<Field>> {
    let open = |value: &ScalarValue| matches!(value.data_type(), DataType::Utf8 | DataType::Null);
    let field = |at: usize, value: &ScalarValue| Field::new(format!("${}", at + 1), value.data_type(), true);
    values.iter().enumerate().map(|(at, value)| (!open(value)).then(|| field(at, value))).collect()
}

fn undefined(id: &str) -> Error {
    Error::new(Kind::UndefinedParameter, format!("there is no parameter {id}"))
}

/// What the client declares, with room for all parameters that the statement names.
pub fn declared(declared: &[Option<Field>], numbers: &BTreeSet<usize>) -> Vec<Option<FieldRef>> {
    let mut fields: Vec<_> = declared.iter().cloned().map(|field| field.map(Arc::new)).collect();
    fields.resize(fields.len().max(numbers.last().copied().unwrap_or(0)), None);
    fields
}

/// The types of all parameters: those `known` from the start, else what the statement tells. `plans` gives the plans that it is
/// made of, in a context that knows some of them. [`Kind::IndeterminateType`] for one of which nothing can be told. The last
/// plans come along if they have all the types in them already.
pub fn settle(
    context: &Arc<Context>,
    state: &SessionState,
    mut known: Vec<Option<FieldRef>>,
    plans: impl Fn(&Arc<Context>) -> Result<Vec<LogicalPlan>>,
) -> Result<(Vec<Field>, Option<Vec<LogicalPlan>>)> {
    let (mut places, mut last) = (Places::default(), None);
    while known.iter().any(Option::is_none) {
        let (looked, planned) = look(context, state, &known, &plans)?;
        last = (looked.texts.is_empty() && !looked.differ).then_some(planned);
        places = looked;
        let mut more = false;
        for (number, field) in std::mem::take(&mut places.found) {
            if let Some(known @ None) = known.get_mut(number.wrapping_sub(1)) {
                *known = Some(field);
                more = true;
            }
        }
        if !more {
            break;
        }
    }
    let all = known.into_iter().enumerate().map(|(at, field)| match field {
        Some(field) => Ok(field.as_ref().clone()),
        None if places.texts.contains(&(at + 1)) => Ok(SqlType::Text.field(&format!("${}", at + 1))),
        None => Err(indeterminate(at + 1)),
    });
    Ok((all.collect::<Result<_>>()?, last))
}

/// The error for a parameter of which nothing can be told.
pub fn indeterminate(number: usize) -> Error {
    Error::new(Kind::IndeterminateType, format!("could not determine data type of parameter ${number}"))
}

/// What the plans tell when these types are known. Where nothing can be planned without a type, it is text, as a literal's is.
fn look(
    context: &Arc<Context>,
    state: &SessionState,
    known: &[Option<FieldRef>],
    plans: &impl Fn(&Arc<Context>) -> Result<Vec<LogicalPlan>>,
) -> Result<(Places, Vec<LogicalPlan>)> {
    let with = |fields: Vec<Option<FieldRef>>| {
        Arc::new(Context { params: Arc::new(Parameters::of_types(fields)), ..context.as_ref().clone() })
    };
    let open = with(known.to_vec());
    let mut places = Places::default();
    let planned = match plans(&open) {
        Ok(planned) => planned,
        Err(error) => {
            let text = |at: usize| Arc::new(SqlType::Text.field(&format!("${}", at + 1)));
            let texts = known.iter().enumerate().map(|(at, field)| Some(field.clone().unwrap_or_else(|| text(at))));
            let as_texts = with(texts.collect());
            let sound = |plan: &LogicalPlan| {
                let plan = as_texts.params.bind_nulls(plan.clone())?;
                Ok(state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).map(drop)?)
            };
            let planned = plans(&as_texts).and_then(|plans| plans.iter().try_for_each(sound).map(|()| plans));
            planned.map_err(|_| error)?
        }
    };
    for plan in &planned {
        places.of_plan(plan)?;
    }
    for (number, field) in std::mem::take(&mut *open.params.noted.lock()) {
        places.tell(number, field);
    }
    Ok((places, planned))
}

/// Where parameters stand in plans.
#[derive(Default)]
struct Places {
    /// The first type that a place lends to each.
    found: BTreeMap<usize, FieldRef>,
    /// Those that stand where a literal of no type is a text.
    texts: BTreeSet<usize>,
    /// Whether places lend different types to one.
    differ: bool,
}

impl Places {
    fn of_plan(&mut self, plan: &LogicalPlan) -> Result<()> {
        plan.apply_with_subqueries(|plan| {
            plan.apply_expressions(|expression| {
                expression.apply(|expression| {
                    match expression {
                        Expr::IsNull(inner) | Expr::IsNotNull(inner) if is_open(inner) => {
                            return Ok(TreeNodeRecursion::Jump);
                        }
                        Expr::ScalarFunction(call) if OF_ANY.contains(&call.name()) => {
                            for argument in call.args.iter().filter(|argument| !is_open(argument)) {
                                argument.apply(|inner| Ok(self.of_expression(inner)))?;
                            }
                            return Ok(TreeNodeRecursion::Jump);
                        }
                        Expr::ScalarFunction(call) if WITH_LABELS.contains(&call.name()) => {
                            if let Some(Expr::Placeholder(Placeholder { id, field: None })) = call.args.get(1)
                                && let Some(number) = number(id)
                            {
                                self.tell(number, Arc::new(SqlType::Array(Box::new(SqlType::Text)).field(id)));
                            }
                            TreeNodeRecursion::Continue
                        }
                        other => self.of_expression(other),
                    };
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(())
    }

    fn of_expression(&mut self, expression: &Expr) -> TreeNodeRecursion {
        if let Expr::Placeholder(Placeholder { id, field }) = expression
            && let Some(number) = number(id)
        {
            match field {
                Some(field) => self.tell(number, field.clone()),
                None => _ = self.texts.insert(number),
            }
        }
        TreeNodeRecursion::Continue
    }

    fn tell(&mut self, number: usize, field: FieldRef) {
        let told = self.found.entry(number).or_insert_with(|| field.clone());
        self.differ |= told.data_type() != field.data_type();
    }
}

/// Whether an expression is a parameter of which nothing is known.
pub fn is_open(expression: &Expr) -> bool {
    matches!(expression, Expr::Placeholder(Placeholder { field: None, .. }))
}

/// The parameter with a type, if it has none yet.
pub fn typed(expression: Expr, field: impl FnOnce(&str) -> FieldRef) -> Expr {
    match expression {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Some(field(&id));
            Expr::Placeholder(Placeholder { id, field })
        }
        other => other,
    }
}

/// The parameter with this type, if it has none yet.
pub fn of_type(expression: Expr, sql_type: &SqlType) -> Expr {
    typed(expression, |id| Arc::new(as_parameter(sql_type, number(id).unwrap_or_default())))
}
