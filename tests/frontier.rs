//! `sovitc frontier`: one search over a range of budgets.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn frontier(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("frontier")
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = frontier(&[arguments, &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// At the plan's own budget the trajectory passes through the plan's own answer.
#[test]
fn the_plans_answer_lies_on_the_trajectory() {
    for plan in ["examples/star/plan.sov", "examples/serving/plan.sov"] {
        let points = json(&[plan, "--from", "flagship / 100", "--to", "flagship", "--points", "3"]);
        let points = points["points"].as_array().unwrap();
        assert_eq!(points.len(), 3);
        let out = tempfile::tempdir().unwrap();
        let build = Command::new(env!("CARGO_BIN_EXE_sovitc"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([plan, "--format", "json", "--out"])
            .arg(out.path())
            .output()
            .unwrap();
        let summary: Value = serde_json::from_slice(&build.stdout).unwrap();
        let search = &summary["searches"][0];
        let last = &points[2];
        for axis in ["width", "depth", "mlp_dim"] {
            assert_eq!(last["shape"][axis], search["shape"][axis], "{plan}");
        }
        assert_eq!(last["params"], search["cost"]["params"]);
        assert_eq!(last["frontier"], search["frontier"]);
        let params: Vec<u64> = points.iter().map(|point| point["params"].as_u64().unwrap()).collect();
        assert!(params[0] < params[1] && params[1] < params[2], "{params:?}");
        let predicted = search["predicted"]["value"].as_f64();
        assert_eq!(last["predicted"][0].as_f64(), predicted);
    }
}

#[test]
fn files_hold_every_point() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (svg, csv, json) = (path("a.svg"), path("a.csv"), path("a.json"));
    let output = frontier(&["examples/star/plan.sov", "--points", "7", "--out", &svg, "--out", &csv, "--out", &json]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_path(&csv).unwrap().records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 7);
    for row in &rows {
        let numbers: Vec<f64> = row.iter().filter(|cell| !cell.is_empty()).map(|cell| cell.parse().unwrap()).collect();
        // All but the latency, the time of devices and the cost, which the plan does not ask for.
        assert_eq!(numbers.len(), row.len() - 3, "{row:?}");
        let (low, wanted, high) = (numbers[2], numbers[1], numbers[3]);
        assert!(low <= wanted && wanted <= high, "{row:?}");
    }
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(whole["points"].as_array().unwrap().len(), 7);
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert_eq!((picture.matches("<g ").count(), picture.matches("</g>").count()), (5, 5));
    // Three sizes that the law wants, and four lines of what was chosen.
    assert_eq!((picture.matches("<polyline").count(), picture.matches("<polygon").count()), (7, 3));
    assert!(picture.contains("search encoder of star") && !picture.contains("NaN") && !picture.contains("inf"));
    let again = frontier(&["examples/star/plan.sov", "--points", "7", "--out", &svg]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("is up to date"));
}

#[test]
fn wrong_ranges_searches_and_files_are_named() {
    let star = "examples/star/plan.sov";
    for (arguments, status, said) in [
        (vec![star, "--from", "9 ZFLOP as forward", "--to", "8 ZFLOP as forward"], 1, "S0054"),
        (vec![star, "--from", "3 s"], 1, "`3 s` is no forward or training compute"),
        (vec![star, "--from", "flagshp"], 1, "there is `flagship`"),
        (vec![star, "encodr"], 1, "there is `encoder`"),
        (vec!["examples/so400m/plan.sov"], 1, "name one: `so400m` and `so150m`"),
        (vec![star, "--out", "picture.png"], 1, "S0055"),
        (vec![star, "--points", "1"], 2, "2..=10000"),
        (vec![star, "--out", "README.md/a.svg"], 3, "README.md"),
    ] {
        let output = frontier(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join("picture.png").exists());
}

fn pareto(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("pareto")
        .args(arguments)
        .output()
        .unwrap()
}

/// Along a front loss rises while the number falls, from the least loss to what a preference chooses.
#[test]
fn a_front_trades_loss_for_a_number() {
    for (number, key) in [("latency", "latency"), ("params", "params"), ("flops", "forward_flops_per_example")] {
        let arguments =
            ["examples/star/fast.sov", "fast", "--of", number, "--within", "0.1", "--points", "6", "--format", "json"];
        let output = pareto(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let front: Value = serde_json::from_slice(&output.stdout).unwrap();
        let points = front["points"].as_array().unwrap();
        assert!(points.len() > 2, "{front}");
        for pair in points.windows(2) {
            assert!(pair[0][key].as_f64() > pair[1][key].as_f64(), "{number}: {pair:?}");
            assert!(pair[0]["predicted"][0].as_f64() < pair[1]["predicted"][0].as_f64(), "{number}: {pair:?}");
        }
        assert!(points.iter().all(|point| point["more_loss"].as_f64().unwrap() <= 1e-3 + 1e-12));
        if number == "latency" {
            let out = tempfile::tempdir().unwrap();
            let build = Command::new(env!("CARGO_BIN_EXE_sovitc"))
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .args(["examples/star/fast.sov", "--format", "json", "--out"])
                .arg(out.path())
                .output()
                .unwrap();
            let summary: Value = serde_json::from_slice(&build.stdout).unwrap();
            assert_eq!(points.last().unwrap()["latency"], summary["searches"][1]["preference"]["value"]);
        }
    }
}

#[test]
fn fronts_are_written_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (svg, csv) = (path("a.svg"), path("a.csv"));
    let written = pareto(&["examples/star/fast.sov", "fast", "--points", "5", "--out", &svg, "--out", &csv]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_path(&csv).unwrap().records().collect::<Result<_, _>>().unwrap();
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert_eq!(rows.len(), picture.matches("<circle").count());
    for (arguments, says) in [
        (vec!["examples/star/plan.sov", "--of", "latency"], "does not say what its `latency` is of"),
        (vec!["examples/serving/plan.sov"], "exponents alone"),
        (vec!["examples/star/plan.sov", "--within", "0"], "no share"),
        (vec!["examples/star/fast.sov"], "several searches"),
        (vec!["examples/star/plan.sov", "--out", "a.txt"], "no `.svg`"),
    ] {
        let output = pareto(&arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && error.contains(says), "{arguments:?}: {error}");
    }
}
