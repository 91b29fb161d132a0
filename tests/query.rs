//! Questions about the values of a plan.
#![cfg(feature = "cli")]

use std::process::{Command, Output};

use serde_json::Value;

const PLAN: &str = "\
let price = 2.5 $/gpu/h
let mfu = 0.42 +- 0.02
let gpus = 64 gpu
law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
budget flagship = forward(vit_g14) * 16e9 example
budget cluster = (gpus * 21 day * h200.bf16 * mfu) as training
budget range = 2 ZFLOP to 3 ZFLOP as forward
";

fn query(plan: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.sov"), plan).unwrap();
    Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .current_dir(folder.path())
        .args(["query", "plan.sov"])
        .args(arguments)
        .output()
        .unwrap()
}

fn reply(arguments: &[&str]) -> Value {
    let output = query(PLAN, &[arguments, &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(plan: &str, arguments: &[&str]) -> (String, String) {
    let output = query(plan, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stderr).unwrap();
    let first = &report["diagnostics"][0];
    let help = first["help"][0]["edits"][0]["message"].as_str().or(first["help"][0]["message"].as_str());
    (first["code"].as_str().unwrap().to_owned(), help.unwrap().to_owned())
}

fn near(value: &Value, want: f64, tolerance: f64) {
    let value = value.as_f64().unwrap();
    assert!((value / want - 1.0).abs() < tolerance, "{value} is not {want}");
}

#[test]
fn a_budget_is_told_in_every_way_of_counting() {
    let reply = reply(&["budget.flagship", "--on", "h200", "--mfu", "0.42"]);
    let forward = reply["forward_flops"]["value"].as_f64().unwrap();
    near(&reply["training_flops"]["value"], 3.0 * forward, 1e-12);
    let hours = 3.0 * forward / (989.4e12 * 0.42) / 3600.0;
    near(&reply["run"]["gpu_hours"]["value"], hours, 1e-12);
    near(&reply["run"]["dollars"]["value"], 2.5 * hours, 1e-12);
    assert_eq!(reply["run"]["price"]["name"], "price");
    assert_eq!((&reply["origin"]["line"], &reply["origin"]["column"]), (&5.into(), &19.into()));
    assert_eq!(reply["origin"]["text"], "forward(vit_g14) * 16e9 example");
    assert!(reply["forward_flops"]["low"].is_null());
}

#[test]
fn uncertain_values_have_intervals_and_correlations() {
    let reply = reply(&["cluster", "--on", "h200", "--mfu", "mfu"]);
    let flops = &reply["training_flops"];
    assert!(flops["low"].as_f64() < flops["value"].as_f64() && flops["value"].as_f64() < flops["high"].as_f64());
    // The same uncertain share makes the budget and spends it: what is left is the cluster's time, exactly.
    near(&reply["run"]["gpu_hours"]["value"], 64.0 * 21.0 * 24.0, 1e-12);
    assert!(reply["run"]["gpu_hours"]["low"].is_null(), "{reply:#}");
    let range = self::reply(&["range"]);
    near(&range["forward_flops"]["low"], 2e21, 1e-3);
    near(&range["forward_flops"]["high"], 3e21, 1e-3);
}

/// The star of the examples, copied with its table.
fn star() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["plan.sov", "star.csv"] {
        std::fs::copy(format!("examples/star/{file}"), folder.path().join(file)).unwrap();
    }
    folder
}

fn ask(folder: &tempfile::TempDir, question: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
    command.current_dir(folder.path()).args(["query", "plan.sov", question, "--format", "json"]).output().unwrap()
}

#[test]
fn what_laws_and_searches_came_to_is_answered() {
    let folder = star();
    let number = |question: &str| -> [f64; 3] {
        let output = ask(&folder, question);
        assert!(output.status.success(), "{question}: {}", String::from_utf8_lossy(&output.stderr));
        let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
        ["value", "low", "high"].map(|part| reply["value"][part].as_f64().unwrap_or(f64::NAN))
    };
    let law = "law.shape";
    let [s, low, high] = number(&format!("{law}.width.s"));
    assert!(low < s && s < high && s > 0.1 && s < 0.4, "{low} {s} {high}");
    // s = c / (a + b), from the same refits: draw by draw it is the same number.
    let ratio = number(&format!("{law}.c / ({law}.width.a + {law}.width.b) / {law}.width.s"));
    assert!((ratio[0] - 1.0).abs() < 1e-12 && ratio[1].is_nan(), "{ratio:?}");
    // Exponents of one fit share their data exponent, so their ratio is surer than independent ones would be.
    let spread = |[value, low, high]: [f64; 3]| (high - low) / value;
    let [width, depth] = ["width", "depth"].map(|axis| number(&format!("{law}.{axis}.s")));
    let ratio = number(&format!("{law}.width.s / {law}.depth.s"));
    assert!(spread(ratio) < 0.98 * spread(width).hypot(spread(depth)), "{ratio:?} {width:?} {depth:?}");
    // A shape that was chosen, beside what the plan says.
    let [width, ..] = number("search.encoder.width");
    assert!(width % 2.0 == 0.0 && (384.0..2048.0).contains(&width));
    let [examples, low, _] = number("budget.flagship / (search.encoder.flops * search.encoder.examples)");
    assert!((examples - 1.0).abs() < 1e-12 && low.is_nan());
}

#[test]
fn a_result_that_is_not_there_is_told() {
    let folder = star();
    let help = |question: &str| {
        let output = ask(&folder, question);
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(report["diagnostics"][0]["code"], "S0202");
        report["diagnostics"][0]["help"][0].to_string()
    };
    assert!(help("law.shape.widht.s").contains("there is `law.shape.width.s`"));
    assert!(help("search.encoder.colour").contains("after `search.encoder.` there is"));
    assert!(help("search.encoder").contains("`params`"));
    assert!(help("law.other.c").contains("`law.shape.c`"));
    // A plan that is wrong says so itself.
    std::fs::remove_file(folder.path().join("star.csv")).unwrap();
    let output = ask(&folder, "law.shape.width.s");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn any_expression_among_the_values_is_answered() {
    near(&reply(&["range at p95"])["forward_flops"]["value"], 3e21, 1e-3);
    near(&reply(&["let.gpus * 3 day"])["value"]["value"], 64.0 * 3.0 * 86400.0, 1e-12);
    near(&reply(&["cluster / training(flagship)"])["value"]["value"], 1.884, 1e-3);
}

#[test]
fn people_read_the_same() {
    let output = query(PLAN, &["budget.flagship", "--on", "h200", "--mfu", "0.42"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["plan.sov:5:19", "8.54 ZFLOP", "25.6 ZFLOP", "17.1e3 gpu*h", "42800 $", "`price`"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn wrong_questions_are_answered_with_what_is_right() {
    let is = |arguments: &[&str], code: &str, help: &str| {
        assert_eq!(refusal(PLAN, arguments), (code.to_owned(), help.to_owned()), "{arguments:?}");
    };
    is(&["budget.flagshp"], "S0202", "flagship");
    is(&["budget.mfu"], "S0202", "the plan has `flagship`, `cluster` and `range`");
    is(&["flagshp"], "S0202", "flagship");
    is(&["cluster / flagship"], "S0303", "training(flagship)");
    is(&["flagship", "--on", "h20", "--mfu", "0.4"], "S0214", "h200");
    is(&["flagship", "--on", "h200", "--mfu", "0.4", "--number-format", "bf61"], "S0214", "bf16");
    is(&["flagship", "--on", "h200", "--mfu", "42"], "S0402", "write it as `0.42` or as `42 %`");
    is(&["gpus", "--on", "h200", "--mfu", "0.4"], "S0008", "ask for a budget, or say `... as training`");
    is(&["flagship", "--on", "h200", "--mfu", "0.4", "--price", "3 $/gpu"], "S0301", "divide it by a time, in `s`");
    let two = format!("let spot = 1 $/gpu/h\n{PLAN}");
    let asked = ["flagship", "--on", "h200", "--mfu", "0.4"];
    assert_eq!(refusal(&two, &asked), ("S0009".to_owned(), "say which one: `--price spot`".to_owned()));
    assert_eq!(query(PLAN, &["flagship", "--on", "h200"]).status.code(), Some(2));
}
