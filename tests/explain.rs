//! The pages about codes: each has its title, and its plans do what it says of them.
#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sovitc::PlanFile;
use sovitc::source::MemoryWorld;

/// What no short plan can show: size and number.
const WITHOUT_PLANS: [&str; 5] = ["S0113", "S0114", "S0115", "S0417", "S0418"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(id: &str) -> Option<String> {
    fs::read_to_string(root().join(format!("grammar/explain/{id}.md"))).ok()
}

/// Codes that a file declares, with their names.
fn declared(file: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let parts = text.split("Code::new(").skip(1).map(|part| part.split('"').collect::<Vec<_>>());
    parts.filter(|part| part.len() > 3).map(|part| (part[1].to_owned(), part[3].to_owned())).collect()
}

/// The plan of a block such as ```` ```sov wrong ````.
fn block<'a>(page: &'a str, kind: &str) -> Option<&'a str> {
    page.split_once(&format!("```sov {kind}\n"))?.1.split_once("```").map(|(plan, _)| plan)
}

fn codes(plan: &str) -> Vec<&'static str> {
    let world = MemoryWorld::default().with("plan.sov", plan);
    let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
    checked.diagnostics.iter().map(|found| found.code.id).collect()
}

#[test]
fn every_mistake_of_a_plan_has_a_page_that_shows_it() {
    let mut shown = 0;
    for (id, name) in [declared("src/syntax/codes.rs"), declared("src/plan/codes.rs")].concat() {
        let page = page(&id).unwrap_or_else(|| panic!("no page about {id} {name}"));
        assert!(page.starts_with(&format!("# {id}: {name}\n\n")), "{id}");
        let (Some(wrong), Some(right)) = (block(&page, "wrong"), block(&page, "right")) else {
            assert!(WITHOUT_PLANS.contains(&id.as_str()), "{id} shows no plans");
            continue;
        };
        assert_eq!(codes(wrong), [id.as_str()], "{id}:\n{wrong}");
        assert_eq!(codes(right), [""; 0], "{id}:\n{right}");
        shown += 1;
    }
    assert!(shown > 50, "{shown}");
}

/// The tables of a page that stand below its plan of `kind`, or below the wrong one where the right one has none.
fn tables<'a>(page: &'a str, kind: &str) -> Vec<(&'a str, &'a str)> {
    let below = page.split_once(&format!("```sov {kind}\n")).map_or("", |(_, below)| below);
    let own = below.split("```sov").next().unwrap_or_default();
    let blocks = own.split("\n```").filter_map(|block| {
        let (head, text) = block.split_once('\n')?;
        let name = head.strip_prefix("csv ").or_else(|| head.strip_prefix("json "))?;
        Some((name, text))
    });
    blocks.collect()
}

/// Codes that compiling a page's plan finds, with its tables beside it.
fn found(plan: &str, files: &[(&str, &str)]) -> Vec<&'static str> {
    let mut world = MemoryWorld::default().with("plan.sov", plan);
    for (name, text) in files {
        world = world.with(*name, format!("{text}\n"));
    }
    let compiled = sovitc::compile(&world, &PlanFile::named("plan", "plan.sov"));
    compiled.diagnostics.iter().map(|found| found.code.id).collect()
}

/// Findings about tables, fits and searches: these pages are compiled to their end.
#[test]
fn findings_of_tables_fits_and_searches_have_pages_that_show_them() {
    let mut shown = 0;
    for (id, name) in ["src/results/codes.rs", "src/law/codes.rs", "src/shape/codes.rs"].map(declared).concat() {
        let page = page(&id).unwrap_or_else(|| panic!("no page about {id} {name}"));
        let (Some(wrong), Some(right)) = (block(&page, "wrong"), block(&page, "right")) else { continue };
        let files = tables(&page, "wrong");
        let of_wrong = found(wrong, &files);
        assert!(of_wrong.contains(&id.as_str()), "{id}: {of_wrong:?}");
        let own = tables(&page, "right");
        let of_right = found(right, if own.is_empty() { &files } else { &own });
        assert!(!of_right.contains(&id.as_str()), "{id}: {of_right:?}");
        shown += 1;
    }
    assert!(shown >= 30, "{shown}");
}

#[test]
fn the_command_knows_every_page() {
    let mut pages: Vec<PathBuf> =
        fs::read_dir(root().join("grammar/explain")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    for path in pages {
        let (id, text) = (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap());
        let (status, said) = explain(&id);
        assert_eq!((status, said.as_str()), (Some(0), text.as_str()), "{}", Path::new(&path).display());
    }
    let (status, said) = explain("dimension-mismatch");
    assert!(status == Some(0) && said.starts_with("# S0301: "), "{said}");
}

#[test]
fn an_unknown_code_is_answered_by_the_nearest() {
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc")).args(["explain", "dimension-mismach"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is `dimension-mismatch`"), "{said}");
}

/// Every link of the chain, from the text of the plan to the shape.
#[test]
fn a_shape_is_explained_from_the_plan_on() {
    let plan = root().join("examples/star/plan.sov");
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .args(["explain", plan.to_str().unwrap(), "shape", "--format", "json"])
        .output()
        .unwrap();
    let reply: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = reply["searches"][0].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "budget", "law", "start", "frontier", "shape", "cost"]);
    let lines = |i: usize| steps[i]["lines"].to_string();
    assert!(
        lines(1).contains("flagship = 8 ZFLOP as forward") && steps[1]["place"].as_str().unwrap().ends_with(":26:19")
    );
    assert!(lines(4).contains("= 1061.1, 95 % within") && lines(5).contains("1061.1 -> 1024"), "{reply:#}");
    assert!(lines(5).contains("without `8 divides head_dim` another shape would be best"));
    let wrong = Command::new(env!("CARGO_BIN_EXE_sovitc")).arg("explain").arg(&plan).arg("encodr").output().unwrap();
    assert!(wrong.status.code() == Some(1) && String::from_utf8_lossy(&wrong.stderr).contains("there is `encoder`"));
}

fn explain(code: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc")).args(["explain", code]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}
