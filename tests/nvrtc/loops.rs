//! What the main loops of kernels are made of, read off the listings of nvdisasm.

use sovitc::kernel::KernelPlan;
use sovitc::nvrtc::Search;
use sovitc::sass::{self, Disassembler};
use sovitc::vit::{Half, Halves, KernelForm, named};

use crate::held::on_every_core;
use crate::shapes::{ARCHS, Distinct};
use crate::{compile_plan, library, support};

const MODELS: [&str; 2] = ["sovit_400m14", "sovit_150m14"];

/// The disassembler, or a loud word that the test did not run.
fn disassembler(test: &str) -> Option<Disassembler> {
    let search = Search::from_environment(|name| std::env::var_os(name));
    let found = sass::find(&search, |name| std::env::var_os(name));
    if found.is_none() {
        support::skip("nvdisasm", test, "no nvdisasm was found");
    }
    found
}

/// The large products of a block.
fn is_large(plan: &KernelPlan) -> bool {
    ["qkv", "projection", "fc1", "fc2"].contains(&plan.name.as_str())
}

/// The large products of both models in every form, on fewer architectures where not all is tested; not on sm_120, for
/// which NVRTC puts an instruction that does nothing before most products. Then all other kernels, in some forms.
fn jobs() -> Vec<(KernelPlan, &'static str)> {
    let mut list = Vec::new();
    for name in MODELS {
        let vit = named(name).unwrap().vit();
        let mut kernels = Distinct::default();
        let usual = kernels.add(&vit, KernelForm::default());
        for form in KernelForm::all() {
            kernels.add(&vit, form);
        }
        let large = kernels.list.into_iter().enumerate().filter(|(_, plan)| is_large(plan));
        for (number, plan) in large {
            let archs = ARCHS.into_iter().filter(|arch| match *arch {
                "sm_80" | "sm_90a" => true,
                "sm_89" => number < usual || support::is_full(),
                "sm_120" => false,
                _ => number < usual && support::is_full(),
            });
            list.extend(archs.map(|arch| (plan.clone(), arch)));
        }
    }
    for (name, arch, halves) in [
        (MODELS[0], "sm_80", Halves::default()),
        (MODELS[0], "sm_89", Halves::default()),
        (MODELS[1], "sm_90a", Halves::default()),
        (MODELS[0], "sm_80", Halves::MIXED),
        (MODELS[1], "sm_90a", Halves::of(Half::Fp16)),
    ] {
        let mut kernels = Distinct::default();
        kernels.add(&named(name).unwrap().vit(), KernelForm { halves, ..KernelForm::default() });
        list.extend(kernels.list.into_iter().filter(|plan| !is_large(plan)).map(|plan| (plan, arch)));
    }
    list
}

/// What is wrong with a kernel's instructions: what it copies goes 16 bytes at a time past the registers, and nothing lies
/// in local memory; in large products warps meet once a stage, and at least half of the instructions are products.
fn gates(disassembler: &Disassembler, plan: &KernelPlan, cubin: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mix = disassembler.mix(cubin, folder.path())?;
    let found = mix.main_loop;
    let expect = |is_right: bool, what: &str| if is_right { Ok(()) } else { Err(format!("{what}: {found:?}")) };
    expect(mix.local == 0, "local memory")?;
    if plan.flops_per_row == 0 {
        return Ok(());
    }
    expect(found.products > 0, "no products")?;
    expect(found.wide_copies == found.copies, "narrow copies")?;
    if !is_large(plan) {
        return Ok(());
    }
    expect(found.copies > 0, "no copies")?;
    // A round of the loop goes once through all stages.
    expect(Some(found.barriers) == plan.constant("STAGES"), "barriers")?;
    expect(found.for_each_product().is_some_and(|all| all <= 2.0), "less than half are products")
}

#[test]
fn the_main_loops_of_products_are_tight() {
    const TEST: &str = "nvrtc::loops::the_main_loops_of_products_are_tight";
    let Some(library) = library(TEST) else { return };
    let Some(disassembler) = disassembler(TEST) else { return };
    let jobs = jobs();
    let fc2 = |name: &str, arch: &str| jobs.iter().any(|(plan, own)| plan.entry == name && *own == arch);
    assert!(fc2("sovit_fc2_n1152_k4304", "sm_90a") && fc2("sovit_fc2_n1152_k4304_fp16", "sm_90a"));
    on_every_core(&jobs, |(plan, arch)| {
        let compiled = compile_plan(&library, plan, arch);
        gates(&disassembler, plan, &compiled.code).map_err(|why| format!("{} for {arch}: {why}", plan.entry))
    });
}
