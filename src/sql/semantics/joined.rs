//! `string_agg` of values in an order, and with delimiters of each row: an array of them is gathered, and joined here.
//!
//! The engine's takes a delimiter that is a constant, and one order for all aggregates of a query; it takes bytes for texts.

use super::function::{self, Operator};
use super::kept::plain_aggregate;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, ListArray, StringArray, StructArray};
use arrow::compute::{SortColumn, SortOptions, cast, lexsort_to_indices};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{DFSchema, Result as DfResult, not_impl_err, plan_err};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::string_agg::string_agg_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ExprSchemable, Signature, Volatility,
};
use std::any::Any;
use std::sync::{Arc, LazyLock};

const NAME: &str = "string_agg";

static STRING_AGG: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(StringAgg { signature }))
});

/// `string_agg` while a statement is planned, which is of bytes too.
pub fn string_agg() -> Arc<AggregateUDF> {
    STRING_AGG.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct StringAgg {
    signature: Signature,
}

impl AggregateUDFImpl for StringAgg {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(match types {
            [DataType::Binary, _] => DataType::Binary,
            _ => DataType::Utf8,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        match types {
            [DataType::Binary, _] => Ok(vec![DataType::Binary; 2]),
            [_, _] => Ok(vec![DataType::Utf8; 2]),
            _ => plan_err!("Invalid function 'string_agg'"),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        // `joined` leaves none but over windows.
        not_impl_err!("string_agg of bytes over a window")
    }
}

/// The engine's function where it is one of texts.
pub fn of_texts(function: Arc<AggregateUDF>, value: Option<&DataType>) -> Arc<AggregateUDF> {
    let own = (function.inner().as_ref() as &dyn Any).is::<StringAgg>();
    match own && value != Some(&DataType::Binary) {
        true => string_agg_udaf(),
        false => plain_aggregate(function),
    }
}

/// The aggregate that gathers what a `string_agg` joins, and what joins it once it has a name; nothing of a call that the engine's own
/// does.
pub fn joined(expr: &Expr, schema: &DFSchema) -> Option<(Expr, impl FnOnce(Expr) -> Expr + use<>)> {
    let Expr::AggregateFunction(call) = expr else { return None };
    let [value, delimiter] = call.params.args.as_slice() else { return None };
    if call.func.name() != NAME {
        return None;
    }
    let bytes = value.get_type(schema).ok()? == DataType::Binary;
    let constant = matches!(delimiter, Expr::Literal(..));
    if constant && call.params.order_by.is_empty() && !bytes {
        return None;
    }
    let kind = if bytes { DataType::Binary } else { DataType::Utf8 };
    let as_kind = |expr: &Expr| datafusion::logical_expr::cast(expr.clone(), kind.clone());
    let mut params = call.params.clone();
    let mut order = Vec::new();
    let gathered = match constant {
        true => as_kind(value),
        false => {
            if params.distinct {
                // By which of its arguments it is sorted, it being sorted by nothing else.
                for key in std::mem::take(&mut params.order_by) {
                    let at = if key.expr == *delimiter { 1 } else { 0 };
                    order.push((at, !key.asc, key.nulls_first));
                }
                if order.is_empty() {
                    order.push((0, false, false));
                }
            }
            function::call(Pair { kind: kind.clone() }, vec![as_kind(value), as_kind(delimiter)])
        }
    };
    if constant && params.distinct {
        params.order_by.iter_mut().for_each(|key| key.expr = gathered.clone());
    }
    params.args = vec![gathered];
    let gathering = Expr::AggregateFunction(AggregateFunction { func: array_agg_udaf(), params });
    let delimiter = constant.then(|| as_kind(delimiter));
    let operator = Joined { kind, order };
    Some((gathering, move |list| function::call(operator, std::iter::once(list).chain(delimiter).collect())))
}

/// A value beside its delimiter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pair {
    kind: DataType,
}

impl Pair {
    fn fields(&self) -> Fields {
        ["value", "delimiter"].iter().map(|name| Field::new(*name, self.kind.clone(), true)).collect()
    }
}

impl Operator for Pair {
    fn name(&self) -> &'static str {
        "with_delimiter"
    }

    fn returns(&self) -> Field {
        Field::new("", DataType::Struct(self.fields()), false)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let columns = operands.iter().map(|operand| operand.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new(self.fields(), columns, None)?))
    }
}

/// The elements of an array one behind the other, but for NULL: with what is given between them, or each with its own before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Joined {
    kind: DataType,
    /// What elements are sorted by first: which of the two, whether downwards, whether NULL first.
    order: Vec<(usize, bool, bool)>,
}

impl Operator for Joined {
    fn name(&self) -> &'static str {
        "joined"
    }

    fn returns(&self) -> Field {
        Field::new("", self.kind.clone(), true)
    }

    fn evaluate(&self, operands: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let lists = operands[0].to_array(rows)?;
        let lists = lists.as_list_opt::<i32>().ok_or_else(|| Error::internal("an array is no list"))?;
        let constant = match operands.get(1) {
            Some(delimiter) => Some(bytes(&delimiter.to_array(rows)?)?),
            None => None,
        };
        let mut out = BinaryBuilder::new();
        for row in 0..lists.len() {
            let own = constant.as_ref().map(|delimiters| delimiters.as_binary::<i32>());
            let given = own.map(|own| if own.is_valid(row) { own.value(row) } else { &[] });
            match self.one(lists, row, given)? {
                Some(joined) => out.append_value(joined),
                None => out.append_null(),
            }
        }
        let out: ArrayRef = Arc::new(out.finish());
        Ok(match self.kind {
            DataType::Binary => out,
            _ => Arc::new(StringArray::try_from_binary(out.as_binary::<i32>().clone())?),
        })
    }
}

fn bytes(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Binary)?)
}

impl Joined {
    fn one(&self, lists: &ListArray, row: usize, given: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        if lists.is_null(row) {
            return Ok(None);
        }
        let items = lists.value(row);
        let (values, delimiters) = match items.as_struct_opt() {
            Some(pairs) => (bytes(pairs.column(0))?, Some(bytes(pairs.column(1))?)),
            None => (bytes(&items)?, None),
        };
        let places: Vec<usize> = match (self.order.is_empty(), &delimiters) {
            (false, Some(delimiters)) => {
                let column = |&(at, descending, nulls_first): &(usize, bool, bool)| SortColumn {
                    values: if at == 0 { values.clone() } else { delimiters.clone() },
                    options: Some(SortOptions { descending, nulls_first }),
                };
                // What is left to tell rows apart comes behind.
                let rest = [(0, false, false), (1, false, false)];
                let columns: Vec<SortColumn> = self.order.iter().chain(&rest).map(column).collect();
                lexsort_to_indices(&columns, None)?.values().iter().map(|at| *at as usize).collect()
            }
            _ => (0..values.len()).collect(),
        };
        let (values, delimiters) = (values.as_binary::<i32>(), delimiters.as_ref().map(|own| own.as_binary::<i32>()));
        let mut joined: Option<Vec<u8>> = None;
        for at in places.into_iter().filter(|at| values.is_valid(*at)) {
            match &mut joined {
                None => joined = Some(values.value(at).to_vec()),
                Some(joined) => {
                    match (given, delimiters) {
                        (Some(given), _) => joined.extend_from_slice(given),
                        (None, Some(own)) if own.is_valid(at) => joined.extend_from_slice(own.value(at)),
                        _ => {}
                    }
                    joined.extend_from_slice(values.value(at));
                }
            }
        }
        Ok(joined)
    }
}
