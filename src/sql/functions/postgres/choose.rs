//! Which of the functions of a name a call means, by PostgreSQL's rules: one whose arguments need the fewest casts, and among
//! these one that takes the preferred type of its class (`text`, `double precision`, `timestamptz`).

use super::declared::{Declared, Overload, Wanted};
use crate::catalog::SqlType;

/// What is known of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A quoted literal, NULL, or a parameter: its type is open.
    Open,
    /// A value of a type.
    Type(SqlType),
    /// What no column can be, such as a row.
    Other,
}

/// A function, and the types of its arguments and its result, where they are not left as they are.
pub struct Chosen<'a> {
    /// The function.
    pub overload: &'a Overload,
    /// For each argument its type; none where it stays what it is.
    pub takes: Vec<Option<SqlType>>,
    /// The type of the result.
    pub gives: SqlType,
}

impl Declared {
    /// The function that takes such arguments.
    pub fn choose(&self, given: &[Given]) -> Option<Chosen<'_>> {
        let mut best: Option<(u32, Chosen<'_>)> = None;
        for overload in &self.overloads {
            if let Some((cost, chosen)) = suits(overload, given)
                && best.as_ref().is_none_or(|(least, _)| cost < *least)
            {
                best = Some((cost, chosen));
            }
        }
        best.map(|(_, chosen)| chosen)
    }
}

fn suits<'a>(overload: &'a Overload, given: &[Given]) -> Option<(u32, Chosen<'a>)> {
    let fixed = overload.takes.len();
    if given.len() < overload.least || given.len() > fixed && overload.variadic.is_none() {
        return None;
    }
    let element = element(overload, given);
    let (mut total, mut takes) = (0, Vec::with_capacity(given.len()));
    for (at, given) in given.iter().enumerate() {
        let wanted = match overload.wanted(at)? {
            Wanted::Any => {
                takes.push(None);
                total += 1;
                continue;
            }
            Wanted::Type(wanted) => wanted.clone(),
            Wanted::Element => element.clone()?,
            Wanted::Array => SqlType::Array(Box::new(element.clone()?)),
        };
        total += cost(given, &wanted)?;
        let same = matches!(given, Given::Type(given) if is_same(given, &wanted));
        takes.push((!same).then_some(wanted));
    }
    let gives = match &overload.gives {
        Wanted::Type(gives) => gives.clone(),
        Wanted::Element => element?,
        Wanted::Array => SqlType::Array(Box::new(element?)),
        Wanted::Any => return None,
    };
    Some((total, Chosen { overload, takes, gives }))
}

/// What `anyelement` is in a call.
fn element(overload: &Overload, given: &[Given]) -> Option<SqlType> {
    let pairs = || overload.takes.iter().zip(given);
    let of_array = pairs().find_map(|pair| match pair {
        (Wanted::Array, Given::Type(SqlType::Array(item))) => Some(item.as_ref().clone()),
        _ => None,
    });
    of_array.or_else(|| {
        pairs().find_map(|pair| match pair {
            (Wanted::Element, Given::Type(given)) => Some(given.clone()),
            _ => None,
        })
    })
}

/// Whether values of the one are values of the other as they are.
fn is_same(given: &SqlType, wanted: &SqlType) -> bool {
    use SqlType::{Char, Numeric, Text, Varchar};
    match (given, wanted) {
        (Varchar(_) | Char(_) | Text, Text) | (Numeric(_), Numeric(_)) => true,
        (SqlType::Array(a), SqlType::Array(b)) => is_same(a, b),
        (SqlType::Vector(_), SqlType::Vector(_)) => true,
        // A network is an address, too.
        (SqlType::Cidr, SqlType::Inet) => true,
        // What is known by its Arrow type alone.
        (SqlType::Array(item), SqlType::Vector(_)) => **item == SqlType::Float4,
        (a, b) => a == b,
    }
}

/// How far a cast is from none; nothing if there is none that is not asked for.
fn cost(given: &Given, wanted: &SqlType) -> Option<u32> {
    use SqlType::{
        Array, Char, Date, Float4, Float8, Int2, Int4, Int8, Interval, Json, Jsonb, Numeric, Text, Time, Timestamp,
        Timestamptz, Varchar,
    };
    let given = match (given, wanted) {
        (Given::Other, _) => return None,
        (Given::Open, Text) => return Some(10),
        (Given::Open, Float8 | Timestamptz | Interval | Jsonb) => return Some(20),
        (Given::Open, _) => return Some(21),
        (Given::Type(given), _) => given,
    };
    if is_same(given, wanted) {
        return Some(0);
    }
    Some(match (given, wanted) {
        (Int2 | Int4 | Int8 | Numeric(_) | Float4, Float8) => 100,
        (Int2, Int4) => 101,
        (Int2 | Int4, Int8) => 102,
        (Int2 | Int4 | Int8, Numeric(_)) => 103,
        (Int2 | Int4 | Int8 | Numeric(_), Float4) => 104,
        (Date | Timestamp, Timestamptz) => 100,
        (Date, Timestamp) => 101,
        (Time, Interval) => 101,
        // Before the types of numbers are settled, a sum of integers is `bigint`; where JSON went through an expression of the
        // engine's it is text.
        (Int8, Int2 | Int4) | (Int4, Int2) => 1000,
        (Text | Varchar(_) | Char(_), Json | Jsonb) => 1001,
        (Array(item), SqlType::Vector(_)) => cost(&Given::Type(item.as_ref().clone()), &Float4)? + 1,
        (Array(a), Array(b)) => cost(&Given::Type(a.as_ref().clone()), b)?,
        _ => return None,
    })
}
