//! What an expression means in PostgreSQL where the engine takes it to mean something else.
//!
//! Two passes over every plan. [`resolve()`] runs as soon as a statement is planned, before parameters have values: it
//! gives literals the types that PostgreSQL gives them, refuses operators that it has not, and chooses the types of
//! sums, averages, products and quotients. [`Checked`] runs after the engine has brought operands to common types: casts
//! and arithmetic become functions of ours (`cast`, `arithmetic`) that round, check and fail as PostgreSQL's do.

mod above;
mod all_rows;
mod arithmetic;
mod asked;
mod average;
mod beneath;
mod beneath_windows;
mod called;
mod candidates;
mod cases;
mod cast;
mod checked;
mod common;
mod correlated;
mod days;
mod decimal;
mod deviation;
mod digits;
mod elements;
mod enumeration;
mod exact;
mod extreme;
mod fence;
mod filtered;
mod floats;
mod forward;
mod frames;
mod function;
mod furthest;
mod immutable;
mod interval;
mod joined;
mod json;
mod kept;
mod keyed;
mod lateral;
mod lateral_constants;
mod length;
mod listed;
mod lists;
mod marked;
mod math;
mod midnights;
mod moment;
mod moved;
mod multiplied;
mod never;
mod not_in;
mod numbers;
mod operand;
mod operators;
mod per_row;
mod planner;
mod quick;
mod recursive;
mod regex;
mod relations;
mod resolve;
mod rules;
mod series;
mod session_zone;
mod signatures;
mod squares;
mod sums;
mod truncated;
mod truths;
mod whole_groups;
mod wide;
mod windows;
mod zone;

pub use all_rows::ALL as ALL_ROWS;
pub use asked::{ASKED, asked};
pub use average::average;
pub use called::{called, missing};
pub use candidates::{is_scalar, name_of};
pub use cases::{cases, name_of as case_name};
pub use checked::{Checked, checked};
pub use correlated::{asks, converts, joined};
pub use digits::with_digits;
pub use fence::WithFences;
pub use immutable::changes;
pub use joined::string_agg;
pub use kept::{Arrays, kept, kept_aggregate};
pub use listed::{Lists, is_mixed};
pub use marked::as_field;
pub use midnights::days_compared;
pub use moment::DATE_PART;
pub use operators::truth;
pub use planner::Operators;
pub use recursive::working_table;
pub use regex::{compiled as compiled_regex, said as said_regex};
pub use relations::Relations;
pub use resolve::{is_unknown as is_open_literal, lend_as, resolve, resolve_argument, resolve_expression};
pub use rules::rules;
pub use session_zone::SessionZone;
pub use wide::WIDE;

use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::utils::merge_schema;

/// What the expressions of a plan may name: the columns of its inputs, or of the table that it scans.
fn input_schema(plan: &LogicalPlan) -> DfResult<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = plan {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    Ok(schema)
}
