//! RETURNING: a query over the rows that a statement added, changed or removed, and the rows of other relations that they met.

use super::super::context::Context;
use super::super::lineage::{Derived, derived};
use super::super::names;
use super::super::parser::{fold, last, quoted};
use super::super::planner::{Planner, select_query, table_factor};
use super::super::rewrite::level;
use super::super::run;
use super::super::values::shown;
use super::one_row::must_be_of_one_row_each;
use super::{Target, Work, policed};
use crate::catalog::Privilege;
use crate::error::{Error, Kind, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use std::sync::Arc;

/// Schema of the rows of a statement where the table itself is asked as well.
const CHANGED: &str = "\u{1}changed";

/// Columns of the relations of FROM or USING.
#[derive(Debug, Default)]
pub struct Beside {
    /// The relation's name there, and the column.
    columns: Vec<(String, FieldRef)>,
    /// Their values for each row of a batch.
    values: Vec<ArrayRef>,
}

impl Beside {
    /// Of the relations of FROM, if RETURNING asks for anything.
    pub fn of(work: &Work<'_>, from: &[ast::TableWithJoins], asked: bool) -> Result<Self> {
        if !asked || from.is_empty() {
            return Ok(Self::default());
        }
        let all = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
        let query = work.reach(select_query(vec![all], from.to_vec(), None)?);
        let plan = Planner::new(work.context, work.state).query(query)?;
        let columns = plan.schema().iter().filter_map(|(relation, field)| {
            // What a join has merged belongs to none of them, and is in one of them too.
            Some((relation?.table().to_owned(), field.clone()))
        });
        Ok(Self { columns: columns.collect(), values: Vec::new() })
    }

    /// What the statement must select to have their values.
    pub fn expressions(&self) -> impl Iterator<Item = ast::Expr> {
        self.columns.iter().map(|(relation, field)| {
            ast::Expr::CompoundIdentifier([relation, field.name()].map(|name| quoted(name)).to_vec())
        })
    }

    /// With the values, one for each row of a batch.
    pub fn with(&self, values: Vec<ArrayRef>) -> Self {
        Self { columns: self.columns.clone(), values }
    }

    /// Where a column lies in the rows that RETURNING is about.
    fn called(relation: &str, column: &str) -> ast::Ident {
        quoted(&format!("\u{1}{relation}.{column}"))
    }

    /// The fields of these rows, behind those of the statement's own table.
    fn fields(&self) -> impl Iterator<Item = Field> {
        let name = |relation: &str, field: &FieldRef| Self::called(relation, field.name()).value;
        self.columns.iter().map(move |(relation, field)| field.as_ref().clone().with_name(name(relation, field)))
    }

    /// The items of RETURNING, all columns for `*`.
    fn spell_out(&self, target: &Target, items: Vec<ast::SelectItem>) -> Vec<ast::SelectItem> {
        if self.columns.is_empty() {
            return items;
        }
        let own = target
            .face
            .columns
            .iter()
            .map(|column| ast::Expr::CompoundIdentifier(vec![target.called.clone(), quoted(&column.name)]));
        let theirs = |of: Option<String>| {
            let columns = self.columns.iter().filter(move |(relation, _)| of.as_ref().is_none_or(|of| of == relation));
            columns.map(|(relation, field)| ast::Expr::CompoundIdentifier(vec![quoted(relation), quoted(field.name())]))
        };
        let mut all = Vec::new();
        for item in items {
            match &item {
                ast::SelectItem::Wildcard(_) => {
                    all.extend(own.clone().chain(theirs(None)).map(ast::SelectItem::UnnamedExpr));
                }
                ast::SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let of = last(name);
                    match of == fold(&target.called) {
                        true => all.extend(own.clone().map(ast::SelectItem::UnnamedExpr)),
                        false => all.extend(theirs(Some(of)).map(ast::SelectItem::UnnamedExpr)),
                    }
                }
                _ => all.push(item),
            }
        }
        all
    }

    /// Puts where they lie in place of their columns. `AmbiguousColumn` for a name that several relations have.
    fn place(&self, target: &Target, item: &mut ast::SelectItem) -> Result<()> {
        let mut ambiguous = None;
        level::change(item, |expression| {
            if let ast::Expr::Identifier(name) = &*expression {
                let theirs = self.columns.iter().filter(|(_, field)| *field.name() == fold(name)).count();
                let own = usize::from(target.face.column_index(&fold(name)).is_some());
                if theirs + own > 1 {
                    ambiguous = Some(fold(name));
                }
            }
            let found = match &*expression {
                ast::Expr::CompoundIdentifier(path) if path.len() > 1 => {
                    let [relation, column] = [&path[path.len() - 2], &path[path.len() - 1]].map(fold);
                    let own = relation == fold(&target.called);
                    self.columns.iter().find(|(of, field)| !own && *of == relation && *field.name() == column)
                }
                ast::Expr::Identifier(name) if target.face.column_index(&fold(name)).is_none() => {
                    self.columns.iter().find(|(_, field)| *field.name() == fold(name))
                }
                _ => None,
            };
            if let Some((relation, field)) = found {
                let place = Self::called(relation, field.name());
                *expression = ast::Expr::CompoundIdentifier(vec![target.called.clone(), place]);
            }
        });
        match ambiguous {
            Some(name) => Err(Error::new(Kind::AmbiguousColumn, format!("column reference \"{name}\" is ambiguous"))),
            None => Ok(()),
        }
    }
}

/// The columns that RETURNING gives of a statement that needs `privilege`; `from` are the relations of FROM or USING.
pub fn returning_schema(
    context: &Arc<Context>,
    state: &SessionState,
    table: (&ast::ObjectName, Option<&ast::TableAlias>),
    from: &[ast::TableWithJoins],
    items: &[ast::SelectItem],
    privilege: Privilege,
) -> Result<SchemaRef> {
    let work = Work::new(context, state);
    let target = work.target(table.0, privilege)?.called(table.1);
    let beside = Beside::of(&work, from, true)?;
    Ok(plan(&work, &target, &beside, Vec::new(), items.to_vec())?.1)
}

/// The plan of RETURNING over no rows, if there is one; `from` are the relations of FROM or USING.
pub fn described(
    work: &Work<'_>,
    target: &Target,
    from: &[ast::TableWithJoins],
    items: Option<&[ast::SelectItem]>,
) -> Result<Option<LogicalPlan>> {
    let Some(items) = items else { return Ok(None) };
    let beside = Beside::of(work, from, true)?;
    Ok(Some(plan(work, target, &beside, Vec::new(), items.to_vec())?.0))
}

/// The plan of RETURNING, and its columns under their names.
fn plan(
    work: &Work<'_>,
    target: &Target,
    beside: &Beside,
    batches: Vec<RecordBatch>,
    items: Vec<ast::SelectItem>,
) -> Result<(LogicalPlan, SchemaRef)> {
    must_be_of_one_row_each(&items)?;
    let own = target.table.arrow_schema();
    let fields = own.fields().iter().cloned().chain(beside.fields().map(Arc::new));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let whole = |batch: RecordBatch| {
        let columns = batch.columns().iter().chain(&beside.values).cloned().collect();
        crate::txn::batch(schema.clone(), columns, batch.num_rows())
    };
    let batches = batches.into_iter().map(whole).collect::<Result<_>>()?;
    let names: Vec<String> = beside.fields().map(|field| field.name().clone()).collect();
    let table = target.seen(work, MemTable::try_new(schema, vec![batches])?, &names)?;
    // A query within sees the table itself, as it was before the statement.
    let schema: &str = if level::asks(&items) { CHANGED } else { &target.face.schema };
    let mut relation = table_factor([schema, target.face.name.as_str()].map(quoted).to_vec());
    if let ast::TableFactor::Table { alias, .. } = &mut relation {
        *alias = Some(ast::TableAlias { explicit: true, name: target.called.clone(), columns: Vec::new(), at: None });
    }
    let from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
    let planner = Planner::new(work.context, work.state);
    let planner = planner.with_override(schema, &target.face.name, table);
    let said = select_query(beside.spell_out(target, items), from, None)?;
    let mut query = said.clone();
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.projection.iter_mut().try_for_each(|item| beside.place(target, item))?;
    }
    let plan = planner.query(work.reach(query))?;
    let named = names::named(&said, plan.schema().inner());
    Ok((plan, named))
}

/// Refuses RETURNING to a role that may not see the rows as they are: it needs the right to read what it names, as in PostgreSQL, and is
/// not a way around a mask either.
pub fn must_be_shown(work: &Work<'_>, target: &Target, items: &[ast::SelectItem]) -> Result<()> {
    let named = policed::returned(target, items);
    if !named.is_empty() {
        target.must_have_on(work, Privilege::Select, &named)?;
    }
    let access = target.access(work)?;
    if access.masks.iter().any(Option::is_some) {
        let named = target.named();
        let message = format!("permission denied for RETURNING on {named}: columns are masked for this role");
        return Err(Error::new(Kind::Privilege, message));
    }
    Ok(())
}

/// The columns that RETURNING gives, and what they come from.
pub fn columns(
    work: &Work<'_>,
    target: &Target,
    beside: &Beside,
    items: &[ast::SelectItem],
) -> Result<(SchemaRef, Derived)> {
    let (plan, schema) = plan(work, target, beside, Vec::new(), items.to_vec())?;
    Ok((schema, derived(&plan)))
}

/// The rows that RETURNING gives of one batch of rows with what they met, under the names of `schema`.
pub async fn rows(
    work: &Work<'_>,
    target: &Target,
    beside: &Beside,
    batch: RecordBatch,
    items: Vec<ast::SelectItem>,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>> {
    let (plan, _) = plan(work, target, beside, vec![batch], items)?;
    let found = run::collect(work.context, work.state, &work.bind(plan)?).await?;
    let named = |batch: RecordBatch| {
        let columns = batch.columns().iter().zip(schema.fields()).map(|(array, field)| shown(field, array)).collect();
        let typed = schema.fields().iter().zip(batch.schema_ref().fields());
        let typed = typed.map(|(named, field)| field.as_ref().clone().with_name(named.name()));
        crate::txn::batch(Arc::new(Schema::new(typed.collect::<Vec<_>>())), columns, batch.num_rows())
    };
    found.into_iter().map(named).collect()
}
