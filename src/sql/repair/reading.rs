//! What of a relation is read for repairs, as SQL, and what came of it as columns of texts.

use super::super::context::Context;
use super::super::parser::{full_name, quoted};
use super::super::planner::Planner;
use super::super::quality::{Ruled, Sight, holds, read_by, ruled};
use super::super::{parser, run, tables};
use super::wanted::Wanted;
use crate::catalog::{MetricTest, Object, ObjectId, OnViolation, QualityRule, RuleTest, SqlType, Table};
use crate::config::REPAIR_CELLS_MAX;
use crate::encoding::pg_text::cell_text_of;
use crate::error::{Error, Kind, Result};
use crate::governance::repair::plan::{Among, Kind as Holds};
use crate::governance::repair::{Asked, Column, Method};
use crate::governance::rules::Metric;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::execution::SessionState;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys of another relation that are looked through for the one that was meant.
const KEYS_MAX: usize = 1_000_000;

/// A rule that says what its column should be.
#[derive(Debug, Clone)]
pub struct RuleRepair {
    /// Its name.
    pub name: String,
    /// The place of its column among those that are read.
    pub column: usize,
    /// The condition that a row is wrong, and the value that its column gets then, as SQL.
    wrong: String,
    value: String,
}

/// What is read of a relation.
pub struct Reading {
    /// The relation.
    pub relation: Ruled,
    /// Names of the columns that are read, all of which the role sees as they are.
    pub columns: Vec<String>,
    /// Their types.
    pub types: Vec<SqlType>,
    /// Rules with a value for their column.
    pub rules: Vec<RuleRepair>,
    /// Columns that nothing may change, by their places.
    fixed: Vec<bool>,
    not_null: Vec<bool>,
    among: Vec<Vec<Among>>,
    /// Only rules are asked.
    rules_only: bool,
}

impl Reading {
    /// What is to be read for what is asked for; refused where that names a column that is not there or not to be seen, or a rule that
    /// is not there.
    pub async fn of(context: &Arc<Context>, state: &SessionState, relation: Ruled, wanted: &Wanted) -> Result<Self> {
        let id = relation.id;
        let table = context.snapshot.catalog.table_by_id(id);
        let (seen, hidden) = seen(context, id, &relation)?;
        for name in wanted.columns.iter().flatten().chain(&wanted.key) {
            relation.must_get_type(name)?;
            if hidden.contains(name) {
                let message = format!("permission denied for column {name} of table {}", relation.name);
                return Err(Error::new(Kind::Privilege, message)
                    .with_detail("Repairs read columns as they are, without masks."));
            }
        }
        let mut columns = Vec::new();
        let mut types = Vec::new();
        for name in &seen {
            let data_type = relation.must_get_type(name)?;
            if is_read(&data_type) {
                columns.push(name.clone());
                types.push(data_type);
            }
        }
        let meant = |name: &String| wanted.columns.as_ref().is_none_or(|columns| columns.contains(name));
        let is_fixed = |name: &String| !meant(name) || table.is_some_and(|table| never_changes(table, name));
        let fixed = columns.iter().map(is_fixed).collect();
        let not_null = |name: &String| {
            table.and_then(|table| table.column_index(name).map(|at| table.columns[at].not_null)).unwrap_or(false)
        };
        let not_null = columns.iter().map(not_null).collect();
        let rules_only = wanted.rules.is_some() || wanted.methods == [Method::Rule];
        let mut reading =
            Self { relation, columns, types, rules: Vec::new(), fixed, not_null, among: Vec::new(), rules_only };
        reading.take_rules(context, &hidden, wanted)?;
        reading.take_values(context, state).await?;
        Ok(reading)
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// The rules that say what their column should be, and read nothing that the role does not see.
    fn take_rules(&mut self, context: &Context, hidden: &[String], wanted: &Wanted) -> Result<()> {
        let catalog = &context.snapshot.catalog;
        for name in wanted.rules.iter().flatten() {
            let rule = catalog.rules_of(self.relation.id).map(|(_, rule)| rule).find(|rule| rule.name == *name);
            let repairs = |rule: &QualityRule| matches!(rule.on_violation, Some(OnViolation::Repair(_)));
            match rule {
                Some(rule) if repairs(rule) => {}
                Some(_) => {
                    let message = format!("quality rule \"{name}\" does not say how its column is repaired");
                    return Err(Error::new(Kind::WrongObject, message)
                        .with_hint("A rule does with ON VIOLATION REPAIR USING expression."));
                }
                None => {
                    let relation = &self.relation.name;
                    let message = format!("quality rule \"{name}\" for relation \"{relation}\" does not exist");
                    return Err(Error::new(Kind::UndefinedObject, message));
                }
            }
        }
        let mut rules = Vec::new();
        for (_, rule) in catalog.rules_of(self.relation.id) {
            let Some(OnViolation::Repair(value)) = &rule.on_violation else { continue };
            if rule.disabled || !wanted.means_rule(&rule.name) {
                continue;
            }
            let column = rule.columns.first().and_then(|column| self.place(column));
            let all_seen = !read_by(rule).iter().any(|name| hidden.contains(name));
            match (column, holds(rule)) {
                (Some(column), Some(condition)) if all_seen && !self.fixed[column] => rules.push(RuleRepair {
                    name: rule.name.clone(),
                    column,
                    wrong: format!("NOT ({condition})"),
                    value: value.clone(),
                }),
                _ if wanted.rules.is_some() => {
                    let message = format!("quality rule \"{}\" reads or sets a column that repairs cannot", rule.name);
                    return Err(Error::new(Kind::Privilege, message)
                        .with_detail("Repairs read columns as they are, and change no keys and no computed columns."));
                }
                _ => {}
            }
        }
        self.rules = rules;
        Ok(())
    }

    /// The values that rules accept of columns, and the keys that they refer to, as far as the role may read those.
    async fn take_values(&mut self, context: &Arc<Context>, state: &SessionState) -> Result<()> {
        let mut among: Vec<Vec<Among>> = vec![Vec::new(); self.columns.len()];
        let catalog = context.snapshot.catalog.clone();
        // What a rule accepts is told to whom the rule is.
        let sight = Sight::of(context, self.relation.id);
        let told = |rule: &QualityRule| sight.as_ref().is_some_and(|sight| sight.sees(&rule.columns));
        if !self.rules_only {
            for (_, rule) in catalog.rules_of(self.relation.id).filter(|(_, rule)| !rule.disabled) {
                let (RuleTest::Metric(test), [column]) = (&rule.test, rule.columns.as_slice()) else { continue };
                let Some(place) = self.place(column).filter(|place| !self.fixed[*place]) else { continue };
                let values = match Metric::from_name(&test.metric) {
                    Some(Metric::AcceptedValues) if told(rule) => Some((accepted(test), false)),
                    Some(Metric::ForeignKey) => keys(context, state, rule).await?.map(|keys| (keys, true)),
                    _ => None,
                };
                if let Some((values, keys)) = values {
                    among[place].push(Among { rule: rule.name.clone(), values, keys });
                }
            }
        }
        self.among = among;
        Ok(())
    }

    /// What is read of each row, as SQL over its columns: the columns, and of each rule whether the row is wrong and what its column gets.
    pub fn expressions(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|name| quoted(name).to_string());
        let rules = self.rules.iter().flat_map(|rule| {
            let data_type = &self.types[rule.column];
            let value = format!("CASE WHEN {} THEN CAST(({}) AS {data_type}) END", rule.wrong, rule.value);
            [rule.wrong.clone(), value]
        });
        columns.chain(rules).collect()
    }

    /// The same of all rows that the role sees.
    pub async fn rows(&self, context: &Arc<Context>, state: &SessionState) -> Result<Vec<RecordBatch>> {
        let items = self.expressions();
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let from = full_name(&self.relation.schema, &self.relation.name);
        let query = format!("SELECT {} FROM {from}", items.join(", "));
        let plan = Planner::new(context, state).query(parser::query(&query)?)?;
        run::collect(context, &run::in_order(state), &plan).await
    }

    /// The columns that were read, as texts. `first` is where they begin in the batches.
    pub fn texts(&self, batches: &[RecordBatch], first: usize) -> Result<Vec<Column>> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows.saturating_mul(self.columns.len()) > REPAIR_CELLS_MAX {
            let message = format!("repairs would look at more than {REPAIR_CELLS_MAX} cells at once");
            return Err(Error::new(Kind::LimitExceeded, message)
                .with_hint("Plan the repairs of a view of some of the columns or rows, or repair by rules."));
        }
        let columns = self.columns.iter().enumerate().map(|(at, name)| {
            let mut column = Column::new(name, holds_of(&self.types[at]));
            column.fixed = self.fixed[at];
            column.not_null = self.not_null[at];
            column.among = self.among[at].clone();
            for batch in batches {
                push(&mut column, &self.types[at], batch.column(first + at).as_ref());
            }
            column
        });
        Ok(columns.collect())
    }

    /// What rules say of rows: the row, the rule, and what its column gets.
    pub fn ruled<'a>(
        &'a self,
        batches: &'a [RecordBatch],
        first: usize,
    ) -> impl Iterator<Item = (usize, &'a RuleRepair, Option<String>)> {
        self.rules.iter().enumerate().flat_map(move |(n, rule)| {
            let at = first + self.columns.len() + 2 * n;
            let mut before = 0;
            batches.iter().flat_map(move |batch| {
                let start = before;
                before += batch.num_rows();
                let wrong = batch.column(at).as_boolean_opt();
                let values = batch.column(at + 1);
                let field = self.types[rule.column].field("value");
                (0..batch.num_rows())
                    .filter(move |row| wrong.is_some_and(|wrong| wrong.is_valid(*row) && wrong.value(*row)))
                    .map(move |row| (start + row, rule, cell_text_of(&field, values.as_ref(), row)))
                    .collect::<Vec<_>>()
            })
        })
    }

    /// What the search for changes is asked; nothing where only rules are.
    pub fn asked(&self, wanted: &Wanted) -> Option<Asked> {
        (!self.rules_only).then(|| wanted.asked())
    }
}

/// The columns that a role sees as they are, and the others.
pub fn seen(context: &Context, id: ObjectId, relation: &Ruled) -> Result<(Vec<String>, Vec<String>)> {
    let all = relation.columns.fields().iter().map(|field| field.name().clone());
    let Some(table) = context.snapshot.catalog.table_by_id(id) else { return Ok((all.collect(), Vec::new())) };
    let access = tables::access(context, id, table)?;
    let plain = |name: &String| {
        table.column_index(name).is_some_and(|at| {
            access.readable.get(at) == Some(&true) && access.masks.get(at).is_some_and(Option::is_none)
        })
    };
    Ok(all.partition(plain))
}

/// Whether values of a type take part: those that a person writes.
pub fn is_read(data_type: &SqlType) -> bool {
    let by_arrow = matches!(
        data_type.arrow(),
        DataType::Utf8 | DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) | DataType::Decimal128(..)
    );
    let of_machines = matches!(data_type, SqlType::Json | SqlType::Jsonb);
    (by_arrow || data_type.arrow().is_numeric()) && !of_machines
}

fn holds_of(data_type: &SqlType) -> Holds {
    match data_type {
        SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) => Holds::Text,
        data_type if data_type.arrow().is_integer() => Holds::Number { whole: true },
        data_type if data_type.arrow().is_numeric() || matches!(data_type, SqlType::Numeric(_)) => {
            Holds::Number { whole: false }
        }
        _ => Holds::Other,
    }
}

/// Columns that tell rows apart, that are computed, or whose values nothing else may know.
fn never_changes(table: &Table, name: &str) -> bool {
    let Some(at) = table.column_index(name) else { return true };
    let column = &table.columns[at];
    let keyed = table.keys.iter().any(|key| key.columns.contains(&at));
    let referring = table.foreign_keys.iter().any(|key| key.columns.contains(&at));
    keyed || referring || column.generated.is_some() || column.identity || column.class.is_some()
}

fn push(column: &mut Column, data_type: &SqlType, array: &dyn Array) {
    if let Some(texts) = array.as_string_opt::<i32>().filter(|_| *data_type == SqlType::Text) {
        texts.iter().for_each(|text| column.push(text));
        return;
    }
    let field = data_type.field("value");
    for row in 0..array.len() {
        column.push(cell_text_of(&field, array, row).as_deref());
    }
}

/// The texts of a rule's constants.
fn accepted(test: &MetricTest) -> BTreeSet<String> {
    let text = |literal: &String| {
        let inner = literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        inner.map_or_else(|| literal.clone(), |inner| inner.replace("''", "'"))
    };
    test.arguments.iter().map(text).collect()
}

/// The keys that a rule's column refers to; none where the role may not read them as they are.
async fn keys(context: &Arc<Context>, state: &SessionState, rule: &QualityRule) -> Result<Option<BTreeSet<String>>> {
    let Some(to) = rule.reference() else { return Ok(None) };
    let [column] = to.columns.as_slice() else { return Ok(None) };
    let catalog = &context.snapshot.catalog;
    let (Some(Object::Table(table)), Ok(other)) =
        (catalog.get(to.relation).map(AsRef::as_ref), ruled(context, state, to.relation))
    else {
        return Ok(None);
    };
    let may_read = tables::must_have(context, table, crate::catalog::Privilege::Select).is_ok();
    if !may_read || !seen(context, to.relation, &other)?.0.contains(column) {
        return Ok(None);
    }
    let (from, column) = (full_name(&other.schema, &other.name), quoted(column));
    let limit = KEYS_MAX + 1;
    let query = format!("SELECT DISTINCT {column} FROM {from} WHERE {column} IS NOT NULL LIMIT {limit}");
    let plan = Planner::new(context, state).query(parser::query(&query)?)?;
    let batches = run::collect(context, state, &plan).await?;
    let mut keys = BTreeSet::new();
    for batch in &batches {
        let field = batch.schema_ref().field(0).clone();
        keys.extend((0..batch.num_rows()).filter_map(|row| cell_text_of(&field, batch.column(0).as_ref(), row)));
    }
    Ok((keys.len() <= KEYS_MAX).then_some(keys))
}
