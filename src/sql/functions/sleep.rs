//! pg_sleep(seconds), pg_sleep_for(interval), pg_sleep_until(timestamptz): a statement that waits.
//!
//! It waits once for each row, on a thread that others do not need meanwhile, and looks all the while whether it should stop. As
//! there are so many such threads and no more, only so many may sleep at once.

use super::super::context::Context;
use super::super::run::blocking;
use super::udf::nothing;
use crate::config::SLEEPERS_MAX;
use crate::error::{Error, Kind, Result};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, FieldRef, Float64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long it sleeps before it looks again whether it should stop.
const LOOK: Duration = Duration::from_millis(10);
/// Days of a month where a length of time is one in seconds.
const MONTH_DAYS: f64 = 30.0;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let (name, takes) = match name {
        "pg_sleep" => ("pg_sleep", DataType::Float64),
        "pg_sleep_for" => ("pg_sleep_for", DataType::Interval(IntervalUnit::MonthDayNano)),
        "pg_sleep_until" => ("pg_sleep_until", utc),
        _ => return None,
    };
    // It must run, and not be computed when the statement is planned.
    let signature = Signature::exact(vec![takes], Volatility::Volatile);
    Some(ScalarUDF::new_from_impl(Sleep { name, signature, context: context.clone() }))
}

struct Sleep {
    name: &'static str,
    signature: Signature,
    context: Arc<Context>,
}

impl ScalarUDFImpl for Sleep {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        Ok(Arc::new(nothing(self.name)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.into_iter().map(|arg| arg.into_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let given = &arrays[0];
        for row in (0..rows).filter(|row| given.is_valid(*row)) {
            sleep(&self.context, seconds(given, row)?)?;
        }
        // PostgreSQL gives nothing at all, which is shown as an empty text.
        let told = (0..rows).map(|row| given.is_valid(row).then_some(""));
        Ok(ColumnarValue::Array(Arc::new(told.collect::<StringArray>()) as ArrayRef))
    }
}

/// How long one row asks for.
fn seconds(given: &ArrayRef, row: usize) -> Result<f64> {
    Ok(match given.data_type() {
        DataType::Interval(_) => {
            let length = given.as_primitive::<IntervalMonthDayNanoType>().value(row);
            let days = f64::from(length.months) * MONTH_DAYS + f64::from(length.days);
            days * 86_400.0 + length.nanoseconds as f64 / 1e9
        }
        DataType::Timestamp(..) => {
            let until = given.as_primitive::<TimestampMicrosecondType>().value(row) as f64 / 1e6;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            until - now.as_secs_f64()
        }
        _ => cast(given, &DataType::Float64)?.as_primitive::<Float64Type>().value(row),
    })
}

/// Those who sleep now.
static SLEEPERS: AtomicUsize = AtomicUsize::new(0);

/// One of those who sleep.
struct Sleeper;

impl Sleeper {
    fn new() -> Result<Self> {
        if SLEEPERS.fetch_add(1, Ordering::Relaxed) >= SLEEPERS_MAX {
            SLEEPERS.fetch_sub(1, Ordering::Relaxed);
            let message = format!("more than {SLEEPERS_MAX} statements sleep at once");
            return Err(Error::new(Kind::LimitExceeded, message));
        }
        Ok(Self)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        SLEEPERS.fetch_sub(1, Ordering::Relaxed);
    }
}

fn sleep(context: &Context, seconds: f64) -> Result<()> {
    let _sleeper = Sleeper::new()?;
    let begun = Instant::now();
    blocking(|| {
        loop {
            context.cancel.check()?;
            let left = seconds - begun.elapsed().as_secs_f64();
            if left.is_nan() || left <= 0.0 {
                return Ok(());
            }
            std::thread::sleep(Duration::try_from_secs_f64(left).unwrap_or(LOOK).min(LOOK));
        }
    })
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Sleep {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Sleep {}

impl Hash for Sleep {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
