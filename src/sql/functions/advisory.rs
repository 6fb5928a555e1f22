//! pg_advisory_lock and its kin.

use super::super::advisory::{Number, Wish};
use super::super::context::Context;
use super::udf::{Udf, nothing};
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use datafusion::logical_expr::{ScalarUDF, Signature, TypeSignature, Volatility};
use std::sync::Arc;

/// What one of them does.
#[derive(Clone, Copy)]
enum Does {
    Lock(Wish),
    Unlock { shared: bool },
    UnlockAll,
}

fn does(name: &str) -> Option<Does> {
    let lock = |wait, of_transaction, shared| Does::Lock(Wish { shared, of_transaction, wait });
    Some(match name {
        "pg_advisory_lock" => lock(true, false, false),
        "pg_advisory_lock_shared" => lock(true, false, true),
        "pg_try_advisory_lock" => lock(false, false, false),
        "pg_try_advisory_lock_shared" => lock(false, false, true),
        "pg_advisory_xact_lock" => lock(true, true, false),
        "pg_advisory_xact_lock_shared" => lock(true, true, true),
        "pg_try_advisory_xact_lock" => lock(false, true, false),
        "pg_try_advisory_xact_lock_shared" => lock(false, true, true),
        "pg_advisory_unlock" => Does::Unlock { shared: false },
        "pg_advisory_unlock_shared" => Does::Unlock { shared: true },
        "pg_advisory_unlock_all" => Does::UnlockAll,
        _ => return None,
    })
}

/// The function of this name. It must run, and not be computed when the statement is planned.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let does = does(name)?;
    let context = context.clone();
    let takes = match does {
        Does::UnlockAll => vec![TypeSignature::Nullary],
        Does::Lock(_) | Does::Unlock { .. } => vec![
            TypeSignature::Exact(vec![DataType::Int64]),
            TypeSignature::Exact(vec![DataType::Int32, DataType::Int32]),
            // Whole numbers of a text are bigint until they are looked at.
            TypeSignature::Exact(vec![DataType::Int64, DataType::Int64]),
        ],
    };
    let tells = matches!(does, Does::Lock(Wish { wait: false, .. }) | Does::Unlock { .. });
    let returns = if tells { Field::new(name, DataType::Boolean, true) } else { nothing(name) };
    let signature = Signature::one_of(takes, Volatility::Volatile);
    Some(Udf::make(name, signature, returns, move |args, rows| {
        let answers = (0..rows).map(|row| one(does, args, row, &context)).collect::<Result<Vec<_>>>()?;
        Ok(match tells {
            true => Arc::new(BooleanArray::from(answers)) as ArrayRef,
            false => Arc::new(answers.iter().map(|said| said.map(|_| "")).collect::<StringArray>()),
        })
    }))
}

/// The answer for a row; NULL where a number is.
fn one(does: Does, args: &[ArrayRef], row: usize, context: &Context) -> Result<Option<bool>> {
    if args.iter().any(|arg| arg.is_null(row)) {
        return Ok(None);
    }
    let number = match args {
        [one] => Number { pair: false, value: one.as_primitive::<Int64Type>().value(row) },
        [high, low] => {
            let part = |of: &ArrayRef| match of.data_type() {
                DataType::Int32 => Ok(of.as_primitive::<Int32Type>().value(row)),
                _ => i32::try_from(of.as_primitive::<Int64Type>().value(row))
                    .map_err(|_| Error::new(Kind::NumericOutOfRange, "integer out of range")),
            };
            // Side by side, the lower half without its sign.
            let value = i64::from(part(high)?) << 32 | i64::from(part(low)? as u32);
            Number { pair: true, value }
        }
        _ => Number { pair: false, value: 0 },
    };
    Ok(Some(match does {
        Does::Lock(wish) => context.advisory.lock(context, number, wish)?,
        Does::Unlock { shared } => {
            let had = context.advisory.unlock(number, shared);
            if !had {
                let kind = if shared { "ShareLock" } else { "ExclusiveLock" };
                context.warn(format!("you don't own a lock of type {kind}"));
            }
            had
        }
        Does::UnlockAll => {
            context.advisory.unlock_all();
            true
        }
    }))
}
