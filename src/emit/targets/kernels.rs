//! CUDA kernels: a folder with one source a kernel and a manifest that says how to launch each.

use serde::Serialize;

use super::{Job, Piece};
use crate::diagnostic::Diagnostic;
use crate::emit::{codes, kernel_source, summary};
use crate::kernel::{self, KernelPlan};

pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let vit = job.answer.vit;
    let kernels = kernel::plan(&vit).map_err(|diagnostic| diagnostic.label(job.emit.target.span, ""))?;
    let mut pieces = Vec::new();
    let mut entries = Vec::new();
    for plan in kernels.list {
        let file = format!("{}.cu", plan.template);
        let source = kernel_source(&plan, &vit)?;
        entries.push(Listed::new(&plan, &file, &source, &job.emit.arch, vit.shape.width)?);
        pieces.push(Piece { artefact: job.in_folder(&file, source)?, kernel: Some(plan) });
    }
    let text = summary::pretty(&Manifest { version: 1, kernels: entries })?;
    pieces.push(job.in_folder("manifest.json", text)?.into());
    Ok(pieces)
}

#[derive(Serialize)]
struct Manifest<'a> {
    version: u32,
    kernels: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: String,
    entry: String,
    file: String,
    /// Of the source.
    blake3: String,
    archs: &'a [String],
    launch: Launch,
    arguments: Vec<Argument>,
    /// Read and written once, in bytes; tables that stay cached do not count.
    bytes_per_row: u64,
    constants: Vec<Constant>,
    norm_epsilon: f64,
}

#[derive(Serialize)]
struct Launch {
    threads: u64,
    rows_per_block: u64,
    shared_bytes: u64,
}

#[derive(Serialize)]
struct Constant {
    name: String,
    value: u64,
}

#[derive(Serialize)]
struct Argument {
    name: &'static str,
    dtype: &'static str,
    /// Empty for a scalar; `rows` is what the launch is given.
    shape: Vec<Extent>,
    access: &'static str,
}

#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Extent {
    Name(&'static str),
    Size(u64),
}

impl<'a> Listed<'a> {
    fn new(plan: &KernelPlan, file: &str, source: &str, archs: &'a [String], width: u64) -> Result<Self, Diagnostic> {
        let (arguments, bytes_per_row) = signature(&plan.template, width).ok_or_else(|| {
            Diagnostic::error(codes::TEMPLATE, format!("the kernel `{}` has no signature", plan.template))
                .note("this is a fault of sovitc, not of the plan")
        })?;
        let constant = |(name, value): &(String, u64)| Constant { name: name.clone(), value: *value };
        Ok(Self {
            name: plan.template.clone(),
            entry: plan.entry.clone(),
            file: file.to_owned(),
            blake3: blake3::hash(source.as_bytes()).to_hex().to_string(),
            archs,
            launch: Launch {
                threads: plan.threads,
                rows_per_block: plan.rows_per_block,
                shared_bytes: plan.shared_bytes,
            },
            arguments,
            bytes_per_row,
            constants: plan.constants.iter().map(constant).collect(),
            norm_epsilon: plan.norm_epsilon,
        })
    }
}

/// Arguments of a template's entry point in order, and the bytes it moves for each row.
fn signature(template: &str, width: u64) -> Option<(Vec<Argument>, u64)> {
    let rows = [Extent::Name("rows"), Extent::Size(width)];
    let table = [Extent::Size(width)];
    match template {
        "layernorm_residual" => Some((
            vec![
                argument("x", "bf16", &rows, "read"),
                argument("residual", "bf16", &rows, "read"),
                argument("gamma", "f32", &table, "read"),
                argument("beta", "f32", &table, "read"),
                argument("sum", "bf16", &rows, "write"),
                argument("normalised", "bf16", &rows, "write"),
                argument("rows", "u32", &[], "read"),
            ],
            4 * 2 * width,
        )),
        _ => None,
    }
}

fn argument(name: &'static str, dtype: &'static str, shape: &[Extent], access: &'static str) -> Argument {
    Argument { name, dtype, shape: shape.to_vec(), access }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::named;

    #[test]
    fn signatures_are_those_of_the_sources() {
        let vit = named("sovit_400m14").unwrap().vit();
        for plan in kernel::plan(&vit).unwrap().list {
            let source = kernel_source(&plan, &vit).unwrap();
            let list = source.split_once(&format!("{}(\n", plan.entry)).unwrap().1.split_once(')').unwrap().0;
            let declared: Vec<(&str, &str)> = list.split(',').map(|one| one.trim().rsplit_once(' ').unwrap()).collect();
            let (arguments, _) = signature(&plan.template, vit.shape.width).unwrap();
            let c_type = |argument: &Argument| match (argument.dtype, argument.access) {
                ("bf16", "read") => "const unsigned short*",
                ("bf16", _) => "unsigned short*",
                ("f32", _) => "const float*",
                _ => "unsigned int",
            };
            assert_eq!(declared, arguments.iter().map(|a| (c_type(a), a.name)).collect::<Vec<_>>());
        }
    }
}
