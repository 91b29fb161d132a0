//! Speed gates that need no GPU: what the kernels of SoViT-400m issue, touch and wait for, counted by the executor.

use sovitc::emit::kernel_source;
use sovitc::hardware::device;
use sovitc::kernel::{KernelPlan, Rows, plan};
use sovitc::verify::{Profile, count};
use sovitc::vit::{Architecture, Vit, named};

use crate::{compiled_folder, compiler};

const IMAGES: u64 = 64;

/// SoViT-400m on images of `image` pixels.
fn model(image: u64) -> Vit {
    let vit = named("sovit_400m14").unwrap().vit();
    Vit { architecture: Architecture { image, ..vit.architecture }, shape: vit.shape }
}

/// On a GPU of sm_80 and on one of sm_89; the counts are the same.
fn profiles(vit: &Vit, plan: &KernelPlan, source: &str, rows: u64) -> [Profile; 2] {
    let counted = count(vit, plan, Some(source), compiler().unwrap(), &compiled_folder());
    let counted = counted.unwrap_or_else(|failure| panic!("{}: {failure}", plan.entry));
    ["a100", "rtx4090"].map(|name| counted.on(plan, device(name).unwrap(), rows, None))
}

fn profile(vit: &Vit, plan: &KernelPlan, source: &str) -> Profile {
    let [first, _] = profiles(vit, plan, source, IMAGES * 256);
    first
}

/// The first gate that a kernel fails.
fn gates(plan: &KernelPlan, seen: &Profile) -> Result<(), String> {
    let counts = &seen.counts;
    if plan.flops_per_row > 0 {
        let most = match plan.template.as_str() {
            "attention" => 1.12,
            // One row an image: a tile that fits the few rows may be wider than a head.
            _ if plan.choice("x") == Some("heads") => 1.4,
            _ => 1.02,
        };
        let issued = counts.flops as f64 / seen.useful_flops as f64;
        if !(1.0..=most).contains(&issued) {
            return Err(format!("issues {issued:.3} of the useful products"));
        }
    }
    // Rows of a patch begin where they happen to, and the cache gives what neighbours share of a sector.
    if counts.useful_bytes() < if plan.template == "gemm" && plan.choice("x") == Some("image") { 0.4 } else { 0.95 } {
        return Err(format!("uses {:.3} of the bytes it touches", counts.useful_bytes()));
    }
    if counts.loop_conflicts() > 0 {
        return Err(format!("{} conflicts", counts.loop_conflicts()));
    }
    let stage = match (plan.constant("BLOCK_K"), plan.constant("K"), plan.constant("KEYS")) {
        (Some(depth), Some(k), _) => k.div_ceil(depth),
        (_, _, Some(keys)) => plan.constant("TOKENS").unwrap().div_ceil(keys),
        _ => return Ok(()),
    };
    // One a stage, and one before or after all; images take one for the places of their patches.
    let barriers = counts.barriers as f64 / seen.blocks as f64;
    let places = f64::from(plan.choice("x") == Some("image"));
    if barriers > stage as f64 + 1.0 + places {
        return Err(format!("{barriers:.1} barriers for {stage} stages"));
    }
    if plan.template == "gemm" && plan.constant("STAGES").unwrap() < 3 {
        return Err("less than three stages".to_owned());
    }
    Ok(())
}

#[test]
fn the_kernels_of_sovit_400m_pass_the_gates() {
    need_compiler!("gates::the_kernels_of_sovit_400m_pass_the_gates");
    let vit = model(224);
    let kernels = plan(&vit).unwrap();
    for plan in &kernels.list {
        let rows = kernels.rows(&plan.name);
        for seen in profiles(&vit, plan, &kernel_source(plan).unwrap(), IMAGES * rows.of(&vit)) {
            gates(plan, &seen).unwrap_or_else(|found| panic!("{}: {found}: {seen:#?}", plan.entry));
            // The products of a row for each image wait for their weights.
            let least = if rows == Rows::Images { 0.0 } else { 0.3 };
            assert!(seen.seconds > 0.0 && seen.roofline > least && seen.roofline <= 1.0, "{seen:#?}");
        }
    }
}

#[test]
fn attention_over_ragged_tokens_passes_the_gates() {
    need_compiler!("gates::attention_over_ragged_tokens_passes_the_gates");
    let vit = model(378);
    let kernels = plan(&vit).unwrap();
    let attention = kernels.named("attention").unwrap();
    let seen = profile(&vit, attention, &kernel_source(attention).unwrap());
    gates(attention, &seen).unwrap_or_else(|found| panic!("{found}: {seen:#?}"));
}

/// Makes a kernel slow and expects a gate to say so.
fn caught(name: &str, (right, wrong): (&str, &str), finding: &str) {
    let vit = model(224);
    let kernels = plan(&vit).unwrap();
    let plan = kernels.named(name).unwrap();
    let source = kernel_source(plan).unwrap();
    assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
    let found = gates(plan, &profile(&vit, plan, &source.replace(right, wrong))).unwrap_err();
    assert!(found.contains(finding), "`{wrong}` was found as: {found}");
}

#[test]
fn planted_slow_kernels_fail_a_gate() {
    need_compiler!("gates::planted_slow_kernels_fail_a_gate");
    // Lanes that lie apart.
    caught(
        "layernorm",
        ("at = start + (i * THREADS_PER_ROW + thread) * VECTOR", "at = start + thread * 5 % VECTORS_PER_ROW * VECTOR"),
        "of the bytes",
    );
    // Chunks where they come.
    caught("projection", ("(chunk ^ (CHUNKS == 8 ? row % 8 : row / 2 % 4)) * 16", "chunk * 16"), "conflicts");
    // A barrier more.
    caught(
        "projection",
        (
            "        commit_copies();\n        multiply_stage",
            "        commit_copies();\n        barrier();\n        multiply_stage",
        ),
        "barriers",
    );
    // Columns that no one asked for.
    caught(
        "projection",
        (
            "for (int step = 0; step < COUNT; ++step) {",
            "for (int step = 0; step < COUNT; ++step) {\n        multiply<16>(sum[0][0], fragments[step % 2].x[0], fragments[step % 2].w[0]);",
        ),
        "of the useful products",
    );
    // A single stage beside the one that is multiplied.
    let vit = model(224);
    let mut single = plan(&vit).unwrap().named("projection").unwrap().clone();
    single.constants.iter_mut().find(|(name, _)| name == "STAGES").unwrap().1 = 2;
    let seen = profile(&vit, &single, &kernel_source(&single).unwrap());
    assert_eq!(gates(&single, &seen).unwrap_err(), "less than three stages");
}
