//! pg_cancel_backend(pid) and pg_terminate_backend(pid): what a connection does is stopped, or the connection.

use super::super::activity::Stop;
use super::super::context::Context;
use super::udf::Udf;
use crate::error::{Error, Kind, Result};
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::logical_expr::{ScalarUDF, Signature, Volatility};
use std::sync::Arc;

/// The function of this name.
pub fn scalar(name: &str, context: &Arc<Context>) -> Option<ScalarUDF> {
    let what = match name {
        "pg_cancel_backend" => Stop::Statement,
        "pg_terminate_backend" => Stop::Connection,
        _ => return None,
    };
    let context = context.clone();
    // It must run, and not be computed when the statement is planned.
    let signature = Signature::exact(vec![DataType::Int32], Volatility::Volatile);
    Some(Udf::make(name, signature, Field::new(name, DataType::Boolean, true), move |given, _| {
        let pids = given[0].as_primitive::<Int32Type>();
        let stopped = pids.iter().map(|pid| pid.map(|pid| stop(&context, i64::from(pid), what)).transpose());
        Ok(Arc::new(stopped.collect::<Result<BooleanArray>>()?) as ArrayRef)
    }))
}

/// Stops what a connection does, or the connection: who logged in as the same role, or has its rights, may. False where there is none.
pub fn stop(context: &Context, pid: i64, what: Stop) -> Result<bool> {
    let found = i32::try_from(pid).ok().and_then(|pid| context.database.activities.of_connection(pid));
    let Some((activity, connection)) = found.as_ref().and_then(|of| Some((of, of.connection()?))) else {
        context.warn(format!("PID {pid} is not a PostgreSQL server process"));
        return Ok(false);
    };
    let of_superuser = context.snapshot.catalog.is_superuser(activity.role);
    if of_superuser && !context.is_superuser() {
        let to = if what == Stop::Statement { "cancel superuser query" } else { "terminate superuser process" };
        return Err(Error::new(Kind::Privilege, format!("must be a superuser to {to}")));
    }
    if !context.has_role(activity.role) {
        let whose = match what {
            Stop::Statement => "query is being canceled",
            Stop::Connection => "process is being terminated",
        };
        return Err(Error::new(Kind::Privilege, format!("must be a member of the role whose {whose}")));
    }
    (connection.stop)(what);
    Ok(true)
}
