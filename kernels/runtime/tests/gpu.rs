//! The kernels on a GPU, held to a double-precision reference: fresh inputs, poisoned outputs, guarded buffers.
//!
//! `tests/gpu/run` carries this program to a machine with a GPU. With `SOVIT_GPU_OUT` it also leaves there the CUBINs
//! and what launches them, for `tests/gpu/peers.py` to time beside other libraries.
#![cfg(feature = "cuda")]
#![allow(unsafe_code)]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use sovit_kernels::Kernel;
use sovit_kernels::cuda::cudarc::driver::sys::{CUdevice_attribute, CUevent_flags};
use sovit_kernels::cuda::cudarc::driver::{CudaSlice, CudaStream, DevicePtr, PushKernelArg};
use sovit_kernels::cuda::{Gpu, Loaded};
use sovitc::diagnostic::Diagnostic;
use sovitc::emit::kernel_source;
use sovitc::kernel::{Attention, KernelPlan, Launch, Rows, layernorm_residual, plan_for};
use sovitc::nvrtc::{Compiled, Library, Search, find};
use sovitc::verify::{Argument, Case as _, Heads, Norm, case, halves};
use sovitc::vit::{
    Activation, Architecture, Half, Halves, ImageFormat, KernelForm, Layout, Pixels, Pooling, Shape, Variant, Vit,
    named,
};

/// What guards every buffer on either side, in bytes.
const GUARD: usize = 8192;
/// Guards, and outputs before a launch: a NaN of bf16, of fp16 and of `float`.
const POISON: u8 = 0xff;

/// A GPU and a compiler for it, or a loud word that the test did not run.
fn machine(test: &str) -> Option<(Gpu, Library, String)> {
    let skip = |reason: String| {
        let required = env::var("SOVIT_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|name| name.trim() == "gpu"), "a GPU is required, but {reason}");
        let _ = writeln!(std::io::stdout(), "SKIPPED gpu::{test}: {reason}");
    };
    let gpu = match Gpu::open(0) {
        Ok(gpu) => gpu,
        Err(error) => {
            skip(error.to_string());
            return None;
        }
    };
    let library = match find(&Search::from_environment(|name| env::var_os(name))) {
        Ok(library) => library,
        Err(missing) => {
            let Diagnostic { message, notes, .. } = missing.into();
            skip(format!("{message}; {}", notes.join("; ")));
            return None;
        }
    };
    let part = |attribute| gpu.context().attribute(attribute).unwrap();
    let (major, minor) = (
        part(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
        part(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
    );
    // Hopper's own instructions need the letter.
    let arch = format!("sm_{major}{minor}{}", if major >= 9 { "a" } else { "" });
    Some((gpu, library, arch))
}

fn compile(library: &Library, kernel: &KernelPlan, arch: &str) -> Compiled {
    let source = kernel_source(kernel).unwrap();
    library.compile(&source, &kernel.entry, arch).unwrap_or_else(|d| panic!("{}\n{}", d.message, d.notes.join("\n")))
}

/// The plan as a program that includes it holds it.
fn held(plan: &KernelPlan) -> Kernel {
    Kernel {
        entry: plan.entry.clone().leak(),
        source: "",
        threads: plan.launch.threads as u32,
        rows_per_block: plan.launch.rows_per_block as u32,
        blocks_per_band: plan.launch.blocks_per_band as u32,
        rows_multiple: plan.launch.rows_multiple as u32,
        shared_bytes: plan.launch.shared_bytes as u32,
        constants: &[],
        arguments: &[],
    }
}

/// What a kernel is given: an address or a number.
enum Word {
    Pointer(u64),
    Number(u32),
}

/// A kernel on a GPU and buffers for one launch, each between guards.
struct Ready<'a> {
    stream: Arc<CudaStream>,
    kernel: &'a Loaded,
    rows: u32,
    buffers: Vec<Option<CudaSlice<u8>>>,
    words: Vec<Word>,
}

impl<'a> Ready<'a> {
    fn new(gpu: &Gpu, kernel: &'a Loaded, arguments: &[Argument]) -> Self {
        let stream = gpu.context().default_stream();
        let (mut buffers, mut words, mut rows) = (Vec::new(), Vec::new(), 0);
        for argument in arguments {
            let inside = match argument {
                Argument::Input(data) | Argument::Updated(data) => Some(data.clone()),
                Argument::Output(bytes) => Some(vec![POISON; *bytes]),
                Argument::Same(_) | Argument::Scalar(_) => None,
            };
            let guard = [POISON; GUARD];
            let buffer = inside.map(|inside| stream.clone_htod(&[&guard[..], &inside, &guard[..]].concat()).unwrap());
            words.push(match (argument, &buffer) {
                (_, Some(buffer)) => Word::Pointer(buffer.device_ptr(&stream).0 + GUARD as u64),
                (Argument::Scalar(number), None) => {
                    rows = *number;
                    Word::Number(rows)
                }
                _ => panic!("no buffer is shared here"),
            });
            buffers.push(buffer);
        }
        Self { stream, kernel, rows, buffers, words }
    }

    fn launch(&self) {
        // SAFETY: the arguments are those of the source, and each buffer holds all rows.
        unsafe {
            self.kernel.launch(&self.stream, self.rows, |launch| {
                for word in &self.words {
                    match word {
                        Word::Pointer(address) => launch.arg(address),
                        Word::Number(number) => launch.arg(number),
                    };
                }
            })
        }
        .unwrap();
    }

    /// What the kernel wrote; panics where it wrote elsewhere.
    fn outputs(&self, arguments: &[Argument]) -> Vec<Vec<u16>> {
        let mut outputs = Vec::new();
        for (number, (argument, buffer)) in arguments.iter().zip(&self.buffers).enumerate() {
            let Some(buffer) = buffer else { continue };
            let data = self.stream.clone_dtoh(buffer).unwrap();
            let end = data.len() - GUARD;
            let guards = data[..GUARD].iter().chain(&data[end..]);
            assert!(guards.copied().all(|byte| byte == POISON), "the kernel wrote outside of argument {number}");
            match argument {
                Argument::Input(before) => assert!(data[GUARD..end] == before[..], "input {number} has changed"),
                _ => outputs.push(halves(&data[GUARD..end])),
            }
        }
        outputs
    }
}

fn load(gpu: &Gpu, library: &Library, plan: &KernelPlan, arch: &str) -> Loaded {
    let compiled = compile(library, plan, arch);
    // SAFETY: the CUBIN was compiled from this plan's source.
    unsafe { gpu.load(&held(plan), &compiled.code) }.unwrap()
}

fn launched(gpu: &Gpu, kernel: &Loaded, arguments: &[Argument]) -> Vec<Vec<u16>> {
    let ready = Ready::new(gpu, kernel, arguments);
    ready.launch();
    ready.outputs(arguments)
}

#[test]
fn layernorm_agrees_with_double_precision() {
    let Some((gpu, library, arch)) = machine("layernorm_agrees_with_double_precision") else { return };
    let mut launches = 0;
    for width in [1, 55, 192, 384, 768, 880, 896, 897, 1152, 1408, 1664, 2050, 2304, 4096, 4097, 8190, 16384] {
        let kernel = load(&gpu, &library, &layernorm_residual(width, 1e-6).unwrap(), &arch);
        for rows in [1, 2, 3, 5, 37, 256, 1031] {
            let case = Norm::new(width as usize, rows, true, 1e-6, 0);
            let out = launched(&gpu, &kernel, &case.arguments());
            case.check(&out).unwrap_or_else(|wrong| panic!("width {width}, {rows} rows on {arch}: {wrong}"));
            launches += 1;
        }
    }
    let _ = writeln!(std::io::stdout(), "layernorm: {launches} launches agree on {arch}");
}

/// Published shapes, a gated one whose sizes are all padded, and one of each other pooling.
fn models() -> Vec<Vit> {
    let variant = Variant { layer_scale: Some(1e-5), ..Variant::default() };
    let architecture = Architecture { activation: Activation::SwiGlu, variant, ..Architecture::default() };
    let shape = Shape { width: 880, depth: 1, mlp_dim: 2345 };
    let token = Architecture { class_token: true, classes: 1000, ..Architecture::default() };
    let registers = Variant { registers: 4, ..Variant::default() };
    let mean = Architecture { pooling: Pooling::Average, variant: registers, ..token };
    let class = Architecture { pooling: Pooling::Class, image: 256, patch: 16, ..token };
    let published = ["sovit_400m14", "sovit_150m14"].map(|name| named(name).unwrap().vit());
    let others = [architecture, mean, class].map(|architecture| Vit { architecture, shape });
    published.into_iter().chain(others).collect()
}

const INPUTS: [ImageFormat; 5] = [
    ImageFormat { pixels: Pixels::Uint8, layout: Layout::Nhwc },
    ImageFormat { pixels: Pixels::Bf16, layout: Layout::Nchw },
    ImageFormat { pixels: Pixels::Uint8, layout: Layout::Nchw },
    ImageFormat { pixels: Pixels::Bf16, layout: Layout::Nhwc },
    ImageFormat { pixels: Pixels::Fp16, layout: Layout::Nchw },
];

/// The kernels of a model, and those that differ in another form.
fn kernels(vit: &Vit, images: ImageFormat) -> Vec<(KernelPlan, Rows)> {
    let mut list: Vec<(KernelPlan, Rows)> = Vec::new();
    for form in KernelForm::all() {
        let kernels = plan_for(vit, KernelForm { images, ..form }).unwrap();
        for plan in &kernels.list {
            if list.iter().all(|(other, _)| other.entry != plan.entry) {
                list.push((plan.clone(), kernels.rows(&plan.name)));
            }
        }
    }
    list
}

/// On one row or image and on more; images lie apart where there are several.
#[test]
fn the_kernels_of_models_agree_with_double_precision() {
    let Some((gpu, library, arch)) = machine("the_kernels_of_models_agree_with_double_precision") else { return };
    let mut launches = 0;
    for (number, vit) in models().iter().enumerate() {
        for (plan, _) in kernels(vit, INPUTS[number % INPUTS.len()]) {
            let kernel = load(&gpu, &library, &plan, &arch);
            let multiple = plan.launch.rows_multiple;
            let mut counts = [1, 37, 200, 1031].map(|rows: u64| rows.next_multiple_of(multiple)).to_vec();
            counts.dedup();
            // The reference of these takes a while.
            counts.truncate(if matches!(plan.template.as_str(), "attention" | "pool") { 2 } else { 4 });
            for rows in counts {
                let case = case(vit, &plan, rows, 0).expect("every kernel has a reference");
                let out = launched(&gpu, &kernel, &case.arguments());
                case.check(&out).unwrap_or_else(|wrong| panic!("{}, {rows} rows on {arch}: {wrong}", plan.entry));
                launches += 1;
            }
        }
    }
    let _ = writeln!(std::io::stdout(), "models: {launches} launches agree on {arch}");
}

#[test]
fn attention_agrees_with_double_precision() {
    let Some((gpu, library, arch)) = machine("attention_agrees_with_double_precision") else { return };
    let mut launches = 0;
    let sizes = [(256, 72), (729, 72), (197, 64), (1, 8), (50, 55), (257, 80), (256, 88), (100, 128), (261, 64)];
    for (tokens, head_dim) in sizes.into_iter().chain([(196, 72), (257, 64), (289, 72)]) {
        let attention = Attention { tokens, heads: 4, head_dim };
        for (_, half) in Half::ALL {
            let plan = attention.plan().unwrap().over(Halves::of(half));
            let kernel = load(&gpu, &library, &plan, &arch);
            let case = Heads::over(half, attention, 3, 0);
            let out = launched(&gpu, &kernel, &case.arguments());
            case.check(&out).unwrap_or_else(|wrong| panic!("{} on {arch}: {wrong}", plan.entry));
            launches += 1;
        }
    }
    let _ = writeln!(std::io::stdout(), "attention: {launches} launches agree on {arch}");
}

/// Prints how fast the kernels of SoViT-400m are on 64 images; no other library's are timed here.
#[test]
fn kernels_are_timed() {
    if env::var_os("SOVIT_GPU_OUT").is_none() {
        return;
    }
    let Some((gpu, library, arch)) = machine("kernels_are_timed") else { return };
    let vit = named("sovit_400m14").unwrap().vit();
    let time = |plan: &KernelPlan, arguments: &[Argument]| {
        let kernel = load(&gpu, &library, plan, &arch);
        let ready = Ready::new(&gpu, &kernel, arguments);
        let event = || ready.stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT)).unwrap();
        for _ in 0..10 {
            ready.launch();
        }
        let begin = event();
        for _ in 0..50 {
            ready.launch();
        }
        let seconds = f64::from(begin.elapsed_ms(&event()).unwrap()) / 50.0 / 1e3;
        let rate = plan.flops_per_row as f64 * f64::from(ready.rows) / seconds / 1e12;
        let _ = writeln!(std::io::stdout(), "{}: {:.1} us, {rate:.0} TFLOP/s on {arch}", plan.entry, seconds * 1e6);
    };
    for (plan, rows) in kernels(&vit, ImageFormat::default()) {
        let rows = 64 * rows.of(&vit);
        time(&plan, &case(&vit, &plan, rows, 0).expect("every kernel has a reference").arguments());
    }
}

/// Leaves CUBINs and launches for the benchmark.
#[test]
fn cubins_for_the_benchmark() {
    let Some(out) = env::var_os("SOVIT_GPU_OUT").map(PathBuf::from) else { return };
    let Some((_, library, arch)) = machine("cubins_for_the_benchmark") else { return };
    let mut list = Vec::new();
    for width in [768, 1152, 1664, 4096] {
        let plan = layernorm_residual(width, 1e-6).unwrap();
        let compiled = compile(&library, &plan, &arch);
        fs::write(out.join(&compiled.file), &compiled.code).unwrap();
        let (file, registers) = (&compiled.file, compiled.registers.unwrap_or_default());
        let KernelPlan { entry, launch: Launch { threads, rows_per_block, shared_bytes, .. }, .. } = &plan;
        list.push(format!(
            "{{\"width\": {width}, \"file\": {file:?}, \"entry\": {entry:?}, \"threads\": {threads}, \
             \"rows_per_block\": {rows_per_block}, \"shared_bytes\": {shared_bytes}, \"registers\": {registers}}}"
        ));
    }
    fs::write(out.join("launches.json"), format!("[{}]\n", list.join(",\n"))).unwrap();
}
