//! Peers that are Python libraries: a script beside this file, when Python has what it needs.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Python to ask, by `PEERS_PYTHON` or as the path has it.
fn python() -> String {
    std::env::var("PEERS_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Runs a script of `benches/` with these arguments. It prints one line of JSON; where it lacks a library that is
/// `{"missing": "..."}`. Says why there is no answer.
pub fn ask(script: &str, arguments: &[&str]) -> Result<Value, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(script);
    let output =
        Command::new(python()).arg(path).args(arguments).output().map_err(|error| format!("{}: {error}", python()))?;
    if !output.status.success() {
        return Err(format!("{script} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(text.trim()).map_err(|error| format!("{script}: {error}: {text}"))?;
    match answer.get("missing").and_then(Value::as_str) {
        Some(missing) => Err(format!("{} has no {missing}", python())),
        None => Ok(answer),
    }
}
