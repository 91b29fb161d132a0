//! What several tests share.

#![allow(dead_code, reason = "every test takes what it needs")]

use std::fs;
use std::io::Write as _;
use std::path::Path;

/// A plan whose kernels are small.
pub(crate) const TINY: &str = "
model tiny { image = 56 px, patch = 14 px, heads = 2 }
law shape = sovit { effective = { width = 0.0675, depth = 0.1055, mlp = 0.1633 } }
start small { shape = { width = 96, depth = 2, mlp = 128 }, compute = 0.7 EFLOP as forward }
budget same = 0.7 EFLOP as forward
search tiny {
  width in 64..96 step 16
  depth in 1..3
  mlp in 100..160 step 4
}
";

/// Says aloud that a test cannot run for lack of `tool`: `SKIPPED <test>: <reason>` on standard output, past the
/// capture of the test harness, so that a runner can count it.
///
/// Fails the test instead where `SOVIT_REQUIRE` lists the tool, as in `SOVIT_REQUIRE=cxx,nvrtc`.
pub(crate) fn skip(tool: &str, test: &str, reason: &str) {
    let required = std::env::var("SOVIT_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == tool), "`{tool}` is required, but {reason}");
    // Failing to print must not fail the test.
    let _ = writeln!(std::io::stdout(), "SKIPPED {test}: {reason}");
}

/// Whether everything is tested, as by `tests/run --full`, and not a sample of what takes minutes.
pub(crate) fn is_full() -> bool {
    std::env::var_os("SOVIT_FULL").is_some()
}

/// Copies a folder with all it holds.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
