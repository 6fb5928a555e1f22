//! A statement with its names looked up and its types settled: what [`bind`](super::bind) makes and [`run`](super::run) runs.
//!
//! Each SELECT has numbered *slots*, one for each relation of its FROM, then one each for the aggregates, the window functions and
//! the set-returning functions of its select list. A row is a tuple in each slot. A column is named by how many SELECTs
//! further out it is, by its slot, and by its place in the slot's tuple.

use super::super::value::{Relation, Type, Value};
use crate::error::Result;
use std::sync::Arc;

/// The values of one slot.
pub type Tuple = Arc<[Value]>;

/// A column of a query, with the columns inside it if it is a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    pub name: String,
    pub data_type: Type,
    pub fields: Option<Arc<[Output]>>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub node: Node,
    pub data_type: Type,
    pub fields: Option<Arc<[Output]>>,
}

/// What an expression does.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Value(Value),
    /// From 0.
    Param(usize),
    Column {
        up: usize,
        slot: usize,
        at: usize,
    },
    /// A whole row.
    Row {
        up: usize,
        slot: usize,
    },
    Field(Box<Expr>, usize),
    /// To the expression's own type.
    Cast(Box<Expr>),
    /// The value as JSON text.
    Json(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    /// `IS TRUE`, `IS FALSE`
    IsBool(Box<Expr>, bool),
    /// `IS DISTINCT FROM`
    Distinct(Box<Expr>, Box<Expr>),
    Test(Test, Box<Expr>, Box<Expr>),
    Call(Builtin, Vec<Expr>),
    /// A function of the world's.
    World(String, Vec<Expr>),
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Coalesce(Vec<Expr>),
    /// GREATEST, or LEAST.
    Extreme(bool, Vec<Expr>),
    /// `= ANY (array)`; with `all`, `= ALL (array)`.
    Quantified {
        test: Test,
        left: Box<Expr>,
        array: Box<Expr>,
        all: bool,
    },
    QuantifiedQuery {
        test: Test,
        left: Box<Expr>,
        query: Arc<Query>,
        all: bool,
    },
    Exists(Arc<Query>),
    Scalar(Arc<Query>),
    ArrayOf(Arc<Query>),
    Array(Vec<Expr>),
    Record(Vec<Expr>),
    /// The index counts from the number.
    Subscript(Box<Expr>, Box<Expr>, i64),
    Slice {
        base: Box<Expr>,
        low: Option<Box<Expr>>,
        high: Option<Box<Expr>>,
        from: i64,
    },
}

/// A test of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Like { fold: bool, negated: bool, escape: Option<char> },
    Regex { fold: bool, negated: bool },
}

/// A function of values alone.
#[derive(Clone, Copy)]
pub struct Builtin {
    pub name: &'static str,
    /// NULL for a NULL argument, without a call.
    pub strict: bool,
    pub call: fn(&[Value]) -> Result<Value>,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Builtin {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A query.
#[derive(Debug)]
pub struct Query {
    pub id: usize,
    /// Whether it gives the same rows wherever it stands, so that they are computed once.
    pub constant: bool,
    pub ctes: Vec<Cte>,
    pub body: Body,
    /// Over the columns of a body that is no SELECT.
    pub order: Vec<SortKey>,
    pub limit: Option<Expr>,
    pub offset: Option<Expr>,
    pub columns: Arc<[Output]>,
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A query of WITH.
#[derive(Debug)]
pub struct Cte {
    pub id: usize,
    pub query: Arc<Query>,
    /// The recursive term, and whether rows that came before are left out.
    pub step: Option<(Arc<Query>, bool)>,
}

/// What a query is made of.
#[derive(Debug)]
pub enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Query(Arc<Query>),
    /// Queries one after the other, from the left, each brought to the types of the columns.
    Sets(Arc<Query>, Vec<(SetOp, bool, Arc<Query>)>),
}

/// A set operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOp {
    Union,
    Intersect,
    Except,
}

/// A SELECT.
#[derive(Debug)]
pub struct Select {
    /// Slots of FROM; those of aggregates, windows and sets follow.
    pub slots: usize,
    /// Columns of each slot of FROM.
    pub widths: Vec<usize>,
    pub from: Option<From>,
    /// What holds no matter what FROM has.
    pub filter: Vec<Expr>,
    pub grouping: Option<Grouping>,
    pub having: Option<Expr>,
    pub windows: Vec<Window>,
    pub sets: Vec<SetCall>,
    pub items: Vec<Expr>,
    pub distinct: Distinct,
    pub order: Vec<SortKey>,
}

/// DISTINCT.
#[derive(Debug)]
pub enum Distinct {
    No,
    Yes,
    On(Vec<Expr>),
}

/// GROUP BY and the aggregates.
#[derive(Debug)]
pub struct Grouping {
    pub keys: Vec<Expr>,
    pub aggregates: Vec<Aggregate>,
}

/// An aggregate function's call.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub kind: AggregateKind,
    pub args: Vec<Expr>,
    pub distinct: bool,
    pub order: Vec<SortKey>,
    pub filter: Option<Expr>,
    pub data_type: Type,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateKind {
    CountAll,
    Count,
    Min,
    Max,
    Sum,
    Avg,
    BoolAnd,
    BoolOr,
    StringAgg,
    ArrayAgg,
    JsonAgg,
    JsonObjectAgg,
}

/// A window function's call.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub kind: WindowKind,
    pub partition: Vec<Expr>,
    pub order: Vec<SortKey>,
}

/// A window function.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowKind {
    RowNumber,
    Rank,
    DenseRank,
    /// So many rows before, or after.
    Neighbour(Expr, i64),
    /// Over the partition up to the row and its peers.
    Aggregate(Aggregate),
}

/// A sort key.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

/// A FROM clause.
#[derive(Debug)]
pub enum From {
    Leaf { slot: usize, source: Source, filter: Vec<Expr> },
    Join(Box<Join>),
}

/// A join.
#[derive(Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub left: From,
    pub right: From,
    /// Slots of the right side.
    pub right_slots: Vec<usize>,
    pub left_slots: Vec<usize>,
    /// Whether the right side depends on the left one's row.
    pub lateral: bool,
    pub on: Vec<Expr>,
    /// What must hold after the join.
    pub filter: Vec<Expr>,
}

/// A kind of join. A right join is a left one the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Full,
}

/// Where a slot's tuples come from.
#[derive(Debug)]
pub enum Source {
    Relation(Arc<Relation>),
    Query(Arc<Query>),
    Cte(usize),
    /// Functions side by side, with the row's number as a last column.
    Sets(Vec<SetCall>, bool),
}

/// A set-returning function's call.
#[derive(Debug, Clone, PartialEq)]
pub struct SetCall {
    pub kind: SetKind,
    pub args: Vec<Expr>,
    /// Columns of what it gives.
    pub width: usize,
}

/// A set-returning function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetKind {
    Unnest,
    Series,
    /// The array's first index.
    Subscripts(i64),
    ExpandArray,
    /// `name=value` texts as two columns.
    Options,
    /// The words that a name must be quoted for.
    Keywords,
    /// The rights in a list of them, one by one.
    Rights,
    /// What Steward never has any of.
    Nothing,
    /// One row of one value.
    Scalar,
}

impl Expr {
    pub fn new(node: Node, data_type: Type) -> Self {
        Self { node, data_type, fields: None }
    }

    pub fn value(value: Value, data_type: Type) -> Self {
        Self::new(Node::Value(value), data_type)
    }

    pub fn boolean(node: Node) -> Self {
        Self::new(node, Type::Bool)
    }

    pub fn boxed(self) -> Box<Self> {
        Box::new(self)
    }
}
