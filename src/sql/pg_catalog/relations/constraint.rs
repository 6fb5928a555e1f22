//! pg_constraint: keys, foreign keys, checks.

use super::super::entry::What;
use super::super::facts::Facts;
use super::super::oids::{self, ClassPart, ConstraintPart};
use super::rows::Rows;
use super::types;
use crate::catalog::{Action, CheckConstraint, Deferral, ForeignKey, KeyConstraint, ObjectId, Table};

/// A constraint of a table.
pub struct Constraint<'a> {
    /// Its OID.
    pub oid: u32,
    /// Its name.
    pub name: &'a str,
    /// Its table's id.
    pub table_id: ObjectId,
    /// Its table.
    pub table: &'a Table,
    /// What it says.
    pub kind: Kind<'a>,
}

/// What a constraint says.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// A primary key or unique constraint, and its place among them.
    Key(&'a KeyConstraint, usize),
    /// A foreign key.
    Foreign(&'a ForeignKey),
    /// A condition.
    Check(&'a CheckConstraint),
}

impl Constraint<'_> {
    /// `contype`
    pub fn letter(&self) -> &'static str {
        match self.kind {
            Kind::Key(key, _) if key.primary => "p",
            Kind::Key(..) => "u",
            Kind::Foreign(_) => "f",
            Kind::Check(_) => "c",
        }
    }

    /// When it is looked at.
    pub fn deferral(&self) -> Deferral {
        match self.kind {
            Kind::Foreign(key) => key.deferral,
            Kind::Key(..) | Kind::Check(_) => Deferral::Never,
        }
    }

    /// Whether all rows are known to fulfil it.
    pub fn is_valid(&self) -> bool {
        match self.kind {
            Kind::Key(..) => true,
            Kind::Foreign(key) => !key.not_valid,
            Kind::Check(check) => !check.not_valid,
        }
    }

    /// Positions of its columns; of a condition those that it names.
    pub fn columns(&self) -> Vec<usize> {
        match self.kind {
            Kind::Key(key, _) => key.columns.clone(),
            Kind::Foreign(key) => key.columns.clone(),
            Kind::Check(check) => {
                let words: Vec<&str> = check.expression.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
                let columns = self.table.columns.iter().enumerate();
                columns.filter(|(_, column)| words.contains(&column.name.as_str())).map(|(at, _)| at).collect()
            }
        }
    }
}

/// The constraints of one table.
pub fn constraints_of(id: ObjectId, table: &Table) -> Vec<Constraint<'_>> {
    let one = |part, name, kind| {
        let oid = oids::constraint(id, part)?;
        Some(Constraint { oid, name, table_id: id, table, kind })
    };
    let keys = table
        .keys
        .iter()
        .enumerate()
        .filter(|(_, key)| key.index.is_none())
        .filter_map(|(at, key)| one(ConstraintPart::Key(at), key.name.as_str(), Kind::Key(key, at)));
    let foreign = table
        .foreign_keys
        .iter()
        .enumerate()
        .filter_map(|(at, key)| one(ConstraintPart::Foreign(at), key.name.as_str(), Kind::Foreign(key)));
    let checks = table
        .checks
        .iter()
        .enumerate()
        .filter_map(|(at, check)| one(ConstraintPart::Check(at), check.name.as_str(), Kind::Check(check)));
    keys.chain(foreign).chain(checks).collect()
}

/// The constraints that the role is shown.
pub fn constraints(facts: &Facts) -> Vec<Constraint<'_>> {
    let entries = facts.entries().into_iter();
    let tables = entries.filter_map(|entry| match entry.what {
        What::Table(id, table) => Some(constraints_of(id, table)),
        _ => None,
    });
    tables.flatten().collect()
}

fn action(action: Action) -> &'static str {
    match action {
        Action::NoAction => "a",
        Action::Restrict => "r",
        Action::Cascade => "c",
        Action::SetNull => "n",
        Action::SetDefault => "d",
    }
}

/// PostgreSQL's number of `=` between two values of a type.
fn equality(type_oid: u32) -> u32 {
    match type_oid {
        16 => 91,
        17 => 1955,
        20 => 410,
        21 => 94,
        23 => 96,
        25 | 1043 => 98,
        700 => 620,
        701 => 670,
        1042 => 1054,
        1082 => 1093,
        1083 => 1108,
        1114 => 2060,
        1184 => 1320,
        1186 => 1330,
        1700 => 1752,
        2950 => 2972,
        3802 => 3240,
        _ => 1070,
    }
}

fn numbers(columns: &[usize]) -> Vec<usize> {
    columns.iter().map(|at| at + 1).collect()
}

/// pg_constraint
pub fn rows(facts: &Facts, rows: &mut Rows) {
    for constraint in constraints(facts) {
        let letter = constraint.letter();
        let mut cells = vec![
            ("oid", constraint.oid.into()),
            ("conname", constraint.name.into()),
            ("connamespace", facts.schema_oid(&constraint.table.schema).unwrap_or(0).into()),
            ("contype", letter.into()),
            ("condeferrable", constraint.deferral().is_deferrable().into()),
            ("condeferred", constraint.deferral().is_deferred().into()),
            ("convalidated", constraint.is_valid().into()),
            ("conrelid", oids::of(constraint.table_id).into()),
            ("conislocal", true.into()),
            ("connoinherit", (letter != "c").into()),
            ("conkey", numbers(&constraint.columns()).into()),
        ];
        match constraint.kind {
            Kind::Key(_, at) => {
                cells.push(("conindid", oids::class_part(constraint.table_id, ClassPart::Key(at)).unwrap_or(0).into()));
            }
            Kind::Foreign(key) => {
                let other = facts.catalog().table_by_id(key.table);
                let place = other.and_then(|table| table.keys.iter().position(|other| other.name == key.key));
                let index = place.and_then(|at| oids::class_part(key.table, ClassPart::Key(at)));
                let columns = place.and_then(|at| Some(numbers(&other?.keys[at].columns)));
                let referring = key.columns.iter().map(|at| &constraint.table.columns[*at].data_type);
                let equals: Vec<u32> = referring.map(|data_type| equality(types::of_column(data_type).0)).collect();
                cells.push(("conindid", index.unwrap_or(0).into()));
                cells.push(("confrelid", oids::of(key.table).into()));
                cells.push(("confupdtype", action(key.on_update).into()));
                cells.push(("confdeltype", action(key.on_delete).into()));
                cells.push(("confmatchtype", if key.match_full { "f" } else { "s" }.into()));
                cells.push(("confkey", columns.into()));
                cells.push(("conpfeqop", equals.clone().into()));
                cells.push(("conppeqop", equals.clone().into()));
                cells.push(("conffeqop", equals.into()));
            }
            Kind::Check(check) => cells.push(("conbin", check.expression.as_str().into())),
        }
        if letter != "f" {
            cells.extend([("confupdtype", " ".into()), ("confdeltype", " ".into()), ("confmatchtype", " ".into())]);
        }
        rows.add(&cells);
    }
    super::domain::constraints(facts, rows);
}
