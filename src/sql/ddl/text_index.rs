//! CREATE INDEX ... USING steward: a text index for SEARCH.

use super::super::parser::{fold, split};
use super::class::may_index;
use super::{Ddl, check_name, skipping};
use crate::catalog::{Index, Object, SqlType};
use crate::error::{Error, Kind, Result};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Expr, Value};

/// Runs CREATE INDEX ... USING steward.
pub(super) fn create_text_index(ddl: &mut Ddl<'_>, create: ast::CreateIndex) -> Result<()> {
    ddl.txn.must_write("CREATE INDEX")?;
    let (schema, table_name) = split(&create.table_name)?;
    let (id, table) = ddl.own_table(schema.as_deref(), &table_name)?;
    let mut columns = Vec::new();
    for column in &create.columns {
        let Expr::Identifier(ident) = &column.column.expr else {
            return Err(Error::new(Kind::Unsupported, "a text index is made of columns, not of expressions"));
        };
        let name = fold(ident);
        let Some(at) = table.column_index(&name) else {
            return Err(Error::new(Kind::UndefinedColumn, format!("column \"{name}\" does not exist")));
        };
        if !matches!(table.columns[at].data_type, SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_)) {
            return Err(Error::new(
                Kind::DatatypeMismatch,
                format!("column \"{name}\" is of type {}; a text index needs text", table.columns[at].data_type),
            ));
        }
        may_index(&table, at)?;
        columns.push(name);
    }
    let key_field = key_field(&create.with)?.or_else(|| {
        let key = table.primary_key().filter(|key| key.columns.len() == 1)?;
        Some(table.columns[key.columns[0]].name.clone())
    });
    let Some(key_field) = key_field else {
        return Err(Error::new(Kind::InvalidParameter, "the index needs a key_field").with_hint(
            "Name the column that SEARCH gives as the key: WITH (key_field = 'id'), or give the table a primary key.",
        ));
    };
    if table.column_index(&key_field).is_none() {
        return Err(Error::new(Kind::UndefinedColumn, format!("column \"{key_field}\" does not exist")));
    }
    let name = match &create.name {
        Some(name) => split(name)?.1,
        None => format!("{}_{}_idx", table.name, columns.join("_")),
    };
    check_name(&name)?;
    if create.if_not_exists && ddl.txn.snapshot().catalog.relation(&table.schema, &name).is_some() {
        skipping(ddl.context, "relation", &name, true);
        return Ok(());
    }
    let index = Index { schema: table.schema.clone(), name, table: id, columns, key_field };
    let index_id = ddl.new_id();
    ddl.txn.put_object(index_id, Object::Index(index))
}

fn key_field(options: &[Expr]) -> Result<Option<String>> {
    let mut found = None;
    for option in options {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = option else {
            return Err(Error::new(Kind::Syntax, format!("\"{option}\" is not an option of the form name = value")));
        };
        let value = match right.as_ref() {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => text.clone(),
                other => other.to_string(),
            },
            other => other.to_string(),
        };
        match left.to_string().to_lowercase().as_str() {
            "key_field" => found = Some(value),
            "tokenizer" if value.eq_ignore_ascii_case("unicode") || value.eq_ignore_ascii_case("jieba") => {}
            "tokenizer" => {
                let message = format!("invalid value for parameter \"tokenizer\": \"{value}\"");
                return Err(Error::new(Kind::InvalidParameter, message).with_hint("Available values: unicode, jieba."));
            }
            other => return Err(Error::new(Kind::InvalidParameter, format!("unrecognized parameter \"{other}\""))),
        }
    }
    Ok(found)
}
