//! Every kernel of the shapes that kernels are held to, in every form, for every class of GPUs.

use sovitc::kernel::{KernelPlan, plan_for};
use sovitc::nvrtc::Library;
use sovitc::vit::{
    Activation, Architecture, Batches, Halves, KernelForm, LayerNorm, Pooling, Position, QkNorm, Shape, Variant, Vit,
    named,
};

use crate::held::{SHAPES, on_every_core};
use crate::{library, made, support};

/// The architectures of GPUs, a class each.
pub(crate) const ARCHS: [&str; 6] = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120"];

/// Of all kernels on all architectures, each so many is compiled where not all are.
const SAMPLED: usize = 11;

/// Kernels, none twice.
#[derive(Default)]
pub(crate) struct Distinct {
    /// Without their names.
    known: Vec<KernelPlan>,
    pub(crate) list: Vec<KernelPlan>,
}

impl Distinct {
    /// Adds those of a model; how many are new.
    pub(crate) fn add(&mut self, vit: &Vit, form: KernelForm) -> usize {
        let before = self.list.len();
        for plan in plan_for(vit, form).unwrap().list {
            // The arguments say what floats are read and written.
            let [name, entry] = [String::new(), String::new()];
            let nameless = KernelPlan { name, entry, instead_of: None, halves: Halves::default(), ..plan.clone() };
            if !self.known.contains(&nameless) {
                self.known.push(nameless);
                self.list.push(plan);
            }
        }
        self.list.len() - before
    }

    /// Those of a shape: every pooling, activation, float, place of the layer norm, batch, and change of queries and keys.
    fn add_shape(&mut self, [width, depth, mlp_dim, heads]: [u64; 4]) {
        let model = |architecture: Architecture| architecture.with(Shape { width, depth, mlp_dim }).unwrap();
        let (usual, base) = (KernelForm::default, Architecture { heads, classes: 1000, ..Architecture::default() });
        let buckets = KernelForm { batches: Batches::new(&[1, 64]).unwrap(), ..usual() };
        for form in KernelForm::all().into_iter().chain([buckets]) {
            assert!(self.add(&model(base), form) > 0);
        }
        for activation in [Activation::Gelu, Activation::QuickGelu] {
            assert!(self.add(&model(Architecture { activation, ..base }), usual()) > 0);
        }
        let variant = Variant { layer_scale: Some(1e-5), pre_norm: true, ..Variant::default() };
        let gated = Architecture { activation: Activation::SwiGlu, pooling: Pooling::Average, variant, ..base };
        for (_, layernorm) in LayerNorm::ALL {
            assert!(self.add(&model(gated), KernelForm { layernorm, ..usual() }) > 0);
        }
        let class = Architecture { pooling: Pooling::Class, class_token: true, ..base };
        for position in [Position::Learned, Position::Rope] {
            // Two axes turn heads whose size is a multiple of 4.
            if position == Position::Rope && !(width / heads).is_multiple_of(4) {
                continue;
            }
            for qk_norm in [QkNorm::None, QkNorm::Layer, QkNorm::Rms] {
                let variant = Variant { position, qk_norm, registers: 4, ..Variant::default() };
                assert!(self.add(&model(Architecture { variant, ..class }), usual()) > 0);
            }
        }
    }
}

/// Each kernel of the shapes on each architecture, then those that other numbers of tokens and other models have, each on
/// one.
fn jobs() -> Vec<(KernelPlan, &'static str)> {
    let mut kernels = Distinct::default();
    for shape in SHAPES {
        kernels.add_shape(shape);
    }
    let everywhere = kernels.list.len();
    for ([width, depth, mlp_dim, heads], (image, patch, class_token)) in SHAPES.into_iter().flat_map(|shape| {
        let tokens = [(112, 16, false), (224, 16, false), (224, 16, true), (384, 16, false), (378, 14, false)];
        tokens.into_iter().chain([(448, 14, false)]).map(move |tokens| (shape, tokens))
    }) {
        let architecture = Architecture { image, patch, class_token, heads, ..Architecture::default() };
        kernels.add(&architecture.with(Shape { width, depth, mlp_dim }).unwrap(), KernelForm::default());
    }
    let batches = Batches::new(&[1, 4, 64]).unwrap();
    for name in ["vit_b16", "dinov3_l16"] {
        kernels.add(&named(name).unwrap().vit(), KernelForm { batches: batches.clone(), ..KernelForm::default() });
    }
    // Hidden columns that are padded.
    let gated = Architecture { activation: Activation::SwiGlu, ..Architecture::default() };
    let gated = gated.with(Shape { width: 1024, depth: 1, mlp_dim: 2730 }).unwrap();
    for form in KernelForm::all() {
        kernels.add(&gated, form);
    }
    let each = |(number, plan): (usize, KernelPlan)| {
        let archs = if number < everywhere { &ARCHS[..] } else { &ARCHS[number % ARCHS.len()..][..1] };
        archs.iter().map(move |&arch| (plan.clone(), arch)).collect::<Vec<_>>()
    };
    kernels.list.into_iter().enumerate().flat_map(each).collect()
}

/// What is wrong with a kernel beyond what compiling it refuses: spills, local memory and announced losses.
fn gates(library: &Library, plan: &KernelPlan, arch: &str) -> Result<(), String> {
    let made = made(library, plan, arch);
    let compiled = made.as_ref().as_ref().map_err(|found| format!("{}\n{}", found.message, found.notes.join("\n")))?;
    let resident = plan.constant("RESIDENT").unwrap_or(1) * plan.launch.threads;
    if u64::from(compiled.registers.unwrap()) * resident > 65536 {
        return Err(format!("{:?} registers for {resident} threads", compiled.registers));
    }
    // All of it is the launch's.
    if compiled.log.contains("bytes smem") {
        return Err("static shared memory".to_owned());
    }
    Ok(())
}

/// All of them where `tests/run --full` asks, else a sample; on every core.
#[test]
fn kernels_of_every_shape_compile_for_every_architecture() {
    let Some(library) = library("nvrtc::kernels_of_every_shape_compile_for_every_architecture") else { return };
    let all = jobs();
    assert!(all.len() > 2000, "{} CUBINs", all.len());
    let jobs: Vec<_> = all.iter().step_by(if support::is_full() { 1 } else { SAMPLED }).collect();
    on_every_core(&jobs, |(plan, arch)| {
        gates(&library, plan, arch).map_err(|why| format!("{} for {arch}: {why}", plan.entry))
    });
}
