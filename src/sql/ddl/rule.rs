//! CREATE, ALTER and DROP QUALITY RULE; what becomes of rules when their relations change.

use super::super::functions;
use super::super::parser::{
    self, NewRule, NewSchedule, NewTest, RuleChange, RuleWords, Violation, fold, quoted, referred,
};
use super::super::planner::{Planner, parse_expression};
use super::super::quality::{Ruled, as_owner, must_be_of_kind, must_work, ruled};
use super::super::semantics;
use super::super::tables;
use super::super::values::assign;
use super::generated::{named_in, with_column_renamed};
use super::in_full::in_full;
use super::policy::refuse_subqueries;
use super::retype::changes_by_itself;
use super::{Ddl, check_name, now_ms, quarantine, skipping};
use crate::catalog::{
    MetricTest, Object, ObjectId, OnViolation, QualityRule, Reference, RuleSchedule, RuleTest, Severity, SqlType,
    Table, is_temporary,
};
use crate::error::{Error, Kind, Result};
use crate::governance::quality::Dimension;
use crate::governance::rules::{Columns, Metric};
use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast;

/// A relation with or without its schema.
type Relation = (Option<String>, String);

/// Runs a statement that defines rules.
pub fn quality_rule(ddl: &mut Ddl<'_>, words: RuleWords) -> Result<()> {
    ddl.txn.must_write(words.tag())?;
    match words {
        RuleWords::Create(rule) => create(ddl, *rule),
        RuleWords::Alter { name, on, change } => alter(ddl, &name, on.as_ref(), change),
        RuleWords::Drop { name, on, if_exists } => {
            match find(ddl, &name, on.as_ref())? {
                Some((id, _)) => ddl.txn.drop_object(id),
                None if if_exists => skipping(ddl.context, "quality rule", &name, false),
                None => return Err(missing(&name)),
            }
            Ok(())
        }
        RuleWords::Quarantine { quarantine, of } => quarantine::set(ddl, &quarantine, &of),
        RuleWords::Repairs { repairs, of, columns } => super::repairs::set(ddl, &repairs, &of, columns),
        RuleWords::Check { .. } => Err(Error::internal("CHECK QUALITY defines nothing")),
    }
}

fn missing(name: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("quality rule \"{name}\" does not exist"))
}

/// The table or view of this name, if the role owns it.
pub fn own_relation(ddl: &Ddl<'_>, (schema, name): &Relation) -> Result<ObjectId> {
    let (schema, name) = ddl.context.resolve(schema.as_deref(), name);
    ddl.context.must_reach(&schema)?;
    let (id, kind, owner) = match ddl.txn.snapshot().catalog.relation(&schema, &name) {
        Some((id, object @ Object::Table(table))) => (id, object.kind_name(), table.owner),
        Some((id, object @ Object::View(view))) => (id, object.kind_name(), view.owner),
        Some((_, other)) => {
            let message = format!("\"{name}\" is a {}: quality rules are for tables and views", other.kind_name());
            return Err(Error::new(Kind::WrongObject, message));
        }
        None if ddl.txn.snapshot().catalog.source(&schema).is_some() => {
            let message = "quality rules on the assets of a source are not supported";
            return Err(Error::new(Kind::Unsupported, message)
                .with_hint(format!("CREATE VIEW v AS SELECT * FROM {schema}.{name}, and make the rule on the view.")));
        }
        None => return Err(tables::undefined(ddl.context, &schema, &name)),
    };
    if is_temporary(&schema) {
        return Err(Error::new(Kind::Unsupported, "quality rules on temporary relations are not supported"));
    }
    ddl.context.must_own(owner, kind, &name)?;
    Ok(id)
}

/// The rule of this name, of one relation or the only one of all; the role owns its relation.
fn find(ddl: &Ddl<'_>, name: &str, on: Option<&Relation>) -> Result<Option<(ObjectId, QualityRule)>> {
    let catalog = &ddl.txn.snapshot().catalog;
    if let Some(on) = on {
        let relation = own_relation(ddl, on)?;
        let found = catalog.rules_of(relation).find(|(_, rule)| rule.name == name);
        return Ok(found.map(|(id, rule)| (id, rule.clone())));
    }
    let all = catalog.class(crate::catalog::Class::QualityRule).filter_map(|(id, object)| match object {
        Object::QualityRule(rule) if rule.name == name => Some((id, rule)),
        _ => None,
    });
    let all: Vec<(ObjectId, &QualityRule)> = all.collect();
    let (id, rule) = match all.as_slice() {
        [] => return Ok(None),
        [one] => *one,
        _ => {
            let message = format!("quality rule \"{name}\" is not unique: several relations have one of that name");
            return Err(Error::new(Kind::InvalidParameter, message)
                .with_hint(format!("Name the relation: QUALITY RULE {name} ON relation.")));
        }
    };
    let (kind, owner, of) = match catalog.get(rule.relation).map(AsRef::as_ref) {
        Some(object @ Object::Table(table)) => (object.kind_name(), table.owner, &table.name),
        Some(object @ Object::View(view)) => (object.kind_name(), view.owner, &view.name),
        _ => return Err(Error::internal("a quality rule without its relation")),
    };
    ddl.context.must_own(owner, kind, of)?;
    Ok(Some((id, rule.clone())))
}

fn alter(ddl: &mut Ddl<'_>, name: &str, on: Option<&Relation>, change: RuleChange) -> Result<()> {
    let Some((id, mut rule)) = find(ddl, name, on)? else { return Err(missing(name)) };
    match change {
        RuleChange::Enable(enabled) => {
            rule.disabled = !enabled;
            // What came while nobody asked was not missed.
            if let Some(schedule) = rule.schedule.as_mut().filter(|_| enabled) {
                (schedule.since_ms, schedule.since_seq) = (now_ms(), ddl.txn.snapshot().seq);
            }
        }
        RuleChange::Schedule(new) => rule.schedule = new.map(|new| schedule(ddl, rule.relation, new)).transpose()?,
        RuleChange::Rename(to) => {
            check_name(&to)?;
            rule.name = to;
        }
    }
    ddl.txn.put_object(id, Object::QualityRule(rule))
}

fn create(ddl: &mut Ddl<'_>, new: NewRule) -> Result<()> {
    check_name(&new.name)?;
    let relation_id = own_relation(ddl, &new.on)?;
    let there = ddl.txn.snapshot().catalog.rules_of(relation_id).find(|(_, rule)| rule.name == new.name);
    let there = there.map(|(id, _)| id);
    if there.is_some() && new.if_not_exists {
        skipping(ddl.context, "quality rule", &new.name, true);
        return Ok(());
    }
    let id = there.filter(|_| new.or_replace).unwrap_or_else(|| ddl.new_id());
    let looking = ddl.looking();
    let owner = ruled_owner(ddl, relation_id)?;
    let context = as_owner(&looking, owner);
    let relation = ruled(&context, ddl.state, relation_id)?;
    let schema = DFSchema::try_from(relation.columns.as_ref().clone())?;
    for (at, column) in new.columns.iter().enumerate() {
        relation.must_get_type(column)?;
        if new.columns[..at].contains(column) {
            let message = format!("column \"{column}\" appears twice in quality rule");
            return Err(Error::new(Kind::DuplicateColumn, message));
        }
    }
    let test = match new.test {
        NewTest::Check(condition) => {
            let text = condition_of(ddl, &condition, "CHECK", &schema)?;
            RuleTest::Check(text)
        }
        NewTest::Metric(name, arguments, expectation) => {
            RuleTest::Metric(metric(ddl, &relation, &new.columns, &name, &arguments, expectation)?)
        }
    };
    if let Some(dimension) = new.dimension.as_deref().filter(|name| Dimension::from_name(name).is_none()) {
        let names: Vec<&str> = Dimension::ALL.iter().map(|dimension| dimension.name()).collect();
        return Err(Error::new(Kind::InvalidParameter, format!("\"{dimension}\" is no dimension of quality"))
            .with_hint(format!("Dimensions are {}.", names.join(", "))));
    }
    let severity = match new.severity.as_deref() {
        None | Some("warn") => Severity::Warn,
        Some("error") => Severity::Error,
        Some(other) => {
            return Err(Error::new(Kind::InvalidParameter, format!("\"{other}\" is no severity"))
                .with_hint("A severity is 'warn' or 'error'."));
        }
    };
    let mut rule = QualityRule {
        name: new.name,
        relation: relation_id,
        columns: new.columns,
        test,
        dimension: new.dimension,
        threshold: new.threshold,
        severity,
        on_violation: None,
        disabled: false,
        schedule: new.schedule.map(|new| schedule(ddl, relation_id, new)).transpose()?,
    };
    if let (RuleTest::Metric(test), Some(_)) = (&rule.test, rule.threshold)
        && !Metric::from_name(&test.metric).is_some_and(Metric::tells_rows)
    {
        let message = format!("metric {} does not tell rows apart: there is no share for a THRESHOLD", test.metric);
        return Err(Error::new(Kind::InvalidParameter, message).with_hint("Say EXPECTATION (VALUE ...)."));
    }
    if let Some(violation) = new.on_violation {
        rule.on_violation = Some(on_violation(ddl, &relation, &rule, violation)?);
    }
    let works = must_work(&context, ddl.state, &relation, &rule);
    ddl.checked(|| format!("quality rule \"{}\" on \"{}\"", rule.name, relation.name), works)?;
    if rule.on_violation == Some(OnViolation::Quarantine) {
        quarantine::must_be_there(ddl, relation_id)?;
    }
    ddl.txn.put_object(id, Object::QualityRule(rule))
}

/// A schedule as it is kept.
fn schedule(ddl: &Ddl<'_>, relation: ObjectId, new: NewSchedule) -> Result<RuleSchedule> {
    let mut settings = ddl.context.settings.as_ref().clone();
    let timing = match new {
        NewSchedule::At(timing, zone) => {
            if let Some(zone) = zone {
                settings.set("timezone", &zone)?;
            }
            Some(timing)
        }
        NewSchedule::OnChange if ddl.txn.snapshot().catalog.table_by_id(relation).is_none() => {
            return Err(Error::new(Kind::Unsupported, "SCHEDULE ON CHANGE of a rule on a view is not supported")
                .with_hint(
                    "CREATE JOB ... ON CHANGE OF table AS CHECK QUALITY view names the tables whose changes count.",
                ));
        }
        NewSchedule::OnChange => None,
    };
    let zone = settings.get("timezone")?.to_owned();
    Ok(RuleSchedule { timing, zone, since_ms: now_ms(), since_seq: ddl.txn.snapshot().seq })
}

fn ruled_owner(ddl: &Ddl<'_>, relation: ObjectId) -> Result<ObjectId> {
    match ddl.txn.snapshot().catalog.get(relation).map(AsRef::as_ref) {
        Some(Object::Table(table)) => Ok(table.owner),
        Some(Object::View(view)) => Ok(view.owner),
        _ => Err(Error::internal("a quality rule without its relation")),
    }
}

/// A condition over the columns of `schema` as it is kept: without subqueries, the same for the same row within a statement.
fn condition_of(ddl: &Ddl<'_>, condition: &ast::Expr, by: &str, schema: &DFSchema) -> Result<String> {
    let text = in_full(&condition.to_string(), ddl.context)?;
    let expression = parse_expression(&text)?;
    refuse_subqueries(&expression, "a quality rule", ddl.context)?;
    refuse_volatile(&expression)?;
    let context = ddl.looking();
    let planned = Planner::new(&context, ddl.state).expression(expression, schema);
    let planned = planned.and_then(|condition| semantics::truth(condition, by, schema));
    let planned = planned.and_then(|condition| Planner::new(&context, ddl.state).physical(condition, schema));
    ddl.checked(|| "a quality rule".to_owned(), planned)?;
    Ok(text)
}

fn refuse_volatile(expression: &ast::Expr) -> Result<()> {
    match functions::names_volatile(expression) {
        false => Ok(()),
        true => Err(Error::new(
            Kind::InvalidDefinition,
            "a quality rule cannot call a volatile function: it would give another answer each time",
        )),
    }
}

fn metric(
    ddl: &Ddl<'_>,
    relation: &Ruled,
    columns: &[String],
    name: &str,
    arguments: &[ast::Expr],
    expectation: Option<ast::Expr>,
) -> Result<MetricTest> {
    let Some(metric) = Metric::from_name(name) else {
        let names: Vec<&str> = Metric::names().collect();
        return Err(Error::new(Kind::UndefinedObject, format!("metric \"{name}\" does not exist"))
            .with_hint(format!("Metrics are {}.", names.join(", "))));
    };
    let fits = match metric.columns() {
        Columns::None => columns.is_empty(),
        Columns::One => columns.len() == 1,
        Columns::Some => !columns.is_empty(),
    };
    if !fits {
        let wanted = match metric.columns() {
            Columns::None => "is about the relation, and takes no column",
            Columns::One => "needs one column",
            Columns::Some => "needs a column",
        };
        let hint = match metric.columns() {
            Columns::None => format!("Write ON {} METRIC {name}.", relation.name),
            _ => format!("Write ON {} (column) METRIC {name}.", relation.name),
        };
        return Err(Error::new(Kind::InvalidParameter, format!("metric {name} {wanted}")).with_hint(hint));
    }
    let takes = metric.arguments();
    if !(takes.min..=takes.max).contains(&arguments.len()) {
        let message = format!("metric {name} takes {}", takes.what);
        return Err(Error::new(Kind::InvalidParameter, message));
    }
    must_be_of_kind(relation, metric, columns)?;
    if metric.needs_expectation() && expectation.is_none() {
        return Err(Error::new(Kind::Syntax, format!("metric {name} needs an EXPECTATION"))
            .with_hint(format!("Write METRIC {name} EXPECTATION (VALUE > 0).")));
    }
    let mut test = MetricTest {
        metric: name.to_owned(),
        arguments: Vec::new(),
        references: None,
        determinant: None,
        expectation: expectation.map(|expectation| in_full(&expectation.to_string(), ddl.context)).transpose()?,
    };
    if let Some(expectation) = &test.expectation {
        let expression = parse_expression(expectation)?;
        refuse_subqueries(&expression, "EXPECTATION", ddl.context)?;
        refuse_volatile(&expression)?;
    }
    match (metric, arguments) {
        (Metric::ForeignKey, arguments) => test.references = Some(reference(ddl, columns, arguments)?),
        (Metric::FunctionalDependency, [determinant]) => {
            let column = match determinant {
                ast::Expr::Identifier(name) => fold(name),
                ast::Expr::Value(value) => value.clone().value.into_string().unwrap_or_default(),
                _ => String::new(),
            };
            relation.must_get_type(&column)?;
            if columns.contains(&column) {
                let message = format!("column \"{column}\" determines itself");
                return Err(Error::new(Kind::InvalidParameter, message));
            }
            test.determinant = Some(column);
        }
        (Metric::SchemaDrift, []) => {
            let columns = relation.written_columns()?.into_iter();
            test.arguments = columns.map(|column| format!("'{}'", column.replace('\'', "''"))).collect();
        }
        (_, arguments) => {
            let empty = DFSchema::empty();
            let context = ddl.looking();
            let planner = Planner::new(&context, ddl.state);
            for argument in arguments {
                refuse_volatile(argument)?;
                planner.expression(argument.clone(), &empty)?;
                test.arguments.push(in_full(&argument.to_string(), ddl.context)?);
            }
        }
    }
    Ok(test)
}

/// What `foreign_key` refers to: the columns named, or the key of the relation.
fn reference(ddl: &Ddl<'_>, columns: &[String], arguments: &[ast::Expr]) -> Result<Reference> {
    let (name, named) = referred(arguments)?;
    let (schema, name) = parser::split(&name)?;
    let (schema, name) = ddl.context.resolve(schema.as_deref(), &name);
    ddl.context.must_reach(&schema)?;
    let context = ddl.looking();
    let id = match ddl.txn.snapshot().catalog.relation(&schema, &name) {
        Some((id, Object::Table(_) | Object::View(_))) => id,
        Some((_, other)) => {
            let message = format!("\"{name}\" is a {}, not a table or view", other.kind_name());
            return Err(Error::new(Kind::WrongObject, message));
        }
        None => return Err(tables::undefined(ddl.context, &schema, &name)),
    };
    if is_temporary(&schema) {
        return Err(Error::new(Kind::Unsupported, "quality rules cannot refer to temporary relations"));
    }
    let other = ruled(&context, ddl.state, id)?;
    let named = if named.is_empty() { other.key.clone() } else { named };
    named.iter().try_for_each(|column| other.must_get_type(column).map(drop))?;
    if let Some(table) = ddl.txn.snapshot().catalog.table_by_id(id) {
        // What a rule counts tells of the rows that it refers to.
        let places: Vec<usize> = named.iter().filter_map(|column| table.column_index(column)).collect();
        tables::access(&context, id, table)?.must_read(table, &places)?;
    }
    match named.len() == columns.len() {
        true => Ok(Reference { relation: id, columns: named }),
        false => Err(Error::new(
            Kind::InvalidParameter,
            format!("number of columns of the rule and of those that it refers to in \"{name}\" disagree"),
        )
        .with_hint("Write METRIC foreign_key (customers (id)).")),
    }
}

fn on_violation(ddl: &Ddl<'_>, relation: &Ruled, rule: &QualityRule, violation: Violation) -> Result<OnViolation> {
    if let RuleTest::Metric(test) = &rule.test
        && !Metric::from_name(&test.metric).is_some_and(Metric::is_of_row)
    {
        let message = format!("ON VIOLATION is asked of each row, and metric {} needs all of them", test.metric);
        return Err(Error::new(Kind::Unsupported, message).with_hint("CHECK QUALITY tells when the rule fails."));
    }
    if relation.kind != "table" {
        let message = format!("ON VIOLATION is for tables: \"{}\" is a {}", relation.name, relation.kind);
        return Err(Error::new(Kind::WrongObject, message).with_hint("Make the rule on the table below."));
    }
    Ok(match violation {
        Violation::Warn => OnViolation::Warn,
        Violation::DropRow => OnViolation::DropRow,
        Violation::FailUpdate => OnViolation::FailUpdate,
        Violation::Quarantine => OnViolation::Quarantine,
        Violation::Repair(value) => {
            let value = match *value {
                ast::Expr::Nested(inner) => *inner,
                other => other,
            };
            OnViolation::Repair(repair(ddl, relation, rule, &value)?)
        }
    })
}

/// The value of a repair as it is kept; it can be assigned to the rule's column.
fn repair(ddl: &Ddl<'_>, relation: &Ruled, rule: &QualityRule, value: &ast::Expr) -> Result<String> {
    let [column] = rule.columns.as_slice() else {
        return Err(Error::new(Kind::InvalidParameter, "REPAIR USING needs the one column that it sets")
            .with_hint(format!("Write ON {} (column) CHECK (...).", relation.name)));
    };
    let catalog = &ddl.txn.snapshot().catalog;
    let facts = catalog.table_by_id(relation.id).and_then(|table| table.columns.get(table.column_index(column)?));
    let Some(facts) = facts else { return Err(Error::internal("a rule's column is not its table's")) };
    if facts.generated.is_some() {
        let message = format!("column \"{column}\" is a generated column, and cannot be repaired");
        return Err(Error::new(Kind::GeneratedAlways, message));
    }
    let text = in_full(&value.to_string(), ddl.context)?;
    let expression = parse_expression(&text)?;
    refuse_subqueries(&expression, "a quality rule", ddl.context)?;
    refuse_volatile(&expression)?;
    let schema = DFSchema::try_from(relation.columns.as_ref().clone())?;
    let context = ddl.looking();
    let none = arrow::array::RecordBatch::new_empty(relation.columns.clone());
    let made = super::super::dml::Work::new(&context, ddl.state).compute(&text, &schema, &none);
    let made = made.and_then(|made| {
        let have = SqlType::from_arrow(made.data_type())?;
        // Of text a literal is no other type yet.
        let open = matches!(value, ast::Expr::Value(_)) || made.data_type() == &facts.data_type.arrow();
        match open || changes_by_itself(&have, &facts.data_type) {
            true => assign(&made, &facts.data_type),
            false => {
                let message =
                    format!("column \"{column}\" is of type {} but expression is of type {have}", facts.data_type);
                Err(Error::new(Kind::DatatypeMismatch, message)
                    .with_hint("You will need to rewrite or cast the expression."))
            }
        }
    });
    let made = made.map_err(|error| match error.kind() {
        Kind::DatatypeMismatch => super::super::dml::rows::name_column(error, column),
        _ => error,
    });
    ddl.checked(|| format!("REPAIR USING of quality rule \"{}\"", rule.name), made)?;
    Ok(text)
}

/// Drops the rules of a relation that goes, with what was measured; those that refer to it go too, or are in the way.
pub(super) fn drop_rules(ddl: &mut Ddl<'_>, id: ObjectId, name: &str, cascade: bool, going: &[ObjectId]) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (rule_id, rule, of) in referring(&catalog, id).into_iter().filter(|(_, rule, _)| rule.relation != id) {
        if !cascade && !going.contains(&rule.relation) {
            let message = format!("cannot drop {name} because other objects depend on it");
            return Err(Error::new(Kind::Dependent, message)
                .with_detail(format!("quality rule {} on {of} depends on {name}", rule.name))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        if !going.contains(&rule.relation) {
            ddl.context.notice(format!("drop cascades to quality rule {} on {of}", rule.name));
        }
        ddl.txn.drop_object(rule_id);
    }
    catalog.rules_of(id).for_each(|(rule, _)| ddl.txn.drop_object(rule));
    catalog.runs_of(id).for_each(|(run, _)| ddl.txn.drop_object(run));
    Ok(())
}

/// Rules that refer to a relation, each with the name of its own.
fn referring(catalog: &crate::catalog::Catalog, id: ObjectId) -> Vec<(ObjectId, QualityRule, String)> {
    let rules = catalog.class(crate::catalog::Class::QualityRule).filter_map(|(rule_id, object)| match object {
        Object::QualityRule(rule) if rule.reference().is_some_and(|to| to.relation == id) => {
            let name = catalog.get(rule.relation).map(|object| object.key().1.rsplit('\0').next().map(str::to_owned));
            Some((rule_id, rule.clone(), name.flatten().unwrap_or_default()))
        }
        _ => None,
    });
    rules.collect()
}

/// Whether a rule is made of a column of its relation.
fn is_of(rule: &QualityRule, column: &str) -> bool {
    let determined = match &rule.test {
        RuleTest::Metric(test) => test.determinant.as_deref() == Some(column),
        RuleTest::Check(condition) => named_in(condition).contains(column),
    };
    let repaired = match &rule.on_violation {
        Some(OnViolation::Repair(value)) => named_in(value).contains(column),
        _ => false,
    };
    determined || repaired || rule.columns.iter().any(|name| name == column)
}

/// Drops the rules that are made of a column which goes; those of other relations that refer to it are in the way, or go too.
pub(super) fn drop_of_column(ddl: &mut Ddl<'_>, id: ObjectId, table: &str, column: &str, cascade: bool) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (rule_id, rule, of) in referring(&catalog, id) {
        if !rule.reference().is_some_and(|to| to.columns.iter().any(|name| name == column)) {
            continue;
        }
        if !cascade && rule.relation != id {
            let message = format!("cannot drop column {column} of table {table} because other objects depend on it");
            return Err(Error::new(Kind::Dependent, message)
                .with_detail(format!("quality rule {} on {of} depends on column {column} of table {table}", rule.name))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        ddl.context.notice(format!("drop cascades to quality rule {} on {of}", rule.name));
        ddl.txn.drop_object(rule_id);
    }
    for (rule_id, rule) in catalog.rules_of(id).filter(|(_, rule)| is_of(rule, column)) {
        ddl.context.notice(format!("quality rule {} on table {table} goes with column {column}", rule.name));
        ddl.txn.drop_object(rule_id);
    }
    Ok(())
}

/// Gives a column another name in the rules that are made of it.
pub(super) fn rename_in_rules(ddl: &mut Ddl<'_>, id: ObjectId, from: &str, to: &str) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let rename = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    for (rule_id, object) in catalog.class(crate::catalog::Class::QualityRule) {
        let Object::QualityRule(old) = object else { continue };
        let mut rule = old.clone();
        if rule.relation == id {
            rule.columns.iter_mut().for_each(rename);
            match &mut rule.test {
                RuleTest::Check(condition) if named_in(condition).contains(from) => {
                    *condition = with_column_renamed(condition, from, to)?;
                }
                RuleTest::Metric(test) => test.determinant.iter_mut().for_each(rename),
                RuleTest::Check(_) => {}
            }
            if let Some(OnViolation::Repair(value)) = &mut rule.on_violation
                && named_in(value).contains(from)
            {
                *value = with_column_renamed(value, from, to)?;
            }
        }
        if let RuleTest::Metric(test) = &mut rule.test
            && let Some(reference) = test.references.as_mut().filter(|reference| reference.relation == id)
        {
            reference.columns.iter_mut().for_each(rename);
        }
        if rule != *old {
            ddl.txn.put_object(rule_id, Object::QualityRule(rule))?;
        }
    }
    Ok(())
}

/// Refuses another type of a column with which a rule cannot be asked any more.
pub(super) fn must_still_work(ddl: &mut Ddl<'_>, id: ObjectId, table: &Table) -> Result<()> {
    ddl.txn.put_object(id, Object::Table(table.clone()))?;
    let looking = ddl.looking();
    let context = as_owner(&looking, table.owner);
    let rules: Vec<QualityRule> = looking.snapshot.catalog.rules_of(id).map(|(_, rule)| rule.clone()).collect();
    if rules.is_empty() {
        return Ok(());
    }
    let relation = ruled(&context, ddl.state, id)?;
    for rule in rules {
        let kind = match &rule.test {
            RuleTest::Metric(test) => Metric::from_name(&test.metric),
            RuleTest::Check(_) => None,
        };
        let fits = kind.map_or(Ok(()), |metric| must_be_of_kind(&relation, metric, &rule.columns));
        fits.and_then(|()| must_work(&context, ddl.state, &relation, &rule)).map_err(|error| {
            Error::new(Kind::Dependent, format!("cannot alter type of a column used by quality rule {}", rule.name))
                .with_detail(error.message())
                .with_hint(format!("DROP QUALITY RULE {} ON {} first.", quoted(&rule.name), quoted(&table.name)))
        })?;
    }
    Ok(())
}
