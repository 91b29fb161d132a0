//! The kernels on a GPU, held to a double-precision reference: fresh inputs, poisoned outputs, guarded buffers.
//!
//! `tests/gpu/run` carries this program to a machine with a GPU. With `SOVIT_GPU_OUT` it also leaves there the CUBINs
//! and what launches them, for `tests/gpu/peers.py` to time beside other libraries.
#![cfg(feature = "cuda")]
#![allow(unsafe_code)]

use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use sovit_kernels::Kernel;
use sovit_kernels::cuda::Gpu;
use sovit_kernels::cuda::cudarc::driver::PushKernelArg;
use sovit_kernels::cuda::cudarc::driver::sys::CUdevice_attribute;
use sovitc::diagnostic::Diagnostic;
use sovitc::emit::kernel_source;
use sovitc::kernel::{KernelPlan, Launch, layernorm_residual};
use sovitc::nvrtc::{Compiled, Library, Search, find};

#[path = "../../../tests/kernels/reference.rs"]
mod reference;

use reference::Case;

/// What guards every buffer on either side, in elements of two bytes.
const GUARD: usize = 4096;
/// Guards, and outputs before a launch: a NaN of bf16 that no kernel writes.
const POISON: u16 = 0x7fc1;

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

fn compile(library: &Library, width: u64, arch: &str) -> (KernelPlan, Compiled) {
    let kernel = layernorm_residual(width, 1e-6).unwrap();
    let source = kernel_source(&kernel).unwrap();
    let compiled = library.compile(&source, &kernel.entry, arch).unwrap_or_else(|d| panic!("{}", d.message));
    (kernel, compiled)
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
    }
}

/// A buffer between guards.
fn guarded(inside: &[u16]) -> Vec<u16> {
    let guard = [POISON; GUARD];
    [&guard[..], inside, &guard[..]].concat()
}

fn inside<'a>(name: &str, buffer: &'a [u16]) -> &'a [u16] {
    let end = buffer.len() - GUARD;
    let guards = buffer[..GUARD].iter().chain(&buffer[end..]);
    assert!(guards.copied().all(|bits| bits == POISON), "the kernel wrote outside of {name}");
    &buffer[GUARD..end]
}

#[test]
fn layernorm_agrees_with_double_precision() {
    let Some((gpu, library, arch)) = machine("layernorm_agrees_with_double_precision") else { return };
    let stream = gpu.context().default_stream();
    let mut launches = 0;
    for width in [1, 55, 192, 384, 768, 880, 896, 897, 1152, 1408, 1664, 2050, 2304, 4096, 4097, 8190, 16384] {
        let (plan, compiled) = compile(&library, width, &arch);
        // SAFETY: the CUBIN was compiled from this plan's source.
        let kernel = unsafe { gpu.load(&held(&plan), &compiled.cubin) }.unwrap();
        for rows in [1, 2, 3, 5, 37, 256, 1031] {
            let case = Case::new(width as usize, rows);
            let x = stream.clone_htod(&guarded(&case.x)).unwrap();
            let residual = stream.clone_htod(&guarded(&case.residual)).unwrap();
            let gamma = stream.clone_htod(&case.gamma).unwrap();
            let beta = stream.clone_htod(&case.beta).unwrap();
            let poison = guarded(&vec![POISON; case.x.len()]);
            let (mut sum, mut normalised) = (stream.clone_htod(&poison).unwrap(), stream.clone_htod(&poison).unwrap());
            let count = rows as u32;
            {
                let end = GUARD + case.x.len();
                let (x, residual) = (x.slice(GUARD..end), residual.slice(GUARD..end));
                let (mut sum, mut normalised) = (sum.slice_mut(GUARD..end), normalised.slice_mut(GUARD..end));
                // SAFETY: the arguments are those of the source, and each buffer holds all rows.
                unsafe {
                    kernel.launch(&stream, count, |launch| {
                        launch.arg(&x).arg(&residual).arg(&gamma).arg(&beta);
                        launch.arg(&mut sum).arg(&mut normalised).arg(&count);
                    })
                }
                .unwrap();
            }
            let (sum, normalised) = (stream.clone_dtoh(&sum).unwrap(), stream.clone_dtoh(&normalised).unwrap());
            for (name, buffer) in [("x", &x), ("residual", &residual)] {
                inside(name, &stream.clone_dtoh(buffer).unwrap());
            }
            case.check(inside("sum", &sum), inside("normalised", &normalised))
                .unwrap_or_else(|wrong| panic!("width {width}, {rows} rows on {arch}: {wrong}"));
            launches += 1;
        }
    }
    let _ = writeln!(std::io::stdout(), "layernorm: {launches} launches agree on {arch}");
}

/// Leaves CUBINs and launches for the benchmark.
#[test]
fn cubins_for_the_benchmark() {
    let Some(out) = env::var_os("SOVIT_GPU_OUT").map(PathBuf::from) else { return };
    let Some((_, library, arch)) = machine("cubins_for_the_benchmark") else { return };
    let mut list = Vec::new();
    for width in [768, 1152, 1664, 4096] {
        let (plan, compiled) = compile(&library, width, &arch);
        fs::write(out.join(&compiled.file), &compiled.cubin).unwrap();
        let (file, registers) = (&compiled.file, compiled.registers);
        let KernelPlan { entry, launch: Launch { threads, rows_per_block, shared_bytes, .. }, .. } = &plan;
        list.push(format!(
            "{{\"width\": {width}, \"file\": {file:?}, \"entry\": {entry:?}, \"threads\": {threads}, \
             \"rows_per_block\": {rows_per_block}, \"shared_bytes\": {shared_bytes}, \"registers\": {registers}}}"
        ));
    }
    fs::write(out.join("launches.json"), format!("[{}]\n", list.join(",\n"))).unwrap();
}
