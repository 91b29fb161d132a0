//! First plans.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

fn sovitc(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sovitc")).current_dir(folder).args(arguments).output().unwrap()
}

/// Writes a plan, holds it to be right and in the one style, and compiles it.
fn begins(folder: &Path, arguments: &[&str]) -> String {
    let output = sovitc(folder, &[&["init"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    let check = sovitc(folder, &["fmt", "--check", "plan.sov"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    let built = sovitc(folder, &["plan.sov", "--out", "out"]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let text = std::fs::read_to_string(folder.join("plan.sov")).unwrap();
    std::fs::remove_file(folder.join("plan.sov")).unwrap();
    text
}

#[test]
fn a_first_plan_compiles_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = begins(folder.path(), &[]);
    assert!(text.contains("let mfu = 0.4\n") && text.contains("64 gpu * 21 day * h200.bf16"), "{text}");
    let text = begins(
        folder.path(),
        &[
            "--image", "384", "--patch", "16", "--heads", "12", "--pool", "class", "--gpus", "8", "--days", "3.5",
            "--device", "a100",
        ],
    );
    assert!(text.contains("pool  = class") && text.contains("8 gpu * 3.5 day * a100.bf16"), "{text}");
}

#[test]
fn a_table_gives_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let star = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/star/star.csv");
    std::fs::copy(star, folder.path().join("star.csv")).unwrap();
    let arguments = ["--table", "star.csv", "--compute", "8 ZFLOP as forward", "--emit", "timm", "--emit", "kernels"];
    let text = begins(folder.path(), &arguments);
    for part in ["column \"mlp_dim\"", "1 - column \"inet_10shot\"", "budget all = 8 ZFLOP as forward", "emit timm"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_wrong_is_written() {
    let folder = tempfile::tempdir().unwrap();
    assert!(sovitc(folder.path(), &["init"]).status.success());
    let again = sovitc(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert!(sovitc(folder.path(), &["init", "--force", "--heads", "12"]).status.success());
    let wrong = sovitc(folder.path(), &["init", "other.sov", "--mfu", "lots", "--heads", "0"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(1) && said.contains("S0402") && said.contains("S0202"), "{said}");
    assert!(!folder.path().join("other.sov").exists());
}
