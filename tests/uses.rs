//! Plans over several files.

use sovitc::diagnostic::Diagnostic;
use sovitc::source::MemoryWorld;
use sovitc::{Checked, PlanFile};

const REST: &str = "
law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.7 EFLOP as forward }
budget big = forward(vit_g14) * seen
search s { width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16 }
";

fn check(files: &[(&str, &str)]) -> Checked {
    check_as(PlanFile { name: "plan", file: "plan.sov", shown: "plans/plan.sov", outside: false }, files)
}

fn check_as(file: PlanFile<'_>, files: &[(&str, &str)]) -> Checked {
    let world = files.iter().fold(MemoryWorld::default(), |world, (path, text)| world.with(*path, *text));
    sovitc::check(&world, &file)
}

/// Code, file and text of each primary label.
fn found(checked: &Checked) -> Vec<(&'static str, String, String)> {
    let place = |found: &Diagnostic| {
        let span = found.span().unwrap_or_default();
        (found.code.id, checked.sources.get(span.source).name.clone(), checked.sources.slice(span).to_owned())
    };
    checked.diagnostics.iter().map(place).collect()
}

fn is(found: &[(&'static str, String, String)], want: &[(&str, &str, &str)]) {
    let found: Vec<_> = found.iter().map(|(code, file, text)| (*code, file.as_str(), text.as_str())).collect();
    assert_eq!(found, want);
}

#[test]
fn a_plan_is_split_over_files() {
    let checked = check(&[
        ("plan.sov", &format!("use \"shared/all.sov\"\nuse \"shared/encoder.sov\"{REST}")),
        ("shared/all.sov", "use \"encoder.sov\"\nuse \"./numbers.sov\"\n"),
        ("shared/encoder.sov", "model encoder { image = 224 px, patch = 14 px, heads = 16 }\n"),
        ("shared/numbers.sov", "use \"../shared/encoder.sov\"\nlet seen = 16e9 example\n"),
    ]);
    is(&found(&checked), &[]);
    assert_eq!((checked.plan.models.len(), checked.plan.searches.len()), (1, 1));
    let used: Vec<_> = checked.used.iter().map(|input| input.path.as_str()).collect();
    assert_eq!(used, ["shared/all.sov", "shared/encoder.sov", "shared/numbers.sov"]);
}

#[test]
fn tables_stand_beside_the_file_that_reads_them() {
    let table = "results runs from \"runs.csv\" { examples = column n, loss = column l }\n";
    let checked =
        check(&[("plan.sov", "use \"data/runs.sov\"\nlaw l = m1 fitted to runs.loss\n"), ("data/runs.sov", table)]);
    is(&found(&checked), &[]);
    assert_eq!(checked.plan.results[0].path.value, "data/runs.csv");
}

#[test]
fn mistakes_are_shown_in_their_file() {
    let checked = check(&[
        ("plan.sov", &format!("use \"encoder.sov\"\nlet seen = 16e9 example{REST}")),
        ("encoder.sov", "model encoder { image = 224, patch = 14 px, heads = 16 }\nlet seen = 3 example"),
    ]);
    is(&found(&checked), &[("S0201", "plans/plan.sov", "seen"), ("S0301", "plans/encoder.sov", "224")]);
}

#[test]
fn files_are_used_in_no_circle() {
    let checked = check(&[
        ("plan.sov", "use \"a.sov\""),
        ("a.sov", "use \"b.sov\""),
        ("b.sov", "use \"a.sov\"\nuse \"plan.sov\""),
    ]);
    is(&found(&checked), &[("S0005", "plans/b.sov", "\"a.sov\""), ("S0005", "plans/b.sov", "\"plan.sov\"")]);
}

#[test]
fn files_stand_below_the_plan() {
    let files = [
        ("plan.sov", "use \"../other.sov\"\nuse \"/abs.sov\"\nuse \"\"\nuse \"none.sov\"\nuse 3\n"),
        ("../other.sov", "let x = 1\n"),
        ("/abs.sov", "let y = 1\n"),
    ];
    let checked = check(&files);
    is(
        &found(&checked),
        &[
            ("S0006", "plans/plan.sov", "\"../other.sov\""),
            ("S0006", "plans/plan.sov", "\"/abs.sov\""),
            ("S0007", "plans/plan.sov", "\"\""),
            ("S0001", "plans/plan.sov", "\"none.sov\""),
            ("S0101", "plans/plan.sov", "3"),
        ],
    );
    let file = PlanFile { outside: true, ..PlanFile::named("plan", "plan.sov") };
    let checked = check_as(file, &files);
    assert!(found(&checked).iter().all(|found| found.0 != "S0006"));
    assert_eq!(checked.used.iter().map(|input| input.path.as_str()).collect::<Vec<_>>(), ["../other.sov", "/abs.sov"]);
}

#[test]
fn long_chains_of_files_end() {
    let files: Vec<_> = (0..300).map(|i| (format!("f{i}.sov"), format!("use \"f{}.sov\"", i + 1))).collect();
    let mut files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("plan.sov", "use \"f0.sov\""));
    assert_eq!(found(&check(&files)).iter().map(|found| found.0).collect::<Vec<_>>(), ["S0005"]);
}

const SIGLIP: &str = r#"{"model_type": "siglip_vision_model", "hidden_size": 1152, "num_hidden_layers": 27,
 "intermediate_size": 4304, "num_attention_heads": 16, "patch_size": 14, "image_size": 224}"#;

/// A model begins as the encoder of a config, which the lock then pins; its shape goes by its name.
#[test]
fn a_model_begins_as_a_config() {
    let text = "model ours from \"hf/config.json\" { image = 378 px, classes = 10 }
law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.7 EFLOP as forward }
budget big = forward(ours) * 1e9 example
search s { compare = ours, width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16 }
";
    let checked = check(&[("plan.sov", text), ("hf/config.json", SIGLIP)]);
    is(&found(&checked), &[]);
    let model = &checked.plan.models[0].architecture;
    assert_eq!((model.image, model.patch, model.heads, model.classes), (378, 14, 16, 10));
    assert_eq!(checked.used.len(), 1);
    assert_eq!(checked.used[0].path, "hf/config.json");
    let compared = &checked.plan.searches[0].compare[0];
    assert_eq!((compared.name.as_str(), compared.heads, compared.shape.mlp_dim), ("ours", 16, 4304));
    // What one image of it takes at 378 px, the classifier included.
    let vit = model.with(compared.shape).unwrap();
    assert_eq!(checked.plan.budgets[0].forward_flops, vit.cost().forward_flops_per_example as f64 * 1e9);
}

#[test]
fn a_model_begins_as_a_published_one() {
    let text = format!("let seen = 1e9 example\nmodel m from dinov3_l16 {{ registers = 0 }}\n{REST}");
    let checked = check(&[("plan.sov", &text)]);
    is(&found(&checked), &[]);
    let variant = &checked.plan.models[0].architecture.variant;
    assert!(variant.registers == 0 && variant.mask_token && variant.layer_scale.is_some());
    let bare = format!("let seen = 1e9 example\nmodel m from siglip_so400m14\n{REST}");
    is(&found(&check(&[("plan.sov", &bare)])), &[]);
    let wrong = bare.replace("siglip_so400m14", "siglip_so400");
    is(&found(&check(&[("plan.sov", &wrong)])), &[("S0209", "plans/plan.sov", "siglip_so400")]);
}

#[test]
fn configs_that_say_no_encoder_are_told() {
    let check = |path: &str, config: &str, code: &str| {
        let text = format!("let seen = 1e9 example\nmodel m from \"{path}\"\n{REST}");
        let checked = check(&[("plan.sov", &text), ("config.json", config)]);
        is(&found(&checked), &[(code, "plans/plan.sov", &format!("\"{path}\""))]);
    };
    check("config.json", "{", "S0023");
    check("config.json", "{\"model_type\": \"bert\"}", "S0023");
    check("config.json", "{\"model_args\": {\"depth\": 27}}", "S0023");
    check("missing.json", SIGLIP, "S0022");
    check("../config.json", SIGLIP, "S0006");
    check("", SIGLIP, "S0007");
    check("/config.json", SIGLIP, "S0006");
}

/// A file that another one uses finds its configs beside itself.
#[test]
fn a_config_stands_where_its_file_says() {
    let rest = format!("use \"shared/encoder.sov\"\nlet seen = 1e9 example{REST}");
    let encoder = "model m from \"config.json\"";
    let checked = check(&[("plan.sov", &rest), ("shared/encoder.sov", encoder), ("shared/config.json", SIGLIP)]);
    is(&found(&checked), &[]);
    assert_eq!(
        checked.used.iter().map(|used| used.path.as_str()).collect::<Vec<_>>(),
        ["shared/encoder.sov", "shared/config.json"]
    );
}
