//! IN with CASE among what something is compared with.
//!
//! The engine takes for constant what gives a single value for no rows, and looks it up in a set that is made once. A CASE gives its
//! ELSE for no rows, or NULL, whatever its conditions ask.

use super::function::{self, Operator};
use crate::error::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable};

/// The value itself, once for each row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PerRow {
    field: Field,
}

impl Operator for PerRow {
    fn name(&self) -> &'static str {
        "each"
    }

    fn returns(&self) -> Field {
        self.field.clone()
    }

    fn counts_rows(&self) -> bool {
        true
    }

    fn varies(&self) -> bool {
        false
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        Ok(operands[0].to_array(rows)?)
    }
}

/// Whether the engine may take something in a list for constant that is not.
pub fn is_needed(list: &InList) -> DfResult<bool> {
    list.list.iter().try_fold(false, |found, item| Ok(found || decides(item)?))
}

/// The list with what decides by row computed for each row.
pub fn computed(InList { expr, list, negated }: InList, schema: &DFSchema) -> DfResult<Expr> {
    let each = |item: Expr| {
        if !decides(&item)? {
            return Ok(item);
        }
        let field = item.to_field(schema)?.1.as_ref().clone().with_name("").with_nullable(true);
        Ok(function::call(PerRow { field }, vec![item]))
    };
    let list = list.into_iter().map(each).collect::<DfResult<Vec<_>>>()?;
    Ok(Expr::InList(InList { expr, list, negated }))
}

fn decides(item: &Expr) -> DfResult<bool> {
    item.exists(|part| Ok(matches!(part, Expr::Case(_))))
}
