//! Statements that differ in their constants only: planned once.
//!
//! Many clients write the values that they mean into the text, so that each text is new, and to parse and plan it takes a hundred
//! times as long as to run it. The *shape* of a text is what is left of it when its constants are taken out ([`text`]). When a
//! session sends one for the second time, the statement is prepared with parameters in their places, where that
//! means the same ([`open`]); from then on texts of this shape run as that prepared statement does, with what is kept
//! of it under the same terms ([`super::kept_plan`]), until the catalogue is another one: constants have the types of the columns that
//! they meet. A shape for which nothing is kept is not looked at again. Where a constant cannot be taken out (`SELECT 1`), each text is one
//! of its own.

mod open;
mod text;

use super::parameters::as_parameter;
use super::parser::{Body, Statement};
use super::prepared::Prepared;
use super::session::{Outcome, Session, Status};
use crate::catalog::{Catalog, SqlType};
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
    As(Arc<Learned>),
    /// Its constants mean more than their values: its texts are known one by one.
    Apart,
}

/// What texts of a shape run as, and what its constants had their types from: of other columns they would be other values.
#[derive(Debug)]
pub struct Learned {
    prepared: Prepared,
    catalog: Arc<Catalog>,
    search_path: String,
}

/// A text of a known shape, ready to run.
#[derive(Debug)]
pub struct Recalled {
    learned: Arc<Learned>,
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
        let (learned, shape, values) = match self.shapes.get(&shape)? {
            Known::As(learned) => (learned, shape, constants.iter().map(Constant::value).collect()),
            Known::Apart => {
                let apart = apart(sql);
                let Known::As(learned) = self.shapes.get(&apart)? else { return None };
                (learned, apart, Vec::new())
            }
            Known::Once | Known::Never(_) => return None,
        };
        Some(Recalled { learned: learned.clone(), values, shape, text: sql.to_owned() })
    }

    /// Runs what was recalled, as [`Self::execute`] does. Where something is wrong with it, the text itself is run: it knows
    /// where.
    pub async fn execute_recalled(&mut self, recalled: &Recalled) -> Result<Outcome> {
        if !self.still_means(&recalled.learned)? {
            self.shapes.insert(recalled.shape.clone(), Known::Once);
            return self.execute_text(&recalled.text).await;
        }
        self.text = Some(recalled.text.trim_end().trim_end_matches(';').to_owned());
        let outcome = Box::pin(self.run_prepared(&recalled.learned.prepared, recalled.values.clone())).await;
        self.text = None;
        match outcome {
            Err(error) if is_of_text(&error) => {
                self.shapes.remove(&recalled.shape);
                self.execute_text(&recalled.text).await
            }
            outcome => outcome,
        }
    }

    /// Whether a shape means on the catalogue that its next statement sees what it meant on the one that it was learned on.
    fn still_means(&mut self, learned: &Learned) -> Result<bool> {
        // Of a broken block only the end is heard.
        if self.status() == Status::Failed {
            return Ok(true);
        }
        self.begin_implicit();
        let Some(txn) = &mut self.txn else { return Ok(false) };
        self.database.manager.begin_statement(txn)?;
        let same = Arc::ptr_eq(&txn.snapshot().catalog, &learned.catalog);
        Ok(same && self.settings.get("search_path")? == learned.search_path)
    }

    /// Runs a text of one statement as it is written.
    async fn execute_text(&mut self, text: &str) -> Result<Outcome> {
        let statements = self.parse(text)?;
        let [statement] = statements.as_slice() else { return Err(Error::internal("one statement is not one")) };
        Box::pin(self.execute_as_written(statement)).await
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
        let learned = match self.shapes.get(&shape) {
            None => {
                self.make_room_for_shape();
                self.shapes.insert(shape, Known::Once);
                return None;
            }
            Some(Known::Never(seen)) if *seen == catalog => return None,
            Some(Known::Apart) => return None,
            Some(Known::As(learned)) if learned.prepared.keeps_nothing() => None,
            Some(Known::As(learned)) => Some(learned.clone()),
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
                let learned = Box::pin(self.opened(statement, opened, &constants)).await.map(Arc::new);
                if let Some(learned) = &learned {
                    self.shapes.insert(shape.clone(), Known::As(learned.clone()));
                }
                learned
            }
        };
        let Some(learned) = learned else {
            self.shapes.insert(shape, Known::Never(catalog));
            return None;
        };
        let values = constants.iter().map(Constant::value).collect();
        Some(Recalled { learned, values, shape, text: statement.text.clone() })
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
    ) -> Option<Learned> {
        let catalog = match &self.txn {
            Some(txn) => txn.snapshot().catalog.clone(),
            None => self.database.manager.current().catalog.clone(),
        };
        let search_path = self.settings.get("search_path").ok()?.to_owned();
        let body = Body::Sql(Box::new(opened));
        let statement = Statement { body, text: statement.text.clone(), offset: statement.offset };
        let declared: Vec<Option<Field>> = constants.iter().enumerate().map(|(n, c)| c.field(n + 1)).collect();
        let prepared = Box::pin(self.described(Some(statement), &declared, false)).await.ok()?;
        Some(Learned { prepared, catalog, search_path })
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
