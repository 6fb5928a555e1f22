//! Sequences: CREATE, ALTER and DROP SEQUENCE, those of identity and serial columns, and defaults that count.

use super::super::dml::{must_be_of_one_row, other_than};
use super::super::parser::{IdentityChange, SequenceOption, last};
use super::super::planner::Planner;
use super::super::rewrite::level;
use super::super::semantics::name_of;
use super::super::sequences;
use super::super::values;
use super::in_full::in_full;
use super::{Ddl, check_name, skipping};
use crate::catalog::{Catalog, Class, Column, DefaultsOf, Object, ObjectId, Sequence, SqlType, Table};
use crate::encoding::pg_text::cell_text;
use crate::error::{Error, Kind, Result};
use crate::txn::Manager;
use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::DFSchema;
use datafusion::logical_expr::ExprSchemable;
use datafusion::sql::sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};
use std::sync::Arc;

/// A relation with or without its schema.
type Relation = (Option<String>, String);

/// Runs CREATE SEQUENCE.
pub fn create_sequence(
    ddl: &mut Ddl<'_>,
    name: Relation,
    temporary: bool,
    if_not_exists: bool,
    options: &[SequenceOption],
) -> Result<()> {
    ddl.txn.must_write("CREATE SEQUENCE")?;
    let (schema, name) = ddl.new_place_named(name, temporary)?;
    if if_not_exists && ddl.is_taken(&schema, &name) {
        skipping(ddl.context, "relation", &name, true);
        return Ok(());
    }
    ddl.must_be_free(&schema, &name)?;
    let id = ddl.new_id();
    let grants = ddl.default_grants(ddl.context.role, &schema, DefaultsOf::Sequences);
    let mut sequence = Sequence { grants, ..Sequence::new(schema, name, ddl.context.role, SqlType::Int8) };
    sequence.count = id;
    apply(&mut sequence, options, true)?;
    belong(ddl, &mut sequence, options)?;
    ddl.txn.put_object(id, Object::Sequence(sequence))
}

/// Runs ALTER SEQUENCE.
pub fn alter_sequence(ddl: &mut Ddl<'_>, name: &Relation, if_exists: bool, options: &[SequenceOption]) -> Result<()> {
    ddl.txn.must_write("ALTER SEQUENCE")?;
    let Some((id, mut sequence)) = own_sequence(ddl, name, if_exists)? else { return Ok(()) };
    if sequence.identity && options.iter().any(|option| matches!(option, SequenceOption::OwnedBy(_))) {
        return Err(Error::new(Kind::Unsupported, "cannot change ownership of identity sequence")
            .with_detail(format!("Sequence \"{}\" is linked to a column.", sequence.name)));
    }
    belong(ddl, &mut sequence, options)?;
    change(ddl, id, sequence, options)
}

/// Gives a sequence other options; its count goes on unless they say RESTART.
pub(super) fn change(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    mut sequence: Sequence,
    options: &[SequenceOption],
) -> Result<()> {
    apply(&mut sequence, options, false)?;
    match options.iter().any(|option| matches!(option, SequenceOption::Restart(_))) {
        true => sequence.count = ddl.new_id(),
        false => {
            let (last, _) = ddl.context.database.counters.last(id, &sequence)?;
            within(&sequence, "RESTART", last)?;
        }
    }
    ddl.txn.put_object(id, Object::Sequence(sequence))
}

/// The sequence of this name, if the role owns it; nothing if there is none and that will do.
pub(super) fn own_sequence(ddl: &Ddl<'_>, name: &Relation, if_exists: bool) -> Result<Option<(ObjectId, Sequence)>> {
    let (schema, plain) = ddl.context.resolve(name.0.as_deref(), &name.1);
    match ddl.txn.snapshot().catalog.relation(&schema, &plain) {
        Some((id, Object::Sequence(sequence))) => {
            ddl.context.must_own(sequence.owner, "sequence", &plain)?;
            Ok(Some((id, sequence.clone())))
        }
        Some(_) => Err(Error::new(Kind::WrongObject, format!("\"{plain}\" is not a sequence"))),
        None if if_exists => {
            skipping(ddl.context, "relation", &plain, false);
            Ok(None)
        }
        None => Err(super::super::tables::undefined(ddl.context, &schema, &plain)),
    }
}

fn invalid(message: String) -> Error {
    Error::new(Kind::InvalidParameter, message)
}

fn within(sequence: &Sequence, what: &str, value: i64) -> Result<()> {
    if value < sequence.min {
        return Err(invalid(format!("{what} value ({value}) cannot be less than MINVALUE ({})", sequence.min)));
    }
    if value > sequence.max {
        return Err(invalid(format!("{what} value ({value}) cannot be greater than MAXVALUE ({})", sequence.max)));
    }
    Ok(())
}

/// Takes options over, with PostgreSQL's defaults and checks.
fn apply(sequence: &mut Sequence, options: &[SequenceOption], new: bool) -> Result<()> {
    let (mut min, mut max, mut start, mut restart) = (None, None, None, None);
    let before = sequence.data_type.clone();
    for option in options {
        match option {
            SequenceOption::As(data_type) => sequence.data_type = data_type.clone(),
            SequenceOption::Increment(0) => return Err(invalid("INCREMENT must not be zero".to_owned())),
            SequenceOption::Increment(by) => sequence.increment = *by,
            SequenceOption::Min(value) => min = Some(*value),
            SequenceOption::Max(value) => max = Some(*value),
            SequenceOption::Start(value) => start = Some(*value),
            SequenceOption::Restart(value) => restart = Some(*value),
            SequenceOption::Cache(value) if *value < 1 => {
                return Err(invalid(format!("CACHE ({value}) must be greater than zero")));
            }
            SequenceOption::Cache(value) => sequence.cache = *value,
            SequenceOption::Cycle(cycle) => sequence.cycle = *cycle,
            SequenceOption::OwnedBy(_) | SequenceOption::Name(_) => {}
        }
    }
    let (up, retyped) = (sequence.increment > 0, sequence.data_type != before);
    // The bounds of a type follow the type.
    if new || (retyped && sequence.max == Sequence::greatest(&before)) {
        max = max.or(Some(None));
    }
    if new || (retyped && sequence.min == Sequence::least(&before)) {
        min = min.or(Some(None));
    }
    let (least, greatest) = (Sequence::least(&sequence.data_type), Sequence::greatest(&sequence.data_type));
    if let Some(max) = max {
        sequence.max = max.unwrap_or(if up { greatest } else { -1 });
    }
    if let Some(min) = min {
        sequence.min = min.unwrap_or(if up { 1 } else { least });
    }
    for (what, value) in [("MAXVALUE", sequence.max), ("MINVALUE", sequence.min)] {
        if !(least..=greatest).contains(&value) {
            let data_type = &sequence.data_type;
            return Err(invalid(format!("{what} ({value}) is out of range for sequence data type {data_type}")));
        }
    }
    if sequence.min >= sequence.max {
        let (min, max) = (sequence.min, sequence.max);
        return Err(invalid(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")));
    }
    match start {
        Some(start) => sequence.start = start,
        None if new => sequence.start = if up { sequence.min } else { sequence.max },
        None => {}
    }
    within(sequence, "START", sequence.start)?;
    match restart {
        Some(value) => {
            sequence.first = value.unwrap_or(sequence.start);
            within(sequence, "RESTART", sequence.first)?;
        }
        None if new => sequence.first = sequence.start,
        None => {}
    }
    Ok(())
}

/// OWNED BY.
fn belong(ddl: &Ddl<'_>, sequence: &mut Sequence, options: &[SequenceOption]) -> Result<()> {
    for option in options {
        let SequenceOption::OwnedBy(owner) = option else { continue };
        let Some(((schema, table), column)) = owner else {
            sequence.owned_by = None;
            continue;
        };
        let (id, facts) = ddl.own_table(schema.as_deref(), table)?;
        if facts.owner != sequence.owner {
            return Err(Error::new(Kind::NotReady, "sequence must have same owner as table it is linked to"));
        }
        if facts.schema != sequence.schema {
            return Err(Error::new(Kind::NotReady, "sequence must be in same schema as table it is linked to"));
        }
        if facts.column_index(column).is_none() {
            let message = format!("column \"{column}\" of relation \"{table}\" does not exist");
            return Err(Error::new(Kind::UndefinedColumn, message));
        }
        sequence.owned_by = Some((id, column.clone()));
    }
    Ok(())
}

/// Refuses a type that no identity column has.
pub(super) fn must_be_whole(data_type: &SqlType) -> Result<()> {
    match data_type {
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 => Ok(()),
        _ => Err(invalid("identity column type must be smallint, integer, or bigint".to_owned())),
    }
}

/// Makes the sequence of a serial or identity column.
pub(super) fn number_column(
    ddl: &mut Ddl<'_>,
    id: ObjectId,
    table: &mut Table,
    at: usize,
    identity: Option<bool>,
    options: &[SequenceOption],
) -> Result<()> {
    let column = &table.columns[at];
    must_be_whole(&column.data_type)?;
    let given = options.iter().find_map(|option| match option {
        SequenceOption::Name((_, name)) => Some(name.clone()),
        _ => None,
    });
    let base = short_name(&table.name, &column.name, "seq");
    let name = match given {
        Some(name) => {
            check_name(&name)?;
            ddl.must_be_free(&table.schema, &name)?;
            name
        }
        None => ddl.free_name(&table.schema, &base),
    };
    let sequence_id = ddl.new_id();
    let mut sequence = Sequence::new(table.schema.clone(), name, table.owner, column.data_type.clone());
    sequence.grants = ddl.default_grants(table.owner, &table.schema, DefaultsOf::Sequences);
    sequence.count = sequence_id;
    sequence.owned_by = Some((id, column.name.clone()));
    sequence.identity = identity.is_some();
    apply(&mut sequence, options, true)?;
    ddl.txn.put_object(sequence_id, Object::Sequence(sequence))?;
    let column = &mut table.columns[at];
    (column.sequence, column.not_null) = (Some(sequence_id), true);
    (column.identity, column.always) = (identity.is_some(), identity == Some(true));
    Ok(())
}

/// A name made of those of a table and a column, cut where it would be too long, as PostgreSQL cuts it.
pub(super) fn short_name(table: &str, column: &str, label: &str) -> String {
    let (mut first, mut second) = (table.len(), column.len());
    let parts = 2 + label.len();
    let most = crate::config::NAME_BYTES_MAX.saturating_sub(parts);
    while first + second > most {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let cut = |text: &str, at: usize| text[..text.floor_char_boundary(at)].to_owned();
    match column.is_empty() {
        true => format!("{}_{label}", cut(table, first)),
        false => format!("{}_{}_{label}", cut(table, first), cut(column, second)),
    }
}

/// ALTER TABLE ... ALTER COLUMN of an identity or generated column.
pub fn alter_identity(
    ddl: &mut Ddl<'_>,
    relation: &Relation,
    if_exists: bool,
    column: &str,
    change_of: &IdentityChange,
) -> Result<()> {
    ddl.txn.must_write("ALTER TABLE")?;
    let (schema, name) = ddl.context.resolve(relation.0.as_deref(), &relation.1);
    if if_exists && ddl.txn.snapshot().catalog.relation(&schema, &name).is_none() {
        skipping(ddl.context, "relation", &name, false);
        return Ok(());
    }
    let (id, mut table) = ddl.own_table(relation.0.as_deref(), &relation.1)?;
    let Some(at) = table.column_index(column) else {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        return Err(Error::new(Kind::UndefinedColumn, message));
    };
    let no = |what: &str| {
        Error::new(Kind::NotReady, format!("column \"{column}\" of relation \"{}\" is not {what}", table.name))
    };
    match change_of {
        IdentityChange::Drop { if_exists } => {
            let sequence = table.columns[at].sequence.filter(|_| table.columns[at].identity);
            let Some(sequence) = sequence else {
                if *if_exists {
                    ddl.context.notice(format!("{}, skipping", no("an identity column").message()));
                    return Ok(());
                }
                return Err(no("an identity column"));
            };
            ddl.txn.drop_object(sequence);
            let column = &mut table.columns[at];
            (column.identity, column.always, column.sequence) = (false, false, None);
        }
        IdentityChange::DropExpression { if_exists } => {
            if table.columns[at].generated.take().is_none() {
                if *if_exists {
                    ddl.context.notice(format!("{}, skipping", no("a stored generated column").message()));
                    return Ok(());
                }
                return Err(no("a stored generated column"));
            }
        }
        IdentityChange::Set { always, options } => {
            let sequence = table.columns[at].sequence.filter(|_| table.columns[at].identity);
            let Some(sequence) = sequence else { return Err(no("an identity column")) };
            if let Some(always) = always {
                table.columns[at].always = *always;
            }
            if let Some(facts) = ddl.txn.snapshot().catalog.sequence_by_id(sequence).cloned()
                && !options.is_empty()
            {
                change(ddl, sequence, facts, options)?;
            }
        }
    }
    ddl.txn.put_object(id, Object::Table(table))
}

/// Has the sequences that go with a table begin anew, as TRUNCATE ... RESTART IDENTITY does.
pub fn restart_sequences(ddl: &mut Ddl<'_>, table: ObjectId) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (id, sequence) in catalog.sequences_of(table) {
        ddl.context.must_own(sequence.owner, "sequence", &sequence.name)?;
        let (count, first) = (ddl.new_id(), sequence.start);
        ddl.txn.put_object(id, Object::Sequence(Sequence { count, first, ..sequence.clone() }))?;
    }
    Ok(())
}

/// Takes a default over: as text, or as the sequence that it counts.
pub(super) fn set_default(ddl: &Ddl<'_>, column: &mut Column, mut expression: Expr) -> Result<()> {
    if level::asks(&expression) {
        return Err(Error::new(Kind::Unsupported, "cannot use subquery in DEFAULT expression"));
    }
    must_be_of_one_row(&expression, "DEFAULT expressions")?;
    if let Some(name) = counted(&expression) {
        let (id, _) = sequences::must_find(ddl.context, &name)?;
        (column.default, column.sequence) = (None, Some(id));
        return Ok(());
    }
    if let Expr::Value(value) = &mut expression
        && let Value::SingleQuotedString(literal) = &mut value.value
    {
        // One that is no value of the type is told now, and not with the first row.
        values::read_one(literal, &column.data_type)?;
        // A moment is one of the zone in which it is said.
        if column.data_type == SqlType::Timestamptz && !values::names_zone(literal) {
            let said: ArrayRef = Arc::new(StringArray::from(vec![literal.as_str()]));
            let moment = ddl.context.zone().assign(&said, &column.data_type)?;
            *literal = cell_text(&moment, 0).unwrap_or_default();
        }
    }
    let text = in_full(&expression.to_string(), ddl.context)?;
    let planner = Planner::new(ddl.context, ddl.state);
    let planned = planner.expression(expression, &DFSchema::empty()).map_err(|e| match e.kind() {
        Kind::UndefinedColumn => Error::new(Kind::Unsupported, "cannot use column reference in DEFAULT expression"),
        _ => e,
    });
    let planned = ddl.checked(|| format!("the default of column \"{}\"", column.name), planned)?;
    if let Some(planned) = planned {
        must_be_assignable(column, &planned)?;
    }
    (column.default, column.sequence) = (Some(text), None);
    Ok(())
}

/// Refuses a default that PostgreSQL would not assign to its column.
fn must_be_assignable(column: &Column, default: &datafusion::logical_expr::Expr) -> Result<()> {
    let (_, field) = default.to_field(&DFSchema::empty())?;
    let Some(have) = other_than(&column.data_type, &field) else { return Ok(()) };
    let (name, wanted, have) = (&column.name, name_of(&column.data_type), name_of(&have));
    let message = format!("column \"{name}\" is of type {wanted} but default expression is of type {have}");
    Err(Error::new(Kind::DatatypeMismatch, message).with_hint("You will need to rewrite or cast the expression."))
}

/// The sequence whose next number an expression is.
fn counted(expression: &Expr) -> Option<String> {
    let Expr::Function(ast::Function { name, args: FunctionArguments::List(list), .. }) = expression else {
        return None;
    };
    if last(name) != "nextval" {
        return None;
    }
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_slice() else { return None };
    let argument = match argument {
        Expr::Cast { expr, data_type, .. } if is_regclass(data_type) => expr.as_ref(),
        argument => argument,
    };
    match argument {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a type is `regclass`, or text, which means the same here.
pub fn is_regclass(data_type: &ast::DataType) -> bool {
    match data_type {
        ast::DataType::Regclass | ast::DataType::Text => true,
        ast::DataType::Custom(name, _) => last(name) == "regclass",
        _ => false,
    }
}

/// Columns whose default a sequence is, but for the identity column that it is a part of: table and column.
pub(super) fn columns_counting(catalog: &Catalog, sequence: ObjectId) -> Vec<(ObjectId, usize)> {
    let tables = catalog.class(Class::Relation).filter_map(|(id, object)| match object {
        Object::Table(table) => Some((id, table)),
        _ => None,
    });
    let columns = tables.flat_map(|(id, table)| {
        let columns = table.columns.iter().enumerate();
        columns.filter(|(_, column)| column.sequence == Some(sequence)).map(move |(at, _)| (id, at))
    });
    columns.collect()
}

/// Runs DROP SEQUENCE of one that the role owns.
pub(super) fn drop_sequence(ddl: &mut Ddl<'_>, id: ObjectId, sequence: &Sequence, cascade: bool) -> Result<()> {
    let name = &sequence.name;
    let catalog = ddl.txn.snapshot().catalog.clone();
    if sequence.identity
        && let Some((table, column)) = &sequence.owned_by
        && let Some(table) = catalog.table_by_id(*table)
    {
        let of = format!("column {column} of table {}", table.name);
        return Err(Error::new(Kind::Dependent, format!("cannot drop sequence {name} because {of} requires it"))
            .with_hint(format!("You can drop {of} instead.")));
    }
    release_sequence(ddl, id, name, cascade)?;
    ddl.txn.drop_object(id);
    Ok(())
}

/// Takes away the defaults that count a sequence which is to go, if CASCADE allows it.
pub(super) fn release_sequence(ddl: &mut Ddl<'_>, id: ObjectId, name: &str, cascade: bool) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    for (table_id, at) in columns_counting(&catalog, id) {
        let Some(mut table) = ddl.txn.snapshot().catalog.table_by_id(table_id).cloned() else { continue };
        let of = format!("default value for column {} of table {}", table.columns[at].name, table.name);
        if !cascade {
            let message = format!("cannot drop sequence {name} because other objects depend on it");
            return Err(Error::new(Kind::Dependent, message)
                .with_detail(format!("{of} depends on sequence {name}"))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        ddl.context.notice(format!("drop cascades to {of}"));
        table.columns[at].sequence = None;
        ddl.txn.put_object(table_id, Object::Table(table))?;
    }
    Ok(())
}

/// Gives each column that numbers rows by itself, in a store from before there were sequences, the sequence that goes on from
/// its greatest number.
pub fn number_columns(manager: &Manager) -> Result<()> {
    let snapshot = manager.current();
    let of_before = |column: &Column| column.identity && column.sequence.is_none();
    let tables = snapshot.catalog.class(Class::Relation).filter_map(|(id, object)| match object {
        Object::Table(table) if table.columns.iter().any(of_before) => Some((id, table.clone())),
        _ => None,
    });
    let tables: Vec<(ObjectId, Table)> = tables.collect();
    if tables.is_empty() {
        return Ok(());
    }
    let mut txn = manager.begin(false);
    for (id, mut table) in tables {
        for at in 0..table.columns.len() {
            if !of_before(&table.columns[at]) {
                continue;
            }
            let base = short_name(&table.name, &table.columns[at].name, "seq");
            let mut names = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}{n}")));
            let catalog = txn.snapshot().catalog.clone();
            let name = names.find(|name| catalog.relation(&table.schema, name).is_none()).unwrap_or(base);
            let column = &mut table.columns[at];
            let mut sequence = Sequence::new(table.schema.clone(), name, table.owner, column.data_type.clone());
            let sequence_id = manager.new_id();
            sequence.count = sequence_id;
            sequence.owned_by = Some((id, column.name.clone()));
            sequence.identity = true;
            sequence.first = greatest(manager, id, at)?.saturating_add(1).clamp(1, sequence.max);
            column.sequence = Some(sequence_id);
            txn.put_object(sequence_id, Object::Sequence(sequence))?;
        }
        txn.put_object(id, Object::Table(table))?;
    }
    manager.commit(txn).map(|_| ())
}

/// The greatest number in a column, 0 if it has none.
fn greatest(manager: &Manager, table: ObjectId, column: usize) -> Result<i64> {
    let snapshot = manager.current();
    let mut greatest = 0;
    for segment in &snapshot.rows(table).segments {
        for array in manager.read(table, segment, &[column])? {
            let array = arrow::compute::cast(&array, &DataType::Int64)?;
            let numbers = array.as_primitive::<Int64Type>();
            greatest = numbers.iter().flatten().fold(greatest, i64::max);
        }
    }
    Ok(greatest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{KeySource, MasterKey};
    use crate::encoding::pg_text::cell_text;
    use crate::sql::{Database, Session};
    use crate::storage::Store;
    use arrow::array::{ArrayRef, Int32Array};
    use std::sync::Arc;

    async fn one(session: &mut Session, sql: &str) -> String {
        let rows = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        cell_text(rows[0].column(0), 0).unwrap_or_default()
    }

    /// A table from before there were sequences goes on counting from its greatest number, and has its sequence from then on.
    #[tokio::test(flavor = "multi_thread")]
    async fn columns_of_before_get_sequences() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d");
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        drop(Database::open(&path, &key).unwrap());
        {
            let manager = Manager::open(Arc::new(Store::open(&path, &key).unwrap())).unwrap();
            let (owner, _) = manager.current().catalog.role("steward").unwrap();
            let mut table = Table::new("public", "t", owner);
            table.columns.push(Column { identity: true, not_null: true, ..Column::new("id", SqlType::Int4) });
            let mut txn = manager.begin(false);
            let id = manager.new_id();
            txn.put_object(id, Object::Table(table.clone())).unwrap();
            let ids: ArrayRef = Arc::new(Int32Array::from(vec![3, 41, 7]));
            manager.append(&mut txn, id, &crate::txn::batch(table.arrow_schema(), vec![ids], 3).unwrap()).unwrap();
            manager.commit(txn).unwrap();
        }
        for expected in ["42", "43"] {
            let database = Database::open(&path, &key).unwrap();
            let mut session = database.session("steward").unwrap();
            assert_eq!(one(&mut session, "INSERT INTO t DEFAULT VALUES RETURNING id").await, expected);
            assert_eq!(one(&mut session, "SELECT pg_get_serial_sequence('t', 'id')").await, "public.t_id_seq");
        }
    }

    /// What one session takes no other gets, though its transaction is still open, or comes to nothing; a restart counts for
    /// others when it is committed.
    #[tokio::test(flavor = "multi_thread")]
    async fn sessions_share_a_count() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeySource::from(MasterKey::from_bytes([7; 32]));
        let database = Database::open(folder.path().join("d"), &key).unwrap();
        let (mut a, mut b) = (database.session("steward").unwrap(), database.session("steward").unwrap());
        a.query("CREATE SEQUENCE s").await.unwrap();
        a.query("BEGIN").await.unwrap();
        assert_eq!(one(&mut a, "SELECT nextval('s')").await, "1");
        assert_eq!(one(&mut b, "SELECT nextval('s')").await, "2");
        a.query("ALTER SEQUENCE s RESTART WITH 100").await.unwrap();
        assert_eq!(one(&mut a, "SELECT nextval('s')").await, "100");
        assert_eq!(one(&mut b, "SELECT nextval('s')").await, "3");
        a.query("ROLLBACK").await.unwrap();
        assert_eq!(one(&mut a, "SELECT nextval('s')").await, "4");
        a.query("ALTER SEQUENCE s RESTART WITH 100").await.unwrap();
        assert_eq!(one(&mut b, "SELECT nextval('s')").await, "100");
        assert_eq!(one(&mut b, "SELECT currval('s')").await, "100");
        assert_eq!(a.query("SELECT currval('nothing')").await.unwrap_err().kind(), Kind::UndefinedTable);
    }
}
