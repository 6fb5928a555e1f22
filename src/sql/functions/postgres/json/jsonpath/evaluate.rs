//! What a path finds in a value.

use super::super::order::order_key;
use super::super::tree::Tree;
use super::{Accessor, Compare, Fault, Method, Node, number};
use crate::error::{Error, Kind};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Items that a path has found: parts of the value, or made on the way.
pub type Items<'a> = Vec<Cow<'a, Tree>>;

/// True, false or unknown.
pub type Truth = Option<bool>;

/// Finds what paths mean in one value.
pub struct Evaluator<'a> {
    root: &'a Tree,
    variables: Option<&'a Tree>,
    lax: bool,
}

/// Where a part of a path stands: the item of the condition around it, and the length of the array whose places it tells.
#[derive(Clone, Copy)]
struct Place<'p> {
    current: &'p Tree,
    length: Option<usize>,
}

fn soft<T>(kind: Kind, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::soft(Error::new(kind, message.into())))
}

impl<'a> Evaluator<'a> {
    /// For a value and the variables of a path.
    pub fn new(root: &'a Tree, variables: Option<&'a Tree>, lax: bool) -> Self {
        Self { root, variables, lax }
    }

    /// What a whole path finds.
    pub fn items(&self, node: &Node) -> Result<Items<'a>, Fault> {
        self.of(node, Place { current: self.root, length: None })
    }

    fn of(&self, node: &Node, place: Place<'_>) -> Result<Items<'a>, Fault> {
        Ok(match node {
            Node::Root => vec![Cow::Borrowed(self.root)],
            Node::Current => vec![Cow::Owned(place.current.clone())],
            Node::Literal(value) => vec![Cow::Owned(value.clone())],
            Node::Variable(name) => match self.variables.map(|variables| variables.member(name)) {
                Some(Some(value)) => vec![Cow::Borrowed(value)],
                // An operator is given none.
                None => vec![Cow::Owned(Tree::Null)],
                Some(None) => {
                    let message = format!("could not find jsonpath variable \"{name}\"");
                    return Err(Fault { error: Error::new(Kind::UndefinedObject, message), hard: true });
                }
            },
            Node::Last => match place.length {
                Some(length) => vec![Cow::Owned(Tree::Number((length as i64 - 1).to_string()))],
                None => {
                    let message = "LAST is allowed only in array subscripts";
                    return Err(Fault { error: Error::new(Kind::Syntax, message), hard: true });
                }
            },
            Node::Access(of, accessors) => {
                let of = self.of(of, place)?;
                accessors.iter().try_fold(of, |items, accessor| self.accessed(items, accessor, place))?
            }
            Node::Signed { negative, of } => {
                let items = self.unwrapped(self.of(of, place)?);
                let signed = items.into_iter().map(|item| match item.as_ref() {
                    Tree::Number(digits) if *negative => Ok(Cow::Owned(Tree::Number(number::negated(digits)))),
                    Tree::Number(_) => Ok(item),
                    _ => {
                        let sign = if *negative { '-' } else { '+' };
                        let message = format!("operand of unary jsonpath operator {sign} is not a numeric value");
                        soft(Kind::JsonNumber, message)
                    }
                });
                signed.collect::<Result<_, _>>()?
            }
            Node::Sum(sum, left, right) => {
                let operand = |node: &Node, side: &str| -> Result<String, Fault> {
                    match self.unwrapped(self.of(node, place)?).as_slice() {
                        [one] if let Tree::Number(digits) = one.as_ref() => Ok(digits.clone()),
                        _ => {
                            let sign = sum.sign();
                            let message =
                                format!("{side} operand of jsonpath operator {sign} is not a single numeric value");
                            soft(Kind::JsonSingleton, message)
                        }
                    }
                };
                let (left, right) = (operand(left, "left")?, operand(right, "right")?);
                vec![Cow::Owned(number::sum(*sum, &left, &right)?)]
            }
            _ => vec![Cow::Owned(self.truth(node, place)?.map_or(Tree::Null, Tree::Bool))],
        })
    }

    /// Elements in the place of arrays, in lax mode.
    fn unwrapped(&self, items: Items<'a>) -> Items<'a> {
        match self.lax && items.iter().any(|item| matches!(item.as_ref(), Tree::Array(_))) {
            true => items.into_iter().flat_map(elements).collect(),
            false => items,
        }
    }

    fn accessed(&self, items: Items<'a>, accessor: &Accessor, place: Place<'_>) -> Result<Items<'a>, Fault> {
        // What is for objects and numbers is for the elements of an array.
        let unwraps = match accessor {
            Accessor::Member(_) | Accessor::AnyMember | Accessor::Filter(_) => true,
            Accessor::Method(method) => !matches!(method, Method::Type | Method::Size),
            _ => false,
        };
        let items = if unwraps { self.unwrapped(items) } else { items };
        let mut found = Vec::new();
        for item in items {
            match accessor {
                Accessor::Member(key) => self.member(item, key, &mut found)?,
                Accessor::AnyMember => match item.as_ref() {
                    Tree::Object(_) => found.extend(children(item)),
                    _ if self.lax => {}
                    _ => {
                        let message = "jsonpath wildcard member accessor can only be applied to an object";
                        return soft(Kind::JsonObject, message);
                    }
                },
                Accessor::AnyLevel(from, to) => below(item, 0, (*from, *to), &mut found),
                Accessor::AnyElement => match item.as_ref() {
                    Tree::Array(_) => found.extend(elements(item)),
                    _ if self.lax => found.push(item),
                    _ => {
                        let message = "jsonpath wildcard array accessor can only be applied to an array";
                        return soft(Kind::JsonArray, message);
                    }
                },
                Accessor::Elements(ranges) => self.elements(item, ranges, place, &mut found)?,
                Accessor::Filter(condition) => {
                    if self.truth(condition, Place { current: item.as_ref(), ..place })? == Some(true) {
                        found.push(item);
                    }
                }
                Accessor::Method(method) => self.method(item, *method, &mut found)?,
            }
        }
        Ok(found)
    }

    fn member(&self, item: Cow<'a, Tree>, key: &str, found: &mut Items<'a>) -> Result<(), Fault> {
        let is_object = matches!(item.as_ref(), Tree::Object(_));
        let member = match item {
            Cow::Borrowed(tree) => tree.member(key).map(Cow::Borrowed),
            Cow::Owned(tree) => tree.member(key).cloned().map(Cow::Owned),
        };
        match member {
            Some(member) => found.push(member),
            None if self.lax => {}
            None if is_object => {
                return soft(Kind::JsonMember, format!("JSON object does not contain key \"{key}\""));
            }
            None => {
                return soft(Kind::JsonMember, "jsonpath member accessor can only be applied to an object");
            }
        }
        Ok(())
    }

    fn elements(
        &self,
        item: Cow<'a, Tree>,
        ranges: &[(Node, Option<Node>)],
        place: Place<'_>,
        found: &mut Items<'a>,
    ) -> Result<(), Fault> {
        let all = match item.as_ref() {
            Tree::Array(_) => elements(item),
            _ if self.lax => vec![item],
            _ => return soft(Kind::JsonArray, "jsonpath array accessor can only be applied to an array"),
        };
        let within = Place { length: Some(all.len()), ..place };
        for (from, to) in ranges {
            let from = self.subscript(from, within)?;
            let to = match to {
                Some(to) => self.subscript(to, within)?,
                None => from,
            };
            let length = all.len() as i64;
            if !self.lax && (from < 0 || from > to || to >= length) {
                return soft(Kind::JsonSubscript, "jsonpath array subscript is out of bounds");
            }
            for at in from.max(0)..=to.min(length - 1) {
                found.extend(all.get(at as usize).cloned());
            }
        }
        Ok(())
    }

    fn subscript(&self, node: &Node, place: Place<'_>) -> Result<i64, Fault> {
        match self.of(node, place)?.as_slice() {
            [one] if let Tree::Number(digits) = one.as_ref() => match number::place(digits) {
                Some(at) => Ok(at),
                None => soft(Kind::JsonSubscript, "jsonpath array subscript is out of integer range"),
            },
            _ => soft(Kind::JsonSubscript, "jsonpath array subscript is not a single numeric value"),
        }
    }

    fn method(&self, item: Cow<'a, Tree>, method: Method, found: &mut Items<'a>) -> Result<(), Fault> {
        let of_number = |name: &str| -> Result<String, Fault> {
            match item.as_ref() {
                Tree::Number(digits) => Ok(digits.clone()),
                _ => {
                    let message = format!("jsonpath item method .{name}() can only be applied to a numeric value");
                    soft(Kind::JsonItem, message)
                }
            }
        };
        let made = match method {
            Method::Type => Tree::Text(item.kind().to_owned()),
            Method::Size => match item.as_ref() {
                Tree::Array(items) => Tree::Number(items.len().to_string()),
                _ if self.lax => Tree::Number("1".to_owned()),
                _ => {
                    return soft(Kind::JsonArray, "jsonpath item method .size() can only be applied to an array");
                }
            },
            Method::Abs => Tree::Number(of_number("abs")?.trim_start_matches('-').to_owned()),
            Method::Floor => number::rounded(&of_number("floor")?, false)?,
            Method::Ceiling => number::rounded(&of_number("ceiling")?, true)?,
            Method::Double => {
                let (Tree::Number(text) | Tree::Text(text)) = item.as_ref() else {
                    let message = "jsonpath item method .double() can only be applied to a string or numeric value";
                    return soft(Kind::JsonItem, message);
                };
                match number::double(text) {
                    Some(value) => value,
                    None => {
                        let of = if matches!(item.as_ref(), Tree::Text(_)) { "string" } else { "numeric value" };
                        let message = format!(
                            "{of} argument of jsonpath item method .double() is not a valid representation of a double \
                             precision number"
                        );
                        return soft(Kind::JsonItem, message);
                    }
                }
            }
            Method::KeyValue => {
                let Tree::Object(members) = item.as_ref() else {
                    let message = "jsonpath item method .keyvalue() can only be applied to an object";
                    return soft(Kind::JsonObject, message);
                };
                let id = match item.as_ref() == self.root {
                    true => 0,
                    false => id_of(self.root, item.as_ref()).unwrap_or(0),
                };
                found.extend(members.iter().map(|(key, value)| {
                    Cow::Owned(Tree::object(vec![
                        ("id".to_owned(), Tree::Number(id.to_string())),
                        ("key".to_owned(), Tree::Text(key.clone())),
                        ("value".to_owned(), value.clone()),
                    ]))
                }));
                return Ok(());
            }
        };
        found.push(Cow::Owned(made));
        Ok(())
    }

    /// A condition; what cannot be told is unknown.
    fn truth(&self, node: &Node, place: Place<'_>) -> Result<Truth, Fault> {
        Ok(match node {
            Node::And(left, right) => match self.truth(left, place)? {
                Some(false) => Some(false),
                left => match (left, self.truth(right, place)?) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            },
            Node::Or(left, right) => match self.truth(left, place)? {
                Some(true) => Some(true),
                left => match (left, self.truth(right, place)?) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            },
            Node::Not(of) => self.truth(of, place)?.map(|truth| !truth),
            Node::IsUnknown(of) => Some(self.truth(of, place)?.is_none()),
            Node::Exists(of) => self.quietly(of, place)?.map(|items| !items.is_empty()),
            Node::Compare(how, left, right) => {
                self.any(left, Some(right), place, |left, right| compared(*how, left, right?))?
            }
            Node::StartsWith(of, with) => self.any(of, Some(with), place, |of, with| match (of, with?) {
                (Tree::Text(text), Tree::Text(with)) => Some(text.starts_with(with.as_str())),
                _ => None,
            })?,
            Node::LikeRegex(of, pattern) => self.any(of, None, place, |of, _| match of {
                Tree::Text(text) => Some(pattern.is_match(text)),
                _ => None,
            })?,
            // What is no condition is one by its value.
            _ => match self.quietly(node, place)?.as_deref() {
                Some([one]) => match one.as_ref() {
                    Tree::Bool(value) => Some(*value),
                    _ => None,
                },
                _ => None,
            },
        })
    }

    /// Items within a condition; none where they cannot be found.
    fn quietly(&self, node: &Node, place: Place<'_>) -> Result<Option<Items<'a>>, Fault> {
        match self.of(node, place) {
            Ok(items) => Ok(Some(items)),
            Err(fault) if fault.hard => Err(fault),
            Err(_) => Ok(None),
        }
    }

    /// Whether a condition holds for any pair of items. In strict mode all pairs are looked at, and one that cannot be told counts.
    fn any(
        &self,
        left: &Node,
        right: Option<&Node>,
        place: Place<'_>,
        holds: impl Fn(&Tree, Option<&Tree>) -> Truth,
    ) -> Result<Truth, Fault> {
        let Some(left) = self.quietly(left, place)? else { return Ok(None) };
        let left = self.unwrapped(left);
        let right = match right {
            None => None,
            Some(node) => match self.quietly(node, place)? {
                Some(items) => Some(self.unwrapped(items)),
                None => return Ok(None),
            },
        };
        let rights: Vec<Option<&Tree>> = match &right {
            None => vec![None],
            Some(items) => items.iter().map(|item| Some(item.as_ref())).collect(),
        };
        let (mut found, mut unknown) = (false, false);
        for left in &left {
            for right in &rights {
                match holds(left, *right) {
                    Some(true) if self.lax => return Ok(Some(true)),
                    Some(true) => found = true,
                    Some(false) => {}
                    None if self.lax => unknown = true,
                    None => return Ok(None),
                }
            }
        }
        Ok(if found { Some(true) } else { (!unknown).then_some(false) })
    }
}

fn elements(item: Cow<'_, Tree>) -> Vec<Cow<'_, Tree>> {
    match item {
        Cow::Borrowed(Tree::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Owned(Tree::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        other => vec![other],
    }
}

/// The elements of an array, the members of an object.
fn children(item: Cow<'_, Tree>) -> Vec<Cow<'_, Tree>> {
    match item {
        Cow::Borrowed(Tree::Object(members)) => members.iter().map(|(_, value)| Cow::Borrowed(value)).collect(),
        Cow::Owned(Tree::Object(members)) => members.into_iter().map(|(_, value)| Cow::Owned(value)).collect(),
        Cow::Borrowed(Tree::Array(_)) | Cow::Owned(Tree::Array(_)) => elements(item),
        _ => Vec::new(),
    }
}

/// What is so many levels below an item. The last level there is has no number: it is that of scalars.
fn below<'a>(item: Cow<'a, Tree>, level: usize, (from, to): (usize, usize), found: &mut Vec<Cow<'a, Tree>>) {
    let inner = children(item.clone());
    let is_meant = if from == usize::MAX { inner.is_empty() } else { level >= from && level <= to };
    if is_meant {
        found.push(item);
    }
    if level < to {
        inner.into_iter().for_each(|child| below(child, level + 1, (from, to), found));
    }
}

/// A number of an object within a value.
fn id_of(root: &Tree, item: &Tree) -> Option<usize> {
    fn count<'t>(tree: &'t Tree, item: &Tree, seen: &mut usize) -> Option<usize> {
        if tree == item {
            return Some(*seen);
        }
        *seen += 1;
        let inner: Box<dyn Iterator<Item = &'t Tree>> = match tree {
            Tree::Array(items) => Box::new(items.iter()),
            Tree::Object(members) => Box::new(members.iter().map(|(_, value)| value)),
            _ => return None,
        };
        for child in inner {
            if let Some(found) = count(child, item, seen) {
                return Some(found);
            }
        }
        None
    }
    count(root, item, &mut 0)
}

fn compared(how: Compare, left: &Tree, right: &Tree) -> Truth {
    let order = match (left, right) {
        (Tree::Null, Tree::Null) => Ordering::Equal,
        // Nothing else is equal to null, nor before or behind it.
        (Tree::Null, _) | (_, Tree::Null) => return Some(how == Compare::NotEqual),
        (Tree::Bool(a), Tree::Bool(b)) => a.cmp(b),
        (Tree::Text(a), Tree::Text(b)) => a.cmp(b),
        (Tree::Number(a), Tree::Number(b)) => order_key(a)?.cmp(&order_key(b)?),
        _ => return None,
    };
    Some(match how {
        Compare::Equal => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
    })
}
