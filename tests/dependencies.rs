//! What a build script pulls in, as cargo resolves it.

use std::process::Command;

/// Crates below `encoder-service`, itself included, by the edges named.
fn crates(edges: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", "encoder-service", "--prefix", "none"])
        .args(["--edges", edges, "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut names: Vec<String> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn a_build_script_does_not_pull_in_the_fit_or_the_command_line() {
    let names = crates("normal,build");
    assert!(names.iter().any(|name| name == "sovitc") && names.iter().any(|name| name == "sovit-kernels"), "{names:?}");
    for heavy in
        ["clap", "cudarc", "libloading", "rustix", "nalgebra", "csv", "csv-core", "flate2", "ruzstd", "anstream"]
    {
        assert!(!names.iter().any(|name| name == heavy), "{heavy} in {names:?}");
    }
    // A build script is compiled in everyone's build.
    assert!(names.len() <= 40, "{} crates: {names:?}", names.len());
}

#[test]
fn the_run_time_half_stands_alone() {
    assert_eq!(crates("normal"), ["encoder-service", "sovit-kernels"]);
}
