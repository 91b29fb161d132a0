//! Emitted configs of candle, built by candle's own SigLIP encoder and held to what was priced.
//!
//! `SOVIT_CANDLE` names the program that `tests/trainers/candle` builds.
//! Where it is missing the test is skipped aloud, or fails where `SOVIT_REQUIRE` lists `candle`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sovitc::plan::Target;
use sovitc::vit::Architecture;

use crate::built::{emit_all, is_built};
use crate::support;

/// Odd and published sizes that are small enough to hold: candle has no weights without numbers.
const SIZES: [[u64; 4]; 5] = [[192, 12, 768, 3], [88, 2, 120, 4], [64, 1, 239, 1], [96, 2, 392, 4], [328, 3, 1048, 8]];

#[test]
fn candle_builds_what_was_priced() {
    let Some(program) = std::env::var_os("SOVIT_CANDLE").filter(|program| !program.is_empty()) else {
        return support::skip("candle", "candle_builds_what_was_priced", "SOVIT_CANDLE names no program");
    };
    let out = tempfile::tempdir().unwrap();
    let base = Architecture::default();
    let architectures = [base, Architecture { norm_epsilon: 1e-5, channels: 4, ..base }];
    let all = emit_all(Target::Candle, &SIZES, &architectures, out.path());
    assert_eq!(all.len(), 2 * SIZES.len());
    let cases: Vec<Value> = all.iter().map(|built| json!({ "path": built.path, "forward": true })).collect();
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(Value::from(cases).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.lines().count() == all.len(), "{said}");
    for (line, built) in said.lines().zip(&all) {
        is_built(&serde_json::from_str(line).unwrap(), built);
    }
}
