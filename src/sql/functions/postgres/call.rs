//! One of these functions as the engine's.

use super::super::super::missing;
use super::super::super::semantics::name_of;
use super::super::super::values::convert;
use super::choose::{Chosen, Given};
use super::declared::{Body, Declared, Wanted};
use super::made::{Args, Made, column};
use crate::catalog::SqlType;
use crate::encoding::pg_text::{Cell, Column};
use crate::error::{Error, Result};
use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The arguments of a batch.
pub struct Whole<'a> {
    /// The arrays, all of one length.
    pub arrays: &'a [ArrayRef],
    /// Their fields.
    pub fields: &'a [FieldRef],
    /// That length.
    pub rows: usize,
}

/// All functions of a name.
pub struct Postgres {
    declared: &'static Declared,
    signature: Signature,
}

impl Postgres {
    /// These functions.
    pub fn new(declared: &'static Declared) -> Self {
        Self { declared, signature: Signature::user_defined(declared.volatility) }
    }

    /// Whether a call takes a value of any type at this place, as it is.
    pub fn takes_anything(&self, at: usize) -> bool {
        self.declared.overloads.iter().any(|overload| overload.wanted(at) == Some(&Wanted::Any))
    }

    /// The one that takes such arguments.
    ///
    /// # Errors
    ///
    /// `UndefinedFunction` if none does.
    pub fn choose(&self, given: &[Given]) -> Result<Chosen<'static>> {
        self.declared.choose(given).ok_or_else(|| {
            let named = || given.iter().map(named).collect::<Vec<_>>();
            let name = self.declared.name;
            no_operator(name, given).unwrap_or_else(|| missing::function(name, &named()))
        })
    }
}

/// That there is no such operator, where a function stands for one: those of JSON.
pub fn no_operator(function: &str, given: &[Given]) -> Option<Error> {
    let sign = match function {
        "json_object_field" | "json_array_element" => "->",
        "json_object_field_text" | "json_array_element_text" => "->>",
        "json_at_path" => "#>",
        "json_at_path_text" => "#>>",
        "jsonb_exists" => "?",
        "jsonb_exists_any" => "?|",
        "jsonb_exists_all" => "?&",
        "jsonb_delete_path" => "#-",
        "jsonb_contains" => "@>",
        _ => return None,
    };
    let [left, right] = given else { return None };
    Some(missing::operator(&format!("{} {sign} {}", named(left), named(right))))
}

fn named(given: &Given) -> String {
    match given {
        Given::Open => "unknown".to_owned(),
        Given::Type(sql_type) => name_of(sql_type),
        Given::Other => "record".to_owned(),
    }
}

impl Given {
    /// What a field tells of an argument.
    pub fn of(field: &Field) -> Self {
        match (field.data_type(), SqlType::from_field(field)) {
            (DataType::Null, _) => Self::Open,
            (DataType::Struct(_), _) | (_, Err(_)) => Self::Other,
            (_, Ok(sql_type)) => Self::Type(sql_type),
        }
    }

    /// The same where a constant is known, whose type may still be open.
    fn of_constant(field: &Field, constant: Option<&ScalarValue>) -> Self {
        match constant {
            Some(ScalarValue::Utf8(_)) if field.metadata().is_empty() => Self::Open,
            // Numbers are `bigint` until their types are settled.
            Some(ScalarValue::Int64(Some(n))) if i32::try_from(*n).is_ok() => Self::Type(SqlType::Int4),
            _ => Self::of(field),
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("name", &self.declared.name).finish_non_exhaustive()
    }
}

impl PartialEq for Postgres {
    fn eq(&self, other: &Self) -> bool {
        self.declared.name == other.declared.name
    }
}

impl Eq for Postgres {}

impl Hash for Postgres {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declared.name.hash(state);
    }
}

impl ScalarUDFImpl for Postgres {
    fn name(&self) -> &str {
        self.declared.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        let given: Vec<Given> = types.iter().map(|t| Given::of(&Field::new("", t.clone(), true))).collect();
        Ok(self.choose(&given)?.gives.arrow())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        let given = args.arg_fields.iter().zip(args.scalar_arguments);
        let given: Vec<Given> = given.map(|(field, constant)| Given::of_constant(field, *constant)).collect();
        Ok(Arc::new(self.choose(&given)?.gives.field(self.declared.name)))
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        let given: Vec<Given> = types
            .iter()
            .map(|data_type| match data_type {
                // It may be a quoted literal.
                DataType::Utf8 => Given::Open,
                other => Given::of(&Field::new("", other.clone(), true)),
            })
            .collect();
        // What takes no such arguments says so when it is asked for its result, in words that reach the user whole.
        let Ok(chosen) = self.choose(&given) else { return Ok(types.to_vec()) };
        let types = types.iter().zip(&chosen.takes).map(|(have, wanted)| match wanted {
            Some(SqlType::Numeric(_)) if have.is_integer() => DataType::Decimal128(20, 0),
            Some(wanted) => wanted.arrow(),
            None => have.clone(),
        });
        Ok(types.collect())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let constant = self.declared.volatility != datafusion::logical_expr::Volatility::Volatile
            && args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let result = self.run(arrays, &args.arg_fields, rows)?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?),
            false => ColumnarValue::Array(result),
        })
    }
}

/// The array in the one form of several that Arrow has of its type.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => cast(array, &DataType::Utf8)?,
        DataType::LargeBinary | DataType::BinaryView => cast(array, &DataType::Binary)?,
        DataType::Dictionary(_, values) => cast(array, values)?,
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) | DataType::List(item) => {
            let of = match item.data_type() {
                DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
                DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
                other => other.clone(),
            };
            let form = DataType::List(Arc::new(item.as_ref().clone().with_data_type(of)));
            if *array.data_type() == form { array.clone() } else { cast(array, &form)? }
        }
        _ => array.clone(),
    })
}

impl Postgres {
    fn run(&self, mut arrays: Vec<ArrayRef>, fields: &[FieldRef], rows: usize) -> Result<ArrayRef> {
        let given: Vec<Given> = fields.iter().map(|field| Given::of(field)).collect();
        let chosen = self.choose(&given)?;
        let mut fields = fields.to_vec();
        for array in &mut arrays {
            *array = plain(array)?;
        }
        for (at, wanted) in chosen.takes.iter().enumerate() {
            if let Some(wanted) = wanted
                && *arrays[at].data_type() != wanted.arrow()
                && chosen.overload.wanted(at) != Some(&Wanted::Any)
                && !(matches!(wanted, SqlType::Numeric(_))
                    && matches!(arrays[at].data_type(), DataType::Decimal128(..)))
            {
                // As many places as there is room for.
                if let (SqlType::Numeric(_), DataType::Decimal256(_, scale)) = (wanted, arrays[at].data_type()) {
                    let narrow = SqlType::Numeric(Some((38, (*scale).min(16))));
                    arrays[at] = convert(&fields[at], &arrays[at], &narrow)?;
                    continue;
                }
                arrays[at] = convert(&fields[at], &arrays[at], wanted)?;
                fields[at] = Arc::new(wanted.field(""));
            }
        }
        match chosen.overload.body {
            Body::Whole(body) => body(&Whole { arrays: &arrays, fields: &fields, rows }),
            Body::Each(body) => {
                let columns: Vec<Column<'_>> =
                    arrays.iter().zip(&fields).map(|(array, field)| Column::new(field, array.as_ref())).collect();
                let mut made = Vec::with_capacity(rows);
                for row in 0..rows {
                    let cells: Vec<Option<Cell<'_>>> = columns.iter().map(|column| column.cell(row)).collect();
                    made.push(match chosen.overload.strict && cells.iter().any(Option::is_none) {
                        true => Made::Null,
                        false => body(&Args(&cells))?,
                    });
                }
                column(made, &chosen.gives)
            }
        }
    }
}
