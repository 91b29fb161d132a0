//! What the README shows is what the commands print.
//! `SOVIT_UPDATE=1 cargo test --test readme` writes it anew.
#![cfg(feature = "cli")]

mod support;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn outputs_are_those_of_the_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("README.md");
    let old = fs::read_to_string(&path).unwrap();
    let mut new = String::new();
    let mut shown = 0;
    let mut rest = old.as_str();
    // A block that opens with ```console holds `$ sovitc ...` and its output.
    while let Some(at) = rest.find("```console\n$ sovitc ") {
        let (before, block) = rest.split_at(at);
        let (block, after) = block["```console\n".len()..].split_once("\n```").unwrap();
        let command = block.lines().next().unwrap().trim_start_matches("$ ");
        new.extend([before, "```console\n$ ", command, "\n", &run(root, command), "```"]);
        rest = after;
        shown += 1;
    }
    new += rest;
    assert!(shown >= 1, "no example in the README");
    if env::var_os("SOVIT_UPDATE").is_some() {
        fs::write(&path, &new).unwrap();
    } else {
        assert!(new == old, "README.md is stale: run `SOVIT_UPDATE=1 cargo test --test readme`\n{new}");
    }
}

fn run(root: &Path, command: &str) -> String {
    let out = tempfile::tempdir().unwrap();
    // Beside a copy of the examples, so that no file of the checkout is touched.
    support::copy(&root.join("examples"), &out.path().join("examples"));
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .args(command.split_whitespace().skip(1))
        .current_dir(out.path())
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}
