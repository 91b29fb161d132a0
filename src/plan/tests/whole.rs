//! Plans without mistakes, and plans with holes.

use super::*;
use proptest::prelude::*;

use crate::plan::{Counting, Input, LawKind, Objective, StartKind, Target};
use crate::vit::{Activation, PerAxis, Pooling};

/// The sketch of the language, short of what the compiler does not read yet.
const SKETCH: &str = r#"
// The shape that spends ViT-g/14's training budget best.
model encoder {
  image = 224 px
  patch = 14 px
  heads = 16
  pool  = map
}

results star from "star.csv" {
  model    = encoder
  width    = column width
  depth    = column depth
  mlp      = column mlp_dim
  examples = column examples_seen
  error    = 1 - column inet_10shot
}

law shape = sovit fitted to star.error

start small {
  shape   = { width = 608, depth = 10, mlp = 928 }
  compute = 0.70 EFLOP as forward
}

budget flagship = forward(vit_g14) * 16e9 example
budget cluster  = (64 gpu * 21 day * h200.bf16 * 0.42) as training

search so400m {
  model  = encoder
  law    = shape
  start  = small
  budget = flagship
  width in 384..2048 step 16
  depth in 6..60
  mlp   in 512..16384 step 16
  require params < 450 Mparam
  require 8 divides head_dim
}

emit transformers "hf/"
emit timm "timm/"
emit big_vision "big_vision/so400m.py"
emit kernels "kernels/" { arch = [sm_80, sm_90a], dtype = bf16 }
"#;

#[test]
fn the_sketch_is_clean() {
    let plan = plan(SKETCH);
    assert_eq!(plan.name, "plan");
    let search = &plan.searches[0];
    assert_eq!((search.model, search.law, search.start, search.budget), (0, 0, Some(0), 0));
    assert_eq!(
        search.requires.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(),
        ["params < 450 Mparam", "8 divides head_dim"]
    );
    assert_eq!(search.ranges.width.value.len(), 105);
    let StartKind::Stated(start) = plan.starts[0].kind else { panic!("{:?}", plan.starts[0]) };
    assert_eq!(start.forward_flops, 7e17);
    let forward = crate::vit::named("vit_g14").unwrap().vit().cost().forward_flops_per_example as f64;
    assert_eq!(plan.budgets[0].forward_flops, forward * 16e9);
    assert_eq!(plan.budgets[0].kind, Counting::Forward);
    let cluster = &plan.budgets[1];
    assert_eq!(cluster.kind, Counting::Training);
    assert!((cluster.stated / (64.0 * 21.0 * 86400.0 * 989.4e12 * 0.42) - 1.0).abs() < 1e-12);
    assert!((cluster.forward_flops * 3.0 / cluster.stated - 1.0).abs() < 1e-12);
    assert_eq!(plan.results[0].columns.len(), 5);
    assert_eq!(plan.results[0].model, Some(0));
    assert_eq!(
        plan.emits.iter().map(|emit| emit.target.value).collect::<Vec<_>>(),
        [Target::Transformers, Target::Timm, Target::BigVision, Target::Kernels]
    );
    assert_eq!(plan.emits[3].arch, ["sm_80", "sm_90a"]);
}

#[test]
fn order_does_not_matter() {
    let mut reversed: Vec<_> = SKETCH.split("\n\n").collect();
    reversed.reverse();
    let (forth, back) = (plan(SKETCH), plan(&reversed.join("\n\n")));
    assert_eq!(back.searches[0].requires.len(), forth.searches[0].requires.len());
    assert_eq!(back.budgets.len(), 2);
}

#[test]
fn what_is_left_out_has_defaults() {
    let plan = plan(
        r#"
        model m { image = 256 px; patch = 16 px; heads = 12; pool = class }
        law l = sovit { width = 0.22 +- 0.02, depth = 0.45, mlp = 60 % }
        budget b = training(vit_b14) * 4e9 example
        search s { width in 192..1024 step 12; depth in 6..60; mlp in 512..4096 step 16 }
        emit kernels "k"
        emit timm "t"
        "#,
    );
    let architecture = plan.models[0].architecture;
    assert_eq!((architecture.pooling, architecture.class_token), (Pooling::Class, true));
    assert_eq!((architecture.channels, architecture.classes), (3, 0));
    assert_eq!((architecture.activation, architecture.norm_epsilon), (Activation::GeluTanh, 1e-6));
    let LawKind::Stated(stated) = &plan.laws[0].kind else { panic!("{:?}", plan.laws[0]) };
    assert_eq!(stated.weights, Some(PerAxis { width: 1.0 / 3.0, depth: 1.0 / 3.0, mlp: 1.0 / 3.0 }));
    assert!((stated.effective.width.value - 0.22 / 3.0).abs() < 1e-15);
    assert!((stated.effective.width.sd - 0.02 / 3.0).abs() < 1e-15);
    assert_eq!(stated.exponents.map(|all| all.mlp.value), Some(0.6));
    assert_eq!(plan.searches[0].start, None);
    assert_eq!(plan.budgets[0].kind, Counting::Training);
    assert_eq!(plan.emits[0].arch, ["sm_80", "sm_90a"]);
    assert!(plan.emits[1].arch.is_empty());
}

#[test]
fn effective_exponents_are_taken_as_written() {
    let plan = plan(
        r#"law l = sovit { effective = { width = 0.068, depth = 0.105, mlp = 0.163 }, calibrated_on = "the published shapes" }"#,
    );
    let LawKind::Stated(stated) = &plan.laws[0].kind else { panic!("{:?}", plan.laws[0]) };
    assert_eq!(stated.effective.depth.value, 0.105);
    assert_eq!((stated.exponents, stated.weights), (None, None));
    assert_eq!(stated.calibrated_on.as_deref(), Some("the published shapes"));
}

#[test]
fn curves_need_neither_shapes_nor_a_model() {
    let plan = plan(
        r#"
        results curves from "curves.csv" {
          examples = column examples_seen
          error    = column error_rate
          where    = column task == "inet_10shot" and not (column steps < 10)
          hold_out = column split == "test" or column examples_seen > 1e9 example
          group    = [column model, column dataset]
          cluster  = column run
          seeds    = average
        }
        law a = m2 fitted to curves.error
        law b = m4 fitted to curves.error
        "#,
    );
    let table = &plan.results[0];
    assert_eq!(table.model, None);
    assert!(table.shape.is_none() && table.keep.is_some() && table.hold_out.is_some());
    assert_eq!(
        table.group.iter().map(|column| table.columns[column.0].value.as_str()).collect::<Vec<_>>(),
        ["model", "dataset"]
    );
    assert_eq!(table.cluster.map(|column| table.columns[column.0].value.as_str()), Some("run"));
    assert_eq!(table.seeds, crate::plan::Seeds::Average);
    for (law, name) in plan.laws.iter().zip(["m2", "m4"]) {
        let LawKind::Form { form, inputs, .. } = &law.kind else { panic!("{law:?}") };
        assert_eq!((form.name, inputs.as_slice()), (name, &[Input::Examples][..]));
    }
}

#[test]
fn any_form_is_fitted_to_the_numbers_of_a_table() {
    let plan = plan(
        r#"
        results runs from "runs.csv" {
          n        = column params
          tokens   = column tokens * 1e9 token
          examples = column examples
          width    = column width
          depth    = column depth
          params   = column params
          loss     = column loss
          weight   = column seeds
        }
        law a = chinchilla fitted to runs.loss { objective = huber, delta = 1e-3, starts = 8, draws = 0, seed = 3 }
        law b = gemstones fitted to runs.loss { objective = log }
        "#,
    );
    let table = &plan.results[0];
    let names: Vec<&str> = table.numbers.iter().map(|number| number.name.value.as_str()).collect();
    assert_eq!(names, ["width", "depth", "n", "params", "tokens"]);
    assert!(table.shape.is_none() && table.weight.is_some() && table.model.is_none());
    let LawKind::Form { inputs, settings, .. } = &plan.laws[0].kind else { panic!() };
    assert_eq!(inputs.as_slice(), [Input::Number(2), Input::Examples]);
    assert_eq!(settings.objective, Some(Objective::Huber(Some(1e-3))));
    assert_eq!((settings.starts, settings.draws, settings.seed), (Some(8), Some(0), Some(3)));
    let LawKind::Form { inputs, settings, .. } = &plan.laws[1].kind else { panic!() };
    assert_eq!(inputs.as_slice(), [0, 1, 3, 4].map(Input::Number));
    assert_eq!((settings.objective, settings.draws), (Some(Objective::Log), None));
}

#[test]
fn holes_are_silent() {
    let law = "law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n";
    let none: [&str; 0] = [];
    for hole in [
        "budget b = ",
        "budget = 3 EFLOP as forward",
        "law = sovit fitted to",
        "law x = sovit fitted to { weights = [1, 1] }",
        "model m { image = ; patch = 14 px; heads = 16 }",
        "results r from { examples = column x; error = column y }",
        "start s { shape = { width = , depth = 1, mlp = 1 }, compute = 1 EFLOP as forward }",
        "emit \"x\"",
        "law k = sovit { width = , depth = 0.4, mlp = 0.6 }",
        "law k = sovit { width = 0.3 + , depth = 0.4, mlp = (0.6 }",
    ] {
        assert_eq!(found(&format!("{law}{hole}\n")), none, "{hole}");
    }
}

#[test]
fn a_definition_with_a_hole_can_still_be_named() {
    let none: [&str; 0] = [];
    let text = "model m { image = 224 px; patch = ; heads = 16 }\n\
        law = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n\
        budget b = \n\
        search s { model = m; law = l; budget = b; width in 384..512; depth in 6..60; mlp in 512..1024 }\n";
    assert_eq!(found(text), none);
}

proptest! {
    #[test]
    fn whatever_is_cut_out_nothing_panics(from in 0usize..SKETCH.len(), length in 1usize..40, with in "[ -~]{0,3}") {
        let to = (from + length).min(SKETCH.len());
        let text = format!("{}{with}{}", &SKETCH[..from], &SKETCH[to..]);
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", text.as_str());
        let (ast, _) = parse(&sources, id);
        let (plan, found) = check_tree(&ast, &sources, &Files::default(), "plan");
        for found in &found {
            is_well_made(found);
            for span in found.labels.iter().map(|label| label.span) {
                prop_assert!(text.get(span.range()).is_some(), "{}", found.message);
            }
        }
        let models = plan.models.len();
        prop_assert!(plan.results.iter().all(|table| table.model.is_none_or(|model| model < models)));
        for search in &plan.searches {
            prop_assert!(search.model < models && search.law < plan.laws.len() && search.budget < plan.budgets.len());
            prop_assert!(search.start.is_none_or(|start| start < plan.starts.len()));
        }
    }
}

#[test]
fn indices_stay_valid_when_a_definition_is_dropped() {
    let text = "model broken { image = 224; patch = 14 px; heads = 16 }\n\
        model m { image = 224 px; patch = 14 px; heads = 16 }\n\
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n\
        budget b = 1 ZFLOP as forward\n\
        search s { model = m; width in 384..512; depth in 6..60; mlp in 512..1024 }\n\
        search t { model = broken; width in 384..512; depth in 6..60; mlp in 512..1024 }\n";
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    let (ast, _) = parse(&sources, id);
    let (plan, found) = check_tree(&ast, &sources, &Files::default(), "plan");
    assert_eq!(found.len(), 1, "{}", list(&found, &sources));
    assert_eq!((plan.models.len(), plan.searches.len()), (1, 1));
    assert_eq!(plan.models[plan.searches[0].model].name.value, "m");
}

#[test]
fn dimensions_are_printed_as_plans_write_them() {
    let names = ["FLOP/s/gpu", "s*gpu", "s^-1", "FLOP^2/s^2"];
    for name in names {
        let text = format!("budget b = 1 {name}\nlaw l = sovit {{ width = 0.2, depth = 0.4, mlp = 0.6 }}");
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", text.as_str());
        let (ast, holes) = parse(&sources, id);
        let (_, found) = check_tree(&ast, &sources, &Files::default(), "plan");
        assert!(holes.is_empty(), "{name}");
        assert!(found[0].labels[0].message.contains(name), "{}", list(&found, &sources));
    }
}

#[test]
fn what_no_person_writes_ends_soon() {
    let budgets =
        (0..20_000).map(|i| format!("budget b{i} = 1 ZFLOP as forward")).collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(codes_of(&budgets), ["S0417"]);
    let columns: Vec<String> = (0..20_000).map(|i| format!("column g{i}")).collect();
    let group = format!(
        "results r from \"r.csv\" {{ examples = column n, loss = column l, group = [{}] }}\nlaw m = m2 fitted to r.loss\n",
        columns.join(", ")
    );
    assert_eq!(codes_of(&group), ["S0417"]);
    let fields = (0..20_000).map(|i| format!("  x{i} = 1")).collect::<Vec<_>>().join("\n") + "\n";
    let found = codes_of(&format!("model m {{\n{fields}}}\n"));
    assert!(found.len() == 101 && found.contains(&"S0418"), "{found:?}");
    let unit = format!("budget b = 1 {}FLOP as forward\n", "x*".repeat(20_000));
    assert_eq!(codes_of(&unit).len(), 101);
}

#[test]
fn of_many_definitions_some_are_offered() {
    let budgets = (0..100).map(|i| format!("budget b{i} = 1 ZFLOP as forward")).collect::<Vec<_>>().join("\n") + "\n";
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", SKETCH.replace("  budget = flagship\n", "") + &budgets);
    let (_, found) = check_tree(&parse(&sources, id).0, &sources, &Files::default(), "plan");
    assert_eq!((found.len(), found[0].code, found[0].help.len()), (1, codes::AMBIGUOUS, 4));
}

fn codes_of(text: &str) -> Vec<&'static str> {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    let (_, mut found) = check_tree(&parse(&sources, id).0, &sources, &Files::default(), "plan");
    found.retain(|found| found.code != codes::NOTHING_ASKED);
    found.iter().map(|found| found.code.id).collect()
}
