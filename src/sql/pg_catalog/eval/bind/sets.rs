//! Functions that give several rows.

use super::super::super::value::Type;
use super::super::plan::{Expr, Node, Output, SetCall, SetKind};
use super::super::types::{Family, element, family, first_index};
use super::Binder;
use super::call::undefined;
use crate::error::Result;
use std::sync::Arc;

impl Binder<'_> {
    /// Whether a function gives several rows.
    pub(super) fn is_set_function(name: &str) -> bool {
        matches!(
            name,
            "unnest"
                | "generate_series"
                | "generate_subscripts"
                | "_pg_expandarray"
                | "pg_options_to_table"
                | "pg_get_keywords"
                | "pg_partition_ancestors"
                | "aclexplode"
        )
    }

    /// A call of such a function, and the columns that it gives.
    pub(super) fn set_call(&mut self, name: &str, mut args: Vec<Expr>) -> Result<(SetCall, Vec<Output>)> {
        let column = |name: &str, data_type: Type| Output { name: name.to_owned(), data_type, fields: None };
        let wrong = undefined(name, &args);
        if (name, args.len()) == ("pg_get_keywords", 0) {
            let columns = vec![
                column("word", Type::Text),
                column("catcode", Type::Char),
                column("barelabel", Type::Bool),
                column("catdesc", Type::Text),
                column("baredesc", Type::Text),
            ];
            return Ok((SetCall { kind: SetKind::Keywords, args, width: columns.len() }, columns));
        }
        let first = args.first().map(|arg| arg.data_type.clone()).ok_or_else(|| undefined(name, &[]))?;
        let (kind, columns) = match (name, args.len()) {
            ("unnest", 1) => {
                let mut outputs = vec![column("unnest", element(&first).ok_or(wrong)?)];
                if let (Some(output), Some(arg)) = (outputs.first_mut(), args.first()) {
                    output.fields.clone_from(&arg.fields);
                }
                (SetKind::Unnest, outputs)
            }
            ("generate_series", 2 | 3) => {
                let mut taken = Vec::new();
                for arg in args.drain(..) {
                    taken.push(self.settle(arg, &Type::Int4)?);
                }
                args = taken;
                let (list, data_type) = self.unify(args, "generate_series")?;
                args = list;
                if family(&data_type) != Family::Number {
                    return Err(wrong);
                }
                (SetKind::Series, vec![column("generate_series", data_type)])
            }
            ("generate_subscripts", 2 | 3) if element(&first).is_some() => {
                (SetKind::Subscripts(first_index(&first)), vec![column("generate_subscripts", Type::Int4)])
            }
            ("_pg_expandarray", 1) => {
                let item = element(&first).ok_or(wrong)?;
                (SetKind::ExpandArray, vec![column("x", item), column("n", Type::Int4)])
            }
            ("pg_options_to_table", 1) => {
                (SetKind::Options, vec![column("option_name", Type::Text), column("option_value", Type::Text)])
            }
            ("pg_partition_ancestors", 1) => (SetKind::Nothing, vec![column("relid", Type::Regclass)]),
            ("aclexplode", 1) => (
                SetKind::Rights,
                vec![
                    column("grantor", Type::Oid),
                    column("grantee", Type::Oid),
                    column("privilege_type", Type::Text),
                    column("is_grantable", Type::Bool),
                ],
            ),
            _ => return Err(wrong),
        };
        Ok((SetCall { kind, args, width: columns.len() }, columns))
    }

    /// Such a function in the select list: its value in each of its rows.
    pub(super) fn set_in_list(&mut self, name: &str, args: Vec<Expr>) -> Result<Expr> {
        let (call, columns) = self.set_call(name, args)?;
        let level = self.level()?;
        let at = level.sets.iter().position(|other| *other == call && call.width > 1).unwrap_or_else(|| {
            level.sets.push(call);
            level.sets.len() - 1
        });
        let node = Node::Column { up: 0, slot: level.slots + 2, at };
        Ok(match <[Output; 1]>::try_from(columns) {
            Ok([column]) => Expr { node, data_type: column.data_type, fields: column.fields },
            Err(columns) => Expr { node, data_type: Type::Record, fields: Some(Arc::from(columns)) },
        })
    }
}
