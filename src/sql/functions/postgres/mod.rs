//! PostgreSQL's functions that the engine has not, or has with other answers.
//!
//! Each file declares a family of them as PostgreSQL's catalogue does (`quote_ident(text) text`) beside what they do with one
//! row. [`declared`] reads the declarations, [`choose`] finds the one that a call means by PostgreSQL's rules for types, and
//! [`call`] is the engine's function: it casts the arguments, answers NULL to NULL where a function is strict, and runs it.
//!
//! A declaration begins with `!` if a function gives something else each time, with `?` if it wants to see NULL; what may be
//! left out ends with `?`, and `...any` takes as many arguments as there are.

mod arrays;
mod bytes;
mod call;
mod choose;
mod declared;
mod format;
mod intervals;
mod json;
mod made;
mod moments;
mod networks;
mod numbers;
mod ranked;
mod regexps;
mod template;
mod texts;
mod truncation;
mod vectors;

pub use call::{Postgres, no_operator};
pub use choose::Given;
pub use networks::of_operator as network_operator;
pub use truncation::Unit;
pub use vectors::of_operator as vector_operator;

use datafusion::logical_expr::ScalarUDF;
use declared::{Declaration, Declared, read};
use std::any::Any;
use std::collections::HashMap;
use std::sync::LazyLock;

/// All functions by their names.
static FUNCTIONS: LazyLock<HashMap<&'static str, Declared>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Declared> = HashMap::new();
    for (text, body) in declarations() {
        if let Some((name, overload)) = read(text, *body) {
            all.entry(name).or_insert_with(|| Declared::new(name, text)).overloads.push(overload);
        }
    }
    all
});

fn declarations() -> impl Iterator<Item = &'static Declaration> {
    [
        texts::FUNCTIONS,
        format::FUNCTIONS,
        numbers::FUNCTIONS,
        ranked::FUNCTIONS,
        arrays::FUNCTIONS,
        bytes::FUNCTIONS,
        regexps::FUNCTIONS,
        intervals::FUNCTIONS,
        moments::FUNCTIONS,
        truncation::FUNCTIONS,
        template::FUNCTIONS,
        vectors::FUNCTIONS,
        networks::FUNCTIONS,
    ]
    .into_iter()
    .chain(json::FAMILIES.iter().copied())
    .flatten()
}

/// Whether a function takes a value of any type at this place, as it is.
pub fn takes_anything(function: &ScalarUDF, at: usize) -> bool {
    let function = function.inner().as_ref() as &dyn Any;
    function.downcast_ref::<Postgres>().is_some_and(|function| function.takes_anything(at))
}

/// The function of this name.
pub fn scalar(name: &str) -> Option<ScalarUDF> {
    FUNCTIONS.get(name).map(|declared| ScalarUDF::new_from_impl(Postgres::new(declared)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_declarations_are_read() {
        for (text, body) in declarations() {
            assert!(read(text, *body).is_some(), "{text}");
        }
    }
}
