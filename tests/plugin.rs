//! The build-script API, run as a function: what it writes, what it reads, what it says.
#![cfg(feature = "plugin")]

#[path = "support/so400m.rs"]
mod so400m;

use std::fs;
use std::path::{Path, PathBuf};

use sovitc::lock::{Input, Lock};
use sovitc::plugin::{Build, Error};

const PLAN: &str = include_str!("../examples/build-script/plans/encoder.sov");

/// A package with a plan and the lock that belongs to it.
struct Package(tempfile::TempDir);

impl Package {
    fn new() -> Self {
        let package = Self(tempfile::tempdir().unwrap());
        fs::create_dir(package.path("plans")).unwrap();
        package.write("plans/encoder.sov", PLAN);
        package.lock(PLAN, Vec::new());
        package
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    fn lock(&self, plan: &str, inputs: Vec<Input>) {
        let case = so400m::case();
        let lock = Lock::new(Input::new("encoder.sov", plan.as_bytes()), inputs, case.laws, case.answers, Vec::new());
        self.write("plans/encoder.lock", &lock.to_text().unwrap());
    }

    fn compile(&self) -> Result<Vec<PathBuf>, Error> {
        Build::new().plan(self.path("plans/encoder.sov")).compile_to(self.path("out"))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }
}

fn code(error: &Error) -> &'static str {
    error.diagnostics()[0].code.name
}

#[test]
fn writes_the_module_and_what_it_includes() {
    let package = Package::new();
    assert_eq!(package.compile().unwrap(), [package.path("plans/encoder.sov"), package.path("plans/encoder.lock")]);
    let module = package.read("out/encoder.rs");
    assert!(module.contains("pub mod flagship {") && module.contains("pub const WIDTH: usize = 1152;"), "{module}");
    for include in module.split("include_str!(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(package.path("out").join(include).is_file(), "{include}");
    }
    assert_eq!(module.matches("include_str!").count(), 16);
    assert!(!module.contains(package.0.path().to_str().unwrap()), "an absolute path: {module}");
}

#[test]
fn a_second_run_touches_nothing() {
    let package = Package::new();
    package.compile().unwrap();
    let stamp = |path: &str| fs::metadata(package.path(path)).unwrap().modified().unwrap();
    let files = ["out/encoder.rs", "out/encoder/flagship/hf/config.json", "out/encoder/summary.json"];
    let before = files.map(stamp);
    package.compile().unwrap();
    assert_eq!(files.map(stamp), before);
}

#[test]
fn a_stale_lock_is_one_clear_error() {
    let package = Package::new();
    package.write("plans/encoder.sov", &PLAN.replace("16e9", "4e9"));
    let error = package.compile().unwrap_err();
    assert_eq!((error.diagnostics().len(), code(&error)), (1, "stale-lock"));
    let plan = package.path("plans/encoder.sov").display().to_string();
    assert!(error.to_string().starts_with(&format!("the lock of `{plan}` is stale")), "{error}");
    assert!(error.to_string().contains(&format!("run `sovitc lock {plan}`")), "{error}");
    assert!(format!("{error:?}").contains(&format!("help: run `sovitc lock {plan}`")), "{error:?}");
    assert!(!package.path("out").exists());
}

#[test]
fn a_missing_lock_says_how_to_make_it() {
    let package = Package::new();
    fs::remove_file(package.path("plans/encoder.lock")).unwrap();
    let error = package.compile().unwrap_err();
    assert_eq!(code(&error), "missing-lock");
    assert!(format!("{error:?}").contains("run `sovitc lock "), "{error:?}");
}

#[test]
fn every_mistake_of_the_plan_is_reported() {
    let package = Package::new();
    package.write("plans/encoder.sov", &PLAN.replace("patch =", "pacth =").replace("= vit_g\n", "= vit_h\n"));
    let error = package.compile().unwrap_err();
    assert!(error.diagnostics().len() >= 2, "{error:?}");
    assert!(error.to_string().contains("encoder.sov:"), "{error}");
}

#[test]
fn the_worlds_faults_are_diagnostics() {
    let package = Package::new();
    package.write("plans/encoder.lock", "not a lock");
    assert_eq!(code(&package.compile().unwrap_err()), "malformed-lock");

    let package = Package::new();
    package.write("out", "a file");
    assert_eq!(code(&package.compile().unwrap_err()), "cannot-write");

    let package = Package::new();
    fs::write(package.path("plans/encoder.sov"), b"\xff\xfe").unwrap();
    assert_eq!(code(&package.compile().unwrap_err()), "not-utf8");
    let nowhere = Build::new().plan(Path::new("no/such/plan.sov")).compile_to(package.path("out"));
    assert_eq!(code(&nowhere.unwrap_err()), "unreadable-plan");
}

#[test]
fn data_that_is_there_must_be_the_locked_data() {
    let with_data = format!(
        "{PLAN}\nresults curve from \"curve.csv\" {{\n  examples = column examples\n  error = column error\n}}\n"
    );
    let package = Package::new();
    package.write("plans/encoder.sov", &with_data);
    package.lock(&with_data, vec![Input::new("curve.csv", b"examples,error\n")]);
    // Not there, as in a published crate.
    assert_eq!(package.compile().unwrap().len(), 2);
    package.write("plans/curve.csv", "examples,error\n");
    assert!(package.compile().unwrap().contains(&package.path("plans/curve.csv")));
    package.write("plans/curve.csv", "examples,error\n1,2\n");
    let error = package.compile().unwrap_err();
    assert_eq!(code(&error), "stale-lock");
    assert!(error.to_string().contains("`curve.csv` has changed"), "{error}");
}
