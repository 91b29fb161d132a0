//! `sovitc kernels verify` and `sovitc kernels profile`, on a tiny plan.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sovitc::nvrtc::{Search, find};
use tempfile::TempDir;

use crate::support::TINY as PLAN;

/// Makes the norm's epsilon and the matrix products wrong, and compiles that.
const FAULTY: &str = r#"#!/bin/sh
for word in "$@"; do
  case "$word" in
    -DSOVIT_SOURCE=*)
      file="${word#*\"}"
      sed -i 's/squares + EPSILON/squares + 2 * EPSILON/; s/wait_copies<STAGES - 2>();//' "${file%\"}" ;;
  esac
done
exec c++ "$@"
"#;

fn plan(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("plan.sov");
    std::fs::write(&path, PLAN).unwrap();
    path
}

fn verify(plan: &Path, more: &[&str], set: impl FnOnce(&mut Command)) -> (i32, String, String) {
    kernels("verify", plan, more, set)
}

fn kernels(name: &str, plan: &Path, more: &[&str], set: impl FnOnce(&mut Command)) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
    set(command.args(["kernels", name]).arg(plan).args(more));
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_command_verifies_every_kernel() {
    need_compiler!("verify::the_command_verifies_every_kernel");
    let folder = tempfile::tempdir().unwrap();
    let (status, text, said) = verify(&plan(&folder), &["tiny", "--seed", "7", "--format", "json"], |command| {
        command.env("TMPDIR", folder.path());
    });
    assert_eq!((status, said.as_str()), (0, ""));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let kernels = value["searches"][0]["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 14);
    for kernel in kernels {
        let error = kernel["error"].as_f64().unwrap();
        assert!(error > 0.0 && error <= 1.0 && kernel["wrong"].is_null(), "{kernel}");
        assert!(kernel["launches"].as_u64().unwrap() >= 7, "{kernel}");
    }
    // Nothing is left behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_commands_take_the_form_of_the_plan() {
    need_compiler!("verify::the_commands_take_the_form_of_the_plan");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.sov");
    std::fs::write(&path, format!("{PLAN}emit kernels \"kernels/\" {{ layernorm = folded }}\n")).unwrap();
    let names = |command, more: &[&str]| {
        let (status, text, said) = kernels(command, &path, &[more, &["--format", "json"]].concat(), |_| {});
        assert_eq!((status, said.as_str()), (0, ""));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let key = if command == "plan" { "entry" } else { "kernel" };
        let list = value["searches"][0]["kernels"].as_array().unwrap().clone();
        list.iter().map(|kernel| kernel[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let planned = names("plan", &[]);
    // The probe's norm is a kernel, and that of a block is none.
    for name in ["sovit_layernorm_w96", "sovit_layernorm_statistics_w96"] {
        assert!(planned.iter().any(|entry| entry == name), "{planned:?}");
    }
    assert_eq!(planned.iter().filter(|entry| entry.contains("_normed")).count(), 2, "{planned:?}");
    let verified = names("verify", &["tiny"]);
    assert_eq!(verified.len(), planned.len());
    assert!(verified.contains(&"layernorm_statistics".to_owned()), "{verified:?}");
}

#[test]
fn the_commands_verify_and_profile_fp16() {
    need_compiler!("verify::the_commands_verify_and_profile_fp16");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.sov");
    for (form, norms) in [("dtype = fp16", 2), ("dtype = fp16, residual = fp16, pixels = fp16", 1)] {
        std::fs::write(&path, format!("{PLAN}emit kernels \"kernels/\" {{ {form} }}\n")).unwrap();
        let asked = |command, more: &[&str]| {
            let (status, text, said) = kernels(command, &path, more, |command| {
                command.env("SOVIT_NVRTC", folder.path());
            });
            assert_eq!((status, said.as_str()), (0, ""), "{form}");
            text
        };
        let text = asked("verify", &["--format", "json"]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = value["searches"][0]["kernels"].as_array().unwrap();
        // The probe's norm has a kernel of its own where the stream is of another float.
        assert_eq!(list.len(), 13 + norms);
        for kernel in list {
            let entry = kernel["entry"].as_str().unwrap();
            assert!(kernel["error"].as_f64().unwrap() <= 1.0 && entry.contains("_fp16"), "{kernel}");
            let floats = entry.split("_fp16").nth(1).unwrap();
            let of_stream = ["projection", "fc2", "patch_embedding"].contains(&kernel["kernel"].as_str().unwrap());
            assert_eq!(floats == "_bf16", of_stream && norms == 2, "{entry}");
        }
        let text = asked("profile", &["--device", "a100", "--rows", "64", "--format", "json"]);
        assert!(text.contains("\"kernel\": \"projection\""), "{text}");
        let stream = if norms == 2 { "bf16" } else { "fp16" };
        let text = asked("plan", &[]);
        assert!(text.contains(&format!("; fp16, residual stream in {stream}\n")), "{text}");
    }
}

#[test]
#[cfg(unix)]
fn a_kernel_that_disagrees_ends_the_command_with_1() {
    use std::os::unix::fs::PermissionsExt as _;
    need_compiler!("verify::a_kernel_that_disagrees_ends_the_command_with_1");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("faulty");
    std::fs::write(&script, FAULTY).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (status, text, said) = verify(&plan(&folder), &[], |command| {
        command.env("CXX", &script);
    });
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("S0821") && said.contains("`sovit_layernorm_w96` does not compute"), "{said}");
    assert!(said.contains("37 rows, first thread first, copies late: row "), "{said}");
    assert!(said.contains("copies in flight"), "{said}");
    assert!(text.contains("WRONG"), "{text}");
}

/// As in `CXX="ccache g++"`.
#[test]
#[cfg(unix)]
fn a_compiler_may_come_with_words() {
    need_compiler!("verify::a_compiler_may_come_with_words");
    let folder = tempfile::tempdir().unwrap();
    let (status, _, said) = verify(&plan(&folder), &["tiny"], |command| {
        let own = std::env::var("CXX").unwrap_or_default();
        command.env("CXX", format!("env SOVIT_WORDS=1 {}", if own.is_empty() { "c++" } else { own.as_str() }));
    });
    assert_eq!((status, said.as_str()), (0, ""));
}

#[test]
fn no_compiler_is_the_worlds_fault() {
    let folder = tempfile::tempdir().unwrap();
    let (status, text, said) = verify(&plan(&folder), &[], |command| {
        command.env_remove("CXX").env("PATH", folder.path());
    });
    assert_eq!((status, text.as_str()), (3, ""));
    assert!(said.contains("S0820") && said.contains("sovitc explain S0820"), "{said}");
    // Whoever names one is not given another.
    let (status, text, said) = verify(&plan(&folder), &[], |command| {
        command.env("CXX", "no-such-compiler -O2");
    });
    assert_eq!((status, text.as_str()), (3, ""));
    assert!(said.contains("`CXX` is `no-such-compiler -O2`, which does not run"), "{said}");
    let (status, _, said) = verify(&plan(&folder), &["tin"], |_| {});
    assert!(status == 1 && said.contains("there is `tiny`"), "{said}");
}

#[test]
fn the_command_profiles_every_kernel() {
    need_compiler!("verify::the_command_profiles_every_kernel");
    let folder = tempfile::tempdir().unwrap();
    let more = ["tiny", "--device", "a100", "--rows", "16,1000", "--format", "json"];
    let (status, text, said) = kernels("profile", &plan(&folder), &more, |command| {
        command.env("SOVIT_NVRTC", folder.path());
    });
    assert_eq!((status, said.as_str()), (0, ""));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = value["searches"][0]["kernels"].as_array().unwrap();
    assert_eq!(list.len(), 28);
    let named = |name: &str| list.iter().filter(|kernel| kernel["kernel"] == name).collect::<Vec<_>>();
    let [one, many] = named("attention")[..] else { panic!("{text}") };
    // Whole images of 16 tokens.
    assert_eq!((one["rows"].as_u64(), many["rows"].as_u64()), (Some(16), Some(1008)));
    let flops = |kernel: &serde_json::Value| kernel["counts"]["flops"].as_u64().unwrap();
    assert_eq!(flops(many), 63 * flops(one));
    assert!(flops(one) >= one["useful_flops"].as_u64().unwrap());
    assert!(list.iter().all(|kernel| kernel["seconds"].as_f64().unwrap() > 0.0));
    // A pass has every launch as often as there are blocks.
    let passes = value["searches"][0]["passes"].as_array().unwrap();
    assert_eq!(passes.iter().map(|pass| pass["images"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 63]);
    let seconds = |name: &str| named(name)[1]["seconds"].as_f64().unwrap();
    let block: f64 =
        ["layernorm", "layernorm", "qkv", "attention", "projection", "fc1", "fc2"].into_iter().map(seconds).sum();
    let near = |got: &serde_json::Value, want: f64| (got.as_f64().unwrap() / want - 1.0).abs() < 0.01;
    assert!(near(&passes[1]["block_seconds"], block), "{} and {block}", passes[1]);
    assert!(passes[1]["seconds"].as_f64().unwrap() > 2.0 * block);

    // Folded norms spare a block what a norm moves.
    let folded = folder.path().join("folded.sov");
    std::fs::write(&folded, PLAN.to_owned() + "emit kernels \"kernels/\" { layernorm = folded }\n").unwrap();
    let more = ["--device", "a100", "--rows", "16000", "--format", "json"];
    let block_of = |path: &Path| {
        let (status, text, said) = kernels("profile", path, &more, |command| {
            command.env("SOVIT_NVRTC", folder.path());
        });
        assert_eq!((status, said.as_str()), (0, ""));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["searches"][0]["passes"][0]["block_seconds"].as_f64().unwrap()
    };
    let (apart, folded) = (block_of(&plan(&folder)), block_of(&folded));
    assert!(folded < apart, "{folded} and {apart} seconds");

    // Each number of rows has the kernel for so many images of 16 tokens.
    let batches = folder.path().join("batches.sov");
    std::fs::write(&batches, PLAN.to_owned() + "emit kernels \"kernels/\" { batches = [2, 4096] }\n").unwrap();
    let more = ["--device", "a100", "--rows", "32,33,2000", "--format", "json"];
    let (status, text, said) = kernels("profile", &batches, &more, |command| {
        command.env("SOVIT_NVRTC", folder.path());
    });
    assert_eq!((status, said.as_str()), (0, ""));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = value["searches"][0]["kernels"].as_array().unwrap();
    let of = |name: &str| {
        let own = list.iter().filter(|kernel| kernel["kernel"] == name);
        own.map(|kernel| kernel["rows"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((of("fc1_b2"), of("fc1")), (vec![32], vec![33, 2000]), "{text}");
    assert_eq!(of("layernorm"), [32, 33, 2000]);
    let (status, text, said) = verify(&batches, &["--format", "json"], |_| {});
    assert_eq!((status, said.as_str()), (0, ""));
    assert!(text.contains("\"kernel\": \"fc1_b2\"") && text.contains("\"kernel\": \"fc1\""), "{text}");

    // A TPU runs no CUDA; whoever knows better says for what kernels are compiled.
    let (status, _, said) = kernels("profile", &plan(&folder), &["--device", "tpu_v5e"], |_| {});
    assert!(status == 1 && said.contains("S0823") && said.contains("`h200`") && !said.contains("mi300x"), "{said}");
    let asked = ["--device", "mi300x", "--arch", "sm_80", "--rows", "16"];
    let (status, text, said) = kernels("profile", &plan(&folder), &asked, |_| {});
    assert_eq!((status, said.as_str()), (0, ""));
    assert!(text.contains("tiny on mi300x"), "{text}");
    // An architecture that someone asked for is one, where there is an NVRTC to tell.
    let told = find(&Search::from_environment(|name| std::env::var_os(name))).is_ok();
    let (status, _, said) = kernels("profile", &plan(&folder), &["--device", "a100", "--arch", "sm_81"], |_| {});
    assert_eq!((status, said.contains("S0812")), (i32::from(told), told), "{said}");
    let (status, _, said) = kernels("profile", &plan(&folder), &["--device", "a10"], |_| {});
    assert!(status == 1 && said.contains("there is `a100`"), "{said}");
}
