//! `jsonb_populate_record(NULL::t, value)` in FROM: the members of a JSON value as columns of a table's types. It is `jsonb_to_record(value)`
//! with the table's columns.

use super::super::context::Context;
use super::super::parser::{data_type, last, quoted, split};
use crate::catalog::Object;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Select, TableAlias, TableAliasColumnDef,
    TableFactor, Value,
};

const FUNCTIONS: [&str; 4] =
    ["json_populate_record", "json_populate_recordset", "jsonb_populate_record", "jsonb_populate_recordset"];

/// Writes such calls of a SELECT so.
pub fn spell_out(select: &mut Select, context: &Context) {
    for item in &mut select.from {
        let joined = item.joins.iter_mut().map(|join| &mut join.relation);
        std::iter::once(&mut item.relation).chain(joined).for_each(|factor| {
            record(factor, context);
        });
    }
}

fn record(factor: &mut TableFactor, context: &Context) -> Option<()> {
    let (name, args, alias) = match factor {
        TableFactor::Table { name, args: Some(args), alias, .. } => (name, &mut args.args, alias),
        TableFactor::Function { name, args, alias, .. } => (name, args, alias),
        _ => return None,
    };
    let called = last(name);
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Cast { expr, data_type: DataType::Custom(table, _), .. })),
        _,
    ] = args.as_slice()
    else {
        return None;
    };
    let is_null = matches!(expr.as_ref(), Expr::Value(value) if value.value == Value::Null);
    // Names that are given to the columns are not those of the members.
    let renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
    if !is_null || renamed || !FUNCTIONS.contains(&called.as_str()) {
        return None;
    }
    let columns = columns(table, context)?;
    let said = alias.take().map_or_else(|| quoted(&called), |alias| alias.name);
    *alias = Some(TableAlias { explicit: true, name: said, columns, at: None });
    *name = ObjectName::from(vec![Ident::new(called.replace("populate", "to"))]);
    args.remove(0);
    Some(())
}

/// The columns of a table with their types.
fn columns(table: &ObjectName, context: &Context) -> Option<Vec<TableAliasColumnDef>> {
    let (schema, table) = split(table).ok()?;
    let (schema, table) = context.resolve(schema.as_deref(), &table);
    let Some((_, Object::Table(table))) = context.snapshot.catalog.relation(&schema, &table) else { return None };
    let column = |column: &crate::catalog::Column| {
        let data_type = data_type(&column.data_type.to_string())?;
        Some(TableAliasColumnDef { name: quoted(&column.name), data_type: Some(data_type) })
    };
    table.columns.iter().map(column).collect()
}
