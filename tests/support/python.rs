//! The scripts of `tests/trainers`, run by the interpreter that `$SOVIT_PYTHON` names.

#![allow(dead_code, reason = "every test takes what it needs")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Runs one of the check scripts; its standard output, or why it failed.
pub(crate) fn run(script: &str, arguments: &[String], input: &str) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trainers").join(script);
    let mut child = Command::new(interpreter())
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    // A script that ends before it reads closes the pipe; its status says the rest.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// What a script that takes a list of cases says of each: one line of JSON a case.
pub(crate) fn described(script: &str, cases: &[Value]) -> Vec<Value> {
    let said = run(script, &[], &json!(cases).to_string()).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), cases.len(), "{said}");
    lines
}

/// Whether the interpreter imports a package; says why not.
pub(crate) fn has(module: &str) -> Result<(), String> {
    let python = interpreter();
    match Command::new(&python).args(["-c", &format!("import {module}")]).output() {
        Err(error) => Err(format!("{python}: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(format!("{python} cannot import {module}; set SOVIT_PYTHON")),
    }
}

fn interpreter() -> String {
    std::env::var("SOVIT_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}
