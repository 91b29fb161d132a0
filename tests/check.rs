//! `sovitc check` for continuous integration: SARIF and GitHub's annotations.
//!
//! The logs of these plans were held to the schema of OASIS by hand; here stands what readers of a log rely on.
#![cfg(feature = "cli")]

use std::fs;
use std::process::Command;

use serde_json::Value;

/// Ten different mistakes and more.
const WRONG: &str = r#"model encoder { image = 224 px, patch = 15 px, heads = 0 }
results r from "a b.csv" { width = column w, examples = column e, eror = column x }
law a = sovvit fitted to r.error
start s { shape = [1, 2, 3] }
budget b = 3 EFLOP + 2 s
budget c = 3 ZFLOPS as forward
search q { widht in 1..2, depth in 9..3, require depth }
emit tim "x/"
emit timm "../x"
"#;

fn check(plan: &str, format: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a plan.sov"), plan).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .args(["check", "a plan.sov", "--format", format])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn log(plan: &str) -> (Option<i32>, Value) {
    let (status, text) = check(plan, "sarif");
    (status, serde_json::from_str(&text).unwrap())
}

#[test]
fn a_log_says_every_mistake_at_its_place() {
    let (status, log) = log(WRONG);
    assert_eq!((status, log["version"].as_str()), (Some(1), Some("2.1.0")));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    let mut codes: Vec<&str> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() >= 10, "{codes:?}");
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20plan.sov");
        let region = &place["region"];
        let [line, column, end_line, end_column] =
            ["startLine", "startColumn", "endLine", "endColumn"].map(|key| region[key].as_u64().unwrap());
        assert!(line >= 1 && column >= 1 && (end_line, end_column) >= (line, column), "{result}");
    }
}

#[test]
fn a_fix_is_what_to_replace_by_what() {
    let (_, log) = log("law a = sovit { width = 0.22, depth = 0.45, mpl = 0.60 }\n");
    let result = &log["runs"][0]["results"][0];
    let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    let region = &replacement["deletedRegion"];
    assert_eq!((region["startColumn"].as_u64(), region["endColumn"].as_u64()), (Some(45), Some(48)));
    assert_eq!(replacement["insertedContent"]["text"], "mlp");
}

#[test]
fn a_plan_without_mistakes_has_an_empty_log() {
    let (status, log) = log("law a = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n");
    assert_eq!((status, log["runs"][0]["results"].as_array().map(Vec::len)), (Some(0), Some(0)));
}

#[test]
fn an_annotation_is_one_line() {
    let (status, text) = check(WRONG, "github");
    assert_eq!(status, Some(1));
    for line in text.lines() {
        assert!(line.starts_with("::error file=a plan.sov,line=") && line.contains(",title=S"), "{line}");
    }
    assert!(text.contains("%0Ahelp: there is `sovit`"), "{text}");
    // A percent sign would begin an escape.
    let (_, text) = check("budget b = 10 % as forward\n", "github");
    assert!(
        !text.is_empty() && text.split('%').skip(1).all(|rest| rest.starts_with("0A") || rest.starts_with("25")),
        "{text}"
    );
}
