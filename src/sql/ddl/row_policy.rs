//! Row policies: CREATE, ALTER and DROP POLICY, and what becomes of them when what they read has another name or goes.

use super::super::parser::{self, fold, quoted, split};
use super::super::planner::Planner;
use super::super::rewrite::level;
use super::super::semantics;
use super::super::tables::{asks, columns_for_policies, must_plan_asking};
use super::generated::named_in;
use super::{Ddl, check_name, skipping, view_names};
use crate::catalog::{Class, Object, ObjectId, PUBLIC, PolicyCommand, RowPolicy, Table};
use crate::error::{Error, Kind, Result};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{self, visit_expressions_mut};
use std::ops::ControlFlow;

/// Runs CREATE POLICY.
pub fn create_row_policy(ddl: &mut Ddl<'_>, create: ast::CreatePolicy) -> Result<()> {
    ddl.txn.must_write("CREATE POLICY")?;
    let name = fold(&create.name);
    check_name(&name)?;
    let (table, facts) = own_table(ddl, &create.table_name)?;
    let command = match create.command {
        None | Some(ast::CreatePolicyCommand::All) => PolicyCommand::All,
        Some(ast::CreatePolicyCommand::Select) => PolicyCommand::Select,
        Some(ast::CreatePolicyCommand::Insert) => PolicyCommand::Insert,
        Some(ast::CreatePolicyCommand::Update) => PolicyCommand::Update,
        Some(ast::CreatePolicyCommand::Delete) => PolicyCommand::Delete,
    };
    match command {
        PolicyCommand::Select | PolicyCommand::Delete if create.with_check.is_some() => {
            return Err(Error::new(Kind::Syntax, "WITH CHECK cannot be applied to SELECT or DELETE"));
        }
        PolicyCommand::Insert if create.using.is_some() => {
            return Err(Error::new(Kind::Syntax, "only WITH CHECK expression allowed for INSERT"));
        }
        _ => {}
    }
    let using = create.using.map(|using| condition(ddl, table, &facts, using)).transpose()?;
    let check = create.with_check.map(|check| condition(ddl, table, &facts, check)).transpose()?;
    let roles = roles(ddl, create.to.unwrap_or_default())?;
    let permissive = !matches!(create.policy_type, Some(ast::CreatePolicyType::Restrictive));
    must_be_new(ddl, table, &facts, &name)?;
    let id = ddl.new_id();
    let policy = RowPolicy { name, table, roles, using, check, permissive, command };
    ddl.txn.put_object(id, Object::RowPolicy(policy))
}

/// Runs ALTER POLICY: another name, or other roles and conditions.
pub fn alter_row_policy(ddl: &mut Ddl<'_>, alter: ast::AlterPolicy) -> Result<()> {
    ddl.txn.must_write("ALTER POLICY")?;
    let name = fold(&alter.name);
    let (table, facts) = own_table(ddl, &alter.table_name)?;
    let found = ddl.txn.snapshot().catalog.policies_of(table).find(|(_, policy)| policy.name == name);
    let Some((id, mut policy)) = found.map(|(id, policy)| (id, policy.clone())) else {
        return Err(missing(&name, &facts.name));
    };
    match alter.operation {
        ast::AlterPolicyOperation::Rename { new_name } => {
            let to = fold(&new_name);
            check_name(&to)?;
            must_be_new(ddl, table, &facts, &to)?;
            policy.name = to;
        }
        ast::AlterPolicyOperation::Apply { to, using, with_check } => {
            match policy.command {
                PolicyCommand::Select | PolicyCommand::Delete if with_check.is_some() => {
                    return Err(Error::new(Kind::Syntax, "only USING expression allowed for SELECT, DELETE"));
                }
                PolicyCommand::Insert if using.is_some() => {
                    return Err(Error::new(Kind::Syntax, "only WITH CHECK expression allowed for INSERT"));
                }
                _ => {}
            }
            if let Some(using) = using {
                policy.using = Some(condition(ddl, table, &facts, using)?);
            }
            if let Some(check) = with_check {
                policy.check = Some(condition(ddl, table, &facts, check)?);
            }
            if let Some(to) = to {
                policy.roles = roles(ddl, to)?;
            }
        }
    }
    ddl.txn.put_object(id, Object::RowPolicy(policy))
}

/// Runs DROP POLICY.
pub fn drop_row_policy(ddl: &mut Ddl<'_>, drop: &ast::DropPolicy) -> Result<()> {
    ddl.txn.must_write("DROP POLICY")?;
    let name = fold(&drop.name);
    let (schema, table_name) = split(&drop.table_name)?;
    if drop.if_exists {
        let (schema, plain) = ddl.context.resolve(schema.as_deref(), &table_name);
        if ddl.txn.snapshot().catalog.relation(&schema, &plain).is_none() {
            skipping(ddl.context, "relation", &plain, false);
            return Ok(());
        }
    }
    let (table, _) = own_table(ddl, &drop.table_name).map_err(|error| match error.kind() {
        Kind::Privilege => Error::new(Kind::Privilege, format!("must be owner of relation {table_name}")),
        _ => error,
    })?;
    let found = ddl.txn.snapshot().catalog.policies_of(table).find(|(_, policy)| policy.name == name).map(|(id, _)| id);
    match found {
        Some(id) => ddl.txn.drop_object(id),
        None if drop.if_exists => {
            ddl.context.notice(format!("policy \"{name}\" for relation \"{table_name}\" does not exist, skipping"));
        }
        None => return Err(missing(&name, &table_name)),
    }
    Ok(())
}

fn own_table(ddl: &Ddl<'_>, name: &ast::ObjectName) -> Result<(ObjectId, Table)> {
    let (schema, name) = split(name)?;
    ddl.own_table(schema.as_deref(), &name)
}

fn missing(name: &str, table: &str) -> Error {
    Error::new(Kind::UndefinedObject, format!("policy \"{name}\" for table \"{table}\" does not exist"))
}

fn must_be_new(ddl: &Ddl<'_>, table: ObjectId, facts: &Table, name: &str) -> Result<()> {
    match ddl.txn.snapshot().catalog.policies_of(table).any(|(_, policy)| policy.name == name) {
        false => Ok(()),
        true => {
            let message = format!("policy \"{name}\" for table \"{}\" already exists", facts.name);
            Err(Error::new(Kind::DuplicateObject, message))
        }
    }
}

/// The roles that a policy is for; none for everybody.
fn roles(ddl: &Ddl<'_>, to: Vec<ast::Owner>) -> Result<Vec<ObjectId>> {
    let mut roles = Vec::with_capacity(to.len());
    for owner in to {
        roles.push(match owner {
            ast::Owner::Ident(ident) => ddl.role(&fold(&ident))?,
            ast::Owner::SessionUser => ddl.context.session_role,
            _ => ddl.context.role,
        });
    }
    if roles.contains(&PUBLIC) {
        if roles.len() > 1 {
            ddl.context.warn("ignoring specified roles other than PUBLIC");
        }
        roles.clear();
    }
    Ok(roles)
}

/// A condition as it is kept: with a schema at the name of each relation, function and type in it. It must be one over the table's columns.
fn condition(ddl: &Ddl<'_>, id: ObjectId, table: &Table, mut written: ast::Expr) -> Result<String> {
    let looking = ddl.looking();
    let columns = columns_for_policies(table)?;
    if asks(&written, &looking)? {
        view_names::qualify(&mut written, &looking);
        let planned = must_plan_asking((&looking, ddl.state), (id, table), written.clone());
        ddl.checked(|| format!("a policy of table \"{}\"", table.name), planned)?;
        return Ok(written.to_string());
    }
    let planned = Planner::new(&looking, ddl.state).expression(written.clone(), &columns)?;
    let has = |wanted: fn(&Expr) -> bool| planned.exists(|part| Ok(wanted(part)));
    if has(|part| matches!(part, Expr::AggregateFunction(_)))? {
        return Err(Error::new(Kind::Grouping, "aggregate functions are not allowed in policy expressions"));
    }
    if has(|part| matches!(part, Expr::WindowFunction(_)))? {
        return Err(Error::new(Kind::Windowing, "window functions are not allowed in policy expressions"));
    }
    semantics::truth(planned, "POLICY", &columns)?;
    super::in_full::in_full(&written.to_string(), &looking)
}

/// Policies of other tables, and their tables, whose conditions read a relation.
pub(super) fn policies_reading(ddl: &Ddl<'_>, schema: &str, name: &str) -> Vec<(ObjectId, RowPolicy)> {
    let catalog = &ddl.txn.snapshot().catalog;
    let policies = catalog.class(Class::RowPolicy).filter_map(|(id, object)| match object {
        Object::RowPolicy(policy) => Some((id, policy)),
        _ => None,
    });
    let reads = |policy: &RowPolicy| policy.conditions().any(|text| reads(text, schema, name));
    policies.filter(|(_, policy)| reads(policy)).map(|(id, policy)| (id, policy.clone())).collect()
}

fn reads(text: &str, schema: &str, name: &str) -> bool {
    let Ok(mut condition) = parser::expression(text) else { return false };
    let mut named = view_names::named(&mut condition).into_iter();
    named.any(|(of, relation)| relation == name && of.is_some_and(|of| of == schema))
}

/// A policy as messages name it.
pub(super) fn described(ddl: &Ddl<'_>, policy: &RowPolicy) -> String {
    let table = ddl.txn.snapshot().catalog.table_by_id(policy.table);
    format!("policy {} on table {}", policy.name, table.map_or("", |table| &table.name))
}

/// Drops the policies of other tables that read a relation, or refuses to without `cascade`.
pub(super) fn drop_reading(
    ddl: &mut Ddl<'_>,
    (id, kind): (ObjectId, &str),
    (schema, name): (&str, &str),
    cascade: bool,
    going: &[ObjectId],
) -> Result<()> {
    let mut found = policies_reading(ddl, schema, name);
    found.retain(|(_, policy)| policy.table != id && !going.contains(&policy.table));
    if let Some((_, first)) = found.first().filter(|_| !cascade) {
        let what = format!("{kind} {name}");
        return Err(Error::new(Kind::Dependent, format!("cannot drop {what} because other objects depend on it"))
            .with_detail(format!("{} depends on {what}", described(ddl, first)))
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    for (policy_id, policy) in found {
        ddl.context.notice(format!("drop cascades to {}", described(ddl, &policy)));
        ddl.txn.drop_object(policy_id);
    }
    Ok(())
}

/// Has policies go on to read a relation under its new name, and to name the columns of their own table by it.
pub(super) fn rename_in_policies(ddl: &mut Ddl<'_>, (schema, name): (&str, &str), to: (&str, &str)) -> Result<()> {
    let catalog = ddl.txn.snapshot().catalog.clone();
    let own = catalog.relation(schema, name).map(|(id, _)| id);
    for (id, object) in catalog.class(Class::RowPolicy) {
        let Object::RowPolicy(policy) = object else { continue };
        let mut renamed = policy.clone();
        for text in renamed.conditions_mut() {
            let before = parser::expression(text)?;
            let mut after = before.clone();
            view_names::rename(&mut after, (schema, name), to);
            if own == Some(policy.table) {
                call_anew(&mut after, name, to.1);
            }
            if after != before {
                *text = after.to_string();
            }
        }
        if renamed.using != policy.using || renamed.check != policy.check {
            ddl.txn.put_object(id, Object::RowPolicy(renamed))?;
        }
    }
    Ok(())
}

/// `old.column` as `new.column`.
fn call_anew(condition: &mut ast::Expr, old: &str, new: &str) {
    let _ = visit_expressions_mut(condition, |expression| {
        if let ast::Expr::CompoundIdentifier(path) = expression
            && let Some(at) = path.len().checked_sub(2)
            && fold(&path[at]) == old
        {
            path[at] = quoted(new);
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Refuses another name for a column that a query within a policy says: it may be anybody's there.
pub(super) fn must_not_be_asked_for(ddl: &Ddl<'_>, (schema, relation): (&str, &str), column: &str) -> Result<()> {
    let catalog = &ddl.txn.snapshot().catalog;
    let own = catalog.relation(schema, relation).map(|(id, _)| id);
    let own = own.into_iter().flat_map(|id| catalog.policies_of(id)).map(|(_, policy)| policy.clone());
    let others = policies_reading(ddl, schema, relation).into_iter().map(|(_, policy)| policy);
    for policy in own.chain(others) {
        let says = |text: &String| {
            let asking = parser::expression(text).is_ok_and(|condition| level::asks(&condition));
            asking && named_in(text).contains(column)
        };
        if policy.conditions().any(says) {
            let message = format!("column \"{column}\" of table \"{relation}\" is read by {}", described(ddl, &policy));
            return Err(Error::new(Kind::Dependent, message)
                .with_hint("Drop the policy, change the table, and create the policy again."));
        }
    }
    Ok(())
}
