//! CREATE VIEW and ALTER VIEW.

use super::super::dml::Simple;
use super::super::parser::{ViewChange, fold};
use super::super::planner::Planner;
use super::super::semantics::name_of;
use super::super::tables::{of_owner, undefined};
use super::super::{parser, temporary};
use super::alter_table::must_not_be_read;
use super::in_full::in_full;
use super::sequence::set_default;
use super::table::note_query;
use super::{Ddl, check_name, skipping, view_names, wildcards};
use crate::catalog::{
    CheckOption, Column, Comment, DefaultsOf, FlowKind, LineageChange, Object, ObjectId, SqlType, View, is_temporary,
};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{FieldRef, Fields};
use datafusion::sql::sqlparser::ast;

/// Runs CREATE VIEW.
pub fn create_view(ddl: &mut Ddl<'_>, mut create: ast::CreateView) -> Result<()> {
    ddl.txn.must_write("CREATE VIEW")?;
    let reads_temporary = temporary::is_read_by(ddl, &create.query);
    let (schema, name) = ddl.new_place(&create.name, create.temporary || reads_temporary)?;
    if !create.temporary && is_temporary(&schema) {
        ddl.context.notice(format!("view \"{name}\" will be a temporary view"));
    }
    let columns: Vec<String> = create.columns.iter().map(|column| fold(&column.name)).collect();
    view_names::qualify(&mut create.query, ddl.context);
    wildcards::spell_out(&mut create.query, ddl);
    // Planned now so that a view which cannot work is refused when it is made.
    let planned = Planner::new(ddl.context, ddl.state).relation_of((*create.query).clone(), &columns);
    let planned = ddl.checked(|| format!("view \"{schema}.{name}\""), planned)?;
    let mut view = View {
        schema: schema.clone(),
        name: name.clone(),
        owner: ddl.context.role,
        query: create.query.to_string(),
        columns,
        grants: ddl.default_grants(ddl.context.role, &schema, DefaultsOf::Tables),
        comment: create.comment,
        barrier: false,
        check: None,
        defaults: Default::default(),
    };
    options(&mut view, &create.options)?;
    let there = ddl.txn.snapshot().catalog.relation(&schema, &name).map(|(id, object)| (id, object.clone()));
    let id = match there {
        Some((id, Object::View(old))) if create.or_replace => {
            ddl.context.must_own(old.owner, "view", &name)?;
            if let Some(planned) = &planned {
                must_go_on(ddl, id, &old, planned.schema().fields())?;
            }
            let View { owner, grants, comment, defaults, .. } = old;
            view = View { owner, grants, comment: view.comment.take().or(comment), defaults, ..view };
            id
        }
        Some(_) if create.or_replace => {
            return Err(Error::new(Kind::WrongObject, format!("\"{name}\" is not a view")));
        }
        _ => ddl.new_id(),
    };
    must_be_checkable(ddl, id, &view)?;
    ddl.txn.put_object(id, Object::View(view))?;
    if let Some(planned) = &planned {
        note_query(ddl, FlowKind::View, id, planned);
    }
    Ok(())
}

/// What WITH says of a view.
fn options(view: &mut View, options: &ast::CreateTableOptions) -> Result<()> {
    let ast::CreateTableOptions::With(options) = options else { return Ok(()) };
    let mut said = Vec::new();
    for option in options {
        let (name, value) = match option {
            ast::SqlOption::KeyValue { key, value } => (fold(key), value.to_string().trim_matches('\'').to_lowercase()),
            other => (other.to_string().to_lowercase(), String::new()),
        };
        if said.contains(&name) {
            let message = format!("parameter \"{name}\" specified more than once");
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        set(view, &name, &value)?;
        said.push(name);
    }
    Ok(())
}

/// Gives a view one option.
fn set(view: &mut View, name: &str, value: &str) -> Result<()> {
    let truth = match value {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    };
    match (name, truth) {
        ("check_option", _) => {
            view.check = Some(match value {
                "local" => CheckOption::Local,
                "cascaded" => CheckOption::Cascaded,
                _ => {
                    let message = format!("invalid value for enum option \"check_option\": {value}");
                    return Err(Error::new(Kind::InvalidParameter, message)
                        .with_detail("Valid values are \"local\" and \"cascaded\"."));
                }
            });
        }
        ("security_barrier", Some(value)) => view.barrier = value,
        // The rights of its owner are what a view reads with.
        ("security_invoker", Some(false)) => {}
        ("security_invoker", Some(true)) => {
            return Err(Error::new(Kind::Unsupported, "a view with security_invoker is not supported"));
        }
        ("security_barrier" | "security_invoker", None) => {
            let message = format!("invalid value for boolean option \"{name}\": {value}");
            return Err(Error::new(Kind::InvalidParameter, message));
        }
        _ => return Err(Error::new(Kind::InvalidParameter, format!("unrecognized parameter \"{name}\""))),
    }
    Ok(())
}

/// Refuses a check option where nothing can be written through the view.
fn must_be_checkable(ddl: &Ddl<'_>, id: ObjectId, view: &View) -> Result<()> {
    if view.check.is_none() {
        return Ok(());
    }
    let looking = of_owner(&ddl.looking(), id, view);
    let why = match Simple::of(&looking, view)? {
        Ok(simple) => simple.must_have_columns(),
        Err(why) => Err(why),
    };
    let refused = |why: &str| {
        let message = "WITH CHECK OPTION is supported only on automatically updatable views";
        Error::new(Kind::Unsupported, message).with_hint(why)
    };
    let name = (&view.schema, &view.name);
    ddl.checked(|| format!("view \"{}.{}\"", name.0, name.1), why.map_err(refused)).map(drop)
}

/// Refuses a query whose columns are not those that the view has, but for more behind them.
fn must_go_on(ddl: &Ddl<'_>, id: ObjectId, old: &View, new: &Fields) -> Result<()> {
    let looking = of_owner(&ddl.looking(), id, old);
    // What does not work any more has no columns that somebody counts on.
    let Ok(before) = Planner::new(&looking, ddl.state).relation_of(parser::query(&old.query)?, &old.columns) else {
        return Ok(());
    };
    let before = before.schema().fields();
    let refused = |message: String| Err(Error::new(Kind::InvalidTableDefinition, message));
    if new.len() < before.len() {
        return refused("cannot drop columns from view".to_owned());
    }
    for (old, new) in before.iter().zip(new) {
        if old.name() != new.name() {
            let (old, new) = (old.name(), new.name());
            return Err(Error::new(
                Kind::InvalidTableDefinition,
                format!("cannot change name of view column \"{old}\" to \"{new}\""),
            )
            .with_hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        let (from, to) = (written_type(old)?, written_type(new)?);
        if from != to {
            return refused(format!("cannot change data type of view column \"{}\" from {from} to {to}", old.name()));
        }
    }
    Ok(())
}

/// A type as a message names it. The digits of a computed numeric are nobody's choice.
fn written_type(field: &FieldRef) -> Result<String> {
    Ok(match SqlType::from_field(field)? {
        known @ SqlType::Numeric(_) => name_of(&known),
        known => known.to_string(),
    })
}

/// Runs ALTER VIEW where it is about options and columns.
pub fn alter_view(
    ddl: &mut Ddl<'_>,
    name: &(Option<String>, String),
    if_exists: bool,
    change: ViewChange,
) -> Result<()> {
    ddl.txn.must_write("ALTER VIEW")?;
    let (schema, plain) = ddl.context.resolve(name.0.as_deref(), &name.1);
    let found = ddl.txn.snapshot().catalog.relation(&schema, &plain).map(|(id, object)| (id, object.clone()));
    let (id, mut view) = match found {
        Some((id, Object::View(view))) => (id, view),
        Some(_) => return Err(Error::new(Kind::WrongObject, format!("\"{plain}\" is not a view"))),
        None if if_exists => {
            skipping(ddl.context, "relation", &plain, false);
            return Ok(());
        }
        None => return Err(undefined(ddl.context, &schema, &plain)),
    };
    ddl.context.must_own(view.owner, "view", &plain)?;
    match change {
        ViewChange::Set(options) => {
            options.iter().try_for_each(|(name, value)| set(&mut view, name, &value.to_lowercase()))?;
            must_be_checkable(ddl, id, &view)?;
        }
        ViewChange::Reset(options) => {
            view.barrier &= !options.iter().any(|name| name == "security_barrier");
            view.check = view.check.filter(|_| !options.iter().any(|name| name == "check_option"));
        }
        ViewChange::Rename { from, to } => rename_column(ddl, id, &mut view, &from, to)?,
        ViewChange::SetDefault { column, value } => {
            let field = must_get_column(ddl, id, &view, &column)?;
            let text = in_full(&value.to_string(), ddl.context)?;
            // What a column of a table may not have, this may not either.
            set_default(ddl, &mut Column::new(&column, SqlType::from_field(&field)?), *value)?;
            view.defaults.insert(column, text);
        }
        ViewChange::DropDefault { column } => {
            must_get_column(ddl, id, &view, &column)?;
            view.defaults.remove(&column);
        }
    }
    ddl.txn.put_object(id, Object::View(view))
}

/// The columns of a view.
fn columns_of(ddl: &Ddl<'_>, id: ObjectId, view: &View) -> Result<Fields> {
    let looking = of_owner(&ddl.looking(), id, view);
    let plan = Planner::new(&looking, ddl.state).relation_of(parser::query(&view.query)?, &view.columns)?;
    Ok(plan.schema().fields().clone())
}

fn must_get_column(ddl: &Ddl<'_>, id: ObjectId, view: &View, column: &str) -> Result<FieldRef> {
    let fields = columns_of(ddl, id, view)?;
    fields.iter().find(|field| field.name() == column).cloned().ok_or_else(|| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", view.name);
        Error::new(Kind::UndefinedColumn, message)
    })
}

/// Gives a column of a view another name. What reads the view names it in its text.
fn rename_column(ddl: &mut Ddl<'_>, id: ObjectId, view: &mut View, from: &str, to: String) -> Result<()> {
    check_name(&to)?;
    let fields = columns_of(ddl, id, view)?;
    let mut names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let Some(at) = names.iter().position(|name| name == from) else {
        return Err(Error::new(Kind::UndefinedColumn, format!("column \"{from}\" does not exist")));
    };
    if names.contains(&to) {
        let message = format!("column \"{to}\" of relation \"{}\" already exists", view.name);
        return Err(Error::new(Kind::DuplicateColumn, message));
    }
    must_not_be_read(ddl, ("view", &view.schema, &view.name), from)?;
    names[at].clone_from(&to);
    view.columns = names;
    for name in view.grants.iter_mut().filter_map(|grant| grant.columns.as_mut()).flatten().filter(|name| *name == from)
    {
        name.clone_from(&to);
    }
    if let Some(default) = view.defaults.remove(from) {
        view.defaults.insert(to.clone(), default);
    }
    super::rule::rename_in_rules(ddl, id, from, &to)?;
    ddl.txn.note_lineage(LineageChange::Renamed { object: id, from: from.to_owned(), to: to.clone() });
    super::comment::rename(ddl, id, &Comment::column(from), Comment::column(&to))
}
