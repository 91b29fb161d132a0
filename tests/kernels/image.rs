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
        ([2, 14, 3], Bf16, Nchw, 72, 0, tile([2, 2], [2, 2], 64, 3)),
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

/// The same where rows of pixels begin amid a chunk.
fn rough(fault: (&str, &str), finding: &str) {
    caught([4, 14, 3], Uint8, Nhwc, fault, finding);
}

#[test]
fn planted_faults_are_caught() {
    need_compiler!("image::planted_faults_are_caught");
    let first = "image 0, patch 0";
    // The ring.
    small(("round * STAGES + tile + STAGES - 1);", "round * STAGES + tile + STAGES);"), "is ");
    small(("ROUNDS * STAGES + tile + STAGES - 1);", "ROUNDS * STAGES + tile);"), "is ");
    small(("copy_runs<false>(slots, copies, patches, tile);", ""), first);
    small(("run % SLOTS * SLOT_BYTES, copies", "run % (SLOTS - 1) * SLOT_BYTES, copies"), first);
    small(("run % SLOTS * SLOT_BYTES + low", "run * SLOT_BYTES + low"), "of shared memory");
    small(
        ("            wait_copies<STAGES - 2>();\n            barrier();", "            wait_copies<STAGES - 2>();"),
        "is ",
    );
    small(("    wait_copies<STAGES - 2>();\n    barrier();", "    wait_copies<STAGES - 1>();\n    barrier();"), "is ");
    small(("slots = shared + STAGES * STAGE_BYTES", "slots = shared + (STAGES - 1) * STAGE_BYTES"), "is ");
    // The places of patches.
    small(("next < patches.end ? next : patches.end", "next"), "of argument 0");
    small(("line % GRID * PATCH", "line * PATCH"), "of argument 0");
    small(("(line / GRID) * patches.strides.image", "(line / GRID) * 2"), "image 1, patch 0");
    // The second of two tiles begins amid a band.
    let amid = ("(patches.row / GRID + band) * GRID", "patches.row + band * GRID");
    caught([5, 14, 3], Uint8, Nhwc, amid, "image 1, patch ");
    small(
        ("row < patches.end ? row : patches.end - 1", "row < patches.end ? patches.row : row - 1"),
        "image 0, patch 1",
    );
    small(("(patch - first) * RUN_BYTES", "(patch - first) * (RUN_BYTES + 2)"), "image 0, patch 1");
    small(("first % GRID) % 16);", "first % GRID) % 2);"), "image 1, patch 0");
    small(("row_of(warp_row + 16 * m + i / PIECES)", "row_of(warp_row + 16 * m + (i / PIECES ^ 1))"), "is ");
    small(("8 * half + lane / 4", "8 * (1 - half) + lane / 4"), first);
    // The chunks of bands.
    small(("address / 16 * 16", "address"), "misaligned copy");
    rough(("within / 16 * 16", "within"), "misaligned copy");
    rough(("copies.left[i] + (int)(within % 16)", "copies.left[i] + (int)(within % 2)"), "is ");
    small(("left < 16 ? left : 16", "16"), "of argument 0");
    small(("address % 16 + (end - first)", "address % 2 + (end - first)"), "is ");
    // The numbers of a patch.
    rough(("(unsigned int)run_place(run, strides) % 16", "(unsigned int)run_place(run, strides) % 2"), first);
    small(("(number + j) % RUN * PIXEL", "(number + j) % (RUN - 2) * PIXEL"), first);
    small(("number + 8, lane", "number + 6, lane"), first);
    small(("PLACE + half]", "2 - PLACE + half]"), first);
    small(("0x00800080u", "0x00000080u"), first);
    small(("0x007f007fu", "0x003f007fu"), first);
    small(("word & 255) | (word >> 8 & 255) << 16;", "word >> 8 & 255) | (word & 255) << 16;"), first);
    caught(
        [3, 14, 3],
        Bf16,
        Nchw,
        ("(unsigned long long)(run / PATCH) * strides.channel", "(unsigned long long)(run / PATCH) * strides.row"),
        first,
    );
    // 36 numbers, where products come by 16.
    caught([3, 6, 1], Bf16, Nhwc, ("number >= NUMBERS", "false"), "NaN");
    // What is added, and where tokens go.
    small(("position + (unsigned long long)patch * N", "position + (unsigned long long)r * N"), "of argument 3");
    small(("(PREFIX + patch) * N", "patch * N"), "is ");
    small(("patch == 0 && token < PREFIX", "patch == 1 && token < PREFIX - 1"), "NaN");
    small(
        ("prefix + (unsigned long long)token * N", "prefix + (unsigned long long)(token ^ 1) * N"),
        "image 0, token 0",
    );
    // Images that do not begin with a chunk.
    for (pixels, right, wrong, finding) in [
        (Uint8, "copy_runs<true>(", "copy_runs<false>(", "of argument 0"),
        (Uint8, "int byte = (int)(images - from)", "int byte = 0", "of argument 0"),
        (Uint8, "part << byte % 4 * 8", "part << byte % 2 * 8", first),
        (Bf16, "% 4 == 0;", "% 2 == 0;", "misaligned read of 4 bytes"),
    ] {
        let images = images([3, 14, 3], pixels, Nhwc);
        let plan = embedding(images, 88, 2).plan_with(&tile([2, 2], [1, 3], 32, 3)).unwrap();
        let source = kernel_source(&plan).unwrap();
        let case = Embedding::new(images, &plan, 2, 0);
        assert_eq!(source.matches(right).count(), 1, "{right}");
        let program = compiled(&plan, &source.replace(right, wrong), &["-DSOVIT_SHIFT=6"]);
        let found = run(&program, &case, SCHEDULES[0]).unwrap_err();
        assert!(found.contains(finding), "`{wrong}` was found as: {found}");
    }
}

/// Images may begin anywhere, as long as their numbers are whole and pairs of bytes begin at even addresses.
#[test]
fn images_that_begin_amid_a_chunk_agree() {
    need_compiler!("image::images_that_begin_amid_a_chunk_agree");
    for (sizes, pixels, layout, shifts) in [
        ([3, 14, 3], Uint8, Nhwc, &[2, 6, 14][..]),
        ([3, 7, 3], Uint8, Nhwc, &[1, 9, 15]),
        ([2, 14, 1], Uint8, Nchw, &[4]),
        ([1, 7, 1], Uint8, Nchw, &[13]),
        ([3, 14, 3], Bf16, Nhwc, &[2, 4]),
        ([3, 7, 3], Bf16, Nchw, &[10]),
    ] {
        let images = images(sizes, pixels, layout);
        let plan = embedding(images, 72, 1).plan_with(&tile([2, 2], [1, 2], 32, 3)).unwrap();
        let source = kernel_source(&plan).unwrap();
        let alignment = plan.arguments[0].alignment.unwrap();
        for shift in shifts {
            assert!(alignment <= 2 && shift % alignment == 0, "{shift}, {alignment}");
            let program = compiled(&plan, &source, &[&format!("-DSOVIT_SHIFT={shift}")]);
            for (count, order) in [(1, SCHEDULES[0]), (2, SCHEDULES[1])] {
                let case = Embedding::new(images, &plan, count, 0);
                run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {shift} bytes: {e}", plan.entry));
            }
        }
    }
}
