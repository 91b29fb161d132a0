//! The README of a folder of kernels: what lies there, and how it is launched, fed and checked.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Job;
use crate::diagnostic::Diagnostic;
use crate::emit::engine;
use crate::kernel::{Bound, Dtype, KernelPlan, Kernels, Operand, Rows, Rule, Step, Weight, weights};
use crate::vit::{Pixels, Vit};

pub(super) fn print(job: &Job<'_>, kernels: &Kernels) -> Result<String, Diagnostic> {
    let vit = &job.answer.vit;
    let form = &job.emit.options.form;
    let listed = kernels.list.iter().map(|plan| Listed::new(plan, kernels));
    let context = Context {
        plan: &job.request.plan.name,
        search: &job.answer.search,
        vit: *vit,
        head_dim: vit.head_dim(),
        rows: [Rows::Patches, Rows::Tokens].map(|rows| rows.of(vit)),
        dtype: form.halves.dtype.name(),
        residual: form.halves.residual.name(),
        percent: (1000.0 * kernels.error(vit)).round() / 10.0,
        bytes: form.images.pixels == Pixels::Uint8,
        by_batch: kernels.forward.iter().any(|step| !step.up_to.is_empty()),
        apart: kernels.named("layernorm_residual").is_some(),
        kernels: listed.collect(),
        launches: kernels.forward.iter().map(Launched::new).collect(),
        buffers: buffers(vit, kernels),
        libraries: libraries(vit),
        rules: rules(kernels),
        archs: if job.emit.arch.is_empty() { "sm_80,sm_90a".to_owned() } else { job.emit.arch.join(",") },
    };
    engine::render("kernels.md.j2", context)
}

#[derive(Serialize)]
struct Context<'a> {
    plan: &'a str,
    search: &'a str,
    vit: Vit,
    head_dim: u64,
    /// Patches and tokens of an image.
    rows: [u64; 2],
    dtype: &'static str,
    residual: &'static str,
    /// How far a result may be off.
    percent: f64,
    /// Whether images come as bytes.
    bytes: bool,
    by_batch: bool,
    /// Whether there is a kernel for residuals apart.
    apart: bool,
    kernels: Vec<Listed<'a>>,
    launches: Vec<Launched>,
    buffers: Vec<Buffer<'a>>,
    libraries: Vec<&'static str>,
    rules: Vec<(&'static str, &'static str)>,
    archs: String,
}

/// A line of the table of kernels.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    entry: &'a str,
    rows_per_block: u64,
    blocks_per_band: u64,
    rows_multiple: u64,
    threads: u64,
    shared_bytes: u64,
    batches: String,
}

impl<'a> Listed<'a> {
    fn new(plan: &'a KernelPlan, kernels: &Kernels) -> Self {
        Self {
            name: &plan.name,
            entry: &plan.entry,
            rows_per_block: plan.launch.rows_per_block,
            blocks_per_band: plan.launch.blocks_per_band,
            rows_multiple: plan.launch.rows_multiple,
            threads: plan.launch.threads,
            shared_bytes: plan.launch.shared_bytes,
            batches: kernels.batches(&plan.name),
        }
    }
}

/// A line of the table of launches.
#[derive(Serialize)]
struct Launched {
    kernel: String,
    each_block: bool,
    rows: &'static str,
    /// Arguments with the buffers that they are.
    buffers: String,
    /// Those that are packed weights.
    weights: String,
}

impl Launched {
    fn new(step: &Step) -> Self {
        let buffers = step.arguments.iter().filter_map(|Bound { argument, operand }| match operand {
            Operand::Buffer(name) => Some(format!("`{argument}` = `{name}`")),
            Operand::Weights(_) => None,
        });
        let weights = step.arguments.iter().filter(|bound| matches!(bound.operand, Operand::Weights(_)));
        let weights = weights.map(|bound| format!("`{}`", bound.argument));
        Self {
            kernel: step.kernel.clone(),
            each_block: step.each_block,
            rows: match step.rows {
                Rows::Patches => "patches",
                Rows::Tokens => "tokens",
                Rows::Images => "1",
            },
            buffers: buffers.collect::<Vec<_>>().join(", "),
            weights: weights.collect::<Vec<_>>().join(", "),
        }
    }
}

/// What launches leave for each other.
#[derive(Serialize)]
struct Buffer<'a> {
    name: &'a str,
    dtype: &'static str,
    /// Elements for each image.
    elements: u64,
}

/// The buffers in the order in which launches first use them. Those that come twice, wide and narrow, are as wide as need
/// be.
fn buffers<'a>(vit: &Vit, kernels: &'a Kernels) -> Vec<Buffer<'a>> {
    let mut list: Vec<Buffer<'a>> = Vec::new();
    for step in &kernels.forward {
        let Some(plan) = kernels.named(&step.kernel) else { continue };
        for Bound { argument, operand } in &step.arguments {
            let (Operand::Buffer(name), Some(found)) =
                (operand, plan.arguments.iter().find(|own| own.name == *argument))
            else {
                continue;
            };
            let elements = found.elements(&plan.launch, step.rows.of(vit));
            match list.iter_mut().find(|known| known.name == name) {
                Some(known) => known.elements = known.elements.max(elements),
                None => list.push(Buffer { name, dtype: dtype(found.dtype), elements }),
            }
        }
    }
    list
}

const fn dtype(of: Dtype) -> &'static str {
    match of {
        Dtype::U8 => "u8",
        Dtype::Bf16 => "bf16",
        Dtype::Fp16 => "fp16",
        Dtype::F32 => "f32",
        Dtype::U32 => "u32",
    }
}

/// Libraries that have names for the weights.
fn libraries(vit: &Vit) -> Vec<&'static str> {
    let all = weights(vit);
    let names = |of: fn(&Weight) -> &Option<String>| all.iter().any(|weight| of(weight).is_some());
    let known = [
        ("timm", names(|weight| &weight.timm)),
        ("transformers", names(|weight| &weight.transformers)),
        ("open_clip", names(|weight| &weight.open_clip)),
    ];
    known.into_iter().filter(|(_, names)| *names).map(|(name, _)| name).collect()
}

/// The rules of packing that the launches name, by name, and what each does.
fn rules(kernels: &Kernels) -> Vec<(&'static str, &'static str)> {
    let arguments = kernels.forward.iter().flat_map(|step| &step.arguments);
    let used = arguments.filter_map(|bound| match &bound.operand {
        Operand::Weights(packing) => Some(meaning(packing.rule)),
        Operand::Buffer(_) => None,
    });
    used.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A rule's name in the manifest, and what it does.
const fn meaning(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::Copy => ("copy", "the weights one after another; an equal share of zeros for one that is `null`"),
        Rule::Pixels => (
            "pixels",
            "the patch convolution, its columns in the order of the pixels, times the scale of their channel",
        ),
        Rule::PixelsBias => (
            "pixels_bias",
            "its bias, and what it makes of the shift of each channel, and of the 128 that are taken off bytes",
        ),
        Rule::LastRows => ("last_rows", "as many of the last rows as the buffer has"),
        Rule::Prefix => {
            ("prefix", "the first tokens, with the first rows of the position embedding, which is named first")
        }
        Rule::Probe => (
            "probe",
            "for each head the query of the probe times the matrix of the keys, times log2(e) over the root of the head's size",
        ),
        Rule::FoldedWeight => (
            "folded_weight",
            "the matrix times the gain of the layer norm before it, which is named first, less the mean of each row",
        ),
        Rule::FoldedSums => ("folded_sums", "the sums of the rows of that, as they are rounded"),
        Rule::FoldedBias => (
            "folded_bias",
            "the biases, and what the matrix makes of the norm's bias, which is named first; each bias behind its matrix",
        ),
        Rule::Rotation => (
            "rotation",
            "of no weights: for each patch, row by row, the cosines of `2 pi c / 100^(4 i / head)` for all `i` below a quarter of the head, `c` being its height and then its width at its centre, from -1 to 1 over the image; then the sines",
        ),
    }
}
