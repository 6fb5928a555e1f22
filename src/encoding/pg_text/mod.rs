//! Values as PostgreSQL writes them.
//!
//! A client in text mode, `COPY ... TO` and a cast to `text` must all show the same characters for the same value, so
//! the writing of a value lives here, below everything that shows one. The forms are those of PostgreSQL 15 with its
//! defaults: `t` and `f`, shortest floats that read back alike (`1e+20`), `\x` bytes, ISO dates, UTC for instants with a
//! zone (`+00`), intervals as `1 year 2 mons 3 days 04:05:06`, arrays as `{a,"b c",NULL}`, records as `(1,"x y",)`.
//!
//! [`Column`] looks at an array once and then gives single rows of it as [`Cell`]s, the terms of PostgreSQL's types;
//! [`write_text`] writes one. The binary forms of the wire are made from the same cells. [`cell_text`] is the convenient
//! form for a lone value.
//!
//! What is left out: session settings that change these forms (`DateStyle`, `extra_float_digits`, `bytea_output`), and
//! zones other than UTC.

mod column;
mod number;
mod text;
mod time;

pub use column::{Cell, Column};
pub use number::{digits_of, write_decimal, write_float4, write_float8, write_integer, write_uuid};
pub use text::write_text;
pub use time::{
    is_infinite_date, is_infinite_moment, write_date, write_interval, write_time, write_timestamp, write_timestamptz,
};

use arrow::array::Array;
use arrow::datatypes::Field;

/// Key of the field metadata that names the PostgreSQL type where Arrow's alone does not tell.
pub const TYPE_METADATA: &str = "steward:type";

/// That name of a `numeric` which is kept as the text that shows it.
pub const DIGITS_MARK: &str = "digits";

/// The text of one value; `None` for NULL and for a row that is not there.
pub fn cell_text(array: &dyn Array, row: usize) -> Option<String> {
    cell_text_of(&Field::new("value", array.data_type().clone(), true), array, row)
}

/// As [`cell_text`], of a column whose field tells what Arrow's type does not: a vector is `[1,2]`, and no array.
pub fn cell_text_of(field: &Field, array: &dyn Array, row: usize) -> Option<String> {
    if row >= array.len() {
        return None;
    }
    let column = Column::new(field, array);
    let mut text = Vec::new();
    write_text(&column.cell(row)?, &mut text);
    // Every writer puts UTF-8: strings come from Arrow's checked arrays, all else is ASCII.
    Some(String::from_utf8_lossy(&text).into_owned())
}
