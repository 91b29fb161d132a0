//! The kernels compiled by NVRTC, spills and lost performance being errors. Needs no GPU.
#![cfg(feature = "nvrtc")]

#[path = "support/held.rs"]
mod held;
#[path = "nvrtc/loops.rs"]
mod loops;
#[path = "nvrtc/shapes.rs"]
mod shapes;
mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use sovitc::diagnostic::{Code, Diagnostic, Fault};
use sovitc::emit::kernel_source;
use sovitc::kernel::{Attention, AttentionTile, KernelPlan, QueryKey, Softmax, codes, layernorm_residual, plan_for};
use sovitc::nvrtc::{Compiled, Library, Missing, Search, find};
use sovitc::vit::{
    Architecture, Batches, Half, Halves, ImageFormat, KernelForm, LayerNorm, Layout, Pixels, Pooling, QkNorm, Shape,
    Variant, Vit, named,
};

/// The library, or a loud word that the test did not run.
fn library(test: &str) -> Option<Library> {
    match find(&Search::from_environment(|name| std::env::var_os(name))) {
        Ok(library) => Some(library),
        Err(missing) => {
            let diagnostic = Diagnostic::from(missing);
            support::skip("nvrtc", test, &diagnostic.message);
            None
        }
    }
}

type Made = Arc<Result<Compiled, Diagnostic>>;

/// What NVRTC makes of a kernel: many tests ask for the same, and the first compiles for all.
fn made(library: &Library, kernel: &KernelPlan, arch: &str) -> Made {
    type Known = HashMap<(blake3::Hash, String), Arc<OnceLock<Made>>>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let source = kernel_source(kernel).unwrap();
    let key = (blake3::hash(source.as_bytes()), arch.to_owned());
    let slot = KNOWN.lock().unwrap().entry(key).or_default().clone();
    slot.get_or_init(|| Arc::new(library.compile(&source, &kernel.entry, arch))).clone()
}

/// That of a kernel that compiles.
fn compile_plan(library: &Library, kernel: &KernelPlan, arch: &str) -> Compiled {
    made(library, kernel, arch).as_ref().clone().unwrap_or_else(|d| panic!("{}\n{}", d.message, d.notes.join("\n")))
}

fn compile(library: &Library, width: u64, arch: &str) -> Compiled {
    compile_plan(library, &layernorm_residual(width, 1e-6).unwrap(), arch)
}

#[test]
fn every_layer_norm_fits_in_registers() {
    let Some(library) = library("nvrtc::every_layer_norm_fits_in_registers") else { return };
    for width in [1, 192, 880, 897, 1152, 1408, 1664, 2050, 4097, 8190, 16384, 32768] {
        for arch in ["sm_80", "sm_90a"] {
            let compiled = compile(&library, width, arch);
            assert_eq!(compiled.spill_bytes, Some(0));
            assert_eq!(compiled.file, format!("sovit_layernorm_residual_w{width}.{arch}.cubin"));
            assert_eq!(compiled.bytes, compiled.code.len() as u64);
            assert!(compiled.code.starts_with(b"\x7fELF"));
            // 512 threads of 128 registers fill the file of registers.
            let registers = compiled.registers.unwrap();
            assert!(registers <= 128, "{width} {arch}: {registers}");
        }
    }
}

/// Images of the other float, folded norms, small batches, turned queries and keys, and attention of every kind in fp16,
/// on the architectures of a plan that names none.
#[test]
fn fp16_in_every_form_compiles_without_spills() {
    let Some(library) = library("nvrtc::fp16_in_every_form_compiles_without_spills") else { return };
    let fp16 = Halves::of(Half::Fp16);
    let batches = Batches::new(&[1, 64]).unwrap();
    let images = |pixels| ImageFormat { pixels, layout: Layout::Nchw };
    let forms = [
        KernelForm {
            halves: fp16,
            layernorm: LayerNorm::Folded,
            images: images(Pixels::Fp16),
            ..KernelForm::default()
        },
        KernelForm { halves: Halves::MIXED, images: images(Pixels::Bf16), batches, ..KernelForm::default() },
        KernelForm { images: images(Pixels::Fp16), ..KernelForm::default() },
    ];
    let mut seen = 0;
    for (name, form) in [("sovit_400m14", &forms[0]), ("dinov3_l16", &forms[1]), ("vit_b16", &forms[2])] {
        for kernel in plan_for(&named(name).unwrap().vit(), form.clone()).unwrap().list {
            if form.halves.dtype == Half::Bf16 && kernel.name != "patch_embedding" {
                continue;
            }
            for arch in ["sm_80", "sm_90a"] {
                let compiled = compile_plan(&library, &kernel, arch);
                assert!(
                    u64::from(compiled.registers.unwrap()) * kernel.launch.threads <= 65536,
                    "{} {arch}",
                    kernel.entry
                );
                seen += 1;
            }
        }
    }
    let sizes = [(196, 72), (197, 64), (256, 72), (261, 64), (729, 72), (1024, 72), (257, 128)];
    for (number, (tokens, head_dim)) in sizes.into_iter().enumerate() {
        let kernel = Attention { tokens, heads: 16, head_dim }.plan().unwrap().over(Halves::MIXED);
        let resident = kernel.constant("RESIDENT").unwrap() * kernel.launch.threads;
        let compiled = compile_plan(&library, &kernel, ["sm_80", "sm_90a"][number % 2]);
        assert!(u64::from(compiled.registers.unwrap()) * resident <= 65536, "{}", kernel.entry);
        seen += 1;
    }
    assert!(seen > 50, "{seen} CUBINs");
}

/// All that reads images or makes vectors of tokens, on every class of GPUs.
#[test]
fn the_ends_of_a_forward_pass_compile_without_spills() {
    let Some(library) = library("nvrtc::the_ends_of_a_forward_pass_compile_without_spills") else { return };
    let base = Architecture { class_token: true, classes: 1000, ..Architecture::default() };
    let variant = Variant { registers: 4, ..Variant::default() };
    let mean = Architecture { pooling: Pooling::Average, variant, ..base };
    let class = Architecture { pooling: Pooling::Class, image: 256, patch: 16, ..base };
    let odd = Architecture { patch: 7, heads: 12, ..base };
    let wide = Shape { width: 1152, depth: 1, mlp_dim: 4304 };
    let small = Shape { width: 384, depth: 1, mlp_dim: 1536 };
    let inputs =
        Pixels::ALL.into_iter().flat_map(|(_, pixels)| Layout::ALL.map(|(_, layout)| ImageFormat { pixels, layout }));
    let archs = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120"];
    for (number, input) in inputs.enumerate() {
        for (architecture, shape) in [(base, wide), (mean, wide), (class, wide), (odd, small)] {
            let kernels = plan_for(&Vit { architecture, shape }, input).unwrap();
            let ends = kernels.list.iter().filter(|kernel| match kernel.name.as_str() {
                "patch_embedding" => true,
                "average" | "class_norm" | "classifier" => number == 0,
                name => number == 0 && name.starts_with("map"),
            });
            for kernel in ends {
                // The usual images on every architecture, the others on one each.
                for arch in if number == 0 { &archs[..] } else { &archs[number..=number] } {
                    let compiled = compile_plan(&library, kernel, arch);
                    assert!(
                        u64::from(compiled.registers.unwrap()) * kernel.launch.threads <= 65536,
                        "{} {arch}",
                        kernel.entry
                    );
                }
            }
        }
    }
}

#[test]
fn attention_compiles_without_spills_for_every_stored_head() {
    let Some(library) = library("nvrtc::attention_compiles_without_spills_for_every_stored_head") else { return };
    for head_dim in (1..=16).map(|n| 8 * n) {
        for (tokens, arch) in [(256, "sm_80"), (197, "sm_90a")] {
            let kernel = Attention { tokens, heads: 12, head_dim }.plan().unwrap();
            let compiled = compile_plan(&library, &kernel, arch);
            assert!(u64::from(compiled.registers.unwrap()) * kernel.launch.threads <= 65536, "{} {arch}", kernel.entry);
        }
    }
}

/// Both kinds of softmax, on every class of GPUs.
#[test]
fn attention_compiles_without_spills_over_any_tokens() {
    let Some(library) = library("nvrtc::attention_compiles_without_spills_over_any_tokens") else { return };
    let archs = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120"];
    let tokens = [196, 197, 256, 257, 261, 576, 729, 1024];
    let published = [64, 72].into_iter().flat_map(|head_dim| tokens.map(|tokens| (tokens, head_dim)));
    let others = [(289, 72), (324, 128), (400, 8), (50, 64), (17, 72), (1, 128), (145, 88), (261, 104), (197, 128)];
    let chosen = published.chain(others).map(|(tokens, head_dim)| Attention { tokens, heads: 16, head_dim }.plan());
    // The most scores that are held in registers.
    let most = [(372, 64), (344, 128), (372, 72)].map(|(tokens, head_dim)| {
        let tile = AttentionTile { softmax: Softmax::Whole, warps: 4, products_m: 1, keys: 48, stages: 3 };
        Attention { tokens, heads: 16, head_dim }.plan_with(&tile)
    });
    for (number, kernel) in chosen.chain(most).enumerate() {
        let kernel = kernel.unwrap();
        let resident = kernel.constant("RESIDENT").unwrap() * kernel.launch.threads;
        // The heads of published models on every architecture, the others on one each.
        for arch in if number < 16 { &archs[..] } else { &archs[number % 6..][..1] } {
            let compiled = compile_plan(&library, &kernel, arch);
            assert!(u64::from(compiled.registers.unwrap()) * resident <= 65536, "{} {arch}", kernel.entry);
        }
    }
}

/// A compiler that moves the products of all stages behind the last barrier holds all fragments, and many more registers.
#[test]
fn whole_rows_multiply_each_stage_before_the_next() {
    let Some(library) = library("nvrtc::whole_rows_multiply_each_stage_before_the_next") else { return };
    let tile = AttentionTile { softmax: Softmax::Whole, warps: 4, products_m: 1, keys: 64, stages: 3 };
    for (tokens, head_dim) in [(256, 72), (250, 64)] {
        let kernel = Attention { tokens, heads: 16, head_dim }.plan_with(&tile).unwrap();
        for arch in ["sm_80", "sm_89", "sm_90a", "sm_100", "sm_120"] {
            let compiled = compile_plan(&library, &kernel, arch);
            // Scores, queries, and what else there is.
            let most = 128 + head_dim / 4 + 72;
            assert!(
                u64::from(compiled.registers.unwrap()) <= most,
                "{} {arch}: {:?}",
                kernel.entry,
                compiled.registers
            );
        }
    }
}

#[test]
fn norms_and_rotations_of_queries_and_keys_compile_without_spills() {
    let Some(library) = library("nvrtc::norms_and_rotations_of_queries_and_keys_compile_without_spills") else {
        return;
    };
    let archs = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120"];
    let mut number = 0;
    for head_dim in [64, 72, 80, 128, 4, 55, 124, 127] {
        for (_, norm) in QkNorm::ALL {
            for rotated in [None, Some(0), Some(5)] {
                let what = QueryKey { tokens: 261, heads: 16, head_dim, norm, epsilon: 1e-6, rotated };
                let Ok(kernel) = what.plan() else { continue };
                number += 1;
                // The heads of published models on every architecture, the others on one each.
                let archs = if head_dim == 64 || head_dim == 72 { &archs[..] } else { &archs[number % 6..][..1] };
                for arch in archs {
                    let compiled = compile_plan(&library, &kernel, arch);
                    assert!(
                        u64::from(compiled.registers.unwrap()) * kernel.launch.threads <= 65536,
                        "{} {arch}",
                        kernel.entry
                    );
                }
            }
        }
    }
}

/// NVRTC keeps what it compiles on machines with a GPU, and what it kept comes without a report.
#[test]
fn a_kernel_compiled_again_gives_the_same() {
    let Some(library) = library("nvrtc::a_kernel_compiled_again_gives_the_same") else { return };
    let kernel = layernorm_residual(1152, 1e-6).unwrap();
    let compile = || library.compile(&kernel_source(&kernel).unwrap(), &kernel.entry, "sm_90a").unwrap();
    let (first, second) = (compile(), compile());
    assert!(first.registers > Some(0));
    assert_eq!((first.registers, first.bytes), (second.registers, second.bytes));
}

#[test]
fn an_index_entry_holds_no_binary() {
    let Some(library) = library("nvrtc::an_index_entry_holds_no_binary") else { return };
    let compiled = compile(&library, 1152, "sm_90a");
    let json = serde_json::to_string(&compiled).unwrap();
    assert!(json.contains(r#""arch":"sm_90a""#) && !json.contains("cubin\":") && json.len() < 400, "{json}");
}

/// What a block has before it asks for any counts beside the plan's.
#[test]
fn static_shared_memory_is_told() {
    let Some(library) = library("nvrtc::static_shared_memory_is_told") else { return };
    let source = r#"extern "C" __global__ void entry(float* out) {
        __shared__ float v[1000];
        v[threadIdx.x] = out[threadIdx.x];
        __syncthreads();
        out[threadIdx.x] = v[999 - threadIdx.x];
    }"#;
    let compiled = library.compile(source, "entry", "sm_80").unwrap();
    assert_eq!(compiled.static_shared_bytes, Some(4000), "{}", compiled.log);
    assert_eq!(compile(&library, 1152, "sm_80").static_shared_bytes, Some(0));
}

fn refuses(library: &Library, source: &str, arch: &str, code: Code, note: &str) {
    let diagnostic = library.compile(source, "entry", arch).map(|compiled| compiled.log).unwrap_err();
    assert_eq!(diagnostic.code, code, "{}\n{}", diagnostic.message, diagnostic.notes.join("\n"));
    let all = [std::slice::from_ref(&diagnostic.message), diagnostic.notes.as_slice()].concat().join("\n");
    assert!(all.contains(note), "{all}");
}

#[test]
fn faulty_kernels_are_refused() {
    let Some(library) = library("nvrtc::faulty_kernels_are_refused") else { return };
    refuses(&library, "__global__ void entry( {", "sm_80", codes::COMPILE, "entry.cu(1)");
    refuses(&library, "__global__ void entry() {}", "sm_11", codes::ARCHITECTURE, "sm_11");
    refuses(&library, "__global__ void entry() {}", "hopper", codes::ARCHITECTURE, "hopper");
    refuses(&library, "__global__ void entry() {}\0", "sm_80", codes::NVRTC_FAILED, "zero byte");
    // 32 registers a thread for 100 live floats.
    let spilling = r#"extern "C" __global__ void __launch_bounds__(1024, 2) entry(const float* in, float* out) {
        float v[100], s = 0;
        #pragma unroll
        for (int i = 0; i < 100; ++i) { v[i] = in[i * 1024 + threadIdx.x]; s += v[i]; }
        __syncthreads();
        #pragma unroll
        for (int i = 0; i < 100; ++i) out[i * 1024 + threadIdx.x] = v[i] * s;
    }"#;
    refuses(&library, spilling, "sm_80", codes::SPILLS, "registers");
    // An array that lies in memory because its elements are told at run time: nothing is spilled.
    let indexed = r#"extern "C" __global__ void entry(const float* in, float* out, const int* at) {
        float v[100];
        for (int i = 0; i < 100; ++i) v[i] = in[i * 32 + threadIdx.x];
        v[at[threadIdx.x]] *= 2;
        for (int i = 0; i < 100; ++i) out[i * 32 + threadIdx.x] = v[i];
    }"#;
    refuses(&library, indexed, "sm_80", codes::SPILLS, "400 bytes stack frame");
    let unbounded = r#"extern "C" __global__ void entry(int* out) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
        out[threadIdx.x] = 1;
    }"#;
    refuses(&library, unbounded, "sm_90a", codes::SLOW, "C7508");
}

#[test]
fn an_absent_library_is_a_diagnostic_with_three_ways_out() {
    let folder = tempfile::tempdir().unwrap();
    let search = Search { explicit: Some(folder.path().to_owned()), system: true, ..Search::default() };
    let missing = find(&search).unwrap_err();
    assert_eq!(missing, Missing::NotFound(vec![folder.path().to_owned()]));
    let diagnostic = Diagnostic::from(missing);
    assert_eq!((diagnostic.code, diagnostic.fault), (codes::NVRTC_MISSING, Fault::World));
    assert_eq!(diagnostic.help.len(), 3);
}

#[test]
fn a_file_that_is_no_library_is_a_diagnostic() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("libnvrtc.so.13");
    std::fs::write(&file, "no library").unwrap();
    let missing = find(&Search { explicit: Some(file), ..Search::default() }).unwrap_err();
    assert_eq!(Diagnostic::from(missing).code, codes::NVRTC_UNUSABLE);
}
