//! Which of the functions or operators of a name PostgreSQL takes for arguments of these types: its rules for types, over
//! the declarations of its catalogue.

use crate::catalog::SqlType;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A type as declarations name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Char,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Inet,
    Vector,
    Enum,
    /// An array of anything.
    Array,
    /// An array of texts.
    Texts,
    /// Anything.
    Any,
    /// Anything but an array.
    Plain,
}

/// What is known of an argument: nothing of a quoted literal, NULL, or a parameter.
pub type Given = Option<Type>;

/// What a call means.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// The function with arguments of these types.
    One(&'static [Type]),
    /// There is none.
    None,
    /// Several would do.
    Several,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Category {
    Bool,
    Number,
    Text,
    Moment,
    Length,
    Array,
    Other,
}

impl Type {
    /// The type of a value.
    pub fn of(sql_type: &SqlType) -> Self {
        match sql_type {
            SqlType::Bool => Self::Bool,
            SqlType::Int2 => Self::Int2,
            SqlType::Int4 => Self::Int4,
            SqlType::Int8 => Self::Int8,
            SqlType::Float4 => Self::Float4,
            SqlType::Float8 => Self::Float8,
            SqlType::Numeric(_) => Self::Numeric,
            SqlType::Text => Self::Text,
            SqlType::Varchar(_) => Self::Varchar,
            SqlType::Char(_) => Self::Char,
            SqlType::Bytea => Self::Bytea,
            SqlType::Date => Self::Date,
            SqlType::Time => Self::Time,
            SqlType::Timestamp => Self::Timestamp,
            SqlType::Timestamptz => Self::Timestamptz,
            SqlType::Interval => Self::Interval,
            SqlType::Uuid => Self::Uuid,
            SqlType::Json => Self::Json,
            SqlType::Jsonb => Self::Jsonb,
            SqlType::Inet | SqlType::Cidr => Self::Inet,
            SqlType::Vector(_) => Self::Vector,
            SqlType::Array(item) if matches!(**item, SqlType::Text) => Self::Texts,
            SqlType::Array(_) => Self::Array,
            SqlType::Enum(_) => Self::Enum,
        }
    }

    /// The type that a literal is read as; none where it stays what it is.
    pub fn sql_type(self) -> Option<SqlType> {
        Some(match self {
            Self::Bool => SqlType::Bool,
            Self::Int2 => SqlType::Int2,
            Self::Int4 => SqlType::Int4,
            Self::Int8 => SqlType::Int8,
            Self::Float4 => SqlType::Float4,
            Self::Float8 => SqlType::Float8,
            Self::Numeric => SqlType::Numeric(None),
            Self::Text => SqlType::Text,
            Self::Bytea => SqlType::Bytea,
            Self::Date => SqlType::Date,
            Self::Time => SqlType::Time,
            Self::Timestamp => SqlType::Timestamp,
            Self::Timestamptz => SqlType::Timestamptz,
            Self::Interval => SqlType::Interval,
            Self::Uuid => SqlType::Uuid,
            _ => return None,
        })
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "numeric" => Self::Numeric,
            "text" => Self::Text,
            "bpchar" => Self::Char,
            "bytea" => Self::Bytea,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "inet" => Self::Inet,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "anyenum" => Self::Enum,
            "anyarray" => Self::Array,
            "_text" => Self::Texts,
            "any" => Self::Any,
            "anynonarray" => Self::Plain,
            _ => return None,
        })
    }

    fn category(self) -> Category {
        match self {
            Self::Bool => Category::Bool,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Float4 | Self::Float8 | Self::Numeric => Category::Number,
            Self::Text | Self::Varchar | Self::Char => Category::Text,
            Self::Date | Self::Time | Self::Timestamp | Self::Timestamptz => Category::Moment,
            Self::Interval => Category::Length,
            Self::Array | Self::Texts => Category::Array,
            _ => Category::Other,
        }
    }

    fn is_preferred(self) -> bool {
        matches!(self, Self::Bool | Self::Float8 | Self::Text | Self::Timestamptz | Self::Interval)
    }

    /// Whether a value of this type is taken for one of the other without being asked.
    fn becomes(self, wanted: Self) -> bool {
        use Type::{
            Any, Array, Bool, Char, Date, Enum, Float4, Float8, Int2, Int4, Int8, Interval, Numeric, Plain, Text,
            Texts, Time, Timestamp, Timestamptz, Varchar,
        };
        match (self, wanted) {
            (a, b) if a == b => true,
            (_, Any) | (Texts, Array) => true,
            (a, Plain) => a.category() != Category::Array,
            (Bool, _) => false,
            (Int2, Int4 | Int8 | Float4 | Float8 | Numeric)
            | (Int4, Int8 | Float4 | Float8 | Numeric)
            | (Int8, Float4 | Float8 | Numeric)
            | (Numeric, Float4 | Float8)
            | (Float4, Float8) => true,
            (Text | Varchar | Char, Text | Varchar | Char) => true,
            // A label is taken for a text.
            (Enum, Text) => true,
            (Date, Timestamp | Timestamptz) | (Timestamp, Timestamptz) | (Time, Interval) => true,
            _ => false,
        }
    }
}

/// The name of a type without what it says of lengths.
pub fn name_of(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric(_) => "numeric".to_owned(),
        SqlType::Varchar(_) => "character varying".to_owned(),
        SqlType::Char(_) => "character".to_owned(),
        SqlType::Vector(_) => "vector".to_owned(),
        SqlType::Array(item) => format!("{}[]", name_of(item)),
        other => other.to_string(),
    }
}

/// All declarations of one kind by their names.
pub type Declared = HashMap<&'static str, Vec<Vec<Type>>>;

/// Reads declarations: each a name with the lists of types that it takes.
fn read(all: &[(&'static str, &str)]) -> Declared {
    let list = |text: &str| text.split(',').filter(|name| *name != "-").filter_map(Type::named).collect();
    all.iter().map(|(name, lists)| (*name, lists.split_whitespace().map(list).collect())).collect()
}

/// The engine's functions that PostgreSQL has too.
pub static FUNCTIONS: LazyLock<Declared> = LazyLock::new(|| read(super::signatures::FUNCTIONS));
/// The operators.
pub static OPERATORS: LazyLock<Declared> = LazyLock::new(|| read(super::signatures::OPERATORS));
/// The aggregates.
pub static AGGREGATES: LazyLock<Declared> = LazyLock::new(|| read(super::signatures::AGGREGATES));

/// Whether a function of PostgreSQL's makes one value of one row, and nothing else is called so.
pub fn is_scalar(name: &str) -> bool {
    FUNCTIONS.contains_key(name) && !AGGREGATES.contains_key(name) && !super::super::missing::is_window(name)
}

/// The function of several that takes such arguments.
pub fn choose(all: &'static [Vec<Type>], given: &[Given]) -> Choice {
    let exact = |list: &&Vec<Type>| list.len() == given.len() && list.iter().zip(given).all(|(t, g)| Some(*t) == *g);
    if let Some(found) = all.iter().find(exact) {
        return Choice::One(found);
    }
    let takes = |list: &&Vec<Type>| {
        list.len() == given.len() && list.iter().zip(given).all(|(t, g)| g.is_none_or(|g| g.becomes(*t)))
    };
    let mut left: Vec<&'static Vec<Type>> = all.iter().filter(takes).collect();
    if left.is_empty() {
        return Choice::None;
    }
    keep_most(&mut left, |list| list.iter().zip(given).filter(|(t, g)| Some(**t) == **g).count());
    keep_most(&mut left, |list| {
        let close = |(t, g): &(&Type, &Given)| g.is_some_and(|g| g == **t || t.is_preferred());
        list.iter().zip(given).filter(close).count()
    });
    if let [one] = left.as_slice() {
        return Choice::One(one);
    }
    lend(&mut left, given);
    match left.as_slice() {
        [one] => Choice::One(one),
        _ => alike(&left, given).map_or(Choice::Several, Choice::One),
    }
}

/// The operator between such operands: of what is open beside something it is first tried whether it is the same.
pub fn choose_operator(all: &'static [Vec<Type>], given: &[Given]) -> Choice {
    if let [Some(one), None] | [None, Some(one)] = given {
        let one = if *one == Type::Varchar { Type::Text } else { *one };
        if let Some(found) = all.iter().find(|list| list.as_slice() == [one, one]) {
            return Choice::One(found);
        }
    }
    choose(all, given)
}

fn keep_most(left: &mut Vec<&'static Vec<Type>>, count: impl Fn(&[Type]) -> usize) {
    let most = left.iter().map(|list| count(list)).max().unwrap_or_default();
    left.retain(|list| count(list) == most);
}

/// Keeps those whose types at the open places are texts, or of the one category that all have there, preferred ones before others.
fn lend(left: &mut Vec<&'static Vec<Type>>, given: &[Given]) {
    for at in (0..given.len()).filter(|at| given[*at].is_none()) {
        let text = left.iter().any(|list| list[at].category() == Category::Text);
        let first = left.first().map(|list| list[at].category());
        let Some(wanted) = (if text { Some(Category::Text) } else { first }) else { return };
        if !text && !left.iter().all(|list| list[at].category() == wanted) {
            return;
        }
        left.retain(|list| list[at].category() == wanted);
        if left.iter().any(|list| list[at].is_preferred()) {
            left.retain(|list| list[at].is_preferred());
        }
    }
}

/// Where all that is known has one type, the one that takes that type everywhere.
fn alike(left: &[&'static Vec<Type>], given: &[Given]) -> Option<&'static [Type]> {
    let mut known = given.iter().flatten();
    let first = *known.next()?;
    if !known.all(|other| *other == first) {
        return None;
    }
    let mut fit = left.iter().filter(|list| list.iter().all(|wanted| first.becomes(*wanted)));
    match (fit.next(), fit.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Type::{Date, Float8, Int4, Int8, Jsonb, Numeric, Text};
    use super::*;

    fn function(name: &str, given: &[Given]) -> Choice {
        choose(&FUNCTIONS[name], given)
    }

    fn operator(sign: &str, given: &[Given]) -> Choice {
        choose_operator(&OPERATORS[sign], given)
    }

    #[test]
    fn literals_take_the_types_that_postgres_lends_them() {
        assert_eq!(function("abs", &[None]), Choice::One(&[Float8]));
        assert_eq!(function("substr", &[None, None]), Choice::One(&[Text, Int4]));
        assert_eq!(function("round", &[None, Some(Int4)]), Choice::One(&[Numeric, Int4]));
        assert_eq!(function("round", &[Some(Float8), Some(Int4)]), Choice::None);
        assert_eq!(function("left", &[None, Some(Numeric)]), Choice::None);
        assert_eq!(function("pi", &[]), Choice::One(&[]));
    }

    #[test]
    fn operators_are_those_of_postgres() {
        assert_eq!(operator("%", &[Some(Float8), Some(Int4)]), Choice::None);
        assert_eq!(operator("+", &[None, None]), Choice::Several);
        assert_eq!(operator("+", &[Some(Int4), None]), Choice::One(&[Int4, Int4]));
        assert_eq!(operator("+", &[Some(Date), Some(Date)]), Choice::None);
        assert_eq!(operator("-", &[Some(Date), None]), Choice::One(&[Date, Date]));
        assert_eq!(operator("-", &[Some(Jsonb), None]), Choice::One(&[Jsonb, Text]));
        assert_eq!(operator("*", &[Some(Numeric), Some(Int8)]), Choice::One(&[Numeric, Numeric]));
        assert_eq!(operator("||", &[Some(Int4), Some(Int4)]), Choice::None);
    }

    #[test]
    fn all_declarations_are_read() {
        for (_, lists) in [super::super::signatures::FUNCTIONS, super::super::signatures::AGGREGATES].concat() {
            for name in lists.split_whitespace().flat_map(|list| list.split(',')) {
                assert!(name == "-" || Type::named(name).is_some(), "{name}");
            }
        }
    }
}
