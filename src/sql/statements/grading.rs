//! INSERT, UPDATE and DELETE of `steward.grading_rules`, the one relation of schema `steward` that is written.
//!
//! Which rules are meant, and what they become, a query over the rules as they are tells; the answer is checked and kept as one
//! object of the catalogue, so that the change belongs to the transaction.

use super::super::classification::{grading_rows, grading_rule};
use super::super::ddl::Ddl;
use super::super::dml;
use super::super::parser::{self, fold, last};
use super::super::planner::Planner;
use super::super::run;
use crate::catalog::{Class, Grading, GradingRow, Object};
use crate::config::GRADING_RULES_MAX;
use crate::error::{Error, Kind, Result};
use crate::fail;
use crate::governance::SemanticType;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{self, Statement as Sql};
use std::collections::{BTreeMap, HashSet};

/// The columns that are written, in their order.
const COLUMNS: [&str; 6] = ["ordinal", "semantic_type", "privacy_category", "sensitivity", "grade", "basis"];
/// How far a rule without an ordinal stands behind the last one.
const STEP: i32 = 10;

/// One row as texts, in the order of [`COLUMNS`].
type Texts = [Option<String>; COLUMNS.len()];

/// Whether a statement changes the rule table of grades.
pub fn edits_grades(statement: &Sql) -> bool {
    let factor = |factor: &ast::TableFactor| match factor {
        ast::TableFactor::Table { name, .. } => is_named(name),
        _ => false,
    };
    match statement {
        Sql::Insert(insert) => matches!(&insert.table, ast::TableObject::TableName(name) if is_named(name)),
        Sql::Update(update) => factor(&update.table.relation),
        Sql::Delete(delete) => from(delete).first().is_some_and(|table| factor(&table.relation)),
        _ => false,
    }
}

fn is_named(name: &ast::ObjectName) -> bool {
    let parts: Vec<String> = name.0.iter().filter_map(ast::ObjectNamePart::as_ident).map(fold).collect();
    parts == ["steward", Grading::NAME]
}

fn from(delete: &ast::Delete) -> &[ast::TableWithJoins] {
    let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
    from
}

/// Runs the statement; gives the number of rules that it made, changed or removed.
pub async fn edit_grades(ddl: &mut Ddl<'_>, statement: &Sql) -> Result<usize> {
    ddl.context.must_be_superuser("edit the grading rules")?;
    let old = grading_rows(&ddl.txn.snapshot().catalog);
    let (verb, (count, mut rules)) = match statement {
        Sql::Insert(insert) => ("INSERT", inserted(ddl, insert, old).await?),
        Sql::Update(update) => ("UPDATE", updated(ddl, update, old).await?),
        Sql::Delete(delete) => ("DELETE", deleted(ddl, delete, old).await?),
        _ => return Err(Error::internal("a statement that edits no rules")),
    };
    ddl.txn.must_write(verb)?;
    if count == 0 {
        return Ok(0);
    }
    rules.sort_by_key(|rule| rule.ordinal);
    if let Some(twice) = rules.windows(2).find(|pair| pair[0].ordinal == pair[1].ordinal) {
        let message = "duplicate key value violates unique constraint \"grading_rules_pkey\"";
        return Err(Error::new(Kind::Unique, message)
            .with_detail(format!("Key (ordinal)=({}) already exists.", twice[0].ordinal)));
    }
    if rules.len() > GRADING_RULES_MAX {
        fail!(LimitExceeded, "there would be more than {GRADING_RULES_MAX} grading rules");
    }
    let id = ddl.txn.snapshot().catalog.grading().map(|(id, _)| id);
    let id = id.unwrap_or_else(|| ddl.new_id());
    ddl.txn.put_object(id, Object::Grading(Grading { rules }))?;
    Ok(count)
}

async fn inserted(ddl: &Ddl<'_>, insert: &ast::Insert, mut rules: Vec<GradingRow>) -> Result<(usize, Vec<GradingRow>)> {
    if insert.on.is_some() || insert.returning.is_some() {
        return Err(unsupported("INSERT ... ON CONFLICT and RETURNING"));
    }
    let columns = match insert.columns.is_empty() {
        true => (0..COLUMNS.len()).collect(),
        false => places(insert.columns.iter())?,
    };
    let Some(source) = insert.source.as_deref() else { return Err(null("grade")) };
    let rows = texts(ddl, source.clone()).await?;
    let count = rows.len();
    for row in rows {
        if row.len() > columns.len() {
            fail!(Syntax, "INSERT has more expressions than target columns");
        }
        if row.len() < columns.len() && !insert.columns.is_empty() {
            fail!(Syntax, "INSERT has more target columns than expressions");
        }
        let mut cells = Texts::default();
        for (value, &at) in row.into_iter().zip(&columns) {
            cells[at] = value;
        }
        if cells[0].is_none() && !columns.contains(&0) {
            let last = rules.iter().map(|rule| rule.ordinal).max().unwrap_or(0);
            cells[0] = Some(last.saturating_add(STEP).to_string());
        }
        rules.push(checked(ddl, cells)?);
    }
    Ok((count, rules))
}

async fn updated(ddl: &Ddl<'_>, update: &ast::Update, rules: Vec<GradingRow>) -> Result<(usize, Vec<GradingRow>)> {
    if dml::relations(update).len() > 1 || !update.table.joins.is_empty() || update.returning.is_some() {
        return Err(unsupported("UPDATE ... FROM and RETURNING"));
    }
    let mut names = Vec::new();
    for assignment in &update.assignments {
        match &assignment.target {
            ast::AssignmentTarget::ColumnName(name) => names.push(name),
            ast::AssignmentTarget::Tuple(_) => return Err(unsupported("UPDATE ... SET (list) = ...")),
        }
    }
    let columns = places(names.into_iter())?;
    let values = update.assignments.iter().map(|assignment| assignment.value.clone());
    let query = over_rules(&update.table, update.selection.clone(), values)?;
    let mut new = BTreeMap::new();
    for row in texts(ddl, query).await? {
        let mut row = row.into_iter();
        let at: Option<i32> = row.next().flatten().and_then(|ordinal| ordinal.parse().ok());
        let at = at.ok_or_else(|| Error::internal("a rule without an ordinal"))?;
        new.insert(at, row.collect::<Vec<_>>());
    }
    let count = new.len();
    let change = |rule: GradingRow| match new.remove(&rule.ordinal) {
        None => Ok(rule),
        Some(values) => {
            let mut cells = written(rule);
            for (value, &at) in values.into_iter().zip(&columns) {
                cells[at] = value;
            }
            checked(ddl, cells)
        }
    };
    Ok((count, rules.into_iter().map(change).collect::<Result<_>>()?))
}

async fn deleted(ddl: &Ddl<'_>, delete: &ast::Delete, mut rules: Vec<GradingRow>) -> Result<(usize, Vec<GradingRow>)> {
    let [table] = from(delete) else { return Err(unsupported("DELETE of several relations")) };
    if delete.using.is_some() || !table.joins.is_empty() || delete.returning.is_some() {
        return Err(unsupported("DELETE ... USING and RETURNING"));
    }
    let query = over_rules(table, delete.selection.clone(), std::iter::empty())?;
    let gone: HashSet<i32> =
        texts(ddl, query).await?.into_iter().filter_map(|row| row.first()?.as_ref()?.parse().ok()).collect();
    rules.retain(|rule| !gone.contains(&rule.ordinal));
    Ok((gone.len(), rules))
}

/// The ordinals of the rules meant, with what else is to be known of each.
fn over_rules(
    table: &ast::TableWithJoins,
    selection: Option<ast::Expr>,
    values: impl Iterator<Item = ast::Expr>,
) -> Result<ast::Query> {
    let mut query = parser::query("SELECT ordinal FROM steward.grading_rules")?;
    let ast::SetExpr::Select(select) = query.body.as_mut() else {
        return Err(Error::internal("a query of the rules is no SELECT"));
    };
    select.from = vec![table.clone()];
    select.selection = selection;
    // Two values may read alike, and columns of a query may not be called alike.
    let named = |(at, expr)| ast::SelectItem::ExprWithAlias { expr, alias: ast::Ident::new(format!("value_{at}")) };
    select.projection.extend(values.enumerate().map(named));
    Ok(query)
}

/// The rows of a query, every value as a text.
async fn texts(ddl: &Ddl<'_>, query: ast::Query) -> Result<Vec<Vec<Option<String>>>> {
    let context = ddl.looking();
    let plan = context.params.bind(Planner::new(&context, ddl.state).query(query)?)?;
    let mut rows = Vec::new();
    for batch in run::collect(&context, ddl.state, &plan).await? {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| cast(column, &DataType::Utf8)).collect::<Result<_, _>>()?;
        let text = |column: &arrow::array::ArrayRef, at: usize| {
            let column = column.as_string::<i32>();
            column.is_valid(at).then(|| column.value(at).to_owned())
        };
        rows.extend((0..batch.num_rows()).map(|at| columns.iter().map(|column| text(column, at)).collect()));
        if rows.len() > GRADING_RULES_MAX {
            fail!(LimitExceeded, "there would be more than {GRADING_RULES_MAX} grading rules");
        }
    }
    Ok(rows)
}

/// Places of columns by their names.
fn places<'n>(names: impl Iterator<Item = &'n ast::ObjectName>) -> Result<Vec<usize>> {
    let mut places = Vec::new();
    for name in names {
        let name = last(name);
        let place = COLUMNS.iter().position(|column| *column == name);
        let place = place.ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", Grading::NAME);
            Error::new(Kind::UndefinedColumn, message)
        })?;
        if places.contains(&place) {
            fail!(DuplicateColumn, "column \"{name}\" specified more than once");
        }
        places.push(place);
    }
    Ok(places)
}

fn written(rule: GradingRow) -> Texts {
    [Some(rule.ordinal.to_string()), rule.semantic_type, rule.privacy, rule.sensitivity, Some(rule.grade), rule.basis]
}

fn null(column: &str) -> Error {
    let message =
        format!("null value in column \"{column}\" of relation \"{}\" violates not-null constraint", Grading::NAME);
    Error::new(Kind::NotNull, message)
}

/// A rule whose words are those of the vocabulary.
fn checked(ddl: &Ddl<'_>, cells: Texts) -> Result<GradingRow> {
    let [ordinal, semantic_type, privacy, sensitivity, grade, basis] = cells;
    let ordinal = ordinal.ok_or_else(|| null("ordinal"))?;
    let grade = grade.ok_or_else(|| null("grade"))?;
    let ordinal = ordinal
        .trim()
        .parse()
        .map_err(|_| Error::new(Kind::InvalidText, format!("invalid input syntax for type integer: \"{ordinal}\"")))?;
    let semantic_type = semantic_type.map(|name| match SemanticType::get(&name) {
        Some(known) => known.name().to_owned(),
        None => name,
    });
    let rule = grading_rule(&GradingRow { ordinal, semantic_type, privacy, sensitivity, grade, basis: None })?;
    if let Some(name) = rule.semantic_type.as_deref().filter(|name| !is_category(ddl, name)) {
        ddl.context
            .notice(format!("no column is \"{name}\" yet: neither a built-in type nor a classifier has this category"));
    }
    Ok(GradingRow {
        ordinal,
        semantic_type: rule.semantic_type,
        privacy: rule.privacy.map(|privacy| privacy.name().to_owned()),
        sensitivity: rule.sensitivity.map(|sensitivity| sensitivity.name().to_owned()),
        grade: rule.grade.name().to_owned(),
        basis,
    })
}

fn is_category(ddl: &Ddl<'_>, name: &str) -> bool {
    let catalog = &ddl.txn.snapshot().catalog;
    let of_classifier =
        |object: &Object| matches!(object, Object::Classifier(classifier) if classifier.category == name);
    SemanticType::get(name).is_some() || catalog.class(Class::Classifier).any(|(_, object)| of_classifier(object))
}

fn unsupported(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("{what} of steward.grading_rules is not supported"))
}
