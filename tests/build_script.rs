//! A real consumer: `examples/build-script`, copied out of the workspace and built by cargo without a network.
#![cfg(feature = "cli")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The consumer in a folder of its own, with a space and an umlaut in its path.
struct Consumer {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Consumer {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::Builder::new().prefix("a consumer é").tempdir().unwrap();
        support::copy(&root.join("examples/build-script"), folder.path());
        let manifest = folder.path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let absolute = |path: &str| format!("path = {:?}", root.join(path).to_string_lossy());
        let text = text
            .replace("path = \"../..\"", &absolute(""))
            .replace("path = \"../../kernels/runtime\"", &absolute("kernels/runtime"));
        assert!(!text.contains("\"../"), "{text}");
        fs::write(&manifest, text + "\n[workspace]\n").unwrap();
        fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
        // Kept between runs: the compiler's dependencies need not be built anew.
        Self { folder, target: root.join("target/consumer") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .unwrap()
    }

    fn edit(&self, from: &str, to: &str) {
        let plan = self.path("plans/encoder.sov");
        let text = fs::read_to_string(&plan).unwrap();
        assert!(text.contains(from));
        fs::write(plan, text.replace(from, to)).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_crate_puts_a_plan_into_its_build_script() {
    let consumer = Consumer::new();
    let run = consumer.cargo(&["run"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let said = text(&run.stdout);
    assert!(said.contains("width 1152, depth 27") && said.contains("sovit_layernorm_residual_w1152"), "{said}");

    // Nothing changed: the script does not run again.
    let again = consumer.cargo(&["build", "--verbose"]);
    let fresh = text(&again.stderr).lines().any(|line| line.contains("Fresh encoder-service"));
    assert!(again.status.success() && fresh, "{}", text(&again.stderr));

    // A changed plan is one clear error with the command to run.
    consumer.edit("16e9 example", "4e9 example");
    let stale = consumer.cargo(&["build"]);
    let said = text(&stale.stderr);
    assert!(
        !stale.status.success() && said.contains("stale") && said.contains("sovitc lock plans/encoder.sov"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");

    // Kernels for batches of one image, too: their constants compile.
    consumer.edit("sm_90a] }", "sm_90a], batches = [1, 64] }");
    let locked = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .args(["lock", "plans/encoder.sov"])
        .current_dir(consumer.folder.path())
        .output()
        .unwrap();
    assert!(locked.status.success(), "{}", text(&locked.stderr));
    let run = consumer.cargo(&["run"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(!text(&run.stdout).contains("width 1152"), "{}", text(&run.stdout));

    // A mistake in the plan is shown at its place.
    consumer.edit("heads = 16", "haeds = 16");
    let wrong = text(&consumer.cargo(&["build"]).stderr);
    assert!(wrong.contains("encoder.sov:") && wrong.contains("`haeds`"), "{wrong}");
}
