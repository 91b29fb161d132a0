//! CUDA kernels: a folder with one source a kernel, a manifest that says how to launch each, and a README about both.

mod readme;

use serde::Serialize;

use super::{Job, Kernel, Piece};
use crate::diagnostic::Diagnostic;
use crate::emit::{kernel_source, summary};
use crate::kernel::{self, Argument, KernelPlan, Launch, Rows, Step, Tolerance, UpTo, Weight, weights};
use crate::vit::{Halves, Vit};

pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let kernels = kernel::plan_for(&job.answer.vit, job.emit.options.form.clone())
        .map_err(|diagnostic| diagnostic.label(job.emit.target.span, ""))?;
    let mut pieces = Vec::new();
    let mut entries = Vec::new();
    for plan in &kernels.list {
        let file = format!("{}.cu", plan.name);
        let source = kernel_source(plan)?;
        entries.push(Listed::new(plan, &file, &source, &job.emit.arch));
        let up_to = up_to(&job.answer.vit, &kernels.forward, &plan.name);
        let kernel = Some(Kernel { plan: plan.clone(), up_to });
        pieces.push(Piece { artefact: job.in_folder(&file, source)?, kernel });
    }
    let vit = &job.answer.vit;
    let manifest = Manifest {
        version: VERSION,
        halves: job.emit.options.form.halves,
        error: kernels.error(vit),
        depth: vit.shape.depth,
        rows_per_image: RowsPerImage::of(vit),
        kernels: entries,
        forward: &kernels.forward,
        weights: weights(vit),
    };
    let text = summary::pretty(&manifest)?;
    pieces.push(job.in_folder("manifest.json", text)?.into());
    pieces.push(job.in_folder("README.md", readme::print(job, &kernels)?)?.into());
    Ok(pieces)
}

/// The kernels of small batches by rows.
fn up_to(vit: &Vit, forward: &[Step], kernel: &str) -> Vec<(u64, String)> {
    let step = forward.iter().find(|step| step.kernel == kernel);
    let small = step.into_iter().flat_map(|step| step.up_to.iter().map(|small| (step.rows.of(vit), small)));
    small.map(|(rows, UpTo { images, kernel })| (images.saturating_mul(rows), kernel.clone())).collect()
}

/// Of the manifest. From 4 on a launch may name kernels for small batches in `up_to`, and a kernel the one that it
/// stands for in `instead_of`; who reads 3 launches `kernel` for all batches, which is right and may be slower.
const VERSION: u32 = 4;

#[derive(Serialize)]
struct Manifest<'a> {
    version: u32,
    /// What is multiplied, and the residual stream; the arguments say what each of them is.
    #[serde(flatten)]
    halves: Halves,
    /// Of a forward pass's result, as a share of its size: what independent roundings make.
    error: f64,
    /// How often the launches of a block are made.
    depth: u64,
    rows_per_image: RowsPerImage,
    kernels: Vec<Listed<'a>>,
    /// The launches in order, those of a block once.
    forward: &'a [Step],
    /// What they are packed from.
    weights: Vec<Weight>,
}

/// What the rows of a launch are for so many images, by the name that the launch gives.
#[derive(Serialize)]
struct RowsPerImage {
    patches: u64,
    tokens: u64,
    images: u64,
}

impl RowsPerImage {
    fn of(vit: &Vit) -> Self {
        let [patches, tokens, images] = [Rows::Patches, Rows::Tokens, Rows::Images].map(|rows| rows.of(vit));
        Self { patches, tokens, images }
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    entry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead_of: Option<&'a str>,
    file: String,
    /// Of the source.
    blake3: String,
    archs: &'a [String],
    launch: Launch,
    arguments: &'a [Argument],
    flops_per_row: u64,
    scalar_flops_per_row: u64,
    bytes_per_row: u64,
    bytes_of_weights: u64,
    tolerance: Tolerance,
    constants: Vec<Constant<'a, u64>>,
    reals: Vec<Constant<'a, f64>>,
    choices: Vec<Constant<'a, &'a str>>,
}

#[derive(Serialize)]
struct Constant<'a, T> {
    name: &'a str,
    value: T,
}

impl<'a> Listed<'a> {
    fn new(plan: &'a KernelPlan, file: &str, source: &str, archs: &'a [String]) -> Self {
        Self {
            name: &plan.name,
            entry: &plan.entry,
            instead_of: plan.instead_of.as_deref(),
            file: file.to_owned(),
            blake3: blake3::hash(source.as_bytes()).to_hex().to_string(),
            archs,
            launch: plan.launch,
            arguments: &plan.arguments,
            flops_per_row: plan.flops_per_row,
            scalar_flops_per_row: plan.scalar_flops_per_row,
            bytes_per_row: plan.bytes_per_row,
            bytes_of_weights: plan.bytes_of_weights,
            tolerance: plan.tolerance(),
            constants: plan.constants.iter().map(|(name, value)| Constant { name, value: *value }).collect(),
            reals: plan.reals.iter().map(|(name, value)| Constant { name, value: *value }).collect(),
            choices: plan.choices.iter().map(|(name, value)| Constant { name, value: value.as_str() }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Access, Dtype};
    use crate::vit::{CATALOGUE, KernelForm};

    #[test]
    fn arguments_are_those_of_the_sources() {
        let mut seen = 0;
        let forms = KernelForm::all();
        let of = |vit: Vit| forms.iter().map(move |form| kernel::plan_for(&vit, form.clone()));
        let all = CATALOGUE.iter().flat_map(|named| of(named.vit()));
        for plan in all.flatten().flat_map(|all| all.list) {
            let source = kernel_source(&plan).unwrap();
            let list = source.split_once(&format!("{}(\n", plan.entry)).unwrap().1.split_once(')').unwrap().0;
            let declared: Vec<(&str, &str)> = list.split(',').map(|one| one.trim().rsplit_once(' ').unwrap()).collect();
            let c_type = |argument: &Argument| match (argument.dtype, argument.access) {
                (Dtype::Bf16 | Dtype::Fp16, Access::Read) => "const unsigned short*",
                (Dtype::Bf16 | Dtype::Fp16, Access::Write | Access::Update) => "unsigned short*",
                (Dtype::U8, _) => "const unsigned char*",
                (Dtype::F32, Access::Read) => "const float*",
                (Dtype::F32, Access::Write | Access::Update) => "float*",
                (Dtype::U32, _) => "unsigned int",
            };
            let planned: Vec<_> = plan.arguments.iter().map(|a| (c_type(a), a.name.as_str())).collect();
            assert_eq!(declared, planned, "{}", plan.entry);
            seen += 1;
        }
        assert!(seen > 0);
    }
}
