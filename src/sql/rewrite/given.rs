//! Arguments by name of Steward's functions that give rows: `DEDUPE(relation => 'products', options => '{...}')`.

use super::super::functions;
use super::super::parser::fold;
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArgOperator, Ident, ObjectName, TableFactor, Value,
};

/// Puts the arguments of a call in FROM where their places are; what is left out between others is NULL, which is its default. The
/// schema of our functions goes from the name: the engine knows none.
pub fn by_place(factor: &mut TableFactor) -> Result<()> {
    let (name, args) = match factor {
        TableFactor::Table { name, args: Some(args), .. } => (name, &mut args.args),
        TableFactor::Function { name, args, .. } => (name, args),
        _ => return Ok(()),
    };
    if let [schema, called] = name.0.as_slice()
        && schema.as_ident().is_some_and(|schema| fold(schema) == functions::SCHEMA)
        && called.as_ident().is_some_and(|called| functions::is_table(&fold(called)))
    {
        name.0.remove(0);
    }
    if args.iter().all(|arg| matches!(arg, FunctionArg::Unnamed(_))) {
        return Ok(());
    }
    let Some((called, names)) = names_of(name) else { return Ok(()) };
    let mut placed: Vec<Option<FunctionArg>> = vec![None; names.len()];
    for (at, arg) in args.iter().enumerate() {
        let (place, value) = match arg {
            FunctionArg::Unnamed(value) => (at, value),
            FunctionArg::Named { name, arg, operator } => (place(&called, &names, name, operator)?, arg),
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, operator } => {
                (place(&called, &names, name, operator)?, arg)
            }
            FunctionArg::ExprNamed { .. } => return Ok(()),
        };
        match placed.get_mut(place) {
            Some(free @ None) => *free = Some(FunctionArg::Unnamed(value.clone())),
            Some(_) => {
                let message = format!("argument name \"{}\" used more than once", names[place]);
                return Err(Error::new(Kind::Syntax, message));
            }
            None => {
                let message = format!("function {called} takes {} arguments at most", names.len());
                return Err(Error::new(Kind::UndefinedFunction, message));
            }
        }
    }
    while placed.last().is_some_and(Option::is_none) {
        placed.pop();
    }
    let null = || FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(Value::Null.into())));
    *args = placed.into_iter().map(|arg| arg.unwrap_or_else(null)).collect();
    Ok(())
}

fn names_of(name: &ObjectName) -> Option<(String, Vec<&'static str>)> {
    let parts: Option<Vec<String>> =
        name.0.iter().map(|part| part.as_ident().map(|name| name.value.to_lowercase())).collect();
    let called = parts?.join(".");
    functions::argument_names(&called).map(|names| (called, names))
}

fn place(called: &str, names: &[&str], name: &Ident, operator: &FunctionArgOperator) -> Result<usize> {
    let known = matches!(operator, FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment);
    let place = names.iter().position(|known| name.value.eq_ignore_ascii_case(known));
    place.filter(|_| known).ok_or_else(|| {
        let message = format!("function {called} has no argument named \"{}\"", name.value);
        Error::new(Kind::UndefinedFunction, message).with_hint(format!("Its arguments are {}.", names.join(", ")))
    })
}
