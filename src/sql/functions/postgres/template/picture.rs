//! Templates of numbers, cut into patterns.

use crate::error::{Error, Kind, Result};

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// `,`
    Comma,
    /// `.`, `D`
    Point,
    /// `0`
    Zero,
    /// `9`
    Nine,
    /// `G`
    Group,
    /// `L`
    Currency,
    /// `MI`
    Minus,
    /// `PL`
    Plus,
    /// `RN`
    Roman,
    /// `rn`
    RomanLower,
    /// `SG`
    Sign,
    /// `TH`
    Ordinal,
    /// `th`
    OrdinalLower,
    /// What shows nothing by itself.
    Silent,
    /// Any other letter.
    Letter(char),
}

/// Patterns, longer ones before those that they begin with.
const PATTERNS: &[(&str, Node)] = &[
    (",", Node::Comma),
    (".", Node::Point),
    ("0", Node::Zero),
    ("9", Node::Nine),
    ("B", Node::Silent),
    ("C", Node::Silent),
    ("D", Node::Point),
    ("EEEE", Node::Silent),
    ("FM", Node::Silent),
    ("G", Node::Group),
    ("L", Node::Currency),
    ("MI", Node::Minus),
    ("PL", Node::Plus),
    ("PR", Node::Silent),
    ("RN", Node::Roman),
    ("rn", Node::RomanLower),
    ("SG", Node::Sign),
    ("SP", Node::Silent),
    ("S", Node::Silent),
    ("TH", Node::Ordinal),
    ("th", Node::OrdinalLower),
    ("V", Node::Silent),
];

/// Where `S` puts the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Nowhere.
    None,
    /// Before the number.
    Before,
    /// Behind it.
    Behind,
}

/// What a template says of the number.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its pieces.
    pub nodes: Vec<Node>,
    /// Digits before the point.
    pub pre: usize,
    /// Digits behind it.
    pub post: usize,
    /// The first digit that is a zero rather than a blank.
    pub zero_start: usize,
    /// The last one.
    pub zero_end: usize,
    /// Digits before `S`.
    pub pre_sign: usize,
    /// Digits behind `V`.
    pub multi: usize,
    /// Where the sign of `S` goes.
    pub anchor: Anchor,
    /// It has a point.
    pub decimal: bool,
    /// It has a `0` before the point.
    pub zero: bool,
    /// `FM`: without blanks.
    pub fill: bool,
    /// `S`
    pub sign: bool,
    /// `PR`
    pub bracket: bool,
    /// `MI`
    pub minus: bool,
    /// `PL`
    pub plus: bool,
    /// `RN`
    pub roman: bool,
    /// `V`
    pub multiplies: bool,
    /// `EEEE`
    pub exponent: bool,
}

fn wrong(message: &str) -> Error {
    Error::new(Kind::Syntax, message)
}

impl Template {
    /// Reads a template.
    pub fn read(text: &str) -> Result<Self> {
        let mut template = Self {
            nodes: Vec::new(),
            pre: 0,
            post: 0,
            zero_start: 0,
            zero_end: 0,
            pre_sign: 0,
            multi: 0,
            anchor: Anchor::None,
            decimal: false,
            zero: false,
            fill: false,
            sign: false,
            bracket: false,
            minus: false,
            plus: false,
            roman: false,
            multiplies: false,
            exponent: false,
        };
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let as_it_is = PATTERNS.iter().find(|(pattern, _)| rest.starts_with(pattern));
            let in_small = || PATTERNS.iter().find(|(pattern, _)| rest.starts_with(&pattern.to_lowercase()));
            if let Some((pattern, node)) = as_it_is.or_else(in_small) {
                template.take(pattern, *node)?;
                rest = &rest[pattern.len()..];
                continue;
            }
            rest = &rest[letter.len_utf8()..];
            if letter == '"' {
                let (letters, behind) = super::quoted(rest);
                template.nodes.extend(letters.into_iter().map(Node::Letter));
                rest = behind;
            } else if letter == '\\' && rest.starts_with('"') {
                template.nodes.push(Node::Letter('"'));
                rest = &rest[1..];
            } else {
                template.nodes.push(Node::Letter(letter));
            }
        }
        Ok(template)
    }

    fn take(&mut self, pattern: &str, node: Node) -> Result<()> {
        if self.exponent && pattern != "EEEE" {
            return Err(wrong("\"EEEE\" must be the last pattern used"));
        }
        match pattern {
            "9" => {
                if self.bracket {
                    return Err(wrong("\"9\" must be ahead of \"PR\""));
                }
                if self.multiplies {
                    self.multi += 1;
                } else if self.decimal {
                    self.post += 1;
                } else {
                    self.pre += 1;
                }
            }
            "0" => {
                if self.bracket {
                    return Err(wrong("\"0\" must be ahead of \"PR\""));
                }
                if !self.zero && !self.decimal {
                    self.zero = true;
                    self.zero_start = self.pre + 1;
                }
                if self.decimal {
                    self.post += 1
                } else {
                    self.pre += 1
                }
                self.zero_end = self.pre + self.post;
            }
            "." | "D" => {
                if self.decimal {
                    return Err(wrong("multiple decimal points"));
                }
                if self.multiplies {
                    return Err(wrong("cannot use \"V\" and decimal point together"));
                }
                self.decimal = true;
            }
            "FM" => self.fill = true,
            "S" => {
                if self.sign {
                    return Err(wrong("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.bracket {
                    return Err(wrong("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together"));
                }
                self.sign = true;
                if self.decimal {
                    self.anchor = Anchor::Behind;
                } else {
                    self.anchor = Anchor::Before;
                    self.pre_sign = self.pre;
                }
            }
            "MI" | "PL" | "SG" => {
                if self.sign {
                    return Err(wrong(&format!("cannot use \"S\" and \"{pattern}\" together")));
                }
                self.minus |= pattern != "PL";
                self.plus |= pattern != "MI";
            }
            "PR" => {
                if self.sign || self.plus || self.minus {
                    return Err(wrong("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
                }
                self.bracket = true;
            }
            "RN" | "rn" => self.roman = true,
            "V" => {
                if self.decimal {
                    return Err(wrong("cannot use \"V\" and decimal point together"));
                }
                self.multiplies = true;
            }
            "EEEE" => {
                if self.exponent {
                    return Err(wrong("cannot use \"EEEE\" twice"));
                }
                if self.sign || self.bracket || self.minus || self.plus || self.roman || self.multiplies {
                    return Err(wrong("\"EEEE\" is incompatible with other formats")
                        .with_detail("\"EEEE\" may only be used together with digit and decimal point patterns."));
                }
                self.exponent = true;
            }
            _ => {}
        }
        self.nodes.push(node);
        Ok(())
    }
}
