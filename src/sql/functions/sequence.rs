//! nextval, currval, lastval, setval, and the name of the sequence of a column.

use super::super::context::Context;
use super::super::sequences;
use super::args;
use super::udf::{Udf, any_of};
use crate::error::{Error, Kind, Result};
use crate::sql::pg_catalog::identifier::{qualified, quoted};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Functions that count: each call of one is another.
pub const COUNTING: [&str; 4] = ["nextval", "currval", "lastval", "setval"];

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    if name == "pg_get_serial_sequence" {
        let of = context.clone();
        let field = Field::new(name, DataType::Utf8, true);
        return Some(Udf::make(name, any_of(&[2]), field, move |args, rows| serial_sequences(&of, args, rows)));
    }
    let name = COUNTING.iter().find(|known| **known == name)?;
    let counts: &[usize] = match *name {
        "setval" => &[2, 3],
        "lastval" => &[],
        _ => &[1],
    };
    let mut signatures: Vec<TypeSignature> = counts.iter().map(|count| TypeSignature::Any(*count)).collect();
    if signatures.is_empty() {
        signatures.push(TypeSignature::Nullary);
    }
    let signature = Signature::one_of(signatures, Volatility::Volatile);
    Some(ScalarUDF::new_from_impl(Counting { name, signature, context: context.clone() }))
}

/// A function that counts. It is called for each row, though its arguments are constants.
#[derive(Clone)]
struct Counting {
    name: &'static str,
    signature: Signature,
    context: Arc<Context>,
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Counting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for Counting {}

impl Hash for Counting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Counting {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        // A sequence that is named by a constant must be there before the first row is.
        if let Some(Some(ScalarValue::Utf8(Some(name)))) = args.scalar_arguments.first() {
            sequences::must_find(&self.context, name)?;
        }
        Ok(Arc::new(Field::new(self.name, DataType::Int64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.into_iter().map(|arg| arg.into_array(rows)).collect::<DfResult<Vec<_>>>()?;
        Ok(ColumnarValue::Array(self.values(&arrays, rows)?))
    }
}

impl Counting {
    fn values(&self, arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let context = self.context.as_ref();
        if self.name == "lastval" {
            return Ok(Arc::new(Int64Array::from(vec![sequences::latest(context)?; rows])));
        }
        let Some(names) = arrays.first() else { return Err(crate::wording::missing::named(self.name)) };
        let names = args::texts(names)?;
        if self.name == "nextval"
            && names.null_count() == 0
            && names.iter().flatten().all(|name| name == names.value(0))
            && rows > 0
        {
            let sequence = sequences::must_find(context, names.value(0))?;
            return Ok(Arc::new(Int64Array::from(sequences::next(context, sequence, rows)?)));
        }
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            if arrays.iter().any(|array| array.is_null(row)) {
                values.push(None);
                continue;
            }
            let sequence = sequences::must_find(context, names.value(row))?;
            values.push(Some(match self.name {
                "nextval" => sequences::next(context, sequence, 1)?.first().copied().unwrap_or_default(),
                "currval" => sequences::current(context, sequence)?,
                _ => self.set(sequence, arrays, row)?,
            }));
        }
        Ok(Arc::new(values.into_iter().collect::<Int64Array>()))
    }

    fn set(
        &self,
        sequence: (crate::catalog::ObjectId, &crate::catalog::Sequence),
        arrays: &[ArrayRef],
        row: usize,
    ) -> Result<i64> {
        let number = |array: &ArrayRef| -> Result<i64> {
            let one = cast(&array.slice(row, 1), &DataType::Int64).map_err(|_| {
                Error::new(Kind::UndefinedFunction, "function setval takes a bigint as second argument")
            })?;
            match one.is_null(0) {
                true => Err(Error::new(Kind::NumericOutOfRange, "bigint out of range")),
                false => Ok(one.as_primitive::<Int64Type>().value(0)),
            }
        };
        let value = arrays.get(1).map(number).transpose()?.unwrap_or_default();
        let given = match arrays.get(2) {
            None => true,
            Some(flags) => {
                let flag = cast(&flags.slice(row, 1), &DataType::Boolean)?;
                flag.as_boolean().value(0)
            }
        };
        sequences::set(&self.context, sequence, value, given)?;
        Ok(value)
    }
}

fn serial_sequences(context: &Context, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (tables, columns) = (args::texts(&args[0])?, args::texts(&args[1])?);
    let one = |row: usize| -> Result<Option<String>> {
        if tables.is_null(row) || columns.is_null(row) {
            return Ok(None);
        }
        serial_sequence(context, tables.value(row), columns.value(row))
    };
    Ok(Arc::new((0..rows).map(one).collect::<Result<StringArray>>()?))
}

/// The sequence that goes with a column, as a statement would write it.
pub fn serial_sequence(context: &Context, table: &str, column: &str) -> Result<Option<String>> {
    let (schema, name) = qualified(table)?;
    let (schema, name) = context.resolve(schema.as_deref(), &name);
    let catalog = &context.snapshot.catalog;
    let Some((id, facts)) = catalog.table(&schema, &name) else {
        return Err(Error::new(Kind::UndefinedTable, format!("relation \"{table}\" does not exist")));
    };
    if facts.column_index(column).is_none() {
        let message = format!("column \"{column}\" of relation \"{name}\" does not exist");
        return Err(Error::new(Kind::UndefinedColumn, message));
    }
    let of_column = |sequence: &crate::catalog::Sequence| {
        sequence.owned_by.as_ref().is_some_and(|(_, owned_by)| owned_by == column)
    };
    let found = catalog.sequences_of(id).map(|(_, sequence)| sequence).find(|sequence| of_column(sequence));
    Ok(found.map(|sequence| format!("{}.{}", quoted(&sequence.schema), quoted(&sequence.name))))
}
