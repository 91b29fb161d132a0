//! `sovitc fmt`, as a user meets it, and the plans of this repository, which are in its style.
#![cfg(feature = "cli")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sovitc::source::Sources;
use sovitc::syntax::format;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn is_in_style(name: &str, text: &str) -> bool {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    // Those with mistakes are there to be refused.
    format(&sources, id).map_or(true, |formatted| formatted == text)
}

#[test]
fn every_plan_here_is_in_the_style() {
    let mut plans = Vec::new();
    files(&root(), "sov", &mut plans);
    assert!(plans.len() >= 10, "{plans:?}");
    for path in plans {
        let text = fs::read_to_string(&path).unwrap();
        assert!(is_in_style(&path.to_string_lossy(), &text), "run `sovitc fmt {}`", path.display());
    }
}

#[test]
fn every_plan_in_the_documents_is_in_the_style() {
    let mut pages = Vec::new();
    files(&root(), "md", &mut pages);
    let mut shown = 0;
    for path in pages {
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("```sov\n").skip(1) {
            let plan = block.split("```").next().unwrap();
            assert!(is_in_style(&path.to_string_lossy(), plan), "{}:\n{plan}", path.display());
            shown += 1;
        }
    }
    assert!(shown >= 2);
}

const UNTIDY: &str = "budget b=3 ZFLOP as forward // much\n\n\n\nlaw l = sovit{width=0.22,depth=0.45,mlp=0.60}";
const TIDY: &str =
    "budget b = 3 ZFLOP as forward  // much\n\nlaw l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n";

fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .arg("fmt")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn files_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sov");
    fs::write(&path, UNTIDY).unwrap();
    let checked = run(folder.path(), &["--check", "a.sov"], "");
    assert_eq!((checked.status.code(), stdout(&checked).as_str()), (Some(1), "would change a.sov\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), UNTIDY);

    let written = run(folder.path(), &["a.sov"], "");
    assert_eq!((written.status.code(), stdout(&written).as_str()), (Some(0), "formatted a.sov\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), TIDY);
    for arguments in [&["a.sov"][..], &["--check", "a.sov"]] {
        let again = run(folder.path(), arguments, "");
        assert_eq!((again.status.code(), stdout(&again).as_str()), (Some(0), ""));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside the plan");
}

#[test]
fn standard_input_comes_out_in_the_style() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["-"], UNTIDY);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), TIDY));
    let checked = run(folder.path(), &["--check", "-"], UNTIDY);
    assert_eq!((checked.status.code(), stdout(&checked).as_str()), (Some(1), ""));
}

#[test]
fn a_plan_with_mistakes_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sov");
    fs::write(&path, "budget b 3 ZFLOP").unwrap();
    let output = run(folder.path(), &["a.sov", "missing.sov"], "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("S0102") && said.contains("S0001") && said.contains("the plan is left as it is"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "budget b 3 ZFLOP");
}
