//! Files of prices, and what an answer says of time and money.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sovitc::PlanFile;
use sovitc::source::MemoryWorld;

const LIST: &str = "source = \"a provider\"\ndate = 2026-11-28\n\n[prices]\nh200 = \"2.50 $/gpu/h\"\n";
const LAW: &str = "law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n";

/// Codes that are found, with the file and the text of their places.
fn found(files: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let world = files.iter().fold(MemoryWorld::default(), |world, (path, text)| world.with(*path, *text));
    let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
    let place = |found: &sovitc::diagnostic::Diagnostic| {
        let span = found.span().unwrap();
        let file = checked.sources.get(span.source).name.clone();
        (found.code.id.to_owned(), file, checked.sources.slice(span).to_owned())
    };
    checked.diagnostics.iter().map(place).collect()
}

/// What is wrong with a list whose plan asks for nothing of it.
fn wrong(list: &str) -> Vec<(String, String)> {
    let found = found(&[("plan.sov", &format!("prices \"list.toml\"\n{LAW}")), ("list.toml", list)]);
    found.into_iter().map(|(code, file, text)| (if file == "list.toml" { code } else { file }, text)).collect()
}

#[test]
fn prices_come_from_a_file_beside_the_one_that_names_it() {
    let plan = format!("use \"cloud/prices.sov\"\n{LAW}let hours = 50_000 $ / h200.price / (1 gpu)\n");
    let files = [("plan.sov", plan.as_str()), ("cloud/prices.sov", "prices \"list.toml\""), ("cloud/list.toml", LIST)];
    assert_eq!(found(&files), []);
    let world = files.iter().fold(MemoryWorld::default(), |world, (path, text)| world.with(*path, *text));
    let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
    let used: Vec<_> = checked.used.iter().map(|input| input.path.as_str()).collect();
    assert_eq!(used, ["cloud/prices.sov", "cloud/list.toml"]);
}

/// Mistakes are shown in the file of prices itself.
#[test]
fn mistakes_of_prices_are_shown_in_their_file() {
    let is = |list: &str, code: &str, text: &str| {
        assert_eq!(wrong(list), [(code.to_owned(), text.to_owned())], "{list}");
    };
    assert_eq!(wrong(LIST), []);
    assert_eq!(wrong(&LIST.replace("2026-11-28", "\"2026-11-28\"")), []);
    assert_eq!(wrong(&LIST.replace("2.50", "2.40 $/gpu/h to 2.60")), []);
    is(&LIST.replace("2026-11-28", "\"Monday\""), "S0025", "\"Monday\"");
    is(&LIST.replace("2026-11-28", "2026-11-28T10:00:00"), "S0025", "2026-11-28T10:00:00");
    is(&LIST.replace("date = 2026-11-28\n", ""), "S0025", "");
    is(&LIST.replace("a provider", " "), "S0025", "\" \"");
    is(&LIST.replace("\"2.50 $/gpu/h\"", "2.5"), "S0025", "2.5");
    is(&LIST.replace("2.50 $/gpu/h", "price"), "S0025", "price");
    is(&LIST.replace("2.50", "\\u0032"), "S0025", "\"\\u0032 $/gpu/h\"");
    is(&LIST.replace("source", "sauce"), "S0025", "sauce");
    is(&format!("{LIST}h200 = \"3 $/gpu/h\""), "S0025", "h200");
    is("=", "S0025", "");
    is(&LIST.replace("h200", "h300"), "S0214", "h300");
    is(&LIST.replace("$/gpu/h", "$/gpu"), "S0301", "2.50 $/gpu");
    is(&LIST.replace("2.50", "-2.50"), "S0402", "-2.50 $/gpu/h");
    is(&LIST.replace("$/gpu/h", "$/gpu/parsec"), "S0305", "parsec");
    is(&LIST.replace("2.50 $/gpu/h", "2.50 $/gpu/"), "S0103", "");
    // A plan that cannot know its prices says nothing of those it asks for.
    let plan = format!("prices \"list.toml\"\n{LAW}let x = a100.price\n");
    assert_eq!(found(&[("plan.sov", &plan), ("list.toml", "=")]).len(), 1);
    assert_eq!(found(&[("plan.sov", &plan)])[0].0, "S0024");
    assert_eq!(found(&[("plan.sov", &plan), ("list.toml", LIST)])[0].0, "S0222");
}

#[test]
fn a_device_has_one_price() {
    let mine = "device mine from h200 { price = 2 $/gpu/h, source = \"s\" }\n";
    let twice = format!("prices \"list.toml\"\n{LAW}{mine}");
    let list = LIST.replace("h200", "mine");
    assert_eq!(
        found(&[("plan.sov", &twice), ("list.toml", &list)]),
        [("S0201".into(), "plan.sov".into(), "price".into())]
    );
    let again = format!("prices \"list.toml\"\nprices \"list.toml\"\n{LAW}");
    assert_eq!(found(&[("plan.sov", &again), ("list.toml", LIST)])[0].0, "S0201");
    assert_eq!(found(&[("plan.sov", &twice), ("list.toml", LIST)]), []);
}

/// The star of the examples, trained somewhere.
fn star(training: &str, more: &str) -> (Value, String) {
    let folder = star_plan(training, more);
    let out = folder.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
    let output = command.arg(folder.path().join("plan.sov")).arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    (serde_json::from_str(&summary).unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A folder with the plan of the example whose search is trained so.
fn star_plan(training: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/star");
    std::fs::copy(example.join("star.csv"), folder.path().join("star.csv")).unwrap();
    std::fs::write(folder.path().join("list.toml"), LIST).unwrap();
    let plan = std::fs::read_to_string(example.join("plan.sov")).unwrap();
    let plan = plan
        .replace("search encoder {", &format!("search encoder {{\n  training = {{ {training} }}\n  runners_up = 2"));
    std::fs::write(folder.path().join("plan.sov"), format!("{plan}\n{more}\n")).unwrap();
    folder
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn an_answer_says_what_it_takes_and_what_others_waste() {
    let (summary, shown) = star("on = h200, mfu = 0.42, devices = 64", "prices \"list.toml\"");
    let search = &summary["searches"][0];
    let bill = &search["bill"];
    let hours = 3.0 * 8e21 / (989.4e12 * 0.42) / 3600.0;
    let near = |value: &Value, want: f64| assert!((number(value) / want - 1.0).abs() < 1e-9, "{value} is not {want}");
    near(&bill["device_hours"]["value"], hours);
    near(&bill["days"]["value"], hours / 24.0 / 64.0);
    near(&bill["dollars"]["value"], 2.5 * hours);
    assert_eq!((&bill["mfu_from"], &bill["devices"]), (&"stated".into(), &64.into()));
    assert_eq!((&bill["price"]["source"], &bill["price"]["date"]), (&"a provider".into(), &"2026-11-28".into()));
    let others = [&search["alternatives"], &search["runners_up"]].into_iter().flat_map(|list| list.as_array().unwrap());
    let compared = search["compared"].as_array().unwrap().iter().map(|compared| &compared["alternative"]);
    let mut priced = 0;
    for other in others.chain(compared) {
        if other["wasted_compute"].is_null() {
            assert!(other.get("waste").is_none(), "{other}");
            continue;
        }
        near(&other["waste"]["device_hours"]["value"], number(&other["wasted_compute"]) * hours);
        near(&other["waste"]["dollars"]["value"], number(&other["wasted_compute"]) * hours * 2.5);
        priced += 1;
    }
    assert!(priced >= 8, "{priced}");
    for text in [
        "on h200 at 0.42 of 989 TFLOP/s/gpu in bf16",
        "day of 64 devices",
        "$/gpu/h: a provider, 2026-11-28",
        "wasted money",
    ] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
}

/// Without a share of the peak the time is that of the step which `sovitc cost` tells, and is called predicted.
#[test]
fn a_predicted_bill_is_that_of_the_step() {
    let device = "device mine from h200 { bandwidth = 4.0 TB/s, source = \"s\" }";
    for (name, more, is_calibrated) in [("h200", "", true), ("mine", device, false)] {
        let (summary, shown) = star(&format!("on = {name}, batch = 64"), more);
        let search = &summary["searches"][0];
        let bill = &search["bill"];
        assert!(bill["mfu_from"] == "predicted" && bill.get("dollars").is_none() && bill.get("days").is_none());
        assert_eq!(bill["calibrated"].is_string(), is_calibrated);
        assert!(shown.contains("predicted without communication") && shown.contains("; uncalibrated") != is_calibrated);
        let mfu = number(&bill["mfu"]["value"]);
        assert!(mfu > 0.2 && mfu < 0.6, "{mfu}");
        if !is_calibrated {
            continue;
        }
        let shape = ["width", "depth", "mlp_dim"].map(|axis| search["shape"][axis].to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
        command.args(["cost", "--width", &shape[0], "--depth", &shape[1], "--mlp", &shape[2], "--heads", "16"]);
        command.args([
            "--patch", "14", "--image", "224", "--pool", "map", "--on", "h200", "--batch", "64", "--format", "json",
        ]);
        let cost: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let steps = number(&search["budget"]["examples"]) / 64.0;
        let hours = steps * number(&cost["device"]["training"]["seconds"]) / 3600.0;
        assert!((number(&bill["device_hours"]["value"]) / hours - 1.0).abs() < 1e-9, "{bill} {hours}");
    }
}

/// Other budgets, other shapes and questions tell time and money too.
#[test]
fn frontiers_fronts_and_questions_tell_bills() {
    let folder = star_plan("on = h200, mfu = 0.4 to 0.5", "prices \"list.toml\"");
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
        command.current_dir(folder.path()).args([arguments[0], "plan.sov"]).args(&arguments[1..]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for command in ["frontier", "pareto"] {
        let arguments = [command, "--points", "3"];
        let table = ask(&arguments);
        assert!(table.lines().next().unwrap().contains("device time") && table.contains(" $"), "{table}");
        let file = folder.path().join("points.csv");
        ask(&[&arguments[..], &["--out", "points.csv"]].concat());
        let mut reader = csv::Reader::from_path(file).unwrap();
        let columns = reader.headers().unwrap().clone();
        for row in reader.records() {
            let row = row.unwrap();
            let of =
                |name: &str| row[columns.iter().position(|column| column == name).unwrap()].parse::<f64>().unwrap();
            assert!((of("dollars") / of("device_hours") - 2.5).abs() < 1e-9, "{row:?}");
        }
    }
    let asked: Value = serde_json::from_str(&ask(&[
        "query",
        "search.encoder.dollars / search.encoder.device_time / h200.price",
        "--format",
        "json",
    ]))
    .unwrap();
    assert!((number(&asked["value"]["value"]) - 1.0).abs() < 0.01, "{asked}");
}

/// The command that asks for values finds devices and prices of the plan.
#[test]
fn questions_know_devices_and_prices_of_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let mine = "device mine from h200 { bf16 = 500 TFLOP/s/gpu, price = 2 $/gpu/h, source = \"a contract\" }";
    let plan = format!("prices \"list.toml\"\n{mine}\n{LAW}budget big = 3 ZFLOP as training\n");
    std::fs::write(folder.path().join("plan.sov"), plan).unwrap();
    std::fs::write(folder.path().join("list.toml"), LIST).unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
        command.current_dir(folder.path()).args(["query", "plan.sov"]).args(arguments).args(["--format", "json"]);
        let output = command.output().unwrap();
        (serde_json::from_slice::<Value>(&output.stdout).ok(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let run = |device: &str| ask(&["big", "--on", device, "--mfu", "0.5"]).0.unwrap()["run"].clone();
    let (mine, h200) = (run("mine"), run("h200"));
    assert!((number(&mine["dollars"]["value"]) / (3e21 / 250e12 / 3600.0 * 2.0) - 1.0).abs() < 1e-9, "{mine}");
    assert_eq!((&mine["price"]["name"], &mine["price"]["source"]), (&"mine.price".into(), &"a contract".into()));
    assert!(mine["price"]["date"].is_null() && h200["price"]["date"] == "2026-11-28", "{h200}");
    assert!((number(&ask(&["h200.price / mine.price"]).0.unwrap()["value"]["value"]) - 1.25).abs() < 1e-12);
    assert!(ask(&["big", "--on", "mines", "--mfu", "0.5"]).1.contains("there is `mine`"));
    assert!(ask(&["a100.price"]).1.contains("S0222"));
}
