//! The scripts of `tests/trainers`, run by the interpreters that the environment names.

#![allow(dead_code, reason = "every test takes what it needs")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// An interpreter, by the variable of the environment that names it.
#[derive(Clone, Copy)]
pub(crate) struct Python(&'static str);

/// Has PyTorch and the libraries on it, as with the packages of `tests/requirements-full.txt`.
pub(crate) const TORCH: Python = Python("SOVIT_PYTHON");

/// Has JAX and the libraries on it, as with the packages of `tests/requirements-jax.txt`.
pub(crate) const JAX: Python = Python("SOVIT_JAX");

impl Python {
    /// Runs one of the check scripts; its standard output, or why it failed.
    pub(crate) fn run(self, script: &str, arguments: &[String], input: &str) -> Result<String, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trainers").join(script);
        let mut child = self
            .command()
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
    pub(crate) fn described(self, script: &str, cases: &[Value]) -> Vec<Value> {
        let said = self.run(script, &[], &json!(cases).to_string()).unwrap_or_else(|error| panic!("{error}"));
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), cases.len(), "{said}");
        lines
    }

    /// Whether the interpreter finds a package; says why not. It imports nothing, which would take seconds.
    pub(crate) fn has(self, module: &str) -> Result<(), String> {
        let python = self.interpreter();
        let find = format!("import importlib.util, sys; sys.exit(importlib.util.find_spec({module:?}) is None)");
        match self.command().args(["-c", &find]).output() {
            Err(error) => Err(format!("{python}: {error}")),
            Ok(output) if output.status.success() => Ok(()),
            Ok(_) => Err(format!("{python} has no {module}; set {}", self.0)),
        }
    }

    /// The interpreter, to be given a program.
    pub(crate) fn command(self) -> Command {
        let mut command = Command::new(self.interpreter());
        // Keras runs on TensorFlow unless it is told otherwise.
        command.env("KERAS_BACKEND", "jax");
        command
    }

    fn interpreter(self) -> String {
        std::env::var(self.0).unwrap_or_else(|_| "python3".to_owned())
    }
}

/// [`Python::run`] of [`TORCH`].
pub(crate) fn run(script: &str, arguments: &[String], input: &str) -> Result<String, String> {
    TORCH.run(script, arguments, input)
}

/// [`Python::described`] of [`TORCH`].
pub(crate) fn described(script: &str, cases: &[Value]) -> Vec<Value> {
    TORCH.described(script, cases)
}

/// [`Python::has`] of [`TORCH`].
pub(crate) fn has(module: &str) -> Result<(), String> {
    TORCH.has(module)
}
