//! `sovitc fit`, as a user meets it: tables and plans in, fits out, and what is wrong with the arguments.
#![cfg(feature = "cli")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs in the checkout.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
    command.arg("fit").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("COLUMNS");
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The answer of a fit that succeeds.
#[track_caller]
fn answer(arguments: &[&str]) -> Vec<Value> {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// What stands on stderr where the process ends with this status and answers nothing.
#[track_caller]
fn refused(status: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert!(stdout(&output).is_empty() && !text.contains("panicked"), "{text}");
    text
}

const CHINCHILLA: &str = "tests/data/chinchilla/svg_extracted_data.csv";
const N: &str = "n=`Model Size`";
const D: &str = "d=`Training FLOP` / (6 * `Model Size`)";

fn chinchilla<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&[CHINCHILLA, "--law", "chinchilla", "--bind", N, "--bind", D], more].concat()
}

/// The keys of an object in their order.
fn keys(text: &str) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("    \"")) {
        keys.extend(line.trim().trim_start_matches('"').split('"').next());
    }
    keys
}

#[test]
fn a_table_is_fitted_without_a_plan() {
    // The variable `loss` is not bound, and the table has a column of its name.
    let fits = answer(&chinchilla(&[
        "--where",
        "loss < 3.4",
        "--hold-out",
        "`Training FLOP` > 1e21",
        "--draws",
        "0",
        "--format",
        "json",
    ]));
    let [fit] = fits.as_slice() else { panic!("{fits:?}") };
    assert_eq!((&fit["group"], &fit["law"]), (&serde_json::json!({}), &Value::from("chinchilla")));
    let value = |name: &str| fit["parameters"][name]["value"].as_f64().unwrap();
    assert!((1.5..2.1).contains(&value("E")) && (0.2..0.6).contains(&value("alpha")), "{fit:#}");
    assert!(fit["parameters"]["E"]["low"].is_null() && fit["parameters"]["E"]["high"].is_null());
    let (rows, held) = (fit["rows"].as_u64().unwrap(), fit["hold_out"]["rows"].as_u64().unwrap());
    assert!(rows > 100 && held > 3 && fit["hold_out"]["rmse_log"].as_f64().unwrap() < 0.05, "{fit:#}");
    assert!(fit["objective"]["value"].as_f64().unwrap() > 0.0 && fit["objective"]["name"].is_string());
    assert!(fit["starts"]["tried"].as_u64() >= fit["starts"]["at_best"].as_u64() && fit["termination"].is_string());
}

#[test]
fn fields_and_parameters_keep_their_order() {
    let text = stdout(&run(&chinchilla(&["--format", "json"])));
    let fields = [
        "group",
        "law",
        "rows",
        "parameters",
        "objective",
        "hold_out",
        "termination",
        "starts",
        "scores",
        "rollout",
        "findings",
    ];
    assert_eq!(keys(&text), fields);
    let parameters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("      \"")?.strip_suffix("\": {")).collect();
    assert_eq!(parameters[..5], ["A", "B", "E", "alpha", "beta"]);
}

#[test]
fn several_laws_are_ranked_by_the_largest_compute() {
    let more = ["--bind", N, "--bind", D, "--where", "loss < 3.9", "--draws", "0", "--format", "json"];
    let fits = answer(&[&[CHINCHILLA, "--law", "kaplan,chinchilla"], &more[..]].concat());
    let error = |i: usize| fits[i]["rollout"][0]["rmse_log"].as_f64().unwrap();
    assert!(fits.len() == 2 && error(0) <= error(1), "{fits:#?}");
    assert!(fits.iter().all(|fit| fit["scores"]["loo"].as_f64().unwrap() > 0.0), "{fits:#?}");
    let one = answer(&chinchilla(&["--rollout", "--draws", "0", "--format", "json"]));
    assert_eq!(one[0]["rollout"].as_array().unwrap().len(), 3);
}

/// The codes of the findings about each parameter that is shown.
fn codes(fit: &Value) -> Vec<(String, String)> {
    let findings = fit["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings.map(|finding| (text(finding, "code"), text(finding, "message"))).collect()
}

#[test]
fn narrow_ranges_identify_no_exponent() {
    let fits = answer(&[
        "tests/data/vit-bench-101/autoformer.csv",
        "--law",
        "joint",
        "--bind",
        "mlp=width * mlp_ratio_mean",
        "--bind",
        "t=depth * width * width * (4 + 2 * mlp_ratio_mean) * 1e11",
        "--bind",
        "f=1 - c100_base_acc / 100",
        "--format",
        "json",
    ]);
    let found = codes(&fits[0]);
    for name in ["a_width", "a_depth", "a_mlp", "b_width", "b_depth", "b_mlp", "c", "s_width", "s_depth", "s_mlp"] {
        let is_told = |(code, message): &(String, String)| {
            ["not-identified", "at-bound"].contains(&code.as_str()) && message.contains(&format!("`{name}`"))
        };
        assert!(found.iter().any(is_told), "{name}: {found:#?}");
    }
}

#[test]
fn gemstones_identify_no_coefficient_by_itself() {
    let fits = answer(&[
        "tests/data/gemstones/hot.jsonl",
        "--law",
        "gemstones",
        "--bind",
        "params=params_active_precise",
        "--bind",
        "loss=final_loss",
        "--objective",
        "published",
        "--cluster",
        "run_name",
        "--format",
        "json",
    ]);
    assert!(fits[0]["objective"]["value"].as_f64().unwrap() <= 1.11878e-4, "{}", fits[0]["objective"]);
    let found = codes(&fits[0]);
    for name in ["A", "B", "G", "D", "beta"] {
        let is_told =
            |(code, message): &(String, String)| code == "not-identified" && message.contains(&format!("`{name}`"));
        assert!(found.iter().any(is_told), "{name}: {found:#?}");
    }
    assert!(found.iter().any(|(code, _)| code == "checkpoints"), "{found:#?}");
}

#[test]
fn draws_give_intervals_and_a_seed_repeats_them() {
    let fit = |seed: &str| stdout(&run(&chinchilla(&["--draws", "40", "--seed", seed, "--format", "json"])));
    let first = fit("7");
    assert_eq!(first, fit("7"));
    assert_ne!(first, fit("8"));
    let fits: Vec<Value> = serde_json::from_str(&first).unwrap();
    let alpha = &fits[0]["parameters"]["alpha"];
    let number = |name: &str| alpha[name].as_f64().unwrap();
    assert!(number("low") < number("value") && number("value") < number("high"), "{alpha}");
}

/// Groups of curves, of which one has too few rows.
fn groups() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "Task,Model Name,N,D,Loss\n".to_owned();
    for (task, e) in [("a", 1.5), ("b, c", 1.2)] {
        for i in 0..30 {
            let (n, d) = (1e6 * 1.5_f64.powi(i % 6), 1e8 * 2.0_f64.powi(i / 6));
            let loss = e + 300.0 * n.powf(-0.35) + 900.0 * d.powf(-0.37);
            writeln!(table, "\"{task}\",x,{n},{d},{loss}").unwrap();
        }
    }
    table += "short,x,1e6,1e8,2.5\nshort,x,2e6,1e8,2.4\n";
    fs::write(folder.path().join("runs.csv"), table).unwrap();
    let path = folder.path().join("runs.csv").to_str().unwrap().to_owned();
    (folder, path)
}

const GROUPS: [&str; 11] = [
    "--law",
    "chinchilla",
    "--bind",
    "n=N",
    "--bind",
    "d=D",
    "--bind",
    "loss=Loss",
    "--group-by",
    "Task,`Model Name`",
    "--format",
];

#[test]
fn a_group_that_cannot_be_fitted_does_not_lose_the_others() {
    let (_folder, path) = groups();
    let arguments = [&[path.as_str()], &GROUPS[..], &["json"]].concat();
    let fits = answer(&arguments);
    let tasks: Vec<&str> = fits.iter().map(|fit| fit["group"]["Task"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["a", "b, c", "short"]);
    for (fit, e) in fits.iter().zip([1.5, 1.2]) {
        assert!((fit["parameters"]["E"]["value"].as_f64().unwrap() / e - 1.0).abs() < 1e-3, "{fit:#}");
        assert_eq!((fit["rows"].as_u64(), &fit["hold_out"]), (Some(30), &Value::Null));
    }
    let short = &fits[2];
    assert_eq!(short["parameters"], serde_json::json!({}));
    assert!(short["objective"].is_null() && short["starts"].is_null() && short["termination"].is_null());
    assert_eq!((short["rows"].as_u64(), &short["findings"][0]["code"]), (Some(2), &"too-few-points".into()));

    let alone = [&arguments[..], &["--where", "Task == \"short\""]].concat();
    let output = run(&alone);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&stdout(&output)).unwrap().len(), 1);
}

#[test]
fn a_table_of_fits_has_a_line_a_group() {
    let (_folder, path) = groups();
    let text = stdout(&run(&[&[path.as_str()], &GROUPS[..], &["csv"]].concat()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("Task,Model Name,law,rows,A,A_low,A_high,B,"), "{text}");
    assert!(lines[0].ends_with(",hold_out_rows,hold_out_rmse_log,termination,starts_tried,starts_at_best,findings"));
    assert!(lines[2].starts_with("\"b, c\",x,chinchilla,30,"), "{text}");
    assert!(lines[3].starts_with("short,x,chinchilla,2,,,") && lines[3].ends_with(",too-few-points"), "{text}");
}

#[test]
fn people_see_tables_of_80_columns_and_findings_with_their_group() {
    let (_folder, path) = groups();
    let output = run(&[&[path.as_str()], &GROUPS[..], &["human"]].concat());
    let (text, found) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert!(text.starts_with("law chinchilla, 3 groups, 1 not fitted, Model Name x\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(found.contains("error[S0521]") && found.contains("in the group Task short, Model Name x"), "{found}");
    assert!(!found.contains('\r'), "a picture of progress where no terminal is");
}

#[test]
fn examples_become_compute_by_the_model() {
    let star = ["examples/star/star.csv", "--law", "joint", "--bind", "f=1 - inet_10shot", "--bind", "mlp=mlp_dim"];
    let by_examples =
        ["--bind", "examples=examples_seen", "--image", "224", "--patch", "14", "--heads", "16", "--pool", "map"];
    let fits = answer(&[&star[..], &by_examples, &["--format", "json"]].concat());
    // The exponents that `examples/star/generate.rs` planted.
    for (name, truth) in [("s_width", 0.22), ("s_depth", 0.45), ("s_mlp", 0.60)] {
        let value = fits[0]["parameters"][name]["value"].as_f64().unwrap();
        assert!((value / truth - 1.0).abs() < 0.25, "{name} {value}");
    }
    let missing = refused(1, &[&star[..], &by_examples[..4]].concat());
    assert!(missing.contains("give `--patch`, `--heads` and `--pool`"), "{missing}");
    let unused = refused(1, &[&star[..], &["--bind", "t=examples_seen"], &by_examples[2..]].concat());
    assert!(unused.contains("error[S0045]"), "{unused}");
    let heads = by_examples.map(|argument| if argument == "16" { "7" } else { argument });
    let wrong = refused(1, &[&star[..], &heads].concat());
    assert!(wrong.contains("7 heads do not divide the width 256") && wrong.contains("star.csv:2"), "{wrong}");
    assert!(wrong.contains("more rows like this"), "{wrong}");
    let neither = refused(1, &star);
    assert!(neither.contains("law `joint` needs `t`") && neither.contains("`examples` may be bound"), "{neither}");
}

#[test]
fn a_plan_is_fitted_without_a_search() {
    let folder = tempfile::tempdir().unwrap();
    let curves = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/curves");
    for name in ["plan.sov", "curves.csv"] {
        fs::copy(curves.join(name), folder.path().join(name)).unwrap();
    }
    let plan = folder.path().join("plan.sov");
    let plan = plan.to_str().unwrap();
    let fits = answer(&[plan, "--format", "json"]);
    let of: Vec<_> = fits.iter().map(|f| (f["law"].as_str().unwrap(), f["group"]["Model"].as_str().unwrap())).collect();
    assert_eq!(of[..2], [("curve", "ViT/S/16"), ("curve", "ViT/B/16")]);
    assert_eq!(of[2..], [("m2", "ViT/S/16"), ("m2", "ViT/B/16"), ("m4", "ViT/S/16"), ("m4", "ViT/B/16")]);
    assert_eq!(fits[0]["hold_out"]["rows"], 310);
    assert_eq!(answer(&[plan, "--law", "m4", "--format", "json"]), fits[4..]);
    let unknown = refused(1, &[plan, "--law", "m44"]);
    assert!(unknown.contains("the plan has no law `m44`") && unknown.contains("there is `m4`"), "{unknown}");
    let misplaced = refused(2, &[plan, "--bind", "x=1"]);
    assert!(misplaced.contains("`--bind` is for tables"), "{misplaced}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something was written");
}

#[test]
fn every_form_is_listed_with_its_variables() {
    let forms: Vec<Value> = serde_json::from_str(&stdout(&run(&["--law", "list", "--format", "json"]))).unwrap();
    let chinchilla = forms.iter().find(|form| form["name"] == "chinchilla").unwrap();
    let names: Vec<&str> =
        chinchilla["variables"].as_array().unwrap().iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["n", "d", "loss"]);
    let text = stdout(&run(&["--law", "list"]));
    for form in &forms {
        assert!(text.contains(form["name"].as_str().unwrap()), "{text}");
        assert!(!form["formula"].as_str().unwrap().is_empty() && !form["source"].as_str().unwrap().is_empty());
        assert!(form["variables"].as_array().unwrap().iter().all(|v| !v["meaning"].as_str().unwrap().is_empty()));
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn wrong_arguments_are_marked_in_their_text() {
    let cases: [(&[&str], &str); 10] = [
        (
            &["--where", "loss = 3"],
            "\
error[S0101]: expected the end of the expression, found `=`
 --> --where:1:6
  |
1 | loss = 3
  |      ^ expected the end of the expression
  |
help: compare with `==`
  |
1 | loss == 3
  |       +
",
        ),
        (
            &["--bind", "x=loss"],
            "\
error[S0042]: law `chinchilla` has no variable `x`
 --> --bind:1:1
  |
1 | x=loss
  | ^ not a variable of this law
",
        ),
        (
            &["--bind", "n=loss"],
            "\
error[S0043]: `n` is bound twice
 --> --bind:1:1
  |
1 | n=loss
  | ^ bound again here
",
        ),
        (
            &["--bind", "loss=Loss"],
            "\
error[S0504]: `tests/data/chinchilla/svg_extracted_data.csv` has no column `Loss`
 --> --bind:1:6
  |
1 | loss=Loss
  |      ^^^^ not in the header
",
        ),
        (&["--hold-out", "colour == \"#fff\""], "  | ^^^^^^ not in the header"),
        (&["--where", "loss"], "error[S0401]: a condition must be true or false"),
        (&["--where", "loss > 1e9"], "error[S0510]: no row"),
        (&["--group-by", "color,`Model  Size`"], "  |       ^^^^^^^^^^^^^ not in the header"),
        (&["--cluster", "run"], " --> --cluster:1:1"),
        (&["--group-by", "color,"], "error[S0101]: expected a column's name, found nothing"),
    ];
    for (more, said) in cases {
        let text = refused(1, &chinchilla(more));
        assert!(text.contains(said), "{more:?}: {text}");
        let json = refused(1, &chinchilla(&[more, &["--format", "json"]].concat()));
        assert!(serde_json::from_str::<Value>(&json).is_ok(), "{json}");
    }
}

#[test]
fn what_is_bound_to_nothing_is_listed() {
    let text = refused(1, &[CHINCHILLA, "--law", "chinchilla"]);
    assert!(text.contains("error[S0041]: law `chinchilla` needs `n` and `d`"), "{text}");
    assert!(text.contains("`d`: training tokens or examples"), "{text}");
    assert!(text.contains("--bind n='`COLUMN`' --bind d='`COLUMN`'"), "{text}");
    assert!(text.contains("its columns: `x`, `y`, `color`, `Model Size`"), "{text}");
}

#[test]
fn a_form_that_is_not_known_has_a_near_name() {
    let text = refused(1, &[CHINCHILLA, "--law", "chinchila"]);
    assert!(text.contains("error[S0211]: there is no law of the form `chinchila`"), "{text}");
    assert!(text.contains("help: there is `chinchilla`"), "{text}");
}

#[test]
fn usage_is_told_with_status_2() {
    for (arguments, said) in [
        (&[][..], "name a table, or a plan"),
        (&[CHINCHILLA], "say which form to fit"),
        (&[CHINCHILLA, "--law", "chinchilla", "--objective", "huber:abc"], "`huber:1e-3`"),
        (&[CHINCHILLA, "--law", "chinchilla", "--objective", "relativ"], "there is `relative`"),
        (&[CHINCHILLA, "--law", "chinchilla", "--starts", "0"], "--starts"),
        (&[CHINCHILLA, "--law", "chinchilla", "--format", "xml"], "csv"),
    ] {
        let text = refused(2, arguments);
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn a_table_that_cannot_be_read_is_status_3() {
    let text = refused(3, &["none.csv", "--law", "chinchilla"]);
    assert!(text.contains("cannot read the table `none.csv`: no such file"), "{text}");
}

#[test]
fn objectives_are_named_in_the_answer() {
    for (objective, name) in
        [("log", "log"), ("relative", "relative"), ("huber:1e-3", "Huber(1.0000e-3)"), ("l1", "abs")]
    {
        let fits = answer(&chinchilla(&["--objective", objective, "--starts", "4", "--format", "json"]));
        let said = fits[0]["objective"]["name"].as_str().unwrap();
        assert!(said.contains(name), "{objective}: {said}");
        assert_eq!(fits[0]["starts"]["tried"], 4);
    }
}
