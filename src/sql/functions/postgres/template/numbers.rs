//! Numbers by templates: `FM9,999.00`, `S99`, `9.99EEEE`, `RN`.

use super::super::made::{Args, Made};
use super::ordinal;
use super::picture::{Anchor, Node, Template};
use super::roman::roman;
use crate::encoding::pg_text::Cell;
use crate::error::{Error, Kind, Result};

/// `to_char(number, template)`
pub fn to_char(row: &Args<'_>) -> Result<Made> {
    let mut template = Template::read(row.text(1))?;
    if row.text(1).is_empty() {
        return Ok(String::new().into());
    }
    if template.roman {
        let number = match row.get(0) {
            Some(Cell::Float4(_) | Cell::Float8(_)) => row.float(0).round_ties_even() as i128,
            _ => rounded(row.decimal(0), 0),
        };
        return Ok(roman_shown(&template, number).into());
    }
    if let Some(Cell::Float4(_) | Cell::Float8(_)) = row.get(0)
        && !row.float(0).is_finite()
    {
        return Err(Error::new(Kind::Unsupported, "to_char of NaN and infinity is not supported"));
    }
    if template.exponent {
        return Ok(scientific(row, template.post).into());
    }
    let number = digits(row, &mut template);
    let (negative, number) = number.strip_prefix('-').map_or((false, number.as_str()), |rest| (true, rest));
    let whole = number.find('.').unwrap_or(number.len());
    let (number, blanks) = match whole.cmp(&template.pre) {
        std::cmp::Ordering::Greater => (format!("{}.{}", "#".repeat(template.pre), "#".repeat(template.post)), 0),
        _ => (number.to_owned(), template.pre - whole),
    };
    Ok(Writing::new(template, number, negative, blanks).run().into())
}

/// The number with the places of the template, as its type rounds.
fn digits(row: &Args<'_>, template: &mut Template) -> String {
    template.pre += template.multi;
    let multi = template.multi as u32;
    match row.get(0) {
        Some(cell @ (Cell::Float4(_) | Cell::Float8(_))) => {
            let most = if matches!(cell, Cell::Float4(_)) { 6 } else { 15 };
            let value = row.float(0) * 10f64.powi(multi as i32);
            let whole = format!("{:.0}", value.abs()).len();
            // No more digits than the type has.
            template.post = if whole >= most { 0 } else { template.post.min(most - whole) };
            format!("{value:.0$}", template.post)
        }
        _ => {
            let (value, scale) = row.decimal(0);
            let value = value.saturating_mul(10i128.checked_pow(multi).unwrap_or(i128::MAX));
            let places = template.post;
            let value = if scale as usize > places { rounded((value, scale), places) } else { value };
            let kept = if scale as usize > places { places } else { scale as usize };
            let text = decimal(value, kept);
            match (places > kept, kept) {
                (true, 0) => format!("{text}.{}", "0".repeat(places)),
                (true, _) => format!("{text}{}", "0".repeat(places - kept)),
                _ => text,
            }
        }
    }
}

/// Half-way cases go away from zero.
pub fn rounded((value, scale): (i128, i8), places: usize) -> i128 {
    let Some(dropped) = (scale.max(0) as usize).checked_sub(places).filter(|dropped| *dropped > 0) else {
        return value;
    };
    let unit = 10i128.pow(dropped as u32);
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    (value + half) / unit
}

fn decimal(value: i128, scale: usize) -> String {
    let digits = format!("{:0>1$}", value.unsigned_abs(), scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn scientific(row: &Args<'_>, places: usize) -> String {
    let text = match row.get(0) {
        Some(Cell::Float4(_) | Cell::Float8(_)) => format!("{:.places$e}", row.float(0)),
        _ => {
            let (value, scale) = row.decimal(0);
            let digits = value.unsigned_abs().to_string();
            let drop = digits.len().saturating_sub(places + 1);
            let kept = rounded((value, drop as i8), 0).unsigned_abs().to_string();
            let grown = kept.len() > places + 1;
            let kept = if grown { &kept[..places + 1] } else { kept.as_str() };
            let point = digits.len() as i64 - 1 - i64::from(scale) + i64::from(grown);
            let point = if value == 0 { 0 } else { point };
            let (first, rest) = kept.split_at(1);
            let sign = if value < 0 { "-" } else { "" };
            let rest = format!("{rest:0<places$}");
            if places == 0 { format!("{sign}{first}e{point}") } else { format!("{sign}{first}.{rest}e{point}") }
        }
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    let blank = if mantissa.starts_with('-') { "" } else { " " };
    format!("{blank}{mantissa}e{sign}{:02}", exponent.abs())
}

fn roman_shown(template: &Template, number: i128) -> String {
    let shown = roman(number).unwrap_or_else(|| "#".repeat(15));
    let shown = if template.nodes.contains(&Node::RomanLower) { shown.to_lowercase() } else { shown };
    let mut out = String::new();
    for node in &template.nodes {
        match node {
            Node::Roman | Node::RomanLower if template.fill => out.push_str(&shown),
            Node::Roman | Node::RomanLower => out.push_str(&format!("{shown:>15}")),
            Node::Letter(letter) => out.push(*letter),
            _ => {}
        }
    }
    out
}

/// A number on its way through a template.
struct Writing {
    template: Template,
    number: Vec<u8>,
    at: usize,
    negative: bool,
    blanks: usize,
    /// The last digit that matters; the place of the point if none behind it does.
    last: Option<usize>,
    count: usize,
    current: usize,
    within: bool,
    sign_done: bool,
    out: String,
}

impl Writing {
    fn new(mut template: Template, number: String, negative: bool, blanks: usize) -> Self {
        template.zero_start = template.zero_start.saturating_sub(1);
        let number = number.into_bytes();
        let sign_done = match template.plus || template.minus {
            true => !template.plus || template.minus,
            false => {
                if !negative && template.fill {
                    template.bracket = false;
                }
                if template.anchor == Anchor::Before && template.pre == template.pre_sign {
                    template.anchor = Anchor::Behind;
                }
                !negative && template.fill && !template.sign
            }
        };
        // A template of PL alone writes the sign of a negative number itself.
        let sign_done = if template.plus && !template.minus { false } else { sign_done };
        let mut last = None;
        if template.fill && template.decimal {
            last = number.iter().position(|byte| *byte == b'.').map(|point| {
                let digits = number.iter().enumerate().skip(point + 1);
                digits.filter(|(_, digit)| **digit != b'0').map(|(at, _)| at).next_back().unwrap_or(point)
            });
            if let Some(found) = last
                && template.zero_end > blanks
            {
                let zero = (number.len() - 1).min(template.zero_end - blanks);
                last = Some(found.max(zero));
            }
        }
        let count = (template.post + template.pre).saturating_sub(1) + usize::from(!sign_done && blanks == 0);
        Self {
            template,
            number,
            at: 0,
            negative,
            blanks,
            last,
            count,
            current: 0,
            within: false,
            sign_done,
            out: String::new(),
        }
    }

    fn run(mut self) -> String {
        for node in self.template.nodes.clone() {
            match node {
                Node::Nine | Node::Zero | Node::Point => self.digit(node),
                Node::Comma | Node::Group if self.within => self.out.push(','),
                Node::Comma | Node::Group if !self.template.fill => self.out.push(' '),
                Node::Currency => self.out.push(' '),
                Node::Minus if self.negative => self.out.push('-'),
                Node::Minus if !self.template.fill => self.out.push(' '),
                Node::Plus if !self.negative => self.out.push('+'),
                Node::Plus if !self.template.fill => self.out.push(' '),
                Node::Sign => self.out.push(if self.negative { '-' } else { '+' }),
                Node::Ordinal | Node::OrdinalLower => {
                    let shown = self.number.first() != Some(&b'#') && !self.negative && !self.template.decimal;
                    if shown {
                        let number = String::from_utf8_lossy(&self.number).into_owned();
                        self.out.push_str(ordinal(&number, node == Node::Ordinal));
                    }
                }
                Node::Letter(letter) => self.out.push(letter),
                _ => {}
            }
        }
        self.out
    }

    /// Whether a zero before the point is shown as a blank (`9.9` of 0.1).
    fn is_bare_zero(&self) -> bool {
        !self.template.zero && self.at == 0 && self.number.first() == Some(&b'0') && self.template.post != 0
    }

    fn last_is_point(&self) -> bool {
        self.last.is_some_and(|last| self.number.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, node: Node) {
        self.within = false;
        let (zero, fill) = (self.template.zero, self.template.fill);
        let begins = self.current >= self.blanks || zero && self.template.zero_start == self.current;
        if !self.sign_done && begins && (!self.is_bare_zero() || self.last_is_point()) {
            self.sign();
        }
        if self.current < self.blanks && (!zero || self.template.zero_start > self.current) {
            if !fill {
                self.out.push(' ');
            }
        } else if zero && self.current < self.blanks && self.template.zero_start <= self.current {
            self.out.push('0');
            self.within = true;
        } else {
            self.character(node);
            self.at += usize::from(self.at < self.number.len());
        }
        let mut end = self.count + usize::from(self.blanks > 0) + usize::from(self.template.decimal);
        if self.last == Some(self.at) {
            end = self.current;
        }
        if self.current + 1 == end {
            if self.sign_done && self.template.bracket {
                self.out.push(if self.negative { '>' } else { ' ' });
            } else if self.template.sign && self.template.anchor == Anchor::Behind {
                self.out.push(if self.negative { '-' } else { '+' });
            }
        }
        self.current += 1;
    }

    fn sign(&mut self) {
        let (sign, bracket) = (self.template.sign, self.template.bracket);
        match (sign, bracket, self.negative) {
            (true, ..) if self.template.anchor != Anchor::Before => return,
            (true, _, negative) => self.out.push(if negative { '-' } else { '+' }),
            (_, true, negative) => self.out.push(if negative { '<' } else { ' ' }),
            (_, _, false) if self.template.fill => {}
            (_, _, false) => self.out.push(' '),
            (_, _, true) => self.out.push('-'),
        }
        self.sign_done = true;
    }

    fn character(&mut self, node: Node) {
        let fill = self.template.fill;
        match self.number.get(self.at) {
            Some(b'.') if !self.last_is_point() || fill => self.out.push('.'),
            Some(b'.') => {}
            // Zeros at the end go, where nothing asks for them.
            Some(_) if self.last.is_some_and(|last| self.at > last) && node != Node::Zero => {}
            Some(_) if self.is_bare_zero() => {
                if !fill {
                    self.out.push(' ');
                } else if self.last_is_point() {
                    self.out.push('0');
                }
            }
            Some(digit) => {
                self.out.push(char::from(*digit));
                self.within = true;
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: i128, scale: i8, template: &str) -> String {
        match to_char(&Args(&[Some(Cell::Decimal(value, scale, false)), Some(Cell::Text(template.as_bytes()))]))
            .unwrap()
        {
            Made::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn templates_show_numbers_as_postgres_does() {
        for (value, scale, template, expected) in [
            (125, 0, "999", " 125"),
            (1258, 1, "999D9", " 125.8"),
            (-1258, 1, "999D99S", "125.80-"),
            (1_234_567_891, 3, "FM9,999,999.00", "1,234,567.89"),
            (1, 1, "0.99", " 0.10"),
            (12, 0, "FM000", "012"),
            (485, 0, "RN", "        CDLXXXV"),
            (-12, 0, "99PR", "<12>"),
            (12, 0, "S99", "+12"),
            (100_000, 0, "9.99EEEE", " 1.00e+05"),
            (1485, 1, "999D999", " 148.500"),
            (12_345_678, 3, "99,999.99", " 12,345.68"),
            (0, 0, "99.9", "   .0"),
            (1234, 0, "999", " ###"),
            (-5, 1, "FM0.9", "-0.5"),
            (124_567, 4, "L99.99", "  12.46"),
            (482, 0, "999th", " 482nd"),
            (12, 0, "0000", " 0012"),
            (-7, 0, "SG9", "-7"),
            (42, 0, "MI99", " 42"),
            (42, 0, "PL99", "+ 42"),
            (12_345, 1, "9G999D99", " 1,234.50"),
            (5, 1, "9.9", "  .5"),
        ] {
            assert_eq!(shown(value, scale, template), expected, "{value}e-{scale} {template}");
        }
    }
}
