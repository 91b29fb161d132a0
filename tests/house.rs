//! The invariants of the house that text can show.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const GROUND: [&str; 5] = ["source", "diagnostic", "units", "vit", "hardware"];
const STAGES: [&str; 8] = ["syntax", "plan", "results", "law", "shape", "kernel", "lock", "emit"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap_or_default();
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The room a file of `src` belongs to.
fn room(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Code of a file without its tests and comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let body = text.split("#[cfg(test)]").next().unwrap_or_default();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Rooms a file names by `crate::room`.
fn imports(file: &Path) -> BTreeSet<String> {
    let code = code(file);
    let mut rooms = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            let list = list.split("};").next().unwrap_or_default();
            rooms.extend(list.split(',').map(|item| item.trim().split("::").next().unwrap_or_default().to_owned()));
        } else {
            rooms.insert(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms
}

#[test]
fn data_flows_one_way() {
    let position = |room: &str| STAGES.iter().position(|stage| *stage == room);
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let here = room(&file);
        for there in imports(&file) {
            let allowed = if GROUND.contains(&here.as_str()) {
                GROUND.contains(&there.as_str())
            } else if let Some(mine) = position(&here) {
                GROUND.contains(&there.as_str()) || position(&there).is_some_and(|theirs| theirs <= mine)
            } else {
                true
            };
            if !allowed {
                wrong.push(format!("{} imports `{there}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_room_has_its_place() {
    let known: BTreeSet<&str> = GROUND
        .into_iter()
        .chain(STAGES)
        .chain(["lib", "main", "pipeline", "cores", "disk", "render", "nvrtc", "sass", "verify", "plugin", "cli"])
        .collect();
    for file in rust_files(&root().join("src")) {
        assert!(known.contains(room(&file).as_str()), "{}", file.display());
    }
}

#[test]
fn guests_stay_in_their_rooms() {
    for (guest, home) in [
        ("nom", vec!["syntax"]),
        ("nalgebra", vec!["law"]),
        ("minijinja", vec!["emit"]),
        ("annotate_snippets", vec!["render"]),
        ("cudarc", vec!["nvrtc"]),
        ("libloading", vec!["nvrtc"]),
        ("rustix", vec!["nvrtc"]),
        ("clap", vec!["cli"]),
        ("csv_core", vec!["results"]),
        ("flate2", vec!["results"]),
        ("ruzstd", vec!["results"]),
    ] {
        for file in rust_files(&root().join("src")) {
            let used = code(&file).split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).any(|word| {
                word.starts_with(&format!("{guest}::"))
                    || word == guest && code(&file).contains(&format!("use {guest}"))
            });
            assert!(!used || home.contains(&room(&file).as_str()), "{} uses {guest}", file.display());
        }
    }
}

#[test]
fn the_core_touches_nothing_outside() {
    let doors = ["cores", "disk", "render", "nvrtc", "sass", "verify", "plugin", "cli", "main"];
    for file in rust_files(&root().join("src")) {
        if doors.contains(&room(&file).as_str()) {
            continue;
        }
        let code = code(&file);
        for outside in [
            "std::fs",
            "std::env",
            "std::process",
            "std::thread",
            "std::net",
            "SystemTime",
            "Instant::",
            "println!",
            "eprintln!",
        ] {
            assert!(!code.contains(outside), "{} uses {outside}", file.display());
        }
        for fragile in [".unwrap()", ".expect(", "panic!(", "HashMap", "HashSet", "todo!("] {
            assert!(!code.contains(fragile), "{} uses {fragile}", file.display());
        }
    }
}

#[test]
fn unsafe_stands_in_two_places_only() {
    for file in rust_files(&root().join("src")) {
        assert!(room(&file) == "nvrtc" || !code(&file).contains("unsafe "), "{}", file.display());
    }
    for file in rust_files(&root().join("src")).into_iter().chain(rust_files(&root().join("kernels/runtime"))) {
        let text = fs::read_to_string(&file).unwrap();
        let blocks = text.matches("unsafe {").count();
        assert!(text.matches("SAFETY:").count() >= blocks, "{} has an unsafe block without its reason", file.display());
    }
}

#[test]
fn codes_are_unique_and_in_range() {
    let mut ids = BTreeSet::new();
    let mut names = BTreeSet::new();
    for file in rust_files(&root().join("src")) {
        let code = code(&file);
        for part in code.split("Code::new(").skip(1) {
            let strings: Vec<&str> = part.split('"').collect();
            let &[_, id, _, name, ..] = strings.as_slice() else { continue };
            if !id.starts_with('S') {
                continue;
            }
            assert!(id.len() == 5 && id[1..].bytes().all(|b| b.is_ascii_digit()), "{id}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(names.insert(name.to_owned()), "{name} twice");
        }
    }
    assert!(ids.len() > 30, "{}", ids.len());
}

#[test]
fn every_code_has_its_page() {
    let mut pages = 0;
    for file in rust_files(&root().join("src")) {
        for part in code(&file).split("Code::new(").skip(1) {
            let strings: Vec<&str> = part.split('"').collect();
            let &[_, id, _, name, ..] = strings.as_slice() else { continue };
            if !id.starts_with('S') {
                continue;
            }
            let page = fs::read_to_string(root().join(format!("grammar/explain/{id}.md")))
                .unwrap_or_else(|why| panic!("no page for {id} {name}: {why}"));
            assert!(page.starts_with(&format!("# {id}: {name}\n\n")), "{id}");
            pages += 1;
        }
    }
    let kept = fs::read_dir(root().join("grammar/explain")).unwrap().count();
    assert_eq!(pages, kept, "a page without a code");
}

#[test]
fn files_are_short() {
    for file in rust_files(&root().join("src")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 800, "{} has {lines} lines", file.display());
    }
}

#[test]
fn only_the_planned_folders_stand_at_the_top() {
    let allowed = [
        "src",
        "grammar",
        "templates",
        "kernels",
        "examples",
        "tests",
        "benches",
        "target",
        "sovit-out",
        ".git",
        ".ci",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!path.is_dir() || allowed.contains(&name.as_str()), "{name}");
    }
}
