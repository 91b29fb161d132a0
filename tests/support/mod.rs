//! What several tests share.

#![allow(dead_code, reason = "every test takes what it needs")]

use std::fs;
use std::io::Write as _;
use std::path::Path;

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
