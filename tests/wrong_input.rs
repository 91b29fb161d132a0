//! Wrong input, as a user meets it: a diagnostic with a code, the right exit status, nothing half-written.
#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A plan that is right, to be made wrong in one place.
const PLAN: &str = r"
model encoder {
  image = 224 px
  patch = 14 px
  heads = 16
  pool  = map
}
law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.7 EFLOP as forward }
budget big = 8.5 ZFLOP as forward
search encoder {
  width in 384..2048 step 16
  depth in 6..60
  mlp in 512..16384 step 16
}
emit timm 'timm/'
";

const FITTED: &str = r"
model encoder {
  image = 224 px
  patch = 14 px
  heads = 16
}
results star from 'star.csv' {
  width = column width
  depth = column depth
  mlp = column mlp_dim
  examples = column examples_seen
  error = 1 - column inet_10shot
}
law shape = sovit fitted to star.error
start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 3.5 EFLOP as forward }
budget big = 8 ZFLOP as forward
search encoder {
  width in 384..2048 step 16
  depth in 6..60
  mlp in 512..16384 step 16
}
";

fn plan() -> String {
    PLAN.replace('\'', "\"")
}

fn fitted() -> String {
    FITTED.replace('\'', "\"")
}

fn star() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/star/star.csv")).unwrap()
}

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(plan: impl AsRef<[u8]>) -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(case.folder.path().join("plan.sov"), plan).unwrap();
        case
    }

    fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.folder.path().join(name), bytes).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_sovitc");
        Command::new(program).args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// Fails with this status and this finding, and leaves only its input behind. Returns the finding.
    #[track_caller]
    fn fails(&self, status: i32, name: &str) -> Value {
        let before = files(self.folder.path());
        let human = self.run(&["plan.sov"]);
        let text = String::from_utf8(human.stderr).unwrap();
        assert_eq!(human.status.code(), Some(status), "{text}");
        assert!(!text.contains("panicked"), "{text}");
        let json = self.run(&["plan.sov", "--format", "json"]);
        assert_eq!(json.status.code(), Some(status));
        assert!(json.stdout.is_empty());
        let report: Value = serde_json::from_slice(&json.stderr).unwrap();
        let list = report["diagnostics"].as_array().unwrap();
        let found = list.iter().find(|d| d["name"] == name).unwrap_or_else(|| panic!("no `{name}` in\n{text}"));
        assert!(text.contains(found["code"].as_str().unwrap()), "{text}");
        assert_eq!(files(self.folder.path()), before);
        found.clone()
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut list: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    list.sort();
    list
}

/// The text the first help of a finding would put in place.
fn fix(found: &Value) -> &str {
    found["help"].as_array().unwrap().iter().find_map(|help| help["edits"][0]["message"].as_str()).unwrap_or("")
}

#[test]
fn the_right_plan_is_right() {
    let case = Case::new(plan());
    let output = case.run(&["plan.sov"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files(case.folder.path()), ["plan.lock", "plan.sov", "sovit-out"]);
    let case = Case::new(fitted()).with("star.csv", star());
    assert_eq!(case.run(&["plan.sov"]).status.code(), Some(0));
}

#[test]
fn usage_is_status_2() {
    let case = Case::new(plan());
    assert_eq!(case.run(&["--frobnicate"]).status.code(), Some(2));
    for arguments in
        [&[][..], &["build"], &["--locked"], &["lock"], &["check"], &["kernels"], &["emit"], &["plan.sov", "--out", ""]]
    {
        let output = case.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(files(case.folder.path()), ["plan.sov"]);
}

#[test]
fn a_missing_plan() {
    let case = Case { folder: tempfile::tempdir().unwrap() };
    case.fails(3, "unreadable-plan");
}

#[test]
fn a_missing_table() {
    Case::new(fitted()).fails(3, "unreadable-table");
}

#[test]
fn a_ragged_table_names_its_row() {
    let table = star().replacen(",synthetic\n", "\n", 3).replacen('\n', ",synthetic\n", 1);
    let found = Case::new(fitted()).with("star.csv", table).fails(1, "ragged-row");
    assert!(found["data"]["line"].as_u64().unwrap() >= 2, "{found}");
}

#[test]
fn a_cell_that_is_no_number_names_row_and_column() {
    let mut lines: Vec<String> = star().lines().map(str::to_owned).collect();
    let row = lines[4].clone();
    let (width, rest) = row.split_once(',').unwrap();
    lines[4] = format!("{width}x,{rest}");
    let found = Case::new(fitted()).with("star.csv", lines.join("\n")).fails(1, "bad-cell");
    assert_eq!(found["data"]["line"], 5, "{found}");
    assert_eq!(found["data"]["column"], "width", "{found}");
}

#[test]
fn an_unknown_column_offers_the_nearest() {
    let found = Case::new(fitted().replace("column mlp_dim", "column mlp_dmi"))
        .with("star.csv", star())
        .fails(1, "unknown-column");
    assert_eq!(fix(&found), "mlp_dim", "{found}");
}

#[test]
fn an_accuracy_in_percent_offers_the_fix() {
    let table: String = star()
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |j: usize| match (i, j, cells[j].parse::<f64>()) {
                (1.., 4, Ok(accuracy)) => format!("{:.3}", accuracy * 100.0),
                _ => cells[j].to_owned(),
            };
            (0..cells.len()).map(cell).collect::<Vec<_>>().join(",") + "\n"
        })
        .collect();
    let found = Case::new(fitted()).with("star.csv", table).fails(1, "error-not-a-fraction");
    assert_eq!(fix(&found), "1 - column inet_10shot / 100", "{found}");
}

#[test]
fn adding_unlike_units() {
    Case::new(plan().replace("8.5 ZFLOP", "(8.5 ZFLOP + 3 day)")).fails(1, "unlike-operands");
}

#[test]
fn a_negative_budget() {
    Case::new(plan().replace("= 8.5 ZFLOP", "= -8.5 ZFLOP")).fails(1, "out-of-range");
}

#[test]
fn an_empty_box() {
    let found = Case::new(plan().replace("384..2048", "2048..384")).fails(1, "empty-range");
    assert!(!found["help"].as_array().unwrap().is_empty());
}

#[test]
fn infeasible_constraints_name_the_binding_one() {
    let text = plan()
        .replace("384..2048 step 16", "384..2048 step 16\n  require params < 1 Mparam\n  require 8 divides head_dim");
    let found = Case::new(text).fails(1, "infeasible");
    assert!(found["message"].as_str().unwrap().contains("params < 1 Mparam"), "{found}");
    assert!(!found["message"].as_str().unwrap().contains("divides"), "{found}");
}

#[test]
fn a_conflict_of_two_names_both() {
    let text =
        plan().replace("384..2048 step 16", "384..2048 step 16\n  require width > 1500\n  require params < 40 Mparam");
    let found = Case::new(text).fails(1, "infeasible");
    let message = found["message"].as_str().unwrap();
    assert!(message.contains("width > 1500") && message.contains("params < 40 Mparam"), "{found}");
}

#[test]
fn a_width_the_heads_do_not_divide() {
    let text = plan().replace("384..2048 step 16", "385..399");
    Case::new(text).fails(1, "heads-divide-no-width");
}

#[test]
fn a_table_that_is_not_a_star() {
    let mut table = star();
    table.push_str("704,12,1024,64000000,0.5,synthetic\n");
    let found = Case::new(fitted()).with("star.csv", table).fails(1, "not-a-star");
    assert!(found.to_string().contains("joint"), "{found}");
}

#[test]
fn too_few_points() {
    let table = star().lines().take(8).collect::<Vec<_>>().join("\n");
    Case::new(fitted()).with("star.csv", table).fails(1, "too-few-points");
}

#[test]
fn a_search_without_a_start_fits_and_names_the_missing_runs() {
    let text = fitted().lines().filter(|line| !line.starts_with("start")).collect::<Vec<_>>().join("\n");
    let case = Case::new(text).with("star.csv", star());
    let found = case.fails(1, "no-start");
    assert!(found["notes"][0].as_str().unwrap().contains("missing runs"), "{found}");
    let report = String::from_utf8(case.run(&["plan.sov"]).stdout).unwrap();
    assert!(report.contains("s of width"), "{report}");
}

#[test]
fn a_hundred_thousand_brackets() {
    for (bracket, name) in [("[", "too-deep"), ("(", "too-deep"), ("{ x = ", "too-deep"), ("{", "unclosed")] {
        Case::new(format!("budget a = {}", bracket.repeat(100_000))).fails(1, name);
    }
}

#[test]
fn a_plan_that_is_not_text() {
    let found = Case::new(b"model a {\n  image = \xff\xfe\n}").fails(1, "not-utf8");
    assert_eq!(found["data"]["line"], 2);
}

#[test]
fn an_output_folder_that_cannot_be_made() {
    let case = Case::new(plan()).with("file", "in the way");
    let output = case.run(&["plan.sov", "--out", "file/out"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files(case.folder.path()), ["file", "plan.sov"]);
}

#[test]
fn every_command_has_an_example() {
    let case = Case::new(plan());
    for command in [
        &[][..],
        &["build"],
        &["lock"],
        &["check"],
        &["cost"],
        &["emit"],
        &["kernels"],
        &["kernels", "compile"],
        &["kernels", "plan"],
    ] {
        let output = case.run(&[command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Example: sovitc") || text.contains("Examples: sovitc"), "{text}");
    }
}

#[test]
fn a_lock_that_cannot_be_written_leaves_nothing_behind() {
    let case = Case::new(plan());
    fs::create_dir(case.folder.path().join("plan.lock")).unwrap();
    let found = case.fails(3, "cannot-write");
    assert!(found["message"].as_str().unwrap().contains("plan.lock"), "{found}");
    // Errors come before the warnings of the search.
    let report: Value = serde_json::from_slice(&case.run(&["plan.sov", "--format", "json"]).stderr).unwrap();
    assert_eq!(report["diagnostics"][0]["name"], "cannot-write", "{report}");
}

#[test]
fn a_law_without_a_number_leaves_nothing_behind() {
    let table: String = star()
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if i > 0 {
                cells[4] = "0.5";
            }
            cells.join(",") + "\n"
        })
        .collect();
    let case = Case::new(fitted()).with("star.csv", table);
    let status = case.run(&["plan.sov"]).status.code();
    assert!(status == Some(0) || files(case.folder.path()) == ["plan.sov", "star.csv"], "{status:?}");
}

#[test]
fn a_model_beyond_counting_leaves_nothing_behind() {
    let text = plan()
        .replace("heads = 16", "heads = 1")
        .replace("384..2048 step 16", "1..1048576\n  require params > 5e18 param")
        .replace("6..60", "1..1048576")
        .replace("512..16384 step 16", "1..1048576");
    Case::new(text).fails(1, "unlockable-number");
}

#[test]
fn one_mistake_is_told_once() {
    let require = |text: &str| plan().replace("6..60", &format!("6..60\n  require {text}"));
    for (text, fixed) in [
        (require("width = 512"), "=="),
        (require("width => 512"), ">="),
        (require("width =< 512"), "<="),
        (plan().replace("8.5 ZFLOP", "8 to 9 ZFLOP"), "8 ZFLOP"),
        (plan().replace("8.5 ZFLOP", "8.5 B FLOP"), ""),
        (plan().replace("= 8.5 ZFLOP", "= 8.5e21"), " FLOP"),
    ] {
        let output = Case::new(&text).run(&["plan.sov", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(report["diagnostics"].as_array().unwrap().len(), 1, "{report:#}");
        assert_eq!(fix(&report["diagnostics"][0]), fixed, "{report:#}");
    }
}

#[test]
fn a_lock_edited_by_hand() {
    let case = Case::new(fitted()).with("star.csv", star());
    assert_eq!(case.run(&["lock", "plan.sov"]).status.code(), Some(0));
    let path = case.folder.path().join("plan.lock");
    let lock = fs::read_to_string(&path).unwrap();
    let edits = [
        ("examples = ", "examples = 1", "was edited"),
        ("rmse = ", "rmse = nan # ", "is not a number"),
        ("version = 1", "version = 7", "a lock of version 7"),
        ("width = 10", "width = 20", "was edited"),
        ("[[answers]]", "[[answers]]\nsurprise = 1", "unknown field `surprise`"),
        ("[[answers]]", "[[answers", "no lock that sovitc made"),
    ];
    for (old, new, said) in edits {
        assert!(lock.contains(old), "{old}\n{lock}");
        fs::write(&path, lock.replace(old, new)).unwrap();
        let output = case.run(&["plan.sov", "--locked"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(said), "{new}: {text}");
        assert!(text.contains("make it anew") || text.contains("use the sovitc that made it"), "{text}");
        assert_eq!(files(case.folder.path()), ["plan.lock", "plan.sov", "star.csv"]);
    }
}

#[test]
fn what_is_no_plan_is_said() {
    let case = Case::new(plan());
    for path in [".", "..", "/"] {
        let output = case.run(&[path]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(3) && text.contains("it is a folder"), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_status_3() {
    let case = Case::new(plan());
    let cost: Vec<&str> = "cost --width 16 --depth 1 --mlp 4 --heads 1 --patch 14 --image 224".split(' ').collect();
    for arguments in [&["plan.sov"][..], &["check", "plan.sov"], &["lock", "plan.sov"], &["emit", "--list"], &cost] {
        let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
            .args(arguments)
            .current_dir(case.folder.path())
            .stdout(fs::File::create("/dev/full").unwrap())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {text}");
        assert!(text.contains("cannot write the answer"), "{text}");
    }
}

#[test]
fn a_locked_build_repeats_the_warnings() {
    let case = Case::new(plan());
    assert_eq!(case.run(&["plan.sov", "--out", "a"]).status.code(), Some(0));
    let locked = case.run(&["plan.sov", "--out", "b", "--locked"]);
    let text = String::from_utf8(locked.stderr).unwrap();
    assert!(text.contains("has no loss") && text.contains("`no-loss-model`"), "{text}");
}

#[test]
fn several_mistakes_are_reported_in_one_run() {
    let text = plan()
        .replace("heads = 16", "haeds = 16")
        .replace("image = 224 px", "image = 224 s")
        .replace("8.5 ZFLOP as forward", "8.5 ZFLOP")
        .replace("depth in 6..60", "depth in 60..6")
        .replace("emit timm", "emit tim");
    let case = Case::new(text);
    let output = case.run(&["plan.sov", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stderr).unwrap();
    let mut lines: Vec<u64> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["labels"][0]["start"]["line"].as_u64().unwrap())
        .collect();
    lines.dedup();
    assert!([3, 5, 10, 13, 16].iter().all(|line| lines.contains(line)), "{report:#}");
}

/// What conflicts is named, and by how much each would have to give way; with that much there is a shape.
#[test]
fn an_infeasible_search_says_what_would_do() {
    let plan = |latency: f64| {
        format!(
            "model encoder {{ image = 224 px, patch = 14 px, heads = 16 }}
law shape = sovit {{ effective = {{ width = 0.0675, depth = 0.1055, mlp = 0.1633 }} }}
start small {{ shape = {{ width = 608, depth = 10, mlp = 928 }}, compute = 0.70 EFLOP as forward }}
budget big = 8 ZFLOP as forward
search encoder {{
  serving = {{ on = h200, batch = 8 }}
  width in 384..2048 step 16
  depth in 6..60
  mlp   in 512..16384 step 16
  require latency < {latency} ms
  require params > 300 Mparam
  require 8 divides head_dim
}}
"
        )
    };
    let found = Case::new(plan(1.0)).fails(1, "infeasible");
    let message = found["message"].as_str().unwrap();
    assert!(message.ends_with("satisfies `latency < 1 ms` and `params > 300 Mparam` together"), "{message}");
    let help = found["help"][0]["message"].as_str().unwrap();
    let percent = help.split_once("` by ").unwrap().1.split_once(" %").unwrap().0.parse::<f64>().unwrap();
    let bound = 1.0 + percent / 100.0;
    let output = Case::new(plan(bound)).run(&["plan.sov", "--out", "out"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Case::new(plan(bound * 0.99)).fails(1, "infeasible");
}

/// A template of one's own is rendered, and its mistakes are shown in its own text.
#[test]
fn templates_are_rendered_or_explained() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan() + "\nemit template \"mine.j2\" to \"a/mine.txt\"\n";
    std::fs::write(folder.path().join("plan.sov"), plan).unwrap();
    let run = |template: Option<&str>| {
        let path = folder.path().join("mine.j2");
        match template {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        Command::new(env!("CARGO_BIN_EXE_sovitc"))
            .current_dir(folder.path())
            .args(["plan.sov", "--out", "out"])
            .output()
            .unwrap()
    };
    let right = "{{ plan | json }} {{ plan | shell }} {{ shape.width }} {{ mlp_ratio }} {{ cost.params }}\n";
    let output = run(Some(right));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut out = std::fs::read_dir(folder.path().join("out")).unwrap().map(|entry| entry.unwrap().path());
    let text = out.find_map(|path| std::fs::read_to_string(path.join("a/mine.txt")).ok()).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let name = words[0].trim_matches('"');
    assert_eq!(words[1], format!("'{name}'"));
    let (width, ratio): (f64, f64) = (words[2].parse().unwrap(), words[3].parse().unwrap());
    assert!(width > 100.0 && (width * ratio).trunc() % 16.0 == 0.0, "{text}");
    for (template, status, says) in [
        (Some("a\n{{ shape.widht }}"), 1, "mine.j2:2:4"),
        (Some("{{ plan }}"), 1, "must go through a filter"),
        (Some("{{ plan | toml }}"), 1, "no such filter"),
        (Some("{% if plan"), 1, "error[S0706]"),
        (Some("{% include \"/etc/passwd\" %}"), 1, "not seen from here"),
        (
            Some("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"),
            1,
            "works without end",
        ),
        (Some("{{ \"x\" * 20000000 | json }}"), 1, "error[S0706]"),
        (Some("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), 1, "works without end"),
        (None, 1, "cannot read the template `mine.j2`"),
    ] {
        let output = run(template);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(status) && error.contains(says), "{template:?}: {error}");
        assert!(!error.contains("this is a fault of sovitc"), "{error}");
    }
}
