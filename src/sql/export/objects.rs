//! Sequences, indexes and comments as SQL.

use super::super::quality::definition;
use super::script::{Script, ident, literal, relation};
use crate::catalog::{Column, Comment, Index, IndexPart, Object, Order, PlainIndex, QualityRule, Sequence, Table};
use std::fmt::Write;

/// What CREATE SEQUENCE says behind the name, and an identity column between its parentheses.
fn options(sequence: &Sequence) -> String {
    format!(
        "INCREMENT BY {} MINVALUE {} MAXVALUE {} START WITH {} CACHE {} {}",
        sequence.increment,
        sequence.min,
        sequence.max,
        sequence.start,
        sequence.cache,
        if sequence.cycle { "CYCLE" } else { "NO CYCLE" }
    )
}

impl Script<'_> {
    /// A sequence that is no identity column's.
    pub(super) fn sequence(&self, out: &mut String, sequence: &Sequence) {
        if !sequence.identity {
            let (name, data_type) = (relation(&sequence.schema, &sequence.name), &sequence.data_type);
            _ = writeln!(out, "CREATE SEQUENCE {name} AS {data_type} {};", options(sequence));
        }
    }

    /// To which column a sequence belongs, and who may count it.
    pub(super) fn sequence_owned(&self, out: &mut String, sequence: &Sequence) {
        let name = relation(&sequence.schema, &sequence.name);
        if let Some((table, column)) = sequence.owned_by.as_ref().filter(|_| !sequence.identity)
            && let Some(table) = self.catalog().table_by_id(*table)
        {
            let table = relation(&table.schema, &table.name);
            _ = writeln!(out, "ALTER SEQUENCE {name} OWNED BY {table}.{};", ident(column));
        }
        self.grants(out, &sequence.grants, &format!("SEQUENCE {name}"));
    }

    /// How a column gets its values by itself.
    pub(super) fn numbered(&self, column: &Column) -> String {
        if let Some(expression) = &column.generated {
            return format!(" GENERATED ALWAYS AS ({expression}) STORED");
        }
        let Some(sequence) = column.sequence.and_then(|id| self.catalog().sequence_by_id(id)) else {
            return String::new();
        };
        let name = relation(&sequence.schema, &sequence.name);
        match column.identity {
            false => format!(" DEFAULT nextval({})", literal(&name)),
            true => {
                let when = if column.always { "ALWAYS" } else { "BY DEFAULT" };
                format!(" GENERATED {when} AS IDENTITY (SEQUENCE NAME {name} {})", options(sequence))
            }
        }
    }

    /// The indexes of a table that are no constraints and no text indexes.
    pub(super) fn unique_indexes(&self, out: &mut String, table: &Table) {
        for key in &table.keys {
            let Some(index) = &key.index else { continue };
            let columns = key.columns.iter().enumerate().map(|(n, at)| {
                let order = index.orders.get(n).cloned().unwrap_or_default();
                ident(&table.columns[*at].name) + &ordered(&order)
            });
            let name = (ident(&key.name), relation(&table.schema, &table.name));
            let columns = columns.collect::<Vec<_>>().join(", ");
            let nulls = if key.nulls_equal { " NULLS NOT DISTINCT" } else { "" };
            let include = included(&index.include);
            _ = writeln!(out, "CREATE UNIQUE INDEX {} ON {} ({columns}){include}{nulls};", name.0, name.1);
        }
    }

    /// A plain index.
    pub(super) fn plain_index(&self, out: &mut String, index: &PlainIndex) {
        let Some(table) = self.catalog().table_by_id(index.table) else { return };
        let parts = index.parts.iter().map(|(part, order)| match part {
            IndexPart::Column(name) => ident(name) + &ordered(order),
            IndexPart::Expression(text) => format!("({text}){}", ordered(order)),
        });
        let name = (ident(&index.name), relation(&table.schema, &table.name));
        let (parts, include) = (parts.collect::<Vec<_>>().join(", "), included(&index.include));
        let predicate = index.predicate.as_ref().map_or_else(String::new, |text| format!(" WHERE {text}"));
        let method = &index.method;
        _ = writeln!(out, "CREATE INDEX {} ON {} USING {method} ({parts}){include}{predicate};", name.0, name.1);
    }

    /// A text index.
    pub(super) fn index(&self, out: &mut String, index: &Index) {
        let Some(table) = self.catalog().table_by_id(index.table) else { return };
        let columns: Vec<_> = index.columns.iter().map(|column| ident(column)).collect();
        _ = writeln!(
            out,
            "CREATE INDEX {} ON {} USING steward ({}) WITH (key_field = {});",
            ident(&index.name),
            relation(&table.schema, &table.name),
            columns.join(", "),
            literal(&index.key_field)
        );
    }

    /// Whose rows a quarantine has.
    pub(super) fn quarantine(&self, out: &mut String, table: &Table) {
        if let Some(of) = table.quarantine_of.and_then(|of| self.catalog().table_by_id(of)) {
            let (name, of) = (relation(&table.schema, &table.name), relation(&of.schema, &of.name));
            _ = writeln!(out, "ALTER TABLE {name} SET QUARANTINE OF {of};");
        }
    }

    /// Whose repairs a table keeps, and what its rows call the columns by.
    pub(super) fn repairs(&self, out: &mut String, table: &Table) {
        let Some(repairs) = &table.repairs_of else { return };
        if let Some(of) = self.catalog().table_by_id(repairs.table) {
            let (name, of) = (relation(&table.schema, &table.name), relation(&of.schema, &of.name));
            let columns = repairs.columns.iter().map(|column| match column {
                Some(column) => ident(column),
                None => "NULL".to_owned(),
            });
            let columns = columns.collect::<Vec<_>>().join(", ");
            _ = writeln!(out, "ALTER TABLE {name} SET REPAIRS OF {of} ({columns});");
        }
    }

    /// A quality rule, and that it is off.
    pub(super) fn quality_rule(&self, out: &mut String, rule: &QualityRule) {
        let of = match self.catalog().get(rule.relation).map(AsRef::as_ref) {
            Some(Object::Table(table)) => relation(&table.schema, &table.name),
            Some(Object::View(view)) => relation(&view.schema, &view.name),
            _ => return,
        };
        let columns = match rule.columns.is_empty() {
            true => String::new(),
            false => format!(" ({})", rule.columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", ")),
        };
        let name = ident(&rule.name);
        _ = writeln!(out, "CREATE QUALITY RULE {name} ON {of}{columns} {};", definition(rule, self.catalog()));
        if rule.disabled {
            _ = writeln!(out, "ALTER QUALITY RULE {name} ON {of} DISABLE;");
        }
    }

    /// What COMMENT ON said; nothing if what it was said of is not written.
    pub(super) fn comment(&self, comment: &Comment) -> Option<String> {
        let text = literal(&comment.text);
        // The database has no object.
        if comment.object == 0 {
            return Some(format!("COMMENT ON DATABASE {} IS {text};\n", ident(self.database())));
        }
        let on = match (self.catalog().get(comment.object)?.as_ref(), comment.part.split_once('\0')) {
            (Object::Table(o), Some(("constraint", name))) => {
                format!("CONSTRAINT {} ON {}", ident(name), relation(&o.schema, &o.name))
            }
            (Object::Table(o), Some((_, name))) => format!("INDEX {}", relation(&o.schema, name)),
            (Object::View(o), Some((_, name))) => format!("COLUMN {}.{}", relation(&o.schema, &o.name), ident(name)),
            (Object::Index(o), _) => format!("INDEX {}", relation(&o.schema, &o.name)),
            (Object::PlainIndex(o), _) => format!("INDEX {}", relation(&o.schema, &o.name)),
            (Object::Sequence(o), _) => format!("SEQUENCE {}", relation(&o.schema, &o.name)),
            (Object::Domain(o), _) => format!("DOMAIN {}", relation(&o.schema, &o.name)),
            (Object::Enum(o), _) => format!("TYPE {}", relation(&o.schema, &o.name)),
            (Object::Schema(o), _) => format!("SCHEMA {}", ident(&o.name)),
            (Object::Role(o), _) => format!("ROLE {}", ident(&o.name)),
            (Object::Model(o), _) => {
                self.versions_of(comment.object)?;
                format!("MODEL {}", ident(&o.name))
            }
            (Object::Source(o), _) => format!("SOURCE {}", ident(&o.name)),
            (Object::MaskingPolicy(o), _) => format!("MASKING POLICY {}", ident(&o.name)),
            (Object::RowPolicy(o), _) => {
                let table = self.catalog().table_by_id(o.table)?;
                format!("POLICY {} ON {}", ident(&o.name), relation(&table.schema, &table.name))
            }
            // These say it of themselves, or COMMENT ON knows them not.
            (
                Object::Table(_)
                | Object::View(_)
                | Object::Tag(_)
                | Object::Function(_)
                | Object::ColumnClass(_)
                | Object::Finding(_)
                | Object::QualityRule(_)
                | Object::QualityRun(_)
                | Object::Classifier(_)
                | Object::Erasure(_)
                | Object::Job(_)
                | Object::Grading(_)
                | Object::InventoryRun(_)
                | Object::AssetState(_)
                | Object::Comment(_),
                _,
            ) => return None,
        };
        Some(format!("COMMENT ON {on} IS {text};\n"))
    }
}

fn included(names: &[String]) -> String {
    match names.is_empty() {
        true => String::new(),
        false => format!(" INCLUDE ({})", names.iter().map(|name| ident(name)).collect::<Vec<_>>().join(", ")),
    }
}

fn ordered(order: &Order) -> String {
    let class = order.class.as_ref().map_or_else(String::new, |class| format!(" {}", ident(class)));
    let direction = if order.descending { " DESC" } else { "" };
    let nulls = match (order.descending, order.nulls_first) {
        (true, false) => " NULLS LAST",
        (false, true) => " NULLS FIRST",
        _ => "",
    };
    format!("{class}{direction}{nulls}")
}
