//! SET, RESET, SHOW, SET ROLE.

use super::super::execute::{batches_stream, text_rows};
use super::super::parser::fold;
use super::super::session::{Outcome, Session, Status};
use super::super::settings::reported_name;
use crate::error::{Error, Kind, Result};
use crate::txn::Isolation;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::sqlparser::ast::{self, ContextModifier, Expr, Set};
use std::sync::Arc;

/// Runs SET.
pub fn set(session: &mut Session, set: Set) -> Result<Outcome> {
    match set {
        Set::SingleAssignment { scope, variable, values, .. } => {
            let name = variable.to_string().to_lowercase().replace('"', "");
            let values: Vec<String> = values.iter().map(value).collect();
            let value = values.join(", ");
            let local = matches!(scope, Some(ContextModifier::Local));
            if name.starts_with("transaction_") {
                set_mode(session, &name, &value)?;
                return Ok(Outcome::Command("SET".to_owned()));
            }
            if local && session.status() == Status::Idle {
                // Refuses what cannot be set.
                let mut settings = session.settings.clone();
                let said = match value.eq_ignore_ascii_case("default") {
                    true => settings.reset(&name),
                    false => settings.set(&name, &value),
                };
                said?;
                session.notify(
                    "WARNING",
                    Kind::NoActiveTransaction,
                    "SET LOCAL can only be used in transaction blocks",
                );
                return Ok(Outcome::Command("SET".to_owned()));
            }
            session.change_settings(local, |settings| match value.eq_ignore_ascii_case("default") {
                true => settings.reset(&name),
                false => settings.set(&name, &value),
            })?;
        }
        Set::SetTimeZone { local, value: zone } => {
            let zone = match &zone {
                // INTERVAL '+08:00' HOUR TO MINUTE
                Expr::Interval(interval) => value(&interval.value),
                zone => value(zone),
            };
            session.change_settings(local, |settings| match zone.to_lowercase().as_str() {
                "local" | "default" => settings.reset("timezone"),
                _ => settings.set("timezone", &zone),
            })?;
        }
        Set::SetNames { charset_name, .. } => {
            session.change_settings(false, |settings| settings.set("client_encoding", &charset_name.value))?;
        }
        Set::SetNamesDefault {} => session.change_settings(false, |settings| settings.reset("client_encoding"))?,
        Set::SetTransaction { snapshot: Some(_), .. } => {
            return Err(Error::new(Kind::Unsupported, "SET TRANSACTION SNAPSHOT is not supported"));
        }
        Set::SetTransaction { modes, session: true, .. } => session.session_modes(&modes)?,
        Set::SetTransaction { modes, .. } => match session.status() {
            Status::Idle => session.notify(
                "WARNING",
                Kind::NoActiveTransaction,
                "SET TRANSACTION can only be used in transaction blocks",
            ),
            Status::Block | Status::Failed => session.transaction_modes(&modes)?,
        },
        other => return Err(Error::new(Kind::Unsupported, format!("{other} is not supported"))),
    }
    Ok(Outcome::Command("SET".to_owned()))
}

/// SET of what is the open transaction's: the same as SET TRANSACTION.
fn set_mode(session: &mut Session, name: &str, value: &str) -> Result<()> {
    // Refuses values that it cannot have.
    session.settings.clone().set(name, value)?;
    let txn = session.transaction()?;
    match (name, Isolation::from_name(&value.to_lowercase())) {
        ("transaction_isolation", Some(level)) => txn.set_isolation(level),
        ("transaction_read_only", _) => {
            txn.set_read_only(matches!(value.to_lowercase().as_str(), "on" | "true" | "yes" | "1" | "t" | "y"));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn value(expression: &ast::Expr) -> String {
    match expression {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        ast::Expr::Identifier(ident) => fold(ident),
        other => other.to_string(),
    }
}

/// Runs RESET.
pub fn reset(session: &mut Session, reset: ast::ResetStatement) -> Result<Outcome> {
    match reset.reset {
        ast::Reset::ALL => session.reset_settings(),
        ast::Reset::ConfigurationParameter(name) => {
            let name = name.to_string().to_lowercase().replace('"', "");
            session.change_settings(false, |settings| settings.reset(&name))?;
        }
    }
    Ok(Outcome::Command("RESET".to_owned()))
}

/// Runs SHOW.
pub fn show(session: &Session, variable: &[ast::Ident]) -> Result<Outcome> {
    let words: Vec<String> = variable.iter().map(fold).collect();
    let name = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["transaction", "isolation", "level"] => "transaction_isolation".to_owned(),
        ["time", "zone"] => "timezone".to_owned(),
        _ => words.join("."),
    };
    if name == "all" {
        return show_all(session);
    }
    let value = match session.transaction_setting(&name) {
        Some(value) => value,
        None => session.context().0.setting(&name)?.into_owned(),
    };
    text_rows(&reported_name(&name), vec![value], "SHOW")
}

fn show_all(session: &Session) -> Result<Outcome> {
    let context = session.context().0;
    let mut all = Vec::new();
    for (name, _, text) in session.settings.all() {
        all.push((name, context.setting(name)?.into_owned(), text));
    }
    let column = |pick: fn(&(&str, String, &str)) -> String| -> ArrayRef {
        Arc::new(all.iter().map(pick).map(Some).collect::<StringArray>())
    };
    let fields: Vec<_> = ["name", "setting", "description"].map(|name| Field::new(name, DataType::Utf8, true)).into();
    let schema = Arc::new(Schema::new(fields));
    let columns = vec![column(|s| s.0.to_owned()), column(|s| s.1.clone()), column(|s| s.2.to_owned())];
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    Ok(Outcome::Rows { stream: batches_stream(schema.clone(), vec![batch]), schema, tag: "SHOW".to_owned() })
}

/// Runs SET SESSION AUTHORIZATION and its RESET: a session stays that of the role that logged in.
pub fn set_session_authorization(session: &mut Session, role: Option<&str>) -> Result<()> {
    let (context, _) = session.context();
    match role.is_none_or(|role| role == context.snapshot.catalog.role_name(session.login)) {
        true => set_role(session, None),
        false => Err(Error::new(Kind::Unsupported, "SET SESSION AUTHORIZATION to another role is not supported")
            .with_hint("SET ROLE takes the rights of another role.")),
    }
}

/// Runs SET ROLE and RESET ROLE.
pub fn set_role(session: &mut Session, role: Option<&str>) -> Result<()> {
    let Some(name) = role else {
        session.role = session.login;
        return Ok(());
    };
    let (context, _) = session.context();
    let catalog = &context.snapshot.catalog;
    let Some((id, _)) = catalog.role(name) else {
        // The value of a setting to PostgreSQL.
        return Err(Error::new(Kind::InvalidParameter, format!("role \"{name}\" does not exist")));
    };
    let allowed = catalog.is_superuser(session.login) || catalog.memberships(session.login).contains(&id);
    if !allowed {
        return Err(Error::new(Kind::Privilege, format!("permission denied to set role \"{name}\"")));
    }
    session.role = id;
    Ok(())
}
