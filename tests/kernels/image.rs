//! The patch embedding from images as they are, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Epilogue, Gemm, Images, KernelPlan, Source, Tile};
use sovitc::verify::{Embedding, Order, SCHEDULES};
use sovitc::vit::Layout::{self, Nchw, Nhwc};
use sovitc::vit::Pixels::{self, Bf16, Fp16, Uint8};
use sovitc::vit::{Half, Halves};

use crate::{compiled, finds, run};

const fn images([grid, patch, channels]: [u64; 3], pixels: Pixels, layout: Layout) -> Images {
    Images { grid, patch, channels, pixels, layout }
}

const fn embedding(images: Images, width: u64, prefix: u64) -> Gemm {
    let sizes = [images.numbers(), width];
    let gemm = Gemm::new("patch_embedding", images.patches(), sizes, Epilogue::Tokens { prefix, positions: true });
    Gemm { source: Source::Images(images), ..gemm }
}

const fn tile(warps: [u64; 2], products: [u64; 2], depth: u64, stages: u64) -> Tile {
    let ([warps_m, warps_n], [products_m, products_n]) = (warps, products);
    Tile { warps_m, warps_n, products_m, products_n, depth, stages }
}

/// Dense images, and images with gaps behind rows that no wide access fits.
fn agrees(images: Images, plan: &KernelPlan, orders: &[Order]) {
    let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
    for count in [1, 2] {
        let case = Embedding::new(images, plan, count, 0);
        for &order in orders {
            run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {count} images, {order:?}: {e}", plan.entry));
        }
    }
}

#[test]
fn every_kind_of_image_agrees() {
    need_compiler!("image::every_kind_of_image_agrees");
    // Accesses of 2, 8, 16, 1, 4 and 8 numbers among them; patches of 588, 768, 192, 147, 64 and 48 numbers.
    for (sizes, pixels, layout, width, prefix, tile) in [
        ([4, 14, 3], Uint8, Nhwc, 144, 0, tile([2, 2], [1, 3], 32, 3)),
        ([3, 14, 3], Bf16, Nhwc, 88, 5, tile([4, 1], [1, 5], 64, 3)),
        ([3, 14, 3], Uint8, Nchw, 72, 1, tile([2, 4], [1, 2], 32, 4)),
        ([2, 14, 3], Bf16, Nchw, 72, 0, tile([2, 2], [2, 2], 64, 4)),
        ([2, 16, 3], Uint8, Nhwc, 48, 1, tile([2, 2], [1, 2], 64, 5)),
        ([3, 16, 3], Bf16, Nhwc, 40, 0, tile([2, 2], [2, 1], 32, 3)),
        ([5, 8, 3], Uint8, Nchw, 64, 4, tile([8, 1], [1, 4], 32, 3)),
        ([4, 8, 3], Bf16, Nchw, 64, 0, tile([4, 2], [1, 3], 32, 3)),
        ([3, 7, 3], Uint8, Nhwc, 56, 0, tile([2, 2], [1, 2], 32, 3)),
        ([3, 7, 3], Bf16, Nchw, 56, 2, tile([2, 2], [1, 2], 32, 3)),
        ([3, 8, 1], Uint8, Nhwc, 24, 0, tile([2, 2], [1, 2], 64, 3)),
        ([3, 4, 3], Uint8, Nhwc, 24, 0, tile([2, 2], [1, 2], 64, 3)),
    ] {
        let images = images(sizes, pixels, layout);
        let gemm = embedding(images, width, prefix);
        agrees(images, &gemm.plan_with(&tile).unwrap(), &SCHEDULES);
    }
}

/// As they are where products are of the same float, bytes exactly, and rounded to the other.
#[test]
fn images_of_any_float_agree_in_other_floats() {
    need_compiler!("image::images_of_any_float_agree_in_other_floats");
    for (sizes, pixels, layout, prefix, halves) in [
        ([4, 14, 3], Uint8, Nhwc, 1, Halves::MIXED),
        ([3, 7, 3], Uint8, Nchw, 0, Halves::of(Half::Fp16)),
        ([3, 14, 3], Fp16, Nhwc, 2, Halves::MIXED),
        ([3, 7, 3], Fp16, Nchw, 2, Halves::of(Half::Fp16)),
        ([2, 16, 3], Bf16, Nhwc, 1, Halves::MIXED),
        ([3, 7, 3], Bf16, Nchw, 0, Halves::MIXED),
        ([2, 16, 3], Fp16, Nhwc, 1, Halves::default()),
        ([3, 7, 3], Fp16, Nchw, 0, Halves::default()),
    ] {
        let images = images(sizes, pixels, layout);
        let plan = embedding(images, 72, prefix).plan_with(&tile([2, 2], [1, 2], 32, 3)).unwrap();
        agrees(images, &plan.over(halves), &SCHEDULES[..2]);
    }
}

#[test]
fn patches_without_positions_agree() {
    need_compiler!("image::patches_without_positions_agree");
    for prefix in [0, 5] {
        let images = images([3, 14, 3], Uint8, Nhwc);
        let gemm = Gemm { epilogue: Epilogue::Tokens { prefix, positions: false }, ..embedding(images, 88, prefix) };
        let plan = gemm.plan_with(&tile([4, 1], [1, 5], 64, 3)).unwrap();
        assert!(!plan.arguments.iter().any(|argument| argument.name == "position"));
        agrees(images, &plan, &SCHEDULES[..2]);
        let placed = embedding(images, 88, prefix).plan().unwrap();
        assert_eq!(placed.bytes_of_weights - plan.bytes_of_weights, 4 * 9 * 88);
    }
}

/// With the tile that a plan chooses.
#[test]
fn the_embedding_of_sovit_400m_agrees() {
    need_compiler!("image::the_embedding_of_sovit_400m_agrees");
    let images = images([6, 14, 3], Uint8, Nhwc);
    let gemm = Gemm { rows_per_image: 36, ..embedding(images, 1152, 0) };
    agrees(images, &gemm.plan().unwrap(), &SCHEDULES[..1]);
}

/// Puts a fault into a small embedding and expects it to be found in two images with gaps.
fn caught(sizes: [u64; 3], pixels: Pixels, layout: Layout, fault: (&str, &str), finding: &str) {
    let images = images(sizes, pixels, layout);
    let plan = embedding(images, 88, 2).plan_with(&tile([2, 2], [1, 3], 32, 3)).unwrap();
    finds(&plan, &Embedding::new(images, &plan, 2, 0), &SCHEDULES, fault, finding);
}

/// The same for patches of 14 x 14 x 3 bytes.
fn small(fault: (&str, &str), finding: &str) {
    caught([3, 14, 3], Uint8, Nhwc, fault, finding);
}

#[test]
fn planted_faults_are_caught() {
    need_compiler!("image::planted_faults_are_caught");
    // The ring.
    for (before, after) in [("            ", "        }"), ("        if (copies) ", "    }")] {
        let store = |stage: &str| format!("{before}store_pixels(stage_of({stage}), held);\n{after}");
        let right = store("tile + STAGES - 1");
        small((&right, after), "is ");
        small((&right, &store("tile")), "is ");
    }
    small(
        ("load_stage(held, round * STAGES + tile + STAGES - 1)", "load_stage(held, round * STAGES + tile + STAGES)"),
        "image 0, patch 0",
    );
    small(
        ("load_stage(held, ROUNDS * STAGES + tile + STAGES - 1)", "load_stage(held, ROUNDS * STAGES + tile)"),
        "image 0, patch 0",
    );
    small(
        ("            wait_copies<STAGES - 2>();\n            barrier();", "            wait_copies<STAGES - 2>();"),
        "is ",
    );
    // The places of patches.
    small(
        (
            "    place_patches(places, row, rows, strides);\n    barrier();",
            "    place_patches(places, row, rows, strides);",
        ),
        "misaligned read",
    );
    small(("row + i < rows ?", "row + i <= rows ?"), "of argument 0");
    small(("within % GRID *", "within / GRID *"), "image 0, patch 1");
    small(("(within / GRID * PATCH)", "(within / GRID)"), "image 0, patch 3");
    small(("(patch / PATCHES) * strides.image", "(patch / PATCHES)"), "misaligned read");
    small(("places = shared + ", "places = shared + 8 + "), "of shared memory");
    // The numbers of a patch.
    small(("run * strides.row + number % RUN", "run * strides.row + number % (RUN - 2)"), "image 0, patch 0");
    small(("|| number >= NUMBERS", ""), "of argument 0");
    small(("number >= NUMBERS", "number + UNIT >= NUMBERS"), "image 0, patch 0");
    small(("- 8388736.0f", "- 8388735.0f"), "image 0, patch 0");
    small(("held.word[i][j / 4] >> j % 4 * 8", "held.word[i][j / 4] >> (1 - j) % 4 * 8"), "image 0, patch 0");
    small(("place(row, unit * UNIT / 8)", "place(row, unit * UNIT / 8 ^ 1)"), "image 0, patch 0");
    small(("unit * UNIT % 8 * 2, vector", "unit * UNIT % 8 * 2 + 2, vector"), "misaligned write");
    // Narrow accesses where wide ones do not fit.
    let always = (") % UNIT_BYTES == 0;", ") % UNIT_BYTES < UNIT_BYTES;");
    caught([3, 16, 3], Uint8, Nhwc, always, "misaligned read of 8 bytes");
    caught([2, 16, 3], Bf16, Nhwc, ("strides.image | strides.row", "0 * strides.row"), "misaligned read of 16 bytes");
    caught([2, 16, 3], Uint8, Nchw, ("<< j * STEP % 4 * 8", "<< j * STEP % 2 * 8"), "image 0, patch 0");
    caught(
        [3, 14, 3],
        Bf16,
        Nchw,
        ("(run / PATCH) * strides.channel", "(run / PATCH) * strides.row"),
        "image 0, patch 0",
    );
    // What is added, and where tokens go.
    small(("position + (unsigned long long)patch * N", "position + (unsigned long long)r * N"), "outside every buffer");
    small(("(PREFIX + patch) * N", "patch * N"), "is ");
    small(("patch == 0 && token < PREFIX", "patch == 1 && token < PREFIX - 1"), "NaN");
    small(
        ("prefix + (unsigned long long)token * N", "prefix + (unsigned long long)(token ^ 1) * N"),
        "image 0, token 0",
    );
}
