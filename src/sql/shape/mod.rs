//! Statements that differ in their constants only: planned once.
//!
//! Many clients write the values that they mean into the text, so that each text is new, and to parse and plan it takes a hundred
//! times as long as to run it. The *shape* of a text is what is left of it when its constants are taken out ([`text`]). When a
//! session sends one for the second time, the statement is prepared with parameters in their places, where that
//! means the same ([`open`]); from then on texts of this shape run as that prepared statement does, with what is kept
//! of it under the same terms ([`super::kept_plan`]). A shape for which nothing is kept is not looked at again. Where a constant
//! cannot be taken out (`SELECT 1`), each text is one of its own.

mod open;
mod text;

use super::parameters::as_parameter;
use super::parser::{Body, Statement};
use super::prepared::Prepared;
use super::session::{Outcome, Session, Status};
use crate::catalog::SqlType;
use crate::config::SHAPES_MAX;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast;
use std::collections::HashMap;
use std::sync::Arc;
use text::{Constant, Cut};

/// What a session knows of the shapes that it has sent.
pub type Shapes = HashMap<String, Known>;

/// What is known of a shape.
#[derive(Debug, Clone)]
pub enum Known {
    /// It was sent once.
    Once,
    /// There is nothing to be had from it as long as the catalogue, which lies there, is what it is.
    Never(usize),
    /// Texts of it run as this does.
    As(Arc<Prepared>),
    /// Its constants mean more than their values: its texts are known one by one.
    Apart,
}

/// A text of a known shape, ready to run.
#[derive(Debug)]
pub struct Recalled {
    prepared: Arc<Prepared>,
    values: Vec<ScalarValue>,
    shape: String,
    text: String,
}

impl Session {
    /// The statement that a text is, if its shape is known.
    pub fn recall(&self, sql: &str) -> Option<Recalled> {
        if self.shapes.is_empty() {
            return None;
        }
        let Cut { shape, constants } = text::cut(sql)?;
        let (prepared, shape, values) = match self.shapes.get(&shape)? {
            Known::As(prepared) => (prepared, shape, constants.iter().map(Constant::value).collect()),
            Known::Apart => {
                let apart = apart(sql);
                let Known::As(prepared) = self.shapes.get(&apart)? else { return None };
                (prepared, apart, Vec::new())
            }
            Known::Once | Known::Never(_) => return None,
        };
        Some(Recalled { prepared: prepared.clone(), values, shape, text: sql.to_owned() })
    }

    /// Runs what was recalled, as [`Self::execute`] does. Where something is wrong with it, the text itself is run: it knows
    /// where.
    pub async fn execute_recalled(&mut self, recalled: &Recalled) -> Result<Outcome> {
        self.text = Some(recalled.text.trim_end().trim_end_matches(';').to_owned());
        let outcome = Box::pin(self.execute_prepared(&recalled.prepared, recalled.values.clone())).await;
        self.text = None;
        match outcome {
            Err(error) if is_of_text(&error) => {
                self.shapes.remove(&recalled.shape);
                let statements = self.parse(&recalled.text)?;
                let [statement] = statements.as_slice() else { return Err(error) };
                Box::pin(self.execute_as_written(statement)).await
            }
            outcome => outcome,
        }
    }

    /// Learns the shape of a statement that comes without parameters; gives the statement ready to run if it is to run so.
    pub(super) async fn learn(&mut self, statement: &Statement) -> Option<Recalled> {
        let Body::Sql(sql) = &statement.body else { return None };
        if !open::may_be_open(sql) || self.status() == Status::Failed {
            return None;
        }
        let Cut { shape, constants } = text::cut(&statement.text)?;
        let catalog = Arc::as_ptr(&self.database.manager.current().catalog) as usize;
        let (shape, constants, whole) = match self.shapes.get(&shape) {
            Some(Known::Apart) => (apart(&statement.text), Vec::new(), true),
            _ => (shape, constants, false),
        };
        let prepared = match self.shapes.get(&shape) {
            None => {
                self.make_room_for_shape();
                self.shapes.insert(shape, Known::Once);
                return None;
            }
            Some(Known::Never(seen)) if *seen == catalog => return None,
            Some(Known::Apart) => return None,
            Some(Known::As(prepared)) if prepared.keeps_nothing() => None,
            Some(Known::As(prepared)) => Some(prepared.clone()),
            Some(Known::Once | Known::Never(_)) => {
                let opened = match whole {
                    true => Some(sql.as_ref().clone()),
                    false => open::open(sql, &constants),
                };
                let Some(opened) = opened else {
                    self.make_room_for_shape();
                    self.shapes.insert(shape, Known::Apart);
                    self.shapes.insert(apart(&statement.text), Known::Once);
                    return None;
                };
                let prepared = Box::pin(self.opened(statement, opened, &constants)).await.map(Arc::new);
                if let Some(prepared) = &prepared {
                    self.shapes.insert(shape.clone(), Known::As(prepared.clone()));
                }
                prepared
            }
        };
        let Some(prepared) = prepared else {
            self.shapes.insert(shape, Known::Never(catalog));
            return None;
        };
        let values = constants.iter().map(Constant::value).collect();
        Some(Recalled { prepared, values, shape, text: statement.text.clone() })
    }

    /// How many shapes run as prepared statements.
    #[cfg(test)]
    pub(super) fn shapes_known(&self) -> usize {
        self.shapes.values().filter(|known| matches!(known, Known::As(_))).count()
    }

    /// Forgets shapes when there are too many: first those that run no faster.
    fn make_room_for_shape(&mut self) {
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes.retain(|_, known| matches!(known, Known::As(_)));
        }
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes.clear();
        }
    }

    /// The statement with parameters in the place of its constants.
    async fn opened(
        &mut self,
        statement: &Statement,
        opened: ast::Statement,
        constants: &[Constant],
    ) -> Option<Prepared> {
        let body = Body::Sql(Box::new(opened));
        let statement = Statement { body, text: statement.text.clone(), offset: statement.offset };
        let declared: Vec<Option<Field>> = constants.iter().enumerate().map(|(n, c)| c.field(n + 1)).collect();
        Box::pin(self.described(Some(statement), &declared, false)).await.ok()
    }
}

/// A text as it is known apart, which no shape is.
fn apart(sql: &str) -> String {
    format!("\u{1}{}", sql.trim().trim_end_matches(';').trim_end())
}

impl Constant {
    /// Its value, as a parameter's.
    fn value(&self) -> ScalarValue {
        match self {
            Self::Int4(number) => ScalarValue::Int32(Some(*number)),
            Self::Int8(number) => ScalarValue::Int64(Some(*number)),
            Self::Text(text) => ScalarValue::Utf8(Some(text.clone())),
        }
    }

    /// Its type, if it has one of its own.
    fn field(&self, number: usize) -> Option<Field> {
        match self {
            Self::Int4(_) => Some(as_parameter(&SqlType::Int4, number)),
            Self::Int8(_) => Some(as_parameter(&SqlType::Int8, number)),
            Self::Text(_) => None,
        }
    }
}

/// Whether an error is of what is written, and met before anything is done: the text should say it itself. Others end the statement.
fn is_of_text(error: &Error) -> bool {
    error.position().is_some()
        || matches!(
            error.kind(),
            Kind::Syntax
                | Kind::UndefinedTable
                | Kind::UndefinedColumn
                | Kind::UndefinedFunction
                | Kind::UndefinedObject
                | Kind::UndefinedSchema
                | Kind::AmbiguousColumn
                | Kind::DatatypeMismatch
                | Kind::IndeterminateType
                | Kind::CannotCoerce
                | Kind::WrongObject
                | Kind::GeneratedAlways
                | Kind::InvalidText
                | Kind::InvalidDatetime
                | Kind::DatetimeOutOfRange
                | Kind::NumericOutOfRange
                | Kind::Privilege
                | Kind::Unsupported
        )
}
