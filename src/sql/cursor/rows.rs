//! The rows of a cursor, and where among them it stands.

use super::super::parser::{ALL, Direction};
use super::kept::{Kept, Passed};
use crate::error::{Error, Kind, Result};
use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

/// Whether a cursor goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scroll {
    /// NO SCROLL: never.
    Never,
    /// Nothing was said: as long as it has passed few rows.
    WhileFew,
    /// SCROLL: always.
    Always,
}

/// What FETCH gives once the cursor stands where it gives from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// So many rows on.
    Forward(u64),
    /// So many rows back.
    Backward(u64),
}

/// The rows of a cursor.
pub struct Rows {
    /// What is not read yet.
    source: Option<SendableRecordBatchStream>,
    kept: Kept,
    scroll: Scroll,
    /// Its query has failed.
    broken: bool,
    /// The number of the row that it is on: 0 before the first, one more than there are behind the last.
    at: u64,
}

impl Rows {
    /// Before the first row of `source`.
    pub fn new(source: SendableRecordBatchStream, kept: Kept, scroll: Scroll) -> Self {
        Self { source: Some(source), kept, scroll, broken: false, at: 0 }
    }

    /// Reads all that is left of the source and keeps it.
    pub async fn hold(&mut self) -> Result<()> {
        while self.read_on().await? {
            self.kept.settle(self.at, Passed::PutAside)?;
        }
        Ok(())
    }

    /// Goes to where a FETCH begins, and says what it gives from there. As `DoPortalRunFetch` of PostgreSQL's `pquery.c`.
    pub async fn prepare(&mut self, direction: Direction) -> Result<Option<Way>> {
        match direction {
            Direction::Forward(count) if count < 0 => Box::pin(self.prepare(Direction::Backward(-count))).await,
            Direction::Backward(count) if count < 0 => Box::pin(self.prepare(Direction::Forward(-count))).await,
            // The row that it is on once more.
            Direction::Forward(0) | Direction::Backward(0) | Direction::Relative(0) => {
                if !self.is_on_row() {
                    return Ok(None);
                }
                self.must_go_back()?;
                self.at -= 1;
                Ok(Some(Way::Forward(1)))
            }
            Direction::Forward(count) => Ok(Some(Way::Forward(rows(count)))),
            Direction::Backward(count) => {
                self.must_go_back()?;
                Ok(Some(Way::Backward(rows(count))))
            }
            Direction::Absolute(row) if row > 0 => {
                let row = rows(row);
                match row <= self.at {
                    true => {
                        self.must_go_back()?;
                        self.at = row - 1;
                    }
                    false => self.skip(row - 1 - self.at).await?,
                }
                Ok(Some(Way::Forward(1)))
            }
            Direction::Absolute(0) => {
                if self.at > 0 {
                    self.must_go_back()?;
                }
                self.at = 0;
                Ok(None)
            }
            Direction::Absolute(from_end) => {
                self.must_go_back()?;
                self.skip(u64::MAX).await?;
                self.back_to((self.kept.end() + 1).checked_sub(from_end.unsigned_abs()))
            }
            Direction::Relative(count) if count > 0 => {
                self.skip(rows(count) - 1).await?;
                Ok(Some(Way::Forward(1)))
            }
            Direction::Relative(count) => {
                self.must_go_back()?;
                self.back_to(self.at.checked_sub(count.unsigned_abs()))
            }
        }
    }

    /// Goes behind a row that lies back, which is to be given; before the first if there is no such row.
    fn back_to(&mut self, row: Option<u64>) -> Result<Option<Way>> {
        let row = row.unwrap_or(0);
        self.at = if row == 0 { 0 } else { row + 1 };
        Ok((row > 0).then_some(Way::Backward(1)))
    }

    /// How many rows a FETCH would give; goes where it would go.
    pub async fn pass(&mut self, direction: Direction) -> Result<u64> {
        if matches!(direction, Direction::Forward(0) | Direction::Backward(0) | Direction::Relative(0)) {
            return Ok(u64::from(self.is_on_row()));
        }
        let Some(mut way) = self.prepare(direction).await? else { return Ok(0) };
        let mut passed = 0;
        while let Some(batch) = self.next(&mut way).await? {
            passed += batch.num_rows() as u64;
        }
        Ok(passed)
    }

    /// The next rows of a way, which is shorter by them then.
    pub async fn next(&mut self, way: &mut Way) -> Result<Option<RecordBatch>> {
        let batch = match way {
            Way::Forward(left) => self.forward(*left).await?,
            Way::Backward(left) => self.backward(*left)?,
        };
        let (Way::Forward(left) | Way::Backward(left)) = way;
        *left -= batch.as_ref().map_or(*left, |batch| batch.num_rows() as u64);
        Ok(batch)
    }

    async fn forward(&mut self, most: u64) -> Result<Option<RecordBatch>> {
        if most == 0 {
            return Ok(None);
        }
        let row = self.at + 1;
        while row > self.kept.end() {
            self.settle()?;
            if !self.read_on().await? {
                self.at = self.kept.end() + 1;
                return Ok(None);
            }
        }
        let Some((batch, at)) = self.kept.find(row)? else {
            return Err(Error::internal("a row of a cursor is not there"));
        };
        let rows = most.min((batch.num_rows() - at) as u64);
        self.at += rows;
        self.settle()?;
        Ok(Some(batch.slice(at, rows as usize)))
    }

    fn backward(&mut self, most: u64) -> Result<Option<RecordBatch>> {
        if most == 0 {
            return Ok(None);
        }
        if self.at <= 1 {
            self.at = 0;
            return Ok(None);
        }
        let Some((batch, at)) = self.kept.find(self.at - 1)? else { return Err(only_forward()) };
        let rows = most.min(at as u64 + 1);
        self.at -= rows;
        let places = UInt64Array::from_iter_values((0..rows).map(|n| at as u64 - n));
        Ok(Some(take_record_batch(&batch, &places)?))
    }

    async fn skip(&mut self, rows: u64) -> Result<()> {
        let mut way = Way::Forward(rows);
        while self.next(&mut way).await?.is_some() {}
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        // Row `at` itself is behind it too, once it was given.
        self.kept.settle(
            self.at,
            match self.scroll {
                Scroll::Never => Passed::Forgotten,
                Scroll::WhileFew => Passed::KeptIfFew,
                Scroll::Always => Passed::PutAside,
            },
        )
    }

    /// Reads a batch; says whether there was one.
    async fn read_on(&mut self) -> Result<bool> {
        if self.broken {
            return Err(Error::new(Kind::NotReady, "a cursor whose query has failed cannot be run"));
        }
        let Some(source) = &mut self.source else { return Ok(false) };
        match source.next().await.transpose() {
            Ok(Some(batch)) => {
                self.kept.push(batch);
                return Ok(true);
            }
            Ok(None) => self.source = None,
            Err(error) => {
                (self.source, self.broken) = (None, true);
                return Err(error.into());
            }
        }
        Ok(false)
    }

    fn is_on_row(&self) -> bool {
        self.at > 0 && self.at <= self.kept.end()
    }

    fn must_go_back(&self) -> Result<()> {
        match self.scroll {
            Scroll::Never => Err(only_forward()),
            Scroll::WhileFew if self.kept.first() > 1 => Err(only_forward()),
            _ => Ok(()),
        }
    }
}

/// A count of rows, which ALL is too.
fn rows(count: i64) -> u64 {
    if count == ALL { u64::MAX } else { count.unsigned_abs() }
}

fn only_forward() -> Error {
    Error::new(Kind::NotReady, "cursor can only scan forward")
        .with_hint("Declare it with SCROLL option to enable backward scan.")
}
