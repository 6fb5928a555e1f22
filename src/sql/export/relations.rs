//! Tables, domains, functions, views, materialized views and sources as SQL.

use super::super::parser::readable;
use super::super::pg_catalog::function_definition;
use super::script::{Script, ident, literal, relation};
use crate::catalog::{
    Action, CheckConstraint, Column, Domain, EnumType, Function, KeyConstraint, Object, ObjectId, Source, Table, View,
};
use std::fmt::Write;

impl Script<'_> {
    pub(super) fn enumeration(&self, out: &mut String, of: &EnumType) {
        let labels: Vec<_> = of.labels.iter().map(|(_, label)| literal(label)).collect();
        _ = writeln!(out, "CREATE TYPE {} AS ENUM ({});", relation(&of.schema, &of.name), labels.join(", "));
    }

    pub(super) fn domain(&self, out: &mut String, domain: &Domain) {
        let base = Column { places: domain.places, ..Column::new("", domain.base.clone()) };
        let mut text = format!("CREATE DOMAIN {} AS {}", relation(&domain.schema, &domain.name), base.written_type());
        if let Some(default) = &domain.default {
            text += &format!(" DEFAULT {default}");
        }
        if domain.not_null {
            text += " NOT NULL";
        }
        for check in &domain.checks {
            text += &format!(" CONSTRAINT {} CHECK ({})", ident(&check.name), check.expression);
        }
        _ = writeln!(out, "{text};");
    }

    /// A function with the body that was written for it, or with its query where that says more: names have their schemas there.
    pub(super) fn function(&self, out: &mut String, id: ObjectId, function: &Function) {
        let written = match self.is_as_written(id) {
            true => function_definition(function),
            false => function_definition(&Function { source: readable(&function.query), ..function.clone() }),
        };
        _ = writeln!(out, "{};", written.trim_end());
    }

    /// A table that is no materialized view. What cannot be said of it before functions are there that read relations comes later.
    pub(super) fn table(&self, out: &mut String, table: &Table) {
        let name = relation(&table.schema, &table.name);
        let mut parts: Vec<String> = table.columns.iter().map(|column| self.column(column)).collect();
        for key in table.keys.iter().filter(is_constraint) {
            let kind = match (key.primary, key.nulls_equal) {
                (true, _) => "PRIMARY KEY",
                (false, true) => "UNIQUE NULLS NOT DISTINCT",
                (false, false) => "UNIQUE",
            };
            parts.push(format!("CONSTRAINT {} {kind} ({})", ident(&key.name), columns_of(table, &key.columns)));
        }
        for check in table.checks.iter().filter(|check| !self.comes_later(check)) {
            parts.push(format!("CONSTRAINT {} CHECK ({})", ident(&check.name), check.expression));
        }
        _ = writeln!(out, "CREATE TABLE {name} (\n    {}\n);", parts.join(",\n    "));
        comments(out, "TABLE", table);
        self.kept(out, table);
    }

    /// How rows are kept: before they come, which then are sealed and sorted so at once.
    fn kept(&self, out: &mut String, table: &Table) {
        self.classes(out, table);
        if !table.cluster.is_empty() {
            let (name, columns) = (relation(&table.schema, &table.name), columns_of(table, &table.cluster));
            _ = writeln!(out, "ALTER TABLE {name} CLUSTER BY ({columns});");
        }
    }

    fn column(&self, column: &Column) -> String {
        let domain = column.domain.and_then(|id| self.catalog().domain_by_id(id));
        let data_type = domain.map_or_else(|| column.written_type(), |domain| relation(&domain.schema, &domain.name));
        let mut text = format!("{} {data_type}{}", ident(&column.name), self.numbered(column));
        if column.not_null {
            text += " NOT NULL";
        }
        if let Some(default) = column.default.as_ref().filter(|text| !self.needs.expression_reads(text)) {
            text += &format!(" DEFAULT {default}");
        }
        text
    }

    /// Which columns have a key of their own.
    fn classes(&self, out: &mut String, table: &Table) {
        let name = relation(&table.schema, &table.name);
        for column in &table.columns {
            if let Some(Object::ColumnClass(class)) =
                column.class.and_then(|id| self.catalog().get(id)).map(AsRef::as_ref)
            {
                let (column, class) = (ident(&column.name), ident(&class.name));
                _ = writeln!(out, "ALTER TABLE {name} ALTER COLUMN {column} SET CLASS {class};");
            }
        }
    }

    /// Defaults and conditions of a table that call functions which read relations.
    pub(super) fn table_later(&self, out: &mut String, table: &Table) {
        let name = relation(&table.schema, &table.name);
        for column in &table.columns {
            if let Some(default) = column.default.as_ref().filter(|text| self.needs.expression_reads(text)) {
                _ = writeln!(out, "ALTER TABLE {name} ALTER COLUMN {} SET DEFAULT {default};", ident(&column.name));
            }
        }
        for check in table.checks.iter().filter(|check| self.comes_later(check)) {
            let (constraint, condition) = (ident(&check.name), &check.expression);
            let valid = not_valid(check.not_valid);
            _ = writeln!(out, "ALTER TABLE {name} ADD CONSTRAINT {constraint} CHECK ({condition}){valid};");
        }
    }

    /// Whether a condition calls functions that read relations, or need not hold for the rows that are there.
    fn comes_later(&self, check: &CheckConstraint) -> bool {
        check.not_valid || self.needs.expression_reads(&check.expression)
    }

    pub(super) fn foreign_keys(&self, out: &mut String, table: &Table) {
        for key in &table.foreign_keys {
            let Some(parent) = self.catalog().table_by_id(key.table) else { continue };
            let Some(referred) = parent.keys.iter().find(|of| of.name == key.key) else { continue };
            let mut text = format!(
                "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
                relation(&table.schema, &table.name),
                ident(&key.name),
                columns_of(table, &key.columns),
                relation(&parent.schema, &parent.name),
                columns_of(parent, &referred.columns)
            );
            if key.match_full {
                text += " MATCH FULL";
            }
            for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
                if action != Action::NoAction {
                    text += &format!(" ON {event} {}", action.sql());
                }
            }
            _ = writeln!(out, "{text}{}{};", key.deferral.sql(), not_valid(key.not_valid));
        }
    }

    pub(super) fn view(&self, out: &mut String, view: &View) {
        let name = relation(&view.schema, &view.name);
        let columns = match view.columns.is_empty() {
            true => String::new(),
            false => format!(" ({})", view.columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", ")),
        };
        let barrier = view.barrier.then(|| "security_barrier = true".to_owned());
        let check = view.check.map(|check| format!("check_option = {}", check.word()));
        let options: Vec<String> = barrier.into_iter().chain(check).collect();
        let options = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        _ = writeln!(out, "CREATE VIEW {name}{columns}{options} AS {};", readable(&view.query));
        for (column, default) in &view.defaults {
            _ = writeln!(out, "ALTER VIEW {name} ALTER COLUMN {} SET DEFAULT {default};", ident(column));
        }
        if let Some(comment) = &view.comment {
            _ = writeln!(out, "COMMENT ON VIEW {name} IS {};", literal(comment));
        }
        self.grants(out, &view.grants, &format!("TABLE {name}"));
    }

    /// A materialized view without rows. Where its query may not work at once, its columns are told.
    pub(super) fn materialized(&self, out: &mut String, id: ObjectId, table: &Table) {
        let Some(of) = &table.materialized else { return };
        let name = relation(&table.schema, &table.name);
        let columns = columns_of(table, &(0..table.columns.len()).collect::<Vec<_>>());
        let query = readable(&of.query);
        let told = match self.is_doubtful(id) {
            false => String::new(),
            true => {
                let column = |column: &Column| format!("{} {}", ident(&column.name), column.written_type());
                format!(" AS ({})", table.columns.iter().map(column).collect::<Vec<_>>().join(", "))
            }
        };
        _ = writeln!(out, "CREATE MATERIALIZED VIEW {name} ({columns}) AS {query} WITH NO DATA{told};");
        comments(out, "MATERIALIZED VIEW", table);
        self.kept(out, table);
    }

    pub(super) fn source(&self, out: &mut String, source: &Source) {
        let options: Vec<_> =
            source.options.iter().map(|(name, value)| format!("{} = {}", ident(name), literal(value))).collect();
        let (name, kind) = (ident(&source.name), ident(&source.source_type));
        for secret in source.secrets.keys() {
            _ = writeln!(out, "-- Its {secret} is not told: ALTER SOURCE {name} SET OPTIONS ({secret} = '...');");
        }
        _ = writeln!(out, "CREATE SOURCE {name} TYPE {kind} OPTIONS ({});", options.join(", "));
        self.grants(out, &source.grants, &format!("SOURCE {name}"));
    }
}

/// What was said of a table and its columns.
fn comments(out: &mut String, what: &str, table: &Table) {
    let name = relation(&table.schema, &table.name);
    if let Some(comment) = &table.comment {
        _ = writeln!(out, "COMMENT ON {what} {name} IS {};", literal(comment));
    }
    for column in &table.columns {
        if let Some(comment) = &column.comment {
            _ = writeln!(out, "COMMENT ON COLUMN {name}.{} IS {};", ident(&column.name), literal(comment));
        }
    }
}

/// Whether a key is made with its table.
fn is_constraint(key: &&KeyConstraint) -> bool {
    key.index.is_none()
}

/// Columns of a table, by their positions.
pub(super) fn columns_of(table: &Table, positions: &[usize]) -> String {
    positions.iter().map(|&c| ident(&table.columns[c].name)).collect::<Vec<_>>().join(", ")
}

fn not_valid(constraint: bool) -> &'static str {
    if constraint { " NOT VALID" } else { "" }
}
