//! Speed gates that need no GPU: what the kernels of SoViT-400m issue, touch and wait for, counted by the executor.

use sovitc::emit::kernel_source;
use sovitc::hardware::device;
use sovitc::kernel::{Epilogue, Gemm, KernelPlan, Rows, Tile, attention, layernorm_residual, plan, plan_for};
use sovitc::verify::{Profile, count};
use sovitc::vit::{
    Architecture, Batches, ImageFormat, KernelForm, LayerNorm, Layout, Pixels, Pooling, Position, QkNorm, Shape,
    Variant, Vit, named,
};

use crate::{OTHERS, compiled_folder, compiler};

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

/// The first gate that a kernel of SoViT-400m fails.
fn gates(plan: &KernelPlan, seen: &Profile) -> Result<(), String> {
    counts(plan, seen)?;
    reaches(plan, seen)
}

/// The first gate that the counts of any kernel fail.
fn counts(plan: &KernelPlan, seen: &Profile) -> Result<(), String> {
    let counts = &seen.counts;
    if plan.flops_per_row > 0 {
        let most = match plan.template.as_str() {
            "attention" => 1.12,
            // One row an image: a tile that fits the few rows may be wider than a head.
            _ if plan.choice("x") == Some("heads") => 1.4,
            // Few rows: columns for no one cost less than a second round of blocks.
            _ if plan.instead_of.is_some() => 1.05,
            _ => 1.02,
        };
        let issued = counts.flops as f64 / seen.useful_flops as f64;
        if !(1.0..=most).contains(&issued) {
            return Err(format!("issues {issued:.3} of the useful products"));
        }
    }
    // Parts of sums meet beside what is asked for.
    if plan.scalar_flops_per_row > 0 {
        let computed = counts.scalar_flops as f64 / seen.scalar_flops as f64;
        // A norm's few elements of a thread meet in three sums over the row.
        let most = match plan.choice("rows") {
            None => 1.05,
            Some("measured") => 2.1,
            Some(_) => 1.6,
        };
        if !(1.0..=most).contains(&computed) {
            return Err(format!("computes {computed:.3} of the useful sums"));
        }
    }
    if counts.useful_bytes() < 0.95 {
        return Err(format!("uses {:.3} of the bytes it touches", counts.useful_bytes()));
    }
    let moved = seen.dram_bytes.unwrap() as f64 / seen.moved_bytes as f64;
    if moved > 1.1 {
        return Err(format!("moves {moved:.3} of the bytes that must"));
    }
    if counts.loop_conflicts() > 0 {
        return Err(format!("{} conflicts", counts.loop_conflicts()));
    }
    let Some(stages) = plan.stages() else { return Ok(()) };
    // One before or after all.
    let others = if plan.template == "gemm" { 1.0 } else { 0.0 };
    let barriers = counts.barriers as f64 / seen.blocks as f64;
    if barriers > stages as f64 + others {
        return Err(format!("{barriers:.1} barriers for {stages} stages"));
    }
    if plan.constant("STAGES").unwrap() < 3 {
        return Err("less than three stages".to_owned());
    }
    let warps = seen.resident * plan.launch.threads / 32;
    if warps < 8 {
        return Err(format!("{warps} warps an SM"));
    }
    Ok(())
}

/// Whether it takes little longer than the device's peaks allow.
fn reaches(plan: &KernelPlan, seen: &Profile) -> Result<(), String> {
    let few = match plan.part() {
        "patch_embedding" | "qkv" | "projection" | "fc1" | "fc2" => 0.55,
        // What four images need of an A100 is about what a launch takes.
        "layernorm" | "layernorm_residual" => 0.54,
        "attention" => 0.43,
        // Rows for each image only wait for their weights.
        _ => return Ok(()),
    };
    let least = if seen.rows < IMAGES * 256 { few } else { 0.8 };
    if seen.roofline < least {
        return Err(format!("reaches {:.3} of the roofline", seen.roofline));
    }
    Ok(())
}

#[test]
fn the_kernels_of_sovit_400m_pass_the_gates() {
    need_compiler!("gates::the_kernels_of_sovit_400m_pass_the_gates");
    let vit = model(224);
    let folded = KernelForm { layernorm: LayerNorm::Folded, ..KernelForm::default() };
    let [kernels, folded] = [KernelForm::default(), folded].map(|form| plan_for(&vit, form).unwrap());
    let changed = ["layernorm_statistics", "qkv", "fc1"].map(|name| folded.named(name).unwrap());
    for plan in kernels.list.iter().chain(changed) {
        let rows = kernels.rows(&plan.name);
        let source = kernel_source(plan).unwrap();
        let few = if rows == Rows::Tokens { 4 } else { IMAGES };
        for seen in [few, IMAGES].into_iter().flat_map(|images| profiles(&vit, plan, &source, images * rows.of(&vit))) {
            gates(plan, &seen).unwrap_or_else(|found| panic!("{}: {found}: {seen:#?}", plan.entry));
            // The products of a row for each image wait for their weights.
            let least = if rows == Rows::Images || seen.rows < 16_384 { 0.0 } else { 0.3 };
            assert!(seen.seconds > 0.0 && seen.roofline > least && seen.roofline <= 1.0, "{seen:#?}");
        }
    }
}

/// Predictions are near what the layer norm took on GPUs, at all sizes that were measured.
#[test]
fn layer_norms_take_what_was_measured() {
    need_compiler!("gates::layer_norms_take_what_was_measured");
    let mut seen = 0;
    for name in ["h200", "h100"] {
        let path = format!("{}/benches/results/gpu-{name}.json", env!("CARGO_MANIFEST_DIR"));
        let measured: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for row in measured["layernorm"].as_array().unwrap() {
            let [width, rows] = ["width", "rows"].map(|key| row[key].as_u64().unwrap());
            let base = Architecture { heads: 1, ..Architecture::default() };
            let vit = Vit { architecture: base, shape: Shape { width, depth: 1, mlp_dim: 64 } };
            let plan = layernorm_residual(width, 1e-6).unwrap();
            let counted = count(&vit, &plan, None, compiler().unwrap(), &compiled_folder()).unwrap();
            let predicted = counted.on(&plan, device(name).unwrap(), rows, None);
            let took = row["seconds"]["sovit"].as_f64().unwrap();
            let off = predicted.seconds / took - 1.0;
            assert!(off.abs() < 0.12, "{name}, {rows} x {width}: {off:.3} off, {predicted:#?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 16);
}

/// Kernels of buckets of batches, at the smallest batch of 1024 rows and more that each serves.
#[test]
fn the_kernels_of_buckets_pass_the_gates() {
    need_compiler!("gates::the_kernels_of_buckets_pass_the_gates");
    let vit = model(224);
    let form = KernelForm { batches: Batches::new(&[1, 4, 64]).unwrap(), ..KernelForm::default() };
    let kernels = plan_for(&vit, form).unwrap();
    let mut seen = 0;
    for (largest, plan) in [4, IMAGES].into_iter().flat_map(|images| {
        let serving = kernels.list.iter().filter(move |plan| plan.instead_of.is_some());
        serving.map(move |plan| (images, plan))
    }) {
        // Of a row for each image even 16 are more than four.
        let rows = kernels.rows(&plan.name);
        if !kernels.serves(&plan.name, largest) || rows == Rows::Images && largest < 16 {
            continue;
        }
        let source = kernel_source(plan).unwrap();
        for profile in profiles(&vit, plan, &source, largest * rows.of(&vit)) {
            gates(plan, &profile).unwrap_or_else(|found| panic!("{}: {found}: {profile:#?}", plan.entry));
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen} profiles");
}

/// Kernels in fp16 issue, touch and wait for what those in bf16 do, which pass the gates.
#[test]
fn kernels_in_fp16_count_as_in_bf16() {
    need_compiler!("gates::kernels_in_fp16_count_as_in_bf16");
    let architecture = Architecture { image: 56, heads: 2, classes: 10, ..Architecture::default() };
    let vit = architecture.with(Shape { width: 144, depth: 1, mlp_dim: 272 }).unwrap();
    let counted = |plan: &KernelPlan| count(&vit, plan, None, compiler().unwrap(), &compiled_folder()).unwrap();
    let usual = plan(&vit).unwrap();
    let mut seen = 0;
    for halves in OTHERS {
        let kernels = plan_for(&vit, KernelForm { halves, ..KernelForm::default() }).unwrap();
        for plan in &kernels.list {
            let Some(same) = usual.named(&plan.name) else { continue };
            let [mut fp16, bf16] = [counted(plan), counted(same)];
            // Of sums of floats a few more: attention lifts its weights, and halves are widened otherwise.
            let sums = fp16.counts.scalar_flops as f64 / bf16.counts.scalar_flops.max(1) as f64;
            assert!(sums <= 1.1, "{}: {sums} of the sums", plan.entry);
            fp16.counts.scalar_flops = bf16.counts.scalar_flops;
            assert_eq!(fp16, bf16, "{}", plan.entry);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * usual.list.len());
}

/// What no kernel of SoViT-400m does: the formulas of plans hold of what is computed.
#[test]
fn sums_of_other_kernels_are_counted() {
    need_compiler!("gates::sums_of_other_kernels_are_counted");
    for (qk_norm, position) in [
        (QkNorm::Layer, Position::Learned),
        (QkNorm::Rms, Position::Rope),
        (QkNorm::None, Position::Rope),
        (QkNorm::Layer, Position::Rope),
    ] {
        let variant = Variant { registers: 3, qk_norm, position, ..Variant::default() };
        for pooling in [Pooling::Average, Pooling::Class] {
            let base =
                Architecture { image: 56, heads: 4, pooling, class_token: true, variant, ..Architecture::default() };
            let vit = base.with(Shape { width: 256, depth: 1, mlp_dim: 64 }).unwrap();
            let kernels = plan(&vit).unwrap();
            for name in ["query_key", "average", "class_norm"] {
                let Some(plan) = kernels.named(name) else { continue };
                let [seen, _] = profiles(&vit, plan, &kernel_source(plan).unwrap(), 20);
                let computed = seen.counts.scalar_flops as f64 / seen.scalar_flops as f64;
                // Twenty tokens are few for the four warps of a mean to meet.
                assert!((1.0..=1.5).contains(&computed), "{}: {computed}", plan.entry);
            }
        }
    }
}

/// Two heads, as wide as those of SoViT-400m or of another size, over so many tokens.
fn heads(tokens: u64, head_dim: u64) -> (Vit, KernelPlan) {
    let (side, prefix) = (tokens.isqrt(), tokens - tokens.isqrt() * tokens.isqrt());
    let variant = Variant { registers: prefix.saturating_sub(1), ..Variant::default() };
    let architecture =
        Architecture { image: 14 * side, heads: 2, class_token: prefix > 0, variant, ..Architecture::default() };
    let vit = architecture.with(Shape { width: 2 * head_dim, depth: 1, mlp_dim: 64 }).unwrap();
    let plan = attention(&vit).plan().unwrap();
    assert_eq!(plan.constant("TOKENS"), Some(tokens));
    (vit, plan)
}

#[test]
fn attention_over_any_tokens_passes_the_gates() {
    need_compiler!("gates::attention_over_any_tokens_passes_the_gates");
    for head_dim in [64, 72] {
        for tokens in [196, 197, 256, 257, 261, 576, 729, 1024] {
            let (vit, plan) = heads(tokens, head_dim);
            for seen in profiles(&vit, &plan, &kernel_source(&plan).unwrap(), IMAGES * tokens) {
                counts(&plan, &seen).unwrap_or_else(|found| panic!("{}: {found}: {seen:#?}", plan.entry));
            }
        }
    }
}

/// In whatever format images come, sectors are read whole; where rows of patches do not begin with a sector, all but
/// those at a band's ends are.
#[test]
fn images_of_every_format_fill_sectors() {
    need_compiler!("gates::images_of_every_format_fill_sectors");
    for (_, pixels) in Pixels::ALL {
        for (_, layout) in Layout::ALL {
            for (image, least) in [(224, 0.98), (378, 0.93)] {
                let form = KernelForm { images: ImageFormat { pixels, layout }, ..KernelForm::default() };
                let vit = model(image);
                let kernels = plan_for(&vit, form).unwrap();
                let plan = kernels.named("patch_embedding").unwrap();
                let rows = 16 * plan.launch.rows_multiple;
                let [seen, _] = profiles(&vit, plan, &kernel_source(plan).unwrap(), rows);
                let useful = seen.counts.useful_bytes();
                assert!(useful >= least, "{}, {image} pixels: {useful:.3}", plan.entry);
                assert_eq!(seen.counts.loop_conflicts(), 0, "{}", plan.entry);
            }
        }
    }
}

/// Fragments that warps take from images meet in no bank: what conflicts there are is of sums on their way out, the same as in
/// another product of that tile.
#[test]
fn pixels_meet_in_no_bank() {
    need_compiler!("gates::pixels_meet_in_no_bank");
    let vit = model(224);
    let kernels = plan(&vit).unwrap();
    let [image, other] = ["patch_embedding", "projection"].map(|name| kernels.named(name).unwrap());
    let tile = |plan: &KernelPlan| {
        ["BLOCK_M", "BLOCK_N", "WARPS_M", "WARPS_N"].map(|name| plan.constant(name).expect("a tile has it"))
    };
    assert_eq!(tile(image), tile(other));
    let conflicts = |source: &str, plan: &KernelPlan| {
        let seen = profile(&vit, plan, source);
        seen.counts.shared_conflicts / seen.blocks
    };
    let sources = [image, other].map(|plan| kernel_source(plan).unwrap());
    assert_eq!(conflicts(&sources[0], image), conflicts(&sources[1], other));
    // Rows as they come.
    let mut wrong = sources[0].clone();
    for (bit, name) in ["NEAR_BIT", "MIDDLE_BIT", "FAR_BIT"].into_iter().enumerate() {
        let right = format!("{name} = {};", image.constant(name).unwrap());
        assert_eq!(wrong.matches(&right).count(), 1, "{right}");
        wrong = wrong.replace(&right, &format!("{name} = {bit};"));
    }
    assert!(conflicts(&wrong, image) > 2 * conflicts(&sources[0], image));
}

/// Makes a kernel slow and expects a gate to say so.
fn caught(name: &str, fault: (&str, &str), finding: &str) {
    let vit = model(224);
    caught_in(&vit, plan(&vit).unwrap().named(name).unwrap(), fault, finding);
}

fn caught_in(vit: &Vit, plan: &KernelPlan, (right, wrong): (&str, &str), finding: &str) {
    let source = kernel_source(plan).unwrap();
    assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
    let found = gates(plan, &profile(vit, plan, &source.replace(right, wrong))).unwrap_err();
    assert!(found.contains(finding), "`{wrong}` was found as: {found}");
}

#[test]
fn planted_slow_attention_fails_a_gate() {
    need_compiler!("gates::planted_slow_attention_fails_a_gate");
    for (tokens, head_dim, softmax) in [(197, 64, "whole"), (576, 64, "online")] {
        let (vit, plan) = heads(tokens, head_dim);
        assert_eq!(plan.choice("softmax"), Some(softmax));
        let caught = |fault, finding| caught_in(&vit, &plan, fault, finding);
        // Products of keys that are not there.
        caught(
            (
                "multiply<16>(score[m][at + n], q",
                "multiply<16>(score[m][at], q.step[m][0], k + 2);\n                multiply<16>(score[m][at + n], q",
            ),
            "of the useful products",
        );
        // A barrier before the first stage.
        caught(("if (copy > 0) {", "if (copy >= 0) {"), "barriers");
        // Rows that meet in a bank.
        caught(("16 * (CHUNKS | 1)", "16 * CHUNKS"), "conflicts");
        let mut slow = plan.clone();
        slow.launch.shared_bytes = 64 << 10;
        let source = kernel_source(&plan).unwrap();
        let [_, small] = profiles(&vit, &slow, &source, IMAGES * tokens);
        assert!(gates(&slow, &small).unwrap_err().contains("warps an SM"));
        let mut short = plan.clone();
        short.constants.iter_mut().find(|(name, _)| name == "STAGES").unwrap().1 = 2;
        let seen = profile(&vit, &short, &kernel_source(&short).unwrap());
        assert_eq!(gates(&short, &seen).unwrap_err(), "less than three stages");
    }
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
    // Half of each chunk of an image.
    caught("patch_embedding", ("left < 16 ? left : 16", "left < 16 ? left : 8"), "of the bytes");
    // Chunks where they come.
    caught("projection", ("(chunk ^ (CHUNKS == 8 ? row % 8 : row / 2 % 4)) * 16", "chunk * 16"), "conflicts");
    // A barrier more.
    caught(
        "projection",
        (
            "            commit_copies();\n            multiply_stage",
            "            commit_copies();\n            barrier();\n            multiply_stage",
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
    // Weights that are scaled for each token instead of once.
    caught(
        "map_pool",
        (
            "sum[h + k][j] += weight[k] * widen(value[i], j);",
            "sum[h + k][j] += 0.5f * largest * weight[k] * widen(value[i], j);",
        ),
        "of the useful sums",
    );
    // Products by other means than those of matrices.
    caught(
        "projection",
        ("multiply<16>(sum[m][n], own.x[m], own.w[n]);", "sum[m][n][0] += float_of(own.x[m][0] * own.w[n][0]);"),
        "issues 0.000",
    );
    // Warps whose tile is so small that shared memory cannot keep up.
    let vit = model(224);
    let gemm = Gemm::new("projection", 256, [1152, 1152], Epilogue::Residual { layer_scale: false });
    let tile = Tile { warps_m: 4, warps_n: 2, products_m: 1, products_n: 2, depth: 32, stages: 3 };
    let small = gemm.plan_with(&tile).unwrap();
    let found = gates(&small, &profile(&vit, &small, &kernel_source(&small).unwrap())).unwrap_err();
    assert!(found.contains("of the roofline"), "{found}");
    // Tiles column by column, so that all of x passes for each few columns.
    let fc2 = plan(&vit).unwrap().named("fc2").unwrap().clone();
    let mut columns = fc2.clone();
    columns.constants.iter_mut().find(|(name, _)| name == "GROUP").unwrap().1 = 1 << 20;
    for (plan, least, most) in [(&fc2, 1.0, 1.1), (&columns, 1.5, 9.0)] {
        for seen in profiles(&vit, plan, &kernel_source(plan).unwrap(), IMAGES * 256) {
            let found = gates(plan, &seen);
            let moved = seen.dram_bytes.unwrap() as f64 / seen.moved_bytes as f64;
            assert!((least..=most).contains(&moved), "{moved}");
            assert_eq!(found.is_err_and(|text| text.contains("of the bytes that must")), least > 1.1);
        }
    }
    // A single stage beside the one that is multiplied.
    let mut single = plan(&vit).unwrap().named("projection").unwrap().clone();
    single.constants.iter_mut().find(|(name, _)| name == "STAGES").unwrap().1 = 2;
    let seen = profile(&vit, &single, &kernel_source(&single).unwrap());
    assert_eq!(gates(&single, &seen).unwrap_err(), "less than three stages");
}
