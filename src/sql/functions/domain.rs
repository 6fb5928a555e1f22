//! `CAST(value AS domain)`: the value as the type below, once what the domain asks for is looked at.
//!
//! In a statement such a cast becomes a call of the domain's own function (`rewrite::domains`), which the planner makes with the
//! conditions as they are then.

use super::super::dml::{no_null, violated};
use crate::catalog::{Domain, ObjectId};
use crate::error::Error;
use arrow::array::{Array, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::PhysicalExpr;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// How names of such functions begin; the domain's id follows.
const TO_DOMAIN: &str = "to domain ";

/// The name of a domain's function.
pub fn domain_cast_name(id: ObjectId) -> String {
    format!("{TO_DOMAIN}{id}")
}

/// The domain whose function has this name.
pub fn cast_to_domain(name: &str) -> Option<ObjectId> {
    name.strip_prefix(TO_DOMAIN)?.parse().ok()
}

/// A domain's function, whose conditions are over a column of one value.
pub fn domain_cast(domain: Domain, checks: Vec<Arc<dyn PhysicalExpr>>) -> ScalarUDF {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(ToDomain { domain, checks, signature })
}

#[derive(Debug)]
struct ToDomain {
    domain: Domain,
    checks: Vec<Arc<dyn PhysicalExpr>>,
    signature: Signature,
}

impl PartialEq for ToDomain {
    fn eq(&self, other: &Self) -> bool {
        self.domain == other.domain
    }
}

impl Eq for ToDomain {}

impl Hash for ToDomain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.domain.schema, &self.domain.name, self.checks.len()).hash(state);
    }
}

impl ToDomain {
    fn field(&self) -> Field {
        self.domain.base.field(&self.domain.name)
    }
}

impl ScalarUDFImpl for ToDomain {
    fn name(&self) -> &str {
        &self.domain.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.domain.base.arrow())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        Ok(Arc::new(self.field()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return Err(Error::internal("a domain has one value").into());
        };
        let constant = matches!(value, ColumnarValue::Scalar(_));
        let values = value.to_array(if constant { 1 } else { args.number_rows })?;
        // NULL of no type is of this one.
        let values = match values.data_type() {
            DataType::Null => arrow::array::new_null_array(&self.domain.base.arrow(), values.len()),
            _ => values,
        };
        if self.domain.not_null && values.null_count() > 0 {
            return Err(no_null(&self.domain).into());
        }
        let schema = Arc::new(Schema::new(vec![self.domain.base.field("value")]));
        let options = RecordBatchOptions::new().with_row_count(Some(values.len()));
        let batch = RecordBatch::try_new_with_options(schema, vec![values.clone()], &options)?;
        for (check, known) in self.checks.iter().zip(&self.domain.checks) {
            let result = check.evaluate(&batch)?.into_array(values.len())?;
            let holds = result.as_any().downcast_ref::<BooleanArray>();
            if holds.is_none_or(|holds| holds.iter().any(|value| value == Some(false))) {
                return Err(violated(&self.domain, &known.name).into());
            }
        }
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    }
}
