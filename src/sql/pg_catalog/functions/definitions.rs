//! Definitions as SQL: pg_get_indexdef, pg_get_constraintdef, pg_get_viewdef, pg_get_expr, and those of what is not there.

use super::super::deparse;
use super::super::entry::{Entry, What};
use super::super::facts::Facts;
use super::super::identifier::{literal, quoted};
use super::super::oids::{self, ConstraintPart};
use super::super::relations::{Constraint, ConstraintKind, constraints_of, functions, indexed};
use super::super::value::{Type, Value};
use super::super::{names, relations};
use super::Args;
use crate::catalog::{Action, Function, IndexPart, Object, ObjectId, Order, Returns};
use crate::error::Result;
use datafusion::sql::sqlparser::ast::Expr;

/// The type that such a function gives.
pub fn returns(name: &str) -> Option<Type> {
    matches!(
        name,
        "pg_get_indexdef"
            | "pg_get_constraintdef"
            | "pg_get_expr"
            | "pg_get_viewdef"
            | "pg_get_partkeydef"
            | "pg_get_partition_constraintdef"
            | "pg_get_triggerdef"
            | "pg_get_ruledef"
            | "pg_get_functiondef"
            | "pg_get_function_sqlbody"
            | "pg_get_function_arguments"
            | "pg_get_function_identity_arguments"
            | "pg_get_function_result"
            | "pg_get_function_arg_default"
            | "pg_get_statisticsobjdef"
            | "pg_get_statisticsobjdef_columns"
            | "pg_get_statisticsobjdef_expressions"
    )
    .then_some(Type::Text)
}

/// Calls one of them.
pub fn call(args: &Args<'_>) -> Result<Value> {
    let facts = args.facts;
    Ok(match args.name {
        "pg_get_indexdef" => {
            let Some(entry) = facts.entry(args.oid(0, &Type::Regclass)?) else { return Ok(Value::Null) };
            match args.values.get(1).map(|_| args.number(1)).transpose()? {
                None | Some(0) => index(facts, &entry, args.flag(2)).into(),
                Some(column) => index_column(facts, &entry, column).into(),
            }
        }
        "pg_get_constraintdef" => {
            let oid = args.oid(0, &Type::Oid)?;
            match relations::domain_check_by_oid(facts, oid) {
                Some(of) => {
                    format!("CHECK ({})", deparse::domain_check(facts, &of.check.expression, args.flag(1))).into()
                }
                None => constraint_by_oid(facts, oid).map(|found| constraint(facts, &found, args.flag(1))).into(),
            }
        }
        // What stands for the tree of an expression is its text.
        "pg_get_expr" => deparse::expression(facts, args.text(0)?, args.flag(2)).into(),
        "pg_get_viewdef" => facts.entry(args.oid(0, &Type::Regclass)?).and_then(|entry| view(facts, &entry)).into(),
        "pg_get_ruledef" => facts.entry(args.oid(0, &Type::Oid)?).and_then(|entry| rule(facts, &entry)).into(),
        "pg_get_function_arguments" | "pg_get_function_identity_arguments" => {
            let with_defaults = args.name == "pg_get_function_arguments";
            let found = functions::by_oid(facts, args.oid(0, &Type::Regproc)?);
            found.map(|function| arguments(facts, &function, with_defaults)).into()
        }
        "pg_get_function_result" => {
            functions::by_oid(facts, args.oid(0, &Type::Regproc)?).map(|function| result(facts, &function)).into()
        }
        "pg_get_functiondef" => {
            match facts.catalog().get(ObjectId::from(args.oid(0, &Type::Regproc)?)).map(AsRef::as_ref) {
                Some(Object::Function(function)) => function_definition(function).into(),
                _ => Value::Null,
            }
        }
        _ => Value::Null,
    })
}

fn arguments(facts: &Facts, function: &relations::functions::Function, with_defaults: bool) -> String {
    let args = function.args.iter().enumerate().map(|(at, data_type)| {
        let data_type = names::name_of(facts, &Type::Regtype, *data_type);
        let mut text = match function.arg_names.get(at).filter(|name| !name.is_empty()) {
            Some(name) => format!("{} {data_type}", quoted(name)),
            None => data_type,
        };
        if let Some(Some(default)) = function.defaults.get(at).filter(|_| with_defaults) {
            text.push_str(&format!(" DEFAULT {default}"));
        }
        text
    });
    args.collect::<Vec<_>>().join(", ")
}

fn result(facts: &Facts, function: &relations::functions::Function) -> String {
    let type_name = |oid: &u32| names::name_of(facts, &Type::Regtype, *oid);
    if !function.columns.is_empty() {
        let names = function.arg_names.iter().skip(function.args.len());
        let columns = names.zip(&function.columns).map(|(name, oid)| format!("{} {}", quoted(name), type_name(oid)));
        return format!("TABLE({})", columns.collect::<Vec<_>>().join(", "));
    }
    let name = type_name(&function.result);
    if function.returns_set { format!("SETOF {name}") } else { name }
}

/// A function as the statement that makes it.
pub fn function_definition(function: &Function) -> String {
    let arguments = function.arguments.iter().map(|argument| {
        let name = argument.name.as_ref().map_or_else(String::new, |name| format!("{} ", quoted(name)));
        let default = argument.default.as_ref().map_or_else(String::new, |text| format!(" DEFAULT {text}"));
        format!("{name}{}{default}", argument.data_type)
    });
    let returns = match &function.returns {
        Returns::Value(data_type) => data_type.to_string(),
        Returns::Values(data_type) => format!("SETOF {data_type}"),
        Returns::Table(columns) => {
            let columns = columns.iter().map(|(name, data_type)| format!("{} {data_type}", quoted(name)));
            format!("TABLE({})", columns.collect::<Vec<_>>().join(", "))
        }
    };
    let mut marks = match function.volatility {
        'i' => " IMMUTABLE".to_owned(),
        's' => " STABLE".to_owned(),
        _ => String::new(),
    };
    if function.strict {
        marks.push_str(" STRICT");
    }
    let (schema, name) = (quoted(&function.schema), quoted(&function.name));
    let arguments = arguments.collect::<Vec<_>>().join(", ");
    // A tag that the body does not have.
    let mut tag = "function".to_owned();
    while function.source.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    format!(
        "CREATE OR REPLACE FUNCTION {schema}.{name}({arguments})\n RETURNS {returns}\n LANGUAGE sql\n{marks}{}AS ${tag}${}${tag}$\n",
        if marks.is_empty() { "" } else { "\n" },
        function.source
    )
}

fn column_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quoted).collect::<Vec<_>>().join(", ")
}

/// An index as a statement that would make it; with `pretty`, without the schema where it need not be told.
pub fn index(facts: &Facts, entry: &Entry<'_>, pretty: bool) -> Option<String> {
    let of = indexed(entry)?;
    let table = match facts.entry(of.table_oid) {
        Some(table) if pretty => facts.written(&table),
        _ => format!("{}.{}", quoted(&of.table.schema), quoted(&of.table.name)),
    };
    let parts: Vec<String> =
        of.parts.iter().map(|(part, order)| index_part(facts, part, pretty) + &ordered(order)).collect();
    let mut text = format!(
        "CREATE {}INDEX {} ON {table} USING {} ({})",
        if of.unique { "UNIQUE " } else { "" },
        quoted(&entry.name),
        of.method,
        parts.join(", ")
    );
    if !of.include.is_empty() {
        text += &format!(" INCLUDE ({})", column_list(of.include.iter().map(String::as_str)));
    }
    if of.nulls_equal {
        text += " NULLS NOT DISTINCT";
    }
    if let What::TextIndex(index, _) = entry.what {
        text += &format!(" WITH (key_field={})", literal(&index.key_field));
    }
    if let Some(predicate) = of.predicate {
        text += &format!(" WHERE {}", deparse::expression(facts, predicate, pretty));
    }
    Some(text)
}

/// A column, a call, or another expression in parentheses.
fn index_part(facts: &Facts, part: &IndexPart, pretty: bool) -> String {
    match part {
        IndexPart::Column(name) => quoted(name),
        IndexPart::Expression(text) => match crate::sql::parser::expression(text) {
            Ok(Expr::Function(_)) => deparse::expression(facts, text, true),
            _ => format!("({})", deparse::expression(facts, text, pretty)),
        },
    }
}

fn ordered(order: &Order) -> String {
    let class = order.class.as_ref().map_or_else(String::new, |class| format!(" {}", quoted(class)));
    let how = match (order.descending, order.nulls_first) {
        (false, false) => "",
        (false, true) => " NULLS FIRST",
        (true, true) => " DESC",
        (true, false) => " DESC NULLS LAST",
    };
    class + how
}

fn index_column(facts: &Facts, entry: &Entry<'_>, column: i64) -> Option<String> {
    let of = indexed(entry)?;
    let at = usize::try_from(column).ok()?.checked_sub(1)?;
    match of.parts.get(at) {
        Some((part, _)) => Some(index_part(facts, part, true)),
        None => of.include.get(at - of.parts.len()).map(|name| quoted(name)),
    }
}

fn constraint_by_oid(facts: &Facts, oid: u32) -> Option<Constraint<'_>> {
    let (table, _): (_, ConstraintPart) = oids::constraint_of(oid)?;
    let entry = facts.entry(oids::of(table))?;
    match entry.what {
        What::Table(id, table) => constraints_of(id, table).into_iter().find(|constraint| constraint.oid == oid),
        _ => None,
    }
}

/// A constraint as CREATE TABLE would have it.
fn constraint(facts: &Facts, constraint: &Constraint<'_>, pretty: bool) -> String {
    let names = |columns: &[usize]| column_list(columns.iter().map(|at| constraint.table.columns[*at].name.as_str()));
    match constraint.kind {
        ConstraintKind::Key(key, _) => {
            let kind = match (key.primary, key.nulls_equal) {
                (true, _) => "PRIMARY KEY",
                (false, true) => "UNIQUE NULLS NOT DISTINCT",
                (false, false) => "UNIQUE",
            };
            format!("{kind} ({})", names(&key.columns))
        }
        ConstraintKind::Check(check) => {
            let valid = if check.not_valid { " NOT VALID" } else { "" };
            format!("CHECK ({}){valid}", deparse::expression(facts, &check.expression, pretty))
        }
        ConstraintKind::Foreign(key) => {
            let Some(other) = facts.catalog().table_by_id(key.table) else { return String::new() };
            // A table that is none of the role's business stays a number, its columns untold.
            if facts.entry(oids::of(key.table)).is_none() {
                return format!("FOREIGN KEY ({}) REFERENCES {}", names(&key.columns), key.table);
            }
            let table = match facts.find(None, &other.name) {
                Some(found) if found.oid == oids::of(key.table) => quoted(&other.name),
                _ => format!("{}.{}", quoted(&other.schema), quoted(&other.name)),
            };
            let columns = other.key(&key.key).map_or_else(String::new, |key| {
                column_list(key.columns.iter().map(|at| other.columns[*at].name.as_str()))
            });
            let mut text = format!("FOREIGN KEY ({}) REFERENCES {table}({columns})", names(&key.columns));
            if key.match_full {
                text.push_str(" MATCH FULL");
            }
            for (event, does) in [("UPDATE", key.on_update), ("DELETE", key.on_delete)] {
                if does != Action::NoAction {
                    text.push_str(&format!(" ON {event} {}", does.sql()));
                }
            }
            text + key.deferral.sql() + if key.not_valid { " NOT VALID" } else { "" }
        }
    }
}

/// The query of a view.
pub fn view(facts: &Facts, entry: &Entry<'_>) -> Option<String> {
    match entry.what {
        What::View(_, view) => Some(format!(" {};", deparse::query(facts, &view.query))),
        What::Table(_, table) => {
            table.materialized.as_ref().map(|of| format!(" {};", deparse::query(facts, &of.query)))
        }
        _ => None,
    }
}

fn rule(facts: &Facts, entry: &Entry<'_>) -> Option<String> {
    let query = view(facts, entry)?;
    Some(format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {} DO INSTEAD {query}", facts.written(entry)))
}
