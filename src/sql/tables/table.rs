//! A table of the store as one role may see it: which columns, masked how, which rows; and what the planner may know.
//!
//! [`scan`](super::scan) reads it, [`found`](super::found) chooses what of it is read.

use super::super::audit;
use super::super::context::Context;
use super::super::planner::{Planner, parse_expression};
use super::super::semantics::days_compared;
use super::asking::Asking;
use super::damage::Damage;
use super::gate::{self, Access, MaskUse};
use super::inherited;
use super::prune::Conditions;
use super::rule::{self, Rule};
use super::scan::{ScanExec, Shared, divide};
use super::seen::{Output, Seen};
use crate::catalog::{KeyConstraint, MaskingPolicy, Object, ObjectId, Table};
use crate::error::{Error, Kind, Result};
use crate::governance::access::Command;
use crate::txn::Condition;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Constraint, Constraints, Result as DfResult, ScalarValue, Statistics};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::ast;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Name of the hidden column of row ids that UPDATE and DELETE ask for.
pub const ROW_ID: &str = "\u{1}row";

/// A table as one role sees it in one snapshot.
pub struct TableScan {
    pub(super) context: Arc<Context>,
    pub(super) id: ObjectId,
    pub(super) table: Arc<Table>,
    pub(super) schema: SchemaRef,
    access: Access,
    /// For each masked column what is shown instead, over the table's columns.
    masks: Vec<Option<Arc<dyn PhysicalExpr>>>,
    /// Which rows are shown, over the table's columns.
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// Which rows are shown, where that takes queries to tell.
    asking: Option<Asking>,
    /// The statement has other rights on the rows than to read them: to have their ids it need not be allowed to read anything.
    changes: bool,
    /// It is shown rows that it may see alone.
    sees: bool,
    /// What must be true of rows that are shown, as far as pages can be ruled out by it.
    pub(super) shown: Option<Condition>,
    /// The primary key, where the role sees it as it is stored: what groups by it may name all columns.
    constraints: Constraints,
}

impl fmt::Debug for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableScan").field("table", &self.table.name).finish_non_exhaustive()
    }
}

impl TableScan {
    /// The table `id` as the context's role may see it.
    pub fn open(context: &Arc<Context>, state: &SessionState, id: ObjectId) -> Result<Self> {
        Self::open_as(context, state, id, &[Command::Select], false)
    }

    /// The rows of the table that the context's role may meet by all of `commands`, with the column [`ROW_ID`].
    pub fn open_rows(context: &Arc<Context>, state: &SessionState, id: ObjectId, commands: &[Command]) -> Result<Self> {
        Self::open_as(context, state, id, commands, true)
    }

    fn open_as(
        context: &Arc<Context>,
        state: &SessionState,
        id: ObjectId,
        commands: &[Command],
        row_ids: bool,
    ) -> Result<Self> {
        let Some(table) = context.snapshot.catalog.table_by_id(id) else {
            return Err(Error::internal("a table vanished while it was planned"));
        };
        let table = Arc::new(table.clone());
        let access = gate::access_of(context, id, &table, commands)?;
        let plain = table.arrow_schema();
        let df_schema = rule::columns(&table)?;
        let viewer = Planner::new(context, state);
        let masks = access
            .masks
            .iter()
            .zip(&table.columns)
            .map(|(mask, column)| match mask {
                None => Ok(None),
                Some(MaskUse::Hidden) => {
                    let null = datafusion::common::ScalarValue::try_from(&column.data_type.arrow())?;
                    viewer.physical(Expr::Literal(null, None), &df_schema).map(Some)
                }
                Some(MaskUse::Policy(policy)) => {
                    let policy = must_get_mask(context, *policy)?;
                    let body = substitute(parse_expression(&policy.body)?, &policy.argument, &column.name);
                    let expression = viewer.expression(body, &df_schema)?;
                    let cast = datafusion::logical_expr::cast(expression, column.data_type.arrow());
                    // Policies are written by owners and read what they need of the row: they are planned without a gate of their own.
                    let owner = context.with_role(table.owner);
                    Planner::new(&owner, state).physical(cast, &df_schema).map(Some)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let (mut filter, mut shown, mut asking) = (None, None, None);
        if let Some(text) = &access.filter {
            match Rule::of(context, state, id, &table, text)? {
                Rule::Plain(simple, physical) => {
                    let all = vec![true; table.columns.len()];
                    shown = Conditions { schema: &plain, open: &all }.of(&simple);
                    filter = Some(physical);
                }
                Rule::Asking(condition) => {
                    asking = Some(Asking::new((context, state), (id, &table), condition)?);
                }
            }
        }
        let sees = commands.contains(&Command::Select);
        let changes = commands.iter().any(|command| *command != Command::Select);
        let schema = schema_of(&table, row_ids);
        let plain = |column: &usize| masks[*column].is_none() && access.readable.get(*column) == Some(&true);
        let key = table.primary_key().filter(|key| key.columns.iter().all(plain));
        let constraints = key.map(|key| Constraint::PrimaryKey(key.columns.clone())).into_iter().collect();
        let constraints = Constraints::new_unverified(constraints);
        let context = context.clone();
        Ok(Self { context, id, table, schema, access, masks, filter, asking, changes, sees, shown, constraints })
    }

    /// All rows of a table as they are stored, with the column [`ROW_ID`]: what its policies are asked of.
    pub(super) fn of_all(context: &Arc<Context>, id: ObjectId, table: &Arc<Table>) -> Result<Self> {
        let (count, table) = (table.columns.len(), table.clone());
        Ok(Self {
            // What is shown of them notes the table around this one.
            context: Arc::new(Context { noted: None, ..context.as_ref().clone() }),
            id,
            schema: schema_of(&table, true),
            access: Access { readable: vec![true; count], whole: true, masks: vec![None; count], filter: None },
            masks: vec![None; count],
            filter: None,
            asking: None,
            changes: false,
            sees: true,
            shown: None,
            constraints: Constraints::default(),
            table,
        })
    }

    /// Whether a policy may hide rows from the role.
    pub(super) fn hides_rows(&self) -> bool {
        self.filter.is_some() || self.asking.is_some()
    }

    /// The table's id.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// For each column whether the role sees it as it is stored.
    pub(super) fn open_columns(&self) -> Vec<bool> {
        let masked = self.masks.iter().map(Option::is_some);
        masked.zip(&self.access.readable).map(|(masked, readable)| *readable && !masked).collect()
    }

    /// The keys by which a row may be looked for: those of open columns, where no policy hides rows. Two zeros of floating point are
    /// one to a statement and two to an index.
    pub fn keys_seen(&self) -> impl Iterator<Item = &KeyConstraint> {
        let open = self.open_columns();
        let seen = move |column: &usize| {
            let floats = self.table.columns.get(*column).is_none_or(|c| c.data_type.arrow().is_floating());
            !floats && open.get(*column) == Some(&true)
        };
        let keys = self.table.keys.iter().filter(|_| !self.hides_rows());
        keys.filter(move |key| key.columns.iter().all(&seen))
    }

    /// Name and type of a column.
    pub fn column(&self, at: usize) -> Option<(&str, DataType)> {
        self.table.columns.get(at).map(|column| (column.name.as_str(), column.data_type.arrow()))
    }

    /// The columns of the table that are needed to produce the columns at `projection`.
    fn needed(&self, projection: &[usize]) -> Vec<usize> {
        let mut needed: Vec<usize> = projection.iter().copied().filter(|&p| p < self.table.columns.len()).collect();
        let mut add = |expression: &Arc<dyn PhysicalExpr>| {
            for column in datafusion::physical_expr::utils::collect_columns(expression) {
                needed.push(column.index());
            }
        };
        self.filter.iter().for_each(&mut add);
        for &p in projection {
            if let Some(Some(mask)) = self.masks.get(p) {
                add(mask);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    /// A materialized view without rows may be named in what is planned, and not be read.
    fn must_be_populated(&self) -> Result<()> {
        match self.table.materialized.as_ref().is_some_and(|of| !of.populated) {
            false => Ok(()),
            true => Err(Error::new(
                Kind::NotReady,
                format!("materialized view \"{}\" has not been populated", self.table.name),
            )
            .with_hint("Use the REFRESH MATERIALIZED VIEW command.")),
        }
    }

    /// How the columns at `projection` come about; refused if the role may not read one of them, or if there are no rows to read.
    pub fn seen(&self, projection: &[usize]) -> Result<Seen> {
        self.must_be_populated()?;
        let reads = projection.iter().any(|&p| p < self.table.columns.len());
        if reads || !self.changes {
            self.access.must_read(&self.table, projection)?;
        }
        if reads && !self.sees && self.hides_rows() {
            return Err(Error::internal("columns are read of rows that are met to be changed alone"));
        }
        let needed = self.needed(projection);
        let position = |column: usize| needed.iter().position(|&n| n == column);
        let read = Arc::new(self.table.arrow_schema().project(&needed)?);
        // Expressions were planned over all columns; the batches hold only those needed.
        let narrow = |expression: &Arc<dyn PhysicalExpr>| {
            datafusion::physical_expr::utils::reassign_expr_columns(expression.clone(), &read)
        };
        let mut outputs = Vec::with_capacity(projection.len());
        for &p in projection {
            outputs.push(match (self.masks.get(p), position(p)) {
                (Some(Some(mask)), _) => Output::Masked(narrow(mask)?, self.table.columns[p].data_type.arrow()),
                (Some(None), Some(at)) => Output::Plain(at),
                _ => Output::RowId,
            });
        }
        Ok(Seen {
            table: self.id,
            filter: self.filter.as_ref().map(narrow).transpose()?,
            needed,
            read,
            outputs,
            schema: Arc::new(self.schema.project(projection)?),
        })
    }

    /// Those of the columns at `projection` that are sensitive, each with whether the role sees it as it is.
    pub fn sensitive(&self, projection: &[usize]) -> Vec<(&str, bool)> {
        let (inherited, hidden) = inherited::protection(&self.context.snapshot.catalog, &self.table);
        let sensitive = audit::sensitive(&self.context, inherited.as_ref().unwrap_or(&self.table));
        let open = self.open_columns();
        let is_sensitive = |at: &&usize| {
            let name = self.table.columns.get(**at).map(|column| &column.name);
            sensitive.get(**at) == Some(&true) || name.is_some_and(|name| hidden.contains(name))
        };
        let found = projection.iter().filter(is_sensitive);
        found.map(|&at| (self.table.columns[at].name.as_str(), open.get(at) == Some(&true))).collect()
    }

    /// Notes for the audit log what is read; refused if it must be logged and cannot be.
    fn note_read(&self, projection: &[usize]) -> Result<()> {
        let Some(noted) = &self.context.noted else { return Ok(()) };
        let sensitive = self.sensitive(projection);
        if !sensitive.is_empty() {
            self.context.database.manager.audit().must_have_room()?;
            noted.note(format!("table {}.{}", self.table.schema, self.table.name), sensitive);
        }
        Ok(())
    }

    /// What the partitions of a scan of the columns at `projection` share.
    fn shared(&self, projection: &[usize], limit: Option<usize>) -> Result<Shared> {
        Ok(Shared {
            manager: self.context.database.manager.clone(),
            cancel: self.context.cancel.clone(),
            seen: self.seen(projection)?,
            limit,
            damage: Damage::none(&self.context, &self.table),
        })
    }
}

/// The columns of a table as a scan gives them.
fn schema_of(table: &Table, row_ids: bool) -> SchemaRef {
    let mut fields: Vec<_> = table.arrow_schema().fields().iter().cloned().collect();
    if row_ids {
        fields.push(Arc::new(Field::new(ROW_ID, DataType::UInt64, false)));
    }
    Arc::new(Schema::new(fields))
}

fn must_get_mask(context: &Context, id: ObjectId) -> Result<&MaskingPolicy> {
    match context.snapshot.catalog.get(id).map(Arc::as_ref) {
        Some(Object::MaskingPolicy(policy)) => Ok(policy),
        _ => Err(Error::new(Kind::UndefinedObject, "a masking policy that is bound to the column does not exist")
            .with_hint("The column stays hidden until the policy is unset or created again.")),
    }
}

/// The body of a policy with the column in place of its argument.
pub(super) fn substitute(mut body: ast::Expr, argument: &str, column: &str) -> ast::Expr {
    let _ = ast::visit_expressions_mut(&mut body, |expression| {
        if let ast::Expr::Identifier(ident) = expression
            && ident.value.eq_ignore_ascii_case(argument)
        {
            *ident = ast::Ident::with_quote('"', column);
        }
        ControlFlow::<()>::Continue(())
    });
    body
}

#[async_trait]
impl TableProvider for TableScan {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut told = Statistics::new_unknown(&self.schema);
        if !self.hides_rows() && !Damage::may_leave_out(&self.context) {
            told.num_rows = Precision::Exact(self.context.snapshot.rows(self.id).live_rows());
        }
        Some(told)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        // Nothing of a user's runs in the leaf. What it hears of a filter rules out pages at most; the filter stays.
        let open = self.open_columns();
        let schema = self.table.arrow_schema();
        let conditions = Conditions { schema: &schema, open: &open };
        // A parameter's value comes later; of what kind the condition is, any tells.
        let with_values = |filter: &Expr| {
            let filled = filter.clone().transform_up(|inner| {
                Ok(match &inner {
                    Expr::Placeholder(Placeholder { field: Some(field), .. }) => {
                        let value = ScalarValue::new_default(field.data_type())?;
                        Transformed::yes(Expr::Literal(value, None))
                    }
                    _ => Transformed::no(inner),
                })
            });
            let filled = filled.and_then(|filled| days_compared(filled.data));
            filled.map_or_else(|_| filter.clone(), |filled| filled.data)
        };
        Ok(filters
            .iter()
            .map(|filter| match conditions.of(&with_values(filter)) {
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let projection: Vec<usize> = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        self.note_read(&projection)?;
        if let Some(asking) = &self.asking {
            return Ok(asking.scan(&self.table.name, self.table.columns.len(), self.seen(&projection)?).await?);
        }
        let shared = Arc::new(self.shared(&projection, limit)?);
        let found = self.pieces(filters, limit.is_some(), &shared.damage)?;
        if let Some(reads) = &self.context.reads {
            // Rows for which the conditions are false are none that the statement sees.
            reads.note_rows(self.id, &found.conditions);
        }
        let statistics = self.told(&projection, &found, limit, &shared.damage)?;
        // With a policy not even how much there is to read is anybody's business.
        let pruned = (self.filter.is_none() && !found.conditions.is_empty()).then(|| match &found.by {
            Some(by) => by.clone(),
            None => format!("pages={}/{}", found.pages, found.pages_of_all),
        });
        let parts = divide(found.pieces, session.config().target_partitions());
        Ok(Arc::new(ScanExec::new(self.table.name.clone(), shared, parts, statistics, pruned)))
    }
}
