//! Rows as psql shows them: aligned, with a header, a rule and `(n rows)`.
//!
//! ```text
//!  code |  name_zh  | in_cny
//! ------+-----------+--------
//!  GBP  | 英镑      | 9.2000
//!  EUR  | two      +| 7.8000
//!       | lines     |
//! (2 rows)
//! ```
//!
//! Headers stand in the middle, numbers to the right, everything else to the left without blanks at the end of the line.
//! A value of several lines goes on below, with `+` where its line breaks. NULL is blank. Control characters are written
//! out, so that no value can play with the terminal.

use super::width;
use crate::encoding::pg_text::{Column, write_text};
use crate::server::types::{oid, type_oid};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

/// A line of a cell, and how many columns it takes.
type Line = (String, usize);

/// The rows of one result, gathered: the widths are known only when all are.
#[derive(Debug)]
pub struct Table {
    schema: SchemaRef,
    headers: Vec<Vec<Line>>,
    right: Vec<bool>,
    rows: Vec<Vec<Vec<Line>>>,
}

impl Table {
    /// An empty result with these columns.
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            headers: schema.fields().iter().map(|field| lines(field.name())).collect(),
            right: numbers(&schema),
            rows: Vec::new(),
            schema,
        }
    }

    /// Adds rows.
    pub fn push(&mut self, batch: &RecordBatch) {
        let fields = self.schema.fields().iter();
        let columns: Vec<Column<'_>> =
            batch.columns().iter().zip(fields).map(|(array, field)| Column::new(field, array)).collect();
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| {
                column.cell(row).map_or_else(Vec::new, |cell| {
                    let mut text = Vec::new();
                    write_text(&cell, &mut text);
                    lines(&String::from_utf8_lossy(&text))
                })
            });
            self.rows.push(cells.collect());
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Everything as psql shows it, up to and with the empty line at the end.
    pub fn to_text(&self) -> String {
        let widths: Vec<usize> = (0..self.headers.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column)).chain(self.headers.get(column));
                cells.flatten().map(|(_, width)| *width).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        self.header(&widths, &mut out);
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        // psql draws a short rule even where a result has no columns.
        out.push_str(&if rule.is_empty() { "--".to_owned() } else { rule.join("+") });
        out.push('\n');
        // Without columns only the count of the rows is left.
        if !widths.is_empty() {
            self.rows.iter().for_each(|row| self.row(row, &widths, &mut out));
        }
        match self.rows.len() {
            1 => out.push_str("(1 row)\n\n"),
            n => out.push_str(&format!("({n} rows)\n\n")),
        }
        out
    }

    fn header(&self, widths: &[usize], out: &mut String) {
        let height = self.headers.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            for (column, (cell, width)) in self.headers.iter().zip(widths).enumerate() {
                out.push_str(if column > 0 { "| " } else { " " });
                let (text, taken) = line(cell, at);
                let blank = width.saturating_sub(taken);
                blanks(out, blank / 2);
                out.push_str(text);
                blanks(out, blank.div_ceil(2));
                out.push(if at + 1 < cell.len() { '+' } else { ' ' });
            }
            out.push('\n');
        }
    }

    fn row(&self, row: &[Vec<Line>], widths: &[usize], out: &mut String) {
        let height = row.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let last = widths.len() - 1;
        for at in 0..height {
            for (column, ((cell, width), right)) in row.iter().zip(widths).zip(&self.right).enumerate() {
                out.push_str(if column > 0 { "| " } else { " " });
                let (text, taken) = line(cell, at);
                let blank = width.saturating_sub(taken);
                let goes_on = at + 1 < cell.len();
                // Below the end of a cell nothing is aligned any more; at the end of a line nothing is filled up.
                let there = at < cell.len().max(1);
                if *right && there {
                    blanks(out, blank);
                }
                out.push_str(text);
                if (!*right || !there) && (column < last || goes_on) {
                    blanks(out, blank);
                }
                if goes_on {
                    out.push('+');
                } else if column < last {
                    out.push(' ');
                }
            }
            out.push('\n');
        }
    }
}

/// Which columns hold numbers.
fn numbers(schema: &Schema) -> Vec<bool> {
    let number = |type_oid| {
        use oid::*;
        matches!(type_oid, INT2 | INT4 | INT8 | FLOAT4 | FLOAT8 | NUMERIC | OID | XID | CID)
    };
    schema.fields().iter().map(|field| number(type_oid(field))).collect()
}

/// The n-th line of a cell.
fn line(cell: &[Line], at: usize) -> (&str, usize) {
    cell.get(at).map_or(("", 0), |(text, width)| (text.as_str(), *width))
}

fn blanks(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// A value's lines, with control characters written out and tabs as blanks.
fn lines(text: &str) -> Vec<Line> {
    if !text.chars().any(char::is_control) {
        return vec![(text.to_owned(), width::of(text))];
    }
    let line = |text: &str| {
        let (mut shown, mut taken) = (String::new(), 0);
        for c in text.chars() {
            match c {
                '\t' => {
                    let fill = 8 - taken % 8;
                    blanks(&mut shown, fill);
                    taken += fill;
                }
                '\r' => {
                    shown.push_str("\\r");
                    taken += 2;
                }
                c if c.is_control() => {
                    let code = u32::from(c);
                    let name = if code < 0x80 { format!("\\x{code:02X}") } else { format!("\\u{code:04X}") };
                    taken += name.len();
                    shown.push_str(&name);
                }
                c => {
                    taken += width::of_char(c);
                    shown.push(c);
                }
            }
        }
        (shown, taken)
    };
    text.split('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, Int32Array, StringArray};
    use arrow::datatypes::Schema;
    use std::sync::Arc;

    fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        let mut table = Table::new(batch.schema());
        table.push(&batch);
        table
    }

    #[test]
    fn rows_look_as_in_psql() {
        let table = table(vec![
            ("id", Arc::new(Int32Array::from(vec![Some(1), None, Some(300)]))),
            ("名称", Arc::new(StringArray::from(vec![Some("保温杯"), Some("tea"), None]))),
            ("share", Arc::new(Float64Array::from(vec![Some(0.5), None, Some(12.25)]))),
        ]);
        // As psql 15 shows: select * from (values (1,'保温杯',0.5::float8),(null,'tea',null),(300,null,12.25)) v(...)
        let expected = [
            " id  |  名称  | share ",
            "-----+--------+-------",
            "   1 | 保温杯 |   0.5",
            "     | tea    |      ",
            " 300 |        | 12.25",
            "(3 rows)",
            "",
            "",
        ];
        assert_eq!(table.to_text(), expected.join("\n"));
    }

    #[test]
    fn values_of_several_lines_go_on_below() {
        let table = table(vec![
            ("a", Arc::new(StringArray::from(vec!["x\nlonger", "one"]))),
            ("n", Arc::new(Int32Array::from(vec![1, 2]))),
            ("b\nc", Arc::new(StringArray::from(vec!["p\nq\nr", "tail"]))),
        ]);
        // As psql 15 shows the same values.
        let expected = [
            "   a    | n |  b  +",
            "        |   |  c   ",
            "--------+---+------",
            " x     +| 1 | p   +",
            " longer |   | q   +",
            "        |   | r",
            " one    | 2 | tail",
            "(2 rows)",
            "",
            "",
        ];
        assert_eq!(table.to_text(), expected.join("\n"));
    }

    #[test]
    fn nothing_plays_with_the_terminal() {
        let shown = lines("a\tb\r\u{1b}[31m\u{85}");
        assert_eq!(shown, [("a       b\\r\\x1B[31m\\u0085".to_owned(), 25)]);
    }

    #[test]
    fn no_rows_and_no_columns() {
        let empty = Table::new(Arc::new(Schema::new(vec![arrow::datatypes::Field::new(
            "a",
            arrow::datatypes::DataType::Utf8,
            true,
        )])));
        assert_eq!((empty.to_text().as_str(), empty.len()), (" a \n---\n(0 rows)\n\n", 0));
        assert_eq!(Table::new(Arc::new(Schema::empty())).to_text(), "--\n(0 rows)\n\n");
    }
}
