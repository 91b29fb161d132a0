//! The README of an emitted folder of kernels says what its manifest says, in every form.
#![cfg(feature = "cli")]

#[path = "support/so400m.rs"]
mod so400m;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use so400m::case;
use sovitc::emit::render;
use sovitc::plan::Target;
use sovitc::vit::{
    Activation, Architecture, Batches, Half, Halves, ImageFormat, KernelForm, LayerNorm, Layout, Pixels, Pooling,
    Position, Variant,
};

/// The README and the manifest of a model's kernels.
fn emitted(architecture: Architecture, form: KernelForm) -> (String, Value) {
    let mut case = case().with(architecture).emitting(&[(Target::Kernels, "kernels/")]);
    case.plan.emits[0].options.form = form;
    let artefacts = render(&case.request()).unwrap();
    let find = |name: &str| {
        let path = format!("flagship/kernels/{name}");
        artefacts.iter().find(|artefact| artefact.path == path).unwrap().text.clone()
    };
    (find("README.md"), serde_json::from_str(&find("manifest.json")).unwrap())
}

/// The cells of the table that begins with this column, line by line, without the marks of code.
fn table<'a>(readme: &'a str, first: &str) -> Vec<Vec<&'a str>> {
    let head = format!("| {first} |");
    let start = readme.match_indices(&head).find(|(at, _)| readme[..*at].ends_with('\n')).expect("a table").0;
    let lines = readme[start..].lines().take_while(|line| line.starts_with('|'));
    let cells = |line: &'a str| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    lines.map(cells).collect()
}

fn check(architecture: Architecture, form: KernelForm) {
    let by_batch = form.batches != Batches::default();
    let (readme, manifest) = emitted(architecture, form);
    assert!(readme.lines().all(|line| line.trim_end() == line) && !readme.contains("\n\n\n"), "{readme}");

    let kernels = table(&readme, "kernel | entry point");
    let listed = manifest["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), listed.len() + 2);
    for (cells, kernel) in kernels[2..].iter().zip(listed) {
        let launch = &kernel["launch"];
        let sizes = ["rows_per_block", "blocks_per_band", "threads", "shared_bytes", "rows_multiple"];
        let expected: Vec<String> = sizes.map(|name| launch[name].to_string()).into();
        assert_eq!(cells[..2], [kernel["name"].as_str().unwrap(), kernel["entry"].as_str().unwrap()]);
        assert_eq!(cells[cells.len() - 5..], expected);
        assert_eq!(cells.len(), if by_batch { 8 } else { 7 });
    }
    if by_batch {
        let small = kernels.iter().find(|cells| cells[0] == "fc2_b1").unwrap();
        assert_eq!(small[2], "1");
    }

    let launches = table(&readme, "kernel | when");
    let steps = manifest["forward"].as_array().unwrap();
    assert_eq!(launches.len(), steps.len() + 2);
    let (mut buffers, mut rules) = (BTreeMap::new(), Vec::new());
    for (cells, step) in launches[2..].iter().zip(steps) {
        let when = if step["each_block"] == true { "each block" } else { "once" };
        let rows = step["rows"].as_str().unwrap().replace("images", "1");
        assert_eq!(cells[..3], [step["kernel"].as_str().unwrap(), when, &rows]);
        let kernel = listed.iter().find(|kernel| kernel["name"] == step["kernel"]).unwrap();
        for bound in step["arguments"].as_array().unwrap() {
            let argument = bound["argument"].as_str().unwrap();
            if let Some(buffer) = bound["buffer"].as_str() {
                assert!(cells[3].contains(&format!("{argument}` = `{buffer}")), "{cells:?}");
                let own = kernel["arguments"].as_array().unwrap().iter().find(|own| own["name"] == argument).unwrap();
                buffers.insert(buffer.to_owned(), own["dtype"].as_str().unwrap().to_owned());
            } else {
                assert!(cells[4].contains(argument), "{cells:?}");
                rules.push(bound["weights"]["rule"].as_str().unwrap());
            }
        }
    }
    let told = table(&readme, "buffer");
    let told: BTreeMap<_, _> = told[2..].iter().map(|cells| (cells[0].to_owned(), cells[2].to_owned())).collect();
    assert_eq!(told, buffers);
    rules.sort_unstable();
    rules.dedup();
    let told = table(&readme, "rule");
    assert_eq!(told[2..].iter().map(|cells| cells[0]).collect::<Vec<_>>(), rules);

    let [dtype, stream] = ["dtype", "residual"].map(|name| manifest[name].as_str().unwrap());
    assert!(readme.contains(&format!(
        "is multiplied is {dtype}, the residual stream between the blocks (`tokens`) is {stream},"
    )));
    let percent = (1000.0 * manifest["error"].as_f64().unwrap()).round() / 10.0;
    assert!(readme.contains(&format!("a vector is {percent} % of its size off")), "{readme}");
    for library in ["timm", "transformers", "open_clip"] {
        let speaks = manifest["weights"].as_array().unwrap().iter().any(|weight| weight.get(library).is_some());
        assert_eq!(readme.contains(library), speaks, "{library}: {readme}");
    }
}

#[test]
fn it_says_what_the_manifest_says() {
    let base = Architecture::default();
    let fp16 = Halves::of(Half::Fp16);
    let images = ImageFormat { pixels: Pixels::Fp16, layout: Layout::Nchw };
    check(base, KernelForm::default());
    check(base, KernelForm { batches: Batches::new(&[1, 64]).unwrap(), ..KernelForm::default() });
    check(base, KernelForm { halves: Halves::MIXED, images, ..KernelForm::default() });
    let variant = Variant { pre_norm: true, registers: 4, layer_scale: Some(1e-5), ..Variant::default() };
    let mean = Architecture { pooling: Pooling::Average, class_token: true, classes: 10, variant, ..base };
    check(mean, KernelForm { halves: fp16, layernorm: LayerNorm::Folded, images, ..KernelForm::default() });
    check(mean, KernelForm { halves: Halves::MIXED, ..KernelForm::default() });
    let variant = Variant { position: Position::Rope, ..Variant::default() };
    let class = Architecture { pooling: Pooling::Class, class_token: true, variant, ..base };
    check(Architecture { activation: Activation::SwiGlu, ..class }, KernelForm::default());
}

#[test]
fn buffers_are_as_large_as_they_must() {
    let (readme, _) = emitted(Architecture::default(), KernelForm::default());
    let of = |readme: &str, name: &str| -> u64 {
        let found = table(readme, "buffer").into_iter().find(|cells| cells[0] == name).unwrap()[1].to_owned();
        found.parse().unwrap()
    };
    assert_eq!(of(&readme, "image"), 224 * 224 * 3);
    assert_eq!(of(&readme, "qkv"), 3 * 256 * 16 * 72);
    assert_eq!(of(&readme, "vector"), 1152);
    let with_class = Architecture { class_token: true, classes: 10, ..Architecture::default() };
    let (readme, _) = emitted(with_class, KernelForm::default());
    assert_eq!(of(&readme, "tokens"), 257 * 1152);
    assert_eq!(of(&readme, "scores"), 257 * 16);
    assert_eq!(of(&readme, "classes"), 16);
}

/// Its commands are those of the program, with the options that they have.
#[test]
fn its_commands_exist() {
    let (readme, _) = emitted(Architecture::default(), KernelForm::default());
    let block = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(block.lines().count(), 3);
    for line in block.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words[0], words[1], words[3]), ("sovitc", "kernels", "PLAN.sov"));
        let output = Command::new(env!("CARGO_BIN_EXE_sovitc")).args([words[1], words[2], "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}");
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{option} of {line}");
        }
    }
}
