//! Numbers read by templates: `to_number('12,345.67', '99G999D99')`.

use super::super::made::{Args, Made};
use super::numbers::rounded;
use super::picture::{Node, Template};
use crate::error::{Error, Kind, Result};

/// `to_number(text, template)`
pub fn to_number(row: &Args<'_>) -> Result<Made> {
    let template = Template::read(row.text(1))?;
    if template.exponent {
        return Err(Error::new(Kind::Unsupported, "\"EEEE\" not supported for input"));
    }
    if template.roman {
        return Err(Error::new(Kind::Unsupported, "\"RN\" not supported for input"));
    }
    if row.text(1).is_empty() {
        return Ok(Made::Null);
    }
    let text = read(&template, row.text(0));
    let divisor = if template.multiplies { template.multi } else { 0 };
    let array = crate::sql::values::read_one(&text, &crate::catalog::SqlType::Numeric(Some((38, PLACES as i8))))?;
    let datafusion::common::ScalarValue::Decimal128(Some(value), ..) = array else { return Ok(Made::Null) };
    // Digits behind those of the template are rounded away.
    let value = rounded((value, PLACES as i8), template.post.min(PLACES));
    let places = template.post.min(PLACES);
    let raised = value.checked_mul(10i128.pow((PLACES - places) as u32));
    let raised = raised.ok_or_else(|| Error::new(Kind::NumericOutOfRange, "value overflows numeric format"))?;
    Ok(Made::Int(raised / 10i128.pow(divisor.min(30) as u32)))
}

/// Places of a numeric without declared ones.
const PLACES: usize = 9;

/// The number in a text that is written by a template.
fn read(template: &Template, text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let (mut number, mut sign, mut at) = (String::new(), None, 0);
    let (mut pre, mut post, mut point) = (0, 0, false);
    for node in &template.nodes {
        if at >= letters.len() {
            break;
        }
        match node {
            Node::Nine | Node::Zero | Node::Point => {
                if letters[at] == ' ' {
                    at += 1;
                }
                let Some(mut letter) = letters.get(at).copied() else { break };
                if sign.is_none() && *node != Node::Point && pre + post == 0 {
                    match letter {
                        '-' => sign = Some('-'),
                        '<' if template.bracket => sign = Some('-'),
                        '+' => sign = Some('+'),
                        _ => {}
                    }
                    if sign.is_some() {
                        at += 1;
                    }
                }
                let Some(next) = letters.get(at).copied() else { break };
                letter = next;
                let mut took = false;
                if letter.is_ascii_digit() {
                    if point && post == template.post {
                        continue;
                    }
                    number.push(letter);
                    if point {
                        post += 1
                    } else {
                        pre += 1
                    }
                    took = true;
                } else if template.decimal && !point && letter == '.' {
                    number.push('.');
                    point = true;
                    took = true;
                }
                if sign.is_none() && pre + post > 0 {
                    // A sign behind the last digit.
                    match letters.get(at + usize::from(took)) {
                        Some(behind @ ('-' | '+')) if template.sign && took => {
                            sign = Some(*behind);
                            at += 1;
                        }
                        Some(behind @ ('-' | '+')) if !took && !template.sign && !template.plus && !template.minus => {
                            sign = Some(*behind);
                        }
                        _ => {}
                    }
                }
                if took || matches!(letters.get(at), Some(letter) if !letter.is_ascii_digit()) {
                    at += usize::from(took || !matches!(letters.get(at), Some('.')));
                }
            }
            Node::Comma | Node::Group if letters[at] == ',' => at += 1,
            Node::Comma | Node::Group => {}
            Node::Minus => match letters[at] {
                '-' => {
                    sign = Some('-');
                    at += 1;
                }
                ' ' | '+' => at += 1,
                _ => {}
            },
            Node::Plus | Node::Sign => match letters[at] {
                found @ ('-' | '+') => {
                    sign = Some(found);
                    at += 1;
                }
                ' ' => at += 1,
                _ => {}
            },
            Node::Currency | Node::Letter(_) => at += 1,
            Node::Ordinal | Node::OrdinalLower => at += 2,
            _ => {}
        }
    }
    let number = number.trim_end_matches('.').to_owned();
    let number = if number.is_empty() { " ".to_owned() } else { number };
    format!("{}{number}", if sign == Some('-') { "-" } else { "" })
}
