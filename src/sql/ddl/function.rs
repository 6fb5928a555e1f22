//! CREATE FUNCTION and DROP FUNCTION: functions whose body is a query.

use super::super::context::Context;
use super::super::dml::other_than;
use super::super::parser::{self, Body, fold, split};
use super::super::planner::Planner;
use super::super::rewrite::inline;
use super::super::semantics::name_of;
use super::super::types::sql_type;
use super::super::{functions, tables, values};
use super::in_full::in_full;
use super::{Ddl, check_name, skipping, view_names};
use crate::catalog::{Argument, Class, Function, Object, ObjectId, Returns, SqlType, relation_key};
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{Field, Fields};
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{
    self, CreateFunctionBody, DataType, Expr, FunctionBehavior, FunctionCalledOnNull, FunctionReturnType,
    OperateFunctionArg, Query, SelectItem, SetExpr, Statement, TableFactor, Value, Visit, Visitor,
    visit_expressions_mut,
};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Runs CREATE FUNCTION.
pub fn create_function(ddl: &mut Ddl<'_>, create: ast::CreateFunction) -> Result<()> {
    ddl.txn.must_write("CREATE FUNCTION")?;
    must_be_sql(&create)?;
    let (schema, name) = ddl.new_relation(&create.name)?;
    if is_built_in(ddl, &name) {
        let message = format!("function \"{name}\" is built in, and others of its name are not supported");
        return Err(Error::new(Kind::Unsupported, message).with_hint("Choose another name."));
    }
    let arguments = create.args.iter().flatten().map(|arg| argument(ddl, arg)).collect::<Result<Vec<_>>>()?;
    let returns = returns(create.return_type.as_ref())?;
    let (source, query) = body(create.function_body)?;
    must_be_sound(&arguments, &query)?;
    let query = meant((ddl.context, ddl.state), query, &name, &arguments);
    let volatility = match create.behavior {
        Some(FunctionBehavior::Immutable) => 'i',
        Some(FunctionBehavior::Stable) => 's',
        Some(FunctionBehavior::Volatile) | None => 'v',
    };
    let strict = matches!(
        create.called_on_null,
        Some(FunctionCalledOnNull::ReturnsNullOnNullInput | FunctionCalledOnNull::Strict)
    );
    let query = query.to_string();
    let owner = ddl.context.role;
    let mut function =
        Function { schema, name, owner, arguments, returns, query, source, volatility, strict, exact: false };
    let is_numeric = match (must_work(ddl, &function), ddl.context.settings.is_on("check_function_bodies")) {
        (Ok(is_numeric), _) => is_numeric,
        (Err(error), true) => return Err(error),
        // As in PostgreSQL, which has dumps say so: what the function names may come later.
        (Err(_), false) => false,
    };
    function.exact = is_numeric && function.returns == Returns::Value(SqlType::Numeric(None));
    let id = place(ddl, &function, create.or_replace)?;
    ddl.txn.put_object(id, Object::Function(function))
}

/// A body's query as it is kept: numbers in the place of arguments, and a schema at each name.
fn meant(
    (context, state): (&Arc<Context>, &SessionState),
    mut query: Query,
    function: &str,
    arguments: &[Argument],
) -> Query {
    number_arguments(context, state, &mut query, function, arguments);
    view_names::qualify(&mut query, context);
    query
}

/// Whether a function's body as it was written still means its query, for whoever has the settings of the beginning.
pub fn is_as_written(context: &Arc<Context>, state: &SessionState, function: &Function) -> bool {
    let settings = Arc::new(context.settings.fresh());
    let context = Arc::new(Context { settings, ..context.without_temporary() });
    let Ok(written) = parser::query(&function.source) else { return false };
    meant((&context, state), written, &function.name, &function.arguments).to_string() == function.query
}

/// Refuses what is not a plain function in SQL.
fn must_be_sql(create: &ast::CreateFunction) -> Result<()> {
    let refuse = |what: &str| Err(Error::new(Kind::Unsupported, format!("{what} is not supported")));
    let language = create.language.as_ref().map(fold);
    match language.as_deref() {
        Some("sql") => {}
        None if matches!(create.function_body, Some(CreateFunctionBody::Return(_))) => {}
        None => return Err(Error::new(Kind::InvalidFunction, "no language specified")),
        Some(other) => {
            return Err(Error::new(Kind::UndefinedObject, format!("language \"{other}\" does not exist"))
                .with_hint("Functions are written in LANGUAGE sql."));
        }
    }
    if create.temporary {
        return refuse("CREATE TEMPORARY FUNCTION");
    }
    if matches!(create.security, Some(ast::FunctionSecurity::Definer)) {
        return refuse("SECURITY DEFINER");
    }
    if !create.set_params.is_empty() {
        return refuse("SET in a function");
    }
    Ok(())
}

fn is_built_in(ddl: &Ddl<'_>, name: &str) -> bool {
    let state = ddl.state;
    functions::scalar(name, ddl.context).is_some()
        || state.scalar_functions().contains_key(name)
        || state.aggregate_functions().contains_key(name)
        || state.window_functions().contains_key(name)
        || state.table_functions().contains_key(name)
}

fn argument(ddl: &Ddl<'_>, arg: &OperateFunctionArg) -> Result<Argument> {
    if !matches!(arg.mode, None | Some(ast::ArgMode::In)) {
        return Err(Error::new(Kind::Unsupported, "OUT and INOUT arguments are not supported")
            .with_hint("Say RETURNS TABLE (column type, ...)."));
    }
    let data_type = sql_type(&arg.data_type)?;
    if let Some(Expr::Value(value)) = &arg.default_expr
        && let Value::SingleQuotedString(literal) = &value.value
    {
        values::read_one(literal, &data_type)?;
    }
    // sqlparser takes the name of an argument without one for its type's first word, and the other way round never.
    Ok(Argument {
        name: arg.name.as_ref().map(fold),
        data_type,
        default: arg.default_expr.as_ref().map(|value| in_full(&value.to_string(), ddl.context)).transpose()?,
    })
}

/// Refuses arguments of one name, one without a default behind those that have one, a default that is no value of its type, and a
/// parameter that there is not.
fn must_be_sound(arguments: &[Argument], query: &Query) -> Result<()> {
    for (at, argument) in arguments.iter().enumerate() {
        let before = &arguments[..at];
        if let Some(name) = &argument.name
            && before.iter().any(|other| other.name.as_ref() == Some(name))
        {
            let message = format!("parameter name \"{name}\" used more than once");
            return Err(Error::new(Kind::InvalidFunction, message));
        }
        if argument.default.is_none() && before.iter().any(|other| other.default.is_some()) {
            let message = "input parameters after one with a default value must also have defaults";
            return Err(Error::new(Kind::InvalidFunction, message));
        }
    }
    let missing = ast::visit_expressions(query, |expr| match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) if is_beyond(name, arguments.len()) => ControlFlow::Break(name.clone()),
            _ => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Continue(()),
    });
    match missing.break_value() {
        Some(name) => Err(Error::new(Kind::UndefinedParameter, format!("there is no parameter {name}"))),
        None => Ok(()),
    }
}

/// Whether a parameter such as `$3` has a greater number than there are arguments.
fn is_beyond(name: &str, arguments: usize) -> bool {
    name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).is_some_and(|number| number > arguments)
}

fn returns(written: Option<&FunctionReturnType>) -> Result<Returns> {
    Ok(match written {
        None => return Err(Error::new(Kind::InvalidFunction, "function result type must be specified")),
        Some(FunctionReturnType::DataType(DataType::Table(columns))) => {
            let columns = columns.iter().flatten().map(|column| Ok((fold(&column.name), sql_type(&column.data_type)?)));
            Returns::Table(columns.collect::<Result<_>>()?)
        }
        Some(FunctionReturnType::DataType(DataType::Custom(name, _)))
            if matches!(parser::last(name).as_str(), "void" | "trigger" | "record") =>
        {
            let message = format!("functions that return {} are not supported", parser::last(name));
            return Err(Error::new(Kind::Unsupported, message));
        }
        Some(FunctionReturnType::DataType(data_type)) => Returns::Value(sql_type(data_type)?),
        Some(FunctionReturnType::SetOf(data_type)) => Returns::Values(sql_type(data_type)?),
    })
}

/// The body as it was written, and its query.
fn body(body: Option<CreateFunctionBody>) -> Result<(String, Query)> {
    let text = match body {
        Some(
            CreateFunctionBody::AsBeforeOptions { body, link_symbol: None } | CreateFunctionBody::AsAfterOptions(body),
        ) => match body {
            Expr::Value(value) => value.value.into_string(),
            _ => None,
        },
        Some(CreateFunctionBody::Return(value)) => Some(format!("SELECT {value}")),
        None => return Err(Error::new(Kind::InvalidFunction, "no function body specified")),
        Some(_) => None,
    };
    let only_one = || Error::new(Kind::Unsupported, "a function's body must be one query");
    let text = text.ok_or_else(only_one)?;
    let mut statements = parser::parse(&text)?;
    match (statements.pop().map(|statement| statement.body), statements.is_empty()) {
        (Some(Body::Sql(statement)), true) => match *statement {
            Statement::Query(query) => Ok((text, *query)),
            _ => Err(only_one()),
        },
        _ => Err(only_one()),
    }
}

/// Puts `$1` where a name means the first argument, and so on. As in PostgreSQL a column goes before an argument of its name.
fn number_arguments(
    context: &Arc<Context>,
    state: &SessionState,
    query: &mut Query,
    function: &str,
    arguments: &[Argument],
) {
    let columns = Columns::of(context, state, query);
    let _ = visit_expressions_mut(query, |expression| {
        let name = match expression {
            Expr::Identifier(name) if !columns.contains(&fold(name)) => Some(fold(name)),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [of, name] if fold(of) == function => Some(fold(name)),
                _ => None,
            },
            _ => None,
        };
        if let Some(at) = name.and_then(|name| arguments.iter().position(|arg| arg.name.as_ref() == Some(&name))) {
            *expression = Expr::Value(Value::Placeholder(format!("${}", at + 1)).into());
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Names of all columns that a query speaks of.
struct Columns<'a> {
    context: &'a Arc<Context>,
    state: &'a SessionState,
    names: HashSet<String>,
}

impl Columns<'_> {
    fn of(context: &Arc<Context>, state: &SessionState, query: &Query) -> HashSet<String> {
        let mut columns = Columns { context, state, names: HashSet::new() };
        let _ = Visit::visit(query, &mut columns);
        columns.names
    }
}

impl Visitor for Columns<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.names.extend(cte.alias.columns.iter().map(|column| fold(&column.name)));
        }
        if let SetExpr::Select(select) = query.body.as_ref() {
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { alias, .. } = item {
                    self.names.insert(fold(alias));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor
            && let Ok((schema, name)) = split(name)
        {
            let (schema, name) = self.context.resolve(schema.as_deref(), &name);
            if let Ok(relation) = tables::open(self.context, self.state, &schema, &name) {
                self.names.extend(relation.schema().fields().iter().map(|field| field.name().clone()));
            }
        }
        if let TableFactor::Derived { alias: Some(alias), .. } | TableFactor::Table { alias: Some(alias), .. } = factor
        {
            self.names.extend(alias.columns.iter().map(|column| fold(&column.name)));
        }
        ControlFlow::Continue(())
    }
}

/// The function can be planned, and gives what it says. Tells whether that is a numeric already.
fn must_work(ddl: &Ddl<'_>, function: &Function) -> Result<bool> {
    let null = |argument: &Argument| inline::typed(Expr::value(Value::Null), &argument.data_type);
    let given = function.arguments.iter().map(null).collect::<Result<Vec<_>>>()?;
    let mut query = parser::query(&function.query)?;
    inline::bind(&mut query, &given);
    let plan = Planner::new(ddl.context, ddl.state).query(query)?;
    let wanted = match &function.returns {
        Returns::Value(_) | Returns::Values(_) => 1,
        Returns::Table(columns) => columns.len(),
    };
    if plan.schema().fields().len() == wanted {
        must_return(&function.returns, plan.schema().fields())?;
        let first = plan.schema().fields().first();
        return Ok(first.is_some_and(|field| field.data_type().is_decimal()));
    }
    let (kind, gives) = (Kind::InvalidFunction, plan.schema().fields().len());
    let message = format!("return type mismatch in function {}", function.name);
    Err(Error::new(kind, message).with_detail(format!("Its query gives {gives} columns, and {wanted} are declared.")))
}

/// Refuses a query whose values are not what is declared, and do not become it by themselves.
fn must_return(returns: &Returns, fields: &Fields) -> Result<()> {
    let (wanted, declared): (Vec<&SqlType>, _) = match returns {
        Returns::Value(one) => (vec![one], name_of(one)),
        Returns::Values(one) => (vec![one], name_of(one)),
        Returns::Table(columns) => (columns.iter().map(|(_, one)| one).collect(), "record".to_owned()),
    };
    for (at, (field, wanted)) in fields.iter().zip(wanted).enumerate() {
        let text = || is_text_for(wanted, field).then_some(SqlType::Text);
        let Some(have) = other_than(wanted, field).or_else(text) else { continue };
        let have = name_of(&have);
        let detail = match returns {
            Returns::Table(_) => {
                let wanted = name_of(wanted);
                format!("Final statement returns {have} instead of {wanted} at column {}.", at + 1)
            }
            _ => format!("Actual return type is {have}."),
        };
        let message = format!("return type mismatch in function declared to return {declared}");
        return Err(Error::new(Kind::InvalidFunction, message).with_detail(detail));
    }
    Ok(())
}

/// Whether a value is a text and what is wanted is kept as something else.
fn is_text_for(wanted: &SqlType, field: &Field) -> bool {
    use SqlType::{Bool, Date, Float4, Float8, Int2, Int4, Int8, Interval, Numeric, Time, Timestamp, Timestamptz};
    let other = matches!(
        wanted,
        Bool | Date | Float4 | Float8 | Int2 | Int4 | Int8 | Interval | Numeric(_) | Time | Timestamp | Timestamptz
    );
    other && !field.data_type().is_null() && matches!(SqlType::from_field(field), Ok(SqlType::Text))
}

/// The id that the function is to have.
fn place(ddl: &Ddl<'_>, function: &Function, or_replace: bool) -> Result<ObjectId> {
    let name = &function.name;
    let key = relation_key(&function.schema, name);
    let Some((id, Object::Function(there))) = ddl.txn.snapshot().catalog.find(Class::Function, &key) else {
        return Ok(ddl.new_id());
    };
    let types = |function: &Function| -> Vec<SqlType> {
        function.arguments.iter().map(|argument| argument.data_type.clone()).collect()
    };
    if types(there) != types(function) {
        let message = format!("function \"{name}\" is there with other arguments, and overloading is not supported");
        return Err(Error::new(Kind::Unsupported, message).with_hint("Drop it first, or choose another name."));
    }
    if !or_replace {
        let message = format!("function \"{name}\" already exists with same argument types");
        return Err(Error::new(Kind::DuplicateFunction, message));
    }
    ddl.context.must_own(there.owner, "function", name)?;
    if there.returns != function.returns {
        return Err(Error::new(Kind::InvalidFunction, "cannot change return type of existing function")
            .with_hint(format!("Use DROP FUNCTION {name} first.")));
    }
    Ok(id)
}

/// The id of the function that a name means, and its owner.
pub(super) fn must_get(ddl: &Ddl<'_>, (schema, name): &(Option<String>, String)) -> Result<(ObjectId, ObjectId)> {
    let parts = schema.iter().chain([name]).map(|part| parser::quoted(part));
    let found = inline::find(ddl.context, &ast::ObjectName::from(parts.collect::<Vec<_>>())).and_then(|function| {
        let key = relation_key(&function.schema, &function.name);
        ddl.txn.snapshot().catalog.find(Class::Function, &key).map(|(id, _)| (id, function.owner))
    });
    let missing = || Error::new(Kind::UndefinedFunction, format!("could not find a function named \"{name}\""));
    found.ok_or_else(missing)
}

/// Refuses the name of a function that is not there, built in or not.
pub(super) fn must_be_there(ddl: &Ddl<'_>, name: &(Option<String>, String)) -> Result<()> {
    let built_in = name.0.as_deref().is_none_or(|schema| schema == "pg_catalog") && is_built_in(ddl, &name.1);
    if built_in { Ok(()) } else { must_get(ddl, name).map(drop) }
}

/// Runs DROP FUNCTION.
pub fn drop_function(ddl: &mut Ddl<'_>, drop: &ast::DropFunction) -> Result<()> {
    ddl.txn.must_write("DROP FUNCTION")?;
    // What calls one of them may go with it.
    let going = drop.func_desc.iter().filter_map(|what| inline::find(ddl.context, &what.name).cloned());
    let going: Vec<Function> = going.collect();
    for what in &drop.func_desc {
        let (_, plain) = split(&what.name)?;
        check_name(&plain)?;
        let found = inline::find(ddl.context, &what.name).cloned();
        let types = what.args.as_ref().map(|args| args.iter().map(|arg| sql_type(&arg.data_type)).collect());
        let types: Option<Vec<SqlType>> = types.transpose()?;
        let found = found.filter(|function| {
            types.as_ref().is_none_or(|types| types.iter().eq(function.arguments.iter().map(|arg| &arg.data_type)))
        });
        let Some(function) = found else {
            if drop.if_exists {
                skipping(ddl.context, "function", &plain, false);
                continue;
            }
            return Err(Error::new(Kind::UndefinedFunction, format!("function {what} does not exist")));
        };
        ddl.context.must_own(function.owner, "function", &plain)?;
        must_not_be_used(ddl, &function, &going)?;
        let key = relation_key(&function.schema, &function.name);
        if let Some((id, _)) = ddl.txn.snapshot().catalog.find(Class::Function, &key) {
            ddl.txn.drop_object(id);
        }
    }
    Ok(())
}

/// Refuses to drop what a view, a default, a constraint, a policy or another function calls.
pub(super) fn must_not_be_used(ddl: &Ddl<'_>, function: &Function, going: &[Function]) -> Result<()> {
    let calls = |text: &str| {
        let found = |name: &ast::ObjectName| {
            split(name).is_ok_and(|(schema, name)| {
                name == function.name && schema.is_none_or(|schema| schema == function.schema)
            })
        };
        match parser::query(text) {
            Ok(query) => calls_in(&query, &found),
            Err(_) => parser::expression(text).is_ok_and(|expression| calls_in(&expression, &found)),
        }
    };
    for (_, object) in ddl.txn.snapshot().catalog.objects() {
        let user = match object.as_ref() {
            Object::View(view) if calls(&view.query) => format!("view {}", view.name),
            Object::Function(other) if other != function && !going.contains(other) && calls(&other.query) => {
                format!("function {}", other.name)
            }
            Object::Table(table)
                if table.columns.iter().flat_map(|c| c.default.iter().chain(&c.generated)).any(|text| calls(text))
                    || table.checks.iter().any(|check| calls(&check.expression)) =>
            {
                format!("table {}", table.name)
            }
            Object::Table(table) if table.materialized.as_ref().is_some_and(|of| calls(&of.query)) => {
                format!("materialized view {}", table.name)
            }
            Object::Domain(domain)
                if domain.default.iter().any(|text| calls(text))
                    || domain.checks.iter().any(|check| calls(&check.expression)) =>
            {
                format!("type {}", domain.name)
            }
            Object::MaskingPolicy(policy) if calls(&policy.body) => format!("masking policy {}", policy.name),
            Object::QualityRule(rule) if rule.texts().into_iter().any(|text| calls(text)) => {
                format!("quality rule {}", rule.name)
            }
            Object::RowPolicy(policy) if policy.conditions().any(|text| calls(text)) => {
                format!("policy {}", policy.name)
            }
            _ => continue,
        };
        let name = &function.name;
        return Err(Error::new(
            Kind::Dependent,
            format!("cannot drop function {name} because other objects depend on it"),
        )
        .with_detail(format!("{user} depends on function {name}"))
        .with_hint("Drop or change these first."));
    }
    Ok(())
}

fn calls_in(node: &impl Visit, is: &dyn Fn(&ast::ObjectName) -> bool) -> bool {
    struct Calls<'a>(&'a dyn Fn(&ast::ObjectName) -> bool);
    impl Visitor for Calls<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Function(call) if (self.0)(&call.name) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            match factor {
                TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. }
                    if (self.0)(name) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(node, &mut Calls(is)).is_break()
}
