//! Addresses and networks: what PostgreSQL's functions and operators of `inet` say.

use super::super::super::values::Inet;
use super::declared::{Body::Each, Declaration};
use super::made::{Args, Made};
use crate::error::{Error, Kind, Result};

/// The functions of this file.
pub const FUNCTIONS: &[Declaration] = &[
    ("host(inet) text", Each(|row| Ok(one(row, 0)?.address.to_string().into()))),
    ("text(inet) text", Each(|row| Ok(one(row, 0)?.with_its_bits().into()))),
    ("abbrev(inet) text", Each(|row| Ok(one(row, 0)?.to_string().into()))),
    ("masklen(inet) int4", Each(|row| Ok(i32::from(one(row, 0)?.bits).into()))),
    ("family(inet) int4", Each(|row| Ok(if one(row, 0)?.address.is_ipv4() { 4 } else { 6 }.into()))),
    ("network(inet) cidr", Each(|row| Ok(one(row, 0)?.network().with_its_bits().into()))),
    ("hostmask(inet) inet", Each(|row| Ok(one(row, 0)?.hostmask().to_string().into()))),
    ("inet_merge(inet, inet) cidr", Each(merged)),
    ("broadcast(inet) inet", Each(|row| Ok(one(row, 0)?.broadcast().to_string().into()))),
    ("netmask(inet) inet", Each(|row| Ok(one(row, 0)?.netmask().to_string().into()))),
    ("set_masklen(inet, int4) inet", Each(set_masklen)),
    ("inet_same_family(inet, inet) bool", Each(|row| Ok((one(row, 0)?.width() == one(row, 1)?.width()).into()))),
    ("network_sub(inet, inet) bool", Each(|row| Ok(is_sub(one(row, 0)?, one(row, 1)?).into()))),
    ("network_subeq(inet, inet) bool", Each(|row| Ok(one(row, 0)?.is_within(one(row, 1)?).into()))),
    ("network_sup(inet, inet) bool", Each(|row| Ok(is_sub(one(row, 1)?, one(row, 0)?).into()))),
    ("network_supeq(inet, inet) bool", Each(|row| Ok(one(row, 1)?.is_within(one(row, 0)?).into()))),
    ("network_overlap(inet, inet) bool", Each(|row| Ok(one(row, 0)?.overlaps(one(row, 1)?).into()))),
    // What they are sorted by.
    ("inet_order(inet) text", Each(|row| Ok(one(row, 0)?.order().into()))),
];

fn merged(row: &Args<'_>) -> Result<Made> {
    match one(row, 0)?.merged(one(row, 1)?) {
        Some(merged) => Ok(merged.with_its_bits().into()),
        None => Err(Error::new(Kind::InvalidParameter, "cannot merge addresses from different families")),
    }
}

/// The function behind an operator, if it is one of networks.
pub fn of_operator(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "<<" => "network_sub",
        "<<=" => "network_subeq",
        ">>" => "network_sup",
        ">>=" => "network_supeq",
        "&&" => "network_overlap",
        _ => return None,
    })
}

fn one(row: &Args<'_>, at: usize) -> Result<Inet> {
    Inet::read(row.text(at)).ok_or_else(|| Error::internal("an inet is no address"))
}

fn is_sub(a: Inet, b: Inet) -> bool {
    a.bits > b.bits && a.is_within(b)
}

fn set_masklen(row: &Args<'_>) -> Result<Made> {
    let (of, bits) = (one(row, 0)?, row.int(1));
    let set = match bits {
        -1 => of.with_bits(of.width()),
        bits => u8::try_from(bits).ok().and_then(|bits| of.with_bits(bits)),
    };
    match set {
        Some(set) => Ok(set.to_string().into()),
        None => Err(Error::new(Kind::InvalidParameter, format!("invalid mask length: {bits}"))),
    }
}
